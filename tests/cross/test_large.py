"""Sizes: what fits runs, and says how it was."""

from __future__ import annotations

import resource

import numpy as np
import pytest

import qml_dynamics as qd


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_24_qubits_run_in_the_reference() -> None:
    grid = qd.Grid([(-8, 8), (-8, 9)], qubits=12)
    problem = qd.Problem(
        grid,
        lambda w: 0.5 * (w[:, 0] - 0.5) ** 2 + 0.5 * w[:, 1] ** 2,
        0.5,
        clock="real",
        duration=0.3,
        initial=qd.Gaussian((1.5, -0.5), np.sqrt(0.5)),
    )
    run = qd.evolve(problem, qd.SplitStep(3), observables={"x": lambda w: w[:, 0], "y": lambda w: w[:, 1]})
    assert run.states[-1].shape == (4096, 4096)
    # coherent states in a harmonic well: the mean swings as cos t about the minimum
    assert run.expectations["x"].value[-1] == pytest.approx(0.5 + np.cos(0.3), abs=1e-3)
    assert run.expectations["y"].value[-1] == pytest.approx(-0.5 * np.cos(0.3), abs=1e-3)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    assert peak < 16, f"{peak:.1f} GiB"
