"""The ledger of a run: one row a batch, changed only inside write transactions, so that two processes cannot both take one.

planned -> intent -> submitted -> finished        jobs: the intent before the submit, the id right after it
planned -> running -> finished                    backends without jobs
failed, cancelled, lost                           what the vendor said of a job
unknown                                           was running when its process died, on a device that gives no id
"""

from __future__ import annotations

import json
import math
import os
import socket
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..backends.failures import redacted
from ..base.errors import BackendError, ProblemError, describe
from ..base.folders import prepared
from .blocks import Block, Coming

LEDGER = "ledger.sqlite"
VERSION, TOGETHER = 1, 2  # of the format; 2: calls were planned together, which earlier versions would read wrongly
STATUSES = ("planned", "intent", "submitted", "running", "finished", "failed", "cancelled", "lost", "unknown")
_BUSY = 30.0  # seconds that a transaction waits for that of another process

_TABLES = """
CREATE TABLE calls (call INTEGER PRIMARY KEY, circuits INTEGER NOT NULL, fingerprint TEXT NOT NULL);
CREATE TABLE batches (
    number INTEGER PRIMARY KEY, call INTEGER NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL,
    shots INTEGER NOT NULL, attempt INTEGER NOT NULL DEFAULT 0, tag TEXT NOT NULL UNIQUE, status TEXT NOT NULL,
    job_id TEXT, vendor TEXT, owner TEXT, result TEXT, error TEXT, compiled TEXT,
    sent INTEGER NOT NULL DEFAULT 0, estimate REAL NOT NULL DEFAULT 0, used REAL NOT NULL DEFAULT 0, changed REAL NOT NULL);
CREATE TABLE events (id INTEGER PRIMARY KEY, time REAL NOT NULL, number INTEGER, status TEXT NOT NULL, detail TEXT);
"""
# Ledgers of earlier versions have none of these; earlier versions do not look at them.
_LATER = """
CREATE TABLE IF NOT EXISTS content (name TEXT NOT NULL, sha256 TEXT NOT NULL, data BLOB, PRIMARY KEY (name, sha256));
CREATE TABLE IF NOT EXISTS records (call INTEGER PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS batch_runs (number INTEGER PRIMARY KEY, runs INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS vendor_batches (tag TEXT PRIMARY KEY, id TEXT);
"""

Column = int | float | str | bytes | None  # what a column of the ledger holds


@dataclass(frozen=True)
class Batch:
    """A row.

    Attributes:
        number, attempt, tag: which batch, which sending of it, and the name under which the vendor knows it.
        call, first, count: its circuits: ``count`` of them from ``first`` on, of the block that begins with that call of
            ``Backend.sample`` (:mod:`.blocks`).
        shots: samples a circuit.
        status: one of ``STATUSES``; ``vendor`` is the vendor's last word on a submitted job.
        job_id: the vendor's id.
        result: file of the outcomes, relative to the folder.
        error: the last error, in words.
        compiled: what the backend says of how the circuits were compiled, as JSON.
        sent: how often it was accepted or begun; ``estimate`` and ``used`` are seconds, of one sending and so far.
        changed: when, in seconds since 1970; owner: who (host and process) changed it last.
        runs: how many circuits the backend makes of them: bases of operators, noise scales and calibrations included.
    """

    number: int
    call: int
    first: int
    count: int
    shots: int
    attempt: int
    tag: str
    status: str
    job_id: str | None
    vendor: str | None
    owner: str | None
    result: str | None
    error: str | None
    compiled: str | None
    sent: int
    estimate: float
    used: float
    changed: float
    runs: int = 0


_COLUMNS = ", ".join(name for name in Batch.__dataclass_fields__ if name != "runs")


def owner() -> str:
    """This process, for people who read the ledger."""
    return f"{socket.gethostname()}:{os.getpid()}"


class Ledger:
    """The SQLite file of one run folder (rollback journal: it also works where shared memory does not)."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / LEDGER
        if not self.path.is_file():
            raise ProblemError(
                f"Argument `folder` must be a run folder with its ledger, but {self.path} is missing: without it nobody "
                "knows which jobs were sent."
            )
        try:
            self.connection = sqlite3.connect(self.path, timeout=_BUSY, isolation_level=None)
            self.connection.execute("PRAGMA trusted_schema = OFF")  # views and triggers of a stranger call nothing
            version = self.connection.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.DatabaseError as error:
            raise ProblemError(
                f"Argument `folder` must be a run folder, but {self.path} is damaged: {error}."
            ) from None
        if version not in (VERSION, TOGETHER):
            raise ProblemError(
                f"Argument `folder` must hold a ledger of format {VERSION} or {TOGETHER}, but {self.path} has format {version}."
            )

    @staticmethod
    def create(folder: Path) -> None:
        """Make an empty ledger (once; the run's lock is held)."""
        prepared(folder / LEDGER)
        connection = sqlite3.connect(folder / LEDGER, timeout=_BUSY, isolation_level=None)
        if connection.execute("PRAGMA user_version").fetchone()[0] == 0:  # not there, or its creation was cut off
            connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} {_LATER} PRAGMA user_version = {VERSION}; COMMIT;")
        connection.close()

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def check_kind(self, jobs: bool) -> None:
        """Raise :class:`ProblemError` where a batch stands as it can only with jobs, or only without them."""
        wrong = ("running",) if jobs else ("intent", "submitted", "lost")
        for batch in self.batches(status=wrong):
            kind = "with" if jobs else "without"
            raise self.damaged(f"batch {batch.number} is {batch.status!r}, which none is on a backend {kind} jobs")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A write transaction: all of it or nothing.

        Raises:
            BackendError: another process keeps the file for more than half a minute, or the disk is full or cannot be written.
        """
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
            except BaseException:
                if self.connection.in_transaction:  # SQLite itself may have given up already
                    self.connection.execute("ROLLBACK")
                raise
            self.connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise BackendError(f"The ledger {self.path} must be writable, but SQLite says: {error}.") from None
        except sqlite3.DatabaseError as error:
            raise self.damaged(error) from None

    def damaged(self, reason: object) -> ProblemError:
        """The error that says so."""
        return ProblemError(f"Argument `folder` must be a run folder, but {self.path} is damaged: {reason}.")

    def _rows(self, query: str, values: Sequence[Column] = ()) -> list[Any]:
        """What a query finds.

        Raises:
            ProblemError: the file is damaged. BackendError: it cannot be read now.
        """
        try:
            return self.connection.execute(query, values).fetchall()
        except sqlite3.OperationalError as error:
            busy = "locked" in str(error) or "disk I/O" in str(error)
            if not busy:  # a table is missing, or a column
                raise self.damaged(error) from None
            raise BackendError(f"The ledger {self.path} must be readable, but SQLite says: {error}.") from None
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise self.damaged(error) from None

    def block(self, call: int) -> Block | None:
        """The block that holds a call; None where the call was never entered.

        Raises:
            ProblemError: its row is damaged.
        """
        query = (
            "SELECT call, fingerprint, (SELECT SUM(count) FROM batches WHERE batches.call = calls.call) FROM calls "
            "WHERE call <= ? ORDER BY call DESC LIMIT 1"
        )
        for number, text, count in self._rows(query, (call,)):
            try:
                block = Block.from_text(number, str(text), int(count or 0))
            except ValueError as error:
                raise self.damaged(error) from None
            return block if block.holds(call) else None
        return None

    def covering(self, call: int) -> list[Batch]:
        """The batches of the block that holds a call; none where the call was never entered."""
        block = self.block(call)
        return [] if block is None else self.batches(block.number)

    def _has(self, table: str) -> bool:
        return bool(self._rows("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)))

    def _make_later(self, connection: sqlite3.Connection) -> None:
        for statement in filter(str.strip, _LATER.split(";")):
            connection.execute(statement)

    def keep_content(self, rows: Sequence[tuple[str, str, bytes | None]], anew: bool = False) -> None:
        """Record files as ``(name, SHA-256, bytes or None)``, beside or in place of what is recorded."""
        with self.writing() as connection:
            self._make_later(connection)
            if anew:
                connection.execute("DELETE FROM content")
            connection.executemany("INSERT OR REPLACE INTO content VALUES (?, ?, ?)", rows)

    def content(self) -> list[tuple[str, str, bytes | None]]:
        """What :meth:`keep_content` recorded, the oldest first; nothing in folders of earlier versions."""
        return self._rows("SELECT name, sha256, data FROM content ORDER BY rowid") if self._has("content") else []

    def content_names(self) -> list[str]:
        """The files of which something is recorded."""
        return [row[0] for row in self._rows("SELECT DISTINCT name FROM content")] if self._has("content") else []

    def versions(self, name: str) -> dict[str, bytes | None]:
        """Every version of a file that was recorded: its SHA-256, and its bytes where they were kept."""
        query = "SELECT sha256, data FROM content WHERE name = ? ORDER BY rowid"
        return dict(self._rows(query, (name,))) if self._has("content") else {}

    def record(self, call: int) -> bytes | None:
        """What was recorded of the circuits of a call; None in folders of earlier versions."""
        found = self._rows("SELECT record FROM records WHERE call = ?", (call,)) if self._has("records") else []
        return found[0][0] if found else None

    def plan(self, run: str, block: Block, batches: Sequence[Coming], record: bytes = b"") -> None:
        """Enter the calls of one block and their batches, all or none; a second time only checks them.

        Args:
            run, block, batches: of which run, which calls, and how their circuits are cut.
            record: of its circuits (:mod:`qml_dynamics.backends.records`).

        Raises:
            BackendError: the first call was entered with other circuits or seeds, so its results would be read wrongly.
        """
        with self.writing() as connection:
            known = self.block(block.number)
            if known is not None:
                known.check(block.number, block.parts[0].fingerprint)
                return
            total = sum(batch.runs or batch.count for batch in batches)
            connection.execute("INSERT INTO calls VALUES (?, ?, ?)", (block.number, total, block.to_text()))
            if len(block.parts) > 1:
                connection.execute(f"PRAGMA user_version = {TOGETHER}")
            self._make_later(connection)
            if record:
                connection.execute("INSERT OR REPLACE INTO records VALUES (?, ?)", (block.number, record))
            start = connection.execute("SELECT COUNT(*) FROM batches").fetchone()[0]
            for number, coming in enumerate(batches, start):
                tag = f"{run}-{number}"
                connection.execute(
                    "INSERT INTO batches (number, call, first, count, shots, tag, status, estimate, changed) "
                    "VALUES (?, ?, ?, ?, ?, ?, 'planned', ?, ?)",
                    (number, block.number, coming.first, coming.count, coming.shots, tag, coming.estimate, time.time()),
                )
                connection.execute("INSERT INTO batch_runs VALUES (?, ?)", (number, coming.runs or coming.count))
                _event(connection, number, "planned", f"{coming.count} circuits, {coming.shots} shots")

    def batch(self, known: Batch) -> Batch:
        """A row as it stands now, without a look at the others."""
        rows = self._rows(f"SELECT {_COLUMNS} FROM batches WHERE number = ?", (known.number,))
        try:
            (row,) = rows
            return replace(_sound(Batch(*row)), runs=known.runs)
        except (TypeError, ValueError, RecursionError) as error:
            raise self.damaged(describe(str(error))) from None

    def batches(self, call: int | None = None, status: Sequence[str] = STATUSES) -> list[Batch]:
        """Rows in order, of one call or of all, with one of these statuses."""
        self._check_rows()
        marks = ", ".join("?" * len(status))
        where = f"WHERE status IN ({marks})" + ("" if call is None else " AND call = ?")
        values = (*status, *(() if call is None else (call,)))
        rows = self._rows(f"SELECT {_COLUMNS} FROM batches {where} ORDER BY number", values)
        made = "SELECT calls.call, 1.0 * calls.circuits / SUM(batches.count) FROM calls JOIN batches USING (call) GROUP BY call"
        factor, runs = dict(self._rows(made)), self._runs()
        try:
            found = [_sound(Batch(*row)) for row in rows]
            # earlier versions kept the sum of a block alone, which is right for each batch where all are of one kind
            return [replace(b, runs=runs.get(b.number, round(b.count * factor[b.call]))) for b in found]
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise self.damaged(describe(str(error))) from None

    def _runs(self) -> dict[int, int]:
        """How many circuits the backend makes of each batch; nothing of those that earlier versions planned."""
        found = dict(self._rows("SELECT number, runs FROM batch_runs")) if self._has("batch_runs") else {}
        for number, runs in found.items():
            if not isinstance(runs, int) or runs < 1:
                raise self.damaged(f"the circuits that are made of batch {number} are {describe(runs)}")
        return found

    def _check_rows(self) -> None:
        """Refuse what no version writes, and what a query would pass over or count as 0; :func:`_sound` looks at the rest of a batch."""
        marks = ", ".join("?" * len(STATUSES))
        unknown = self._rows(f"SELECT number, status FROM batches WHERE status NOT IN ({marks}) LIMIT 1", STATUSES)
        if unknown:
            number, status = unknown[0]
            raise self.damaged(f"batch {describe(number)} has the status {describe(status)}, which nobody knows")
        wrong = "typeof(call) != 'integer' OR typeof(circuits) != 'integer' OR circuits < 1 OR typeof(fingerprint) != 'text'"
        for table, where in (("calls", wrong), ("events", "typeof(time) NOT IN ('real', 'integer')")):
            found = self._rows(f"SELECT * FROM {table} WHERE {where} LIMIT 1")
            if found:
                raise self.damaged(f"a row of {table} is {describe(tuple(found[0]))}")

    def move(self, batch: Batch, to: str, detail: str = "", **columns: Column) -> bool:
        """Change a row from the status that ``batch`` was read with; False when another process was faster."""
        columns = {"status": to, "owner": owner(), "changed": time.time(), **columns}
        if error := columns.get("error"):
            columns["error"] = redacted(str(error))
        assignments = ", ".join(f"{name} = ?" for name in columns)
        with self.writing() as connection:
            done = connection.execute(
                f"UPDATE batches SET {assignments} WHERE number = ? AND status = ? AND attempt = ?",
                (*columns.values(), batch.number, batch.status, batch.attempt),
            )
            if done.rowcount:
                _event(connection, batch.number, to, detail)
            return bool(done.rowcount)

    def again(self, batch: Batch, run: str) -> bool:
        """Plan a batch anew under a new tag, keeping what was spent on it; the old job stays in the events."""
        attempt = batch.attempt + 1
        columns: dict[str, Column] = {
            "attempt": attempt,
            "tag": f"{run}-{batch.number}-{attempt}",
            "job_id": None,
            "vendor": None,
        }
        return self.move(batch, "planned", f"sent again; was {batch.status}, job {batch.job_id}", error=None, **columns)

    def note(self, status: str, detail: str) -> None:
        """Write down what happened to no batch alone."""
        with self.writing() as connection:
            _event(connection, None, status, redacted(detail))

    def keep_vendor_batch(self, batch: Batch, found: str | None) -> None:
        """Write down, before it is sent, in which batch of the vendor a job is sent; None: in none any more."""
        with self.writing() as connection:
            self._make_later(connection)
            connection.execute("INSERT OR REPLACE INTO vendor_batches VALUES (?, ?)", (batch.tag, found))

    def vendor_batches_by_tag(self) -> dict[str, str]:
        """The vendor's batch of each job that was sent in one, by the tag of the job."""
        query = "SELECT tag, id FROM vendor_batches WHERE id IS NOT NULL"
        found = self._rows(query) if self._has("vendor_batches") else []
        for row in found:
            if not all(isinstance(value, str) for value in row):
                raise self.damaged(f"a row of vendor_batches is {describe(row)}")
        return dict(found)

    def events(self) -> list[tuple[int | None, str, str]]:
        """``(batch, status, detail)`` of every change, oldest first."""
        return self._rows("SELECT number, status, detail FROM events ORDER BY id")

    def began(self) -> float | None:
        """When the first batch was planned."""
        out: float | None = self._rows("SELECT MIN(time) FROM events")[0][0]
        return out


def _sound(batch: Batch) -> Batch:
    """A row whose numbers are numbers and whose texts are texts: SQLite keeps what it is given, and names of files are made of them."""
    for name in ("number", "call", "first", "count", "shots", "attempt", "sent"):
        value = getattr(batch, name)
        if not isinstance(value, int) or value < 0:
            raise ValueError(f"{name} is {describe(value)}")
    for name in ("estimate", "used", "changed"):
        value = getattr(batch, name)
        if not isinstance(value, (int, float)) or not 0 <= value < math.inf:
            raise ValueError(f"{name} is {describe(value)}")
    for name in ("tag", "job_id", "vendor", "owner", "result", "error", "compiled"):
        value = getattr(batch, name)
        if not isinstance(value, str) and (value is not None or name == "tag"):
            raise ValueError(f"{name} is {describe(value)}")
    json.loads(batch.compiled or "null")
    return batch


def _event(connection: sqlite3.Connection, number: int | None, status: str, detail: str) -> None:
    connection.execute(
        "INSERT INTO events (time, number, status, detail) VALUES (?, ?, ?, ?)",
        (time.time(), number, status, detail),
    )
