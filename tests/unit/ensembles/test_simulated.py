"""Simulations with planted values: progress, an interrupt that keeps what was done, and histories over two weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics import ensembles as en
from qml_dynamics.base.progress import Progress


def bowl(w: np.ndarray) -> np.ndarray:
    return -(w**2).sum(axis=1) / 2


def pressed(monkeypatch: pytest.MonkeyPatch, after: int) -> list[str]:
    """Ctrl-C once so many steps are done; the labels of the bars that were asked to show something."""
    shown: list[str] = []

    def press(self: Progress, done: int, total: int) -> None:
        shown.append(self.label)
        if done + 1 >= after:
            raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "__call__", press)
    return shown


def test_an_interrupted_walk_keeps_what_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {"diffusion": 0.2, "mobility": 0.7, "networks": 50, "dt": 0.02, "seed": 3}
    whole = en.observe_sde(bowl, [1.0, -0.5], steps=60, record=6, **options)
    shown = pressed(monkeypatch, 60)
    cut = en.observe_sde(bowl, [1.0, -0.5], steps=600, record=60, **options)
    assert shown == ["following networks"] * 60
    assert cut.facts["stop"] == "Interrupted after 60 of 600 steps."
    assert whole.facts["stop"] == "Reached the end of 60 steps."
    np.testing.assert_array_equal(cut.final, whole.final)
    assert np.abs(cut.final - cut.initial).max() > 0.1
    assert cut.duration == pytest.approx(1.2)
    assert cut.steps is not None
    assert whole.steps is not None
    np.testing.assert_array_equal(cut.steps.times, whole.steps.times)
    np.testing.assert_array_equal(cut.steps.change, whole.steps.change)
    assert isinstance(en.fit(cut, tests=()).diffusion, qd.Estimate)


def test_an_interrupt_before_the_first_record_leaves_no_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    pressed(monkeypatch, 3)
    cut = en.observe_sde(bowl, [1.0], diffusion=0.2, mobility=0.7, networks=20, steps=600, record=2)
    assert cut.steps is None
    assert "no steps were recorded" in str(en.fit(cut, tests=()).diffusion)


def test_interrupted_exchanges_keep_what_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = en.observe_exchange([0.1, 0.5], beta=2.0, mu_c=0.3, networks=40, sweeps=20, seed=1)
    shown = pressed(monkeypatch, 20)
    cut = en.observe_exchange([0.1, 0.5], beta=2.0, mu_c=0.3, networks=40, sweeps=500, seed=1)
    assert shown == ["exchanging neurons"] * 20
    assert cut.facts["stop"] == "Interrupted after 20 of 500 sweeps."
    assert cut.exchange is not None
    assert whole.exchange is not None
    np.testing.assert_array_equal(cut.exchange.accepted, whole.exchange.accepted)
    assert 0.1 < cut.exchange.accepted.mean() < 0.9


def test_one_branch_of_the_phase_over_two_weights() -> None:
    """A packet that moves fast: its phase winds many times over the plane, and F is smooth where the packet is."""
    grid = qd.Grid([(-6, 6), (-5, 5)], 6)
    x, y = np.meshgrid(*grid.axes, indexing="ij")
    rule = en.Learning(0.3, 0.8, 2.0)
    kick = np.array([3.0, -2.0])  # wave numbers
    psi = np.exp(-((x + 1) ** 2) / 2 - (y - 0.5) ** 2 / 1.6 + 1j * (kick[0] * x + kick[1] * y))
    run = en.observe_wave(rule, grid, lambda w: 0 * w[:, 0], psi, times=[0.0, 0.05, 0.1])
    history = run.history
    assert history is not None
    assert history.density.shape == history.free_energy.shape == (3, 64, 64)
    S = rule.phase(history.free_energy, history.density)[0]
    seen = history.density[0] > 1e-4 * history.density[0].max()
    wanted = rule.hbar * (kick[0] * x + kick[1] * y)
    gap = (S - wanted)[seen]
    assert np.ptp(wanted[seen]) > 4 * np.pi * rule.hbar
    assert np.ptp(gap) < 1e-8
    moved = np.abs(history.free_energy[1] - history.free_energy[0])[seen]
    assert 1e-3 < moved.max() < np.pi * rule.hbar  # continuous in time too


def test_a_start_at_the_top_of_a_smooth_free_energy_is_no_roughness() -> None:
    """Its slope is 0 up to rounding: without diffusion nothing moves."""
    options = {"diffusion": 0.0, "mobility": 1.0, "networks": 4, "steps": 5, "record": 5, "seed": 1}
    still = en.observe_sde(lambda w: -((w[:, 0] - 0.3) ** 2), [0.3], **options)
    assert np.abs(still.final - 0.3).max() < 1e-9
    moved = en.observe_sde(lambda w: -((w[:, 0] - 0.3) ** 2), [0.5], **options)
    assert np.abs(moved.final - 0.5).min() > 1e-3
