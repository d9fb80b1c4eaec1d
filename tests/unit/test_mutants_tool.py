"""The tool that plants faults: its table, where a fault is found, and its verdicts on a small tree of its own."""

from __future__ import annotations

import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tools.mutants.planting import ROOMS, ROOT, SELECTIONS, Mutant, copied_tree, place_of, selection_of
from tools.mutants.running import CAUGHT, STALE, SURVIVED, judge
from tools.mutants.table import MUTANTS

HALF = Mutant("half", "base", "factor 2", "base/sums.py", "return a + b", "return a + 2 * b", ("tests/test_sums.py",))


def test_the_table_goes_over_every_room() -> None:
    """No name twice, no fault that changes nothing, and texts that are still there."""
    names = [one.name for one in MUTANTS]
    assert len(names) == len(set(names)) >= 60
    rooms = Counter(one.room for one in MUTANTS)
    assert set(rooms) == set(ROOMS) == set(SELECTIONS)
    assert min(rooms.values()) >= 4
    assert all(one.old != one.new and one.file.startswith(one.room) and one.kind for one in MUTANTS)
    stale = [one.name for one in MUTANTS if place_of(one) is None]
    assert not stale  # a fault that cannot be planted is caught by nothing
    missing = [name for rows in SELECTIONS.values() for name in rows if not (ROOT / name).exists()]
    assert not missing


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A package with one function and one test, under version control."""
    for name, text in {
        "qml_dynamics/__init__.py": "",
        "qml_dynamics/base/__init__.py": "",
        "qml_dynamics/base/sums.py": "def added(a, b):\n    return a + b\n\n\ndef unused(a, b):\n    return a - b\n",
        "tests/test_sums.py": "from qml_dynamics.base.sums import added\n\n\ndef test_sum():\n    assert added(1, 2) == 3\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


def test_verdicts(tree: Path) -> None:
    """Caught, survived, and told where its text is no longer there; the file is as it was afterwards."""
    before = (tree / "qml_dynamics" / HALF.file).read_text(encoding="utf-8")
    caught = judge(HALF, tree, None, 60)
    assert (caught.outcome, caught.by) == (CAUGHT, "tests/test_sums.py::test_sum")
    assert judge(replace(HALF, old="return a - b", new="return b - a"), tree, None, 60).outcome == SURVIVED
    assert judge(replace(HALF, old="return a * b"), tree, None, 60).outcome == STALE
    assert (tree / "qml_dynamics" / HALF.file).read_text(encoding="utf-8") == before


def test_a_text_is_found_where_it_moved(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """In another file of the room or of the package; a text that stands in two places is none."""
    copy = copied_tree(tmp_path_factory.mktemp("copy"), tree)
    assert place_of(HALF, copy) == copy / "qml_dynamics" / HALF.file
    (copy / "qml_dynamics" / HALF.file).rename(copy / "qml_dynamics/moved.py")
    assert place_of(HALF, copy) == copy / "qml_dynamics/moved.py"
    (copy / "qml_dynamics" / HALF.file).write_text(
        "def other(a, b):\n    return a + b + 0, a + b\n\n\ndef again(a, b):\n    return a + b\n"
    )
    assert place_of(HALF, copy) is None
    assert selection_of(HALF, copy) == ("tests/test_sums.py",)
    assert selection_of(replace(HALF, tests=("tests/gone.py",)), copy) == ("tests",)
