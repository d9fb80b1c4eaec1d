"""`submit` and `open_run`: a run in a folder, and what can be done with it."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..backends import backend as find_backend
from ..backends.base import Backend
from ..errors import BackendError, MethodError, QMLDynamicsError, integer, real
from ..job import convert
from ..problem import Problem
from ..storage import RESULT, TRAJECTORY, load, summary, to_json
from ..trajectory import Trajectory, atomic_file, plain
from . import jobs, local
from .budget import check_budget, spent_seconds
from .context import ENDED, OPEN, Context
from .folder import RUN, Statement, read_folder, sweep, write_folder
from .ledger import Batch, Ledger
from .lock import WorkLock
from .player import Player, play
from .redact import without_credentials
from .retry import Patience
from .state import RunStatus, run_status
from .units import independent

PathLike = str | os.PathLike[str]
_CHANGES = re.compile(r"version|qiskit|pennylane|braket|runtime|numpy|calibrat|date|time|pending|queue|status", re.I)


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
    statement: Statement
    given: Any = None
    patience: Patience = Patience()

    def __str__(self) -> str:
        return str(self.status(ask=False))

    __repr__ = __str__

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
            return run_status(
                self.folder, self.statement.run, self.statement.backend["name"], ledger.batches(), fetched
            )
        finally:
            ledger.close()

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
        if (self.folder / TRAJECTORY).is_file():
            return load(self.folder, problem=self.statement.problem)
        ledger = Ledger(self.folder)
        try:
            context = self._context(ledger)
            trajectory = self._wait(context, timeout) if wait else self._collected(context)
            if trajectory is None:
                context.raise_for_ended()
                return None
            return self._write(trajectory, ledger)
        finally:
            ledger.close()

    def resume(
        self, resend: bool = False, *, max_shots: int | None = None, max_seconds: float | None = None
    ) -> RunStatus:
        """Go on with a run that was cut off: find what was accepted, send what was not, run what is left.

        Args:
            resend: also send again what failed, was cancelled or lost, and circuits of unknown fate. It may cost twice.
            max_shots, max_seconds: a new budget.

        Raises:
            BudgetExceeded, BackendError: as :meth:`fetch`.
        """
        run = self._with_budget(max_shots, max_seconds)
        ledger = Ledger(run.folder)
        try:
            context = run._context(ledger)
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

    def _context(self, ledger: Ledger) -> Context:
        s = self.statement
        backend = self.given if self.given is not None else _reopened(s.backend)
        return Context(self.folder, s.run, backend, ledger, self.patience, s.max_shots, s.max_seconds)

    def _player(self, context: Context, handle: Any, look_ahead: bool = False) -> Player:
        return Player(context.backend, context.ledger, self.folder, self.statement.run, handle, look_ahead)

    def _advance(self, context: Context) -> None:
        """Plan all that can be planned, check the budget for all of it, and send it (or run it, without jobs)."""
        alone = independent(self.statement.method)
        with WorkLock(self.folder, self.patience.lock):
            self._settle(context)
            rows = context.ledger.batches()
            if alone and rows and not any(b.status in OPEN for b in rows):
                return
            if not alone and not context.has_jobs:
                play(self.statement, self._player(context, lambda *what: local.execute(context, *what)))
                return
            found: list[tuple[int, Sequence[Any], Sequence[int]]] = []
            done = play(self.statement, self._player(context, lambda *what: found.append(what), alone))
            if done is not None and not context.ledger.batches():
                raise MethodError(
                    f"Argument `method` must be one that samples circuits, but is {self.statement.method!r}."
                )
            coming = context.ledger.batches(status=("planned",))
            check_budget(context.ledger.batches(), coming, context.max_shots, context.max_seconds)
            for what in found:
                self._send(context, *what)

    def _settle(self, context: Context) -> None:
        sweep(self.folder)
        (jobs if context.has_jobs else local).recover(context)

    def _send(self, context: Context, call: int, circuits: Sequence[Any], seeds: Sequence[int]) -> None:
        (jobs.send if context.has_jobs else local.execute)(context, call, circuits, seeds)

    def _collected(self, context: Context) -> Trajectory | None:
        """Without waiting, and without sending anything."""
        if context.has_jobs:
            jobs.poll(context)
        rows = context.ledger.batches()
        if not rows or any(b.status != "finished" for b in rows):
            return None
        return play(self.statement, self._player(context, lambda *what: None))

    def _wait(self, context: Context, timeout: float | None) -> Trajectory | None:
        deadline = float("inf") if timeout is None else time.monotonic() + timeout
        rows = context.ledger.batches()
        if not rows or any(b.status in OPEN for b in rows):
            self._advance(context)

        def handle(call: int, circuits: Sequence[Any], seeds: Sequence[int]) -> None:
            pause = self.patience.poll
            while True:
                self._look(context, call, circuits, seeds)
                left = deadline - time.monotonic()
                if left <= 0 or all(b.status == "finished" for b in context.ledger.batches(call)):
                    return
                time.sleep(min(pause, left))
                pause = min(1.5 * pause, self.patience.longest_poll)

        return play(self.statement, self._player(context, handle))

    def _look(self, context: Context, call: int, circuits: Sequence[Any], seeds: Sequence[int]) -> None:
        """Send what is not sent, unless another process is at it; collect what is done; raise for what is lost."""
        lock = WorkLock(self.folder)
        if context.ledger.batches(call, OPEN) and lock.acquire(0.0):
            try:
                self._settle(context)
                self._send(context, call, circuits, seeds)
            finally:
                lock.release()
        if context.has_jobs:
            jobs.poll(context, call)
        context.raise_for_ended(call)

    def _write(self, trajectory: Trajectory, ledger: Ledger) -> Trajectory:
        """Add where every sample came from, and write ``trajectory.npz`` and ``result.json``."""
        rows = ledger.batches()
        run = {
            "id": self.statement.run,
            "planned": ledger.began(),
            "finished": max(b.changed for b in rows),
            "batches": [_origin(b) for b in rows],
        }
        provenance = {**trajectory.provenance, "run": run, "seconds": spent_seconds(rows)}
        provenance["backend_details"] = without_credentials(plain(provenance["backend_details"]))
        out = dataclasses.replace(trajectory, provenance=provenance)
        out.save(self.folder / TRAJECTORY)
        with atomic_file(self.folder / RESULT) as handle:
            handle.write((to_json(summary(out)) + "\n").encode())
        return out

    def _with_budget(self, max_shots: int | None, max_seconds: float | None) -> Run:
        """The run with a new budget, written down."""
        new = {k: v for k, v in _budget(max_shots, max_seconds).items() if v is not None}
        if not new:
            return self
        with WorkLock(self.folder, self.patience.lock):
            data = json.loads((self.folder / RUN).read_text(encoding="utf-8"))
            with atomic_file(self.folder / RUN) as handle:
                handle.write((json.dumps({**data, **new}, indent=2) + "\n").encode())
        return dataclasses.replace(self, statement=dataclasses.replace(self.statement, **new))


def _origin(b: Batch) -> dict[str, Any]:
    return {"number": b.number, "tag": b.tag, "job": b.job_id, "circuits": b.count, "shots": b.shots, "seconds": b.used}


def _budget(max_shots: int | None, max_seconds: float | None) -> dict[str, Any]:
    shots = None if max_shots is None else integer(max_shots, "max_shots", 1, 10**15, MethodError)
    seconds = None if max_seconds is None else real(max_seconds, "max_seconds", positive=True, error=MethodError)
    return {"max_shots": shots, "max_seconds": seconds}


def submit(
    problem: Problem,
    method: Any,
    *,
    backend: Any,
    shots: int,
    folder: PathLike,
    seed: int | None = None,
    save: int | Sequence[float] | None = None,
    max_seconds: float | None = None,
    max_shots: int | None = None,
    observables: Mapping[str, Any] | None = None,
    patience: Patience | None = None,
) -> Run:
    """Run ``method`` on ``problem`` in a folder, so that it survives this process.

    On a backend with jobs (a cloud device) the jobs are sent and this returns; on others the circuits are run. The same
    call on the same folder goes on where it was.

    Args:
        problem, method, shots, seed, save, observables: as for :func:`evolve`; ``shots`` must be given.
        backend: a name or an object. An object that its name does not open again must be handed to :func:`open_run` too.
        folder: made where it does not exist; no credential is written into it.
        max_seconds, max_shots: budget, on the device and in all; checked for the whole plan, and before each batch.
        patience: attempts, pauses and timeouts.

    Returns:
        A :class:`Run`; ``run.fetch(wait=True)`` gives the :class:`Trajectory`.

    Raises:
        ProblemError: the folder cannot be written, holds another run, or the problem cannot be written down.
        MethodError: an argument is out of its range.
        BudgetExceeded: before anything is sent.
        BackendError: the vendor refused, or is out of reach; the folder remembers, and ``resume`` goes on.

    >>> import tempfile
    >>> from qml_dynamics import Hypercube, Problem, Trotter
    >>> spins = Problem(Hypercube(2), lambda w: w[:, 0] - w[:, 1], 1.0, clock="real", duration=0.5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = submit(spins, Trotter(2), backend="aer", shots=100, seed=1, folder=folder)
    ...     print(run.status().complete, open_run(folder).fetch().shots)
    True 100
    """
    integer(shots, "shots", 1, 10**9, MethodError)  # None is no number either: exact runs need no folder
    limits = _budget(max_shots, max_seconds)
    if backend is None:
        raise BackendError("Argument `backend` must be a name or a backend object, but is None.")
    device = find_backend(backend)
    job = convert(problem, method, device, shots, seed, save, observables, None, False)
    if not getattr(method, "needs_backend", False) and not hasattr(method, "adaptive"):
        raise MethodError(f"Argument `method` must be one that samples circuits, but is {method!r}.")
    entropy = int(np.random.SeedSequence().entropy) if seed is None else int(seed)  # type: ignore[arg-type]
    described = _described(device)
    asked = Statement(problem, method, int(shots), entropy, job.saves.tolist(), observables, described, **limits)
    statement = write_folder(Path(folder), asked, job.observables, any_seed=seed is None)
    if statement is not asked:
        statement = dataclasses.replace(statement, **{k: v for k, v in limits.items() if v is not None})
    run = Run(Path(folder), statement, device, patience or Patience())
    ledger = Ledger(run.folder)
    try:
        run._advance(run._context(ledger))
    finally:
        ledger.close()
    return run


def open_run(folder: PathLike, *, backend: Any = None, patience: Patience | None = None) -> Run:
    """The run in a folder that :func:`submit` made.

    Args:
        folder: the run folder.
        backend: the backend object, where its name does not open it again.
        patience: attempts, pauses and timeouts.

    Raises:
        ProblemError: it is not a run folder, it is damaged, or a newer version of the library wrote it.
        BackendError: ``backend`` is not the one of the run.
    """
    where = Path(folder)
    statement = read_folder(where)
    Ledger(where).close()
    device = None
    if backend is not None:
        device = find_backend(backend)
        _check_same(statement.backend, device)
    return Run(where, statement, device, patience or Patience())


def _described(device: Backend) -> dict[str, Any]:
    return {
        "name": device.name,
        "options": _options(device),
        "described": _identity(device),
        "object": _is_object(device),
    }


def _is_object(device: Any) -> bool:
    """Whether a person's own device object is behind it, of which the name says too little."""
    return str(device.name).startswith("pennylane:") and getattr(device, "device", None) is not None


def _options(device: Any) -> dict[str, Any]:
    """The keywords that open a backend again beside its name, where they are plain data."""
    if hasattr(getattr(device, "options", None), "describe"):
        return plain(device.options.describe())
    given = dict(getattr(device, "given", {}))
    if getattr(device, "analytic", None) is not None:
        given["analytic"] = device.analytic
    if not all(value is None or isinstance(value, (str, int, float, bool)) for value in given.values()):
        return {}  # then the backend has to be handed to open_run
    return given


def _identity(device: Backend) -> dict[str, Any]:
    """What a backend says of itself, without what changes from day to day; plain data."""
    said = without_credentials(plain(device.describe()))
    kept = {k: v for k, v in said.items() if not _CHANGES.search(k)}
    return json.loads(json.dumps(kept, default=str))


def _reopened(stored: Mapping[str, Any]) -> Backend:
    if stored["object"]:
        raise BackendError(f"The run's backend, {stored['name']!r}, must be given to open_run(folder, backend=...).")
    try:
        device = find_backend(stored["name"], **stored["options"])
    except QMLDynamicsError as error:
        raise BackendError(
            f"The run's backend, {stored['name']!r}, must be given to open_run(folder, backend=...): {error}"
        ) from None
    _check_same(stored, device)
    return device


def _check_same(stored: Mapping[str, Any], device: Backend) -> None:
    """A run must not go on with another device, or with the same one without its noise."""
    now = _identity(device)
    differs = sorted(k for k in {*now, *stored["described"]} if now.get(k) != stored["described"].get(k))
    if device.name != stored["name"] or differs:
        raise BackendError(
            f"Argument `backend` must be the one of the run, {stored['name']!r}, but {device.name!r} differs in "
            f"{', '.join(differs) or 'name'}."
        )
