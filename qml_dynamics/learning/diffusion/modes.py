"""The Ornstein-Uhlenbeck process in its eigenmodes: damping by ``e^{-n t}`` as a circuit, and the density read from it.

A module of its own beside `device`: the special case of a quadratic potential, with circuits of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ... import synthesis
from ...base.errors import MethodError, check_memory, require
from ...model.domains import Grid, outer_sum
from .condition import Condition, Keep
from .witten import Landscape

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_LOST = 1e-12  # weight of the modes that are left out
_BITS = {1: 7, 2: 5, 3: 4}  # of each axis, at most


class Fitted(Protocol):
    """What is needed of a :class:`Diffusion` model."""

    @property
    def domain(self) -> Grid:
        """The box."""
        ...

    @property
    def temperature(self) -> float:
        """T."""
        ...

    @property
    def land(self) -> Landscape:
        """The potential."""
        ...

    @property
    def start(self) -> np.ndarray:
        """phi_0."""
        ...

    def conditioned(self, condition: Condition | None) -> tuple[np.ndarray, float, Keep | None]:
        """phi_0 of the kept data, their share, and what is kept."""
        ...


@dataclass(frozen=True, eq=False)
class ModeCircuit:
    """The circuit in the mode basis, and what turns its outcomes into a density.

    Attributes:
        circuit: modes on the lowest qubits, one ancilla a bit above them.
        signs: of the coefficients, shape ``(2**q, ...)``: damping does not change them.
        success: probability that all ancillas read 0.
        waves: of each axis, the modes at the points of the grid, shape ``(2**q, N)``.
    """

    circuit: QuantumCircuit
    signs: np.ndarray
    success: float
    waves: list[np.ndarray]

    @property
    def table(self) -> np.ndarray:
        """Every mode on the grid, shape ``(modes, points)``."""
        out = self.waves[0]
        for part in self.waves[1:]:
            out = (out[:, None, :, None] * part[None, :, None, :]).reshape(out.shape[0] * part.shape[0], -1)
        return out


def hermite_modes(x: np.ndarray, temperature: float, count: int) -> np.ndarray:
    """The eigenfunctions of H_W for ``V = x^2 / 2`` (energies 0, 1, 2, ...) at points x, shape ``(count, len(x))``.

    ``u_n = He_n(x / sqrt T) e^{-x^2 / 4T} / sqrt(n! sqrt(2 pi T))``, by the recursion of the normalised ones.
    """
    y = x / np.sqrt(temperature)
    out = np.empty((max(count, 2), len(x)))
    out[0] = np.exp(-(y**2) / 4) / (2 * np.pi * temperature) ** 0.25
    out[1] = y * out[0]
    for n in range(2, count):
        out[n] = (y * out[n - 1] - np.sqrt(n - 1) * out[n - 2]) / np.sqrt(n)
    return out[:count]


def mode_circuit(model: Fitted, t: float, method: str, condition: Condition | None) -> ModeCircuit:
    """As few modes as hold all but 1e-12 of the wave at time t."""
    require(method == "modes", "method", "be ProbabilisticITE, Schrodingerised or 'modes'", method, MethodError)
    if model.land.name != "ou":
        raise MethodError(f"Argument `method` must be another one than 'modes' for the potential {model.land.name!r}.")
    domain, coefficients = model.domain, model.conditioned(condition)[0]
    bits = [min(_BITS[domain.ndim], q) for q in domain.qubits]
    waves = [hermite_modes(x, model.temperature, 1 << b) for x, b in zip(domain.axes, bits)]
    for axis, wave in enumerate(waves):
        coefficients = np.moveaxis(np.tensordot(wave, coefficients, axes=(1, axis)), 0, axis)
    numbers = outer_sum([np.arange(1 << b) for b in bits])
    after = (coefficients * np.exp(-t * numbers)) ** 2
    for most in range(1, max(bits) + 1):
        qubits = [min(most, b) for b in bits]
        low = tuple(slice(1 << q) for q in qubits)
        if float(after[low].sum()) >= (1 - _LOST) * float(after.sum()):
            break
    part = coefficients[low] / np.linalg.norm(coefficients[low])
    success = float(((part * np.exp(-t * numbers[low])) ** 2).sum())
    circuit = synthesis.states.damped_modes(part, qubits, [1.0] * domain.ndim, t)
    return ModeCircuit(circuit, np.where(part < 0, -1.0, 1.0), success, [w[: 1 << q] for w, q in zip(waves, qubits)])


def mode_density(
    made: ModeCircuit, land: Landscape, born: np.ndarray, kept: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """``psi0 phi``, normalised, with ``phi = sum_n sign_n sqrt(q_n) u_n``; errors by the delta method."""
    check_memory(24 * land.domain.size * born.size, "The modes on the grid")
    amplitude, root = (made.signs * np.sqrt(born)).reshape(-1), land.root.reshape(-1)
    slopes = made.table * root
    raw = amplitude @ slopes
    total = float(raw.sum())
    p = raw / total
    if kept is None:
        return p.reshape(land.domain.shape), np.zeros(land.domain.shape)
    jacobian = (slopes - np.outer(slopes.sum(axis=1), p)) / total
    variance = ((jacobian**2).sum(axis=0) - (amplitude @ jacobian) ** 2) / (4 * kept)
    shape = land.domain.shape
    return p.reshape(shape), np.sqrt(np.maximum(variance, 0.0)).reshape(shape)
