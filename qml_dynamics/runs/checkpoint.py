"""Checkpoints of a long computation: the last complete one comes back bit by bit, with its random numbers."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np

from ..base.archive import FOREIGN, checked, of, read_npz, reading
from ..base.arguments import checks_arguments
from ..base.errors import ProblemError, integer, one_of
from ..base.printing import printed_briefly
from ..base.texts import parse_json
from ..results.trajectory import plain, write_npz

FORMAT = 1
_NAME = re.compile(r"step-(\d+)\.npz")
_PREFIX = "array/"


@printed_briefly
@dataclass(frozen=True, eq=False)
class Saved:
    """One checkpoint.

    Attributes:
        step: how many steps were complete.
        arrays: name to array, as they were, to the bit.
        generator: a random generator that goes on where the saved one was, or None.
        meta: plain data.
    """

    step: int
    arrays: Mapping[str, np.ndarray]
    generator: np.random.Generator | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


class Checkpoint:
    """Checkpoints in a folder, each written by rename; the last ``keep`` of them stay.

    Args:
        folder: made at the first :meth:`save`.
        keep: how many to keep; 2, so that a disk that loses the last one has another.

    >>> import tempfile
    >>> rng = np.random.default_rng(7)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Checkpoint(folder).save(3, {"theta": np.array([0.1, 0.2])}, generator=rng)
    ...     saved = Checkpoint(folder).load()
    >>> saved.step, saved.arrays["theta"], saved.generator.random() == rng.random()
    (3, array([0.1, 0.2]), True)
    """

    @checks_arguments
    def __init__(self, folder: str | os.PathLike[str], keep: int = 2) -> None:
        self.folder = Path(folder)
        self.keep = integer(keep, "keep", 1, 10**6)

    @checks_arguments
    def save(
        self,
        step: int,
        arrays: Mapping[str, np.ndarray],
        *,
        generator: np.random.Generator | None = None,
        meta: Mapping[str, object] | None = None,
    ) -> None:
        """Write the checkpoint after ``step`` steps, whole or not at all.

        Args:
            step: not negative, and none below that of a checkpoint in the folder; one of the same step is replaced.
            arrays: numbers of any dtype but objects.
            generator: its whole state is kept.
            meta: plain data, as JSON has it.

        Raises:
            ProblemError: the folder cannot be written or holds a later step, as another computation leaves it, or an array holds objects.
        """
        step = integer(step, "step", 0, 10**12)
        later = [path for path in self._files() if _step(path) > step]
        if whole := [path for path in later if _is_whole(path)]:
            held = f"{_step(whole[-1])}, which {self.folder} holds (clear it, or name another folder)"
            raise ProblemError(f"Argument `step` must not be below {held}, but is {step}.")
        for name, array in arrays.items():
            if np.asarray(array).dtype.hasobject:
                raise ProblemError(f"Argument `arrays` must hold numbers, but {name!r} holds objects.")
        state = None if generator is None else plain(generator.bit_generator.state)
        head = {"format": FORMAT, "step": step, "generator": state, "meta": plain(dict(meta or {}))}
        stored = {_PREFIX + name: np.asarray(array) for name, array in arrays.items()}
        write_npz(self.folder / f"step-{step:08d}.npz", {"head": np.array(json.dumps(head)), **stored})
        for old in (*later, *[path for path in self._files() if path not in later][: -self.keep]):
            old.unlink(missing_ok=True)

    def load(self) -> Saved | None:
        """The last complete checkpoint, or None where there is none.

        Raises:
            ProblemError: a newer version of the library wrote it, or all that there are are damaged.
        """
        damaged: list[str] = []
        for path in reversed(self._files()):
            try:
                head, arrays = _read(path)
            except ProblemError as error:
                damaged.append(str(error))
                continue  # a disk may still damage a file: the one before it serves
            if head["format"] > FORMAT:
                raise ProblemError(
                    f"Argument `folder` must hold checkpoints of format {FORMAT} or older, but {path} has format "
                    f"{head['format']}: a newer version of qml-dynamics wrote it."
                )
            return Saved(head["step"], arrays, _generator(head["generator"]), head["meta"])
        if damaged:  # to begin anew would cost again what was paid for, without a word
            raise ProblemError(damaged[0])
        return None

    def clear(self) -> None:
        """Remove all checkpoints, when the computation is complete."""
        for path in self._files():
            path.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        found = [path for path in self.folder.glob("step-*.npz") if _NAME.fullmatch(path.name) and path.is_file()]
        return sorted(found, key=_step)


def _step(path: Path) -> int:
    return int(path.stem.removeprefix("step-"))


def _is_whole(path: Path) -> bool:
    """Whether a checkpoint can be read; from one that is damaged no computation goes on, but from the one before it."""
    try:
        _read(path)
    except ProblemError:
        return False
    return True


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Head and arrays of a checkpoint; :class:`ProblemError` where it is damaged."""
    must = f"Argument `folder` must hold checkpoints, but {path} is damaged"
    stored = read_npz(path, must)
    with reading(must):
        head = of(parse_json(str(checked(stored, "head", "U", ()))), dict, "head")
        kinds: dict[str, type | tuple[type, ...]] = {
            "format": int,
            "step": int,
            "generator": (dict, NoneType),
            "meta": dict,
        }
        for key, kind in kinds.items():
            of(head[key], kind, key)
    return head, {n.removeprefix(_PREFIX): array for n, array in stored.items() if n.startswith(_PREFIX)}


def _generator(state: dict[str, Any] | None) -> np.random.Generator | None:
    if state is None:
        return None
    known = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")
    kind = state.get("bit_generator") if isinstance(state, dict) else state
    bits = getattr(np.random, one_of(kind, "generator", known))()
    must = "Argument `folder` must hold checkpoints, but the state of a random generator is damaged"
    with reading(must, damage=FOREIGN):
        bits.state = _as_arrays(state)
    return np.random.Generator(bits)


def _as_arrays(value: object) -> Any:
    """JSON has turned the arrays of a state into lists; NumPy wants them back."""
    if isinstance(value, dict):
        return {k: _as_arrays(v) for k, v in value.items()}
    return np.array(value, dtype=np.uint64) if isinstance(value, list) else value
