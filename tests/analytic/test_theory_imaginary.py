"""Numbers of the theory of imaginary time: T04 to T06, T09, T10, T12, T19 to T22, T34."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

import qml_dynamics as qd
from qml_dynamics.methods.imaginary.laws import Occupied
from qml_dynamics.model.potentials import gibbs_density
from qml_dynamics.synthesis.p_register import Register
from qml_dynamics.synthesis.probabilistic import probabilistic_blocks

X, Z, Y, ONE = np.array([[0, 1], [1, 0]]), np.diag([1, -1]), np.array([[0, -1j], [1j, 0]]), np.eye(2)


def kron(*parts: np.ndarray) -> np.ndarray:
    out = np.eye(1)
    for part in parts:
        out = np.kron(out, part)
    return out


def chain(qubits: int, field: float) -> np.ndarray:
    """Transverse-field Ising chain with J = 1."""
    out = np.zeros((1 << qubits, 1 << qubits))
    for q in range(qubits):
        ops = [ONE] * qubits
        ops[q] = X
        out = out - field * kron(*ops)
        if q + 1 < qubits:
            ops = [ONE] * qubits
            ops[q] = ops[q + 1] = Z
            out = out - kron(*ops)
    return out


def population_moments(p: qd.Problem) -> tuple[float, float, float]:
    """Mean, variance and mass of psi itself, over those at the start."""
    run = qd.evolve(p, qd.SplitStep(600, order=4))
    x = p.domain.axes[0]
    u = run.states[-1].real
    mean = float(u @ x / u.sum())
    mass = float(u.sum() / run.states[0].real.sum() * np.exp(run.log_norm[-1]))
    return mean, float(u @ (x - mean) ** 2 / u.sum()), mass


def test_t04_density_of_the_free_wave() -> None:
    """(3.4): the heat equation: amplitude variance s^2 = 1 grows by 2 D tau, the Born variance by D tau."""
    start = qd.Gaussian(0.0, np.sqrt(0.5))  # amplitude variance 1
    p = qd.Problem(qd.Grid((-16, 16), 8), lambda w: 0 * w[:, 0], 0.5, clock="imaginary", duration=2.0, initial=start)
    _, variance, mass = population_moments(p)
    # exact but for the rounding of 3,600 transforms, which the variance weighs with x^2 up to 256
    assert variance == pytest.approx(1.0 + 2 * 0.5 * 2.0, abs=1e-7)
    assert mass == pytest.approx(1.0, abs=1e-8)


def test_t05_order_one_is_a_gradient_step() -> None:
    grid = qd.Grid((-8, 8), 10)
    p = qd.Problem(
        grid, lambda w: 0.8 * (w[:, 0] - 1.015625), 0.5, clock="imaginary", duration=0.4, initial=qd.PointMass(1.015625)
    )
    mean, variance, mass = population_moments(p)
    assert p.initial.index(grid)[0] == int((1.015625 + 8) / grid.spacing[0])
    assert mean == pytest.approx(0.951625, abs=1e-5)
    assert variance == pytest.approx(2 * 0.5 * 0.4, abs=1e-5)
    assert mass == pytest.approx(1.00685, abs=1e-5)
    step = qd.taylor_step(p, 1.015625, 1, 0.4)
    assert step.mean[0] == pytest.approx(0.951625, abs=1e-9)
    assert np.exp(step.log_mass) == pytest.approx(1.00685, abs=1e-5)


def test_t06_order_two_is_a_damped_newton_step() -> None:
    """D = 0.5, k = 1, tau = 1 from x0 = 1.015625: mean .658180, variance .761594."""
    p = qd.Problem(
        qd.Grid((-8, 8), 10),
        lambda w: 0.5 * w[:, 0] ** 2,
        0.5,
        clock="imaginary",
        duration=1.0,
        initial=qd.PointMass(1.015625),
    )
    mean, variance, mass = population_moments(p)
    step = qd.taylor_step(p, 1.015625, 2, 1.0)
    assert mean == pytest.approx(0.658180, abs=1e-6)
    assert variance == pytest.approx(0.761594, abs=1e-6)
    assert mass == pytest.approx(0.543525, abs=1e-6)
    assert step.mean[0] == pytest.approx(1.015625 * 0.648054273663885, abs=1e-10)  # the Hessian is of differences
    assert step.covariance[0, 0] == pytest.approx(np.tanh(1.0), abs=1e-10)
    assert np.exp(step.log_mass) == pytest.approx(mass, abs=1e-8)


def test_t09_softmax_and_sigmoid() -> None:
    result = qd.gibbs.softmax([0.3, 1.1, -0.4, 2.0], 1.7)
    assert np.abs(result.probabilities - [0.21742353, 0.05580409, 0.7146888, 0.01208358]).max() < 1e-8
    assert qd.gibbs.sigmoid(1.3, 1.0).probabilities[1] == pytest.approx(0.785835, abs=1e-6)


def test_t10_quantum_sigmoid() -> None:
    p1 = {(1.6, 0.5): 0.803180, (1.6, 0.0): 0.888944, (200.0, 0.5): 0.896312}  # beta = 2 tau
    for (beta, d), wanted in p1.items():
        assert qd.gibbs.sigmoid(1.3, beta, d).probabilities[1] == pytest.approx(wanted, abs=1e-6)


def test_t12_witten_spectrum_and_the_objective_that_is_no_gibbs_law() -> None:
    """(3.20), (3.21): V = (x^2 - 1)^2 + 0.2 x at T = 0.4."""

    def v(w: np.ndarray) -> np.ndarray:
        return (w[:, 0] ** 2 - 1) ** 2 + 0.2 * w[:, 0]

    t, grid = 0.4, qd.Grid((-3.2, 3.2), 8)
    p = qd.Problem(grid, qd.potential(v, "witten", t), t, clock="imaginary", duration=1.0)
    energies, waves = qd.hamiltonian(p).lowest(4)
    assert np.allclose(energies, [0.0, 0.145565, 3.736225, 6.749249], atol=1e-5)
    wanted = gibbs_density(v, grid, t)
    assert 0.5 * np.abs(waves[0] ** 2 - wanted).sum() < 1e-8
    wave = qd.hamiltonian(p.replace(objective=qd.potential(v))).ground_state()[1]
    assert 0.5 * np.abs(wave**2 - wanted).sum() == pytest.approx(0.3707, abs=2e-4)
    assert 0.5 * np.abs(wave / wave.sum() - wanted).sum() == pytest.approx(0.3918, abs=2e-4)


@pytest.mark.parametrize("temperature", [0.3, 1.1])
def test_t12_quadratic_witten_spectrum_does_not_depend_on_temperature(temperature: float) -> None:
    k = 0.8
    p = qd.Problem(qd.Grid((-9, 9), 8), qd.potential(lambda w: 0.5 * k * w[:, 0] ** 2, "witten", temperature), temperature,
                   clock="imaginary", duration=1.0)  # fmt: skip
    assert np.allclose(qd.hamiltonian(p).lowest(4)[0], k * np.arange(4), atol=1e-6)


def test_t19_block_and_success_law() -> None:
    energies = np.array([0.3, 1.1, 0.0, 2.4])
    cube = qd.Hypercube(2)
    p = qd.Problem(cube, qd.objectives.from_table(energies, cube), 0.0, clock="imaginary", duration=0.7)
    m0 = 0.9
    method = qd.ProbabilisticITE(m0, 1, order=1, block="exact")
    ((block,),) = probabilistic_blocks(p, qd.hamiltonian(p), method, [0.0, 0.7], lambda a, b: 0.0)
    from qiskit.quantum_info import Operator

    matrix = Operator(block).data
    assert np.allclose(matrix[:4, :4], np.diag(m0 * np.exp(-0.7 * energies)), atol=1e-12)
    other = np.sqrt(1 - m0**2 * np.exp(-1.4 * energies))
    assert np.allclose(np.abs(matrix[4:, :4]), np.diag(other), atol=1e-12)
    steps = 3
    run = qd.evolve(p, qd.ProbabilisticITE(m0, steps, order=1, block="exact"))
    law = m0 ** (2 * steps) * np.exp(-1.4 * energies).mean()
    assert run.diagnostics["success_probability"][-1] == pytest.approx(law, rel=1e-10)


def test_t20_double_bracket_energy_drop() -> None:
    """dE / (-2 s Var) tends to 1; s = .00125: dE = -1.3164e-3 against -1.3244e-3, infidelity to ITE(s) 3.5e-9."""
    h = chain(4, 0.9)
    q = np.array([np.cos(0.3), np.sin(0.3)])
    start = kron(*([q[:, None]] * 4)).reshape(-1)
    energy = start @ h @ start
    variance = start @ h @ h @ start - energy**2
    ratios = []
    for s in (0.005, 0.00125):
        p = qd.Problem.from_operator(h, clock="imaginary", duration=s, initial=start)
        run = qd.evolve(p, qd.DoubleBracket(1, substeps=40))
        drop = run.expectations["energy"].value[-1] - energy
        ratios.append(drop / (-2 * s * variance))
        truth = qd.evolve(p, qd.Exact()).states[-1]
        if s == 0.00125:
            assert -2 * s * variance == pytest.approx(-1.3244e-3, rel=1e-3)
            assert drop == pytest.approx(-1.3164e-3, rel=1e-3)
            assert 1 - abs(np.vdot(truth, run.states[-1])) ** 2 == pytest.approx(3.5e-9, rel=0.3)
    assert abs(ratios[1] - 1) < 0.01
    assert abs(ratios[1] - 1) < 0.4 * abs(ratios[0] - 1)


def test_t21_qite() -> None:
    """Three qubits, h = .8, tau = 1: infidelity to the exact imaginary time below 1e-7 at dtau = .1, 16 times less at half."""
    start = (
        scipy.linalg.expm(-0.4j * kron(ONE, Y, ONE))
        @ scipy.linalg.expm(-0.2j * kron(Y, ONE, ONE))
        @ (np.ones(8) / np.sqrt(8))
    )
    p = qd.Problem.from_operator(chain(3, 0.8), clock="imaginary", duration=1.0, initial=start)
    truth = qd.evolve(p, qd.Exact()).states[-1]
    misses = [1 - abs(np.vdot(truth, qd.evolve(p, qd.QITE(3, n)).states[-1])) ** 2 for n in (5, 10)]
    assert misses[1] < 1e-8
    assert misses[0] / misses[1] == pytest.approx(16, rel=0.3)


def test_t22_schrodingerisation_error_table() -> None:
    """Relative error at p ~ 0.5 of a box of 10 pi, five to ten qubits, for a positive matrix of spectrum 0.009 to 2.8."""
    a = np.random.default_rng(0).normal(size=(8, 8))
    energies, modes = np.linalg.eigh(a @ a.T / 8)
    shares = (modes.T @ np.ones(8) / np.sqrt(8)) ** 2
    measure = Occupied(energies, shares)
    table = {
        True: (2.3e-1, 1.7e-2, 1.3e-3, 7.8e-5, 1.1e-5, 8.5e-7),
        False: (2.3e-1, 7.4e-2, 1.6e-2, 5.1e-3, 1.6e-3, 2.7e-4),
    }
    for smooth, wanted in table.items():
        for qubits, error in zip(range(5, 11), wanted):
            register = Register(qubits, 5 * np.pi, 5 * np.pi, smooth)
            j = int(np.argmin(np.abs(register.points - 0.5)))
            read = register.shifted(measure.shifts)[:, j] * np.exp(register.points[j])
            miss = np.sqrt(shares @ np.abs(read - np.exp(-energies)) ** 2 / (shares @ np.exp(-2 * energies)))
            assert miss < 2 * error
            if smooth:
                assert miss > error / 2


def test_t34_purification_gives_the_gibbs_state() -> None:
    """Exact without diffusion; with it the law is that of the split-step product M, ``diag(M M^+) / Tr``, to round-off."""
    cube = qd.Hypercube(2)
    still = qd.Problem(cube, lambda w: w[:, 0] - 0.5 * w[:, 0] * w[:, 1], 0.0, clock="imaginary", duration=1.0)
    energies = still.objective.on(cube)
    result = qd.gibbs.thermal(still, 1.3)
    weights = np.exp(-1.3 * energies)
    assert np.abs(result.probabilities - weights / weights.sum()).max() < 1e-12
    assert result.log_partition == pytest.approx(np.log(weights.sum()), abs=1e-12)
    assert result.success_probability == pytest.approx(weights.sum() / 4 * np.exp(1.3 * energies.min()), rel=1e-12)
    moving = still.replace(diffusion=0.6)
    kinetic = qd.hamiltonian(moving).matrix() - np.diag(energies.reshape(-1))
    half = np.diag(np.exp(-0.25 * 0.65 * energies.reshape(-1)))
    once = half @ scipy.linalg.expm(-0.5 * 0.65 * kinetic) @ half
    product = once @ once
    square = np.diag(product @ product.conj().T).real
    seen = qd.gibbs.thermal(moving, 1.3, steps=2).probabilities.reshape(-1)
    assert np.abs(seen - square / square.sum()).max() < 1e-12
    assert np.abs(seen - weights.reshape(-1) / weights.sum()).max() > 0.05
