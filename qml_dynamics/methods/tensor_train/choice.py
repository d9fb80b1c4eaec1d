"""The run of a method: its steps and their order where none are asked for, and schedules that halved steps cannot see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...base.errors import MethodError
from ...model.drives import places_of
from ...model.formulas import boundaries
from ...model.problem import Problem
from ...model.schedules import Schedule, is_constant
from .moving import Stepper
from .passes import Passes
from .runs import ORDERS, Run, stepper
from .scales import GOAL

if TYPE_CHECKING:
    from .method import TensorTrain

_MOST_STEPS = 1 << 16
_NEVER = f"None, which stands for at most {_MOST_STEPS:,}"
_COARSE = 0.1  # apart: steps so coarse have no order yet, and a distance that does not fall is not that of roundings
_LEAST_GAIN = 1.6  # by which a halved step must lower the error, else roundings are what is left
_LEAST_ORDER = 0.5  # that a forecast counts on
_PLACES = (
    0.5,
    *(np.arange(1, 8) * (0.5 * (5**0.5 - 1)) % 1.0).tolist(),
)  # of a step: the middle, and some in no period with it
_SHOWN = 0.1  # of a swing within a step: what the middle must show of it
_UNSEEN = 0.2  # of all swings: those that the middles of steps may fail to show
_LOOKED = 4096  # steps, for each of which a schedule is integrated nine times
_BLIND = 0.02  # radians of them, or powers of e
Made = Callable[[int, Stepper], Run]
Progress = Callable[[int, int], None]


def run(
    problem: Problem,
    method: TensorTrain,
    saves: Sequence[float],
    progress: Progress,
    passes: Passes,
    engine: Stepper | None = None,
) -> Run:
    """The run of a method; with its steps given it is not gone through yet, but for the choice of its cutoff.

    ``engine`` is its :func:`~.runs.stepper`, where that has been made already; ``passes`` keeps what is gone through. Which steps and
    which order are chosen follows from the waves alone, so that a call that goes on from what is kept chooses the same.

    Raises:
        MethodError: the steps are too few to show how a schedule moves.
    """
    engine = engine or stepper(problem, method)
    cuts = sorted({*saves, *engine.knots})

    def ends_of(steps: int) -> np.ndarray:
        """The ends of so many steps, cut at the saved times and where schedules of terms jump."""
        return boundaries(problem.duration, steps, cuts)

    def made(steps: int, engine: Stepper) -> Run:
        """The run with this number of steps by this engine, not yet carried out."""
        ends, done = ends_of(steps), [0]

        def tick() -> None:
            """Report one more step as done."""
            done[0] += 1
            progress(min(done[0], len(ends) - 1), len(ends) - 1)

        return Run(engine, ends, list(saves), tick, passes)

    if method.steps is not None:
        check_seen(engine, ends_of(method.steps), method.steps)
        return _with_room(lambda engine: made(method.steps or 0, engine), method.steps, engine)
    first = _with_room(lambda engine: made(enough_to_see(engine, ends_of, engine.first_steps()), engine), None, engine)
    return fine_enough(first, made, method.tolerance, ORDERS if method.order is None else (method.order,))


def _with_room(made: Callable[[Stepper], Run], steps: int | None, engine: Stepper) -> Run:
    """The run whose cutoff is so high that little is beyond half of it, or that a higher one would not leave less."""
    found, before = made(engine), list[float]()
    while (raised := found.engine.wider(found.reached, before, steps)) is not None:
        wider, before = raised
        found = made(wider)
    return found


@dataclass(eq=False)
class Ladder:
    """Runs of one order, each with half the step of the one before.

    Attributes:
        found: the finest so far.
        apart: the distance to the one before it; infinite where there is none.
        before: the distance of those two that came before.
        ended: whether it is fine enough, or no finer one is better.
    """

    found: Run
    apart: float = np.inf
    before: float = np.inf
    ended: bool = False

    def climb(self, tolerance: float) -> None:
        """One run more; raises :class:`MethodError` where the last that is tried is too coarse to show how a schedule moves."""
        self.found.whole()
        finer = self.found.halved()
        finer.engine = finer.engine.coarser_by(tolerance)
        apart = float(finer.whole().moved(self.found).max())
        stuck = apart * _LEAST_GAIN > self.apart and apart <= _COARSE
        self.ended = finer.steps > _MOST_STEPS
        if self.ended or stuck or apart <= GOAL * tolerance:
            seen = blind(finer.engine.swings(), self.found.ends, finer.engine.problem.duration)
            if seen is not None and self.ended:
                raise MethodError(_told(_NEVER, *seen))
            self.ended = seen is None
        self.found, self.apart, self.before = finer, apart, self.apart

    def ahead(self, tolerance: float) -> float:
        """Strang's steps that are still to be taken, as far as the distances tell: by the order that they show, else the declared one."""
        engine, work = self.found.engine, self.found.engine.sweeps * self.found.steps
        if not np.isfinite(self.apart):
            return 3.0 * work
        order = float(engine.order)
        if np.isfinite(self.before):
            order = float(np.clip(np.log2(self.before / self.apart), _LEAST_ORDER, order))
        halvings = max(1.0, np.ceil(np.log2(self.apart / (GOAL * tolerance)) / order))
        return float(work * (2 ** (halvings + 1) - 2))


def fine_enough(first: Run, made: Made, tolerance: float, orders: Sequence[int]) -> Run:
    """Halves the step until the error of the finer run is small, or no longer falls, with the order that seems to take least work.

    Each order has a ladder of its own, and the one climbs that has the fewest of Strang's steps ahead of it, so that an order whose
    error does not fall as declared (a loss that is rough on the scale of a step) is left in time.
    """
    ladders = [
        Ladder(first if o == first.engine.order else made(first.steps, first.engine.of_order(o))) for o in orders
    ]
    while True:
        best = min(ladders, key=lambda ladder: ladder.ahead(tolerance))
        best.climb(tolerance)
        if best.ended:
            return best.found


def enough_to_see(engine: Stepper, ends_of: Callable[[int], np.ndarray], fewest: int) -> int:
    """So many steps, or some power of 2 times that many, that halving them shows how the schedules move.

    Raises:
        MethodError: more than 65,536 would be needed.
    """
    steps = fewest
    while (seen := blind(engine.swings(), ends_of(steps), engine.problem.duration)) is not None:
        if 2 * steps > _MOST_STEPS:
            raise MethodError(_told(_NEVER, *seen))
        steps *= 2
    return steps


def check_seen(engine: Stepper, ends: np.ndarray, steps: int) -> None:
    """Refuse steps whose error no run with half of them could tell, because a schedule swings back and forth within each half.

    Raises:
        MethodError: which schedule, and by how much.
    """
    seen = blind(engine.swings(), ends, engine.problem.duration)
    if seen is not None:
        raise MethodError(_told(str(steps), *seen))


def _told(given: str, which: str, angle: float) -> str:
    return (
        f"Argument `steps` must be large enough for steps that show how {which} moves, but is {given}: it swings back and forth within "
        f"half a step ({angle:.2g} radians in all), which no halved step would tell."
    )


def _looked_at(steps: int) -> np.ndarray:
    """The numbers of the steps that are looked at: all, or of very many one in each of equal groups, at places in no period."""
    if steps <= _LOOKED:
        return np.arange(steps)
    group = np.arange(_LOOKED)
    return ((group + (0.5 * (5**0.5 - 1) * group) % 1.0) * (steps / _LOOKED)).astype(int)


def blind(
    swings: Sequence[tuple[str, Schedule, float]], ends: Sequence[float] | np.ndarray, duration: float
) -> tuple[str, float] | None:
    """A schedule whose swings within steps do not show in the integrals over their halves, and the angle of these; None without one.

    Steps take the integral of a schedule, and a run is compared with one of half the step. Where a schedule swings back and forth so
    that either half holds the same integral, both agree on a wave from which the swings are missing. Of more than 4,096 steps so many
    are looked at, spread evenly, and stand for the others; those in which a schedule tells kinks or pulses are looked at besides.

    Args:
        swings: name, schedule and half of the width of what it multiplies.
        ends: of the steps, ascending.
        duration: over which the schedules are stretched.

    >>> from qml_dynamics.model.drives import Oscillation
    >>> fast = Oscillation(40.0, 2 * np.pi * 8)
    >>> found = [blind([("strength", fast, 1.0)], np.linspace(0, 1, steps + 1), 1.0) for steps in (4, 32)]
    >>> found[0][0], round(found[0][1], 2), found[1]
    ('strength', 3.17, None)
    """
    times = np.asarray(ends, dtype=float)
    steps = len(times) - 1
    looked = _looked_at(steps)
    for name, schedule, half in swings:
        if is_constant(schedule) or not half > 0:
            continue
        told = _by_step(times, places_of([schedule], duration))
        shown, most, stands_for = [], [], []
        for k in sorted({*looked.tolist(), *told}):
            a, b, whole = times[k], times[k + 1], schedule.integral(times[k], times[k + 1], duration)
            inside = (*_PLACES, *((t - a) / (b - a) for t in told.get(k, ())))
            away = [abs(schedule.integral(a, a + f * (b - a), duration) - f * whole) for f in inside]
            shown.append(away[0])
            most.append(max(away))
            stands_for.append(1.0 if k in told else steps / len(looked))
        largest = np.array(most)
        weighed = largest * np.array(stands_for)
        unseen = float(weighed[np.array(shown) < _SHOWN * largest].sum())
        if unseen > _UNSEEN * float(weighed.sum()) and half * unseen > _BLIND:
            return name, half * unseen
    return None


def _by_step(times: np.ndarray, places: Sequence[float]) -> dict[int, list[float]]:
    """The places in each step that has some strictly inside."""
    found: dict[int, list[float]] = {}
    for place, k in zip(places, np.searchsorted(times, places).tolist()):
        if 0 < k < len(times) and place < times[k]:
            found.setdefault(k - 1, []).append(place)
    return found
