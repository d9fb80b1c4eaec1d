"""What ``qml-dynamics predict`` finds: a trajectory, a chain, a descent or a network, by the files of its folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..base.archive import of, read_npz, reading
from ..base.errors import ProblemError, real, require
from ..base.texts import parse_json
from ..learning.growth.training import Trained
from ..learning.metts.chain import Chain
from ..model.objectives.prepared import Preparation, refuse_without_model
from ..model.problem import Problem
from ..model.tables.cells import same_label
from ..results.members import need_best
from ..results.predictions import Predictor, only_of_a_density
from ..results.trajectory import Trajectory
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
    """The options that say how a run is read: weights, reading, saved time, and what is told of each row."""

    weights: str | None = None
    reading: str | None = None
    time: float | None = None
    proba: bool = False
    interval: float | None = None


@dataclass(frozen=True, eq=False)
class Ready:
    """A model that predicts rows of a file.

    Attributes:
        preparation: how rows are read.
        predict, probabilities: of rows ``(n, features)`` the labels ``(n,)``, and the probabilities of all classes ``(n, classes)``.
        share: of rows whose labels are known, how many are right.
        interval: the ends of the interval of the second class ``(n, 2)``; None where there is no law of weights.
    """

    preparation: Preparation
    predict: Callable[[np.ndarray], np.ndarray]
    probabilities: Callable[[np.ndarray], np.ndarray]
    share: Callable[[np.ndarray, np.ndarray], float]
    interval: Callable[[np.ndarray], np.ndarray] | None = None


def ready(path: Path, how: How, *, allow_code: bool = False) -> Ready:
    """The model of what is saved at a path: a file of a trajectory, a chain or a network, or a folder of ``run``, ``anneal``,
    ``descend``, ``grow``, `evolve` or `metts`.

    Raises:
        ProblemError: there is none of them, it has no model on a data file, or an option would be left aside.
    """
    if (path / NETWORK).is_file() or (path.is_file() and _kind(path) == "network"):
        return _network(Trained.load(path / NETWORK if path.is_dir() else path), how)
    found = _saved(path, allow_code)
    prepared = _prepared(refuse_without_model(found.problem.objective).preparation)
    law = found.predictor(how.weights, how.reading, how.time)
    if how.interval is None:
        return Ready(prepared, law.predict, law.predict_proba, law.score)
    level = how.interval  # of the density, which best weights are no law of
    spread = law if how.weights == "vote" else found.predictor("mean", how.reading, how.time)
    return Ready(prepared, law.predict, law.predict_proba, law.score, lambda X: spread.interval(X, level))


def _prepared(preparation: Preparation | None) -> Preparation:
    if preparation is None:
        raise ProblemError(
            "Argument `run` must be a run on a data file, whose columns are known by name, but its loss was made of arrays: use "
            "`qml_dynamics.load(run).predict(X)` in Python."
        )
    return preparation


def _network(found: Trained, how: How) -> Ready:
    """A grown network, which has no law of weights."""
    need_best("best" if how.weights is None else how.weights, "a grown network")
    only_of_a_density("best", reading=how.reading, time=how.time, interval=how.interval)

    def share(X: np.ndarray, labels: np.ndarray) -> float:
        """How many labels are those of the file, by their values."""
        pairs = zip(labels.tolist(), found.predict(X).tolist())
        return float(np.mean([same_label(str(label), str(said)) for label, said in pairs]))

    return Ready(_prepared(found.preparation), found.predict, found.predict_proba, share)


def _kind(path: Path) -> str:
    """What a file holds: "trajectory", or the kind of result that its head names."""
    must = f"Argument `run` must be a saved run, but {path} is not"
    arrays = read_npz(path, must)
    if "head" not in arrays:
        return "trajectory"
    with reading(must):
        kind: str = of(of(parse_json(str(arrays["head"])), dict, "head")["kind"], str, "kind")
    return kind


def _saved(path: Path, allow_code: bool) -> Trajectory | Chain | SavedDescent:
    if path.is_dir() and not (path / TRAJECTORY).is_file():
        if (path / DESCENT).is_file() and (path / DESCENT_RUN).is_file():
            return _descent(path, allow_code)
        if (path / CHAIN_FILE).is_file():
            return Chain.load(path / CHAIN_FILE)
    if path.is_file() and _kind(path) != "trajectory":
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
