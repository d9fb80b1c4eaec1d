"""What the size of the mini-batch costs: the final loss, drawn and as the dephasing limit predicts it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...base.arguments import checks_arguments
from ...base.errors import integer
from ...base.estimate import Estimate
from ...base.interrupts import whole
from ...base.printing import printed_briefly
from ...base.progress import Progress
from ...methods.base import circuit_seed
from ...methods.evolution import evolve
from ...methods.minibatch import MiniBatch
from ...model.objectives.rows import need_rows
from ...model.problem import Problem, loss_table
from . import averaged_state, noise


@printed_briefly
@dataclass(frozen=True, eq=False)
class BatchStudy:
    """Final mean losses over the size of the batch.

    Attributes:
        sizes: rows in a batch, shape ``(m,)``.
        noise: v of the dephasing, shape ``(m,)``.
        drawn: the mean loss over drawn batches, with the errors between draws, shape ``(m,)``.
        predicted: that of the dephasing limit, without sampling, shape ``(m,)``.
        full: that of all rows.
        uniform: that of uniform weights.
        evaluations: losses of single rows that one draw takes at each weight, shape ``(m,)``.
        densities: of the dephasing limit, shape ``(m, *domain.shape)``.
    """

    sizes: np.ndarray
    noise: np.ndarray
    drawn: Estimate
    predicted: np.ndarray
    full: float
    uniform: float
    evaluations: np.ndarray
    densities: np.ndarray

    def __str__(self) -> str:
        head = f"uniform weights {self.uniform:.4f}, all rows in every step {self.full:.4f}"
        rows = [
            f"batch {size:>4}: noise {v:.4f}, loss {d:.4f} +- {e:.4f} drawn, {p:.4f} predicted, {n:,} losses of rows a draw"
            for size, v, d, e, p, n in zip(
                self.sizes, self.noise, self.drawn.value, self.drawn.stderr, self.predicted, self.evaluations
            )
        ]
        return "\n".join([head, *rows])


@checks_arguments
def batch_study(
    problem: Problem, method: MiniBatch, sizes: Sequence[int], seed: int | None = None, progress: bool | None = None
) -> BatchStudy:
    """The final mean loss for several sizes of the batch, by the split-operator method on drawn batches.

    Args:
        problem: with a loss that is a mean over rows of data; up to about 1000 weights for the density matrix.
        method: its ``batch_size`` is replaced by each of ``sizes``.
        sizes: rows in a batch.
        seed: of the batches.
        progress: as for :func:`qml_dynamics.evolve`.

    An interrupt keeps the sizes that are done.
    """
    rows = need_rows(problem.objective).count
    wanted = [integer(size, "sizes", 1, rows) for size in sizes]
    zeta = loss_table(problem)
    every = replace(method, batch_size=rows, draws=1, classical=True, replacement=False)
    full = whole(evolve(problem, every, progress=False))  # first: an interrupt keeps the sizes that are done after it
    done: list[dict[str, Any]] = []
    with Progress("mini-batches", progress) as bar:
        for place, size in enumerate(wanted):
            own = None if seed is None else circuit_seed(seed, place)
            here = replace(method, batch_size=size, classical=True)
            try:
                run = whole(evolve(problem, here, seed=own, progress=False))
                density = np.diag(averaged_state(problem, here, [problem.duration], limit=True)[0]).real
            except KeyboardInterrupt:
                if not done:
                    raise
                break
            loss = run.expectations["objective"]
            steps = {1: here.steps, 2: here.steps + 1, 4: 5 * here.steps + 1}[here.order]
            done.append(
                {"run": loss, "density": density.reshape(zeta.shape), "v": noise(problem, here), "n": size * steps}
            )
            bar(len(done), len(wanted))
    drawn = Estimate(
        np.array([d["run"].value[-1] for d in done]), np.array([d["run"].stderr[-1] for d in done]), None
    )  # fmt: skip
    densities = np.array([d["density"] for d in done])
    return BatchStudy(
        np.array(wanted[: len(done)]),
        np.array([d["v"] for d in done]),
        drawn,
        (densities * zeta).reshape(len(done), -1).sum(axis=1),
        float(full.expectations["objective"].value[-1]),
        float(zeta.mean()),
        np.array([d["n"] for d in done]),
        densities,
    )
