"""What ``qml-dynamics predict`` finds: a trajectory, a chain or a descent, by the files of its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..base.archive import of, read_npz, reading
from ..base.errors import real, require
from ..base.texts import parse_json
from ..learning.metts.chain import Chain
from ..model.problem import Problem
from ..results.predictions import Predictor, only_of_a_density
from ..results.trajectory import Trajectory
from ..runs.trajectory_file import TRAJECTORY, load
from .folders import CHAIN_FILE, DESCENT, DESCENT_RUN


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


def saved(path: Path, *, allow_code: bool = False) -> Trajectory | Chain | SavedDescent:
    """What is saved at a path: a file of a trajectory or a chain, or a folder of ``run``, ``anneal``, ``descend``, `evolve` or `metts`.

    Raises:
        ProblemError: there is none of them.
    """
    if path.is_dir() and not (path / TRAJECTORY).is_file():
        if (path / DESCENT).is_file() and (path / DESCENT_RUN).is_file():
            return _descent(path, allow_code)
        if (path / CHAIN_FILE).is_file():
            return Chain.load(path / CHAIN_FILE)
    if path.is_file() and "head" in read_npz(path, f"Argument `run` must be a saved run, but {path} is not"):
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
