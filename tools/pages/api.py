"""The reference of public names as reStructuredText: one page a subject, every class with its fields, properties and methods."""

from __future__ import annotations

import ast
import dataclasses
import functools
import importlib
import inspect
import itertools
import pkgutil
import re
from collections.abc import Callable, Mapping
from enum import EnumMeta
from types import ModuleType

from .docstrings import Parts, body, fields_of, inline, section
from .public import PACKAGE, TITLES, Name, members, page_of, public_modules, public_names, summary, title

HEADER = ".. Made by tools/pages from the docstrings of the library.\n"


class _Dots:
    def __repr__(self) -> str:
        return "..."


def pages() -> dict[str, str]:
    """File name to text: one a page, and ``index.rst``, which lists every name in one line."""
    names, modules = public_names(), public_modules()
    known = targets(names)
    found = sorted({each.page for each in names} | {page_of(path) for path in modules}, key=_order)
    texts = {f"{page}.rst": _page(page, [n for n in names if n.page == page], modules, known) for page in found}
    return {**texts, "index.rst": _index(found, names)}


def _order(page: str) -> tuple[int, str]:
    return (list(TITLES).index(page) if page in TITLES else len(TITLES), page)


def targets(names: list[Name]) -> dict[str, str]:
    """The shortest ways of naming what is documented, to its full name; what several things are called is none of them."""
    found: dict[str, set[str]] = {}
    for each in names:
        full = [each.full, *(f"{each.full}.{inner}" for inner in members(each.thing))]
        for path in full:
            words = path.removeprefix(f"{PACKAGE}.").split(".")
            for start in range(len(words)):
                found.setdefault(".".join(words[start:]), set()).add(path)
    out = {short: next(iter(paths)) for short, paths in found.items() if len(paths) == 1}
    return {**out, **{each.name: each.full for each in names if each.module == PACKAGE}}


def _index(found: list[str], names: list[Name]) -> str:
    lines = [HEADER, "API reference", "=============", ""]
    lines += [
        "Every public name, on the page of its subject. ``import qml_dynamics as qd`` is assumed on all of them.",
        "",
    ]
    lines += [".. toctree::", "   :maxdepth: 1", "", *(f"   {page}" for page in found), "   commands", "   modules", ""]
    for page in (each for each in found if any(n.page == each for n in names)):
        lines += [*_heading(title(page), "-"), ".. list-table::", "   :widths: 35 65", ""]
        for each in sorted((n for n in names if n.page == page), key=lambda n: (n.module, n.name.lower())):
            shown = each.full.removeprefix(f"{PACKAGE}.")
            said = " ".join(inline(summary(each.thing), {}).split()) or "A constant."
            lines += [f"   * - :py:obj:`{shown} <{each.full}>`", f"     - {said}"]
        lines.append("")
    return "\n".join(lines)


def _heading(text: str, line: str) -> list[str]:
    return [text, line * len(text), ""]


def _page(page: str, names: list[Name], modules: Mapping[str, ModuleType], known: Mapping[str, str]) -> str:
    lines = [HEADER, *_heading(title(page), "=")]
    here = {each.module for each in names} | {path for path in modules if page_of(path) == page}
    for module in sorted(here, key=lambda m: (m != PACKAGE, m)):
        lines += [f".. py:{'currentmodule' if module == PACKAGE else 'module'}:: {module}", ""]
        if module != PACKAGE:
            lines += [*_heading(f"``{module}``", "-"), *_description(modules[module], known)]
        if not any(each.module == module for each in names):
            lines += _inside(modules.get(module))
        for each in sorted((n for n in names if n.module == module), key=lambda n: n.name.lower()):
            lines += entry(each, known)
    return "\n".join(lines)


def _inside(package: ModuleType | None) -> list[str]:
    """The modules of a package that lists no names of its own, each by its first line."""
    lines = []
    for found in pkgutil.iter_modules(getattr(package, "__path__", ())):
        assert package is not None
        module = importlib.import_module(f"{package.__name__}.{found.name}")
        lines += [f"- ``{module.__name__}``: {inline(summary(module), {})}"]
    return [*lines, ""]


def _description(module: ModuleType, known: Mapping[str, str]) -> list[str]:
    return body(Parts(module.__doc__ or "").body, known)


def entry(each: Name, known: Mapping[str, str]) -> list[str]:
    """A name with all that is known of it."""
    also = f"Also found as {', '.join(f'``{other}``' for other in each.others)}."
    return [*_entry(each, known), *([f"   {also}", ""] if each.others else [])]


def _entry(each: Name, known: Mapping[str, str]) -> list[str]:
    if inspect.isclass(each.thing):
        return _class(each, known)
    if callable(each.thing):
        return _function("function", each.name, each.thing, known, each.full)
    shown = repr(each.thing)
    value = [f"   :value: {shown}"] if len(shown) <= 80 else []
    holds = "" if value else ", ".join(map(str, each.thing)) if isinstance(each.thing, dict) else ""
    said = [f"   A table of {len(each.thing)}: {inline(holds, {})}.", ""] if isinstance(each.thing, dict) else []
    return [f".. py:data:: {each.name}", *value, "", *said]


def _class(each: Name, known: Mapping[str, str]) -> list[str]:
    cls = each.thing
    assert inspect.isclass(cls)
    what = "exception" if issubclass(cls, BaseException) else "class"
    plain = issubclass(cls, (BaseException, tuple)) or isinstance(cls, EnumMeta) or getattr(cls, "_is_protocol", False)
    head = f".. py:{what}:: {each.name}{'' if plain else signature(cls)}"
    home = f"{cls.__module__}.{cls.__qualname__}"
    lines = [head, *([f"   :canonical: {home}"] if home != each.full else []), ""]
    parts = Parts(inspect.getdoc(cls) or "")
    told = {**fields_of(parts.sections.get("Attributes", {})), **fields_of(parts.sections.get("Args", {}))}
    inner = members(cls)
    inside = body(parts.body, known)
    left = {
        name: text
        for name, text in parts.sections.get("Args", {}).items()
        if not set(fields_of({name: ""})) & set(inner)
    }
    inside += section("Args", left, known)
    for head in ("Returns", "Yields", "Raises"):
        inside += section(head, parts.sections.get(head, {}), known)
    for name, member in sorted(inner.items(), key=lambda each: _rank(cls, *each)):
        inside += _member(cls, name, member, told.get(name, ""), known)
    return [*lines, *_indented(inside)]


def _rank(cls: type, name: str, member: object) -> tuple[int, int, str]:
    """Fields first, as they are written, then properties, then methods."""
    written = [f.name for f in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else []
    if isinstance(member, (property, functools.cached_property)):
        return 1, 0, name
    if isinstance(member, (classmethod, staticmethod)) or inspect.isfunction(member):
        return 2, 0, name
    return 0, written.index(name) if name in written else len(written), name


def _member(cls: type, name: str, member: object, text: str, known: Mapping[str, str]) -> list[str]:
    if isinstance(member, (property, functools.cached_property)):
        getter = member.fget if isinstance(member, property) else member.func
        parts = Parts(inspect.getdoc(member) or "")
        kind = _annotation(getattr(getter, "__annotations__", {}).get("return"), cls.__module__)
        lines = [f".. py:property:: {name}", *([f"   :type: {kind}"] if kind else []), ""]
        return [
            *lines,
            *_indented([*body(parts.body, known), *section("Raises", parts.sections.get("Raises", {}), known)]),
        ]
    if isinstance(member, (classmethod, staticmethod)) or inspect.isfunction(member):
        return _function("method", name, getattr(cls, name), known, "", member)
    own = (b for b in cls.__mro__ if name in vars(b).get("__annotations__", {}))
    kind = next((_annotation(b.__annotations__[name], b.__module__) for b in own), "")
    default = (
        {f.name: f.default for f in dataclasses.fields(cls)}.get(name) if dataclasses.is_dataclass(cls) else member
    )
    lines = [f".. py:attribute:: {name}", *([f"   :type: {kind}"] if kind else [])]
    lines += [f"   :value: {default!r}"] if _literal(default) and default is not None else []
    return [*lines, "", *([f"   {' '.join(inline(text, known).split())}", ""] if text else [])]


def _function(
    what: str, name: str, thing: Callable[..., object], known: Mapping[str, str], full: str, member: object = None
) -> list[str]:
    kind = {classmethod: "classmethod", staticmethod: "staticmethod"}.get(type(member), "")
    home = f"{thing.__module__}.{getattr(thing, '__qualname__', name)}"
    lines = [f".. py:{what}:: {name}{signature(thing)}", *([f"   :{kind}:"] if kind else [])]
    lines += [f"   :canonical: {home}"] if full and home != full else []
    parts = Parts(inspect.getdoc(thing) or "")
    inside = body([], known)
    order = _blocks_before_examples(parts.body)
    inside += body(order[0], known)
    for head in ("Args", "Returns", "Yields", "Raises"):
        inside += section(head, parts.sections.get(head, {}), known)
    return [*lines, "", *_indented([*inside, *body(order[1], known)])]


def _blocks_before_examples(lines: list[str]) -> tuple[list[str], list[str]]:
    """The description, and the examples at its end: sections of arguments stand between them."""
    first = next((i for i, line in enumerate(lines) if line.lstrip().startswith(">>>")), len(lines))
    return lines[:first], lines[first:]


def _indented(lines: list[str]) -> list[str]:
    return [f"   {line}" if line else "" for line in lines] + [""]


def signature(called: Callable[..., object]) -> str:
    """Parameters with their annotations; defaults that are no literals as ``...``."""
    try:
        found = inspect.signature(called)
    except (TypeError, ValueError):
        return "()"
    home = called.__module__
    kept = [
        p.replace(annotation=_Text.of(p.annotation, home), default=_default(p.default))
        for p in found.parameters.values()
        if p.name not in ("self", "cls")
    ]
    back = inspect.Signature.empty if inspect.isclass(called) else _Text.of(found.return_annotation, home)
    return str(found.replace(parameters=kept, return_annotation=back)).replace("\n", " ")


class _Text:
    """An annotation that prints as its own text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    @classmethod
    def of(cls, annotation: object, home: str) -> object:
        """The annotation in a module, or the mark for none."""
        return annotation if annotation is inspect.Parameter.empty else cls(_annotation(annotation, home))


def _annotation(found: object, home: str) -> str:
    """An annotation in a module: names of other modules without their paths, documented classes with their full names."""
    if found is None:
        return "None"
    text = found if isinstance(found, str) else inspect.formatannotation(found)
    short = re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", " ".join(str(text).split())).strip("'\"")
    return re.sub(r"(?<!['\"\w])[A-Z]\w+(?!['\"\w])", lambda match: _nearest(match.group(), home), short)


def _nearest(name: str, home: str) -> str:
    """The full name of the documented class that a module means by a name: of several the one whose home is nearest."""

    def near(each: Name) -> int:
        """How many steps the paths share."""
        steps = zip(each.thing.__module__.split("."), home.split("."))  # type: ignore[attr-defined]
        return len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], steps)))

    found = sorted(classes().get(name, []), key=near)
    return found[-1].full if found else name


@functools.cache
def classes() -> dict[str, list[Name]]:
    """Documented classes by their short names."""
    found: dict[str, list[Name]] = {}
    for each in public_names():
        if inspect.isclass(each.thing):
            found.setdefault(each.name, []).append(each)
    return found


def _default(value: object) -> object:
    return value if value is inspect.Parameter.empty or _literal(value) else _Dots()


def _literal(value: object) -> bool:
    try:
        ast.literal_eval(repr(value))
    except (SyntaxError, ValueError):
        return False
    return len(repr(value)) <= 60
