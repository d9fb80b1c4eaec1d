"""The page of a grown network: loss, accuracy and volume over its epochs, what came in when, and its data."""

from __future__ import annotations

import numpy as np

from ...learning.growth.recorder import Recording
from ...learning.growth.training import Trained
from ...results.trajectory import plain
from . import endings
from .layout import document
from .lines import Line, line_chart
from .markup import Child, Element, data, element, pairs, table
from .sections import account_rows, cell, details, flat, note, prepared_rows, section
from .sources import Place, mapping

_CURVES = {
    "loss": ("Loss", "loss", {"loss/train": ("training", "blue"), "loss/held_out": ("held out", "orange")}),
    "accuracy": (
        "Share of rows that are right",
        "accuracy",
        {"accuracy/train": ("training", "blue"), "accuracy/held_out": ("held out", "orange")},
    ),
    "volume": ("Log volume of all layers, in nats", "log volume", {"log_volume/total": ("grown", "green")}),
}
_ENDS = ("loss/train", "loss/held_out", "accuracy/train", "accuracy/held_out", "log_volume/total", "updates")


def page(found: Trained, place: Place, baseline: Recording | None = None) -> str:
    """The page as text; ``baseline`` is the recording of the same network with all units from the start."""
    sizes = " × ".join(map(str, found.network.sizes))
    lead = f"A network of {sizes} units, {found.network.num_parameters} parameters, that grew while it was trained."
    parts = [
        _summary(found, baseline),
        _data(found, place),
        _training(found, baseline),
        _growth(found),
        _network(found),
        section("circuits", "Circuits and counts", note("This network was trained by NumPy: no circuit was run.")),
        _cost(found, baseline),
        endings.provenance(
            {**found.recording.info, **mapping(place.said.get("provenance"))}, place.files, _asked(place)
        ),
        _reproduce(place),
        endings.cite(place.files, place.file, mapping(mapping(place.said.get("provenance"))).get("version"), "network"),
    ]
    return document(f"Report of {place.name}", lead, parts)


def _last(recording: Recording, name: str) -> Child:
    return data(float(recording[name][-1])) if name in recording.columns and len(recording) else "not known"


def _summary(found: Trained, baseline: Recording | None) -> Element:
    head = ["", "grown", *([] if baseline is None else ["all units from the start"])]
    body: list[list[Child]] = []
    for name in _ENDS:
        row: list[Child] = [name.replace("/", ", ").replace("_", " "), _last(found.recording, name)]
        body.append(row if baseline is None else [*row, _last(baseline, name)])
    return section(
        "summary", "Summary", table(head, body, "At the end"), element("p", f"Stop: {found.stop or 'not said'}")
    )


def _data(found: Trained, place: Place) -> Element:
    rows = account_rows(mapping(place.said.get("table")))
    if found.preparation is not None:
        rows += prepared_rows(found.preparation)
    elif found.classes is not None:
        rows.append(("classes", cell([str(name) for name in found.classes])))
    if not rows:
        return section("data", "Data", note("The file says nothing of where the rows came from."))
    return section("data", "Data", pairs(rows, "The table, and what the network is given of it"))


def _training(found: Trained, baseline: Recording | None) -> Element:
    parts: list[Child] = []
    for name, (title, axis, columns) in _CURVES.items():
        lines = [_line(found.recording, column, words, color) for column, (words, color) in columns.items()]
        if baseline is not None:
            last = list(columns)[-1]
            lines.append(_line(baseline, last, f"{columns[last][0]}, all units from the start", "ink", dashed=True))
        lines = [line for line in lines if len(line.x)]
        if lines:
            parts += [element("h3", title), line_chart(name, title, ("epoch", axis), lines)]
    return section("training", "Training", parts)


def _line(recording: Recording, column: str, words: str, color: str, dashed: bool = False) -> Line:
    there = column in recording.columns
    x = recording.steps.astype(float) if there else np.zeros(0)
    return Line(words, x, np.asarray(recording[column], dtype=float) if there else x, color=color, dashed=dashed)


def _growth(found: Trained) -> Element:
    if not found.events:
        return section("growth", "Growth", note("Nothing came in: no residual was above the threshold."))
    head = ["epoch", "what", "sizes", "residual", "gain", "jump of the loss"]
    body: list[list[Child]] = [
        [data(e.epoch), e.kind, " × ".join(map(str, e.sizes)), data(e.residual), data(e.gain), data(e.jump)]
        for e in found.events[:200]
    ]
    return section("growth", "Growth", table(head, body, "What came in, when and why"))


def _network(found: Trained) -> Element:
    body: list[list[Child]] = []
    for number, (weight, bias) in enumerate(zip(found.network.weights, found.network.biases), start=1):
        values = np.linalg.svd(weight, compute_uv=False)
        shown = [f"{weight.shape[0]} × {weight.shape[1]}", data(float(values[0])), data(float(values[-1]))]
        body.append([data(number), *shown, data(float(np.abs(bias).max()))])
    head = ["layer", "weights", "largest singular value", "least", "largest bias"]
    return section(
        "network",
        "Network",
        pairs(
            [("activation", found.network.activation), ("parameters", data(found.network.num_parameters))],
            "The network",
        ),
        table(head, body, "Its layers"),
    )


def _cost(found: Trained, baseline: Recording | None) -> Element:
    rows: list[tuple[str, Child]] = [("parameter updates", _last(found.recording, "updates"))]
    if baseline is not None:
        rows.append(("parameter updates, all units from the start", _last(baseline, "updates")))
    return section("cost", "Cost", pairs(rows, "What the training took"))


def _asked(place: Place) -> list[Child]:
    rows = [(name, cell(plain(value))) for name, value in flat(mapping(place.said.get("asked"))) if name]
    return [details("Options", pairs(rows, "What was asked for"))] if rows else []


def _reproduce(place: Place) -> Element:
    command = place.said.get("command")
    words = [str(word) for word in command] if isinstance(command, list) else None
    path = place.path or "network.npz"
    lines = ["import qml_dynamics as qd", "", f"found = qd.growth.Trained.load({path!r})", "print(found)"]
    return endings.reproduce(words, lines, "The seed decides the split, the weights and the order of the rows.")
