"""``qml-dynamics predict``: labels and probabilities of new rows by the model of a saved run, as a CSV file."""

from __future__ import annotations

import csv
import io
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import require
from ..model.tables.cells import is_missing, same_label
from ..runs.problem_file.files import write_bytes
from ..runs.trajectory_file import to_json
from .saved import How, Ready, ready


def predict_command(
    run: Path, data: Path, how: How, *, out: Path | None, as_json: bool, allow_code: bool = False
) -> int:
    """Predict the rows of a CSV file, whose columns are found by name.

    The columns ``prediction`` and, of classes, ``probability`` (of the second one, of more than two of the predicted one, or of all) are
    written, a row for each row of the file; where the file has the column of the class too, the share that is predicted right is told on
    standard error, rows of other classes than those of the model left out.

    Raises:
        ProblemError: `out` is the file of the rows, or the run or the rows cannot be read.
    """
    if out is not None and out.exists() and data.exists():
        require(not out.samefile(data), "out", "be another file than the rows, which it would replace", str(out))
    model = ready(run, how, allow_code=allow_code)
    prepared = model.preparation
    table, X = model.read(data, how.columns)
    found = model.predict(X)
    must = "be left out for a model that predicts numbers, which have no probabilities"
    require(not (how.proba and model.probabilities is None), "proba", must, how.proba)
    law = None if model.probabilities is None else model.probabilities(X)
    ends = None if model.interval is None else model.interval(X)
    told = _columns(found, law, model.classes or (), how.proba, ends)
    target = "" if prepared is None else prepared.target
    right, known = (None, 0) if target not in table.header else _share(model, X, table.column(target))
    if out is not None:
        write_bytes(out, _csv(told).encode())
    if as_json:
        said: dict[str, Any] = {"classes": list(model.classes or ()), "rows": len(X), "accuracy": right}
        said["predictions"] = found.tolist()
        if law is not None:
            single = law[:, 1] if law.shape[1] == 2 else law.max(axis=1)
            said["probabilities"] = (law if how.proba else single).tolist()
        said |= {} if ends is None else {"intervals": ends.tolist()}
        print(to_json({**said, "file": None if out is None else str(out)}))
    elif out is None:
        print(_csv(told), end="")
    counts = Counter(map(str, found.tolist()))
    shown = ", ".join(f"{counts[name]} {name}" for name in model.classes or ()) or "numbers"
    accuracy = "" if right is None else f"; {right:.1%} of {known} as column {target} says"
    where = "" if out is None else f"; file: {out}"
    print(f"{len(X)} rows: {shown}{accuracy}{where}", file=sys.stderr)
    return 0


def _columns(
    found: np.ndarray, law: np.ndarray | None, classes: tuple[str, ...], every: bool, ends: np.ndarray | None
) -> dict[str, list[Any]]:
    """What is told of each row, by the name of its column."""
    columns: dict[str, list[Any]] = {"prediction": found.tolist()}
    if found.ndim > 1:  # several outputs of a circuit
        columns = {f"prediction {k}": column.tolist() for k, column in enumerate(found.T, start=1)}
    if law is None:
        pass
    elif every:
        columns |= {f"probability of {name}": column.tolist() for name, column in zip(classes, law.T)}
    elif len(classes) == 2:
        columns[f"probability of {classes[1]}"] = law[:, 1].tolist()
    else:
        columns["probability"] = law.max(axis=1).tolist()
    if ends is not None:
        columns["lower"], columns["upper"] = ends.T.tolist()
    return columns


def _share(model: Ready, X: np.ndarray, column: list[str]) -> tuple[float | None, int]:
    """The share that is predicted right, of so many rows: those of other classes, as of none yet, are left out."""
    prepared, classes = model.preparation, model.classes or ()
    rest = prepared is not None and (prepared.rest or not classes)
    known = [
        i
        for i, label in enumerate(column)
        if not is_missing(label) and (rest or any(same_label(label, name) for name in classes))
    ]
    return (model.share(X[known], np.array(column)[known]) if known else None), len(known)


def _csv(told: dict[str, list[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(told)
    writer.writerows([cell if isinstance(cell, str) else repr(cell) for cell in row] for row in zip(*told.values()))
    return text.getvalue()
