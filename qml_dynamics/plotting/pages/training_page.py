"""The page of a trained circuit: its loss and accuracy by steps and by circuits, its angles, and the circuit drawn."""

from __future__ import annotations

import numpy as np

from ...learning.training.result import TrainResult
from . import drawing, endings
from .layout import document
from .lines import Line, line_chart
from .markup import Child, Element, data, element, pairs, table
from .sections import cell, details, note, section
from .sources import Place

_MOST_ROWS = 200


def page(result: TrainResult, place: Place) -> str:
    """The page as text."""
    steps = len(result.loss) - 1
    lead = f"A circuit of {result.parameters.shape[1]} parameters, trained by {result.optimizer} in {steps} steps."
    parts = [
        _summary(result),
        _curves(result),
        _parameters(result),
        _circuit(result),
        _cost(result),
        endings.provenance({"seed": result.seed, "optimizer": result.optimizer}, place.files),
        _reproduce(result, place),
        endings.cite(place.files, place.file, None, "training"),
    ]
    return document(f"Report of {place.name}", lead, parts)


def _summary(result: TrainResult) -> Element:
    rows: list[tuple[str, Child]] = [
        ("loss at the start", data(float(result.loss[0]))),
        ("loss at the end", data(float(result.loss[-1]))),
        ("least loss on the way", data(float(result.loss.min()))),
    ]
    if result.accuracy is not None:
        rows.append(("share of rows that are right", _pair(result.accuracy)))
    if result.classes is not None:
        rows.append(("classes", cell(list(result.classes))))
    rows += [("optimiser", result.optimizer), ("stop", result.stop or "not said")]
    return section("summary", "Summary", pairs(rows, "The training in short"))


def _pair(values: np.ndarray) -> Element:
    return element("span", data(float(values[0])), " at the start, ", data(float(values[-1])), " at the end")


def _curves(result: TrainResult) -> Element:
    steps = np.arange(len(result.loss), dtype=float)
    parts: list[Child] = [
        element("h3", "Loss"),
        line_chart(
            "loss", "Loss before each step and at the end", ("step", "loss"), [Line("loss", steps, result.loss)]
        ),
        line_chart(
            "loss-by-circuits",
            "The same by the circuits that a backend is sent",
            ("circuits", "loss"),
            [Line("loss", result.evaluations.astype(float), result.loss, color="green")],
        ),
    ]
    if result.accuracy is not None:
        line = Line("accuracy", steps, result.accuracy, color="orange")
        parts += [
            element("h3", "Accuracy"),
            line_chart("accuracy", "Share of rows that are right", ("step", "share"), [line]),
        ]
    chosen = np.unique(np.linspace(0, len(steps) - 1, min(len(steps), _MOST_ROWS)).round().astype(int)).tolist()
    head = ["step", "loss", "circuits", *([] if result.accuracy is None else ["accuracy"])]
    body = [
        [data(i), data(float(result.loss[i])), data(int(result.evaluations[i]))]
        + ([] if result.accuracy is None else [data(float(result.accuracy[i]))])
        for i in chosen
    ]
    parts.append(details("The numbers", table(head, body, "Loss by steps")))
    return section("training", "Training", parts)


def _parameters(result: TrainResult) -> Element:
    first, last = result.parameters[0], result.parameters[-1]
    shown = min(len(last), _MOST_ROWS)
    body = [[data(k), data(float(first[k])), data(float(last[k]))] for k in range(shown)]
    caption = f"Parameters before the first step and at the end{'' if shown == len(last) else f', the first {shown}'}"
    steps = np.arange(len(result.loss), dtype=float)
    colors = ("blue", "orange", "green", "purple", "ink", "edge")
    lines = [Line(f"parameter {k}", steps, result.parameters[:, k], color=c) for k, c in zip(range(len(last)), colors)]
    return section(
        "parameters",
        "Parameters",
        line_chart("angles", "Parameters over the training", ("step", "value"), lines),
        details("The numbers", table(["parameter", "start", "end"], body, caption)),
    )


def _circuit(result: TrainResult) -> Element:
    reader = result.reader
    if reader is None:
        return section("circuits", "Circuits", note("The file holds no circuit: a gate of it could not be stored."))
    rows: list[tuple[str, Child]] = [("columns of a row of data", data(reader.width))]
    return section(
        "circuits",
        "Circuits",
        pairs(rows, "What the circuit takes"),
        *drawing.drawn(reader.task.circuit, "The trained circuit"),
    )


def _cost(result: TrainResult) -> Element:
    rows: list[tuple[str, Child]] = [
        ("steps", data(len(result.loss) - 1)),
        ("circuits that a backend is sent", data(int(result.evaluations[-1]))),
    ]
    return section("cost", "Cost", pairs(rows, "What the training takes"))


def _reproduce(result: TrainResult, place: Place) -> Element:
    path = place.path or "training.npz"
    lines = ["import qml_dynamics as qd", "", f"trained = qd.TrainResult.load({path!r})", "print(trained)"]
    command = None
    if result.reader is not None and result.reader.width:
        lines.append(f"trained.predict(rows)        # rows of {result.reader.width} columns, as in training")
        command = ["qml-dynamics", "predict", path, "new.csv"]
    said = (
        "The same call of `train` with an empty folder makes it again: the seed decides batches, directions and shots."
    )
    return endings.reproduce(command, lines, said)
