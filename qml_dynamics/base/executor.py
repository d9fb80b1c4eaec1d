"""Many calls of one function in other processes: each answered once, whatever process dies.

The processes are started anew (spawn) with one thread for linear algebra each, so that the same bits come out for any number of
them. Any other ``concurrent.futures`` executor can take their place. Sweeps, and loops inside other calls (:func:`each`), run on it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import types
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    as_completed,
    wait,
)
from contextlib import contextmanager, nullcontext
from multiprocessing.reduction import ForkingPickler
from typing import Generic, TypeVar

from .errors import MethodError, QMLDynamicsError, describe, integer, require

T = TypeVar("T")
R = TypeVar("R")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
WORKERS = 4096  # at most
DEATHS = 2  # of its process, in which a call ran alone, until the call counts as their cause


class ProcessDied(QMLDynamicsError):
    """The process of a call ended without an answer, more than once: killed by the system (memory?), or crashed."""


def processors() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def answered(
    function: Callable[[T], R], calls: Sequence[T], workers: int | None = None, executor: Executor | None = None
) -> Iterator[tuple[int, R | Exception]]:
    """Call a function of a module for each of ``calls``; yield its place and the answer, or the error, as they come.

    Args:
        function: importable by its name in another process.
        calls: its arguments, one each.
        workers: processes; None: as many as there are processors. At most one a call is started.
        executor: another executor in place of them; it is left running.

    Raises:
        ProblemError: ``workers`` is not a positive integer.
    """
    if executor is not None:
        yield from _elsewhere(function, calls, executor)
        return
    many = processors() if workers is None else integer(workers, "workers", 1, WORKERS)
    yield from _Pool(function, calls, min(many, max(len(calls), 1))).run()


def check_workers(workers: int | None, executor: Executor | None) -> None:
    """Raise :class:`ProblemError` unless ``workers`` is a number of processes, or there is an executor in their place."""
    if workers is not None:
        integer(workers, "workers", 1, WORKERS)
    if executor is not None:
        require(workers is None, "workers", "be left out where there is an executor", workers)


def each(
    function: Callable[[T], R],
    calls: Sequence[T],
    workers: int | None = None,
    executor: Executor | None = None,
    what: str = "problem",
) -> Iterator[tuple[int, R]]:
    """:func:`answered` for the loop of another call: in this process where neither is given, and errors are raised.

    Args:
        function, calls: as there; what an item draws must follow from the item alone.
        workers, executor: as there.
        what: the argument to name where a call cannot be sent to another process.

    Raises:
        MethodError: a call cannot be sent.

    >>> dict(each(abs, [-1, 2]))
    {0: 1, 1: 2}
    """
    check_workers(workers, executor)
    if workers is None and executor is None:
        for place, call in enumerate(calls):
            yield place, function(call)
        return
    for call in calls[:1]:
        try:
            with _plain_start() if executor is None else nullcontext():  # in which the workers get it
                ForkingPickler.dumps(call)
        except Exception as error:  # a class of any package may raise anything
            raise MethodError(
                f"Argument `{what}` must be such that another process can have it where there are workers, but: {describe(str(error))}."
            ) from None
    for place, answer in answered(function, calls, workers, executor):
        if isinstance(answer, Exception):
            raise answer
        yield place, answer


def _elsewhere(
    function: Callable[[T], R], calls: Sequence[T], executor: Executor
) -> Iterator[tuple[int, R | Exception]]:
    futures = {executor.submit(function, call): i for i, call in enumerate(calls)}
    try:
        for future in as_completed(futures):
            answer = _outcome(future)
            yield futures[future], answer
    finally:
        for future in futures:
            future.cancel()


def _outcome(future: Future[R]) -> R | Exception:
    error = future.exception()
    if error is None:
        return future.result()
    if not isinstance(error, Exception):
        raise error
    return error


class _Pool(Generic[T, R]):
    """Processes that are replaced when one of them dies.

    At most one call a process is under way, so that those which a death may have interrupted are known; each of these is then
    tried alone, and what ends its own process is told apart from what ran beside it.
    """

    def __init__(self, function: Callable[[T], R], calls: Sequence[T], workers: int) -> None:
        self.function, self.calls, self.workers = function, calls, workers
        self.waiting = deque(range(len(calls)))
        self.suspects: deque[int] = deque()
        self.deaths: dict[int, int] = {}

    def run(self) -> Iterator[tuple[int, R | Exception]]:
        """The answers as they come."""
        while self.waiting:
            yield from self._with_pool(self.workers, self.waiting, alone=False)
        while self.suspects:
            yield from self._with_pool(1, self.suspects, alone=True)

    def _with_pool(self, workers: int, queue: deque[int], alone: bool) -> Iterator[tuple[int, R | Exception]]:
        before = set(multiprocessing.active_children())
        pool = _processes(workers)
        running: dict[Future[R], int] = {}
        ended = False
        try:
            while queue or running:
                while queue and len(running) < workers:
                    running[self._submitted(pool, queue[0])] = queue[0]
                    queue.popleft()
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    if not isinstance(future.exception(), BrokenExecutor):
                        answer = _outcome(future)
                        yield running.pop(future), answer
                if running and any(f.done() and isinstance(f.exception(), BrokenExecutor) for f in running):
                    break
            ended = True
        except BrokenExecutor:  # it broke between two calls
            ended = True
        finally:
            if not ended:  # a signal, or nobody wants more: what runs is given up
                for process in set(multiprocessing.active_children()) - before:
                    process.terminate()
            pool.shutdown(wait=True, cancel_futures=True)
        yield from self._interrupted(sorted(running.values()), alone)

    def _submitted(self, pool: ProcessPoolExecutor, place: int) -> Future[R]:
        with _plain_start():
            return pool.submit(self.function, self.calls[place])

    def _interrupted(self, places: Sequence[int], alone: bool) -> Iterator[tuple[int, R | Exception]]:
        for place in places:
            self.deaths[place] = self.deaths.get(place, 0) + alone
            if self.deaths[place] < DEATHS:
                self.suspects.append(place)
            else:
                yield (
                    place,
                    ProcessDied(
                        f"Its process ended without an answer {DEATHS} times: killed for its memory, or crashed."
                    ),
                )


def _processes(workers: int) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin)


def _begin() -> None:
    """In a new process: Ctrl-C is for the parent, which ends this one, and so does its death."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.join,), daemon=True).start()


def _end_with(joined: Callable[[], None]) -> None:
    joined()
    os._exit(1)


@contextmanager
def _plain_start() -> Iterator[None]:
    """While processes start: one thread each for linear algebra, and the program of the parent is not run again in them.

    Spawned processes import the parent's main module, which would sweep again where it has no ``if __name__ == "__main__"``; the
    functions that are called here are those of the package.
    """
    main, kept = sys.modules["__main__"], _environment(dict.fromkeys(THREADS, "1"))
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        _environment(kept)


def _environment(values: Mapping[str, str | None]) -> dict[str, str | None]:
    """Set variables (None: remove them), and return what they were."""
    kept = {name: os.environ.get(name) for name in values}
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    return kept
