"""``qml-dynamics compare | plot | cost | circuits``: distance of two runs, pictures, resources, OpenQASM 3 programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from ..base.errors import MethodError, ProblemError
from ..runs import gallery, gallery_trained
from ..runs.problem_file import read_problem
from ..runs.trajectory_file import REFERENCE, load, to_json
from ..validation.comparison import compare
from ..validation.resources import cost
from . import pictures
from .options import Options, plan
from .run import told_once
from .summary import as_data


def compare_command(a: Path, b: Path, *, as_json: bool, allow_code: bool = False) -> int:
    """Compare two saved runs: 0 where they agree, 1 where they differ."""
    comparison = compare(load(a, allow_code=allow_code), load(b, allow_code=allow_code))
    print(to_json(as_data(comparison)) if as_json else comparison)
    return 0 if comparison.agree else 1


def plot_command(path: Path, out: Path | None, *, as_json: bool, allow_code: bool = False) -> int:
    """Draw the pictures of a saved run."""
    if not pictures.available():
        raise MethodError(f"Argument `plot` must have something to draw with: {pictures.MISSING}.")
    run = load(path, allow_code=allow_code)
    beside = path if path.is_dir() else path.parent
    there = (beside / REFERENCE).is_file()
    reference = load(beside / REFERENCE, allow_code=allow_code) if there else None
    drawn = [str(p) for p in pictures.draw(out if out is not None else beside, run, reference)]
    print(to_json({"pictures": drawn}) if as_json else "\n".join(drawn))
    return 0


def cost_command(path: Path, options: Options, *, as_json: bool) -> int:
    """The cost of a run, before it is run."""
    file = read_problem(path, allow_code=options.allow_code)
    with told_once():
        what = plan(options, file)
        estimate = cost(
            file.problem, what.method, backend=what.backend, shots=what.shots, save=what.save, seed=what.seed
        )
    print(to_json(as_data(estimate)) if as_json else estimate)
    return 0


def circuits_command(
    folders: Sequence[Path],
    *,
    write: bool,
    check: bool,
    steps: Sequence[int] | None = None,
    as_json: bool = False,
    allow_code: bool = False,
) -> int:
    """Write or check the programs of the gallery: 0 where all is well, 1 where a check fails."""
    if write == check:
        raise ProblemError("Argument `circuits` must have one of the options --write and --check.")
    trained = gallery_trained.folders(Path("circuits"))
    chosen = list(folders) or sorted([*gallery.folders(Path("circuits")), *trained])
    if not chosen:
        raise ProblemError("Argument `folders` must be given where there is no folder `circuits` with problem files.")
    results = {}
    for folder in chosen:
        if (folder / gallery_trained.PROGRAM).is_file():
            found = gallery_trained.write(folder) if write else gallery_trained.check(folder)
        else:
            options = {"allow_code": allow_code}
            found = gallery.write(folder, steps, **options) if write else gallery.check(folder, **options)
        results[str(folder)] = found
        if not as_json:
            print(f"{folder}: {'; '.join(found) if found else 'ok'}", file=sys.stdout)
    if as_json:
        print(to_json(results))
    return 1 if check and any(results.values()) else 0
