"""The same path as VarQITE and VarQRTE of qiskit-algorithms, step by step, with one and the same linear solver."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.circuit.library import efficient_su2, real_amplitudes
from qiskit.quantum_info import SparsePauliOp, random_hermitian

from qml_dynamics.methods.variational import ansatz, evolve
from qml_dynamics.methods.variational.options import Variational
from qml_dynamics.model.hamiltonians import hamiltonian
from qml_dynamics.model.problem import Problem

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

STEPS, DT = 3, 0.05


def ridge(matrix: np.ndarray, force: np.ndarray) -> np.ndarray:
    return np.linalg.solve(matrix + 1e-3 * np.eye(len(force)), force)


def mixed() -> QuantumCircuit:
    """Shared and scaled parameters, two-qubit rotations, fixed gates."""
    t = ParameterVector("t", 5)
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.ry(t[0], range(3))
    circuit.rxx(t[1], 0, 2)
    circuit.cz(1, 2)
    circuit.rzz(2 * t[2], 0, 1)
    circuit.rzx(t[3], 1, 2)
    circuit.s(1)
    circuit.rx(t[4], 0)
    circuit.rz(0.5 * t[4], 2)
    circuit.ry(t[1], 1)
    return circuit


CASES = {
    "mixed": (mixed(), SparsePauliOp(["ZZI", "IXX", "YIZ", "IIX"], [0.7, -0.4, 0.3, 0.9])),
    "su2": (efficient_su2(2, reps=1), SparsePauliOp.from_operator(random_hermitian(4, seed=11))),
    "real": (
        real_amplitudes(3, reps=1),
        SparsePauliOp(["ZZI", "IZZ", "XII", "IXI", "IIX"], [-1, -1, -0.8, -0.8, -0.8]),
    ),
}


def theirs(clock: str, circuit: QuantumCircuit, theta: np.ndarray, operator: SparsePauliOp) -> np.ndarray:
    from qiskit_algorithms import TimeEvolutionProblem, VarQITE, VarQRTE
    from qiskit_algorithms.gradients import DerivativeType, ReverseEstimatorGradient, ReverseQGT
    from qiskit_algorithms.time_evolvers.variational import ImaginaryMcLachlanPrinciple, RealMcLachlanPrinciple

    if clock == "imaginary":
        kind, principle = VarQITE, ImaginaryMcLachlanPrinciple(ReverseQGT(), ReverseEstimatorGradient())
    else:
        gradient = ReverseEstimatorGradient(derivative_type=DerivativeType.IMAG)
        kind, principle = VarQRTE, RealMcLachlanPrinciple(ReverseQGT(), gradient)
    solver = kind(circuit, list(theta), principle, num_timesteps=STEPS, lse_solver=ridge)
    result = solver.evolve(TimeEvolutionProblem(operator, STEPS * DT))
    return np.array(result.parameter_values, dtype=float)


@pytest.mark.parametrize("clock", ["imaginary", "real"])
@pytest.mark.parametrize("name", list(CASES))
def test_same_path(clock: str, name: str) -> None:
    circuit, operator = CASES[name]
    theta = np.random.default_rng(2).normal(scale=0.8, size=circuit.num_parameters)
    start = ansatz.from_circuit(circuit, theta)
    problem = Problem.from_operator(operator, clock=clock, duration=STEPS * DT, initial=start.state())
    saves = [k * DT for k in range(STEPS)] + [STEPS * DT]
    method = Variational(start, STEPS, regularisation=ridge)
    ours = np.array([s.theta for s in evolve.run(problem, hamiltonian(problem), method, saves, lambda *_: None)])
    peer = theirs(clock, circuit, theta, operator)[: STEPS + 1]  # their Euler solver sometimes adds a step
    np.testing.assert_allclose(ours, peer, atol=1e-6)
    if not (clock == "real" and name == "real"):  # a real ansatz stands still in real time, in both
        assert np.abs(ours[-1] - ours[0]).max() > 1e-2
