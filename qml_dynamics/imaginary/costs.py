"""What a run of imaginary time on circuits takes, before it is run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backends import Backend
from ..backends.dynamic import measures_midway
from ..imaginary_methods import QITE, ProbabilisticITE, Schrodingerised
from ..job import Job
from ..observe import pauli_groups
from ..pauli import PauliSum
from ..sampled import Planned, plan_batch
from .flows import pauli_terms
from .laws import lower_bound
from .qite import domains, is_real, wanted
from .run import circuits
from .selected import forecast

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


@dataclass(frozen=True, eq=False)
class Takes:
    """Qubits, circuits, the longest circuit, and the success probability at the end (None: every sample is kept)."""

    qubits: int
    circuits: int
    longest: QuantumCircuit
    success: float | None


def takes(job: Job, backend: Backend) -> Takes:
    """The cost of a job; a ProbabilisticITE counts one ancilla where the backend measures midway or gives amplitudes."""
    problem, h, method = job.problem, job.h, job.method
    success, qubits = None, 0
    if isinstance(method, (Schrodingerised, ProbabilisticITE)):
        plan = forecast(problem, h, method, job.saves.tolist())
        success = float(plan.success[-1])
        if plan.blocks and (backend.exact or measures_midway(backend)):
            qubits = _one_ancilla(job)
    made = circuits(job)
    batch = plan_batch(problem, h, [], Planned(made, {}))
    number = len(batch.circuits) + (_looks(job) if isinstance(method, QITE) else 0)
    longest = batch.circuits[-1]
    return Takes(qubits or longest.num_qubits, number, longest, success)


def _one_ancilla(job: Job) -> int:
    from ..synthesis.probabilistic import probabilistic_blocks

    lowest = partial(lower_bound, job.problem, job.h)
    pieces = probabilistic_blocks(job.problem, job.h, job.method, [0.0, job.problem.duration], lowest)
    return int(pieces[0][0].num_qubits)


def _looks(job: Job) -> int:
    """Circuits that measure the expectation values of QITE: two rounds a step."""
    terms = pauli_terms(job, 0.0)
    real = is_real(terms, job.problem.initial.vector(job.problem.domain))
    pairs = [wanted(part, real) for part in domains(terms, job.method.domain_width)] + [(terms.x, terms.z)]
    keys = np.unique(np.concatenate([np.stack(pair, axis=1) for pair in pairs]), axis=0)
    keys = keys[(keys[:, 0] | keys[:, 1]) > 0]
    groups = pauli_groups(PauliSum(terms.num_qubits, keys[:, 0], keys[:, 1], np.ones(len(keys))))
    return 2 * int(job.method.steps) * len(groups)


