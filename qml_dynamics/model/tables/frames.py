"""Tables of Python: data frames by the names of their columns, dictionaries of columns, and arrays, without importing any library.

Values become the texts that a file would hold, floats with all their digits, so that one set of rules reads both.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np

from ...base.errors import ProblemError, describe, require
from .parquet import from_interchange


@runtime_checkable
class Frame(Protocol):
    """A data frame: names of columns, and each column by its name, as those of pandas and polars are."""

    @property
    def columns(self) -> Iterable[object]:
        """The names."""
        ...

    def __getitem__(self, name: str, /) -> object:
        """A column."""
        ...


@runtime_checkable
class Columnar(Protocol):
    """A table of Arrow: ``column_names``, and ``column(name)``."""

    @property
    def column_names(self) -> Iterable[str]:
        """The names."""
        ...

    def column(self, name: str, /) -> object:
        """A column."""
        ...


@runtime_checkable
class Streamed(Protocol):
    """A data frame that gives its columns by the stream of Arrow only."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The columns."""
        ...


@runtime_checkable
class Interchanged(Protocol):
    """A data frame that gives its columns by the older interchange protocol only."""

    def __dataframe__(self) -> object:
        """The columns."""
        ...


FrameLike: TypeAlias = Frame | Columnar | Streamed | Interchanged | Mapping[str, object] | np.ndarray


def is_frame(value: object) -> bool:
    """Whether a value is a table of Python and no name of a file."""
    return isinstance(value, (Mapping, np.ndarray, Columnar, Frame, Streamed, Interchanged))


def frame_columns(frame: object) -> dict[str, list[str]]:
    """The columns of a data frame, a dictionary or an array, as texts.

    Raises:
        ProblemError: it has no columns or no rows, columns of different lengths, or two of one name.

    >>> frame_columns({"a": [1.5, None], "b": [True, "x"]})
    {'a': ['1.5', ''], 'b': ['True', 'x']}
    """
    pairs = [(str(name), [_text(value) for value in _values(column)]) for name, column in _pairs(frame)]
    names = [name for name, _ in pairs]
    require(bool(pairs), "path", "have columns", "of none")
    require(len(set(names)) == len(names), "path", "have columns of different names", names)
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
    if isinstance(frame, Columnar):
        return [(name, frame.column(name)) for name in frame.column_names]
    if isinstance(frame, Frame):
        return [(name, frame[name]) for name in frame.columns]  # type: ignore[index]
    if isinstance(frame, (Streamed, Interchanged)):
        return _pairs(from_interchange(frame))
    raise ProblemError(
        f"Argument `path` must be the name of a file, a data frame, columns or an array, but is {describe(frame)}."
    )


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
