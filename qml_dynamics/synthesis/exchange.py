"""Exchange blocks on one-hot registers: any unitary of one excitation on two sites, networks of them on N, loading of waves.

A block takes two CX or CZ. A network takes at most ``N (N - 1) / 2`` blocks between neighbours in at most N layers (Reck et al., Phys.
Rev. Lett. 73, 58, 1994; Clements et al., Optica 3, 1460, 2016, arXiv:1603.08788), so ``N (N - 1)`` of these gates are enough for
any evolution of one excitation on N sites, however long it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit.library import XXPlusYYGate

_EMPTY = 1e-13  # amplitudes below this share of the norm are round-off


def block(circuit: QuantumCircuit, unitary: np.ndarray, a: int, b: int) -> None:
    """Append a unitary of shape (2, 2) on the amplitudes of ``|1_a>`` and ``|1_b>``, in this order; ``|00>`` is left as it is.

    ``exp(-i theta (XX + YY) / 4)`` with a phase, then one phase a site: two CX in all, none where the unitary is diagonal.
    """
    half = float(np.arctan2(abs(unitary[0, 1]), abs(unitary[0, 0])))
    first, second = float(np.angle(unitary[0, 0])), float(np.angle(unitary[1, 1]))
    if half > _EMPTY:
        if abs(unitary[0, 0]) <= _EMPTY:  # the sites change places, and their phases are those of the way there
            first, second = float(np.angle(1j * unitary[0, 1])), float(np.angle(1j * unitary[1, 0]))
        turned = first - float(np.angle(1j * unitary[0, 1]))
        circuit.append(XXPlusYYGate(2 * half, turned), [a, b])
    for site, phase in ((a, first), (b, second)):
        if phase:
            circuit.p(phase, site)


def network(circuit: QuantumCircuit, unitary: np.ndarray, sites: Sequence[int]) -> None:
    """Append ``|1_j> -> sum_i U_ij |1_i>`` for any unitary U, by blocks on neighbours in the line of ``sites``.

    >>> circuit = QuantumCircuit(4)
    >>> network(circuit, np.fft.fft(np.eye(4), norm="ortho"), range(4))
    >>> circuit.count_ops()["xx_plus_yy"] <= 6, circuit.depth(lambda item: len(item.qubits) == 2) <= 4
    (True, True)
    """
    u, count = np.array(unitary, dtype=complex), len(sites)
    before: list[tuple[int, np.ndarray]] = []
    behind: list[tuple[int, np.ndarray]] = []
    for i in range(count - 1):
        for j in range(i + 1):
            if i % 2 == 0:  # an entry of the last rows becomes 0 by a block on two columns
                row, column = count - 1 - j, i - j
                turn = _onto_second(u[row, [column, column + 1]].conj()).conj().T
                u[:, [column, column + 1]] = u[:, [column, column + 1]] @ turn
                before.append((column, turn.conj().T))
            else:  # of the first columns, by one on two rows
                row, column = count + j - i - 1, j
                turn = _onto_first(u[[row - 1, row], column])
                u[[row - 1, row]] = turn @ u[[row - 1, row]]
                behind.append((row - 1, turn.conj().T))
    for at, turn in before:
        block(circuit, turn, sites[at], sites[at + 1])
    for site, phase in zip(sites, np.angle(np.diag(u)).tolist()):
        if phase:
            circuit.p(phase, site)
    for at, turn in reversed(behind):
        block(circuit, turn, sites[at], sites[at + 1])


def _onto_first(pair: np.ndarray) -> np.ndarray:
    """The unitary that takes two amplitudes to ``(|pair|, 0)``; the unit where the second is round-off."""
    norm = float(np.linalg.norm(pair))
    if abs(pair[1]) <= _EMPTY or norm == 0:
        return np.eye(2, dtype=complex)
    return np.array([pair.conj(), [-pair[1], pair[0]]]) / norm


def _onto_second(pair: np.ndarray) -> np.ndarray:
    """The unitary that takes two amplitudes to ``(0, |pair|)``; the unit where the first is round-off."""
    norm = float(np.linalg.norm(pair))
    if abs(pair[0]) <= _EMPTY or norm == 0:
        return np.eye(2, dtype=complex)
    return np.array([[pair[1], -pair[0]], pair.conj()]) / norm


def load(circuit: QuantumCircuit, wave: np.ndarray, sites: Sequence[int]) -> None:
    """Append the preparation of ``sum_j psi_j |1_j>``: an X on one site, and at most N - 1 blocks that go from there to both ends.

    The site is the middle of the weight, so that both ways are about equally long. Amplitudes at the ends below 1e-13 of the norm
    are left out.

    >>> circuit = QuantumCircuit(3)
    >>> load(circuit, np.array([0.0, 1.0, 0.0]), range(3))
    >>> dict(circuit.count_ops())
    {'x': 1}
    """
    psi = np.asarray(wave, dtype=complex) / np.linalg.norm(wave)
    weight = np.abs(psi) ** 2
    start = int(np.searchsorted(np.cumsum(weight), 0.5))
    right, left = np.sqrt(np.cumsum(weight[::-1])[::-1]), np.sqrt(np.cumsum(weight))
    circuit.x(sites[start])
    for at in range(start, len(psi) - 1):  # what is left of the start stays there until the other way
        far = float(right[at + 1])
        if far <= _EMPTY:
            break
        stays = float(left[start]) if at == start else float(abs(psi[at]))
        _share(circuit, stays, far, sites[at], sites[at + 1])
    held = float(left[start])
    for at in range(start, 0, -1):
        far = float(left[at - 1])
        if far <= _EMPTY * held:
            break
        _share(circuit, float(abs(psi[at])), far, sites[at], sites[at - 1])
    real, imaginary = (np.where(np.abs(part) > _EMPTY, part, 0.0) for part in (psi.real, psi.imag))
    for site, phase in zip(sites, np.arctan2(imaginary, real).tolist()):
        if phase:
            circuit.p(phase, site)


def _share(circuit: QuantumCircuit, stays: float, goes: float, a: int, b: int) -> None:
    """Append the real rotation of ``|1_a>`` to ``(stays |1_a> + goes |1_b>) / norm``."""
    angle = float(np.arctan2(goes, stays))
    circuit.append(XXPlusYYGate(2 * angle, np.pi / 2), [a, b])
