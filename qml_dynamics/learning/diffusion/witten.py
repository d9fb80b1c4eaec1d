"""The Witten Hamiltonian ``H_W`` of a forward process on a grid, and its waves in imaginary time.

``dx = -grad V dt + sqrt(2 T) dW`` has ``p_t = psi0 phi_t`` with ``psi0 = e^{-V / 2T}`` and ``phi_t = e^{-t H_W} phi_0``, where
``H_W = -T Lap + |grad V|^2 / (4 T) - Lap V / 2`` is the Witten Hamiltonian. Source: Risken, The Fokker-Planck
Equation (1989); Song et al., arXiv:2011.13456 for the reverse process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from ...base.errors import ProblemError, check_memory, one_of, require
from ...methods import krylov
from ...methods.krylov import Krylov
from ...model.axes import need_binary
from ...model.domains import Grid, outer_sum
from ...model.hamiltonians import LearningHamiltonian
from ...model.initial import State
from ...model.objectives.base import LossLike, Objective
from ...model.objectives.tables import from_table
from ...model.potentials import potential as potential_of
from ...model.problem import Problem, as_objective
from ...model.schedules import Constant

NAMED = ("ou", "free")
EDGE = 1e-3  # the stationary law at the edge of the box, over its peak
_DENSE = 10  # qubits of an axis that is diagonalised
_TOL = 1e-10
Source = Callable[[np.ndarray, Sequence[float]], Iterator[np.ndarray]]  # waves at descending times


@dataclass(frozen=True, eq=False)
class Landscape:
    """A potential on a grid.

    Attributes:
        domain: the box.
        name: ``"ou"``, ``"free"`` or that of the objective.
        temperature: T.
        gradient: grad V at points ``(m, ndim)``.
        zeta: the Witten potential on the grid.
        root: ``psi0`` on the grid, its largest value 1.
        loss: V as an objective; None for the named ones.
    """

    domain: Grid
    name: str
    temperature: float
    gradient: Callable[[np.ndarray], np.ndarray]
    zeta: np.ndarray
    root: np.ndarray
    loss: Objective | None = None

    @property
    def wraps(self) -> bool:
        """Whether paths may leave the box on one side and come back on the other."""
        return self.name == "free"

    @property
    def stationary(self) -> np.ndarray:
        """The law that the forward process ends in, on the grid, adding up to 1."""
        return np.asarray(self.root**2 / (self.root**2).sum())

    @cached_property
    def parts(self) -> list[np.ndarray] | None:
        """One potential an axis where zeta is a sum of such, else None."""
        middle = tuple(n // 2 for n in self.domain.shape)
        base, parts = float(self.zeta[middle]), []
        for axis in range(self.domain.ndim):
            line = tuple(slice(None) if a == axis else m for a, m in enumerate(middle))
            parts.append(self.zeta[line] - (base if axis else 0.0))
        scale = float(np.abs(self.zeta).max())
        return parts if float(np.abs(outer_sum(parts) - self.zeta).max()) <= 1e-9 * scale else None

    @cached_property
    def modes(self) -> list[tuple[np.ndarray, np.ndarray]] | None:
        """Energies and eigenvectors of H_W, axis by axis; None where the axes do not separate or are too long."""
        if self.parts is None or max(self.domain.qubits) > _DENSE:
            return None
        return [self._modes(axis, part) for axis, part in enumerate(self.parts)]

    def _modes(self, axis: int, zeta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n = len(zeta)
        check_memory(64 * n * n, f"The modes of an axis of {n} points")
        kinetic = np.fft.ifft(self.domain.dual_axes[axis][:, None] * np.fft.fft(np.eye(n), axis=0), axis=0).real
        matrix = self.temperature * kinetic + np.diag(zeta)
        energies, vectors = np.linalg.eigh(0.5 * (matrix + matrix.T))
        vectors = vectors * np.where(vectors[np.abs(vectors).argmax(axis=0), np.arange(n)] < 0, -1.0, 1.0)
        return energies, vectors

    @cached_property
    def stiffness(self) -> float:
        """Mean curvature of V under its stationary law, ``E |grad V|^2 / (T ndim)``: how fast wells relax."""
        slope = self.gradient(self.domain.points)
        square = (slope**2).sum(axis=1).reshape(self.domain.shape)
        return float((self.stationary * square).sum() / (self.temperature * self.domain.ndim))

    @cached_property
    def gap(self) -> float:
        """The lowest energy above 0: the rate at which the forward process forgets its data."""
        if self.modes is not None:
            return float(min(energies[1] - energies[0] for energies, _ in self.modes))
        energies, _ = self.hamiltonian(1.0).lowest(2)
        return float(energies[1] - energies[0])

    def objective(self) -> Objective:
        """The Witten potential as an objective of problems on this grid."""
        return from_table(self.zeta, self.domain)

    def hamiltonian(self, duration: float) -> LearningHamiltonian:
        """H_W."""
        return LearningHamiltonian(self.domain, self.zeta, Constant(self.temperature), Constant(1.0), duration)

    def problem(self, phi: np.ndarray, duration: float) -> Problem:
        """``phi_t = -H_W phi`` for so long, for any method of the imaginary clock."""
        return Problem(
            self.domain, self.objective(), self.temperature, clock="imaginary", initial=State(phi), duration=duration
        )

    def waves(self, phi: np.ndarray, times: Sequence[float]) -> Iterator[np.ndarray]:
        """``e^{-t H_W} phi`` at ascending times, the first of them 0 or later; norms are kept."""
        if self.modes is None:
            yield from self._krylov(phi, times)
            return
        start = self.to_modes(phi)
        for t in times:
            yield self.from_modes(start * self.decay(t))

    def descending(self, phi: np.ndarray, times: Sequence[float]) -> Iterator[np.ndarray]:
        """The same at descending times."""
        if self.modes is not None:
            yield from self.waves(phi, times)  # modes know every time, in any order
            return
        check_memory(8 * self.domain.size * len(times), f"Waves at {len(times)} times")
        yield from reversed(list(self.waves(phi, list(times)[::-1])))

    def decay(self, t: float) -> np.ndarray:
        """``e^{-t E}`` of every mode, shape ``domain.shape``."""
        assert self.modes is not None
        return np.exp(-t * outer_sum([energies for energies, _ in self.modes]))

    def to_modes(self, phi: np.ndarray) -> np.ndarray:
        """Coefficients of a wave in the modes, shape ``domain.shape``."""
        assert self.modes is not None
        for axis, (_, vectors) in enumerate(self.modes):
            phi = np.moveaxis(np.tensordot(vectors.T, phi, axes=(1, axis)), 0, axis)
        return phi

    def from_modes(self, coefficients: np.ndarray) -> np.ndarray:
        """The wave with these coefficients."""
        assert self.modes is not None
        for axis, (_, vectors) in enumerate(self.modes):
            coefficients = np.moveaxis(np.tensordot(vectors, coefficients, axes=(1, axis)), 0, axis)
        return coefficients

    def _krylov(self, phi: np.ndarray, times: Sequence[float]) -> Iterator[np.ndarray]:
        size = float(np.linalg.norm(phi))
        saves = np.unique([0.0, *times])
        if saves[-1] == 0:
            yield from (phi.copy() for _ in times)
            return
        problem, wanted = self.problem(phi, float(saves[-1])), list(times)
        runs = krylov.run(problem, self.hamiltonian(float(saves[-1])), Krylov(_TOL), saves.tolist(), _silent)
        for t, wave, log in runs:
            while wanted and wanted[0] <= t:
                yield size * np.exp(log) * wave.real
                wanted.pop(0)


def _silent(done: int, total: int) -> None:
    """No progress."""


def landscape(domain: Grid, potential: str | LossLike, temperature: float) -> Landscape:
    """The potential of a forward process on a periodic grid.

    Args:
        domain: a periodic :class:`Grid` of one to three axes, large enough for the stationary law.
        potential: ``"ou"`` (``V = |x|^2 / 2``), ``"free"`` (``V = 0``: the box is a torus), an :class:`Objective` or a function.
        temperature: T.

    Raises:
        ProblemError: the domain is of another kind, or too small for the stationary law.
    """
    fits = isinstance(domain, Grid) and domain.boundary == "periodic" and not any(domain.twist) and domain.ndim <= 3
    require(fits, "domain", "be a periodic Grid of one to three axes without a twist", domain)
    need_binary(domain, "domain")
    check_memory(400 * domain.size, f"A diffusion model on {domain.size:,} points")
    if isinstance(potential, str):
        one_of(potential, "potential", NAMED)
        if potential == "free":
            zero = np.zeros(domain.shape)
            return Landscape(domain, "free", temperature, np.zeros_like, zero, zero + 1.0)
        square = outer_sum([x**2 for x in domain.axes])
        root = np.exp(-square / (4 * temperature))
        _check_edge(domain, root)
        return Landscape(domain, "ou", temperature, np.array, square / (4 * temperature) - 0.5 * domain.ndim, root)
    loss = as_objective(potential)
    values = loss.on(domain)
    root = np.exp(-(values - values.min()) / (2 * temperature))
    _check_edge(domain, root)
    zeta = potential_of(loss, "witten", temperature, domain).on(domain)
    name = f"objective {loss.name}" if loss.name in NAMED else loss.name
    slope = partial(loss.gradient, spacing=domain.spacing)
    return Landscape(domain, name, temperature, slope, zeta, root, loss)


def _check_edge(domain: Grid, root: np.ndarray) -> None:
    edge = max(float((np.take(root, (0, -1), axis=axis) ** 2).max()) for axis in range(domain.ndim))
    if edge > EDGE:
        raise ProblemError(
            f"Argument `domain` must reach out to where the stationary law has fallen below {EDGE:g} of its peak, but at "
            f"its edge there is still {edge:.2g}. Use wider bounds or a lower temperature."
        )
