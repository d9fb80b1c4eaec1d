"""Estimates from steps, exchange events and histories: noise strength, mobility, chemical potential, multiplier, potential, hbar."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...base.estimate import Estimate
from ...base.tails import normal_sf, student_isf
from . import panel
from .answers import SURE, Answer, NotIdentifiable
from .observed import ExchangeEvents, History, Steps


def from_steps(steps: Steps | None) -> tuple[Answer, Answer, np.ndarray | None]:
    """``change = gamma grad F dt + noise``: a ratio of sums with errors clustered by network, and the rest's variance."""
    if steps is None:
        none = NotIdentifiable("no steps were recorded")
        return none, none, None
    change, slope = (np.asarray(a, dtype=float) for a in (steps.change, steps.gradient))
    if change.shape[1] < 10:
        scarce = NotIdentifiable(f"{change.shape[1]} networks are too few for a standard error (10 are needed)")
        return scarce, scarce, None
    xy = (change * slope).sum(axis=(0, 2)) * steps.dt
    xx = (slope**2).sum(axis=(0, 2)) * steps.dt**2
    live = ((change != 0) | (slope != 0)).sum(axis=(0, 2))  # the weights of a removed neuron have no noise
    if not live.any():
        still = NotIdentifiable("nothing moved, and nothing pushed it")
        return still, still, None
    total = float(xx.sum())
    gamma = float(xy.sum()) / total if total else 0.0
    rest = change - gamma * slope * steps.dt
    square = (rest**2).sum(axis=(0, 2)) / (2 * steps.dt)
    d = float(square.sum() / max(live.sum() - 1, 1))  # the slope has taken one
    few = _few(len(live))
    found = Estimate(d, few * float(np.sqrt(((square - d * live) ** 2).sum()) / live.sum()), len(live))
    flat_rest = rest.reshape(-1, rest.shape[-1])
    noise = np.linalg.eigvalsh(flat_rest.T @ flat_rest / len(flat_rest)) / (2 * steps.dt)
    return found, _slope(gamma, xy - gamma * xx, total, len(live)), noise


def _few(networks: int) -> float:
    """Factor on an error known from so many independent parts, so that three of it cover what Student's law says."""
    return math.sqrt(networks / (networks - 1)) * float(student_isf(normal_sf(SURE), networks - 1)) / SURE


def _slope(gamma: float, scores: np.ndarray, total: float, networks: int) -> Answer:
    if total == 0:
        return NotIdentifiable("the free energy has no slope where the weights were")
    error = _few(networks) * float(np.sqrt((scores**2).sum())) / total
    if abs(gamma) < SURE * error:
        return NotIdentifiable("the drift is hidden by the noise of the steps")
    return Estimate(gamma, error, networks)


def from_exchange(events: ExchangeEvents | None) -> tuple[Answer, Answer]:
    """Maximum likelihood of ``P(accept) = sigmoid(-beta dE + beta mu_c dN)``, by Newton's method."""
    none = NotIdentifiable("no exchange of neurons was observed")
    if events is None or not len(events.accepted):
        return none, none
    X = np.stack([-np.asarray(events.energy_change, float), np.asarray(events.number_change, float)], axis=1)
    y = np.asarray(events.accepted, dtype=float)
    if y.min() == y.max():
        same = NotIdentifiable("every proposal had the same outcome")
        return same, same
    scale = np.abs(X).max(axis=0)
    if scale.min() == 0 or np.linalg.cond((X / scale).T @ (X / scale)) > 1e10:
        collinear = NotIdentifiable("energy and number change together, so their prices cannot be told apart")
        return collinear, collinear
    chance = _Chance(X, y)
    theta, information = _logistic(chance)
    if information is None:
        apart = NotIdentifiable("the outcomes follow from the energies without any chance")
        return apart, apart
    covariance = np.linalg.inv(information)
    a, b = theta.tolist()
    best = chance.log_likelihood(theta)
    beta = _estimate(a, math.sqrt(covariance[0, 0]), lambda v: chance.at_beta(v, b), best, len(y))
    if isinstance(beta, NotIdentifiable) or 2 * (best - chance.at_beta(0.0, b)) < SURE**2:
        return beta, NotIdentifiable("acceptance does not depend on the energy, which sets the unit of the price")
    direction = np.array([-b / a**2, 1 / a])
    wald = math.sqrt(direction @ covariance @ direction)
    return beta, _estimate(b / a, wald, lambda m: chance.at_price(m, a), best, len(y))


class _Chance:
    """The likelihood of ``P(accept) = sigmoid(a x_0 + b x_1)`` and its profiles, equal proposals counted together."""

    def __init__(self, X: np.ndarray, y: np.ndarray) -> None:
        rows, inverse = np.unique(X, axis=0, return_inverse=True)
        self.X, self.seen = rows, np.bincount(inverse.ravel()).astype(float)
        self.yes = np.bincount(inverse.ravel(), weights=y)

    def log_likelihood(self, theta: np.ndarray) -> float:
        """Of all events, at ``theta = (a, b)``."""
        z = self.X @ theta
        return float(self.yes @ z - self.seen @ np.logaddexp(0.0, z))

    def _profile(self, offset: np.ndarray, column: np.ndarray, start: float) -> float:
        """The largest likelihood of ``z = offset + v column`` over v (Newton's method, halved steps)."""
        v, unit = start, 1 / max(float(np.abs(column).max()), 1e-300)

        def value(v: float) -> float:
            """The log likelihood of the Bernoulli data at ``z = offset + v column``."""
            z = offset + v * column  # the same likelihood along a line
            return float(self.yes @ z - self.seen @ np.logaddexp(0.0, z))

        best = value(v)
        for _ in range(60):
            p = 0.5 * (1 + np.tanh(0.5 * (offset + v * column)))
            bend = float((self.seen * p * (1 - p)) @ column**2)
            step = float((self.yes - self.seen * p) @ column) / (bend + 1e-300)
            step = math.copysign(min(abs(step), unit + abs(v)), step)
            while value(v + step) < best and abs(step) > 1e-12 * (unit + abs(v)):
                step /= 2
            v, last, best = v + step, best, max(best, value(v + step))
            if best - last < 1e-9:
                break
        return best

    def at_beta(self, beta: float, start: float) -> float:
        """The largest one at ``a = beta``."""
        return self._profile(beta * self.X[:, 0], self.X[:, 1], start)

    def at_price(self, price: float, start: float) -> float:
        """The largest one at ``b = price a``."""
        return self._profile(np.zeros(len(self.X)), self.X[:, 0] + price * self.X[:, 1], start)


def _estimate(value: float, wald: float, profile: Callable[[float], float], best: float, events: int) -> Answer:
    """A maximum of likelihood with the error whose threefold covers all values within a likelihood ratio of ``exp(-9 / 2)``.

    The curvature alone would be too sure of what few events tell, a ratio above all (Fieller, J. R. Stat. Soc. B 16, 175, 1954).
    """
    reach = 0.0
    for sign in (1, -1):
        low, high = 0.0, SURE * wald
        while 2 * (best - profile(value + sign * high)) < SURE**2:
            low, high = high, 2 * high
            if high > 1e4 * SURE * wald:
                return NotIdentifiable("too few events: all values on one side explain them")
        while high - low > 0.01 * high:
            middle = 0.5 * (low + high)
            inside = 2 * (best - profile(value + sign * middle)) < SURE**2
            low, high = (middle, high) if inside else (low, middle)
        reach = max(reach, high)
    return Estimate(value, reach / SURE, events)


def _logistic(chance: _Chance) -> tuple[np.ndarray, np.ndarray | None]:
    """Newton's method, each step halved until the likelihood grows; no information where the maximum is at infinity."""
    theta = np.zeros(2)
    best, unit = chance.log_likelihood(theta), np.abs(chance.X).max(axis=0)
    for _ in range(100):
        p = 0.5 * (1 + np.tanh(0.5 * (chance.X @ theta)))
        information = (chance.X * (chance.seen * p * (1 - p))[:, None]).T @ chance.X
        if not np.isfinite(information).all() or np.linalg.cond(information / np.outer(unit, unit)) > 1e14:
            break
        step = np.linalg.solve(information, chance.X.T @ (chance.yes - chance.seen * p))
        if np.abs(chance.X @ step).max() < 1e-10 * (1 + np.abs(chance.X @ theta).max()):  # log odds have no unit
            return theta, information
        share = 1.0
        while chance.log_likelihood(theta + share * step) < best - 1e-9 * abs(best) and share > 1e-6:
            share /= 2
        theta = theta + share * step
        best = chance.log_likelihood(theta)
    return theta, None


_OBEYED = 0.02  # share of the variation that discretisation may leave
_ROUGH = 0.1  # share of what moves that is at the limit of resolution
_REFUSED = 0.1  # share from which on the slope is no multiplier of anything


Told = tuple[Answer, Answer, Answer, np.ndarray | None, str | None]
_Reader = Callable[[panel.Regression, tuple[float, float]], Any]


def from_history(history: History | None, d: Answer, g: Answer, seed: int) -> Told:
    """``mu``, V, ``hbar^2``, the points of V, and whether the history obeys the equation at all, in words."""

    def none(reason: str, words: str | None = None) -> Told:
        """No estimates, with the reason, and the verdict on the equation if there is one."""
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


def _added(value: np.ndarray | float, drawn: Sequence[np.ndarray] | Sequence[float] | np.ndarray) -> Any:
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
