"""Charts of several lines, and of bars with labels, as the pages of chains, trainings, networks, laws and sweeps draw them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .markup import Element, element
from .sections import figure
from .vectors import Panel, limits, picture, short

_LABEL = 7.0  # width of a letter, for the place of labels beside bars
_MOST_DOTS = 60


@dataclass(frozen=True, eq=False)
class Line:
    """A line of a chart.

    Attributes:
        name: what it shows, for those who read the caption.
        x, y: its points; those that are not finite are left out.
        stderr: of ``y``, drawn as bars of one standard error; None: no bars.
        color: a name of the palette.
        dashed: drawn with gaps, so that it is told from the others without colours.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    stderr: np.ndarray | None = None
    color: str = "blue"
    dashed: bool = False

    @property
    def told(self) -> str:
        """Its name with how it is drawn."""
        return f"{'dashed ' if self.dashed else ''}{self.color}: {self.name}"


def line_chart(name: str, title: str, axes: tuple[str, str], lines: Sequence[Line]) -> Element:
    """A figure of lines over one axis, with its caption.

    Args:
        name: of the picture, once on a page.
        title: what it shows.
        axes: the words at both axes.
        lines: at least one of them with a finite point, or the picture is an empty frame.
    """
    ends = [edge for each in lines for edge in _edges(each)]
    panel = Panel.around(_span([each.x for each in lines]), limits(ends))
    drawn = panel.frame(*axes)
    for each in lines:
        class_ = f"{each.color} dashed" if each.dashed else each.color
        if np.isfinite(each.y).sum() > 1:
            drawn.append(panel.curve(each.x, each.y, class_))
        if len(each.x) <= _MOST_DOTS and not each.dashed:
            known = np.zeros(len(each.y)) if each.stderr is None else np.asarray(each.stderr, dtype=float)
            drawn += panel.error_bars(each.x, each.y, np.where(np.isfinite(known), known, 0.0), each.color)
    text = f"{title}. {'; '.join(each.told for each in lines)}."
    if any(each.stderr is not None and np.any(np.asarray(each.stderr) > 0) for each in lines):
        text += " Bars: one standard error."
    return figure(picture(name, title, text, panel, drawn), text)


def _edges(line: Line) -> list[np.ndarray]:
    known = 0.0 if line.stderr is None else np.where(np.isfinite(line.stderr), line.stderr, 0.0)
    return [line.y - known, line.y + known]


def _span(xs: Sequence[np.ndarray]) -> tuple[float, float]:
    every = np.concatenate([np.ravel(x) for x in xs]) if xs else np.zeros(0)
    every = every[np.isfinite(every)]
    low, high = (float(every.min()), float(every.max())) if every.size else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


@dataclass(frozen=True)
class Bar:
    """A bar with its label, its standard error (0: none is drawn), and the value that is expected (None: none)."""

    label: str
    value: float
    stderr: float = 0.0
    expected: float | None = None


def bar_chart(name: str, title: str, axis: str, bars: Sequence[Bar]) -> Element:
    """A figure of bars from 0 on, one below the other; what is expected is a mark across."""
    letters = max(len(each.label) for each in bars)
    left = min(max(58.0, 16.0 + _LABEL * letters), 190.0)
    shown = max(3, int((left - 16.0) / _LABEL))
    values = [np.array([each.value - each.stderr, each.value + each.stderr, each.expected or 0.0]) for each in bars]
    panel = Panel.around(limits(values, zero=True), (0.0, float(len(bars))), height=60.0 + 19.0 * len(bars), left=left)
    drawn = panel.frame(axis, "", y_ticks=False)
    for row, each in enumerate(bars):
        drawn += _bar(panel, len(bars) - row, each, shown)
    expected = any(each.expected is not None for each in bars)
    text = f"{title}." + (" Thin line across: what is expected." if expected else "")
    text += " Bars: one standard error." if any(each.stderr > 0 for each in bars) else ""
    return figure(picture(name, title, text, panel, drawn), text)


def _bar(panel: Panel, top: int, each: Bar, letters: int) -> list[Element]:
    base, tip = panel.y.at(top - 0.15), panel.y.at(top - 0.85)
    middle, zero = 0.5 * (base + tip), panel.x.at(0.0)
    low, high = sorted((zero, panel.x.at(each.value)))
    label = each.label if len(each.label) <= letters else f"{each.label[: letters - 1]}…"
    drawn = [
        element("rect", x=low, y=base, width=high - low, height=tip - base, class_="bar blue"),
        element("text", label, x=panel.x.start - 7, y=middle + 4, text_anchor="end", class_="mono"),
    ]
    if each.stderr > 0:
        ends = panel.x.at(each.value - each.stderr), panel.x.at(each.value + each.stderr)
        drawn.append(element("path", d=f"M{ends[0]:.1f} {middle:.1f}H{ends[1]:.1f}", class_="curve ink"))
    if each.expected is not None:
        place = panel.x.at(each.expected)
        drawn.append(element("path", d=f"M{place:.1f} {base:.1f}V{tip:.1f}", class_="curve orange"))
    return drawn


def histogram(
    name: str, title: str, axis: str, edges: np.ndarray, columns: np.ndarray, outlines: Sequence[Line]
) -> Element:
    """A figure of one density as an area over the cells of ``edges``, and of others over the same cells as outlines."""
    panel = Panel.around(
        (float(edges[0]), float(edges[-1])), limits([columns, *(each.y for each in outlines)], zero=True)
    )
    drawn = [*panel.frame(axis, "density"), panel.columns(edges, columns, "blue")]
    for each in outlines:
        drawn.append(panel.steps(edges, each.y, f"{each.color} dashed" if each.dashed else each.color))
    told = "; ".join(["blue area: generated", *(each.told for each in outlines)])
    text = f"{title}, from {short(float(edges[0]))} to {short(float(edges[-1]))}. {told}."
    return figure(picture(name, title, text, panel, drawn), text)
