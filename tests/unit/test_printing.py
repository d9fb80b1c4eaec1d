"""What people print: eight lines of 120 characters, whatever it holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

import qml_dynamics as qd
from qml_dynamics.base.printing import LINES, WIDTH, cut


def long_ansatz() -> object:
    """An ansatz whose circuit takes a hundred lines to draw."""
    circuit = QuantumCircuit(3)
    for i in range(30):
        circuit.ry(Parameter(f"a{i}"), i % 3)
        circuit.cx(i % 3, (i + 1) % 3)
    return qd.ansatz.from_circuit(circuit)


def nouns(folder: Path) -> dict[str, object]:
    """Problems, methods and results of every kind, each of them large."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    grid = qd.Grid([(-4, 4)] * 2, 4)
    learning = qd.Problem(grid, qd.objectives.neuron(X, X[:, 0] > 0), 0.1, clock="imaginary", duration=1.0)
    table = qd.objectives.from_table(rng.random(grid.shape), grid)
    ansatz = long_ansatz()
    small = qd.Problem.from_operator(SparsePauliOp(["ZII", "IXX"]), clock="imaginary", duration=0.1, initial=ansatz)
    labels = sorted({"".join(rng.choice(list("IXYZ"), 8)) for _ in range(200)})
    large = qd.Problem.from_operator(SparsePauliOp(labels), clock="imaginary", duration=0.1)
    qd.write_problem(learning.replace(objective=table), folder / "p.toml")
    found = qd.descend(qd.objectives.levy(), qubits=4, steps=10, compare=True, seed=1)
    return {
        "problem": learning,
        "objective": learning.objective,
        "table": table,
        "problem of a table": learning.replace(objective=table),
        "many weights": qd.Problem(qd.Hypercube(30), qd.objectives.quadratic(dim=30), 0.1, clock="real", duration=1.0),
        "operator": large,
        "strings": large.operator,
        "hamiltonian": qd.hamiltonian(learning),
        "ansatz": ansatz,
        "method": qd.Variational(ansatz, steps=3),
        "run of an ansatz": qd.evolve(small, qd.Variational(ansatz, steps=3)),
        "run": qd.evolve(learning, qd.SplitStep(5), seed=0),
        "descent": found,
        "chain": qd.metts(learning, tau=1.0, samples=8, seed=0),
        "problem file": qd.read_problem(folder / "p.toml"),
        "gibbs": qd.gibbs.softmax([0.1] * 60, beta=1.0),
    }


def test_no_noun_takes_more_than_eight_lines_of_120_characters(tmp_path: Path) -> None:
    found = nouns(tmp_path)
    for name, noun in found.items():
        for text in (str(noun), repr(noun)):
            lines = text.split("\n")
            assert len(lines) <= LINES == 8, (name, text)
            assert max(map(len, lines)) <= WIDTH == 120, (name, text)
            assert text.isprintable() or "\n" in text
    assert "Variational" in str(found["run of an ansatz"])
    assert "stop: " in str(found["run of an ansatz"])  # the end is not what is cut


@pytest.mark.parametrize("count", [1, 8, 9, 500])
def test_what_is_cut_is_told(count: int) -> None:
    lines = cut("\n".join(["x" * 300] * count)).split("\n")
    assert len(lines) == {1: 3}.get(count, 8)  # one long line is wrapped where there is room
    assert all(len(line) <= 120 for line in lines)
    assert (lines[-1] == f"and {count - 7} lines more") == (count > 8)


def test_a_notebook_shows_the_run_escaped() -> None:
    named = qd.Objective(lambda w: w[:, 0] ** 2, "<script>alert(1)</script>")
    run = qd.evolve(qd.Problem(qd.Grid((-1, 1), 2), named, 0.1, clock="real", duration=0.1), qd.SplitStep(2), seed=0)
    shown = run._repr_html_()
    assert shown.startswith("<pre>")
    assert "<script>" not in shown


def test_a_run_draws_itself() -> None:
    run = qd.evolve(
        qd.Problem(qd.Grid((-1, 1), 3), lambda w: w[:, 0] ** 2, 0.1, clock="real", duration=0.1), qd.SplitStep(2)
    )
    figure = run.plot()
    assert len(figure.axes) == len(qd.plotting.plot_summary(run).axes) > 1
