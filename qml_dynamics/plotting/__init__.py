"""Pictures of a run: density over time, energy against a reference, the loss landscape, and the error budget.

Every function takes plain results and returns a matplotlib ``Figure``; none opens a window or touches pyplot's global
state, so they work on a machine without a screen. matplotlib is an optional package (``qml-dynamics[viz]``) and is
imported when a picture is asked for. Densities are drawn as ``density / cell_volume``, a probability density function.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..base.arguments import checks_arguments
from ..base.errors import MethodError, real, require
from ..base.estimate import Estimate
from ..base.numeric import as_numbers
from ..model.problem import loss_table
from ..results.trajectory import Trajectory, atomic_file
from .density import FRAMES, density_size, draw_density
from .energy import EXPECTATIONS, draw_budget, draw_energy
from .landscape import draw_landscape
from .style import add_title, new_figure
from .sweeps import plot_sweep

if TYPE_CHECKING:
    from matplotlib.figure import Figure


__all__ = ["plot_budget", "plot_density", "plot_energy", "plot_landscape", "plot_summary", "plot_sweep", "save_figure"]

SUFFIXES = (".png", ".svg", ".pdf")
_PACKED = 2  # of nine levels: a third less time than six, and a tenth more bytes


@checks_arguments
def plot_density(trajectory: Trajectory) -> Figure:
    """Where the probability is, over time.

    One weight: a map over (time, weight) beside the loss. Two weights: up to six frames under contours of the loss.
    More: the marginal of each weight over time. A hypercube: quantiles of the loss over time, and its last histogram
    beside that of uniform weights (for a general operator: the most probable basis states).

    Args:
        trajectory: any result, exact or from samples; only its density, shape ``(m, *domain.shape)``, is used.

    Raises:
        MethodError: not a trajectory, or matplotlib is not installed.

    >>> import numpy as np
    >>> from qml_dynamics.model.domains import Grid
    >>> from qml_dynamics.model.problem import Problem
    >>> problem = Problem(Grid((-1, 1), 2), lambda w: w[:, 0] ** 2, 1.0, clock="imaginary", duration=1.0)
    >>> density = np.array([[0.25] * 4, [0.0, 0.2, 0.6, 0.2]])
    >>> run = Trajectory(np.array([0.0, 1.0]), density, None, np.zeros(2), {}, problem, None)
    >>> [axes.get_xlabel() for axes in plot_density(run).axes][:2]
    ['loss $\\\\zeta$', 'imaginary time $\\\\tau$ ($\\\\hbar = 1$)']
    """
    _check(trajectory, "trajectory")
    with new_figure(*density_size(trajectory)) as figure:
        draw_density(figure, trajectory, _loss(trajectory), FRAMES)
        add_title(figure, trajectory)
    return figure


@checks_arguments
def plot_energy(trajectory: Trajectory, reference: Trajectory | None = None) -> Figure:
    """Energy, objective and kinetic part over time, with error bars, and a reference as lines.

    Args:
        trajectory: the result; of energy, objective and kinetic those that it has are drawn, with one standard error.
        reference: another result of the same clock, such as that of ``SplitStep``.

    Raises:
        MethodError: not trajectories, different clocks, or no expectation to draw.
    """
    _check(trajectory, "trajectory")
    names = _expectation_names(trajectory)
    require(
        bool(names),
        "trajectory",
        "have an energy, an objective or a kinetic part",
        list(trajectory.expectations),
        MethodError,
    )
    _check_reference(trajectory, reference)
    with new_figure(6.4, 1.2 + 2.0 * len(names)) as figure:
        draw_energy(figure, trajectory, reference, names, column=True)
        add_title(figure, trajectory)
    return figure


@checks_arguments
def plot_landscape(trajectory: Trajectory, marks: Mapping[str, Sequence[float]] | None = None) -> Figure:
    """The loss over the weights, the last density on it, the best sampled weights and the best uniform ones.

    One weight: a curve. Two: filled contours, with the regions that hold 50 % and 90 % of the probability (an exact
    run) or the samples. More, or a hypercube: the histogram of the loss.

    Args:
        trajectory: a result whose problem has an objective.
        marks: further weights to show, label to ``(ndim,)`` weights, such as another optimiser's answer.

    Raises:
        MethodError: there is no objective, or a mark is not ``ndim`` finite numbers.
    """
    _check(trajectory, "trajectory")
    zeta = _loss(trajectory)
    if zeta is None:
        raise MethodError(
            "Argument `trajectory` must have an objective, but is of a general operator, which has no landscape."
        )
    points = _marks(trajectory, marks)
    with new_figure(6.4, 5.2 if zeta.ndim <= 2 else 4.4) as figure:
        draw_landscape(figure, trajectory, zeta, points)
        add_title(figure, trajectory)
    return figure


@checks_arguments
def plot_summary(
    trajectory: Trajectory, reference: Trajectory | None = None, marks: Mapping[str, Sequence[float]] | None = None
) -> Figure:
    """One picture of a run: the landscape, the density over time, and the energy against a reference.

    Args:
        trajectory, reference: as in :func:`plot_energy`; a result without expectations has no energy panels.
        marks: as in :func:`plot_landscape`; a general operator has no landscape, and takes none.

    Raises:
        MethodError: as those two functions.
    """
    _check(trajectory, "trajectory")
    _check_reference(trajectory, reference)
    zeta, names, points = _loss(trajectory), _expectation_names(trajectory), _marks(trajectory, marks)
    with new_figure(12.0, 8.2 if names else 5.4) as figure:
        add_title(figure, trajectory)
        rows = figure.subfigures(2 if names else 1, 1, height_ratios=(1.75, 1) if names else None, squeeze=False)[:, 0]
        columns = rows[0].subfigures(
            1, 1 if zeta is None else 2, width_ratios=None if zeta is None else (1, 1.45), squeeze=False
        )[0]
        if zeta is not None:
            draw_landscape(columns[0], trajectory, zeta, points)
        draw_density(columns[-1], trajectory, zeta, FRAMES)
        if names:
            draw_energy(rows[1], trajectory, reference, names, column=False)
    return figure


class Budget(Protocol):
    """Terms of an error, as :class:`qml_dynamics.validation.error_parts.ErrorBudget` has them. It may also carry ``shot_floor``."""

    @property
    def terms(self) -> Mapping[str, Estimate]:
        """Name to total variation."""
        ...

    @property
    def sum(self) -> Estimate:
        """Of the terms."""
        ...

    @property
    def total(self) -> Estimate:
        """The total difference."""
        ...


@checks_arguments
def plot_budget(budget: Budget) -> Figure:
    """The terms of an error budget as horizontal bars, with their sum and the total difference below.

    Args:
        budget: has ``.terms`` (name to :class:`Estimate`, total variations), ``.sum`` and ``.total`` (estimates), and
            may have ``.shot_floor``. The axis is logarithmic where the terms differ by more than a factor of 50; an
            error bar is one standard error.

    Raises:
        MethodError: there are no terms.
    """
    terms = getattr(budget, "terms", None) or {}
    require(isinstance(terms, Mapping) and len(terms) > 0, "budget", "have terms", type(budget).__name__, MethodError)
    rows = [*terms.items(), ("sum of the terms", budget.sum), ("total difference", budget.total)]
    with new_figure(7.0, 1.3 + 0.36 * len(rows)) as figure:
        floor = float(getattr(budget, "shot_floor", 0.0))
        draw_budget(figure, rows, len(terms), floor if np.isfinite(floor) else 0.0)
        figure.suptitle("Error budget", x=0.012, ha="left", fontweight="bold", fontsize=11)
    return figure


@checks_arguments
def save_figure(figure: Figure, path: str | os.PathLike[str], dpi: float = 160) -> Path:
    """Write a picture as PNG, SVG or PDF (by the suffix), by rename: whole or not at all. Returns the path.

    The same figure gives the same bytes: no date is written.

    Raises:
        MethodError: the suffix is another one, or the path is a folder.
        ProblemError: the folder cannot be written.
    """
    target = Path(path)
    dpi = real(dpi, "dpi", positive=True, error=MethodError)
    kind = target.suffix.lower()
    require(kind in SUFFIXES, "path", f"end in {', '.join(SUFFIXES)}", str(path), MethodError)
    require(not target.is_dir(), "path", "be a file", f"of a folder: {path}", MethodError)
    import matplotlib

    date = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(kind)
    packed: dict[str, Any] = {"pil_kwargs": {"compress_level": _PACKED}} if kind == ".png" else {}
    rendered = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "qml-dynamics", "svg.fonttype": "path"}):
        figure.savefig(rendered, format=kind[1:], dpi=dpi, metadata=date, **packed)
    with atomic_file(target) as handle:
        handle.write(rendered.getvalue())
    return target


def _check(given: object, name: str) -> None:
    require(isinstance(given, Trajectory), name, "be a Trajectory", type(given).__name__, MethodError)


def _check_reference(run: Trajectory, reference: Trajectory | None) -> None:
    if reference is not None:
        _check(reference, "reference")
        same = reference.problem.clock == run.problem.clock
        require(same, "reference", f"be on the {run.problem.clock} clock", reference.problem.clock, MethodError)


def _marks(run: Trajectory, marks: Mapping[str, Sequence[float]] | None) -> dict[str, np.ndarray]:
    points, ndim = {}, run.problem.domain.ndim
    require(
        not marks or run.problem.objective is not None, "marks", "be None for a general operator", marks, MethodError
    )
    for label, weights in (marks or {}).items():
        try:
            point = as_numbers(weights)
        except Exception:  # of any kind: the person's own object makes the array
            point = np.empty(0)
        ok = point.shape == (ndim,) and bool(np.isfinite(point).all())
        require(ok, f"marks[{label!r}]", f"be {ndim} finite number{'s' * (ndim > 1)}", weights, MethodError)
        points[str(label)] = point
    return points


def _loss(run: Trajectory) -> np.ndarray | None:
    return None if run.problem.objective is None else loss_table(run.problem)


def _expectation_names(run: Trajectory) -> list[str]:
    return [name for name in EXPECTATIONS if name in run.expectations]
