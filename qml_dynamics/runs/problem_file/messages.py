"""Error messages of problem files: one line, with the section and the key."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import NoReturn

from ...base.errors import ProblemError, QMLDynamicsError

_ARGUMENT = re.compile(r"^Argument `([^`]+)` ")


def fail(section: str, text: str) -> NoReturn:
    """Raise ``[section] text``."""
    raise ProblemError(f"[{section}] {text}")


def nearest(given: object, known: Iterable[str]) -> str:
    """A hint at the known name nearest to the given one, or nothing.

    >>> nearest("qbits", ["bounds", "qubits"])
    ' Did you mean `qubits`?'
    """
    near = difflib.get_close_matches(str(given), list(known), n=1, cutoff=0.4)
    return f" Did you mean `{near[0]}`?" if near else ""


@contextmanager
def within(section: str, rename: Mapping[str, str] | None = None) -> Iterator[None]:
    """Errors of the objects that are built from a section, told in terms of its keys.

    ``rename`` maps names of arguments to names of keys where they differ.

    >>> with within("domain"):
    ...     raise ProblemError("Argument `qubits` must be 1, but is 2.")
    Traceback (most recent call last):
    qml_dynamics.base.errors.ProblemError: [domain] qubits must be 1, but is 2.
    """
    try:
        yield
    except QMLDynamicsError as error:
        text = one_line(error)
        if text.startswith(f"[{section}] "):
            raise
        names = rename or {}
        text = _ARGUMENT.sub(lambda m: f"{names.get(m.group(1), m.group(1))} ", text)
        raise type(error)(f"[{section}] {text}") from error


def one_line(error: BaseException) -> str:
    """The message of an error without line breaks."""
    return " ".join(str(error).split())
