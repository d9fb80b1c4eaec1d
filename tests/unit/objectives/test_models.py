"""Losses on data: against plain loops, finite differences and hand-computed values."""

import math
import tracemalloc

import numpy as np
import pytest

from qml_dynamics.base.errors import ProblemError
from qml_dynamics.model.domains import Hypercube
from qml_dynamics.model.objectives import models, network, neuron, perceptron

GENERATOR = np.random.default_rng(11)
X = GENERATOR.normal(size=(17, 3))
Y = np.where(X @ [1.0, -2.0, 0.5] + 0.5 * GENERATOR.normal(size=17) > 0, "yes", "no")
SIGNS = np.where(Y == "yes", 1.0, -1.0)

MAKERS = {
    "neuron": lambda: neuron(X, Y),
    "neuron with bias and l2": lambda: neuron(X, Y, l2=0.3, bias=True),
    "perceptron": lambda: perceptron(X, Y),
    "perceptron hinge": lambda: perceptron(X, Y, loss="hinge"),
    "network": lambda: network(X, Y, hidden=4, l2=0.2),
    "network without bias": lambda: network(X, Y, hidden=2, bias=False),
}


def margin_of(name, w, x):
    """``z`` by plain loops, from the documented layout."""
    w = list(w)
    if name.startswith("neuron"):
        return sum(a * b for a, b in zip(w, x)) + (w[3] if "bias" in name else 0.0)
    if name.startswith("perceptron"):
        return sum(a * b for a, b in zip(w, x)) / math.sqrt(3)
    h, bias = (2, False) if "without" in name else (4, True)
    W, rest = [w[3 * k : 3 * k + 3] for k in range(h)], w[3 * h :]
    b, v, c = (rest[:h], rest[h : 2 * h], rest[2 * h]) if bias else ([0.0] * h, rest, 0.0)
    units = [math.tanh(sum(a * b_ for a, b_ in zip(W[k], x)) + b[k]) for k in range(h)]
    return sum(v[k] * units[k] for k in range(h)) + c


def loss_of(name, w):
    term = (lambda m: max(0.0, 1 - m)) if "hinge" in name else (lambda m: math.log(1 + math.exp(-m)))
    mean = sum(term(s * margin_of(name, w, x)) for s, x in zip(SIGNS, X)) / len(X)
    l2 = {"neuron with bias and l2": 0.3, "network": 0.2}.get(name, 0.0)
    return mean + l2 / 2 * sum(a * a for a in w)


def weights_for(objective, count=6):
    return np.random.default_rng(7).normal(size=(count, objective.model.num_weights))


@pytest.mark.parametrize("name", MAKERS)
def test_loss_is_that_of_plain_loops(name):
    objective = MAKERS[name]()
    w = weights_for(objective)
    assert objective(w) == pytest.approx([loss_of(name, row) for row in w], rel=1e-12)


@pytest.mark.parametrize("name", MAKERS)
def test_gradient_is_that_of_finite_differences(name):
    objective = MAKERS[name]()
    w = weights_for(objective)
    shifts = np.eye(w.shape[1]) * 1e-6
    wanted = np.stack([(objective(w + s) - objective(w - s)) / 2e-6 for s in shifts], axis=1)
    assert objective.gradient(w) == pytest.approx(wanted, abs=2e-9)
    assert np.abs(wanted).max() > 0.1


@pytest.mark.parametrize("name", MAKERS)
def test_predict_probability_and_score_are_those_of_plain_loops(name):
    objective = MAKERS[name]()
    w = weights_for(objective)
    z = np.array([[margin_of(name, row, x) for x in X] for row in w])
    labels = np.where(z >= 0, "yes", "no")
    assert (objective.predict(w, X) == labels).all()
    assert (objective.predict(w[0], X) == labels[0]).all()
    assert objective.model.probability(w, X) == pytest.approx(1 / (1 + np.exp(-z)))
    assert objective.model.probability(w[1], X).shape == (17,)
    shares = [sum(a == b for a, b in zip(row, Y)) / 17 for row in labels]
    assert objective.model.score(w, X, Y) == pytest.approx(shares)
    assert objective.score(w[2], X, Y) == shares[2]
    assert isinstance(objective.score(w[2], X, Y), float)
    assert len(set(shares)) > 1


@pytest.mark.parametrize("name", MAKERS)
def test_blocks_do_not_change_the_answer(name, monkeypatch):
    objective = MAKERS[name]()
    w = weights_for(objective, 9)
    values, slopes = objective(w), objective.gradient(w)
    for block in (1, 7, 60):
        monkeypatch.setattr(models, "BLOCK", block)
        assert objective(w) == pytest.approx(values, rel=1e-13)
        assert objective.gradient(w) == pytest.approx(slopes, rel=1e-11, abs=1e-13)


def test_memory_is_bounded():
    rows = np.random.default_rng(0).normal(size=(20_000, 2))
    objective = network(rows, rows[:, 0] > 0, hidden=8)
    w = weights_for(objective, 300)  # one array of (weights, rows, hidden) would be 384 MB
    tracemalloc.start()
    objective(w)
    objective.gradient(w)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * 2**20


def test_neuron_by_hand():
    loss = neuron([[1.0, 2.0], [3.0, -1.0]], [5, 2])  # s = +1, -1
    w = np.array([[0.5, 0.25]])  # z = 1, 1.25
    assert loss(w)[0] == pytest.approx((math.log(1 + math.exp(-1)) + math.log(1 + math.exp(1.25))) / 2, rel=1e-14)
    assert loss(np.zeros((1, 2)))[0] == pytest.approx(math.log(2))
    assert loss.predict(np.array([1.0, 0.0]), np.array([[1.0, 0.0], [-1.0, 0.0]])).tolist() == [5, 2]


def test_margins_without_overflow():
    with np.errstate(all="raise", under="ignore"):
        loss = neuron([[1.0], [-1.0]], [1, 0])
        w = np.array([[1e5], [-1e5]])
        assert loss(w) == pytest.approx([0.0, 1e5])
        assert loss.gradient(w) == pytest.approx(np.array([[0.0], [-1.0]]))
        assert loss.model.probability(w, np.array([[1.0]])) == pytest.approx(np.array([[1.0], [0.0]]))


def test_perceptron_on_the_hypercube():
    rows = np.array([[1.0, 1.0, -1.0], [-1.0, 1.0, 1.0], [1.0, -1.0, -1.0], [-1.0, -1.0, 1.0]])
    labels = np.array([1, 0, 1, 0])  # the sign of the first feature, or of minus the third
    domain = Hypercube(3)
    errors = perceptron(rows, labels, loss="error")
    table = errors.on(domain).reshape(-1)
    wrong = [np.mean((rows @ w >= 0) != (labels == 1)) for w in domain.points]
    assert table == pytest.approx(wrong)
    assert 1 - table == pytest.approx(errors.model.score(domain.points, rows, labels))
    assert table.min() == 0.0
    assert table.max() == 1.0
    smooth = perceptron(rows, labels).on(domain).reshape(-1)
    assert smooth.min() == pytest.approx(np.mean(np.log1p(np.exp(-np.array([1, 3, 3, 1]) / math.sqrt(3)))))


def test_ties_of_the_error_loss_agree_with_predict():
    errors = perceptron([[1.0, 1.0], [1.0, 1.0]], ["a", "b"], loss="error")
    w = np.array([1.0, -1.0])
    assert errors.predict(w, np.ones((1, 2))).tolist() == ["b"]
    assert errors(w[None])[0] == 0.5 == 1 - errors.score(w, np.ones((2, 2)), np.array(["a", "b"]))


def test_error_loss_has_no_gradient():
    with pytest.raises(ProblemError, match="`perceptron` has no gradient with loss='error'"):
        perceptron(X, Y, loss="error").gradient(np.ones((1, 3)))


def test_numbers_of_weights():
    counts = {name: make().model.num_weights for name, make in MAKERS.items()}
    assert counts == {
        "neuron": 3,
        "neuron with bias and l2": 4,
        "perceptron": 3,
        "perceptron hinge": 3,
        "network": 21,
        "network without bias": 8,
    }


@pytest.mark.parametrize("labels", [[0, 1, 1], [-1, 1, 1], [2.5, 7.0, 7.0], ["a", "b", "b"], [False, True, True]])
def test_any_two_labels_the_second_is_positive(labels):
    loss = neuron([[-1.0], [1.0], [2.0]], labels)
    predicted = loss.predict(np.array([3.0]), np.array([[-1.0], [1.0]]))
    assert predicted.tolist() == labels[:2]
    assert loss.model.classes == tuple(labels[:2])


@pytest.mark.parametrize("make", [neuron, perceptron, network])
def test_bad_data_is_refused(make):
    with pytest.raises(ProblemError, match=r"`X` must be a matrix with rows and columns, but is of shape \(17,\)"):
        make(X[:, 0], Y)
    with pytest.raises(ProblemError, match=r"`X` must be a matrix with rows and columns, but is of shape \(0, 3\)"):
        make(X[:0], Y[:0])
    with pytest.raises(ProblemError, match="`X` must be finite"):
        make(np.where(X[3, 1] == X, np.nan, X), Y)
    with pytest.raises(ProblemError, match="`X` must be a matrix of numbers"):
        make([["a", "b"]], ["yes"])
    with pytest.raises(ProblemError, match=r"`y` must have one label for each of 17 rows, but is of shape \(16,\)"):
        make(X, Y[:-1])
    with pytest.raises(ProblemError, match="`y` must have exactly two classes, but is of 1: 1"):
        make(X, np.ones(17, dtype=int))
    with pytest.raises(ProblemError, match="`y` must have exactly two classes, but is of 3: 0, 1, 2"):
        make(X, np.arange(17) % 3)
    with pytest.raises(ProblemError, match="`y` must be numbers or words, none missing"):
        make(X, np.where(np.arange(17) == 4, np.nan, SIGNS))
    with pytest.raises(ProblemError, match=r"takes .* weights, but the points have 40"):
        make(X, Y)(np.zeros((2, 40)))


def test_bad_options_are_refused():
    with pytest.raises(ProblemError, match="`l2` must be a number that is not negative, but is -1"):
        neuron(X, Y, l2=-1)
    with pytest.raises(ProblemError, match="`bias` must be true or false, but is 2"):
        neuron(X, Y, bias=2)
    with pytest.raises(ProblemError, match="`hidden` must be an integer between 1 and 1000, but is 0"):
        network(X, Y, hidden=0)
    with pytest.raises(
        ProblemError, match=r"`loss` must be one of logistic, hinge, error, but is 'hing'. Did you mean 'hinge'"
    ):
        perceptron(X, Y, loss="hing")


def test_bad_weights_and_data_for_the_model_are_refused():
    model = neuron(X, Y).model
    with pytest.raises(ProblemError, match=r"`w` must have 3 weights in its last axis, but is of shape \(2,\)"):
        model.predict(np.zeros(2), X)
    with pytest.raises(ProblemError, match=r"`X` must have 3 columns, but is of shape \(17, 2\)"):
        model.probability(np.zeros(3), X[:, :2])
    with pytest.raises(ProblemError, match=r"`y` must have 17 labels, but is of shape \(4,\)"):
        model.score(np.zeros(3), X, Y[:4])
    with pytest.raises(ProblemError, match="`y` must have at least one label"):
        model.score(np.zeros(3), X[:0], Y[:0])


@pytest.mark.parametrize("classes", [(0, 1), (-1, 1), ("no", "yes")])
def test_labels_of_a_model_are_scored_by_text_or_value(classes):
    X = np.array([[1.0], [2.0], [-1.0]])
    loss, y = neuron(X, [classes[1], classes[1], classes[0]]), np.array([classes[1], classes[0], classes[0]])
    many = np.array([[1.0], [-1.0]])
    for given in (y, y.astype(str), y.tolist()):
        assert loss.score(many[0], X, given) == pytest.approx(2 / 3)
        np.testing.assert_allclose(loss.score(many, X, given), [2 / 3, 1 / 3])
    with pytest.raises(ProblemError, match=r"^Argument `y` must be one of .*, but is 'a'\.$"):
        loss.score(many[0], X, ["a", "b", "c"])
