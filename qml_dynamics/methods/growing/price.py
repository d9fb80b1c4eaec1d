"""What a growing run takes at most, before it is run: where it will grow is not known yet."""

from __future__ import annotations

import math
from dataclasses import replace

from ... import synthesis
from ...model.domains import Grid
from ..base import Gates, Job, Work
from ..split_step import SplitStep
from ..trotter import Trotter
from ..variational.options import Growth
from .grid import levels
from .grown_circuits import scheduled
from .method import Growing


def work(job: Job, growing: Growing) -> Work:
    """An upper bound, whatever the wave will ask for; exact gates where a schedule says when to grow.

    ``SplitStep``: transforms on the problem's grid, where every stretch may have to be done on every grid in turn, and every look
    at the wave costs a transform. ``Trotter``: gates of all steps on the problem's grid, and of all interpolations.
    ``Variational``: the memory of as many parameters as may be grown.
    """
    fixed = growing.method.work(job)
    if isinstance(growing.method, SplitStep):
        return replace(fixed, transforms=_transforms(growing, job, fixed.transforms), bound=True)
    if isinstance(growing.method, Trotter):
        return _circuits(growing, job, fixed)
    assert isinstance(growing.method.grow, Growth)
    most = max(growing.method.grow.max_parameters, 1) + 3
    memory = 16 * job.problem.domain.size * (2 * most + len(job.saves))
    return replace(fixed, memory=memory, bound=True)


def _transforms(growing: Growing, job: Job, fixed: int) -> int:
    """Grids that are tried one after the other have at least twice the points each, so that all of them have less than two of the
    last one; a window may be moved three times before it is widened."""
    if growing.schedule is not None:
        return fixed + len(growing.schedule)
    steps = growing.method.steps
    looks = min(growing.checks, max(1, steps // 4)) + int(math.log2(steps)) + 2
    each = 2 if growing.criterion == "momentum_tail" else 8
    windows = growing.window and job.problem.clock == "real"
    return (4 if windows else 2) * (fixed + each * looks) + 8


def _circuits(growing: Growing, job: Job, fixed: Work) -> Work:
    """The longest circuit as it will be (schedule), or as it would be with every step on the problem's grid."""
    if growing.schedule is not None:
        circuit = scheduled(growing, job.problem, job.h)
        return replace(fixed, programs=(circuit,))
    fine = job.problem.domain
    assert isinstance(fine, Grid)
    grids = levels(fine, growing.start)
    inserted = synthesis.growth.blank(fine)
    for coarse, finer in zip(grids[:-1], grids[1:]):
        inserted.compose(synthesis.growth.refinement(coarse, finer, fine), inplace=True)
    steps, more = synthesis.count.gates_of(fixed.programs[-1]), synthesis.count.gates_of(inserted)
    total = Gates(
        steps.gates + more.gates,
        steps.two_qubit_gates + more.two_qubit_gates,
        steps.depth + more.depth,
    )
    return replace(fixed, gates=total, bound=True)
