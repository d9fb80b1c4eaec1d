"""Trains as arrays of a file, and back to the bit: ranks, and the entries of all cores one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...base.archive import Unreadable, checked
from .trains import Train, inner

_UNIT = 1e-4  # by which the norm of a wave may be off
_KINDS = (np.dtype(np.float64), np.dtype(np.complex128))


def train_arrays(train: Sequence[np.ndarray], prefix: str = "") -> dict[str, np.ndarray]:
    """A train as three arrays: its ranks, which cores are real, and all entries.

    >>> cores = [np.ones((1, 2, 3)), np.full((3, 2, 1), 1j)]
    >>> [core.dtype.kind for core in restored_train(train_arrays(cores), 2)]
    ['f', 'c']
    """
    return {
        f"{prefix}ranks": np.array([1, *(core.shape[2] for core in train)]),
        f"{prefix}real": np.array([core.dtype.kind == "f" for core in train]),
        f"{prefix}cores": np.concatenate([core.reshape(-1) for core in train]),
    }


def restored_train(arrays: Mapping[str, np.ndarray], sites: int, prefix: str = "") -> Train:
    """The train of :func:`train_arrays`.

    Raises:
        ValueError: they are none of so many sites.
    """
    ranks = [int(rank) for rank in checked(arrays, f"{prefix}ranks", "iu", (sites + 1,), _positive)]
    real = checked(arrays, f"{prefix}real", "b", (sites,))
    flat = checked(arrays, f"{prefix}cores", "fc", (None,))
    if ranks[0] != 1 or ranks[-1] != 1 or flat.dtype not in _KINDS or (flat.dtype.kind == "f") != real.all():
        raise Unreadable("a train must begin and end with rank 1, in double precision, but does not")
    sizes = [2 * left * right for left, right in zip(ranks, ranks[1:])]
    if sum(sizes) != flat.size:
        raise Unreadable(f"a train of these ranks must have {sum(sizes)} entries, but has {flat.size}")
    out, at = [], 0
    for left, right, size, is_real in zip(ranks, ranks[1:], sizes, real.tolist()):
        core = flat[at : at + size].reshape(left, 2, right)
        out.append(np.ascontiguousarray(core.real) if is_real else core.astype(complex))
        at += size
    return out


def restored_wave(arrays: Mapping[str, np.ndarray], sites: int) -> Train:
    """The same of a wave; ``ValueError`` where its norm is not 1."""
    train = restored_train(arrays, sites)
    with np.errstate(all="ignore"):
        square = inner(train, train).real
    if not abs(square - 1) <= 2 * _UNIT:
        raise Unreadable(f"a wave must have norm 1, but the square of it is {square:.6g}")
    return train


def _positive(array: np.ndarray) -> str | None:
    return None if (array >= 1).all() else f"hold no number below 1, but holds {array.min()}"
