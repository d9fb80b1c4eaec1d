"""Dense propagation: diagonalisation for constant Hamiltonians, a dense integrator to 1e-11 otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ..base.errors import MethodError, check_memory
from ..base.registry import Exact
from ..model.hamiltonian import Hamiltonian, LearningHamiltonian
from ..model.problem import Problem


def run(
    problem: Problem, h: Hamiltonian, method: Exact, saves: Sequence[float], on_step: Callable[[int, int], None]
) -> Iterator[tuple[float, np.ndarray, float]]:
    """Yield ``(time, wave of unit norm, log_norm)`` at each save time."""
    size = problem.domain.size
    if size > method.max_size:
        raise MethodError(
            f"Argument `method` must not be Exact above {method.max_size} points, but there are {size}. Use Krylov."
        )
    check_memory(96 * size * size, f"{method} on {problem.domain.num_qubits} qubits")
    return _constant(problem, h, saves, on_step) if h.constant else _driven(problem, h, saves, on_step)


def _constant(
    problem: Problem, h: Hamiltonian, saves: Sequence[float], on_step: Callable[[int, int], None]
) -> Iterator[tuple[float, np.ndarray, float]]:
    psi = problem.initial.vector(problem.domain)
    energies, modes = np.linalg.eigh(h.matrix())
    parts = modes.conj().T @ psi.reshape(-1)
    for i, t in enumerate(saves):
        if problem.clock == "real":
            wave, log = modes @ (np.exp(-1j * energies * t) * parts), 0.0
        else:
            exponents = -(energies - energies[0]) * t
            wave = modes @ (np.exp(exponents) * parts)
            log = float(np.log(np.linalg.norm(wave)) - energies[0] * t)
        on_step(i + 1, len(saves))
        yield t, (wave / np.linalg.norm(wave)).reshape(psi.shape), log


def _driven(
    problem: Problem, h: Hamiltonian, saves: Sequence[float], on_step: Callable[[int, int], None]
) -> Iterator[tuple[float, np.ndarray, float]]:
    from scipy.integrate import solve_ivp

    assert isinstance(h, LearningHamiltonian)
    kinetic = LearningHamiltonian(h.domain, 0 * h.zeta).matrix()
    zeta = h.zeta.reshape(-1)
    psi, log_norm = problem.initial.vector(problem.domain).reshape(-1), 0.0
    z = -1j if problem.clock == "real" else -1.0

    def rate(t: float, y: np.ndarray) -> np.ndarray:
        d, s = h.coefficients(t)
        return z * (d * (kinetic @ y) + s * zeta * y)

    yield saves[0], psi.reshape(h.domain.shape).copy(), log_norm
    for i, (t0, t1) in enumerate(zip(saves[:-1], saves[1:])):
        answer = solve_ivp(rate, (t0, t1), psi, method="DOP853", rtol=1e-11, atol=1e-13)
        if not answer.success:
            raise MethodError(f"The dense integrator failed between t = {t0:g} and {t1:g}: {answer.message}")
        psi = answer.y[:, -1]
        norm = float(np.linalg.norm(psi))
        psi = psi / norm
        log_norm += float(np.log(norm)) if problem.clock == "imaginary" else 0.0
        on_step(i + 1, len(saves) - 1)
        yield t1, psi.reshape(h.domain.shape).copy(), log_norm
