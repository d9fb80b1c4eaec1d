"""The table of facts: every method by name, with what it says of itself, its options and an example, from the registry alone.

``qml-dynamics list methods`` prints it, and the page ``docs/methods.md`` holds it. Methods of other packages, found by their entry
points, stand in it too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any

from ..base.codec import method_from_spec
from ..base.entry_points import offered
from ..base.errors import MethodError, describe
from ..base.registry import EXAMPLES, METHODS, kind_of, method_class
from .base import CLOCKS, SPACE_WORDS, SPACES, Facts, check_method

_STANDS_FOR = {"int": 4, "float": 0.5}  # of options without a default, in methods of other packages
RUNS_ON = {"classical": "NumPy", "backend": "circuits", "either": "NumPy or circuits"}


@dataclass(frozen=True)
class Row:
    """What the table says of one method.

    Attributes:
        name: in files, on the command line, in messages.
        summary: the first sentence of its description.
        facts: of the example.
        options: name to default, as text; without one it must be given.
        example: a line that makes one, in Python and on the command line.
    """

    name: str
    summary: str
    facts: Facts
    options: Mapping[str, str]
    example: str

    def cells(self) -> tuple[str, ...]:
        """Name, clocks, weight spaces, where it runs, order, example."""
        facts = self.facts
        return (
            self.name,
            ", ".join(clock for clock in CLOCKS if clock in facts.clocks),
            ", ".join(space for space in SPACES if space in facts.spaces),
            RUNS_ON[facts.runs_on],
            "none" if facts.order is None else f"{facts.order:g} ({facts.order_of})",
            self.example,
        )


HEAD = ("method", "clocks", "weight spaces", "runs as", "order (of)", "example")


def names() -> list[str]:
    """All names, those of other packages last.

    >>> names()[:3]
    ['split_step', 'krylov', 'exact']
    """
    return [*METHODS, *(name for name in offered("method") if name not in METHODS)]


def row(name: str) -> Row:
    """What is known of one method.

    Raises:
        MethodError: there is no such name, or nothing can stand for an option without a default.

    >>> row("trotter").cells()  # doctest: +NORMALIZE_WHITESPACE
    ('trotter', 'real', 'periodic, walls, flux, hypercube, operator, onehot', 'circuits', '2 (wave)',
     'Trotter(steps=40)')
    """
    cls = method_class(name)
    kind = kind_of(cls) or name
    spec = EXAMPLES[kind] if kind in EXAMPLES else _spec(cls, kind)
    method = check_method(method_from_spec({"kind": kind, **spec}))
    options = {f.name: _default(f) for f in fields(cls)}
    summary = " ".join((cls.__doc__ or cls.__name__).split("\n\n")[0].split())
    return Row(kind, summary, method.facts(), options, _line(cls.__name__, spec))


def rows(wanted: Sequence[str] | None = None) -> list[Row]:
    """All rows, or those of some names."""
    return [row(name) for name in (names() if wanted is None else wanted)]


def markdown() -> str:
    """The table as the page ``docs/methods.md`` holds it, of the library's own methods."""
    lines = [HEAD, tuple("---" for _ in HEAD), *(_marked(row(name).cells()) for name in METHODS)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _marked(cells: tuple[str, ...]) -> tuple[str, ...]:
    return (f"`{cells[0]}`", *cells[1:-1], f"`{cells[-1]}`")


def text(found: Row) -> str:
    """One method for people: its facts, options and example."""
    facts = found.facts
    known = "known before the run" if facts.circuits_known_ahead else "with angles that the run finds"
    lines = [
        f"{found.name}: {found.summary}",
        f"  clocks         {', '.join(c for c in CLOCKS if c in facts.clocks)}",
        f"  weight spaces  {', '.join(SPACE_WORDS[s] for s in SPACES if s in facts.spaces)}",
        f"  runs as        {RUNS_ON[facts.runs_on]}" + ("" if facts.runs_on == "classical" else f", {known}"),
        f"  order          {found.cells()[4]}",
        f"  resumes        {'from a checkpoint' if facts.checkpoints else 'no'}",
        "  options        " + ", ".join(f"{k}={v}" if v else k for k, v in found.options.items()),
        f"  example        {found.example}",
    ]
    return "\n".join(lines)


def _default(option: Field[object]) -> str:
    return "" if option.default is MISSING else repr(option.default)


def _spec(cls: type, kind: str) -> dict[str, Any]:
    """Values for the options that have no default, by their annotations."""
    out = {}
    for option in fields(cls):
        if option.default is MISSING and option.default_factory is MISSING and option.init:
            annotation = getattr(option.type, "__name__", option.type)
            if annotation not in _STANDS_FOR:
                raise MethodError(
                    f"Argument `{option.name}` must be a number or have a default for an example of {kind!r}, "
                    f"but is {describe(annotation)}."
                )
            out[option.name] = _STANDS_FOR[annotation]
    return out


def _line(cls: str, options: Mapping[str, object]) -> str:
    return f"{cls}({', '.join(f'{name}={_value(value)}' for name, value in options.items())})"


def _value(value: object) -> str:
    if not isinstance(value, Mapping):
        return repr(value)
    rest = dict(value)
    kind = str(rest.pop("initial", None) or rest.pop("kind", ""))
    return _line(kind, rest)
