"""Multi-product formulas: expectation values extrapolated over Trotter numbers, ``sum_j a_j <O>_j``, on the real clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from .. import synthesis
from ..backends import Backend
from ..base.errors import MethodError, integer, real, require
from ..base.estimate import Estimate
from ..base.printing import printed_briefly
from ..model.formulas import boundaries, by_order, multiproduct_coefficients
from ..model.hamiltonians import hamiltonian
from ..model.problem import Problem
from ..model.resolution import check_resolved
from .base import BINARY, Answer, Facts, Job, Stream, Usual, Work, check_facts
from .from_samples import Planned, batches, longest_moments
from .from_samples import run as run_sampled
from .from_waves import Waves, report_waves
from .memory import of_answers, of_circuits

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from ..synthesis.trotter import Program


@printed_briefly
@dataclass(frozen=True)
class MultiProduct(Usual):
    """Extrapolation over Trotter numbers: ``sum_j a_j <O>_j`` with ``S2(T / k_j)^{k_j}`` circuits. Real clock.

    The coefficients solve ``sum a_j = 1`` and ``sum a_j k_j^{-2q} = 0`` for ``q = 1 .. l-1``; the error is
    ``O((T/k)^{2l})`` and the variance grows by ``(sum |a_j|)^2``. Densities and expectation values are combined; no single
    state exists. Source: Childs and Wiebe, arXiv:1202.5822; Carrera Vazquez et al., arXiv:2207.11268.

    Args:
        steps: increasing Trotter numbers over the whole duration.
        truncation: as in :class:`Trotter`.
    """

    steps: tuple[int, ...] = (1, 2, 4)
    truncation: float = 0.0

    name: ClassVar[str] = "multi_product"

    def __post_init__(self) -> None:
        given = self.steps
        ok = isinstance(given, Sequence) and not isinstance(given, str) and len(given) >= 1
        require(ok, "steps", "be a sequence of increasing integers", given, MethodError)
        steps = tuple(integer(k, "steps", 1, 10**7, MethodError) for k in given)
        increasing = all(a < b for a, b in zip(steps, steps[1:]))
        require(increasing, "steps", "be a sequence of increasing integers", steps, MethodError)
        object.__setattr__(self, "steps", steps)
        real(self.truncation, "truncation", nonnegative=True, error=MethodError)

    @property
    def order(self) -> int:
        """Order in the step at a fixed ratio of the Trotter numbers."""
        return 2 * len(self.steps)

    def facts(self) -> Facts:
        """The real clock, every weight space; densities and expectation values converge."""
        return Facts(frozenset({"real"}), BINARY, "backend", self.order, "expectation", signed=True, callback="never")

    def check(self, problem: Problem, backend: Backend | None) -> None:
        """Refuse what the facts exclude, and numbers of steps that do not resolve the schedules of an operator's terms.

        Steps of different lengths would not be extrapolated, so that a jump must be an end of a step for each of the numbers.
        """
        check_facts(self, problem)
        if problem.operator is not None:
            h = hamiltonian(problem)
            for count in self.steps:
                check_resolved(h, boundaries(problem.duration, count, []), "steps", list(self.steps))

    def run(self, job: Job) -> Answer:
        """One run for each Trotter number, each time with its own equal steps, combined with the extrapolation's weights."""
        self._check_saves(job)
        answers = [self._with(replace(job, branch=(Stream.MULTI_PRODUCT, k), callback=None), k) for k in self.steps]
        return _extrapolated(multiproduct_coefficients(self.steps), answers)

    def _check_saves(self, job: Job) -> None:
        """Each saved time has equal steps of its own, which must resolve the schedules too."""
        for t in (float(t) for t in job.saves if t > 0):
            for count in self.steps:
                given = f"{list(self.steps)} for the saved time {t:.4g}"
                check_resolved(job.h, boundaries(t, count, []), "steps", given)

    def _with(self, job: Job, k: int) -> Answer:
        """The run with ``k`` steps."""
        domain, plans = job.problem.domain, [self._program(job, k, float(t)) for t in job.saves]
        whole = [plan.until(len(plan.pieces)) for plan in plans]
        bounds = {"truncation_sup_error": plans[-1].sup_error, "truncation_error_bound": plans[-1].error_bound}
        if not job.can.exact:
            return run_sampled(job, Planned(whole, bounds))
        states = [next(iter(job.device.states([circuit], job.progress))) for circuit in whole]
        waves = [wave[: domain.size].reshape(domain.shape) for wave in states]
        stop = f"Reached the end of the duration, {job.saves[-1]:g}."
        return report_waves(job, Waves(job.saves.tolist(), waves, [0.0] * len(waves), stop, dict(bounds)))

    def _program(self, job: Job, k: int, t: float) -> Program:
        """``k`` steps up to time t."""
        saves = [0.0, t] if t else [0.0]
        return synthesis.trotter.program(job.problem, job.h, by_order(2), k, saves, self.truncation, until=t or None)

    def circuits(self, job: Job) -> list[QuantumCircuit]:
        """All Trotter numbers of the first saved time, then all of the next."""
        self._check_saves(job)
        plans = [self._program(job, k, float(t)) for t in job.saves for k in self.steps]
        return [plan.until(len(plan.pieces)) for plan in plans]

    def work(self, job: Job) -> Work:
        """As those of Trotter runs with each number of steps up to each saved time.

        Neither the most steps nor the last time need have the longest circuit: every time has steps of its own, whose angles may vanish.
        """
        self._check_saves(job)
        plans = (self._program(job, k, float(t)) for t in job.saves for k in self.steps)
        programs, each = longest_moments(job, (plan.until(len(plan.pieces)) for plan in plans))
        count, qubits = each * len(job.saves) * len(self.steps), programs[-1].num_qubits
        memory = of_circuits(job, qubits, synthesis.sizes.size_of(programs[-1])) + of_answers(job, len(self.steps))
        sent = len(self.steps) * batches(job, each, len(job.saves))
        return Work(qubits, memory, count, count * (job.shots or 0), tuple(programs), sent=sent)

    def refined(self) -> MultiProduct:
        """Twice every number of steps."""
        return replace(self, steps=tuple(2 * k for k in self.steps))

    def without_encoding(self) -> MultiProduct:
        """No truncation."""
        return replace(self, truncation=0.0)


def _extrapolated(weights: np.ndarray, answers: list[Answer]) -> Answer:
    """Combine densities and expectation values; best weights are those of the largest Trotter number."""
    last, expectations = answers[-1], {}
    for name, e in last.expectations.items():
        values = np.array([a.expectations[name].value for a in answers])
        errors = np.array([np.broadcast_to(a.expectations[name].stderr, values[0].shape) for a in answers])
        expectations[name] = Estimate(weights @ values, np.sqrt(weights**2 @ errors**2), e.shots)
    return replace(
        last,
        states=None,
        counts=None,
        density=np.tensordot(weights, np.array([a.density for a in answers]), axes=1),
        expectations=expectations,
        diagnostics={**last.diagnostics, "coefficients": weights, "one_norm": float(np.abs(weights).sum())},
    )
