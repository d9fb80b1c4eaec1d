"""The ``[objective]`` section: a named function, an expression, data with a model, a table, or one's own function.

A module of its own beside `building`: one section of the file, with keys of its own for each kind of loss.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ...base.archive import read_npy
from ...base.errors import QMLDynamicsError, describe
from ...base.places import PASS, Place
from ...model import objectives
from ...model.domains import Domain
from ...model.objectives import Dataset, Objective
from ...model.objectives.prepared import OPTIONS, with_model
from . import schema
from .messages import fail, nearest, one_line, within
from .schema import check

Arrays = Mapping[str, np.ndarray]


def find_array(section: str, key: str, name: str, arrays: Arrays, place: Place) -> np.ndarray:
    """The array called ``name``: one of ``arrays``, or a ``.npy`` file of ``place``."""
    if name in arrays:
        return arrays[name]
    path = None if place.folder is None else place.file(section, key, name)
    if path is None or not os.path.isfile(path):  # a pipe or a device is none, and the name may be of any length
        fail(section, f"{key} must be a .npy file that exists, but is {describe(name)}.")
    return read_npy(path, f"[{section}] {key} must be a .npy file of numbers, but {name} is not")


Found = tuple[Objective, Dataset | None]


def objective_from_spec(data: object, domain: Domain, arrays: Arrays, place: Place) -> Found:
    """The objective of a section, and its data set where it has one.

    It is tried on the first points of the domain, so that a wrong number of weights is told here and not in the run.
    """
    objective, dataset = _build(data, domain, arrays, place)
    with within("objective"):
        objective(domain.points_at(np.arange(min(4, domain.size))))
    return objective, dataset


def _build(data: object, domain: Domain, arrays: Arrays, place: Place) -> Found:
    data = schema.require_table("objective", data)
    kind = _which(data)
    section = check("objective", schema.OBJECTIVES[kind], data)
    with within("objective", {"path": "data"}):
        if isinstance(section, schema.NamedSection):
            return objectives.named(section.name, **section.params), None
        if isinstance(section, schema.ExpressionSection):
            return objectives.expression(section.expression, domain.ndim), None
        if isinstance(section, schema.TableSection):
            return _table(section, domain, arrays, place), None
        if isinstance(section, schema.DataSection):
            return _on_data(section, domain, place)
        assert isinstance(section, schema.FunctionSection)
        return _function(section.function, place), None


def _which(data: Mapping[str, object]) -> str:
    """The one key that says what kind of objective this is (a table may have a name too)."""
    present = [key for key in schema.OBJECTIVES if key in data]
    if "table" in present and "name" in present:
        present.remove("name")
    if len(present) == 1:
        return present[0]
    listed = ", ".join(schema.OBJECTIVES)
    if not present:
        hint = next((h for h in (nearest(key, schema.OBJECTIVES) for key in data) if h), "")
        fail("objective", f"must have one of the keys {listed}.{hint}")
    fail("objective", f"must have only one of the keys {listed}, but has {' and '.join(present)}.")


def _table(section: schema.TableSection, domain: Domain, arrays: Arrays, place: Place) -> Objective:
    values: Any = section.table
    if isinstance(values, str):
        values = find_array("objective", "table", values, arrays, place)
    with within("objective", {"values": "table"}):
        objective = objectives.from_table(values, domain)
    objective = dataclasses.replace(
        objective, name=section.name, spec={} if section.name != "table" else objective.spec
    )
    if section.model is None:
        return objective
    stated = check("objective", schema.ModelTable, section.model)
    said = {**stated.model_dump(), "data": None}
    if stated.data is not None:
        said["data"] = check("objective", schema.PreparationTable, stated.data).model_dump()
    return with_model(objective, said, domain.ndim)


def _on_data(section: schema.DataSection, domain: Domain, place: Place) -> Found:
    if place.folder is None:
        fail("objective", "data must be a file beside a problem file: give `folder`.")
    target = section.target
    if isinstance(target, str):
        target = {"column": target}
    parsed = check("objective", schema.TargetTable, target)
    features = len(section.features) if section.features is not None else _feature_count(section, domain)
    try:
        data = objectives.load_data(
            place.file("objective", "data", section.data),
            target=parsed.column,
            features=section.features,
            num_features=None if section.features is not None else features,
            classes=parsed.classes,
            positive=parsed.positive,
            test_fraction=section.test_fraction,
            seed=section.seed,
            missing=section.missing,
            separator=section.separator,
            decimal=section.decimal,
            header=section.header,
            encoding=section.encoding,
        )
    except QMLDynamicsError as error:
        if str(error).startswith("Argument `num_features`"):
            fail("objective", f"data must have {features} numeric columns for {domain.ndim} weights: {one_line(error)}")
        raise
    objective = objectives.on_data(data, section.model, **_options(section))
    needed = objective.model.num_weights  # type: ignore[union-attr]
    if needed != domain.ndim:
        fail(
            "objective", f"model has {needed} weights on {len(data.features)} features, but [domain] has {domain.ndim}."
        )
    return objective, data


def _options(section: schema.DataSection) -> dict[str, Any]:
    """The options of the model, those of other models refused."""
    given = {
        key: getattr(section, key) for key in ("l2", "bias", "hidden", "loss") if getattr(section, key) is not None
    }
    for key in given:
        if key not in OPTIONS[section.model]:
            fail(
                "objective",
                f"{key} must be absent, since model {section.model!r} takes {', '.join(OPTIONS[section.model])}.",
            )
    return given


def _feature_count(section: schema.DataSection, domain: Domain) -> int:
    """How many features leave as many weights as the domain has."""
    weights, options = domain.ndim, _options(section)
    if section.model != "network":
        count = weights - bool(options.get("bias", False))
        if count < 1:
            fail("objective", "bias must be false where [domain] has one weight.")
        return count
    hidden, bias = options.get("hidden", 2), options.get("bias", True)
    count, rest = divmod(weights - hidden - (hidden + 1) * bias, hidden) if hidden > 0 else (0, 1)
    if rest or count < 1:
        few = hidden * 2 + (hidden + 1) * bias if hidden > 0 else 0
        fail(
            "objective",
            f"hidden must suit the domain of {weights} weights, but a network of {hidden} hidden units "
            f"has {few} weights with one feature and {hidden} more with each other one.",
        )
    return count


_MISSING = object()


def _function(name: str, place: Place) -> Objective:
    """A loss of the file's author, where running it is allowed; nothing else of a problem file is ever run.

    Without permission its module is not even looked for.
    """
    module_name, _, attribute = name.partition(":")
    valid = all(part.isidentifier() for part in module_name.split(".")) and attribute.isidentifier()
    if not valid:
        fail("objective", f'function must be a text "module:function", but is {describe(name)}.')
    if not place.allow_code:
        fail("objective", f"function {describe(name)} is code of the file's author: {PASS} to run it.")
    try:
        module = _import(module_name, place.folder)
        found, public = getattr(module, attribute, _MISSING), [n for n in vars(module) if not n.startswith("_")]
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        text = f": {one_line(error)}" if str(error) else ""
        fail("objective", f"function must be importable, but {module_name} is not: {type(error).__name__}{text}.")
    if found is _MISSING:
        hint = nearest(attribute, public)
        fail("objective", f"function must be in its module, but {module_name} has no `{attribute}`.{hint}")
    if isinstance(found, Objective):
        return found
    if not callable(found):
        fail("objective", f"function must be callable, but {name} is {describe(found)}.")
    return Objective(found, attribute)


def _import(name: str, folder: Path | None) -> ModuleType:
    """A module in the folder, by its place, so that two folders may each have one of the same name; else an installed one."""
    path = None if folder is None else folder.joinpath(*name.split(".")).with_suffix(".py")
    if path is None or not path.is_file():
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None  # a .py file always has a loader
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(folder))
    try:
        spec.loader.exec_module(module)
    finally:
        with suppress(ValueError):  # the module may have taken it out itself
            sys.path.remove(str(folder))
    return module
