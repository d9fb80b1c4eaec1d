"""Labels of rows as classes or targets: decided by the set of their values, never by their dtype.

One output: 0 and 1 are classes, of which class 1 has the target -1; -1 and 1 are targets, of which -1 is that of class 1. Several
outputs, or probabilities: classes 0, 1, ..., one for each. With the squared loss other numbers are targets of the outputs, where
they are no whole numbers and within reach. Everything else is refused with the labels that were found.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...base.errors import MethodError

_SHOWN = 8  # different labels that a message lists
Loss = Literal["cross_entropy", "squared", "own"]


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels as read.

    Attributes:
        values: what the loss compares outputs with, one entry a row; None without labels.
        classes: the label of class 0, 1, ..., by which predictions are told; None where labels are no classes.
        index: the class of each row from :attr:`values`.
    """

    values: np.ndarray | None
    classes: tuple[int, ...] | None = None
    index: Callable[[np.ndarray], np.ndarray] = lambda values: np.asarray(values).astype(int)


def read_labels(labels: np.ndarray | None, loss: Loss, outputs: int, reach: float = 1.0) -> Labels:
    """Labels for a loss of so many outputs (or outcomes), each of them between ``-reach`` and ``reach``.

    >>> read_labels(np.array([0.0, 1.0]), "squared", 1).values.tolist(), read_labels(np.array([1, -1]), "squared", 1).values.tolist()
    ([1.0, -1.0], [1.0, -1.0])
    >>> read_labels(np.array([5, 8]), "cross_entropy", 1)
    Traceback (most recent call last):
    qml_dynamics.base.errors.MethodError: Argument `labels` must be 0 and 1, or -1 and 1, but is of the values 5, 8.

    Raises:
        MethodError: the set of labels is none that the loss can read.
    """
    if loss == "own":
        return _own(labels, outputs)
    if labels is None:
        raise MethodError("Argument `labels` must be given for this loss, but is None.")
    wanted = _wanted(loss, outputs, reach)
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == outputs == 1 else labels
    if labels.dtype.kind not in "biuf" or not np.isfinite(labels).all():
        raise MethodError(f"Argument `labels` must be {wanted}, but is {_found(labels)}.")
    if labels.ndim == 1 and outputs == 1 and np.isin(labels, (0, 1)).all():
        return _classes(labels.astype(int), loss, (0, 1))
    if labels.ndim == 1 and outputs == 1 and np.isin(labels, (-1, 1)).all():
        return _classes((labels < 0).astype(int), loss, (1, -1))
    if loss == "cross_entropy":
        if labels.ndim == 1 and outputs > 1 and np.isin(labels, np.arange(outputs)).all():
            return _classes(labels.astype(int), loss, tuple(range(outputs)))
        raise MethodError(f"Argument `labels` must be {wanted}, but is {_found(labels)}.")
    shaped = labels.reshape(len(labels), -1).shape[1] == outputs
    whole = bool((labels % 1 == 0).all()) and outputs == 1
    if not shaped or whole or float(np.abs(labels).max()) > reach * (1 + 1e-9):
        raise MethodError(f"Argument `labels` must be {wanted}, but is {_found(labels)}.")
    return Labels(labels.astype(float))


def _classes(index: np.ndarray, loss: Loss, names: tuple[int, ...]) -> Labels:
    """Classes as the loss compares with them: targets 1 and -1 of the squared loss."""
    if loss == "cross_entropy":
        return Labels(index, names)
    return Labels(1.0 - 2.0 * index, names, lambda values: (np.asarray(values) < 0).astype(int))


def _own(labels: np.ndarray | None, outputs: int) -> Labels:
    """A loss of one's own reads labels as they are given; whole numbers from 0 on are classes too."""
    count = max(2, outputs)
    number = labels is not None and labels.ndim == 1 and labels.dtype.kind in "biuf"
    if labels is None or not number or not np.isin(labels, np.arange(count)).all():
        return Labels(labels)
    return Labels(labels, tuple(range(count)))


def _wanted(loss: Loss, outputs: int, reach: float) -> str:
    if outputs == 1:
        return f"0 and 1, or -1 and 1{f', or targets between {-reach:g} and {reach:g}' if loss == 'squared' else ''}"
    if loss == "squared":
        return f"targets between {-reach:g} and {reach:g}, one for each of {outputs} outputs"
    return f"whole numbers from 0 to {outputs - 1}, one a class"


def _found(labels: np.ndarray) -> str:
    """The set of labels for people."""
    shape = f"of shape {labels.shape}, " if labels.ndim > 1 else ""
    listed = list(dict.fromkeys(labels.reshape(-1).tolist()))
    with suppress(TypeError):  # numbers beside words
        listed.sort()
    shown = ", ".join(f"{v:g}" if isinstance(v, float) else repr(v) for v in listed[:_SHOWN])
    return f"{shape}of the values {shown}{', ...' if len(listed) > _SHOWN else ''}"
