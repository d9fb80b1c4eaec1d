"""Data frames of pandas and data sets of xarray from rows and arrays, through the extra ``tables``.

The one module that imports xarray; pandas comes through `model/tables/parquet.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..base.errors import MethodError
from ..model.tables.parquet import data_frame
from ..results.trajectory import plain

if TYPE_CHECKING:
    import pandas
    import xarray

_REMEDY = 'must be installed for this: pip install "qml-dynamics[tables]".'


def frame(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> pandas.DataFrame:
    """Rows as a data frame; raises :class:`MethodError` where pandas is missing."""
    try:
        return data_frame(rows, columns)
    except ImportError:
        raise MethodError(f"pandas {_REMEDY}") from None


def dataset(
    variables: Mapping[str, Any], coordinates: Mapping[str, Any], attributes: Mapping[str, Any]
) -> xarray.Dataset:
    """Arrays with their dimensions as a data set; raises :class:`MethodError` where xarray is missing."""
    try:
        import xarray
    except ImportError:
        raise MethodError(f"xarray {_REMEDY}") from None
    return xarray.Dataset(variables, coords=coordinates, attrs=plain(attributes))
