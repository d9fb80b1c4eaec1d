"""The problem files that are stored: those that the library writes here, and those of people in ``data/problems/by_hand``."""

from __future__ import annotations

from typing import Any

import numpy as np
from qiskit.quantum_info import SparsePauliOp

import qml_dynamics as qd
from qml_dynamics import ansatz, objectives
from qml_dynamics.runs.problem_file import ProblemFile
from tests.stored.recorded import of_part, of_problem, plain
from tests.stored.trajectories import complex_start, on_data, operator, rows, well

Written = tuple[qd.Problem, Any, dict[str, Any] | None]


def of_file(file: ProblemFile) -> dict[str, Any]:
    """Everything that a problem file says."""
    data = file.dataset
    told = None
    if data is not None:
        names = ("X_train", "X_test", "y_train", "y_test")
        told = {name: plain(np.asarray(getattr(data, name))) for name in names}
    model = getattr(file.problem.objective, "model", None)
    return {
        "problem": of_problem(file.problem),
        "method": of_part(file.method),
        "backend": file.backend,
        "backend_options": plain(file.backend_options),
        "shots": file.shots,
        "seed": file.seed,
        "dataset": told,
        "model": None if model is None else {"type": type(model).__name__, "num_weights": model.num_weights},
    }


def _problems() -> dict[str, qd.Problem]:
    X, y = rows()
    cube = qd.Hypercube(3, (0.0, 2.5))
    J = np.array([[0, 0.5, -0.3], [0, 0, 0.8], [0, 0, 0]])
    plane = qd.Grid([(-2, 2), (-1.5, 2.5)], (3, 2))
    tilted = objectives.expression("0.5*x0**2 + 0.3*x0*x1 + 0.2*x1", 2)
    twisted = qd.Grid([(0, 2 * np.pi), (0, 4)], (3, 2), twist=(0.25, -0.1))
    wave = (1 + 0.2 * np.arange(32) + 0.1j * np.arange(32)[::-1]).reshape(8, 4)
    descent, usual = qd.QHD(0.05), {"clock": "real", "duration": 0.5}
    return {
        "domain_walls": qd.Problem(qd.Grid((-2, 3), 4, boundary="walls"), objectives.double_well(), 0.3, **usual),
        "domain_twist": qd.Problem(twisted, tilted, 0.3, **usual),
        "domain_unequal": qd.Problem(plane, tilted, 0.3, 0.7, **usual),
        "domain_hypercube": qd.Problem(cube, objectives.expression("x0*x1 - 0.3*x2", 3), 0.3, **usual),
        "clock_imaginary": well("imaginary"),
        "clock_classical": well("classical"),
        "initial_uniform": well(initial=qd.Uniform()),
        "initial_gaussian": qd.Problem(plane, tilted, 0.3, initial=qd.Gaussian((0.3, 0.6), 0.8, (0.5, -0.4)), **usual),
        "initial_point_mass": well(initial=qd.PointMass(0.7)),
        "initial_state": qd.Problem(plane, tilted, 0.3, initial=qd.State(wave), **usual),
        "schedule_constant": well(diffusion=0.25, strength=1.5),
        "schedule_linear": well(diffusion=qd.Linear(0.4, 0.1), strength=qd.Linear(-0.2, 1.3)),
        "schedule_geometric": well(diffusion=qd.Geometric(0.4, 0.1), strength=qd.Geometric(0.5, 2.0)),
        "schedule_power_law": well(diffusion=qd.PowerLaw(0.4, -0.5, 0.3, 2.0), strength=qd.PowerLaw(1.5, 2.0)),
        "schedule_knots": well(diffusion=qd.Knots((0.5, 0.2, 0.3)), strength=qd.Knots((0.5, 1.0))),
        "schedule_qhd": well(diffusion=descent.diffusion, strength=descent.strength),
        "loss_params": well(objective=objectives.quadratic(0.2, 3.0)),
        "loss_unit_box": qd.Problem(plane, objectives.unit_box(objectives.branin()), 0.3, **usual),
        "loss_ising": qd.Problem(qd.Hypercube(3), objectives.ising([0.3, -0.2, 0.1], J), 0.3, **usual),
        "loss_qubo": qd.Problem(qd.Hypercube(3, (0, 1)), objectives.qubo(J), 0.3, **usual),
        "loss_table": qd.Problem(plane, objectives.from_table(np.sin(np.arange(32.0)), plane), 0.3, **usual),
        "loss_function": well(objective=lambda w: w[:, 0] ** 2 + 0.5 * w[:, 0]),
        "loss_neuron": on_data(objectives.neuron(X, y, l2=0.1), 2),
        "operator": operator("real", complex_start()),
        "operator_point_mass": operator("imaginary", qd.PointMass((1.0, -1.0))),
        "operator_matrix": qd.Problem.from_operator(
            [[1, 0.5j, 0, 0.2], [-0.5j, -1, 0.3, 0], [0, 0.3, 2, 0], [0.2, 0, 0, 0]], clock="real", duration=0.7
        ),
        "operator_energy": qd.Problem.from_operator(SparsePauliOp(["II", "XY"], [2.0, -0.5]), clock="real", duration=1),
        **{f"named_{name}": qd.Problem(plane, make(), 0.3, **usual) for name, make in _functions().items()},
    }


def _functions() -> dict[str, Any]:
    from qml_dynamics.model.objectives.functions import TEST_FUNCTIONS

    return TEST_FUNCTIONS


def _methods() -> dict[str, Any]:
    layers, parts = ansatz.hardware_efficient(2, ("ry", "rz")), ansatz.hamiltonian(1, separate=True, moves=False)
    grown = qd.Growth(0.05, ("IY", "YX"), max_parameters=30)
    return {
        "split_step": qd.SplitStep(40, order=4, workers=1, precision="single"),
        "split_step_chin": qd.SplitStep(40, formula="chin4a"),
        "krylov": qd.Krylov(1e-8, 20),
        "exact": qd.Exact(64),
        "trotter": qd.Trotter(12, 4, 0.05),
        "multi_product": qd.MultiProduct((1, 2, 3), 0.05),
        "qdrift": qd.QDrift(30, 5, 7),
        "random_order": qd.RandomOrder(3, 5, 7),
        "mini_batch": qd.MiniBatch(4, 3, 1, 5, True, 0.1, False, 7),
        "schrodingerised": qd.Schrodingerised(6, 4, 1, False, (3, 6), 0.1, 1e-3),
        "probabilistic_ite": qd.ProbabilisticITE(0.8, 4, 4, "linear", -1.5, 1e-3),
        "qite": qd.QITE(2, 4, 1e-3),
        "double_bracket": qd.DoubleBracket(2, 3),
        "variational": qd.Variational(layers, 20, "rk45", 1e-4, (0.1,) * 18, 1e-5, None, 0.01, 500, "hadamard", 4),
        "variational_cutoff": qd.Variational(parts, 20, regularisation=qd.Cutoff(1e-5)),
        "variational_grown": qd.Variational(ansatz.bare(), 20, grow=grown),
        "variational_grown_pool": qd.Variational(ansatz.bare(), 20, grow=qd.Growth(0.1, "grid")),
        "growing": qd.Growing(qd.SplitStep(40), 3, "residual", 0.02, 5, window=False),
        "growing_schedule": qd.Growing(qd.Trotter(8), 2, schedule=[(0.1, 3), (0.3, 4)]),
        "growing_variational": qd.Growing(qd.Variational(ansatz.bare(), 20), grow=qd.Growth(0.1)),
        "hamilton_jacobi": qd.HamiltonJacobi(40, 4, 3, 0.1),
        "koopman_von_neumann": qd.KoopmanVonNeumann(4, momentum_qubits=5, order=4, spread=0.3, largest_momentum=5.0),
        "schrodinger_bridge": qd.SchrodingerBridge(qd.Gaussian(0.7, 0.8), qd.Krylov(1e-8), 1e-9, 50),
        "schrodinger_bridge_nested": qd.SchrodingerBridge(qd.Uniform(), qd.ProbabilisticITE(1.0, 4, block="exact")),
        "schrodinger_bridge_point": qd.SchrodingerBridge(qd.PointMass(0.5)),
    }


def every_file() -> dict[str, Written]:
    """Name to what ``write_problem`` is given."""
    files: dict[str, Written] = {name: (problem, None, None) for name, problem in _problems().items()}
    backend = {"name": "aer", "shots": 300, "seed": 5}
    files["backend"] = (well(), qd.Trotter(4), backend)
    files["backend_options"] = (
        *(well(), qd.Trotter(4)),
        {"name": "ibm:fake_manila", "options": {"zne": [1, 3], "optimization_level": 1}, "shots": 300},
    )
    classical = ("hamilton_jacobi", "koopman_von_neumann")
    for name, method in _methods().items():
        problem = well("classical") if name in classical else well(method.clocks[0])
        files[f"method_{name}"] = (problem, method, None)
    return files
