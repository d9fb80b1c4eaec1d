"""Product-formula circuits ``exp(-i dt s zeta)``, QFT, ``exp(-i dt D k^2)``, inverse QFT; as drawn Pauli rotations and batches too.

Each factor is built once with its time as a parameter, bound once for each different time, and composed; half steps of
neighbours are merged by `formulas.factors`. Source of the scheme: Wiesner, arXiv:quant-ph/9603028; Zalka, Proc. R. Soc. A
454, 313 (1998), arXiv:quant-ph/9603026; Kassal et al., PNAS 105, 18681 (2008), arXiv:0801.2986.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from qiskit import QuantumCircuit

from ..base.errors import check_memory
from ..model.domains import Domain
from ..model.driven_formulas import ends_of_steps
from ..model.formulas import Factor, Formula, boundaries, by_order, factors, segments, steps_of
from ..model.hamiltonians import Hamiltonian, LearningHamiltonian, PauliHamiltonian
from ..model.problem import Problem
from ..model.schedules import Constant
from .grid_pieces import cx_of, pieces_on
from .hops import Hops
from .one_transform import unit
from .operator_layers import Splitting, as_sweeps, best_splitting
from .operator_parts import Term
from .paces import Ramp, sweeps
from .states import prepare
from .transforms import kinetic, one_hot, width
from .walsh import WalshSeries, diagonal, walsh_series

_SHORT = 64  # factors of a piece between two saved times that is kept for others of the same factors
_GATE = 300  # bytes: Qiskit keeps 120 of them for a gate with an angle, and there are copies with measurements and compiled ones


@dataclass(frozen=True, eq=False)
class Program:
    """The circuits of one run.

    Attributes:
        start: the preparation of the initial wave.
        pieces: the evolution from each save time to the next.
        saves: the save times; one more than pieces.
        sup_error: ``sup |zeta - zeta'|`` of the Walsh truncation.
        error_bound: rigorous bound of the final state's error in the 2-norm from it.
        series: the Walsh series of the loss that the circuits run (None for a general operator).
        splitting: how the terms of a general operator are swept through (None for a loss).
        ends: the ends of its steps, cut at the save times.
        networks: pieces on a one-hot grid whose unitary is a network of exchange blocks, since its steps take more CX.
    """

    start: QuantumCircuit
    pieces: tuple[QuantumCircuit, ...]
    saves: tuple[float, ...]
    sup_error: float = 0.0
    error_bound: float = 0.0
    series: WalshSeries | None = None
    splitting: str | None = None
    ends: np.ndarray = field(default_factory=lambda: np.zeros(0))
    networks: int = 0

    def until(self, index: int) -> QuantumCircuit:
        """The whole circuit up to save time ``index``."""
        circuit = self.start.copy()
        for piece in self.pieces[:index]:
            circuit.compose(piece, inplace=True)
        return circuit


def program(
    problem: Problem,
    h: Hamiltonian,
    formula: Formula,
    steps: int,
    saves: Sequence[float],
    truncation: float = 0.0,
    until: float | None = None,
    splitting: Splitting | None = None,
    remainder: bool = False,
) -> Program:
    """The circuits of ``steps`` steps, cut at ``saves`` (the first of which is 0).

    The steps divide the whole duration, or ``until`` where that is given (the schedules stay those of the problem).
    ``splitting`` is that of a general operator; None: the best one. With ``remainder`` the steps are those of :func:`whole_steps`,
    where they take fewer CX.

    Raises:
        MethodError: so many gates would not fit into the memory; nothing is built then.
    """
    check_memory(
        _GATE * steps * problem.domain.num_qubits, f"A circuit of {steps:,} steps"
    )  # before their ends are listed
    ends = ends_of_steps(h, steps, saves, problem.duration if until is None else until)
    if remainder and isinstance(h, LearningHamiltonian):
        ends = whole_steps(problem, h, formula, steps, saves)
    build: _Pauli | Hops | _Learning
    if isinstance(h, PauliHamiltonian):
        build = _Pauli(h, formula, ends, splitting)
    elif one_hot(problem.domain):
        build = Hops(problem, h, formula, ends)
    else:
        build = _Learning(problem, h, formula, ends, truncation)
    gates = build.gates(float(ends[1] - ends[0]))
    check_memory(_GATE * steps * gates, f"A circuit of {steps:,} steps with {gates:,} gates each")
    pieces = tuple(build.piece(piece) for piece in segments(ends, saves))
    start = prepare(problem.initial, problem.domain)
    named = build.splitting.name if isinstance(build, _Pauli) else None
    networks = build.networks if isinstance(build, Hops) else 0
    return Program(start, pieces, tuple(saves), build.sup_error, build.error_bound, build.series, named, ends, networks)


def whole_steps(
    problem: Problem,
    h: LearningHamiltonian,
    formula: Formula,
    steps: int,
    saves: Sequence[float],
) -> np.ndarray:
    """Ends of steps of a whole multiple of a unit of time, and of one shorter step behind them for the rest of the duration.

    The steps are no longer than the equal ones. Of the multiples the one that takes the fewest CX is chosen, and the equal steps where
    none takes fewer; counted without truncation, so that a truncated run and the same run without it differ by nothing else. The unit
    of an axis of N points and length L is ``L^2 / (4 pi N D)``, with walls ``L^2 / (2 pi N D)``; there is none where the
    diffusion moves, or where the kinetic factors of the formula are not equal.

    >>> from qml_dynamics import Gaussian, Grid, hamiltonian
    >>> from qml_dynamics.model.formulas import by_name
    >>> well = Problem(Grid((-2, 2), 6), lambda w: w[:, 0] ** 4, 0.5, clock="real", duration=0.5, initial=Gaussian(0, 0.5))
    >>> ends = whole_steps(well, hamiltonian(well), by_name("strang"), 10, [0.0, 0.5])
    >>> len(ends) - 1, (np.diff(ends) / (4.0**2 / (4 * np.pi * 64 * 0.5))).round(6).tolist()[:3]
    (13, [1.0, 1.0, 1.0])
    """
    equal = boundaries(problem.duration, steps, saves)
    fractions = {f * s for s in formula.substeps for kind, f in formula.base if kind == "K"}
    speed = problem.diffusion.integral(0.0, problem.duration, problem.duration) / problem.duration
    if not isinstance(problem.diffusion, Constant) or len(fractions) != 1 or not speed > 0:
        return equal
    build = _Learning(problem, h, formula, equal, 0.0)
    least, best = build.cx(equal, saves), equal
    for step in _multiples(problem, problem.duration / steps, speed * fractions.pop()):
        ends = steps_of(problem.duration, step, saves)
        check_memory(_GATE * len(ends) * problem.domain.num_qubits, f"A circuit of {len(ends):,} steps")
        count = build.cx(ends, saves)
        if count < least:
            least, best = count, ends
    return best


def _multiples(problem: Problem, longest: float, speed: float) -> list[float]:
    """Steps worth counting: for each axis and power of two the largest multiple of it in units that is not longer."""
    found = set()
    for axis in range(problem.domain.ndim):
        amount = unit(problem.domain, axis)
        many = 0 if amount is None else int(longest * speed / amount * (1 + 1e-12))
        assert amount is not None or not many
        found |= {(many >> s << s) * float(amount or 0.0) / speed for s in range(many.bit_length())}
    return sorted(found, reverse=True)


def pieces_of(
    problem: Problem, h: LearningHamiltonian, formula: Formula, ends: np.ndarray, truncation: float = 0.0
) -> Callable[[str, float], QuantumCircuit]:
    """What builds the circuit of one factor of a run over steps with these ends: ``("V" or "K", amount)``; kept for amounts seen.

    ``truncation`` is shared out over the run as in :func:`program`.
    """
    return _Learning(problem, h, formula, ends, truncation)._factor


@dataclass
class _Learning:
    """Factors of a learning Hamiltonian, built once each and bound by time."""

    problem: Problem
    h: LearningHamiltonian
    formula: Formula
    ends: np.ndarray
    truncation: float = 0.0
    bound: dict[tuple[str, str], QuantumCircuit] = field(default_factory=dict)
    pieces: dict[tuple[tuple[str, str], ...], QuantumCircuit] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.templates = {"K": self._built("K", 1.0)}
        steps = len(self.ends) - 1  # their kinetic gates alone, before all steps are gone through
        check_memory(_GATE * steps * self.gates(0.0), f"A circuit of {steps:,} steps")
        weight = _absolute_amount(self.problem, self.formula, self.ends)
        self.series = walsh_series(self.h.zeta, self.truncation / weight if weight else 0.0)
        self.sup_error = self.series.error
        self.error_bound = self.series.error * weight
        self.templates["V"] = self._built("V", 1.0)
        whole = self.problem.diffusion.integral(float(self.ends[0]), float(self.ends[-1]), self.problem.duration)
        self.forms = pieces_on(self.problem.domain, self.series, whole)
        self.plain = {kind: cx_of(template) for kind, template in self.templates.items()}

    def gates(self, dt: float) -> int:
        """Gates of one step in the factors that are there, before halves are merged and zero angles left out."""
        kinds = ["K" if kind == "K" else "V" for kind, _ in self.formula.base]
        sizes = [self.templates[kind].size() for kind in kinds if kind in self.templates]
        out: int = sum(sizes) * len(self.formula.substeps)
        return out

    def _built(self, kind: str, amount: float) -> QuantumCircuit:
        """Of numbers: Qiskit's parameters take factors and values below 1e-14 for 0 or 1, whatever stands beside them."""
        circuit = QuantumCircuit(width(self.problem.domain))
        if kind == "K":
            kinetic(self.problem.domain, amount, circuit)
        else:
            diagonal(self.series, amount, circuit, range(self.problem.domain.num_qubits))
        return circuit

    def _factor(self, kind: str, amount: float) -> QuantumCircuit:
        key = (kind, f"{amount:.12e}")
        if key not in self.bound:
            self.bound[key] = self._built(kind, amount)
        return self.bound[key]

    def _acting(self, ends: np.ndarray) -> list[Factor]:
        p = self.problem
        every = factors(self.formula, ends, p.diffusion, p.strength, p.duration)
        return [factor for factor in every if factor.amount]

    def cx(self, ends: np.ndarray, saves: Sequence[float]) -> int:
        """CX of the pieces between these save times, which are not composed."""
        pieces = [self._acting(piece) for piece in segments(ends, saves)]
        plain = [sum(self.plain[factor.kind] for factor in acting) for acting in pieces]
        return sum(self.forms.chosen(*piece)[0] for piece in zip(pieces, plain)) if self.forms else sum(plain)

    def piece(self, ends: np.ndarray) -> QuantumCircuit:
        """The circuit from ``ends[0]`` to ``ends[-1]``, in the form that takes the fewest CX; of equal factors it is one object."""
        acting = self._acting(ends)
        if len(acting) > _SHORT:
            return self._composed(acting)
        key = tuple((factor.kind, f"{factor.amount:.12e}") for factor in acting)
        if key not in self.pieces:
            self.pieces[key] = self._composed(acting)
        return self.pieces[key]

    def _composed(self, acting: list[Factor]) -> QuantumCircuit:
        circuit = QuantumCircuit(width(self.problem.domain))
        found = self.forms and self.forms.best(acting, sum(self.plain[factor.kind] for factor in acting))
        if found is not None:
            return found
        for factor in acting:
            circuit.compose(self._factor(factor.kind, factor.amount), inplace=True)
        return circuit


def _absolute_amount(problem: Problem, formula: Formula, ends: np.ndarray) -> float:
    """The absolute amounts of all potential factors added up: above ``int |s| dt`` where a formula goes back in time."""
    every = factors(formula, ends.tolist(), problem.diffusion, problem.strength, problem.duration)
    return sum(abs(factor.amount) for factor in every if factor.kind != "K")


def rows(h: PauliHamiltonian) -> list[Term]:
    """The strings of an operator: masks and coefficients."""
    terms = h.terms
    return list(zip(terms.x.tolist(), terms.z.tolist(), terms.coefficients.tolist()))


@dataclass
class _Pauli:
    """Steps of a general operator: sweeps through its terms in parallel layers (see :mod:`.operator_layers`).

    A step of ``s(t) H0`` is one of H0 for the time ``int s dt`` over the step, which keeps the order for any schedule. Where terms
    have schedules of their own, time is one more part (:mod:`qml_dynamics.model.driven_formulas`).
    """

    h: PauliHamiltonian
    formula: Formula
    ends: np.ndarray
    chosen: Splitting | None = None
    sup_error: float = 0.0
    error_bound: float = 0.0
    series: None = None

    def __post_init__(self) -> None:
        step = float(self.ends[1] - self.ends[0])
        ramps, own = self.formula.ramps, None if self.h.commutes else self._first
        self.splitting: Splitting = self.chosen or best_splitting(self.h.num_qubits, rows(self.h), ramps, step, own)

    def _first(self, steps: int) -> list[Ramp]:
        """Some steps in the middle, by which splittings are weighed: a formula of as many sweeps, or two of them."""
        first = max(0, len(self.ends) // 2 - 2)
        short = self.formula if len(self.formula.ramps) % 2 else by_order(2)
        return sweeps(short, self.h, self.ends[first : first + steps + 1])

    def gates(self, dt: float) -> int:
        """Gates of one step."""
        ramps = as_sweeps(self.formula.ramps, [dt]) if self.h.commutes else sweeps(self.formula, self.h, self.ends[:2])
        out: int = self.splitting.circuit(ramps).size()
        return out

    def piece(self, ends: np.ndarray) -> QuantumCircuit:
        """The circuit from ``ends[0]`` to ``ends[-1]``; what one step ends with and the next begins with is merged."""
        return self.splitting.circuit(sweeps(self.formula, self.h, ends))


def pauli_rotations(num_qubits: int, rotations: Sequence[tuple[int, int, float]], phase: float = 0.0) -> QuantumCircuit:
    """``exp(-i a P)`` for each ``(x, z, a)``, in order, with the string of masks x, z; and a global phase.

    A string on w qubits takes ``2 (w - 1)`` CX.

    >>> pauli_rotations(2, [(0b11, 0b10, 0.3)]).count_ops()["cx"]
    2
    """
    circuit = QuantumCircuit(num_qubits, global_phase=phase)
    for x, z, amount in rotations:
        support = [q for q in range(num_qubits) if (x | z) >> q & 1]
        if not support:
            circuit.global_phase -= amount
            continue
        if len(support) == 1:
            q = support[0]
            rotate = circuit.ry if x & z else circuit.rx if x else circuit.rz
            rotate(2 * amount, q)
            continue
        _to_z(circuit, support, x, z)
        for a, b in zip(support[:-1], support[1:]):
            circuit.cx(a, b)
        circuit.rz(2 * amount, support[-1])
        for a, b in reversed(list(zip(support[:-1], support[1:]))):
            circuit.cx(a, b)
        _to_z(circuit, support, x, z, back=True)
    return circuit


def _to_z(circuit: QuantumCircuit, support: Sequence[int], x: int, z: int, back: bool = False) -> None:
    for q in support:
        if not x >> q & 1:
            continue
        if z >> q & 1:
            circuit.rx(-np.pi / 2 if back else np.pi / 2, q)
        else:
            circuit.h(q)


class Factory:
    """Circuits of consecutive factors on one domain.

    Args:
        domain: the weight space.
        tolerance: allowed ``sup |f - f'|`` of each diagonal ``exp(-i f)`` from leaving out small Walsh terms.
    """

    def __init__(self, domain: Domain, tolerance: float = 0.0) -> None:
        self.domain, self.tolerance = domain, tolerance
        self.error = 0.0
        self._bound: dict[str, QuantumCircuit] = {}

    def piece(self, factors: Iterable[tuple[float, np.ndarray | None]]) -> QuantumCircuit:
        """Pairs ``(amount, values)`` in the order in which they act: ``exp(-i amount values)``, or the kinetic factor for None.

        ``error`` grows by the 2-norm error that the truncation may make.

        >>> from qml_dynamics import Hypercube
        >>> Factory(Hypercube(2)).piece([(0.3, np.arange(4.0)), (0.2, None)]).count_ops()["rx"]
        2
        """
        circuit = QuantumCircuit(width(self.domain))
        for amount, values in factors:
            if not amount:
                continue
            if values is None:
                circuit.compose(self._kinetic(amount), inplace=True)
                continue
            series = walsh_series(amount * values, self.tolerance)
            diagonal(series, 1.0, circuit, range(self.domain.num_qubits))
            self.error += series.error
        return circuit

    def _kinetic(self, amount: float) -> QuantumCircuit:
        key = f"{amount:.12e}"
        if key not in self._bound:
            self._bound[key] = QuantumCircuit(width(self.domain))
            kinetic(self.domain, amount, self._bound[key])
        return self._bound[key]
