"""LOBPCG for waves that are rows: locally optimal blocks of preconditioned residuals and search directions.

Three blocks are kept orthonormal in each iteration, the waves, the directions they came from and the new residuals, so that no small
generalised eigenproblem loses digits. Real waves stay real. Sources: Knyazev, SIAM J. Sci. Comput. 23, 517 (2001); the basis, Hetmaniuk
and Lehoucq, J. Comput. Phys. 218, 324 (2006); Duersch, Shao, Yang and Gu, SIAM J. Sci. Comput. 40, C655 (2018), arXiv:1704.07458.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Act = Callable[[np.ndarray], np.ndarray]
Precondition = Callable[[np.ndarray, np.ndarray], np.ndarray]
_RECOMPUTED = 25  # iterations after which ``H psi`` is made anew: it is carried along by linear combinations
_STALLED = 60  # iterations without a smaller residual, after which rounding is all that is left
_DEPENDENT = 1e-10  # share of a direction that must be new, or it is dropped


@dataclass(frozen=True, eq=False)
class Levels:
    """Energies, ascending, shape ``(m,)``; their waves, shape ``(m, size)``; and ``||H psi - E psi||``, shape ``(m,)``."""

    energies: np.ndarray
    waves: np.ndarray
    residuals: np.ndarray


def lobpcg(act: Act, start: np.ndarray, wanted: int, goal: float, precondition: Precondition, most: int) -> Levels:
    """The lowest energies of a Hermitian operator.

    Args:
        act: the operator on a block of rows; real rows must stay real.
        start: rows that the search begins with, shape ``(m, size)``, more than are wanted: guards make the last of them converge.
        wanted: how many residuals must reach the goal.
        goal: of ``||H psi - E psi||``.
        precondition: what to do with residuals, given them and the energies of their rows.
        most: iterations.

    >>> levels = lobpcg(lambda rows: rows * np.arange(40.0), np.cos(np.outer([1, 2, 3], np.arange(40))), 1, 1e-10,
    ...                 lambda rows, energies: rows / (1 + np.arange(40.0)), 100)
    >>> bool(abs(levels.energies[0]) < 1e-12), bool(levels.residuals[0] <= 1e-10)
    (True, True)
    """
    x = _orthonormal(start)
    hx = act(x)
    energies, x, hx = _rotated(x, hx)
    p = hp = x[:0]
    best, since = (np.inf, (energies, x, hx)), 0
    for i in range(most):
        if i and i % _RECOMPUTED == 0:
            energies, x, hx = _rotated(x, act(x))
            hp = act(p) if len(p) else p
        rest = hx - energies[:, None] * x
        sizes = np.linalg.norm(rest, axis=1)
        miss = float(sizes[:wanted].max())
        best, since = ((miss, (energies, x, hx)), 0) if miss < 0.9 * best[0] else (best, since + 1)
        if miss <= goal or since >= _STALLED:
            break
        open_ = sizes > 0.1 * goal
        w = _orthonormal(precondition(rest[open_], energies[open_]), np.concatenate([x, p]))
        if not len(w):
            break
        energies, x, hx, p, hp = _ritz(x, hx, p, hp, w, act(w))
    energies, x, hx = _rotated(best[1][1], act(best[1][1]))
    return Levels(energies, x, np.linalg.norm(hx - energies[:, None] * x, axis=1))


def _ritz(
    x: np.ndarray, hx: np.ndarray, p: np.ndarray, hp: np.ndarray, w: np.ndarray, hw: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The lowest waves in the span of all three blocks, and the directions that lead to them, orthonormal to the waves."""
    count = len(x)
    basis, acted = np.concatenate([x, p, w]), np.concatenate([hx, hp, hw])
    energies, modes = np.linalg.eigh(_hermitian(basis.conj() @ acted.T))
    new = modes[:, :count].T
    moves = new.copy()
    moves[:, :count] = 0.0
    moves = _orthonormal(moves, new)
    turn = np.concatenate([new, moves])
    rows, acted_rows = turn @ basis, turn @ acted
    return energies[:count], rows[:count], acted_rows[:count], rows[count:], acted_rows[count:]


def _rotated(x: np.ndarray, hx: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    energies, modes = np.linalg.eigh(_hermitian(x.conj() @ hx.T))
    return energies, modes.T @ x, modes.T @ hx


def _hermitian(matrix: np.ndarray) -> np.ndarray:
    out: np.ndarray = 0.5 * (matrix + matrix.conj().T)
    return out


def _orthonormal(rows: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:
    """An orthonormal basis of the rows, without what the (orthonormal) others span; directions lost in rounding are dropped."""
    for _ in range(2):  # twice is enough
        if others is not None and len(others):
            rows = rows - (rows @ others.conj().T) @ others
        sizes = np.linalg.norm(rows, axis=1)
        rows = rows[sizes > 0] / sizes[sizes > 0, None]
        if not len(rows):
            return rows
        squares, modes = np.linalg.eigh(_hermitian(rows.conj() @ rows.T))
        keep = squares > _DEPENDENT * squares[-1]
        rows = (modes[:, keep].T @ rows) / np.sqrt(squares[keep])[:, None]
    return rows
