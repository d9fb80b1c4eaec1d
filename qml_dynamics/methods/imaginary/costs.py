"""What a run of imaginary time on circuits takes, before it is run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ...backends import Backend
from ...backends.dynamic import measures_midway
from ...model.pauli import PauliSum
from ...results.observables import pauli_groups
from ..base import Job
from ..from_samples import Planned, plan_batch
from .flows import pauli_terms
from .laws import lower_bound
from .options import QITE, ProbabilisticITE, Schrodingerised
from .qite import Step, domains, is_real
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
    from ...synthesis.probabilistic import probabilistic_blocks

    lowest = partial(lower_bound, job.problem, job.h)
    pieces = probabilistic_blocks(job.problem, job.h, job.method, [0.0, job.problem.duration], lowest)
    return int(pieces[0][0].num_qubits)


def _looks(job: Job) -> int:
    """Circuits that measure the expectation values of QITE: a round for each domain of each sweep."""
    terms = pauli_terms(job, 0.0)
    real = is_real(terms, job.problem.initial.vector(job.problem.domain))
    parts = domains(terms, job.method.domain_width)
    groups = []
    for part in parts:
        x, z = Step.of(part, job.problem.duration / job.method.steps).wanted(real)
        groups.append(len(pauli_groups(PauliSum(terms.num_qubits, x, z, np.ones(len(x))))))
    return int(job.method.steps) * (2 * sum(groups) - groups[-1]) if groups else 0
