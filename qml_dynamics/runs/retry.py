"""Calls to a vendor: which errors are transient, how long to try again, and a time limit for a call that hangs."""

from __future__ import annotations

import errno
import queue
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from ..backends.base import Backend, capabilities
from ..backends.failures import failure, redacted
from ..backends.optional_verbs import TransientBackend
from ..base.errors import BackendError, BudgetExceeded, JobLost, MethodError, QMLDynamicsError, integer, real

T = TypeVar("T")
_NETWORK = {
    errno.ECONNRESET, errno.ECONNABORTED, errno.ECONNREFUSED, errno.EPIPE, errno.ETIMEDOUT,
    errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTUNREACH, errno.EAGAIN,
}  # fmt: skip
_QUOTA = re.compile(
    r"quota|usage limit|payment required|(time|credits?|funds) (is |are |was |were )?(exceeded|exhausted)",
    re.IGNORECASE,
)


class Hang(TimeoutError):
    """A call to the vendor did not come back within the bound that we set."""


@dataclass(frozen=True)
class Patience:
    """How a run deals with a vendor that is slow or out of reach; all times in seconds.

    Args:
        attempts: how often one call is tried before its error is reported.
        first, longest: delays between attempts; they double, and each is shortened by a random part of up to a half.
        call: bound of one call.
        poll, longest_poll: delays between two looks at a job that is not done; they grow by a half each time.
        settle: how long a vendor may take to list a job that it has just accepted. A job whose submission was cut off is
            looked for by its tag only after this, and is sent again only when it is not there.
        lock: how long to wait for another process that works on the same folder.
    """

    attempts: int = 6
    first: float = 1.0
    longest: float = 60.0
    call: float = 600.0
    poll: float = 2.0
    longest_poll: float = 30.0
    settle: float = 5.0
    lock: float = 60.0

    def __post_init__(self) -> None:
        integer(self.attempts, "attempts", 1, 1000, MethodError)
        for name in ("first", "longest", "poll", "longest_poll", "settle", "lock"):
            real(getattr(self, name), name, nonnegative=True, error=MethodError)
        real(self.call, "call", positive=True, error=MethodError)

    def delays(self) -> Iterator[float]:
        """The pauses between attempts, one fewer than attempts.

        >>> [0.5 * 2**k <= pause <= 2**k for k, pause in enumerate(Patience(attempts=4).delays())]
        [True, True, True]
        """
        for k in range(self.attempts - 1):
            yield min(self.longest, self.first * 2.0**k) * random.uniform(0.5, 1.0)


def is_transient(error: BaseException, backend: Backend | None = None) -> bool:
    """Whether an error may pass by itself: a broken connection, a timeout, HTTP 408, 425, 429 or 5xx.

    A backend that knows better has a method ``transient(error) -> bool | None``; None leaves it to this function.

    >>> is_transient(ConnectionResetError()), is_transient(ValueError("wrong shape"))
    (True, False)
    """
    asks = backend is not None and capabilities(backend).transient
    told = cast(TransientBackend, backend).transient(error) if asks else None
    if told is not None:
        return bool(told)
    if is_quota(error):
        return False
    return failure(error) == "transient" or (isinstance(error, OSError) and error.errno in _NETWORK)


def is_quota(error: BaseException) -> bool:
    """Whether the vendor says that the time or the money of the account is used up."""
    return (
        isinstance(error, BudgetExceeded)
        or getattr(error, "status_code", None) == 402
        or bool(_QUOTA.search(str(error)))
    )


def bounded(call: Callable[[], T], seconds: float, unanswered: list[threading.Thread] | None = None) -> T:
    """``call()`` in a thread of its own, given up after ``seconds`` with :class:`Hang`; its errors come through.

    Args:
        call: what to do.
        seconds: the bound.
        unanswered: the thread is put here when it is left behind, by the bound or by a keyboard interrupt.
    """
    answers: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()

    def work() -> None:
        """Put the call's result, or what it raised, into the queue."""
        try:
            answers.put((True, call()))
        except BaseException as error:
            answers.put((False, error))

    thread = threading.Thread(target=work, name="vendor call", daemon=True)
    thread.start()
    try:
        good, answer = answers.get(timeout=seconds)
    except BaseException as error:
        if unanswered is not None:
            unanswered.append(thread)
        if isinstance(error, queue.Empty):
            raise Hang(f"no answer within {seconds:g} s") from None
        raise
    if good:
        return cast(T, answer)
    raise answer


def persistently(what: str, call: Callable[[], T], patience: Patience, backend: Backend | None = None) -> T:
    """``call()``, again after a pause where its error is transient.

    Raises:
        BackendError: in one line, with ``what`` was tried and the vendor's own words (credentials hidden).
    """
    for tried, pause in enumerate([*patience.delays(), None], 1):
        try:
            return bounded(call, patience.call)
        except Exception as error:
            lasting, ours = not is_transient(error, backend), vendor_error(what, error)
            late = vendor_error(f"{what}, after {tried} attempts", error)
        if lasting or pause is None:  # raised here, so that nothing of the original hangs on it
            raise ours if lasting else late
        time.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


def vendor_error(what: str, error: BaseException) -> BackendError:
    """The vendor's error as one of ours, on one line."""
    if isinstance(error, (JobLost, BudgetExceeded)):
        kind: type[BackendError] = type(error)
    else:
        kind = BudgetExceeded if is_quota(error) else BackendError
    words = redacted(str(error))
    if isinstance(error, QMLDynamicsError):
        return kind(words if words.startswith(what) else f"{what}: {words}")
    return kind(f"{what}: {type(error).__name__}: {words}" if words else f"{what}: {type(error).__name__}")
