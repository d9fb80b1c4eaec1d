"""BLAS threads: one for small blocks, where two cost a hundredfold more than they gain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np

_SMALL = 14  # below 2**14 amplitudes one thread is faster: the gates' products are small blocks
_SINGLE = 1 << 18  # OpenBLAS takes one thread for products with fewer multiplications than this


@lru_cache(maxsize=1)
def _controller() -> Any:
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:  # then `gram` cuts its products into pieces that BLAS leaves to one thread
        return None
    return ThreadpoolController()


@contextmanager
def pinned(num_qubits: int) -> Iterator[None]:
    """One BLAS thread inside the block where the waves are small, if threadpoolctl is installed."""
    controller = _controller() if num_qubits < _SMALL else None
    if controller is None:
        yield
        return
    with controller.limit(limits=1, user_api="blas"):
        yield


def gram(rows: np.ndarray, num_qubits: int) -> np.ndarray:
    """``Re <row_i|row_j>`` by one symmetric product on the real view."""
    view = rows.view(float) if np.iscomplexobj(rows) else rows
    if num_qubits >= _SMALL or _controller() is not None:
        out: np.ndarray = view @ view.T  # NumPy sees the transpose and calls syrk: half the work
        return out
    total = np.zeros((len(view), len(view)))
    width = max(8, _SINGLE // max(1, len(view) ** 2))
    for start in range(0, view.shape[1], width):
        piece = view[:, start : start + width]
        total += piece @ piece.T
    return total
