"""``qml-dynamics animate``: moving pictures of a run as GIF, MP4 or HTML."""

from __future__ import annotations

import warnings
from pathlib import Path

from ..base.errors import MethodError, integer
from ..methods.base import Method, facts_of
from ..methods.defaults import REFERENCE_STEPS, default_method
from ..methods.evolution import evolve
from ..methods.split_step import SplitStep
from ..plotting.animation import animate, check_drawable
from ..results.trajectory import Trajectory
from ..runs.problem_file import read_problem
from ..runs.trajectory_file import TRAJECTORY, load, to_json
from . import pictures


def animate_command(
    path: Path,
    out: Path | None,
    *,
    kind: str | None,
    samples: int,
    frames: int,
    seed: int,
    fps: int,
    dpi: int,
    as_json: bool,
    allow_code: bool = False,
) -> int:
    """Write the moving picture of a saved run, or of a problem's classical reference.

    A classical run with few saved times is run again with ``frames`` of them.
    """
    if not pictures.available():
        raise MethodError(f"Argument `animate` must have something to draw with: {pictures.MISSING}.")
    run = _run(path, integer(frames, "frames", 2, 100_000), seed, allow_code)
    beside = path if path.is_dir() else path.parent
    written = animate(
        run,
        out if out is not None else beside / "run.gif",
        samples=0 if run.states is None else samples,
        kind=kind,
        seed=seed,
        fps=fps,
        dpi=dpi,
    )
    print(to_json({"animation": str(written), "frames": len(run.times)}) if as_json else str(written))
    return 0


def _run(path: Path, frames: int, seed: int, allow_code: bool) -> Trajectory:
    a_problem = path.suffix == ".toml" or ((path / "problem.toml").is_file() and not (path / TRAJECTORY).is_file())
    if a_problem:
        problem = read_problem(path, allow_code=allow_code).problem
        classical = problem.clock == "classical"
        method: Method = default_method(problem, None) if classical else SplitStep(REFERENCE_STEPS, order=4)
        check_drawable(problem)
    else:
        run = load(path, allow_code=allow_code)
        facts = facts_of(run.method)
        classical = facts is not None and facts.runs_on != "backend" and run.counts is None
        if len(run.times) >= frames or not classical:
            return run
        problem, method = run.problem, run.method
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the run itself has said what there was to say
        return evolve(problem, method, save=frames, seed=seed)
