"""Two potentials of one loss V: V itself, and Witten's ``|grad V|^2 / (4 T) - Lap V / 2``, whose ground state is the Gibbs law.

``p_t = div(p grad V) + T Lap p`` with ``p = e^{-V / 2T} phi`` becomes ``phi_t = T Lap phi - zeta_W phi`` with the Witten potential
``zeta_W = |grad V|^2 / (4 T) - Lap V / 2``: with diffusion ``D = T`` its ground state has energy 0 and is ``e^{-V / 2T}``, so that the
Born law is ``e^{-V / T} / Z`` exactly. With ``zeta = V`` it is not. Source: Witten, J. Differ. Geom. 17, 661
(1982); Risken, The Fokker-Planck Equation (1989).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ..base.arguments import checks_arguments
from ..base.errors import ProblemError, one_of, real
from .domains import Domain
from .objectives.base import Objective
from .problem import as_objective

KINDS = ("objective", "witten")
_WEIGHTS = np.array([3 / 2, -3 / 20, 1 / 90])  # central second difference of order six, beside -49/18 in the middle
_STEP = 2e-2


@checks_arguments
def potential(
    loss: Objective | Callable[[np.ndarray], npt.ArrayLike], kind: str = "objective", temperature: float | None = None
) -> Objective:
    """The loss as a potential: itself, or its Witten potential at a temperature.

    Args:
        loss: an :class:`Objective`, or a function of points ``(m, ndim) -> (m,)``.
        kind: ``"objective"`` (zeta = V: finds minima, prefers flat ones) or ``"witten"`` (samples ``e^{-V / T}``).
        temperature: T, positive; of the Witten potential only. Use the same number as the problem's diffusion.

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

    def fn(points: np.ndarray) -> np.ndarray:
        square = (objective.gradient(points) ** 2).sum(axis=1)
        out: np.ndarray = square / (4 * t) - 0.5 * laplacian(objective, points)
        return out

    return Objective(fn, f"witten({objective.name}, T={t:g})", bounds=objective.bounds)


def laplacian(loss: Objective, points: np.ndarray) -> np.ndarray:
    """``sum_i d^2 V / dw_i^2`` at points ``(m, ndim)`` by central differences of order six (of the gradient where it is known).

    >>> laplacian(Objective(lambda w: w[:, 0] ** 4 + w[:, 1] ** 2), np.array([[1.0, 5.0]])).round(6).tolist()
    [14.0]
    """
    points = np.atleast_2d(np.asarray(points, dtype=float))
    total = np.zeros(len(points))
    for axis in range(points.shape[1]):
        total += _second(loss, points, axis)
    return total


def _second(loss: Objective, points: np.ndarray, axis: int) -> np.ndarray:
    shift = np.zeros(points.shape[1])
    if loss.gradient_fn is not None:
        step, out = 0.1 * _STEP, np.zeros(len(points))
        for places, weight in ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60)):
            shift[axis] = places * step
            out += weight * (loss.gradient(points + shift)[:, axis] - loss.gradient(points - shift)[:, axis])
        return out / step
    out = -49 / 18 * loss(points)
    for places, weight in enumerate(_WEIGHTS, start=1):
        shift[axis] = places * _STEP
        out += weight * (loss(points + shift) + loss(points - shift))
    return out / _STEP**2


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
