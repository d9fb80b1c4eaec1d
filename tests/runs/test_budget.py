"""Budgets: what counts, and that nothing is sent past them, in any kind of run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import SparsePauliOp
from shared_runs import METHOD, QUICK, Device, same, stepwise, well
from standin import cloud

import qml_dynamics as qd
from qml_dynamics.base.errors import BudgetExceeded
from qml_dynamics.runs import open_run, resume, status, submit
from qml_dynamics.runs.ledger import Ledger

ASK: dict[str, Any] = {"shots": 60, "seed": 5, "quiet": True}
TOLD = {"shots": 60, "seed": 5}


def test_shots_of_mitigation_count(tmp_path: Path) -> None:
    """Four circuits at two noise scales, and two calibrations a job."""
    device = cloud(tmp_path / "service", zne=(1, 3), readout_mitigation="calibrated")
    jobs = -(-4 // device.max_circuits)
    total = 60 * (4 * 2 + 2 * jobs)
    ask = {**ASK, "backend": device, "folder": tmp_path / "run", "patience": QUICK}
    with pytest.raises(BudgetExceeded, match=f"take {total:,} shots and 0 are spent, but `max_shots` is {total - 1:,}"):
        submit(well(), METHOD, max_shots=total - 1, **ask)
    assert device.service.tags() == []
    run = submit(well(), METHOD, max_shots=total, **ask)
    assert run.status(ask=False).shots == total
    plan = qd.cost(well(), METHOD, backend=device, shots=60).device
    assert plan is not None
    assert plan.executions == total  # what the cost had said


def test_shots_of_every_basis_of_an_operator_count(tmp_path: Path) -> None:
    operator = SparsePauliOp(["XX", "IZ", "ZY"], [0.4, 0.9, -0.3])  # three bases
    problem = qd.Problem.from_operator(operator, clock="real", duration=0.8)
    device = qd.backend(StatevectorEstimator())
    ask = {**ASK, "backend": device, "folder": tmp_path / "run", "save": [0.8]}
    with pytest.raises(BudgetExceeded, match="take 240 shots and 0 are spent, but `max_shots` is 239"):
        submit(problem, METHOD, max_shots=239, **ask)
    assert resume(tmp_path / "run", backend=device, max_shots=240).shots == 240


def test_an_older_ledger_counts_circuits_as_they_are(tmp_path: Path) -> None:
    run = submit(well(), METHOD, backend="aer:density_matrix", folder=tmp_path / "run", **ASK)
    ledger = Ledger(tmp_path / "run")
    assert [b.runs for b in ledger.batches()] == [b.count for b in ledger.batches()] == [4]
    ledger.close()
    assert run.status().shots == 240


def test_seconds_of_all_steps_are_compared_before_the_first_is_sent(tmp_path: Path) -> None:
    problem, method = stepwise()
    device = cloud(tmp_path / "service")
    seconds = qd.cost(problem, method, backend=device, shots=60).device.seconds  # type: ignore[union-attr]
    ask = {**ASK, "backend": device, "folder": tmp_path / "run", "patience": QUICK}
    with pytest.raises(BudgetExceeded, match=r"All steps together take about .* s on the device, but `max_seconds`"):
        submit(problem, method, max_seconds=0.9 * seconds, **ask)
    run = open_run(tmp_path / "run", backend=device, patience=QUICK)
    with pytest.raises(BudgetExceeded, match="All steps together"):  # going on does not go round it
        run.resume()
    assert device.service.tags() == []
    assert run.status().batches == ()
    assert run.resume(max_seconds=10 * seconds).count("queued") > 0


def test_a_budget_of_seconds_stops_between_steps_and_keeps_them(tmp_path: Path) -> None:
    """The stand-in charges 1.25 s a job, and the estimate of the next one is 2 s and more."""
    problem, method = stepwise()
    device = cloud(tmp_path / "service")
    ask = {**ASK, "backend": device, "folder": tmp_path / "run", "patience": QUICK}
    run = submit(problem, method, max_seconds=1000, **ask)
    first = len(device.service.tags())
    while run.status(ask=False).done < first:
        assert run.fetch() is None
    spent = run.status().seconds
    assert spent == pytest.approx(1.25 * first)
    with pytest.raises(BudgetExceeded, match="`max_seconds`"):
        resume(tmp_path / "run", backend=device, max_seconds=spent + 1.0, patience=QUICK)
    assert len(device.service.tags()) == first  # nothing of the second wave
    run = open_run(tmp_path / "run", backend=device, patience=QUICK)
    with pytest.raises(BudgetExceeded, match="What was sent before is kept"):
        run.fetch(wait=True)
    assert len(device.service.tags()) == first
    assert run.status(ask=False).done == first
    run.resume(max_seconds=1000)
    got = run.fetch(wait=True) or open_run(tmp_path / "run", backend=device, patience=QUICK).fetch(wait=True)
    assert got is not None
    same(got, qd.evolve(problem, method, backend=cloud(tmp_path / "other"), **TOLD))


@pytest.mark.parametrize("name", ["aer", "pennylane:default.qubit"])
def test_steps_without_jobs_stop_at_the_batch_that_goes_over(tmp_path: Path, name: str) -> None:
    """Their seconds are measured: the first batch uses up a tiny budget, and the second is not begun."""
    problem, method = stepwise()
    with pytest.raises(BudgetExceeded, match="`max_seconds` is 1e-06"):
        submit(problem, method, backend=name, folder=tmp_path / "run", max_seconds=1e-6, **ASK)
    now = status(tmp_path / "run")
    assert now.done == 1
    assert now.seconds > 0
    with pytest.raises(BudgetExceeded):
        resume(tmp_path / "run")
    assert status(tmp_path / "run").shots == now.shots
    assert resume(tmp_path / "run", max_seconds=1000).complete
    got = open_run(tmp_path / "run").fetch()
    assert got is not None
    same(got, qd.evolve(problem, method, backend=name, **TOLD))
    assert np.abs(got.parameters[-1] - got.parameters[0]).max() > 0.02  # type: ignore[index]


def test_shots_stop_at_the_batch_that_goes_over_on_a_device_without_jobs(tmp_path: Path) -> None:
    """The whole plan is compared first, so what goes over later is what was sent a second time."""
    device = Device(tmp_path / "ran.txt")
    with pytest.raises(BudgetExceeded, match=r"240 shots and 0 are spent, but `max_shots` is 239\. Nothing was sent"):
        submit(well(), METHOD, backend=device, folder=tmp_path / "run", max_shots=239, **ASK)
    assert len(device.ran()) == 0
    assert resume(tmp_path / "run", backend=device, max_shots=240).complete
    for path in (tmp_path / "run" / "results").iterdir():
        path.unlink()
    with pytest.raises(BudgetExceeded, match="240 are spent"):
        resume(tmp_path / "run", backend=device, resend=True)
    assert len(device.ran()) == 4
