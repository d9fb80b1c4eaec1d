"""SIGKILL at random points of submit, wait, fetch and write: nothing is lost, nothing is sent twice, results are the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

BATCHES = {"jobs": 2, "two_calls": 4, "local": 2, "device": 4, "steps": 10}


def trials(folder: Path, kind: str, count: int, seed: int, kills: int = 1) -> list[dict[str, Any]]:
    """Run ``killing.py``; every trial as a dictionary."""
    script = Path(__file__).with_name("killing.py")
    # one thread everywhere: the pools of a parent do not come along into a fork
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "QISKIT_IN_PARALLEL": "TRUE"}
    command = [sys.executable, str(script), str(folder), kind, str(count), str(seed), str(kills)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=7200)
    assert done.returncode == 0, done.stderr
    head, *rows = map(json.loads, done.stdout.splitlines())
    assert head["points"] > 300
    assert len(rows) == count
    return rows


def check(rows: list[dict[str, Any]], kind: str) -> None:
    """What must hold after every trial."""
    assert sum(all(row["killed"]) for row in rows) > 0.7 * len(rows)  # the points were reached
    for row in rows:
        assert row["error"] == "", row
        assert row["complete"], row
        assert row["batches"] == BATCHES[kind], row
        if kind in ("jobs", "two_calls", "steps"):
            run, *ids = row["ids"]
            assert row["tags"] == [f"{run}-{number}" for number in range(BATCHES[kind])], row
            assert len(set(ids)) == BATCHES[kind]
        if kind == "device":  # one circuit may have been in flight at each kill, and only that one ran twice
            ran = Counter(row["ran"])
            assert len(ran) == BATCHES[kind], row
            assert sum(ran.values()) - len(ran) <= sum(row["killed"]), row
            if len(row["killed"]) == 1:  # and not before it was asked for
                assert max(Counter(row["unasked"]).values(), default=1) == 1, row


@pytest.mark.parametrize(("kind", "count"), [("jobs", 20), ("local", 4), ("device", 4), ("steps", 3)])
def test_killed_anywhere(tmp_path: Path, kind: str, count: int) -> None:
    rows = trials(tmp_path, kind, count, seed=1)
    check(rows, kind)
    assert any(all(row["killed"]) for row in rows)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "count", "kills"),
    [("jobs", 200, 1), ("two_calls", 60, 2), ("local", 40, 2), ("device", 40, 2), ("steps", 30, 2)],
)
def test_killed_anywhere_often(tmp_path: Path, kind: str, count: int, kills: int) -> None:
    rows = trials(tmp_path, kind, count, seed=2, kills=kills)
    check(rows, kind)
    assert any(all(row["killed"]) for row in rows)
