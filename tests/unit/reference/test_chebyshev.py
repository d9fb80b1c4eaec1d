"""Chebyshev's series for blocks of waves, against dense exponentials: both clocks, all weight spaces, waves of which little is left."""

from __future__ import annotations

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.methods.chebyshev import TERMS, coefficients, propagated
from qml_dynamics.model.hamiltonians import LearningHamiltonian, hamiltonian

DOMAINS = [
    qd.Grid([(-2, 2), (-1, 1.5)], [3, 2], twist=(0.3, 0.1)),
    qd.Grid([(-2, 2), (-1, 1.5)], [3, 2], boundary="walls"),
    qd.Grid([(-1, 1)] * 3, [2, 2, 1]),
    qd.Grid((-2, 3), 1),
    qd.Hypercube(5),
]


def made(domain: qd.Grid | qd.Hypercube, scale: float = 3.0) -> LearningHamiltonian:
    def loss(w: np.ndarray) -> np.ndarray:
        return scale * w[:, 0] ** 2 + 0.5 * w[:, -1]

    problem = qd.Problem(domain, loss, 0.7, strength=qd.Linear(1.0, 2.0), clock="real", duration=1.0)
    h = hamiltonian(problem)
    assert isinstance(h, LearningHamiltonian)
    return h


def points(h: LearningHamiltonian, count: int = 5) -> np.ndarray:
    places = np.random.default_rng(0).choice(h.domain.size, min(count, h.domain.size), replace=False)
    waves = np.zeros((len(places), h.domain.size))
    waves[np.arange(len(places)), places] = 2.0  # of any norm
    return waves.reshape(-1, *h.domain.shape)


@pytest.mark.parametrize("domain", DOMAINS, ids=repr)
@pytest.mark.parametrize("t", [0.0, 1.0])
def test_both_clocks_are_those_of_the_dense_exponential(domain: qd.Grid | qd.Hypercube, t: float) -> None:
    h = made(domain)
    energies, modes = np.linalg.eigh(h.matrix(t))
    start = points(h)
    unit = start.reshape(len(start), -1).T / 2
    for time in (0.0, 0.3, 4.0):
        wanted = (modes * np.exp(-1j * time * energies)) @ modes.conj().T @ unit
        found, logs = propagated(h, start, time, "real", 1e-9, t)
        assert np.abs(found.reshape(len(start), -1).T - wanted).max() < 1e-8
        assert not logs.any()
        decayed = (modes * np.exp(-time * (energies - energies[0]))) @ modes.conj().T @ unit
        norms = np.linalg.norm(decayed, axis=0)
        found, logs = propagated(h, start, time, "imaginary", 1e-9, t)
        assert np.abs(found.reshape(len(start), -1).T - decayed / norms).max() < 1e-8
        assert logs == pytest.approx(np.log(norms) - time * energies[0], abs=1e-8)
        assert np.isrealobj(found) == (not any(getattr(domain, "twist", ())))
    assert np.abs(found - start / 2).max() > 0.05  # it moved


def test_a_block_is_its_waves_one_by_one_and_the_start_is_kept() -> None:
    h = made(qd.Grid([(-2, 2), (-1, 1.5)], [4, 4]))
    start = points(h, 7)
    before = start.copy()
    block, logs = propagated(h, start, 0.8, "imaginary")
    assert np.array_equal(start, before)
    for i in range(len(start)):
        alone, log = propagated(h, start[i : i + 1], 0.8, "imaginary")
        assert np.abs(block[i] - alone[0]).max() < 1e-10  # a hundred terms, each a transform of other blocks
        assert logs[i] == pytest.approx(log[0], abs=1e-10)
    assert np.ptp(logs) > 0.5


def test_waves_of_which_nearly_nothing_is_left_are_right_too() -> None:
    """From a point high up the wall, 1e-13 of which is left, against small steps in extended precision."""
    h = made(qd.Grid((-3, 3), 5), scale=40.0)
    start = np.zeros((1, 32))
    start[0, 1] = 1.0
    found, logs = propagated(h, start, 0.7, "imaginary", 1e-9)
    steps, matrix = 1 << 12, h.matrix(0.0).astype(np.clongdouble)
    step = term = np.eye(32, dtype=np.clongdouble)
    for k in range(1, 30):
        term = -np.longdouble(0.7) / steps / k * (matrix @ term)
        step = step + term
    wave, log = start[0].astype(np.clongdouble), np.longdouble(0)
    for _ in range(steps):
        wave = step @ wave
        norm = np.sqrt((np.abs(wave) ** 2).sum())
        wave, log = wave / norm, log + np.log(norm)
    assert log < -28
    # an error of 1e-16 in the wave is one of 1e-7 in what is left of it, 1e-4 where transforms miss by 1e-13; one series gives 0.04
    assert np.abs(found[0] - wave).max() < 2e-3
    assert logs[0] == pytest.approx(float(log), abs=1e-3)


def test_long_times_are_cut_into_pieces() -> None:
    h = made(qd.Hypercube(3))
    low, high = h.bounds()
    time = 3.2 * TERMS / (high - low)
    told: list[float] = []
    energies, modes = np.linalg.eigh(h.matrix(0.0))
    start = points(h, 2)
    found, _ = propagated(h, start, time, "real", 1e-9, on_step=lambda done, total: told.append(done / total))
    wanted = (modes * np.exp(-1j * time * energies)) @ modes.conj().T @ (start.reshape(2, -1).T / 2)
    assert np.abs(found.reshape(2, -1).T - wanted).max() < 1e-7
    assert told == sorted(told)
    assert told[0] < 0.1 < 0.9 < told[-1] <= 1


@pytest.mark.parametrize("clock", ["real", "imaginary"])
def test_coefficients_sum_to_the_exponential(clock: str) -> None:
    x = np.linspace(-1, 1, 41)
    for reach in (0.0, 0.5, 30.0):
        c = coefficients(reach, clock, 1e-10)
        series = np.polynomial.chebyshev.chebval(x, c)
        exact = np.exp(-1j * reach * x) if clock == "real" else np.exp(-reach * (x + 1))
        assert np.abs(series - exact).max() < 2e-10
    assert len(coefficients(30.0, clock, 1e-10)) > len(coefficients(30.0, clock, 1e-3)) > 5
