"""Clauses 12 to 14 of the contract: backends whose vendor estimates operators.

A module of its own beside `contract`: for backends whose vendor estimates operators, and for no other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp, Statevector

from ...base.errors import BackendError
from ...model.pauli import pauli_sum
from ..base import Asked, EstimatingBackend, Expected
from .statistics import check, random_circuit, seeds_from

_FEW, _MANY = 100, 1600
_SHOTS = 2000


def estimates(device: EstimatingBackend, allowed: float, noisy: bool, seed: int, repeats: int) -> None:
    """All three clauses."""
    values(device, allowed, seed)
    _errors(device, noisy, seed, repeats)
    _bad_input(device)


def _operators() -> list[SparsePauliOp]:
    """Every letter on every qubit, no two qubits alike; one operator with a constant."""
    return [
        SparsePauliOp(["ZIX", "IYI", "IIZ", "XXI"], [0.7, -0.5, 0.4, 0.3]),
        SparsePauliOp(["YIZ"], [-1.0]),
        SparsePauliOp(["III", "IZI", "ZII"], [2.0, 0.6, -0.2]),
        SparsePauliOp(["III"], [-1.5]),
    ]


def _asked(circuit: QuantumCircuit, operators: Sequence[SparsePauliOp]) -> Asked:
    return Asked(circuit, tuple(pauli_sum(operator) for operator in operators))


def _ideal(circuit: QuantumCircuit, operators: Sequence[SparsePauliOp]) -> np.ndarray:
    return np.array([Statevector(circuit).expectation_value(operator).real for operator in operators])


def values(device: EstimatingBackend, allowed: float, seed: int) -> None:
    """Clause 12."""
    operators = _operators()
    size = np.array([np.abs(o.coeffs[o.paulis.x.any(axis=1) | o.paulis.z.any(axis=1)]).sum() for o in operators])
    circuits = [random_circuit(3, 1, seed + 2), random_circuit(3, 2, seed + 3)]
    told = device.estimate([_asked(c, operators) for c in circuits], _SHOTS, seeds_from(seed, 60, 2))
    check("12. one answer a circuit", len(told) == len(circuits), len(told))
    for circuit, answer in zip(circuits, told):
        value, stderr = np.asarray(answer.value), np.asarray(answer.stderr)
        check("12. one value and one standard error an operator", value.shape == stderr.shape == (4,), value.shape)
        check("12. errors are finite and not negative", bool((np.isfinite(stderr) & (stderr >= 0)).all()), stderr)
        miss, ideal = np.abs(value - _ideal(circuit, operators)), _ideal(circuit, operators)
        bound = 2 * allowed * size + 5 * stderr + 1e-9
        check("12. values of operators on far qubits", bool((miss <= bound).all()), f"{value} where {ideal} is ideal")
        check("12. a constant is exact", stderr[3] == 0 and miss[3] < 1e-9, f"{value[3]} +- {stderr[3]}")


class ExactEstimator(Protocol):
    """An estimating backend that takes no shots too."""

    def estimate(self, asked: Sequence[Asked], shots: int | None, seeds: Sequence[int]) -> list[Expected]:
        """The operators of each circuit; exact values where ``shots`` is None."""
        ...


def exactly(device: ExactEstimator, allowed: float) -> None:
    """Of clause 15: without shots there is no shot noise."""
    circuit, operators = random_circuit(3, 1, 21), _operators()
    (answer,) = device.estimate([_asked(circuit, operators)], None, [1])
    size = np.array([np.abs(o.coeffs).sum() for o in operators])
    miss = np.abs(np.asarray(answer.value) - _ideal(circuit, operators))
    check("15. estimates without shots are exact", bool((miss <= 2 * allowed * size + 1e-9).all()), f"off by {miss}")
    check("15. and have no standard error", bool((np.asarray(answer.stderr) == 0).all()), answer.stderr)


def _errors(device: EstimatingBackend, noisy: bool, seed: int, repeats: int) -> None:
    circuit, operators = random_circuit(3, 1, 21), _operators()[:2]
    means, errors = {}, {}
    for shots in (_FEW, _MANY):
        told = device.estimate([_asked(circuit, operators)] * repeats, shots, seeds_from(seed, 70 + shots, repeats))
        means[shots], errors[shots] = (np.array([np.asarray(getattr(a, n)) for a in told]) for n in ("value", "stderr"))
        distinct = min(len(np.unique(column)) for column in means[shots].T)
        check("13. repeated circuits are independent", distinct > 5, f"{shots} shots: {distinct} values")
    truth = means[_MANY].mean(axis=0) if noisy else _ideal(circuit, operators)
    covered = np.mean(np.abs(means[_MANY] - truth) <= 2 * errors[_MANY], axis=0)
    check("13. two-sigma intervals cover the mean", bool((covered >= 0.8).all()), f"{covered} of {repeats}")
    for shots in (_FEW, _MANY):
        ratio = means[shots].var(axis=0, ddof=1) / (errors[shots] ** 2).mean(axis=0)
        check("13. errors are no smaller than the spread", bool((ratio <= 2.2).all()), f"variance ratio {ratio}")
        check("13. errors are not a matter of form", bool((ratio >= 0.02).all()), f"variance ratio {ratio}")
    for what, seen in (("spread", {n: m.std(axis=0, ddof=1) for n, m in means.items()}), ("errors", errors)):
        fall = np.mean(seen[_FEW], axis=0) / np.mean(seen[_MANY], axis=0)
        low, high = (2.2, 7.0) if what == "spread" else (3.2, 4.8)
        check(f"13. {what} fall as 1/sqrt(shots)", bool(np.all((fall >= low) & (fall <= high))), f"by {fall}, not 4")


def _bad_input(device: EstimatingBackend) -> None:
    z, circuit = [SparsePauliOp("ZI")], QuantumCircuit(2)
    circuit.h(0)
    measured, free = circuit.copy(), circuit.copy()
    measured.measure_all()
    free.rx(Parameter("a"), 0)
    ask: Callable[..., list[Expected]] = lambda c, o, n: device.estimate([_asked(c, o)], n, [1])  # noqa: E731
    for shots in (0, -5):
        check(f"14. {shots} shots are refused", _refuses(ask, circuit, z, shots))
    check("14. a measured circuit is refused", _refuses(ask, measured, z, 10))
    check("14. a free parameter is refused", _refuses(ask, free, z, 10))
    check("14. an operator of another width is refused", _refuses(ask, circuit, [SparsePauliOp("ZII")], 10))


def _refuses(ask: Callable[..., object], *what: object) -> bool:
    try:
        ask(*what)
    except BackendError:
        return True
    return False
