"""Circuits that begin alike: the first pieces of one path, each with an ending of its own, so that one pass samples all of them.

A run with m saved times sends circuits that continue one another. Built one by one they have of the order of m^2 gates; as branches of a
path they are built, compared and simulated in a time linear in m. A module of its own beside `base`: whoever calls
``sample_branches`` has asked :func:`~qml_dynamics.backends.capabilities` for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable
from weakref import WeakKeyDictionary

import numpy as np

from ..base.errors import BackendError, require
from ..results.sampling import draw
from ..results.trajectory import Counts
from .base import Backend, check_circuits

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_SMALL = 8  # qubits up to which an ending acts on all waves at once; above it the simulator runs it wave by wave
_BYTES = (
    1 << 26
)  # of the waves of one pass, each of which is there twice: as Aer has saved it, and as what is made of it
# amplitudes after each of consecutive circuits, from a wave on (None: all qubits in 0)
Onward: TypeAlias = "Callable[[Sequence[QuantumCircuit], np.ndarray | None], Iterator[np.ndarray]]"


@dataclass(frozen=True, eq=False)
class Path:
    """Consecutive circuits on the same qubits.

    Attributes:
        pieces: the circuits, the first of which acts on all qubits in 0.
        reached: for each backend that has gone along it how many pieces it has run, and the wave there: batches of a run follow each
            other, and none begins at the start again.
    """

    pieces: tuple[QuantumCircuit, ...]
    reached: WeakKeyDictionary[Backend, tuple[int, np.ndarray]] = field(default_factory=WeakKeyDictionary, repr=False)

    def branch(self, until: int) -> Branch:
        """The circuit of the first ``until`` pieces."""
        ending = self.pieces[0].copy_empty_like()
        ending.global_phase = 0  # that of the first piece stays with it
        return Branch(self, until, ending)


@dataclass(frozen=True, eq=False)
class Branch:
    """The circuit of the first ``until`` pieces of a path and an ending; branches with the same ending hold the same object.

    >>> from qiskit import QuantumCircuit
    >>> first, turn = QuantumCircuit(1), QuantumCircuit(1)
    >>> _ = first.h(0), turn.rz(0.3, 0)
    >>> [step.name for step in Path((first, turn, turn)).branch(3).circuit.data]
    ['h', 'rz', 'rz']
    """

    path: Path
    until: int
    ending: QuantumCircuit

    def __post_init__(self) -> None:
        most = len(self.path.pieces)
        require(1 <= self.until <= most, "until", f"be from 1 to {most}", self.until, BackendError)

    @property
    def num_qubits(self) -> int:
        """Width of the circuit."""
        out: int = self.path.pieces[0].num_qubits
        return out

    @property
    def circuit(self) -> QuantumCircuit:
        """The circuit itself, built anew each time."""
        whole = self.path.pieces[0].copy()
        for piece in (*self.path.pieces[1 : self.until], self.ending):
            whole.compose(piece, inplace=True)
        return whole


@runtime_checkable
class BranchingBackend(Backend, Protocol):
    """A backend that samples branches of a path in one pass (``Capabilities.branches``)."""

    def sample_branches(self, branches: Sequence[Branch], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """What ``sample`` gives for their circuits."""
        ...


def by_path(branches: Sequence[Branch]) -> dict[Path, dict[int, list[int]]]:
    """For each path and number of its pieces, in the order in which they act, the places of the branches that end there."""
    found: dict[Path, dict[int, list[int]]] = {}
    for place, branch in enumerate(branches):
        found.setdefault(branch.path, {}).setdefault(branch.until, []).append(place)
    return {path: dict(sorted(stops.items())) for path, stops in found.items()}


def sample_along(
    backend: Backend, onward: Onward, branches: Sequence[Branch], shots: int, seeds: Sequence[int]
) -> list[Counts]:
    """``shots`` outcomes of each branch, drawn from the waves of one pass along each path.

    Args:
        backend: whose waves they are.
        onward: its amplitudes.
        branches, shots, seeds: one seed a branch, which decides its counts for any order of the branches.
    """
    endings = {id(branch.ending): branch.ending for branch in branches}
    check_circuits(list(endings.values()), shots)
    out: dict[int, Counts] = {}
    for path, stops in by_path(branches).items():
        waiting: dict[int, list[tuple[int, np.ndarray]]] = {}
        for count, wave in _waves(backend, onward, path, stops):
            for place in stops[count]:
                ending = branches[place].ending
                if not ending.data:
                    out[place] = draw(np.abs(wave) ** 2, shots, seeds[place])
                elif ending.num_qubits <= _SMALL:
                    waiting.setdefault(id(ending), []).append((place, wave))
                else:
                    out[place] = draw(np.abs(next(onward([ending], wave))) ** 2, shots, seeds[place])
        for key, rows in waiting.items():
            ended = _ended(endings[key], np.array([wave for _, wave in rows], dtype=complex))
            out |= {place: draw(np.abs(wave) ** 2, shots, seeds[place]) for (place, _), wave in zip(rows, ended)}
    return [out[place] for place in range(len(branches))]


def _waves(
    backend: Backend, onward: Onward, path: Path, stops: dict[int, list[int]]
) -> Iterator[tuple[int, np.ndarray]]:
    """Each stop, and the wave behind so many pieces; from where the last batch has ended, if that helps.

    What lies between two stops is one circuit, and a pass ends before its waves take much memory.
    """
    known = path.reached.get(backend)
    if known is not None and known[0] > min(stops):
        known = None
    reached, wave = (0, None) if known is None else known
    if wave is not None and reached in stops:
        yield reached, wave
    ends = [stop for stop in stops if stop > reached]
    some = max(1, _BYTES // (32 << path.pieces[0].num_qubits))
    for k in range(0, len(ends), some):
        chosen = ends[k : k + some]
        pieces = [_joined(path.pieces[start:stop]) for start, stop in zip([reached, *chosen], chosen)]
        for stop, found in zip(chosen, onward(pieces, wave)):
            reached, wave = path.reached[backend] = stop, found
            yield reached, wave


def _joined(pieces: Sequence[QuantumCircuit]) -> QuantumCircuit:
    """Consecutive circuits as one; a single one is itself, so that equal ones stay one object."""
    whole, *rest = check_circuits(pieces)
    if rest:
        whole = whole.copy()
    for piece in rest:
        whole.compose(piece, inplace=True)
    return whole


def _ended(ending: QuantumCircuit, waves: np.ndarray) -> np.ndarray:
    """Waves of shape ``(waves, 2**n)`` behind the gates of an ending, up to a phase."""
    from .circuit_steps import walk
    from .statevector import act

    flat = waves.reshape(-1)
    for step in walk(ending):
        if step.qubits:
            if step.matrix is None:
                raise BackendError(f"Argument `ending` must be made of gates, but holds {step.name!r}.")
            act(flat, step.matrix, step.qubits)
    return flat.reshape(waves.shape)
