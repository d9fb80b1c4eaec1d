"""Circuits that prepare a few basis states with their amplitudes: k of them on n qubits by O(k n) CX.

From the wave back to ``|0...0>``, two basis states are merged at a time by one controlled rotation: Gleinig and Hoefler, DAC 2021,
"An efficient algorithm for sparse quantum state preparation". A single basis state takes X gates only.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Mapping, Sequence

import numpy as np
from qiskit import QuantumCircuit

from .walsh import multiplexed_ry

_MULTIPLEXED = 3  # controls up to which a tree of 2^m CX is shorter than a gate of many controls
_MOST = 1024  # basis states


def sparse(terms: Mapping[int, complex], num_qubits: int) -> QuantumCircuit:
    """The circuit from ``|0...0>`` to ``sum_j c_j |j>``, amplitudes of unit norm by index; exact with its global phase.

    >>> sparse({5: 1.0}, 4).count_ops()["x"]
    2
    """
    states = {index: complex(c) for index, c in terms.items() if c != 0}
    back = QuantumCircuit(num_qubits)
    while len(states) > 1:
        states = _merged(states, back, num_qubits)
    ((index, amplitude),) = states.items()
    for q in reversed(range(num_qubits)):  # the inverse goes up
        if index >> q & 1:
            back.x(q)
    back.global_phase -= cmath.phase(amplitude)
    return back.inverse()


def worthwhile(wave: np.ndarray, empty: float) -> dict[int, complex] | None:
    """The amplitudes by index where a wave is so sparse that :func:`sparse` takes fewer CX than a tree over all of them."""
    n = wave.size.bit_length() - 1
    found = np.flatnonzero(np.abs(wave) > empty)
    if len(found) == 0 or (len(found) > 1 and (len(found) > min(_MOST, wave.size // 4) or n < 3)):
        return None
    terms = dict(zip(found.tolist(), wave[found].tolist()))
    if len(terms) == 1:
        return terms
    tree = wave.size * (2 if np.any(np.abs(wave[found].imag) > empty) else 1)
    return terms if cx_count(sparse(terms, n)) < tree else None


def cx_count(circuit: QuantumCircuit) -> int:
    """An upper estimate of the CX of a circuit that this module made."""
    by_width = {1: 0, 2: 2, 3: 8}
    widths = [1 if item.operation.name == "cx" else len(item.qubits) for item in circuit.data]
    cx: int = sum(item.operation.name == "cx" for item in circuit.data)
    return cx + sum(by_width.get(width, 16 * width) for width in widths)


def _merged(states: dict[int, complex], back: QuantumCircuit, n: int) -> dict[int, complex]:
    """Two of the basis states made one; the gates are appended."""
    controls, values, one = _split(list(states), n, [], [])
    target = controls.pop()
    values.pop()
    rest = [s for s in states if s != one and all((s >> q & 1) == v for q, v in zip(controls, values))]
    controls, values, other = _split(rest, n, controls, values)
    flips: list[tuple[str, int]] = [] if one >> target & 1 else [("x", target)]
    flips += [("cx", q) for q in range(n) if q != target and (one ^ other) >> q & 1]
    for name, q in flips:
        back.x(q) if name == "x" else back.cx(target, q)

    def moved(state: int) -> int:
        """The basis state that the appended X and CX gates make of ``state``."""
        for name, q in flips:
            if name == "x" or state >> target & 1:
                state ^= 1 << q
        return state

    found = {moved(s): c for s, c in states.items()}
    one, other = moved(one), moved(other)
    _rotate(found[other], found[one], target, [(q, other >> q & 1) for q in controls], back)
    low, high = found[other], found.pop(one)
    found[other] = cmath.rect(math.hypot(abs(low), abs(high)), cmath.phase(low))
    return found


def _split(states: Sequence[int], n: int, controls: list[int], values: list[int]) -> tuple[list[int], list[int], int]:
    """Qubits and values that leave one of these states, halving the smaller side each time."""
    left, controls, values = list(states), list(controls), list(values)
    while len(left) > 1:
        sides = ((q, [[s for s in left if (s >> q & 1) == v] for v in (0, 1)]) for q in range(n))
        uneven = [(abs(len(a) - len(b)), q, a, b) for q, (a, b) in sides if a and b]
        _, q, a, b = max(uneven, key=lambda each: (each[0], -each[1]))
        value = int(len(b) < len(a))
        left = b if value else a
        controls.append(q)
        values.append(value)
    return controls, values, left[0]


def _rotate(low: complex, high: complex, target: int, controls: list[tuple[int, int]], back: QuantumCircuit) -> None:
    """Take ``low |0> + high |1>`` of the target to ``|0>`` with the phase of ``low``, where the controls have their values."""
    off = [q for q, value in controls if not value]
    qubits = [q for q, _ in controls]
    for q in off:
        back.x(q)
    angle = cmath.phase(low) - cmath.phase(high)
    if abs(math.remainder(angle, 2 * math.pi)) > 1e-15:
        if qubits:
            back.mcp(angle, qubits, target)
        else:
            back.p(angle, target)
    theta = -2 * math.atan2(abs(high), abs(low))
    if len(qubits) <= _MULTIPLEXED:
        angles = np.zeros(1 << len(qubits))
        angles[-1] = theta
        multiplexed_ry(angles, back, qubits, target)
    else:
        back.sdg(
            target
        )  # Y = (S H) Z (S H)^+, and a phase under all controls but the last one makes diag(1, e^i theta) RZ
        back.h(target)
        back.mcp(theta, qubits, target)
        back.mcp(-theta / 2, qubits[:-1], qubits[-1])
        back.h(target)
        back.s(target)
    for q in off:
        back.x(q)
