"""Training loops by natural gradient, Adam and SPSA, with circuits and shots counted in the same way."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...backends import Backend
from ...backends import backend as find_backend
from ...base.archive import checked, of, reading
from ...base.arguments import checks_arguments
from ...base.errors import MethodError, line, require
from ...base.numeric import Array, as_numbers
from ...base.printing import cut, printed_briefly
from ...methods.gate import check_angles, check_numbers
from ...methods.variational.engine.linear import solve
from ...methods.variational.measured.estimates import nearest_metric
from ...model.objectives.scores import given_labels, r_squared
from ...results.journal import Scope
from ...results.members import Shown, need_best
from ...results.predictions import share_right
from ...results.stored import read_result, write_result
from .account import Exact, Report, Sampled
from .losses import Data, predicted
from .reader import NO_ROWS, Reader, reader_from

KIND, RESULT = "training", "training.npz"
_BETA1, _BETA2, _SMALL = 0.9, 0.999, 1e-8
_DRAW, _ROWS, _BATCH = 1, 2, 3


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


@dataclass(frozen=True)
class Options:
    """How to train, as in `train.train`."""

    steps: int
    rate: float
    optimizer: str
    regularisation: float
    batch_size: int | None
    max_evaluations: int | None
    metric_rows: int | None
    seed: int
    callback: Callable[[int, np.ndarray, float], Any] | None


class Training:
    """The state of one training."""

    def __init__(
        self,
        data: Data,
        options: Options,
        backend: Backend | None,
        shots: int | None,
        metric: str,
        again: int,
        scope: Scope | None = None,
    ) -> None:
        self.data, self.options, self.scope = data, options, scope
        self.exact = Exact(data.task)
        self.sampled = Sampled(data.task, backend or find_backend("statevector"), shots, metric, again)
        self.measures = backend is not None
        self.theta = np.array(data.theta0)
        self.step = 0
        self.spent = 0
        self.first, self.second = np.zeros_like(self.theta), np.zeros_like(self.theta)
        self.rows: list[tuple[float, float, int, np.ndarray]] = []

    def _seed(self, *key: int) -> int:
        child = np.random.SeedSequence(self.options.seed, spawn_key=(self.step, *key))
        return int(child.generate_state(1, np.uint64)[0] >> np.uint64(1))

    def _draw(self, kind: int) -> np.random.Generator:
        return np.random.default_rng(self._seed(kind))

    def go(self) -> TrainResult:
        """All steps."""
        stop = f"all {self.options.steps} steps taken"
        try:
            for step in range(self._restored(), self.options.steps):
                self.step = step
                self._store()
                features, labels = self._batch()
                if self._over(self._price(len(features))):
                    stop = f"the budget of {self.options.max_evaluations} circuits allows no more"
                    break
                before = self.theta
                mean = {"natural": self._natural, "adam": self._adam, "spsa": self._spsa}[self.options.optimizer](
                    features, labels
                )
                if self.options.callback is not None and self.options.callback(self.step, before.copy(), mean):
                    self.theta = before
                    stop = "the callback ended it"
                    break
        except KeyboardInterrupt:
            stop = f"interrupted from the keyboard after {self.step} steps"
        return self._result(stop)

    def _store(self) -> None:
        """Keep where the training stands before a step; with a backend, whose answers cost more, before each one."""
        if self.scope is None:
            return
        meta = {"step": self.step, "spent": self.spent}
        state = {"theta": self.theta, "first": self.first, "second": self.second}
        self.scope.save_state(meta, state, always=self.measures, more=self._record)

    def _record(self) -> dict[str, np.ndarray]:
        columns = list(zip(*self.rows)) or [(), (), (), ()]
        thetas = np.array(columns[3]).reshape(len(self.rows), len(self.theta))
        return {"losses": np.array(columns[0]), "right": np.array(columns[1]), "spent": np.array(columns[2])} | {
            "thetas": thetas
        }

    def _restored(self) -> int:
        """The step at which an earlier process stood."""
        found = None if self.scope is None else self.scope.load_state()
        if found is None:
            return 0
        kept = found.arrays
        self.theta, self.first, self.second = kept["theta"], kept["first"], kept["second"]
        rows = zip(kept["losses"].tolist(), kept["right"].tolist(), kept["spent"].tolist(), kept["thetas"])
        self.rows = [(float(loss), float(right), int(spent), theta) for loss, right, spent, theta in rows]
        self.step, self.spent = int(str(found.meta["step"])), int(str(found.meta["spent"]))
        return self.step

    def _batch(self) -> tuple[np.ndarray, np.ndarray | None]:
        size, count = self.options.batch_size, len(self.data.features)
        if size is None or size >= count:
            return self.data.features, self.data.labels
        rows = np.sort(self._draw(_BATCH).choice(count, size, replace=False))
        labels = self.data.labels
        return self.data.features[rows], None if labels is None else labels[rows]

    def _price(self, rows: int) -> int:
        """Circuits of one step."""
        if self.options.optimizer == "spsa":
            return 2 * self.sampled.circuits(rows, False, 0)
        return self.sampled.circuits(rows, True, self._metric_rows(rows))

    def _metric_rows(self, rows: int) -> int:
        if self.options.optimizer != "natural":
            return 0
        return rows if self.options.metric_rows is None else min(rows, self.options.metric_rows)

    def _over(self, price: int) -> bool:
        limit = self.options.max_evaluations
        last = self.sampled.circuits(len(self.data.features), False, 0) if self.measures else 0
        return limit is not None and self.spent + price + last > limit

    def _note(self, outputs: np.ndarray, labels: np.ndarray | None, mean: float, price: int) -> float:
        check_angles(self.theta, "learning_rate")
        check_numbers({f"it at step {self.step}": mean}, "loss")
        right = (
            float(np.mean(predicted(outputs) == self.data.read.index(labels)))
            if self.data.classes and labels is not None
            else np.nan
        )
        self.rows.append((mean, right, self.spent, self.theta))
        self.spent += price
        return mean

    def _report(self, features: np.ndarray, labels: np.ndarray | None) -> Report:
        rows = self._metric_rows(len(features))
        if not self.measures:
            return self.exact.report(self.theta, features, labels)
        chosen = np.sort(self._draw(_ROWS).choice(len(features), rows, replace=False))
        return self.sampled.report(self.theta, features, labels, self._seed, chosen)

    def _natural(self, features: np.ndarray, labels: np.ndarray | None) -> float:
        report = self._report(features, labels)
        mean = self._note(report.outputs, labels, report.loss, self._price(len(features)))
        assert report.metric is not None
        floor = max(self.options.regularisation, report.metric.noise)
        velocity = solve(nearest_metric(report.metric.value), -report.half_gradient, floor).velocity
        self.theta = self.theta + self.options.rate * velocity
        return mean

    def _adam(self, features: np.ndarray, labels: np.ndarray | None) -> float:
        report = self._report(features, labels)
        mean = self._note(report.outputs, labels, report.loss, self._price(len(features)))
        gradient, count = 2 * report.half_gradient, self.step + 1
        self.first = _BETA1 * self.first + (1 - _BETA1) * gradient
        self.second = _BETA2 * self.second + (1 - _BETA2) * gradient**2
        slope = self.first / (1 - _BETA1**count)
        size = np.sqrt(self.second / (1 - _BETA2**count)) + _SMALL
        self.theta = self.theta - self.options.rate * slope / size
        return mean

    def _spsa(self, features: np.ndarray, labels: np.ndarray | None) -> float:
        """Two losses along one random direction; the record is their mean on a backend, which costs nothing more."""
        k, stable = self.step, 0.1 * self.options.steps
        gain = self.options.rate * ((1 + stable) / (k + 1 + stable)) ** 0.602
        length = 0.15 / (k + 1) ** 0.101
        signs = self._draw(_DRAW).choice([-1.0, 1.0], len(self.theta))
        sides = [self._outputs(self.theta + s * length * signs, features, i) for i, s in enumerate((1, -1))]
        up, down = (float(self.data.task.losses(side, labels).mean()) for side in sides)
        here = 0.5 * (sides[0] + sides[1]) if self.measures else self.exact.outputs(self.theta, features)
        mean = 0.5 * (up + down) if self.measures else float(self.data.task.losses(here, labels).mean())
        self._note(here, labels, mean, self._price(len(features)))
        self.theta = self.theta - gain * (up - down) / (2 * length) * signs
        return mean

    def _outputs(self, theta: np.ndarray, features: np.ndarray, side: int) -> np.ndarray:
        if not self.measures:
            return self.exact.outputs(theta, features)
        return self.sampled.outputs(theta, features, lambda *key: self._seed(side, *key))

    def _result(self, stop: str) -> TrainResult:
        data, theta = self.data, self.theta
        self.step = self.options.steps
        outputs = self._outputs(theta, data.features, 0)
        price = self.sampled.circuits(len(data.features), False, 0)
        self.spent += price if self.measures else 0
        self._note(outputs, data.labels, float(data.task.losses(outputs, data.labels).mean()), 0)
        losses, right, spent, thetas = (np.array(column) for column in zip(*self.rows))

        return TrainResult(
            theta.reshape(data.shape),
            losses,
            right if data.classes else None,
            spent,
            thetas,
            self.options.optimizer,
            stop,
            self.options.seed,
            self.reader(theta),
            data.read.classes,
        )

    def reader(self, theta: np.ndarray) -> Reader:
        """Outputs of new rows at these parameters."""
        return Reader(self.data.task, theta, self.data.features.shape[1])

    def loaded(self, path: Path) -> TrainResult:
        """The result of an earlier process, with the circuit."""
        found = TrainResult.load(path)
        return replace(found, _outputs=self.reader(found.parameters[-1]))
