"""One attempt under a time limit, and what came of it: an answer, an error of the library in one line, or a fault."""

from __future__ import annotations

import contextlib
import io
import signal
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from qml_dynamics.base.errors import QMLDynamicsError

SECONDS = 20.0  # of work of this process
WAITS = 300.0  # of any kind, where it does not work: a busy machine lets it wait, a lock for ever


class TookTooLong(BaseException):
    """Raised by the alarm: no ``except Exception`` on the way keeps it."""


@contextlib.contextmanager
def at_most(seconds: float = SECONDS) -> Iterator[None]:
    """Raise :class:`TookTooLong` in the main thread after so many seconds of work, or :data:`WAITS` by the clock."""
    begun, worked = time.monotonic(), time.process_time()

    def ring(number: int, frame: FrameType | None) -> None:
        left = min(seconds - (time.process_time() - worked), WAITS - (time.monotonic() - begun))
        if left <= 0:
            raise TookTooLong
        signal.setitimer(signal.ITIMER_REAL, max(left, 0.1))

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def attempt(call: Callable[[], Any], judge: Callable[[Any], str | None]) -> str | None:
    """None where all is well, else what is wrong in one line.

    Args:
        call: what is tried.
        judge: of an answer: None, or what is wrong with it.
    """
    try:
        with at_most(), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            return judge(call())
    except TookTooLong:
        return f"took longer than {SECONDS:g} seconds"
    except (
        QMLDynamicsError,
        AssertionError,
    ) as error:  # a conformance test says what does not hold in an AssertionError
        known = isinstance(error, QMLDynamicsError) or type(error) is not AssertionError
        return _wording(str(error)) if known else "raw AssertionError"
    except BaseException as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        ours = [f for f in traceback.extract_tb(error.__traceback__) if "/qml_dynamics/" in f.filename]
        at = ours[-1] if ours else place
        where = f"{at.filename.rpartition('/qml_dynamics/')[2]}:{at.lineno}"
        return f"raw {type(error).__name__}: {' '.join(str(error).split())[:100]} ({where})"


def _wording(text: str) -> str | None:
    if "\n" in text:
        return f"an error of several lines: {text[:100]!r}"
    if len(text) > 1000:
        return f"an error of {len(text)} characters: {text[:100]!r}"
    return None
