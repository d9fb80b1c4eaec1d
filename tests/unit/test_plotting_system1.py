"""Pictures of mini-batches, Boltzmann machines and Gibbs laws show the numbers they are given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.learning.boltzmann import BoltzmannMachine, fit
from qml_dynamics.model.objectives import from_rows

SLOPES = np.array([1.0, -0.5, 0.4])
LINE = qd.Problem(
    qd.Grid((-6, 6), 4), from_rows(lambda w, index: w * SLOPES[index], 3), 0.4, clock="real", duration=0.6,
    initial=qd.Gaussian(0.3, 1.0),
)  # fmt: skip


def test_minibatch() -> None:
    from qml_dynamics.plotting.laws import plot_minibatch

    method = qd.MiniBatch(4, 1, draws=5, classical=True)
    study = qd.batch_study(LINE, method, [1, 2, 3], seed=1)
    run = qd.evolve(LINE, method, seed=1, save=3)
    figure = plot_minibatch(study, run, [0.1, 0.2, 0.3])
    left, right = figure.axes
    assert left.get_lines()[0].get_ydata().tolist() == [0.1, 0.2, 0.3]
    predicted = next(line for line in right.get_lines() if "dephasing" in str(line.get_label()))
    assert np.allclose(predicted.get_ydata(), study.predicted[::-1])  # over rising noise
    assert {text.get_text() for text in right.texts} == {"1", "2", "3"}
    assert len(plot_minibatch(study).axes) == 1
    with pytest.raises(qd.MethodError, match="`predicted`"):
        plot_minibatch(study, run, [0.1])


def test_boltzmann() -> None:
    from qml_dynamics.plotting.laws import plot_boltzmann

    law = np.array([0.4, 0.3, 0.2, 0.1])
    learnt = fit(BoltzmannMachine(2, transverse=False), law)
    left, right = plot_boltzmann(law, {"one": learnt}).axes
    assert [bar.get_height() for bar in left.patches[:4]] == pytest.approx(law.tolist())
    assert np.allclose(right.get_lines()[0].get_ydata(), learnt.kl)
    assert [tick.get_text() for tick in left.get_xticklabels()] == ["00", "01", "10", "11"]
    with pytest.raises(qd.MethodError, match="`fits`"):
        plot_boltzmann(law, {})


@pytest.mark.parametrize("labels", [3, 40, 100])
def test_gibbs(labels: int) -> None:
    from qml_dynamics.plotting.laws import plot_gibbs

    energies = np.random.default_rng(0).normal(size=labels)
    result = qd.gibbs.softmax(energies, 1.0, shots=500, seed=1)
    exact = qd.gibbs.softmax(energies, 1.0).probabilities
    (axes,) = plot_gibbs(result, exact).axes
    dots = next(line for line in axes.get_lines() if line.get_label() == "exact law")
    assert np.allclose(dots.get_ydata(), exact)
    heights = [bar.get_height() for bar in axes.patches]
    if labels <= 64:
        assert np.allclose(heights, result.probabilities)
    else:
        assert not heights
    with pytest.raises(qd.MethodError, match="`labels`"):
        plot_gibbs(result, exact, ["a"])
    with pytest.raises(qd.MethodError, match="`exact`"):
        plot_gibbs(result, [0.5])


def test_few_colors_shrinks_a_picture_and_keeps_rare_colors(tmp_path: Path) -> None:
    """A smooth gradient with a small mark of another colour."""
    from PIL import Image

    from qml_dynamics.base.errors import MethodError, ProblemError
    from tools.pictures.palette import few_colors

    x = np.linspace(0, 255, 400)
    noise = np.random.default_rng(0).normal(0, 3, (300, 400))
    pixels = np.stack(
        [np.clip(x + noise, 0, 255), np.full((300, 400), 60.0), 255 - np.clip(x - noise, 0, 255)], axis=-1
    )
    pixels[100:104, 200:204] = (0, 255, 0)
    Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "a.png")
    made = few_colors(tmp_path / "a.png", tmp_path / "b.png", 32)
    with Image.open(made) as small:
        assert small.size == (400, 300)
        seen = np.asarray(small.convert("RGB")).astype(int)
    assert len(np.unique(seen.reshape(-1, 3), axis=0)) <= 32
    assert np.abs(seen - pixels).mean() < 8
    assert np.abs(seen[102, 202] - [0, 255, 0]).max() < 40
    assert made.stat().st_size < 0.5 * (tmp_path / "a.png").stat().st_size
    with Image.open(few_colors(made, tmp_path / "c.png", width=200)) as narrow:
        assert narrow.size == (200, 150)
    with pytest.raises(ProblemError, match="`source` must be a picture"):
        few_colors(tmp_path / "none.png", tmp_path / "b.png")
    with pytest.raises(MethodError, match=r"`target` must end in \.png"):
        few_colors(made, tmp_path / "b.jpg")
    with pytest.raises(MethodError, match="`colors`"):
        few_colors(made, made, 1)
