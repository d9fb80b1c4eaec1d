"""Saved trajectories and run folders come back as they were."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from qml_dynamics.base.errors import ProblemError
from qml_dynamics.base.estimate import Estimate
from qml_dynamics.methods.evolution import evolve
from qml_dynamics.methods.exact import Exact
from qml_dynamics.methods.imaginary.options import ProbabilisticITE
from qml_dynamics.methods.krylov import Krylov
from qml_dynamics.methods.split_step import SplitStep
from qml_dynamics.methods.trotter import Trotter
from qml_dynamics.model.domains import Grid, Hypercube
from qml_dynamics.model.initial import Gaussian, State
from qml_dynamics.model.objectives import named, neuron
from qml_dynamics.model.problem import Problem
from qml_dynamics.model.schedules import Geometric
from qml_dynamics.results.trajectory import Trajectory
from qml_dynamics.runs.problem_file import read_problem
from qml_dynamics.runs.trajectory_file import load, to_json, write_run


def well(clock: str = "real") -> Problem:
    start = Gaussian(0.4, 0.2, 0.5)
    return Problem(
        Grid((-3, 3), 6), named("double_well", tilt=0.2), Geometric(0.2, 0.1), clock=clock, duration=1.0, initial=start
    )


def same(a: Trajectory, b: Trajectory) -> None:
    for name in ("times", "density", "log_norm", "states", "parameters"):
        first, second = getattr(a, name), getattr(b, name)
        if first is None:
            assert second is None
        else:
            np.testing.assert_array_equal(first, second)
            assert first.dtype == second.dtype
    assert list(a.expectations) == list(b.expectations)
    for name, estimate in a.expectations.items():
        np.testing.assert_array_equal(estimate.value, b.expectations[name].value)
        np.testing.assert_array_equal(
            estimate.stderr * np.ones(len(estimate)), b.expectations[name].stderr * np.ones(len(estimate))
        )
        assert estimate.shots == b.expectations[name].shots
    assert (a.best, a.stop, a.shots, a.method) == (b.best, b.stop, b.shots, b.method)
    assert a.provenance["seed"] == b.provenance["seed"]
    assert a.problem.domain == b.problem.domain
    assert str(a) == str(b)


def moved(run: Trajectory) -> Trajectory:
    assert np.abs(run.density[-1] - run.density[0]).max() > 1e-3
    return run


def test_exact_run_round_trip(tmp_path: Path) -> None:
    run = moved(evolve(well(), SplitStep(40, order=4), save=4, seed=3, observables={"x": lambda w: w[:, 0]}))
    path = run.save(tmp_path / "run")
    assert path.name == "run.npz"
    again = load(tmp_path / "run")
    same(run, again)
    assert again.problem.diffusion == Geometric(0.2, 0.1)
    assert again.problem.initial == Gaussian(0.4, 0.2, 0.5)
    assert again.problem.objective is not None
    assert again.problem.objective.name == "double_well"
    np.testing.assert_allclose(again.diagnostics["edge_weight"], run.diagnostics["edge_weight"])


def test_imaginary_clock_keeps_log_norm(tmp_path: Path) -> None:
    run = moved(evolve(well("imaginary"), Krylov(1e-8), save=3, seed=1))
    assert run.log_norm[-1] < -0.05
    same(run, load(run.save(tmp_path / "a.npz")))


def test_sampled_run_keeps_counts_and_errors(tmp_path: Path) -> None:
    run = moved(evolve(well(), Trotter(6), backend="statevector", shots=300, seed=5, save=3))
    again = load(run.save(tmp_path / "sampled"))
    same(run, again)
    assert again.shots == 300
    assert run.counts is not None
    assert again.counts is not None
    assert set(again.counts) == {"weight", "dual"}
    for basis, per_time in run.counts.items():
        assert len(again.counts[basis]) == 3
        for a, b in zip(per_time, again.counts[basis]):
            np.testing.assert_array_equal(a.index, b.index)
            np.testing.assert_array_equal(a.count, b.count)
    assert again.expectations["energy"].stderr[-1] > 0  # type: ignore[index]


def test_a_function_comes_back_as_its_table(tmp_path: Path) -> None:
    problem = Problem(
        Grid([(-1, 1), (0, 2)], (2, 3)), lambda w: np.sin(3 * w[:, 0]) + w[:, 1], 0.3, clock="real", duration=0.5
    )  # type: ignore[arg-type]
    run = moved(evolve(problem, SplitStep(8), seed=2))
    again = load(run.save(tmp_path / "f"))
    assert again.problem.objective is not None
    assert problem.objective is not None
    zeta = problem.objective.on(problem.domain)
    np.testing.assert_array_equal(again.problem.objective.on(problem.domain), zeta)
    repeated = evolve(again.problem, again.method, seed=2)
    np.testing.assert_array_equal(repeated.states, run.states)  # the loaded problem can be run again
    same(again, load(again.save(tmp_path / "twice")))


def test_operator_and_state_round_trip(tmp_path: Path) -> None:
    matrix = np.array([[1, 0.5j, 0, 0.2], [-0.5j, -1, 0.3, 0], [0, 0.3, 2, 0], [0.2, 0, 0, 0]])
    problem = Problem.from_operator(matrix, clock="real", duration=0.7, initial=np.array([1, 0, 2j, 0]))
    run = moved(evolve(problem, Exact(), seed=1))
    again = load(run.save(tmp_path / "operator"))
    same(run, again)
    assert again.problem.operator is not None
    np.testing.assert_allclose(again.problem.operator.matrix(), matrix, atol=1e-12)
    assert isinstance(again.problem.initial, State)


def test_parameters_are_kept(tmp_path: Path) -> None:
    run = moved(evolve(well(), SplitStep(10), seed=1))
    angles = np.linspace(0, 1, 6).reshape(2, 3)
    import dataclasses

    with_angles = dataclasses.replace(run, parameters=angles, best=None)
    again = load(with_angles.save(tmp_path / "p"))
    same(with_angles, again)
    np.testing.assert_array_equal(again.parameters, angles)
    assert again.parameters.dtype == angles.dtype


def test_a_method_from_elsewhere_is_kept_by_its_text(tmp_path: Path) -> None:
    import dataclasses

    class Other:
        def __repr__(self) -> str:
            return "Other(steps=3)"

    run = dataclasses.replace(evolve(well(), SplitStep(10), seed=1), method=Other())
    assert load(run.save(tmp_path / "other")).method == "Other(steps=3)"


def test_a_schedule_of_ones_own_needs_the_problem(tmp_path: Path) -> None:
    class Mine:
        def value(self, t: float, duration: float) -> float:
            return 0.5

        def integral(self, t0: float, t1: float, duration: float) -> float:
            return 0.5 * (t1 - t0)

    problem = well().replace(diffusion=Mine())
    run = moved(evolve(problem, SplitStep(10), seed=1))
    path = run.save(tmp_path / "mine")
    with pytest.raises(ProblemError, match=r"\[diffusion\] schedule is one of your own"):
        load(path)
    assert load(path, problem=problem).problem is problem


def test_files_that_are_no_trajectory(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="does not exist"):
        load(tmp_path / "none")
    with pytest.raises(ProblemError, match=r"holds no trajectory\.npz"):
        load(tmp_path)
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(ProblemError, match=r"must be a saved trajectory"):
        load(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", a=np.ones(2))
    with pytest.raises(ProblemError, match="member meta is missing"):
        load(tmp_path / "other.npz")
    np.savez(tmp_path / "newer.npz", meta=np.array(json.dumps({"format": 99})))
    with pytest.raises(ProblemError, match="format 99: a newer version"):
        load(tmp_path / "newer.npz")
    np.savez(tmp_path / "pickled.npz", meta=np.array({"format": 1}, dtype=object))
    with pytest.raises(ProblemError, match="must be a saved trajectory"):
        load(tmp_path / "pickled.npz")
    good = evolve(well(), SplitStep(4), seed=1).save(tmp_path / "good.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(good[: len(good) // 2])
    with pytest.raises(ProblemError, match="must be a saved trajectory"):
        load(tmp_path / "cut.npz")


def test_run_folder(tmp_path: Path) -> None:
    run = moved(evolve(well(), Trotter(5), backend="statevector", shots=200, seed=11, save=3))
    folder = write_run(
        tmp_path / "deep" / "run", run, {"comparison": {"gap": Estimate(1.0, 0.5, 10)}, "nan": float("nan")}
    )
    assert sorted(p.name for p in folder.iterdir()) == [
        *("problem.schema.json", "problem.toml", "result.json", "trajectory.npz")
    ]
    same(run, load(folder))
    result = json.loads((folder / "result.json").read_text())
    assert result["stop"] == run.stop
    assert result["best"]["value"] == run.best.value  # type: ignore[union-attr]
    assert result["comparison"]["gap"] == {"value": 1.0, "stderr": 0.5, "shots": 10}
    assert result["nan"] is None
    assert result["expectations"]["energy"]["value"] == pytest.approx(run.expectations["energy"].value[-1])
    file = read_problem(folder)
    assert (file.method, file.backend, file.shots, file.seed) == (Trotter(5), "statevector", 200, 11)
    repeated = evolve(file.problem, file.method, backend=file.backend, shots=file.shots, seed=file.seed, save=3)
    np.testing.assert_array_equal(repeated.density, run.density)  # the folder repeats itself


def test_a_post_selected_run_is_written_with_the_shots_that_were_asked_for(tmp_path: Path) -> None:
    """Not with those that were kept, which would be fewer at each repetition; the folder repeats itself."""
    method = ProbabilisticITE(1.0, 4, block="exact")
    run = evolve(well("imaginary"), method, backend="statevector", shots=400, seed=5, save=2)
    assert run.shots is not None
    assert 10 < run.shots < 390  # samples are thrown away, so that the two numbers differ
    folder = write_run(tmp_path / "run", run)
    file = read_problem(folder)
    assert (file.shots, file.seed) == (400, 5)
    again = evolve(file.problem, file.method, backend=file.backend, shots=file.shots, seed=file.seed, save=2)
    np.testing.assert_array_equal(again.density, run.density)
    second = write_run(tmp_path / "again", again, source=file)
    assert read_problem(second).shots == 400
    assert json.loads((folder / "result.json").read_text())["shots"] == run.shots


def test_run_folder_without_a_seed_is_valid(tmp_path: Path) -> None:
    run = evolve(well(), SplitStep(5))
    assert run.provenance["seed"] > 0
    folder = write_run(tmp_path / "run", run)
    assert read_problem(folder).problem.duration == 1.0
    assert json.loads((folder / "result.json").read_text())["provenance"]["seed"] == run.provenance["seed"]


def test_run_folder_of_a_problem_file_keeps_its_data(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [f"{rng.normal() + 2 * (i % 2):.3f},{'b' if i % 2 else 'a'}" for i in range(20)]
    (tmp_path / "my.csv").write_text("size,kind\n" + "\n".join(rows) + "\n")
    (tmp_path / "problem.toml").write_text(
        '[domain]\nkind = "grid"\nbounds = [-6, 6]\nqubits = 5\n[objective]\ndata = "my.csv"\ntarget = "kind"\n'
        '[diffusion]\nvalue = 0.5\n[evolution]\nclock = "imaginary"\nduration = 2.0\n'
    )
    source = read_problem(tmp_path)
    run = moved(evolve(source.problem, SplitStep(20), seed=4))
    folder = write_run(tmp_path / "run", run, source=source)
    (tmp_path / "my.csv").unlink()
    file = read_problem(folder)
    assert file.dataset is not None
    assert file.method == SplitStep(20)
    assert file.problem.objective is not None
    assert file.problem.objective.model is not None
    same(run, load(folder))


def test_unwritable_folder(tmp_path: Path) -> None:
    run = evolve(well(), SplitStep(4), seed=1)
    (tmp_path / "file").write_text("x")
    with pytest.raises(ProblemError, match="Argument `out` must be a folder that can be written"):
        write_run(tmp_path / "file" / "run", run)


def test_files_hold_no_pickle(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(12, 2))
    problem = Problem(Hypercube(2), neuron(X, np.arange(12) % 2), 0.5, clock="imaginary", duration=1.0)  # type: ignore[arg-type]
    path = evolve(problem, SplitStep(6), seed=1).save(tmp_path / "n")
    with zipfile.ZipFile(path) as archive:
        assert len(archive.namelist()) > 5
        for name in archive.namelist():
            head = archive.open(name).read(128)
            assert b"|O" not in head


def test_json_is_strict() -> None:
    text = to_json({"a": np.float64(np.inf), "b": [np.nan, np.int64(3)], "c": np.arange(2), "d": Estimate(1.0)})
    assert json.loads(text) == {
        "a": None,
        "b": [None, 3],
        "c": [0, 1],
        "d": {"value": 1.0, "stderr": 0.0, "shots": None},
    }


def finished(folder: Path) -> Path:
    """A run folder with a problem file, a table beside it, and a result."""
    problem = Problem(Grid((-2, 2), 4), lambda w: w[:, 0] ** 2 - 0.3 * w[:, 0], 0.5, clock="real", duration=0.3)
    return write_run(folder, moved(evolve(problem.replace(initial=Gaussian(0.4, 0.3)), SplitStep(10), save=2, seed=1)))


EDITS = {
    "diffusion": (
        "problem.toml",
        "value = 0.5",
        "value = 0.7",
        r"problem\.toml was changed after the run: diffusion is 0\.7",
    ),
    "clock": (
        "problem.toml",
        '"real"',
        '"imaginary"',
        r"evolution\.clock is 'imaginary', the run was submitted with 'real'",
    ),
    "method": ("problem.toml", "steps = 10", "steps = 11", r"method\.steps is 11"),
    "result": (
        "result.json",
        '"clock": "real"',
        '"clock": "imaginary"',
        r"result\.json was changed: clock is 'imaginary'",
    ),
}


@pytest.mark.parametrize("kind", EDITS)
def test_an_edited_run_folder_is_not_loaded(tmp_path: Path, kind: str) -> None:
    folder = finished(tmp_path / "run")
    name, old, new, words = EDITS[kind]
    text = (folder / name).read_text()
    assert text.count(old) == 1
    (folder / name).write_text(text.replace(old, new))
    with pytest.raises(ProblemError, match=words):
        load(folder)
    assert load(folder / "trajectory.npz").stop  # the file itself is what it was


def test_edits_of_a_run_folder_without_a_meaning_and_of_its_arrays(tmp_path: Path) -> None:
    folder = finished(tmp_path / "run")
    text = (folder / "problem.toml").read_text()
    (folder / "problem.toml").write_text("# mine\n" + text.replace("value = 0.5", "value = 0.500"))
    same(load(folder), load(folder / "trajectory.npz"))
    with np.load(folder / "trajectory.npz") as archive:
        arrays = {name: archive[name] for name in archive.files}
    (folder / "problem_table.npy").write_bytes((folder / "problem_table.npy").read_bytes()[:-8] + bytes(8))
    with pytest.raises(ProblemError, match=r"problem_table\.npy was changed after the run"):
        load(folder)
    np.savez(folder / "trajectory.npz", **{**arrays, "density": arrays["density"][:, ::-1]})
    with pytest.raises(ProblemError, match="must be a trajectory as it was saved"):
        load(folder / "trajectory.npz")
    np.savez(folder / "trajectory.npz", **{n: a for n, a in arrays.items() if n not in ("sha256", "content")})
    assert load(folder).stop  # as earlier versions wrote them
