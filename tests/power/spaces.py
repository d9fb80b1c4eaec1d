"""Weight spaces with unequal axes, on which a wrong axis, wall, twist or order of bits shows, and dense matrices of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import expm

from qml_dynamics.conformance import oracles
from qml_dynamics.model.domains import Grid, Hypercube
from qml_dynamics.synthesis.transforms import width

BOX = [(-2.0, 3.0), (0.0, 1.4)]
SPACES: dict[str, Any] = {
    "periodic": Grid(BOX, (2, 1)),
    "periodic, other way round": Grid(BOX, (1, 2)),
    "walls": Grid(BOX, (2, 1), "walls"),
    "walls, other way round": Grid(BOX, (1, 2), "walls"),
    "flux": Grid(BOX, (2, 1), twist=(0.3, -0.45)),
    "flux, other way round": Grid(BOX, (1, 2), twist=(-0.2, 0.4)),
    "hypercube": Hypercube(3),
}
GRIDS = {name: domain for name, domain in SPACES.items() if isinstance(domain, Grid)}


def loss(w: np.ndarray) -> np.ndarray:
    """Without any symmetry, on any number of weights."""
    slopes = 0.7 * (1.0 + np.arange(w.shape[1]))
    return np.sin(w @ slopes + 0.3) + 0.25 * (w[:, 0] - 0.4) ** 2


def random_wave(size: int, seed: int = 5) -> np.ndarray:
    """Amplitudes of unit norm."""
    rng = np.random.default_rng(seed)
    wave = rng.standard_normal(size) + 1j * rng.standard_normal(size)
    return wave / np.linalg.norm(wave)


def kinetic_matrix(domain: Any) -> np.ndarray:
    """Minus the Laplacian by explicit modes."""
    return oracles.laplacian(domain)


def potential_matrix(domain: Any) -> np.ndarray:
    """The loss on the points."""
    return np.diag(loss(oracles.coordinates(domain)))


def exponential(matrix: np.ndarray, z: complex) -> np.ndarray:
    """``exp(z matrix)``."""
    return np.asarray(expm(z * matrix))


def acted(circuit: Any, wave: np.ndarray, domain: Any) -> np.ndarray:
    """What a circuit makes of a wave on the lowest qubits, all others in ``|0>``; shape ``(2**others, size)``."""
    from qiskit.quantum_info import Statevector

    start = np.zeros(1 << circuit.num_qubits, dtype=complex)
    start[: wave.size] = wave.reshape(-1)
    out = Statevector(start).evolve(circuit).data
    return np.asarray(out.reshape(-1, domain.size))


def spare(domain: Any) -> int:
    """How many ancillas the circuits on a weight space have."""
    return width(domain) - domain.num_qubits
