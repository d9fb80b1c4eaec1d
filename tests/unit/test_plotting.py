"""Pictures: what they show is what the trajectory holds; axes, labels, errors, files."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import matplotlib.axes
import matplotlib.collections
import matplotlib.colors
import matplotlib.lines
import matplotlib.patches
import numpy as np
import pytest
from qiskit.quantum_info import SparsePauliOp

import qml_dynamics as qd
from qml_dynamics import plotting
from qml_dynamics.plotting.style import (
    _ticks,
    coarse,
    color_power,
    loss_histogram,
    loss_levels,
    loss_quantiles,
    mass_level,
)

# small boxes on purpose: what is tested is the picture, not the physics
pytestmark = pytest.mark.filterwarnings("ignore::qml_dynamics.base.errors.EdgeWeightWarning")


def tilted(w: np.ndarray) -> np.ndarray:
    return (w[:, 0] ** 2 - 1) ** 2 + 0.3 * w[:, 0]


def valley(w: np.ndarray) -> np.ndarray:
    return (w[:, 0] - 1.0) ** 2 + 3 * (w[:, 1] + 0.5) ** 2


@pytest.fixture(scope="module")
def line() -> qd.Trajectory:
    """One weight, an off-centre start, unequal save times."""
    problem = qd.Problem(qd.Grid((-3, 2), 6), tilted, 0.3, clock="real", duration=2.0, initial=qd.Gaussian(0.9, 0.3))
    return qd.evolve(problem, qd.SplitStep(800), save=[0.0, 0.5, 0.75, 2.0], seed=1)


@pytest.fixture(scope="module")
def plane() -> qd.Trajectory:
    """Two weights with unequal boxes and qubits, nine saved times."""
    grid = qd.Grid([(-4, 4), (-2, 1)], (5, 4))
    initial = qd.Gaussian((-1.5, 0.3), (0.4, 0.2))
    problem = qd.Problem(grid, valley, 0.2, clock="imaginary", duration=0.4, initial=initial)
    return qd.evolve(problem, qd.SplitStep(40), save=9, seed=1)


@pytest.fixture(scope="module")
def sampled(plane: qd.Trajectory) -> qd.Trajectory:
    """The same two weights on the real clock, as 500 samples of a circuit."""
    problem = plane.problem.replace(clock="real")
    return qd.evolve(problem, qd.Trotter(10), backend="statevector", shots=500, save=3, seed=5)


@pytest.fixture(scope="module")
def cube() -> qd.Trajectory:
    rng = np.random.default_rng(3)
    cost = qd.objectives.ising(rng.normal(size=7), np.triu(rng.normal(size=(7, 7)), 1))
    problem = qd.Problem(qd.Hypercube(7), cost, qd.Geometric(3.0, 0.05), clock="real", duration=5.0)
    return qd.evolve(problem, qd.SplitStep(100), save=11, seed=2)


@pytest.fixture(scope="module")
def operator() -> qd.Trajectory:
    """A flip of qubit 0 alone, started in |100>: only |100> and |101> are ever seen."""
    start = np.eye(8)[0b100]
    problem = qd.Problem.from_operator(SparsePauliOp(["IIX"], [1.0]), clock="real", duration=1.0, initial=start)
    return qd.evolve(problem, qd.Exact(), save=5, seed=1)


def meshes(axes: matplotlib.axes.Axes) -> list[matplotlib.collections.QuadMesh]:
    return [c for c in axes.collections if isinstance(c, matplotlib.collections.QuadMesh)]


def labelled(axes: matplotlib.axes.Axes, start: str) -> matplotlib.lines.Line2D:
    found = [item for item in axes.lines if str(item.get_label()).startswith(start)]
    assert len(found) == 1, [item.get_label() for item in axes.lines]
    return found[0]


# density


def test_map_shows_the_density_function_over_time_and_weight(line: qd.Trajectory) -> None:
    figure = plotting.plot_density(line)
    side, main, bar = figure.axes
    (mesh,) = meshes(main)
    grid = line.problem.domain
    np.testing.assert_allclose(mesh.get_array(), (line.density / grid.cell_volume).T)
    assert not np.allclose(line.density[0], line.density[-1], atol=1e-3)  # the picture is not of a still wave
    corners = mesh.get_coordinates()
    np.testing.assert_allclose(corners[0, :, 0], [0.0, 0.25, 0.625, 1.375, 2.0])  # half way between the saved times
    np.testing.assert_allclose(corners[:, 0, 1], np.append(grid.axes[0], 2.0) - grid.spacing[0] / 2)
    area = np.asarray(mesh.get_array()).sum(axis=0) * np.diff(corners[:, 0, 1])[0]
    np.testing.assert_allclose(area, 1.0)
    np.testing.assert_allclose(side.lines[0].get_xdata(), tilted(grid.points))
    np.testing.assert_allclose(side.lines[0].get_ydata(), grid.axes[0])
    assert side.get_shared_y_axes().joined(side, main)
    assert (side.get_ylabel(), main.get_xlabel()) == ("weight $w_{0}$", "time $t$ ($\\hbar = 1$)")
    assert bar.get_ylabel() == "probability density (1 / weight)"


def test_loss_axis_ends_above_where_the_probability_does(line: qd.Trajectory) -> None:
    side = plotting.plot_density(line).axes[0]
    low, high = side.get_xlim()
    loss = line.problem.objective.on(line.problem.domain)
    seen = loss[line.density.max(axis=0) > 0.01]
    assert low < loss.min()
    assert seen.max() < high < 0.6 * loss.max()


def test_six_frames_show_the_saved_densities_with_axis_0_to_the_right(plane: qd.Trajectory) -> None:
    figure = plotting.plot_density(plane)
    frames = [axes for axes in figure.axes if axes.images]
    picks = [0, 2, 3, 5, 6, 8]
    assert [axes.get_title(loc="left") for axes in frames] == [f"$\\tau = {plane.times[i]:.3g}$" for i in picks]
    grid = plane.problem.domain
    for axes, i in zip(frames, picks):
        np.testing.assert_allclose(axes.images[0].get_array(), plane.density[i].T / grid.cell_volume)
        np.testing.assert_allclose(axes.images[0].get_extent(), [-4.125, 3.875, -2 - 3 / 32, 1 - 3 / 32])
        assert axes.images[0].origin == "lower"
    assert {axes.images[0].norm.vmax for axes in frames} == {plane.density[picks].max() / grid.cell_volume}
    row, column = np.unravel_index(np.argmax(frames[0].images[0].get_array()), grid.shape[::-1])
    assert grid.axes[0][column] == pytest.approx(-1.5)  # where the Gaussian started
    assert grid.axes[1][row] == pytest.approx(0.3, abs=grid.spacing[1])
    assert frames[-1].get_xlabel() == "weight $w_{0}$"
    assert frames[0].get_ylabel() == "weight $w_{1}$"


def test_frames_of_samples_need_no_states(sampled: qd.Trajectory) -> None:
    only_counts = dataclasses.replace(sampled, states=None)
    frames = [axes for axes in plotting.plot_density(only_counts).axes if axes.images]
    assert len(frames) == 3
    counted = np.asarray(frames[-1].images[0].get_array()).T * sampled.problem.domain.cell_volume * 500
    np.testing.assert_allclose(counted, counted.round(), atol=1e-9)
    assert counted.sum() == pytest.approx(500)


def test_marginals_of_three_weights() -> None:
    grid = qd.Grid([(-2, 2), (-1, 1), (-3, 3)], (3, 2, 4))
    initial = qd.Gaussian((0.5, 0.2, -1), (0.5, 0.3, 0.5))
    problem = qd.Problem(grid, lambda w: (w**2).sum(axis=1), 0.5, clock="imaginary", duration=0.4, initial=initial)
    run = qd.evolve(problem, qd.SplitStep(10), save=4, seed=1)
    panels = [axes for axes in plotting.plot_density(run).axes if axes.get_label() != "<colorbar>"]
    assert [axes.get_ylabel() for axes in panels] == [f"weight $w_{{{k}}}$" for k in range(3)]
    for axes, sums, spacing in zip(panels, ("tabc->ta", "tabc->tb", "tabc->tc"), grid.spacing):
        np.testing.assert_allclose(meshes(axes)[0].get_array(), np.einsum(sums, run.density).T / spacing)


def test_cube_shows_quantiles_and_histogram_of_the_loss(cube: qd.Trajectory) -> None:
    main, side = plotting.plot_density(cube).axes
    loss = cube.problem.objective.on(cube.problem.domain).ravel()
    weights = cube.density.reshape(len(cube.times), -1)
    median = labelled(main, "median").get_ydata()
    for value, p in zip(median, weights):
        assert p[loss <= value].sum() >= 0.5 - 1e-9
        assert p[loss < value].sum() < 0.5 + 1e-9
    assert median[-1] < median[0] - 1  # the run has learned something
    mean = labelled(main, "mean").get_ydata()  # 0 at the start, up to the round-off of a sum of the cube's losses
    np.testing.assert_allclose(mean, np.asarray(cube.expectations["objective"]), atol=1e-12 * np.abs(loss).max())
    assert sum(
        bar.get_width() for bar in side.patches if isinstance(bar, matplotlib.patches.Rectangle)
    ) == pytest.approx(1)
    (uniform,) = [p for p in side.patches if isinstance(p, matplotlib.patches.StepPatch)]
    assert uniform.get_data().values.sum() == pytest.approx(1)
    np.testing.assert_allclose(uniform.get_data().values * 128, np.histogram(loss, uniform.get_data().edges)[0])


def test_operator_shows_basis_states_under_their_bits(operator: qd.Trajectory) -> None:
    main, bar = plotting.plot_density(operator).axes
    labels = [text.get_text() for text in main.get_yticklabels()]
    assert labels == [f"$|{k:03b}\\rangle$" for k in range(8)]
    shown = np.asarray(meshes(main)[0].get_array())
    np.testing.assert_allclose(shown[labels.index("$|100\\rangle$")], np.cos(operator.times) ** 2, atol=1e-12)
    np.testing.assert_allclose(shown[labels.index("$|101\\rangle$")], np.sin(operator.times) ** 2, atol=1e-12)
    assert bar.get_ylabel() == "probability"


def test_fine_grids_are_thinned_without_losing_probability() -> None:
    grid = qd.Grid((-1, 1), 11)
    problem = qd.Problem(
        grid, lambda w: w[:, 0] ** 2, 0.5, clock="imaginary", duration=0.1, initial=qd.Gaussian(0.4, 0.02)
    )
    run = qd.evolve(problem, qd.SplitStep(5), save=2, seed=1)
    (mesh,) = meshes(plotting.plot_density(run).axes[1])
    shown = np.asarray(mesh.get_array())
    assert shown.shape == (512, 2)
    assert (shown.sum(axis=0) * 2 / 512) == pytest.approx([1.0, 1.0])
    assert np.arange(512)[shown[:, 0].argmax()] == pytest.approx(512 * 0.7, abs=2)
    np.testing.assert_allclose(coarse(np.arange(8.0), limit=4), [0.5, 2.5, 4.5, 6.5])


def test_colour_bars_have_zero_and_round_ticks_that_do_not_crowd() -> None:
    norm = matplotlib.colors.PowerNorm(0.5, 0.0, 0.23)
    np.testing.assert_allclose(_ticks(norm), [0, 0.005, 0.02, 0.05, 0.1, 0.2])
    assert np.diff(norm(_ticks(norm))).min() >= 0.09
    shifted = _ticks(matplotlib.colors.PowerNorm(0.3, 100.2, 103.0))  # no 1, 2 or 5 times ten in between
    assert len(shifted) >= 3
    assert shifted.min() >= 100.2
    np.testing.assert_allclose(_ticks(matplotlib.colors.PowerNorm(1.0, -1.0, 5.0)), [-1, 0, 1, 2, 3, 4, 5])


def test_one_saved_time_is_a_picture_too(line: qd.Trajectory) -> None:
    keep = {name: dataclasses.replace(e, value=e.value[:1], stderr=0.0) for name, e in line.expectations.items()}
    run = dataclasses.replace(line, times=line.times[:1], density=line.density[:1], states=None, expectations=keep)
    (mesh,) = meshes(plotting.plot_density(run).axes[1])
    np.testing.assert_allclose(mesh.get_array(), line.density[:1].T / line.problem.domain.cell_volume)
    assert len(plotting.plot_energy(run).axes) == 3


# energy


def test_energy_shows_values_and_standard_errors_of_each_panel(sampled: qd.Trajectory) -> None:
    reference = qd.evolve(sampled.problem, qd.SplitStep(100), save=20, seed=1)
    figure = plotting.plot_energy(sampled, reference)
    assert [axes.get_ylabel().split(" ")[0] for axes in figure.axes] == ["energy", "objective", "kinetic"]
    for axes, name in zip(figure.axes, ("energy", "objective", "kinetic")):
        estimate = sampled.expectations[name]
        assert np.all(estimate.stderr[1:] > 0)
        (bars,) = axes.containers
        np.testing.assert_allclose(bars.lines[0].get_ydata(), estimate.value)
        ends = np.array([segment[:, 1] for segment in bars.lines[2][0].get_segments()])
        np.testing.assert_allclose(
            ends, np.stack([estimate.value - estimate.stderr, estimate.value + estimate.stderr], axis=1)
        )
        known = labelled(axes, "reference: SplitStep(steps=100)")
        np.testing.assert_allclose(known.get_ydata(), np.asarray(reference.expectations[name]))
        np.testing.assert_allclose(known.get_xdata(), reference.times)
    assert figure.axes[-1].get_xlabel() == "time $t$ ($\\hbar = 1$)"
    assert figure.axes[2].get_ylabel().endswith("(1 / weight$^2$)")


def test_exact_energy_has_no_error_bars_and_a_conserved_one_looks_conserved(line: qd.Trajectory) -> None:
    energy, objective, _ = plotting.plot_energy(line).axes
    (drawn,) = energy.containers
    assert drawn.lines[2] == ()
    np.testing.assert_allclose(drawn.lines[0].get_ydata(), np.asarray(line.expectations["energy"]))
    low, high = energy.get_ylim()
    moved = np.ptp(np.asarray(line.expectations["energy"]))
    assert 0 < moved < 0.5 * (high - low)
    assert np.ptp(np.asarray(line.expectations["objective"])) > 0.5 * np.diff(objective.get_ylim())[0]


def test_operator_has_one_energy_panel(operator: qd.Trajectory) -> None:
    (axes,) = plotting.plot_energy(operator).axes
    assert axes.get_ylabel() == "energy $\\langle H \\rangle$ (units of the operator)"


def test_energy_errors(line: qd.Trajectory, plane: qd.Trajectory) -> None:
    with pytest.raises(qd.MethodError, match=r"Argument `reference` must be on the real clock, but is 'imaginary'\."):
        plotting.plot_energy(line, plane)
    with pytest.raises(qd.MethodError, match=r"Argument `trajectory` must be a Trajectory, but is \[\]\."):
        plotting.plot_energy([])  # type: ignore[arg-type]
    with pytest.raises(qd.MethodError, match=r"Argument `reference` must be a Trajectory"):
        plotting.plot_summary(line, 3)  # type: ignore[arg-type]
    with pytest.raises(qd.MethodError, match="must have an energy, an objective or a kinetic part"):
        plotting.plot_energy(dataclasses.replace(line, expectations={}))


# landscape


def test_curve_shows_the_loss_the_densities_and_every_mark(line: qd.Trajectory) -> None:
    main, other = plotting.plot_landscape(line, {"SciPy": [-1.0], "far": [9.0]}).axes
    grid = line.problem.domain
    np.testing.assert_allclose(labelled(main, "loss").get_ydata(), tilted(grid.points))
    assert labelled(main, "best of 1,000 samples").get_xdata()[0] == line.best.weights[0]
    assert labelled(main, "best of 1,000 uniform draws").get_xdata()[0] == line.best.uniform_weights[0]
    assert labelled(main, "SciPy").get_ydata()[0] == pytest.approx(-0.3, abs=0.01)
    assert labelled(main, "far (outside the box)").get_xdata()[0] == 2.0
    np.testing.assert_allclose(other.lines[0].get_ydata(), line.density[0] / grid.cell_volume)
    top = np.concatenate([path.vertices for path in other.collections[0].get_paths()])[:, 1].max()
    assert top == pytest.approx(line.density[-1].max() / grid.cell_volume)


def test_plane_shows_regions_of_the_last_density_and_marks(plane: qd.Trajectory) -> None:
    main, bar = plotting.plot_landscape(plane, {"optimum": (1.0, -0.5)}).axes
    spot = labelled(main, "optimum")
    assert (spot.get_xdata()[0], spot.get_ydata()[0]) == (1.0, -0.5)
    best = labelled(main, "best of 1,000 samples")
    assert (best.get_xdata()[0], best.get_ydata()[0]) == plane.best.weights
    assert bar.get_ylabel() == "loss $\\zeta$"
    drawn = [c for c in main.collections if len(getattr(c, "levels", [])) == 1]
    levels = sorted(float(c.levels[0]) for c in drawn)
    assert len(levels) == 2
    last = plane.density[-1]
    for level, share in zip(levels, (0.9, 0.5)):
        assert last[last >= level].sum() >= share - 1e-12
        assert last[last > level].sum() < share
    inner = np.concatenate([path.vertices for path in drawn[-1].get_paths()]).mean(axis=0)
    mean = (last.reshape(-1, 1) * plane.problem.domain.points).sum(axis=0)
    np.testing.assert_allclose(inner, mean, atol=0.3)
    assert abs(mean[0] - mean[1]) > 0.5  # asymmetric: swapped axes would be seen


def test_plane_of_samples_shows_the_samples(sampled: qd.Trajectory) -> None:
    main = plotting.plot_landscape(sampled).axes[0]
    (dots,) = [c for c in main.collections if str(c.get_label()).startswith("samples")]
    counts = sampled.counts["weight"][-1]
    np.testing.assert_allclose(dots.get_offsets(), sampled.problem.domain.points_at(counts.index))
    np.testing.assert_allclose(dots.get_sizes() / dots.get_sizes().max(), counts.count / counts.count.max())
    assert len(counts.index) > 1


def test_cube_landscape_is_a_histogram_with_losses_marked(cube: qd.Trajectory) -> None:
    weights = [1, -1, 1, 1, -1, -1, 1]
    (main,) = plotting.plot_landscape(cube, {"greedy": weights}).axes
    value = float(cube.problem.objective(np.array([weights], dtype=float))[0])
    assert labelled(main, "greedy").get_xdata()[0] == pytest.approx(value)
    assert labelled(main, "best of 1,000 samples").get_xdata()[0] == pytest.approx(cube.best.value)
    assert (main.get_xlabel(), main.get_ylabel()) == ("loss $\\zeta$", "probability")
    assert sum(bar.get_height() for bar in main.containers[0]) == pytest.approx(1)


def test_landscape_errors(plane: qd.Trajectory, operator: qd.Trajectory) -> None:
    with pytest.raises(
        qd.MethodError, match="Argument `trajectory` must have an objective, but is of a general operator"
    ):
        plotting.plot_landscape(operator)
    for wrong in ([1.0], [1.0, np.nan], ["a", "b"], 3.0):
        with pytest.raises(qd.MethodError, match=r"Argument `marks\['it'\]` must be 2 finite numbers, but is"):
            plotting.plot_landscape(plane, {"it": wrong})  # type: ignore[dict-item]
    with pytest.raises(qd.MethodError, match="Argument `marks` must be None for a general operator"):
        plotting.plot_summary(operator, marks={"it": [1, 1, 1]})


def test_a_flat_loss_and_no_best_can_be_drawn(plane: qd.Trajectory, tmp_path: Path) -> None:
    flat = plane.problem.replace(objective=lambda w: 0 * w[:, 0] + 2.0)
    figure = plotting.plot_summary(dataclasses.replace(plane, problem=flat, best=None))
    plotting.save_figure(figure, tmp_path / "flat.png", dpi=40)
    names = [item.get_label() for axes in figure.axes for item in axes.lines]
    assert "50% of the density" in names
    assert not any("best" in str(name) for name in names)


# statistics behind the pictures


def test_quantiles_histogram_and_regions() -> None:
    rng = np.random.default_rng(0)
    loss, p = rng.normal(size=200), rng.dirichlet(np.ones(200))
    (value,) = loss_quantiles(loss, p[None], (0.3,))[0]
    assert p[loss <= value].sum() >= 0.3 > p[loss < value].sum()
    edges, uniform, final = loss_histogram(loss, p, 7)
    inside = (loss >= edges[2]) & (loss < edges[3])
    assert (uniform[2], final[2]) == pytest.approx((inside.mean(), p[inside].sum()))
    assert mass_level(p, 1.0) == p.min()
    skewed = np.linspace(0, 1, 101) ** 6
    assert 0.5 ** (1 / color_power(skewed)) == pytest.approx(0.5**0.2)  # held at a power of 5
    assert np.all(np.diff(loss_levels(skewed, 9)) > 0)


# summary


@pytest.mark.parametrize(
    ("name", "panels", "how"),
    [
        ("line", 2 + 3 + 3, "exact"),
        ("plane", 2 + 7 + 3, "exact"),
        ("cube", 1 + 2 + 3, "exact"),
        ("operator", 2 + 1, "exact"),
    ],
)
def test_summary_holds_landscape_density_and_energy(
    name: str, panels: int, how: str, request: pytest.FixtureRequest
) -> None:
    run = request.getfixturevalue(name)
    figure = plotting.plot_summary(run, run)
    assert len(figure.axes) == panels
    title = figure.get_suptitle()
    assert f"{run.problem.clock} clock, born reading, {how}" in title
    assert all(axes.get_xlabel() or axes.get_ylabel() or axes.images for axes in figure.axes)
    without = plotting.plot_summary(dataclasses.replace(run, expectations={}, states=None))
    assert len(without.axes) == panels - len(run.expectations)


def test_summary_of_samples_says_so(sampled: qd.Trajectory) -> None:
    figure = plotting.plot_summary(sampled, marks={"SciPy": [1.0, -0.5]})
    assert figure.get_suptitle() == "Valley, real clock, born reading, 500 shots a circuit and basis"
    assert figure.get_supxlabel().startswith("Trotter(steps=10) on statevector, 9 qubits")
    assert labelled(figure.axes[0], "SciPy").get_xdata()[0] == 1.0


# error budget


def budget(**terms: qd.Estimate) -> SimpleNamespace:
    total = qd.Estimate(sum(e.value for e in terms.values()), 0.01)
    return SimpleNamespace(terms=terms, sum=total, total=qd.Estimate(total.value * 0.9, 0.02))


def test_budget_bars_have_the_widths_and_errors_of_the_terms() -> None:
    given = budget(grid=qd.Estimate(0.02), formula=qd.Estimate(0.05), shots=qd.Estimate(0.04, 0.004, 900))
    (axes,) = plotting.plot_budget(given).axes
    widths = [bar.get_width() for bar in axes.containers[0]]
    assert widths == pytest.approx([0.02, 0.05, 0.04, 0.11, 0.099])
    assert [text.get_text() for text in axes.get_yticklabels()] == [
        "grid",
        "formula",
        "shots",
        "sum of the terms",
        "total difference",
    ]
    assert axes.get_xscale() == "linear"
    assert axes.yaxis_inverted()
    texts = [text.get_text() for text in axes.texts]
    assert texts[2] == "0.0400 ± 0.0040"
    ends = axes.containers[1].lines[2][0].get_segments()
    assert [float(np.ptp(segment[:, 0])) for segment in ends] == pytest.approx([0.008, 0.02, 0.04])


def test_budget_is_logarithmic_where_terms_differ_much_and_linear_with_negative_ones() -> None:
    wide = budget(grid=qd.Estimate(1e-6), encoding=qd.Estimate(0.0), device=qd.Estimate(0.1, 0.01))
    (axes,) = plotting.plot_budget(wide).axes
    assert axes.get_xscale() == "log"
    assert axes.get_xlim()[0] < 1e-6
    assert axes.texts[1].get_text() == "0"
    assert not [item for item in axes.lines if "noise" in str(item.get_label())]
    wide.shot_floor = qd.Estimate(0.03)
    (axes,) = plotting.plot_budget(wide).axes
    assert labelled(axes, "noise of the shots alone").get_xdata()[0] == 0.03
    rounding = plotting.plot_budget(budget(grid=qd.Estimate(1e-16), formula=qd.Estimate(0.1))).axes[0]
    assert 1e-9 < rounding.get_xlim()[0] < 1e-6  # round-off does not stretch the axis, its number is still written
    assert rounding.texts[0].get_text() == "1e-16"
    below = budget(grid=qd.Estimate(-1e-6), device=qd.Estimate(0.1))
    assert plotting.plot_budget(below).axes[0].get_xscale() == "linear"
    with pytest.raises(qd.MethodError, match=r"Argument `budget` must have terms, but is 'int'\."):
        plotting.plot_budget(3)


# files, and the package that may be missing


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_pictures_are_written_whole_and_the_same_each_time(
    suffix: str, start: bytes, line: qd.Trajectory, tmp_path: Path
) -> None:
    figure = plotting.plot_density(line)
    path = plotting.save_figure(figure, tmp_path / "new" / f"map.{suffix}", dpi=50)
    assert path == tmp_path / "new" / f"map.{suffix}"
    first = path.read_bytes()
    assert first.startswith(start)
    assert len(first) > 2000
    assert plotting.save_figure(plotting.plot_density(line), path, dpi=50).read_bytes() == first
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_failed_drawing_leaves_the_old_picture(line: qd.Trajectory, tmp_path: Path) -> None:
    path = plotting.save_figure(plotting.plot_energy(line), tmp_path / "e.png", dpi=40)
    before = path.read_bytes()
    broken = plotting.plot_energy(line)
    broken.axes[0].set_title("$\\frac$")  # not mathematics: drawing raises
    with pytest.raises(ValueError, match="frac"):
        plotting.save_figure(broken, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_file_errors(line: qd.Trajectory, tmp_path: Path) -> None:
    figure = plotting.plot_energy(line)
    with pytest.raises(qd.MethodError, match=r"Argument `path` must end in .png, .svg, .pdf, but is 'map.gif'\."):
        plotting.save_figure(figure, "map.gif")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(qd.MethodError, match="Argument `path` must be a file, but is of a folder"):
        plotting.save_figure(figure, tmp_path / "folder.png")
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(qd.ProblemError, match="must be a folder that can be written"):
        plotting.save_figure(figure, tmp_path / "file" / "map.png")


@pytest.mark.slow
def test_drawing_changes_no_global_setting(plane: qd.Trajectory, tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    plotting.save_figure(plotting.plot_summary(plane, plane), tmp_path / "s.svg")
    assert dict(matplotlib.rcParams) == before
    assert (tmp_path / "s.svg").stat().st_size > 10_000


PROGRAM = """
import sys, numpy as np
{before}
import qml_dynamics as qd
from qml_dynamics import plotting
assert "matplotlib" not in sys.modules or sys.modules["matplotlib"] is None
problem = qd.Problem(qd.Grid((-1, 1), 3), lambda w: w[:, 0] ** 2, 1.0, clock="real", duration=1.0)
run = qd.evolve(problem, qd.SplitStep(4), seed=1)
try:
    print(len(plotting.plot_summary(run).axes), "matplotlib.pyplot" in sys.modules)
except qd.MethodError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("before", "answer"),
    [
        ("", "8 False"),
        (
            "sys.modules['matplotlib'] = None",
            'Plotting needs matplotlib, which is not installed. Install it with: pip install "qml-dynamics[viz]"',
        ),
    ],
)
def test_matplotlib_is_loaded_late_without_pyplot_and_named_where_it_is_missing(before: str, answer: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(before=before)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == answer


def test_five_frames_leave_a_panel_out_and_a_figure_is_drawn_as_matplotlib_draws_it(
    plane: qd.Trajectory, tmp_path: Path
) -> None:
    from matplotlib.figure import Figure

    run = qd.evolve(plane.problem, plane.method, save=5)
    figure = qd.plotting.plot_density(run)
    panels = [axes for axes in figure.axes if axes.get_title(loc="left")]
    assert len(panels) == 5
    before = [axes.get_position().extents for axes in figure.axes]
    arranged = qd.plotting.save_figure(figure, tmp_path / "arranged.png").read_bytes()
    other = qd.plotting.plot_density(run)
    other.__class__ = Figure  # which draws twice, the first time for the layout, and measures all panels twice
    plain = qd.plotting.save_figure(other, tmp_path / "plain.png").read_bytes()
    assert len(arranged) > 10_000
    for mine, theirs in zip(
        figure.axes, other.axes, strict=True
    ):  # first sizes that are guessed move a panel by pixels
        np.testing.assert_allclose(mine.get_position().extents, theirs.get_position().extents, atol=0.01)
        assert "get_tightbbox" not in vars(mine)
    moved = max(np.abs(axes.get_position().extents - old).max() for axes, old in zip(figure.axes, before, strict=True))
    assert moved > 0.02  # a layout has been made
    other.set_layout_engine("none")
    figure.set_layout_engine("none")
    for mine, theirs in zip(figure.axes, other.axes, strict=True):
        theirs.set_position(mine.get_position())
    again = [qd.plotting.save_figure(f, tmp_path / "again.png").read_bytes() for f in (figure, other)]
    assert (
        again[0] == again[1]
    )  # on one layout not a pixel differs: formulas that were read for another figure included
    assert plain != again[0] or arranged == plain


def test_the_polished_weights_of_a_descent_stand_in_its_own_box() -> None:
    """The run is on the unit box: 3 of 2 to 10 is an eighth of the way."""
    found = qd.descend(
        lambda w: (w[:, 0] - 3.0) ** 2, bounds=[(2, 10)], qubits=5, duration=0.2, steps=20, samples=20, seed=1
    )
    assert found.weights[0] == pytest.approx(3.0, abs=1e-3)
    marked = [
        line.get_xdata()[0]
        for axes in found.plot().axes
        for line in axes.get_lines()
        if str(line.get_label()).startswith("polished")
    ]
    assert marked
    assert marked == pytest.approx([0.125] * len(marked), abs=1e-3)
