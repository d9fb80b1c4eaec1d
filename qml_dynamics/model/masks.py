"""Bit masks over the qubits of a register, in arrays: 64-bit integers up to 63 qubits, Python's own integers beyond.

Arithmetic by ``&``, ``|``, ``^``, ``<<`` and comparisons is the same for both; only the number of bits needs a word of its own.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

WORD = 63  # qubits whose masks fit into a signed 64-bit integer


def as_masks(values: np.ndarray | Iterable[int], num_qubits: int) -> np.ndarray:
    """Masks over this many qubits, shape ``(terms,)``: of type int64, or of objects where those are too narrow.

    >>> as_masks([5, 3], 4).dtype, as_masks([1 << 80, 3], 81).dtype
    (dtype('int64'), dtype('O'))
    """
    listed = values if isinstance(values, np.ndarray) else list(values)
    if num_qubits <= WORD:
        return np.asarray(listed, dtype=np.int64)
    wide = np.empty(len(listed), dtype=object)
    wide[:] = [int(value) for value in listed]
    return wide


def bit_count(masks: np.ndarray) -> np.ndarray:
    """The number of ones in each mask, as int64 and of the same shape.

    >>> bit_count(as_masks([5, (1 << 80) + 7], 81)).tolist()
    [2, 4]
    """
    return np.asarray(np.bitwise_count(masks), dtype=np.int64)


def mask_texts(masks: np.ndarray) -> np.ndarray:
    """Masks as an array that a file holds without pickling: as they are, or as hexadecimal text where they are wide.

    >>> mask_texts(as_masks([10, 1 << 80], 81)).tolist()
    ['a', '100000000000000000000']
    """
    return masks if masks.dtype != object else np.array([f"{mask:x}" for mask in masks.tolist()], dtype=np.str_)


def masks_from_texts(stored: np.ndarray, num_qubits: int) -> np.ndarray:
    """The masks again.

    >>> masks_from_texts(np.array(["a", "100000000000000000000"]), 81).tolist() == [10, 1 << 80]
    True
    """
    return as_masks([int(text, 16) for text in stored.tolist()] if stored.dtype.kind == "U" else stored, num_qubits)
