"""Growing an ansatz: the pool generator that lowers the residual most is appended at angle 0.

With the tangent ``t = -i/2 P psi`` of a candidate, the squared residual falls by ``(b_t - a A^-1 b)^2 / (A_tt - a A^-1 a)``, with
``a`` the metric between ``t`` and the tangents there are. Source: Gomes et al., arXiv:2102.01544.
"""

from __future__ import annotations

from itertools import combinations, product

import numpy as np

from ..errors import MethodError, require
from .flow import Flow, Point
from .gates import pauli_name, pauli_phases
from .method import Growth

_NEW = 1e-8  # a candidate with less than this squared length off the tangents there are adds nothing
_WORTH = 1e-3  # a generator that lowers r^2 by a smaller share is not added
Masks = list[tuple[int, int]]


def grow(flow: Flow, point: Point, options: Growth) -> Point:
    """Add generators until the residual is below the threshold or none helps; the point again, with more parameters."""
    candidates = pool(options, flow.program.num_qubits, _keeps_real(flow, point))
    tangents = _pool_tangents(candidates, point.psi)
    while point.residual > options.threshold and len(point.theta) < options.max_parameters:
        gains = _gains(flow, point, tangents)
        best = int(gains.argmax())
        if gains[best] < _WORTH * point.residual**2:
            break
        x, z = candidates[best]
        flow.use(flow.program.grown([(x, z)], [f"grown {len(point.theta)}: {pauli_name(x, z)}"]))
        before = point.residual
        point = flow.at(point.time, np.append(point.theta, 0.0))
        if point.residual > before * (1 - 1e-6):
            break
    return point


def _keeps_real(flow: Flow, point: Point) -> bool:
    """Whether wave and velocity are real, so that only strings with an odd number of Y can help."""
    return (
        flow.imaginary and not np.any(np.abs(point.psi.imag) > 1e-12) and not np.any(np.abs(flow.velocity.imag) > 1e-10)
    )


def pool(options: Growth, num_qubits: int, odd: bool) -> Masks:
    """The masks ``(x, z)`` of the candidates.

    >>> [pauli_name(x, z) for x, z in pool(Growth(pool="grid"), 2, True)]
    ['Y0', 'Y1', 'X0 Y1', 'Y0 X1', 'Y0 Z1', 'Z0 Y1']
    """
    if not isinstance(options.pool, str):
        return [_masks(label, num_qubits) for label in options.pool]
    masks: Masks = []
    for weight in (1, 2) if options.pool == "pauli" else (1, 2, 3):
        for qubits in combinations(range(num_qubits), weight):
            for letters in product("XYZ", repeat=weight):
                word = dict(zip(qubits, letters))
                if options.pool == "grid" and not _of_grid(letters):
                    continue
                if odd and letters.count("Y") % 2 == 0:
                    continue
                masks.append(_word(word))
    return masks


def _of_grid(letters: tuple[str, ...]) -> bool:
    """Y, YX, YZ and YZZ in any order; single X and Z too, for waves that are not real."""
    if len(letters) < 3:
        return len(letters) == 1 or letters.count("Y") == 1
    return sorted(letters) == ["Y", "Z", "Z"]


def _word(word: dict[int, str]) -> tuple[int, int]:
    x = sum(1 << q for q, letter in word.items() if letter in "XY")
    z = sum(1 << q for q, letter in word.items() if letter in "ZY")
    return x, z


def _masks(label: str, num_qubits: int) -> tuple[int, int]:
    require(len(label) == num_qubits, "pool", f"have labels of {num_qubits} letters", label, MethodError)
    return _word({num_qubits - 1 - i: letter for i, letter in enumerate(label)})


def _pool_tangents(candidates: Masks, psi: np.ndarray) -> np.ndarray:
    n = len(psi).bit_length() - 1
    index = np.arange(len(psi))
    rows = np.stack([pauli_phases(x, z, n) * psi[index ^ x] for x, z in candidates])
    rows *= -0.5j
    return rows - np.multiply.outer(rows @ psi.conj(), psi)  # off the wave


def _gains(flow: Flow, point: Point, tangents: np.ndarray) -> np.ndarray:
    """The fall of r^2 for each candidate."""
    force = (tangents.conj() @ flow.velocity).real
    length2 = (np.abs(tangents) ** 2).sum(axis=1)
    if not len(point.theta):
        return np.where(length2 > _NEW, force**2 / np.maximum(length2, _NEW), 0.0)
    cross = flow.engine.cross(tangents)
    epsilon = max(point.solution.regularisation, 1e-10)
    matrix = point.metric + epsilon * np.eye(len(point.theta))
    answers = np.linalg.solve(matrix, np.column_stack([point.force, cross.T]))
    rest = length2 - (cross * answers[:, 1:].T).sum(axis=1)
    return np.where(rest > _NEW, (force - cross @ answers[:, 0]) ** 2 / np.maximum(rest, _NEW), 0.0)
