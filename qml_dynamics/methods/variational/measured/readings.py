"""What is measured of a Hamiltonian: its energy in a few bases, and its variance.

Learning Hamiltonians: the weight basis gives the loss and the dual basis the kinetic part, whatever their Pauli terms are.
Operators: groups of terms that commute qubit by qubit. The variance of ``H = D T + s V`` needs ``Re <T V>`` beside: T has few
Walsh terms ``T = sum_m c_m Z_m`` over the bits of the dual basis, and ``Re <Z_m V>`` is a Hadamard test that is read jointly with
the register in the weight basis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from qiskit import QuantumCircuit

from ....base.estimate import mean_of_counts
from ....model.hamiltonians import Hamiltonian, LearningHamiltonian, PauliHamiltonian
from ....model.masks import as_masks, bit_count
from ....model.pauli import PauliSum
from ....model.schedules import Constant, Schedule
from ....results.observables import PauliGroup, pauli_groups
from ....results.rare import flips, neighbours_of, unseen_change
from ....synthesis.transforms import dual_index, dual_series, registers, to_dual, width
from .outcomes import Key, Outcome, Request, Seen
from .rotations import to_letters

ENERGY, VARIANCE = 0, 1
_TINY = 1e-12
Values = Callable[[np.ndarray, float], np.ndarray]


@dataclass(frozen=True, eq=False)
class Basis:
    """One way to measure: what closes the circuit, what an outcome adds to the energy at a time, and the outcomes beside one."""

    close: Callable[[QuantumCircuit], None]
    values: Values
    beside: Callable[[int], np.ndarray]


@dataclass(frozen=True, eq=False)
class Energy:
    """Energy by basis.

    Attributes:
        parts, variances: mean and its variance in each basis, shape ``(bases,)``.
    """

    parts: np.ndarray
    variances: np.ndarray

    @property
    def value(self) -> float:
        """Mean energy."""
        return float(self.parts.sum())

    @property
    def stderr(self) -> float:
        """Its standard error."""
        return float(np.sqrt(self.variances.sum()))


Whole = Callable[[], QuantumCircuit]  # makes the ansatz' circuit, with a free ancilla where one is needed


class Readings:
    """The measurements of a Hamiltonian on circuits of ``width`` qubits; the ancilla of Hadamard tests is qubit ``width``."""

    def __init__(self, h: Hamiltonian, width: int) -> None:
        self.h, self.width = h, width
        self.bases = (
            _learning_bases(h)
            if isinstance(h, LearningHamiltonian)
            else [_group_basis(group, h.at) for group in pauli_groups(h.terms)]
        )
        self.mixed = _dual_terms(h) if isinstance(h, LearningHamiltonian) and len(self.bases) == 2 else []
        self.square = lru_cache(maxsize=4)(partial(_square_at, h))
        self.squares = _squares(h, self.square) if isinstance(h, PauliHamiltonian) else []

    @property
    def needs_ancilla(self) -> bool:
        """Whether the variance is measured with one."""
        return bool(self.mixed)

    def register(self, index: np.ndarray) -> np.ndarray:
        """Outcomes of the register alone."""
        return index & ((1 << self.width) - 1)

    def sign(self, index: np.ndarray) -> np.ndarray:
        """Outcome of the ancilla, +1 or -1."""
        return 1.0 - 2.0 * (index >> self.width & 1)

    def _values(self, basis: Basis, t: float, index: np.ndarray) -> np.ndarray:
        return basis.values(self.register(index), t)

    def mean(
        self, outcome: Outcome, basis: Basis, values: Callable[[np.ndarray], np.ndarray], ancilla: bool = False
    ) -> tuple[float, float]:
        """Mean of a number for each outcome, and the variance of this mean, with room for outcomes that were not seen."""
        if outcome.shots is None:
            return outcome.mean(values(outcome.index))
        mode = int(outcome.index[int(np.argmax(outcome.count))])
        low = mode & ((1 << self.width) - 1)
        near = basis.beside(low) + (mode - low)
        near = np.append(near, mode ^ (1 << self.width)) if ancilla else near
        unseen = unseen_change(outcome.index, outcome.count, near, values)
        mean, stderr = mean_of_counts(values(outcome.index), outcome.count, unseen)
        return mean, stderr**2

    def energy_requests(self, whole: Whole, key: Key = (ENERGY,)) -> list[Request]:
        """One circuit a basis."""
        return [Request((*key, k), partial(_closed, whole, basis)) for k, basis in enumerate(self.bases)]

    def energy(self, seen: Seen, t: float, key: Key = (ENERGY,)) -> Energy:
        """Read :meth:`energy_requests`."""
        found = []
        for k, basis in enumerate(self.bases):
            outcome = seen[(*key, k)]
            found.append(self.mean(outcome, basis, partial(self._values, basis, t)))
        return Energy(np.array([m for m, _ in found]), np.array([v for _, v in found]))

    def variance_requests(self, whole: Whole) -> list[Request]:
        """What the variance takes beside the energy's own circuits."""
        out = [Request((VARIANCE, j), partial(self._test, whole, qubits)) for j, (_, qubits) in enumerate(self.mixed)]
        return out + [Request((VARIANCE, j), partial(_closed, whole, b)) for j, b in enumerate(self.squares)]

    def variance(self, seen: Seen, t: float) -> tuple[float, float]:
        """Unbiased estimate of ``<H^2> - <H>^2`` at time t, and the variance of this estimate."""
        learning = isinstance(self.h, LearningHamiltonian)
        return self._learning_variance(seen, t) if learning else self._operator_variance(seen, t)

    def _test(self, whole: Whole, qubits: Sequence[int]) -> QuantumCircuit:
        """The Hadamard test of one Walsh term of the kinetic part."""
        circuit = whole()
        circuit.h(self.width)
        to_dual(self.h.domain, circuit)
        for q in qubits:
            circuit.cz(self.width, q)
        to_dual(self.h.domain, circuit, inverse=True)
        circuit.h(self.width)
        return circuit

    def _learning_variance(self, seen: Seen, t: float) -> tuple[float, float]:
        total = noise = 0.0
        means = []
        for k, basis in enumerate(self.bases):
            outcome = seen[ENERGY, k]
            values = basis.values(self.register(outcome.index), t)
            mean, _ = outcome.mean(values)
            scale = 1.0 if outcome.shots is None else outcome.shots / (outcome.shots - 1)
            square, _ = outcome.mean((values - mean) ** 2)
            total += scale * square
            means.append(mean)
        lever = 0.0  # how the mixed terms hang on the mean loss that they subtract
        if self.mixed:
            cross, noise, lever = self._mixed_mean(seen, t, means[0])
            total += 2 * cross
        for k, basis in enumerate(self.bases):
            outcome = seen[ENERGY, k]
            pull = 2 * lever if k == 0 else 0.0

            def away(index: np.ndarray, basis: Basis = basis, mean: float = means[k], pull: float = pull) -> np.ndarray:
                """``(value - mean)^2 - pull value`` of each outcome, whose spread is the error of the variance."""
                values = self._values(basis, t, index)
                return (values - mean) ** 2 - pull * values

            noise += self.mean(outcome, basis, away)[1]
        return total, noise

    def _mixed_mean(self, seen: Seen, t: float, mean_loss: float) -> tuple[float, float, float]:
        """``Re <(D T - const)(s V - mean)>``, the variance of twice this, and the sum of the terms' own means."""
        d, _ = self.h.coefficients(t)
        cross = noise = lever = 0.0
        for j, (c, _) in enumerate(self.mixed):
            outcome = seen[VARIANCE, j]
            sign = self.sign(outcome.index)
            mean, variance = self.mean(outcome, self.bases[0], partial(self.signed, self.bases[0], t, mean_loss), True)
            cross += d * c * mean
            noise += (2 * d * c) ** 2 * variance
            lever += d * c * outcome.mean(sign)[0]
        return cross, noise, lever

    def signed(self, basis: Basis, t: float, mean: float, index: np.ndarray) -> np.ndarray:
        """What an outcome adds to the energy above a mean, times that of the ancilla."""
        return self.sign(index) * (self._values(basis, t, index) - mean)

    def _operator_variance(self, seen: Seen, t: float) -> tuple[float, float]:
        energy, constant = self.energy(seen, t), _constant_of(self.square(t))
        total, noise = constant + energy.stderr**2 - energy.value**2, 0.0
        for j, basis in enumerate(self.squares):
            outcome = seen[VARIANCE, j]
            mean, variance = self.mean(outcome, basis, partial(self._values, basis, t))
            total, noise = total + mean, noise + variance
        return total, noise + (2 * energy.value * energy.stderr) ** 2


def _closed(whole: Whole, basis: Basis) -> QuantumCircuit:
    circuit = whole()
    basis.close(circuit)
    return circuit


def _learning_bases(h: LearningHamiltonian) -> list[Basis]:
    """Weight and dual basis; one of them where the other part is switched off for good."""
    zeta, dual, last = h.zeta.reshape(-1), h.dual.reshape(-1), h.domain.size - 1

    def weight_values(index: np.ndarray, t: float) -> np.ndarray:
        """``s(t) zeta`` of outcomes in the weight basis."""
        out: np.ndarray = h.coefficients(t)[1] * zeta[index & last]
        return out

    def dual_values(index: np.ndarray, t: float) -> np.ndarray:
        """``D(t) k^2`` of outcomes in the dual basis."""
        out: np.ndarray = h.coefficients(t)[0] * dual[dual_index(h.domain, index)]
        return out

    def dual_beside(index: int) -> np.ndarray:
        """Outcomes whose momenta are next to that of ``index``."""
        places = dual_index(
            h.domain, np.arange(1 << width(h.domain))
        )  # of every outcome, those of the ancillas of walls too
        _, first = np.unique(places, return_index=True)
        out: np.ndarray = first[neighbours_of(h.domain, int(places[index]))]
        return out

    weight = Basis(lambda circuit: None, weight_values, lambda index: neighbours_of(h.domain, index & last))
    kinetic = Basis(partial(to_dual, h.domain), dual_values, dual_beside)
    if _off(h.diffusion):
        return [weight]
    return [kinetic] if _off(h.strength) else [weight, kinetic]


def _off(schedule: Schedule) -> bool:
    return isinstance(schedule, Constant) and schedule.value(0.0, 1.0) == 0


def _group_basis(group: PauliGroup, at: Callable[[float], PauliSum]) -> Basis:
    """The basis of a group of strings whose coefficients at a time are those of ``at(t)``, 0 for a string that is not there."""
    word = [(q, letter) for q, letter in enumerate(group.letters) if letter != "I"]
    support = group.terms.x | group.terms.z

    def values(index: np.ndarray, t: float) -> np.ndarray:
        """The energy of a group of commuting Pauli strings for each outcome at time ``t``."""
        parity = bit_count(index[:, None] & support[None, :]) & 1
        now = at(t)
        known = dict(zip(zip(now.x.tolist(), now.z.tolist()), now.coefficients.tolist()))
        keys = zip(group.terms.x.tolist(), group.terms.z.tolist())
        return np.asarray((1 - 2.0 * parity) @ np.array([known.get(key, 0.0) for key in keys]))

    return Basis(lambda circuit: to_letters(circuit, word), values, partial(flips, group.terms.num_qubits))


def _dual_terms(h: LearningHamiltonian) -> list[tuple[float, list[int]]]:
    """Coefficient and qubits of the Walsh terms of minus the Laplacian over the bits of the dual basis, but the constant."""
    out: list[tuple[float, list[int]]] = []
    for axis, qubits in enumerate(registers(h.domain)):
        series = dual_series(h.domain, axis)
        top = float(np.abs(series.coefficients).max())
        for mask, c in zip(series.masks.tolist(), series.coefficients.tolist()):
            if mask and abs(c) > _TINY * top:
                out.append((c, [q for i, q in enumerate(qubits) if mask >> i & 1]))
    return out


def _square_at(h: Hamiltonian, t: float) -> PauliSum:
    """``H(t)^2`` of an operator."""
    assert isinstance(h, PauliHamiltonian)
    return squared(h.at(t))


def _squares(h: PauliHamiltonian, at: Callable[[float], PauliSum]) -> list[Basis]:
    """The bases of ``H(t)^2`` but its multiple of the identity: of the squares of the H_k, and of what two of them have in common."""
    found: dict[tuple[int, int], float] = {}
    for j, first in enumerate(h.pieces):
        for k, second in enumerate(h.pieces[: j + 1]):
            both = squared(first) if j == k else _crossed(first, second)
            for x, z, c in zip(both.x.tolist(), both.z.tolist(), both.coefficients.tolist()):
                found[x, z] = max(found.get((x, z), 0.0), abs(c))
    rest = [(key, c) for key, c in sorted(found.items()) if key != (0, 0)]
    if not rest:
        return []
    x, z = (as_masks([key[i] for key, _ in rest], h.num_qubits) for i in (0, 1))
    groups = pauli_groups(PauliSum(h.num_qubits, x, z, np.array([c for _, c in rest])))
    return [_group_basis(group, at) for group in groups]


def _crossed(first: PauliSum, second: PauliSum) -> PauliSum:
    """``A B + B A`` of two sums without a string in common."""
    both = PauliSum(
        first.num_qubits,
        np.concatenate([first.x, second.x]),
        np.concatenate([first.z, second.z]),
        np.concatenate([first.coefficients, second.coefficients]),
    )
    totals = _totals(squared(both))
    for each in (first, second):
        for key, c in _totals(squared(each)).items():
            totals[key] = totals.get(key, 0.0) - c
    x, z = (as_masks([key[i] for key in totals], first.num_qubits) for i in (0, 1))
    return PauliSum(first.num_qubits, x, z, np.array(list(totals.values())))


def _totals(terms: PauliSum) -> dict[tuple[int, int], float]:
    return dict(zip(zip(terms.x.tolist(), terms.z.tolist()), terms.coefficients.tolist()))


def _constant_of(terms: PauliSum) -> float:
    """The multiple of the identity in a sum."""
    return float(terms.coefficients[(terms.x | terms.z) == 0].sum())


def squared(terms: PauliSum) -> PauliSum:
    """The square of a Hermitian sum.

    >>> from qml_dynamics.model.pauli import pauli_sum
    >>> squared(pauli_sum(np.array([[1.0, 2.0], [2.0, -1.0]]))).coefficients.tolist()  # (Z + 2 X)^2 = 5
    [5.0]
    """
    totals: dict[tuple[int, int], complex] = {}
    rows = list(zip(terms.x.tolist(), terms.z.tolist(), terms.coefficients.tolist()))
    for x1, z1, c1 in rows:
        for x2, z2, c2 in rows:
            x, z = x1 ^ x2, z1 ^ z2
            turns = (x1 & z1).bit_count() + (x2 & z2).bit_count() + 2 * (z1 & x2).bit_count() - (x & z).bit_count()
            totals[x, z] = totals.get((x, z), 0.0) + c1 * c2 * 1j ** (turns % 4)
    top = max(map(abs, totals.values()))
    kept = sorted((key, value.real) for key, value in totals.items() if abs(value.real) > _TINY * top) or [
        ((0, 0), 0.0)
    ]
    x, z = (as_masks([key[i] for key, _ in kept], terms.num_qubits) for i in (0, 1))
    return PauliSum(terms.num_qubits, x, z, np.array([c for _, c in kept]))
