"""Walsh series: coefficients against explicit sums, gate counts, truncation, controls, multiplexed rotations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import Operator

from qml_dynamics.model.domains import Grid
from qml_dynamics.model.transforms import walsh_coefficients
from qml_dynamics.synthesis.walsh import WalshSeries, diagonal, multiplexed_ry, parity_walk, walsh_series

VALUES = {n: np.random.default_rng(n).normal(size=1 << n) for n in range(1, 9)}
finite = st.floats(-50, 50, allow_nan=False, width=64)


def matrix_of(series: WalshSeries, tau: float, qubits=None, width=None) -> np.ndarray:
    circuit = QuantumCircuit(width or series.num_qubits)
    diagonal(series, tau, circuit, range(series.num_qubits) if qubits is None else qubits)
    return Operator(circuit).data


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_coefficients_are_the_sums_that_define_them(n):
    """a_m = mean of f(x) (-1)^(m . x), by loops over bits."""
    values = VALUES[n]
    for m in range(1 << n):
        signs = [(-1) ** sum((m >> q & 1) * (x >> q & 1) for q in range(n)) for x in range(1 << n)]
        assert walsh_coefficients(values)[m] == pytest.approx(np.mean(values * signs), abs=1e-12)


@given(st.integers(1, 7).flatmap(lambda n: arrays(float, 1 << n, elements=finite)))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_series_gives_back_its_values(values):
    """Without truncation, for any values."""
    series = walsh_series(values)
    np.testing.assert_allclose(series.values(), values, atol=1e-11 * max(1.0, np.abs(values).max()))
    assert series.error == 0.0


@given(st.integers(2, 7).flatmap(lambda n: arrays(float, 1 << n, elements=finite)), st.floats(0.001, 0.9))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_truncation_reports_the_largest_error_on_the_points(values, share):
    """The reported error is the measured one, at most the tolerance, and the constant stays."""
    tolerance = share * float(np.ptp(values))
    series = walsh_series(values, tolerance)
    measured = float(np.abs(series.values() - values).max())
    assert series.error == pytest.approx(measured, abs=1e-10 * max(1.0, np.abs(values).max()))
    assert measured <= tolerance + 1e-10
    assert series.masks[0] == 0


def test_truncation_keeps_fewer_terms_for_a_larger_tolerance():
    """Monotone on a smooth function, and not vacuous."""
    x = np.linspace(-1, 1, 256, endpoint=False)
    values = (4 * x**2 - 1) ** 2 + 0.2 * x
    counts = [len(walsh_series(values, tol * np.ptp(values)).masks) for tol in (0, 1e-3, 1e-2, 1e-1)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == 163
    assert counts[2] <= 54  # THEORY A4: 53 terms and the constant at one percent
    assert counts[1] <= 95


@pytest.mark.parametrize("n", range(1, 9))
def test_full_series_takes_the_counts_of_gray_code(n):
    """2^n - 1 RZ and 2^n - 2 CX (Welch et al.)."""
    circuit = QuantumCircuit(n)
    diagonal(walsh_series(VALUES[n]), 0.7, circuit, range(n))
    assert circuit.count_ops()["rz"] == 2**n - 1
    assert circuit.count_ops().get("cx", 0) == 2**n - 2


@pytest.mark.parametrize("degree", [0, 1, 2, 3, 4, 5])
def test_polynomials_have_no_mask_heavier_than_their_degree(degree):
    """T18, exactly, on an asymmetric box in one dimension and for total degree in two."""
    rng = np.random.default_rng(degree)
    x = Grid((-1.3, 2.9), 8).axes[0]
    values = np.polynomial.Polynomial(rng.normal(size=degree + 1))(x)
    weights = np.bitwise_count(walsh_series(values).masks)
    assert weights.max() == degree
    a, b = Grid([(-1, 2), (0, 3)], (4, 3)).points.T
    both = sum(rng.normal() * a**i * b**j for i in range(degree + 1) for j in range(degree + 1 - i))
    assert np.bitwise_count(walsh_series(np.asarray(both) + 0 * a).masks).max() == degree


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("sparse", [False, True])
def test_circuit_is_the_diagonal_with_its_phase(n, sparse):
    """exp(-i tau f) on the main diagonal, basis states in order, nothing elsewhere."""
    series = walsh_series(VALUES[n])
    if sparse:
        keep = np.random.default_rng(1).random(len(series.masks)) < 0.4
        series = WalshSeries(n, series.masks[keep], series.coefficients[keep])
    found = matrix_of(series, 0.7)
    np.testing.assert_allclose(found, np.diag(np.exp(-0.7j * series.values())), atol=1e-12)
    assert found.shape == (1 << n, 1 << n)


def test_qubits_may_stand_in_any_order():
    """Bit q of the index lives on qubits[q] of a wider register."""
    series = walsh_series(VALUES[3])
    place = [4, 0, 2]
    found = np.diag(matrix_of(series, 0.3, place, 5))
    index = np.arange(32)
    small = sum((index >> place[q] & 1) << q for q in range(3))
    np.testing.assert_allclose(found, np.exp(-0.3j * VALUES[3][small]), atol=1e-12)
    assert len(np.unique(np.round(found, 9))) == 8


def test_time_may_be_a_parameter():
    """Bound later, the phase of the constant term included."""
    tau, circuit = Parameter("tau"), QuantumCircuit(3)
    diagonal(walsh_series(VALUES[3]), tau, circuit, range(3))
    for value in (-0.4, 1.9):
        np.testing.assert_allclose(
            Operator(circuit.assign_parameters([value])).data, matrix_of(walsh_series(VALUES[3]), value), atol=1e-12
        )
    assert list(circuit.parameters) == [tau]


@pytest.mark.parametrize("n", [1, 3, 4])
def test_controlled_series_controls_all_of_it(n):
    """The control is a new highest bit; where it reads 0 nothing happens, not even a phase."""
    series = walsh_series(VALUES[n]).controlled()
    wanted = np.concatenate([np.ones(1 << n), np.exp(-0.6j * VALUES[n])])
    np.testing.assert_allclose(matrix_of(series, 0.6), np.diag(wanted), atol=1e-12)
    assert np.abs(wanted[1 << n :] - 1).max() > 0.01


@pytest.mark.parametrize("n", [2, 4, 6])
def test_walk_visits_every_mask_once_on_its_top_qubit_and_returns(n):
    """The parities held by the qubits are replayed: at each rotation the target holds the mask."""
    rng = np.random.default_rng(n)
    masks = np.flatnonzero(rng.random(1 << n) < 0.5)
    held = [1 << q for q in range(n)]
    seen = []
    for move, who, target in parity_walk(masks):
        if move == "cx":
            held[target] ^= held[who]
        else:
            seen.append(int(masks[who]))
            assert held[target] == masks[who]
            assert target == int(masks[who]).bit_length() - 1
    assert sorted(seen) == sorted(masks[masks > 0].tolist())
    assert held == [1 << q for q in range(n)]


@pytest.mark.parametrize("controls", [0, 1, 3])
def test_multiplexed_rotation_is_block_diagonal(controls):
    """RY(angles[j]) on the target where the controls read j; scrambled qubits."""
    angles = np.random.default_rng(2).uniform(-3, 3, 1 << controls)
    width = controls + 2
    order = np.random.default_rng(5).permutation(width)[: controls + 1].tolist()
    circuit = QuantumCircuit(width)
    multiplexed_ry(angles, circuit, order[:-1], order[-1])
    found = Operator(circuit).data
    wanted = np.zeros((1 << width, 1 << width))
    for i in range(1 << width):
        j = sum((i >> q & 1) << k for k, q in enumerate(order[:-1]))
        bit = i >> order[-1] & 1
        c, s = np.cos(angles[j] / 2), np.sin(angles[j] / 2)
        flipped = i ^ (1 << order[-1])
        wanted[i, i] = c
        wanted[flipped, i] = -s if bit else s
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    assert circuit.num_nonlocal_gates() == (1 << controls if controls else 0)
