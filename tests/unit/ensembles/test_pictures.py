"""What the pictures of the ensembles show, read back from the figures; and those of the documentation, drawn anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics import ensembles as en
from qml_dynamics.base.errors import MethodError
from qml_dynamics.plotting import save_figure
from qml_dynamics.plotting.ensembles import plot_number, plot_phase_diagram, plot_ring, plot_two_slits, plot_windings
from tools.pictures import ensemble_gallery

IMAGES = Path(__file__).resolve().parents[3] / "docs" / "images"


def test_the_line_of_the_phase_diagram_is_its_boundary() -> None:
    mus = np.linspace(0.2, 3, 20)
    axes = plot_phase_diagram(en.phase_diagram(mus, np.linspace(0, 1, 15), 1.0)).axes[0]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), 0.25 / mus)
    for mu, d in zip(mus, axes.lines[1].get_ydata()):  # on the dashed line hbar is all that this diffusion allows
        assert en.Learning(d, 1.0, mu).hbar == pytest.approx(en.hbar_max(d, 1.0))
    values = axes.collections[0].get_array().reshape(15, 20)
    assert values[-1, -1] > 0 > values[0, 0]
    with pytest.raises(MethodError, match="two or more values an axis"):
        plot_phase_diagram(en.phase_diagram([1.0], [0.1, 0.2], 1.0))


def test_windings_are_written_where_they_are() -> None:
    grid = qd.Grid([(-5, 5), (-5, 5)], 4)
    figure = plot_windings(en.vortex_wave(grid, [(-1.4, 0.2), (1.4, 0.2)], [2, -1]), grid)
    found = {t.get_text(): t.get_position()[0] for t in figure.axes[0].texts}
    assert set(found) >= {"-1"}
    assert sum(int(t) for t in (t.get_text() for t in figure.axes[0].texts)) == 1
    assert found["-1"] == pytest.approx(1.4, abs=0.7)
    with pytest.raises(MethodError, match="two axes"):
        plot_windings(np.ones(8), qd.Grid((0, 1), 3))


def test_the_classical_ensemble_has_no_fringes_in_the_picture() -> None:
    slits, grid = en.TwoSlits(0.4, 2.0), qd.Grid((-12, 12), 6)
    run = qd.evolve(slits.problem(grid, 1.5), qd.SplitStep(1), save=5)
    sampled = qd.evolve(slits.problem(grid, 1.5), qd.Trotter(1), backend="statevector", shots=2000, seed=1)
    right = plot_two_slits(run, slits, sampled).axes[1]
    classical, quantum = (line.get_ydata() for line in right.lines[:2])
    assert np.sum(np.diff(np.sign(np.diff(quantum))) < 0) > np.sum(np.diff(np.sign(np.diff(classical))) < 0)
    drawn = right.lines[2].get_ydata()
    np.testing.assert_allclose(drawn, sampled.density[-1] / grid.cell_volume)
    with pytest.raises(MethodError, match="one axis"):
        plot_two_slits(
            qd.evolve(
                qd.Problem(qd.Grid([(0, 1), (0, 1)], 2), lambda w: w[:, 0], 1.0, clock="real", duration=1.0), qd.Exact()
            ),
            slits,
        )


def test_levels_are_drawn_at_their_flux() -> None:
    run = qd.evolve(en.ring(4, 0.3), qd.SplitStep(1), save=3)
    figure = plot_ring(run, [(0.3, qd.Estimate(np.array([0.1, 0.5]), np.array([0.01, 0.02]), 100))])
    points = figure.axes[1].containers[0].lines[0]
    np.testing.assert_allclose(points.get_xdata(), 0.3)
    np.testing.assert_allclose(points.get_ydata(), [0.1, 0.5])
    assert "0.3" in figure.axes[0].get_title(loc="left")


def test_numbers_and_their_joint_law() -> None:
    grid = qd.Grid([(-4, 4), (-0.5, 3.5)], (3, 2), boundary="walls")
    start = qd.Gaussian((0.5, 1.2), (0.9, 0.8))
    problem = qd.Problem(grid, lambda w: w[:, 1], 0.0, clock="real", duration=1.0, initial=start)
    run = qd.evolve(problem, qd.SplitStep(1))
    figure = plot_number(np.arange(3), np.ones(3), [(0.5, qd.Estimate(1.0, 0.1, 10))], run)
    heights = [bar.get_height() for bar in figure.axes[1].patches[:4]]
    np.testing.assert_allclose(heights, run.density[0].sum(axis=0))
    assert figure.axes[1].texts[0].get_text() == "+0.5"
    assert len(figure.axes[0].lines) >= 2


@pytest.mark.slow
def test_the_pictures_of_the_documentation_are_drawn_by_one_call(tmp_path: Path) -> None:
    paths = ensemble_gallery.draw(tmp_path)
    assert [p.name for p in paths] == [
        "phase_diagram.png",
        "two_slit.png",
        "ring.png",
        "vortex.png",
        "number_register.png",
    ]
    for path in paths:
        assert 10_000 < path.stat().st_size < 150_000
        assert 10_000 < (IMAGES / path.name).stat().st_size < 150_000


def test_a_picture_is_the_same_bytes_twice(tmp_path: Path) -> None:
    one, two = (save_figure(plot_number(np.arange(3), np.ones(3)), tmp_path / f"{k}.png", dpi=40) for k in "ab")
    assert one.read_bytes() == two.read_bytes()
