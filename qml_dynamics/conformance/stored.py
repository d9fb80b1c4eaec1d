"""Checks of the verbs that go through files: saved trajectories, problem files, run folders, and the command line.

A module of its own beside `method`: the cells of files and run folders, apart from those of evolutions.
"""

from __future__ import annotations

import contextlib
import io
import json
import warnings
from collections.abc import Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..base.codec import holds_none, is_plain, method_spec
from ..base.errors import QMLDynamicsError
from ..methods.base import Method
from ..model.spec import describe_problem
from ..results.trajectory import Trajectory, plain
from ..runs.problem_file import read_problem, write_problem
from ..runs.submission import open_run, submit
from ..runs.trajectory_file import load
from .answers import Fault, demand, same_answer
from .cells import Cell
from .checks import SHOTS, Case
from .recording import Recorder


def class_of(value: object) -> str:
    """Module and name of the class of a value."""
    return f"{type(value).__module__}.{type(value).__qualname__}"


def options_of(value: object) -> Any:
    """The options of a method as plain data, methods and parts inside it likewise."""
    if is_dataclass(value) and not isinstance(value, type):
        return {"class": class_of(value), **{name: options_of(v) for name, v in vars(value).items()}}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {name: options_of(inner) for name, inner in value.items()}
    return [options_of(v) for v in value] if isinstance(value, (list, tuple)) else value


def same_method(cell: Cell, back: Method, method: Method, where: str) -> None:
    """Every option is what it was; the fault names the one that is lost."""
    before, after = options_of(method), options_of(back)
    same = isinstance(after, dict) and after["class"] == before["class"]
    demand(same, cell, f"{where}: the method comes back as {back!r}")
    for name in before:
        fault = f"{where}: option `{name}` is {before[name]!r} before and {after.get(name)!r} after"
        demand(after.get(name) == before[name], cell, fault)


def check_files(case: Case, folder: Path) -> None:
    """Saved and loaded: every field, and the method; one without a name comes back as its text."""
    runs = {"exact": case.exact}
    if case.samples and "shots" not in case.told:  # where no verb samples, files need not either
        runs["sampled"] = case.sampled
    for name, run in runs.items():
        back = load(run.save(folder / name), allow_code=False)
        _same_fields(case.cell, back, run)
        if is_plain(case.method):
            same_method(case.cell, back.method, case.method, "a saved trajectory")
        else:
            text = isinstance(back.method, str) and class_of(case.method).rpartition(".")[2] in back.method
            demand(text, case.cell, f"a saved trajectory: the method comes back as {back.method!r}")
            case.told["files"] = "the method comes back as its text"


def _same_fields(cell: Cell, back: Trajectory, run: Trajectory) -> None:
    for name in ("times", "density", "states", "log_norm", "parameters"):
        a, b = getattr(back, name), getattr(run, name)
        same = (a is None) == (b is None) and (a is None or np.array_equal(a, b))
        demand(same, cell, f"a saved trajectory: `{name}` is lost or changed")
    same_answer(cell, back, run, "a saved trajectory")
    for name, estimate in run.expectations.items():
        other = back.expectations[name]
        same = np.array_equal(
            np.broadcast_to(other.stderr, np.shape(estimate.value)),
            np.broadcast_to(estimate.stderr, np.shape(estimate.value)),
        )
        demand(same and other.shots == estimate.shots, cell, f"a saved trajectory: the error of {name!r} is lost")
    for name in ("stop", "best"):
        demand(getattr(back, name) == getattr(run, name), cell, f"a saved trajectory: `{name}` is lost or changed")
    for name in ("diagnostics", "provenance"):
        same = _json(getattr(back, name)) == _json(getattr(run, name))
        demand(same, cell, f"a saved trajectory: `{name}` is lost or changed")


def _json(value: object) -> str:
    return json.dumps(plain(value), sort_keys=True)


def check_problem_file(case: Case, folder: Path) -> Path | None:
    """Written and read: the same problem and the same method; None where the file is refused by one sentence."""
    cell, path = case.cell, folder / "problem.toml"
    told = case.refusal("write_problem", lambda: write_problem(cell.problem, path, method=case.method))
    if told is not None:
        case.told["problem_file"] = told
        takes = is_plain(case.method) and not holds_none(method_spec(case.method))
        demand(not takes, cell, f"the method has a name, but no file takes it: {told}")
        return None
    file = read_problem(path, allow_code=False)
    same_method(cell, file.method, case.method, "problem.toml")
    before, after = describe_problem(cell.problem), describe_problem(file.problem)
    same = _json(before[0].get("evolution")) == _json(after[0].get("evolution"))
    same = same and _json(before[0]["domain"]) == _json(after[0]["domain"])
    demand(same, cell, "problem.toml: the problem is another one")
    return path


def check_command_line(case: Case, folder: Path) -> None:
    """``qml-dynamics run`` on the problem file: the energy of :func:`qml_dynamics.evolve` with the same seed."""
    path = check_problem_file(case, folder) if not (folder / "problem.toml").is_file() else folder / "problem.toml"
    if path is None:
        case.told["command_line"] = case.told["problem_file"]
        return
    backend = [] if case.exact_backend is None else ["--backend", case.exact_backend.name]
    arguments = ["run", str(path), "--json", "--no-plots", "--no-budget", "--out", str(folder / "run")]
    code, out, err = call_command([*arguments, "--seed", str(case.seed), "--save", "2", *backend])
    if code != 0:
        one = err.strip().splitlines()
        fits = code == 2 and len(one) == 1 and one[0].startswith("qml-dynamics: ")
        demand(fits, case.cell, f"the command line ends with code {code} and {err.strip()[-200:]!r}")
        case.told["command_line"] = one[0]
        same = case.refusal("evolve", lambda: case.run(read_problem(path, allow_code=False).method, save=2))
        objective = case.cell.problem.objective
        rows_lost = objective is not None and objective.rows is not None
        demand(same is not None or rows_lost, case.cell, f"evolve runs this, but the command line refuses it: {one[0]}")
        return
    expected = case.run(save=2, backend=case.exact_backend).expectations["energy"]
    energy = json.loads(out)["expectations"]["energy"]["value"]
    gap = abs(float(energy) - float(np.asarray(expected.value)[-1]))
    demand(gap < 1e-9, case.cell, f"the command line finds the energy {energy}, off by {gap:.2g}")


def call_command(arguments: list[str]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of ``qml-dynamics`` in this process."""
    from ..cli import main  # the command line, which only this check needs

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            main(arguments)
        except SystemExit as end:
            return int(end.code or 0), out.getvalue(), err.getvalue()
    raise Fault("the command line does not end by an exit code.")


def check_submit(case: Case, folder: Path) -> None:
    """Submitted and fetched, also by another process's eyes: the run that ``evolve`` makes with the same seed."""
    cell, found = case.cell, []
    device = Recorder(case.recorder.inner) if case.uses_circuits else case.others[0]

    def call() -> None:
        """Call :func:`qml_dynamics.submit` as the cell says and keep the run."""
        found.append(
            submit(
                cell.problem, case.method, backend=device, shots=SHOTS, seed=case.seed, save=cell.saves,
                observables=case.observables, folder=folder / "submitted", quiet=True,
                allow_code=False,
            )
        )  # fmt: skip

    told = case.refusal("submit", call)
    if told is not None:
        case.told["submit"] = told
        named = is_plain(case.method) and case.uses_circuits
        demand(not named, cell, f"the method runs as circuits and has a name, but cannot be submitted: {told}")
        return
    demand(case.uses_circuits, cell, "the method runs here by its facts, but is submitted")
    fetched = found[0].fetch(wait=True)
    if fetched is None:
        raise Fault(f"{cell}: a submitted run is not fetched.")
    same_answer(cell, fetched, case.sampled, "submitted and fetched")
    try:
        again = open_run(folder / "submitted", allow_code=False, backend=device)
    except QMLDynamicsError as error:
        case.told["submit"] = str(error)
        demand(not is_plain(case.method), cell, f"a submitted run cannot be opened again: {error}")
        return
    same_method(cell, again.statement.method, case.method, "a run folder")
