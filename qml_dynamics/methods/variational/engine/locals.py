"""Small unitaries of all fused groups of an ansatz, computed at once.

A group of single-qubit gates only is a Kronecker product: the 2 x 2 matrices of the whole ansatz are made in a few vectorised
calls, whatever the number of gates. A group with gates on several qubits is multiplied out gate by gate in its small space.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .gates import Fixed, Rotation
from .runs import Group


class Bank:
    """Collects the groups while an ansatz is compiled; :meth:`prepare` fills in their matrices."""

    def __init__(self, num_qubits: int, real: bool) -> None:
        self.num_qubits, self.real = num_qubits, real
        self.products: list[tuple[Group, list[list[Fixed | Rotation]]]] = []
        self.dense: list[_Dense] = []

    def product(self, qubits: Sequence[int], chains: list[list[Fixed | Rotation]]) -> Group:
        """A group of single-qubit gates: one chain, in order, a qubit."""
        group = Group(qubits, self.num_qubits)
        group.slots = tuple(g.slot for chain in chains for g in chain if isinstance(g, Rotation))
        self.products.append((group, chains))
        return group

    def joint(self, qubits: Sequence[int], gates: Sequence[Fixed | Rotation]) -> Group:
        """A group with gates on several of its qubits."""
        group = Group(qubits, self.num_qubits)
        group.slots = tuple(g.slot for g in gates if isinstance(g, Rotation))
        self.dense.append(_Dense(group, gates, self.real))
        return group

    def close(self) -> None:
        """Lay out the tables once all groups are known."""
        self.table = _Chains(self.products, self.real) if self.products else None

    def prepare(self, phi: np.ndarray) -> None:
        """Matrices and generators of all groups at these angles."""
        if self.table is not None:
            self.table.prepare(phi)
        for group in self.dense:
            group.prepare(phi)


class _Chains:
    """All chains of single-qubit gates, padded to the longest; chain 0 is empty."""

    def __init__(self, products: list[tuple[Group, list[list[Fixed | Rotation]]]], real: bool) -> None:
        chains = [[], *(chain for _, per_qubit in products for chain in per_qubit)]
        self.length = max(1, max(map(len, chains)))
        self.base = np.zeros((self.length, len(chains), 2, 2), dtype=complex)
        self.base[:, :] = np.eye(2)
        position, number, slot, generator = [], [], [], []
        for i, chain in enumerate(chains):
            for place, gate in enumerate(chain):
                if isinstance(gate, Fixed):
                    self.base[place, i] = gate.matrix
                else:
                    position.append(place)
                    number.append(i)
                    slot.append(gate.slot)
                    generator.append(gate.generator)
        self.at = (np.array(position, dtype=np.intp), np.array(number, dtype=np.intp))
        self.slot = np.array(slot, dtype=np.intp)
        generators = np.array(generator, dtype=complex).reshape(-1, 2, 2)
        self.slope = -1j * generators
        self.values, vectors = np.linalg.eigh(generators)
        columns = vectors.transpose(0, 2, 1)  # projectors on the two eigenvectors
        self.projectors = columns[:, :, :, None] * columns[:, :, None, :].conj()
        self.real = real
        self._tables(products)

    def _tables(self, products: list[tuple[Group, list[list[Fixed | Rotation]]]]) -> None:
        """Per size of a group: which chains it multiplies, and where each 2 x 2 generator goes in its matrices."""
        self.sizes: list[_Size] = []
        next_chain, next_slot = 1, 0
        by_size: dict[int, _Size] = {}
        for group, per_qubit in products:
            m = len(group.qubits)
            size = by_size.setdefault(m, _Size(m))
            size.groups.append(group)
            size.chains.append([next_chain + i for i in range(m)])
            first = len(size.source)
            for place, chain in enumerate(per_qubit):
                for _ in range(sum(isinstance(g, Rotation) for g in chain)):
                    size.source.append(next_slot)
                    size.place.append(place)
                    next_slot += 1
            size.spans.append((first, len(size.source)))
            next_chain += m
        self.sizes = list(by_size.values())
        for size in self.sizes:
            size.close(self.real)

    def prepare(self, phi: np.ndarray) -> None:
        """All 2 x 2 products at these angles, their generators, and the tables of the groups made of them."""
        phase = np.exp(-1j * phi[self.slot, None] * self.values)
        matrices = self.base.copy()
        matrices[self.at] = phase[:, :1, None] * self.projectors[:, 0] + phase[:, 1:, None] * self.projectors[:, 1]
        total, slope = matrices[0], self.slope
        if self.length > 1:
            after = np.empty_like(matrices)  # what a chain still does after each of its places
            after[-1] = np.eye(2)
            for place in range(self.length - 1, 0, -1):
                np.matmul(after[place], matrices[place], out=after[place - 1])
            total = np.matmul(after[0], matrices[0])
            later = after[self.at]
            slope = later @ slope @ later.conj().transpose(0, 2, 1)
        if self.real:
            total, slope = np.ascontiguousarray(total.real), np.ascontiguousarray(slope.real)
        for size in self.sizes:
            size.fill(total, slope)


class _Size:
    """The product groups of one number of qubits."""

    def __init__(self, m: int) -> None:
        self.m = m
        self.groups: list[Group] = []
        self.chains: list[list[int]] = []
        self.source: list[int] = []
        self.place: list[int] = []
        self.spans: list[tuple[int, int]] = []

    def close(self, real: bool) -> None:
        """Index tables that scatter the 2 x 2 matrices into groups of m qubits; no gate may be added afterwards."""
        d, count = 1 << self.m, len(self.source)
        self.table = np.array(self.chains, dtype=np.intp).T
        self.generators = np.zeros((count, d, d), dtype=float if real else complex)
        row = np.arange(d)
        place = np.array(self.place, dtype=np.intp).reshape(-1, 1)
        bit, number = row[None] >> place & 1, np.arange(count)[:, None] * d * d
        kept, flipped = number + row * d + row, number + row * d + (row[None] ^ (1 << place))
        self.target = np.concatenate([kept, flipped], axis=1).astype(np.intp)
        origin = np.array(self.source, dtype=np.intp)[:, None] * 4 + 2 * bit
        self.origin = np.concatenate([origin + bit, origin + 1 - bit], axis=1)

    def fill(self, total: np.ndarray, slope: np.ndarray) -> None:
        """The groups' unitaries as Kronecker products of the 2 x 2 ones, and their generators."""
        matrix = total[self.table[0]]
        for place in range(1, self.m):
            d = matrix.shape[-1]
            upper = total[self.table[place]]
            matrix = (upper[:, :, None, :, None] * matrix[:, None, :, None, :]).reshape(-1, 2 * d, 2 * d)
        self.generators.reshape(-1)[self.target] = slope.reshape(-1)[self.origin]
        for i, (group, (a, b)) in enumerate(zip(self.groups, self.spans)):
            group.matrix, group.generators = matrix[i], self.generators[a:b]


class _Dense:
    """A group whose gates act on several of its qubits."""

    def __init__(self, group: Group, gates: Sequence[Fixed | Rotation], real: bool) -> None:
        self.group, self.real = group, real
        self.steps: list[tuple[int | None, np.ndarray, np.ndarray, np.ndarray]] = []
        for gate in gates:
            where = [group.qubits.index(q) for q in gate.qubits]
            if isinstance(gate, Fixed):
                self.steps.append((None, embed(gate.matrix, where, len(group.qubits)), np.empty(0), np.empty(0)))
            else:
                generator = embed(gate.generator, where, len(group.qubits))
                values, vectors = np.linalg.eigh(generator)
                self.steps.append((gate.slot, vectors, values, -1j * generator))

    def prepare(self, phi: np.ndarray) -> None:
        """The group's unitary at these angles and the generator of each of its parameters, as dense matrices."""
        d, group = self.group.dim, self.group
        total = np.eye(d, dtype=complex)
        slopes = np.empty((len(group.slots), d, d), dtype=complex)
        done = 0
        for slot, matrix, values, slope in self.steps:
            step = matrix if slot is None else (matrix * np.exp(-1j * phi[slot] * values)) @ matrix.conj().T
            total = step @ total
            if done:
                slopes[:done] = step @ slopes[:done] @ step.conj().T
            if slot is not None:
                slopes[done] = slope
                done += 1
        group.matrix = np.ascontiguousarray(total.real) if self.real else total
        group.generators = np.ascontiguousarray(slopes.real) if self.real else slopes


def embed(matrix: np.ndarray, where: Sequence[int], width: int) -> np.ndarray:
    """A gate's matrix on ``width`` qubits, its bit i sitting on bit ``where[i]``.

    >>> embed(np.array([[0, 1], [1, 0]]), [1], 2).real.astype(int).tolist()
    [[0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0]]
    """
    index = np.arange(1 << width)
    local, rest = np.zeros_like(index), index.copy()
    for i, q in enumerate(where):
        local |= (index >> q & 1) << i
        rest &= ~(1 << q)
    spread = np.zeros(1 << len(where), dtype=index.dtype)
    for i, q in enumerate(where):
        spread |= (np.arange(len(spread)) >> i & 1) << q
    out = np.zeros((len(index), len(index)), dtype=complex)
    for a in range(len(spread)):
        out[rest | spread[a], index] = matrix[a, local]
    return out
