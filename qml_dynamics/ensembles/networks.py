"""Thousands of small networks trained at once by mini-batch stochastic gradient, with neurons exchanged with a reservoir.

All networks are independent: each has its own start, mini-batches and exchanges. Time is counted in steps, so the mobility is
the step size, ``dq = -eta grad L_batch``, and ``F = -(L + l2 |q|^2 / 2)`` is the free energy that learning maximises.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import check_memory, describe, integer, real, require
from ..objectives.base import Objective
from .observed import ExchangeEvents, Run, Steps, recorded

_BLOCK = 250  # networks whose activations on all data are held at once: they fit into the cache


@dataclass(frozen=True, eq=False)
class _Model:
    """A logistic neuron (``hidden = 0``, K = features) or one hidden layer of tanh neurons (K = hidden (features + 1))."""

    X: np.ndarray
    y: np.ndarray
    hidden: int
    l2: float

    @property
    def num_weights(self) -> int:
        return self.hidden * (self.X.shape[1] + 1) if self.hidden else self.X.shape[1]

    def gradient(self, q: np.ndarray, active: np.ndarray | None, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Gradient of the penalised loss at weights ``(m, K)``, on rows ``X (features, b, m or 1)`` and ``y (b, m or 1)``.

        Networks are the last axis of all arrays: a few long operations instead of many small products.
        """
        rows, flat = X.shape[1], np.ascontiguousarray(q.T)
        if not self.hidden:
            miss = (_sigmoid(sum(X[f] * flat[f] for f in range(len(X)))) - y) / rows
            out = np.stack([(miss * X[f]).sum(axis=0) for f in range(len(X))])
            return out.T + self.l2 * q
        cut = len(X) * self.hidden
        w, live = flat[:cut].reshape(len(X), self.hidden, -1), flat[cut:]
        if active is not None:
            live = live * active.T
        h = np.tanh(sum(X[f][:, None] * w[f] for f in range(len(X))))
        miss = (_sigmoid((h * live).sum(axis=1)) - y) / rows
        up = (miss[:, None] * h).sum(axis=0)
        back = (1 - h * h) * (miss[:, None] * live)
        out = np.concatenate([*((X[f][:, None] * back).sum(axis=0) for f in range(len(X))), up]).T + self.l2 * q
        return out if active is None else out * self._mask(active)

    def loss(self, q: np.ndarray, active: np.ndarray | None = None) -> np.ndarray:
        """Loss on all data without the penalty, shape ``(m,)``, in blocks of networks."""
        out = np.empty(len(q))
        for a in range(0, len(q), _BLOCK):
            z = self.output(q[a : a + _BLOCK], None if active is None else active[a : a + _BLOCK])
            out[a : a + _BLOCK] = (np.logaddexp(0.0, z) - self.y * z).mean(axis=1)
        return out

    def output(self, q: np.ndarray, active: np.ndarray | None = None) -> np.ndarray:
        """Logits on all data, shape ``(m, rows)``."""
        if not self.hidden:
            return q @ self.X.T
        w, v = self._split(q)
        live = v if active is None else v * active
        return (np.tanh(self.X[None] @ w) @ live[:, :, None])[..., 0]

    def full_gradient(self, q: np.ndarray, active: np.ndarray | None) -> np.ndarray:
        """Gradient of the penalised loss on all data, shape ``(m, K)``, in blocks of networks."""
        out = np.empty_like(q)
        for a in range(0, len(q), _BLOCK):
            some = None if active is None else active[a : a + _BLOCK]
            out[a : a + _BLOCK] = self.gradient(q[a : a + _BLOCK], some, self.X.T[..., None], self.y[:, None])
        return out

    def _split(self, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Input weights ``(m, features, hidden)`` and output weights ``(m, hidden)``."""
        cut = self.X.shape[1] * self.hidden
        return q[:, :cut].reshape(len(q), self.X.shape[1], self.hidden), q[:, cut:]

    def _mask(self, active: np.ndarray) -> np.ndarray:
        return np.concatenate([np.tile(active, (1, self.X.shape[1])), active], axis=1)

    def free_energy(self) -> Objective:
        """F as an objective (all neurons active)."""

        def fn(points: np.ndarray) -> np.ndarray:
            return -(self.loss(points) + 0.5 * self.l2 * (points**2).sum(axis=1))

        def gradient(points: np.ndarray) -> np.ndarray:
            return -self.full_gradient(points, None)

        return Objective(fn, "free energy", gradient_fn=gradient)


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * z))


def train_ensemble(
    X: Any,
    y: Any,
    *,
    networks: int = 2000,
    steps: int = 5000,
    hidden: int = 0,
    rate: float = 0.05,
    batch: int = 8,
    l2: float = 0.05,
    spread: float = 0.5,
    beta: float | None = None,
    mu_c: float | None = None,
    exchange_every: int = 50,
    record: int = 40,
    seed: int = 0,
) -> Run:
    """Train independent networks on a data set of two classes.

    Args:
        X: features, shape ``(rows, features)``; y: labels 0 or 1, shape ``(rows,)``.
        networks, steps: how many of each.
        hidden: 0 for a logistic neuron, else slots for hidden tanh neurons.
        rate: step size eta (the mobility, time counted in steps).
        batch: rows of a mini-batch, drawn with replacement.
        l2: penalty ``l2 |q|^2 / 2``.
        spread: standard deviation of the starting weights, and of those that a new neuron brings from the reservoir.
        beta, mu_c: exchange of hidden neurons with a reservoir at this inverse temperature and chemical potential: every
            ``exchange_every`` steps each network tries one slot, and adds or removes its neuron with the probability
            ``sigmoid(-beta (dL - mu_c dN))``. None: no exchange.
        record: steps recorded for :func:`qml_dynamics.ensembles.fit`.
        seed: of everything.

    Returns:
        :class:`Run` with steps, exchange events (where there is exchange), final weights and accuracies.

    Raises:
        ProblemError: data that do not fit, exchange without hidden neurons or with only one of ``beta`` and ``mu_c``.

    >>> X = np.array([[-1.0, 0.2], [-0.8, -0.1], [0.9, 0.1], [1.1, -0.2]])
    >>> run = train_ensemble(X, [0, 0, 1, 1], networks=20, steps=200, batch=2)
    >>> run.final.shape, bool(run.accuracy.mean() > 0.9)
    ((20, 2), True)
    """
    started = time.perf_counter()
    model = _model(X, y, hidden, l2)
    count, total = integer(networks, "networks", 1, 10**7), integer(steps, "steps", 1, 10**8)
    eta, size = real(rate, "rate", positive=True), integer(batch, "batch", 1, 10**6)
    every, width = integer(exchange_every, "exchange_every", 1, 10**8), real(spread, "spread", positive=True)
    both = (beta is None) == (mu_c is None) and (beta is None or model.hidden > 0)
    require(both, "beta", "come with `mu_c` and with hidden neurons", beta)
    if beta is not None:
        real(beta, "beta", positive=True), real(mu_c, "mu_c")
    marks = recorded(total, record)
    check_memory(
        24 * len(marks) * count * model.num_weights + 64 * count * size * _row_width(model), "The recorded steps"
    )
    rng, columns = np.random.default_rng(seed), np.ascontiguousarray(model.X.T)
    q = width * rng.standard_normal((count, model.num_weights))
    active = np.ones((count, model.hidden)) if beta is not None else None
    start, rows, events, numbers = q.copy(), [], [], []
    for step in range(total):
        drawn = rng.integers(0, len(model.y), (size, count))
        change = -eta * model.gradient(q, active, columns[:, drawn], model.y[drawn])
        if step in marks:
            rows.append((q.copy(), -model.full_gradient(q, active), change))
            numbers.append(0.0 if active is None else float(active.sum()) / count)
        q += change
        if active is not None and (step + 1) % every == 0:
            events.append(_exchange(model, q, active, float(beta or 0), float(mu_c or 0), width, rng))
    accuracy = _accuracy(model, q, active)
    facts = {"rate": eta, "batch": size, "l2": model.l2, "spread": width, "hidden": model.hidden, "seed": seed}
    facts |= {"networks": count, "steps": total, "seconds": time.perf_counter() - started}
    return Run(
        steps=Steps(*(np.array(part) for part in zip(*rows))),  # type: ignore[misc, arg-type]
        exchange=ExchangeEvents(*(np.concatenate(part) for part in zip(*events))) if events else None,  # type: ignore[misc]
        initial=start,
        final=q,
        duration=float(total),
        free_energy=model.free_energy() if active is None else None,
        mean_number=np.array(numbers) if active is not None else None,
        accuracy=accuracy,
        facts=facts,
    )


def _row_width(model: _Model) -> int:
    """Numbers that a row of a mini-batch needs: features, and activations of the hidden neurons."""
    return model.X.shape[1] + 3 * model.hidden


def _model(X: Any, y: Any, hidden: int, l2: float) -> _Model:
    features, labels = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
    ok = features.ndim == 2 and features.size > 0 and bool(np.isfinite(features).all())
    require(ok, "X", "be finite numbers of shape (rows, features)", describe(features))
    fits = labels.shape == (len(features),) and bool(np.isin(labels, (0, 1)).all())
    require(fits, "y", f"be {len(features)} labels 0 or 1", describe(labels))
    return _Model(features, labels, integer(hidden, "hidden", 0, 1000), real(l2, "l2", nonnegative=True))


def _exchange(
    model: _Model,
    q: np.ndarray,
    active: np.ndarray,
    beta: float,
    mu_c: float,
    spread: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One proposal a network, in place: a random slot is emptied, or filled with a fresh neuron of the reservoir."""
    m = np.arange(len(q))
    slot = rng.integers(0, model.hidden, len(q))
    step = np.where(active[m, slot] > 0, -1, 1)
    trial, flipped = q.copy(), active.copy()
    flipped[m, slot] = 1 - flipped[m, slot]
    columns = slot[:, None] + model.hidden * np.arange(model.X.shape[1] + 1)
    fresh = spread * rng.standard_normal(columns.shape)
    trial[m[:, None], columns] = np.where(step[:, None] > 0, fresh, 0.0)
    cost = model.loss(trial, flipped) - model.loss(q, active)
    accepted = rng.random(len(q)) < _sigmoid(-beta * (cost - mu_c * step))
    q[accepted], active[accepted] = trial[accepted], flipped[accepted]
    return cost, step, accepted


def _accuracy(model: _Model, q: np.ndarray, active: np.ndarray | None) -> np.ndarray:
    out = np.empty(len(q))
    for a in range(0, len(q), _BLOCK):
        z = model.output(q[a : a + _BLOCK], None if active is None else active[a : a + _BLOCK])
        out[a : a + _BLOCK] = ((z > 0) == (model.y > 0)).mean(axis=1)
    return out
