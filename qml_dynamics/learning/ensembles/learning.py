"""The functional of learning as a phase diagram in (D, gamma, mu): wave, classical flow or bridge, and the problem of each.

``A[p, F] = int sqrt(p) (-4 D d^2 + gamma d^2 F + mu F_t + mu gamma |grad F|^2 + mu V) sqrt(p)`` has Euler-Lagrange equations
that are Madelung's with ``m = 1 / (2 gamma)`` and ``hbar^2 = 4 D / (gamma mu) - 1 / mu^2`` once the phase is shifted to
``S = F - log(p) / (2 mu)``. The sign of ``4 D mu - gamma`` decides which clock it runs on. Derived here; compare Vanchurin,
Entropy 22, 1210 (2020), arXiv:2008.01540, and Katsnelson and Vanchurin, Found. Phys. 51, 94 (2021), arXiv:2012.05082.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...base.arguments import checks_arguments
from ...base.errors import ProblemError, describe, real, require
from ...base.numeric import Array
from ...base.printing import printed_briefly
from ...model.domains import Domain
from ...model.initial import Initial, Uniform
from ...model.objectives.base import LossLike
from ...model.problem import Problem

_BOUNDARY = 1e-12  # 4 D mu and gamma closer than this (relative) are equal: the difference is round-off


@dataclass(frozen=True)
class Learning:
    """The three numbers of a learning ensemble.

    Args:
        diffusion: D, the noise strength of ``dq = gamma grad F dt + sqrt(2 D) dW`` (weight^2 / time), not negative.
        mobility: gamma, positive (weight^2 / (free energy x time)).
        multiplier: mu, the multiplier of the free-energy constraint (1 / free energy), not 0.

    Raises:
        ProblemError: a number out of its range.

    >>> Learning(diffusion=0.3, mobility=0.8, multiplier=2.0).regime
    'quantum'
    >>> round(Learning(0.3, 0.8, 5.236068).hbar, 6)
    0.5
    """

    diffusion: float
    mobility: float
    multiplier: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "diffusion", real(self.diffusion, "diffusion", nonnegative=True))
        object.__setattr__(self, "mobility", real(self.mobility, "mobility", positive=True))
        mu = real(self.multiplier, "multiplier")
        require(mu != 0, "multiplier", "not be 0", mu)
        object.__setattr__(self, "multiplier", mu)
        require(math.isfinite(self.hbar_squared), "multiplier", "give an hbar^2 that is a finite number", mu)

    @property
    def excess(self) -> float:
        """``4 D mu - gamma``, 0 where the two are equal up to round-off: its sign is that of ``hbar^2``."""
        gap = 4 * self.diffusion * self.multiplier - self.mobility
        return 0.0 if abs(gap) <= _BOUNDARY * self.mobility else gap

    @property
    def hbar_squared(self) -> float:
        """``4 D / (gamma mu) - 1 / mu^2``: negative in the bridge regime."""
        return self.excess / self.mobility / self.multiplier / self.multiplier  # a square could overflow

    @property
    def regime(self) -> str:
        """``"quantum"`` (real hbar), ``"classical"`` (hbar = 0) or ``"bridge"`` (hbar^2 < 0)."""
        return "quantum" if self.excess > 0 else "bridge" if self.excess < 0 else "classical"

    @property
    def hbar(self) -> float:
        """Planck's constant; 0 in the classical regime.

        Raises:
            ProblemError: in the bridge regime, where ``hbar^2 < 0``: see :attr:`kappa`.
        """
        if self.excess < 0:
            raise ProblemError(
                f"Argument `multiplier` must be above gamma / (4 D) for a real hbar, but is {self.multiplier:g}: "
                "this is the bridge regime, see `kappa`."
            )
        return math.sqrt(self.hbar_squared)

    @property
    def kappa(self) -> float:
        """``sqrt(-hbar^2)``, the constant of the pair of heat equations; 0 in the classical regime.

        Raises:
            ProblemError: in the quantum regime, where hbar is real.
        """
        if self.excess > 0:
            raise ProblemError(
                f"Argument `multiplier` must be at most gamma / (4 D) for a bridge, but is {self.multiplier:g}: "
                "this is the quantum regime, see `hbar`."
            )
        return math.sqrt(-self.hbar_squared)

    @property
    def mass(self) -> float:
        """``1 / (2 gamma)``."""
        return 0.5 / self.mobility

    def phase(self, free_energy: np.ndarray, density: np.ndarray) -> np.ndarray:
        """``S = F - log(p) / (2 mu)``, arrays of one shape; ``p`` positive."""
        return np.asarray(free_energy) - _log(density) / (2 * self.multiplier)

    def free_energy(self, phase: np.ndarray, density: np.ndarray) -> np.ndarray:
        """``F = S + log(p) / (2 mu)``, the inverse of :meth:`phase`."""
        return np.asarray(phase) + _log(density) / (2 * self.multiplier)

    @checks_arguments
    def problem(self, domain: Domain, V: LossLike, *, duration: float, initial: Initial | None = None) -> Problem:
        """The problem that :func:`qml_dynamics.evolve` runs, in the units of the ensemble.

        Quantum: ``i hbar psi_t = -(hbar^2 / 2m) L psi + V psi`` on the real clock, that is ``diffusion = hbar gamma`` and
        ``strength = 1 / hbar``. Bridge: the forward factor ``kappa B_t = (kappa^2 / 2m) L B + V B`` on the imaginary clock,
        ``diffusion = kappa gamma`` and ``strength = -1 / kappa``; the backward one obeys the same equation in the time that
        is left, and :class:`qml_dynamics.ensembles.SchrodingerBridge` (or :func:`qml_dynamics.learning.ensembles.bridge`) joins both.
        Classical: ``S_t + gamma |grad S|^2 + V = 0`` on the classical clock, ``diffusion = gamma`` and ``strength = 1``; the
        phase of the initial wave is S itself, and :class:`qml_dynamics.ensembles.HamiltonJacobi` or, as circuits,
        :class:`qml_dynamics.ensembles.KoopmanVonNeumann` runs it.

        Args:
            domain: the weight space.
            V: the potential (minus the time-averaged production of free energy), an objective or a function of points.
            duration: total time.
            initial: the initial wave ``sqrt(p) exp(i S / hbar)`` (classical: ``sqrt(p) exp(i S)``); uniform when None.

        Raises:
            ProblemError: an argument does not fit; at the classical point also a domain that is no grid, or has a twist.

        >>> from qml_dynamics import Grid
        >>> [Learning(0.25, 1.0, mu).problem(Grid((-1, 1), 3), lambda w: w[:, 0], duration=1.0).clock for mu in (0.5, 1, 2)]
        ['imaginary', 'classical', 'real']
        """
        start = Uniform() if initial is None else initial
        if self.regime == "classical":
            return Problem(domain, V, self.mobility, 1.0, clock="classical", initial=start, duration=duration)
        if self.regime == "quantum":
            unit, sign, clock = self.hbar, 1.0, "real"
        else:
            unit, sign, clock = self.kappa, -1.0, "imaginary"
        return Problem(domain, V, unit * self.mobility, sign / unit, clock=clock, initial=start, duration=duration)


def _log(density: Array) -> np.ndarray:
    p = np.asarray(density, dtype=float)
    require(
        bool(np.isfinite(p).all() and (p > 0).all()),
        "density",
        "be positive: where it is 0 no phase exists",
        describe(p),
    )
    out: np.ndarray = np.log(p)
    return out


@checks_arguments
def multipliers(hbar: float, diffusion: float, mobility: float) -> tuple[float, float]:
    """The two multipliers mu, ascending, for which ``4 D / (gamma mu) - 1 / mu^2 = hbar^2``.

    With ``u = 1 / mu``: ``u = 2 D / gamma (1 +- sqrt(1 - (gamma hbar / 2 D)^2))``.

    Raises:
        ProblemError: hbar is not positive, or above :func:`hbar_max`, where no multiplier exists.

    >>> [round(mu, 6) for mu in multipliers(0.5, diffusion=0.3, mobility=0.8)]
    [0.763932, 5.236068]
    """
    h = real(hbar, "hbar", positive=True)
    top = hbar_max(diffusion, mobility)
    must = f"be at most 2 D / gamma = {top:g} (a chemical potential of at most 4 pi D / gamma = {2 * math.pi * top:g})"
    require(h <= top * (1 + 1e-15), "hbar", must, h)
    large = top * (1 + math.sqrt(max(0.0, (1 - h / top) * (1 + h / top))))
    high = large / h / h  # the small root as hbar^2 / large: no cancellation
    require(math.isfinite(high), "hbar", "be large enough for a finite multiplier", h)
    return 1 / large, high


@checks_arguments
def hbar_max(diffusion: float, mobility: float) -> float:
    """The largest hbar that any multiplier gives: ``2 D / gamma``, at ``mu = gamma / (2 D)``.

    >>> round(hbar_max(0.3, 0.8), 12)
    0.75
    """
    return 2 * real(diffusion, "diffusion", positive=True) / real(mobility, "mobility", positive=True)


@checks_arguments
def hbar_from_chemical_potential(mu_c: float) -> float:
    """``|mu_c| / 2 pi``: the exchange of whole neurons shifts the free energy by multiples of ``mu_c``, and
    ``exp(i F / hbar)`` must not see it (Katsnelson and Vanchurin, arXiv:2012.05082; the formula is derived here).

    Raises:
        ProblemError: for ``mu_c = 0``: the free energy is then single valued, and sets no hbar.

    >>> round(hbar_from_chemical_potential(-6.283185307179586), 12)
    1.0
    """
    value = real(mu_c, "mu_c")
    require(value != 0, "mu_c", "not be 0 (without an exchange price nothing quantises the free energy)", value)
    return abs(value) / (2 * math.pi)


@printed_briefly
@dataclass(frozen=True, eq=False)
class PhaseDiagram:
    """The three regimes over (multiplier, diffusion) at one mobility.

    Attributes:
        multipliers: shape ``(a,)``. diffusions: shape ``(b,)``. mobility: gamma.
        hbar_squared: shape ``(b, a)``.
        regime: -1 bridge, 0 classical, 1 quantum, shape ``(b, a)``.
        boundary: ``gamma / (4 mu)``, the diffusion at which hbar is 0, shape ``(a,)``.
    """

    multipliers: np.ndarray
    diffusions: np.ndarray
    mobility: float
    hbar_squared: np.ndarray
    regime: np.ndarray
    boundary: np.ndarray


@checks_arguments
def phase_diagram(multipliers: Array, diffusions: Array, mobility: float) -> PhaseDiagram:
    """The sign of ``4 D mu - gamma`` and ``hbar^2`` over a rectangle.

    >>> phase_diagram([1.0, 2.0], [0.1, 0.25], mobility=1.0).regime.tolist()
    [[-1, -1], [0, 1]]
    """
    mus = [real(m, "multipliers") for m in np.atleast_1d(np.asarray(multipliers, object))]
    ds = [real(d, "diffusions", nonnegative=True) for d in np.atleast_1d(np.asarray(diffusions, object))]
    points = [[Learning(d, mobility, mu) for mu in mus] for d in ds]
    squared = np.array([[point.hbar_squared for point in row] for row in points])
    regime = np.array([[int(np.sign(point.excess)) for point in row] for row in points])
    boundary = real(mobility, "mobility", positive=True) / (4 * np.array(mus))
    return PhaseDiagram(np.array(mus), np.array(ds), float(mobility), squared, regime, boundary)
