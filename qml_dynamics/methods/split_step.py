"""The split-operator method on both clocks: two diagonals and one transform a step.

Real clock: ``exp(-i V dt/2) F^-1 exp(-i D k dt) F exp(-i V dt/2)`` and its compositions. Imaginary clock: the same without
the i, renormalised, with the logarithm of the norm kept. Neighbouring potential factors are merged between save times.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..backends import Backend
from ..base.errors import MethodError, check_memory, describe, integer, one_of
from ..model.domains import Grid, outer_product
from ..model.formulas import Factor, Formula, boundaries, by_name, by_order, factors, segments
from ..model.hamiltonians import LearningHamiltonian
from ..model.problem import Problem
from . import in_place, in_place_run
from .base import GRIDS, POINTS, WAVES, Answer, Clock, Facts, Job, Space, Usual, Work, check_facts
from .from_waves import Point, Waves, learning, report_waves, run_waves
from .memory import of_waves

if TYPE_CHECKING:
    pass

_IN_PLACE = "single_in_place"
Sample = tuple[float, np.ndarray, float]


@dataclass(frozen=True)
class SplitStep(Usual):
    """The split-operator method: the classical reference on both clocks.

    Orders 1 (Lie), 2 (Strang) and 4: Suzuki's composition on the real clock, and on the imaginary clock the extrapolation
    ``4/3 S2(dt/2)^2 - 1/3 S2(dt)``, since negative substeps amplify round-off there. The declared order holds for
    time-dependent ``D(t), s(t)`` too. ``formula="chin4a"`` (grids only) is the fastest where the wave is small at the edge
    of the box and its momenta are resolved; its resolution floor is reported in the diagnostics.

    Args:
        steps: equal steps over the duration.
        order: 1, 2 or 4.
        formula: the name of a formula, instead of the one that ``order`` stands for.
        workers: threads of the FFT (``None``: chosen by size).
        precision: ``"double"``, ``"single"``, or ``"single_in_place"`` for waves that fill the memory (real clock, periodic grids):
            one array of 8 bytes a point is all that grows. Phases are made in blocks, the loss is asked again in every step, and the
            answer is a :class:`~qml_dynamics.results.compact.CompactTrajectory`: of the saved waves the last is in memory, the
            others are streamed to files in the folder for temporary files. ``diagnostics["norm_drift"]`` says how far the norm has
            moved from 1, ``diagnostics["kinetic_rounding"]`` by how much roundings make the kinetic part too large: it grows with the
            square of the points an axis, and above 1e-4 of that part a ``KineticRoundingWarning`` says so.
    """

    steps: int
    order: int = 2
    formula: str | None = None
    workers: int | None = None
    precision: str = "double"

    name: ClassVar[str] = "split_step"

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", integer(self.steps, "steps", 1, 10**9, MethodError))
        if self.formula is not None:
            object.__setattr__(self, "order", by_name(self.formula).order)
        else:
            by_order(self.order)
        if self.workers is not None:
            integer(self.workers, "workers", 1, 1024, MethodError)
        one_of(self.precision, "precision", ("double", "single", _IN_PLACE), MethodError)
        if self.precision == _IN_PLACE and self.formula == "chin4a":
            raise MethodError(
                f"Argument `formula` must not be 'chin4a' where `precision` is {_IN_PLACE!r}: it needs a table."
            )

    @property
    def product_formula(self) -> Formula:
        """The formula of one step (order 4 on the imaginary clock extrapolates Strang's instead)."""
        return by_name(self.formula) if self.formula else by_order(self.order)

    def facts(self) -> Facts:
        """Both clocks of waves, losses on every weight space."""
        if self.precision == _IN_PLACE:
            rings: frozenset[Space] = frozenset({"periodic", "flux"})
            real: frozenset[Clock] = frozenset({"real"})
            return Facts(real, rings, "classical", self.order, steps=self.steps, compact_above=0, callback="never")
        spaces = GRIDS if self.formula == "chin4a" else POINTS  # |grad V|^2 belongs to the spectral Laplacian
        return Facts(WAVES, spaces, "classical", self.order, steps=self.steps)

    def check(self, problem: Problem, backend: Backend | None) -> None:
        """Refuse what the facts exclude, and formulas with negative fractions of a step on the imaginary clock."""
        check_facts(self, problem)
        _formula(problem, self)
        if self.precision == _IN_PLACE:
            in_place.check(problem)

    def run(self, job: Job) -> Answer:
        """Split steps by fast transforms, reported at the saved times; goes on from a stored wave."""
        if job.compact:
            return in_place_run.run(job, self)
        return report_waves(job, run_waves(job, self._waves, self.steps, posts=True, resumes=True))

    def _waves(self, job: Job, saves: np.ndarray, out: Waves) -> Iterator[Sample]:
        h = learning(job.h, self.workers)
        yield from run(job.problem, h, self, saves.tolist(), job.progress, out.start)
        out.diagnostics["steps"] = self.steps
        if self.formula == "chin4a":
            out.diagnostics["resolution_floor"] = resolution_floor(job.problem, h, self, out.states[-1])

    def work(self, job: Job) -> Work:
        """Transforms, and the waves that are held."""
        formula, domain = self.product_formula, job.problem.domain
        extrapolated = self.formula is None and self.order == 4 and job.problem.clock == "imaginary"
        kinetic = 3 if extrapolated else sum(kind == "K" for kind, _ in formula.base) * len(formula.substeps)
        engine = 144 if self.order == 4 else 120  # the wave, its phases and what a transform works on
        if job.compact:
            return Work(domain.num_qubits, in_place.memory(job), transforms=2 * kinetic * self.steps)
        memory = of_waves(job, engine) if self.precision == "double" else of_waves(job, engine // 2, 24)
        slope = 0
        if self.formula == "chin4a":
            assert job.problem.objective is not None  # the facts have refused operators
            slope = domain.size * job.problem.objective.asks_of_gradient(domain.ndim)
        return Work(domain.num_qubits, memory, transforms=2 * kinetic * self.steps, asks=slope)

    def refined(self) -> SplitStep:
        """Twice the steps."""
        return replace(self, steps=2 * self.steps)


def run(
    problem: Problem,
    h: LearningHamiltonian,
    method: SplitStep,
    saves: Sequence[float],
    on_step: Callable[[int, int], None],
    start: Point | None = None,
) -> Iterator[Sample]:
    """Yield ``(time, wave of unit norm, log_norm)`` at each save time; ``on_step(done, total)`` after each step.

    With ``start`` the times up to that point are left out, and what follows is to the bit what it would have been.
    """
    formula = _formula(problem, method)
    memory = problem.domain.size * 16 * (_CACHED[h.constant] + 4)
    check_memory(
        memory // (2 if method.precision == "single" else 1), f"{method} on {problem.domain.num_qubits} qubits"
    )
    extrapolate = method.formula is None and method.order == 4 and problem.clock == "imaginary"
    wave = problem.initial.vector(problem.domain) if start is None else start.wave
    real = problem.clock == "imaginary" and h.transform.real and not np.any(np.imag(wave))
    engine = _Engine(problem, h, formula, method.precision, real)
    psi = np.array(wave.real if real else wave, dtype=engine.dtype)  # a copy: it is worked on in place
    ends = boundaries(problem.duration, method.steps, saves)
    log_norm, done = 0.0 if start is None else start.log_norm, 0
    if start is None:
        yield saves[0], psi.astype(engine.saved), log_norm
    pieces = list(zip(saves[1:], segments(ends, saves)))
    passed = 0 if start is None else start.number
    engine.pass_over([piece for _, piece in pieces[:passed]], extrapolate)
    done += sum(len(piece) - 1 for _, piece in pieces[:passed])
    for save, piece in pieces[passed:]:
        before = done
        advance = engine.extrapolated if extrapolate else engine.segment
        for wave, log in advance(psi, piece):
            psi = wave
            log_norm += log
            done += 1
            on_step(min(done, before + len(piece) - 1), len(ends) - 1)
        done = before + len(piece) - 1
        norm = _norm(psi)
        psi /= norm
        log_norm += float(np.log(norm)) if engine.imaginary else 0.0
        yield save, psi.astype(engine.saved), log_norm


def wave_after(problem: Problem, h: LearningHamiltonian, formula: Formula, ends: np.ndarray) -> np.ndarray:
    """The wave behind steps with these ends, on the real clock, in double precision."""
    engine = _Engine(problem, h, formula, "double")
    psi = np.array(problem.initial.vector(problem.domain), dtype=engine.dtype)
    for wave, _ in engine.segment(psi, ends):
        psi = wave
    return psi


_CACHED = {True: 6, False: 2}  # phase arrays kept: a constant Hamiltonian needs five of them for Suzuki's formula


def _formula(problem: Problem, method: SplitStep) -> Formula:
    formula = method.product_formula
    if problem.clock == "imaginary" and not formula.forward:
        if method.formula is not None:
            raise MethodError(
                f"Argument `formula` must have no negative substeps on the imaginary clock, but is {describe(formula.name)}: "
                "backward diffusion amplifies round-off. Use order=4 (extrapolation) or 'chin4a'."
            )
        formula = by_name("strang")
    if formula.name == "chin4a" and not isinstance(problem.domain, Grid):
        raise MethodError(
            "Argument `formula` must not be 'chin4a' on a hypercube, where [V,[T,V]] is not a gradient squared."
        )
    return formula


@dataclass
class _Engine:
    """The arrays of one run and how a factor acts on them.

    A real wave stays real in imaginary time (but on a ring with a flux), so that half of its spectrum is enough.
    """

    problem: Problem
    h: LearningHamiltonian
    formula: Formula
    precision: str
    real: bool = False
    cache: OrderedDict[tuple[Any, ...], tuple[np.ndarray, float]] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self.imaginary = self.problem.clock == "imaginary"
        self.saved = np.dtype(np.complex64 if self.precision == "single" else np.complex128)
        self.dtype = self._kind() if self.real else self.saved
        self.kinetic_factors = max(1, sum(kind == "K" for kind, _ in self.formula.base) * len(self.formula.substeps))
        self.square = np.zeros(())
        if any(kind == "W" for kind, _ in self.formula.base):
            self.square = self.h.gradient_square

    def _factors(self, ends: Sequence[float] | np.ndarray) -> Iterator[Factor]:
        p = self.problem
        return factors(self.formula, ends, p.diffusion, p.strength, p.duration)

    def segment(self, psi: np.ndarray, ends: Sequence[float] | np.ndarray) -> Iterator[tuple[np.ndarray, float]]:
        """All factors from ``ends[0]`` to ``ends[-1]``; yields after each step's kinetic factors, and at the end."""
        log, seen = 0.0, 0
        for factor in self._factors(ends):
            psi, gained = self._act(psi, factor)
            log += gained
            if factor.kind == "K":
                seen += 1
                if seen % self.kinetic_factors == 0:
                    yield psi, log
                    log = 0.0
        yield psi, log

    def extrapolated(self, psi: np.ndarray, ends: Sequence[float] | np.ndarray) -> Iterator[tuple[np.ndarray, float]]:
        """``4/3 S2(dt/2)^2 - 1/3 S2(dt)``: order four with forward steps only (Chin, arXiv:0809.0914)."""
        for t0, t1 in zip(ends[:-1], ends[1:]):
            fine, fine_log = self._whole(psi.copy(), (t0, 0.5 * (t0 + t1), t1))
            coarse, coarse_log = self._whole(psi, (t0, t1))
            fine *= 4 / 3
            coarse *= -np.exp(coarse_log - fine_log) / 3
            fine += coarse
            norm = _norm(fine)
            fine /= norm
            psi = fine
            yield psi, fine_log + float(np.log(norm))

    def _whole(self, psi: np.ndarray, ends: Sequence[float] | np.ndarray) -> tuple[np.ndarray, float]:
        log = 0.0
        for factor in self._factors(ends):
            psi, gained = self._act(psi, factor)
            log += gained
        return psi, log

    def _act(self, psi: np.ndarray, factor: Factor) -> tuple[np.ndarray, float]:
        phase, log = self._phase(factor)
        if factor.kind == "K":
            if self.real:
                psi = self.h.transform.filtered(psi, phase)
            else:
                psi = self.h.transform.forward(psi)
                psi *= phase
                psi = self.h.transform.inverse(psi)
            if self.imaginary:
                norm = _norm(psi)
                psi /= norm
                log += float(np.log(norm))
            return psi, log
        psi *= phase
        return psi, log

    def pass_over(self, pieces: Sequence[Sequence[float] | np.ndarray], extrapolate: bool) -> None:
        """Leave the phases as these pieces would: amounts that agree to 12 digits share the phase of the first of them."""
        met: OrderedDict[tuple[str, str, str], Factor] = OrderedDict()
        for piece in pieces:
            steps = list(zip(piece[:-1], piece[1:]))
            cuts = [e for t0, t1 in steps for e in ((t0, 0.5 * (t0 + t1), t1), (t0, t1))] if extrapolate else [piece]
            for factor in (factor for ends in cuts for factor in self._factors(ends)):
                if (key := _key(factor)) not in met:
                    while len(met) >= _CACHED[self.h.constant]:
                        met.popitem(last=False)
                    met[key] = factor
        self.cache.update({key: self._made(factor) for key, factor in met.items()})

    def _phase(self, factor: Factor) -> tuple[np.ndarray, float]:
        key = _key(factor)
        if key in self.cache:
            return self.cache[key]
        while len(self.cache) >= _CACHED[self.h.constant]:
            self.cache.popitem(last=False)
        self.cache[key] = made = self._made(factor)
        return made

    def _made(self, factor: Factor) -> tuple[np.ndarray, float]:
        return self._kinetic(factor.amount) if factor.kind == "K" else self._potential(factor)

    def _kinetic(self, amount: float) -> tuple[np.ndarray, float]:
        z = -amount if self.imaginary else -1j * amount
        return outer_product([np.exp(z * k) for k in self.problem.domain.dual_axes]).astype(
            self._kind(), copy=False
        ), 0.0

    def _potential(self, factor: Factor) -> tuple[np.ndarray, float]:
        if not self.imaginary:
            angle = factor.amount * self.h.zeta
            if factor.square:
                angle -= factor.square * self.square
            phase = np.empty(angle.shape, self.dtype)
            np.cos(angle, out=phase.real, casting="same_kind")
            np.sin(-angle, out=phase.imag, casting="same_kind")
            return phase, 0.0
        exponent = -factor.amount * self.h.zeta
        if factor.square:
            exponent -= factor.square * self.square
        top = float(exponent.max())  # largest factor 1: no overflow, whatever the energies
        exponent -= top
        return np.exp(exponent, out=exponent).astype(self._kind(), copy=False), top

    def _kind(self) -> np.dtype:
        real = np.float32 if self.precision == "single" else np.float64
        return np.dtype(real) if self.imaginary else self.saved


def _key(factor: Factor) -> tuple[str, str, str]:
    """By which a phase is known again."""
    return factor.kind, f"{factor.amount:.12e}", f"{factor.square:.12e}"


def resolution_floor(problem: Problem, h: LearningHamiltonian, method: SplitStep, psi: np.ndarray) -> float:
    """Error of Chin's formula that smaller steps of this size cannot see: the grid's commutator against the gradient.

    ``steps * du^3 g^2 / 36 * |(1/2 [V,[K,V]] - |grad V|^2) psi|`` with ``du = D dt`` and ``g = s / D``; it falls with the
    step as ``dt^2``, so a run whose floor is above its ``dt^4`` error has lost its order.
    """

    def kinetic(wave: np.ndarray) -> np.ndarray:
        """``K psi``: the kinetic part at D = 1."""
        return h.combine(wave, 1.0, 0.0)

    v = h.zeta - float((np.abs(psi) ** 2 * h.zeta).sum())  # a shift of V changes neither side, and spares cancellation
    commutator = v * kinetic(v * psi) - 0.5 * (v * v * kinetic(psi) + kinetic(v * v * psi))
    miss = float(np.linalg.norm(commutator - h.gradient_square * psi))
    total = 0.0
    for k in range(method.steps):
        t0, t1 = problem.duration * k / method.steps, problem.duration * (k + 1) / method.steps
        du, t = problem.diffusion.integral(t0, t1, problem.duration), 0.5 * (t0 + t1)
        g = problem.strength.value(t, problem.duration) / problem.diffusion.value(t, problem.duration)
        total += du**3 * g**2 / 36
    return total * miss


def _norm(psi: np.ndarray) -> float:
    """The 2-norm; raises :class:`MethodError` where a step has left nothing of the wave."""
    flat = psi.reshape(-1)
    square = float(np.vdot(flat, flat).real)
    if square > _SMALL:
        return float(np.sqrt(square))
    peak = float(np.abs(flat).max())  # squares underflow long before amplitudes do
    if not peak > 0:
        raise MethodError(
            "Argument `steps` must be larger: in one step the loss takes the whole wave below the smallest number. "
            "Use more steps, or an initial wave that reaches the low values of the loss."
        )
    return peak * float(np.linalg.norm((flat / peak).astype(complex)))


_SMALL = 1e-30
