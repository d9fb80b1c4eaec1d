"""What is observed of an ensemble of networks, and simulations that plant known values in it.

Three kinds of data, each of which tells other things: steps of the weights (noise strength and mobility), histories of
density and free energy (the multiplier and the potential), and exchange events (the chemical potential).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..domains import Grid
from ..errors import describe, integer, real, require
from ..initial import State
from ..objectives.base import Objective
from .learning import Learning


@dataclass(frozen=True, eq=False)
class Steps:
    """Single steps of independent networks at recorded times.

    Attributes:
        weights: before the step, shape ``(records, networks, K)``.
        gradient: of the free energy there, same shape.
        change: of the weights in the step, same shape.
        dt: time of a step.
        times: when they were recorded, shape ``(records,)``, or None.
    """

    weights: np.ndarray
    gradient: np.ndarray
    change: np.ndarray
    dt: float = 1.0
    times: np.ndarray | None = None

    def __post_init__(self) -> None:
        shape = np.shape(self.weights)
        require(len(shape) == 3, "weights", "have shape (records, networks, K)", f"of shape {shape}")
        for name in ("gradient", "change"):
            given = np.shape(getattr(self, name))
            require(given == shape, name, f"have shape {shape}", f"of shape {given}")
        real(self.dt, "dt", positive=True)


@dataclass(frozen=True, eq=False)
class History:
    """Density and free energy over a weight grid with one axis at several times.

    Attributes:
        domain: the grid.
        times: shape ``(T,)``, ascending.
        density: shape ``(T, N)``, positive where it is used.
        free_energy: shape ``(T, N)``, one continuous branch.
    """

    domain: Grid
    times: np.ndarray
    density: np.ndarray
    free_energy: np.ndarray

    def __post_init__(self) -> None:
        ok = isinstance(self.domain, Grid) and self.domain.ndim == 1
        require(ok, "domain", "be a Grid with one axis", self.domain)
        shape = (len(self.times), self.domain.size)
        for name in ("density", "free_energy"):
            given = np.asarray(getattr(self, name))
            require(given.shape == shape, name, f"have shape {shape}", f"of shape {given.shape}")
            require(bool(np.isfinite(given).all()), name, "be finite", describe(given))
        require(bool((np.diff(self.times) > 0).all()), "times", "ascend", describe(self.times))


@dataclass(frozen=True, eq=False)
class ExchangeEvents:
    """Proposals to add or remove a neuron, and what became of them.

    Attributes:
        energy_change: of the loss, shape ``(events,)``.
        number_change: +1 for an addition, -1 for a removal, same shape.
        accepted: booleans, same shape.
    """

    energy_change: np.ndarray
    number_change: np.ndarray
    accepted: np.ndarray

    def __post_init__(self) -> None:
        shape = np.shape(self.energy_change)
        for name in ("number_change", "accepted"):
            given = np.shape(getattr(self, name))
            require(given == shape and len(shape) == 1, name, f"have shape {shape}", f"of shape {given}")


@dataclass(frozen=True, eq=False)
class Run:
    """What was seen of an ensemble. Parts that were not observed are None.

    Attributes:
        steps, history, exchange: the three kinds of data.
        initial, final: weights at both ends, shape ``(networks, K)``.
        duration: the time between them.
        free_energy: F as an objective (None where it is not known).
        mean_number: active neurons a network at the recorded times, or None.
        accuracy: of the final networks on the data, shape ``(networks,)``, or None.
        facts: options and seconds.
    """

    steps: Steps | None = None
    history: History | None = None
    exchange: ExchangeEvents | None = None
    initial: np.ndarray | None = None
    final: np.ndarray | None = None
    duration: float | None = None
    free_energy: Objective | None = None
    mean_number: np.ndarray | None = None
    accuracy: np.ndarray | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def observe_sde(
    free_energy: Any,
    initial: Any,
    *,
    diffusion: float,
    mobility: float,
    networks: int = 2000,
    steps: int = 1000,
    dt: float = 0.01,
    record: int = 20,
    seed: int = 0,
) -> Run:
    """Weights that follow ``dq = gamma grad F dt + sqrt(2 D) dW`` (Euler and Maruyama), with planted D and gamma.

    Args:
        free_energy: F, an objective or a function of points.
        initial: a weight vector, shape ``(K,)``, or one for each network.
        record: steps that are recorded, spread over the run.
    """
    loss = free_energy if isinstance(free_energy, Objective) else Objective(free_energy, "free energy")
    d, g, h = real(diffusion, "diffusion", nonnegative=True), real(mobility, "mobility"), real(dt, "dt", positive=True)
    count, total = integer(networks, "networks", 1, 10**8), integer(steps, "steps", 1, 10**9)
    rng = np.random.default_rng(seed)
    q = np.array(np.broadcast_to(np.atleast_1d(np.asarray(initial, float)), (count, np.shape(initial)[-1])))
    start, marks, rows = q.copy(), recorded(total, record), []
    for step in range(total):
        slope = loss.gradient(q)
        change = g * slope * h + np.sqrt(2 * d * h) * rng.standard_normal(q.shape)
        if step in marks:
            rows.append((q, slope, change))
        q = q + change
    weights, slopes, changes = (np.array(part) for part in zip(*rows))
    seen = Steps(weights, slopes, changes, h, h * np.array(sorted(marks)))
    return Run(steps=seen, initial=start, final=q, duration=total * h, free_energy=loss)


def recorded(steps: int, record: int) -> set[int]:
    """The steps that are recorded: ``record`` of them, spread evenly, the last among them."""
    count = min(integer(record, "record", 1, 10**6), steps)
    return {round((i + 1) * steps / count) - 1 for i in range(count)}


def observe_wave(
    learning: Learning,
    domain: Grid,
    V: Any,
    psi: np.ndarray,
    *,
    times: Any,
    density_noise: float = 0.0,
    phase_noise: float = 0.0,
    seed: int = 0,
) -> Run:
    """Histories (p, F) of the quantum regime, with planted mu and V: the wave is run, and ``F = S + log(p) / (2 mu)``.

    Args:
        learning: in the quantum regime.
        domain: one axis.
        V: the potential.
        psi: the wave at time 0.
        times: ascending, at least two.
        density_noise: relative noise of p at each point and time (log-normal). phase_noise: noise of F, in its units.
        seed: of the noise.
    """
    from ..evolve import evolve
    from ..methods import Krylov

    when = np.asarray(times, dtype=float)
    problem = learning.problem(domain, V, duration=float(when[-1]), initial=State(psi))
    run = evolve(problem, Krylov(), save=np.union1d([0.0], when), progress=False, seed=0)
    assert run.states is not None
    states = run.states[-len(when) :]
    p = np.abs(states) ** 2
    phase = learning.hbar * _unwrapped(states, p)
    F = learning.free_energy(phase, np.maximum(p, 1e-300))
    return Run(history=with_noise(History(domain, when, p, F), density_noise, phase_noise, seed))


def with_noise(history: History, density_noise: float, phase_noise: float, seed: int) -> History:
    """A history as it would be observed: independent errors at each point and time, as in :func:`observe_wave`."""
    rng = np.random.default_rng(seed)
    p, F = history.density, history.free_energy
    seen = p * np.exp(real(density_noise, "density_noise", nonnegative=True) * rng.standard_normal(p.shape))
    F = F + real(phase_noise, "phase_noise", nonnegative=True) * rng.standard_normal(F.shape)
    return History(history.domain, history.times, seen, F)


def _unwrapped(states: np.ndarray, p: np.ndarray) -> np.ndarray:
    """One branch of the phase: continuous along the axis from the point of largest density, and there from time to time."""
    theta = np.unwrap(np.angle(states), axis=1)
    at = int(p.mean(axis=0).argmax())
    return theta - theta[:, at : at + 1] + np.unwrap(np.angle(states[:, at]))[:, None]


def observe_exchange(
    energies: Any, *, beta: float, mu_c: float, networks: int = 200, sweeps: int = 50, seed: int = 0
) -> Run:
    """Binary neurons that hop to and from a reservoir by heat bath, ``P(accept) = sigmoid(-beta (dE - mu_c dN))``.

    Args:
        energies: activation energies, shape ``(N,)``; the energy of a network is the sum over its active neurons.
        beta, mu_c: planted.
        sweeps: proposals a network, one random neuron each.

    >>> run = observe_exchange([0.1, 0.5], beta=2.0, mu_c=0.2, networks=10, sweeps=3)
    >>> len(run.exchange.accepted)
    30
    """
    from scipy.special import expit

    e = np.asarray(energies, dtype=float)
    b, m = real(beta, "beta", positive=True), real(mu_c, "mu_c")
    count, rounds = integer(networks, "networks", 1, 10**7), integer(sweeps, "sweeps", 1, 10**6)
    rng = np.random.default_rng(seed)
    active = rng.random((count, e.size)) < 0.5
    rows, numbers = [], []
    for _ in range(rounds):
        which = rng.integers(0, e.size, count)
        step = np.where(active[np.arange(count), which], -1, 1)
        cost = step * e[which]
        accepted = rng.random(count) < expit(-b * (cost - m * step))
        active[np.arange(count)[accepted], which[accepted]] ^= True
        rows.append((cost, step, accepted))
        numbers.append(active.sum(axis=1).mean())
    events = ExchangeEvents(*(np.concatenate(part) for part in zip(*rows)))  # type: ignore[misc]
    return Run(exchange=events, mean_number=np.array(numbers))
