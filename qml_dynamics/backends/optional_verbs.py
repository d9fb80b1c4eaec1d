"""Verbs that only some backends have, one protocol each: bound parameters, charged seconds, and what a job or an error says.

A module of its own beside `base`: whoever calls one of them has asked :func:`~qml_dynamics.backends.capabilities` for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from .base import Asked, Backend, JobBackend

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


@runtime_checkable
class BindingBackend(Backend, Protocol):
    """A backend that gives exact probabilities of one circuit at many values of its parameters in one call."""

    def probabilities_bound(self, circuit: QuantumCircuit, values: np.ndarray) -> np.ndarray:
        """Outcome probabilities at each row of ``values`` (shape ``(m, parameters)``), shape ``(m, 2**n)``."""
        ...

    def draws_exactly(self, num_qubits: int) -> bool:
        """Whether samples of circuits of this width are drawn from such probabilities."""
        ...


@dataclass(frozen=True, eq=False)
class VendorBatch:
    """Jobs that a vendor schedules together: one after the other with little between them, each for itself.

    Attributes:
        id: the vendor's, None where it gives none.
        backend: what is submitted to it is a job of the batch; the other verbs are those of the backend that opened it.
        close: no more jobs come, and those that are queued still run.
    """

    id: str | None
    backend: JobBackend
    close: Callable[[], None]


class BatchingBackend(JobBackend, Protocol):
    """A backend whose vendor schedules jobs together (``Capabilities.vendor_batches``)."""

    def open_batch(self) -> VendorBatch:
        """A new batch; raises :class:`BackendError` where the vendor refuses."""
        ...


class TimedBackend(Protocol):
    """A backend that knows what a job will be charged (``Capabilities.seconds``)."""

    def seconds(self, circuits: Sequence[Asked | QuantumCircuit], shots: int) -> float:
        """Seconds that one job with these circuits is charged."""
        ...


class TransientBackend(Protocol):
    """A backend that knows which errors may pass (``Capabilities.transient``)."""

    def transient(self, error: BaseException) -> bool | None:
        """Whether a call may be repeated after this error; None: not known."""
        ...


class ReasonedBackend(Protocol):
    """A backend that says why a job failed (``Capabilities.reason``)."""

    def reason(self, job_id: str) -> str | None:
        """The vendor's message."""
        ...


class MeteredBackend(Protocol):
    """A backend that says what a job took (``Capabilities.usage``)."""

    def usage(self, job_id: str) -> float | None:
        """Seconds charged; None until the vendor has made up the account."""
        ...
