"""The run of a method: with the steps and the order that it is given or needs, and room for the momenta of the wave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...model.formulas import boundaries
from ...model.problem import Problem
from .choice import Made, check_seen, enough_to_see, fine_enough
from .moving import Stepper
from .runs import ORDERS, Run, stepper

if TYPE_CHECKING:
    from .method import TensorTrain

Progress = Callable[[int, int], None]


def run(
    problem: Problem, method: TensorTrain, saves: Sequence[float], progress: Progress, engine: Stepper | None = None
) -> Run:
    """The run of a method; with its steps given it is not gone through yet, but for the choice of its cutoff.

    ``engine`` is its :func:`~.runs.stepper`, where that has been made already.

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

        return Run(engine, ends, list(saves), tick)

    if method.steps is not None:
        check_seen(engine, ends_of(method.steps), method.steps)
        return _with_room(made, method.steps, engine)
    first = _with_room(made, enough_to_see(engine, ends_of, engine.first_steps()), engine)
    return fine_enough(first, made, method.tolerance, ORDERS if method.order is None else (method.order,))


def _with_room(made: Made, steps: int, engine: Stepper) -> Run:
    """The run whose cutoff is so high that little is beyond half of it, or that a higher one would not leave less."""
    found, before = made(steps, engine), list[float]()
    while (raised := found.engine.wider(found.reached, before)) is not None:
        wider, before = raised
        found = made(steps, wider)
    return found
