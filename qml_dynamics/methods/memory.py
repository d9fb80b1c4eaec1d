"""Peak memory of a run in bytes beyond the interpreter: the field ``memory`` of :class:`~.base.Work`.

A run of m saved times on N points has two peaks. While it propagates it holds what its engine needs and the waves saved so far (16
bytes a point each). While it reports it holds the saved waves twice (a list and an array), their densities and their squares: 48
bytes a point and time, beside the loss, the dual diagonal and the tables of the domain. The constants were measured as the growth
of the resident set at 2^15 to 2^21 points; the tests measure them again.
"""

from __future__ import annotations

import numpy as np

from ..backends import Capabilities
from ..model.domains import Grid, Hypercube
from ..model.hamiltonians import PauliHamiltonian
from ..model.masks import bit_count
from ..model.objectives.base import CHUNK
from ..model.pauli import PauliSum
from .base import Job

_SAVED = 48  # bytes a point and saved time, while the answer is put together
_REPORT = 62  # bytes a point beside them
_LINE = 48  # the axis, its momenta and its dual diagonal are as long as the domain where there is one axis only
_BITS = 24
_VALUES = 16  # bytes a point of a chunk in which the loss is asked, beside its coordinates
_STRINGS = 46  # of a general operator beside the diagonals of its groups of strings that flip the same bits
_GATE = 300  # bytes of a gate of a circuit, as in :mod:`qml_dynamics.synthesis.trotter`
_ENGINE = 64  # bytes an amplitude of a simulator that applies gate by gate
ANSWER = 31  # bytes a point and saved time of an answer that is kept while others are computed


def tables(job: Job) -> int:
    """Bytes a point of what the domain and a general operator keep."""
    domain = job.problem.domain
    own = _LINE if isinstance(domain, Grid) and domain.ndim == 1 else _BITS if isinstance(domain, Hypercube) else 0
    if not isinstance(job.h, PauliHamiltonian):
        return own
    return own + _STRINGS + sum(_diagonals(piece) for piece in job.h.pieces)


def _diagonals(terms: PauliSum) -> int:
    """Bytes a point of one diagonal for every set of bits that strings flip: real where ``c i^|x&z|`` are."""
    amounts = terms.coefficients * 1j ** (bit_count(terms.x & terms.z) % 4)
    turned = set(terms.x[np.abs(amounts.imag) > 0].tolist())
    return 8 * (len(set(terms.x.tolist())) + len(turned))


def of_loss(job: Job) -> int:
    """Bytes while the loss is asked: the points of one chunk and the copy that a person's function gets of them.

    Means over rows of data are handed on twice more.
    """
    objective, domain = job.problem.objective, job.problem.domain
    if objective is None:
        return 0
    copies = 2 if objective.rows is None else 4
    return min(domain.size, CHUNK) * (8 * copies * domain.ndim + _VALUES)


def of_waves(job: Job, engine: int, saved: int = _SAVED) -> int:
    """A classical method whose engine holds so many bytes a point.

    Args:
        job: what is run.
        engine: bytes a point while it propagates, without the tables.
        saved: bytes a point and time of the report; half where waves are kept in single precision.
    """
    size, saves, own = job.problem.domain.size, len(job.saves), tables(job)
    report = _REPORT + own + saved * saves
    return max(size * max(engine + own + saved * saves // 3, report), of_loss(job))


def of_circuits(job: Job, qubits: int, gates: int = 0, engine: int = _ENGINE) -> int:
    """A simulation of circuits, and the report; on a device as if simulated.

    Args:
        job: what is run.
        qubits: width of the circuits, ancillas included.
        gates: of the longest circuit.
        engine: bytes an amplitude while it applies gates.
    """
    can = Capabilities(exact=True) if job.backend is None else job.can
    report, gates = 16 * job.problem.domain.size * len(job.saves), _GATE * gates
    if (
        can.held(qubits, 0) != can.overhead << qubits
    ):  # a density matrix, which is gone before the report is put together
        return max(can.held(qubits, engine) + report, of_waves(job, 0)) + gates
    return max((engine << qubits) + report, of_waves(job, 0)) + (can.overhead << qubits) + gates


def of_answers(job: Job, count: int) -> int:
    """What answers take that are kept while others of the same run are computed: all but one of ``count``."""
    return ANSWER * job.problem.domain.size * len(job.saves) * max(0, count - 1)
