"""The regulariser as a learning problem: a wave over singular values, by the classical reference and as circuits."""

from __future__ import annotations

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.base.errors import ProblemError
from qml_dynamics.learning.growth import learned_layer, orthogonality, orthogonality_flow, orthogonality_problem

HELD_OUT = {
    "rectangular": np.array([[1.5, 0.2], [0.3, 0.5], [0.1, -0.2]]),
    "wide": np.array([[0.4, 1.2, -0.3], [1.0, 0.1, 0.6]]),
    "1 x 1": np.array([[-1.6]]),
    "square": np.array([[0.3, -1.1], [0.8, 0.6]]),
}


@pytest.mark.parametrize("name", HELD_OUT)
def test_the_wave_makes_a_layer_orthogonal_and_keeps_its_singular_vectors(name: str) -> None:
    w = HELD_OUT[name]
    problem = orthogonality_problem(w, duration=25.0, reach=2.4)
    assert problem.domain.ndim == min(w.shape)
    run = qd.evolve(problem, qd.SplitStep(200, order=2), save=3)
    start, middle, end = (learned_layer(w, run, i) for i in range(3))
    assert start == pytest.approx(w, abs=0.02)
    single = qd.hamiltonian(orthogonality_problem([[1.0]], reach=2.4))
    expected = float(np.abs(single.domain.axes[0]) @ np.abs(single.ground_state()[1]) ** 2)
    assert np.linalg.svd(end, compute_uv=False) == pytest.approx(expected, abs=2e-3)
    assert expected == pytest.approx(0.96, abs=0.005)  # not 1: the flatter side of the well
    limit = orthogonality_flow(w, 50.0)
    assert end == pytest.approx(expected * limit, abs=2e-3)
    assert np.abs(w - limit).max() > 0.15
    # the mean falls from step to step; a wide layer cannot fall below in - out
    floor = max(0, w.shape[1] - w.shape[0])
    assert orthogonality(start) - floor > 3 * (orthogonality(end) - floor)
    energy, losses = run.expectations["energy"].value, run.expectations["objective"].value
    assert energy[0] > energy[1] >= energy[2] - 1e-9  # the imaginary clock never goes uphill in energy
    assert losses[0] > 1.5 * losses[2]
    assert not np.allclose(start, middle, atol=0.05)


def test_a_zero_singular_value_stays_under_the_flow_and_leaves_as_a_wave() -> None:
    w = np.outer([1.0, 0.5], [0.8, -0.6])  # rank 1
    run = qd.evolve(orthogonality_problem(w, diffusion=0.02, duration=6.0), qd.SplitStep(300))
    assert np.linalg.svd(orthogonality_flow(w, 6.0), compute_uv=False)[1] == pytest.approx(0, abs=1e-12)
    assert np.linalg.svd(learned_layer(w, run), compute_uv=False)[1] > 0.7
    both = run.density[-1].sum(axis=0)
    points = run.problem.domain.axes[1]
    assert both[points < -0.5].sum() == pytest.approx(both[points > 0.5].sum(), abs=0.1)  # both wells
    assert both[points < -0.5].sum() > 0.3


def test_singular_values_as_trotter_circuits_on_aer() -> None:
    w = np.array([[-0.2]])
    problem = orthogonality_problem(w, diffusion=0.1, clock="real", duration=1.2, width=0.25, reach=2.5)
    exact = qd.evolve(problem, qd.SplitStep(400), seed=1)
    run = qd.evolve(problem, qd.Trotter(20, order=2), backend="aer", shots=8000, seed=2)
    assert qd.compare(run, exact).total_variation < 0.05
    moved = abs(learned_layer(w, run)[0, 0])
    assert moved == pytest.approx(abs(learned_layer(w, exact)[0, 0]), abs=0.03)
    assert moved > 0.5  # downhill from 0.2


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: orthogonality_problem([[3.0]], reach=2.0), "three widths"),
        (lambda: orthogonality_problem(np.ones((2, 2, 2))), "one matrix"),
        (lambda: orthogonality_problem([]), "at least one layer|not empty"),
        (lambda: orthogonality_problem(np.eye(2), qubits=0), "`qubits`"),
    ],
)
def test_bad_input_is_named(call: object, words: str) -> None:
    with pytest.raises(ProblemError, match=words):
        call()  # type: ignore[operator]


def test_a_run_of_another_problem_is_refused() -> None:
    problem = orthogonality_problem([[1.5]])
    run = qd.evolve(problem, qd.SplitStep(10))
    with pytest.raises(ProblemError, match="2 singular values"):
        learned_layer(np.eye(2), run)
    with pytest.raises(ProblemError, match="be a Trajectory"):
        learned_layer([[1.5]], 3)  # type: ignore[arg-type]
    with pytest.raises(ProblemError, match="saved times"):
        learned_layer([[1.5]], run, 7)
