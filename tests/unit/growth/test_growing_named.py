"""`Growing` by name: in problem files, on the command line, in saved runs; and its price."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

import qml_dynamics as qd
from qml_dynamics.base.codec import is_plain, method_spec
from qml_dynamics.base.codec import method_from_spec as named_method
from qml_dynamics.base.errors import MethodError
from qml_dynamics.cli import main
from qml_dynamics.cli.options import default_save, parse_method
from qml_dynamics.runs.problem_file import read_problem, write_problem

SCHEDULED = qd.Growing(qd.Trotter(8), start=4, schedule=[(0.0, 5), (0.25, 6)])


def well(qubits: int = 7, duration: float = 0.5) -> qd.Problem:
    loss = qd.objectives.expression("(x0**2 - 1)**2 + 0.3*x0", 1)
    grid = qd.Grid((-5, 5), qubits)
    return qd.Problem(grid, loss, 0.5, clock="real", duration=duration, initial=qd.Gaussian(-1, 0.4))


@pytest.mark.parametrize(
    "method",
    [
        SCHEDULED,
        qd.Growing(qd.SplitStep(40, order=4), start=(4, 5), criterion="residual"),
        qd.Growing(qd.Trotter(8), threshold=1e-7, checks=3),
    ],
)
def test_plain_data_and_back(method: qd.Growing) -> None:
    spec = method_spec(method)
    assert spec["kind"] == "growing"
    assert named_method(spec) == method
    assert is_plain(method)


BOTH = qd.Growing(
    qd.Variational(qd.ansatz.bare(), 4, "rk4", regularisation=qd.Cutoff(1e-7)), start=4, grow=qd.Growth(0.1, "grid", 9)
)
ANSATZ = qd.Growing(
    qd.Variational(qd.ansatz.hamiltonian(1, separate=True), 3), grow=qd.Growth(0.2, ("IIIIY", "IIIYZ"), 12)
)
LAYERS = qd.Growing(
    qd.Variational(qd.ansatz.hardware_efficient(1, ("ry", "rz")), 3, theta0=[0.1] * 20), grow=qd.Growth(5.0)
)


@pytest.mark.filterwarnings("ignore::UserWarning")  # theta0 is not where the problem starts
@pytest.mark.parametrize("method", [BOTH, ANSATZ, LAYERS])
def test_growing_ansaetze_in_problem_files(method: qd.Growing, tmp_path: Path) -> None:
    assert is_plain(method)
    problem = well(5, 0.2).replace(clock="imaginary")
    path = write_problem(problem, tmp_path / "problem.toml", method=method)
    again = read_problem(path)
    assert method_spec(again.method) == method_spec(method)
    assert repr(again.method) == repr(method)
    runs = [qd.evolve(problem, m, seed=1) for m in (method, again.method)]
    assert np.array_equal(runs[0].states, runs[1].states)
    assert np.abs(runs[0].density[-1] - runs[0].density[0]).sum() > 0.01
    runs[0].save(tmp_path / "run.npz")
    assert repr(qd.load(tmp_path / "run.npz").method) == repr(method)


def test_short_forms_and_what_no_file_can_hold(tmp_path: Path) -> None:
    spec = {"kind": "variational", "steps": 4, "ansatz": "bare"}
    short = named_method({"kind": "growing", "method": spec, "grow": {"threshold": 0.2}})
    grow = qd.Growth(0.2, pool="pauli")  # which plain data that name no pool have always meant
    assert repr(short) == repr(qd.Growing(qd.Variational(qd.ansatz.bare(), 4), grow=grow))
    typed = parse_method("growing:method=variational(ansatz=hamiltonian(layers=1),steps=4),grow=growth(threshold=0.2)")
    assert repr(typed) == repr(qd.Growing(qd.Variational(qd.ansatz.hamiltonian(1), 4), grow=grow))
    for wrong, said in (
        ({**spec, "ansatz": "bear"}, "bare"),
        ({**spec, "ansatz": {"kind": "hamiltonian"}}, "layers"),
        ({**spec, "ansatz": {"kind": "hamiltonian", "layer": 1}}, "layers"),
        ({**spec, "grow": {"threshold": -1}}, "threshold"),
        ({**spec, "grow": {"tail": 1}}, "threshold"),
        ({"kind": "variational", "steps": 4}, "ansatz"),
    ):
        with pytest.raises(MethodError, match=said):
            named_method(wrong)
    circuit = QuantumCircuit(2)
    circuit.ry(Parameter("a"), 0)
    for own in (
        qd.Variational(qd.ansatz.from_circuit(circuit), 4),
        qd.Variational(qd.ansatz.bare(), 4, regularisation=lambda a, b: b),
    ):
        assert not is_plain(qd.Growing(own))
        with pytest.raises(qd.QMLDynamicsError, match="one of your own"):
            write_problem(well(5), tmp_path / "own.toml", method=qd.Growing(own))


@pytest.mark.slow
def test_the_command_line_runs_a_growing_ansatz(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_problem(well(5, 0.2).replace(clock="imaginary"), tmp_path / "problem.toml", method=BOTH)
    for command in (["cost"], ["run", "--out", str(tmp_path / "out"), "--no-plots", "--no-budget"]):
        with pytest.raises(SystemExit) as stop:
            main([command[0], str(path), *command[1:]])
        assert stop.value.code == 0
    again = qd.load(tmp_path / "out")
    assert repr(again.method) == repr(BOTH)
    assert again.diagnostics["num_parameters"][-1] > again.diagnostics["num_parameters"][0]
    assert capsys.readouterr().out


def test_problem_files_name_it(tmp_path: Path) -> None:
    path = write_problem(well(), tmp_path / "problem.toml", method=SCHEDULED)
    assert "schedule = [[0.0, 5], [0.25, 6]]" in path.read_text(encoding="utf-8")
    assert read_problem(path).method == SCHEDULED
    text = path.read_text(encoding="utf-8").replace("steps = 8", "step = 8")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(qd.QMLDynamicsError, match="step"):
        read_problem(path)


@pytest.mark.slow
def test_the_command_line_runs_and_prices_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_problem(well(6), tmp_path / "problem.toml")
    for command in (["cost"], ["run", "--out", str(tmp_path / "out"), "--no-plots", "--no-budget"]):
        with pytest.raises(SystemExit) as stop:
            main([command[0], str(path), "--method", "growing:method=trotter(steps=8),start=4", *command[1:]])
        assert stop.value.code == 0
    said = capsys.readouterr().out
    assert "at most" in said
    assert parse_method("Growing(method=Trotter(steps=8), start=5)") == qd.Growing(qd.Trotter(8), start=5)
    assert parse_method("growing").method == qd.SplitStep(400, order=4)
    assert default_save(qd.Growing(qd.Trotter(8))) == 9
    again = qd.load(tmp_path / "out")
    assert again.method == qd.Growing(qd.Trotter(8), start=4)
    assert again.diagnostics["growth"][0][1] < [6]


def test_the_price_is_an_upper_bound_and_a_schedule_has_its_own() -> None:
    problem = well()
    free, fixed = qd.Growing(qd.Trotter(8)), qd.Trotter(8)
    asked, known, most = (qd.cost(problem, m) for m in (free, SCHEDULED, fixed))
    assert asked.upper_bound
    assert asked.two_qubit_gates > most.two_qubit_gates > known.two_qubit_gates
    assert (asked.qubits, asked.circuits) == (most.qubits, most.circuits)
    longest = qd.circuits(problem, free)[-1]
    from qml_dynamics.synthesis.measure import compiled_counts, in_dual_basis

    taken = compiled_counts(in_dual_basis(problem.domain, longest), ("cx", "rz", "sx", "x"), 20_000)
    assert taken[1] <= asked.two_qubit_gates
    whole = in_dual_basis(problem.domain, qd.circuits(problem, SCHEDULED)[-1])
    counted = compiled_counts(whole, ("cx", "rz", "sx", "x"), 20_000)
    assert counted[:3] == (known.gates, known.two_qubit_gates, known.depth)


def test_the_price_of_a_classical_run_is_never_exceeded() -> None:
    problem, method = well(8, 1.0), qd.Growing(qd.SplitStep(100), start=4)
    asked = qd.cost(problem, method)
    assert asked.upper_bound
    assert "at most" in str(asked)
    updates = qd.evolve(problem, method, seed=1).diagnostics["amplitude_updates"]
    assert 0 < updates <= 2 * asked.transforms * problem.domain.size  # a transform and a phase are two passes
    memory = [qd.cost(spins(), qd.Growing(qd.Variational(qd.ansatz.bare(), 4), grow=g)).memory for g in (LITTLE, MUCH)]
    assert memory[0] < memory[1]


LITTLE, MUCH = qd.Growth(max_parameters=10), qd.Growth(max_parameters=100)


def spins() -> qd.Problem:
    return qd.Problem.from_operator(np.diag([1.0, 0, 0, -1]), clock="imaginary", duration=1.0)
