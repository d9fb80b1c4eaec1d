"""Closed forms of variational dynamics: the sigmoid, the energy law, the shift rule, Gaussian waves."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import efficient_su2

from qml_dynamics.methods.variational import ansatz, evolve
from qml_dynamics.methods.variational.engine.flow import Flow
from qml_dynamics.methods.variational.engine.tangent import Engine
from qml_dynamics.methods.variational.options import Variational
from qml_dynamics.model.domains import Grid
from qml_dynamics.model.hamiltonians import hamiltonian
from qml_dynamics.model.initial import Gaussian
from qml_dynamics.model.problem import Problem


def go(problem: Problem, method: Variational, saves: list[float]) -> tuple[list[evolve.Sample], dict]:
    record: dict = {}
    return list(evolve.run(problem, hamiltonian(problem), method, saves, lambda *_: None, record)), record


@pytest.mark.parametrize("integrator", ["rk4", "rk45"])
def test_one_qubit_is_the_sigmoid(integrator: str) -> None:
    """THEORY 3.15: with H = (eps / 2) Z, tan(theta / 2) = exp(eps tau) and p1 = sigmoid(2 eps tau) = .900250 at tau = 1."""
    eps = 1.1
    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("t"), 0)
    start = ansatz.from_circuit(circuit, [np.pi / 2])
    problem = Problem.from_operator(np.diag([eps / 2, -eps / 2]), clock="imaginary", duration=1.0)
    samples, record = go(problem, Variational(start, 50, integrator, regularisation=1e-9), [0.0, 0.4, 1.0])
    for sample in samples:
        p1 = abs(sample.state.reshape(-1)[1]) ** 2
        assert p1 == pytest.approx(1 / (1 + np.exp(-2 * eps * sample.time)), abs=1e-6)
        assert np.tan(sample.theta[0] / 2) == pytest.approx(np.exp(eps * sample.time), rel=1e-5)
        assert sample.log_norm == pytest.approx(
            0.5 * np.log(np.cosh(eps * sample.time)), abs=1e-6
        )  # the partition function
    assert abs(samples[-1].state.reshape(-1)[1]) ** 2 == pytest.approx(0.900250, abs=1e-6)
    assert record["residual"].max() < 1e-6
    assert record["energy_bound"][-1] < 1e-3


def test_euler_reaches_the_sigmoid_too() -> None:
    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("t"), 0)
    problem = Problem.from_operator(np.diag([0.55, -0.55]), clock="imaginary", duration=1.0)
    start = ansatz.from_circuit(circuit, [np.pi / 2])
    samples, _ = go(problem, Variational(start, 2000, regularisation=0.0), [0.0, 1.0])
    assert abs(samples[-1].state.reshape(-1)[1]) ** 2 == pytest.approx(0.900250, abs=1e-4)


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3, 4))])
def test_energy_never_rises_and_falls_at_the_rate_of_the_law(seed: int) -> None:
    """dE / dtau = -2 C A^-1 C, which is 2 (r^2 - Var H) for the exact solve."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(8, 8)) + 1j * rng.normal(size=(8, 8))
    circuit = efficient_su2(3, reps=1)
    start = ansatz.from_circuit(circuit, rng.normal(size=circuit.num_parameters))
    problem = Problem.from_operator((a + a.conj().T) / 4, clock="imaginary", duration=1.0, initial=start.state())
    _, record = go(problem, Variational(start, 200, "rk4", regularisation=1e-2), [0.0, 1.0])
    energy, times = record["energy"], record["times"]
    assert np.all(np.diff(energy) <= 1e-10)
    assert energy[0] - energy[-1] > 0.1
    point = Flow(start.program, hamiltonian(problem), True, 1e-12).at(0.0, np.array(start.theta0))
    assert point.force @ point.velocity == pytest.approx(point.variance - point.residual**2, rel=1e-5)
    flow = Flow(start.program, hamiltonian(problem), True, 1e-3)
    point = flow.at(0.0, np.array(start.theta0))
    ahead, behind = (flow.at(0.0, point.theta + s * point.velocity).energy for s in (1e-5, -1e-5))
    assert (ahead - behind) / 2e-5 == pytest.approx(-2 * point.force @ point.velocity, rel=1e-5)
    assert times[-1] == 1.0


def test_metric_equals_the_shift_rule() -> None:
    """T25: A_ij = -[f(+i+j) - f(+i-j) - f(-i+j) + f(-i-j)] / 8 with f the overlap with the circuit shifted by pi / 2."""
    circuit = efficient_su2(3, reps=1)
    theta = np.random.default_rng(5).normal(size=circuit.num_parameters)
    read = ansatz.from_circuit(circuit, theta)
    engine = Engine(read.program)
    psi = engine.forward(theta).copy()
    metric = engine.geometry(np.zeros(8, dtype=complex)).metric
    unit = 0.5 * np.pi * np.eye(len(theta))

    def f(shift: np.ndarray) -> float:
        return abs(np.vdot(psi, engine.state(theta + shift))) ** 2

    for i in range(len(theta)):
        for j in range(len(theta)):
            e, g = unit[i], unit[j]
            assert metric[i, j] == pytest.approx(-(f(e + g) - f(e - g) - f(g - e) + f(-e - g)) / 8, abs=1e-8)
    assert np.abs(metric).max() > 0.2


def test_gaussian_wave_in_a_harmonic_trap() -> None:
    """Imaginary time keeps Gaussians: 1 / var and mean / var by Mehler's kernel; the ansatz' own generators hold them."""
    d, k, center, width, tau = 0.5, 1.0, 0.6, 0.9, 0.5
    problem = Problem(
        Grid((-6, 6), 5),
        lambda w: 0.5 * k * w[:, 0] ** 2,
        d,
        clock="imaginary",
        duration=tau,
        initial=Gaussian(center, width),
    )
    method = Variational(ansatz.hamiltonian(6), 20, "rk45", regularisation=1e-8, tolerance=1e-4)
    samples, record = go(problem, method, [0.0, tau])
    x = problem.domain.axes[0]
    density = np.abs(samples[-1].state) ** 2
    omega = np.sqrt(2 * d * k)
    a = 1 / (2 * width**2)  # psi ~ exp(-a x^2 / 2 + b x), a' = k - 2 d a^2, b' = -2 d a b
    star = np.sqrt(k / (2 * d))
    th = np.tanh(omega * tau)
    later = star * (a + star * th) / (star + a * th)
    shrink = 1 / (np.cosh(omega * tau) + a / star * np.sinh(omega * tau))
    mean = a * center * shrink / later
    assert density @ x == pytest.approx(mean, abs=2e-3)
    assert density @ (x - density @ x) ** 2 == pytest.approx(1 / (2 * later), rel=1e-2)
    assert abs(mean - center) > 0.1
    assert abs(1 / (2 * later) - width**2) > 0.1
    assert record["bound"][-1] < 0.2


def test_real_time_phase_of_one_qubit() -> None:
    """A spin in a field along z: the angle of RZ turns at the rate of the level splitting."""
    circuit = QuantumCircuit(1)
    circuit.h(0)
    circuit.rz(Parameter("t"), 0)
    start = ansatz.from_circuit(circuit, [0.2])
    problem = Problem.from_operator(np.diag([0.4, -0.3]), clock="real", duration=2.0, initial=start.state())
    samples, record = go(problem, Variational(start, 10, regularisation=0.0), [0.0, 2.0])
    assert samples[-1].theta[0] == pytest.approx(0.2 + 0.7 * 2.0)
    assert record["bound"][-1] < 1e-7
    assert samples[-1].log_norm == 0.0
