"""Waves as tensor trains, one core a qubit: the method, its steps and its error statement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from ...backends import Backend
from ...base.errors import MethodError, describe, integer, one_of, real, require
from ...model.problem import Problem
from ...results.journal import current
from ..base import GRIDS, WAVES, Answer, Facts, Job, Space, Usual, Work, check_facts
from ..from_waves import Waves, report_waves, run_waves
from ..memory import of_waves
from . import register, state
from .choice import run
from .engine import Engine
from .layout import LAYOUTS
from .moving import Stepper
from .passes import Passes
from .runs import ORDERS, Run, rank_of_a_step, stepper
from .starts import VECTOR, check_start

_TRAINS = 12  # trains and factors that are held beside the saved ones
_MORE = 3  # the rank of a wave in those of a factor of the loss, at most, where it is smooth
_SPACES: frozenset[Space] = GRIDS | {"operator"}


@dataclass(frozen=True)
class TensorTrain(Usual):
    """The split-operator method on a tensor train, one core a qubit, on both clocks: grids with or without walls, and operators.

    ``psi(s_1 ... s_n) = A_1(s_1) ... A_n(s_n)`` over the bits of the grid's index (a quantics tensor train). The loss enters as the train
    of ``exp(-i s dt V)`` (imaginary clock: ``exp(-s dt V)``) from cross interpolation, never by its table, and the kinetic part as the
    operator ``F^+ exp(-i D dt k^2) F``, between walls with the sine transform; after each factor the train is rounded by singular
    values. Smooth losses need ranks of 10 to 30 whatever the number of qubits, so that memory and time grow with it linearly.

    A general operator, a sum of Pauli strings, runs by time-evolving block decimation: strings on up to three neighbours are
    exponentiated together, longer ones as operators of small rank across their qubits, in layers that do not overlap. There is no
    state vector, on 100 qubits neither. A wave of which ``max_bond`` cuts more than 3 % is refused, with the time and the rank.

    Orders: 2 (Strang) and 4: Suzuki's composition (operators: Blanes and Moan's) on the real clock, the extrapolation
    ``4/3 S2(dt/2)^2 - 1/3 S2(dt)`` on the imaginary one. On axes of more than nine qubits momenta beyond a cutoff are left out; it is
    chosen from the initial wave and the loss, and raised while the wave holds momenta beyond half of it. Where the loss has scales finer
    than those momenta (a ripple, a dip of a thousandth of an axis), its smooth part takes the steps, with a cutoff that keeps what is
    left out within a thousand tolerances where the steps allow that, and the rest is stated as an error.

    Up to 22 qubits the answer is a :class:`Trajectory` like any other. Above, it is a
    :class:`~qml_dynamics.results.compact.CompactTrajectory`, and neither the loss nor a wave is ever a table.

    ``diagnostics["error"]`` states the error of the wave (2-norm, without the discretisation by the grid) at each saved time: the
    distance to a run with half the step and half the tolerance, twice, with the roundings and the cutoff (momenta of the wave beyond half
    of it, and what the loss has beyond it);
    ``diagnostics["error_parts"]`` has the three at the end.

    Args:
        steps: equal steps over the duration; None: as many as make the error of the step at most a thousand tolerances.
        order: 2 or 4; None: 2 where steps are given, else the one that seems to need less work.
        tolerance: relative 2-norm that one rounding may leave out.
        max_bond: the largest rank.
        max_seconds: of one core that a run of a loss on more than 22 qubits may take by the rank of its first step, or it is refused
            before it starts, with that rank.
        layout: which bits are neighbours: ``"mirrored"`` (every other axis turned over), ``"sequential"`` or ``"interleaved"``.

    Sources: Oseledets, SIAM J. Sci. Comput. 33, 2295 (2011); Khoromskij, Constr. Approx. 34, 257 (2011); Lubasch et al., J. Comput.
    Phys. 372, 587 (2018); Chen and Lindsey, arXiv:2404.03182; Vidal, Phys. Rev. Lett. 93, 040502 (2004).

    >>> from qml_dynamics import Gaussian, Grid, Problem, evolve
    >>> bowl = Problem(Grid((-8, 8), 8), lambda w: w[:, 0] ** 2 / 2, 0.5, clock="real", initial=Gaussian(1, 0.6), duration=1.0)
    >>> run = evolve(bowl, TensorTrain(8, order=4), observables={"x": lambda w: w[:, 0]})
    >>> round(float(run.expectations["x"].value[-1]), 4), bool(run.diagnostics["error"][-1] < 1e-3)    # cos(1)
    (0.5403, True)
    >>> chain = Problem.from_operator({"Z0 Z1": -1.0, "Z1 Z2": -1.0, "X1": 0.5}, clock="real", duration=1.0, initial="000")
    >>> round(float(evolve(chain, TensorTrain(8, order=4), observables={"Z1": "IZI"}).expectations["Z1"].value[-1]), 4)
    0.9085
    """

    steps: int | None = None
    order: int | None = None
    tolerance: float = 1e-8
    max_bond: int = 256
    layout: str = "mirrored"
    max_seconds: float = field(default=300.0, compare=False)  # decides whether there is an answer, not which

    name: ClassVar[str] = "tensor_train"

    def __post_init__(self) -> None:
        if self.steps is not None:
            object.__setattr__(self, "steps", integer(self.steps, "steps", 1, 10**9, MethodError))
        whole = isinstance(self.order, (int, np.integer)) and not isinstance(self.order, bool)
        known = self.order is None or (whole and self.order in ORDERS)
        require(known, "order", "be 2, 4 or None", describe(self.order), MethodError)
        if self.steps is not None and self.order is None:  # one name for one method
            object.__setattr__(self, "order", ORDERS[0])
        real(self.tolerance, "tolerance", positive=True, error=MethodError)
        require(1e-12 <= self.tolerance <= 0.01, "tolerance", "be between 1e-12 and 0.01", self.tolerance, MethodError)
        integer(self.max_bond, "max_bond", 1, 4096, MethodError)
        real(self.max_seconds, "max_seconds", positive=True, error=MethodError)
        one_of(self.layout, "layout", LAYOUTS, MethodError)

    def facts(self) -> Facts:
        """Waves on both clocks, on grids and on the registers of operators."""
        order = None if self.steps is None else self.order
        return Facts(WAVES, _SPACES, "classical", order, steps=self.steps, compact_above=VECTOR)

    def check(self, problem: Problem, backend: Backend | None) -> None:
        """Refuse what the facts exclude, and waves known as vectors on more than 22 qubits."""
        check_facts(self, problem)
        check_start(problem)

    def run(self, job: Job) -> Answer:
        """Waves at the saved times; above 22 qubits a compact answer, which holds no table of the wave."""
        if not job.compact:
            return report_waves(job, run_waves(job, self._waves, self.steps))
        operator = job.problem.operator is not None
        (register.check_register if operator else state.check_observables)(job.observables)
        engine = stepper(job.problem, self)
        if isinstance(engine, Engine):
            state.ask_first(job, engine)
        else:
            register.ask_first(job, engine.begin)
        found, told, stop = self._gone_through(job, engine)
        points = [point for point in found.kept if point.time in job.saves]
        if isinstance(found.engine, Engine):
            return state.compact_answer(job, found.engine, points, told, stop)
        times, logs = np.array([point.time for point in points]), np.array([point.log_norm for point in points])
        return register.register_answer(job, [point.train for point in points], told, logs, times, stop)

    def _gone_through(self, job: Job, engine: Stepper) -> tuple[Run, dict[str, object], str]:
        """The run, what its diagnostics say, and why it ended; after an interrupt that which has reached the most saved times."""
        saves, passes, found = np.union1d(job.saves, [0.0]), Passes(current()), None
        try:
            found = run(job.problem, self, saves.tolist(), job.progress, passes, engine).whole()
            return (
                found,
                statement(found, np.isin(saves, job.saves)),
                f"Reached the end of the duration, {saves[-1]:g}.",
            )
        except KeyboardInterrupt:
            found = found or passes.furthest()
            if found is None or not any(point.time in job.saves for point in found.kept):
                raise
            reached = found.kept[-1].time
            return (
                found,
                {**_shape(found, job.saves), "interrupted": True},
                (
                    f"Interrupted from the keyboard after t = {reached:g} of {job.problem.duration:g}; kept what was done, whose error is "
                    "not known."
                ),
            )

    def _waves(self, job: Job, saves: np.ndarray, out: Waves) -> Iterator[tuple[float, np.ndarray, float]]:
        found = run(job.problem, self, saves.tolist(), job.progress, Passes(current()))
        for point in found.points():
            table = found.engine.table(point.train)
            yield point.time, table / np.linalg.norm(table), point.log_norm if found.engine.imaginary else 0.0
        wanted = np.isin(saves, job.saves)
        out.diagnostics.update(statement(found, wanted))

    def work(self, job: Job) -> Work:
        """The waves that the answer holds, where it is no compact one, and trains of a rank that is told by the loss of a step.

        Of an operator the largest rank counts, which nothing tells beforehand. A loss of too high a rank is refused here too.
        """
        problem = job.problem
        qubits, saves = problem.domain.num_qubits, len(job.saves)
        most = (
            self.max_bond if problem.operator is not None else min(self.max_bond, _MORE * rank_of_a_step(problem, self))
        )
        table = 0 if job.compact else of_waves(job, 64)
        return Work(qubits, table + largest(qubits, most) * (_TRAINS + 2 * saves), bound=True, asks=None)

    def refined(self) -> TensorTrain:
        """Twice the steps; a sixteenth of the tolerance where the steps follow from it. It may take sixteen times as long."""
        longer = replace(self, max_seconds=16 * self.max_seconds)
        if self.steps is None:
            return replace(longer, tolerance=max(1e-12, self.tolerance / 16))
        return replace(longer, steps=2 * self.steps)


def largest(qubits: int, most: int) -> int:
    """Bytes of a train whose every rank is as large as its place and ``most`` allow.

    >>> largest(4, 256), largest(40, 16) == 16 * 2 * (2 * (2 + 8 + 32 + 128) + 32 * 16**2)
    (640, True)
    """
    ranks = [min(1 << q, 1 << qubits - q, most) for q in range(qubits + 1)]
    return sum(32 * left * right for left, right in zip(ranks, ranks[1:]))


def statement(found: Run, wanted: np.ndarray) -> dict[str, object]:
    """What the diagnostics say of a whole run: its error, where that comes from, ranks, steps and the cutoff."""
    error = found.errors()
    return {
        "error": error["all"][wanted],
        "error_parts": {name: float(values[-1]) for name, values in error.items() if name != "all"},
        **_shape(found, np.array(found.saves)[wanted]),
    }


def _shape(found: Run, times: np.ndarray) -> dict[str, object]:
    """Ranks at those of the times that were reached, steps and the cutoff."""
    return {
        "bond": np.array([point.rank for point in found.kept if point.time in times]),
        "steps": found.steps,
        "order": found.engine.order,
        **({"momentum_qubits": list(found.engine.cutoffs)} if found.engine.cutoffs else {}),
    }
