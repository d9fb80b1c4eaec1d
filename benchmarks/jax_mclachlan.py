"""One Euler step of McLachlan's principle in JAX: ``jit`` of metric, force and solve, tangent vectors by ``jacfwd``, float64.

The ansatz is `qiskit.circuit.library.efficient_su2` (RY and RZ on every qubit, CX from the highest pair down), the Hamiltonian the open
Ising chain ``- sum Z Z - sum X``, the clock imaginary. What is not JAX's own, the wave and the equations, is written for either array
module, so that NumPy can check it where JAX is not installed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any  # of NumPy or of JAX


@dataclass(frozen=True)
class Model:
    """Ansatz and Hamiltonian on so many qubits; qubit 0 is the lowest bit.

    Attributes:
        qubits, reps: width, and how often layers are repeated: ``2 n (reps + 1)`` parameters.
        order: where each amplitude comes from in a layer of CX.
        diagonal: ``- sum Z Z`` of the basis states.
        flips: the basis states with one bit turned, a row a qubit.
    """

    qubits: int
    reps: int
    order: np.ndarray
    diagonal: np.ndarray
    flips: np.ndarray

    def wave(self, xp: Any, theta: Array) -> Array:
        """The wave of the ansatz, shape ``(2^n,)``, by one product with a 2 x 2 matrix a qubit and layer."""
        n, size = self.qubits, 1 << self.qubits
        psi = (xp.arange(size) == 0) * (1.0 + 0.0j)
        for layer in range(self.reps + 1):
            turns = theta[2 * n * layer : 2 * n * (layer + 1)]
            for q in range(n):
                c, s, phase = xp.cos(turns[q] / 2), xp.sin(turns[q] / 2), xp.exp(-0.5j * turns[n + q])
                gate = xp.stack([xp.stack([c * phase, -s * phase]), xp.stack([s * phase.conj(), c * phase.conj()])])
                psi = xp.einsum("ij,ajb->aib", gate, psi.reshape(size >> (q + 1), 2, 1 << q)).reshape(size)
            if layer < self.reps:
                psi = psi[self.order]
        return psi

    def applied(self, psi: Array) -> Array:
        """``H psi``."""
        return self.diagonal * psi - psi[self.flips].sum(axis=0)


def model(qubits: int, reps: int) -> Model:
    """The model on a chain."""
    states = np.arange(1 << qubits)
    signs = 1 - 2 * (states >> np.arange(qubits)[:, None] & 1)
    order = states
    for q in reversed(range(qubits - 1)):
        order = order[states ^ (states >> q & 1) << q + 1]
    diagonal = -(signs[1:] * signs[:-1]).sum(axis=0)
    return Model(qubits, reps, order, diagonal.astype(float), states ^ (1 << np.arange(qubits))[:, None])


def real_view(xp: Any, psi: Array) -> Array:
    """Real parts, then imaginary ones."""
    return xp.concatenate([psi.real, psi.imag])


def equations(xp: Any, psi: Array, jacobian: Array, h_psi: Array) -> tuple[Array, Array]:
    """Metric ``Re(<d_i psi|d_j psi> - <d_i psi|psi><psi|d_j psi>)`` and force ``- Re <d_i psi|(H - E) psi>``.

    ``jacobian`` is that of :func:`real_view`, shape ``(2 2^n, p)``; the wave has norm 1, so that its tangents overlap with it by
    imaginary numbers only.
    """
    energy = (psi.conj() * h_psi).sum().real
    overlap = jacobian.T @ real_view(xp, 1j * psi)
    metric = jacobian.T @ jacobian - xp.outer(overlap, overlap)
    return metric, -(jacobian.T @ real_view(xp, h_psi - energy * psi))


def one_thread() -> None:
    """XLA computes with one thread from here on; it reads this when JAX is first imported."""
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")


def compiled(qubits: int, reps: int, ridge: float, dt: float) -> Callable[[Array], tuple[Array, Array, Array]]:
    """Of parameters: those one Euler step later, metric and force, as one compiled function. Raises ``ImportError`` without JAX."""
    one_thread()
    import jax
    import jax.numpy as jnp
    from jax.scipy.linalg import cho_factor, cho_solve

    jax.config.update("jax_enable_x64", True)
    at = model(qubits, reps)

    def step(theta: Array) -> tuple[Array, Array, Array]:
        psi = at.wave(jnp, theta)
        jacobian = jax.jacfwd(lambda t: real_view(jnp, at.wave(jnp, t)))(theta)
        metric, force = equations(jnp, psi, jacobian, at.applied(psi))
        return theta + dt * cho_solve(cho_factor(metric + ridge * jnp.eye(len(theta))), force), metric, force

    return jax.jit(step)
