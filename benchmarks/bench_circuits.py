"""Gates of a Strang step beside the Pauli sum's, and how much of a run, and of many bound rows, on Aer is ours."""

from __future__ import annotations

import time
import warnings

import numpy as np
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import ParameterVector
from qiskit.circuit.library import PauliEvolutionGate
from qiskit.quantum_info import SparsePauliOp
from qiskit.synthesis import SuzukiTrotter
from qiskit.transpiler import generate_preset_pass_manager
from qiskit.transpiler.passes.synthesis.high_level_synthesis import HLSConfig
from qiskit_aer import AerSimulator

import qml_dynamics as qd
from benchmarks.timing import medians
from qml_dynamics.backends.aer import AerBackend
from qml_dynamics.backends.sweep import sample_bound
from qml_dynamics.model.objectives import Objective, levy
from qml_dynamics.model.pauli import pauli_sum
from qml_dynamics.synthesis import parities
from qml_dynamics.synthesis.one_transform import unit
from qml_dynamics.synthesis.walsh import walsh_series

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
        one, two = (compiled(qd.circuits(double_well(bits), qd.Trotter(k))[-1]) for k in (1, 2))
        manager = generate_preset_pass_manager(
            optimization_level=1, basis_gates=BASIS, hls_config=HLSConfig(PauliEvolution=["basic"])
        )
        peer = manager.run(pauli_step(bits)).count_ops()["cx"]
        print(f"double well, {bits} qubits: {two - one} CX a step, Pauli sum {peer}, {peer / (two - one):.1f} x")


def compiled(circuit: QuantumCircuit) -> int:
    """CX at level 1."""
    return int(transpile(circuit, basis_gates=BASIS, optimization_level=1).count_ops().get("cx", 0))


def plain_step(problem: qd.Problem) -> int:
    """CX of a step of plain walks and two transforms: each parity of a qubit in Gray order or by the nearest one, and taken back."""
    series = walsh_series(qd.hamiltonian(problem).zeta)
    potential = sum(walk.cost for walk in _plain(series.masks))
    bits = [q + (problem.domain.boundary == "walls") for q in problem.domain.qubits]
    return (
        potential
        + sum(3 * n * (n - 1) for n in bits)
        + sum(2 * q for q, n in zip(problem.domain.qubits, bits) if n > q)
    )


def _plain(masks: np.ndarray) -> list[parities._Target]:
    groups = parities._by_top(masks)
    return [parities._walk(q, index, lower, frozenset(), closed=True) for q, (index, lower) in groups.items()]


def more(domain: qd.Grid, loss: Objective, d: float, dt: float) -> float:
    """CX of one more step of this length."""
    three, five = (
        compiled(qd.circuits(qd.Problem(domain, loss, d, clock="real", duration=k * dt), qd.Trotter(k))[-1])
        for k in (3, 5)
    )
    return (five - three) / 2


def forms() -> None:
    """CX of one more step: plain, with differences, and with one transform at 1, 3 and 4 units; CX a step with a remainder, truncated."""
    well = double_well(6).objective
    cases = {f"double well {n}": (qd.Grid((-2, 2), n), well, 0.5) for n in (6, 8, 10, 12)}
    cases["double well 8, walls"] = (qd.Grid((-2, 2), 8, "walls"), well, 0.5)
    cases["Levy 2 x 8"] = (qd.Grid([(-10, 10)] * 2, 8), levy(), 1.0)
    for name, (domain, loss, d) in cases.items():
        step = unit(domain, 0) / d
        plain = plain_step(qd.Problem(domain, loss, d, clock="real", duration=step))
        found = {"two transforms": 1.1, **{f"{m} units": m for m in (1, 3, 4)}}
        counts = {form: more(domain, loss, d, many * step) for form, many in found.items()}
        told = ", ".join(f"{form} {count:g} ({plain / count:.2f} x)" for form, count in counts.items())
        print(f"{name}: plain {plain} CX a step; {told}")
    problem = double_well(10).replace(duration=0.5)
    sent = qd.circuits(problem, qd.Trotter(50, truncation=0.05, remainder=True))[-1]
    print(
        f"double well 10, 50 steps to 0.5, truncation 1e-3 a step, with a remainder: {compiled(sent) / 50:.0f} CX a step"
    )


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


def bound_rows() -> None:
    """Samples of one circuit at 2,000 values of its angles, as a share of what the simulator alone takes."""
    angles = ParameterVector("a", 48)
    circuit = QuantumCircuit(6)
    for layer in range(8):
        for q in range(6):
            circuit.ry(angles[6 * layer + q], q)
        for q in range(5):
            circuit.cx(q, q + 1)
    values = np.random.default_rng(2).uniform(0, 3, (2000, 48))
    saved = circuit.copy()
    saved.save_probabilities()
    simulator = AerSimulator(method="statevector", runtime_parameter_bind_enable=True, max_parallel_threads=1)
    binds = [{p: values[:, i].tolist() for i, p in enumerate(circuit.parameters)}]
    ours, alone = medians(
        lambda: sample_bound(AerBackend(), circuit, values, 1000, range(2000)),
        lambda: simulator.run(saved, parameter_binds=binds, shots=1).result(),
    )
    print(f"2,000 rows of 6 qubits: {ours / alone:.2f} times the simulator's CPU seconds")


def main() -> None:
    """All tables."""
    warnings.simplefilter("ignore")
    gates()
    forms()
    our_share()
    bound_rows()
