"""The reference of the command line: every command with its arguments and options, from the program itself."""

from __future__ import annotations

from collections.abc import Iterator

import click
import typer

from qml_dynamics.cli import app

from .docstrings import inline


def page() -> str:
    """The page as reStructuredText."""
    group = typer.main.get_command(app)
    lines = [
        "Command line",
        "============",
        "",
        *_text(group.help),
        "``qml-dynamics COMMAND --help`` prints the same.",
        "",
    ]
    lines += _options(group)
    for name, command in commands().items():
        head = f"qml-dynamics {name}"
        lines += [
            f".. _command-{name}:",
            "",
            head,
            "-" * len(head),
            "",
            *_text(command.help),
            *_usage(name, command),
            *_options(command),
        ]
    return "\n".join(lines)


def commands() -> dict[str, click.Command]:
    """Every command by name."""
    group = typer.main.get_command(app)
    return dict(group.commands)  # type: ignore[attr-defined]


def _text(text: str | None) -> list[str]:
    paragraphs = (text or "").split("\n\n")
    return [line for each in paragraphs for line in (inline(" ".join(each.split()), {}), "")]


def _usage(name: str, command: click.Command) -> list[str]:
    words = [p.metavar or p.name.upper() for p in command.params if p.param_type_name == "argument" and p.name]  # type: ignore[attr-defined]
    return [".. code-block:: text", "", f"   {' '.join(['qml-dynamics', name, *words, '[OPTIONS]'])}", ""]


def _options(command: click.Command) -> list[str]:
    rows = list(_rows(command))
    if not rows:
        return []
    head = [".. list-table::", "   :header-rows: 1", "   :widths: 30 15 55", ""]
    head += ["   * - option", "     - default", "     - meaning"]
    for names, default, text in rows:
        head += [f"   * - {names}", f"     - {default}", f"     - {text}"]
    return [*head, ""]


def _rows(command: click.Command) -> Iterator[tuple[str, str, str]]:
    for p in command.params:
        names = [*p.opts, *p.secondary_opts] if p.param_type_name == "option" else [p.metavar or str(p.name).upper()]  # type: ignore[attr-defined]
        default = "" if p.default in (None, False, ()) or callable(p.default) else f"``{p.default}``"
        needed = "must be given" if p.required else default
        yield (
            ", ".join(f"``{name}``" for name in names),
            needed,
            inline(" ".join((getattr(p, "help", "") or "").split()), {}),
        )
