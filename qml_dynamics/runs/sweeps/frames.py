"""The table of a sweep for pandas and xarray.

A module of its own beside `table`: it imports pandas and xarray, which a table alone does not need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..foreign_tables import dataset as xarray_dataset
from ..foreign_tables import frame

if TYPE_CHECKING:
    import pandas
    import xarray

    from .table import Sweep


def dataframe(sweep: Sweep) -> pandas.DataFrame:
    """One row a point; see :meth:`Sweep.to_dataframe`."""
    return frame([dict(row) for row in sweep.rows], list(sweep.columns()))


def dataset(sweep: Sweep) -> xarray.Dataset:
    """One dimension a group of keys; see :meth:`Sweep.to_xarray`."""
    dims = [group[0] for group in sweep.axes.groups]
    coordinates: dict[str, Any] = {}
    for group, dim in zip(sweep.axes.groups, dims):
        for key in group:
            coordinates[key] = (dim, _labels(sweep.axes.values[key]))
    names = [name for name in sweep.quantities if any(isinstance(row.get(name), (int, float)) for row in sweep.rows)]
    variables: dict[str, Any] = {name: (dims, sweep.values(name)) for name in names}
    variables["status"] = (dims, np.array([row["status"] for row in sweep.rows]).reshape(sweep.axes.shape))
    return xarray_dataset(variables, coordinates, {"stop": sweep.stop})


def _labels(values: tuple[Any, ...]) -> np.ndarray:
    """Numbers and texts as they are, lists and tables as texts."""
    if (
        all(isinstance(v, (bool, int, float, str)) for v in values)
        and len({type(v) for v in values} - {int, float}) <= 1
    ):
        return np.array(values)
    return np.array([str(v) for v in values])
