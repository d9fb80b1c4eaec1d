"""Sweeps: the points and their seeds, equal bits for any number of processes, what goes on after a kill, what is refused."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.base.errors import MethodError, ProblemError
from qml_dynamics.runs.sweeps.file import read_sweep
from qml_dynamics.runs.sweeps.points import Point, axes, changed, every_point
from qml_dynamics.runs.sweeps.statement import state
from qml_dynamics.runs.sweeps.table import DONE, FAILED
from qml_dynamics.runs.sweeps.worker import POINTS, run_point, task
from qml_dynamics.runs.trajectory_file import write_run
from tests.interrupts import interruptible

OVER = {"diffusion.value": [0.2, 0.4], "method.steps": [4, 8, 12]}
TOML = """
[domain]
kind = "grid"
bounds = [-3, 3]
qubits = 4
[objective]
name = "double_well"
params = {tilt = 0.3}
[diffusion]
value = 0.5
[evolution]
clock = "real"
duration = 0.5
[initial]
kind = "gaussian"
params = {center = 0.5, width = 0.5}
[method]
kind = "trotter"
steps = 4
[backend]
name = "aer"
shots = 200
"""


def problem() -> qd.Problem:
    well = qd.objectives.double_well(tilt=0.3)
    return qd.Problem(qd.Grid((-3, 3), 4), well, 0.5, clock="real", duration=0.5, initial=qd.Gaussian(0.5, 0.5))


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> qd.Sweep:
    """One process, by the public door."""
    folder = tmp_path_factory.mktemp("sweep") / "serial"
    return qd.sweep(problem(), OVER, method=qd.Trotter(4), backend="aer", shots=200, seed=5, folder=folder, workers=1)


def again(folder: Path, **changes: object) -> qd.Sweep:
    options: dict[str, object] = {"method": qd.Trotter(4), "backend": "aer", "shots": 200, "seed": 5, "workers": 1}
    return qd.sweep(problem(), OVER, folder=folder, **{**options, **changes})  # type: ignore[arg-type]


def copied(serial: qd.Sweep, folder: Path) -> Path:
    return Path(shutil.copytree(serial.folder, folder))


def bytes_of(sweep_folder: Path) -> dict[str, bytes]:
    """Densities and counts of the points, to the bit."""
    found = {}
    for path in sorted((sweep_folder / POINTS).glob("*/trajectory.npz")):
        with np.load(path) as arrays:
            names = [name for name in sorted(arrays.files) if name.startswith(("density", "counts"))]
            found[path.parent.name] = b"".join(arrays[name].tobytes() for name in names)
    return found


def test_each_point_is_the_run_that_it_names(serial: qd.Sweep) -> None:
    assert [row["status"] for row in serial.rows] == [DONE] * 6
    row = serial.rows[4]
    assert (row["diffusion.value"], row["method.steps"]) == (0.4, 8)
    alone = qd.evolve(problem().replace(diffusion=0.4), qd.Trotter(8), backend="aer", shots=200, seed=row["seed"])
    assert row["energy"] == float(alone.expectations["energy"].value[-1])
    assert row["energy_stderr"] == float(alone.expectations["energy"].stderr[-1]) > 0
    assert np.array_equal(serial.trajectory(4).density, alone.density)
    assert len({row["energy"] for row in serial.rows}) == 6  # no point is another one's answer
    assert len({row["seed"] for row in serial.rows}) == 6


def test_any_number_of_processes_gives_the_same_bits(serial: qd.Sweep, tmp_path: Path) -> None:
    two = again(tmp_path / "two", workers=2)
    assert two.to_csv() == serial.to_csv()
    assert bytes_of(two.folder) == bytes_of(serial.folder)
    assert len(bytes_of(two.folder)) == 6


def test_an_executor_of_ones_own(serial: qd.Sweep, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as executor:
        own = again(tmp_path / "own", executor=executor, workers=None)
        assert executor.submit(int, "3").result() == 3  # it is left running
    assert own.to_csv() == serial.to_csv()


def test_a_seed_among_the_keys_is_that_of_the_run(tmp_path: Path) -> None:
    """In place of the seed that would follow from the number of the point."""
    with ThreadPoolExecutor(1) as executor:
        found = qd.sweep(
            problem(), {"backend.seed": [7, 8]}, method=qd.Trotter(4), backend="aer", shots=200, seed=5,
            folder=tmp_path / "seeds", executor=executor,
        )  # fmt: skip
    for row in found.rows:
        alone = qd.evolve(problem(), qd.Trotter(4), backend="aer", shots=200, seed=row["backend.seed"])
        assert row["energy"] == float(alone.expectations["energy"].value[-1])
    assert found.rows[0]["energy"] != found.rows[1]["energy"]


@pytest.mark.parametrize("seed", [5, None])
def test_a_seed_of_the_call_counts_before_that_of_the_file(seed: int | None, tmp_path: Path) -> None:
    """And without one that of the file: rows, ``point.json`` and a folder read again tell what the runs have used."""
    file = tmp_path / "problem.toml"
    file.write_text(TOML + "seed = 7\n")
    with ThreadPoolExecutor(1) as executor:
        found = qd.sweep(file, {"method.steps": [4, 8]}, seed=seed, folder=tmp_path / "s", executor=executor)
        more = qd.sweep(file, {"method.steps": [4, 8]}, seed=seed, folder=tmp_path / "s", executor=executor)
    seeds = [row["seed"] for row in found.rows]
    assert (seeds == [7, 7]) == (seed is None)
    assert len(set(seeds)) == (1 if seed is None else 2)
    for row in found.rows:
        said = json.loads((found.folder / POINTS / f"{row['index']:06d}" / "point.json").read_text())
        alone = qd.evolve(
            problem(), qd.Trotter(row["method.steps"]), backend="aer", shots=200, seed=said["seed"], progress=False
        )
        assert row["energy"] == float(alone.expectations["energy"].value[-1])
        assert said["seed"] == row["seed"] == found.trajectory(row["index"]).provenance["seed"]
    assert qd.Sweep.load(found.folder).to_csv() == more.to_csv() == found.to_csv()
    assert more.stop == "All 2 points done (2 of them read)."
    assert ("2 done, all with seed 7 of the problem file" in str(found)) == (seed is None)


def test_a_folder_of_before_keeps_the_seed_of_its_file(tmp_path: Path) -> None:
    """Both seeds stood in it, its points had that of the file, and ``point.json`` told the other one."""
    file, folder = tmp_path / "problem.toml", tmp_path / "s"
    file.write_text(TOML + "seed = 7\n")
    with ThreadPoolExecutor(1) as executor:
        first = qd.sweep(file, {"method.steps": [4, 8]}, folder=folder, executor=executor)
        stored = json.loads((folder / "sweep.json").read_text())
        (folder / "sweep.json").write_text(json.dumps({**stored, "seed": 5, "entropy": "5"}))
        said = json.loads((folder / POINTS / "000000" / "point.json").read_text())
        numbered = every_point(axes({"method.steps": [4, 8]}), 5)[0].seed
        (folder / POINTS / "000000" / "point.json").write_text(json.dumps({**said, "seed": numbered}))
        shutil.rmtree(folder / POINTS / "000001")
        more = qd.sweep(file, {"method.steps": [4, 8]}, seed=5, folder=folder, executor=executor)
    assert more.stop == "All 2 points done (1 of them read)."
    assert more.to_csv() == first.to_csv() == qd.Sweep.load(folder).to_csv()
    assert [row["seed"] for row in more.rows] == [7, 7] != [numbered, numbered]


def test_what_is_done_is_read_and_only_the_rest_runs(serial: qd.Sweep, tmp_path: Path) -> None:
    folder = copied(serial, tmp_path / "part")
    kept = (folder / POINTS / "000002" / "trajectory.npz").stat().st_mtime_ns
    shutil.rmtree(folder / POINTS / "000003")
    (folder / POINTS / ".new-dead").mkdir()
    more = again(folder)
    assert more.stop == "All 6 points done (5 of them read)."
    assert more.to_csv() == serial.to_csv() == (folder / "table.csv").read_text()
    assert bytes_of(folder) == bytes_of(serial.folder)
    assert (folder / POINTS / "000002" / "trajectory.npz").stat().st_mtime_ns == kept
    assert not (folder / POINTS / ".new-dead").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 6}, "seed is 6, the folder's sweep was begun with 5"),
        ({"shots": 300}, "shots is 300, the folder's sweep was begun with 200"),
        ({"method": qd.Trotter(4, order=1)}, "order is 1"),
        ({"save": 3}, "save is 3"),
    ],
    ids=["seed", "shots", "method", "save"],
)
def test_another_sweep_is_refused_and_the_folder_stays(
    serial: qd.Sweep, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    folder = copied(serial, tmp_path / "other")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and "lock" not in path.name}
    with pytest.raises(ProblemError, match="must be empty or hold this sweep") as refused:
        again(folder, **change)
    assert words in str(refused.value)
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and "lock" not in p.name} == before


def test_another_problem_is_refused(serial: qd.Sweep, tmp_path: Path) -> None:
    folder = copied(serial, tmp_path / "other")
    with pytest.raises(ProblemError, match=r"duration is 0\.75"):
        qd.sweep(
            problem().replace(duration=0.75),
            OVER,
            method=qd.Trotter(4),
            backend="aer",
            shots=200,
            seed=5,
            folder=folder,
        )
    assert again(folder).stop == "All 6 points done (6 of them read)."


def test_points_that_were_exchanged_or_changed_are_seen(serial: qd.Sweep, tmp_path: Path) -> None:
    folder = copied(serial, tmp_path / "changed")
    places = folder / POINTS
    (places / "000000").rename(places / "spare")
    (places / "000001").rename(places / "000000")
    (places / "spare").rename(places / "000001")
    with pytest.raises(ProblemError, match=r"000000 index is 0, the folder's is 1.*delete it"):
        again(folder)
    folder = copied(serial, tmp_path / "edited")
    text = (folder / POINTS / "000005" / "problem.toml").read_text()
    (folder / POINTS / "000005" / "problem.toml").write_text(text.replace("value = 0.4", "value = 0.7"))
    with pytest.raises(ProblemError, match=r"000005.*diffusion is 0\.7.*delete it"):
        again(folder)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"diffusion": 0.7}, r"diffusion"),
        ({"objective": qd.objectives.double_well(tilt=0.2)}, r"objective"),
        ({"initial": qd.PointMass(0.0)}, r"initial"),
    ],
)
def test_a_point_of_another_problem_is_refused_though_its_own_seals_hold(
    serial: qd.Sweep, tmp_path: Path, other: dict[str, Any], words: str
) -> None:
    """A folder that is whole in itself, put in the place of a point, with the point's own index, changes and seed."""
    folder = copied(serial, tmp_path / "foreign")
    place = folder / POINTS / "000002"
    kept = (place / "point.json").read_bytes()
    run = qd.load(place)
    shutil.rmtree(place)
    write_run(place, qd.evolve(run.problem.replace(**other), run.method, backend="aer", shots=200, seed=3))
    (place / "point.json").write_bytes(kept)
    with pytest.raises(ProblemError, match=rf"the problem in .*000002 is another one: .*{words}.*delete it") as refused:
        again(folder)
    assert "\n" not in str(refused.value)
    shutil.rmtree(place)
    assert bytes_of(again(folder).folder) == bytes_of(serial.folder)


def test_a_seed_that_was_drawn_is_kept(tmp_path: Path) -> None:
    options = {"method": qd.SplitStep(4), "folder": tmp_path / "drawn", "workers": 1}
    first = qd.sweep(problem(), {"diffusion.value": [0.1, 0.2]}, **options)
    shutil.rmtree(first.folder / POINTS / "000001")
    second = qd.sweep(problem(), {"diffusion.value": [0.1, 0.2]}, **options)
    assert second.to_csv() == first.to_csv()
    assert first.rows[0]["seed"] != first.rows[1]["seed"]


LOSS = """
import multiprocessing, os

def loss(w):
    if multiprocessing.parent_process() is not None:  # in a process of the sweep
        if abs(w).max() == 5:
            os._exit(9)
        if abs(w).max() == 4:
            raise ZeroDivisionError("nothing to divide by")
    return w[:, 0] ** 2
"""


def test_failures_are_listed_and_the_rest_is_finished(tmp_path: Path) -> None:
    """One loss raises, one ends its process: both are told, and what ran beside them is done."""
    text = TOML.replace('name = "double_well"\nparams = {tilt = 0.3}', 'function = "mine:loss"')
    (tmp_path / "p.toml").write_text(text)
    (tmp_path / "mine.py").write_text(LOSS)
    over = {"domain.bounds": [[-3, 3], [-5, 5], [-2, 2], [-4, 4]]}
    with pytest.raises(ProblemError, match="code of the file's author"):
        qd.sweep(tmp_path / "p.toml", over, folder=tmp_path / "no", workers=1)
    assert not (tmp_path / "no").exists()
    found = qd.sweep(tmp_path / "p.toml", over, folder=tmp_path / "yes", workers=2, allow_code=True, seed=1)
    assert [row["status"] for row in found.rows] == [DONE, FAILED, DONE, FAILED]
    assert "ended without an answer 2 times" in found.failures[0]["error"]
    assert "nothing to divide by" in found.failures[1]["error"]
    assert found.stop == "2 of 4 points done, 2 failed."
    assert np.isnan(found.values("energy")).tolist() == [False, True, False, True]


def test_a_function_of_python_is_refused(tmp_path: Path) -> None:
    own = qd.Problem(qd.Grid((-3, 3), 4), lambda w: w[:, 0] ** 2, 0.5, clock="imaginary", duration=0.5)
    with pytest.raises(ProblemError, match=r"function of Python: name it in a problem file.*allow_code=True"):
        qd.sweep(own, {"diffusion.value": [0.1, 0.2]}, folder=tmp_path / "own")
    assert not (tmp_path / "own").exists()
    table = qd.objectives.from_table(np.arange(16.0) / 16, own.domain)
    kept = qd.sweep(own.replace(objective=table), {"diffusion.value": [0.1, 0.2]}, method=qd.SplitStep(4), workers=1)
    alone = qd.evolve(own.replace(objective=table, diffusion=0.2), qd.SplitStep(4))
    assert kept.rows[1]["energy"] == pytest.approx(float(alone.expectations["energy"].value[-1]), rel=1e-12)


@pytest.mark.parametrize(
    ("over", "options", "words"),
    [
        ({}, {}, "`over` must be a table"),
        ({"diffusion": [1]}, {}, "'diffusion'"),
        ({"nothing.value": [1]}, {}, "'nothing.value'"),
        ({"diffusion.value": []}, {}, "at least one"),
        ({"diffusion.value": 0.1}, {}, "be a list of values"),
        ({"diffusion.value": "0.1"}, {}, "be a list of values"),
        ({"diffusion.value": [0.1, math.nan]}, {}, "finite numbers"),
        ({"diffusion.value": [0.1, 0.1]}, {}, "once"),
        ({"diffusion.value": [0.1, object()]}, {}, "finite numbers"),
        ({"initial.params": [{"width": 0.5}], "initial.params.width": [1]}, {}, "lie in one another"),
        ({"diffusion.value": [-1.0]}, {}, "at diffusion.value = -1.0"),
        ({"diffusion.valeu": [0.1]}, {}, "valeu"),
        ({"method.steps": [0]}, {}, "at method.steps = 0"),
        ({"diffusion.value": [0.1, 0.2], "method.steps": [4]}, {"zip": ["diffusion.value", "method.steps"]}, "as many"),
        ({"diffusion.value": [0.1]}, {"zip": ["diffusion.value", "method.steps"]}, "`zip` must"),
        ({"diffusion.value": [0.1]}, {"zip": "diffusion.value"}, "`zip` must"),
        ({"diffusion.value": [0.1, 0.2]}, {"zip": ["diffusion.value", "diffusion.value"]}, "each of them once"),
        (
            {"method.steps": {4, 8}},
            {},
            "in an order (a set has none)",
        ),  # whose order is another one in the next process
        ({"initial.params": [{"width": 0.5}, {"width": 0.5}]}, {}, "once"),
        ({"method.steps": range(10**9)}, {}, "1,000,000 values"),
        ({"diffusion.value": [0.1]}, {"workers": 0}, "`workers` must"),
        ({"diffusion.value": [0.1]}, {"executor": 3}, "`executor` must"),
        ({"diffusion.value": [0.1]}, {"backend": object()}, "`backend` must"),
        ({"diffusion.value": [0.1]}, {"save": 0}, "`save` must"),
        ({f"diffusion.a{i}": list(range(10)) for i in range(7)}, {}, "1,000,000 combinations"),
    ],
)
def test_refused(tmp_path: Path, over: dict[str, object], options: dict[str, object], words: str) -> None:
    with pytest.raises((ProblemError, MethodError)) as refused:
        qd.sweep(problem(), over, **{"method": qd.SplitStep(4), "folder": tmp_path / "bad", **options})  # type: ignore[arg-type]
    assert words in str(refused.value), refused.value
    assert not (tmp_path / "bad").exists()


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ProblemError, match=r"but .* holds 'notes.txt'"):
        again(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_points_vary_the_last_key_fastest_and_joined_keys_together() -> None:
    over = {"domain.qubits": [4, 5], "method.steps": [2, 3], "method.order": [1, 2], "diffusion.value": [0.1]}
    found = axes(over, [["method.steps", "method.order"]])
    listed = [tuple(point.changes.values()) for point in every_point(found, 1)]
    assert found.shape == (2, 2, 1)
    assert listed == [(4, 2, 1, 0.1), (4, 3, 2, 0.1), (5, 2, 1, 0.1), (5, 3, 2, 0.1)]
    assert axes({"method.steps": {2: "a", 3: "b"}.keys()}, []).shape == (2,)  # in the order of the table
    assert [point.seed for point in every_point(found, 1)] == [point.seed for point in every_point(found, 1)]
    assert len({point.seed for point in every_point(found, 1)} | {point.seed for point in every_point(found, 2)}) == 8
    assert changed({"a": {"b": {"c": 1, "d": 2}}}, {"a.b.c": 5}) == {"a": {"b": {"c": 5, "d": 2}}}


def test_keys_go_into_lists_by_index() -> None:
    terms = [{"value": 1.0, "labels": ["XZ"]}, {"value": 2.0, "labels": ["ZI"]}]
    sections = {"operator": {"terms": terms}}
    found = changed(sections, {"operator.terms.1.value": 5.0, "operator.terms.0.labels.0": "YZ"})
    assert found == {"operator": {"terms": [{"value": 1.0, "labels": ["YZ"]}, {"value": 5.0, "labels": ["ZI"]}]}}
    assert terms == [{"value": 1.0, "labels": ["XZ"]}, {"value": 2.0, "labels": ["ZI"]}]
    for key in ("2", "-1", "first", "\u0661"):
        with pytest.raises(ProblemError, match="`over` must have an index from 0 to 1"):
            changed(sections, {f"operator.terms.{key}.value": 5.0})


def test_the_table_opens_elsewhere(serial: qd.Sweep) -> None:
    rows = list(csv.DictReader(io.StringIO(serial.to_csv())))
    assert [float(row["energy"]) for row in rows] == [row["energy"] for row in serial.rows]
    assert len(str(serial).split("\n")) <= 8
    assert max(map(len, str(serial).split("\n"))) <= 120
    with pytest.raises(MethodError, match="`quantity` must be one of energy"):
        serial.values("enrgy")


@pytest.mark.tables
def test_frames_of_pandas_and_xarray(serial: qd.Sweep) -> None:
    frame = serial.to_dataframe()
    assert frame.groupby("diffusion.value")["energy"].mean()[0.4] == pytest.approx(serial.values("energy")[1].mean())
    data = serial.to_xarray()
    assert float(data["energy"].sel({"diffusion.value": 0.4, "method.steps": 8})) == serial.rows[4]["energy"]
    assert dict(data.sizes) == {"diffusion.value": 2, "method.steps": 3}


def test_pictures_of_one_and_two_keys(serial: qd.Sweep) -> None:
    line = qd.plotting.plot_sweep(serial, "energy", ["method.steps"]).axes[0]
    drawn = line.containers[0].lines[0]
    assert drawn.get_xdata().tolist() == [4, 8, 12]
    assert drawn.get_ydata() == pytest.approx(serial.values("energy").mean(axis=0))
    bars = np.array(line.containers[0].lines[2][0].get_segments())[:, :, 1]  # ends of each bar
    assert 0.5 * (bars[:, 1] - bars[:, 0]) == pytest.approx(np.hypot(*serial.values("energy_stderr")) / 2)
    two = qd.plotting.plot_sweep(serial, "energy", ["method.steps", "diffusion.value"])
    assert [text.get_text() for text in two.axes[0].get_legend().get_texts()] == [
        "diffusion.value = 0.2",
        "diffusion.value = 0.4",
    ]
    assert two.axes[0].containers[1].lines[0].get_ydata() == pytest.approx(serial.values("energy")[1])
    with pytest.raises(MethodError, match="`keys` must be one or two of"):
        qd.plotting.plot_sweep(serial, "energy", ["method.order"])


def sweep_file(folder: Path, over: str = '"diffusion.value" = [0.2, 0.4]\nmethod.steps = [4, 8]') -> Path:
    (folder / "p.toml").write_text(TOML)
    (folder / "s.toml").write_text(f'problem = "p.toml"\nseed = 5\nsave = 3\n[over]\n{over}\n')
    return folder / "s.toml"


def command(file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "qml_dynamics.cli", "sweep", str(file), *options]
    return subprocess.run(line, capture_output=True, text=True, cwd=file.parent, timeout=300)


def test_the_command(tmp_path: Path) -> None:
    file = sweep_file(tmp_path)
    ran = command(file, "--json", "--workers", "1")
    assert ran.returncode == 0, ran.stderr
    rows = json.loads(ran.stdout)["rows"]
    assert [(row["diffusion.value"], row["method.steps"]) for row in rows] == [(0.2, 4), (0.2, 8), (0.4, 4), (0.4, 8)]
    folder = tmp_path / "sweeps" / "s"
    assert sorted(path.name for path in folder.iterdir()) == [
        "lock.sqlite", "points", "problem.schema.json", "sweep.json", "sweep.png", "table.csv"
    ]  # fmt: skip
    own = qd.sweep(tmp_path / "p.toml", read_sweep(file).over, seed=5, save=3, workers=1)
    assert own.rows[3]["energy"] == rows[3]["energy"]
    with np.load(folder / POINTS / "000003" / "trajectory.npz") as arrays:
        assert arrays["times"].tolist() == [0.0, 0.25, 0.5]
    (tmp_path / "p.toml").write_text(TOML.replace("duration = 0.5", "duration = 0.6"))
    refused = command(file)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "duration is 0.6, the folder's sweep was begun with 0.5" in refused.stderr


def test_a_refused_command_leaves_nothing(tmp_path: Path) -> None:
    file = sweep_file(tmp_path, '"diffusion.valeu" = [0.2]')
    refused = command(file)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "Did you mean `value`?" in refused.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.toml", "s.toml"]


def test_the_file_of_the_page_fits_the_gallery(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    page = (root / "docs" / "sweeps.md").read_text()
    shutil.copy(root / "circuits" / "double_well" / "problem.toml", tmp_path / "problem.toml")
    (tmp_path / "sweep.toml").write_text(page.split("```toml\n")[1].split("```")[0])
    file = read_sweep(tmp_path / "sweep.toml")
    found = axes(file.over, file.zip)
    assert (found.shape, file.seed) == ((3, 2), 5)
    statement = state(file.problem, None, None, None, tmp_path, False)
    steps = {statement.at(changes).method.steps for changes in found.alone()}
    assert steps == {40, 80}


def test_the_sweep_over_ones_own_table_fits_the_gallery(tmp_path: Path) -> None:
    """Diffusion, steps and seeds over data beside the file, as the page has them."""
    root = Path(__file__).parents[2]
    blocks = (root / "docs" / "sweeps.md").read_text().split("```toml\n")
    (text,) = [block.split("```")[0] for block in blocks[1:] if "backend.seed" in block.split("```")[0]]
    for name in ("problem.toml", "iris.csv"):
        shutil.copy(root / "circuits" / "iris_neuron" / name, tmp_path / name)
    (tmp_path / "sweep.toml").write_text(text)
    file = read_sweep(tmp_path / "sweep.toml")
    found = axes(file.over, file.zip)
    assert found.shape == (2, 2, 3)
    statement = state(file.problem, None, None, None, tmp_path, False)
    every = [statement.at(changes) for changes in found.alone()]
    assert {one.method.steps for one in every} == {20, 40}
    assert {one.seed for one in every} == {7, 8, 9}
    assert {one.problem.diffusion.value(0.0, 6.0) for one in every} == {0.5, 0.8}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("problem = 3", "`problem` must"),
        ('problem = "../p.toml"\n[over]', "allow_code"),
        ('problem = "p.toml"', "`over` must"),
        ('problem = "p.toml"\nover = 3', "`over` must"),
        ('problem = "p.toml"\novr = 3', "Did you mean"),
        ('problem = "p.toml"\nzip = 3\n[over]\na = [1]', "`zip` must"),
        ("problem = [", "TOML"),
    ],
)
def test_a_wrong_sweep_file_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(ProblemError, match=r"s\.toml: ") as refused:
        read_sweep(tmp_path / "s.toml")
    assert words in str(refused.value)


# Each point takes some tenths of a second, so that the sweep is under way when it is killed.
SLOW = {"method.steps": [150], "backend.seed": list(range(24))}


def _waiting(file: Path, folder: Path, done: int) -> subprocess.Popen[bytes]:
    """A sweep that has recorded so many points and goes on."""
    options = f"folder={str(folder)!r}, workers=2, seed=5"
    script = f"import qml_dynamics as qd\nqd.sweep({str(file.parent / 'p.toml')!r}, {SLOW!r}, {options})\n"
    running = subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and running.poll() is None:
        if len(list((folder / POINTS).glob("0*"))) >= done:
            return running
        time.sleep(0.01)
    raise AssertionError("no point was recorded")


def _workers(parent: int) -> list[int]:
    listed = subprocess.run(
        ["ps", "-ww", "-o", "pid=", "-o", "args=", "--ppid", str(parent)], capture_output=True, text=True
    ).stdout
    return [int(row.split()[0]) for row in listed.splitlines() if "spawn_main" in row]


@pytest.mark.slow
def test_killed_workers_and_then_a_killed_sweep_lose_and_double_nothing(tmp_path: Path) -> None:
    file = sweep_file(tmp_path)
    whole = qd.sweep(tmp_path / "p.toml", SLOW, folder=tmp_path / "whole", workers=1, seed=5)
    running = _waiting(file, tmp_path / "killed", 2)
    first = _workers(running.pid)
    assert len(first) == 2
    for process in first:
        os.kill(process, signal.SIGKILL)
    before = len(list((tmp_path / "killed" / POINTS).glob("0*")))
    deadline = time.monotonic() + 240
    while len(list((tmp_path / "killed" / POINTS).glob("0*"))) <= before and time.monotonic() < deadline:
        time.sleep(0.01)  # new processes go on
    orphans = _workers(running.pid)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    done = len(list((tmp_path / "killed" / POINTS).glob("0*")))
    assert before < done < 24
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in orphans) and time.monotonic() < deadline:
        time.sleep(0.05)  # they end with their parent
    assert not any(Path(f"/proc/{pid}").exists() for pid in orphans)
    rest = qd.sweep(tmp_path / "p.toml", SLOW, folder=tmp_path / "killed", workers=2, seed=5)
    assert rest.to_csv() == whole.to_csv()
    assert bytes_of(rest.folder) == bytes_of(whole.folder)
    assert len(bytes_of(rest.folder)) == 24


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_sweep_with_what_is_done(tmp_path: Path, number: signal.Signals) -> None:
    file = sweep_file(tmp_path, '"method.steps" = [150]\n"backend.seed" = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]')
    line = [sys.executable, "-m", "qml_dynamics.cli", "sweep", str(file), "--out", "cut", "--workers", "1"]
    running = interruptible(line, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 240
    while not (tmp_path / "cut" / POINTS / "000001").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    running.send_signal(number)
    out, err = running.communicate(timeout=240)
    assert running.returncode == 128 + number
    assert "the same sweep goes on" in err
    done = len(list((tmp_path / "cut" / POINTS).glob("0*")))
    assert 2 <= done < 12
    assert f"{done} done, {12 - done} open" in out
    rest = command(file, "--out", "cut", "--workers", "1")
    assert rest.returncode == 0, rest.stderr
    assert f"All 12 points done ({done} of them read)." in rest.stdout


def test_a_point_that_another_process_recorded_first_counts(tmp_path: Path) -> None:
    """Two processes with the same point: one folder, the first one's."""
    file = sweep_file(tmp_path).parent / "p.toml"
    (tmp_path / "s" / POINTS).mkdir(parents=True)
    statement = state(file, None, None, None, tmp_path, False)
    given = task(statement, Point(0, {"method.steps": 5}, 3), None, tmp_path / "s")
    first, stamp = run_point(given), (tmp_path / "s" / POINTS / "000000" / "point.json").stat().st_mtime_ns
    assert run_point(given) == first
    assert (tmp_path / "s" / POINTS / "000000" / "point.json").stat().st_mtime_ns == stamp
    assert [path.name for path in (tmp_path / "s" / POINTS).iterdir()] == ["000000"]


def test_a_sweep_is_read_from_its_folder(serial: qd.Sweep, tmp_path: Path) -> None:
    """Moved elsewhere, with a point that failed and one that has not run; nothing is run."""
    back = qd.Sweep.load(copied(serial, tmp_path / "moved"))
    assert back.to_csv() == serial.to_csv()
    assert (back.axes, back.keys, back.stop) == (serial.axes, serial.keys, "All 6 points done.")
    np.testing.assert_array_equal(back.values("energy"), serial.values("energy"))
    np.testing.assert_array_equal(back.trajectory(3).density, serial.trajectory(3).density)
    for index in (1, 4):
        shutil.rmtree(tmp_path / "moved" / POINTS / Point(index, {}, 0).name)
    lines = (tmp_path / "moved" / "table.csv").read_text().splitlines()
    head, wrong = lines[0].split(","), lines[2].split(",")
    for name in head:
        wrong[head.index(name)] = {"index": "1", "status": FAILED, "error": "out of memory"}.get(name, "")
    (tmp_path / "moved" / "table.csv").write_text("\n".join([*lines[:2], ",".join(wrong), *lines[3:]]) + "\n")
    part = qd.Sweep.load(tmp_path / "moved")
    assert [row["status"] for row in part.rows] == [DONE, FAILED, DONE, DONE, "open", DONE]
    assert [row["error"] for row in part.failures] == ["out of memory"]
    assert part.stop == "4 of 6 points done, 1 failed."
    for wrong_place, said in ((tmp_path, "holds no sweep.json"), (tmp_path / "nowhere", "holds no sweep.json")):
        with pytest.raises(ProblemError, match=said):
            qd.Sweep.load(wrong_place)
    (tmp_path / "moved" / "sweep.json").write_text('{"format": 1}')
    with pytest.raises(ProblemError, match="must be the folder of a sweep"):
        qd.Sweep.load(tmp_path / "moved")
