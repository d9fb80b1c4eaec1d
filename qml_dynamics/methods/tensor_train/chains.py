"""Operators on a train of qubits by time-evolving block decimation: layers of windows, each cut where it acts.

A step of a product formula sweeps through the layers forwards and backwards; the gauge moves along with the window that acts, so that
every cut is in an orthogonal gauge and its discarded singular values are its error. Sources: Vidal, Phys. Rev. Lett. 93, 040502 (2004);
Daley, Kollath, Schollwoeck and Vidal, J. Stat. Mech. P04005 (2004).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np

from ...base.errors import MethodError
from ...model.drives import swing
from ...model.formulas import Formula, by_name
from ...model.hamiltonians import PauliHamiltonian, hamiltonian
from ...model.problem import Problem
from ...model.schedules import Schedule
from .layout import register_table
from .moving import EXTRAPOLATED, Memory, Move, Moving, Reached, accounted, extrapolated
from .trains import Train, kept, left_canonical, reversed_order, rounded, svd
from .windows import Window, layers_of, windows_of

_GIVE_UP = 0.03  # of the wave: what the largest rank may cut in all before the run is refused
_TURN = 0.25  # radians, or powers of e, of a window in the first step that is tried
_FEWEST = 2
_MOST = 4096


@dataclass(eq=False)
class Chain:
    """The layers of one operator, on both clocks; the same verbs as :class:`~.engine.Engine`.

    Attributes:
        problem: what is run.
        order: 2 or 4.
        tolerance: relative 2-norm that the cuts of one layer may leave out.
        most: the largest rank.
        begin: the initial wave, the core of qubit 0 first.
    """

    problem: Problem
    order: int
    tolerance: float
    most: int
    begin: Train
    cutoffs: tuple[int, ...] = ()
    _gates: dict[tuple[int, float], tuple[list[np.ndarray | Train], float]] = field(default_factory=dict)

    @property
    def knots(self) -> Sequence[float]:
        """Jumps and kinks of the schedules of pieces."""
        return self.h.knots

    @property
    def imaginary(self) -> bool:
        """Whether the clock is the imaginary one."""
        return self.problem.clock == "imaginary"

    @property
    def sweeps(self) -> int:
        """Strang's steps whose work is that of one step: it sweeps forwards and backwards once."""
        if self.imaginary and self.order == 4:
            return EXTRAPOLATED
        return (len(self._formula.ramps) + 1) // 2

    @property
    def _formula(self) -> Formula:
        """Of Strang's steps where terms have schedules of their own, which are averaged over each of these."""
        return by_name({2: "strang", 4: "blanes_moan4" if self.h.commutes else "suzuki4"}[self.order])

    @cached_property
    def h(self) -> PauliHamiltonian:
        """The Hamiltonian; what has a schedule of its own is a piece of it."""
        found = hamiltonian(self.problem)
        assert isinstance(found, PauliHamiltonian)  # losses have an engine of their own
        return found

    @cached_property
    def _parts(self) -> list[tuple[list[Window], float]]:
        """Windows and constant of each piece."""
        return [windows_of(piece) for piece in self.h.pieces]

    @cached_property
    def layers(self) -> list[list[Window]]:
        """Windows that do not overlap, those of the first piece first."""
        return [layer for windows, _ in self._parts for layer in layers_of(windows)]

    @cached_property
    def piece_of(self) -> list[int]:
        """The number of the piece to which each layer belongs."""
        return [k for k, (windows, _) in enumerate(self._parts) for _ in layers_of(windows)]

    def finer(self, begin: float) -> Chain:
        """The same at half the tolerance."""
        return replace(self, tolerance=max(1e-13, 0.5 * self.tolerance), _gates={})

    def coarser_by(self, tolerance: float) -> Chain:
        """The same with another tolerance of the cuts."""
        return replace(self, tolerance=tolerance, _gates={})

    def of_order(self, order: int) -> Chain:
        """The same with another order of the step."""
        return replace(self, order=order, _gates={})

    def unsure(self, begin: float) -> float:
        """How far the initial wave is from one that is known better: it is exact."""
        return 0.0

    def tails(self, train: Train) -> list[float]:
        """Nothing is cut but the bonds."""
        return [0.0]

    def missed(self, points: Sequence[Reached]) -> np.ndarray:
        """Nothing: all terms take the steps."""
        return np.zeros(len(points))

    def wider(self, reached: Callable[[], Reached], before: Sequence[float], steps: int | None) -> None:
        """There is no cutoff to raise."""

    def first_steps(self) -> int:
        """So many that no window turns by more than a quarter in one of them."""
        p = self.problem
        swings = [swing(schedule, p.duration) for schedule in self.h.schedules]
        turn = max((w.size * swings[k] for k, layer in zip(self.piece_of, self.layers) for w in layer), default=0.0)
        return int(min(_MOST, max(_FEWEST, np.ceil(turn / _TURN))))

    def swings(self) -> tuple[tuple[str, Schedule, float], ...]:
        """None where all terms have one schedule, whose integral is all that matters."""
        return () if self.h.commutes else self.h.moving

    def moves(self, ends: Sequence[float] | np.ndarray) -> Iterator[Move]:
        """The moves of all steps between these ends; unit norm at the last."""
        if self.imaginary and self.order == 4:
            for t0, t1 in zip(ends[:-1], ends[1:]):
                yield Move(partial(self._extrapolated, t0=float(t0), t1=float(t1)), True)
            return
        yield from self._through(self._formula, ends)
        yield Move(Moving.unit)

    def memory(self) -> Memory:
        """Nothing: its factors follow from their amounts."""
        return Memory()

    def recall(self, memory: Memory) -> None:
        """There is nothing to recall."""

    def _extrapolated(self, wave: Moving, t0: float, t1: float) -> Moving:
        wave = extrapolated(self, wave, t0, t1).unit()
        self._check(wave, t1)
        return wave

    def table(self, train: Train) -> np.ndarray:
        """The amplitudes, shape ``domain.shape``."""
        return register_table(self.problem.domain, train)

    def strang(self, wave: Moving, ends: Sequence[float]) -> Moving:
        """Strang's step over each of these."""
        for move in self._through(by_name("strang"), ends):
            wave = move.act(wave)
        return wave

    def _through(self, formula: Formula, ends: Sequence[float] | np.ndarray) -> Iterator[Move]:
        """All layers of these steps; the train is turned over by each, and at the end it stands as it began."""
        turned = False
        for step, layer, amount in self._sequence(formula, ends):
            time = None if step is None else float(ends[step])
            yield Move(
                partial(self._through_layer, layer=layer, amount=amount, turned=turned, time=time), time is not None
            )
            turned = not turned
        yield Move(partial(self._closed, ends=ends, turned=turned))

    def _through_layer(self, wave: Moving, layer: int, amount: float, turned: bool, time: float | None) -> Moving:
        """One layer; at the end of a step, at ``time``, what was lost is checked."""
        wave = self._layered(wave, layer, amount, turned)
        wave = wave.unit() if self.imaginary else wave
        if time is not None:
            self._check(wave, time)
        return wave

    def _closed(self, wave: Moving, ends: Sequence[float] | np.ndarray, turned: bool) -> Moving:
        train = left_canonical(wave.train) if turned else wave.train
        return self._constant(replace(wave, train=reversed_order(train) if turned else train), ends)

    def _check(self, wave: Moving, t: float) -> None:
        if wave.capped > _GIVE_UP:
            raise MethodError(
                f"Argument `max_bond` must be at least the rank of the wave, but is {self.most}: at t = {t:.3g} of "
                f"{self.problem.duration:.3g} the ranks are {wave.rank} and have left out {wave.capped:.1e} of it. Use a larger rank, a "
                "larger tolerance, or a shorter duration."
            )

    def _sequence(
        self, formula: Formula, ends: Sequence[float] | np.ndarray
    ) -> Iterator[tuple[int | None, int, float]]:
        """Layers and the amounts for which they act, neighbours that are the same merged; with the number of the step that ends."""
        layers = range(len(self.layers))
        before: tuple[int | None, int, float] | None = None
        for number, (t0, t1) in enumerate(zip(ends[:-1], ends[1:])):
            for forward, amounts in self._ramps(formula, float(t0), float(t1)):
                for layer in layers if forward else reversed(layers):
                    amount = amounts[self.piece_of[layer]]
                    if before is not None and before[1] == layer:
                        before = (before[0], layer, before[2] + amount)
                    else:
                        if before is not None:
                            yield before
                        before = (None, layer, amount)
            if before is not None:
                before = (number + 1, before[1], before[2])
        if before is not None:
            yield before

    def _ramps(self, formula: Formula, t0: float, t1: float) -> Iterator[tuple[bool, list[float]]]:
        """The sweeps of a step, whether each goes forwards, and the amounts of the pieces: integrals over its substep."""
        sweeps, at, ramps = len(formula.ramps) // len(formula.substeps), t0, iter(formula.ramps)
        for substep in formula.substeps:
            end = at + substep * (t1 - t0)
            whole = self.h.amounts(at, end)
            for number in range(sweeps):
                share = next(ramps) / substep
                yield number % 2 == 0, [share * amount for amount in whole]
            at = end

    def _constant(self, wave: Moving, ends: Sequence[float] | np.ndarray) -> Moving:
        """The constants of the operator: a phase, or a logarithm."""
        amounts = self.h.amounts(float(ends[0]), float(ends[-1]))
        amount = sum(constant * amount for (_, constant), amount in zip(self._parts, amounts))
        if self.imaginary:
            return replace(wave, log=wave.log - amount)
        return replace(wave, train=[np.exp(-1j * amount) * wave.train[0], *wave.train[1:]])

    def _factors(self, layer: int, amount: float) -> tuple[list[np.ndarray | Train], float]:
        key = layer, float(f"{amount:.13e}")
        if key not in self._gates:
            if len(self._gates) > 8 * len(self.layers) + 64:  # a strength that moves: each step has its own
                self._gates.clear()
            found = [window.factor(key[1], self.imaginary) for window in self.layers[layer]]
            self._gates[key] = [each for each, _ in found], sum(log for _, log in found)
        return self._gates[key]

    def _layered(self, wave: Moving, layer: int, amount: float, turned: bool) -> Moving:
        """One layer along the train from the end where the norm is to the other, which then is the first."""
        gates, log = self._factors(layer, amount)
        windows, sites = self.layers[layer], len(wave.train)
        places = [window.first for window in windows]
        if turned:
            gates = [_mirrored(gate) for gate in gates][::-1]
            places = [sites - 1 - window.last for window in windows][::-1]
        cuts = sum(window.last - window.first for window in windows)
        train, rest = swept(wave.train, places, gates, self.tolerance / np.sqrt(max(1, cuts)), self.most)
        return accounted(self, replace(wave, log=wave.log + log), reversed_order(train), rest)


def _mirrored(gate: np.ndarray | Train) -> np.ndarray | Train:
    """What acts on a train that is turned over."""
    if isinstance(gate, list):
        return reversed_order(gate)
    w = gate.ndim // 2
    return gate.transpose([*range(w)[::-1], *range(w, 2 * w)[::-1]])


def swept(
    train: Train, places: Sequence[int], gates: Sequence[np.ndarray | Train], share: float, most: int
) -> tuple[Train, float]:
    """Windows that do not overlap, applied along a right-canonical train, which becomes left-canonical; with the norm left out."""
    out, at, lost = list(train), 0, 0.0
    for place, gate in zip(places, gates):
        _moved(out, at, place)
        width = len(gate) if isinstance(gate, list) else gate.ndim // 2
        cut, rest = _by_cores if isinstance(gate, list) else _at_once, slice(place, place + width)
        out[rest], left_out = cut(out[rest], gate, share, most)  # type: ignore[arg-type]
        lost += left_out**2
        at = place + width - 1
    _moved(out, at, len(out) - 1)
    return out, float(np.sqrt(lost))


def _moved(out: Train, start: int, end: int) -> None:
    """The norm from one core to a later one."""
    for i in range(start, end):
        left, two, right = out[i].shape
        q, r = np.linalg.qr(out[i].reshape(left * two, right))
        out[i], out[i + 1] = q.reshape(left, two, -1), np.tensordot(r, out[i + 1], 1)


def _at_once(cores: Train, gate: np.ndarray, share: float, most: int) -> tuple[Train, float]:
    """A matrix on a few neighbours, whose cores are contracted and cut again; the norm goes into the last."""
    whole = cores[0]
    for core in cores[1:]:
        whole = np.tensordot(whole, core, 1)
    w, left, right = len(cores), whole.shape[0], whole.shape[-1]
    whole = gate.reshape(1 << w, 1 << w) @ whole.reshape(left, 1 << w, right)
    out: Train = []
    lost, rest, rank = 0.0, whole.reshape(left, -1), left
    for _ in range(w - 1):
        u, s, v = svd(rest.reshape(rank * 2, -1))
        count, miss = kept(s, share, most)
        lost += miss**2
        out.append(u[:, :count].reshape(rank, 2, count))
        rest, rank = s[:count, None] * v[:count], count
    return [*out, rest.reshape(rank, 2, right)], float(np.sqrt(lost))


def _by_cores(cores: Train, gate: Train, share: float, most: int) -> tuple[Train, float]:
    """An operator of small rank on a wide window: multiplied core by core, then cut."""
    product = [np.einsum("aoib,xiy->axoby", g, c).reshape(g.shape[0] * c.shape[0], 2, -1) for g, c in zip(gate, cores)]
    cut, lost = rounded(reversed_order(product), share * np.sqrt(max(1, len(cores) - 1)), most)
    return reversed_order(cut), lost
