"""Pictures of sweeps: a quantity over one key with error bars, or over two as a map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..base.arguments import checks_arguments
from ..base.errors import MethodError, require
from .style import BLUE, GREEN, INK, ORANGE, PINK, PURPLE, SKY, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..runs.sweeps.table import Sweep

COLORS = (BLUE, ORANGE, GREEN, PURPLE, PINK, SKY)
_LINES = 6  # values of the second key that are lines; more are a map
_DEFAULTS = ("objective", "energy", "best_loss")


@checks_arguments
def plot_sweep(sweep: Sweep, quantity: str | None = None, keys: Sequence[str] | None = None) -> Figure:
    """A quantity over one key (points with standard errors) or two (a line for each value of the second, or a map).

    The mean over all keys that are not named is drawn, and the title says so; points that failed are left out.

    Args:
        sweep: what :func:`qml_dynamics.sweep` returned.
        quantity: one of ``sweep.quantities``; None: the loss, else the energy.
        keys: one or two of ``sweep.keys``; None: the first two that do not move together.

    Raises:
        MethodError: no run tells such a number, there is no such key, or matplotlib is not installed.
    """
    name = quantity if quantity is not None else next((n for n in _DEFAULTS if n in sweep.quantities), "log_norm")
    values = sweep.values(name)
    errors = sweep.values(f"{name}_stderr") if f"{name}_stderr" in sweep.quantities else np.zeros_like(values)
    chosen = [group[0] for group in sweep.axes.groups][:2] if keys is None else list(keys)
    axes = _axes(sweep, chosen)
    rest = tuple(i for i in range(values.ndim) if i not in axes)
    known = np.isfinite(values)
    count = known.sum(axis=rest)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, values, 0).sum(axis=rest) / count
        error = np.sqrt((np.where(known, errors, 0) ** 2).sum(axis=rest)) / count
    if axes != sorted(axes):
        mean, error = mean.T, error.T
    labels = [sweep.axes.values[key] for key in chosen]
    with new_figure(6.4, 4.2) as figure:
        panel = figure.subplots()
        if len(chosen) == 1:
            _line(panel, labels[0], mean, error, BLUE, None)
        elif len(labels[1]) <= _LINES:
            for j, value in enumerate(labels[1]):
                _line(panel, labels[0], mean[:, j], error[:, j], COLORS[j], f"{chosen[1]} = {_text(value)}")
            panel.legend(frameon=False, fontsize=8)
        else:
            _map(figure, panel, labels, mean, name)
        panel.set_xlabel(chosen[0])
        panel.set_ylabel(name if len(chosen) == 1 or len(labels[1]) <= _LINES else chosen[1])
        tidy(panel)
        over = [group[0] for i, group in enumerate(sweep.axes.groups) if i in rest]
        title = f"{name} over {' and '.join(chosen)}" + (f"; mean over {', '.join(over)}" if over else "")
        figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=10)
    return figure


def _axes(sweep: Sweep, keys: Sequence[str]) -> list[int]:
    """The axis of each key; two keys must be of different axes."""
    where = {key: i for i, group in enumerate(sweep.axes.groups) for key in group}
    listed = ", ".join(sweep.keys)
    require(1 <= len(keys) <= 2, "keys", f"be one or two of {listed}", list(keys), MethodError)
    for key in keys:
        require(key in where, "keys", f"be one or two of {listed}", key, MethodError)
    found = [where[key] for key in keys]
    require(len(set(found)) == len(found), "keys", "be keys that do not move together", list(keys), MethodError)
    return found


def _numbers(values: Sequence[object]) -> np.ndarray | None:
    if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
        return np.array(values, dtype=float)
    return None


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)[:24]


def _line(
    panel: Axes, values: Sequence[object], mean: np.ndarray, error: np.ndarray, color: str, label: str | None
) -> None:
    """Points with one standard error, in the order of numbers; texts one beside the other."""
    at = _numbers(values)
    order = np.arange(len(values)) if at is None else np.argsort(at)
    x = np.arange(len(values)) if at is None else at[order]
    panel.errorbar(x, mean[order], error[order], color=color, marker="o", ms=4, lw=1.2, capsize=2, label=label)
    if at is None:
        panel.set_xticks(x, [_text(v) for v in values], rotation=20, ha="right")


def _map(figure: Figure, panel: Axes, labels: Sequence[Sequence[object]], mean: np.ndarray, name: str) -> None:
    """One cell a point, both keys in the order that they were given in."""
    image = panel.imshow(mean.T, origin="lower", aspect="auto", cmap="viridis")
    for axis, values in zip((panel.xaxis, panel.yaxis), labels):
        step = -(-len(values) // 12)
        axis.set_ticks(range(0, len(values), step), [_text(v) for v in values[::step]])
    bar = figure.colorbar(image, ax=panel)
    bar.set_label(name, color=INK)
