"""Hidden neurons in equilibrium, and neurons exchanged with a reservoir: closed forms, enumeration, circuits."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from qiskit.quantum_info import Statevector

import qml_dynamics as qd
from qml_dynamics import ensembles as en
from qml_dynamics.base.errors import MethodError, ProblemError
from qml_dynamics.results.trajectory import Counts
from qml_dynamics.synthesis.ensembles import exchange_circuit, number_coupling


def precision(q: np.ndarray) -> np.ndarray:
    """``W^T W`` of a layer that depends on two weights."""
    W = np.zeros((len(q), 3, 2))
    W[:, 0, 0], W[:, 1, 1], W[:, 2, 0], W[:, 2, 1] = 1.0, 1.0, q[:, 0], 0.5 * q[:, 1]
    return np.swapaxes(W, 1, 2) @ W


def drive(q: np.ndarray) -> np.ndarray:
    return np.stack([q[:, 1], np.full(len(q), 0.3)], axis=1)


def test_gaussian_neurons_against_an_integral() -> None:
    beta, q = 1.7, np.array([[0.4, -0.9]])
    A, b = precision(q)[0], drive(q)[0]
    x = np.linspace(-9, 9, 721)
    u, v = np.meshgrid(x, x, indexing="ij")
    energy = 0.5 * (A[0, 0] * u * u + 2 * A[0, 1] * u * v + A[1, 1] * v * v) - b[0] * u - b[1] * v
    z = float(np.exp(-beta * energy).sum()) * (x[1] - x[0]) ** 2
    found = en.GaussianNeurons(precision, drive, beta).free_energy(q)
    assert found[0] == pytest.approx(-math.log(z) / beta, abs=1e-10)


def test_the_free_energy_is_the_log_volume() -> None:
    neurons = en.GaussianNeurons(precision, beta=2.5)
    q = np.array([[0.0, 0.0], [1.3, -0.4]])
    free, volume = neurons.free_energy(q), neurons.log_volume(q)
    assert free[1] - free[0] == pytest.approx((volume[1] - volume[0]) / 2.5, abs=1e-12)
    assert volume[1] == pytest.approx(0.5 * math.log(np.linalg.det(precision(q)[1])), abs=1e-12)
    assert volume[1] > 0.1


def test_the_gradient_is_the_mean_force() -> None:
    grid = qd.Grid([(-1, 1), (-1, 1)], 2)
    neurons = en.GaussianNeurons(precision, drive, 1.7)
    field = neurons.field(grid)
    assert field.gradient.shape == (2, 4, 4)
    q, h = grid.points[6], 1e-4
    A = precision(q[None])[0]
    mean = np.linalg.solve(A, drive(q[None])[0])
    second = np.linalg.inv(A) / 1.7 + np.outer(mean, mean)
    for axis in range(2):
        e = h * np.eye(2)[axis]
        dA = (precision((q + e)[None])[0] - precision((q - e)[None])[0]) / (2 * h)
        db = (drive((q + e)[None])[0] - drive((q - e)[None])[0]) / (2 * h)
        force = 0.5 * (dA * second).sum() - db @ mean  # <dH/dq>
        assert field.gradient[axis].reshape(-1)[6] == pytest.approx(force, abs=1e-8)
    potential = en.as_potential(field)
    np.testing.assert_allclose(potential.on(grid), field.free_energy)


def test_neurons_without_equilibrium_are_refused() -> None:
    with pytest.raises(ProblemError, match="positive definite everywhere"):
        en.GaussianNeurons(lambda q: -np.ones((len(q), 1, 1))).free_energy(np.zeros((1, 1)))


def ising(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n)
    return rng.normal(0, 0.5, n), np.triu(rng.normal(0, 0.4, (n, n)), 1)


def binary(n: int, **options: object) -> en.BinaryNeurons:
    e, J = ising(n)
    return en.BinaryNeurons(lambda q: e + q, lambda q: np.repeat(J[None], len(q), axis=0), beta=1.3, **options)


def test_binary_neurons_by_enumeration() -> None:
    e, J = ising(5)
    q = 0.35
    terms = []
    for x in itertools.product((0, 1), repeat=5):
        energy = sum((e[i] + q) * x[i] for i in range(5))
        energy += sum(J[i, j] * x[i] * x[j] for i in range(5) for j in range(i + 1, 5))
        terms.append(math.exp(-1.3 * energy))
    found = binary(5).free_energy(np.array([[q]]))
    assert found.value[0] == pytest.approx(-math.log(sum(terms)) / 1.3, abs=1e-12)
    assert found.stderr[0] == 0


def chain(n: int, beta: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Energies and couplings of a chain, and its log Z by transfer matrices."""
    e, _ = ising(n)
    J = np.diag(np.linspace(-0.6, 0.6, n - 1), 1)
    left = np.array([1.0, math.exp(-beta * e[0])])
    for i in range(1, n):
        step = np.array([[1, 1], [1, math.exp(-beta * J[i - 1, i])]]) * np.array([1, math.exp(-beta * e[i])])
        left = left @ step
    return e, J, math.log(left.sum())


def test_twenty_neurons_are_enumerated() -> None:
    e, J, log_z = chain(20, 0.9)
    found = en.BinaryNeurons(lambda q: e + 0 * q, lambda q: J[None], 0.9).free_energy(np.zeros((1, 1)))
    assert found.value[0] == pytest.approx(-log_z / 0.9, abs=1e-11)
    assert found.stderr[0] == 0


def test_sampling_agrees_with_a_chain_of_transfer_matrices() -> None:
    beta = 1.3
    e, J, log_z = chain(24, beta)
    neurons = en.BinaryNeurons(lambda q: e + 0 * q, lambda q: J[None], beta, samples=600, sweeps=80, seed=4)
    found = neurons.free_energy(np.zeros((1, 1)))
    assert 0 < found.stderr[0] < 0.02
    assert abs(found.value[0] + log_z / beta) < 4 * found.stderr[0]
    with pytest.raises(ProblemError, match="at most 20 coupled neurons"):
        neurons.field(qd.Grid((0, 1), 2))


def test_binary_field_over_weights_is_the_mean_activity() -> None:
    grid = qd.Grid((-1, 1), 3)
    field = binary(6).field(grid)
    e, J = ising(6)
    x = np.array(list(itertools.product((0, 1), repeat=6)))
    for j, q in enumerate(grid.axes[0]):
        weight = np.exp(-1.3 * (x @ (e + q) + ((x @ J) * x).sum(axis=1)))
        assert field.gradient[0, j] == pytest.approx(float(weight @ x.sum(axis=1) / weight.sum()), abs=1e-8)


@pytest.mark.parametrize(("beta", "mu"), [(2.0, -1.0), (0.7, 0.6)])
def test_grand_canonical_by_enumeration_evolution_and_circuit(beta: float, mu: float) -> None:
    e = np.array([0.4, -0.3, 1.1])
    ensemble = en.GrandCanonical(e, beta, mu)
    x = np.array(list(itertools.product((0, 1), repeat=3)))
    weight = np.exp(-beta * x @ (e - mu))
    law = weight / weight.sum()
    assert ensemble.grand_potential == pytest.approx(-math.log(weight.sum()) / beta, abs=1e-12)
    assert ensemble.mean_number == pytest.approx(float(law @ x.sum(axis=1)), abs=1e-12)
    np.testing.assert_allclose(ensemble.occupation, law @ x, atol=1e-12)
    h = 1e-5
    up, down = (en.GrandCanonical(e, beta, mu + s).grand_potential for s in (h, -h))
    assert ensemble.mean_number == pytest.approx(-(up - down) / (2 * h), abs=1e-8)
    run = qd.evolve(ensemble.problem(), qd.SplitStep(1))
    np.testing.assert_allclose(run.density[-1].reshape(-1), law, atol=1e-12)
    assert -(2 * run.log_norm[-1] + 3 * math.log(2)) / beta == pytest.approx(ensemble.grand_potential, abs=1e-12)
    np.testing.assert_allclose(np.abs(Statevector(ensemble.circuit()).data) ** 2, law, atol=1e-12)


def test_neuron_number_coupled_to_the_weights() -> None:
    grid = qd.Grid((-1, 1), 3)

    def activation(w: np.ndarray) -> np.ndarray:
        return 0.4 + 0.8 * w[:, 0]

    ensemble = en.GrandCanonical(grid, 1.5, -0.2, activation=activation, neurons=3)
    sigmoid = 1 / (1 + np.exp(1.5 * (0.6 + 0.8 * grid.axes[0])))
    np.testing.assert_allclose(ensemble.mean_number, 3 * sigmoid, atol=1e-12)
    run = qd.evolve(ensemble.problem(), qd.Krylov())
    p = run.density[-1]
    np.testing.assert_allclose(p @ np.arange(4) / p.sum(axis=1), 3 * sigmoid, atol=1e-9)
    weights = np.exp(-1.5 * ensemble.grand_potential)
    np.testing.assert_allclose(
        p.sum(axis=1), weights / weights.sum(), atol=1e-9
    )  # exp(-beta Omega(q)) over the weights
    assert np.ptp(sigmoid) > 0.1


def test_number_coupling_is_the_phase_of_number_times_energy() -> None:
    from qiskit import QuantumCircuit

    energies = np.array([0.3, -0.2, 0.9, 0.1])
    circuit = QuantumCircuit(4)
    circuit.h(range(4))
    number_coupling(energies, 2, 0.7, circuit, range(4))
    wanted = np.exp(-0.7j * np.outer(energies, np.arange(4))).reshape(-1) / 4
    np.testing.assert_allclose(Statevector(circuit).data, wanted, atol=1e-12)
    assert np.abs(wanted - 0.25).max() > 0.1


EXCHANGE = en.Exchange([0.3, -0.5, 0.2, 0.7, -0.1], hopping=0.8, network=2, mu_c=0.6)


@pytest.mark.parametrize(("order", "steps"), [(1, (16, 32, 64)), (2, (4, 8, 16)), (4, (2, 4, 8))])
def test_exchange_circuits_have_the_order_of_their_formula(order: int, steps: tuple[int, ...]) -> None:
    exact = qd.evolve(EXCHANGE.problem(1.5, [0, 3]), qd.Krylov(tol=1e-12)).states[-1].reshape(-1)
    errors = []
    for k in steps:
        wave = Statevector(EXCHANGE.circuit(1.5, k, [0, 3], order)).data
        number = np.bitwise_count(np.arange(32))
        assert np.abs(wave[number != 2]).max() < 1e-13  # every gate conserves the number
        errors.append(float(np.linalg.norm(wave - exact)))
    slopes = np.log(np.array(errors[:-1]) / errors[1:]) / math.log(2)
    assert abs(slopes[-1] - order) < 0.25
    assert errors[0] > errors[-1] > 1e-9


def test_exchange_operator_against_explicit_matrices() -> None:
    lower = np.array([[0, 1], [0, 0]])
    n, size = 5, 32

    def on(i: int, m: np.ndarray) -> np.ndarray:
        return np.kron(np.kron(np.eye(1 << i), m), np.eye(1 << (n - 1 - i)))

    H = sum(EXCHANGE.costs[i] * on(i, lower.T @ lower) for i in range(n))
    for i, j in EXCHANGE.bonds:
        hop = on(i, lower.T) @ on(j, lower)
        H = H + 0.8 * (hop + hop.T)
    np.testing.assert_allclose(EXCHANGE.operator.matrix(), H, atol=1e-12)
    np.testing.assert_allclose(EXCHANGE.costs, [-0.3, -1.1, 0.2, 0.7, -0.1])
    assert H.shape == (size, size)


def test_two_levels_swap_a_neuron() -> None:
    pair = en.Exchange([0.0, 0.0], hopping=1.0, network=1)
    found = pair.sample(math.pi / 2, 1, [1], shots=200)
    assert found.mean_number.value == 1.0
    assert found.rejected == 0
    half = pair.sample(math.pi / 4, 1, [1], shots=4000, seed=2, backend="aer")
    assert abs(half.mean_number.value - 0.5) < 4 * half.mean_number.stderr


def test_the_conserved_number_shows_errors() -> None:
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.01, 2), ["rxx", "ryy", "cx"])
    device = qd.backend("aer", noise_model=noise)
    found = EXCHANGE.sample(1.5, 4, [0, 3], backend=device, shots=20_000, seed=5)
    assert 0.1 < found.rejected < 0.5
    ideal = np.abs(Statevector(EXCHANGE.circuit(1.5, 4, [0, 3])).data) ** 2
    raw = device.sample([EXCHANGE.circuit(1.5, 4, [0, 3])], 20_000, [5])[0]
    checked, unchecked = (0.5 * np.abs(c.histogram(32) - ideal).sum() for c in (found.counts, raw))
    assert checked < 0.7 * unchecked
    kept = en.conserved(Counts(np.array([0b011, 0b101, 0b111]), np.array([1, 2, 3])), 2)
    assert kept.count.tolist() == [1, 2]


def test_wrong_exchanges_are_refused() -> None:
    with pytest.raises(MethodError, match="pairs of different neurons"):
        exchange_circuit([0.0, 0.0], [(1, 1)], 1.0, 1.0, 1)
    for energies in ([0.0], ["a", "b"], [[0.1, 0.2]], [0.0, float("nan")]):
        with pytest.raises(ProblemError, match="2 to 30 finite numbers"):
            en.Exchange(energies, 1.0, 1)
    for bonds, words in (
        ([(0, 5)], "between 0 and 2"),
        ([(1, 1)], "different neurons"),
        ([(0, 1), (1, 2), (1, 0)], "each pair once"),
        ([], "pairs"),
        ([(0,)], "pairs"),
    ):
        with pytest.raises(ProblemError, match=f"`bonds` must .*{words}"):
            en.Exchange([0.1, 0.2, 0.3], 1.0, 1, bonds=bonds)
    with pytest.raises(ProblemError, match="one a neuron, or a Grid"):
        en.GrandCanonical([float("nan")], 1.0, 0.0)
    with pytest.raises(ProblemError, match="one less than a power of two"):
        en.GrandCanonical(qd.Grid((0, 1), 2), 1.0, 0.0, activation=lambda w: w[:, 0], neurons=4).problem()
