"""The cheapest product formula for a stated error of the wave: which formula, how many steps, which splitting.

The error is measured against the exact wave where it fits, and else bounded by commutators of the parts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import numpy as np
from qiskit import QuantumCircuit, transpile

from ..base.errors import MethodError
from ..model.formulas import FORMULAS, Formula
from .commutator_bounds import Spent, lie_constant, strang_constant
from .formula_bounds import formula_constant
from .operator_layers import Layers, Splitting, as_sweeps, counts, layered, splittings, weigh
from .operator_parts import Term
from .paces import Ramp
from .part_orders import better_orders
from .pauli_network import Whole
from .sweep_waves import exact_waves, wave_error

Aim = Literal["gates", "depth", "both"]
Pieces = Sequence[Sequence[float]]  # the times for which steps run, from one saved time to the next
Amounts = Callable[[int], Pieces]
Sweeps = Callable[[Formula, int], Sequence[Sequence[Ramp]]]  # of so many steps, from one saved time to the next

_TRIED = ("omelyan4", "strang", "blanes_moan4", "omelyan2", "blanes_moan6", "lie")  # those that win most often first
_WIDEST = 12  # qubits of a wave that is compared with the exact one
_ENTRIES = 4_000_000  # of the operator's sparse matrix
_MOST_STEPS = 4096
_MOST_BOUNDED = 10**6
_BOUNDED = "bounded by commutators, for formulas of the orders 1, 2 and 4"
_FOURTH = ("blanes_moan4", "omelyan4")
_FINALISTS = 6  # whose whole circuits are built and counted,
_MANY = 16  # and where there are whole networks, whose counts a few steps do not tell
_BEYOND = 2  # times the most steps: where the order leads farther, these are not tried
_FORMULAS = 2  # that other orders of the parts are tried with
_FAR = 16.0  # times the least price: what is beyond it is not built
_SHORT = 3000  # gates of a circuit that is compiled to be counted
_ROTATIONS = 20_000  # of a candidate that is still measured


@dataclass(frozen=True, eq=False)
class Moving:
    """What is asked of an operator whose terms have schedules of their own, in place of the times for which one acts.

    Attributes:
        sweeps: of a formula in so many equal steps.
        truth: the waves at the saved times after the first, shape ``(2**num_qubits,)`` each, nearer than a hundredth of the tolerance.
    """

    sweeps: Sweeps
    truth: Sequence[np.ndarray]


@dataclass(frozen=True, eq=False)
class Choice:
    """What was picked.

    Attributes:
        formula, steps, splitting: of the program.
        error: of the wave, in the 2-norm up to a phase: the largest at a saved time.
        how: ``"measured"``, or ``"bounded by commutators, for formulas of the orders 1, 2 and 4"``.
        gates, depth: on two qubits, of the whole circuit.
        rivals: formula, splitting, steps, gates and depth of the others whose whole circuits were counted.
    """

    formula: Formula
    steps: int
    splitting: Splitting
    error: float
    how: str
    gates: int
    depth: int
    rivals: tuple[tuple[str, str, int, int, int], ...]


@dataclass(frozen=True, eq=False)
class _Candidate:
    formula: Formula
    splitting: Splitting
    each: float  # what a step costs, about
    steps: int = 0
    error: float = 0.0
    runs: int = 0  # steps that run: equal ones, cut at the saved times


def choose(
    num_qubits: int,
    terms: Sequence[Term],
    amounts: Amounts,
    start: np.ndarray | None,
    tolerance: float,
    aim: Aim,
    moving: Moving | None = None,
) -> Choice:
    """The cheapest of all formulas and splittings whose error is at most the tolerance.

    Args:
        num_qubits: of the register.
        terms: masks and coefficients.
        amounts: the times for which the operator acts in each step that runs where there are so many equal ones, from one saved time
            to the next.
        start: the initial wave, shape ``(2**num_qubits,)``; None where it is too wide, so that errors are bounded.
        tolerance: of the wave at every saved time, in the 2-norm up to a phase.
        aim: what is to be small: two-qubit gates, their depth, or the product of both.
        moving: where terms have schedules of their own; the amounts are then the lengths of the steps, and errors are measured.

    Raises:
        MethodError: no formula reaches the tolerance.
    """
    fits = moving is not None or (num_qubits <= _WIDEST and len(terms) << num_qubits <= _ENTRIES)
    measured = start is not None and fits
    runs = _Run(amounts, moving)
    found = _measured(num_qubits, terms, runs, start, tolerance, aim) if measured and start is not None else (
        _bounded(num_qubits, terms, amounts, tolerance, aim)
    )  # fmt: skip
    if not found:
        raise MethodError(
            f"Argument `tolerance` must be one that a formula reaches within {_MOST_STEPS if measured else _MOST_BOUNDED:,} steps, "
            f"but is {tolerance:g}."
        )
    count = _MANY if any(isinstance(each.splitting, Whole) for each in found) else _FINALISTS
    about = [each.each * each.runs ** _power(aim) for each in found]
    far = _FAR * min(about) or np.inf  # steps that merge cost nothing each
    near = sorted((price, place) for place, price in enumerate(about) if price <= far)[:count]
    finals = [found[place] for _, place in near]
    whole = []
    for place, each in enumerate(finals):
        whole.append((*_counted(_whole(num_qubits, each, runs.sweeps(each.formula, each.steps))), place))
    gates, depth, place = min(whole, key=lambda row: (_price(row[0], row[1], aim), row[2]))
    best = finals[place]
    rivals = tuple(
        (finals[p].formula.name, finals[p].splitting.name, finals[p].steps, g, d) for g, d, p in whole if p != place
    )
    how = "measured" if measured else _BOUNDED
    return Choice(best.formula, best.steps, best.splitting, best.error, how, gates, depth, rivals)


@dataclass(frozen=True, eq=False)
class _Run:
    """The steps of one operator, or of one that moves."""

    amounts: Amounts
    moving: Moving | None = None

    def sweeps(self, formula: Formula, steps: int) -> Sequence[Sequence[Ramp]]:
        """Those of a formula, from one saved time to the next."""
        if self.moving is not None:
            return self.moving.sweeps(formula, steps)
        return [as_sweeps(formula.ramps, piece) for piece in self.amounts(steps)]

    def first(self, ramps: int) -> Callable[[int], Sequence[Ramp]] | None:
        """The sweeps of so many of three steps, by which splittings are weighed; None for those of one operator."""
        moving = self.moving
        if moving is None:
            return None
        rule = FORMULAS["lie" if ramps == 1 else "strang"]
        return lambda k: [ramp for piece in moving.sweeps(rule, 3) for ramp in piece][: k * len(rule.ramps)]


def _whole(num_qubits: int, candidate: _Candidate, pieces: Sequence[Sequence[Ramp]]) -> QuantumCircuit:
    """The circuit of all steps; those on both sides of a saved time are not merged."""
    circuit = QuantumCircuit(num_qubits)
    for piece in pieces:
        circuit.compose(candidate.splitting.circuit(piece), inplace=True)
    return circuit


def _runs(pieces: Pieces) -> int:
    """Steps in which the operator acts."""
    return sum(1 for piece in pieces for amount in piece if amount)


def _counted(circuit: QuantumCircuit) -> tuple[int, int]:
    """Gates on two qubits and their depth: as compiled at level 2 to cx, rz, sx, x where the circuit is short."""
    if circuit.size() > _SHORT:
        return counts(circuit)
    return counts(transpile(circuit, basis_gates=["cx", "rz", "sx", "x"], optimization_level=2, seed_transpiler=1))


def _power(aim: Aim) -> int:
    return 2 if aim == "both" else 1


def _price(gates: float, depth: float, aim: Aim) -> float:
    return {"gates": gates, "depth": depth, "both": gates * depth}[aim]


def _candidates(
    kept: Mapping[int, Sequence[Splitting]], names: Sequence[str], aim: Aim, run: _Run | None = None
) -> list[_Candidate]:
    """Every formula with every splitting for so many sweeps; of a formula the cheapest steps first."""
    out = []
    for ramps, each in kept.items():
        sweeps = (1.0,) if ramps == 1 else (0.5, 0.5)
        for splitting in each:
            price = weigh(splitting, sweeps, 0.1, None if run is None else run.first(ramps))
            for formula in (FORMULAS[name] for name in names):
                many = len(formula.ramps)
                if many % 2 == ramps % 2:
                    one = _price(price.gates * many / ramps, price.depth * many / ramps, aim)
                    out.append(_Candidate(formula, splitting, one))
    return sorted(out, key=lambda candidate: (names.index(candidate.formula.name), candidate.each))


def _measured(
    num_qubits: int, terms: Sequence[Term], run: _Run, start: np.ndarray, tolerance: float, aim: Aim
) -> list[_Candidate]:
    cuts = run.amounts(1)
    truth = exact_waves(num_qubits, terms, cuts, start) if run.moving is None else run.moving.truth
    search = _Search(run, cuts, start, truth, tolerance, aim)
    kept = {ramps: splittings(num_qubits, terms, ramps, every=True) for ramps in (1, 2)}
    for candidate in _candidates(kept, _TRIED, aim, run):
        search.reach(candidate)
    search.reorder()
    return search.found


@dataclass(eq=False)
class _Search:
    """Candidates that reach the tolerance, each with the fewest steps."""

    run: _Run
    cuts: Pieces
    start: np.ndarray
    truth: Sequence[np.ndarray]
    tolerance: float
    aim: Aim
    best: float = np.inf  # what one costs, about
    found: list[_Candidate] = field(default_factory=list)

    def error(self, formula: Formula, splitting: Splitting, steps: int) -> float:
        """The error of the wave after so many steps, in norm."""
        return wave_error(splitting, self.run.sweeps(formula, steps), self.start, self.truth)

    def reach(self, candidate: _Candidate) -> None:
        """Find the fewest steps of a candidate, and keep it unless it needs more than a better one leaves it."""
        formula, splitting, power = candidate.formula, candidate.splitting, _power(self.aim)
        size = len(formula.ramps) * max(1, sum(len(b.terms) for part in splitting.parts for b in part))
        most = min(_MOST_STEPS, max(1, _ROTATIONS // size))
        if candidate.each and np.isfinite(self.best):  # no more steps than a better candidate has left
            left = int((1.2 * self.best / candidate.each) ** (1 / power))
            most = min(most, left) if _runs(self.cuts) <= left else 0
        error = partial(self.error, formula, splitting)
        reached = _fewest(error, self.tolerance, formula.order, most, len(self.cuts))
        if reached is None:
            return
        steps, off = reached
        runs = _runs(self.run.amounts(steps))
        self.best = min(self.best, candidate.each * runs**power)
        self.found.append(_Candidate(formula, splitting, candidate.each, steps, off, runs))

    def reorder(self) -> None:
        """Try the parts of the best layers in other orders too, by the two formulas that do best there."""
        rated = sorted(
            (each.each * each.runs ** _power(self.aim), place)
            for place, each in enumerate(self.found)
            if isinstance(each.splitting, Layers) and len(each.splitting.parts) > 1
        )
        if not rated:
            return
        best = self.found[rated[0][1]]
        formula, steps, splitting = best.formula, best.steps, best.splitting
        assert isinstance(splitting, Layers)
        ramps = 2 - len(formula.ramps) % 2
        others = better_orders(
            splitting,
            lambda other: self.error(formula, other, steps),
            self.tolerance,
            formula.order,
            steps * len(formula.ramps),
        )
        names = list(dict.fromkeys(self.found[place].formula.name for _, place in rated))[:_FORMULAS]
        for candidate in _candidates({ramps: others}, names, self.aim, self.run):
            self.reach(candidate)


def _fewest(
    error: Callable[[int], float], tolerance: float, order: int, most: int, cuts: int
) -> tuple[int, float] | None:
    """The fewest steps whose error is at most the tolerance, near where the order leads; None above so many."""
    steps, off, below = 1, np.inf, 0
    while steps <= most:
        off = error(steps)
        if off <= tolerance:
            break
        below = steps
        led = steps * (off / tolerance) ** (1 / order) if off < 0.5 else 2 * steps
        steps = max(_more(steps, cuts), min(int(np.ceil(led)), 4 * steps))
        if below < most < steps <= _BEYOND * most:  # the order leads past what is allowed, which may do all the same
            steps = most
    if not off <= tolerance:
        return None
    while steps - below > 1:
        middle = (steps + below) // 2
        between = error(middle)
        if between <= tolerance:
            steps, off = middle, between
        else:
            below = middle
    return steps, off


def _more(steps: int, cuts: int) -> int:
    """The least number of steps that is tried next: fewer than there are cuts change little."""
    return steps + 1 if steps >= cuts else 2 * steps


def _bounded(num_qubits: int, terms: Sequence[Term], amounts: Amounts, tolerance: float, aim: Aim) -> list[_Candidate]:
    """Formulas of the orders 1, 2 and 4 with the steps that their bound asks for.

    Of order 4 they are left out where the operator has more strings or parts than their commutators are taken of in seconds.
    """
    cuts, found, refused = amounts(1), list[_Candidate](), list[MethodError]()
    kept = {ramps: layered(num_qubits, terms, ramps) for ramps in (1, 2)}
    for candidate in _candidates(kept, ("lie", "strang", *_FOURTH), aim):
        parts = [[term for block in part for term in block.terms] for part in candidate.splitting.parts]
        order = candidate.formula.order
        try:
            constant = _constant(candidate.formula, parts)
        except Spent:
            continue
        except MethodError as reason:  # too many strings for this bound: another may be in reach
            refused.append(reason)
            continue
        steps, bound = 1, _total(constant, cuts, order)
        while bound > tolerance and steps <= _MOST_BOUNDED:
            steps = max(_more(steps, len(cuts)), int(np.ceil(steps * (bound / tolerance) ** (1 / order))))
            bound = _total(constant, amounts(steps), order)
        if bound <= tolerance:
            runs = _runs(amounts(steps))
            found.append(_Candidate(candidate.formula, candidate.splitting, candidate.each, steps, bound, runs))
    if refused and not found:
        raise refused[0]
    return found


def _constant(formula: Formula, parts: Sequence[Sequence[Term]]) -> float:
    if formula.order > 2:
        return formula_constant(parts, formula.ramps, formula.order)
    return lie_constant(parts) if formula.order == 1 else strang_constant(parts)


def _total(constant: float, pieces: Pieces, order: int) -> float:
    """The bounds of all steps, which add up, so that what holds at the end holds at every saved time before."""
    return float(constant * sum(abs(amount) ** (order + 1) for piece in pieces for amount in piece))
