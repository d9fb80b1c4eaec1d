"""Hamilton and Jacobi's equation (``hbar = 0``) by its characteristics, ``w' = 2 D k``, ``k' = -s grad zeta``, beyond caustics too.

Where paths have crossed no single phase is left, and the density is the sum over the sheets. Interference is what a vanishing
Planck's constant takes away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ...base.arguments import checks_arguments
from ...base.errors import MethodError, check_memory, integer, real, require
from ...base.options import handed
from ...base.printing import printed_briefly
from ...model.domains import Domain, Grid
from ...model.formulas import Formula, boundaries, by_order
from ...model.initial import PointMass, State
from ...model.objectives import from_table
from ...model.objectives.base import Objective
from ...model.problem import Problem
from ...results.journal import Scope, current
from ..base import Answer, Facts, Job, Stream, Usual, View, Work
from ..job import save_times
from .moments import Moment, no_operators, report, sampled_moment
from .paths import Cloud, between, crossed, drawn_cells, fold, kicks_of, play, shared_out, slopes, smooth

if TYPE_CHECKING:
    pass

_RATIOS = (0.6180339887498949, 0.7548776662466927, 0.8191725133961645)  # by the number of axes


def start(problem: Problem, extra: int, spread: float) -> Cloud:
    """The points that set out, on a grid ``extra`` qubits an axis finer than the problem's: places, momenta and weights."""
    domain: Grid = problem.domain  # type: ignore[assignment]
    fine = domain.refined(extra) if extra else domain
    check_memory(8 * fine.size * (4 * domain.ndim + 4), f"{fine.size:,} paths")
    if isinstance(problem.initial, PointMass):
        cell = int(np.ravel_multi_index(problem.initial.index(domain), domain.shape))
        points, weights = domain.points_at(np.array([cell])), np.ones(1)
        points = np.repeat(points, 4**extra if spread else 1, axis=0)
        weights, momenta = np.full(len(points), 1 / len(points)), np.zeros_like(points)
    else:
        p, k = _fields(problem, domain, fine)
        points, momenta, weights = fine.points, k.reshape(domain.ndim, -1).T.copy(), p.reshape(-1) / p.sum()
        moving = weights > 1e-14 * weights.max()
        points, momenta, weights = points[moving], momenta[moving], weights[moving] / weights[moving].sum()
    if spread:
        momenta = momenta + spread * _standardised(_normal(len(points), domain.ndim), weights)
    return Cloud(points, momenta, np.zeros(len(points)), weights)


def _fields(problem: Problem, domain: Grid, fine: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Density and slopes of the phase on the finer grid: exact for waves with a formula, interpolated from a vector's.

    The slopes linearly: a phase need not close round the box, and a spline would carry its jump inwards.
    """
    if not isinstance(problem.initial, State) or fine == domain:
        return np.abs(problem.initial.vector(fine)) ** 2, slopes(problem.initial, fine)
    p = smooth(from_table(np.abs(problem.initial.vector(domain)) ** 2, domain), domain)(fine.points)
    k = [between(slope, domain, fine.points, order=1) for slope in slopes(problem.initial, domain)]
    return np.maximum(p, 0.0).reshape(fine.shape), np.array(k).reshape(-1, *fine.shape)


def _standardised(numbers: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The columns with mean 0 and variance 1 under the weights: those of a short sequence are off by the places that carry weight."""
    if len(weights) < 3:
        return numbers
    centred = numbers - weights @ numbers
    size: np.ndarray = np.sqrt(weights @ centred**2)
    out: np.ndarray = centred / np.where(size > 0, size, 1.0)
    return out


def _normal(count: int, ndim: int) -> np.ndarray:
    """Normal numbers that fill the line evenly for neighbouring paths: quantiles of a golden-ratio sequence."""
    from scipy.special import ndtri

    ratio = _RATIOS[min(ndim, len(_RATIOS)) - 1] ** np.arange(1, ndim + 1)
    return np.asarray(ndtri(np.mod(0.5 + np.outer(np.arange(1, count + 1), ratio), 1.0)))


_POSTS = 64
_BUDGET = 1 << 27  # times that paths ask for the loss, where their number is not given


@dataclass(frozen=True)
class HamiltonJacobi(Usual):
    """The method of characteristics: the reference on the classical clock.

    Points start on a grid finer than the problem's, carry its density there and ``k = grad S``, and move by
    ``w' = 2 D(t) k``, ``k' = -s(t) grad zeta`` in symplectic steps. Energies and observables are averages over the points; the
    density is shared out to the grid linearly (an error of second order in the spacing), and so are samples, whose law is that density; at
    time 0 it is the initial one, and samples go to their nearest grid points. Leaving a periodic box a point comes in
    at the other end; walls reflect it.

    Args:
        steps: equal steps over the duration.
        order: 1, 2 (velocity Verlet) or 4, as for :class:`Trotter`.
        extra: how many qubits an axis the grid of starting points is finer by; None: 5 with one axis, 2 with two, else 1, or as many as
            keep the times that the paths ask for the loss, which ``cost`` tells, below 2^27.
        spread: standard deviation of the momenta about ``grad S`` at the start; 0 is Hamilton and Jacobi's equation itself, and
            another value what :class:`KoopmanVonNeumann` with that spread solves.

    >>> from qml_dynamics import Gaussian, Grid, Problem, evolve
    >>> swing = Problem(Grid((-4, 4), 6), lambda w: w[:, 0]**2 / 2, 0.5, clock="classical", duration=np.pi,
    ...                 initial=Gaussian(1.5, 0.3))
    >>> run = evolve(swing, HamiltonJacobi(200), observables={"x": lambda w: w[:, 0]})
    >>> run.expectations["x"].value.round(3).tolist()      # half a period of the oscillator
    [1.5, -1.5]
    """

    steps: int
    order: int = 2
    extra: int | None = None
    spread: float = 0.0

    name: ClassVar[str] = "hamilton_jacobi"

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", integer(self.steps, "steps", 1, 10**9, MethodError))
        by_order(self.order)
        if self.extra is not None:
            object.__setattr__(self, "extra", integer(self.extra, "extra", 0, 10, MethodError))
        object.__setattr__(self, "spread", real(self.spread, "spread", nonnegative=True, error=MethodError))

    @property
    def product_formula(self) -> Formula:
        """The formula of one step."""
        return by_order(self.order)

    def finer(self, domain: Domain) -> int:
        """The most qubits an axis that the grid of starting points has more than the domain."""
        return {1: 5, 2: 2}.get(domain.ndim, 1) if self.extra is None else self.extra

    def asks(self, problem: Problem, extra: int, saves: npt.ArrayLike) -> int:
        """How often all paths ask for the loss and its slope, where none of them is left out for its weight."""
        assert problem.objective is not None  # the classical clock has refused operators
        if problem.objective.domain is not None:
            return 0
        kicks = kicks_of(self.product_formula, len(boundaries(problem.duration, self.steps, np.asarray(saves))) - 1)
        each = kicks * (1 + problem.objective.asks_of_gradient(problem.domain.ndim)) + np.size(saves)
        return int(each * problem.domain.size << extra * problem.domain.ndim)

    def affordable(self, problem: Problem, saves: npt.ArrayLike) -> int:
        """The qubits an axis that the grid of starting points has more than the domain: as given, else within the budget."""
        most = self.finer(problem.domain)
        if self.extra is not None:
            return most
        return next((e for e in range(most, 0, -1) if self.asks(problem, e, saves) <= _BUDGET), 0)

    def facts(self) -> Facts:
        """The classical clock, grids without flux."""
        return Facts(
            frozenset({"classical"}),
            frozenset({"periodic", "walls"}),
            "classical",
            self.order,
            "expectation",
            steps=self.steps,
        )

    def run(self, job: Job) -> Answer:
        """Density, energies and observables as averages over the moving points; with shots, over samples of them."""
        no_operators(job)
        times, clouds, stop, facts = _run(job, self)
        force = smooth(job.problem.objective, job.problem.domain)  # type: ignore[arg-type]
        start = np.abs(job.problem.initial.vector(job.problem.domain)) ** 2
        moments = []
        for t, cloud in zip(times, clouds):
            moment = _moment(job.problem, cloud, force, start if t == 0 else None)
            place = int(np.argmin(np.abs(job.saves - t)))
            if job.shots is not None:
                moment = _sampled(job.problem.domain, moment, job.shots, job.seed(Stream.WEIGHT, place), t > 0)  # type: ignore[arg-type]
            moments.append(moment)
        return report(job, times, moments, stop, facts)

    def work(self, job: Job) -> Work:
        """The points that are held."""
        domain, extra = job.problem.domain, self.affordable(job.problem, job.saves)
        size = domain.size << extra * domain.ndim
        # the cloud and the moments of each saved time, and the step that works on the paths
        memory = size * ((32 * domain.ndim + 24) * len(job.saves) + 64 * domain.ndim + 16)
        return Work(domain.num_qubits, memory, asks=self.asks(job.problem, extra, job.saves))

    def refined(self) -> HamiltonJacobi:
        """Twice the steps."""
        return replace(self, steps=2 * self.steps)


@printed_briefly
@dataclass(frozen=True, eq=False)
class Characteristics:
    """The paths of an ensemble without a wave.

    Attributes:
        problem: on the classical clock.
        times: shape ``(m,)``.
        paths: shape ``(m, size, ndim)``, continuous: not folded back into the box.
        momenta: ``k = grad S`` along them, same shape.
        action: S along each path (from 0 at the start), shape ``(m, size)``.
        weights: probability that each path carries, shape ``(size,)``.
        caustic: the first saved time at which paths have crossed (one axis only), or None.
    """

    problem: Problem
    times: np.ndarray
    paths: np.ndarray
    momenta: np.ndarray
    action: np.ndarray
    weights: np.ndarray
    caustic: float | None

    @checks_arguments
    def density(self, index: int = -1) -> np.ndarray:
        """The paths' weights shared out to the nearest grid points, linearly, shape ``domain.shape``."""
        last = len(self.paths) - 1
        at = integer(index, "index", -last - 1, last, MethodError)
        return shared_out(self.problem.domain, self.paths[at], self.weights)  # type: ignore[arg-type]

    def mean(self, function: Callable[[np.ndarray], npt.ArrayLike]) -> np.ndarray:
        """Ensemble average of a function of points at each time, shape ``(m,)``."""
        domain: Grid = self.problem.domain  # type: ignore[assignment]
        return np.array([self.weights @ np.asarray(handed(function, fold(domain, x)[0])) for x in self.paths])


@checks_arguments
def characteristics(problem: Problem, method: HamiltonJacobi, save: npt.ArrayLike = 5) -> Characteristics:
    """The paths themselves, of which ``evolve(problem, method)`` gives averages and the density.

    Args:
        problem: on the classical clock.
        method: steps, order, and how many paths.
        save: as in :func:`qml_dynamics.evolve`.

    Raises:
        ProblemError: the problem is on another clock.

    >>> from qml_dynamics import Gaussian, Grid, Problem
    >>> swing = Problem(Grid((-4, 4), 5), lambda w: w[:, 0]**2 / 2, 0.5, clock="classical", duration=np.pi,
    ...                 initial=Gaussian(1.5, 0.3))
    >>> found = characteristics(swing, HamiltonJacobi(200), save=2)
    >>> bool(np.allclose(found.paths[-1], -found.paths[0], atol=1e-3))
    True
    """
    require(problem.clock == "classical", "problem", "be on the classical clock", problem.clock)
    times = np.union1d(save_times(save, problem.duration), [0.0])
    clouds = [cloud for _, cloud in _played(problem, method, times, times)]
    paths, momenta, action = (np.array([getattr(c, name) for c in clouds]) for name in ("points", "momenta", "action"))
    return Characteristics(
        problem, times, paths, momenta, action, clouds[0].weights, _caustic(times, clouds, problem, method)
    )


def _played(
    problem: Problem,
    method: HamiltonJacobi,
    times: np.ndarray,
    wanted: np.ndarray,
    stand: tuple[int, Cloud] | None = None,
) -> Iterator[tuple[float, Cloud]]:
    """The clouds at these times, among them those that are wanted, or those behind a number of them at which a cloud stands."""
    force, extra = smooth(problem.objective, problem.domain), method.affordable(problem, wanted)  # type: ignore[arg-type]
    number, cloud = (None, start(problem, extra, method.spread)) if stand is None else stand
    return play(problem, method.product_formula, method.steps, times.tolist(), cloud, force, number)


def _caustic(times: Iterable[float], clouds: list[Cloud], problem: Problem, method: HamiltonJacobi) -> float | None:
    if problem.domain.ndim > 1 or method.spread:
        return None
    return next((float(t) for t, over in zip(times, crossed(clouds)) if over), None)


def _run(job: Job, method: HamiltonJacobi) -> tuple[list[float], list[Cloud], str, dict[str, Any]]:
    """The clouds at the saved times reached; an interrupt or a callback ends it with what there is."""
    problem, wanted = job.problem, set(job.saves.tolist())
    posts = _posts(problem, method, job.callback is not None)
    every = np.union1d(np.union1d(job.saves, [0.0]), posts[posts < job.saves[-1]])
    times: list[float] = []
    clouds: list[Cloud] = []
    stop, facts = f"Reached the end of the duration, {job.saves[-1]:g}.", {"steps": method.steps}
    outer = current()
    loop = None if outer is None else outer.run()
    stand = None if loop is None else _restored(loop, len(every), times, clouds)
    try:
        for step, (t, cloud) in enumerate(
            _played(problem, method, every, job.saves, stand), 0 if stand is None else stand[0] + 1
        ):
            job.progress(step, len(every) - 1)
            stand = step, cloud
            ends = job.callback is not None and job.callback(step, _view(problem, t, cloud))
            if t in wanted or ends:
                times.append(t)
                clouds.append(cloud)
            if loop is not None:
                _store(loop, len(every), stand, times, clouds)
            if ends:
                stop = f"The callback stopped the run at t = {t:g} of {problem.duration:g}."
                break
    except KeyboardInterrupt:
        del times[len(clouds) :]
        if stand is not None and every[stand[0]] in wanted and every[stand[0]] not in times:
            times.append(float(every[stand[0]]))  # the interrupt came before it was kept
            clouds.append(stand[1])
        if loop is not None and stand is not None:
            _store(loop, len(every), stand, times, clouds, always=True)
        if not clouds:
            raise
        facts["interrupted"] = True
        stop = f"Interrupted from the keyboard after t = {times[-1]:g} of {problem.duration:g}; kept what was done."
    return times, clouds, stop, {**facts, "paths": len(clouds[0].weights), **_told(times, clouds, problem, method)}


_PARTS = ("points", "momenta", "action")


def _store(
    loop: Scope,
    every: int,
    stand: tuple[int, Cloud],
    times: list[float],
    clouds: list[Cloud],
    always: bool = False,
) -> None:
    """Keep where the paths are, and where they were at the saved times so far."""
    kept = [*clouds, stand[1]]

    def arrays() -> dict[str, np.ndarray]:
        """Of all clouds, stacked: made only where they are written."""
        return {name: np.array([getattr(cloud, name) for cloud in kept]) for name in _PARTS}

    meta = {"number": stand[0], "of": every}
    loop.save_state(meta, {"times": np.array(times), "weights": stand[1].weights}, always, arrays)


def _restored(loop: Scope, every: int, times: list[float], clouds: list[Cloud]) -> tuple[int, Cloud] | None:
    """Where an earlier process of the same run stood; None too where it looked at other times, as a callback makes it."""
    found = loop.load_state()
    if found is None or found.meta["of"] != every:
        return None
    points, momenta, action = (found.arrays[name] for name in _PARTS)
    *before, now = (Cloud(q, k, s, found.arrays["weights"]) for q, k, s in zip(points, momenta, action))
    times.extend(found.arrays["times"].tolist())
    clouds.extend(before)
    return int(str(found.meta["number"])), now


def _told(times: list[float], clouds: list[Cloud], problem: Problem, method: HamiltonJacobi) -> dict[str, Any]:
    caustic = _caustic(times, clouds, problem, method)
    return {} if caustic is None else {"caustic": caustic}


def _posts(problem: Problem, method: HamiltonJacobi, every_step: bool) -> np.ndarray:
    """Ends of steps at which the cloud is looked at: all of them for a callback, else a few, for progress and interrupts."""
    stride = 1 if every_step else max(1, method.steps // _POSTS)
    return problem.duration * np.arange(0, method.steps, stride) / method.steps


def _view(problem: Problem, t: float, cloud: Cloud) -> View:
    """The density stands where other methods show the wave."""
    return View(t, shared_out(problem.domain, cloud.points, cloud.weights), 0.0)  # type: ignore[arg-type]


def _sampled(domain: Grid, moment: Moment, shots: int, seed: int, shared: bool) -> Moment:
    """Samples of the paths; of the grid points too, by the same shares as in the density."""
    drawn = sampled_moment(moment, shots, seed)
    if not shared:
        return drawn
    which, cells, counts = drawn_cells(domain, drawn.points, drawn.weights, seed)
    points, momenta, loss = drawn.points[which], drawn.momenta[which], drawn.loss[which]
    return Moment(points, momenta, loss, cells, counts, beside=drawn.beside)


def _moment(problem: Problem, cloud: Cloud, force: Objective, density: np.ndarray | None) -> Moment:
    domain: Grid = problem.domain  # type: ignore[assignment]
    inside, sign = fold(domain, cloud.points)
    low, shape = np.array([axis[0] for axis in domain.axes]), np.array(domain.shape)
    cell = np.rint((inside - low) / np.array(domain.spacing)).astype(int)
    cell = cell % shape if domain.boundary == "periodic" else np.clip(cell, 0, shape - 1)
    flat = np.ravel_multi_index(tuple(cell.T), domain.shape)
    if density is None:
        density = shared_out(domain, cloud.points, cloud.weights)
    return Moment(inside, sign * cloud.momenta, force(inside), flat, cloud.weights, density)
