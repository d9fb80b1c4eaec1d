"""Metric and force by shifted circuits (parameter-shift rules): no ancilla, exact since every rotation has two eigenvalues.

``A_gh = -(1/8) [f(++) - f(+-) - f(-+) + f(--)]`` with ``f = |<psi(a)|psi(a + pi/2 (+-e_g +- e_h))>|^2``, which is how often the
circuit followed by its inverse returns to ``|0...0>``; on the diagonal ``A_gg = (1 - f(pi)) / 4``. Force on the imaginary clock:
``b_g = -(1/4) [E(a_g + pi/2) - E(a_g - pi/2)]``. Sources: Mari, Bromley, Killoran, Phys. Rev. A 103, 012405 (2021),
arXiv:2008.06517; Mitarai et al., Phys. Rev. A 98, 032309 (2018), arXiv:1803.00745.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from qiskit import QuantumCircuit

from .estimates import Force, Metric, independent_spread, pulled_back
from .outcomes import Request, Seen
from .readings import Readings
from .rotations import RotationSequence

METRIC, FORCE = 2, 3
SIGNS = ((1, 1), (1, -1), (-1, 1), (-1, -1))


def metric_requests(sequence: RotationSequence, amounts: np.ndarray, width: int) -> list[Request]:
    """``2 P^2 - P`` overlaps."""
    out = []
    for h, late in enumerate(sequence.places):
        shifted = moved(amounts, (late, np.pi))
        out.append(Request((METRIC, h, h), partial(overlap, sequence, amounts, shifted, late + 1, width)))
        for g, early in enumerate(sequence.places[:h]):
            for k, (s, r) in enumerate(SIGNS):
                shifted = moved(amounts, (early, s * np.pi / 2), (late, r * np.pi / 2))
                out.append(Request((METRIC, g, h, k), partial(overlap, sequence, amounts, shifted, late + 1, width)))
    return out


def moved(amounts: np.ndarray, *by: tuple[int, float]) -> np.ndarray:
    """The angles with some of them shifted."""
    out = amounts.copy()
    for place, angle in by:
        out[place] += angle
    return out


def overlap(
    sequence: RotationSequence, amounts: np.ndarray, shifted: np.ndarray, stop: int, width: int
) -> QuantumCircuit:
    """The shifted steps before ``stop`` and the inverse of the unshifted ones; what comes later would cancel."""
    circuit = QuantumCircuit(width)
    sequence.append(circuit, shifted, 0, stop)
    sequence.undo(circuit, amounts, stop)
    return circuit


def metric(sequence: RotationSequence, jacobian: np.ndarray, seen: Seen) -> Metric:
    """Read :func:`metric_requests`."""
    count = sequence.num_rotations
    gate, variances = np.zeros((count, count)), np.zeros((count, count))
    for h in range(count):
        share, noise = seen[METRIC, h, h].share(0)
        gate[h, h], variances[h, h] = (1 - share) / 4, noise / 16
        for g in range(h):
            shares = [seen[METRIC, g, h, k].share(0) for k in range(4)]
            value = -sum(s * r * f for (s, r), (f, _) in zip(SIGNS, shares)) / 8
            gate[g, h] = gate[h, g] = value
            variances[g, h] = variances[h, g] = sum(v for _, v in shares) / 64
    value = jacobian.T @ gate @ jacobian
    return Metric(value, pulled_back(variances, jacobian), independent_spread(variances, jacobian))


def force_requests(sequence: RotationSequence, amounts: np.ndarray, readings: Readings, width: int) -> list[Request]:
    """Two energies a rotation, each in every basis of the Hamiltonian."""
    out: list[Request] = []
    for g, place in enumerate(sequence.places):
        for side, sign in enumerate((1, -1)):
            whole = partial(complete, sequence, moved(amounts, (place, sign * np.pi / 2)), width)
            out.extend(readings.energy_requests(whole, (FORCE, g, side)))
    return out


def complete(sequence: RotationSequence, amounts: np.ndarray, width: int) -> QuantumCircuit:
    """The circuit of the ansatz."""
    circuit = QuantumCircuit(width)
    sequence.append(circuit, amounts, 0, len(sequence.steps))
    return circuit


def force(sequence: RotationSequence, jacobian: np.ndarray, readings: Readings, seen: Seen, t: float) -> Force:
    """Read :func:`force_requests`."""
    value, variances = np.zeros(sequence.num_rotations), np.zeros(sequence.num_rotations)
    for g in range(sequence.num_rotations):
        up, down = (readings.energy(seen, t, (FORCE, g, side)) for side in (0, 1))
        value[g] = -(up.value - down.value) / 4
        variances[g] = (up.stderr**2 + down.stderr**2) / 16
    return Force(jacobian.T @ value, (jacobian.T * variances) @ jacobian)
