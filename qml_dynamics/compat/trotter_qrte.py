"""`TrotterQRTE` of qiskit-algorithms: the same product of exponentials, as circuits of this library and in one pass over the wave.

A step is ``prod_k exp(-i a_k P_k)`` in the order in which the product formula lists the terms. Equal rotations that meet where steps
meet are merged, and auxiliary operators of an exact estimator are evaluated on the wave as it moves, so that N steps cost N steps, where
running each circuit from its start costs N (N + 1) / 2. Sources: Lloyd, Science 273, 1073 (1996), doi:10.1126/science.273.5278.1073;
Suzuki, J. Math. Phys. 32, 400 (1991), doi:10.1063/1.529425.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit.library import PauliEvolutionGate
from qiskit.quantum_info import Pauli, SparsePauliOp
from qiskit.synthesis import ProductFormula
from qiskit.synthesis import QDrift as RandomProduct

from ..backends.statevector import StatevectorBackend
from ..base.errors import MethodError, ProblemError, describe, integer, require
from ..synthesis.pauli_network import rotated
from ..synthesis.trotter import pauli_rotations
from .time_evolution import (
    Observed,
    TheirTrotterQRTE,
    TimeEvolutionProblem,
    TimeEvolutionResult,
    check_problem,
    check_widths,
    estimate_observables,
    evaluated,
    is_exact,
    laid_out,
)

if TYPE_CHECKING:
    from qiskit.primitives import BaseEstimatorV2
    from qiskit_algorithms.custom_types import Transpiler

__all__ = ["TrotterQRTE"]

Rotation = tuple[int, int, float]  # masks x and z of a string P, and the amount a of exp(-i a P)
_SHAPES = {"insert_barriers": False, "cx_structure": "chain", "wrap": False}  # of gates, which here are this library's
_MANY = 10**7


class TrotterQRTE(TheirTrotterQRTE):  # type: ignore[misc]  # of a package without types
    """Product formulas on the real clock, ``(prod_k exp(-i a_k P_k))^N``: the constructor of qiskit-algorithms.

    Args:
        product_formula: a formula of ``qiskit.synthesis`` and its ``reps`` a step; None: ``LieTrotter()``. ``QDrift``, which draws its
            terms, and options that shape gates (``cx_structure``, ``wrap``, ``insert_barriers``, ``atomic_evolution``) are refused.
        estimator: evaluates the auxiliary operators.
        num_timesteps: steps, after each of which auxiliary operators are evaluated.
        transpiler, transpiler_options: run on the circuits.
        insert_barriers: a barrier after the start and after each step.

    Raises:
        MethodError: for what cannot be honoured.

    Source: Suzuki, J. Math. Phys. 32, 400 (1991), doi:10.1063/1.529425.

    >>> from qiskit.quantum_info import Statevector
    >>> from qiskit.synthesis import SuzukiTrotter
    >>> start = QuantumCircuit(2); _ = start.h(0)
    >>> problem = TimeEvolutionProblem(SparsePauliOp(["ZZ", "IX", "YI"], [1.0, 0.4, 0.3]), 0.7, start)
    >>> found = TrotterQRTE(SuzukiTrotter(order=2), num_timesteps=5).evolve(problem).evolved_state
    >>> found.num_qubits, found.num_parameters
    (2, 0)
    """

    def __init__(
        self,
        product_formula: ProductFormula | None = None,
        estimator: BaseEstimatorV2 | None = None,
        num_timesteps: int = 1,
        *,
        transpiler: Transpiler | None = None,
        transpiler_options: dict[str, Any] | None = None,
        insert_barriers: bool = False,
    ) -> None:
        integer(num_timesteps, "num_timesteps", 1, _MANY, MethodError)
        super().__init__(
            product_formula,
            estimator,
            num_timesteps,
            transpiler=transpiler,
            transpiler_options=transpiler_options,
            insert_barriers=insert_barriers,
        )
        self._transpile: Callable[[QuantumCircuit], QuantumCircuit] | None = None
        if transpiler is not None:
            options = {} if transpiler_options is None else dict(transpiler_options)
            self._transpile = lambda circuit: transpiler.run(circuit, **options)
        self._barriers = insert_barriers
        _check_formula(self.product_formula)

    def evolve(self, evolution_problem: TimeEvolutionProblem) -> TimeEvolutionResult:
        """The circuit after all steps, and auxiliary operators at the start and after each.

        Args:
            evolution_problem: Hamiltonian, time, start and auxiliary operators. Coefficients may depend on ``t_param``, which is the time
                of the end of each step, as there.

        Returns:
            A ``TimeEvolutionResult`` with ``evolved_state``, ``aux_ops_evaluated`` and ``observables``, one entry a time.

        Raises:
            ProblemError, MethodError: an argument does not fit, or cannot be honoured.
        """
        check_problem(evolution_problem, self.estimator)
        _check_formula(self.product_formula)
        require(evolution_problem.initial_state is not None, "initial_state", "be given", None)
        check_widths(evolution_problem.aux_operators, evolution_problem.initial_state.num_qubits)
        steps = [
            _step(evolution_problem, self.product_formula, self.num_timesteps, k) for k in range(self.num_timesteps)
        ]
        observables = self._observables(evolution_problem, steps)
        return TimeEvolutionResult(
            self._until(evolution_problem, steps, len(steps)), observables[-1] if observables else None, observables
        )

    def _observables(self, problem: TimeEvolutionProblem, steps: list[list[Rotation]]) -> list[Observed] | None:
        operators = problem.aux_operators
        if operators is None:
            return None
        threshold = problem.truncation_threshold
        if is_exact(self.estimator):
            start = QuantumCircuit(problem.initial_state.num_qubits)
            waves = _waves(problem.initial_state, steps)
            return [evaluated(self.estimator, wave, lambda: start, operators, threshold) for wave in waves]
        circuits = [self._until(problem, steps, k) for k in range(len(steps) + 1)]
        return [
            estimate_observables(self.estimator, one, laid_out(operators, one.layout), None, threshold)
            for one in circuits
        ]

    def _until(self, problem: TimeEvolutionProblem, steps: list[list[Rotation]], count: int) -> QuantumCircuit:
        """The circuit of the first steps."""
        start = problem.initial_state
        circuit = QuantumCircuit(start.num_qubits)
        circuit.compose(start, inplace=True)
        blocks = steps[:count] if self._barriers else [[turn for step in steps[:count] for turn in step]]
        if self._barriers:
            circuit.barrier()
        for block in blocks:
            circuit.compose(pauli_rotations(start.num_qubits, _merged(block)), inplace=True)
            if self._barriers:
                circuit.barrier()
        return circuit if self._transpile is None else self._transpile(circuit)


def _check_formula(formula: object) -> None:
    """Refuse what draws at random, and shapes of gates that the circuits here do not have."""
    name = "product_formula"
    require(isinstance(formula, ProductFormula), name, "be a ProductFormula of qiskit.synthesis", formula, MethodError)
    assert isinstance(formula, ProductFormula)
    if isinstance(formula, RandomProduct):
        raise MethodError(
            f"Argument `{name}` must not draw its terms, but is a QDrift: qml_dynamics.QDrift averages over many draws."
        )
    try:
        settings = formula.settings
    except NotImplementedError:  # what their property raises for a formula with an evolution of its own
        raise MethodError(f"Argument `{name}` must have atomic_evolution None, but has one of its own.") from None
    for setting, plain in _SHAPES.items():
        given = settings.get(setting, plain)
        require(given == plain, name, f"have {setting}={plain!r}", f"of {setting}={given!r}", MethodError)


def _step(problem: TimeEvolutionProblem, formula: ProductFormula, count: int, number: int) -> list[Rotation]:
    """The rotations of one step, in their order."""
    hamiltonian, dt = problem.hamiltonian, problem.time / count
    if not isinstance(hamiltonian, (Pauli, SparsePauliOp)):
        raise ProblemError(
            f"Argument `hamiltonian` must be a Pauli or a SparsePauliOp, but is {describe(hamiltonian)}."
        )
    operator = SparsePauliOp(hamiltonian)
    if problem.t_param is not None:
        free = list(operator.parameters)
        must = f"have t_param, {problem.t_param.name}, as its only parameter"
        require(free == [problem.t_param], "hamiltonian", must, f"of {[p.name for p in free]}")
        operator = operator.assign_parameters([(number + 1) * dt])
    require(not list(operator.parameters), "hamiltonian", "have no free parameter but t_param", operator)
    coefficients = np.asarray(operator.coeffs, dtype=complex)
    require(bool(np.isfinite(coefficients).all()), "hamiltonian", "have finite coefficients", coefficients)
    require(bool(np.all(np.abs(coefficients.imag) < 1e-12)), "hamiltonian", "be Hermitian", coefficients)
    width = problem.initial_state.num_qubits
    must = f"act on the {width} qubits of initial_state"
    require(operator.num_qubits == width, "hamiltonian", must, f"on {operator.num_qubits}")
    gate = PauliEvolutionGate(SparsePauliOp(operator.paulis, coefficients.real), dt, synthesis=formula)
    return [_rotation(*turn) for turn in formula.expand(gate)]


def _rotation(letters: str, qubits: list[int], angle: float) -> Rotation:
    """Masks and amount of a rotation ``exp(-i angle P / 2)``."""
    x = sum(1 << q for letter, q in zip(letters, qubits) if letter in "XY")
    z = sum(1 << q for letter, q in zip(letters, qubits) if letter in "ZY")
    return x, z, float(angle) / 2


def _merged(turns: list[Rotation]) -> list[Rotation]:
    """Neighbours about one string as one rotation."""
    out: list[Rotation] = []
    for x, z, amount in turns:
        if out and out[-1][:2] == (x, z):
            out[-1] = (x, z, out[-1][2] + amount)
        else:
            out.append((x, z, amount))
    return out


def _waves(start: QuantumCircuit, steps: list[list[Rotation]]) -> list[np.ndarray]:
    """The wave at the start and after each step."""
    wave = next(StatevectorBackend().states([start], lambda done, total: None))
    out = [wave]
    for step in steps:
        for x, z, amount in _merged(step):
            wave = rotated(wave, (x, z, 1.0), 2 * amount)
        out.append(wave)
    return out
