"""A layer of a network on a backend: its singular values as circuits, sampled with shots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ... import synthesis
from ...backends import backend as find
from ...backends.base import BackendLike
from ...base.arguments import checks_arguments
from ...base.errors import BackendError, integer
from ...base.estimate import Estimate, share_error
from ...base.numeric import Array
from ...base.printing import printed_briefly

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


@printed_briefly
@dataclass(frozen=True, eq=False)
class LayerRun:
    """What a backend says about ``W x``.

    Attributes:
        squares: ``(W x)_i^2``, shape ``(out,)``. Sampling in this basis gives no sign.
        success: probability that the excitation came out on an output: ``|W x|^2 / (scale^2 |x|^2)``; 1 for orthogonal layers.
        lost: share of the samples with another number of excitations than one: 0 without noise.
        scale: what the matrix was divided by.
        circuit: what ran, unmeasured.
    """

    squares: Estimate
    success: Estimate
    lost: float
    scale: float
    circuit: QuantumCircuit


@checks_arguments
def run_layer(
    W: Array,
    x: Array,
    *,
    backend: BackendLike = "statevector",
    shots: int | None = None,
    seed: int = 0,
    scale: float | None = None,
) -> LayerRun:
    """Send ``x`` through the layer ``W`` on a backend, as an orthogonal network of Halmos' dilation.

    Args:
        W: weights, shape ``(out, in)``: any shape and rank, not all zero.
        x: ``in`` numbers, not all zero.
        backend: a name or an object, see :func:`qml_dynamics.backend`.
        shots: samples; exact probabilities when None (where the backend knows them).
        seed: of the samples.
        scale: see :func:`qml_dynamics.synthesis.growth.layer`.

    Raises:
        ProblemError: a matrix or vector that does not fit.
        BackendError: the backend is too small or knows no exact probabilities.

    >>> run_layer([[3.0, 0.0], [0.0, 1.0]], [1.0, 1.0]).squares.value
    array([9., 1.])
    """
    circuit, factor = synthesis.onehot.through(W, x, scale)
    device = find(backend)
    integer(seed, "seed", 0, 2**63 - 1)
    places = [1 << q for q in range(circuit.num_qubits)]
    if shots is None:
        hot = np.asarray(device.probabilities([circuit])[0], dtype=float)[places]
        lost = float(1 - hot.sum())
    else:
        integer(shots, "shots", 1, 10**9, BackendError)
        (counts,) = device.sample([circuit], shots, [seed])
        seen = dict(zip(counts.index.tolist(), counts.count.tolist()))
        one = np.array([seen.get(place, 0) for place in places])
        hot, lost = one / counts.shots, float(1 - one.sum() / counts.shots)  # whole numbers: 0 where none is lost
    out = np.shape(np.asarray(W))[0]
    given = np.abs(np.asarray(x, dtype=float))
    length = float(given.max()) * float(np.linalg.norm(given / given.max()))  # squares may leave the range of floats
    factor_of = np.square(np.float64(factor * length))
    error = np.zeros(out) if shots is None else share_error(hot[:out], shots)
    success = float(hot[:out].sum())
    spread = 0.0 if shots is None else float(share_error(success, shots))
    return LayerRun(
        Estimate(factor_of * hot[:out], factor_of * error, shots),
        Estimate(success, spread, shots),
        lost,
        factor,
        circuit,
    )
