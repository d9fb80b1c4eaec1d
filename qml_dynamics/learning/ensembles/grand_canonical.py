"""Neurons exchanged with a reservoir: grand potential, mean number, and the sigmoid as the occupation of a neuron.

``Xi = sum_N exp(beta mu_c N) Z_N``, ``Omega = -log(Xi) / beta``, ``<N> = -dOmega / dmu_c``. For binary neurons of activation
energies ``e_i`` the occupation is ``sigmoid(-beta (e_i - mu_c))``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import synthesis
from ...base.arguments import checks_arguments
from ...base.errors import ProblemError, describe, integer, real, require
from ...base.numeric import Array
from ...base.options import handed
from ...base.printing import printed_briefly
from ...model.axes import need_binary
from ...model.domains import Grid, Hypercube
from ...model.initial import State
from ...model.objectives.base import Objective
from ...model.problem import Problem
from .answers import numbers

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


@printed_briefly
@dataclass(frozen=True, eq=False)
class GrandCanonical:
    """Binary neurons at inverse temperature ``beta`` and chemical potential ``mu_c``.

    Args:
        energies: activation energies, one a neuron, shape ``(N,)``; or a :class:`Grid`, over whose points the energy of
            every one of ``neurons`` neurons is ``activation``.
        beta: inverse temperature, positive.
        mu_c: chemical potential.
        activation: with a grid: an objective or a function of points.
        neurons: with a grid: how many neurons there are.

    Raises:
        ProblemError: energies not finite, or a grid without activation and number.

    >>> ensemble = GrandCanonical([0.4] * 6, beta=2.0, mu_c=-1.0)
    >>> round(ensemble.mean_number, 6), round(ensemble.grand_potential, 6)
    (0.343945, -0.177098)
    """

    energies: Any
    beta: float
    mu_c: float
    activation: Any = field(default=None, kw_only=True)
    neurons: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "beta", real(self.beta, "beta", positive=True))
        object.__setattr__(self, "mu_c", real(self.mu_c, "mu_c"))
        if isinstance(self.energies, Grid):
            require(callable(self.activation), "activation", "be a function of points on a grid", self.activation)
            count = integer(self.neurons, "neurons", 1, 1 << 20)
            object.__setattr__(self, "neurons", count)
            return
        given = self.activation is None and self.neurons is None
        require(given, "activation", "be absent (with `neurons`) where energies are numbers", self.activation)
        e = numbers(self.energies)
        ok = e.ndim == 1 and e.size > 0 and bool(np.isfinite(e).all())
        require(ok, "energies", "be finite numbers, one a neuron, or a Grid", describe(self.energies))
        e.flags.writeable = False
        object.__setattr__(self, "energies", e)

    @property
    def domain(self) -> Grid | None:
        """The weight grid, or None where energies are numbers."""
        return self.energies if isinstance(self.energies, Grid) else None

    def _costs(self) -> np.ndarray:
        """``e - mu_c``: one a neuron, or over the grid."""
        if self.domain is None:
            out: np.ndarray = self.energies - self.mu_c
            return out
        loss = self.activation if isinstance(self.activation, Objective) else Objective(self.activation, "activation")
        return loss.on(self.domain) - self.mu_c

    def _exponents(self) -> np.ndarray:
        """``beta (e - mu_c)``, infinite where it leaves the range of floating-point numbers."""
        with np.errstate(over="ignore"):
            return self.beta * self._costs()

    @property
    def occupation(self) -> np.ndarray:
        """``sigmoid(-beta (e - mu_c))``: of each neuron, shape ``(N,)``, or of any one of them over the grid."""
        from scipy.special import expit

        out: np.ndarray = expit(-self._exponents())
        return out

    @property
    def mean_number(self) -> Any:
        """``<N>``: a number, or an array over the grid."""
        if self.domain is None:
            return float(self.occupation.sum())
        return self.neurons * self.occupation

    @property
    def grand_potential(self) -> Any:
        """``Omega = -(1 / beta) sum_i log(1 + exp(-beta (e_i - mu_c)))``: a number, or an array over the grid."""
        # the ground state of each neuron, and what temperature adds to it: nothing that could overflow
        terms = np.minimum(self._costs(), 0.0) - np.log1p(np.exp(-np.abs(self._exponents()))) / self.beta
        return float(terms.sum()) if self.domain is None else self.neurons * terms

    def problem(self) -> Problem:
        """The law as an evolution on the imaginary clock: a uniform start, no diffusion, duration ``beta / 2``.

        With numbers: on ``Hypercube(N, values=(0, 1))``; the density at the end is the grand-canonical law of the
        occupations, and ``Omega = -(2 log_norm + N log 2) / beta``. With a grid: one more axis for the number n of active
        neurons, 0 to ``neurons`` (one less than a power of two), coupled to the weights by ``n e(q)``; it starts with the
        amplitudes ``sqrt(binomial(N, n))``, the ways to choose n of N. At the end the density is proportional to
        ``binomial(N, n) exp(-beta n (e(q) - mu_c))``.
        """
        if self.domain is None:
            costs = self.energies - self.mu_c

            def energy(w: np.ndarray) -> np.ndarray:
                """``sum_i (e_i - mu_c) n_i`` of occupations ``n`` of shape ``(m, neurons)``."""
                out: np.ndarray = w @ costs
                return out

            cube = Hypercube(len(costs), values=(0.0, 1.0))
            return Problem(cube, energy, 0.0, clock="imaginary", duration=self.beta / 2)
        grid = self.number_grid()
        activation, mu_c, ndim = self.activation, self.mu_c, self.domain.ndim

        def coupled(w: np.ndarray) -> np.ndarray:
            """``n (E(w) - mu_c)`` of points ``(w, n)``: the last coordinate is the number of neurons."""
            return w[:, ndim] * (np.asarray(handed(activation, w[:, :ndim])) - mu_c)

        from scipy.special import comb

        ways = np.sqrt(comb(int(self.neurons or 0), np.arange(grid.shape[-1])))
        start = State(np.broadcast_to(ways, grid.shape))
        return Problem(grid, coupled, 0.0, clock="imaginary", initial=start, duration=self.beta / 2)

    def number_grid(self) -> Grid:
        """The weight grid with one more axis, 0 .. neurons, as the number register (the last axis: the lowest qubits)."""
        assert self.domain is not None
        count = int(self.neurons or 0)
        bits = count.bit_length()
        require(count + 1 == 1 << bits, "neurons", "be one less than a power of two for a number register", count)
        d = self.domain
        need_binary(d, "energies")
        require(d.boundary == "periodic" and not any(d.twist), "energies", "be a periodic grid without twist", d)
        return Grid([*d.bounds, (0.0, count + 1.0)], (*d.qubits, bits))

    def circuit(self) -> QuantumCircuit:
        """One RY a neuron (neuron i on qubit ``N - 1 - i``, as weight i of a hypercube): samples follow the law exactly.

        With a grid: the joint phase ``exp(-i t N e(q))`` is :func:`qml_dynamics.synthesis.ensembles.number_coupling`.
        """
        if self.domain is not None:
            raise ProblemError("Argument `energies` must be numbers for a circuit of occupations, but is a Grid.")
        return synthesis.ensembles.occupation_circuit(self.occupation)


@checks_arguments
def grand_potential(log_partitions: Array, beta: float, mu_c: float) -> tuple[float, float]:
    """``Omega`` and ``<N>`` from ``log Z_N`` of N = 0, 1, ..., in closed enumeration.

    Args:
        log_partitions: shape ``(N_max + 1,)``.
        beta: inverse temperature. mu_c: chemical potential.

    Raises:
        ProblemError: numbers that are not finite, or of another shape.

    >>> omega, number = grand_potential(np.log([1, 6, 15, 20, 15, 6, 1]) - 0.8 * np.arange(7), beta=2.0, mu_c=-1.0)
    >>> round(omega, 6), round(number, 6)          # six neurons of energy 0.4
    (-0.177098, 0.343945)
    """
    from scipy.special import logsumexp

    b, m = real(beta, "beta", positive=True), real(mu_c, "mu_c")
    logs = numbers(log_partitions)
    require(bool(np.isfinite(logs).all()), "log_partitions", "be finite", describe(logs))
    require(logs.ndim == 1 and logs.size > 0, "log_partitions", "be one number for each N", describe(logs))
    terms = logs + b * m * np.arange(logs.size)
    require(bool(np.isfinite(terms).all()), "beta", "leave beta mu_c N in the range of floats", beta)
    log_xi = float(logsumexp(terms))
    return -log_xi / b, float(np.exp(terms - log_xi) @ np.arange(logs.size))


@checks_arguments
def gaussian_number(beta: float, stiffness: float, mu_c: float) -> tuple[float, float]:
    """Fugacity z and ``<N> = z / (1 - z)`` of unbounded, distinguishable Gaussian neurons ``H = g x^2 / 2``.

    Raises:
        ProblemError: ``z >= 1``, where the number of neurons grows without end.

    >>> z, number = gaussian_number(2.0, 3.0, -1.0)
    >>> round(z, 6), round(number, 6)
    (0.138492, 0.160756)
    """
    b, g, m = real(beta, "beta", positive=True), real(stiffness, "stiffness", positive=True), real(mu_c, "mu_c")
    log_z = b * m + 0.5 * math.log(2 * math.pi / (b * g))
    must = "be below the price of a neuron (a fugacity below 1), else the number of neurons diverges"
    require(log_z < 0, "mu_c", must, m)
    z = math.exp(log_z)
    return z, z / -math.expm1(log_z)
