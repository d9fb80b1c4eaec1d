"""THEORY section 1.4, T17 and T36 at matrices and operators that the theory gives no number for."""

from __future__ import annotations

import numpy as np
import pytest

from qml_dynamics import QDrift
from qml_dynamics.learning.growth import (
    entropy,
    flow_values,
    log_volume,
    orthogonality_flow,
    orthogonality_gradient,
    record,
    volumes,
)
from qml_dynamics.methods.randomised import error_bound, qdrift_channel
from qml_dynamics.model.pauli import pauli_sum


def held_out() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(710)
    return {
        "tall": 0.6 * rng.standard_normal((5, 3)),
        "wide": 0.6 * rng.standard_normal((2, 6)),
        "rank deficient": 0.5 * rng.standard_normal((4, 2)) @ rng.standard_normal((2, 4)),
        "orthogonal": np.linalg.qr(rng.standard_normal((4, 4)))[0],
        "1 x 1": np.array([[-0.37]]),
        "singular and large": np.diag([1.9, 0.0, 0.2]) @ np.linalg.qr(rng.standard_normal((3, 3)))[0],
    }


MATRICES = held_out()


@pytest.mark.parametrize("name", MATRICES)
def test_t36_small_steps_of_the_gradient_follow_the_closed_form(name: str) -> None:
    w, h = MATRICES[name].copy(), 1e-4
    start = np.linalg.svd(w, compute_uv=False)
    for _ in range(3000):
        w = w - h * orthogonality_gradient(w)
    assert w == pytest.approx(orthogonality_flow(MATRICES[name], 0.3), abs=1e-4)
    assert np.linalg.svd(w, compute_uv=False) == pytest.approx(flow_values(start, 0.3), abs=1e-4)
    assert (np.abs(w - MATRICES[name]).max() > 0.05) == (name != "orthogonal")


@pytest.mark.parametrize("name", MATRICES)
def test_the_flow_keeps_the_singular_vectors_and_is_reversible_off_zero(name: str) -> None:
    w = MATRICES[name]
    end = orthogonality_flow(w, 0.2)
    for product in (w.T @ end, w @ end.T):  # symmetric: one set of singular vectors on either side
        assert product == pytest.approx(product.T, abs=1e-12)
    half = orthogonality_flow(orthogonality_flow(w, 0.1), 0.1)
    assert half == pytest.approx(end, abs=1e-12)
    before, after = np.linalg.svd(w, compute_uv=False), np.linalg.svd(end, compute_uv=False)
    alive = after > 1e-9
    assert (before > 1e-9).tolist() == alive.tolist()  # no direction is lost or gained
    back = 1 / np.sqrt(1 + (1 / after[alive] ** 2 - 1) * np.exp(8 * 0.2))
    assert back == pytest.approx(before[alive], abs=1e-9)


@pytest.mark.parametrize("name", MATRICES)
def test_volume_of_a_product_and_its_invariance(name: str) -> None:
    w = MATRICES[name]
    out, into = w.shape
    rng = np.random.default_rng(3)
    left, right = (np.linalg.qr(rng.standard_normal((n, n)))[0] for n in (out, into))
    assert log_volume(left @ w @ right, rcond=1e-9) == pytest.approx(log_volume(w, rcond=1e-9), abs=1e-9)
    a = rng.standard_normal((max(out, into), max(out, into)))
    both = volumes([a, a @ a])
    assert both.total == pytest.approx(3 * np.linalg.slogdet(a)[1])
    if out == into and not volumes(w, rcond=1e-9).dropped.any():
        product = log_volume(w @ a)[0]
        assert product == pytest.approx(log_volume([a, w]).sum(), abs=1e-10)
        s = a @ a.T
        gain = entropy(w @ s @ w.T, kind="differential") - entropy(s, kind="differential")
        assert gain == pytest.approx(log_volume(w)[0], abs=1e-9)


def test_volume_of_a_chain_is_the_sum_over_its_layers_also_as_it_is_recorded() -> None:
    rng = np.random.default_rng(8)
    for depth in (1, 2, 7):
        net = [rng.standard_normal((5, 5)) for _ in range(depth)]
        product = np.linalg.multi_dot(net[::-1]) if depth > 1 else net[0]
        run = record([net])
        assert run["log_volume/total"][0] == pytest.approx(np.linalg.slogdet(product)[1], abs=1e-8)
        assert run["log_volume/layer"].shape == (1, depth)


def test_a_fixed_unitary_layer_keeps_von_neumann_entropy_of_any_state() -> None:
    rng = np.random.default_rng(9)
    for size in (2, 3, 8):
        g = rng.standard_normal((size, size)) + 1j * rng.standard_normal((size, size))
        rho = g @ g.conj().T / np.trace(g @ g.conj().T).real
        u = np.linalg.qr(rng.standard_normal((size, size)) + 1j * rng.standard_normal((size, size)))[0]
        after = u @ rho @ u.conj().T
        assert abs(entropy(after, kind="production", before=rho)) < 1e-11
        measured = [entropy(np.diag(state).real, kind="shannon") for state in (rho, after)]
        assert abs(measured[1] - measured[0]) > 1e-3  # what is measured does change


def test_t17_at_operators_with_random_terms() -> None:
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        g = rng.standard_normal((4, 4)) + 1j * rng.standard_normal((4, 4))
        h = (g + g.conj().T) / 4
        energies, vectors = np.linalg.eigh(h)
        u = (vectors * np.exp(-0.7j * energies)) @ vectors.conj().T
        exact = np.kron(u, u.conj())
        states = [v / np.linalg.norm(v) for v in rng.standard_normal((12, 4)) + 1j * rng.standard_normal((12, 4))]
        counts, distances = [200, 400, 800, 1600], []
        for n in counts:
            miss = qdrift_channel(h, 0.7, n) - exact
            images = [(miss @ np.outer(v, v.conj()).reshape(-1)).reshape(4, 4) for v in states]
            distances.append(max(0.5 * float(np.abs(np.linalg.eigvalsh(m)).sum()) for m in images))
        slope = np.polyfit(np.log(counts), np.log(distances), 1)[0]
        assert slope == pytest.approx(-1, abs=0.1)
        bounds = [error_bound(QDrift(n), pauli_sum(h), 0.7) for n in counts]
        assert all(1e-6 < d < b for d, b in zip(distances, bounds))
