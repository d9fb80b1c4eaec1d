"""Outputs of a trained circuit for new rows, and the circuit in the file of its training: QPY beside plain data.

A circuit that no file stores is left out: then the file holds the parameters alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import qiskit

from ...backends.records import Record, probe, same_probe
from ...backends.stored import circuit_bytes, circuit_from_bytes
from ...base.archive import checked, of
from ...base.errors import MethodError, ProblemError, require
from ...methods.variational.ansatz.reader import program_from_circuit
from ...model.masks import mask_texts, masks_from_texts
from ...model.pauli import PauliSum
from .account import Exact, Task


@dataclass(frozen=True, eq=False)
class Reader:
    """The exact outputs of a task at parameters ``theta``, for rows of ``width`` columns."""

    task: Task
    theta: np.ndarray
    width: int

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Expectation values (or probabilities) of new rows ``(m, width)``, shape ``(m, k)``."""
        if not self.width and features.shape[1]:
            raise MethodError(NO_ROWS)
        must = f"have {self.width} columns"
        require(features.shape[1] == self.width, "features", must, f"of {features.shape[1]}", MethodError)
        return Exact(self.task).outputs(self.theta, features)

    def parts(self) -> dict[str, object] | None:
        """The circuit and what is read of it, for a file; None where a gate cannot be stored."""
        task = self.task
        try:
            data = circuit_bytes(task.circuit)
        except MethodError:
            return None
        read = None
        if task.outputs is not None:
            read = [(o.num_qubits, mask_texts(o.x), mask_texts(o.z), o.coefficients) for o in task.outputs]
        known = probe(circuit_from_bytes(data)).to_plain()
        places = {"inputs": task.inputs, "trained": task.trained, "width": self.width, "theta": self.theta}
        return {
            "qpy": np.frombuffer(data, dtype=np.uint8),
            "qiskit": qiskit.__version__,
            "probe": known,
            "read": read,
            **places,
        }


NO_ROWS = "A training without features has no model on data, which predictions need."


def reader_from(parts: Mapping[str, object]) -> Reader:
    """What :meth:`Reader.parts` gave.

    Raises:
        ProblemError: another version of Qiskit reads the circuit as one that does something else.
    """
    circuit = circuit_from_bytes(of(parts["qpy"], np.ndarray, "qpy").tobytes())
    then = of(parts["qiskit"], str, "qiskit")
    if then != qiskit.__version__ and not same_probe(Record.from_plain(of(parts["probe"], dict, "probe")), circuit):
        raise ProblemError(
            f"The circuit in the file was written by Qiskit {then}, and Qiskit {qiskit.__version__} reads one that does something else."
        )
    arrays = {name: of(parts[name], np.ndarray, name) for name in ("inputs", "trained", "theta")}
    places = {name: checked(arrays, name, "iu", (None,)) for name in ("inputs", "trained")}
    theta, width = checked(arrays, "theta", "f", places["trained"].shape), of(parts["width"], int, "width")
    program = program_from_circuit(circuit)
    both = np.sort(np.concatenate([places["inputs"], places["trained"]]))
    whole = np.array_equal(both, np.arange(len(program.names))) and len(places["inputs"]) == width
    require(whole, "path", "name every parameter of the circuit once", both.tolist())
    outputs = None
    if parts["read"] is not None:
        terms = [of(each, tuple, "read") for each in of(parts["read"], list, "read")]
        outputs = tuple(PauliSum(n, masks_from_texts(x, n), masks_from_texts(z, n), c) for n, x, z, c in terms)
    return Reader(Task(circuit, program, places["inputs"], places["trained"], outputs, _no_loss), theta, width)


def _no_loss(outputs: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
    raise MethodError("A training that was read from a file knows no loss: call `train` again.")
