"""Tables of strangers with their warts, ten of them: read rightly, to the number, or refused with the remedy."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from qml_dynamics.base.errors import ProblemError
from qml_dynamics.model.objectives import load_data

ROWS = 24
RNG = np.random.default_rng(3)
X = np.round(np.where(np.arange(ROWS) % 2, 5.0, 3.0) + RNG.normal(size=ROWS) * 0.4, 2)
Y = np.round(np.where(np.arange(ROWS) % 2, 18000.0, 10000.0) + RNG.normal(size=ROWS) * 900, 1)
FLAG = RNG.integers(0, 2, ROWS)
SECOND = [i % 2 == 1 for i in range(ROWS)]


def table(head: str, row: Callable[[int], str], end: str = "\n") -> str:
    """A header and a row a number."""
    return end.join([head, *(row(i) for i in range(ROWS)), ""])


def german(value: float, digits: int) -> str:
    """Points between thousands, a comma before decimals."""
    return f"{value:,.{digits}f}".translate(str.maketrans(",.", ".,"))


def kind(i: int, words: str = "uv") -> str:
    return words[SECOND[i]]


WARTS: dict[str, tuple[str, bytes, str, list[str], list[np.ndarray], str]] = {
    "semicolons, commas, umlauts of latin-1": (
        "a.csv",
        table("Größe;Art", lambda i: f"{german(X[i], 2)};{'schön' if SECOND[i] else 'gut'}").encode("latin-1"),
        "Art",
        ["Größe"],
        [X],
        "decimal commas in Größe",
    ),
    "marks between thousands, quoted": (
        "b.csv",
        table("x,income,kind", lambda i: f'{X[i]},"{Y[i]:,.1f}",{kind(i)}').encode(),
        "kind",
        ["x", "income"],
        [X, Y],
        "marks between thousands in income",
    ),
    "points between thousands, decimal commas": (
        "c.csv",
        table("x;income;kind", lambda i: f"{german(X[i], 2)};{german(Y[i], 1)};{kind(i)}").encode(),
        "kind",
        ["x", "income"],
        [X, Y],
        "marks between thousands in income",
    ),
    "byte order mark, quoted line ends, yes and no": (
        "d.csv",
        (
            "\ufeff"
            + table("name,x,flag,kind", lambda i: f'"Row\r\n{i * i}",{X[i]},{["no", "yes"][FLAG[i]]},{kind(i)}', "\r\n")
        ).encode(),
        "kind",
        ["x", "flag"],
        [X, FLAG.astype(float)],
        "yes = 1",
    ),
    "compressed; dates, identifiers, percents, one value": (
        "e.csv.gz",
        gzip.compress(
            table(
                "id,when,share,same,x,kind",
                lambda i: f"{1000 + i},2024-01-{i + 1:02d},{X[i] * 10:.1f}%,7,{X[i]},{kind(i)}",
            ).encode()
        ),
        "kind",
        ["share", "x"],
        [X / 10, X],
        "same (one value in all rows",
    ),
    "no header": (
        "f.csv",
        "".join(f"{X[i]},{Y[i]},{kind(i)}\n" for i in range(ROWS)).encode(),
        "column3",
        ["column1", "column2"],
        [X, Y],
        "without a header",
    ),
    "tabs in utf-16, True and False": (
        "g.tsv",
        table("x\ty\tkind", lambda i: f"{X[i]}\t{Y[i]}\t{SECOND[i]}").encode("utf-16"),
        "kind",
        ["x", "y"],
        [X, Y],
        "utf-16",
    ),
}


@pytest.mark.parametrize("case", WARTS)
def test_a_table_with_warts_is_read_rightly(case: str, tmp_path: Path) -> None:
    """Every number of every row, the classes, and what is told of it."""
    name, content, target, features, columns, told = WARTS[case]
    (tmp_path / name).write_bytes(content)
    data = load_data(tmp_path / name, target=target, test_fraction=0)
    assert list(data.features) == features
    np.testing.assert_allclose(data.X_train * data.scale + data.mean, np.column_stack(columns), rtol=1e-12)
    assert (data.y_train.astype(bool) == SECOND).all() or (data.y_train.astype(bool) != SECOND).all()
    assert len(data.classes) == 2
    assert told in " ".join(str(data.account).split())


REFUSED = {
    "two columns of one name": ("x,x,kind\n1,2,u\n3,4,v\n", "of two called 'x': rename one"),
    "values that are missing": ("x,y,kind\n1,2,u\n3,,v\n5,6,u\n", "pass missing='drop'"),
    "dates alone": ("when,kind\n2024-01-05,u\n2024-02-06,v\n", "must have a numeric column beside the target"),
    "one value alone": ("x,kind\n7,u\n7,v\n7,u\n", "must have a numeric column beside the target"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_table_that_cannot_be_read_is_refused_with_the_remedy(case: str, tmp_path: Path) -> None:
    content, words = REFUSED[case]
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(ProblemError) as told:
        load_data(tmp_path / "t.csv", target="kind")
    assert words in str(told.value)
    assert "\n" not in str(told.value)
    if case.startswith("one value"):  # named, it is taken
        assert load_data(tmp_path / "t.csv", target="kind", features=["x"], test_fraction=0).features == ("x",)


DRESSED = {
    "signs of currency": lambda i: f'"${1000 * X[i]:,.2f}"',
    "a unit": lambda i: f"{X[i]} kg",
    "negative numbers in brackets": lambda i: f"({X[i]})" if i % 3 else f"{X[i]}",
    "a currency behind": lambda i: f"{X[i]} €",
}


@pytest.mark.parametrize("case", DRESSED)
def test_numbers_with_signs_units_or_brackets_are_told_with_the_remedy(case: str, tmp_path: Path) -> None:
    """Left out where nobody names them, refused where somebody does; a dose of few levels is a category as before."""
    path = tmp_path / "d.csv"
    path.write_text(
        table("price,dose,size,kind", lambda i: f"{DRESSED[case](i)},{5 + 5 * SECOND[i]} mg,{Y[i]},{kind(i)}"), "utf-8"
    )
    data = load_data(path, target="kind", num_features=1, test_fraction=0)
    told = " ".join(str(data.account).split())
    assert "price (numbers with signs of currency, units or brackets: take these off)" in told
    assert data.features == ("size",)
    assert "dose (2 categories: name it to use it)" in told
    with pytest.raises(ProblemError) as caught:
        load_data(path, target="kind", features=["price"])
    assert "in column `price` too" in str(caught.value)
    assert str(caught.value).endswith("write the numbers of this column without signs of currency, units or brackets.")
    assert load_data(path, target="kind", features=["dose"]).features == ("dose=5 mg",)


def test_remedies_of_infinite_numbers_and_of_columns_of_one_name(tmp_path: Path) -> None:
    columns = {"a": [1.0, float("inf"), 3.0, 4.0], "y": [0, 1, 0, 1]}
    with pytest.raises(ProblemError, match=r"but is of 'inf' in row 2: take that row out\.$"):
        load_data(columns, target="y", features=["a"])
    twice = np.array([(1.0, 2.0, 0), (2.0, 3.0, 1)], dtype=[("a", float), ("b", float), ("y", int)])

    class Frame:
        columns = ("a", "a", "y")

        def __getitem__(self, name: str) -> np.ndarray:
            return np.asarray(twice[name])

        def __len__(self) -> int:
            return 2

    with pytest.raises(ProblemError, match="of two called 'a': rename one"):
        load_data(Frame(), target="y")
