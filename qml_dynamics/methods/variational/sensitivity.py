"""How much the answer of a variational run depends on rounding.

A second run starts at ``theta_0 + delta u`` with ``|u| = 1`` in a fixed random direction and ``delta = 1e-13``, and takes the same
steps. With ``d(t)`` the Fubini-Study angle between the two waves,

    amplification = d(T) / d(0),    d(0) = delta sqrt(u^T A(theta_0) u).

It is below 1 where the flow contracts and 1 for a rotation. Where it is large, two processors that round differently give different
answers. Large eigenvalues of the Jacobian of a step make it so, and neither condition nor rank of the metric tells them.

A second run costs as much as the steps themselves. So unless it is asked for, the growth of a tangent is sampled at as many steps as
8 per cent of the evaluations pay for, one evaluation each, and the second run is made only where that growth, and what the steps
themselves show at no cost, make it look necessary: a rise of the energy on the imaginary clock, or stages whose slopes change by more
than a step resolves. Of 82 runs (Ising, Heisenberg, random and cut problems on four to six qubits, two ansaetze, three
regularisations, Euler and rk4, 15 and 40 steps) six moved by more than 1e-4, and all were found; of the 68 that moved by less than
1e-8 nine were walked twice for nothing. What is only sampled is an order of magnitude: rates of a few steps, extrapolated.

A module of its own beside `evolve`: rounding followed through a run, apart from its steps.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field

import numpy as np

from ...model.hamiltonians import Hamiltonian
from .engine.bound import angle_between
from .engine.flow import Flow, Point
from .engine.gates import Program
from .engine.integrate import Step, ahead

MOVED = 1e-13  # how far the start of the second run is moved, in the 2-norm of theta
SHARE = 0.08  # of the run's evaluations: what sampling may cost
_EARLY = 0.6  # of the first sample's cost is spent in advance: what amplifies most often does so early
_LEFT = 0.5  # of the tangent's length: what one sample leaves of it at least
_TANGENT = 1e-7  # length of the tangent that is sampled: above the rounding of an ill-conditioned solve
_ROSE = 0.3  # standard deviations of the energy: on the imaginary clock, where no exact step raises it, such a step is not resolved
_STIFF = 2.0  # powers of 10 by which unresolved steps may have amplified,
_GREW = 5.0  # and those with what samples let expect: MOVED ends at _FINEST
_CHEAP = 2e9  # amplitudes that a second run which nobody asked for may update: some seconds
_FINEST = 1e-8  # radians: a bound may state no less here, since it does not count rounding,
_COARSEST = 1e-4  # and no more, since a wide one states no digits

UNKNOWN: dict[str, float | str] = {"amplification": math.nan, "moved": math.nan, "sensitivity": "none"}


class SensitivityWarning(UserWarning):
    """The answer of a run depends on how its numbers are rounded."""


@dataclass
class Leg:
    """Steps taken with one Hamiltonian and one ansatz: their ends in time."""

    h: Hamiltonian
    program: Program
    times: list[float]


@dataclass
class Sensitivity:
    """The record of what a run does to small changes of its start.

    Args:
        flow: of the run, which is moved about.
        integrator: of the run.
        point: the start.
        asked: True for a second run whatever the samples say; None to decide by them.

    Attributes:
        amplification: nan until something is known.
        moved: the angle between the two waves at the end, in radians; what samples let expect where there is no second run.
        source: ``"none"``, ``"sampled"`` or ``"second run"``.
    """

    flow: Flow
    integrator: str
    point: Point
    asked: bool | None
    amplification: float = math.nan
    moved: float = math.nan
    source: str = "none"
    legs: list[Leg] = field(default_factory=list)
    spent: int = 0
    stiff: float = 0.0
    rose: bool = False
    growth: float = 0.0
    unseen: float = 0.0

    def __post_init__(self) -> None:
        self.theta = self.point.theta
        count = len(self.theta)
        self.unit = np.random.default_rng(20_180).standard_normal(count)
        self.unit /= max(float(np.linalg.norm(self.unit)), 1e-300)
        self.start = _length(self.unit, self.point.metric) if count else 0.0
        self.tangent = self.unit.copy()
        self.rate = 0.0

    def took(self, before: Point, step: Step) -> bool:
        """Note a step; whether the flow was moved away from its end in order to sample it."""
        after = step.end
        leg = self.legs[-1] if self.legs else None
        if leg is None or leg.program is not self.flow.program or leg.h is not self.flow.h:
            leg = Leg(self.flow.h, self.flow.program, [before.time])
            self.legs.append(leg)
        leg.times.append(after.time)
        if step.stiff > 1:
            self.stiff += math.log10(1 + step.stiff)
        if self.flow.imaginary and self.flow.h.constant and after.energy > before.energy + _ROSE * before.sigma:
            self.rose = True
        if self.asked is not None or not len(before.theta):
            return False
        return self._sampled(before, after)

    def _sampled(self, before: Point, after: Point) -> bool:
        """Let the tangent grow over a step if the budget allows it; in between it grows at the same rate."""
        self.unseen += after.time - before.time
        back = self.integrator == "euler" and self.flow.bounded  # the flow has to come back
        cost = 1 + back
        if self.spent + (1 - _EARLY) * cost > SHARE * self.flow.evaluations:
            return False
        if len(self.tangent) < len(before.theta):
            self.tangent = np.append(self.tangent, np.zeros(len(before.theta) - len(self.tangent)))
        self.spent += cost
        self.rate, new = self._whole_step(before, after) if self.integrator == "euler" else self._turned(after)
        self.tangent = new / max(float(np.linalg.norm(new)), 1e-300)
        self.growth = self._grown()
        self.unseen = 0.0
        self.source = "sampled"
        self._estimate(after)
        return True

    def _change(self, point: Point) -> np.ndarray:
        """``J u``: what a tangent of length 1 does to ``theta'`` at a point, from one more evaluation."""
        seen = self.flow.evaluations
        there = self.flow.at(point.time, point.theta + _TANGENT * self.tangent).velocity
        self.flow.evaluations = seen
        return np.asarray((there - point.velocity) / _TANGENT)

    def _whole_step(self, before: Point, after: Point) -> tuple[float, np.ndarray]:
        """Rate and tangent over a step of Euler, ``u + dt J u``: a step that is too long amplifies what the equation damps."""
        dt = after.time - before.time
        new = self.tangent + dt * self._change(before)
        return math.log(max(float(np.linalg.norm(new)), 1e-300)) / dt, new

    def _turned(self, point: Point) -> tuple[float, np.ndarray]:
        """The rate ``u^T J u`` at a point, and the tangent turned towards what grows, by no more than half its length.

        A rate below zero does not last: what contracts is soon gone, and the rest does not shrink with it. Nor is it a change of the
        logarithm where ``|J|`` times the time is large, least of all where it is the noise of an ill-conditioned solve. So a sample
        takes off no more than the turned tangent has lost: what grows later is not hidden.
        """
        change = self._change(point)
        span = min(self.unseen, _LEFT / max(float(np.linalg.norm(change)), 1e-300))
        new = self.tangent + span * change
        lost = min(math.log(max(float(np.linalg.norm(new)), _LEFT)), 0.0)
        return max(float(self.tangent @ change), lost / max(self.unseen, 1e-300)), new

    def _grown(self) -> float:
        """Logarithm of the tangent's length where it has grown at the last rate since the sample before, but lost no more than half."""
        return self.growth + max(self.rate * self.unseen, math.log(_LEFT))

    def _estimate(self, point: Point) -> None:
        """What the samples make of it so far, with the rate of the last one up to the point."""
        grown = math.exp(min(self._grown(), 700.0))
        tangent = np.append(self.tangent, np.zeros(len(point.theta) - len(self.tangent)))
        length = grown * _length(tangent, point.metric)
        self.amplification = length / self.start if self.start > 0 else math.nan
        self.moved = min(MOVED * length, math.pi / 2)

    @property
    def doubtful(self) -> bool:
        """Whether the run may depend on rounding, as far as its steps and samples tell."""
        grew = math.log10(self.amplification) if self.amplification > 1 else 0.0
        return self.rose or self.stiff > _STIFF or grew + self.stiff > _GREW

    def _why(self) -> str:
        """What makes it doubtful."""
        if self.rose or self.stiff > _STIFF:
            return "its steps are not resolved"
        far = min(self.moved * 10**self.stiff, math.pi / 2)
        return f"samples let a change of {MOVED:.0e} at its start grow to {far:.1e} radians"

    def finish(self, point: Point, bound: float) -> None:
        """The last word, at the end of the run: a second run where it is asked for or looks necessary, and a warning."""
        if not len(self.theta) or not self.legs:
            return
        if self.source == "sampled":
            self._estimate(point)
        if not (self.asked or self.doubtful):
            return
        if not self.asked and self.flow.engine.rows.size * self.flow.evaluations > _CHEAP:
            self._warn(f"The answer may depend on rounding: {self._why()}; sensitivity=True makes a second run to see.")
            return
        other = self._second_run()
        self.moved = angle_between(other, point.psi)
        self.amplification = self.moved / (MOVED * self.start) if self.start > 0 else math.nan
        self.source = "second run"
        if self.moved > stated(bound):
            self._warn(
                f"The answer depends on rounding: a start moved by {MOVED:.0e} ends {self.moved:.1e} radians away (amplification "
                f"{self.amplification:.0e}), and the run states {stated(bound):.1e}; a larger regularisation or more steps help."
            )

    def _warn(self, text: str) -> None:
        warnings.warn(text, SensitivityWarning, stacklevel=5)

    def _second_run(self) -> np.ndarray:
        """The wave at the end of the same steps from the start that was moved; leaves the flow there."""
        flow, spent = self.flow, self.flow.evaluations
        theta = self.theta + MOVED * self.unit
        for leg in self.legs:
            flow.h = leg.h
            if flow.program is not leg.program:
                flow.use(leg.program)
            theta = np.append(theta, np.zeros(leg.program.num_parameters - len(theta)))
            for t0, t1 in zip(leg.times[:-1], leg.times[1:]):
                theta = ahead(flow, self.integrator, t0, theta, t1 - t0, t1)
        flow.evaluations = spent
        return flow.engine.state(theta)

    def told(self) -> str:
        """What a second run has shown, for the summary of the run; nothing where there was none."""
        return (
            "" if self.source != "second run" else f"; moved by {MOVED:.0e} at its start it ends {self.moved:.1e} away"
        )

    def report(self) -> dict[str, float | str]:
        """For the diagnostics."""
        return {"amplification": self.amplification, "moved": self.moved, "sensitivity": self.source}


def stated(bound: float) -> float:
    """The error that a run states, in radians: its bound of the angle, but at least 1e-8 and at most 1e-4.

    A bound counts no rounding, so that an exact run may state 1e-16; and one near pi / 2 states nothing, so that four digits are asked
    for instead.

    >>> stated(1e-12), stated(3e-6), stated(1.57)
    (1e-08, 3e-06, 0.0001)
    """
    return min(max(bound, _FINEST), _COARSEST)


def _length(direction: np.ndarray, metric: np.ndarray) -> float:
    """How far the wave moves in a direction of the parameters."""
    return float(np.sqrt(max(direction @ metric @ direction, 0.0)))
