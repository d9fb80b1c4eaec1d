"""Classical motion as circuits: a Koopman-von Neumann wave over positions and momenta whose square obeys Liouville's equation."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ... import synthesis
from ...base.errors import EdgeWeightWarning, MethodError, MomentumTailWarning, check_memory, integer, real, require
from ...model.domains import Grid
from ...model.formulas import Formula, boundaries, by_order, factors, segments
from ...model.initial import Gaussian, Initial, State
from ...model.problem import Problem, loss_table
from ...results.observables import momentum_tail
from ...results.rare import neighbours_of
from ..base import Answer, Facts, Job, Stream, Usual, Work
from .hamilton_jacobi import HamiltonJacobi, characteristics
from .moments import Moment, no_operators, report
from .paths import slopes, smooth

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_SPREAD = 0.75  # of a momentum step: the narrowest Gaussian whose transform fits the register (1.5e-5 of it does not)
_TAILS = 5.0  # standard deviations that the register holds beyond the fastest path


class Plan:
    """The circuits of one run of a :class:`KoopmanVonNeumann` and how to read them."""

    def __init__(self, method: KoopmanVonNeumann, problem: Problem, saves: np.ndarray) -> None:
        require(problem.clock == "classical", "problem", "be on the classical clock", problem.clock)
        self.problem, self.saves = problem, saves
        self.domain: Grid = problem.domain  # type: ignore[assignment]
        self.positions = _cover(self.domain)
        largest, self.spread = _momenta(method, problem)
        momenta = Grid((-largest, largest), method.momentum_qubits)
        self.space = synthesis.koopman.PhaseSpace(self.positions, momenta)
        check_memory(48 << self.space.num_qubits, f"Circuits on {self.space.num_qubits} qubits (positions and momenta)")
        loss = smooth(problem.objective, self.domain)  # type: ignore[arg-type]
        force = loss.gradient(self.domain.points, self.domain.spacing).T.reshape(self.domain.ndim, *self.domain.shape)
        factory = synthesis.koopman.Factory(self.space, _mirrored(force, self.domain, odd=True))
        slope = _mirrored(slopes(problem.initial, self.domain), self.domain, odd=False)
        magnitude = _magnitude(problem.initial, self.domain, self.positions)
        self.pieces = [synthesis.koopman.start(self.space, magnitude, slope, self.spread)]
        ends = boundaries(problem.duration, method.steps, saves)
        for piece in segments(ends, saves):
            every = factors(
                method.product_formula, piece.tolist(), problem.diffusion, problem.strength, problem.duration
            )
            self.pieces.append(factory.piece([(f.kind, f.amount) for f in every if f.amount]))
        self.facts: dict[str, Any] = {
            "steps": method.steps,
            "spread": self.spread,
            "largest_momentum": largest,
            "gates": sum(piece.size() for piece in self.pieces),
        }

    def wanted(self, times: Sequence[float] | np.ndarray) -> list[Any]:
        """The whole circuits at these times."""
        out, circuit, k = [], self.pieces[0].copy(), 0
        for t in times:
            while self.saves[k] < t:
                k += 1
                circuit.compose(self.pieces[k], inplace=True)
            out.append(circuit.copy())
        return out

    def sampled(self, index: np.ndarray, counts: np.ndarray) -> Moment:
        """Samples, with the points of phase space next to the one seen most that were not seen."""
        every = Grid([(0, 1)] * len(self.space.shape), [n.bit_length() - 1 for n in self.space.shape])
        near = np.setdiff1d(neighbours_of(every, int(index[int(np.argmax(counts))])), index)
        return replace(self.moment(index, counts), beside=self.moment(near, np.ones(near.size)))

    def moment(self, index: np.ndarray, weights: np.ndarray) -> Moment:
        """Outcomes as points and momenta in the box."""
        place, momenta = self.space.split(index)
        if self.domain.boundary == "walls":
            levels = np.stack(np.unravel_index(place, self.positions.shape), axis=1)
            shape = np.array(self.domain.shape)
            beyond = levels >= shape
            levels = np.where(beyond, 2 * shape - 1 - levels, levels)
            momenta = np.where(beyond, -momenta, momenta)
            place = np.ravel_multi_index(tuple(levels.T), self.domain.shape)
        loss = loss_table(self.problem).reshape(-1)[place]
        return Moment(self.domain.points_at(place), momenta, loss, place, weights)


def _momenta(method: KoopmanVonNeumann, problem: Problem) -> tuple[float, float]:
    """The largest momentum of the register, and the spread."""
    levels = 1 << method.momentum_qubits
    if method.largest_momentum is not None:
        largest = method.largest_momentum
        return largest, _SPREAD * 2 * largest / levels if method.spread is None else method.spread
    scale = _reached(problem, method.steps)
    if method.spread is not None:
        return scale + _TAILS * method.spread, method.spread
    largest = scale / (1 - _TAILS * _SPREAD * 2 / levels)
    return largest, _SPREAD * 2 * largest / levels


def _reached(problem: Problem, steps: int) -> float:
    """The largest momentum of any path that carries weight; at least that of one wave length in the box."""
    run = characteristics(problem, HamiltonJacobi(max(steps, 64), extra=0), save=33)
    matter = run.weights > 1e-8 * run.weights.max()
    found = float(np.abs(run.momenta[:, matter]).max())
    least = 2 * np.pi / max(problem.domain.lengths)  # type: ignore[union-attr]
    return 1.05 * max(found, least)


def _cover(domain: Grid) -> Grid:
    """The periodic grid that the points move on: with walls the box and its mirror image."""
    if domain.boundary == "periodic":
        return Grid(domain.bounds, domain.qubits)
    half = [0.5 * h for h in domain.spacing]
    bounds = [(a + e, 2 * b - a + e) for (a, b), e in zip(domain.bounds, half)]
    return Grid(bounds, [q + 1 for q in domain.qubits])


def _mirrored(fields: np.ndarray, domain: Grid, odd: bool) -> np.ndarray:
    """One field an axis on the cover; ``odd``: a component changes its sign in the image along its own axis."""
    if domain.boundary == "periodic":
        return fields
    out = []
    for component, values in enumerate(fields):
        for axis in range(domain.ndim):
            sign = -1.0 if odd and axis == component else 1.0
            values = np.concatenate([values, sign * np.flip(values, axis)], axis=axis)
        out.append(values)
    return np.array(out)


def _magnitude(initial: Initial, domain: Grid, cover: Grid) -> Initial:
    """``sqrt(p)`` on the cover."""
    if domain.boundary == "periodic":
        if isinstance(initial, Gaussian):
            return replace(initial, momentum=0.0)
        return State(np.abs(initial.vector(domain))) if isinstance(initial, State) else initial
    wave = np.zeros(cover.shape)
    wave[tuple(slice(0, n) for n in domain.shape)] = np.abs(initial.vector(domain))
    return State(wave)


_LOST = 1e-3


@dataclass(frozen=True)
class KoopmanVonNeumann(Usual):
    """Circuits on the classical clock: product formulas of drifts and kicks over a position and a momentum register.

    ``phi_t = -2 D k . grad_w phi + s (grad zeta) . grad_k phi``, started as ``sqrt(p(w)) g(k - grad S)``: the measured positions
    and momenta are those of an ensemble of points. The momenta need a width; the answer is Hamilton and Jacobi's up to terms of
    second order in ``spread``, and that of ``HamiltonJacobi(spread=...)`` up to the product formula and the resolution of the
    registers, which fine structure outgrows with time: the share of the wave that has reached the finest resolved structure is
    reported, and warned of.

    Args:
        steps: equal steps over the duration.
        order: 1, 2 or 4, as for :class:`Trotter`.
        momentum_qubits: of the momentum register of each axis, at least 4.
        spread: standard deviation of the momenta about ``grad S``; None: 0.75 of the register's step.
        largest_momentum: the register holds ``[-largest_momentum, largest_momentum)``; None: what the paths of the points reach,
            and five ``spread`` more.

    Walls take one qubit an axis more: beyond a wall the box goes on as its mirror image, which is folded back when it is read.
    Source: Joseph, Phys. Rev. Research 2, 043102 (2020), arXiv:2003.09980.

    >>> from qml_dynamics import Gaussian, Grid, Problem, evolve
    >>> swing = Problem(Grid((-4, 4), 5), lambda w: w[:, 0]**2 / 2, 0.5, clock="classical", duration=np.pi,
    ...                 initial=Gaussian(1.0, 0.5))
    >>> run = evolve(swing, KoopmanVonNeumann(40, momentum_qubits=5), observables={"x": lambda w: w[:, 0]})
    >>> run.expectations["x"].value.round(2).tolist()
    [1.0, -1.0]
    """

    steps: int
    order: int = 2
    momentum_qubits: int = 5
    spread: float | None = None
    largest_momentum: float | None = None

    name: ClassVar[str] = "koopman_von_neumann"

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", integer(self.steps, "steps", 1, 10**7, MethodError))
        by_order(self.order)
        object.__setattr__(
            self, "momentum_qubits", integer(self.momentum_qubits, "momentum_qubits", 4, 15, MethodError)
        )
        for name in ("spread", "largest_momentum"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, real(getattr(self, name), name, positive=True, error=MethodError))

    @property
    def product_formula(self) -> Formula:
        """The formula of one step."""
        return by_order(self.order)

    def facts(self) -> Facts:
        """The classical clock, grids without flux."""
        return Facts(
            frozenset({"classical"}),
            frozenset({"periodic", "walls"}),
            "backend",
            self.order,
            "density",
            steps=self.steps,
            callback="never",
        )

    def run(self, job: Job) -> Answer:
        """The density over positions and momenta at the saved times, from amplitudes or from sampled circuits."""
        no_operators(job)
        plan = Plan(self, job.problem, np.union1d(job.saves, [0.0]))
        if job.can.exact and job.shots is None:
            return _from_waves(job, plan)
        wanted = plan.wanted(job.saves)
        if job.shots is None:
            laws = job.device.probabilities(wanted)
            moments = [plan.moment(np.arange(law.size), law / law.sum()) for law in laws]
        else:
            seeds = [job.seed(Stream.WEIGHT, i) for i in range(len(wanted))]
            moments = [plan.sampled(c.index, c.count) for c in job.device.sample(wanted, job.shots, seeds)]
        return report(
            job, job.saves.tolist(), moments, f"Reached the end of the duration, {job.saves[-1]:g}.", plan.facts
        )

    def circuits(self, job: Job) -> list[QuantumCircuit]:
        """One a saved time: positions on the lowest qubits, then the momenta axis by axis."""
        return list(Plan(self, job.problem, np.union1d(job.saves, [0.0])).wanted(job.saves))

    def work(self, job: Job) -> Work:
        """One circuit a saved time: positions and momenta are read together."""
        longest, count = self.circuits(job)[-1], len(job.saves)
        qubits = longest.num_qubits
        memory = ((120 + job.can.overhead + 48 * count) << qubits) + 300 * longest.size()
        domain, objective = job.problem.domain, job.problem.objective
        assert objective is not None  # the classical clock has refused operators
        asks = domain.size * objective.asks_of_gradient(domain.ndim)
        return Work(qubits, memory, count, count * (job.shots or 0), (longest,), asks=asks)

    def refined(self) -> KoopmanVonNeumann:
        """Twice the steps."""
        return replace(self, steps=2 * self.steps)


def _from_waves(job: Job, plan: Plan) -> Answer:
    """Exact: the joint distribution at the saved times, and how much of the wave has become too fine for the registers."""
    wanted = set(job.saves.tolist())
    times, moments, fine, fast = [], [], [], []
    stop, facts = f"Reached the end of the duration, {job.saves[-1]:g}.", dict(plan.facts)
    try:
        for t, wave in zip(plan.saves.tolist(), job.device.states(plan.pieces, job.progress)):
            if t not in wanted:
                continue
            law = np.abs(wave.reshape(-1)) ** 2
            times.append(t)
            moments.append(plan.moment(np.arange(law.size), law / law.sum()))
            fine.append(_tail(wave.reshape(plan.space.shape)))
            fast.append(_fastest(law.reshape(plan.space.shape), plan.domain.ndim))
    except KeyboardInterrupt:
        if not times:
            raise
        facts["interrupted"] = True
        stop = f"Interrupted from the keyboard after t = {times[-1]:g} of {job.problem.duration:g}; kept what was done."
    facts |= {"unresolved": np.array(fine), "fastest": np.array(fast)}
    _warn(facts)
    return report(job, times, moments, stop, facts)


def _tail(wave: np.ndarray) -> float:
    """Probability of structure finer than 0.8 of the finest, along any axis of phase space."""
    every = Grid([(0, 1)] * wave.ndim, [n.bit_length() - 1 for n in wave.shape])
    return momentum_tail(every, np.abs(np.fft.fftn(wave, norm="ortho")) ** 2)


def _fastest(law: np.ndarray, ndim: int) -> float:
    """Probability of the outermost momenta."""
    inner = (slice(1, -1),) * ndim
    return float(max(0.0, law.sum() - law[inner].sum()))


def _warn(facts: Mapping[str, np.ndarray]) -> None:
    if facts["unresolved"].max() > _LOST:
        warnings.warn(
            f"{facts['unresolved'].max():.1e} of the wave is finer than the registers resolve: more qubits, a larger spread or a "
            "shorter duration.",
            MomentumTailWarning,
            stacklevel=5,
        )
    if facts["fastest"].max() > _LOST:
        warnings.warn(
            f"{facts['fastest'].max():.1e} of the wave is at the edge of the momentum register: raise `largest_momentum`.",
            EdgeWeightWarning,
            stacklevel=5,
        )
