"""Points on the classical clock have no wave: every use of the equation says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.learning.iterative import iterative_learning
from qml_dynamics.learning.minibatch.channel import averaged_state
from qml_dynamics.model.problem import need_waves
from qml_dynamics.model.taylor_polynomials import taylor_step


@pytest.fixture(scope="module")
def problem() -> qd.Problem:
    X = np.random.default_rng(0).normal(size=(12, 2))
    loss = qd.objectives.neuron(X, (X[:, 0] > 0).astype(int))
    grid = qd.Grid([(-2, 2)] * 2, 3)
    return qd.Problem(grid, loss, 0.5, clock="classical", duration=1.0, initial=qd.Gaussian((0.0, 0.0), 0.4))


VERBS: list[Callable[[qd.Problem], Any]] = [
    lambda p: qd.anneal(p, 3),
    lambda p: qd.anneal(p, 3, "portfolio", backend="statevector"),
    lambda p: qd.gibbs.thermal(p, 1.0),
    lambda p: qd.metts(p, 1.0, 10),
    lambda p: qd.descend(p, steps=10),
    lambda p: qd.descend(p, schedule=qd.QHD()),
    lambda p: taylor_step(p, [0.0, 0.0], 1, 0.1),
    lambda p: iterative_learning(p, [0.0, 0.0], 0.1, 1),
    lambda p: averaged_state(p, qd.MiniBatch(4, 2)),
    lambda p: qd.error_budget(p, qd.SplitStep(4)),
    lambda p: qd.error_budget(p, qd.Trotter(4), shots=100),
]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_refuses_it(verb: Callable[[qd.Problem], Any], problem: qd.Problem) -> None:
    with pytest.raises(qd.ProblemError, match=r"Argument `problem` must be on the real( or imaginary)? clock, but is"):
        verb(problem)


@pytest.mark.parametrize(
    "method",
    [
        qd.SplitStep(4), qd.Krylov(), qd.Exact(), qd.Trotter(4), qd.MultiProduct(), qd.MiniBatch(4, 2), qd.QITE(1, 4),
        qd.ProbabilisticITE(0.9, 4), qd.Schrodingerised(4, 4), qd.DoubleBracket(4),
        qd.Variational(qd.ansatz.hamiltonian(layers=1), steps=3),
    ],
    ids=lambda m: type(m).__name__,
)  # fmt: skip
def test_every_method_of_waves_refuses_it(method: Any, problem: qd.Problem) -> None:
    for verb in (qd.evolve, qd.cost):
        with pytest.raises(qd.MethodError, match="must run on the classical clock"):
            verb(problem, method)  # type: ignore[operator]
    with pytest.raises(qd.MethodError):
        qd.circuits(problem, method)


def test_waves_pass(problem: qd.Problem) -> None:
    for clock in ("real", "imaginary"):
        moving = problem.replace(clock=clock)
        assert need_waves(moving) is moving
    assert qd.taylor(problem, [0.0, 0.0], 1).clock == "classical"  # the polynomial of a loss is one on any clock
