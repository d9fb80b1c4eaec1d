"""`Growing`: a method that starts with a coarse grid or a small ansatz, which grow where a residual is above its threshold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

from ...backends import Backend
from ...base.errors import MethodError, integer, one_of, real, require
from ...base.printing import printed_briefly
from ...model.problem import Problem
from .. import growing
from ..base import GRIDS, Answer, Facts, Job, Work, check_facts, no_circuits
from ..split_step import SplitStep
from ..trotter import Trotter
from ..variational.options import Growth, Variational
from .grid import CRITERIA, levels

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

THRESHOLDS = {"residual": 1e-2, "momentum_tail": 1e-5, "energy": 1e-5}


@printed_briefly
@dataclass(frozen=True)
class Growing:
    """Stepwise growth of another method.

    Around :class:`SplitStep` or :class:`Trotter` the run starts on a grid of ``start`` qubits an axis and doubles the grid
    whenever the criterion exceeds its threshold, at most up to the grid of the problem; a stretch that turns out too coarse is
    done again on the finer grid. Waves are reported on the problem's grid, so that runs can be compared. Around
    :class:`Variational` rotations are added to the ansatz at angle 0 when McLachlan's residual asks for it; and with a ``start`` its
    grid grows too, the ansatz going on on the high bits of the finer register. None of it jumps.

    Args:
        method: ``SplitStep``, ``Trotter`` or ``Variational``.
        start: qubits an axis at the start (one integer, or one an axis). None: 4, and around ``Variational`` those of the problem.
        criterion: ``"momentum_tail"``: probability above 0.8 of the largest momentum, which is cheap; ``"energy"``: change of
            the energy on refinement; ``"residual"``: the part of the finer grid's velocity that the coarse grid misses (see
            `growth.grid`), which bounds the distance to the fine run's wave on the real clock, and is cautious.
        threshold: of the criterion (of the residual: of its integral over the run). None: 1e-5, 1e-5 and 1e-2.
        checks: how often the criterion is looked at.
        schedule: instead of a criterion, ``[(time, qubits an axis), ...]``, as a device run needs.
        grow: for ``Variational``: threshold, pool and limit of growth (:class:`Growth` when None).
        window: on the real clock, with ``"momentum_tail"``: whether the run may also start in a part of the box, half of it or
            half of that an axis, and widen when the wave comes to its ends (probability above 1e-6).

    Raises:
        MethodError: an option is out of its range or does not belong to the method.

    >>> sorted(Growing(SplitStep(400), start=4).facts().clocks)
    ['imaginary', 'real']
    """

    method: Any
    start: Any = None
    criterion: str = "momentum_tail"
    threshold: float | None = None
    checks: int = 16
    schedule: Any = None
    grow: Growth | None = None
    window: bool = True

    def __post_init__(self) -> None:
        known = isinstance(self.method, (SplitStep, Trotter, Variational))
        require(known, "method", "be a SplitStep, a Trotter or a Variational", self.method, MethodError)
        if isinstance(self.method, Trotter):
            must = "have equal steps, so without `remainder`"
            require(not self.method.remainder, "method", must, self.method, MethodError)
        if self.start is None and not isinstance(self.method, Variational):
            object.__setattr__(self, "start", 4)
        if isinstance(self.start, Sequence):
            object.__setattr__(self, "start", tuple(integer(q, "start", 1, 30, MethodError) for q in self.start))
        elif self.start is not None:
            integer(self.start, "start", 1, 30, MethodError)
        one_of(self.criterion, "criterion", CRITERIA, MethodError)
        given = THRESHOLDS[self.criterion] if self.threshold is None else self.threshold
        object.__setattr__(self, "threshold", real(given, "threshold", positive=True, error=MethodError))
        integer(self.checks, "checks", 1, 10_000, MethodError)
        require(isinstance(self.window, bool), "window", "be True or False", self.window, MethodError)
        if self.schedule is not None:
            fits = not isinstance(self.method, Variational)
            require(fits, "schedule", "be None around a Variational", self.schedule, MethodError)
            object.__setattr__(self, "schedule", _schedule(self.schedule))
        wrong = self.grow is not None and not isinstance(self.method, Variational)
        require(not wrong, "grow", "be None unless the method is a Variational", self.grow, MethodError)
        if isinstance(self.method, Variational) and (self.grow is not None or self.method.grow is None):
            object.__setattr__(self, "method", replace(self.method, grow=self.grow or Growth()))

    name: ClassVar[str] = "growing"

    @property
    def limit(self) -> float:
        """The threshold of the criterion."""
        return THRESHOLDS[self.criterion] if self.threshold is None else float(self.threshold)

    @property
    def order(self) -> int:
        """Order of the method that grows."""
        return int(self.method.order)

    def facts(self) -> Facts:
        """Those of the method that grows; grids only where the grid grows."""
        inner = self.method.facts()
        if isinstance(self.method, Variational):
            spaces = inner.spaces if self.start is None else GRIDS
            return Facts(inner.clocks, spaces, "classical", inner.order, circuits_known_ahead=False, steps=inner.steps)
        out: Facts = replace(inner, spaces=GRIDS)
        return out

    def check(self, problem: Problem, backend: Backend | None) -> None:
        """Refuse what the facts exclude, what the inner method refuses, and a start that is no coarser grid."""
        check_facts(self, problem)
        self.method.check(problem, backend)
        if self.start is not None and self.schedule is None:
            levels(problem.domain, self.start)

    def run(self, job: Job) -> Answer:
        """The inner method on a grid or ansatz that grows: waves, or samples of the grown circuits."""
        out: Answer = runner().run_growing(job, self)
        return out

    def circuits(self, job: Job) -> list[QuantumCircuit]:
        """The whole grown circuits, one a saved time (``Trotter`` only)."""
        if not isinstance(self.method, Trotter):
            raise no_circuits(self)
        out: list[QuantumCircuit] = runner().circuits_growing(job, self)
        return out

    def work(self, job: Job) -> Work:
        """An upper bound, whatever the wave will ask for; exact gates where a schedule says when to grow."""
        out: Work = runner().work_growing(job, self)
        return out

    def refined(self) -> Growing:
        """The method that grows, refined."""
        return replace(self, method=self.method.refined())

    def without_encoding(self) -> Growing:
        """The method that grows, without its own."""
        return replace(self, method=self.method.without_encoding())


def runner() -> ModuleType:
    """What runs the method; it loads SciPy, which naming a method must not."""
    return growing.run


def _schedule(given: Iterable[tuple[float, int]]) -> tuple[tuple[float, int], ...]:
    must = "be pairs (time, qubits an axis) with increasing times and qubits"
    try:
        rows = tuple((float(t), integer(q, "schedule", 1, 30, MethodError)) for t, q in given)
    except (TypeError, ValueError, OverflowError):
        rows = ()
    ok = len(rows) > 0 and all(a[0] < b[0] and a[1] < b[1] for a, b in zip(rows, rows[1:])) and rows[0][0] >= 0
    require(ok, "schedule", must, given, MethodError)
    return rows
