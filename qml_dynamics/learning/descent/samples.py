"""Samples of a descent's last density: drawn, ranked by their loss, refined, and every evaluation counted."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...model.objectives.base import Objective
from ...results.sampling import draw
from ...results.trajectory import Counts, Trajectory
from .box import Box
from .polish import Polished, polish_samples


def refine_samples(objective: Objective, starts: np.ndarray, bounds: Any) -> tuple[Polished, ...]:
    """The polish of the best samples, best first; none of a table, which has no values between its points."""
    if objective.domain is not None:
        return ()
    return tuple(sorted(polish_samples(objective, starts, bounds), key=lambda p: p.loss))


def seed_of(run: Trajectory) -> int:
    """What everything that follows a run draws with: its own seed, cut to 32 bits."""
    return int(run.provenance["seed"] % 2**32)


def last_samples(run: Trajectory, samples: int) -> Counts:
    """The samples of the last time: those of the run, or drawn from its exact density."""
    return run.counts["weight"][-1] if run.counts else draw(run.density[-1], samples, seed_of(run))


def ranked(run: Trajectory, counts: Counts, box: Box | None) -> tuple[np.ndarray, np.ndarray, float]:
    """Different sampled weights with their losses, best first, and the best loss of as many uniform grid points.

    The losses are those that the grid's table holds already.
    """
    domain, objective = run.problem.domain, run.problem.objective
    assert objective is not None
    uniform = np.random.default_rng([seed_of(run), 1]).integers(0, domain.size, counts.shots)
    points, others = domain.points_at(counts.index), domain.points_at(np.unique(uniform))
    losses, least = objective(points), float(objective(others).min())
    order = np.argsort(losses, kind="stable")
    points, losses = points[order], losses[order]
    if box is None:
        return points, losses, least
    return box.weights(points), box.offset + box.scale * losses, box.offset + box.scale * least
