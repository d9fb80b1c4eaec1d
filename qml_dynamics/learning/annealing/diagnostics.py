"""What an annealing tells of itself: gaps and ground states of its stages, how well the wave followed, and the warning where it did not."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...base.estimate import Estimate
from ...base.progress import Progress
from ...model.hamiltonians import LearningHamiltonian
from ...model.problem import Problem
from ...results.trajectory import Trajectory
from .engine import Annealing
from .spectrum import CrossingWarning, Levels, Spectrum, levels


def known_levels(
    problem: Problem,
    h: LearningHamiltonian,
    record: Annealing,
    path: tuple[tuple[float, ...], tuple[float, ...]],
    progress: bool | None,
) -> Levels | None:
    """Gaps and crossings; an interrupt does without them."""
    stage_time = problem.duration / record.stages
    try:
        with Progress("gaps of the stages", progress) as bar:
            if record.strategy == "quench":
                path = (path[0][-1:], path[1][-1:])
            return levels(Spectrum(h), *path, stage_time, bar)
    except KeyboardInterrupt:
        return None


def diagnostics_of(
    problem: Problem,
    record: Annealing,
    chosen: Trajectory,
    name: str,
    diffusion: tuple[float, ...],
    runs: Mapping[str, Trajectory],
    faults: Mapping[str, str],
    known: Levels | None,
) -> dict[str, Any]:
    """The entries of ``Trajectory.diagnostics`` that :func:`qml_dynamics.anneal` lists; those of the levels where they are known.

    Args:
        problem, record: what was asked for.
        chosen, name, diffusion: the run that is returned, its name in the portfolio, and its D of each stage.
        runs, faults: members that are whole, and what stopped the others.
        known: gaps, ground waves and crossings, or None.
    """
    out: dict[str, Any] = {
        "strategy": record.strategy,
        "chosen": name,
        "members": {member: _final(run) for member, run in runs.items()} | {n: {"error": e} for n, e in faults.items()},
        "diffusion": np.array(diffusion),
        "stage_time": problem.duration / record.stages,
    }
    if known is None:
        return out
    out["crossings"] = [{**vars(c), "landau_zener": c.landau_zener} for c in known.crossings]
    falling = name == "anneal"
    waves = known.waves if falling else np.repeat(known.waves[-1:], record.stages, axis=0)
    out["gap"] = known.gap if falling else np.repeat(known.gap[-1:], record.stages)
    out["ground_energy"] = known.ground if falling else np.repeat(known.ground[-1:], record.stages)
    if chosen.states is not None and len(chosen.states) == record.stages + 1:
        psi = chosen.states[1:].reshape(record.stages, -1)
        out["ground_fidelity"] = np.abs(np.einsum("ij,ij->i", waves.conj(), psi)) ** 2
    return out


def _final(run: Trajectory) -> dict[str, Any]:
    energy: Estimate = run.expectations["energy"][-1]
    best = None if run.best is None else run.best.value
    return {"energy": energy, "objective": run.expectations["objective"][-1], "best": best, "stop": run.stop}


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
