"""What the columns of a table hold: identifiers, dates, truth values and missing values in their many spellings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from qml_dynamics.base.errors import ProblemError
from qml_dynamics.model.objectives import load_data
from qml_dynamics.model.tables.columns import column_of

SO = "named as an identifier"


@pytest.mark.parametrize(
    ("name", "cells", "why"),
    [
        ("patient_id", ["1", "1", "2", "2"], SO),  # two rows a patient
        ("id", ["0.0", "1.0", "2.0"], SO),
        ("CustomerNr", ["10", "10", "12"], SO),
        ("Kundennr", ["10", "10", "12"], SO),
        ("PATIENTID", ["10", "10", "12"], SO),
        ("invoice no", ["10", "11", "12"], SO),
        ("sampleNo", ["10", "10", "12"], SO),
        ("id", ["7"], ""),  # of one row nothing is known
        ("key", ["1", "2", "1", "2", "1"], ""),  # of a song
        ("atomic_number", ["6", "6", "6", "8", "8"], ""),
        ("reynolds_number", ["1000.5", "2000.5", "300.5"], ""),
        ("humid", ["1.5", "2.5", "3.5"], ""),
    ],
)
def test_identifiers_by_their_names(name: str, cells: Sequence[str], why: str) -> None:
    column = column_of(name, cells, ".")
    assert column.kind == "number"
    assert column.identifier == why


@pytest.mark.parametrize(
    ("name", "cells", "kind"),
    [
        ("m", ["03.2024", "11.2024"], "date"),
        ("m", ["3.2024", "11.2024"], "number"),
        ("m", ["03.2024", "13.2024"], "number"),
        ("m", ["1.2024", "1.3024"], "number"),
        ("m", ["202403", "202404", "202412"], "date"),
        ("m", ["202403", "202404", "202413"], "number"),
        ("timestamp", ["1706700000", "1706700060"], "date"),
        ("event_time_ms", ["1706700000000", "1706700060000"], "date"),
        ("mass", ["1706700000", "1706700060"], "number"),
        ("time", ["12", "14"], "number"),
        ("time", ["12.5", "1706700060"], "number"),
        ("d", ["2024.01.31", "2024.02.01"], "date"),
        ("d", ["1.3.", "24.12."], "date"),
        ("c", ["Ja", "nein", "ja"], "boolean"),
        ("c", ["WAHR", "FALSCH"], "boolean"),
        ("c", ["oui", "non"], "boolean"),
        ("c", ["vrai", "faux"], "boolean"),
    ],
)
def test_kinds_of_columns(name: str, cells: Sequence[str], kind: str) -> None:
    assert column_of(name, cells, ".").kind == kind


@pytest.mark.parametrize("cell", ["#DIV/0!", "#VALUE!", "#REF!", "\\N", "n.a.", "(null)"])
def test_what_programs_write_for_no_number(cell: str) -> None:
    column = column_of("x", ["1.5", cell, "2"], ".")
    assert (column.kind, column.missing) == ("number", 1)
    assert np.isnan(column.value(cell) or 0.0)


def test_a_footer_says_nothing_of_a_column(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("n;x;k\n" + "".join(f"{i + 1};{i % 3},5;{'uv'[i % 2]}\n" for i in range(9)) + "Total;13,5;\n")
    data = load_data(path, target="k", missing="drop", test_fraction=0)
    assert data.features == ("x",)
    assert ("n", "numbers of the rows: name it to use it") in data.account.left_out  # type: ignore[union-attr]


def test_one_value_and_gaps_are_one_value(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,c,k\n1,5,u\n2,?,v\n3,5,v\n")
    data = load_data(tmp_path / "t.csv", target="k", test_fraction=0)
    assert data.account is not None
    assert ("c", "one value in all rows") in data.account.left_out


@pytest.mark.parametrize("encoding", [None, "utf-8", "utf-8-sig"])
def test_a_mark_of_byte_order_is_no_part_of_a_name(encoding: str | None, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("k,x\nu,1\nv,2\n", encoding="utf-8-sig")
    assert load_data(tmp_path / "t.csv", target="k", test_fraction=0, encoding=encoding).features == ("x",)


@pytest.mark.parametrize("unit", ["D", "s", "ms", "ns", "M"])
def test_days_of_arrays_are_no_numbers(unit: str) -> None:
    when = np.array(["2024-01-01", "2024-02-03", "NaT"], dtype=f"datetime64[{unit}]")
    labels = np.array([b"a", "ü".encode(), "ü".encode()])
    data = load_data({"when": when, "x": [1, 2, 3], "k": labels}, target="k", test_fraction=0)
    assert (data.features, data.classes) == (("x",), ("a", "ü"))
    assert ("when", "dates") in data.account.left_out  # type: ignore[union-attr]
    spans = {"span": np.array([1, 2, 3], dtype="timedelta64[ns]"), "k": ["a", "b", "b"]}
    with pytest.raises(ProblemError, match="must have a numeric column beside the target"):
        load_data(spans, target="k")
