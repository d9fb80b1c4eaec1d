"""Running McLachlan's principle: on simulated waves by the exact engine, or with every step measured on a backend."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ...base.errors import MethodError, UnusedArgumentWarning
from ...results.journal import Entry
from ...results.trajectory import Trajectory
from ..base import Answer, Job, Sent, Work
from ..from_waves import Waves, report_waves, run_waves
from ..memory import of_circuits, of_waves
from .adaptive import POOLED
from .engine.compile import compile_program
from .engine.tangent import memory
from .evolve import Sample, bind
from .evolve import run as run_engine
from .measured.run import forecast, run_measured
from .options import Growth, Variational
from .standing import joined, unjoined
from .supply import Supply

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


def is_measured(job: Job) -> bool:
    """Whether steps are estimated from circuits: on a backend, with shots or where there are no amplitudes."""
    return job.backend is not None and (job.shots is not None or not job.can.exact)


def run_variational(job: Job, method: Variational) -> Answer:
    """The answer of a run."""
    if is_measured(job):
        return run_measured(job, method)
    if job.checkpoint is not None:
        raise MethodError("Argument `checkpoint` must be None for a run whose steps are not measured, but is given.")
    if job.backend is not None:
        text = f"Argument `backend` takes no part: without shots a variational run on {job.backend.name} is computed by NumPy."
        warnings.warn(text, UnusedArgumentWarning, stacklevel=4)
    return report_waves(job, run_waves(job, engine(method), method.steps, posts=True, resumes=True))


def engine(method: Variational) -> Any:
    """The exact engine; its record of every step becomes the diagnostics."""

    def waves(job: Job, saves: np.ndarray, out: Waves) -> Iterator[tuple[float, np.ndarray, float]]:
        """The variational waves at the times ``saves``: (time, wave, logarithm of the norm)."""
        record, wanted = out.diagnostics, set(job.saves.tolist())
        walk = run_engine(job.problem, job.h, method, saves.tolist(), job.progress, record, out.start, out.kept)
        if out.kept is not None:
            out.parameters.extend(unjoined(out.kept.arrays))
        for sample in walk:
            if sample.time in wanted:
                out.parameters.append(sample.theta)
            record["theta"] = sample.theta
            out.state = partial(_with_parameters, sample, out)
            yield sample.time, sample.state, sample.log_norm
        out.stop = str(record.get("stop", ""))

    return waves


def _with_parameters(sample: Sample, out: Waves) -> Entry | None:
    """The state of the engine and the angles at the saved times so far."""
    if sample.kept is None:
        return None
    return Entry(sample.kept.meta, {**sample.kept.arrays, **joined(out.parameters)})


def work_variational(job: Job, method: Variational) -> Work:
    """Counted by listing the circuits of a step; or the waves and tangents that are held."""
    if not is_measured(job):
        domain = job.problem.domain
        return Work(domain.num_qubits, _held(job, method))
    run = forecast(job, method)
    qubits, shots = run.longest.num_qubits, job.shots or 0
    held = of_circuits(job, qubits, run.longest.size())
    count, sent = sum(run.batches), tuple(map(Sent, run.batches))
    return Work(qubits, held, count, count * shots, (run.longest,), per_step=run.per_step, sent=sent)


_POINT = 60  # bytes a point of the velocity and what acts on it
_LANCZOS, _STRINGS = (
    500,
    150,
)  # bytes a point of the search for the lowest energy, and of the strings of operators beside it


def _held(job: Job, method: Variational) -> int:
    """Bytes of the wave and its tangents beside the search for the ground state; they are gone when the report is put together."""
    program, size = bind(job.problem, job.h, method), job.problem.domain.size
    general = job.problem.operator is not None
    searched = _LANCZOS if general or job.problem.clock == "imaginary" else 0
    engine = memory(program, compile_program(program)) / size
    grown = 0 if method.grow is None else POOLED * _candidates(job, method.grow)
    return of_waves(job, round(engine) + grown + _POINT + searched + (_STRINGS if general else 0))


def _candidates(job: Job, options: Growth) -> int:
    """How many strings the first pool has at the initial wave."""
    psi = job.problem.initial.vector(job.problem.domain).reshape(-1).astype(complex)
    real = job.problem.clock == "imaginary" and not np.any(np.abs(psi.imag) > 1e-12)
    return len(next(Supply(options, job.h, job.problem.domain.num_qubits).levels(psi, real)))


def bound_circuit(run: Trajectory) -> QuantumCircuit | None:
    """The circuit of a variational run with the angles of its end; None for other runs, and where the ansatz has grown."""
    if not isinstance(run.method, Variational) or run.parameters is None:
        return None
    circuit, angles = run.method.ansatz.circuit(run.problem), run.parameters[-1]
    return circuit.assign_parameters(angles) if circuit.num_parameters == len(angles) else None
