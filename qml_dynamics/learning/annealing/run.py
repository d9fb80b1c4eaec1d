"""`anneal`: the outer loop lowers the diffusion, the inner one evolves to the ground state; values of the diffusion, and diagnostics."""

from __future__ import annotations

import time as clock_time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...backends import backend as find_backend
from ...backends.base import BackendLike
from ...base.arguments import checks_arguments
from ...base.errors import MethodError, QMLDynamicsError, UnusedArgumentWarning, integer, one_of, require
from ...base.interrupts import is_partial, whole
from ...methods.base import Callback, Method, Stream, check_method, circuit_seed
from ...methods.evolution import TRAJECTORY, evolve
from ...methods.from_waves import learning
from ...methods.gate import check_schedules
from ...methods.identity import Identity
from ...methods.imaginary.options import ProbabilisticITE
from ...methods.job import check_used, is_compact, without_table
from ...methods.keeping import Folder, kept_call
from ...methods.stationary import near_higher_level
from ...methods.trotter import Trotter
from ...model.domains import Hypercube
from ...model.hamiltonians import Hamiltonian, LearningHamiltonian, PauliHamiltonian, hamiltonian
from ...model.initial import Gaussian, Initial, PointMass
from ...model.problem import Problem, need_waves
from ...model.resolution import check_seen
from ...results.compact import replaced
from ...results.observables import ObservableLike
from ...results.sampling import drawable
from ...results.trajectory import Trajectory
from .diagnostics import Path, diagnostics_of, known_levels, warn
from .engine import Annealing
from .operator_path import check_path, held_operator, path_times, rests
from .spectrum import POINTS, Levels, Spectrum, kinetic_spread
from .stages import equidistributed, held, stage_times, staged

_PROBES = 33
_POINTS = 4096  # at which a loss without a table is asked for its width


def placed(p: Problem, h: Hamiltonian, record: Annealing, ends: np.ndarray) -> Path:
    """The Hamiltonian of every stage."""
    if isinstance(h, PauliHamiltonian):
        check_seen(h, [0.0, *stage_times(record.stages, p.duration)], "stages", record.stages)
        when = path_times(p, h, record.stages, record.adapt)
        values = np.array([h.coefficients(float(t)) for t in when])
        last = held_operator(p, [p.duration] * record.stages)
        return Path(held_operator(p, when), last, {"time": when, "coefficients": values})
    rows = _placed(p, h, record, ends)
    still = [(values[-1],) * record.stages for values in rows]
    return Path(held(p, *rows), held(p, *still), {"diffusion": np.array(rows[0])})


def _placed(
    p: Problem, h: LearningHamiltonian, record: Annealing, ends: np.ndarray
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Diffusion and strength of every stage."""
    schedules = (p.diffusion, p.strength)
    times, width = [0.0, *stage_times(record.stages, p.duration)], None if h.zeta.size else _width(p)
    check_seen(h, times, "stages", record.stages, width=width)
    diffusion, strength = (tuple(staged(schedule, record.stages, p.duration)) for schedule in schedules)
    plain = diffusion, strength
    if record.adapt is None:
        return plain
    spectrum = Spectrum(h)
    if record.adapt == "gap":
        t = stage_times(_PROBES, p.duration)
        d, s = (np.array(staged(schedule, _PROBES, p.duration)) for schedule in schedules)
        density = np.array([_local_adiabaticity(spectrum, *pair, 1.0 / p.duration) for pair in zip(d, s)])
    else:
        pilot = whole(evolve(held(p, *plain), replace(record, method=None), save=ends, progress=False))
        assert pilot.states is not None
        t, d = stage_times(record.stages, p.duration), np.array(plain[0])
        density = np.array([_two_spreads(spectrum, psi, s) for psi, s in zip(pilot.states[1:], plain[1])])
    values = equidistributed(d, density, record.stages)
    when = np.interp(-values, -d, t)
    return tuple(values.tolist()), tuple(p.strength.value(float(x), p.duration) for x in when)


def _width(p: Problem) -> float:
    """Of a loss without a table, among points anywhere."""
    assert p.objective is not None  # operators have no table at any width
    index = np.random.default_rng(0).integers(0, p.domain.size, _POINTS)
    return float(np.ptp(p.objective(p.domain.points_at(index))))


def _local_adiabaticity(spectrum: Spectrum, d: float, s: float, floor: float) -> float:
    energies, waves = spectrum.lowest(d, s)
    return kinetic_spread(learning(spectrum.h), waves[0]) / max(float(energies[1] - energies[0]), floor) ** 2


def _two_spreads(spectrum: Spectrum, psi: np.ndarray, s: float) -> float:
    """``std(-L) / std(s zeta)``: in a harmonic well the denominator is the gap over ``2 sqrt(2)``."""
    law, h = np.abs(psi) ** 2, learning(spectrum.h)
    zeta = s * h.zeta
    away = zeta - float((law * zeta).sum())
    spread = float(np.sqrt((law * away**2).sum()))
    least = 1e-12 * float(np.ptp(zeta))  # in the loss's own unit
    return kinetic_spread(h, psi) / max(spread, least, np.finfo(float).tiny)


STRATEGIES = ("anneal", "quench", "portfolio")
ADAPT = ("gap", "variance")
SUBSTEPS = 8  # Strang steps of a stage where circuits run without a method being named
_START_WIDTH = 0.1  # of the box: standard deviation of the wave that a restart begins with


@dataclass(frozen=True, eq=False)
class _Member:
    """One run of a portfolio."""

    name: str
    problem: Problem


@dataclass(frozen=True, eq=False)
class _Call:
    """One call of :func:`anneal`, checked."""

    problem: Problem
    h: Hamiltonian
    record: Annealing
    options: Mapping[str, Any]
    entropy: Any
    tables: bool = True  # whether waves have tables
    seeded: bool = False  # whether the seed was given for runs alone, so that they say where it takes no part

    @property
    def ends(self) -> np.ndarray:
        """The start, and the ends of all stages."""
        return self.problem.duration * np.arange(self.record.stages + 1) / self.record.stages

    def run(self, problem: Problem, number: int) -> Trajectory:
        """One member."""
        inner = self.record.method
        if inner is None or _has_no_steps(inner):
            inner = self.record
        seed = circuit_seed(self.entropy, Stream.ANNEALING_MEMBER, number)
        with warnings.catch_warnings():
            if not self.seeded:
                warnings.filterwarnings("ignore", "Argument `seed` takes no part", UnusedArgumentWarning)
            return evolve(problem, inner, seed=seed, save=self.ends, **self.options)


def _has_no_steps(method: Method) -> bool:
    """Whether a method gives the waves of a constant Hamiltonian whole, so that it runs stage by stage."""
    facts = method.facts()
    return facts.runs_on == "classical" and facts.order is None and facts.compact_above is None


@checks_arguments
def anneal(
    problem: Problem,
    stages: int,
    strategy: str = "anneal",
    backend: BackendLike | None = None,
    seed: int | None = None,
    *,
    method: Method | None = None,
    adapt: str | None = None,
    restarts: int | None = None,
    shots: int | None = None,
    spectrum: bool | None = None,
    observables: Mapping[str, ObservableLike] | None = None,
    callback: Callback | None = None,
    progress: bool | None = None,
    folder: Folder | None = None,
) -> Trajectory:
    """Learning in two loops: ``psi_tau = -[-D L + zeta] psi``, D lowered from stage to stage.

    Stage i of ``stages`` lasts ``duration / stages`` with ``D = problem.diffusion`` at ``i / (stages - 1)`` of the duration, so
    that the first stage has its first and the last stage its last value. On the real clock the same stages are a quantum
    annealing. Of an operator with terms of several schedules (see :meth:`Problem.from_operator`) all schedules are held still in
    the same way, from their first values to their last. Annealing alone can end in the wrong basin with certainty: zero-point
    energy ``sqrt(D k / 2)`` lifts narrow wells, and where the ground state leaps to one at last, no wave can follow.
    ``"portfolio"`` does not rely on it.

    Args:
        problem: with an objective, whose diffusion should fall, or with an operator whose terms have several schedules.
        stages: steps of the outer loop.
        strategy: ``"anneal"``; ``"quench"``: the whole duration at the last D; ``"portfolio"``: both, and ``restarts`` quenches from
            narrow waves around random points, each with the whole duration; the run of lowest final energy is returned. Of an operator
            restarts begin in basis states; none where its last Hamiltonian is diagonal, in which these stand still.
        backend: None: classical. A name or an object: circuits, by ``method``.
        seed: of starts and samples.
        method: what runs the stages. Classical (None: exact up to 512 points; above, what costs least of all energies, Chebyshev's
            series and, on the imaginary clock, the slowest modes, to 1e-8 a stage; for operators :class:`Krylov`; :class:`TensorTrain`
            above 22 qubits, with the strategies ``"anneal"`` and ``"quench"``, without ``adapt`` and ``spectrum``). On circuits any
            method of the problem's clock; None: :class:`ProbabilisticITE` with exact blocks, or :class:`Trotter`, 8 Strang steps a stage.
        adapt: moves the values of D between their two ends: ``"gap"``, equal integrals of ``std(-L) / gap^2`` between
            neighbours (local adiabaticity, with gaps below ``1 / duration`` counted as that); ``"variance"``, equal integrals of
            ``std(-L) / std(s zeta)``, measured on the wave of a first run (in a harmonic well that is geometric, as the gap
            asks for). Both are computed classically. Of an operator ``"gap"`` alone, up to 9 qubits, of all levels that the path leads to.
        restarts: of a portfolio (None: 2, or none where they would stand still).
        shots: as in :func:`evolve`.
        spectrum: whether gaps and crossings are computed; None: up to 1024 points.
        observables, callback, progress, folder: as in :func:`evolve`.

    Returns:
        The trajectory, saved at the start and at the end of every stage; energies are those of the stage that ends there.
        ``diagnostics``: ``diffusion`` (one a stage), ``strategy``, ``chosen``, ``members`` (final energies), ``gap``,
        ``ground_energy``, ``ground_fidelity``, ``crossings``. Of an operator, in place of ``diffusion``, ``coefficients`` of the
        schedules and ``time``, at which they have these; all states of the ground level count as the ground, and ``gap`` is
        that to the next level. A keyboard interrupt returns the best of what was done.

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

    def identify(said: Identity) -> None:
        """Enter what decides the result of this call into its identity."""
        said.add_problem("problem", problem, call.h)
        said.add("annealing", call.record)
        said.add_backend("backend", None if backend is None else find_backend(backend))
        said.add("shots", shots)
        said.add("spectrum", spectrum)
        said.add("observables", dict(observables or {}))

    with kept_call("anneal", folder, seed, identify, callback=callback) as kept:
        out, known = _annealed(replace(call, entropy=kept.entropy), spectrum, progress)
        if kept.folder is not None:
            out.save(kept.path(TRAJECTORY))
    warn(out, known)
    return out


def _annealed(call: _Call, spectrum: bool | None, progress: bool | None) -> tuple[Trajectory, Levels | None]:
    """All members, the lowest of them, and what is known of the spectrum."""
    started, problem = clock_time.perf_counter(), call.problem
    path = placed(problem, call.h, call.record, call.ends)
    members = _members(call, path)
    runs, faults, interrupted = _run_all(call, members)
    name, chosen = _lowest(runs)
    with_levels = spectrum if spectrum is not None else problem.domain.size <= POINTS
    must = "be None or False where waves have no tables"
    require(not with_levels or call.tables, "spectrum", must, spectrum, MethodError)
    known = None if interrupted or not with_levels else known_levels(path, call.record, progress)
    diagnostics = {
        **chosen.diagnostics,
        **diagnostics_of(problem, call.record, chosen, name, path, runs, faults, known),
    }
    stop = (
        chosen.stop if len(members) == 1 else f"{chosen.stop} Of {len(runs)} runs {name!r} has the lowest final energy."
    )
    if (
        problem.clock == "real" and call.tables and chosen.states is not None and not interrupted
    ):  # on the imaginary clock `evolve` says it
        above = near_higher_level(call.h, chosen.states[-1], problem.duration)
        stop = f"{stop} The wave {above}." if above else stop
    provenance = {**chosen.provenance, "seed": call.entropy, "seconds": clock_time.perf_counter() - started}
    told = {"problem": problem, "method": call.record, "diagnostics": diagnostics, "stop": stop}
    out = replaced(chosen, **told, provenance=provenance)
    return out, known


def _checked(
    problem: Problem,
    stages: int,
    strategy: str,
    backend: BackendLike | None,
    seed: int | None,
    method: Method | None,
    adapt: str | None,
    restarts: int | None,
    shots: int | None,
) -> _Call:
    require(isinstance(problem, Problem), "problem", "be a Problem", type(problem).__name__, MethodError)
    if problem.operator is not None:
        check_path(problem)
    need_waves(problem)
    check_schedules(problem)
    stages = integer(stages, "stages", 1, 10**5, MethodError)
    one_of(strategy, "strategy", STRATEGIES, MethodError)
    if adapt is not None:
        one_of(adapt, "adapt", ADAPT, MethodError)
        require(stages >= 3, "stages", "be at least 3 with adapt", stages, MethodError)
    portfolio = strategy == "portfolio"
    given, restarts = restarts, integer(2 if restarts is None else restarts, "restarts", 0, 1000, MethodError)
    require(given is None or portfolio, "restarts", f"be None for strategy {strategy!r}", given, MethodError)
    if seed is not None:
        seed = integer(seed, "seed", 0, 2**128, MethodError)
    if method is None and backend is not None:
        method = _default_method(problem, stages)
    if method is not None:
        check_used(check_method(method), None if backend is None else find_backend(backend), shots, None)
    compact = method is not None and is_compact(problem, method.facts())
    if compact:
        _without_table(strategy, adapt)
    h = without_table(problem) if compact and problem.operator is None else hamiltonian(problem)
    if rests(h):
        must = "be None or 0 where the last Hamiltonian is diagonal, in which basis states stand still"
        require(not given, "restarts", must, given, MethodError)
        restarts = 0
    record = Annealing(stages, strategy, adapt, restarts if portfolio else 0, method)
    entropy, alone = np.random.SeedSequence(seed).entropy, seed is not None and not record.restarts
    return _Call(problem, h, record, {"backend": backend, "shots": shots}, entropy, not compact, alone)


def _without_table(strategy: str, adapt: str | None) -> None:
    """Refuse what asks for waves as tables."""
    must = "be 'anneal' or 'quench' where waves have no tables"
    require(strategy != "portfolio", "strategy", must, strategy, MethodError)
    require(adapt is None, "adapt", "be None where waves have no tables", adapt, MethodError)


def _default_method(problem: Problem, stages: int) -> Any:
    steps = SUBSTEPS * stages
    return Trotter(steps) if problem.clock == "real" else ProbabilisticITE(1.0, steps, block="exact")


def _members(call: _Call, path: Path) -> list[_Member]:
    p, record = call.problem, call.record
    if record.strategy == "anneal":
        return [_Member("anneal", path.problem)]
    out = [_Member("quench", path.last)]
    if record.strategy == "quench":
        return out
    rng = np.random.default_rng(circuit_seed(call.entropy, Stream.ANNEALING_RESTARTS))
    for k in range(record.restarts):
        name = f"restart {k + 1}"
        out.append(_Member(name, path.last.replace(initial=_start(p, rng))))
    return [_Member("anneal", path.problem), *out]


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
            if is_partial(run) or run.times[-1] < call.ends[-1] * (1 - 1e-9):  # or stopped by the callback
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
