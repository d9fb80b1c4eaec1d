"""`qml-dynamics anneal` and the pictures of annealing and chains."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.base.errors import MethodError
from qml_dynamics.cli import main
from qml_dynamics.plotting import save_figure
from qml_dynamics.plotting.annealing import plot_annealing, plot_chain
from tests.texts import IRIS_NEURON

CIRCUITS = Path(__file__).resolve().parents[2] / "circuits"

NEURON = (
    IRIS_NEURON.replace("QUBITS", "4")
    + """model = "neuron"
l2 = 0.01
[diffusion]
schedule = "geometric"
params = {start = 0.5, stop = 0.1}
[evolution]
clock = "real"
duration = 6.0
"""
)


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["anneal", *arguments])
    return int(end.value.code or 0)


@pytest.fixture(scope="module")
def neuron(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("neuron")
    (folder / "problem.toml").write_text(NEURON, encoding="utf-8")
    (folder / "iris.csv").write_bytes((CIRCUITS / "iris_neuron" / "iris.csv").read_bytes())
    return folder


@pytest.mark.slow
def test_anneal_a_neuron_on_data(neuron: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Weights of the wave, of the chain, of SciPy and of uniform sampling, with loss and both accuracies."""
    out = tmp_path / "run"
    code = call(
        str(neuron), "--stages", "4", "--seed", "1", "--samples", "60", "--tau", "20", "--out", str(out), "--json"
    )
    data = json.loads(capsys.readouterr().out)
    assert code == 0
    assert [row["from"].split(" ")[0] for row in data["best_weights"]] == ["best", "best", "SciPy", "best"]
    wave, chain, scipy, uniform = data["best_weights"]
    assert "METTS" in chain["from"]
    assert scipy["loss"] <= min(wave["loss"], chain["loss"], uniform["loss"]) + 1e-9
    assert wave["loss"] < 0.3 < data["mean_loss"]["uniform"]
    assert wave["held_out_accuracy"] > 0.85
    assert data["chain"]["vote_held_out_accuracy"] > 0.85
    assert (data["chain"]["reading"], data["chain"]["beta"]) == ("born", 40)
    assert data["annealing"]["chosen"] in data["annealing"]["members"]
    assert len(data["annealing"]["gap"]) == 4
    assert data["clock"] == "imaginary"
    assert {p.name for p in out.iterdir()} >= {
        "problem.toml",
        "iris.csv",
        "trajectory.npz",
        "result.json",
        "annealing.png",
    }
    assert (out / "chain.png").stat().st_size > 5000
    assert qd.load(out).diagnostics["strategy"] == "portfolio"


def test_clock_strategy_and_text(neuron: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "real"
    options = ("--clock", "real", "--strategy", "anneal", "--stages", "3", "--duration", "2", "--no-plots")
    assert call(str(neuron), *options, "--out", str(out)) == 0
    text = capsys.readouterr().out
    assert "on the real clock" in text
    assert "anneal: final energy" in text
    assert not list(out.glob("*.png"))
    assert qd.load(out).times[-1] == 2.0


def test_the_narrow_well_of_the_gallery(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Alone it fails and says so; as a portfolio it does not."""
    file = str(CIRCUITS / "narrow_well" / "imaginary.toml")
    alone, both = tmp_path / "alone", tmp_path / "both"
    assert call(file, "--strategy", "anneal", "--out", str(alone), "--no-plots") == 0
    told = capsys.readouterr()
    assert "The wave has not followed" in told.err
    assert "crossing at D = 0.00199" in told.out
    assert call(file, "--seed", "1", "--out", str(both), "--no-plots") == 0
    assert "quench: final energy -0.806825  <- chosen" in capsys.readouterr().out
    deep = [float(qd.load(folder).density[-1][:112].sum()) for folder in (alone, both)]
    assert deep[0] < 1e-8
    assert deep[1] > 0.999


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--strategy", "slow"), "`strategy` must be one of"),
        (("--clock", "wall"), "`clock` must be one of"),
        (("--samples", "-2"), "`samples` must not be negative"),
        (("--samples", "10", "--tau", "0"), "`tau` must be a positive number"),
        (("--backend", "aer", "--method", "trotter"), "imaginary clock"),
    ],
)
def test_refusals(
    options: tuple[str, ...], words: str, neuron: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(str(neuron), "--stages", "2", "--out", str(tmp_path / "x"), "--no-plots", *options) == 2
    assert words in capsys.readouterr().err


def test_pictures_of_other_spaces(tmp_path: Path) -> None:
    """A hypercube, two weights without gaps, shots: every panel has something to show."""
    spins = qd.Problem(qd.Hypercube(3), lambda w: w[:, 0] * w[:, 1] - w[:, 2], qd.Geometric(1.0, 0.1), clock="imaginary",
                       duration=1.0)  # fmt: skip
    runs = {
        "exact": qd.anneal(spins, 3, spectrum=False),
        "shots": qd.anneal(
            spins, 3, backend="aer", shots=200, seed=1, method=qd.ProbabilisticITE(1.0, 3, block="exact")
        ),
    }
    figure = plot_annealing(runs)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "Loss at the end", "Gap on the way", "Energy at the end of each stage",
    ]  # fmt: skip
    figure = plot_annealing(runs["exact"])
    assert figure.axes[1].get_title(loc="left") == "Diffusion of the stages"
    assert save_figure(figure, tmp_path / "a.png").stat().st_size > 5000
    chain = qd.metts(spins, 0.5, 60, seed=1)
    drawn = plot_chain(chain)
    assert drawn.axes[2].get_title(loc="left").startswith("Effective sample size")
    bars = list(drawn.axes[0].patches)
    assert len(bars) == 3  # uniform, samples, law
    with pytest.raises(MethodError, match="`runs` must be results of anneal"):
        plot_annealing(qd.evolve(spins, qd.SplitStep(4)))
    with pytest.raises(MethodError, match="`chain` must be a Chain"):
        plot_chain(runs["exact"])  # type: ignore[arg-type]


def test_the_crossing_is_drawn_where_it_is() -> None:
    def loss(w: np.ndarray) -> np.ndarray:
        x = w[:, 0]
        return -np.exp(-((x + 1.2) ** 2) / 0.045) - 0.8 * np.exp(-((x - 1) ** 2) / 0.72) + 0.01 * x**4

    problem = qd.Problem(qd.Grid((-4, 4), 6), loss, qd.Geometric(0.5, 0.001), clock="imaginary", duration=60.0)
    with pytest.warns(qd.CrossingWarning):
        run = qd.anneal(problem, 8)
    axes = plot_annealing(run).axes[1]
    marker = next(line for line in axes.lines if line.get_marker() == "v")
    assert marker.get_xdata()[0] == pytest.approx(run.diagnostics["crossings"][0]["diffusion"])
    left, right = axes.get_xlim()
    assert left > right  # time runs to the right, the diffusion falls


@pytest.mark.parametrize(
    ("file", "least", "accuracy"),
    [("iris_network/imaginary.toml", 0.165, 0.95), ("binary_perceptron/problem.toml", 0.275, 0.95)],
)
@pytest.mark.filterwarnings("ignore::qml_dynamics.MomentumTailWarning")
def test_weights_of_models_on_data(file: str, least: float, accuracy: float) -> None:
    """A small network and a binary perceptron: loss and held-out accuracy of the best sample, beside uniform sampling."""
    read = qd.read_problem(CIRCUITS / file)
    run = qd.anneal(read.problem.replace(clock="imaginary"), 5, seed=1)
    data, objective = read.dataset, read.problem.objective
    assert run.best.value <= least
    assert run.best.value < run.best.uniform_value
    assert objective.score(np.array(run.best.weights), data.X_test, data.y_test) > accuracy
    mean = run.expectations["objective"].value
    assert mean[-1] < 0.6 * mean[0]


def test_ctrl_c_while_sampling_keeps_the_annealing(
    neuron: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from qml_dynamics.learning.metts import laws

    def stop(self: object, *arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(laws.Draws, "following", stop)
    out = tmp_path / "cut"
    assert call(str(neuron), "--stages", "3", "--samples", "40", "--tau", "5", "--out", str(out), "--no-plots") == 130
    assert "interrupted; what was done is in" in capsys.readouterr().err
    assert len(qd.load(out).times) == 4
    assert json.loads((out / "result.json").read_text(encoding="utf-8"))["annealing"]["strategy"] == "portfolio"
