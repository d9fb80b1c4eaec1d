"""`Run`: a run in its folder, with status, fetch, resume and cancel; its damaged results repaired, and its answer written."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base.arguments import checks_arguments
from ..base.errors import BackendError, MethodError, describe, real
from ..base.lock import WorkLock
from ..base.texts import parse_json
from ..results.trajectory import Trajectory, atomic_file, plain
from . import jobs, local
from .budget import Account, read_budget, spent_seconds
from .content import check_answer, check_specification, keep_version, write_kept
from .context import ENDED, OPEN, Context
from .folder import sweep
from .forecasts import forecast
from .ledger import Batch, Ledger
from .own_files import RUN
from .problem_file.files import write_bytes
from .redact import without_credentials
from .reopen import reopened
from .replay import Found, Handle, ReplayBackend, evolve_replayed
from .results import batch_file, read_results
from .retry import Patience
from .specification import RunSpecification
from .state import RunStatus, run_status
from .trajectory_file import RESULT, TRAJECTORY, load, save_run, summary, to_json
from .units import Item, independent, keeps_jobs, repeatable


def write_answer(folder: Path, run_id: str, trajectory: Trajectory, ledger: Ledger) -> Trajectory:
    """Add where every sample came from, and write ``trajectory.npz`` and ``result.json``."""
    rows, vendor = ledger.batches(), ledger.vendor_batches_by_tag()
    run = {
        "id": run_id,
        "planned": ledger.began(),
        "finished": max(b.changed for b in rows),
        "batches": [_origin(b, vendor) for b in rows],
    }
    provenance = {**trajectory.provenance, "run": run, "seconds": spent_seconds(rows)}
    provenance["backend_details"] = without_credentials(plain(provenance["backend_details"]))
    out = dataclasses.replace(trajectory, provenance=provenance)
    write_kept(folder, TRAJECTORY, ledger, lambda path: save_run(out, path, folder))
    text = (to_json(summary(out)) + "\n").encode()
    write_kept(folder, RESULT, ledger, lambda path: write_bytes(path, text), whole=True)
    return out


def _origin(b: Batch, vendor: Mapping[str, str]) -> dict[str, Any]:
    out = {"number": b.number, "tag": b.tag, "job": b.job_id, "circuits": b.count, "shots": b.shots, "seconds": b.used}
    out.update({"vendor_batch": vendor[b.tag]} if b.tag in vendor else {})
    return out if b.compiled is None else {**out, "compiled": json.loads(b.compiled)}


def repair(context: Context) -> None:
    """Take back every finished batch whose file cannot be read (the run's lock is held).

    A job is collected again, a simulator runs again. What a device without jobs has measured is lost: its circuits are unknown,
    and are sent again only when that is asked for.
    """
    for batch in context.ledger.batches(status=("finished",)):
        try:
            if len(read_results(context.folder, batch_file(batch), context.ledger)) == batch.count:
                continue
            reason = "holds another number of circuits"
        except BackendError as error:
            reason = str(error)
        if context.has_jobs and batch.job_id is not None:
            context.ledger.move(
                batch, "submitted", "its result file is damaged: collected again", vendor=None, result=None
            )
        elif not context.has_jobs and repeatable(context.backend):
            context.ledger.move(batch, "planned", "its result file is damaged: run again", result=None)
        else:
            context.ledger.move(batch, "unknown", "its result file is damaged", error=reason, result=None)


PathLike = str | os.PathLike[str]


@dataclass(frozen=True, eq=False)
class Run:
    """A run folder. Whatever happens to this process, ``open_run(folder)`` in another one goes on.

    Attributes:
        folder: where it is.
        statement: what is run.
        given: the backend object that was handed over, or None to open it by its name.
        patience: how slow vendors are dealt with.
    """

    folder: Path
    statement: RunSpecification
    given: Any = None
    patience: Patience = Patience()

    def __str__(self) -> str:
        return str(self.status(ask=False))

    __repr__ = __str__

    @checks_arguments
    def status(self, ask: bool = True) -> RunStatus:
        """How the run stands. The vendor is asked about jobs under way, unless ``ask`` is False.

        Raises:
            BackendError: the vendor is out of reach.
        """
        ledger = Ledger(self.folder)
        try:
            if ask and ledger.batches(status=("submitted", "lost")):
                jobs.poll(self._context(ledger), collect=False)
            fetched = (self.folder / TRAJECTORY).is_file()
            name, stepwise = self.statement.backend["name"], not independent(self.statement.method)
            return run_status(self.folder, self.statement.run, name, ledger.batches(), fetched, stepwise)
        finally:
            ledger.close()

    @checks_arguments
    def fetch(self, wait: bool = False, timeout: float | None = None) -> Trajectory | None:
        """Collect what is done and not here yet; the trajectory when that is everything, else None.

        Args:
            wait: also send what was not sent, and wait until everything is done.
            timeout: seconds to wait at most; None waits without a bound.

        Raises:
            JobLost: the vendor no longer knows a job (its id is named); every other result is kept.
            BudgetExceeded: the next batch does not fit into the budget.
            BackendError: a job failed or was cancelled, its result is incomplete, or the vendor is out of reach.
        """
        if timeout is not None:
            timeout = real(timeout, "timeout", nonnegative=True, error=MethodError)
        ledger = Ledger(self.folder)
        try:
            check_specification(self.folder)
            if (self.folder / TRAJECTORY).is_file():
                check_answer(self.folder, ledger)
                return load(self.folder / TRAJECTORY, problem=self.statement.problem)
            context = self._context(ledger)
            trajectory = self._wait(context, timeout) if wait else self._collected(context)
            if trajectory is None:
                context.raise_for_ended()
                return None
            return write_answer(self.folder, self.statement.run, trajectory, ledger)
        finally:
            ledger.close()

    @checks_arguments
    def resume(
        self, resend: bool = False, *, max_shots: int | None = None, max_seconds: float | None = None
    ) -> RunStatus:
        """Go on with a run that was cut off: find what was accepted, send what was not, run what is left.

        A result file that is gone or damaged is fetched again, where the vendor still has the job.

        Args:
            resend: also send again what failed, was cancelled or lost, and circuits of unknown fate. It may cost twice.
            max_shots, max_seconds: a new budget.

        Raises:
            BudgetExceeded, BackendError: as :meth:`fetch`.
        """
        check_specification(self.folder)
        run = self._with_budget(max_shots, max_seconds)
        ledger = Ledger(run.folder)
        try:
            context = run._context(ledger)
            with WorkLock(run.folder, run.patience.lock):
                repair(context)
            if context.has_jobs:
                jobs.poll(context)
            if resend:
                with WorkLock(run.folder, run.patience.lock):
                    for batch in ledger.batches(status=ENDED):
                        ledger.again(batch, run.statement.run)
            run._advance(context)
        finally:
            ledger.close()
        return run.status(ask=False)

    def cancel(self) -> RunStatus:
        """Cancel every job that has not ended, and send nothing more.

        Raises:
            BackendError: the vendor is out of reach.
        """
        ledger = Ledger(self.folder)
        try:
            context = self._context(ledger)
            with WorkLock(self.folder, self.patience.lock):
                if context.has_jobs:
                    jobs.cancel(context)
                else:
                    local.recover(context)
                    for batch in ledger.batches(status=("planned",)):
                        ledger.move(batch, "cancelled", "never sent")
        finally:
            ledger.close()
        return self.status(ask=False)

    def advance(self, ledger: Ledger) -> None:
        """Plan, check the budget and send; what :func:`submit` does after it has written the folder."""
        self._advance(self._context(ledger), forecast_too=False)

    def _context(self, ledger: Ledger) -> Context:
        s = self.statement
        backend = self.given if self.given is not None else reopened(s.backend)
        ledger.check_kind(jobs=keeps_jobs(backend))
        return Context(self.folder, s.run, backend, ledger, self.patience, s.max_shots, s.max_seconds)

    def _replay_backend(
        self, context: Context, handle: Handle, look_ahead: bool = False, plans: bool = True
    ) -> ReplayBackend:
        where = context.ledger, self.folder, self.statement.run
        return ReplayBackend(context.backend, *where, handle, look_ahead, plans)

    def _advance(self, context: Context, forecast_too: bool = True) -> None:
        """Plan all that can be planned, check the budget for all of it, and send it (or run it, without jobs)."""
        with WorkLock(self.folder, self.patience.lock) as lock:
            lock.unanswered = context.unanswered
            self._advance_locked(context, forecast_too)

    def _advance_locked(self, context: Context, forecast_too: bool = False, further: bool = False) -> None:
        """:meth:`_advance` under the run's lock; ``further``: also where everything that was planned is finished."""
        alone = independent(self.statement.method)
        self._settle(context)
        rows = context.ledger.batches()
        if alone and rows and not further and not any(b.status in OPEN for b in rows):
            return
        if forecast_too and not alone and not rows:
            forecast(self.statement, context.backend, quiet=True)
        if not alone and not context.has_jobs:
            evolve_replayed(self.statement, self._replay_backend(context, lambda *what: local.execute(context, *what)))
            return
        found: list[Found] = []
        replay = self._replay_backend(context, lambda *what: found.append(what), alone)
        done = evolve_replayed(self.statement, replay)
        found += replay.found()
        rows = context.ledger.batches()
        if done is not None and not rows:
            raise MethodError(
                f"Argument `method` must be one that samples circuits, but is {describe(self.statement.method)}."
            )
        coming = [b for b in rows if b.status == "planned"]
        Account(rows).check(coming, context.max_shots, context.max_seconds)
        self._send(context, found)

    def _settle(self, context: Context) -> None:
        sweep(self.folder)
        (jobs if context.has_jobs else local).recover(context)

    def _send(self, context: Context, blocks: Sequence[Found]) -> None:
        if context.has_jobs:
            jobs.send(context, blocks)
            return
        for what in blocks:
            local.execute(context, *what)

    def _collected(self, context: Context) -> Trajectory | None:
        """Without waiting, and without sending anything."""
        if context.has_jobs:
            jobs.poll(context)
        rows = context.ledger.batches()
        if not rows or any(b.status != "finished" for b in rows):
            return None
        return evolve_replayed(self.statement, self._replay_backend(context, lambda *what: None))

    def _wait(self, context: Context, timeout: float | None) -> Trajectory | None:
        deadline = float("inf") if timeout is None else time.monotonic() + timeout
        rows = context.ledger.batches()
        if (not rows or any(b.status in OPEN for b in rows)) and self._nobody_sends():
            self._advance(context)

        def handle(call: int, circuits: Sequence[Item], seeds: Sequence[int]) -> None:
            """Collect the batches of one block until all are finished or the time is over, with growing pauses."""
            pause = self.patience.poll
            while True:
                self._look(context, call, circuits, seeds)
                left = deadline - time.monotonic()
                rows = context.ledger.covering(call)
                if left <= 0 or (rows and all(b.status == "finished" for b in rows)):
                    return
                time.sleep(min(pause, left))
                pause = min(1.5 * pause, self.patience.longest_poll)

        # what a look-ahead plans together no call may plan by itself
        replay = self._replay_backend(context, handle, plans=not independent(self.statement.method))
        return evolve_replayed(self.statement, replay)

    def _nobody_sends(self) -> bool:
        """Whether no other process is sending now; who waits need not wait for its lock too."""
        lock = WorkLock(self.folder)
        free = lock.acquire(0.0)
        lock.release()
        return free

    def _look(self, context: Context, call: int, circuits: Sequence[Item], seeds: Sequence[int]) -> None:
        """Send what is not sent, unless another process is at it; collect what is done; raise for what is lost."""
        lock, rows = WorkLock(self.folder), context.ledger.covering(call)
        if (not rows or any(b.status in OPEN for b in rows)) and lock.acquire(0.0):
            lock.unanswered = context.unanswered
            try:
                if independent(self.statement.method):
                    self._advance_locked(context, further=not rows)
                else:
                    self._settle(context)
                    self._send(context, [(call, circuits, seeds)])
            finally:
                lock.release()
            rows = context.ledger.covering(call)
        number = rows[0].call if rows else call
        if context.has_jobs:
            jobs.poll(context, number)
        context.raise_for_ended(number)

    def _with_budget(self, max_shots: int | None, max_seconds: float | None) -> Run:
        """The run with a new budget, written down."""
        new = {k: v for k, v in read_budget(max_shots, max_seconds).items() if v is not None}
        if not new:
            return self
        with WorkLock(self.folder, self.patience.lock):
            data = parse_json((self.folder / RUN).read_text(encoding="utf-8"))
            text = (json.dumps({**data, **new}, indent=2) + "\n").encode()
            ledger = Ledger(self.folder)
            if RUN in ledger.content_names():
                keep_version(ledger, RUN, text)
            ledger.close()
            with atomic_file(self.folder / RUN) as handle:
                handle.write(text)
        return dataclasses.replace(self, statement=dataclasses.replace(self.statement, **new))
