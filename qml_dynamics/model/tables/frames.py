"""Tables of Python: data frames by the names of their columns, dictionaries of columns, and arrays, without importing any library.

Values become the texts that a file would hold, floats with all their digits, so that one set of rules reads both.
"""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Iterable, Mapping
from typing import Protocol, TypeAlias, TypeGuard

import numpy as np

from ...base.errors import ProblemError, describe, require
from .parquet import from_interchange


class Frame(Protocol):
    """A data frame: names of columns, and each column by its name, as those of pandas and polars are."""

    @property
    def columns(self) -> Iterable[object]:
        """The names."""
        ...

    def __getitem__(self, name: str, /) -> object:
        """A column."""
        ...


class Columnar(Protocol):
    """A table of Arrow: ``column_names``, and ``column(name)``."""

    @property
    def column_names(self) -> Iterable[str]:
        """The names."""
        ...

    def column(self, name: str, /) -> object:
        """A column."""
        ...


class Streamed(Protocol):
    """A data frame that gives its columns by the stream of Arrow only."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The columns."""
        ...


class Interchanged(Protocol):
    """A data frame that gives its columns by the older interchange protocol only."""

    def __dataframe__(self) -> object:
        """The columns."""
        ...


class Lazy(Protocol):
    """A data frame that is still to be computed, as a lazy one of polars: it knows the names of columns and no values."""

    def collect_schema(self) -> object:
        """Names and kinds of columns."""
        ...

    def collect(self) -> object:
        """Its values, as a data frame."""
        ...


FrameLike: TypeAlias = Frame | Columnar | Streamed | Interchanged | Lazy | Mapping[str, object] | np.ndarray
_NOTHING = object()


def _offers(value: object, *names: str) -> bool:
    """Whether a value itself has these members: not by a column of that name, which data frames give as an attribute too."""
    return all(inspect.getattr_static(value, name, _NOTHING) is not _NOTHING for name in names)


def _is_lazy(value: object) -> TypeGuard[Lazy]:
    return _offers(value, "collect_schema", "collect")


def _is_columnar(value: object) -> TypeGuard[Columnar]:
    return _offers(value, "column_names", "column")


def _is_frame(value: object) -> TypeGuard[Frame]:
    return _offers(value, "columns", "__getitem__")


def _is_streamed(value: object) -> TypeGuard[Streamed | Interchanged]:
    return _offers(value, "__arrow_c_stream__") or _offers(value, "__dataframe__")


def is_frame(value: object) -> TypeGuard[FrameLike]:
    """Whether a value is a table of Python and no name of a file.

    >>> is_frame({"a": [1]}), is_frame(np.eye(2)), is_frame("a.csv")
    (True, True, False)
    """
    if isinstance(value, (Mapping, np.ndarray)):
        return True
    return _is_lazy(value) or _is_columnar(value) or _is_frame(value) or _is_streamed(value)


def frame_columns(frame: object) -> dict[str, list[str]]:
    """The columns of a data frame, a dictionary or an array, as texts; a lazy data frame is computed.

    Raises:
        ProblemError: it has no columns or no rows, columns of different lengths, or two of one name, or cannot be computed.

    >>> frame_columns({"a": [1.5, None], "b": [True, "x"]})
    {'a': ['1.5', ''], 'b': ['True', 'x']}
    """
    pairs = [(str(name), [_text(value) for value in _values(column)]) for name, column in _pairs(frame)]
    names = [name for name, _ in pairs]
    require(bool(pairs), "path", "have columns", "of none")
    twice = next((name for name in names if names.count(name) > 1), "")
    require(not twice, "path", "have columns of different names", f"of two called {twice!r}: rename one")
    lengths = {len(cells) for _, cells in pairs}
    require(len(lengths) == 1, "path", "have columns of one length", f"of {sorted(lengths)[:4]} rows")
    require(lengths != {0}, "path", "have at least one row", "of 0 rows")
    return dict(pairs)


def _pairs(frame: object) -> list[tuple[object, object]]:
    if isinstance(frame, Mapping):
        return list(frame.items())
    if isinstance(frame, np.ndarray):
        if frame.dtype.names:
            return [(name, frame[name]) for name in frame.dtype.names]
        require(frame.ndim == 2, "path", "be a matrix, one row an example", f"of shape {frame.shape}")
        return [(f"column{i + 1}", frame[:, i]) for i in range(frame.shape[1])]
    if _is_lazy(frame):
        return _pairs(_collected(frame))
    if _is_columnar(frame):
        return [(name, frame.column(name)) for name in frame.column_names]
    if _is_frame(frame):
        return [(name, _taken(frame, name)) for name in frame.columns]
    if _is_streamed(frame):
        return _pairs(from_interchange(frame))
    raise ProblemError(
        f"Argument `path` must be the name of a file, a data frame, columns or an array, but is {describe(frame)}."
    )


def _collected(frame: Lazy) -> object:
    """The values of a lazy data frame; its library computes them, and may refuse in its own words."""
    try:
        found = frame.collect()
    except Exception as error:  # of any kind: a file that is missing, a column, a type
        raise ProblemError(
            f"Argument `path` must be a lazy data frame that can be computed, but is not: {_first_line(error)}"
        ) from None
    if not is_frame(found) or _is_lazy(found):
        raise ProblemError(f"Argument `path` must give a data frame by collect(), but gives {describe(found)}.")
    return found


def _taken(frame: Frame, name: object) -> object:
    try:
        return frame[name]  # type: ignore[index]
    except Exception as error:  # of any kind: somebody else's data frame
        raise ProblemError(
            f"Argument `path` must give its columns by name, but {type(frame).__name__} does not give {name!r}: {_first_line(error)}"
        ) from None


def _first_line(error: Exception) -> str:
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return text if text.endswith(".") else f"{text}."


def _values(column: object) -> list[object]:
    """The values of a column, those of categories and of the library's own kinds as plain ones, days and durations as texts."""
    if isinstance(column, np.ndarray) and column.dtype.kind in "mM":  # of nanoseconds, tolist() makes integers
        return ["" if np.isnat(value) else str(value) for value in column]
    for way in ("to_pylist", "to_list", "tolist"):
        given = getattr(column, way, None)
        if callable(given):
            found = given()
            return list(found) if isinstance(found, list) else [found]
    if isinstance(column, Iterable) and not isinstance(column, str | bytes):
        return list(column)
    raise ProblemError(f"Argument `path` must have columns of values, but has {describe(column)}.")


def _text(value: object) -> str:
    """One value as a file would hold it; None, NaN and what a library marks as missing are an empty text."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return " ".join(_decoded(value).split())
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, numbers.Integral) and not isinstance(value, np.timedelta64):
        return str(int(value))
    try:
        if value != value:  # NaN and NaT
            return ""
    except (TypeError, ValueError):  # the missing value of pandas is neither
        return ""
    if isinstance(value, numbers.Real):
        return repr(float(value))
    return " ".join(str(value).split())


def _decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
