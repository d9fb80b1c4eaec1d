"""Tables of many kinds: the numbers that are read, what is told of it, and what is refused."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.base.errors import ProblemError
from qml_dynamics.cli import main
from qml_dynamics.learning.growth import class_data
from qml_dynamics.model.objectives import Dataset, load_data, on_data
from qml_dynamics.model.tables import Account, read_table

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def inner(content: str | bytes, name: str = "data.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return inner


def raw(data: Dataset) -> list[list[float]]:
    """The training rows in the units of the file."""
    return (data.X_train * data.scale + data.mean).round(9).tolist()


def said(data: Dataset) -> str:
    assert data.account is not None
    text = str(data.account)
    assert len(text.split("\n")) <= 8
    assert max(map(len, text.split("\n"))) <= 120
    return text


WANTED = [[7.4, 1200.0], [0.7, 1.5]]
# of one table of two rows: how it may be written, and what must be told of it
SAME = {
    "commas": (
        'a,b,kind\n7.4,"1,200",u\n0.7,1.5,v\n',
        "separated by commas, with a header; marks between thousands in b",
    ),
    "semicolons": ("a;b;kind\n7,4;1.200,0;u\n0,7;1,5;v\n", "decimal commas in a, b; marks between thousands in b"),
    "tabs": ("a\tb\tkind\n7.4\t1200\tu\n0.7\t1.5\tv\n", "separated by tabs"),
    "pipes": ("a|b|kind\n7.4|1 200|u\n0.7|1.5|v\n", "separated by pipes"),
    "blanks": ("  a    b  kind\n 7.4 1200     u\n 0.7  1.5     v\n", "separated by blanks"),
    "blanks and a tab": ('a b kind\n7.4  1200\t"u"\n0.7   1.5\t"v"\n', "separated by blanks"),
    "apostrophes": ("a;b;kind\n7.4;1'200;u\n0.7;1.5;v\n", "marks between thousands in b"),
    "a line for Excel": ("sep=;\na;b;kind\n7,4;1200;u\n0,7;1,5;v\n", "separated by semicolons"),
    "NumPy's comments": ("# made today\n# a b kind\n7.4 1200 u\n0.7 1.5 v\n", "2 comment lines at the head"),
    "separators at the ends": ("a,b,kind,\n7.4,1200,u,\n0.7,1.5,v,\n", "a separator at the end of each line"),
    "old line ends": ("a,b,kind\r\n7.4,1200,u\r\n0.7,1.5,v\r\n", "separated by commas"),
}


@pytest.mark.parametrize("case", SAME)
def test_one_table_in_many_layouts(case: str, write: Write) -> None:
    text, told = SAME[case]
    data = load_data(write(text), target="kind", test_fraction=0)
    assert (data.features, data.classes, data.y_train.tolist()) == (("a", "b"), ("u", "v"), [0, 1])
    assert raw(data) == WANTED
    assert told in " ".join(said(data).split())


@pytest.mark.parametrize("case", ["semicolons", "commas"])
def test_one_table_in_many_encodings(case: str, write: Write) -> None:
    text = SAME[case][0].replace("b", "größe")
    for encoding, told in (
        ("utf-8-sig", ""),
        ("utf-16", "read as utf-16"),
        ("latin-1", "read as cp1252"),
        ("utf-8", ""),
    ):
        data = load_data(write(text, encoding=encoding), target="kind", test_fraction=0)
        assert data.features == ("a", "größe")
        assert raw(data) == WANTED
        assert told in said(data)
        assert ("read as" in said(data)) == bool(told)
    packed = load_data(write(gzip.compress(text.encode()), "data.csv.gz"), target="kind", test_fraction=0)
    assert raw(packed) == WANTED
    assert "compressed by gzip" in said(packed)
    named = load_data(write(text, encoding="cp437"), target="kind", test_fraction=0, encoding="cp437")
    assert named.features == ("a", "größe")


def test_a_file_without_a_header_loses_no_row(write: Write) -> None:
    path = write("5.1,3.5,setosa\n4.9,3.0,setosa\n6.1,2.8,virginica\n")
    data = load_data(path, target="column3", test_fraction=0)
    assert raw(data) == [[5.1, 3.5], [4.9, 3.0], [6.1, 2.8]]
    assert "without a header" in said(data)
    with pytest.raises(ProblemError, match="has no header: its columns are column1 to column3"):
        load_data(path, target="species")
    texts = write("low,red,yes\nhigh,red,no\nlow,blue,yes\nhigh,blue,no\nlow,red,no\n")  # words only: they come again
    assert load_data(texts, target="column3", test_fraction=0).account.rows == 5  # type: ignore[union-attr]
    years = write("2019,2020,kind\n1,2,u\n3,5,v\n")  # a header of numbers, in which the target stands
    assert load_data(years, target="kind", test_fraction=0).features == ("2019", "2020")


def test_header_and_separator_may_be_stated(write: Write) -> None:
    data = load_data(write("1:2:u\n3:5:v\n"), target="column3", separator=":", header=False, test_fraction=0)
    assert raw(data) == [[1.0, 2.0], [3.0, 5.0]]
    with pytest.raises(ProblemError, match=r"`separator` must be one character, or one of comma, .* but is 'comas'"):
        load_data(write("a,kind\n1,u\n2,v\n"), target="kind", separator="comas")
    with pytest.raises(ProblemError, match=r"`encoding` must be one that Python knows, .* but is 'utf-9'"):
        load_data(write("a,kind\n1,u\n2,v\n"), target="kind", encoding="utf-9")


def test_a_comma_that_may_be_either_is_asked_for(write: Write) -> None:
    path = write("a;kind\n1,200;u\n2,300;v\n")
    with pytest.raises(
        ProblemError, match=r"`decimal` must be given, '.' or ',', for column `a`, whose '1,200' may be either"
    ):
        load_data(path, target="kind")
    assert raw(load_data(path, target="kind", decimal=",", test_fraction=0)) == [[1.2], [2.3]]
    assert raw(load_data(path, target="kind", decimal=".", test_fraction=0)) == [[1200.0], [2300.0]]
    beside = write("a;b;kind\n1,200;0,5;u\n2,300;1,5;v\n")  # another column decides
    assert raw(load_data(beside, target="kind", test_fraction=0)) == [[1.2, 0.5], [2.3, 1.5]]
    points = write("a;b;kind\n1.200;0,5;u\n2.300;1,5;v\n")
    assert raw(load_data(points, target="kind", test_fraction=0)) == [[1200.0, 0.5], [2300.0, 1.5]]


MARKS = ["", "?", "NA", "nan", "N/A", "null", "-"]


@pytest.mark.parametrize("mark", MARKS)
def test_missing_values_by_the_stated_policy(mark: str, write: Write) -> None:
    path = write(f"x,y,kind\n1,4,u\n2,{mark},v\n4,6,u\n7,8,v\n")
    with pytest.raises(
        ProblemError, match=r"in column `y` too, but is of .* in row 3 \(1 of 4 rows lacks a value\): pass missing="
    ):
        load_data(path, target="kind")
    dropped = load_data(path, target="kind", missing="drop", test_fraction=0)
    assert raw(dropped) == [[1.0, 4.0], [4.0, 6.0], [7.0, 8.0]]
    assert dropped.y_train.tolist() == [0, 0, 1]
    assert "rows left out: 1" in said(dropped)
    filled = load_data(path, target="kind", missing="mean", test_fraction=0)
    assert raw(filled) == [[1.0, 4.0], [2.0, 6.0], [4.0, 6.0], [7.0, 8.0]]
    assert "cells filled: 1" in said(filled)
    unused = load_data(path, target="kind", features=["x"], test_fraction=0)
    assert raw(unused) == [[1.0], [2.0], [4.0], [7.0]]


def test_a_missing_value_in_a_column_that_is_not_chosen_blocks_nothing(write: Write) -> None:
    rows = "".join(f"{i % 2 + 0.1 * (i % 5)},{'?' if i == 3 else (i * 7) % 11},{'uv'[i % 2]}\n" for i in range(40))
    data = load_data(write("good,noise,kind\n" + rows), target="kind", num_features=1)
    assert data.features == ("good",)
    assert ("noise", "weaker correlation with the class") in data.account.left_out  # type: ignore[union-attr]
    with pytest.raises(ProblemError, match=r"1 of 40 rows lacks a value"):
        load_data(write("good,noise,kind\n" + rows), target="kind", features=["noise"])


def test_the_mean_is_that_of_the_training_rows(write: Write) -> None:
    rows = "".join(f"{i * i}.5,{'uv'[i % 2]}\n" for i in range(20))
    path = write("x,kind\n?,u\n?,v\n" + rows)
    data = load_data(path, target="kind", missing="mean", test_fraction=0.4, seed=3)
    train = data.X_train[:, 0] * data.scale + data.mean
    values = np.concatenate([train, data.X_test[:, 0] * data.scale + data.mean])
    there = np.array([abs(v % 1 - 0.5) < 1e-6 for v in values])
    known = train[there[: len(train)]]
    assert there.sum() == 20
    assert values[~there] == pytest.approx([known.mean()] * 2)
    assert abs(known.mean() - values[there].mean()) > 1e-3


def test_a_class_that_is_missing(write: Write) -> None:
    path = write("x,kind\n1,u\n2,?\n3,v\n4,NA\n5,v\n")
    with pytest.raises(ProblemError, match=r"`target` must have no missing values, but is of '\?' in row 3 \(2 of 5\)"):
        load_data(path, target="kind")
    data = load_data(path, target="kind", missing="drop", test_fraction=0)
    assert raw(data) == [[1.0], [3.0], [5.0]]
    assert "rows left out: 2" in said(data)


def test_truth_values_percentages_and_categories(write: Write) -> None:
    text = (
        "x,smoker,rate,color,sex,kind\n1.5,yes,5%,red,f,u\n2,No,7.5 %,blue,m,v\n3,no,1%,green,m,v\n"
        "4,yes,9%,red,f,u\n5,no,2%,blue,f,u\n6,no,3%,green,m,v\n"
    )
    data = load_data(write(text), target="kind", test_fraction=0)
    assert data.features == ("x", "smoker", "rate")
    assert raw(data)[:2] == [[1.5, 1.0, 0.05], [2.0, 0.0, 0.075]]
    assert "smoker (yes = 1), rate (percent / 100)" in said(data)
    assert "color (3 categories: name it to use it), sex (2 categories" in " ".join(said(data).split())
    named = load_data(write(text), target="kind", features=["color", "sex", "x"], test_fraction=0)
    assert named.features == ("color=blue", "color=green", "color=red", "sex=m", "x")
    assert raw(named)[:2] == [[0.0, 0.0, 1.0, 0.0, 1.5], [1.0, 0.0, 0.0, 1.0, 2.0]]
    one = load_data(write(text), target="kind", features=["color=red"], test_fraction=0)
    assert (one.features, raw(one)[0]) == (("color=red",), [1.0])
    only = "color,kind\n" + "red,u\nblue,v\n" * 3 + "green,u\n" * 3
    assert load_data(write(only), target="kind", test_fraction=0).features == ("color=blue", "color=green", "color=red")


DATES = [
    "2024-01-{:02d}",
    "{:02d}.01.2024",
    "01/{:02d}/2024",
    "202401{:02d}",
    "2024-01-{:02d} 12:30",
    "{:02d} Jan 2024",
]


@pytest.mark.parametrize("form", DATES)
def test_dates_are_no_numbers(form: str, write: Write) -> None:
    rows = "".join(f"{form.format(i + 1)},{i % 3}.5,{'uv'[i % 2]}\n" for i in range(9))
    data = load_data(write("when,x,kind\n" + rows), target="kind", test_fraction=0)
    assert data.features == ("x",)
    assert ("when", "dates") in data.account.left_out  # type: ignore[union-attr]
    with pytest.raises(
        ProblemError, match=r"`when` holds dates .*: write them as numbers, such as days since the first"
    ):
        load_data(write("when,x,kind\n" + rows), target="kind", features=["when"])


COUNT = 12
IDENTIFIERS = {
    "row numbers": ("n", lambda i: i + 1, "numbers of the rows"),
    "from nought": ("n", lambda i: i, "numbers of the rows"),
    "unlike integers": ("customer", lambda i: 7919 * (i + 3) % 100003, "integers that all differ"),
    "unlike words": ("name", lambda i: f"r{i * i}", "texts that all differ"),
    "called Id": ("Id", lambda i: f"{i * 2}", "named as an identifier"),
    "called so": ("patient_id", lambda i: 50 - i, "named as an identifier"),
    "in camel case": ("customerId", lambda i: 3 * i, "named as an identifier"),
    "the index of a frame": ("", lambda i: i // 2, "the index of a data frame or names of the rows"),
    "the index that was read again": ("Unnamed: 0", lambda i: i, "named as an identifier"),
}


@pytest.mark.parametrize("case", IDENTIFIERS)
def test_identifiers_are_not_chosen_unless_they_are_named(case: str, write: Write) -> None:
    name, cell, why = IDENTIFIERS[case]
    rows = "".join(f"{cell(i)},{(i * i) % 7},{'uv'[i % 2]}\n" for i in range(COUNT))
    path = write(f"{name},x,kind\n{rows}")
    shown = name or "column1"
    data = load_data(path, target="kind", test_fraction=0)
    assert data.features == ("x",)
    assert (shown, f"{why}: name it to use it") in data.account.left_out  # type: ignore[union-attr]
    if case != "unlike words":
        assert load_data(path, target="kind", features=[shown, "x"], test_fraction=0).features == (shown, "x")
    alone = write(f"{name},kind\n" + "".join(f"{cell(i)},{'uv'[i % 2]}\n" for i in range(COUNT)))
    with pytest.raises(ProblemError, match="must have a numeric column beside the target"):
        load_data(alone, target="kind")


def test_names_of_rows_as_r_writes_them(write: Write) -> None:
    data = load_data(write('"x" "y" "kind"\n"1" 1.5 2 "u"\n"2" 2.5 4 "v"\n'), target="kind", test_fraction=0)
    assert data.features == ("x", "y")
    assert raw(data) == [[1.5, 2.0], [2.5, 4.0]]
    assert "names of rows" in said(data)


def test_a_number_with_an_underscore_is_none(write: Write) -> None:
    rows = "".join(f"{i}_0,{i % 3}.5,{'uv'[i % 2]}\n" for i in range(9))
    data = load_data(write("code,x,kind\n" + rows), target="kind", test_fraction=0)
    assert data.features == ("x",)
    with pytest.raises(
        ProblemError, match="`features` must be finite numbers, in column `code` too, but is of '0_0' in row 2"
    ):
        load_data(write("code,x,kind\n" + rows), target="kind", features=["code"])


@pytest.mark.parametrize("cells", [("False", "True"), ("false", "true"), ("0", "1"), ("0.0", "1.0"), ("no", "yes")])
@pytest.mark.parametrize("classes", [[False, True], [0, 1], [1.0, 0.0], [True, False]])
def test_classes_are_compared_by_value(cells: tuple[str, str], classes: list[object], write: Write) -> None:
    path = write(f"x,flag\n1,{cells[1]}\n2,{cells[0]}\n3,{cells[1]}\n")
    data = load_data(path, target="flag", classes=classes, test_fraction=0)
    first = int(bool(classes[0]))
    assert data.classes == (cells[first], cells[1 - first])
    assert data.y_train.tolist() == ([1, 0, 1] if not first else [0, 1, 0])
    one = load_data(path, target="flag", positive=classes[1], test_fraction=0)
    assert one.y_train.tolist() == data.y_train.tolist()
    with pytest.raises(ProblemError, match="`classes` must be two different classes"):
        load_data(path, target="flag", classes=[0, False])


def test_labels_of_one_value_are_one_class(write: Write) -> None:
    data = load_data(write("x,k\n1,0\n2,0.0\n3,1\n4,1.0\n"), target="k", test_fraction=0)
    assert data.classes == ("0", "1")
    assert data.y_train.tolist() == [0, 0, 1, 1]


def test_truth_values_of_reversed_classes_are_scored_rightly(write: Write) -> None:
    path = write("x,flag\n" + "".join(f"{i}.5,{i < 6}\n" for i in range(12)))
    data = load_data(path, target="flag", classes=[True, False], test_fraction=0)
    problem = qd.Problem(qd.Grid((-6, 6), 4), on_data(data), 0.1, clock="imaginary", duration=4.0)
    run = qd.evolve(problem, qd.SplitStep(20), seed=1)
    X = [[i + 0.5] for i in range(12)]
    assert run.predict(X).tolist() == ["True"] * 6 + ["False"] * 6
    assert run.score(X, [i < 6 for i in range(12)]) == 1.0
    assert run.score(X, [str(i < 6) for i in range(12)]) == 1.0


PROBLEM = """
[domain]
kind = "grid"
bounds = [[-6.0, 6.0], [-6.0, 6.0], [-6.0, 6.0]]
qubits = 2
[objective]
data = "own.csv"
target = {column = "flag", classes = [false, true]}
features = ["rate", "color=red", "member"]
missing = "mean"
[diffusion]
value = 0.1
[evolution]
clock = "imaginary"
duration = 3.0
[method]
kind = "split_step"
steps = 20
"""


@pytest.fixture
def trained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Path, str]:
    """A run of the command line on a table with percentages, categories, truth values, decimal commas and a gap."""
    lines = ["Id;rate;color;member;flag"]
    for i in range(24):
        rate = "?" if i == 7 else f"{10 + 3 * (i % 2) + 0.1 * (i % 5):.1f} %".replace(".", ",")
        lines.append(
            f"{900 + i * i};{rate};{('red', 'blue', 'green')[i % 3]};{('no', 'yes')[i % 4 // 2]};{bool(i % 2)}"
        )
    (tmp_path / "own.csv").write_text("\n".join(lines) + "\n", encoding="latin-1")
    (tmp_path / "p.toml").write_text(PROBLEM)
    with pytest.raises(SystemExit) as left:
        main(["run", str(tmp_path / "p.toml"), "--out", str(tmp_path / "run"), "--no-plots"])
    assert left.value.code == 0
    return tmp_path / "run", capsys.readouterr().out


def test_a_run_tells_and_keeps_what_was_read(trained: tuple[Path, str]) -> None:
    folder, printed = trained
    flat = " ".join(printed.split())
    assert "table own.csv: 24 rows, 5 columns; separated by semicolons, with a header; decimal commas in rate" in flat
    assert "missing values: mean; rows left out: 0, cells filled: 1" in flat
    kept = json.loads((folder / "result.json").read_text())["table"]
    assert kept["used"] == ["rate (percent / 100)", "color=red (1 or 0)", "member (yes = 1)"]
    assert ["Id", "not asked for"] in kept["left_out"]
    assert Account(**kept).rows == 24


def test_new_rows_are_read_as_the_training_rows_were(
    trained: tuple[Path, str], write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = trained
    run = qd.load(folder)
    prepared = run.problem.objective.preparation  # type: ignore[union-attr]
    assert prepared.kinds["color=red"] == ("category", "color", "blue", "green", "red")
    frame = {"member": [True, False, False], "color": ["blue", "red", "green"], "rate": ["13%", "10%", None]}
    with pytest.raises(
        ProblemError, match="`X` must be one of no, yes, in column `member` too, but is of 'True' in row 1"
    ):
        prepared.rows_of(read_table(frame), "X")
    frame["member"] = ["yes", "no", "no"]  # type: ignore[assignment]
    X = prepared.rows_of(read_table(frame), "X")
    assert X[:, 1:].tolist() == [[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]]
    assert X[:, 0] == pytest.approx([0.13, 0.10, prepared.mean[0]])
    path = write("member;rate;color\nyes;13%;blue\nno;10%;red\n", "new.csv")
    with pytest.raises(SystemExit):
        main(["predict", str(folder), str(path), "--json"])
    assert json.loads(capsys.readouterr().out)["predictions"] == run.predict(X[:2]).tolist()
    for changed, words in (
        ("member,rate,color\nyes,13,blue\n", "must be percentages, in column `rate` too, but is of '13' in row 2"),
        (
            "member,rate,color\nyes,13%,pink\n",
            "must be one of blue, green, red, in column `color` too, but is of 'pink'",
        ),
        ("member,color\nyes,red\n", "must be a column of the file, but is 'rate'"),
    ):
        with pytest.raises(SystemExit):
            main(["predict", str(folder), str(write(changed, "new.csv"))])
        assert words in capsys.readouterr().err


def test_numbers_that_became_percentages_are_refused(write: Write) -> None:
    data = load_data(write("x,kind\n1,u\n2,v\n3,v\n"), target="kind", test_fraction=0)
    prepared = on_data(data).preparation
    assert prepared is not None
    assert prepared.kinds == {"x": ("number", "whole")}
    with pytest.raises(
        ProblemError, match="`X` must have numbers in column `x`, as the training data had, but has percentages"
    ):
        prepared.rows_of(read_table({"x": ["1%", "2%"]}), "X")


class Frame:
    """A data frame as far as its protocol goes: names of columns, and columns by name."""

    def __init__(self, columns: dict[str, object]) -> None:
        self.own = columns

    @property
    def columns(self) -> list[str]:
        return list(self.own)

    def __getitem__(self, name: str) -> object:
        return self.own[name]


def test_tables_of_python() -> None:
    columns: dict[str, object] = {
        "x": np.array([1.5, np.nan, 0.1 + 0.2], dtype=float),
        "n": [3, None, 5],
        "b": np.array([True, False, True]),
        "when": np.array(["2024-01-01", "2024-01-02", "2024-01-05"], dtype="datetime64[D]"),
        "kind": ["u", "v", "v"],
    }
    records = np.array([(1.5, 2.0), (2.5, 1.0)], dtype=[("x", float), ("kind", float)])
    for source in (columns, Frame(columns)):
        data = load_data(source, target="kind", missing="mean", test_fraction=0)
        assert data.features == ("x", "n", "b")
        assert data.X_train[2, 0] * data.scale[0] + data.mean[0] == pytest.approx(0.1 + 0.2, abs=1e-15)
        assert ("when", "dates") in data.account.left_out  # type: ignore[union-attr]
    assert load_data(records, target="kind", test_fraction=0).classes == ("1.0", "2.0")
    matrix = load_data(np.array([[1.0, 0], [2, 1], [4, 1]]), target="column2", test_fraction=0)
    assert raw(matrix) == [[1.0], [2.0], [4.0]]
    for wrong, words in (
        ({}, "have columns, but is of none"),
        ({"a": [1], "kind": ["u", "v"]}, "columns of one length"),
        (np.zeros(3), "be a matrix"),
        (3, "be the name of a file, but is 3"),
    ):
        with pytest.raises(ProblemError, match=words):
            load_data(wrong, target="kind")  # type: ignore[arg-type]


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"\x89HDF\r\n", b"\xd0\xcf\x11\xe0", b"\x93NUMPY"])
def test_files_that_are_no_text_name_the_remedy(start: bytes, write: Write) -> None:
    with pytest.raises(
        ProblemError, match=r"must be a readable CSV file, but .* is an? .*(save the table as CSV|numpy.load)"
    ):
        load_data(write(start + bytes(40), "table.bin"), target="kind")
    with pytest.raises(ProblemError, match="must be a readable CSV file"):
        load_data(write(b"a,kind\n1,\x00\n"), target="kind")
    with pytest.raises(ProblemError, match="must be a readable CSV file"):
        load_data(write(gzip.compress(b"a,kind\n1,u\n" * 200)[:40], "cut.gz"), target="kind")


def test_data_for_networks_that_grow(write: Write) -> None:
    rows = "".join(f"{i + 1};{i % 3},5;{'?' if i == 4 else i % 4};{'abc'[i % 3]}\n" for i in range(18))
    path = write("Id;x;y;kind\n" + rows)
    with pytest.raises(ProblemError, match=r"in column `y` too, but is of '\?' in row 6"):
        class_data(path, target="kind")
    data = class_data(path, target="kind", missing="drop")
    assert data.features == ("x", "y")
    assert len(data.X) + len(data.X_test) == 17
    assert data.account is not None
    assert "decimal commas in x" in str(data.account)
