"""What the columns of a table hold: identifiers, dates, truth values and missing values in their many spellings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from qml_dynamics.base.errors import ProblemError
from qml_dynamics.model.objectives import load_data
from qml_dynamics.model.tables.again import rows_like
from qml_dynamics.model.tables.columns import column_of
from qml_dynamics.model.tables.foreign import foreign_form
from qml_dynamics.model.tables.reading import read_table

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


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"% by hand\n@RELATION r\n@ATTRIBUTE x REAL\n@DATA\n1,u\n", "is an ARFF file: save the table as CSV"),
        (b'{"x": 1, "k": "u"}\n{"x": 2, "k": "v"}\n', "is JSON: pass its columns as a dictionary"),
        (b'[\n  {"x": 1, "k": "u"}\n]\n', "is JSON"),
        (b"1 1:0.5 3:2.25\n-1 2:1.5\n", "is of LIBSVM's form"),
        (b"<!DOCTYPE html>\n<table><tr><td>x</td></tr></table>\n", "is a page of HTML or XML"),
        (b"| x | k |\n|---|---|\n| 1 | u |\n| 2 | v |\n", "is a table of Markdown: save it as CSV"),
        (b"BZh91AY&SY" + bytes(20), "compressed by bzip2: unpack it, or compress it by gzip"),
        (b"\xfd7zXZ\x00" + bytes(20), "compressed by xz"),
        (
            b"Measured in 2024\n\nx,k\n1,u\n2,v\n",
            "names of its columns in the first row, but has 'k' in row 3: take out",
        ),
        (b"My table;;\nx;y;k\n1;2;u\n2;3;v\n", "but has 'k' in row 2"),
    ],
)
def test_other_forms_are_refused_with_the_remedy(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(ProblemError) as told:
        load_data(tmp_path / "t.csv", target="k")
    assert words in str(told.value)


@pytest.mark.parametrize(
    "text", ["5 12:30 x\n6 13:45 y\n", "5 12:30\n6 13:45\n", "a|b\n-|-\n1|2\n", "[a],k\n1,u\n2,v\n"]
)
def test_tables_that_only_look_so_are_none_of_them(text: str) -> None:
    assert foreign_form(text) is None


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


@pytest.mark.parametrize("words", [("nein", "ja"), ("Nein", "Ja"), ("FALSCH", "WAHR")])
def test_a_truth_value_asked_for_as_a_category_keeps_its_sign_for_new_rows(
    words: tuple[str, str], tmp_path: Path
) -> None:
    """``smoker=nein`` stands in problem files of before, when these words were categories."""
    no, yes = words
    path = tmp_path / "x.csv"
    path.write_text(f"smoker,x,k\n{no},1.5,a\n{yes},2.5,b\n{no},3.5,a\n{no},4.5,b\n")
    data = load_data(path, target="k", features=[f"smoker={no}", "x"], test_fraction=0.0)
    assert (data.X_train * data.scale + data.mean)[:, 0] == pytest.approx([1, 0, 1, 1])
    rows = rows_like(read_table(path), data.features, data.kinds, "X")
    assert rows[:, 0].tolist() == [1, 0, 1, 1]
