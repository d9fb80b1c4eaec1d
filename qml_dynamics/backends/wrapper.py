"""A wrapper for backends of other packages: what they raise leaves as a :class:`BackendError` of one line.

The text of a client's exception may hold the request that failed, and with it a credential. The backends of the library keep this
themselves, by :func:`~.failures.told`; every other one is wrapped where a verb opens it for a run here and now. (Run folders ask the
backend itself, since they look at the exception to see whether it will pass.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..base.errors import MESSAGE, BackendError, QMLDynamicsError, line
from ..results.trajectory import Counts
from .base import Backend, Capabilities, OnStep, capabilities
from .failures import redacted, vendor_error, without_credentials

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

T = TypeVar("T")
_OWN = __name__.partition(".")[0]


def wrapped(backend: Backend) -> Backend:
    """The backend; one that another package wrote, with everything that it raises turned into a :class:`BackendError`.

    >>> from qml_dynamics import backend
    >>> ours = backend("statevector")
    >>> wrapped(ours) is ours
    True
    """
    if isinstance(backend, Wrapped) or type(backend).__module__.partition(".")[0] == _OWN:
        return backend
    return Wrapped(backend)


class Forwarding:
    """A backend round another one: what it does not have itself is that of the backend inside."""

    def __init__(self, inner: Backend) -> None:
        self.inner, self.name, self.exact = inner, str(inner.name), bool(inner.exact)

    @property
    def capabilities(self) -> Capabilities:
        """Those of the backend."""
        return capabilities(self.inner)

    def __getattr__(self, name: str) -> Any:
        if name == "inner":  # copies ask for names before the fields are there
            raise AttributeError(name)
        return getattr(self.inner, name)


class Wrapped(Forwarding):
    """A backend whose exceptions are told in our words; all else is that of the backend itself."""

    def __getattr__(self, name: str) -> Any:
        found = super().__getattr__(name)
        return partial(self._ask, found) if callable(found) and not name.startswith("_") else found

    def sample(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """The outcomes of the backend."""
        return self._ask(self.inner.sample, circuits, shots, seeds)

    def probabilities(self, circuits: Sequence[QuantumCircuit]) -> list[np.ndarray]:
        """The probabilities of the backend."""
        return self._ask(self.inner.probabilities, circuits)

    def states(self, pieces: Sequence[QuantumCircuit], on_step: OnStep) -> Iterator[np.ndarray]:
        """The amplitudes of the backend; what ``on_step`` raises is not the backend's and passes as it is."""
        own: list[BaseException] = []

        def step(done: int, total: int) -> None:
            """Report progress; what the caller's function raises is noted in ``own``: it is no error of the backend."""
            try:
                on_step(done, total)
            except BaseException as error:
                own.append(error)
                raise

        waves = iter(self._ask(self.inner.states, pieces, step, own=own))
        while True:
            wave = self._ask(partial(next, waves, None), own=own)
            if wave is None:
                return
            yield wave

    def describe(self) -> dict[str, Any]:
        """What the backend says, without credentials."""
        said: dict[str, Any] = without_credentials(self._ask(self.inner.describe))
        return said

    def _ask(self, verb: Callable[..., T], *given: Any, own: Sequence[BaseException] = (), **options: Any) -> T:
        """What a verb of the backend answers; its exception becomes ours, which nothing of the original hangs on."""
        try:
            return verb(*given, **options)
        except Exception as error:
            if any(error is one for one in own):
                raise
            ours = _told(error, f"Running on {self.name}")
        raise ours


def _told(error: Exception, doing: str) -> QMLDynamicsError:
    """The exception in our words; one of ours keeps its class."""
    if not isinstance(error, QMLDynamicsError):
        return vendor_error(error, doing)
    text = redacted(str(error), MESSAGE)
    if text == line(str(error), MESSAGE) and error.__cause__ is None and error.__context__ is None:
        return error
    try:
        return type(error)(text)
    except Exception:  # of a class of its own that takes something else
        return BackendError(text)
