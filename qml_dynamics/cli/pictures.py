"""The pictures of a run, written beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import plotting
from ..results.trajectory import Trajectory

if TYPE_CHECKING:
    from ..validation.error_parts import ErrorBudget


MISSING = 'pictures need an extra package: pip install "qml-dynamics[viz]"'


def available() -> bool:
    """Whether the drawing package is installed."""
    return find_spec("matplotlib") is not None


def draw(
    folder: Path,
    run: Trajectory,
    reference: Trajectory | None = None,
    marks: Mapping[str, Sequence[float]] | None = None,
    budget: ErrorBudget | None = None,
) -> list[Path]:
    """Write ``run.png`` (all in one), ``density.png``, ``energy.png``, ``landscape.png`` and ``budget.png``."""
    has_loss = run.problem.objective is not None
    figures: dict[str, Callable[[], Any]] = {
        "run": lambda: plotting.plot_summary(run, reference, marks if has_loss else None),
        "density": lambda: plotting.plot_density(run),
        "energy": lambda: plotting.plot_energy(run, reference),
    }
    if has_loss:
        figures["landscape"] = lambda: plotting.plot_landscape(run, marks)
    if budget is not None:
        figures["budget"] = lambda: plotting.plot_budget(budget)
    return [plotting.save_figure(make(), folder / f"{name}.png") for name, make in figures.items()]
