"""Qiskit's V2 estimators one by one: what their noise is, what their error bars mean, and how they take a seed.

Measured with Qiskit 2.6 and Aer 0.18. ``StatevectorEstimator`` and Aer's add normal noise of the precision asked for to each
operator, whatever its size; the first reports an error of 0 all the same. ``BackendEstimatorV2`` samples each group of commuting
strings and reports ``sum |c_i| sigma_i / sqrt(N)``, which is right for a single string and too large for every sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...base.errors import BackendError
from ...model.pauli import PauliSum
from ...model.transforms import walsh_coefficients
from ...results.trajectory import Counts
from ..base import Expected
from ..mitigation.readout import as_counts, nearest_distribution

if TYPE_CHECKING:
    from qiskit.primitives import BaseEstimatorV2

    from .pubs import Pub

EXACT, SAMPLED, TOLD = "exact", "sampled", "told"
STATEVECTOR, AER, DEVICE = (
    "qiskit.primitives.statevector_estimator",
    "qiskit_aer.primitives.estimator_v2",
    "qiskit.primitives.backend_estimator_v2",
)
KINDS = {STATEVECTOR: EXACT, AER: EXACT, DEVICE: SAMPLED}


def kind_of(estimator: BaseEstimatorV2) -> str:
    """``"exact"``, ``"sampled"``, or ``"told"`` where an estimator's own error bars are all that is known."""
    kind = KINDS.get(type(estimator).__module__, TOLD)
    if kind == SAMPLED and not estimator.options.abelian_grouping:  # each string is then measured by itself
        return TOLD
    return kind


def needs_plain_gates(estimator: BaseEstimatorV2) -> bool:
    """Whether it is the runtime's, which is wrong in silence for some circuits with other gates (see ``plain``)."""
    return type(estimator).__module__.startswith("qiskit_ibm_runtime")


def precision(shots: int | None) -> float:
    """``1/sqrt(shots)``, rounded up by a hair, since estimators take ``ceil(1/precision^2)`` samples; 0 for exact values.

    >>> import math
    >>> [math.ceil(1 / precision(shots) ** 2) for shots in (1, 7, 1000, 4096, 10**6)]
    [1, 7, 1000, 4096, 1000000]
    """
    return 0.0 if shots is None else (1 + 1e-10) / float(np.sqrt(shots))


def answers(estimator: BaseEstimatorV2, kind: str, work: Sequence[Pub], shots: int | None, seeding: str) -> list[Any]:
    """The estimator's data of every pub: in one job, or one by one where each can be given its seed.

    Raises:
        BackendError: it answered another number of pubs.
    """
    if not work:
        return []
    if seeding == "none":
        results = list(estimator.run([(p.circuit, p.observables) for p in work], precision=precision(shots)).result())
    else:
        results = [_seeded(estimator, p, precision(shots)) for p in work]
    if len(results) != len(work):
        raise BackendError(f"The estimator answered {len(results)} of {len(work)} pubs.")
    return [part.data for part in results]


def _seeded(estimator: BaseEstimatorV2, pub: Pub, wanted: float) -> Any:
    """One pub with its own seed: with one seed for all, these estimators draw the same noise for each pub."""
    ask = [(pub.circuit, pub.observables)]
    home = type(estimator).__module__
    if home == STATEVECTOR:
        return type(estimator)(seed=pub.seed).run(ask, precision=wanted).result()[0]
    options, name = estimator.options, "run_options" if home == AER else "seed_simulator"
    before = getattr(options, name)
    setattr(options, name, {**before, "seed_simulator": pub.seed} if home == AER else pub.seed)
    try:
        return estimator.run(ask, precision=wanted).result()[0]
    finally:
        setattr(options, name, before)


MOST_QUBITS = 8  # 255 strings, all of them in one measurement basis


def strings(num_qubits: int) -> tuple[PauliSum, ...]:
    """Every string of Z but the identity, in the order of their masks.

    >>> [operator.labels[0] for operator in strings(2)]
    ['IZ', 'ZI', 'ZZ']
    """
    zero, one = np.zeros(1, dtype=np.int64), np.ones(1)
    return tuple(PauliSum(num_qubits, zero, np.array([mask]), one) for mask in range(1, 1 << num_qubits))


def outcomes_of(answer: Expected, shots: int) -> Counts:
    """Counts of the nearest distribution, for the number of samples that would have the same mean square error.

    ``N`` samples have the error ``p (1 - p) / N`` at each outcome, the strings ``sum_S e_S^2 / 4^n``; so ``N = 2^n (1 - sum p^2) / sum
    e_S^2``, and never more than the shots taken.

    >>> from qml_dynamics.backends.base import Expected
    >>> even = outcomes_of(Expected(np.array([0.0, 0.5, 0.0]), np.full(3, 0.1)), 100)
    >>> even.index.tolist(), even.shots
    ([0, 1, 2, 3], 92)
    """
    size = len(answer.value) + 1
    p = nearest_distribution(walsh_coefficients(np.concatenate([[1.0], answer.value])))
    noise, spread = float((answer.stderr**2).sum()), 1.0 - float((p**2).sum())
    worth = size * spread / noise if noise > 0 else float(shots)
    return as_counts(p, float(max(1, min(shots, round(worth)))))
