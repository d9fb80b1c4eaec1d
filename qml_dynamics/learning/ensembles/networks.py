"""Thousands of small networks trained at once by mini-batch stochastic gradient, with neurons exchanged with a reservoir.

All networks are independent: each has its own start, mini-batches and exchanges. Time is counted in steps, so the mobility is
the step size, ``dq = -eta grad L_batch``, and ``F = -(L + l2 |q|^2 / 2)`` is the free energy that learning maximises.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...base.arguments import checks_arguments_but
from ...base.errors import check_memory, integer, real, require
from ...base.numeric import Array
from ...base.progress import Progress
from .observed import ExchangeEvents, Run, Steps
from .perceptrons import Model, accuracies, make_model, row_width, sigmoid
from .simulated import recorded


@checks_arguments_but("rate", "l2", "spread", "beta")
def train_ensemble(
    X: Array,
    y: Array,
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
    seed: int | None = 0,
    progress: bool | None = None,
) -> Run:
    """Train independent networks on a data set of two classes or more.

    Two classes have one logit, more a softmax; the loss is the cross entropy.

    Ctrl-C ends the training and returns the run up to there (``facts["stop"]`` says so).

    Args:
        X: features, shape ``(rows, features)``; y: labels, whole numbers or words, shape ``(rows,)``.
        networks, steps: how many of each.
        hidden: 0 for neurons without a hidden layer, else slots for hidden tanh neurons.
        rate: step size eta (the mobility, time counted in steps).
        batch: rows of a mini-batch, drawn with replacement.
        l2: penalty ``l2 |q|^2 / 2``.
        spread: standard deviation of the starting weights, and of those that a new neuron brings from the reservoir.
        beta, mu_c: exchange of hidden neurons with a reservoir at this inverse temperature and chemical potential: every
            ``exchange_every`` steps each network tries one slot, and adds or removes its neuron with the probability
            ``sigmoid(-beta (dL - mu_c dN))``. None: no exchange.
        record: steps recorded for :func:`qml_dynamics.learning.ensembles.fit`.
        seed: of everything; None draws one.
        progress: show a bar after two seconds; None: where standard error is a terminal.

    Returns:
        :class:`Run` with steps, exchange events (where there is exchange), final weights and accuracies.

    Raises:
        ProblemError: data that do not fit, exchange without hidden neurons or with only one of ``beta`` and ``mu_c``, or a
            step size at which the weights leave the range of floating-point numbers.

    >>> X = np.array([[-1.0, 0.2], [-0.8, -0.1], [0.9, 0.1], [1.1, -0.2]])
    >>> run = train_ensemble(X, [0, 0, 1, 1], networks=20, steps=200, batch=2)
    >>> run.final.shape, bool(run.accuracy.mean() > 0.9)
    ((20, 2), True)
    """
    started = time.perf_counter()
    model = make_model(X, y, hidden, l2)
    drawn = np.random.SeedSequence().entropy if seed is None else integer(seed, "seed", 0, 2**128)
    count, total = integer(networks, "networks", 1, 10**7), integer(steps, "steps", 1, 10**8)
    eta, size = real(rate, "rate", positive=True), integer(batch, "batch", 1, 10**6)
    every, width = integer(exchange_every, "exchange_every", 1, 10**8), real(spread, "spread", positive=True)
    both = (beta is None) == (mu_c is None) and (beta is None or model.hidden > 0)
    require(both, "beta", "come with `mu_c` and with hidden neurons", beta)
    if beta is not None:
        real(beta, "beta", positive=True), real(mu_c, "mu_c")
    marks = recorded(total, record)
    check_memory(
        24 * len(marks) * count * model.num_weights + 64 * count * size * row_width(model), "The recorded steps"
    )
    exchange = None if beta is None else _Exchange(every, float(beta), float(mu_c or 0), width)
    training = _Training(model, eta, size, width, exchange, marks, np.random.default_rng(drawn), count)
    start, stop = training.q.copy(), f"Reached the end of {total:,} steps."
    try:
        with Progress("training networks", progress) as show, np.errstate(over="ignore", invalid="ignore"):
            training.walk(total, show)
    except KeyboardInterrupt:
        stop = f"Interrupted after {training.done:,} of {total:,} steps."
    facts: dict[str, Any] = {
        "rate": eta,
        "batch": size,
        "l2": model.l2,
        "spread": width,
        "hidden": model.hidden,
        "seed": drawn,
        "classes": model.classes.tolist(),
    }
    facts |= {"networks": count, "steps": training.done, "stop": stop, "seconds": time.perf_counter() - started}
    require(bool(np.isfinite(training.q).all()), "rate", "be small enough for the weights to stay finite", eta)
    return training.run(start, facts)


@dataclass(frozen=True)
class _Exchange:
    every: int
    beta: float
    mu_c: float
    spread: float


@dataclass
class _Training:
    """All networks, and what has been recorded of them."""

    model: Model
    rate: float
    batch: int
    spread: float
    exchange: _Exchange | None
    marks: set[int]
    rng: np.random.Generator
    count: int
    done: int = 0
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray, float, int]] = field(default_factory=list)
    events: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.q = self.spread * self.rng.standard_normal((self.count, self.model.num_weights))
        self.active = np.ones((self.count, self.model.hidden)) if self.exchange else None

    def walk(self, total: int, show: Progress) -> None:
        """Steps of mini-batch gradient, each recorded step with the gradient on all data beside it."""
        model, columns = self.model, np.ascontiguousarray(self.model.X.T)
        for step in range(total):
            drawn = self.rng.integers(0, len(model.y), (self.batch, self.count))
            change = -self.rate * model.gradient(self.q, self.active, columns[:, drawn], model.y[drawn])
            if step in self.marks:
                number = 0.0 if self.active is None else float(self.active.sum()) / self.count
                slope = -model.full_gradient(self.q, self.active)
                self.rows.append((self.q.copy(), slope, change, number, step))
            self.q += change
            if self.exchange is not None and (step + 1) % self.exchange.every == 0:
                assert self.active is not None
                self.events.append(_exchange(model, self.q, self.active, self.exchange, self.rng))
            self.done = step + 1
            if step % 50 == 0:
                show(step, total)

    def run(self, start: np.ndarray, facts: dict[str, object]) -> Run:
        """What was seen, up to where the training ended."""
        steps = numbers = events = None
        if self.rows:
            weights, slopes, changes, numbers, times = (np.array(part) for part in zip(*self.rows))
            steps = Steps(weights, slopes, changes, 1.0, times.astype(float))
        if self.events:
            cost, step, accepted = (np.concatenate(part) for part in zip(*self.events))
            events = ExchangeEvents(cost, step, accepted)
        return Run(
            steps=steps,
            exchange=events,
            initial=start,
            final=self.q,
            duration=float(self.done),
            free_energy=self.model.free_energy() if self.active is None else None,
            mean_number=numbers if self.active is not None else None,
            accuracy=accuracies(self.model, self.q, self.active),
            facts=facts,
        )


def _exchange(
    model: Model, q: np.ndarray, active: np.ndarray, rule: _Exchange, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One proposal a network, in place: a random slot is emptied, or filled with a fresh neuron of the reservoir."""
    m = np.arange(len(q))
    slot = rng.integers(0, model.hidden, len(q))
    step = np.where(active[m, slot] > 0, -1, 1)
    trial, flipped = q.copy(), active.copy()
    flipped[m, slot] = 1 - flipped[m, slot]
    columns = model.of_slot(slot)
    fresh = rule.spread * rng.standard_normal(columns.shape)
    trial[m[:, None], columns] = np.where(step[:, None] > 0, fresh, 0.0)
    cost = model.loss(trial, flipped) - model.loss(q, active)
    accepted = rng.random(len(q)) < sigmoid(-rule.beta * (cost - rule.mu_c * step))
    q[accepted], active[accepted] = trial[accepted], flipped[accepted]
    return cost, step, accepted
