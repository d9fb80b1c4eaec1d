"""`VarQITE` and `VarQRTE` of qiskit-algorithms, run by McLachlan's principle of this library.

The equation is the same, ``A theta' = b`` with ``A_ij = Re <d_i psi|(1 - |psi><psi|)|d_j psi>`` and ``b_i = -Re <d_i psi|H psi>``
(imaginary time) or ``b_i = Im <d_i psi|(H - E) psi>`` (real time), the derivatives are computed in one pass over the wave instead of by
circuits. Sources: McArdle et al., npj Quantum Inf. 5, 75 (2019), arXiv:1804.03023; Yuan et al., Quantum 3, 191 (2019), arXiv:1812.08767.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..base.errors import MethodError, integer, real, require
from ..base.interrupts import whole
from ..methods.evolution import evolve
from ..methods.variational.ansatz import CircuitAnsatz, from_circuit
from ..methods.variational.engine.flow import Flow
from ..methods.variational.engine.tangent import Engine
from ..methods.variational.engine.threads import pinned
from ..methods.variational.evolve import bind
from ..methods.variational.options import Variational
from ..model.hamiltonians import PauliHamiltonian
from ..model.pauli import pauli_sum
from ..model.problem import Problem, still_operator
from ..results.trajectory import Trajectory
from .time_evolution import (
    ForwardEulerSolver,
    ImaginaryMcLachlanPrinciple,
    Observed,
    RealMcLachlanPrinciple,
    TheirVarQITE,
    TheirVarQRTE,
    TimeEvolutionProblem,
    VarQTEResult,
    check_principle,
    check_problem,
    check_widths,
    evaluated,
    laid_out,
    width_before,
)

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter
    from qiskit.quantum_info.operators.base_operator import BaseOperator

    Initial = Mapping[Parameter, float] | Sequence[float] | np.ndarray
    Linear = Callable[[np.ndarray, np.ndarray], np.ndarray]

__all__ = ["VarQITE", "VarQRTE"]

_STEP = 0.01  # of time, where the number of steps is not given
_MANY = 10**7


def _least_squares(metric: np.ndarray, force: np.ndarray) -> np.ndarray:
    """What they solve with unless told: singular values below a hundredth of the largest are left out."""
    return np.asarray(np.linalg.lstsq(metric, force, rcond=1e-2)[0])


class _Evolver:
    """What both clocks share. The solver itself holds the constructor's arguments as attributes, which may be changed between runs.

    Attributes:
        trajectory: the last run as :func:`qml_dynamics.evolve` gives it, with the residual of every step and a bound of the angle to the
            exact wave; None before a run, and for other solvers than Euler's or Hamiltonians that depend on time.
    """

    _clock: ClassVar[str]
    _principle: ClassVar[type]

    ansatz: QuantumCircuit
    initial_parameters: Any
    estimator: Any
    ode_solver: Any
    lse_solver: Any
    num_timesteps: int | None
    trajectory: Trajectory | None = None
    _held: object = None

    @property
    def variational_principle(self) -> object:
        """The principle; one that cannot be honoured is refused when it is set, by the constructor too."""
        return self._held

    @variational_principle.setter
    def variational_principle(self, principle: object) -> None:
        """Hold a principle; MethodError where it cannot be honoured."""
        check_principle(principle, self._principle)
        self._held = principle

    def evolve(self, evolution_problem: TimeEvolutionProblem) -> VarQTEResult:
        """The parameters that follow the Hamiltonian for the problem's time.

        Args:
            evolution_problem: Hamiltonian, time, and auxiliary operators; ``t_param`` may stand in the coefficients.

        Returns:
            A ``VarQTEResult``: the circuit with the last parameters, auxiliary operators at the end and after each step, times, and
            parameters, shape ``(steps + 1, p)`` in the order of ``ansatz.parameters``. Euler takes as many steps as asked, and ends at
            the problem's time (theirs may take one step more, by rounding).

        Raises:
            ProblemError, MethodError: an argument does not fit, or cannot be honoured.
        """
        check_problem(evolution_problem, self.estimator)
        require(
            evolution_problem.initial_state is None,
            "initial_state",
            "be None: the start is initial_parameters",
            evolution_problem.initial_state,
        )
        ansatz, layout = self.ansatz, getattr(self.ansatz, "layout", None)
        check_widths(evolution_problem.aux_operators, width_before(ansatz))
        order = list(ansatz.parameters)
        start = from_circuit(ansatz, _started(self.initial_parameters, order))
        hamiltonian = _laid_out(evolution_problem.hamiltonian, layout)
        must = f"act on the {ansatz.num_qubits} qubits of the ansatz"
        require(hamiltonian.num_qubits == ansatz.num_qubits, "hamiltonian", must, f"on {hamiltonian.num_qubits}")
        self.trajectory = None
        time, driven = float(evolution_problem.time), evolution_problem.t_param
        if self.ode_solver is ForwardEulerSolver and driven is None:
            times, path = self._by_steps(start, hamiltonian, time)
        else:
            times, path = self._by_slopes(start, hamiltonian, time, driven)
        observables = self._observed(start, path, evolution_problem.aux_operators, layout)
        return VarQTEResult(
            ansatz.assign_parameters(dict(zip(order, path[-1].tolist()))),
            observables[-1] if observables else None,
            observables,
            times,
            path,
        )

    def _steps(self, time: float) -> int:
        """Euler's steps: as many as given, or of about 0.01."""
        if self.num_timesteps is None:
            return int(np.ceil(time / _STEP))
        return integer(self.num_timesteps, "num_timesteps", 1, _MANY, MethodError)

    def _solve(self) -> Linear:
        solve = _least_squares if self.lse_solver is None else self.lse_solver
        require(callable(solve), "lse_solver", "be a function of A and b", solve, MethodError)
        return lambda metric, force: np.real(solve(metric, force))

    def _by_steps(self, start: CircuitAnsatz, hamiltonian: BaseOperator, time: float) -> tuple[np.ndarray, np.ndarray]:
        """Euler steps by :class:`Variational`, every one of them saved."""
        steps = self._steps(time)
        times = time * np.arange(steps + 1) / steps
        times[-1] = time
        problem = Problem.from_operator(hamiltonian, clock=self._clock, duration=time, initial=start.state())
        method = Variational(start, steps, regularisation=self._solve(), sensitivity=False)
        self.trajectory = whole(evolve(problem, method, save=times, progress=False))
        return times, np.array(self.trajectory.parameters)

    def _by_slopes(
        self, start: CircuitAnsatz, hamiltonian: BaseOperator, time: float, driven: Parameter | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The parameters by a solver of SciPy, or by Euler steps under a Hamiltonian that depends on time."""
        from scipy.integrate import solve_ivp

        with self._slopes(start, hamiltonian, time, driven) as slope:
            theta0 = np.array(start.theta0)
            if self.ode_solver is ForwardEulerSolver:
                return _euler(slope, theta0, time, self._steps(time))
            known = isinstance(self.ode_solver, (str, type))
            require(known, "ode_solver", "be a class or a name of scipy.integrate", self.ode_solver, MethodError)
            found = solve_ivp(slope, (0.0, time), theta0, method=self.ode_solver)
        if not found.success:
            raise MethodError(f"Argument `ode_solver` must reach the time {time:g}, but stops: {found.message}")
        return np.asarray(found.t), np.asarray(found.y.T)

    @contextmanager
    def _slopes(
        self, start: CircuitAnsatz, hamiltonian: BaseOperator, time: float, driven: Parameter | None
    ) -> Iterator[Callable[[float, np.ndarray], np.ndarray]]:
        """``theta'(t, theta)``."""

        def at(t: float) -> BaseOperator:
            """The Hamiltonian of a moment."""
            return hamiltonian if driven is None else hamiltonian.assign_parameters([t])

        if driven is not None:
            _depends_on(hamiltonian, driven)
        problem = Problem.from_operator(at(0.0), clock=self._clock, duration=time, initial=start.state())
        h = PauliHamiltonian(problem.domain, still_operator(problem))
        method = Variational(start, 1, regularisation=self._solve(), sensitivity=False)
        flow = Flow(bind(problem, h, method), h, self._clock == "imaginary", method.regularisation)

        def slope(t: float, theta: np.ndarray) -> np.ndarray:
            """The velocity of the parameters."""
            if driven is not None:
                flow.h = PauliHamiltonian(problem.domain, pauli_sum(at(t)))
            return flow.at(t, np.asarray(theta, dtype=float)).velocity

        with pinned(h.num_qubits):
            yield slope

    def _observed(self, start: CircuitAnsatz, path: np.ndarray, operators: Any, layout: Any) -> list[Observed]:
        if operators is None:
            return []
        operators = laid_out(operators, layout)
        order = list(self.ansatz.parameters)
        engine = Engine(start.program)

        def one(theta: np.ndarray) -> Observed:
            """All operators at one point of the path."""
            wave = np.array(engine.state(theta), dtype=complex)
            return evaluated(
                self.estimator, wave, lambda: self.ansatz.assign_parameters(dict(zip(order, theta.tolist()))), operators
            )

        return [one(theta) for theta in path]


def _euler(
    slope: Callable[[float, np.ndarray], np.ndarray], theta: np.ndarray, time: float, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    times, path = time * np.arange(steps + 1) / steps, [theta]
    for t in times[:-1].tolist():
        path.append(path[-1] + time / steps * slope(t, path[-1]))
    return times, np.array(path)


def _started(given: Initial, order: Sequence[Parameter]) -> list[float]:
    """Initial parameters in the order of the ansatz; raises :class:`MethodError` where one has no value."""
    if isinstance(given, Mapping):
        missing = [p.name for p in order if p not in given]
        require(
            not missing, "initial_parameters", "have a value for every parameter", f"without {missing[:3]}", MethodError
        )
        return [_number(given[p]) for p in order]
    if not isinstance(given, (Sequence, np.ndarray)) or isinstance(given, str):
        require(False, "initial_parameters", "be a mapping or a sequence of numbers", given, MethodError)
    must = f"have one entry for each of {len(order)} parameters"
    require(len(given) == len(order), "initial_parameters", must, f"of length {len(given)}", MethodError)
    return [_number(value) for value in given]


def _number(value: object) -> float:
    return real(value, "initial_parameters", error=MethodError)


def _laid_out(operator: BaseOperator, layout: Any) -> BaseOperator:
    return operator if layout is None else operator.apply_layout(layout)


def _depends_on(hamiltonian: BaseOperator, driven: Parameter) -> None:
    free = list(getattr(hamiltonian, "parameters", []))
    must = f"be a SparsePauliOp whose only parameter is t_param, {driven.name}"
    require(free == [driven], "hamiltonian", must, f"of {[p.name for p in free]}")


class VarQITE(_Evolver, TheirVarQITE):  # type: ignore[misc]  # of a package without types
    """Imaginary-time evolution of the parameters of a circuit, ``A theta' = -Re <d psi|H psi>``: the constructor of qiskit-algorithms.

    Args:
        ansatz: a parameterised circuit.
        initial_parameters: a mapping, or values in the order of ``ansatz.parameters``.
        variational_principle: None or an ``ImaginaryMcLachlanPrinciple`` whose metric and gradient are exact: all their ways to compute
            them give the same numbers, and here they are computed from the wave. Others are refused.
        estimator: evaluates the auxiliary operators.
        ode_solver: ``ForwardEulerSolver``, or a method of ``scipy.integrate.solve_ivp``.
        lse_solver: ``solve(A, b)``; None: ``numpy.linalg.lstsq`` with ``rcond=1e-2``, as there.
        num_timesteps: Euler steps; None: steps of about 0.01.
        imag_part_tol, num_instability_tol: taken and not used, as there.
        transpiler, transpiler_options: run on the ansatz, as there.

    Raises:
        MethodError: a principle that cannot be honoured; on :meth:`evolve` whatever else cannot.

    Source: McArdle et al., npj Quantum Inf. 5, 75 (2019), arXiv:1804.03023.

    >>> from qiskit.circuit.library import efficient_su2
    >>> from qiskit.quantum_info import SparsePauliOp
    >>> from qiskit_algorithms import TimeEvolutionProblem
    >>> operator = SparsePauliOp(["ZZ", "IX", "XI"], [1.0, 0.5, 0.2])
    >>> solver = VarQITE(efficient_su2(2, reps=1), [0.3] * 8, num_timesteps=200)
    >>> result = solver.evolve(TimeEvolutionProblem(operator, 6.0))
    >>> result.parameter_values.shape, round(float(solver.trajectory.expectations["energy"].value[-1]), 2)
    ((201, 8), -1.16)
    """

    _clock = "imaginary"
    _principle = ImaginaryMcLachlanPrinciple


class VarQRTE(_Evolver, TheirVarQRTE):  # type: ignore[misc]
    """Real-time evolution of the parameters of a circuit, ``A theta' = Im <d psi|(H - E) psi>``: the constructor of qiskit-algorithms.

    Args:
        ansatz: a parameterised circuit.
        initial_parameters: a mapping, or values in the order of ``ansatz.parameters``.
        variational_principle: None or a ``RealMcLachlanPrinciple`` whose metric and gradient are exact.
        estimator, ode_solver, lse_solver, num_timesteps, imag_part_tol, num_instability_tol, transpiler, transpiler_options: as in
            :class:`VarQITE`.

    Raises:
        MethodError: a principle that cannot be honoured; on :meth:`evolve` whatever else cannot.

    Source: Yuan et al., Quantum 3, 191 (2019), arXiv:1812.08767.

    >>> from qiskit.circuit.library import efficient_su2
    >>> from qiskit.primitives import StatevectorEstimator
    >>> from qiskit.quantum_info import Pauli, SparsePauliOp
    >>> from qiskit_algorithms import TimeEvolutionProblem
    >>> problem = TimeEvolutionProblem(SparsePauliOp(["ZZ", "IX"], [1.0, 0.5]), 0.5, aux_operators={"z0": Pauli("IZ")})
    >>> solver = VarQRTE(efficient_su2(2, reps=2), [0.0] * 6 + [0.2] * 6, estimator=StatevectorEstimator(), num_timesteps=50)
    >>> mean, metadata = solver.evolve(problem).aux_ops_evaluated["z0"]
    >>> bool(abs(mean) <= 1)
    True
    """

    _clock = "real"
    _principle = RealMcLachlanPrinciple
