"""`error_budget`: where the difference between a quantum run and the exact answer comes from, part by part.

A chain of paired runs leads from the refined reference to the samples; each link changes one thing:

    refined grid -> this grid -> product formula -> circuit (encoding) -> device noise -> shots

Distances are total variations of the last density over the same coarse cells of the box, so the triangle inequality bounds
the total by the sum; the mean loss moves by signed amounts that add up to the total exactly.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.errors import EdgeWeightWarning, MethodError, MomentumTailWarning, ProblemError
from ..base.estimate import Estimate
from ..methods.base import check_method
from ..methods.job import convert
from ..model.clocks import need_waves
from ..model.problem import Problem
from .budget_chain import TERMS, Chain


@dataclass(frozen=True)
class ErrorBudget:
    """The parts of a run's error.

    Attributes:
        terms: total variation over the cells, for grid, formula, encoding, device and shots.
        shifts: signed change of the mean loss, for the same parts; they add up to the last shift exactly.
        infidelity: ``1 - |<a|b>|^2`` for the parts where both sides have states.
        total: total variation between the run and the refined reference.
        total_shift: change of the mean loss between them.
        shot_floor: the total variation that the shots make on average.
        cells: in how many cells densities were compared.
        notes: what could not be measured, and why.
    """

    terms: Mapping[str, Estimate]
    shifts: Mapping[str, Estimate]
    infidelity: Mapping[str, float]
    total: Estimate
    total_shift: Estimate
    shot_floor: Estimate
    cells: int
    notes: tuple[str, ...] = ()

    @property
    def sum(self) -> Estimate:
        """Sum of the terms: never below the total but for sampling noise."""
        values = [e for e in self.terms.values() if np.isfinite(float(e.value))]
        stderr = float(np.sqrt(sum(float(e.stderr) ** 2 for e in values)))
        return Estimate(float(sum(float(e.value) for e in values)), stderr, self.total.shots)

    @property
    def dominant(self) -> str:
        """The largest term."""
        return max(self.terms, key=lambda name: np.nan_to_num(float(self.terms[name].value), nan=-1.0))

    def __getattr__(self, name: str) -> Estimate:
        if name in TERMS and "terms" in self.__dict__:  # copies ask for names before the fields are there
            return self.terms[name]
        raise AttributeError(name)

    def __str__(self) -> str:
        rows = [f"{'':10}{'distance':>22}{'mean loss':>24}{'infidelity':>12}"]
        for name in TERMS:
            miss = f"{self.infidelity[name]:.1e}" if name in self.infidelity else ""
            rows.append(f"{name:10}{self.terms[name]!s:>22}{self.shifts[name]!s:>24}{miss:>12}")
        rows.append(f"{'sum':10}{self.sum!s:>22}")
        rows.append(f"{'total':10}{self.total!s:>22}{self.total_shift!s:>24}")
        rows.append(f"largest part: {self.dominant}; distances over {self.cells} cells")
        return "\n".join([*rows, *self.notes])


def error_budget(
    problem: Problem,
    method: Any,
    *,
    backend: Any = None,
    shots: int | None = None,
    seed: int | None = None,
    progress: bool | None = None,
) -> ErrorBudget:
    """Measure every part of the error of ``evolve(problem, method, backend=..., shots=...)`` at the final time.

    Args:
        problem: a learning problem (with an objective).
        method: any method; circuits have all five parts, classical methods those that apply.
        backend, shots, seed, progress: as for ``evolve``.

    Raises:
        ProblemError: the problem has no objective, or is on the classical clock.
        MethodError: the method is a bridge, whose answer is not the wave of the problem.

    >>> from qml_dynamics import Gaussian, Grid, Problem, Trotter
    >>> well = Problem(Grid((-5, 5), 5), lambda w: w[:, 0] ** 2 / 2, 0.5, clock="real", duration=1.0, initial=Gaussian(1, 0.7))
    >>> error_budget(well, Trotter(4), backend="statevector").dominant
    'formula'
    """
    if problem.objective is None:
        raise ProblemError("Argument `problem` must have an objective for an error budget, but has a general operator.")
    need_waves(problem)  # the chain starts from the split-operator method
    convert(problem, method, backend, shots, seed)  # what is refused is told before the references run
    if check_method(method).facts().both_ends:
        raise MethodError(
            f"Argument `method` must solve the problem from its initial wave for an error budget, but is {type(method).__name__}, "
            "which has an end of its own."
        )
    with warnings.catch_warnings():
        # the budget itself measures what a run would warn of: edges and momentum tails show in the grid's part
        warnings.simplefilter("ignore", EdgeWeightWarning)
        warnings.simplefilter("ignore", MomentumTailWarning)
        return ErrorBudget(**Chain(problem, method, backend, shots, seed, progress).measure())
