"""The 22 test functions of the literature: success probabilities of one sample beside published numbers and rivals."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from ...base.arguments import checks_arguments
from ...base.errors import EdgeWeightWarning, MethodError, MomentumTailWarning, one_of
from ...base.executor import each
from ...base.interrupts import whole
from ...base.printing import printed_briefly
from ...base.progress import Progress
from ...model.objectives.registry import named
from .box import RADIUS, on_unit_box, shifted_bounds
from .polish import each_rival
from .run import descend

PUBLISHED: dict[str, float] = {
    "ackley": 0.992,
    "ackley2": 0.9995,
    "alpine1": 0.968,
    "alpine2": 0.596,
    "bohachevsky2": 0.9995,
    "camel3": 0.980,
    "csendes": 0.800,
    "defl_corr_spring": 0.000,
    "dropwave": 0.706,
    "easom": 0.188,
    "griewank": 0.081,
    "holder": 0.825,
    "hosaki": 0.961,
    "levy": 0.9995,
    "levy13": 0.9995,
    "michalewicz": 0.797,
    "rastrigin": 0.9995,
    "rosenbrock": 0.002,
    "shubert": 0.619,
    "styblinski_tang": 0.469,
    "sumofsquares": 0.9995,
    "xinsheyang3": 0.007,
}
"""Name -> published chance of success on 256 x 256 points after the time 10; ``> 0.999`` is written as 0.9995.
Source: Leng, Hickman, Li, Wu, arXiv:2303.01471, and the table of their released code."""

TRAINING, HELD_OUT = tuple(PUBLISHED)[0::2], tuple(PUBLISHED)[1::2]  # of the schedules that the library ships


@printed_briefly
@dataclass(frozen=True)
class Row:
    """One function.

    Attributes:
        name: of the function.
        published: chance of success of the authors' own runs.
        success: chance that one sample is within 0.1 (unit box) of the minimiser.
        loss_gap, polished_gap: of the best of the samples, and after the polish, above the minimum, in the loss's own units.
        momentum_tail: probability above 0.8 of the largest momentum at the end; where it is large the grid is too coarse.
        seconds: of this row.
    """

    name: str
    published: float
    success: float
    loss_gap: float
    polished_gap: float
    momentum_tail: float
    seconds: float


@checks_arguments
def functions_table(
    names: Sequence[str] | None = None,
    *,
    qubits: int = 6,
    steps: int = 5000,
    samples: int = 100,
    shift: Sequence[float] | None = None,
    seed: int = 0,
    progress: bool | None = None,
    workers: int | None = None,
    executor: Executor | None = None,
) -> tuple[Row, ...]:
    """Quantum Hamiltonian descent on the test functions, with the schedule and the time (10) of the published table.

    Args:
        names: some of ``PUBLISHED`` (default: all 22).
        qubits: of each of the two axes.
        steps: of Strang's formula. 5,000 are enough at 6 qubits; few steps lose the steep functions.
        samples: drawn for the loss.
        shift: parts of a grid cell by which the box is moved, one an axis, so that the minimiser is off the grid.
        seed: of the samples.
        progress: as in ``evolve``.
        workers: processes that share the functions; None: this one. The rows are the same, but for their seconds.
        executor: any ``concurrent.futures`` executor in place of them.

    Returns:
        One row a function. An interrupt from the keyboard ends the table with the rows that are done.

    >>> row, = functions_table(["rosenbrock"], qubits=5, steps=400)
    >>> row.success < 0.05
    True
    """
    chosen = list(PUBLISHED) if names is None else [one_of(name, "names", PUBLISHED, MethodError) for name in names]
    calls = [(name, qubits, steps, samples, shift, seed) for name in chosen]
    rows: dict[int, Row] = {}
    with Progress("test functions", progress) as bar:
        try:
            for place, row in each(_row, calls, workers, executor):
                rows[place] = row
                bar(len(rows), len(chosen))
        except KeyboardInterrupt:
            pass
    return tuple(rows[place] for place in sorted(rows))


def _row(call: tuple[str, int, int, int, Sequence[float] | None, int]) -> Row:
    name, qubits, steps, samples, shift, seed = call
    objective, started = named(name), time.perf_counter()
    bounds = None if shift is None else shifted_bounds(objective, qubits, shift)
    with warnings.catch_warnings():
        for told in (EdgeWeightWarning, MomentumTailWarning):  # both are in the row
            warnings.simplefilter("ignore", told)
        found = descend(
            objective, bounds=bounds, qubits=qubits, steps=steps, samples=samples, seed=seed, progress=False
        )
    whole(found.trajectory)
    assert found.success is not None
    assert found.gap is not None
    assert objective.minimum is not None
    return Row(
        name,
        PUBLISHED[name],
        float(found.success),
        max(0.0, found.sample_loss - objective.minimum),
        found.gap,
        float(found.trajectory.diagnostics["momentum_tail"][-1]),
        time.perf_counter() - started,
    )


@printed_briefly
@dataclass(frozen=True)
class RivalRow:
    """How often a classical optimiser succeeds on one function, over seeds.

    Attributes:
        name, rival: the function and the optimiser.
        success: share of the seeds that end within 0.1 (unit box) of the minimiser.
        gap: median loss above the minimum.
        evaluations: median.
        seconds: median.
    """

    name: str
    rival: str
    success: float
    gap: float
    evaluations: float
    seconds: float


@checks_arguments
def rivals_table(
    names: Sequence[str] | None = None,
    *,
    evaluations: int = 4096,
    seeds: Sequence[int] = tuple(range(10)),
    rival_names: Sequence[str] | None = None,
    progress: bool | None = None,
    workers: int | None = None,
    executor: Executor | None = None,
) -> tuple[RivalRow, ...]:
    """The classical optimisers of :func:`qml_dynamics.descent.rivals` on the same functions, at the evaluations of one grid of 12 qubits.

    ``workers`` and ``executor`` share the functions as in :func:`functions_table`; an interrupt keeps the functions that are done.

    >>> [row.success for row in rivals_table(["hosaki"], evaluations=500, seeds=[0, 1], rival_names=["grid_lbfgsb"])]
    [1.0]
    """
    chosen = list(PUBLISHED) if names is None else [one_of(name, "names", PUBLISHED, MethodError) for name in names]
    calls = [(name, evaluations, seeds, rival_names) for name in chosen]
    rows: dict[int, list[RivalRow]] = {}
    with Progress("classical optimisers", progress) as bar:
        try:
            for place, found in each(_rival_rows, calls, workers, executor):
                rows[place] = found
                bar(len(rows), len(chosen))
        except KeyboardInterrupt:
            pass
    return tuple(row for place in sorted(rows) for row in rows[place])


def _rival_rows(call: tuple[str, int, Sequence[int], Sequence[str] | None]) -> list[RivalRow]:
    name, evaluations, seeds, rival_names = call
    objective = named(name)
    _, box = on_unit_box(objective, None)
    assert objective.minimum is not None
    every: dict[str, list[tuple[bool, float, int, float]]] = {}
    for seed in seeds:
        for r in each_rival(objective, box.bounds, evaluations, seed, rival_names):
            away = np.linalg.norm(box.unit(np.array(r.weights)) - box.unit(np.array(objective.minimizer)))
            gap = max(0.0, r.loss - objective.minimum)
            every.setdefault(r.name, []).append((bool(away < RADIUS), gap, r.evaluations, r.seconds))
    out = []
    for rival in sorted(every):
        near, gaps, counts, seconds = zip(*every[rival])
        medians = (float(np.median(x)) for x in (gaps, counts, seconds))
        out.append(RivalRow(name, rival, float(np.mean(near)), *medians))
    return out
