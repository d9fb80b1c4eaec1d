"""``qml-dynamics run``: run, check against the reference, write a run folder, say what came out."""

from __future__ import annotations

import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..backends import backend as find_backend
from ..base.errors import MethodError, QMLDynamicsError
from ..methods.defaults import REFERENCE_STEPS
from ..methods.evolution import evolve
from ..methods.reference import reference_method
from ..model.problem import Problem
from ..results.trajectory import Trajectory
from ..runs.problem_file import ProblemFile, read_problem
from ..runs.problem_file.files import copy_problem
from ..runs.trajectory_file import PROBLEM, to_json, write_run
from ..validation.budget import error_budget
from ..validation.comparison import compare
from ..validation.explained import explain
from . import pictures
from .optimum import Optimum, scipy_optimum
from .options import Options, Plan, plan
from .summary import as_data, budget_data, print_checks, print_run, run_data, weights_table

REFERENCE = "reference.npz"
BUDGET_QUBITS = 14
REFERENCE_QUBITS, OPERATOR_QUBITS = 18, 14  # up to which a run is compared with the reference


def run_command(
    path: Path, options: Options, *, out: Path | None, as_json: bool, plots: bool, budget: bool | None
) -> int:
    """Run a problem file and compare it with the classical reference, up to 18 qubits (operators: 14).

    The exit code is 0; 1 where the distance from the reference is not explained by the method's own error, the noise of the device
    and the shots; 130 after Ctrl-C (what was done is saved).
    """
    file = read_problem(path, allow_code=options.allow_code)
    with told_once(), Interrupts() as interrupts:
        what = plan(options, file)
        _may_have_budget(file, what, budget)
        folder = out if out is not None else new_folder(file.path)
        copy_problem(
            file, folder / PROBLEM, method=what.method
        )  # a folder that cannot be written is told before the run
        console = terminal(as_json)
        return _run(_Run(file, what, folder, console, as_json, interrupts), plots, budget)


class _Run:
    """One run of the command: what is known so far, and where it goes."""

    def __init__(
        self, file: ProblemFile, what: Plan, folder: Path, console: Any, as_json: bool, interrupts: Interrupts
    ) -> None:
        self.file, self.plan, self.folder, self.console, self.as_json = file, what, folder, console, as_json
        self.interrupts = interrupts
        self.data: dict[str, Any] = {}

    def save(self, run: Trajectory) -> None:
        """Write the run folder as it stands."""
        write_run(self.folder, run, self.data, source=self.file)

    def finish(self, run: Trajectory, code: int) -> int:
        """Write everything, say where, and print the JSON object where it was asked for."""
        self.data["folder"] = str(self.folder)
        self.save(run)
        self.console.print(f"\nfiles: {self.folder}", markup=False)
        for picture in self.data.get("pictures", []):
            self.console.print(f"picture: {picture}", markup=False)
        if self.as_json:
            print(to_json(self.data))
        return code


def _run(job: _Run, plots: bool, budget: bool | None) -> int:
    file, what = job.file, job.plan
    run = evolve(file.problem, what.method, backend=what.backend, shots=what.shots, seed=what.seed, save=what.save)
    interrupted = job.interrupts.seen
    job.data = run_data(run, file, weights_table(run, file, None))
    job.save(run)
    if interrupted:
        job.console.print(str(run), markup=False)
        print(f"qml-dynamics: interrupted; what was done is in {job.folder}", file=sys.stderr)
        return job.finish(run, 130)
    try:
        job.interrupts.checking = True
        return _check(job, run, plots, budget)
    except (Stop, KeyboardInterrupt):
        job.interrupts.checking = False
        print("qml-dynamics: interrupted while checking; the run itself is whole.", file=sys.stderr)
        return job.finish(run, 130)


def _check(job: _Run, run: Trajectory, plots: bool, budget: bool | None) -> int:
    optimum = scipy_optimum(job.file.problem)
    job.data = run_data(run, job.file, weights_table(run, job.file, optimum))
    print_run(job.console, run, job.data)
    reference, comparison, measured, why = None, None, None, None
    if _has_reference(job.file.problem):
        reference = reference_of(job.file, run)
        reference.save(job.folder / REFERENCE)
        comparison = compare(run, reference)
        device = None if job.plan.backend is None or not job.plan.quantum else find_backend(job.plan.backend)
        why = explain(run, reference, job.plan.method, device)
        job.data["comparison"] = {**as_data(comparison), "explanation": as_data(why)}
    if _wants_budget(job, budget):
        measured = _budget(job)
        job.data["budget"] = budget_data(measured)
    print_checks(job.console, comparison, measured, why)
    if plots:
        job.data["pictures"] = _pictures(job, run, reference, optimum, measured)
    return job.finish(run, 0 if why is None or why.explained else 1)


def _has_reference(problem: Problem) -> bool:
    return problem.domain.num_qubits <= (REFERENCE_QUBITS if problem.operator is None else OPERATOR_QUBITS)


def reference_of(file: ProblemFile, run: Trajectory) -> Trajectory:
    """The classical reference at the same times; see :func:`~qml_dynamics.methods.reference.reference_method`."""
    spread = float(run.diagnostics.get("spread", 0.0))
    finer = 10 if run.provenance.get("backend") is not None else 2  # classical steps are many as they are
    method = reference_method(file.problem, run.method, REFERENCE_STEPS, spread, finer)
    seed = None if file.problem.objective is None else 0  # nothing is drawn of an operator's waves
    return evolve(file.problem, method, save=run.times.tolist(), seed=seed)


def _wants_budget(job: _Run, asked: bool | None) -> bool:
    problem = job.file.problem
    if _no_budget(problem, job.plan):
        return False
    return asked if asked is not None else job.plan.quantum and problem.domain.num_qubits <= BUDGET_QUBITS


def _no_budget(problem: Problem, what: Plan) -> str:
    """Why there is no error budget, whose chain starts from a wave of a loss; empty where there is one."""
    if problem.objective is None:
        return "a general operator"
    if problem.clock == "classical":
        return "the classical clock"
    return "a bridge" if what.method.facts().both_ends else ""


def _may_have_budget(file: ProblemFile, what: Plan, asked: bool | None) -> None:
    reason = _no_budget(file.problem, what)
    if asked and reason:
        raise MethodError(f"Argument `budget` must be left out for {reason}, which has none, but is given.")


def _budget(job: _Run) -> Any:
    with job.console.status("measuring the error budget"):
        what = job.plan
        return error_budget(job.file.problem, what.method, backend=what.backend, shots=what.shots, seed=what.seed)


def _pictures(
    job: _Run, run: Trajectory, reference: Trajectory | None, optimum: Optimum | None, budget: Any
) -> list[str]:
    if not pictures.available():
        print(f"qml-dynamics: {pictures.MISSING}", file=sys.stderr)
        return []
    marks = {"SciPy": optimum.weights} if optimum is not None else None
    try:
        return [str(path) for path in pictures.draw(job.folder, run, reference, marks, budget)]
    except QMLDynamicsError as error:  # a picture is not worth a run
        print(f"qml-dynamics: no picture: {error}", file=sys.stderr)
        return []


def terminal(stderr: bool) -> Any:
    """Where people read: lines are never broken, and a pipe is wide."""
    from rich.console import Console

    console = Console(stderr=stderr, soft_wrap=True, highlight=False, markup=False, emoji=False)  # brackets are text
    if not console.is_terminal:
        console.width = 160
    return console


def new_folder(problem: Path) -> Path:
    """``runs/NAME``, or ``runs/NAME-2`` and so on where that exists: no run is overwritten."""
    name = problem.resolve().parent.name if problem.name == "problem.toml" else problem.stem
    number, folder = 1, Path("runs") / name
    while folder.exists():
        number += 1
        folder = Path("runs") / f"{name}-{number}"
    return folder


class Stop(BaseException):
    """Ctrl-C while checking. `evolve` answers KeyboardInterrupt with what was done, which no check may take for a run."""


class Interrupts:
    """Ctrl-C: an early end of the run first, and :class:`Stop` once the run is whole and being checked.

    Where the run was started with SIGINT ignored (``nohup``, the background of a script) it stays ignored.
    """

    def __init__(self) -> None:
        self.seen, self.checking = False, False

    def _handle(self, number: int, frame: Any) -> None:
        self.seen = True
        raise Stop if self.checking else KeyboardInterrupt

    def __enter__(self) -> Interrupts:
        self.before: Any = None
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            with suppress(ValueError):  # not the main thread, where no Ctrl-C arrives
                self.before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: Any) -> None:
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)


@contextmanager
def told_once() -> Iterator[None]:
    """Warnings as one line each on standard error, and each of them once."""
    seen: set[str] = set()

    def show(message: Any, category: Any, *_: Any, **__: Any) -> None:
        kind = category.__name__
        if kind not in seen:
            seen.add(kind)
            print(f"qml-dynamics: note: {' '.join(str(message).split())}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield
