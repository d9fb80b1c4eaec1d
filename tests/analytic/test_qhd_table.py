"""Quantum Hamiltonian descent against closed forms and the published table: THEORY 4.1, 4.2, T27, T28."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.special import jv

import qml_dynamics as qd
from qml_dynamics.learning.descent import HELD_OUT, PUBLISHED, TRAINING
from qml_dynamics.model.objectives import load_data, network

pytestmark = pytest.mark.filterwarnings(
    "ignore::qml_dynamics.base.errors.EdgeWeightWarning", "ignore::qml_dynamics.base.errors.MomentumTailWarning"
)

# an own reproduction at 12 qubits by another program (Lie steps of 1e-3)
TWELVE_QUBITS = {
    "ackley": 0.956,
    "ackley2": 0.995,
    "alpine1": 0.971,
    "alpine2": 0.599,
    "bohachevsky2": 1.000,
    "camel3": 0.980,
    "csendes": 0.799,
    "defl_corr_spring": 0.0003,
    "dropwave": 0.718,
    "easom": 0.187,
    "griewank": 0.081,
    "holder": 0.847,
    "hosaki": 0.9605,
    "levy": 0.9999,
    "levy13": 0.9999,
    "michalewicz": 0.794,
    "rastrigin": 0.9997,
    "rosenbrock": 0.0017,
    "shubert": 0.614,
    "styblinski_tang": 0.4698,
    "sumofsquares": 1.0000,
    "xinsheyang3": 0.0071,
}
SHIFT = (0.5, 0.37)  # of a grid cell


def test_the_mean_follows_the_flow_of_nesterov():
    """T27: ``<x>(t) = 4 J1(t)/t`` for ``H = p^2/(2 t^3) + t^3 x^2/2`` (k = 1), started at t = 1 on the solution."""
    grid = qd.Grid((-24, 24), 11)
    x = grid.axes[0]
    x0, p0 = 4 * jv(1, 1.0), -4 * jv(2, 1.0)
    start = qd.State(np.exp(-((x - x0) ** 2) / 4 + 1j * p0 * x))
    problem = qd.Problem(
        grid,
        lambda w: w[:, 0] ** 2 / 2,
        qd.PowerLaw(0.5, -3.0, offset=1.0, unit=1.0),
        qd.PowerLaw(1.0, 3.0, offset=1.0, unit=1.0),
        clock="real",
        duration=5.0,
        initial=start,
    )
    run = qd.evolve(
        problem, qd.SplitStep(700, order=4), save=[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], observables={"x": lambda w: w[:, 0]}
    )
    mean = run.expectations["x"].value
    times = 1.0 + run.times
    assert mean == pytest.approx(4 * jv(1, times) / times, abs=1e-5)
    assert mean[1:] == pytest.approx([1.1534496, 0.4520786, -0.0660433, -0.2620633, -0.1844559], abs=1e-5)


def test_eight_qubits_find_levy_and_not_rosenbrock():
    """T28."""
    rows = {row.name: row.success for row in qd.descent.functions_table(["levy", "rosenbrock"], qubits=4, steps=2500)}
    assert rows["levy"] > 0.99
    assert rows["rosenbrock"] < 0.05


def test_a_grid_point_on_the_minimiser_flatters_a_coarse_grid():
    """Rastrigin on 8 qubits: nearly certain where the minimiser is a point of the grid, lost where it is not."""
    (on_grid,) = qd.descent.functions_table(["rastrigin"], qubits=4, steps=4000)
    (off_grid,) = qd.descent.functions_table(
        ["rastrigin"], qubits=4, steps=5000, shift=(0.47, 0.47)
    )  # 0.3 of 10.24 / 16
    assert on_grid.success > 0.99
    assert off_grid.success < 0.05


def test_three_functions_of_the_table_at_12_qubits():
    """One that it finds, one that it half finds, and one that it loses."""
    rows = qd.descent.functions_table(["camel3", "styblinski_tang", "rosenbrock"], steps=1200, seed=1)
    for row in rows:
        assert row.success == pytest.approx(row.published, abs=0.05)
    assert [row.success > np.pi / 100 for row in rows] == [True, True, False]


@pytest.mark.slow
def test_all_functions_of_the_table_at_12_qubits():
    """Within 0.05 of the published numbers (256 x 256 points), and closer to those of another program at 12 qubits."""
    rows = qd.descent.functions_table(seed=0, progress=False)
    assert [row.name for row in rows] == list(PUBLISHED)
    for row in rows:
        assert row.success == pytest.approx(row.published, abs=0.05), row.name
        assert row.success == pytest.approx(TWELVE_QUBITS[row.name], abs=0.01), row.name
    lost = {row.name for row in rows if row.success < np.pi / 100}
    assert lost == {"defl_corr_spring", "rosenbrock", "xinsheyang3"}  # worse than one uniform point: the negatives


@pytest.mark.slow
def test_all_functions_on_boxes_shifted_off_the_grid():
    """No minimiser is a grid point, and the numbers stay; Ackley's, whose ripple the grid hardly sees, loses most."""
    rows = qd.descent.functions_table(shift=SHIFT, seed=0, progress=False)
    assert len(rows) == 22
    for row in rows:
        assert row.success == pytest.approx(TWELVE_QUBITS[row.name], abs=0.05), row.name
        if row.name != "ackley":
            assert row.success == pytest.approx(row.published, abs=0.05), row.name


@pytest.mark.slow
def test_classical_optimisers_win_on_these_functions():
    """At the evaluations of one 12-qubit grid, each of them succeeds more often than one sample of the wave does."""
    rows = qd.descent.rivals_table(seeds=range(3), progress=False)
    descent = np.mean(list(TWELVE_QUBITS.values()))
    assert descent == pytest.approx(0.68, abs=0.01)
    for rival in ("differential_evolution", "dual_annealing", "grid_lbfgsb"):
        assert np.mean([row.success for row in rows if row.rival == rival]) > descent + 0.15


@pytest.mark.slow
def test_learned_schedules_beat_fixed_ones_on_functions_they_have_not_seen():
    """Ten steps, learned anew on half of the functions; the fixed one is picked among 176 by the held-out functions themselves."""
    train = qd.descent.crops(TRAINING, count=1, seed=10)
    seen_family = qd.descent.crops(TRAINING, count=1, seed=11)
    unseen = qd.descent.crops(HELD_OUT, count=2, seed=2)
    learned = qd.descent.learn_schedule(train, 10, starts=1, iterations=50, progress=False)
    best, score = qd.descent.best_fixed(unseen, 10)
    means = [float(qd.descent.chances(learned, group).mean()) for group in (train, seen_family, unseen)]
    assert means[0] > 0.4
    assert means[1] > 2 * float(qd.descent.chances(best, seen_family).mean())
    assert means[2] > 1.5 * score > 1.5 * np.pi / 100
    every = qd.descent.chances(learned, unseen) - qd.descent.chances(best, unseen)
    assert (every < 0).sum() > 3  # on several functions it is the worse one: a mean hides that


@pytest.mark.slow
def test_noisy_losses_on_real_data():
    """Three splits of the wines: the descent learns from four rows at a time, and nothing beats all of the data."""
    data = load_data(
        Path(__file__).parents[2] / "circuits/binary_perceptron/wine.csv",
        target="cultivar",
        classes=("class_1", "class_2"),
        features=["malic_acid", "hue"],
        test_fraction=0.0,
    )
    settings = qd.descent.split_settings(
        data.X_train,
        data.y_train,
        lambda X, y: network(X, y, hidden=1, bias=False),
        bounds=[(-4, 4)] * 3,
        qubits=4,
    )
    study = qd.descent.noise_study(settings, qd.descent.pretrained(20), splits=3, progress=False)
    loss = dict(zip(study.names, study.loss.mean(axis=1)))
    assert loss["full loss"] == min(loss.values())
    assert loss["descent"] < 0.5 < np.log(2)
    assert study.interval("accuracy", "descent")[0] > 0.8
