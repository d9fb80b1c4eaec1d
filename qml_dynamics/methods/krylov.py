"""Lanczos propagation with an error tolerance: without splitting, so that it is independent of the other methods.

``exp(z h H) psi`` in the Krylov space of H, with the step h chosen from the a-posteriori error of the space (Park and Light,
J. Chem. Phys. 85, 5870, 1986; Saad, SIAM J. Numer. Anal. 29, 209, 1992). For a time-dependent Hamiltonian, the
commutator-free Magnus integrator of order four (Blanes and Moan, Appl. Numer. Math. 56, 1519, 2006) with step doubling.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..base.errors import MethodError, check_memory, integer, real, require
from ..model.drives import knots_of
from ..model.hamiltonians import Hamiltonian, LearningHamiltonian, PauliHamiltonian
from ..model.problem import Problem
from ..model.resolution import cuts
from .base import EVERYWHERE, WAVES, Answer, Facts, Job, Usual, Work
from .from_waves import Point, Waves, report_waves, run_waves
from .memory import of_waves

if TYPE_CHECKING:
    pass

Apply = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Krylov(Usual):
    """Lanczos propagation with a tolerance: an oracle on both clocks that shares nothing with splitting.

    Time-dependent Hamiltonians go through the commutator-free Magnus integrator of order four with step doubling.

    Args:
        tol: allowed error of the final state in the 2-norm.
        subspace: the largest dimension of a Krylov space.
    """

    tol: float = 1e-10
    subspace: int = 40

    name: ClassVar[str] = "krylov"

    def __post_init__(self) -> None:
        real(self.tol, "tol", positive=True, error=MethodError)
        require(self.tol < 1, "tol", "be below 1", self.tol, MethodError)
        integer(self.subspace, "subspace", 4, 400, MethodError)

    def facts(self) -> Facts:
        """Both clocks of waves, every weight space; a tolerance in place of an order."""
        return Facts(WAVES, EVERYWHERE, "classical", None)

    def run(self, job: Job) -> Answer:
        """Lanczos propagation to the tolerance, reported at the saved times; goes on from a stored wave."""

        def waves(inner: Job, saves: np.ndarray, out: Waves) -> Iterator[tuple[float, np.ndarray, float]]:
            """The waves at the times ``saves`` by Lanczos: (time, wave, logarithm of the norm)."""
            return run(inner.problem, inner.h, self, saves.tolist(), inner.progress, out.start)

        return report_waves(job, run_waves(job, waves, resumes=True))

    def work(self, job: Job) -> Work:
        """The waves that are held, of spaces as large as the steps will need."""
        commutes = isinstance(job.h, PauliHamiltonian) and job.h.commutes
        beside = _BESIDE if job.h.constant or commutes else _DRIVEN
        memory = of_waves(job, 16 * _vectors(job, self) + beside)
        return Work(job.problem.domain.num_qubits, memory)

    def refined(self) -> Krylov:
        """A sixteenth of the tolerance."""
        return replace(self, tol=self.tol / 16)


_BESIDE = 75  # bytes a point of what acts on the vectors of a space
_SAFE = 10.0  # over that error: what a space itself tells of its error is an upper estimate
_LOOKS = 33  # times at which the bounds of a spectrum that moves are taken
_DRIVEN = 155  # of the integrator, which holds a whole step and two halves


def _vectors(job: Job, method: Krylov) -> int:
    """How many vectors the longest step between two saved times takes.

    The error of a space of k vectors is about ``t^k beta_1 ... beta_(k-1) / k!`` (Saad 1992). The off-diagonal elements grow like
    ``sigma sqrt(j)`` to a quarter of the width of the spectrum; sigma is the root of the sum of squares of a Pauli sum's coefficients.
    On the imaginary clock spaces are smaller (Hochbruck and Lubich, SIAM J. Numer. Anal. 34, 1911, 1997).
    """
    h, most = job.h, min(method.subspace, job.problem.domain.size)
    times, tol = np.union1d(np.asarray(job.saves, dtype=float), [0.0]), method.tol
    gaps = [(float(a), float(b)) for a, b in zip(times[:-1], times[1:])]
    if not gaps:
        return 1
    if isinstance(h, PauliHamiltonian) and h.commutes:
        time, still = max(abs(h.amount(a, b)) for a, b in gaps), h.still
        quarter, rise = still.terms.bound() / 2, float(np.linalg.norm(still.terms.coefficients))
    else:
        if not h.constant:
            time, tol = 0.5 * min(max(b - a for a, b in gaps), _FIRST * h.duration), 0.1 * tol
        else:
            time = max(b - a for a, b in gaps)
        looks = [0.0] if h.constant else _looks(h, float(times[-1]))
        ends = [h.bounds(t) for t in looks]
        quarter = rise = max(high - low for low, high in ends) / 4
    error = np.log(_SAFE * time) if time > 0 else -np.inf
    allowed, reach = np.log(tol * min(1.0, time / h.duration)) if time > 0 else 0.0, quarter * time
    decays = job.problem.clock == "imaginary"
    for k in range(1, most):
        if k % _CHECK == 0 and _decayed(error, k, reach, decays) <= allowed and (decays or k + 1 > reach):
            return k
        error += np.log(max(time * min(rise * np.sqrt(k), quarter), 1e-300) / (k + 1))
    return most


def _looks(h: Hamiltonian, end: float) -> list[float]:
    """Times at which the width of a spectrum that moves is looked at: its largest may be anywhere, and beside a jump."""
    schedules = [schedule for _, schedule, _ in h.moving]
    jumps = [t for t in knots_of(schedules, h.duration) if t < end]
    before = [t - 1e-9 * h.duration for t in jumps]
    return [*np.linspace(0.0, end, _LOOKS).tolist(), *jumps, *before]


def _decayed(error: float, k: int, reach: float, decays: bool) -> float:
    """The logarithm of the error of k vectors on either clock: decay makes spaces smaller, by Theorem 2 of Hochbruck and Lubich."""
    if not decays:
        return error
    return error - reach if k >= 2 * reach else float(np.log(_SAFE)) - k * k / (5 * reach)


def run(
    problem: Problem,
    h: Hamiltonian,
    method: Krylov,
    saves: Sequence[float],
    on_step: Callable[[int, int], None],
    start: Point | None = None,
) -> Iterator[tuple[float, np.ndarray, float]]:
    """Yield ``(time, wave of unit norm, log_norm)`` at each save time, or at those behind ``start``."""
    space = min(method.subspace, problem.domain.size)
    check_memory(16 * problem.domain.size * (space + 6), f"{method} on {problem.domain.num_qubits} qubits")
    z = -1.0 if problem.clock == "imaginary" else -1j
    if start is None:
        psi, log_norm = problem.initial.vector(problem.domain), 0.0
        yield saves[0], psi.copy(), log_norm
    else:
        psi, log_norm = start.wave, start.log_norm
    done = 0 if start is None else start.number
    for t0, t1 in zip(saves[done:-1], saves[done + 1 :]):
        rate = method.tol / problem.duration
        if isinstance(h, PauliHamiltonian) and h.commutes:
            pieces = _scaled(h, psi, z, t0, t1, method.tol, space)
        else:
            pieces = (
                _constant(h.apply, psi, z, t0, t1, rate, space)
                if h.constant
                else _magnus(h, psi, z, t0, t1, rate, space)
            )
        for t, wave, log in pieces:
            psi = wave
            log_norm += log
            on_step(round(1000 * t / problem.duration), 1000)
        yield t1, psi.copy(), log_norm


def _constant(
    apply: Apply, psi: np.ndarray, z: complex, t0: float, t1: float, rate: float, space: int
) -> Iterator[tuple[float, np.ndarray, float]]:
    t = t0
    while t < t1:
        basis = krylov_space(apply, psi, space, z, t1 - t, rate)
        step = basis.largest_step(z, t1 - t, rate)
        psi, log = basis.propagate(z, step, psi.shape)
        del basis  # before the next one is allocated
        t = t1 if t + step >= t1 * (1 - 1e-15) else t + step
        yield t, psi, log


_SEEN = 1e-6  # radians of a schedule that five points in a step may miss: its integral is in the step all the same
_FIRST = 0.05  # of the duration: the first step that is tried
_ROUNDING = 2e-15  # of a unit wave: no step can be asked to be better
_SHORT = 1e-12  # of the duration: such a step is taken whatever its error


def _scaled(
    h: PauliHamiltonian, psi: np.ndarray, z: complex, t0: float, t1: float, tol: float, space: int
) -> Iterator[tuple[float, np.ndarray, float]]:
    """``exp(z H0 int s dt) psi`` exactly, since ``s(t) H0`` commutes at all times: a constant H0 for the time ``int s dt``."""
    amount, whole = h.amount(t0, t1), h.amount(0.0, h.duration)
    sign, span = float(np.sign(amount)), abs(amount)
    if not span:
        return
    rate = tol / max(span, abs(whole))

    def act(wave: np.ndarray) -> np.ndarray:
        """``sign H0 psi``, the action that the Krylov space is built of."""
        return sign * h.terms.apply(wave)

    for done, wave, log in _constant(act, psi, z, 0.0, span, rate, space):
        yield t0 + (t1 - t0) * done / span, wave, log


def _magnus(
    h: Hamiltonian, psi: np.ndarray, z: complex, t0: float, t1: float, rate: float, space: int
) -> Iterator[tuple[float, np.ndarray, float]]:
    """Steps that end where the schedules have kinks or pulses, and keep the rate of the error in between."""
    ends = [*cuts(h, t0, t1, _SEEN), t1]
    t, dt = t0, min(t1 - t0, _FIRST * h.duration)
    for end in ends:
        while t < end:
            last = t + dt >= end - _SHORT * h.duration
            until = end if last else t + dt
            step = _doubled(h, psi, z, t, until, rate, space)
            size = until - t
            if step is None:
                dt = 0.5 * size
                continue
            error, fine, log = step
            allowed = max(rate * size, _ROUNDING)
            taken = error <= allowed or size <= 2 * _SHORT * h.duration
            if taken:
                t, psi = until, fine
                yield t, psi, log
            next_one = size * min(4.0, max(0.2, 0.9 * (allowed / max(error, 1e-300)) ** 0.25))
            dt = max(dt if taken and last else _SHORT * h.duration, next_one)


def _doubled(
    h: Hamiltonian, psi: np.ndarray, z: complex, t0: float, t1: float, rate: float, space: int
) -> tuple[float, np.ndarray, float] | None:
    """Error, wave and logarithm of two half steps, against a whole one; None where the step is too long to be tried."""
    middle = 0.5 * (t0 + t1)
    pieces = [(t0, t1), (t0, middle), (middle, t1)]
    grows = z == -1.0 and isinstance(h, LearningHamiltonian) and t1 - t0 > 2 * _SHORT * h.duration
    if grows and any(_runs_back(h, a, b) for a, b in pieces):
        return None
    whole, _ = _magnus_step(h, psi, z, t0, t1, rate, space)
    half, log_a = _magnus_step(h, psi, z, t0, middle, rate, space)
    fine, log_b = _magnus_step(h, half, z, middle, t1, rate, space)
    return float(np.linalg.norm(fine - whole)) / 15, fine, log_a + log_b


_BACKWARD = 0.5  # largest exponent by which a step of imaginary time may run the diffusion backwards


def _runs_back(h: Hamiltonian, t0: float, t1: float) -> bool:
    """Whether a factor would run the diffusion backwards by more than rounding bears: it grows over the step too fast."""
    assert isinstance(h, LearningHamiltonian)
    least = min(weights[0] for weights in _exponents(h, t0, t1))
    return -least * float(h.dual.max()) > _BACKWARD


def _exponents(h: Hamiltonian, t0: float, t1: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Coefficients of the two factors, from the integrals F and G of the schedules over the halves of the step.

    ``7/6 F - 1/6 G`` and ``7/6 G - 1/6 F``: the commutator-free integrator of order four, with its first moment from F and G. It holds
    the integral of each schedule exactly, wherever in the step a pulse lies.
    """
    middle = 0.5 * (t0 + t1)
    first, second = h.amounts(t0, middle), h.amounts(middle, t1)
    early, late = (
        tuple((7 * a - b) / 6 for a, b in zip(one, other)) for one, other in ((first, second), (second, first))
    )
    return early, late


def _magnus_step(
    h: Hamiltonian, psi: np.ndarray, z: complex, t0: float, t1: float, rate: float, space: int
) -> tuple[np.ndarray, float]:
    dt, log = t1 - t0, 0.0
    for weights in _exponents(h, t0, t1):

        def act(wave: np.ndarray, each: Sequence[float] = tuple(w / dt for w in weights)) -> np.ndarray:
            """``(d K + s zeta) psi``, or ``sum_k w_k H_k psi``, with the coefficients of one Magnus exponential, a unit of time."""
            return h.combine(wave, *each)

        done = 0.0
        while done < dt:
            basis = krylov_space(act, psi, space, z, dt - done, rate * 0.1)
            step = basis.largest_step(z, dt - done, rate * 0.1)
            psi, gained = basis.propagate(z, step, psi.shape)
            del basis
            log += gained
            done = dt if done + step >= dt * (1 - 1e-14) else done + step
    return psi, log


@dataclass(frozen=True, eq=False)
class KrylovSpace:
    """An orthonormal basis of the Krylov space of a unit vector, and the tridiagonal matrix of H in it."""

    vectors: np.ndarray
    energies: np.ndarray
    modes: np.ndarray
    last_beta: float

    def _small(self, z: complex, step: float) -> np.ndarray:
        shift = self.energies[0] if z == -1.0 else 0.0
        out: np.ndarray = self.modes @ (np.exp(z * step * (self.energies - shift)) * self.modes[0])
        return out

    def error(self, z: complex, step: float) -> float:
        """Estimated 2-norm error of the step, relative to the propagated vector's norm."""
        if self.last_beta == 0:
            return 0.0
        nodes = step * np.array([0.25, 0.5, 0.75, 1.0])  # the leak integrated over the step, by its largest values
        leak = max(abs(self._small(z, x)[-1]) for x in nodes)
        out: float = step * self.last_beta * leak / float(np.linalg.norm(self._small(z, step)))
        return out

    def largest_step(self, z: complex, remaining: float, rate: float) -> float:
        """The largest step whose error stays below ``rate`` times its length."""
        step = remaining
        for _ in range(200):
            if self.error(z, step) <= rate * step:
                return step
            step *= 0.8
        raise MethodError(f"Argument `tol` must be within reach of double precision, but the step fell to {step:.1e}.")

    def propagate(self, z: complex, step: float, shape: tuple[int, ...]) -> tuple[np.ndarray, float]:
        """The unit vector after the step, and the logarithm of the norm removed (imaginary clock)."""
        small = self._small(z, step)
        norm = float(np.linalg.norm(small))
        wave = (small / norm) @ self.vectors
        shift = -step * self.energies[0] if z == -1.0 else 0.0
        return wave.reshape(shape), float(np.log(norm) + shift) if z == -1.0 else 0.0


_CHECK = 4  # vectors between two looks at whether the space is large enough already


def krylov_space(
    apply: Apply, psi: np.ndarray, space: int, z: complex = -1j, step: float = np.inf, rate: float = 0.0
) -> KrylovSpace:
    """Lanczos with full reorthogonalisation; ends early when the space is invariant.

    It ends early too when a step of length ``step`` has an error below ``rate`` times its length.
    """
    size = psi.size
    vectors = np.empty((space, size), dtype=complex)
    alpha, beta = np.zeros(space), np.zeros(space)
    vectors[0] = psi.reshape(-1) / np.linalg.norm(psi)
    scale = 0.0
    for j in range(space):
        w = apply(vectors[j].reshape(psi.shape)).reshape(-1)
        alpha[j] = np.vdot(vectors[j], w).real
        for _ in range(2):  # twice is enough (Kahan)
            w -= (vectors[: j + 1] @ w.conj()).conj() @ vectors[: j + 1]  # without a conjugate copy of the whole space
        beta[j] = np.linalg.norm(w)
        scale = max(scale, abs(alpha[j]) + beta[j])
        if beta[j] <= 1e-14 * scale:
            beta[j] = 0.0
            return _spanned(vectors, alpha, beta, j + 1)
        reach = (j + 1) if z == -1j else (j + 1) ** 2  # vectors needed grow with the step's phase, or with its root
        if rate > 0 and j + 1 < space and (j + 1) % _CHECK == 0 and reach > step * beta[: j + 1].max():
            basis = _spanned(vectors, alpha, beta, j + 1)
            if basis.error(z, step) <= rate * step:
                return basis
        if j + 1 < space:
            vectors[j + 1] = w / beta[j]
    return _spanned(vectors, alpha, beta, space)


def _spanned(vectors: np.ndarray, alpha: np.ndarray, beta: np.ndarray, used: int) -> KrylovSpace:
    off = beta[: used - 1]
    energies, modes = np.linalg.eigh(np.diag(alpha[:used]) + np.diag(off, 1) + np.diag(off, -1))
    return KrylovSpace(vectors[:used], energies, modes, float(beta[used - 1]))
