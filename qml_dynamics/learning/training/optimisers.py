"""Training loops by natural gradient, Adam and SPSA, with circuits and shots counted in the same way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...backends import Backend
from ...backends import backend as find_backend
from ...methods.gate import check_angles, check_numbers
from ...methods.variational.engine.linear import solve
from ...methods.variational.measured.estimates import nearest_metric
from ...results.journal import Scope
from .account import Exact, Report, Sampled
from .losses import Data, predicted
from .reader import Reader
from .result import TrainResult

_BETA1, _BETA2, _SMALL = 0.9, 0.999, 1e-8
_DRAW, _ROWS, _BATCH = 1, 2, 3


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
