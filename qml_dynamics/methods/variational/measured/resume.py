"""Checkpoints of a measured run: outcomes as arrays, and what must be the same for them to belong to it.

A module of its own beside `run`: what a checkpoint holds, read and compared before it is trusted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from ....backends.meaning import SAME
from ....backends.records import Record, probe, same_probe
from ....base.printing import whole_text
from ....model.hamiltonians import LearningHamiltonian
from ..options import PLAIN, Variational
from .device import Device
from .outcomes import Outcome

if TYPE_CHECKING:
    from ...base import Job

_NUMBERS, _CIRCUIT = "mark/", "circuit/"
Arrays: TypeAlias = Mapping[str, np.ndarray]
Words: TypeAlias = Mapping[str, object]
Random: TypeAlias = np.random.Generator


class Kept(Protocol):
    """One state that was kept."""

    @property
    def step(self) -> int:
        """How many steps were complete."""
        ...

    @property
    def arrays(self) -> Mapping[str, np.ndarray]:
        """Name to array."""
        ...

    @property
    def meta(self) -> Mapping[str, object]:
        """Plain data."""
        ...


class Keeper(Protocol):
    """Where a run keeps its state: `qml_dynamics.runs.Checkpoint`."""

    def save(self, step: int, arrays: Arrays, *, generator: Random | None = None, meta: Words | None = None) -> None:
        """Keep it."""
        ...

    def load(self) -> Kept | None:
        """The last one kept (``step``, ``arrays``, ``meta``), or None."""
        ...


def marks(
    job: Job, method: Variational, device: Device, ends: np.ndarray
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What must be the same for a checkpoint to fit: words exactly, numbers to 1e-9, and the circuit by what it does."""
    known = probe(device.circuit)
    numbers = {**_hamiltonian(job), "ends": ends, "saves": job.saves, "theta0": device.theta0}
    words = {
        "schedules": [whole_text(job.problem.diffusion), whole_text(job.problem.strength)],
        "options": [method.metric, method.resamplings, method.integrator],
        "solver": "own" if callable(method.regularisation) else whole_text(method.regularisation),
        "clock": job.problem.clock,
        "shots": job.shots,
        "backend": job.device.name,
        "watched": [o.name for o in job.observables],
    }
    arrays = {f"{_NUMBERS}{name}": np.asarray(array) for name, array in numbers.items()}
    return words, arrays | {f"{_CIRCUIT}{name}": array for name, array in known.to_arrays().items()}


def _hamiltonian(job: Job) -> dict[str, Any]:
    h = job.h
    if isinstance(h, LearningHamiltonian):
        return {"zeta": h.zeta, "dual": h.dual}
    return {"x": h.terms.x, "z": h.terms.z, "coefficients": h.terms.coefficients}


def fits(saved: Kept, job: Job, method: Variational, device: Device, ends: np.ndarray) -> bool:
    """Whether a checkpoint belongs to this run."""
    if isinstance(saved.meta.get("mark"), str):  # of an earlier version
        return saved.meta["mark"] == earlier_mark(job, method, device, ends)
    words, arrays = marks(job, method, device, ends)
    numbers = [name for name in arrays if name.startswith(_NUMBERS)]
    if saved.meta.get("mark") != words or not all(_close(saved.arrays.get(name), arrays[name]) for name in numbers):
        return False
    known = {n.removeprefix(_CIRCUIT): a for n, a in saved.arrays.items() if n.startswith(_CIRCUIT)}
    return same_probe(Record.from_arrays(known), device.circuit)


def _close(then: np.ndarray | None, now: np.ndarray) -> bool:
    if then is None or then.shape != now.shape:
        return False
    scale = float(np.abs(now).max(initial=0.0))
    return bool(np.abs(then - now).max(initial=0.0) <= SAME * scale)


def earlier_mark(job: Job, method: Variational, device: Device, ends: np.ndarray) -> str:
    """What checkpoints of earlier versions hold: a digest of exact numbers, without the circuit."""
    h = job.h
    numbers = (h.zeta, h.dual) if isinstance(h, LearningHamiltonian) else (h.terms.x, h.terms.z, h.terms.coefficients)
    digest = hashlib.sha256()
    for array in (*numbers, ends, job.saves, device.theta0, device.sequence.amounts(device.theta0)):
        digest.update(np.ascontiguousarray(array).tobytes())
    schedules = (whole_text(job.problem.diffusion), whole_text(job.problem.strength))
    given = PLAIN if method.regularisation is None else method.regularisation
    solver = "own" if callable(given) else whole_text(given)
    options = (method.metric, method.resamplings, method.integrator, solver)
    watched = [o.name for o in job.observables]
    digest.update(repr((job.problem.clock, job.shots, job.device.name, options, schedules, watched)).encode())
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
