"""Parquet and Arrow files, and data frames of other libraries, through the extra ``tables`` (pandas and pyarrow).

A module of its own, since it is the only one that imports them, and only for such files.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from ...base.errors import ProblemError

if TYPE_CHECKING:
    import pandas

EXTRA = 'pip install "qml-dynamics[tables]"'


class _Arrow(Protocol):
    """`pyarrow.parquet` and `pyarrow.feather`, as far as they are used."""

    def read_table(self, source: str) -> object:
        """The table in a file."""
        ...


class _Stream(Protocol):
    """`pyarrow`, as far as it is used."""

    def table(self, frame: object) -> object:
        """The table of a data frame."""
        ...


class _Interchange(Protocol):
    """`pandas.api.interchange`, as far as it is used."""

    def from_dataframe(self, frame: object) -> object:
        """A data frame of pandas."""
        ...


def data_frame(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> pandas.DataFrame:
    """Rows as a data frame of pandas; raises ``ImportError`` where it is missing."""
    import pandas

    return pandas.DataFrame(rows, columns=columns)


def _missing(what: str) -> ProblemError:
    return ProblemError(f"Argument `path` is {what}, which needs a package that is missing: {EXTRA}")


def from_columnar(path: Path, form: str) -> object:
    """The table in a Parquet or Arrow file, by pyarrow.

    Raises:
        ProblemError: pyarrow is missing, or the file is damaged.
    """
    try:
        found = (
            importlib.import_module("pyarrow.parquet")
            if form == "Parquet"
            else importlib.import_module("pyarrow.feather")
        )
    except ImportError:
        raise _missing(f"a {form} file ({path.name})") from None
    try:
        return cast(_Arrow, found).read_table(str(path))
    except Exception as error:  # pyarrow has many kinds
        raise ProblemError(
            f"Argument `path` must be a {form} file that can be read, but {path.name} is not: {error}."
        ) from None


def from_interchange(frame: object) -> object:
    """A table with columns by name from a data frame that has only a protocol: Arrow's stream, or the older interchange protocol.

    Raises:
        ProblemError: pyarrow (or pandas, for the older one) is missing, or it cannot read the columns.
    """
    if hasattr(frame, "__arrow_c_stream__"):
        try:
            return cast(_Stream, importlib.import_module("pyarrow")).table(frame)
        except ImportError:
            raise _missing(f"a data frame of {type(frame).__module__.partition('.')[0]}") from None
        except Exception as error:
            raise ProblemError(
                f"Argument `path` must be a data frame that pyarrow can read, but is not: {error}."
            ) from None
    try:
        found = importlib.import_module("pandas.api.interchange")
    except ImportError:
        raise _missing(f"a data frame of {type(frame).__module__.partition('.')[0]}") from None
    try:
        return cast(_Interchange, found).from_dataframe(frame)
    except Exception as error:
        raise ProblemError(f"Argument `path` must be a data frame that pandas can read, but is not: {error}.") from None
