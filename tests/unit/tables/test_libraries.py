"""Data frames of pandas and polars, tables of Arrow, and Parquet files: the same data set from each."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from qml_dynamics.base.errors import ProblemError
from qml_dynamics.model.objectives import load_data, on_data
from qml_dynamics.model.tables.reading import read_table

COLUMNS = {
    "x": [1.5, 2.25, None, 4.0],
    "n": [1, None, 3, 5],
    "c": ["a", "b", "a", "b"],
    "b": [True, False, True, False],
    "kind": ["u", "v", "u", "v"],
}


def check(source: object) -> None:
    data = load_data(source, target="kind", missing="mean", test_fraction=0)  # type: ignore[arg-type]
    values = data.X_train * data.scale + data.mean
    assert data.features == ("x", "n", "b")
    assert values == pytest.approx(np.array([[1.5, 1, 1], [2.25, 3, 0], [7.75 / 3, 3, 1], [4, 5, 0]]))
    named = load_data(source, target="kind", features=["c", "x"], missing="drop", test_fraction=0)  # type: ignore[arg-type]
    assert named.X_train * named.scale + named.mean == pytest.approx(np.array([[0, 1.5], [1, 2.25], [1, 4]]))


@pytest.mark.tables
def test_every_library_gives_the_same_data(tmp_path: Path) -> None:
    import pandas
    import polars
    import pyarrow

    frame = pandas.DataFrame(
        {**COLUMNS, "n": pandas.array(COLUMNS["n"], dtype="Int64"), "c": pandas.Categorical(COLUMNS["c"])}
    )
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_csv(tmp_path / "t.csv")
    import pyarrow.feather

    pyarrow.feather.write_feather(frame, str(tmp_path / "t.feather"))

    class Streamed:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return polars.DataFrame(COLUMNS).__arrow_c_stream__(requested_schema)

    files = [tmp_path / name for name in ("t.parquet", "t.feather", "t.csv")]
    sources = (frame, polars.DataFrame(COLUMNS), pyarrow.table(COLUMNS), Streamed(), *files)
    for source in sources:
        check(source)
    assert len(sources) == 7
    (tmp_path / "bad.parquet").write_bytes(b"PAR1" + bytes(20))
    with pytest.raises(ProblemError, match="must be a Parquet file that can be read"):
        load_data(tmp_path / "bad.parquet", target="kind")


@pytest.mark.tables
def test_lazy_frames_are_computed_or_refused_in_one_line(tmp_path: Path) -> None:
    import polars

    polars.DataFrame(COLUMNS).write_csv(tmp_path / "t.csv")
    frame = polars.DataFrame(COLUMNS).lazy()
    for source in (frame, polars.scan_csv(tmp_path / "t.csv"), frame.filter(polars.col("kind") != "w")):
        check(source)
    for wrong in (frame.select(polars.col("gone"), "kind"), polars.scan_csv(tmp_path / "none.csv")):
        with pytest.raises(
            ProblemError, match=r"^Argument `path` must be a lazy data frame that can be computed, but is not: "
        ) as told:
            load_data(wrong, target="kind")
        assert "\n" not in str(told.value)


@pytest.mark.tables
@pytest.mark.parametrize("name", ["collect", "collect_schema", "column_names", "columns", "to_list"])
def test_columns_that_are_called_like_members_of_frames(name: str) -> None:
    """pandas gives columns as attributes too; a check of attributes of the value would take them for its members."""
    import pandas

    frame = pandas.DataFrame(
        {"column": [1.0, 2.0, 3.0, 5.0], name: [0.5, 0.75, 1.0, 0.25], "kind": ["u", "v", "u", "v"]}
    )
    frame["collect"] = [1.0, 0.0, 1.0, 3.0]
    data = load_data(frame, target="kind", test_fraction=0)
    assert data.features == ("column", name, *(() if name == "collect" else ("collect",)))
    assert data.X_train[:, 0] * data.scale[0] + data.mean[0] == pytest.approx([1, 2, 3, 5])


@pytest.mark.tables
def test_columns_of_several_levels_are_found_by_their_levels() -> None:
    """As pandas finds them, numbers of NumPy among the levels; new rows come in the same frame."""
    import pandas

    columns = pandas.MultiIndex.from_tuples([("m", 1), ("m", 2), ("k", 1)])
    frame = pandas.DataFrame([[1.5, 0.0, "u"], [2.5, 1.0, "v"], [4.5, 0.5, "v"]], columns=columns)
    for target in (("k", 1), list(frame.columns)[2], "('k', 1)"):
        data = load_data(frame, target=target, features=[("m", 2), ("m", 1)], test_fraction=0)
        assert (data.features, data.target) == (("('m', 2)", "('m', 1)"), "('k', 1)")
        assert data.X_train[:, 1] * data.scale[1] + data.mean[1] == pytest.approx(frame["m", 1])
    prepared = on_data(data).preparation
    assert prepared is not None
    swapped = frame[[("m", 2), ("k", 1), ("m", 1)]]
    assert prepared.rows_of(read_table(swapped), "X")[:, 1].tolist() == [1.5, 2.5, 4.5]
    numbered = pandas.DataFrame(np.column_stack([[1.0, 2.0, 4.0], [0, 1, 1]]))
    assert load_data(numbered, target=1, features=[0], test_fraction=0).features == ("0",)


def test_columns_by_their_levels_without_any_library() -> None:
    """A dictionary as a frame; what is no column is refused with the nearest one, and the target is no feature."""
    table = {("m", "x"): [1.5, 2.5], ("m", "y"): [0.5, 2.0], ("k", "kind"): ["u", "v"]}
    data = load_data(table, target=("k", "kind"), features=[("m", "y")], test_fraction=0)  # type: ignore[arg-type]
    assert (data.features, data.target, data.classes) == (("('m', 'y')",), "('k', 'kind')", ("u", "v"))
    for wrong in ("k", ("k",), ("kind", "k"), 2):
        with pytest.raises(
            ProblemError, match=r"^Argument `target` must be a column of the file, but is [^\n]*Did you mean"
        ):
            load_data(table, target=wrong)  # type: ignore[arg-type]
    for odd in (True, 1.5, ["k", "kind"]):
        with pytest.raises(ProblemError, match=r"^Argument `target` must be "):
            load_data(table, target=odd)  # type: ignore[arg-type]
    with pytest.raises(ProblemError, match=r"^Argument `features` must not contain the target"):
        load_data(table, target=("k", "kind"), features=[("m", "x"), ("k", "kind")])  # type: ignore[arg-type]
    with pytest.raises(ProblemError, match=r"^Argument `features` must be a list of different columns"):
        load_data(table, target=("k", "kind"), features=[("m", "x"), "('m', 'x')"])  # type: ignore[arg-type]


def test_a_frame_that_gives_no_column_is_refused_in_one_line() -> None:
    class Odd:
        columns = ("x", "kind")

        def __getitem__(self, name: str) -> object:
            raise TypeError("columns of this frame\nare computed elsewhere")

    with pytest.raises(ProblemError, match=r"by name, but Odd does not give 'x': columns of this frame\.$"):
        load_data(Odd(), target="kind")


def test_without_the_extra_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pyarrow", "pyarrow.parquet", "pyarrow.feather"):
        monkeypatch.setitem(sys.modules, name, None)  # as where it is not installed
    for name, head in (("t.parquet", b"PAR1"), ("t.feather", b"ARROW1")):
        (tmp_path / name).write_bytes(head + bytes(20))
        with pytest.raises(
            ProblemError, match=r'needs a package that is missing: pip install "qml-dynamics\[tables\]"'
        ):
            load_data(tmp_path / name, target="kind")
    check(COLUMNS)
