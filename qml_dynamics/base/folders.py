"""Output folders: made by one process alone, readable by their owner only, and written completely or not at all.

``QML_DYNAMICS_SHARED=1`` in the environment makes folders as the umask says, for groups that share them. A folder that is there
already keeps its permissions, and files have those of their folder.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from .errors import ProblemError, describe, require

SHARED = "QML_DYNAMICS_SHARED"
STAGE = ".new-"  # what a draft is called inside its folder


def folder_path(given: object, name: str = "folder") -> Path:
    """A path; raises :class:`ProblemError` for what is none."""
    text = os.fspath(given) if isinstance(given, (str, os.PathLike)) else ""
    if not isinstance(text, str) or not text or "\0" in text:
        raise ProblemError(f"Argument `{name}` must be the path of a folder, but is {describe(given)}.")
    return Path(text)


def shared() -> bool:
    """Whether folders are made as the umask says."""
    return os.environ.get(SHARED, "") not in ("", "0")


def umask() -> int:
    """The mask of this process."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def file_mode(folder: Path) -> int:
    """The permissions of a new file in a folder: those of the folder, as far as the umask lets them.

    >>> with tempfile.TemporaryDirectory() as private:
    ...     oct(file_mode(Path(private)))
    '0o600'
    """
    allowed = stat.S_IMODE(folder.stat().st_mode)
    return (0o666 & ~umask() & allowed) | 0o600


def npz_path(path: str | os.PathLike[str]) -> Path:
    """The file that a result is written to: the ending ``.npz`` is added where it is missing.

    Raises:
        ProblemError: the path has no file name.

    >>> npz_path("runs/well").name
    'well.npz'
    """
    target = Path(path)
    require(bool(target.name), "path", "have a file name", str(path))
    return target if target.suffix == ".npz" else target.with_name(target.name + ".npz")


def make_folder(path: Path, name: str = "folder", *, new: bool = False) -> bool:
    """Make a folder for its owner only (see the module), and those above it; True where it was not there.

    Args:
        path: the folder.
        name: of the argument in messages.
        new: it must not be there.

    Raises:
        FileExistsError: it is there and ``new`` is set. ProblemError: it cannot be made or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.mkdir(path, 0o777 if shared() else 0o700)
            return True
        except FileExistsError:
            if new:
                raise
        with tempfile.TemporaryFile(dir=path):
            return False
    except FileExistsError:
        if new and path.is_dir():
            raise
        reason = "File exists"
    except OSError as error:
        reason = error.strerror or str(error)
    raise ProblemError(f"Argument `{name}` must be a folder that can be written, but {path} is not: {reason}.")


def claim(path: Path, name: str = "out") -> Path:
    """Make ``path``, or ``path-2`` and so on where that is there: of many processes at once each has a folder of its own.

    >>> with tempfile.TemporaryDirectory() as place:
    ...     claim(Path(place) / "run").name, claim(Path(place) / "run").name
    ('run', 'run-2')
    """
    for number in count(1):
        folder = path if number == 1 else path.with_name(f"{path.name}-{number}")
        with suppress(FileExistsError):
            make_folder(folder, name, new=True)
            return folder
    raise AssertionError


def files_in(folder: Path) -> list[str]:
    """What is in a folder, drafts and caches of the system aside."""
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def prepared(path: Path) -> None:
    """Make an empty file with the permissions of its folder, for libraries that would make it with those of the umask."""
    with suppress(OSError):  # whoever writes it says why it cannot be
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, file_mode(path.parent)))


@contextmanager
def filled(folder: Path, name: str = "out", stale: Sequence[str] = ()) -> Iterator[Path]:
    """A draft folder whose files move into ``folder`` when the block ends well; otherwise everything is as it was.

    Args:
        folder: made where it does not exist.
        name: of the argument in messages.
        stale: names of files that earlier runs may have left, and that go where this one did not write them.

    Raises:
        ProblemError: the folder cannot be written.
    """
    made = make_folder(folder, name)
    draft = Path(tempfile.mkdtemp(prefix=STAGE, dir=folder))
    try:
        yield draft
        move_up(draft, folder, stale)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        if made:
            with suppress(OSError):  # it has files now
                folder.rmdir()


def move_up(draft: Path, folder: Path, stale: Sequence[str] = ()) -> None:
    """Move what is in a draft over what is in its folder, each file by rename, and remove stale files."""
    mode = file_mode(folder)
    made = [path for path in sorted(draft.iterdir()) if not path.name.startswith(".")]
    for path in made:
        if path.is_file():
            path.chmod(mode)
        elif (folder / path.name).is_dir():
            shutil.rmtree(folder / path.name)
        os.replace(path, folder / path.name)
    for name in set(stale) - {path.name for path in made}:
        (folder / name).unlink(missing_ok=True)
