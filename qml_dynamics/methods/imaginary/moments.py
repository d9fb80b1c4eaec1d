"""A post-selected run at one time on an exact backend: laws in both bases, purity, success; and waves set on a simulator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ... import synthesis
from ...backends import Backend
from ...model.domains import Domain
from ...model.hamiltonians import Hamiltonian, LearningHamiltonian
from ...model.transforms import Transform

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


@dataclass(frozen=True, eq=False)
class Moment:
    """A post-selected wave.

    Attributes:
        time: tau.
        wave: unit norm, shape ``domain.shape``.
        log_norm: logarithm of ``|e^{-tau H} psi|``, from the success probability or from energies.
        success: probability that the samples up to here are kept.
        rows: kept amplitudes before normalisation, one wave for each kept value of the other qubits, shape ``(r, *shape)``.
        log_norm_stderr: its standard error where it comes from samples.
    """

    time: float
    wave: np.ndarray
    log_norm: float
    success: float
    rows: np.ndarray
    log_norm_stderr: float = 0.0

    def weight_law(self) -> np.ndarray:
        """Distribution of the kept samples in the weight basis."""
        return np.asarray((np.abs(self.rows) ** 2).sum(axis=0) / self.success)

    def dual_law(self, h: Hamiltonian) -> np.ndarray:
        """Distribution of the kept samples in the dual basis."""
        transform = h.transform if isinstance(h, LearningHamiltonian) else Transform(h.domain)
        dual = (np.abs(transform.forward(np.array(row, dtype=complex))) ** 2 for row in self.rows)
        return np.asarray(sum(dual) / self.success)

    @property
    def purity(self) -> float:
        """Share of the kept weight that is in the wave itself: 1 less what the other qubits still know."""
        overlaps = np.abs(self.rows.reshape(len(self.rows), -1) @ self.wave.reshape(-1).conj()) ** 2
        return float(overlaps.sum() / self.success)


def silent(done: int, total: int) -> None:
    """No progress."""


def advanced(backend: Backend, domain: Domain, wave: np.ndarray, circuit: QuantumCircuit) -> np.ndarray:
    """The amplitudes after ``circuit`` on ``wave``, its other qubits (above those of the domain) in ``|0>``.

    Shape ``(2^others, *domain.shape)``. The wave is one that the same simulator gave before.
    """
    flat = wave.reshape(-1) / np.linalg.norm(wave)
    if backend.name.startswith(("aer", "statevector")):
        load = synthesis.states.handed_over(flat, circuit.num_qubits)
    else:
        load = synthesis.states.empty(circuit.num_qubits)
        synthesis.states.amplitudes(flat, load, range(domain.num_qubits))
    *_, out = backend.states([load, circuit], silent)
    return out.reshape(-1, *domain.shape)
