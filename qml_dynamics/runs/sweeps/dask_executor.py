"""A running Dask scheduler as an executor; Dask is loaded here only."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from ...base.errors import BackendError, MethodError, describe

_WAIT = "20s"


@contextmanager
def running_scheduler(address: str) -> Iterator[Executor]:
    """The executor of the scheduler at an address such as ``tcp://host:8786``, while the block runs.

    Raises:
        MethodError: Dask is not installed. BackendError: no scheduler answers there.
    """
    try:
        from distributed import Client
    except ImportError:
        raise MethodError(
            "Argument `scheduler` must be left out without Dask: install it with constraints of its own, "
            'pip install -c constraints-dask.txt "qml-dynamics[dask]".'
        ) from None
    try:
        client = Client(address, timeout=_WAIT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise BackendError(
            f"Argument `scheduler` must be the address of a scheduler that runs, but at {describe(address)}: {error}."
        ) from None
    try:
        yield client.get_executor(pure=False)
    finally:
        client.close()
