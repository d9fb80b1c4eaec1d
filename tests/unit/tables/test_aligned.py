"""Tables whose columns are aligned by blanks: values that are missing, texts with blanks, rules, units, numbers of Fortran."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from qml_dynamics.base.errors import ProblemError
from qml_dynamics.model.objectives import load_data
from qml_dynamics.model.tables import Reading, Table, read_table

Write = Callable[[str], Path]
UNTOLD = "must have columns that blanks or their places tell apart"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def inner(content: str) -> Path:
        path = tmp_path / "data.txt"
        path.write_text(content, encoding="utf-8")
        return path

    return inner


READ: dict[str, tuple[str, list[str], list[list[str]], bool]] = {
    "right aligned, leading blanks": (
        "     x      y  kind\n   1.5   10.0     a\n 12.25    3.5     b\n  -1.0  100.0     a\n",
        ["x", "y", "kind"],
        [["1.5", "10.0", "a"], ["12.25", "3.5", "b"], ["-1.0", "100.0", "a"]],
        False,
    ),
    "a rule below the names": (
        "x     y    kind\n----- ---- ----\n1.5   10.0 a\n12.25 3.5  b\n",
        ["x", "y", "kind"],
        [["1.5", "10.0", "a"], ["12.25", "3.5", "b"]],
        True,
    ),
    "a value that is missing": (
        "     x      y  kind\n   1.5            a\n  12.2    3.5     b\n  -1.0  100.0     a\n",
        ["x", "y", "kind"],
        [["1.5", "", "a"], ["12.2", "3.5", "b"], ["-1.0", "100.0", "a"]],
        True,
    ),
    "one missing in each row, without names": (
        "   1.5          11\n  12.2    3.5   \n          100.0  2\n   2.5          13\n  12.2    3.5   \n",
        ["column1", "column2", "column3"],
        [["1.5", "", "11"], ["12.2", "3.5", ""], ["", "100.0", "2"], ["2.5", "", "13"], ["12.2", "3.5", ""]],
        True,
    ),
    "texts with blanks": (
        "city        x      y\nNew York   1.5   10.0\nParis     12.2    3.5\nSan Jose  -1.0  100.0\n",
        ["city", "x", "y"],
        [["New York", "1.5", "10.0"], ["Paris", "12.2", "3.5"], ["San Jose", "-1.0", "100.0"]],
        True,
    ),
    "texts that all have one blank": (
        "city       x      y\nNew York   1.5   10.0\nLos Gatos 12.2    3.5\nSan Jose  -1.0  100.0\n",
        ["city", "x", "y"],
        [["New York", "1.5", "10.0"], ["Los Gatos", "12.2", "3.5"], ["San Jose", "-1.0", "100.0"]],
        True,
    ),
    "names with blanks": (
        "Sepal length  Sepal width  Species\n         5.1          3.5  setosa\n         4.9          3.0  setosa\n",
        ["Sepal length", "Sepal width", "Species"],
        [["5.1", "3.5", "setosa"], ["4.9", "3.0", "setosa"]],
        True,
    ),
    "quoted texts": (
        'x     name           y\n1.5   "New York"  10.0\n12.25 "Paris"        \n3.0   "San Jose" 100.0\n',
        ["x", "name", "y"],
        [["1.5", "New York", "10.0"], ["12.25", "Paris", ""], ["3.0", "San Jose", "100.0"]],
        True,
    ),
    "blanks and a tab before a quoted name": (
        '18.0   8   307.0      1\t"chevrolet malibu"\n15.0   8   350.0      2\t"buick"\n9.0   10   1350.0      2\t"hi 1"\n',
        [f"column{i}" for i in range(1, 6)],
        [
            ["18.0", "8", "307.0", "1", "chevrolet malibu"],
            ["15.0", "8", "350.0", "2", "buick"],
            ["9.0", "10", "1350.0", "2", "hi 1"],
        ],
        False,
    ),
    "names of rows as pandas prints them": (
        "          x     y kind\n0       1.5  10.0    a\n1      12.2   3.5    b\n2      -1.0 100.0    a\n",
        ["column1", "x", "y", "kind"],
        [["0", "1.5", "10.0", "a"], ["1", "12.2", "3.5", "b"], ["2", "-1.0", "100.0", "a"]],
        False,
    ),
    "values that are not aligned": (
        "1.5 2 3\n10.25 20 30\n   7 8 1000.125\n",
        ["column1", "column2", "column3"],
        [["1.5", "2", "3"], ["10.25", "20", "30"], ["7", "8", "1000.125"]],
        False,
    ),
}


@pytest.mark.parametrize("case", READ)
def test_an_aligned_table_is_read_rightly(case: str, write: Write) -> None:
    text, names, rows, placed = READ[case]
    table = read_table(write(text))
    assert (table.header, table.rows) == (names, rows)
    assert ("columns told by their places" in table.layout) == placed
    assert table.lines[-1] == len(text.splitlines())


REFUSED = {
    "values where no column is": "   1.5          1\n  12.2    3.5   \n          100.0   2\n",
    "a word that may belong to either name": "a of b  c\n1.5 2.5  3\n2.5   3\n",
    "two values in one place": "name   x\nu   1   2\nv  22   3\nw  1    7 4\n",
    "a title above": "A table of things\n\n     x      y  kind\n   1.5   10.0     a\n  12.25   3.5     b\n",
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_places_do_not_tell_is_refused_in_one_line(case: str, write: Write) -> None:
    with pytest.raises(ProblemError, match=UNTOLD) as told:
        read_table(write(REFUSED[case]))
    assert "\n" not in str(told.value)
    assert "write ? for what is missing" in str(told.value)


@pytest.mark.parametrize(
    ("content", "word", "row"),
    [
        (" 1.2345-0.5678  3.1  1\n 1.2345 0.5678  3.2  0\n-1.2345-0.5678 -3.3  1\n", "1.2345-0.5678", 1),
        ("12.34-5.67 1\n22.34-6.67 0\n32.34-7.67 1\n", "12.34-5.67", 1),  # every row: else a column of texts
        ("# printed by\n# F8.4\n     x      y  k\n 1.2345 0.5678  1\n 1.2345-0.5678  1\n", "1.2345-0.5678", 5),
        ("  10.5  20.1 a\n 110.5 120.1 b\n1110.51220.1 b\n", "1110.51220.1", 3),
        ("x      y      k\n1.2345 2.3456 a\n12.345623.4567b\n1.3345 2.5456 b\n", "12.345623.4567b", 3),
        ("1.0E+00-2.0E+00 1\n1.1E+00 2.1E+00 0\n1.2E+00 2.2E+00 1\n", "1.0E+00-2.0E+00", 1),
    ],
)
def test_values_that_touch_are_refused_by_name(content: str, word: str, row: int, write: Write) -> None:
    with pytest.raises(ProblemError) as caught:
        read_table(write(content), [])
    assert f"but {word!r} in row {row} is two values that touch" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "names", "row"),
    [
        ("range k\n1.5-2.5 1\n2.5-3.5 0\n3.5-4.5 1\n", ["range", "k"], ["1.5-2.5", "1"]),  # as many as there are names
        ("range,k\n1.5-2.5,1\n2.5-3.5,0\n", ["range", "k"], ["1.5-2.5", "1"]),  # commas separate
        ("day x\n31.01.2024 1.5\n01.02.2024 2.5\n", ["day", "x"], ["31.01.2024", "1.5"]),
        ("sum x\n3.755.251 1,5\n4.755.251 2,5\n", ["sum", "x"], ["3.755.251", "1,5"]),
        ("net x\n10.120.1.5 1.5\n10.121.1.5 2.5\n", ["net", "x"], ["10.120.1.5", "1.5"]),
    ],
)
def test_what_only_looks_so_is_read(content: str, names: list[str], row: list[str], write: Write) -> None:
    table = read_table(write(content), [])
    assert table.header == names
    assert table.rows[0] == row


def test_units_below_the_names_are_refused_with_the_remedy(write: Write) -> None:
    text = "     x  kind\n   (m)     -\n   1.5     a\n  12.2     b\n  -1.0     a\n"
    with pytest.raises(ProblemError, match=r"of '\(m\)' in row 2: take that row out where it holds units"):
        load_data(write(text), target="kind", positive="a", features=["x"], missing="drop")
    data = load_data(write(text.replace("   (m)     -\n", "")), target="kind", test_fraction=0)
    assert (data.X_train * data.scale + data.mean)[:, 0] == pytest.approx([1.5, 12.2, -1.0])


def test_double_precision_of_fortran(write: Write) -> None:
    data = load_data(
        write("  0.15D+01  -.250D-01 1\n  0.20d+01   125.D+02 2\n -0.15D+01   0.1D+003 2\n"),
        target="column3",
        test_fraction=0,
    )
    assert data.features == ("column1", "column2")
    values = data.X_train * data.scale + data.mean
    np.testing.assert_allclose(values, [[1.5, -0.025], [2.0, 12500.0], [-1.5, 100.0]], rtol=1e-9)
    other = read_table({"part": ["1D3", "2D3", "2D3", "1D3"]})  # no sign: a name of a part
    assert other.known["part"].kind == "category"


def drawn(seed: int) -> tuple[str, list[str] | None, list[list[str]]]:
    """A table of numbers and texts, some with blanks or missing, in columns of constant widths; its names, and its values."""
    rng = np.random.default_rng(seed)
    count, width = int(rng.integers(4, 12)), int(rng.integers(2, 5))
    words = ["ab", "New York", "x", "left hand side", "San Jose", "long"]
    columns = []
    for _ in range(width):
        number, holes = rng.random() < 0.7, 0.0 if rng.random() < 0.5 else 0.25
        cells = [
            f"{rng.normal() * 10 ** rng.integers(0, 4):.2f}" if number else str(rng.choice(words)) for _ in range(count)
        ]
        columns.append((["" if rng.random() < holes else cell for cell in cells], bool(rng.random() < 0.6)))
    names = [f"{'col umn'[: rng.integers(1, 8)].strip()}{i}" for i in range(width)] if rng.random() < 0.7 else None
    rows = [list(row) for row in zip(*(cells for cells, _ in columns))]
    rows = [row for row in rows if any(row)]
    shown = ([names] if names else []) + rows
    sizes = [max(len(line[i]) for line in shown) + int(rng.integers(0, 3)) for i in range(width)]
    lines = [
        " ".join(c.rjust(n) if right else c.ljust(n) for c, n, (_, right) in zip(line, sizes, columns))
        for line in shown
    ]
    return "\n".join(lines) + "\n", names, rows


def test_drawn_tables_are_read_rightly_or_refused(write: Write) -> None:
    """Never silently wrong: 300 tables, of which those with one way to read them are many."""
    right, refused, placed = 0, 0, 0
    for seed in range(300):
        text, names, rows = drawn(seed)
        table = read_or_refused(write(text), names)
        if table is None:
            refused += 1
            continue
        placed += "places" in table.layout
        assert same(table, names, rows), f"seed {seed}\n{text}\n{table.header}\n{table.rows}"
        right += 1
    assert right > 120
    assert placed > 30
    assert refused > 10


def read_or_refused(path: Path, names: Sequence[str] | None) -> Table | None:
    """The table, or None where it is refused in one line, or is one column of texts, which has no target beside it."""
    try:
        table = read_table(path, names or (), Reading(header=None if names else False))
        return table if len(table.header) > 1 else None
    except ProblemError as error:
        return None if "\n" not in str(error) else pytest.fail(str(error))


def same(table: Table, names: list[str] | None, rows: list[list[str]]) -> bool:
    """Whether a table is the one that was written."""
    return table.rows == rows and (names is None or table.header == names)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('"a" "b"\n"1" 5 200\n"2" 6 300\n', [["5", "200"], ["6", "300"]]),  # R's write.table, with names of rows
        ("x yyy\n1 5 200\n2 6 300\n", [["5", "200"], ["6", "300"]]),
        ("10000 300 5\n1 200 5\n20000 400 6\n", [["10000", "300", "5"], ["1", "200", "5"], ["20000", "400", "6"]]),
        ("a b c\n1 2 3\n100 200 300\n", [["1", "2", "3"], ["100", "200", "300"]]),
        ("0 1 0 1\n0 1 0.5 1\n1 0 0.5 0\n", [["0", "1", "0", "1"], ["0", "1", "0.5", "1"], ["1", "0", "0.5", "0"]]),
    ],
)
def test_one_blank_between_values_separates_them_wherever_they_stand(
    text: str, rows: list[list[str]], write: Write
) -> None:
    table = read_table(write(text))
    assert [row[-len(rows[0]) :] for row in table.rows] == rows
    assert "places" not in table.layout


def test_values_without_alignment_are_never_refused(write: Write) -> None:
    rng = np.random.default_rng(5)
    for _ in range(60):
        rows = [
            [f"{v:.{rng.integers(1, 5)}g}" for v in rng.normal(size=3) * 10.0 ** rng.integers(-2, 3, 3)]
            for _ in range(9)
        ]
        text = "\n".join(" " * int(rng.integers(0, 3)) + (" " * int(rng.integers(1, 4))).join(row) for row in rows)
        table = read_table(write(text + "\n"))
        assert table.rows == rows
        assert "places" not in table.layout
