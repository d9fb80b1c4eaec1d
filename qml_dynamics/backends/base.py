"""The contract of a backend as protocols: states, probabilities, samples, estimates, jobs; no vendor's type behind it.

Outcomes are integers over all qubits of the circuit, qubit 0 the least significant bit, whatever order the vendor uses and
wherever its compiler has put the qubits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from ..base.errors import BackendError, integer
from ..results.trajectory import Counts

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from ..model.pauli import PauliSum

OnStep = Callable[[int, int], None]


@runtime_checkable
class Backend(Protocol):
    """What evolves and samples circuits.

    Attributes:
        name: how it is called, as in ``qd.backend(name)``.
        exact: whether it can give amplitudes (a noiseless simulator).

    Two more attributes may be there, and are read with these defaults: ``noisy`` (False), whether outcomes carry noise other
    than that of shots; ``seeding`` (``"circuit"``), what the seeds decide: ``"circuit"``, the counts of a circuit for any
    batching; ``"batch"``, those of a whole call; ``"none"``, nothing, as on a device.
    """

    @property
    def name(self) -> str:
        """How it is called."""
        ...

    @property
    def exact(self) -> bool:
        """Whether it gives amplitudes."""
        ...

    def states(self, pieces: Sequence[QuantumCircuit], on_step: OnStep) -> Iterator[np.ndarray]:
        """The amplitudes after each of consecutive circuits, in one pass (exact backends only)."""
        ...

    def probabilities(self, circuits: Sequence[QuantumCircuit]) -> list[np.ndarray]:
        """Exact outcome probabilities, noise included; raises :class:`BackendError` where they cannot be known."""
        ...

    def sample(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """``shots`` outcomes of each circuit with all qubits measured; one seed a circuit."""
        ...

    def describe(self) -> dict[str, Any]:
        """Name, versions and options, for provenance; never a credential."""
        ...


@runtime_checkable
class MidwayBackend(Backend, Protocol):
    """A backend that also runs circuits which measure and reset qubits on the way.

    Attributes:
        measures_midway: whether it does, with the options that it was made with.
    """

    @property
    def measures_midway(self) -> bool:
        """Whether it does."""
        ...

    def sample_midway(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """As :meth:`sample`, all qubits measured at the end; the bit above them is 1 where any bit on the way was 1."""
        ...


@dataclass(frozen=True, eq=False)
class Asked:
    """Expectation values that a backend is asked for: operators at the end of an unmeasured circuit."""

    circuit: QuantumCircuit
    operators: tuple[PauliSum, ...]

    @property
    def num_qubits(self) -> int:
        """Width of the circuit."""
        return self.circuit.num_qubits


@dataclass(frozen=True, eq=False)
class Expected:
    """The answer to :class:`Asked`: a value and its standard error for each operator."""

    value: np.ndarray
    stderr: np.ndarray


@runtime_checkable
class EstimatingBackend(Backend, Protocol):
    """A backend whose vendor estimates operators itself, with error mitigation of its own.

    Attributes:
        estimates: whether it does, with the options that it was made with.
    """

    @property
    def estimates(self) -> bool:
        """Whether it does."""
        ...

    def estimate(self, asked: Sequence[Asked], shots: int, seeds: Sequence[int]) -> list[Expected]:
        """The operators of each circuit, from ``shots`` samples in each measurement basis and at each noise scale."""
        ...


@runtime_checkable
class JobBackend(Backend, Protocol):
    """A backend whose work is a job with an id that outlives this process (cloud devices and their local stand-ins)."""

    max_circuits: int

    def submit(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int], tag: str) -> str:
        """Send one job of at most ``max_circuits`` circuits, marked with ``tag``; returns the vendor's id at once.

        Where the backend also keeps :class:`MidwayBackend`, circuits may measure on the way; where it keeps
        :class:`EstimatingBackend`, all of them may be :class:`Asked`, and :meth:`collect` gives :class:`Expected`.
        """
        ...

    def status(self, job_id: str) -> str:
        """``"queued"``, ``"running"``, ``"done"``, ``"failed"``, ``"cancelled"`` or ``"lost"``."""
        ...

    def collect(self, job_id: str) -> list[Counts]:
        """The outcomes of a job that is done, one a circuit, in the order in which they were submitted."""
        ...

    def find(self, tag: str) -> list[str]:
        """Ids of the jobs that the vendor holds under this tag."""
        ...

    def cancel(self, job_id: str) -> None:
        """Ask the vendor to cancel a job."""
        ...


def mitigates(backend: Any) -> bool:
    """Whether a backend's counts stand for fewer samples than were taken."""
    return bool(getattr(backend, "mitigates", getattr(getattr(backend, "options", None), "mitigates", False)))


def check_width(num_qubits: int, limit: int, name: str) -> None:
    """Raise :class:`BackendError` when a circuit has more qubits than the backend."""
    if num_qubits > limit:
        raise BackendError(f"Argument `backend` must have at least {num_qubits} qubits, but {name} has {limit}.")


def check_asked(asked: Sequence[Asked], shots: int | None) -> None:
    """As :func:`check_circuits`, and every operator has to be as wide as its circuit."""
    check_circuits([item.circuit for item in asked], shots)
    for item in asked:
        for operator in item.operators:
            if operator.num_qubits != item.num_qubits:
                raise BackendError(
                    f"Argument `operators` must act on {item.num_qubits} qubits, but one acts on {operator.num_qubits}."
                )


def check_circuits(circuits: Sequence[QuantumCircuit], shots: int | None = None, midway: bool = False) -> None:
    """Raise :class:`BackendError` unless all circuits are bound and unmeasured, and the shots are a positive integer.

    With ``midway`` they may measure on the way.
    """
    if shots is not None:
        integer(shots, "shots", 1, 10**9, BackendError)
    for circuit in circuits:
        if (circuit.num_clbits and not midway) or circuit.parameters:
            free = sorted(map(str, circuit.parameters))
            what = f"has the free parameters {free}" if free else f"has {circuit.num_clbits} classical bits"
            raise BackendError(f"Argument `circuits` must be bound and unmeasured, but one {what}.")
