"""Circuits that begin alike: the same record and the same counts as circuit by circuit, from one pass."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import StatePreparation
from qiskit.quantum_info import Operator, SparsePauliOp, Statevector

import qml_dynamics as qd
from qml_dynamics.backends import branch_records
from qml_dynamics.backends import branches as branch_module
from qml_dynamics.backends.aer import AerBackend
from qml_dynamics.backends.base import Capabilities, capabilities
from qml_dynamics.backends.branches import Branch, Path
from qml_dynamics.backends.records import Record, record, same_circuits
from qml_dynamics.base.errors import BackendError


def layer(seed: int, n: int, gates: int) -> QuantumCircuit:
    """Rotations and controlled gates with angles of both signs."""
    rng, circuit = np.random.default_rng(seed), QuantumCircuit(n, global_phase=0.1 * seed)
    for k in range(gates):
        circuit.ry(rng.uniform(-3, 3), k % n)
        circuit.rz(rng.uniform(-3, 3), (k + 1) % n)
        if n > 1:
            circuit.cp(rng.uniform(-3, 3), k % n, (k + 1) % n)
    return circuit


def turned(n: int) -> QuantumCircuit:
    """A change of basis."""
    circuit = QuantumCircuit(n)
    circuit.sdg(0)
    circuit.h(range(n))
    if n > 1:
        circuit.cx(0, n - 1)
    return circuit


def branches(n: int, gates: int = 5, prepared: bool = False) -> list[Branch]:
    """Six pieces, two of which are one object and one of which is empty; three endings, not in the order of the path."""
    first, again = layer(1, n, gates), layer(2, n, gates)
    if prepared:  # a gate that is opened by its definition
        amplitudes = np.arange(1.0, 1 + (1 << n)) * np.exp(0.3j * np.arange(1 << n))
        first.append(StatePreparation(amplitudes / np.linalg.norm(amplitudes)), range(n))
    path = Path((first, again, layer(3, n, gates), again, QuantumCircuit(n), again))
    ends, more = turned(n), layer(9, n, 1)
    chosen = [path.branch(k) for k in (1, 2, 4, 5, 6, 3)]
    return [*chosen, *(replace(b, ending=ends) for b in chosen), *(replace(b, ending=more) for b in chosen[:3])]


def circuits(items: Sequence[Branch]) -> list[QuantumCircuit]:
    """The circuits one by one."""
    return [item.circuit for item in items]


@pytest.mark.parametrize(("n", "prepared"), [(1, False), (4, False), (3, True), (7, False)])
def test_the_record_is_that_of_the_circuits(n: int, prepared: bool) -> None:
    """Marks and sums to the bit; amplitudes between random waves to rounding and up to the phase of the circuit."""
    items = branches(n, prepared=prepared)
    along, single = record(items), record(circuits(items))
    assert along.gates == single.gates
    assert along.frames == single.frames
    np.testing.assert_array_equal(along.sums, single.sums)
    np.testing.assert_array_equal(along.size, single.size)
    np.testing.assert_array_equal(along.length, single.length)
    assert set(single.length.tolist()) == {2}
    a, b = along.overlaps.reshape(-1, 2), single.overlaps.reshape(-1, 2)
    phase = np.exp(-1j * np.angle(np.sum(a * b.conj(), axis=1)))[:, None]
    np.testing.assert_allclose(phase * a, b, atol=1e-12)  # some hundred gates, each to 1e-16
    assert np.abs(b).min() > 1e-4


def test_long_paths_are_summed_as_their_circuits() -> None:
    """More numbers than there is room for at first, and none at all."""
    path = Path((QuantumCircuit(2), *(layer(k, 2, 300) for k in range(6))))
    items = [path.branch(k) for k in range(1, 8)]
    assert branch_records._ROOM < 3 * 300 * 6
    along, single = record(items, overlaps=False), record(circuits(items), overlaps=False)
    assert along.gates == single.gates
    np.testing.assert_array_equal(along.sums, single.sums)
    assert along.sums[0].tolist() == [0.0] * 4
    assert along.length.tolist() == [-1] * 7


def test_branches_are_known_again_by_either_record() -> None:
    """Folders of earlier versions hold the records of the circuits; another angle on the path, or another ending, is found."""
    items, plain = branches(3), record(circuits(branches(3)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert same_circuits(Record.from_bytes(plain.to_bytes()), items) is None
        assert same_circuits(Record.from_bytes(record(items).to_bytes()), circuits(items)) is None
    other = list(items[0].path.pieces)
    other[2] = other[2].copy()
    other[2].rz(1e-8, 0)
    moved = [replace(item, path=path) for path in [Path(tuple(other))] for item in items]
    assert same_circuits(plain, moved) == 2  # the first that holds the third piece
    ended = [*items[:7], replace(items[7], ending=items[-1].ending), *items[8:]]
    assert same_circuits(plain, ended) == 7


def test_what_a_path_does_is_compared_as_far_as_the_work_allows() -> None:
    """Beyond it, above 14 qubits, and behind what has no matrix there are no amplitudes."""
    items = branches(2)
    rows = branch_records.rows_of(items, work=4.0 * 3 * 5 * 2.5)  # amplitudes times gates of two pieces and a half
    assert [row.overlaps is not None for row in rows[:6]] == [True, True, False, False, False, False]
    wide = Path((layer(1, 15, 2),))
    assert record([wide.branch(1)]).length.tolist() == [-1]
    cleared = QuantumCircuit(2)
    cleared.reset(0)
    path = Path((layer(1, 2, 2), cleared))
    along, single = (record(each) for each in ([path.branch(2)], [path.branch(2).circuit]))
    assert along.length.tolist() == [-1]
    assert (along.gates, along.frames) == (single.gates, single.frames)


@pytest.mark.parametrize("n", [1, 4, 9])
def test_counts_are_those_of_the_circuits(n: int) -> None:
    """To the bit, with endings on few and on many qubits, in any batches; no piece is run again between batches."""
    items, aer = branches(n, gates=3), qd.backend("aer")
    seeds = [100 + k for k in range(len(items))]
    single = aer.sample(circuits(items), 300, seeds)
    ran: list[int] = []

    class Watched(AerBackend):
        """Aer, with the number of pieces of each pass noted."""

        def _onward(self, pieces: Sequence[QuantumCircuit], *rest: Any) -> Any:
            ran.append(len(pieces))
            return super()._onward(pieces, *rest)

    device = Watched()
    together = device.sample_branches(items, 300, seeds)
    order = sorted(range(len(items)), key=lambda k: items[k].until)
    small = n <= 8
    assert ran[0] == 6
    assert not small or ran == [6]
    other = Path(items[0].path.pieces)
    again = [replace(item, path=other) for item in items]
    ran.clear()
    parts: dict[int, Any] = {}
    for start in range(0, len(order), 4):
        chosen = order[start : start + 4]
        found = device.sample_branches([again[k] for k in chosen], 300, [seeds[k] for k in chosen])
        parts.update(zip(chosen, found))
    assert not small or (sum(ran) == 6 and len(ran) > 1)
    for k, counts in enumerate(single):
        for seen in (together[k], parts[k]):
            np.testing.assert_array_equal(seen.index, counts.index)
            np.testing.assert_array_equal(seen.count, counts.count)
    assert not np.array_equal(single[1].count, single[7].count)
    first = device.sample_branches(again[:1], 300, seeds[:1])[0]  # before where the last batch has ended
    np.testing.assert_array_equal(first.count, single[0].count)


def test_what_is_no_branch_is_refused() -> None:
    """No pieces, too many, free parameters and measurements, by name and number."""
    path = Path((layer(1, 2, 2), layer(2, 2, 2)))
    for until in (0, 3):
        with pytest.raises(BackendError, match=f"`until` must be from 1 to 2, but is {until}"):
            path.branch(until)
    free, measured = QuantumCircuit(2), QuantumCircuit(2, 2)
    free.rx(Parameter("angle"), 0)
    measured.measure([0, 1], [0, 1])
    aer: Any = qd.backend("aer")
    for wrong in (free, measured):
        with pytest.raises(BackendError, match="must be bound and unmeasured"):
            aer.sample_branches([Path((path.pieces[0], wrong)).branch(2)], 10, [1])
        with pytest.raises(BackendError, match="must be bound and unmeasured"):
            aer.sample_branches([replace(path.branch(1), ending=wrong)], 10, [1])
    with pytest.raises(BackendError, match="`shots` must be"):
        aer.sample_branches([path.branch(1)], 0, [1])


class Around:
    """A wrapper with samples of its own, which hands everything else on."""

    exact = False

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def sample(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> Any:
        """Those of the backend."""
        return self.inner.sample(circuits, shots, seeds)


class Stating(Around):
    """One that states the capabilities of the backend inside."""

    @property
    def capabilities(self) -> Capabilities:
        """As they are."""
        return capabilities(self.inner)


def test_a_wrapper_is_not_passed_by() -> None:
    """Where a wrapper has no verb for branches, that of the backend inside would leave out the wrapper's own samples."""
    assert capabilities(qd.backend("aer")).branches
    for name in ("aer:density_matrix", "aer:matrix_product_state", "aer:noise=fake_manila", "statevector"):
        assert not capabilities(qd.backend(name)).branches
    assert not capabilities(AerBackend(precision="single")).branches  # its counts would hang on where a pass begins
    for wrapper in (Around, Stating):
        assert not capabilities(wrapper(qd.backend("aer"))).branches


@pytest.mark.parametrize("verb", ["sample", "probabilities", "states", "compiled"])
def test_a_subclass_and_an_instance_are_not_passed_by(verb: str) -> None:
    """What they make of a verb counts, unless they give branches themselves."""
    own = {verb: getattr(AerBackend, verb)}
    newer: type[AerBackend] = type("Newer", (AerBackend,), own)
    whole = type("Whole", (newer,), {"sample_branches": AerBackend.sample_branches})
    heir = type("Heir", (AerBackend,), {})
    assert [capabilities(kind()).branches for kind in (newer, whole, heir)] == [False, True, True]
    device = AerBackend()
    object.__setattr__(device, verb, getattr(AerBackend(), verb))
    assert not capabilities(device).branches


class Promising(Around):
    """One that states a verb that nobody has."""

    exact = True

    @property
    def capabilities(self) -> Capabilities:
        """As they are, and branches."""
        return replace(capabilities(self.inner), branches=True)


def test_a_verb_that_is_stated_and_not_there_is_found() -> None:
    """Such a backend is not asked for branches, and does not pass for valid."""
    device: Any = Promising(qd.backend("statevector"))
    assert not capabilities(device).branches
    with pytest.raises(AssertionError, match=r"1\. the verb of capabilities\.branches: sample_branches not there"):
        qd.assert_valid_backend(device)


def phased() -> list[qd.Problem]:
    """Starts whose preparation has a phase of its own: a momentum, complex amplitudes on a grid and of an operator."""
    wave = np.exp(1j * np.linspace(0.3, 4.0, 8)) * np.linspace(1.0, 2.0, 8)
    wave /= np.linalg.norm(wave)
    grid, moving = qd.Grid((-2, 2), 3), {"clock": "real", "duration": 0.6}
    loss = [
        qd.Problem(grid, lambda w: w[:, 0] ** 2, 0.4, initial=initial, **moving)
        for initial in (qd.Gaussian(0.2, 0.5, momentum=1.3), qd.State(wave))
    ]
    terms = SparsePauliOp(["ZZI", "IXX"], [1.0, 0.6])
    return [*loss, qd.Problem.from_operator(terms, initial=qd.State(wave), **moving)]


@pytest.mark.parametrize("problem", phased())
def test_circuits_have_their_phase_once(problem: qd.Problem) -> None:
    """As the waves of the run, and as the circuit that is composed of the pieces; the start alone has a phase."""
    run = qd.evolve(problem, qd.Trotter(3), save=[0.0, 0.3, 0.6], progress=False)
    circuits = qd.circuits(problem, qd.Trotter(3), [0.0, 0.3, 0.6])
    assert abs(np.angle(np.exp(1j * float(circuits[0].global_phase)))) > 0.05  # added twice it would be seen
    assert run.states is not None
    for circuit, wave in zip(circuits, run.states):
        np.testing.assert_allclose(Statevector(circuit).data, wave.reshape(-1), atol=1e-12)


def test_a_branch_is_its_pieces_composed() -> None:
    """Phase and all."""
    items = branches(3)[:6]
    assert min(abs(float(item.path.pieces[0].global_phase)) for item in items) > 0.05
    for item in items:
        whole = QuantumCircuit(3)
        for piece in item.path.pieces[: item.until]:
            whole.compose(piece, inplace=True)
        np.testing.assert_allclose(Operator(item.circuit).data, Operator(whole).data, atol=1e-12)


def test_a_pass_holds_the_waves_of_its_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces without a stop have no wave of their own, and a pass ends before its waves take more memory than they may."""
    passes: list[list[int]] = []

    class Watched(AerBackend):
        """Aer, with the gates of the pieces of each pass noted."""

        def _onward(self, pieces: Sequence[QuantumCircuit], *rest: Any) -> Any:
            passes.append([piece.size() for piece in pieces])
            return super()._onward(pieces, *rest)

    pieces = tuple(layer(k, 3, 2) for k in range(9))
    gates, seeds = pieces[0].size(), list(range(9))
    single = AerBackend().sample(circuits([Path(pieces).branch(k) for k in range(1, 10)]), 200, seeds)
    last = Watched().sample_branches([Path(pieces).branch(9)], 200, seeds[8:])
    assert passes == [[9 * gates]]
    np.testing.assert_array_equal(last[0].count, single[8].count)
    passes.clear()
    monkeypatch.setattr(branch_module, "_BYTES", 4 * (32 << 3))  # of four waves
    device, path = Watched(), Path(pieces)
    found = device.sample_branches([path.branch(k) for k in range(1, 10)], 200, seeds)
    assert passes == [[gates] * 4, [gates] * 4, [gates]]
    for seen, counts in zip(found, single):
        np.testing.assert_array_equal(seen.index, counts.index)
        np.testing.assert_array_equal(seen.count, counts.count)
    passes.clear()
    monkeypatch.setattr(branch_module, "_BYTES", 1)  # less than one wave: one at a time
    path = Path(pieces)
    again = device.sample_branches([path.branch(k) for k in (2, 9)], 200, [seeds[1], seeds[8]])
    assert passes == [[2 * gates], [7 * gates]]
    np.testing.assert_array_equal(again[1].count, single[8].count)
