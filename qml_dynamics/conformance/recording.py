"""A backend that counts what it is sent: circuits, shots, widths, two-qubit gates and the depth of the longest circuit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backends.base import Backend, OnStep, capabilities
from ..backends.midway import sample_midway
from ..base.errors import BackendError
from ..results.trajectory import Counts

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


@dataclass(eq=False)
class Recorder:
    """A simulator as a device sees circuits: it gives samples and probabilities, no amplitudes, and remembers what it was sent.

    Attributes:
        inner: the simulator that runs the circuits.
        circuits: what was sent for samples, in order.
        shots: samples in all.
        seeds: of these circuits.
    """

    inner: Backend
    circuits: list[QuantumCircuit] = field(default_factory=list)
    shots: int = 0
    seeds: list[int] = field(default_factory=list)

    exact = False
    seeding = "circuit"

    @property
    def name(self) -> str:
        """As the simulator's."""
        return self.inner.name

    @property
    def noisy(self) -> bool:
        """As the simulator."""
        return capabilities(self.inner).noisy

    def states(self, pieces: Sequence[QuantumCircuit], on_step: OnStep) -> Iterator[np.ndarray]:
        """Refused, as on a device."""
        raise BackendError(f"Argument `backend` must give amplitudes, but {self.name} is used as a device.")

    def probabilities(self, circuits: Sequence[QuantumCircuit]) -> list[np.ndarray]:
        """Those of the simulator."""
        return self.inner.probabilities(circuits)

    def sample(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """Samples of the simulator; what was sent is remembered."""
        self.circuits.extend(circuits)
        self.shots += shots * len(circuits)
        self.seeds.extend(seeds)
        return self.inner.sample(circuits, shots, seeds)

    @property
    def measures_midway(self) -> bool:
        """As the simulator."""
        return capabilities(self.inner).midway

    def sample_midway(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """As :meth:`sample`, of circuits that measure on the way."""
        self.circuits.extend(circuits)
        self.shots += shots * len(circuits)
        self.seeds.extend(seeds)
        return sample_midway(self.inner, circuits, shots, seeds)

    def describe(self) -> dict[str, Any]:
        """As the simulator."""
        return self.inner.describe()


@dataclass(frozen=True)
class Sent:
    """What a run has sent."""

    circuits: int
    shots: int
    qubits: int
    two_qubit_gates: int
    depth: int


def sent(recorder: Recorder) -> Sent:
    """The account of a run; gates are counted in cx, rz, sx and x (level 1, which drops no rotation)."""
    from qiskit import transpile

    longest = sorted(recorder.circuits, key=lambda circuit: (circuit.num_nonlocal_gates(), circuit.size()))[-24:]
    compiled = [
        transpile(c, basis_gates=["cx", "rz", "sx", "x"], optimization_level=1, seed_transpiler=1) for c in longest
    ]
    most = max(compiled, key=lambda circuit: (circuit.size(), circuit.depth()))
    return Sent(
        len(recorder.circuits),
        recorder.shots,
        max(circuit.num_qubits for circuit in recorder.circuits),
        most.num_nonlocal_gates(),
        most.depth(),
    )
