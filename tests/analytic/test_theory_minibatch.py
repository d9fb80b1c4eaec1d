"""Mini-batches as dephasing (THEORY 7.14): closed forms on the linear loss, the Lindblad limit, and real data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.linalg

import qml_dynamics as qd
from qml_dynamics.learning.minibatch import averaged_state, noise
from qml_dynamics.model.objectives import from_rows, row_covariance

IRIS = Path(__file__).parents[2] / "circuits" / "iris_neuron"
SLOPES = np.array([1.0, -0.3, 0.5, 2.0, 0.1, 0.7])
D, T, START, WIDTH = 0.5, 1.2, 0.5, 1.2
LINEAR = qd.Problem(
    qd.Grid((-10, 10), 6),
    from_rows(lambda w, index: w * SLOPES[index], 6, "linear"),
    D,
    clock="real",
    duration=T,
    initial=qd.Gaussian(START, WIDTH),
)


def amounts(steps: int, order: int) -> np.ndarray:
    dt = T / steps
    return np.full(steps, dt) if order == 1 else np.array([dt / 2, *[dt] * (steps - 1), dt / 2])


def moments(rho: np.ndarray) -> tuple[float, float, float]:
    """Mean and variance of the weight, and mean of the squared momentum."""
    x = LINEAR.domain.axes[0]
    p = np.diag(rho).real
    mean = float(p @ x)
    h = qd.hamiltonian(LINEAR)
    square = float(np.trace((h.matrix() - np.diag(h.zeta)) @ rho).real) / D
    return mean, float(p @ x**2) - mean**2, square


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("replacement", [False, True])
def test_momenta_diffuse_at_the_rate_v_g2(order: int, replacement: bool) -> None:
    """Var(p) grows by v Var(slope) a unit of time: exactly, from kicks that are independent."""
    steps, b, n = 12, 2, len(SLOPES)
    method = qd.MiniBatch(steps, b, order, replacement=replacement)
    start, end = averaged_state(LINEAR, method)
    share = 1 / b if replacement else (n - b) / ((n - 1) * b)
    assert noise(LINEAR, method) == pytest.approx(T / steps * share, rel=1e-12)
    a = amounts(steps, order)
    kicks = share * SLOPES.var() * a**2
    square = moments(start)[2] + (T * SLOPES.mean()) ** 2 + kicks.sum()
    assert moments(start)[2] == pytest.approx(1 / (4 * WIDTH**2), rel=1e-9)
    assert moments(end)[2] == pytest.approx(square, abs=1e-8)
    rate = noise(LINEAR, method) * SLOPES.var()
    assert kicks.sum() == pytest.approx(rate * T * (1 if order == 1 else 1 - 1 / (2 * steps)), rel=1e-12)
    assert kicks.sum() > 0.02


@pytest.mark.parametrize("order", [1, 2])
def test_weights_follow_the_kicks(order: int) -> None:
    """A kick at t moves the weight by 2 D (T - t) times its size: mean and variance of the weight, to round-off."""
    steps = 12
    _, end = averaged_state(LINEAR, qd.MiniBatch(steps, 2, order))
    times = T / steps * (np.arange(steps) if order == 1 else np.arange(steps + 1))
    reach = 2 * D * (T - times)
    a = amounts(steps, order)
    mean, variance, _ = moments(end)
    assert mean == pytest.approx(START - SLOPES.mean() * reach @ a, abs=1e-8)
    kicked = 4 / (5 * 2) * SLOPES.var() * (reach**2 @ a**2)
    assert variance == pytest.approx(WIDTH**2 + (2 * D * T) ** 2 / (4 * WIDTH**2) + kicked, abs=1e-8)
    assert kicked > 0.005


def test_continuous_limit_of_the_spread() -> None:
    """Noise adds (4 D^2) v Var(slope) T^3 / 3 to the variance of the weight."""
    method = qd.MiniBatch(150, 1, 2, replacement=True)
    _, end = averaged_state(LINEAR, method)
    extra = moments(end)[1] - (WIDTH**2 + (2 * D * T) ** 2 / (4 * WIDTH**2))
    assert extra == pytest.approx(4 * D**2 * noise(LINEAR, method) * SLOPES.var() * T**3 / 3, rel=1e-2)


@pytest.mark.parametrize("options", [{}, {"backend": "aer", "shots": 20_000}], ids=["exact", "shots"])
def test_circuits_show_the_diffusion(options: dict[str, object]) -> None:
    steps = 4
    method = qd.MiniBatch(steps, 1, 2, draws=16, replacement=True)
    kicks = SLOPES.var() * (amounts(steps, 2) ** 2).sum()
    square = 1 / (4 * WIDTH**2) + (T * SLOPES.mean()) ** 2 + kicks
    run = qd.evolve(LINEAR, method, seed=11, **options)
    kinetic = run.expectations["kinetic"]
    assert abs(kinetic.value[-1] - square) < 4 * kinetic.stderr[-1]
    assert kicks > 0.15
    assert run.diagnostics["between_circuits"]["kinetic"][-1] > T * SLOPES.mean() * np.sqrt(kicks)


CURVED = qd.Problem(
    qd.Grid((-2, 2), 3),
    from_rows(lambda w, index: (w - np.array([-0.9, 0.2, 1.3, 0.5])[index]) ** 2, 4),
    0.3,
    clock="real",
    duration=0.8,
    initial=qd.Gaussian(0.4, 0.7),
)


def lindblad(p: qd.Problem, v: float) -> np.ndarray:
    """``rho' = -i [H, rho] - (v / 2) (C_ww + C_w'w' - 2 C_ww') rho`` by one matrix exponential."""
    size = p.domain.size
    c = row_covariance(p.objective, p.domain)
    spread = np.diag(c)[:, None] + np.diag(c)[None, :] - 2 * c
    one, h = np.eye(size), qd.hamiltonian(p).matrix()
    flow = -1j * (np.kron(h, one) - np.kron(one, h.T)) - 0.5 * v * np.diag(spread.reshape(-1))
    psi = p.initial.vector(p.domain).reshape(-1)
    return (scipy.linalg.expm(p.duration * flow) @ np.outer(psi, psi.conj()).reshape(-1)).reshape(size, size)


@pytest.mark.parametrize("order", [1, 2])
def test_lindblad_limit(order: int) -> None:
    """At a fixed batch size the averaged circuits tend to the Lindblad equation of their own v, faster than v tends to 0."""
    gaps, effects = [], []
    still = lindblad(CURVED, 0.0)
    for steps in (32, 64, 128):
        method = qd.MiniBatch(steps, 1, order, replacement=True)
        wanted = lindblad(CURVED, noise(CURVED, method))
        gaps.append(np.abs(averaged_state(CURVED, method)[-1] - wanted).max())
        effects.append(np.abs(wanted - still).max())
    assert np.log2(gaps[1] / gaps[2]) == pytest.approx(order, abs=0.1)
    assert np.log2(effects[1] / effects[2]) == pytest.approx(1, abs=0.05)
    if order == 2:
        assert gaps[2] < 0.02 * effects[2]


def test_channel_and_dephasing_differ_by_the_third_cumulant() -> None:
    """At a fixed batch size the difference falls as dt^2: a^3 for each of T / a factors."""
    gaps = []
    for steps in (64, 128, 256):
        method = qd.MiniBatch(steps, 1, 1, replacement=True)
        gaps.append(np.abs(averaged_state(CURVED, method)[-1] - averaged_state(CURVED, method, limit=True)[-1]).max())
    assert np.log2(gaps[0] / gaps[1]) == pytest.approx(2, abs=0.2)
    assert np.log2(gaps[1] / gaps[2]) == pytest.approx(2, abs=0.1)
    assert gaps[0] > 1e-6


def test_dephasing_leaves_the_weights_alone_and_lowers_purity() -> None:
    frozen = CURVED.replace(diffusion=0.0)
    rho = averaged_state(frozen, qd.MiniBatch(8, 1))
    assert np.abs(np.diag(rho[-1]) - np.diag(rho[0])).max() < 1e-11  # each step transforms there and back
    purity = [np.trace(r @ r).real for r in averaged_state(CURVED, qd.MiniBatch(8, 1))]
    assert purity[0] == pytest.approx(1.0)
    assert purity[1] < 0.95


@pytest.mark.slow
def test_iris_excess_loss_is_linear_in_the_noise() -> None:
    """Real data: the loss that a smaller batch costs, drawn and predicted, and held-out accuracy."""
    file = qd.read_problem(IRIS)
    p = file.problem.replace(domain=qd.Grid([(-6, 6), (-6, 6)], [5, 4]))
    study = qd.batch_study(p, qd.MiniBatch(40, 1, draws=60), [1, 2, 4, 16], seed=1)
    assert np.all(np.abs(study.drawn.value - study.predicted) < 4 * study.drawn.stderr + 1e-3)
    excess = study.predicted - study.full
    assert np.all(excess > 0)
    ratio = excess / study.noise
    assert np.ptp(ratio) < 0.25 * ratio.mean()
    assert study.predicted[0] < 0.2 * study.uniform
    data = file.dataset
    points = p.domain.points_at(np.arange(p.domain.size))
    right = np.array([p.objective.score(w, data.X_test, data.y_test) for w in points])
    accuracy = study.densities.reshape(4, -1) @ right
    assert np.all(accuracy > 0.85)
    assert right.mean() < 0.6
