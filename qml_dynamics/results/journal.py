"""Partial results of a long call, stored in its folder, so that the same call resumes after its process has ended.

The call is deterministic, so that what it computes can be known again: the n-th run inside it, a question to the backend by its
circuits, shots and seeds, the state of a loop. Each piece is one file, written by rename and sealed, and comes back to the bit. A
piece that is not there is computed again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..base.archive import checked, of, read_npz
from ..base.errors import ProblemError
from ..base.folders import make_folder
from ..base.texts import parse_json
from .compact_files import COMPACT_ARRAYS
from .trajectory import SEAL, is_sealed, sealed, write_npz

JOURNAL, CALL = "journal", "call"
FORMAT = 1
_HEAD = "head"
_PAUSE = 1.0  # seconds between two states of a loop, of which the last alone is kept


@dataclass(frozen=True, eq=False)
class Entry:
    """One piece: plain data, and arrays."""

    meta: Mapping[str, object]
    arrays: Mapping[str, np.ndarray]


class Journal:
    """The pieces of one call, in ``folder/journal``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / JOURNAL

    def make(self) -> None:
        """Make its folder; raises :class:`ProblemError` where it cannot be written."""
        make_folder(self.folder)

    def __contains__(self, name: str) -> bool:
        return self._path(name).is_file()

    def read(self, name: str) -> Entry | None:
        """A piece; None where it is not there.

        Raises:
            ProblemError: its file is damaged, was changed, or is of a newer version.
        """
        path = self._path(name)
        if not path.is_file():
            return None
        try:
            arrays = read_npz(path, mapped=COMPACT_ARRAYS)
            head = of(parse_json(str(checked(arrays, _HEAD, "U", ()))), dict, _HEAD)
            sound = SEAL in arrays and is_sealed(arrays)
            number, meta = of(head.get("format"), int, "format"), of(head.get("meta"), dict, "meta")
        except (ProblemError, ValueError):
            sound = False
        if not sound:
            raise ProblemError(
                f"Argument `folder` must hold what the call has written, but {path} is damaged or was changed; delete it, and the "
                "same call computes it again."
            )
        if number > FORMAT:
            raise ProblemError(
                f"Argument `folder` must hold pieces of format {FORMAT} or older, but {path} has format {number}: a newer version "
                "of qml-dynamics wrote it."
            )
        return Entry(meta, {key: array for key, array in arrays.items() if key not in (_HEAD, SEAL)})

    def write(self, name: str, meta: Mapping[str, object], arrays: Mapping[str, np.ndarray] | None = None) -> None:
        """Write a piece, whole or not at all; raises :class:`ProblemError` where the folder cannot be written."""
        head = np.array(json.dumps({"format": FORMAT, "meta": meta}))
        write_npz(self._path(name), sealed({_HEAD: head, **(arrays or {})}))

    def remove(self, prefix: str) -> None:
        """Remove the pieces below a run that is complete."""
        for path in self.folder.glob(f"{prefix}.*.npz"):
            path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove every piece."""
        for path in self.folder.glob("*.npz"):
            path.unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.npz"


class Scope:
    """A call, or a run inside it: where its pieces stand in the journal.

    Attributes:
        journal, name: where.
        calls, runs: the questions to the backend, and how many runs inside there were.
        precious: whether something was measured that no simulator gives again.
        other_callback: whether the call goes on with another callback than it began with.
    """

    def __init__(self, journal: Journal, name: str = "", outer: Scope | None = None) -> None:
        self.journal, self.name, self.outer = journal, name, outer
        self.runs = 0
        self.calls: dict[str, int] = {}
        self.precious = False
        self.other_callback: bool = False if outer is None else outer.other_callback
        self._next = 0.0

    def place(self, name: str) -> str:
        """The name of a piece."""
        return f"{self.name}.{name}" if self.name else name

    def run(self) -> Scope:
        """The next run inside."""
        self.runs += 1
        return Scope(self.journal, self.place(f"run-{self.runs - 1}"), self)

    def call(self, mark: str) -> str:
        """The name of a question to the backend, by what is asked and how often it was asked before."""
        self.calls[mark] = self.calls.get(mark, -1) + 1
        return self.place(f"call-{mark}-{self.calls[mark]}")

    def treasure(self) -> None:
        """Note that something was measured that no simulator gives again."""
        self.precious = True
        if self.outer is not None:
            self.outer.treasure()

    def load_state(self) -> Entry | None:
        """The last state of the loop, with the count of the runs that it had made by then."""
        found = self.journal.read(self.place("state"))
        if found is not None:
            self.runs = int(str(found.meta["runs"]))
        return found

    def save_state(
        self,
        meta: Mapping[str, object],
        arrays: Mapping[str, np.ndarray],
        always: bool = False,
        more: Callable[[], Mapping[str, np.ndarray]] | None = None,
    ) -> None:
        """Keep the state of the loop in place of the last one: at most once a second and for a tenth of the time, or ``always``.

        Args:
            meta, arrays: the state.
            always: whatever the clock says.
            more: arrays that are made only where the state is written.
        """
        now = time.monotonic()
        if self._next == 0.0:
            self._next = now + _PAUSE
        if now < self._next and not always:
            return
        self.journal.write(self.place("state"), {**meta, "runs": self.runs}, {**arrays, **(more() if more else {})})
        ended = time.monotonic()
        self._next = ended + max(_PAUSE, 10 * (ended - now))


_current: ContextVar[Scope | None] = ContextVar("scope", default=None)


def current() -> Scope | None:
    """The scope of the call or run that is going on, if its pieces are kept."""
    return _current.get()


@contextmanager
def inside(scope: Scope | None) -> Iterator[Scope | None]:
    """What runs in this block keeps its pieces in ``scope``; with None nothing is kept, as in a person's own functions."""
    token = _current.set(scope)
    try:
        yield scope
    finally:
        _current.reset(token)
