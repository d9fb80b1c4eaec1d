"""`"ibm:<device>"`, `"ibm:fake_<device>"`, `"ibm:aer"`: IBM's V2 sampler, on the cloud or in its local mode, by one code path.

Circuits are compiled and measured here, sent as one job, and read from the result; a job can be collected by any later
process with its id alone. In local mode a job is done when ``submit`` returns, and lives as long as the backend object.

A module of its own behind `opening`: what the backend does, whichever way it was opened.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
from qiskit import QuantumCircuit

from ...base.errors import BackendError, JobLost
from ...base.installed import version
from ...results.trajectory import Counts
from ..base import Asked, Capabilities, Expected, JobBackend, OnStep, Seeding, check_asked, check_circuits
from ..device.compile import Compiled, Managers, compile_all, compile_unmeasured, summary
from ..device.report import vendor_seconds
from ..estimator.estimates import TOLD, circuits_of, executed, pub, read_estimates
from ..failures import redacted, told
from ..mitigation.batch import Program, programs, read_result, reduced
from ..optional_verbs import VendorBatch
from ..options import DeviceOptions
from . import runtime
from .local_mode import estimated, sampled
from .waiting import waited

if TYPE_CHECKING:
    from qiskit_ibm_runtime import QiskitRuntimeService

MAX_EXECUTIONS = 10_000_000  # circuits times shots of one sampler job, the service's documented limit
_MAX_PROGRAMS = 300  # where a device names no limit
_STATUS = {
    "INITIALIZING": "queued",
    "QUEUED": "queued",
    "VALIDATING": "queued",
    "RUNNING": "running",
    "DONE": "done",
    "COMPLETED": "done",
    "ERROR": "failed",
    "FAILED": "failed",
    "CANCELLED": "cancelled",
}


@dataclass(frozen=True, eq=False)
class IBMBackend:
    """An IBM device or its local stand-in. Make one with ``qd.backend("ibm:...")``.

    Args:
        name: as in ``qd.backend(name)``.
        device: a Qiskit ``BackendV2``: of the service, a fake one, or an Aer simulator.
        options: see :class:`DeviceOptions`.
        local: whether circuits run in the local mode of the runtime package, on a simulation of the device.
        service: anything with ``job(id)``, ``jobs(job_tags=[...], limit=None)`` and ``backend(name)``, as
            ``QiskitRuntimeService`` has them; None in local mode.
        new_sampler: ``(mode, options, tag, seed) -> V2 sampler`` for the device, or for a batch of it; the runtime's own unless a
            service brings another.
        new_estimator: ``(mode, options, tag, seed, shots) -> V2 estimator``, likewise.
        new_batch: ``(device) -> Batch`` with ``session_id`` and ``close()``, likewise; None: every job is sent alone.
        batch: the batch that jobs are sent in; None: none.
    """

    name: str
    device: Any = field(repr=False)
    options: DeviceOptions = field(default_factory=DeviceOptions)
    local: bool = False
    service: Any = field(default=None, repr=False)
    new_sampler: Callable[..., Any] = runtime.sampler
    new_estimator: Callable[..., Any] = runtime.estimator
    new_batch: Callable[..., Any] | None = runtime.batch
    batch: Any = field(default=None, repr=False)
    _jobs: dict[str, tuple[str, list[Any]]] = field(default_factory=dict, repr=False)
    _managers: Managers = field(default_factory=dict, repr=False)
    _compiled: dict[str, Any] = field(default_factory=dict, repr=False)
    _ahead: dict[int, tuple[Any, Compiled]] = field(
        default_factory=dict, repr=False
    )  # by id, with the circuit that has it
    _last: list[Compiled] = field(default_factory=list, repr=False)

    exact: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not (self.options.device_noise or self.local):
            raise BackendError(f"Argument `device_noise` must be True on {self.name}: a device has its noise.")
        if self.local and self.options.max_seconds is not None:
            raise BackendError(
                f"Argument `max_seconds` must be None on {self.name}, which has no clock of a device to stop at, but is "
                f"{self.options.max_seconds}; `submit` has one that counts the seconds here."
            )

    @property
    def noisy(self) -> bool:
        """Whether outcomes carry noise other than that of shots."""
        return not (self.local and (runtime.is_simulator(self.device) or not self.options.device_noise))

    @property
    def seeding(self) -> Seeding:
        """``"circuit"`` in local mode: a circuit's seed alone decides its counts; ``"none"`` on a real device.

        With calibration circuits ``"batch"``: they belong to the whole call.
        """
        calibrated = self.options.readout_mitigation == "calibrated"
        return "none" if not self.local else "batch" if calibrated else "circuit"

    @cached_property
    def capabilities(self) -> Capabilities:
        """Jobs on the device, or on its simulation; what its options and its report allow."""
        return Capabilities(
            exact=self.exact,
            noisy=self.noisy,
            seeding=self.seeding,
            midway=self.measures_midway,
            estimates=self.estimates,
            jobs=True,
            local=self.local,
            mitigates=self.options.mitigates,
            on_device=True,
            seconds=True,
            reason=True,
            usage=True,
            vendor_batches=self.new_batch is not None and not self.local,
            max_circuits=self.max_circuits,
            max_executions=self.max_executions,
            most_qubits=self.options.widest(self.num_qubits),
            options=self.options,
            keywords=self.options.describe(),
        )

    @property
    def num_qubits(self) -> int:
        """Width of the device."""
        return int(self.device.num_qubits)

    @property
    def target(self) -> Any:
        """The device's report of its gates, errors and times."""
        return told(lambda: self.device.target, f"Asking {self.name} for its report")

    @property
    def max_circuits(self) -> int:
        """Most circuits in one job, after mitigation has multiplied them."""
        configuration = self.device.configuration() if callable(getattr(self.device, "configuration", None)) else None
        limit = int(getattr(configuration, "max_experiments", None) or _MAX_PROGRAMS)
        each, beside = self.options.programs
        return max(1, (limit - beside) // each)

    @property
    def max_executions(self) -> int:
        """Most circuits times shots of one job, before mitigation multiplies them."""
        return MAX_EXECUTIONS // self.options.programs[0]

    def states(self, pieces: Sequence[QuantumCircuit], on_step: OnStep) -> Iterator[np.ndarray]:
        """Never: a device gives samples."""
        raise BackendError(f"Argument `backend` must be a noiseless statevector for amplitudes, but is {self.name}.")

    def probabilities(self, circuits: Sequence[QuantumCircuit]) -> list[np.ndarray]:
        """Never: a device gives samples."""
        raise BackendError(f"Argument `shots` must be given: {self.name} gives samples only.")

    def compiled(self, circuits: Sequence[QuantumCircuit]) -> list[Compiled]:
        """The circuits in the device's gates, measured."""
        found = {id(c): self._ahead.pop(id(c))[1] for c in circuits if id(c) in self._ahead}
        rest = [c for c in circuits if id(c) not in found]
        made = compile_all(rest, self.device, self.options, self._managers, self.measures_midway)
        found.update({id(c): item for c, item in zip(rest, made)})
        return [found[id(c)] for c in circuits]

    def seconds(self, circuits: Sequence[QuantumCircuit] | Sequence[Asked], shots: int) -> float:
        """What one job with these circuits (or :class:`Asked` ones) is charged by IBM's formula; see ``vendor_seconds``.

        Compiled circuits are kept until they are submitted.
        """
        if isinstance(circuits[0], Asked):
            plain = [item.circuit for item in circuits]
            compiled = compile_unmeasured(plain, self.device, self.options, self._managers)
            return vendor_seconds(executed(compiled, circuits, self.options), shots, self.device)
        work = self.programs(circuits, shots, [0] * len(circuits))
        self._ahead.update({id(c): (c, made) for c, made in zip(circuits, self._last)})
        return vendor_seconds([program.circuit for program in work], shots, self.device)

    def programs(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Program]:
        """Everything that one job would run: compiled, folded and calibration circuits."""
        reported = runtime.readout_errors(self.device) if self.options.readout_mitigation == "reported" else {}
        compiled = self.compiled(circuits)
        self._last[:] = compiled
        self._compiled.update(summary(compiled))
        return programs(compiled, shots, seeds, self.options, reported)

    def submit(
        self, circuits: Sequence[QuantumCircuit] | Sequence[Asked], shots: int, seeds: Sequence[int], tag: str
    ) -> str:
        """Send one job and return its id at once (local mode: when it is done). Never repeated here: the caller knows the tag.

        Args:
            circuits: unmeasured ones (where ``measures_midway``, measured on the way), or :class:`Asked` ones for the estimator.

        Raises:
            BackendError: too many circuits or shots, a circuit too wide, or the vendor refused (``VendorError``, whose
                ``transient`` says whether trying again can help).
        """
        if not 1 <= len(circuits) <= self.max_circuits:
            raise BackendError(
                f"Argument `circuits` must be 1 to {self.max_circuits} a job on {self.name}, but are {len(circuits)}."
            )
        if isinstance(circuits[0], Asked):
            return self._submit_asked(circuits, shots, seeds, tag)
        circuits = check_circuits(circuits, shots, midway=self.measures_midway)
        work = self.programs(circuits, shots, seeds)
        self._check_executions(len(work), shots)
        if self.local:
            make = self.new_sampler
            return self._done(tag, sampled(work, self.device, self.options, shots, tag, make, self.name))
        pubs = [(p.circuit,) for p in work]
        run = lambda: self.new_sampler(self._mode, self.options, tag, None).run(pubs, shots=shots).job_id()  # noqa: E731
        return str(told(run, f"Submitting to {self.name}"))

    def _submit_asked(self, asked: Sequence[Asked], shots: int, seeds: Sequence[int], tag: str) -> str:
        """One job of the vendor's estimator."""
        check_asked(asked, shots)
        compiled = compile_unmeasured([item.circuit for item in asked], self.device, self.options, self._managers)
        self._compiled.update(summary(compiled))
        pubs = [pub(made, item) for made, item in zip(compiled, asked)]
        self._check_executions(circuits_of(asked, self.options), shots)
        if self.local:
            make = self.new_estimator
            return self._done(tag, estimated(pubs, seeds, self.device, self.options, shots, tag, make, self.name))
        run = lambda: self.new_estimator(self._mode, self.options, tag, None, shots).run(pubs).job_id()  # noqa: E731
        return str(told(run, f"Submitting to {self.name}"))

    @property
    def _mode(self) -> Any:
        """What the client's primitives are made for."""
        return self.device if self.batch is None else self.batch

    def open_batch(self) -> VendorBatch:
        """A batch of IBM's service, whose jobs run close together; each is for itself, and gives the same when it is sent alone.

        Raises:
            BackendError: there are none here, the plan has none, or the service is out of reach.
        """
        new = self.new_batch
        if new is None or self.local:
            raise BackendError(
                f"Argument `backend` must schedule jobs in batches, but {self.name} takes them one by one."
            )

        def opened() -> VendorBatch:
            """The client's batch, and a copy of this backend, of whatever class, that sends into it."""
            made, inside = new(self.device), copy.copy(self)
            object.__setattr__(inside, "batch", made)
            close = partial(told, made.close, f"Closing batch {made.session_id}")
            return VendorBatch(made.session_id, cast(JobBackend, inside), close)

        return told(opened, f"Opening a batch on {self.name}")

    def _done(self, tag: str, answers: list[Counts] | list[Expected]) -> str:
        job_id = f"local-{uuid.uuid4().hex}"
        self._jobs[job_id] = (tag, answers)
        return job_id

    def _check_executions(self, count: int, shots: int) -> None:
        configuration = self.device.configuration() if callable(getattr(self.device, "configuration", None)) else None
        most = getattr(configuration, "max_shots", None)
        if not self.local and most is not None and shots > most:
            raise BackendError(f"Argument `shots` must be at most {most} on {self.name}, but is {shots}.")
        if count * shots > MAX_EXECUTIONS:
            raise BackendError(
                f"Argument `shots` must keep a job of {count} circuits below {MAX_EXECUTIONS:,} executions, but is {shots}."
            )

    def status(self, job_id: str) -> str:
        """``"queued"``, ``"running"``, ``"done"``, ``"failed"``, ``"cancelled"`` or ``"lost"``."""
        if self.service is None:
            return "done" if job_id in self._jobs else "lost"
        try:
            state = told(lambda: self.service.job(job_id).status(), f"Asking for job {job_id}")
        except JobLost:
            return "lost"
        return _STATUS.get(str(getattr(state, "name", state)).upper(), "running")

    def collect(self, job_id: str) -> list[Any]:
        """The outcomes of a job that is done, one a circuit, mitigated if it was submitted so; or what its estimator says.

        Raises:
            JobLost: the vendor does not know it. BackendError: it failed, or was cancelled.
        """
        if self.service is None:
            if job_id not in self._jobs:
                raise JobLost(f"Job {job_id} ran in the local mode of another process, which keeps nothing.")
            return list(self._jobs[job_id][1])
        result = told(lambda: self.service.job(job_id).result(), f"Collecting job {job_id}")
        if result is None:
            raise BackendError(f"Collecting job {job_id} failed: its result is empty.")
        if any("evs" in part.data for part in result):
            return read_estimates(result, self.options)
        outcomes, roles = read_result(result)
        if self.options.mitigates and not all(roles):
            raise BackendError(
                f"Job {job_id} was not submitted with mitigation, but {self.name} is asked to mitigate it."
            )
        return reduced(outcomes, roles, self.options)

    def find(self, tag: str) -> list[str]:
        """Ids of the jobs under this tag, oldest first."""
        if self.service is None:
            return [job_id for job_id, (mark, _) in self._jobs.items() if mark == tag]
        found = told(lambda: list(self.service.jobs(limit=None, job_tags=[tag])), "Searching jobs by tag")
        ours = [job for job in found if tag in (getattr(job, "tags", None) or [tag])]
        return [str(job.job_id()) for job in reversed(ours)]

    def cancel(self, job_id: str) -> None:
        """Ask the vendor to cancel a job; one that has ended already is left as it is."""
        if self.service is None:
            return
        told(partial(_cancelled, self.service, job_id), f"Cancelling job {job_id}")

    def reason(self, job_id: str) -> str:
        """The vendor's words on a job that failed, without credentials; empty where there are none."""
        if self.service is None:
            return ""
        words = told(lambda: self.service.job(job_id).error_message(), f"Asking why job {job_id} failed")
        return redacted(str(words or ""))

    def usage(self, job_id: str) -> float | None:
        """Seconds that the vendor has charged for a job, or None where it does not say."""
        if self.service is None:
            return 0.0
        return told(lambda: float(self.service.job(job_id).usage()), f"Asking for the usage of job {job_id}")

    def sample(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """``shots`` outcomes of each circuit, waiting for as many jobs as that takes, which are sent together.

        For waits that outlive this process use ``qd.submit``. If the wait is broken off, the message names the jobs.
        """
        circuits = check_circuits(circuits, shots)
        return waited(self, circuits, shots, seeds)

    @property
    def measures_midway(self) -> bool:
        """Where the device has a reset; not with mitigation, which undoes distributions over the qubits alone, nor with
        twirling, which the client cannot carry through a reset."""
        able = {"measure", "reset"} <= set(self.target.operation_names)
        return able and not self.options.mitigates and not self.options.twirling

    def sample_midway(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """As :meth:`sample`, of circuits that measure and reset on the way; see ``MidwayBackend``."""
        circuits = check_circuits(circuits, shots, midway=self.measures_midway)
        return waited(self, circuits, shots, seeds)

    @property
    def estimates(self) -> bool:
        """With zero-noise extrapolation, operators go to the runtime's estimator, which has its own."""
        return self.options.zne is not None

    def estimate(self, asked: Sequence[Asked], shots: int, seeds: Sequence[int]) -> list[Expected]:
        """Operators by the runtime's estimator, waiting for its job; see ``EstimatingBackend``."""
        check_asked(asked, shots)
        most = max(circuits_of([item], self.options) for item in asked) // len(self.options.scales)
        return waited(self, asked, shots, seeds, most)

    def describe(self) -> dict[str, Any]:
        """Device, options, versions, what mitigation multiplies, and how the last circuits were compiled; never an account."""
        each, beside = self.options.programs
        return {
            "name": self.name,
            "device": str(self.device.name),
            "qubits": self.num_qubits,
            "mode": "local" if self.local else "cloud",
            "noise": "none" if not self.noisy else "simulated" if self.local else "device",
            **self.options.describe(),
            "zne_by": {"samples": "gate folding of this library", "operators": TOLD} if self.estimates else None,
            "programs_per_circuit": each,
            "programs_per_job": beside,
            "compiled": dict(self._compiled),
            "qiskit": version("qiskit"),
            "qiskit-ibm-runtime": version("qiskit-ibm-runtime"),
        }


def _cancelled(service: QiskitRuntimeService, job_id: str) -> None:
    try:
        service.job(job_id).cancel()
    except Exception as error:
        if type(error).__name__ != "RuntimeInvalidStateError":  # it has ended already
            raise
