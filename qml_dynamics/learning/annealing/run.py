"""`anneal`: the two loops of learning. The outer loop lowers the diffusion, the inner loop evolves to the ground state."""

from __future__ import annotations

import time as clock_time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...base.errors import MethodError, QMLDynamicsError, integer, one_of, require
from ...methods.base import Callback, Stream, circuit_seed
from ...methods.evolution import evolve
from ...methods.exact import Exact
from ...methods.imaginary.options import ProbabilisticITE
from ...methods.krylov import Krylov
from ...methods.trotter import Trotter
from ...model.clocks import need_waves
from ...model.domains import Hypercube
from ...model.hamiltonian import LearningHamiltonian, hamiltonian
from ...model.initial import Gaussian, Initial, PointMass
from ...model.problem import Problem
from ...results.sampling import drawable
from ...results.trajectory import Trajectory
from .engine import Annealing
from .placing import placed
from .report import diagnostics as told
from .report import known_levels, warn
from .spectrum import POINTS
from .stages import held

STRATEGIES = ("anneal", "quench", "portfolio")
ADAPT = ("gap", "variance")
SUBSTEPS = 8  # Strang steps of a stage where circuits run without a method being named
_START_WIDTH = 0.1  # of the box: standard deviation of the wave that a restart begins with


@dataclass(frozen=True, eq=False)
class _Member:
    """One run of a portfolio."""

    name: str
    problem: Problem
    diffusion: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class _Call:
    """One call of :func:`anneal`, checked."""

    problem: Problem
    h: LearningHamiltonian
    record: Annealing
    options: Mapping[str, Any]
    entropy: Any

    @property
    def ends(self) -> np.ndarray:
        """The start, and the ends of all stages."""
        return self.problem.duration * np.arange(self.record.stages + 1) / self.record.stages

    def run(self, problem: Problem, number: int) -> Trajectory:
        """One member."""
        inner = self.record.method
        if inner is None or isinstance(inner, (Krylov, Exact)):
            inner = replace(self.record, method=None if isinstance(inner, Exact) else inner)
        seed = circuit_seed(self.entropy, Stream.ANNEALING_MEMBER, number)
        return evolve(problem, inner, seed=seed, save=self.ends, **self.options)


def anneal(
    problem: Problem,
    stages: int,
    strategy: str = "anneal",
    backend: Any = None,
    seed: int | None = None,
    *,
    method: Any = None,
    adapt: str | None = None,
    restarts: int = 2,
    shots: int | None = None,
    spectrum: bool | None = None,
    observables: Mapping[str, Any] | None = None,
    callback: Callback | None = None,
    progress: bool | None = None,
) -> Trajectory:
    """Learning in two loops: ``psi_tau = -[-D L + zeta] psi``, D lowered from stage to stage.

    Stage i of ``stages`` lasts ``duration / stages`` with ``D = problem.diffusion`` at ``i / (stages - 1)`` of the duration, so
    that the first stage has its first and the last stage its last value. On the real clock the same stages are a quantum
    annealing. Annealing alone can end in the wrong basin with certainty: zero-point energy ``sqrt(D k / 2)`` lifts narrow
    wells, and where the ground state leaps to one at last, no wave can follow. ``"portfolio"`` does not rely on it.

    Args:
        problem: with an objective; its diffusion should fall.
        stages: steps of the outer loop.
        strategy: ``"anneal"``; ``"quench"``: the whole duration at the last D; ``"portfolio"``: both, and ``restarts`` quenches from
            narrow waves around random points, each with the whole duration; the run of lowest final energy is returned.
        backend: None: classical. A name or an object: circuits, by ``method``.
        seed: of starts and samples.
        method: what runs the stages. Classical (None: exact up to 512 points, Chebyshev's series above). On circuits any method of the
            problem's clock; None: :class:`ProbabilisticITE` with exact blocks, or :class:`Trotter`, 8 Strang steps a stage.
        adapt: moves the values of D between their two ends: ``"gap"``, equal integrals of ``std(-L) / gap^2`` between
            neighbours (local adiabaticity, with gaps below ``1 / duration`` counted as that); ``"variance"``, equal integrals of
            ``std(-L) / std(s zeta)``, measured on the wave of a first run (in a harmonic well that is geometric, as the gap
            asks for). Both are computed classically.
        restarts: of a portfolio.
        shots: as in :func:`evolve`.
        spectrum: whether gaps and crossings are computed; None: up to 1024 points.
        observables, callback, progress: as in :func:`evolve`.

    Returns:
        The trajectory, saved at the start and at the end of every stage; energies are those of the stage that ends there.
        ``diagnostics``: ``diffusion`` (one a stage), ``strategy``, ``chosen``, ``members`` (final energies), ``gap``,
        ``ground_energy``, ``ground_fidelity``, ``crossings``. A keyboard interrupt returns the best of what was done.

    Raises:
        ProblemError, MethodError, BackendError: an argument does not fit, before anything long has started.

    Warns:
        CrossingWarning: the ground state leaps to another basin and the wave has not followed.

    Sources: quantum dynamic equation of learning, arXiv:2407.19890; annealing in the diffusion, Kadowaki and Nishimori, Phys.
    Rev. E 58, 5355 (1998), arXiv:cond-mat/9804280; local adiabaticity, Roland and Cerf, Phys. Rev. A 65, 042308 (2002),
    arXiv:quant-ph/0107015.

    >>> from qml_dynamics import Geometric, Grid
    >>> tilted = Problem(Grid((-4, 4), 6), lambda w: (w[:, 0] ** 2 - 1) ** 2 + 0.15 * w[:, 0], Geometric(1.0, 0.02),
    ...                  clock="imaginary", duration=10.0)
    >>> run = anneal(tilted, stages=5)
    >>> left = tilted.domain.axes[0] < 0
    >>> round(float(run.density[-1][left].sum()), 3)
    0.967
    """
    call = _checked(problem, stages, strategy, backend, seed, method, adapt, restarts, shots)
    call = replace(
        call, options={**call.options, "observables": observables, "callback": callback, "progress": progress}
    )
    started = clock_time.perf_counter()
    path = placed(problem, call.h, call.record, call.ends)
    members = _members(call, path)
    runs, faults, interrupted = _run_all(call, members)
    name, chosen = _lowest(runs)
    last = next(m for m in members if m.name == name)
    with_levels = spectrum if spectrum is not None else problem.domain.size <= POINTS
    known = None if interrupted or not with_levels else known_levels(problem, call.h, call.record, path, progress)
    diagnostics = {
        **chosen.diagnostics,
        **told(problem, call.record, chosen, name, last.diffusion, runs, faults, known),
    }
    stop = (
        chosen.stop if len(members) == 1 else f"{chosen.stop} Of {len(runs)} runs {name!r} has the lowest final energy."
    )
    provenance = {**chosen.provenance, "seed": call.entropy, "seconds": clock_time.perf_counter() - started}
    out = replace(
        chosen, problem=problem, method=call.record, diagnostics=diagnostics, stop=stop, provenance=provenance
    )
    warn(out, known)
    return out


def _checked(
    problem: Problem,
    stages: Any,
    strategy: Any,
    backend: Any,
    seed: Any,
    method: Any,
    adapt: Any,
    restarts: Any,
    shots: Any,
) -> _Call:
    require(isinstance(problem, Problem), "problem", "be a Problem", type(problem).__name__, MethodError)
    require(problem.operator is None, "problem", "have an objective", "of a general operator", MethodError)
    need_waves(problem)
    stages = integer(stages, "stages", 1, 10**5, MethodError)
    one_of(strategy, "strategy", STRATEGIES, MethodError)
    if adapt is not None:
        one_of(adapt, "adapt", ADAPT, MethodError)
        require(stages >= 3, "stages", "be at least 3 with adapt", stages, MethodError)
    restarts = integer(restarts, "restarts", 0, 1000, MethodError)
    if seed is not None:
        seed = integer(seed, "seed", 0, 2**128, MethodError)
    if method is None and backend is not None:
        method = _default_method(problem, stages)
    h = hamiltonian(problem)
    assert isinstance(h, LearningHamiltonian)
    record = Annealing(stages, strategy, adapt, restarts if strategy == "portfolio" else 0, method)
    entropy = np.random.SeedSequence(seed).entropy
    return _Call(problem, h, record, {"backend": backend, "shots": shots}, entropy)


def _default_method(problem: Problem, stages: int) -> Any:
    steps = SUBSTEPS * stages
    return Trotter(steps) if problem.clock == "real" else ProbabilisticITE(1.0, steps, block="exact")


def _members(call: _Call, path: tuple[tuple[float, ...], tuple[float, ...]]) -> list[_Member]:
    p, record = call.problem, call.record
    still = tuple((values[-1],) * record.stages for values in path)
    falling, quenched = held(p, *path), held(p, *still)
    if record.strategy == "anneal":
        return [_Member("anneal", falling, path[0])]
    out = [_Member("quench", quenched, still[0])]
    if record.strategy == "quench":
        return out
    rng = np.random.default_rng(circuit_seed(call.entropy, Stream.ANNEALING_RESTARTS))
    for k in range(record.restarts):
        name = f"restart {k + 1}"
        out.append(_Member(name, quenched.replace(initial=_start(p, rng)), still[0]))
    return [_Member("anneal", falling, path[0]), *out]


def _start(problem: Problem, rng: np.random.Generator) -> Initial:
    """A narrow wave around a point drawn from the problem's own initial wave; on a hypercube the point itself."""
    domain = problem.domain
    law = drawable(np.abs(problem.initial.vector(domain)) ** 2)
    point = tuple(domain.points_at(np.array([rng.choice(law.size, p=law)]))[0].tolist())
    if isinstance(domain, Hypercube):
        return PointMass(point)
    return Gaussian(point, tuple(_START_WIDTH * length for length in domain.lengths))


def _run_all(call: _Call, members: list[_Member]) -> tuple[dict[str, Trajectory], dict[str, str], bool]:
    """All members one after the other; an interrupt keeps what is whole, or the piece there is."""
    runs: dict[str, Trajectory] = {}
    faults: dict[str, str] = {}
    piece: dict[str, Trajectory] = {}
    first: QMLDynamicsError | None = None
    try:
        for number, member in enumerate(members):
            try:
                run = call.run(member.problem, number)
            except QMLDynamicsError as error:  # such as too small a success probability: others may do
                faults[member.name], first = str(error), first or error
                continue
            if len(run.times) < call.record.stages + 1:  # interrupted, or stopped by the callback
                piece[member.name] = run
                break
            runs[member.name] = run
    except KeyboardInterrupt:
        if not runs:
            raise
        return runs, faults, True
    if not runs and not piece:
        assert first is not None
        raise first
    return runs or piece, faults, bool(piece)


def _lowest(runs: Mapping[str, Trajectory]) -> tuple[str, Trajectory]:
    name = min(runs, key=lambda n: float(runs[n].expectations["energy"].value[-1]))
    return name, runs[name]
