"""`submit` and `open_run`: from a problem to a run folder, and from a run folder to a run."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..backends import backend as find_backend
from ..cost import cost
from ..errors import BackendError, BudgetExceeded, MethodError, integer
from ..job import convert
from ..problem import Problem
from ..variational.method import is_measured
from .budget import read_budget
from .folder import Statement, read_folder, write_folder
from .ledger import Ledger
from .reopen import check_same, described
from .retry import Patience
from .run import PathLike, Run


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
    quiet: bool = False,
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
        quiet: do not print the cost. Otherwise, on a device that reports its errors, one line on standard error says before
            anything is sent what :func:`qml_dynamics.cost` finds: circuits, seconds, expected fidelity, and the best number of
            Trotter steps for its noise. Where that is below one, a ``NoiseFloorWarning`` says so in any case.

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
    limits = read_budget(max_shots, max_seconds)
    if backend is None:
        raise BackendError("Argument `backend` must be a name or a backend object, but is None.")
    device = find_backend(backend)
    job = convert(problem, method, device, shots, seed, save, observables, None, False)
    samples = getattr(method, "needs_backend", False) or hasattr(method, "adaptive")
    if not samples and not is_measured(method, device, shots):
        raise MethodError(f"Argument `method` must be one that samples circuits, but is {method!r}.")
    entropy = int(np.random.SeedSequence().entropy) if seed is None else int(seed)  # type: ignore[arg-type]
    kept = described(device)
    asked = Statement(problem, method, int(shots), entropy, job.saves.tolist(), observables, kept, **limits)
    statement = write_folder(Path(folder), asked, job.observables, any_seed=seed is None)
    if statement is not asked:
        statement = dataclasses.replace(statement, **{k: v for k, v in limits.items() if v is not None})
    run = Run(Path(folder), statement, device, patience or Patience())
    ledger = Ledger(run.folder)
    try:
        if not ledger.batches():
            _forecast(run.statement, device, quiet)
        run.advance(ledger)
    finally:
        ledger.close()
    return run


def _forecast(s: Statement, device: Any, quiet: bool) -> None:
    """Say what a run costs on a device, and refuse one that is known to exceed its budget of shots, before anything is sent.

    Methods whose circuits do not depend on outcomes are planned whole, and compared with the budget there.
    """
    steps = is_measured(s.method, device, s.shots)
    on_a_device = hasattr(device, "programs") and (steps or getattr(s.method, "needs_backend", False))
    if not on_a_device and not (steps and s.max_shots is not None):
        return
    estimate = cost(s.problem, s.method, backend=device, shots=s.shots, save=s.saves)
    if on_a_device and not quiet:
        print(estimate, file=sys.stderr)
    if steps and s.max_shots is not None and estimate.shots > s.max_shots:
        raise BudgetExceeded(
            f"All steps together take {estimate.shots:,} shots, but `max_shots` is {s.max_shots:,}. Nothing was sent; "
            "resume(max_shots=...) goes on."
        )


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
        check_same(statement.backend, device)
    return Run(where, statement, device, patience or Patience())
