"""A lock that lets one process at a time work on a run folder; the operating system releases it when the process ends."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from types import TracebackType

from .errors import BackendError
from .folders import prepared

LOCK = "lock.sqlite"


class WorkLock:
    """Whoever sends or executes batches of a run holds this.

    It is SQLite's own file lock on an empty database, so it works wherever the ledger does. While it is ours, a row that
    another process has marked as its own belongs to a process that is dead. Calls to the vendor that were given up are put
    into ``unanswered``.
    """

    def __init__(self, folder: Path, timeout: float = 60.0) -> None:
        self.path, self.timeout = folder / LOCK, timeout
        self.connection: sqlite3.Connection | None = None
        self.unanswered: list[threading.Thread] = []

    def acquire(self, timeout: float) -> bool:
        """Take the lock within ``timeout`` seconds; False when another process keeps it."""
        deadline = time.monotonic() + timeout
        prepared(self.path)
        while True:
            connection = None
            try:
                connection = sqlite3.connect(self.path, timeout=0.05, isolation_level=None, check_same_thread=False)
                connection.execute("BEGIN EXCLUSIVE")
            except sqlite3.DatabaseError as error:
                if connection is not None:
                    connection.close()
                if "locked" not in str(error):
                    raise BackendError(
                        f"Argument `folder` must be a folder that can be locked, but {self.path} says: {error}."
                    ) from None
            else:
                self.connection = connection
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)

    def release(self) -> None:
        """Give it back; while a submission may still arrive, only when its call has ended."""
        connection, self.connection = self.connection, None
        waiting = [thread for thread in self.unanswered if thread.is_alive()]
        if connection is not None and waiting:
            threading.Thread(target=_close_after, args=(waiting, connection), daemon=True).start()
        elif connection is not None:
            connection.close()

    def __enter__(self) -> WorkLock:
        if not self.acquire(self.timeout):
            raise BackendError(
                f"Argument `folder` must not be in use, but another process works on {self.path.parent} "
                f"(waited {self.timeout:g} s)."
            )
        return self

    def __exit__(self, kind: type | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.release()


def _close_after(threads: list[threading.Thread], connection: sqlite3.Connection) -> None:
    for thread in threads:
        thread.join()
    connection.close()
