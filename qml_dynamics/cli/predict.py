"""``qml-dynamics predict``: labels and probabilities of new rows by the model of a saved run, as a CSV file."""

from __future__ import annotations

import csv
import io
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import ProblemError
from ..model.objectives.prepared import refuse_without_model
from ..model.tables.cells import is_missing, same_label
from ..model.tables.reading import read_table
from ..results.predictions import Predictor, law_of
from ..runs.problem_file.files import write_bytes
from ..runs.trajectory_file import load, to_json


def predict_command(
    run: Path,
    data: Path,
    *,
    out: Path | None,
    weights: str,
    reading: str | None,
    as_json: bool,
    allow_code: bool = False,
) -> int:
    """Predict the rows of a CSV file, whose columns are found by name.

    The columns ``prediction`` and ``probability`` (of the second class) are written, a row for each row of the file; where the file has
    the column of the class too, the share that is predicted right is told on standard error, rows of other classes than the two left out.
    """
    trajectory = load(run, allow_code=allow_code)
    objective = refuse_without_model(trajectory.problem.objective)
    prepared = objective.preparation
    if prepared is None:
        raise ProblemError(
            "Argument `run` must be a run on a data file, whose columns are known by name, but its loss was made of arrays: use "
            "`qml_dynamics.load(run).predict(X)` in Python."
        )
    table = read_table(data, [name for name in prepared.features if name not in prepared.kinds])
    X = prepared.rows_of(table, "data")
    law = law_of(trajectory, weights, reading)
    labels, second = law.predict(X).tolist(), law.probability(X).tolist()
    labelled = table.column(prepared.target) if prepared.target in table.header else [""] * len(X)
    right, known = _share(law, X, labelled)
    if out is not None:
        write_bytes(out, _csv(labels, second, prepared.classes[1]).encode())
    told: dict[str, Any] = {"classes": list(prepared.classes), "rows": len(labels), "accuracy": right}
    if as_json:
        print(
            to_json({**told, "predictions": labels, "probabilities": second, "file": None if out is None else str(out)})
        )
    elif out is None:
        print(_csv(labels, second, prepared.classes[1]), end="")
    counts = Counter(labels)
    shown = ", ".join(f"{counts[name]} {name}" for name in prepared.classes)
    accuracy = "" if right is None else f"; {right:.1%} of {known} as column {prepared.target} says"
    where = "" if out is None else f"; file: {out}"
    print(f"{len(labels)} rows: {shown}{accuracy}{where}", file=sys.stderr)
    return 0


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


def _csv(labels: list[str], second: list[float], name: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["prediction", f"probability of {name}"])
    writer.writerows([label, repr(p)] for label, p in zip(labels, second))
    return text.getvalue()
