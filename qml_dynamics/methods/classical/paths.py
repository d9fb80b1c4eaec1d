"""Hamilton's equations for many points by symplectic product formulas, on a periodic box or between walls.

``w' = 2 D k``, ``k' = -s grad zeta``: drifts and kicks in the sequence of a product formula, so that a step is symplectic and has
the formula's order. A point that leaves the box goes on in the box's image: the next period, or the mirror image beyond a wall,
so that positions stay continuous and a reflection costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...base.errors import MethodError
from ...model.domains import Grid
from ...model.formulas import Formula, boundaries, factors, segments
from ...model.initial import Gaussian, Initial
from ...model.objectives.base import Objective
from ...model.problem import Problem
from ...model.schedules import Constant

_STEP = 0.05  # of a cell: differences of the spline through a table
_LIGHT = 1e-6
_BLUR = 1e-3  # of a cell: what rounding may move a path
_EMPTY = 1e-300  # amplitudes below it have no phase
_SNAP = 2.0**30  # places a spacing at which samples are dealt out: whole ones, halves and quarters are among them
_DEALT = 2  # the stream of the cells of samples, beside that of the points


@dataclass(frozen=True, eq=False)
class Cloud:
    """Weighted points in motion.

    Attributes:
        points: shape ``(size, ndim)``, not folded back into the box.
        momenta: of the folded points' images, same shape.
        action: S along each path, shape ``(size,)``, from 0 at the start.
        weights: probability of each path, shape ``(size,)``.
    """

    points: np.ndarray
    momenta: np.ndarray
    action: np.ndarray
    weights: np.ndarray


def fold(domain: Grid, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The places in the box that points anywhere stand for, and the sign of their momenta there, same shapes.

    >>> place, sign = fold(Grid((0, 1), 3, boundary="walls"), np.array([[1.25]]))
    >>> place.tolist(), sign.tolist()
    ([[0.75]], [[-1.0]])
    """
    low = np.array([a for a, _ in domain.bounds])
    length = np.array(domain.lengths)
    if domain.boundary == "periodic":
        return low + np.mod(points - low, length), np.ones_like(points)
    u = np.mod(points - low, 2 * length)
    beyond = u > length
    return low + np.where(beyond, 2 * length - u, u), np.where(beyond, -1.0, 1.0)


def smooth(objective: Objective, domain: Grid) -> Objective:
    """The loss between the points too: itself, or for a table the quintic spline through it, continued as the box is."""
    if objective.domain is None:
        return objective
    from scipy.ndimage import map_coordinates, spline_filter

    mode = "grid-wrap" if domain.boundary == "periodic" else "reflect"
    fitted = spline_filter(objective.table(domain), order=5, mode=mode)
    low, spacing = np.array([axis[0] for axis in domain.axes]), np.array(domain.spacing)

    def at(u: np.ndarray) -> np.ndarray:
        """The spline at points in units of the grid's spacing."""
        return np.asarray(map_coordinates(fitted, u.T, order=5, mode=mode, prefilter=False))

    def values(points: np.ndarray) -> np.ndarray:
        """The spline at points of the weight space, shape ``(m,)``."""
        return at((points - low) / spacing)

    def gradient(points: np.ndarray) -> np.ndarray:
        """The spline's gradient ``(m, ndim)`` by central differences of fourth order."""
        u = (points - low) / spacing
        slopes: np.ndarray = np.empty_like(u)
        for axis in range(u.shape[1]):
            e = np.zeros(u.shape[1])
            e[axis] = _STEP
            near, far = at(u + e) - at(u - e), at(u + 2 * e) - at(u - 2 * e)
            slopes[:, axis] = (8 * near - far) / (12 * _STEP * spacing[axis])
        return slopes

    return Objective(values, objective.name, gradient_fn=gradient)


def between(values: np.ndarray, domain: Grid, points: np.ndarray, order: int) -> np.ndarray:
    """A table's values at points in the box, by splines of an order, shape ``(m,)``; 1 is linear interpolation."""
    from scipy.ndimage import map_coordinates

    u = (points - np.array([axis[0] for axis in domain.axes])) / np.array(domain.spacing)
    mode = "grid-wrap" if domain.boundary == "periodic" else "nearest"
    return np.asarray(map_coordinates(values, u.T, order=order, mode=mode))


def slopes(initial: Initial, domain: Grid) -> np.ndarray:
    """``k = grad S`` of the initial wave on the points, shape ``(ndim, *domain.shape)``.

    From the differences of the phase between neighbours, of order four, exact for a Gaussian's mean momentum; 0 where the wave
    has no amplitude.
    """
    if isinstance(initial, Gaussian):
        momentum = np.broadcast_to(np.asarray(initial.momentum, dtype=float), (domain.ndim,))
        return np.broadcast_to(momentum.reshape(-1, *[1] * domain.ndim), (domain.ndim, *domain.shape)).copy()
    psi = initial.vector(domain)
    return np.array([_slope(psi, axis, h, domain.boundary) for axis, h in enumerate(domain.spacing)])


def _slope(psi: np.ndarray, axis: int, spacing: float, boundary: str) -> np.ndarray:
    wave = np.moveaxis(psi, axis, -1)
    step = np.angle(np.roll(wave, -1, axis=-1) * wave.conj()) / spacing  # between each point and the next
    if boundary == "walls":
        step[..., -1] = step[..., -2]
    before, after2, before2 = (np.roll(step, shift, axis=-1) for shift in (1, -1, 2))
    out = (7 * (step + before) - (after2 + before2)) / 12
    if boundary == "walls":
        inner = np.concatenate([step[..., :1], 0.5 * (step[..., 1:-1] + step[..., :-2]), step[..., -2:-1]], axis=-1)
        out[..., :2], out[..., -2:] = inner[..., :2], inner[..., -2:]
    out[np.abs(wave) ** 2 <= _EMPTY] = 0.0
    return np.moveaxis(out, -1, axis)


def play(
    problem: Problem,
    formula: Formula,
    steps: int,
    saves: Sequence[float],
    cloud: Cloud,
    force: Objective,
    reached: int | None = None,
) -> Iterator[tuple[float, Cloud]]:
    """The cloud at each save time (the first of which is 0), or at those behind number ``reached``, at which it stands.

    ``S`` grows by ``D |k|^2 - s zeta`` a unit of time along a path.
    """
    q, k, action = cloud.points.copy(), cloud.momenta.copy(), cloud.action.copy()
    if reached is None:
        yield saves[0], cloud
    domain, here = problem.domain, None
    assert isinstance(domain, Grid)
    ends = boundaries(problem.duration, steps, saves)
    for piece, t in list(zip(segments(ends, saves), saves[1:]))[reached or 0 :]:
        for kind, amount in _amounts(formula, piece, problem):
            if kind == "K":
                q += 2 * amount * k
                action += amount * (k**2).sum(axis=1)
                here = None
            else:
                here = here or _Force(
                    force, domain, q
                )  # of a kick at the end of a step, and of the next one at its beginning
                k -= amount * here.slope
                action -= amount * here.loss
        _check_places(domain, q, t, problem)
        yield t, Cloud(q.copy(), k.copy(), action.copy(), cloud.weights)


class _Force:
    """Slope and value of the loss at points, as they lie in the box."""

    def __init__(self, force: Objective, domain: Grid, points: np.ndarray) -> None:
        inside, sign = fold(domain, points)
        self.slope = sign * force.gradient(inside, domain.spacing)
        self.loss = force(inside)


def kicks_of(formula: Formula, steps: int) -> int:
    """At how many places the paths are asked for their forces; a kick that ends a step and the one that begins the next are at one.

    >>> from qml_dynamics.model.formulas import by_order
    >>> kicks_of(by_order(2), 10), kicks_of(by_order(1), 10)
    (11, 10)
    """
    one = [f.kind for f in factors(formula, [0.0, 1.0], Constant(1.0), Constant(1.0), 1.0)]
    shared = one[0] == one[-1] == "V"
    return (one.count("V") - shared) * steps + shared


def _check_places(domain: Grid, points: np.ndarray, t: float, problem: Problem) -> None:
    """Refuse paths so far out that their places in the box are rounding errors: steps too long for the loss throw them there."""
    far = np.abs(points).max(axis=0)
    if not (far * np.finfo(float).eps < _BLUR * np.array(domain.spacing)).all():
        raise MethodError(
            f"Argument `steps` must be larger for a duration of {problem.duration:g}: by t = {t:g} paths have gone as far as "
            f"{far.max():.3g}, where nothing is left of their places in the box."
        )


def _amounts(formula: Formula, ends: np.ndarray, problem: Problem) -> Iterable[tuple[str, float]]:
    every = factors(formula, ends.tolist(), problem.diffusion, problem.strength, problem.duration)
    return [(factor.kind, factor.amount) for factor in every if factor.amount]


def _shares(domain: Grid, points: np.ndarray, snapped: bool = False) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each of the ``2**ndim`` nearest grid points: which it is, flat, and its linear share of each point, shape ``(points,)``.

    Past an edge it goes to the image: the other end of a period, or the mirror image at a wall. ``snapped`` rounds places to 1e-9 of a
    spacing, so that a point that stands on the grid stands there on every machine.
    """
    u = (points - np.array([axis[0] for axis in domain.axes])) / np.array(domain.spacing)
    u = np.rint(u * _SNAP) / _SNAP if snapped else u
    base = np.floor(u).astype(int)
    for corner in np.ndindex(*(2,) * domain.ndim):
        share = np.where(np.array(corner) == 1, u - base, 1 - (u - base)).prod(axis=1)
        cell = (base + np.array(corner)) % (np.array(domain.shape) * (1 if domain.boundary == "periodic" else 2))
        cell = np.minimum(cell, 2 * np.array(domain.shape) - 1 - cell) if domain.boundary == "walls" else cell
        yield np.ravel_multi_index(tuple(cell.T), domain.shape), share


def shared_out(domain: Grid, points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weights shared out to the nearest grid points, linearly, shape ``domain.shape``."""
    out = np.zeros(domain.size)
    for cell, share in _shares(domain, points):
        out += np.bincount(cell, weights=weights * share, minlength=domain.size)
    return out.reshape(domain.shape)


def drawn_cells(
    domain: Grid, points: np.ndarray, counts: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Samples of points dealt out to grid points by their linear shares, so that their law is that of :func:`shared_out`.

    Shares are known to 1e-9, so that the generator does not see their last bits (as in :func:`~qml_dynamics.results.sampling.drawable`).

    Args:
        domain, points: as there.
        counts: samples of each point.
        seed: of the numbers.

    Returns:
        Which point, which cell (flat) and how many samples, one entry for each pair that was drawn.
    """
    cells, shares = (np.array(parts) for parts in zip(*_shares(domain, points, snapped=True)))
    shares = np.clip(shares, 0.0, 1.0)
    dealt = np.random.default_rng([seed, _DEALT]).multinomial(counts, (shares / shares.sum(axis=0)).T)
    which, corner = np.nonzero(dealt)
    return which, cells[corner, which], dealt[which, corner]


def crossed(clouds: Sequence[Cloud]) -> list[bool]:
    """Whether neighbouring paths that matter have crossed, at each of the moments (one axis only).

    The lightest paths, a millionth of the ensemble, are left out: there the phase of a stored wave is round-off.
    """
    weights = clouds[0].weights
    light = np.argsort(weights, kind="stable")
    matter = np.ones(len(weights), dtype=bool)
    matter[light[np.cumsum(weights[light]) < _LIGHT]] = False
    return [bool((np.diff(cloud.points[matter, 0]) <= 0).any()) for cloud in clouds]
