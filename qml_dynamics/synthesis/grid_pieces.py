"""Consecutive factors of a product formula on a grid as blocks of gates, in the form that takes the fewest CX.

The plain form of a kinetic factor is transform, dual phases, transform back. Two other forms are counted beside it for each piece:

* axes whose kinetic factors are multiples of their unit take one transform (:mod:`.one_transform`), whose chirps go into the phases
  of the potential; their register comes out reversed, so that the next block finds it so, and is put in order at the end;
* with walls the piece stays in the odd extension between its first and its last factor: a term of the potential on an odd number
  of an axis' bits is one with the axis' ancilla, ``Z_m Z_anc``.

All forms are equal as unitaries, phases included; the cheapest by CX is composed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations

import numpy as np
from qiskit import QuantumCircuit

from ..model.domains import Domain, Grid
from ..model.formulas import Factor
from .one_transform import Chirped, chirped, generalised_fourier
from .parities import cx_count
from .transforms import dual_phases, fourier, has_ancillas, odd_extension, registers, width
from .walsh import WalshSeries, diagonal

_SUBSETS = 3  # axes up to which every set of them is counted
_CANCELLED = 1e-12  # below every chirp: those are multiples of pi / (2 N)
_CX = {"cx": 1, "cp": 2}

Place = tuple[int, ...]


@dataclass(frozen=True)
class Form:
    """Which axes take one transform where their factors allow it, and whether a piece stays in the odd extension."""

    axes: frozenset[int] = frozenset()
    extended: bool = False


PLAIN = Form()


@dataclass(frozen=True)
class Block:
    """Gates on some qubits: equal blocks have one circuit.

    Attributes:
        kind: ``"phases"``, ``"transform"``, ``"ordered"`` (a transform whose register is put in order), ``"axis"`` (a kinetic factor
            with two transforms), ``"move"`` (by half of the ring), ``"swap"``, ``"extend"`` or ``"restrict"``.
        place: the qubits, by the bits that they carry.
        axis: of the kinetic factor.
        amount: of the potential, or of the kinetic factor; a key of it.
        chirps: those on the axes whose transforms stand before and behind these phases; of a transform its own.
    """

    kind: str
    place: Place
    axis: int = 0
    amount: float = 0.0
    chirps: tuple[tuple[int, Chirped], ...] = ()


@dataclass
class GridPieces:
    """Pieces of a run on one grid.

    Attributes:
        domain: the grid.
        series: the Walsh series of the potential.
        whole: ``int D dt`` over the run.
    """

    domain: Grid
    series: WalshSeries
    whole: float
    circuits: dict[Block, QuantumCircuit] = field(default_factory=dict)
    counts: dict[Block, int] = field(default_factory=dict)
    amounts: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lines = registers(self.domain)
        self.walls = has_ancillas(self.domain)
        self.width = width(self.domain)
        self._chirped = cache(lambda axis, amount: chirped(self.domain, axis, amount, self.whole))

    def best(self, factors: Sequence[Factor], plain: int) -> QuantumCircuit | None:
        """The circuit of these factors, without those of amount 0; None where none takes fewer CX than the plain form.

        Args:
            factors: potential and kinetic in turn.
            plain: CX of the plain form.
        """
        _, chosen = self.chosen(factors, plain)
        if chosen is None:
            return None
        circuit = QuantumCircuit(self.width)
        for block in chosen:
            circuit.compose(self._circuit(block), inplace=True)
        return circuit

    def chosen(self, factors: Sequence[Factor], plain: int) -> tuple[int, tuple[Block, ...] | None]:
        """CX of the cheapest form and its blocks; None where it is the plain one, whose CX are given."""
        least, chosen = plain, None
        for form in self.forms(factors):
            blocks = tuple(self.blocks(factors, form))
            count = sum(map(self._count, blocks))
            if count < least:
                least, chosen = count, blocks
        return least, chosen

    def forms(self, factors: Sequence[Factor]) -> list[Form]:
        """The forms beside the plain one that these factors allow."""
        amounts = {factor.amount for factor in factors if factor.kind == "K"}
        able = [axis for axis in range(self.domain.ndim) if any(self._chirped(axis, amount) for amount in amounts)]
        sizes = range(len(able) + 1) if len(able) <= _SUBSETS else (0, 1, len(able))
        sets = [frozenset(some) for size in sizes for some in combinations(able, size)]
        return [Form(axes, self.walls) for axes in sets if (axes or self.walls) and amounts]

    def blocks(self, factors: Sequence[Factor], form: Form) -> Iterator[Block]:
        """The blocks of these factors in one form, register in order at the end."""
        place: Place = tuple(range(self.width))
        pending: dict[int, Chirped] = {}
        amount, last = 0.0, self._last(factors, form)
        if self.walls:
            yield Block("extend", place)
        for number, factor in enumerate(factors):
            if factor.kind != "K":
                amount += factor.amount
                continue
            own = self._own(factor, form)
            yield from self._phases(place, amount, [*pending.items(), *own.items()])
            for axis, line in enumerate(self.lines):
                ordered = last.get(axis) == number
                blocks, place = self._kinetic(axis, line, factor.amount, own, place, ordered)
                yield from blocks
            amount, pending = 0.0, own
        yield from self._phases(place, amount, list(pending.items()))
        yield from _in_order(place)
        if self.walls:
            yield Block("restrict", tuple(range(self.width)))

    def _own(self, factor: Factor, form: Form) -> dict[int, Chirped]:
        """The axes of a kinetic factor that take less than two transforms."""
        found = {axis: self._chirped(axis, factor.amount) for axis in sorted(form.axes)}
        return {axis: form_of for axis, form_of in found.items() if form_of is not None}

    def _last(self, factors: Sequence[Factor], form: Form) -> dict[int, int]:
        """For each axis the number of its last factor with one transform."""
        kinetic = [(i, self._own(factor, form)) for i, factor in enumerate(factors) if factor.kind == "K"]
        return {axis: i for i, own in kinetic for axis, found in own.items() if found.active}

    def _first(self, amount: float) -> float:
        """The first amount that agrees with this one in twelve digits, so that both have one circuit."""
        return self.amounts.setdefault(f"{amount:.12e}", amount)

    def _phases(self, place: Place, amount: float, chirps: list[tuple[int, Chirped]]) -> Iterator[Block]:
        active = tuple((axis, found) for axis, found in chirps if found.active)
        if amount or active:
            yield Block("phases", place, amount=self._first(amount), chirps=active)

    def _kinetic(
        self, axis: int, line: list[int], amount: float, own: dict[int, Chirped], place: Place, ordered: bool
    ) -> tuple[list[Block], Place]:
        """The blocks of one axis of a kinetic factor, and where the bits are behind them."""
        found, here = own.get(axis), tuple(place[bit] for bit in line)
        if found is None:
            return [Block("axis", here, axis, self._first(amount))], place
        if not found.active:
            return [Block("move", here[-1:])] if found.flips else [], place
        top = here[found.idle :]
        chirps = ((axis, found),)
        if ordered and top == tuple(line[found.idle :]):
            return [Block("ordered", top, axis, chirps=chirps)], place
        turned = dict(zip(line[found.idle :], reversed(top)))
        return [Block("transform", top, axis, chirps=chirps)], tuple(
            turned.get(bit, qubit) for bit, qubit in enumerate(place)
        )

    def _count(self, block: Block) -> int:
        """CX of a block; phases are counted before their circuit is made."""
        if block not in self.counts:
            known = cx_count(self._series(block).masks) if block.kind == "phases" else cx_of(self._circuit(block))
            self.counts[block] = known
        return self.counts[block]

    def _circuit(self, block: Block) -> QuantumCircuit:
        if block not in self.circuits:
            self.circuits[block] = self._made(block)
        return self.circuits[block]

    def _made(self, block: Block) -> QuantumCircuit:
        circuit, place = QuantumCircuit(self.width), block.place
        if block.kind == "phases":
            diagonal(self._series(block), 1.0, circuit, place)
        elif block.kind in ("transform", "ordered"):
            (_, found) = block.chirps[0]
            generalised_fourier(circuit, place, found.inverse, restore=block.kind == "ordered")
            circuit.global_phase += found.phase
        elif block.kind == "axis":
            fourier(circuit, place)
            dual_phases(self.domain, block.axis, block.amount, circuit, place)
            fourier(circuit, place, inverse=True)
        elif block.kind == "move":
            circuit.x(place[0])
        elif block.kind == "swap":
            for a, b in (place, place[::-1], place):
                circuit.cx(a, b)
        else:
            for line in self.lines:
                odd_extension(circuit, line, inverse=block.kind == "restrict")
        return circuit

    def _series(self, block: Block) -> WalshSeries:
        """The potential for its amount, on the odd extension with walls, and the chirps beside it."""
        masks, coefficients = np.zeros(1, dtype=np.int64), np.zeros(1)
        if block.amount:
            masks, coefficients = self.on_the_ring(), block.amount * self.series.coefficients
        added: dict[int, float] = {}
        for axis, found in block.chirps:
            line = self.lines[axis][found.idle :]
            for mask, value in found.chirp().items():
                there = sum(1 << bit for j, bit in enumerate(line) if mask >> j & 1)
                added[there] = added.get(there, 0.0) + value
        both = np.concatenate([masks, np.fromiter(added, dtype=np.int64, count=len(added))])
        every, where = np.unique(both, return_inverse=True)
        sums = np.zeros(len(every))
        np.add.at(sums, where.reshape(-1), np.concatenate([coefficients, list(added.values())]))
        return WalshSeries(self.width, *_reduced(every, sums, set(added), set(masks.tolist())))

    def on_the_ring(self) -> np.ndarray:
        """The masks of the potential's terms; with walls those on the odd extension, on which it is even."""
        masks = self.series.masks.astype(np.int64)
        if not self.walls:
            return masks
        out = masks.copy()
        for *bits, ancilla in self.lines:
            own = masks & sum(1 << bit for bit in bits)
            out |= (np.bitwise_count(own).astype(np.int64) & 1) << ancilla
        return out


def _reduced(
    masks: np.ndarray, sums: np.ndarray, chirps: set[int], potential: set[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients that chirps take part in, modulo pi: ``exp(-i pi Z) = -1``; those of chirps alone that cancel are left out.

    Terms of the potential are not judged here, where a chirp beside them may be larger by many orders of magnitude.
    """
    sums, kept = sums.copy(), np.ones(len(masks), dtype=bool)
    for i, mask in enumerate(masks.tolist()):
        if mask and mask in chirps:
            turns = round(sums[i] / np.pi)
            sums[i] -= np.pi * turns
            sums[0] += np.pi * turns
            kept[i] = mask in potential or abs(sums[i]) > _CANCELLED
    return masks[kept], sums[kept]


def _in_order(place: Place) -> Iterator[Block]:
    """Swaps that bring every bit to its own qubit."""
    now = list(place)
    for bit in range(len(now)):
        while now[bit] != bit:
            other = now[bit]
            yield Block("swap", (bit, other))
            holder = now.index(bit)
            now[bit], now[holder] = bit, other


def cx_of(circuit: QuantumCircuit) -> int:
    """CX of a circuit of the library's own gates: a controlled phase takes two."""
    return sum(_CX.get(str(name), 0) * int(number) for name, number in circuit.count_ops().items())


def pieces_on(domain: Domain, series: WalshSeries, whole: float) -> GridPieces | None:
    """The forms beside the plain one; None where the domain has none."""
    return GridPieces(domain, series, whole) if isinstance(domain, Grid) else None
