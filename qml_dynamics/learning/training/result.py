"""`TrainResult`: a trained circuit, its record, its predictions, and its file."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ...base.archive import checked, of, reading
from ...base.arguments import checks_arguments
from ...base.errors import MethodError, line, require
from ...base.numeric import Array, as_numbers
from ...base.printing import cut, printed_briefly
from ...methods.gate import check_angles, check_numbers
from ...model.objectives.scores import given_labels, r_squared
from ...results.members import Shown, need_best
from ...results.predictions import share_right
from ...results.stored import read_result, write_result
from .losses import predicted
from .reader import NO_ROWS, Reader, reader_from

KIND, RESULT = "training", "training.npz"


@printed_briefly
@dataclass(frozen=True, eq=False)
class TrainResult(Shown):
    """A trained circuit.

    Attributes:
        theta: the parameters at the end, in the shape of ``theta0``.
        loss: before each step and at the end, shape ``(steps + 1,)`` (on a backend: estimates).
        accuracy: share of rows that are predicted right at the same moments, or None without labels that are classes.
        evaluations: circuits sent until then, shape ``(steps + 1,)``; exact runs count what a backend would have been sent.
        parameters: at the same moments, shape ``(steps + 1, p)``.
        optimizer: its name.
        stop: in a sentence, why it ended.
        seed: of everything that was drawn.
        classes: the label of each class, by which predictions are told: 0 and 1, or those of the labels that were given.
    """

    theta: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray | None
    evaluations: np.ndarray
    parameters: np.ndarray
    optimizer: str
    stop: str
    seed: int
    _outputs: Callable[[np.ndarray], np.ndarray] = field(repr=False)
    classes: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        check_angles(self.parameters, "learning_rate")
        check_numbers({"the loss": self.loss, "the accuracy": self.accuracy}, "loss")

    @checks_arguments
    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write parameters, record and circuit to one ``.npz`` file, whole or not at all; :meth:`load` reads them back to the bit."""
        parts = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "_outputs"}
        circuit = self._outputs.parts() if isinstance(self._outputs, Reader) else None
        return write_result(path, KIND, {**parts, "circuit": circuit})

    @classmethod
    @checks_arguments
    def load(cls, path: str | os.PathLike[str]) -> TrainResult:
        """What :meth:`save` wrote, or ``train(folder=...)`` as ``training.npz``.

        A circuit of gates that no file stores is not in it, nor in files of earlier versions: then ``outputs``, ``predict`` and
        ``score`` are there after the same call of ``train`` with its folder, which reads the file.

        Raises:
            ProblemError: the file is no saved training, or was damaged or changed.
        """
        parts = read_result(path, KIND)
        circuit = parts.pop("circuit", None)  # which earlier versions did not write
        with reading(f"Argument `path` must be a saved {KIND}, but {path} is not"):
            names = [f.name for f in fields(cls) if f.name != "_outputs"]
            require(sorted(parts) == sorted(names), "path", f"hold {', '.join(names)}", ", ".join(parts))
            for name in ("theta", "loss", "evaluations", "parameters"):
                of(parts[name], np.ndarray, name)
            for name in ("optimizer", "stop"):
                of(parts[name], str, name)
            arrays = {name: value for name, value in parts.items() if isinstance(value, np.ndarray)}
            steps, count = len(checked(arrays, "loss", "f", (None,))), arrays["theta"].size
            checked(arrays, "evaluations", "iu", (steps,))
            checked(arrays, "parameters", "f", (steps, count))
            checked(arrays, "theta", "f", arrays["theta"].shape)
            if parts["accuracy"] is not None:
                checked({"accuracy": of(parts["accuracy"], np.ndarray, "accuracy")}, "accuracy", "f", (steps,))
            of(parts["classes"], (tuple, type(None)), "classes")
            of(parts["seed"], int, "seed")
            require(steps > 0, "path", "hold a loss before the first step", "of none")
            read = _no_circuit if circuit is None else reader_from(of(circuit, dict, "circuit"))
            made = cls(**parts, _outputs=read)  # type: ignore[arg-type]
        return made

    @property
    def reader(self) -> Reader | None:
        """The circuit as ``reader.task.circuit`` and the columns of a row as ``reader.width``; None where they are not known."""
        return self._outputs if isinstance(self._outputs, Reader) else None

    def outputs(self, features: ArrayLike) -> np.ndarray:
        """Expectation values (or probabilities) of new rows, exact, shape ``(m, k)``."""
        try:
            rows = np.atleast_2d(as_numbers(features))
        except Exception:  # of any kind: the person's own object makes the array
            rows = np.empty((0, 0, 0))
        fits = rows.ndim == 2 and bool(np.isfinite(rows).all())
        require(fits, "features", "be a matrix of finite numbers, one row a prediction", features, MethodError)
        return self._outputs(rows)

    def _answers(self, features: ArrayLike) -> np.ndarray:
        """The outputs of rows that have columns."""
        outputs = self.outputs(features)
        if not np.atleast_2d(np.asarray(features)).shape[1]:
            raise MethodError(NO_ROWS)
        return outputs

    @checks_arguments
    def predict(self, features: Array, weights: str = "best") -> np.ndarray:
        """Classes of new rows, in the labels that were given; the outputs themselves where the labels were no classes.

        By the sign of one expectation value (negative: class 1 of 0 and 1, or -1), or by the largest of several.

        Args:
            features: rows, as in training, shape ``(m, d)``.
            weights: ``"best"``, the parameters at the end: there is no law over them.

        Returns:
            Shape ``(m,)``; of several outputs that are no classes ``(m, k)``.

        Raises:
            MethodError: the rows do not fit the circuit, there is none (after :meth:`load`), or the training had no rows.
        """
        need_best(weights, "a trained circuit")
        outputs = self._answers(features)
        if self.classes is None:
            return outputs[:, 0] if outputs.shape[1] == 1 else outputs
        return np.asarray(np.array(self.classes)[predicted(outputs)])

    @checks_arguments
    def predict_proba(self, features: Array, weights: str = "best") -> np.ndarray:
        """Probabilities of the classes of new rows, shape ``(m, k)``: ``(1 +- <Z>) / 2`` of one expectation value, or the outputs
        where they are probabilities.

        Raises:
            MethodError: as of :meth:`predict`; the labels were no classes; or the outputs are several expectation values, which are
                no probabilities.
        """
        need_best(weights, "a trained circuit")
        outputs = self._answers(features)
        must = "be rows of a circuit that returns probabilities or one expectation value"
        require(self.classes is not None, "features", "be rows of a training on classes", "of targets", MethodError)
        if outputs.shape[1] == 1:
            up = np.clip((1 + outputs[:, 0]) / 2, 0.0, 1.0)
            return np.column_stack([up, 1 - up])
        law = bool((outputs >= -1e-9).all()) and bool(np.allclose(outputs.sum(axis=1), 1.0, atol=1e-6))
        require(law, "features", must, "of others", MethodError)
        return np.asarray(np.clip(outputs, 0.0, 1.0))

    @checks_arguments
    def score(self, features: Array, labels: Array, weights: str = "best") -> float:
        """Share of rows that are predicted right; where the labels were no classes R^2 of the outputs.

        Raises:
            MethodError: as of :meth:`predict`, or there is no label for each row.
        """
        found, truth = self.predict(features, weights), given_labels(labels, "labels", MethodError)
        if self.classes is None:
            return r_squared(
                truth.reshape(found.shape) if truth.size == found.size else truth, found, "labels", MethodError
            )
        truth = truth[:, 0] if truth.ndim == 2 and truth.shape[1] == 1 else truth
        require(
            truth.shape == found.shape, "labels", f"have {len(found)} entries", f"of shape {truth.shape}", MethodError
        )
        require(len(found) > 0, "labels", "have at least one entry", "of length 0", MethodError)
        return share_right(found, truth, self.classes, "labels", MethodError)

    def __str__(self) -> str:
        right = "" if self.accuracy is None else f", accuracy {self.accuracy[0]:.3f} -> {self.accuracy[-1]:.3f}"
        ends = f"loss {self.loss[0]:.6g} -> {self.loss[-1]:.6g}{right}"
        steps = f"{len(self.loss) - 1} steps and {self.evaluations[-1]:,} circuits"
        return cut(f"{self.optimizer}: {ends} in {steps}; {line(self.stop)}")


def _no_circuit(features: np.ndarray) -> np.ndarray:
    raise MethodError(
        "Argument `features` must go through the circuit, but a file of a training has none: call `train` with its folder again."
    )
