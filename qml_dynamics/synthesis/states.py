"""Circuits that prepare the initial waves (H, X, trees of multiplexed RY, Walsh phases), filtered or damped mode by mode.

Uniform: one H a qubit. PointMass: X on its bits. A circuit: its gates. A few basis states: merged two by two (`sparse_states.py`).
Gaussian: a tree of multiplexed RY an axis (2^n - 2 CX each), its momentum as
single-qubit phases. Any other wave: one tree over the whole register, with its phases as a Walsh diagonal.

Of the Ornstein-Uhlenbeck process ``e^{-t H_W}`` multiplies mode n by ``e^{-n t}``. With n in binary that is one factor
``e^{-2^j t}`` for each bit j that is 1: one ancilla and one controlled rotation a bit, kept where the ancilla reads 0, and exact
for every t. It is amplitude damping whose jumps are thrown away.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qiskit import QuantumCircuit

from ..base.errors import describe, require
from ..model.circuit_state import CircuitState, SparseState
from ..model.domains import Domain
from ..model.initial import Gaussian, Initial, PointMass, Uniform
from .exchange import load
from .qasm import from_lines
from .sparse_states import sparse, worthwhile
from .transforms import one_hot, registers, width
from .walsh import damping_angles, diagonal, multiplexed_ry, walsh_series

_EMPTY = 1e-13  # amplitudes below this share of the norm are round-off
_SAME = 1e-11  # distance of a Gaussian from its magnitude times one plane wave
_PRODUCT = 1e-10  # of the norm, below which a wave is a product
_CUT = 1e-6  # phases so close to -pi are pi


def prepare(initial: Initial, domain: Domain) -> QuantumCircuit:
    """The circuit from ``|0...0>`` to the initial wave, ancillas of walls left in ``|0>``; in one-hot encoding an axis at a time.

    >>> from qml_dynamics.model.domains import Hypercube
    >>> prepare(Uniform(), Hypercube(3)).count_ops()["h"]
    3
    """
    circuit = QuantumCircuit(width(domain))
    if one_hot(domain):
        for wave, qubits in zip(axis_factors(initial, domain), registers(domain)):
            load(circuit, wave, qubits)
    elif isinstance(initial, Uniform):
        circuit.h(range(domain.num_qubits))
    elif isinstance(initial, PointMass):
        flat = 0  # of any number of axes, where NumPy knows 64
        for index, bits in zip(initial.index(domain), domain.qubits):
            flat = flat << bits | index
        for q in range(domain.num_qubits):
            if flat >> q & 1:
                circuit.x(q)
    elif isinstance(initial, Gaussian):
        _product(initial, domain, circuit)
    elif isinstance(initial, CircuitState):
        initial.check(domain)
        circuit.compose(
            from_lines(initial.lines(), initial.num_qubits, initial.phase), range(domain.num_qubits), inplace=True
        )
    elif isinstance(initial, SparseState):
        initial.check(domain)
        circuit.compose(sparse(initial.terms(), domain.num_qubits), range(domain.num_qubits), inplace=True)
    else:
        wave = initial.vector(domain).reshape(-1)
        few = worthwhile(wave, _EMPTY)
        if few is None:
            amplitudes(wave, circuit, range(domain.num_qubits))
        else:
            circuit.compose(sparse(few, domain.num_qubits), range(domain.num_qubits), inplace=True)
    return circuit


def axis_factors(initial: Initial, domain: Domain) -> list[np.ndarray]:
    """One unit vector an axis, whose product is the wave.

    Raises:
        ProblemError: it is no such product.

    >>> from qml_dynamics import Grid, State
    >>> pair = Grid([(0, 1), (0, 1)], points=2, encoding="onehot")
    >>> [part.real.round(6).tolist() for part in axis_factors(State([0, 0.6, 0, 0.8]), pair)]
    [[0.6, 0.8], [0.0, 1.0]]
    """
    rest, out = initial.vector(domain), []
    for n in domain.shape[:-1]:
        left, sizes, right = np.linalg.svd(rest.reshape(n, -1), full_matrices=False)
        require(
            sizes[1:].sum() <= _PRODUCT,
            "initial",
            "be a product of one wave an axis on a one-hot grid of several axes",
            describe(initial),
        )
        turn = np.exp(-1j * np.angle(left[int(np.argmax(np.abs(left[:, 0]))), 0]))
        out.append(left[:, 0] * turn)
        rest = right[0] / turn
    return [*out, rest.reshape(-1)]


def empty(num_qubits: int) -> QuantumCircuit:
    """A circuit without gates, for rooms that put circuits together and do not import Qiskit."""
    return QuantumCircuit(num_qubits)


def handed_over(wave: np.ndarray, num_qubits: int) -> QuantumCircuit:
    """A simulator's own instruction that sets its lowest qubits to ``wave`` and the others to ``|0>``: no circuit for a device."""
    whole = np.zeros(1 << num_qubits, dtype=complex)
    whole[: wave.size] = wave.reshape(-1)
    circuit = QuantumCircuit(num_qubits)
    circuit.initialize(whole, range(num_qubits))
    return circuit


def _product(initial: Gaussian, domain: Domain, circuit: QuantumCircuit) -> None:
    boost = initial.momentum * (domain.ndim if len(initial.momentum) == 1 else 1)
    center = initial.center * (domain.ndim if len(initial.center) == 1 else 1)
    for qubits, wave, x, k, c in zip(registers(domain), initial.factors(domain), domain.axes, boost, center):
        bits = qubits[: len(wave).bit_length() - 1]
        magnitude = np.abs(wave)
        if np.linalg.norm(magnitude * np.exp(1j * k * (x - c)) - wave) > _SAME:  # images with other phases are seen
            amplitudes(wave, circuit, bits)
            continue
        amplitudes(magnitude, circuit, bits)
        if k:
            diagonal(walsh_series(-k * (x - c)), 1.0, circuit, bits)


def amplitudes(wave: np.ndarray, circuit: QuantumCircuit, qubits: Sequence[int]) -> None:
    """Append the preparation of ``wave`` (unit norm, ``2**len(qubits)`` entries; bit q on ``qubits[q]``).

    Round-off decides no angle: real and imaginary parts below 1e-13 of the norm count as 0, since the angle between two of them, and
    the sign of one beside a negative amplitude, would be any; and no phase stands at the edge where ``-pi`` is ``pi``.
    """
    least = _EMPTY * float(np.linalg.norm(wave))
    real = np.where(np.abs(wave.real) > least, wave.real, 0.0)
    imaginary = np.where(np.abs(wave.imag) > least, wave.imag, 0.0)
    plain = not np.any(imaginary)
    _magnitudes(real if plain else np.hypot(real, imaginary), circuit, list(qubits))
    if not plain:
        angles = np.arctan2(imaginary, real)
        angles = np.where(angles < _CUT - np.pi, angles + 2 * np.pi, angles)
        diagonal(walsh_series(-angles), 1.0, circuit, list(qubits))


def _magnitudes(wave: np.ndarray, circuit: QuantumCircuit, qubits: list[int]) -> None:
    """Real amplitudes, signs included: from the highest qubit down, RY by the ratio of the halves' norms."""
    bits = len(qubits)
    for level in range(bits):
        target = bits - 1 - level
        parts = wave.reshape(1 << level, 2, -1)
        if target == 0:
            low, high = parts[:, 0, 0], parts[:, 1, 0]
        else:
            low, high = (np.linalg.norm(parts[:, side], axis=1) for side in (0, 1))
        multiplexed_ry(2 * np.arctan2(high, low), circuit, qubits[target + 1 :], qubits[target])


def filtered(start: QuantumCircuit, h: np.ndarray) -> QuantumCircuit:
    """``start`` and one more ancilla on top, rotated by ``2 acos h(x)``: where it reads 0 the wave is multiplied by h.

    >>> filtered(QuantumCircuit(2), np.array([1.0, 0.5, 0.0, 1.0])).num_qubits
    3
    """
    data = h.size.bit_length() - 1
    circuit = QuantumCircuit(start.num_qubits + 1)
    circuit.compose(start, range(start.num_qubits), inplace=True)
    multiplexed_ry(2 * damping_angles(h.reshape(-1)), circuit, range(data), start.num_qubits)
    return circuit


def damped_modes(coefficients: np.ndarray, qubits: Sequence[int], rates: Sequence[float], t: float) -> QuantumCircuit:
    """Modes with these coefficients on the register (axis 0 highest), then ``e^{-rate n t}`` on each axis, an ancilla a bit.

    Args:
        coefficients: of unit norm, real, flat or of shape ``(2**q, ...)``.
        qubits: of each axis.
        rates: of each axis: the energy of its first excited mode.
        t: time.

    >>> damped_modes(np.array([0.6, 0.8]), [1], [1.0], 0.5).num_qubits
    2
    """
    base = sum(qubits)
    circuit = QuantumCircuit(2 * base)
    amplitudes(np.asarray(coefficients, dtype=float).reshape(-1), circuit, range(base))
    low = base
    for bits, rate in zip(qubits, rates):
        low -= bits
        for j in range(bits):
            angles = 2 * damping_angles(np.exp(-rate * t * np.array([0.0, 1 << j])))
            multiplexed_ry(angles, circuit, [low + j], base + low + j)
    return circuit
