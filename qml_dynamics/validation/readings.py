"""Two runs in one basis for a comparison: densities in ascending order of the coordinates, samples, and the law they may share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from ..model.domains import Domain, Grid, Hypercube
from ..model.transforms import Transform
from ..results.trajectory import Trajectory
from .tangents import MOST_POINTS, Arrival, Tangent

MOST_CELLS = 1 << 12  # points or blocks of points that a comparison tells apart
_PURE = 1e-9


@dataclass(frozen=True, eq=False)
class Reading:
    """Two runs in one basis.

    Attributes:
        basis: ``"weight"`` or ``"momentum"``.
        axes: coordinates along each axis, ascending.
        a, b: frequencies or probabilities, one axis a weight.
        shots: samples of each, None where a density is exact.
        law: of both, where they agree: the exact one, or for two sampled runs that of their waves, or their smoothed samples.
        values: the loss at weights, the kinetic diagonal at momenta; None where the problem has none.
        noise: standard errors of ``a - b`` where a density was put together from samples in another way.
        periodic: whether the last point of an axis neighbours the first.
        tangents: names of directions in which the wave may move to changes of the law along them, on the blocks of
            :meth:`merged`; empty where no wave is known.
        order: indices that put a table of the basis into ascending order.
    """

    basis: str
    axes: tuple[np.ndarray, ...]
    a: np.ndarray
    b: np.ndarray
    shots: tuple[int | None, int | None]
    law: np.ndarray
    values: np.ndarray | None = None
    noise: np.ndarray | None = None
    periodic: bool = False
    order: tuple[np.ndarray, ...] = ()
    tangents: Mapping[str, np.ndarray] = field(default_factory=dict)

    def ascending(self, table: np.ndarray) -> np.ndarray:
        """A table of the basis, in the order of the library, with its axes in ascending order."""
        return np.asarray(table.reshape(self.a.shape)[self.order])

    @property
    def sampled(self) -> bool:
        """Whether there is noise to compare with."""
        return self.shots != (None, None) or self.noise is not None

    def merged(self) -> Reading:
        """Neighbouring points put together, longest axis first, until there are at most 4096 blocks."""
        out = self
        while out.law.size > MOST_CELLS:
            axis = int(np.argmax(out.law.shape))
            merged = [None if x is None else halved(x, axis) for x in (out.a, out.b, out.law)]
            weight = np.maximum(merged[2], 1e-300)
            values = None if out.values is None else halved(out.values * np.maximum(out.law, 1e-300), axis) / weight
            noise = None if out.noise is None else np.sqrt(halved(out.noise**2, axis))
            along = halved(out.axes[axis], 0) / halved(np.ones(out.axes[axis].size), 0)
            axes = (*out.axes[:axis], along, *out.axes[axis + 1 :])
            out = replace(out, a=merged[0], b=merged[1], law=merged[2], values=values, noise=noise, axes=axes)
        return out


def coarse(table: np.ndarray) -> np.ndarray:
    """Sums of an ascending table over the blocks of :meth:`Reading.merged`."""
    while table.size > MOST_CELLS:
        table = halved(table, int(np.argmax(table.shape)))
    return table


def halved(array: np.ndarray, axis: int) -> np.ndarray:
    """Sums of neighbours along an axis, an odd one alone (by two strides: a sum over an axis of two is ten times as slow)."""
    if array.shape[axis] % 2:
        return np.asarray(np.add.reduceat(array, np.arange(0, array.shape[axis], 2), axis))
    even, odd = ([slice(None)] * array.ndim for _ in range(2))
    even[axis], odd[axis] = slice(0, None, 2), slice(1, None, 2)
    return np.asarray(array[tuple(even)] + array[tuple(odd)])


def readings_of(a: Trajectory, b: Trajectory, i: int, j: int) -> list[Reading]:
    """Weights always; momenta where both runs know them, by a pure state or by samples of the dual basis."""
    domain = a.problem.domain
    found = [_weights(a, b, i, j)]
    dual = [_momenta(run, k) for run, k in ((a, i), (b, j))]
    if dual[0] is not None and dual[1] is not None:
        found.append(_reading(domain, "momentum", (dual[0], dual[1]), (_waves(a, i), _waves(b, j))))
    if len(found) < 2 or not isinstance(domain, Grid) or domain.size > MOST_POINTS:
        return found
    return _with_tangents(found, domain, a, b, i, j)


def _with_tangents(found: list[Reading], domain: Grid, a: Trajectory, b: Trajectory, i: int, j: int) -> list[Reading]:
    """The directions of the waves whose densities are the law: of the exact side, or of all that are known."""
    exact = [shots is None for shots in found[0].shots]
    chosen = [(run, k) for run, k, alone in ((a, i, exact[0]), (b, j, exact[1])) if alone or not any(exact)]
    waves = [Arrival.of(run.problem, float(run.times[k]), run.states[k]) for run, k in chosen if run.states is not None]
    if not waves or (any(exact) and len(waves) < len(chosen)):
        return found
    sums: list[dict[str, np.ndarray]] = [{} for _ in found]
    for wave in waves:
        for name, *changes in _directions(wave):
            for total, change in zip(sums, changes):
                total[name] = total.get(name, 0.0) + change / len(waves)
    return [replace(reading, tangents=total) for reading, total in zip(found, sums)]


@lru_cache(maxsize=4)
def _directions(wave: Arrival) -> list[Tangent]:
    """The directions of a wave, ascending and on blocks."""
    orders = [_ascending(_axes(wave.problem.domain, dual)) for dual in (False, True)]
    return [(name, coarse(along[orders[0]]), coarse(across[orders[1]])) for name, along, across in wave.directions()]


Side = tuple[np.ndarray, int | None]


def _weights(a: Trajectory, b: Trajectory, i: int, j: int) -> Reading:
    sides = [(run.density[k].reshape(-1), samples(run, "weight", k)) for run, k in ((a, i), (b, j))]
    reading = _reading(a.problem.domain, "weight", (sides[0], sides[1]), (_waves(a, i), _waves(b, j)))
    errors = [
        run.diagnostics["density_stderr"][k] for run, k in ((a, i), (b, j)) if "density_stderr" in run.diagnostics
    ]
    if errors:
        reading = replace(reading, noise=np.sqrt(sum(np.asarray(e, dtype=float) ** 2 for e in errors)))
    return reading


def samples(run: Trajectory, basis: str, index: int) -> int | None:
    """How many samples of a basis a run has at that time; None where it has none."""
    return run.counts[basis][index].shots if run.counts and basis in run.counts else None


def _momenta(run: Trajectory, index: int) -> Side | None:
    size = run.problem.domain.size
    if run.counts:
        seen = run.counts.get("dual")
        return None if seen is None else (seen[index].histogram(size), seen[index].shots)
    wave = _waves(run, index)
    if wave is None or 0.5 * np.abs(wave[0] - run.density[index].reshape(-1)).sum() > _PURE:
        return None  # a mixture: its leading wave does not tell its momenta
    return wave[1], None


def _waves(run: Trajectory, index: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Densities of the state in both bases, where it is known."""
    if run.states is None:
        return None
    psi = np.array(run.states[index], dtype=complex)
    dual = np.abs(Transform(run.problem.domain).forward(psi.copy())) ** 2
    return np.abs(psi.reshape(-1)) ** 2, dual.reshape(-1)


def _reading(
    domain: Domain, basis: str, sides: tuple[Side, Side], waves: tuple[tuple[np.ndarray, np.ndarray] | None, ...]
) -> Reading:
    """Both sides in ascending order, and the law that they share where they agree."""
    dual = basis == "momentum"
    axes = _axes(domain, dual)
    order = _ascending(axes)
    axes = tuple(np.sort(axis) for axis in axes)
    a, b = (side[0].reshape(domain.shape)[order] for side in sides)
    exact = [side[0] for side in sides if side[1] is None]
    periodic = isinstance(domain, Grid) and domain.boundary == "periodic" and not dual
    if exact:
        law = sum(exact).reshape(domain.shape)[order] / len(exact)  # type: ignore[union-attr]
    elif known := [wave[int(dual)] for wave in waves if wave is not None]:
        law = sum(known).reshape(domain.shape)[order] / len(known)  # type: ignore[union-attr]
    else:
        n, m = (float(side[1] or 0) for side in sides)
        law = _smoothed((n * a + m * b) / (n + m), round(n + m), domain, periodic)
    return Reading(basis, axes, a, b, (sides[0][1], sides[1][1]), law / law.sum(), periodic=periodic, order=order)


def _axes(domain: Domain, dual: bool) -> tuple[np.ndarray, ...]:
    """Coordinates of a basis, in the order of the library."""
    if dual and isinstance(domain, Hypercube):
        return (np.array([0.0, 1.0]),) * domain.ndim  # even or odd under the flip of a weight
    return domain.momenta if dual and isinstance(domain, Grid) else domain.axes


def _ascending(axes: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    return np.ix_(*[np.argsort(axis) for axis in axes])


def _smoothed(p: np.ndarray, samples: int, domain: Domain, periodic: bool) -> np.ndarray:
    """Samples under a normal kernel of 0.7 of the width that is best for one normal bump: laws may have several."""
    if isinstance(domain, Hypercube):
        return p
    from scipy.ndimage import gaussian_filter

    widths = []
    for axis in range(p.ndim):
        marginal = p.sum(axis=tuple(k for k in range(p.ndim) if k != axis))
        x = np.arange(marginal.size)
        spread = np.sqrt(max(float(marginal @ (x - marginal @ x) ** 2), 0.25))
        widths.append(max(0.5, 0.7 * spread * samples ** (-1 / (4 + p.ndim))))
    return np.asarray(gaussian_filter(p, widths, mode="wrap" if periodic else "constant")) + 1e-12 / p.size
