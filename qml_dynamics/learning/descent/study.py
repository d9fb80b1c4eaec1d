"""A study of descent on noisy mini-batch losses of real data, at equal numbers of rows of data looked at.

Every method sees the loss only through mini-batches of a few rows. The unit of cost is one row of data for one weight
vector. Two prices of quantum Hamiltonian descent are kept apart: simulated on a grid each step costs the batch at every point;
on a device that computes the loss coherently each step of each shot costs the batch once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...base.arguments import checks_arguments
from ...base.errors import MethodError, integer, require
from ...base.estimate import Estimate, few_samples
from ...base.numeric import Array
from ...base.printing import printed_briefly
from ...base.progress import Progress
from ...methods.base import circuit_seed
from ...model.domains import Grid
from ...model.objectives.base import Objective
from ...results.sampling import draw
from .learn import Learned
from .noisy import NOISY, Rows, Setting, averaged_grid, noisy_descent, pick
from .polish import polish_samples

RESAMPLES = 2000


@printed_briefly
@dataclass(frozen=True)
class Study:
    """Means over the splits with bootstrap intervals.

    Attributes:
        names: of the methods.
        loss, held_out, accuracy: arrays ``(methods, splits)``: training loss, held-out loss and held-out accuracy. Of
            ``"descent, vote"`` and ``"Gibbs vote"``, all the samples: their mean losses, and the accuracy of their majority.
        rows: rows of data that each method looked at, mean over the splits.
        splits: how many were done.
    """

    names: tuple[str, ...]
    loss: np.ndarray
    held_out: np.ndarray
    accuracy: np.ndarray
    rows: np.ndarray

    @property
    def splits(self) -> int:
        """How many splits were done."""
        return int(self.loss.shape[1])

    def interval(self, what: str, name: str, against: str | None = None, seed: int = 0) -> tuple[float, float, float]:
        """Mean over the splits and its 95 % bootstrap interval; ``against``: of the paired difference to another method.

        One split tells nothing of others: its interval is infinite.
        """
        table = getattr(self, what)
        values = table[self.names.index(name)] - (0.0 if against is None else table[self.names.index(against)])
        if len(values) < 2:
            return float(values.mean()), -np.inf, np.inf
        picks = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
        low, high = np.quantile(values[picks].mean(axis=1), (0.025, 0.975))
        return float(values.mean()), float(low), float(high)

    def estimate(self, what: str, name: str) -> Estimate:
        """Mean over the splits with its standard error, infinite for one split."""
        values = getattr(self, what)[self.names.index(name)]
        if len(values) < 2:
            return Estimate(float(values.mean()), np.inf)
        error = few_samples(len(values)) * values.std(ddof=1) / np.sqrt(len(values))
        return Estimate(float(values.mean()), float(error))

    def __str__(self) -> str:
        lines = [f"{self.splits} splits; mean and 95 % bootstrap interval"]
        for i, name in enumerate(self.names):
            parts = [
                "{} {:.4f} [{:.4f}, {:.4f}]".format(what.replace("_", " "), *self.interval(what, name))
                for what in ("loss", "held_out", "accuracy")
            ]
            lines.append(f"{name:<22} {'; '.join(parts)}; {self.rows[i]:,.0f} rows")
        return "\n".join(lines)


@checks_arguments
def noise_study(
    settings: Callable[[int], Setting],
    schedule: Learned,
    *,
    splits: int = 20,
    batch: int = 4,
    shots: int = 64,
    circuits: int = 16,
    looks: int = 16,
    seed: int = 0,
    progress: bool | None = None,
) -> Study:
    """Methods that see only mini-batches, at equal rows of data, over splits of real data.

    The budget is what the descent costs on a device that computes the loss coherently: (steps) x (shots) x (batch), and the choice of
    the best sample by ``looks`` further batches. The rivals get as many rows: SGD, differential evolution, dual annealing,
    random search. ``"grid mean"`` gets as many as the *simulated* descent costs; ``"full loss"`` is L-BFGS-B on all the training data, and
    ``"Gibbs vote"`` samples of ``exp(-n loss)`` of them.

    Args:
        settings: split number -> :class:`Setting`, as :func:`split_settings` makes them.
        schedule: a learned one.
        splits: how many.
        batch: rows of a mini-batch.
        shots, circuits, looks: of the descent.
        seed: of everything.
        progress: as in ``evolve``.

    Returns:
        A :class:`Study`; an interrupt from the keyboard returns the splits that are done.
    """
    integer(splits, "splits", 2, 10_000, MethodError)
    require(schedule.scaled, "schedule", "be one for losses of unit spread", "not scaled", MethodError)
    rows: list[np.ndarray] = []
    names: tuple[str, ...] = ()
    with Progress("noisy descent", progress) as bar:
        try:
            for split in range(splits):
                answers = _one_split(settings(split), schedule, batch, shots, circuits, looks, (seed, split))
                names = tuple(answers)
                rows.append(np.array(list(answers.values())))
                bar(split + 1, splits)
        except KeyboardInterrupt:
            if len(rows) < 2:
                raise
    every = np.array(rows)
    return Study(names, every[:, :, 0].T, every[:, :, 1].T, every[:, :, 2].T, every[:, :, 3].mean(axis=0))


def _one_split(
    setting: Setting, schedule: Learned, batch: int, shots: int, circuits: int, looks: int, seed: tuple[int, int]
) -> dict[str, tuple[float, float, float, float]]:
    out: dict[str, tuple[float, float, float, float]] = {}

    def told(name: str, weights: np.ndarray, rows: float) -> None:
        """Record one optimiser's mean training and held-out loss, its score, and the rows of data it read."""
        w = np.atleast_2d(weights)
        losses = float(setting.train(w).mean()), float(setting.held_out(w).mean())
        out[name] = *losses, setting.score(w), rows

    def fresh(number: int, limit: float = np.inf) -> Rows:
        """A source of mini-batches with a random stream of its own, none of a split's, and at most ``limit`` rows."""
        return Rows(setting, batch, np.random.default_rng(circuit_seed(*seed, number)), limit)

    rows = fresh(0)
    cloud = noisy_descent(setting, schedule, rows, shots, circuits, coherent=True)
    told("descent", pick(setting, cloud, rows, looks), rows.seen)
    told("descent, vote", cloud, rows.seen)
    budget = rows.seen
    for number, (name, method) in enumerate(NOISY.items(), start=1):
        rows = fresh(number, budget)
        told(name, method(setting, rows), rows.seen)
    grid = setting.grid
    rows = fresh(9, circuits * schedule.steps * batch * grid.size)
    told("grid mean", averaged_grid(setting, rows), rows.seen)
    told("Gibbs vote", _posterior(setting, shots, int(fresh(11).rng.integers(2**31))), np.nan)
    told("full loss", _full(setting, int(fresh(10).rng.integers(2**31))), np.nan)
    return out


def _posterior(setting: Setting, shots: int, seed: int) -> np.ndarray:
    """As many samples of the law ``exp(-n loss)`` on the grid, of all ``n`` training rows: what a vote should be compared with."""
    assert setting.train.rows is not None
    energies = setting.train.rows.count * setting.train(setting.grid.points)
    counts = draw(np.exp(energies.min() - energies), shots, seed)
    return setting.grid.points_at(np.repeat(counts.index, counts.count))


def _full(setting: Setting, seed: int) -> np.ndarray:
    low, high = np.array(setting.grid.bounds).T
    starts = np.random.default_rng(seed).uniform(low, high, (8, len(low)))
    scale = float(np.ptp(setting.train(starts)))
    refined = polish_samples(setting.train, starts, setting.grid.bounds, scale)
    return np.array(min(refined, key=lambda p: p.loss).weights)


@checks_arguments
def split_settings(
    X: np.ndarray,
    y: Array,
    model: Callable[[np.ndarray, np.ndarray], Objective],
    *,
    bounds: Sequence[Sequence[float]],
    qubits: int | Sequence[int],
    train: int = 30,
    seed: int = 0,
) -> Callable[[int], Setting]:
    """Split number -> :class:`Setting`: ``train`` rows drawn anew, columns standardised by them, the rest held out.

    Args:
        X, y: the data, shape ``(n, d)``, and labels of two kinds.
        model: ``(X, y) -> objective``, such as ``objectives.network``.
        bounds, qubits: the grid of the weights.
        train: rows of the training set.
        seed: of the splits.
    """
    data, labels = np.asarray(X, dtype=float), np.asarray(y)
    grid = Grid(bounds, qubits)
    require(2 <= train < len(data), "train", f"be from 2 to {len(data) - 1}", train)

    def make(split: int) -> Setting:
        """The setting of one split: training and held-out loss, grid, and score."""
        order = np.random.default_rng([seed, split]).permutation(len(data))
        first, rest = order[:train], order[train:]
        center, scale = data[first].mean(axis=0), data[first].std(axis=0)
        rows = (data - center) / np.where(scale > 0, scale, 1.0)
        loss, other = model(rows[first], labels[first]), model(rows[rest], labels[rest])

        def score(weights: np.ndarray) -> float:
            """Held-out accuracy of the majority vote of these weight vectors, between 0 and 1."""
            positive = np.unique(labels)[1]
            votes = np.mean([loss.predict(w, rows[rest]) == positive for w in weights], axis=0)
            return float(np.mean((votes > 0.5) == (labels[rest] == positive)))

        return Setting(loss, other, grid, score)

    return make
