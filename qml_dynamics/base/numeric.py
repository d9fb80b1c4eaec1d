"""Arrays of finite numbers read from what a person gives, and refused in one line where there are none.

NumPy makes arrays of much that holds no numbers: of time differences, of masked values, of objects of other libraries.
"""

from __future__ import annotations

import collections.abc
import math
import numbers
from typing import Annotated, Any, TypeGuard

import numpy as np
from numpy.typing import ArrayLike

from .errors import ProblemError, QMLDynamicsError, describe
from .memory import available_memory

# An argument that is turned into an array of numbers: each of them finite.
FINITE = "an array of finite numbers"
Numbers = Annotated[ArrayLike, FINITE]

# The mark of an annotation whose arguments are checked in words of its own by what reads them.
WHERE_READ = "checked where it is read"
# An array or nested lists of numbers, or of labels.
Array = Annotated[ArrayLike, WHERE_READ]


def finite_numbers(value: object) -> bool:
    """Whether NumPy makes an array of finite numbers of it (booleans count as 0 and 1).

    >>> finite_numbers([1, 2j]), finite_numbers([1, None]), finite_numbers(float("nan")), finite_numbers([[1], [1, 2]])
    (True, False, False, False)
    """
    if isinstance(value, (str, bytes, collections.abc.Mapping, collections.abc.Set)) or holds_no_numbers(value):
        return False
    try:
        array = np.asarray(value)
    except Exception:  # of any kind: the person's own object makes the array
        return False
    return array.dtype.kind in "biufc" and bool(np.isfinite(array).all())


def listed(value: object) -> TypeGuard[collections.abc.Sequence[Any]]:
    """Whether a value is a list, a tuple or an array with an axis, whose members can be counted.

    >>> listed([1]), listed(np.zeros(2)), listed(np.array(2.0)), listed("ab"), listed({1})
    (True, True, False, False, False)
    """
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return isinstance(value, collections.abc.Sequence) and not isinstance(value, (str, bytes))


_LOOKED_AT, _DEPTH = 1000, 32  # members of a list that are looked at one by one, and axes of an array
_SURELY, _BYTES = (
    1 << 20,
    48,
)  # members that fit into any memory, and bytes of a Python integer in a list and of a float


def beyond_memory(value: object) -> bool:
    """Whether a value is a range whose numbers would not fit into the memory: asked before any of them is made.

    >>> beyond_memory(range(10**30)), beyond_memory(range(10**30, 0)), beyond_memory([1, 2])
    (True, False, False)
    """
    if not isinstance(value, range):
        return False
    most = (value.stop - value.start) // value.step  # len() of a long one overflows; an empty one has none
    return most > _SURELY and most * _BYTES > available_memory()


def holds_no_numbers(value: object, depth: int = 0) -> bool:
    """Whether NumPy would turn a value into numbers although it holds none: time differences, dates, what is masked.

    A range whose numbers would not fit into the memory is among them. Objects of other libraries are not looked at: as an array, an
    operator on 20 qubits would fill the memory.
    """
    if value is None or isinstance(value, (bool, int, float, complex, str)):
        return False
    if isinstance(value, np.ma.MaskedArray):
        return bool(np.ma.is_masked(value))
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype.kind in "mMV"
    if beyond_memory(value):
        return True
    if isinstance(value, (list, tuple)):
        return depth > _DEPTH or any(holds_no_numbers(one, depth + 1) for one in value[:_LOOKED_AT])
    return False


def as_numbers(value: object, kind: type = float) -> np.ndarray:
    """A copy of a value as an array; raises ``ValueError``, or what NumPy or the object raises, for what holds no numbers.

    >>> as_numbers([1, 2.5]).tolist()
    [1.0, 2.5]
    >>> as_numbers(np.timedelta64(3, "s"))
    Traceback (most recent call last):
    ValueError: it holds no numbers
    """
    if holds_no_numbers(value) or _fails(value):
        raise ValueError("it holds no numbers")
    if kind is not complex and np.asarray(value).dtype.kind == "c":
        raise ValueError("it holds complex numbers")
    return np.array(value, dtype=kind)


def _fails(value: object) -> bool:
    """Whether an object of somebody else fails, in another way than by the errors of a wrong type, when NumPy reads it."""
    try:
        array = np.asarray(value)
        if array.dtype.kind == "O" and array.ndim == 0:
            float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, AttributeError) as error:
        return not isinstance(error, TypeError | OverflowError)
    except Exception:
        return True
    return False


def number_array(
    value: object, name: str, kind: type = float, error: type[QMLDynamicsError] = ProblemError
) -> np.ndarray:
    """``value`` as an array of finite floats (``kind=complex``: of complex numbers); refused in one line where it is none.

    >>> number_array([1, 2], "times").tolist()
    [1.0, 2.0]
    >>> number_array("a", "times")
    Traceback (most recent call last):
    qml_dynamics.base.errors.ProblemError: Argument `times` must be an array of finite numbers, but is 'a'.
    """
    given = value if finite_numbers(value) else None
    if given is not None and (kind is complex or np.asarray(given).dtype.kind != "c"):
        return np.asarray(given, dtype=kind)
    raise error(f"Argument `{name}` must be an array of finite numbers, but is {describe(value)}.")


def is_integer(value: object) -> bool:
    """Whether a value is an integer, also one of NumPy or an array of integers without an axis; booleans are none.

    >>> is_integer(3), is_integer(np.array(3)), is_integer(True), is_integer(3.0)
    (True, True, False, False)
    """
    whole = isinstance(value, numbers.Integral) and not isinstance(value, (bool, np.timedelta64))
    return whole or (isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind in "iu")


def is_number(value: object) -> bool:
    """Whether a value is a finite real number; booleans are none.

    >>> is_number(3), is_number(np.float32(0.5)), is_number(False), is_number(float("inf"))
    (True, True, False, False)
    """
    if isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind in "iuf":
        value = value.item()
    if not isinstance(value, numbers.Real) or isinstance(value, (bool, np.timedelta64)):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:  # an integer beyond the range of floats
        return False
