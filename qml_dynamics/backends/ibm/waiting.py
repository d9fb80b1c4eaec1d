"""The answers of all jobs of one call: they are sent together, in a batch of the vendor where they are several, then waited for.

A module of its own beside `device`: how this process waits; runs in folders wait by themselves.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from ...base.errors import BackendError
from ..base import Asked, JobBackend
from ..failures import is_transient

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from .device import IBMBackend

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds
_TRIES = 6
T = TypeVar("T")


def waited(
    backend: IBMBackend,
    circuits: Sequence[QuantumCircuit] | Sequence[Asked],
    shots: int,
    seeds: Sequence[int],
    most: int = 1,
) -> list[Any]:
    """The answers of as many jobs as it takes, each filled up with circuits that count for ``most`` at most.

    Raises:
        BackendError: a job was refused, once more when those before it had ended, or ended without a result; the message names those
            that are still with the vendor.
    """
    room = backend.capabilities.room(shots)
    size = max(1, len(circuits) if room is None else room // most)
    parts = [slice(start, start + size) for start in range(0, len(circuits), size)]
    left: list[str] = []
    out: list[Any] = []

    def fetch_first() -> None:
        """Wait for the job that was sent first of those that are left."""
        state = _wait(backend, left[0])
        if state != "done":
            raise BackendError(f"Job {left.pop(0)} on {backend.name} ended as {state!r}.")
        out.extend(_patiently(partial(backend.collect, left[0])))
        left.pop(0)

    try:
        with _together(backend, len(parts)) as sender:
            for part in parts:
                tag = f"qml-dynamics-{uuid.uuid4().hex[:12]}"
                send = partial(sender.submit, circuits[part], shots, seeds[part], tag)
                try:
                    left.append(send())
                except BackendError:
                    if not left:
                        raise
                    while left:  # a vendor may take only so many jobs at a time
                        fetch_first()
                    left.append(send())
        while left:
            fetch_first()
    except BackendError as error:
        if not left or backend.local:
            raise
        words = f"job {left[0]} is" if len(left) == 1 else f"jobs {', '.join(left)} are"
        told = f"{error} ({words} still with the vendor)"
    else:
        return out
    raise BackendError(told)


@contextmanager
def _together(backend: IBMBackend, jobs: int) -> Iterator[IBMBackend | JobBackend]:
    """The backend for several jobs: that of a batch, which takes no more afterwards; itself where there is none or it is refused."""
    opened = None
    if jobs > 1 and backend.capabilities.vendor_batches:
        with suppress(BackendError):  # the jobs do not depend on it
            opened = backend.open_batch()
    if opened is None:
        yield backend
        return
    try:
        yield opened.backend
    finally:
        with suppress(BackendError):  # the vendor ends it too
            opened.close()


def _wait(backend: IBMBackend, job_id: str) -> str:
    pause = FIRST_PAUSE
    while (state := _patiently(partial(backend.status, job_id))) in ("queued", "running"):
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
    return state


def _patiently(call: Callable[[], T]) -> T:
    """Repeat a request that failed for a passing reason, with growing pauses."""
    for attempt in range(_TRIES):
        try:
            return call()
        except BackendError as error:
            if not is_transient(error) or attempt == _TRIES - 1:
                raise
        time.sleep(min(2.0**attempt, LONGEST_PAUSE))
    raise AssertionError("unreachable")
