"""Numbers of THEORY section 1.4, and T36."""

from __future__ import annotations

import numpy as np
import pytest

from qml_dynamics import QDrift
from qml_dynamics.learning.growth import entropy, flow_values, log_volume, orthogonality_flow, orthogonality_gradient
from qml_dynamics.methods.randomised import error_bound, qdrift_channel
from qml_dynamics.model.pauli import pauli_sum


def ising() -> np.ndarray:
    """The transverse-field Ising chain of THEORY A1: n = 4, J = 1, h = 0.9."""
    x, z, one = np.array([[0.0, 1], [1, 0]]), np.diag([1.0, -1]), np.eye(2)

    def string(letters: list[np.ndarray]) -> np.ndarray:
        out = np.eye(1)
        for letter in letters:
            out = np.kron(out, letter)
        return out

    bonds = sum(string([z if j in (i, i + 1) else one for j in range(4)]) for i in range(3))
    return -bonds - 0.9 * sum(string([x if j == i else one for j in range(4)]) for i in range(4))


def test_t17_qdrift_falls_as_one_over_n_below_its_bound() -> None:
    h = ising()
    energies, vectors = np.linalg.eigh(h)
    u = (vectors * np.exp(-1j * energies)) @ vectors.T
    rho = np.zeros((16, 16), dtype=complex)
    rho[0, 0] = 1.0
    exact = u @ rho @ u.conj().T
    counts, distances = [50, 200, 800, 3200], []
    for n in counts:
        miss = (qdrift_channel(h, 1.0, n) @ rho.reshape(-1)).reshape(16, 16) - exact
        distances.append(0.5 * float(np.abs(np.linalg.eigvalsh(miss)).sum()))
    assert distances == pytest.approx([0.420, 0.133, 0.0353, 0.0090], rel=0.01)
    bounds = [error_bound(QDrift(n), pauli_sum(h), 1.0) for n in counts]
    assert bounds == pytest.approx([2.27, 0.465, 0.111, 0.0273], rel=0.01)
    assert all(d < b for d, b in zip(distances, bounds))
    slopes = np.diff(np.log(distances[1:])) / np.diff(np.log(counts[1:]))
    assert slopes == pytest.approx([-1, -1], abs=0.1)


def test_volume_and_entropy_of_the_diagonal_layers() -> None:
    for w, expected in ((np.diag([2.0, 0.5]), 0.0), (np.diag([3.0, 0.5]), 0.405465)):
        assert log_volume(w)[0] == pytest.approx(expected, abs=1e-6)
        s = np.array([[1.0, 0.3], [0.3, 2.0]])
        gain = entropy(w @ s @ w.T, kind="differential") - entropy(s, kind="differential")
        assert gain == pytest.approx(expected, abs=1e-6)


def test_t36_orthogonality_flow() -> None:
    assert flow_values([0.3, 1.7], 0.5) == pytest.approx([0.918556, 1.006043], abs=1e-6)
    w, h = np.diag([0.3, 1.7]), 1e-4
    for _ in range(5000):
        w = w - h * orthogonality_gradient(w)
    assert np.diag(w) == pytest.approx(np.diag(orthogonality_flow(np.diag([0.3, 1.7]), 0.5)), abs=1e-4)
