"""More rows of the table: JAX, dynamiqs, PennyLane and NWQLib. Answers of both sides are compared before a clock starts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import Statevector

import qml_dynamics as qd
from qml_dynamics.methods.variational import ansatz as ansatz_module
from qml_dynamics.methods.variational.ansatz import CircuitAnsatz
from qml_dynamics.methods.variational.engine.flow import Flow, Point

from . import bench_operators, jax_mclachlan, nwqlib_peer
from .bench_formulas import Peer, start_of
from .bench_formulas import peers as rivals
from .bench_variational import DT, ising
from .results import Pair, Row

STEPS = 10  # of McLachlan's principle
RIDGE = 1e-4  # added to the metric's diagonal
_SYSTEM = 1e-10  # metric and force, largest entry
_WAVE = 1e-6  # 2-norm: solvers are asked for 1e-8


def ansatz_of(qubits: int, reps: int) -> tuple[CircuitAnsatz, np.ndarray]:
    """Layers of RY, RZ and CX near the sum of all basis states, by a seed: far from singular points, where paths hang on rounding."""
    circuit = efficient_su2(qubits, reps=reps)
    angles = np.random.default_rng(7).normal(scale=0.3, size=circuit.num_parameters)
    angles[-2 * qubits : -qubits] += np.pi / 2
    return ansatz_module.from_circuit(circuit, angles), angles


def point(ansatz: CircuitAnsatz, angles: np.ndarray) -> Callable[[], Point]:
    """Metric, force and solve of ours at these angles."""
    problem = qd.Problem.from_operator(
        ising(ansatz.num_qubits), clock="imaginary", duration=STEPS * DT, initial=ansatz.state()
    )
    flow = Flow(ansatz.program, qd.hamiltonian(problem), True, RIDGE)
    return lambda: flow.at(0.0, angles)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """The 2-norm of the difference of two waves, up to a phase."""
    one, other = one.reshape(-1), other.reshape(-1)
    return float(np.linalg.norm(one * np.exp(-1j * np.angle(np.vdot(other, one))) - other))


def _within(distance: float, allowed: float, what: str) -> None:
    assert distance < allowed, f"{what} of ours and of the peer are {distance:.1e} apart, more than {allowed:g}"


def mclachlan(reps: int) -> Callable[[int], Pair]:
    """Euler steps through `evolve` with so many repetitions, and steps of the program in `jax_mclachlan`."""

    def make(qubits: int) -> Pair:
        """The pair at one size."""
        step = jax_mclachlan.compiled(qubits, reps, RIDGE, DT)
        ansatz, angles = ansatz_of(qubits, reps)
        here = point(ansatz, angles)()
        for mine, theirs in zip((here.metric, here.force), step(angles)[1:]):
            _within(float(np.abs(mine - np.asarray(theirs)).max()), _SYSTEM, "metrics and forces")
        problem = qd.Problem.from_operator(
            ising(qubits), clock="imaginary", duration=STEPS * DT, initial=ansatz.state()
        )
        method = qd.Variational(ansatz, STEPS, regularisation=RIDGE, sensitivity=False)

        def peer() -> np.ndarray:
            theta = angles
            for _ in range(STEPS):
                theta = step(theta)[0]
            return np.asarray(theta)

        wave = qd.evolve(problem, method).states[-1]
        _within(apart(jax_mclachlan.model(qubits, reps).wave(np, peer()), wave), _WAVE, "waves")
        return lambda: qd.evolve(problem, method), peer

    return make


def metric(qubits: int) -> Pair:
    """Metric, force and solve with two repetitions, and PennyLane's metric alone, of the same state."""
    import pennylane as qml
    from pennylane import numpy as pnp

    ansatz, angles = ansatz_of(qubits, 2)

    @qml.qnode(qml.device("default.qubit", wires=qubits))
    def layers(theta: np.ndarray) -> object:
        """`efficient_su2` gate by gate."""
        for layer in range(3):
            for k, turn in enumerate((qml.RY, qml.RZ)):
                for q in range(qubits):
                    turn(theta[(2 * layer + k) * qubits + q], wires=q)
            for q in reversed(range(qubits - 1 if layer < 2 else 0)):
                qml.CNOT([q, q + 1])
        return qml.state()

    ours, tensor = point(ansatz, angles), qml.adjoint_metric_tensor(layers)
    given = pnp.array(angles, requires_grad=True)
    _within(float(np.abs(ours().metric - np.asarray(tensor(given))).max()), _SYSTEM, "metrics")
    return ours, lambda: tensor(given)


def schroedinger(qubits: int) -> Pair:
    """An Ising chain from zeros to t = 1: a Krylov space, and dynamiqs' adaptive steps on its sparse diagonals, both asked for 1e-8."""
    jax_mclachlan.one_thread()
    import dynamiqs as dq

    dq.set_precision("double")
    operator = ising(qubits)
    letters = {"I": dq.eye(2), "X": dq.sigmax(), "Z": dq.sigmaz()}
    terms = zip(operator.coeffs.real, operator.paulis.to_labels())
    matrix = sum(float(c) * dq.tensor(*(letters[a] for a in label)) for c, label in terms)
    start, method = dq.basis([2] * qubits, [0] * qubits), dq.method.Tsit5(rtol=1e-8, atol=1e-8)
    problem = qd.Problem.from_operator(operator, clock="real", duration=1.0, initial="0" * qubits)

    def peer() -> np.ndarray:
        found = dq.sesolve(matrix, start, [0.0, 1.0], method=method, progress_meter=False)
        return np.asarray(found.final_state.to_jax())

    def mine() -> qd.Trajectory:
        return qd.evolve(problem, qd.Krylov(tol=1e-8))

    _within(apart(peer(), mine().states[-1]), _WAVE, "waves")
    return mine, peer


def chain(qubits: int) -> tuple[qd.Problem, Peer]:
    """A Heisenberg chain from Neel's state to t = 1, and PennyLane's Strang formula of it."""
    operator = bench_operators.heisenberg(qubits)
    problem = qd.Problem.from_operator(operator, clock="real", duration=1.0, initial=start_of("Heisenberg", qubits))
    return problem, next(p for p in rivals(operator, 1.0) if p.name == "PennyLane TrotterProduct 2")


def formula_gates(qubits: int) -> Pair:
    """Gates on two qubits of ten Strang steps at level 2, and of PennyLane's ``TrotterProduct``."""
    problem, product = chain(qubits)
    return (
        lambda: bench_operators.counts(qd.circuits(problem, qd.Trotter(bench_operators.STEPS))[-1])[0],
        lambda: bench_operators.counts(product.circuit(bench_operators.STEPS))[0],
    )


def formula_errors(qubits: int) -> str:
    """What ten steps of either leave, up to ten qubits: the terms stand in other orders."""
    if qubits > 10:
        return ""
    problem, product = chain(qubits)
    exact = qd.evolve(problem, qd.Krylov()).states[-1]
    mine = Statevector(qd.circuits(problem, qd.Trotter(bench_operators.STEPS))[-1])
    theirs = Statevector.from_label(start_of("Heisenberg", qubits)).evolve(product.circuit(bench_operators.STEPS))
    return f"errors of the wave {apart(mine.data, exact):.1e}; {apart(theirs.data, exact):.1e}"


def grid_gates(name: str, quick: tuple[int, ...], full: tuple[int, ...]) -> Row:
    """Ten Strang steps of a loss on a grid at level 1, and NWQLib's circuit of the same formula."""
    return Row(
        f"{nwqlib_peer.STEPS} Strang steps of {name}",
        "NWQLib, the same grid and formula",
        lambda qubits: (
            lambda: nwqlib_peer.ours(name, qubits),
            lambda: nwqlib_peer.counted(name, qubits)[0],
        ),
        quick,
        full,
        "CX",
        note=lambda qubits: nwqlib_peer.counted(name, qubits)[1],
    )


JAX = "JAX, jit and jacfwd, compiled beforehand"
ROWS = (
    Row(f"{STEPS} McLachlan steps, 6 n parameters", JAX, mclachlan(2), (6, 8), (6, 8, 10)),
    Row(f"{STEPS} McLachlan steps, 10 n parameters", JAX, mclachlan(4), (10,), (6, 8, 10)),
    Row("metric, force and solve, 6 n parameters", "PennyLane adjoint metric alone", metric, (4, 5), (4, 6, 8)),
    Row("Ising chain to t = 1, Krylov", "dynamiqs Tsit5, sparse", schroedinger, (6, 8), (6, 8, 10)),
    Row(
        "10 Strang steps, Heisenberg chain",
        "PennyLane TrotterProduct",
        formula_gates,
        (6, 10),
        (6, 10, 20),
        "CX",
        note=formula_errors,
    ),
    grid_gates("double well", (6, 7), (6, 8, 10)),
)
