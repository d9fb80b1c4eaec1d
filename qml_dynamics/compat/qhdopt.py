"""`QHD.SymPy` and `QHD.QP` of QHDOPT: losses with their box, for `descend` and `Problem`.

Nothing of QHDOPT is needed or loaded. Its `..._setup` and `optimize` are one call of :func:`qml_dynamics.descend` here. Source: Kushnir,
Leng, Peng, Fan, Wu, arXiv:2409.03121; https://github.com/jiaqileng/QHDOPT.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ..base.arguments import checks_arguments_but
from ..base.errors import ProblemError, describe, require
from ..base.numeric import Numbers, number_array
from ..model.objectives.base import Objective, columns
from ..model.objectives.given import Symbolic, from_sympy, is_symbolic

__all__ = ["QHD"]

Sides = tuple[float, float] | Sequence[tuple[float, float]] | None


class QHD:
    """The two ways in which QHDOPT takes a problem; each returns an :class:`~qml_dynamics.Objective` with its box.

    Source: Kushnir, Leng, Peng, Fan, Wu, arXiv:2409.03121.
    """

    @staticmethod
    @checks_arguments_but("func", "syms", "bounds")
    def SymPy(func: Symbolic, syms: Sequence[Symbolic], bounds: Sides = None) -> Objective:
        """A loss that is an expression of SymPy, ``f(syms)``, minimised over a box.

        Args:
            func: the expression. Its tree is read into NumPy (sums, products, powers, and the functions of problem files); nothing is
                run as code, and a node that is not known is named.
            syms: its symbols: the weights, in this order. The loss is flat along one that is not in the expression.
            bounds: of all weights ``(low, high)``, or one pair a weight; None: 0 to 1.

        Raises:
            ProblemError: a part of the expression that cannot be read, a symbol too few, or no box.

        >>> from sympy import exp, symbols
        >>> from qml_dynamics import descend
        >>> x, y = symbols("x y")
        >>> loss = QHD.SymPy(-4 * x**2 + 3 * x * y - 2 * y**2 + 3 * x - y + exp(x), [x, y], (0, 1))
        >>> found = descend(loss, qubits=5, steps=1000, seed=1)
        >>> loss.bounds, np.round(found.weights, 3).tolist(), round(found.loss, 3)
        (((0.0, 1.0), (0.0, 1.0)), [0.0, 1.0], -2.0)
        """
        require(is_symbolic(func), "func", "be an expression of SymPy", func)
        listed = list(syms) if isinstance(syms, (list, tuple)) else []
        ok = bool(listed) and all(is_symbolic(one) and not one.args for one in listed)
        require(ok, "syms", "be symbols of SymPy, one a weight", syms)
        require(len(set(listed)) == len(listed), "syms", "be different symbols", syms)
        box = _box(bounds, len(listed))
        try:
            return dataclasses.replace(from_sympy(func, listed), bounds=box)
        except ProblemError as error:
            raise ProblemError(str(error).replace("`objective`", "`func`").replace("`symbols`", "`syms`")) from None

    @staticmethod
    @checks_arguments_but("bounds")
    def QP(Q: Numbers, b: Numbers, bounds: Sides = None) -> Objective:
        """The quadratic loss ``x^T Q x / 2 + b^T x`` over a box.

        Args:
            Q: shape ``(n, n)``, symmetric.
            b: shape ``(n,)``.
            bounds: as in :meth:`SymPy`.

        Raises:
            ProblemError: shapes that do not fit, a matrix that is not symmetric, or no box.

        >>> loss = QHD.QP([[-2.0, 1.0], [1.0, -1.0]], [0.75, -0.25], (0, 1))
        >>> loss(np.array([[0.0, 1.0], [1.0, 0.5]])), loss.gradient(np.array([[1.0, 0.5]]))
        (array([-0.75,  0.  ]), array([[-0.75,  0.25]]))
        """
        matrix, linear = np.array(number_array(Q, "Q")), np.array(number_array(b, "b"))
        square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1] > 0
        require(square, "Q", "be a square matrix", f"of shape {matrix.shape}")
        count = len(matrix)
        require(linear.shape == (count,), "b", f"have {count} entries", f"of shape {linear.shape}")
        wide = 1e-9 * float(np.abs(matrix).max())
        require(bool((np.abs(matrix - matrix.T) <= wide).all()), "Q", "be symmetric", Q)

        def fn(points: np.ndarray) -> np.ndarray:
            """The loss at all points."""
            columns(points, "quadratic", count)
            return np.asarray(0.5 * np.einsum("mi,mi->m", points @ matrix, points) + points @ linear)

        return Objective(
            fn, "quadratic", bounds=_box(bounds, count), gradient_fn=lambda points: points @ matrix + linear
        )


def _box(given: object, count: int) -> tuple[tuple[float, float], ...]:
    """One pair a weight, of a pair for all of them or of one each."""
    must = f"be a pair (low, high) for all weights, or {count} of them"
    try:
        sides = np.asarray((0.0, 1.0) if given is None else given, dtype=float)
    except (TypeError, ValueError):
        raise ProblemError(f"Argument `bounds` must {must}, but is {describe(given)}.") from None
    if sides.shape == (2,):
        sides = np.tile(sides, (count, 1))
    ok = sides.shape == (count, 2) and bool(np.isfinite(sides).all()) and bool((sides[:, 0] < sides[:, 1]).all())
    require(ok, "bounds", must, given)
    return tuple((float(low), float(high)) for low, high in sides)
