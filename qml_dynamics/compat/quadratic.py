"""Quadratic programs of qiskit-optimization and models of docplex as costs of binary weights.

The cost is ``x^T Q x`` of :func:`qml_dynamics.objectives.qubo`, with the linear terms on the diagonal (``x_i^2 = x_i``) and the sign
turned where the program maximises; the constant is kept beside it. Constraints and integer variables are refused, or turned into penalties
and bits by qiskit-optimization's own converter where that is asked for. The packages come with the extra ``optimization``; a program
without conversion needs neither. Source of the reduction: Lucas, Front. Phys. 2, 5 (2014), arXiv:1302.5843.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from ..base.arguments import checks_arguments, checks_arguments_but
from ..base.errors import MethodError, ProblemError, describe, real, require
from ..base.numeric import as_numbers
from ..base.printing import printed_briefly
from ..model.domains import Hypercube
from ..model.objectives.base import Objective
from ..model.objectives.tables import qubo

if TYPE_CHECKING:
    from docplex.mp.model import Model

__all__ = ["BinaryProgram", "from_docplex", "from_quadratic_program"]

_INSTALL = 'This needs qiskit-optimization. Install it with: pip install "qml-dynamics[optimization]"'


class QuadraticProgram(Protocol):
    """``qiskit_optimization.QuadraticProgram``, as far as it is read."""

    @property
    def variables(self) -> Sequence[Any]:
        """Its variables, with a name and a kind each."""
        ...

    @property
    def objective(self) -> Any:
        """Sense, constant, linear and quadratic terms."""
        ...

    @property
    def linear_constraints(self) -> Sequence[Any]:
        """Linear constraints."""
        ...

    @property
    def quadratic_constraints(self) -> Sequence[Any]:
        """Quadratic constraints."""
        ...


@printed_briefly
@dataclass(frozen=True, eq=False)
class BinaryProgram:
    """A quadratic program on binary weights: what :class:`~qml_dynamics.Problem` takes, and the way back.

    Attributes:
        objective: the cost that is minimised, ``sign (value - constant)``.
        domain: the hypercube of its weights 0 and 1.
        names: of the weights, in their order.
        sign: 1, or -1 where the program maximises.
        constant: of the program's own objective.
    """

    objective: Objective
    domain: Hypercube
    names: tuple[str, ...]
    sign: int
    constant: float
    converter: Any = None

    @checks_arguments
    def value(self, weights: npt.ArrayLike) -> np.ndarray:
        """The program's own objective, constant and sense included, of weights ``(m, n)``; shape ``(m,)``.

        Of a converted program the penalties are in it.
        """
        return self.sign * self.objective(np.atleast_2d(as_numbers(weights))) + self.constant

    @checks_arguments
    def assignment(self, weights: npt.ArrayLike) -> dict[str, float]:
        """The value of each variable of the program, by name; integers of a converted program are put together from their bits.

        Args:
            weights: one point, shape ``(n,)``, such as ``trajectory.best.weights``.
        """
        point = as_numbers(weights)
        require(point.shape == (len(self.names),), "weights", f"have {len(self.names)} entries", weights)
        if self.converter is None:
            return dict(zip(self.names, point.tolist()))
        original, interpreted = self.converter
        return dict(zip(original, np.asarray(interpreted(point), dtype=float).tolist()))


@checks_arguments_but("program")
def from_quadratic_program(
    program: QuadraticProgram, *, convert: bool = False, penalty: float | None = None
) -> BinaryProgram:
    """The cost of a ``QuadraticProgram`` of qiskit-optimization, ``x^T Q x`` with ``x_i`` 0 or 1.

    Args:
        program: of binary variables without constraints (a QUBO), or any that their converter can turn into one.
        convert: turn constraints into penalties and integers into bits by their ``QuadraticProgramToQubo``.
        penalty: the factor of the penalties; None: theirs.

    Returns:
        A :class:`BinaryProgram`.

    Raises:
        ProblemError: constraints or variables that are not binary, named, without ``convert``; or what the converter cannot turn.
        MethodError: the converter is asked for and qiskit-optimization is not installed.

    >>> from qiskit_optimization import QuadraticProgram
    >>> program = QuadraticProgram()
    >>> _ = program.binary_var("a"), program.binary_var("b")
    >>> program.maximize(constant=1, linear={"a": 1, "b": 2}, quadratic={("a", "b"): -4})
    >>> read = from_quadratic_program(program)
    >>> read.objective(np.array([[0.0, 1.0], [1.0, 1.0]])), read.value([[0, 1], [1, 1]])
    (array([-2.,  1.]), array([3., 0.]))
    """
    for part in ("variables", "objective", "linear_constraints", "quadratic_constraints"):
        require(hasattr(program, part), "program", "be a QuadraticProgram of qiskit-optimization", program)
    require(penalty is None or convert, "penalty", "be None without convert", penalty)
    if convert:
        return _converted(program, None if penalty is None else real(penalty, "penalty", positive=True))
    for constraint in (*program.linear_constraints, *program.quadratic_constraints):
        raise ProblemError(
            f"Argument `program` must have no constraints, but has {describe(constraint.name)}: convert=True turns them into penalties."
        )
    return _read(program)


@checks_arguments_but("model")
def from_docplex(model: Model, *, convert: bool = False, penalty: float | None = None) -> BinaryProgram:
    """The cost of a model of docplex, by the translator of qiskit-optimization; see :func:`from_quadratic_program`.

    Args:
        model: a ``docplex.mp.model.Model``.
        convert, penalty: as in :func:`from_quadratic_program`.

    Raises:
        ProblemError: what cannot be translated, or as there.
        MethodError: qiskit-optimization is not installed.

    >>> from docplex.mp.model import Model
    >>> with np.printoptions():  # a model of docplex changes how all arrays are printed from then on
    ...     model = Model()
    >>> a, b = model.binary_var(name="a"), model.binary_var(name="b")
    >>> model.minimize(3 - a - 2 * b + 4 * a * b)
    >>> from_docplex(model).value([[0, 1], [1, 1]])
    array([1., 4.])
    """
    _, translated = _vendor()
    try:
        program: QuadraticProgram = translated(model)
    except Exception as error:  # theirs, and those of docplex for what is no model
        raise ProblemError(
            f"Argument `model` must be a model of docplex that qiskit-optimization can translate, but it says: {error}"
        ) from None
    return from_quadratic_program(program, convert=convert, penalty=penalty)


def _vendor() -> tuple[Any, Any]:
    """Converter and translator of qiskit-optimization."""
    try:
        from qiskit_optimization.converters import QuadraticProgramToQubo
        from qiskit_optimization.translators import from_docplex_mp
    except ImportError:
        raise MethodError(_INSTALL) from None
    return QuadraticProgramToQubo, from_docplex_mp


def _converted(program: QuadraticProgram, penalty: float | None) -> BinaryProgram:
    """By their converter, which keeps how its bits make the variables."""
    converter = _vendor()[0](penalty=penalty)
    try:
        turned = converter.convert(program)
    except Exception as error:  # theirs
        raise ProblemError(f"Argument `program` must be one that can be converted, but it says: {error}") from None
    names = tuple(variable.name for variable in program.variables)
    read = _read(turned, (names, converter.interpret))
    if turned.objective.sense == program.objective.sense:
        return read
    return replace(read, sign=-read.sign, constant=-read.constant)  # their converter minimises what was to be maximised


def _read(program: QuadraticProgram, converter: Any = None) -> BinaryProgram:
    variables, objective = program.variables, program.objective
    require(len(variables) > 0, "program", "have a variable", "of none")
    for variable in variables:
        kind = getattr(variable.vartype, "name", str(variable.vartype))
        if kind != "BINARY":
            raise ProblemError(
                f"Argument `program` must have binary variables, but {describe(variable.name)} is {kind.lower()}: convert=True turns "
                "integers into bits."
            )
    linear, quadratic = (np.asarray(part.to_array(), dtype=float) for part in (objective.linear, objective.quadratic))
    sign = -1 if getattr(objective.sense, "name", "") == "MAXIMIZE" else 1
    cost = qubo(sign * (quadratic + np.diag(linear)))
    names = tuple(variable.name for variable in variables)
    domain = Hypercube(len(names), values=(0, 1))
    return BinaryProgram(cost, domain, names, sign, float(objective.constant), converter)
