"""Steps of imaginary time that never raise the energy: a step that would is halved.

There ``dE/dtau = -2 theta' A theta' <= 0``, but a rule of finite steps may overshoot: after an insertion a new tangent can lie
close to the span of the old ones, so that an eigenvalue of the metric is tiny, ``theta'`` is large, and a step turns angles by
more than the linear picture bears. A step after which the energy is higher is thrown away and taken as two halves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...model.hamiltonian import Hamiltonian
from .engine.flow import Flow, Point
from .engine.integrate import Step

DEEPEST = 12  # halvings in a row; a step as short as that is taken as it is, and counted
MOST = 64  # halvings of one step in all
_ROUND = 1e-11  # of the energy's scale: round-off is no rise
Rule = Callable[[Flow, Point, float, float], Step]


def rises(h: Hamiltonian, before: Point, after: Point) -> bool:
    """Whether the wave's energy, under the Hamiltonian at the end of a step, is higher than before it."""
    start = before.energy if h.constant else h.expectation(before.psi.reshape(h.domain.shape), after.time)
    return after.energy > start + _ROUND * max(1.0, abs(start))


class Descent:
    """Takes the steps of a rule, halved where they would raise the energy.

    Attributes:
        halved: how many steps were thrown away.
        forced: how many rose, although they were as short as they may become or the halvings of a step were spent.
    """

    def __init__(self, rule: Rule, flow: Flow, h: Hamiltonian) -> None:
        self.rule, self.flow, self.h = rule, flow, h
        self.halved = self.forced = self.left = 0

    def over(self, ready: Callable[[], Point], until: float) -> Iterator[Step]:
        """The steps from ``ready().time`` to ``until``; the caller moves on after each, so that ``ready()`` is its end."""
        self.left = MOST
        yield from self._over(ready, until, 0)

    def _over(self, ready: Callable[[], Point], until: float, depth: int) -> Iterator[Step]:
        point = ready()
        step = self.rule(self.flow, point, until - point.time, until)
        rose = rises(self.h, point, step.end)
        if not rose or depth == DEEPEST or not self.left:
            self.forced += rose
            yield step
            return
        self.halved += 1
        self.left -= 1
        self.flow.at(point.time, point.theta)
        middle = 0.5 * (point.time + until)
        yield from self._over(ready, middle, depth + 1)
        yield from self._over(ready, until, depth + 1)
