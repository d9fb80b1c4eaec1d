"""Samples, marginals, means and overlaps of a wave that is a tensor train, and the report of a run made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ...base.archive import Unreadable, of
from ...base.arguments import checks_arguments
from ...base.errors import MethodError, describe, integer, require
from ...model.domains import Domain, Grid, flat_indices
from ...model.objectives.base import Objective
from ...results.compact import CompactState, marginal_qubits
from ...results.observables import BEST_SAMPLES, Observable, Table
from ...results.sampling import merged_counts
from ...results.trajectory import Best, Counts
from ..base import Answer, Job, Stream
from .engine import Engine
from .interpolation import FRESH, interpolated
from .kinetic import of_momentum
from .layout import LAYOUTS, Layout
from .momenta import in_momenta, seeds
from .moving import Reached
from .starts import VECTOR
from .stored import restored_wave, train_arrays
from .trains import Train, dense, drawn, evaluated, inner, largest_bond, mean, rounded

Function = Callable[[np.ndarray], np.ndarray]
_EXACT = 1e-12  # of the largest value of what is averaged
_AVERAGES = 1e-3  # of the tolerance of a run, where that is more
_LOOKED = 256  # points of the wave at which what is averaged is compared
_SHARPER = 0.03  # by which the tolerance is lowered where it shows there
_FINEST_PART = 14  # qubits of a marginal
_LARGEST = 4096  # rank that a method takes


@dataclass(frozen=True, eq=False)
class TrainState:
    """A wave of unit norm as a tensor train; see :class:`~qml_dynamics.results.compact.CompactState`.

    Attributes:
        layout: which bit stands at which site.
        train: right-canonical.
        most: the largest rank of what is averaged.
        fine: tolerance of what is averaged, of its largest value.
        known: trains of what has been averaged in other states of a run, by the names of the arguments.
    """

    layout: Layout
    train: Train
    most: int
    fine: float = _EXACT
    known: dict[tuple[str, str], Train] = field(default_factory=dict, repr=False)

    def parts(self) -> tuple[dict[str, object], dict[str, np.ndarray]]:
        """What a file holds of it."""
        return {"layout": self.layout.kind, "most": self.most, "fine": self.fine}, train_arrays(self.train)

    @classmethod
    def from_parts(cls, domain: Domain, said: Mapping[str, object], arrays: Mapping[str, np.ndarray]) -> TrainState:
        """The wave of :meth:`parts`; ``ValueError`` where they are none on this grid."""
        kind, most = of(said.get("layout"), str, "layout"), of(said.get("most"), int, "most")
        fine = of(said.get("fine", _EXACT), float, "fine")
        if not isinstance(domain, Grid) or kind not in LAYOUTS or not 1 <= most <= _LARGEST or not _EXACT <= fine < 1:
            raise Unreadable(
                "a train must be on a grid, with a layout, a rank and a tolerance that there are, but is not"
            )
        return cls(Layout(domain, kind), restored_wave(arrays, domain.num_qubits), most, fine)

    @property
    def bond(self) -> int:
        """The largest rank."""
        return largest_bond(self.train)

    @checks_arguments
    def sample(self, shots: int, seed: int) -> Counts:
        """Exact samples of ``|psi|^2``, bit by bit, each by its law given those before it.

        Args:
            shots: how many.
            seed: decides them.

        Raises:
            MethodError: ``shots`` is not between 1 and 10^7.
        """
        return sampled(self.train, self.layout.index, shots, seed)

    @checks_arguments
    def marginal(self, axis: int, qubits: int | None = None) -> np.ndarray:
        """Probabilities of the ``2**qubits`` equal parts of an axis (None: 256, or all of its points), in its order, adding up to 1.

        Raises:
            MethodError: there is no such axis, or it has fewer qubits.
        """
        grid = self.layout.grid
        integer(axis, "axis", 0, grid.ndim - 1, MethodError)
        qubits = marginal_qubits(qubits, min(_FINEST_PART, grid.qubits[axis]))
        parts = np.ones((1, 1, 1), dtype=complex)
        for (a, exponent), core in zip(self.layout.sites, self.train):
            both = [np.einsum("cab,ax,by->cxy", parts, core[:, s].conj(), core[:, s], optimize=True) for s in (0, 1)]
            kept = a == axis and exponent >= grid.qubits[axis] - qubits
            parts = np.stack(both, axis=1).reshape(-1, *both[0].shape[1:]) if kept else both[0] + both[1]
        law = parts[:, 0, 0].real
        if not self.layout.high_first(axis):
            law = law.reshape((2,) * qubits).transpose().reshape(-1)
        law = np.maximum(law, 0.0)
        return np.asarray(law / law.sum())

    def expectation(self, function: Function) -> float:
        """Mean of a function of weights ``(m, ndim) -> (m,)``, by cross interpolation.

        Raises:
            MethodError: its rank is above ``max_bond``.
            ProblemError: it does not return finite real numbers.
        """
        return replace(self, fine=_EXACT).average(Objective(function, "observable"), "function")

    def average(self, function: Function, name: str, key: str = "") -> float:
        """The same of a function that checks its values; ``name`` is the argument that is blamed.

        What is left out is ``fine`` of the largest value, and less where the function is so much smaller at points of the wave that it
        would show there. With a ``key`` the train of the function is kept, and used again where it is right at points of another state too.
        """
        at, start = (name, key), seeds(self.train)

        def values(bits: np.ndarray) -> np.ndarray:
            """The function at points given by their bits."""
            return function(self.layout.points(bits))

        there = drawn(self.train, _LOOKED, np.random.default_rng(11))
        true = values(there)

        def fits(train: Train, fine: float) -> bool:
            """Whether it misses little at points of the wave, beside the function's size there."""
            return bool(np.abs(evaluated(train, there) - true).max() <= FRESH * fine * np.abs(true).max())

        if at in self.known and fits(self.known[at], self.fine):
            right = values(start)
            miss = np.abs(evaluated(self.known[at], start) - right).max()
            if miss <= FRESH * self.fine * np.abs(right).max():
                return mean(self.train, self.known[at]).real
        fine, found = self.fine, interpolated(values, start, self.fine, self.most)
        while fine > _EXACT and found.whole and not fits(found.train, self.fine):
            fine = max(_EXACT, _SHARPER * fine)
            found = interpolated(values, start, fine, self.most)
        if not found.whole:
            raise MethodError(
                f"Argument `{name}` must be of a rank of at most max_bond = {self.most}, but misses {found.error:.1e} of its largest "
                "value at fresh points."
            )
        if key:
            self.known[at] = found.train
        return mean(self.train, found.train).real

    def overlap(self, other: CompactState) -> complex:
        """``<self|other>`` with another wave of the same grid and layout."""
        fits = isinstance(other, TrainState) and other.layout == self.layout
        require(fits, "other", "be a compact state on the same grid", describe(other), MethodError)
        assert isinstance(other, TrainState)
        return inner(self.train, other.train)

    def at(self, index: np.ndarray) -> np.ndarray:
        """The amplitudes at flat indices of the grid; raises :class:`ProblemError` where there is no such point."""
        return evaluated(self.train, self.layout.bits(flat_indices(index, self.layout.grid.size)))

    def to_dense(self) -> np.ndarray:
        """The amplitudes, shape ``domain.shape``.

        Raises:
            MethodError: there are more than ``2**22`` of them.
        """
        qubits = self.layout.grid.num_qubits
        require(qubits <= VECTOR, "qubits", f"add up to at most {VECTOR} for a table", qubits, MethodError)
        table = self.layout.table(dense(self.train))
        return np.asarray(table / np.linalg.norm(table))


def sampled(train: Train, index: Callable[[np.ndarray], np.ndarray], shots: int, seed: int) -> Counts:
    """Exact samples of a train, given as the flat indices of their bits.

    Raises:
        MethodError: ``shots`` is not between 1 and 10^7.
    """
    bits = drawn(train, integer(shots, "shots", 1, 10**7, MethodError), np.random.default_rng(seed))
    rows, count = np.unique(bits, axis=0, return_counts=True)
    return merged_counts(index(rows), count)


def on_coarser(fine: TrainState, coarse: TrainState) -> TrainState:
    """A wave of a periodic grid with half the spacing at the points of the grid of another one, of unit norm.

    The lowest bit of each axis is 0 there, and its core a matrix that goes into a neighbour.
    """
    carry, out = np.eye(1, dtype=complex), list[np.ndarray]()
    for (_, exponent), core in zip(fine.layout.sites, fine.train):
        if exponent == 0:
            carry = carry @ core[:, 0]
        else:
            out.append(np.tensordot(carry, core, 1))
            carry = np.eye(core.shape[2], dtype=complex)
    out[-1] = np.tensordot(out[-1], carry, 1)
    train = rounded(out, 1e-14, 1 << 20)[0]
    return TrainState(coarse.layout, [train[0] / np.linalg.norm(train[0]), *train[1:]], coarse.most)


def check_observables(observables: list[Observable]) -> None:
    """Refuse what has no mean in a train: operators."""
    for observable in observables:
        if observable.terms is not None:
            raise MethodError(
                f"Argument `observables` must be functions of weights or momenta for compact states, but {observable.name!r} is "
                "an operator."
            )


def ask_first(job: Job, engine: Engine) -> None:
    """Ask loss and observables for their means in the initial wave, so that what has none is refused before the first step."""
    _observe(job, engine, 0.0, _state(engine, engine.begin, {}), Table())


def _state(engine: Engine, train: Train, known: dict[tuple[str, str], Train]) -> TrainState:
    return TrainState(engine.layout, train, engine.most, max(_EXACT, _AVERAGES * engine.tolerance), known)


def compact_answer(
    job: Job, engine: Engine, points: Sequence[Reached], told: Mapping[str, object], stop: str
) -> Answer:
    """The answer that the trains at the saved times give, without any table; with its diagnostics, and why it ended."""
    known: dict[tuple[str, str], Train] = {}
    states = tuple(_state(engine, point.train, known) for point in points)
    table = Table()
    for point, state in zip(points, states):
        _observe(job, engine, point.time, state, table)
    return Answer(
        times=np.array([point.time for point in points]),
        density=np.empty((len(points), 0)),
        states=None,
        log_norm=np.array([point.log_norm for point in points]),
        expectations=table.estimates(None),
        counts=None,
        best=_best(job, states[-1]),
        stop=stop,
        diagnostics=told,
        compact=states,
    )


def _observe(job: Job, engine: Engine, time: float, state: TrainState, table: Table) -> None:
    problem, ring = job.problem, engine.ring
    grid = ring.grid
    assert problem.objective is not None  # the facts have refused operators
    wave = in_momenta(state.train, engine.layout, engine.fine, engine.most)
    kinetic = 0.0
    for axis, (q, cut, length, twist) in enumerate(zip(grid.qubits, engine.cutoffs, grid.lengths, grid.twist)):
        square = of_momentum(lambda k, u=2 * np.pi / length, f=twist: (u * (k - f)) ** 2, q, cut, 1e-14)  # type: ignore[misc]
        kinetic += mean(wave, ring.alone(axis, square)).real
    objective = state.average(problem.objective, "objective", "objective")
    d, s = (schedule.value(time, problem.duration) for schedule in (problem.diffusion, problem.strength))
    for name, value in (("energy", d * kinetic + s * objective), ("kinetic", kinetic), ("objective", objective)):
        table.add(name, value)
    for observable in job.observables:
        assert observable.function is not None
        if observable.basis == "weight":
            value = state.average(Objective(observable.function, observable.name), "observables", observable.name)
        else:
            value = _of_momenta(observable.function, observable.name, wave, engine)
        table.add(observable.name, value)


def _of_momenta(function: Function, name: str, wave: Train, engine: Engine) -> float:
    """Mean of a function of momenta, which is asked below the cutoff only."""
    layout, walls = engine.ring, engine.layout.grid.boundary == "walls"
    grid = layout.grid
    unit = 2 * np.pi / np.array(grid.lengths)
    checked = Objective(function, name)

    def values(bits: np.ndarray) -> np.ndarray:
        """The function of the momenta given by their bits; 0 beyond the cutoff."""
        k = np.zeros((len(bits), grid.ndim))
        for site, (axis, exponent) in enumerate(layout.sites):
            k[:, axis] += bits[:, site] * 2.0 ** (grid.qubits[axis] - 1 - exponent)
        size = np.array(grid.shape, dtype=float)
        k = np.where(k < size / 2, k, k - size)
        half = 2.0 ** (np.array(engine.cutoffs) - 1)
        inside = ((k >= -half) & (k < half)).all(axis=1)
        out = np.zeros(len(bits))
        if inside.any():
            out[inside] = checked((np.abs(k[inside]) if walls else k[inside]) * unit)
        return out

    bits = drawn(wave, 128, np.random.default_rng(7))
    got = interpolated(values, bits, _EXACT, engine.most)
    if not got.whole:
        raise MethodError(
            f"Argument `observables` must be of a rank of at most max_bond = {engine.most}, but {name!r} misses {got.error:.1e} of its "
            "largest value at fresh points."
        )
    return mean(wave, got.train).real


def _best(job: Job, state: TrainState) -> Best:
    """The best of the usual number of samples, beside as many uniform points."""
    loss, grid = job.problem.objective, state.layout.grid
    assert loss is not None
    sampled = state.sample(BEST_SAMPLES, job.seed(Stream.BEST, 0)).index
    uniform = np.random.default_rng(job.seed(Stream.BEST, 1)).integers(0, grid.size, BEST_SAMPLES)
    pair = []
    for index in (sampled, uniform):
        points = grid.points_at(index)
        values = loss(points)
        k = int(np.argmin(values))
        pair.append((tuple(points[k].tolist()), float(values[k])))
    return Best(pair[0][0], pair[0][1], pair[1][0], pair[1][1], BEST_SAMPLES)
