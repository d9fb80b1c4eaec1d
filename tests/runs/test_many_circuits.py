"""Runs of many circuits: calls that are known ahead stand together in batches, and are read as the calls that they were."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.random import random_circuit
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import SparsePauliOp
from shared_runs import QUICK
from standin import cloud

import qml_dynamics as qd
from qml_dynamics.backends import records
from qml_dynamics.backends.records import Record, record, same_circuits
from qml_dynamics.base.errors import BudgetExceeded, ProblemError
from qml_dynamics.methods import from_samples
from qml_dynamics.methods.base import Answer, Job
from qml_dynamics.runs import open_run, submit, units
from qml_dynamics.runs.blocks import Block, Part
from qml_dynamics.runs.budget import spent_shots
from qml_dynamics.runs.ledger import Ledger

METHOD = qd.QDrift(samples=5, draws=7)
SHOTS = 65  # no multiple of the draws: two of them have ten shots, the others nine


def spins() -> qd.Problem:
    """Three spins with couplings and fields of different strengths: an operator of six strings in two bases."""
    terms = {"ZZI": 1.0, "IZZ": 0.6, "XII": 0.7, "IXI": 0.5, "IIX": 0.3, "ZII": 0.2}
    return qd.Problem.from_operator(SparsePauliOp.from_list(list(terms.items())), clock="real", duration=0.5)


def rows(folder: Path) -> list[tuple[int, int, int]]:
    """Block, circuits and shots of each batch."""
    ledger = Ledger(folder)
    found = [(b.call, b.count, b.shots) for b in ledger.batches()]
    ledger.close()
    return found


@pytest.mark.parametrize("name", ["aer:density_matrix", pytest.param("ibm:aer", marks=pytest.mark.slow)])
def test_draws_stand_together_and_equal_evolve(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven calls, one block; batches of one number of shots, filled up whatever call a circuit is of."""
    monkeypatch.setattr(units, "GROUP", 5)
    asked = {"backend": name, "shots": SHOTS, "seed": 3}
    run = submit(spins(), METHOD, folder=tmp_path / "run", quiet=True, **asked)
    batches = rows(run.folder)
    assert {block for block, _, _ in batches} == {0}
    assert {shots for _, _, shots in batches} == {9, 10}
    of_ten = [count for _, count, shots in batches if shots == 10]
    assert max(count for _, count, _ in batches) == 5
    assert all(count == 5 for count in of_ten[:-1])
    fetched, direct = open_run(run.folder).fetch(), qd.evolve(spins(), METHOD, **asked)
    assert fetched is not None
    np.testing.assert_array_equal(fetched.density, direct.density)
    assert fetched.shots == direct.shots == SHOTS
    for label, estimate in direct.expectations.items():
        np.testing.assert_array_equal(fetched.expectations[label].value, estimate.value)


def test_jobs_are_filled_up_to_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many jobs as the circuits need, not one a draw."""
    device = cloud(tmp_path / "service")
    monkeypatch.setattr(type(device), "max_circuits", property(lambda self: 8))
    device.__dict__.pop("capabilities", None)
    run = submit(spins(), METHOD, backend=device, shots=70, seed=3, folder=tmp_path / "run", patience=QUICK, quiet=True)
    counts = [count for _, count, _ in rows(run.folder)]
    assert counts[:-1] == [8] * (len(counts) - 1)
    assert sum(counts) > 14
    assert run.fetch(wait=True) is not None


def test_a_run_that_was_cut_off_between_batches_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that is run again gives the same bits, and those that are done are not touched."""
    monkeypatch.setattr(units, "GROUP", 5)
    asked = {"backend": "aer:density_matrix", "shots": SHOTS, "seed": 3}
    run = submit(spins(), METHOD, folder=tmp_path / "run", quiet=True, **asked)
    ledger = Ledger(run.folder)
    second = ledger.batches()[1]
    assert ledger.move(second, "running")
    (run.folder / str(second.result)).unlink()
    sent = [b.sent for b in ledger.batches()]
    assert open_run(run.folder).resume().complete
    assert [b.sent for b in ledger.batches()] == [n + (k == 1) for k, n in enumerate(sent)]
    ledger.close()
    fetched = open_run(run.folder).fetch()
    assert fetched is not None
    np.testing.assert_array_equal(fetched.density, qd.evolve(spins(), METHOD, **asked).density)


def test_work_on_the_ledger_grows_with_the_circuits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four times the circuits, at most five times the statements, on a device whose batches hold one circuit each."""
    monkeypatch.setattr(units, "GROUP", 1)
    asked: list[str] = []
    begin = Ledger.__init__

    def traced(self: Ledger, folder: Path) -> None:
        begin(self, folder)
        self.connection.set_trace_callback(asked.append)

    monkeypatch.setattr(Ledger, "__init__", traced)
    many = []
    for draws in (2, 8):
        asked.clear()
        run = submit(
            spins(),
            qd.QDrift(5, draws=draws),
            backend="aer",
            shots=64,
            seed=3,
            folder=tmp_path / str(draws),
            quiet=True,
        )
        assert run.fetch() is not None
        many.append(len(asked))
    assert many[0] > 10
    assert many[1] < 5 * many[0]


def test_placeholders_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look-ahead asks for every draw and reads none; each is read once where the samples are there."""
    read: list[int] = []
    whole = from_samples.from_outcomes

    def counted(job: Job, *rest: Any) -> Answer:
        read.append(int(job.shots or 0))
        return whole(job, *rest)

    monkeypatch.setattr(from_samples, "from_outcomes", counted)
    asked = {"backend": "aer:density_matrix", "shots": SHOTS, "seed": 3}
    observed = {"tilt": lambda w: w[:, 0], "pair": SparsePauliOp(["IXX"], [1.0])}
    run = submit(spins(), METHOD, folder=tmp_path / "run", quiet=True, observables=observed, **asked)
    assert read == []
    assert run.status().complete
    fetched = run.fetch()
    assert sum(read) == SHOTS
    assert len(read) == METHOD.draws
    assert fetched is not None
    direct = qd.evolve(spins(), METHOD, observables=observed, **asked)
    np.testing.assert_array_equal(fetched.expectations["pair"].value, direct.expectations["pair"].value)
    assert np.ptp(direct.expectations["pair"].value) > 0


def test_a_block_is_written_and_read_again() -> None:
    block = Block(4, (Part("a", 0, 2), Part("b", 5, 1), Part("c", 2, 3)))
    assert Block.from_text(4, block.to_text(), 6) == block
    assert Block(4, (Part("a", 0, 2),)).to_text() == "a"  # as earlier versions write a call
    assert Block.from_text(4, "a", 2) == Block(4, (Part("a", 0, 2),))
    for wrong in ("a:0:2 b:3:1", "a:0:2 b:2", "a:0:2 b:x:1", "a:0:2 b:2:-1"):
        with pytest.raises(ValueError, match="calls from 4 on"):
            Block.from_text(4, wrong, 3)


def test_only_ledgers_with_calls_together_have_the_new_format(tmp_path: Path) -> None:
    """What one call plans earlier versions still read; they must not read a block as its first call."""
    versions = {}
    for name, method in (("one", qd.Trotter(1)), ("many", METHOD)):
        run = submit(spins(), method, backend="aer", shots=70, seed=3, folder=tmp_path / name, quiet=True)
        connection = sqlite3.connect(run.folder / "ledger.sqlite")
        versions[name] = connection.execute("PRAGMA user_version").fetchone()[0]
        connection.close()
    assert versions == {"one": 1, "many": 2}


def test_damaged_blocks_are_refused(tmp_path: Path) -> None:
    run = submit(spins(), METHOD, backend="aer", shots=70, seed=3, folder=tmp_path / "run", quiet=True)
    connection = sqlite3.connect(run.folder / "ledger.sqlite")
    connection.execute("UPDATE calls SET fingerprint = replace(fingerprint, ':0:', ':1:')")
    connection.commit()
    connection.close()
    with pytest.raises(ProblemError, match=r"damaged: .*calls from 0 on"):
        open_run(run.folder).fetch()


def test_records_of_parts_know_their_circuits() -> None:
    """Narrow circuits act together and one by one with the same amplitudes; a part of a record is the record of a part."""
    narrow = [random_circuit(3, 4, max_operands=2, seed=k) for k in range(6)]
    wide = [random_circuit(3, 4, max_operands=3, seed=k) for k in range(3)]
    every: list[QuantumCircuit] = [*narrow[:2], *wide, *narrow[2:]]
    whole = Record.joined([record(every[:4]), record(every[4:])])
    alone = [records._overlaps(circuit) for circuit in every]
    assert all(each is not None for each in alone)
    np.testing.assert_allclose(whole.overlaps, np.concatenate([each for each in alone if each is not None]), atol=1e-12)
    assert same_circuits(whole.part(1, 6), every[1:7]) is None
    assert same_circuits(whole.part(1, 6), every[2:8]) == 0
    # equal circuits act once, whatever stands between them
    twice = record([every[0], every[3], every[0].copy(), every[0].inverse()])
    first, other, again, back = twice.overlaps.reshape(4, -1)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01
    assert np.abs(first - back).max() > 0.01


def test_shots_are_booked_by_batch_where_a_block_mixes_verbs(tmp_path: Path) -> None:
    """Two sampled circuits are two; two whose operator takes two bases are four: the share of each batch, not the mean of the block."""
    device = qd.backend("aer", estimator=StatevectorEstimator(seed=1))
    asked = {"backend": device, "shots": 100, "seed": 3, "save": [0.0, 0.5], "quiet": True}
    run = submit(spins(), qd.Trotter(2), folder=tmp_path / "run", **asked)
    ledger = Ledger(run.folder)
    sampled, estimated = ledger.batches()
    assert (sampled.call, estimated.call) == (0, 0)
    assert (sampled.count, estimated.count) == (2, 2)
    assert (sampled.runs, estimated.runs) == (2, 4)
    assert spent_shots([sampled, estimated]) == run.status().shots == 600
    # the samples are lost: running them again takes 200 shots more, and no shot less
    (run.folder / str(sampled.result)).unlink()
    with pytest.raises(BudgetExceeded, match="take 200 shots and 600 are spent"):
        run.resume(max_shots=799)
    assert run.resume(max_shots=800).shots == 800
    # an earlier version kept the sum of the block alone: it is read, each batch with its share by number
    ledger.connection.execute("DROP TABLE batch_runs")
    assert [b.runs for b in ledger.batches()] == [3, 3]
    ledger.close()
    direct, fetched = (
        qd.evolve(spins(), qd.Trotter(2), **{k: asked[k] for k in ("backend", "shots", "seed", "save")}),
        run.fetch(),
    )
    assert fetched is not None
    np.testing.assert_array_equal(fetched.expectations["energy"].value, direct.expectations["energy"].value)


@pytest.mark.parametrize("value", [0, "'many'"])
def test_damaged_shares_of_batches_are_refused(tmp_path: Path, value: object) -> None:
    run = submit(spins(), METHOD, backend="aer", shots=70, seed=3, folder=tmp_path / "run", quiet=True)
    connection = sqlite3.connect(run.folder / "ledger.sqlite")
    assert connection.execute("SELECT COUNT(*) FROM batch_runs").fetchone()[0] == len(rows(run.folder))
    connection.execute(f"UPDATE batch_runs SET runs = {value} WHERE number = 0")
    connection.commit()
    connection.close()
    with pytest.raises(ProblemError, match=r"damaged: the circuits that are made of batch 0"):
        open_run(run.folder).status()
