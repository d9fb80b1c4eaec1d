"""Readout errors of single qubits, undone by inverting one 2 x 2 matrix a qubit.

``A[read, true]`` has columns that sum to 1; the joint matrix is the product over qubits, so its inverse is applied axis by
axis in ``n 2^n`` operations. What comes out sums to 1 but may have small negative entries; the nearest distribution in the
2-norm is taken (Smolin, Gambetta and Smith, Phys. Rev. Lett. 108, 070502 (2012), arXiv:1106.5458).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from qiskit import QuantumCircuit

from ...base.errors import BackendError, check_memory
from ...results.trajectory import Counts
from ..base import Backend

_EXACT = 1e12  # samples that exact probabilities are worth
_REDRAWN = 64  # times that a calibration is drawn again: a standard error to 9 %


def unread(probabilities: np.ndarray, errors: Sequence[tuple[float, float]]) -> np.ndarray:
    """Undo readout errors.

    Args:
        probabilities: of the outcomes of n qubits, shape ``(2**n,)``, qubit 0 the least significant bit.
        errors: for each qubit ``(p(1|0), p(0|1))``.

    Raises:
        BackendError: a qubit is read at random, ``p(1|0) + p(0|1) >= 1``.

    >>> unread(np.array([0.9, 0.1]), [(0.1, 0.3)]).round(12).tolist()
    [1.0, 0.0]
    """
    out = np.asarray(probabilities, dtype=float).reshape((2,) * len(errors))
    for qubit, (up, down) in enumerate(errors):
        if up + down >= 1:
            raise BackendError(f"Readout of qubit {qubit} is random: p(1|0) = {up:.3g}, p(0|1) = {down:.3g}.")
        axis = len(errors) - 1 - qubit
        inverse = np.array([[1 - down, -down], [-up, 1 - up]]) / (1 - up - down)
        out = np.moveaxis(np.tensordot(inverse, out, axes=(1, axis)), 0, axis)
    return out.reshape(-1)


def read(probabilities: np.ndarray, errors: Sequence[tuple[float, float]]) -> np.ndarray:
    """Apply readout errors: the inverse of :func:`unread`."""
    out = np.asarray(probabilities, dtype=float).reshape((2,) * len(errors))
    for qubit, (up, down) in enumerate(errors):
        axis = len(errors) - 1 - qubit
        out = np.moveaxis(np.tensordot(np.array([[1 - up, down], [up, 1 - down]]), out, axes=(1, axis)), 0, axis)
    return out.reshape(-1)


def amplification(errors: Sequence[tuple[float, float]]) -> float:
    """How much :func:`unread` can enlarge a standard error: the product over qubits of ``1 / (1 - p(1|0) - p(0|1))``.

    It is exact for the parity of all qubits, the observable that suffers most.
    """
    return float(np.prod([1.0 / (1.0 - up - down) for up, down in errors]))


def calibrated(zeros: np.ndarray, ones: np.ndarray, num_qubits: int) -> list[tuple[float, float]]:
    """``(p(1|0), p(0|1))`` of each qubit from the frequencies after preparing all zeros and all ones, shape ``(2**n,)``.

    Half a count is added to each side (Jeffreys), so that a qubit without an error in the sample is not called perfect.
    """
    return [(float(up), float(down)) for up, down in (_wrong(zeros, ones, num_qubits) + 0.5) / _shots(zeros, ones)]


def _wrong(zeros: np.ndarray, ones: np.ndarray, num_qubits: int) -> np.ndarray:
    """How often each qubit was read wrongly after all zeros and after all ones, shape ``(num_qubits, 2)``."""
    seen = [[c.reshape(-1, 2, 1 << q).sum(axis=(0, 2)) for c in (zeros, ones)] for q in range(num_qubits)]
    return np.array([(zero[1], one[0]) for zero, one in seen])


def _shots(zeros: np.ndarray, ones: np.ndarray) -> np.ndarray:
    """Shots of both circuits with the count that is added, shape ``(2,)``."""
    return np.array([zeros.sum() + 1.0, ones.sum() + 1.0])


@dataclass(frozen=True)
class Calibration:
    """Readout errors of the qubits of a device, with what is not known of them.

    Attributes:
        errors: ``(p(1|0), p(0|1))`` of each qubit.
        redrawn: the same, as often as they were drawn from what the counts leave open; empty where they are exact.
        shots: of each of both circuits; None where they are exact.
    """

    errors: list[tuple[float, float]]
    redrawn: tuple[list[tuple[float, float]], ...] = ()
    shots: int | None = None


def readout_errors(device: Backend, num_qubits: int, shots: int, seed: int) -> Calibration:
    """The errors with which a backend reads all zeros and all ones: exactly where it can, else from ``shots`` each.

    The X gates of the second circuit are counted in. What counts leave open is Jeffreys' posterior of each rate, a beta law whose mean
    is the rate that is told; rates of different qubits are taken as independent, as the model of the errors takes the errors.

    Raises:
        BackendError: the backend answers another number of qubits, or failed.

    >>> from qml_dynamics.backends import backend
    >>> found = readout_errors(backend("statevector"), 2, 100, 1)
    >>> found.errors[0][0] < 1e-9, found.shots
    (True, None)
    """
    zeros, ones = QuantumCircuit(num_qubits), QuantumCircuit(num_qubits)
    ones.x(range(num_qubits))
    asked: int | None = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # circuits without gates may have no noise
        try:
            found = [np.asarray(p) * _EXACT for p in device.probabilities([zeros, ones])]
        except Exception:  # of any kind: the backend may be a person's own
            asked = shots
            counts = device.sample([zeros, ones], shots, [seed, seed + 1])
            found = [c.histogram(1 << num_qubits) * float(shots) for c in counts]
    for f in found:
        if f.size != 1 << num_qubits:
            raise BackendError(f"Argument `backend` must answer {num_qubits} qubits, but {device.name} answers others.")
    errors = calibrated(found[0], found[1], num_qubits)
    if asked is None:
        return Calibration(errors)
    wrong, of = _wrong(found[0], found[1], num_qubits) + 0.5, _shots(found[0], found[1])
    drawn = np.random.default_rng([seed, _REDRAWN]).beta(wrong, of - wrong, (_REDRAWN, num_qubits, 2))
    return Calibration(errors, tuple([(float(up), float(down)) for up, down in one] for one in drawn), asked)


def nearest_distribution(quasi: np.ndarray) -> np.ndarray:
    """The closest probability distribution in the 2-norm: shift all entries down by one number and cut at 0.

    >>> nearest_distribution(np.array([1.1, -0.1])).tolist()
    [1.0, 0.0]
    """
    ordered = np.sort(quasi)[::-1]
    shift = (np.cumsum(ordered) - 1.0) / np.arange(1, ordered.size + 1)
    last = int(np.flatnonzero(ordered > shift)[-1])
    out: np.ndarray = np.maximum(quasi - shift[last], 0.0)
    return out


def as_counts(probabilities: np.ndarray, shots: float) -> Counts:
    """A distribution as ``floor(shots)`` whole counts, each within one of the exact share (largest remainders are rounded up)."""
    total = max(1, int(shots))
    share = probabilities / probabilities.sum() * total
    whole = np.floor(share).astype(np.int64)
    missing = total - int(whole.sum())
    whole[np.argsort(whole - share, kind="stable")[:missing]] += 1
    index = np.flatnonzero(whole)
    return Counts(index, whole[index])


def dense(counts: Counts, num_qubits: int) -> np.ndarray:
    """Relative frequencies on all outcomes; refused where they would not fit into memory."""
    check_memory(64 << num_qubits, f"Mitigation on {num_qubits} qubits")
    return counts.histogram(1 << num_qubits)
