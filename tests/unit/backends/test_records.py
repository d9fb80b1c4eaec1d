"""Circuits that are built again are known again: gate by gate, else by what they do."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import PauliEvolutionGate
from qiskit.quantum_info import SparsePauliOp
from qiskit.synthesis import LieTrotter, SuzukiTrotter

from qml_dynamics.backends.base import Asked
from qml_dynamics.backends.meaning import random_numbers
from qml_dynamics.backends.records import Record, probe, record, same_circuits, same_probe
from qml_dynamics.base.errors import BackendError, SynthesisChangedWarning
from qml_dynamics.model.pauli import PauliSum


def layered(seed: int, n: int = 3, gates: int = 12) -> QuantumCircuit:
    rng, circuit = np.random.default_rng(seed), QuantumCircuit(n)
    for k in range(gates):
        circuit.ry(rng.uniform(-3, 3), k % n)
        circuit.cx(k % n, (k + 1) % n)
    return circuit


def again(known: Record) -> Record:
    return Record.from_bytes(known.to_bytes())


def test_the_same_circuits_are_known_again_in_silence() -> None:
    circuits = [layered(k) for k in range(5)] + [layered(9, n=16)]
    known = again(record(circuits))
    assert known.length.tolist() == [2, 2, 2, 2, 2, -1]  # amplitudes up to 14 qubits
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert same_circuits(known, [layered(k) for k in range(5)] + [layered(9, n=16)]) is None


@pytest.mark.parametrize("place", [0, 4, 5])
@pytest.mark.parametrize("change", ["angle", "gate", "wire", "more"])
def test_any_other_circuit_is_found(place: int, change: str) -> None:
    circuits = [layered(k) for k in range(5)] + [layered(9, n=16)]
    known = again(record(circuits))
    if change == "angle":
        circuits[place].ry(1e-8, 0)  # an angle that is there and was not
        circuits[place].ry(0.0, 0)
    elif change == "gate":
        circuits[place].cz(0, 1)
    elif change == "wire":
        circuits[place] = circuits[place].reverse_bits()
    else:
        circuits = circuits[:place]
        assert same_circuits(known, circuits) == place
        return
    assert same_circuits(known, circuits) == place


def test_angles_to_1e_9_and_no_hash_of_them() -> None:
    def one(angle: float, n: int = 16) -> QuantumCircuit:
        circuit = QuantumCircuit(n)
        circuit.ry(0.5, 0)
        circuit.rx(angle, 3)
        return circuit

    known = again(record([one(0.123456789)]))
    assert same_circuits(known, [one(0.123456789 + 1e-13)]) is None
    assert same_circuits(known, [one(0.123456789 + 1e-8)]) == 0


def test_another_synthesis_is_told_and_another_meaning_is_found() -> None:
    """As with a newer library: the evolution of one step, by its formula, by gates, and by a formula of another order."""
    operator = SparsePauliOp(["XZ", "ZI", "IX"], [0.3, 0.4, 0.5])

    def evolution(order: int, opened: bool) -> QuantumCircuit:
        synthesis = LieTrotter() if order == 1 else SuzukiTrotter(order=order)
        circuit = QuantumCircuit(2)
        circuit.h(0)
        circuit.append(PauliEvolutionGate(operator, 0.7, synthesis=synthesis), [0, 1])
        if opened:
            out = QuantumCircuit(2, global_phase=1.1)  # which no sample shows
            out.append(circuit.to_gate(), [0, 1])
            out.rz(0.4, 1)
            out.rz(-0.4, 1)
            return out
        return circuit

    known = again(record([evolution(1, opened=False)]))
    with pytest.warns(SynthesisChangedWarning, match=r"1 of 1 circuits .* do the same to 1e-9"):
        assert same_circuits(known, [evolution(1, opened=True)]) is None
    assert same_circuits(known, [evolution(2, opened=False)]) == 0


def test_measurements_on_the_way() -> None:
    def midway(angle: float, bit: int) -> QuantumCircuit:
        circuit = QuantumCircuit(2, 2)
        circuit.h(0)
        circuit.measure(0, bit)
        circuit.rx(angle, 1)
        return circuit

    known = again(record([midway(0.3, 0)]))
    assert known.length.tolist() == [4]  # two stretches
    assert same_circuits(known, [midway(0.3, 0)]) is None
    assert same_circuits(known, [midway(0.3, 1)]) == 0
    assert same_circuits(known, [midway(0.4, 0)]) == 0


def test_operators_that_are_asked_for() -> None:
    def asked(c: float, z: int) -> Asked:
        return Asked(layered(1), (PauliSum(3, np.array([0]), np.array([z]), np.array([c])),))

    known = again(record([asked(0.5, 3)]))
    assert same_circuits(known, [asked(0.5, 3)]) is None
    assert same_circuits(known, [asked(0.6, 3)]) == 0
    assert same_circuits(known, [asked(0.5, 5)]) == 0


def test_a_probe_of_a_circuit_with_parameters() -> None:
    p, q = Parameter("p"), Parameter("q")

    def ansatz(factor: float) -> QuantumCircuit:
        circuit = QuantumCircuit(2)
        circuit.ry(p.log() * factor + q, 0)  # not defined for every value
        circuit.crx(q, 0, 1)
        return circuit

    known = Record.from_plain(probe(ansatz(2.0)).to_plain())
    assert len(known.gates) == 3
    assert same_probe(known, ansatz(2.0))
    assert not same_probe(known, ansatz(2.1))


def test_random_numbers_stay_what_they_are() -> None:
    """What is stored today is compared by later versions: these may not change."""
    expected = [-0.5392610085986086, -0.3210052186977356, -0.7949848550163836]
    np.testing.assert_allclose(random_numbers("state 0 0", 3), expected, rtol=0, atol=1e-15)
    circuit = QuantumCircuit(1)
    circuit.rx(0.5, 0)
    circuit.ry(0.25, 0)
    weights = 1.0 + np.modf(np.outer([1, 2], [0.6180339887498949, 0.4142135623730951]))[0]
    np.testing.assert_allclose(record([circuit]).sums[0, :2], [0.5, 0.25] @ weights, atol=1e-15)
    assert np.abs(random_numbers("state 0 1", 3) - expected).min() > 1e-3  # another name, other numbers


def test_a_damaged_record() -> None:
    data = record([layered(1)]).to_bytes()
    with pytest.raises(BackendError, match="record of the circuits is damaged"):
        Record.from_bytes(data[:40])


def test_equal_gates_on_registers_of_two_widths_are_two_circuits() -> None:
    """Each has its own amplitudes, also where another library builds the second from other gates."""
    circuits = [QuantumCircuit(2), QuantumCircuit(3)]
    for circuit in circuits:
        circuit.x(0)
    known, alone = record(circuits), record(circuits[1:])
    np.testing.assert_allclose(known.overlaps[int(known.length[0]) :], alone.overlaps, rtol=1e-12)
    other = QuantumCircuit(3)
    other.h(0)
    other.z(0)
    other.h(0)
    with pytest.warns(SynthesisChangedWarning):
        assert same_circuits(known, [circuits[0], other]) is None
    assert same_circuits(known, [circuits[0], QuantumCircuit(3)]) == 1
