"""Runs whose waves are no tables, in folders: interrupted they keep what was done, and go on from there bit by bit; files and refusals."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.base import archive
from qml_dynamics.base.errors import ProblemError
from qml_dynamics.cli import main
from qml_dynamics.methods import in_place
from qml_dynamics.methods.tensor_train import passes, runs
from qml_dynamics.methods.tensor_train.state import TrainState
from qml_dynamics.results import journal
from qml_dynamics.results.compact import CompactTrajectory
from qml_dynamics.results.trajectory import Trajectory, sealed, write_npz

SPINS = 24
PULLS = {f"Z{i} Z{i + 1}": -1.0 for i in range(SPINS - 1)} | {f"X{i}": 0.7 for i in range(SPINS)}
WELL = qd.Problem(
    qd.Grid((-8, 8), 8),
    lambda w: w[:, 0] ** 2 / 2 + 0.01 * w[:, 0] ** 3,
    0.5,
    clock="real",
    initial=qd.Gaussian(1.0, 0.6),
    duration=0.3,
)
WIDE = WELL.replace(domain=qd.Grid((-8, 8), 23))
PLANE = WELL.replace(
    domain=qd.Grid([(-8, 8), (-8, 8)], [5, 4]),
    objective=lambda w: w[:, 0] ** 2 / 2 + 0.3 * w[:, 1] ** 2,
    diffusion=qd.Linear(0.5, 0.3),
    initial=qd.Gaussian(1.0, 0.9),
)
MOVING = {"diffusion": qd.Linear(0.5, 0.4), "strength": qd.Linear(1.0, 1.3)}
CHAIN = qd.Problem.from_operator(PULLS, clock="real", duration=0.3, initial="0" * SPINS)
PAIRS, FIELDS = {f"Z{i} Z{i + 1}": 1.0 for i in range(0, SPINS, 2)}, {f"X{i}": 0.7 for i in range(SPINS)}
DRIVEN = qd.Problem.from_operator(
    [(qd.Linear(0.3, 1.4), PAIRS), (qd.Geometric(0.5, 1.5), FIELDS)], clock="real", duration=0.3, initial="0" * SPINS
)
QUENCHED = qd.Problem.from_operator(
    [
        (qd.Linear(1.0, 0.4), {"ZZI": 0.7, "IZX": -0.5}),
        (qd.Jumps((0.2, 1.5), (0.37,)), {"XII": 0.8, "IXI": 0.9, "IIX": 0.5}),
    ],
    clock="real",
    duration=0.6,
    initial="000",
)
COARSE = qd.TensorTrain(1, tolerance=0.01)
PLACE = qd.SplitStep(12, order=4, precision="single_in_place")
pytestmark = pytest.mark.filterwarnings("ignore:Argument `seed` takes no part", "ignore:The wave has")


class Signals:
    """Sends a real signal to this process at every so many calls, as a person would between two moves."""

    def __init__(self, inner: Callable[..., Any], every: int) -> None:
        self.inner, self.every, self.calls, self.sent = inner, every, 0, 0

    def __call__(self, *given: Any) -> Any:
        self.calls += 1
        if self.every and self.calls % self.every == 0:
            self.sent += 1
            signal.raise_signal(signal.SIGTERM if self.sent % 2 else signal.SIGINT)
        return self.inner(*given)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every state is kept, runs of a moment too; SIGINT interrupts, whatever the suite was started with."""
    monkeypatch.setattr(journal, "_PAUSE", 0.0)
    monkeypatch.setattr(passes, "_QUICK", 0.0)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def same(a: Trajectory, b: Trajectory) -> None:
    """All numbers of two trajectories, to the bit."""
    assert np.array_equal(a.times, b.times)
    if isinstance(a, CompactTrajectory):
        assert isinstance(b, CompactTrajectory)
        assert len(a.compact) == len(b.compact) == len(a.times)
        for one, other in zip(a.compact, b.compact):
            if isinstance(one, qd.methods.large_wave.LargeWave):  # type: ignore[attr-defined]
                assert np.array_equal(one.amplitudes, other.amplitudes)  # type: ignore[attr-defined]
                continue
            assert len(one.train) == len(other.train)  # type: ignore[attr-defined]
            assert all(np.array_equal(x, y) for x, y in zip(one.train, other.train))  # type: ignore[attr-defined]
    else:
        assert np.array_equal(a.states, b.states)  # type: ignore[arg-type]
    assert list(a.expectations) == list(b.expectations)
    for name, found in a.expectations.items():
        assert np.array_equal(found.value, b.expectations[name].value), name
    assert list(a.diagnostics) == list(b.diagnostics)
    for name, told in a.diagnostics.items():
        assert np.array_equal(told, b.diagnostics[name]), name
    assert a.best == b.best


CASES: dict[str, tuple[qd.Problem, Any, int]] = {
    "wide train": (WIDE, qd.TensorTrain(2, tolerance=1e-3), 11),
    "train": (WELL, qd.TensorTrain(6, tolerance=1e-4), 15),
    "train, driven": (WELL.replace(**MOVING), qd.TensorTrain(4, tolerance=1e-3), 11),
    "train, extrapolated": (WELL.replace(clock="imaginary"), qd.TensorTrain(4, order=4, tolerance=1e-4), 4),
    "train, its steps chosen": (WELL, qd.TensorTrain(tolerance=1e-3), 14),
    "chain": (CHAIN, qd.TensorTrain(4, tolerance=1e-4), 15),
    "chain, cooled": (CHAIN.replace(clock="imaginary"), qd.TensorTrain(tolerance=1e-3), 11),
    "chain, extrapolated": (CHAIN.replace(clock="imaginary"), qd.TensorTrain(3, order=4, tolerance=1e-3), 4),
    "train, its order chosen": (WELL.replace(clock="imaginary"), qd.TensorTrain(tolerance=1e-8), 13),
    "terms apart": (DRIVEN, qd.TensorTrain(3, order=4, tolerance=1e-4), 21),
    "terms apart, the order chosen": (DRIVEN, qd.TensorTrain(tolerance=1e-7), 37),
    "terms apart, cooled": (DRIVEN.replace(clock="imaginary"), qd.TensorTrain(tolerance=1e-7), 14),
    "a quench of some terms": (QUENCHED, qd.TensorTrain(tolerance=1e-7), 83),
    "in place": (PLANE, PLACE, 41),
}


@pytest.mark.parametrize("case", list(CASES))
def test_an_interrupted_run_goes_on_to_the_same_bits(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Signals at every few moves: each call answers with the times that were reached, or ends as by Ctrl-C, and the next one goes on."""
    problem, method, every = CASES[case]
    place, name = (in_place, "_phase") if case == "in place" else (runs, "contiguous")
    asked: dict[str, Any] = {"save": 4, "seed": 1, "progress": False}
    whole = qd.evolve(problem, method, **asked)
    folder, reached, calls = tmp_path / "run", [], []
    for _ in range(60):
        sender = Signals(getattr(place, name), every)
        with monkeypatch.context() as patched:
            patched.setattr(place, name, sender)
            try:
                found = qd.evolve(problem, method, folder=folder, **asked)
            except KeyboardInterrupt:
                reached.append(0)
            else:
                reached.append(len(found.times))
                if not found.diagnostics.get("interrupted"):
                    break
                assert found.stop.startswith("Interrupted from the keyboard after t = ")
                same_so_far(found, whole)
        calls.append(sender.calls)
        assert sender.sent >= 1
    assert len(calls) >= 2  # it was interrupted more than once
    assert calls[-1] <= every + 1  # and did no more than its moves until then: it did not begin anew
    same(whole, found)
    same(whole, qd.evolve(problem, method, folder=folder, **asked))  # which is read
    same(whole, qd.load(folder, problem=problem))
    assert capfd.readouterr().err.count("interrupted; what was done is in") == len(calls)


def test_another_limit_of_seconds_is_the_same_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It decides whether there is an answer, not which: a kept run goes on with any."""
    problem, method, every = CASES["train"]
    with monkeypatch.context() as patched:
        patched.setattr(runs, "contiguous", Signals(runs.contiguous, every))
        begun = qd.evolve(problem, method, save=3, seed=1, progress=False, folder=tmp_path / "run")
    assert begun.diagnostics["interrupted"]
    longer = replace(method, max_seconds=5.0)
    same(
        qd.evolve(problem, method, save=3, seed=1, progress=False),
        qd.evolve(problem, longer, save=3, seed=1, progress=False, folder=tmp_path / "run"),
    )
    with pytest.raises(ProblemError, match=r"method.tolerance is 0.001, the folder's is 0.0001"):
        qd.evolve(problem, replace(method, tolerance=1e-3), save=3, seed=1, progress=False, folder=tmp_path / "run")


def same_so_far(found: Trajectory, whole: Trajectory) -> None:
    """The times that were reached are those of the whole run; where the steps are given, so are the numbers, to the bit."""
    many = len(found.times)
    assert np.array_equal(found.times, whole.times[:many])
    if found.diagnostics.get("steps", 0) in (0, whole.diagnostics["steps"]):
        for name, each in found.expectations.items():
            assert np.array_equal(each.value, whole.expectations[name].value[:many]), name


@pytest.mark.parametrize("case", ["wide train", "chain", "in place"])
def test_an_interrupt_without_a_folder_answers_with_what_was_done(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    problem, method, _ = CASES[case]
    place, name = (in_place, "_phase") if case == "in place" else (runs, "contiguous")
    sender = Signals(getattr(place, name), 0)
    monkeypatch.setattr(place, name, sender)
    whole = qd.evolve(problem, method, save=3, progress=False, seed=1)
    sender.every, sender.calls, sender.sent = (
        sender.calls // 3,
        0,
        1,
    )  # SIGINT: without a folder the other one ends the process
    found = qd.evolve(problem, method, save=3, progress=False, seed=1)
    assert 1 <= len(found.times) <= len(whole.times)
    assert found.diagnostics["interrupted"]
    same_so_far(found, whole)


@pytest.mark.parametrize("case", ["wide train", "in place"])
def test_what_is_kept_is_believed_only_where_it_fits(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Damaged files, files that were put together anew, and another problem are refused in one line."""
    problem, method, _ = CASES[case]
    place, name, every = (in_place, "_phase", 17) if case == "in place" else (runs, "contiguous", 4)
    folder = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(place, name, Signals(getattr(place, name), every))
        qd.evolve(problem, method, save=3, seed=1, progress=False, folder=folder)
    kept = folder / "journal" / "run-0.run-0.state.npz"
    good = kept.read_bytes()

    def refused(words: str, **changes: Any) -> None:
        stated = problem.replace(**changes)
        with pytest.raises(qd.ProblemError, match=rf"^Argument `folder` must [^\n]*{words}[^\n]*\.$"):
            qd.evolve(stated, method, save=3, seed=1, progress=False, folder=folder)

    damaged = bytearray(good)
    damaged[len(good) // 2] ^= 1
    kept.write_bytes(damaged)
    refused("is damaged or was changed; delete it, and the same call computes it again")
    arrays = {n: a for n, a in archive.read_npz(good).items() if n != "sha256"}
    core = "wave" if case == "in place" else "wave/cores"
    for wrong in (arrays[core][:-1], np.full_like(arrays[core], np.nan), arrays[core].real):
        write_npz(kept, sealed({**arrays, core: wrong}))
        refused("is none")
    kept.write_bytes(good)
    refused("another one of evolve", objective=lambda w: w[:, 0] ** 2 / 2 + 0.01001 * w[:, 0] ** 3)
    refused("another one of evolve", duration=0.4)
    found = qd.evolve(problem, method, save=3, seed=1, progress=False, folder=folder)  # as it was
    same(qd.evolve(problem, method, save=3, seed=1, progress=False), found)
    assert found.stop.startswith("Reached the end")


def test_what_was_chosen_is_kept_and_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each run the order and the steps; where a process chooses others, it does not go on with that wave."""
    problem, method, _ = CASES["terms apart, the order chosen"]
    folder, sender = tmp_path / "run", Signals(runs.contiguous, 0)
    with monkeypatch.context() as patched:
        patched.setattr(runs, "contiguous", sender)
        whole = qd.evolve(problem, method, seed=1, progress=False)
        sender.every, sender.calls, sender.sent = sender.calls - 5, 0, 0
        qd.evolve(problem, method, seed=1, progress=False, folder=folder)
    kept = journal.Journal(folder)
    names = sorted(path.name.removesuffix(".npz") for path in kept.folder.glob("run-0.run-*.state.npz"))
    entries = [entry for name in names if (entry := kept.read(name)) is not None]
    plans: list[Any] = [entry.meta["plan"] for entry in entries]
    assert {plan["order"] for plan in plans} == {2, 4} == {method.order or 2, whole.diagnostics["order"]}
    assert plans[-1] == {"order": 4, "steps": whole.diagnostics["steps"], "cutoffs": []}
    for name, wrong in (("steps", 2 * plans[-1]["steps"]), ("order", 2)):
        kept.write(names[-1], {**entries[-1].meta, "plan": {**plans[-1], name: wrong}}, entries[-1].arrays)
        with pytest.raises(
            qd.ProblemError,
            match=rf"^Argument `folder` must [^\n]* is none: it must be of the order and the steps [^\n]*but {name} is "
            rf"{plans[-1][name]}, the folder's is {wrong}\.$",
        ):
            qd.evolve(problem, method, seed=1, progress=False, folder=folder)
    kept.write(names[-1], entries[-1].meta, entries[-1].arrays)
    same(whole, qd.evolve(problem, method, seed=1, progress=False, folder=folder))


def test_two_losses_that_differ_away_from_the_asked_points_are_two(tmp_path: Path) -> None:
    """A loss without a table is known by its code too: this one differs on 1 of 2^23 points."""
    qd.evolve(WIDE, COARSE, seed=1, progress=False, folder=tmp_path / "run")
    at = float(WIDE.domain.points_at(np.array([4_567_891]))[0, 0])
    other = WIDE.replace(objective=lambda w: w[:, 0] ** 2 / 2 + 0.01 * w[:, 0] ** 3 + 0.1 * (w[:, 0] == at))
    with pytest.raises(qd.ProblemError, match=r"another one of evolve: problem\.loss"):
        qd.evolve(other, COARSE, seed=1, progress=False, folder=tmp_path / "run")


def test_files_of_large_waves_are_maps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wave that fills the memory is not read, but left in its file; to the bit, wherever it begins there."""
    monkeypatch.setattr(archive, "_LARGE", 1)
    run = qd.evolve(PLANE, PLACE, save=3, seed=1)
    assert isinstance(run, CompactTrajectory)
    path = run.save(tmp_path / "run")
    found = qd.load(path)
    same(run, found)
    assert isinstance(found, CompactTrajectory)
    assert all(isinstance(state.amplitudes, np.memmap) for state in found.compact)  # type: ignore[attr-defined]
    assert found.compact[1].sample(50, 3).index.tolist() == run.compact[1].sample(50, 3).index.tolist()
    raw = bytearray(path.read_bytes())
    raw[raw.index(np.asarray(run.compact[1].amplitudes).tobytes()) + 3] ^= 1  # type: ignore[attr-defined]
    path.write_bytes(raw)
    with pytest.raises(qd.ProblemError, match="was changed afterwards"):
        qd.load(path)


def made_up(run: Trajectory, **changes: Any) -> dict[str, np.ndarray]:
    arrays = run.to_arrays()
    return sealed({**arrays, **changes})


def test_waves_of_files_are_checked(tmp_path: Path) -> None:
    """Ranks, numbers of entries, norms and kinds; each in one line that names the file."""
    run = qd.evolve(CHAIN.replace(duration=0.1), qd.TensorTrain(1), progress=False)
    path, arrays = tmp_path / "run.npz", run.to_arrays()
    cores, ranks = arrays["compact/1/cores"], arrays["compact/1/ranks"]
    wrong: list[tuple[str, dict[str, np.ndarray]]] = [
        ("norm 1", {"compact/1/cores": 2.0 * cores}),
        ("must be finite", {"compact/1/cores": cores * np.nan}),
        ("entries", {"compact/1/cores": cores[:-1]}),
        ("double precision", {"compact/1/cores": cores.astype(np.complex64)}),
        ("no number below 1", {"compact/1/ranks": np.where(np.arange(len(ranks)) == 3, 0, ranks)}),
        ("shape", {"compact/1/ranks": ranks[:-1]}),
        (
            "one of train, register, large_wave",
            {"meta": np.array(str(arrays["meta"]).replace('"register"', '"table"'))},
        ),
    ]
    for words, changes in wrong:
        write_npz(path, made_up(run, **changes))
        with pytest.raises(qd.QMLDynamicsError, match=rf"^[^\n]*{words}[^\n]*$"):
            qd.load(path)
    write_npz(path, made_up(run))
    same(run, qd.load(path))


def test_a_loss_of_ones_own_needs_the_problem_above_tables(tmp_path: Path) -> None:
    run = qd.evolve(WIDE, COARSE, seed=1, progress=False)
    path = run.save(tmp_path / "run")
    assert path.stat().st_size < 1 << 17  # no table of 2^23 values
    with pytest.raises(
        qd.ProblemError, match=r"\[objective\] is a function of your own on too many points for a table"
    ):
        qd.load(path)
    found = qd.load(path, problem=WIDE)
    same(run, found)
    assert isinstance(found, CompactTrajectory)
    state = found.compact[-1]
    assert isinstance(state, TrainState)
    first = run.compact[-1]
    assert isinstance(first, TrainState)
    assert state.overlap(first) == pytest.approx(1.0)

    def seen(w: np.ndarray) -> np.ndarray:
        return np.cos(3 * w[:, 0])

    assert state.fine == first.fine > 1e-12  # means are as fine as those of the run, to the bit
    assert state.expectation(seen) == first.expectation(seen)
    said, arrays = first.parts()
    early = TrainState.from_parts(WIDE.domain, {"layout": said["layout"], "most": said["most"]}, arrays)
    assert early.fine == 1e-12  # of files in which it is not told
    for wrong in (0.0, 1.0, float("nan")):
        with pytest.raises(archive.Unreadable, match="a tolerance that there are"):
            TrainState.from_parts(WIDE.domain, {**said, "fine": wrong}, arrays)


def test_outcomes_that_no_file_holds_are_refused_before_they_are_taken(tmp_path: Path) -> None:
    wide = qd.Problem.from_operator(
        {"Z0 Z1": -1.0, "X0": 0.7}, num_qubits=70, clock="real", duration=0.1, initial="0" * 70
    )
    with pytest.raises(qd.MethodError, match=r"^Argument `folder` must be None for shots on more than 62 qubits"):
        qd.evolve(
            wide, qd.Trotter(1), backend="aer:matrix_product_state", shots=9, progress=False, folder=tmp_path / "run"
        )
    assert not (tmp_path / "run").exists()


def test_the_command_keeps_a_cooled_chain_without_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = ["I" * k + "ZZ" + "I" * (22 - k) for k in range(23)] + ["I" * k + "X" + "I" * (23 - k) for k in range(24)]
    terms = "\n".join(f"{-0.5 if 'X' in word else -1.0} {word}" for word in labels)
    (tmp_path / "h.txt").write_text(terms + "\n")
    lines = [
        "[operator]",
        'file = "h.txt"',
        "[evolution]",
        'clock = "imaginary"',
        "duration = 0.2",
        "[initial]",
        'kind = "uniform"',
    ]
    lines += ["[method]", 'kind = "tensor_train"', "steps = 4", "order = 2"]
    (tmp_path / "p.toml").write_text("\n".join(lines) + "\n")
    with pytest.raises(SystemExit) as ended:
        main(["run", str(tmp_path / "p.toml"), "--out", str(tmp_path / "out"), "--save", "3"])
    assert ended.value.code == 0, capsys.readouterr().err
    run = qd.load(tmp_path / "out")
    energies = run.expectations["energy"].value
    assert energies[0] == pytest.approx(-12.0, abs=1e-6)  # of the uniform start: 24 fields of 1/2
    assert energies[-1] < energies[0] - 0.5
