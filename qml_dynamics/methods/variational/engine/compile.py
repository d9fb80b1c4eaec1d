"""Gates of an ansatz fused into few passes over the whole register: small unitaries, gathers, phases, transforms.

Gates on different qubits commute, so each gate joins the earliest run it may: single-qubit gates and gates on close qubits become
unitaries on groups of up to four qubits (matrix products), chains of CX and the like one gather, diagonal gates one phase, and
kinetic evolutions one transform. The derivatives by all angles of a run are made from the wave after it.

A module of its own beside `tangent`: how gates are fused, where `tangent` differentiates the fused passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .gates import Angles, Diagonal, Dual, Fixed, Gate, PauliRotation, Program, Rotation, pauli_matrix, pauli_phases
from .locals import Bank
from .runs import DualPhases, Group, Local, Monomial, Phases, Run, WidePauli

GROUP = 4  # qubits of one matrix product: 16 x 16 matrices run at the speed of BLAS
_EXACT = 1e-14


@dataclass(eq=False)
class _Open:
    """A run that still takes gates."""

    kind: str
    gates: list[Gate] = field(default_factory=list)
    clusters: list[set[int]] = field(default_factory=list)
    closed: bool = False


@dataclass(frozen=True, eq=False)
class Compiled:
    """An ansatz ready to be evaluated.

    Attributes:
        runs: in order.
        bank: makes the small matrices of all local groups.
        angles, num_qubits, start: as in the program.
        real: whether all amplitudes stay real.
    """

    runs: tuple[Run, ...]
    bank: Bank
    angles: Angles
    num_qubits: int
    start: np.ndarray | None
    real: bool


def compile_program(program: Program) -> Compiled:
    """Fuse the gates of a program."""
    n = program.num_qubits
    gates = [_lowered(g, n) for g in program.gates]
    real = all(map(_is_real, gates)) and (program.start is None or not np.any(np.imag(program.start)))
    bank = Bank(n, real)
    tables: dict[tuple[int, float], np.ndarray] = {}
    runs = [_closed(run, program, bank, tables) for run in _placed(gates, n)]
    bank.close()
    return Compiled(tuple(runs), bank, program.angles, n, program.start, real)


def _lowered(gate: Gate, n: int) -> Gate:
    """Short Pauli strings as small rotations, rotations with diagonal generators on several qubits as diagonals."""
    if isinstance(gate, PauliRotation):
        qubits = [q for q in range(n) if (gate.x | gate.z) >> q & 1]
        near = len(qubits) == 1 or (len(qubits) == 2 and qubits[1] - qubits[0] < GROUP and gate.x)
        if near:
            return Rotation(tuple(qubits), gate.scale * pauli_matrix(gate.x, gate.z, qubits), gate.slot)
        return gate
    if isinstance(gate, Rotation) and len(gate.qubits) > 1 and _is_diagonal(gate.generator):
        return Diagonal(_spread(np.diag(gate.generator).real, gate.qubits, n), gate.slot)
    return gate


def _is_diagonal(matrix: np.ndarray) -> bool:
    return not np.any(np.abs(matrix - np.diag(np.diag(matrix))) > _EXACT)


def _is_monomial(matrix: np.ndarray) -> bool:
    return bool(np.all((np.abs(matrix) > _EXACT).sum(axis=0) == 1))


def _is_real(gate: Gate) -> bool:
    if isinstance(gate, Fixed):
        return not np.any(np.abs(gate.matrix.imag) > _EXACT)
    if isinstance(gate, Rotation):
        return not np.any(np.abs(gate.generator.real) > _EXACT)
    return isinstance(gate, PauliRotation) and (gate.x & gate.z).bit_count() % 2 == 1


def _spread(values: np.ndarray, qubits: Sequence[int], n: int) -> np.ndarray:
    index = np.arange(1 << n)
    local = np.zeros_like(index)
    for i, q in enumerate(qubits):
        local |= (index >> q & 1) << i
    return values[local]


def _support(gate: Gate, n: int) -> set[int]:
    if isinstance(gate, (Fixed, Rotation)):
        return set(gate.qubits)
    if isinstance(gate, PauliRotation):
        return {q for q in range(n) if (gate.x | gate.z) >> q & 1}
    return set(range(n))


def _kind(gate: Gate) -> str:
    if isinstance(gate, PauliRotation):
        return "phases" if gate.x == 0 else "pauli"
    if isinstance(gate, Diagonal):
        return "phases"
    if isinstance(gate, Dual):
        return "dual"
    if isinstance(gate, Fixed) and len(gate.qubits) > 1 and _is_monomial(gate.matrix):
        return "monomial"
    return "local"


def _placed(gates: Sequence[Gate], n: int) -> list[_Open]:
    runs: list[_Open] = []
    last = [-1] * n  # the latest run that touches a qubit
    for gate in gates:
        support = _support(gate, n)
        kind = _kind(gate)
        first = max((last[q] for q in support), default=-1)
        for k in range(max(first, 0), len(runs)):
            if _accepts(runs[k], gate, kind, support):
                break
        else:
            k = len(runs)
            runs.append(_Open(kind))
        _join(runs[k], gate, kind, support)
        for q in support:
            last[q] = k
    return runs


def _accepts(run: _Open, gate: Gate, kind: str, support: set[int]) -> bool:
    if run.closed:
        return False
    if run.kind == "local":
        merged = support.union(*(c for c in run.clusters if c & support))
        if kind == "monomial":
            return any(support <= c for c in run.clusters)
        return kind == "local" and len(merged) <= GROUP
    if run.kind == "monomial":
        return kind == "monomial" or (isinstance(gate, Fixed) and len(support) == 1 and _is_monomial(gate.matrix))
    if run.kind == "phases":
        return kind == "phases" or (isinstance(gate, Rotation) and len(support) == 1 and _is_diagonal(gate.generator))
    return run.kind == "dual" and kind == "dual"


def _join(run: _Open, gate: Gate, kind: str, support: set[int]) -> None:
    run.gates.append(gate)
    if run.kind == "local":
        touched = [c for c in run.clusters if c & support]
        run.clusters = [c for c in run.clusters if not c & support] + [support.union(*touched)]
        run.closed = len(support) > GROUP  # a wide unitary stands alone
    elif run.kind == "pauli":
        run.closed = True


def _closed(run: _Open, program: Program, bank: Bank, tables: dict[tuple[int, float], np.ndarray]) -> Run:
    n = program.num_qubits
    if run.kind == "monomial":
        return _monomial(run.gates, n, bank.real)
    if run.kind == "phases":
        return Phases([_diagonal(g, n, tables) for g in run.gates], [g.slot for g in run.gates])  # type: ignore[union-attr]
    if run.kind == "dual":
        assert program.domain is not None
        return DualPhases(program.domain, [g.values for g in run.gates], [g.slot for g in run.gates])  # type: ignore[union-attr]
    if run.kind == "pauli":
        gate = run.gates[0]
        assert isinstance(gate, PauliRotation)
        return WidePauli(gate.x, pauli_phases(gate.x, gate.z, n), gate.scale, gate.slot, bank.real)
    return Local(_groups(run, bank))


def _diagonal(gate: Gate, n: int, tables: dict[tuple[int, float], np.ndarray]) -> np.ndarray:
    if isinstance(gate, Diagonal):
        return gate.values
    if isinstance(gate, Rotation):
        return _spread(np.diag(gate.generator).real, gate.qubits, n)
    assert isinstance(gate, PauliRotation)
    key = (gate.z, gate.scale)  # the same string in another layer shares its table
    if key not in tables:
        tables[key] = gate.scale * pauli_phases(0, gate.z, n).real
    return tables[key]


def _monomial(gates: Sequence[Gate], n: int, real: bool) -> Monomial:
    """``out[j] = phase[j] in[source[j]]`` for the gates in order."""
    index = np.arange(1 << n)
    source, phase = index.copy(), np.ones(1 << n, dtype=complex)
    for gate in gates:
        assert isinstance(gate, Fixed)
        column = np.abs(gate.matrix).argmax(axis=1)  # out row a comes from column[a]
        local, rest = np.zeros_like(index), index.copy()
        for i, q in enumerate(gate.qubits):
            local |= (index >> q & 1) << i
            rest &= ~(1 << q)
        origin = rest
        for i, q in enumerate(gate.qubits):
            origin = origin | (column[local] >> i & 1) << q
        factor = gate.matrix[local, column[local]]
        source, phase = source[origin], factor * phase[origin]
    trivial = not np.any(np.abs(phase - 1) > _EXACT)
    return Monomial(source, None if trivial else phase.real.copy() if real else phase)


def _groups(run: _Open, bank: Bank) -> list[Group]:
    """Lone qubits in runs of neighbours, shared out evenly into groups; every cluster of several qubits for itself."""
    lone = sorted(q for c in run.clusters if len(c) == 1 for q in c)
    groups = []
    for cluster in (sorted(c) for c in run.clusters if len(c) > 1):
        whole = range(cluster[0], cluster[-1] + 1)
        between = set(whole) - set(cluster)
        if len(whole) <= GROUP and between <= set(lone) | _untouched(run, between):
            lone = [q for q in lone if q not in between]
            cluster = list(whole)
        inside = [g for g in run.gates if _support(g, bank.num_qubits) <= set(cluster)]
        groups.append(bank.joint(cluster, inside))  # type: ignore[arg-type]
    for stretch in _stretches(lone):
        parts = -(-len(stretch) // GROUP)
        for piece in np.array_split(np.array(stretch), parts):
            qubits = piece.tolist()
            chains = [[g for g in run.gates if g.qubits == (q,)] for q in qubits]  # type: ignore[union-attr]
            groups.append(bank.product(qubits, chains))  # type: ignore[arg-type]
    return groups


def _untouched(run: _Open, qubits: set[int]) -> set[int]:
    return {q for q in qubits if not any(q in c for c in run.clusters)}


def _stretches(qubits: Sequence[int]) -> list[list[int]]:
    out: list[list[int]] = []
    for q in qubits:
        if out and q == out[-1][-1] + 1:
            out[-1].append(q)
        else:
            out.append([q])
    return out
