"""`Problem`: weight space, loss, schedules, clock, initial wave and duration, without method, backend or shots."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypedDict, Unpack, cast

import numpy as np

from ..base.arguments import checks_arguments
from ..base.errors import ProblemError, describe, one_of, real, require
from ..base.printing import printed_briefly
from .circuit_state import CircuitState, SparseState
from .domains import Domain, Grid, Hypercube
from .initial import Initial, PointMass, State, Uniform
from .initial_inputs import InitialLike, as_initial
from .objectives.base import Objective
from .objectives.given import objective_of
from .operator_inputs import labels_of, wires_of
from .operator_sum import OperatorSum, ScheduledTerms, is_scheduled, read_scheduled
from .pauli import OperatorLike, PauliSum, pauli_sum, with_wires
from .schedules import Constant, Schedule, as_schedule, value_at

CLOCKS = ("real", "imaginary", "classical")


class Changes(TypedDict, total=False):
    """What :meth:`Problem.replace` changes: fields of a problem, given as they are given to it."""

    domain: Domain
    objective: Objective | None
    diffusion: Schedule
    strength: Schedule
    clock: str
    initial: InitialLike
    duration: float
    operator: PauliSum | OperatorSum | None
    wires: tuple[int | str, ...] | None


class StartCircuit(Protocol):
    """What starts from a state of its own, as an ansatz that is made of a circuit does."""

    def state(self) -> np.ndarray:
        """The amplitudes of its start, shape ``(2**n,)``."""
        ...


@printed_briefly
@dataclass(frozen=True)
class Problem:
    """``i psi_t = H psi`` (real clock) or ``psi_tau = -H psi`` (imaginary clock), ``H(t) = -D(t) L + s(t) zeta(w)``.

    On the classical clock, the limit of a vanishing Planck's constant, the density ``p = |psi|^2`` and the phase S of the initial
    wave obey Hamilton and Jacobi's equation ``S_t + D |grad S|^2 + s zeta = 0`` with ``p_t + div(2 D p grad S) = 0``: points move
    by ``w' = 2 D k``, ``k' = -s grad zeta`` from ``k = grad S``.

    With an operator H0 on qubits in place of the loss, ``H(t) = s(t) H0``, or ``H(t) = s(t) sum_k s_k(t) H_k`` with operators that
    have schedules of their own (see :meth:`from_operator`).

    Args:
        domain: a :class:`Grid` or a :class:`Hypercube`.
        objective: the loss zeta: an :class:`Objective`, a vectorised function of points ``(m, ndim)``, a function of one point
            ``(ndim,)`` (asked point by point), or an expression of SymPy, its symbols by name; None for an operator.
        diffusion: D, a number or a schedule; not negative; 0 for an operator.
        strength: s, a number or a schedule.
        clock: ``"real"``, ``"imaginary"`` or ``"classical"`` (grids without twist only).
        initial: the initial wave, or what :func:`~.initial_inputs.as_initial` reads as one: amplitudes, labels, a Qiskit circuit.
        duration: total time, positive.
        operator: a general operator H0, or a sum of operators with schedules, in place of the loss and the diffusion.
        wires: labels of the qubits, the first that of the highest, by which PennyLane's operators find them; None: 0, 1, ...

    Raises:
        ProblemError: an argument is of the wrong kind or out of its range.

    >>> from qml_dynamics import Grid
    >>> problem = Problem(Grid((-2, 2), 5), lambda w: w[:, 0] ** 2, 0.5, clock="real", duration=1.0)
    >>> problem.replace(clock="imaginary").clock
    'imaginary'
    """

    domain: Domain
    objective: Objective | None
    diffusion: Schedule
    strength: Schedule = field(default=Constant(1.0))
    clock: str = field(kw_only=True)
    initial: Initial = field(default=Uniform())
    duration: float = field(kw_only=True)
    operator: PauliSum | OperatorSum | None = field(default=None, kw_only=True)
    wires: tuple[int | str, ...] | None = field(default=None, kw_only=True)

    if TYPE_CHECKING:  # what callers may give; the fields hold what it was turned into

        def __init__(
            self,
            domain: Domain,
            objective: Objective | Callable[[np.ndarray], np.ndarray] | None,
            diffusion: Schedule | float,
            strength: Schedule | float = 1.0,
            initial: InitialLike = ...,
            *,
            clock: str,
            duration: float,
            operator: PauliSum | OperatorSum | None = None,
            wires: Sequence[int | str] | None = None,
        ) -> None: ...

    def __post_init__(self) -> None:
        require(isinstance(self.domain, (Grid, Hypercube)), "domain", "be a Grid or a Hypercube", self.domain)
        object.__setattr__(self, "diffusion", as_schedule(self.diffusion, "diffusion"))
        if self.operator is None:
            object.__setattr__(self, "objective", as_objective(self.objective))
        else:
            object.__setattr__(self, "operator", _as_operator(self.operator, self.wires))
            _stands_alone(self)
        object.__setattr__(self, "strength", as_schedule(self.strength, "strength"))
        one_of(self.clock, "clock", CLOCKS)
        if self.clock == "classical":
            _moves_classically(self.domain, self.operator)
        if self.wires is not None:
            require(self.operator is not None, "wires", "be None without an operator", self.wires)
            object.__setattr__(self, "wires", _as_wires(self.wires, self.domain.num_qubits))
        object.__setattr__(self, "initial", as_initial(self.initial, self.domain))
        if self.operator is not None:
            _starts_on(self.initial, self.domain)
        object.__setattr__(self, "duration", real(self.duration, "duration", positive=True))
        for t in (0.0, 0.5 * self.duration, self.duration):
            d = value_at(self.diffusion, "diffusion", t, self.duration)
            require(d >= 0, "diffusion", "not be negative", f"{d} at t = {t}")
            real(value_at(self.strength, "strength", t, self.duration), "strength")
            for k, (schedule, _) in enumerate(self.operator.parts if isinstance(self.operator, OperatorSum) else ()):
                real(value_at(schedule, f"schedule {k}", t, self.duration), f"schedule {k}")

    def replace(self, **changes: Unpack[Changes]) -> Problem:
        """The same problem with some of its fields changed."""
        known = [f.name for f in dataclasses.fields(self)]
        for name in changes:
            one_of(name, "replace", known)
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]

    def __getstate__(self) -> dict[str, object]:
        return {
            each.name: getattr(self, each.name) for each in dataclasses.fields(self)
        }  # without the table of the loss

    @classmethod
    @checks_arguments
    def from_operator(
        cls,
        operator: OperatorLike | OperatorSum | ScheduledTerms,
        *,
        clock: str,
        duration: float,
        initial: InitialLike | StartCircuit | None = None,
        wires: Sequence[int | str] | None = None,
        num_qubits: int | None = None,
        strength: Schedule | float = 1.0,
    ) -> Problem:
        """A problem whose Hamiltonian is ``s(t) H0`` with a given operator H0 on qubits; its domain is ``Hypercube(n)``.

        Its values at two times commute, so that the wave is ``exp(-i H0 int s dt) psi`` (imaginary clock: ``exp(-H0 int s dt) psi``),
        and ``expectations["energy"]`` is that of ``s(t) H0``.

        A list of pairs ``[(schedule, operator), ...]`` stands for ``H(t) = s(t) sum_k s_k(t) H_k``: annealing paths, drives, pulses
        and quenches. A number in place of a schedule is a constant.

        Args:
            operator: an operator of Qiskit or PennyLane, a matrix (dense or of SciPy), ``{label: coefficient}``, pairs of both,
                or the text of a sum as a library prints it: see :func:`~.pauli.pauli_sum`; or pairs of a schedule and one of these.
            clock: ``"real"`` or ``"imaginary"``.
            duration: total time.
            initial: an initial wave; amplitudes as an array, a ``Statevector``, a sparse vector or by label, ``{"01": 0.6, "10": 0.8}``;
                the label of a basis state, ``"0101"``, its first digit that of the highest qubit; a Qiskit circuit without free
                parameters; or an ansatz made of a circuit, in whose start state the problem starts. :class:`Uniform` when None.
            wires: labels of all qubits, the first that of the highest; a PennyLane operator acts on the wires that it names.
                None: those of the ansatz given as ``initial`` where it has some, else the operator's own in its own order,
                which is that of ``qml.matrix(operator)``. PennyLane operators that are observed later find their qubits by these.
            num_qubits: the width of the register; None: that of the operator, for words such as ``X0 Z2`` the largest index and
                one. Qubits that no term names carry the identity.
            strength: s, a number or a schedule of either sign.

        Raises:
            ProblemError: the operator is not Hermitian, acts on a wire that is not there, or an argument is wrong.

        >>> import pennylane as qml
        >>> problem = Problem.from_operator(qml.X("b") @ qml.Z("a"), clock="real", duration=1.0)
        >>> problem.wires, problem.operator.labels
        (('b', 'a'), ['XZ'])
        >>> from qml_dynamics import Linear
        >>> path = [(Linear(1, 0), {"XI": -1.0, "IX": -1.0}), (Linear(0, 1), {"ZZ": -1.0})]
        >>> Problem.from_operator(path, clock="real", duration=5.0).operator.labels
        ['IX', 'XI', 'ZZ']
        >>> Problem.from_operator("-0.5 [Z0 Z1] + 0.3 [X0]", num_qubits=3, clock="real", duration=1.0).operator.labels
        ['ZZI', 'XII']
        """
        if wires is None:
            wires = getattr(initial, "wires", None) or wires_of(operator)
        wires = None if wires is None else labels_of(wires, "wires")
        terms, wires = _read(operator, wires, num_qubits)
        if initial is None:
            initial = Uniform()
        elif hasattr(initial, "program"):
            initial = State(_state_on(cast(StartCircuit, initial), wires))
        return cls(
            Hypercube(terms.num_qubits),
            None,
            Constant(0.0),
            strength,
            clock=clock,
            duration=duration,
            initial=initial,
            operator=terms,
            wires=wires,
        )

    @property
    def reading(self) -> str:
        """How psi is read: ``"born"``, probability ``|psi|^2``, which is what a device samples."""
        return "born"


def _read(
    operator: object, wires: Sequence[int | str] | None, num_qubits: int | None
) -> tuple[PauliSum | OperatorSum, tuple[int | str, ...] | None]:
    """An operator, or pairs of schedules and operators, and the labels of its wires."""
    if isinstance(operator, OperatorSum):
        fits = num_qubits in (None, operator.num_qubits)
        require(fits, "num_qubits", f"be {operator.num_qubits}, the width of the operator", num_qubits)
        return operator, None if wires is None else tuple(wires)
    if is_scheduled(operator):
        return read_scheduled(cast(ScheduledTerms, operator), wires, num_qubits)
    return with_wires(cast(OperatorLike, operator), wires, num_qubits=num_qubits)


def _as_operator(given: object, wires: Sequence[int | str] | None) -> PauliSum | OperatorSum:
    """What stands in the field of a problem."""
    if isinstance(given, OperatorSum) or is_scheduled(given):
        return _read(given, wires, None)[0]
    return pauli_sum(cast(OperatorLike, given), wires)


def _as_wires(given: object, count: int) -> tuple[int | str, ...]:
    labels = labels_of(given, "wires")
    require(len(labels) == count, "wires", f"be {count} labels, one a qubit", list(labels))
    return labels


def _state_on(ansatz: StartCircuit, wires: Sequence[int | str] | None) -> np.ndarray:
    """The start state of an ansatz made of a circuit, its qubits in the order of these wires."""
    wave, own = np.asarray(ansatz.state()), getattr(ansatz, "wires", None)
    if wires is None or own is None or tuple(wires) == tuple(own):
        return wave
    require(set(wires) == set(own), "initial", f"have the wires {list(wires)}", list(own))
    return wave.reshape((2,) * len(own)).transpose([own.index(w) for w in wires]).reshape(-1)


def _stands_alone(problem: Problem) -> None:
    """An operator is the whole Hamiltonian but for its strength: no loss, no diffusion, and a register of its width."""
    assert problem.operator is not None
    require(problem.objective is None, "objective", "be None for an operator", problem.objective)
    still = isinstance(problem.diffusion, Constant) and problem.diffusion.value0 == 0
    require(still, "diffusion", "be 0 for an operator, whose Hamiltonian is strength times operator", problem.diffusion)
    width = problem.operator.num_qubits
    must = f"be Hypercube({width}) for this operator of {width} qubits"
    require(problem.domain == Hypercube(width), "domain", must, problem.domain)


def _starts_on(initial: Initial, domain: Domain) -> None:
    """Raise :class:`ProblemError` where a wave does not fit the register of an operator."""
    if isinstance(initial, PointMass):
        initial.index(domain)
    elif isinstance(initial, (CircuitState, SparseState)):
        initial.check(domain)
    elif not isinstance(initial, Uniform):  # which fits any register, however large
        initial.vector(domain)


def _moves_classically(domain: Domain, operator: PauliSum | OperatorSum | None) -> None:
    """Points with a momentum need axes to move along, and a flux shows only in a wave."""
    require(operator is None, "clock", "be real or imaginary for an operator", "classical")
    if not isinstance(domain, Grid):
        raise ProblemError(f"Argument `domain` must be a Grid on the classical clock, but is {describe(domain)}.")
    require(not any(domain.twist), "domain", "have no twist on the classical clock", domain)
    binary = domain.encoding == "binary"
    require(binary, "domain", "have the encoding 'binary' on the classical clock", domain.encoding)


def as_objective(given: object) -> Objective:
    """An objective, or a function of points as one; raises :class:`ProblemError` for anything else."""
    return objective_of(given, "objective", "be an Objective or a function of points")


def common_wires(problem: Problem, own: Sequence[int | str] | None) -> tuple[int | str, ...]:
    """The labels of a problem's qubits beside a circuit whose qubits are called ``own``: one map for operator and observables.

    The problem's; an operator without labels acts on 0, 1, ..., and so does a circuit that has these in any order; other labels of a
    circuit name the qubits by place.

    >>> problem = Problem.from_operator("Z0 + 0.2 X1", clock="real", duration=1.0)
    >>> common_wires(problem, (1, 0)), common_wires(problem, ("b", "a"))
    ((0, 1), ('b', 'a'))
    """
    count = tuple(range(problem.domain.num_qubits))
    if problem.wires is not None:
        return problem.wires
    if own is None or (problem.operator is not None and set(own) == set(count)):
        return count
    return tuple(own)


def still_operator(problem: Problem) -> PauliSum:
    """The operator of a problem, where it has no schedules of its own.

    Raises:
        ProblemError: it has some, so that no one operator is meant.
    """
    found = problem.operator
    if not isinstance(found, PauliSum):
        raise ProblemError(
            "Argument `problem` must have one operator without schedules of its own here, since no time is named at which it is meant, "
            "but has several; hamiltonian(problem).at(t) is that of a time."
        )
    return found


def at_time(problem: Problem, time: float | None) -> Problem:
    """The problem with its Hamiltonian held still at one time; None is time 0 unless terms have schedules of their own.

    Raises:
        ProblemError: the time is not within the duration, or is None where terms have schedules of their own, so that no one operator is
            meant.

    >>> from qml_dynamics import Linear
    >>> path = [(Linear(1, 0), {"XI": -1.0}), (Linear(0, 1), {"ZZ": -1.0})]
    >>> at_time(Problem.from_operator(path, clock="real", duration=4.0), 1.0).operator.coefficients.tolist()
    [-0.75, -0.25]
    """
    length, found = problem.duration, problem.operator
    if isinstance(found, OperatorSum):
        must = f"be given, between 0 and {length:g}, where terms have schedules of their own: the Hamiltonian is that at this time"
        require(time is not None, "time", must, time)
    t = 0.0 if time is None else real(time, "time")
    require(0 <= t <= length, "time", f"be between 0 and the duration, {length:g}", time)
    d, s = (real(value_at(getattr(problem, name), name, t, length), name) for name in ("diffusion", "strength"))
    operator = found.at(t, length) if isinstance(found, OperatorSum) else found
    return problem.replace(diffusion=Constant(d), strength=Constant(s), operator=operator)


def loss_table(problem: Problem) -> np.ndarray:
    """The loss on all points, shape ``domain.shape``, read-only: one table for all that is done with a problem, freed with it.

    >>> from qml_dynamics import Grid
    >>> bowl = Problem(Grid((-1, 1), 3), lambda w: w[:, 0] ** 2, 0.5, clock="real", duration=1.0)
    >>> loss_table(bowl) is loss_table(bowl.replace(clock="imaginary"))
    True

    Raises:
        ProblemError: the loss has no table (see :meth:`Objective.on`).
    """
    assert problem.objective is not None
    table = problem.objective.table(problem.domain)
    vars(problem)["_table"] = table
    return table


WAVES = ("real", "imaginary")


def need_waves(problem: Problem, name: str = "problem") -> Problem:
    """The problem, where its clock moves a wave; the classical clock moves points, of which these uses of the equation know nothing.

    Raises:
        ProblemError: the problem is on the classical clock.

    >>> from qml_dynamics import Grid
    >>> bowl = Problem(Grid((-1, 1), 3), lambda w: w[:, 0] ** 2, 0.5, clock="classical", duration=1.0)
    >>> need_waves(bowl)
    Traceback (most recent call last):
    qml_dynamics.base.errors.ProblemError: Argument `problem` must be on the real or imaginary clock, but is 'classical'.
    """
    require(problem.clock in WAVES, name, "be on the real or imaginary clock", problem.clock)
    return problem
