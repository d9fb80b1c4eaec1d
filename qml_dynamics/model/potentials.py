"""Two potentials of one loss V: V itself, and Witten's ``|grad V|^2 / (4 T) - Lap V / 2``, whose ground state is the Gibbs law.

``p_t = div(p grad V) + T Lap p`` with ``p = e^{-V / 2T} phi`` becomes ``phi_t = T Lap phi - zeta_W phi`` with the Witten potential
``zeta_W = |grad V|^2 / (4 T) - Lap V / 2``: with diffusion ``D = T`` its ground state has energy 0 and is ``e^{-V / 2T}``, so that the
Born law is ``e^{-V / T} / Z`` exactly. With ``zeta = V`` it is not. Source: Witten, J. Differ. Geom. 17, 661
(1982); Risken, The Fokker-Planck Equation (1989).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from ..base.arguments import checks_arguments
from ..base.errors import ProblemError, one_of, real
from .domains import Domain, Grid
from .objectives.base import Objective
from .problem import as_objective

KINDS = ("objective", "witten")
_WEIGHTS = np.array([3 / 2, -3 / 20, 1 / 90])  # central second difference of order six, beside -49/18 in the middle
_STEP = 2e-2
_OF_SPACING, _OF_BOUNDS = 0.25, 400.0  # the same step, of the spacing of a grid, and the part of bounds


@checks_arguments
def potential(
    loss: Objective | Callable[[np.ndarray], npt.ArrayLike],
    kind: str = "objective",
    temperature: float | None = None,
    domain: Domain | None = None,
) -> Objective:
    """The loss as a potential: itself, or its Witten potential at a temperature.

    Args:
        loss: an :class:`Objective`, or a function of points ``(m, ndim) -> (m,)``.
        kind: ``"objective"`` (zeta = V: finds minima, prefers flat ones) or ``"witten"`` (samples ``e^{-V / T}``).
        temperature: T, positive; of the Witten potential only. Use the same number as the problem's diffusion.
        domain: the grid that it is for. Derivatives that the loss does not have of its own are differences over a part of its spacing;
            without it over 1/400 of the loss's bounds, and without those over 0.02, which suits losses that vary over lengths of
            about 1 and no others.

    Raises:
        ProblemError: the kind is unknown, the temperature is missing, not positive or given for nothing, or the loss is a table.

    >>> bowl = potential(lambda w: 2 * w[:, 0] ** 2, "witten", temperature=0.5)
    >>> bowl(np.array([[0.0], [1.0]])).round(6).tolist()
    [-2.0, 6.0]
    """
    objective = as_objective(loss)
    one_of(kind, "kind", KINDS)
    if kind == "objective":
        if temperature is not None:
            raise ProblemError(
                f"Argument `temperature` must be left out of the potential 'objective', but is {temperature}."
            )
        return objective
    if temperature is None:
        raise ProblemError("Argument `temperature` must be a positive number for the potential 'witten', but is None.")
    t = real(temperature, "temperature", positive=True)
    if objective.domain is not None:
        raise ProblemError(f"The objective `{objective.name}` is a table, which has no derivatives between its points.")
    steps = _steps(objective, domain)
    spacing = None if steps is None else [step / _OF_SPACING for step in steps]

    def fn(points: np.ndarray) -> np.ndarray:
        """``|grad zeta|^2 / (4 T) - Lap zeta / 2`` at points ``(m, ndim)``."""
        square = (objective.gradient(points, spacing) ** 2).sum(axis=1)
        out: np.ndarray = square / (4 * t) - 0.5 * laplacian(objective, points, steps)
        return out

    return Objective(fn, f"witten({objective.name}, T={t:g})", bounds=objective.bounds)


def _steps(loss: Objective, domain: Domain | None) -> list[float] | None:
    """Steps of second differences along each axis: in the unit of the weights, where a grid or bounds tell it."""
    if isinstance(domain, Grid):
        return [_OF_SPACING * h for h in domain.spacing]
    return None if loss.bounds is None else [(b - a) / _OF_BOUNDS for a, b in loss.bounds]


def laplacian(loss: Objective, points: np.ndarray, steps: Sequence[float] | None = None) -> np.ndarray:
    """``sum_i d^2 V / dw_i^2`` at points ``(m, ndim)`` by central differences of order six (of the gradient where it is known).

    ``steps`` are those of the differences, one an axis (0.02 where they are not given).

    >>> laplacian(Objective(lambda w: w[:, 0] ** 4 + w[:, 1] ** 2), np.array([[1.0, 5.0]])).round(6).tolist()
    [14.0]
    """
    points = np.atleast_2d(np.asarray(points, dtype=float))
    total = np.zeros(len(points))
    for axis in range(points.shape[1]):
        total += _second(loss, points, axis, _STEP if steps is None else steps[axis])
    return total


def _second(loss: Objective, points: np.ndarray, axis: int, wide: float) -> np.ndarray:
    shift = np.zeros(points.shape[1])
    if loss.gradient_fn is not None:
        step, out = 0.1 * wide, np.zeros(len(points))
        for places, weight in ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60)):
            shift[axis] = places * step
            out += weight * (loss.gradient(points + shift)[:, axis] - loss.gradient(points - shift)[:, axis])
        return out / step
    out = -49 / 18 * loss(points)
    for places, weight in enumerate(_WEIGHTS, start=1):
        shift[axis] = places * wide
        out += weight * (loss(points + shift) + loss(points - shift))
    return out / wide**2


def gibbs_density(
    loss: Objective | Callable[[np.ndarray], np.ndarray], domain: Domain, temperature: float
) -> np.ndarray:
    """``e^{-V / T} / Z`` on the points of a domain, adding up to 1, shape ``domain.shape``: what the Witten form samples.

    >>> from qml_dynamics import Hypercube
    >>> gibbs_density(lambda w: w[:, 0], Hypercube(1), 2.0).round(6).tolist()
    [0.731059, 0.268941]
    """
    values = as_objective(loss).on(domain) / real(temperature, "temperature", positive=True)
    weights = np.exp(values.min() - values)
    return np.asarray(weights / weights.sum())
