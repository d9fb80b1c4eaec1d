"""A Schroedinger bridge as a method of `evolve`: a pair of heat equations, run by any method of the imaginary clock."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...backends import Backend
from ...base.errors import EdgeWeightWarning, MethodError, ProblemError, integer, real, require
from ...base.estimate import Estimate
from ...base.numeric import as_numbers
from ...base.printing import printed_briefly
from ...base.progress import Progress
from ...model.domains import Grid
from ...model.fitting import ended_axes, weight_at_ends
from ...model.hamiltonians import LearningHamiltonian
from ...model.initial import Initial, State
from ...model.problem import Problem
from ...model.schedules import Constant
from ...results.observables import BEST_SAMPLES, best_of, edge_weight
from ...results.sampling import draw
from ...results.trajectory import Trajectory
from ..base import LOSSES, Answer, Facts, Job, Method, Sent, Stream, Work, check_facts
from ..exact import Exact
from ..krylov import Krylov
from ..memory import of_waves
from ..split_step import SplitStep
from .far_ends import LARGEST, far_bridge, is_resolved, kinetic_of, out_of_reach
from .fortet_iteration import FLOOR, Factors, OutOfRange, carried, check_ends, density, evolved, fortet
from .readings import energies_of, errors_of, factor_of, product, values_of

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_REFERENCE = SplitStep(64)
TOL, _FLOOR_OF_TOL = 1e-10, 1e-8
CLASSICAL = (SplitStep, Krylov, Exact)


@printed_briefly
@dataclass(frozen=True)
class SchrodingerBridge:
    """The most likely way from the problem's initial density to another, given the motion in between. Imaginary clock.

    ``p(t) = A(t) B(t)``: B obeys ``B_t = -H B`` from the start, A the same equation in the time that is left, and the two are
    scaled so that their product is ``|psi_0|^2`` at the start and the density of ``end`` at the end (Fortet's iteration). Where the
    ends are so far apart that ``exp(-H t)`` between them is lost in rounding, classical runs up to 4096 points do all of this in
    logarithms, and ``diagnostics["splitting_error"]`` is the total variation that their steps make. With
    circuits the factors at the ends are found classically, and the pair of heat equations runs on the backend: each gives samples
    of its square, and the density is the product of the roots of both. A factor is large where the other is small: a bridge
    between ends that are far apart needs many samples, and the standard errors say so.

    In a run, the energy ``<A|H|B> / <A|B>`` is the same at all times; ``diagnostics["phase"]`` is ``log(A / B) / 2``, which times
    kappa is the phase S of the ensemble; ``diagnostics["end_error"]`` is the total variation of the density at the end from what
    was asked for, and where circuits ran it holds their errors too.

    Args:
        end: the density at the end: an initial wave whose square it is, or an array of shape ``domain.shape``.
        method: any method of the imaginary clock; ``SplitStep(64)`` when None.
        tol: allowed total variation at the start. Where rounding keeps the iteration above the default, up to 1e-8 is taken, and
            ``diagnostics["start_error"]`` says how much it is; a tolerance that was given is kept or refused.
        max_iterations: gives up after so many.

    Source: Schroedinger, Sitzungsber. Preuss. Akad. Wiss. 144 (1931); Chen, Georgiou, Pavon, arXiv:2005.10963.

    >>> from qml_dynamics import Gaussian, Grid, evolve
    >>> from qml_dynamics.learning.ensembles import Learning
    >>> rule = Learning(diffusion=0.1, mobility=1.0, multiplier=1.0)      # 4 D mu < gamma
    >>> problem = rule.problem(Grid((-8, 8), 6), lambda w: 0 * w[:, 0], duration=1.0, initial=Gaussian(-1, 0.7))
    >>> run = evolve(problem, SchrodingerBridge(Gaussian(1, 0.7)), save=3, observables={"x": lambda w: w[:, 0]})
    >>> run.expectations["x"].value.round(6).tolist()
    [-1.0, 0.0, 1.0]
    """

    end: Any
    method: Any = None
    tol: float = TOL
    max_iterations: int = 2000

    name: ClassVar[str] = "schrodinger_bridge"

    def __post_init__(self) -> None:
        inner = self.inner
        fits = isinstance(inner, Method) and not isinstance(inner, (type, SchrodingerBridge))
        require(
            fits and "imaginary" in inner.facts().clocks,
            "method",
            "be a method of the imaginary clock",
            self.method,
            MethodError,
        )
        if not isinstance(self.end, Initial) or isinstance(self.end, type):
            try:
                p = as_numbers(self.end)
            except Exception:  # of any kind: the person's own object makes the array
                p = np.array(-1.0)
            ok = p.ndim > 0 and bool(np.isfinite(p).all() and (p >= 0).all() and p.sum() > 0)
            require(ok, "end", "be an initial wave or a density", self.end, MethodError)
            object.__setattr__(self, "end", State(np.sqrt(p)))
        object.__setattr__(self, "tol", real(self.tol, "tol", positive=True, error=MethodError))
        require(self.tol < 1, "tol", "be below 1", self.tol, MethodError)
        integer(self.max_iterations, "max_iterations", 1, 10**7, MethodError)

    @property
    def inner(self) -> Method:
        """The method that runs the heat equations."""
        return _REFERENCE if self.method is None else self.method

    @property
    def order(self) -> float | None:
        """Order of the method inside."""
        return self.inner.facts().order

    def facts(self) -> Facts:
        """Those of the method inside, for losses; the density is a product of two of its waves.

        Not with flux: then ``exp(-H t)`` is no positive kernel, and no pair of factors has a density for its product.
        """
        return replace(
            self.inner.facts(),
            clocks=frozenset({"imaginary"}),
            spaces=(self.inner.facts().spaces & LOSSES) - {"flux"},
            order_of="density",
            checkpoints=False,
            both_ends=True,
            callback="never",
        )

    def check(self, problem: Problem, backend: Backend | None) -> None:
        """Refuse what the facts exclude, schedules that are not constant, and what the inner method refuses."""
        check_facts(self, problem)
        for name in ("diffusion", "strength"):
            steady = isinstance(getattr(problem, name), Constant)
            require(steady, name, "be constant for a bridge", getattr(problem, name))
        self.inner.check(problem, backend)

    def run(self, job: Job) -> Answer:
        """Find both factors by Fortet's iteration; the density ``p = A B`` at the saved times."""
        problem, domain = job.problem, job.problem.domain
        _check(job)
        first = density(np.abs(problem.initial.vector(domain)) ** 2, domain, "initial")
        last = density(np.abs(self.end.vector(domain)) ** 2, domain, "end")
        logs = self._takes_logs(job)
        if logs and out_of_reach(problem, job.h, first, last):  # type: ignore[arg-type]
            return self._far(job, first, last)
        try:
            return self._near(job, first, last)
        except OutOfRange as refused:
            if not logs:
                raise
            told = refused
        try:
            return self._far(job, first, last)
        except MethodError:
            raise told from None

    def _takes_logs(self, job: Job) -> bool:
        """Whether a bridge between far ends can be found in logarithms here."""
        small = isinstance(job.problem.domain, Grid) and job.problem.domain.size <= LARGEST
        return small and isinstance(self.inner, CLASSICAL) and job.shots is None and job.backend is None

    def _far(self, job: Job, first: np.ndarray, last: np.ndarray) -> Answer:
        problem, domain = job.problem, job.problem.domain
        assert isinstance(job.h, LearningHamiltonian)
        assert isinstance(domain, Grid)
        rest = (self.tol, self.max_iterations, job.progress)
        # what the steps cost shows on the way: the ends are met whatever they are
        middle = [problem.duration * part for part in _ON_THE_WAY]
        looks = [t for t in middle if is_resolved(problem, job.h, t)]
        way = sorted({*job.saves.tolist(), *looks})
        found = far_bridge(problem, job.h, first, last, way, *rest)
        p = found.density
        told_at_edges(job, p, np.array(way), stacklevel=5)
        at = [way.index(t) for t in job.saves.tolist()]
        p, b, a = p[at], found.forward[at], found.backward[at]
        kinetic = [kinetic_of(domain, v, u, law) for v, u, law in zip(b, a, p)]
        facts: dict[str, object] = {
            "iterations": found.iterations,
            "start_error": found.error,
            "splitting_error": found.splitting,
        }
        facts["logarithms"] = True
        return _report(job, p, energies_of(job, kinetic, p), 0.5 * (a - b), {}, last, facts)

    def _near(self, job: Job, first: np.ndarray, last: np.ndarray) -> Answer:
        problem = job.problem
        rest = (self._by, self.tol, self.max_iterations, job.progress, job.saves, self._accepted)
        factors = fortet(problem, first, last, *rest)
        B, A = _pair(job, self.inner, factors)
        b, a = factor_of(B, factors.start), factor_of(A, factors.end)[::-1]
        p = product(a, b)
        _look_at_edges(job, factors, self._by)
        if isinstance(self.inner, CLASSICAL) and job.shots is None and not factors.interrupted:
            for index, wanted in ((0, first), (-1, last)):
                if job.saves[index] in (0.0, problem.duration):
                    check_ends(p[index], wanted, self.tol, problem.duration)
        phase = 0.5 * (np.log(np.maximum(a, FLOOR)) - np.log(np.maximum(b, FLOOR)))
        facts = {**_told(A, B), **_iterated(factors)}
        return _report(job, p, values_of(job, a, b, p), phase, errors_of(job, A, B), last, facts)

    @property
    def _by(self) -> SplitStep | Krylov | Exact:
        """What finds the factors at the ends."""
        return self.inner if isinstance(self.inner, CLASSICAL) else _REFERENCE

    @property
    def _accepted(self) -> float:
        """Error at the floor of rounding that is taken."""
        return _FLOOR_OF_TOL if self.tol == TOL else self.tol

    def circuits(self, job: Job) -> list[QuantumCircuit]:
        """The circuits of B at every saved time, then those of A there, each from its own end."""
        there, back = self._both(job)
        return [*self.inner.circuits(there), *self.inner.circuits(back)[::-1]]

    def work(self, job: Job) -> Work:
        """What both heat equations take."""
        one, two = halves = [self.inner.work(half) for half in self._both(job)]
        counted = [half.gates for half in halves if half.gates is not None]
        kept = [half.success for half in halves if half.success is not None]
        steps = [half.per_step for half in halves if half.per_step is not None]
        return replace(
            one,
            qubits=max(one.qubits, two.qubits),
            circuits=one.circuits + two.circuits,
            shots=one.shots + two.shots,
            programs=tuple(sorted((*one.programs, *two.programs), key=lambda circuit: circuit.size())),
            gates=max(counted, key=lambda found: (found.gates, found.depth), default=None),
            transforms=one.transforms + two.transforms,
            memory=max(one.memory, two.memory) + of_waves(job, 0),
            bound=one.bound or two.bound,
            success=min(kept, default=None),
            per_step=max(steps, default=None),
            sent=tuple(batch for half in halves for batch in half.sent or (Sent(half.circuits),)),
        )

    def refined(self) -> SchrodingerBridge:
        """The method inside, refined."""
        return replace(self, method=self.inner.refined())

    def without_encoding(self) -> SchrodingerBridge:
        """The method inside, without its own."""
        return replace(self, method=self.inner.without_encoding())

    def _both(self, job: Job) -> tuple[Job, Job]:
        """The jobs of both factors; A runs in the time that is left."""
        forward, backward = self._heat_equations(job.problem, job.saves)
        there = replace(job, problem=forward, method=self.inner)
        return there, replace(there, problem=backward, saves=np.sort(job.problem.duration - job.saves))

    def _heat_equations(self, problem: Problem, saves: np.ndarray) -> tuple[Problem, Problem]:
        """The problems of both factors."""
        domain = problem.domain
        first = density(np.abs(problem.initial.vector(domain)) ** 2, domain, "initial")
        last = density(np.abs(self.end.vector(domain)) ** 2, domain, "end")
        bar = Progress("bridge", False)
        found = fortet(problem, first, last, self._by, self.tol, self.max_iterations, bar, saves, self._accepted)
        return problem.replace(initial=State(found.start)), problem.replace(initial=State(found.end))


def _check(job: Job) -> None:
    for o in job.observables:
        if o.function is None or o.basis != "weight":
            raise ProblemError(
                f"Argument `observables` must be functions of weights for a bridge, but {o.name!r} is not: no wave stands behind "
                "its density."
            )
    if job.callback is not None:
        raise MethodError("Argument `callback` must be None for a SchrodingerBridge, but is given.")


_ON_THE_WAY = (0.0, 0.25, 0.5, 0.75, 1.0)
_EDGE = 1e-4


def _look_at_edges(job: Job, factors: Factors, method: Method) -> None:
    """Warn where the bridge, at its ends or on its way, has weight at the edge of a box."""
    problem = job.problem
    if not isinstance(job.h, LearningHamiltonian) or not on_the_way(problem, job.h):
        return
    times = problem.duration * np.array(_ON_THE_WAY)
    there = carried(problem, factors.start, method, times)
    back = carried(problem, factors.end, method, times)[::-1]
    told_at_edges(job, product(there, back), times, stacklevel=6)


def on_the_way(problem: Problem, h: LearningHamiltonian) -> list[float]:
    """Times at which a bridge is looked at: none where its box has no edge."""
    domain = problem.domain
    looks = isinstance(domain, Grid) and any(ended_axes(domain, h))
    return [problem.duration * part for part in _ON_THE_WAY] if looks else []


def told_at_edges(job: Job, laws: np.ndarray, times: np.ndarray, stacklevel: int) -> None:
    """Warn of densities on the way that go round the seam, or press against a wall."""
    domain = job.problem.domain
    assert isinstance(job.h, LearningHamiltonian)
    if not isinstance(domain, Grid) or not any(ends := ended_axes(domain, job.h)):
        return
    weights = [weight_at_ends(law, domain, ends) for law in laws]
    if max(weights) > _EDGE:
        worst = int(np.argmax(weights))
        how = (
            "goes round the seam of its box"
            if domain.boundary == "periodic"
            else "presses against the walls of its box"
        )
        warnings.warn(
            f"The bridge {how}: {weights[worst]:.1e} of its weight is at the edge at t = {times[worst]:g}. On a line it would go another "
            "way: widen `bounds`.",
            EdgeWeightWarning,
            stacklevel=stacklevel,
        )


def _pair(job: Job, method: Method, factors: Factors) -> tuple[Trajectory, Trajectory]:
    """Both heat equations, on the backend where there is one; the second in the time that is left."""
    runs = []
    for number, (factor, times) in enumerate(
        ((factors.start, job.saves), (factors.end, np.sort(job.problem.duration - job.saves)))
    ):
        problem = job.problem.replace(initial=State(factor))
        run = evolved(
            problem, method, times, seed=job.seed(Stream.BRIDGE, number), backend=job.backend, shots=job.shots
        )
        runs.append(run)
    return runs[0], runs[1]


def _told(A: Trajectory, B: Trajectory) -> dict[str, Any]:
    """What the circuits of both factors told."""
    out: dict[str, Any] = {}
    for name in ("success_probability", "gates"):
        if name in B.diagnostics:
            out[f"{name}_forward"], out[f"{name}_backward"] = B.diagnostics[name], A.diagnostics.get(name)
    return out


def _iterated(factors: Factors) -> dict[str, Any]:
    facts: dict[str, Any] = {"iterations": factors.iterations, "start_error": factors.error}
    return facts | ({"interrupted": True} if factors.interrupted else {})


def _report(
    job: Job,
    p: np.ndarray,
    values: Mapping[str, np.ndarray],
    phase: np.ndarray,
    errors: Mapping[str, np.ndarray],
    last: np.ndarray,
    facts: dict[str, object],
) -> Answer:
    shots = job.shots if errors else None
    if errors:
        facts["density_stderr"] = errors["density"]
    expectations = {n: Estimate(v, errors.get(n, np.zeros(len(v))), shots) for n, v in values.items()}
    facts["phase"] = phase
    if job.saves[-1] == job.problem.duration:
        facts["end_error"] = 0.5 * float(np.abs(p[-1] - last).sum())
    stop = f"Reached the end of the duration, {job.saves[-1]:g}, after {facts['iterations']} iterations."
    if facts.get("interrupted"):
        stop = f"Interrupted from the keyboard after {facts['iterations']} iterations; kept the factors that they gave."
    best = best_of(job.h, draw(p[-1], BEST_SAMPLES, job.seed(Stream.BEST, 0)), job.seed(Stream.BEST, 1))
    return Answer(
        times=job.saves,
        density=p,
        states=None,
        log_norm=np.zeros(len(p)),
        expectations=expectations,
        counts=None,
        best=best,
        stop=stop,
        diagnostics={**facts, "edge_weight": edge_weight(job.problem.domain, p)},
    )
