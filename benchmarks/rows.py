"""The rows of the table of `results`: what is done, by whom else, and at which sizes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import fft

import qml_dynamics as qd
from qml_dynamics.learning.annealing import staged
from qml_dynamics.methods import chebyshev
from qml_dynamics.model.hamiltonians import LearningHamiltonian
from qml_dynamics.model.schedules import Constant

from . import bench_operators, peers
from .bench_circuits import double_well, more, pauli_step
from .bench_variational import DT, RIDGE, ising
from .results import Pair, Row


def well(qubits: int, clock: str = "real") -> qd.Problem:
    """A double well and a wave in it."""
    return qd.Problem(
        qd.Grid((-4, 4), qubits),
        lambda w: (w[:, 0] ** 2 - 1) ** 2,
        0.5,
        clock=clock,
        duration=1.0,
        initial=qd.Gaussian(1.0, 0.3),
    )


def split_steps(qubits: int) -> Pair:
    """Sixty-four Strang steps, and nothing but their transforms."""
    problem = well(qubits)
    start = problem.initial.vector(problem.domain)
    qd.hamiltonian(problem)  # the loss is asked once, outside of what is measured

    def bare() -> None:
        psi = start.copy()
        for _ in range(64):
            psi = fft.ifft(fft.fft(psi, overwrite_x=True), overwrite_x=True)

    return lambda: qd.evolve(problem, qd.SplitStep(64)), bare


def ground(qubits: int) -> Pair:
    """The lowest level of a double well beside SciPy's Lanczos on the finite-difference operator."""
    from scipy.sparse import diags
    from scipy.sparse.linalg import eigsh

    h = qd.hamiltonian(well(qubits))
    n, step = h.domain.size, h.domain.spacing[0]
    line = diags([np.ones(n - 1), -2 * np.ones(n), np.ones(n - 1)], [-1, 0, 1]).tolil()
    line[0, -1] = line[-1, 0] = 1
    matrix = (-0.5 * line.tocsr() / step**2 + diags(h.zeta.reshape(-1))).tocsc()
    return h.ground_state, lambda: eigsh(matrix, k=1, sigma=float(h.zeta.min()) - 1.0)


def reference(qubits: int) -> Pair:
    """Chin's fourth-order steps to 1e-8 beside QuTiP's solver on the finite-difference operator."""
    import qutip
    from scipy.sparse import diags

    problem = well(qubits)
    domain = problem.domain
    n, step = domain.size, domain.spacing[0]
    line = diags([np.ones(n - 1), -2 * np.ones(n), np.ones(n - 1)], [-1, 0, 1]).tolil()
    line[0, -1] = line[-1, 0] = 1
    matrix = qutip.Qobj((-0.5 * line.tocsr() / step**2 + diags(problem.objective.on(domain))).tocsr())
    start = qutip.Qobj(problem.initial.vector(domain).reshape(-1, 1))
    options = {"rtol": 1e-8, "atol": 1e-10, "nsteps": 10**7}
    return (
        lambda: qd.evolve(problem, qd.SplitStep(60, formula="chin4a")),
        lambda: qutip.sesolve(matrix, start, [0.0, 1.0], options=options),
    )


def simulated(qubits: int) -> Pair:
    """An exact run on Aer: fused diagonals, and gate by gate."""
    problem = well(qubits)
    fused, plain = qd.backend("aer"), qd.backend("aer", gates=True)
    return (
        lambda: qd.evolve(problem, qd.Trotter(40), backend=fused),
        lambda: qd.evolve(problem, qd.Trotter(40), backend=plain),
    )


def saves(qubits: int) -> Pair:
    """Two saved times on Aer, and twenty-one: what a save costs."""
    problem = well(qubits)
    return (
        lambda: qd.evolve(problem, qd.Trotter(40), backend="aer", save=21),
        lambda: qd.evolve(problem, qd.Trotter(40), backend="aer"),
    )


def reference_simulator(qubits: int) -> Pair:
    """Amplitudes of a Trotter circuit on `"statevector"`, and by Qiskit's own class."""
    from qiskit.quantum_info import Statevector

    circuit, ours = qd.circuits(well(qubits), qd.Trotter(4))[-1], qd.backend("statevector")
    return lambda: list(ours.states([circuit], lambda done, total: None)), lambda: Statevector(circuit)


def lightning(qubits: int) -> Pair:
    """Twenty Strang steps of the classical reference beside their circuit on lightning.qubit."""
    import pennylane_lightning  # noqa: F401 - the peer

    problem = well(qubits)
    return (
        lambda: qd.evolve(problem, qd.SplitStep(20)),
        lambda: qd.evolve(problem, qd.Trotter(20), backend="pennylane:lightning.qubit"),
    )


def variational(qubits: int) -> Pair:
    """Two Euler steps of McLachlan's principle with two layers of rotations, beside VarQITE with reverse gradients."""
    from qiskit.circuit.library import efficient_su2
    from qiskit_algorithms import TimeEvolutionProblem, VarQITE
    from qiskit_algorithms.gradients import ReverseEstimatorGradient, ReverseQGT
    from qiskit_algorithms.time_evolvers.variational import ImaginaryMcLachlanPrinciple

    from qml_dynamics.methods.variational import ansatz as ansatz_module

    circuit = efficient_su2(qubits, reps=2)
    angles = np.random.default_rng(7).normal(scale=0.3, size=circuit.num_parameters)
    ansatz = ansatz_module.from_circuit(circuit, angles)
    problem = qd.Problem.from_operator(ising(qubits), clock="imaginary", duration=2 * DT, initial=ansatz.state())
    method = qd.Variational(ansatz, 2, regularisation=RIDGE, sensitivity=False)
    principle = ImaginaryMcLachlanPrinciple(ReverseQGT(), ReverseEstimatorGradient())

    def ridge(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.linalg.solve(a + RIDGE * np.eye(len(b)), b)

    peer = VarQITE(circuit, list(angles), principle, num_timesteps=2, lse_solver=ridge)
    return lambda: qd.evolve(problem, method), lambda: peer.evolve(TimeEvolutionProblem(ising(qubits), 2 * DT))


def annealing(qubits: int) -> Pair:
    """Twenty stages of an anneal with its spectrum, and without."""
    problem = well(qubits, "imaginary").replace(diffusion=qd.Linear(0.5, 0.05))
    return (
        lambda: qd.anneal(problem, stages=20, spectrum=True),
        lambda: qd.anneal(problem, stages=20, spectrum=False),
    )


def stages(qubits: int) -> Pair:
    """Twenty stages down to D = .01 in a box whose seam the wave meets, and the same by Chebyshev's series alone."""
    problem = qd.Problem(
        qd.Grid((-2.5, 2.5), qubits),
        lambda w: (w[:, 0] ** 2 - 1) ** 2 + 0.15 * w[:, 0],
        qd.Geometric(1.0, 0.01),
        clock="imaginary",
        duration=10.0,
    )
    h = qd.hamiltonian(problem)
    assert isinstance(h, LearningHamiltonian)

    def series() -> None:
        waves = problem.initial.vector(problem.domain)[None]
        for value in staged(problem.diffusion, 20, problem.duration):
            still = replace(h, diffusion=Constant(value))
            waves, _ = chebyshev.propagated(still, waves, problem.duration / 20, "imaginary")

    return lambda: qd.anneal(problem, stages=20, spectrum=False), series


def well_gates(qubits: int) -> Pair:
    """CX of one more Strang step of the double well, and of the Pauli sum's."""
    from qiskit.transpiler import generate_preset_pass_manager
    from qiskit.transpiler.passes.synthesis.high_level_synthesis import HLSConfig

    problem = double_well(qubits)
    manager = generate_preset_pass_manager(
        optimization_level=1, basis_gates=bench_operators.BASIS, hls_config=HLSConfig(PauliEvolution=["basic"])
    )
    return (
        lambda: more(problem.domain, problem.objective, 0.5, problem.duration),
        lambda: manager.run(pauli_step(qubits)).count_ops()["cx"],
    )


def chain_gates(qubits: int) -> Pair:
    """Gates on two qubits of ten Strang steps of an Ising chain at level 2, and the fewest of Qiskit's three ways."""
    operator = bench_operators.ising(qubits)
    problem = qd.Problem.from_operator(operator, clock="real", duration=1.0)
    ways = ((True, None), (False, None), (False, ["rustiq"]))
    return (
        lambda: bench_operators.counts(qd.circuits(problem, qd.Trotter(bench_operators.STEPS))[-1])[0],
        lambda: min(bench_operators.peer(operator, keep, evolution)[0] for keep, evolution in ways),
    )


ROWS = (
    Row("SplitStep, 64 steps, public call", "its own SciPy FFTs", split_steps, (12, 14, 16), (12, 16, 20)),
    Row("ground state", "SciPy eigsh, finite differences, shift and invert", ground, (9, 10, 11), (9, 11, 13)),
    Row("evolution to 1e-8, chin4a", "QuTiP sesolve", reference, (7, 8), (8, 10, 12)),
    Row("exact run on Aer, diagonals fused", "the same gate by gate", simulated, (6, 8, 10), (8, 10, 12, 14)),
    Row("21 saves on Aer", "ours with 2 saves", saves, (8, 10), (8, 10, 12, 14), own=True),
    Row("circuit on statevector", "Qiskit Statevector", reference_simulator, (5, 7, 9), (5, 9, 13)),
    Row("20 Strang steps, classical", "lightning.qubit", lightning, (8, 10), (8, 10, 12)),
    Row("two steps of McLachlan's principle", "VarQITE, reverse gradients", variational, (4, 5), (4, 6, 8)),
    Row("anneal, 20 stages, with spectrum", "ours without spectrum", annealing, (6, 8), (8, 10, 12), own=True),
    Row("anneal, 20 stages, imaginary clock", "Chebyshev's series a stage", stages, (10,), (10, 11, 12)),
    Row("a Strang step of the double well", "Pauli sum, Suzuki 2", well_gates, (5, 6, 7), (6, 8, 10), "CX"),
    Row("10 Strang steps, Ising chain", "best of Qiskit's three ways", chain_gates, (6, 10), (6, 10, 20), "CX"),
    *peers.ROWS,
)
