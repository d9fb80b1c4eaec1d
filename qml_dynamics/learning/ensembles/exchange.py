"""Neurons hop between a network and its reservoir: ``H = sum_i (e_i - mu_c) n_i + g sum_bonds (XX + YY) / 2``.

The total number of active neurons is conserved, by the Hamiltonian and by every gate of its circuits, so an outcome with
another number shows an error and is thrown away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import synthesis
from ...backends import opened as find_backend
from ...backends.base import BackendLike
from ...base.arguments import checks_arguments
from ...base.errors import MethodError, describe, integer, real, require
from ...base.estimate import Estimate, mean_of_counts
from ...base.numeric import listed
from ...base.printing import printed_briefly
from ...model.domains import Hypercube
from ...model.initial import PointMass
from ...model.pauli import PauliSum
from ...model.problem import Problem
from ...model.schedules import Constant
from ...results.trajectory import Counts
from .answers import numbers

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


@printed_briefly
@dataclass(frozen=True, eq=False)
class Exchange:
    """A network of neurons coupled to a reservoir of neuron slots.

    Args:
        energies: activation energies of all neurons, the network's first, shape ``(N,)``.
        hopping: g, the rate of exchange.
        network: how many of them belong to the network; their active ones count as its neuron number.
        mu_c: chemical potential, which lowers the energy of the network's active neurons.
        bonds: pairs that exchange, each once; None: every neuron of the network with every slot of the reservoir.

    Raises:
        ProblemError: a number or a bond out of its range.

    >>> pair = Exchange([0.0, 0.0], hopping=1.0, network=1)
    >>> pair.bonds
    ((0, 1),)
    """

    energies: Any
    hopping: float
    network: int
    mu_c: float = 0.0
    bonds: Any = None

    def __post_init__(self) -> None:
        e = numbers(self.energies)
        ok = e.ndim == 1 and 2 <= e.size <= 30 and bool(np.isfinite(e).all())
        require(ok, "energies", "be 2 to 30 finite numbers", describe(self.energies))
        object.__setattr__(self, "energies", e)
        for name in ("hopping", "mu_c"):
            object.__setattr__(self, name, real(getattr(self, name), name))
        inside = integer(self.network, "network", 1, e.size - 1)
        object.__setattr__(self, "network", inside)
        every = [(i, j) for i in range(inside) for j in range(inside, e.size)]
        given = every if self.bonds is None else self.bonds
        pairs = listed(given) and len(given) > 0 and all(listed(pair) and len(pair) == 2 for pair in given)
        require(pairs, "bonds", "be pairs of different neurons", describe(self.bonds))
        bonds = tuple((integer(i, "bonds", 0, e.size - 1), integer(j, "bonds", 0, e.size - 1)) for i, j in given)
        require(all(i != j for i, j in bonds), "bonds", "be pairs of different neurons", describe(self.bonds))
        once = len({frozenset(bond) for bond in bonds}) == len(bonds)
        require(once, "bonds", "have each pair once, in either order", describe(self.bonds))
        object.__setattr__(self, "bonds", bonds)

    @property
    def costs(self) -> np.ndarray:
        """``e_i``, less ``mu_c`` for the network's neurons, shape ``(N,)``."""
        out: np.ndarray = self.energies - self.mu_c * (np.arange(len(self.energies)) < self.network)
        return out

    @property
    def operator(self) -> PauliSum:
        """H as Pauli strings; neuron i on qubit ``N - 1 - i``, bit 1 is active."""
        n = len(self.energies)
        bit = [1 << (n - 1 - i) for i in range(n)]
        x = [0] * (n + 1) + [bit[i] | bit[j] for i, j in self.bonds for _ in range(2)]
        z = [0, *bit] + [m for i, j in self.bonds for m in (0, bit[i] | bit[j])]
        c = [self.costs.sum() / 2, *(-self.costs / 2)] + [self.hopping / 2] * (2 * len(self.bonds))
        return PauliSum(n, np.array(x), np.array(z), np.array(c))

    @checks_arguments
    def problem(self, duration: float, occupied: Sequence[int]) -> Problem:
        """The problem on the real clock for the classical references; it starts with the neurons ``occupied`` active."""
        n = len(self.energies)
        start = PointMass(np.where(np.isin(np.arange(n), self._active(occupied)), 1.0, -1.0))
        return Problem(
            Hypercube(n), None, Constant(0.0), clock="real", duration=duration, initial=start, operator=self.operator
        )

    @checks_arguments
    def circuit(self, duration: float, steps: int, occupied: Sequence[int], order: int = 2) -> QuantumCircuit:
        """The product formula that conserves the number gate by gate, of order 1, 2 or 4 (``(XX + YY) / 2`` is kept whole).

        Args:
            duration, steps: total time and number of steps.
            occupied: indices of the neurons that are active at the start, each once.

        Raises:
            ProblemError: an index that is no neuron's, or one that is there twice.
        """
        return synthesis.ensembles.exchange_circuit(
            self.costs, self.bonds, self.hopping, duration, steps, order, self._active(occupied)
        )

    def _active(self, occupied: Sequence[int]) -> list[int]:
        """Indices of neurons, each once."""
        active = [integer(i, "occupied", 0, len(self.energies) - 1) for i in occupied]
        require(len(set(active)) == len(active), "occupied", "name each neuron once", active)
        return active

    def number(self, index: np.ndarray) -> np.ndarray:
        """Active neurons of the network in outcomes, same shape."""
        out: np.ndarray = np.bitwise_count(np.asarray(index) >> (len(self.energies) - self.network))
        return out

    @checks_arguments
    def sample(
        self,
        duration: float,
        steps: int,
        occupied: Sequence[int],
        *,
        backend: BackendLike = "statevector",
        shots: int = 1000,
        seed: int = 0,
        order: int = 2,
    ) -> ExchangeSample:
        """Run the circuit and keep the outcomes with the right total number.

        Raises:
            MethodError: no outcome has it.
        """
        circuit = self.circuit(duration, steps, occupied, order)
        counts = find_backend(backend).sample([circuit], integer(shots, "shots", 1, 10**9, MethodError), [seed])[0]
        kept = conserved(counts, len(set(occupied)))
        require(kept.shots > 0 if len(kept.count) else False, "shots", "leave an outcome with the right number", shots)
        n = self.number(kept.index)
        one = 1.0 if np.ptp(n) == 0 else 0.0  # a neuron that no outcome shows moved
        mean = Estimate(*mean_of_counts(n, kept.count, unseen=one), kept.shots)
        return ExchangeSample(kept, mean, 1 - kept.shots / counts.shots)


@printed_briefly
@dataclass(frozen=True, eq=False)
class ExchangeSample:
    """Outcomes that passed the check of the conserved number.

    Attributes:
        counts: the kept outcomes.
        mean_number: active neurons of the network.
        rejected: share of outcomes that showed an error.
    """

    counts: Counts
    mean_number: Estimate
    rejected: float


@checks_arguments
def conserved(counts: Counts, total: int) -> Counts:
    """The outcomes whose number of ones is ``total``.

    >>> conserved(Counts(np.array([1, 2, 3]), np.array([5, 4, 1])), total=1).count.tolist()
    [5, 4]
    """
    keep = np.bitwise_count(counts.index) == integer(total, "total", 0, 62)
    return Counts(counts.index[keep], counts.count[keep])
