"""SIGKILL and SIGTERM at random moments of every verb with a folder: the same call goes on, and ends with the same bits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

VERBS = (
    *("evolve", "krylov", "growing", "trotter", "variational", "anneal", "metts", "metts_circuits", "descend"),
    *("characteristics", "imaginary_flow", "grown_ansatz"),
    *("tensor_train", "train_of_spins", "large_wave"),
    *("train", "train_measured", "error_budget", "run", "anneal_command", "descend_command"),
)


def trials(folder: Path, verbs: tuple[str, ...], count: int, seed: int, number: int) -> list[dict[str, Any]]:
    """Run ``killing_calls.py``; every trial as a dictionary."""
    script = Path(__file__).with_name("killing_calls.py")
    root = str(script.parents[2])  # the child reads what tests share
    environment = {
        **os.environ,
        "PYTHONPATH": root,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "QISKIT_IN_PARALLEL": "TRUE",
    }
    command = [sys.executable, str(script), str(folder), str(count), str(seed), str(int(number)), *verbs]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=7200)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == count * len(verbs)
    return rows


def wrong(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Trials in which something was lost, sent more than once beyond what was under way, or came out differently."""
    return [row for row in rows if row["error"] or not row["same"] or row["twice"] > len(row["delays"])]


@pytest.mark.parametrize(
    ("verbs", "number"),
    [
        (("evolve", "metts", "train_measured"), signal.SIGKILL),
        (("evolve", "anneal"), signal.SIGTERM),
        (("tensor_train", "large_wave"), signal.SIGTERM),
    ],
)
def test_signalled_calls_end_with_the_same_bits(tmp_path: Path, verbs: tuple[str, ...], number: int) -> None:
    rows = trials(tmp_path, verbs, 2, 1, number)
    assert not wrong(rows)
    assert sum(row["killed"] if number == signal.SIGKILL else row["told"] for row in rows) >= 1  # some came in time


PARTS = [VERBS[first : first + 3] for first in range(0, len(VERBS), 3)]  # of a few minutes each


@pytest.mark.fuzz
@pytest.mark.parametrize(("number", "count"), [(signal.SIGKILL, 7), (signal.SIGTERM, 4)])
@pytest.mark.parametrize("verbs", PARTS, ids=["-".join(part) for part in PARTS])
def test_every_verb_survives_signals_at_random_moments(
    tmp_path: Path, verbs: tuple[str, ...], number: int, count: int
) -> None:
    rows = trials(tmp_path, verbs, count, 2, number)
    assert not wrong(rows)
    sent = sum(len(row["delays"]) for row in rows)
    assert sent * len(PARTS) >= (100 if number == signal.SIGKILL else 50)
    came = sum(row["killed"] if number == signal.SIGKILL else row["told"] for row in rows)
    assert came > 0.1 * sent  # the others came too early or too late, and more of them where other processes are busy


def test_every_verb_is_in_a_part() -> None:
    assert sorted(verb for part in PARTS for verb in part) == sorted(VERBS)
    assert all(len(part) == 3 for part in PARTS)
