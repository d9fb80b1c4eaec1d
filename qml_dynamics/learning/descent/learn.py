"""Schedules learned for a number of steps: knots of ``log D`` and ``log s``, moved by exact gradients.

At 10 to 40 steps no discretisation of a continuous schedule is good (the phases of a step are of order one), so that the
schedule itself is the thing to learn: as in the quantum approximate optimisation algorithm, but with few knots, shared by
all losses, and usable at once on other losses, finer grids and more steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...base.arguments import checks_arguments, checks_arguments_but
from ...base.errors import MethodError, integer, one_of, require
from ...base.printing import printed_briefly
from ...base.progress import Progress
from ...model.schedules import QHD, Knots, Schedule
from .batch import Batch, Instance
from .fixed import Fixed, amounts

BOUNDS = (-9.0, 9.0)  # of the logarithms: amounts of a step stay far from overflow
_NODES = 6  # of the Gauss-Legendre rule on each piece


@printed_briefly
@dataclass(frozen=True)
class Learned:
    """A pair of schedules for ``steps`` steps over the duration 1, for losses divided by their spread.

    Give it to ``descend(..., schedule=...)``; or the two schedules of ``over(spread, edge)`` to a :class:`Problem`.

    Attributes:
        diffusion, strength: :class:`Knots`, which problem files can hold.
        steps: that it was learned for.
        score: mean chance on the instances that it was learned on.
        scaled: whether the strength is for a loss divided by its spread.
        duration: 1.

    >>> pair = Learned(Knots((0.5, 0.01)), Knots((1.0, 60.0)), steps=10)
    >>> pair.over(2.0).strength
    Knots(values=(0.5, 30.0))
    """

    diffusion: Knots
    strength: Knots
    steps: int
    score: float | None = None
    scaled: bool = True
    duration: float = 1.0

    @checks_arguments
    def over(self, spread: float, edge: float = 1.0) -> Learned:
        """For the loss as it is, of this spread, on a box of this edge: strength divided, diffusion times ``edge^2``."""
        falling, rising = (v * edge**2 for v in self.diffusion.values), (v / spread for v in self.strength.values)
        return Learned(Knots(tuple(falling)), Knots(tuple(rising)), self.steps, self.score, False, self.duration)


@checks_arguments_but("schedule")
def chances(schedule: Learned | Fixed | QHD, instances: Sequence[Instance], steps: int | None = None) -> np.ndarray:
    """The chance of one sample on each instance after so many Strang steps (default: the schedule's own)."""
    for name in ("diffusion", "strength"):
        has = isinstance(getattr(schedule, name, None), Schedule) and not isinstance(schedule, type)
        require(has, "schedule", f"have a schedule `{name}`, as a Learned or Fixed one", schedule, MethodError)
    count = integer(getattr(schedule, "steps", None) if steps is None else steps, "steps", 1, 10**6, MethodError)
    batch = Batch(instances, getattr(schedule, "scaled", False))
    length = getattr(schedule, "duration", 1.0)
    return batch.chances(amounts(schedule.diffusion, count, length), amounts(schedule.strength, count, length))


@checks_arguments
def learn_schedule(
    instances: Sequence[Instance],
    steps: int,
    *,
    knots: int = 5,
    starts: int = 3,
    iterations: int = 60,
    seed: int = 0,
    progress: bool | None = None,
) -> Learned:
    """The schedule of ``steps`` Strang steps that maximises the mean chance on these instances.

    Args:
        instances: what to learn on, from :func:`instance` or :func:`crops`; all on one grid.
        steps: the budget.
        knots: of each of the two schedules, equally spaced; ``steps + 1`` of them are nearly free angles.
        starts: L-BFGS-B runs, the first from a falling D and a rising s, the others from random changes of it.
        iterations: of each run.
        seed: of the starts.
        progress: as in ``evolve``.

    Returns:
        The best schedule; an interrupt from the keyboard returns the best so far.

    >>> from qml_dynamics.learning.descent import instance
    >>> learned = learn_schedule([instance("levy", 4)], 6, knots=3, starts=1, iterations=15)
    >>> learned.score > 0.3
    True
    """
    steps = integer(steps, "steps", 1, 10_000, MethodError)
    knots = integer(knots, "knots", 2, 1000, MethodError)
    starts = integer(starts, "starts", 1, 10_000, MethodError)
    iterations = integer(iterations, "iterations", 1, 10**6, MethodError)
    search = _Search(Batch(instances), steps, knots)
    rng = np.random.default_rng(seed)
    with Progress(f"schedule of {steps} steps", progress) as bar:
        try:
            for k in range(starts):
                start = search.start + (rng.normal(0.0, 0.7, 2 * knots) if k else 0.0)

                def told(done: int, before: int = k * iterations) -> None:
                    """Report the iterations done, counted over all starting points."""
                    bar(before + done, starts * iterations)

                search.run(start, iterations, told)
        except KeyboardInterrupt:
            require(search.best is not None, "iterations", "be done once before an interrupt", "none", MethodError)
    assert search.best is not None
    falling, rising = (Knots(tuple(np.exp(part).tolist())) for part in np.split(search.best, 2))
    return Learned(falling, rising, steps, search.score)


class _Search:
    """The mean chance as a function of the logarithms of all knots, its gradient, and the best seen."""

    def __init__(self, batch: Batch, steps: int, knots: int) -> None:
        self.batch = batch
        self.hats, self.weights = _quadrature(steps, knots)
        self.start = np.concatenate([np.linspace(-1.0, -4.0, knots), np.linspace(0.0, 4.0, knots)])
        self.best: np.ndarray | None = None
        self.score = -1.0

    def loss(self, logs: np.ndarray) -> tuple[float, np.ndarray]:
        """Minus the mean chance and its gradient."""
        values = [np.exp(self.hats @ part) for part in np.split(logs, 2)]
        every, *slopes = self.batch.gradient(*(self.weights @ v for v in values))
        score = float(every.mean())
        if score > self.score:
            self.best, self.score = logs.copy(), score
        back = [self.hats.T @ (v * (self.weights.T @ slope)) for v, slope in zip(values, slopes)]
        return -score, -np.concatenate(back) / len(every)

    def run(self, start: np.ndarray, iterations: int, on_step: Callable[[int], None]) -> None:
        """One L-BFGS-B run."""
        from scipy.optimize import minimize

        done = 0

        def told(_: np.ndarray) -> None:
            """Count one iteration of L-BFGS-B and report it."""
            nonlocal done
            done += 1
            on_step(done)

        box = [BOUNDS] * len(start)
        minimize(
            self.loss,
            np.clip(start, *BOUNDS),
            jac=True,
            method="L-BFGS-B",
            bounds=box,
            options={"maxiter": iterations},
            callback=told,
        )


def _quadrature(steps: int, knots: int) -> tuple[np.ndarray, np.ndarray]:
    """Hat functions of the knots at Gauss-Legendre nodes, and the weights that add the nodes up to integrals over the steps."""
    ends = np.union1d(np.arange(steps + 1) / steps, np.arange(knots) / (knots - 1))
    ends = ends[np.concatenate([[True], np.diff(ends) > 1e-12])]
    place, weight = np.polynomial.legendre.leggauss(_NODES)
    middle, half = (ends[1:] + ends[:-1]) / 2, np.diff(ends) / 2
    nodes = (middle[:, None] + half[:, None] * place).reshape(-1)
    hats = np.maximum(0.0, 1 - np.abs(nodes[:, None] * (knots - 1) - np.arange(knots)))
    owner = np.minimum((nodes * steps).astype(int), steps - 1)
    weights = np.zeros((steps, len(nodes)))
    weights[owner, np.arange(len(nodes))] = (half[:, None] * weight).reshape(-1)
    return hats, weights


@checks_arguments
def pretrained(steps: int) -> Learned:
    """The schedule that the library ships for 10, 20 or 40 steps; learned on 11 of the 22 test functions, ``TRAINING``.

    >>> pretrained(20).steps
    20
    """
    known = {str(k): k for k in PRETRAINED}
    return PRETRAINED[known[one_of(str(steps), "steps", known, MethodError)]]


PRETRAINED: dict[int, Learned] = {
    10: Learned(
        Knots((0.2088, 0.1710, 0.02634, 0.01732, 0.007124)), Knots((2.296, 5.050, 8.445, 21.10, 89.09)), 10, 0.452
    ),
    20: Learned(
        Knots((0.1781, 0.1963, 0.03852, 0.03012, 0.004903)), Knots((2.423, 4.852, 7.405, 32.60, 124.4)), 20, 0.542
    ),
    40: Learned(
        Knots((0.2424, 0.3124, 0.03474, 0.03629, 0.009763)), Knots((0.8779, 8.248, 6.376, 25.85, 144.2)), 40, 0.583
    ),
}
"""Steps -> what ``learn_schedule(crops(TRAINING, count=2, seed=0), steps, iterations=80)`` gave, rounded to four digits.
``TRAINING`` is every other of the 22 functions in the order of their names; the others were held out."""
