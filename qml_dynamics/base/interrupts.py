"""SIGINT (Ctrl-C) and SIGTERM (from schedulers): a run stops early and saves its results, also when a second signal arrives.

The first signal raises :class:`KeyboardInterrupt` where the program stands, whichever of the two it is; verbs answer with what they
have. A later one interrupts nothing that is being saved: it counts only where steps still go on (:func:`check`, which every progress
report calls), so that an interrupt that a library swallowed can be repeated.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Mapping
from types import FrameType, TracebackType
from typing import Any, Protocol, TypeVar

SIGNALS = (signal.SIGINT, signal.SIGTERM)
INTERRUPTED = 130  # exit code of a command that a signal ended early, until it is known which
_active: Interrupts | None = None


class Terminated(KeyboardInterrupt):
    """SIGTERM, as an interrupt from the keyboard."""


class Stop(BaseException):
    """A signal while something is checked that no half of may be taken for the whole: nothing between may answer it."""


class Interrupts:
    """While the block runs, both signals end its work early; afterwards the handlers are as they were.

    Blocks may lie in one another: the outermost handles the signals, and an inner one is the same object. Outside of the main thread,
    where no signal arrives, and for a signal that was ignored when the program began (``nohup``), nothing changes.

    Args:
        ending: the program ends with the block, so that nothing may disturb its end once a signal has come.

    Attributes:
        seen: number of the first signal, or None.
        checking: raise :class:`Stop` in place of an interrupt.
        told: whether somebody has said what became of the work.
        held: how many blocks are open in which a signal waits (:class:`held`).
        waiting: whether one does.

    >>> import os, signal
    >>> with Interrupts() as interrupts:
    ...     try:
    ...         os.kill(os.getpid(), signal.SIGTERM)
    ...     except KeyboardInterrupt as reason:
    ...         print(type(reason).__name__, interrupts.code)
    Terminated 143
    """

    def __init__(self, ending: bool = False) -> None:
        self.ending = ending
        self.seen: int | None = None
        self.checking = self.told = self.again = self.waiting = False
        self.held = 0
        self._before: dict[int, object] = {}

    @property
    def code(self) -> int:
        """The exit code of a program that the first signal has ended: 130 or 143."""
        return 128 + (signal.SIGINT if self.seen is None else self.seen)

    def __enter__(self) -> Interrupts:
        global _active
        if _active is not None:
            return _active
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._handle)
            _active = self
        return self

    def __exit__(self, kind: type | None, value: BaseException | None, trace: TracebackType | None) -> None:
        global _active
        if _active is not self:
            return
        _active = None
        if (
            self.ending and self.seen is not None
        ):  # the interpreter sets ignored signals back to their default before it ends
            for number in self._before:
                signal.signal(number, signal.SIG_IGN)
            if sys.platform != "win32":
                signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
            return
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before.clear()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.seen is not None:
            self.again = True
            _say("what was done is being saved; SIGKILL (kill -9) ends at once.")
            return
        self.seen = number
        self.waiting = self.held > 0
        if not self.waiting:
            raise self._reason(number)

    def _reason(self, number: int) -> type[BaseException]:
        if self.checking:
            return Stop
        return Terminated if number == signal.SIGTERM else KeyboardInterrupt

    def release(self) -> None:
        """Raise what has waited for the end of the blocks that hold signals (:class:`held`)."""
        if self.waiting and not self.held and self.seen is not None:
            self.waiting = False
            raise self._reason(self.seen)

    def check(self) -> None:
        """Repeat an interrupt that came again while steps still go on: somebody between has swallowed the first."""
        if self.again:
            self.again = False
            raise Stop if self.checking else KeyboardInterrupt


class held:
    """While the block runs a signal waits, where signals are handled: what is changed in place is changed whole.

    >>> import os, signal
    >>> done = []
    >>> with Interrupts():
    ...     try:
    ...         with held():
    ...             os.kill(os.getpid(), signal.SIGTERM)
    ...             done.append("whole")
    ...         done.append("more")
    ...     except KeyboardInterrupt:
    ...         print(done)
    ['whole']
    """

    def __enter__(self) -> None:
        if _active is not None:
            _active.held += 1

    def __exit__(self, kind: type | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if _active is not None:
            _active.held -= 1
            if kind is None:
                _active.release()


def check() -> None:
    """:meth:`Interrupts.check` of the block that handles the signals, where there is one."""
    if _active is not None:
        _active.check()


def interrupted() -> bool:
    """Whether a signal has come in the block that handles them."""
    return _active is not None and _active.seen is not None


def say_interrupted(what: str) -> None:
    """Say on standard error what became of the work, once for a signal."""
    if _active is not None:
        if _active.told:
            return
        _active.told = True
    _say(f"interrupted; {what}")


class Ended(Protocol):
    """An answer that says why it ended: of a method, a run, a chain."""

    @property
    def stop(self) -> str:
        """Why it ended, in words."""
        ...

    @property
    def diagnostics(self) -> Mapping[str, Any]:
        """What it tells of itself."""
        ...


E = TypeVar("E", bound=Ended)


def is_partial(answer: Ended) -> bool:
    """Whether a run was interrupted, so that it is not the answer of its call."""
    return bool(answer.diagnostics.get("interrupted")) or answer.stop.startswith("Interrupted")


def whole(answer: E) -> E:
    """The answer of a run inside another call, which must not take a piece of it for the whole.

    A run answers an interrupt with what was done; inside another call that would be read as if it had reached its end. A run that
    its callback has ended is handed on: somebody asked for just that.

    Raises:
        KeyboardInterrupt: the run was interrupted; the call around it ends as by an interrupt of its own.
    """
    if is_partial(answer):
        raise KeyboardInterrupt
    return answer


def _say(text: str) -> None:
    """One line; a handler may come in the middle of another one, which is no reason to fail."""
    try:
        sys.stderr.write(f"qml-dynamics: {text}\n")
        sys.stderr.flush()
    except (OSError, ValueError, RuntimeError):  # standard error is closed, or in the middle of a write
        return
