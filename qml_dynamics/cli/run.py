"""``qml-dynamics run``: run a problem file, compare it with the reference, write a run folder, print a summary."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..backends import backend as find_backend
from ..base.errors import MethodError, QMLDynamicsError
from ..base.interrupts import INTERRUPTED, Interrupts, Stop, is_partial
from ..methods.defaults import REFERENCE_STEPS
from ..methods.evolution import evolve
from ..methods.identity import Identity
from ..methods.reference import reference_method
from ..model.problem import Problem
from ..results.compact import CompactTrajectory
from ..results.trajectory import Trajectory
from ..runs.problem_file import ProblemFile, read_problem
from ..runs.problem_file.content import sha256
from ..runs.problem_file.editors import put_schema, top_line
from ..runs.problem_file.files import copy_problem, file_names
from ..runs.trajectory_file import PROBLEM, REFERENCE, to_json, write_run
from ..validation.budget import error_budget
from ..validation.comparison import compare
from ..validation.explained import explain
from . import pictures
from .folders import Place, run_folder
from .optimum import Optimum, scipy_optimum
from .options import Options, Plan, plan
from .summary import as_data, budget_data, print_checks, print_run, run_data, weights_table

if TYPE_CHECKING:
    from rich.console import Console

    from ..validation.error_parts import ErrorBudget


BUDGET_QUBITS = 14
REFERENCE_QUBITS, OPERATOR_QUBITS = 18, 14  # up to which a run is compared with the reference


def run_command(
    path: Path,
    options: Options,
    *,
    out: Path | None,
    as_json: bool,
    plots: bool,
    budget: bool | None,
    force: bool = False,
) -> int:
    """Run a problem file and compare it with the classical reference, up to 18 qubits (operators: 14; compact waves: never).

    The exit code is 0; 1 where the distance from the reference is not explained by the method's own error, the noise of the device
    and the shots; 130 after a signal (what was done is saved, and the same command goes on).
    """
    file = read_problem(path, allow_code=options.allow_code)
    with told_once():
        what = plan(options, file)
    _may_have_budget(file, what, budget)

    def identify(said: Identity) -> None:
        """Enter problem file, method, shots, saved times and backend into the identity of this call."""
        identify_file(file, said)
        for name in ("method", "shots", "save"):
            said.add(name, getattr(what, name))
        said.add_backend("backend", None if what.backend is None else find_backend(what.backend))

    with (
        told_once(),
        Interrupts() as interrupts,
        run_folder("run", out, default_folder(file.path), force, what.seed, identify) as place,
    ):
        if place.work == place.folder:
            copy_problem(
                file, place.work / PROBLEM, method=what.method, backend=file.sections.get("backend"), top=top_line()
            )
            put_schema(place.work)
        return _run(_Run(file, what, place, terminal(as_json), as_json, interrupts), plots, budget)


def identify_file(file: ProblemFile, said: Identity) -> None:
    """What a problem file says, and the files that it names."""
    said.add("problem", dict(file.sections))
    said.add("files", {name: sha256(file.folder / name) for name in file_names(file.sections)})


class _Run:
    """One run of the command: what is known so far, and where it goes."""

    def __init__(
        self, file: ProblemFile, what: Plan, place: Place, console: Console, as_json: bool, interrupts: Interrupts
    ) -> None:
        self.file, self.plan, self.place, self.console, self.as_json = file, what, place, console, as_json
        self.folder = place.work
        self.interrupts = interrupts
        self.data: dict[str, Any] = {}

    def save(self, run: Trajectory) -> None:
        """Write the run folder as it stands."""
        write_run(self.folder, run, self.data, source=self.file)

    def finish(self, run: Trajectory, code: int) -> int:
        """Write everything, say where, and print the JSON object where it was asked for."""
        self.place.done = code != INTERRUPTED
        self.data["folder"] = str(self.place.shown)
        if "pictures" in self.data:
            self.data["pictures"] = [str(self.place.shown / name) for name in self.data["pictures"]]
        self.save(run)
        self.console.print(f"\nfiles: {self.place.shown}", markup=False)
        for picture in self.data.get("pictures", []):
            self.console.print(f"picture: {picture}", markup=False)
        if self.as_json:
            print(to_json(self.data))
        return code


def _run(job: _Run, plots: bool, budget: bool | None) -> int:
    file, what = job.file, job.plan
    run = evolve(file.problem, what.method, backend=what.backend, shots=what.shots, seed=what.seed, save=what.save)
    interrupted = job.interrupts.seen is not None or is_partial(run)
    job.data = run_data(run, file, weights_table(run, file, None))
    job.save(run)
    if interrupted:
        job.console.print(str(run), markup=False)
        return job.finish(run, INTERRUPTED)
    try:
        job.interrupts.checking = True
        return _check(job, run, plots, budget)
    except (Stop, KeyboardInterrupt):
        job.interrupts.checking = False
        job.interrupts.told = True
        print(
            f"qml-dynamics: interrupted while checking; the run itself is whole, in {job.folder}, and the same command goes on.",
            file=sys.stderr,
        )
        return job.finish(run, INTERRUPTED)


def _check(job: _Run, run: Trajectory, plots: bool, budget: bool | None) -> int:
    optimum = scipy_optimum(job.file.problem)
    job.data = run_data(run, job.file, weights_table(run, job.file, optimum))
    print_run(job.console, run, job.data)
    reference, comparison, measured, why = None, None, None, None
    if _has_reference(run):
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


def _has_reference(run: Trajectory) -> bool:
    """Whether a run is compared with the reference, which is a table of waves."""
    problem = run.problem
    return not isinstance(run, CompactTrajectory) and problem.domain.num_qubits <= (
        REFERENCE_QUBITS if problem.operator is None else OPERATOR_QUBITS
    )


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
    usual = job.plan.quantum and problem.domain.num_qubits <= BUDGET_QUBITS and problem.operator is None
    return usual if asked is None else asked


def _no_budget(problem: Problem, what: Plan) -> str:
    """Why there is no error budget, whose chain starts from a wave; empty where there is one."""
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
    job: _Run, run: Trajectory, reference: Trajectory | None, optimum: Optimum | None, budget: ErrorBudget | None
) -> list[str]:
    if not pictures.available():
        print(f"qml-dynamics: {pictures.MISSING}", file=sys.stderr)
        return []
    marks = {"SciPy": optimum.weights} if optimum is not None else None
    try:
        return [path.name for path in pictures.draw(job.folder, run, reference, marks, budget)]
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


def default_folder(problem: Path) -> Path:
    """``runs/NAME``, by the name of the problem file, or of the folder that it is in."""
    return Path("runs") / (problem.resolve().parent.name if problem.name == "problem.toml" else problem.stem)


_NUMBER = re.compile(r"[-+]?\d[\d.,]*(?:e[-+]?\d+)?")


@contextmanager
def told_once() -> Iterator[None]:
    """Warnings as one line each on standard error, and each of them once, whatever the numbers in it."""
    seen: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
        """Print a warning as one line on standard error, the first time one of its class and words comes."""
        text = " ".join(str(message).split())
        kind = f"{category.__name__}: {_NUMBER.sub('', text)}"
        if kind not in seen:
            seen.add(kind)
            print(f"qml-dynamics: note: {text}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield
