"""What people print: eight lines of 120 characters, whatever it holds."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

import qml_dynamics as qd
import qml_dynamics.backends
import qml_dynamics.runs
from qml_dynamics.base.printing import LINES, WIDTH, cut, fits, whole_text
from qml_dynamics.validation.error_parts import TERMS
from tests.stored.names import _public


def long_ansatz() -> object:
    """An ansatz whose circuit takes a hundred lines to draw."""
    circuit = QuantumCircuit(3)
    for i in range(30):
        circuit.ry(Parameter(f"a{i}"), i % 3)
        circuit.cx(i % 3, (i + 1) % 3)
    return qd.ansatz.from_circuit(circuit)


def small_circuit() -> QuantumCircuit:
    """One qubit, twelve angles."""
    circuit = QuantumCircuit(1)
    for i in range(12):
        circuit.ry(Parameter(f"a{i:02d}"), 0)
        circuit.rx(0.1, 0)
    return circuit


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
        "cost": qd.cost(learning.replace(clock="real"), qd.Trotter(4), backend="aer", shots=100),
        "comparison": qd.compare(qd.evolve(learning, qd.SplitStep(5)), qd.evolve(learning, qd.SplitStep(6))),
        "training": qd.train(small_circuit(), np.diag([1.0, -1.0]), [0.3] * 12, steps=2, seed=0),
        "grown": qd.growth.train_network(
            rng.normal(size=(40, 2)),
            np.arange(40) % 2,
            growth=qd.growth.NeuronGrowth(threshold=0.0, every=1, max_hidden=16),
            training=qd.growth.Training(epochs=14),
        ),
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


def public_classes() -> list[type]:
    """The dataclasses and named tuples among the public names, which hold more than numbers and words."""
    found: dict[type, None] = {}
    pending: list[object] = [qd, qd.runs, qd.backends]
    while pending:
        value = pending.pop()
        if isinstance(value, ModuleType):
            names = value.__all__ if value is qd else _public(value)
            pending += [getattr(value, name) for name in names]
        elif isinstance(value, type) and (dataclasses.is_dataclass(value) or hasattr(value, "_fields")):
            found[value] = None
    return sorted(found, key=lambda cls: (cls.__module__, cls.__name__))


PLAIN = re.compile(r"(float|int|str|bool|None|Estimate|Path|[ |])+")


@pytest.mark.parametrize("cls", public_classes(), ids=lambda cls: cls.__name__)
def test_no_public_class_prints_long_whatever_it_holds(cls: type) -> None:
    """With a thousand numbers in every field that may hold them; a class with a ``repr`` of its own is printed above."""
    named = hasattr(cls, "_fields")
    shown = list(cls._fields) if named else [f.name for f in dataclasses.fields(cls) if f.repr]  # type: ignore[attr-defined]
    types = {name: str(cls.__annotations__.get(name, "object")) for name in shown}
    wide = [name for name in shown if not PLAIN.fullmatch(types[name])]
    own = not named and (cls.__repr__ is cls.__str__ or not cls.__dataclass_params__.repr)  # type: ignore[attr-defined]
    if own or not wide:
        assert own or all(PLAIN.fullmatch(kind) for kind in types.values())
        return
    values = {name: list(range(1000)) if name in wide else 1 for name in shown}
    if named:
        made = cls(**values)
    else:
        made = object.__new__(cls)
        for name, value in values.items():
            object.__setattr__(made, name, value)
    assert fits(repr(made))
    assert type(made).__name__ in repr(made)


def test_what_is_compared_is_printed_whole() -> None:
    """Two schedules that differ far behind: their short texts are the same, what runs are compared by is not."""
    values = [1.0 + 0.001 * i for i in range(300)]
    one, other = qd.Knots(tuple(values)), qd.Knots((*values[:-1], 9.0))
    assert repr(one) == repr(other)
    assert whole_text(one) != whole_text(other)
    assert whole_text(qd.Linear(0.0, 1.0)) == repr(qd.Linear(0.0, 1.0)) == "Linear(start=0.0, stop=1.0)"
    assert whole_text(qd.SplitStep(3)) == repr(qd.SplitStep(3))


def test_a_budget_is_brief_and_its_table_is_whole() -> None:
    terms = {name: qd.Estimate(0.01234567 * (i + 1), 0.001, 100) for i, name in enumerate(TERMS)}
    notes = tuple(f"note {i}: " + "word " * 60 for i in range(5))
    one = qd.Estimate(0.5, 0.01, 100)
    budget = qd.ErrorBudget(terms, terms, {"grid": 1e-3}, one, one, one, 64, notes)
    assert fits(str(budget))
    assert all(name in str(budget) for name in (*TERMS, "total", "largest part: shots", "64 cells"))
    assert len(budget.table().split("\n")) == 18
    assert budget.table().endswith(notes[-1])


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
