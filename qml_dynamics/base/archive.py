"""Array files of unknown origin (``.npz``, ``.npy``): names, types and sizes are checked before any content is unpacked.

What a file claims is compared with what it holds before memory is taken for it. An archive may not open to more than
``_RATIO`` times its own size (``_SMALL`` bytes are always allowed): deflate reaches 1:1000, honest tables stay far below 1:100.
Encrypted members, other compressions, pickled objects, dates and records are refused. Every message names the file and the member.
"""

from __future__ import annotations

import math
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np

from .errors import ProblemError, QMLDynamicsError, check_memory, human_bytes, line
from .places import regular

_RATIO = 100
_SMALL = 1 << 26
_LARGE = 1 << 26  # bytes of an array from which it may be left in its file
_LOCAL = 30  # bytes that stand before the name of a member of a zip archive
_MEMBERS = 100_000  # each takes some 0.1 ms to open, so that more of them would hang where no data are behind them
_LEAST = 128  # bytes that a member of NumPy takes at least: both its headers and that of its array
_KINDS = "biufcU"  # NumPy's letters: truth values, integers, real and complex numbers, text
_STORED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # what NumPy writes
_TEXT = 1 << 24  # characters of one text: JSON, mostly

Source = str | os.PathLike[str] | bytes
DAMAGE: tuple[type[Exception], ...] = (
    OSError,
    EOFError,
    ValueError,
    LookupError,
    OverflowError,
    RecursionError,
    MemoryError,
)
"""What our own loaders raise on a file that was damaged or made up; anything else is a fault of the loader, and is not hidden."""
_READERS = (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, tokenize.TokenError)
FOREIGN: tuple[type[Exception], ...] = (*DAMAGE, *_READERS, RuntimeError, SyntaxError, TypeError)
"""What the readers of other packages raise on one: of zip archives, of NumPy's headers, of the states of its generators."""


class Unreadable(ValueError):
    """What is wrong with a file, for :func:`reading` to say with its name."""


class reading:
    """What a damaged file makes of the block comes out as ``error`` in one line, ``<must>: <reason>``; other exceptions as they are.

    A fault of the loader itself (``TypeError``, ``AttributeError`` and the like) is no word about the file, and is not turned into one:
    loaders ask for the kind of what they read (:func:`of`, :func:`checked`) before they work with it.

    Args:
        must: the message before the reason.
        error: what is raised.
        damage: the exceptions that speak of the file.

    >>> with reading("Argument `path` must be a number, but 'x' is not"):
    ...     int("x")
    Traceback (most recent call last):
    qml_dynamics.base.errors.ProblemError: Argument `path` must be a number, but 'x' is not: invalid literal for int() with base \
10: 'x'.
    """

    def __init__(
        self,
        must: str,
        error: type[QMLDynamicsError] = ProblemError,
        damage: tuple[type[Exception], ...] = DAMAGE,
    ) -> None:
        self.must, self.error, self.damage = must, error, damage

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, found: BaseException | None, trace: object) -> None:
        if isinstance(found, self.damage) and not isinstance(found, QMLDynamicsError):
            raise self.error(f"{self.must}: {_reason(found)}.") from None


def _reason(found: Exception) -> str:
    if isinstance(found, KeyError):
        return f"it has no {line(str(found.args[0] if found.args else found), 60)}"
    if isinstance(found, RecursionError):
        return "it is nested too deeply"
    if isinstance(found, MemoryError):
        return "it needs more memory than there is"
    text = found.strerror if isinstance(found, OSError) and found.strerror else str(found)
    return line(text, 120).rstrip(".") or type(found).__name__


def read_npz(
    source: Source, must: str = "", error: type[QMLDynamicsError] = ProblemError, *, mapped: str | None = None
) -> dict[str, np.ndarray]:
    """All arrays of an ``.npz`` archive: plain numbers and texts, each of the size that its member has.

    Args:
        source: the file, or its bytes.
        must: the message before the reason.
        error: what is raised.
        mapped: of arrays whose name begins with it those of 64 MiB and more are left in the file: maps of it, which take no memory.

    Raises:
        ProblemError or ``error``: it is no such archive, or it opens to more than it may.

    >>> stored = BytesIO()
    >>> np.savez(stored, x=np.array([1.0, 2.0]), note=np.array("two"))
    >>> {name: array.tolist() for name, array in read_npz(stored.getvalue()).items()}
    {'x': [1.0, 2.0], 'note': 'two'}
    """
    words = must or f"Argument `path` must be an archive of arrays, but {_named(source)} is not"
    mapped = None if isinstance(source, bytes) else mapped
    with reading(words, error, FOREIGN), _opened(source) as file, zipfile.ZipFile(file) as archive:
        members = _members(archive, _length(file), mapped=mapped)
        return {
            name.removesuffix(".npy"): _mapped(file, info) if _is_left(info, mapped) else _member(archive, info)
            for name, info in members.items()
        }


def read_npy(path: Path, must: str, error: type[QMLDynamicsError] = ProblemError) -> np.ndarray:
    """The array of an ``.npy`` file, by the rules of :func:`read_npz`."""
    with reading(must, error, FOREIGN), _opened(path) as file:
        return _array(file, _length(file))


def check_archive(path: Path) -> None:
    """Raise ``ValueError`` where a zip archive that another reader will open is encrypted, or opens to more than it may."""
    if zipfile.is_zipfile(path):
        with _opened(path) as file, zipfile.ZipFile(file) as archive:
            _members(archive, _length(file), ending="")


def _named(source: Source) -> str:
    return "it" if isinstance(source, bytes) else line(str(source), 200)


def _opened(source: Source) -> IO[bytes]:
    return BytesIO(source) if isinstance(source, bytes) else regular(Path(source)).open("rb")


def _length(file: IO[bytes]) -> int:
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    return end


def _is_left(info: zipfile.ZipInfo, mapped: str | None) -> bool:
    """Whether a member is left in the file: those that are compressed are not."""
    named = mapped is not None and info.filename.startswith(mapped)
    return named and info.compress_type == zipfile.ZIP_STORED and info.file_size >= _LARGE


def _members(
    archive: zipfile.ZipFile, length: int, ending: str = ".npy", mapped: str | None = None
) -> dict[str, zipfile.ZipInfo]:
    """The members by name; what they would open to is within the limits."""
    found: dict[str, zipfile.ZipInfo] = {}
    many, allowed = len(archive.infolist()), max(_MEMBERS, length // _LEAST)
    if many > allowed:
        raise Unreadable(f"it has {many:,} members, where {allowed:,} are allowed")
    for info in archive.infolist():
        name = info.filename
        if not name.endswith(ending) or name in found:
            raise Unreadable(f"member {_short(name)} is {'there twice' if name in found else 'no array'}")
        if info.flag_bits & 0x1:
            raise Unreadable(f"member {_short(name)} is encrypted")
        if info.compress_type not in _STORED:
            raise Unreadable(f"member {_short(name)} is compressed by a method that is not supported")
        found[name] = info
    size, most = sum(info.file_size for info in found.values()), max(_SMALL, _RATIO * length)
    if size > most:
        raise Unreadable(
            f"{human_bytes(length)} that open to {human_bytes(size)}, where {human_bytes(most)} are allowed"
        )
    check_memory(sum(info.file_size for info in found.values() if not _is_left(info, mapped)), "Its content")
    return found


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    try:
        with archive.open(info) as file:
            return _array(file, info.file_size)
    except FOREIGN as error:
        said = line(str(error), 90)
        raise Unreadable(f"member {_short(info.filename)}: {said or type(error).__name__}") from None


def _mapped(file: IO[bytes], info: zipfile.ZipInfo) -> np.ndarray:
    """The array of an uncompressed member as a map of its file, read-only. Its sum is not checked: seals are."""
    file.seek(info.header_offset)
    head = file.read(_LOCAL)
    if len(head) < _LOCAL or head[:4] != b"PK\x03\x04":
        raise Unreadable(f"member {_short(info.filename)} does not begin where the archive says")
    name, extra = struct.unpack("<HH", head[_LOCAL - 4 :])
    start = info.header_offset + _LOCAL + name + extra
    there = _length(file) - start
    if info.file_size > there:
        raise Unreadable(
            f"member {_short(info.filename)} has {human_bytes(info.file_size)}, but {human_bytes(there)} are there"
        )
    file.seek(start)
    shape, by_columns, dtype = _header(file, start + info.file_size)
    return np.memmap(file, dtype, "r", file.tell(), shape, "F" if by_columns else "C")


def _array(file: IO[bytes], length: int) -> np.ndarray:
    """The array in a stream of ``length`` bytes."""
    shape, by_columns, dtype = _header(file, length)
    flat = np.empty(math.prod(shape), dtype)
    raw: np.ndarray = flat.view(np.uint8)
    _fill(file, raw.data)
    return flat.reshape(shape, order="F" if by_columns else "C")


def _header(file: IO[bytes], end: int) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and kind of the array in a stream that ends there: it claims what is there, no more and no less."""
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    version = np.lib.format.read_magic(file)
    if version not in read:
        raise Unreadable(f"it is of version {version} of NumPy's format, which has other things than plain arrays")
    shape, by_columns, dtype = read[version](file)
    if dtype.hasobject or dtype.kind not in _KINDS or dtype.itemsize == 0:
        raise Unreadable(f"it holds no plain array, but {'objects' if dtype.hasobject else line(str(dtype), 40)}")
    if dtype.kind == "U" and dtype.itemsize > 4 * _TEXT:
        raise Unreadable(f"it holds a text of {dtype.itemsize // 4:,} characters")
    count = 1
    for extent in shape:
        count *= int(extent)
    there = end - file.tell()
    if any(isinstance(e, bool) or e < 0 for e in shape) or count * dtype.itemsize != there:
        claimed = human_bytes(abs(count) * dtype.itemsize)
        raise Unreadable(f"it claims shape {line(str(shape), 60)}, {claimed}, and holds {human_bytes(there)}")
    return shape, by_columns, dtype


def _fill(file: IO[bytes], into: memoryview) -> None:
    done = 0
    while done < len(into):
        piece = file.read(min(1 << 22, len(into) - done))
        if not piece:
            raise Unreadable(f"it ends after {human_bytes(done)} of {human_bytes(len(into))}")
        into[done : done + len(piece)] = piece
        done += len(piece)
    if file.read(1):  # and the sum of the member is checked at its end
        raise Unreadable("it goes on after its end")


def _short(name: str) -> str:
    return line(name.removesuffix(".npy"), 60)


Check = Callable[[np.ndarray], str | None]
"""Says what is wrong with an array, or None."""


def checked(
    arrays: Mapping[str, np.ndarray],
    name: str,
    kinds: str,
    shape: tuple[int | None, ...],
    *checks: Check,
    bounded: bool = True,
) -> np.ndarray:
    """One array of an archive; ``ValueError`` that names it unless it is of this kind and shape and passes the checks.

    Args:
        arrays: what :func:`read_npz` gave.
        name: of the member.
        kinds: letters of NumPy's kinds, such as ``"f"`` or ``"iu"``.
        shape: None for an axis of any length.
        checks: what else must hold.
        bounded: whether numbers must be finite.

    >>> checked({"p": np.array([0.5, np.nan])}, "p", "f", (2,))
    Traceback (most recent call last):
    qml_dynamics.base.archive.Unreadable: member p must be finite, but is nan at place 1
    """
    if name not in arrays:
        raise Unreadable(f"member {_short(name)} is missing")
    array = arrays[name]
    fits = len(shape) == array.ndim and all(b is None or a == b for a, b in zip(array.shape, shape))
    if array.dtype.kind not in kinds:
        raise Unreadable(f"member {_short(name)} must hold {_words(kinds)}, but holds {line(str(array.dtype), 40)}")
    if not fits:
        wanted = " x ".join("any" if extent is None else str(extent) for extent in shape) or "a single value"
        raise Unreadable(f"member {_short(name)} must have shape {wanted}, but has {line(str(array.shape), 60)}")
    for check in (finite, *checks) if bounded else checks:
        if said := check(array):
            raise Unreadable(f"member {_short(name)} must {said}")
    return array


def _words(kinds: str) -> str:
    names = {"f": "real numbers", "c": "complex numbers", "i": "integers", "U": "text", "b": "truth values"}
    return " or ".join(names[kind] for kind in kinds if kind in names)


def finite(array: np.ndarray) -> str | None:
    """No infinities, nothing that is not a number."""
    if array.dtype.kind not in "fc":
        return None
    bad = ~np.isfinite(array)
    return f"be finite, but is {array[bad][0]} at place {int(np.argmax(bad))}" if bad.any() else None


def nonnegative(array: np.ndarray) -> str | None:
    """No negative numbers."""
    return None if (array >= 0).all() else f"hold no negative number, but holds {array.min()}"


def ascending(array: np.ndarray) -> str | None:
    """Each number above the one before it."""
    return "be ascending, but is not" if array.size > 1 and not (np.diff(array) > 0).all() else None


def unit_rows(array: np.ndarray, tolerance: float = 1e-5) -> str | None:
    """Each row along the first axis of sum 1 (complex: of norm 1), as closely as single precision keeps it."""
    rows = array.reshape(len(array), -1)
    with np.errstate(over="ignore"):
        total = np.linalg.norm(rows, axis=1) if array.dtype.kind == "c" else rows.sum(axis=1)
    wrong = ~(np.abs(total - 1) <= tolerance)
    if not wrong.any():
        return None
    word = "norm" if array.dtype.kind == "c" else "sum"
    return f"have {word} 1 at each time, but has {total[wrong][0]:.6g} at time {int(np.argmax(wrong))}"


def of(value: object, kind: type | tuple[type, ...], key: str) -> Any:
    """A value of stored plain data, if it is of this kind; ``ValueError`` that names its key otherwise."""
    if not isinstance(value, kind):
        names = " or ".join(each.__name__ for each in (kind if isinstance(kind, tuple) else (kind,)))
        raise Unreadable(f"{key} must be of type {names}, but is {line(repr(value), 60)}")
    return value
