"""Charts as SVG elements: scales with round ticks, curves, areas, error bars, bars, and maps whose levels are nested areas.

A map is drawn level by level, each as one path over the cells that reach it, so that neighbours show no seam and colours come from
the style sheet, in light and in dark.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from .markup import Child, Element, element
from .palette import LEVELS

WIDTH, HEIGHT = 400.0, 250.0
LEFT, RIGHT, TOP, BOTTOM = 58.0, 12.0, 14.0, 44.0


@dataclass(frozen=True)
class Scale:
    """From values to places of a picture; ``log`` spreads powers of ten evenly."""

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    def at(self, value: float) -> float:
        """The place of a value, held inside the picture."""
        low, high, value = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, value = math.log10(low), math.log10(high), math.log10(value)
        return self.start + (self.stop - self.start) * (value - low) / (high - low)

    def places(self, values: np.ndarray) -> list[float]:
        """The places of many values."""
        return [self.at(float(value)) for value in values]

    def ticks(self, most: int = 5) -> list[float]:
        """Round values inside.

        >>> Scale(0.0, 6.0, 0.0, 1.0).ticks()
        [0.0, 2.0, 4.0, 6.0]
        """
        if self.log:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            step = max(1, -(-(last - first) // most))
            return [10.0**k for k in range(first, last + 1, step)]
        span = self.high - self.low
        unit = 10.0 ** math.floor(math.log10(span / most))
        width = next(unit * k for k in (1, 2, 5, 10) if span / (unit * k) <= most)
        first, last = math.ceil(self.low / width - 1e-9), math.floor(self.high / width + 1e-9)
        return [k * width for k in range(first, last + 1)]


def limits(values: Iterable[np.ndarray], zero: bool = False, share: float = 0.02) -> tuple[float, float]:
    """Ends of an axis around finite values, with a margin; never of no width, and at least ``share`` of their size.

    >>> limits([np.array([1.0, 1.0])], share=0.5)
    (0.72, 1.28)
    """
    all_ = np.concatenate([np.ravel(each) for each in values])
    all_ = all_[np.isfinite(all_)]
    low, high = (float(all_.min()), float(all_.max())) if all_.size else (0.0, 1.0)
    low, high = (min(low, 0.0), max(high, 0.0)) if zero else (low, high)
    least = max(share * max(abs(low), abs(high)), 1e-12)
    if high - low < least:
        middle = 0.5 * (low + high)
        low, high = middle - 0.5 * least, middle + 0.5 * least
    margin = 0.06 * (high - low)
    return (low if zero and low == 0 else low - margin), (high if zero and high == 0 else high + margin)


@dataclass(frozen=True)
class Panel:
    """A picture with two scales: x to the right, y upward."""

    x: Scale
    y: Scale
    width: float = WIDTH
    height: float = HEIGHT

    @classmethod
    def around(
        cls,
        x: tuple[float, float],
        y: tuple[float, float],
        *,
        height: float = HEIGHT,
        log_x: bool = False,
        left: float = LEFT,
    ) -> Panel:
        """A panel of the usual margins around the ends of its axes."""
        across = Scale(*x, left, WIDTH - RIGHT, log_x)
        return cls(across, Scale(*y, height - BOTTOM, TOP), WIDTH, height)

    def curve(self, x: np.ndarray, y: np.ndarray, class_: str) -> Element:
        """A line through points; those that are not finite are left out."""
        kept = np.isfinite(x) & np.isfinite(y)
        return element("path", d=_line(self.x.places(x[kept]), self.y.places(y[kept])), class_=f"curve {class_}")

    def area(self, x: np.ndarray, y: np.ndarray, class_: str) -> Element:
        """The area under a line."""
        floor = self.y.at(0.0)
        places = self.x.places(x)
        return element(
            "path",
            d=f"{_line([places[0], *places, places[-1]], [floor, *self.y.places(y), floor])}z",
            class_=f"area {class_}",
        )

    def steps(self, edges: np.ndarray, values: np.ndarray, class_: str) -> Element:
        """The outline of a histogram."""
        return self.curve(np.repeat(edges, 2)[1:-1], np.repeat(values, 2), class_)

    def columns(self, edges: np.ndarray, values: np.ndarray, class_: str) -> Element:
        """A histogram as one area."""
        return self.area(np.repeat(edges, 2)[1:-1], np.repeat(values, 2), class_)

    def error_bars(self, x: np.ndarray, y: np.ndarray, stderr: np.ndarray, class_: str) -> list[Element]:
        """Points, and a bar of one standard error to both sides where it is known and not 0."""
        out: list[Element] = []
        for a, b, s in zip(x, y, stderr):
            if not np.isfinite(b):
                continue
            place = self.x.at(float(a))
            if s > 0 and np.isfinite(s):
                top, low = self.y.at(float(b + s)), self.y.at(float(b - s))
                bar = f"M{_n(place)} {_n(low)}V{_n(top)}M{_n(place - 3)} {_n(low)}h6M{_n(place - 3)} {_n(top)}h6"
                out.append(element("path", d=bar, class_=f"curve {class_}"))
            out.append(element("circle", cx=place, cy=self.y.at(float(b)), r=3.0, class_=f"dot {class_}"))
        return out

    def mark(self, x: float, y: float, class_: str) -> Element:
        """A mark that is seen on any colour: a ring in the colours of ink and paper."""
        at = {"cx": self.x.at(x), "cy": self.y.at(y)}
        return element(
            "g", element("circle", r=6.5, class_="halo", **at), element("circle", r=4.5, class_=f"mark {class_}", **at)
        )

    def frame(self, x_label: str, y_label: str, *, y_ticks: bool = True) -> list[Element]:
        """Axes, ticks and labels."""
        bottom, left = self.y.start, self.x.start
        out = [element("path", d=f"M{_n(left)} {_n(TOP)}V{_n(bottom)}H{_n(self.x.stop)}", class_="axis")]
        for value in self.x.ticks():
            place = self.x.at(value)
            out.append(element("path", d=f"M{_n(place)} {_n(bottom)}v4", class_="axis"))
            out.append(element("text", short(value), x=place, y=bottom + 17, text_anchor="middle"))
        for value in self.y.ticks() if y_ticks else []:
            place = self.y.at(value)
            out.append(element("path", d=f"M{_n(left)} {_n(place)}h-4", class_="axis"))
            out.append(element("text", short(value), x=left - 7, y=place + 4, text_anchor="end"))
        out.append(
            element(
                "text", x_label, x=0.5 * (left + self.x.stop), y=self.height - 8, text_anchor="middle", class_="label"
            )
        )
        middle = 0.5 * (TOP + bottom)
        turned = f"translate(13 {_n(middle)}) rotate(-90)"
        out.append(element("text", y_label, transform=turned, text_anchor="middle", class_="label"))
        return out

    def map(self, values: np.ndarray, ramp: str, edges: Sequence[float]) -> list[Element]:
        """Values of equal cells, shape ``(nx, ny)``, as nested levels: level k where a value reaches ``edges[k]``."""
        across = (self.x.stop - self.x.start) / values.shape[0]
        up = (self.y.start - self.y.stop) / values.shape[1]
        where = f"translate({_n(self.x.start)} {_n(self.y.start)}) scale({across:.5g} {-up:.5g})"
        paths = [element("rect", width=values.shape[0], height=values.shape[1], class_=f"{ramp}0")]
        for k in range(1, LEVELS):
            drawn = _cells(values >= edges[k])
            if drawn:
                paths.append(element("path", d=drawn, class_=f"{ramp}{k}"))
        return [element("g", paths, transform=where, class_="cells")]


def level_edges(low: float, high: float, power: float) -> list[float]:
    """Thresholds of the levels of a map between two values, ``low + (high - low) (k / LEVELS)^power``."""
    span = high - low if high > low else 1.0
    return [low + span * (k / LEVELS) ** power for k in range(LEVELS)]


def picture(name: str, title: str, description: str, panel: Panel, children: Iterable[Child]) -> Element:
    """An SVG picture with a name and a description for those who do not see it."""
    head = element("title", title, id=f"{name}-title"), element("desc", description, id=f"{name}-desc")
    box = f"0 0 {_n(panel.width)} {_n(panel.height)}"
    names = {"aria_labelledby": f"{name}-title", "aria_describedby": f"{name}-desc"}
    return element("svg", *head, children, viewBox=box, role="img", **names)


def short(value: float) -> str:
    """A tick in few letters.

    >>> short(0.30000000000000004), short(20000.0), short(1e-9), short(-0.0)
    ('0.3', '20,000', '1e-09', '0')
    """
    if value == 0:
        return "0"
    return (
        f"{value:.0e}"
        if abs(value) < 1e-3 or abs(value) >= 1e6
        else f"{value:,.4g}"
        if abs(value) < 1e4
        else f"{value:,.0f}"
    )


def _n(value: float) -> str:
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def _line(x: Sequence[float], y: Sequence[float]) -> str:
    return "M" + "L".join(f"{_n(a)} {_n(b)}" for a, b in zip(x, y)) if len(x) else ""


def _cells(inside: np.ndarray) -> str:
    """Rectangles that cover the cells of a mask: runs along x, joined while the next row has the same run."""
    open_: dict[tuple[int, int], int] = {}
    done: list[tuple[int, int, int, int]] = []
    for row in range(inside.shape[1] + 1):
        runs = set(_runs(inside[:, row])) if row < inside.shape[1] else set()
        for run in [run for run in open_ if run not in runs]:
            first = open_.pop(run)
            done.append((run[0], first, run[1] - run[0], row - first))
        for run in runs:
            open_.setdefault(run, row)
    return "".join(f"M{x} {y}h{width}v{height}h{-width}z" for x, y, width, height in sorted(done))


def _runs(line: np.ndarray) -> list[tuple[int, int]]:
    """Starts and ends of the runs of True."""
    changes = np.flatnonzero(np.diff(np.concatenate(([False], line, [False])).astype(np.int8)))
    return list(zip(changes[::2].tolist(), changes[1::2].tolist()))
