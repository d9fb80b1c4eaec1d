"""The outcomes of one batch on disk: three arrays without pickle, written by rename."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import BackendError
from ..trajectory import Counts, write_npz

RESULTS = "results"


def result_name(number: int, attempt: int) -> str:
    """The file of a batch, relative to the run folder.

    >>> result_name(3, 0)
    'results/batch-00003-0.npz'
    """
    return f"{RESULTS}/batch-{number:05d}-{attempt}.npz"


def write_results(path: Path, outcomes: Sequence[Counts]) -> None:
    """Write all circuits of a batch, whole or not at all."""
    arrays = {
        "index": np.concatenate([np.asarray(c.index) for c in outcomes]),
        "count": np.concatenate([np.asarray(c.count) for c in outcomes]),
        "sizes": np.array([len(c.index) for c in outcomes]),
    }
    write_npz(path, arrays)


def read_results(path: Path) -> list[Counts]:
    """What :func:`write_results` wrote; raises :class:`BackendError` when the file is gone or damaged."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            index, count, sizes = archive["index"], archive["count"], archive["sizes"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())[:120]
        raise BackendError(f"The result file {path} must be readable, but is not: {reason}") from None
    ends = np.cumsum(sizes)
    return [Counts(index[end - n : end], count[end - n : end]) for end, n in zip(ends, sizes)]


def check_complete(outcomes: Sequence[Counts], circuits: int, shots: int, what: str) -> None:
    """Raise :class:`BackendError` unless there are ``shots`` outcomes (or more, where a device rounds up) a circuit."""
    if len(outcomes) != circuits:
        raise BackendError(
            f"{what} gave an incomplete result, {len(outcomes)} of {circuits} circuits; nothing was kept."
        )
    for i, counts in enumerate(outcomes):
        if counts.shots < shots:
            raise BackendError(
                f"{what} gave an incomplete result, {counts.shots} of {shots} shots of circuit {i}; nothing was kept."
            )
