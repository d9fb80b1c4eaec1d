"""Classical motion as circuits: a Koopman-von Neumann wave over positions and momenta whose square obeys Liouville's equation."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...backends import Backend
from ...base.errors import EdgeWeightWarning, MethodError, MomentumTailWarning, integer, real
from ...model.domains import Grid
from ...model.formulas import Formula, by_order
from ...model.problem import Problem
from ...results.observables import momentum_tail
from ..base import Answer, Facts, Job, Stream, Work, check_facts
from .moments import no_operators, report
from .phase_space import Plan

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_LOST = 1e-3


@dataclass(frozen=True)
class KoopmanVonNeumann:
    """Circuits on the classical clock: product formulas of drifts and kicks over a position and a momentum register.

    ``phi_t = -2 D k . grad_w phi + s (grad zeta) . grad_k phi``, started as ``sqrt(p(w)) g(k - grad S)``: the measured positions
    and momenta are those of an ensemble of points. The momenta need a width; the answer is Hamilton and Jacobi's up to terms of
    second order in ``spread``, and that of ``HamiltonJacobi(spread=...)`` up to the product formula and the resolution of the
    registers, which fine structure outgrows with time: the share of the wave that has reached the finest resolved structure is
    reported, and warned of.

    Args:
        steps: equal steps over the duration.
        order: 1, 2 or 4, as for :class:`Trotter`.
        momentum_qubits: of the momentum register of each axis, at least 4.
        spread: standard deviation of the momenta about ``grad S``; None: 0.75 of the register's step.
        largest_momentum: the register holds ``[-largest_momentum, largest_momentum)``; None: what the paths of the points reach,
            and five ``spread`` more.

    Walls take one qubit an axis more: beyond a wall the box goes on as its mirror image, which is folded back when it is read.
    Source: Joseph, Phys. Rev. Research 2, 043102 (2020), arXiv:2003.09980.

    >>> from qml_dynamics import Gaussian, Grid, Problem, evolve
    >>> swing = Problem(Grid((-4, 4), 5), lambda w: w[:, 0]**2 / 2, 0.5, clock="classical", duration=np.pi,
    ...                 initial=Gaussian(1.0, 0.5))
    >>> run = evolve(swing, KoopmanVonNeumann(40, momentum_qubits=5), observables={"x": lambda w: w[:, 0]})
    >>> run.expectations["x"].value.round(2).tolist()
    [1.0, -1.0]
    """

    steps: int
    order: int = 2
    momentum_qubits: int = 5
    spread: float | None = None
    largest_momentum: float | None = None

    name: ClassVar[str] = "koopman_von_neumann"

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", integer(self.steps, "steps", 1, 10**7, MethodError))
        by_order(self.order)
        object.__setattr__(
            self, "momentum_qubits", integer(self.momentum_qubits, "momentum_qubits", 4, 15, MethodError)
        )
        for name in ("spread", "largest_momentum"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, real(getattr(self, name), name, positive=True, error=MethodError))

    @property
    def product_formula(self) -> Formula:
        """The formula of one step."""
        return by_order(self.order)

    def facts(self) -> Facts:
        """The classical clock, grids without flux."""
        return Facts(
            frozenset({"classical"}),
            frozenset({"periodic", "walls"}),
            "backend",
            self.order,
            "density",
            steps=self.steps,
        )

    def check(self, problem: Problem, backend: Backend | None) -> None:
        """See :class:`Method`."""
        check_facts(self, problem)

    def run(self, job: Job) -> Answer:
        """See :class:`Method`."""
        no_operators(job)
        plan = Plan(self, job.problem, np.union1d(job.saves, [0.0]))
        if job.callback is not None:
            raise MethodError(
                "Argument `callback` must be None for KoopmanVonNeumann, but is given: see HamiltonJacobi."
            )
        if job.can.exact and job.shots is None:
            return _from_waves(job, plan)
        wanted = plan.wanted(job.saves)
        if job.shots is None:
            laws = job.device.probabilities(wanted)
            moments = [plan.moment(np.arange(law.size), law / law.sum()) for law in laws]
        else:
            seeds = [job.seed(Stream.WEIGHT, i) for i in range(len(wanted))]
            moments = [plan.moment(c.index, c.count) for c in job.device.sample(wanted, job.shots, seeds)]
        return report(
            job, job.saves.tolist(), moments, f"Reached the end of the duration, {job.saves[-1]:g}.", plan.facts
        )

    def circuits(self, job: Job) -> list[QuantumCircuit]:
        """One a saved time: positions on the lowest qubits, then the momenta axis by axis."""
        return list(Plan(self, job.problem, np.union1d(job.saves, [0.0])).wanted(job.saves))

    def work(self, job: Job) -> Work:
        """One circuit a saved time: positions and momenta are read together."""
        longest, count = self.circuits(job)[-1], len(job.saves)
        qubits = longest.num_qubits
        return Work(qubits, 48 << qubits, count, count * (job.shots or 0), (longest,))

    def refined(self) -> KoopmanVonNeumann:
        """Twice the steps."""
        return replace(self, steps=2 * self.steps)

    def without_encoding(self) -> KoopmanVonNeumann:
        """Itself."""
        return self


def _from_waves(job: Job, plan: Plan) -> Answer:
    """Exact: the joint distribution at the saved times, and how much of the wave has become too fine for the registers."""
    wanted = set(job.saves.tolist())
    times, moments, fine, fast = [], [], [], []
    stop, facts = f"Reached the end of the duration, {job.saves[-1]:g}.", dict(plan.facts)
    try:
        for t, wave in zip(plan.saves.tolist(), job.device.states(plan.pieces, job.progress)):
            if t not in wanted:
                continue
            law = np.abs(wave.reshape(-1)) ** 2
            times.append(t)
            moments.append(plan.moment(np.arange(law.size), law / law.sum()))
            fine.append(_tail(wave.reshape(plan.space.shape)))
            fast.append(_fastest(law.reshape(plan.space.shape), plan.domain.ndim))
    except KeyboardInterrupt:
        if not times:
            raise
        facts["interrupted"] = True
        stop = f"Interrupted from the keyboard after t = {times[-1]:g} of {job.problem.duration:g}; kept what was done."
    facts |= {"unresolved": np.array(fine), "fastest": np.array(fast)}
    _warn(facts)
    return report(job, times, moments, stop, facts)


def _tail(wave: np.ndarray) -> float:
    """Probability of structure finer than 0.8 of the finest, along any axis of phase space."""
    every = Grid([(0, 1)] * wave.ndim, [n.bit_length() - 1 for n in wave.shape])
    return momentum_tail(every, np.abs(np.fft.fftn(wave, norm="ortho")) ** 2)


def _fastest(law: np.ndarray, ndim: int) -> float:
    """Probability of the outermost momenta."""
    inner = (slice(1, -1),) * ndim
    return float(max(0.0, law.sum() - law[inner].sum()))


def _warn(facts: dict[str, Any]) -> None:
    if facts["unresolved"].max() > _LOST:
        warnings.warn(
            f"{facts['unresolved'].max():.1e} of the wave is finer than the registers resolve: more qubits, a larger spread or a "
            "shorter duration.",
            MomentumTailWarning,
            stacklevel=5,
        )
    if facts["fastest"].max() > _LOST:
        warnings.warn(
            f"{facts['fastest'].max():.1e} of the wave is at the edge of the momentum register: raise `largest_momentum`.",
            EdgeWeightWarning,
            stacklevel=5,
        )
