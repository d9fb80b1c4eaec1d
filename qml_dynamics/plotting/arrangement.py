"""What makes the layout of a figure and its formulas take less time than Matplotlib alone: panels measured once, formulas read once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.figure import Figure
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

_DIGITS, _LINE, _GAP, _TICK = (
    2.2,
    1.25,
    4.0,
    6.5,
)  # a tick label is so many of its sizes wide, a line high; points between


@contextmanager
def measured_once(figure: Figure) -> Iterator[None]:
    """Constrained layout with one measurement of every panel instead of two.

    Matplotlib goes twice through its panels: it places them by what is around them, and once more by what is around them there, since
    ticks change with the size of a panel. Most of the time goes into measuring texts. Here the first round takes the sizes of ticks
    and labels from their fonts, and the second one is Matplotlib's own.
    """
    panels = [axes for axes in figure.axes if axes.name == "rectilinear"]
    for axes in panels:
        axes.get_tightbbox = _first(axes)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for axes in panels:
            axes.__dict__.pop("get_tightbbox", None)


def _first(axes: Axes) -> Any:
    """What is asked instead of measuring, once: it then leaves the place to the measurement."""

    def rough(renderer: Any = None, **options: object) -> Bbox | None:
        """The box of a panel with what is around it."""
        del axes.__dict__["get_tightbbox"]
        return around(axes, renderer) if axes.get_visible() else None

    return rough


def around(axes: Axes, renderer: Any) -> Bbox:
    """About the box of a panel, its ticks, labels, title and legend, in pixels."""
    from matplotlib.transforms import Bbox

    root = axes.get_figure(root=True)
    assert root is not None
    frame, dot = axes.get_window_extent(renderer), root.dpi / 72
    pads = {"left": 0.0, "right": 0.0, "bottom": 0.0, "top": 0.0}
    if axes.axison and axes.xaxis.get_visible():
        pads[axes.xaxis.get_label_position()] = dot * _beside(axes.xaxis, axes.xaxis.get_ticks_position(), _LINE)
    if axes.axison and axes.yaxis.get_visible():
        pads[axes.yaxis.get_label_position()] = dot * _beside(axes.yaxis, axes.yaxis.get_ticks_position(), _DIGITS)
    if any(axes.get_title(loc=where) for where in ("left", "center", "right")):
        pads["top"] += dot * (_points(axes.title) * _LINE + _GAP)
    corner = (frame.x0 - pads["left"], frame.y0 - pads["bottom"])
    box = Bbox.from_extents(*corner, frame.x1 + pads["right"], frame.y1 + pads["top"])
    legend = axes.get_legend()
    below = None if legend is None else legend.get_tightbbox(renderer)
    return box if below is None else Bbox.union([box, below])


def _beside(axis: Axis, side: str, length: float) -> float:
    """Points that the tick labels, so many of their sizes long, and the label of an axis take."""
    shown: dict[str, Any] = axis.get_tick_params()
    ticks = _TICK + float(shown.get("labelsize", 8.0)) * length if shown.get(f"label{side}", True) else 0.0
    return ticks + (_points(axis.label) * _LINE + _GAP if axis.label.get_text() else 0.0)


def _points(text: Text) -> float:
    return float(text.get_fontsize())


_READERS: dict[tuple[tuple[str, str], ...], Any] = {}


def share_formulas(renderer: RendererAgg) -> None:
    """One reader of formulas for all figures, which holds those that it has read; another one under other settings of fonts."""
    from matplotlib import rcParams

    settings = tuple((name, str(value)) for name, value in rcParams.find_all(r"^mathtext\.").items())
    renderer.mathtext_parser = _READERS.setdefault(settings, renderer.mathtext_parser)
