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
from ..results.sampling import draw
from ..results.trajectory import Counts
from .base import Backend, Capabilities, OnStep, capabilities, check_circuits
from .failures import redacted, vendor_error, without_credentials

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

T = TypeVar("T")
_TABLE = 26  # qubits of which there are tables of probabilities
_ENTRIES = 1 << 24  # of the tables that are asked for together
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


def sampled(backend: Backend, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> Sequence[Counts]:
    """Outcomes of unmeasured circuits, one seed a circuit; of amplitudes they are drawn here where the backend's seeds are no circuit's.

    A run that has waves draws samples of its own (:func:`~qml_dynamics.results.sampling.draw`), one seed a circuit; a run in a folder
    takes them from circuits, and gives the same counts of the weights only if these are drawn alike. A backend whose seeds decide the
    counts of each circuit is asked itself.

    >>> from qiskit import QuantumCircuit
    >>> from qml_dynamics import backend
    >>> turn = QuantumCircuit(1); turn.h(0)  # doctest: +ELLIPSIS
    <...>
    >>> sampled(backend("statevector"), [turn], 10, [3])[0].shots
    10
    """
    can, width = capabilities(backend), max((circuit.num_qubits for circuit in circuits), default=0)
    if not can.exact or can.seeding == "circuit" or width > _TABLE:
        return backend.sample(circuits, shots, seeds)
    circuits = check_circuits(circuits, shots)
    found, some = list[Counts](), max(1, _ENTRIES >> width)
    for k in range(0, len(circuits), some):
        laws = backend.probabilities(circuits[k : k + some])
        found += [draw(law, shots, seed) for law, seed in zip(laws, seeds[k : k + some])]
    return found


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
    """A backend whose exceptions are told in our words, and whose samples are drawn alike; all else is its own."""

    def __getattr__(self, name: str) -> Any:
        found = super().__getattr__(name)
        return partial(self._ask, found) if callable(found) and not name.startswith("_") else found

    def sample(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """The outcomes of the backend, or drawn from its probabilities."""
        return list(self._ask(sampled, self.inner, circuits, shots, seeds))

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
