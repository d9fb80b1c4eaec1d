"""Metric ``A_ij`` and force of McLachlan's principle by Hadamard tests with one ancilla.

With ``psi_g`` the wave whose rotation g is followed by its reflection ``R_g``, ``d_g psi = -(i/2) psi_g``, so
``A_gh = (1/4) [Re <psi_g|psi_h> - <R_g> <R_h>]``: one controlled circuit a pair and one plain circuit a rotation. On the real clock
``b_g = (1/2) Re <psi_g|(H - E)|psi>``: the ancilla is measured jointly with the register in each basis of H. Sources: Li and
Benjamin, Phys. Rev. X 7, 021050 (2017), arXiv:1611.09301; McArdle et al., npj Quantum Inf. 5, 75 (2019), arXiv:1804.03023.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from qiskit import QuantumCircuit

from .estimates import Force, Metric, independent_spread, pulled_back
from .outcomes import Outcome, Request, Seen
from .readings import Basis, Readings
from .rotations import RotationSequence, RotationStep, controlled_reflection, letters, to_letters
from .shifts import FORCE, METRIC


def metric_requests(sequence: RotationSequence, amounts: np.ndarray, width: int) -> list[Request]:
    """``P (P - 1) / 2`` pairs and P single rotations; ``width`` counts the ancilla, which is the highest qubit."""
    out = []
    for h in range(sequence.num_rotations):
        out.append(Request((METRIC, h, h), partial(_mean_circuit, sequence, amounts, h, width)))
        out.extend(Request((METRIC, g, h), partial(_pair_circuit, sequence, amounts, g, h, width)) for g in range(h))
    return out


def _mean_circuit(sequence: RotationSequence, amounts: np.ndarray, h: int, width: int) -> QuantumCircuit:
    """The wave at rotation h, in a basis in which its reflection is diagonal."""
    circuit = QuantumCircuit(width)
    sequence.append(circuit, amounts, 0, sequence.places[h])
    step = sequence.rotations[h]
    to_letters(circuit, letters(step.x, step.z))
    return circuit


def _pair_circuit(sequence: RotationSequence, amounts: np.ndarray, g: int, h: int, width: int) -> QuantumCircuit:
    circuit = QuantumCircuit(width)
    ancilla, early, late = width - 1, sequence.places[g], sequence.places[h]
    circuit.h(ancilla)
    sequence.append(circuit, amounts, 0, early)
    controlled_reflection(circuit, sequence.rotations[g], ancilla)
    sequence.append(circuit, amounts, early, late)
    controlled_reflection(circuit, sequence.rotations[h], ancilla)
    circuit.h(ancilla)
    return circuit


def _reflected(step: RotationStep, index: np.ndarray) -> np.ndarray:
    """The eigenvalue of R that an outcome in its own basis shows."""
    if step.pattern:
        hit = np.ones(len(index), dtype=bool)
        for q, bit in step.pattern:
            hit &= (index >> q & 1) == bit
        return 1.0 - 2.0 * hit
    out: np.ndarray = 1.0 - 2.0 * (np.bitwise_count(index & (step.x | step.z)) & 1)
    return out


def metric(sequence: RotationSequence, jacobian: np.ndarray, seen: Seen) -> Metric:
    """Read :func:`metric_requests`."""
    count = sequence.num_rotations
    mean, noise = np.zeros(count), np.zeros(count)
    gate, variances = np.eye(count), np.zeros((count, count))
    for h, step in enumerate(sequence.rotations):
        single: Outcome = seen[METRIC, h, h]
        mean[h], noise[h] = single.signed(_reflected(step, single.index))
        for g in range(h):
            pair = seen[METRIC, g, h]
            top = sequence.width  # the ancilla
            gate[g, h], variances[g, h] = pair.signed(1.0 - 2.0 * (pair.index >> top & 1))
            gate[h, g], variances[h, g] = gate[g, h], variances[g, h]
    gate -= np.multiply.outer(mean, mean) - np.diag(noise)  # the square of an estimate is too large by its variance
    variances += np.multiply.outer(noise, noise) * (1 + np.eye(count))  # products of two noisy means, to second order
    return _with_means(gate / 4, variances / 16, mean, noise, jacobian)


def _with_means(
    gate: np.ndarray, variances: np.ndarray, mean: np.ndarray, noise: np.ndarray, jacobian: np.ndarray
) -> Metric:
    """Errors of pairs are independent, those of the means are shared by all entries of a row."""
    q, spread_q = jacobian.T @ mean, (jacobian.T * noise) @ jacobian
    own = np.diag(spread_q)
    shared = np.multiply.outer(q**2, own)
    shared = (shared + shared.T + 2 * np.multiply.outer(q, q) * spread_q) / 16
    pairs = independent_spread(variances, jacobian)

    def spread(x: np.ndarray) -> np.ndarray:
        """The covariance of ``A x``: of the pairs, plus that of the means, which all entries share."""
        lever = (np.multiply.outer(q, x) + (q @ x) * np.eye(len(x))) / 4
        out: np.ndarray = pairs(x) + lever @ spread_q @ lever.T
        return out

    stderr = np.sqrt(pulled_back(variances, jacobian) ** 2 + np.maximum(shared, 0.0))
    return Metric(jacobian.T @ gate @ jacobian, stderr, spread)


def force_requests(sequence: RotationSequence, amounts: np.ndarray, readings: Readings, width: int) -> list[Request]:
    """One joint measurement a rotation and basis."""
    out = []
    for g in range(sequence.num_rotations):
        for k, basis in enumerate(readings.bases):
            out.append(Request((FORCE, g, k), partial(_joint_circuit, sequence, amounts, g, basis, width)))
    return out


def _joint_circuit(sequence: RotationSequence, amounts: np.ndarray, g: int, basis: Basis, width: int) -> QuantumCircuit:
    circuit = QuantumCircuit(width)
    ancilla, place = width - 1, sequence.places[g]
    circuit.h(ancilla)
    sequence.append(circuit, amounts, 0, place)
    controlled_reflection(circuit, sequence.rotations[g], ancilla)
    sequence.append(circuit, amounts, place, len(sequence.steps))
    basis.close(circuit)
    circuit.h(ancilla)
    return circuit


def force(sequence: RotationSequence, jacobian: np.ndarray, readings: Readings, seen: Seen, t: float) -> Force:
    """Read :func:`force_requests`; the energies come from circuits of their own, so that products of means are unbiased."""
    energy = readings.energy(seen, t)
    count, bases = sequence.num_rotations, len(readings.bases)
    value, covariance = np.zeros(count), np.zeros((count, count))
    signs = np.zeros((bases, count))
    for g in range(count):
        for k, basis in enumerate(readings.bases):
            outcome = seen[FORCE, g, k]
            sign = readings.sign(outcome.index)
            above = partial(readings.signed, basis, t, float(energy.parts[k]))
            mean, variance = readings.mean(outcome, basis, above, ancilla=True)
            value[g] += mean / 2
            covariance[g, g] += variance / 4
            signs[k, g] = outcome.mean(sign)[0]
    for k in range(bases):
        covariance += energy.variances[k] / 4 * np.multiply.outer(signs[k], signs[k])
    return Force(jacobian.T @ value, jacobian.T @ covariance @ jacobian)
