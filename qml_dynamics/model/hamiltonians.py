"""The Hamiltonians, matrix-free: `LearningHamiltonian` (two diagonals and one transform) and `PauliHamiltonian`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..base.arguments import checks_arguments, checks_arguments_but
from ..base.errors import MethodError, check_memory, describe, require
from ..base.printing import printed_briefly
from .domains import Domain, outer_sum
from .drives import between, knots_of, times
from .objectives.base import Objective
from .operator_sum import OperatorSum
from .pauli import PauliSum
from .problem import Problem, loss_table
from .schedules import Constant, Schedule, is_constant
from .spectrum import dense, lowest, lowest_points
from .transforms import Transform
from .wells import Well


@printed_briefly
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
            out[index] = (self.objective.gradient(self.domain.points_at(index), self.domain.spacing) ** 2).sum(axis=1)
        return out.reshape(self.domain.shape)

    @property
    def moving(self) -> tuple[tuple[str, Schedule, float], ...]:
        """Name, schedule and half of the width of what it multiplies, for each schedule."""
        parts = (("diffusion", self.diffusion, self.dual), ("strength", self.strength, self.zeta))
        return tuple((name, schedule, 0.5 * float(part.max() - part.min())) for name, schedule, part in parts)

    def coefficients(self, t: float) -> tuple[float, float]:
        """``D(t), s(t)``."""
        return self.diffusion.value(t, self.duration), self.strength.value(t, self.duration)

    def amounts(self, t0: float, t1: float) -> tuple[float, float]:
        """The integrals of D and s from ``t0`` to ``t1``, exact."""
        return between(self.diffusion, t0, t1, self.duration), between(self.strength, t0, t1, self.duration)

    def apply(self, psi: np.ndarray, t: float = 0.0) -> np.ndarray:
        """``H(t) psi``, shape ``domain.shape``; ``psi`` is not changed."""
        return self.combine(psi, *self.coefficients(t))

    def combine(self, psi: np.ndarray, diffusion: float, strength: float) -> np.ndarray:
        """``diffusion * (-L) psi + strength * zeta psi``, complex; of a real wave by real transforms."""
        out = self.transform.filtered(np.asarray(psi), self.dual)
        out *= diffusion
        out += (strength * self.zeta) * psi
        return out.astype(complex, copy=False)

    def parts(self, psi: np.ndarray) -> tuple[float, float]:
        """Means of minus the Laplacian and of the loss in a wave of any norm."""
        weight = np.abs(psi) ** 2
        dual = np.abs(self.transform.forward(np.array(psi, dtype=complex))) ** 2
        norm = weight.sum()
        return float((dual * self.dual).sum() / norm), float((weight * self.zeta).sum() / norm)

    @checks_arguments
    def expectation(self, psi: np.ndarray, t: float = 0.0) -> float:
        """``<psi|H(t)|psi> / <psi|psi>``."""
        fits = np.shape(psi) == self.domain.shape and bool(np.any(psi))
        require(fits, "psi", f"be a wave of shape {self.domain.shape}", f"of shape {np.shape(psi)}, or zero")
        kinetic, objective = self.parts(psi)
        d, s = self.coefficients(t)
        return d * kinetic + s * objective

    @checks_arguments
    def bounds(self, t: float = 0.0) -> tuple[float, float]:
        """A lower and an upper bound of the spectrum."""
        d, s = self.coefficients(t)
        ends = sorted((s * float(self.zeta.min()), s * float(self.zeta.max())))
        return d * float(self.dual.min()) + ends[0], d * float(self.dual.max()) + ends[1]

    @checks_arguments
    def matrix(self, t: float = 0.0) -> np.ndarray:
        """The dense matrix, shape ``(size, size)``, for small sizes."""
        return dense(self, t)

    @checks_arguments_but("count")
    def lowest(self, count: int = 1, t: float = 0.0, tol: float = 1e-10) -> tuple[np.ndarray, np.ndarray]:
        """The lowest ``count`` energies, ascending, and their waves, shape ``(count, *domain.shape)``.

        Residuals ``||H psi - E psi||`` are below ``tol`` times the size of the lower bound of the spectrum (at least the quantum of a
        harmonic well that fills the box), or below rounding of the largest energy where that is more; a
        :class:`~qml_dynamics.model.spectrum.ResidualWarning` says where not. Up to 512 points by dense diagonalisation; above by LOBPCG
        in real arithmetic, begun on coarser grids, with both diagonals as preconditioner: see `model/wells.py` for the sources.
        """
        d, s = self.coefficients(t)
        if d == 0:
            return lowest_points(s * self.zeta, count)
        return lowest(self, count, t, tol, self.well(d, s))

    def well(self, diffusion: float, strength: float) -> Well:
        """``diffusion * (-L) + strength * zeta`` on blocks of waves, as the search for levels needs it."""
        return Well(self.transform, diffusion, strength * self.zeta)

    @checks_arguments
    def ground_state(self, t: float = 0.0) -> tuple[float, np.ndarray]:
        """The lowest energy and its wave, shape ``domain.shape``, unit norm, largest entry positive."""
        energies, waves = self.lowest(1, t)
        return float(energies[0]), waves[0]


@printed_briefly
@dataclass(frozen=True, eq=False)
class PauliHamiltonian:
    """``H(t) = s(t) sum_j s_k(j)(t) c_j P_j``: a sum of Pauli strings, each times a schedule of its own, times one of all.

    Where all strings have the same schedule, the values of H at two times commute, so that ``exp(-i sum_j c_j P_j int s dt)`` is its
    evolution, whatever the schedule is.

    Attributes:
        domain: the register, a hypercube.
        terms: the sum of strings, without the schedules; no string twice.
        strength: the schedule s of all.
        duration: what the schedules are stretched over.
        drives: the schedules s_k; one that is 1 where strings have none.
        channel: for each string the number k of its schedule; empty: 0 for all.
    """

    domain: Domain
    terms: PauliSum
    strength: Schedule = Constant(1.0)
    duration: float = 1.0
    drives: tuple[Schedule, ...] = (Constant(1.0),)
    channel: tuple[int, ...] = ()

    @property
    def num_qubits(self) -> int:
        """Qubits of the register."""
        return self.terms.num_qubits

    @cached_property
    def schedules(self) -> tuple[Schedule, ...]:
        """``s(t) s_k(t)`` for each k."""
        return tuple(times(self.strength, drive) for drive in self.drives)

    @cached_property
    def channels(self) -> np.ndarray:
        """For each string the number of its schedule."""
        return np.array(self.channel or [0] * len(self.terms.coefficients))

    @cached_property
    def pieces(self) -> tuple[PauliSum, ...]:
        """The operators H_k, one a schedule."""
        return tuple(self.terms.part(self.channels == k) for k in range(len(self.drives)))

    @property
    def constant(self) -> bool:
        """Whether H does not depend on time."""
        return is_constant(*self.schedules)

    @property
    def commutes(self) -> bool:
        """Whether the values of H at all times are multiples of one operator: all strings have one schedule."""
        return len(self.drives) == 1

    @cached_property
    def knots(self) -> tuple[float, ...]:
        """Times of kinks and jumps at which steps of a product formula end: none where one operator acts for an integral."""
        return () if self.commutes else tuple(knots_of(self.schedules, self.duration))

    @property
    def moving(self) -> tuple[tuple[str, Schedule, float], ...]:
        """Name, schedule and half of the width of what it multiplies, for each schedule."""
        widths = (float(np.abs(piece.coefficients[(piece.x | piece.z) != 0]).sum()) for piece in self.pieces)
        if self.commutes:
            return (("strength", self.schedules[0], next(widths)),)
        return tuple(
            (f"schedule {describe(drive)}", schedule, width)
            for drive, schedule, width in zip(self.drives, self.schedules, widths)
        )

    def coefficients(self, t: float) -> tuple[float, ...]:
        """``s(t) s_k(t)`` for each k."""
        return tuple(schedule.value(t, self.duration) for schedule in self.schedules)

    def amounts(self, t0: float, t1: float) -> tuple[float, ...]:
        """Their integrals from ``t0`` to ``t1``: the times for which the operators H_k act."""
        return tuple(between(schedule, t0, t1, self.duration) for schedule in self.schedules)

    def at(self, t: float) -> PauliSum:
        """``H(t)``: the same strings in the same order, with what the schedules make of their coefficients."""
        return self.weighted(self.coefficients(t))

    def over(self, t0: float, t1: float) -> PauliSum:
        """The integral of H from ``t0`` to ``t1``, the same strings in the same order."""
        return self.weighted(self.amounts(t0, t1))

    def weighted(self, weights: Sequence[float]) -> PauliSum:
        """``sum_k weights_k H_k``, the same strings in the same order."""
        terms = self.terms
        return PauliSum(terms.num_qubits, terms.x, terms.z, np.asarray(weights)[self.channels] * terms.coefficients)

    def factor(self, t: float) -> float:
        """``s(t)``, where all strings have one schedule."""
        return self._one().value(t, self.duration)

    def factors(self, times: Sequence[float] | np.ndarray) -> np.ndarray:
        """``s(t)`` at some times, shape ``(len(times),)``, where all strings have one schedule."""
        return np.array([self.factor(float(t)) for t in times])

    def amount(self, t0: float, t1: float) -> float:
        """The integral of s from ``t0`` to ``t1``: the time for which the sum of strings acts, where all have one schedule."""
        return self._one().integral(t0, t1, self.duration)

    @property
    def still(self) -> PauliHamiltonian:
        """The sum of strings alone, ``s = 1``, where all have one schedule."""
        self._one()
        return PauliHamiltonian(self.domain, self.terms)

    def _one(self) -> Schedule:
        if not self.commutes:
            raise MethodError(
                "Argument `problem` must have one schedule for all terms of its operator here, but has several."
            )
        return self.schedules[0]

    def apply(self, psi: np.ndarray, t: float = 0.0) -> np.ndarray:
        """``H(t) psi``; ``psi`` is not changed."""
        return self.combine(psi, *self.coefficients(t))

    def combine(self, psi: np.ndarray, *weights: float) -> np.ndarray:
        """``sum_k weights_k H_k psi``, complex."""
        out: np.ndarray | None = None
        for weight, piece in zip(weights, self.pieces):
            if weight or out is None:
                part = piece.apply(psi)
                part = part if weight == 1.0 else weight * part
                out = part if out is None else out + part
        assert out is not None
        return out

    def expectation(self, psi: np.ndarray, t: float = 0.0) -> float:
        """``<psi|H(t)|psi> / <psi|psi>``."""
        return float((np.vdot(psi, self.apply(psi, t)) / np.vdot(psi, psi)).real)

    def bounds(self, t: float = 0.0) -> tuple[float, float]:
        """A lower and an upper bound of the spectrum."""
        bound = self.at(t).bound()
        return -bound, bound

    def matrix(self, t: float = 0.0) -> np.ndarray:
        """The dense matrix."""
        out: np.ndarray = sum(c * piece.matrix() for c, piece in zip(self.coefficients(t), self.pieces))  # type: ignore[assignment]
        return out

    def lowest(self, count: int = 1, t: float = 0.0, tol: float = 1e-10) -> tuple[np.ndarray, np.ndarray]:
        """The lowest ``count`` energies, ascending, and their waves, shape ``(count, *domain.shape)``."""
        return lowest(self, count, t, tol)

    def ground_state(self, t: float = 0.0) -> tuple[float, np.ndarray]:
        """The lowest energy and its wave."""
        energies, waves = self.lowest(1, t)
        return float(energies[0]), waves[0]


Hamiltonian = LearningHamiltonian | PauliHamiltonian


def energy_scale(h: Hamiltonian, energy: float, t: float) -> float:
    """What an energy of a wave at time ``t`` is small or large beside, in its own unit and whatever constant is added to a loss.

    Of a loss how far the energy lies above the lower bound of the spectrum, of strings the sum of their coefficients; not less than
    rounding of the largest energy shows in a standard deviation of the energy, once that is a millionth of the scale.

    >>> from qml_dynamics import Grid
    >>> well = Problem(Grid((-4, 4), 4), lambda w: w[:, 0] ** 2 - 7.0, 0.5, clock="real", duration=1.0)
    >>> round(energy_scale(hamiltonian(well), -6.5, 0.0), 3)
    0.5
    """
    low, high = h.bounds(t)
    if isinstance(h, PauliHamiltonian):
        return high
    return max(energy - low, 1e-8 * max(abs(low), abs(high)))


@checks_arguments
def hamiltonian(problem: Problem, workers: int | None = None) -> Hamiltonian:
    """The Hamiltonian of a problem; evaluates the loss on the whole domain.

    >>> from qml_dynamics import Grid
    >>> from qml_dynamics.model.problem import Problem
    >>> oscillator = Problem(Grid((-6, 6), 6), lambda w: w[:, 0] ** 2 / 2, 0.5, clock="real", duration=1.0)
    >>> round(hamiltonian(oscillator).ground_state()[0], 6)
    0.5
    """
    if isinstance(problem.operator, OperatorSum):
        terms, channel, drives = problem.operator.strings()
        return PauliHamiltonian(problem.domain, terms, problem.strength, problem.duration, drives, channel)
    if problem.operator is not None:
        return PauliHamiltonian(problem.domain, problem.operator, problem.strength, problem.duration)
    assert problem.objective is not None  # Problem refuses anything else
    check_memory(16 * problem.domain.size, f"A Hamiltonian on {problem.domain.num_qubits} qubits")
    zeta = loss_table(problem)
    return LearningHamiltonian(
        problem.domain, zeta, problem.diffusion, problem.strength, problem.duration, workers, problem.objective
    )
