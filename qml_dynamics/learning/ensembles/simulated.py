"""Simulated ensembles with planted parameters: Langevin steps, histories of waves, exchange events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...base.arguments import checks_arguments
from ...base.errors import check_memory, describe, integer, real, require
from ...base.numeric import Array, number_array
from ...base.progress import Progress
from ...methods.evolution import evolve
from ...methods.krylov import Krylov
from ...model.domains import Grid
from ...model.initial import State
from ...model.objectives.base import LossLike, Objective
from .answers import numbers
from .learning import Learning
from .observed import ExchangeEvents, History, Run, Steps

_LOOKS, _OCTAVES = 20, 20  # starts at which, and eighths by which, a length is looked for that resolves the free energy
_SAME, _REFUSED = (
    1e-4,
    0.1,
)  # of the largest slope: by how much differences may change with their spacing, wanted and at most


@checks_arguments
def observe_sde(
    free_energy: LossLike,
    initial: Array,
    *,
    diffusion: float,
    mobility: float,
    networks: int = 2000,
    steps: int = 1000,
    dt: float = 0.01,
    record: int = 20,
    seed: int = 0,
    progress: bool | None = None,
    spacing: Array | None = None,
) -> Run:
    """Weights that follow ``dq = gamma grad F dt + sqrt(2 D) dW`` (Euler and Maruyama), with planted D and gamma.

    Args:
        free_energy: F, an objective or a function of points.
        initial: a weight vector, shape ``(K,)``, or one for each network.
        diffusion, mobility: D (weight^2 / time) and gamma, planted.
        networks, steps, dt: how many of each, and the time of a step.
        record: steps that are recorded, spread over the run.
        progress: show a bar after two seconds; None: where standard error is a terminal.
        spacing: of a grid that resolves F, one number an axis, for the differences of an F without a gradient of its own; None: it is
            looked for at the start, and one diffusive step away from it.

    Returns:
        :class:`Run` with steps, both ends and F. Ctrl-C ends the walk and returns the run up to there (``facts["stop"]`` says
        so).

    Raises:
        ProblemError: a number out of its range, weights that leave the range of floating-point numbers, or an F whose differences depend
            on their spacing at every length.

    >>> run = observe_sde(lambda w: -(w[:, 0] ** 2) / 2, [1.0], diffusion=0.1, mobility=0.5, networks=30, steps=40, record=8)
    >>> run.steps.weights.shape, run.facts["stop"]
    ((8, 30, 1), 'Reached the end of 40 steps.')
    """
    loss = free_energy if isinstance(free_energy, Objective) else Objective(free_energy, "free energy")
    d, g, h = real(diffusion, "diffusion", nonnegative=True), real(mobility, "mobility"), real(dt, "dt", positive=True)
    count, total = integer(networks, "networks", 1, 10**8), integer(steps, "steps", 1, 10**9)
    first = np.atleast_1d(numbers(initial))
    ok = first.size > 0 and (first.ndim == 1 or (first.ndim == 2 and len(first) == count))
    require(ok and bool(np.isfinite(first).all()), "initial", f"be K weights, or {count} times K", describe(initial))
    marks = recorded(total, record)
    check_memory(8 * count * first.shape[-1] * (3 * len(marks) + 6), "The recorded steps")
    start = np.array(np.broadcast_to(first, (count, first.shape[-1])))
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray, int]] = []
    own = None if spacing is None else number_array(spacing, "spacing").tolist()
    fine = _resolved(loss, start, float(np.sqrt(2 * d * h))) if own is None and loss.gradient_fn is None else own
    rng, walk = np.random.default_rng(seed), _Walk(start.copy())
    with Progress("following networks", progress) as show, np.errstate(over="ignore", invalid="ignore"):
        try:
            for step in range(total):
                slope = loss.gradient(walk.q, fine)
                change = g * slope * h + np.sqrt(2 * d * h) * rng.standard_normal(walk.q.shape)
                if step in marks:
                    rows.append((walk.q, slope, change, step))
                walk.q, walk.done = walk.q + change, step + 1
                _require_finite(walk.q, h)  # at each step: the free energy takes no infinite weights
                show(step, total)
        except KeyboardInterrupt:
            pass
    seen = None
    if rows:
        weights, slopes, changes, when = (np.array(part) for part in zip(*rows))
        seen = Steps(weights, slopes, changes, h, h * when)
    facts = {"networks": count, "steps": walk.done, "stop": _stop(walk.done, total, "steps"), "seed": seed}
    return Run(steps=seen, initial=start, final=walk.q, duration=walk.done * h, free_energy=loss, facts=facts)


def _resolved(loss: Objective, start: np.ndarray, away: float) -> list[float] | None:
    """The finer of two spacings that give the same gradient at some starts and a length away from them; None where the usual one does."""
    first = start[:: max(1, len(start) // _LOOKS)][:_LOOKS]
    signs = np.random.default_rng(0).choice([-1.0, 1.0], first.shape)
    points = np.concatenate([first, first + away * signs, first - 0.5 * away * signs])
    if not np.isfinite(points).all():
        return None  # the first step says what is wrong
    usual = 0.03 * np.maximum(
        1.0, np.abs(points).max(axis=0)
    )  # ten of the steps that a gradient without a spacing takes
    slope = loss.gradient(points, usual)
    values = max(float(np.abs(loss(points + step * usual)).max()) for step in (-0.3, 0.0, 0.3))
    if (np.abs(slope) * usual).max() <= 1e-6 * values:
        return None  # a slope of 0, of which rounding is left
    apart: list[float] = []
    for spacing in (usual / 8.0**octave for octave in range(_OCTAVES)):
        finer = loss.gradient(points, spacing / 8)
        if apart and not finer.any():
            break  # shorter than what the values resolve
        miss = np.maximum(np.abs(finer - slope).max(axis=0) - 1e-14 * values / spacing, 0.0)  # beside rounding
        size = np.abs(finer).max(axis=0)
        apart.append(float(np.divide(miss, size, out=np.where(miss > 0, np.inf, 0.0), where=size > 0).max()))
        if apart[-1] <= _SAME:
            break
        slope = finer
    best = int(np.argmin(apart))
    must = "be smooth, or have a gradient of its own, since differences are taken of it"
    given = f"of a slope that changes by {apart[best]:.0%} with their length"
    require(apart[best] <= _REFUSED, "free_energy", must, given)
    return (usual / 8.0 ** (best + 1)).tolist() if best else None


def _require_finite(weights: np.ndarray, dt: float) -> None:
    finite = bool(np.isfinite(weights).all())
    require(finite, "dt", "be small enough for the weights to stay finite (or the free energy must have a maximum)", dt)


@dataclass
class _Walk:
    """Where the networks are after so many whole steps."""

    q: np.ndarray
    done: int = 0


def _stop(done: int, total: int, what: str) -> str:
    if done < total:
        return f"Interrupted after {done:,} of {total:,} {what}."
    return f"Reached the end of {total:,} {what}."


def recorded(steps: int, record: int) -> set[int]:
    """The steps that are recorded: ``record`` of them, spread evenly, the last among them."""
    count = min(integer(record, "record", 1, 10**6), steps)
    return {round((i + 1) * steps / count) - 1 for i in range(count)}


@checks_arguments
def observe_wave(
    learning: Learning,
    domain: Grid,
    V: LossLike,
    psi: np.ndarray,
    *,
    times: Array,
    density_noise: float = 0.0,
    phase_noise: float = 0.0,
    seed: int = 0,
    progress: bool | None = False,
) -> Run:
    """Histories (p, F) of the quantum regime, with planted mu and V: the wave is run, and ``F = S + log(p) / (2 mu)``.

    Args:
        learning: in the quantum regime.
        domain: one axis or two.
        V: the potential, an objective or a function of points.
        psi: the wave at time 0, shape ``domain.shape``.
        times: ascending, at least two, not negative.
        density_noise: relative noise of p at each point and time (log-normal). phase_noise: noise of F, in its units.
        seed: of the noise.
        progress: as in :func:`qml_dynamics.evolve`. Ctrl-C returns the times done so far.

    Raises:
        ProblemError: another regime, or something that does not fit.

    >>> grid = Grid((-6, 6), 5)
    >>> run = observe_wave(Learning(0.3, 0.8, 2.0), grid, lambda w: w[:, 0] ** 2, np.exp(-(grid.axes[0] - 1) ** 2), times=[0.1, 0.2])
    >>> run.history.free_energy.shape
    (2, 32)
    """
    require(learning.regime == "quantum", "learning", "be in the quantum regime", learning.regime)
    ok = isinstance(domain, Grid) and domain.ndim <= 2
    require(ok, "domain", "be a Grid with one axis or two", domain)
    when = np.atleast_1d(number_array(times, "times"))
    ok = when.size >= 2 and bool(np.isfinite(when).all() and when[0] >= 0 and (np.diff(when) > 0).all())
    require(ok, "times", "be at least two times, ascending, not negative", describe(times))
    of_density = real(density_noise, "density_noise", nonnegative=True)
    of_phase = real(phase_noise, "phase_noise", nonnegative=True)
    problem = learning.problem(domain, V, duration=float(when[-1]), initial=State(psi))
    run = evolve(problem, Krylov(), save=np.union1d([0.0], when), progress=progress, seed=0)
    first = int(when[0] > 0)
    require(len(run.times) > first, "times", "be reached", f"not: {run.stop}")
    assert run.states is not None
    states = run.states[first:]
    p = np.abs(states) ** 2
    F = learning.free_energy(learning.hbar * _unwrapped(states, p), np.maximum(p, 1e-300))
    history = with_noise(History(domain, run.times[first:], p, F), of_density, of_phase, seed)
    return Run(history=history, facts={"stop": _stop(len(states), len(when), "times"), "seed": seed})


def with_noise(history: History, density_noise: float, phase_noise: float, seed: int) -> History:
    """A history as it would be observed: independent errors at each point and time, as in :func:`observe_wave`."""
    rng = np.random.default_rng(seed)
    p, F = history.density, history.free_energy
    assert p is not None
    assert F is not None
    seen = p * np.exp(density_noise * rng.standard_normal(p.shape))
    return History(history.domain, history.times, seen, F + phase_noise * rng.standard_normal(F.shape))


def _unwrapped(states: np.ndarray, p: np.ndarray) -> np.ndarray:
    """One branch of the phase ``(T, *shape)``: continuous along the axes from the point of largest density, and there in time."""
    at = np.unravel_index(int(p.mean(axis=0).argmax()), p.shape[1:])
    theta = np.unwrap(np.angle(states), axis=-1)
    if p.ndim == 3:  # rows are joined where the density is largest
        column = theta[:, :, at[1]]
        theta = theta + (np.unwrap(column, axis=1) - column)[:, :, None]
    here = theta[(slice(None), *at)]
    out: np.ndarray = theta + (np.unwrap(here) - here).reshape(-1, *(1,) * (p.ndim - 1))
    return out


@checks_arguments
def observe_exchange(
    energies: Array,
    *,
    beta: float,
    mu_c: float,
    networks: int = 200,
    sweeps: int = 50,
    seed: int = 0,
    progress: bool | None = None,
) -> Run:
    """Binary neurons that hop to and from a reservoir by heat bath, ``P(accept) = sigmoid(-beta (dE - mu_c dN))``.

    Args:
        energies: activation energies, shape ``(N,)``; the energy of a network is the sum over its active neurons.
        beta, mu_c: planted.
        networks, sweeps: how many networks, and proposals a network, one random neuron each.
        seed: of everything.
        progress: show a bar after two seconds; None: where standard error is a terminal.

    Returns:
        :class:`Run` with exchange events. Ctrl-C returns those so far (``facts["stop"]`` says so).

    Raises:
        ProblemError: a number out of its range.

    >>> run = observe_exchange([0.1, 0.5], beta=2.0, mu_c=0.2, networks=10, sweeps=3)
    >>> len(run.exchange.accepted)
    30
    """
    from scipy.special import expit

    e = numbers(energies)
    ok = e.ndim == 1 and e.size > 0 and bool(np.isfinite(e).all())
    require(ok, "energies", "be finite numbers, one a neuron", describe(energies))
    b, m = real(beta, "beta", positive=True), real(mu_c, "mu_c")
    count, rounds = integer(networks, "networks", 1, 10**7), integer(sweeps, "sweeps", 1, 10**6)
    check_memory(20 * count * rounds, "The events")
    rng = np.random.default_rng(seed)
    active = rng.random((count, e.size)) < 0.5
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    means: list[float] = []
    with Progress("exchanging neurons", progress) as show:
        try:
            for sweep in range(rounds):
                which = rng.integers(0, e.size, count)
                step = np.where(active[np.arange(count), which], -1, 1)
                cost = step * e[which]
                accepted = rng.random(count) < expit(-b * (cost - m * step))
                active[np.arange(count)[accepted], which[accepted]] ^= True
                rows.append((cost, step, accepted))
                means.append(float(active.sum(axis=1).mean()))
                show(sweep, rounds)
        except KeyboardInterrupt:
            pass
    events = None if not rows else ExchangeEvents(*(np.concatenate(part) for part in zip(*rows)))
    facts = {"networks": count, "sweeps": len(rows), "stop": _stop(len(rows), rounds, "sweeps"), "seed": seed}
    return Run(exchange=events, mean_number=np.array(means), facts=facts)
