"""Arrays that a problem file or a saved run names."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np

from ...base.errors import describe
from ...base.places import Place
from .messages import fail

Arrays = Mapping[str, np.ndarray]


def find_array(section: str, key: str, name: str, arrays: Arrays, place: Place) -> np.ndarray:
    """The array called ``name``: one of ``arrays``, or a ``.npy`` file of ``place``."""
    if name in arrays:
        return arrays[name]
    path = None if place.folder is None else place.file(section, key, name)
    if path is None or not os.path.isfile(path):  # a pipe or a device is none, and the name may be of any length
        fail(section, f"{key} must be a .npy file that exists, but is {describe(name)}.")
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        words = "it holds no plain array" if "pickle" in str(error) else " ".join(str(error).split())[:120]
        fail(section, f"{key} must be a .npy file of numbers, but {name} is not: {words}.")
    if not isinstance(array, np.ndarray):
        fail(section, f"{key} must be one array (.npy), but {name} holds several.")
    return array
