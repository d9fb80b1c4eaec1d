"""Trajectories: counts, text, and files that are written whole or not at all."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from qml_dynamics.base.errors import ProblemError
from qml_dynamics.base.estimate import Estimate
from qml_dynamics.methods.split_step import SplitStep
from qml_dynamics.model.domains import Grid
from qml_dynamics.model.problem import Problem
from qml_dynamics.results.trajectory import Best, Counts, Trajectory, atomic_file, plain, write_npz


def made(**changes) -> Trajectory:
    problem = Problem(Grid((-1, 2), 2), lambda w: w[:, 0], 0.5, clock="real", duration=1.0)
    rng = np.random.default_rng(0)
    states = rng.standard_normal((2, 4)) + 1j * rng.standard_normal((2, 4))
    states /= np.linalg.norm(states, axis=1)[:, None]
    counts = tuple(Counts(np.array([0, 2, 3]), np.array([5, 3, 2])) for _ in range(2))
    given = {
        "times": np.array([0.0, 1.0]),
        "density": np.abs(states) ** 2,
        "states": states,
        "log_norm": np.zeros(2),
        "expectations": {"energy": Estimate(np.array([1.0, 0.5]), np.array([0.0, 0.25]), 10)},
        "problem": problem,
        "method": SplitStep(4),
        "counts": {"weight": counts, "dual": counts},
        "best": Best((0.5,), -1.0, (1.25,), 0.75, 10),
        "diagnostics": {"edge_weight": np.float64(0.25), "nested": {"a": np.arange(2)}},
        "stop": "Reached the end.",
        "provenance": {"seed": 7, "backend": "aer"},
    }
    return Trajectory(**{**given, **changes})


def test_counts_become_frequencies():
    """On all points, the unseen ones at zero."""
    counts = Counts(np.array([1, 3]), np.array([3, 1]))
    assert counts.shots == 4
    np.testing.assert_array_equal(counts.histogram(5), [0, 0.75, 0, 0.25, 0])


def test_text_has_six_lines_with_what_a_person_asks_first():
    """Method, backend, shots, domain, reading, ends of the energy with errors, best weights beside the uniform ones."""
    text = str(made())
    assert len(text.splitlines()) == 6
    for part in (
        "SplitStep(steps=4",
        "real clock",
        "aer",
        "10 shots",
        "4 points, 2 qubits",
        "born",
        "energy 1 -> 0.50 +- 0.25",
        "-1",
        "0.75",
    ):
        assert part in text
    exact = made(counts=None, best=None, expectations={}, provenance={})
    assert "exact" in str(exact)
    assert "classical" in str(exact)
    assert exact.shots is None
    assert made().shots == 10
    assert repr(made()) == text


def test_an_infinite_error_prints():
    """One shot has no spread."""
    run = made(expectations={"energy": Estimate(np.array([1.0, 0.5]), np.array([np.inf, np.inf]), 1)})
    assert "1 +- inf -> 0.5 +- inf" in str(run)


def test_file_holds_every_array_and_no_pickle(tmp_path):
    """Readable by NumPy alone, with pickle off; the ending is added, the folder made."""
    path = made().save(tmp_path / "deep" / "run.v1")
    assert path.name == "run.v1.npz"
    with np.load(path, allow_pickle=False) as archive:
        run = made()
        for name in ("times", "density", "states", "log_norm"):
            np.testing.assert_array_equal(archive[name], getattr(run, name))
        np.testing.assert_array_equal(archive["counts/weight/1/count"], [5, 3, 2])
        np.testing.assert_array_equal(archive["expectations/energy/stderr"], [0.0, 0.25])
        np.testing.assert_allclose(archive["problem/table"], [-1.0, -0.25, 0.5, 1.25])
        meta = json.loads(str(archive["meta"]))
    assert meta["method"] == {"kind": "split_step", "steps": 4}
    assert meta["diagnostics"] == {"edge_weight": 0.25, "nested": {"a": [0, 1]}}
    assert [p.name for p in path.parent.iterdir()] == ["run.v1.npz"]


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    """The error is the caller's own, and the folder is as it was."""
    target = tmp_path / "x.npz"
    write_npz(target, {"a": np.ones(2)})
    before = target.read_bytes()

    def interrupted() -> None:
        with atomic_file(target) as handle:
            handle.write(b"half")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        interrupted()
    assert target.read_bytes() == before
    assert os.listdir(tmp_path) == ["x.npz"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    """A file stands where the folder should be."""
    (tmp_path / "taken").write_text("x")
    with pytest.raises(ProblemError, match=r"`out` must be a folder that can be written, but .*taken"):
        made().save(tmp_path / "taken" / "run.npz")


@pytest.mark.parametrize(("folder", "wanted"), [(0o755, 0o640), (0o700, 0o600)])
def test_saved_files_obey_the_umask_and_their_folder(tmp_path, folder, wanted):
    """As any file that a person writes would; in a folder of their own nobody else reads it."""
    place = tmp_path / "place"
    place.mkdir()
    place.chmod(folder)
    old = os.umask(0o027)
    try:
        path = made().save(place / "run")
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == wanted


def test_plain_data_for_json():
    """NumPy's numbers, arrays, estimates and tuples become Python's own."""
    given = {"a": np.float32(0.5), 1: (np.int64(2), [np.bool_(True)]), "e": Estimate(np.array([1.0]), 0.5, 3)}
    assert plain(given) == {"a": 0.5, "1": [2, [True]], "e": {"value": [1.0], "stderr": 0.5, "shots": 3}}
    json.dumps(plain(given))
