"""`Trajectory`: what every method returns, classical or quantum, and how it is written to disk."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.arguments import checks_arguments, checks_arguments_but
from ..base.codec import in_full
from ..base.errors import ProblemError, check_memory, integer, line
from ..base.estimate import Estimate
from ..base.folders import file_mode, make_folder, npz_path
from ..base.members import member
from ..base.printing import WIDTH, cut, printed_briefly
from ..model.problem import Problem
from ..model.spec import describe_method, describe_problem
from .members import Predicting
from .predictions import Chosen, Predictor, law_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .raw_counts import RawCounts

FORMAT = 1


@printed_briefly
@dataclass(frozen=True, eq=False)
class Counts:
    """Samples of one basis: flat grid indices (ascending) and how often each was seen.

    Counts of a circuit whose readout errors were undone have ``raw`` beside them, the samples as they were read; those of a
    :class:`Trajectory` have not.
    """

    index: np.ndarray
    count: np.ndarray
    raw: RawCounts | None = field(default=None, repr=False)

    @property
    def shots(self) -> int:
        """Number of samples."""
        return int(self.count.sum())

    @checks_arguments
    def histogram(self, size: int) -> np.ndarray:
        """Relative frequencies on all ``size`` points; :class:`ProblemError` where there are fewer than an outcome says."""
        size = integer(size, "size", 1 + int(np.max(self.index, initial=0)), 1 << 62)
        check_memory(8 * size, "The histogram")
        dense = np.zeros(size)
        dense[self.index] = self.count / self.count.sum()
        return dense


@printed_briefly
@dataclass(frozen=True)
class Best:
    """The best weights among the samples of the last time, beside the best of as many uniform samples.

    Attributes:
        weights, value: best sampled weights and their loss.
        uniform_weights, uniform_value: the best of as many points drawn uniformly from the domain.
        samples: how many were drawn, each way.
    """

    weights: tuple[float, ...]
    value: float
    uniform_weights: tuple[float, ...]
    uniform_value: float
    samples: int

    @property
    def loss(self) -> float:
        """Loss of the best weights: the same as ``value``."""
        return self.value

    def __str__(self) -> str:
        where = ", ".join(f"{w:.4g}" for w in self.weights)
        return f"loss {self.value:.6g} at ({where}) in {self.samples} samples; uniform sampling finds {self.uniform_value:.6g}"


@dataclass(frozen=True, eq=False)
class Trajectory(Predicting):
    """The answer of a run.

    Attributes:
        times: saved times, shape ``(m,)``.
        density: probability on the points at each time, shape ``(m, *domain.shape)``, each summing to 1.
        states: waves of unit norm, same shape, or None where only samples are known.
        log_norm: logarithm of the norm that the imaginary clock has removed so far, shape ``(m,)``; zeros on the real clock.
        expectations: name to :class:`Estimate` over times: energy, kinetic (mean of minus the Laplacian), objective, and
            the observables that were asked for.
        counts: ``{"weight": per time, "dual": per time}`` of :class:`Counts`, or None for an exact run.
        best: best weights seen, or None where there is no objective.
        parameters: angles of a variational run, shape ``(m, p)``.
        diagnostics: edge weight, momentum tail, steps, and what the method adds.
        stop: in a sentence, why the run ended.
        provenance: versions, seed, seconds, backend.
        problem, method: what was run, as plain data.
    """

    times: np.ndarray
    density: np.ndarray
    states: np.ndarray | None
    log_norm: np.ndarray
    expectations: Mapping[str, Estimate]
    problem: Problem
    method: Any
    counts: Mapping[str, tuple[Counts, ...]] | None = None
    best: Best | None = None
    parameters: np.ndarray | None = None
    diagnostics: Mapping[str, Any] = field(default_factory=dict)
    stop: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reading(self) -> str:
        """How psi is read: ``"born"``, probability ``|psi|^2``."""
        return self.problem.reading

    def __str__(self) -> str:
        domain, problem = self.problem.domain, self.problem
        shots = f"{self.shots} shots a circuit and basis" if self.shots else "exact"
        size = self.density.nbytes + (0 if self.states is None else self.states.nbytes)
        ends = ", ".join(f"{k} {v[0]} -> {v[-1]}" for k, v in self.expectations.items() if k in ("energy", "objective"))
        how = f" on the {problem.clock} clock, {self.provenance.get('backend') or 'classical'}, {shots}"
        return cut(
            "\n".join(
                (
                    f"{line(str(self.method), WIDTH - len(how))}{how}",
                    f"domain: {' x '.join(map(str, domain.shape))} points, {domain.num_qubits} qubits; reading: {self.reading}",
                    f"times: {len(self.times)} from {self.times[0]:g} to {self.times[-1]:g}; {size / 2**20:.1f} MiB",
                    f"expectations: {ends or 'none'}",
                    f"best: {self.best or 'no objective'}",
                    f"stop: {line(self.stop, WIDTH - 6)}",
                )
            )
        )

    __repr__ = __str__

    @property
    def shots(self) -> int | None:
        """Samples a circuit and basis, or None for an exact run."""
        if self.counts:
            return self.counts["weight"][-1].shots
        return next((e.shots for e in self.expectations.values() if e.shots), None)  # put together from samples

    @checks_arguments_but("weights")
    def predictor(
        self, weights: Chosen | None = None, reading: str | None = None, time: float | None = None
    ) -> Predictor:
        """The model under a law of its weights; arguments and errors as of :meth:`predict`."""
        return law_of(self, "best" if weights is None else weights, reading, time)

    def plot(self, reference: Trajectory | None = None, marks: Mapping[str, Sequence[float]] | None = None) -> Figure:
        """All pictures of the run in one figure, as ``plotting.plot_summary`` draws them (extra ``viz``)."""
        return member(self, "plot")(self, reference, marks)  # type: ignore[no-any-return]

    @checks_arguments
    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the whole trajectory to one ``.npz`` file (no pickle), by rename: whole or not at all.

        The problem is stored as plain data; an objective that is a function of yours is stored as its table of values.
        Read it back with ``qml_dynamics.load``.
        """
        target = npz_path(path)
        write_npz(target, sealed(self.to_arrays()))
        return target

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Everything as named arrays, what is no number as JSON in ``meta``."""
        waves, arrays = self._waves()
        arrays |= {"times": self.times, "log_norm": self.log_norm}
        if self.parameters is not None:
            arrays["parameters"] = self.parameters
        for basis, per_time in (self.counts or {}).items():
            for i, counts in enumerate(per_time):
                arrays[f"counts/{basis}/{i}/index"], arrays[f"counts/{basis}/{i}/count"] = counts.index, counts.count
        for name, estimate in self.expectations.items():
            arrays[f"expectations/{name}/value"] = np.asarray(estimate.value)
            arrays[f"expectations/{name}/stderr"] = np.broadcast_to(estimate.stderr, np.shape(estimate.value))
        spec, extra = describe_problem(self.problem, tables=self._has_tables)
        arrays.update(extra)
        meta = {
            "format": FORMAT,
            "problem": spec,
            "method": in_full(describe_method(self.method)),
            "shots": {name: e.shots for name, e in self.expectations.items()},
            "best": None if self.best is None else vars(self.best),
            "diagnostics": plain(self.diagnostics),
            "stop": self.stop,
            "provenance": plain(self.provenance),
            **waves,
        }
        arrays["meta"] = np.array(json.dumps(plain(meta)))
        return arrays

    @property
    def _has_tables(self) -> bool:
        """Whether a table of the loss is no larger than what is stored anyway."""
        return True

    def _waves(self) -> tuple[dict[str, object], dict[str, np.ndarray]]:
        """What a file says of the waves, and their arrays."""
        arrays = {"density": self.density}
        return {}, arrays if self.states is None else {**arrays, "states": self.states}


def plain(value: object) -> Any:
    """Nested data with NumPy numbers and arrays turned into Python's own, as JSON wants it."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Estimate):
        return {"value": plain(value.value), "stderr": plain(value.stderr), "shots": value.shots}
    return value


SEAL = "sha256"


def sealed(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays with the SHA-256 of all their bytes among them, by which a later edit is seen.

    >>> arrays = sealed({"times": np.array([0.0, 1.0])})
    >>> is_sealed(arrays), is_sealed({**arrays, "times": np.array([0.0, 2.0])})
    (True, False)
    """
    return {**arrays, SEAL: np.array(_digest(arrays))}


def is_sealed(arrays: Mapping[str, np.ndarray]) -> bool:
    """Whether arrays are those that :func:`sealed` saw; True for files of earlier versions, which say nothing of it."""
    rest = {name: array for name, array in arrays.items() if name != SEAL}
    return SEAL not in arrays or str(arrays[SEAL]) == _digest(rest)


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data if array.size else b"")
    return digest.hexdigest()


def write_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write an NPZ file by rename; raises :class:`ProblemError` when it cannot be written."""
    with atomic_file(path) as handle:
        np.savez(handle, **arrays)  # type: ignore[arg-type]


class atomic_file:
    """A binary file that appears under its name only when the block ends without an error.

    Raises:
        ProblemError: the folder cannot be made or written, or the disk is full; nothing half written is left behind.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Any:
        if self.path.exists() and not self.path.is_file() and not self.path.is_dir():
            raise ProblemError(
                f"Argument `out` must be a file, but {self.path} is a device or a pipe, which a file would replace."
            )
        try:
            if not self.path.parent.is_dir():
                make_folder(self.path.parent, "out")
            number, self.name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
        except OSError as error:
            reason = error.strerror or error
            raise ProblemError(
                f"Argument `out` must be a folder that can be written, but {self.path.parent} is not: {reason}."
            ) from None
        self.handle = os.fdopen(number, "wb")
        return self.handle

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        failed = value if isinstance(value, OSError) and value.filename is None else None  # writing names no file
        try:
            if kind is None:
                self._finish()
        except OSError as error:
            failed = error
        if kind is None and failed is None:
            return
        with suppress(OSError):  # what is left in its buffer fails once more
            self.handle.close()
        with suppress(OSError):
            os.unlink(self.name)
        if failed is not None:
            raise ProblemError(
                f"Argument `out` must be a place that can be written, but {self.path} is not: {failed.strerror or failed}. "
                "Nothing of it was left there."
            ) from None

    def _finish(self) -> None:
        self.handle.flush()
        os.fsync(self.handle.fileno())
        self.handle.close()
        os.chmod(self.name, file_mode(self.path.parent))
        os.replace(self.name, self.path)
