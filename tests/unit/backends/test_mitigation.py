"""Readout inversion and gate folding against independent dense calculations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator

import qml_dynamics as qd
from qml_dynamics.backends.mitigation.batch import programs, reduced
from qml_dynamics.backends.mitigation.readout import (
    amplification,
    as_counts,
    calibrated,
    nearest_distribution,
    read,
    unread,
)
from qml_dynamics.backends.mitigation.zne import extrapolated, folded, richardson
from qml_dynamics.backends.options import DeviceOptions
from qml_dynamics.results.sampling import draw

ERRORS = [(0.01, 0.06), (0.08, 0.03), (0.002, 0.11)]


def dense_assignment(errors: list[tuple[float, float]]) -> np.ndarray:
    """The 2^n matrix entry by entry: the product over bits of p(read bit | true bit)."""
    n = len(errors)
    out = np.ones((1 << n, 1 << n))
    for seen in range(1 << n):
        for true in range(1 << n):
            for q, (up, down) in enumerate(errors):
                s, t = seen >> q & 1, true >> q & 1
                out[seen, true] *= (up if s else 1 - up) if t == 0 else (1 - down if s else down)
    return out


def test_readout_is_undone_exactly() -> None:
    p = np.random.default_rng(2).dirichlet(np.ones(8))
    noisy = dense_assignment(ERRORS) @ p
    assert np.abs(noisy - p).max() > 0.02
    assert np.abs(read(p, ERRORS) - noisy).max() < 1e-15
    assert np.abs(unread(noisy, ERRORS) - p).max() < 1e-14


def test_amplification_is_that_of_the_parity() -> None:
    parity = 1.0 - 2.0 * (np.bitwise_count(np.arange(8)) & 1)
    undone = parity @ np.linalg.inv(dense_assignment(ERRORS))
    assert np.abs(undone).max() >= amplification(ERRORS) * 0.999
    one = [(0.05, 0.05)]
    assert np.abs(np.array([1.0, -1.0]) @ np.linalg.inv(dense_assignment(one))).max() == pytest.approx(
        amplification(one)
    )


def test_random_readout_cannot_be_undone() -> None:
    with pytest.raises(qd.BackendError, match="random"):
        unread(np.array([0.5, 0.5]), [(0.5, 0.5)])


def test_calibration_finds_the_errors() -> None:
    matrix = dense_assignment(ERRORS)
    found = calibrated(200_000 * matrix[:, 0], 200_000 * matrix[:, 7], 3)
    assert np.abs(np.array(found) - np.array(ERRORS)).max() < 1e-5


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=9))
def test_nearest_distribution_beats_every_other(values: list[float]) -> None:
    q = np.array(values) + (1 - sum(values)) / len(values)
    best = nearest_distribution(q)
    assert best.sum() == pytest.approx(1)
    assert best.min() >= 0
    others = np.random.default_rng(0).dirichlet(np.full(q.size, 0.5), 200)
    assert (np.linalg.norm(best - q) <= np.linalg.norm(others - q, axis=1) + 1e-12).all()


def test_counts_of_a_distribution_are_whole_and_close() -> None:
    p = np.random.default_rng(1).dirichlet(np.ones(32))
    counts = as_counts(p, 777.9)
    assert counts.shots == 777
    assert np.abs(counts.histogram(32) - p).max() <= 1 / 777


def native() -> QuantumCircuit:
    out = QuantumCircuit(3)
    out.sx(0)
    out.rz(0.4, 1)
    out.ecr(0, 1)
    out.sx(1)
    out.cz(1, 2)
    out.cx(2, 0)
    out.rzz(0.7, 0, 2)
    return out


@pytest.mark.parametrize("scale", [1, 3, 5])
def test_folding_keeps_the_unitary_and_multiplies_the_gates(scale: int) -> None:
    circuit, out = native(), folded(native(), scale)
    assert Operator(out).equiv(Operator(circuit), atol=1e-12)
    assert out.num_nonlocal_gates() == scale * circuit.num_nonlocal_gates()
    angles = [i.operation.params[0] for i in out.data if i.operation.name == "rzz"]
    assert all(0 < angle <= np.pi / 2 for angle in angles)  # a device takes no other


def test_what_cannot_be_folded_is_refused() -> None:
    odd = QuantumCircuit(2)
    odd.iswap(0, 1)
    with pytest.raises(qd.BackendError, match="iswap"):
        folded(odd, 3)


def test_richardson_weights_are_exact_on_a_line() -> None:
    for scales in ((1, 3), (1, 3, 5), (1, 5, 7)):
        w = richardson(scales)
        assert w.sum() == pytest.approx(1)
        assert w @ np.array(scales) == pytest.approx(0, abs=1e-12)


def test_linear_extrapolation_is_that_of_the_expectation_value() -> None:
    ps = np.random.default_rng(4).dirichlet(np.ones(8), 3)
    values = np.arange(8.0) ** 2
    out, worth = extrapolated((1, 3, 5), ps, [500, 500, 500])
    by_hand = np.polyfit([1, 3, 5], ps @ values, 1)[1]
    assert out @ values == pytest.approx(by_hand)
    assert worth == pytest.approx(500 / (richardson((1, 3, 5)) ** 2).sum())


def test_exponential_extrapolation_is_exact_for_global_depolarising_noise() -> None:
    p = np.random.default_rng(5).dirichlet(np.full(16, 0.4))
    scales = (1, 3, 5)
    noisy = [1 / 16 + 0.87**s * (p - 1 / 16) for s in scales]
    assert np.abs(noisy[0] - p).max() > 0.01
    out, _ = extrapolated(scales, noisy, [1000] * 3, "exponential")
    assert np.abs(out - p).max() < 1e-4


@pytest.mark.parametrize("kind", ["linear", "exponential"])
def test_equivalent_shots_give_honest_errors(kind: str) -> None:
    rng = np.random.default_rng(6)
    p = rng.dirichlet(np.full(8, 0.6))
    noisy = [1 / 8 + 0.9**s * (p - 1 / 8) for s in (1, 3)]
    worst = p - 1 / 8
    means, worth = [], []
    for _ in range(300):
        seen = [rng.multinomial(1000, q) / 1000 for q in noisy]
        out, equivalent = extrapolated((1, 3), seen, [1000, 1000], kind)
        means.append(worst @ out)
        worth.append(equivalent)
    predicted = np.sqrt((p @ worst**2 - (p @ worst) ** 2) / np.mean(worth))
    assert 0.8 < np.std(means) / predicted < 1.25
    assert np.mean(worth) < 1000  # it costs: fewer than the shots of one scale


def test_a_job_is_put_together_and_taken_apart_again() -> None:
    """Compiled circuits of two layouts, folded twice and calibrated; outcomes drawn from a known readout error."""
    device = qd.backend("ibm:fake_manila", readout_mitigation="calibrated", zne=(1, 3))
    bell, flip = QuantumCircuit(2), QuantumCircuit(3)
    bell.h(1)
    bell.cx(1, 0)
    flip.x(1)
    options: DeviceOptions = device.options  # type: ignore[attr-defined]
    compiled = device.compiled([bell, flip])  # type: ignore[attr-defined]
    work = programs(compiled, 4000, [5, 6], options, {})
    roles = [program.role for program in work]
    assert [r.get("circuit") for r in roles] == [0, 0, 1, 1, None, None]
    assert [r.get("scale") for r in roles] == [1, 3, 1, 3, None, None]
    assert len({program.seed for program in work}) == 6
    per_qubit = {q: (0.02 + 0.01 * q, 0.05) for q in range(5)}
    ideal = {0: np.array([0.5, 0, 0, 0.5]), 1: np.eye(8)[2]}
    outcomes = []
    for program in work:
        qubits, role = program.role["qubits"], program.role
        clean = ideal[role["circuit"]] if "circuit" in role else np.eye(1 << len(qubits))[-role["calibration"]]
        outcomes.append(draw(read(clean, [per_qubit[q] for q in qubits]), 100_000, program.seed))
    raw = outcomes[0].histogram(4)
    first, second = reduced(outcomes, roles, options)
    assert np.abs(raw - ideal[0]).max() > 0.03
    assert np.abs(first.histogram(4) - ideal[0]).max() < 0.01
    assert second.histogram(8)[2] > 0.99
