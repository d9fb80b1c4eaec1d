"""Annealing stage by stage: a constant Hamiltonian within each, by all energies, slow modes, Chebyshev's series or any method."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from ...backends import Backend
from ...base.errors import MethodError, require
from ...base.interrupts import whole
from ...base.printing import printed_briefly
from ...base.progress import Progress
from ...methods import chebyshev
from ...methods.base import EVERYWHERE, WAVES, Answer, Facts, Job, Method, Usual, Work, check_facts
from ...methods.from_waves import Waves, learning, report_waves, run_waves
from ...methods.krylov import Krylov
from ...model.hamiltonians import Hamiltonian, LearningHamiltonian, PauliHamiltonian
from ...model.initial import State
from ...model.operator_sum import OperatorSum
from ...model.problem import Problem
from ...model.schedules import Constant
from ...results.journal import inside
from . import slow_modes
from .slow_modes import SlowModes
from .spectrum import DENSE, Spectrum, held_still
from .stages import Staged

Point = tuple[float, np.ndarray, float]
_TOL = 1e-8  # of the wave in the 2-norm, a stage
_MOST_DENSE = 1 << 11  # points of a matrix that is diagonalised because that costs less
_BYTES_DENSE = 64  # of each of its entries, the work of the diagonalisation included
_PLENTY = 1e-10  # an error below which no better one is looked for


@printed_briefly
@dataclass(frozen=True)
class Annealing(Usual):
    """What a trajectory of :func:`qml_dynamics.anneal` was run with.

    Attributes:
        stages: steps of the outer loop.
        strategy: ``"anneal"``, ``"quench"`` or ``"portfolio"``.
        adapt: ``"gap"``, ``"variance"`` or None: how the values of the diffusion were placed.
        restarts: further quenches of a portfolio.
        method: what runs a stage, a method without steps; None: dense diagonalisation up to 512 points, above the slowest modes on the
            imaginary clock and Chebyshev's series on either, for operators Krylov spaces.
    """

    stages: int
    strategy: str = "anneal"
    adapt: str | None = None
    restarts: int = 0
    method: Any = None

    name: ClassVar[str] = "annealing"

    def facts(self) -> Facts:
        """Both clocks of waves, every weight space; a stage is exact."""
        return Facts(WAVES, EVERYWHERE, "classical", None)

    def check(self, problem: Problem, backend: Backend | None) -> None:
        """Refuse problems that the facts exclude, those of the classical clock, and those that what runs a stage refuses.

        So are problems whose schedules are not held still within the stages, as `anneal` holds them.
        """
        check_facts(self, problem)
        operator = problem.operator
        own = operator.parts if isinstance(operator, OperatorSum) else ()
        named = [("diffusion", problem.diffusion), ("strength", problem.strength)]
        for name, schedule in [*named, *((f"schedule {k}", each) for k, (each, _) in enumerate(own))]:
            still = isinstance(schedule, Constant) or (
                isinstance(schedule, Staged) and len(schedule.values) == self.stages
            )
            must = f"hold its {name} still within each of {self.stages} stages, as `anneal` makes it do"
            require(still, "problem", must, f"of {schedule!r}", MethodError)
        if self.method is not None:
            self.method.check(problem, backend)

    def run(self, job: Job) -> Answer:
        """The waves of all stages one after another, reported at the saved times.

        Raises:
            MethodError: these are not the start and the ends of the stages.
        """
        ends = job.problem.duration * np.arange(self.stages + 1) / self.stages
        whole = len(job.saves) == len(ends) and bool(np.allclose(job.saves, ends, rtol=1e-12, atol=0.0))
        require(whole, "save", f"be the start and the ends of {self.stages} stages", job.saves.tolist(), MethodError)
        return report_waves(job, run_waves(job, self._waves, resumes=True))

    def work(self, job: Job) -> Work:
        """The waves that are held, and the tails of a loss with what they are made from."""
        domain = job.problem.domain
        held = 16 * domain.size * (len(job.saves) + 8)
        own = self.method is None and isinstance(job.h, LearningHamiltonian) and domain.size > DENSE
        few = own and job.problem.clock == "imaginary" and domain.size <= slow_modes.POINTS
        every = own and job.problem.clock == "real" and domain.size <= _MOST_DENSE
        return Work(
            domain.num_qubits, held + few * (800 * domain.size + (1 << 24)) + every * _BYTES_DENSE * domain.size**2
        )

    def refined(self) -> Annealing:
        """Itself: a stage is exact."""
        return self

    def _waves(self, job: Job, saves: np.ndarray, out: Waves) -> Iterator[Point]:
        """The waves at the times, which hold the ends of all stages."""
        times = saves.tolist()
        start = out.start
        if start is None:
            psi, log = job.problem.initial.vector(job.problem.domain), 0.0
            yield times[0], psi, log
        else:
            psi, log = start.wave, start.log_norm
        spectrum, slow = Spectrum(job.h), None
        if isinstance(job.h, LearningHamiltonian) and job.h.transform.real:
            slow = SlowModes(job.h)
        for i, (t0, t1) in enumerate(zip(times[:-1], times[1:])):
            if start is not None and i < start.number:
                continue
            weights = job.h.coefficients(t1)
            if self.method is None and (spectrum.dense or dense_pays(job.h, weights, t1 - t0, job.problem.clock)):
                psi, gained = _dense(spectrum, psi, weights, t1 - t0, job.problem.clock)
                job.progress(i + 1, len(times) - 1)
            elif self.method is None and isinstance(job.h, LearningHamiltonian):
                psi, gained = _by_few_modes(job, slow, psi, weights, t1 - t0, (i, len(times) - 1))
            else:
                psi, gained = _by_method(job, self.method or Krylov(_TOL), psi, weights, t1 - t0)
                job.progress(i + 1, len(times) - 1)
            log += gained
            yield t1, psi, log


def _by_method(
    job: Job, method: Method, psi: np.ndarray, weights: Sequence[float], time: float
) -> tuple[np.ndarray, float]:
    """One stage as a run of its own, of which nothing is kept but the wave at its end."""
    h = replace(held_still(job.h, weights), duration=time)
    operator = h.terms if isinstance(h, PauliHamiltonian) else None
    d = Constant(0.0) if isinstance(h, PauliHamiltonian) else h.diffusion
    still: dict[str, Any] = {"diffusion": d, "strength": h.strength, "operator": operator, "duration": time}
    inner = replace(
        job,
        problem=job.problem.replace(**still, initial=State(psi)),
        method=method,
        h=h,
        saves=np.array([0.0, time]),
        observables=[],
        callback=None,
        progress=Progress("a stage", False),
        checkpoint=None,
    )
    with inside(None), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the run of all stages tells what is to be told
        answer = whole(method.run(inner))
    assert answer.states is not None
    return answer.states[-1], float(answer.log_norm[-1])


def _by_few_modes(
    job: Job, slow: SlowModes | None, psi: np.ndarray, weights: Sequence[float], time: float, place: tuple[int, int]
) -> tuple[np.ndarray, float]:
    """One stage of a loss in its slowest modes where that costs less and is known to be exact enough, else by the series.

    A rough start is left to the series until nothing of it lies beyond the slow modes.
    """
    gained, (diffusion, strength) = 0.0, weights
    if slow is not None and slow_modes_pay(slow.h, weights, time, job.problem.clock):
        found = slow.decayed(psi, diffusion, strength, time, _PLENTY)
        settling = slow.settling(diffusion)
        if (found is None or found.bound > _TOL) and settling < time / 4:
            psi, gained = _by_series(job, psi, weights, settling, place)
            time -= settling
            found = slow.decayed(psi, diffusion, strength, time, _PLENTY)
        if found is not None and found.bound <= _TOL:
            job.progress(place[0] + 1, place[1])
            return found.wave, gained + found.log_norm
    psi, more = _by_series(job, psi, weights, time, place)
    return psi, gained + more


def _series_price(h: LearningHamiltonian, weights: Sequence[float], time: float, clock: str) -> float:
    """About how many microseconds the series takes, of which the ratio to other prices matters alone."""
    d, s = weights
    reach = 0.5 * time * (d * float(np.ptp(h.dual)) + abs(s) * float(np.ptp(h.zeta)))
    if clock == "imaginary":
        return float(np.sqrt(60.0 * reach)) * (27 + 0.02 * h.domain.size)
    return reach * (30 + 0.11 * h.domain.size)


def slow_modes_pay(h: LearningHamiltonian, weights: Sequence[float], time: float, clock: str) -> bool:
    """Whether a stage in the slowest modes costs less than the series."""
    if (
        clock != "imaginary" or h.domain.size > slow_modes.POINTS or weights[0] <= 0
    ):  # without diffusion no mode is slow
        return False
    return _series_price(h, weights, time, clock) > 30e3 + 3 * h.domain.size


def dense_pays(h: Hamiltonian, weights: Sequence[float], time: float, clock: str) -> bool:
    """Whether a stage of the real clock costs less by all energies than by the series, which follows each of them."""
    size = h.domain.size
    if not isinstance(h, LearningHamiltonian) or clock != "real" or size > _MOST_DENSE:
        return False
    return _series_price(h, weights, time, clock) > 4e-4 * size**3


def _by_series(
    job: Job, psi: np.ndarray, weights: Sequence[float], time: float, place: tuple[int, int]
) -> tuple[np.ndarray, float]:
    h = learning(replace(held_still(job.h, weights), duration=time))
    waves, logs = chebyshev.propagated(h, psi[None], time, job.problem.clock, _TOL, on_step=_told(job, place))
    return waves[0], float(logs[0])


def _told(job: Job, place: tuple[int, int]) -> Callable[[int, int], None]:
    """Progress within one stage as that of the whole run."""
    i, stages = place

    def on_step(done: int, total: int) -> None:
        """Report ``done`` of ``total`` steps of this stage, in thousandths of a stage of the whole run."""
        job.progress(1000 * i + 1000 * done // total, 1000 * stages)

    return on_step


def _dense(
    spectrum: Spectrum, psi: np.ndarray, weights: Sequence[float], time: float, clock: str
) -> tuple[np.ndarray, float]:
    """``e^{-H time}`` or ``e^{-i H time}`` from all energies: the wave of unit norm, and the logarithm of what was removed."""
    energies, modes = spectrum.whole(*weights)
    z = -1.0 if clock == "imaginary" else -1j
    shift = energies[0] if clock == "imaginary" else 0.0
    shares = np.exp(z * time * (energies - shift)) * (modes.conj().T @ psi.reshape(-1))
    norm = float(np.linalg.norm(shares))
    wave = modes @ (shares / norm)
    return wave.reshape(psi.shape).astype(complex), float(np.log(norm) - time * shift) if clock == "imaginary" else 0.0
