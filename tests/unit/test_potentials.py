"""The two potentials of one loss: which of them samples the Gibbs law."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.model.potentials import gibbs_density, laplacian, potential


def tilted(w: np.ndarray) -> np.ndarray:
    return (w[:, 0] ** 2 - 1) ** 2 + 0.2 * w[:, 0]


def skew(w: np.ndarray) -> np.ndarray:
    return w[:, 0] ** 2 + 0.7 * w[:, 0] * w[:, 1] + 0.8 * w[:, 1] ** 2 + 0.3 * w[:, 0]


def ground(p: qd.Problem) -> tuple[float, np.ndarray]:
    energy, wave = qd.hamiltonian(p).ground_state()
    return energy, wave**2


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return 0.5 * float(np.abs(a - b).sum())


def test_derivatives_by_formula_and_by_differences_agree() -> None:
    w = np.array([[0.3], [-1.2]])
    square, lap = (4 * w[:, 0] * (w[:, 0] ** 2 - 1) + 0.2) ** 2, 12 * w[:, 0] ** 2 - 4
    wanted = square / (4 * 0.4) - 0.5 * lap
    known = qd.Objective(tilted, gradient_fn=lambda w: 4 * w * (w**2 - 1) + 0.2)
    for loss in (tilted, known):
        assert np.allclose(potential(loss, "witten", 0.4)(w), wanted, atol=1e-8)
        assert np.allclose(laplacian(qd.Objective(tilted) if loss is tilted else known, w), lap, atol=1e-8)


@pytest.mark.parametrize("temperature", [0.4, 0.9])
def test_witten_samples_the_gibbs_law_and_the_objective_does_not(temperature: float) -> None:
    grid = qd.Grid((-3.2, 3.2), 7)
    wanted = gibbs_density(tilted, grid, temperature)
    for kind, t in (("witten", temperature), ("objective", None)):
        p = qd.Problem(grid, potential(tilted, kind, t), temperature, clock="imaginary", duration=1.0)
        energy, law = ground(p)
        if kind == "witten":
            assert energy == pytest.approx(0.0, abs=1e-7)
            assert distance(law, wanted) < 1e-6
        else:
            assert energy > 0.3
            assert distance(law, wanted) > 0.1


def test_imaginary_time_with_the_witten_potential_ends_in_the_gibbs_law() -> None:
    grid, t = qd.Grid([(-4, 4), (-4, 4)], 5), 0.8
    p = qd.Problem(
        grid, potential(skew, "witten", t), t, clock="imaginary", duration=12.0, initial=qd.Gaussian(0.5, 0.8)
    )
    run = qd.evolve(p, qd.Krylov(1e-9))
    wanted = gibbs_density(skew, grid, t)
    assert distance(run.density[0], wanted) > 0.2
    assert distance(run.density[-1], wanted) < 1e-4


def test_circuits_sample_it_too() -> None:
    grid, t = qd.Grid((-3, 3), 3), 0.8
    bowl = potential(lambda w: 0.6 * w[:, 0] ** 2 + 0.4 * w[:, 0], "witten", t)
    p = qd.Problem(grid, bowl, t, clock="imaginary", duration=2.0)
    run = qd.evolve(p, qd.ProbabilisticITE(1.0, 16, block="exact"), backend="aer", shots=20_000, seed=2)
    wanted = gibbs_density(lambda w: 0.6 * w[:, 0] ** 2 + 0.4 * w[:, 0], grid, t)
    assert distance(run.density[0], wanted) > 0.1
    assert distance(run.density[-1], wanted) < 0.06


def test_the_objective_form_is_the_loss_itself() -> None:
    loss = qd.Objective(tilted)
    assert potential(loss) is loss
    assert potential(tilted, "objective").fn is tilted


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: potential(tilted, "witen", 1.0), "Did you mean 'witten'"),
        (lambda: potential(tilted, "witten"), "`temperature` must be a positive number for the potential 'witten'"),
        (lambda: potential(tilted, "witten", 0.0), "`temperature` must be a positive number"),
        (lambda: potential(tilted, "witten", -1.0), "`temperature` must be a positive number"),
        (lambda: potential(tilted, "objective", 1.0), "`temperature` must be left out"),
        (lambda: potential(3.0), "`loss` must be an Objective or a function"),
        (lambda: potential(qd.objectives.from_table(np.zeros(8), qd.Grid((0, 1), 3)), "witten", 1.0), "table"),
    ],
)
def test_bad_input(call: Any, words: str) -> None:
    with pytest.raises(qd.ProblemError, match=words):
        call()
