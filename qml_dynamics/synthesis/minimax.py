"""Coefficients of a truncated Walsh series with the smallest largest error: least squares with weights that grow where the error is large.

Lawson's iteration solves weighted least squares over all points and multiplies each weight by the error there. On the way it knows
the answer from both sides: the largest error that was reached is above the smallest possible one, and the weighted mean square error
is below it, since weights of sum 1 cannot weigh any fit's errors to more than its largest. So a fit for a tolerance ends as soon
as one of the two has passed it.

The Gram matrix of Walsh functions under weights w is ``G_mk = sum_x w_x (-1)^{popcount((m xor k) & x)}``: one Walsh transform of the
weights. Source: Lawson, thesis, UCLA (1961); Rice and Usow, Math. Comp. 22, 118 (1968), doi:10.1090/S0025-5718-1968-0227673-9.

A module of its own beside `walsh`: a fit of numbers, which knows no circuits.
"""

from __future__ import annotations

import numpy as np

from ..model.transforms import walsh_coefficients

_TERMS = 400  # of a fit: its normal equations are dense
_ROUNDS = 60
_WORK = 1 << 24  # terms times points of a fit, each round of which goes over all points
_TIE = 1 + 1e-9  # a tie with the tolerance must not hang on its last bit
_RIDGE = 1e-13  # of the Gram matrix' diagonal, which is 1
_FLOOR = 1e-4  # of the mean weight: smaller ones leave the normal equations ill-conditioned, and coefficients to the processor


def minimax_fit(values: np.ndarray, masks: np.ndarray, tolerance: float) -> tuple[np.ndarray, float]:
    """Coefficients of these masks and the largest error of their series, of the best fit that was found.

    The iteration ends where the error is below the tolerance, where no fit can be, or after some rounds.

    >>> bent = np.array([0.0, 0.0, 0.0, 4.0])
    >>> coefficients, error = minimax_fit(bent, np.array([0]), 2.01)
    >>> [round(float(value), 2) for value in (*coefficients, error)]
    [2.0, 2.0]
    """
    points = len(values)
    between = masks[:, None] ^ masks[None]
    weights = np.full(points, 1 / points)
    best, least = np.zeros(len(masks)), np.inf
    for _ in range(_ROUNDS):
        gram = points * walsh_coefficients(weights)[between]
        right = points * walsh_coefficients(weights * values)[masks]
        gram[np.diag_indices_from(gram)] += _RIDGE
        coefficients = np.linalg.solve(gram, right)
        series = np.zeros(points)
        series[masks] = coefficients
        errors = np.abs(values - points * walsh_coefficients(series))
        largest = float(errors.max())
        if largest < least:
            best, least = coefficients, largest
        below = float(np.sqrt(weights @ errors**2))
        if least <= tolerance * _TIE or below > tolerance * _TIE or not largest:
            break
        weights = np.maximum(weights * errors, _FLOOR / points)
        weights /= weights.sum()
    return best, least


def fewest_terms(values: np.ndarray, order: np.ndarray, tolerance: float) -> tuple[int, np.ndarray | None]:
    """The fewest terms of an order, the constant beside them, whose fit keeps the tolerance; and the coefficients by rising mask.

    Args:
        values: of the function on all points.
        order: masks by falling size, without the constant, of which all together keep the tolerance as they are.
        tolerance: of the largest error.

    Returns:
        All terms and None where there are too many of them for a fit, or no fit takes fewer.
    """
    if len(order) >= _TERMS or len(order) * len(values) > _WORK:
        return len(order), None
    low, high = 0, len(order)
    found = None
    while low < high:
        middle = (low + high) // 2
        masks = np.sort(np.concatenate([[0], order[:middle]])).astype(np.int64)
        coefficients, error = minimax_fit(values, masks, tolerance)
        if error <= tolerance * _TIE:
            high, found = middle, coefficients
        else:
            low = middle + 1
    return high, found
