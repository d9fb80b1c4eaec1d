"""Estimates from steps (noise strength and mobility) and from exchange events (inverse temperature and chemical potential)."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ...base.estimate import Estimate
from .answers import SURE, Answer, NotIdentifiable
from .observed import ExchangeEvents, Steps


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
    from scipy.stats import norm, t

    return math.sqrt(networks / (networks - 1)) * float(t.isf(norm.sf(SURE), networks - 1)) / SURE


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
        v = start

        def value(v: float) -> float:
            z = offset + v * column  # the same likelihood along a line
            return float(self.yes @ z - self.seen @ np.logaddexp(0.0, z))

        best = value(v)
        for _ in range(60):
            p = 0.5 * (1 + np.tanh(0.5 * (offset + v * column)))
            bend = float((self.seen * p * (1 - p)) @ column**2)
            step = float((self.yes - self.seen * p) @ column) / (bend + 1e-300)
            step = math.copysign(min(abs(step), 1 + abs(v)), step)
            while value(v + step) < best and abs(step) > 1e-12 * (1 + abs(v)):
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
    best = chance.log_likelihood(theta)
    for _ in range(100):
        p = 0.5 * (1 + np.tanh(0.5 * (chance.X @ theta)))
        information = (chance.X * (chance.seen * p * (1 - p))[:, None]).T @ chance.X
        if not np.isfinite(information).all() or np.linalg.cond(information) > 1e14:
            break
        step = np.linalg.solve(information, chance.X.T @ (chance.yes - chance.seen * p))
        if np.abs(step).max() < 1e-10 * (1 + np.abs(theta).max()):
            return theta, information
        share = 1.0
        while chance.log_likelihood(theta + share * step) < best - 1e-9 * abs(best) and share > 1e-6:
            share /= 2
        theta = theta + share * step
        best = chance.log_likelihood(theta)
    return theta, None
