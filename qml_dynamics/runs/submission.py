"""`submit` and `open_run`: from a problem to a run folder, and from a run folder to a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from ..backends import backend as find_backend
from ..backends.base import Backend, BackendLike
from ..base.arguments import checks_arguments_but
from ..base.errors import BackendError, BudgetExceeded, MethodError, ProblemError, QMLDynamicsError, describe, integer
from ..base.folders import folder_path
from ..base.places import permitted
from ..methods.base import Method, check_method
from ..methods.defaults import settled
from ..methods.job import check_room, convert
from ..model.problem import Problem
from ..results.observables import ObservableLike
from .budget import read_budget
from .content import read_checked
from .folder import write_folder
from .forecasts import forecast
from .ledger import Ledger
from .reopen import check_same, described
from .retry import Patience
from .run import PathLike, Run
from .specification import RunSpecification
from .units import keeps_jobs, repeatable


@checks_arguments_but("method", "backend", "observables")
def submit(
    problem: Problem,
    method: Method | None = None,
    *,
    backend: BackendLike,
    shots: int,
    folder: PathLike,
    seed: int | None = None,
    save: int | Sequence[float] | None = None,
    max_seconds: float | None = None,
    max_shots: int | None = None,
    observables: Mapping[str, ObservableLike] | None = None,
    patience: Patience | None = None,
    quiet: bool = False,
    allow_code: bool = False,
) -> Run:
    """Run ``method`` on ``problem`` in a folder, so that it survives this process.

    On a backend with jobs (a cloud device) the jobs are sent and this returns; on others the circuits are run. The same
    call on the same folder goes on where it was.

    Args:
        problem, method, shots, seed, save, observables: as for :func:`evolve`, its default method too; ``shots`` must be given.
        backend: a name or an object. An object that its name does not open again must be handed to :func:`open_run` too.
        folder: made where it does not exist; no credential is written into it.
        max_seconds, max_shots: budget, on the device and in all; checked for the whole plan, and before each batch. A simulator here has
            no forecast of its seconds: those that it has taken are looked at before each batch.
        patience: attempts, pauses and timeouts.
        quiet: do not print the cost. Otherwise, on a device that reports its errors, one line on standard error says before
            anything is sent what :func:`qml_dynamics.cost` finds: circuits, seconds, expected fidelity, and the best number of
            Trotter steps for its noise. Where that is below one, a ``NoiseFloorWarning`` says so in any case.
        allow_code: go on in a folder with links that lead out of it. No code is read here: the problem is the one given, also
            where the folder holds this run already.

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
    permitted(allow_code)
    where, limits, patience = folder_path(folder), read_budget(max_shots, max_seconds), _patience(patience)
    if backend is None:
        raise BackendError("Argument `backend` must be a name or a backend object, but is None.")
    device = find_backend(backend)
    method, _ = settled(problem, method, device, int(shots))
    if check_method(method).facts().runs_on == "classical":
        raise MethodError(f"Argument `method` must be one that samples circuits, but is {describe(method)}.")
    job = convert(problem, method, device, shots, seed, save, observables)
    check_room(job.problem, len(job.saves))
    entropy = int(np.random.SeedSequence().entropy) if seed is None else int(seed)  # type: ignore[arg-type]
    kept = described(device)
    asked = RunSpecification(problem, method, int(shots), entropy, job.saves.tolist(), observables, kept, **limits)
    written = write_folder(where, asked, job.observables, any_seed=seed is None, allow_code=allow_code)
    specification = written.specification
    if not written.new:
        specification = dataclasses.replace(specification, **{k: v for k, v in limits.items() if v is not None})
    run = Run(where, specification, device, patience)
    ledger = Ledger(run.folder)
    try:
        if not ledger.batches():
            forecast(run.statement, device, quiet)
        run.advance(ledger)
    except QMLDynamicsError as error:
        if written.new and _leaves_nothing(error, ledger, device):
            ledger.close()
            written.undo()
        raise
    finally:
        ledger.close()
    return run


def _leaves_nothing(error: QMLDynamicsError, ledger: Ledger, device: Backend) -> bool:
    """Whether a new run was refused or failed with nothing to go on from: no sample is here, and no job can be under way.

    A budget that is too small keeps the folder (``resume`` takes a new one), and so does a vendor that is out of reach.
    """
    rows = ledger.batches()
    if isinstance(error, BudgetExceeded) or any(b.status != "planned" or b.job_id is not None for b in rows):
        return False
    return isinstance(error, (ProblemError, MethodError)) or (not keeps_jobs(device) and repeatable(device))


@checks_arguments_but("backend")
def open_run(
    folder: PathLike, *, backend: BackendLike | None = None, patience: Patience | None = None, allow_code: bool = False
) -> Run:
    """The run in a folder that :func:`submit` made.

    Args:
        folder: the run folder.
        backend: the backend object, where its name does not open it again.
        patience: attempts, pauses and timeouts.
        allow_code: run a function that the folder's problem names (``module:function``), and follow links out of the folder.
            Whoever wrote the folder wrote that code, so it is asked for each time that a folder is opened: nothing in the folder
            could say that it was allowed before.

    Raises:
        ProblemError: it is not a run folder, it is damaged, it names code or leads out of itself without ``allow_code``, or a
            newer version of the library wrote it.
        BackendError: ``backend`` is not the one of the run.
    """
    where, patience = folder_path(folder), _patience(patience)
    specification = read_checked(where, allow_code)
    Ledger(where).close()
    device = None
    if backend is not None:
        device = find_backend(backend)
        check_same(specification.backend, device)
    return Run(where, specification, device, patience)


def _patience(given: object) -> Patience:
    if given is not None and not isinstance(given, Patience):
        raise MethodError(f"Argument `patience` must be None or a Patience, but is {describe(given)}.")
    return given or Patience()
