"""Tasks of a training: which parameters are data, which operator is read, and the loss of a row."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ...base.errors import MethodError, UnusedArgumentWarning, describe, one_of, require
from ...base.numeric import as_numbers
from ...methods.variational.ansatz import CircuitAnsatz
from ...methods.variational.ansatz.reader import program_from_circuit
from ...methods.variational.derivatives import check_derivatives
from ...methods.variational.options import parameters
from ...model.pauli import OperatorLike, PauliSum, pauli_sum
from ...synthesis.foreign import opened
from .account import Task
from .labels import Labels, Loss, read_labels
from .qnodes import read_signature

if TYPE_CHECKING:
    from pennylane import QNode


_CLIP = 1e-9
_CHECKED_ROWS = 3  # of the data, at which derivatives of angles are compared with difference quotients


@dataclass(frozen=True, eq=False)
class Statement:
    """The arguments of `train` that say what is learned."""

    circuit: Any
    loss: Any
    theta0: Any
    features: Any
    labels: Any
    inputs: str | Sequence[Any] | None
    observable: Any


@dataclass(frozen=True, eq=False)
class Data:
    """A task with its data.

    Attributes:
        task: see `training.Task`.
        theta0: flat.
        shape: that ``theta0`` was given in.
        features: shape ``(m, d)``; one row without columns where there is no data.
        read: the labels, as the loss compares with them and as classes.
    """

    task: Any
    theta0: np.ndarray
    shape: tuple[int, ...]
    features: np.ndarray
    read: Labels

    @property
    def labels(self) -> np.ndarray | None:
        """What the loss compares outputs with: an array with m entries, or None."""
        return self.read.values

    @property
    def classes(self) -> bool:
        """Whether the labels are classes that predictions are compared with."""
        return self.read.classes is not None


def state_task(given: Statement) -> Data:
    """Check everything, read the circuit."""
    features, labels = _data(given)
    circuit, inputs, wires, given = _circuit(given, features)
    program = program_from_circuit(circuit)
    names = list(program.names)
    places = np.array(
        [one_of(name, "inputs", names, MethodError) and names.index(name) for name in inputs], dtype=np.intp
    )
    require(len(set(inputs)) == len(inputs), "inputs", "be different parameters", inputs, MethodError)
    must = f"name one parameter for each of {features.shape[1]} features"
    require(len(inputs) == features.shape[1], "inputs", must, f"of length {len(inputs)}", MethodError)
    trained = np.setdiff1d(np.arange(len(names)), places)
    require(len(trained) > 0, "circuit", "have trainable parameters", f"of {len(names)} parameters", MethodError)
    theta0 = parameters(np.ravel(given.theta0), "theta0", len(trained))
    outputs, loss = _outputs_and_loss(given, wires or range(program.num_qubits))
    if "measure" in circuit.count_ops():
        circuit = circuit.remove_final_measurements(inplace=False)
    task = Task(circuit, program, places, trained, outputs, loss)
    for row in features[:_CHECKED_ROWS]:
        check_derivatives(program.angles, task.full(np.array(theta0), row), names, "circuit")
    count = 1 << program.num_qubits if outputs is None else len(outputs)
    read = _read(given, labels, count, 1.0 if outputs is None else max(o.bound() for o in outputs))
    return Data(task, np.array(theta0), np.shape(given.theta0), features, read)


def _read(given: Statement, labels: np.ndarray | None, count: int, reach: float) -> Labels:
    """The labels by their set; an energy compares with none."""
    if not isinstance(given.loss, str):
        energy = not callable(given.loss) or _is_operator(given.loss)
        require(not energy or labels is None, "labels", "be absent where the loss is an operator", labels, MethodError)
        return Labels(None) if given.features is None or energy else read_labels(labels, "own", count)
    kind: Loss = "cross_entropy" if given.loss == "cross_entropy" else "squared"
    return read_labels(labels, kind, count, reach)


def _data(given: Statement) -> tuple[np.ndarray, np.ndarray | None]:
    if given.features is None:
        require(given.labels is None, "labels", "be absent without features", given.labels, MethodError)
        return np.zeros((1, 0)), None
    try:
        features = as_numbers(given.features)
    except Exception:  # of any kind: the person's own object makes the array
        features = np.empty(0)
    ok = features.ndim == 2 and features.size > 0 and bool(np.isfinite(features).all())
    require(ok, "features", "be finite, of shape (rows, columns)", describe(given.features), MethodError)
    if given.labels is None:
        return features, None
    labels = np.asarray(given.labels)
    must = f"have one entry for each of {len(features)} rows"
    require(labels.ndim >= 1 and len(labels) == len(features), "labels", must, f"of shape {labels.shape}", MethodError)
    return features, labels


def _circuit(given: Statement, features: np.ndarray) -> tuple[Any, list[str], tuple[Any, ...] | None, Statement]:
    """The circuit, the names of the parameters that take data, the labels of its wires; and what a QNode says it returns."""
    source = given.circuit.source if isinstance(given.circuit, CircuitAnsatz) else given.circuit
    if hasattr(source, "count_ops"):
        listed = (given.inputs,) if isinstance(given.inputs, str) else given.inputs
        inputs = [getattr(p, "name", p) for p in (() if listed is None else listed)]
        return opened(source), inputs, getattr(given.circuit, "wires", None), given
    return _qnode(given, source, features)


def _qnode(
    given: Statement, source: QNode, features: np.ndarray
) -> tuple[Any, list[str], tuple[Any, ...] | None, Statement]:
    """A QNode, its row found by name, and its own return value as the observable where none is given."""
    from ...methods.variational.ansatz.pennylane import read_qnode, returned

    theta0, width = np.asarray(given.theta0, dtype=float), features.shape[1]
    if not width:
        require(given.inputs is None, "inputs", "be absent without features", given.inputs, MethodError)
    row_first = not width or read_signature(source, given.inputs).row_first
    arguments = ((features[0], theta0) if row_first else (theta0, features[0])) if width else (theta0,)
    read = read_qnode(source, arguments, {})
    if read.shots is not None:
        text = f"The {read.shots} shots of the QNode take no part: give `backend` and `shots` where outputs are to be sampled."
        warnings.warn(text, UnusedArgumentWarning, stacklevel=5)
    names = [p.name for p in read.circuit.parameters]
    inputs = (names[:width] if row_first else names[len(names) - width :]) if width else []
    energy = not isinstance(given.loss, str) and (not callable(given.loss) or _is_operator(given.loss))
    if given.observable is None and not energy:
        given = replace(given, observable=returned(read.measurements, read.wires))
    return read.circuit, inputs, read.wires, given


def _outputs_and_loss(given: Statement, wires: Sequence[Hashable]) -> tuple[tuple[PauliSum, ...] | None, Any]:
    n = len(wires)
    if not isinstance(given.loss, str) and (not callable(given.loss) or _is_operator(given.loss)):
        must = "be absent where the loss is an operator"
        require(given.observable is None, "observable", must, given.observable, MethodError)
        return (operator_on(given.loss, wires, "loss"),), _energy
    loss = given.loss
    if isinstance(loss, str):
        must = f"be given for the loss {loss!r}"
        loss = LOSSES[one_of(loss, "loss", LOSSES, MethodError)]
        require(given.labels is not None, "labels", must, None, MethodError)
    if isinstance(given.observable, str):
        one_of(given.observable, "observable", ("probabilities",), MethodError)
        return None, log_likelihood if loss is cross_entropy else loss
    if given.observable is None:
        return (PauliSum(n, np.array([0]), np.array([1]), np.array([1.0])),), loss
    several = isinstance(given.observable, (list, tuple)) and all(map(_is_operator, given.observable))
    listed = given.observable if several else [given.observable]
    return tuple(operator_on(o, wires, "observable") for o in listed), loss


def _is_operator(given: object) -> bool:
    return hasattr(given, "paulis") or hasattr(given, "pauli_rep") or getattr(given, "ndim", 0) == 2


def operator_on(given: OperatorLike, wires: Sequence[Hashable], name: str) -> PauliSum:
    """An operator on these wires, the first of them the highest qubit; PennyLane's act on the wires that they name."""
    terms = pauli_sum(given, wires, name)
    require(terms.num_qubits == len(wires), name, f"act on {len(wires)} qubits", f"on {terms.num_qubits}", MethodError)
    return terms


def _energy(outputs: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
    return outputs[:, 0]


def cross_entropy(outputs: np.ndarray, labels: ArrayLike | None) -> np.ndarray:
    """Minus the log-likelihood of the labels, one value a row.

    One expectation value: class 1 has the probability ``(1 - <O>) / 2``. Several: their softmax. (With
    ``observable="probabilities"`` it is :func:`log_likelihood`.)

    >>> cross_entropy(np.array([[0.0], [-1.0]]), np.array([0, 1])).round(3).tolist()
    [0.693, 0.0]
    """
    y = np.asarray(labels).astype(int)
    if outputs.shape[1] == 1:
        p = np.clip((1 - outputs[:, 0]) / 2, _CLIP, 1 - _CLIP)
        return -np.where(y == 1, np.log(p), np.log1p(-p))
    grown = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return log_likelihood(grown / grown.sum(axis=1, keepdims=True), y)


def log_likelihood(probabilities: np.ndarray, labels: ArrayLike | None) -> np.ndarray:
    """Minus the logarithm of the probability of the label, one value a row.

    >>> log_likelihood(np.array([[0.5, 0.5, 0.0, 0.0]]), np.array([1])).round(3).tolist()
    [0.693]
    """
    y = np.asarray(labels).astype(int)
    out: np.ndarray = -np.log(np.clip(probabilities[np.arange(len(y)), y], _CLIP, None))
    return out


def squared(outputs: np.ndarray, labels: ArrayLike) -> np.ndarray:
    """``sum_k (output - target)^2``; classes 0 and 1 come here as the targets 1 and -1 (see :func:`.labels.read_labels`).

    >>> squared(np.array([[0.5]]), np.array([-1.0])).tolist()
    [2.25]
    """
    y = np.asarray(labels)
    out: np.ndarray = ((outputs - y.reshape(len(outputs), -1).astype(float)) ** 2).sum(axis=1)
    return out


LOSSES = {"cross_entropy": cross_entropy, "squared": squared}


def predicted(outputs: np.ndarray) -> np.ndarray:
    """Classes from outputs.

    >>> predicted(np.array([[0.2], [-0.1]])).tolist()
    [0, 1]
    """
    return (outputs[:, 0] < 0).astype(int) if outputs.shape[1] == 1 else outputs.argmax(axis=1)
