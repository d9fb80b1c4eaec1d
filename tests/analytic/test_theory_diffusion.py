"""Diffusion models against closed forms: mixtures (THEORY 3.25, T13), the reverse drift (3.22), number states (3.24), Doob (3.26)."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

import qml_dynamics as qd
from qml_dynamics import Diffusion, Grid
from qml_dynamics.learning.diffusion import gaussian_mixture
from qml_dynamics.learning.diffusion.modes import hermite_modes

PI, M, S2 = np.array([0.3, 0.7]), np.array([-2.0, 1.5]), np.array([0.05, 0.1])
HELD_OUT = {
    "three peaks": ([0.2, 0.5, 0.3], [-1.9, 0.2, 2.2], [0.12, 0.05, 0.2]),
    "far to one side": ([0.85, 0.15], [1.1, -2.6], [0.3, 0.06]),
}
SAMPLES = 40_000


def at_time(weights: np.ndarray, means: np.ndarray, variances: np.ndarray, t: float, heat: float = 1.0) -> tuple:
    """Means ``e^{-t} m``, variances ``e^{-2t} s + T (1 - e^{-2t})``."""
    a = np.exp(-t)
    return weights, a * np.asarray(means), a * a * np.asarray(variances) + heat * (1 - a * a)


def exact_score(x: np.ndarray, weights: np.ndarray, means: np.ndarray, variances: np.ndarray) -> np.ndarray:
    logs = np.log(weights) - 0.5 * np.log(variances) - 0.5 * (x[:, None] - means) ** 2 / variances
    share = np.exp(logs - logs.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    return (-(x[:, None] - means) / variances * share).sum(axis=1)


def deviations(x: np.ndarray, weights: np.ndarray, means: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """Mean, variance and P(x < 0), in standard errors from those of the mixture."""
    mean = float(weights @ means)
    variance = float(weights @ (variances + means**2)) - mean**2
    below = float(weights @ norm.cdf(-means / np.sqrt(variances)))
    fourth = float(np.mean((x - x.mean()) ** 4))
    errors = [x.std(), np.sqrt(fourth - x.var() ** 2), np.sqrt(below * (1 - below))]
    return (np.array([x.mean(), x.var(), (x < 0).mean()]) - [mean, variance, below]) / errors * np.sqrt(len(x))


@pytest.mark.parametrize("t", [0.01, 0.1, 0.7, 2.0])
def test_density_and_score_of_the_mixture(t: float) -> None:
    """The wave in imaginary time against the closed form, wherever the density is above 1e-7 and the box is far."""
    model = Diffusion(Grid((-8, 8), 8), gaussian_mixture(PI, M, S2))
    x, law = model.domain.axes[0], at_time(PI, M, S2, t)
    wanted = gaussian_mixture(*law)(x[:, None])
    assert np.abs(model.forward(t) / model.domain.cell_volume - wanted).max() < 1e-10
    here = (wanted > 1e-7) & (np.abs(x) < 6)
    assert here.sum() > 30
    # a quotient: where the density is 1e-7, an error of 1e-11 in the slope of the wave is one of 1e-4 in the score
    miss = np.abs(model.score(t)[here, 0] - exact_score(x, *law)[here])
    assert (miss < 1e-6 + 1e-10 / wanted[here]).all()
    assert miss[wanted[here] > 1e-4].max() < 2e-6
    assert np.abs(exact_score(x, *law)[here]).max() > 2


@pytest.mark.parametrize("kind", ["sde", "ode"])
def test_t13_moments_of_the_mixture(kind: str) -> None:
    """Mean 0.45, variance 2.6575, P(x < 0) = 0.3 within three standard errors."""
    assert pytest.approx(0.45) == PI @ M
    assert pytest.approx(2.6575) == PI @ (S2 + M**2) - 0.45**2
    model = Diffusion(Grid((-6, 6), 8), gaussian_mixture(PI, M, S2))
    x = model.sample(SAMPLES, seed=1, kind=kind, steps=200)[:, 0]
    assert np.abs(deviations(x, PI, M, S2)).max() < 3
    assert np.abs(deviations(x, PI, M + 0.04, S2)).max() > 3  # what the test would notice


@pytest.mark.parametrize("kind", ["sde", "ode"])
@pytest.mark.parametrize("name", list(HELD_OUT))
def test_t13_held_out(name: str, kind: str) -> None:
    law = tuple(np.array(v) for v in HELD_OUT[name])
    model = Diffusion(Grid((-6.5, 6.5), 8), gaussian_mixture(*law))
    x = model.sample(SAMPLES // 2, seed=4, kind=kind, steps=80)[:, 0]
    assert np.abs(deviations(x, *law)).max() < 3


def test_t13_at_another_temperature_and_from_intermediate_noise() -> None:
    """T = 0.5: the noise is N(0, 1/2), and the law on the way back at t is the mixture's at t."""
    model = Diffusion(Grid((-5, 5), 8), gaussian_mixture(PI, M, S2), temperature=0.5)
    run = model.paths(SAMPLES // 2, seed=3, steps=80, save=[0.5, 0.0])
    for t, points in zip(run.times, run.points[:, :, 0]):
        assert np.abs(deviations(points, *at_time(PI, M, S2, float(t), 0.5))).max() < 3
    assert run.times[0] == pytest.approx(0.5, abs=0.05)


def test_reverse_drift_is_the_slope_of_the_wave() -> None:
    """(3.22): grad V + 2 T grad log p = 2 T grad log phi, from the wave's own slope, for a potential without closed form."""
    heat = 0.4
    loss = qd.Objective(lambda w: (w[:, 0] ** 2 - 1) ** 2 + 0.2 * w[:, 0])
    model = Diffusion(Grid((-2.6, 2.6), 8), [[0.6], [0.2], [-1.1]], loss, temperature=heat, bandwidth=0.2)
    x, phi = model.domain.axes[0], model.wave(0.1)
    k = 2 * np.pi * np.fft.fftfreq(256, model.domain.spacing[0])
    slope = np.fft.ifft(1j * k * np.fft.fft(phi)).real / phi
    here = model.forward(0.1) > 1e-6
    drift = loss.gradient(x[:, None])[:, 0] + 2 * heat * model.score(0.1)[:, 0]
    assert np.abs(drift - 2 * heat * slope)[here].max() < 1e-6
    assert np.abs(drift[here]).max() > 3


def test_the_forward_equation_holds() -> None:
    """p_t = div(p grad V) + T Lap p on the grid, by differences in time and Fourier in space (3.19)."""
    heat = 0.4
    loss = qd.Objective(lambda w: (w[:, 0] ** 2 - 1) ** 2 + 0.2 * w[:, 0])
    model = Diffusion(Grid((-2.8, 2.8), 8), [[0.6], [0.2], [-1.1]], loss, temperature=heat, bandwidth=0.2)
    x, t, dt = model.domain.axes[0], 0.2, 1e-4
    before, p, after = model.forward([t - dt, t, t + dt])
    k = 2 * np.pi * np.fft.fftfreq(256, model.domain.spacing[0])
    flux = p * loss.gradient(x[:, None])[:, 0]
    wanted = np.fft.ifft(1j * k * np.fft.fft(flux) - heat * k**2 * np.fft.fft(p)).real
    rate = (after - before) / (2 * dt)
    assert np.abs(rate - wanted).max() < 1e-6 * np.abs(rate).max() + 1e-9
    assert np.abs(rate).max() > 1e-3


@pytest.mark.parametrize("heat", [1.0, 0.7])
def test_number_states_decay_like_their_number(heat: float) -> None:
    """(3.24): mode n by e^{-n t}; on a line the Witten Hamiltonian of V = x^2/2 is the number operator."""
    model = Diffusion(Grid((-9, 9), 8), gaussian_mixture(PI, M, S2), temperature=heat)
    assert np.abs(model.land.modes[0][0][:8] - np.arange(8)).max() < 1e-7
    u = hermite_modes(model.domain.axes[0], heat, 8)
    before, after = u @ model.wave(0.0), u @ model.wave(0.6)
    assert np.allclose(after / before, np.exp(-0.6 * np.arange(8)), atol=1e-8)
    assert np.abs(before).min() > 1e-4


@pytest.mark.parametrize("kind", ["sde", "ode"])
def test_doob_on_a_gaussian(kind: str) -> None:
    """(3.26): data N(1, 0.4) kept with probability e^{-(x + 1)^2 / 2} are N(3/7, 2/7), at every time."""
    model = Diffusion(Grid((-6, 6), 8), gaussian_mixture([1.0], [1.0], [0.4]))
    keep = lambda w: np.exp(-((w[:, 0] + 1) ** 2) / 2)  # noqa: E731
    mean, variance = 3 / 7, 2 / 7
    assert model.probability(keep) == pytest.approx(np.exp(-4 / 2.8) / np.sqrt(1.4), rel=1e-3)
    kept = np.array([1.0]), np.array([mean]), np.array([variance])
    x = model.domain.axes[0][:, None]
    p = model.forward(0.5, keep) / model.domain.cell_volume
    assert np.abs(p - gaussian_mixture(*at_time(*kept, 0.5))(x)).max() < 2e-3
    made = model.sample(8000, seed=2, kind=kind, condition=keep, steps=60)[:, 0]
    assert np.abs(deviations(made, *kept)).max() < 3
    free = model.sample(8000, seed=2, kind=kind, steps=60)[:, 0]
    assert np.abs(deviations(free, *kept)).max() > 20


def test_mixture_in_two_dimensions() -> None:
    """Different data along each axis: means, covariance and the share of each peak."""
    weights, means, variances = [0.35, 0.65], np.array([[-1.5, 0.3], [0.9, 1.2]]), np.array([0.12, 0.2])
    model = Diffusion(Grid([(-6, 6), (-5.5, 5.5)], 6), gaussian_mixture(weights, means, variances))
    x = model.sample(8000, seed=5, steps=40)
    mean = np.array(weights) @ means
    inner = sum(w * (np.outer(m, m) + v * np.eye(2)) for w, m, v in zip(weights, means, variances)) - np.outer(
        mean, mean
    )
    errors = np.sqrt(np.diag(inner) / len(x))
    assert (np.abs(x.mean(axis=0) - mean) < 3.5 * errors).all()
    assert np.abs(np.cov(x.T) - inner).max() < 4 * 1.5 * inner.max() / np.sqrt(len(x))
    assert abs(inner[0, 1]) > 0.4
    share = (x[:, 0] < -0.4).mean()
    exact = 0.35 * norm.cdf(1.1 / np.sqrt(0.12)) + 0.65 * norm.cdf(-1.3 / np.sqrt(0.2))
    assert abs(share - exact) < 3.5 * np.sqrt(0.35 * 0.65 / len(x))
