"""Thermal laws without a backend are those of the circuits, and large ones need no purifying register."""

from __future__ import annotations

import numpy as np
import pytest

import qml_dynamics as qd


def _bowl(w: np.ndarray) -> np.ndarray:
    return 0.5 * w[:, 0] ** 2 + 0.2 * w[:, 0] + 0.3 * w[:, -1]


@pytest.mark.parametrize(
    ("domain", "strength"),
    [
        (qd.Grid((-4, 4), 3, twist=0.3), 1.0),
        (qd.Grid((-4, 4), 3, "walls"), 1.0),
        (qd.Grid([(-4, 4), (-3, 3)], [2, 1]), 0.8),
        (qd.Hypercube(3), -0.7),
    ],
)
def test_columns_are_the_projected_circuits(domain: qd.Grid | qd.Hypercube, strength: float) -> None:
    problem = qd.Problem(domain, _bowl, 0.4, strength=strength, clock="imaginary", duration=1.0)
    columns = qd.gibbs.thermal(problem, 1.7, steps=3)
    circuits = qd.gibbs.thermal(problem, 1.7, steps=3, backend="statevector")
    np.testing.assert_allclose(columns.probabilities, circuits.probabilities, atol=1e-12)
    assert columns.success_probability == pytest.approx(circuits.success_probability, rel=1e-10)
    assert columns.log_partition == pytest.approx(circuits.log_partition, rel=1e-10)
    assert np.ptp(columns.probabilities) > 0.02  # the law is not flat


def test_ten_qubits_agree_with_the_dense_exponential() -> None:
    domain = qd.Grid([(-4, 4), (-3, 5)], 4)
    problem = qd.Problem(domain, _bowl, 0.5, clock="imaginary", duration=1.0)
    energies, waves = np.linalg.eigh(qd.hamiltonian(problem).matrix())
    weights = np.exp(-1.2 * energies)
    law = (waves**2 if np.isrealobj(waves) else np.abs(waves) ** 2) @ weights / weights.sum()
    errors = [abs(qd.gibbs.thermal(problem, 1.2, steps=k).probabilities.reshape(-1) - law).max() for k in (8, 16)]
    assert errors[1] < 5e-5
    assert 3.5 < errors[0] / errors[1] < 4.5  # Strang: order two
