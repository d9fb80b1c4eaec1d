"""Arrays that a problem file or a saved run names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..errors import describe
from .messages import fail

Arrays = Mapping[str, np.ndarray]


def find_array(section: str, key: str, name: str, arrays: Arrays, folder: Path | None) -> np.ndarray:
    """The array called ``name``: one of ``arrays``, or a ``.npy`` file in ``folder``."""
    if name in arrays:
        return arrays[name]
    path = Path(folder or ".") / name
    if folder is None or not path.is_file():
        fail(section, f"{key} must be a .npy file that exists, but is {describe(name)}.")
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        words = "it holds no plain array" if "pickle" in str(error) else " ".join(str(error).split())[:120]
        fail(section, f"{key} must be a .npy file of numbers, but {name} is not: {words}.")
    if not isinstance(array, np.ndarray):
        fail(section, f"{key} must be one array (.npy), but {name} holds several.")
    return array
