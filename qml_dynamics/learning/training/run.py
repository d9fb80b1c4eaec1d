"""Training a parameterised circuit on a loss, with the step of imaginary time as its optimiser.

The loss of the data, made linear at the present outputs, is the energy of an operator; one Euler step of McLachlan's principle
with it is natural gradient descent, ``theta -= dtau A^-1 (1/2) grad L``, with the metric A averaged over the rows of data.
Source: Stokes, Izaac, Killoran, Carleo, Quantum 4, 269 (2020), arXiv:1909.02108. Adam: Kingma and Ba, arXiv:1412.6980. SPSA: Spall,
IEEE Trans. Autom. Control 37, 332 (1992).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...backends import backend as find_backend
from ...base.errors import MethodError, integer, one_of, real, require
from ...methods.identity import Identity
from ...methods.keeping import Folder, kept_call, outside
from ...methods.variational.options import METRICS
from .losses import Statement, state_task
from .optimisers import Options, Training, TrainResult

OPTIMIZERS = ("natural", "adam", "spsa")


def train(
    circuit: Any,
    loss: Any,
    theta0: Any,
    *,
    steps: int = 100,
    learning_rate: float | None = None,
    optimizer: str = "natural",
    features: Any = None,
    labels: Any = None,
    inputs: Sequence[Any] | None = None,
    observable: Any = None,
    regularisation: float = 1e-3,
    batch_size: int | None = None,
    max_evaluations: int | None = None,
    backend: Any = None,
    shots: int | None = None,
    seed: int | None = None,
    metric: str = "spsa",
    resamplings: int = 5,
    metric_rows: int | None = 8,
    callback: Callable[[int, np.ndarray, float], Any] | None = None,
    folder: Folder | None = None,
) -> TrainResult:
    """Minimise a loss over the parameters of a circuit.

    Args:
        circuit: a Qiskit circuit, an ansatz made of one, or a PennyLane QNode ``qnode(theta)``, with data
            ``qnode(features_row, theta)``; its gates must be differentiable as in `ansatz.from_circuit`.
        loss: an operator, whose energy is minimised; or ``"cross_entropy"``, ``"squared"``, or a function
            ``loss(outputs, labels)`` of outputs ``(m, k)`` that gives one value a row.
        theta0: the trainable parameters at the start, in the order of ``circuit.parameters`` without the inputs.
        steps: at most this many.
        learning_rate: natural: the step of imaginary time, 0.5 when None; adam 0.05; spsa 0.2.
        optimizer: ``"natural"``, ``"adam"`` or ``"spsa"``.
        features, labels: rows of data ``(m, d)`` and what the loss compares with, one entry a row.
        inputs: the d parameters of the circuit (or their names) that take the features.
        observable: operators that are read, one or a list; ``"probabilities"``; None for Z on qubit 0.
        regularisation: Tikhonov term of the natural gradient; raised to the error of a measured metric.
        batch_size: rows drawn for each step; None for all.
        max_evaluations: stop before more circuits than this are sent: the same budget for each optimiser.
        backend: None for exact values and derivatives; otherwise circuits are sent, one batch a step.
        shots: samples a circuit; None for exact probabilities.
        seed: of shots, random directions and batches.
        metric, resamplings: how a backend measures the metric, as in :class:`Variational`.
        metric_rows: rows drawn for the metric in each step on a backend; None for all.
        callback: ``callback(step, theta, loss)`` before each step; returning True ends the training.
        folder: as in :func:`evolve`: the training goes on from its last step on a backend, from its last second without one.

    Returns:
        A :class:`TrainResult`.

    Raises:
        MethodError: an argument does not fit.

    >>> from qiskit import QuantumCircuit
    >>> from qiskit.circuit import Parameter
    >>> turn = QuantumCircuit(1); _ = turn.ry(Parameter("angle"), 0)
    >>> print(train(turn, np.diag([1.0, -1.0]), [0.3], steps=40).loss[-1].round(6))
    -1.0
    """
    task = state_task(Statement(circuit, loss, theta0, features, labels, inputs, observable))
    one_of(optimizer, "optimizer", OPTIMIZERS, MethodError)
    integer(steps, "steps", 1, 10**7, MethodError)
    one_of(metric, "metric", METRICS, MethodError)
    rate = {"natural": 0.5, "adam": 0.05, "spsa": 0.2}[optimizer] if learning_rate is None else learning_rate
    limits = (batch_size, max_evaluations, metric_rows, shots)
    for name, value in zip(("batch_size", "max_evaluations", "metric_rows", "shots"), limits):
        if value is not None:
            integer(value, name, 1, 10**12, MethodError)
    integer(resamplings, "resamplings", 2, 10**6, MethodError)
    if seed is not None:
        integer(seed, "seed", 0, 2**128, MethodError)
    pace = real(rate, "learning_rate", positive=True, error=MethodError)
    floor = real(regularisation, "regularisation", nonnegative=True, error=MethodError)
    require(shots is None or backend is not None, "backend", "be given where shots are", backend, MethodError)
    device = None if backend is None else find_backend(backend)

    def identify(said: Identity) -> None:
        given = {"circuit": circuit, "loss": loss, "theta0": theta0, "features": features, "labels": labels}
        given |= {"inputs": inputs, "observable": observable, "steps": steps, "learning_rate": pace}
        given |= {"optimizer": optimizer, "regularisation": floor, "metric": metric, "resamplings": resamplings}
        given |= dict(zip(("batch_size", "max_evaluations", "metric_rows", "shots"), limits))
        for name, value in given.items():
            said.add(name, value)
        said.add_backend("backend", device)

    with kept_call("train", folder, seed, identify) as call:
        entropy = _entropy(seed) if call.scope is None else call.entropy
        told = callback if callback is None or call.scope is None else outside(callback)
        options = Options(steps, pace, optimizer, floor, batch_size, max_evaluations, metric_rows, entropy, told)
        training = Training(task, options, call.backend(device), shots, metric, resamplings, call.scope)
        return training.go()


def _entropy(seed: int | None) -> int:
    if seed is None:
        return int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
    return integer(seed, "seed", 0, 2**128, MethodError)
