"""The density estimator of scikit-learn's interface: its checks, closed forms of its kernels, what carries the answer, and its refusals."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import has_fit_parameter

import qml_dynamics as qd
from qml_dynamics.base.errors import QMLDynamicsError
from qml_dynamics.learning.diffusion import estimate
from qml_dynamics.learning.diffusion.estimate import Components
from qml_dynamics.sklearn import GibbsSampler
from tests.unit.test_sklearn import failures

SAMPLE = {
    "check_no_attributes_set_in_init",
    "check_estimators_pickle",
    "check_estimators_dtypes",
    "check_estimators_nan_inf",
    "check_fit2d_1sample",
    "check_fit2d_1feature",
    "check_fit_idempotent",
    "check_methods_subset_invariance",
    "check_n_features_in_after_fitting",
}


def table(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    """Two clouds, their columns correlated, in units of their own."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(rows, columns))
    points[: rows // 3] += 3.0
    return points @ rng.normal(size=(columns, columns)) * 7 + 30


def test_a_sample_of_the_checks_of_scikit_learn_passes() -> None:
    ran, failed = failures(GibbsSampler(qubits=5), SAMPLE)
    assert ran >= 8
    assert failed == []


@pytest.mark.slow
def test_all_checks_of_scikit_learn_pass() -> None:
    ran, failed = failures(GibbsSampler(), None)
    assert ran >= 35
    assert failed == []
    tags = GibbsSampler().__sklearn_tags__()
    assert tags.estimator_type == "density_estimator"
    assert not tags.non_deterministic


@pytest.mark.parametrize("potential", ["free", "ou"])
@pytest.mark.parametrize(("columns", "close"), [(1, 1e-8), (2, 1e-4)])  # in a plane splines lie between the points
def test_kernels_are_those_of_the_closed_form(potential: str, columns: int, close: float) -> None:
    """Heat kernels are Gaussians; Mehler's are Gaussians around ``e^{-t} x`` of variance ``1 - e^{-2t}``."""
    X, h = table(120, columns), 0.4
    model = GibbsSampler(bandwidth=h, potential=potential, background=0.0).fit(X)
    components = Components.of(X)
    t = h**2 / 2
    pulled, width = (1.0, h) if potential == "free" else (np.exp(-t), np.sqrt(-np.expm1(-2 * t)))
    new = X + np.random.default_rng(1).normal(size=X.shape)
    peer = KernelDensity(bandwidth=float(width)).fit(pulled * components.forth(X))
    expected = peer.score_samples(components.forth(new)) + components.log_volume
    np.testing.assert_allclose(model.score_samples(new), expected, atol=close)
    assert np.ptp(expected) > 1.5  # not vacuous
    assert abs(model.score(new) - expected.sum()) < close * len(new)


def test_repeated_rows_are_weights_and_the_table_of_their_check_has_no_density() -> None:
    """Of `KernelDensity` with these weights; scikit-learn's check of `sample_weight` fits 15 rows of 30 columns."""
    X, weights = table(40, 1), np.random.default_rng(2).integers(0, 4, 40)
    repeated = np.repeat(X, weights, axis=0)
    model = GibbsSampler(bandwidth=0.4, background=0.0).fit(repeated)
    components = Components.of(repeated)
    points, kept = components.forth(X), weights > 0
    peer = KernelDensity(bandwidth=0.4).fit(points[kept], sample_weight=weights[kept])
    np.testing.assert_allclose(model.score_samples(X), peer.score_samples(points) + components.log_volume, atol=1e-8)
    plain = KernelDensity(bandwidth=0.4).fit(points)
    assert np.abs(plain.score_samples(points) - peer.score_samples(points)).max() > 0.1  # the weights matter
    assert not has_fit_parameter(model, "sample_weight")
    with pytest.raises(ValueError, match="15 rows span 14 of 30 dimensions"):
        GibbsSampler().fit(np.random.RandomState(42).rand(15, 30))


def test_the_split_steps_of_the_well_converge_in_their_order() -> None:
    X = table(80, 1)
    exact = GibbsSampler(bandwidth=0.9, potential="ou", method=qd.SplitStep(40, order=4)).fit(X).score_samples(X)
    errors = []
    for steps in (2, 4, 8):
        model = GibbsSampler(bandwidth=0.9, potential="ou", method=qd.SplitStep(steps, order=2)).fit(X)
        errors.append(float(np.abs(model.score_samples(X) - exact).max()))
    rates = np.log2(np.array(errors[:-1]) / errors[1:])
    assert errors[0] > 1e-5
    assert (np.abs(rates - 2) < 0.15).all()  # the next term is t^4


@pytest.mark.parametrize(("columns", "components"), [(1, None), (2, None), (2, 1)])
def test_the_density_adds_up_to_1_in_the_units_of_the_columns(columns: int, components: int | None) -> None:
    X = table(60, columns)
    model = GibbsSampler(components=components, qubits=6, background=0.2).fit(X)
    low, high = X.min(axis=0) - 6 * X.std(axis=0), X.max(axis=0) + 6 * X.std(axis=0)
    axes = [np.linspace(a, b, 4001 if columns == 1 else 401) for a, b in zip(low, high)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, columns)
    cell = np.prod([axis[1] - axis[0] for axis in axes])
    density = np.exp(model.score_samples(points))
    assert abs(density.sum() * cell - 1) < 2e-3  # tails beyond the box of the sum, and its spacing
    mean = (density[:, None] * points).sum(axis=0) * cell
    np.testing.assert_allclose(mean, X.mean(axis=0), atol=0.02 * X.std(axis=0).max())


def test_samples_have_the_density() -> None:
    X = table(90, 1)
    model = GibbsSampler(background=0.1).fit(X)
    drawn = model.sample(20_000, random_state=3)[:, 0]
    edges = np.quantile(drawn, np.linspace(0.02, 0.98, 25))
    fine = np.linspace(edges[0], edges[-1], 24 * 200 + 1)
    density = np.exp(model.score_samples(fine[:, None]))
    law = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(fine))])
    expected = 20_000 * np.diff(np.interp(edges, fine, law))
    seen = np.histogram(drawn, edges)[0]
    assert ((seen - expected) ** 2 / expected).sum() < 60  # 24 cells: chi^2 is above this once in 10,000
    assert ((seen - expected.mean()) ** 2 / expected.mean()).sum() < 60  # the cells are of equal weight
    np.testing.assert_array_equal(model.sample(5, random_state=1), model.sample(5, random_state=1))
    assert (model.sample(5, random_state=1) != model.sample(5, random_state=2)).all()


def test_a_wide_table_keeps_its_mean_and_covariance_under_the_well() -> None:
    X = load_wine().data
    drawn = GibbsSampler(potential="ou").fit(X).sample(40_000, random_state=0)
    np.testing.assert_allclose(drawn.mean(axis=0), X.mean(axis=0), atol=0.02 * X.std(axis=0).max())
    scale = X.std(axis=0)
    gap = (np.cov(drawn.T, bias=True) - np.cov(X.T, bias=True)) / np.outer(scale, scale)
    assert np.abs(gap).max() < 0.04  # 40,000 draws: .007 each, and the cells of the grid
    assert np.abs(np.corrcoef(X.T) - np.eye(13)).max() > 0.8  # there is a covariance to keep


def still(problem: qd.Problem, method: object, **options: object) -> qd.Trajectory:
    """In place of :func:`qd.evolve`: the points of the start, which nothing has moved."""
    run = qd.evolve(problem.replace(duration=1e-15), qd.SplitStep(1), progress=False)
    assert run.states is not None
    assert np.allclose(run.density[-1], run.density[0], atol=1e-12)
    return run


def test_the_evolution_carries_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Points that nothing has smoothed tell little of new rows: of 10 folds of wine the likelihood falls in each."""
    X = load_wine().data
    moved = cross_val_score(GibbsSampler(), X, cv=10)
    monkeypatch.setattr(estimate, "evolve", still)
    stuck = cross_val_score(GibbsSampler(), X, cv=10)
    assert (moved > stuck + 10).all()


def test_held_out_rows_are_more_likely_than_under_a_normal_law() -> None:
    """Iris has two clouds; both estimates are tuned on the training rows, as the page compares them."""
    X = load_iris().data[np.random.default_rng(0).permutation(150)]
    ours = cross_val_score(GibbsSampler(), X, cv=5).sum() / 150
    widths = {"kerneldensity__bandwidth": np.geomspace(0.05, 2, 12)}
    tuned = GridSearchCV(make_pipeline(PCA(whiten=True), KernelDensity()), widths, cv=5)
    theirs = sum(
        tuned.fit(np.delete(X, part, axis=0)).score(X[part])
        - 0.5 * len(part) * np.log(tuned.best_estimator_[0].explained_variance_).sum()
        for part in np.array_split(np.arange(150), 5)
    )
    normal = cross_val_score(GibbsSampler(background=1 - 1e-9), X, cv=5).sum() / 150
    assert ours > normal + 0.3
    assert abs(ours - theirs / 150) < 0.4


def test_circuits_make_the_same_density() -> None:
    X = table(60, 1)
    plain = GibbsSampler(bandwidth=0.4, qubits=6).fit(X)
    gates = GibbsSampler(bandwidth=0.4, qubits=6, backend="statevector").fit(X)
    np.testing.assert_allclose(gates.score_samples(X), plain.score_samples(X), atol=1e-6)
    options: dict[str, Any] = {"bandwidth": 0.4, "qubits": 6, "backend": "statevector", "shots": 40_000}
    shots = GibbsSampler(**options, random_state=1).fit(X)
    gap = np.abs(shots.score_samples(X) - plain.score_samples(X))
    assert 1e-4 < gap.max() < 0.3
    assert float(np.ravel(shots.run_.diagnostics["success_probability"])[-1]) < 1
    np.testing.assert_array_equal(
        GibbsSampler(**options, random_state=1).fit(X).score_samples(X), shots.score_samples(X)
    )


def test_every_point_has_a_density_with_a_background_and_none_beyond_the_grid_without() -> None:
    X = table(50, 2)
    far = X.mean(axis=0) + 1e4
    assert np.isfinite(GibbsSampler().fit(X).score_samples([far])).all()
    assert GibbsSampler(background=0.0).fit(X).score_samples([far]).tolist() == [-np.inf]
    assert np.isfinite(GibbsSampler(background=0.0).fit(X).score_samples(X)).all()


@pytest.mark.parametrize("unit", [1e-21, 1e12])
def test_units_shift_the_logarithm_and_nothing_else(unit: float) -> None:
    X = table(60, 2)
    plain, other = GibbsSampler(qubits=5).fit(X), GibbsSampler(qubits=5).fit(X * unit)
    np.testing.assert_allclose(other.score_samples(X * unit) + 2 * np.log(unit), plain.score_samples(X), atol=1e-6)
    np.testing.assert_allclose(other.bandwidth_, plain.bandwidth_, rtol=1e-9)
    assert np.ptp(plain.score_samples(X)) > 1  # not vacuous


def test_components_of_two_columns_do_not_hang_on_the_last_bit() -> None:
    """All entries are equal to rounding there: which is the largest decides no sign."""
    matrices = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        rows = table(40, 2, seed)
        near = rows * (1 + 1e-15 * rng.normal(size=rows.shape))
        assert not np.array_equal(rows, near)
        matrices.append([Components.of(each).matrix for each in (rows, near)])
    for matrix, other in matrices:
        np.testing.assert_allclose(matrix, other, rtol=1e-9)


def test_search_pipeline_clone_and_pickle() -> None:
    X = load_iris().data[np.random.default_rng(0).permutation(150)]
    search = GridSearchCV(GibbsSampler(qubits=6), {"bandwidth": [0.35, 1.4]}, cv=3).fit(X)
    assert search.best_params_ == {"bandwidth": 0.35}
    again = clone(search.best_estimator_).fit(X)
    np.testing.assert_array_equal(again.score_samples(X), search.score_samples(X))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(again)).score_samples(X), again.score_samples(X))
    piped = make_pipeline(PCA(2), GibbsSampler(qubits=6)).fit(X)
    assert piped.score(X) > piped.score(X + 2)


def test_a_grid_that_limits_the_bandwidth_shows_it() -> None:
    """Two clouds twelve times narrower than their distance, and one normal cloud."""
    rng = np.random.default_rng(0)
    X = (rng.normal(size=200) * 0.4 + 5 * (np.arange(200) % 2))[:, None]
    coarse, fine = GibbsSampler(qubits=6).fit(X), GibbsSampler().fit(X)
    assert coarse.bandwidth_ == coarse.least_bandwidth_
    assert fine.score(X) > coarse.score(X) + 30
    one = GibbsSampler().fit(rng.normal(size=(400, 1)))
    assert 0.1 < one.bandwidth_ < 0.6  # 1.06 n^(-1/5) = .32 is Silverman's
    assert one.bandwidth_ > 3 * one.least_bandwidth_


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"bandwidth": 0.0}, "bandwidth"),
        ({"bandwidth": 1e-4}, "bandwidth"),
        ({"potential": "harmonic"}, "potential"),
        ({"components": 4}, "components"),
        ({"qubits": 40}, "qubits"),
        ({"background": 1.0}, "background"),
        ({"background": -0.1}, "background"),
        ({"shots": 100}, "shots"),
        ({"method": "krylov"}, "method"),
        ({"method": qd.HamiltonJacobi(5)}, "method"),
    ],
    ids=str,
)
def test_options_that_do_not_fit_are_refused_by_name(options: dict[str, Any], argument: str) -> None:
    with pytest.raises(QMLDynamicsError, match=f"Argument `{argument}` must"):
        GibbsSampler(**options).fit([[0.0], [1.0], [3.0]])


@pytest.mark.parametrize(
    ("rows", "options", "said"),
    [
        ([[1.0, 2.0], [2.0, 2.0], [3.0, 2.0]], {}, "column 1 .of 1 such. holds one value"),
        ([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]], {}, r"its 3 rows span 1 of 2 dimensions.*PCA\(1\)"),
        ([[float(i)] for i in range(60)] + [[1e4]], {"potential": "ou"}, "be 'free' for rows beyond 6"),
    ],
)
def test_rows_without_a_density_are_refused_with_the_remedy(rows: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        GibbsSampler(**options).fit(rows)


@pytest.mark.parametrize("count", [0, -1, 2.5, True])
def test_numbers_of_samples_are_counted(count: Any) -> None:
    model = GibbsSampler(qubits=5).fit([[0.0], [1.0], [3.0]])
    with pytest.raises(ValueError, match="Argument `n_samples` must"):
        model.sample(count)
