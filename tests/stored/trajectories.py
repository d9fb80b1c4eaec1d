"""The runs whose trajectories are stored: every method, clock, domain, schedule, start, loss and way to sample, once or more."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pennylane as qml
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import SparsePauliOp

import qml_dynamics as qd
from qml_dynamics import ansatz, objectives

Run = Callable[[], qd.Trajectory]


def well(clock: str = "real", qubits: int = 3, **changes: Any) -> qd.Problem:
    """A tilted double well with a packet that touches every point."""
    start = qd.Gaussian(0.4, 0.9, 0.0 if clock == "imaginary" else 0.3)
    problem = qd.Problem(
        qd.Grid((-3, 3), qubits),
        objectives.named("double_well", height=0.3, tilt=0.2),
        qd.Geometric(0.3, 0.15),
        clock=clock,
        duration=0.6,
        initial=start,
    )
    return problem.replace(**changes)


def bits(clock: str = "imaginary") -> qd.Problem:
    """Three binary weights, whose losses all differ."""
    loss = objectives.expression("0.7*x0*x1 - 0.4*x1*x2 + 0.3*x2 + 0.15*x0", 3)
    return qd.Problem(qd.Hypercube(3), loss, 0.5, clock=clock, duration=0.5)


def terms() -> SparsePauliOp:
    """An operator that no symmetry helps."""
    return SparsePauliOp(["IZ", "XI", "ZZ", "YX"], [0.7, 0.4, -0.3, 0.2])


def operator(clock: str = "imaginary", initial: Any = None) -> qd.Problem:
    """Two qubits."""
    return qd.Problem.from_operator(terms(), clock=clock, duration=0.4, initial=initial)


def complex_start() -> np.ndarray:
    """A wave without zeros."""
    return np.array([3, 1j, 1 - 1j, 2]) / 4


def rows() -> tuple[np.ndarray, np.ndarray]:
    """Twelve rows of two features, and their labels."""
    X = np.array([[math.sin(1.7 * i), math.cos(2.3 * i) + 0.2 * i] for i in range(12)])
    return X, np.array([i % 3 == 0 for i in range(12)]).astype(int)


def on_data(objective: Any, count: int, clock: str = "real") -> qd.Problem:
    """A loss of ``count`` weights on a coarse grid."""
    grid = qd.Grid([(-2, 2)] * count, 2 if count < 3 else 1, boundary="walls")
    return qd.Problem(grid, objective, 0.4, clock=clock, duration=0.5)


def own_circuit() -> QuantumCircuit:
    """Shared and scaled parameters, an asymmetric order of names."""
    circuit, b, a = QuantumCircuit(2), Parameter("b"), Parameter("a")
    circuit.ry(2 * b + a, 1)
    circuit.cx(1, 0)
    circuit.ry(a, 0)
    circuit.rz(0.3, 1)
    return circuit


def own() -> Any:
    """An ansatz of one's own circuit."""
    return ansatz.from_circuit(own_circuit(), [0.4, -0.7])


def generic() -> Any:
    """An ansatz of a circuit in which no outcome has probability zero: seeded draws do not hang on round-off."""
    circuit, (a, b, c, d, e) = QuantumCircuit(2), (Parameter(name) for name in "acbed")
    circuit.ry(2 * a + 0.3, 0)
    circuit.rx(b, 1)
    circuit.rz(0.7, 1)
    circuit.cx(0, 1)
    circuit.rx(0.5 * c + a, 0)
    circuit.rz(1.1, 0)
    circuit.ry(c, 1)
    circuit.ry(d, 0)
    circuit.rx(e - 0.2 * b, 1)
    return ansatz.from_circuit(circuit, [0.4, -0.7, 0.9, 0.2, -0.5])


def pennylane() -> Any:
    """An ansatz of a QNode."""

    def layers(x: Any) -> Any:
        qml.RY(x[0], wires=0)
        qml.CNOT([0, 1])
        qml.RY(x[1], wires=1)
        return qml.state()

    node = qml.QNode(layers, qml.device("default.qubit", wires=2))
    return ansatz.from_pennylane(node, qml.numpy.array([0.4, -0.7]))


@dataclass(frozen=True)
class Pulse:
    """A schedule of one's own, which no file can hold."""

    height: float

    def value(self, t: float, duration: float) -> float:
        return self.height

    def integral(self, t0: float, t1: float, duration: float) -> float:
        return self.height * (t1 - t0)


class Bump:
    """An initial wave of one's own, which no file can hold."""

    def __repr__(self) -> str:
        return "Bump()"

    def vector(self, domain: Any) -> np.ndarray:
        wave = 1.0 + 0.3 * np.arange(domain.size).reshape(domain.shape) + 0j
        return wave / np.linalg.norm(wave)


OWN_PROBLEMS = {
    "own_schedule": lambda: well(diffusion=Pulse(0.3)),
    "own_initial": lambda: well(initial=Bump()),
}
"""Problems that have to be given again to be read."""


def _go(problem: Any, method: Any, backend: Any = None, shots: int | None = None, **more: Any) -> Run:
    def run() -> qd.Trajectory:
        given = {name: value() if callable(value) else value for name, value in (("problem", problem), ("b", backend))}
        how = method() if isinstance(method, type(_go)) else method
        options = {"seed": 11, "save": 2, "progress": False, **more}
        return qd.evolve(given["problem"], how, backend=given["b"], shots=shots, **options)

    return run


def _imaginary() -> qd.Problem:
    return well("imaginary")


def _classical() -> qd.Problem:
    return well("classical", 4)


def _classical_methods() -> dict[str, Run]:
    runs: dict[str, Run] = {}
    for clock, problem in (("real", well), ("imaginary", _imaginary)):
        runs |= {
            f"split_step_lie_{clock}": _go(problem, qd.SplitStep(8, order=1)),
            f"split_step_strang_{clock}": _go(problem, qd.SplitStep(8)),
            f"split_step_fourth_{clock}": _go(problem, qd.SplitStep(8, order=4, workers=1)),
            f"krylov_{clock}": _go(problem, qd.Krylov(1e-8, subspace=20), save=4),
            f"exact_{clock}": _go(problem, qd.Exact(max_size=64)),
        }
    return runs | {
        "split_step_chin": _go(lambda: well(qubits=5), qd.SplitStep(8, formula="chin4a"), save=2),
        "split_step_single": _go(well, qd.SplitStep(8, precision="single")),
        "exact_operator": _go(lambda: operator("real", complex_start()), qd.Exact()),
        "krylov_operator": _go(operator, qd.Krylov()),
        "hamilton_jacobi": _go(_classical, qd.HamiltonJacobi(20, order=4, extra=2, spread=0.1)),
        "hamilton_jacobi_sampled": _go(_classical, qd.HamiltonJacobi(20), shots=200),
        "growing_split_step": _go(lambda: well(qubits=5), qd.Growing(qd.SplitStep(16), start=3, checks=4)),
        "growing_variational": _go(_imaginary, qd.Growing(qd.Variational(ansatz.bare(), steps=4))),
        "bridge_split_step": _go(
            lambda: _bridge(), qd.SchrodingerBridge(qd.Gaussian(0.7, 0.8), qd.SplitStep(20), tol=1e-9)
        ),
        "bridge_default": _go(lambda: _bridge(), qd.SchrodingerBridge(qd.Uniform())),
        "bridge_density": _go(lambda: _bridge(), qd.SchrodingerBridge(np.arange(1.0, 9.0), qd.Krylov(1e-8))),
    }


def _bridge() -> qd.Problem:
    return well("imaginary", diffusion=0.6, strength=0.5, initial=qd.Gaussian(-0.6, 0.9))


def _circuit_methods() -> dict[str, Run]:
    half = {"real": lambda: operator("real", complex_start()), "data": lambda: on_data(objectives.neuron(*rows()), 2)}
    runs = {}
    for way, shots in (("exact", None), ("sampled", 300)):
        for name, problem, method in (
            ("trotter", well, qd.Trotter(3)),
            ("trotter_fourth", well, qd.Trotter(2, order=4)),
            ("multi_product", well, qd.MultiProduct((1, 2, 3))),
            ("qdrift", half["real"], qd.QDrift(6, circuits=3, seed=5)),
            ("random_order", half["real"], qd.RandomOrder(2, circuits=3)),
            ("mini_batch", half["data"], qd.MiniBatch(2, 3, circuits=3, truncation=0.01)),
            ("schrodingerised", _imaginary, qd.Schrodingerised(5, 3)),
            ("probabilistic_linear", operator, qd.ProbabilisticITE(0.8, 3)),
            ("probabilistic_exact", _imaginary, qd.ProbabilisticITE(1.0, 2, block="exact", floor=1e-5)),
            ("qite", operator, qd.QITE(2, 2, rcond=1e-3)),
            ("double_bracket", operator, qd.DoubleBracket(2, substeps=1)),
            ("growing_trotter", lambda: well(qubits=4), qd.Growing(qd.Trotter(4), start=3, schedule=[(0.3, 4)])),
            ("koopman", _classical, qd.KoopmanVonNeumann(3, momentum_qubits=4)),
            (
                "bridge_circuits",
                _bridge,
                qd.SchrodingerBridge(qd.Gaussian(0.7, 0.8), qd.ProbabilisticITE(1.0, 2, block="exact")),
            ),
        ):
            runs[f"{name}_{way}"] = _go(problem, method, "statevector", shots, save=3 if name == "trotter" else 2)
    return runs | {
        "mini_batch_classical": _go(half["data"], qd.MiniBatch(2, 3, circuits=3, classical=True, replacement=True)),
        "trotter_truncated": _go(lambda: well(qubits=4), qd.Trotter(3, truncation=0.05), "aer", 200),
        "schrodingerised_box": _go(_imaginary, qd.Schrodingerised(5, 2, 1, smooth=False, box=(3, 6), tolerance=0.5)),
    }


def _variational() -> dict[str, Run]:
    layered, parts = ansatz.hardware_efficient(1), ansatz.hamiltonian(1, separate=True, moves=False, spread=0.5)
    exact = {
        "euler": (_imaginary, qd.Variational(layered, steps=4)),
        "rz": (well, qd.Variational(ansatz.hardware_efficient(0, ("ry", "rz")), steps=4)),
        "rk4": (_imaginary, qd.Variational(parts, steps=3, integrator="rk4", regularisation=qd.Cutoff(1e-6))),
        "rk45": (_imaginary, qd.Variational(layered, steps=4, integrator="rk45", tolerance=1e-3)),
        "theta0": (operator, qd.Variational(ansatz.hardware_efficient(0), steps=4, theta0=(0.3, -0.2))),
        "stopped": (operator, qd.Variational(layered, steps=10, stop_at=0.5, max_evaluations=6)),
        "grown_pauli": (
            _imaginary,
            qd.Variational(ansatz.bare(), steps=4, grow=qd.Growth(0.05, "pauli", max_parameters=6)),
        ),
        "grown_labels": (operator, qd.Variational(ansatz.bare(), steps=4, grow=qd.Growth(0.01, ("IY", "YX", "YI")))),
        "grown_terms": (operator, qd.Variational(ansatz.bare(), steps=4, grow=qd.Growth(0.01, "terms"))),
        "own_circuit": (operator, lambda: qd.Variational(own(), steps=4)),
        "own_qnode": (operator, lambda: qd.Variational(pennylane(), steps=4)),
        "own_solver": (operator, qd.Variational(layered, steps=4, regularisation=lambda a, b: b)),
    }
    runs = {f"variational_{name}": _go(*both) for name, both in exact.items()}
    for metric in ("shift", "hadamard", "spsa"):
        method = qd.Variational(ansatz.hardware_efficient(0), 2, metric=metric, resamplings=2, regularisation=1e-2)
        runs[f"variational_measured_{metric}"] = _go(operator, method, "statevector", 300)
    measured = qd.Variational(ansatz.hamiltonian(1), steps=1, integrator="rk4", metric="spsa", resamplings=2)
    return runs | {
        "variational_measured_rk4": _go(operator, measured, "aer", 200),
        "variational_measured_noisy": _go(
            operator, qd.Variational(ansatz.hardware_efficient(0), 1), "aer:noise=fake_manila", 200
        ),
    }


def _domains_and_starts() -> dict[str, Run]:
    step = qd.SplitStep(6)
    plane = qd.Grid([(-2, 2), (-1.5, 2.5)], (3, 2))
    twisted = qd.Grid([(0, 2 * np.pi), (0, 4)], (3, 2), twist=(0.25, -0.1))
    free = objectives.expression("1 + 0.3*sin(x0) + 0.1*x1", 2)
    tilted = objectives.expression("0.5*x0**2 + 0.3*x0*x1 + 0.2*x1", 2)
    cube = qd.Hypercube(3, (0.0, 2.5))

    def on(domain: Any, loss: Any, **more: Any) -> Run:
        return _go(qd.Problem(domain, loss, **{"diffusion": 0.3, "clock": "real", "duration": 0.5, **more}), step)

    wave = (1 + 0.2 * np.arange(32) + 0.1j * np.arange(32)[::-1]).reshape(8, 4)
    ramp = qd.Gaussian((0.3, 0.6), (0.8, 0.9), (0.5, -0.4))
    seen = {"w": lambda w: w[:, 0], "k": qd.of_momenta(lambda k: k[:, 0] ** 3)}
    return {
        "domain_twist": on(twisted, free, initial=qd.Gaussian((2.0, 1.5), (0.9, 0.8))),
        "domain_walls": on(qd.Grid([(-2, 2), (-1.5, 2.5)], (3, 2), boundary="walls"), tilted, initial=ramp),
        "domain_unequal": on(plane, tilted, initial=ramp, clock="imaginary"),
        "domain_hypercube": on(cube, objectives.expression("x0*x1 - 0.3*x2", 3)),
        "domain_one_bit": on(qd.Hypercube(1), objectives.expression("x0", 1), clock="imaginary"),
        "initial_uniform": on(plane, tilted, initial=qd.Uniform()),
        "initial_point_mass": on(plane, tilted, initial=qd.PointMass((0.4, -0.2))),
        "initial_state": on(plane, tilted, initial=qd.State(wave)),
        "initial_state_flat": on(plane, tilted, initial=qd.State(wave.reshape(-1)), clock="imaginary"),
        "observables": _go(
            well, qd.Trotter(2), "statevector", 300, observables={**seen, "o": SparsePauliOp(["XYZ"], [1])}
        ),
        "observables_exact": _go(_imaginary, qd.Krylov(), save=[0.0, 0.25, 0.6], observables=seen),
    }


def _schedules() -> dict[str, Run]:
    descent = qd.QHD(0.05)
    pairs = {
        "constant": (qd.Constant(0.3), qd.Constant(0.8)),
        "linear": (qd.Linear(0.4, 0.1), qd.Linear(-0.2, 1.3)),
        "geometric": (qd.Geometric(0.4, 0.1), qd.Geometric(0.5, 2.0)),
        "power_law": (qd.PowerLaw(0.4, -0.5, 0.3, 2.0), qd.PowerLaw(1.5, 2.0)),
        "knots": (qd.Knots((0.5, 0.2, 0.3, 0.1)), qd.Knots((0.5, 1.0))),
        "qhd": (descent.diffusion, descent.strength),
    }
    runs = {
        f"schedule_{name}": _go(well(diffusion=d, strength=s), qd.SplitStep(8, order=4))
        for name, (d, s) in pairs.items()
    }
    return runs | {name: _go(problem, qd.SplitStep(8)) for name, problem in OWN_PROBLEMS.items()}


def _losses() -> dict[str, Run]:
    X, y = rows()
    cube, plane = qd.Hypercube(3), qd.Grid([(0, 1), (0, 1)], 2)
    J = np.array([[0, 0.5, -0.3], [0, 0, 0.8], [0, 0, 0]])
    table = np.sin(np.arange(16.0)).reshape(4, 4)

    def square(w: np.ndarray) -> np.ndarray:
        return (w[:, 0] - 0.3) ** 2 + 0.5 * w[:, 1]

    def row_loss(w: np.ndarray, index: np.ndarray) -> np.ndarray:
        return (w @ X[index].T - y[index]) ** 2

    losses = {
        "named": (plane, objectives.levy()),
        "unit_box": (plane, objectives.unit_box(objectives.branin())),
        "quadratic": (plane, objectives.quadratic((0.2, 0.7), (1.0, 3.0))),
        "ising": (cube, objectives.ising([0.3, -0.2, 0.1], J)),
        "qubo": (qd.Hypercube(3, (0, 1)), objectives.qubo(J + np.diag([0.1, -0.4, 0.2]))),
        "table": (plane, objectives.from_table(table, plane)),
        "function": (plane, square),
        "own_objective": (plane, objectives.Objective(square, "mine", minimum=0.0)),
    }
    runs = {
        f"loss_{name}": _go(qd.Problem(d, f, 0.3, clock="imaginary", duration=0.5), qd.SplitStep(6))
        for name, (d, f) in losses.items()
    }
    models = {
        "neuron": (objectives.neuron(X, y, l2=0.1), 2),
        "network": (objectives.network(X[:, :1], y, hidden=1), 4),
        "perceptron": (objectives.perceptron(X, y, loss="hinge"), 2),
        "mean_of_rows": (objectives.from_rows(row_loss, len(X)), 2),
    }
    return runs | {f"loss_{name}": _go(on_data(f, n), qd.SplitStep(6)) for name, (f, n) in models.items()}


def _operators_and_backends() -> dict[str, Run]:
    matrix = np.array([[1, 0.5j, 0, 0.2], [-0.5j, -1, 0.3, 0], [0, 0.3, 2, 0], [0.2, 0, 0, 0]])
    lines = qml.Hamiltonian([0.4, -0.7], [qml.X(0) @ qml.Z(1), qml.Y(1)])

    def given(what: Any) -> qd.Problem:
        return qd.Problem.from_operator(what, clock="real", duration=0.7, initial=complex_start())

    small = qd.Trotter(2)
    manila = {"readout_mitigation": "reported", "layout": (4, 3, 2), "optimization_level": 1}
    names = ("aer", "aer:density_matrix", "pennylane:default.qubit", "ibm:aer")
    runs = {f"backend_{n.replace(':', '_').replace('.', '_')}": _go(well, small, n, 300) for n in names}
    return runs | {
        "operator_matrix": _go(lambda: given(matrix), qd.Exact()),
        "operator_pennylane": _go(lambda: given(lines), small, "statevector", 300),
        "backend_noisy": _go(well, small, "aer:noise=fake_manila", 300),
        "backend_device": _go(well, small, lambda: qd.backend("ibm:fake_manila", **manila), 300, save=2),
        "backend_estimator": _go(well, small, lambda: qd.backend(StatevectorEstimator(seed=3)), 300),
        "backend_estimator_exact": _go(well, small, lambda: qd.backend(StatevectorEstimator())),
        "backend_zne": _go(operator("real"), small, lambda: qd.backend("ibm:fake_manila", zne=(1, 3)), 300, save=2),
    }


def _endings() -> dict[str, Run]:
    def interrupt(step: int, view: Any) -> None:
        if step == 4:
            raise KeyboardInterrupt

    return {
        "stopped_by_callback": _go(well, qd.SplitStep(8), callback=lambda step, view: step == 3, save=5),
        "interrupted": _go(well, qd.SplitStep(8), callback=interrupt, save=5),
        "seed_drawn": _go(well, qd.SplitStep(8), seed=None, save=None),
    }


def _studies() -> dict[str, Run]:
    def anneal(strategy: str, **more: Any) -> Run:
        return lambda: qd.anneal(well("imaginary"), 4, strategy, seed=3, progress=False, **more)

    def descend(**more: Any) -> Run:
        options = {"qubits": 3, "steps": 6, "samples": 50, "polish": 1, "seed": 3, "progress": False}
        return lambda: qd.descend(objectives.levy(), **{**options, **more}).trajectory

    return {
        "anneal": anneal("anneal"),
        "anneal_portfolio": anneal("portfolio", restarts=1),
        "descent": descend(),
        "descent_circuits": descend(backend="statevector", shots=200),
    }


def every_run() -> dict[str, Run]:
    """Name to what makes the trajectory."""
    runs: dict[str, Run] = {}
    for part in (
        *(_classical_methods, _circuit_methods, _variational, _domains_and_starts, _schedules, _losses),
        *(_operators_and_backends, _endings, _studies),
    ):
        made = part()
        assert not runs.keys() & made.keys()
        runs |= made
    return runs
