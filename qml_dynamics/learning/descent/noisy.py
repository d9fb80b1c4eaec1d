"""Optimisers that see a loss through mini-batches of rows only: descent on waves, SGD, annealing, search; rows are counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...base.errors import ProblemError
from ...base.printing import printed_briefly
from ...model.domains import Grid, outer_product
from ...model.objectives.base import Objective
from ...model.transforms import Transform
from ...results.sampling import draw
from .fixed import amounts
from .learn import Learned


@printed_briefly
@dataclass(frozen=True, eq=False)
class Setting:
    """One split of a data set.

    Attributes:
        train: the loss over the training rows, with ``.rows`` for mini-batches and a model.
        held_out: the same loss over the held-out rows.
        grid: of the weights.
        score: ``weights (m, ndim) -> accuracy`` on the held-out rows, of the majority vote of the weight vectors.
    """

    train: Objective
    held_out: Objective
    grid: Grid
    score: Callable[[np.ndarray], float]

    def batch(self, points: np.ndarray, index: np.ndarray) -> np.ndarray:
        """Mean loss of some rows at points ``(m, ndim)``."""
        if self.train.rows is None:
            raise ProblemError("Argument `train` must be a loss over rows of data, such as `objectives.neuron`.")
        return self.train.rows.mean(points, index)


class Rows:
    """Draws mini-batches and counts the rows that were looked at, one for each weight vector."""

    def __init__(self, setting: Setting, size: int, rng: np.random.Generator, limit: float = np.inf) -> None:
        if setting.train.rows is None:
            raise ProblemError("Argument `train` must be a loss over rows of data, such as `objectives.neuron`.")
        self.setting, self.size, self.rng, self.limit = setting, size, rng, limit
        self.total, self.seen = setting.train.rows.count, 0

    def draw(self) -> np.ndarray:
        """The rows of one batch."""
        return self.rng.integers(0, self.total, self.size)

    def loss(self, points: np.ndarray, price: int | None = None) -> np.ndarray:
        """The loss of a fresh batch at points ``(m, ndim)``."""
        self.seen += self.size * (len(points) if price is None else price)
        return self.setting.batch(points, self.draw())

    @property
    def spent(self) -> bool:
        """Whether the rows allowed are used up."""
        return self.seen >= self.limit


def noisy_descent(
    setting: Setting, schedule: Learned, rows: Rows, shots: int, circuits: int, coherent: bool
) -> np.ndarray:
    """Samples ``(shots, ndim)`` of descents in which every step sees a fresh mini-batch; ``circuits`` different sequences of them.

    The strength is divided by the spread of the loss over 32 uniform points and one batch each, which is paid for too.
    """
    grid, points = setting.grid, setting.grid.points
    probe = points[rows.rng.integers(0, grid.size, 32)]
    spread = float(np.std(np.mean([rows.loss(probe) for _ in range(4)], axis=0)))
    kinetic = amounts(schedule.diffusion, schedule.steps)
    potential = amounts(schedule.strength, schedule.steps) / max(spread, 1e-12)
    lengths = np.array(grid.lengths)
    unit = [k * length**2 for k, length in zip(grid.dual_axes, lengths)]  # the schedule is for a box of edge 1
    transform = Transform(grid)
    out = []
    for number in range(circuits):
        share = shots // circuits + (number < shots % circuits)
        psi = np.full(grid.shape, grid.size**-0.5, complex)
        for a, b in zip(kinetic, potential):
            zeta = rows.loss(points, share if coherent else None).reshape(grid.shape)
            half = np.exp(-0.5j * b * zeta)
            psi *= half
            psi = transform.inverse(transform.forward(psi) * outer_product([np.exp(-1j * a * k) for k in unit]))
            psi *= half
        counts = draw(np.abs(psi) ** 2, share, int(rows.rng.integers(2**62)))
        out.append(grid.points_at(np.repeat(counts.index, counts.count)))
    return np.concatenate(out)


def pick(setting: Setting, points: np.ndarray, rows: Rows, looks: int) -> np.ndarray:
    """The candidate of the lowest mean over ``looks`` batches, the same for all."""
    every = np.unique(points, axis=0)
    mean = np.mean([rows.loss(every) for _ in range(looks)], axis=0)
    out: np.ndarray = every[int(np.argmin(mean))]
    return out


_WIDTH = 8.0  # of the box for which the rate is


def _sgd(setting: Setting, rows: Rows, rate: float = 1.0) -> np.ndarray:
    """Stochastic gradient descent from a uniform start, rate ``1 / sqrt(k)`` in a box of width 8; the mean of the second half of its path.

    Steps and differences are in widths of the box, so that the unit of the weights does not matter.

    Its gradients are differences here, but priced as exact ones: three losses, whatever the number of weights.
    """
    low, high = np.array(setting.grid.bounds).T
    unit = (high - low) / _WIDTH
    w, k, h = rows.rng.uniform(low, high), 0, 1e-4
    ndim, eye = len(low), np.diag(unit)
    tail: list[np.ndarray] = []
    while not rows.spent:
        index = rows.draw()
        both = setting.batch(np.concatenate([w + h * eye, w - h * eye]), index)
        rows.seen += 3 * rows.size
        w = np.clip(w - rate / np.sqrt(1 + k) * unit * (both[:ndim] - both[ndim:]) / (2 * h), low, high)
        k += 1
        tail.append(w)
    out: np.ndarray = np.mean(tail[len(tail) // 2 :], axis=0)
    return out


def _scipy(setting: Setting, rows: Rows, annealing: bool) -> np.ndarray:
    """SciPy's dual annealing or differential evolution on the noisy loss; its own answer."""
    from scipy.optimize import differential_evolution, dual_annealing

    seed, ndim = int(rows.rng.integers(2**31)), setting.grid.ndim
    low, high = np.array(setting.grid.bounds).T
    bounds = [(0.0, 1.0)] * ndim  # neither has units of its own

    def loss(y: np.ndarray) -> np.ndarray:
        """The mini-batch loss at a point of the unit box."""
        return rows.loss(low + (high - low) * y)

    calls = max(8, int((rows.limit - rows.seen) // rows.size))
    if annealing:
        found = dual_annealing(
            lambda y: float(loss(y[None])[0]), bounds, rng=seed, maxfun=calls, no_local_search=True, maxiter=10**6
        )
        return np.asarray(low + (high - low) * found.x)
    people = 15 * ndim
    found = differential_evolution(
        lambda y: loss(y.T.reshape(-1, ndim)),
        bounds,
        rng=seed,
        vectorized=True,
        updating="deferred",
        polish=False,
        tol=0.0,
        maxiter=max(1, calls // people - 1),
    )
    return np.asarray(
        low + (high - low) * found.population.mean(axis=0)
    )  # the mean of the population: its best is the luckiest batch


def averaged_grid(setting: Setting, rows: Rows) -> np.ndarray:
    """Every grid point with the same batches until the budget is spent, then the least mean."""
    points = setting.grid.points
    total = np.zeros(len(points))
    while not rows.spent:
        total += rows.loss(points)
    out: np.ndarray = points[int(np.argmin(total))]
    return out


def _random_search(setting: Setting, rows: Rows) -> np.ndarray:
    """Uniform points, each looked at in 16 batches, the least mean."""
    low, high = np.array(setting.grid.bounds).T
    count = max(2, int((rows.limit - rows.seen) // (16 * rows.size)))
    return pick(setting, rows.rng.uniform(low, high, (count, len(low))), rows, 16)


NOISY: dict[str, Callable[[Setting, Rows], np.ndarray]] = {
    "SGD": _sgd,
    "differential evolution": lambda setting, rows: _scipy(setting, rows, annealing=False),
    "dual annealing": lambda setting, rows: _scipy(setting, rows, annealing=True),
    "random search": _random_search,
}
