"""Peers in the table of `python -m benchmarks`: the program for JAX in NumPy, PennyLane's metric, NWQLib's stored numbers."""

import datetime
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import qml_dynamics as qd
from benchmarks import jax_mclachlan, nwqlib_peer, peers
from benchmarks.rows import ROWS


def test_the_program_for_jax_has_our_wave_metric_and_force() -> None:
    """In NumPy, with tangent vectors by central differences: their error is h^2/24 and rounding 1e-16/h, below 1e-9 here."""
    qubits, reps, h = 4, 2, 1e-5
    program = jax_mclachlan.model(qubits, reps)
    ansatz, angles = peers.ansatz_of(qubits, reps)
    here = peers.point(ansatz, angles)()

    def view(theta: np.ndarray) -> np.ndarray:
        return jax_mclachlan.real_view(np, program.wave(np, theta))

    psi = program.wave(np, angles)
    np.testing.assert_allclose(psi, here.psi, atol=1e-13)
    steps = h * np.eye(len(angles))
    jacobian = np.array([(view(angles + e) - view(angles - e)) / (2 * h) for e in steps]).T
    metric, force = jax_mclachlan.equations(np, psi, jacobian, program.applied(psi))
    np.testing.assert_allclose(metric, here.metric, atol=1e-9)
    np.testing.assert_allclose(force, here.force, atol=1e-9)
    assert np.abs(here.metric - np.diag(np.diag(here.metric))).max() > 0.01
    assert np.abs(here.force).max() > 0.1


def test_pennylane_s_metric_is_that_of_the_row() -> None:
    ours, tensor = peers.metric(3)
    metric = ours().metric  # type: ignore[attr-defined]
    np.testing.assert_allclose(np.asarray(tensor()), metric, atol=1e-10)
    assert metric.shape == (18, 18)
    assert np.trace(metric) > 1


def test_every_size_of_nwqlib_s_rows_is_stored_with_its_date_and_ours_takes_no_more_gates(tmp_path: Path) -> None:
    rows = {row.work: row for row in ROWS if row.peer.startswith("NWQLib")}
    assert len(rows) == len(nwqlib_peer.SIZES)
    nowhere = tmp_path / "bin" / "python"
    known = json.loads(nwqlib_peer.STORED.read_text(encoding="utf-8"))
    assert datetime.date.fromisoformat(known["date"]) >= datetime.date(2026, 11, 1)
    assert (known["steps"], known["duration"]) == (nwqlib_peer.STEPS, nwqlib_peer.DURATION)
    for name in nwqlib_peer.SIZES:
        row = next(row for work, row in rows.items() if name in work)
        for qubits in {*row.quick, *row.full}:
            gates, source = nwqlib_peer.counted(name, qubits, nowhere)
            assert gates > 0
            assert source == f"NWQLib {known['version']}, stored on {known['date']}"
        assert nwqlib_peer.ours(name, 6) <= nwqlib_peer.counted(name, 6, nowhere)[0]


def test_an_interpreter_without_nwqlib_leaves_the_stored_numbers() -> None:
    with pytest.raises(ImportError, match="No module named"):
        nwqlib_peer.asked("double well", 5, Path(sys.executable))
    assert "stored on" in nwqlib_peer.counted("double well", 5, Path(sys.executable))[1]


def test_a_circuit_with_another_wave_is_not_counted() -> None:
    problem = nwqlib_peer.CASES["double well"].problem(5)
    same = qd.circuits(problem, qd.Trotter(nwqlib_peer.STEPS))[-1]
    assert nwqlib_peer.checked("double well", 5, same) is same
    fewer = qd.circuits(problem, qd.Trotter(nwqlib_peer.STEPS - 1))[-1]
    with pytest.raises(AssertionError, match="apart"):
        nwqlib_peer.checked("double well", 5, fewer)


@pytest.mark.parametrize("name", list(nwqlib_peer.CASES))
def test_the_two_forms_of_a_loss_agree(name: str) -> None:
    """The text that NWQLib gets, read by NumPy, and the loss of ours."""
    case = nwqlib_peer.CASES[name]
    points = np.random.default_rng(3).uniform(*case.box, (20, len(case.variables)))
    names = {"sin": np.sin, "pi": np.pi, **dict(zip(reversed(case.variables), points.T))}
    told = eval(case.objective, {"__builtins__": {}}, names)
    np.testing.assert_allclose(told, case.loss(points), rtol=1e-12)
    assert np.ptp(told) > 1
