"""Refused submissions leave no folder, and ledgers with impossible rows are refused in one line."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shared_runs import METHOD, QUICK, well
from standin import cloud

import qml_dynamics as qd
from qml_dynamics.runs import fetch, open_run, submit

ASK: dict[str, Any] = {"backend": "statevector", "seed": 3, "quiet": True}


class OwnWave:
    """An initial wave that no file can hold."""

    def vector(self, domain: qd.Grid) -> np.ndarray:
        return np.full(domain.shape, domain.size**-0.5, dtype=complex)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    submit(well(), METHOD, shots=50, folder=tmp_path / "run", **ASK)
    return tmp_path / "run"


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": qd.SplitStep(4)},
        {"method": qd.Exact()},
        {"shots": 0},
        {"backend": "nowhere"},
        {"observables": {"energy": lambda w: w[:, 0]}},
        {"problem": well().replace(initial=OwnWave())},
        {"save": [9.0]},
    ],
)
def test_a_refused_submission_leaves_nothing_and_the_right_one_runs(tmp_path: Path, wrong: dict[str, Any]) -> None:
    right: dict[str, Any] = {"problem": well(), "method": METHOD, "shots": 50, "folder": tmp_path / "run", **ASK}
    given = {**right, **wrong}
    with pytest.raises(qd.QMLDynamicsError):
        submit(**given)
    assert not (tmp_path / "run").exists()
    (tmp_path / "empty").mkdir()
    with pytest.raises(qd.QMLDynamicsError):
        submit(**{**given, "folder": tmp_path / "empty"})
    assert list((tmp_path / "empty").iterdir()) == []
    assert submit(**{**right, "folder": tmp_path / "empty"}).status().complete


def test_a_submission_over_its_budget_makes_room_for_a_smaller_one(tmp_path: Path) -> None:
    ask: dict[str, Any] = {"folder": tmp_path / "run", "max_shots": 300, **ASK}
    with pytest.raises(qd.BudgetExceeded):
        submit(well(), METHOD, shots=5000, **ask)
    assert submit(well(), METHOD, shots=40, **ask).fetch().shots == 40  # type: ignore[union-attr]
    with pytest.raises(qd.ProblemError, match="differs in shots"):
        submit(well(), METHOD, shots=41, **ask)


NUMBERS = ("call", "first", "count", "shots", "attempt", "sent", "estimate", "used", "changed")


@pytest.mark.parametrize("column", NUMBERS)
@pytest.mark.parametrize("value", ["several", b"\x00", -1])
def test_text_where_numbers_are(good: Path, column: str, value: Any) -> None:
    with sqlite3.connect(good / "ledger.sqlite") as connection:
        connection.execute(f"UPDATE batches SET {column} = ? WHERE number = 0", (value,))
    connection.close()
    with pytest.raises(qd.ProblemError, match=r"must be a run folder, but .*ledger\.sqlite is damaged") as refused:
        fetch(good, patience=QUICK)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE batches SET status = 'sleeping'",
        "UPDATE batches SET status = 'intent'",
        "UPDATE batches SET status = 'submitted', job_id = 'j'",
        "UPDATE batches SET status = 'lost', job_id = 'j'",
        "UPDATE batches SET status = 3",
        "UPDATE batches SET compiled = '{'",
        "UPDATE batches SET tag = 5.5, job_id = x'00'",
        "UPDATE calls SET circuits = 'many'",
        "UPDATE calls SET circuits = 0",
        "UPDATE events SET time = 'yesterday'",
        "UPDATE batches SET used = 9e999",
    ],
)
def test_what_no_ledger_says(good: Path, edit: str) -> None:
    with sqlite3.connect(good / "ledger.sqlite") as connection:
        connection.execute(edit)
    connection.close()
    for verb in (
        lambda: fetch(good, patience=QUICK),
        lambda: open_run(good, patience=QUICK).fetch(wait=True, timeout=5),
    ):
        with pytest.raises(qd.ProblemError, match="is damaged") as refused:
            verb()
        assert "\n" not in str(refused.value)


def test_a_job_is_not_running_here(tmp_path: Path) -> None:
    device = cloud(tmp_path / "service")
    submit(well(), METHOD, backend=device, shots=50, seed=1, folder=tmp_path / "run", patience=QUICK, quiet=True)
    with sqlite3.connect(tmp_path / "run" / "ledger.sqlite") as connection:
        connection.execute("UPDATE batches SET status = 'running' WHERE number = 0")
    connection.close()
    with pytest.raises(qd.ProblemError, match="batch 0 is 'running', which none is on a backend with jobs"):
        open_run(tmp_path / "run", backend=device, patience=QUICK).fetch()
