"""An instance of every registered method for the matrix, with what it needs beside its options, and the bridge's own oracle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import qml_dynamics as qd
from qml_dynamics.conformance import oracles
from qml_dynamics.conformance.cells import Cell, standard_problem, standard_problems
from qml_dynamics.conformance.method import VERBS
from qml_dynamics.conformance.oracles import Truth
from qml_dynamics.model.objectives.rows import from_rows


@dataclass(frozen=True)
class Entry:
    """One instance.

    Attributes:
        method: few steps, so that its error is no rounding.
        options: further arguments of ``assert_valid_method``.
        problems: in place of those of the matrix.
        refused: verbs that are refused by one sentence although the method runs in the cell.
        without: verbs that are not gone over.
        why: reasons of what is given.
    """

    method: Any
    options: Mapping[str, Any] = field(default_factory=dict)
    problems: Any = standard_problems
    refused: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    why: str = ""

    def cells(self) -> Iterator[Cell]:
        """All cells, those that its facts exclude among them."""
        return map(Cell, self.problems())


def rows() -> Iterator[Any]:
    """The problems of the matrix with a loss that is a mean over six rows of data."""
    slopes = np.array([0.6, -0.4, 0.9, 0.2, -0.7, 0.5])

    def loss(w: np.ndarray, index: np.ndarray) -> np.ndarray:
        return np.sin(w[:, :1] * slopes[index] + 0.3) + 0.5 * np.cos(w[:, 1:2] - slopes[index])

    for problem in standard_problems():
        changed = problem if problem.operator is not None else problem.replace(objective=from_rows(loss, len(slopes)))
        yield changed


def steady() -> Iterator[Any]:
    """Those with constant coefficients and a larger diffusion: a bridge takes no others."""
    for problem in standard_problems():
        space = Cell(problem).space
        still = standard_problem(space, Cell(problem).clock, moving=False)
        yield (
            still if space == "operator" else still.replace(diffusion=0.8)
        )  # a kernel that is positive on so few points


def one_axis(qubits: int = 4) -> Iterator[Any]:
    """Classical problems on one axis, since a phase space has twice the registers; the others as they are."""
    loss = qd.objectives.expression("0.7*cos(pi*x0/2 + 0.4) + 0.3*sin(pi*x0)", 1)
    for problem in standard_problems():
        if problem.clock != "classical":
            yield problem
            continue
        grid = qd.Grid((-2.0, 2.0), qubits, problem.domain.boundary)  # type: ignore[union-attr]
        yield problem.replace(domain=grid, objective=loss, initial=qd.Gaussian(0.3, 0.4, 0.7))


def five_qubits() -> Iterator[Any]:
    """The operator on more neighbours than one window of a tensor train holds, which three qubits are; the others as they are."""
    terms = {"XXIII": 0.6, "IZYII": -0.45, "IIXZI": 0.8, "IIIYY": 0.35, "ZIIII": 0.5, "IIYII": -0.3, "IIIIX": 0.7}
    for problem in standard_problems():
        if problem.operator is None:
            yield problem
        else:
            settings = {"clock": problem.clock, "duration": problem.duration}
            yield qd.Problem.from_operator(terms, initial="01101", **settings)


def lasting(duration: float) -> Any:
    """The problems of the matrix with another duration."""
    return lambda: [problem.replace(duration=duration) for problem in standard_problems()]


HILLS = 0.3 + 0.5 * np.sin(1.3 * np.arange(8.0) + 0.2) ** 2  # a density on a hypercube without symmetry
HILLS_STATE = qd.State(np.sqrt(HILLS))
GAUSSIAN = qd.Gaussian((-0.4, 0.5), (0.9, 0.6))


def bridge(end: Any) -> Any:
    """The bridge to a density: Sinkhorn's scaling of the dense kernel ``exp(-H T)``, and ``p = A B`` in between."""
    from scipy.linalg import expm

    def truth(problem: Any, times: list[float]) -> Truth:
        kinetic, potential = oracles.matrices(problem)
        d, s = oracles.coefficients(problem, 0.0)
        h = (d * kinetic + s * potential).real
        first = np.abs(oracles.start(problem)) ** 2
        last = np.abs(oracles.start(problem.replace(initial=end))) ** 2
        kernel, b, a = expm(-h * problem.duration), first.copy(), last
        for _ in range(4000):
            a = last / (kernel @ b)
            b = first / (kernel.T @ a)
        p, means = [], []
        for t in times:
            left, right = expm(-h * (problem.duration - t)).T @ a, expm(-h * t) @ b
            p.append(left * right / (left @ right))
            means.append(float(left @ (kinetic.real @ right) / (left @ right)))
        density, zeta = np.array(p), np.diag(potential).real
        found = {"objective": density @ zeta, "kinetic": np.array(means)}
        found["energy"] = d * found["kinetic"] + s * found["objective"]
        found["tilt"] = density @ oracles.tilt(oracles.coordinates(problem.domain))
        return Truth(np.array(times), found, density=density)

    return truth


def only(problems: Any, *spaces: str) -> Any:
    """Those problems that stand on these weight spaces, and those on all clocks that are refused anyway."""
    return lambda: [problem for problem in problems() if Cell(problem).space in spaces]


def only_verbs(*verbs: str) -> tuple[str, ...]:
    """All other verbs."""
    return tuple(verb for verb in VERBS if verb not in verbs)


FILES = ("files", "problem_file", "command_line", "submit")
TABLE: dict[str, list[Entry]] = {
    "split_step": [Entry(qd.SplitStep(4)), Entry(qd.SplitStep(4, order=1)), Entry(qd.SplitStep(3, order=4))],
    "krylov": [Entry(qd.Krylov())],
    "exact": [Entry(qd.Exact())],
    "tensor_train": [
        Entry(qd.TensorTrain(4, tolerance=1e-12), problems=five_qubits),
        Entry(qd.TensorTrain(3, order=4, tolerance=1e-12), problems=five_qubits),
    ],
    "trotter": [
        Entry(qd.Trotter(4)),
        Entry(qd.Trotter(8, order=1), without=("noisy", *FILES)),
        Entry(qd.Trotter(2, order=4), without=("noisy", *FILES)),
    ],
    "multi_product": [Entry(qd.MultiProduct((1, 2)))],
    "qdrift": [Entry(qd.QDrift(40, draws=6, seed=3))],
    "random_order": [Entry(qd.RandomOrder(4, draws=6, seed=3))],
    "mini_batch": [
        Entry(
            qd.MiniBatch(4, batch_size=5, draws=6, seed=3),
            {"encoding": 0.02},
            rows,
            refused=("command_line",),
            why="the batches dephase, which is no error of the step; a file holds the table of the loss and not its rows",
        ),
        Entry(
            qd.MiniBatch(4, batch_size=5, draws=6, seed=3, classical=True),
            {"encoding": 0.02},
            rows,
            refused=("command_line",),
            why="as above",
        ),
    ],
    "schrodingerised": [
        Entry(
            qd.Schrodingerised(6, 4),
            {"encoding": 0.01},
            only(standard_problems, "periodic", "hypercube", "operator"),
            why="the p register",
        ),
        Entry(
            qd.Schrodingerised(6, 4),
            {"encoding": 0.01},
            only(standard_problems, "walls", "flux"),
            without=("noisy",),
            why="with the ancillas of walls, noise would take a density matrix of eleven qubits",
        ),
    ],
    "probabilistic_ite": [
        Entry(
            qd.ProbabilisticITE(0.8, 5, floor=1e-12),
            {},
            lasting(0.15),
            without=("noisy",),
            why="its energies times the step are bounded; each shot is a trajectory",
        ),
        Entry(qd.ProbabilisticITE(1.0, 3, block="exact"), without=("noisy",), why="each shot is a trajectory"),
    ],
    "qite": [
        Entry(qd.QITE(3, 2), {"slack": 0.1}, without=("noisy",), why="a step of it is measured by hundreds of circuits")
    ],
    "double_bracket": [
        Entry(
            qd.DoubleBracket(1),
            {"slack": 0.1, "encoding": 1e-3},
            lasting(0.05),
            why="circuits grow by three each step, so that expectation values move by chance less than they miss",
        )
    ],
    "variational": [
        Entry(
            qd.Variational(qd.ansatz.hardware_efficient(2, ("ry", "rz")), 16, regularisation=1e-3),
            {"encoding": 0.08},
            without=("shots", "cost", "submit"),
            why="what the ansatz misses; measured steps of so many angles take thousands of circuits",
        ),
        Entry(
            qd.Variational(qd.ansatz.hardware_efficient(1), 2, regularisation=1e-2),
            {"slack": 0.25},
            without=only_verbs("shots", "cost", "submit"),
            why="measured steps: samples decide the way of the angles",
        ),
    ],
    "growing": [
        Entry(qd.Growing(qd.SplitStep(8), start=1)),
        Entry(qd.Growing(qd.Trotter(8), start=1)),
    ],
    "schrodinger_bridge": [
        Entry(
            qd.SchrodingerBridge(GAUSSIAN, qd.SplitStep(8)),
            {"truth": bridge(GAUSSIAN), "momenta": False},
            only(steady, "periodic", "walls", "flux", "operator"),
            refused=("error_budget",),
        ),
        Entry(
            qd.SchrodingerBridge(HILLS_STATE, qd.SplitStep(8)),
            {"truth": bridge(HILLS_STATE), "momenta": False},
            only(steady, "hypercube"),
            refused=("error_budget", *FILES),
            why="an array for an end is in no problem file",
        ),
    ],
    "hamilton_jacobi": [
        Entry(
            qd.HamiltonJacobi(8, extra=4),
            {"encoding": 3e-3},
            without=("shots",),
            why="the quadrature of the ensemble; shots put points into the nearest cell, the exact density shares them out",
        ),
        Entry(
            qd.HamiltonJacobi(8, extra=2),
            {"encoding": 3e-3},
            lambda: one_axis(7),
            why="on a fine grid both densities are the same within their errors",
        ),
    ],
    "koopman_von_neumann": [
        Entry(qd.KoopmanVonNeumann(8), {"encoding": 0.05}, one_axis, without=("noisy",), why="the momentum register"),
        Entry(
            qd.KoopmanVonNeumann(2, momentum_qubits=4),
            {},
            lambda: one_axis(3),
            without=only_verbs("noisy"),
            why="a density matrix of fewer qubits",
        ),
    ],
}
