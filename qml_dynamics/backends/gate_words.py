"""Steps of circuits as words and numbers: SHA-256 of gates and places, and weighted sums of angles, which rounding moves a little.

A module of its own beside `records`, which keeps them of whole circuits; `branch_records` does of circuits that begin alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from .circuit_steps import Step

SUMS = 2
_SHORT = 1024  # numbers of a circuit whose weights are kept


def digest(words: Sequence[str]) -> str:
    """SHA-256 of words, one a line."""
    return hashlib.sha256("\n".join(words).encode()).hexdigest()


def _words(step: Step) -> str:
    return _line(step.name, step.qubits, step.clbits, step.words, len(step.numbers))


@lru_cache(maxsize=4096)
def _line(name: str, qubits: tuple[int, ...], clbits: tuple[int, ...], words: tuple[str, ...], numbers: int) -> str:
    return f"{name} {qubits} {clbits} {words} {numbers}"


def gatewise(steps: Sequence[Step]) -> tuple[list[str], np.ndarray]:
    """Gates and places as words, and all angles in order; the phase of the whole circuit is nothing that samples could see."""
    chosen = [step for step in steps if step.name != "global_phase"]
    return [_words(step) for step in chosen], np.array([x for step in chosen for x in _numbers(step)], dtype=float)


def _numbers(step: Step) -> Sequence[float]:
    """The parameters; of a gate of which they do not say everything, the entries of its matrix."""
    if step.standard or step.matrix is None:
        return step.numbers
    return np.stack([step.matrix.real, step.matrix.imag]).ravel().tolist()


def frame_of(steps: Sequence[Step]) -> tuple[list[str], list[float]]:
    """What no synthesis may change, measurements and resets, as words and numbers."""
    between = [step for step in steps if not step.unitary and step.name != "global_phase"]
    return [_words(step) for step in between], [x for step in between for x in step.numbers]


def weighted(numbers: np.ndarray) -> list[float]:
    """Two sums with weights between 1 and 2 that repeat nowhere, made without a generator that a version may change."""
    if not len(numbers):
        return [0.0] * SUMS
    chosen = _kept_weights()[:, : len(numbers)] if len(numbers) <= _SHORT else weights(len(numbers))
    return [float(np.sum(numbers * row)) for row in chosen]


@lru_cache(maxsize=1)
def _kept_weights() -> np.ndarray:
    return weights(_SHORT)


def weights(many: int) -> np.ndarray:
    """The first weights, one row a sum; of more of them these are the first ones too."""
    k = np.arange(1, many + 1, dtype=float)
    return np.array([1.0 + np.modf(k * step)[0] for step in (0.6180339887498949, 0.4142135623730951)])


def largest(numbers: np.ndarray) -> float:
    """The largest number in size; 0 where there is none."""
    return float(np.abs(numbers).max()) if len(numbers) else 0.0
