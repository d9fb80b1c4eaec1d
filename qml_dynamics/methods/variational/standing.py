"""Start of a variational run in the problem's initial wave, its answers at saved times, and why it may stand still."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...base.errors import MethodError, require
from ...model.hamiltonian import Hamiltonian
from ...model.problem import Problem
from .derivatives import check_derivatives
from .engine.flow import Flow, Point
from .engine.gates import Program
from .options import Variational, parameters

_REAL = 1e-9  # imaginary parts of amplitudes of a unit wave below this are the round-off of a real one


class StartWarning(UserWarning):
    """The ansatz does not start in the problem's initial wave."""


@dataclass(frozen=True, eq=False)
class Sample:
    """The answer at one save time.

    Attributes:
        time: the save time.
        state: wave of unit norm, shape ``domain.shape``.
        log_norm: logarithm of the norm that the imaginary clock has removed.
        theta: the parameters; they become more while an ansatz grows (new ones stand at the end and came in at 0).
    """

    time: float
    state: np.ndarray
    log_norm: float
    theta: np.ndarray


def bind(problem: Problem, h: Hamiltonian, method: Variational) -> Program:
    """The ansatz on this problem, with the parameters at its start checked, and the derivatives of its angles there."""
    program = method.ansatz.bind(problem, h)
    width = program.num_qubits
    must = f"have as many qubits as the problem, {h.num_qubits}"
    require(width == h.num_qubits, "ansatz", must, f"of {width} qubits", MethodError)
    given = program.theta0 if method.theta0 is None else method.theta0
    theta0 = np.array(parameters(given, "theta0", program.num_parameters))
    check_derivatives(program.angles, theta0, program.names)
    return Program(width, program.gates, program.angles, theta0, program.names, program.start, program.domain)


def stalled(point: Point, flow: Flow) -> str:
    """Why no parameter moves the wave although it is no eigenstate."""
    left = f"the energy still has a standard deviation of {point.sigma:.2e}, but"
    if not len(point.theta) or not np.any(np.diag(point.metric) > 1e-12):
        return f"{left} no parameter changes the wave here"
    force2 = float(point.force @ point.force)
    if force2 > 1e-10 * point.variance * float(np.trace(point.metric)):
        return f"{left} the regularisation ({point.solution.regularisation:.1e}) outweighs the metric: lower it"
    if not flow.imaginary and flow.engine.real:
        return f"{left} the ansatz is real and real time makes amplitudes complex: add RZ or other complex rotations"
    if flow.imaginary and np.abs(np.imag(point.psi)).max() < _REAL and not flow.engine.real:
        return f"{left} the force vanishes: the generators only turn phases of a real wave; use rotations with an odd number of Y"
    return f"{left} the force on every parameter vanishes: a symmetric or saddle point; start from slightly different parameters"
