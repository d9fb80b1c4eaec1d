"""Ancillas of imaginary time on circuits, and the measurements that QITE takes beside the circuits of its answer."""

from __future__ import annotations

from functools import partial

import numpy as np

from ... import synthesis
from ...model.formulas import boundaries
from ...model.pauli import PauliSum
from ...results.observables import pauli_groups
from ..base import Job
from .flows import pauli_terms
from .laws import lower_bound
from .options import QITE, ProbabilisticITE, Schrodingerised
from .qite import Step, domains, is_real
from .selected import blocks_of


def one_ancilla(job: Job, method: Schrodingerised | ProbabilisticITE) -> int:
    """Qubits of a block of ProbabilisticITE, whose ancilla is used again."""
    assert isinstance(method, ProbabilisticITE)
    lowest = partial(lower_bound, job.problem, job.h)
    pieces = synthesis.probabilistic.probabilistic_blocks(
        job.problem, job.h, blocks_of(method), [0.0, job.problem.duration], lowest
    )
    return int(pieces[0][0].num_qubits)


def looks(job: Job, method: QITE) -> int:
    """Circuits that measure the expectation values of QITE: a round for each domain of each sweep; a saved time cuts its step."""
    terms = pauli_terms(job, 0.0)
    real = is_real(terms, job.problem.initial.vector(job.problem.domain))
    groups = []
    for part in domains(terms, method.domain_width):
        x, z = Step.of(part, job.problem.duration / method.steps).wanted(real)
        groups.append(len(pauli_groups(PauliSum(terms.num_qubits, x, z, np.ones(len(x))))))
    ends = boundaries(job.problem.duration, method.steps, job.saves)
    steps = int((ends[1:] <= job.saves[-1] + 1e-12).sum())
    return steps * (2 * sum(groups) - groups[-1]) if groups else 0
