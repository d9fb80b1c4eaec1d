"""Quality against held-out data: the energy distance, beside that of a tuned kernel density estimate.

``E(X, Y) = 2 E|X - Y| - E|X - X'| - E|Y - Y'|`` is 0 only for equal laws. Source: Szekely, Rizzo, J. Stat. Plan. Inference 143,
1249 (2013). The estimate is Gaussian kernels whose shape (round, or that of the covariance) and width have the largest
likelihood in five-fold cross-validation on the training rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...base.arguments import checks_arguments
from ...base.errors import integer, real, require
from ...base.numeric import Array
from ...base.printing import printed_briefly
from ...base.progress import Progress
from ...methods.gate import require_sound
from ...model.domains import Grid
from .data import Scale, as_rows
from .model import Diffusion

FOLDS = 5
_WIDTHS = np.geomspace(0.05, 1.5, 32)
_BOOTSTRAP = 4000
_CHUNK = 1024
_LEAST = 1e-9  # densities below are lost in round-off on a grid: both likelihoods end there
_COLUMNS = ("model", "kernels", "training", "model_likelihood", "kernels_likelihood", "bandwidth")


@checks_arguments
def energy_distance(x: Array, y: Array) -> float:
    """The squared energy distance of two samples, shape ``(n, ndim)`` each: V-statistics, so never negative.

    >>> round(energy_distance([[0.0], [1.0]], [[2.0]]), 6)
    2.5
    """
    a, b = as_rows(x, None, "x"), as_rows(y, None, "y")
    require(a.shape[1] == b.shape[1], "y", f"have {a.shape[1]} columns", f"of {b.shape[1]}")
    found = 2 * _mean_distance(a, b) - _mean_distance(a, a) - _mean_distance(b, b)
    require_sound(math.isfinite(found), "x", "a distance is not finite")
    return found


def _mean_distance(a: np.ndarray, b: np.ndarray) -> float:
    from scipy.spatial.distance import cdist

    total = sum(float(cdist(a[k : k + _CHUNK], b).sum()) for k in range(0, len(a), _CHUNK))
    return total / (len(a) * len(b))


@printed_briefly
@dataclass(frozen=True, eq=False)
class Kernels:
    """A kernel density estimate: Gaussian kernels with one covariance ``width^2 matrix`` on the rows.

    Attributes:
        rows: shape ``(n, ndim)``.
        width: in units of the matrix.
        matrix: the identity, or the covariance of the rows.
        kind: ``"round"`` or ``"covariance"``.
    """

    rows: np.ndarray
    width: float
    matrix: np.ndarray
    kind: str

    def log_density(self, points: np.ndarray) -> np.ndarray:
        """Log density at points, shape ``(m,)``."""
        from scipy.special import logsumexp

        square, scale = _distances(self.rows, points, self.matrix)
        size = self.rows.shape[1]
        logs = logsumexp(-0.5 * square / self.width**2, axis=1)
        return np.asarray(logs - np.log(len(self.rows)) + scale - size * np.log(self.width))

    def sample(self, n: int, seed: int) -> np.ndarray:
        """Draws, shape ``(n, ndim)``."""
        rng = np.random.default_rng(seed)
        noise = rng.standard_normal((n, self.rows.shape[1])) @ np.linalg.cholesky(self.matrix).T
        return np.asarray(self.rows[rng.integers(len(self.rows), size=n)] + self.width * noise)


@checks_arguments
def tuned_kernels(rows: Array, seed: int = 0) -> Kernels:
    """The kernel density estimate of largest cross-validated likelihood.

    Args:
        rows: at least ten, standardised.
        seed: of the folds.
    """
    x = as_rows(rows, None, "rows")
    require(len(x) >= 2 * FOLDS, "rows", f"be at least {2 * FOLDS}", f"of {len(x)}")
    fold = np.random.default_rng(seed).permutation(len(x)) % FOLDS
    totals = {kind: sum(_held_out(x, fold == k, kind) for k in range(FOLDS)) for kind in ("round", "covariance")}
    kind = max(totals, key=lambda name: float(np.max(totals[name])))
    return Kernels(x, float(_WIDTHS[int(np.argmax(totals[kind]))]), _shape(x, kind), kind)


def _held_out(x: np.ndarray, held: np.ndarray, kind: str) -> np.ndarray:
    """Log likelihood of the held-out rows for every width."""
    inner = x[~held]
    square, scale = _distances(inner, x[held], _shape(inner, kind))
    logs = -0.5 * square[None] / _WIDTHS[:, None, None] ** 2
    top = logs.max(axis=-1)
    rows = top + np.log(np.exp(logs - top[..., None]).mean(axis=-1))
    return np.asarray(rows.sum(axis=-1) + len(square) * (scale - x.shape[1] * np.log(_WIDTHS)))


def _shape(rows: np.ndarray, kind: str) -> np.ndarray:
    size = rows.shape[1]
    return np.eye(size) if kind == "round" else np.cov(rows.T).reshape(size, size) + 1e-9 * np.eye(size)


def _distances(rows: np.ndarray, points: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, float]:
    """Squared distances in units of the matrix, shape ``(points, rows)``, and the log of the kernel's peak."""
    from scipy.spatial.distance import cdist

    root = np.linalg.inv(np.linalg.cholesky(matrix)).T
    scale = float(np.log(np.abs(np.diag(root))).sum()) - 0.5 * rows.shape[1] * np.log(2 * np.pi)
    return cdist(points @ root, rows @ root, "sqeuclidean"), scale


@printed_briefly
@dataclass(frozen=True, eq=False)
class Quality:
    """What :func:`quality` returns; arrays have one entry a split.

    Attributes:
        model, kernels: energy distance of generated samples to the held-out rows.
        training: of the training rows themselves, which no generator is meant to beat by much.
        model_likelihood, kernels_likelihood: mean log density of the held-out rows, standardised units, each at least log 1e-9.
        bandwidth: of the model.
        ratio: mean of ``model`` over mean of ``kernels``.
        interval: of the ratio, 95 %, by resampling splits in pairs.
    """

    model: np.ndarray
    kernels: np.ndarray
    training: np.ndarray
    model_likelihood: np.ndarray
    kernels_likelihood: np.ndarray
    bandwidth: np.ndarray
    ratio: float
    interval: tuple[float, float]

    def __str__(self) -> str:
        return (
            f"energy distance to held-out rows, {len(self.model)} splits: model {self.model.mean():.4f}, tuned kernels "
            f"{self.kernels.mean():.4f}, training rows {self.training.mean():.4f}; ratio {self.ratio:.3f} "
            f"({self.interval[0]:.3f} to {self.interval[1]:.3f})"
        )


@checks_arguments
def quality(
    rows: Array,
    domain: Grid,
    splits: int = 20,
    test_fraction: float = 0.3,
    samples: int = 4000,
    kind: str = "sde",
    steps: int = 60,
    whiten: bool = False,
    seed: int = 0,
    progress: bool | None = None,
) -> Quality:
    """Split rows at random, fit on the training part, generate, and measure the distance to the held-out part.

    Scale, bandwidth and kernels see the training rows only. Ctrl-C returns the splits that are done.

    Args:
        rows: shape ``(n, ndim)``, in any units.
        domain: for standardised rows.
        splits: how many.
        test_fraction: share of the rows that is held out.
        samples: generated in each split, by the model and by the kernels.
        kind, steps: of the reverse process.
        whiten: make the columns uncorrelated for the model (its kernels then have the shape of the covariance).
        seed: of splits and draws.
        progress: show progress.

    Raises:
        ProblemError: too few rows, or a share outside of (0, 1).
    """
    x, count = as_rows(rows, domain.ndim, "rows"), integer(splits, "splits", 1, 10_000)
    share = real(test_fraction, "test_fraction", positive=True)
    held = round(share * len(x))
    require(
        held > 0 and len(x) - held >= 2 * FOLDS, "rows", f"leave {2 * FOLDS} for training and one to hold out", len(x)
    )
    done: list[tuple[float, ...]] = []
    with Progress("Splits", progress) as bar:
        try:
            for k, child in enumerate(np.random.SeedSequence(seed).spawn(count)):
                done.append(_one(x, domain, held, integer(samples, "samples", 2, 10**6), kind, steps, whiten, child))
                bar(k + 1, count)
        except KeyboardInterrupt:
            if not done:
                raise
    columns = np.array(done).T
    ratio = float(columns[0].mean() / columns[1].mean())
    rng = np.random.default_rng(seed)
    picks = rng.integers(len(done), size=(_BOOTSTRAP, len(done)))
    ratios = columns[0][picks].mean(axis=1) / columns[1][picks].mean(axis=1)
    low, high = (
        np.quantile(ratios, (0.025, 0.975)) if len(done) > 1 else (0.0, np.inf)
    )  # one split tells nothing of others
    arrays = dict(zip(_COLUMNS, columns))
    return Quality(**arrays, ratio=ratio, interval=(float(low), float(high)))


def _one(
    x: np.ndarray,
    domain: Grid,
    held: int,
    samples: int,
    kind: str,
    steps: int,
    whiten: bool,
    child: np.random.SeedSequence,
) -> tuple[float, ...]:
    """One split, in the standard units of its training rows."""
    one, two, three, folds = (int(v) for v in child.generate_state(4))
    order = np.random.default_rng(one).permutation(len(x))
    unit = Scale.fit(x[order[held:]])
    test, train = unit.to_box(x[order[:held]]), unit.to_box(x[order[held:]])
    scale = Scale.fit(train, whiten)
    model, kernels = Diffusion(domain, scale.to_box(train)), tuned_kernels(train, folds)
    made = scale.from_box(model.sample(samples, two, kind, steps=steps, progress=False))
    low, high = np.array(domain.bounds).T
    density = model.density(np.clip(scale.to_box(test), low, high)) * abs(np.linalg.det(scale.matrix))
    return (
        energy_distance(made, test),
        energy_distance(kernels.sample(samples, three), test),
        energy_distance(train, test),
        float(np.log(np.maximum(density, _LEAST)).mean()),
        float(np.maximum(kernels.log_density(test), np.log(_LEAST)).mean()),
        float(model.bandwidth or 0.0),
    )
