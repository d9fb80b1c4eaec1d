"""Noise models act on what is compiled, or it is said; classical bits that nothing uses are no measurement."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.transpiler import CouplingMap
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error
from qiskit_aer.primitives import SamplerV2

import qml_dynamics as qd
from qml_dynamics.backends.aer_noise import Acting
from qml_dynamics.base.errors import BackendError, UnusedNoiseWarning

TWO = ("cx", "cz", "ecr", "rzz", "swap")


def model(*gates: str, qubits: list[int] | None = None, basis: list[str] | None = None) -> NoiseModel:
    """Depolarising noise of 5 % after these gates."""
    made = NoiseModel(basis_gates=basis)
    for gate in gates:
        error = depolarizing_error(0.05, 2 if gate in TWO else 1)
        if qubits is None:
            made.add_all_qubit_quantum_error(error, [gate])
        else:
            made.add_quantum_error(error, [gate], qubits)
    return made


def circuit() -> QuantumCircuit:
    """Rotations about all axes and an entangler."""
    made = QuantumCircuit(2)
    made.ry(0.4, 0)
    made.rxx(0.5, 0, 1)
    made.rz(0.3, 1)
    made.ry(0.9, 1)
    return made


IDEAL = qd.backend("statevector").probabilities([circuit()])[0]


def seen(noise: NoiseModel) -> tuple[float, list[str]]:
    """How far the noise takes the probabilities, and what is said."""
    simulated = qd.backend(AerSimulator(noise_model=noise))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        p = simulated.probabilities([circuit()])[0]
    return 0.5 * float(np.abs(p - IDEAL).sum()), [str(t.message) for t in told if t.category is UnusedNoiseWarning]


ACTING = {
    **{name: model(name) for name in ("cx", "cz", "ecr", "rzz", "h", "rx", "ry", "rz", "sx", "u", "u3")},
    "cz and h": model("cz", "h"),
    "cz beside an ideal cx": model("cz", basis=["cx", "cz", "rz", "sx", "x"]),
    "cz on these qubits": model("cz", qubits=[0, 1]),
}


@pytest.mark.parametrize("noise", ACTING.values(), ids=ACTING)
def test_circuits_are_compiled_to_gates_that_are_noisy(noise: NoiseModel) -> None:
    """So the noise is there, and nothing is said."""
    distance, told = seen(noise)
    assert distance > 0.01
    assert not told


PRIMITIVES = {
    "of options": lambda noise: SamplerV2(options={"backend_options": {"noise_model": noise}}, seed=3),
    "of a simulator": lambda noise: SamplerV2.from_backend(AerSimulator(noise_model=noise), seed=3),
}


@pytest.mark.parametrize("made", PRIMITIVES.values(), ids=PRIMITIVES)
def test_samplers_of_aer_are_compiled_for_by_their_noise(made: Any) -> None:
    """Aer's sampler keeps its simulator to itself; errors of cz act on cz, and what acts on nothing is told."""
    noise = NoiseModel(basis_gates=["cz", "rz", "sx", "x"])
    noise.add_all_qubit_quantum_error(depolarizing_error(1.0, 2), ["cz"])
    counts = qd.backend(made(noise)).sample([circuit()], 2000, [1])[0]
    shares = np.bincount(counts.index, counts.count, minlength=4) / 2000
    assert np.abs(IDEAL - 0.25).max() > 0.2
    assert np.abs(shares - 0.25).max() < 0.05  # what is mixed wholly stays so; five errors of a share
    with pytest.warns(UnusedNoiseWarning, match="errors of swap"):
        qd.backend(made(model("swap"))).sample([circuit()], 10, [1])


IDLE = {
    "a gate that is never made": (model("swap"), "errors of swap"),
    "another one": (model("t"), "errors of t"),
    "idle gates": (model("id"), "errors of id"),
    "other qubits": (model("cz", qubits=[2, 3]), r"cz on qubits \[0, 1\]"),
    "another qubit": (model("sx", qubits=[5]), r"sx on qubits \[0\]"),
}


@pytest.mark.parametrize(("noise", "what"), IDLE.values(), ids=IDLE)
def test_noise_that_acts_on_nothing_is_told(noise: NoiseModel, what: str) -> None:
    """The run is noiseless, and says so with the gates that it has."""
    distance, told = seen(noise)
    assert distance < 1e-9
    assert len(told) == 1
    assert told[0].startswith("The noise model acts on no gate of this circuit")
    assert re.search(what, told[0])


def test_a_gate_without_noise_beside_one_with_noise_is_told() -> None:
    """Errors of a device's couplers do not reach other pairs."""
    noise = model("cx", qubits=[1, 0])  # the compiler makes cx from 0 to 1
    made = QuantumCircuit(3)
    made.cx(1, 0)
    made.cx(1, 2)
    with pytest.warns(UnusedNoiseWarning, match=r"no error for cx on qubits \[1, 2\]"):
        p = qd.backend(AerSimulator(noise_model=noise)).probabilities([made])[0]
    assert p.sum() == pytest.approx(1.0)


# simulators that run circuits themselves: with couplings, or with options of their own
OWN: dict[str, dict[str, Any]] = {
    "couplings": {"coupling_map": CouplingMap.from_line(4)},
    "an option": {"method": "matrix_product_state", "matrix_product_state_max_bond_dimension": 8},
}


def run_by_itself(own: str, noise: NoiseModel | None, **more: Any) -> tuple[Any, QuantumCircuit, list[str]]:
    """The backend, what it has compiled, and what is said."""
    simulated = qd.backend(AerSimulator(noise_model=noise, **OWN[own], **more))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        made = simulated.compiled([circuit()])[0].circuit
    return simulated, made, [str(t.message) for t in told if t.category is UnusedNoiseWarning]


@pytest.mark.parametrize("own", OWN)
@pytest.mark.parametrize("noise", ACTING.values(), ids=ACTING)
def test_a_simulator_of_its_own_is_given_gates_that_are_noisy(own: str, noise: NoiseModel) -> None:
    simulated, made, told = run_by_itself(own, noise)
    assert type(simulated).__name__ == "QiskitBackend"
    acting = Acting(noise)
    where = [(step.operation.name, [made.find_bit(q).index for q in step.qubits]) for step in made.data]
    assert any(acting.on(name, qubits) for name, qubits in where)
    assert not told
    assert simulated.describe()["noise"] == sorted(acting.gates)


@pytest.mark.parametrize("own", OWN)
@pytest.mark.parametrize(("noise", "what"), IDLE.values(), ids=IDLE)
def test_noise_that_acts_on_nothing_there_is_told(own: str, noise: NoiseModel, what: str) -> None:
    _, made, told = run_by_itself(own, noise)
    assert made.num_nonlocal_gates() > 0
    assert told
    assert told[0].startswith("The noise model acts on no gate of this circuit")
    assert re.search(what, told[0])


def test_gates_that_a_person_chose_stay_and_are_told() -> None:
    """And a simulator with couplings needs no noise to run, nor gates on three qubits."""
    chosen = ["cx", "rz", "sx", "x"]
    _, made, told = run_by_itself("couplings", model("cz"), basis_gates=chosen)
    assert set(made.count_ops()) <= {*chosen, "measure", "barrier"}
    assert "errors of cz" in told[0]
    quiet, plain, nothing = run_by_itself("couplings", None)
    assert not nothing
    found = quiet.sample([circuit()], 20_000, [3])[0]
    p = np.zeros(4)
    p[found.index] = found.count / found.count.sum()
    assert 0.5 * np.abs(p - IDEAL).sum() < 5 * 0.5 * np.sqrt(4 / 20_000)
    assert plain.num_nonlocal_gates() > 0


def test_readout_errors_alone_act_and_provenance_names_the_gates() -> None:
    """p(1|0) = 0.1 on all qubits."""
    noise = NoiseModel()
    noise.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]))
    distance, told = seen(noise)
    assert distance > 0.05
    assert not told
    described = qd.backend(AerSimulator(noise_model=model("cz"))).describe()
    assert "cz" in described["compiled_to"]
    assert "cx" not in described["compiled_to"]


BACKENDS = ["statevector", "aer", "aer:density_matrix", "aer:matrix_product_state", "pennylane:default.qubit"]


@pytest.mark.parametrize("name", BACKENDS)
def test_bits_that_nothing_uses_are_no_measurement(name: str) -> None:
    """`QuantumCircuit(2, 2)` without a measurement runs like `QuantumCircuit(2)`; one that measures is refused."""
    given, plain, measured = QuantumCircuit(2, 2), QuantumCircuit(2), QuantumCircuit(2, 2)
    for made in (given, plain, measured):
        made.ry(0.7, 0)
        made.cx(0, 1)
    measured.measure(0, 0)
    backend = qd.backend(name)
    mine, theirs = (backend.sample([one], 500, [7])[0] for one in (given, plain))
    assert mine.index.tolist() == theirs.index.tolist() == [0, 3]
    assert mine.count.tolist() == theirs.count.tolist()
    with pytest.raises(BackendError, match="bound and unmeasured, but one has 2 classical bits in use"):
        backend.sample([measured], 10, [1])


@pytest.mark.parametrize("ends", ["idle bits", "measured"])
def test_an_ansatz_with_bits_runs_in_every_way(ends: str) -> None:
    """Exact, sampled, told in advance: final measurements are dropped, idle bits too."""
    a, b = Parameter("a"), Parameter("b")
    made = QuantumCircuit(2, 2)
    made.ry(a, 0)
    made.cx(0, 1)
    made.ry(b, 1)
    if ends == "measured":
        made.measure([0, 1], [0, 1])
    ansatz = qd.ansatz.from_circuit(made, [0.3, 0.2])
    problem: Any = qd.Problem.from_operator(np.diag([1.0, 2, 3, 0]), clock="imaginary", duration=0.2, initial=ansatz)
    method = qd.Variational(ansatz, steps=1)
    exact = qd.evolve(problem, method).expectations["energy"].value
    sampled = qd.evolve(problem, method, backend="aer", shots=4000, seed=1).expectations["energy"]
    assert qd.cost(problem, method, backend="aer", shots=10).circuits > 0
    assert sampled.value[0] == pytest.approx(exact[0], abs=5 * sampled.stderr[0])
    assert exact[1] < exact[0]
