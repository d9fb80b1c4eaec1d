"""How right predictions are: the share of labels, or R^2 of numbers, as scikit-learn defines both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...base.errors import ProblemError, QMLDynamicsError, require
from ..tables.cells import same_label


def gives_numbers(model: object) -> bool:
    """Whether a model predicts numbers in place of labels, which it says by ``numbers = True``.

    >>> gives_numbers(object())
    False
    """
    return getattr(model, "numbers", False) is True


def given_labels(y: object, name: str = "y", error: type[QMLDynamicsError] = ProblemError) -> np.ndarray:
    """Labels or numbers as an array; ragged lists and other objects are refused.

    >>> given_labels(["a", "b"]).tolist(), given_labels([[1, 0], [1]])
    Traceback (most recent call last):
    qml_dynamics.base.errors.ProblemError: Argument `y` must be numbers or words, one a row, but is [[1, 0], [1]].
    """
    try:
        found = np.asarray(y)
        if found.dtype.kind == "O" and all(isinstance(each, str) for each in found.ravel()):  # columns of data frames
            found = found.astype(str)
    except Exception:  # of any kind: the person's own object makes the array
        found = np.array(None)
    require(found.dtype.kind in "biufSU" and found.ndim > 0, name, "be numbers or words, one a row", y, error)
    return found


def class_index(
    truth: np.ndarray, classes: Sequence[object], name: str = "y", error: type[QMLDynamicsError] = ProblemError
) -> np.ndarray:
    """Which of the classes each label means: labels of any kind, by their texts or values.

    Raises:
        ProblemError: a label is none of the classes (or an error of the class that is asked for).

    >>> class_index(np.array(["3", "7.0"]), (3, 7)).tolist()
    [0, 1]
    """
    known = [str(one) for one in classes]
    means: dict[object, int] = {}
    for label in truth.tolist():
        if label not in means:
            place = next((k for k, one in enumerate(known) if same_label(label, one)), -1)
            require(place >= 0, name, f"be one of {', '.join(known[:8])}", label, error)
            means[label] = place
    return np.array([means[label] for label in truth.tolist()], dtype=int)


def r_squared(
    truth: np.ndarray, found: np.ndarray, name: str = "y", error: type[QMLDynamicsError] = ProblemError
) -> float:
    """``R^2 = 1 - sum (y - f)^2 / sum (y - mean y)^2`` of predicted numbers f; of a constant y 1 where all are right, else 0.

    Args:
        truth, found: numbers, shapes ``(n,)`` or ``(n, k)``: of several columns the mean of theirs.
        name, error: of what is refused: fewer than two rows, and what is no finite number.

    >>> r_squared(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 2.0]))
    0.5
    """
    number = truth.dtype.kind in "biuf" and bool(np.isfinite(truth).all())
    require(number, name, "be finite numbers, as the predictions are", truth[:1].tolist(), error)
    require(truth.shape == found.shape, name, f"be of shape {found.shape}", f"of shape {truth.shape}", error)
    require(len(truth) > 1, name, "have at least two rows for R^2", f"of length {len(truth)}", error)
    y, f = (np.asarray(each, dtype=float).reshape(len(truth), -1) for each in (truth, found))
    missed, spread = ((y - f) ** 2).sum(axis=0), ((y - y.mean(axis=0)) ** 2).sum(axis=0)
    constant = np.where(missed > 0, 0.0, 1.0)
    return float(np.where(spread > 0, 1 - missed / np.where(spread > 0, spread, 1.0), constant).mean())
