"""Training a parameterised circuit on a loss, with the step of imaginary time as its optimiser.

The loss of the data, made linear at the present outputs, is the energy of an operator; one Euler step of McLachlan's principle
with it is natural gradient descent, ``theta -= dtau A^-1 (1/2) grad L``, with the metric A averaged over the rows of data.
Source: Stokes, Izaac, Killoran, Carleo, Quantum 4, 269 (2020), arXiv:1909.02108. Adam: Kingma and Ba, arXiv:1412.6980. SPSA: Spall,
IEEE Trans. Autom. Control 37, 332 (1992).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...backends import opened as find_backend
from ...backends.base import BackendLike
from ...base.arguments import checks_arguments
from ...base.errors import MethodError, integer, one_of, real, require
from ...base.numeric import Array
from ...methods.identity import Identity
from ...methods.keeping import Folder, kept_call, kept_result, outside
from ...methods.variational.ansatz import CircuitAnsatz
from ...methods.variational.options import METRICS
from ...model.pauli import OperatorLike
from .losses import Statement, state_task
from .optimisers import Options, Training
from .result import RESULT, TrainResult

if TYPE_CHECKING:
    from pennylane import QNode
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter


_METRIC_ROWS = 8
OPTIMIZERS = ("natural", "adam", "spsa")


@checks_arguments
def train(
    circuit: QuantumCircuit | CircuitAnsatz | QNode | Callable[..., object],
    loss: Callable[[np.ndarray, np.ndarray], Array] | OperatorLike | str,
    theta0: Array,
    *,
    steps: int = 100,
    learning_rate: float | None = None,
    optimizer: str = "natural",
    features: Array | None = None,
    labels: Array | None = None,
    inputs: str | Sequence[Parameter | str] | None = None,
    observable: OperatorLike | Sequence[OperatorLike] | str | None = None,
    regularisation: float | None = None,
    batch_size: int | None = None,
    max_evaluations: int | None = None,
    backend: BackendLike | None = None,
    shots: int | None = None,
    seed: int | None = None,
    metric: str | None = None,
    resamplings: int | None = None,
    metric_rows: int | None = _METRIC_ROWS,
    callback: Callable[[int, np.ndarray, float], object] | None = None,
    folder: Folder | None = None,
) -> TrainResult:
    """Minimise a loss over the parameters of a circuit.

    Args:
        circuit: a Qiskit circuit, an ansatz made of one, or a PennyLane QNode ``qnode(theta)``, with data ``qnode(x, weights)``
            or ``qnode(weights, x)``, told apart by the names of its arguments; its gates must be differentiable as in
            `ansatz.from_circuit`.
        loss: an operator, whose energy is minimised; or ``"cross_entropy"``, ``"squared"``, or a function
            ``loss(outputs, labels)`` of outputs ``(m, k)`` that gives one value a row.
        theta0: the trainable parameters at the start, in the order of ``circuit.parameters`` without the inputs.
        steps: at most this many.
        learning_rate: natural: the step of imaginary time, 0.5 when None; adam 0.05; spsa 0.2.
        optimizer: ``"natural"``, ``"adam"`` or ``"spsa"``.
        features, labels: rows of data ``(m, d)`` and what the loss compares with, one entry a row. The set of labels decides how
            they are read: of one output 0 and 1 are classes (1: the output -1), -1 and 1 are outputs, and with the squared loss
            other numbers within its reach are targets; of several outputs, or of probabilities, 0, 1, ... are classes. Anything
            else is refused with the labels found. A loss of one's own gets them as they are.
        inputs: the d parameters of the circuit (or their names) that take the features; of a QNode the name of the argument that
            takes a row, where its names do not say it.
        observable: operators that are read, one or a list; ``"probabilities"``; None for what a QNode itself returns, and for Z on
            qubit 0 of a Qiskit circuit.
        regularisation: Tikhonov term of the natural gradient (None: 1e-3); raised to the error of a measured metric.
        batch_size: rows drawn for each step; None for all.
        max_evaluations: stop before more circuits than this are sent: the same budget for each optimiser.
        backend: None for exact values and derivatives; otherwise circuits are sent, one batch a step.
        shots: samples a circuit; None for exact probabilities.
        seed: of shots, random directions and batches.
        metric, resamplings: how a backend measures the metric of the natural gradient, as in :class:`Variational` (None: "spsa"
            and 5).
        metric_rows: rows drawn for the metric in each step on a backend; None for all, as without a backend, where another number is
            refused.
        callback: ``callback(step, theta, loss)`` before each step; returning True ends the training.
        folder: as in :func:`evolve`: the training goes on from its last step on a backend, from its last second without one; its
            result is in ``training.npz`` (:meth:`TrainResult.load`).

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
    rows = None if metric_rows in (None, _METRIC_ROWS) else metric_rows  # without a backend the metric is of all rows
    measured = {"metric": metric, "resamplings": resamplings, "metric_rows": rows}
    _only_used(optimizer, backend, features, measured, regularisation, batch_size)
    metric = one_of("spsa" if metric is None else metric, "metric", METRICS, MethodError)
    only = f"be None with the metric {metric!r}, which draws no directions"
    require(resamplings is None or metric == "spsa", "resamplings", only, resamplings, MethodError)
    resamplings = 5 if resamplings is None else resamplings
    rate = {"natural": 0.5, "adam": 0.05, "spsa": 0.2}[optimizer] if learning_rate is None else learning_rate
    limits = (batch_size, max_evaluations, metric_rows, shots)
    for name, value in zip(("batch_size", "max_evaluations", "metric_rows", "shots"), limits):
        if value is not None:
            integer(value, name, 1, 10**12, MethodError)
    integer(resamplings, "resamplings", 2, 10**6, MethodError)
    if seed is not None:
        integer(seed, "seed", 0, 2**128, MethodError)
    pace = real(rate, "learning_rate", positive=True, error=MethodError)
    floor = real(
        1e-3 if regularisation is None else regularisation, "regularisation", nonnegative=True, error=MethodError
    )
    require(shots is None or backend is not None, "backend", "be given where shots are", backend, MethodError)
    device = None if backend is None else find_backend(backend)

    def identify(said: Identity) -> None:
        """Enter what decides the result of this call into its identity."""
        given = {"circuit": circuit, "loss": loss, "theta0": theta0, "features": features, "labels": labels}
        given |= {"inputs": inputs, "observable": observable, "steps": steps, "learning_rate": pace}
        given |= {"optimizer": optimizer, "regularisation": floor, "metric": metric, "resamplings": resamplings}
        given |= dict(zip(("batch_size", "max_evaluations", "metric_rows", "shots"), limits))
        for name, value in given.items():
            said.add(name, value)
        said.add_backend("backend", device)

    with kept_call("train", folder, seed, identify, callback=callback) as call:
        entropy = _entropy(seed) if call.scope is None else call.entropy
        told = callback if callback is None or call.scope is None else outside(callback)
        options = Options(steps, pace, optimizer, floor, batch_size, max_evaluations, metric_rows, entropy, told)
        training = Training(task, options, call.backend(device), shots, metric, resamplings, call.scope)
        return kept_result(call, RESULT, training.go, TrainResult.save, training.loaded, lambda found: found.stop)


def _only_used(
    optimizer: str,
    backend: BackendLike | None,
    features: Array | None,
    measured: Mapping[str, object],
    regularisation: float | None,
    batch_size: int | None,
) -> None:
    """Raise :class:`MethodError` for an option that this training would leave aside."""
    natural = optimizer == "natural"
    for name, value in measured.items():
        must = "be None without a backend, where the metric is exact" if natural else f"be None for {optimizer!r}"
        require(value is None or (natural and backend is not None), name, must, value, MethodError)
    must = f"be None for {optimizer!r}, which solves nothing"
    require(regularisation is None or natural, "regularisation", must, regularisation, MethodError)
    for name, value in (("batch_size", batch_size), ("metric_rows", measured["metric_rows"])):
        require(value is None or features is not None, name, "be None without features", value, MethodError)


def _entropy(seed: int | None) -> int:
    if seed is None:
        return int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
    return integer(seed, "seed", 0, 2**128, MethodError)
