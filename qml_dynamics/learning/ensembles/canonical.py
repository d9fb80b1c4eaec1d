"""Free energy ``F(q) = -log(Z) / beta`` of hidden neurons in equilibrium at given weights, as a phase field over weight space.

``Z(beta, q) = int dx exp(-beta H(x, q))``, ``F = -log(Z) / beta``. Gaussian neurons have a closed form, in which the free energy
is a log-determinant (an information volume); binary neurons are enumerated up to 20 and sampled above, by annealed
importance sampling (Neal, Stat. Comput. 11, 125, 2001, arXiv:physics/9803008), whose estimate of Z has no bias.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...base.arguments import checks_arguments
from ...base.errors import ProblemError, check_memory, describe, integer, real, require
from ...base.estimate import Estimate
from ...base.printing import printed_briefly
from ...model.domains import Grid
from ...model.objectives.base import Objective
from ...model.objectives.tables import from_table

ENUMERATED = 20
Field = Callable[[np.ndarray], np.ndarray]


@printed_briefly
@dataclass(frozen=True, eq=False)
class PhaseField:
    """A free energy over a weight grid.

    Attributes:
        domain: the grid.
        free_energy: shape ``domain.shape``.
        gradient: shape ``(ndim, *domain.shape)``.
    """

    domain: Grid
    free_energy: np.ndarray
    gradient: np.ndarray


@printed_briefly
@dataclass(frozen=True, eq=False)
class GaussianNeurons:
    """``H(x, q) = x^T A(q) x / 2 - b(q)^T x`` over real neuron states ``x``.

    ``F = log det A / (2 beta) - b^T A^-1 b / 2 - N / (2 beta) log(2 pi / beta)``.

    Args:
        precision: A, a function ``(m, ndim) -> (m, N, N)``, symmetric and positive definite.
        drive: b, a function ``(m, ndim) -> (m, N)``, or None.
        beta: inverse temperature.

    >>> neurons = GaussianNeurons(lambda q: np.exp(q[:, :1, None]) * np.eye(2), beta=2.0)
    >>> neurons.free_energy(np.array([[0.0], [1.0]])).round(6).tolist()     # differs by N q / (2 beta)
    [-0.572365, -0.072365]
    """

    precision: Field
    drive: Field | None = None
    beta: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "beta", real(self.beta, "beta", positive=True))

    def free_energy(self, points: np.ndarray) -> np.ndarray:
        """F at points ``(m, ndim)``, shape ``(m,)``; raises :class:`ProblemError` where A is not positive definite."""
        A = np.asarray(self.precision(points), dtype=float)
        ok = A.ndim == 3 and A.shape[0] == len(points) and A.shape[1] == A.shape[2]
        require(ok, "precision", "return shape (m, N, N)", f"of shape {A.shape}")
        even = bool(np.isfinite(A).all()) and np.allclose(A, A.swapaxes(1, 2), rtol=1e-10, atol=1e-12 * np.abs(A).max())
        require(even, "precision", "return finite symmetric matrices", describe(A))
        try:
            lower = np.linalg.cholesky(A)
        except np.linalg.LinAlgError:
            raise ProblemError(
                "Argument `precision` must be positive definite everywhere: elsewhere Z is infinite."
            ) from None
        n = A.shape[1]
        log_det = 2 * np.log(np.einsum("mii->mi", lower)).sum(axis=1)
        value: np.ndarray = log_det / (2 * self.beta) - n / (2 * self.beta) * math.log(2 * math.pi / self.beta)
        if self.drive is not None:
            b = np.asarray(self.drive(points), dtype=float)
            fits = b.shape == A.shape[:2] and bool(np.isfinite(b).all())
            require(fits, "drive", "return finite numbers of shape (m, N)", f"of shape {b.shape}")
            value = value - 0.5 * np.einsum("mi,mi->m", b, np.linalg.solve(A, b[..., None])[..., 0])
        return value

    def log_volume(self, points: np.ndarray) -> np.ndarray:
        """``log det(A) / 2``: with ``A = W^T W`` the log-volume of the layer W, and beta F up to a constant."""
        out: np.ndarray = 0.5 * np.linalg.slogdet(np.asarray(self.precision(points), dtype=float))[1]
        return out

    def field(self, domain: Grid) -> PhaseField:
        """F and its gradient over a grid."""
        return _field(self.free_energy, domain)


@printed_briefly
@dataclass(frozen=True, eq=False)
class BinaryNeurons:
    """``H(x, q) = sum_i e_i(q) x_i + sum_{i<j} J_ij(q) x_i x_j`` over ``x_i`` in {0, 1}.

    Args:
        energies: e, a function ``(m, ndim) -> (m, N)``.
        couplings: J, a function ``(m, ndim) -> (m, N, N)`` of which the upper triangle is read, or None.
        beta: inverse temperature.
        samples: independent annealing runs a point, where N is above 20.
        sweeps: temperatures of a run.
        seed: of the sampling.

    >>> neurons = BinaryNeurons(lambda q: np.repeat(q, 3, axis=1), beta=2.0)
    >>> print(neurons.free_energy(np.array([[0.4]]))[0])         # -(N / beta) log(1 + exp(-beta e))
    -0.556651
    """

    energies: Field
    couplings: Field | None = None
    beta: float = 1.0
    samples: int = 400
    sweeps: int = 60
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "beta", real(self.beta, "beta", positive=True))
        integer(self.samples, "samples", 2, 10**7)
        integer(self.sweeps, "sweeps", 2, 10**6)
        integer(self.seed, "seed", 0, 2**63 - 1)

    def _terms(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        e = np.asarray(self.energies(points), dtype=float)
        ok = e.ndim == 2 and len(e) == len(points) and bool(np.isfinite(e).all())
        require(ok, "energies", "return finite numbers of shape (m, N)", describe(e))
        if self.couplings is None:
            return e, None
        J = np.asarray(self.couplings(points), dtype=float)
        require(J.shape == (*e.shape, e.shape[1]), "couplings", "return shape (m, N, N)", f"of shape {J.shape}")
        return e, np.triu(J, 1)

    def free_energy(self, points: np.ndarray) -> Estimate:
        """F at points ``(m, ndim)``: values ``(m,)``, exact (stderr 0) up to 20 neurons, sampled above."""
        points = np.atleast_2d(np.asarray(points, dtype=float))
        e, J = self._terms(points)
        if J is None:
            return Estimate(-np.logaddexp(0.0, -self.beta * e).sum(axis=1) / self.beta, np.zeros(len(e)))
        if e.shape[1] <= ENUMERATED:
            return Estimate(np.array([self._enumerated(a, b) for a, b in zip(e, J)]), np.zeros(len(e)))
        rng = np.random.default_rng(self.seed)
        pairs = [self._annealed(a, b + b.T, rng) for a, b in zip(e, J)]
        return Estimate(np.array([v for v, _ in pairs]), np.array([s for _, s in pairs]), self.samples)

    def _enumerated(self, e: np.ndarray, J: np.ndarray) -> float:
        """``log Z`` over all states; each neuron doubles the energies so far, so no table of states is needed."""
        from scipy.special import logsumexp

        check_memory(64 << len(e), f"The states of {len(e)} neurons")
        energies = np.zeros(1)
        for i in range(len(e)):
            added = np.full(1, e[i])
            for k in range(i):
                added = np.concatenate([added, added + J[k, i]])
            energies = np.concatenate([energies, energies + added])
        return float(-logsumexp(-self.beta * energies) / self.beta)

    def _annealed(self, e: np.ndarray, J: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
        """``log Z`` by annealing all neurons from free ones: weights are the exponentials of the work along the way."""
        from scipy.special import logsumexp

        n, betas = len(e), np.linspace(0.0, self.beta, self.sweeps + 1)
        x = (rng.random((self.samples, n)) < 0.5).astype(float)
        log_weight = np.full(self.samples, n * math.log(2.0))
        for low, high in zip(betas[:-1], betas[1:]):
            energy = x @ e + 0.5 * ((x @ J) * x).sum(axis=1)
            log_weight -= (high - low) * energy
            for i in rng.permutation(n):
                up = e[i] + x @ J[i]
                x[:, i] = rng.random(self.samples) < 1 / (1 + np.exp(np.clip(high * up, -700, 700)))
        log_z = float(logsumexp(log_weight) - math.log(self.samples))
        share = np.exp(log_weight - log_z)  # mean 1
        return -log_z / self.beta, float(share.std(ddof=1) / math.sqrt(self.samples)) / self.beta

    def field(self, domain: Grid) -> PhaseField:
        """F and its gradient over a grid; up to 20 neurons (above, the noise of sampling has no gradient)."""
        e, J = self._terms(domain.points_at(np.arange(1)))
        small = J is None or e.shape[1] <= ENUMERATED
        require(small, "energies", f"be of at most {ENUMERATED} coupled neurons for a field", f"of {e.shape[1]}")
        return _field(lambda points: np.asarray(self.free_energy(points).value), domain)


def _field(free_energy: Field, domain: Grid) -> PhaseField:
    require(isinstance(domain, Grid), "domain", "be a Grid", domain)
    loss = Objective(lambda points: free_energy(points), "free energy")
    gradient = loss.gradient(domain.points, domain.spacing).T.reshape(domain.ndim, *domain.shape)
    return PhaseField(domain, loss.on(domain), gradient)


@checks_arguments
def as_potential(field: PhaseField, name: str = "free energy") -> Any:
    """A phase field as an objective on its own grid (see :func:`qml_dynamics.objectives.from_table`)."""
    table = from_table(field.free_energy, field.domain)
    return Objective(table.fn, name, spec=table.spec, domain=field.domain)
