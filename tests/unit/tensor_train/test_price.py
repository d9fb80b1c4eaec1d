"""What a run takes by the rank of its loss: told before it starts, and near what is found."""

from __future__ import annotations

import re

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics import MethodError, Problem
from qml_dynamics.methods.tensor_train.engine import Engine
from qml_dynamics.methods.tensor_train.interpolation import interpolated
from qml_dynamics.methods.tensor_train.price import priced
from qml_dynamics.methods.tensor_train.runs import stepper
from qml_dynamics.methods.tensor_train.trains import largest_bond, rounded

ROWS = np.random.default_rng(3).standard_normal((8, 3))
LABELS = np.sign(ROWS @ [1.0, -0.5, 0.3])


def neuron(w: np.ndarray) -> np.ndarray:
    """The squared error of one neuron on 8 rows, none like another."""
    return np.asarray(np.mean((np.tanh(0.3 * w @ ROWS.T) - LABELS) ** 2, axis=1) + 0.01 * (w**2).sum(axis=1))


def sharp(w: np.ndarray) -> np.ndarray:
    """The same with steps instead of slopes."""
    return neuron(40.0 * w) - 0.01 * 1599 * (w**2).sum(axis=1)


def weights(qubits: int, loss: object = neuron) -> Problem:
    """Three weights."""
    start = qd.Gaussian((1.0, 0.5, -0.5), 0.7)
    return Problem(qd.Grid([(-6, 6)] * 3, qubits), loss, 0.5, clock="real", initial=start, duration=1.0)  # type: ignore[arg-type]


def test_a_neuron_is_told_by_its_rank_before_it_starts() -> None:
    """In one line with the tolerance, the rank and the seconds; `cost` says the same; a bowl of the same size starts."""
    problem = weights(10)
    said = r"^Argument `max_seconds` must be at least [\d,]+, but is 300: at tolerance 1e-08 [^\n]* rank of about (\d+) [^\n]+\.$"
    with pytest.raises(MethodError, match=said) as caught:
        qd.evolve(problem, qd.TensorTrain(), progress=False)
    found = re.search(said, str(caught.value))
    assert found is not None
    assert int(found[1]) > 100
    with pytest.raises(MethodError, match=r"^Argument `max_seconds` must"):
        qd.cost(problem, qd.TensorTrain())
    with pytest.raises(MethodError, match=r"more than 48 at 0.001"):
        qd.evolve(weights(10, sharp), qd.TensorTrain(), progress=False)
    bowl = stepper(weights(10, lambda w: (w**2).sum(axis=1)), qd.TensorTrain())
    assert isinstance(bowl, Engine)
    assert priced(bowl, 4).seconds < 60


@pytest.mark.slow
def test_the_rank_that_is_told_is_near_the_one_found() -> None:
    """Ten times below the tolerances at which it is looked for; and a larger limit lets the run begin."""
    engine = stepper(weights(8), qd.TensorTrain(tolerance=1e-5, max_seconds=1e6))
    assert isinstance(engine, Engine)
    told = priced(engine, 8)
    train = interpolated(engine.factor(1 / 8), engine.seeds, 1e-7, 400).train
    rank = largest_bond(rounded(train, 1e-7, 400)[0])
    assert told.whole
    assert told.found[1][1] < told.found[2][1] < rank
    assert 0.7 * rank < told.rank < 1.5 * rank
    assert priced(engine, 16).seconds > told.seconds
