"""The average over random circuits: means of the answers of all draws, with the errors that stand between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..base.errors import MethodError, integer
from ..base.estimate import Estimate, few_samples
from ..results.sampling import merged_counts
from ..results.trajectory import Counts
from .base import Answer


def check_draws(draws: int, seed: int | None) -> None:
    """Raise :class:`MethodError` unless both are in their ranges."""
    integer(draws, "draws", 1, 100_000, MethodError)
    if seed is not None:
        integer(seed, "seed", 0, 2**128, MethodError)


def averaged(answers: Sequence[Answer], shots: int | None) -> tuple[Answer, dict[str, np.ndarray]]:
    """The mean of answers of random circuits, with the errors between them; and their standard deviations."""
    count, first = len(answers), answers[0]
    expectations, spread = {}, {}
    for name, one in first.expectations.items():
        values = np.array([a.expectations[name].value for a in answers])
        between = values.std(axis=0, ddof=1) if count > 1 else np.zeros_like(values[0])
        between = np.where(between > 1e-13 * np.abs(values).max(), between, 0.0)  # round-off is no spread
        stderr = (
            few_samples(count) * between / np.sqrt(count) if count > 1 else np.broadcast_to(one.stderr, values[0].shape)
        )
        expectations[name], spread[name] = Estimate(values.mean(axis=0), stderr, shots), between
    density = np.mean([a.density for a in answers], axis=0)
    out = replace(first, density=density, expectations=expectations)
    if count == 1:
        return out, spread
    counts = None
    if first.counts:
        counts = {basis: _merged([a.counts[basis] for a in answers if a.counts]) for basis in first.counts}
    return replace(out, states=None, counts=counts), spread


def _merged(every: list[tuple[Counts, ...]]) -> tuple[Counts, ...]:
    return tuple(
        merged_counts(np.concatenate([c.index for c in same]), np.concatenate([c.count for c in same]))
        for same in zip(*every)
    )
