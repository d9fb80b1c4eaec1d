"""Splitting on a tensor train: the factors of a product formula one after another, each rounded, on both clocks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from ...base.errors import MethodError
from ...model.formulas import Factor, by_name, by_order, factors
from ...model.problem import Problem
from ...model.schedules import is_constant
from .interpolation import interpolated
from .kinetic import adjoint, fourier, multiplier, of_momentum
from .layout import Layout
from .trains import Train, added, applied, drawn, inner, mean, rounded, scaled

_FINE = 1e-2  # of the tolerance: what the factors themselves may miss
_FINEST = 1e-13
_CACHED = 12
_SAMPLES = 64
_PROBES = 4096
_TURNS = 1e5  # radians, or powers of e, of a factor in one step
WHOLE = 9  # qubits of an axis up to which all its momenta are kept
HIGHEST = 12  # qubits of the momenta that are kept at most: a wave that holds more is told by its error
_MARGIN = 1.3  # of the largest momentum that the drop of the loss can give
_SEEN = 3e-8  # square root of the rounding of a weight


@dataclass(frozen=True, eq=False)
class Moving:
    """A wave on its way.

    Attributes:
        train: right-canonical.
        log: logarithm of what was taken out of its norm.
        lost: root of the sum of the squares of what the roundings have left out, each as a share of the wave.
        capped: sum of those shares where the largest rank has cut more than the tolerance.
        rank: the largest rank so far.
    """

    train: Train
    log: float = 0.0
    lost: float = 0.0
    capped: float = 0.0
    rank: int = 1

    @property
    def norm(self) -> float:
        """The 2-norm of the train."""
        return float(np.linalg.norm(self.train[0]))

    def unit(self) -> Moving:
        """The same at norm 1."""
        size = self.norm
        if not size > 0 or not np.isfinite(size):
            raise MethodError(
                "Argument `steps` must be larger: in one step the loss takes the whole wave below the smallest number."
            )
        return replace(self, train=scaled(self.train, 1.0 / size), log=self.log + float(np.log(size)))


@dataclass(eq=False)
class Engine:
    """The factors of one problem as trains and operators.

    Attributes:
        problem: what is run.
        layout: of its sites.
        order: 1, 2 or 4.
        tolerance: relative 2-norm that one rounding may leave out.
        most: the largest rank.
        begin: the initial wave.
        cutoffs: qubits of the momenta that are kept, one an axis.
    """

    problem: Problem
    layout: Layout
    order: int
    tolerance: float
    most: int
    begin: Train
    cutoffs: tuple[int, ...]
    _phases: OrderedDict[str, tuple[Train, float]] = field(default_factory=OrderedDict)
    _moves: OrderedDict[str, list[Train]] = field(default_factory=OrderedDict)

    @property
    def imaginary(self) -> bool:
        """Whether the clock is the imaginary one."""
        return self.problem.clock == "imaginary"

    @property
    def fine(self) -> float:
        """Tolerance of the factors."""
        return max(_FINEST, _FINE * self.tolerance)

    def loss(self, bits: np.ndarray) -> np.ndarray:
        """The loss at some bits."""
        assert self.problem.objective is not None  # the facts have refused operators
        return self.problem.objective(self.layout.points(bits))

    @cached_property
    def seeds(self) -> np.ndarray:
        """Bits from which interpolations start: samples of the initial wave, and points anywhere."""
        return seeds(self.begin)

    @cached_property
    def lowest(self) -> float:
        """The least loss among many points: on the imaginary clock the factors are relative to it."""
        rng = np.random.default_rng(11)
        probes = rng.integers(0, 2, (_PROBES, len(self.begin))).astype(np.int8)
        return float(self.loss(np.concatenate([probes, self.seeds])).min())

    def potential(self, amount: float) -> tuple[Train, float]:
        """``exp(-i amount V)``, or ``exp(-amount (V - low))`` with the logarithm ``-amount low`` beside it.

        Raises:
            MethodError: its rank is above the largest.
        """
        key = f"{amount:.12e}"
        if key not in self._phases:
            self._phases[key] = self._interpolated(amount)
        self._phases.move_to_end(key)
        while len(self._phases) > _CACHED:
            self._phases.popitem(last=False)
        return self._phases[key]

    def _resolve(self, exponent: float, what: str) -> None:
        """Refuse steps in which a factor turns or decays so often that neither the splitting nor its ranks mean anything."""
        if not abs(exponent) < _TURNS:
            raise MethodError(
                f"Argument `steps` must be larger: the {what} factor of a step has exponents up to {abs(exponent):.2g}."
            )

    def _interpolated(self, amount: float) -> tuple[Train, float]:
        probes = self.loss(self.seeds) - self.lowest
        self._resolve(amount * float(np.abs(probes).max()), "loss")
        low = self.lowest if self.imaginary else 0.0

        def values(bits: np.ndarray) -> np.ndarray:
            """``exp(-i a zeta)``, or ``exp(-a (zeta - lowest))``, at points given by their bits."""
            exponent = amount * (self.loss(bits) - low)
            return np.exp(-exponent) if self.imaginary else np.exp(-1j * exponent)

        found = interpolated(values, self.seeds, self.fine, self.most)
        if not found.whole:
            what = "exp(-dt V)" if self.imaginary else "exp(-i dt V)"
            raise MethodError(
                f"Argument `max_bond` must be at least the rank of the loss in a step, {what}, but is {self.most}: the "
                f"interpolation misses {found.error:.1e} at fresh points. Use more steps, a larger tolerance, or SplitStep."
            )
        self.seeds = found.points if len(found.points) < 400 else found.points[:: len(found.points) // 200]
        return rounded(found.train, self.fine, self.most)[0], -amount * low

    def momentum_factor(self, axis: int, amount: float) -> Train:
        """``exp(-i amount k^2)`` of one axis (imaginary clock: ``exp(-amount k^2)``), over the bits of k, lowest first."""
        grid = self.layout.grid
        unit = 2 * np.pi / grid.lengths[axis]
        self._resolve(amount * (unit * 2.0 ** (self.cutoffs[axis] - 1)) ** 2, "kinetic")

        def values(k: np.ndarray) -> np.ndarray:
            """``exp(-i amount k^2)``, or ``exp(-amount k^2)``, of integer momenta along one axis."""
            exponent = amount * (unit * (k - grid.twist[axis])) ** 2
            return np.exp(-exponent) if self.imaginary else np.exp(-1j * exponent)

        return of_momentum(values, grid.qubits[axis], self.cutoffs[axis], self.fine)

    def kinetic(self, amount: float) -> list[Train]:
        """Operators whose product is the kinetic factor, in the order in which they act."""
        key = f"{amount:.12e}"
        if key not in self._moves:
            grid = self.layout.grid
            parts = [self.momentum_factor(axis, amount) for axis in range(grid.ndim)]
            if is_constant(self.problem.diffusion):
                whole = [multiplier(part, q, self.fine) for part, q in zip(parts, grid.qubits)]
                self._moves[key] = self.layout.joined(whole)
            else:  # each step has its own: three simple operators rather than one that is made anew
                there, back = transforms(self.layout)
                self._moves[key] = [*there, *self.layout.joined(parts), *back]
        self._moves.move_to_end(key)
        while len(self._moves) > _CACHED:
            self._moves.popitem(last=False)
        return self._moves[key]

    def act(self, wave: Moving, factor: Factor) -> Moving:
        """One factor."""
        if factor.amount == 0.0 and (factor.kind != "K" or self.cutoffs == self.layout.grid.qubits):
            return wave
        if factor.kind == "K":
            operators, log = self.kinetic(factor.amount), 0.0
        else:
            phase, log = self.potential(factor.amount)
            operators = [phase]
        for operator in operators:
            wave = self.turned(wave, operator)
        return replace(wave, log=wave.log + log)

    def turned(self, wave: Moving, operator: Train) -> Moving:
        """One operator, and the account of what its rounding leaves out."""
        train, rest = applied(operator, wave.train, self.tolerance, self.most)
        return self.accounted(wave, train, rest)

    def accounted(self, wave: Moving, train: Train, rest: float) -> Moving:
        """The wave with a new train, of whose making that norm was left out."""
        share = rest / max(float(np.linalg.norm(train[0])), 1e-300)
        capped = wave.capped + (share if share > 1.01 * self.tolerance else 0.0)
        rank = max(wave.rank, *(core.shape[2] for core in train))
        return replace(wave, train=train, lost=float(np.hypot(wave.lost, share)), capped=capped, rank=rank)

    def advanced(self, wave: Moving, ends: Sequence[float] | np.ndarray, tick: Callable[[], None]) -> Moving:
        """All steps between these ends; unit norm at the last."""
        extrapolates = self.imaginary and self.order == 4
        formula = by_name("strang") if extrapolates else by_order(self.order)
        if extrapolates:
            for t0, t1 in zip(ends[:-1], ends[1:]):
                wave = self._extrapolated(wave, float(t0), float(t1)).unit()
                tick()
            return wave
        for factor in self._factors(formula.name, ends):
            wave = self.act(wave, factor)
            if factor.kind == "K":
                wave = wave.unit() if self.imaginary else wave
                tick()
        return wave.unit()

    def _factors(self, name: str, ends: Sequence[float] | np.ndarray) -> Iterator[Factor]:
        p = self.problem
        return factors(by_name(name), ends, p.diffusion, p.strength, p.duration)

    def _extrapolated(self, wave: Moving, t0: float, t1: float) -> Moving:
        """``4/3 S(dt/2)^2 - 1/3 S(dt)`` with Strang's S: of order four without a negative step."""
        once, twice = wave, wave
        for factor in self._factors("strang", [t0, t1]):
            once = self.act(once, factor)
        for factor in self._factors("strang", [t0, 0.5 * (t0 + t1), t1]):
            twice = self.act(twice, factor)
        total = added(scaled(twice.train, 4 / 3), scaled(once.train, -np.exp(once.log - twice.log) / 3))
        train, rest = rounded(total, self.tolerance, self.most)
        twice = replace(twice, lost=max(twice.lost, once.lost), capped=max(twice.capped, once.capped))
        return self.accounted(twice, train, rest)

    def tails(self, train: Train) -> list[float]:
        """Along each axis the root of the weight of momenta beyond half the cutoff; 0 where all momenta are kept."""
        grid = self.layout.grid
        if self.cutoffs == grid.qubits:
            return [0.0] * grid.ndim
        wave = in_momenta(train, self.layout, self.fine, self.most)
        return [
            0.0 if cut == q else outside(wave, self.layout, axis, cut - 1)
            for axis, (cut, q) in enumerate(zip(self.cutoffs, grid.qubits))
        ]


def seeds(begin: Train) -> np.ndarray:
    """Samples of a wave, and points anywhere."""
    rng = np.random.default_rng(7)
    anywhere = rng.integers(0, 2, (_SAMPLES, len(begin))).astype(np.int8)
    return np.unique(np.concatenate([drawn(begin, _SAMPLES, rng), anywhere]), axis=0)


def transforms(layout: Layout) -> tuple[list[Train], list[Train]]:
    """Operators to the momenta of all axes, and back."""
    there = [list(fourier(q)) for q in layout.grid.qubits]
    return layout.joined(there), layout.joined([adjoint(part) for part in there])


def in_momenta(train: Train, layout: Layout, tolerance: float, most: int) -> Train:
    """The wave over momenta: the site of a bit of x holds the bit of k of the opposite rank on its axis."""
    for operator in transforms(layout)[0]:
        train = applied(operator, train, tolerance, most)[0]
    return train


def outside(wave: Train, layout: Layout, axis: int, cutoff: int) -> float:
    """Root of the weight of momenta of an axis that do not fit into so many qubits."""
    inside = of_momentum(np.ones_like, layout.grid.qubits[axis], cutoff, _FINEST)
    left = inner(wave, wave).real - mean(wave, layout.alone(axis, inside)).real
    return float(np.sqrt(max(0.0, left)))


def first_cutoffs(
    problem: Problem,
    layout: Layout,
    begin: Train,
    loss: Callable[[np.ndarray], np.ndarray],
    tolerance: float,
    most: int,
) -> tuple[int, ...]:
    """Qubits of the momenta to keep: what the initial wave holds, and what the drop of the loss can add, twice over."""
    grid = layout.grid
    if all(q <= WHOLE for q in grid.qubits):
        return grid.qubits
    wave = in_momenta(begin, layout, max(_FINEST, _FINE * tolerance), most)
    bits, rng = drawn(begin, 4 * _SAMPLES, np.random.default_rng(5)), np.random.default_rng(6)
    probes = rng.integers(0, 2, (_PROBES, len(begin))).astype(np.int8)
    drop = float(loss(bits).max() - loss(np.concatenate([bits, probes])).min())
    length = problem.duration
    whole = problem.diffusion.integral(0.0, length, length)
    gained = drop * abs(problem.strength.integral(0.0, length, length)) / whole if whole > 0 else 0.0
    out = []
    for axis, q in enumerate(grid.qubits):
        top = min(q, HIGHEST)
        cut = next((m for m in range(5, top) if outside(wave, layout, axis, m - 1) <= max(_SEEN, tolerance)), top)
        unit = 2 * np.pi / grid.lengths[axis]
        held = unit * (1 << (cut - 2))
        need = np.hypot(held, _MARGIN * np.sqrt(gained))
        out.append(min(top, max(cut, 2 + int(np.ceil(np.log2(need / unit))))) if q > WHOLE else q)
    return tuple(out)
