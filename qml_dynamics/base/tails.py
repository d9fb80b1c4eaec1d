"""Tails of the usual distributions by SciPy's special functions: `scipy.stats` takes half a second to import, more than most runs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def normal_isf(p: npt.ArrayLike) -> np.ndarray:
    """The normal number with probability ``p`` above it.

    >>> round(float(normal_isf(0.025)), 6)
    1.959964
    """
    from scipy.special import ndtri

    return np.asarray(-ndtri(p))


def normal_sf(x: npt.ArrayLike) -> np.ndarray:
    """The probability of a normal number above ``x``.

    >>> round(float(normal_sf(1.959964)), 6)
    0.025
    """
    from scipy.special import ndtr

    return np.asarray(ndtr(-np.asarray(x, dtype=float)))


def chi_square_sf(x: npt.ArrayLike, degrees: npt.ArrayLike) -> np.ndarray:
    """The probability of a sum of so many squares of normal numbers above ``x``.

    >>> round(float(chi_square_sf(3.841459, 1)), 6)
    0.05
    """
    from scipy.special import chdtrc

    return np.asarray(chdtrc(degrees, x))


def binomial_sf(count: npt.ArrayLike, trials: int, p: float) -> np.ndarray:
    """The probability of more than ``count`` successes (a whole number, also below 0) in so many trials.

    >>> binomial_sf([-1, 0, 1, 2], 2, 0.5).tolist()
    [1.0, 0.75, 0.25, 0.0]
    """
    from scipy.special import betainc

    count = np.asarray(count, dtype=float)
    inside = np.clip(count, 0, trials - 1)
    tail = betainc(inside + 1, trials - inside, p)
    return np.asarray(np.where(count < 0, 1.0, np.where(count >= trials, 0.0, tail)))


def student_isf(p: npt.ArrayLike, degrees: npt.ArrayLike) -> np.ndarray:
    """The number with probability ``p`` above it under Student's law.

    >>> round(float(student_isf(0.025, 7)), 4)
    2.3646
    """
    from scipy.special import stdtrit

    return np.asarray(-stdtrit(degrees, p))
