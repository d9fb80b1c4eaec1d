"""The Python lines that make a run again: a call of `evolve` or of `anneal`, with the imports of what stands in it.

A module of its own beside `record_sections`: it writes Python, where sections write pages.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass

import numpy as np

from ...base.codec import field_values, is_plain
from ...methods.base import facts_of
from ...results.trajectory import Trajectory


class NotPlainError(ValueError):
    """A value has no text of its own that Python reads back."""


def lines_again(run: Trajectory) -> list[str]:
    """Lines after which ``again`` is the run that ``run`` is; a comment where no call makes it.

    >>> from qml_dynamics import Grid, Problem, SplitStep, anneal, evolve
    >>> bowl = Problem(Grid((-2, 2), 3), lambda w: w[:, 0] ** 2, 0.5, clock="imaginary", duration=1.0)
    >>> lines_again(evolve(bowl, SplitStep(4), seed=1, save=[1.0]))
    ['again = qd.evolve(run.problem, run.method, seed=1, save=[1.0])']
    >>> for text in lines_again(anneal(bowl, 3, "quench", seed=1, method=SplitStep(6), progress=False)):
    ...     print(text)
    from qml_dynamics.methods.split_step import SplitStep
    again = qd.anneal(run.problem, 3, 'quench', seed=1, method=SplitStep(steps=6))
    """
    if {"strategy", "stage_time"} <= set(run.diagnostics):  # which `anneal` has told
        found = _annealed(run)
        if found:
            return found
    if facts_of(run.method) is None:
        return [f"# {str(run.method)[:200]}", "# is no method that `evolve` runs by itself."]
    given = {**_where(run), "save": [float(t) for t in run.times.tolist()]}
    return [f"again = qd.evolve(run.problem, run.method, {_options(given, set())})"]


def _where(run: Trajectory) -> dict[str, object]:
    """Backend, shots and seed; the shots that were asked for, of which a post-selected run has kept some."""
    told: Mapping[str, object] = run.provenance
    given = {"backend": told.get("backend"), "shots": told.get("shots", run.shots), "seed": told.get("seed")}
    return {name: value for name, value in given.items() if value is not None}


def _annealed(run: Trajectory) -> list[str]:
    """The call of `anneal` by the options that its record holds; nothing where one of them has no text."""
    try:
        record = _read(str(run.method)) if facts_of(run.method) is None else field_values(run.method)
        stages, strategy = record.pop("stages"), record.pop("strategy")
        given = {**_where(run), **{name: value for name, value in record.items() if value is not None}}
        if strategy != "portfolio":
            given.pop("restarts", None)  # which it alone takes
        imports: set[str] = set()
        call = f"again = qd.anneal(run.problem, {stages!r}, {strategy!r}, {_options(given, imports)})"
    except (NotPlainError, KeyError):
        return []
    return [*sorted(imports), call]


def _read(text: str) -> dict[str, object]:
    """The options in the text of a stored record, where they are numbers and texts; others were cut short."""
    try:
        call = ast.parse(text, mode="eval").body
        keywords = call.keywords if isinstance(call, ast.Call) else []
        return {str(each.arg): ast.literal_eval(each.value) for each in keywords}
    except (SyntaxError, ValueError) as error:
        raise NotPlainError(text) from error


def _options(given: Mapping[str, object], imports: set[str]) -> str:
    return ", ".join(f"{name}={_text(value, imports)}" for name, value in given.items())


def _text(value: object, imports: set[str]) -> str:
    """A value as Python; the classes that stand in it are added to the imports."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return repr(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    if isinstance(value, (list, tuple)):
        parts = [_text(each, imports) for each in value]
        return f"[{', '.join(parts)}]" if isinstance(value, list) else f"({', '.join(parts)}{',' * (len(parts) == 1)})"
    if not (is_dataclass(value) and is_plain(value)):
        raise NotPlainError(type(value).__name__)
    kind, defaults = type(value), {f.name: f.default for f in fields(value)}
    imports.add(f"from {kind.__module__} import {kind.__name__}")
    changed = {name: own for name, own in field_values(value).items() if own is not defaults[name]}
    return f"{kind.__name__}({_options(changed, imports)})"
