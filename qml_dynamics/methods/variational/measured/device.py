"""One evaluation on a device: the circuits of metric, force, energy and variance at one parameter point, and their estimates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from qiskit import QuantumCircuit

from ....base.errors import MethodError, require
from ....model.hamiltonians import Hamiltonian, hamiltonian
from ....model.problem import Problem
from ....synthesis.foreign import opened
from ..derivatives import check_derivatives
from ..evolve import bind
from ..options import Variational
from . import hadamard, shifts, spsa
from .estimates import Force, Metric, Solved, solve_measured
from .outcomes import Request, Seen
from .readings import Energy, Readings
from .rotations import RotationSequence, read_rotations

DIRECTIONS = 9


@dataclass(frozen=True, eq=False)
class Point:
    """What was measured at one place.

    Attributes:
        time, theta: where.
        energy: by basis.
        variance: of the energy and the variance of this estimate; None where it was not asked for.
        metric, force, solved: the linear system and its solution.
    """

    time: float
    theta: np.ndarray
    energy: Energy
    variance: tuple[float, float] | None
    metric: Metric
    force: Force
    solved: Solved

    @property
    def velocity(self) -> np.ndarray:
        """``theta'``."""
        return self.solved.solution.velocity


class Device:
    """The circuits of an ansatz on a problem, and how they are read.

    Attributes:
        theta0: the parameters at the start.
        width: qubits of every circuit: those of the ansatz and, where a Hadamard test is among the circuits, an ancilla on top.
    """

    def __init__(self, problem: Problem, h: Hamiltonian, method: Variational) -> None:
        self.problem, self.h, self.method = problem, h, method
        self.program = bind(problem, h, method)
        self.theta0 = self.program.theta0
        self.circuit: QuantumCircuit = opened(method.ansatz.circuit(problem))
        if "measure" in self.circuit.count_ops():
            self.circuit = self.circuit.remove_final_measurements(inplace=False)
        self.sequence: RotationSequence = read_rotations(self.circuit)
        found = self.sequence.angles.num_parameters
        must = f"have {len(self.theta0)} parameters in its circuit too"
        require(found == len(self.theta0), "ansatz", must, f"of {found}", MethodError)
        check_derivatives(self.sequence.angles, self.theta0, self.program.names)
        self.imaginary = problem.clock == "imaginary"
        self.readings = Readings(h, self.sequence.width)
        tests = self.readings.needs_ancilla or method.metric == "hadamard" or not self.imaginary
        self.width = self.sequence.width + int(tests)
        self.pool = np.zeros((0, len(self.theta0), len(self.theta0)))

    def prepared(self, theta: np.ndarray) -> QuantumCircuit:
        """The ansatz at ``theta`` as a person would write it, on all qubits."""
        whole = QuantumCircuit(self.width)
        whole.compose(self.circuit.assign_parameters(theta), range(self.circuit.num_qubits), inplace=True)
        return whole

    def requests(self, theta: np.ndarray, seed: Callable[..., int], complete: bool = True) -> list[Request]:
        """Every circuit of an evaluation; those of the variance only where the evaluation is ``complete``."""
        amounts = self.sequence.amounts(theta)
        whole = partial(shifts.complete, self.sequence, amounts, self.width)
        out = self.readings.energy_requests(whole)
        if complete:
            out += self.readings.variance_requests(whole)
        force = shifts.force_requests if self.imaginary else hadamard.force_requests
        return (
            out + self._metric_requests(theta, amounts, seed) + force(self.sequence, amounts, self.readings, self.width)
        )

    def _metric_requests(self, theta: np.ndarray, amounts: np.ndarray, seed: Callable[..., int]) -> list[Request]:
        if self.method.metric == "spsa":
            eps = spsa.length(self.sequence.jacobian(theta))
            return spsa.metric_requests(self.sequence, theta, self._signs(seed), eps, self.width)
        kind = shifts if self.method.metric == "shift" else hadamard
        out: list[Request] = kind.metric_requests(self.sequence, amounts, self.width)
        return out

    def _signs(self, seed: Callable[..., int]) -> np.ndarray:
        return spsa.directions(len(self.theta0), self.method.resamplings, seed(DIRECTIONS))

    def read(self, seen: Seen, t: float, theta: np.ndarray, seed: Callable[..., int], complete: bool = True) -> Point:
        """The point, from the outcomes of :meth:`requests`."""
        jacobian = self.sequence.jacobian(theta)
        metric = self._metric(jacobian, seen, seed, complete)
        kind: Any = shifts if self.imaginary else hadamard
        force = kind.force(self.sequence, jacobian, self.readings, seen, t)
        solved = solve_measured(metric, force, self.method.regularisation)
        variance = self.readings.variance(seen, t) if complete else None
        return Point(t, theta, self.readings.energy(seen, t), variance, metric, force, solved)

    def _metric(self, jacobian: np.ndarray, seen: Seen, seed: Callable[..., int], complete: bool) -> Metric:
        if self.method.metric == "shift":
            return shifts.metric(self.sequence, jacobian, seen)
        if self.method.metric == "hadamard":
            return hadamard.metric(self.sequence, jacobian, seen)
        fresh = spsa.samples(self._signs(seed), spsa.length(jacobian), seen)
        pool = np.concatenate([self.pool, fresh])[-spsa.WINDOW * self.method.resamplings :]
        if complete:  # stages within a step look at the pool and leave it as it is
            self.pool = pool
        return spsa.metric(pool)


def circuits_per_step(problem: Problem, method: Variational) -> int:
    """How many circuits one step of the measured mode sends, as one batch an evaluation of the metric.

    >>> from qml_dynamics import Problem, Variational, ansatz
    >>> problem = Problem.from_operator([[1.0, 0.5], [0.5, -1.0]], clock="imaginary", duration=1.0)
    >>> circuits_per_step(problem, Variational(ansatz.hardware_efficient(0), steps=4))  # Z and X: 2 energies, 1 metric, 2 x 2 force
    7
    """
    device = Device(problem, hamiltonian(problem), method)
    full, stage = (len(device.requests(device.theta0, lambda *key: 1, complete)) for complete in (True, False))
    return full + (stages(method) - 1) * stage


def stages(method: Variational) -> int:
    """Evaluations of the metric a step.

    Raises:
        MethodError: the integrator or the growth of an ansatz is not for measured numbers.
    """
    known = {"euler": 1, "rk4": 4}
    must = "be 'euler' or 'rk4' where circuits are measured (step control would follow the noise)"
    require(method.integrator in known, "integrator", must, method.integrator, MethodError)
    require(method.grow is None, "grow", "be None where circuits are measured", method.grow, MethodError)
    return known[method.integrator]
