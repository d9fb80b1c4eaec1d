"""Run folders, trajectories, recordings and checkpoints with their bytes, members and texts changed, by number."""

from __future__ import annotations

import functools
import io
import json
import random
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import qml_dynamics as qd
from qml_dynamics.runs import Checkpoint, fetch, resume, status
from qml_dynamics.runs.trajectory_file import write_run
from tests.fuzz import pools
from tests.fuzz.calls import fault
from tests.fuzz.limits import attempt

JSON_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    10**30,
    2.5,
    "a",
    "",
    "\u202e\x00",
    [],
    {},
    [[]],
    [None],
    {"a": 1},
    "../../etc/passwd",
    float("nan"),
    float("inf"),
)
KINDS = ("folder", "trajectory", "recording", "checkpoint", "run")


@functools.cache
def whole() -> Path:
    """One of each, whole: copied for each number."""
    place = Path(tempfile.mkdtemp(prefix="fuzz-damage-"))
    shutil.copytree(pools.submitted(), place / "folder")
    (place / "trajectory").mkdir()
    shutil.copy(pools.stored("run"), place / "trajectory" / "run.npz")
    (place / "recording").mkdir()
    shutil.copy(pools.stored("recording"), place / "recording" / "recording.npz")
    for step in (1, 2):
        Checkpoint(place / "checkpoint").save(step, {"theta": np.array([0.1, 0.2])}, meta={"a": 1})
    write_run(place / "run", pools.run())
    return place


def damaged(number: int, place: Path) -> tuple[str, str, str]:
    """A copy at ``place`` with one file or two damaged: its kind, the files, and how."""
    draw = random.Random(number)
    kind = KINDS[number % len(KINDS)]
    shutil.copytree(whole() / kind, place / kind)
    files = sorted(p for p in (place / kind).rglob("*") if p.is_file())
    told = []
    for path in draw.sample(files, min(len(files), draw.choice((1, 1, 1, 2)))):
        ways = [_flip, _cut, _empty, _gone, _other, _noise]
        ways += [_members] * 4 if path.suffix == ".npz" else [_text] * 3 if path.suffix in (".json", ".toml") else []
        ways += [_json] * 4 if path.suffix == ".json" else []
        way = draw.choice(ways)
        way(path, draw)
        told.append((path.name, way.__name__))
    return kind, ", ".join(n for n, _ in told), ", ".join(w for _, w in told)


def _flip(path: Path, draw: random.Random) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(draw.choice((1, 1, 3, 30))):
        if data:
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    path.write_bytes(bytes(data))


def _cut(path: Path, draw: random.Random) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: draw.randrange(len(data) + 1)])


def _empty(path: Path, draw: random.Random) -> None:
    path.write_bytes(b"")


def _gone(path: Path, draw: random.Random) -> None:
    path.unlink()


def _other(path: Path, draw: random.Random) -> None:
    """Another file of the folder under this name, or a folder in its place."""
    others = [p for p in path.parent.iterdir() if p.is_file() and p != path]
    path.unlink()
    if others and draw.random() < 0.7:
        shutil.copy(draw.choice(others), path)
    else:
        path.mkdir()


def _noise(path: Path, draw: random.Random) -> None:
    path.write_bytes(draw.randbytes(draw.choice((1, 100, 5000))))


def _text(path: Path, draw: random.Random) -> None:
    text = path.read_text(encoding="utf-8")
    at = draw.randrange(len(text) + 1)
    path.write_text(
        text[:at] + draw.choice(("[" * 3000, "9" * 5000, "{", '"', "é", "\0", "-", "e9")) + text[at:], encoding="utf-8"
    )


def _json(path: Path, draw: random.Random) -> None:
    """One value anywhere in a JSON text replaced or dropped."""
    data = json.loads(path.read_text(encoding="utf-8"))
    at, spots = [data], []
    while at:
        one = at.pop()
        keys = list(one) if isinstance(one, dict) else list(range(len(one))) if isinstance(one, list) else []
        spots += [(one, key) for key in keys]
        at += [one[key] for key in keys]
    one, key = draw.choice(spots) if spots else ([data], 0)
    if draw.random() < 0.3:
        del one[key]
    else:
        one[key] = draw.choice(JSON_VALUES)
    path.write_text(json.dumps(data), encoding="utf-8")


def _members(path: Path, draw: random.Random) -> None:
    """An archive with a member changed, dropped, doubled, or swapped with another."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = draw.choice(sorted(members))
    way = draw.choice(("drop", "swap", "nan", "shape", "type", "text", "cut", "big"))
    if way == "drop":
        del members[name]
    elif way == "swap":
        other = draw.choice(sorted(members))
        members[name], members[other] = members[other], members[name]
    elif way == "cut":
        members[name] = members[name][: draw.randrange(len(members[name]))]
    else:
        members[name] = _array(np.load(io.BytesIO(members[name])), way, draw)
    with zipfile.ZipFile(path, "w") as archive:
        for one, data in members.items():
            archive.writestr(one, data)


def _array(value: np.ndarray, way: str, draw: random.Random) -> bytes:
    made: np.ndarray = value
    if way == "nan" and value.dtype.kind in "fc" and value.size:
        made = value.copy()
        made.reshape(-1)[draw.randrange(value.size)] = draw.choice((np.nan, np.inf, -1.0, 1e300))
    elif way == "shape":
        made = draw.choice((value.reshape(-1), value[None], np.concatenate([value.reshape(-1)] * 2), np.zeros(0)))
    elif way == "type":
        made = np.zeros(value.shape, draw.choice((">i2", "bool", "S3", "U3", "c16", "m8[s]", "f2")))
    elif way == "text":
        made = np.array(
            draw.choice(("", "a", "{", "null", "[1]", '{"format": "a"}', '{"format": 1}', "[" * 3000, "9" * 5000))
        )
    out = io.BytesIO()
    if way == "big":
        header = {"descr": "<f8", "fortran_order": False, "shape": (2 ** draw.choice((33, 46)),)}
        np.lib.format.write_array_header_1_0(out, header)
        return out.getvalue() + bytes(64)
    np.save(out, made, allow_pickle=False)
    return out.getvalue()


def run(number: int) -> str | None:
    """What is wrong with what comes of reading what was damaged; None for nothing."""
    with tempfile.TemporaryDirectory(prefix="fuzz-damaged-") as name:
        kind, files, ways = damaged(number, Path(name))
        place = Path(name) / kind
        for what, read in _readers(kind, place).items():
            found = attempt(read, judged)
            if found is not None:
                return f"{what} of {kind} ({files}: {ways}): {found}"
    return None


def shown(number: int) -> str:
    """What was damaged, and how."""
    with tempfile.TemporaryDirectory(prefix="fuzz-damaged-") as name:
        return "; ".join(damaged(number, Path(name)))


def _readers(kind: str, place: Path) -> dict[str, Callable[[], Any]]:
    if kind == "folder":
        return {
            "status": lambda: status(place),
            "fetch": lambda: fetch(place, wait=True, timeout=5),
            "resume": lambda: resume(place),
            "load": lambda: qd.load(place),
        }
    if kind == "checkpoint":
        return {"load": lambda: Checkpoint(place).load()}
    if kind == "recording":
        return {"load": lambda: qd.growth.load_recording(place / "recording.npz")}
    return {"load": lambda: qd.load(place / "run.npz" if kind == "trajectory" else place)}


def judged(found: Any) -> str | None:
    """What is wrong with what was read: a number that nobody wrote."""
    wrong = fault(found)
    if wrong is None and isinstance(found, qd.Trajectory) and found.counts is None:
        kept = pools.run()
        same = found.density.shape == kept.density.shape and np.allclose(found.density, kept.density, atol=1e-12)
        return None if same else "a density that nobody wrote"
    return wrong
