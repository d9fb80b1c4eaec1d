"""What is taken from qiskit-algorithms: problems, results, principles; and auxiliary operators evaluated as there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import SparsePauliOp, Statevector

try:
    from qiskit_algorithms import TimeEvolutionProblem, TimeEvolutionResult
    from qiskit_algorithms import TrotterQRTE as TheirTrotterQRTE
    from qiskit_algorithms import VarQITE as TheirVarQITE
    from qiskit_algorithms import VarQRTE as TheirVarQRTE
    from qiskit_algorithms.gradients import (
        LinCombEstimatorGradient,
        LinCombQGT,
        ParamShiftEstimatorGradient,
        ReverseEstimatorGradient,
        ReverseQGT,
    )
    from qiskit_algorithms.observables_evaluator import estimate_observables
    from qiskit_algorithms.time_evolvers.variational import (
        ImaginaryMcLachlanPrinciple,
        RealMcLachlanPrinciple,
        VarQTEResult,
    )
    from qiskit_algorithms.time_evolvers.variational.solvers.ode.forward_euler_solver import ForwardEulerSolver
except ImportError as missing:
    raise ImportError(
        'This needs qiskit-algorithms 0.4 or newer. Install it with: pip install "qml-dynamics[algorithms]"'
    ) from missing

from ..base.errors import MethodError, ProblemError, describe, require

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.primitives import BaseEstimatorV2
    from qiskit.transpiler.layout import TranspileLayout

__all__ = [
    "ForwardEulerSolver",
    "ImaginaryMcLachlanPrinciple",
    "Observed",
    "RealMcLachlanPrinciple",
    "TheirTrotterQRTE",
    "TheirVarQITE",
    "TheirVarQRTE",
    "TimeEvolutionProblem",
    "TimeEvolutionResult",
    "VarQTEResult",
    "check_principle",
    "check_problem",
    "check_widths",
    "width_before",
    "estimate_observables",
    "evaluated",
    "is_exact",
    "laid_out",
]

Pair = tuple[np.float64, dict[str, object]]  # mean and metadata
Observed = list[Pair] | dict[str, Pair]
_METRICS = (LinCombQGT, ReverseQGT)
_GRADIENTS = (LinCombEstimatorGradient, ParamShiftEstimatorGradient, ReverseEstimatorGradient)


def is_exact(estimator: object) -> bool:
    """Whether an estimator gives expectation values without noise, so that they may be computed from the wave.

    >>> is_exact(StatevectorEstimator()), is_exact(StatevectorEstimator(default_precision=0.1))
    (True, False)
    """
    return type(estimator) is StatevectorEstimator and getattr(estimator, "default_precision", None) == 0


def check_principle(principle: object, kind: type) -> None:
    """Refuse a variational principle whose metric or force is no exact derivative: here both are computed exactly.

    Raises:
        MethodError: another principle, finite differences or SPSA, an estimator with noise, or a metric without its phase term.
    """
    name = "variational_principle"
    require(type(principle) is kind, name, f"be an {kind.__name__} or None", principle, MethodError)
    for part, known in (("qgt", _METRICS), ("gradient", _GRADIENTS)):
        given = getattr(principle, part)
        listed = ", ".join(one.__name__ for one in known)
        must = f"have a {part} of exact derivatives ({listed})"
        require(type(given) in known, name, must, type(given).__name__, MethodError)
        estimator, precision = getattr(given, "_estimator", None), getattr(given, "precision", None)
        if not is_exact(estimator) or precision:
            told = type(estimator).__name__ + ("" if not precision else f" at a precision of {precision:g}")
            raise MethodError(
                f"Argument `{name}` must have an exact StatevectorEstimator in its {part}, but has {told}: measured steps are run by "
                "qml_dynamics.evolve with a backend."
            )
    require(bool(getattr(principle.qgt, "_phase_fix", True)), name, "have a qgt with phase_fix", False, MethodError)  # type: ignore[attr-defined]


def check_problem(problem: object, estimator: BaseEstimatorV2 | None) -> None:
    """Refuse what is no problem, operators without an estimator, and values of free parameters, which nothing there reads.

    Raises:
        ProblemError: the problem is none, or holds what is not read.
        MethodError: there are auxiliary operators and no estimator.
    """
    if not isinstance(problem, TimeEvolutionProblem):
        raise ProblemError(f"Argument `evolution_problem` must be a TimeEvolutionProblem, but is {describe(problem)}.")
    require(problem.param_value_map is None, "param_value_map", "be None: bind the values", problem.param_value_map)
    require(problem.time > 0, "time", "be positive", problem.time)
    given = problem.aux_operators is None or estimator is not None
    require(given, "estimator", "be given for a problem with aux_operators", None, MethodError)


Operators = list[Any] | Mapping[str, Any]


def width_before(circuit: QuantumCircuit) -> int:
    """Qubits of a circuit, or of what it was before it was transpiled."""
    layout = getattr(circuit, "layout", None)
    return circuit.num_qubits if layout is None else len(layout.final_index_layout())


def check_widths(operators: Operators | None, width: int) -> None:
    """Refuse auxiliary operators on another number of qubits than the state; a 0 has none.

    Raises:
        ProblemError: an operator is too wide or too narrow.
    """
    named = {} if operators is None else operators if isinstance(operators, Mapping) else dict(enumerate(operators))
    for name, one in named.items():
        own = getattr(one, "num_qubits", None)
        require(
            own in (None, width),
            f"aux_operators[{name!r}]",
            f"act on the {width} qubits of the state",
            f"of {own} qubits",
        )


def laid_out(operators: Operators, layout: TranspileLayout | None) -> Operators:
    """Auxiliary operators on the qubits of a transpiled circuit, in a list or by name as they came."""
    if layout is None:
        return operators
    if isinstance(operators, list):
        return [one.apply_layout(layout) for one in operators]
    return {name: one.apply_layout(layout) for name, one in operators.items()}


def evaluated(
    estimator: BaseEstimatorV2,
    state: np.ndarray,
    circuit: Callable[[], QuantumCircuit],
    operators: Operators,
    threshold: float = 1e-12,
) -> Observed:
    """Auxiliary operators as ``estimate_observables`` evaluates them: from the wave for an exact estimator, else by the estimator.

    Args:
        estimator: of the solver.
        state: amplitudes, shape ``(2**n,)``.
        circuit: what prepares the state; asked for only where the estimator runs it.
        operators: a list, or a dictionary by name.
        threshold: means of a smaller size are 0.

    Returns:
        Pairs ``(mean, metadata)`` in a list, or by name.
    """
    if not is_exact(estimator):
        return cast(Observed, estimate_observables(estimator, circuit(), operators, None, threshold))
    listed = operators if isinstance(operators, list) else list(operators.values())
    wave = Statevector(state)
    means = [_mean(wave, one, threshold) for one in listed]
    pairs: list[Pair] = [(mean, {"target_precision": 0.0, "circuit_metadata": {}}) for mean in means]
    return pairs if isinstance(operators, list) else dict(zip(operators, pairs))


def _mean(wave: Statevector, operator: Any, threshold: float) -> np.float64:
    zero = operator == 0 or (isinstance(operator, SparsePauliOp) and not operator.simplify().coeffs.any())
    mean = 0.0 if zero else float(np.real(wave.expectation_value(operator)))
    return np.float64(mean if abs(mean) > threshold else 0.0)
