"""`"ibm:<device>"`, `"ibm:fake_<device>"`, `"ibm:aer"`: IBM's V2 sampler, on the cloud or in its local mode, by one code path.

Circuits are compiled and measured here, sent as one job, and read from the result; a job can be collected by any later
process with its id alone. In local mode a job is done when ``submit`` returns, and lives as long as the backend object.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from typing import Any, ClassVar

import numpy as np
from qiskit import QuantumCircuit

from ..errors import BackendError, JobLost
from ..trajectory import Counts
from . import runtime
from .base import OnStep, check_circuits
from .batch import Program, extra_circuits, programs, read_result, reduced
from .compile import Compiled, Managers, active_qubits, compile_all, summary
from .failures import failure, is_transient, redacted, vendor_error
from .options import DeviceOptions, device_options

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
_TRIES = 6
_LONGEST_PAUSE = 30.0


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
        new_sampler: ``(device, options, tag, seed) -> V2 sampler``; the runtime's own unless a service brings another.
    """

    name: str
    device: Any
    options: DeviceOptions = field(default_factory=DeviceOptions)
    local: bool = False
    service: Any = None
    new_sampler: Callable[..., Any] = runtime.sampler
    _jobs: dict[str, tuple[str, list[Counts]]] = field(default_factory=dict, repr=False)
    _managers: Managers = field(default_factory=dict, repr=False)
    _compiled: dict[str, Any] = field(default_factory=dict, repr=False)

    exact: ClassVar[bool] = False

    @property
    def noisy(self) -> bool:
        """Whether outcomes carry noise other than that of shots."""
        return not (self.local and runtime.is_simulator(self.device))

    @property
    def seeding(self) -> str:
        """``"circuit"`` in local mode: a circuit's seed alone decides its counts; ``"none"`` on a real device.

        With calibration circuits ``"batch"``: they belong to the whole call.
        """
        calibrated = self.options.readout_mitigation == "calibrated"
        return "none" if not self.local else "batch" if calibrated else "circuit"

    @property
    def num_qubits(self) -> int:
        """Width of the device."""
        return int(self.device.num_qubits)

    @property
    def target(self) -> Any:
        """The device's report of its gates, errors and times."""
        return self.device.target

    @property
    def max_circuits(self) -> int:
        """Most circuits in one job, after mitigation has multiplied them."""
        configuration = self.device.configuration() if callable(getattr(self.device, "configuration", None)) else None
        limit = int(getattr(configuration, "max_experiments", None) or _MAX_PROGRAMS)
        each, beside = extra_circuits(self.options)
        return max(1, (limit - beside) // each)

    @property
    def max_executions(self) -> int:
        """Most circuits times shots of one job, before mitigation multiplies them."""
        return MAX_EXECUTIONS // extra_circuits(self.options)[0]

    def states(self, pieces: Sequence[QuantumCircuit], on_step: OnStep) -> Iterator[np.ndarray]:
        """Never: a device gives samples."""
        raise BackendError(f"Argument `backend` must be a noiseless statevector for amplitudes, but is {self.name}.")

    def probabilities(self, circuits: Sequence[QuantumCircuit]) -> list[np.ndarray]:
        """Never: a device gives samples."""
        raise BackendError(f"Argument `shots` must be given: {self.name} gives samples only.")

    def compiled(self, circuits: Sequence[QuantumCircuit]) -> list[Compiled]:
        """The circuits in the device's gates, measured."""
        return compile_all(circuits, self.device, self.options, self._managers)

    def programs(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Program]:
        """Everything that one job would run: compiled, folded and calibration circuits."""
        reported = runtime.readout_errors(self.device) if self.options.readout_mitigation == "reported" else {}
        compiled = self.compiled(circuits)
        self._compiled.update(summary(compiled))
        return programs(compiled, shots, seeds, self.options, reported)

    def submit(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int], tag: str) -> str:
        """Send one job and return its id at once (local mode: when it is done). Never repeated here: the caller knows the tag.

        Raises:
            BackendError: too many circuits or shots, a circuit too wide, or the vendor refused (``VendorError``, whose
                ``transient`` says whether trying again can help).
        """
        check_circuits(circuits, shots)
        if not 1 <= len(circuits) <= self.max_circuits:
            raise BackendError(
                f"Argument `circuits` must be 1 to {self.max_circuits} a job on {self.name}, but are {len(circuits)}."
            )
        work = self.programs(circuits, shots, seeds)
        self._check_executions(len(work), shots)
        if self.local:
            return self._run_locally(work, shots, tag)
        try:
            job = self.new_sampler(self.device, self.options, tag, None).run([(p.circuit,) for p in work], shots=shots)
            return str(job.job_id())
        except Exception as error:
            raise vendor_error(error, f"Submitting to {self.name}") from None

    def _check_executions(self, count: int, shots: int) -> None:
        configuration = self.device.configuration() if callable(getattr(self.device, "configuration", None)) else None
        most = getattr(configuration, "max_shots", None)
        if not self.local and most is not None and shots > most:
            raise BackendError(f"Argument `shots` must be at most {most} on {self.name}, but is {shots}.")
        if count * shots > MAX_EXECUTIONS:
            raise BackendError(
                f"Argument `shots` must keep a job of {count} circuits below {MAX_EXECUTIONS:,} executions, but is {shots}."
            )

    def _run_locally(self, work: Sequence[Program], shots: int, tag: str) -> str:
        """One call a circuit: local mode takes one seed a call, and would draw all circuits with the same random numbers."""
        outcomes, roles = [], []
        where = self.device if not self.noisy else self._simulator(work)
        for program in work:
            try:
                made = self.new_sampler(where, self.options, tag, program.seed)
                result = made.run([(program.circuit,)], shots=shots).result()
            except Exception as error:
                raise vendor_error(error, f"Running on {self.name}") from None
            counts, role = read_result(result)
            outcomes += counts
            roles += role
        job_id = f"local-{uuid.uuid4().hex}"
        self._jobs[job_id] = (tag, reduced(outcomes, roles, self.options))
        return job_id

    def _simulator(self, work: Sequence[Program]) -> Any:
        used = frozenset(q for program in work for q in active_qubits(program.circuit))
        return runtime.noisy_simulator(self.device, used)

    def status(self, job_id: str) -> str:
        """``"queued"``, ``"running"``, ``"done"``, ``"failed"``, ``"cancelled"`` or ``"lost"``."""
        if self.service is None:
            return "done" if job_id in self._jobs else "lost"
        try:
            state = self.service.job(job_id).status()
        except Exception as error:
            if failure(error) == "lost":
                return "lost"
            raise vendor_error(error, f"Asking for job {job_id}") from None
        return _STATUS.get(str(getattr(state, "name", state)).upper(), "running")

    def collect(self, job_id: str) -> list[Counts]:
        """The outcomes of a job that is done, one a circuit, mitigated if it was submitted so.

        Raises:
            JobLost: the vendor does not know it. BackendError: it failed, or was cancelled.
        """
        if self.service is None:
            if job_id not in self._jobs:
                raise JobLost(f"Job {job_id} ran in the local mode of another process, which keeps nothing.")
            return list(self._jobs[job_id][1])
        try:
            result = self.service.job(job_id).result()
        except Exception as error:
            raise vendor_error(error, f"Collecting job {job_id}") from None
        if result is None:
            raise BackendError(f"Collecting job {job_id} failed: its result is empty.")
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
        try:
            return [str(job.job_id()) for job in reversed(list(self.service.jobs(limit=None, job_tags=[tag])))]
        except Exception as error:
            raise vendor_error(error, "Searching jobs by tag") from None

    def cancel(self, job_id: str) -> None:
        """Ask the vendor to cancel a job; one that has ended already is left as it is."""
        if self.service is None:
            return
        try:
            self.service.job(job_id).cancel()
        except Exception as error:
            if type(error).__name__ != "RuntimeInvalidStateError":
                raise vendor_error(error, f"Cancelling job {job_id}") from None

    def reason(self, job_id: str) -> str:
        """The vendor's words on a job that failed, without credentials; empty where there are none."""
        if self.service is None:
            return ""
        try:
            return redacted(str(self.service.job(job_id).error_message() or ""))
        except Exception as error:
            raise vendor_error(error, f"Asking why job {job_id} failed") from None

    def usage(self, job_id: str) -> float | None:
        """Seconds that the vendor has charged for a job, or None where it does not say."""
        if self.service is None:
            return 0.0
        try:
            return float(self.service.job(job_id).usage())
        except Exception as error:
            raise vendor_error(error, f"Asking for the usage of job {job_id}") from None

    def sample(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """``shots`` outcomes of each circuit, waiting for as many jobs as that takes.

        For waits that outlive this process use ``qd.submit``. If the wait is broken off, the message names the job.
        """
        out: list[Counts] = []
        for start in range(0, len(circuits), self.max_circuits):
            part = slice(start, start + self.max_circuits)
            job_id = self.submit(circuits[part], shots, seeds[part], f"qml-dynamics-{uuid.uuid4().hex[:12]}")
            state = self._wait(job_id)
            if state != "done":
                raise BackendError(f"Job {job_id} on {self.name} ended as {state!r}.")
            out += _patiently(partial(self.collect, job_id), job_id)
        return out

    def _wait(self, job_id: str) -> str:
        pause = 0.5
        while (state := _patiently(partial(self.status, job_id), job_id)) in ("queued", "running"):
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        return state

    def describe(self) -> dict[str, Any]:
        """Device, options, versions, what mitigation multiplies, and how the last circuits were compiled; never an account."""
        each, beside = extra_circuits(self.options)
        return {
            "name": self.name,
            "device": str(self.device.name),
            "qubits": self.num_qubits,
            "mode": "local" if self.local else "cloud",
            "noise": "none" if not self.noisy else "simulated" if self.local else "device",
            **self.options.describe(),
            "programs_per_circuit": each,
            "programs_per_job": beside,
            "compiled": dict(self._compiled),
            "qiskit": version("qiskit"),
            "qiskit-ibm-runtime": version("qiskit-ibm-runtime"),
        }


def _patiently(call: Callable[[], Any], job_id: str) -> Any:
    """Repeat a request that failed for a passing reason, with growing pauses; name the job if that does not help."""
    for attempt in range(_TRIES):
        try:
            return call()
        except BackendError as error:
            if not is_transient(error) or attempt == _TRIES - 1:
                raise BackendError(f"{error} (job {job_id} is still with the vendor)") from None
            time.sleep(min(2.0**attempt, _LONGEST_PAUSE))
    raise AssertionError("unreachable")


def ibm_backend(name: str, given: dict[str, Any]) -> IBMBackend:
    """``"ibm:<device>"`` with options: ``service=`` for one's own service object, and those of :class:`DeviceOptions`."""
    service, new_sampler = given.pop("service", None), given.pop("new_sampler", runtime.sampler)
    options = device_options(given)
    device = name.partition(":")[2]
    if service is not None:
        found = runtime.cloud_device(service, device, options.fractional_gates)
        return IBMBackend(name, found, options, False, service, getattr(service, "new_sampler", new_sampler))
    if device == "aer":
        if options.dynamical_decoupling:
            raise BackendError(f"Argument `dynamical_decoupling` must be False on {name}: its gates take no time.")
        return IBMBackend(name, runtime.ideal_simulator(), options, True, None, new_sampler)
    if device.startswith("fake"):
        return IBMBackend(name, runtime.fake_device(device), options, True, None, new_sampler)
    account = runtime.service()
    return IBMBackend(
        name, runtime.cloud_device(account, device, options.fractional_gates), options, False, account, new_sampler
    )


def from_device(device: Any, given: dict[str, Any]) -> IBMBackend:
    """A device object of the runtime package: of the service, or a fake one."""
    options, fake = device_options(given), runtime.is_fake_device(device)
    return IBMBackend(f"ibm:{device.name}", device, options, fake, None if fake else device.service)
