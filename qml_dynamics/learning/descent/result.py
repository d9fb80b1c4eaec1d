"""`Descent`: best samples, their refinement, numbers of evaluations, and the classical optimisers beside them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...base.archive import DAMAGE, of, reading
from ...base.arguments import checks_arguments, checks_arguments_but
from ...base.errors import integer, one_of, real, require
from ...base.estimate import Estimate, share_error
from ...base.printing import cut, printed_briefly
from ...base.registry import at
from ...model.domains import Grid
from ...model.problem import Problem
from ...results.members import Predicting
from ...results.predictions import Chosen, Predictor, law_of, only_of_a_density
from ...results.stored import read_result, write_result
from ...results.trajectory import Trajectory, plain
from .box import RADIUS, Box
from .ends import WORDS, End
from .polish import Polished, Rival

KIND, RESULT = "descent", "descent.npz"


@dataclass(frozen=True)
class Evaluations:
    """How often the loss was asked for, everything counted.

    Attributes:
        grid: points of the grid; the classical method, and the Walsh series of the circuits, take the loss on all of them.
        polish: by L-BFGS-B, differences included.
        gradients: exact gradients that L-BFGS-B took beside them.
        queries: potential factors of all the circuits that were run, each times its shots, in the weight basis and in the dual
            one (which gives the kinetic energy): what a device would ask that computes the loss coherently. 0 for classical runs.
        check: to see whether the polish has ended at a minimum.
    """

    grid: int
    polish: int = 0
    gradients: int = 0
    queries: int = 0
    check: int = 0

    @property
    def total(self) -> int:
        """Values of the loss that this run has taken: grid, polish and check."""
        return self.grid + self.polish + self.check


@printed_briefly
@dataclass(frozen=True, eq=False)
class Descent(Predicting):
    """What a descent found.

    Attributes:
        weights, loss: the best of the samples and of their polish, in the loss's own units.
        sample, sample_loss: the best of the samples alone. Samples are drawn from the last density; the least value of the
            grid is never read from the grid.
        uniform_loss: the best of as many points drawn uniformly from the same grid.
        samples: how many were drawn.
        polished: L-BFGS-B from the best different samples, best first.
        evaluations: of the loss.
        rivals: classical optimisers with as many evaluations, best first; empty where they were not asked for.
        success: probability that one sample is within 0.1 of the unit box of the known minimiser; None where it is not known.
        gap: ``loss`` above the known minimum; None where it is not known.
        trajectory: the run, over the unit box for an objective and over the problem's own domain for a problem.
        box: the map from the unit box; None for a problem.
        end: what the best polished sample stands at, by slope and curvature: a minimum, or none; None without a polish.
    """

    weights: tuple[float, ...]
    loss: float
    sample: tuple[float, ...]
    sample_loss: float
    uniform_loss: float
    samples: int
    polished: tuple[Polished, ...]
    evaluations: Evaluations
    rivals: tuple[Rival, ...]
    success: Estimate | None
    gap: float | None
    trajectory: Trajectory = field(repr=False)
    box: Box | None = None
    end: End | None = None

    @property
    def problem(self) -> Problem:
        """What was run."""
        return self.trajectory.problem

    @checks_arguments_but("weights")
    def predictor(
        self, weights: Chosen | None = None, reading: str | None = None, time: float | None = None
    ) -> Predictor:
        """As of its trajectory; ``"best"`` are the polished :attr:`weights`, own ones are in the loss's units."""
        if weights is None or (isinstance(weights, str) and weights == "best"):
            only_of_a_density("best", reading=reading, time=time)
            weights = self.weights
        found = law_of(self.trajectory, weights, reading, time)
        if isinstance(weights, str) or self.box is None:
            return found
        return replace(found, law=replace(found.law, points=self.box.unit(found.law.points)))

    @checks_arguments
    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the descent with its run to one ``.npz`` file, whole or not at all; :meth:`load` reads it back to the bit.

        A loss that is a function of yours is stored as its table of values, as by :meth:`Trajectory.save`.
        """
        parts: dict[str, object] = {f.name: getattr(self, f.name) for f in fields(self)}
        for name in _TABLES:
            parts[name] = None if parts[name] is None else vars(parts[name])
        for name in _LISTS:
            parts[name] = [vars(each) for each in getattr(self, name)]
        return write_result(path, KIND, {**parts, "trajectory": self.trajectory.to_arrays()})

    @classmethod
    @checks_arguments
    def load(cls, path: str | os.PathLike[str], *, allow_code: bool = False) -> Descent:
        """What :meth:`save` wrote, or ``descend(folder=...)`` as ``descent.npz``.

        Args:
            path: the file.
            allow_code: as for :func:`qml_dynamics.load`.

        Raises:
            ProblemError: the file is no saved descent, was damaged or changed, or names code.
        """
        parts: dict[str, Any] = read_result(path, KIND)
        with reading(f"Argument `path` must be a saved {KIND}, but {path} is not", damage=(*DAMAGE, TypeError)):
            names = [f.name for f in fields(cls)]
            require(sorted(parts) == sorted(names), "path", f"hold {', '.join(names)}", ", ".join(parts))
            for name, kind in _LISTS.items():
                parts[name] = tuple(
                    _checked(kind(**of(each, dict, name)), name) for each in of(parts[name], list, name)
                )
            for name, kind in _TABLES.items():
                parts[name] = None if parts[name] is None else _checked(kind(**of(parts[name], dict, name)), name)
            if parts["end"] is not None:
                one_of(parts["end"].kind, "end.kind", tuple(WORDS))
            of(parts["evaluations"], Evaluations, "evaluations")
            of(parts["success"], (Estimate, type(None)), "success")
            arrays: Mapping[str, np.ndarray] = of(parts["trajectory"], dict, "trajectory")
        parts["trajectory"] = at("runs.trajectory_file:from_arrays")(arrays, Path(path), allow_code=allow_code)
        with reading(f"Argument `path` must be a saved {KIND}, but {path} is not"):
            many, run = parts["trajectory"].problem.domain.ndim, cls(**parts)
            for name in ("weights", "sample"):
                listed = of(parts[name], tuple, name)
                require(len(listed) == many, name, f"be {many} numbers", listed)
            for name in ("loss", "sample_loss", "uniform_loss"):
                real(parts[name], name)
            integer(parts["samples"], "samples", 1, 2**63)
            if parts["gap"] is not None:
                real(parts["gap"], "gap")
        return run

    def __str__(self) -> str:
        where = ", ".join(f"{w:.6g}" for w in self.weights)
        e, run = self.evaluations, self.trajectory
        extra = f", {e.gradients} gradients" if e.gradients else ""
        extra += f"; {e.queries:,} coherent queries of the circuits" if e.queries else ""
        lines = [
            f"loss {self.loss:.8g} at ({where})" + ("" if self.gap is None else f", {self.gap:.2e} above the minimum"),
            f"best of {self.samples} samples: {self.sample_loss:.6g}; of as many uniform ones: {self.uniform_loss:.6g}",
            f"evaluations: {e.grid:,} on the grid, {e.polish:,} by the polish{extra}",
            f"{run.method} on {run.problem.domain.num_qubits} qubits, {run.provenance.get('backend') or 'classical'}",
        ]
        if self.success is not None:
            lines.insert(1, f"one sample is near the minimum with probability {self.success}")
        if self.end is not None and self.end.kind != "minimum":
            lines.append(str(self.end))
        if run.diagnostics.get("interrupted"):
            lines.append(run.stop)
        return cut("\n".join([*lines, *(f"  {rival}" for rival in self.rivals)]))


_TABLES: dict[str, type] = {"evaluations": Evaluations, "box": Box, "end": End}  # parts that are tables of a file
_LISTS: dict[str, type] = {"polished": Polished, "rivals": Rival}


def _checked(part: Any, name: str) -> Any:
    """A part of a file; ``ProblemError`` that names its field unless each is of its type."""
    for each in fields(part):
        value, where, kind = getattr(part, each.name), f"{name}.{each.name}", str(each.type)
        if kind == "int":
            integer(value, where, 0, 2**63)
        elif kind == "str":
            of(value, str, where)
        elif kind.startswith("tuple"):
            for number in of(value, tuple, where):
                real(number, where)
        elif kind == "float" or value is not None:  # the others are numbers or None
            real(value, where)
    return part


def descent_data(found: Descent) -> dict[str, Any]:
    """What was found as plain data, without the run."""
    names = ("weights", "loss", "sample", "sample_loss", "uniform_loss", "samples", "success", "gap")
    return {
        **{name: plain(getattr(found, name)) for name in names},
        "evaluations": {**vars(found.evaluations), "total": found.evaluations.total},
        "polished": [vars(p) for p in found.polished],
        "rivals": [vars(r) for r in found.rivals],
        "seed": found.trajectory.provenance["seed"],
        "stop": found.trajectory.stop,
        "end": None if found.end is None else {**vars(found.end), "says": str(found.end)},
    }


@checks_arguments
def success(run: Trajectory, radius: float = RADIUS) -> Estimate | None:
    """Probability that a sample of the last time is within ``radius`` (of the unit box) of the known minimiser.

    Exact from a wave; from samples with its binomial standard error. None where no minimiser is known.
    """
    radius = min(real(radius, "radius", nonnegative=True), 1e9)
    domain, objective = run.problem.domain, run.problem.objective
    if objective is None or objective.minimizer is None or not isinstance(domain, Grid):
        return None
    length = np.array(domain.lengths)
    distance = (domain.points - np.array(objective.minimizer)) / length
    near = (distance**2).sum(axis=1) < radius**2
    chance = float(run.density[-1].reshape(-1)[near].sum())
    stderr = 0.0 if run.shots is None else float(share_error(chance, run.shots))
    return Estimate(chance, stderr, run.shots)
