"""Losses on the rows of a file: how a row of the file becomes a row of the model, and models as plain data.

A module of its own beside `data` (which reads files) and `models` (which knows matrices): what is here is stored with every run on
data, so that trained weights predict on new rows of the file's own units and names, later and elsewhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...base.arguments import checks_arguments
from ...base.errors import ProblemError, integer, one_of, real, require
from ...base.printing import printed_briefly
from ..tables.again import check_kinds, rows_like
from ..tables.reading import POLICIES, Table
from .base import Model, Objective
from .classifiers import BinaryClassifier, Network, Neuron, OnUnitBox, Perceptron, on_box
from .data import Dataset
from .models import network, neuron, perceptron

MODELS: dict[str, Callable[..., Objective]] = {"neuron": neuron, "network": network, "perceptron": perceptron}
OPTIONS = {"neuron": ("l2", "bias"), "network": ("l2", "bias", "hidden"), "perceptron": ("loss",)}
_CLASSES: dict[str, type[BinaryClassifier]] = {"neuron": Neuron, "network": Network, "perceptron": Perceptron}


@printed_briefly
@dataclass(frozen=True)
class Preparation:
    """How a row of the file becomes a row of the model, ``x = (row - mean) / scale``, and what the two labels are called.

    Attributes:
        features: the columns, in the order of the model.
        mean, scale: of the training rows, one a column.
        classes: the names of the labels 0 and 1 of the loss; of a network those of all its outputs.
        target: the column of the class.
        rest: whether ``classes[0]`` stands for every label but ``classes[1]``.
        test_fraction, seed: of the split into training and test rows.
        rows: how many training and test rows there were.
        kinds: how features that are no plain numbers were read (see :func:`~qml_dynamics.model.tables.again.kinds_of`).
        missing: what becomes of missing values: with ``"mean"`` they take ``mean``, else they are refused in new rows.
    """

    features: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    classes: tuple[str, ...]
    target: str = ""
    rest: bool = False
    test_fraction: float = 0.0
    seed: int = 0
    rows: tuple[int, int] = (0, 0)
    kinds: Mapping[str, Sequence[str]] = field(default_factory=dict, hash=False)
    missing: str = "refuse"

    def __post_init__(self) -> None:
        count = len(self.features)
        for name in ("mean", "scale"):
            values = tuple(real(v, name) for v in getattr(self, name))
            require(len(values) == count, name, f"have one number for each of {count} features", f"of {len(values)}")
            object.__setattr__(self, name, values)
        require(all(v > 0 for v in self.scale), "scale", "be positive", list(self.scale))
        object.__setattr__(self, "kinds", check_kinds(self.kinds, self.features))
        one_of(self.missing, "missing", POLICIES)

    @classmethod
    def of(cls, data: Dataset) -> Preparation:
        """That of a data set."""
        mean, scale = tuple(data.mean.tolist()), tuple(data.scale.tolist())
        split = (data.test_fraction, data.seed, (len(data.y_train), len(data.y_test)))
        return cls(data.features, mean, scale, data.classes, data.target, data.rest, *split, data.kinds, data.missing)

    def rows_of(self, table: Table, argument: str) -> np.ndarray:
        """The features of all rows of a table, in the units of the file: columns by name, read as those of the training data were."""
        return rows_like(table, self.features, self.kinds, argument, self.mean if self.missing == "mean" else None)

    def transform(self, rows: np.ndarray) -> np.ndarray:
        """Rows in the units of the file, shape ``(n, features)``, as rows of the model."""
        fits = rows.ndim == 2 and rows.shape[1] == len(self.features)
        require(fits, "X", f"have {len(self.features)} columns ({', '.join(self.features)})", f"of shape {rows.shape}")
        return np.asarray((rows - np.array(self.mean)) / np.array(self.scale))


@checks_arguments
def on_data(data: Dataset, model: str = "neuron", **options: Any) -> Objective:
    """The loss of a model on the training rows of a data set, which remembers how a row of the file becomes one of the model.

    Its ``predict`` and ``score`` take rows of the data set (``X_test``) and say 0 or 1; ``predict`` and ``score`` of a run on it take
    rows in the units of the file and say the names of the classes.

    Args:
        data: from :func:`load_data`.
        model: ``"neuron"``, ``"network"`` or ``"perceptron"``.
        options: of that model: ``l2``, ``bias``, ``hidden``, ``loss``.

    Raises:
        ProblemError: for an unknown model or option, and as the function of the model does.

    >>> import pathlib, tempfile
    >>> from qml_dynamics.model.objectives import load_data
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "toy.csv")
    ...     _ = path.write_text("height,kind\\n1.0,cat\\n3.0,dog\\n")
    ...     loss = on_data(load_data(path, target="kind", test_fraction=0), bias=True)
    >>> loss.preparation.features, loss.preparation.mean, loss.model.num_weights
    (('height',), (2.0,), 2)
    """
    make = MODELS[one_of(model, "model", MODELS)]
    for name in options:
        one_of(name, "options", OPTIONS[model])
    return dataclasses.replace(make(data.X_train, data.y_train, **options), preparation=Preparation.of(data))


def model_spec(objective: Objective) -> dict[str, Any] | None:
    """The model of a loss as plain data, with the preparation of its rows; None for no model, or one of a person's own.

    >>> model_spec(neuron([[1.0], [-1.0]], ["yes", "no"]))
    {'kind': 'neuron', 'classes': ['no', 'yes'], 'num_features': 1, 'bias': False}
    """
    model, scaled = objective.model, {}
    if isinstance(model, OnUnitBox):
        scaled = {"low": list(model.low), "lengths": list(model.lengths)}
        model = model.inner
    kind = next((name for name, cls in _CLASSES.items() if type(model) is cls), None)
    if kind is None or not isinstance(model, BinaryClassifier):
        return None
    own = {f.name: getattr(model, f.name) for f in dataclasses.fields(model)}
    found = {"kind": kind, **own, "classes": list(model.classes), **scaled}
    if objective.preparation is not None:
        found["data"] = preparation_spec(objective.preparation)
    return {name: found[name] for name in ("kind", "classes", *(n for n in found if n not in ("kind", "classes")))}


def preparation_spec(preparation: Preparation) -> dict[str, Any]:
    """The preparation of rows as plain data."""
    data = dataclasses.asdict(preparation)
    kinds = {name: list(words) for name, words in data.pop("kinds").items()}
    if data["missing"] == "refuse":  # as before where there is nothing to say
        del data["missing"]
    said = {name: list(v) if isinstance(v, tuple) else v for name, v in data.items()}
    return {**said, **({"kinds": kinds} if kinds else {})}


def with_model(objective: Objective, spec: Mapping[str, Any], ndim: int) -> Objective:
    """The objective with the model that :func:`model_spec` described.

    Raises:
        ProblemError: a model of another number of weights, or a part of it that does not fit.

    >>> table = Objective(lambda w: w[:, 0], "table")
    >>> with_model(table, model_spec(neuron([[1.0], [-1.0]], ["yes", "no"])), 1).predict(np.array([1.0]), np.array([[2.0]]))
    array(['yes'], dtype='<U3')
    """
    cls = _CLASSES[one_of(spec["kind"], "kind", _CLASSES)]
    classes = list(spec["classes"])
    require(len(classes) == 2 and classes[0] != classes[1], "classes", "be two different labels", classes)
    count = integer(spec["num_features"], "num_features", 1, 10**6)
    own = {f.name for f in dataclasses.fields(cls)} - {"classes", "num_features"}
    given = {name: spec[name] for name in ("bias", "hidden") if spec.get(name) is not None}
    for name in given:
        require(name in own, name, f"be absent for the model {spec['kind']}", given[name])
    if "hidden" in given:
        integer(given["hidden"], "hidden", 1, 1000)
    inner = cls((classes[0], classes[1]), count, **given)
    many = inner.num_weights
    require(many == ndim, "model", f"have {ndim} weights, as the domain has", f"of {many} weights")
    model: Model | None = inner
    if spec.get("low") is not None or spec.get("lengths") is not None:
        model = on_box(inner, _numbers(spec.get("low"), "low", ndim), _numbers(spec.get("lengths"), "lengths", ndim))
    return dataclasses.replace(objective, model=model, preparation=_preparation(spec.get("data"), count))


def _numbers(values: Any, name: str, count: int) -> list[float]:
    listed = isinstance(values, Sequence) and not isinstance(values, str)
    require(listed and len(values) == count, name, f"be {count} numbers", values)
    return [real(v, name) for v in values]


def _preparation(data: Mapping[str, Any] | None, count: int) -> Preparation | None:
    return None if data is None else preparation_from_spec(data, count, 2)


def preparation_from_spec(data: Mapping[str, Any], count: int, classes: int) -> Preparation:
    """What :func:`preparation_spec` described, of so many features and classes; raises :class:`ProblemError` for another one."""
    require(len(data["features"]) == count, "features", f"be {count} columns", list(data["features"]))
    for name, many in (("classes", classes), ("rows", 2)):
        must = "be two" if many == 2 else f"be {many}"
        require(name not in data or len(data[name]) == many, name, must, data.get(name))
    given: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in data.items()}
    return Preparation(**given)


def refuse_without_model(objective: Objective | None) -> Objective:
    """An objective that has a model; raises :class:`ProblemError` for another."""
    if objective is None or objective.model is None:
        what = "of an operator" if objective is None else f"of the objective `{objective.name}`"
        raise ProblemError(
            f"A run {what} has no model, which predictions need: only losses of models on data have one."
        )
    return objective
