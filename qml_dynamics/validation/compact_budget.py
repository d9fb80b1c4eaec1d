"""The error budget of a run whose waves are compact states: the grid, and the steps with their roundings, without a table.

    refined grid, refined method -> this grid, refined method -> the run

Distances are ``sqrt(1 - |<a|b>|^2)``, the trace distance of two waves (Helstrom, J. Stat. Phys. 1, 231, 1969), which is never below the
total variation of what can be measured of them and obeys the triangle inequality.

A module of its own beside `budget`: distances of waves without a table, where `budget` has densities.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.estimate import Estimate
from ..base.interrupts import whole
from ..methods.base import Method
from ..methods.evolution import evolve
from ..methods.tensor_train.state import TrainState, on_coarser
from ..model.domains import Grid
from ..model.initial import Gaussian, Uniform
from ..model.problem import Problem
from ..results.compact import CompactState, CompactTrajectory
from .error_parts import OPERATOR_TERMS, TERMS

NOTE = "distances are trace distances of waves, which bound the total variation, since there are no tables."


def measured(problem: Problem, method: Method, progress: bool | None) -> dict[str, Any]:
    """The fields of the budget."""
    energy = "energy" if problem.operator is not None else "objective"
    run, fine = (_run(problem, each, progress) for each in (method, method.refined()))
    notes = [NOTE]
    finest, grid = _refined(problem, method.refined(), fine, notes, progress)
    names = OPERATOR_TERMS if problem.operator is not None else TERMS
    apart = {"formula": distance(fine.compact[-1], run.compact[-1])}
    means = [_mean(each, energy) for each in (finest, fine, run)]
    moved = {"formula": means[2] - means[1]}
    total = apart["formula"]
    if grid is not None:
        apart["grid"], moved["grid"] = distance(grid, fine.compact[-1]), means[1] - means[0]
        total = distance(grid, run.compact[-1])
    return {
        "terms": {name: Estimate(apart.get(name, 0.0)) for name in names},
        "shifts": {name: Estimate(moved.get(name, 0.0)) for name in names},
        "infidelity": {name: away**2 for name, away in apart.items()},
        "total": Estimate(total),
        "total_shift": Estimate(means[2] - means[0]),
        "shot_floor": Estimate(0.0),
        "cells": 0,
        "notes": tuple(notes),
    }


def distance(a: CompactState, b: CompactState) -> float:
    """The trace distance of two waves, as far as rounding lets it be seen: 1e-8."""
    return float(np.sqrt(max(0.0, 1.0 - abs(a.overlap(b)) ** 2)))


def _run(problem: Problem, method: Method, progress: bool | None) -> CompactTrajectory:
    run = whole(evolve(problem, method, save=[problem.duration], progress=progress))
    assert isinstance(run, CompactTrajectory)  # there are more qubits than tables have
    return run


def _mean(run: CompactTrajectory, name: str) -> float:
    return float(run.expectations[name].value[-1])


def _refined(
    problem: Problem,
    method: Method,
    fine: CompactTrajectory,
    notes: list[str],
    progress: bool | None,
) -> tuple[CompactTrajectory, CompactState | None]:
    """The run with half of the spacing, and its wave at this grid's points; where there is none, the reason as a note."""
    grid, state = problem.domain, fine.compact[-1]
    if not isinstance(grid, Grid):
        return fine, None
    why = None
    if grid.boundary == "walls":
        why = "the points between walls are none of those of a finer grid"
    elif problem.objective is not None and problem.objective.domain is not None:
        why = "the loss is a table and is not known on a finer grid"
    elif not isinstance(problem.initial, (Gaussian, Uniform)):
        why = "the initial wave is known on this grid only"
    elif grid.num_qubits + grid.ndim > 60 or not isinstance(state, TrainState):
        why = "there is no finer grid for this wave"
    notes.append("box: not measured without a table.")
    if why is not None:
        notes.append(f"grid: {why}; this part is not measured.")
        return fine, None
    assert isinstance(state, TrainState)
    finer = _run(problem.replace(domain=grid.refined()), method, progress)
    last = finer.compact[-1]
    assert isinstance(last, TrainState)
    return finer, on_coarser(last, state)
