"""The kind of point that a refined sample is: a minimum, a saddle or maximum, a flat place, or a point with a slope.

A gradient method that starts at a saddle or a maximum stays there: its slope is 0 by symmetry, and that is no convergence. Slope and
curvature are taken by differences over the unit box, in units of the range of the loss, so that they depend on no unit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .polish import UnitLoss

STEPS = (1e-4, 1e-2)  # of the unit box: for slope and curvature, and to look farther where those vanish
_SLOPE = 1e-2  # of the range of the loss over the box, below which a point has no slope
_CURVED = 1e-4
_MOST = 8  # weights whose mixed curvatures are looked at; above, those of each weight alone


@dataclass(frozen=True)
class End:
    """Where a refinement has ended.

    Attributes:
        kind: ``"minimum"``, ``"no minimum"`` (saddle or maximum), ``"flat"``, or ``"slope"``.
        slope: largest derivative over the unit box that leads on inside it, in units of the range of the loss.
        curvature: least second derivative over the unit box, in the same units; None in a corner, where every weight is held.
        evaluations: that it took to see this.
    """

    kind: str
    slope: float
    curvature: float | None
    evaluations: int

    def __str__(self) -> str:
        curved = "a corner" if self.curvature is None else f"least curvature {self.curvature:.1e}"
        numbers = f"slope {self.slope:.1e}, {curved} (unit box, range of the loss)"
        return f"{WORDS[self.kind]}: {numbers}"


WORDS = {
    "minimum": "the polish has converged to a local minimum",
    "no minimum": "the polish has stopped at a saddle or a maximum, which is no minimum: take other samples",
    "flat": "the polish has stopped where the loss is flat, which is no minimum that it could tell",
    "slope": "the polish has not converged: the loss still falls",
}


def end_of(loss: UnitLoss, weights: np.ndarray) -> End:
    """What a point is, by differences of the loss around it.

    >>> from qml_dynamics.model.objectives.base import Objective
    >>> from .box import Counted
    >>> saddle = UnitLoss(Counted(Objective(lambda w: w[:, 0] ** 2 - w[:, 1] ** 2)), ((-1.0, 1.0),) * 2, 0.0, 2.0)
    >>> end_of(saddle, np.zeros(2)).kind, end_of(saddle, np.array([0.0, 1.0])).kind
    ('no minimum', 'minimum')
    """
    before, y = loss.loss.count, loss.unit(weights)
    found = [_around(loss, y, step) for step in STEPS]
    kinds = [_kind(least, noise / step**2) for (_, least, noise, _), step in zip(found, STEPS)]
    kind = next((k for k in kinds if k != "flat"), "flat")
    curvature = found[kinds.index(kind)][1]
    clear = [slope for (slope, _, noise, _), step in zip(found, STEPS) if noise / step <= _SLOPE]
    slope = clear[0] if clear else found[-1][0]
    if clear and slope > _SLOPE:
        kind = "slope"
    elif kind == "flat" and found[-1][3] > max(found[-1][2], 2 * STEPS[-1] * slope):
        kind = "no minimum"  # flat to second order, and lower beside it
    return End(kind, slope, curvature if np.isfinite(curvature) else None, loss.loss.count - before)


def _kind(least: float, noise: float) -> str:
    """By the least curvature, and what rounding makes of it."""
    if abs(least) <= max(_CURVED, noise):
        return "flat"
    return "minimum" if least > 0 else "no minimum"


def _around(loss: UnitLoss, y: np.ndarray, step: float) -> tuple[float, float, float, float]:
    """Slope and least curvature along axes that are free, the rounding of differences, and how far the loss falls around here."""
    n, high = len(y), 1.0
    centre = np.clip(y, step, high - step)  # a point at an edge is looked at from just inside
    eye = step * np.eye(n)
    values = loss.many(np.concatenate([centre[None], centre + eye, centre - eye]))
    middle, up, down = values[0], values[1 : n + 1], values[n + 1 :]
    gradient, diagonal = (up - down) / (2 * step), (up - 2 * middle + down) / step**2
    # at an edge a loss that rises inwards holds the point, and that weight is not free
    held = ((y < step) & (gradient > _SLOPE)) | ((y > high - step) & (gradient < -_SLOPE))
    free = np.flatnonzero(~held)
    size = max(float(np.abs(values).max()), abs(loss.base) / loss.scale)
    noise = 40 * np.finfo(float).eps * size
    if not free.size:
        return 0.0, np.inf, noise, 0.0
    curved = np.diag(diagonal[free])
    if free.size <= _MOST:
        pairs = [(a, b) for a in range(free.size) for b in range(a)]
        corners = np.array([eye[free[a]] + eye[free[b]] for a, b in pairs]).reshape(-1, n)
        both = loss.many(np.concatenate([centre + corners, centre - corners])) if pairs else np.zeros(0)
        for k, (a, b) in enumerate(pairs):
            mixed = 0.5 * (both[k] + both[len(pairs) + k] - 2 * middle) / step**2
            mixed -= 0.5 * (diagonal[free[a]] + diagonal[free[b]])
            curved[a, b] = curved[b, a] = mixed
    falls = float(middle - min(up[free].min(), down[free].min()))
    return float(np.abs(gradient[free]).max()), float(np.linalg.eigvalsh(curved)[0]), noise, falls
