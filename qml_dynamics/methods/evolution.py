"""`evolve`: run a method on a problem, classical or quantum, and return a `Trajectory`.

Four blocks: convert, check, run, report. A classical reference and a circuit give the same kind of answer.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import numpy as np

from ..base.errors import MethodError
from ..base.registry import MultiProduct, Trotter
from ..model.hamiltonian import hamiltonian
from ..model.problem import Problem
from ..results.trajectory import Trajectory
from .answer import report_waves
from .base import Callback, Job, convert, save_times
from .engines import multi_product, run_waves, trotter_circuits
from .from_samples import run as run_sampled
from .imaginary.options import IMAGINARY_METHODS
from .imaginary.run import circuits as imaginary_circuits
from .imaginary.run import run as run_imaginary
from .minibatch import circuits as minibatch_circuits
from .minibatch import run as run_minibatch
from .randomised import circuits as randomised_circuits
from .randomised import run as run_randomised
from .randomised_methods import RANDOMISED_METHODS, MiniBatch
from .variational.options import is_measured


def evolve(
    problem: Problem,
    method: Any,
    *,
    backend: Any = None,
    shots: int | None = None,
    seed: int | None = None,
    save: int | Sequence[float] | np.ndarray | None = None,
    observables: Mapping[str, Any] | None = None,
    callback: Callback | None = None,
    progress: bool | None = None,
    checkpoint: Any = None,
) -> Trajectory:
    """Run ``method`` on ``problem``.

    Args:
        problem: the statement.
        method: :class:`SplitStep`, :class:`Krylov`, :class:`Exact`, :class:`Trotter`, :class:`MultiProduct`.
        backend: for circuits: a name, an object, or None for the exact ``"statevector"``.
        shots: samples per circuit and per basis at every saved time; None for exact expectation values.
        seed: of all sampling; None draws one and records it.
        save: None (start and end), a number of equal times, or a list of times; the run is cut exactly there.
        observables: name to a function of weights ``(m, ndim) -> (m,)``, a function of momenta (see ``of_momenta``), or
            an operator on the register.
        callback: ``callback(step, view)`` after each step (Krylov: each saved time); returning True stops the run.
        progress: show progress on standard error; None: when it is a terminal. Nothing shows below two seconds.
        checkpoint: for variational runs whose steps are measured, a ``qml_dynamics.runs.Checkpoint``: an interrupted run goes on
            from its last batch when it is called again.

    Returns:
        A :class:`Trajectory`. A keyboard interrupt returns what was done, and ``stop`` says so.

    Raises:
        ProblemError, MethodError, BackendError: something does not fit; before anything long has started.

    >>> from qml_dynamics import Grid, Problem, SplitStep, Gaussian
    >>> free = Problem(Grid((-20, 20), 7), lambda w: 0 * w[:, 0], 0.5, clock="real", duration=2.0, initial=Gaussian(0, 1.0))
    >>> spread = evolve(free, SplitStep(10), observables={"x2": lambda w: w[:, 0] ** 2})
    >>> round(float(spread.expectations["x2"].value[-1]), 6)
    2.0
    """
    started = time.perf_counter()
    job = convert(problem, method, backend, shots, seed, save, observables, callback, progress)
    measures = is_measured(method, job.backend, job.shots)
    if checkpoint is not None and not measures:
        raise MethodError("Argument `checkpoint` must be None for a run whose steps are not measured, but is given.")
    with job.progress:
        if hasattr(method, "answer"):  # a method of a room above, which reports by itself
            answer = method.answer(job)
        elif isinstance(method, MultiProduct):
            answer = multi_product(job)
        elif isinstance(method, RANDOMISED_METHODS):
            answer = run_randomised(job)
        elif isinstance(method, MiniBatch):
            answer = run_minibatch(job)
        elif isinstance(method, IMAGINARY_METHODS):
            answer = run_imaginary(job)
        elif measures:
            from .variational.measured.run import run as run_measured

            answer = run_measured(job, checkpoint)
        elif getattr(method, "needs_backend", False) and job.backend is not None and not job.backend.exact:
            answer = run_sampled(job, trotter_circuits(job))
        else:
            answer = report_waves(job, run_waves(job))
    return finish(job, answer, started)


_version = lru_cache(maxsize=None)(version)  # reading a package's metadata takes longer than a small run


def finish(job: Job, answer: dict[str, Any], started: float) -> Trajectory:
    diagnostics = dict(answer.pop("diagnostics", {}))
    provenance = {
        "seed": job.seeds.entropy,
        "seconds": time.perf_counter() - started,
        "backend": job.backend.name if job.backend is not None else None,
        "backend_details": job.backend.describe() if job.backend is not None else None,
        "versions": {name: _version(name) for name in ("numpy", "scipy", "qml-dynamics")},
        "python": platform.python_version(),
        "reading": job.problem.reading,
        "shots": job.shots,
    }
    return Trajectory(problem=job.problem, method=job.method, diagnostics=diagnostics, provenance=provenance, **answer)


def circuits(problem: Problem, method: Any, times: Any = None) -> list[Any]:
    """The circuits that a device would run: one a saved time, unmeasured, made of gates.

    Args:
        problem: on the clock of the method.
        method: :class:`Trotter`, or one that runs imaginary time as circuits (ancillas on the highest qubits).
        times: as ``save`` of :func:`evolve`.

    Returns:
        A list of ``QuantumCircuit``. With walls, the ancillas are the highest qubits and end in ``|0>``.

    >>> from qml_dynamics import Hypercube, Problem, Trotter
    >>> spins = Problem(Hypercube(3), lambda w: w[:, 0] * w[:, 1] - w[:, 2], 1.0, clock="real", duration=1.0)
    >>> [circuit.num_qubits for circuit in circuits(spins, Trotter(2))]
    [3, 3]
    """
    from ..synthesis.trotter import program

    if isinstance(method, IMAGINARY_METHODS):
        return imaginary_circuits(convert(problem, method, None, None, None, times, None, None, False))
    if isinstance(method, RANDOMISED_METHODS):
        return randomised_circuits(convert(problem, method, None, None, None, times, None, None, False))
    if isinstance(method, MiniBatch):
        return minibatch_circuits(convert(problem, method, None, None, None, times, None, None, False))
    if hasattr(method, "planned") and problem.clock in method.clocks:
        return list(method.planned(problem, hamiltonian(problem), save_times(times, problem.duration)).circuits)
    if not isinstance(method, Trotter):
        raise MethodError(f"Argument `method` must be one that runs as circuits (Trotter), but is {method!r}.")
    if problem.clock not in method.clocks:
        raise MethodError(f"Argument `method` must run on the {problem.clock} clock, but is {type(method).__name__}.")
    saves = save_times(times, problem.duration)
    h = hamiltonian(problem)
    wanted = np.union1d(saves, [0.0])
    plan = program(problem, h, method.product_formula, method.steps, wanted.tolist(), method.truncation)
    return [plan.until(int(np.argmin(np.abs(wanted - t)))) for t in saves]
