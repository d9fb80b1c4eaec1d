"""`descend`: quantum Hamiltonian descent on a loss, its best samples, their polish, and classical optimisers beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from ...backends import backend as find_backend
from ...backends.base import BackendLike
from ...base.arguments import checks_arguments_but
from ...base.errors import MethodError, ProblemError, describe, integer, one_of, real, require
from ...base.interrupts import is_partial
from ...methods.base import Method, Stream, check_method, circuit_seed
from ...methods.evolution import TRAJECTORY, evolve
from ...methods.identity import Identity
from ...methods.job import save_times
from ...methods.keeping import Folder, kept_call
from ...methods.split_step import SplitStep
from ...methods.trotter import Trotter, potential_queries
from ...model.domains import Grid
from ...model.hamiltonians import hamiltonian
from ...model.objectives.base import ASKED_TWICE, LossLike, Objective
from ...model.objectives.given import Noted, Symbolic
from ...model.problem import Problem, loss_table
from ...model.schedules import QHD, Schedule
from ...results.sampling import draw
from ...results.trajectory import Counts, Trajectory
from .box import Box, Counted, Limits, as_bounds, as_objective, fitted, on_unit_box, remembered, spread
from .ends import End, end_of
from .learn import pretrained
from .polish import RIVALS, USUAL, Bounds, Polished, Rival, UnitLoss, best_first, each_polished, each_rival
from .result import RESULT, Descent, Evaluations, success


def seed_of(run: Trajectory) -> int:
    """What everything that follows a run draws with: its own seed, cut to 32 bits."""
    return int(run.provenance["seed"] % 2**32)


def last_samples(run: Trajectory, samples: int) -> Counts:
    """The samples of the last time: those of the run, or drawn from its exact density."""
    return run.counts["weight"][-1] if run.counts else draw(run.density[-1], samples, seed_of(run))


def ranked(run: Trajectory, counts: Counts, box: Box | None) -> tuple[np.ndarray, np.ndarray, float]:
    """Different sampled weights with their losses, best first, and the best loss of as many uniform grid points.

    The losses are those that the grid's table holds already.
    """
    domain, objective = run.problem.domain, run.problem.objective
    assert objective is not None
    uniform = np.random.default_rng(circuit_seed(seed_of(run), Stream.BEST, 1)).integers(0, domain.size, counts.shots)
    points, others = domain.points_at(counts.index), domain.points_at(np.unique(uniform))
    losses, least = objective(points), float(objective(others).min())
    order = np.argsort(losses, kind="stable")
    points, losses = points[order], losses[order]
    if box is None:
        return points, losses, least
    return box.weights(points), box.offset + box.scale * losses, box.offset + box.scale * least


STEPS_PER_TIME = 500  # of the classical method: Strang at 5,000 steps reproduces the published table to 0.05
CIRCUIT_STEPS = 40
SAMPLES = 1000
QUBITS = 6
SCHEDULES = ("qhd", "learned")


class Pair(Protocol):
    """A pair of schedules, as :class:`QHD` is one. It may also carry ``steps``, ``duration`` and ``scaled``."""

    @property
    def diffusion(self) -> Schedule:
        """D(t)."""
        ...

    @property
    def strength(self) -> Schedule:
        """s(t)."""
        ...


@checks_arguments_but("problem", "bounds")
def descend(
    problem: Problem | LossLike | Symbolic | str,
    *,
    bounds: Limits | None = None,
    qubits: int | Sequence[int] | None = None,
    schedule: Pair | str | None = None,
    duration: float | None = None,
    steps: int | None = None,
    method: Method | None = None,
    backend: BackendLike | None = None,
    shots: int | None = None,
    samples: int | None = None,
    polish: int = 3,
    compare: bool | Sequence[str] = False,
    seed: int | None = None,
    save: int | Sequence[float] | np.ndarray | None = None,
    progress: bool | None = None,
    folder: Folder | None = None,
) -> Descent:
    """Quantum Hamiltonian descent: ``i psi_t = [-D(t) L + s(t) F] psi`` from the uniform wave, then samples.

    An objective is mapped to the unit box, ``F(y) = (f(low + lengths y) - f_min) / longest edge``, on a periodic grid (a range of
    F below 1e-3 or above 1e6, as other units of weights or losses give it, is brought to there). With ``QHD()``,
    ``D = 1/(1e-3 + t^3)`` and ``s = 2 t^3`` for a time 10. A :class:`Problem` on the real clock is run as it stands, unless a
    schedule is given.

    On the test functions of the literature classical optimisers win: pass ``compare=True`` to see them.

    Args:
        problem: an objective, the name of a test function, a vectorised function ``(m, ndim) -> (m,)``, a function of one point
            ``(ndim,)`` such as ``scipy.optimize.rosen`` (asked point by point), an expression of SymPy, or a problem. A function may
            return a pair of values and gradients, as ``jac=True`` of SciPy. Weights are real numbers: none is rounded to an
            integer; binary weights are those of a problem on a :class:`Hypercube`.
        bounds: the box of an objective (default: its own): one pair a weight, ``scipy.optimize.Bounds``, a ``zip``, or the corners
            ``([low, ...], [high, ...])``.
        qubits: of each axis of the grid (None: 6); a problem has its own.
        schedule: ``"qhd"`` (:class:`QHD`, the default), ``"learned"`` (:func:`qml_dynamics.descent.pretrained` for ``steps`` of 10, 20
            or 40; 20 when None), or a pair with ``.diffusion`` and ``.strength``, such as ``learn_schedule`` returns. One that is
            ``scaled`` has its strength divided by the standard deviation of the loss on the grid, and its diffusion
            multiplied by the square of the longest edge of a problem's box.
        duration, steps: default 10 and 500 a unit of time (40 on a backend), or what the schedule says.
        method: instead of ``SplitStep(steps, order=2)``, or ``Trotter(steps, order=2)`` with a backend.
        backend, shots, save: as in ``evolve``. With shots, they are the samples. Saved times must hold the end, where samples are drawn.
        samples: drawn from an exact density (None: 1000); shots of a backend take their place.
        polish: so many of the best different samples are refined by L-BFGS-B (0: none; a table has nothing to refine).
        compare: run classical optimisers with as many evaluations too; True, or some of their names.
        seed: of all sampling and of the rivals.
        progress, folder: as in ``evolve``.

    Returns:
        :class:`Descent`. A keyboard interrupt during the run draws from its last wave; one after it keeps what is done of polish and
        rivals; ``trajectory.stop`` says so.

    Raises:
        ProblemError: binary weights, a clock that is not real, no box, a loss that is the same everywhere.
        MethodError: an option out of its range.

    Source: Leng, Hickman, Li, Wu, Quantum Hamiltonian Descent, arXiv:2303.01471.

    >>> found = descend("levy", qubits=5, steps=2000, seed=1)
    >>> found.loss < 1e-9, found.evaluations.grid, found.evaluations.queries
    (True, 1028, 0)
    """
    polish = integer(polish, "polish", 0, 10_000, MethodError)
    require(
        samples is None or shots is None, "samples", "be None with shots, which are the samples", samples, MethodError
    )
    require(steps is None or method is None, "steps", "be None with a method, which has its own", steps, MethodError)
    samples = integer(SAMPLES if samples is None else samples, "samples", 1, 10**9, MethodError)
    names = None if compare is True else tuple(one_of(name, "compare", RIVALS, MethodError) for name in compare or ())
    pair = _pair(schedule, steps)
    stated, objective, box = _stated(problem, bounds, qubits, pair, duration)
    if compare and objective.domain is not None:
        raise MethodError("Argument `compare` must be False for a table, which has no values between its points.")
    chosen = check_method(method) if method is not None else _method(stated, pair, steps, backend)
    if shots is None and chosen.facts().runs_on == "backend" and backend is not None:
        shots = samples  # a device gives samples only
    if save is None and backend is not None:
        save = [stated.duration]  # no circuits for the start, which is known
    last = save_times(save, stated.duration)[-1]
    ended = f"end at the duration {stated.duration:g}, where samples are drawn"
    require(last >= stated.duration * (1 - 1e-9), "save", ended, float(last), MethodError)

    def identify(said: Identity) -> None:
        """Enter what decides the result of this call into its identity."""
        said.add_problem("problem", stated, hamiltonian(stated))
        said.add("method", chosen)
        said.add_backend("backend", None if backend is None else find_backend(backend))
        for name, value in (("shots", shots), ("samples", samples), ("polish", polish), ("save", save)):
            said.add(name, value)
        said.add("compare", names if compare else None)

    with kept_call("descend", folder, seed, identify) as call:
        given = seed if call.scope is None else call.entropy
        run = evolve(stated, chosen, backend=backend, shots=shots, seed=given, save=save, progress=progress)
        if call.folder is not None:
            run.save(call.path(TRAJECTORY))
        found = _found(run, objective, box, samples, polish, names if compare else ())
        call.partial = is_partial(found.trajectory)
        if call.folder is not None and not call.partial:
            found.save(call.path(RESULT))
        return found


def _found(
    run: Trajectory, objective: Objective, box: Box | None, samples: int, polish: int, rivals_of: Sequence[str] | None
) -> Descent:
    """What a run gives: its samples, the best of them refined, and classical optimisers (None: all) beside it."""
    stated = run.problem
    counts = last_samples(run, samples)
    points, losses, uniform = ranked(run, counts, box)
    limits = stated.domain.bounds if box is None else box.bounds  # type: ignore[union-attr]
    table = loss_table(stated)
    scale = float(np.ptp(table)) * (1.0 if box is None else box.scale)
    after = _after(run, objective, points[:polish], limits, scale, rivals_of)
    refined = after.refined
    best, least = tuple(points[0].tolist()), float(losses[0])
    if refined and refined[0].loss < least:
        best, least = refined[0].weights, refined[0].loss
    return Descent(
        weights=best,
        loss=least,
        sample=tuple(points[0].tolist()),
        sample_loss=float(losses[0]),
        uniform_loss=uniform,
        samples=counts.shots,
        polished=refined,
        evaluations=after.evaluations(run),
        rivals=after.rivals,
        success=success(run),
        gap=None if objective.minimum is None else max(0.0, least - objective.minimum),
        trajectory=_told(run, after.cut) if after.cut else run,
        box=box,
        end=after.end,
    )


@dataclass(frozen=True)
class _After:
    """What follows a run, as far as it has come.

    Attributes:
        refined, end, rivals: what is done, best first.
        cut: what an interrupt has left undone, in words; empty where all was done.
    """

    refined: tuple[Polished, ...] = ()
    end: End | None = None
    rivals: tuple[Rival, ...] = ()
    cut: str = ""

    def evaluations(self, run: Trajectory) -> Evaluations:
        """What run and polish have asked of the loss."""
        return Evaluations(
            run.problem.domain.size + ASKED_TWICE,
            sum(p.evaluations for p in self.refined),
            sum(p.gradients for p in self.refined),
            potential_queries(run),
            0 if self.end is None else self.end.evaluations,
        )


def _after(
    run: Trajectory, objective: Objective, starts: np.ndarray, bounds: Bounds, scale: float, names: Sequence[str] | None
) -> _After:
    """Polish samples (of a table none), look at where the best of them ended, and run classical optimisers (None: all of them).

    An interrupt from the keyboard ends this and keeps what is done: the run before it may have taken hours.
    """
    refined: list[Polished] = []
    beside: list[Rival] = []
    asked = USUAL if names is None else names
    done, at = _After(), "the polish"
    try:
        for found in each_polished(objective, starts if objective.domain is None else starts[:0], bounds, scale):
            refined.append(found)
        done, at = _After(best_first(refined)), "the check of the polish"
        done = replace(done, end=_end(objective, done.refined, bounds, scale))
        at = "the classical optimisers"
        if asked:
            seed = circuit_seed(seed_of(run), Stream.BEST, 2)  # not that of the samples
            for rival in each_rival(objective, bounds, done.evaluations(run).total, seed, asked):
                beside.append(rival)
    except KeyboardInterrupt:
        done = replace(done, refined=best_first(refined), cut=at)
    return replace(done, rivals=best_first(beside))


def _end(objective: Objective, refined: Sequence[Polished], bounds: Bounds, scale: float) -> End | None:
    """What the best refined sample stands at; None without a polish."""
    if not refined:
        return None
    loss = UnitLoss(Counted(objective), bounds, refined[0].loss, scale if scale > 0 else 1.0)
    return end_of(loss, np.array(refined[0].weights))


def _told(run: Trajectory, cut: str) -> Trajectory:
    """The run, with what an interrupt after it has left undone."""
    ended = run.stop if is_partial(run) else f"Interrupted from the keyboard after the run. {run.stop}"
    return replace(run, stop=f"{ended} Not done: {cut}.", diagnostics={**run.diagnostics, "interrupted": True})


def _pair(schedule: Pair | str | None, steps: int | None) -> Pair | None:
    """A schedule by name, or as it is given."""
    if isinstance(schedule, str):
        named = one_of(schedule, "schedule", SCHEDULES, MethodError)
        return pretrained(20 if steps is None else steps) if named == "learned" else QHD()
    known = schedule is None or (hasattr(schedule, "diffusion") and hasattr(schedule, "strength"))
    require(
        known, "schedule", f"be one of {', '.join(SCHEDULES)} or have .diffusion and .strength", schedule, MethodError
    )
    return schedule


def _stated(
    given: Problem | LossLike | Symbolic | str,
    bounds: Limits | None,
    qubits: int | Sequence[int] | None,
    schedule: Pair | None,
    duration: float | None,
) -> tuple[Problem, Objective, Box | None]:
    """The problem to run, the loss in its own units, and the map from the unit box (None for a problem)."""
    if isinstance(given, Problem):
        require(bounds is None, "bounds", "be None for a problem, which has its own", bounds)
        require(qubits is None, "qubits", "be None for a problem, which has its own", qubits)
        return *_own_problem(given, schedule, duration), None
    objective = as_objective(given)
    if objective.domain is not None:
        raise ProblemError(
            f"Argument `problem` must be a Problem for a table, but is the objective `{objective.name}`."
        )
    seen = Noted(objective.fn)
    if objective.gradient_fn is None and objective.domain is None:
        objective = replace(objective, fn=seen)
    scaled, box = on_unit_box(objective, None if bounds is None else as_bounds(bounds))
    assert scaled.bounds is not None  # the unit box
    grid = Grid(scaled.bounds, QUBITS if qubits is None else qubits)
    scaled, box = fitted(remembered(scaled, grid), box, grid)
    objective = seen.with_gradient(objective)
    pair: Pair = schedule if schedule is not None else QHD()
    length = duration if duration is not None else getattr(pair, "duration", 10.0)
    problem = Problem(
        grid, scaled, pair.diffusion, pair.strength, clock="real", duration=real(length, "duration", positive=True)
    )
    return _scaled(problem, pair), objective, box


def _own_problem(problem: Problem, schedule: Pair | None, duration: float | None) -> tuple[Problem, Objective]:
    grid, objective = problem.domain, problem.objective
    if not isinstance(grid, Grid) or objective is None:
        raise ProblemError(f"Argument `problem` must have a Grid of weights and a loss, but is on {describe(grid)}.")
    require(problem.clock == "real", "problem", "be on the real clock", problem.clock)
    stated = problem if objective.domain is not None else problem.replace(objective=remembered(objective, grid))
    if duration is not None:
        stated = stated.replace(duration=duration)
    if schedule is None:
        return stated, objective
    length = duration if duration is not None else getattr(schedule, "duration", problem.duration)
    changed = stated.replace(diffusion=schedule.diffusion, strength=schedule.strength, duration=length)
    return _scaled(changed, schedule), objective


def _scaled(problem: Problem, pair: Pair) -> Problem:
    """A schedule learned on the unit box for losses of unit spread is stretched to this box (its longest edge) and this loss."""
    if not getattr(pair, "scaled", False):
        return problem
    assert problem.objective is not None
    edge = max(problem.domain.lengths)  # type: ignore[union-attr]
    fitted = pair.over(spread(loss_table(problem)), edge)  # type: ignore[attr-defined]
    return problem.replace(diffusion=fitted.diffusion, strength=fitted.strength)


def _method(problem: Problem, schedule: Pair | None, steps: int | None, backend: BackendLike | None) -> Method:
    if steps is None:
        steps = getattr(schedule, "steps", None)
    if backend is not None:
        return Trotter(CIRCUIT_STEPS if steps is None else steps, order=2)
    return SplitStep(max(100, round(STEPS_PER_TIME * problem.duration)) if steps is None else steps, order=2)
