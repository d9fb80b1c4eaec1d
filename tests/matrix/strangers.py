"""Three methods of strangers, each a class with the members of the contract and nothing of the library's own methods.

`Cayley` is classical (Crank and Nicolson's form of one step), `LieCircuits` runs as circuits (its own first-order product formula of
Pauli rotations), and `SmallSteps` is imaginary time by explicit Euler steps that are renormalised.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit.library import PauliEvolutionGate
from qiskit.quantum_info import SparsePauliOp
from qiskit.synthesis import LieTrotter

import qml_dynamics as qd
from qml_dynamics.methods.base import Answer, Facts, Job, Work, check_facts, no_circuits
from qml_dynamics.methods.from_samples import Planned, one_moment
from qml_dynamics.methods.from_samples import run as run_sampled
from qml_dynamics.methods.from_waves import Waves, report_waves
from qml_dynamics.synthesis.transforms import width

EVERYWHERE = frozenset({"periodic", "walls", "flux", "hypercube", "operator"})


def dense(problem: Any) -> Any:
    """``H(t)`` as a function that gives a matrix."""
    h = qd.hamiltonian(problem)
    if problem.operator is not None:
        return lambda t: h.matrix()
    size = problem.domain.size
    kinetic = np.array(
        [h.combine(row.reshape(problem.domain.shape), 1.0, 0.0).reshape(-1) for row in np.eye(size, dtype=complex)]
    ).T
    zeta = h.zeta.reshape(-1)
    return lambda t: h.coefficients(t)[0] * kinetic + h.coefficients(t)[1] * np.diag(zeta)


def intervals(job: Job, steps: int) -> list[tuple[float, float]]:
    """Equal steps over the duration, cut at the saved times, up to the last one."""
    every = np.union1d(job.problem.duration * np.arange(steps + 1) / steps, job.saves)
    every = every[(every <= job.saves[-1]) & np.concatenate([[True], np.diff(every) > 1e-12])]
    return list(zip(every[:-1].tolist(), every[1:].tolist()))


def at(job: Job, time: float) -> float | None:
    """The saved time that a step ends at."""
    near = job.saves[np.abs(job.saves - time) < 1e-10]
    return float(near[0]) if len(near) else None


def report(job: Job, kept: dict[float, np.ndarray], logs: dict[float, float] | None = None) -> Answer:
    """The answer of waves at saved times."""
    times = sorted(kept)
    waves = [kept[t].reshape(job.problem.domain.shape) for t in times]
    norms = [0.0] * len(times) if logs is None else [logs[t] for t in times]
    return report_waves(job, Waves(times, waves, norms, "Reached the end.", {}))


@dataclass(frozen=True)
class Cayley:
    """``(1 + i H dt / 2)^-1 (1 - i H dt / 2)`` in the middle of each step: unitary, of order two."""

    steps: int
    damping: float = 0.0

    name: ClassVar[str] = "cayley"

    def facts(self) -> Facts:
        return Facts(frozenset({"real"}), EVERYWHERE, "classical", 2.0, steps=self.steps)

    def check(self, problem: Any, backend: Any) -> None:
        check_facts(self, problem)

    def run(self, job: Job) -> Answer:
        h, psi = dense(job.problem), job.problem.initial.vector(job.problem.domain).reshape(-1)
        kept = {0.0: psi} if job.saves[0] == 0 else {}
        for a, b in intervals(job, self.steps):
            half = 0.5j * (b - a) * h(0.5 * (a + b))
            one = np.eye(len(psi))
            psi = np.linalg.solve(one + half, (one - half) @ psi)
            if (t := at(job, b)) is not None:
                kept[t] = psi
        return report(job, kept)

    def circuits(self, job: Job) -> list[QuantumCircuit]:
        raise no_circuits(self)

    def work(self, job: Job) -> Work:
        return Work(job.problem.domain.num_qubits, 64 * job.problem.domain.size**2)

    def refined(self) -> Cayley:
        return replace(self, steps=2 * self.steps)

    def without_encoding(self) -> Cayley:
        return self


@dataclass(frozen=True)
class Optioned(Cayley):
    """With options of all kinds, and a field that it derives from them."""

    limit: object = 3.0
    pair: tuple[int, ...] = ()
    halves: int = field(default=0, init=False)

    name: ClassVar[str] = "optioned"

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError("steps\nof at least 1")
        object.__setattr__(self, "halves", 2 * self.steps)


@dataclass(frozen=True)
class LieCircuits:
    """``exp(-i D K dt) exp(-i s V dt)`` with every part as Pauli rotations, coefficients at the middle of the step: order one."""

    steps: int
    reverse: bool = False

    name: ClassVar[str] = "lie_circuits"

    def facts(self) -> Facts:
        return Facts(frozenset({"real"}), EVERYWHERE, "backend", 1.0, steps=self.steps)

    def check(self, problem: Any, backend: Any) -> None:
        check_facts(self, problem)

    def run(self, job: Job) -> Answer:
        whole = self.circuits(job)
        if not job.device.exact:
            return run_sampled(job, Planned(whole, {}))
        size = job.problem.domain.size
        waves = [next(iter(job.device.states([circuit], job.progress)))[:size] for circuit in whole]
        return report(job, dict(zip(job.saves.tolist(), waves)))

    def parts(self, problem: Any) -> Any:
        """The Pauli strings of both parts at a time, each part in turn."""
        if problem.operator is not None:
            return lambda t, dt: [
                (SparsePauliOp(label), c * dt)
                for label, c in zip(problem.operator.labels, problem.operator.coefficients)
            ]
        h = qd.hamiltonian(problem)
        both = (problem.replace(strength=0.0, diffusion=1.0), problem.replace(strength=1.0, diffusion=0.0))
        kinetic, potential = (SparsePauliOp.from_operator(dense(part)(0.0)) for part in both)

        def strings(t: float, dt: float) -> list[tuple[SparsePauliOp, float]]:
            d, s = h.coefficients(t)
            order = ((potential, s), (kinetic, d)) if self.reverse else ((kinetic, d), (potential, s))
            return [
                (SparsePauliOp(p), float(c.real) * a * dt)
                for part, a in order
                for p, c in zip(part.paulis, part.coeffs)
                if abs(c) > 1e-14
            ]

        return strings

    def circuits(self, job: Job) -> list[QuantumCircuit]:
        parts, out = self.parts(job.problem), {}
        register = range(job.problem.domain.num_qubits)
        circuit = QuantumCircuit(width(job.problem.domain))  # with walls, ancillas for the reading of the dual basis
        circuit.prepare_state(job.problem.initial.vector(job.problem.domain).reshape(-1), register)
        circuit = circuit.decompose(reps=6)
        out[0.0] = circuit.copy()
        for a, b in intervals(job, self.steps):
            for string, angle in parts(0.5 * (a + b), b - a):
                gate = PauliEvolutionGate(string, angle, synthesis=LieTrotter())
                piece = QuantumCircuit(circuit.num_qubits)
                piece.append(gate, register)
                circuit.compose(piece.decompose(reps=2), inplace=True)
            if (t := at(job, b)) is not None:
                out[t] = circuit.copy()
        return [out[t] for t in job.saves.tolist()]

    def work(self, job: Job) -> Work:
        programs, each = one_moment(job, self.circuits(job)[-1])
        count, qubits = each * len(job.saves), programs[-1].num_qubits
        return Work(qubits, 48 << qubits, count, count * (job.shots or 0), tuple(programs))

    def refined(self) -> LieCircuits:
        return replace(self, steps=2 * self.steps)

    def without_encoding(self) -> LieCircuits:
        return self


@dataclass(frozen=True)
class SmallSteps:
    """``psi - dt (H - E) psi``, normalised in every step, with the norm that is taken away kept: imaginary time of order one."""

    steps: int

    name: ClassVar[str] = "small_steps"

    def facts(self) -> Facts:
        return Facts(frozenset({"imaginary"}), EVERYWHERE, "classical", 1.0, steps=self.steps)

    def check(self, problem: Any, backend: Any) -> None:
        check_facts(self, problem)

    def run(self, job: Job) -> Answer:
        h, psi, log = dense(job.problem), job.problem.initial.vector(job.problem.domain).reshape(-1), 0.0
        kept, logs = ({0.0: psi}, {0.0: 0.0}) if job.saves[0] == 0 else ({}, {})
        for a, b in intervals(job, self.steps):
            moved = h(0.5 * (a + b)) @ psi
            energy = float(np.vdot(psi, moved).real)
            psi = psi - (b - a) * (moved - energy * psi)
            norm = float(np.linalg.norm(psi))
            psi, log = psi / norm, log + float(np.log(norm)) - energy * (b - a)
            if (t := at(job, b)) is not None:
                kept[t], logs[t] = psi, log
        return report(job, kept, logs)

    def circuits(self, job: Job) -> list[QuantumCircuit]:
        raise no_circuits(self)

    def work(self, job: Job) -> Work:
        return Work(job.problem.domain.num_qubits, 64 * job.problem.domain.size**2)

    def refined(self) -> SmallSteps:
        return replace(self, steps=2 * self.steps)

    def without_encoding(self) -> SmallSteps:
        return self
