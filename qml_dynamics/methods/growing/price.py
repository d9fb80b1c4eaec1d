"""What a growing run takes at most, before it is run: where it will grow is not known yet."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from ...base.registry import SplitStep, Trotter
from ...model.domains import Domain, Grid
from ...model.hamiltonian import hamiltonian
from ...model.problem import Problem
from ...validation.resources import BASIS, Cost, cost
from .grid import levels
from .grown_circuits import scheduled

Growing = Any  # the method, in `growing.py`, which imports this file
_WHOLE = 20_000  # circuits below this many gates are compiled whole


def price(growing: Growing, problem: Problem, backend: Any, shots: int | None, moments: int) -> Cost:
    """An upper bound, whatever the wave will ask for; exact gates where a schedule says when to grow.

    ``SplitStep``: transforms on the problem's grid, where every stretch may have to be done on every grid in turn, and every look
    at the wave costs a transform. ``Trotter``: gates of all steps on the problem's grid, and of all interpolations.
    ``Variational``: the memory of as many parameters as may be grown.
    """
    method = growing.method
    if isinstance(method, SplitStep):
        fixed = cost(problem, method, save=moments)
        return replace(fixed, transforms=_transforms(growing, problem, fixed.transforms), upper_bound=True)
    if isinstance(method, Trotter):
        return _circuits(growing, problem, backend, shots, moments)
    fixed = cost(problem, method, save=moments)
    most = max(method.grow.max_parameters, 1) + 3
    return replace(fixed, memory=16 * problem.domain.size * (2 * most + moments), upper_bound=True)


def _transforms(growing: Growing, problem: Problem, fixed: int) -> int:
    """Grids that are tried one after the other have at least twice the points each, so that all of them have less than two of the
    last one; a window may be moved three times before it is widened."""
    if growing.schedule is not None:
        return fixed + len(growing.schedule)
    steps = growing.method.steps
    looks = min(growing.checks, max(1, steps // 4)) + int(math.log2(steps)) + 2
    each = 2 if growing.criterion == "momentum_tail" else 8
    windows = growing.window and problem.clock == "real"
    return (4 if windows else 2) * (fixed + each * looks) + 8


def _grids(growing: Growing, domain: Domain) -> list[Grid]:
    return levels(domain, growing.start if growing.schedule is None else 1)


def _circuits(growing: Growing, problem: Problem, backend: Any, shots: int | None, moments: int) -> Cost:
    """The longest circuit as it will be (schedule), or as it would be with every step on the problem's grid."""
    from ...synthesis.count import compiled_counts
    from ...synthesis.growth import blank, refinement

    fixed = cost(problem, growing.method, backend=backend, shots=shots, save=moments)
    if growing.schedule is not None:
        circuit = scheduled(growing, problem, hamiltonian(problem))
        gates, two, depth, bound = compiled_counts(circuit, BASIS, _WHOLE)
        return replace(fixed, gates=gates, two_qubit_gates=two, depth=depth, upper_bound=bound, device=None)
    fine = problem.domain
    grids = _grids(growing, fine)
    assert isinstance(fine, Grid)
    inserted = blank(fine)
    for coarse, finer in zip(grids[:-1], grids[1:]):
        inserted.compose(refinement(coarse, finer, fine), inplace=True)
    gates, two, depth, _ = compiled_counts(inserted, BASIS, _WHOLE)
    return replace(
        fixed,
        gates=fixed.gates + gates,
        two_qubit_gates=fixed.two_qubit_gates + two,
        depth=fixed.depth + depth,
        upper_bound=True,
        device=None,
    )
