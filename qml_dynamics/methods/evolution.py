"""`evolve`: run a method on a problem, classical or quantum, and return a `Trajectory`; `circuits`: what a device would run.

Arguments become a job; the method runs it; its answer becomes a trajectory. Nothing here knows which methods there are.
"""

from __future__ import annotations

import platform
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..backends import Backend
from ..backends.base import BackendLike
from ..backends.failures import without_credentials
from ..base.archive import DAMAGE, of, reading
from ..base.arguments import checks_arguments_but
from ..base.errors import MethodError, ProblemError, UnusedArgumentWarning, require
from ..base.installed import version
from ..base.interrupts import is_partial
from ..model.problem import Problem
from ..results.codec import CannotStore, packed, unpacked
from ..results.compact import CompactTrajectory
from ..results.compact_files import restored_states, stored_states
from ..results.journal import Scope
from ..results.observables import ObservableLike
from ..results.trajectory import Trajectory
from .base import Answer, Callback, Job, Method
from .defaults import settled
from .gate import check_answer, computing, guarded
from .identity import Identity
from .job import convert
from .keeping import Call, Folder, check_callback, kept_call, outside
from .stationary import stands_above

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from .variational.measured.resume import Keeper


@checks_arguments_but("method", "backend", "observables", "callback", "save", "checkpoint")
def evolve(
    problem: Problem,
    method: Method | None = None,
    *,
    backend: BackendLike | None = None,
    shots: int | None = None,
    seed: int | None = None,
    save: int | Sequence[float] | np.ndarray | None = None,
    observables: Mapping[str, ObservableLike] | None = None,
    callback: Callback | None = None,
    progress: bool | None = None,
    checkpoint: Keeper | None = None,
    folder: Folder | None = None,
) -> Trajectory:
    """Run ``method`` on ``problem``; without one, the method whose answer is right without further options.

    Args:
        problem: the statement.
        method: what runs it; ``qml-dynamics list methods`` tells which ones there are. None: :class:`SplitStep` (operators
            :class:`Krylov`, the classical clock :class:`HamiltonJacobi`) without a backend; with one :class:`Trotter` on the real
            clock, :class:`ProbabilisticITE` on the imaginary, :class:`KoopmanVonNeumann` on the classical one.
            ``Trajectory.method`` says which one ran.
        backend: for circuits: a name, an object, or None for the exact ``"statevector"``. Methods that run by NumPy refuse one.
        shots: samples per circuit and per basis at every saved time; None for exact expectation values.
        seed: of all sampling; None draws one and records it. A warning says where nothing is drawn.
        save: None (start and end), a number of equal times, or a list of times; the run is cut exactly there.
        observables: name to a function of weights ``(m, ndim) -> (m,)``, a function of momenta (see ``of_momenta``), or
            an operator on the register.
        callback: ``callback(step, view)`` after each step (Krylov: each saved time); returning True stops the run. Refused where the
            circuits of a run go out as one batch.
        progress: show progress on standard error; None: when it is a terminal. Nothing shows below two seconds.
        checkpoint: deprecated: a ``qml_dynamics.runs.Checkpoint`` for variational runs whose steps are measured; use ``folder``.
        folder: where the run is kept while it goes on: what the backend answers, and every second where a wave stands. After the process
            has died (or was interrupted) the same call goes on from there, bit by bit as if nothing had been; a finished one is
            read. It must be new, empty, or hold this call; ``trajectory.npz`` in it is the answer (:func:`qml_dynamics.load`). A
            callback is not called again for what was done, another one is told, and refused where the first has ended the run.

    Returns:
        A :class:`Trajectory`; above as many qubits as a table has, of a method whose waves are compact, a
        :class:`~qml_dynamics.results.compact.CompactTrajectory`. A keyboard interrupt returns what was done, and ``stop`` says so;
        with a folder so does SIGTERM.

    Raises:
        ProblemError, MethodError, BackendError: something does not fit; before anything long has started. ProblemError too where
            the folder holds another call: it names what differs.

    Warns:
        DeprecationWarning: ``checkpoint`` is given.

    >>> from qml_dynamics import Grid, Problem, SplitStep, Gaussian
    >>> free = Problem(Grid((-20, 20), 7), lambda w: 0 * w[:, 0], 0.5, clock="real", duration=2.0, initial=Gaussian(0, 1.0))
    >>> spread = evolve(free, SplitStep(10), observables={"x2": lambda w: w[:, 0] ** 2})
    >>> round(float(spread.expectations["x2"].value[-1]), 6)
    2.0
    """
    started = time.perf_counter()
    method, backend = settled(problem, method, backend, shots)
    compact = checkpoint is None
    job = convert(
        problem, method, backend, shots, seed, save, observables, callback, progress, checkpoint, room=True, compact=compact
    )  # fmt: skip
    own: list[BaseException] = []
    job.callback = guarded(callback, own)
    if checkpoint is not None:
        _check_checkpoint(job, folder)
    if folder is not None and job.compact and shots is not None:
        most = "be None for shots on more than 62 qubits, whose outcomes no file holds"
        require(problem.domain.num_qubits <= _WORD, "folder", most, folder, MethodError)

    with kept_call("evolve", folder, seed, lambda said: identify(job, said), callback=callback) as call:
        job.seeds = job.seeds if call.scope is None else np.random.SeedSequence(call.entropy)
        run = finish(job, kept_answer(call, job, own), started)
        if call.folder is not None:
            run.save(call.path(TRAJECTORY))
    return run


def kept_answer(call: Call, job: Job, own: list[BaseException]) -> Answer:
    """The answer of a job: the one that is kept, or that of the method, which is kept when it is whole."""
    scope = call.scope
    if scope is None:
        return _computed(job, own)
    name = f"{scope.name}-answer"
    found = scope.journal.read(name)
    mark = "" if call.folder is not None else _mark(job)
    if found is not None:
        if found.meta["mark"] != mark:
            raise ProblemError(
                f"Argument `folder` must hold the runs of this call, but {name} of {scope.journal.folder} is of another run: the folder "
                "was changed, or the loss is not the same at every call."
            )
        with reading(
            f"Argument `folder` must hold the runs of this call, but {name} of {scope.journal.folder} is none",
            damage=(*DAMAGE, TypeError),
        ):
            parts = of(unpacked(found.meta["answer"], found.arrays), dict, "answer")
            if "compact" in found.meta:
                parts["compact"] = restored_states(found.meta["compact"], found.arrays, job.problem.domain)
            kept = _sound(parts)
        check_callback(scope, kept.stop)
        return kept
    job.backend = call.backend(job.backend)
    job.callback = None if job.callback is None else outside(job.callback)
    started = time.perf_counter()
    answer = _computed(job, own)
    if is_partial(answer):
        call.partial = True
    elif call.folder is not None or job.shots is not None or time.perf_counter() - started > _QUICK:
        _keep(scope, name, answer, mark)
    return answer


def _sound(parts: dict[str, Any]) -> Answer:
    """An answer of what was read; ``ValueError`` or ``TypeError`` where its parts are no arrays of numbers."""
    for name in ("times", "density", "log_norm", "states", "parameters"):
        value = parts.get(name)
        of(value, np.ndarray if value is not None or name in ("times", "density", "log_norm") else type(None), name)
        if value is not None and value.dtype.kind not in "fc":
            raise TypeError(f"{name} holds no numbers")
    of(parts.get("stop"), str, "stop")
    of(parts.get("expectations"), dict, "expectations")
    of(parts.get("diagnostics"), dict, "diagnostics")
    return Answer(**parts)


def _computed(job: Job, own: list[BaseException]) -> Answer:
    """The answer of the method, with a warning for a seed from which nothing was drawn."""
    with job.progress, computing(job, own):
        answer = job.method.run(job)
    if job.seeded and not job.drawn.any:
        warnings.warn(
            f"Argument `seed` takes no part: this run of {type(job.method).__name__} draws nothing.",
            UnusedArgumentWarning,
            stacklevel=5,
        )
    return answer


def told_of(backend: Backend | None) -> Any:
    """What a backend says of itself, without the credentials that it may say too; None for none."""
    return None if backend is None else without_credentials(backend.describe())


def identify(job: Job, said: Identity) -> None:
    """What a job says."""
    said.add_problem("problem", job.problem, job.h)
    said.add("method", job.method)
    said.add_backend("backend", job.backend)
    said.add("shots", job.shots)
    said.add("save", job.saves)
    said.add("observables", {o.name: o.terms if o.function is None else o.function for o in job.observables})


def _mark(job: Job) -> str:
    """One text for a run inside a call, by which it is known again."""
    said = Identity()
    identify(job, said)
    said.add("seed", str(job.seeds.entropy))
    return said.digest()


def _keep(scope: Scope, name: str, answer: Answer, mark: str) -> None:
    arrays: dict[str, np.ndarray] = {}
    meta: dict[str, object] = {"mark": mark}
    try:
        plain = replace(answer, compact=None)
        meta["answer"] = packed({f.name: getattr(plain, f.name) for f in fields(plain)}, arrays)
        if answer.compact is not None:
            meta["compact"], waves = stored_states(answer.compact)
            arrays |= waves
    except (
        CannotStore,
        MethodError,
    ):  # a part of a person's own method: its pieces stay, and the answer is made of them again
        return
    scope.journal.write(name, meta, arrays)
    if not scope.precious:
        scope.journal.remove(scope.name)


def _check_checkpoint(job: Job, folder: Folder | None) -> None:
    """Refuse and warn, where ``checkpoint`` is given."""
    if folder is not None:
        raise MethodError(
            "Argument `checkpoint` must be None where `folder` is given, which does the same, but is given."
        )
    if not job.method.facts().checkpoints:
        raise MethodError(
            f"Argument `checkpoint` must be None for {type(job.method).__name__}, which does not resume, but is given."
        )
    text = "Argument `checkpoint` of evolve is deprecated: `folder` does the same for every method."
    warnings.warn(text, DeprecationWarning, stacklevel=3)


_WORD = 62  # qubits of an outcome that a machine word holds
_QUICK = 0.2  # seconds below which an exact run inside a call is computed again rather than kept
TRAJECTORY = "trajectory.npz"
_version = lru_cache(maxsize=None)(version)  # reading a package's metadata takes longer than a small run


def finish(job: Job, answer: Answer, started: float) -> Trajectory:
    """The trajectory of an answer, with its provenance; ``started`` is the reading of ``time.perf_counter`` at the start.

    Raises:
        MethodError: the answer is not finite, a density has no sum 1, a wave no norm 1.
    """
    answer = check_answer(job, answer)
    provenance = {
        "seed": job.seeds.entropy,
        "seconds": time.perf_counter() - started,
        "backend": job.backend.name if job.backend is not None else None,
        "backend_details": told_of(job.backend),
        "versions": {name: _version(name) for name in ("numpy", "scipy", "qml-dynamics")},
        "python": platform.python_version(),
        "reading": job.problem.reading,
        "shots": job.shots,
    }
    make = Trajectory if answer.compact is None else partial(CompactTrajectory, compact=answer.compact)
    return make(
        problem=job.problem,
        method=job.method,
        times=answer.times,
        density=answer.density,
        states=answer.states,
        log_norm=answer.log_norm,
        expectations=answer.expectations,
        counts=answer.counts,
        best=answer.best,
        parameters=answer.parameters,
        diagnostics=dict(answer.diagnostics),
        stop=_stop(job, answer),
        provenance=provenance,
    )


def _stop(job: Job, answer: Answer) -> str:
    """Why the run ended; of imaginary time also that it stands at an eigenstate which is not the ground state."""
    problem = job.problem
    told = "not the ground state" in answer.stop
    if (
        job.compact
        or problem.clock != "imaginary"
        or told
        or job.method.facts().both_ends
        or answer.diagnostics.get("interrupted")
    ):
        return answer.stop
    last = None if answer.states is None else answer.states[-1]
    above = stands_above(job.h, lambda: problem.initial.vector(problem.domain), last)
    return f"{answer.stop} The wave {above}." if above else answer.stop


@checks_arguments_but("method")
def circuits(
    problem: Problem, method: Method | None = None, times: npt.ArrayLike | None = None, *, seed: int | None = None
) -> list[QuantumCircuit]:
    """The circuits that a device would run: one a saved time, unmeasured, made of gates.

    Args:
        problem: on the clock of the method.
        method: one whose circuits are known before they run, as :class:`Trotter` (ancillas on the highest qubits). Methods that
            average over random circuits give all of them at the first time, then all at the next. None: as :func:`evolve` on a backend.
        times: as ``save`` of :func:`evolve`.
        seed: of a run, for methods whose circuits are random.

    Returns:
        A list of ``QuantumCircuit``. With walls, the ancillas are the highest qubits and end in ``|0>``.

    Raises:
        MethodError: the method does not run the problem, or has no circuits that are known ahead.

    >>> from qml_dynamics import Hypercube, Problem, Trotter
    >>> spins = Problem(Hypercube(3), lambda w: w[:, 0] * w[:, 1] - w[:, 2], 1.0, clock="real", duration=1.0)
    >>> [circuit.num_qubits for circuit in circuits(spins, Trotter(2))]
    [3, 3]
    """
    method, _ = settled(problem, method, "statevector")
    job = convert(problem, method, seed=seed, save=times)
    return job.method.circuits(job)
