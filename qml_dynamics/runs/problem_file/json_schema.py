"""The JSON schema of problem files (draft 2020-12), from the models of the sections, the registry and the signatures of the losses.

Editors complete keys and names by it and mark wrong ones. It is not stricter than the reader; what no schema can say (ranges, lengths
that must agree, files that must be there) the reader says.
"""

from __future__ import annotations

import builtins
import collections.abc
import inspect
import sys
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from ...base.arguments import checks_arguments
from ...base.codec import required
from ...base.entry_points import offered
from ...base.kinds import alternatives
from ...base.registry import (
    ALIASES,
    ARRAY_WAVE,
    METHODS,
    OPTIONS_OF_BEFORE,
    PARTS,
    SCHEDULE_PAIRS,
    SCHEDULES,
    WAVES,
    at,
)
from ...model.objectives.registry import NAMED
from ...model.objectives.tables import ising, qubo
from ...model.schedules import schedule_names
from . import schema as models
from .editors import TITLE

DRAFT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]
_PLAIN: Mapping[object, Schema] = {
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    bool: {"type": "boolean"},
}


@checks_arguments
def schema() -> dict[str, Any]:
    """The JSON schema of problem files, draft 2020-12: sections, keys, and the names of losses, schedules, waves and methods with
    their options, as this installation knows them.

    Every file that :func:`qml_dynamics.read_problem` accepts is valid; unknown sections, keys, names and values of another kind are not.
    ``qml-dynamics schema --out problem.schema.json`` writes it, and a problem file whose first line is
    ``#:schema ./problem.schema.json`` is checked while it is written, in editors with Taplo (TOML for Visual Studio Code, Zed, Helix).
    Source: JSON Schema, draft 2020-12, core and validation.

    Returns:
        Plain data, for ``json.dump``.

    >>> sections = schema()["properties"]
    >>> list(sections)[:3], "split_step" in sections["method"]["properties"]["kind"]["anyOf"][0]["enum"]
    (['domain', 'objective', 'operator'], True)
    """
    return {
        "$schema": DRAFT,
        "title": TITLE,
        "description": "H(t) = -D(t) L + s(t) zeta(w) on a weight space, or an operator of Pauli strings; what is run, and where.",
        "type": "object",
        "properties": _sections(),
        "required": ["evolution"],
        "additionalProperties": False,
        "if": {"required": ["operator"]},
        "then": {"properties": {"objective": False, "diffusion": False}},
        "else": {"required": ["domain", "objective", "diffusion"]},
    }


def _sections() -> dict[str, Schema]:
    made = {
        "domain": _by_key("kind", {kind: _model(model) for kind, model in models.DOMAINS.items()}),
        "objective": _objective(),
        "operator": _operator(),
        "diffusion": _schedule(),
        "strength": _schedule(),
        "evolution": _model(models.EvolutionSection),
        "initial": _initial(),
        "method": _method(),
        "backend": _model(models.BackendSection),
    }
    return {name: {"description": _SAYS[name], **made[name]} for name in models.SECTIONS}


_SAYS = {
    "domain": "The weight space: a grid with 2^qubits points an axis, or a hypercube of binary weights.",
    "objective": "The loss zeta(w): a named function, an expression, a model on data, a table, or a function of one's own.",
    "operator": "A sum of Pauli strings in place of domain, objective and diffusion.",
    "diffusion": "D(t), the learning noise: a value or a schedule.",
    "strength": "s(t), by which the loss or the operator is multiplied (default: 1).",
    "evolution": "The clock (real, imaginary or classical) and the duration.",
    "initial": "The initial wave (default: uniform).",
    "method": "How it is run where no option says otherwise.",
    "backend": "Where circuits are run where no option says otherwise.",
}


def _model(model: type[models.Section]) -> Schema:
    """A section as pydantic describes it."""
    return model.model_json_schema()


def _by_key(key: str, kinds: Mapping[str, Schema]) -> Schema:
    """One schema for each value of a key."""
    rules = [
        {"if": {"properties": {key: {"const": kind}}, "required": [key]}, "then": one} for kind, one in kinds.items()
    ]
    return {"type": "object", "properties": {key: {"enum": list(kinds)}}, "required": [key], "allOf": rules}


def _params(names: Iterable[str], needed: Iterable[str] = ()) -> Schema:
    """A table of parameters by name."""
    return {
        "type": "object",
        "properties": dict.fromkeys(names, True),
        "required": list(needed),
        "additionalProperties": False,
    }


def _objective() -> Schema:
    known = {**NAMED, "ising": ising, "qubo": qubo}
    named = _model(models.NamedSection)
    named["properties"]["name"]["enum"] = list(known)
    named["allOf"] = [
        _rule("name", name, "params", _params([*_arguments(make), "unit_box"])) for name, make in known.items()
    ]
    data = _model(models.DataSection)
    data["properties"]["target"] = {"anyOf": [{"type": "string"}, _model(models.TargetTable)]}
    table = _model(models.TableSection)
    model = _model(models.ModelTable)
    model["properties"]["data"] = _model(models.PreparationTable)
    table["properties"]["model"] = model
    kinds = {"name": named, "data": data, "table": table}
    kinds |= {key: _model(one) for key, one in models.OBJECTIVES.items() if key not in kinds}
    rules = [_keyed(key, kinds[key], "table" if key == "name" else None) for key in models.OBJECTIVES]
    return {"type": "object", "allOf": rules, "anyOf": [{"required": [key]} for key in models.OBJECTIVES]}


def _keyed(key: str, then: Schema, unless: str | None) -> Schema:
    """What holds where a key is there, and another one is not."""
    given: Schema = {"required": [key]}
    return {"if": given if unless is None else {**given, "not": {"required": [unless]}}, "then": then}


def _rule(key: str, value: str, then: str, schema_: Schema) -> Schema:
    """What one key must be where another one has a value."""
    return {"if": {"properties": {key: {"const": value}}, "required": [key]}, "then": {"properties": {then: schema_}}}


def _arguments(make: object) -> list[str]:
    assert callable(make)
    return list(inspect.signature(make).parameters)


def _operator() -> Schema:
    """The section, whose terms have schedules as ``[strength]`` has."""
    section, term = _model(models.OperatorSection), _model(models.OperatorTerm)
    term["properties"]["schedule"] = {"enum": schedule_names()}
    term["allOf"] = _schedule_rules()
    section["properties"]["terms"] = {"type": "array", "items": term}
    return section


def _schedule_rules() -> list[Schema]:
    """The parameters of each schedule."""
    return [
        _rule(
            "schedule", name, "params", _params([f.name for f in fields(at(place))] + ["value"] * (name == "constant"))
        )
        for name, place in {**SCHEDULES, **SCHEDULE_PAIRS}.items()
    ]


def _schedule() -> Schema:
    section = _model(models.ScheduleSection)
    section["properties"]["schedule"]["enum"] = schedule_names()
    section["allOf"] = _schedule_rules()
    return {"type": "object", "if": {"required": ["schedule"]}, "then": section, "else": _model(models.ValueSection)}


def _initial() -> Schema:
    section = _model(models.InitialSection)
    section["properties"]["kind"] = {"enum": list(WAVES)}
    section["allOf"] = [
        _rule(
            "kind",
            kind,
            "params",
            _params([f.name for f in fields(at(place)) if f.init], () if kind == ARRAY_WAVE else required(at(place))),
        )
        for kind, place in WAVES.items()
    ]
    needing = [kind for kind, place in WAVES.items() if kind != ARRAY_WAVE and required(at(place))]
    section["allOf"].append(
        {
            "if": {"properties": {"kind": {"enum": needing}}, "required": ["kind"]},
            "then": {"required": ["params"]},
        }
    )
    section["allOf"].append(
        {"if": {"properties": {"kind": {"not": {"const": ARRAY_WAVE}}}}, "then": {"properties": {"array": False}}}
    )
    return section


def _method() -> Schema:
    """Every method with its options; of those of other packages the names only, so that none of their code is loaded."""
    others = [name for name in offered("method") if name not in METHODS]
    spelled = {name: [name, *(alias for alias, meant in ALIASES.items() if meant == name)] for name in METHODS}
    patterns = {name: f"^({'|'.join(map(_any_case, names))})$" for name, names in spelled.items()}
    kinds = {
        "anyOf": [{"enum": [*METHODS, *others]}, *({"pattern": pattern} for pattern in patterns.values())],
        "type": "string",
    }
    rules = [
        {"if": {"properties": {"kind": {"pattern": patterns[name]}}, "required": ["kind"]}, "then": _options(name)}
        for name in METHODS
    ]
    return {"type": "object", "properties": {"kind": kinds}, "required": ["kind"], "allOf": rules}


def _any_case(name: str) -> str:
    """A name in any case, with hyphens or underscores, as the reader takes it."""
    return "".join("[-_]" if c == "_" else f"[{c.lower()}{c.upper()}]" if c.isalpha() else c for c in name)


def _options(name: str) -> Schema:
    cls = at(METHODS[name])
    hints = typing.get_type_hints(cls, localns=_Names({**vars(builtins), **vars(sys.modules[cls.__module__])}))
    properties = {f.name: _option(f.name, hints.get(f.name, Any)) for f in fields(cls) if f.init}
    properties |= {old: properties[new] for old, new in OPTIONS_OF_BEFORE.get(name, {}).items()}
    summary = " ".join((cls.__doc__ or name).split("\n\n")[0].split())
    return {
        "description": summary,
        "properties": {"kind": True, **properties},
        "required": ["kind", *required(cls)],
        "additionalProperties": False,
    }


class _Names(dict[str, Any]):
    """The names that annotations use; one that is not there at run time stands for anything."""

    def __missing__(self, name: str) -> object:
        return Any


def _option(name: str, hint: object) -> Schema:
    """An option of a method: a part that has a name, a method inside it, or what its annotation says."""
    parts = {kind: part for kind, part in PARTS.items() if part.option == name}
    if parts:
        whole = [_rule_of_part(kind, part.cls) for kind, part in parts.items() if not part.read]
        table = {"type": "object", "properties": {"kind": {"type": "string"}}, "allOf": whole}
        return {"anyOf": [{"type": ["number", "string"]}, table]}
    if name == "method":
        return {"$ref": "#/properties/method"}
    return _annotated(hint)


def _rule_of_part(kind: str, place: str) -> Schema:
    known = [f.name for f in fields(at(place))]
    return {
        "if": {"properties": {"kind": {"pattern": f"^{_any_case(kind)}$"}}, "required": ["kind"]},
        "then": _params(["kind", *known]),
    }


def _annotated(hint: object) -> Schema:
    """The schema of an annotation; anything where it is no plain data. TOML has no word for None."""
    kinds = [kind for kind in alternatives(hint) if kind is not types.NoneType]
    if len(kinds) > 1:
        each = [_annotated(kind) for kind in kinds]
        return {} if {} in each else {"anyOf": each}
    origin, inner = typing.get_origin(kinds[0]), typing.get_args(kinds[0])
    if kinds[0] in _PLAIN:
        return dict(_PLAIN[kinds[0]])
    if origin is typing.Literal:
        return {"enum": list(inner)}
    if origin in (tuple, list, collections.abc.Sequence):
        return {"type": "array", "items": _annotated(inner[0])} if len(set(inner) - {...}) == 1 else {"type": "array"}
    return {}
