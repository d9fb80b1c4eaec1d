"""Equal circuits of a call are compiled and simulated once."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.library import RXGate
from qiskit.circuit.random import random_circuit
from qiskit.quantum_info import Statevector
from qiskit_aer.noise import NoiseModel, depolarizing_error

import qml_dynamics as qd
from qml_dynamics.backends.aer_batch import with_probabilities
from qml_dynamics.backends.alike import distinct
from qml_dynamics.base.errors import UnusedNoiseWarning


def test_equal_circuits_are_simulated_once_and_answered_each() -> None:
    """Rotations of equal angles stand once, others and gates that are no standard ones by themselves."""
    angles = [0.1, 0.2, 0.1, 0.1, 0.3]
    circuits = []
    for k, angle in enumerate(angles):
        circuit = QuantumCircuit(3, global_phase=0.1 * k)
        circuit.rx(angle, 0)
        circuit.cx(0, 2)
        circuits.append(circuit)
    opened, labelled = circuits[0].copy(), QuantumCircuit(3)
    labelled.append(RXGate(0.1, label="noisy"), [0])
    labelled.cx(0, 2)
    opened.cx(0, 1, ctrl_state=0)
    every = [*circuits, opened, opened.copy(), labelled, labelled.copy()]
    once, places = distinct(every)
    assert places == [0, 1, 0, 0, 2, 3, 4, 5, 6]
    assert [circuit is every[k] for circuit, k in zip(once, (0, 1, 4, 5, 6, 7, 8))] == [True] * 7
    assert distinct([circuits[0], circuits[0].reverse_bits(), circuits[2]])[1] == [0, 1, 0]
    aer = qd.backend("aer")
    alone = [aer.probabilities([circuit])[0] for circuit in every]
    np.testing.assert_allclose(aer.probabilities(every), alone, atol=1e-15)
    first, _, again = aer.probabilities(circuits[:3])
    assert not np.shares_memory(first, again)
    noisy = NoiseModel(basis_gates=["rx", "cx", "id"])
    noisy.add_all_qubit_quantum_error(depolarizing_error(0.2, 1), "noisy")
    with pytest.warns(UnusedNoiseWarning):  # of the circuit without the label
        parts = qd.backend("aer", noise_model=noisy).probabilities([circuits[0], labelled, circuits[2]])
    assert np.abs(parts[0] - parts[1]).max() > 1e-3  # the label has noise, which its equal without one has not
    np.testing.assert_array_equal(parts[0], parts[2])
    assert np.abs(alone[0] - alone[1]).max() > 1e-3


def test_a_gate_of_ones_own_under_a_standard_name_stands_by_itself() -> None:
    """A subclass of a standard gate has its name and parameters, and whatever definition it likes."""

    class Other(RXGate):
        """A rotation the other way round."""

        def _define(self) -> None:
            self.definition = QuantumCircuit(1)
            self.definition.rx(-self.params[0], 0)

    standard, own = QuantumCircuit(1), QuantumCircuit(1)
    standard.rx(0.7, 0)
    own.append(Other(0.7), [0])
    assert own.data[0].is_standard_gate()
    assert own.data[0].name == "rx"
    assert distinct([standard, own, standard.copy()])[1] == [0, 1, 0]
    with pytest.raises(qd.QMLDynamicsError, match="rx"):
        qd.backend("aer").probabilities([standard, own])


def gates(*rows: tuple[str, tuple[float, ...], tuple[int, ...]], width: int = 3) -> QuantumCircuit:
    """A circuit of methods of the given names."""
    out = QuantumCircuit(width)
    for name, angles, wires in rows:
        getattr(out, name)(*angles, *wires)
    return out


FIRST = ("ry", (0.7,), (0,))
OTHERS = {
    "control and target exchanged": gates(FIRST, ("cx", (), (2, 0))),
    "another target": gates(FIRST, ("cx", (), (0, 1))),
    "another gate": gates(FIRST, ("cz", (), (0, 2))),
    "another order": gates(("cx", (), (0, 2)), FIRST),
    "the sign of an angle": gates(("ry", (-0.7,), (0,)), ("cx", (), (0, 2))),
    "another axis": gates(("rx", (0.7,), (0,)), ("cx", (), (0, 2))),
    "one gate more": gates(FIRST, ("cx", (), (0, 2)), ("x", (), (1,))),
    "one qubit more": gates(FIRST, ("cx", (), (0, 2)), width=4),
}


@pytest.mark.parametrize("name", list(OTHERS))
def test_circuits_that_differ_in_one_thing_are_two(name: str) -> None:
    """By their place among the circuits that are run, and by what is answered."""
    one, other = gates(FIRST, ("cx", (), (0, 2))), OTHERS[name]
    assert distinct([one, other, one.copy()])[1] == [0, 1, 0]
    aer = qd.backend("aer")
    for found, circuit in zip(aer.probabilities([one, other]), (one, other)):
        np.testing.assert_allclose(found, aer.probabilities([circuit])[0], atol=1e-15)


def test_small_circuits_run_together_as_they_run_alone() -> None:
    """One circuit of Aer for all that fit together; probabilities to rounding and counts to the last those of one run each."""
    small = [random_circuit(4, 6, max_operands=2, seed=k) for k in range(5)]
    wide = [random_circuit(9, 2, max_operands=2, seed=k) for k in range(2)]
    device = qd.backend("aer")
    ready = [device.compiled(circuit) for circuit in small]
    sent, places = with_probabilities(ready, joined=True)
    assert len(sent) == 1
    assert len({label for _, label, _ in places}) == 5
    assert len(with_probabilities(ready, joined=False)[0]) == 5
    assert len(with_probabilities(wide, joined=True)[0]) == 2
    assert len(with_probabilities([*ready[:2], *wide, ready[2], ready[3]], joined=True)[0]) == 4
    together, alone = device.probabilities(small), [device.probabilities([circuit])[0] for circuit in small]
    np.testing.assert_allclose(together, alone, atol=1e-12)  # sums of products of numbers below 1
    counts = device.sample(small, 1000, range(5))
    for k, circuit in enumerate(small):
        (one,) = device.sample([circuit], 1000, [k])
        np.testing.assert_array_equal(counts[k].index, one.index)
        np.testing.assert_array_equal(counts[k].count, one.count)
    exact = [Statevector(circuit).probabilities() for circuit in small]
    np.testing.assert_allclose(together, exact, atol=1e-12)
    assert np.abs(np.diff(together, axis=0)).max() > 0.1
