"""``qml-dynamics animate``."""

from __future__ import annotations

import warnings
from pathlib import Path

from ..errors import MethodError
from ..storage import load, to_json


def animate_command(
    path: Path, out: Path | None, *, kind: str | None, samples: int, frames: int, seed: int, fps: int, as_json: bool
) -> int:
    """Write the moving picture of a saved run; a classical run with few saved times is run again with ``frames`` of them."""
    from . import pictures

    if not pictures.available():
        raise MethodError(f"Argument `animate` must have something to draw with: {pictures.MISSING}.")
    from ..evolve import evolve
    from ..plotting.animation import animate

    run = load(path)
    again = len(run.times) < frames and getattr(run.method, "needs_backend", True) is False and run.counts is None
    if again:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the run itself has said what there was to say
            run = evolve(run.problem, run.method, save=frames, seed=seed, progress=False)
    beside = path if path.is_dir() else path.parent
    written = animate(
        run,
        out if out is not None else beside / "run.gif",
        samples=0 if run.states is None else samples,
        kind=kind,
        seed=seed,
        fps=fps,
    )
    print(to_json({"animation": str(written), "frames": len(run.times)}) if as_json else str(written))
    return 0
