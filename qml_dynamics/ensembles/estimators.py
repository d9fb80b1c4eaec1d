"""Estimates from steps (noise strength and mobility) and from exchange events (inverse temperature and chemical potential)."""

from __future__ import annotations

import numpy as np

from ..estimate import Estimate
from .answers import SURE, Answer, NotIdentifiable
from .observed import ExchangeEvents, Steps


def from_steps(steps: Steps | None) -> tuple[Answer, Answer, np.ndarray | None]:
    """``change = gamma grad F dt + noise``: a ratio of sums with errors clustered by network, and the rest's variance."""
    if steps is None:
        none = NotIdentifiable("no steps were recorded")
        return none, none, None
    change, slope = (np.asarray(a, dtype=float) for a in (steps.change, steps.gradient))
    if change.shape[1] < 10:
        few = NotIdentifiable(f"{change.shape[1]} networks are too few for a standard error (10 are needed)")
        return few, few, None
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
    d = float(square.sum() / live.sum())
    found = Estimate(d, float(np.sqrt(((square - d * live) ** 2).sum()) / live.sum()), len(live))
    flat_rest = rest.reshape(-1, rest.shape[-1])
    noise = np.linalg.eigvalsh(flat_rest.T @ flat_rest / len(flat_rest)) / (2 * steps.dt)
    return found, _slope_offrom_steps(gamma, xy - gamma * xx, total, len(live)), noise


def _slope_offrom_steps(gamma: float, scores: np.ndarray, total: float, networks: int) -> Answer:
    if total == 0:
        return NotIdentifiable("the free energy has no slope where the weights were")
    error = float(np.sqrt((scores**2).sum())) / total
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
    theta, information = _logistic(X, y)
    if information is None:
        apart = NotIdentifiable("the outcomes follow from the energies without any chance")
        return apart, apart
    covariance = np.linalg.inv(information)
    a, b = theta.tolist()
    beta = Estimate(a, float(np.sqrt(covariance[0, 0])), len(y))
    if abs(a) < SURE * beta.stderr:
        return beta, NotIdentifiable("acceptance does not depend on the energy, which sets the unit of the price")
    direction = np.array([-b / a**2, 1 / a])
    return beta, Estimate(b / a, float(np.sqrt(direction @ covariance @ direction)), len(y))


def _logistic(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Newton's method, each step halved until the likelihood grows; no information where the maximum is at infinity."""

    def likelihood(theta: np.ndarray) -> float:
        z = X @ theta
        return float((y * z - np.logaddexp(0.0, z)).sum())

    theta, best = np.zeros(2), likelihood(np.zeros(2))
    for _ in range(100):
        p = 0.5 * (1 + np.tanh(0.5 * (X @ theta)))
        information = (X * (p * (1 - p))[:, None]).T @ X
        if not np.isfinite(information).all() or np.linalg.cond(information) > 1e14:
            break
        step = np.linalg.solve(information, X.T @ (y - p))
        if np.abs(step).max() < 1e-10 * (1 + np.abs(theta).max()):
            return theta, information
        share = 1.0
        while likelihood(theta + share * step) < best - 1e-9 * abs(best) and share > 1e-6:
            share /= 2
        theta = theta + share * step
        best = likelihood(theta)
    return theta, None
