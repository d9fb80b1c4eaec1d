"""What a person's function does to the arrays that it is handed changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.model.objectives.base import Rows


def _spoiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, which overwrites its arrays once it has read them."""

    def spoiler(*given: Any) -> Any:
        out = np.array(function(*given))
        for each in given:
            if isinstance(each, np.ndarray):
                each[...] = 0
        return out

    return spoiler


def loss(w: np.ndarray) -> np.ndarray:
    return np.asarray((w[:, 0] - 0.5) ** 2)


def _problem(fn: Any, clock: str = "real") -> qd.Problem:
    return qd.Problem(qd.Grid((-2, 2), 3), fn, 0.5, clock=clock, duration=0.5, initial=qd.Gaussian(0.3, 0.5))


def _density(fn: Any, method: Any, clock: str = "real") -> Any:
    return qd.evolve(_problem(fn, clock), method, seed=1).density


def _rows(w: np.ndarray, index: np.ndarray) -> np.ndarray:
    return np.asarray((w - 0.1 * index) ** 2)


def _own_rows(wrap: Callable[[Any], Any]) -> Any:
    """Means over rows that a person makes, not by :func:`from_rows`, asked twice with the same arrays."""
    rows = Rows(4, wrap(lambda w, index: _rows(w, index).mean(axis=1)))
    points, index = np.array([[1.0], [2.0]]), np.arange(4)
    return np.stack([rows.mean(points, index), rows.mean(points, index)])


def _bell(w: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(-0.5 * ((w[:, 0] - 1) / 0.6) ** 2))


CALLS: dict[str, Callable[[Any], Any]] = {
    "loss, SplitStep": lambda wrap: _density(wrap(loss), qd.SplitStep(5)),
    "loss, chin4a": lambda wrap: _density(wrap(loss), qd.SplitStep(5, formula="chin4a")),
    "loss, HamiltonJacobi": lambda wrap: _density(wrap(loss), qd.HamiltonJacobi(5), "classical"),
    "observable": lambda wrap: (
        qd.evolve(
            _problem(loss),
            qd.SplitStep(5),
            seed=1,
            observables={"x": wrap(lambda w: w[:, 0]), "x2": lambda w: w[:, 0] ** 2},
        )
        .expectations["x2"]
        .value
    ),
    "gradient": lambda wrap: qd.Objective(loss, gradient_fn=wrap(lambda w: 2 * w)).gradient(np.array([[1.0], [2.0]])),
    "descend": lambda wrap: qd.descend(wrap(loss), bounds=[(-2, 2)], qubits=4, steps=50, seed=1).weights,
    "rivals": lambda wrap: [
        r.weights for r in qd.descent.rivals(qd.Objective(wrap(loss)), [(-2.0, 2.0)], 60, 1, ["grid_lbfgsb", "uniform"])
    ],
    "rows": lambda wrap: qd.objectives.from_rows(wrap(_rows), 4).rows.mean(np.array([[1.0], [2.0]]), np.arange(4)),  # type: ignore[union-attr]
    "own rows": lambda wrap: _own_rows(wrap),
    "data as a density": lambda wrap: qd.Diffusion(qd.Grid((-6, 6), 5), wrap(_bell)).start,
    "potential": lambda wrap: qd.Diffusion(qd.Grid((-6, 6), 5), _bell, potential=wrap(lambda w: w[:, 0] ** 2)).start,
    "taylor": lambda wrap: qd.taylor(_problem(wrap(loss)), order=2, about=0.2).objective.on(qd.Grid((-2, 2), 3)),  # type: ignore[union-attr]
}


@pytest.mark.parametrize("name", CALLS)
def test_functions_get_copies(name: str) -> None:
    plain, spoiled = CALLS[name](lambda f: f), CALLS[name](_spoiled)
    np.testing.assert_array_equal(np.asarray(spoiled), np.asarray(plain))
    assert np.ptp(np.asarray(plain)) > 0 or name == "descend"


@pytest.mark.parametrize("method", [qd.SplitStep(5), qd.Krylov(), qd.Exact(), qd.Trotter(5)], ids=str)
def test_a_callback_may_write_into_the_wave_and_keep_it(method: Any) -> None:
    plain = qd.evolve(_problem(loss), method, seed=1, save=3)
    kept = []

    def callback(step: int, view: Any) -> None:
        kept.append(view.state.copy())
        view.state[...] = 0

    spoiled = qd.evolve(_problem(loss), method, seed=1, save=3, callback=callback)
    assert len(kept) >= 3
    assert all(np.linalg.norm(psi) == pytest.approx(1, abs=1e-9) for psi in kept)
    np.testing.assert_allclose(spoiled.density, plain.density, atol=1e-12)


def test_the_minimiser_is_told_for_a_loss_that_writes_into_its_argument() -> None:
    def moved(w: np.ndarray) -> np.ndarray:
        w -= 1.0
        return np.asarray((w**2).sum(axis=1))

    found = qd.descend(moved, bounds=[(-3, 3)] * 2, qubits=4, steps=100, seed=1)
    assert found.loss < 1e-12
    assert found.weights == pytest.approx((1.0, 1.0), abs=1e-5)


def test_rows_of_data_are_copied_when_a_model_is_made_of_them() -> None:
    rows = np.linspace(-1.0, 1.0, 30)[:, None]
    model = qd.Diffusion(qd.Grid((-6, 6), 5), rows, bandwidth=0.7)
    kept = model.data.copy()
    rows += 3.0
    np.testing.assert_array_equal(model.data, kept)
    moved = qd.Diffusion(qd.Grid((-6, 6), 5), rows, bandwidth=0.7)
    assert np.abs(model.start - moved.start).max() > 1e-3
