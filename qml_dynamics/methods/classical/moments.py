"""Densities and means of points with momenta, weighted or sampled, as a run on the classical clock reports them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...base.errors import ProblemError
from ...base.estimate import mean_of_counts
from ...model.domains import Domain
from ...model.hamiltonians import LearningHamiltonian
from ...model.objectives.base import Objective
from ...results.observables import BEST_SAMPLES, Table, best_of, edge_weight
from ...results.sampling import draw, merged_counts
from ...results.trajectory import Counts
from ..base import Answer, Job, Stream


@dataclass(frozen=True, eq=False)
class Moment:
    """The ensemble at one time.

    Attributes:
        points, momenta: shape ``(size, ndim)``, inside the box.
        loss: at the points, shape ``(size,)``.
        cells: the grid point that each point belongs to, flat, shape ``(size,)``.
        weights: probabilities, or integer counts where the points are samples, shape ``(size,)``.
        density: on the grid, shape ``domain.shape``; None for samples, whose histogram it is.
        beside: of samples, the points next to the one seen most that were not seen.
    """

    points: np.ndarray
    momenta: np.ndarray
    loss: np.ndarray
    cells: np.ndarray
    weights: np.ndarray
    density: np.ndarray | None = None
    beside: Moment | None = None

    @property
    def sampled(self) -> bool:
        """Whether the points are samples."""
        return self.weights.dtype.kind in "iu"


def no_operators(job: Job) -> None:
    """Refuse observables that points with momenta do not have."""
    for o in job.observables:
        if o.terms is not None:
            raise ProblemError(
                f"Argument `observables` must be functions of weights or of momenta on the classical clock, but {o.name!r} is an "
                "operator."
            )


def report(
    job: Job, times: Sequence[float], moments: Sequence[Moment], stop: str, facts: Mapping[str, object]
) -> Answer:
    """The answer. Weights and momenta are known together, so that the energy's error has no part left out."""
    domain, h, table = job.problem.domain, job.h, Table()
    assert isinstance(h, LearningHamiltonian)
    for t, moment in zip(times, moments):
        d, s = h.coefficients(float(t))
        columns = _columns(job, moment, d, s)
        rest = {} if moment.beside is None else _columns(job, moment.beside, d, s)
        for name, values in columns.items():
            table.add(name, *_mean(values, moment, rest.get(name)))
    counts = None
    if moments[0].sampled:
        counts = {"weight": tuple(merged_counts(m.cells, m.weights) for m in moments)}
    density = np.array([_density(m, domain) for m in moments])
    drawn = counts["weight"][-1] if counts else draw(density[-1], BEST_SAMPLES, job.seed(Stream.BEST, 0))
    return Answer(
        times=np.array(times, dtype=float),
        density=density,
        states=None,
        log_norm=np.zeros(len(moments)),
        expectations=table.estimates(job.shots),
        counts=counts,
        best=best_of(h, drawn, job.seed(Stream.BEST, 1)),
        stop=stop,
        diagnostics={**facts, "edge_weight": edge_weight(domain, density)},
    )


def _columns(job: Job, moment: Moment, d: float, s: float) -> dict[str, np.ndarray]:
    """Energy, its parts and the observables at the points of a moment."""
    kinetic = (moment.momenta**2).sum(axis=1)
    columns = {"energy": d * kinetic + s * moment.loss, "kinetic": kinetic, "objective": moment.loss}
    for o in job.observables:
        assert o.function is not None
        columns[o.name] = Objective(o.function, o.name)(moment.points if o.basis == "weight" else moment.momenta)
    return columns


def _mean(values: np.ndarray, moment: Moment, beside: np.ndarray | None) -> tuple[float, float]:
    if moment.sampled:
        mode = values[int(np.argmax(moment.weights))]
        unseen = 0.0 if beside is None else float(np.abs(beside - mode).max(initial=0.0))
        return mean_of_counts(values, moment.weights, unseen)
    return float(moment.weights @ values), 0.0


def _density(moment: Moment, domain: Domain) -> np.ndarray:
    if moment.density is not None:
        return moment.density
    total = moment.weights.sum()
    return np.bincount(moment.cells, weights=moment.weights / total, minlength=domain.size).reshape(domain.shape)


def sampled_moment(moment: Moment, shots: int, seed: int) -> Moment:
    """``shots`` samples of a moment's points."""
    counts: Counts = draw(moment.weights, shots, seed)
    i = counts.index
    left = np.setdiff1d(np.flatnonzero(moment.weights), i)
    mode = moment.points[i[int(np.argmax(counts.count))]]
    size = np.ptp(moment.points, axis=0)
    away = (((moment.points[left] - mode) / np.where(size > 0, size, 1.0)) ** 2).sum(axis=1)
    near = left[np.argsort(away, kind="stable")[: 2 * mode.size]]
    beside = _part(moment, near, moment.weights[near])
    return replace(_part(moment, i, counts.count), beside=beside)


def _part(moment: Moment, i: np.ndarray, weights: np.ndarray) -> Moment:
    """Some points of a moment."""
    return Moment(moment.points[i], moment.momenta[i], moment.loss[i], moment.cells[i], weights)
