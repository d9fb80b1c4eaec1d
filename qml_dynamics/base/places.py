"""Paths named in files of unknown origin: inside the file's own folder, or anywhere with ``allow_code=True``.

A problem file, a run folder or a saved trajectory may come from a stranger. It is read as data. Code that it names, and files
outside its folder, are used only where the caller says ``allow_code=True``.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from .errors import ProblemError, describe, require

PASS = "pass allow_code=True (--allow-code on the command line)"


@dataclass(frozen=True)
class Place:
    """Where the sections of a problem come from.

    Attributes:
        folder: the folder of their file, or None where there is none: then they can name no file.
        allow_code: whether code that they name may run, and files outside the folder may be read.
    """

    folder: Path | None = None
    allow_code: bool = False

    def __post_init__(self) -> None:
        permitted(self.allow_code)

    def file(self, section: str, key: str, name: str) -> Path:
        """The path of a file that a key names.

        Raises:
            ProblemError: there is no folder, or the file is outside of it and that is not allowed.
        """
        if self.folder is None:
            raise ProblemError(
                f"[{section}] {key} must be a file beside a problem file, but {describe(name)} is beside none."
            )
        if not self.allow_code and not lies_inside(self.folder, name):
            raise ProblemError(
                f"[{section}] {key} must be a file in the folder of the file that names it, but is {describe(name)}: "
                f"{PASS} to read it."
            )
        return self.folder / name


def permitted(allow_code: object) -> bool:
    """``allow_code`` if it is True or False; a text such as "no" must not pass for a permission."""
    require(isinstance(allow_code, bool), "allow_code", "be True or False", allow_code)
    return bool(allow_code)


def lies_inside(folder: Path, name: str) -> bool:
    """Whether the file called ``name`` lies in ``folder`` or below it, links followed.

    Names are judged as every system reads them: a drive, a backslash and a tilde count here too.

    >>> lies_inside(Path("."), "data/rows.csv"), lies_inside(Path("."), "../rows.csv"), lies_inside(Path("."), "..\\\\rows.csv")
    (True, False, False)
    """
    if "\0" in name or name.startswith("~") or PureWindowsPath(name).drive:
        return False
    return all(_inside(folder, each) for each in {name, name.replace("\\", "/")})


def _inside(folder: Path, name: str) -> bool:
    try:
        return _followed(folder / name).is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # a circle of links, or a name that no system takes
        return False


def _followed(path: Path) -> Path:
    """The path with every link followed; a circle of links is an error, which without ``strict`` it no longer is in Python 3.13."""
    try:
        return path.resolve(strict=True)
    except (FileNotFoundError, NotADirectoryError):
        return path.resolve()


def refuse_links(folder: Path, names: Iterable[str], allow_code: bool) -> None:
    """Refuse a folder where one of these names is a link that leads out of it: what is written there is written elsewhere.

    Raises:
        ProblemError: with the name of the link.
    """
    if permitted(allow_code):
        return
    for name in names:
        if (folder / name).is_symlink() and not _inside(folder, name):
            raise ProblemError(
                f"Argument `folder` must hold its own files, but {folder / name} is a link that leads out of it: {PASS} to "
                "use it."
            )


def regular(path: Path) -> Path:
    """``path`` unless it is a pipe or a device, whose reading may never end.

    Raises:
        OSError: it is one.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return path
