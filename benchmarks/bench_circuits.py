"""Gates of a Strang step beside the Pauli sum's, and how much of a run on Aer is ours."""

from __future__ import annotations

import time
import warnings

import numpy as np
from qiskit import QuantumCircuit, transpile
from qiskit.circuit.library import PauliEvolutionGate
from qiskit.quantum_info import SparsePauliOp
from qiskit.synthesis import SuzukiTrotter
from qiskit.transpiler import generate_preset_pass_manager
from qiskit.transpiler.passes.synthesis.high_level_synthesis import HLSConfig

import qml_dynamics as qd
from qml_dynamics.backends.aer import AerBackend
from qml_dynamics.model.pauli import pauli_sum

BASIS = ["cx", "rz", "sx", "x"]


def double_well(bits: int) -> qd.Problem:
    """``8 (x^2 - 1)^2`` on [-2, 2], D = 1/2, one step of 0.01."""
    return qd.Problem(qd.Grid((-2, 2), bits), lambda w: 8 * (w[:, 0] ** 2 - 1) ** 2, 0.5, clock="real", duration=0.01)


def pauli_step(bits: int) -> QuantumCircuit:
    """The same step as a Pauli sum of the finite-difference Hamiltonian, synthesised term by term."""
    problem = double_well(bits)
    n, h = problem.domain.shape[0], problem.domain.spacing[0]
    matrix = np.diag(problem.objective.on(problem.domain) + 1 / h**2)
    for j in range(n):
        matrix[j, (j + 1) % n] -= 0.5 / h**2
        matrix[(j + 1) % n, j] -= 0.5 / h**2
    terms = pauli_sum(matrix)
    circuit = QuantumCircuit(bits)
    operator = SparsePauliOp(terms.labels, terms.coefficients)
    circuit.append(PauliEvolutionGate(operator, 0.01, synthesis=SuzukiTrotter(order=2)), range(bits))
    return circuit


def gates() -> None:
    """CX after the same compilation, interior of a Strang chain (one potential, one kinetic factor)."""
    for bits in (6, 8, 10):
        one, two = (
            transpile(
                qd.circuits(double_well(bits), qd.Trotter(k))[-1], basis_gates=BASIS, optimization_level=1
            ).count_ops()["cx"]
            for k in (1, 2)
        )
        manager = generate_preset_pass_manager(
            optimization_level=1, basis_gates=BASIS, hls_config=HLSConfig(PauliEvolution=["basic"])
        )
        peer = manager.run(pauli_step(bits)).count_ops()["cx"]
        print(f"double well, {bits} qubits: {two - one} CX a step, Pauli sum {peer}, {peer / (two - one):.1f} x")


def our_share() -> None:
    """Building and compiling as a share of an Aer run at 12 qubits and 100 steps."""
    problem = double_well(12).replace(duration=1.0)
    h = qd.hamiltonian(problem)
    from qml_dynamics.synthesis.trotter import program

    start = time.perf_counter()
    plan = program(problem, h, qd.Trotter(100).product_formula, 100, [0.0, 1.0])
    backend = AerBackend()
    pieces = [backend.compiled(c) for c in (plan.start, *plan.pieces)]
    built = time.perf_counter() - start
    start = time.perf_counter()
    list(backend.states(pieces, lambda done, total: None))
    simulated = time.perf_counter() - start
    print(
        f"12 qubits, 100 steps: built in {built:.2f} s, simulated in {simulated:.2f} s, share {built / simulated:.1%}"
    )


def main() -> None:
    """Both tables."""
    warnings.simplefilter("ignore")
    gates()
    our_share()
