"""One parameterised circuit at many parameter values, as one batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from ..base.errors import BackendError, check_memory
from ..results.sampling import draw
from ..results.trajectory import Counts
from .base import Backend, capabilities, check_circuits
from .optional_verbs import BindingBackend

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


def sample_bound(
    backend: Backend, circuit: QuantumCircuit, values: npt.ArrayLike, shots: int, seeds: Sequence[int]
) -> list[Counts]:
    """``shots`` outcomes of one unmeasured circuit at each row of ``values``.

    Aer binds the rows while it runs, several times faster than a list of bound circuits; every other backend gets that list
    as one batch. The counts are the same either way where seeds decide them.

    Args:
        circuit: with p free parameters.
        values: shape ``(m, p)``, columns in the order of ``circuit.parameters``.
        seeds: one a row.

    >>> from qiskit import QuantumCircuit
    >>> from qiskit.circuit import Parameter
    >>> from qml_dynamics import backend
    >>> turn = QuantumCircuit(1); _ = turn.ry(Parameter("angle"), 0)
    >>> [c.index.tolist() for c in sample_bound(backend("aer"), turn, [[0.0], [np.pi]], 10, [1, 2])]
    [[0], [1]]
    """
    rows = _rows(circuit, values)
    check_circuits([], shots)
    if len(seeds) != len(rows):
        raise BackendError(f"Argument `seeds` must have one entry for each of {len(rows)} rows, but has {len(seeds)}.")
    if _binds(backend, circuit):
        return [draw(p, shots, seed) for p, seed in zip(probabilities_bound(backend, circuit, rows), seeds)]
    return backend.sample([circuit.assign_parameters(row) for row in rows], shots, seeds)


def probabilities_bound(backend: Backend, circuit: QuantumCircuit, values: npt.ArrayLike) -> np.ndarray:
    """Exact outcome probabilities at each row of ``values``, shape ``(m, 2**n)``; arguments as in :func:`sample_bound`."""
    rows = _rows(circuit, values)
    check_memory(48 * len(rows) << circuit.num_qubits, f"{len(rows)} distributions on {circuit.num_qubits} qubits")
    if capabilities(backend).binds:
        return cast(BindingBackend, backend).probabilities_bound(circuit, rows)
    return np.array(backend.probabilities([circuit.assign_parameters(row) for row in rows]))


def _binds(backend: Backend, circuit: QuantumCircuit) -> bool:
    """Whether the backend takes all rows at once and would draw from exact probabilities anyway."""
    return capabilities(backend).binds and bool(cast(BindingBackend, backend).draws_exactly(circuit.num_qubits))


def _rows(circuit: QuantumCircuit, values: npt.ArrayLike) -> np.ndarray:
    rows = np.asarray(values, dtype=float)
    if rows.ndim != 2 or rows.shape[1] != circuit.num_parameters or not np.isfinite(rows).all():
        raise BackendError(
            f"Argument `values` must be finite, of shape (m, {circuit.num_parameters}), but has shape {rows.shape}."
        )
    return rows
