"""Expectations over time with their error bars beside the reference, and the bars of an error budget.

A module of its own beside `sections`: numbers as drawings, without words around them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...base.estimate import Estimate
from ...model.domains import Grid
from ...results.trajectory import Trajectory
from .markup import Element, element
from .vectors import Panel, limits, picture
from .wave import time_symbol

COLORS = {"energy": "blue", "objective": "orange", "kinetic": "green"}
MEANINGS = {"energy": "energy ⟨H⟩", "objective": "mean loss ⟨ζ⟩", "kinetic": "kinetic part ⟨−L⟩"}


def unit_of(run: Trajectory, name: str) -> str:
    """The unit of an expectation."""
    if name == "kinetic":
        return "1 / weight²" if isinstance(run.problem.domain, Grid) else "graph Laplacian"
    if name not in MEANINGS:
        return "units of the observable"
    return "units of the loss" if run.problem.operator is None else "units of the operator"


def values_of(run: Trajectory, name: str) -> tuple[np.ndarray, np.ndarray]:
    """An expectation over time and its standard errors."""
    value = np.asarray(run.expectations[name].value, dtype=float)
    return value, np.broadcast_to(np.asarray(run.expectations[name].stderr, dtype=float), value.shape)


def expectation_chart(run: Trajectory, reference: Trajectory | None, name: str, number: int) -> tuple[Element, str]:
    """One expectation over time with bars of one standard error; the reference is a line. The picture, and what it shows."""
    value, stderr = values_of(run, name)
    known = np.where(np.isfinite(stderr), stderr, 0.0)
    drawn_of, line = [value - known, value + known], None
    if reference is not None and name in reference.expectations:
        line = np.asarray(reference.expectations[name].value, dtype=float)
        drawn_of.append(line)
    last = float(run.times[-1]) if len(run.times) > 1 else float(run.times[0]) + 1.0
    panel = Panel.around((float(run.times[0]), last), limits(drawn_of))
    drawn = panel.frame(f"time {time_symbol(run)}", MEANINGS.get(name, name))
    color = COLORS.get(name, "purple")
    if line is not None and reference is not None:
        drawn.append(panel.curve(reference.times, line, "ink"))
    elif not known.any():
        drawn.append(panel.curve(run.times, value, color))
    drawn += panel.error_bars(run.times, value, known, color)
    what = MEANINGS.get(name, name)
    text = f"{what[:1].upper()}{what[1:]} over time, in {unit_of(run, name)}: points"
    text += " with bars of one standard error" if known.any() else ""
    text += ", and the classical reference as a line." if line is not None else "."
    return picture(f"expectation-{number}", what, text, panel, drawn), text


def budget_chart(rows: Sequence[tuple[str, Estimate]], floor: float) -> tuple[Element, str]:
    """The parts of an error budget as bars, their sum and the total below; dashed: what the shots make on average."""
    value = np.array([float(e.value) for _, e in rows])
    stderr = np.array([float(e.stderr) if np.isfinite(e.stderr) else 0.0 for _, e in rows])
    positive = value[np.isfinite(value) & (value > 0)]
    logarithmic = bool(
        positive.size and (value[np.isfinite(value)] >= 0).all() and positive.max() > 50 * positive.min()
    )
    ends = limits([value - stderr, value + stderr, np.array([floor])], zero=True)
    if logarithmic:
        least = max(float(positive.min()), 1e-6 * float(positive.max()))  # round-off does not stretch the axis
        ends = 10.0 ** np.floor(np.log10(least)), float(10.0 ** np.ceil(np.log10(max(ends[1], floor))))
    panel = Panel.around(ends, (0.0, float(len(rows))), height=62.0 + 24.0 * len(rows), log_x=logarithmic, left=104.0)
    drawn = panel.frame("total variation" + (" (logarithmic)" if logarithmic else ""), "", y_ticks=False)
    for row, (name, v, s) in enumerate(zip([name for name, _ in rows], value, stderr)):
        drawn += _bar(panel, len(rows) - row, name, float(v), float(s), "orange" if row == len(rows) - 1 else "blue")
    if floor > 0 and np.isfinite(floor):
        place = panel.x.at(floor)
        drawn.append(
            element("path", d=f"M{place:.1f} {panel.y.stop:.1f}V{panel.y.start:.1f}", class_="curve ink dashed")
        )
    text = "Each part of the error as a total variation, with one standard error; the total difference is the last bar."
    text += " Dashed: what the shots alone make on average." if floor > 0 else ""
    return picture("budget-picture", "Error budget", text, panel, drawn), text


def _bar(panel: Panel, top: int, name: str, value: float, stderr: float, color: str) -> list[Element]:
    """A bar with its error bar and its name; nothing but the name where the value is not known."""
    base, tip = panel.y.at(top - 0.2), panel.y.at(top - 0.8)
    middle = 0.5 * (base + tip)
    out = [element("text", name, x=panel.x.start - 7, y=middle + 4, text_anchor="end")]
    if not np.isfinite(value):
        return out
    start = panel.x.start if panel.x.log else panel.x.at(0.0)
    low, high = sorted((start, panel.x.at(value)))
    out.append(element("rect", x=low, y=base, width=high - low, height=tip - base, class_=f"bar {color}"))
    if stderr > 0:
        ends = panel.x.at(value - stderr), panel.x.at(value + stderr)
        bar = f"M{ends[0]:.1f} {middle:.1f}H{ends[1]:.1f}M{ends[0]:.1f} {middle - 4:.1f}v8M{ends[1]:.1f} {middle - 4:.1f}v8"
        out.append(element("path", d=bar, class_="curve ink"))
    return out
