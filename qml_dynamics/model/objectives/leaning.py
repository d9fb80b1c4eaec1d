"""What a function visibly leans on, as plain marks: its code, and the plain values in its cells, defaults, globals and attributes.

Equal marks do not prove that a function is the same, but unequal ones tell that it has changed, wherever its values have.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Mapping
from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType

import numpy as np

_PLAIN = (type(None), bool, int, float, complex, str, bytes)
_MOST = 400  # marks of a function, and things that it was looked into
_DEEP = 5  # functions and objects inside each other
_BYTES = 1 << 22  # of all arrays, a few milliseconds
_LONG = 64  # entries of a list


def marks(fn: object) -> dict[str, object]:
    """Marks of what a function leans on, by where each was found.

    >>> height = 0.5
    >>> def loss(w, width=2.0):
    ...     return height * w / width
    >>> marks(loss)["fn.width"], marks(loss)["fn.height"]
    ('2.0', '0.5')
    """
    found: dict[str, object] = {}
    seen: dict[int, object] = {}
    left = _BYTES
    waiting: deque[tuple[str, object, int]] = deque([("fn", fn, 0)])  # what is near comes first
    while waiting and len(found) < _MOST and len(seen) < _MOST:
        path, value, deep = waiting.popleft()
        if (mark := _mark(value, left)) is not None:
            found[path] = mark
            left -= value.nbytes if isinstance(value, np.ndarray) else 0
        elif deep < _DEEP and id(value) not in seen and not isinstance(value, (type, ModuleType, np.ndarray)):
            seen[id(value)] = value
            if isinstance(value, FunctionType):
                found[path] = _code(value.__code__)
            waiting.extend((f"{path}.{name}", inner, deep + 1) for name, inner in _inside(value).items())
    return found


def lasting(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, object]:
    """The marks that a call left as they were: what a function writes itself, such as a counter, tells nothing.

    >>> lasting({"scale": 1.0, "calls": 1}, {"scale": 1.0, "calls": 2, "cache": 3})
    {'scale': 1.0}
    """
    return {name: mark for name, mark in after.items() if name in before and before[name] == mark}


def moved(before: Mapping[str, object], now: Mapping[str, object]) -> bool:
    """Whether one of the marks is another now."""
    return any(name in now and mark != now[name] for name, mark in before.items())


def _mark(value: object, most: int) -> object:
    """The text of a plain value, or the digest of an array of at most so many bytes; None for what is neither."""
    if type(value) in _PLAIN:
        return repr(value)
    if not isinstance(value, np.generic) and type(value) is not np.ndarray:
        return None
    array = np.asarray(value)
    if array.dtype.hasobject or array.nbytes > most:
        return None
    said = f"{array.dtype.str} {array.shape}".encode()
    return hashlib.blake2b(said + np.ascontiguousarray(array).tobytes()).digest()


def _inside(value: object) -> dict[str, object]:
    """What a function or an object holds, by name."""
    if isinstance(value, FunctionType):
        return _leans_on(value)
    if isinstance(value, MethodType):
        return {"function": value.__func__, "self": value.__self__}
    if isinstance(value, partial):
        return {"function": value.func, "args": value.args, "keywords": value.keywords}
    if type(value) in (list, tuple):
        return {str(k): each for k, each in enumerate(list(value)[:_LONG])}  # type: ignore[call-overload]
    if type(value) is dict:
        return {str(k): each for k, each in list(value.items())[:_LONG] if type(k) in _PLAIN}
    try:
        own = dict(vars(value))
    except Exception:  # of any kind: an object of somebody else, or one without attributes
        own = {}
    call = next((vars(each)["__call__"] for each in type(value).__mro__ if "__call__" in vars(each)), None)
    return own | ({"()": call} if isinstance(call, FunctionType) else {})


def _leans_on(fn: FunctionType) -> dict[str, object]:
    code = fn.__code__
    defaults = fn.__defaults__ or ()
    names = code.co_varnames[: code.co_argcount]
    out: dict[str, object] = dict(zip(names[len(names) - len(defaults) :], defaults))
    out |= fn.__kwdefaults__ or {}
    for name, cell in zip(code.co_freevars, fn.__closure__ or ()):
        try:
            out[name] = cell.cell_contents
        except ValueError:  # a variable that has no value yet
            continue
    return out | {name: fn.__globals__[name] for name in sorted(_names(code)) if name in fn.__globals__}


def _names(code: CodeType) -> set[str]:
    """Names that a function and those in it look up."""
    return set(code.co_names).union(*(_names(each) for each in code.co_consts if isinstance(each, CodeType)))


def _code(code: CodeType) -> bytes:
    total = hashlib.blake2b(code.co_code)
    for each in code.co_consts:
        if isinstance(each, CodeType):
            total.update(_code(each))
        elif type(each) in _PLAIN:
            total.update(repr(each).encode())
    total.update(" ".join(code.co_names).encode())
    return total.digest()
