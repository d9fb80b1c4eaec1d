"""Method, backend and options of a command: from the command line, else the problem file, else the defaults."""

from __future__ import annotations

import ast
import inspect
import re
import warnings
from dataclasses import dataclass, fields
from typing import Any

from ..backends import backend as find_backend
from ..backends.base import BackendLike
from ..base.codec import method_from_spec as named_method
from ..base.errors import MethodError, UnusedArgumentWarning, describe
from ..base.registry import METHODS, PARTS, USUAL, USUAL_ALONE, WAVES, at, method_class
from ..methods.base import Method
from ..methods.defaults import default_method
from ..runs.problem_file import ProblemFile

_FORM = re.compile(r"\s*([A-Za-z][A-Za-z0-9_-]*)\s*(?:\((.*)\)|:(.*))?\s*", re.DOTALL)
_MOMENTS = 20


@dataclass(frozen=True)
class Options:
    """The options of ``run`` and ``cost`` as they were typed."""

    method: str | None = None
    backend: str | None = None
    shots: int | None = None
    seed: int | None = None
    save: int | None = None
    allow_code: bool = False


@dataclass(frozen=True)
class Plan:
    """What will be run."""

    method: Any
    backend: Any
    shots: int | None
    seed: int | None
    save: int

    @property
    def quantum(self) -> bool:
        """Whether circuits are run."""
        return _runs_circuits(self.method, self.backend)


def plan(options: Options, file: ProblemFile) -> Plan:
    """Options over file over defaults (see :func:`~qml_dynamics.methods.defaults.default_method`).

    Shots and backend of the file belong to circuits: where a classical method is named they take no part, and a warning says so.
    Where they are options they are refused by the method.
    """
    name = options.backend if options.backend is not None else file.backend
    wanted = options.shots if options.shots is not None else file.shots
    seed = options.seed if options.seed is not None else file.seed
    if options.method is not None:
        method = parse_method(options.method)
    elif file.method is not None:
        method = file.method
    else:
        chosen = _backend(options, file, name)
        method = default_method(file.problem, None if chosen is None else find_backend(chosen), wanted)
    quantum = _runs_circuits(method, name)
    if not quantum and options.backend is None:
        dropped = [word for word, value in (("name", file.backend), ("shots", file.shots)) if value is not None]
        if dropped and not (options.shots is not None and dropped == ["shots"]):
            text = (
                f"[backend] {' and '.join(dropped)} of the file takes no part: {type(method).__name__} runs by NumPy."
            )
            warnings.warn(text, UnusedArgumentWarning, stacklevel=2)
    save = options.save if options.save is not None else default_save(method)
    backend = _backend(options, file, name) if quantum or options.backend is not None else None
    return Plan(method, backend, wanted if quantum else options.shots, seed, save)


def told_unused(file: ProblemFile, command: str, *, method: bool, backend: bool) -> None:
    """Warn where a command leaves the method, or the backend and shots, that a problem file names aside."""
    found = [("[method]", method and file.method is not None)]
    found += [("[backend]", backend and (file.backend is not None or file.shots is not None))]
    for section, unused in found:
        if unused:
            text = f"{section} of the file takes no part in {command}: its own options say what is run."
            warnings.warn(text, UnusedArgumentWarning, stacklevel=2)


def _runs_circuits(method: Method, backend: BackendLike | None) -> bool:
    """Whether a method runs as circuits where this backend is named, or none."""
    runs_on = method.facts().runs_on
    return bool(runs_on == "backend" or (runs_on == "either" and backend is not None))


def _backend(options: Options, file: ProblemFile, name: str | None) -> Any:
    if not file.backend_options:
        return name
    if options.backend in (None, file.backend):
        return find_backend(file.backend, **file.backend_options)
    text = f"[backend] options of the file take no part: they are those of {file.backend}, and {options.backend} is asked for."
    warnings.warn(text, UnusedArgumentWarning, stacklevel=2)
    return name


def default_save(method: Method) -> int:
    """Saved times that fall on ends of steps, so that saving does not cut any: at most 21.

    >>> from qml_dynamics import Trotter
    >>> default_save(Trotter(40)), default_save(Trotter(7)), default_save(Trotter(41))
    (21, 8, 2)
    """
    steps = method.facts().steps
    if steps is None:
        return _MOMENTS if method.facts().runs_on == "classical" else 2  # others may cut their circuits anywhere
    return 1 + max(k for k in range(1, _MOMENTS + 1) if steps % k == 0)


def parse_method(text: str) -> Any:
    """A method from ``"trotter"``, ``"Trotter(40)"``, ``"Trotter(steps=40, order=2)"`` or ``"trotter:steps=40,order=2"``.

    Options without a name stand in the order in which Python takes them, also in a method inside. Values are literals, a bare word
    is a text, a call is a method inside. ``trotter`` has 40 steps by default, ``split-step`` 400 of order 4, and so has what
    ``growing`` grows.

    Raises:
        MethodError: the text has another form, or names no method or option.

    >>> parse_method("trotter:steps=8,order=4")
    Trotter(steps=8, order=4, truncation=0.0, formula=None, ...)
    >>> parse_method("Trotter(8, 4)") == parse_method("trotter:8,order=4") == parse_method("Trotter(steps=8, order=4)")
    True
    >>> parse_method("split-step").steps
    400
    >>> parse_method("growing:method=trotter(steps=8),start=5").method
    Trotter(steps=8, order=2, truncation=0.0, formula=None, ...)
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise MethodError(
            f"Argument `method` must look like 'trotter:steps=40' or 'Trotter(steps=40)', but is {describe(text)}."
        )
    kind = match.group(1)
    options = _arguments(match.group(2) or match.group(3) or "", text, kind)
    name = next((n for n in METHODS if n.replace("_", "") == re.sub("[-_]", "", kind).lower()), None)
    if name is not None:
        defaults = {**USUAL.get(name, {}), **(USUAL_ALONE.get(name, {}) if not options else {})}
        options = {**defaults, **options}
    return named_method({"kind": name or kind, **options})


def _arguments(text: str, whole: str, kind: str) -> dict[str, Any]:
    """The arguments of a call as data; the syntax tree is read, nothing in it is run."""
    try:
        call = ast.parse(f"f({text})", mode="eval").body
        if not isinstance(call, ast.Call):
            raise ValueError
        return _named(call, kind)
    except MethodError:
        raise
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        raise MethodError(
            f"Argument `method` must have options like steps=40, order=2, but is {' '.join(whole.split())[:80]!r}."
        ) from None


def _named(call: ast.Call, kind: str) -> dict[str, Any]:
    """The arguments of a call by name: those without a name stand for the options in their order, as in Python."""
    if any(k.arg is None for k in call.keywords) or any(isinstance(each, ast.Starred) for each in call.args):
        raise ValueError
    order = _order(kind) if call.args else []
    if len(call.args) > len(order):
        raise MethodError(
            f"Argument `method` must have at most {len(order)} options without a name in {kind} "
            f"({', '.join(order) or 'none'}), but has {len(call.args)}."
        )
    given = dict(zip(order, map(_value, call.args)))
    for option in call.keywords:
        if option.arg in given:
            raise MethodError(f"Argument `method` must name each option of {kind} once, but has {option.arg} twice.")
        given[str(option.arg)] = _value(option.value)
    return given


def _order(kind: str) -> list[str]:
    """The options of a method, a part of one or an initial wave in their order; :class:`MethodError` for an unknown method."""
    name = kind.replace("-", "_").lower()
    if name in PARTS and not PARTS[name].read:
        return list(inspect.signature(at(PARTS[name].make)).parameters)
    cls = at(WAVES[name]) if name in WAVES else method_class(kind)
    return [f.name for f in fields(cls) if f.init and not f.kw_only]


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return {"kind": node.func.id, **_named(node, node.func.id)}
    return ast.literal_eval(node)
