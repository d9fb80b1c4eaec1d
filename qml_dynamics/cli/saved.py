"""What ``qml-dynamics predict`` finds: a trajectory, a chain, a descent, a network or a trained circuit, by the files of its folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..base.archive import of, read_npz, reading
from ..base.errors import ProblemError, describe, real, require
from ..base.texts import parse_json
from ..learning.descent.result import RESULT as DESCENT_FILE
from ..learning.descent.result import Descent
from ..learning.growth.training import Trained
from ..learning.metts.chain import Chain
from ..learning.training.result import RESULT as TRAINING_FILE
from ..learning.training.result import TrainResult
from ..model.objectives.base import Model
from ..model.objectives.classifiers import BinaryClassifier
from ..model.objectives.prepared import Preparation
from ..model.problem import Problem
from ..model.tables.again import columns_of
from ..model.tables.cells import same_label
from ..model.tables.reading import IN_NEW_ROWS, Table, default_features, numbers_of, read_table
from ..results.members import need_best
from ..results.predictions import Predictor, only_of_a_density
from ..results.trajectory import Trajectory
from ..runs.sweeps.table import FILE as SWEEP
from ..runs.trajectory_file import TRAJECTORY, load
from .folders import CHAIN_FILE, DESCENT, DESCENT_RUN, NETWORK


@dataclass(frozen=True, eq=False)
class SavedDescent:
    """The run of a descent, and the polished weights that stand beside it."""

    trajectory: Trajectory
    weights: tuple[float, ...]

    @property
    def problem(self) -> Problem:
        """What was run."""
        return self.trajectory.problem

    def predictor(self, weights: str | None, reading: str | None, time: float | None) -> Predictor:
        """As of a descent: ``"best"`` are the polished weights."""
        if weights not in (None, "best"):
            return self.trajectory.predictor(weights, reading, time)
        only_of_a_density("best", reading=reading, time=time)
        return self.trajectory.predictor(self.weights)


@dataclass(frozen=True)
class How:
    """The options that say how a run is read: weights, reading, saved time, what is told of each row, and the columns of a file."""

    weights: str | None = None
    reading: str | None = None
    time: float | None = None
    proba: bool = False
    interval: float | None = None
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class Ready:
    """A model that predicts rows of a file.

    Attributes:
        preparation: how rows of a file are read; None of a model that was made of arrays, whose columns have no names.
        predict: of rows ``(n, features)`` the labels ``(n,)``, or numbers ``(n,)`` or ``(n, k)``.
        classes: the labels, or None where numbers are predicted.
        probabilities: of all classes, ``(n, classes)``; None where numbers are predicted.
        share: of rows whose labels are known, how many are right.
        interval: the ends of the interval of the second class ``(n, 2)``; None where there is no law of weights.
        width: how many columns the model takes, of one that was made of arrays; None where it does not say.
    """

    preparation: Preparation | None
    predict: Callable[[np.ndarray], np.ndarray]
    classes: tuple[str, ...] | None
    probabilities: Callable[[np.ndarray], np.ndarray] | None
    share: Callable[[np.ndarray, np.ndarray], float]
    interval: Callable[[np.ndarray], np.ndarray] | None = None
    width: int | None = None

    def read(self, data: Path, columns: tuple[str, ...] | None) -> tuple[Table, np.ndarray]:
        """The table of a file, and its rows as the model takes them.

        Raises:
            ProblemError: it lacks a column, or ``columns`` are named where the model knows its own, or are not as many as it takes.
        """
        prepared = self.preparation
        if prepared is None:
            return self._by_place(data, columns)
        must = "be left out for a model that knows the names of its columns"
        require(columns is None, "columns", must, columns)
        table = read_table(data, columns_of(prepared.features, prepared.kinds))
        return table, prepared.rows_of(table, "data")

    def _by_place(self, data: Path, columns: tuple[str, ...] | None) -> tuple[Table, np.ndarray]:
        """Columns in the order in which they are named or stand in the file; one value in all rows is no reason to leave one out."""
        table = read_table(data, columns or ())
        chosen = columns or tuple(feature.name for feature in default_features(table, constant=True)[0])
        numeric = tuple(name for name in table.header if table.known[name].numeric)
        if columns is None and self.width is not None and len(numeric) > self.width:
            chosen = numeric  # identifiers too: which of them are meant must be said
        if self.width is not None and len(chosen) != self.width:
            raise ProblemError(
                f"Argument `columns` must name {self.width} columns of numbers in the order of the rows of the training, which was "
                f"made of arrays without names, but {data} has {describe(', '.join(chosen))}."
            )
        return table, np.column_stack([numbers_of(table, name, "columns", IN_NEW_ROWS) for name in chosen])


def ready(path: Path, how: How, *, allow_code: bool = False) -> Ready:
    """The model of what is saved at a path: a file of a trajectory, a chain, a descent, a network or a trained circuit, or a folder of
    ``run``, ``submit``, ``anneal``, ``descend``, ``grow``, `evolve`, `metts` or `train`.

    Raises:
        ProblemError: there is none of them, it has no model on a data file, or an option would be left aside.
    """
    if (path / NETWORK).is_file() or (path.is_file() and _kind(path) == "network"):
        return _network(Trained.load(path / NETWORK if path.is_dir() else path), how)
    if (path / TRAINING_FILE).is_file() or (path.is_file() and _kind(path) == "training"):
        return _circuit(TrainResult.load(path / TRAINING_FILE if path.is_dir() else path), how)
    found = _saved(path, allow_code)
    law = found.predictor(how.weights, how.reading, how.time)
    classes = None if law.classes is None else tuple(str(name) for name in law.classes)
    probabilities = None if classes is None else law.predict_proba  # a model of a person's own has labels only
    spread = law if how.weights == "vote" else found.predictor("mean", how.reading, how.time)
    level = how.interval  # of the density, which best weights are no law of
    interval = None if level is None else lambda X: spread.interval(X, level)
    prepared = law.objective.preparation
    return Ready(prepared, law.predict, classes, probabilities, law.score, interval, _width(law.model))


def _width(model: Model) -> int | None:
    """How many columns a model takes; None of one of a person's own."""
    return model.num_features if isinstance(model, BinaryClassifier) else None


def _circuit(found: TrainResult, how: How) -> Ready:
    """A trained circuit, which takes rows of its training and has no law of weights."""
    need_best("best" if how.weights is None else how.weights, "a trained circuit")
    only_of_a_density("best", reading=how.reading, time=how.time, interval=how.interval)
    width = None if found.reader is None else found.reader.width
    if found.classes is None:
        return Ready(None, found.predict, None, None, found.score, width=width)
    names = tuple(str(name) for name in found.classes)
    return Ready(None, found.predict, names, found.predict_proba, found.score, width=width)


def _network(found: Trained, how: How) -> Ready:
    """A grown network, which has no law of weights."""
    need_best("best" if how.weights is None else how.weights, "a grown network")
    only_of_a_density("best", reading=how.reading, time=how.time, interval=how.interval)

    def share(X: np.ndarray, labels: np.ndarray) -> float:
        """How many labels are those of the file, by their values."""
        pairs = zip(labels.tolist(), found.predict(X).tolist())
        return float(np.mean([same_label(str(label), str(said)) for label, said in pairs]))

    if found.classes is None:
        names = tuple(str(number) for number in range(found.network.sizes[-1]))
    else:
        names = tuple(str(name) for name in found.classes)
    return Ready(found.preparation, found.predict, names, found.predict_proba, share, width=found.network.sizes[0])


def _kind(path: Path) -> str:
    """What a file holds: "trajectory", or the kind of result that its head names."""
    must = f"Argument `run` must be a saved run, but {path} is not"
    arrays = read_npz(path, must)
    if "head" not in arrays:
        return "trajectory"
    with reading(must):
        kind: str = of(of(parse_json(str(arrays["head"])), dict, "head")["kind"], str, "kind")
    return kind


def _saved(path: Path, allow_code: bool) -> Trajectory | Chain | Descent | SavedDescent:
    if (path / SWEEP).is_file():
        raise ProblemError(
            f"Argument `run` must be one run, but {path} is a sweep of many: name one of its points, as {path / 'points' / '000000'}."
        )
    if (path / DESCENT_FILE).is_file():
        return Descent.load(path / DESCENT_FILE, allow_code=allow_code)
    if path.is_dir() and not (path / TRAJECTORY).is_file():
        if (path / DESCENT).is_file() and (path / DESCENT_RUN).is_file():
            return _descent(path, allow_code)
        if (path / CHAIN_FILE).is_file():
            return Chain.load(path / CHAIN_FILE)
    kind = _kind(path) if path.is_file() else "trajectory"
    if kind == "descent":
        return Descent.load(path, allow_code=allow_code)
    if kind != "trajectory":
        return Chain.load(path)
    return load(path, allow_code=allow_code)


def _descent(folder: Path, allow_code: bool) -> SavedDescent:
    """The folder of ``descend``."""
    where = folder / DESCENT
    run = load(folder / DESCENT_RUN, allow_code=allow_code)
    with reading(f"Argument `run` must be the folder of a descent, but {where} is damaged"):
        said = of(parse_json(where.read_text(encoding="utf-8")), dict, DESCENT)
        listed = of(said["weights"], list, "weights")
        require(len(listed) == run.problem.domain.ndim, "weights", f"be {run.problem.domain.ndim} numbers", listed)
        return SavedDescent(run, tuple(real(w, "weights") for w in listed))
