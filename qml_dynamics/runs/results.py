"""The outcomes of one batch on disk: arrays without pickle, written by rename; with what mitigation has read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from ..backends.base import Expected
from ..base.archive import checked, nonnegative, read_npz, reading
from ..base.errors import BackendError, ProblemError, describe
from ..results.raw_counts import RawCounts
from ..results.trajectory import Counts, write_npz
from .content import check_result, write_kept
from .ledger import Batch, Ledger
from .own_files import RESULTS

_NOTHING = RawCounts(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros((0, 4)))


def result_name(number: int, attempt: int) -> str:
    """The file of a batch, relative to the run folder.

    >>> result_name(3, 0)
    'results/batch-00003-0.npz'
    """
    return f"{RESULTS}/batch-{number:05d}-{attempt}.npz"


def batch_file(batch: Batch) -> str:
    """The file of a finished batch, relative to the folder; raises :class:`BackendError` where the ledger names another one."""
    name = result_name(batch.number, batch.attempt)
    if batch.result != name:
        raise BackendError(
            f"The result file of batch {batch.number} must be {name}, but the ledger names {describe(batch.result)}."
        )
    return name


def write_results(folder: Path, name: str, outcomes: Sequence[Counts] | Sequence[Expected], ledger: Ledger) -> None:
    """Write all circuits of a batch (counts, or estimates), whole or not at all, and record the file."""
    if isinstance(outcomes[0], Expected):
        estimates = cast(Sequence[Expected], outcomes)
        sizes = np.array([len(e.value) for e in estimates])
        parts = {"value": [e.value for e in estimates], "stderr": [e.stderr for e in estimates]}
    else:
        every = cast(Sequence[Counts], outcomes)
        sizes = np.array([len(c.index) for c in every])
        parts = {"index": [c.index for c in every], "count": [c.count for c in every], **_raw(every)}
    arrays = {name: np.concatenate([np.asarray(part) for part in rows]) for name, rows in parts.items()}
    try:
        write_kept(folder, name, ledger, lambda path: write_npz(path, {**arrays, "sizes": sizes}))
    except ProblemError as error:
        raise BackendError(str(error)) from None


def read_results(folder: Path, name: str, ledger: Ledger) -> list[Any]:
    """What :func:`write_results` wrote; raises :class:`BackendError` when the file is gone, damaged or another one."""
    path = folder / name
    must = f"The result file {path} must be readable, but is not"
    arrays = read_npz(path, must, BackendError)
    with reading(must, BackendError):
        sizes = checked(arrays, "sizes", "iu", (None,), nonnegative)
        many = (int(sizes.sum()),)
        if "value" in arrays:
            kind: type = Expected
            parts = (
                checked(arrays, "value", "f", many),
                checked(arrays, "stderr", "f", many, nonnegative, bounded=False),
            )
        else:
            kind = Counts
            parts = checked(arrays, "index", "iu", many, nonnegative), checked(arrays, "count", "iu", many, nonnegative)
        read = _read(arrays, len(sizes))
    check_result(folder, name, ledger)
    ends = np.cumsum(sizes)
    found = [kind(*(part[end - n : end] for part in parts)) for end, n in zip(ends, sizes)]
    return [replace(counts, raw=r) for counts, r in zip(found, read)] if read else found


def _raw(every: Sequence[Counts]) -> dict[str, list[np.ndarray]]:
    """What mitigation has read of each circuit, and in ``raw_sizes`` how many outcomes and qubits that are; nothing of none."""
    found = [c.raw or _NOTHING for c in every]
    if all(read is _NOTHING for read in found):
        return {}
    sizes = np.array([(len(read.index), len(read.rates)) for read in found])
    return {
        "raw_index": [read.index for read in found],
        "raw_count": [read.count for read in found],
        "raw_rates": [read.rates for read in found],
        "raw_sizes": [sizes],
    }


def _read(arrays: Mapping[str, np.ndarray], circuits: int) -> list[RawCounts | None]:
    """What :func:`_raw` wrote, for each circuit; empty where there is nothing."""
    if "raw_sizes" not in arrays:
        return []
    sizes = checked(arrays, "raw_sizes", "iu", (circuits, 2), nonnegative)
    outcomes, qubits = (int(n) for n in sizes.sum(axis=0))
    cuts, places = (np.cumsum(column)[:-1] for column in sizes.T)
    index, count = (
        np.split(checked(arrays, name, "iu", (outcomes,), nonnegative), cuts) for name in ("raw_index", "raw_count")
    )
    rates = np.split(checked(arrays, "raw_rates", "f", (qubits, 4), nonnegative), places)
    return [RawCounts(*each) if len(each[0]) else None for each in zip(index, count, rates)]


def check_complete(outcomes: Sequence[Counts | Expected], circuits: int, shots: int, what: str) -> None:
    """Raise :class:`BackendError` unless there are ``shots`` outcomes (or more, where a device rounds up) a circuit."""
    if len(outcomes) != circuits:
        raise BackendError(
            f"{what} gave an incomplete result, {len(outcomes)} of {circuits} circuits; nothing was kept."
        )
    for i, counts in enumerate(outcomes):
        if not isinstance(counts, Expected) and counts.shots < shots:
            raise BackendError(
                f"{what} gave an incomplete result, {counts.shots} of {shots} shots of circuit {i}; nothing was kept."
            )
