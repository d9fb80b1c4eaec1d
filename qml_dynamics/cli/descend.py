"""``qml-dynamics descend``: quantum Hamiltonian descent on a loss, its samples and polish, beside classical optimisers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import ProblemError, one_of, require
from ..base.interrupts import INTERRUPTED, Interrupts, is_partial
from ..learning.descent import PUBLISHED, Descent, Row, descend, functions_table
from ..learning.descent.result import descent_data
from ..methods.identity import Identity
from ..model.objectives import NAMED
from ..model.problem import Problem
from ..plotting import save_figure
from ..plotting.descent import plot_descent
from ..results.trajectory import atomic_file
from ..runs.problem_file import ProblemFile, read_problem
from ..runs.trajectory_file import to_json
from . import pictures
from .folders import DESCENT, DESCENT_RUN, run_folder
from .options import told_unused
from .run import identify_file, terminal, told_once

if TYPE_CHECKING:
    from rich.console import Console


TABLE = "table"
POLISH = 3  # best samples that are refined, unless the command says otherwise


def descend_command(
    target: str,
    *,
    schedule: str | None,
    qubits: int | None,
    duration: float | None,
    steps: int | None,
    backend: str | None,
    shots: int | None,
    samples: int | None,
    polish: int,
    compare: bool,
    shift: Sequence[float] | None,
    seed: int | None,
    out: Path | None,
    as_json: bool,
    allow_code: bool = False,
    force: bool = False,
) -> int:
    """Descend on a problem file or a named function and say what was found; ``table``: on all the test functions."""
    console = terminal(as_json)
    with told_once():
        if target == TABLE:
            others = {
                "schedule": schedule,
                "duration": duration,
                "backend": backend,
                "shots": shots,
                "samples": samples,
                "out": out,
                "polish": None if polish == POLISH else polish,
                "compare": None if compare else compare,
                "force": force or None,
            }
            for name, value in others.items():
                require(value is None, name, "be left out with the table, which has its own", value)
            rows = functions_table(
                qubits=6 if qubits is None else qubits,
                steps=5000 if steps is None else steps,
                shift=shift or None,
                seed=seed or 0,
            )
            _show_table(console, rows)
            if as_json:
                print(to_json({"rows": [vars(row) for row in rows], "complete": len(rows) == len(PUBLISHED)}))
            return 0 if len(rows) == len(PUBLISHED) else INTERRUPTED
        require(shift is None or not shift, "shift", "be left out unless the target is the table", shift)
        file = _file(target, allow_code)
        what = target if file is None else file.problem
        own = None if schedule is not None else _own_method(file, steps, backend)
        if file is not None:
            told_unused(file, "descend", method=own is None, backend=backend is None)
        options: dict[str, Any] = {
            "qubits": qubits,
            "schedule": schedule,
            "duration": duration,
            "steps": steps,
            "method": own,
            "backend": backend,
            "shots": shots,
            "samples": samples,
            "polish": polish,
            "compare": compare
            and not (isinstance(what, Problem) and getattr(what.objective, "domain", None) is not None),
        }
        if out is None:
            return _show(console, descend(what, **options, seed=seed), [], as_json)

        def identify(said: Identity) -> None:
            """Enter the loss and the options that decide the result into the identity of this call."""
            if file is not None:
                identify_file(file, said)
            said.add("target", target if file is None else None)
            for name, value in options.items():
                said.add(name, value)

        with Interrupts(), run_folder("descend", out, out, force, seed, identify) as place:
            found = descend(what, **options, seed=seed, save=4)
            names = [path.name for path in _write(place.work, found)]
            place.done = not is_partial(found.trajectory)
            return _show(console, found, [place.shown / name for name in names], as_json)


def _show(console: Console, found: Descent, files: Sequence[Path], as_json: bool) -> int:
    """Print what was found and where it is."""
    shown = str(replace(found, rivals=())).split("\n")  # all of the rivals here, which a print cuts at eight lines
    for line in [*shown, *(f"  {rival}" for rival in found.rivals)]:
        console.print(line, markup=False)
    for written in files:
        console.print(f"file: {written}", markup=False)
    if as_json:
        print(to_json({**descent_data(found), "files": [str(file) for file in files]}))
    return INTERRUPTED if is_partial(found.trajectory) else 0


def _file(target: str, allow_code: bool) -> ProblemFile | None:
    """The problem file, or None for the name of a function."""
    path = Path(target)
    if path.exists() or path.suffix == ".toml":
        return read_problem(path, allow_code=allow_code)
    one_of(target, "target", [*NAMED, TABLE], ProblemError)
    return None


def _own_method(file: ProblemFile | None, steps: int | None, backend: str | None) -> Any:
    """A problem file's own method where no option overrides it."""
    if file is None or steps is not None:
        return None
    method = file.method
    return method if method is not None and (method.facts().runs_on == "backend") == (backend is not None) else None


def _write(folder: Path, found: Descent) -> list[Path]:
    """``descent.json``, ``run.npz`` and, of two weights, ``descent.png``."""
    with atomic_file(folder / DESCENT) as handle:
        handle.write((to_json(descent_data(found)) + "\n").encode())
    files = [folder / DESCENT, found.trajectory.save(folder / DESCENT_RUN)]
    if pictures.available() and found.problem.domain.ndim == 2:
        files.append(save_figure(plot_descent(found), folder / "descent.png"))
    return files


def _show_table(console: Console, rows: Sequence[Row]) -> None:
    from rich.table import Table

    table = Table(title="One sample within 0.1 (unit box) of the minimiser", title_justify="left")
    for name in ("function", "published", "here", "difference", "best sample above minimum", "momentum tail", "s"):
        table.add_column(name, justify="left" if name == "function" else "right")
    for row in rows:
        table.add_row(
            row.name,
            f"{row.published:.3f}",
            f"{row.success:.4f}",
            f"{row.success - row.published:+.3f}",
            f"{row.loss_gap:.1e}",
            f"{row.momentum_tail:.0e}",
            f"{row.seconds:.1f}",
        )
    console.print(table)
