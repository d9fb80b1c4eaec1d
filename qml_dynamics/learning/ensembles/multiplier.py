"""The multiplier, the potential and hbar from a history of density and free energy, with errors and refusals."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...base.estimate import Estimate
from . import panel
from .answers import SURE, Answer, NotIdentifiable
from .observed import History

_OBEYED = 0.02  # share of the variation that discretisation may leave
_ROUGH = 0.1  # share of what moves that is at the limit of resolution
_REFUSED = 0.1  # share from which on the slope is no multiplier of anything


Told = tuple[Answer, Answer, Answer, np.ndarray | None, str | None]
_Reader = Callable[[panel.Regression, tuple[float, float]], Any]


def from_history(history: History | None, d: Answer, g: Answer, seed: int) -> Told:
    """``mu``, V, ``hbar^2``, the points of V, and whether the history obeys the equation at all, in words."""

    def none(reason: str, words: str | None = None) -> Told:
        return NotIdentifiable(reason), NotIdentifiable(reason), NotIdentifiable(reason), None, words

    if history is None:
        return none("density and free energy were not observed at several times")
    for name, seen in (("density", history.density), ("free energy", history.free_energy)):
        if seen is None:
            return none(f"the {name} was not observed")
    if len(history.times) < panel.LEAST_TIMES:
        return none(f"{len(history.times)} times are too few ({panel.LEAST_TIMES} are needed)")
    if not (isinstance(d, Estimate) and isinstance(g, Estimate)):
        return none("the diffusion and the mobility must be known first")
    if float(g) <= 0:
        return none("the mobility is not positive: learning does not raise this free energy")
    smooth = panel.smooth(history)
    if smooth is None:
        return none("too few points have density at all times")
    at = (float(d), float(g))
    best = panel.regress(smooth, *at)
    drawn = panel.replicas(smooth, *at, seed)
    moved = _added(best.variation, [r.variation for r in drawn])  # what noise alone adds to the variation
    scale = float(np.mean((at[1] * smooth.free_energy.slope_squared) ** 2)) + 1e-300
    still = best.variation < max(10 * abs(moved), 1e-12 * scale) or not np.isfinite(best.mu)
    coarser = [
        (panel.regress(smooth.with_less(way), *at), panel.replicas(smooth, *at, seed, way)) for way in smooth.coarser()
    ]
    obeys, refused = _obeys(best, drawn, still)
    if refused and any(_differ(less, best) for less, _ in coarser):
        return none("the history is rougher than its times and points can show, as near a node")
    if still:
        return none("the free energy is stationary: it does not vary in time beyond noise", obeys)
    if refused:
        return none("the history does not obey the functional's equation, with any multiplier and potential", obeys)
    told = _Told(smooth, at, best, drawn, coarser, (d.stderr, g.stderr))
    mu = told.read(lambda r, at: r.mu)
    if not abs(mu.value) > SURE * mu.stderr:
        return none("the noise hides the slope of the regression", obeys)
    V, squared = told.read(lambda r, at: r.potential(r.mu)), told.read(lambda r, at: _hbar2(r.mu, at))
    return mu, V, squared, smooth.x, obeys


def _added(value: Any, drawn: Any) -> Any:
    """What noise adds to a quantity on average, from replicas with a share of it."""
    return (np.mean(drawn, axis=0) - value) / panel.SHARE**2


def _variance(drawn: np.ndarray) -> Any:
    """What noise makes a quantity vary, from replicas with a share of it."""
    return drawn.var(axis=0, ddof=1) / panel.SHARE**2


def _differ(less: panel.Regression, best: panel.Regression) -> bool:
    """Whether detail at the limit of what was observed makes much of what moves."""
    pairs = ((less.total, best.total), (less.variation, best.variation))
    return any(abs(a - b) > _ROUGH * b for a, b in pairs)


def _obeys(best: panel.Regression, drawn: list[panel.Regression], still: bool) -> tuple[str | None, bool]:
    """What is left of the equation beyond noise, in words, and whether that is too much for any multiplier to mean something.

    There are no words where nothing moves beyond noise, so that nothing is tested.

    Where the right side stands ``still`` it can explain nothing, and all that moves on the left is left.
    """
    left, others = (best.total, [r.total for r in drawn]) if still else (best.residual, [r.residual for r in drawn])
    noise = max(_added(left, others), 0.0)
    beyond = left - noise
    if best.total < 10 * noise or best.total == 0:
        return None, False
    share = max(beyond, 0.0) / best.total
    clear = beyond > SURE * noise
    does = "does not obey" if share > _OBEYED and clear else "obeys"
    words = f"the history {does} the functional's equation ({100 * share:.0f} % of its variation is left beyond noise)"
    return words, share > _REFUSED and clear


@dataclass(frozen=True, eq=False)
class _Told:
    """The regression of a history, and all that makes its answers uncertain."""

    smooth: panel.Panel
    at: tuple[float, float]
    best: panel.Regression
    drawn: list[panel.Regression]
    coarser: list[tuple[panel.Regression, list[panel.Regression]]]
    unsure: tuple[float, float]

    def read(self, of: _Reader) -> Estimate:
        """A quantity less the bias that the bootstrap sees, and its standard error from noise, truncation, D and gamma."""
        value = of(self.best, self.at)
        spread = np.array([of(r, self.at) for r in self.drawn])
        variance = _variance(spread)
        for less, others in self.coarser:
            gap = of(less, self.at) - value
            noise = _variance(np.array([of(r, self.at) for r in others]) - spread)
            variance = variance + np.maximum(gap**2 - noise, 0.0)
        beside = replace(self.best, mu=self.best.mu + self.misfit())
        variance = variance + (of(beside, self.at) - value) ** 2
        for i, error in enumerate(self.unsure):
            variance = variance + (self._slope(i, of) * error) ** 2
        best, stderr = value - _added(value, spread), np.sqrt(variance)
        return Estimate(best, stderr) if np.ndim(best) else Estimate(float(best), float(stderr))

    def misfit(self) -> float:
        """What the residuals, clustered by time, add to the error of mu where they are much more than noise makes them."""
        noise = _added(self.best.robust**2, [r.robust**2 for r in self.drawn])
        beyond = self.best.robust**2 - max(noise, 0.0)
        return math.sqrt(beyond) if beyond > 2 * max(noise, 0.0) else 0.0

    def _slope(self, which: int, of: _Reader) -> Any:
        """Derivative of a quantity with respect to D or gamma, the data kept."""
        step = 1e-5 * max(abs(self.at[which]), 1e-12)
        ends = []
        for sign in (1, -1):
            here = (self.at[0] + sign * step * (which == 0), self.at[1] + sign * step * (which == 1))
            ends.append(of(panel.regress(self.smooth, *here), here))
        return (ends[0] - ends[1]) / (2 * step)


def _hbar2(mu: float, at: tuple[float, float]) -> float:
    return 4 * at[0] / (at[1] * mu) - 1 / mu**2


def root(squared: Answer) -> Answer:
    """hbar from its square: a number where the square is surely positive, else the reason why there is none."""
    if not isinstance(squared, Estimate):
        return squared
    if squared.value > SURE * squared.stderr:
        value = math.sqrt(squared.value)
        return Estimate(value, squared.stderr / (2 * value))
    if squared.value < -SURE * squared.stderr:
        return NotIdentifiable(f"hbar^2 = {squared} is negative: the bridge regime has no real hbar")
    return NotIdentifiable(f"hbar^2 = {squared} cannot be told from 0")
