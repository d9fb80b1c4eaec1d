"""Growing an ansatz: the pool generator that lowers the residual most is appended at angle 0.

With the tangent ``t = -i/2 P psi`` of a candidate, the squared residual falls by ``(b_t - a A^-1 b)^2 / (A_tt - a A^-1 a)``, with
``a`` the metric between ``t`` and the tangents there are. Source: Gomes et al., arXiv:2102.01544.

A module of its own beside `evolve`: the pool and the choice from it, at one point of a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, permutations, product

import numpy as np

from ...base.errors import MethodError, require
from ...model.hamiltonians import Hamiltonian, PauliHamiltonian
from .engine.flow import Flow, Point
from .engine.gates import Angles, PauliRotation, Program, commuting_groups, pauli_name, pauli_phases
from .options import Growth

_NEW = 1e-8  # a candidate with less than this squared length off the tangents there are adds nothing
_WORTH = 1e-3  # a generator that lowers r^2 by a smaller share is not added
Masks = list[tuple[int, int]]


def grow(flow: Flow, point: Point, options: Growth) -> Point:
    """Add generators until the residual is below the threshold or none helps; the point again, with more parameters."""
    candidates = _candidates(flow, options, _keeps_real(flow, point))
    tangents = _pool_tangents(candidates, point.psi)
    while point.residual > options.threshold and len(point.theta) < options.max_parameters:
        gains = _gains(flow, point, tangents)
        best = int(gains.argmax())
        if gains[best] < _WORTH * point.residual**2:
            break
        flow.use(longer(flow.program, candidates[best]))
        before = point.residual
        point = flow.at(point.time, np.append(point.theta, 0.0))
        if point.residual > before * (1 - 1e-6):
            break
    return point


def _candidates(flow: Flow, options: Growth, odd: bool) -> list[Masks]:
    """What one angle may rotate: single strings, or (pool ``"terms"``) groups of them too."""
    if options.pool == "terms":
        return grouped(flow.h, odd)
    return [[mask] for mask in pool(options, flow.program.num_qubits, odd)]


def longer(program: Program, group: Masks) -> Program:
    """The ansatz with the rotations of a group at its end, which share one angle that stands at 0."""
    a = program.angles
    slots = len(a.constant) + np.arange(len(group))
    angles = Angles(
        a.num_parameters + 1,
        np.concatenate([a.constant, np.zeros(len(group))]),
        np.concatenate([a.slot, slots]),
        np.concatenate([a.parameter, np.full(len(group), a.num_parameters)]),
        np.concatenate([a.weight, np.ones(len(group))]),
        a.curved,
    )
    name = f"grown {a.num_parameters}: {' + '.join(pauli_name(x, z) for x, z in group)}"
    gates = program.gates + tuple(PauliRotation(x, z, 0.5, int(s)) for (x, z), s in zip(group, slots))
    theta0 = np.append(program.theta0, 0.0)
    return replace(program, gates=gates, angles=angles, theta0=theta0, names=(*program.names, name))


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


def grouped(h: Hamiltonian, odd: bool) -> list[Masks]:
    """Groups of strings made from the operator's own terms, and their members one by one.

    A group is all that comes from one group of commuting terms by turning one letter into another, or from two groups by the
    commutators of their terms; where wave and operator are not real, the groups of terms themselves come first. So the sums
    keep the symmetries that the operator's groups have, and one angle rotates all of a group.

    Args:
        h: of an operator (``Problem.from_operator``).
        odd: only strings with an odd number of Y.

    Raises:
        MethodError: the Hamiltonian of a loss, which has no terms.

    >>> from qml_dynamics import Problem, hamiltonian
    >>> h = hamiltonian(Problem.from_operator(np.array([[1.0, 0.5], [0.5, -1.0]]), clock="imaginary", duration=1.0))
    >>> [[pauli_name(x, z) for x, z in group] for group in grouped(h, True)]
    [['Y0']]
    """
    if not isinstance(h, PauliHamiltonian):
        raise MethodError("Argument `pool` must be 'grid', 'pauli' or a list of labels for a loss, but is 'terms'.")
    sets = [[(int(h.terms.x[j]), int(h.terms.z[j])) for j in group] for group in commuting_groups(h.terms)]
    found: list[Masks] = [] if odd else [list(group) for group in sets]
    for group in sets:
        for old, new in permutations(_LETTERS, 2):
            found.append([mask for string in group for mask in _turned(string, _LETTERS[old], _LETTERS[new])])
    for one, other in combinations(sets, 2):
        found.append([(a ^ c, b ^ d) for a, b in one for c, d in other if _crossed((a, b), (c, d))])
    found = [list(dict.fromkeys(m for m in group if not odd or _count_y(m) % 2)) for group in found]
    unique = {frozenset(group): group for group in reversed(found) if group}
    groups = list(reversed(unique.values()))
    singles = dict.fromkeys(m for group in groups for m in group)
    return groups + [[m] for m in singles if frozenset([m]) not in unique]


_LETTERS = {"X": (1, 0), "Y": (1, 1), "Z": (0, 1)}


def _turned(string: tuple[int, int], old: tuple[int, int], new: tuple[int, int]) -> Masks:
    """The string with one of its ``old`` letters made ``new``, for each of them."""
    x, z = string
    sites = [q for q in range((x | z).bit_length()) if (x >> q & 1, z >> q & 1) == old]
    return [(x ^ (old[0] ^ new[0]) << q, z ^ (old[1] ^ new[1]) << q) for q in sites]


def _count_y(mask: tuple[int, int]) -> int:
    return (mask[0] & mask[1]).bit_count()


def _crossed(a: tuple[int, int], b: tuple[int, int]) -> bool:
    """Whether two strings do not commute."""
    return ((a[0] & b[1]).bit_count() + (a[1] & b[0]).bit_count()) % 2 == 1


def _pool_tangents(candidates: Sequence[Masks], psi: np.ndarray) -> np.ndarray:
    n = len(psi).bit_length() - 1
    index = np.arange(len(psi))
    single = {m: pauli_phases(*m, n) * psi[index ^ m[0]] for m in dict.fromkeys(m for g in candidates for m in g)}
    rows = np.stack([sum(single[m] for m in group) for group in candidates])
    rows *= -0.5j
    out: np.ndarray = rows - np.multiply.outer(rows @ psi.conj(), psi)  # off the wave
    return out


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
