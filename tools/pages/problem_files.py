"""The reference of problem files: every section and key with its type, default, unit, meaning and an example, from the schema.

Types and defaults are those of `runs/problem_file/schema.py`, parameters of schedules, waves and methods those of their classes.
What a key means, and in which unit, is said in `words.toml`; a key without words is one that the suite names.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import tomllib
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic_core import PydanticUndefined

from qml_dynamics.base.registry import EXAMPLES, METHODS, PARTS, PARTS_OF_BEFORE, SCHEDULES, WAVES, at, method_class
from qml_dynamics.cli.entries import entries_of
from qml_dynamics.methods.catalogue import row
from qml_dynamics.model.schedules import QHD
from qml_dynamics.runs.problem_file import schema
from qml_dynamics.runs.sweeps.file import KEYS as SWEEP_KEYS

from .docstrings import Parts, fields_of
from .public import summary

# Section of the page, and the model of its keys.
TABLES: dict[str, type[schema.Section]] = {
    "domain: grid": schema.GridSection,
    "domain: hypercube": schema.HypercubeSection,
    "objective: name": schema.NamedSection,
    "objective: expression": schema.ExpressionSection,
    "objective: data": schema.DataSection,
    "objective: table": schema.TableSection,
    "objective: table, model": schema.ModelTable,
    "objective: table, model, data": schema.PreparationTable,
    "objective: function": schema.FunctionSection,
    "target of data": schema.TargetTable,
    "operator": schema.OperatorSection,
    "operator: terms": schema.OperatorTerm,
    "diffusion and strength: value": schema.ValueSection,
    "diffusion and strength: schedule": schema.ScheduleSection,
    "evolution": schema.EvolutionSection,
    "initial": schema.InitialSection,
    "backend": schema.BackendSection,
}
WORDS: dict[str, dict[str, Any]] = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))
INTRO = """# Problem files

Every section and key of `problem.toml`. `qml-dynamics new NAME` writes a commented file that runs, `qml-dynamics run NAME` runs it;
`qd.read_problem` and `qd.write_problem` do both in Python. Unknown sections and keys are refused with the nearest name.

A file needs `[domain]`, `[objective]`, `[diffusion]` and `[evolution]`, or `[operator]` and `[evolution]`; the other sections have
defaults. Units follow from two choices: a unit of the weights and one of the loss. With Planck's constant over $2\\pi$ equal to 1, time is
counted in 1 / loss and the diffusion in loss x weight^2.

```python
>>> import tempfile
>>> from pathlib import Path
>>> import qml_dynamics as qd
>>> file = Path(tempfile.mkdtemp()) / "problem.toml"
>>> _ = file.write_text('''
... [domain]
... kind = "grid"
... bounds = [-3, 3]
... qubits = 5
... [objective]
... expression = "(x0**2 - 1)**2"
... [diffusion]
... value = 0.3
... [evolution]
... clock = "imaginary"
... duration = 2.0
... [method]
... kind = "split_step"
... steps = 100
... ''')
>>> said = qd.read_problem(file)
>>> run = qd.evolve(said.problem, said.method)
>>> bool(run.expectations["energy"].value[-1] < run.expectations["energy"].value[0])
True

```

This page is made from the schema that checks the files: `python -m tools.pages` writes it anew.
"""


def page() -> str:
    """The whole page as Markdown."""
    parts = [INTRO]
    head = ("key", "type", "default", "unit", "meaning", "example")
    for name, model in TABLES.items():
        parts.append("\n\n".join((f"## {_heading(name)}", WORDS[name]["before"], _table(head, keys(name, model)))))
        if name == "diffusion and strength: schedule":
            parts.append(_schedules())
        if name == "initial":
            parts.append(_waves())
    parts += [_methods(), _sweeps()]
    return "\n".join(parts)


def _heading(name: str) -> str:
    section, colon, rest = name.partition(": ")
    words = [f"`[{word}]`" for word in section.split(" and ")] if " of " not in section else [section.capitalize()]
    return " and ".join(words) + (f", {rest}" if colon else "")


def keys(name: str, model: type[schema.Section]) -> Iterator[tuple[str, ...]]:
    """The rows of a table: a key that has no words here shows what the schema says it must be."""
    for key, field in model.model_fields.items():
        meaning, unit, example = WORDS.get(name, {}).get(key, (str(field.description or ""), "", ""))
        default = _default(field)
        yield f"`{key}`", type_of(field.annotation), default, unit, meaning, f"`{example}`"


def _default(field: Any) -> str:
    if field.default_factory is not None:
        made = field.default_factory()
        return "empty" if not made else f"`{toml(made)}`"
    if field.default is PydanticUndefined:
        return "must be given"
    return "absent" if field.default is None else f"`{toml(field.default)}`"


def type_of(annotation: object) -> str:
    """A type in words.

    >>> type_of(int | list[int]), type_of(Literal["a", "b"]), type_of(dict[str, object])
    ('integer, or list of integers', '`"a"`, `"b"`', 'table')
    """
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return ", ".join(f'`"{choice}"`' for choice in inner)
    if origin in (types.UnionType, typing.Union):
        if {int, float} <= set(inner):
            others = [each for each in inner if each not in (int, float)]
            return ", or ".join([*(type_of(each) for each in others if each is not type(None)), "number"])
        return ", or ".join(type_of(each) for each in inner if each is not type(None))
    if origin is list:
        return f"list of {_several(type_of(inner[0]))}"
    if origin is dict or annotation is dict:
        return "table"
    plain = {int: "integer", float: "number", str: "text", bool: "true or false", Any: "anything", object: "anything"}
    return plain.get(typing.cast(type, annotation), "anything")


def _several(word: str) -> str:
    many = {
        "integer": "integers",
        "number": "numbers",
        "text": "texts",
        "anything": "values",
        "true or false": "truth values",
    }
    words = word.split(", or ")
    return " or ".join(many.get(each, each.replace("list", "lists", 1)) for each in words)


def toml(value: object) -> str:
    """A value as a problem file writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name} = {toml(inner)}' for name, inner in value.items())}}}"
    return repr(value)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for each in rows:
        cells = (cell.replace("|", "\\|").replace("``", "") for cell in each)  # an empty example leaves two marks
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def plain(text: str) -> str:
    """Words of a docstring as Markdown."""
    text = re.sub(
        r":[a-z]+:`[~.!]*([^`<]+?)(?: *<[^>]*>)?`", lambda match: f"`{match.group(1).rpartition('.')[2]}`", text
    )
    return " ".join(text.replace("``", "`").split())


def parameters(cls: type) -> Iterator[tuple[str, str, str]]:
    """Name, default and meaning of what a class is made with."""
    parts = Parts(inspect.getdoc(cls) or "")
    told = {**fields_of(parts.sections.get("Attributes", {})), **fields_of(parts.sections.get("Args", {}))}
    for field in dataclasses.fields(cls):
        if field.init:
            given = field.default is dataclasses.MISSING
            default = "must be given" if given else "absent" if field.default is None else f"`{toml(field.default)}`"
            yield f"`{field.name}`", default, plain(told.get(field.name, "")) or WORDS["parameters"].get(field.name, "")


def _schedules() -> str:
    parts = ["### Schedules\n"]
    for entry in entries_of("schedules"):
        if entry.name in (*SCHEDULES, "qhd"):
            cls = QHD if entry.name == "qhd" else at(SCHEDULES[entry.name])
            both = (
                " A pair: under `[diffusion]` it sets the strength too, where that is absent."
                if entry.name == "qhd"
                else ""
            )
            parts.append(f"`{entry.name}`: {plain(summary(cls))}{both} Example: `{entry.example}`.\n")
            parts.append(_table(("parameter", "default", "meaning"), parameters(cls)))
    return "\n".join(parts)


def _waves() -> str:
    parts = ["### Initial waves\n"]
    for name, place in WAVES.items():
        cls = at(place)
        rows = list(parameters(cls))
        parts.append(f"`{name}`: {plain(summary(cls))}\n")
        parts += [_table(("parameter", "default", "meaning"), rows)] if rows else []
    return "\n".join(parts)


def _methods() -> str:
    parts = [
        "## `[method]`\n",
        "The default method of the file; absent: [that of the clock and the backend](methods.md). `kind` is its name, and the other"
        " keys are its options. A part of a method (an ansatz, a growth) is its name or a table with a `kind`.\n",
    ]
    for name in METHODS:
        cls, found = method_class(name), row(name)
        example = toml({"kind": name, **EXAMPLES[name]}).strip("{}")
        parts.append(f"### `{name}`\n\n{plain(summary(cls))} Example: `{example}`.\n")
        assert set(found.options) >= {field.name for field in dataclasses.fields(cls) if field.init}
        parts.append(_table(("option", "default", "meaning"), parameters(cls)))
    parts.append("### Parts of methods\n")
    for name, part in PARTS.items():
        made = ", ".join(inspect.signature(at(part.make)).parameters)
        before = " ".join(
            f"A file that leaves `{key}` out means `{value!r}`." for key, value in PARTS_OF_BEFORE.get(name, {}).items()
        )
        parts.append(
            f"- `{name}`, for the option `{part.option}`: {plain(summary(at(part.make)))} Options: {made or 'none'}. {before}".rstrip()
        )
    return "\n".join([*parts, ""])


def _sweeps() -> str:
    said = {key: WORDS["sweep.toml"].get(key, ("", "", "")) for key in SWEEP_KEYS}
    table = _table(
        ("key", "meaning", "example"), [(f"`{key}`", means, f"`{line}`") for key, (means, _, line) in said.items()]
    )
    return f"## `sweep.toml`\n\nThe file of [a sweep](sweeps.md), beside the problem file that it names.\n\n{table}"
