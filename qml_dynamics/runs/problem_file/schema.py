"""The sections of a problem file as typed models: which keys there are, and what each must be.

The description of a field completes the sentence "[section] key must be ...", so that every message names its key.
Ranges (qubits between 1 and 30, and so on) are checked by the objects that are built from the sections.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...base.errors import describe
from .messages import fail, nearest

Number = int | float
Numbers = Number | list[Number]
_TARGET = "a column, or {column = ..., classes = [...]}, or {column = ..., positive = ...}"


def _is(what: str) -> Any:
    return Field(description=what)


class Section(BaseModel):
    """What all sections share: unknown keys are refused, nothing is converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True)


class GridSection(Section):
    """``[domain] kind = "grid"``."""

    kind: Literal["grid"]
    bounds: Annotated[list[Number] | list[list[Number]], _is("a pair [low, high], or one such pair an axis")]
    qubits: Annotated[int | list[int] | None, _is("an integer, or one integer an axis")] = None
    points: Annotated[int | list[int] | None, _is("an integer, or one integer an axis")] = None
    boundary: Literal["periodic", "walls"] = "periodic"
    twist: Annotated[Numbers, _is("a number, or one number an axis")] = 0.0
    encoding: Literal["binary", "onehot", "none"] = "binary"


class HypercubeSection(Section):
    """``[domain] kind = "hypercube"``."""

    kind: Literal["hypercube"]
    num_weights: Annotated[int, _is("an integer")]
    values: Annotated[list[Number], _is("two numbers")] = [-1, 1]


class TargetTable(Section):
    """``target = {column = ..., classes = [...]}`` or ``{column = ..., positive = ...}``."""

    column: Annotated[str, _is("the name of a column")]
    classes: Annotated[list[bool | str | Number] | None, _is("a list of two classes")] = None
    positive: Annotated[bool | str | Number | None, _is("one class")] = None


class NamedSection(Section):
    """``[objective] name = ...``: one of the named functions."""

    name: Annotated[str, _is("the name of a function")]
    params: Annotated[dict[str, Any], _is("a table of parameters")] = Field(default_factory=dict)


class ExpressionSection(Section):
    """``[objective] expression = "x0**2 + ..."``."""

    expression: Annotated[str, _is("an arithmetic text over x0, x1, ...")]


class DataSection(Section):
    """``[objective] data = "file.csv"``, in the folder of the problem file, with a target column and a model."""

    data: Annotated[str, _is("the name of a table: CSV and the like, or Parquet")]
    target: Annotated[str | dict[str, Any], _is(_TARGET)]
    model: Literal["neuron", "network", "perceptron"] = "neuron"
    features: Annotated[list[str] | None, _is("a list of columns")] = None
    test_fraction: Annotated[Number, _is("a number from 0 up to 1")] = 0.3
    seed: Annotated[int, _is("an integer that is not negative")] = 0
    l2: Annotated[Number | None, _is("a number that is not negative")] = None
    hidden: Annotated[int | None, _is("an integer from 1 on")] = None
    bias: Annotated[bool | None, _is("true or false")] = None
    loss: Annotated[str | None, _is("the name of a loss")] = None
    missing: Literal["refuse", "drop", "mean"] = "refuse"
    separator: Annotated[str | None, _is("a character, or comma, semicolon, tab, pipe or blank")] = None
    decimal: Literal[".", ","] | None = None
    header: Annotated[bool | None, _is("true or false")] = None
    encoding: Annotated[str | None, _is("the name of an encoding")] = None


class TableSection(Section):
    """``[objective] table = "file.npy"``, or its values as nested lists."""

    table: Annotated[str | list[Any], _is("the name of a .npy file, or nested lists of numbers")]
    name: Annotated[str, _is("a name")] = "table"
    model: Annotated[dict[str, Any] | None, _is("a table that says what the weights are those of")] = None


class ModelTable(Section):
    """``[objective] model = {kind = ..., ...}`` beside a table: the model whose loss the table holds."""

    kind: Literal["neuron", "network", "perceptron"]
    classes: Annotated[list[bool | Number | str], _is("a list of two labels")]
    num_features: Annotated[int, _is("an integer from 1 on")]
    bias: Annotated[bool | None, _is("true or false")] = None
    hidden: Annotated[int | None, _is("an integer from 1 on")] = None
    low: Annotated[list[Number] | None, _is("a number a weight, where the domain is the unit box")] = None
    lengths: Annotated[list[Number] | None, _is("a number a weight, where the domain is the unit box")] = None
    data: Annotated[dict[str, Any] | None, _is("a table that says how rows of a file become rows of the model")] = None


class PreparationTable(Section):
    """``data = {...}`` of a :class:`ModelTable`: columns, standardisation, classes and split of the file it was trained on."""

    features: Annotated[list[str], _is("a list of columns")]
    mean: Annotated[list[Number], _is("a number a column")]
    scale: Annotated[list[Number], _is("a positive number a column")]
    classes: Annotated[list[str], _is("a list of two names")]
    target: Annotated[str, _is("the name of a column")] = ""
    rest: Annotated[bool, _is("true or false")] = False
    test_fraction: Annotated[Number, _is("a number from 0 up to 1")] = 0.0
    seed: Annotated[int, _is("an integer that is not negative")] = 0
    rows: Annotated[list[int], _is("how many rows there were to train and to test")] = Field(
        default_factory=lambda: [0, 0]
    )
    kinds: Annotated[dict[str, list[str]], _is("a table from features to how they were read")] = Field(
        default_factory=dict
    )
    missing: Literal["refuse", "drop", "mean"] = "refuse"


class FunctionSection(Section):
    """``[objective] function = "module:function"``, from the problem's folder or the Python path, with ``allow_code`` only."""

    function: Annotated[str, _is('a text "module:function"')]


class ValueSection(Section):
    """``[diffusion] value = ...``."""

    value: Annotated[Number, _is("a number")]


class ScheduleSection(Section):
    """``[diffusion] schedule = ...``; which names there are depends on the packages that are installed."""

    schedule: Annotated[str, _is("the name of a schedule")]
    params: Annotated[dict[str, Any], _is("a table of parameters")] = Field(default_factory=dict)


class EvolutionSection(Section):
    """``[evolution]``."""

    clock: Literal["real", "imaginary", "classical"]
    duration: Annotated[Number, _is("a positive number")]


class InitialSection(Section):
    """``[initial]``."""

    kind: Literal["uniform", "gaussian", "point_mass", "state", "circuit", "sparse_state", "custom"]
    params: Annotated[dict[str, Any], _is("a table of parameters")] = Field(default_factory=dict)
    array: Annotated[str | None, _is("the name of a .npy file")] = None


class OperatorTerm(Section):
    """``[[operator.terms]]``: a sum of Pauli strings and its schedule; constant where none is named."""

    labels: Annotated[list[str] | None, _is("a list of Pauli labels")] = None
    coefficients: Annotated[list[Number] | None, _is("a list of numbers")] = None
    file: Annotated[str | None, _is("the name of a file that holds a sum of Pauli strings")] = None
    dataset: Annotated[str | None, _is("the name of a data set of the HDF5 file")] = None
    schedule: Annotated[str | None, _is("the name of a schedule")] = None
    params: Annotated[dict[str, Any] | None, _is("a table of parameters")] = None
    value: Annotated[Number | None, _is("a number")] = None


class OperatorSection(Section):
    """``[operator]``: a sum of Pauli strings in place of domain and objective; qubit 0 is the last letter, ``wires`` are labels of the
    qubits from the first letter on. Labels and coefficients, or a file (and the data set of an HDF5 file), or terms with schedules."""

    labels: Annotated[list[str] | None, _is("a list of Pauli labels")] = None
    coefficients: Annotated[list[Number] | None, _is("a list of numbers")] = None
    file: Annotated[str | None, _is("the name of a file that holds a sum of Pauli strings")] = None
    dataset: Annotated[str | None, _is("the name of a data set of the HDF5 file")] = None
    terms: Annotated[list[dict[str, Any]] | None, _is("tables of labels, coefficients and a schedule")] = None
    num_qubits: Annotated[int | None, _is("an integer")] = None
    wires: Annotated[list[int | str] | None, _is("a list of labels, integers or strings, one a qubit")] = None


class BackendSection(Section):
    """``[backend]``."""

    name: Annotated[str | None, _is("the name of a backend")] = None
    options: Annotated[dict[str, Any], _is("a table of options")] = Field(default_factory=dict)
    shots: Annotated[int | None, _is("a positive integer")] = None
    seed: Annotated[int | None, _is("an integer that is not negative")] = None


DOMAINS: dict[str, type[Section]] = {"grid": GridSection, "hypercube": HypercubeSection}
OBJECTIVES: dict[str, type[Section]] = {
    "table": TableSection,
    "data": DataSection,
    "expression": ExpressionSection,
    "function": FunctionSection,
    "name": NamedSection,
}
SECTIONS = ("domain", "objective", "operator", "diffusion", "strength", "evolution", "initial", "method", "backend")

S = TypeVar("S", bound=Section)


def check(section: str, model: type[S], data: object) -> S:
    """``data`` as ``model``; raises :class:`ProblemError` in one line that names section and key."""
    data = require_table(section, data)
    try:
        return model.model_validate(dict(data))
    except ValidationError as error:
        errors = error.errors(include_url=False)
    unknown = [e["loc"][0] for e in errors if e["type"] == "extra_forbidden"]
    if unknown:
        fail(section, f"has no key `{unknown[0]}`.{nearest(unknown[0], model.model_fields)}")
    first = errors[0]
    key = str(first["loc"][0])
    must = _must_be(model, key)
    if first["type"] == "missing":
        fail(section, f"{key} must be given: {must}.")
    given = data[key]
    fail(section, f"{key} must be {must}, but is {describe(given)}.{nearest(given, _choices(model, key))}")


def require_table(section: str, data: object) -> Mapping[str, object]:
    """The section; refused where it is not a table of keys."""
    if not isinstance(data, Mapping):
        fail(section, f"must be a table of keys, but is {describe(data)}.")
    return data


def _choices(model: type[Section], key: str) -> tuple[str, ...]:
    annotation = model.model_fields[key].annotation
    return tuple(getattr(annotation, "__args__", ())) if getattr(annotation, "__origin__", None) is Literal else ()


def _must_be(model: type[Section], key: str) -> str:
    choices = _choices(model, key)
    return f"one of {', '.join(choices)}" if choices else str(model.model_fields[key].description)
