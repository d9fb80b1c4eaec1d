"""The classical point on a quantum computer: a wave over positions and momenta whose square obeys Liouville's equation."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ...base.errors import EdgeWeightWarning, MethodError, MomentumTailWarning, integer, real
from ...base.registry import register
from ...model.domains import Grid
from ...model.formulas import Formula, by_order
from ...model.hamiltonian import Hamiltonian
from ...model.problem import Problem
from ...results.observables import momentum_tail
from ...validation.resources import Cost
from ..base import Job, save_times
from ..from_samples import Planned
from .moments import no_operators, report
from .phase_space import Plan

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

    clocks: ClassVar[tuple[str, ...]] = ("classical",)
    needs_backend: ClassVar[bool] = True

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

    def answer(self, job: Job) -> dict[str, Any]:
        """Everything a trajectory holds; what `evolve` calls."""
        no_operators(job)
        plan = Plan(self, job.problem, np.union1d(job.saves, [0.0]))
        assert job.backend is not None
        if job.callback is not None:
            raise MethodError(
                "Argument `callback` must be None for KoopmanVonNeumann, but is given: see HamiltonJacobi."
            )
        if job.backend.exact and job.shots is None:
            return _from_waves(job, plan)
        wanted = plan.wanted(job.saves)
        if job.shots is None:
            laws = job.backend.probabilities(wanted)
            moments = [plan.moment(np.arange(law.size), law / law.sum()) for law in laws]
        else:
            seeds = [job.seed(0, i) for i in range(len(wanted))]
            moments = [plan.moment(c.index, c.count) for c in job.backend.sample(wanted, job.shots, seeds)]
        return report(
            job, job.saves.tolist(), moments, f"Reached the end of the duration, {job.saves[-1]:g}.", plan.facts
        )

    def planned(self, problem: Problem, h: Hamiltonian, saves: np.ndarray) -> Planned:
        """The circuits, one a saved time: positions on the lowest qubits, then the momenta axis by axis."""
        plan = Plan(self, problem, np.union1d(saves, [0.0]))
        return Planned(plan.wanted(saves), plan.facts)

    def priced(self, problem: Problem, backend: Any, shots: int | None, moments: int) -> Cost:
        """What a run takes; what `cost` calls."""
        from ...backends import backend as find_backend
        from ...synthesis.count import compiled_counts
        from ...validation.device_plan import device_plan
        from ...validation.resources import BASIS

        device = find_backend(backend if backend is not None else "statevector")
        longest = Plan(self, problem, save_times(None, problem.duration)).wanted(np.array([problem.duration]))[0]
        there = device_plan(problem, self, device, [longest], shots or 1000, moments)
        gates, two, depth, bound = compiled_counts(longest, BASIS, 20_000)
        if there is not None:
            gates, two, depth, bound = there.gates, there.two_qubit_gates, there.depth, False
        qubits, total = longest.num_qubits, moments * (shots or 0)
        return Cost(qubits, moments, total, gates, two, depth, 48 << qubits, 0, bound, device.name, None, there)


register("koopman_von_neumann", KoopmanVonNeumann)


def _from_waves(job: Job, plan: Plan) -> dict[str, Any]:
    """Exact: the joint distribution at the saved times, and how much of the wave has become too fine for the registers."""
    wanted = set(job.saves.tolist())
    times, moments, fine, fast = [], [], [], []
    stop, facts = f"Reached the end of the duration, {job.saves[-1]:g}.", dict(plan.facts)
    assert job.backend is not None
    try:
        for t, wave in zip(plan.saves.tolist(), job.backend.states(plan.pieces, job.progress)):
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
