"""The exact engine: the wave of an ansatz and all its tangent vectors in one forward pass.

A block of rows holds the wave and every derivative made so far; each fused run acts on all of them at once, and its own
derivatives ``(dU U^-1) psi`` are appended. One real symmetric product of the rows then gives metric and force together.
Everything is real arithmetic where the ansatz and its start are real.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....base.errors import check_memory
from .compile import Compiled, compile_program
from .gates import Program
from .runs import Run
from .threads import gram

_TWIN = 1 << 17  # up to this many amplitudes the block has a twin to ping-pong with; above, rows go through in pieces
_PIECE = 1 << 15
_BATCH = 8  # derivatives of shared parameters made at a time


@dataclass(frozen=True, eq=False)
class Tangents:
    """The geometry of an ansatz at one point.

    Attributes:
        psi: the wave, flat.
        metric: ``A_ij = Re(<d_i psi|d_j psi> - <d_i psi|psi><psi|d_j psi>)``, shape ``(p, p)``: the real part of the quantum
            geometric tensor, a quarter of the quantum Fisher information.
        force: ``b_i = Re <d_i psi|v>`` for the velocity ``v`` that was asked for, shape ``(p,)``.
        speed2: ``<v|v>``, which is the variance of H.
    """

    psi: np.ndarray
    metric: np.ndarray
    force: np.ndarray
    speed2: float


class Engine:
    """Evaluates an ansatz. One engine belongs to one run: its arrays are used again at each point.

    Args:
        program: the ansatz.

    Raises:
        MethodError: the ``p + 3`` waves and the workspace do not fit into the memory.

    >>> from qml_dynamics.methods.variational.engine.gates import Angles, PauliRotation, Program
    >>> ry = Program(1, (PauliRotation(1, 1, 0.5, 0),), Angles.direct(1), np.zeros(1), ("t",))
    >>> Engine(ry).state(np.array([np.pi])).round(6).tolist()
    [0.0, 1.0]
    """

    def __init__(self, program: Program) -> None:
        self.num_qubits, self.num_parameters = program.num_qubits, program.num_parameters
        size = 1 << self.num_qubits
        rows = self.num_parameters + 3
        check_memory(
            memory(program), f"A variational step with {self.num_parameters} parameters on {self.num_qubits} qubits"
        )
        self.compiled: Compiled = compile_program(program)
        self.stages = _stages(self.compiled.runs)
        self.dtype = np.dtype(float if self.compiled.real else complex)
        self.rows = np.zeros((rows, size), dtype=self.dtype)
        self.twin = rows * size <= _TWIN
        self.spare = np.empty((rows if self.twin else max(1, _PIECE // size), size), dtype=self.dtype)
        self._layout()

    def _layout(self) -> None:
        """Which row belongs to which parameter: rows are filled in the order in which parameters first act."""
        angles = self.compiled.angles
        order = [s for run in self.compiled.runs for s in run.slots]
        per_slot: dict[int, list[int]] = {}
        for e, s in enumerate(angles.slot.tolist()):
            per_slot.setdefault(s, []).append(e)
        parameters = [int(angles.parameter[e]) for s in order for e in per_slot.get(s, [])]
        seen = list(dict.fromkeys(parameters))
        self.direct = len(parameters) == len(seen) == len(order)
        self.entries = {s: [(e, 1 + seen.index(int(angles.parameter[e]))) for e in es] for s, es in per_slot.items()}
        unused = [k for k in range(self.num_parameters) if k not in set(seen)]
        self.row_of = np.empty(self.num_parameters, dtype=np.intp)
        self.row_of[seen + unused] = np.arange(self.num_parameters)
        self.sorted = bool(np.all(self.row_of == np.arange(self.num_parameters)))
        self.entry_of_row = np.array([per_slot[s][0] for s in order], dtype=np.intp) if self.direct else None
        self.scale = np.ones(self.num_parameters)
        if not self.direct:
            self.batch = np.empty((_BATCH, self.rows.shape[1]), dtype=self.dtype)

    @property
    def real(self) -> bool:
        """Whether the amplitudes are real for all parameters."""
        return self.compiled.real

    def _start(self) -> None:
        self.rows[0] = 0
        if self.compiled.start is None:
            self.rows[0, 0] = 1
        else:
            start = self.compiled.start.reshape(-1)
            self.rows[0] = start.real if self.real else start

    def _prepare(self, theta: np.ndarray) -> np.ndarray:
        phi, weight = self.compiled.angles(np.asarray(theta, dtype=float))
        self.compiled.bank.prepare(phi)
        for run in self.compiled.runs:
            run.prepare(phi)
        return weight

    def state(self, theta: np.ndarray) -> np.ndarray:
        """The wave at ``theta``, flat; a copy."""
        self._prepare(theta)
        self._start()
        for stage in self.stages:
            self._push(stage, 1)
        out: np.ndarray = self.rows[0].copy()
        return out

    def forward(self, theta: np.ndarray) -> np.ndarray:
        """Wave and tangent vectors; returns the wave (a view)."""
        weight = self._prepare(theta)
        self._start()
        filled = 1
        for stage in self.stages:
            self._push(stage, filled)
            filled = self._create(stage[-1], filled, weight)
        self.rows[filled : self.num_parameters + 1] = 0  # parameters that move nothing
        if self.entry_of_row is not None:
            self.scale[: len(self.entry_of_row)] = weight[self.entry_of_row]
        out: np.ndarray = self.rows[0]
        return out

    def _push(self, stage: list[Run], filled: int) -> None:
        step = filled if self.twin else len(self.spare)
        for low in range(0, filled, step):
            block = self.rows[low : min(low + step, filled)]
            here, there = block, self.spare[: len(block)]
            for run in stage:
                if run.apply(here, there):
                    here, there = there, here
            if here is not block:
                if self.twin:
                    self.rows, self.spare = self.spare, self.rows
                else:
                    block[...] = here

    def _create(self, run: Run, filled: int, weight: np.ndarray) -> int:
        count = len(run.slots)
        if not count:
            return filled
        psi = self.rows[0]
        if self.direct:
            run.create(psi, self.rows[filled : filled + count], 0, count)
            return filled + count
        for low in range(0, count, _BATCH):
            high = min(low + _BATCH, count)
            run.create(psi, self.batch[: high - low], low, high)
            for tangent, slot in zip(self.batch, run.slots[low:high]):
                for entry, row in self.entries.get(slot, ()):
                    if row >= filled:
                        np.multiply(tangent, weight[entry], out=self.rows[row])
                        filled = row + 1
                    else:
                        self.rows[row] += weight[entry] * tangent
        return filled

    def geometry(self, velocity: np.ndarray) -> Tangents:
        """Metric and force for the velocity ``v`` (flat, orthogonal to the wave) at the point of the last :meth:`forward`."""
        p, psi = self.num_parameters, self.rows[0]
        speed2 = float(np.vdot(velocity, velocity).real)
        self.rows[p + 1] = velocity.real if self.real else velocity
        if self.real:
            product = gram(self.rows[1 : p + 2], self.num_qubits)
            metric, force = product[:p, :p], product[:p, p]
        else:
            np.multiply(psi, 1j, out=self.rows[p + 2])
            product = gram(self.rows[1 : p + 3], self.num_qubits)
            overlap, force = product[:p, p + 1], product[:p, p]
            metric = product[:p, :p] - np.multiply.outer(overlap, overlap)
        if self.direct and np.any(self.scale != 1):
            scale = self.scale
            force = force * scale
            metric = metric * np.multiply.outer(scale, scale)
        if not self.sorted:
            metric, force = metric[np.ix_(self.row_of, self.row_of)], force[self.row_of]
        return Tangents(psi, metric, force, speed2)

    def push_forward(self, theta_dot: np.ndarray) -> tuple[np.ndarray, float]:
        """``sum_i theta'_i d_i psi`` with its part along the wave taken out, flat, and how fast the wave's phase turns."""
        coefficients = np.empty(self.num_parameters)
        coefficients[self.row_of] = theta_dot
        if self.direct:
            coefficients *= self.scale
        psi = self.rows[0]
        moved = coefficients @ self.rows[1 : self.num_parameters + 1]
        along = np.vdot(psi, moved)
        return moved - along * psi, float(np.imag(along))

    def cross(self, others: np.ndarray) -> np.ndarray:
        """``Re <others_i| P d_j psi>`` with P the projector off the wave, shape ``(len(others), p)``."""
        rows, psi = self.rows[1 : self.num_parameters + 1], self.rows[0]
        full = (others.conj() @ rows.T).real - ((others.conj() @ psi)[:, None] * (rows @ psi.conj())[None]).real
        out: np.ndarray = (full * self.scale if self.direct else full)[:, self.row_of]
        return out


def _stages(runs: tuple[Run, ...]) -> list[list[Run]]:
    """Runs up to one with slots: pushed through together, piece by piece."""
    stages: list[list[Run]] = [[]]
    for run in runs:
        stages[-1].append(run)
        if run.slots:
            stages.append([])
    return [stage for stage in stages if stage]


def memory(program: Program, compiled: Compiled | None = None) -> int:
    """Bytes of ``p + 3`` waves, the workspace and the tables of an engine, whose numbers have 16 bytes, or 8 where all is real.

    Of a compiled program the phases of its diagonal gates are counted too, in either basis.
    """
    size = 1 << program.num_qubits
    rows = program.num_parameters + 3
    spare = rows * size if rows * size <= _TWIN else max(size, _PIECE)
    tables = 4 * size  # index and phases of fixed gates and the wave's own copies
    number = 8 if compiled is not None and compiled.real else 16
    diagonal = [] if compiled is None else [run.values for run in compiled.runs if len(run.values)]
    phases = sum({id(table): table.nbytes for values in diagonal for table in values}.values())
    phases += (
        16 * len(diagonal) + 32 * bool(diagonal)
    ) * size  # one phase a pass, and the turned wave while it is differentiated
    return number * (rows * size + spare + tables + rows * rows) + phases
