"""Circuits of growth: one more least significant bit by interpolation, orthogonal networks, and Halmos' dilation.

The interpolation is spectral: transform to momenta, copy the sign bit onto the new qubit (a longer two's complement), transform
back on one more qubit. With the bit-reversed transforms of this room the new qubit stands exactly where the new least
significant bit of the weight belongs, so no swap is needed. Derived here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from qiskit import QuantumCircuit

from ..base.errors import ProblemError, describe, real, require
from ..model.domains import Grid
from .transforms import dual_phases, fourier, odd_extension, registers, to_dual, width

_EMPTY = 1e-12  # entries below are round-off of earlier rotations: no rotation for them, on any machine


def blank(domain: Grid) -> QuantumCircuit:
    """An empty circuit on the register of a grid, ancillas included.

    >>> blank(Grid((0, 1), 3, boundary="walls")).num_qubits
    4
    """
    return QuantumCircuit(width(domain))


def seats(coarse: Grid, fine: Grid) -> list[int]:
    """Where the qubits of a circuit on ``coarse`` stand among those of ``fine``: on the high bits of each axis.

    >>> seats(Grid([(0, 1), (0, 1)], 1), Grid([(0, 1), (0, 1)], 2))
    [1, 3]
    """
    place: dict[int, int] = {}
    for small, large in zip(registers(coarse), registers(fine)):
        place.update(zip(small, large[len(large) - len(small) :]))
    return [place[q] for q in range(width(coarse))]


def widening(coarse: Grid, axis: int, quarters: int) -> QuantumCircuit:
    """The circuit that puts a wave on a window into one twice as wide along an axis, which starts so many quarters of the small
    window before it; the new highest qubit of the axis comes in ``|0>``.

    An addition to the three highest bits: at most one Toffoli gate and one CX, whatever the size.

    Args:
        coarse: the grid of the small window.
        axis: which axis is widened.
        quarters: 0 to 4.

    >>> [two_qubit_gates(widening(Grid((0, 1), 3), 0, quarters)) for quarters in range(5)]
    [0, 7, 1, 7, 0]
    """
    enough = isinstance(quarters, int) and 0 <= quarters <= 4 and (quarters % 2 == 0 or coarse.qubits[axis] > 1)
    require(enough, "quarters", "be 0 to 4, and even for a window of 2 points", quarters)
    finer = Grid(coarse.bounds, [q + (a == axis) for a, q in enumerate(coarse.qubits)], coarse.boundary)
    circuit = QuantumCircuit(width(finer))
    line = registers(finer)[axis]
    bits = line[: finer.qubits[axis]][-3:]  # the small window's two highest bits, and the new one
    new, high = bits[-1], bits[-2]
    if quarters in (1, 3):
        second = bits[-3]
        if quarters == 3:  # m + 3 = 7 - ((3 - m) + 1)
            circuit.x([second, high])
        circuit.ccx(second, high, new)
        circuit.cx(second, high)
        circuit.x(second)
        if quarters == 3:
            circuit.x([second, high, new])
    elif quarters == 2:
        circuit.cx(high, new)
        circuit.x(high)
    elif quarters == 4:
        circuit.x(new)
    return circuit


def shift(coarse: Grid, axis: int, quarters: int) -> QuantumCircuit:
    """The circuit that moves a window along an axis, to one that starts so many quarters of itself before it (or after, below 0).

    An addition to the two highest bits; what the new window does not reach would come in at its other end, and must be empty.

    >>> [two_qubit_gates(shift(Grid((0, 1), 3), 0, quarters)) for quarters in (-1, 1, 2)]
    [1, 1, 0]
    """
    circuit = QuantumCircuit(width(coarse))
    low, high = registers(coarse)[axis][: coarse.qubits[axis]][-2:]
    if quarters % 2:
        circuit.cx(low, high)
        circuit.x(low)
    if quarters % 4 in (2, 3):
        circuit.x(high)
    return circuit


def patch_seats(patch: Grid, spare: Sequence[int], fine: Grid) -> list[int]:
    """Where the qubits of a circuit on a window stand among those of ``fine``: above the ``spare`` low bits of each axis.

    >>> patch_seats(Grid([(0, 1), (0, 1)], 1), (1, 0), Grid([(-2, 2), (-2, 2)], 3))
    [0, 4]
    """
    place: dict[int, int] = {}
    for axis, (small, large) in enumerate(zip(registers(patch), registers(fine))):
        bits = patch.qubits[axis]
        place.update(zip(small[:bits], large[spare[axis] :]))
        place.update(zip(small[bits:], large[fine.qubits[axis] :]))  # the ancilla of walls
    return [place[q] for q in range(width(patch))]


def refinement(coarse: Grid, finer: Grid, on: Grid | None = None) -> QuantumCircuit:
    """The circuit that takes a wave on ``coarse`` to its interpolation on ``finer``; new qubits come in ``|0>``.

    An isometry: the norm is kept to the last bit. It is `growth.refine` but for the highest mode of the coarse grid.

    Args:
        coarse: a grid.
        finer: the same box with at most one more qubit on each axis.
        on: the grid whose register the circuit is for (``finer`` when None).

    >>> circuit = refinement(Grid((0, 1), 3), Grid((0, 1), 4))
    >>> circuit.num_qubits, two_qubit_gates(circuit)
    (4, 19)
    """
    register = finer if on is None else on
    more = [f - c for c, f in zip(coarse.qubits, finer.qubits)]
    fits = coarse.bounds == finer.bounds and coarse.boundary == finer.boundary and set(more) <= {0, 1}
    require(fits, "finer", "be the same box with at most one more qubit on each axis", describe(finer))
    circuit = QuantumCircuit(width(register))
    walls = coarse.boundary == "walls"
    for axis, extra in enumerate(more):
        if not extra:
            continue
        line = registers(register)[axis]
        new = line[: len(line) - coarse.qubits[axis] - (1 if walls else 0)][-1]
        old = line[line.index(new) + 1 :]
        if walls:
            odd_extension(circuit, old)
        fourier(circuit, old)
        if walls:
            _half_shift(circuit, old)
        circuit.cx(old[0], new)  # bit-reversed: the first qubit carries the sign
        fourier(circuit, [new, *old], inverse=True)
        if walls:
            odd_extension(circuit, [new, *old], inverse=True)
    return circuit


def kinetic_refinement(coarse: Grid, finer: Grid, tau: float) -> QuantumCircuit:
    """``exp(-i tau (-L))`` on ``coarse`` and the interpolation to ``finer``, on the register of ``finer``.

    Both work on momenta, so they share their transforms: the interpolation costs one CX an axis, and larger transforms back.

    >>> two_qubit_gates(kinetic_refinement(Grid((0, 1), 3), Grid((0, 1), 4), 0.1))
    24
    """
    circuit = QuantumCircuit(width(finer))
    spare = [f - c for c, f in zip(coarse.qubits, finer.qubits)]
    place = patch_seats(coarse, spare, finer)
    there = QuantumCircuit(width(coarse))
    to_dual(coarse, there)
    for axis, line in enumerate(registers(coarse)):
        dual_phases(coarse, axis, tau, there, line)
    circuit.compose(there, place, inplace=True)
    for axis, extra in enumerate(spare):
        line = registers(finer)[axis]
        if extra:
            if coarse.boundary == "walls":
                _half_shift(circuit, line[1:])
            circuit.cx(line[1], line[0])  # bit-reversed: the lowest qubit carries the sign
    to_dual(finer, circuit, inverse=True)
    return circuit


def _half_shift(circuit: QuantumCircuit, qubits: Sequence[int]) -> None:
    """Points of a grid between walls sit half a step off it: ``exp(-i pi m / (2 M))`` with ``M`` points of the odd extension."""
    count = len(qubits)
    weights = 2.0 ** np.arange(count)
    weights[-1] *= -1
    for qubit, w in zip(qubits, weights[::-1]):
        circuit.p(-np.pi * w / (2 << count), qubit)


def two_qubit_gates(circuit: QuantumCircuit) -> int:
    """CX that a circuit of this room takes before any optimisation: 1 a CX or CZ, 2 a controlled phase or exchange rotation,
    3 a swap, 6 a Toffoli gate."""
    price = {"cx": 1, "cz": 1, "cp": 2, "crz": 2, "rzz": 2, "xx_plus_yy": 2, "swap": 3}
    single = sum(price.get(i.operation.name, 2) for i in circuit.data if len(i.qubits) == 2)
    out: int = single + 6 * circuit.count_ops().get("ccx", 0)
    return out


def orthogonal_network(matrix: npt.ArrayLike) -> QuantumCircuit:
    """A rotation of ``d`` weights as a network of exchange rotations on ``d`` qubits in one-hot encoding.

    ``sum_i x_i |..1_i..>`` becomes ``sum_i (U x)_i |..1_i..>`` with at most ``d (d - 1) / 2`` rotations between neighbours
    (Givens) and one Z a sign. Source: Kerenidis, Landman, Mathur, arXiv:2106.07198.

    Args:
        matrix: an orthogonal matrix, shape ``(d, d)``; qubit i carries weight i.

    Raises:
        ProblemError: not square, or not orthogonal to 1e-8.

    >>> orthogonal_network([[0.6, -0.8], [0.8, 0.6]]).num_nonlocal_gates()
    1
    """
    u = finite_matrix(matrix)
    square = u.shape[0] == u.shape[1]
    require(square, "matrix", "be square", f"of shape {u.shape}")
    miss = float(np.abs(u.T @ u - np.eye(len(u))).max())
    require(miss <= 1e-8, "matrix", "be orthogonal", f"off by {miss:.1e}")
    d, rotations = len(u), []
    for column in range(d - 1):
        for row in range(d - 1, column, -1):
            a, b = u[row - 1, column], u[row, column]
            if abs(b) < _EMPTY:
                continue
            angle = float(np.arctan2(b, a))
            c, s = np.cos(angle), np.sin(angle)
            u[[row - 1, row]] = np.array([[c, s], [-s, c]]) @ u[[row - 1, row]]
            rotations.append((row, angle))
    circuit = QuantumCircuit(d)
    for q in range(d):
        if u[q, q] < 0:
            circuit.z(q)
    for row, angle in reversed(rotations):
        givens(circuit, angle, row - 1, row)
    return circuit


def givens(circuit: QuantumCircuit, angle: float, a: int, b: int) -> None:
    """Append the real rotation ``|1_a> -> cos |1_a> + sin |1_b>``, ``|1_b> -> cos |1_b> - sin |1_a>``."""
    from qiskit.circuit.library import XXPlusYYGate

    circuit.append(XXPlusYYGate(2 * angle, np.pi / 2), [a, b])


def halmos(matrix: npt.ArrayLike) -> np.ndarray:
    """Halmos' dilation of a contraction: ``[[A, (1 - A A^T)^(1/2)], [(1 - A^T A)^(1/2), -A^T]]``, an orthogonal matrix.

    A matrix of shape ``(out, in)`` gives one of ``out + in`` rows and columns; A stands in its first ``out`` rows and first
    ``in`` columns.

    Raises:
        ProblemError: not a finite real matrix, or of a norm above 1.

    >>> halmos([[0.6]]).round(6).tolist()
    [[0.6, 0.8], [0.8, -0.6]]
    >>> halmos([[0.6, 0.0]]).shape
    (3, 3)
    """
    a = finite_matrix(matrix)
    u, sigma, vt = np.linalg.svd(a)
    require(
        float(sigma[0]) <= 1 + 1e-12, "matrix", "have a norm of at most 1 (divide by it)", f"of norm {sigma[0]:.6g}"
    )
    rest = np.ones(max(a.shape))
    rest[: len(sigma)] = np.sqrt(np.maximum(0.0, 1 - sigma**2))
    out, into = a.shape
    return np.block([[a, (u * rest[:out]) @ u.T], [(vt.T * rest[:into]) @ vt, -a.T]])


def layer(matrix: npt.ArrayLike, scale: float | None = None) -> tuple[QuantumCircuit, float]:
    """Any layer ``W`` of shape ``(out, in)`` on ``out + in`` qubits in one-hot encoding, and the number it was divided by.

    The network of Halmos' dilation of ``W / scale``: inputs on the first ``in`` qubits, outputs on the first ``out``, an
    excitation on one of the others means failure. Success has probability ``|W x|^2 / (scale^2 |x|^2)``. A square layer that is
    orthogonal up to its norm needs no dilation: it takes ``out`` qubits and never fails.

    Args:
        matrix: the weights.
        scale: the norm of W when None, which makes success most likely; not smaller than it.

    >>> circuit, scale = layer([[2.0, 0.0], [0.0, 1.0]])
    >>> circuit.num_qubits, scale
    (4, 2.0)
    >>> layer([[0.0, -3.0], [3.0, 0.0]])[0].num_qubits
    2
    """
    w = finite_matrix(matrix)
    norm = float(np.linalg.norm(w, 2))
    require(norm > 0, "matrix", "not be all zero", f"of shape {w.shape}")
    factor = norm if scale is None else real(scale, "scale", positive=True)
    require(factor >= norm * (1 - 1e-12), "scale", f"be at least the norm {norm:.6g}", scale)
    small = w / factor
    square = small.shape[0] == small.shape[1]
    if square and float(np.abs(small.T @ small - np.eye(len(small))).max()) <= 1e-12:
        return orthogonal_network(small), factor
    return orthogonal_network(halmos(small)), factor


def finite_matrix(matrix: npt.ArrayLike) -> np.ndarray:
    """``matrix`` as a real array of finite numbers; raises :class:`ProblemError` if it is none."""
    try:
        a = np.array(matrix)
        real = a.dtype.kind != "c"
        a = a.astype(float if real else complex)
    except Exception:  # of any kind: the person's own object makes the array
        raise ProblemError(f"Argument `matrix` must be a real matrix, but is {describe(matrix)}.") from None
    require(real, "matrix", "be a real matrix", "of complex numbers")
    ok = a.ndim == 2 and a.size > 0 and bool(np.isfinite(a).all())
    require(ok, "matrix", "be a finite matrix that is not empty", f"of shape {a.shape}")
    return a
