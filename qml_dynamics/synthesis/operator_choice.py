"""The cheapest product formula for a stated error of the wave: which formula, how many steps, which splitting.

The error is measured against the exact wave where it fits, and else bounded by commutators of the parts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import scipy.sparse
from qiskit import QuantumCircuit, transpile
from scipy.sparse.linalg import expm_multiply

from ..base.errors import MethodError
from ..model.formulas import FORMULAS, Formula
from .commutator_bounds import Spent, lie_constant, strang_constant
from .formula_bounds import formula_constant
from .operator_layers import Splitting, as_sweeps, counts, exponential, layered, local_terms, splittings, weigh
from .operator_parts import Term
from .paces import Ramp, acting
from .pauli_network import Whole, rotated

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
_FINALISTS = 4  # whose whole circuits are built and counted,
_MANY = 16  # and where there are whole networks, whose counts a few steps do not tell
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
    cuts, best, found = run.amounts(1), np.inf, []
    truth = _exact(num_qubits, terms, cuts, start) if run.moving is None else run.moving.truth
    kept = {ramps: splittings(num_qubits, terms, ramps, every=True) for ramps in (1, 2)}
    for candidate in _candidates(kept, _TRIED, aim, run):

        def error(steps: int, own: _Candidate = candidate) -> float:
            """The error of the wave after ``steps`` steps of this candidate, in norm."""
            return _error(own.splitting, run.sweeps(own.formula, steps), start, truth)

        size = len(candidate.formula.ramps) * max(
            1, sum(len(b.terms) for part in candidate.splitting.parts for b in part)
        )
        most = min(_MOST_STEPS, max(1, _ROTATIONS // size))
        if candidate.each and np.isfinite(best):  # no more steps than a better candidate has left
            left = int((1.2 * best / candidate.each) ** (1 / _power(aim)))
            most = min(most, left) if _runs(cuts) <= left else 0
        reached = _fewest(error, tolerance, candidate.formula.order, most, len(cuts))
        if reached is None:
            continue
        steps, off = reached
        runs = _runs(run.amounts(steps))
        best = min(best, candidate.each * runs ** _power(aim))
        found.append(_Candidate(candidate.formula, candidate.splitting, candidate.each, steps, off, runs))
    return found


def _exact(num_qubits: int, terms: Sequence[Term], pieces: Pieces, start: np.ndarray) -> list[np.ndarray]:
    """The exact waves where the pieces end."""
    matrix, waves = -1j * _sparse(num_qubits, terms), [start]
    for piece in pieces:
        waves.append(expm_multiply(float(np.sum(piece)) * matrix, waves[-1]))
    return waves[1:]


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


def _error(
    splitting: Splitting, pieces: Sequence[Sequence[Ramp]], start: np.ndarray, truth: Sequence[np.ndarray]
) -> float:
    """The largest distance of the waves where the pieces end to the true ones, up to a phase."""
    wave, largest = np.array(start, dtype=complex), 0.0
    for piece, exact in zip(pieces, truth):
        wave = _moved(splitting, piece, wave)
        overlap = np.vdot(wave, exact)
        phase = overlap / abs(overlap) if abs(overlap) else 1.0
        largest = max(largest, float(np.linalg.norm(phase * wave - exact)))
    return largest


def _moved(splitting: Splitting, sweeps: Sequence[Ramp], wave: np.ndarray) -> np.ndarray:
    """The wave after these sweeps."""
    parts = splitting.parts
    for forwards, amount in sweeps:
        for part in parts if forwards else reversed(parts):
            for block in part:
                if len(block.terms) > 1 and len(block.qubits) <= 2:
                    wave = _acted(wave, _exponential(local_terms(block, amount), len(block.qubits)), block.qubits)
                else:
                    for term in block.terms:
                        wave = rotated(wave, term, 2 * term[2] * acting(amount, *term[:2]))
    return wave


_exponential = lru_cache(maxsize=1024)(exponential)


def _acted(wave: np.ndarray, matrix: np.ndarray, qubits: Sequence[int]) -> np.ndarray:
    """A matrix on one or two qubits applied to a wave, the first qubit the lowest bit of its index."""
    n, k = wave.size.bit_length() - 1, len(qubits)
    axes = [n - 1 - q for q in reversed(qubits)]
    moved = np.moveaxis(wave.reshape((2,) * n), axes, range(k)).reshape(1 << k, -1)
    return np.asarray(np.moveaxis((matrix @ moved).reshape((2,) * n), range(k), axes).reshape(-1))


def _sparse(num_qubits: int, terms: Sequence[Term]) -> scipy.sparse.csr_matrix:
    index = np.arange(1 << num_qubits)
    matrix = scipy.sparse.csr_matrix((index.size, index.size), dtype=complex)
    for x, z, c in terms:
        values = c * 1j ** ((x & z).bit_count() % 4) * (1.0 - 2.0 * (np.bitwise_count(index & z) % 2))
        matrix = matrix + scipy.sparse.csr_matrix((values, (index ^ x, index)), shape=matrix.shape)
    return matrix


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
