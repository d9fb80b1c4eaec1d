"""The average over random circuits: means of the answers of all draws, with the errors that stand between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..base.errors import MethodError, integer
from ..base.estimate import Estimate, error_of_mean, few_samples
from ..model.hamiltonians import Hamiltonian, LearningHamiltonian, PauliHamiltonian
from ..model.masks import bit_count
from ..model.pauli import PauliSum
from ..model.schedules import rests
from ..results.sampling import merged_counts
from ..results.trajectory import Counts
from .base import Answer, Job


def check_draws(draws: int, seed: int | None) -> None:
    """Raise :class:`MethodError` unless both are in their ranges."""
    integer(draws, "draws", 1, 100_000, MethodError)
    if seed is not None:
        integer(seed, "seed", 0, 2**128, MethodError)


def averaged(answers: Sequence[Answer], job: Job, random: Sequence[bool]) -> tuple[Answer, dict[str, np.ndarray]]:
    """The mean of answers of random circuits, with the errors between them; and their standard deviations.

    No error is below that of the samples of all answers together. Where all draws give one value, those that were not drawn may give
    another: two counts of it among theirs are the least variance, as in :func:`~qml_dynamics.base.estimate.error_of_mean`. One draw alone
    tells nothing of others, and its error is infinite.

    Args:
        answers: one a draw.
        job: of the run.
        random: for each saved time whether draws can differ there.
    """
    count, first = len(answers), answers[0]
    expectations, spread = {}, {}
    for name in first.expectations:
        values = np.array([a.expectations[name].value for a in answers])
        between = values.std(axis=0, ddof=1) if count > 1 else np.zeros_like(values[0])
        between = np.where(between > 1e-13 * np.abs(values).max(), between, 0.0)  # round-off is no spread
        errors = np.array([np.broadcast_to(a.expectations[name].stderr, values[0].shape) for a in answers])
        stderr = np.sqrt((errors**2).sum(axis=0)) / count
        open_to = np.where(np.asarray(random) & (between == 0), _range(job, name), 0.0)
        if count > 1:
            parts = [stderr, few_samples(count) * between / np.sqrt(count), error_of_mean(0.0, 0.0, count, open_to)]
            stderr = np.max(parts, axis=0)
        else:
            stderr = np.where(open_to > 0, np.inf, stderr)
        expectations[name], spread[name] = Estimate(values.mean(axis=0), stderr, job.shots), between
    density = np.mean([a.density for a in answers], axis=0)
    out = replace(first, density=density, expectations=expectations)
    if count == 1:
        return out, spread
    counts = None
    if first.counts:
        counts = {basis: _merged([a.counts[basis] for a in answers if a.counts]) for basis in first.counts}
    return replace(out, states=None, counts=counts), spread


def _range(job: Job, name: str) -> np.ndarray:
    """How far two values of an expectation can be from each other, at each saved time; 0 for what every term of H keeps, and for
    functions of weights without diffusion."""
    times, h = job.saves.tolist(), job.h
    # without diffusion draws differ by phases of points alone
    keeps = isinstance(h, LearningHamiltonian) and rests((h.diffusion,), h.duration) and not h.diffusion.value(0.0, 1.0)
    for o in job.observables:
        if o.name == name and keeps and o.basis == "weight" and o.terms is None:
            return np.zeros(job.saves.shape)
        if o.name == name:
            found = float(np.ptp(o.everywhere(job.problem.domain))) if o.terms is None else _width(o.terms, job.h)
            return np.full(job.saves.shape, found)
    if isinstance(h, PauliHamiltonian):
        return np.array([_width(h.at(t), h) for t in times])
    if keeps and name != "kinetic":
        return np.zeros(job.saves.shape)
    if name in ("objective", "kinetic"):
        return np.full(job.saves.shape, float(np.ptp(h.zeta if name == "objective" else h.dual)))
    return np.array([high - low for low, high in map(h.bounds, times)])


def _width(terms: PauliSum, h: Hamiltonian) -> float:
    """At least the width of the spectrum; 0 where all strings commute with all those of H."""
    if isinstance(h, PauliHamiltonian):
        x, z = terms.x[:, None], terms.z[:, None]
        if not np.any((bit_count(x & h.terms.z) + bit_count(z & h.terms.x)) % 2):
            return 0.0
    return 2 * float(np.abs(terms.coefficients[(terms.x | terms.z) != 0]).sum())


def _merged(every: list[tuple[Counts, ...]]) -> tuple[Counts, ...]:
    return tuple(
        merged_counts(np.concatenate([c.index for c in same]), np.concatenate([c.count for c in same]))
        for same in zip(*every)
    )
