"""Splitting on a tensor train: the factors of a product formula one after another, each rounded, on both clocks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from ...base.errors import MethodError
from ...model.drives import swing
from ...model.formulas import Factor, by_name, by_order, factors
from ...model.problem import Problem
from ...model.schedules import Schedule, is_constant
from .interpolation import interpolated
from .kinetic import multiplier, of_momentum, of_sines
from .layout import Layout
from .momenta import FINE, FINEST, HIGHEST, in_momenta, outside, seeds, transforms
from .moving import EXTRAPOLATED, Memory, Move, Moving, Reached, accounted, extrapolated
from .scales import Scales, chosen, narrow_places, turns
from .starts import start
from .trains import Train, applied, contiguous, dense, distance, evaluated, rounded

_CACHED = 12
_PROBES = 4096
_TURNS = 1e5  # radians, or powers of e, of a factor in one step
_TAIL = 10.0  # tolerances that the wave may have beyond half the cutoff
_FALL = 2.0
_FEWEST = 4
MOST_FIRST = 4096


@dataclass(eq=False)
class Engine:
    """The factors of one problem as trains and operators.

    Attributes:
        problem: what is run.
        layout: of its sites.
        order: 2 or 4.
        tolerance: relative 2-norm that one rounding may leave out.
        most: the largest rank.
        begin: the initial wave.
        cutoffs: qubits of the momenta that are kept, one an axis.
        scales: the smooth part of a loss that has finer scales than these momenta, and the rest; None: the loss takes the steps as it is.
    """

    problem: Problem
    layout: Layout
    order: int
    tolerance: float
    most: int
    begin: Train
    cutoffs: tuple[int, ...]
    scales: Scales | None = None
    _phases: OrderedDict[str, tuple[Train, float]] = field(default_factory=OrderedDict)
    _moves: OrderedDict[str, tuple[float, list[Train]]] = field(default_factory=OrderedDict)

    @property
    def knots(self) -> Sequence[float]:
        """None: the integrals of both schedules are exact."""
        return ()

    @property
    def imaginary(self) -> bool:
        """Whether the clock is the imaginary one."""
        return self.problem.clock == "imaginary"

    @property
    def sweeps(self) -> int:
        """Strang's steps whose work is that of one step."""
        if self.order == 2:
            return 1
        return EXTRAPOLATED if self.imaginary else len(by_order(self.order).substeps)

    @property
    def ring(self) -> Layout:
        """Where the momenta live: on the ring of twice the length where there are walls."""
        return self.layout.ring

    @property
    def fine(self) -> float:
        """Tolerance of the factors."""
        return max(FINEST, FINE * self.tolerance)

    def loss(self, bits: np.ndarray) -> np.ndarray:
        """The loss that takes the steps, at some bits."""
        if self.scales is not None:
            return evaluated(self.scales.smooth, bits).real
        assert self.problem.objective is not None  # the facts have refused operators
        return self.problem.objective(self.layout.points(bits))

    @cached_property
    def seeds(self) -> np.ndarray:
        """Bits from which interpolations start: samples of the initial wave, and points anywhere."""
        return seeds(self.begin)

    @cached_property
    def places(self) -> np.ndarray:
        """Bits of narrow places of the loss, at which every interpolation looks."""
        return narrow_places(self.loss, self.layout, self.begin)

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

    def factor(self, amount: float) -> Callable[[np.ndarray], np.ndarray]:
        """``exp(-i amount V)``, or ``exp(-amount (V - lowest))``, at points given by their bits."""
        low = self.lowest if self.imaginary else 0.0

        def values(bits: np.ndarray) -> np.ndarray:
            """One value a row of bits."""
            exponent = amount * (self.loss(bits) - low)
            return np.exp(-exponent) if self.imaginary else np.exp(-1j * exponent)

        return values

    def _interpolated(self, amount: float) -> tuple[Train, float]:
        probes = self.loss(self.seeds) - self.lowest
        self._resolve(amount * float(np.abs(probes).max()), "loss")
        low = self.lowest if self.imaginary else 0.0
        found = interpolated(self.factor(amount), self.seeds, self.fine, self.most, self.places)
        if not found.whole:
            what = "exp(-dt V)" if self.imaginary else "exp(-i dt V)"
            raise MethodError(
                f"Argument `max_bond` must be at least the rank of the loss in a step, {what}, but is {self.most}: the "
                f"interpolation misses {found.error:.1e} at fresh points. Use more steps, a larger tolerance, or SplitStep."
            )
        self.seeds = found.points if len(found.points) < 400 else found.points[:: len(found.points) // 200]
        return contiguous(rounded(found.train, self.fine, self.most)[0]), -amount * low

    def momentum_factor(self, axis: int, amount: float) -> Train:
        """``exp(-i amount k^2)`` of one axis (imaginary clock: ``exp(-amount k^2)``), over the bits of k, lowest first."""
        grid = self.ring.grid
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
            self._moves[key] = amount, self._kinetic(amount)
        self._moves.move_to_end(key)
        while len(self._moves) > _CACHED:
            self._moves.popitem(last=False)
        return self._moves[key][1]

    def _kinetic(self, amount: float) -> list[Train]:
        grid = self.layout.grid
        parts = [self.momentum_factor(axis, amount) for axis in range(grid.ndim)]
        if grid.boundary == "walls":
            return self.layout.joined([of_sines(part, self.fine) for part in parts])
        if is_constant(self.problem.diffusion):
            return self.layout.joined([multiplier(part, q, self.fine) for part, q in zip(parts, grid.qubits)])
        there, back = transforms(
            self.layout
        )  # each step has its own: simple operators rather than one that is made anew
        return [*there, *self.layout.joined(parts), *back]

    def memory(self) -> Memory:
        """What it has found so far."""
        phases = tuple((key, train, log) for key, (train, log) in self._phases.items())
        moves = tuple((key, amount) for key, (amount, _) in self._moves.items())
        found = vars(self)  # seeds and lowest are there once they were asked for
        return Memory(found.get("seeds"), found.get("lowest"), phases, moves)

    def recall(self, memory: Memory) -> None:
        """Go on as the one that has found this."""
        if memory.seeds is not None:
            self.seeds = memory.seeds
        if memory.lowest is not None:
            self.lowest = memory.lowest
        self._phases = OrderedDict((key, (train, log)) for key, train, log in memory.phases)
        self._moves = OrderedDict((key, (amount, self._kinetic(amount))) for key, amount in memory.moves)

    def act(self, wave: Moving, factor: Factor) -> Moving:
        """One factor."""
        if factor.amount == 0.0 and (factor.kind != "K" or self.cutoffs == self.ring.grid.qubits):
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
        return accounted(self, wave, train, rest)

    def moves(self, ends: Sequence[float] | np.ndarray) -> Iterator[Move]:
        """The moves of all steps between these ends; unit norm at the last."""
        if self.imaginary and self.order == 4:
            for t0, t1 in zip(ends[:-1], ends[1:]):
                yield Move(partial(self._extrapolated, t0=float(t0), t1=float(t1)), True)
            return
        for factor in self._factors(by_order(self.order).name, ends):
            yield Move(partial(self._moved, factor=factor), factor.kind == "K")
        yield Move(Moving.unit)

    def _extrapolated(self, wave: Moving, t0: float, t1: float) -> Moving:
        return extrapolated(self, wave, t0, t1).unit()

    def _moved(self, wave: Moving, factor: Factor) -> Moving:
        wave = self.act(wave, factor)
        return wave.unit() if self.imaginary and factor.kind == "K" else wave

    def table(self, train: Train) -> np.ndarray:
        """The amplitudes, shape ``domain.shape``."""
        return self.layout.table(dense(train))

    def strang(self, wave: Moving, ends: Sequence[float]) -> Moving:
        """Strang's step over each of these."""
        for factor in self._factors("strang", ends):
            wave = self.act(wave, factor)
        return wave

    def _factors(self, name: str, ends: Sequence[float] | np.ndarray) -> Iterator[Factor]:
        p = self.problem
        return factors(by_name(name), ends, p.diffusion, p.strength, p.duration)

    def finer(self, begin: float) -> Engine:
        """The same at half the tolerance, its initial wave within ``begin`` tolerances."""
        first = start(self.problem, self.layout, begin * self.tolerance, self.most)
        return self._with(max(1e-13, 0.5 * self.tolerance), begin=first)

    def coarser_by(self, tolerance: float) -> Engine:
        """The same with another tolerance of the cuts."""
        return self._with(tolerance)

    def of_order(self, order: int) -> Engine:
        """The same with another order of the step; its factors are its own, so that they do not depend on what ran before."""
        return replace(self, order=order, _phases=OrderedDict(), _moves=OrderedDict())

    def _with(self, tolerance: float, **new: Any) -> Engine:
        return replace(self, tolerance=tolerance, _phases=OrderedDict(), _moves=OrderedDict(), **new)

    def unsure(self, begin: float) -> float:
        """How far the initial wave is from one within ``begin`` tolerances."""
        return distance(self.begin, start(self.problem, self.layout, begin * self.tolerance, self.most))

    def first_steps(self) -> int:
        """So many that the loss turns phases by a few radians a step where the wave is."""
        values, p = self.loss(seeds(self.begin)), self.problem
        turn = float(np.ptp(values)) * swing(p.strength, p.duration)
        fine = 0.0 if self.scales is None else max(turns(p, self.layout, self.scales.cutoffs))
        return int(min(MOST_FIRST, max(_FEWEST, np.ceil(turn / 8), np.ceil(fine))))

    def swings(self) -> tuple[tuple[str, Schedule, float], ...]:
        """Diffusion and strength, with the widths that the momenta and the loss have where the wave may be."""
        p, grid = self.problem, self.ring.grid
        top = [2 * np.pi / length * 2.0 ** (cut - 2) for length, cut in zip(grid.lengths, self.cutoffs)]
        loss = float(np.ptp(self.loss(seeds(self.begin))))
        return ("diffusion", p.diffusion, 0.5 * float(np.square(top).sum())), ("strength", p.strength, 0.5 * loss)

    def wider(
        self, reached: Callable[[], Reached], before: Sequence[float], steps: int | None
    ) -> tuple[Engine, list[float]] | None:
        """With one qubit more for the momenta where much is beyond half of them, and more of them leave less.

        Where a loss with finer scales has put it there, its smooth part takes the steps instead, with momenta that leave little out.
        """
        bits = self.ring.grid.qubits
        if self.cutoffs == bits:
            return None
        last = reached()
        tails = self.tails(last.train)
        least = max(_TAIL * self.tolerance, 3 * last.lost)
        if self.scales is None and max(tails) > least:
            found = self._apart(last.train, steps or MOST_FIRST)
            if found is not None:
                return self._with(self.tolerance, cutoffs=found.cutoffs, scales=found), []
        old = before or [np.inf] * len(bits)
        raised = tuple(
            min(q, cut + 1) if cut < HIGHEST and tail > least and tail * _FALL < was else cut
            for cut, q, tail, was in zip(self.cutoffs, bits, tails, old)
        )
        if raised == self.cutoffs:
            return None
        told = [tail if new > cut else np.inf for tail, new, cut in zip(tails, raised, self.cutoffs)]
        return self._with(self.tolerance, cutoffs=raised), told

    def _apart(self, last: Train, steps: int) -> Scales | None:
        """The loss in two parts; None where it has no finer scale than the momenta, or a rank above the largest."""
        turn = 2 * self.swings()[1][2] * swing(self.problem.strength, self.problem.duration)
        fine = max(FINEST, self.fine / max(1.0, turn))
        found = interpolated(lambda bits: self.loss(bits) + 0j, seeds(self.begin), fine, self.most, self.places)
        if not found.whole:
            return None
        loss = rounded(found.train, fine, self.most)[0]
        return chosen(
            loss, self.layout, self.problem, self.cutoffs, [self.begin, last], self.tolerance, self.most, steps
        )

    def missed(self, points: Sequence[Reached]) -> np.ndarray:
        """What waves lack without the finer scales of the loss."""
        return np.zeros(len(points)) if self.scales is None else self.scales.errors(points, self.problem, self.most)

    def tails(self, train: Train) -> list[float]:
        """Along each axis the root of the weight of momenta beyond half the cutoff; 0 where all momenta are kept."""
        grid = self.ring.grid
        if self.cutoffs == grid.qubits:
            return [0.0] * grid.ndim
        wave = in_momenta(train, self.layout, self.fine, self.most)
        return [
            0.0 if cut == q else outside(wave, self.ring, axis, cut - 1)
            for axis, (cut, q) in enumerate(zip(self.cutoffs, grid.qubits))
        ]
