"""Arguments of public functions checked against their annotations, before anything else runs.

``checks_arguments`` reads the annotations of a function and refuses, in the one wording of the library, an argument of another kind: text
where a number belongs, a path in place of a problem, a boolean in place of an integer. What an annotation does not say (ranges,
shapes) is checked by the function itself. A name that is imported for type checkers only is compared with the names of the classes
of what was given, so that nothing heavy is loaded for a check.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import numbers
import types
import typing
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar

import numpy as np

from .errors import MethodError, ProblemError, describe
from .kinds import ByName, fits, words
from .numeric import beyond_memory

F = TypeVar("F", bound=Callable[..., Any])

_OUTERMOST: ContextVar[object | None] = ContextVar("_OUTERMOST", default=None)
_ARRAYS = (np.ndarray, np.ndarray | None)  # arguments that functions get as arrays, also where a list was given

SEEDS, SHOTS = (0, 2**128), (1, 10**9)
NAMED = {"folder": "the path of a folder", "patience": "None or a Patience"}  # what arguments of these names must be
RANGES = {"seed": SEEDS, "shots": SHOTS}  # of integers that go by these names everywhere


class ArgumentError(ProblemError, MethodError):
    """An argument of a public function is of the wrong kind."""


def outermost() -> object | None:
    """A mark of the call of a public function in which this runs, the same in all calls inside it; None outside of every one."""
    return _OUTERMOST.get()


def checks_arguments(function: F) -> F:
    """A decorator: the function's arguments are checked against its annotations.

    Raises:
        ArgumentError: an argument is not of the kind that its annotation names. It is a :class:`ProblemError` and a
            :class:`MethodError`, so that it is caught where either is.

    >>> @checks_arguments
    ... def twice(count: int, *, seed: int | None = None) -> int:
    ...     return 2 * count
    >>> twice(2)
    4
    >>> twice(2.5)
    Traceback (most recent call last):
    qml_dynamics.base.arguments.ArgumentError: Argument `count` must be an integer, but is 2.5.
    """
    return checks_arguments_but()(function)


def checks_arguments_but(*own: str) -> Callable[[F], F]:
    """The decorator :func:`checks_arguments` but for arguments of these names, which the function checks in words of its own."""
    return functools.partial(_decorated, own)


def _decorated(own: tuple[str, ...], function: F) -> F:
    signature = inspect.signature(function)
    hints: dict[str, Any] | None = None
    broken, said, outer = (
        _BROKEN,
        failed,
        _OUTERMOST,
    )  # closed over: `call` looks for names in the module of the function

    def check(given: tuple[object, ...], options: dict[str, object]) -> tuple[tuple[object, ...], dict[str, object]]:
        """Compare the arguments with their annotations, and hand them on; raises the error of the first that does not fit."""
        nonlocal hints
        try:
            bound = signature.bind(*given, **options)
        except TypeError:
            return given, options  # as of any function: the call itself says which argument is missing or unknown
        if hints is None:  # read at the first call: the annotations may name classes further down in the module
            hints = _hints(function, own)
        listed = False
        for name, value in bound.arguments.items():
            if name in hints:
                _check(name, value, hints[name], signature.parameters[name].default)
                if isinstance(value, (list, tuple)) and hints[name] in _ARRAYS:
                    bound.arguments[name], listed = np.asarray(value), True
        return (bound.args, bound.kwargs) if listed else (given, options)

    def call(*given: object, **options: object) -> Any:
        """Check the arguments, call the function, and put a failure of arithmetic into words."""
        given, options = check(given, options)
        mark = outer.set(object()) if outer.get() is None else None
        try:
            return function(*given, **options)
        except broken as reason:
            error = said(function.__name__, reason)
            if error is None:
                raise
            raise error from reason
        finally:
            if mark is not None:
                outer.reset(mark)

    # with the function's own globals it belongs to its module, where doctest looks for its examples
    inside = types.FunctionType(call.__code__, function.__globals__, function.__name__, None, call.__closure__)
    return typing.cast(F, functools.update_wrapper(inside, function))


# What arithmetic raises where numbers leave the range of floats, and what allocation does where there is no room.
_BROKEN = (np.linalg.LinAlgError, ArithmeticError, MemoryError)
_COMPUTES = ("qml_dynamics", "numpy", "scipy")


def failed(name: str, reason: Exception) -> MethodError | None:
    """The error of a function whose arithmetic broke down; None where it was raised in a person's own function."""
    trace = reason.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else str(trace.tb_frame.f_globals.get("__name__", ""))
    if where.partition(".")[0] not in _COMPUTES:
        return None
    why = " ".join(str(reason).split())
    if isinstance(reason, MemoryError):
        return MethodError(f"This call of `{name}` needs more memory than there is{': ' if why else ''}{why}.")
    return MethodError(f"The numbers of this call of `{name}` cannot be computed in floating point: {why}.")


class _Names(dict[str, Any]):
    """The names that annotations use; one that is not there at run time stands for the classes of this name."""

    def __missing__(self, name: str) -> type:
        return type(name, (ByName,), {})


def _hints(function: Callable[..., Any], own: tuple[str, ...]) -> dict[str, Any]:
    """The annotations of the arguments that are checked here: no ``*given`` and ``**options``."""
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    left = {p.name for p in inspect.signature(function).parameters.values() if p.kind in several}
    names = _Names({**vars(builtins), **function.__globals__})
    found = typing.get_type_hints(function, localns=names, include_extras=True)
    return {name: hint for name, hint in found.items() if name not in {"return", *left, *own}}


def _check(name: str, value: object, hint: object, default: object) -> None:
    if value is default or _fits(value, hint):
        low, high = RANGES.get(name, (None, None))
        if low is None or high is None or type(value) is bool or not isinstance(value, numbers.Integral):
            return
        if not low <= int(value) <= high:
            raise ArgumentError(
                f"Argument `{name}` must be an integer between {low} and {high}, but is {describe(value)}."
            )
        return
    raise ArgumentError(f"Argument `{name}` must be {NAMED.get(name) or words(hint)}, but is {describe(value)}.")


def _fits(value: object, hint: object) -> bool:
    """:func:`fits`; an object of somebody else that fails when it is looked at does not, nor does a range beyond the memory."""
    try:
        return not beyond_memory(value) and fits(value, hint)
    except Exception:
        return False
