"""Outputs, loss and derivatives of a trained circuit for rows of data: exactly, or from circuits on a backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from qiskit import QuantumCircuit

from ...backends import Backend
from ...base.errors import MethodError, require
from ...base.options import handed
from ...methods.variational.engine.gates import Program
from ...methods.variational.engine.tangent import Engine
from ...methods.variational.measured import hadamard, shifts, spsa
from ...methods.variational.measured.estimates import Metric
from ...methods.variational.measured.outcomes import Outcome, Request, Seen, ask
from ...methods.variational.measured.rotations import RotationSequence, read_rotations, to_letters
from ...model.masks import bit_count
from ...model.pauli import PauliSum
from ...results.observables import pauli_groups

Loss: TypeAlias = Callable[[np.ndarray, np.ndarray | None], ArrayLike]
_STEP = 1e-5
OUTPUT, GRADIENT, SIGNS, ROWS = 6, 7, 8, 9  # kinds of seeds


@dataclass(frozen=True, eq=False)
class Task:
    """A circuit, what is read of it, and the loss of each row.

    Attributes:
        circuit: with inputs and trainable parameters.
        program: its gates.
        inputs, trained: places of both in the order of ``circuit.parameters``.
        outputs: the observables, or None for the probabilities of all outcomes.
        loss: ``loss(outputs, labels)``, one value a row.
    """

    circuit: QuantumCircuit
    program: Program
    inputs: np.ndarray
    trained: np.ndarray
    outputs: tuple[PauliSum, ...] | None
    loss: Loss

    def full(self, theta: np.ndarray, row: np.ndarray) -> np.ndarray:
        """All parameters of the circuit for one row of features."""
        values = np.empty(len(self.inputs) + len(self.trained))
        values[self.inputs], values[self.trained] = row, theta
        return values

    def losses(self, outputs: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        """The loss of each row; raises :class:`MethodError` for another shape or a value that is not finite."""
        values = np.asarray(handed(self.loss, outputs, labels), dtype=float)
        if values.shape != (len(outputs),):
            raise MethodError(
                f"Argument `loss` must give one value for each of {len(outputs)} rows, but gives {values.shape}."
            )
        require(bool(np.isfinite(values).all()), "loss", "be finite", "of a value that is not", MethodError)
        return values

    def slopes(self, outputs: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        """``d loss_r / d output_rk`` by central differences, which cost no circuit; shape as ``outputs``."""
        out = np.empty_like(outputs)
        for k in range(outputs.shape[1]):
            up, down = outputs.copy(), outputs.copy()
            up[:, k] += _STEP
            down[:, k] -= _STEP
            out[:, k] = (self.losses(up, labels) - self.losses(down, labels)) / (2 * _STEP)
        return out


@dataclass(frozen=True, eq=False)
class Report:
    """Outputs ``(m, k)``, mean loss, half its gradient (the force of imaginary time, with its sign reversed) and the mean metric."""

    outputs: np.ndarray
    loss: float
    half_gradient: np.ndarray
    metric: Metric | None


class Exact:
    """Exact values by the tangent engine."""

    def __init__(self, task: Task) -> None:
        self.task, self.engine = task, Engine(task.program)

    def outputs(self, theta: np.ndarray, features: np.ndarray) -> np.ndarray:
        """Shape ``(m, k)``."""
        return np.array([self._read(self.engine.state(self.task.full(theta, row))) for row in features])

    def _read(self, psi: np.ndarray) -> np.ndarray:
        if self.task.outputs is None:
            out: np.ndarray = np.abs(psi) ** 2
            return out
        return np.array([np.vdot(psi, o.apply(psi)).real for o in self.task.outputs])

    def report(self, theta: np.ndarray, features: np.ndarray, labels: np.ndarray | None) -> Report:
        """Loss, gradient and metric: one pass of tangents a row."""
        outputs = self.outputs(theta, features)
        weights = self.task.slopes(outputs, labels)
        p = len(theta)
        force, metric = np.zeros(p), np.zeros((p, p))
        chosen = self.task.trained
        for row, w in zip(features, weights):
            psi = np.array(self.engine.forward(self.task.full(theta, row)), dtype=complex)
            velocity = self._pulled(psi, w)
            tangents = self.engine.geometry(np.vdot(psi, velocity).real * psi - velocity)
            force += tangents.force[chosen]
            metric += tangents.metric[np.ix_(chosen, chosen)]
        count = len(features)
        known = Metric(metric / count, np.zeros((p, p)), lambda x: np.zeros((p, p)))
        return Report(outputs, float(self.task.losses(outputs, labels).mean()), -force / count, known)

    def _pulled(self, psi: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """``sum_k w_k O_k psi``: the loss of a row, made linear, is the energy of this operator."""
        if self.task.outputs is None:
            out: np.ndarray = weights * psi
            return out
        out = np.sum([w * o.apply(psi) for w, o in zip(weights, self.task.outputs)], axis=0)
        return out


class Sampled:
    """Estimates from circuits; everything that one call needs goes out as one batch."""

    def __init__(self, task: Task, backend: Backend, shots: int | None, metric: str, resamplings: int) -> None:
        self.task, self.backend, self.shots = task, backend, shots
        self.kind, self.resamplings = metric, resamplings
        self.sequence = _trained(read_rotations(task.circuit), task.trained)
        self.width = self.sequence.width + int(metric == "hadamard")
        self.bases = _bases(task, self.sequence.width)

    def outputs(self, theta: np.ndarray, features: np.ndarray, seed: Callable[..., int]) -> np.ndarray:
        """Shape ``(m, k)``, from one circuit a row and basis."""
        requests = [r for i, row in enumerate(features) for r in self._reading((OUTPUT, i), self._amounts(theta, row))]
        return self._rows(self._send(requests, seed))

    def report(
        self,
        theta: np.ndarray,
        features: np.ndarray,
        labels: np.ndarray | None,
        seed: Callable[..., int],
        rows: np.ndarray,
    ) -> Report:
        """Outputs and derivatives of all rows, and the metric of the given ``rows``."""
        amounts = [self._amounts(theta, row) for row in features]
        base = [r for i, a in enumerate(amounts) for r in self._reading((OUTPUT, i), a)]
        moved = [r for i, a in enumerate(amounts) for r in self._shifted(i, a)]
        metrics = [self._metric_requests(i, theta, features[i], seed) for i in rows.tolist()]
        outcomes = self._send(base + moved + [r for part in metrics for r in part], seed)
        outputs = self._rows(outcomes[: len(base)])
        weights = self.task.slopes(outputs, labels)
        changes = self._rows(outcomes[len(base) : len(base) + len(moved)])
        changes = changes.reshape(len(features), self.sequence.num_rotations, 2, outputs.shape[1])
        slopes = np.einsum("rgk,rk->rg", changes[:, :, 0] - changes[:, :, 1], weights) / 4
        jacobians = [self._jacobian(theta, row) for row in features]
        half = np.mean([j.T @ s for j, s in zip(jacobians, slopes)], axis=0)
        known, place = [], len(base) + len(moved)
        for i, part in zip(rows.tolist(), metrics):
            seen = {r.key[2:]: o for r, o in zip(part, outcomes[place : place + len(part)])}
            known.append(self._metric(i, jacobians[i], seen, seed))
            place += len(part)
        return Report(outputs, float(self.task.losses(outputs, labels).mean()), half, _mean(known))

    def circuits(self, rows: int, gradient: bool, metric_rows: int) -> int:
        """How many circuits a call sends."""
        rotations = self.sequence.num_rotations
        each = {
            "shift": 2 * rotations**2 - rotations,
            "hadamard": rotations * (rotations + 1) // 2,
            "spsa": 4 * self.resamplings,
        }
        return rows * len(self.bases) * (1 + 2 * rotations * gradient) + metric_rows * each[self.kind]

    def _amounts(self, theta: np.ndarray, row: np.ndarray) -> np.ndarray:
        return self.sequence.amounts(self.task.full(theta, row))

    def _jacobian(self, theta: np.ndarray, row: np.ndarray) -> np.ndarray:
        return self.sequence.jacobian(self.task.full(theta, row))[:, self.task.trained]

    def _reading(self, key: tuple[int, ...], amounts: np.ndarray) -> list[Request]:
        return [Request((*key, b), partial(self._closed, amounts, word)) for b, (word, _) in enumerate(self.bases)]

    def _closed(self, amounts: np.ndarray, word: Sequence[tuple[int, str]]) -> QuantumCircuit:
        circuit = shifts.complete(self.sequence, amounts, self.width)
        to_letters(circuit, word)
        return circuit

    def _shifted(self, i: int, amounts: np.ndarray) -> list[Request]:
        return [
            request
            for g, place in enumerate(self.sequence.places)
            for side, sign in enumerate((1, -1))
            for request in self._reading((GRADIENT, i, g, side), shifts.moved(amounts, (place, sign * np.pi / 2)))
        ]

    def _signs(self, i: int, seed: Callable[..., int]) -> np.ndarray:
        return spsa.directions(len(self.task.trained), self.resamplings, seed(SIGNS, i))

    def _metric_requests(self, i: int, theta: np.ndarray, row: np.ndarray, seed: Callable[..., int]) -> list[Request]:
        full = self.task.full(theta, row)
        if self.kind == "spsa":
            signs = np.zeros((self.resamplings, 2, len(full)))
            signs[:, :, self.task.trained] = self._signs(i, seed)
            eps = spsa.length(self._jacobian(theta, row))
            found = spsa.metric_requests(self.sequence, full, signs, eps, self.width)
        else:
            kind = shifts if self.kind == "shift" else hadamard
            found = kind.metric_requests(self.sequence, self.sequence.amounts(full), self.width)
        return [Request((ROWS, i, *r.key), r.build) for r in found]

    def _metric(self, i: int, jacobian: np.ndarray, seen: Seen, seed: Callable[..., int]) -> Metric:
        if self.kind == "spsa":
            return spsa.metric(spsa.samples(self._signs(i, seed), spsa.length(jacobian), seen))
        measured = shifts.metric if self.kind == "shift" else hadamard.metric
        return measured(self.sequence, jacobian, seen)

    def _send(self, requests: Sequence[Request], seed: Callable[..., int]) -> list[Outcome]:
        circuits = [r.build() for r in requests]
        return ask(self.backend, circuits, self.shots, [seed(*r.key) for r in requests])

    def _rows(self, outcomes: Sequence[Outcome]) -> np.ndarray:
        """Outputs from the outcomes of all bases."""
        count = len(self.bases)
        parts = [self._share(outcome, self.bases[j % count][1]) for j, outcome in enumerate(outcomes)]
        out: np.ndarray = np.array(parts).reshape(len(outcomes) // count, count, -1).sum(axis=1)
        return out

    def _share(self, outcome: Outcome, values: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        index = outcome.index & ((1 << self.sequence.width) - 1)
        out: np.ndarray = outcome.count @ values(index) / outcome.count.sum()
        return out


def _trained(sequence: RotationSequence, trained: np.ndarray) -> RotationSequence:
    """Only the rotations that a trainable parameter moves."""
    angles, wanted = sequence.angles, set(trained.tolist())
    slots = {s for s, k in zip(angles.slot.tolist(), angles.parameter.tolist()) if k in wanted}
    places = tuple(k for k in sequence.places if sequence.steps[k].slot in slots)  # type: ignore[union-attr]
    return replace(sequence, places=places)


def _mean(known: Sequence[Metric]) -> Metric | None:
    if not known:
        return None
    count = len(known)
    stderr = np.sqrt(sum(m.stderr**2 for m in known)) / count
    return Metric(
        np.mean([m.value for m in known], axis=0),
        stderr,
        lambda x: np.sum([m.spread(x) for m in known], axis=0) / count**2,
    )


BasisOf = tuple[list[tuple[int, str]], Callable[[np.ndarray], np.ndarray]]


def _bases(task: Task, width: int) -> list[BasisOf]:
    """The letters of each basis, and what an outcome adds to each output, shape ``(outcomes, k)``."""
    if task.outputs is None:
        return [([], lambda index: np.eye(1 << width)[index])]
    strings = sorted({key for o in task.outputs for key in zip(o.x.tolist(), o.z.tolist())})
    x, z = (np.array(part, dtype=np.int64) for part in zip(*strings))
    rows = [dict(zip(zip(o.x.tolist(), o.z.tolist()), o.coefficients.tolist())) for o in task.outputs]
    out: list[BasisOf] = []
    for group in pauli_groups(PauliSum(width, x, z, np.ones(len(x)))):
        word = [(q, letter) for q, letter in enumerate(group.letters) if letter != "I"]
        keys = list(zip(group.terms.x.tolist(), group.terms.z.tolist()))
        weights = np.array([[row.get(key, 0.0) for row in rows] for key in keys])
        out.append((word, partial(_parities, group.terms.x | group.terms.z, weights)))
    return out


def _parities(support: np.ndarray, weights: np.ndarray, index: np.ndarray) -> np.ndarray:
    out: np.ndarray = (1.0 - 2.0 * (bit_count(index[:, None] & support[None, :]) & 1)) @ weights
    return out
