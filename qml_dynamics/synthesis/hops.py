"""Steps on a one-hot grid: hops between neighbours with the loss folded into them, bonds in an even and an odd layer.

On one excitation an axis, ``H = D K + s V`` is a sum over bonds: K hops between neighbours, ``K_{j,j+1} = -1/h^2`` (with a flux
``-exp(-2 pi i twist / N)/h^2``), and the diagonal of both is shared out over the two bonds of each site. So a bond is a matrix of shape
(2, 2), its exponential one exchange block of two CX, and a layer of bonds that share no site one layer of blocks, whatever N is: a
Strang step takes two layers of blocks, four of CX, once its halves are merged with their neighbours'. A part of the loss that
depends on two weights is one controlled phase for each pair of their points. Source of the scheme: Leng, Li, Peng, Wu,
arXiv:2401.08550.

Everything is a product formula over the layers (:attr:`~qml_dynamics.model.formulas.Formula.ramps`). Where its steps take more CX than
the network of exchange blocks that any evolution of one axis has, the same unitary is sent as that network.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from qiskit import QuantumCircuit

from ..base.errors import MethodError, ProblemError
from ..model.domains import Grid
from ..model.formulas import Formula
from ..model.hamiltonians import LearningHamiltonian
from ..model.problem import Problem
from ..model.transforms import roundoff
from .exchange import block, network

_ABOVE = 1e-9  # of the loss's spread, above which a part of three weights is one


@dataclass(frozen=True)
class Bond:
    """Two neighbouring sites of one axis, and what acts on them: ``d K + s V`` as a matrix of shape (2, 2).

    Attributes:
        axis, low, high: where it is.
        hop: ``K_{low,high}``.
        kinetic, loss: what the bond has of the diagonals of K and V, at ``low`` and ``high``.
    """

    axis: int
    low: int
    high: int
    hop: complex
    kinetic: tuple[float, float]
    loss: tuple[float, float]

    def unitary(self, d: float, s: float) -> np.ndarray:
        """``exp(-i (d K + s V))`` on the bond."""
        a, b = (d * k + s * v for k, v in zip(self.kinetic, self.loss))
        middle, half, hop = 0.5 * (a + b), 0.5 * (a - b), d * self.hop
        size = float(np.hypot(half, abs(hop)))
        sine = np.sinc(size / np.pi)  # sin(size) / size
        rest = np.array([[half, hop], [np.conj(hop), -half]])
        out: np.ndarray = np.exp(-1j * middle) * (np.cos(size) * np.eye(2) - 1j * sine * rest)
        return out


@dataclass(frozen=True)
class Layers:
    """A Hamiltonian on a one-hot grid in parts whose terms commute.

    Attributes:
        even, odd: bonds that share no site.
        pairs: ``(axis, site, other axis, its site, V)`` of the parts of the loss that depend on two weights.
        constant: a number in the loss.
    """

    even: tuple[Bond, ...]
    odd: tuple[Bond, ...]
    pairs: tuple[tuple[int, int, int, int, float], ...]
    constant: float


def layers_of(domain: Grid, zeta: np.ndarray) -> Layers:
    """The parts of ``D K + s zeta`` on a one-hot grid.

    Raises:
        ProblemError: the loss is no sum of functions of at most two weights.

    >>> line = Grid((0, 4), points=4, boundary="walls", encoding="onehot")
    >>> found = layers_of(line, np.zeros(4))
    >>> [(b.low, b.high) for b in found.even], [(b.low, b.high) for b in found.odd], found.even[0].kinetic
    ([(0, 1), (2, 3)], [(1, 2)], (3.0, 1.0))
    """
    constant, single, pairs = parts_of(zeta)
    layers: tuple[list[Bond], list[Bond]] = ([], [])
    for axis, losses in enumerate(single):
        for number, bond in enumerate(_bonds(domain, axis, losses)):
            layers[number % 2].append(bond)
    return Layers(tuple(layers[0]), tuple(layers[1]), tuple(pairs), constant)


def _bonds(domain: Grid, axis: int, losses: np.ndarray) -> Iterator[Bond]:
    """The bonds of an axis in order; a site that has two gives half of its diagonal to each."""
    n, ring = domain.shape[axis], domain.boundary == "periodic"
    square = domain.spacing[axis] ** -2
    diagonal = np.full(n, 2 * square)
    if not ring:
        diagonal[[0, -1]] += square  # beyond a wall the wave is minus its mirror image
    shares = np.full(n, 0.5)
    if not ring:
        shares[[0, -1]] = 1.0
    kinetic, loss = shares * diagonal, shares * losses
    hop = complex(-square * np.exp(-2j * np.pi * domain.twist[axis] / n))
    for low in range(n if ring else n - 1):
        high = (low + 1) % n
        ends = [(float(values[low]), float(values[high])) for values in (kinetic, loss)]
        yield Bond(axis, low, high, hop, ends[0], ends[1])


def parts_of(zeta: np.ndarray) -> tuple[float, list[np.ndarray], list[tuple[int, int, int, int, float]]]:
    """A loss as a number, a function of each weight, and values for pairs of points of two weights, all 0 at the middle of the grid.

    Raises:
        ProblemError: it is none.
    """
    middle, ndim = tuple(n // 2 for n in zeta.shape), zeta.ndim
    constant, spread = float(zeta[middle]), float(np.ptp(zeta))

    def through(*axes: int) -> np.ndarray:
        """The loss on the points that differ from the middle along these axes only, less the number."""
        return np.asarray(zeta[tuple(slice(None) if a in axes else middle[a] for a in range(ndim))] - constant)

    single = [through(axis) for axis in range(ndim)]
    rest, pairs = zeta - constant, []
    for axis in range(ndim):
        rest = rest - _along(single[axis], zeta.ndim, axis)
    for a in range(ndim):
        for b in range(a + 1, ndim):
            both = through(a, b) - single[a][:, None] - single[b][None, :]
            rest = rest - _along(both, zeta.ndim, a, b)
            least = roundoff(np.append(both, spread))
            pairs += [(a, int(i), b, int(j), float(both[i, j])) for i, j in np.argwhere(np.abs(both) > least)]
    left = float(np.abs(rest).max())
    if left > _ABOVE * spread:
        raise ProblemError(
            "Argument `objective` must be a sum of functions of at most two weights on a one-hot grid, but a part of up to "
            f"{left:.3g} depends on more of them at once."
        )
    return constant, single, pairs


def _along(values: np.ndarray, ndim: int, *axes: int) -> np.ndarray:
    """A function of some axes, to be broadcast over all."""
    return values.reshape([values.shape[axes.index(a)] if a in axes else 1 for a in range(ndim)])


def check_formula(problem: Problem, formula: Formula) -> None:
    """Raise :class:`MethodError` for formulas of more than order two whose time advances with one part, where both parts move."""
    still = LearningHamiltonian(problem.domain, np.zeros(1), problem.diffusion, problem.strength, problem.duration)
    if formula.order > 2 and len(formula.base) > 3 and not still.constant:
        raise MethodError(
            "Argument `formula` must be 'lie', 'strang', 'omelyan2' or 'suzuki4' on a one-hot grid where coefficients move, but is "
            f"{formula.name!r}."
        )


@dataclass(frozen=True)
class Turn:
    """One part, ``0`` pairs, ``1`` even or ``2`` odd bonds, for integrals of D and of s, one pair after the other.

    Pairs of neighbouring steps do not commute where D and s move, but their product is one block a bond too.
    """

    part: int
    amounts: tuple[tuple[float, float], ...] = ()

    @property
    def hops(self) -> bool:
        """Whether anything moves."""
        return any(d for d, _ in self.amounts)

    def on(self, bond: Bond) -> np.ndarray:
        """What it does to a bond."""
        out = np.eye(2, dtype=complex)
        for d, s in self.amounts:
            out = bond.unitary(d, s) @ out
        return out


@dataclass
class Hops:
    """Circuits of a product formula on a one-hot grid, between ends of steps."""

    problem: Problem
    h: LearningHamiltonian
    formula: Formula
    ends: np.ndarray
    sup_error: float = 0.0
    error_bound: float = 0.0
    series: None = None
    networks: int = 0

    def __post_init__(self) -> None:
        domain = self.problem.domain
        assert isinstance(domain, Grid)
        check_formula(self.problem, self.formula)
        self.domain, self.layers = domain, layers_of(domain, self.h.zeta)
        low, self.places = domain.num_qubits, list[list[int]]()
        for n in domain.qubits:
            low -= n
            self.places.append(list(range(low, low + n)))
        self.capped = sum(n * (n - 1) for n in domain.qubits)

    def gates(self, dt: float) -> int:
        """Gates of one step, before halves are merged."""
        bonds = 3 * (len(self.layers.even) + len(self.layers.odd)) + len(self.layers.pairs)
        return bonds * len(self.formula.base) * len(self.formula.substeps)

    def turns(self, ends: np.ndarray) -> list[Turn]:
        """The parts in the order in which they act, neighbours of one kind together.

        Each substep takes the integrals of both schedules over it, which keeps it symmetric in time.
        """
        sweeps = replace(self.formula, substeps=(1.0,)).ramps
        parts = [part for part, held in enumerate((self.layers.pairs, self.layers.even, self.layers.odd)) if held]
        out: list[Turn] = []
        for t0, t1 in zip(ends[:-1].tolist(), ends[1:].tolist()):
            done = 0.0
            for substep in self.formula.substeps:
                a, b = t0 + done * (t1 - t0), t0 + (done + substep) * (t1 - t0)
                d, s = self.h.amounts(a, b)
                done += substep
                for number, share in enumerate(sweeps):
                    for part in parts if number % 2 == 0 else reversed(parts):
                        last = out.pop() if out and out[-1].part == part else Turn(part)
                        out.append(Turn(part, (*last.amounts, (share * d, share * s))))
        return out

    def piece(self, ends: np.ndarray) -> QuantumCircuit:
        """The circuit from ``ends[0]`` to ``ends[-1]``; the network of its unitary where that takes fewer CX."""
        turns, circuit = self.turns(ends), QuantumCircuit(self.domain.num_qubits)
        circuit.global_phase -= self.layers.constant * self.h.amounts(float(ends[0]), float(ends[-1]))[1]
        if not self.layers.pairs and self._cx(turns) > self.capped:
            self.networks += 1
            for axis, places in enumerate(self.places):
                network(circuit, self._unitary(turns, axis), places)
            return circuit
        for turn in turns:
            self._append(circuit, turn)
        return circuit

    def _bonds(self, turn: Turn) -> tuple[Bond, ...]:
        return self.layers.even if turn.part == 1 else self.layers.odd if turn.part == 2 else ()

    def _cx(self, turns: list[Turn]) -> int:
        """CX of the steps themselves."""
        return 2 * sum(len(self._bonds(turn)) for turn in turns if turn.hops)

    def _append(self, circuit: QuantumCircuit, turn: Turn) -> None:
        for bond in self._bonds(turn):
            places = self.places[bond.axis]
            block(circuit, turn.on(bond), places[bond.low], places[bond.high])
        total = sum(s for _, s in turn.amounts)
        if turn.part == 0 and total:
            for a, i, b, j, value in self.layers.pairs:
                circuit.cp(-total * value, self.places[a][i], self.places[b][j])

    def _unitary(self, turns: list[Turn], axis: int) -> np.ndarray:
        """What the turns do to one excitation of an axis."""
        out = np.eye(self.domain.shape[axis], dtype=complex)
        for turn in turns:
            for bond in self._bonds(turn):
                if bond.axis == axis:
                    rows = [bond.low, bond.high]
                    out[rows] = turn.on(bond) @ out[rows]
        return out
