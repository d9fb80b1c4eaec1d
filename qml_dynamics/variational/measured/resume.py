"""What a measured run keeps on disk so that it can go on: outcomes as arrays, and the mark by which it knows its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ...hamiltonian import LearningHamiltonian
from ..method import PLAIN, Variational
from .device import Device
from .outcomes import Outcome

if TYPE_CHECKING:
    from ...job import Job


class Keeper(Protocol):
    """Where a run keeps its state: `qml_dynamics.runs.Checkpoint`."""

    def save(self, step: int, arrays: Mapping[str, np.ndarray], *, generator: Any = None, meta: Any = None) -> None:
        """Keep it."""
        ...

    def load(self) -> Any:
        """The last one kept (``step``, ``arrays``, ``meta``), or None."""
        ...


def mark(job: Job, device: Device, ends: np.ndarray) -> str:
    """What must be the same for a checkpoint to fit, as one number."""
    assert job.backend is not None
    method: Variational = job.method
    h = job.h
    numbers = (h.zeta, h.dual) if isinstance(h, LearningHamiltonian) else (h.terms.x, h.terms.z, h.terms.coefficients)
    digest = hashlib.sha256()
    for array in (*numbers, ends, job.saves, device.theta0, device.sequence.amounts(device.theta0)):
        digest.update(np.ascontiguousarray(array).tobytes())
    schedules = (repr(job.problem.diffusion), repr(job.problem.strength))
    given = PLAIN if method.regularisation is None else method.regularisation
    solver = "own" if callable(given) else repr(given)
    options = (method.metric, method.resamplings, method.integrator, solver)
    watched = [o.name for o in job.observables]
    digest.update(repr((job.problem.clock, job.shots, job.backend.name, options, schedules, watched)).encode())
    return digest.hexdigest()


def packed(name: str, outcomes: Iterable[Outcome]) -> dict[str, np.ndarray]:
    """Outcomes as a few arrays."""
    found = list(outcomes)
    return {
        f"{name}/index": np.concatenate([o.index for o in found]),
        f"{name}/count": np.concatenate([o.count for o in found]),
        f"{name}/length": np.array([len(o.index) for o in found]),
        f"{name}/shots": np.array([-1 if o.shots is None else o.shots for o in found]),
    }


def unpacked(arrays: Mapping[str, np.ndarray], name: str) -> list[Outcome]:
    """:func:`packed`, undone."""
    cuts = np.cumsum(arrays[f"{name}/length"])[:-1]
    index, count = (np.split(arrays[f"{name}/{part}"], cuts) for part in ("index", "count"))
    shots = arrays[f"{name}/shots"].tolist()
    return [Outcome(i, c, None if n < 0 else n) for i, c, n in zip(index, count, shots)]
