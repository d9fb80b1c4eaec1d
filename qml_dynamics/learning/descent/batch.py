"""Many losses under the same Strang steps: success probabilities, and their exact gradients by the adjoint method.

``n`` Strang steps are ``n`` kinetic amounts ``a_k = int D dt`` and ``n`` potential amounts ``b_k = int s dt``: twice as many
angles as steps. The chance ``P = <psi|near|psi>`` and all of its ``2 n`` derivatives cost about three runs: the wave and
its adjoint ``near psi`` are taken back through the inverse steps, where ``dP/da_k = 2 Im <lambda|K|psi>``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...base.arguments import checks_arguments
from ...base.errors import MethodError, ProblemError, check_memory, integer, require
from ...base.printing import printed_briefly
from ...model.domains import Grid, outer_product
from ...model.objectives.base import Objective
from .box import RADIUS, as_objective, on_unit_box, spread

CHUNK = 1 << 15  # points worked on at once: what fits into the cache


@printed_briefly
@dataclass(frozen=True, eq=False)
class Instance:
    """One loss to learn on: its values on the grid of the unit box, and which points count as found.

    Attributes:
        name: of the loss.
        zeta: values of ``F``, shape ``grid.shape``, divided by ``spread`` where they are used scaled.
        near: True within 0.1 of the minimiser.
        spread: standard deviation of the values.
        grid: of the unit box.
    """

    name: str
    zeta: np.ndarray
    near: np.ndarray
    spread: float
    grid: Grid


@checks_arguments
def instance(
    objective: Objective | Callable[[np.ndarray], np.ndarray] | str,
    qubits: int | Sequence[int] = 5,
    bounds: Sequence[Sequence[float]] | None = None,
) -> Instance:
    """An objective with a known minimiser as an :class:`Instance`, over the unit box of ``bounds`` (default: its own).

    >>> one = instance("levy", qubits=5)
    >>> one.zeta.shape, int(one.near.sum())
    ((32, 32), 32)
    """
    given = as_objective(objective)
    scaled, _ = on_unit_box(given, bounds)
    if scaled.minimizer is None:
        raise ProblemError(f"Argument `objective` must have a known minimizer, but `{given.name}` has none.")
    assert scaled.bounds is not None  # the unit box
    grid = Grid(scaled.bounds, qubits)
    near = ((grid.points - np.array(scaled.minimizer)) ** 2).sum(axis=1) < RADIUS**2
    require(bool(near.any()), "qubits", "be enough for a point near the minimiser", qubits)
    zeta = scaled.on(grid)
    return Instance(given.name, zeta, near.reshape(grid.shape), spread(zeta), grid)


@checks_arguments
def crops(names: Sequence[str], count: int = 1, seed: int = 0, qubits: int = 5) -> tuple[Instance, ...]:
    """Random sub-boxes of test functions, ``count`` of each: edges of 0.7 to 1 of the usual box, the minimiser inside.

    They have other scales and other places of the minimum than the usual boxes, off the grid.

    >>> [one.name for one in crops(["levy", "camel3"], count=2, seed=1)]
    ['levy', 'levy', 'camel3', 'camel3']
    """
    rng = np.random.default_rng(seed)
    out = []
    for name in names:
        objective = as_objective(name)
        assert objective.bounds is not None
        assert objective.minimizer is not None
        for _ in range(integer(count, "count", 1, 10**6, MethodError)):
            share = rng.uniform(0.7, 1.0)
            box = [_crop(a, b, m, share, rng.uniform()) for (a, b), m in zip(objective.bounds, objective.minimizer)]
            out.append(instance(objective, qubits, box))
    return tuple(out)


def _crop(low: float, high: float, place: float, share: float, draw: float) -> tuple[float, float]:
    """An interval of length ``share (high - low)`` inside the box, with ``place`` at least a tenth from its ends if it can be."""
    length = share * (high - low)
    first, last = max(low, place - 0.9 * length), min(high - length, place - 0.1 * length)
    first, last = (first, last) if first <= last else (min(max(place - length / 2, low), high - length),) * 2
    start = first + draw * (last - first)
    return start, start + length


class Batch:
    """Instances on the same grid, and what a sequence of amounts makes of them.

    Args:
        instances: at least one, all on one grid.
        scaled: divide each loss by its spread.
    """

    def __init__(self, instances: Sequence[Instance], scaled: bool = True) -> None:
        every = list(instances)
        same = bool(every) and all(isinstance(i, Instance) and i.grid == every[0].grid for i in every)
        require(same, "instances", "be one or more, all on the same grid", f"of {len(every)}", MethodError)
        self.grid = every[0].grid
        check_memory(96 * len(every) * self.grid.size, f"{len(every)} waves on {self.grid.num_qubits} qubits")
        self.zeta = np.array([i.zeta / (i.spread if scaled else 1.0) for i in every])
        self.near = np.array([i.near for i in every])
        self.axes = tuple(range(1, self.grid.ndim + 1))
        size = max(1, CHUNK // self.grid.size)
        self.parts = [slice(k, k + size) for k in range(0, len(every), size)]

    def chances(self, kinetic: np.ndarray, potential: np.ndarray) -> np.ndarray:
        """The chance of one sample, one an instance, after Strang steps with these amounts."""
        corners = _corners(potential)
        return np.concatenate([_chance(self._forward(part, kinetic, corners), self.near[part]) for part in self.parts])

    def gradient(self, kinetic: np.ndarray, potential: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The chances, and the derivatives of their sum by the kinetic and by the potential amounts."""
        corners = _corners(potential)
        by_kinetic, by_corner = np.zeros(len(kinetic)), np.zeros(len(corners))
        chances = []
        for part in self.parts:
            psi = self._forward(part, kinetic, corners)
            chances.append(_chance(psi, self.near[part]))
            self._backward(part, psi, kinetic, corners, by_kinetic, by_corner)
        return np.concatenate(chances), by_kinetic, (by_corner[:-1] + by_corner[1:]) / 2

    def _forward(self, part: slice, kinetic: np.ndarray, corners: np.ndarray) -> np.ndarray:
        from scipy import fft

        zeta = self.zeta[part]
        psi = np.full(zeta.shape, self.grid.size**-0.5, complex)
        for amount, corner in zip(kinetic, corners):
            psi *= _phase(zeta, -corner)
            psi = fft.fftn(psi, axes=self.axes, overwrite_x=True)
            psi *= self._kick(-amount)
            psi = fft.ifftn(psi, axes=self.axes, overwrite_x=True)
        return psi  # the last potential factor changes no chance

    def _backward(
        self,
        part: slice,
        psi: np.ndarray,
        kinetic: np.ndarray,
        corners: np.ndarray,
        by_kinetic: np.ndarray,
        by_corner: np.ndarray,
    ) -> None:
        from scipy import fft

        zeta, adjoint = self.zeta[part], self.near[part] * psi
        dual = self.grid.dual
        for k in range(len(kinetic) - 1, -1, -1):
            back = self._kick(kinetic[k])
            left, right = fft.fftn(adjoint, axes=self.axes), fft.fftn(psi, axes=self.axes)
            by_kinetic[k] += 2 * ((left.conj() * right).imag * dual).sum() / self.grid.size
            adjoint, psi = fft.ifftn(left * back, axes=self.axes), fft.ifftn(right * back, axes=self.axes)
            by_corner[k] += 2 * ((adjoint.conj() * psi).imag * zeta).sum()
            back = _phase(zeta, corners[k])
            adjoint *= back
            psi *= back

    def _kick(self, amount: float) -> np.ndarray:
        return outer_product([np.exp(1j * amount * k) for k in self.grid.dual_axes])


def _corners(potential: np.ndarray) -> np.ndarray:
    """Potential amounts between the kinetic factors: neighbouring halves added up."""
    corners = np.zeros(len(potential) + 1)
    corners[:-1] += potential / 2
    corners[1:] += potential / 2
    return corners


def _phase(zeta: np.ndarray, amount: float) -> np.ndarray:
    phase = np.empty(zeta.shape, complex)
    angle = amount * zeta
    np.cos(angle, out=phase.real)
    np.sin(angle, out=phase.imag)
    return phase


def _chance(psi: np.ndarray, near: np.ndarray) -> np.ndarray:
    out: np.ndarray = np.sum(np.abs(psi) ** 2 * near, axis=tuple(range(1, psi.ndim)))
    return out
