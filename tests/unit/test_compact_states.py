"""Compact states of all kinds: what they refuse of their arguments, and that a run asks its observables before its first step."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.backends.aer import AerBackend
from qml_dynamics.methods import in_place
from qml_dynamics.methods.tensor_train.chains import Chain
from qml_dynamics.methods.tensor_train.engine import Engine
from qml_dynamics.model.problem import Problem
from qml_dynamics.results.compact import CompactState, CompactTrajectory

SPINS = 23  # one more than tables have
IN_PLACE = qd.SplitStep(2, precision="single_in_place")


def bowl(points: int) -> Problem:
    grid = qd.Grid((-8, 8), points)
    return Problem(grid, lambda w: w[:, 0] ** 2, 0.5, clock="real", initial=qd.Gaussian(1.0, 0.6), duration=0.1)


def spins(count: int) -> Problem:
    terms = {f"Z{i} Z{i + 1}": -1.0 for i in range(count - 1)} | {"X0": 0.7}
    return Problem.from_operator(terms, clock="real", duration=0.1, initial="0" * count)


RUNS: dict[str, Callable[..., Any]] = {
    "train": lambda **asked: qd.evolve(
        bowl(SPINS), qd.TensorTrain(1, tolerance=1e-4, max_bond=24), progress=False, **asked
    ),
    "register": lambda **asked: qd.evolve(spins(SPINS), qd.TensorTrain(1), progress=False, **asked),
    "Aer": lambda **asked: qd.evolve(
        spins(27), qd.Trotter(1), backend="aer:matrix_product_state", progress=False, **asked
    ),
    "in place": lambda **asked: qd.evolve(bowl(5), IN_PLACE, progress=False, **asked),
}


@cache
def last(kind: str) -> CompactState:
    run = RUNS[kind](save=[0.1])
    assert isinstance(run, CompactTrajectory)
    return run.compact[-1]


@pytest.mark.parametrize("kind", ["train", "register", "in place"])
def test_indices_out_of_range_are_refused(kind: str) -> None:
    """They are not wrapped round; those inside are read, Python's integers too."""
    state, size = last(kind), 32 if kind == "in place" else 1 << SPINS
    assert (np.abs(state.at(np.array([0, size // 2]))) < 1).all()
    assert np.array_equal(state.at(np.array([0, size // 2], dtype=object)), state.at(np.array([0, size // 2])))
    for index in ([-1], [0, size], [1 << 70], [0.5], [[0]]):
        with pytest.raises(qd.ProblemError, match=rf"^Argument `index` must be a list of [^\n]* 0 and {size - 1}, but"):
            state.at(index)


@pytest.mark.parametrize(("kind", "parts"), [("train", 256), ("register", 2), ("in place", 32)])
def test_the_marginal_that_is_asked_for_without_a_number_is_the_finest_of_eight_qubits(kind: str, parts: int) -> None:
    """Axes of fewer than eight qubits have fewer parts; each is the sum of the finer ones."""
    law = last(kind).marginal(0)
    assert law.shape == (parts,)
    assert law.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(law.reshape(2, -1).sum(axis=1), last(kind).marginal(0, 1), atol=1e-12)
    assert abs(law[: parts // 2].sum() - law[parts // 2 :].sum()) > 0.1  # the wave is on one side


def not_a_number(w: np.ndarray) -> np.ndarray:
    return np.where(w[:, 0] > -100, np.nan, 0.0)


@pytest.mark.parametrize("kind", ["train", "register", "in place"])
@pytest.mark.parametrize(
    ("words", "call"),
    [
        ("`shots` must be an integer between 1", lambda state: state.sample(0, 1)),
        ("`shots` must be an integer", lambda state: state.sample(2.5, 1)),
        ("`seed` must be an integer between 0", lambda state: state.sample(3, -1)),
        ("`axis` must be an integer between 0", lambda state: state.marginal(99, 1)),
        ("`qubits` must be an integer between 1", lambda state: state.marginal(0, qubits=99)),
        ("must be finite, but is nan", lambda state: state.expectation(not_a_number)),
    ],
)
def test_arguments_are_refused_by_name(kind: str, words: str, call: Callable[[CompactState], object]) -> None:
    with pytest.raises(qd.QMLDynamicsError, match=words):
        call(last(kind))


def without_pattern(w: np.ndarray) -> np.ndarray:
    """Of full rank: neighbours have nothing to do with each other."""
    return np.modf(np.abs(np.sin(w[:, 0] * 1e5)) * 1e5)[0]


FULL = "`observables` must be of a rank of at most max_bond = 24"
ODD = {kind: {not_a_number: r"`observables\['odd'\]` must be finite"} for kind in RUNS}
ODD["train"] |= {qd.of_momenta(not_a_number): r"`observables\['odd'\]` must be finite", without_pattern: FULL}


@pytest.mark.parametrize("kind", list(RUNS))
def test_observables_are_asked_before_the_first_step(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the end alone is saved. The steps are counted on their way, and a run without the observable has some."""
    steps = []

    def counted(owner: type, name: str) -> None:
        real = getattr(owner, name)

        def told(self: Any, *given: Any) -> Any:
            steps.append(len(given[0]) if owner is AerBackend else 2)
            return real(self, *given)

        monkeypatch.setattr(owner, name, told)

    for owner, name in ((Engine, "moves"), (Chain, "moves"), (in_place.Engine, "act")):
        counted(owner, name)
    counted(AerBackend, "trains")  # circuits: one is the start alone
    for odd, words in ODD[kind].items():
        with pytest.raises(qd.QMLDynamicsError, match=words):
            RUNS[kind](save=[0.1], observables={"odd": odd})
    assert steps in ([], [1])
    RUNS[kind](save=[0.1])
    assert len(steps) > 0
    assert max(steps) > 1
