"""Whether the distance of a run from its reference is explained by the parts of its error that can be named.

The parts, as total variations over the same coarse cells of the last density: ``method``, from the reference to the same method as
exact circuits on ``"statevector"`` (formula and encoding); ``device``, from there to the exact noisy probabilities of a noisy backend;
``shots``, what sampling makes on average with four standard deviations. By the triangle inequality their sum bounds the
distance of a right run; a run beyond it is wrong in a way that no part of it says.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..backends import Backend, capabilities
from ..base.errors import QMLDynamicsError
from ..base.interrupts import whole
from ..methods.base import Facts, Method
from ..methods.evolution import evolve
from ..results.trajectory import Trajectory
from .comparison import noise_floor
from .error_parts import coarse_cells

_SIGMAS = 4.0
_ROUNDING = 1e-6  # of two exact runs, and what is left of the reference's own error


@dataclass(frozen=True)
class Explanation:
    """The distance of a run from its reference, and the parts that explain it.

    Attributes:
        distance: total variation of the last densities over the cells.
        parts: name to total variation.
        unknown: parts that are there and could not be measured.
        explained: whether the parts add up to the distance or more, or one of them is not known.
    """

    distance: float
    parts: Mapping[str, float]
    unknown: tuple[str, ...]
    explained: bool

    def __str__(self) -> str:
        named = [f"{name} {value:.2g}" for name, value in self.parts.items()]
        named += [f"{name} (not measured)" for name in self.unknown]
        parts = ", ".join(named) or "nothing that is named"
        if self.explained:
            return f"The distance over coarse cells, {self.distance:.2g}, is explained by {parts}."
        return f"The distance over coarse cells, {self.distance:.2g}, is NOT explained by {parts}."


def explain(run: Trajectory, reference: Trajectory, method: Method, backend: Backend | None) -> Explanation:
    """Measure the parts of a run; nothing is sent to a device.

    Args:
        run: what was run, by ``method`` on ``backend`` (None: classically).
        reference: the classical reference with the same saved times.
        method, backend: of the run.
    """
    facts, sampled = method.facts(), run.counts is not None or run.provenance.get("shots") is not None
    noisy = backend is not None and not capabilities(backend).exact
    parts: dict[str, float] = {}
    unknown: list[str] = []
    distance = _between(run, reference)
    twin = run if backend is None and not sampled else _twin(run, method, None, facts)
    if twin is None:
        unknown.append("method")
    else:
        parts["method"] = _between(twin, reference)
    if noisy:
        device = _twin(run, method, backend, facts) if twin is not None and facts.circuits_known_ahead else None
        if device is None or twin is None:
            unknown.append("device")
        else:
            parts["device"] = _between(device, twin)
    if sampled:
        parts["shots"] = _floor(run)
        if not facts.circuits_known_ahead and backend is not None:
            unknown.append("angles from samples")
    most = sum(parts.values()) + _ROUNDING
    return Explanation(distance, parts, tuple(unknown), bool(unknown) or distance <= most)


def _twin(run: Trajectory, method: Method, backend: Backend | None, facts: Facts) -> Trajectory | None:
    """The same run with exact probabilities; None where there is no such run."""
    where = "statevector" if backend is None and facts.runs_on == "backend" else backend
    seed = run.provenance["seed"] if isinstance(run.provenance["seed"], int) else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            save = run.times.tolist()  # saves cut steps
            return whole(evolve(run.problem, method, backend=where, seed=seed, save=save, progress=False))
        except (QMLDynamicsError, MemoryError):
            return None


def _cells(run: Trajectory) -> np.ndarray:
    return coarse_cells(run.density[-1], run.problem.domain).reshape(-1)


def _between(a: Trajectory, b: Trajectory) -> float:
    return 0.5 * float(np.abs(_cells(a) - _cells(b)).sum())


def _floor(run: Trajectory) -> float:
    """What the samples of the last density make, at most."""
    shots = _samples(run)
    if shots is None:
        return 0.0
    p = np.clip(_cells(run), 0.0, None)
    p = (shots * p + 0.5) / (shots + 0.5 * p.size)  # rare cells without a sample have a chance too
    floor = noise_floor(p, p, shots, None)
    return float(floor.value) + _SIGMAS * float(floor.stderr)


def _samples(run: Trajectory) -> int | None:
    """Plain samples that the last density is worth."""
    if run.counts is not None:
        return int(run.counts["weight"][-1].shots)
    shots = run.provenance.get("shots")
    weights = np.asarray(run.diagnostics.get("coefficients", [1.0]))
    return None if shots is None else max(1, round(int(shots) / float((weights**2).sum())))
