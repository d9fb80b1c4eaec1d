"""The contract of a backend as protocols: states, probabilities, samples, estimates, jobs; no type of a vendor is needed.

Outcomes are integers over all qubits of the circuit, qubit 0 the least significant bit, whatever order the vendor uses and
wherever its compiler has put the qubits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from inspect import getattr_static
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, TypeAlias, Union, get_args, runtime_checkable

import numpy as np

from ..base.arguments import checks_arguments_but
from ..base.errors import BackendError, integer, one_of
from ..base.numeric import WHERE_READ
from ..base.printing import printed_briefly
from ..results.trajectory import Counts
from .options import DeviceOptions

if TYPE_CHECKING:
    from pennylane.devices import Device
    from qiskit import QuantumCircuit
    from qiskit.primitives import BaseEstimatorV2, BaseSamplerV2
    from qiskit.providers import BackendV2

    from ..model.pauli import PauliSum

OnStep = Callable[[int, int], None]
Seeding = Literal["circuit", "batch", "none"]


@runtime_checkable
class Backend(Protocol):
    """What evolves and samples circuits.

    Attributes:
        name: how it is called, as in ``qd.backend(name)``.
        exact: whether it can give amplitudes (a noiseless simulator).

    What else it can do it states in one object, an attribute ``capabilities`` (:class:`Capabilities`), or by attributes of
    these names, which are read with these defaults: ``noisy`` (False), whether outcomes carry noise other than that of shots;
    ``seeding`` (``"circuit"``), what the seeds decide: ``"circuit"``, the counts of a circuit for any batching; ``"batch"``,
    those of a whole call; ``"none"``, nothing, as on a device; and the others of :func:`capabilities`.
    """

    @property
    def name(self) -> str:
        """How it is called."""
        ...

    @property
    def exact(self) -> bool:
        """Whether it gives amplitudes."""
        ...

    def states(self, pieces: Sequence[QuantumCircuit], on_step: OnStep) -> Iterator[np.ndarray]:
        """The amplitudes after each of consecutive circuits, in one pass (exact backends only)."""
        ...

    def probabilities(self, circuits: Sequence[QuantumCircuit]) -> list[np.ndarray]:
        """Exact outcome probabilities, noise included; raises :class:`BackendError` where they cannot be known."""
        ...

    def sample(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """``shots`` outcomes of each circuit with all qubits measured; one seed a circuit."""
        ...

    def describe(self) -> dict[str, Any]:
        """Name, versions and options, for provenance; never a credential."""
        ...


# what `qml_dynamics.backend` takes: a name, a backend, or an object of Qiskit or PennyLane that one is made of; in quotes, so that
# neither library is imported for it
BackendLike: TypeAlias = Annotated[
    Union[Backend, str, "BackendV2", "BaseSamplerV2", "BaseEstimatorV2", "Device"],
    WHERE_READ,
]


@dataclass(frozen=True, eq=False)
class Asked:
    """Expectation values that a backend is asked for: operators at the end of an unmeasured circuit."""

    circuit: QuantumCircuit
    operators: tuple[PauliSum, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "circuit", without_idle_bits(self.circuit))

    @property
    def num_qubits(self) -> int:
        """Width of the circuit."""
        out: int = self.circuit.num_qubits
        return out


@dataclass(frozen=True, eq=False)
class Expected:
    """The answer to :class:`Asked`: a value and its standard error for each operator."""

    value: np.ndarray
    stderr: np.ndarray


@runtime_checkable
class EstimatingBackend(Backend, Protocol):
    """A backend whose vendor estimates operators itself, with error mitigation of its own.

    Attributes:
        estimates: whether it does, with the options that it was made with.
    """

    @property
    def estimates(self) -> bool:
        """Whether it does."""
        ...

    def estimate(self, asked: Sequence[Asked], shots: int, seeds: Sequence[int]) -> list[Expected]:
        """The operators of each circuit, from ``shots`` samples in each measurement basis and at each noise scale."""
        ...


@runtime_checkable
class JobBackend(Backend, Protocol):
    """A backend whose work is a job with an id that outlives this process (cloud devices and their local stand-ins)."""

    max_circuits: int

    def submit(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int], tag: str) -> str:
        """Send one job of at most ``max_circuits`` circuits, marked with ``tag``; returns the vendor's id at once.

        Where the backend also keeps :class:`MidwayBackend`, circuits may measure on the way; where it keeps
        :class:`EstimatingBackend`, all of them may be :class:`Asked`, and :meth:`collect` gives :class:`Expected`.
        """
        ...

    def status(self, job_id: str) -> str:
        """``"queued"``, ``"running"``, ``"done"``, ``"failed"``, ``"cancelled"`` or ``"lost"``."""
        ...

    def collect(self, job_id: str) -> list[Counts]:
        """The outcomes of a job that is done, one a circuit, in the order in which they were submitted."""
        ...

    def find(self, tag: str) -> list[str]:
        """Ids of the jobs that the vendor holds under this tag."""
        ...

    def cancel(self, job_id: str) -> None:
        """Ask the vendor to cancel a job."""
        ...


@printed_briefly
@dataclass(frozen=True)
class Capabilities:
    """What a backend can do: all that the library asks before it calls one of its verbs.

    Attributes:
        exact: it gives amplitudes: ``states`` answers.
        noisy: outcomes carry noise other than that of shots.
        seeding: what the seeds decide: ``"circuit"``, the counts of a circuit for any batching; ``"batch"``, those of a whole call;
            ``"none"``, nothing, as on a device: a circuit that may have run is never run again unasked.
        midway: ``sample_midway`` runs circuits that measure and reset qubits on the way.
        estimates: ``estimate`` answers: the vendor estimates operators itself.
        estimates_exactly: ``estimate`` takes ``shots=None`` too, for values without shot noise.
        estimates_losses: loss and kinetic part are to be asked of ``estimate`` too, beside the samples.
        jobs: it has the verbs of :class:`JobBackend`.
        local: its jobs end with this process (the local mode of a cloud's client), and cost no time on a device.
        mitigates: counts stand for fewer samples than were taken.
        on_device: it stands on a device: ``programs(circuits, shots, seeds)`` compiles for it, and it reports its errors.
        binds: it has ``probabilities_bound(circuit, values)`` and ``draws_exactly(num_qubits)``: one circuit at many parameter values.
        trains: it has ``trains(pieces)``: the waves after each of consecutive circuits as cores of shape ``(left, 2, right)``, that of
            qubit 0 first, where they are too wide for tables.
        vendor_batches: it has ``open_batch()``: its vendor schedules jobs together that are sent as one batch.
        branches: it has ``sample_branches(branches, shots, seeds)``: circuits that begin alike in one pass; False below a newer ``sample``.
        seconds, reason, usage, transient: it has the verb of that name: ``seconds(circuits, shots)``, what a job will be charged;
            ``reason(job_id)``, why it failed; ``usage(job_id)``, seconds charged; ``transient(error)``, whether an error may pass.
        max_circuits: most circuits in one job; None where there are no jobs.
        max_executions: most circuits times shots in one job; None: no limit.
        most_qubits: widest circuit; None: no limit but that of memory.
        options: how circuits are compiled and mitigated, where that can be said.
        keywords: of :func:`qml_dynamics.backend`, with which its name opens it again; plain data, or it has to be handed over.
        by_object: a person's own device object is behind it, of which the name says too little.
        two_qubit_error: probability with which a two-qubit gate depolarises its qubits, where that is all the noise; None: not known.
        overhead: bytes of each amplitude that a simulator here holds beside the waves that it hands over.
        entry: bytes of each entry of a density matrix, of which a simulator here holds 4^qubits up to ``density`` qubits.
        density: widest circuit of which it holds the density matrix; None: all; 0: it holds waves.
        placeholders: its answers stand for others that are still to come, and nothing is to be read from them: a run in a folder looks
            ahead at what will be asked.

    Raises:
        BackendError: a value is none of its kind.

    >>> Capabilities(exact=True).seeding
    'circuit'
    >>> Capabilities(exact=False, seeding="shots")
    Traceback (most recent call last):
    qml_dynamics.base.errors.BackendError: Argument `seeding` must be one of circuit, batch, none, but is 'shots'.
    """

    exact: bool
    noisy: bool = False
    seeding: Seeding = "circuit"
    midway: bool = False
    estimates: bool = False
    estimates_exactly: bool = False
    estimates_losses: bool = False
    jobs: bool = False
    local: bool = False
    mitigates: bool = False
    on_device: bool = False
    binds: bool = False
    seconds: bool = False
    reason: bool = False
    usage: bool = False
    transient: bool = False
    max_circuits: int | None = None
    max_executions: int | None = None
    most_qubits: int | None = None
    options: DeviceOptions | None = None
    keywords: Mapping[str, Any] = field(default_factory=dict)
    by_object: bool = False
    two_qubit_error: float | None = None
    overhead: int = 0
    entry: int = 0
    density: int | None = 0
    trains: bool = False
    branches: bool = False
    placeholders: bool = False
    vendor_batches: bool = False

    def held(self, qubits: int, engine: int) -> int:
        """Bytes that a circuit on so many qubits takes, where a wave takes ``engine`` an amplitude."""
        if self.density is None or qubits <= self.density:
            return self.entry << 2 * qubits
        return (engine + self.overhead) << qubits

    def room(self, shots: int) -> int | None:
        """Most circuits in one job with so many shots of each, beside the calibrations of the job; None: no limit.

        >>> Capabilities(exact=False, jobs=True, max_circuits=300, max_executions=10**7).room(50_000)
        200
        """
        if self.max_executions is None:
            return self.max_circuits
        each, beside = (1, 0) if self.options is None else self.options.programs
        most = max(1, self.max_executions // shots - -(-beside // each))
        return most if self.max_circuits is None else min(most, self.max_circuits)

    def __post_init__(self) -> None:
        one_of(self.seeding, "seeding", get_args(Seeding), BackendError)
        for name in _FLAGS:
            if not isinstance(getattr(self, name), bool):
                raise BackendError(f"Argument `{name}` must be True or False, but is {getattr(self, name)!r}.")
        for name in _LIMITS:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, integer(getattr(self, name), name, 1, _MOST, BackendError))
        if self.jobs and self.max_circuits is None:
            raise BackendError("Argument `max_circuits` must be given for a backend with jobs, but is None.")


_FLAGS = (
    *("exact", "noisy", "midway", "estimates", "estimates_exactly", "estimates_losses", "jobs", "local", "mitigates"),
    *("on_device", "binds", "seconds", "reason", "usage", "transient", "by_object", "trains", "placeholders"),
    *("vendor_batches", "branches"),
)
_LIMITS = ("max_circuits", "max_executions", "most_qubits")
_SAMPLING = ("sample_branches", "sample", "probabilities", "states", "compiled")
_SENDING = ("open_batch", "submit", "find")
_MOST = 10**18  # of any limit
ATTRIBUTES = {"midway": "measures_midway"}  # flags of the contract whose attribute has another name
VERBS: Mapping[str, tuple[str, ...]] = {  # that a flag promises
    "midway": ("sample_midway",),
    "estimates": ("estimate",),
    "jobs": ("submit", "status", "collect", "find", "cancel"),
    "on_device": ("programs",),
    "binds": ("probabilities_bound", "draws_exactly"),
    "vendor_batches": ("open_batch",),
    "branches": ("sample_branches",),
    **{name: (name,) for name in ("trains", "seconds", "reason", "usage", "transient")},
}
_BY_VERB = ("on_device", "binds", "seconds", "reason", "usage", "transient")  # where none are stated


@checks_arguments_but("backend")
def capabilities(backend: Backend) -> Capabilities:
    """What a backend can do: what it states, or what follows from its attributes. Nothing else reads them.

    Stated: an attribute or property ``capabilities`` of the object or its class. (One that only a ``__getattr__`` hands on from
    another backend counts for what the wrapper does not say itself by an attribute.) Without it: ``exact``, ``noisy``, ``seeding``,
    ``measures_midway``, ``estimates``, ``estimates_exactly``, ``estimates_losses``, ``local``, ``mitigates`` (else that of
    ``options``), ``max_circuits``, ``max_executions``, ``most_qubits``, each with the default of :class:`Capabilities`; jobs, a device,
    seconds and the like by the verbs that are there.

    Raises:
        BackendError: ``capabilities`` is something else, or an attribute is none of its kind.

    >>> from qml_dynamics import backend
    >>> found = capabilities(backend("statevector"))
    >>> found.exact, found.midway, found.seeding
    (True, False, 'circuit')
    """
    says = getattr_static(backend, "capabilities", None) is not None
    stated = getattr(backend, "capabilities") if says else _from_attributes(backend)  # noqa: B009 - no part of the protocol
    if not isinstance(stated, Capabilities):
        must = "Argument `backend` must state its capabilities as a Capabilities object"
        raise BackendError(f"{must}, but those of {backend.name} are {stated!r}.")
    along = stated.branches and _newest(backend, _SAMPLING)
    together = stated.vendor_batches and _newest(backend, _SENDING)
    same = (along, together) == (stated.branches, stated.vendor_batches)
    return stated if same else replace(stated, branches=along, vendor_batches=together)


def _newest(backend: Backend, verbs: Sequence[str]) -> bool:
    """Whether the first verb is no older than those that it stands for: it would pass by what a wrapper or a subclass makes of them."""
    homes = [getattr(backend, "__dict__", {}), *map(vars, type(backend).__mro__)]
    first, *others = (next((k for k, home in enumerate(homes) if name in home), len(homes)) for name in verbs)
    return first < len(homes) and first <= min(others)


def _from_attributes(backend: Backend) -> Capabilities:
    """The contract as attributes, each with its default."""
    handed_on = getattr(backend, "capabilities", None)
    known = handed_on if isinstance(handed_on, Capabilities) else Capabilities(exact=False)
    said: dict[str, Any] = {}
    for name in _FLAGS:
        said[name] = bool(getattr(backend, ATTRIBUTES.get(name, name), getattr(known, name)))
    for name in _BY_VERB:
        said[name] = all(hasattr(backend, verb) for verb in VERBS[name])
    said["jobs"] = isinstance(backend, JobBackend)
    for name in _LIMITS:
        said[name] = getattr(backend, name, getattr(known, name))
    options = getattr(backend, "options", known.options)
    said["options"] = options if isinstance(options, DeviceOptions) else None
    said["mitigates"] = bool(getattr(backend, "mitigates", getattr(options, "mitigates", known.mitigates)))
    describe = getattr(options, "describe", None)
    said["keywords"] = dict(known.keywords if describe is None else describe())
    return Capabilities(seeding=getattr(backend, "seeding", known.seeding), **said)


def check_width(num_qubits: int, limit: int, name: str) -> None:
    """Raise :class:`BackendError` when a circuit has more qubits than the backend."""
    if num_qubits > limit:
        raise BackendError(f"Argument `backend` must have at least {num_qubits} qubits, but {name} has {limit}.")


def check_asked(asked: Sequence[Asked], shots: int | None) -> None:
    """As :func:`check_circuits`, and every operator has to be as wide as its circuit."""
    check_circuits([item.circuit for item in asked], shots)
    for item in asked:
        for operator in item.operators:
            if operator.num_qubits != item.num_qubits:
                raise BackendError(
                    f"Argument `operators` must act on {item.num_qubits} qubits, but one acts on {operator.num_qubits}."
                )


def check_circuits(
    circuits: Sequence[QuantumCircuit], shots: int | None = None, midway: bool = False
) -> list[QuantumCircuit]:
    """The circuits without classical bits that nothing writes or reads.

    Raises :class:`BackendError` unless all are bound and unmeasured (with ``midway`` they may measure on the way), and the shots are
    a positive integer.
    """
    if shots is not None:
        integer(shots, "shots", 1, 10**9, BackendError)
    bare = [without_idle_bits(circuit) for circuit in circuits]
    for circuit in bare:
        if (circuit.num_clbits and not midway) or circuit.parameters:
            free = sorted(map(str, circuit.parameters))
            what = f"has the free parameters {free}" if free else f"has {circuit.num_clbits} classical bits in use"
            raise BackendError(f"Argument `circuits` must be bound and unmeasured, but one {what}.")
    return bare


def without_idle_bits(circuit: QuantumCircuit) -> QuantumCircuit:
    """The same gates without the classical bits, where none of them is used: a circuit that only has bits is not measured.

    >>> from qiskit import QuantumCircuit
    >>> without_idle_bits(QuantumCircuit(2, 2)).num_clbits
    0
    """
    if not circuit.num_clbits or any(step.clbits or step.name in _CLASSICAL for step in circuit.data):
        return circuit
    from qiskit import QuantumCircuit

    bare = QuantumCircuit(circuit.qubits, global_phase=circuit.global_phase, name=circuit.name)
    bare.add_register(*circuit.qregs)
    for step in circuit.data:
        bare.append(step)
    return bare


_CLASSICAL = ("store", "if_else", "while_loop", "for_loop", "switch_case", "box")
