"""Objectives by name, two model potentials, and the unit box of quantum Hamiltonian descent."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import cast

import numpy as np

from ...base.arguments import checks_arguments, checks_arguments_but
from ...base.errors import ProblemError, integer, one_of, real, require
from ...base.numeric import listed
from .base import Objective, Rows, columns
from .classifiers import on_box
from .functions import TEST_FUNCTIONS
from .tables import ising, qubo


@checks_arguments_but("center", "curvature")
def quadratic(
    center: float | Sequence[float] = 0.0, curvature: float | Sequence[float] = 1.0, dim: int | None = None
) -> Objective:
    """A harmonic potential, ``zeta(w) = 1/2 sum_i curvature_i (w_i - center_i)^2``.

    Args:
        center, curvature: one number, or one a weight. Where a curvature is negative there is no minimum.
        dim: number of weights; by default as many as ``center`` or ``curvature`` have, else 1.

    Raises:
        ProblemError: for values that are not finite numbers, or lengths that do not agree.

    >>> quadratic(center=1.0, curvature=(1.0, 4.0))(np.array([[2.0, 2.0]]))
    array([2.5])
    """
    lengths = [len(cast(Sequence[float], v)) for v in (center, curvature) if listed(v)]
    size = integer(dim if dim is not None else max(lengths, default=1), "dim", 1, 60)
    place, bend = _per_weight(center, "center", size), _per_weight(curvature, "curvature", size)
    bounded = bool((bend >= 0).all())
    return Objective(
        lambda w: ((columns(w, "quadratic", size) - place) ** 2 @ bend) / 2,
        "quadratic",
        minimum=0.0 if bounded else None,
        minimizer=tuple(place.tolist()) if bounded else None,
        bounds=tuple((float(c) - 4.0, float(c) + 4.0) for c in place),
        gradient_fn=lambda w: (columns(w, "quadratic", size) - place) * bend,
        spec={"name": "quadratic", "params": {"center": place.tolist(), "curvature": bend.tolist(), "dim": size}},
    )


@checks_arguments
def double_well(height: float = 1.0, tilt: float = 0.0) -> Objective:
    """Two wells at -1 and 1 behind a barrier, ``zeta(x) = height (x^2 - 1)^2 + tilt x``, one weight.

    Without a tilt both wells are minima; the left one is stated.

    Raises:
        ProblemError: unless ``height`` is positive and ``tilt`` is finite.

    >>> double_well(height=2.0)(np.array([[-1.0], [0.0]]))
    array([0., 2.])
    """
    height, tilt = real(height, "height", positive=True), real(tilt, "tilt")

    def fn(w: np.ndarray) -> np.ndarray:
        """``height (x^2 - 1)^2 + tilt x`` at points ``(m, 1)``."""
        x = columns(w, "double_well", 1)[:, 0]
        return height * (x**2 - 1) ** 2 + tilt * x

    least = _deepest_well(height, tilt)
    edge = max(2.0, 1.5 * abs(least))
    return Objective(
        fn,
        "double_well",
        minimum=height * (least**2 - 1) ** 2 + tilt * least,
        minimizer=(least,),
        bounds=((-edge, edge),),
        gradient_fn=lambda w: 4 * height * w * (w**2 - 1) + tilt,
        spec={"name": "double_well", "params": {"height": height, "tilt": tilt}},
    )


NAMED: dict[str, Callable[..., Objective]] = {**TEST_FUNCTIONS, "quadratic": quadratic, "double_well": double_well}
"""Name -> function that returns the objective. Each of them can be called without arguments."""

_WITH_DATA: dict[str, Callable[..., Objective]] = {"ising": ising, "qubo": qubo}


@checks_arguments
def named(name: str, /, **params: object) -> Objective:
    """The objective called ``name``: one of ``NAMED``, or ``ising`` and ``qubo`` with their coefficients.

    Args:
        name: for instance ``"ackley"``.
        params: what that function takes (``center=`` of ``quadratic``), and ``unit_box=True`` for :func:`unit_box`.

    Raises:
        ProblemError: for an unknown name (the nearest one is suggested) or an unknown parameter.

    >>> named("levy").minimizer
    (1.0, 1.0)
    """
    known = NAMED | _WITH_DATA
    factory = known[one_of(name, "name", known)]
    scaled = params.pop("unit_box", False)
    require(isinstance(scaled, bool), "unit_box", "be true or false", scaled)
    try:
        inspect.signature(factory).bind(**params)
    except TypeError as error:
        accepted = ", ".join([*inspect.signature(factory).parameters, "unit_box"])
        given = ", ".join(params) or "nothing"
        raise ProblemError(
            f"Argument `params` of `{name}` must be among {accepted}, but is {given}: {error}."
        ) from None
    objective = factory(**params)
    return unit_box(objective) if scaled else objective


@checks_arguments
def unit_box(objective: Objective) -> Objective:
    """The objective on the unit box, its minimum 0: ``F(y) = (f(lo + L y) - f_min) / L`` with ``L = hi - lo``.

    Dividing by ``L`` keeps the size of the gradient. Where the edges of the box differ, each axis is mapped with its
    own length and the value is divided by the longest. Source: Leng, Hickman, Li, Wu, arXiv:2303.01471.

    Raises:
        ProblemError: if the objective has no bounds or no known minimum.

    >>> unit_box(named("sumofsquares"))(np.array([[0.5, 0.5], [1.0, 0.5]]))
    array([0. , 0.5])
    """
    box, least, place, gradient = objective.bounds, objective.minimum, objective.minimizer, objective.gradient_fn
    if box is None or least is None:
        raise ProblemError(f"Argument `objective` must have bounds and a minimum, but `{objective.name}` lacks one.")
    low, lengths = np.array(box)[:, 0], np.diff(np.array(box), axis=1)[:, 0]
    longest = float(lengths.max())

    def original(y: np.ndarray) -> np.ndarray:
        """Points of the unit box in the objective's own coordinates, ``lo + L y``."""
        out: np.ndarray = low + lengths * columns(y, objective.name, len(low))
        return out

    def some(y: np.ndarray, index: np.ndarray) -> np.ndarray:
        """The scaled mean over the rows ``index`` only."""
        assert objective.rows is not None
        return (objective.rows.mean(original(y), index) - least) / longest

    params = {**objective.spec.get("params", {}), "unit_box": True}
    return dataclasses.replace(
        objective,
        fn=lambda y: (objective(original(y)) - least) / longest,
        minimum=0.0,
        minimizer=None if place is None else tuple(((np.array(place) - low) / lengths).tolist()),
        bounds=((0.0, 1.0),) * len(low),
        gradient_fn=None if gradient is None else lambda y: gradient(original(y)) * lengths / longest,
        spec={**objective.spec, "params": params} if objective.spec else {},
        model=on_box(objective.model, low.tolist(), lengths.tolist()),
        rows=None if objective.rows is None else Rows(objective.rows.count, some),
    )


def _deepest_well(height: float, tilt: float) -> float:
    """The root of ``4 height (x^3 - x) + tilt`` on the side against the tilt, which is never a double root."""
    if tilt == 0:
        return -1.0
    roots = np.roots([1.0, 0.0, -1.0, tilt / (4 * height)])
    outer = roots[np.argmin(roots.real)] if tilt > 0 else roots[np.argmax(roots.real)]
    x = float(outer.real)
    for _ in range(3):  # polish by Newton's method
        x -= (x**3 - x + tilt / (4 * height)) / (3 * x**2 - 1)
    return x


def _per_weight(value: object, name: str, size: int) -> np.ndarray:
    if not listed(value):
        return np.full(size, real(value.item() if isinstance(value, np.ndarray) else value, name))
    items = [real(v, name) for v in cast(Iterable[object], value)]
    require(len(items) == size, name, f"be one number or one for each of {size} weights", value)
    return np.array(items)
