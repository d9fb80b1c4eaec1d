"""Commas, points and quotes in tables: what separates values, what stands before decimals, and what is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from qml_dynamics.base.errors import ProblemError
from qml_dynamics.model.objectives import Dataset, load_data, on_data
from qml_dynamics.model.objectives.prepared import Preparation, preparation_from_spec, preparation_spec
from qml_dynamics.model.tables import read_table
from qml_dynamics.model.tables.again import check_kinds, columns_of

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def inner(content: str) -> Path:
        path = tmp_path / "data.csv"
        path.write_text(content, encoding="utf-8")
        return path

    return inner


def raw(data: Dataset) -> list[list[float]]:
    """The training rows in the units of the file."""
    return (data.X_train * data.scale + data.mean).round(9).tolist()


def again(prepared: Preparation | None, path: Path) -> list[list[float]]:
    """New rows as a prediction reads them, by what a folder keeps of the preparation."""
    assert prepared is not None
    kept = preparation_from_spec(preparation_spec(prepared), len(prepared.features), 2)
    return kept.rows_of(read_table(path, columns_of(kept.features, kept.kinds)), "data").tolist()


MORE = r"has one value more in each row than names: write decimal commas in quotes, or separate by semicolons"


@pytest.mark.parametrize(
    "text",
    [
        "size,len,k\n1,0,0.5,a\n2,3,1.5,b\n",  # decimals of the first column
        "city,temp,k\nBerlin,3,5,a\nParis,4,6,b\n",  # of another one
        "size,len,k\n1,0.5,0.5,a\n1,3.5,1.5,b\n",  # names of rows differ
        "k\n34,5\n50,2\n",  # one name
    ],
)
def test_decimal_commas_are_no_names_of_rows(text: str, write: Write) -> None:
    with pytest.raises(ProblemError, match=MORE):
        load_data(write(text), target="k", separator=",")


def test_names_of_rows_between_commas(write: Write) -> None:
    data = load_data(write("size,len,k\nr1,0.5,0.5,a\nr2,3.5,1.5,b\n"), target="k", test_fraction=0)
    assert raw(data) == [[0.5, 0.5], [3.5, 1.5]]
    rows = "".join(f"{i + 1},{i % 3},{i % 4},{'ab'[i % 2]}\n" for i in range(9))
    assert raw(load_data(write("x,y,k\n" + rows), target="k", test_fraction=0))[4] == [1.0, 0.0]


@pytest.mark.parametrize("text", ["Alter;k\n34,5;a\n50,2;b\n", "Alter,k\n34.5,a\n50.2,b\n"])
def test_one_column_of_decimal_commas_is_read_whole(text: str, write: Write) -> None:
    prepared = on_data(load_data(write(text), target="k", test_fraction=0)).preparation
    assert again(prepared, write("Alter\n34,5\n50,2\n40\n")) == [[34.5], [50.2], [40.0]]
    with pytest.raises(ProblemError, match=MORE):
        read_table(write("Jahre\n34,5\n50,2\n"))


GERMAN = "Umsatz;Alter;k\n1.234,50;3;a\n2.345,10;4;b\n"
ENGLISH = "Umsatz;Alter;k\n1,234.5;3;a\n2,345.1;4;b\n"


@pytest.mark.parametrize(
    ("trained", "new", "wanted"),
    [
        (GERMAN, "Umsatz;Alter\n1.200;3\n2.000;4\n", [1200.0, 2000.0]),
        (GERMAN, "Umsatz;Alter\n1,200;3\n2,000;4\n", [1.2, 2.0]),
        (GERMAN, "Umsatz;Alter\n1,200.5;3\n2.000;4\n", [1200.5, 2.0]),  # the column itself says another mark
        (ENGLISH, "Umsatz;Alter\n1,200;3\n2,000;4\n", [1200.0, 2000.0]),
        (ENGLISH, "Umsatz;Alter\n1.200,5;3\n2.000;4\n", [1200.5, 2000.0]),
    ],
)
def test_new_rows_keep_the_mark_of_the_training_rows(trained: str, new: str, wanted: list[float], write: Write) -> None:
    prepared = on_data(load_data(write(trained), target="k", test_fraction=0)).preparation
    assert again(prepared, write(new)) == [[wanted[0], 3.0], [wanted[1], 4.0]]


@pytest.mark.parametrize("new", ["Umsatz,Alter\n1.200,3\n2.000,4\n", "Umsatz;Alter\n1.200;3.5\n2.000;4.5\n"])
def test_a_file_that_speaks_for_another_mark_is_asked(new: str, write: Write) -> None:
    prepared = on_data(load_data(write(GERMAN), target="k", test_fraction=0)).preparation
    with pytest.raises(ProblemError, match=r"`data` must say what the marks of column `Umsatz` are"):
        again(prepared, write(new))
    assert prepared is not None
    frame = {"Umsatz": [1.234, 2.345], "Alter": [3.0, 4.0]}  # numbers of Python say what they are
    assert prepared.rows_of(read_table(frame), "X")[:, 0].tolist() == [1.234, 2.345]


WHOLE = "n;k\n900;a\n1500;b\n"


@pytest.mark.parametrize(
    ("new", "wanted"),
    [
        ("n\n1200\n3\n", [1200.0, 3.0]),
        ("n\n1.200\n1.5\n", [1.2, 1.5]),  # the column itself says what the point is
        ("n\n1.200\n1.234.567\n", [1200.0, 1234567.0]),
        ("n;x\n1.200;0,5\n3;1,5\n", [1200.0, 3.0]),  # another column does
        ("n;x\n1.200;0.5\n3;1.5\n", [1.2, 3.0]),
        ('n,x\n"1,200",a\n3,b\n', [1200.0, 3.0]),  # a comma between values is none before decimals
        ("n;x\n1.200;0,5\n3;1.5\n", None),  # the others contradict each other
        ("n\n1.200\n3\n", None),
        ("n,x\n1.200,a\n3,b\n", None),
        ("n;x\n1,200;a\n3;b\n", None),
    ],
)
def test_new_marks_after_whole_numbers_are_decided_by_the_new_rows_or_asked_for(
    new: str, wanted: list[float] | None, write: Write
) -> None:
    prepared = on_data(load_data(write(WHOLE), target="k", test_fraction=0)).preparation
    assert prepared is not None
    assert dict(prepared.kinds) == {"n": ("number", "whole")}
    if wanted is None:
        with pytest.raises(
            ProblemError, match=r"^Argument `data` must say what the marks of column `n` are, whose .* '1[.,]200'"
        ):
            again(prepared, write(new))
    else:
        assert again(prepared, write(new)) == [[value] for value in wanted]


def test_commas_in_texts_say_nothing_of_the_marks_of_numbers(write: Write) -> None:
    prepared = on_data(load_data(write(WHOLE), target="k", test_fraction=0)).preparation
    with pytest.raises(ProblemError, match="must say what the marks of column `n` are"):
        again(prepared, write("n;note\n1.200;size 7\n1.500;7,4\n3.100;plain\n"))


def test_whole_percentages_and_whole_numbers_beside_decimals(write: Write) -> None:
    prepared = on_data(load_data(write("p;k\n5%;a\n7 %;b\n"), target="k", test_fraction=0)).preparation
    assert again(prepared, write("p\n9%\n1.5%\n")) == [[0.09], [0.015]]
    with pytest.raises(ProblemError, match=r"marks of column `p` are, whose numbers may have decimals or thousands"):
        again(prepared, write("p\n9%\n1.200%\n"))
    points = on_data(load_data(write("n;x;k\n900;0.5;a\n1500;1.5;b\n"), target="k", test_fraction=0)).preparation
    assert points is not None
    assert not points.kinds  # the training data say what a point is
    assert again(points, write("n;x\n1.200;3\n5;4\n")) == [[1.2, 3.0], [5.0, 4.0]]


def test_numbers_of_python_say_what_their_points_are() -> None:
    prepared = on_data(load_data({"n": [900, 1500], "k": ["a", "b"]}, target="k", test_fraction=0)).preparation
    assert prepared is not None
    assert not prepared.kinds
    assert prepared.rows_of(read_table({"n": [1.2, 3.0]}), "X").tolist() == [[1.2], [3.0]]


def test_kinds_with_marks_and_without_them() -> None:
    kinds = {"a": ["number", ","], "b": ["percent", ","], "c": ["percent"], "d": ["number", "whole"]}
    assert check_kinds(kinds, list("abcd")) == {name: tuple(said) for name, said in kinds.items()}
    for wrong in (["number"], ["number", ";"], ["percent", "x"]):
        with pytest.raises(ProblemError, match="`kinds` must be a table"):
            check_kinds({"a": wrong}, ["a"])


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ('x,n,k\n1,a,u\n2,"b,v\n3,c,u\n4,d,v\n', 3),
        ('# a comment\nx;n;k\n1;"a\nb";u\n2;"b;v\n3;c;u\n', 5),
        ('x,n,k\n1,"a,u\n' + f"2,{'b' * 60},v\n" * 4000, 2),  # longer than one value may be
    ],
)
def test_a_quote_that_is_not_closed(text: str, row: int, write: Write) -> None:
    with pytest.raises(ProblemError, match=f"but a quote in row {row} is not closed"):
        load_data(write(text), target="k")


def test_quotes_that_are_in_order(write: Write) -> None:
    path = write('x,n,k\n1,5" pipe,u\n2,"a ""b""\nc",v\n3,"d",u')
    assert read_table(path).rows == [["1", '5" pipe', "u"], ["2", 'a "b"\nc', "v"], ["3", "d", "u"]]


ASKED = "`decimal` must be given, '.' or ',', for column `a`, whose"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a;k\n3.755.251;u\n891.604;v\n", [3755251.0, 891604.0]),
        ("a;k\n891.604;u\n1.200;v\n", None),
        ("a;b;k\n891.604;0.5;u\n1.200;1.5;v\n", [891.604, 1.2]),  # another column says points
        ("a,k\n891.604,u\n1.200,v\n", [891.604, 1.2]),  # commas separate
        ('tags,a,k\n"1,5",1.200,u\n"p,q",2.300,v\n"r,s",1.100,u\n', [1.2, 2.3, 1.1]),  # a column of texts says nothing
        ('tags,a,k\n"1,5",1.200,u\n"2,6",2.300,v\n', None),
    ],
)
def test_points_between_thousands(text: str, wanted: list[float] | None, write: Write) -> None:
    if wanted is None:
        with pytest.raises(ProblemError, match=ASKED):
            load_data(write(text), target="k", features=["a"], test_fraction=0)
        assert raw(load_data(write(text), target="k", features=["a"], test_fraction=0, decimal="."))[0][0] < 1000
        return
    data = load_data(write(text), target="k", features=["a"], test_fraction=0)
    assert raw(data) == [[value] for value in wanted]
