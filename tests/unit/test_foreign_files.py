"""The files that a file of somebody else may name: regular ones of its own folder."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.base.errors import ProblemError
from qml_dynamics.base.places import lies_inside
from qml_dynamics.runs.checkpoint import Checkpoint
from qml_dynamics.runs.problem_file.content import problem_differences
from qml_dynamics.runs.problem_file.files import copy_problem
from tests.foreign import NAMED, PROBLEM

CIRCUITS = Path(__file__).parents[2] / "circuits"
OUTSIDE = [
    "../secret{end}",
    "sub/../../secret{end}",
    "{root}/secret{end}",
    "link{end}",
    "linked/secret{end}",
    "..\\\\secret{end}",
    "sub\\\\..\\\\..\\\\secret{end}",
    "C:\\\\secret{end}",
    "C:secret{end}",
    "\\\\\\\\server\\\\share\\\\secret{end}",
    "~/secret{end}",
    "~root/secret{end}",
    "circle{end}",
    "/dev/zero",
    "/dev/stdin",
    "secret\\u0000{end}",
]
INSIDE = ["rows{end}", "./rows{end}", "sub/../rows{end}", "sub/rows{end}", "near{end}", "{root}/there/rows{end}"]
KEYS = {
    ("objective", "data"): ('data = "{name}"\ntarget = "kind"', ".csv"),
    ("objective", "table"): ('table = "{name}"', ".npy"),
    ("initial", "array"): ('name = "quadratic"\n[initial]\nkind = "state"\narray = "{name}"', ".npy"),
}


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A folder with good files, and links that lead out of it, into it and round in a circle."""
    folder = tmp_path / "there"
    (folder / "sub").mkdir(parents=True)
    for end in (".csv", ".npy"):
        for path in (tmp_path / f"secret{end}", folder / f"rows{end}", folder / "sub" / f"rows{end}"):
            if end == ".csv":
                path.write_text("a,kind\n1,x\n2,x\n3,y\n4,y\n")
            else:
                np.save(path, np.arange(1.0, 9.0))
        (folder / f"link{end}").symlink_to(tmp_path / f"secret{end}")
        (folder / f"near{end}").symlink_to(folder / "sub" / f"rows{end}")
        (folder / f"circle{end}").symlink_to(folder / f"circle{end}")
    (folder / "linked").symlink_to(tmp_path, target_is_directory=True)
    return folder


def naming(folder: Path, place: tuple[str, str], name: str) -> Path:
    text, end = KEYS[place]
    line = text.format(name=name.format(end=end, root=folder.parent))
    path = folder / "problem.toml"
    path.write_text(PROBLEM.replace(f'function = "{NAMED}"', line))
    return path


@pytest.mark.parametrize("place", list(KEYS), ids=".".join)
@pytest.mark.parametrize("name", OUTSIDE)
def test_no_file_outside_the_folder_is_read(there: Path, place: tuple[str, str], name: str) -> None:
    section, key = place
    path = naming(there, place, name)
    with pytest.raises(ProblemError) as error:
        qd.read_problem(path)
    assert str(error.value).startswith(
        f"problem.toml: [{section}] {key} must be a file in the folder of the file that names it, but is "
    )
    assert str(error.value).endswith(": pass allow_code=True (--allow-code on the command line) to read it.")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("place", list(KEYS), ids=".".join)
def test_files_of_the_folder_are_read(there: Path, place: tuple[str, str]) -> None:
    for name in INSIDE:
        assert qd.read_problem(naming(there, place, name)).problem.domain.size == 8, name


@pytest.mark.parametrize("place", list(KEYS), ids=".".join)
def test_files_outside_are_read_and_copied_where_that_is_allowed(there: Path, place: tuple[str, str]) -> None:
    for number, name in enumerate(OUTSIDE[:5]):
        file = qd.read_problem(naming(there, place, name), allow_code=True)
        copied = copy_problem(file, there.parent / f"run{number}" / "problem.toml")
        again = qd.read_problem(copied)  # its own copy lies beside it
        first, second = (f.problem.objective.on(f.problem.domain) for f in (file, again))
        assert np.array_equal(first, second), name
        first, second = (f.problem.initial.vector(f.problem.domain) for f in (file, again))
        assert np.array_equal(first, second), name


def test_two_copied_files_of_one_name_stay_two(there: Path) -> None:
    np.save(there / "sub" / "rows.npy", np.arange(8.0)[::-1] + 1)
    line = 'table = "rows.npy"\n[initial]\nkind = "state"\narray = "sub/rows.npy"'
    (there / "problem.toml").write_text(PROBLEM.replace(f'function = "{NAMED}"', line))
    file = qd.read_problem(there)
    again = qd.read_problem(copy_problem(file, there.parent / "run" / "problem.toml"))
    np.testing.assert_array_equal(again.problem.objective.on(again.problem.domain), np.arange(1.0, 9.0))
    assert again.problem.initial.vector(again.problem.domain)[0] > again.problem.initial.vector(again.problem.domain)[7]


@pytest.mark.parametrize("place", [*KEYS, ("operator", "file")], ids=".".join)
def test_a_copied_file_replaces_none_of_its_name(there: Path, place: tuple[str, str], tmp_path: Path) -> None:
    """Into a folder where another file of that name lies: that one stays as it was, and the copy reads its own."""
    if place in KEYS:
        path, name = naming(there, place, "rows{end}"), f"rows{KEYS[place][1]}"
    else:
        (there / "rows.txt").write_text("0.5 [Z0 Z1] +\n0.25 [X0]")
        path, name = there / "operator.toml", "rows.txt"
        path.write_text('[operator]\nfile = "rows.txt"\n[evolution]\nclock = "real"\nduration = 0.3\n')
    file = qd.read_problem(path)
    other = tmp_path / "run"
    other.mkdir()
    (other / name).write_bytes(b"of another problem")
    copies = [copy_problem(file, other / "problem.toml") for _ in range(2)]  # a second time nothing is added
    assert (other / name).read_bytes() == b"of another problem"
    assert len(list(other.iterdir())) == 3
    assert problem_differences(path, copies[0]) == []
    again = qd.read_problem(copies[1]).problem
    mine, its = (
        qd.evolve(p, qd.Exact() if p.operator else qd.SplitStep(2), progress=False) for p in (file.problem, again)
    )
    assert np.array_equal(mine.density, its.density)


def test_lies_inside_is_about_where_a_file_is(there: Path) -> None:
    assert lies_inside(there, "not there yet.csv")
    assert not lies_inside(there, "../there-too/rows.csv")  # a folder whose name only begins alike
    assert lies_inside(
        there.parent / "there" / "linked" / "there", "rows.csv"
    )  # the folder itself may be reached by a link


def test_pipes_and_devices_are_not_read(there: Path, tmp_path: Path) -> None:
    """Nothing would ever come out of them, or never an end."""
    os.mkfifo(there / "pipe.csv")
    os.mkfifo(there / "pipe.npy")
    for place, words in zip(KEYS, ("a CSV file that exists", "a .npy file that exists", "a .npy file that exists")):
        with pytest.raises(ProblemError, match=words):
            qd.read_problem(naming(there, place, "pipe{end}"))
        with pytest.raises(ProblemError, match="that exists"):
            qd.read_problem(naming(there, place, "/dev/zero"), allow_code=True)
    (there / "problem.toml").unlink()
    os.mkfifo(there / "problem.toml")
    with pytest.raises(ProblemError, match="it is not a regular file"):
        qd.read_problem(there)
    os.mkfifo(tmp_path / "step-00000007.npz")
    Checkpoint(tmp_path).save(3, {"a": np.ones(2)})
    assert Checkpoint(tmp_path).load().step == 3  # type: ignore[union-attr]


def test_the_gallery_needs_no_permission() -> None:
    files = sorted(CIRCUITS.glob("*/*.toml"))
    assert len(files) > 15
    for path in files:
        if "diffusion" not in path.parts:
            assert qd.read_problem(path).problem.domain.size > 1
    copies = sorted(CIRCUITS.glob("*/iris.csv"))
    assert len(copies) == 4
    assert len({path.read_bytes() for path in copies}) == 1
