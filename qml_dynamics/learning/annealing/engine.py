"""Annealing stage by stage: a constant Hamiltonian within each, propagated densely, by Chebyshev's series or by any method."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from ...backends import Backend
from ...base.errors import MethodError, require
from ...base.interrupts import whole
from ...base.printing import printed_briefly
from ...base.progress import Progress
from ...methods import chebyshev
from ...methods.base import POINTS, WAVES, Answer, Facts, Job, Method, Usual, Work, check_facts
from ...methods.from_waves import Waves, report_waves, run_waves
from ...model.hamiltonians import LearningHamiltonian
from ...model.initial import State
from ...model.problem import Problem
from ...model.schedules import Constant
from ...results.journal import inside
from .spectrum import Spectrum
from .stages import Staged

Point = tuple[float, np.ndarray, float]
_TOL = 1e-8  # of the wave in the 2-norm, a stage


@printed_briefly
@dataclass(frozen=True)
class Annealing(Usual):
    """What a trajectory of :func:`qml_dynamics.anneal` was run with.

    Attributes:
        stages: steps of the outer loop.
        strategy: ``"anneal"``, ``"quench"`` or ``"portfolio"``.
        adapt: ``"gap"``, ``"variance"`` or None: how the values of the diffusion were placed.
        restarts: further quenches of a portfolio.
        method: what runs a stage, a method without steps; None: dense diagonalisation up to 512 points, Chebyshev's series above.
    """

    stages: int
    strategy: str = "anneal"
    adapt: str | None = None
    restarts: int = 0
    method: Any = None

    name: ClassVar[str] = "annealing"

    def facts(self) -> Facts:
        """Both clocks of waves, losses; a stage is exact."""
        return Facts(WAVES, POINTS, "classical", None)

    def check(self, problem: Problem, backend: Backend | None) -> None:
        """Refuse problems that the facts exclude, the classical clock and operators, and those that what runs a stage refuses.

        So are problems whose schedules are not held still within the stages, as `anneal` holds them.
        """
        check_facts(self, problem)
        for name in ("diffusion", "strength"):
            schedule = getattr(problem, name)
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
        """The waves that are held."""
        domain = job.problem.domain
        return Work(domain.num_qubits, 16 * domain.size * (len(job.saves) + 8))

    def refined(self) -> Annealing:
        """Itself: a stage is exact."""
        return self

    def _waves(self, job: Job, saves: np.ndarray, out: Waves) -> Iterator[Point]:
        """The waves at the times, which hold the ends of all stages."""
        times = saves.tolist()
        assert isinstance(job.h, LearningHamiltonian)
        start = out.start
        if start is None:
            psi, log = job.problem.initial.vector(job.problem.domain), 0.0
            yield times[0], psi, log
        else:
            psi, log = start.wave, start.log_norm
        spectrum = Spectrum(job.h)
        for i, (t0, t1) in enumerate(zip(times[:-1], times[1:])):
            if start is not None and i < start.number:
                continue
            d, s = job.h.coefficients(t1)
            if self.method is None and spectrum.dense:
                psi, gained = _dense(spectrum, psi, d, s, t1 - t0, job.problem.clock)
                job.progress(i + 1, len(times) - 1)
            elif self.method is None:
                psi, gained = _by_series(job, psi, d, s, t1 - t0, (i, len(times) - 1))
            else:
                psi, gained = _by_method(job, self.method, psi, d, s, t1 - t0)
                job.progress(i + 1, len(times) - 1)
            log += gained
            yield t1, psi, log


def _by_method(job: Job, method: Method, psi: np.ndarray, d: float, s: float, time: float) -> tuple[np.ndarray, float]:
    """One stage as a run of its own, of which nothing is kept but the wave at its end."""
    still: dict[str, Any] = {"diffusion": Constant(d), "strength": Constant(s), "duration": time}
    problem = job.problem.replace(**still, initial=State(psi))
    assert isinstance(job.h, LearningHamiltonian)
    inner = replace(
        job,
        problem=problem,
        method=method,
        h=replace(job.h, **still),
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


def _by_series(
    job: Job, psi: np.ndarray, d: float, s: float, time: float, place: tuple[int, int]
) -> tuple[np.ndarray, float]:
    assert isinstance(job.h, LearningHamiltonian)
    h = replace(job.h, diffusion=Constant(d), strength=Constant(s), duration=time)
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
    spectrum: Spectrum, psi: np.ndarray, d: float, s: float, time: float, clock: str
) -> tuple[np.ndarray, float]:
    """``e^{-H time}`` or ``e^{-i H time}`` from all energies: the wave of unit norm, and the logarithm of what was removed."""
    energies, modes = spectrum.whole(d, s)
    z = -1.0 if clock == "imaginary" else -1j
    shift = energies[0] if clock == "imaginary" else 0.0
    shares = np.exp(z * time * (energies - shift)) * (modes.conj().T @ psi.reshape(-1))
    norm = float(np.linalg.norm(shares))
    wave = modes @ (shares / norm)
    return wave.reshape(psi.shape).astype(complex), float(np.log(norm) - time * shift) if clock == "imaginary" else 0.0
