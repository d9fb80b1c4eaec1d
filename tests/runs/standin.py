"""A stand-in for a vendor's service: jobs on disk, the runtime client's own interface, execution on a noisy fake device.

It is used through the same backend class as the real service. Faults are planted as ``{verb: [fault, ...]}``, one a call: an
exception, a function of the answer, ``"accepted"`` (the job is taken, but the connection breaks before the answer), or None.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from qiskit import qpy
from qiskit.primitives import BackendSamplerV2
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qml_dynamics import backend as find_backend
from qml_dynamics.backends.ibm import runtime
from qml_dynamics.backends.options import device_options
from qml_dynamics.results.trajectory import atomic_file


class Device(FakeManilaV2):
    """A small fake device that takes two circuits a job."""

    def configuration(self) -> SimpleNamespace:
        return SimpleNamespace(max_experiments=2, max_shots=10_000)


@lru_cache(maxsize=1)
def device() -> Device:
    """The device, made once."""
    return Device()


@lru_cache(maxsize=1)
def simulator() -> AerSimulator:
    """Aer with its gate and readout errors (relaxation left out: it takes five times as long)."""
    model = NoiseModel.from_backend(device(), thermal_relaxation=False)
    return AerSimulator(method="density_matrix", noise_model=model, max_parallel_threads=1)


_RAN: dict[str, Any] = {}


class RuntimeJobNotFound(Exception):
    """Named as the runtime client names it."""


class RequestsApiError(Exception):
    """An HTTP error as the runtime client carries it."""

    def __init__(self, message: str, status_code: int) -> None:
        super().__init__(message)
        self.status_code = status_code


class Service:
    """``job``, ``jobs``, ``backend`` and ``new_sampler``, as ``QiskitRuntimeService`` and its samplers have them."""

    def __init__(self, folder: Path, token: str = "", faults: dict[str, list[Any]] | None = None) -> None:
        self.folder, self.token, self.faults = Path(folder), token, faults or {}
        self.folder.mkdir(parents=True, exist_ok=True)

    def backend(self, name: str) -> Any:
        return device()

    def job(self, job_id: str) -> Job:
        job = Job(self, job_id)
        if not job.path.is_file():
            raise RuntimeJobNotFound(f"Job not found: {job_id}")
        return self.answer("job", lambda: job)

    def jobs(self, limit: int | None = 10, job_tags: list[str] | None = None) -> list[Job]:
        every = [Job(self, path.stem) for path in self.folder.glob("*.json")]
        found = [job for job in every if set(job_tags or []) <= set(job.read()["tags"])]
        found.sort(key=lambda job: -job.read()["number"])
        return self.answer("jobs", lambda: found[:limit])

    def new_sampler(self, mode: Any, options: Any, tag: str, seed: int | None) -> Sampler:
        return Sampler(self, tag, mode if isinstance(mode, Batch) else None)

    def new_estimator(self, mode: Any, options: Any, tag: str, seed: int | None, shots: int) -> Estimator:
        return Estimator(self, options, tag, shots, mode if isinstance(mode, Batch) else None)

    def new_batch(self, device: Any) -> Batch:
        return self.answer("batch", lambda: Batch(self))

    def batches(self) -> dict[str, list[str]]:
        """The tags of the jobs of every batch that was ever opened."""
        out: dict[str, list[str]] = {path.stem: [] for path in self.folder.glob("*.batch")}
        for path in self.folder.glob("*.json"):
            data = Job(self, path.stem).read()
            if data.get("batch") is not None:  # services of kept folders of earlier versions have none
                out[data["batch"]] += data["tags"]
        return out

    def tags(self) -> list[str]:
        """The tag of every job that was ever accepted."""
        return sorted(tag for path in self.folder.glob("*.json") for tag in Job(self, path.stem).read()["tags"])

    def answer(self, verb: str, call: Callable[[], Any]) -> Any:
        """The answer of ``call``, unless a fault was planted for this call of ``verb``."""
        queue = self.faults.get(verb)
        fault = queue.pop(0) if queue else None
        if isinstance(fault, BaseException):
            raise fault
        out = call()
        if fault == "accepted":
            raise ConnectionResetError("connection reset by peer")
        return fault(out) if callable(fault) else out


class Batch:
    """Jobs that are scheduled together: open until it is closed, in a file of the service."""

    def __init__(self, service: Service) -> None:
        self.service, self.session_id = service, f"batch-{uuid.uuid4().hex[:12]}"
        self.path = service.folder / f"{self.session_id}.batch"
        self.path.write_text("open")

    def close(self) -> None:
        self.service.answer("close", lambda: self.path.write_text("closed"))

    def check_open(self) -> str:
        """Its id; what the service says where it takes no more jobs."""
        if self.path.read_text() != "open":
            raise RequestsApiError(f"Session {self.session_id} is closed.", 400)
        return self.session_id


class Sampler:
    """A V2 sampler whose ``run`` puts a job on disk."""

    def __init__(self, service: Service, tag: str, batch: Batch | None = None) -> None:
        self.service, self.tag, self.batch = service, tag, batch

    def run(self, pubs: list[Any], shots: int) -> Job:
        return self.service.answer("run", lambda: self._accept([pub[0] for pub in pubs], shots))

    def _accept(self, circuits: list[Any], shots: int) -> Job:
        job, batch = Job(self.service, uuid.uuid4().hex[:20]), self.batch and self.batch.check_open()
        with atomic_file(job.path.with_suffix(".qpy")) as handle:
            qpy.dump(circuits, handle)
        number = len(list(self.service.folder.glob("*.json")))
        job.write({"number": number, "tags": [self.tag], "shots": shots, "looks": 0, "state": None, "batch": batch})
        return job


class Estimator:
    """A V2 estimator whose ``run`` puts a job on disk; the job is the runtime's own estimator in its local mode."""

    def __init__(self, service: Service, options: Any, tag: str, shots: int, batch: Batch | None = None) -> None:
        self.service, self.options, self.tag, self.shots, self.batch = service, options, tag, shots, batch

    def run(self, pubs: list[Any]) -> Job:
        return self.service.answer("run", lambda: self._accept(pubs))

    def _accept(self, pubs: list[Any]) -> Job:
        job, batch = Job(self.service, uuid.uuid4().hex[:20]), self.batch and self.batch.check_open()
        with atomic_file(job.path.with_suffix(".qpy")) as handle:
            qpy.dump([circuit for circuit, _ in pubs], handle)
        asked = [[operator.to_list() for operator in operators] for _, operators in pubs]
        terms = [[[(label, c.real) for label, c in rows] for rows in operators] for operators in asked]
        number = len(list(self.service.folder.glob("*.json")))
        what = {"operators": terms, "options": self.options.describe(), "batch": batch}
        job.write({"number": number, "tags": [self.tag], "shots": self.shots, "looks": 0, "state": None, **what})
        return job


class Job:
    """A job on disk: queued at the first look, running at the second, done at the third, unless its state was set."""

    def __init__(self, service: Service, job_id: str) -> None:
        self.service, self.id = service, job_id
        self.path = service.folder / f"{job_id}.json"

    def read(self) -> dict[str, Any]:
        return json.loads(self.path.read_text())

    def write(self, data: dict[str, Any]) -> None:
        with atomic_file(self.path) as handle:
            handle.write(json.dumps(data).encode())

    def job_id(self) -> str:
        return self.id

    def status(self) -> str:
        data = self.read()
        if data["state"] is None and data["looks"] < 2:
            self.write({**data, "looks": data["looks"] + 1})
        return self.service.answer("status", lambda: data["state"] or ("QUEUED", "RUNNING", "DONE")[data["looks"]])

    def result(self) -> Any:
        return self.service.answer("result", self._execute)

    def cancel(self) -> None:
        self.service.answer("cancel", lambda: self.write({**self.read(), "state": "CANCELLED"}))

    def usage(self) -> float:
        return 1.25

    def _execute(self) -> list[Any]:
        with self.path.with_suffix(".qpy").open("rb") as handle:
            circuits = qpy.load(handle)
        data = self.read()
        if "operators" in data:
            return self._estimated(circuits, data)
        return [self._one(circuit) for circuit in circuits]

    def _estimated(self, circuits: list[Any], data: dict[str, Any]) -> Any:
        """All with one seed, whichever process asks."""
        pubs = [(c, [SparsePauliOp.from_list(o) for o in asked]) for c, asked in zip(circuits, data["operators"])]
        made = runtime.estimator(device(), device_options(data["options"]), None, 17, data["shots"])
        return made.run(pubs).result()

    def _one(self, circuit: Any) -> Any:
        """Seeded by what the circuit is, so that the same circuit has the same outcomes in every job, and runs only once."""
        gates = [(i.operation.name, i.operation.params, [q._index for q in i.qubits]) for i in circuit.data]
        shots = self.read()["shots"]
        key = repr((gates, shots, circuit.metadata))
        if key not in _RAN:
            seed = int(hashlib.sha256(repr(gates).encode()).hexdigest()[:8], 16)
            sampler = BackendSamplerV2(backend=simulator(), options={"seed_simulator": seed})
            _RAN[key] = sampler.run([(circuit,)], shots=shots).result()[0]
        return _RAN[key]


def cloud(folder: Path, token: str = "", faults: dict[str, list[Any]] | None = None, **options: Any) -> Any:
    """The stand-in service as a backend; two of one folder are two clients of one service."""
    service = Service(folder, token, faults)
    return find_backend("ibm:standin", service=service, optimization_level=1, fractional_gates=False, **options)


def set_state(backend: Any, job_id: str, state: str | None) -> None:
    """What the vendor does to a job: ``ERROR``, ``CANCELLED``; None removes it from the service's memory."""
    job = Job(backend.service, job_id)
    if state is None:
        os.replace(job.path, job.path.with_suffix(".gone"))
    else:
        job.write({**job.read(), "state": state})
