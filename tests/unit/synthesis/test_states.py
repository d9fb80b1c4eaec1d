"""Preparation circuits give the vectors of the initial waves on every domain, ancillas untouched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector

from qml_dynamics.model.domains import Grid, Hypercube
from qml_dynamics.model.initial import Gaussian, PointMass, State, Uniform
from qml_dynamics.synthesis.states import amplitudes, prepare
from qml_dynamics.synthesis.transforms import width

GRIDS = {
    "line": Grid((-2, 3), 4),
    "one bit": Grid((-2, 3), 1),
    "plane": Grid([(-2, 3), (0, 1)], (2, 3)),
    "space": Grid([(-2, 3), (0, 1), (5, 9)], (3, 1, 2)),
    "walls": Grid((-2, 3), 4, "walls"),
    "walled plane": Grid([(-2, 3), (0, 1)], (3, 2), "walls"),
}
DOMAINS = {**GRIDS, "cube": Hypercube(4), "bit": Hypercube(1)}
STANDARD = {"h", "x", "ry", "rz", "cx"}


def some_state(domain, kind: str) -> State:
    rng = np.random.default_rng(11)
    real, imaginary = rng.standard_normal((2, *domain.shape))
    if kind == "holes":
        real[rng.random(domain.shape) < 0.5] = 0
        real.flat[-1] = -1.0
        imaginary = 0 * real
    return State(real + 1j * imaginary if kind == "complex" else real)


def check(initial, domain) -> QuantumCircuit:
    circuit = prepare(initial, domain)
    wave = Statevector.from_instruction(circuit).data
    assert circuit.num_qubits == width(domain)
    assert set(circuit.count_ops()) <= STANDARD
    np.testing.assert_allclose(wave[: domain.size], initial.vector(domain).reshape(-1), atol=1e-12)
    np.testing.assert_allclose(wave[domain.size :], 0, atol=1e-14)
    return circuit


@pytest.mark.parametrize("name", list(DOMAINS))
def test_uniform_is_one_layer_of_h(name):
    """No other gate."""
    domain = DOMAINS[name]
    assert dict(check(Uniform(), domain).count_ops()) == {"h": domain.num_qubits}


@pytest.mark.parametrize("name", list(DOMAINS))
def test_point_mass_on_every_third_point(name):
    """Basis states only need X."""
    domain = DOMAINS[name]
    for point in domain.points[1::3]:
        circuit = check(PointMass(point), domain)
        assert set(circuit.count_ops()) <= {"x"}


@pytest.mark.parametrize("name", list(GRIDS))
@pytest.mark.parametrize("momentum", [0.0, -1.3])
def test_gaussians_off_centre_with_momentum(name, momentum):
    """Narrow and wide; the circuit is a product over the axes, so no gate joins two of them."""
    domain = GRIDS[name]
    center = [a + 0.3 * (b - a) for a, b in domain.bounds]
    widths = [(0.1 + 0.15 * i) * (b - a) for i, (a, b) in enumerate(domain.bounds)]
    boosts = [momentum * (i + 1) for i in range(domain.ndim)]
    circuit = check(Gaussian(center, widths, boosts), domain)
    edges = np.cumsum([0, *domain.qubits[::-1]])
    for item in circuit.data:
        places = [circuit.find_bit(q).index for q in item.qubits]
        assert len({int(np.searchsorted(edges, p, side="right")) for p in places}) == 1


@pytest.mark.parametrize("name", list(DOMAINS))
@pytest.mark.parametrize("kind", ["real", "complex", "holes"])
def test_any_state_with_signs_phases_and_zeros(name, kind):
    """The global phase too."""
    domain = DOMAINS[name]
    assert check(some_state(domain, kind), domain).size() > 0


def test_a_tree_costs_what_it_says():
    """Real amplitudes on n qubits: at most 2^n - 2 CX."""
    circuit = prepare(some_state(Hypercube(6), "real"), Hypercube(6))
    assert circuit.count_ops()["cx"] <= 2**6 - 2
    assert circuit.count_ops()["ry"] <= 2**6 - 1


@given(st.integers(1, 5), st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=40, deadline=None, derandomize=True)
def test_amplitudes_on_scrambled_qubits(bits, seed, real):
    """Bit q of the index on qubits[q], whatever the vector."""
    rng = np.random.default_rng(seed)
    wave = rng.standard_normal(1 << bits) * (rng.random(1 << bits) < 0.7) + 0j
    wave[0] += 0.1
    if not real:
        wave = wave * np.exp(2j * np.pi * rng.random(1 << bits))
    wave /= np.linalg.norm(wave)
    place = rng.permutation(bits + 1)[:bits].tolist()
    circuit = QuantumCircuit(bits + 1)
    amplitudes(wave.real if real else wave, circuit, place)
    index = np.arange(1 << bits)
    where = sum((index >> q & 1) << place[q] for q in range(bits))
    np.testing.assert_allclose(Statevector.from_instruction(circuit).data[where], wave, atol=1e-11)
    assert len(set(place)) == bits
