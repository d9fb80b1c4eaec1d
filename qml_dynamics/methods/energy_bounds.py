"""Bounds on the ground energy that follow from one wave: Weinstein's, Temple's, and the residual of a Krylov space.

With ``E = <H>`` and ``sigma^2 = <H^2> - E^2`` of a wave, and eigenvalues ``E_0 <= E_1 <= ...``:

- the Ritz principle: ``E_0 <= E``;
- Weinstein (PNAS 20, 529, 1934, doi:10.1073/pnas.20.9.529): SOME eigenvalue lies within sigma of E. It need not be the lowest;
- Temple (Proc. R. Soc. A 119, 276, 1928, doi:10.1098/rspa.1928.0118): ``E_0 >= E - sigma^2 / (mu - E)`` for any ``mu <= E_1`` above E. It
  holds only where such a mu is known;
- a Krylov space of the wave: its lowest Ritz value theta, with residual r of its vector, has an eigenvalue in ``[theta - r, theta + r]``,
  and ``E_0 <= theta``. If that eigenvalue is ``E_0``, then ``E - E_0 <= E - (theta - r)``. The condition fails where symmetry
  keeps the wave from the ground state, so that a second space is built from a random vector, and the lower of the two is believed.
  See Saad, Numerical Methods for Large Eigenvalue Problems (SIAM, 2011), section 3.2.

Every bound is cut at the bounds of the spectrum, ``c_I -+ sum |c_j|`` of a sum of strings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from ..base.arguments import checks_arguments
from ..base.errors import MethodError, check_memory, integer, real, require
from ..base.printing import printed_briefly
from ..model.hamiltonians import Hamiltonian, PauliHamiltonian, energy_scale, hamiltonian
from ..model.initial import State
from ..model.problem import Problem
from .krylov import KrylovSpace, krylov_space

CONDITION = "if the eigenvalue nearest to the Ritz value is the ground energy"
DENSE = 64  # points up to which a matrix is quicker than its strings
_ROUNDING = 1e-12  # of the energy's scale
_FIRST = 10  # vectors of the first look at the residual; then twice as many
_SMALL = 0.02  # of the distance of the energy to the Ritz value: a residual as small as that is good enough


@printed_briefly
@dataclass(frozen=True)
class GroundBounds:
    """What one wave tells of the ground energy.

    Attributes:
        energy, sigma: mean and standard deviation of the energy in the wave.
        spectrum: bounds of the whole spectrum, which hold always.
        ritz: the lowest Ritz value; the ground energy is not above it.
        residual: ``|H v - theta v|`` of the Ritz vector on which ``lower`` rests.
        lower: the Krylov bound from below, conditional: see :attr:`condition`.
        vectors: of the Krylov space of the wave.
        temple: Temple's bound from below; None where no lower bound of the second eigenvalue was given.
        condition: what ``lower`` and ``above_ground`` hang on.

    >>> GroundBounds(-0.9, 0.1, (-2.0, 2.0), -1.0, 0.01, -1.01, 10).above_ground
    0.11
    """

    energy: float
    sigma: float
    spectrum: tuple[float, float]
    ritz: float
    residual: float
    lower: float
    vectors: int
    temple: float | None = None
    condition: str = CONDITION

    @property
    def weinstein(self) -> tuple[float, float]:
        """An interval that holds an eigenvalue, not necessarily the lowest."""
        low, high = self.spectrum
        return max(low, self.energy - self.sigma), min(high, self.energy + self.sigma)

    @property
    def above_ground(self) -> float:
        """Upper bound of ``E - E_0`` by the Krylov space, conditional: see :attr:`condition`."""
        return round(self.energy - self.lower, 15)

    @property
    def known_above(self) -> float:
        """Lower bound of ``E - E_0``, which holds always: the distance to the Ritz value."""
        return max(0.0, self.energy - self.ritz)

    def as_data(self) -> dict[str, object]:
        """The bounds as plain data, as diagnostics hold them."""
        out: dict[str, object] = {f.name: getattr(self, f.name) for f in fields(self)}
        out["spectrum"], out["weinstein"] = list(self.spectrum), list(self.weinstein)
        return {**out, "above_ground": self.above_ground, "known_above": self.known_above}

    @property
    def sentences(self) -> tuple[str, ...]:
        """A sentence a bound, each with what it hangs on."""
        low, high = self.weinstein
        found = (
            f"energy {self.energy:.6g}",
            f"an eigenvalue, not necessarily the lowest, lies in [{low:.6g}, {high:.6g}] (Weinstein)",
            f"at least {self.known_above:.2g} above the ground energy",
            f"at most {self.above_ground:.2g} above it {self.condition} (Krylov)",
        )
        return found if self.temple is None else (*found, f"the ground energy is at least {self.temple:.6g} (Temple)")

    def __str__(self) -> str:
        return ";\n".join(self.sentences)


@checks_arguments
def ground_bounds(
    problem: Problem,
    wave: npt.ArrayLike,
    *,
    second: float | None = None,
    time: float | None = None,
    vectors: int = 80,
) -> GroundBounds:
    """Bounds on the ground energy of ``H(t)`` from a wave.

    Args:
        problem: the problem.
        wave: amplitudes, flat or of shape ``domain.shape``; the last wave of a run is ``run.states[-1]``.
        second: a lower bound of the second eigenvalue, above the energy of the wave, for Temple's bound.
        time: at which H is taken; None: the end.
        vectors: of a Krylov space at most; fewer where the residual is small before.

    Raises:
        MethodError: an argument is out of its range, or there is too little memory for the Krylov space.
        ProblemError: the wave does not fit the domain.

    >>> chain = Problem.from_operator({"ZZ": -1.0, "XI": -0.5, "IX": -0.5}, clock="imaginary", duration=1.0)
    >>> found = ground_bounds(chain, [0.6, 0.1, 0.1, 0.6])
    >>> exact = float(np.linalg.eigvalsh(chain.operator.matrix())[0])
    >>> found.known_above <= found.energy - exact + 1e-9, found.energy - exact <= found.above_ground
    (True, True)
    >>> found.temple is None, ground_bounds(chain, [0.6, 0.1, 0.1, 0.6], second=-1.0).temple < exact
    (True, True)
    """
    vectors = integer(vectors, "vectors", 2, 400, MethodError)
    at = problem.duration if time is None else real(time, "time", nonnegative=True, error=MethodError)
    require(at <= problem.duration, "time", f"be at most the duration, {problem.duration:g}", time, MethodError)
    size = problem.domain.size
    check_memory(16 * size * (min(vectors, size) + 6), f"A Krylov space on {problem.domain.num_qubits} qubits")
    return bounds_of(hamiltonian(problem), State(wave).vector(problem.domain), at, vectors, second)


def bounds_of(h: Hamiltonian, wave: np.ndarray, t: float, vectors: int, second: float | None = None) -> GroundBounds:
    """:func:`ground_bounds` for a Hamiltonian, which is not checked."""
    act, low, high = action(h, t), *spectrum(h, t)
    psi = np.asarray(wave, dtype=complex).reshape(-1)
    psi = psi / np.linalg.norm(psi)
    moved = act(psi)
    energy = float(np.vdot(psi, moved).real)
    sigma = float(np.linalg.norm(moved - energy * psi))
    (own, miss, used), (other, other_miss, _) = _from(act, psi, energy, vectors), _at_random(act, psi.size, vectors)
    ritz = min(own, other)
    near = [(theta, r) for theta, r in ((own, miss), (other, other_miss)) if theta - r <= ritz]
    theta, residual = max(near, key=lambda pair: pair[0] - pair[1])
    rounding = _ROUNDING * max(abs(theta), energy_scale(h, energy, t))
    lower = max(theta - residual - rounding, low)
    return GroundBounds(
        energy,
        sigma,
        (low, high),
        min(ritz, energy),
        residual,
        lower,
        used,
        _temple(energy, sigma, second, low, high, rounding),
    )


def _temple(
    energy: float, sigma: float, second: float | None, low: float, high: float, rounding: float
) -> float | None:
    if second is None:
        return None
    real(second, "second", error=MethodError)
    least = energy + rounding  # nearer, their difference is rounding
    require(second > least, "second", f"be above the energy of the wave, {energy:.6g}", second, MethodError)
    return max(low, energy - sigma**2 / (min(second, high) - energy)) if high > energy else energy


def action(h: Hamiltonian, t: float) -> Callable[[np.ndarray], np.ndarray]:
    """``psi -> H(t) psi`` of flat waves, by a matrix where that is small."""
    shape = h.domain.shape
    if h.domain.size <= DENSE:
        matrix = h.matrix(t)
        return lambda psi: np.asarray(matrix @ psi)
    return lambda psi: h.apply(psi.reshape(shape), t).reshape(-1)


def spectrum(h: Hamiltonian, t: float) -> tuple[float, float]:
    """Bounds of the spectrum that hold always; of strings those about the coefficient of the identity."""
    if not isinstance(h, PauliHamiltonian):
        return h.bounds(t)
    terms = h.at(t)
    identity = np.array([set(label) <= {"I"} for label in terms.labels], dtype=bool)
    shift, reach = float(terms.coefficients[identity].sum()), float(np.abs(terms.coefficients[~identity]).sum())
    reach += _ROUNDING * max(abs(shift), reach)
    return shift - reach, shift + reach


def _from(
    act: Callable[[np.ndarray], np.ndarray], psi: np.ndarray, energy: float, vectors: int
) -> tuple[float, float, int]:
    """Lowest Ritz value, its residual, and the number of vectors, of the Krylov space of a wave."""
    count = min(_FIRST, vectors, psi.size)
    while True:
        space = krylov_space(act, psi, count)
        theta, residual = _lowest(space)
        used = len(space.vectors)
        if residual <= _SMALL * (energy - theta) or used < count or count == min(vectors, psi.size):
            return theta, residual, used
        count = min(2 * count, vectors, psi.size)


def _at_random(act: Callable[[np.ndarray], np.ndarray], size: int, vectors: int) -> tuple[float, float, int]:
    """The same of a random vector, which no symmetry keeps from the ground state."""
    rng = np.random.default_rng(7)
    start = rng.standard_normal(size) + 1j * rng.standard_normal(size)
    space = krylov_space(act, start, min(vectors, size))
    return *_lowest(space), len(space.vectors)


def _lowest(space: KrylovSpace) -> tuple[float, float]:
    return float(space.energies[0]), float(space.last_beta * abs(space.modes[-1, 0]))
