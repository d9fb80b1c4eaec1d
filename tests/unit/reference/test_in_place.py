"""Split steps in place, in single precision: against double precision, axes in one go and in halves, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qml_dynamics import (
    Gaussian,
    Geometric,
    Grid,
    PointMass,
    Problem,
    SplitStep,
    State,
    Uniform,
    circuits,
    cost,
    evolve,
    of_momenta,
)
from qml_dynamics.base.errors import KineticRoundingWarning, MethodError
from qml_dynamics.methods import in_place, large_wave
from qml_dynamics.results.compact import CompactState, CompactTrajectory

PLACE = "single_in_place"


def loss(w: np.ndarray) -> np.ndarray:
    """Without any symmetry, so that exchanged axes or signs are seen."""
    return np.asarray(w[:, 0] ** 2 + 0.3 * w[:, -1] + 0.2 * np.sin(w[:, 0] * w[:, -1]))


def stated(grid: Grid, **changes: object) -> Problem:
    problem = Problem(grid, loss, Geometric(0.5, 0.1), strength=1.5, clock="real", duration=0.4)
    return problem.replace(**{"initial": Gaussian(0.3, 0.7, -1.1), **changes})


@pytest.mark.parametrize("line", [13, 3], ids=["whole", "halves"])
@pytest.mark.parametrize(
    "grid",
    [
        Grid((-4, 4), 7),
        Grid([(-4, 4), (-3, 5)], (6, 5)),
        Grid([(-4, 4), (-3, 5), (-2, 2)], (2, 5, 4), twist=(0.2, -0.1, 0.3)),
    ],
    ids=repr,
)
@pytest.mark.parametrize("order", [1, 2, 4])
def test_equals_double_precision(grid: Grid, line: int, order: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """To 2e-5 of the largest amplitude: some hundred roundings of 6e-8 each; axes of more than eight points in halves, too."""
    monkeypatch.setattr(in_place, "LINE", line)
    monkeypatch.setattr(large_wave, "BLOCK", 40)  # no divisor of anything: the last block is a part of one
    problem, seen = stated(grid), {"x": lambda w: w[:, 0]}
    double = evolve(problem, SplitStep(10, order), save=3, observables=seen, seed=4)
    single = evolve(problem, SplitStep(10, order, precision=PLACE), save=3, observables=seen, seed=4)
    assert isinstance(single, CompactTrajectory)
    assert double.states is not None
    for wave, compact in zip(double.states, single.compact):
        dense = compact.to_dense()
        assert isinstance(compact, CompactState)
        assert dense.shape == grid.shape
        assert np.abs(dense - wave).max() < 2e-5 * np.abs(wave).max()
    assert np.abs(double.states[-1] - double.states[0]).max() > 0.05  # it has moved
    for name, estimate in double.expectations.items():
        np.testing.assert_allclose(single.expectations[name].value, estimate.value, rtol=1e-4, atol=1e-4)
    assert 0 < single.diagnostics["norm_drift"] < 1e-5
    assert single.best is not None
    assert double.best is not None
    assert single.best.value == pytest.approx(loss(np.array([single.best.weights]))[0])


def rounded(qubits: int, steps: int, order: int = 2) -> tuple[float, float, float]:
    """Of the kinetic energy at the end: its deviation from double precision, what the run says of it, and the energy itself."""
    start = Gaussian(1.0, 0.7)
    problem = Problem(
        Grid((-8, 8), qubits), lambda w: 0.5 * w[:, 0] ** 2, 0.5, clock="real", duration=1.0, initial=start
    )
    single = evolve(problem, SplitStep(steps, order, precision=PLACE), save=2, seed=1)
    exact = evolve(problem.replace(domain=Grid((-8, 8), 8)), SplitStep(steps, order), save=2, seed=1)
    kinetic = float(exact.expectations["kinetic"].value[-1])
    objective = [float(run.expectations["objective"].value[-1]) for run in (single, exact)]
    assert objective[0] == pytest.approx(objective[1], rel=1e-5)  # weights are not touched
    told = single.diagnostics["kinetic_rounding"]
    assert told[0] < told[1]
    return float(single.expectations["kinetic"].value[-1]) - kinetic, float(told[1]), kinetic


@pytest.mark.parametrize(("steps", "order"), [(40, 2), (10, 4)])
def test_roundings_of_the_kinetic_energy_are_told(steps: int, order: int) -> None:
    """On 2^17 points they reach 1e-4 of it. The fine wave is band limited, so 2^8 points in double precision know the true value."""
    with pytest.warns(KineticRoundingWarning, match="too large by about"):
        deviation, told, kinetic = rounded(17, steps, order)
    assert deviation > 1e-4 * kinetic
    assert told / 3 < deviation < 3 * told


def test_small_roundings_are_stated_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    """A quarter of the points an axis, a sixteenth of the error: below 1e-4, above the last digits that are compared."""
    deviation, told, kinetic = rounded(15, 40)
    assert not [w for w in recwarn if w.category is KineticRoundingWarning]
    assert 1e-6 * kinetic < deviation < 1e-4 * kinetic
    assert told / 3 < deviation < 3 * told


@pytest.mark.parametrize("initial", [Uniform(), PointMass((0.5, 1.0)), Gaussian((0.3, 1.0), 0.6, (1.0, -2.0)), "state"])
def test_begins_with_the_same_wave(initial: object) -> None:
    grid = Grid([(-4, 4), (-3, 5)], (4, 5))
    if initial == "state":
        initial = State(np.random.default_rng(3).normal(size=(16, 32, 2)) @ [1, 1j])
    problem = stated(grid, initial=initial)
    wave = in_place.begin(problem).reshape(grid.shape)
    assert wave.dtype == np.complex64
    np.testing.assert_allclose(wave, problem.initial.vector(grid), atol=3e-7)


def test_the_wave_answers_without_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples, marginals, means and overlaps are those of the dense wave; only the last wave is in memory."""
    monkeypatch.setattr(large_wave, "BLOCK", 40)
    run = evolve(stated(Grid([(-4, 4), (-3, 5)], (4, 5))), SplitStep(8, precision=PLACE), seed=2)
    assert isinstance(run, CompactTrajectory)
    first, last = run.compact
    weights = np.abs(last.to_dense()) ** 2
    np.testing.assert_allclose(last.marginal(1, 5), weights.sum(axis=0) / weights.sum(), atol=1e-7)
    counts = last.sample(20_000, 5)
    assert counts.shots == 20_000
    assert 0.5 * np.abs(counts.histogram(512) - weights.reshape(-1)).sum() < 0.12  # 512 points, 20,000 samples
    assert last.overlap(first) == pytest.approx(np.vdot(last.to_dense(), first.to_dense()), abs=1e-6)
    assert abs(last.overlap(first)) < 0.99
    assert isinstance(first.amplitudes, np.memmap)  # type: ignore[attr-defined]
    assert not isinstance(last.amplitudes, np.memmap)  # type: ignore[attr-defined]
    with pytest.raises(MethodError, match="must hold a density"):
        _ = run.density


def test_files_of_saved_waves_go_with_the_answer() -> None:
    run = evolve(stated(Grid((-4, 4), 5)), SplitStep(4, precision=PLACE), save=3)
    assert isinstance(run, CompactTrajectory)
    home = Path(run.compact[0].home.name)  # type: ignore[attr-defined]
    assert len(list(home.iterdir())) == 2
    del run
    assert not home.exists()


def test_observables_of_momenta_are_refused() -> None:
    problem = Problem(Grid((-2, 2), 4), lambda w: w[:, 0] ** 2, 0.5, clock="real", duration=0.1)
    method, seen = SplitStep(2, precision="single_in_place"), {"k": of_momenta(lambda k: k[:, 0] ** 2)}
    with pytest.raises(MethodError, match=r"`observables` must be functions of weights .* but is 'k'"):
        evolve(problem, method, observables=seen)


def test_refused() -> None:
    problem, method = stated(Grid((-4, 4), 5)), SplitStep(4, precision=PLACE)
    with pytest.raises(MethodError, match="imaginary"):
        evolve(problem.replace(clock="imaginary"), method)
    with pytest.raises(MethodError, match="walls"):
        evolve(problem.replace(domain=Grid((-4, 4), 5, "walls")), method)
    with pytest.raises(MethodError, match="`formula` must not be 'chin4a'"):
        SplitStep(4, formula="chin4a", precision=PLACE)
    with pytest.raises(MethodError, match="`shots`"):
        evolve(problem, method, shots=100)
    with pytest.raises(
        MethodError, match=r"`method` must be one whose waves are tables here, .* only evolve and cost run\.$"
    ):
        circuits(problem, method)


def test_the_guard_and_cost_know_of_the_one_array(monkeypatch: pytest.MonkeyPatch) -> None:
    """8 bytes a point and the blocks; what does not fit is refused before anything is allocated."""
    problem = stated(Grid([(-4, 4), (-4, 4)], 12), initial=Gaussian(0.3, 0.7))
    told = cost(problem, SplitStep(4, precision=PLACE)).memory
    assert 8 << 24 < told < (8 << 24) + (64 << 20)
    with pytest.raises(MethodError, match=r"42 qubits needs 32\.0 TiB of memory"):
        evolve(problem.replace(domain=Grid([(-4, 4), (-4, 4)], 21)), SplitStep(4, precision=PLACE))
