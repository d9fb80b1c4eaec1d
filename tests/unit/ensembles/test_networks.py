"""Training of many networks: what is refused, what an interrupt leaves, what time and memory it takes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics import ensembles as en
from qml_dynamics.base.errors import ProblemError, QMLDynamicsError
from qml_dynamics.base.progress import Progress
from qml_dynamics.learning.ensembles.perceptrons import make_model

IRIS = Path(__file__).resolve().parents[3] / "circuits" / "iris_neuron" / "iris.csv"
RNG = np.random.default_rng(5)
X, Y = RNG.standard_normal((30, 2)), (RNG.random(30) < 0.5).astype(float)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rate": 0.0}, "`rate` must be a positive number"),
        ({"rate": float("nan")}, "`rate` must be a positive number"),
        ({"batch": 0}, "`batch` must"),
        ({"networks": 0}, "`networks` must"),
        ({"steps": 2.5}, "`steps` must"),
        ({"hidden": -1}, "`hidden` must"),
        ({"l2": -0.1}, "`l2` must be a number that is not negative"),
        ({"record": 0}, "`record` must"),
        ({"spread": 0.0}, "`spread` must"),
        ({"hidden": 2, "mu_c": 0.1}, "`beta` must come with `mu_c`"),
        ({"hidden": 2, "beta": 1.0, "mu_c": float("inf")}, "`mu_c` must be a number"),
        ({"hidden": 2, "beta": 1.0, "mu_c": 0.1, "exchange_every": 0}, "`exchange_every` must"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ProblemError, match=words):
        en.train_ensemble(X, Y, **{"networks": 3, "steps": 3, **options})


def test_wrong_data_are_refused() -> None:
    bad = X.copy()
    bad[3, 1] = np.nan
    for features, labels, words in (
        (bad, Y, "`X` must be finite numbers"),
        (X[:, 0], Y, "`X` must be finite numbers of shape"),
        (X, Y[:-1], "`y` must be 30 labels, but is of shape"),
        (X, 0.5 * Y, "`y` must be whole numbers or words"),
        (X, Y + np.nan, "`y` must be whole numbers or words"),
        (X, np.full(30, 7), "`y` must hold 2 to 100 classes, but is of 1"),
        ([["a"], ["b"]], [0, 1], "`X` must be finite numbers"),
        ([[1, 2], [3]], [0, 1], "`X` must be finite numbers"),
        (np.zeros((0, 3)), [], "`X` must be finite numbers"),
    ):
        with pytest.raises(ProblemError, match=words):
            en.train_ensemble(features, labels, networks=3, steps=3)


def test_weights_that_fly_off_are_no_answer() -> None:
    with pytest.raises(ProblemError, match="`rate` must be small enough"), np.errstate(all="ignore"):
        en.train_ensemble(X, Y, networks=3, steps=2000, rate=100.0, l2=0.5, record=1)


def test_labels_may_be_anything_that_has_two_classes() -> None:
    wanted = en.train_ensemble(X, Y, networks=5, steps=20, seed=3).final
    for labels in (2 * Y - 1, Y + 4, np.where(Y > 0, "yes", "no"), Y.astype(bool)):
        run = en.train_ensemble(X, labels, networks=5, steps=20, seed=3)
        np.testing.assert_array_equal(run.final, wanted)
    assert run.facts["classes"] == [0, 1]
    assert np.abs(wanted).max() > 0.1


@pytest.mark.parametrize("classes", [3, 5])
@pytest.mark.parametrize("options", [{}, {"hidden": 6, "beta": 60.0, "mu_c": 0.1, "exchange_every": 10, "rate": 0.5}])
def test_more_classes_than_two_are_learned(classes: int, options: dict[str, Any]) -> None:
    centers = 2.5 * np.stack(
        [np.cos(2 * np.pi * np.arange(classes) / classes), np.sin(2 * np.pi * np.arange(classes) / classes)]
    )
    labels = np.arange(90) % classes
    rows = centers.T[labels] + 0.3 * np.random.default_rng(0).standard_normal((90, 2))
    run = en.train_ensemble(rows, labels + 10, networks=30, steps=600, **{"rate": 0.1, "l2": 0.01, **options})
    assert run.facts["classes"] == [10 + c for c in range(classes)]
    assert run.final.shape == (30, 2 * classes if not options else 6 * (2 + classes))
    assert run.accuracy is not None
    assert run.accuracy.mean() > (0.9 if not options else 0.75)
    found = en.fit(run, tests=())
    assert isinstance(found.diffusion, qd.Estimate)
    assert abs(float(found.mobility) - run.facts["rate"]) < 4 * found.mobility.stderr
    if not options:  # the softmax is the logistic neuron where there are two classes
        model = make_model(rows, np.minimum(labels, 1), 0, 0.0)
        three = make_model(rows, np.where(labels < 2, labels, 2), 0, 0.0)
        assert (model.outputs, three.outputs) == (1, 3)
        w = np.array([[0.3, -0.2]])
        spread = np.zeros((1, 2, 3))
        spread[0, :, 1] = w[0]
        odds = np.diff(three.output(spread.reshape(1, -1))[0, :, :2], axis=1)[:, 0]
        np.testing.assert_allclose(odds, model.output(w)[0, :, 0], atol=1e-12)


def test_a_feature_that_never_changes_or_is_alone() -> None:
    for features in (X[:, :1], np.c_[X, np.ones(30)], np.c_[X, np.zeros(30)]):
        run = en.train_ensemble(features, (X[:, 0] > 0).astype(int), networks=20, steps=300, rate=0.3)
        assert np.isfinite(run.final).all()
        assert run.accuracy is not None
        assert run.accuracy.mean() > 0.85
        assert isinstance(en.fit(run, tests=()).diffusion, qd.Estimate)


def test_what_would_not_fit_into_memory_is_refused_before_it_is_tried() -> None:
    with pytest.raises(QMLDynamicsError, match=r"memory|GB|bytes"):
        en.train_ensemble(X, Y, networks=10**7, steps=10**6, hidden=1000, record=10**6)


@pytest.mark.parametrize("exchange", [{}, {"hidden": 3, "beta": 20.0, "mu_c": 0.02, "exchange_every": 10}])
def test_an_interrupt_keeps_what_was_done(exchange: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def press(self: Progress, done: int, total: int) -> None:
        if done >= 200:
            raise KeyboardInterrupt

    whole = en.train_ensemble(X, Y, networks=20, steps=201, record=3, seed=4, **exchange)
    monkeypatch.setattr(Progress, "__call__", press)
    cut = en.train_ensemble(X, Y, networks=20, steps=1000, record=10, seed=4, **exchange)
    assert cut.facts["stop"] == "Interrupted after 201 of 1,000 steps."
    assert (cut.facts["steps"], cut.duration) == (201, 201.0)
    np.testing.assert_array_equal(cut.final, whole.final)
    assert cut.steps is not None
    assert cut.steps.times is not None
    assert cut.steps.times.tolist() == [99.0, 199.0]
    assert np.abs(cut.final - cut.initial).max() > 0.1
    assert whole.facts["stop"] == "Reached the end of 201 steps."
    if exchange:
        assert cut.exchange is not None
        assert len(cut.exchange.accepted) == 20 * 20
        assert cut.mean_number is not None
        assert len(cut.mean_number) == 2


def test_networks_are_independent_and_the_seed_is_all_that_counts() -> None:
    a, b = (en.train_ensemble(X, Y, networks=30, steps=40, hidden=2, seed=s) for s in (1, 2))
    assert np.abs(a.final - b.final).max() > 0.1
    assert abs(np.corrcoef(a.initial[:, 0], a.initial[:, 1])[0, 1]) < 0.6
    assert len(np.unique(a.final.round(12), axis=0)) == 30


def test_a_full_batch_has_no_noise() -> None:
    """With every row the same the mini-batch gradient is the gradient: the noise strength is 0, and no law is tested."""
    run = en.train_ensemble(np.ones((4, 1)), np.ones(4), networks=20, steps=60, rate=0.1)
    found = en.fit(run)
    assert float(found.diffusion) < 1e-25
    assert float(found.mobility) == pytest.approx(0.1, rel=1e-9)
    assert isinstance(found.hbar, en.NotIdentifiable)


def test_weights_of_removed_neurons_carry_no_noise() -> None:
    """D is that of the weights that move; counting the frozen ones would make it smaller."""
    options = {"hidden": 4, "steps": 800, "networks": 200, "beta": 60.0, "exchange_every": 10, "seed": 3}
    few = en.train_ensemble(X, Y, mu_c=-0.5, **options)
    assert few.mean_number is not None
    assert few.mean_number[-1] < 1.0
    assert few.steps is not None
    rest = few.steps.change - 0.05 * few.steps.gradient
    frozen = (few.steps.change == 0) & (few.steps.gradient == 0)
    assert 0.3 < frozen.mean() < 1
    wanted = (rest[~frozen] ** 2).mean() / 2
    assert float(en.fit(few).diffusion) == pytest.approx(wanted, rel=0.05)


def test_free_energy_is_the_penalised_loss_and_its_own_slope() -> None:
    model = make_model(X, Y, 0, 0.3)
    F, w = model.free_energy(), np.array([[0.4, -1.1]])
    z = X @ w[0]
    wanted = -np.mean(np.log1p(np.exp(z)) - Y * z) - 0.15 * (w**2).sum()
    assert F(w)[0] == pytest.approx(wanted, abs=1e-12)
    h = 1e-6
    ends = [float(F(w + s * np.array([[h, 0.0]]))[0]) for s in (1, -1)]
    assert F.gradient(w)[0, 0] == pytest.approx((ends[0] - ends[1]) / (2 * h), abs=1e-8)


MEASURE = """
import json, resource, sys
import qml_dynamics as qd
data = qd.objectives.load_data(sys.argv[1], target="species", classes=["versicolor", "virginica"], num_features=2)
run = qd.ensembles.train_ensemble(data.X_train, data.y_train, networks=2000, steps=5000, **json.loads(sys.argv[2]))
kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([kilobytes, float(run.accuracy.mean()), list(run.final.shape)]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"hidden": 4, "beta": 40.0, "mu_c": -0.01}], ids=["neuron", "exchanged"])
def test_two_thousand_networks_in_two_gigabytes(options: dict[str, Any]) -> None:
    """In a process of its own, whose peak memory is that of the training; its seconds are in ``benchmarks/bench_ensembles.py``."""
    command = [sys.executable, "-c", MEASURE, str(IRIS), json.dumps(options)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=3600)
    kilobytes, accuracy, shape = json.loads(answer.stdout)
    assert kilobytes < 2_000_000
    assert accuracy > 0.9
    assert shape[0] == 2000


def test_iris_is_learned_better_than_by_chance() -> None:
    data = qd.objectives.load_data(IRIS, target="species", classes=["versicolor", "virginica"], num_features=2)
    run = en.train_ensemble(data.X_train, data.y_train, networks=50, steps=800, hidden=3)
    assert run.accuracy is not None
    start = np.mean([_accuracy(run.initial[i : i + 1], data) for i in range(50)])
    assert run.accuracy.mean() > max(0.85, start + 0.2)


def _accuracy(q: np.ndarray, data: Any) -> float:
    model = make_model(data.X_train, data.y_train, 3, 0.05)
    return float(((model.output(q)[0, :, 0] > 0) == (data.y_train > 0)).mean())
