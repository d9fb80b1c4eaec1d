"""The equation of motion of the parameters: one `Point` is one evaluation of metric, force and solve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....model.hamiltonians import Hamiltonian
from ..options import Cutoff
from .gates import Program
from .linear import Solution, Solver, solve
from .tangent import Engine, Tangents

_CANCELS = 1e-8  # below this share of the variance the quadratic form for r^2 has lost its digits


@dataclass(frozen=True, eq=False)
class Point:
    """A point on a trajectory.

    Attributes:
        time, theta, energy: where it is.
        variance: of the energy; the squared speed of the exact flow.
        psi: the wave, flat, complex; a copy.
        metric, force: the linear system.
        solution: ``theta'`` and the facts of the solve.
        residual: r of ``theta'``: the norm of ``sum theta'_i d_i psi - v``.
    """

    time: float
    theta: np.ndarray
    energy: float
    variance: float
    psi: np.ndarray
    metric: np.ndarray
    force: np.ndarray
    solution: Solution
    residual: float

    @property
    def velocity(self) -> np.ndarray:
        """``theta'``."""
        return self.solution.velocity

    @property
    def sigma(self) -> float:
        """Standard deviation of the energy."""
        return float(np.sqrt(max(self.variance, 0.0)))


class Flow:
    """Evaluates ``theta'(t, theta)`` on one clock.

    Args:
        program: the ansatz.
        h: the Hamiltonian.
        imaginary: whether ``v = -(H - E) psi``; otherwise ``v = -i (H - E) psi``.
        regularisation: as in `linear.solve`.

    Attributes:
        evaluations: of the metric, so far.
        used: every ansatz so far, the first one first; the last is the one of now.
        bounded: whether steps look at the residual along their path; not needed once the bound of the angle says nothing.
    """

    def __init__(
        self, program: Program, h: Hamiltonian, imaginary: bool, regularisation: float | Cutoff | Solver | None
    ) -> None:
        self.h, self.imaginary, self.regularisation = h, imaginary, regularisation
        self.evaluations = 0
        self.bounded = True
        self.used: list[Program] = []
        self.use(program)

    def use(self, program: Program) -> None:
        """Go on with another ansatz (which has grown)."""
        self.program, self.engine = program, Engine(program)
        if not any(program is one for one in self.used):
            self.used.append(program)

    def _geometry(self, t: float, theta: np.ndarray) -> tuple[Tangents, float]:
        energy = self._stand(t, theta)
        return self.engine.geometry(self.velocity), energy

    def _stand(self, t: float, theta: np.ndarray) -> float:
        """Wave, tangent vectors and velocity at a point; returns the energy."""
        psi = self.engine.forward(theta)
        h_psi = self.h.apply(psi.reshape(self.h.domain.shape), t).reshape(-1)
        energy = float(np.vdot(psi, h_psi).real)
        h_psi -= energy * psi
        h_psi *= -1.0 if self.imaginary else -1j
        self.velocity = h_psi
        self.evaluations += 1
        return energy

    def at(self, t: float, theta: np.ndarray) -> Point:
        """Metric, force, solution and residual at a point; the engine stays there until the next call."""
        tangents, energy = self._geometry(t, theta)
        solution = solve(tangents.metric, tangents.force, self.regularisation, tangents.speed2)
        x, variance = solution.velocity, tangents.speed2
        square = float(x @ tangents.metric @ x - 2 * tangents.force @ x) + variance
        if square < _CANCELS * variance:
            square = float(np.linalg.norm(self.miss(x)[0])) ** 2
        psi = np.array(tangents.psi, dtype=complex)
        residual = float(np.sqrt(max(square, 0.0)))
        return Point(t, theta, energy, variance, psi, tangents.metric, tangents.force, solution, residual)

    def miss(self, theta_dot: np.ndarray) -> tuple[np.ndarray, float]:
        """``sum theta'_i d_i psi - v`` (off the wave) for any ``theta'``, where the engine stands; and ``Im <psi|d_t psi>``."""
        if not len(theta_dot):
            return -self.velocity, 0.0
        moved, turning = self.engine.push_forward(theta_dot)
        return moved - self.velocity, turning

    def miss_at(self, t: float, theta: np.ndarray, theta_dot: np.ndarray) -> tuple[np.ndarray, float]:
        """:meth:`miss` at another point; no Gram matrix is made."""
        self._stand(t, theta)
        return self.miss(theta_dot)
