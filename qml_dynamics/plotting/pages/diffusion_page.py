"""The page of a diffusion model of `qml-dynamics diffuse`: generated rows beside held-out ones, and noise coming in over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...base.archive import DAMAGE, of, reading
from ...base.texts import parse_json
from ...runs.trajectory_file import FORWARD
from . import endings
from .layout import document
from .lines import Bar, Line, bar_chart, histogram
from .markup import Child, Element, data, element, pairs, table
from .programs import program
from .sections import account_rows, cell, flat, note, section, slides
from .sources import Place, mapping
from .vectors import Panel, level_edges, limits, picture
from .wave import Frames

PROGRAMS = ("modes.qasm", "blocks.qasm")


def page(place: Place) -> str:
    """The page as text.

    Raises:
        ProblemError: ``result.json`` or ``forward.json`` is none of a diffusion model.
    """
    said = place.said
    columns = [str(name) for name in _list(said.get("columns"))]
    lead = (
        f"A diffusion model of {', '.join(columns) or 'a table'}: noise is added, and taken away along the exact score."
    )
    file = next(
        (name for name in PROGRAMS if place.folder is not None and (place.folder / name).is_file()), PROGRAMS[0]
    )
    facts = [(name.replace("_", " "), cell(value)) for name, value in flat(mapping(said.get("circuit"))) if name]
    parts = [
        _summary(said),
        _problem(said),
        _data(said),
        _generated(said),
        _forward(place),
        program(
            place, file, "No program was asked for: the option --program writes the forward process as OpenQASM 3.",
            pairs(facts, "What is known of the circuit") if facts else None,
        ),
        _cost(said),
        endings.provenance(mapping(said.get("provenance")), place.files),
        _reproduce(said, place),
        endings.cite(place.files, "samples.csv", _version(said), "model"),
    ]  # fmt: skip
    return document(f"Report of {place.name}", lead, parts)


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else []


def _version(said: Mapping[str, Any]) -> object:
    return mapping(mapping(said.get("provenance")).get("versions")).get("qml-dynamics")


_WORDS = {"generated": "generated rows", "tuned_kernels": "kernels of tuned width", "training": "training rows"}


def _summary(said: Mapping[str, Any]) -> Element:
    rows: list[tuple[str, Child]] = [("rows generated", cell(said.get("samples"))), ("by", cell(said.get("kind")))]
    names = _list(said.get("columns"))
    for key, words in (("mean", "mean"), ("standard_deviation", "standard deviation")):
        values = _list(said.get(key))
        rows += [(f"{words} of {name}", cell(value)) for name, value in zip(names, values)]
    if said.get("condition") is not None:
        rows.append(("class", cell(said.get("condition"))))
        rows.append(("probability of the class", cell(said.get("probability_of_condition"))))
    parts: list[Child] = [pairs(rows, "The model in short")]
    distances = mapping(said.get("energy_distance_to_held_out"))
    bars = [
        Bar(_WORDS.get(name, name), float(value)) for name, value in distances.items() if isinstance(value, int | float)
    ]
    if bars:
        parts += [
            element("h3", "Distance from held-out rows"),
            bar_chart(
                "distances",
                "Energy distance to rows that the model has not seen; less is nearer",
                "energy distance",
                bars,
            ),
            table(["rows", "energy distance"], [[bar.label, data(bar.value)] for bar in bars], "Energy distances"),
        ]
    return section("summary", "Summary", *parts)


def _problem(said: Mapping[str, Any]) -> Element:
    equation = element("p", element("code", "dx = −∇V dt + √(2T) dW"), ", and back along ∇ log p")
    rows: list[tuple[str, Child]] = [
        (words, cell(said.get(name)))
        for name, words in (
            ("potential", "potential V"), ("bandwidth", "width of the kernels (standardised)"), ("t_max", "last time"),
        )
    ]  # fmt: skip
    rows += [(f"asked: {name}", cell(value)) for name, value in flat(mapping(said.get("asked"))) if name]
    return section("problem", "Problem", equation, pairs(rows, "The process"))


def _data(said: Mapping[str, Any]) -> Element:
    rows = account_rows(mapping(said.get("table")))
    rows += [(f"rows, {name.replace('_', ' ')}", cell(value)) for name, value in mapping(said.get("rows")).items()]
    if not rows:
        return section("data", "Data", note("The file says nothing of the table."))
    return section("data", "Data", pairs(rows, "The table, and what the model is given of it"))


def _generated(said: Mapping[str, Any]) -> Element:
    """One histogram a column, in the units of the file."""
    parts: list[Child] = []
    must = "Argument `run` must be a folder of diffuse, but what it says of its columns is not"
    with reading(must, damage=(*DAMAGE, TypeError)):
        for number, (name, seen) in enumerate(mapping(said.get("seen")).items()):
            arrays = {key: np.asarray(of(value, list, key), dtype=float) for key, value in mapping(seen).items()}
            edges, made = arrays["edges"], arrays["generated"]
            if edges.ndim != 1 or len(edges) != len(made) + 1:
                raise ValueError("edges and shares do not fit")
            lines = [
                Line(words, edges[:-1], arrays[key], color=color, dashed=dashed)
                for key, words, color, dashed in (
                    ("held_out", "held out", "orange", False),
                    ("training", "training", "ink", True),
                )
                if len(arrays.get(key, ())) == len(made)
            ]
            parts.append(element("h3", str(name)))
            parts.append(histogram(f"column-{number}", f"Density of {name}", str(name), edges, made, lines))
    if not parts:
        return section(
            "generated", "Generated rows", note("The folder says nothing of the rows, which samples.csv holds.")
        )
    return section("generated", "Generated rows", parts)


def _forward(place: Place) -> Element:
    """The density of the forward process at some times, on the grid of the model, in standardised units."""
    path = None if place.folder is None else place.folder / FORWARD
    title = "Noise over time"
    if path is None or not path.is_file():
        return section("wave", title, note("The folder does not hold the densities of the forward process."))
    with reading(f"Argument `run` must be a folder of diffuse, but its {FORWARD} is not", damage=(*DAMAGE, TypeError)):
        said = of(parse_json(path.read_bytes()), dict, FORWARD)
        times = np.asarray(of(said["times"], list, "times"), dtype=float)
        laws = np.asarray(of(said["density"], list, "density"), dtype=float)
        axes = [np.asarray(of(axis, list, "axes"), dtype=float) for axis in of(said["axes"], list, "axes")]
        if laws.shape != (len(times), *(len(axis) for axis in axes)) or len(axes) not in (1, 2) or not len(times):
            raise ValueError("times, axes and density do not fit")
        if min(map(len, axes)) < 2 or not all(np.isfinite(each).all() for each in (times, laws, *axes)):
            raise ValueError("each axis must have two points or more, and all numbers must be finite")
    labels = [f"t = {time:.3g}" for time in times]
    pictures = [
        _picture(number, label, law, axes, float(laws.max())) for number, (label, law) in enumerate(zip(labels, laws))
    ]
    caption = "Density of the rows, smoothed by their kernels, while noise is added; in standardised units."
    return section("wave", title, slides(Frames(labels, pictures, caption), "noise", "Time"))


def _picture(number: int, label: str, law: np.ndarray, axes: Sequence[np.ndarray], top: float) -> Element:
    if len(axes) == 1:
        panel = Panel.around((float(axes[0][0]), float(axes[0][-1])), limits([np.array([top])], zero=True))
        drawn = [panel.area(axes[0], law, "blue"), panel.curve(axes[0], law, "blue")]
        drawn += panel.frame("first column (standardised)", "density")
    else:
        ends = [(float(axis[0]), float(axis[-1])) for axis in axes]
        panel = Panel.around(*ends, height=340.0)
        drawn = [*panel.map(law, "density", level_edges(0.0, top, 2.0)), *panel.frame("first column", "second column")]
    return picture(f"noise-{number}", f"At {label}", f"Density of the forward process at {label}.", panel, drawn)


def _cost(said: Mapping[str, Any]) -> Element:
    seconds = mapping(said.get("provenance")).get("seconds")
    rows: list[tuple[str, Child]] = [("rows generated", cell(said.get("samples"))), ("seconds", cell(seconds))]
    return section("cost", "Cost", pairs(rows, "What it took"))


def _reproduce(said: Mapping[str, Any], place: Place) -> Element:
    words = [str(word) for word in _list(said.get("command"))]
    lines = [
        "import numpy as np",
        "",
        f"rows = np.loadtxt({f'{place.name}/samples.csv'!r}, delimiter=',', skiprows=1, ndmin=2)",
    ]
    return endings.reproduce(words or None, lines, "The seed decides the split and all draws.")
