"""The page of a sweep: what it went over, a quantity over its keys with error bars, every point, and those that failed."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...base.texts import parse_json
from ...runs.sweeps.table import FILE, TABLE, Sweep
from . import endings
from .layout import document
from .lines import Line, line_chart
from .markup import Child, Element, data, element, pairs, table
from .sections import cell, details, flat, note, section
from .sources import Place, mapping

_MOST_ROWS, _MOST_LINES = 500, 6
_FIRST = ("energy", "objective", "best_loss", "kinetic", "log_norm")  # quantities that are drawn, where there are such
_MOST_CHARTS = 6
_COLORS = ("blue", "orange", "green", "purple", "ink", "edge")


def page(found: Sweep, place: Place) -> str:
    """The page as text."""
    said = _said(found.folder)
    over = " × ".join(f"{len(found.axes.values[group[0]])} of {' and '.join(group)}" for group in found.axes.groups)
    lead = f"A sweep of {len(found.rows):,} points: {over}."
    parts = [
        _summary(found),
        _problem(said),
        _over(found),
        _charts(found),
        _points(found),
        _failures(found),
        endings.provenance({"seed": said.get("entropy"), "versions": mapping(said.get("versions"))}, place.files),
        _reproduce(found, said, place),
        endings.cite(place.files, TABLE, mapping(said.get("versions")).get("qml-dynamics"), "sweep"),
    ]
    return document(f"Report of {place.name}", lead, parts)


def _said(folder: Path) -> Mapping[str, Any]:
    return mapping(parse_json((folder / FILE).read_bytes()))


def _summary(found: Sweep) -> Element:
    status = [str(row["status"]) for row in found.rows]
    rows: list[tuple[str, Child]] = [("points", data(len(status)))]
    rows += [(name, data(status.count(name))) for name in sorted(set(status))]
    for name in (n for n in _FIRST if n in found.quantities):
        values = found.values(name).reshape(-1)
        for words, index in (("least", int(np.nanargmin(values))), ("largest", int(np.nanargmax(values)))):
            at = ", ".join(f"{key} = {found.rows[index][key]}" for key in found.keys)
            rows.append((f"{words} {name.replace('_', ' ')}", element("span", data(float(values[index])), f" at {at}")))
    noted = sum(bool(row.get("notes")) for row in found.rows)
    rows += [("points with notes", data(noted))] if noted else []
    return section("summary", "Summary", pairs([*rows, ("stop", found.stop)], "The sweep in short"))


def _problem(said: Mapping[str, Any]) -> Element:
    rows = [(name, cell(value)) for name, value in flat(mapping(said.get("sections"))) if name]
    text = note("Keys that the sweep goes over have the values of the problem file here, and their own at each point.")
    return section("problem", "Problem", pairs(rows, "The problem that is swept"), text)


def _over(found: Sweep) -> Element:
    rows: list[tuple[str, Child]] = [(key, cell(list(found.axes.values[key]))) for key in found.keys]
    together = [group for group in found.axes.groups if len(group) > 1]
    rows += [("together", " and ".join(group)) for group in together]
    return section("over", "Over", pairs(rows, "Keys and their values; the last moves fastest"))


def _charts(found: Sweep) -> Element:
    """Each quantity over the last key of numbers, a line for each value of the others."""
    names = [name for name in _FIRST if name in found.quantities]
    names += [n for n in found.quantities if f"{n}_stderr" in found.quantities and n not in names]
    parts: list[Child] = []
    for number, name in enumerate(names[:_MOST_CHARTS]):
        parts += [element("h3", name.replace("_", " ")), _chart(found, name, number)]
    return section("results", "Results", parts or [note("No point is done.")])


def _chart(found: Sweep, name: str, number: int) -> Element:
    values = found.values(name)
    known = f"{name}_stderr" in found.quantities
    stderr = found.values(f"{name}_stderr") if known else np.zeros(values.shape)
    axis = _axis(found)
    group = found.axes.groups[axis]
    given = found.axes.values[group[0]]
    numbers = all(_is_number(v) for v in given)
    x = np.array(given if numbers else range(1, len(given) + 1), dtype=float)
    order = np.argsort(x, kind="stable")
    lines: list[Line] = []
    others = [range(many) for k, many in enumerate(values.shape) if k != axis]
    for place in list(itertools.product(*others))[:_MOST_LINES]:
        at = list(place)
        at.insert(axis, slice(None))  # type: ignore[arg-type]
        words = ", ".join(
            f"{key} = {found.axes.values[key][i]}"
            for i, each in zip(place, [g for k, g in enumerate(found.axes.groups) if k != axis])
            for key in each
        )
        y, s = values[tuple(at)][order], stderr[tuple(at)][order]
        lines.append(Line(words or name.replace("_", " "), x[order], y, s, _COLORS[len(lines)]))
    title = name.replace("_", " ").capitalize()
    if len(list(itertools.product(*others))) > _MOST_LINES:
        title += f", the first {_MOST_LINES} lines"
    label = f"{' and '.join(group)}" if numbers else f"number of the value of {' and '.join(group)}"
    return line_chart(f"result-{number}", title, (label, name.replace("_", " ")), lines)


def _axis(found: Sweep) -> int:
    """The last group with more than one number as its values; the last group where there is none."""
    groups = found.axes.groups
    fit = [
        k
        for k, g in enumerate(groups)
        if len(found.axes.values[g[0]]) > 1 and all(map(_is_number, found.axes.values[g[0]]))
    ]
    return fit[-1] if fit else len(groups) - 1


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _points(found: Sweep) -> Element:
    names = [name for name in found.columns() if name not in ("error", "notes", "stop")]
    body = [[cell(row.get(name)) if name in row else "" for name in names] for row in found.rows[:_MOST_ROWS]]
    more = "" if len(found.rows) <= _MOST_ROWS else f", the first {_MOST_ROWS} of {len(found.rows):,}"
    parts: list[Child] = [table(names, body, f"Every point{more}")]
    noted: list[Sequence[Child]] = [
        [data(int(row["index"])), "; ".join(map(str, row["notes"]))]
        for row in found.rows[:_MOST_ROWS]
        if row.get("notes")
    ]
    if noted:
        parts.append(details("Notes", table(["point", "notes"], noted, "What the runs warned of")))
    return section("points", "Points", *parts)


def _failures(found: Sweep) -> Element:
    if not found.failures:
        return section("failures", "Failures", note("No point failed."))
    body: list[list[Child]] = [[data(int(row["index"])), str(row["error"])] for row in found.failures[:_MOST_ROWS]]
    return section("failures", "Failures", table(["point", "error"], body, "Points that failed"))


def _reproduce(found: Sweep, said: Mapping[str, Any], place: Place) -> Element:
    name = place.name if place.folder is not None else "sweep"
    groups = [list(group) for group in found.axes.groups if len(group) > 1]
    options = {"zip": groups or None, "seed": _integer(said.get("entropy")), "save": said.get("save")}
    given = "".join(f", {key}={value!r}" for key, value in options.items() if value is not None)
    over = {key: list(found.axes.values[key]) for key in found.keys}
    first = next((row for row in found.rows if row["status"] == "done"), None)
    lines = ["import qml_dynamics as qd", "", f"found = qd.Sweep.load({name!r})", "print(found)"]
    if first is not None:
        problem = f"{name}/points/{int(first['index']):06d}/problem.toml"
        lines.append(f"again = qd.sweep({problem!r}, {over!r}{given}, folder={f'{name}-again'!r})")
    return endings.reproduce(
        None, lines, "Each point has its own seed from that of the sweep; points/ holds a run folder of each."
    )


def _integer(value: object) -> int | None:
    return int(value) if isinstance(value, str) and value.isdigit() else None
