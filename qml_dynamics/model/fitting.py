"""Checks that an initial wave fits its grid, before anything runs: momenta below the largest, little weight at the box's edge.

A momentum above the grid's largest is another, smaller one on the points (aliasing); a wave that is cut by the edge of its box is
another wave from the start, and what a run compares later with its own start cannot see that.
"""

from __future__ import annotations

import math
import warnings

import numpy as np

from ..base.errors import EdgeWeightWarning, MomentumTailWarning, ProblemError
from .domains import Grid
from .hamiltonians import Hamiltonian, LearningHamiltonian
from .initial import Gaussian, PointMass, Uniform
from .problem import Problem

EDGE = 1e-4  # weight beyond the edge of the box
TAIL = 1e-3  # weight above the largest momentum
_KINK = 4.0  # times the largest second difference inside the box
_FLAT = 1e-9  # of the loss's width


def check_fit(problem: Problem, h: Hamiltonian) -> None:
    """Refuse or warn where the initial wave does not fit its grid.

    Raises:
        ProblemError: the momentum of a Gaussian is above the largest of the grid, so that it is another one there.

    Warns:
        MomentumTailWarning: part of its momenta is above the largest.
        EdgeWeightWarning: part of it lies beyond a wall, or beyond a seam across which the loss does not go on smoothly.

    >>> from qml_dynamics.model.hamiltonians import hamiltonian
    >>> fast = Problem(Grid((-8, 8), 7), lambda w: 0 * w[:, 0], 0.5, clock="real", duration=1.0, initial=Gaussian(0, 1, momentum=45))
    >>> check_fit(fast, hamiltonian(fast))
    Traceback (most recent call last):
    qml_dynamics.base.errors.ProblemError: Argument `momentum` must be at most 25.1, the largest of the grid along axis 0, but is 45.
    """
    domain = problem.domain
    if not isinstance(domain, Grid) or not isinstance(h, LearningHamiltonian):
        return
    if isinstance(problem.initial, Gaussian):
        if problem.clock != "classical":
            _check_momenta(problem.initial, domain)
        _check_place(problem.initial, domain, h)
    elif not isinstance(problem.initial, (Uniform, PointMass)) and problem.clock != "classical":
        _check_vector(problem, domain, h)


def closed_at_seam(h: LearningHamiltonian) -> list[bool]:
    """For each axis of a periodic grid, whether the loss goes on smoothly across the seam: the axis is a ring, not a box.

    The second difference across the seam is compared with the largest inside.

    >>> from qml_dynamics.model.hamiltonians import hamiltonian
    >>> make = lambda loss: hamiltonian(Problem(Grid((-4, 4), 5), loss, 0.5, clock="real", duration=1.0))
    >>> closed_at_seam(make(lambda w: np.cos(np.pi * w[:, 0] / 4))), closed_at_seam(make(lambda w: w[:, 0] ** 2))
    ([True], [False])
    """
    width = float(h.zeta.max() - h.zeta.min())
    out = []
    for axis, count in enumerate(h.zeta.shape):
        bend = np.abs(np.roll(h.zeta, -1, axis) - 2 * h.zeta + np.roll(h.zeta, 1, axis))
        bend = np.moveaxis(bend, axis, 0)
        inside = float(bend[1:-1].max()) if count > 2 else 0.0
        out.append(count <= 2 or max(float(bend[0].max()), float(bend[-1].max())) <= _KINK * inside + _FLAT * width)
    return out


def open_axes(domain: Grid, h: LearningHamiltonian) -> list[bool]:
    """For each axis, whether a wave at its edge is one at the end of the box: walls, or a seam that the loss does not cross smoothly."""
    return [True] * domain.ndim if domain.boundary == "walls" else [not closed for closed in closed_at_seam(h)]


def ended_axes(domain: Grid, h: LearningHamiltonian) -> list[bool]:
    """For each axis, whether it ends somewhere: walls, or a period that is not one of the loss, which may be flat along the axis.

    An axis with a flux, and one along which the loss has the period of the box, is a ring.
    """
    if domain.boundary == "walls":
        return [True] * domain.ndim
    least = 1e-12 * float(np.abs(h.zeta).max())
    flat = [float(np.abs(np.diff(h.zeta, axis=axis)).max(initial=0.0)) <= least for axis in range(domain.ndim)]
    return [not flux and (level or not closed) for flux, level, closed in zip(domain.twist, flat, closed_at_seam(h))]


def weight_at_ends(law: np.ndarray, domain: Grid, ends: list[bool]) -> float:
    """The largest probability on the outermost points of an axis that ends."""
    axes = [axis for axis, is_end in enumerate(ends) if is_end and domain.shape[axis] > 2]
    return max((float(np.take(law, [0, -1], axis=axis).sum()) for axis in axes), default=0.0)


def _axes(initial: Gaussian, ndim: int) -> list[tuple[float, float, float]]:
    """Center, width and momentum of each axis."""
    columns = [
        values * (ndim if len(values) == 1 else 1) for values in (initial.center, initial.width, initial.momentum)
    ]
    return list(zip(*columns))


def _check_momenta(initial: Gaussian, domain: Grid) -> None:
    for axis, (_, width, momentum) in enumerate(_axes(initial, domain.ndim)):
        largest = math.pi / domain.spacing[axis]
        if abs(momentum) > largest * (1 + 1e-12):
            raise ProblemError(
                f"Argument `momentum` must be at most {largest:.3g}, the largest of the grid along axis {axis}, but is {momentum:g}."
            )
        share = _outside(momentum, 0.5 / width, -largest, largest)
        if share > TAIL:
            text = (
                f"{share:.1e} of the momenta of `initial` along axis {axis} are above {largest:.3g}, the largest of the grid, and are "
                "others there: refine the grid, or take a larger `width`."
            )
            warnings.warn(text, MomentumTailWarning, stacklevel=5)


def _check_place(initial: Gaussian, domain: Grid, h: LearningHamiltonian) -> None:
    for axis, ((center, width, _), ends) in enumerate(zip(_axes(initial, domain.ndim), open_axes(domain, h))):
        low, high = domain.bounds[axis]
        share = _outside(center, width, low, high)
        cut = domain.boundary == "periodic" and not initial.wrapped
        if (ends or cut) and share > EDGE:
            where = "the seam, where the loss does not go on smoothly"
            where = (
                "a wall"
                if domain.boundary == "walls"
                else "the seam, where it is cut (wrapped=True goes on)"
                if cut
                else where
            )
            text = f"{share:.1e} of `initial` along axis {axis} lie beyond {where}: widen `bounds`, or move `center` away from the edge."
            warnings.warn(text, EdgeWeightWarning, stacklevel=5)


def _outside(mean: float, spread: float, low: float, high: float) -> float:
    """Probability of a normal law outside an interval."""
    root = math.sqrt(2) * spread
    return 0.5 * (math.erfc((high - mean) / root) + math.erfc((mean - low) / root))


def _check_vector(problem: Problem, domain: Grid, h: LearningHamiltonian) -> None:
    """A vector shows what lies at its edges and at its largest momenta."""
    psi = problem.initial.vector(domain)
    law = np.abs(psi) ** 2
    edge = weight_at_ends(law, domain, open_axes(domain, h))
    if edge > EDGE:
        text = f"{edge:.1e} of `initial` lie at the edge of its box: widen `bounds`."
        warnings.warn(text, EdgeWeightWarning, stacklevel=5)
    if not problem.diffusion.integral(0.0, problem.duration, problem.duration) > 0 or max(domain.shape) <= 4:
        return  # no momentum matters, or there is none above 0.8 of the largest but the largest
    dual = np.abs(h.transform.forward(psi.astype(complex))) ** 2
    keep = [np.abs(k) <= 0.8 * np.abs(k).max() for k in domain.momenta]
    high = float(dual.sum() - dual[np.ix_(*keep)].sum())
    if high > TAIL:
        text = f"{high:.1e} of `initial` are above 0.8 of the largest momentum of the grid: refine it."
        warnings.warn(text, MomentumTailWarning, stacklevel=5)
