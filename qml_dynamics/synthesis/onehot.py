"""Weights in one-hot encoding: ``x`` as ``sum_i x_i |..1_i..> / |x|``, one qubit a weight, loaded and sent through layers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from qiskit import QuantumCircuit

from ..base.errors import ProblemError, describe, require
from .growth import finite_matrix, givens, layer


def numbers(vector: npt.ArrayLike) -> np.ndarray:
    """A vector of finite real numbers; :class:`ProblemError` for anything else.

    >>> numbers([3, -4])
    array([ 3., -4.])
    """
    try:
        x = np.array(vector)
        real = x.dtype.kind != "c"
        x = x.astype(float if real else complex)
    except Exception:  # of any kind: the person's own object makes the array
        raise ProblemError(f"Argument `vector` must be real numbers, but is {describe(vector)}.") from None
    require(real, "vector", "be real numbers", vector)
    ok = x.ndim == 1 and x.size > 0 and bool(np.isfinite(x).all())
    require(ok, "vector", "be a vector of finite numbers", f"of shape {x.shape}")
    return x


def load(vector: npt.ArrayLike, num_qubits: int | None = None) -> QuantumCircuit:
    """Prepare ``sum_i x_i |..1_i..> / |x|`` from ``|0...0>``: one X and ``d - 1`` exchange rotations in a line.

    Args:
        vector: ``d`` real numbers, not all zero; qubit i carries number i.
        num_qubits: of the circuit; ``d`` when None. The qubits beyond ``d`` stay ``|0>``.

    Raises:
        ProblemError: not a vector of finite numbers, all zero, or more numbers than qubits.

    >>> load([3.0, -4.0]).count_ops()["x"]
    1
    """
    x = numbers(vector)
    size = float(np.abs(x).max())
    require(size > 0, "vector", "not be all zero", f"of length {len(x)}")
    width = len(x) if num_qubits is None else num_qubits
    require(len(x) <= width, "num_qubits", f"be at least {len(x)}", num_qubits)
    circuit = QuantumCircuit(width)
    circuit.x(0)
    x = x / size
    for i in range(len(x) - 1):
        rest = float(np.linalg.norm(x[i + 1 :]))
        last = i == len(x) - 2  # the end of the line carries its sign itself
        angle = float(np.arctan2(x[i + 1] if last else rest, x[i]))
        if angle:
            givens(circuit, angle, i, i + 1)
    if len(x) == 1 and x[0] < 0:
        circuit.z(0)
    return circuit


def through(matrix: npt.ArrayLike, vector: npt.ArrayLike, scale: float | None = None) -> tuple[QuantumCircuit, float]:
    """Load ``x`` and send it through the layer ``W``: amplitudes ``(W x)_i / (scale |x|)`` on the first ``out`` qubits.

    Returns the circuit (unmeasured) and the scale, see :func:`qml_dynamics.synthesis.growth.layer`.

    Raises:
        ProblemError: not a real matrix, all zero, a vector that does not fit it, or a scale below its norm.

    >>> circuit, scale = through([[1.0, 2.0, 0.0]], [1.0, 0.0, 1.0])
    >>> circuit.num_qubits
    4
    """
    w = finite_matrix(matrix)
    network, factor = layer(w, scale)
    x = numbers(vector)
    require(x.shape == (w.shape[1],), "vector", f"have {w.shape[1]} numbers", f"of shape {x.shape}")
    circuit = load(x, network.num_qubits)
    circuit.compose(network, inplace=True)
    return circuit, factor
