"""Files that are written whole or not at all: on a full disk (a limit of the file size, in a child process) and in wrong places."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.results.trajectory import atomic_file, write_npz

LIMITED = """
import resource, sys
from pathlib import Path
import numpy as np
import qml_dynamics as qd
well = qd.Problem(qd.Grid((-2, 2), 10), lambda w: w[:, 0] ** 2, 0.5, clock="imaginary", duration=0.1)
run = qd.evolve(well, qd.SplitStep(4), save=8)
small = qd.evolve(well.replace(domain=qd.Grid((-2, 2), 2)), qd.SplitStep(4))
target = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
small.save(target)                                     # fits
try:
    run.save(target)
except qd.QMLDynamicsError as error:
    print(type(error).__name__, error, error.__suppress_context__)
"""


def test_a_full_disk_is_told_with_the_path_and_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "run.npz"
    code = [sys.executable, "-W", "ignore", "-c", LIMITED, str(target)]
    out = subprocess.run(code, capture_output=True, text=True, check=False)
    assert out.returncode == 0, out.stderr
    assert out.stdout.startswith("ProblemError Argument `out` must be a place that can be written, but ")
    assert str(target) in out.stdout
    assert "File too large" in out.stdout
    assert out.stdout.strip().endswith("True")
    assert [path.name for path in target.parent.iterdir()] == ["run.npz"]  # nothing half written beside it
    assert qd.load(target).problem.domain.size == 4  # the earlier file, whole


@pytest.mark.parametrize("size", [10, 200_000])
def test_an_error_on_the_last_flush_is_told_too(tmp_path: Path, size: int) -> None:
    """``/dev/full`` takes nothing; small writes fail when the buffer is emptied, large ones at once."""
    box = atomic_file(tmp_path / "a.bin")
    handle = box.__enter__()
    handle.close()
    box.handle = open("/dev/full", "wb")  # noqa: SIM115
    written: OSError | None = None
    try:
        box.handle.write(b"x" * size)
    except OSError as error:
        written = error
    with pytest.raises(qd.ProblemError, match=r"but .*a\.bin is not: No space left on device\. Nothing of it was left"):
        box.__exit__(type(written) if written else None, written, None)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_a_folder_or_lies_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "taken.npz").mkdir()
    with pytest.raises(qd.ProblemError, match=r"taken\.npz is not: Is a directory"):
        write_npz(tmp_path / "taken.npz", {"a": np.ones(2)})
    (tmp_path / "file").write_text("text")
    with pytest.raises(qd.ProblemError, match="must be a folder that can be written"):
        write_npz(tmp_path / "file" / "a.npz", {"a": np.ones(2)})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "taken.npz"]


def test_errors_of_the_block_itself_come_through(tmp_path: Path) -> None:
    """Also those of other files that it reads."""
    with pytest.raises(FileNotFoundError), atomic_file(tmp_path / "a.bin"):
        (tmp_path / "missing").read_bytes()
    with pytest.raises(ZeroDivisionError), atomic_file(tmp_path / "a.bin") as handle:
        handle.write(b"half" * (1 // 0))
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_is_never_replaced_by_a_file(tmp_path: Path) -> None:
    """Nor a device: as root, writing "to" ``/dev/zero`` would put a file in its place."""
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(qd.ProblemError, match=r"pipe\.npz is a device or a pipe"):
        write_npz(tmp_path / "pipe.npz", {"a": np.ones(2)})
    assert (tmp_path / "pipe.npz").is_fifo()
    problem = qd.Problem(qd.Grid((-1, 1), 2), qd.objectives.double_well(), 0.5, clock="imaginary", duration=0.1)
    with pytest.raises(qd.ProblemError, match=r"pipe\.npz is a device or a pipe"):
        qd.write_problem(problem, tmp_path / "pipe.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["pipe.npz"]


def test_a_problem_written_over_another_is_never_a_mixture(tmp_path: Path) -> None:
    """Until the file itself is replaced the old one reads its own table; afterwards the new one, and no table is left over."""
    grid, path = qd.Grid((-1, 1), 13), tmp_path / "p.toml"

    def problem(value: float) -> qd.Problem:
        loss = qd.objectives.from_table(value + np.arange(2.0**13), grid)
        return qd.Problem(grid, loss, 0.5, clock="real", duration=value)

    def values() -> tuple[float, float]:
        found = qd.read_problem(path).problem
        return found.duration, float(found.objective.table(grid)[0])

    def files() -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    qd.write_problem(problem(1.0), path)
    for last, value in ((1.0, 2.0), (2.0, 3.0), (3.0, 3.0)):
        before = files()
        qd.write_problem(problem(value), path)
        after = files()
        assert values() == (value, value)
        assert len(after) == 2
        for name, content in {**after, **before}.items():  # as a kill before the last rename leaves the folder
            (tmp_path / name).write_bytes(content)
        assert values() == (last, last)
        qd.write_problem(problem(value), path)
        assert values() == (value, value)
    assert path.stem + "_table.npy" in before
