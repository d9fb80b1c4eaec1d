"""Volumes, named entropies, coherence, purity and participation."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

from qml_dynamics import Gaussian, Grid, Problem, SplitStep, ansatz, evolve
from qml_dynamics.base.errors import ProblemError
from qml_dynamics.learning.growth import (
    along,
    coherence,
    entropy,
    log_det_metric,
    log_volume,
    metric_volume,
    participation,
    purity,
    reduced,
    volumes,
)


def unitary(size: int, rng: np.random.Generator) -> np.ndarray:
    return np.linalg.qr(rng.standard_normal((size, size)) + 1j * rng.standard_normal((size, size)))[0]


def mixed(size: int, rng: np.random.Generator) -> np.ndarray:
    a = rng.standard_normal((size, size)) + 1j * rng.standard_normal((size, size))
    rho = a @ a.conj().T
    return rho / np.trace(rho).real


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (1, 1), (7, 1)])
def test_log_volume_is_half_the_log_determinant_of_the_gram_matrix(shape: tuple[int, int]) -> None:
    w = np.random.default_rng(sum(shape)).standard_normal(shape)
    gram = w.T @ w if shape[0] >= shape[1] else w @ w.T
    assert log_volume(w) == pytest.approx([0.5 * np.linalg.slogdet(gram)[1]], abs=1e-10)
    assert abs(log_volume(w)[0]) > 1e-3


def test_log_volume_of_a_product_is_the_sum_over_its_layers() -> None:
    rng = np.random.default_rng(3)
    net = [rng.standard_normal((6, 6)) for _ in range(4)]
    report = volumes(net)
    assert report.log_volume.shape == (4,)
    assert not report.dropped.any()
    assert report.total == pytest.approx(float(log_volume(np.linalg.multi_dot(net[::-1]))[0]), abs=1e-9)


def test_log_volume_does_not_change_under_rotations_and_counts_dead_directions() -> None:
    rng = np.random.default_rng(4)
    w = rng.standard_normal((5, 3)) @ rng.standard_normal((3, 5))
    turned = np.linalg.qr(rng.standard_normal((5, 5)))[0] @ w
    assert volumes(w).dropped.tolist() == [2]
    assert log_volume(turned) == pytest.approx(log_volume(w), abs=1e-9)
    assert log_volume(w, kind="determinant").tolist() == [-np.inf]
    assert log_volume(np.zeros((2, 2))).tolist() == [-np.inf]
    assert abs(log_volume(np.linalg.qr(rng.standard_normal((6, 6)))[0])[0]) < 1e-12


def test_log_volume_of_complex_layers_and_of_extreme_scales() -> None:
    rng = np.random.default_rng(11)
    assert log_volume(unitary(5, rng)) == pytest.approx([0], abs=1e-12)
    w = rng.standard_normal((4, 4)) + 1j * rng.standard_normal((4, 4))
    assert log_volume(w) == pytest.approx([np.linalg.slogdet(w)[1]], abs=1e-10)
    assert log_volume(w, kind="determinant") == pytest.approx([np.linalg.slogdet(w)[1]], abs=1e-10)
    for scale in (1e-200, 1e200):
        assert log_volume(scale * np.diag([3.0, 0.5])) == pytest.approx([np.log(1.5) + 2 * np.log(scale)], rel=1e-12)
    ill = np.diag([1.0, 1e-13])  # clipped at the level that was asked for, and counted
    assert volumes(ill).dropped.tolist() == [1]
    assert log_volume(ill, kind="determinant").tolist() == [-np.inf]
    assert log_volume(ill, kind="determinant", rcond=1e-14) == pytest.approx([np.log(1e-13)])
    one, row = log_volume([[[-0.25]], [[3.0, 4.0]]])
    assert (one, row) == (pytest.approx(np.log(0.25)), pytest.approx(np.log(5)))
    dead = volumes([np.diag([2.0, 0.0, 3.0]), np.zeros((2, 3))])
    assert dead.dropped.tolist() == [1, 2]
    assert dead.log_volume[0] == pytest.approx(np.log(6))


def test_log_volume_of_a_product_holds_for_tall_then_square_layers_only() -> None:
    """An isometry first keeps all; a wide layer loses directions, and the sum says nothing of the product."""
    rng = np.random.default_rng(12)
    tall, square, wide = rng.standard_normal((5, 3)), rng.standard_normal((3, 3)), rng.standard_normal((2, 5))
    assert volumes([square, tall]).total == pytest.approx(float(log_volume(tall @ square)[0]), abs=1e-10)
    assert volumes([tall, wide]).total != pytest.approx(float(log_volume(wide @ tall)[0]), abs=0.1)
    turn = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    assert volumes([tall, turn]).total == pytest.approx(float(log_volume(turn @ tall)[0]), abs=1e-10)


def test_a_linear_layer_adds_its_log_volume_to_the_differential_entropy() -> None:
    rng = np.random.default_rng(5)
    w, a = rng.standard_normal((4, 4)), rng.standard_normal((4, 4))
    s = a @ a.T
    gain = entropy(w @ s @ w.T, kind="differential") - entropy(s, kind="differential")
    assert gain == pytest.approx(float(log_volume(w)[0]), abs=1e-9)
    assert entropy(np.array([[1.0]]), kind="differential") == pytest.approx(0.5 * np.log(2 * np.pi * np.e))
    assert entropy(np.diag([1.0, 0.0]), kind="differential") == -np.inf


def test_a_unitary_layer_keeps_von_neumann_entropy_while_shannon_entropy_moves() -> None:
    rng = np.random.default_rng(6)
    rho, u = mixed(8, rng), unitary(8, rng)
    after = u @ rho @ u.conj().T
    assert entropy(after, kind="von_neumann") == pytest.approx(entropy(rho, kind="von_neumann"), abs=1e-11)
    assert entropy(rho, kind="von_neumann") > 0.5
    point = np.eye(8)[0] + 0j
    assert entropy(point, kind="shannon") == 0
    assert entropy(u @ point, kind="shannon") > 1
    assert entropy(u @ point, kind="von_neumann") == pytest.approx(0, abs=1e-10)


def test_mixed_unitary_channels_never_lower_the_entropy() -> None:
    rng = np.random.default_rng(7)
    grown = []
    for _ in range(50):
        rho, p = mixed(4, rng), rng.dirichlet(np.ones(3))
        us = [unitary(4, rng) for _ in p]
        out = sum(w * u @ rho @ u.conj().T for w, u in zip(p, us))
        grown.append(entropy(out, kind="production", before=rho))
    assert min(grown) >= -1e-12
    assert max(grown) > 0.1
    damped = np.diag([1.0, 0.0])  # amplitude damping is not unital: it lowers the entropy
    assert entropy(damped, kind="production", before=np.eye(2) / 2) == pytest.approx(-np.log(2))


def test_entanglement_reads_the_bits_in_the_order_of_the_library() -> None:
    a, b = np.array([0.6, 0.8]), np.array([1.0, 1.0j]) / np.sqrt(2)
    product = np.kron(a, b)  # b on qubit 0
    assert reduced(product, [0]) == pytest.approx(np.outer(b, b.conj()))
    assert reduced(product, [1, 0]) == pytest.approx(
        np.outer(np.kron(b, a), np.kron(b, a).conj())
    )  # qubit 1 is now the lowest bit
    wave = np.random.default_rng(8).standard_normal(16) + 0j
    assert entropy(wave, kind="entanglement", keep=[0, 2]) == pytest.approx(
        entropy(wave, kind="entanglement", keep=[3, 1])
    )
    assert entropy(wave, kind="entanglement", keep=[0]) > 0.05


def test_coherence_purity_participation_closed_forms() -> None:
    plus = np.ones(8) / np.sqrt(8)
    assert coherence(plus) == pytest.approx(7)
    assert coherence(plus, "relative_entropy") == pytest.approx(np.log(8))
    rho = np.outer(plus, plus)
    assert coherence(rho) == pytest.approx(7)
    assert coherence(rho, "relative_entropy") == pytest.approx(np.log(8))
    assert coherence(np.eye(4) / 4) == 0
    assert coherence(np.eye(4) / 4, "relative_entropy") == pytest.approx(0, abs=1e-12)
    assert purity(plus) == 1
    assert purity(np.diag([0.75, 0.25])) == pytest.approx(0.625)
    assert participation(plus + 0j) == pytest.approx(8)
    assert participation([1.0, 0.0]) == 1


def test_density_matrices_are_not_read_as_waves() -> None:
    rho = np.array([[0.7, 0.3j], [-0.3j, 0.3]])
    assert entropy(rho, kind="shannon") == pytest.approx(entropy([0.7, 0.3], kind="shannon"))
    assert participation(rho) == pytest.approx(1 / 0.58)
    real = np.array([[0.7, 0.4], [0.4, 0.3]])
    assert entropy(real, kind="shannon") == pytest.approx(entropy([0.7, 0.3], kind="shannon"))
    assert participation(real) == pytest.approx(1 / 0.58)
    joint = np.array([[0.1, 0.2], [0.3, 0.4]])  # a table of probabilities stays one
    assert participation(joint) == pytest.approx(1 / 0.3)
    assert purity(rho) == pytest.approx(0.49 + 0.09 + 2 * 0.09)
    for measure in (purity, coherence):
        for wrong in (np.eye(2), np.diag([1.5, -0.5]), np.array([[0.5, 0.5], [0.0, 0.5]])):
            with pytest.raises(ProblemError, match=r"density matrix .* or a wave of unit norm on a square grid"):
                measure(wrong)


def test_waves_on_a_square_grid_stay_waves() -> None:
    psi = np.random.default_rng(13).standard_normal((4, 4)) + 1j * np.random.default_rng(14).standard_normal((4, 4))
    psi /= np.linalg.norm(psi)
    flat = psi.reshape(-1)
    assert purity(psi) == 1
    assert entropy(psi, kind="von_neumann") == 0
    assert entropy(np.ones(1 << 20) + 0j, kind="von_neumann") == 0  # no matrix of a million rows is made
    assert entropy(np.eye(4) / 4, kind="production", before=psi[0]) == pytest.approx(np.log(4))
    assert coherence(psi) == pytest.approx(coherence(flat))
    assert coherence(psi, "relative_entropy") == pytest.approx(coherence(flat, "relative_entropy"))
    assert entropy(psi, kind="shannon") == pytest.approx(entropy(flat, kind="shannon"))
    assert entropy(psi, kind="entanglement", keep=[2, 3]) == pytest.approx(
        entropy(flat, kind="entanglement", keep=np.array([0, 1]))
    )
    assert entropy(psi, kind="entanglement", keep=[2, 3]) > 0.1


def test_the_metric_of_two_qubits_of_unlike_radius() -> None:
    """A product of two rotations: the volume is the product, and only the asymmetric box tells the angles apart."""
    circuit = QuantumCircuit(2)
    circuit.ry(Parameter("a"), 0)
    circuit.ry(Parameter("b"), 1)
    assert metric_volume(circuit, bounds=[(0, 1), (0, 3)]) == pytest.approx(3 / 4)
    assert metric_volume(circuit, bounds=np.array([(0.5, 1), (-1, 3)])) == pytest.approx(0.5 * 4 / 4)
    assert log_det_metric(circuit, [0.3, 2.0]) == pytest.approx(2 * np.log(1 / 4))
    still = QuantumCircuit(1)
    still.h(0)
    assert metric_volume(still, bounds=[]) == 1  # no parameter: a point


def test_volume_of_the_metric_of_a_qubit_is_the_area_of_its_sphere() -> None:
    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("a"), 0)
    circuit.rz(Parameter("b"), 0)
    assert metric_volume(circuit, bounds=[(0, np.pi), (0, 2 * np.pi)]) == pytest.approx(np.pi, abs=1e-8)
    assert metric_volume(circuit, [0.7, 2.0]) == pytest.approx(np.sin(0.7) / 4)
    assert log_det_metric(circuit, [0.7, 2.0]) == pytest.approx(2 * np.log(np.sin(0.7) / 4))
    assert log_det_metric(circuit, [0.0, 0.0]) == -np.inf  # at the pole the second angle moves nothing
    problem = Problem(Grid((-1, 1), 2), lambda w: w[:, 0] ** 2, 1.0, clock="imaginary", duration=1.0)
    layer = ansatz.hardware_efficient(1)
    assert np.isfinite(metric_volume(layer, problem=problem))
    with pytest.raises(ProblemError, match="`problem`"):
        metric_volume(layer)


def test_measures_along_a_run() -> None:
    packet = Problem(Grid((-8, 8), 6), lambda w: 0 * w[:, 0], 0.5, clock="real", duration=2.0, initial=Gaussian(0, 0.7))
    seen = along(evolve(packet, SplitStep(8), save=3), keep=[0, 1])
    assert np.all(np.diff(seen["entropy/shannon"]) > 0.1)  # a free packet spreads
    assert np.all(np.diff(seen["participation"]) > 1)
    assert seen["coherence/relative_entropy"] == pytest.approx(seen["entropy/shannon"], abs=1e-9)
    assert seen["entropy/entanglement"].shape == (3,)
    assert np.all(seen["purity/part"] < 1)
    sampled = along(evolve(packet, SplitStep(8), shots=100, seed=1))
    assert np.all(seen["coherence/l1"] > 1)
    assert set(sampled) >= {"entropy/shannon", "participation"}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: log_volume([]), "at least one layer"),
        (lambda: log_volume([[1.0, 2.0], [3.0]]), "layer"),
        (lambda: log_volume(np.ones((2, 3)), kind="determinant"), "square"),
        (lambda: log_volume(np.array([[np.nan]])), "finite"),
        (lambda: log_volume(np.eye(2), kind="volume"), "pseudo, determinant"),
        (lambda: entropy([0.5, 0.5], kind="boltzmann"), "shannon, von_neumann, entanglement, differential, production"),
        (lambda: entropy([0.5, 0.6], kind="shannon"), "sum to 1"),
        (lambda: entropy(np.ones(3), kind="entanglement", keep=[0]), "amplitudes"),
        (lambda: entropy(np.ones(4), kind="entanglement", keep=[0, 0]), "once"),
        (lambda: entropy(np.ones(4), kind="entanglement", keep=[2]), "between 0 and 1"),
        (lambda: entropy(np.ones((2, 3)), kind="differential"), "square"),
        (lambda: entropy(np.eye(2), kind="von_neumann"), "trace 1"),
        (lambda: entropy(np.eye(2) / 2, kind="production"), "before"),
        (lambda: coherence(np.ones(2), "l2"), "l1, relative_entropy"),
        (lambda: log_volume([[[1, 2], [3]]]), "layer 0"),
        (lambda: log_volume("abc"), "matrix or a list"),
        (lambda: log_volume(np.eye(2), rcond=1.0), "below 1"),
        (lambda: entropy([0.6, 0.8], kind="shannon"), "of a wave: complex numbers"),
        (lambda: entropy([1.5, -0.5], kind="shannon"), "least value -0.5"),
        (lambda: entropy([0.5, 0.5], kind=None), "shannon, von_neumann"),  # type: ignore[arg-type]
        (lambda: entropy(np.diag([1.0, 1j]), kind="differential"), "real covariance"),
        (lambda: entropy(np.array([[1.0, 2.0], [0.0, 1.0]]), kind="differential"), "symmetric"),
        (lambda: entropy(np.ones(4), kind="entanglement"), "list of qubits"),
        (lambda: entropy(np.ones(4), kind="entanglement", keep=0), "list of qubits"),  # type: ignore[arg-type]
        (lambda: participation(np.zeros(3) + 0j), "all zero"),
        (lambda: entropy(np.diag([1.5, -0.5]), kind="von_neumann"), "density matrix"),
        (lambda: entropy([0.0, 0.0], kind="von_neumann"), "all zero"),
        (lambda: entropy(np.array([[0.5, 0.9], [0.9, 0.5]]), kind="von_neumann"), "negative eigenvalues"),
        (lambda: entropy(np.array([np.nan, 1.0]), kind="von_neumann"), "finite"),
        (lambda: metric_volume(_angle(), bounds=[(1, 0)]), "lower end first"),
        (lambda: metric_volume(_angle(), bounds=3), "one pair"),
        (lambda: metric_volume(_angle(), bounds=[(0, 1, 2)]), "one pair"),
        (lambda: metric_volume(_angle(), bounds=[(0, np.nan)]), "`bounds`"),
        (lambda: metric_volume(_angle(), [0.1], bounds=[(0, 1)]), "`theta`"),
        (lambda: metric_volume(None), "`ansatz`"),
    ],
)
def test_bad_input_is_named(call: object, words: str) -> None:
    with pytest.raises(ProblemError, match=words):
        call()  # type: ignore[operator]


def _angle() -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("a"), 0)
    return circuit
