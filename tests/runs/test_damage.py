"""Run folders with any of their files damaged: an error of ours that names the folder, or the right answer; never a raw one."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shared_runs import METHOD, QUICK, well

import qml_dynamics as qd
from qml_dynamics.runs import cancel, fetch, open_run, resume, status, submit

ASK: dict[str, Any] = {"backend": "aer:density_matrix", "shots": 50, "seed": 7, "observables": {"x": lambda w: w[:, 0]}}
VERBS: dict[str, Callable[[Path], Any]] = {
    "status": lambda folder: status(folder, patience=QUICK),
    "fetch": lambda folder: fetch(folder, patience=QUICK),
    "resume": lambda folder: resume(folder, patience=QUICK),
    "cancel": lambda folder: cancel(folder, patience=QUICK),
    "open": lambda folder: str(open_run(folder)),
}


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(max(1, len(data)))]


def flipped(data: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(8 if out else 0):
        out[rng.randrange(len(out))] = rng.randrange(256)
    return bytes(out)


KINDS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "cut": cut,
    "flipped": flipped,
    "empty": lambda data, rng: b"",
    "noise": lambda data, rng: rng.randbytes(300),
    "text": lambda data, rng: b"hello world\n" * 40,
}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good") / "run"
    submit(well(), METHOD, folder=folder, quiet=True, **ASK)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files(good: Path, tmp_path: Path, kind: str) -> None:
    direct = qd.evolve(well(), METHOD, **ASK)
    names = sorted(path.relative_to(good) for path in good.rglob("*") if path.is_file())
    assert len(names) == 8  # problem and its schema, table, run, observables, ledger, lock, result
    rng, right = random.Random(5), 0
    said: list[tuple[Path, str]] = []
    for name in names:
        for verb, call in VERBS.items():
            folder = tmp_path / f"{name.name}-{verb}"
            shutil.copytree(good, folder)
            (folder / name).write_bytes(KINDS[kind]((folder / name).read_bytes(), rng))
            try:
                answer = call(folder)
            except qd.QMLDynamicsError as error:
                said.append((folder, str(error)))
                continue
            if verb == "fetch" and name.parts[0] == "results":
                assert np.array_equal(answer.trajectory.density, direct.density)
            right += 1
    assert len(said) >= 15
    assert right >= 1
    assert all(str(folder) in text for folder, text in said)


def test_a_damaged_result_is_run_again_and_a_damaged_ledger_is_named(good: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(good, folder)
    (result,) = (folder / "results").iterdir()
    result.write_bytes(result.read_bytes()[:100])
    with pytest.raises(qd.BackendError, match=result.name):
        fetch(folder)
    assert resume(folder).complete
    again = fetch(folder).trajectory
    assert again is not None
    assert np.array_equal(again.density, qd.evolve(well(), METHOD, **ASK).density)
    (folder / "trajectory.npz").unlink()
    (folder / "ledger.sqlite").write_bytes(b"hello world\n" * 40)
    for call in VERBS.values():
        with pytest.raises(qd.ProblemError, match=r"ledger\.sqlite is damaged"):
            call(folder)
