"""Expectation values by the runtime's Estimator with its own mitigation: pubs, and errors propagated through its extrapolation.

The estimator folds gates and extrapolates each Pauli term itself. Its own standard errors of extrapolated values come from the
residuals of the fit, which tell nothing with as few points as there are noise factors (with two they are infinite). So errors are
propagated here from the shot noise at each noise factor, which it reports too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit import ClassicalRegister, QuantumCircuit
from qiskit.quantum_info import PauliList, SparsePauliOp

from ...base.errors import BackendError
from ...results.observables import pauli_groups
from ..base import Asked, Expected
from ..device.compile import Compiled, active_qubits, on_part
from ..mitigation.zne import folded, richardson
from ..options import DeviceOptions

if TYPE_CHECKING:
    from qiskit.primitives import DataBin, PrimitiveResult

TOLD = "runtime Estimator"


def pub(compiled: Compiled, asked: Asked) -> tuple[Any, list[SparsePauliOp]]:
    """A circuit in the device's gates, and its operators on the device's qubits."""
    layout = compiled.circuit.layout
    operators = [SparsePauliOp(o.labels, o.coefficients) for o in asked.operators]
    if layout is None:
        return compiled.circuit, operators
    return compiled.circuit, [operator.apply_layout(layout) for operator in operators]


def on_used_qubits(
    item: tuple[QuantumCircuit, list[SparsePauliOp]],
) -> tuple[tuple[Any, list[SparsePauliOp]], tuple[int, ...]]:
    """A pub without the idle qubits of the device, which the estimator would dress with gates too, and the qubits it keeps."""
    circuit, operators = item
    used = set(active_qubits(circuit))
    for operator in operators:
        used |= set(np.flatnonzero((operator.paulis.x | operator.paulis.z).any(axis=0)).tolist())
    part = tuple(sorted(used)) or (0,)
    small = on_part(circuit, {q: i for i, q in enumerate(part)})[0]
    kept = [PauliList.from_symplectic(o.paulis.z[:, part], o.paulis.x[:, part]) for o in operators]
    return (small, [SparsePauliOp(p, o.coeffs) for p, o in zip(kept, operators)]), part


def circuits_of(asked: Sequence[Asked], options: DeviceOptions) -> int:
    """Circuits that the vendor makes of a job: one a measurement basis and noise factor."""
    bases = sum(len(pauli_groups(operator)) for item in asked for operator in item.operators)
    return bases * len(options.scales)


def executed(compiled: Sequence[Compiled], asked: Sequence[Asked], options: DeviceOptions) -> list[QuantumCircuit]:
    """Circuits that take as long as those that the vendor makes of a job (basis changes left out)."""
    out = []
    for made, item in zip(compiled, asked):
        measured = made.circuit.copy()
        bits = ClassicalRegister(len(made.qubits), "read")
        measured.add_register(bits)
        measured.measure(list(made.qubits), bits)
        bases = sum(len(pauli_groups(operator)) for operator in item.operators)
        out += [folded(measured, scale) for scale in options.scales] * bases
    return out


def read_estimates(result: PrimitiveResult, options: DeviceOptions) -> list[Expected]:
    """Values and honest standard errors of every operator, one :class:`Expected` a circuit.

    Raises:
        BackendError: the job was not submitted with the noise factors that it is to be read with, or gave no number.
    """
    return [_one(number, part.data, options) for number, part in enumerate(result)]


def _one(number: int, data: DataBin, options: DeviceOptions) -> Expected:
    value = np.atleast_1d(np.asarray(data.evs, dtype=float))
    if options.zne is None:
        stderr = np.atleast_1d(np.asarray(getattr(data, "ensemble_standard_error", data.stds), dtype=float))
    else:
        seen = np.asarray(getattr(data, "evs_noise_factors", np.empty(0)), dtype=float)
        noise = np.asarray(getattr(data, "ensemble_stds_noise_factors", np.empty(0)), dtype=float)
        if seen.shape != (*value.shape, len(options.zne)) or noise.shape != seen.shape:
            raise BackendError("This job was not submitted with the noise factors that it is to be read with.")
        stderr = propagated(options.zne, seen, noise, value, options.zne_extrapolation)
    if not (np.isfinite(value).all() and np.isfinite(stderr).all()):
        raise BackendError(f"The estimates of circuit {number} must be finite, but are {value.tolist()}.")
    return Expected(value, stderr)


def propagated(scales: Sequence[int], seen: np.ndarray, noise: np.ndarray, value: np.ndarray, kind: str) -> np.ndarray:
    """Standard errors of extrapolated values from those at each noise factor.

    For a straight line with weights ``w``: ``sqrt(sum_i (w_i e_i)^2)``. For an exponential the logarithms lie on the line, so
    ``e_i`` becomes ``e_i |v_0 / v_i|``; a value within two errors of 0 has no logarithm to speak of, and keeps its ``e_i``.

    Args:
        scales: noise factors, shape ``(s,)``.
        seen, noise: values and standard errors at each, shape ``(m, s)``.
        value: extrapolated, shape ``(m,)``.
        kind: ``"linear"`` or ``"exponential"``.

    >>> propagated((1, 3), np.array([[0.5, 0.3]]), np.array([[0.01, 0.01]]), np.array([0.6]), "linear").round(4)
    array([0.0158])
    """
    weights = richardson(scales)
    if kind == "exponential":
        clear = np.abs(seen) > 2 * noise
        stretch = np.where(clear, np.abs(value[:, None]) / np.where(clear, np.abs(seen), 1.0), 1.0)
        noise = noise * np.maximum(stretch, 1.0)
    out: np.ndarray = np.sqrt(((weights * noise) ** 2).sum(axis=1))
    return out
