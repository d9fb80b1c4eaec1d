"""What moving pictures show, against closed forms: the phase that is left of an eigenstate stands still."""

from __future__ import annotations

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.plotting.animation_frames import _smooth


def test_the_phase_of_an_eigenstate_stands_still() -> None:
    """Its turning by the energy, which is positive here, is taken out; with the other sign it would turn twice as fast."""
    grid = qd.Grid((-5.0, 5.0), 6)
    well = qd.Problem(
        grid,
        lambda w: 0.5 * w[:, 0] ** 2 + 1.0,
        0.5,
        clock="real",
        initial=qd.Gaussian(0.0, np.sqrt(0.5)),
        duration=0.9,
    )
    run = qd.evolve(well, qd.SplitStep(90), save=10, progress=False)
    energy = float(run.expectations["energy"].value[0])
    assert energy == pytest.approx(1.5, abs=1e-3)
    x, density, phase = _smooth(run, grid)
    assert phase is not None
    middle = np.abs(x) < 1.0
    assert np.abs(phase[:, middle] - phase[0, middle]).max() < 1e-3
    turned = np.angle(run.states[-1][32] / run.states[0][32])
    assert abs(turned + energy * 0.9) < 1e-2
    assert density.sum(axis=1) * (x[1] - x[0]) == pytest.approx(np.ones(10), abs=1e-9)
