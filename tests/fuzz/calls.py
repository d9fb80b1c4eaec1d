"""Calls of every public name with one or two arguments replaced by wrong ones, by number: the same number is the same call."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import random
import types
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import qml_dynamics as qd
import qml_dynamics.backends
import qml_dynamics.runs
from qml_dynamics.base.printing import fits
from tests.fuzz import pools
from tests.fuzz.limits import attempt
from tests.fuzz.members import MEMBERS
from tests.fuzz.recipes import RECIPES

RIGHT = {**RECIPES, **MEMBERS}

NAMESPACES = ("runs", "backends")


@functools.cache
def public() -> dict[str, Callable[..., Any]]:
    """Every callable public name of the library and of its public namespaces that there is a right call of."""
    found: dict[str, Callable[..., Any]] = {}
    for name in [*qd.__all__, *NAMESPACES]:
        value = getattr(qd, name)
        if not isinstance(value, types.ModuleType):
            found[name] = value
            continue
        for inner in getattr(value, "__all__", [n for n in dir(value) if not n.startswith("_")]):
            found[f"{name}.{inner}"] = getattr(value, inner)
    for name in MEMBERS:
        of, _, member = name.rpartition(".")
        found[name] = getattr(found[of], member)
    return {name: value for name, value in found.items() if callable(value)}


@dataclasses.dataclass(frozen=True)
class Call:
    """One call; ``changed`` are the arguments that were replaced."""

    name: str
    arguments: Mapping[str, Any]
    changed: tuple[str, ...]

    def __str__(self) -> str:
        shown = ", ".join(f"{k}={pools.shown(self.arguments[k])}" for k in self.changed)
        return f"{self.name}({shown})"


def parameters(called: Callable[..., Any]) -> list[str]:
    """The names of what can be given by name."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [p.name for p in inspect.signature(called).parameters.values() if p.kind in kinds and p.name != "self"]


def call(number: int) -> Call:
    """The call of this number: every name in turn."""
    names = sorted(RIGHT)
    draw = random.Random(number)
    name = names[number % len(names)]
    arguments = RIGHT[name]()
    takes = parameters(public()[name])
    changed = tuple(sorted(draw.sample(takes, min(len(takes), draw.choice((0, 1, 1, 1, 1, 2))))))
    for one in changed:
        arguments[one] = draw.choice(pools.wrong())
    return Call(name, arguments, changed)


NEED_AN_OBJECT = ("assert_valid_backend", "assert_valid_method")  # a right call of these takes minutes


# whose docstrings say where they are infinite: of a singular map, at time 0
INFINITE = ("ensembles.TwoSlits.fringe_spacing", "growth.log_volume", "growth.volumes", "growth.log_det_metric")


def run(number: int) -> str | None:
    """What is wrong with the outcome of a call; None for nothing."""
    made = call(number)
    called = public()[made.name]
    judge = (lambda answer: None) if made.name in INFINITE else fault if isinstance(called, type) else _fault_or_long
    with contextlib.chdir(pools.folder()):  # where names of files among the values may be written to
        return attempt(lambda: _walked(called(**made.arguments)), judge)


def shown(number: int) -> str:
    """The call, with what was changed."""
    return str(call(number))


def answers(name: str) -> bool:
    """Whether the right call of a name has an answer without a fault, and raises nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _fault_or_long(_walked(public()[name](**RIGHT[name]()))) is None


def _walked(answer: Any) -> Any:
    """An iterator is walked to its end: a generator raises there."""
    return list(answer) if isinstance(answer, types.GeneratorType) else answer


def fault(answer: Any) -> str | None:
    """What is wrong with an answer: numbers that are not finite, densities that are not of norm 1."""
    for run in _runs(answer):
        if not np.isfinite(run.density).all() or run.density.min() < -1e-9:
            return "a density that is not finite or negative"
        sums = run.density.reshape(len(run.density), -1).sum(axis=1)
        if not np.allclose(sums, 1.0, atol=1e-6):
            return f"a density whose sum is {sums}"
    if isinstance(answer, (float, complex, np.ndarray, np.floating, list, tuple)):
        return _not_finite(answer)
    return None


def _fault_or_long(answer: Any) -> str | None:
    """The same, or a text of more than eight lines; a class that holds what it is given, whatever that is, is not printed."""
    for said in (str, repr) if type(answer).__module__.startswith("qml_dynamics") else ():
        if not fits(said(answer)):
            return f"a {type(answer).__name__} that prints as more than eight lines of 120 characters"
    return fault(answer)


def _runs(answer: Any) -> list[qd.Trajectory]:
    return [v for v in (answer, getattr(answer, "trajectory", None)) if isinstance(v, qd.Trajectory)]


def _not_finite(answer: Any) -> str | None:
    try:
        values = np.asarray(answer)
    except ValueError:
        return None
    if values.dtype.kind in "fc" and not np.isfinite(values).all():
        return f"an answer that is not finite: {str(answer)[:60]}"
    return None
