"""Checkpoints: bit by bit, the last complete one, and a loop that is killed goes on as if nothing had been."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from qml_dynamics.base.errors import ProblemError
from qml_dynamics.runs import Checkpoint

ARRAYS = {
    "theta": np.array([0.1, np.nextafter(1.0, 2.0), -0.0, np.inf, 5e-324]),
    "state": np.array([[1 + 2j, 3j]], dtype=np.complex64),
    "layers": np.array(7),
    "a/b": np.arange(3, dtype=np.uint8),
}


def test_arrays_and_random_numbers_come_back_to_the_bit(tmp_path: Path) -> None:
    for bits in (np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64):
        rng = np.random.Generator(bits(3))
        rng.standard_normal(101)
        rng.integers(0, 9, 3, dtype=np.uint32)  # leaves half a word behind
        Checkpoint(tmp_path).save(4, ARRAYS, generator=rng, meta={"note": "halfway", "energy": 0.1 + 0.2})
        saved = Checkpoint(tmp_path).load()
        assert saved is not None
        assert saved.step == 4
        assert saved.meta == {"note": "halfway", "energy": 0.1 + 0.2}
        assert saved.arrays.keys() == ARRAYS.keys()
        for name, array in ARRAYS.items():
            assert saved.arrays[name].dtype == array.dtype
            assert saved.arrays[name].shape == array.shape
            assert saved.arrays[name].tobytes() == array.tobytes()
        assert saved.generator is not None
        np.testing.assert_array_equal(
            saved.generator.integers(0, 9, 5, dtype=np.uint32), rng.integers(0, 9, 5, dtype=np.uint32)
        )
        np.testing.assert_array_equal(saved.generator.standard_normal(50), rng.standard_normal(50))


def test_the_last_complete_one_counts(tmp_path: Path) -> None:
    box = Checkpoint(tmp_path, keep=3)
    assert box.load() is None
    for step in (2, 9, 10, 11):
        box.save(step, {"x": np.array([float(step)])})
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"step-{step:08d}.npz" for step in (9, 10, 11)]
    last = tmp_path / "step-00000011.npz"
    last.write_bytes(last.read_bytes()[:-40])
    saved = box.load()
    assert saved is not None
    assert (saved.step, saved.arrays["x"].tolist(), saved.generator) == (10, [10.0], None)
    box.clear()
    assert box.load() is None


def test_a_checkpoint_that_was_just_written_stays(tmp_path: Path) -> None:
    """Another computation in the same folder is refused, not thrown away; steps that are damaged do not count."""
    saves = Checkpoint(tmp_path)
    for step in (10, 20):
        saves.save(step, {"x": np.array([step])})
    with pytest.raises(ProblemError, match=r"^Argument `step` must not be below 20, which .* holds .*, but is 1\.$"):
        saves.save(1, {"x": np.zeros(1)})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000010.npz", "step-00000020.npz"]
    (tmp_path / "step-00000020.npz").write_bytes(b"half")
    assert saves.load().step == 10
    saves.save(11, {"x": np.array([11])})
    assert saves.load().step == 11
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000010.npz", "step-00000011.npz"]


def test_bad_input(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="`step`"):
        Checkpoint(tmp_path).save(-1, {})
    with pytest.raises(ProblemError, match="holds objects"):
        Checkpoint(tmp_path).save(1, {"x": np.array([object()])})
    with pytest.raises(ProblemError, match="`keep`"):
        Checkpoint(tmp_path, keep=0)
    (tmp_path / "file").write_text("")
    with pytest.raises(ProblemError, match="can be written"):
        Checkpoint(tmp_path / "file").save(1, {})
    Checkpoint(tmp_path).save(1, {})
    path = tmp_path / "step-00000001.npz"
    np.savez(path, head=np.array('{"format": 2, "step": 1, "generator": null, "meta": {}}'))
    with pytest.raises(ProblemError, match="newer version"):
        Checkpoint(tmp_path).load()


LOOP = """
import os, signal, sys
import numpy as np
from qml_dynamics.runs import Checkpoint
box, end, die = Checkpoint(sys.argv[1]), 12, int(sys.argv[2])
saved = box.load()
x, rng, start = (np.full(3, 0.3), np.random.default_rng(5), 0) if saved is None else (saved.arrays["x"], saved.generator, saved.step)
for step in range(start, end):
    x = np.sin(3 * x) + 0.1 * rng.standard_normal(3)
    if step == die:
        os.kill(os.getpid(), signal.SIGKILL)
    box.save(step + 1, {"x": x}, generator=rng)
print(x.tobytes().hex())
"""


def test_a_loop_that_is_killed_ends_with_the_same_bits(tmp_path: Path) -> None:
    def loop(folder: str, die: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", LOOP, str(tmp_path / folder), str(die)], capture_output=True, text=True
        )

    whole = loop("whole", -1)
    assert whole.returncode == 0, whole.stderr
    killed = loop("killed", 5)
    assert killed.returncode == -9
    resumed = loop("killed", -1)
    assert resumed.stdout == whole.stdout != ""
