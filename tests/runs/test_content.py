"""Run folders hold what was submitted: stored circuits are those that were given, and edits of a folder are seen."""

from __future__ import annotations

import json
import shutil
import sqlite3
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import CUGate, LinearPauliRotationsGate, PauliEvolutionGate, StatePreparation, UCGate
from qiskit.quantum_info import SparsePauliOp, random_unitary
from shared_runs import QUICK, same

import qml_dynamics as qd
from qml_dynamics.backends import branch_records, records
from qml_dynamics.backends.stored import circuit_bytes, circuit_from_bytes
from qml_dynamics.base.errors import (
    BackendError,
    MethodError,
    ProblemError,
    SynthesisChangedWarning,
    UnverifiedRunWarning,
)
from qml_dynamics.cli import main
from qml_dynamics.runs import cancel, fetch, open_run, resume, status, submit

AER = "aer:density_matrix"
P, Q = Parameter("p"), Parameter("q")
OPERATOR = SparsePauliOp(["ZI", "IX", "XY"], [0.5, 0.3, -0.4])
PREPARATION = StatePreparation([0.8, 0, 0, 0.6j])
pytestmark = pytest.mark.filterwarnings("ignore::qml_dynamics.methods.variational.evolve.StartWarning")


# stored circuits ---------------------------------------------------------------------------------------------------------


class Power(BaseException):
    """The power fails: nothing between may catch it."""


def ansatz(gate: Any, theta0: tuple[float, float] = (0.1, 0.2)) -> qd.Variational:
    circuit = QuantumCircuit(max(2, gate.num_qubits))
    circuit.h(0)
    circuit.append(gate, range(gate.num_qubits))
    circuit.ry(P, 0)
    circuit.rx(Q, 1)
    return qd.Variational(qd.ansatz.from_circuit(circuit, theta0), steps=3)


def interrupted(monkeypatch: pytest.MonkeyPatch, at: int, call: Callable[[], Any]) -> None:
    """Run, and lose power in the batch of this number."""
    kind, batches = type(qd.backend(AER)), []
    sample = kind.sample

    def failing(self: Any, *what: Any) -> Any:
        batches.append(1)
        if len(batches) == at:
            raise Power
        return sample(self, *what)

    with monkeypatch.context() as patch:
        patch.setattr(kind, "sample", failing)
        with pytest.raises(Power):
            call()
    assert len(batches) == at


def test_an_interrupted_run_goes_on_with_its_own_circuit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """QPY would read the inverse of the preparation as the preparation: energy -0.302."""
    problem = qd.Problem.from_operator(OPERATOR, clock="imaginary", duration=0.6)
    method, folder = ansatz(PREPARATION.inverse()), tmp_path / "run"
    ask: dict[str, Any] = {"backend": AER, "shots": 20_000, "seed": 1}
    interrupted(monkeypatch, 3, lambda: submit(problem, method, folder=folder, quiet=True, **ask))
    assert 0 < status(folder).done < 4
    assert resume(folder).complete
    found = fetch(folder).trajectory
    assert found is not None
    exact = qd.evolve(problem, method).expectations["energy"].value[-1]
    assert exact == pytest.approx(0.463, abs=2e-3)
    energy = found.expectations["energy"]
    assert abs(energy.value[-1] - exact) < 5 * energy.stderr[-1] < 0.05
    same(found, qd.evolve(problem, method, **ask))


GATES: dict[str, Callable[[], Any]] = {
    "controlled u": lambda: CUGate(0.1, 0.2, 0.3, 0.4).control(1),
    "multiplexer": lambda: UCGate([random_unitary(2, seed=k).data for k in range(2)]),
    "linear rotations": lambda: LinearPauliRotationsGate(1, 0.3, 0.2),
    "evolution": lambda: PauliEvolutionGate(SparsePauliOp(["XZ", "YX"], [0.3, 0.4]), 0.7).inverse(),
}


@pytest.mark.parametrize("kind", GATES)
def test_every_sampled_circuit_can_be_opened_again(tmp_path: Path, kind: str) -> None:
    gate = GATES[kind]()
    operator = OPERATOR if gate.num_qubits == 2 else SparsePauliOp(["IZI", "IIX", "XXY"], [0.5, 0.3, -0.4])
    problem = qd.Problem.from_operator(operator, clock="imaginary", duration=0.2)
    method = ansatz(gate)
    method = qd.Variational(method.ansatz, steps=1)
    submit(problem, method, backend=AER, shots=100, seed=1, folder=tmp_path / "run", quiet=True)
    again = open_run(tmp_path / "run")
    found = again.fetch()
    assert found is not None
    theta = np.array([0.4, -0.7])
    overlap = abs(np.vdot(again.statement.method.ansatz.state(theta), method.ansatz.state(theta)))
    assert overlap == pytest.approx(1.0, abs=1e-9)


def test_what_cannot_be_stored_is_refused_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*what: Any, **options: Any) -> None:
        raise RuntimeError("no writer")

    monkeypatch.setattr("qml_dynamics.backends.stored.qpy.dump", broken)
    problem = qd.Problem.from_operator(OPERATOR, clock="imaginary", duration=0.2)
    with pytest.raises(
        MethodError, match=r"Argument `ansatz` must be made of gates that can be stored, but 'state_prep"
    ):
        submit(problem, ansatz(PREPARATION), backend=AER, shots=100, folder=tmp_path / "run", quiet=True)
    assert not (tmp_path / "run" / "run.json").exists()
    assert not (tmp_path / "run" / "ledger.sqlite").exists()


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with a circuit of one's own."""
    folder = tmp_path_factory.mktemp("measured") / "run"
    problem = qd.Problem.from_operator(OPERATOR, clock="imaginary", duration=0.2)
    method = qd.Variational(ansatz(PREPARATION.inverse()).ansatz, steps=1)
    assert submit(problem, method, backend=AER, shots=100, seed=1, folder=folder, quiet=True).fetch() is not None
    return folder


def test_another_version_of_qiskit_must_read_the_same_circuit(
    measured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if a version that loses an inverse had read what another wrote."""
    monkeypatch.setattr("qml_dynamics.runs.specification.version", lambda name: "99.0")
    assert open_run(measured).fetch() is not None
    lost = ansatz(PREPARATION).ansatz.source
    monkeypatch.setattr("qml_dynamics.runs.specification.circuit_from_bytes", lambda data: lost)
    with pytest.raises(
        ProblemError, match=r"ansatz\.qpy was written by Qiskit .*, and Qiskit 99\.0 reads one that does"
    ):
        open_run(measured)


def test_another_circuit_in_the_folder_is_seen_and_the_same_in_other_words_is_not(
    measured: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(measured, tmp_path / "run")
    kept = circuit_from_bytes((folder / "ansatz.qpy").read_bytes())
    other = kept.copy()
    other.rz(0.1, 0)
    (folder / "ansatz.qpy").write_bytes(circuit_bytes(other))
    with pytest.raises(
        ProblemError, match=r"ansatz\.qpy was changed after submission: the circuit differs: another unitary"
    ):
        open_run(folder)
    other.rz(-0.1, 0)
    (folder / "ansatz.qpy").write_bytes(circuit_bytes(other))
    assert open_run(folder).fetch() is not None


def test_circuits_that_were_sent_are_known_by_what_they_do(
    measured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if a newer library built them from other gates: told; or built others: refused."""
    folder = shutil.copytree(measured, tmp_path / "run")
    (folder / "trajectory.npz").unlink()
    for module, step in ((records, records.gatewise), (branch_records, branch_records.gatewise)):
        monkeypatch.setattr(module, "gatewise", lambda steps, step=step: (["other gates"], step(steps)[1]))
    with pytest.warns(SynthesisChangedWarning, match="do the same to 1e-9"):
        assert open_run(folder).fetch() is not None
    (folder / "trajectory.npz").unlink()
    overlaps = records._overlaps
    monkeypatch.setattr(records, "_overlaps", lambda circuit: overlaps(circuit) * np.array([1.0, 1.1]))
    with pytest.raises(
        BackendError, match=r"circuits of call 0 must be those that were planned, but circuit 0 does something"
    ):
        open_run(folder).fetch()


# edited folders ----------------------------------------------------------------------------------------------------------

ASK: dict[str, Any] = {"backend": AER, "shots": 60, "seed": 7, "observables": {"x": lambda w: w[:, 0]}}
VERBS: list[Callable[[Path], Any]] = [open_run, status, fetch, resume, cancel]


def statement() -> qd.Problem:
    return qd.Problem(
        qd.Grid((-2, 2), 3, twist=0.3),
        lambda w: w[:, 0] ** 2 + 0.5 * w[:, 0],
        qd.Linear(0.5, 0.4),
        1.5,
        clock="real",
        duration=0.6,
        initial=qd.Gaussian(0.7, 0.4),
    )


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything was run, nothing was fetched."""
    folder = tmp_path_factory.mktemp("good") / "run"
    submit(statement(), qd.Trotter(2), folder=folder, quiet=True, max_shots=1000, **ASK)
    return folder


def replaced(name: str, old: str, new: str) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        text = (folder / name).read_text()
        assert text.count(old) == 1, text
        (folder / name).write_text(text.replace(old, new))

    return edit


def set_in_run(**values: Any) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        data = json.loads((folder / "run.json").read_text())
        for path, value in values.items():
            *way, last = path.split("__")
            inner = data
            for key in way:
                inner = inner[key]
            assert inner[last] != value
            inner[last] = value
        (folder / "run.json").write_text(json.dumps(data))

    return edit


def table(by: float) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        values = np.load(folder / "problem_table.npy")
        values[3] += by
        np.save(folder / "problem_table.npy", values)

    return edit


def observed(by: float) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        with np.load(folder / "observables.npz") as archive:
            np.savez(folder / "observables.npz", **{name: archive[name] + by for name in archive.files})

    return edit


MEANT: dict[str, tuple[Callable[[Path], None], str]] = {
    "bounds": (replaced("problem.toml", "2.0]]", "2.5]]"), r"problem\.toml .*domain\.bounds is \[\[-2\.0, 2\.5\]\]"),
    "qubits": (
        replaced("problem.toml", "qubits = [3]", "qubits = [4]"),
        r"domain\.qubits is \[4\], the run was submitted with \[3\]",
    ),
    "boundary": (replaced("problem.toml", '"periodic"', '"walls"'), r"boundary|twist"),
    "twist": (
        replaced("problem.toml", "twist = [0.3]", "twist = [0.4]"),
        r"domain\.twist is \[0\.4\], the run was submitted",
    ),
    "diffusion": (
        replaced("problem.toml", "start = 0.5", "start = 0.7"),
        r"diffusion\.params\.start is 0\.7, .* with 0\.5",
    ),
    "schedule": (replaced("problem.toml", '"linear"', '"geometric"'), r"diffusion\.schedule is 'geometric'"),
    "strength": (
        replaced("problem.toml", "value = 1.5", "value = 1.6"),
        r"strength is 1\.6, the run was submitted with 1\.5",
    ),
    "clock": (replaced("problem.toml", '"real"', '"imaginary"'), r"evolution\.clock is 'imaginary', .* with 'real'"),
    "duration": (replaced("problem.toml", "duration = 0.6", "duration = 0.61"), r"evolution\.duration is 0\.61"),
    "initial": (replaced("problem.toml", "center = [0.7]", "center = [-0.7]"), r"initial\.params\.center is \[-0\.7\]"),
    "method": (replaced("problem.toml", "steps = 2", "steps = 3"), r"method\.steps is 3"),
    "expression": (
        replaced("problem.toml", 'table = "problem_table.npy"', 'expression = "x0**2"\n#'),
        r"objective\.expression",
    ),
    "code": (
        replaced("problem.toml", 'table = "problem_table.npy"', 'function = "os:abort"\n#'),
        r"objective\.function is 'os",
    ),
    "table": (table(1e-6), r"problem_table\.npy was changed .*table is .* at place 3"),
    "not TOML": (
        replaced("problem.toml", "[domain]", "[domain"),
        r"problem\.toml changed after submission and cannot be read",
    ),
    "shots": (
        set_in_run(shots=70),
        r"run\.json was changed after submission: shots is 70, the run was submitted with 60",
    ),
    "seed": (set_in_run(seed=8), r"seed is 8, .* with 7"),
    "saves": (set_in_run(saves=[0.0, 0.5]), r"saves is \[0\.0, 0\.5\]"),
    "method there": (set_in_run(method__steps=4), r"method\.steps is 4"),
    "backend": (set_in_run(backend__name="aer"), r"backend\.name is 'aer'"),
    "options": (set_in_run(backend__options={"method": "statevector"}), r"backend\.options"),
    "budget": (set_in_run(max_shots=10**6), r"max_shots is 1000000, .* with 1000"),
    "id": (set_in_run(run="qmld-0"), r"run is 'qmld-0'"),
    "observables": (observed(1e-3), r"observables\.npz was changed"),
}

MEANINGLESS: dict[str, Callable[[Path], None]] = {
    "comment": replaced("problem.toml", "[domain]", "# mine\n\n[domain]"),
    "blanks": replaced("problem.toml", "duration = 0.6", "duration   =   0.600"),
    "another way to write it": replaced("problem.toml", "value = 1.5", "value = 15e-1"),
    "last digit": replaced("problem.toml", "duration = 0.6", "duration = 0.6000000000000001"),
    "order": lambda folder: (folder / "problem.toml").write_text(
        "\n\n".join(reversed((folder / "problem.toml").read_text().split("\n\n")))
    ),  # type: ignore[dict-item, return-value]
    "order there": lambda folder: (folder / "run.json").write_text(
        json.dumps(json.loads((folder / "run.json").read_text()), sort_keys=True)
    ),  # type: ignore[dict-item, return-value]
    "table written again": lambda folder: np.save(
        folder / "problem_table.npy", np.load(folder / "problem_table.npy").astype(">f8")
    ),
    "observables written again": observed(0.0),
}


@pytest.mark.parametrize("kind", MEANT)
def test_an_edit_is_refused_by_every_verb(good: Path, tmp_path: Path, kind: str) -> None:
    edit, words = MEANT[kind]
    folder = shutil.copytree(good, tmp_path / "run")
    before = open_run(folder)
    edit(folder)
    for verb in [*VERBS, lambda _: before.fetch(), lambda _: before.resume()]:
        with pytest.raises(ProblemError, match=words) as found:
            verb(folder)
        assert "\n" not in str(found.value)
        assert str(folder) in str(found.value)
    assert not (folder / "trajectory.npz").exists()


@pytest.mark.parametrize("kind", MEANINGLESS)
def test_an_edit_without_a_meaning_is_accepted(good: Path, tmp_path: Path, kind: str) -> None:
    folder = shutil.copytree(good, tmp_path / "run")
    old = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    MEANINGLESS[kind](folder)
    assert any(path.read_bytes() != old[path.name] for path in folder.iterdir() if path.is_file()) or "again" in kind
    found = open_run(folder).fetch()
    assert found is not None
    same(found, qd.evolve(statement(), qd.Trotter(2), **ASK))


def test_the_command_line_says_it_in_one_line(good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shutil.copytree(good, tmp_path / "run")
    MEANT["strength"][0](folder)
    for verb in ("status", "fetch", "resume", "cancel"):
        with pytest.raises(SystemExit) as end:
            main([verb, str(folder)])
        assert end.value.code == 2
        assert "strength is 1.6, the run was submitted with 1.5" in " ".join(capsys.readouterr().err.split())


def test_edited_results_are_seen(good: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(good, tmp_path / "run")
    (name,) = (path.name for path in (folder / "results").iterdir())
    with np.load(folder / "results" / name) as archive:
        arrays = {key: archive[key] for key in archive.files}
    np.savez(folder / "results" / name, **{**arrays, "count": arrays["count"][::-1]})
    with pytest.raises(BackendError, match=rf"{name} was changed afterwards"):
        open_run(folder).fetch()
    assert resume(folder).complete  # a simulator runs it again
    first = open_run(folder).fetch()
    assert first is not None
    same(first, qd.evolve(statement(), qd.Trotter(2), **ASK))
    with np.load(folder / "trajectory.npz") as archive:
        arrays = {key: archive[key] for key in archive.files}
    np.savez(folder / "trajectory.npz", **{**arrays, "density": arrays["density"][:, ::-1]})
    with pytest.raises(
        BackendError, match=r"trajectory\.npz was changed afterwards; delete it, and fetch\(\) writes it"
    ):
        open_run(folder).fetch()
    with pytest.raises(ProblemError, match="must be a trajectory as it was saved"):
        qd.load(folder)
    (folder / "trajectory.npz").unlink()
    again = open_run(folder).fetch()
    assert again is not None
    same(again, first)
    text = (folder / "result.json").read_text()
    (folder / "result.json").write_text(json.dumps(json.loads(text)))  # other blanks
    assert open_run(folder).fetch() is not None
    (folder / "result.json").write_text(text.replace('"shots": 60', '"shots": 61'))
    with pytest.raises(BackendError, match=r"result\.json was changed afterwards"):
        open_run(folder).fetch()


def test_a_new_budget_is_no_edit(good: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(good, tmp_path / "run")
    resume(folder, max_shots=2000)
    assert open_run(folder).statement.max_shots == 2000
    MEANT["budget"][0](folder)
    with pytest.raises(ProblemError, match="max_shots is 1000000"):
        open_run(folder)


def test_the_same_call_sees_an_edited_folder(good: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(good, tmp_path / "run")
    MEANT["strength"][0](folder)
    with pytest.raises(ProblemError, match=r"strength is 1\.6, the run was submitted with 1\.5"):
        submit(statement(), qd.Trotter(2), folder=folder, quiet=True, patience=QUICK, **ASK)


def earlier(folder: Path) -> Path:
    """As an earlier version left it: nothing of its content is recorded."""
    connection = sqlite3.connect(folder / "ledger.sqlite")
    connection.executescript("DROP TABLE content; DROP TABLE records;")
    connection.close()
    return folder


def test_folders_of_earlier_versions_open_and_say_that_nobody_can_know(
    good: Path, measured: Path, tmp_path: Path
) -> None:
    folder = earlier(shutil.copytree(good, tmp_path / "run"))
    with pytest.warns(UnverifiedRunWarning, match="written by an earlier version"):
        found = open_run(folder).fetch()
    assert found is not None
    same(found, qd.evolve(statement(), qd.Trotter(2), **ASK))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnverifiedRunWarning)
        assert resume(folder).complete
        assert open_run(folder).fetch() is not None
        own = earlier(shutil.copytree(measured, tmp_path / "own"))
        path = own / "run.json"
        data = json.loads(path.read_text())
        del data["method"]["ansatz"]["probe"]
        path.write_text(json.dumps({**data, "versions": {**data["versions"], "qiskit": "2.0"}}))
        assert open_run(own).fetch() is not None
        data["method"]["ansatz"]["digest"] = "0" * 64  # of this version of Qiskit, so it must fit
        path.write_text(json.dumps(data))
        with pytest.raises(ProblemError, match="is not the one that was submitted"):
            open_run(own)


def test_a_damaged_record_of_the_statement_is_named(good: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(good, tmp_path / "run")
    connection = sqlite3.connect(folder / "ledger.sqlite")
    connection.execute("UPDATE content SET data = ? WHERE name = 'run.json'", (b"{}",))
    connection.commit()
    connection.close()
    with pytest.raises(ProblemError, match=r"ledger\.sqlite is damaged: its record of run\.json is not what it was"):
        open_run(folder)
