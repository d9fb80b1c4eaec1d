"""The public names of the library and the options of its commands, one a line: ``python -m tests.stored.names`` adds new ones.

A line is a name with its signature, as Python writes it, or a command with its options. ``public_names.txt`` was written by
qml-dynamics 0.1.0; a line is taken out of it only where ``CHANGELOG.md`` says that the name is gone, and why.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from enum import EnumMeta
from pathlib import Path
from types import ModuleType
from typing import Any

import qml_dynamics as qd

LISTED = Path(__file__).parent / "public_names.txt"
DOCUMENTED = ("runs", "backends", "config", "errors", "compat")  # modules whose own pages or error texts name them

HOOKS = {"answer", "engine", "planned", "priced", "adaptive"}  # how runs call methods, which is no one else's business


def every_line() -> list[str]:
    """All names and commands of the library as it is."""
    return [*sorted(_names()), *sorted(_commands())]


def _names() -> Iterator[str]:
    for name in qd.__all__:
        yield from _described(f"qd.{name}", getattr(qd, name))
    for name in DOCUMENTED:
        yield from _described(f"qml_dynamics.{name}", importlib.import_module(f"qml_dynamics.{name}"))


def _described(name: str, found: Any) -> Iterator[str]:
    if isinstance(found, ModuleType):
        yield name
        for inner in _public(found):
            yield from _described(f"{name}.{inner}", getattr(found, inner))
    elif inspect.isclass(found):
        yield name + (
            "" if issubclass(found, (BaseException, tuple)) or isinstance(found, EnumMeta) else _signature(found)
        )
        for inner in sorted(n for n in _members(found) - HOOKS if not n.startswith("_")):
            value = inspect.getattr_static(found, inner, None)
            called = isinstance(value, (classmethod, staticmethod)) or inspect.isfunction(value)
            yield f"{name}.{inner}" + (_signature(getattr(found, inner)) if called else "")
    else:
        yield name + (_signature(found) if inspect.isfunction(found) else "")


def _members(cls: type) -> set[str]:
    """Fields, properties and methods of a class and of those of the library that it extends."""
    own = [base for base in cls.__mro__ if base.__module__.startswith("qml_dynamics")]
    return {name for base in own for name in (*vars(base), *getattr(base, "__annotations__", {}))}


def _public(module: ModuleType) -> list[str]:
    if hasattr(module, "__all__"):
        return sorted(module.__all__)
    ours = {n: v for n, v in vars(module).items() if not n.startswith("_") and not isinstance(v, ModuleType)}
    return sorted(n for n, v in ours.items() if getattr(v, "__module__", "") == module.__name__)


def _signature(called: Any) -> str:
    """The parameters without annotations; defaults that are no literals as ``...``."""
    try:
        found = inspect.signature(called)
    except (TypeError, ValueError):
        return ""
    plain = [p.replace(annotation=p.empty, default=_default(p.default)) for p in found.parameters.values()]
    plain = [p for p in plain if p.name not in ("self", "cls")]
    return str(found.replace(parameters=plain, return_annotation=found.empty))


class _Dots:
    def __repr__(self) -> str:
        return "..."


def _default(value: Any) -> Any:
    if value is inspect.Parameter.empty:
        return value
    try:
        ast.literal_eval(repr(value))
    except (SyntaxError, ValueError):
        return _Dots()
    return value


def _commands() -> Iterator[str]:
    import typer

    from qml_dynamics.cli import app

    group = typer.main.get_command(app)
    yield _command("qml-dynamics", group)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        yield _command(f"qml-dynamics {name}", command)


def _command(name: str, command: Any) -> str:
    words = []
    for p in command.params:
        words += [*p.opts, *p.secondary_opts] if p.param_type_name == "option" else [f"<{p.name}>"]
    return f"$ {name} {' '.join(sorted(words))}".rstrip()


def parameters(line: str) -> tuple[str, list[inspect.Parameter] | None]:
    """The name of a line, and its parameters where it has a signature.

    >>> parameters("qd.f(a, *, b=1)")
    ('qd.f', [<Parameter "a">, <Parameter "b=True">])
    """
    name, bracket, rest = line.partition("(")
    if not bracket:
        return name, None
    found = ast.parse(f"def f({rest}: pass").body[0].args  # type: ignore[attr-defined]
    kinds = inspect.Parameter
    before, free = found.posonlyargs, [*found.posonlyargs, *found.args]
    out = []
    for i, arg in enumerate(free):
        kind = kinds.POSITIONAL_ONLY if arg in before else kinds.POSITIONAL_OR_KEYWORD
        optional = i >= len(free) - len(found.defaults)
        out.append(kinds(arg.arg, kind, default=True if optional else kinds.empty))
    out += [kinds(found.vararg.arg, kinds.VAR_POSITIONAL)] if found.vararg else []
    for arg, value in zip(found.kwonlyargs, found.kw_defaults):
        out.append(kinds(arg.arg, kinds.KEYWORD_ONLY, default=kinds.empty if value is None else True))
    out += [kinds(found.kwarg.arg, kinds.VAR_KEYWORD)] if found.kwarg else []
    return name, out


def key(line: str) -> str:
    """The name or the command of a line, without its signature or options."""
    return " ".join(w for w in line.split() if w[0] not in "-<") if line.startswith("$") else parameters(line)[0]


if __name__ == "__main__":
    listed = LISTED.read_text(encoding="utf-8").splitlines() if LISTED.exists() else []
    known = {key(line) for line in listed}
    LISTED.write_text(
        "\n".join([*listed, *(line for line in every_line() if key(line) not in known)]) + "\n", encoding="utf-8"
    )
