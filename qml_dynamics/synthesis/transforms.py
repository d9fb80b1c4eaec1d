"""QFT without swaps, sine and Walsh-Hadamard transforms as circuits, and phases ``exp(-i dt D k^2)`` in the dual basis.

The Fourier transform has no swaps: its output is bit-reversed, so the phases are put on reversed bits and samples are read
in reverse. Its kernel is ``exp(-i k x)`` as in `qml_dynamics.model.transforms`. With walls, the odd extension on one more qubit
an axis turns the sine transform into a Fourier transform: ``|0>|j> -> (|0>|j> - |1>|N-1-j>) / sqrt(2)`` costs one H and n CX.

Registers: qubit 0 is the least significant bit of the last axis; the ancillas of walls come last, one an axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from qiskit import QuantumCircuit

from ..model.domains import Domain, Grid, Hypercube
from ..model.transforms import Transform
from .exchange import network
from .walsh import WalshSeries, diagonal, walsh_series

if TYPE_CHECKING:
    from qiskit.circuit import ParameterExpression


def registers(domain: Domain) -> list[list[int]]:
    """The qubits of each axis, least significant first (with walls, the axis' ancilla is its most significant)."""
    out, end = [], domain.num_qubits
    for axis, bits in enumerate(domain.qubits):
        start = end - bits
        ancilla = [domain.num_qubits + axis] if has_ancillas(domain) else []
        out.append([*range(start, end), *ancilla])
        end = start
    return out


def has_ancillas(domain: Domain) -> bool:
    """Whether circuits on this domain need one ancilla an axis."""
    return isinstance(domain, Grid) and domain.boundary == "walls" and domain.encoding == "binary"


def one_hot(domain: Domain) -> bool:
    """Whether the points of an axis are the qubits of it."""
    return isinstance(domain, Grid) and domain.encoding == "onehot"


def width(domain: Domain) -> int:
    """Qubits of a circuit on this domain, ancillas included."""
    return domain.num_qubits + (domain.ndim if has_ancillas(domain) else 0)


def fourier(circuit: QuantumCircuit, qubits: Sequence[int], inverse: bool = False) -> None:
    """Append the discrete Fourier transform with kernel ``exp(-2 pi i j m / N)``, output bit-reversed; or its inverse.

    ``n`` H and ``n (n - 1) / 2`` controlled phases, no swaps. Source: Coppersmith, IBM RC19642 (1994), arXiv:quant-ph/0201067.
    """
    gates: list[tuple[float, int, int]] = []
    for j in reversed(range(len(qubits))):
        gates.append((0.0, j, j))
        gates.extend((-np.pi / 2 ** (j - i), i, j) for i in reversed(range(j)))
    for angle, i, j in reversed(gates) if inverse else gates:
        if i == j:
            circuit.h(qubits[j])
        else:
            circuit.cp(-angle if inverse else angle, qubits[i], qubits[j])


def to_dual(domain: Domain, circuit: QuantumCircuit, inverse: bool = False) -> None:
    """Append the transform of every axis to the dual basis (binary grids: bit-reversed), or back.

    In one-hot encoding it is a network of exchange blocks, ``N (N - 1)`` CX, after which mode m of an axis is its qubit m.
    """
    for axis, qubits in enumerate(registers(domain)):
        if isinstance(domain, Hypercube):
            circuit.h(qubits[0])
            continue
        if one_hot(domain):
            matrix = mode_matrix(domain, axis)
            network(circuit, matrix.conj().T if inverse else matrix, qubits)
            continue
        if has_ancillas(domain) and not inverse:
            odd_extension(circuit, qubits)
        fourier(circuit, qubits, inverse)
        if has_ancillas(domain) and inverse:
            odd_extension(circuit, qubits, inverse=True)


def mode_matrix(domain: Grid, axis: int) -> np.ndarray:
    """The transform of one axis to the dual basis as a matrix."""
    n = domain.shape[axis]
    alone = Grid(domain.bounds[axis], None, domain.boundary, encoding=domain.encoding, points=n)
    return Transform(alone).forward(np.eye(n, dtype=complex)).T


def odd_extension(circuit: QuantumCircuit, qubits: Sequence[int], inverse: bool = False) -> None:
    """The odd extension over the walls, and its undoing."""
    *bits, ancilla = qubits
    if not inverse:
        circuit.x(ancilla)
        circuit.h(ancilla)
    for q in bits:
        circuit.cx(ancilla, q)
    if inverse:
        circuit.h(ancilla)
        circuit.x(ancilla)


def kinetic(
    domain: Domain, tau: float | ParameterExpression, circuit: QuantumCircuit, control: int | None = None
) -> None:
    """Append ``exp(-i tau (-L))``: transform, dual phases, transform back. With a control only the phases are controlled."""
    if isinstance(domain, Hypercube) and control is None:
        for qubits in registers(domain):
            circuit.rx(-2 * tau, qubits[0])
        circuit.global_phase += -domain.ndim * tau
        return
    to_dual(domain, circuit)
    for axis, qubits in enumerate(registers(domain)):
        if one_hot(domain):
            for qubit, value in zip(qubits, domain.dual_axes[axis].tolist()):
                if control is None:
                    circuit.p(-tau * value, qubit)
                else:
                    circuit.cp(-tau * value, qubit, control)
        elif control is None:
            dual_phases(domain, axis, tau, circuit, qubits)
        else:
            diagonal(dual_series(domain, axis).controlled(), tau, circuit, [*qubits, control])
    to_dual(domain, circuit, inverse=True)


def _bit_weights(domain: Grid, axis: int) -> tuple[np.ndarray, float, float]:
    """Weights of the (bit-reversed) bits in the integer m, the unit of k, and the twist: ``k = unit (m - twist)``."""
    bits = domain.qubits[axis] + (1 if has_ancillas(domain) else 0)
    weights = 2.0 ** np.arange(bits)
    weights[-1] *= -1  # two's complement
    unit = (np.pi if has_ancillas(domain) else 2 * np.pi) / domain.lengths[axis]
    return weights[::-1], unit, domain.twist[axis]


def dual_phases(
    domain: Domain, axis: int, tau: float | ParameterExpression, circuit: QuantumCircuit, qubits: Sequence[int]
) -> None:
    """Append ``exp(-i tau unit^2 (m - twist)^2)`` in the dual basis: n phases, n (n - 1) / 2 on pairs, (n - 1)(n + 2) / 2 CX.

    A twist changes only the single-qubit phases.
    """
    diagonal(dual_series(domain, axis), tau, circuit, qubits, "p")


def dual_series(domain: Domain, axis: int) -> WalshSeries:
    """The Walsh series of the dual diagonal of one axis over its bits as they stand in the circuit."""
    if isinstance(domain, Hypercube):
        return walsh_series(domain.dual_axes[0])
    assert isinstance(domain, Grid)
    weights, unit, twist = _bit_weights(domain, axis)
    return square_series(weights, twist, unit**2)


def square_series(weights: np.ndarray, offset: float, scale: float = 1.0) -> WalshSeries:
    """The Walsh series of ``scale (sum_j weights[j] b_j - offset)^2`` over bits b_j, term by term.

    >>> series = square_series(np.array([1.0, 2.0]), 0.0)
    >>> dict(zip(series.masks.tolist(), series.coefficients.tolist()))
    {0: 3.5, 1: -1.5, 2: -3.0, 3: 1.0}
    """
    n, middle = len(weights), float(weights.sum()) / 2 - offset
    terms = {0: middle**2 + float((weights**2).sum()) / 4}
    for j, w in enumerate(weights.tolist()):
        terms[1 << j] = -middle * w
        terms.update({1 << j | 1 << i: float(weights[i]) * w / 2 for i in range(j)})
    kept = sorted(mask for mask, value in terms.items() if value or not mask)
    return WalshSeries(n, np.array(kept, dtype=np.int64), scale * np.array([terms[mask] for mask in kept]))


def dual_index(domain: Domain, outcome: np.ndarray) -> np.ndarray:
    """Flat index into ``domain.dual`` of a measured outcome (an integer over all qubits) after :func:`to_dual`."""
    outcome = np.asarray(outcome)
    if one_hot(domain):
        return point_index(domain, outcome)
    flat = np.zeros_like(outcome)
    for axis, qubits in enumerate(registers(domain)):
        m = np.zeros_like(outcome)
        for place, q in enumerate(reversed(qubits)):  # bit-reversed: the first qubit carries the highest weight
            m |= (outcome >> q & 1) << place
        if has_ancillas(domain):
            full = 2 * domain.shape[axis]
            m = np.minimum(m, full - m)  # |m| of the odd extension
            m = np.maximum(m, 1) - 1  # k = pi m / L starts at m = 1; m = 0 has no amplitude
        flat = flat * domain.shape[axis] + m
    return flat


def point_index(domain: Domain, outcome: np.ndarray) -> np.ndarray:
    """Flat index of the point that a measured outcome is; in one-hot encoding the outcomes must have one excitation an axis."""
    if not one_hot(domain):
        return np.asarray(outcome) & (domain.size - 1)  # the ancillas of walls are the highest qubits
    assert isinstance(domain, Grid)
    flat = np.zeros(np.shape(outcome), dtype=np.int64)
    for n, qubits in zip(domain.shape, registers(domain)):
        bits = np.asarray(outcome, dtype=np.int64) >> qubits[0] & ((1 << n) - 1)
        flat = flat * n + np.frexp(bits.astype(float))[1] - 1
    return flat


def on_points(domain: Domain, outcome: np.ndarray) -> np.ndarray:
    """Whether measured outcomes are points: in one-hot encoding those with exactly one excitation an axis."""
    kept = np.ones(np.shape(outcome), dtype=bool)
    if not one_hot(domain):
        return kept
    for qubits in registers(domain):
        bits = np.asarray(outcome, dtype=np.int64) >> qubits[0] & ((1 << len(qubits)) - 1)
        kept &= (bits > 0) & (bits & (bits - 1) == 0)
    return kept
