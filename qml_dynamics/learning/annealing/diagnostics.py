"""What an annealing tells of itself: gaps and ground states of its stages, how well the wave followed, and the warning where it did not."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...base.estimate import Estimate
from ...base.progress import Progress
from ...model.hamiltonians import PauliHamiltonian, hamiltonian
from ...model.problem import Problem
from ...results.trajectory import Trajectory
from .engine import Annealing
from .operator_path import operator_levels
from .spectrum import CrossingWarning, Levels, Spectrum, levels


def known_levels(path: Path, record: Annealing, progress: bool | None) -> Levels | None:
    """Gaps and crossings; an interrupt does without them."""
    stage_time = path.problem.duration / record.stages
    first = record.stages - 1 if record.strategy == "quench" else 0
    h = hamiltonian(path.problem)
    ends = path.problem.duration * np.arange(1, record.stages + 1) / record.stages
    points = [h.coefficients(float(t)) for t in ends[first:]]
    try:
        with Progress("gaps of the stages", progress) as bar:
            if isinstance(h, PauliHamiltonian):
                return operator_levels(h, points, path.stages["time"][first:], stage_time, bar)
            diffusion, strength = zip(*points)
            return levels(Spectrum(h), diffusion, strength, stage_time, bar)
    except KeyboardInterrupt:
        return None


@dataclass(frozen=True, eq=False)
class Path:
    """What the outer loop goes through.

    Attributes:
        problem: with its schedules held still within each stage.
        last: the same at the last values all along.
        stages: what diagnostics tell of each stage: ``diffusion``; of an operator ``time`` and ``coefficients``.
    """

    problem: Problem
    last: Problem
    stages: Mapping[str, np.ndarray]

    def told(self, falling: bool) -> dict[str, np.ndarray]:
        """What the stages of a run have: those of the path, or the last one's."""
        return {k: v if falling else np.repeat(v[-1:], len(v), axis=0) for k, v in self.stages.items()}


def diagnostics_of(
    problem: Problem,
    record: Annealing,
    chosen: Trajectory,
    name: str,
    path: Path,
    runs: Mapping[str, Trajectory],
    faults: Mapping[str, str],
    known: Levels | None,
) -> dict[str, Any]:
    """The entries of ``Trajectory.diagnostics`` that :func:`qml_dynamics.anneal` lists; those of the levels where they are known.

    Args:
        problem, record: what was asked for.
        chosen, name: the run that is returned, and its name in the portfolio.
        path: its stages.
        runs, faults: members that are whole, and what stopped the others.
        known: gaps, ground waves and crossings, or None.
    """
    out: dict[str, Any] = {
        "strategy": record.strategy,
        "chosen": name,
        "members": {member: _final(run) for member, run in runs.items()} | {n: {"error": e} for n, e in faults.items()},
        **path.told(name == "anneal"),
        "stage_time": problem.duration / record.stages,
    }
    if known is None:
        return out
    out["crossings"] = [{**vars(c), "landau_zener": c.landau_zener} for c in known.crossings]
    falling = name == "anneal"
    grounds = list(known.waves) if falling else [known.waves[-1]] * record.stages
    out["gap"] = known.gap if falling else np.repeat(known.gap[-1:], record.stages)
    out["ground_energy"] = known.ground if falling else np.repeat(known.ground[-1:], record.stages)
    if chosen.states is not None and len(chosen.states) == record.stages + 1:
        psi = chosen.states[1:].reshape(record.stages, -1)
        shares = [float(np.linalg.norm(np.atleast_2d(rows).conj() @ wave) ** 2) for rows, wave in zip(grounds, psi)]
        out["ground_fidelity"] = np.array(shares)
    return out


def _final(run: Trajectory) -> dict[str, Any]:
    energy: Estimate = run.expectations["energy"][-1]
    best = None if run.best is None else run.best.value
    objective = {
        k: run.expectations[k][-1] for k in ("objective",) if k in run.expectations
    }  # which operators have not
    return {"energy": energy, **objective, "best": best, "stop": run.stop}


def warn(run: Trajectory, known: Levels | None) -> None:
    """Tell of a crossing where the wave has not followed, or, where no wave is known, cannot."""
    if known is None or not known.crossings:
        return
    fidelity = run.diagnostics.get("ground_fidelity")
    narrowest = min(known.crossings, key=lambda c: c.gap)
    lost = fidelity[-1] < 0.5 if fidelity is not None else narrowest.gap * run.diagnostics["stage_time"] < 1
    if lost and run.diagnostics["chosen"] == "anneal":
        advice = "" if run.diagnostics["strategy"] == "portfolio" else " Use strategy='portfolio'."
        warnings.warn(f"The wave has not followed: {narrowest}.{advice}", CrossingWarning, stacklevel=3)
