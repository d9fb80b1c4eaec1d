"""CSV files: what is read, how it is split, and what is refused."""

import csv
from pathlib import Path

import numpy as np
import pytest

from qml_dynamics.base.errors import ProblemError
from qml_dynamics.model.objectives import Dataset, load_data, neuron

CIRCUITS = Path(__file__).parents[3] / "circuits"
IRIS, WINE = CIRCUITS / "iris_neuron" / "iris.csv", CIRCUITS / "binary_perceptron" / "wine.csv"
PAIR = ("versicolor", "virginica")


@pytest.fixture
def write(tmp_path):
    def inner(text, name="data.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return inner


TOY = "id,a,b,c,kind\nr1,1,5,0,u\nr2,2,5,1,v\nr3,3,5,1,u\nr4,4,5,0,v\nr5,5,5,0,u\nr6,6,5,1,v\n"


def test_the_files_of_the_gallery():
    for path, rows, columns, counts in ((IRIS, 150, 5, [50, 50, 50]), (WINE, 178, 14, [59, 71, 48])):
        with open(path, newline="") as file:
            header, *body = csv.reader(file)
        assert (len(body), len(header)) == (rows, columns)
        labels = [row[-1] for row in body]
        assert [labels.count(name) for name in sorted(set(labels))] == counts
    means = {"sepal_length": 5.8433, "sepal_width": 3.0573, "petal_length": 3.7580, "petal_width": 1.1993}
    with open(IRIS, newline="") as file:
        table = list(csv.DictReader(file))
    for name, mean in means.items():
        assert np.mean([float(row[name]) for row in table]) == pytest.approx(mean, abs=1e-4)


def test_split_is_stratified_standardised_and_seeded():
    data = load_data(IRIS, target="species", classes=PAIR, test_fraction=0.3, seed=4)
    assert isinstance(data, Dataset)
    assert (data.X_train.shape, data.X_test.shape) == ((70, 4), (30, 4))
    assert (data.y_train.sum(), data.y_test.sum()) == (35, 15)
    assert data.X_train.mean(axis=0) == pytest.approx(0, abs=1e-12)
    assert data.X_train.std(axis=0) == pytest.approx(1)
    assert np.abs(data.X_test.mean(axis=0)).max() > 1e-3
    assert data.classes == PAIR
    assert data.features == ("sepal_length", "sepal_width", "petal_length", "petal_width")
    again = load_data(IRIS, target="species", classes=PAIR, test_fraction=0.3, seed=4)
    other = load_data(IRIS, target="species", classes=PAIR, test_fraction=0.3, seed=5)
    assert np.array_equal(again.X_train, data.X_train)
    assert not np.array_equal(other.X_train, data.X_train)


def test_training_and_test_rows_are_the_rows_of_the_file():
    data = load_data(IRIS, target="species", classes=PAIR, test_fraction=0.25)
    with open(IRIS, newline="") as file:
        rows = [row for row in csv.reader(file) if row[-1] in PAIR]
    wanted = sorted([*map(float, row[:4]), PAIR.index(row[-1])] for row in rows)
    both = np.concatenate([data.X_train, data.X_test]) * data.scale + data.mean
    found = np.column_stack([both, np.concatenate([data.y_train, data.y_test])])
    assert np.array(sorted(found.round(9).tolist())) == pytest.approx(np.array(wanted))


def test_order_of_classes_and_one_against_the_rest():
    swapped = load_data(IRIS, target="species", classes=PAIR[::-1], test_fraction=0)
    assert swapped.classes == PAIR[::-1]
    assert swapped.y_train.tolist() == [1] * 50 + [0] * 50
    rest = load_data(IRIS, target="species", positive="setosa", test_fraction=0)
    assert rest.classes == ("not setosa", "setosa")
    assert rest.y_train.tolist() == [1] * 50 + [0] * 100


def test_best_columns_by_correlation_on_the_training_rows():
    data = load_data(IRIS, target="species", classes=PAIR, num_features=2, test_fraction=0)
    assert data.features == ("petal_length", "petal_width")
    wine = load_data(WINE, target="cultivar", classes=("class_0", "class_1"), num_features=5, seed=1)
    full = load_data(WINE, target="cultivar", classes=("class_0", "class_1"), seed=1)
    strength = [abs(np.corrcoef(column, full.y_train)[0, 1]) for column in full.X_train.T]
    best = sorted(np.argsort(strength)[-5:])
    assert wine.features == tuple(full.features[i] for i in best)
    assert wine.X_train == pytest.approx(full.X_train[:, best])


def test_correlation_does_not_look_at_the_test_rows(write):
    body = "".join(f"{i % 2 + 0.1 * (i % 5)},{(i * 7) % 11},{'uv'[i % 2]}\n" for i in range(40))
    path = write("good,noise,kind\n" + body)
    data = load_data(path, target="kind", num_features=1, test_fraction=0.5, seed=2)
    assert data.features == ("good",)
    lines = path.read_text().splitlines()
    held_out = {f"{v:g}" for v in (data.X_test * data.scale + data.mean)[:, 0].round(6)}
    assert len(held_out) > 1
    full = load_data(path, target="kind", test_fraction=0.5, seed=2)
    noise_test = (full.X_test * full.scale + full.mean).round(6)
    for good, noise in noise_test:  # spoil `good` in the test rows only: the choice stays
        rows = [i for i, line in enumerate(lines) if line.startswith(f"{good:.1f},{noise:.0f},")]
        for i in rows:
            lines[i] = f"1000,{noise:.0f},{lines[i].rsplit(',', 1)[1]}"
    spoiled = load_data(write("\n".join(lines) + "\n"), target="kind", num_features=1, test_fraction=0.5, seed=2)
    assert spoiled.X_test.max() > 100
    assert spoiled.features == ("good",)


def test_text_and_constant_columns_are_left_out_and_named_constant_ones_keep_scale_one(write):
    assert load_data(write(TOY), target="kind", test_fraction=0).features == ("a", "c")
    data = load_data(write(TOY), target="kind", features=["a", "b", "c"], test_fraction=0)
    assert data.features == ("a", "b", "c")
    assert data.scale[1] == 1.0
    assert data.X_train[:, 1].tolist() == [0.0] * 6
    assert data.classes == ("u", "v")
    assert data.X_test.shape == (0, 3)
    assert data.y_test.shape == (0,)


def test_chosen_features_keep_the_order_asked_for(write):
    data = load_data(write(TOY), target="kind", features=["c", "a"], test_fraction=0)
    assert data.features == ("c", "a")
    assert data.mean.tolist() == [0.5, 3.5]


def test_spaces_blank_lines_and_a_byte_order_mark(write):
    path = write("\ufeffa, kind\n1, u\n\n3, v\n")
    data = load_data(str(path), target="kind", test_fraction=0)
    assert (data.mean.tolist(), data.classes) == ([2.0], ("u", "v"))


def test_a_class_of_one_row_stays_in_training(write):
    data = load_data(write("a,kind\n1,u\n2,v\n3,v\n4,v\n5,v\n"), target="kind", test_fraction=0.9)
    assert sorted(data.y_train.tolist()) == [0, 1]
    assert data.y_test.tolist() == [1, 1, 1]


def test_classes_may_be_numbers(write):
    data = load_data(write("a,k\n1,0\n2,1\n3,2\n4,1\n"), target="k", classes=[0, 1], test_fraction=0)
    assert data.classes == ("0", "1")
    assert data.y_train.tolist() == [0, 1, 1]


def test_neuron_learns_iris():
    data = load_data(IRIS, target="species", classes=("setosa", "versicolor"), num_features=2)
    loss = neuron(data.X_train, data.y_train)
    w = np.zeros((1, 2))
    for _ in range(200):
        w -= loss.gradient(w)
    assert loss.score(w[0], data.X_test, data.y_test) == 1.0


REFUSED = {
    "target": ({"target": "kinds"}, "`target` must be a column of the file, but is 'kinds'. Did you mean 'kind'"),
    "feature": ({"features": ["a", "bb"]}, "`features` must be a column of the file, but is 'bb'. Did you mean 'b'"),
    "text": (
        {"features": ["a", "id"]},
        "`features` must be finite numbers, in column `id` too, but is of 'r1' in row 2",
    ),
    "twice": ({"features": ["a", "a"]}, "`features` must be a list of different columns"),
    "no list": ({"features": "a"}, "`features` must be a list of different columns, but is 'a'"),
    "target in": ({"features": ["a", "kind"]}, "`features` must not contain the target"),
    "both": (
        {"features": ["a"], "num_features": 1},
        "`num_features` must be absent where `features` is given, but is 1",
    ),
    "too many": ({"num_features": 4}, "`num_features` must be an integer between 1 and 2, but is 4"),
    "fraction 1": ({"test_fraction": 1.0}, r"`test_fraction` must be in \[0, 1\), but is 1.0"),
    "fraction < 0": ({"test_fraction": -0.1}, r"`test_fraction` must be in \[0, 1\), but is -0.1"),
    "fraction": ({"test_fraction": "half"}, "`test_fraction` must be a number, but is 'half'"),
    "seed": ({"seed": -1}, "`seed` must be an integer between 0"),
    "class": ({"classes": ("u", "w")}, "`classes` must be one of u, v, but is 'w'"),
    "one class": ({"classes": ("u", "u")}, "`classes` must be two different classes"),
    "positive": ({"positive": "w"}, "`positive` must be one of u, v, but is 'w'"),
    "either": ({"positive": "u", "classes": ("u", "v")}, "`positive` must be absent where `classes` is given"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_options_are_refused(case, write):
    options, message = REFUSED[case]
    with pytest.raises(ProblemError, match=message) as caught:
        load_data(write(TOY), **{"target": "kind", **options})
    assert "\n" not in str(caught.value)


BAD_FILES = {
    "empty": ("", "`path` must have a header and at least one row, but is of 0 lines"),
    "only a header": ("a,kind\n", "`path` must have a header and at least one row, but is of 1 lines"),
    "a bad number": ("a,kind\n1,u\nx2,v\n", "in column `a` too, but is of 'x2' in row 3"),
    "a missing number": ("a,kind\n1,u\n,v\n", "in column `a` too, but is of '' in row 3"),
    "nan": ("a,kind\n1,u\nNaN,v\n", "in column `a` too, but is of 'NaN' in row 3"),
    "infinite": ("a,kind\n1,u\n\n-inf,v\n", "in column `a` too, but is of '-inf' in row 4"),
    "one class": ("a,kind\n1,u\n2,u\n", "`target` must have two classes, but is of one: u"),
    "no class": ("a,kind\n1,u\n2,\n", "`target` must have no missing values, but is of an empty one in row 3"),
    "three classes": ("a,kind\n1,u\n2,v\n3,w\n", "Set `classes` or `positive`: column `kind` has 3 classes: u, v, w"),
    "short row": ("a,kind\n1,u\n2\n", "`path` must have 2 values in row 3, but is of 1 there"),
    "same columns": ("a,a,kind\n1,1,u\n2,2,v\n", "columns of different names, but is of two called 'a'"),
    "text only": ("a,kind\nx,u\ny,v\n", "`path` must have a numeric column beside the target"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_files_are_refused(case, write):
    text, message = BAD_FILES[case]
    with pytest.raises(ProblemError, match=message) as caught:
        load_data(write(text), target="kind")
    assert "\n" not in str(caught.value)


def test_files_that_are_missing_or_no_text(tmp_path):
    with pytest.raises(ProblemError, match=r"`path` must be a CSV file that exists, but is .*nowhere\.csv"):
        load_data(tmp_path / "nowhere.csv", target="kind")
    with pytest.raises(ProblemError, match="`path` must be a CSV file that exists"):
        load_data(tmp_path, target="kind")
    with pytest.raises(ProblemError, match="`path` must be the name of a file, but is 3"):
        load_data(3, target="kind")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00a,b\n")
    with pytest.raises(ProblemError, match="`path` must be a readable CSV file"):
        load_data(tmp_path / "binary.csv", target="kind")


def test_one_class_against_the_rest_needs_a_rest(write):
    with pytest.raises(ProblemError, match="Column `kind` must hold two classes, but all rows are 'u'"):
        load_data(write("a,kind\n1,u\n2,u\n"), target="kind", positive="u")


def test_a_long_path_is_named_in_full(tmp_path):
    folder = tmp_path / ("d" * 100)
    folder.mkdir()
    with pytest.raises(ProblemError, match=r"that exists, but is '.*d{100}.iris\.csv'\.$"):
        load_data(folder / "iris.csv", target="kind")
