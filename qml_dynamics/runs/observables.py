"""Observables in a run folder: functions as their tables of values, operators as their Pauli terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..base.errors import check_memory
from ..model.domains import Domain, Grid
from ..model.masks import mask_texts, masks_from_texts
from ..model.pauli import PauliSum
from ..results.observables import Observable


def describe_observables(
    seen: Sequence[Observable], domain: Domain
) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """Plain data and arrays of the observables of a run."""
    tables = sum(o.terms is None for o in seen)
    check_memory(8 * domain.size * tables, f"{tables} tables of observables")
    spec: list[dict[str, Any]] = []
    arrays: dict[str, np.ndarray] = {}
    for i, o in enumerate(seen):
        spec.append({"name": o.name, "basis": o.basis})
        if o.terms is not None:
            spec[-1]["num_qubits"] = o.terms.num_qubits
            arrays |= {f"{i}/x": mask_texts(o.terms.x), f"{i}/z": mask_texts(o.terms.z)}
            arrays |= {f"{i}/coefficients": o.terms.coefficients}
        else:
            arrays[f"{i}/table"] = o.everywhere(domain)
    return spec, arrays


def read_observables(
    spec: Sequence[Mapping[str, Any]], arrays: Mapping[str, np.ndarray], domain: Domain
) -> dict[str, Any]:
    """The observables again, in the form that ``evolve`` takes."""
    out: dict[str, Any] = {}
    for i, o in enumerate(spec):
        if o["basis"] == "operator":
            x, z = (masks_from_texts(arrays[f"{i}/{letter}"], o["num_qubits"]) for letter in "xz")
            out[o["name"]] = PauliSum(o["num_qubits"], x, z, arrays[f"{i}/coefficients"])
        else:
            out[o["name"]] = tabulated(domain, o["basis"], arrays[f"{i}/table"])
    return out


def tabulated(domain: Domain, basis: str, table: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """A function of weights, or of momenta, that looks its values up: ``(m, ndim) -> (m,)``.

    >>> from qml_dynamics import Grid
    >>> tabulated(Grid((0, 4), 2), "weight", np.array([5.0, 6.0, 7.0, 8.0]))(np.array([[3.0], [0.0]])).tolist()
    [8.0, 5.0]
    """
    momenta = domain.momenta if isinstance(domain, Grid) else (np.array([0.0, 1.0]),) * domain.ndim
    axes = domain.axes if basis == "weight" else momenta
    orders = [np.argsort(axis, kind="stable") for axis in axes]

    def index(points: np.ndarray) -> np.ndarray:
        """The index in the table of points that lie on the grid."""
        where = [order[np.searchsorted(axis[order], points[:, i])] for i, (axis, order) in enumerate(zip(axes, orders))]
        return np.ravel_multi_index(where, domain.shape)

    if basis == "weight":
        return lambda w: table[index(w)]
    return lambda k: table[index(k)]  # the name of the parameter says that these are momenta
