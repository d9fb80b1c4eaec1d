"""Results of long calls as one sealed file each, read back to the bit: chains, trained circuits, error budgets.

A file is an archive of arrays, and a text of JSON in it that says where they stand (:mod:`.codec`); nothing in it is run as code.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..base.archive import DAMAGE, checked, of, read_npz, reading
from ..base.errors import ProblemError
from ..base.folders import npz_path
from ..base.texts import parse_json
from .codec import packed, unpacked
from .trajectory import SEAL, is_sealed, plain, sealed, write_npz

FORMAT = 1
_HEAD = "head"
PathLike = str | os.PathLike[str]


def write_result(path: PathLike, kind: str, parts: Mapping[str, object]) -> Path:
    """Write a result, whole or not at all; the ending ``.npz`` is added where it is missing.

    Args:
        path: the file.
        kind: of the result, by which its reader knows it.
        parts: what it is made of, of the kinds that :func:`~.codec.packed` knows.

    Raises:
        ProblemError: the file cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_result(Path(folder) / "a", "pair", {"x": np.array([0.1, 0.2]), "stop": "done"})
    ...     read_result(path, "pair")
    {'x': array([0.1, 0.2]), 'stop': 'done'}
    """
    target = npz_path(path)
    arrays: dict[str, np.ndarray] = {}
    head = {"format": FORMAT, "kind": kind, "parts": packed(dict(parts), arrays)}
    write_npz(target, sealed({_HEAD: np.array(json.dumps(head)), **arrays}))
    return target


def read_result(path: PathLike, kind: str) -> dict[str, object]:
    """The parts of a result that :func:`write_result` wrote.

    Raises:
        ProblemError: the file is none of this kind, was damaged or changed, or is of a newer version.
    """
    must = f"Argument `path` must be a saved {kind}, but {path} is not"
    if not Path(path).is_file():
        raise ProblemError(f"Argument `path` must be a saved {kind}, but {path} does not exist.")
    arrays = read_npz(Path(path), must)
    with reading(must, damage=(*DAMAGE, TypeError)):  # which the codec raises on what it did not make
        head = of(parse_json(str(checked(arrays, _HEAD, "U", ()))), dict, _HEAD)
        if head.get("kind") != kind:
            raise ValueError("it is of another kind")
        number = of(head["format"], int, "format")
        if number > FORMAT:
            raise ValueError(f"it is of format {number}, which a newer version of qml-dynamics wrote")
        if SEAL not in arrays or not is_sealed(arrays):
            raise ValueError("it was changed after it was written")
        parts = of(unpacked(head["parts"], arrays), dict, "parts")
        return {of(name, str, "a name"): value for name, value in parts.items()}


def as_json(value: object) -> object:
    """Plain data of what a backend or a method may have said of itself: what JSON does not know becomes a text."""
    return json.loads(json.dumps(plain(value), default=str))
