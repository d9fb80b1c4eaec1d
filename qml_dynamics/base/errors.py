"""Every error and warning of the library, and the argument checks that raise them.

One wording everywhere: ``Argument `name` must <what>, but <what it is>.``
"""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Iterable

from . import memory

MESSAGE = 1200


class QMLDynamicsError(Exception):
    """The root of every error that the library raises on purpose: one line, of at most ``MESSAGE`` characters.

    >>> str(QMLDynamicsError("Argument `x` must be\\n short, but is " + "9" * 5000))[-9:]
    '999999...'
    """

    def __init__(self, message: object = "", *rest: object) -> None:
        super().__init__(line(message, MESSAGE) if isinstance(message, str) else message, *rest)


class ProblemError(QMLDynamicsError, ValueError):
    """The statement of a problem (domain, objective, schedule, initial state, file) is wrong."""


class MethodError(QMLDynamicsError, ValueError):
    """A method was given wrong options, or is asked for what it cannot do."""


class AnswerError(MethodError):
    """What a method answers is not finite, a density not of sum 1, a wave not of norm 1: no number of it is passed on."""


class BackendError(QMLDynamicsError, RuntimeError):
    """A backend is unknown, missing, too small, or failed."""


class JobLost(BackendError):
    """A job was submitted and the vendor no longer knows it."""


class BudgetExceeded(BackendError):
    """The next batch would cost more shots or seconds than were allowed."""


class EdgeWeightWarning(UserWarning):
    """The wave has reached the edge of its box, where the order of a formula drops."""


class MomentumTailWarning(UserWarning):
    """The wave has reached the largest momenta of its grid: refine it."""


class KineticRoundingWarning(UserWarning):
    """Roundings in single precision make the kinetic energy of a wave on a fine grid too large by more than 1e-4 of it."""


class UnusedArgumentWarning(UserWarning):
    """An argument takes no part in a call, and the answer is the same without it."""


class UnusedNoiseWarning(UserWarning):
    """A noise model has errors of gates or qubits that the compiled circuit does not use."""


class SynthesisChangedWarning(UserWarning):
    """Circuits are built from other gates than when they were recorded, by another version of a library, and do the same."""


class UnverifiedRunWarning(UserWarning):
    """A run folder was written before its content was recorded, so that later edits of it cannot be seen."""


def require(condition: bool, name: str, must: str, given: object, error: type[QMLDynamicsError] = ProblemError) -> None:
    """Raise ``error`` in the one wording of the library unless ``condition`` holds.

    >>> require(False, "qubits", "be between 1 and 30", 48)
    Traceback (most recent call last):
    qml_dynamics.base.errors.ProblemError: Argument `qubits` must be between 1 and 30, but is 48.
    """
    if not condition:
        raise error(f"Argument `{name}` must {must}, but is {describe(given)}.")


def describe(given: object) -> str:
    """A value in an error message: short, on one line, whatever its own ``repr`` does.

    >>> describe("a" * 200), describe([1, 2])
    ("'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...", '[1, 2]')
    """
    try:
        text = given if isinstance(given, str) and given.startswith("of ") else repr(given)
    except Exception as error:  # an object of somebody else, an integer of too many digits, a list inside of itself
        text = f"an object of type {type(given).__name__} ({type(error).__name__})"
    return line(text, 80)


def line(text: str, most: int = 300) -> str:
    """Text of any length and shape on one line of at most ``most`` characters, without control characters.

    >>> line("one\\n  two\\x1b[31m"), line("abcdefgh", 6)
    ('one two?[31m', 'abc...')
    """
    start = text if len(text) <= 4 * most + 100 else text[: 4 * most + 100]  # blanks may go, and no more is ever shown
    flat = "".join(c if c.isprintable() else "?" for c in " ".join(start.split()))
    return flat if len(flat) <= most and len(start) == len(text) else flat[: most - 3] + "..."


def integer(value: object, name: str, low: int, high: int, error: type[QMLDynamicsError] = ProblemError) -> int:
    """``value`` as an int between ``low`` and ``high``; booleans and floats are refused."""
    whole = int(value) if isinstance(value, numbers.Integral) and _is_plain(value) else None
    must = f"be an integer between {low} and {high}"
    require(whole is not None and low <= whole <= high, name, must, value, error)
    assert whole is not None
    return whole


def _is_plain(value: object) -> bool:
    """Whether a number is no boolean, and no time difference, which NumPy registers as an integer."""
    is_time = getattr(getattr(value, "dtype", None), "kind", "") == "m"
    return not (isinstance(value, bool) or is_time)


def real(
    value: object,
    name: str,
    *,
    positive: bool = False,
    nonnegative: bool = False,
    error: type[QMLDynamicsError] = ProblemError,
) -> float:
    """``value`` as a finite float, positive or not negative where asked for."""
    must = "be a positive number" if positive else "be a number that is not negative" if nonnegative else "be a number"
    try:
        found = float(value) if isinstance(value, numbers.Real) and _is_plain(value) else None
    except OverflowError:  # an integer beyond the range of floats
        found = math.inf
    number = math.nan if found is None else found
    ok = math.isfinite(number) and (not positive or number > 0) and (not nonnegative or number >= 0)
    require(ok, name, must, value, error)
    return number


def one_of(value: object, name: str, known: Iterable[str], error: type[QMLDynamicsError] = ProblemError) -> str:
    """``value`` if it is one of the ``known`` names; otherwise an error with the nearest of them."""
    names = list(known)
    if isinstance(value, str) and value in names:
        return value
    near = difflib.get_close_matches(value if isinstance(value, str) else describe(value), names, n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise error(f"Argument `{name}` must be one of {', '.join(names)}, but is {describe(value)}.{hint}")


def check_memory(needed: int, what: str) -> None:
    """Refuse a computation that cannot fit into this machine, before anything is allocated.

    ``needed`` is in bytes. Raises :class:`MethodError` with the bytes needed and those available. What is there is read from
    files of the kernel, a millisecond or two, which small computations (256 KiB) are spared: the interpreter takes more by itself.
    """
    if needed <= 1 << 18:
        return
    available = available_memory()
    if needed > available:
        raise MethodError(f"{what} needs {human_bytes(needed)} of memory, but {human_bytes(available)} are available.")


def available_memory() -> int:
    """Bytes that this process may still allocate: see :func:`qml_dynamics.base.memory.available_memory`."""
    return memory.available_memory()


def human_bytes(count: int) -> str:
    """Bytes for people.

    >>> human_bytes(3 * 2**30), human_bytes(16 << 2000)
    ('3.0 GiB', '10^588 PiB')
    """
    if count >= 1 << 70:  # beyond what a float holds, in the end
        return f"10^{math.log10(count) - 50 * math.log10(2):.0f} PiB"
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} PiB"
