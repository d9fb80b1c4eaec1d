"""`"statevector"`: standard gates in place give what Qiskit's own reference gives, gate by gate."""

import itertools
import math

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.library import PermutationGate, UnitaryGate, get_standard_gate_name_mapping
from qiskit.quantum_info import Operator, Statevector, random_statevector, random_unitary

import qml_dynamics as qd
from qml_dynamics.backends.statevector import act

BACKEND = qd.backend("statevector")


def states(*pieces: QuantumCircuit) -> list[np.ndarray]:
    """The amplitudes after each piece."""
    return list(BACKEND.states(pieces, lambda done, total: None))


def start(qubits: int, seed: int) -> QuantumCircuit:
    """A circuit that begins with a random wave."""
    circuit = QuantumCircuit(qubits)
    circuit.initialize(random_statevector(1 << qubits, seed).data, circuit.qubits)
    return circuit


def standard() -> dict[str, tuple[QuantumCircuit, list[int]]]:
    """Every standard gate with numbers for its parameters, alone on qubits in an odd order."""
    rng, out = np.random.default_rng(3), {}
    for name, gate in get_standard_gate_name_mapping().items():
        if name in ("measure", "reset", "delay", "barrier", "global_phase"):
            continue
        where = rng.permutation(5)[: gate.num_qubits].tolist()
        circuit = start(5, 7)
        circuit.append(type(gate)(*rng.uniform(-3, 3, len(gate.params))), where)
        out[name] = circuit, where
    return out


def test_every_standard_gate_is_that_of_qiskit() -> None:
    known = standard()
    assert len(known) > 40
    before = random_statevector(32, 7)
    for name, (circuit, where) in known.items():
        ours = states(circuit)[0]
        theirs = before.evolve(circuit.data[-1].operation, qargs=where).data
        # both multiply the same few numbers
        assert np.abs(ours - theirs).max() < 1e-14, name
        assert name in ("id",) or np.abs(ours - before.data).max() > 1e-3, name


def test_whole_circuits_are_those_of_qiskit_to_the_last_digits() -> None:
    problem = qd.Problem(
        qd.Grid((-3, 3), 5),
        qd.objectives.double_well(tilt=0.3),
        0.4,
        clock="real",
        duration=0.5,
        initial=qd.Gaussian(0.5, 0.5),
    )
    circuit = qd.circuits(problem, qd.Trotter(6))[-1]
    assert circuit.size() > 300
    theirs = Statevector(circuit).data
    assert np.abs(states(circuit)[0] - theirs).max() < 1e-12
    assert np.abs(theirs).max() < 0.9


def test_what_is_no_standard_gate_goes_the_long_way() -> None:
    circuit = start(4, 2)
    circuit.global_phase = 0.7
    circuit.h(0)
    circuit.append(UnitaryGate(random_unitary(4, seed=1)), [3, 1])
    circuit.append(PermutationGate([2, 0, 1]), [0, 2, 3])
    circuit.cx(0, 2, ctrl_state=0)
    circuit.mcp(0.3, [0, 1, 2], 3)
    circuit.barrier()
    after = QuantumCircuit(4, global_phase=-0.2)
    after.ry(0.4, 2)
    first, second = states(circuit, after)
    body = QuantumCircuit(4, global_phase=0.7)
    for item in circuit.data[1:]:
        body.append(item)
    expected = random_statevector(16, 2).evolve(Operator(body))
    assert np.abs(first - expected.data).max() < 1e-12
    assert np.abs(second - expected.evolve(after).data).max() < 1e-12
    assert np.abs(first - second).max() > 1e-2


def test_states_that_were_given_do_not_change_afterwards() -> None:
    one, two = QuantumCircuit(2), QuantumCircuit(2)
    one.h(0)
    two.z(0)
    first, second = states(one, two)
    assert first.real.round(6).tolist() == [round(math.sqrt(0.5), 6), round(math.sqrt(0.5), 6), 0, 0]
    assert second.real.round(6).tolist() == [round(math.sqrt(0.5), 6), -round(math.sqrt(0.5), 6), 0, 0]


def test_progress_counts_all_gates() -> None:
    long = QuantumCircuit(1)
    for _ in range(4500):
        long.x(0)
    seen: list[tuple[int, int]] = []
    found = list(BACKEND.states([long, long], lambda done, total: seen.append((done, total))))
    assert [done for done, _ in seen] == [2000, 4000, 4500, 6500, 8500, 9000]
    assert {total for _, total in seen} == {9000}
    assert np.allclose(found[-1], [1, 0])


def test_free_parameters_and_measurements_are_refused() -> None:
    from qiskit.circuit import Parameter

    free, measured = QuantumCircuit(1), QuantumCircuit(1, 1)
    free.rx(Parameter("a"), 0)
    measured.measure(0, 0)
    for circuit in (free, measured):
        with pytest.raises(Exception, match=r"parameter|Parameter|[Cc]annot apply|measure|unitary"):
            states(circuit)


@pytest.mark.parametrize("where", [[0], [3], [2, 0], [1, 3, 0]])
def test_act_is_the_matrix_of_the_whole_register(where: list[int]) -> None:
    matrix = random_unitary(1 << len(where), seed=4).data
    wave = random_statevector(16, 5).data.copy()
    expected = Statevector(wave.copy()).evolve(Operator(matrix), qargs=where).data
    act(wave, matrix, where)
    assert np.abs(wave - expected).max() < 1e-14


def test_gates_on_many_sets_of_qubits_and_behind_one_without_views() -> None:
    """Toffoli gates on each three of twelve qubits and on the first three are a permutation; in their midst a matrix on five qubits."""
    rng = np.random.default_rng(4)
    wave = rng.normal(size=1 << 12) + 1j * rng.normal(size=1 << 12)
    wave /= np.linalg.norm(wave)
    circuit = QuantumCircuit(12)
    circuit.initialize(wave.tolist(), range(12))
    bits, wide = np.arange(1 << 12), np.eye(32)
    wide[[15, 31]] = wide[[31, 15]]
    for number, (a, b, c) in enumerate(itertools.permutations(range(12), 3)):
        for one, other, target in ((a, b, c), (0, 1, 2))[: 1 + (number % 50 == 0)]:
            circuit.ccx(one, other, target)
            bits ^= (bits >> one & bits >> other & 1) << target
        if number % 600 == 300:
            circuit.append(UnitaryGate(wide), [0, 3, 5, 7, 9])
            bits ^= (bits & bits >> 3 & bits >> 5 & bits >> 7 & 1) << 9
    expected = np.empty_like(wave)
    expected[bits] = wave
    (found,) = states(circuit)
    assert np.abs(found - expected).max() < 1e-12  # nothing but permutations: rounding of the matrix product alone
    assert (bits != np.arange(1 << 12)).mean() > 0.9
