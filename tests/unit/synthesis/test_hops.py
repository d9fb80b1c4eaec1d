"""One-hot steps against dense exponentials: order on the excitation's subspace, two CX a bond, layers that N does not change."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.quantum_info import Operator, Statevector
from qiskit.transpiler import CouplingMap
from scipy.linalg import expm
from scipy.stats import unitary_group

from qml_dynamics.base.errors import MethodError, ProblemError
from qml_dynamics.methods.evolution import circuits
from qml_dynamics.methods.trotter import Trotter
from qml_dynamics.model.domains import Grid
from qml_dynamics.model.formulas import by_name
from qml_dynamics.model.hamiltonians import hamiltonian
from qml_dynamics.model.initial import Gaussian, PointMass, State
from qml_dynamics.model.objectives import double_well
from qml_dynamics.model.problem import Problem
from qml_dynamics.model.schedules import Geometric, Linear
from qml_dynamics.synthesis.exchange import load, network
from qml_dynamics.synthesis.hops import parts_of
from qml_dynamics.synthesis.trotter import program

LOSS = double_well(tilt=0.3)
START = Gaussian(-0.6, 0.5, 0.7)
LINES = {
    "walls": Grid((-2, 2), points=5, boundary="walls", encoding="onehot"),
    "ring": Grid((-2, 2), points=6, encoding="onehot"),
    "flux": Grid((-2, 2), points=6, twist=0.3, encoding="onehot"),
}


def problem(grid: Grid, moving: bool = False) -> Problem:
    """A tilted double well that starts with a momentum; with coefficients that move."""
    d, s = (Linear(0.3, 0.6), Geometric(0.7, 1.6)) if moving else (0.4, 1.1)
    return Problem(grid, LOSS, d, s, clock="real", duration=0.5, initial=START)


def matrix_of(grid: Grid, d: float, s: float) -> np.ndarray:
    """``d K + s V`` entry by entry, by none of the code under test."""
    n, h = grid.shape[0], grid.spacing[0]
    x = grid.bounds[0][0] + (np.arange(n) + (0.5 if grid.boundary == "walls" else 0.0)) * h
    out = np.diag(s * np.asarray(LOSS.fn(x[:, None]))).astype(complex)
    for j in range(n):
        for step in (1, -1):
            k = j + step
            out[j, j] += d / h**2
            if 0 <= k < n or grid.boundary == "periodic":
                out[j, k % n] -= d / h**2 * np.exp(-2j * np.pi * grid.twist[0] * step / n)
            else:
                out[j, j] += d / h**2
    return out


def on_points(circuit: QuantumCircuit, grid: Grid) -> np.ndarray:
    """The amplitudes at the points: qubit j is point j."""
    wave = Statevector(circuit).data[[1 << j for j in range(grid.shape[0])]]
    assert np.linalg.norm(wave) == pytest.approx(1.0, abs=1e-12)  # nothing leaks from an ideal circuit
    return np.asarray(wave)


def exact(grid: Grid, moving: bool) -> np.ndarray:
    """The dense propagator at 4000 midpoints of the coefficients, whose error of 1e-8 is far below the ones that are compared."""
    p, psi = problem(grid, moving), problem(grid).initial.vector(grid)
    if not moving:
        return np.asarray(expm(-0.5j * matrix_of(grid, 0.4, 1.1)) @ psi)
    kinetic, potential = matrix_of(grid, 1.0, 0.0), matrix_of(grid, 0.0, 1.0)
    for t in (np.arange(2000) + 0.5) * 0.5 / 2000:
        d, s = p.diffusion.value(t, 0.5), p.strength.value(t, 0.5)
        energies, modes = np.linalg.eigh(d * kinetic + s * potential)
        psi = modes @ (np.exp(-1j * energies * 0.5 / 2000) * (modes.conj().T @ psi))
    return np.asarray(psi)


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("name", list(LINES))
def test_orders_one_two_and_four_against_the_dense_propagator(name: str, moving: bool) -> None:
    """Halved steps make the error 2, 4 and 16 times smaller, to a tenth of the exponent; a wrong sign or order of bits has none."""
    grid, p = LINES[name], problem(LINES[name], moving)
    truth = exact(grid, moving)
    assert np.linalg.norm(truth - p.initial.vector(grid)) > 0.3  # it moved
    for order, steps in ((1, 8), (2, 4), (4, 4)):
        found = [
            np.linalg.norm(on_points(circuits(p, Trotter(r, order=order))[-1], grid) - truth)
            for r in (steps, 2 * steps)
        ]
        assert np.log2(found[0] / found[1]) == pytest.approx(order, abs=0.25)
        assert found[1] < 0.05


@pytest.mark.parametrize("formula", ["omelyan2", "omelyan4", "blanes_moan4", "blanes_moan6"])
def test_formulas_with_several_factors(formula: str) -> None:
    """They keep their order where the coefficients stand still, and those above two are refused where they move."""
    grid, p = LINES["walls"], problem(LINES["walls"])
    truth = exact(grid, False)
    order = by_name(formula).order
    steps = 2 if order < 6 else 1
    found = [
        np.linalg.norm(on_points(circuits(p, Trotter(r, formula=formula))[-1], grid) - truth)
        for r in (steps, 2 * steps)
    ]
    assert np.log2(found[0] / found[1]) > order - 0.5
    if order > 2:
        with pytest.raises(
            MethodError, match="`formula` must be 'lie', 'strang', 'omelyan2' or 'suzuki4' on a one-hot"
        ):
            circuits(problem(grid, True), Trotter(2, formula=formula))


def test_the_bits_and_the_signs() -> None:
    """A point mass is an X on its own qubit; a momentum to the right moves to the higher qubit, on the last axis the lower ones."""
    grid = Grid([(0, 3), (0, 5)], points=(3, 5), boundary="walls", encoding="onehot")
    flat = Problem(grid, lambda w: 0 * w[:, 0], 1.0, clock="real", duration=0.01, initial=PointMass((2.4, 0.6)))
    start = circuits(flat, Trotter(1), [0.0])[0]
    assert dict(start.count_ops()) == {"x": 2}
    assert [start.find_bit(item.qubits[0]).index for item in start.data] == [5 + 2, 0]
    line = Grid((-4, 4), points=8, boundary="walls", encoding="onehot")
    packet = Gaussian(-0.5, 0.8, 1.2)
    p = Problem(line, lambda w: 0 * w[:, 0], 0.5, clock="real", duration=0.6, initial=packet)
    wave = on_points(circuits(p, Trotter(20))[-1], line)
    drift = float(np.abs(wave) ** 2 @ line.axes[0]) - float(np.abs(packet.vector(line)) ** 2 @ line.axes[0])
    assert 0.3 < drift < 0.9


def two_qubit_depth(circuit: QuantumCircuit) -> int:
    """Layers of gates on two qubits."""
    return int(circuit.depth(lambda item: len(item.qubits) == 2))


@pytest.mark.parametrize("n", [7, 9, 16])
def test_two_cz_a_bond_and_four_layers_a_step_on_a_line_whatever_n(n: int) -> None:
    """Compiled for a line of n qubits: (r + 1) even and r odd layers in r steps, two CZ a block, no swap."""
    grid = Grid((-3, 3), points=n, boundary="walls", encoding="onehot")
    p = Problem(grid, LOSS, 0.5, clock="real", duration=0.5, initial=PointMass(0.3))
    steps, even, odd = 2, n // 2, (n - 1) // 2
    circuit = circuits(p, Trotter(steps))[-1]
    compiled = transpile(
        circuit,
        basis_gates=["cz", "rz", "sx", "x"],
        coupling_map=CouplingMap.from_line(n),
        initial_layout=list(range(n)),
        optimization_level=1,
        seed_transpiler=1,
    )
    assert compiled.count_ops()["cz"] == 2 * ((steps + 1) * even + steps * odd)
    assert two_qubit_depth(compiled) == 2 * (2 * steps + 1)
    longer = circuits(p, Trotter(steps + 1))[-1]
    assert two_qubit_depth(longer) - two_qubit_depth(circuit) == 2  # blocks, of two CZ each: four layers a step


def test_a_long_evolution_is_a_network_of_the_same_unitary() -> None:
    """``N (N - 1) / 2`` blocks in N layers, however many steps; the wave is that of the steps to rounding."""
    grid, p = LINES["walls"], problem(LINES["walls"])
    few, many = (circuits(p, Trotter(steps))[-1] for steps in (1, 50))
    n = grid.shape[0]
    prepared = program(p, hamiltonian(p), by_name("strang"), 1, [0.0, 0.5]).start.count_ops()["xx_plus_yy"]
    assert few.count_ops()["xx_plus_yy"] == prepared + 2 * 2 + 2  # even bonds twice, odd once
    assert many.count_ops()["xx_plus_yy"] <= prepared + n * (n - 1) // 2
    assert program(p, hamiltonian(p), by_name("strang"), 50, [0.0, 0.5]).networks == 1
    middle = 1.1 * float(LOSS.fn(np.array([[grid.axes[0][n // 2]]]))[0])  # a number, which acts as a phase
    h = matrix_of(grid, 0.4, 1.1) - middle * np.eye(n)
    even, odd = np.zeros_like(h), np.zeros_like(h)
    for low in range(n - 1):
        part = even if low % 2 == 0 else odd
        part[low, low + 1], part[low + 1, low] = h[low, low + 1], h[low + 1, low]
        for site in (low, low + 1):
            part[site, site] += h[site, site] * (1.0 if site in (0, n - 1) else 0.5)
    step = expm(-0.005j * even) @ expm(-0.01j * odd) @ expm(-0.005j * even)
    wave = np.linalg.matrix_power(step, 50) @ p.initial.vector(grid) * np.exp(-0.5j * middle)
    assert np.abs(on_points(many, grid) - wave).max() < 1e-12


def test_networks_of_any_unitary_and_loads_of_any_wave() -> None:
    """To rounding, within the numbers of gates and layers that are stated; swaps, reflections and zeros among them."""
    rng = np.random.default_rng(3)
    for n in (2, 3, 4, 5):
        places = [1 << j for j in range(n)]
        for u in (unitary_group.rvs(n, random_state=n), np.eye(n)[::-1], np.roll(np.eye(n), 1, 0), np.eye(n)):
            circuit = QuantumCircuit(n)
            network(circuit, u, range(n))
            assert np.abs(Operator(circuit).data[np.ix_(places, places)] - u).max() < 1e-12
            assert circuit.num_nonlocal_gates() <= n * (n - 1) // 2
            assert two_qubit_depth(circuit) <= n
        full = rng.normal(size=n) + 1j * rng.normal(size=n)
        for wave in (full, np.eye(n)[-1], -np.abs(full), np.concatenate([[0.0], full[1:]])):
            circuit = QuantumCircuit(n)
            load(circuit, wave, range(n))
            assert np.abs(Statevector(circuit).data[places] - wave / np.linalg.norm(wave)).max() < 1e-13
            assert circuit.num_nonlocal_gates() <= n - 1


def test_two_axes_with_a_coupled_loss() -> None:
    """The coupling is one controlled phase for each pair of points; the order holds; three weights at once are refused by name."""
    grid = Grid([(-2, 2), (-1, 1)], points=(3, 4), boundary="walls", encoding="onehot")
    p = Problem(grid, lambda w: w[:, 0] * w[:, 1] + w[:, 0], 0.4, clock="real", duration=0.4, initial=State(
        np.outer([0.6, 0.8j, 0.0], [0.5, 0.5, 0.5, -0.5])))  # fmt: skip
    h = hamiltonian(p).matrix()
    truth = expm(-0.4j * h) @ p.initial.vector(grid).reshape(-1)
    places = [(1 << 4 + i) + (1 << j) for i, j in itertools.product(range(3), range(4))]
    found = []
    for steps in (2, 4):
        circuit = circuits(p, Trotter(steps))[-1]
        found.append(np.linalg.norm(Statevector(circuit).data[places] - truth))
    assert np.log2(found[0] / found[1]) == pytest.approx(2.0, abs=0.1)
    assert circuit.count_ops()["cp"] == 6 * (4 + 1)  # the middle of the grid has no part in the coupling
    cube = Grid([(-1, 1)] * 3, points=3, boundary="walls", encoding="onehot")
    three = Problem(cube, lambda w: w.prod(axis=1), 0.4, clock="real", duration=0.4, initial=PointMass(0.0))
    with pytest.raises(
        ProblemError, match="`objective` must be a sum of functions of at most two weights on a one-hot"
    ):
        circuits(three, Trotter(2))
    entangled = p.replace(initial=State(np.eye(3, 4)))
    with pytest.raises(ProblemError, match="`initial` must be a product of one wave an axis"):
        circuits(entangled, Trotter(2))


def test_parts_of_a_loss_add_up() -> None:
    """A number, functions of one weight and pairs, all 0 at the middle."""
    x, y, z = np.arange(3.0), np.arange(4.0) ** 2, np.sin(np.arange(2.0))
    zeta = 2.0 + x[:, None, None] + x[:, None, None] * y[None, :, None] - y[None, :, None] * z
    constant, single, pairs = parts_of(zeta)
    total = np.full(zeta.shape, constant)
    for axis, values in enumerate(single):
        total += values.reshape([-1 if a == axis else 1 for a in range(3)])
    for a, i, b, j, value in pairs:
        total[tuple({a: i, b: j}.get(axis, slice(None)) for axis in range(3))] += value
    assert np.abs(total - zeta).max() < 1e-12
    assert {(a, b) for a, _, b, _, _ in pairs} == {(0, 1), (1, 2)}


PLANES = {
    "walls": Grid([(-2, 2), (-1, 1)], points=(3, 4), boundary="walls", encoding="onehot"),
    "ring": Grid([(-2, 2), (-1, 1)], points=(4, 6), encoding="onehot"),
    "flux": Grid([(-2, 2), (-1, 1)], points=(4, 6), twist=(0.3, -0.2), encoding="onehot"),
}


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("name", list(PLANES))
def test_two_unequal_axes_against_products_of_matrices(name: str, moving: bool) -> None:
    """Each axis has its own spacing, points, bits and flux: the halved step makes the error four times smaller."""
    grid = PLANES[name]
    d, s = (Linear(0.3, 0.6), Geometric(0.7, 1.6)) if moving else (0.4, 1.1)
    parts = [kinetic_of(grid, axis) for axis in range(2)]
    kinetic = np.kron(parts[0], np.eye(grid.shape[1])) + np.kron(np.eye(grid.shape[0]), parts[1])
    x, y = (axis.reshape(shape) for axis, shape in zip(grid.axes, ((-1, 1), (1, -1))))
    loss = (np.sin(x) * y + 0.5 * x + y**2).reshape(-1)
    rng = np.random.default_rng(2)
    start = [rng.normal(size=n) + 1j * rng.normal(size=n) for n in grid.shape]
    initial = State(np.outer(*start))
    p = Problem(
        grid, lambda w: np.sin(w[:, 0]) * w[:, 1] + 0.5 * w[:, 0] + w[:, 1] ** 2, d, s, clock="real", duration=0.1,
        initial=initial,
    )  # fmt: skip
    truth = initial.vector(grid).reshape(-1)
    for t in (np.arange(200) + 0.5) * 0.1 / 200:  # midpoints, whose error of 1e-7 is far below those that are compared
        h = p.diffusion.value(t, 0.1) * kinetic + p.strength.value(t, 0.1) * np.diag(loss)
        truth = expm(-0.1j / 200 * h) @ truth
    high = grid.shape[1]
    places = [(1 << high + i) + (1 << j) for i, j in itertools.product(*(range(n) for n in grid.shape))]
    found = [np.linalg.norm(Statevector(circuits(p, Trotter(steps))[-1]).data[places] - truth) for steps in (4, 8)]
    assert np.log2(found[0] / found[1]) == pytest.approx(2.0, abs=0.15)
    assert 1e-5 < found[1] < 0.02


def kinetic_of(grid: Grid, axis: int) -> np.ndarray:
    """The kinetic matrix of one axis: that of a grid of this axis alone, put together above."""
    bounds, points = [grid.bounds[axis]], [grid.shape[axis]]
    twist = grid.twist[axis] if grid.boundary == "periodic" else 0.0
    return matrix_of(Grid(bounds, points=points, boundary=grid.boundary, twist=twist, encoding="onehot"), 1.0, 0.0)
