"""Runs with many saved times: their circuits continue one another, and go along their path once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from shared_runs import spins, well

import qml_dynamics as qd
from qml_dynamics.backends.aer import AerBackend
from qml_dynamics.backends.base import Capabilities
from qml_dynamics.results.trajectory import Counts
from qml_dynamics.runs import open_run, submit, units
from qml_dynamics.runs.ledger import Ledger

ASKED: dict[str, Any] = {"shots": 60, "seed": 5, "save": 9}


class OneByOne(AerBackend):
    """Aer that is given circuit after circuit, as other backends are."""

    @cached_property
    def capabilities(self) -> Capabilities:
        """All but branches."""
        return replace(super().capabilities, branches=False)


class Watched(AerBackend):
    """Aer, with the gates of each pass noted."""

    gates_run: list[int] = []  # noqa: RUF012 - noted for the whole test

    def _onward(self, pieces: Sequence[QuantumCircuit], *rest: Any) -> Iterator[np.ndarray]:
        self.gates_run.append(sum(piece.size() for piece in pieces))
        return super()._onward(pieces, *rest)

    def sample(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """Circuit by circuit."""
        self.gates_run.append(sum(circuit.size() for circuit in circuits))
        return super().sample(circuits, shots, seeds)

    sample_branches = AerBackend.sample_branches  # and this one is its own: else the samples above would be asked for


def every(trajectory: qd.Trajectory) -> dict[str, list[np.ndarray]]:
    """All counts of a run."""
    assert trajectory.counts is not None
    return {basis: [np.stack([c.index, c.count]) for c in row] for basis, row in trajectory.counts.items()}


def chain() -> qd.Problem:
    """Three spins: an operator with strings in three bases."""
    terms = {"ZZI": 1.0, "IZZ": 0.6, "XII": 0.7, "IYI": 0.5, "IIX": 0.3}
    return qd.Problem.from_operator(SparsePauliOp.from_list(list(terms.items())), clock="real", duration=0.5)


@pytest.mark.parametrize("make", [well, spins, chain])
def test_counts_are_those_of_the_circuits_one_by_one(
    tmp_path: Path, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the bit in every basis, in batches that cut a saved time in two; the weight basis as in evolve."""
    monkeypatch.setattr(units, "GROUP", 5)
    seen = {"pair": SparsePauliOp(["X" * make().domain.num_qubits], [1.0])}
    found = []
    for device in (AerBackend(), OneByOne()):
        folder = tmp_path / type(device).__name__
        run = submit(
            make(),
            qd.Trotter(3),
            backend=device,
            folder=folder,
            quiet=True,
            observables=seen,
            max_seconds=None,
            **ASKED,
        )
        found.append(run.fetch())
    along, single = found
    assert along is not None
    assert single is not None
    direct = qd.evolve(make(), qd.Trotter(3), backend="aer", observables=seen, progress=False, **ASKED)
    for basis, row in every(single).items():
        for a, b, c in zip(every(along)[basis], row, every(direct)[basis]):
            np.testing.assert_array_equal(a, b)
            assert basis != "weight" or np.array_equal(a, c)
    for name, estimate in single.expectations.items():
        np.testing.assert_array_equal(along.expectations[name].value, estimate.value)
        np.testing.assert_array_equal(along.expectations[name].stderr, estimate.stderr)
    assert np.ptp(along.expectations["pair"].value) > 0


def test_gates_that_run_grow_with_the_saved_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece once, whatever the batches: four times the saved times, four times the gates (circuit by circuit: 16 times)."""
    monkeypatch.setattr(units, "GROUP", 16)
    ran = []
    for save in (10, 40):
        Watched.gates_run.clear()
        asked = {**ASKED, "save": save}
        run = submit(well(), qd.Trotter(1), backend=Watched(), folder=tmp_path / str(save), quiet=True, **asked)
        assert run.status().complete
        ran.append(sum(Watched.gates_run))
        known = qd.circuits(well(), qd.Trotter(1), times=save)
        assert ran[-1] == max(circuit.size() for circuit in known)
    assert 3 < ran[1] / ran[0] < 5


def test_a_run_that_was_cut_off_goes_on_along_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch in the middle that is lost is run again alone, to the same bits."""
    monkeypatch.setattr(units, "GROUP", 4)
    folder = tmp_path / "run"
    submit(well(), qd.Trotter(2), backend="aer", folder=folder, quiet=True, **ASKED)
    ledger = Ledger(folder)
    batches = ledger.batches()
    assert len(batches) == 5
    assert ledger.move(batches[3], "running")
    (folder / str(batches[3].result)).unlink()
    ledger.close()
    assert open_run(folder).resume().complete
    fetched = open_run(folder).fetch()
    assert fetched is not None
    other = submit(well(), qd.Trotter(2), backend="aer", folder=tmp_path / "other", quiet=True, **ASKED).fetch()
    assert other is not None
    for basis, row in every(other).items():
        for a, b in zip(every(fetched)[basis], row):
            np.testing.assert_array_equal(a, b)


def test_an_older_folder_is_read_along_the_path(tmp_path: Path) -> None:
    """What was planned and run circuit by circuit is the same call: it is compared, and fetched."""
    folder = tmp_path / "run"
    submit(well(), qd.Trotter(2), backend=OneByOne(), folder=folder, quiet=True, **ASKED)
    fetched = open_run(folder, backend=AerBackend()).fetch()
    assert fetched is not None
    direct = qd.evolve(well(), qd.Trotter(2), backend="aer", progress=False, **ASKED)
    for a, b in zip(every(fetched)["weight"], every(direct)["weight"]):
        np.testing.assert_array_equal(a, b)


def test_a_subclass_with_samples_of_its_own_is_asked_for_all_of_them(tmp_path: Path) -> None:
    """What it makes of counts is in the run: here each outcome has its bits turned round."""

    class Mirrored(AerBackend):
        """Aer whose outcomes are counted from the other end."""

        def sample(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
            found = zip(super().sample(circuits, shots, seeds), circuits)
            return [Counts((1 << c.num_qubits) - 1 - counts.index[::-1], counts.count[::-1]) for counts, c in found]

    own, plain = (
        submit(well(), qd.Trotter(2), backend=device, folder=tmp_path / device_name, quiet=True, **ASKED).fetch()
        for device, device_name in ((Mirrored(), "own"), (AerBackend(), "plain"))
    )
    assert own is not None
    assert plain is not None
    for basis, row in every(plain).items():
        for a, b in zip(every(own)[basis], row):
            np.testing.assert_array_equal(a, [7 - b[0][::-1], b[1][::-1]])
    assert any(not np.array_equal(a, b) for a, b in zip(every(own)["weight"], every(plain)["weight"]))
