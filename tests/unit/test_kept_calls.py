"""`folder=` of the verbs: what is refused by name, what is taken back, and what goes on."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

import qml_dynamics as qd
from qml_dynamics.base.errors import BackendError, MethodError, ProblemError
from qml_dynamics.learning.metts import Chain
from qml_dynamics.learning.training.result import TrainResult
from qml_dynamics.methods.identity import Identity
from qml_dynamics.methods.variational.engine.flow import Flow
from qml_dynamics.results import journal
from qml_dynamics.results.codec import packed
from qml_dynamics.results.trajectory import sealed, write_npz
from qml_dynamics.runs import Checkpoint

WELL = qd.Problem(
    qd.Grid((-3, 3), 4), lambda w: w[:, 0] ** 2, 0.3, clock="real", duration=1.0, initial=qd.Gaussian(0.5, 0.4)
)
COLD = WELL.replace(clock="imaginary")
EVOLVE: dict[str, Any] = {"problem": WELL, "method": qd.SplitStep(20), "shots": 30, "seed": 1, "save": 3}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def turn() -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("a"), 0)
    return circuit


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"problem": WELL.replace(diffusion=0.31)}, "problem.diffusion"),
        ({"problem": WELL.replace(duration=1.1)}, "problem.duration"),
        ({"problem": WELL.replace(objective=lambda w: w[:, 0] ** 2 + 1e-5 * w[:, 0])}, "loss is 8.99997 at place 0"),
        ({"problem": WELL.replace(initial=qd.Gaussian(0.5, 0.41))}, "problem.initial"),
        ({"method": qd.SplitStep(21)}, "method.steps"),
        ({"method": qd.Krylov()}, "method"),
        ({"shots": 31}, "shots"),
        ({"seed": 2}, "seed"),
        ({"seed": None}, "seed"),
        ({"save": 4}, "save"),
        ({"observables": {"x": lambda w: w[:, 0]}}, "observables"),
    ],
)
def test_another_call_is_refused_by_name_and_leaves_the_folder(tmp_path: Path, change: Any, named: str) -> None:
    qd.evolve(**EVOLVE, folder=tmp_path / "a")
    before = contents(tmp_path / "a")
    with pytest.raises(ProblemError, match="Argument `folder` must be empty or hold this call") as refused:
        qd.evolve(**{**EVOLVE, **change}, folder=tmp_path / "a")
    assert named in str(refused.value)
    assert contents(tmp_path / "a") == before


def test_the_same_call_in_other_objects_is_the_same(tmp_path: Path) -> None:
    first = qd.evolve(**EVOLVE, observables={"x": lambda w: w[:, 0]}, folder=tmp_path / "a")
    same = qd.Problem(
        qd.Grid((-3, 3), 4),
        lambda v: v[:, 0] * v[:, 0],
        0.1 + 0.2,
        clock="real",
        duration=1.0,
        initial=qd.Gaussian(0.5, 0.4),
    )
    again = qd.evolve(**{**EVOLVE, "problem": same}, observables={"x": lambda w: w[:, 0]}, folder=tmp_path / "a")
    assert again.states is not None
    assert np.array_equal(again.states, first.states)  # type: ignore[arg-type]
    assert qd.load(tmp_path / "a").stop == first.stop


def test_a_seed_that_was_drawn_is_kept(tmp_path: Path) -> None:
    runs = [qd.evolve(WELL, qd.SplitStep(9), shots=500, folder=tmp_path / "a") for _ in range(2)]
    assert runs[0].provenance["seed"] == runs[1].provenance["seed"]
    assert np.array_equal(runs[0].density, runs[1].density)
    chains = [qd.metts(COLD, 0.5, 40, folder=tmp_path / "b") for _ in range(2)]
    assert np.array_equal(chains[0].index, chains[1].index)


VERBS: dict[str, Callable[[Path, Any], Any]] = {
    "evolve": lambda f, bad: qd.evolve(WELL, qd.SplitStep(5), save=[3.0] if bad else None, folder=f),
    "failing": lambda f, bad: qd.evolve(WELL, qd.SplitStep(5), callback=fail if bad else None, folder=f),
    "anneal": lambda f, bad: qd.anneal(COLD, 3, "quench", seed="x" if bad else 1, folder=f),  # type: ignore[arg-type]
    "metts": lambda f, bad: qd.metts(COLD, 0.5, 1 if bad else 20, folder=f),
    "descend": lambda f, bad: qd.descend("levy", qubits=3, steps=-1 if bad else 50, folder=f),
    "train": lambda f, bad: qd.train(turn(), np.diag([1.0, -1.0]), [0.3], steps=0 if bad else 2, folder=f),
    "error_budget": lambda f, bad: qd.error_budget(WELL, qd.Trotter(2), shots=-1 if bad else None, folder=f),
}


def fail(step: int, view: object) -> bool:
    raise MethodError("A person's own function has failed.")


@pytest.mark.parametrize("verb", VERBS)
def test_a_refused_or_failed_call_leaves_nothing(tmp_path: Path, verb: str) -> None:
    with pytest.raises(qd.QMLDynamicsError):
        VERBS[verb](tmp_path / "a", True)
    assert not (tmp_path / "a").exists()
    (tmp_path / "b").mkdir()
    with pytest.raises(qd.QMLDynamicsError):
        VERBS[verb](tmp_path / "b", True)
    assert list((tmp_path / "b").iterdir()) == []
    VERBS[verb](tmp_path / "b", False)
    assert (tmp_path / "b" / "journal").is_dir()
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "notes").write_text("mine")
    with pytest.raises(ProblemError, match=r"`folder` must be empty or hold this call, but .* holds 'notes'"):
        VERBS[verb](tmp_path / "c", False)
    assert contents(tmp_path / "c") == {"notes": b"mine"}


def test_a_run_goes_on_where_its_wave_stood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_PAUSE", 0.0)
    for method in (qd.SplitStep(400), qd.SplitStep(400, order=4), qd.Krylov()):
        seen: list[float] = []

        def watch(step: int, view: Any, seen: list[float] = seen) -> None:
            seen.append(view.time)
            if len(seen) == 5:
                raise KeyboardInterrupt

        problem = COLD.replace(diffusion=qd.Linear(1.0, 0.1))
        ask: dict[str, Any] = {"save": 9, "seed": 2, "callback": watch, "folder": tmp_path / repr(method)}
        cut = qd.evolve(problem, method, **ask)
        assert cut.stop.startswith("Interrupted")
        whole = qd.evolve(problem, method, **ask)
        assert seen == sorted(seen)  # no step is taken twice
        assert len(set(seen)) == len(seen) > 8
        direct = qd.evolve(problem, method, save=9, seed=2, callback=lambda step, view: None)
        assert whole.states.tobytes() == direct.states.tobytes()  # type: ignore[union-attr]
        assert whole.log_norm.tobytes() == direct.log_norm.tobytes()


PAIR = qd.Problem.from_operator(
    [[1.0, 0.2, 0.0, 0.3], [0.2, 2.0, 0.3, 0.0], [0.0, 0.3, -1.0, 0.2], [0.3, 0.0, 0.2, 0.5]],
    clock="imaginary",
    duration=1.0,
)
SPREADING = qd.Problem(
    qd.Grid((-8, 8), 6),
    lambda w: (w[:, 0] ** 2 - 4) ** 2 / 16,
    0.5,
    clock="real",
    duration=1.0,
    initial=qd.Gaussian(-2, 0.6, momentum=1.0),
)
FEW = qd.Growth(threshold=0.05, max_parameters=10)
GROWN = qd.Variational(qd.ansatz.hardware_efficient(0), steps=80, integrator="euler", grow=FEW)
BOTH = qd.Variational(qd.ansatz.hamiltonian(1), steps=16, integrator="euler", grow=FEW)
STATES: dict[str, tuple[qd.Problem, Any, dict[str, Any]]] = {
    "hamilton_jacobi": (WELL.replace(clock="classical"), qd.HamiltonJacobi(80), {}),
    "qite": (PAIR, qd.QITE(2, 6), {}),
    "qite with shots": (PAIR, qd.QITE(2, 6), {"shots": 100}),
    "double_bracket": (PAIR, qd.DoubleBracket(3), {}),
    "probabilistic_ite": (PAIR, qd.ProbabilisticITE(0.9, 10, block="linear"), {"shots": 300}),
    "grown ansatz": (PAIR, GROWN, {}),
    "grown grid": (SPREADING, qd.Growing(qd.SplitStep(60), start=4), {}),
    "grown windows": (SPREADING.replace(clock="imaginary"), qd.Growing(qd.SplitStep(60), start=3), {}),
    "grid and ansatz": (
        SPREADING.replace(domain=qd.Grid((-8, 8), 5), clock="imaginary", initial=qd.Gaussian(-2, 0.9)),
        qd.Growing(BOTH, start=4),
        {},
    ),
}


def same(a: Any, b: Any) -> bool:
    """Whether two parts of answers are the same to the bit."""
    if isinstance(a, dict):
        return sorted(a) == sorted(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.tobytes() == b.tobytes()
    return repr(a) == repr(b)


def told(run: qd.Trajectory) -> dict[str, Any]:
    """What a run answers."""
    names = ("times", "density", "states", "log_norm", "parameters", "stop")
    out = {name: getattr(run, name) for name in names} | {"diagnostics": dict(run.diagnostics)}
    return out | {name: (e.value, e.stderr) for name, e in run.expectations.items()}


@pytest.mark.parametrize("case", STATES)
def test_a_process_goes_on_from_any_state_that_another_has_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    problem, method, more = STATES[case]
    ask: dict[str, Any] = {"save": 4, "seed": 2, "progress": False, **more}
    copies: list[Path] = []
    count = 0
    plain = journal.Scope.save_state

    def always(scope: Any, meta: Any, arrays: Any, always: bool = False, more: Any = None) -> None:
        nonlocal count
        plain(scope, meta, arrays, True, more)
        count += 1
        if count in (2, 6):
            copies.append(shutil.copytree(scope.journal.folder.parent, tmp_path / f"copy-{count}"))

    monkeypatch.setattr(journal.Scope, "save_state", always)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = qd.evolve(problem, method, folder=tmp_path / "whole", **ask)
        monkeypatch.setattr(journal.Scope, "save_state", plain)
        for copy in copies:
            assert same(told(qd.evolve(problem, method, folder=copy, **ask)), told(whole))
    assert len(copies) == 2


@pytest.mark.parametrize("case", ["hamilton_jacobi", "qite", "probabilistic_ite", "grown windows"])
def test_no_point_of_a_loop_is_reached_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    monkeypatch.setattr(journal, "_PAUSE", 0.0)
    problem, method, _ = STATES[case]
    seen: list[float] = []

    def watch(step: int, view: Any) -> None:
        seen.append(view.time)
        if len(seen) == 3:
            raise KeyboardInterrupt

    ask: dict[str, Any] = {"save": 5, "seed": 2, "callback": watch, "folder": tmp_path / "a", "progress": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert qd.evolve(problem, method, **ask).stop.startswith("Interrupted")
        whole = qd.evolve(problem, method, **ask)
        direct = qd.evolve(problem, method, save=5, seed=2, callback=lambda step, view: None, progress=False)
    assert same(told(whole), told(direct))
    assert len(set(seen)) == len(seen) >= 5


def test_a_checkpoint_warns_and_not_beside_a_folder(tmp_path: Path) -> None:
    bit = qd.Problem.from_operator([[1.0, 0.5], [0.5, -1.0]], clock="imaginary", duration=0.3)
    method = qd.Variational(qd.ansatz.hardware_efficient(0), steps=2)
    ask: dict[str, Any] = {"backend": "statevector", "shots": 50, "seed": 3}
    with pytest.warns(DeprecationWarning, match="`folder` does the same"):
        old = qd.evolve(bit, method, checkpoint=Checkpoint(tmp_path / "a"), **ask)
    new = qd.evolve(bit, method, folder=tmp_path / "b", **ask)
    assert new.parameters is not None
    assert np.array_equal(new.parameters, old.parameters)  # type: ignore[arg-type]
    with pytest.raises(MethodError, match="`checkpoint` must be None where `folder` is given"):
        qd.evolve(bit, method, checkpoint=Checkpoint(tmp_path / "a"), folder=tmp_path / "b", **ask)


class Silent:
    """A device without jobs whose process dies while it measures."""

    name, exact, seeding = "silent", False, "none"

    def __init__(self) -> None:
        self.inner, self.dies, self.sent = qd.backend("statevector"), True, 0

    def sample(self, circuits: Any, shots: int, seeds: Any) -> Any:
        self.sent += 1
        if self.dies:
            raise KeyboardInterrupt
        return self.inner.sample(circuits, shots, seeds)

    def probabilities(self, circuits: Any) -> Any:
        raise BackendError("A device has no probabilities.")

    def states(self, pieces: Any, on_step: Any) -> Any:
        raise BackendError("A device has no amplitudes.")

    def describe(self) -> dict[str, Any]:
        return {"name": self.name}


def test_circuits_that_a_device_may_have_run_are_not_sent_again_unasked(tmp_path: Path) -> None:
    device, ask = Silent(), {"shots": 20, "seed": 1, "folder": tmp_path / "a"}
    with pytest.raises(KeyboardInterrupt):
        qd.evolve(WELL, qd.Trotter(2), backend=device, **ask)  # type: ignore[arg-type]
    device.dies = False
    with pytest.raises(BackendError, match=r"may have been run; delete .*-sent\.npz to send them again"):
        qd.evolve(WELL, qd.Trotter(2), backend=device, **ask)  # type: ignore[arg-type]
    assert device.sent == 1
    (marker,) = (tmp_path / "a" / "journal").glob("*-sent.npz")
    marker.unlink()
    assert qd.evolve(WELL, qd.Trotter(2), backend=device, **ask).shots == 20  # type: ignore[arg-type]
    assert device.sent == 2


def test_a_damaged_piece_is_named(tmp_path: Path) -> None:
    qd.evolve(**EVOLVE, folder=tmp_path / "a")
    piece = tmp_path / "a" / "journal" / "run-0-answer.npz"
    piece.write_bytes(piece.read_bytes()[:-60])
    with pytest.raises(ProblemError, match=r"run-0-answer\.npz is damaged or was changed; delete it"):
        qd.evolve(**EVOLVE, folder=tmp_path / "a")
    piece.unlink()
    assert qd.evolve(**EVOLVE, folder=tmp_path / "a").shots == 30


RESULTS: dict[str, tuple[str, Callable[[Path], Any], Callable[[Path], Any]]] = {
    "metts": (
        "chain.npz",
        lambda f: qd.metts(COLD, 0.5, 40, seed=1, folder=f),
        lambda path: Chain.load(path, COLD),
    ),
    "metts by a method": (
        "chain.npz",
        lambda f: qd.metts(COLD, 0.5, 40, seed=1, method=qd.SplitStep(8), folder=f),
        lambda path: Chain.load(path, COLD),
    ),
    "metts on circuits": (
        "chain.npz",
        lambda f: qd.metts(COLD, 0.3, 8, 5, "aer", walkers=4, burn_in=2, shots=64, folder=f),
        lambda path: Chain.load(path, COLD),
    ),
    "train": (
        "training.npz",
        lambda f: qd.train(turn(), np.diag([1.0, -1.0]), [0.3], steps=5, seed=1, folder=f),
        TrainResult.load,
    ),
    "error_budget": (
        "budget.npz",
        lambda f: qd.error_budget(WELL, qd.Trotter(2), backend="statevector", shots=50, seed=1, folder=f),
        qd.ErrorBudget.load,
    ),
}


def same_parts(a: Any, b: Any) -> bool:
    """Whether two results are the same to the bit, but for the problem's objects and functions."""
    left = {f.name for f in fields(a)} - {"problem", "_outputs", "provenance"}
    arrays: list[dict[str, np.ndarray]] = [{}, {}]
    said = [packed({n: getattr(one, n) for n in left - {"method"}}, into) for one, into in zip((a, b), arrays)]
    return said[0] == said[1] and all(np.array_equal(arrays[0][n], arrays[1][n]) for n in arrays[0])


@pytest.mark.parametrize("verb", RESULTS)
def test_a_finished_call_is_read_and_its_file_can_be_read_alone(tmp_path: Path, verb: str) -> None:
    name, call, load = RESULTS[verb]
    first = call(tmp_path / "a")
    file = tmp_path / "a" / name
    written = file.stat().st_mtime_ns, file.read_bytes()
    again, alone = call(tmp_path / "a"), load(file)
    assert (file.stat().st_mtime_ns, file.read_bytes()) == written
    assert same_parts(again, first)
    assert same_parts(alone, first)
    assert getattr(alone, "method", None) == getattr(first, "method", None)
    assert not list((tmp_path / "a" / "journal").glob("*state*"))
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))
    with pytest.raises(ProblemError, match=rf"{name}.*delete it, and the same call computes it again"):
        call(tmp_path / "a")
    file.unlink()
    assert same_parts(call(tmp_path / "a"), first)


def test_a_training_that_is_read_has_its_circuit_and_one_of_gates_that_no_file_stores_says_so(tmp_path: Path) -> None:
    ask: dict[str, Any] = {"steps": 5, "seed": 1, "folder": tmp_path / "a"}
    x = np.zeros((2, 0))
    first, again = (qd.train(turn(), np.diag([1.0, -1.0]), [0.3], **ask) for _ in range(2))
    assert np.array_equal(again.outputs(x), first.outputs(x))
    alone = TrainResult.load(tmp_path / "a" / "training.npz")
    assert np.array_equal(alone.outputs(x), first.outputs(x))
    bare = replace(first, _outputs=lambda rows: rows).save(tmp_path / "bare")
    with pytest.raises(MethodError, match="call `train` with its folder again"):
        TrainResult.load(bare).outputs(x)
    for result in (first, alone):
        with pytest.raises(MethodError, match="without features has no model"):
            result.predict(x)


def test_a_chain_is_not_read_with_another_problem(tmp_path: Path) -> None:
    qd.metts(COLD, 0.5, 40, seed=1).save(tmp_path / "c")
    assert Chain.load(tmp_path / "c.npz", COLD).beta == 1.0
    other = COLD.replace(objective=lambda w: w[:, 0] ** 2 + 1e-5 * w[:, 0])
    with pytest.raises(ProblemError, match=r"`problem` must be that of the chain, but its loss is .* at place 0"):
        Chain.load(tmp_path / "c.npz", other)
    with pytest.raises(ProblemError, match=r"domain\.qubits"):
        Chain.load(tmp_path / "c.npz", COLD.replace(domain=qd.Grid((-3, 3), 5)))
    for name, value in (("diffusion", COLD.diffusion.value(0.0, 1.0)), ("strength", 1.0)):
        with pytest.raises(
            ProblemError, match=rf"`problem` must be that of the chain, but its {name} is .*made with {value}\."
        ):
            Chain.load(tmp_path / "c.npz", COLD.replace(**{name: 2 * value}))
        falls = qd.Linear(value, 0.5 * value)  # the same at time 0
        assert Chain.load(tmp_path / "c.npz", COLD.replace(**{name: falls})).beta == 1.0
    with pytest.raises(ProblemError, match=r"must be a saved training, but .* is not: it is of another kind"):
        TrainResult.load(tmp_path / "c.npz")
    with pytest.raises(ProblemError, match=r"must be a saved error budget, but .* does not exist"):
        qd.ErrorBudget.load(tmp_path / "none.npz")


@pytest.mark.parametrize(
    ("integrator", "clock", "sensitivity"),
    [("euler", "real", None), ("rk4", "imaginary", None), ("rk45", "real", None), ("euler", "imaginary", True)],
)
def test_a_variational_run_goes_on_with_its_angles_its_bound_and_its_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, integrator: str, clock: str, sensitivity: bool | None
) -> None:
    monkeypatch.setattr(journal, "_PAUSE", 0.0)
    falls = qd.Linear(0.7, 0.4) if clock == "real" else qd.Constant(0.55)  # where it stops by itself, H must rest
    spins = qd.Problem(qd.Hypercube(2), lambda w: w[:, 0] * w[:, 1] - 0.5 * w[:, 0], falls, clock=clock, duration=1.0)
    method = qd.Variational(
        qd.ansatz.hardware_efficient(0, ("ry", "rz")), 64, integrator, sensitivity=sensitivity, stop_at=1e-12
    )
    counted: list[int] = []
    at = Flow.at

    def counting(self: Flow, t: float, theta: np.ndarray, counted: list[int] = counted, at: Any = at) -> Any:
        counted.append(1)
        if len(counted) == limit:
            raise KeyboardInterrupt
        return at(self, t, theta)

    limit = 0
    monkeypatch.setattr(Flow, "at", counting)
    direct = qd.evolve(spins, method, save=5, seed=2)
    cost, limit = len(counted), len(counted) * 3 // 5
    counted.clear()
    ask: dict[str, Any] = {"save": 5, "seed": 2, "folder": tmp_path / "a"}
    cut = qd.evolve(spins, method, **ask)
    assert cut.stop.startswith("Interrupted")
    limit = 0
    counted.clear()
    whole = qd.evolve(spins, method, **ask)
    monkeypatch.setattr(Flow, "at", at)
    assert len(counted) < 0.8 * cost  # what was done is not done again
    for name in ("states", "parameters", "log_norm", "times"):
        assert getattr(whole, name).tobytes() == getattr(direct, name).tobytes(), name
    assert whole.stop == direct.stop
    arrays: list[dict[str, np.ndarray]] = [{}, {}]
    said = [packed(dict(run.diagnostics), into) for run, into in zip((whole, direct), arrays)]
    assert said[0] == said[1] or repr(said[0]) == repr(said[1])  # nan is not nan
    assert all(a.tobytes() == arrays[1][name].tobytes() for name, a in arrays[0].items())
    assert len(arrays[0]) > 8


def ends_at(step: int) -> Any:
    """A callback that ends a run, or a training, at a step."""
    return lambda k, *seen: k == step


ENDED: dict[str, Any] = {
    "evolve": lambda f, back: qd.evolve(WELL, qd.SplitStep(9), folder=f, callback=back).density,
    "train": lambda f, back: (
        qd.train(turn(), np.diag([1.0, -1.0]), [0.3], steps=5, seed=1, folder=f, callback=back).theta
    ),
}


@pytest.mark.parametrize("verb", list(ENDED))
def test_a_run_that_a_callback_has_ended_is_not_the_answer_under_another(tmp_path: Path, verb: str) -> None:
    """The same code with another number is another callback; where it ended nothing it is told, once for each call."""
    call, first = ENDED[verb], tmp_path / "ended"
    ended = call(first, ends_at(2))
    assert np.array_equal(call(first, ends_at(2)), ended)
    for other in (ends_at(3), None):
        with (
            pytest.warns(UserWarning, match="Argument `callback` is another one"),
            pytest.raises(
                ProblemError, match=r"Argument `callback` must be the one that ended the run in .*ended, but"
            ),
        ):
            call(first, other)
    whole = call(tmp_path / "whole", None)
    assert not np.array_equal(whole, ended)
    with pytest.warns(UserWarning, match="it does not see what was done before"):
        assert np.array_equal(call(tmp_path / "whole", ends_at(2)), whole)


def test_an_annealing_that_a_callback_has_ended_goes_on_under_another(tmp_path: Path) -> None:
    """Its stages are kept one by one."""
    ask: dict[str, Any] = {"stages": 3, "strategy": "quench", "seed": 1}
    ended = qd.anneal(COLD, **ask, folder=tmp_path / "a", callback=ends_at(1)).density
    with pytest.warns(UserWarning, match="Argument `callback` is another one"):
        whole = qd.anneal(COLD, **ask, folder=tmp_path / "a").density
    assert whole.shape != ended.shape
    assert np.array_equal(whole, qd.anneal(COLD, **ask).density)


def test_what_a_callback_collects_makes_it_no_other(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    seen: list[float] = []

    def note(step: int, view: Any) -> None:
        seen.append(view.time)

    runs = [qd.evolve(WELL, qd.SplitStep(9), folder=tmp_path / "a", callback=note).density for _ in range(2)]
    assert len(seen) == 10
    assert np.array_equal(*runs)
    assert not [w for w in recwarn if "callback" in str(w.message)]


def test_results_of_before_have_the_order_that_was_their_default(tmp_path: Path) -> None:
    """The default order of a train was 2: what left it out means that, and what says None today is told from it."""
    problem = qd.Problem(qd.Grid((-4, 4), 4), lambda w: w[:, 0] ** 2 / 2, 0.5, clock="real", duration=0.1)

    def said(method: qd.TensorTrain) -> Identity:
        """The identity of a call with this method, and with one inside another."""
        out = Identity()
        out.add("method", method)
        out.add("each", [{"inner": method}])
        return out

    def then(method: qd.TensorTrain) -> dict[str, Any]:
        """What a folder of before held of it."""
        stored = json.loads(json.dumps(said(method).stored()[0]))
        for spec in (stored["plain"]["method"], stored["plain"]["each"][0]["inner"]):
            assert spec.pop("order", 2) == 2
        return stored

    assert not said(qd.TensorTrain(8)).differs(then(qd.TensorTrain(8, order=2)), {})
    assert not said(qd.TensorTrain(order=2)).differs(then(qd.TensorTrain(order=2)), {})
    differ = said(qd.TensorTrain()).differs(then(qd.TensorTrain(order=2)), {})
    assert differ[0] == "method.order is None, the folder's is 2"
    assert not said(qd.TensorTrain()).differs(said(qd.TensorTrain()).stored()[0], {})
    run = qd.evolve(problem, qd.TensorTrain(order=2), progress=False)
    arrays = run.to_arrays()
    meta = json.loads(str(arrays["meta"]))
    assert meta["method"].pop("order") == 2
    write_npz(tmp_path / "before.npz", sealed({**arrays, "meta": np.array(json.dumps(meta))}))
    assert qd.load(tmp_path / "before.npz").method == qd.TensorTrain(order=2)
    again = replace(run, method=qd.TensorTrain())
    assert qd.load(again.save(tmp_path / "today.npz")).method == qd.TensorTrain()
