"""Long calls with ``folder=``: results are stored, the same call resumes from them bit by bit, a different call is refused.

``folder=`` of :func:`evolve`, :func:`anneal`, :func:`metts`, :func:`descend`, :func:`train` and :func:`error_budget`, and ``--out`` of
the command line, are this one mechanism. A signal ends the call early, with what was done in the folder.
"""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from ..backends.base import Backend
from ..backends.cache import cached
from ..base.archive import reading
from ..base.errors import MethodError, ProblemError, UnusedArgumentWarning, describe, integer
from ..base.folders import files_in, folder_path, make_folder
from ..base.installed import version
from ..base.interrupts import Interrupts, Stop, interrupted, say_interrupted
from ..base.lock import WorkLock
from ..results.journal import CALL, JOURNAL, Entry, Journal, Scope, current, inside
from .identity import Identity, text_of_callback

Folder = str | os.PathLike[str]
R = TypeVar("R")
_PACKAGES = ("qml-dynamics", "numpy", "scipy", "qiskit")
_WAIT = 2.0  # seconds for another process that is just ending


@dataclass(eq=False)
class Call:
    """A call that is going on.

    Attributes:
        entropy: of all its seeds: the seed that was given, or the one that was drawn when the call began.
        scope: where its pieces are kept, or None.
        folder: that of the call itself, None inside another one.
        fresh: whether this process has begun it.
        partial: whether it ended early, so that the same call goes on.
    """

    entropy: int
    scope: Scope | None = None
    folder: Path | None = None
    fresh: bool = True
    partial: bool = False

    def backend(self, device: Backend | None) -> Backend | None:
        """The backend, its answers kept."""
        return device if device is None or self.scope is None else cached(device, self.scope)

    def path(self, name: str) -> Path:
        """A file of the result, in the folder of the call."""
        assert self.folder is not None
        return self.folder / name


def kept_result(
    call: Call,
    name: str,
    make: Callable[[], R],
    write: Callable[[R, Path], object],
    read: Callable[[Path], R],
    stop: Callable[[R], str],
) -> R:
    """The result of a call: what its file holds where it is done, else what is made now, which is then written there.

    Args:
        call: what is going on; without a folder of its own the result is made, and nothing is written.
        name: of the file.
        make: computes the result.
        write, read: to the file and back.
        stop: why it ended; one that was interrupted is not written.

    Raises:
        ProblemError: the file was damaged or changed.
    """
    if call.folder is None or call.scope is None:
        return make()
    path = call.path(name)
    if path.is_file():
        try:
            found = read(path)
        except ProblemError as error:
            raise ProblemError(f"{str(error).rstrip('.')}: delete it, and the same call computes it again.") from None
        check_callback(call.scope, stop(found))
        return found
    made = make()
    if stop(made).lower().startswith("interrupted"):
        call.partial = True
        return made
    write(made, path)
    if not call.scope.precious:
        call.scope.journal.remove(call.scope.name)
    return made


def check_callback(scope: Scope, stop: str) -> None:
    """Raise :class:`ProblemError` for a kept result that another callback has ended: this one might end elsewhere, or not at all."""
    if scope.other_callback and stop.lower().startswith("the callback"):
        raise ProblemError(
            f"Argument `callback` must be the one that ended the run in {scope.journal.folder.parent}, but is another: name another folder."
        )


def outside(function: Callable[..., object]) -> Callable[..., object]:
    """A person's own function, in which nothing is kept: it is not called again for what was kept."""

    def called(*values: object) -> object:
        """Call the person's function with no folder for results in force."""
        with inside(None):
            return function(*values)

    return called


def drawn(seed: int | None) -> int:
    """The seed, or one that is drawn."""
    if seed is not None:
        return integer(seed, "seed", 0, 2**128, MethodError)
    return int(np.random.SeedSequence().entropy)  # type: ignore[arg-type]


@contextmanager
def kept_call(
    verb: str,
    folder: Folder | None,
    seed: int | None,
    identify: Callable[[Identity], None],
    name: str = "folder",
    *,
    results: Collection[str] | None = None,
    claimed: bool = False,
    force: bool = False,
    callback: object = None,
) -> Iterator[Call]:
    """Begin a call, or go on with it.

    Args:
        verb: what is called.
        folder: where it is kept; None: nowhere, or with the call that is going on.
        seed: as it was given.
        identify: adds the other arguments to an :class:`Identity`; all checks have been made when this is called.
        name: of the argument ``folder`` in messages.
        results: files that a folder without this call must not hold; None: it must be empty.
        claimed: the folder was made for this call.
        force: replace another call that is not done.
        callback: of the call; another one than it began with is told, and refused where that one has ended the run.

    Raises:
        ProblemError: the folder cannot be written, or holds something else or another call; it is left as it was.
        BackendError: another process works in the folder.
    """
    outer = current()
    if folder is None:
        with inside(None if outer is None else outer.run()) as scope:
            yield Call(drawn(seed) if scope is None else _entropy_of(scope, seed), scope)
        return
    where = folder_path(folder, name)
    said = Identity()
    identify(said)
    said.add("seed", seed)
    before = frozenset(files_in(where))
    made = _claimed(where, name, results) or claimed
    journal = Journal(where)
    with Interrupts(), WorkLock(journal.folder, _WAIT):
        try:
            call = _begun(journal, where, verb, said, name, force, text_of_callback(callback))
        except ProblemError:
            if CALL not in journal:
                take_back(where, before, made)
            raise
        yield from _going(call, before, made)


def _going(call: Call, before: Collection[str], made: bool) -> Iterator[Call]:
    assert call.folder is not None
    try:
        with inside(call.scope):
            yield call
    except (KeyboardInterrupt, Stop):
        say_interrupted(f"what was done is in {call.folder}, and the same call goes on from there.")
        raise
    except BaseException:
        if call.fresh and not (call.scope is not None and call.scope.precious):
            take_back(call.folder, before, made)
        raise
    if call.partial or interrupted():
        say_interrupted(f"what was done is in {call.folder}, and the same call goes on from there.")


def take_back(folder: Path, before: Collection[str], made: bool) -> None:
    """Remove what a failed call has put into a folder, and the folder where it was made for the call."""
    for name in files_in(folder):
        path = folder / name
        if name == JOURNAL or (name not in before and path.is_dir()):
            shutil.rmtree(path, ignore_errors=True)
        elif name not in before:
            path.unlink(missing_ok=True)
    if made:
        with suppress(OSError):
            folder.rmdir()


def is_begun(folder: Path) -> bool:
    """Whether a folder holds a call that can go on, or one that is done and kept."""
    return CALL in Journal(folder)


def _claimed(folder: Path, name: str, results: Collection[str] | None) -> bool:
    """Make the folder and its journal; True where the folder was not there."""
    if folder.exists() and not folder.is_dir():
        raise ProblemError(f"Argument `{name}` must be a folder, but {folder} is a file.")
    if not is_begun(folder):
        other = [found for found in files_in(folder) if found != JOURNAL and (results is None or found in results)]
        if other:
            raise ProblemError(
                f"Argument `{name}` must be empty or hold this call, but {folder} holds {describe(other[0])}."
            )
    made = make_folder(folder, name)
    try:
        Journal(folder).make()
    except ProblemError:
        if made:
            folder.rmdir()
        raise
    return made


def _begun(
    journal: Journal, folder: Path, verb: str, said: Identity, name: str, force: bool, callback: str | None
) -> Call:
    """The call of a folder; its statement is the first that is written."""
    found = journal.read(CALL)
    scope = Scope(journal).run()
    if found is not None and force and _words(found, verb, said, folder, name):
        journal.clear()
        found = None
    if found is None:
        seed = said.plain["seed"]
        entropy = drawn(seed if isinstance(seed, int) else None)
        stored, arrays = said.stored()
        meta: dict[str, object] = {"verb": verb, **stored, "entropy": str(entropy), "versions": versions()}
        meta["callback"] = callback
        journal.write(CALL, meta, arrays)
        return Call(entropy, scope, folder)
    words = _words(found, verb, said, folder, name)
    if words:
        raise ProblemError(words)
    if found.meta.get("callback", callback) != callback:
        scope.other_callback = True
        warnings.warn(
            f"Argument `callback` is another one than that with which the call in {folder} began: it does not see what was done before.",
            UnusedArgumentWarning,
            stacklevel=6,
        )
    with reading(f"Argument `{name}` must hold this call as it was written, but {folder} does not"):
        return Call(int(str(found.meta["entropy"])), scope, folder, fresh=False)


def _words(found: Entry, verb: str, said: Identity, folder: Path, name: str) -> str:
    """Why the call of a folder is not this one; empty where it is."""
    must = f"Argument `{name}` must be empty or hold this call, but {folder} holds"
    if found.meta["verb"] != verb:
        return f"{must} one of {found.meta['verb']}."
    differ = said.differs(found.meta, found.arrays)
    if differ:
        return f"{must} another one of {verb}: {'; '.join(differ[:4])}."
    then, now = found.meta["versions"], versions()
    changed = [p for p in _PACKAGES if isinstance(then, dict) and then.get(p) != now[p]]
    if changed:
        return (
            f"{must} one that was begun with {changed[0]} {then[changed[0]]}, which may compute other digits than {now[changed[0]]}: "  # type: ignore[index]
            "go on with that version, or name another folder."
        )
    return ""


def versions() -> dict[str, str]:
    """The packages whose version decides over the last digits, with the one that is installed."""
    return {package: version(package) for package in _PACKAGES}


def _entropy_of(scope: Scope, seed: int | None) -> int:
    """The seed of a run inside a call: one that was drawn is kept, so that it is the same when the call goes on."""
    if seed is not None:
        return drawn(seed)
    found = scope.journal.read(f"{scope.name}-seed")
    if found is not None:
        return int(str(found.meta["entropy"]))
    entropy = drawn(None)
    scope.journal.write(f"{scope.name}-seed", {"entropy": str(entropy)})
    return entropy
