"""Methods without post-selection: QITE measures and rotates, double-bracket flow reflects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import synthesis
from ...base.errors import MethodError
from ...base.estimate import mean_of_counts
from ...model.driven_formulas import ends_of_steps
from ...model.formulas import segments
from ...model.hamiltonians import Hamiltonian, LearningHamiltonian
from ...model.masks import bit_count
from ...model.pauli import PauliSum, pauli_sum
from ...model.schedules import Constant
from ...results.observables import pauli_groups
from ...results.sampling import draw
from ..base import Job, Stream
from ..from_waves import Stand
from .moments import Moment, advanced
from .options import QITE, DoubleBracket
from .qite import Expect, Step, domains, expectations, generator, is_real, pool

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_TINY = 1e-12
_GATES = 2_000_000


@dataclass(frozen=True, eq=False)
class Reached:
    """Where a flow is: the circuit from ``|0...0>``, the wave on exact backends, and the logarithm of the norm."""

    time: float
    circuit: QuantumCircuit
    psi: np.ndarray | None
    log_norm: float
    log_variance: float = 0.0

    def moment(self) -> Moment:
        """The same as a :class:`Moment`, which keeps every sample."""
        assert self.psi is not None
        wave = self.psi / np.linalg.norm(self.psi)
        return Moment(self.time, wave, self.log_norm, 1.0, wave[None], float(np.sqrt(self.log_variance)))


def pauli_terms(job: Job, t0: float, t1: float) -> PauliSum:
    """The mean of the Hamiltonian from ``t0`` to ``t1`` as Pauli strings on the weight space; an operator without its strength,
    where that is its one schedule."""
    if not isinstance(job.h, LearningHamiltonian):
        return job.h.terms if job.h.commutes else job.h.weighted([a / (t1 - t0) for a in job.h.amounts(t0, t1)])
    d, s = (Constant(amount / (t1 - t0)) for amount in job.h.amounts(t0, t1))
    return pauli_sum(replace(job.h, diffusion=d, strength=s).matrix())


class _Qite:
    """One run of QITE: what is measured where, and how the circuit grows."""

    def __init__(self, job: Job, method: QITE) -> None:
        self.job, self.backend, self.method = job, job.device, method
        self.exact = job.can.exact
        self.terms = pauli_terms(job, 0.0, job.problem.duration / method.steps)
        self.parts = domains(self.terms, method.domain_width)
        self.moves = not job.h.constant if isinstance(job.h, LearningHamiltonian) else not job.h.commutes
        self.real = is_real(self.terms, job.problem.initial.vector(job.problem.domain))
        sampled = job.shots is not None or not self.exact
        self.rcond = method.rcond if method.rcond is not None else 1e-2 if sampled else 1e-8
        self.calls = 0
        self.made: dict[tuple[int, str], Step] = {}

    def sweep(self, t0: float, t1: float) -> list[Step]:
        """Forward over the domains with half of the step, the last one whole, and back: order 2 whatever the domains."""
        if self.moves:
            self.terms = pauli_terms(self.job, t0, t1)
            self.parts, self.made = domains(self.terms, self.method.domain_width), {}
        dt, *front = self.amount(t0, t1), *range(len(self.parts) - 1)
        if not self.parts or not dt:
            return []
        order = [*((k, 0.5 * dt) for k in front), (len(self.parts) - 1, dt), *((k, 0.5 * dt) for k in reversed(front))]
        return [self._step(k, amount) for k, amount in order]

    def _step(self, k: int, dt: float) -> Step:
        key = (k, f"{dt:.12e}")
        if key not in self.made:
            self.made[key] = Step.of(self.parts[k], dt)
        return self.made[key]

    def amount(self, t0: float, t1: float) -> float:
        """For how long the strings act from t0 to t1: an operator for the integral of its strength."""
        h = self.job.h
        return t1 - t0 if isinstance(h, LearningHamiltonian) or not h.commutes else h.amount(t0, t1)

    def constant(self) -> float:
        """The identity's coefficient, which moves the norm only."""
        return float(self.terms.coefficients[(self.terms.x | self.terms.z) == 0].sum())

    def expect(self, step: Step, circuit: QuantumCircuit, psi: np.ndarray | None) -> Expect:
        """Expectation values here: of the wave, or from samples."""
        if psi is not None and self.job.shots is None:
            return lambda x, z: expectations(psi, x, z)
        x, z = step.wanted(self.real)
        table = {(0, 0): 1.0} | self._measure(PauliSum(self.terms.num_qubits, x, z, np.ones(len(x))), circuit, psi)

        def look_up(x: np.ndarray, z: np.ndarray) -> np.ndarray:
            """Expectation values of the Pauli strings with these masks, from those that were measured."""
            flat = [table[a, b] for a, b in zip(np.ravel(x).tolist(), np.ravel(z).tolist())]
            return np.array(flat).reshape(np.shape(x))

        return look_up

    def _measure(
        self, strings: PauliSum, circuit: QuantumCircuit, psi: np.ndarray | None
    ) -> dict[tuple[int, int], float]:
        """Mean values of strings from samples, one circuit for all that commute qubit by qubit."""
        groups, shots = pauli_groups(strings), self.job.shots
        seeds = [self.job.seed(Stream.FLOW, self.calls, g) for g in range(len(groups))]
        self.calls += 1
        if psi is not None:
            assert shots is not None
            laws = [draw(group.probabilities(psi), shots, seed) for group, seed in zip(groups, seeds)]
            outcomes = [(c.index, c.count) for c in laws]
        else:
            circuits = [synthesis.measure.in_pauli_basis(group.letters, circuit) for group in groups]
            if shots is None:
                outcomes = [(np.arange(p.size), p) for p in self.backend.probabilities(circuits)]
            else:
                outcomes = [(c.index, c.count) for c in self.backend.sample(circuits, shots, seeds)]
        table = {}
        for group, (index, count) in zip(groups, outcomes):
            for x, z in zip(group.terms.x.tolist(), group.terms.z.tolist()):
                signs = 1 - 2.0 * (bit_count(index & (x | z)) & 1)
                table[x, z] = mean_of_counts(signs, count)[0] if shots else float(signs @ count / count.sum())
        return table

    def rotated(
        self, a: PauliSum, dt: float, circuit: QuantumCircuit, psi: np.ndarray | None
    ) -> tuple[Any, np.ndarray | None]:
        """Circuit and wave after ``exp(-i dt A)``."""
        keep = np.abs(a.coefficients * dt) > _TINY
        piece = circuit.copy_empty_like()
        piece.global_phase = 0
        synthesis.imaginary.rotations(PauliSum(a.num_qubits, a.x[keep], a.z[keep], a.coefficients[keep]), dt, piece)
        after = None if psi is None else advanced(self.backend, self.job.problem.domain, psi, piece)[0]
        return circuit.compose(piece), after


def looks(job: Job, method: QITE) -> list[int]:
    """Circuits of each batch that measures expectation values: one for each domain of each sweep; a saved time cuts its step."""
    run, ends = _Qite(job, method), ends_of_steps(job.h, method.steps, np.union1d(job.saves, [0.0]))
    ends, groups, counts = ends[ends <= job.saves[-1] + 1e-12].tolist(), {}, list[int]()
    for t0, t1 in zip(ends[:-1], ends[1:]):
        for step in run.sweep(t0, t1):
            if step not in groups:
                x, z = step.wanted(run.real)
                groups[step] = len(pauli_groups(PauliSum(run.terms.num_qubits, x, z, np.ones(len(x)))))
            counts.append(groups[step])
    return counts


def fullest(job: Job, method: QITE) -> QuantumCircuit:
    """The circuit at the last saved time with a rotation about every string that may move the wave: what samples lead to.

    Mean values that symmetry makes 0 are not 0 once they are measured. The angles stand for any: none of them is special.
    """
    run = _Qite(job, method)
    circuit = synthesis.states.prepare(job.problem.initial, job.problem.domain)
    ends = ends_of_steps(job.h, method.steps, np.union1d(job.saves, [0.0]))
    ends = ends[ends <= job.saves[-1] + 1e-12].tolist()
    for t0, t1 in zip(ends[:-1], ends[1:]):
        for step in run.sweep(t0, t1):
            x, z = pool(step.domain.qubits, run.real)
            angles = 0.1 + 0.01 * np.arange(len(x))
            circuit, _ = run.rotated(PauliSum(run.terms.num_qubits, x, z, angles / step.dt), step.dt, circuit, None)
    return circuit


def qite(job: Job, method: QITE, saves: Sequence[float], stand: Stand | None = None) -> Iterator[Reached]:
    """Step by step and domain by domain: look, solve, rotate; the norm is what was seen of ``<e^{-2 dtau h}>``.

    With ``stand`` (of a run on waves, which read no circuit) the steps that an earlier process has done are passed over.
    """
    problem, run = job.problem, _Qite(job, method)
    circuit = synthesis.states.prepare(problem.initial, problem.domain)
    psi = problem.initial.vector(problem.domain) if run.exact else None
    log, variance, done, past, points = 0.0, 0.0, 0, 0, 0
    if stand is not None and psi is not None:
        psi, log, variance = stand.array("psi", psi), stand.number("log"), stand.number("variance")
        past, points, run.calls = stand.done, stand.points, int(stand.number("calls"))
    ends = ends_of_steps(job.h, method.steps, saves)
    if not points:
        _stands(stand, 0, psi, {"log": log, "variance": variance, "calls": run.calls})
        yield Reached(saves[0], circuit, psi, 0.0)
    for number, (save, piece) in enumerate(zip(saves[1:], segments(ends, saves)), 1):
        for t0, t1 in zip(piece[:-1].tolist(), piece[1:].tolist()):
            if done < past:  # the parts of a step are those of the first one that is as long
                run.sweep(t0, t1)
                done += 1
                continue
            for step in run.sweep(t0, t1):
                a, c, spread = generator(step, run.expect(step, circuit, psi), run.real, run.rcond)
                circuit, psi = run.rotated(a, step.dt, circuit, psi)
                log += 0.5 * float(np.log(c))
                variance += 0.25 * spread / (c * c * job.shots) if job.shots else 0.0
            log, done = log - run.amount(t0, t1) * run.constant(), done + 1
            _stands(stand, done, psi, {"log": log, "variance": variance, "calls": run.calls})
            job.progress(done, len(ends) - 1)
        if number >= points:
            yield Reached(save, circuit, psi, log, variance)


def _stands(stand: Stand | None, done: int, psi: np.ndarray | None, numbers: dict[str, float]) -> None:
    if stand is not None and psi is not None:
        stand.at(done, numbers, {"psi": psi})


def double_bracket(
    job: Job, method: DoubleBracket, saves: Sequence[float], stand: Stand | None = None
) -> Iterator[Reached]:
    """The circuits of the flow; on exact backends with the waves, and ``log_norm`` by the trapezoidal rule of the energy.

    With ``stand`` the waves that an earlier process has simulated are not simulated again.
    """
    problem, h = job.problem, job.h
    ends = ends_of_steps(job.h, method.steps, saves)
    _check_angles(job, method, float(np.sqrt(np.diff(ends).max(initial=0.0))))
    circuit = synthesis.states.prepare(problem.initial, problem.domain)
    psi = problem.initial.vector(problem.domain) if job.can.exact else None
    log, number, past, points = 0.0, 0, 0, 0
    if stand is not None and psi is not None:
        psi, log, past, points = stand.array("psi", psi), stand.number("log"), stand.done, stand.points
    if not points:
        _stands(stand, 0, psi, {"log": log})
        yield Reached(saves[0], circuit, psi, 0.0)
    for place, (save, piece) in enumerate(zip(saves[1:], segments(ends, saves)), 1):
        for t0, t1 in zip(piece[:-1].tolist(), piece[1:].tolist()):
            circuit = synthesis.imaginary.double_bracket_step(problem, h, circuit, t0, t1, method.substeps)
            if len(circuit.data) > _GATES:
                raise MethodError(
                    f"Argument `steps` must be smaller: the circuit of step {number + 1} already has {len(circuit.data):,} gates."
                )
            if psi is not None and number >= past:
                before = psi
                psi = next(iter(job.device.states([circuit], job.progress)))[: problem.domain.size]
                psi = psi.reshape(problem.domain.shape)
                log -= 0.5 * (_action(h, before, t0, t1) + _action(h, psi, t0, t1))
                _stands(stand, number + 1, psi, {"log": log})
            number += 1
        if place >= points:
            yield Reached(save, circuit, psi, log)


_SEEN = 1 << 20  # points up to which the spread of the first wave's energy is looked at


def _check_angles(job: Job, method: DoubleBracket, root: float) -> None:
    """Refuse steps in which one of the two turns, by ``sqrt(dtau)`` and by ``sqrt(dtau) H``, goes round.

    Their product alone has no unit: a step in which one is large and the other small is not the flow, in whatever units H is given.
    """
    if root > np.pi:
        raise MethodError(
            f"Argument `duration` must be at most {method.steps * np.pi**2:.4g} for {method}, whose reflection turns by the "
            f"root of a step, at most pi, but is {job.problem.duration:g}; in larger units of time H is larger."
        )
    if job.problem.domain.size > _SEEN:
        return
    psi, h = job.problem.initial.vector(job.problem.domain), job.h
    there = h.combine(psi, *h.coefficients(0.0)) if isinstance(h, LearningHamiltonian) else h.at(0.0).apply(psi)
    mean = float(np.vdot(psi, there).real)
    turn = root * float(np.linalg.norm(there - mean * psi))
    if turn > np.pi:
        raise MethodError(
            f"Argument `problem` must have an energy whose spread is at most {np.pi / root:.3g}, pi over the root of a step, for "
            f"{method}, but it is {turn / root:.3g}: take more steps, or smaller units of energy."
        )


def _action(h: Hamiltonian, psi: np.ndarray, t0: float, t1: float) -> float:
    """The integral of ``<psi|H|psi>`` from ``t0`` to ``t1`` for a wave that stands still."""
    if not isinstance(h, LearningHamiltonian):
        return float((np.vdot(psi, h.over(t0, t1).apply(psi)) / np.vdot(psi, psi)).real)
    return float(np.dot(h.amounts(t0, t1), h.parts(psi)))
