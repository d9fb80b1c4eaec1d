"""Numbers about Markov chains of several walkers: autocorrelation, effective size, agreement of walkers, detailed balance."""

from __future__ import annotations

import numpy as np

from ...base.estimate import Estimate, error_of_mean, few_samples

_GROUPS = 8  # independent means at the least, from which an error is taken
_WORTH = 20  # independent samples that a block is worth: its mean then varies 1 % less than it would alone
_WINDOW = 3.0  # decay times over which correlations are summed: the sum is known as well as a variance from a third of the samples
_WALKERS = 4  # whose means alone give an error
_LINEAR = 1e-6  # share of a variance below which one function says nothing that another does not


def effective_size(values: np.ndarray) -> float:
    """How many independent samples the mean of ``values``, shape ``(steps, walkers)``, is worth.

    ``m n / tau`` with ``tau = -1 + 2 sum_k (rho_2k + rho_2k+1)`` over the initial positive, monotone sequence of pairs (Geyer,
    Stat. Sci. 7, 473, 1992: exact signs for reversible chains), and the autocorrelation rho of all walkers together (Vehtari,
    Gelman, Simpson, Carpenter, Burkner, Bayesian Anal. 16, 667, 2021, arXiv:1903.08008). At most ``m n``: a step
    ``K(y, x)^2 / K_2(x, x)`` of a positive kernel is itself positive (Schur), so that no correlation is negative. A constant
    counts as one sample.

    >>> x = np.random.default_rng(0).standard_normal((500, 4))
    >>> bool(0.8 < effective_size(x) / x.size < 1.2), effective_size(np.ones((5, 2)))
    (True, 1.0)
    """
    steps = len(values)
    rho = autocorrelation(values)
    if rho is None:
        return 1.0
    pairs = rho[: 2 * (steps // 2)].reshape(-1, 2).sum(axis=1)
    negative = np.flatnonzero(pairs < 0)
    pairs = np.minimum.accumulate(pairs[: negative[0] if len(negative) else len(pairs)])
    return values.size / max(-1.0 + 2.0 * float(pairs.sum()), 1.0)


def error_of_chain(values: np.ndarray) -> float:
    """Standard error of the mean of ``values``, shape ``(steps, walkers)``, from means that are independent of each other.

    Walkers are independent, however slow they are; where a walker is worth more than 20 samples it is cut into blocks of that worth
    (batch means: Flegal, Jones, Ann. Stat. 38, 1034, 2010). The error of few means has Student's factor
    (:func:`~qml_dynamics.base.estimate.few_samples`). Fewer than eight walkers are cut into eight blocks all the same; these may not be
    independent, so that the error from the effective size is used where it is larger. Where all samples together hold few independent
    ones of a rare kind (a well that is seldom visited), the error has room for those that were not drawn, as that of independent
    samples has (:func:`~qml_dynamics.base.estimate.error_of_mean`): the means of eight walkers, all in one well, would tell nothing of
    another.

    >>> x = np.random.default_rng(0).standard_normal((500, 8))
    >>> bool(0.8 < error_of_chain(x) * np.sqrt(x.size) < 1.3)
    True
    """
    size = effective_size(values)
    walkers = values.shape[1]
    wanted = max(int(size / walkers / _WORTH), 1)
    blocks = wanted if walkers * wanted >= _GROUPS else -(-_GROUPS // walkers)
    error = _error_of_groups(values, blocks)
    away = values - values.mean()
    second, third = float((away**2).mean()), float((away**3).mean())
    if blocks != wanted:
        error = max(error, float(np.sqrt(second / size) * few_samples(max(size / _WINDOW, 2.0))))
    room = float(error_of_mean(second, third, size)) ** 2 - second / size
    return float(np.sqrt(error**2 + max(room, 0.0)))


def _error_of_groups(values: np.ndarray, blocks: int) -> float:
    """From the means of that many blocks of each walker, weighted by their lengths."""
    steps, walkers = values.shape
    parts = np.array_split(np.arange(steps), max(1, min(blocks, steps // 2)))
    away = np.concatenate([values[part].mean(axis=0) for part in parts]) - values.mean()
    weight = np.repeat([len(part) / values.size for part in parts], walkers)
    groups = away.size
    if groups < 2:
        return float("inf")
    variance = float(weight @ away**2) / (groups - 1)  # of their mean
    return float(np.sqrt(variance) * few_samples(groups))


def autocorrelation(values: np.ndarray) -> np.ndarray | None:
    """Autocorrelation at all lags, shape ``(steps,)``, from walkers of shape ``(steps, walkers)``; None for constants."""
    steps, walkers = values.shape
    if steps < 2:
        return None
    centred = values - values.mean(axis=0)
    power = np.abs(np.fft.rfft(centred, 2 * steps, axis=0)) ** 2
    covariance = np.fft.irfft(power, 2 * steps, axis=0)[:steps].mean(axis=1) / steps
    within = float(covariance[0]) * steps / (steps - 1)
    whole = float(covariance[0]) + (float(values.mean(axis=0).var(ddof=1)) if walkers > 1 else 0.0)
    if not whole > 1e-24 * float((values**2).mean()):
        return None
    return np.asarray(1.0 - (within - covariance) / whole)


def potential_scale_reduction(values: np.ndarray) -> float:
    """Gelman and Rubin's R: near 1 where walkers agree; not a number for one walker or for constants."""
    steps, walkers = values.shape
    within = float(values.var(axis=0, ddof=1).mean()) if steps > 1 else 0.0
    if walkers < 2 or not within > 0:
        return float("nan")
    between = float(values.mean(axis=0).var(ddof=1))
    return float(np.sqrt((steps - 1) / steps + between / within))


def detailed_balance(weights: np.ndarray, loss: np.ndarray) -> Estimate:
    """``<f(x) g(y) - g(x) f(y)>`` over transitions x to y: zero, within its error, for every reversible chain.

    f is the weights' first principal component and g the loss (``f^2`` where the loss is linear in f), both with mean 0 and
    variance 1. The differences of a reversible chain take each other back (their autocorrelations are negative), so that no number of
    independent ones is a measure of the error: it comes from the means of whole walkers, which are independent (of fewer than four
    walkers, cut into eight blocks).

    Args:
        weights: shape ``(steps, walkers, ndim)``.
        loss: shape ``(steps, walkers)``.

    >>> loop = np.tile(np.arange(3), 200)  # 0, 1, 2, 0, ...: as irreversible as can be
    >>> wrong = detailed_balance(loop[:, None, None] + 0.0, (loop[:, None] == 1) + 0.0)
    >>> bool(abs(wrong.value) > 10 * wrong.stderr)
    True
    """
    steps, walkers, ndim = weights.shape
    flat = weights.reshape(-1, ndim) - weights.mean(axis=(0, 1))
    direction = np.linalg.svd(flat, full_matrices=False)[2][0]
    f = _standard((flat @ direction).reshape(steps, walkers))
    g = _standard(loss)
    if float(np.mean((g - np.mean(f * g) * f) ** 2)) < _LINEAR:
        g = _standard(f**2)
    turned = f[:-1] * g[1:] - g[:-1] * f[1:]
    blocks = 1 if walkers >= _WALKERS else -(-_GROUPS // walkers)
    error = _error_of_groups(turned, blocks) if turned.any() else 1.0 / np.sqrt(turned.size)
    return Estimate(float(turned.mean()), error)


def _standard(values: np.ndarray) -> np.ndarray:
    spread = float(values.std())
    return (values - values.mean()) / spread if spread > 1e-12 * float(np.abs(values).max()) else 0.0 * values
