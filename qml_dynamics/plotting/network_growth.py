"""The picture of a network that is trained and grows: loss, held-out accuracy, volumes and named entropies against the step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.errors import MethodError, require
from .style import BLUE, GREEN, INK, MUTED, ORANGE, PURPLE, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..learning.growth.recorder import Recording

_LAYERS = (BLUE, ORANGE, GREEN, PURPLE)


def plot_network_growth(
    recording: Recording, baseline: Recording | None = None, *, title: str = "", caption: str = ""
) -> Figure:
    """Loss and accuracy on training and held-out data, log volumes and entropies, each against the step.

    Args:
        recording: from `growth.train_network`, `growth.record` or `growth.record_sklearn`; panels whose columns are missing are
            left out. A step at which a layer gained units, or a layer came in, is marked by a line.
        baseline: another recording, that of a network that had all units from the start; drawn thin and grey as "fixed width".
        title, caption: above, and small below.

    Raises:
        MethodError: the recording has a single step.
    """
    require(len(recording) > 1, "recording", "have two steps or more", f"of {len(recording)}", MethodError)
    panels = [draw for draw, needs in _PANELS if any(name in recording.columns for name in needs)]
    rows = (len(panels) + 1) // 2
    with new_figure(10.4, 0.9 + 2.75 * rows) as figure:
        cells = figure.subplots(rows, 2, sharex=True, squeeze=False).ravel()
        for axes, draw in zip(cells, panels):
            draw(axes, recording, baseline)
            _mark_growth(axes, recording)
            axes.margins(x=0.01)
            tidy(axes, "y")
            _legend(axes, above=draw in (_volume, _entropies))
        for axes in cells[len(panels) :]:
            axes.set_visible(False)
        for axes in cells[max(0, len(panels) - 2) : len(panels)]:
            axes.set_xlabel("step (epoch)")
            axes.tick_params(labelbottom=True)
        _count_units(cells[panels.index(_criterion) if _criterion in panels else 0], recording)
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=11)
        if caption:
            figure.supxlabel(caption, x=0.01, ha="left", fontsize=8, color=MUTED)
    return figure


def _loss(axes: Axes, run: Recording, base: Recording | None) -> None:
    known = {"loss/train": ("training", BLUE), "loss/held_out": ("held out", ORANGE), "loss": ("loss", BLUE)}
    for name, (label, color) in known.items():
        _line(axes, run, base, name, label, color)
    values = np.concatenate([run[n] for n in known if n in run.columns])
    values = values[np.isfinite(values)]
    if values.size and values.min() > 0 and values.max() > 30 * values.min():
        axes.set_yscale("log")
    axes.set_title("loss (nats)" if "loss/train" in run.columns else "loss", loc="left")


def _accuracy(axes: Axes, run: Recording, base: Recording | None) -> None:
    for prefix in ("accuracy", "score"):
        _line(axes, run, base, f"{prefix}/train", "training", BLUE)
        _line(axes, run, base, f"{prefix}/held_out", "held out", ORANGE)
    _line(axes, run, base, "accuracy", "accuracy", BLUE)
    kept = [run[n][-1] for n in ("accuracy/held_out", "score/held_out") if n in run.columns]
    end = f", held out {kept[0]:.3f} at the end" if kept and np.isfinite(kept[0]) else ""
    scored = any(name.startswith("score/") for name in run.columns)
    axes.set_title(f"score{end}" if scored else f"accuracy{end}", loc="left")


def _volume(axes: Axes, run: Recording, base: Recording | None) -> None:
    _per_layer(axes, run, "log_volume/layer")
    _line(axes, run, base, "log_volume/total", "all layers", INK)
    lost = int(np.nansum(run["dropped/layer"][-1]))
    dead = int(np.nansum(run["dead_units/layer"][-1]))
    axes.set_title(f"log volume (nats); {lost} singular values clipped, {dead} dead units", loc="left")


def _entropies(axes: Axes, run: Recording, base: Recording | None) -> None:
    _per_layer(axes, run, "entropy/von_neumann/layer", "von Neumann, ")
    _line(axes, run, base, "entropy/shannon/output", "Shannon, predicted classes", INK)
    axes.set_title("entropies (nats), von Neumann: of each layer's spectrum", loc="left")


def _differential(axes: Axes, run: Recording, base: Recording | None) -> None:
    _per_layer(axes, run, "entropy/differential/layer", "after ")
    axes.set_title("differential entropy (nats) of a Gaussian through the layers", loc="left")


def _criterion(axes: Axes, run: Recording, base: Recording | None) -> None:
    seen = np.isfinite(run["residual"])
    axes.plot(run.steps[seen], run["residual"][seen], "o-", color=PURPLE, markersize=3, linewidth=1.0, label="residual")
    axes.set_ylim(0, 1.03)
    axes.set_title("share of the functional gradient that no tangent follows", loc="left")


_PANELS = (
    (_loss, ("loss/train", "loss/held_out", "loss")),
    (_accuracy, ("accuracy/train", "accuracy/held_out", "score/train", "score/held_out", "accuracy")),
    (_volume, ("log_volume/layer",)),
    (_entropies, ("entropy/von_neumann/layer",)),
    (_differential, ("entropy/differential/layer",)),
    (_criterion, ("residual",)),
)


def _legend(axes: Axes, above: bool) -> None:
    """In a corner that is empty, or, where lines fill the panel, in room made above them."""
    if above:
        low, high = axes.get_ylim()
        axes.set_ylim(low, high + 0.28 * (high - low))
        axes.legend(loc="upper left", ncols=2, handlelength=1.6, columnspacing=1.4)
    else:
        axes.legend(loc="best", handlelength=1.6, frameon=True, edgecolor="none", framealpha=0.85)


def _line(axes: Axes, run: Recording, base: Recording | None, name: str, label: str, color: str) -> None:
    if name not in run.columns or not np.isfinite(run[name]).any():
        return
    if base is not None and name in base.columns and label != "training":
        axes.plot(base.steps, base[name], color=MUTED, linewidth=1.0, label=f"{label}, fixed width", zorder=1)
    axes.plot(run.steps, run[name], color=color, linewidth=1.5, label=label, zorder=3)


def _per_layer(axes: Axes, run: Recording, name: str, prefix: str = "") -> None:
    """A curve a layer. Where layers come in, the output layer is the same curve before and after, whatever its number."""
    values, exists = run[name], np.isfinite(run["units/layer"])
    values = np.where(np.isfinite(values), values, np.nan)  # a layer of zeros has the log volume -inf
    labels = [f"layer {i + 1}" for i in range(values.shape[1])]
    if not exists.all():
        last = exists.sum(axis=1) - 1
        output = values[np.arange(len(values)), last]
        hidden = np.where(np.arange(values.shape[1]) < last[:, None], values, np.nan)[:, :-1]
        values, labels = np.column_stack([hidden, output]), [*labels[:-1], "output layer"]
    for i, (curve, label) in enumerate(zip(values.T, labels)):
        axes.plot(run.steps, curve, color=_LAYERS[i % 4], linewidth=1.5, label=f"{prefix}{label}", zorder=2)


def _grown(run: Recording) -> np.ndarray:
    """Rows at which the number of units is another than in the row before."""
    units = np.nan_to_num(run["units/layer"])
    return np.flatnonzero((np.diff(units, axis=0) != 0).any(axis=1)) + 1


def _mark_growth(axes: Axes, run: Recording) -> None:
    for row in _grown(run):
        axes.axvline(run.steps[row], color=MUTED, linewidth=0.7, linestyle=(0, (2, 2)), alpha=0.7, zorder=0)


def _count_units(axes: Axes, run: Recording) -> None:
    """The number of hidden units at the foot of a panel, where it changes."""
    units = run["units/layer"]  # nan where a layer did not exist yet; the last that does is the output
    hidden = np.nansum(units, axis=1) - units[np.arange(len(units)), np.isfinite(units).sum(axis=1) - 1]
    last, least = -np.inf, 0.028 * (run.steps[-1] - run.steps[0])
    look: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "fontsize": 7.5}
    grown = [int(row) for row in _grown(run)]
    for row in [0, *grown] if grown else []:
        if run.steps[row] - last < least:
            continue
        last = run.steps[row]
        axes.annotate(f"{hidden[row]:.0f}", (last, 0.02), xytext=(3, 0), color=INK, **look)
    if grown:
        axes.annotate("hidden units:", (run.steps[0], 0.085), xytext=(3, 0), color=MUTED, **look)
