"""Growing an ansatz: the pool generator that lowers the residual most is appended at angle 0.

With the tangent ``t = -i/2 P psi`` of a candidate, the squared residual falls by ``(b_t - a A^-1 b)^2 / (A_tt - a A^-1 a)``, with
``a`` the metric between ``t`` and the tangents there are. Source: Gomes et al., arXiv:2102.01544.

A module of its own beside `evolve` and `supply`: the choice from a pool, at one point of a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...base.errors import check_memory
from .engine.flow import Flow, Point
from .engine.gates import Angles, PauliRotation, Program, pauli_name, pauli_phases
from .options import Growth
from .pools import Masks
from .supply import Supply

POOLED = 48  # bytes a point and candidate: single strings, the rows of groups, and what is taken off them
_NEW = 1e-8  # a candidate with less than this squared length off the tangents there are adds nothing
_WORTH = 1e-3  # a generator that lowers r^2 by a smaller share is not added
_TIE = 1e-9  # gains that differ by less are the same but for rounding: the first of them is taken


def grow(flow: Flow, point: Point, options: Growth, supply: Supply | None = None) -> Point:
    """Add generators until the residual is below the threshold or none helps; the point again, with more parameters.

    ``supply``: that of the run, so that the pools of an operator are made once.
    """
    given = Supply(options, flow.h, flow.program.num_qubits) if supply is None else supply
    for candidates in given.levels(point.psi, _keeps_real(flow, point)):
        tangents = _pool_tangents(candidates, point.psi)
        while point.residual > options.threshold and len(point.theta) < options.max_parameters:
            gains = _gains(flow, point, tangents)
            best = int(np.flatnonzero(gains >= (1 - _TIE) * gains.max())[0])
            if gains[best] < _WORTH * point.residual**2:
                break
            flow.use(longer(flow.program, candidates[best]))
            before = point.residual
            point = flow.at(point.time, np.append(point.theta, 0.0))
            if point.residual > before * (1 - 1e-6):
                return point
        else:
            break
    return point


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


def _pool_tangents(candidates: Sequence[Masks], psi: np.ndarray) -> np.ndarray:
    n = len(psi).bit_length() - 1
    check_memory(POOLED * len(candidates) * psi.size, f"A pool of {len(candidates)} candidates on {n} qubits")
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
