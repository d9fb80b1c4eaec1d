"""A loss from what people have: an objective, a function, an expression of SymPy, and the forms in which functions answer.

Functions of one point (``scipy.optimize.rosen``, ``lambda w: loss(X @ w, y)``) are asked point by point; lists, columns ``(m, 1)`` and
pairs ``(values, gradients)`` are read as what they are. A module of its own, since `base` checks objectives and knows no kinds.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Protocol, TypeGuard

import numpy as np

from ...base.errors import ProblemError, describe, require
from ...base.options import handed
from .base import Objective, is_pair
from .expressions import expression

_WORDS = {"Abs": "abs", **{name: name for name in ("sin", "cos", "tan", "exp", "log", "tanh", "cosh", "sinh")}}
_MANY = {"Min": "minimum", "Max": "maximum"}
_SIGNS = {"Add": "+", "Mul": "*"}


class Symbolic(Protocol):
    """An expression of SymPy, as far as it is read."""

    @property
    def args(self) -> tuple[Symbolic, ...]:
        """Its parts."""
        ...

    @property
    def free_symbols(self) -> set[Symbolic]:
        """The symbols in it."""
        ...

    @property
    def func(self) -> type:
        """What is done to its parts."""
        ...

    def diff(self, symbol: Symbolic, /) -> Symbolic:
        """Its derivative."""
        ...

    def __float__(self) -> float: ...


def is_symbolic(given: object) -> TypeGuard[Symbolic]:
    """Whether something is an expression of SymPy, which is not imported for the question."""
    home = any(str(cls.__module__).partition(".")[0] == "sympy" for cls in type(given).__mro__)
    return home and all(hasattr(given, name) for name in ("args", "free_symbols", "func", "diff"))


def objective_of(given: object, argument: str, must: str) -> Objective:
    """An objective, or a function of points or an expression of SymPy as one.

    Raises:
        ProblemError: it is something else, in the words ``Argument `argument` must {must}``.

    >>> objective_of(lambda w: w[:, 0] ** 2, "objective", "be a function").name
    'lambda'
    """
    if isinstance(given, Objective):
        return given
    if is_symbolic(given):
        return from_sympy(given)
    if callable(given):
        return Objective(given, getattr(given, "__name__", "objective").strip("<>") or "objective")
    raise ProblemError(f"Argument `{argument}` must {must}, but is {describe(given)}.")


def from_sympy(loss: Symbolic, symbols: Sequence[Symbolic] | None = None) -> Objective:
    """A loss that is an expression of SymPy, with its derivatives; its tree is read, and nothing is run as code.

    Args:
        loss: sums, products, powers and the functions of problem files (sin, cos, tan, exp, log, sqrt, Abs, tanh, cosh, sinh, Min,
            Max) of symbols and numbers.
        symbols: the weights in their order; None: by name, numbers in names by value (``x2`` before ``x10``).

    Raises:
        ProblemError: another function, a complex number, or no symbol.

    >>> import sympy
    >>> x, y = sympy.symbols("x y")
    >>> bowl = from_sympy((x - 1) ** 2 + sympy.exp(y) / 2)
    >>> bowl(np.array([[3.0, 0.0]])), bowl.gradient(np.array([[3.0, 0.0]]))
    (array([4.5]), array([[4. , 0.5]]))
    """
    order = sorted(loss.free_symbols, key=_in_order) if symbols is None else list(symbols)
    require(bool(order), "objective", "have a symbol to be a loss of", str(loss))
    missing = loss.free_symbols - set(order)
    require(not missing, "symbols", "hold every symbol of the loss", sorted(map(str, order)))
    names = {str(symbol): f"x{i}" for i, symbol in enumerate(order)}
    made = expression(_text(loss, names), len(order))
    slopes = _slopes(loss, order, names)
    if slopes is None:
        return made

    def gradient(points: np.ndarray) -> np.ndarray:
        """The derivatives at all points."""
        return np.stack([slope(points) for slope in slopes], axis=1)

    return dataclasses.replace(made, gradient_fn=gradient)


def _in_order(symbol: Symbolic) -> list[tuple[int, str | int]]:
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", str(symbol)) if part]


def _slopes(loss: Symbolic, order: Sequence[Symbolic], names: dict[str, str]) -> list[Objective] | None:
    """The derivatives; None where one is beyond what expressions can say, as that of an absolute value is."""
    try:
        return [expression(_text(loss.diff(symbol), names), len(order)) for symbol in order]
    except ProblemError:
        return None


def _text(part: Symbolic, names: dict[str, str]) -> str:
    """The arithmetic text of an expression, every part in parentheses."""
    kind = part.func.__name__
    if str(part) in names and not part.args:
        return names[str(part)]
    if not part.args:
        return f"({_number(part)!r})"
    inner = [_text(each, names) for each in part.args]
    if kind in _SIGNS:
        return "(" + _SIGNS[kind].join(inner) + ")"
    if kind == "Pow":
        return f"({inner[0]}**{inner[1]})"
    if kind in _WORDS and len(inner) == 1:
        return f"{_WORDS[kind]}({inner[0]})"
    if kind in _MANY:
        text = inner[0]
        for each in inner[1:]:
            text = f"{_MANY[kind]}({text}, {each})"
        return text
    known = ", ".join(["+", "*", "**", *_WORDS, *_MANY])
    raise ProblemError(f"Argument `objective` must be made of {known}, but has {describe(str(part))}.")


def _number(part: Symbolic) -> float:
    try:
        return float(part)
    except (TypeError, ValueError):
        raise ProblemError(f"Argument `objective` must have real numbers, but has {describe(str(part))}.") from None


class Noted:
    """A function that remembers whether it answered with pairs ``(values, gradients)``, so that no evaluation is spent on the question.

    >>> both = Noted(lambda w: ((w**2).sum(axis=1), 2 * w))
    >>> loss = Objective(both)
    >>> loss(np.array([[1.0, 3.0]])), both.with_gradient(loss).gradient(np.array([[1.0, 3.0]]))
    (array([10.]), array([[2., 6.]]))
    """

    def __init__(self, fn: Callable[[np.ndarray], np.ndarray]) -> None:
        self.fn = fn
        self.pair: int | None = None  # the number of axes of what it was asked for

    def __call__(self, points: np.ndarray) -> np.ndarray:
        found: np.ndarray = self.fn(points)
        if is_pair(found, points):
            self.pair = points.ndim
        return found

    def with_gradient(self, objective: Objective) -> Objective:
        """The objective with the gradients of the pairs, if there were any."""
        if self.pair is None or objective.gradient_fn is not None:
            return objective
        return dataclasses.replace(objective, gradient_fn=_gradient_of(self.fn, self.pair == 1))


def _gradient_of(fn: Callable[[np.ndarray], object], single: bool) -> Callable[[np.ndarray], np.ndarray]:
    def second(points: np.ndarray) -> np.ndarray:
        """The second part of the pair."""
        found = handed(fn, points)
        assert isinstance(found, tuple)
        return np.asarray(found[1], dtype=float)

    return (lambda points: np.stack([second(point) for point in points])) if single else second
