"""Whether two circuits do the same: gate by gate, else as unitaries on random states, in segments where they measure or reset.

Numbers are compared to 1e-9. Random numbers are made here from SHAKE-256, so that what was stored can be computed again by any
version of NumPy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest

import numpy as np
from qiskit import QuantumCircuit

from .circuit_steps import CLOSE, OPEN, Step, walk

SAME = 1e-9
QUBITS = 14  # up to here circuits are compared as unitaries
PROBES = 2  # random states
DRAWS = 3  # values of the parameters
_ENOUGH = 64  # attempts to find them: an angle like log(p) is not defined everywhere


@dataclass(frozen=True, eq=False)
class Segment:
    """A stretch of circuits without measurement or reset.

    Attributes:
        state: what it makes of random states, shape ``(circuits, 2**n, 2)``.
        end: what stands at its end, in words and numbers.
    """

    state: np.ndarray
    end: tuple[object, ...]


def random_numbers(seed: str, count: int) -> np.ndarray:
    """Numbers between -1 and 1, the same for ever.

    >>> random_numbers("a seed", 2).round(6).tolist()
    [-0.860523, 0.416311]
    """
    raw = hashlib.shake_256(seed.encode()).digest(8 * count)
    return np.frombuffer(raw, dtype="<u8").astype(float) * 2.0**-63 - 1.0


@lru_cache(maxsize=32)
def random_state(seed: str, num_qubits: int) -> np.ndarray:
    """A wave of unit norm, shape ``(2**n,)``; it cannot be written to."""
    size = 1 << num_qubits
    parts = random_numbers(seed, 2 * size)
    wave = parts[:size] + 1j * parts[size:]
    wave /= np.linalg.norm(wave)
    wave.flags.writeable = False
    return wave


def bound(circuit: QuantumCircuit) -> Iterator[QuantumCircuit | None]:
    """The circuit at values of its parameters, the same ones for circuits with as many of them; None where one cannot be had."""
    number = circuit.num_parameters
    if not number:
        yield circuit
        return
    for attempt in range(_ENOUGH):
        spread = random_numbers(f"parameters {attempt}", number)
        values = 2.0 * spread if attempt % 2 == 0 else 0.5 + 0.45 * spread  # of either sign, and all between 0 and 1
        try:
            yield circuit.assign_parameters(values.tolist())
        except Exception:  # a value for which an angle is not defined
            yield None


def difference(given: QuantumCircuit, stored: QuantumCircuit) -> str | None:
    """In what two circuits differ, in a few words; None where they do the same.

    >>> a, b = QuantumCircuit(1), QuantumCircuit(1)
    >>> _ = a.h(0), a.rx(0.3, 0), a.h(0), b.rz(0.3, 0)
    >>> difference(a, b), difference(a, a.inverse())
    (None, 'another unitary')
    """
    for what in ("num_qubits", "num_clbits"):
        if getattr(given, what) != getattr(stored, what):
            return f"{what} is {getattr(stored, what)}, not {getattr(given, what)}"
    names, found = ([p.name for p in circuit.parameters] for circuit in (given, stored))
    if names != found:
        return f"its parameters are {found}, not {names}"
    compared = 0
    for a, b in zip(bound(given), bound(stored)):
        if (a is None) != (b is None):
            return "its angles are other functions of its parameters"
        if a is not None and b is not None:
            words = _bound_difference(a, b)
            if words is not None:
                return words
            compared += 1
        if compared == DRAWS:
            break
    return None if compared else "no values of its parameters could be tried"


def _bound_difference(a: QuantumCircuit, b: QuantumCircuit) -> str | None:
    words = gates_differ(a, b)
    if words is None or a.num_qubits > QUBITS:
        return words
    left, right = segments(a), segments(b)
    if left is None or right is None:
        return words
    return segments_differ(left, right)


def gates_differ(a: QuantumCircuit, b: QuantumCircuit) -> str | None:
    """The first step in which two circuits without free parameters differ; global phases are added up."""
    phases = [0.0, 0.0]
    walks = [_without_phases(circuit, phases, k) for k, circuit in enumerate((a, b))]
    for x, y in zip_longest(*walks):
        if x is None or y is None:
            return "another number of gates"
        if (x.qubits, x.clbits) != (y.qubits, y.clbits) or not same_step(x, y):
            return f"{y.name} on {list(y.qubits)} stands where {x.name} on {list(x.qubits)} was"
    turn = abs(np.exp(1j * phases[0]) - np.exp(1j * phases[1]))
    return None if turn <= SAME else "another global phase"


def _without_phases(circuit: QuantumCircuit, phases: list[float], place: int) -> Iterator[Step]:
    for step in walk(circuit):
        if step.name == "global_phase":
            phases[place] += sum(step.numbers)
        else:
            yield step


def same_step(x: Step, y: Step) -> bool:
    """Whether two steps on the same qubits do the same: by their matrices, else by name and parameters."""
    if x.unitary != y.unitary:
        return False
    said = x.name == y.name and x.words == y.words and len(x.numbers) == len(y.numbers)
    if said and (not x.unitary or (x.standard and y.standard)):
        return all(abs(p - q) <= SAME for p, q in zip(x.numbers, y.numbers))
    if x.matrix is None or y.matrix is None or x.matrix.shape != y.matrix.shape:
        return False
    return bool(np.abs(x.matrix - y.matrix).max() <= SAME)


def segments(circuit: QuantumCircuit) -> list[Segment] | None:
    """What random states become, from each measurement or reset to the next; None for control flow and opaque gates."""
    return segments_of([list(walk(circuit))], circuit.num_qubits)


def segments_of(alike: Sequence[Sequence[Step]], n: int) -> list[Segment] | None:
    """:func:`segments` of circuits that differ in their angles only, all at once."""
    found: list[Segment] = []
    state, phase = _fresh(n, len(alike), 0), np.zeros(len(alike))
    for steps in zip(*alike):
        first = steps[0]
        if first.name == "global_phase":
            phase += [sum(step.numbers) for step in steps]
        elif first.unitary:
            fixed = len(alike) == 1 or not first.numbers
            matrix = np.array([first.matrix]) if fixed else np.array([step.matrix for step in steps])
            state = applied(matrix, first.qubits, state, n)
        elif first.name in (OPEN, CLOSE) or not (first.clbits or first.name in ("reset", "delay")):
            return None
        else:
            found.append(Segment(state, (first.name, first.qubits, first.clbits, first.words, first.numbers)))
            state = _fresh(n, len(alike), len(found))
    return [*found, Segment(np.exp(1j * phase)[:, None, None] * state, ())]


def segments_differ(left: list[Segment], right: list[Segment]) -> str | None:
    """The first segment in which two circuits differ."""
    if [s.end for s in left] != [s.end for s in right]:
        return "other measurements or resets, or in another order"
    for number, (x, y) in enumerate(zip(left, right)):
        if np.linalg.norm(x.state - y.state) > SAME:
            return "another unitary" + (f" before its measurement or reset {number}" if len(left) > 1 else "")
    return None


def narrow(steps: Sequence[Step], n: int) -> bool:
    """Whether a circuit on two qubits or more is made of gates on one or two of them, and of nothing else."""
    return n > 1 and all(step.name == "global_phase" or (step.unitary and 0 < len(step.qubits) <= 2) for step in steps)


def states_of(every: Sequence[Sequence[Step]], n: int) -> np.ndarray:
    """What :func:`narrow` circuits, whatever their gates, make of the random states, all at once; shape ``(circuits, 2**n, 2)``.

    The k-th gates of all circuits act together: of each the amplitudes on its own two qubits are gathered.
    """
    phase = np.array([sum(x for step in steps if not step.qubits for x in step.numbers) for steps in every])
    gates = [[step for step in steps if step.qubits] for steps in every]
    order = sorted(range(len(every)), key=lambda c: -len(gates[c]))  # those that still go on are the first ones
    state = np.array(_fresh(n, len(every), 0))
    left = len(order)
    for k in range(len(gates[order[0]]) if order else 0):
        while len(gates[order[left - 1]]) <= k:
            left -= 1
        now = [gates[c][k] for c in order[:left]]
        pairs = [s.qubits if len(s.qubits) == 2 else (s.qubits[0], (s.qubits[0] + 1) % n) for s in now]
        matrices = np.zeros((left, 4, 4), dtype=complex)
        for c, s in enumerate(now):
            if len(s.qubits) == 2:
                matrices[c] = s.matrix
            else:  # whatever the other qubit is
                matrices[c, :2, :2] = matrices[c, 2:, 2:] = s.matrix
        places = np.array([_places(a, b, n) for a, b in pairs])
        rows = np.arange(left)[:, None]
        moved = matrices @ state[rows, places].reshape(left, 4, -1)
        state[rows, places] = moved.reshape(left, 1 << n, -1)
    out = np.empty_like(state)
    out[order] = state
    return out * np.exp(1j * phase)[:, None, None]


@lru_cache(maxsize=256)
def _places(a: int, b: int, n: int) -> np.ndarray:
    """Indices of the amplitudes of ``n`` qubits, those of one value of qubits ``a`` (the lower bit) and ``b`` after the other."""
    index = np.arange(1 << n)
    return np.argsort((index >> a & 1) + 2 * (index >> b & 1), kind="stable")


def _fresh(n: int, count: int, number: int) -> np.ndarray:
    waves = np.stack([random_state(f"state {number} {k}", n) for k in range(PROBES)], axis=-1)
    return np.broadcast_to(waves, (count, *waves.shape))


def applied(matrix: np.ndarray, qubits: tuple[int, ...], states: np.ndarray, n: int) -> np.ndarray:
    """Matrices (one for all, or one each) on some qubits of waves of shape ``(count, 2**n, columns)``."""
    count, _, columns = states.shape
    if len(qubits) == 1:
        parts = states.reshape(count, -1, 2, columns << qubits[0])
        rows = [[matrix[:, i, j, None, None] for j in (0, 1)] for i in (0, 1)]
        moved = [row[0] * parts[:, :, 0] + row[1] * parts[:, :, 1] for row in rows]
        return np.stack(moved, axis=2).reshape(states.shape)
    k = len(qubits)
    axes = [n - q for q in reversed(qubits)]
    tensor = np.moveaxis(states.reshape(count, *(2,) * n, columns), axes, range(1, k + 1))
    moved_rows = np.matmul(matrix, tensor.reshape(count, 1 << k, -1)).reshape(tensor.shape)
    out: np.ndarray = np.moveaxis(moved_rows, range(1, k + 1), axes).reshape(states.shape)
    return out
