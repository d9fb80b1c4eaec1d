"""``qml-dynamics predict``: labels and probabilities of new rows by the model of a saved run, as a CSV file."""

from __future__ import annotations

import csv
import io
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import ProblemError
from ..model.objectives.prepared import Preparation, refuse_without_model
from ..model.tables.cells import is_missing, same_label
from ..model.tables.reading import read_table
from ..results.predictions import Predictor
from ..runs.problem_file.files import write_bytes
from ..runs.trajectory_file import to_json
from .saved import saved


@dataclass(frozen=True)
class How:
    """The options that say how a run is read: weights, reading, saved time, and what is told of each row."""

    weights: str | None = None
    reading: str | None = None
    time: float | None = None
    proba: bool = False
    interval: float | None = None


def predict_command(
    run: Path, data: Path, how: How, *, out: Path | None, as_json: bool, allow_code: bool = False
) -> int:
    """Predict the rows of a CSV file, whose columns are found by name.

    The columns ``prediction`` and ``probability`` (of the second class, or of both) are written, a row for each row of the file; where
    the file has the column of the class too, the share that is predicted right is told on standard error, rows of other classes than
    the two left out.
    """
    found = saved(run, allow_code=allow_code)
    prepared = _prepared(refuse_without_model(found.problem.objective).preparation)
    table = read_table(data, [name for name in prepared.features if name not in prepared.kinds])
    X = prepared.rows_of(table, "data")
    law = found.predictor(how.weights, how.reading, how.time)
    told = _told(law, X, how)
    if how.interval is not None:  # of the density, which best weights are no law of
        spread = law if how.weights == "vote" else found.predictor("mean", how.reading, how.time)
        told["lower"], told["upper"] = spread.interval(X, how.interval).T.tolist()
    labels = told["prediction"]
    labelled = table.column(prepared.target) if prepared.target in table.header else [""] * len(X)
    right, known = _share(law, X, labelled)
    if out is not None:
        write_bytes(out, _csv(told).encode())
    if as_json:
        print(to_json({**_data(told, prepared, how), "accuracy": right, "file": None if out is None else str(out)}))
    elif out is None:
        print(_csv(told), end="")
    counts = Counter(labels)
    shown = ", ".join(f"{counts[name]} {name}" for name in prepared.classes)
    accuracy = "" if right is None else f"; {right:.1%} of {known} as column {prepared.target} says"
    where = "" if out is None else f"; file: {out}"
    print(f"{len(labels)} rows: {shown}{accuracy}{where}", file=sys.stderr)
    return 0


def _prepared(preparation: Preparation | None) -> Preparation:
    if preparation is None:
        raise ProblemError(
            "Argument `run` must be a run on a data file, whose columns are known by name, but its loss was made of arrays: use "
            "`qml_dynamics.load(run).predict(X)` in Python."
        )
    return preparation


def _told(law: Predictor, X: np.ndarray, how: How) -> dict[str, list[Any]]:
    """What is told of each row, by the name of its column."""
    classes, second = law.classes, law.probability(X)
    assert classes is not None
    columns: dict[str, list[Any]] = {"prediction": law.predict(X).tolist()}
    if how.proba:
        columns[f"probability of {classes[0]}"] = (1 - second).tolist()
    columns[f"probability of {classes[1]}"] = second.tolist()
    return columns


def _data(told: dict[str, list[Any]], prepared: Preparation, how: How) -> dict[str, Any]:
    """The same as plain data."""
    names = list(told)
    likely = [told[name] for name in names if name.startswith("probability of ")]
    data = {"classes": list(prepared.classes), "rows": len(told["prediction"]), "predictions": told["prediction"]}
    data["probabilities"] = [list(row) for row in zip(*likely)] if how.proba else likely[0]
    if how.interval is not None:
        data["intervals"] = [list(ends) for ends in zip(told["lower"], told["upper"])]
    return data


def _share(law: Predictor, X: np.ndarray, column: list[str]) -> tuple[float | None, int]:
    """The share that is predicted right, of so many rows: those of other classes, as of none yet, are left out."""
    prepared = law.objective.preparation
    assert prepared is not None
    known = [
        i
        for i, label in enumerate(column)
        if not is_missing(label) and (prepared.rest or any(same_label(label, name) for name in prepared.classes))
    ]
    return (law.score(X[known], np.array(column)[known]) if known else None), len(known)


def _csv(told: dict[str, list[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(told)
    writer.writerows([cell if isinstance(cell, str) else repr(cell) for cell in row] for row in zip(*told.values()))
    return text.getvalue()
