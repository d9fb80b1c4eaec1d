"""Generation: points carried from noise to data by the reverse process (stochastic or probability flow), with exact conditions.

``dx = (grad V + 2 T grad log p_t) ds + sqrt(2 T) dW`` and ``dx/ds = grad V + T grad log p_t`` with ``s = t_max - t`` have the
density ``p_t`` at every time. Sources: Anderson, Stochastic Process. Appl. 12, 313 (1982); Song et al.,
arXiv:2011.13456.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from ...base.errors import ProblemError, describe, integer, one_of, real, require
from ...base.printing import printed_briefly
from ...base.progress import Progress
from ...results.sampling import drawable
from .condition import Keep
from .data import least_bandwidth, smoothing_time
from .field import FLOOR, Magnifier, ScoreField
from .witten import Source

KINDS = ("sde", "ode")
ORDERS = {"sde": (1, 2), "ode": (1, 2, 4)}
Noise = Callable[[int, float, tuple[int, ...]], np.ndarray]


def time_grid(t_max: float, t_min: float, steps: int) -> np.ndarray:
    """Descending times, dense where the data appear: ``t_min + (t_max - t_min)(1 - k / steps)^2``.

    >>> time_grid(4.0, 0.0, 2).tolist()
    [4.0, 1.0, 0.0]
    """
    times = t_min + (t_max - t_min) * (1 - np.arange(steps + 1) / steps) ** 2
    times[-1] = t_min
    return times


def stage_times(times: np.ndarray, order: int) -> np.ndarray:
    """All times at which a scheme of this order asks for the score, descending."""
    if order < 4:
        return times
    return np.sort(np.concatenate([times, 0.5 * (times[1:] + times[:-1])]))[::-1]


def gaussian_noise(rng: np.random.Generator) -> Noise:
    """Brownian increments: number of the step, its length, shape."""
    return lambda step, dt, shape: np.sqrt(dt) * rng.standard_normal(shape)


def reverse(
    x: np.ndarray,
    times: np.ndarray,
    fields: Iterator[ScoreField],
    lens: Magnifier,
    kind: str,
    order: int,
    noise: Noise,
) -> Iterator[tuple[float, np.ndarray]]:
    """Points at each of the descending times, from the first to the last.

    ``"sde"``: Euler and Maruyama (weak order 1), or Heun's rule with the same increment in both stages (weak order 2: the
    noise is additive; Kloeden and Platen, Numerical Solution of SDEs, 15.1). ``"ode"``: Euler, Heun, Runge and Kutta.

    Args:
        x: points at ``times[0]``, shape ``(n, ndim)``.
        times: from :func:`time_grid`.
        fields: scores at :func:`stage_times`, in that order.
        lens: of the landscape.
        kind, order: of the scheme.
        noise: Brownian increments.
    """
    land = lens.land
    heat = land.temperature * (2.0 if kind == "sde" else 1.0)

    def drift(points: np.ndarray, score: ScoreField) -> np.ndarray:
        """The drift ``grad V + c T score`` backwards in time: c = 2 for the stochastic process, 1 for the flow."""
        points = settled(points, lens)
        return land.gradient(points) + heat * score.at(points)

    x, now = settled(x, lens), next(fields)
    yield float(times[0]), x
    for k in range(len(times) - 1):
        dt = float(times[k] - times[k + 1])
        middle = next(fields) if order == 4 else None
        after = next(fields)
        kick = np.sqrt(2 * land.temperature) * noise(k, dt, x.shape) if kind == "sde" else np.zeros_like(x)
        first = drift(x, now)
        if order == 1:
            x = x + dt * first + kick
        elif middle is None:
            x = x + 0.5 * dt * (first + drift(x + dt * first + kick, after)) + kick
        else:
            second = drift(x + 0.5 * dt * first, middle)
            third = drift(x + 0.5 * dt * second, middle)
            last = drift(x + dt * third, after)
            x = x + dt / 6 * (first + 2 * second + 2 * third + last)
        x, now = settled(x, lens), after
        yield float(times[k + 1]), x


def settled(points: np.ndarray, lens: Magnifier) -> np.ndarray:
    """Points in the box: round it on a torus, else held at its edge (where no density is)."""
    low, high = np.array(lens.land.domain.bounds).T
    if lens.land.wraps:
        return np.asarray(low + (points - low) % (high - low))
    out: np.ndarray = np.clip(points, low, high)
    return out


def draw(density: np.ndarray, lens: Magnifier, n: int, rng: np.random.Generator) -> np.ndarray:
    """Points from a density on the fine grid, uniform in its cells."""
    steps = np.cumsum(drawable(density))
    index = np.minimum(np.searchsorted(steps, steps[-1] * rng.random(n), side="right"), steps.size - 1)
    jitter = (rng.random((n, lens.fine.ndim)) - 0.5) * np.array(lens.fine.spacing)
    return settled(lens.fine.points_at(index) + jitter, lens)


def start(lens: Magnifier, phi: np.ndarray, t_max: float, noise: bool, n: int, rng: np.random.Generator) -> np.ndarray:
    """Points at ``t_max``: from the stationary law where that is ``noise``, else from the law that the wave has then."""
    if noise and lens.land.name == "ou":
        normal = np.sqrt(lens.land.temperature) * rng.standard_normal((n, lens.fine.ndim))
        return settled(normal, lens)
    if noise:
        return draw(lens.root**2, lens, n, rng)
    (wave,) = lens.land.waves(phi, [t_max])
    return draw(lens.root * lens.waves(wave)[0], lens, n, rng)


def nearest_times(times: Sequence[float], wanted: Sequence[float]) -> list[int]:
    """For each wanted time the index of the nearest one."""
    return [int(np.argmin(np.abs(np.asarray(times) - t))) for t in wanted]


_ROUNDS = 60
ROUGH = 1e-4  # densities below this share of the peak may be a method's error


@printed_briefly
@dataclass(frozen=True, eq=False)
class Paths:
    """Points of a reverse run.

    Attributes:
        times: descending, shape ``(m,)``; the last is 0, the data.
        points: shape ``(m, n, ndim)``.
        kind: ``"sde"`` or ``"ode"``.
        probability: that a data point meets the condition (1 without one).
        accepted: share of the finished paths that were kept by the last correction (1 without a region).
    """

    times: np.ndarray
    points: np.ndarray
    kind: str
    probability: float = 1.0
    accepted: float = 1.0


@dataclass(frozen=True, eq=False)
class Plan:
    """What was asked for, checked."""

    n: int
    rng: np.random.Generator
    kind: str
    steps: int
    order: int
    save: int | list[float] | None

    @classmethod
    def of(
        cls, n: int, seed: int | None, kind: str, steps: int, order: int, save: int | Sequence[float] | None
    ) -> Plan:
        """Raises :class:`ProblemError` where something does not fit."""
        count = integer(n, "n", 1, 10**8)
        one_of(kind, "kind", KINDS)
        steps = integer(steps, "steps", 1, 10**6)
        require(order in ORDERS[kind], "order", f"be one of {ORDERS[kind]} for kind {kind!r}", order)
        if seed is not None:
            seed = integer(seed, "seed", 0, 2**128)
        if save is not None and save != 1:
            try:
                save = [real(v, "save", nonnegative=True) for v in cast(Sequence[float], save)]
            except TypeError:
                raise ProblemError(
                    f"Argument `save` must be None, 1 or a list of times, but is {describe(save)}."
                ) from None
        return cls(count, np.random.default_rng(seed), kind, steps, order, save)

    def places(self, times: Sequence[float]) -> list[int]:
        """Which of these times are kept."""
        if self.save is None:
            return list(range(len(times)))
        return [len(times) - 1] if self.save == 1 or isinstance(self.save, int) else nearest_times(times, self.save)


def generate(
    lens: Magnifier,
    phi: np.ndarray,
    conditioned: tuple[np.ndarray, float, Keep | None],
    t_max: float,
    plan: Plan,
    noise: bool,
    progress: bool | None,
    source: Source | None = None,
) -> Paths:
    """Points at the saved times, as many as were asked for; ``source`` gives the waves (None: the landscape does)."""
    wave, probability, keep = conditioned
    with Progress("Reverse process", progress) as bar:
        if keep is None:
            times = time_grid(t_max, 0.0, plan.steps)
            places = plan.places(times.tolist())
            first = start(lens, wave, t_max, noise, plan.n, plan.rng)
            points = _run(lens, wave, times, plan, first, places, bar, source)
            return Paths(times[places], points, plan.kind, probability)
        return _kept(_Region(lens, phi, wave, keep, t_max, plan, noise), probability, bar)


def _fields(
    lens: Magnifier, phi: np.ndarray, times: np.ndarray, order: int, source: Source | None
) -> Iterator[ScoreField]:
    waves = (source or lens.land.descending)(phi, stage_times(times, order).tolist())
    for wave in waves:
        yield lens.field(wave, FLOOR if source is None else ROUGH)


def _run(
    lens: Magnifier,
    phi: np.ndarray,
    times: np.ndarray,
    plan: Plan,
    x: np.ndarray,
    places: list[int],
    bar: Progress,
    source: Source | None = None,
) -> np.ndarray:
    fields = _fields(lens, phi, times, plan.order, source)
    moments = reverse(x, times, fields, lens, plan.kind, plan.order, gaussian_noise(plan.rng))
    kept: dict[int, np.ndarray] = {}
    for k, (_, points) in enumerate(moments):
        if k in places:
            kept[k] = points
        bar(k, len(times))
    return np.array([kept[k] for k in places])


class _Region:
    """A condition with edges. The conditioned wave is smooth from ``t_min`` on, and the process runs down to there by its score.

    From there the process without condition runs to 0, and a path is kept with a probability proportional to ``h_0(x_0)`` over
    what is known of it already: ``h_{t_min}`` at the place where an ODE path was, its mean given ``x_0`` for an SDE. What is kept
    has the conditioned law at time 0, whatever ``t_min`` is.
    """

    def __init__(
        self, lens: Magnifier, phi: np.ndarray, wave: np.ndarray, keep: Keep, t_max: float, plan: Plan, noise: bool
    ) -> None:
        land = lens.land
        self.t_max, self.noise = t_max, noise
        self.lens, self.phi, self.wave, self.keep, self.plan = lens, phi, wave, keep, plan
        self.t_min = min(smoothing_time(least_bandwidth(land.domain), land.temperature), 0.5 * t_max)
        self.down = time_grid(t_max, self.t_min, plan.steps)
        self.rest = time_grid(self.t_min, 0.0, max(4, plan.steps // 8))
        (below,), (above,) = land.waves(phi, [self.t_min]), land.waves(wave, [self.t_min])
        density = land.root * below
        seen = density > 1e-9 * density.max()
        known = np.clip(np.where(seen, above / np.where(seen, below, 1.0), 0.0), 0.0, 1.0)
        if plan.kind == "sde":
            (back,) = land.waves(land.root * known, [self.t_min])
            known = back / land.root
        self.known = np.clip(known, 1e-6, 1.0)
        h = keep.h(land.domain.points).reshape(land.domain.shape)
        likely = (h > 0) & (land.root * phi > 1e-6 * (land.root * phi).max())
        if not likely.any():  # a region that lies between the points of the grid
            likely = keep.values > 0
            h = np.ones(h.shape)
        self.most = float((h[likely] / self.known[likely]).max())

    def batch(self, n: int, bar: Progress) -> tuple[np.ndarray, np.ndarray]:
        """Paths at the saved times, and which of them are kept."""
        plan, lens = self.plan, self.lens
        places = plan.places([*self.down, *self.rest[1:]])
        first = sorted({p for p in places if p < len(self.down)} | {len(self.down) - 1})
        second = sorted({p - len(self.down) + 1 for p in places if p >= len(self.down)} | {len(self.rest) - 1})
        begin = start(lens, self.wave, self.t_max, self.noise, n, plan.rng)
        upper = _run(lens, self.wave, self.down, plan, begin, first, bar)
        lower = _run(lens, self.phi, self.rest, plan, upper[-1], second, bar)
        end = lower[-1]
        at = self.value(end if plan.kind == "sde" else upper[-1])
        chance = self.keep.h(end) / (at * self.most)
        rows = [upper[first.index(p)] if p in first else lower[second.index(p - len(self.down) + 1)] for p in places]
        return np.array(rows), plan.rng.random(n) < chance

    def value(self, points: np.ndarray) -> np.ndarray:
        """What is known of a condition at these points, interpolated linearly."""
        from scipy.ndimage import map_coordinates

        domain = self.lens.land.domain
        place = ((points - np.array([x[0] for x in domain.axes])) / np.array(domain.spacing)).T
        mode = "grid-wrap" if self.lens.land.wraps else "nearest"
        out: np.ndarray = np.maximum(map_coordinates(self.known, place, order=1, mode=mode), 1e-6)
        return out

    @property
    def times(self) -> np.ndarray:
        """Saved times."""
        every = np.concatenate([self.down, self.rest[1:]])
        return np.asarray(every[self.plan.places(every.tolist())])


def _kept(region: _Region, probability: float, bar: Progress) -> Paths:
    plan, found, tried, rows = region.plan, 0, 0, []
    for _ in range(_ROUNDS):
        rate = max(found / tried, 0.02) if tried else 0.8 / region.most
        count = int(np.clip(1.1 * (plan.n - found) / rate + 8, 16, 4 * plan.n + 64))
        points, kept = region.batch(count, bar)
        rows.append(points[:, kept])
        found, tried = found + int(kept.sum()), tried + count
        if found >= plan.n:
            points = np.concatenate(rows, axis=1)[:, : plan.n]
            return Paths(region.times, points, plan.kind, probability, found / tried)
    raise ProblemError(
        f"Argument `condition` must be met by more paths: of {tried} only {found} were kept. Take more `steps`, or a finer grid."
    )
