"""What the two factors of a bridge say: the density ``A B / sum(A B)``, its energies and observables, and their standard errors.

A module of its own beside `schrodinger_bridge`: the answer from the factors, however they were found.
"""

from __future__ import annotations

import numpy as np

from ...base.errors import MethodError, require
from ...model.hamiltonians import LearningHamiltonian
from ...results.trajectory import Trajectory
from ..base import Job, Stream
from .fortet_iteration import FLOOR, unnormalised

_RESAMPLES = 100  # of the samples, for standard errors


def factor_of(run: Trajectory, start: np.ndarray) -> np.ndarray:
    """A factor over times; known by its samples only, it is the root of their density."""
    if run.states is not None and run.counts is None:
        out: np.ndarray = np.maximum(unnormalised(run, start), FLOOR)
        return out
    return _roots(run)


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The densities ``a b / sum(a b)`` of pairs of factors, shape ``(times, *domain.shape)``, each adding up to 1."""
    p = a * b
    total = p.reshape(len(p), -1).sum(axis=1)
    require(bool((total > 0).all()), "shots", "let the two factors overlap (more of them)", "too few", MethodError)
    out: np.ndarray = p / total.reshape(-1, *[1] * (p.ndim - 1))
    return out


def values_of(job: Job, a: np.ndarray, b: np.ndarray, p: np.ndarray) -> dict[str, np.ndarray]:
    """Energy, its parts and the observables at each time, from the factors."""
    h = job.h
    assert isinstance(h, LearningHamiltonian)
    kinetic = []
    for left, right in zip(a, b):
        right_dual = h.transform.forward(right.astype(complex)) * h.dual
        kinetic.append(float(np.vdot(left, h.transform.inverse(right_dual)).real) / float(np.vdot(left, right)))
    return energies_of(job, kinetic, p)


def energies_of(job: Job, kinetic: list[float], p: np.ndarray) -> dict[str, np.ndarray]:
    """Energy, its parts and the observables at each time, from the kinetic part."""
    h, domain = job.h, job.problem.domain
    assert isinstance(h, LearningHamiltonian)
    d, s = h.coefficients(0.0)
    objective = p.reshape(len(p), -1) @ h.zeta.reshape(-1)
    out = {"energy": d * np.array(kinetic) + s * objective, "kinetic": np.array(kinetic), "objective": objective}
    return out | {o.name: p.reshape(len(p), -1) @ o.everywhere(domain) for o in job.observables}


def errors_of(job: Job, A: Trajectory, B: Trajectory) -> dict[str, np.ndarray]:
    """Standard errors from laws that the samples of both factors could have come from (Jeffreys' prior, so that points which no
    sample has reached count too); the shift of their mean, which is the bias of the roots, is part of the error.
    """
    if A.counts is None or B.counts is None:
        return {}
    rng = np.random.default_rng(job.seed(Stream.BRIDGE, 2))
    rows = [_drawn(job, np.sqrt(_redrawn(A, rng)), np.sqrt(_redrawn(B, rng))) for _ in range(_RESAMPLES)]
    seen = _drawn(job, _roots(A), _roots(B))
    out = {}
    for name, value in seen.items():
        values = np.array([row[name] for row in rows])
        out[name] = np.hypot(np.std(values, axis=0, ddof=1), np.mean(values, axis=0) - value)
    return out


def _drawn(job: Job, a: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
    p = product(a[::-1], b)
    return {"density": p, **values_of(job, a[::-1], b, p)}


def _roots(run: Trajectory) -> np.ndarray:
    out: np.ndarray = np.sqrt(np.maximum(run.density, 0.0))
    return out


def _redrawn(run: Trajectory, rng: np.random.Generator) -> np.ndarray:
    assert run.counts is not None
    shots = [c.shots for c in run.counts["weight"]]
    drawn = [rng.dirichlet(n * p.reshape(-1) + 0.5) for n, p in zip(shots, run.density)]
    return np.array(drawn).reshape(run.density.shape)
