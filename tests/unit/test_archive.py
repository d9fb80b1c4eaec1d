"""Archives from anybody: what they claim is compared with what they hold, and each array is checked before it is believed."""

from __future__ import annotations

import copy
import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from qml_dynamics.base.archive import read_npy, read_npz, reading
from qml_dynamics.base.errors import BackendError, ProblemError, QMLDynamicsError
from qml_dynamics.learning.growth.recorder import Recording, load_recording
from qml_dynamics.methods.evolution import evolve
from qml_dynamics.methods.split_step import SplitStep
from qml_dynamics.methods.trotter import Trotter
from qml_dynamics.model.domains import Grid
from qml_dynamics.model.initial import Gaussian
from qml_dynamics.model.objectives import quadratic
from qml_dynamics.model.problem import Problem
from qml_dynamics.results.trajectory import sealed
from qml_dynamics.runs import Checkpoint
from qml_dynamics.runs.specification import arrays as observables_of
from qml_dynamics.runs.trajectory_file import load


def _npz(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name + ".npy", data)
    return path


def _npy(array: np.ndarray, pickled: bool = False) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=pickled)
    return out.getvalue()


def _header(text: str, content: bytes = b"") -> bytes:
    head = text.encode()
    head += b" " * (63 - (len(head) + 10) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + content


def _flag(path: Path, bits: int) -> Path:
    """Set a flag of every member, in both of its headers."""
    data = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = 0
        while (start := data.find(mark, start)) >= 0:
            data[start + place] |= bits
            start += 4
    path.write_bytes(bytes(data))
    return path


CLAIM = "{'descr': '<f8', 'fortran_order': False, 'shape': (%s,), }"
DAMAGES: dict[str, tuple[Callable[[Path, str], Path], str]] = {
    "claims 512 TiB": (lambda p, m: _npz(p, {m: _header(CLAIM % (1 << 46), b"12345678")}), "claims shape .* holds 8 B"),
    "claims less": (lambda p, m: _npz(p, {m: _header(CLAIM % 1, b"1234567812345678")}), "claims shape"),
    "negative": (lambda p, m: _npz(p, {m: _header(CLAIM % -2, b"")}), "claims shape"),
    "encrypted": (lambda p, m: _flag(_npz(p, {m: _npy(np.ones(3))}), 1), "is encrypted"),
    "bzip2": (lambda p, m: _npz(p, {m: _npy(np.ones(3))}, zipfile.ZIP_BZIP2), "compressed by a method"),
    "lzma": (lambda p, m: _npz(p, {m: _npy(np.ones(3))}, zipfile.ZIP_LZMA), "compressed by a method"),
    "objects": (lambda p, m: _npz(p, {m: _npy(np.array([{}], dtype=object), pickled=True)}), "objects"),
    "records": (lambda p, m: _npz(p, {m: _npy(np.zeros(2, dtype=[("a", "<f8")]))}), "no plain array"),
    "dates": (lambda p, m: _npz(p, {m: _npy(np.zeros(2, dtype="M8[s]"))}), "no plain array"),
    "code in a header": (lambda p, m: _npz(p, {m: _header("__import__('os').getcwd()")}), "member"),
    "deep header": (lambda p, m: _npz(p, {m: _header("(" * 3000 + ")" * 3000)}), "member"),
    "cut off": (lambda p, m: _npz(p, {m: _npy(np.ones(3))[:-4]}), "claims shape"),
    "no array": (lambda p, m: _npz(p, {m: b"hello"}), "member"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_archives_that_are_no_plain_arrays_are_refused_with_file_and_member(damage: str, tmp_path: Path) -> None:
    make, words = DAMAGES[damage]
    path = make(tmp_path / "file.npz", "density")
    with pytest.raises(ProblemError, match=words) as refused:
        read_npz(path)
    assert "file.npz" in str(refused.value)
    assert "density" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_archive_opens_to_no_more_than_a_multiple_of_its_size(tmp_path: Path) -> None:
    zeros = np.zeros(1 << 24)  # 128 MiB, deflated to a thousandth
    path = _npz(tmp_path / "bomb.npz", {"density": _npy(zeros)}, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 200_000
    with pytest.raises(ProblemError, match=r"bomb\.npz is not: .* open to 128\.0 MiB, where 64\.0 MiB are allowed"):
        read_npz(path)
    small = _npz(tmp_path / "small.npz", {"a": _npy(zeros[: 1 << 20])}, zipfile.ZIP_DEFLATED)
    assert read_npz(small)["a"].shape == (1 << 20,)


def test_an_archive_of_very_many_members_is_refused_before_one_is_opened(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "many.npz", "w") as archive:
        archive.writestr("0.npy", _npy(np.ones(1)))
        for number in range(1, 100_001):  # entries that stand for the same bytes: nothing is written for them
            info = copy.copy(archive.infolist()[0])
            info.filename = f"{number}.npy"
            archive.filelist.append(info)
    with zipfile.ZipFile(tmp_path / "many.npz") as archive:
        assert len(archive.namelist()) == 100_001
    with pytest.raises(ProblemError, match=r"many\.npz is not: it has 100,001 members, where 100,000 are allowed"):
        read_npz(tmp_path / "many.npz")


def test_as_many_members_as_there_are_arrays_behind_them_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of many saved times writes four arrays each: what was written must be read."""
    monkeypatch.setattr("qml_dynamics.base.archive._MEMBERS", 100)  # as 100,001 of them take a minute to write and read
    np.savez(tmp_path / "x.npz", **{str(i): np.array([float(i)]) for i in range(300)})  # type: ignore[arg-type]
    assert [float(value[0]) for value in read_npz(tmp_path / "x.npz").values()] == list(range(300))


def test_what_numpy_writes_is_read_as_it_was(tmp_path: Path) -> None:
    stored = {
        "a": np.arange(6.0).reshape(2, 3),
        "columns": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "complex": np.array([1 + 2j]),
        "empty": np.zeros((0, 4)),
        "text": np.array("hello"),
        "flags": np.array([True, False]),
    }
    np.savez_compressed(tmp_path / "x.npz", **stored)  # type: ignore[arg-type]
    found = read_npz(tmp_path / "x.npz")
    assert list(found) == list(stored)
    for name, array in stored.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    found["a"][0, 0] = 7.0  # it may be written to
    np.save(tmp_path / "y.npy", stored["columns"])
    np.testing.assert_array_equal(read_npy(tmp_path / "y.npy", "no"), stored["columns"])
    assert read_npz((tmp_path / "x.npz").read_bytes(), "no", BackendError)["complex"][0] == 1 + 2j


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """The arrays of a sampled run: it has counts of both bases, errors and best weights."""
    start = Gaussian(0.3, 0.5)
    problem = Problem(Grid((-2, 2), 3), quadratic(1), 0.5, clock="real", duration=0.5, initial=start)
    run = evolve(problem, Trotter(3), backend="statevector", shots=50, seed=1, save=3)
    exact = evolve(problem, SplitStep(5), seed=1, save=3)
    arrays = run.to_arrays()
    assert exact.states is not None
    return {**arrays, "states": exact.states, "parameters": np.ones((3, 2))}


def _nan(array: np.ndarray) -> np.ndarray:
    out = array.copy()
    out.reshape(-1)[0] = np.nan
    return out


EDITS: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray], str]] = {
    "density nan": ("density", _nan, "density must be finite"),
    "density inf": ("density", lambda a: a + np.inf, "density must be finite"),
    "density negative": ("density", lambda a: a - 0.5, "density must hold no negative number"),
    "density of sum 2": ("density", lambda a: 2 * a, "density must have sum 1"),
    "density text": ("density", lambda a: a.astype(str), "density must hold real numbers, but holds <U"),
    "density integer": ("density", lambda a: a.astype(int), "density must hold real numbers"),
    "density shape": ("density", lambda a: a[:, :-1], "density must have shape 3 x 8"),
    "density times": ("density", lambda a: a[1:], "density must have shape 3 x 8"),
    "times nan": ("times", _nan, "times must be finite"),
    "times descending": ("times", lambda a: a[::-1].copy(), "times must be ascending"),
    "times negative": ("times", lambda a: a - 1, "times must hold no negative number"),
    "times shape": ("times", lambda a: a[:, None], "times must have shape any"),
    "states norm": ("states", lambda a: 2 * a, "states must have norm 1"),
    "states nan": ("states", _nan, "states must be finite"),
    "states real": ("states", lambda a: a.real.copy(), "states must hold complex numbers"),
    "log_norm shape": ("log_norm", lambda a: a[:-1], "log_norm must have shape 3"),
    "log_norm inf": ("log_norm", lambda a: a + np.inf, "log_norm must be finite"),
    "parameters shape": ("parameters", lambda a: a[0], "parameters must have shape"),
    "value nan": ("expectations/energy/value", _nan, "expectations/energy/value must be finite"),
    "stderr negative": (
        "expectations/energy/stderr",
        lambda a: a - 1e9,
        "expectations/energy/stderr must hold no negative",
    ),
    "stderr nan": ("expectations/energy/stderr", _nan, "expectations/energy/stderr must hold no negative"),
    "counts outside": ("counts/weight/0/index", lambda a: a + 8, "counts/weight/0/index` must be places below 8"),
    "counts negative": ("counts/weight/1/count", lambda a: -a, "counts/weight/1/count must hold no negative number"),
    "counts twice": ("counts/dual/2/index", lambda a: np.zeros_like(a), "counts/dual/2/index must be ascending"),
    "counts real": ("counts/dual/2/count", lambda a: a + 0.5, "counts/dual/2/count must hold integers"),
    "meta list": ("meta", lambda a: np.array("[]"), "meta must be of type dict"),
    "meta deep": ("meta", lambda a: np.array("[" * 100_000), "nested deeper than 100 levels"),
    "meta number": ("meta", lambda a: np.array(3.0), "meta must hold text"),
    "meta empty": ("meta", lambda a: np.array("{}"), "it has no problem"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_trajectory_is_believed_only_after_every_array_was_checked(
    edit: str, saved: dict[str, np.ndarray], tmp_path: Path
) -> None:
    member, change, words = EDITS[edit]
    changed = {**saved, member: change(saved[member])}
    np.savez(tmp_path / "t.npz", **sealed(changed))  # type: ignore[arg-type]  # a seal tells nothing of who made it
    with pytest.raises(ProblemError, match=words) as refused:
        load(tmp_path / "t.npz")
    assert "t.npz" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_trajectory_of_these_edits_is_read_without_one(saved: dict[str, np.ndarray], tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", **sealed(saved))  # type: ignore[arg-type]
    found = load(tmp_path / "t.npz")
    np.testing.assert_array_equal(found.density, saved["density"])
    assert found.counts is not None
    assert {EDITS[e][0] for e in EDITS} <= set(saved)
    meta = json.loads(str(saved["meta"]))
    for key, value in (("shots", {"energy": "many"}), ("best", {"weights": 3}), ("stop", 4), ("provenance", [])):
        np.savez(tmp_path / "m.npz", **{**saved, "meta": np.array(json.dumps({**meta, key: value}))})  # type: ignore[arg-type]
        with pytest.raises(ProblemError, match=r"m\.npz"):
            load(tmp_path / "m.npz")


def _recording(path: Path) -> None:
    Recording(np.arange(2), {"loss": np.ones(2)}).save(path)


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "trajectory": ("t.npz", load),
    "recording": ("r.npz", load_recording),
    "checkpoint": ("step-00000003.npz", lambda p: Checkpoint(p.parent).load()),
    "observables": ("observables.npz", observables_of),
}


@pytest.mark.parametrize("damage", ["claims 512 TiB", "encrypted", "lzma", "objects", "no array"])
@pytest.mark.parametrize("kind", READERS)
def test_every_reader_refuses_the_same_archives(kind: str, damage: str, tmp_path: Path) -> None:
    name, read = READERS[kind]
    path = DAMAGES[damage][0](tmp_path / name, "meta")
    with pytest.raises(QMLDynamicsError, match=r"meta") as refused:
        read(path)
    assert name in str(refused.value)


def test_of_checkpoints_the_last_good_one_serves_and_none_is_an_error(tmp_path: Path) -> None:
    box = Checkpoint(tmp_path)
    box.save(1, {"a": np.ones(2)})
    box.save(2, {"a": np.ones(2)})
    (tmp_path / "step-00000002.npz").write_bytes(b"damaged")
    found = box.load()
    assert found is not None
    assert found.step == 1
    (tmp_path / "step-00000001.npz").write_bytes(b"damaged")
    with pytest.raises(ProblemError, match=r"step-00000002\.npz is damaged"):
        box.load()
    box.clear()
    assert box.load() is None


@pytest.mark.parametrize("fault", [TypeError, AttributeError, NameError, AssertionError, ZeroDivisionError])
def test_a_fault_of_a_loader_is_not_told_as_one_of_the_file(fault: type[Exception]) -> None:
    with pytest.raises(fault, match="ours"), reading("Argument `path` must be a saved thing, but it is not"):
        raise fault("ours")
    with (
        pytest.raises(ProblemError, match="saved thing, but it is not: theirs"),
        reading("Argument `path` must be a saved thing, but it is not"),
    ):
        raise ValueError("theirs")


def test_the_best_weights_of_a_file_have_all_their_numbers_and_no_others(
    saved: dict[str, np.ndarray], tmp_path: Path
) -> None:
    meta = json.loads(str(saved["meta"]))
    for change in ({"extra": 1}, {"samples": None}):
        best = {k: v for k, v in {**meta["best"], **change}.items() if v is not None}
        arrays = {**saved, "meta": np.array(json.dumps({**meta, "best": best}))}
        np.savez(tmp_path / "a.npz", **arrays)  # type: ignore[arg-type]
        with pytest.raises(ProblemError, match=r"`best` must have .*samples.*, but is"):
            load(tmp_path / "a.npz")
