"""The linear solve: regularisation, rank and condition."""

from __future__ import annotations

import numpy as np
import pytest

from qml_dynamics.base.errors import MethodError
from qml_dynamics.methods.variational.engine.linear import solve
from qml_dynamics.methods.variational.options import Cutoff, Growth


def system() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    vectors = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    values = np.array([2.0, 0.5, 1e-3, 0.0, 0.0])
    return (vectors * values) @ vectors.T, vectors[:, :3] @ np.array([1.0, -2.0, 3.0]), vectors


def test_tikhonov_rank_and_condition() -> None:
    a, b, _ = system()
    found = solve(a, b, 1e-4)
    np.testing.assert_allclose((a + 1e-4 * np.eye(5)) @ found.velocity, b, atol=1e-10)
    assert found.rank == 3
    assert 1e4 < found.condition < 1e5  # 2 / 1e-4 in the 2-norm
    assert found.regularisation == 1e-4


def test_cutoff_keeps_only_the_large_eigenvalues() -> None:
    a, b, vectors = system()
    found = solve(a, b, Cutoff(1e-2))
    np.testing.assert_allclose(found.velocity, vectors[:, :2] @ np.array([0.5, -4.0]), atol=1e-12)
    assert found.regularisation == pytest.approx(0.5)
    assert solve(a, b, Cutoff(1e-6)).condition == pytest.approx(2000)


def test_singular_without_regularisation_falls_back_to_least_squares() -> None:
    a, b, vectors = system()
    found = solve(a, b, 0.0)
    np.testing.assert_allclose(found.velocity, vectors[:, :3] @ np.array([0.5, -4.0, 3000.0]), rtol=1e-6)
    assert found.rank == 3 < len(b)


def test_a_solver_of_ones_own() -> None:
    a, b, _ = system()
    found = solve(a, b, lambda matrix, force: 7 * force)
    np.testing.assert_allclose(found.velocity, 7 * b, rtol=1e-9)  # nothing is solved, so only rounding is left
    assert found.rank == 3


@pytest.mark.parametrize("bad", [-1.0, 2.0, float("nan")])
def test_bad_cutoff(bad: float) -> None:
    with pytest.raises(MethodError, match="rcond"):
        Cutoff(bad)


def test_bad_growth() -> None:
    with pytest.raises(MethodError, match="pool"):
        Growth(pool="everything")
    with pytest.raises(MethodError, match="labels"):
        Growth(pool=["XQ"])
    with pytest.raises(MethodError, match="threshold"):
        Growth(threshold=0.0)
