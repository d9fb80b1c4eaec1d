"""PennyLane QNodes as `train` takes them: which argument is a row of data, by its name, and what the QNode itself returns.

A module of its own beside `losses`: it reads signatures, and knows nothing of losses.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...base.errors import MethodError, describe

_ROW = {"x", "xs", "feature", "features", "input", "inputs", "data", "row", "sample", "datum", "point"}
_WEIGHTS = {
    "weight",
    "weights",
    "w",
    "theta",
    "thetas",
    "param",
    "params",
    "parameter",
    "parameters",
    "angle",
    "angles",
    "phi",
}


@dataclass(frozen=True)
class Signature:
    """The arguments of a QNode: which of the two is the row."""

    row_first: bool


def read_signature(qnode: Callable[..., object], inputs: str | Sequence[str] | None) -> Signature:
    """Which of a QNode's two arguments is the row of features: by their names, or the one that ``inputs`` names.

    >>> read_signature(lambda weights, x: None, None).row_first, read_signature(lambda row, theta: None, None).row_first
    (False, True)
    >>> read_signature(lambda a, b: None, "b").row_first
    False

    Raises:
        MethodError: not two arguments, or names that do not say which is which.
    """
    names = _arguments(qnode)
    if len(names) != 2:
        raise MethodError(
            f"Argument `circuit` must be a QNode of two arguments where there are features, a row and its parameters, but has {names}."
        )
    if inputs is not None:
        listed = [inputs] if isinstance(inputs, str) else list(inputs)
        if len(listed) != 1 or listed[0] not in names:
            raise MethodError(
                f"Argument `inputs` must be one of the QNode's arguments, {names}, but is {describe(inputs)}."
            )
        return Signature(names[0] == listed[0])
    rows = [bool(_words(name) & _ROW) for name in names]
    weights = [bool(_words(name) & _WEIGHTS) for name in names]
    for first in (True, False):
        here, there = (0, 1) if first else (1, 0)
        named = rows[here] or weights[there]
        if named and not rows[there] and not weights[here]:
            return Signature(first)
    raise MethodError(
        f"Argument `inputs` must name the QNode's argument that takes a row of features, one of {names}, whose names do not say it, "
        f"but is {describe(inputs)}."
    )


def _arguments(qnode: Callable[..., object]) -> list[str]:
    """Names of the positional arguments without a default."""
    try:
        found = inspect.signature(getattr(qnode, "func", qnode)).parameters.values()
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in found if p.kind in kinds and p.default is inspect.Parameter.empty]


def _words(name: str) -> set[str]:
    """The words of a name: ``features_row`` has two, numbers at the end do not count."""
    return {re.sub(r"\d+$", "", word) for word in name.lower().split("_")} | {name.lower()}
