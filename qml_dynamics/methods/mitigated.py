"""Errors of energies and observables of a run whose readout errors were undone, from the samples as they were read.

A module of its own beside `from_samples`, which counts of any backend go through: this is what mitigated ones take beside that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from .. import synthesis
from ..base.errors import ProblemError
from ..base.estimate import Estimate
from ..model.domains import Domain
from ..model.hamiltonians import LearningHamiltonian
from ..results.observables import Observable, PauliGroup, groups_at
from ..results.raw_counts import Part, error_before_projection
from ..results.trajectory import Counts
from .base import Job, Stream


def with_errors_before_projection(
    job: Job,
    groups: Mapping[str, Sequence[PauliGroup]],
    seen: Mapping[tuple[int, ...], Counts],
    expectations: Mapping[str, Estimate],
) -> dict[str, Estimate]:
    """The estimates with errors of at least :func:`~qml_dynamics.results.raw_counts.error_before_projection`.

    Those of counts that have nothing beside them stay as they are, and those of an observable that has no value at some point.
    """
    if all(counts.raw is None for counts in seen.values()):
        return dict(expectations)
    tables = {o.name: _table(o, job.problem.domain) for o in job.observables if o.function is not None}
    moments = [_parts(job, groups, seen, tables, i, t) for i, t in enumerate(job.saves.tolist())]
    return {
        name: replace(
            found, stderr=np.maximum(found.stderr, [error_before_projection(parts[name]) for parts in moments])
        )
        for name, found in expectations.items()
    }


def _table(observable: Observable, domain: Domain) -> np.ndarray | None:
    try:
        return observable.everywhere(domain)
    except ProblemError:  # where it has no value nothing was sampled, or its mean would have been refused
        return None


def _parts(
    job: Job,
    groups: Mapping[str, Sequence[PauliGroup]],
    seen: Mapping[tuple[int, ...], Counts],
    tables: Mapping[str, np.ndarray | None],
    i: int,
    t: float,
) -> dict[str, list[Part]]:
    """What each estimate at a saved time is the sum of: the counts that were measured for it, and functions of their outcomes."""
    domain, h, out = job.problem.domain, job.h, dict[str, list[Part]]()
    for number, (name, every) in enumerate(groups.items()):
        now = groups_at(h, name, every, t)
        out[name] = [
            (1.0, seen[Stream.OPERATORS, number, i, j], partial(_of_group, group)) for j, group in enumerate(now)
        ]
    weight, dual = seen[Stream.WEIGHT, i], seen.get((Stream.DUAL, i), seen[Stream.WEIGHT, i])
    if isinstance(h, LearningHamiltonian):
        d, s = h.coefficients(t)
        kinetic, objective = partial(_at_momenta, domain, h.dual), partial(_at_points, domain, h.zeta)
        out["energy"] = [(d, dual, kinetic), (s, weight, objective)]
        out["kinetic"], out["objective"] = [(1.0, dual, kinetic)], [(1.0, weight, objective)]
    for o in job.observables:
        if o.name in tables:
            table, points = tables[o.name], o.basis == "weight"
            place = _at_points if points else _at_momenta
            out[o.name] = [] if table is None else [(1.0, weight if points else dual, partial(place, domain, table))]
    return out


def _of_group(group: PauliGroup, outcome: np.ndarray) -> np.ndarray:
    table = group.everywhere()  # made when it is asked for: a run has one for each group and moment
    return np.asarray(table[outcome & (table.size - 1)])


def _at_points(domain: Domain, table: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    return np.asarray(table.reshape(-1)[synthesis.transforms.point_index(domain, outcome)])


def _at_momenta(domain: Domain, table: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    return np.asarray(table.reshape(-1)[synthesis.transforms.dual_index(domain, outcome)])
