"""The matrix: every registered method x weight space x clock x {exact, shots, noisy} x every verb is right or refused by its sentence.

The suite holds a cell of every row and column; ``slow`` a seeded sample of whole cells; ``matrix`` all of them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from registry_table import TABLE, Entry

import qml_dynamics as qd
from qml_dynamics.base.errors import ProblemError
from qml_dynamics.base.registry import METHODS, method_class
from qml_dynamics.conformance.cells import Cell, standard_problem
from qml_dynamics.conformance.method import VERBS, Report
from qml_dynamics.methods.base import CLOCKS, SPACES
from qml_dynamics.model.problem import CLOCKS as STATED


def allowed(entry: Entry, cell: Cell) -> bool:
    """Whether the facts of a method allow a cell."""
    facts = entry.method.facts()
    return cell.clock in facts.clocks and cell.space in facts.spaces


def whole() -> Iterator[Any]:
    """Every entry in every cell that its facts allow, with all its verbs."""
    for name, entries in TABLE.items():
        for number, entry in enumerate(entries):
            for cell in filter(lambda one: allowed(entry, one), entry.cells()):
                yield pytest.param(entry, cell, id=f"{name}-{number}-{cell.space}-{cell.clock}")


WHOLE = list(whole())
SAMPLE = random.Random(2026).sample(WHOLE, 14)


def judged(entry: Entry, cell: Cell, verbs: Any = None) -> Report:
    """The cell is right; what is refused in it is what the entry lists, and what belongs to no such method or problem."""
    asked = [verb for verb in (verbs or VERBS) if verb not in entry.without]
    report = qd.assert_valid_method(entry.method, problems=[cell.problem], verbs=asked, **entry.options)
    assert report.ran == (str(cell),)
    here = entry.method.facts().runs_on != "backend"
    ahead = entry.method.facts().circuits_known_ahead
    expected = set(entry.refused) | ({"submit", "circuits"} if here or not ahead else set()) | {"error_budget"}
    assert {verb for _, verb in report.refused} <= expected
    told = report.refused.get((str(cell), "error_budget"))
    assert told is None or "error_budget" in entry.refused or cell.clock == "classical", told
    return report


@pytest.mark.matrix
@pytest.mark.parametrize(("entry", "cell"), WHOLE)
def test_every_cell(entry: Entry, cell: Cell) -> None:
    """All verbs."""
    assert judged(entry, cell).ran == (str(cell),)


@pytest.mark.slow
@pytest.mark.parametrize(("entry", "cell"), SAMPLE)
def test_a_sample_of_whole_cells(entry: Entry, cell: Cell) -> None:
    """The same for fourteen cells that a seed has chosen."""
    assert judged(entry, cell).ran == (str(cell),)


# One cell of every method, such that every weight space, clock and verb stands in some of them.
CORNERS = {
    "split_step": ("walls", "imaginary", ("evolve", "shots", "error_budget", "command_line")),
    "krylov": ("onehot", "imaginary", ("evolve", "files", "problem_file")),
    "exact": ("flux", "real", ("evolve", "shots")),
    "trotter": ("walls", "real", ("evolve", "circuits", "cost")),
    "multi_product": ("hypercube", "real", ("evolve", "noisy", "circuits")),
    "qdrift": ("operator", "real", ("evolve", "circuits", "problem_file")),
    "tensor_train": ("flux", "real", ("evolve", "problem_file")),
    "random_order": ("operator", "real", ("submit",)),
    "mini_batch": ("periodic", "real", ("evolve", "files")),
    "schrodingerised": ("hypercube", "imaginary", ("evolve",)),
    "probabilistic_ite": ("hypercube", "imaginary", ("evolve",)),
    "qite": ("operator", "imaginary", ("circuits",)),
    "double_bracket": ("operator", "imaginary", ("circuits", "problem_file")),
    "variational": ("operator", "real", ("evolve", "files", "problem_file")),
    "growing": ("walls", "real", ("evolve", "shots", "problem_file")),
    "schrodinger_bridge": ("periodic", "imaginary", ("evolve", "problem_file", "files")),
    "hamilton_jacobi": ("walls", "classical", ("evolve", "cost")),
    "koopman_von_neumann": ("periodic", "classical", ("circuits", "cost")),
}


@pytest.mark.parametrize("name", list(CORNERS))
def test_a_corner_of_every_method(name: str) -> None:
    """Its first entry in one cell, by a few verbs."""
    space, clock, verbs = CORNERS[name]
    entry = TABLE[name][0]
    (cell,) = (one for one in entry.cells() if (one.space, one.clock) == (space, clock))
    assert judged(entry, cell, verbs).ran == (str(cell),)


def test_the_corners_hold_every_row_and_column() -> None:
    """And the table every registered method."""
    assert set(CORNERS) == set(TABLE) == set(METHODS)
    assert {space for space, _, _ in CORNERS.values()} == set(SPACES)
    assert {clock for _, clock, _ in CORNERS.values()} == set(STATED)
    assert {verb for _, _, verbs in CORNERS.values() for verb in verbs} == set(VERBS)


def test_the_table_goes_over_every_cell_that_a_method_claims() -> None:
    """For each fact of clock and weight space there is an entry; each entry is of the class of its name."""
    for name, entries in TABLE.items():
        claimed = {(s, c) for e in entries for s in e.method.facts().spaces for c in e.method.facts().clocks}
        gone = {(cell.space, cell.clock) for e in entries for cell in e.cells() if allowed(e, cell)}
        stated = {(s, c) for s, c in claimed if c in STATED and (c != "classical" or s in ("periodic", "walls"))}
        assert gone == stated, name
        assert all(type(entry.method) is method_class(name) for entry in entries)


@pytest.mark.parametrize("name", list(METHODS))
def test_every_other_cell_is_refused_by_the_facts(name: str) -> None:
    """By one sentence, before a wave is made; nothing is refused that the facts allow."""
    entry = TABLE[name][0]
    others = [cell.problem for cell in entry.cells() if not allowed(entry, cell)]
    report = qd.assert_valid_method(entry.method, problems=others)
    assert not report.ran
    assert len(report.excluded) == len(others)


def test_cells_that_cannot_be_stated() -> None:
    """Flux, a hypercube, an operator and one-hot axes on the classical clock are refused by the problem itself, in one line."""
    for space in ("flux", "hypercube", "operator", "onehot"):
        with pytest.raises(ProblemError, match=r"^Argument `(domain|clock)` must [^\n]+\.$"):
            standard_problem(space, "classical")  # type: ignore[arg-type]
    assert set(STATED) <= set(CLOCKS)
