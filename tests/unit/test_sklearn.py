"""Classifier and regressor of scikit-learn's interface: its own checks, what carries the answer, and work with its tools."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

import qml_dynamics as qd
import qml_dynamics.sklearn.estimators as face
from qml_dynamics.base.errors import ProblemError, QMLDynamicsError
from qml_dynamics.methods.split_step import SplitStep
from qml_dynamics.model.reduction import REDUCTIONS, reduced
from qml_dynamics.sklearn import QuantumDynamicsClassifier, QuantumDynamicsRegressor

SAMPLE = {
    # of scikit-learn's checks, those that take little time and those that hold what matters most here
    "check_all_zero_sample_weights_error",
    "check_no_attributes_set_in_init",
    "check_estimators_pickle",
    "check_fit2d_1sample",
    "check_fit2d_1feature",
    "check_n_features_in_after_fitting",
    "check_sample_weight_equivalence_on_dense_data",
    "check_classifiers_train",
    "check_regressors_train",
}
BOTH = pytest.mark.parametrize("kind", [QuantumDynamicsClassifier, QuantumDynamicsRegressor])


def name_of(check: object) -> str:
    """The name of one of scikit-learn's checks."""
    return getattr(check, "func", check).__name__  # type: ignore[attr-defined]


def failures(estimator: object, names: set[str] | None) -> tuple[int, list[str]]:
    """How many checks ran, and those that failed; of what is skipped scikit-learn says why (no pandas)."""
    import unittest

    ran, failed = 0, []
    for each, check in estimator_checks_generator(estimator):
        if names is not None and name_of(check) not in names:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                check(each)
            ran += 1
        except unittest.SkipTest:
            continue
        except Exception as error:
            failed.append(f"{name_of(check)}: {error}")
    return ran, failed


@BOTH
def test_a_sample_of_the_checks_of_scikit_learn_passes(kind: type) -> None:
    ran, failed = failures(kind(), SAMPLE)
    assert ran >= 8
    assert failed == []


@pytest.mark.slow
@BOTH
def test_all_checks_of_scikit_learn_pass(kind: type) -> None:
    ran, failed = failures(kind(), None)
    assert ran >= 50
    assert failed == []
    assert not kind().__sklearn_tags__().non_deterministic
    tags = kind().__sklearn_tags__()
    assert not getattr(tags.classifier_tags or tags.regressor_tags, "poor_score", True)


def still(problem: qd.Problem, method: object, **options: object) -> qd.Trajectory:
    """In place of :func:`qd.evolve`: the wave of the start, which nothing has moved."""
    run = qd.evolve(problem.replace(duration=1e-15), qd.SplitStep(1), seed=0, progress=False)
    assert np.allclose(run.density[-1], run.density[0], atol=1e-12)
    return run


def test_the_evolution_carries_the_answer_of_a_wide_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty columns; with the identity in its place all rows get one class, and of a regression the mean is left."""
    X, y = load_breast_cancer(return_X_y=True)
    more, numbers = load_diabetes(return_X_y=True)
    assert X.shape[1] == 30
    learned = QuantumDynamicsClassifier().fit(X[::2], y[::2]).score(X[1::2], y[1::2])
    fitted = QuantumDynamicsRegressor().fit(more[::2], numbers[::2]).score(more[1::2], numbers[1::2])
    monkeypatch.setattr(face, "evolve", still)
    model = QuantumDynamicsClassifier().fit(X[::2], y[::2])
    assert len(np.unique(model.predict(X))) == 1
    assert model.score(X[1::2], y[1::2]) < 0.7 < 0.93 < learned
    flat = QuantumDynamicsRegressor().fit(more[::2], numbers[::2]).score(more[1::2], numbers[1::2])
    assert flat < 0.05 < 0.4 < fitted


def test_the_regressor_finds_the_least_squares_of_its_components() -> None:
    """In imaginary time the mean weight is that of least squares, to a part of the grid's spacing."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(80, 2))
    y = 3 + X @ [1.0, -2.0] + 0.1 * rng.normal(size=80)
    model = QuantumDynamicsRegressor(l2=0.0).fit(X, y)
    gap = model.predict(X) - (3 + X @ [1.0, -2.0])
    assert np.sqrt(np.mean(gap**2)) < 0.05 * y.std()
    assert model.score(X, y) > 0.98
    assert model.score(X, -y) < 0  # not vacuous


def test_probabilities_are_averages_over_the_density_that_the_run_holds() -> None:
    X, y = load_iris(return_X_y=True)
    X, y = X[50:], y[50:]
    model = QuantumDynamicsClassifier().fit(X, y)
    (run,) = model.runs_
    rows = reduced(X, np.where(y == 2, 1.0, -1.0), np.ones(len(y)), 2, "pls").transform(X)
    second = run.predict_proba(rows, weights="mean")[:, 1]
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], second, atol=1e-6)
    assert np.ptp(second) > 0.9


@pytest.mark.parametrize(
    "options",
    [
        {"dynamics": "real"},
        {"dynamics": "metts", "samples": 60},
        {"dynamics": "variational"},
        {"dynamics": "real", "backend": "statevector", "qubits": 3, "components": 1},
        {"model": "network", "hidden": 1, "qubits": 3},
        {"reduction": "pca"},
        {"reduction": "columns"},
    ],
    ids=str,
)
def test_every_dynamics_and_model_learns(options: dict[str, object]) -> None:
    X, y = load_iris(return_X_y=True)
    X, y = X[50:][::2], np.array(["versicolor", "virginica"])[y[50:][::2] - 1]
    model = QuantumDynamicsClassifier(random_state=0, **options).fit(X, y)
    again = QuantumDynamicsClassifier(random_state=0, **options).fit(X, y)
    assert model.score(X, y) > 0.8
    np.testing.assert_allclose(model.predict_proba(X), again.predict_proba(X), atol=1e-6)


@pytest.mark.slow
def test_it_works_in_other_processes() -> None:
    X, y = load_iris(return_X_y=True)
    alone, two = (cross_val_score(QuantumDynamicsClassifier(qubits=3), X, y, cv=4, n_jobs=n) for n in (1, 2))
    np.testing.assert_allclose(alone, two, atol=0.03)
    assert alone.mean() > 0.75


def test_three_classes_pipeline_grid_search_clone_and_pickle() -> None:
    X, y = load_iris(return_X_y=True)
    names = np.array(["se", "ve", "vi"])[y]
    pipeline = make_pipeline(StandardScaler(), QuantumDynamicsClassifier(qubits=3))
    assert cross_val_score(pipeline, X, names, cv=3).mean() > 0.75
    search = GridSearchCV(QuantumDynamicsClassifier(qubits=3), {"components": [1, 2]}, cv=2).fit(X, names)
    assert search.best_params_["components"] in (1, 2)
    assert search.best_estimator_.predict_proba(X).shape == (150, 3)
    again = clone(search.best_estimator_).fit(X, names)
    assert (again.predict(X) == search.predict(X)).all()
    assert (pickle.loads(pickle.dumps(again)).predict(X) == again.predict(X)).all()


def test_a_fit_forgets_the_one_before() -> None:
    X, y = load_iris(return_X_y=True)
    model = QuantumDynamicsClassifier(qubits=3)
    fresh = clone(model).fit(X[50:, :2], y[50:]).predict_proba(X[:, :2])
    model.fit(X, y)
    assert len(model.runs_) == 3
    np.testing.assert_array_equal(model.fit(X[50:, :2], y[50:]).predict_proba(X[:, :2]), fresh)
    assert len(model.runs_) == 1
    assert model.n_features_in_ == 2


def test_sample_weights_are_numbers_of_rows() -> None:
    X, y = load_iris(return_X_y=True)
    X, y = X[50:], y[50:]
    weight = np.random.default_rng(0).integers(0, 3, len(y))
    repeated = QuantumDynamicsClassifier().fit(np.repeat(X, weight, axis=0), np.repeat(y, weight)).predict_proba(X)
    weighted = QuantumDynamicsClassifier().fit(X, y, sample_weight=weight).predict_proba(X)
    np.testing.assert_allclose(weighted, repeated, atol=2e-6)
    assert np.abs(weighted - QuantumDynamicsClassifier().fit(X, y).predict_proba(X)).max() > 1e-3


@pytest.mark.parametrize("estimator", [QuantumDynamicsClassifier, QuantumDynamicsRegressor])
def test_one_number_weighs_all_rows_alike(estimator: Any) -> None:
    X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    plain = estimator(qubits=3).fit(X, y).predict(X)
    np.testing.assert_array_equal(estimator(qubits=3).fit(X, y, sample_weight=2).predict(X), plain)
    assert np.ptp(plain) > 0
    for wrong in (-1.0, 0.0, "a", [1.0, 2.0], np.nan):
        with pytest.raises(ProblemError, match="Argument `sample_weight` must"):
            estimator().fit(X, y, sample_weight=wrong)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"components": 20},
            "`components` must leave a grid that fits into the memory, but is 20: 21 weights of 2 qubits",
        ),
        ({"qubits": 17}, r"`qubits` must leave .* but is 17: 3 weights of 17 qubits each make 2\^51 points"),
        ({"model": "network", "hidden": 9}, "`hidden` must leave .* but is 9: 28 weights of 2 qubits"),
    ],
)
def test_grids_beyond_the_memory_are_refused_by_their_option(options: dict[str, Any], said: str) -> None:
    X = np.random.default_rng(0).normal(size=(30, 22))
    with pytest.raises(ProblemError, match=said):
        QuantumDynamicsClassifier(**options).fit(X, X[:, 0] > 0)


@pytest.mark.parametrize("how", REDUCTIONS)
def test_components_have_mean_0_and_variance_1(how: str) -> None:
    rng = np.random.default_rng(1)
    X, weight = rng.normal(size=(60, 5)) @ rng.normal(size=(5, 5)) + 7, rng.integers(0, 4, 60).astype(float)
    t = reduced(X, X[:, 1], weight, 3, how).transform(X)
    share = weight / weight.sum()
    np.testing.assert_allclose(share @ t, 0, atol=1e-10)
    np.testing.assert_allclose(share @ t**2, 1, atol=1e-10)
    cross = t.T @ (share[:, None] * t) - np.eye(3)
    assert how == "columns" or np.abs(cross).max() < 1e-8


def test_partial_least_squares_are_those_of_scikit_learn() -> None:
    from sklearn.cross_decomposition import PLSRegression

    rng = np.random.default_rng(5)
    X = rng.normal(size=(50, 6)) @ rng.normal(size=(6, 6))
    y = X[:, 0] - 2 * X[:, 3] + rng.normal(size=50)
    ours = reduced(X, y, np.ones(50), 3, "pls").transform(X)
    theirs = PLSRegression(3).fit(X, y).transform(X)
    for a, b in zip(ours.T, theirs.T):
        assert abs(np.corrcoef(a, b)[0, 1]) > 1 - 1e-9


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"model": "forest"}, "model"),
        ({"dynamics": "classical"}, "dynamics"),
        ({"reduction": "lda"}, "reduction"),
        ({"components": 0}, "components"),
        ({"qubits": 48}, "qubits"),
        ({"duration": -1.0}, "duration"),
        ({"shots": 100}, "shots"),
        ({"diffusion": 0.3}, "diffusion"),
        ({"diffusion": ("a", "b")}, "diffusion"),
        ({"diffusion": (0.3, None)}, "diffusion"),
        ({"diffusion": (0.3, -1.0)}, "diffusion"),
        ({"diffusion": (True, 0.1)}, "diffusion"),
        ({"steps": 0}, "steps"),
        ({"steps": 5, "dynamics": "metts"}, "steps"),
        ({"steps": 5, "method": SplitStep(3)}, "steps"),
        ({"l2": float("nan")}, "l2"),
    ],
    ids=str,
)
def test_options_that_do_not_fit_are_refused_by_name(options: dict[str, object], argument: str) -> None:
    with pytest.raises(QMLDynamicsError, match=f"Argument `{argument}`"):
        QuantumDynamicsClassifier(**options).fit([[0.0], [1.0]], [0, 1])


def test_a_class_of_no_weight_is_no_class() -> None:
    with pytest.raises(ValueError, match="two classes"):
        QuantumDynamicsClassifier().fit([[0.0], [1.0]], [0, 1], sample_weight=[1.0, 0.0])


def test_steps_count_on_a_backend_too() -> None:
    X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    for dynamics, steps, found in (("imaginary", 3, 3), ("real", 2, 2), ("real", None, 40)):
        model = QuantumDynamicsClassifier(dynamics=dynamics, backend="statevector", steps=steps, qubits=2, components=1)
        (run,) = model.fit(X, y).runs_
        assert run.method.steps == found
