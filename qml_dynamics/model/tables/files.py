"""The text of a table in a file: compressed or not, in UTF-8 or an older encoding, and Parquet through the extra ``tables``."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

from ...base.errors import ProblemError, human_bytes, require
from ...base.places import regular
from .foreign import foreign_form

MOST = 1 << 30  # bytes of a text
_BLOCK = 1 << 20
_OTHERS = {
    b"PK\x03\x04": "a spreadsheet or a zip archive: save the table as CSV",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet: save the table as CSV",
    b"\x93NUMPY": "an array of NumPy: pass numpy.load(path) instead",
    b"\x89HDF": "an HDF5 file: save the table as CSV or Parquet",
    b"%PDF": "a PDF document",
    b"BZh": "compressed by bzip2: unpack it, or compress it by gzip",
    b"\xfd7zXZ": "compressed by xz: unpack it, or compress it by gzip",
    b"\x28\xb5\x2f\xfd": "compressed by zstd: unpack it, or compress it by gzip",
}
COLUMNAR = {b"PAR1": "Parquet", b"ARROW1": "Arrow"}


@dataclass(frozen=True)
class Text:
    """The text of a file, the encoding it was read in, and what else to tell."""

    text: str
    encoding: str
    notes: tuple[str, ...] = ()


def columnar_format(path: Path) -> str | None:
    """``"Parquet"`` or ``"Arrow"`` where a file starts as one does, else None."""
    with regular(path).open("rb") as handle:
        head = handle.read(8)
    return next((name for start, name in COLUMNAR.items() if head.startswith(start)), None)


def existing(path: str | os.PathLike[str]) -> Path:
    """The path of a table; raises :class:`ProblemError` where no file is."""
    require(isinstance(path, str | os.PathLike), "path", "be the name of a file", path)
    name = os.fspath(path)
    if not os.path.isfile(name):  # the whole path, however long
        raise ProblemError(f"Argument `path` must be a CSV file that exists, but is {name[:1000]!r}.")
    return Path(name)


def text_of(path: Path, encoding: str | None = None) -> Text:
    """The text of a file.

    Args:
        path: the file; one that gzip compressed is opened.
        encoding: of its bytes; None: UTF-8, UTF-16 with its mark, else the older Western one (Windows-1252), which is told.

    Raises:
        ProblemError: it cannot be read, is too large, or holds no text.
    """
    try:
        with regular(path).open("rb") as handle:
            content = handle.read(MOST + 1)
        notes: tuple[str, ...] = ()
        if content.startswith(b"\x1f\x8b"):
            content, notes = _unpacked(content), ("compressed by gzip",)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise ProblemError(
            f"Argument `path` must be a readable CSV file, but {str(path)!r} is not: {reason}."
        ) from error
    require(len(content) <= MOST, "path", f"be at most {human_bytes(MOST)} of text", "of more")
    other = next((words for start, words in _OTHERS.items() if content.startswith(start)), None)
    if other is not None:
        raise ProblemError(f"Argument `path` must be a readable CSV file, but {str(path)!r} is {other}.")
    text, found = _decoded(content, path, encoding)
    form = foreign_form(text)
    if form is not None:
        raise ProblemError(f"Argument `path` must be a readable CSV file, but {str(path)!r} is {form}.")
    if found not in ("utf-8", "utf-8-sig") and encoding is None:
        notes = (*notes, f"read as {found}, since it is no UTF-8")
    return Text(text, found, notes)


def _unpacked(content: bytes) -> bytes:
    """The content of a gzip file, whose length was bounded before it is opened."""
    parts, size = [], 0
    with gzip.open(io.BytesIO(content)) as handle:
        while block := handle.read(_BLOCK):
            parts.append(block)
            size += len(block)
            if size > MOST:
                break
    return b"".join(parts)


def _decoded(content: bytes, path: Path, encoding: str | None) -> tuple[str, str]:
    tries = [encoding] if encoding is not None else _candidates(content)
    last: Exception | None = None
    for name in tries:
        try:
            codecs.lookup(name)
        except LookupError:
            raise ProblemError(
                f"Argument `encoding` must be one that Python knows, such as 'latin-1', but is {name!r}."
            ) from None
        try:
            text = content.decode(name).removeprefix("\ufeff")
        except (UnicodeDecodeError, UnicodeError) as error:
            last = error
            continue
        if not any(c < " " and c not in "\t\r\n\x0b\x0c" for c in set(text)):
            return text, name
    reason = last if last is not None else "it holds bytes that are no text"
    raise ProblemError(f"Argument `path` must be a readable CSV file, but {str(path)!r} is not: {reason}.")


def _candidates(content: bytes) -> list[str]:
    if content.startswith(codecs.BOM_UTF8):
        return ["utf-8-sig"]
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ["utf-16"]
    return ["utf-8", "cp1252", "latin-1"]
