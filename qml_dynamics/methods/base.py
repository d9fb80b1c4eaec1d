"""The contract of a method: its facts, one call as a job, the answer, and the work of a run before it is run.

A method is a frozen dataclass of options with the members of :class:`Method`. ``evolve``, ``circuits``, ``cost``,
``error_budget``, ``submit``, files and the command line call these members and nothing else; what a method is decides nothing
outside this room. :func:`qml_dynamics.assert_valid_method` is the specification as a test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Protocol, cast, runtime_checkable

import numpy as np

from ..backends import Backend, Capabilities, capabilities
from ..base.errors import MethodError, describe, require
from ..base.estimate import Estimate
from ..base.progress import Progress
from ..model.domains import Grid
from ..model.hamiltonians import Hamiltonian
from ..model.problem import Problem
from ..results.compact import CompactState
from ..results.observables import Observable
from ..results.trajectory import Best, Counts
from .streams import Entropy as Entropy
from .streams import Stream as Stream
from .streams import circuit_seed as circuit_seed

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

Clock = Literal["real", "imaginary", "classical", "open"]
Space = Literal["periodic", "walls", "flux", "hypercube", "operator", "onehot"]
CLOCKS: tuple[Clock, ...] = ("real", "imaginary", "classical", "open")
SPACES: tuple[Space, ...] = ("periodic", "walls", "flux", "hypercube", "operator", "onehot")
GRIDS: frozenset[Space] = frozenset({"periodic", "walls", "flux"})
LOSSES: frozenset[Space] = GRIDS | {"hypercube"}
BINARY: frozenset[Space] = LOSSES | {"operator"}  # points are basis states of a register, numbered in binary
POINTS: frozenset[Space] = LOSSES | {"onehot"}  # what holds a loss on points
EVERYWHERE: frozenset[Space] = frozenset(SPACES)
WAVES: frozenset[Clock] = frozenset({"real", "imaginary"})
TABLE = 26  # qubits of an operator up to which an answer from samples has a table of its density


@dataclass(frozen=True)
class Facts:
    """What a method says of itself, for the options that it has.

    Attributes:
        clocks: on which it runs.
        spaces: weight spaces that it runs on: a periodic grid, one with walls, one with flux (a twist), a hypercube, the
            register of a general operator, or a grid whose axes are not numbered in binary (one-hot, with walls, rings or flux).
        runs_on: ``"classical"``: NumPy, a backend takes no part; ``"backend"``: circuits, on the exact ``"statevector"`` where
            none is named; ``"either"``: NumPy, or circuits where a backend is named.
        order: global order in its step; None where there is no step.
        order_of: what converges with that order: the wave, the density, or expectation values.
        circuits_known_ahead: whether its circuits can be listed before any of them has run: False where angles come from samples.
        checkpoints: whether ``evolve(checkpoint=...)`` resumes it.
        steps: equal steps that the duration is cut into; None where there are none, or several numbers of them.
        wires: labels of the qubits of a circuit that the method brings, highest first, by which observables may name them.
        signed: whether the density is a sum with signs, which sampling or a coarse step can make negative in places.
        both_ends: whether the density is conditioned on both ends, so that a run is not the evolution of the initial wave.
        register: whether ``without_encoding()`` leaves out a register of finite size, a part of its own in the error budget.
        compact_above: qubits above which the answer is a :class:`~qml_dynamics.results.compact.CompactTrajectory`, for which no table of
            the domain is made; None: never.
        wide: whether samples, or waves as trains where the backend has them, are answered without a table of an operator's domain too,
            above :data:`TABLE` qubits.
        callback: when a callback is called: in every run; where waves are known (``"waves"``: not on backends that only sample);
            where they are and no shots are asked for (``"exact"``); or never.
    """

    clocks: frozenset[Clock]
    spaces: frozenset[Space]
    runs_on: Literal["classical", "either", "backend"]
    order: float | None
    order_of: Literal["wave", "density", "expectation"] = "wave"
    circuits_known_ahead: bool = True
    checkpoints: bool = False
    steps: int | None = None
    wires: tuple[Any, ...] | None = None
    both_ends: bool = False
    register: bool = False
    signed: bool = False
    compact_above: int | None = None
    callback: Literal["always", "waves", "exact", "never"] = "waves"
    wide: bool = False

    def __post_init__(self) -> None:
        for name, known in _FACTS.items():
            given = getattr(self, name)
            fits = given in known if name in _WORDS else set(given) <= set(known) and not isinstance(given, str)
            require(fits, name, f"be {'one' if name in _WORDS else 'some'} of {', '.join(known)}", given, MethodError)
        require(self.order is None or self.order > 0, "order", "be a positive number or None", self.order, MethodError)


_WORDS: Mapping[str, tuple[str, ...]] = {
    "runs_on": ("classical", "either", "backend"),
    "order_of": ("wave", "density", "expectation"),
    "callback": ("always", "waves", "exact", "never"),
}
_FACTS: Mapping[str, tuple[str, ...]] = {"clocks": CLOCKS, "spaces": SPACES, **_WORDS}


@dataclass(frozen=True, eq=False)
class View:
    """What a callback sees: the time just reached and the wave there (None where a device knows of none)."""

    time: float
    state: np.ndarray | None
    log_norm: float


Callback = Callable[[int, View], Any]


@dataclass
class Drawn:
    """Whether anything of a run was drawn from its seed."""

    any: bool = False


@dataclass
class Job:
    """One call of ``evolve``, converted and checked.

    Attributes:
        problem, method, shots, callback, progress: as given.
        h: the Hamiltonian of the problem.
        backend: the backend that takes part, None for none.
        seeds: of the run; see :meth:`seed`.
        saves: saved times, ascending.
        observables: what is to be observed.
        branch: first entries of the keys of seeds, for one of many runs inside a call.
        checkpoint: where the state of the run is kept, or None.
        drawn: whether the seed took part; one for all branches of a call.
        seeded: whether the seed was given, so that a run with it draws the same.
        compact: whether there are more points than tables; then ``h`` holds no loss.
    """

    problem: Problem
    method: Method
    h: Hamiltonian
    backend: Backend | None
    shots: int | None
    seeds: np.random.SeedSequence
    saves: np.ndarray
    observables: list[Observable]
    callback: Callback | None
    progress: Progress
    branch: tuple[int, ...] = ()
    checkpoint: Any = None
    drawn: Drawn = field(default_factory=Drawn)
    seeded: bool = False
    compact: bool = False

    @property
    def entropy(self) -> Any:
        """The seed of the run, for what is drawn from it."""
        self.drawn.any = True
        return self.seeds.entropy

    def seed(self, *key: int) -> int:
        """A seed for one circuit: it depends on the run's seed and on what the circuit is, never on batching."""
        return circuit_seed(self.entropy, *self.branch, *key)

    @property
    def device(self) -> Backend:
        """The backend of a method that has one; raises :class:`MethodError` where there is none."""
        if self.backend is None:
            raise MethodError("Argument `backend` must be given for this method, but is None.")
        return self.backend

    @property
    def can(self) -> Capabilities:
        """What that backend can do."""
        return capabilities(self.device)


@dataclass(frozen=True, eq=False)
class Answer:
    """What a method answers: everything of a :class:`Trajectory` but the problem, the method and the provenance.

    Attributes:
        times, density, states, log_norm, expectations, counts, best, stop, parameters, diagnostics: as in
            :class:`qml_dynamics.Trajectory`.
        compact: the waves where they are no tables; then ``states`` is None and ``density`` has no points.
    """

    times: np.ndarray
    density: np.ndarray
    states: np.ndarray | None
    log_norm: np.ndarray
    expectations: Mapping[str, Estimate]
    counts: Mapping[str, tuple[Counts, ...]] | None
    best: Best | None
    stop: str
    diagnostics: Mapping[str, Any] = field(default_factory=dict)
    parameters: np.ndarray | None = None
    compact: tuple[CompactState, ...] | None = None


@dataclass(frozen=True)
class Gates:
    """Gates of a circuit in cx, rz, sx and x: all, those on two qubits, and the depth."""

    gates: int
    two_qubit_gates: int
    depth: int


class Sent(NamedTuple):
    """One batch of circuits that a run sends.

    Attributes:
        circuits: how many.
        bases: in how many bases the vendor's estimator measures each of them; 0: they are sampled.
    """

    circuits: int
    bases: int = 0


@dataclass(frozen=True, eq=False)
class Work:
    """What a run takes, before it is run.

    Attributes:
        qubits: width of the circuits, ancillas included; without circuits, of the register that is simulated.
        memory: bytes that a simulation or the reference takes.
        circuits: how many circuits are sent in all.
        shots: samples in all.
        programs: unmeasured circuits as long as any that is sent; the last is the longest.
        gates: of the longest circuit, where they are added up by other means than counting those of the last program.
        transforms: FFTs (sine, Walsh-Hadamard transforms) of a classical method.
        bound: whether the numbers are upper bounds.
        success: share of the samples that is kept at the end; None: all of them.
        per_step: circuits a step, where a step waits for those of the last one.
        samples: shots of each circuit that is sent, for the plan of a device; None: those of the call.
        sent: the batches in which the circuits are sent one after the other, each a job of its own; empty: all at once.
        asks: values and gradients that the run asks a person's loss for, beside those of its table; None: it shows on the way.
    """

    qubits: int
    memory: int
    circuits: int = 0
    shots: int = 0
    programs: tuple[QuantumCircuit, ...] = ()
    gates: Gates | None = None
    transforms: int = 0
    bound: bool = False
    success: float | None = None
    per_step: int | None = None
    samples: int | None = None
    sent: tuple[Sent, ...] = ()
    asks: int | None = 0


@runtime_checkable
class Method(Protocol):
    """What runs a problem. Options are fields of a frozen dataclass; they are checked when it is made."""

    name: ClassVar[str]  # in files, on the command line, in messages

    def facts(self) -> Facts:
        """What it says of itself, with these options."""
        ...

    def check(self, problem: Problem, backend: Backend | None) -> None:
        """Raise :class:`MethodError` in one sentence where it cannot run; before anything is allocated."""
        ...

    def run(self, job: Job) -> Answer:
        """Run: exact or sampled, as the backend and the shots of the job decide."""
        ...

    def circuits(self, job: Job) -> list[QuantumCircuit]:
        """The unmeasured circuits of a run, those of the first saved time first; refused where they are not known ahead."""
        ...

    def work(self, job: Job) -> Work:
        """What a run takes."""
        ...

    def refined(self) -> Method:
        """The same with a step half as long (or a tolerance sixteen times as tight)."""
        ...

    def without_encoding(self) -> Method:
        """The same without truncation or register error, classical where a classical method takes the same steps."""
        ...


class Usual:
    """What most methods say where a member has nothing of its own: a check by the facts alone, no circuits to list, no encoding."""

    def check(self, problem: Problem, backend: Backend | None) -> None:
        """Refuse problems that the facts exclude: other clocks, other weight spaces."""
        check_facts(cast(Method, self), problem)

    def circuits(self, job: Job) -> list[QuantumCircuit]:
        """None that are known ahead."""
        raise no_circuits(cast(Method, self))

    def without_encoding(self) -> Method:
        """Itself."""
        return cast(Method, self)


def space_of(problem: Problem) -> Space:
    """The weight space of a problem.

    >>> from qml_dynamics import Grid, Problem
    >>> space_of(Problem(Grid((-1, 1), 3, boundary="walls"), lambda w: w[:, 0], 1.0, clock="real", duration=1.0))
    'walls'
    """
    if problem.operator is not None:
        return "operator"
    if not isinstance(problem.domain, Grid):
        return "hypercube"
    if problem.domain.encoding != "binary":
        return "onehot"
    if any(problem.domain.twist):
        return "flux"
    return "walls" if problem.domain.boundary == "walls" else "periodic"


SPACE_WORDS: Mapping[Space, str] = {
    "periodic": "a periodic grid",
    "walls": "a grid with walls",
    "flux": "a grid with flux",
    "hypercube": "a hypercube",
    "operator": "a general operator",
    "onehot": "a one-hot grid",
}


def check_facts(method: Method, problem: Problem) -> None:
    """Raise :class:`MethodError` where the facts of a method exclude the clock or the weight space of a problem.

    >>> from qml_dynamics import Grid, Problem, Trotter
    >>> check_facts(Trotter(4), Problem(Grid((-1, 1), 3), lambda w: w[:, 0], 1.0, clock="imaginary", duration=1.0))
    Traceback (most recent call last):
    qml_dynamics.base.errors.MethodError: Argument `method` must run on the imaginary clock, but is Trotter, which runs on the \
real clock.
    """
    facts, who = method.facts(), type(method).__name__
    if problem.clock not in facts.clocks:
        own = " and ".join(clock for clock in CLOCKS if clock in facts.clocks)
        raise MethodError(
            f"Argument `method` must run on the {problem.clock} clock, but is {who}, which runs on the {own} clock."
        )
    space = space_of(problem)
    if space not in facts.spaces:
        own = ", ".join(SPACE_WORDS[s] for s in SPACES if s in facts.spaces)
        raise MethodError(f"Argument `method` must run on {SPACE_WORDS[space]}, but is {who}, which runs on {own}.")


def check_method(given: object) -> Method:
    """The method; :class:`MethodError` for what is none, a class of methods among it."""
    if isinstance(given, type) or not isinstance(given, Method):
        raise MethodError(f"Argument `method` must be a method such as SplitStep(steps=400), but is {describe(given)}.")
    return given


def facts_of(given: object) -> Facts | None:
    """The facts of a method; None for what is none, such as the text that a stored run keeps of a person's own.

    >>> from qml_dynamics import Trotter
    >>> facts_of(Trotter(4)).steps, facts_of("Mine(steps=4)")
    (4, None)
    """
    return given.facts() if isinstance(given, Method) and not isinstance(given, type) else None


def no_circuits(method: Method) -> MethodError:
    """What a method says that has no circuits to list."""
    return MethodError(f"Argument `method` must be one that runs as circuits, but is {describe(method)}.")
