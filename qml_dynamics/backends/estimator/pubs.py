"""Pubs (circuits with operators) for V2 estimators, and means with standard errors from their results.

Constants never leave the library. An estimator that samples is asked for the square of each sum as well, measured in the same
basis by the same shots: ``(<G^2> - <G>^2) / (N - 1)`` is the variance of its mean with all correlations, as from samples.

A module of its own beside `backend`: it knows the shape of requests and results, and no device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from ...base.errors import BackendError
from ...model.masks import as_masks
from ...model.pauli import PauliSum
from ...model.transforms import walsh_coefficients
from ...results.observables import PauliGroup, pauli_groups
from ..base import Asked, Expected
from ..device.compile import Compiled
from .kinds import EXACT, TOLD, precision

if TYPE_CHECKING:
    from qiskit.primitives import DataBin

_MOST_TERMS = 4096  # of a square; a larger sum keeps the error that the estimator tells
_OUTER = 1024  # terms up to which a square is multiplied out


@dataclass(frozen=True, eq=False)
class Row:
    """One observable of a pub: an operator, or a group's part of it; ``square``: of the part before it, but for a constant."""

    operator: int
    square: bool = False
    constant: float = 0.0


@dataclass(frozen=True, eq=False)
class Pub:
    """A compiled circuit of the ``number``-th question, and observables on its qubits, one a row."""

    number: int
    circuit: QuantumCircuit
    observables: list[SparsePauliOp]
    rows: list[Row]
    seed: int


def pubs_of(number: int, asked: Asked, made: Compiled, seed: int, squares: bool) -> list[Pub]:
    """One pub with all operators, or with ``squares`` one a measurement basis."""
    free = [_without_constant(operator) for operator in asked.operators]
    if not squares:
        rows = [Row(k) for k, operator in enumerate(free) if len(operator.coefficients)]
        return [_pub(number, made, [free[row.operator] for row in rows], rows, _seed(seed, 0))] if rows else []
    out = []
    for g, group in enumerate(pauli_groups(_union(free)) if any(len(o.coefficients) for o in free) else []):
        sums: list[PauliSum] = []
        rows = []
        for k, operator in enumerate(free):
            part = _part(operator, group)
            if not len(part.coefficients):
                continue
            sums.append(part)
            rows.append(Row(k))
            square, constant = squared(part, group)
            if len(square.coefficients) <= _MOST_TERMS:
                sums += [square] if len(square.coefficients) else []
                rows += [Row(k, True, constant)] if len(square.coefficients) else []
        out.append(_pub(number, made, sums, rows, _seed(seed, g)))
    return out


def _pub(number: int, made: Compiled, sums: Sequence[PauliSum], rows: list[Row], seed: int) -> Pub:
    operators = [SparsePauliOp(o.labels, o.coefficients) for o in sums]
    layout = made.circuit.layout
    placed = operators if layout is None else [operator.apply_layout(layout) for operator in operators]
    return Pub(number, made.circuit, placed, rows, seed)


def _seed(seed: int, group: int) -> int:
    return int(np.random.SeedSequence(seed, spawn_key=(group,)).generate_state(1, np.uint32)[0] >> np.uint32(1))


def _without_constant(o: PauliSum) -> PauliSum:
    keep = ((o.x | o.z) != 0) & (o.coefficients != 0)
    return PauliSum(o.num_qubits, o.x[keep], o.z[keep], o.coefficients[keep])


def _union(operators: Sequence[PauliSum]) -> PauliSum:
    """Every string of any of them once, with the largest of its coefficients."""
    most: dict[tuple[int, int], float] = {}
    for o in operators:
        for x, z, c in zip(o.x.tolist(), o.z.tolist(), np.abs(o.coefficients).tolist()):
            most[x, z] = max(c, most.get((x, z), 0.0))
    n = operators[0].num_qubits
    x, z = (as_masks([key[i] for key in most], n) for i in (0, 1))
    return PauliSum(n, x, z, np.array(list(most.values())))


def _part(operator: PauliSum, group: PauliGroup) -> PauliSum:
    """The terms of an operator that this group measures."""
    measured = set(zip(group.terms.x.tolist(), group.terms.z.tolist()))
    keep = np.array([key in measured for key in zip(operator.x.tolist(), operator.z.tolist())], dtype=bool)
    return PauliSum(operator.num_qubits, operator.x[keep], operator.z[keep], operator.coefficients[keep])


def squared(part: PauliSum, group: PauliGroup) -> tuple[PauliSum, float]:
    """The square of a sum of strings of one measurement basis, without its constant, and the constant.

    Strings of one basis multiply as their supports do: ``P_a P_b = P_(a xor b)``.
    """
    masks = part.x | part.z
    flips = sum(1 << q for q, letter in enumerate(group.letters) if letter in "XY")
    signs = sum(1 << q for q, letter in enumerate(group.letters) if letter in "YZ")
    if len(masks) <= _OUTER:
        products = np.multiply.outer(part.coefficients, part.coefficients).reshape(-1)
        found, where = np.unique(np.bitwise_xor.outer(masks, masks).reshape(-1), return_inverse=True)
        sums = np.bincount(where.reshape(-1), weights=products)
    else:
        series = np.zeros(1 << part.num_qubits)
        series[masks] = part.coefficients
        sums = walsh_coefficients((walsh_coefficients(series) * series.size) ** 2)
        found = np.arange(series.size)
    keep = (np.abs(sums) > 1e-14 * np.abs(sums).max()) & (found != 0)
    constant = float(sums[found == 0].sum())
    return PauliSum(part.num_qubits, found[keep] & flips, found[keep] & signs, sums[keep]), constant


def read_pubs(
    asked: Sequence[Asked], work: Sequence[Pub], said: Sequence[DataBin], shots: int | None, kind: str
) -> list[Expected]:
    """Values and standard errors of all operators of all questions.

    Raises:
        BackendError: the estimator gave another number of values, or one that is not finite.
    """
    values = [np.array([_constant(o) for o in item.operators], dtype=float) for item in asked]
    variances = [np.zeros(len(item.operators)) for item in asked]
    answers = [_numbers(pub, data) for pub, data in zip(work, said)]
    # an estimator that tells no error at all has at least the one that it was asked for
    silent = kind == EXACT or (kind == TOLD and not any(errors.any() for _, errors in answers))
    for pub, (means, errors) in zip(work, answers):
        for place, row in enumerate(pub.rows):
            if row.square:
                continue
            k, following = row.operator, pub.rows[place + 1 : place + 2]
            values[pub.number][k] += means[place]
            if following and following[0].square:
                spread = max(0.0, means[place + 1] + following[0].constant - means[place] ** 2)
                variances[pub.number][k] += spread / (shots - 1) if shots is not None and shots > 1 else np.inf
            else:
                variances[pub.number][k] += (precision(shots) if silent else errors[place]) ** 2
    return [Expected(value, np.sqrt(variance)) for value, variance in zip(values, variances)]


def _constant(operator: PauliSum) -> float:
    return float(operator.coefficients[(operator.x | operator.z) == 0].sum())


def _numbers(pub: Pub, data: DataBin) -> tuple[np.ndarray, np.ndarray]:
    """What an estimator says; the runtime's spread over its twirled samples where it reports one."""
    evs, stds, spread = (getattr(data, name, None) for name in ("evs", "stds", "ensemble_standard_error"))
    given = stds if spread is None else spread
    if evs is None or given is None:
        missing = "evs" if evs is None else "stds"
        raise BackendError(
            f"The estimator must give `evs` and `stds` for circuit {pub.number}, but gave no `{missing}`."
        )
    if np.iscomplexobj(evs) or np.iscomplexobj(given):
        raise BackendError(f"The estimator must give real values for circuit {pub.number}, but gave complex ones.")
    means = np.asarray(evs, dtype=float).reshape(-1)
    errors = np.asarray(given, dtype=float).reshape(-1)
    if means.shape != (len(pub.rows),) or errors.shape != means.shape:
        raise BackendError(
            f"The estimator must give {len(pub.rows)} values for circuit {pub.number}, but gave {means.size}."
        )
    if not (np.isfinite(means).all() and np.isfinite(errors).all()):
        raise BackendError(
            f"The estimates of circuit {pub.number} must be finite, but are {means.tolist()} +- {errors.tolist()}."
        )
    return means, errors
