"""The Hamiltonians, matrix-free: `LearningHamiltonian` (two diagonals and one transform) and `PauliHamiltonian`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .domains import Domain, outer_sum
from .errors import MethodError, check_memory, integer
from .objectives.base import Objective
from .pauli import PauliSum
from .problem import Problem
from .schedules import Constant, Schedule, is_constant
from .transforms import Transform

_RESTARTS = 6
_DENSE = 512  # below this many points dense diagonalisation is faster and safer than an iteration


@dataclass(frozen=True, eq=False)
class LearningHamiltonian:
    """``H(t) = D(t) F^-1 diag(k) F + s(t) diag(zeta)`` on a domain.

    Attributes:
        domain: the weight space.
        zeta: the loss on its points, shape ``domain.shape``.
        diffusion, strength: the schedules D and s.
        duration: what the schedules are stretched over.
        workers: threads of the transform.
        objective: where zeta comes from, if its gradient may be needed.
    """

    domain: Domain
    zeta: np.ndarray
    diffusion: Schedule = Constant(1.0)
    strength: Schedule = Constant(1.0)
    duration: float = 1.0
    workers: int | None = None
    objective: Objective | None = None

    @property
    def num_qubits(self) -> int:
        """Qubits of the register."""
        return self.domain.num_qubits

    @property
    def constant(self) -> bool:
        """Whether H does not depend on time."""
        return is_constant(self.diffusion, self.strength)

    @cached_property
    def transform(self) -> Transform:
        """The transform to the dual basis."""
        return Transform(self.domain, self.workers)

    @cached_property
    def dual(self) -> np.ndarray:
        """Diagonal of minus the Laplacian in the dual basis."""
        return outer_sum(self.domain.dual_axes)

    @cached_property
    def gradient_square(self) -> np.ndarray:
        """``|grad zeta|^2`` on the points, from the objective itself (never spectrally: zeta need not be periodic)."""
        if self.objective is None:
            raise MethodError("Argument `formula` must not be 'chin4a' for a loss without a gradient.")
        out = np.empty(self.domain.size)
        for start in range(0, self.domain.size, 1 << 16):
            index = np.arange(start, min(start + (1 << 16), self.domain.size))
            out[index] = (self.objective.gradient(self.domain.points_at(index)) ** 2).sum(axis=1)
        return out.reshape(self.domain.shape)

    def coefficients(self, t: float) -> tuple[float, float]:
        """``D(t), s(t)``."""
        return self.diffusion.value(t, self.duration), self.strength.value(t, self.duration)

    def apply(self, psi: np.ndarray, t: float = 0.0) -> np.ndarray:
        """``H(t) psi``, shape ``domain.shape``; ``psi`` is not changed."""
        return self.combine(psi, *self.coefficients(t))

    def combine(self, psi: np.ndarray, diffusion: float, strength: float) -> np.ndarray:
        """``diffusion * (-L) psi + strength * zeta psi``."""
        wave = self.transform.forward(np.array(psi, dtype=complex))
        wave *= self.dual
        out = self.transform.inverse(wave)
        out *= diffusion
        out += (strength * self.zeta) * psi
        return out

    def parts(self, psi: np.ndarray) -> tuple[float, float]:
        """Means of minus the Laplacian and of the loss in a wave of any norm."""
        weight = np.abs(psi) ** 2
        dual = np.abs(self.transform.forward(np.array(psi, dtype=complex))) ** 2
        norm = weight.sum()
        return float((dual * self.dual).sum() / norm), float((weight * self.zeta).sum() / norm)

    def expectation(self, psi: np.ndarray, t: float = 0.0) -> float:
        """``<psi|H(t)|psi> / <psi|psi>``."""
        kinetic, objective = self.parts(psi)
        d, s = self.coefficients(t)
        return d * kinetic + s * objective

    def bounds(self, t: float = 0.0) -> tuple[float, float]:
        """A lower and an upper bound of the spectrum."""
        d, s = self.coefficients(t)
        ends = sorted((s * float(self.zeta.min()), s * float(self.zeta.max())))
        return d * float(self.dual.min()) + ends[0], d * float(self.dual.max()) + ends[1]

    def matrix(self, t: float = 0.0) -> np.ndarray:
        """The dense matrix, shape ``(size, size)``, for small sizes."""
        return _dense(self, t)

    def lowest(self, count: int = 1, t: float = 0.0, tol: float = 1e-10) -> tuple[np.ndarray, np.ndarray]:
        """The lowest ``count`` energies, ascending, and their waves, shape ``(count, *domain.shape)``.

        LOBPCG preconditioned with the kinetic part (Knyazev, SIAM J. Sci. Comput. 23, 517, 2001); dense below 512 points.
        """
        d, s = self.coefficients(t)
        if d == 0:
            return _lowest_points(s * self.zeta, count)
        shift = d * float(np.median(self.dual)) * 0.02
        return _lowest(self, count, t, tol, 1.0 / (d * self.dual + max(shift, 1e-12)))

    def ground_state(self, t: float = 0.0) -> tuple[float, np.ndarray]:
        """The lowest energy and its wave, shape ``domain.shape``, unit norm, largest entry positive."""
        energies, waves = self.lowest(1, t)
        return float(energies[0]), waves[0]


@dataclass(frozen=True, eq=False)
class PauliHamiltonian:
    """A constant Hamiltonian given as a sum of Pauli strings, with the same verbs."""

    domain: Domain
    terms: PauliSum

    constant = True
    duration = 1.0

    @property
    def num_qubits(self) -> int:
        """Qubits of the register."""
        return self.terms.num_qubits

    def apply(self, psi: np.ndarray, t: float = 0.0) -> np.ndarray:
        """``H psi``; ``psi`` is not changed."""
        return self.terms.apply(psi)

    def expectation(self, psi: np.ndarray, t: float = 0.0) -> float:
        """``<psi|H|psi> / <psi|psi>``."""
        return float((np.vdot(psi, self.terms.apply(psi)) / np.vdot(psi, psi)).real)

    def bounds(self, t: float = 0.0) -> tuple[float, float]:
        """A lower and an upper bound of the spectrum."""
        return -self.terms.bound(), self.terms.bound()

    def matrix(self, t: float = 0.0) -> np.ndarray:
        """The dense matrix."""
        return self.terms.matrix()

    def lowest(self, count: int = 1, t: float = 0.0, tol: float = 1e-10) -> tuple[np.ndarray, np.ndarray]:
        """The lowest ``count`` energies, ascending, and their waves, shape ``(count, *domain.shape)``."""
        return _lowest(self, count, t, tol, None)

    def ground_state(self, t: float = 0.0) -> tuple[float, np.ndarray]:
        """The lowest energy and its wave."""
        energies, waves = self.lowest(1, t)
        return float(energies[0]), waves[0]


Hamiltonian = LearningHamiltonian | PauliHamiltonian


def hamiltonian(problem: Problem, workers: int | None = None) -> Hamiltonian:
    """The Hamiltonian of a problem; evaluates the loss on the whole domain.

    >>> from qml_dynamics import Grid
    >>> from qml_dynamics.problem import Problem
    >>> oscillator = Problem(Grid((-6, 6), 6), lambda w: w[:, 0] ** 2 / 2, 0.5, clock="real", duration=1.0)
    >>> round(hamiltonian(oscillator).ground_state()[0], 6)
    0.5
    """
    if problem.operator is not None:
        return PauliHamiltonian(problem.domain, problem.operator)
    assert problem.objective is not None  # Problem refuses anything else
    check_memory(16 * problem.domain.size, f"A Hamiltonian on {problem.domain.num_qubits} qubits")
    zeta = problem.objective.on(problem.domain)
    return LearningHamiltonian(
        problem.domain, zeta, problem.diffusion, problem.strength, problem.duration, workers, problem.objective
    )


def _dense(h: Hamiltonian, t: float) -> np.ndarray:
    size = h.domain.size
    check_memory(48 * size * size, f"A dense matrix on {h.num_qubits} qubits")
    columns = np.empty((size, size), dtype=complex)
    unit = np.zeros(size, dtype=complex)
    for j in range(size):
        unit[j] = 1.0
        columns[:, j] = h.apply(unit.reshape(h.domain.shape), t).reshape(-1)
        unit[j] = 0.0
    return 0.5 * (columns + columns.conj().T)


def _lowest(
    h: Hamiltonian, count: int, t: float, tol: float, inverse: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    size = h.domain.size
    integer(count, "count", 1, size, MethodError)
    if size <= _DENSE or 5 * count > size:
        energies, vectors = np.linalg.eigh(h.matrix(t))
        return energies[:count], _signed(vectors[:, :count].T, h.domain.shape)
    from scipy.sparse.linalg import LinearOperator, lobpcg

    def each(act: object, block: np.ndarray) -> np.ndarray:
        columns = block.reshape(size, -1).T
        return np.stack([act(c.reshape(h.domain.shape)).reshape(-1) for c in columns], axis=1)  # type: ignore[operator]

    def act(wave: np.ndarray) -> np.ndarray:
        return h.apply(wave, t)

    def precondition(wave: np.ndarray) -> np.ndarray:
        dual = h.transform.forward(np.array(wave, dtype=complex))  # type: ignore[union-attr]
        return h.transform.inverse(dual * inverse)  # type: ignore[union-attr]

    block = count + 2  # guard vectors make the last wanted one converge
    start = _start_block(h, block)
    op = LinearOperator((size, size), matvec=lambda v: each(act, v), matmat=lambda v: each(act, v), dtype=complex)
    pre = None
    if inverse is not None:
        pre = LinearOperator(
            (size, size), matvec=lambda v: each(precondition, v), matmat=lambda v: each(precondition, v), dtype=complex
        )
    import warnings

    goal = tol * max(1.0, abs(h.bounds(t)[0]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # LOBPCG warns when guard vectors lag behind
        for _ in range(_RESTARTS):  # it may stagnate on round-off; fresh directions from its own answer mend that
            energies, vectors = lobpcg(op, start, M=pre, largest=False, tol=goal, maxiter=200)
            order = np.argsort(energies)
            energies, start = energies[order], np.linalg.qr(vectors[:, order])[0]
            wanted = start[:, :count]
            miss = float(np.linalg.norm(each(act, wanted) - wanted * energies[:count], axis=0).max())
            if miss <= 100 * goal:
                break
    return energies[:count], _signed(start[:, :count].T, h.domain.shape)


def _lowest_points(zeta: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Without a kinetic part the lowest waves are the lowest points."""
    integer(count, "count", 1, zeta.size, MethodError)
    points = np.argsort(zeta, axis=None, kind="stable")[:count]
    waves = np.zeros((count, zeta.size))
    waves[np.arange(count), points] = 1.0
    return zeta.reshape(-1)[points], waves.reshape(count, *zeta.shape)


def _start_block(h: Hamiltonian, block: int) -> np.ndarray:
    """Smooth random waves: low energy, and no symmetry that could hide a state."""
    rng = np.random.default_rng(20)
    start = rng.standard_normal((h.domain.size, block)) + 0j
    if isinstance(h, LearningHamiltonian):
        zeta = h.zeta - h.zeta.min()
        envelope = np.exp(-zeta / max(float(zeta.mean()), 1e-300)).reshape(-1, 1)
        start = envelope * (1.0 + 0.3 * start)
    return np.linalg.qr(start)[0]


def _signed(vectors: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Rows with their largest entry made positive and real."""
    peak = vectors[np.arange(len(vectors)), np.abs(vectors).argmax(axis=1)]
    out = vectors * (np.abs(peak) / peak)[:, None]
    if np.abs(out.imag).max() < 1e-10:
        out = out.real
    return out.reshape(-1, *shape)
