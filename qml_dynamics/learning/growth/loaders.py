"""Networks trained elsewhere as lists of weight matrices, and the import of the optional packages that hold them."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import numpy as np

from ...base.errors import MethodError
from ...base.printing import printed_briefly
from .arrays import chain, layers


@printed_briefly
class Loaded(NamedTuple):
    """A network as plain arrays.

    Attributes:
        weights: matrices, shape ``(out, in)`` each, in the order of the layers.
        biases: vectors, shape ``(out,)`` each; zeros where a layer has none.
        names: of the layers.
        activation: of the hidden layers, where the source says so, otherwise None.
        output: ``"softmax"``, ``"logistic"``, ``"identity"``, or None where the source does not say.
        skipped: entries of a state dict that are no matrix of a linear layer (convolutions, norms, counters).
    """

    weights: list[np.ndarray]
    biases: list[np.ndarray]
    names: tuple[str, ...]
    activation: str | None = None
    output: str | None = None
    skipped: tuple[str, ...] = ()


def need(module: str) -> Any:
    """A module of an optional package; :class:`MethodError` with the command that installs it where it is missing."""
    try:
        return importlib.import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        raise MethodError(
            f'This needs {package}, which is not installed. Install it with: pip install "qml-dynamics[{package}]"'
        ) from None


def matrices(weights: list[np.ndarray]) -> list[np.ndarray]:
    """Weights that form a chain of layers; :class:`ProblemError` otherwise."""
    found = layers(weights)
    chain(found)
    return found
