"""An ansatz on a coarse grid as one on the next finer grid: its gates on the high bits, then the spectral interpolation as a gate.

At the same angles the wave on the fine grid is exactly the interpolation of the wave on the coarse grid, so nothing jumps; the
rotations that come later act on all bits, the new ones too.

A module of its own beside `joint`: an ansatz like any other, which does not know when it grows.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...model.domains import Grid
from ...model.resample import interpolated
from ...model.transforms import Transform
from ..variational.engine.gates import Diagonal, Dual, Fixed, Gate, PauliRotation, Program, Rotation


def embedded_ansatz(program: Program, coarse: Grid, fine: Grid) -> Program:
    """The ansatz on ``fine``, with the same parameters.

    Kinetic evolutions of the coarse grid become dense rotations on its bits, so this is for small grids.

    >>> from qml_dynamics import Gaussian, Problem, ansatz, hamiltonian
    >>> coarse, fine = Grid((-6, 6), 4), Grid((-6, 6), 5)
    >>> well = Problem(coarse, lambda w: w[:, 0] ** 2, 0.5, clock="imaginary", duration=1.0, initial=Gaussian(0.5, 1.0))
    >>> longer = embedded_ansatz(ansatz.hamiltonian(2).bind(well, hamiltonian(well)), coarse, fine)
    >>> longer.num_qubits, longer.gates[-1].matrix.shape
    (5, (32, 32))
    """
    place = seats(coarse, fine)
    gates = [_moved(gate, program, coarse, place) for gate in program.gates]
    for axis, qubits in enumerate(_registers(fine)):
        if fine.qubits[axis] > coarse.qubits[axis]:
            gates.append(Fixed(tuple(qubits), interpolation(coarse, axis, fine.shape[axis])))
    start = None
    if program.start is not None:
        start = np.zeros(fine.size, dtype=program.start.dtype)
        start[_spread(np.arange(coarse.size), place)] = program.start.reshape(-1)
    return replace(program, num_qubits=fine.num_qubits, gates=tuple(gates), start=start, domain=fine)


def seats(coarse: Grid, fine: Grid) -> list[int]:
    """Where the bits of an index on ``coarse`` stand on ``fine``: on the high bits of each axis.

    >>> seats(Grid([(0, 1), (0, 1)], 1), Grid([(0, 1), (0, 1)], 2))
    [1, 3]
    """
    place: dict[int, int] = {}
    for small, large in zip(_registers(coarse), _registers(fine)):
        place.update(zip(small, large[len(large) - len(small) :]))
    return [place[q] for q in range(coarse.num_qubits)]


def _registers(grid: Grid) -> list[list[int]]:
    """The bits of each axis, lowest first; the last axis has the lowest bits."""
    ends = np.cumsum([0, *reversed(grid.qubits)])[::-1]
    return [list(range(low, high)) for high, low in zip(ends[:-1].tolist(), ends[1:].tolist())]


def interpolation(coarse: Grid, axis: int, points: int) -> np.ndarray:
    """A real orthogonal matrix: with the new low bits in 0 it interpolates along an axis; the highest mode stays normalised."""
    n = coarse.shape[axis]
    columns = interpolated(np.eye(n), coarse.boundary, points // n).real.T
    left, _, right = np.linalg.svd(columns)
    matrix = np.zeros((points, points))
    old = np.arange(points) % (points // n) == 0
    matrix[:, old] = left[:, :n] @ right
    matrix[:, ~old] = left[:, n:]
    return matrix


def _spread(bits: np.ndarray, place: list[int]) -> np.ndarray:
    out = np.zeros_like(bits)
    for q, where in enumerate(place):
        out |= (bits >> q & 1) << where
    return out


def _moved(gate: Gate, program: Program, coarse: Grid, place: list[int]) -> Gate:
    if isinstance(gate, PauliRotation):
        x, z = (int(_spread(np.array(mask), place)) for mask in (gate.x, gate.z))
        return replace(gate, x=x, z=z)
    if isinstance(gate, (Fixed, Rotation)):
        return replace(gate, qubits=tuple(place[q] for q in gate.qubits))
    if isinstance(gate, Diagonal):
        index = np.arange(1 << (max(place) + 1))
        source = np.zeros_like(index)
        for q, where in enumerate(place):
            source |= (index >> where & 1) << q
        return replace(gate, values=gate.values.reshape(-1)[source])
    assert isinstance(gate, Dual)
    return Rotation(tuple(place), _kinetic(gate, program.domain or coarse), gate.slot)


def _kinetic(gate: Dual, domain: object) -> np.ndarray:
    """The dense generator ``F^-1 diag(values) F``; exactly real or exactly imaginary where it is one of them."""
    assert isinstance(domain, Grid)
    transform, values = Transform(domain), gate.values.reshape(domain.shape)
    rows = [
        transform.inverse(values * transform.forward(row.reshape(domain.shape).astype(complex))).reshape(-1)
        for row in np.eye(domain.size)
    ]
    matrix = np.array(rows).T
    matrix = 0.5 * (matrix + matrix.conj().T)
    small = 1e-12 * float(np.abs(matrix).max())
    if np.abs(matrix.imag).max() < small:
        out: np.ndarray = matrix.real.astype(complex)
        return out
    out = 1j * matrix.imag if np.abs(matrix.real).max() < small else matrix
    return out
