"""Fingerprints of circuits, insensitive to rounding, by which circuits that are built again later are recognised.

Each circuit is recorded gate by gate (SHA-256 of gates and places, and weighted sums of its angles as numbers), and by what it
does where that is cheap: amplitudes between random states. Angles and amplitudes are compared to 1e-9. Circuits whose gates
differ but whose amplitudes are equal up to a phase do the same: a newer library has built them in another way.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from qiskit import QuantumCircuit
from qiskit.circuit import Gate, Instruction

from ..base.archive import checked, nonnegative, read_npz, reading
from ..base.errors import BackendError, SynthesisChangedWarning
from .base import Asked
from .branch_records import columns, rows_of
from .branches import Branch
from .circuit_steps import Step, walk
from .gate_words import SUMS, digest, frame_of, gatewise, largest, weighted
from .meaning import DRAWS, PROBES, QUBITS, SAME, Segment, bound, narrow, random_state, segments_of, states_of

_WORK = 5.0e7  # amplitudes times gates of one record: a second or two
_AT_ONCE = 1 << 14  # amplitudes of circuits that are looked at together
_NONE = -1
_NUMBERS = ("sums", "size", "overlaps", "length")
_DAMAGED = "The stored record of the circuits is damaged"


@dataclass(frozen=True, eq=False)
class Record:
    """What is known of some circuits.

    Attributes:
        gates: SHA-256 of gates, places and exact texts of each circuit.
        frames: the same of what no synthesis changes: width, measurements, resets, and the operators that are asked for.
        sums: weighted sums of the angles of each circuit and of the numbers of its frame, shape ``(circuits, 4)``; ``size``: the
            largest number in it.
        overlaps: ``<phi_k|U|psi_k>`` with random waves, for each stretch between measurements or resets; ``length``: how many of
            them each circuit has, -1 where none were computed.
    """

    gates: tuple[str, ...]
    frames: tuple[str, ...]
    sums: np.ndarray
    size: np.ndarray
    overlaps: np.ndarray
    length: np.ndarray

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Plain arrays; equal gates are kept once."""
        pairs = list(zip(self.gates, self.frames))
        which = {pair: k for k, pair in enumerate(dict.fromkeys(pairs))}
        index = np.array([which[pair] for pair in pairs], dtype=np.int64)
        marks = np.array(list(which), dtype="U64").reshape(-1, 2)
        numbers = {name: getattr(self, name) for name in _NUMBERS}
        return {"marks": marks, "index": index, **numbers}

    @staticmethod
    def from_arrays(arrays: Mapping[str, np.ndarray]) -> Record:
        """:meth:`to_arrays`, undone; raises :class:`BackendError` where they are damaged."""
        with reading(_DAMAGED, BackendError):
            index = checked(arrays, "index", "iu", (None,), nonnegative)
            many = len(index)
            marks = checked(arrays, "marks", "U", (None, 2))[index.astype(np.int64)]
            gates, frames = (tuple(column) for column in marks.T.tolist())
            length = checked(arrays, "length", "iu", (many,))
            return Record(
                gates,
                frames,
                checked(arrays, "sums", "f", (many, 2 * SUMS)),
                checked(arrays, "size", "f", (many,)),
                checked(arrays, "overlaps", "c", (int(np.maximum(length, 0).sum()),)),
                length,
            )

    @cached_property
    def _ends(self) -> np.ndarray:
        """Where the overlaps of each circuit begin, and the last ones end."""
        return np.concatenate([[0], np.maximum(self.length, 0).cumsum()])

    @staticmethod
    def joined(records: Sequence[Record]) -> Record:
        """One record of the circuits of all, in order."""
        return Record(
            tuple(mark for each in records for mark in each.gates),
            tuple(mark for each in records for mark in each.frames),
            *(np.concatenate([getattr(each, name) for each in records]) for name in _NUMBERS),
        )

    def part(self, first: int, count: int) -> Record:
        """The record of ``count`` of the circuits, from ``first`` on."""
        chosen = slice(first, first + count)
        waves = slice(*self._ends[[first, first + count]].tolist())
        return Record(
            self.gates[chosen],
            self.frames[chosen],
            self.sums[chosen],
            self.size[chosen],
            self.overlaps[waves],
            self.length[chosen],
        )

    def to_plain(self) -> dict[str, Any]:
        """Plain data, as JSON has it: of a complex amplitude its two parts."""
        plain = {name: array.tolist() for name, array in self.to_arrays().items() if name != "overlaps"}
        return {**plain, "overlaps": [[z.real, z.imag] for z in self.overlaps.tolist()]}

    @staticmethod
    def from_plain(data: Mapping[str, npt.ArrayLike]) -> Record:
        """:meth:`to_plain`, undone."""
        parts = np.array(data["overlaps"], dtype=float).reshape(-1, 2)
        kinds: dict[str, Any] = {"marks": "U64", "index": np.int64, "sums": float, "size": float, "length": np.int64}
        arrays = {name: np.array(data[name], dtype=kind) for name, kind in kinds.items()}
        shapes = {"marks": (-1, 2), "sums": (-1, 2 * SUMS)}
        arrays |= {name: arrays[name].reshape(shape) for name, shape in shapes.items()}
        return Record.from_arrays({**arrays, "overlaps": parts[:, 0] + 1j * parts[:, 1]})

    def to_bytes(self) -> bytes:
        """One archive, without pickle."""
        out = io.BytesIO()
        np.savez_compressed(out, **self.to_arrays())  # type: ignore[arg-type]
        return out.getvalue()

    @staticmethod
    def from_bytes(data: bytes) -> Record:
        """:meth:`to_bytes`, undone; raises :class:`BackendError` where it is damaged."""
        return Record.from_arrays(read_npz(data, _DAMAGED, BackendError))


Items = Sequence[QuantumCircuit] | Sequence[Asked] | Sequence[Branch]


def record(items: Items, overlaps: bool = True) -> Record:
    """The record of circuits without free parameters, or of the circuits and operators of :class:`~.base.Asked`.

    Args:
        items: the circuits; branches of a path are read along it, each gate once.
        overlaps: also what they do, for circuits on at most 14 qubits, as long as all of it takes a second or two.

    >>> circuit = QuantumCircuit(2)
    >>> _ = circuit.rx(0.5, 0), circuit.cx(0, 1)
    >>> known = record([circuit])
    >>> same_circuits(known, [circuit]), same_circuits(known, [circuit.inverse()])
    (None, 0)
    """
    if items and all(isinstance(item, Branch) for item in items):
        rows_along = rows_of(cast(Sequence[Branch], items), _WORK if overlaps else 0.0)
        return Record(
            tuple(row.gates for row in rows_along), tuple(row.frame for row in rows_along), *columns(rows_along)
        )
    gates, frames, sums, size = [], [], [], []
    alike: dict[str, dict[int, _Alike]] = {}
    first: dict[
        tuple[int, str, bytes], int
    ] = {}  # equal circuits act once: at time 0 random ones are the preparation alone
    same: list[int] = []
    left = _WORK if overlaps else 0.0
    for place, item in enumerate(items):
        steps = list(walk(_circuit(item)))
        words, numbers = gatewise(steps)
        frame, values = _frame(item, steps)
        gates.append(digest(words))
        frames.append(digest(frame))
        sums.append([*weighted(numbers), *weighted(values)])
        size.append(max(largest(numbers), largest(values)))
        if not overlaps:
            continue
        n = _circuit(item).num_qubits
        same.append(first.setdefault((n, gates[-1], numbers.tobytes()), place))
        left -= float(len(words)) * (1 << min(n, 40))
        if same[-1] == place and left >= 0 and n <= QUBITS:
            # circuits of small gates whatever these are, others with those that differ from them in their angles only
            alike.setdefault("" if narrow(steps, n) else gates[-1], {}).setdefault(n, _Alike(n)).add(place, steps)
    together = [(group, name == "") for name, groups in alike.items() for group in groups.values()]
    acted = dict(row for group, small in together for row in group.overlaps(small))
    rows = {k: acted[k0] for k, k0 in enumerate(same) if k0 in acted}
    length = [len(rows[k]) if k in rows else _NONE for k in range(len(items))]
    flat = np.concatenate([rows[k] for k in sorted(rows)]) if rows else np.zeros(0, dtype=complex)
    return Record(
        tuple(gates),
        tuple(frames),
        np.array(sums).reshape(-1, 2 * SUMS),
        np.array(size),
        flat,
        np.array(length, dtype=np.int64),
    )


class _Alike:
    """Circuits of one width that differ in their angles only, or that are all made of small gates."""

    def __init__(self, num_qubits: int) -> None:
        self.num_qubits = num_qubits
        self.places: list[int] = []
        self.steps: list[list[Step]] = []

    def add(self, place: int, steps: list[Step]) -> None:
        """Append the steps of one circuit, with its position in the batch."""
        self.places.append(place)
        self.steps.append(steps)

    def overlaps(self, small: bool) -> Iterator[tuple[int, np.ndarray]]:
        """Place and amplitudes of each circuit; none where they cannot be had. ``small``: :func:`.meaning.narrow` ones."""
        at_once = max(1, _AT_ONCE >> self.num_qubits)
        for first in range(0, len(self.places), at_once):
            chosen = self.steps[first : first + at_once]
            states = states_of(chosen, self.num_qubits) if small else None
            found = segments_of(chosen, self.num_qubits) if states is None else [Segment(states, ())]
            if found is None:
                return
            rows = np.concatenate([_against(s, k, self.num_qubits) for k, s in enumerate(found)], axis=1)
            yield from zip(self.places[first : first + at_once], rows)


def same_circuits(known: Record, items: Items, what: str = "circuit") -> int | None:
    """The number of the first circuit that does something else than the recorded one; None where all do the same.

    Warns:
        SynthesisChangedWarning: some are made of other gates than then, and do the same.
    """
    if len(known.gates) != len(items):
        return min(len(known.gates), len(items))
    now = record(items, overlaps=False)
    scale = SAME * np.maximum(1.0, np.maximum(known.size, now.size))
    equal = np.abs(known.sums - now.sums) <= scale[:, None]
    ends = np.cumsum(np.maximum(known.length, 0))
    rebuilt = []
    for k, item in enumerate(items):
        if known.frames[k] != now.frames[k] or not equal[k, 2:].all():
            return k
        if known.gates[k] == now.gates[k] and equal[k, :2].all():
            continue
        if known.length[k] == _NONE:
            return k
        then, seen = known.overlaps[ends[k] - known.length[k] : ends[k]], _overlaps(_circuit(item))
        if seen is None or not _same_up_to_phase(then, seen):
            return k
        rebuilt.append(k)
    if rebuilt:
        warnings.warn(
            f"{len(rebuilt)} of {len(items)} circuits ({what} {rebuilt[0]} first) are made of other gates than when they were "
            "recorded, by another version of a library; they do the same to 1e-9.",
            SynthesisChangedWarning,
            stacklevel=2,
        )
    return None


def probe(circuit: QuantumCircuit) -> Record:
    """The record of a circuit with free parameters: at a few values of them."""
    return record(_drawn(circuit))


def same_probe(known: Record, circuit: QuantumCircuit) -> bool:
    """Whether a circuit with free parameters does what :func:`probe` recorded."""
    return same_circuits(known, _drawn(circuit), "value of the parameters") is None


def _drawn(circuit: QuantumCircuit) -> list[QuantumCircuit]:
    found: list[QuantumCircuit] = []
    for each in bound(circuit):
        found += [] if each is None else [each]
        if len(found) == DRAWS:
            break
    return found


def _circuit(item: QuantumCircuit | Asked | Branch) -> QuantumCircuit:
    return item.circuit if isinstance(item, (Asked, Branch)) else item


def _frame(item: QuantumCircuit | Asked | Branch, steps: Sequence[Step]) -> tuple[list[str], np.ndarray]:
    """What no synthesis may change, as words and numbers."""
    circuit, (between, numbers) = _circuit(item), frame_of(steps)
    words = [f"{circuit.num_qubits} qubits, {circuit.num_clbits} bits", *between]
    for operator in item.operators if isinstance(item, Asked) else ():
        words.append(f"operator {operator.x.tolist()} {operator.z.tolist()}")
        numbers += [x for c in operator.coefficients.tolist() for x in (complex(c).real, complex(c).imag)]
    return words, np.array(numbers, dtype=float)


def _overlaps(circuit: QuantumCircuit) -> np.ndarray | None:
    group = _Alike(circuit.num_qubits)
    group.add(0, list(walk(circuit)))
    return dict(group.overlaps(small=False)).get(0)


def _against(segment: Segment, number: int, n: int) -> np.ndarray:
    """Overlaps of order 1, shape ``(circuits, 2)``: an error of the state by eps changes each by about eps."""
    bras = np.stack([random_state(f"bra {number} {k}", n) for k in range(PROBES)], axis=-1) * np.sqrt(2.0**n)
    out: np.ndarray = np.sum(bras.conj() * segment.state, axis=1)
    return out


def _same_up_to_phase(a: np.ndarray, b: np.ndarray) -> bool:
    """Phases of whole circuits cannot be seen in samples; each stretch of a circuit has its own."""
    if a.shape != b.shape:
        return False
    left, right = a.reshape(-1, PROBES), b.reshape(-1, PROBES)
    inner = np.sum(left.conj() * right, axis=1)
    turned = right * np.exp(-1j * np.angle(inner))[:, None]
    return bool(np.abs(turned - left).max(initial=0.0) <= SAME)


def earlier_digest(circuit: QuantumCircuit) -> str:
    """The mark of a circuit in run folders of earlier versions: gates by their names, angles as text, exactly."""
    digest = hashlib.sha256()
    _add(digest, circuit)
    return digest.hexdigest()


def _add(digest: hashlib._Hash, circuit: QuantumCircuit) -> None:
    digest.update(f"{circuit.num_qubits} {circuit.global_phase}".encode())
    for instruction in circuit.data:
        op = instruction.operation
        params = [p.tobytes() if isinstance(p, np.ndarray) else str(p) for p in op.params]
        places = [circuit.find_bit(q).index for q in instruction.qubits]
        digest.update(repr((op.name, getattr(op, "label", None), params, places)).encode())
        if type(op) in (Gate, Instruction) and op.definition is not None:
            _add(digest, op.definition)
