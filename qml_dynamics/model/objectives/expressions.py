"""A loss written as arithmetic text, ``"sin(3*x0) + x1**2"``: parsed, checked and interpreted, never run as code."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ...base.arguments import checks_arguments_but
from ...base.errors import ProblemError, integer, require
from .base import Objective

MAX_LENGTH = 2000
MAX_DEPTH = 250
MAX_EXPONENT = 100.0
MAX_WEIGHTS = 60

CONSTANTS = {"pi": np.pi, "e": np.e}
FUNCTIONS: dict[str, np.ufunc] = {
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "tanh": np.tanh,
    "cosh": np.cosh,
    "sinh": np.sinh,
    "minimum": np.minimum,
    "maximum": np.maximum,
    "min": np.minimum,
    "max": np.maximum,
}
_BINARY: dict[type[ast.operator], np.ufunc] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.true_divide,
    ast.Pow: np.power,
}
_UNARY: dict[type[ast.unaryop], np.ufunc] = {ast.USub: np.negative, ast.UAdd: np.positive}
_VARIABLE = re.compile(r"x(0|[1-9][0-9]{0,3})")
_ALLOWED = f"x0, x1, ..., numbers, {', '.join(CONSTANTS)}, + - * / ** and {', '.join(FUNCTIONS)}"

Program = Callable[[np.ndarray], Any]


@checks_arguments_but("text")
def expression(text: str, ndim: int | None = None) -> Objective:
    """An arithmetic loss over the weights ``x0``, ``x1``, ...

    Allowed are ``+ - * / **``, parentheses, numbers (all taken as floats), ``pi``, ``e`` and ``sin cos tan exp log sqrt
    abs tanh cosh sinh minimum maximum`` (``min`` and ``max`` mean the same). The text is parsed into a tree and every
    node is checked before anything is computed, so that text from a file cannot run code.

    Args:
        text: at most 2000 characters.
        ndim: number of weights; without it any number that covers the largest index.

    Raises:
        ProblemError: for anything else in the text, an index of ``ndim`` or more, an exponent beyond 100, or a constant
            part that overflows or is undefined. Values that are not finite are reported when the loss is evaluated.

    >>> expression("x0**2 + 2*sin(pi*x1)")(np.array([[3.0, 0.5]]))
    array([11.])
    """
    require(isinstance(text, str) and bool(text.strip()), "expression", "be an arithmetic text", text)
    require(len(text) <= MAX_LENGTH, "expression", f"have at most {MAX_LENGTH} characters", f"of length {len(text)}")
    used = MAX_WEIGHTS if ndim is None else integer(ndim, "ndim", 1, MAX_WEIGHTS)
    reader = _Reader(used, ndim is None)
    program, _ = reader.read(_parse(text), 0)
    needed = reader.largest + 1

    def fn(points: np.ndarray) -> np.ndarray:
        """The value of the text at points ``(m, ndim)``, shape ``(m,)``."""
        given = points.shape[1]
        if given < needed or (ndim is not None and given != ndim):
            wanted = f"{ndim}" if ndim is not None else f"at least {needed}"
            raise ProblemError(f"The objective `expression` takes {wanted} weights, but the points have {given}.")
        with np.errstate(all="ignore"):
            return np.array(np.broadcast_to(program(points), len(points)), dtype=float)

    return Objective(fn, "expression", spec={"expression": text})


def _parse(text: str) -> ast.expr:
    try:
        with warnings.catch_warnings():  # the tokeniser warns of things like `1or 2`, which are refused anyway
            warnings.simplefilter("ignore")
            return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else "it is nested too deeply or holds a null character"
        raise ProblemError(f"Argument `expression` must be arithmetic, but {text[:60]!r} is not: {reason}.") from None


class _Reader:
    """Turns a syntax tree into nested functions of the points, and notes the largest index used."""

    def __init__(self, ndim: int, open_ended: bool) -> None:
        self.ndim, self.open_ended, self.largest = ndim, open_ended, -1

    def read(self, node: ast.expr, depth: int) -> tuple[Program, bool]:
        """The function of this node, and whether it is a constant (then it is folded into one finite float)."""
        if depth > MAX_DEPTH:
            raise ProblemError(f"Argument `expression` must be nested at most {MAX_DEPTH} deep, but is nested deeper.")
        if isinstance(node, ast.Constant):
            return _constant(_number(node), node)
        if isinstance(node, ast.Name):
            return self._name(node)
        if isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
            return _apply(_UNARY[type(node.op)], [self.read(node.operand, depth + 1)], node)
        if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            parts = [self.read(side, depth + 1) for side in (node.left, node.right)]
            if isinstance(node.op, ast.Pow):
                _check_exponent(parts[1], node.right)
            return _apply(_BINARY[type(node.op)], parts, node)
        if isinstance(node, ast.Call):
            ufunc = _called(node)
            return _apply(ufunc, [self.read(argument, depth + 1) for argument in node.args], node)
        raise _refused(node)

    def _name(self, node: ast.Name) -> tuple[Program, bool]:
        if node.id in CONSTANTS:
            return _constant(CONSTANTS[node.id], node)
        match = _VARIABLE.fullmatch(node.id)
        if match is None:
            raise _refused(node)
        index = int(match[1])
        if index >= self.ndim:
            limit = f"weights up to x{self.ndim - 1}" + ("" if self.open_ended else f", for ndim = {self.ndim}")
            raise ProblemError(f"Argument `expression` must use {limit}, but uses `{node.id}`.")
        self.largest = max(self.largest, index)
        return (lambda points: points[:, index]), False


def _apply(ufunc: np.ufunc, parts: list[tuple[Program, bool]], node: ast.expr) -> tuple[Program, bool]:
    programs = [program for program, _ in parts]

    def run(points: np.ndarray) -> Any:
        """The NumPy function of the values of its parts at the points."""
        result = programs[0](points)
        if ufunc.nin == 1:
            return ufunc(result)
        for program in programs[1:]:
            result = ufunc(result, program(points))
        return result

    if all(constant for _, constant in parts):
        with np.errstate(all="ignore"):
            return _constant(float(run(np.empty((0, 0)))), node)
    return run, False


def _constant(value: float, node: ast.expr) -> tuple[Program, bool]:
    if not np.isfinite(value):
        raise ProblemError(f"Argument `expression` must have finite constants, but `{_source(node)}` is {value}.")
    number = np.float64(value)
    return (lambda points: number), True


def _number(node: ast.Constant) -> float:
    if isinstance(node.value, bool) or not isinstance(node.value, int | float):
        raise _refused(node)
    try:
        return float(node.value)
    except OverflowError:
        return float("inf")


def _check_exponent(part: tuple[Program, bool], node: ast.expr) -> None:
    program, constant = part
    if constant and abs(float(program(np.empty((0, 0))))) > MAX_EXPONENT:
        most = f"{MAX_EXPONENT:g}"
        raise ProblemError(
            f"Argument `expression` must have exponents of at most {most}, but one is `{_source(node)}`."
        )


def _called(node: ast.Call) -> np.ufunc:
    if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
        raise _refused(node.func)
    name, ufunc = node.func.id, FUNCTIONS[node.func.id]
    if node.keywords:
        raise ProblemError(f"Argument `expression` must not name arguments, but `{name}` is called with a keyword.")
    count = len(node.args)
    if count != 1 if ufunc.nin == 1 else count < 2:
        wanted = "1 argument" if ufunc.nin == 1 else "2 or more arguments"
        raise ProblemError(f"Argument `expression` must give `{name}` {wanted}, but gives it {count}.")
    return ufunc


def _refused(node: ast.AST) -> ProblemError:
    hint = " A power is written **." if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitXor) else ""
    return ProblemError(f"Argument `expression` must use only {_ALLOWED}, but has `{_source(node)}`.{hint}")


def _source(node: ast.AST) -> str:
    """The text of this node, shortened; the tree may be too deep to print."""
    try:
        text = ast.unparse(node)
    except (RecursionError, ValueError):  # ValueError: an integer of too many digits
        text = type(node).__name__
    return text if len(text) <= 40 else text[:37] + "..."
