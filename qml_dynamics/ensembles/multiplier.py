"""The multiplier, the potential and hbar from a history of density and free energy, with errors and refusals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..estimate import Estimate
from . import panel
from .answers import SURE, Answer, NotIdentifiable
from .observed import History

_OBEYED = 0.02  # share of the variation that discretisation may leave


Told = tuple[Answer, Answer, Answer, np.ndarray | None, str | None]


def from_history(history: History | None, d: Answer, g: Answer, seed: int) -> Told:
    """``mu``, V, ``hbar^2``, the points of V, and whether the history obeys the equation at all, in words."""

    def none(reason: str, words: str | None = None) -> Told:
        return NotIdentifiable(reason), NotIdentifiable(reason), NotIdentifiable(reason), None, words

    if history is None:
        return none("density and free energy were not observed at several times")
    if len(history.times) < panel.LEAST_TIMES:
        return none(f"{len(history.times)} times are too few ({panel.LEAST_TIMES} are needed)")
    if not (isinstance(d, Estimate) and isinstance(g, Estimate)):
        return none("the diffusion and the mobility must be known first")
    smooth = panel.smooth(history)
    if smooth is None:
        return none("too few points have density at all times")
    at = (float(d), float(g))
    best = panel.regress(smooth, *at, smooth.C, smooth.F)
    drawn = panel.replicas(smooth, *at, seed)
    moved = float(np.mean([r.variation for r in drawn])) - best.variation  # what noise alone adds to the variation
    scale = float(np.mean((at[1] * (smooth.F @ smooth.bases[1][1].T) ** 2) ** 2)) + 1e-300
    still = best.variation < max(10 * abs(moved), 1e-12 * scale) or not np.isfinite(best.mu)
    obeys = _obeys(best, drawn, still)
    if still:
        return none("the free energy is stationary: it does not vary in time beyond noise", obeys)
    spread = np.array([r.mu for r in drawn])
    mu = 2 * best.mu - float(spread.mean())  # less the bias that the bootstrap sees
    dd, dg = (_slope(smooth, at, i, lambda r, a: r.mu) for i in (0, 1))
    stderr = math.sqrt(spread.var(ddof=1) + best.robust**2 + (dd * d.stderr) ** 2 + (dg * g.stderr) ** 2)
    if abs(mu) < SURE * stderr:
        return none("the noise hides the slope of the regression", obeys)
    own = float(np.hypot(spread.std(ddof=1), best.robust))
    squared = _squared(smooth, at, mu, own, d, g)
    V = Estimate(best.V, _potential_errors(smooth, at, best, drawn, own, d, g), None)
    return Estimate(mu, stderr), V, squared, smooth.x, obeys


def _obeys(best: panel.Regression, drawn: list[panel.Regression], still: bool) -> str | None:
    """What is left of the equation beyond noise; None where nothing moves beyond noise, so that nothing is tested.

    A replica holds the noise of the history and as much again, so the difference of the residuals is one share of noise.
    Where the right side stands ``still`` it can explain nothing, and all that moves on the left is left.
    """
    left, others = (best.total, [r.total for r in drawn]) if still else (best.residual, [r.residual for r in drawn])
    noise = max(float(np.mean(others)) - left, 0.0)
    beyond = left - noise
    if best.total < 10 * noise or best.total == 0:
        return None
    share = max(beyond, 0.0) / best.total
    does = "obeys" if share < _OBEYED or beyond < SURE * noise else "does not obey"
    return f"the history {does} the functional's equation ({100 * share:.0f} % of its variation is left beyond noise)"


def _slope(smooth: panel.Panel, at: tuple[float, float], which: int, read: Any) -> Any:
    """Derivative of something read from the regression with respect to D or gamma, the data kept."""
    step = 1e-5 * max(abs(at[which]), 1e-12)
    ends = []
    for sign in (1, -1):
        here = tuple(v + sign * step * (i == which) for i, v in enumerate(at))
        ends.append(read(panel.regress(smooth, here[0], here[1], smooth.C, smooth.F), here))
    return (ends[0] - ends[1]) / (2 * step)


def _hbar2(mu: float, at: tuple[float, float]) -> float:
    return 4 * at[0] / (at[1] * mu) - 1 / mu**2


def _squared(smooth: panel.Panel, at: tuple[float, float], mu: float, own: float, d: Estimate, g: Estimate) -> Estimate:
    by_mu = -4 * at[0] / (at[1] * mu**2) + 2 / mu**3
    by_d, by_g = (_slope(smooth, at, i, lambda r, a: _hbar2(r.mu, a)) for i in (0, 1))
    return Estimate(_hbar2(mu, at), math.sqrt((by_mu * own) ** 2 + (by_d * d.stderr) ** 2 + (by_g * g.stderr) ** 2))


def _potential_errors(
    smooth: panel.Panel,
    at: tuple[float, float],
    best: panel.Regression,
    drawn: list[panel.Regression],
    own: float,
    d: Estimate,
    g: Estimate,
) -> np.ndarray:
    by_d, by_g = (_slope(smooth, at, i, lambda r, a: r.V) for i in (0, 1))
    spread = np.std([r.V for r in drawn], axis=0, ddof=1)
    truncation = np.abs(best.V + _mean_x(smooth, at[1])) * best.robust / abs(best.mu)
    return np.sqrt(spread**2 + truncation**2 + (by_d * d.stderr) ** 2 + (by_g * g.stderr) ** 2)


def _mean_x(smooth: panel.Panel, gamma: float) -> np.ndarray:
    f0, f1, _ = smooth.bases[1]
    return (panel._rates(smooth.times, smooth.F) @ f0.T + gamma * (smooth.F @ f1.T) ** 2).mean(axis=0)


def root(squared: Answer) -> Answer:
    if not isinstance(squared, Estimate):
        return squared
    if squared.value > SURE * squared.stderr:
        value = math.sqrt(squared.value)
        return Estimate(value, squared.stderr / (2 * value))
    if squared.value < -SURE * squared.stderr:
        return NotIdentifiable(f"hbar^2 = {squared} is negative: the bridge regime has no real hbar")
    return NotIdentifiable(f"hbar^2 = {squared} cannot be told from 0")
