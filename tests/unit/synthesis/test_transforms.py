"""Transforms and kinetic phases as circuits: matrices, order of registers, signs of momenta, controls."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import Operator, Statevector

from qml_dynamics.model.domains import Grid, Hypercube
from qml_dynamics.model.initial import PointMass, State
from qml_dynamics.model.transforms import Transform
from qml_dynamics.synthesis.states import prepare
from qml_dynamics.synthesis.transforms import dual_index, fourier, has_ancillas, kinetic, registers, to_dual, width

DOMAINS = {
    "line": Grid((-2, 3), 4),
    "one bit": Grid((-2, 3), 1),
    "plane": Grid([(-2, 3), (0, 1)], (2, 3)),
    "flux": Grid([(-2, 3), (0, 4)], (3, 2), twist=(0.4, -1.3)),
    "walls": Grid((-2, 3), 3, "walls"),
    "one bit walls": Grid((-2, 3), 1, "walls"),
    "walled space": Grid([(-2, 3), (0, 1), (0, 7)], (1, 2, 1), "walls"),
    "cube": Hypercube(4),
}


def random_wave(domain) -> np.ndarray:
    rng = np.random.default_rng(6)
    psi = rng.standard_normal(domain.shape) + 1j * rng.standard_normal(domain.shape)
    return psi / np.linalg.norm(psi)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_fourier_is_the_bit_reversed_kernel(n):
    """exp(-2 pi i j m / N) / sqrt(N) with the rows in bit-reversed order; n H and n (n - 1) / 2 CP, no swap."""
    circuit = QuantumCircuit(n)
    fourier(circuit, range(n))
    size = 1 << n
    j, m = np.meshgrid(np.arange(size), np.arange(size))
    kernel = np.exp(-2j * np.pi * j * m / size) / np.sqrt(size)
    reverse = [int(f"{i:0{n}b}"[::-1], 2) for i in range(size)]
    np.testing.assert_allclose(Operator(circuit).data, kernel[reverse], atol=1e-12)
    assert circuit.count_ops()["h"] == n
    assert circuit.count_ops().get("cp", 0) == n * (n - 1) // 2
    assert set(circuit.count_ops()) <= {"h", "cp"}
    fourier(circuit, range(n), inverse=True)
    np.testing.assert_allclose(Operator(circuit).data, np.eye(size), atol=1e-12)


def test_registers_put_the_last_axis_lowest_and_ancillas_on_top():
    """Axis 0 is slowest, so it takes the highest data qubits; walls add one qubit an axis above them all."""
    assert registers(Grid([(0, 1), (0, 1)], (2, 3))) == [[3, 4], [0, 1, 2]]
    assert registers(Grid([(0, 1), (0, 1)], (2, 3), "walls")) == [[3, 4, 5], [0, 1, 2, 6]]
    assert registers(Hypercube(3)) == [[2], [1], [0]]
    assert [width(DOMAINS[k]) for k in ("plane", "walled space", "cube")] == [5, 7, 4]
    assert has_ancillas(DOMAINS["walls"])
    assert not has_ancillas(DOMAINS["line"])


@pytest.mark.parametrize("name", list(DOMAINS))
def test_dual_outcomes_are_decoded_to_the_dual_amplitudes(name):
    """|amplitude|^2 of every outcome lands on the index where the classical transform has it; walls split it in two."""
    domain = DOMAINS[name]
    psi = random_wave(domain)
    circuit = prepare(State(psi), domain)
    to_dual(domain, circuit)
    seen = np.abs(Statevector.from_instruction(circuit).data) ** 2
    index = dual_index(domain, np.arange(len(seen)))
    assert index.min() >= 0
    assert index.max() < domain.size
    found = np.bincount(index, weights=seen, minlength=domain.size)
    wanted = np.abs(Transform(domain).forward(psi.copy()).reshape(-1)) ** 2
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    assert np.ptp(wanted) > 0.01
    to_dual(domain, circuit, inverse=True)
    np.testing.assert_allclose(Statevector.from_instruction(circuit).data[: domain.size], psi.reshape(-1), atol=1e-12)


@pytest.mark.parametrize("mode", [-3, -1, 0, 2, 3, -4])
def test_plane_wave_is_found_at_its_own_momentum(mode):
    """exp(+i k x) with k > 0 comes out at positive k on a box that does not start at 0."""
    grid = Grid((-2, 3), 3)
    k = 2 * np.pi * mode / 5
    circuit = prepare(State(np.exp(1j * k * grid.axes[0])), grid)
    to_dual(grid, circuit)
    outcome = int(np.argmax(np.abs(Statevector.from_instruction(circuit).data)))
    assert grid.momenta_at(dual_index(grid, np.array([outcome])))[0, 0] == pytest.approx(k)


def test_plane_waves_on_two_axes_keep_their_axes_and_signs():
    """Unequal registers and boxes, one positive and one negative momentum."""
    grid = Grid([(-2, 3), (0, 1)], (3, 4))
    k = np.array([2 * np.pi * 2 / 5, -2 * np.pi * 5])
    circuit = prepare(State(np.exp(1j * grid.points @ k)), grid)
    to_dual(grid, circuit)
    probabilities = np.abs(Statevector.from_instruction(circuit).data) ** 2
    outcome = int(np.argmax(probabilities))
    assert probabilities[outcome] == pytest.approx(1.0)
    np.testing.assert_allclose(grid.momenta_at(dual_index(grid, np.array([outcome])))[0], k)


@pytest.mark.parametrize("mode", [1, 2, 5, 8])
def test_standing_wave_with_walls_is_found_at_its_own_mode(mode):
    """sin(pi m (x - a) / L) has the wave number pi m / L, both signs of the extension included."""
    grid = Grid((-2, 3), 3, "walls")
    psi = np.sin(np.pi * mode * (grid.axes[0] + 2) / 5)
    circuit = prepare(State(psi), grid)
    to_dual(grid, circuit)
    seen = np.abs(Statevector.from_instruction(circuit).data) ** 2
    found = np.bincount(dual_index(grid, np.arange(16)), weights=seen, minlength=8)
    assert found[mode - 1] == pytest.approx(1.0)
    assert grid.momenta_at(np.array([mode - 1]))[0, 0] == pytest.approx(np.pi * mode / 5)


def test_hypercube_bits_of_the_dual_are_the_parities():
    """A wave that is odd in weight 1 only is found at dual bits (0, 1, 0)."""
    cube = Hypercube(3)
    circuit = prepare(State(np.where(cube.points[:, 1] > 0, -1.0, 1.0)), cube)
    to_dual(cube, circuit)
    outcome = int(np.argmax(np.abs(Statevector.from_instruction(circuit).data)))
    np.testing.assert_array_equal(cube.momenta_at(dual_index(cube, np.array([outcome])))[0], [0, 1, 0])
    assert cube.dual.reshape(-1)[dual_index(cube, np.array([outcome]))[0]] == 2.0


@pytest.mark.parametrize("name", list(DOMAINS))
def test_kinetic_block_is_the_exponential_of_the_laplacian(name, oracle):
    """exp(-i tau (-L)) with its phase, by matrix; ancillas come back."""
    domain, tau = DOMAINS[name], 0.37
    circuit = QuantumCircuit(width(domain))
    kinetic(domain, tau, circuit)
    found = Operator(circuit).data[:, : domain.size]
    wanted = scipy.linalg.expm(-1j * tau * oracle.laplacian(domain))
    np.testing.assert_allclose(found[: domain.size], wanted, atol=1e-11)
    np.testing.assert_allclose(found[domain.size :], 0, atol=1e-11)
    assert np.abs(wanted - np.eye(domain.size)).max() > 0.01


@pytest.mark.parametrize("name", list(DOMAINS))
def test_controlled_kinetic_block_controls_the_phases_only(name, oracle):
    """With the control at 0 the identity, at 1 the block with its phase; the transforms hold no control."""
    domain, tau = DOMAINS[name], 0.37
    bare = width(domain)
    parameter = Parameter("tau")
    circuit = QuantumCircuit(bare + 1)
    kinetic(domain, parameter, circuit, control=bare)
    touching = [item for item in circuit.data if circuit.qubits[bare] in item.qubits]
    assert touching
    assert all(item.operation.name in ("cx", "rz") for item in touching)
    found = Operator(circuit.assign_parameters([tau])).data
    keep = np.arange(domain.size)
    np.testing.assert_allclose(found[np.ix_(keep, keep)], np.eye(domain.size), atol=1e-11)
    on = keep + (1 << bare)
    wanted = scipy.linalg.expm(-1j * tau * oracle.laplacian(domain))
    np.testing.assert_allclose(found[np.ix_(on, on)], wanted, atol=1e-11)
    assert np.abs(wanted - np.eye(domain.size)).max() > 0.1


def test_dual_phases_of_a_periodic_axis_have_the_counted_gates():
    """n P and one for each of n (n - 1) / 2 pairs over (n - 1)(n + 2) / 2 CX, with a twist too; the hypercube takes one layer of RX."""
    for twist in (0.0, 0.3):
        circuit = QuantumCircuit(5)
        kinetic(Grid((-2, 3), 5, twist=twist), 0.2, circuit)
        assert circuit.count_ops()["p"] == 5 + 10
        assert circuit.count_ops()["cx"] == 14
        assert circuit.count_ops()["cp"] == 2 * 10
        assert circuit.count_ops()["h"] == 2 * 5
    circuit = QuantumCircuit(4)
    kinetic(Hypercube(4), 0.2, circuit)
    assert dict(circuit.count_ops()) == {"rx": 4}


def test_prepared_point_decodes_to_itself_without_a_transform():
    """The outcome in the weight basis is the flat index: no reversal there."""
    grid = Grid([(-2, 3), (0, 1)], (2, 3))
    point = grid.points[13]
    state = Statevector.from_instruction(prepare(PointMass(point), grid)).data
    assert int(np.argmax(np.abs(state))) == 13
