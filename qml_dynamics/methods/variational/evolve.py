"""The run of a variational method: initial parameters, steps between saved times with a record of each, and why it stopped."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...base.errors import MethodError, require
from ...model.formulas import boundaries, segments
from ...model.hamiltonians import Hamiltonian, PauliHamiltonian, energy_scale
from ...model.problem import Problem
from ...model.resolution import check_seen, cuts
from ...results.journal import Entry
from ..energy_bounds import bounds_of
from ..from_waves import Point as Reached
from ..stationary import not_lowest
from .adaptive import grow
from .derivatives import check_derivatives
from .engine.bound import PIECES, AngleBound, Ends, Floor, angle_between, energy_error
from .engine.flow import Flow, Point
from .engine.gates import Program
from .engine.integrate import RULES, Descent, Step, rises
from .engine.threads import pinned
from .options import PLAIN, Variational, parameters
from .rest import moves, stalled
from .sensitivity import UNKNOWN, Sensitivity
from .standing import restore, state
from .supply import Supply


class StartWarning(UserWarning):
    """The ansatz does not start in the problem's initial wave."""


@dataclass(frozen=True, eq=False)
class Sample:
    """The answer at one save time.

    Attributes:
        time: the save time.
        state: wave of unit norm, shape ``domain.shape``.
        log_norm: logarithm of the norm that the imaginary clock has removed.
        theta: the parameters; they become more while an ansatz grows (new ones stand at the end and came in at 0).
        kept: the state of the run, from which another process goes on; None where it has none.
    """

    time: float
    state: np.ndarray
    log_norm: float
    theta: np.ndarray
    kept: Entry | None = None


def bind(problem: Problem, h: Hamiltonian, method: Variational) -> Program:
    """The ansatz on this problem, with the parameters at its start checked, and the derivatives of its angles there."""
    program = method.ansatz.bind(problem, h)
    width = program.num_qubits
    must = f"have as many qubits as the problem, {h.num_qubits}"
    require(width == h.num_qubits, "ansatz", must, f"of {width} qubits", MethodError)
    given = program.theta0 if method.theta0 is None else method.theta0
    theta0 = np.array(parameters(given, "theta0", program.num_parameters))
    check_derivatives(program.angles, theta0, program.names)
    return Program(width, program.gates, program.angles, theta0, program.names, program.start, program.domain)


def check_points(h: Hamiltonian, method: Variational) -> None:
    """Refuse fixed steps that would step over a pulse of a schedule, or end at a jump, of which they see the wrong side.

    Steps of an operator that do not resolve a schedule are refused where its other arguments are checked.
    """
    if method.integrator == "rk45" or h.constant:
        return
    if isinstance(h, PauliHamiltonian):
        for t in h.knots:
            before, after = h.coefficients(t * (1 - _BESIDE)), h.coefficients(t)
            must = f"be 'rk45' where a schedule of the operator jumps, as at t = {t:.4g}"
            require(np.allclose(before, after, rtol=1e-6), "integrator", must, method.integrator, MethodError)
        return
    count = method.steps * (2 if method.integrator == "rk4" else 1)
    times = h.duration * np.arange(count + 1) / count
    check_seen(h, times, "steps", method.steps, "; without shots integrator='rk45' sees it")


_BESIDE = 1e-9  # of a time: on its other side
_SMALLEST = 1e-4  # of the duration: a step this short is taken whatever its error, and the bound carries it
_SAME = 1e-6
_KNOWN = 1 << 14  # amplitudes up to which a run ends with bounds on the ground energy,
_VECTORS = 80  # and the vectors of their Krylov spaces
_SEEN = 1e-7  # radians of a schedule that five points in a step may miss


def run(
    problem: Problem,
    h: Hamiltonian,
    method: Variational,
    saves: Sequence[float],
    on_step: Callable[[int, int], None],
    record: dict[str, object] | None = None,
    start: Reached | None = None,
    kept: Entry | None = None,
) -> Iterator[Sample]:
    """Yield a :class:`Sample` at each save time; ``on_step(done, total)`` after each step.

    With ``start`` and ``kept`` (of a sample there) the times up to that point are left out, and what follows is to the bit what it
    would have been.

    ``record`` is filled with one entry a point (start and every step's end): ``times, energy, residual, rank, condition,
    regularisation, num_parameters, bound`` (radians; see `bound`), ``bound_pieces`` (``start``, ``ansatz``, ``step``, adding up
    to the bound), ``energy_bound`` (of ``|E - E_exact|``), and with ``dominates``, ``names``, ``start_angle``, ``evaluations``,
    ``forced_steps`` (taken at the shortest step in spite of their error, or of a rise of the energy), ``halved_steps`` (of an
    ansatz that grows on the imaginary clock, thrown away since they raised the energy), ``amplification``, ``moved`` and
    ``sensitivity`` (how much the answer depends on rounding, and how that is known; see `sensitivity`) and the sentence ``stop``. A
    run that exhausts its budget ends before the last save time. Once the bound has reached pi / 2 its pieces stay as they are.

    Raises:
        MethodError: the ansatz does not fit the problem, ``theta0`` does not fit the ansatz, or there is too little memory.
    """
    with pinned(h.num_qubits):
        walk = Walk(problem, h, method, on_step, {} if record is None else record)
        if kept is not None:
            restore(walk, kept)
    if start is None:
        yield walk.sample(saves[0])
    ends = boundaries(problem.duration, method.steps, saves)
    walk.total = len(ends) - 1 if kept is None else walk.total
    for save, piece in list(zip(saves[1:], segments(ends, saves)))[0 if start is None else start.number :]:
        with pinned(h.num_qubits):
            alive = walk.adaptively(piece[-1]) if method.integrator == "rk45" else walk.over(piece)
        if not alive:
            walk.finish()
            return
        yield walk.sample(save)
    walk.finish()


@dataclass
class Walk:
    """The state of one run."""

    problem: Problem
    h: Hamiltonian
    method: Variational
    on_step: Callable[[int, int], None]
    record: dict[str, Any]
    log_norm: float = 0.0
    done: int = 0
    total: int = 0
    stride: float = 0.0
    reached: str = ""
    forced: int = 0
    here: bool = True  # whether the flow stands at the point
    cuts: list[float] | None = None  # where steps of an adaptive rule must end
    rows: dict[str, list[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_points(self.h, self.method)
        self.imaginary = self.problem.clock == "imaginary"
        given = self.method.regularisation
        regularisation = PLAIN if given is None and self.method.grow is not None else given
        self.flow = Flow(bind(self.problem, self.h, self.method), self.h, self.imaginary, regularisation)
        self.floor = Floor(self.h) if self.imaginary else None
        self.ends = Ends(self.h, self.floor)
        self.point = self.flow.at(0.0, self.flow.program.theta0)
        self.supply = self._new_supply()
        self._grow()
        self.bound = self._new_bound()
        start = angle_between(self.point.psi, self.problem.initial.vector(self.problem.domain))
        self.record["start_angle"] = start
        self.bound.start(start if start > _SAME * 1e-4 else 0.0)
        if start > _SAME:
            text = (
                f"The ansatz starts at an angle of {start:.3g} from the problem's initial wave, and the bound says so."
            )
            warnings.warn(
                f"{text} Give the problem initial=ansatz.state() to start from the ansatz.", StartWarning, stacklevel=3
            )
        self.stride = self.problem.duration / self.method.steps
        guarded = self.imaginary and (self.method.grow is not None or self.method.integrator == "euler")
        self.descent = Descent(RULES[self.method.integrator], self.flow, self.h) if guarded else None
        asked = self.method.sensitivity
        self.sensitivity = None if asked is False else Sensitivity(self.flow, self.method.integrator, self.point, asked)
        self._note()

    def _new_supply(self) -> Supply | None:
        options = self.method.grow
        return None if options is None else Supply(options, self.h, self.h.num_qubits)

    def _new_bound(self) -> AngleBound:
        return AngleBound(self.imaginary)

    def over(self, ends: np.ndarray) -> bool:
        """Fixed steps; False when the run is at its end."""
        rule = RULES[self.method.integrator]
        for t0, t1 in zip(ends[:-1], ends[1:]):
            if self.reached:
                self._coast(float(t1))
            elif self._spent():
                return False
            elif self.descent is not None:
                for step in self.descent.over(self._ready, float(t1)):
                    self._take(step)
                self.total = max(self.total, self.done)
            else:
                self._take(rule(self.flow, self._ready(), float(t1 - t0), float(t1)))
            self.on_step(self.done, self.total)
        return True

    def adaptively(self, until: float) -> bool:
        """Steps chosen so that the whole run keeps the tolerance; they end where the schedules have kinks or pulses."""
        if self.cuts is None:
            self.cuts = cuts(self.h, angle=_SEEN)
        for end in [*(t for t in self.cuts if self.point.time < t < until), until]:
            if not self._piece(end):
                return False
        if self.reached:
            self._coast(until)
        return True

    def _piece(self, until: float) -> bool:
        while self.point.time < until and not self.reached:
            if self._spent():
                return False
            left = until - self.point.time
            last = self.stride >= left * (1 - 1e-9)
            dt = left if last else self.stride
            step = RULES["rk45"](self.flow, self._ready(), dt, until if last else self.point.time + dt)
            self.here = False
            allowed = self.method.tolerance * dt / self.problem.duration
            rose = self.descent is not None and rises(self.h, self.point, step.end)
            change = min(0.5 if rose else 4.0, max(0.2, 0.9 * (allowed / max(step.error, 1e-300)) ** 0.2))
            forced = dt <= _SMALLEST * self.problem.duration * (1 + 1e-9)
            if (step.error <= allowed and not rose) or forced:
                self.forced += step.error > allowed or rose
                self._take(step)
                self.total = max(self.done, round(self.done * self.problem.duration / self.point.time))
                self.on_step(self.done, self.total)
            stride = max(self.stride, dt * change) if last and change >= 1 else dt * change
            self.stride = max(stride, _SMALLEST * self.problem.duration)
        return True

    def move(self, problem: Problem, h: Hamiltonian, program: Program) -> None:
        """Go on with another Hamiltonian and ansatz (those of a finer grid) at the same parameters."""
        self.onto(problem, h)
        self.flow.use(program)
        self.point = self.flow.at(self.point.time, self.point.theta)
        self.here = True
        self._grow()

    def onto(self, problem: Problem, h: Hamiltonian) -> None:
        """Another Hamiltonian (that of a finer grid), for which the ansatz is still to come."""
        self.problem, self.h, self.flow.h, self.cuts = problem, h, h, None
        self.floor = Floor(h) if self.imaginary else None
        self.ends = Ends(h, self.floor)
        self.supply = self._new_supply()
        if self.descent is not None:
            self.descent.h = h

    def _ready(self) -> Point:
        """The point, with the flow standing there."""
        if not self.here:
            if self.method.integrator == "euler" and self.flow.bounded:
                seen = self.flow.evaluations
                self.point = self.flow.at(self.point.time, self.point.theta)
                self.flow.evaluations = seen  # part of what looking at the sensitivity costs
            self.here = True
        return self.point

    def _take(self, step: Step) -> None:
        before, after = self.point, step.end
        away = self.sensitivity is not None and self.sensitivity.took(before, step)
        gap = sigma = 0.0
        if self.floor is not None:
            gap = max(p.energy - self.floor.at(p.time) for p in (before, after))
            sigma = max(before.sigma, after.sigma)
            self.log_norm += step.log_norm
        self.bound.advance(after.time - before.time, step.ansatz, step.step, gap, sigma)
        self.point = after
        self.done += 1
        self.here = self.method.integrator == "euler" and not away
        self.flow.bounded = self.bound.angle < math.pi / 2
        self._grow()
        self._note()
        if self.imaginary and after.sigma < self.method.stop_at:
            above = not_lowest(self.h, after.psi, after.time, 3 * after.sigma, self._moves())
            spread = f"the standard deviation of the energy is {after.sigma:.2e}"
            self.reached = f"stopped at t = {after.time:g}: {spread}, and the wave {above}" if above else ""
            self.reached = self.reached or f"converged at t = {after.time:g}: {spread}"

    def _grow(self) -> None:
        options = self.method.grow
        if options is None or self.point.residual <= options.threshold:
            return
        if not self.here:
            self.point = self.flow.at(self.point.time, self.point.theta)
        self.point = grow(self.flow, self.point, options, self.supply)
        self.here = True

    def _coast(self, until: float) -> None:
        """A converged wave stays; only its norm goes on."""
        dt = until - self.point.time
        self.log_norm -= dt * self.point.energy
        if self.floor is not None:
            gap = self.point.energy - self.floor.at(until)
            self.bound.advance(dt, dt * self.point.sigma, 0.0, gap, self.point.sigma)
        p = self.point
        self.point = Point(until, p.theta, p.energy, p.variance, p.psi, p.metric, p.force, p.solution, p.sigma)
        self.done += 1
        self._note()

    def _spent(self) -> bool:
        limit = self.method.max_evaluations
        return limit is not None and self.flow.evaluations >= limit

    def _note(self) -> None:
        p, s = self.point, self.point.solution
        low, high = self.ends.at(p.time)
        values = {
            "times": p.time,
            "energy": p.energy,
            "sigma": p.sigma,
            "residual": p.residual,
            "rank": s.rank,
            "condition": s.condition,
            "regularisation": s.regularisation,
            "num_parameters": len(p.theta),
            "bound": self.bound.angle,
            "energy_bound": energy_error(self.bound.angle, p.energy, p.sigma, low, high),
            **{f"bound/{name}": self.bound.pieces[name] for name in PIECES},
        }
        for name, value in values.items():
            self.rows.setdefault(name, []).append(value)

    def sample(self, time: float) -> Sample:
        """The answer now; brings the record up to date."""
        self.publish()
        psi = self.point.psi / np.linalg.norm(self.point.psi)
        wave = psi.reshape(self.problem.domain.shape)
        return Sample(time, wave, self.log_norm, self.point.theta.copy(), state(self))

    def publish(self) -> None:
        """Write the rows into the record as arrays."""
        arrays = {name: np.array(values) for name, values in self.rows.items()}
        pieces = {name: arrays.pop(f"bound/{name}") for name in PIECES}
        self.record.update(arrays, bound_pieces=pieces, dominates=self.bound.dominates)
        self.record.update(
            names=self.flow.program.names,
            evaluations=self.flow.evaluations,
            forced_steps=self.forced + (self.descent.forced if self.descent else 0),
            halved_steps=self.descent.halved if self.descent else 0,
            **(UNKNOWN if self.sensitivity is None else self.sensitivity.report()),
            stop=self.verdict(),
        )
        if self.supply is not None:
            self.record["pool"] = self.supply.told

    def finish(self) -> None:
        """The last word."""
        if self.sensitivity is not None:
            with pinned(self.h.num_qubits):
                self.sensitivity.finish(self.point, self.bound.angle)
        self.publish()
        if self.imaginary and isinstance(self.h, PauliHamiltonian) and len(self.point.psi) <= _KNOWN:
            found = bounds_of(self.h, self.point.psi, self.point.time, _VECTORS)
            self.record["ground"] = found.as_data()
            moving = found.sigma > 1e-6 * energy_scale(self.h, found.energy, self.point.time)
            self.record["stop"] += "".join(f"; {each}" for each in found.sentences) if moving else ""

    def _moves(self) -> str:
        p = self.point
        return moves(self.h, self.flow.program, p.theta, p.energy, p.time) if len(p.psi) <= _KNOWN else ""

    def verdict(self) -> str:
        """In a sentence, why the run stands where it does."""
        p = self.point
        if self.reached:
            return self.reached
        if p.time < self.problem.duration * (1 - 1e-12):
            return (
                f"budget of {self.method.max_evaluations} evaluations spent at t = {p.time:g}"
                if self._spent()
                else "running"
            )
        scale = energy_scale(self.h, p.energy, p.time)
        if self.imaginary and p.sigma <= 1e-6 * scale:
            above = not_lowest(self.h, p.psi, p.time, moves=self._moves())
            if above:
                return f"reached t = {p.time:g}, but the wave {above}"
            return f"reached t = {p.time:g}, converged: the standard deviation of the energy is {p.sigma:.2e}"
        moved2 = p.variance - p.residual**2
        if p.sigma > 1e-6 * scale and moved2 < 1e-6 * p.variance:
            return f"reached t = {p.time:g}, but stalled: {stalled(p, self.flow)}"
        bound = f"the bound of the angle is {self.bound.angle:.2e}, mostly {self.bound.dominates}"
        return f"reached t = {p.time:g} in {self.done} steps; {bound}{'' if self.sensitivity is None else self.sensitivity.told()}"
