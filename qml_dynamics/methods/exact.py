"""Dense propagation: diagonalisation for constant Hamiltonians, a dense integrator to 1e-11 otherwise."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..backends import Backend
from ..base.errors import MethodError, check_memory, integer
from ..model.hamiltonians import Hamiltonian, LearningHamiltonian, PauliHamiltonian
from ..model.problem import Problem
from ..model.resolution import cuts
from .base import EVERYWHERE, WAVES, Answer, Facts, Job, Usual, Work, check_facts
from .from_waves import Waves, report_waves, run_waves
from .memory import of_waves

if TYPE_CHECKING:
    pass


_ENTRY, _DRIVEN = 84, 96  # bytes an entry of H: eigenvectors, or the exponential of a step beside what it is made from
_NOISE = 1e-14  # of the overlap of a unit wave with a level: less is the rounding of eigenvectors, more where levels are close
_DECIDES = 1e-6  # of the weight of a wave


class OverlapWarning(UserWarning):
    """A wave in imaginary time that grew from overlaps with low levels which rounding does not tell from 0."""


@dataclass(frozen=True)
class Exact(Usual):
    """Dense diagonalisation (constant Hamiltonian) or a dense integrator to 1e-11: small sizes, the oracle of the oracles.

    Args:
        max_size: refuses more points than this.
    """

    max_size: int = 4096

    name: ClassVar[str] = "exact"

    def __post_init__(self) -> None:
        integer(self.max_size, "max_size", 2, 1 << 16, MethodError)

    def facts(self) -> Facts:
        """Both clocks of waves, every weight space; no step."""
        return Facts(WAVES, EVERYWHERE, "classical", None)

    def check(self, problem: Problem, backend: Backend | None) -> None:
        """Refuse what the facts exclude, and problems of more than ``max_size`` points."""
        check_facts(self, problem)
        self._fits(problem)

    def run(self, job: Job) -> Answer:
        """Dense propagation, reported at the saved times."""

        def waves(inner: Job, saves: np.ndarray, out: Waves) -> Iterator[tuple[float, np.ndarray, float]]:
            """The exact waves at the times ``saves``: (time, wave, logarithm of the norm)."""
            return run(inner.problem, inner.h, self, saves.tolist(), inner.progress)

        return report_waves(job, run_waves(job, waves))

    def work(self, job: Job) -> Work:
        """The waves that are held."""
        domain = job.problem.domain
        entry = _ENTRY if job.h.constant else _DRIVEN
        return Work(domain.num_qubits, entry * domain.size**2 + of_waves(job, 0))

    def refined(self) -> Exact:
        """Itself: it has no step."""
        return self

    def _fits(self, problem: Problem) -> None:
        size = problem.domain.size
        if size > self.max_size:
            raise MethodError(
                f"Argument `method` must not be Exact above {self.max_size} points, but there are {size}. Use Krylov."
            )


def run(
    problem: Problem, h: Hamiltonian, method: Exact, saves: Sequence[float], on_step: Callable[[int, int], None]
) -> Iterator[tuple[float, np.ndarray, float]]:
    """Yield ``(time, wave of unit norm, log_norm)`` at each save time."""
    method._fits(problem)
    size = problem.domain.size
    check_memory(96 * size * size, f"{method} on {problem.domain.num_qubits} qubits")
    commutes = h.constant or (isinstance(h, PauliHamiltonian) and h.commutes)
    return _constant(problem, h, saves, on_step) if commutes else _driven(problem, h, saves, on_step)


def _constant(
    problem: Problem, h: Hamiltonian, saves: Sequence[float], on_step: Callable[[int, int], None]
) -> Iterator[tuple[float, np.ndarray, float]]:
    """One diagonalisation: of H, or of an operator H0 whose strength moves, which acts for the time ``int s dt``."""
    psi = problem.initial.vector(problem.domain)
    energies, modes = np.linalg.eigh(h.terms.matrix() if isinstance(h, PauliHamiltonian) else h.matrix())
    parts = modes.conj().T @ psi.reshape(-1)
    held = np.flatnonzero(parts)  # a level without any overlap may lie so low that the rest would underflow
    energies, modes, parts = (
        (energies, modes, parts) if len(held) == len(parts) else (energies[held], modes[:, held], parts[held])
    )
    noise, told = _noise(energies, parts), False
    for i, t in enumerate(saves):
        amount = h.amount(0.0, t) if isinstance(h, PauliHamiltonian) else t
        if problem.clock == "real":
            wave, log = modes @ (np.exp(-1j * energies * amount) * parts), 0.0
        else:
            exponents = -energies * amount
            top = float(exponents.max())
            grown = np.exp(exponents - top) * parts
            told = told or _warned_of_noise(grown, np.abs(parts) < noise, t)
            wave = modes @ grown
            log = float(np.log(np.linalg.norm(wave)) + top)
        on_step(i + 1, len(saves))
        yield t, (wave / np.linalg.norm(wave)).reshape(psi.shape), log


def _noise(energies: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """How large the overlap with each level may be by rounding alone: vectors of a matrix turn by its rounding over the distance of levels.

    The distance is that from the mean energy of the start, in whose levels the start has its weight.
    """
    weights = np.abs(parts) ** 2
    apart = np.abs(energies - weights @ energies / weights.sum())
    largest = float(np.abs(energies).max())
    return np.asarray(np.maximum(_NOISE, np.finfo(float).eps * largest / np.maximum(apart, 1e-6 * largest + 1e-300)))


def _warned_of_noise(grown: np.ndarray, small: np.ndarray, t: float) -> bool:
    """Say so where overlaps that are rounding hold more than a millionth of the weight: a start in a symmetry's sector stays in it."""
    if not np.linalg.norm(grown[small]) ** 2 > _DECIDES * np.linalg.norm(grown) ** 2:
        return False
    text = (
        f"The wave at t = {t:g} grew from overlaps with low levels that rounding at the start does not tell from 0: "
        "Krylov() keeps a start in the sector of its symmetry."
    )
    warnings.warn(text, OverlapWarning, stacklevel=2)
    return True


def _driven(
    problem: Problem, h: Hamiltonian, saves: Sequence[float], on_step: Callable[[int, int], None]
) -> Iterator[tuple[float, np.ndarray, float]]:
    from scipy.integrate import solve_ivp

    act = _acting(h)
    psi, log_norm = problem.initial.vector(problem.domain).reshape(-1), 0.0
    z = -1j if problem.clock == "real" else -1.0

    def rate(t: float, y: np.ndarray) -> np.ndarray:
        """The right side ``z H(t) psi`` of the equation."""
        out: np.ndarray = z * act(y, h.coefficients(t))
        return out

    yield saves[0], psi.reshape(h.domain.shape).copy(), log_norm
    for i, (t0, t1) in enumerate(zip(saves[:-1], saves[1:])):
        ends = [t0, *cuts(h, t0, t1), t1]  # within each piece a few points see all that the schedules hold
        for a, b in zip(ends[:-1], ends[1:]):
            answer = solve_ivp(rate, (a, b), psi, method="DOP853", rtol=1e-11, atol=1e-13)
            if not answer.success:
                raise MethodError(f"The dense integrator failed between t = {a:g} and {b:g}: {answer.message}")
            psi = answer.y[:, -1]
            norm = float(np.linalg.norm(psi))
            psi = psi / norm
            log_norm += float(np.log(norm)) if problem.clock == "imaginary" else 0.0
        on_step(i + 1, len(saves) - 1)
        yield t1, psi.reshape(h.domain.shape).copy(), log_norm


def _acting(h: Hamiltonian) -> Callable[[np.ndarray, Sequence[float]], np.ndarray]:
    """``(D K + s zeta) psi``, or ``sum_k s_k H_k psi`` of an operator, by dense matrices, from the coefficients at a time."""
    if isinstance(h, PauliHamiltonian):
        parts = [piece.matrix() for piece in h.pieces]
        return lambda y, weights: np.asarray(sum(w * m for w, m in zip(weights, parts)) @ y)
    kinetic = LearningHamiltonian(h.domain, 0 * h.zeta).matrix()
    zeta = h.zeta.reshape(-1)
    return lambda y, weights: np.asarray(weights[0] * (kinetic @ y) + weights[1] * zeta * y)
