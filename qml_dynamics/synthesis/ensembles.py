"""Circuits of learning ensembles: exchange with a reservoir, interference of phases, waves on rings and slits, bond phases.

An occupation register has one qubit a neuron: neuron i on qubit ``N - 1 - i``, as weight i of a hypercube. Exchange is
``(XX + YY) / 2`` on pairs, so the number of ones in an outcome is conserved, gate by gate: an outcome with another number is
an error that has shown itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from qiskit import QuantumCircuit

from ..base.errors import MethodError, integer, one_of, require
from ..model.domains import Grid
from .states import amplitudes
from .transforms import has_ancillas, kinetic, registers
from .walsh import diagonal, walsh_series

if TYPE_CHECKING:
    from qiskit.circuit import ParameterExpression


def bond_circuits(circuit: QuantumCircuit, grid: Grid, axis: int) -> list[tuple[int, QuantumCircuit, QuantumCircuit]]:
    """Interference of all neighbours along one axis: ``(pattern, real, imaginary)`` for each pattern of bits that differ.

    Neighbours j and j + 1 differ in the bits ``2^(k+1) - 1``, so n patterns serve all bonds of an axis with 2^n points, the
    one round the ring too. CX from the highest bit that differs to the others make the pair differ in that bit alone, and
    one H (after S^+ for the imaginary part) lets the two interfere: see :func:`bond_values`.
    """
    require(not has_ancillas(grid), "grid", "be periodic", grid, MethodError)
    qubits = registers(grid)[axis]
    out = []
    for k in range(len(qubits)):
        pair = []
        for imaginary in (False, True):
            test = circuit.copy()
            for q in qubits[:k]:
                test.cx(qubits[k], q)
            if imaginary:
                test.sdg(qubits[k])
            test.h(qubits[k])
            pair.append(test)
        out.append((k, pair[0], pair[1]))
    return out


def bond_values(grid: Grid, axis: int, pattern: int, frequencies: np.ndarray) -> np.ndarray:
    """From the outcome frequencies of one of :func:`bond_circuits`' tests, shape ``(size,)``, the part of
    ``conj(psi_j) psi_{j+1}`` that it measures, shape ``grid.shape``; 0 for bonds of other patterns.

    The real test gives the real part, the imaginary one the imaginary part.
    """
    n = grid.shape[axis]
    j = np.arange(n)
    flipped = (1 << (pattern + 1)) - 1
    mine = (j ^ (j + 1) % n) == flipped
    low_side = np.where(j & (1 << pattern), (j + 1) % n, j)  # of the two, the one whose highest differing bit is 0
    base = low_side & ~(1 << pattern)
    table = np.moveaxis(np.asarray(frequencies, dtype=float).reshape(grid.shape), axis, -1)
    difference = 0.5 * (table[..., base] - table[..., base | (1 << pattern)])
    return np.moveaxis(np.where(mine, difference, 0.0), -1, axis)


def bond_signs(grid: Grid, axis: int) -> np.ndarray:
    """Sign of the imaginary part of each bond along an axis: -1 where the walk goes from the high to the low side."""
    n = grid.shape[axis]
    j = np.arange(n)
    top = np.array([int(d).bit_length() - 1 for d in j ^ (j + 1) % n])
    return np.where(j >> top & 1, -1.0, 1.0)


Bond = tuple[int, int]


def occupation_circuit(occupation: npt.ArrayLike) -> QuantumCircuit:
    """One RY a neuron: it is active with probability ``occupation[i]``; shape ``(N,)``.

    >>> occupation_circuit([0.25, 1.0]).count_ops()["ry"]
    2
    """
    p = np.asarray(occupation, dtype=float)
    ok = p.ndim == 1 and p.size > 0 and bool(((p >= 0) & (p <= 1)).all())
    require(ok, "occupation", "be probabilities, one a neuron", p.tolist(), MethodError)
    circuit = QuantumCircuit(p.size)
    for i, angle in enumerate(2 * np.arcsin(np.sqrt(p))):
        circuit.ry(float(angle), p.size - 1 - i)
    return circuit


def occupied_circuit(occupied: Sequence[int], neurons: int) -> QuantumCircuit:
    """X on the neurons that are active at the start."""
    circuit = QuantumCircuit(neurons)
    for i in occupied:
        circuit.x(neurons - 1 - integer(i, "occupied", 0, neurons - 1, MethodError))
    return circuit


def exchange_step(
    circuit: QuantumCircuit, costs: np.ndarray, layers: Sequence[Sequence[Bond]], g: float, dt: float
) -> None:
    """Append one symmetric step of ``sum_i costs_i n_i + g sum_bonds (XX + YY) / 2``, order two.

    Every layer holds disjoint bonds, whose factors commute, so only the layers and the phases are split.
    """
    parts: list[Any] = [None, *layers]
    for part in parts[:-1]:
        _exchange_part(circuit, costs, part, g, dt / 2)
    _exchange_part(circuit, costs, parts[-1], g, dt)
    for part in reversed(parts[:-1]):
        _exchange_part(circuit, costs, part, g, dt / 2)


def _exchange_part(
    circuit: QuantumCircuit, costs: np.ndarray, bonds: Sequence[Bond] | None, g: float, dt: float
) -> None:
    n = len(costs)
    if bonds is None:
        for i, cost in enumerate(costs.tolist()):
            circuit.p(-cost * dt, n - 1 - i)
        return
    for i, j in bonds:
        circuit.rxx(g * dt, n - 1 - i, n - 1 - j)
        circuit.ryy(g * dt, n - 1 - i, n - 1 - j)


def exchange_circuit(
    costs: npt.ArrayLike,
    bonds: Sequence[Bond],
    hopping: float,
    duration: float,
    steps: int,
    order: int = 2,
    start: QuantumCircuit | Sequence[int] = (),
) -> QuantumCircuit:
    """``exp(-i t [sum_i costs_i n_i + g sum_bonds (XX + YY) / 2])`` in equal steps, from the neurons ``start`` being active.

    Args:
        costs: ``e_i - mu_c``, shape ``(N,)``.
        bonds: pairs of neurons.
        hopping: g.
        duration, steps: total time and number of steps.
        order: 1 (Lie), 2 (Strang) or 4 (Suzuki).
        start: indices of the active neurons, or a circuit to start from.

    Raises:
        MethodError: a bond is not a pair of different neurons, or the order is another one.

    >>> exchange_circuit([0.0, 0.3], [(0, 1)], 1.0, 1.0, steps=1, start=[0]).count_ops()["rxx"]
    1
    """
    energies = np.asarray(costs, dtype=float)
    n = len(energies)
    one_of(str(order), "order", ("1", "2", "4"), MethodError)
    count = integer(steps, "steps", 1, 10**6, MethodError)
    layers = bond_layers(bonds, n)
    circuit = start.copy() if isinstance(start, QuantumCircuit) else occupied_circuit(start, n)
    outer = 1 / (4 - 4 ** (1 / 3))
    substeps = [outer, outer, 1 - 4 * outer, outer, outer] if order == 4 else [1.0]
    for _ in range(count):
        if order == 1:
            for part in (None, *layers):
                _exchange_part(circuit, energies, part, hopping, duration / count)
            continue
        for share in substeps:
            exchange_step(circuit, energies, layers, hopping, share * duration / count)
    return circuit


def bond_layers(bonds: Sequence[Bond], neurons: int) -> list[list[Bond]]:
    """Bonds in as few layers of disjoint ones as a greedy pass finds.

    >>> bond_layers([(0, 1), (1, 2), (2, 3)], 4)
    [[(0, 1), (2, 3)], [(1, 2)]]
    """
    layers: list[list[Bond]] = []
    for i, j in bonds:
        integer(i, "bonds", 0, neurons - 1, MethodError)
        integer(j, "bonds", 0, neurons - 1, MethodError)
        require(i != j, "bonds", "be pairs of different neurons", (i, j), MethodError)
        free = next((layer for layer in layers if all(not {i, j} & set(pair) for pair in layer)), None)
        if free is None:
            layers.append([(i, j)])
        else:
            free.append((i, j))
    require(bool(layers), "bonds", "be at least one pair", list(bonds), MethodError)
    return layers


def number_coupling(
    energies: np.ndarray,
    number_bits: int,
    tau: float | ParameterExpression,
    circuit: QuantumCircuit,
    qubits: Sequence[int],
) -> None:
    """Append ``exp(-i tau N e(q))``: the number register is on ``qubits[:number_bits]``, the weights on the rest.

    Diagonal: each bit of N times each Walsh term of ``e``. ``energies`` has one value a weight point, flat.
    """
    table = np.outer(np.asarray(energies, dtype=float).reshape(-1), np.arange(1 << number_bits))
    diagonal(walsh_series(table), tau, circuit, qubits)


def ramsey_circuit(number_bits: int, turns: float) -> QuantumCircuit:
    """Superpose all neuron numbers, let each neuron turn the phase by ``2 pi turns``, and undo the superposition.

    The outcome 0 has the probability ``|sum_N exp(2 pi i N turns)|^2 / 4^bits``: 1 at the revival. No two-qubit gate.
    """
    circuit = QuantumCircuit(integer(number_bits, "number_bits", 1, 30, MethodError))
    for q in range(circuit.num_qubits):
        circuit.h(q)
        circuit.p(2 * np.pi * turns * (1 << q), q)
        circuit.h(q)
    return circuit


def plane_wave_circuit(grid: Grid, mode: int) -> QuantumCircuit:
    """``exp(2 pi i mode j / N) / sqrt(N)`` on a periodic axis: one H and one phase a qubit."""
    circuit = QuantumCircuit(grid.num_qubits)
    for q in range(grid.num_qubits):
        circuit.h(q)
        circuit.p(2 * np.pi * mode * (1 << q) / grid.size, q)
    return circuit


def level_circuits(grid: Grid, mode: int, diffusion: float, time: float) -> list[QuantumCircuit]:
    """Two Hadamard tests of ``exp(-i t H)`` in the plane wave ``mode`` of a ring: the mean of Z on the highest qubit is
    ``cos(E t)`` in the first and ``sin(E t)`` in the second. Only the dual phases are controlled.
    """
    out = []
    for imaginary in (False, True):
        circuit = QuantumCircuit(grid.num_qubits + 1)
        circuit.compose(plane_wave_circuit(grid, mode), range(grid.num_qubits), inplace=True)
        control = grid.num_qubits
        circuit.h(control)
        kinetic(grid, diffusion * time, circuit, control=control)
        if imaginary:
            circuit.s(control)
        circuit.h(control)
        out.append(circuit)
    return out


def two_slit_circuit(wave: np.ndarray) -> QuantumCircuit:
    """The preparation of a real wave whose upper half repeats the lower one up to a factor: slits in the middle of both halves.

    Then the highest qubit is a factor of its own: one RY, and a tree over the rest, half of the gates. Other waves take the
    tree over all qubits.

    >>> lobe = np.array([0.1, 0.7, 0.7, 0.1])
    >>> two_slit_circuit(np.concatenate([lobe, lobe])).num_nonlocal_gates()
    2
    """
    real = np.asarray(wave)
    flat = (real.real if np.iscomplexobj(real) else real).reshape(-1) / np.linalg.norm(real)
    bits = flat.size.bit_length() - 1
    circuit = QuantumCircuit(bits)
    low, high = np.split(flat, 2)
    weight = float(np.linalg.norm(low))
    if weight and bits > 1 and np.abs(high * weight - low * float(low @ high) / weight).max() < 1e-13:
        circuit.ry(2 * float(np.arctan2(low @ high / weight, weight)), bits - 1)
        amplitudes(low / weight, circuit, range(bits - 1))
    else:
        amplitudes(flat, circuit, range(bits))
    return circuit


__all__ = [
    "bond_layers",
    "exchange_circuit",
    "exchange_step",
    "level_circuits",
    "bond_circuits",
    "bond_signs",
    "bond_values",
    "number_coupling",
    "occupation_circuit",
    "occupied_circuit",
    "plane_wave_circuit",
    "ramsey_circuit",
    "two_slit_circuit",
]
