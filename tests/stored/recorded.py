"""What a stored file must give back, as plain data: taken when it was written, compared whenever it is read.

A record holds numbers and words only, and is made from public attributes, so that neither side of a comparison depends on how
the library keeps its files.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

import qml_dynamics
from qml_dynamics import Grid, Problem, Trajectory

MANY = 64  # a loss on a larger domain is compared at as many points
FRACTIONS = (0.0, 0.13, 0.5, 0.87, 1.0)  # of the duration: where schedules are compared


def plain(value: Any) -> Any:
    """Nested data as JSON has it; complex numbers and arrays of them as their two parts."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return {"re": value.real.tolist(), "im": value.imag.tolist()} if np.iscomplexobj(value) else value.tolist()
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, complex):
        return {"re": value.real, "im": value.imag}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if hasattr(value, "stderr"):  # an estimate
        return {"value": plain(value.value), "stderr": plain(value.stderr), "shots": value.shots}
    return value


def of_trajectory(run: Trajectory) -> dict[str, Any]:
    """Everything that a trajectory says."""
    return {
        "times": plain(run.times),
        "density": plain(run.density),
        "states": None if run.states is None else plain(run.states),
        "log_norm": plain(run.log_norm),
        "parameters": None if run.parameters is None else plain(run.parameters),
        "expectations": {name: _estimate(e) for name, e in run.expectations.items()},
        "counts": None if run.counts is None else {k: [_counts(c) for c in v] for k, v in run.counts.items()},
        "best": None if run.best is None else plain(vars(run.best)),
        "stop": run.stop,
        "shots": run.shots,
        "reading": run.reading,
        "diagnostics": plain(run.diagnostics),
        "provenance": plain(run.provenance),
        "method": of_part(run.method),
        "problem": of_problem(run.problem),
    }


def _estimate(e: Any) -> dict[str, Any]:
    value = np.asarray(e.value)
    return {"value": plain(value), "stderr": np.broadcast_to(e.stderr, value.shape).tolist(), "shots": e.shots}


def _counts(c: Any) -> dict[str, Any]:
    return {"index": plain(c.index), "count": plain(c.count)}


def of_problem(problem: Problem) -> dict[str, Any]:
    """Domain, coefficients over time, loss or operator, and the initial wave, by their values."""
    domain, operator = problem.domain, problem.operator
    return {
        "domain": _domain(domain),
        "clock": problem.clock,
        "duration": problem.duration,
        "reading": problem.reading,
        "diffusion": _schedule(problem.diffusion, problem.duration),
        "strength": _schedule(problem.strength, problem.duration),
        "initial": _initial(problem),
        "objective": None if problem.objective is None else _objective(problem),
        "operator": None if operator is None else dict(zip(operator.labels, plain(operator.coefficients))),
    }


def _domain(domain: Any) -> dict[str, Any]:
    names = ("bounds", "qubits", "boundary", "twist") if isinstance(domain, Grid) else ("num_weights", "values")
    return {"type": type(domain).__name__, **{name: plain(getattr(domain, name)) for name in names}}


def _schedule(schedule: Any, duration: float) -> dict[str, Any]:
    times = [duration * f for f in FRACTIONS]
    integrals = [float(schedule.integral(a, b, duration)) for a, b in zip(times, times[1:])]
    return {"values": [float(schedule.value(t, duration)) for t in times], "integrals": integrals}


def _places(size: int) -> np.ndarray:
    """All points, or some of a large domain."""
    return np.arange(size) if size <= MANY else np.linspace(0, size - 1, MANY).astype(int)


def _initial(problem: Problem) -> dict[str, Any]:
    """The kind of wave and its amplitudes; a wave of one's own only by them."""
    wave = problem.initial.vector(problem.domain).reshape(-1)
    kind = type(problem.initial).__name__
    return {"type": kind if hasattr(qml_dynamics, kind) else None, "wave": plain(wave[_places(wave.size)])}


def _objective(problem: Problem) -> dict[str, Any]:
    """Name and values."""
    assert problem.objective is not None
    points = problem.domain.points_at(_places(problem.domain.size))
    return {"name": problem.objective.name, "values": plain(problem.objective(points))}


def of_part(part: Any) -> Any:
    """A method, or a part of one: its type and options; a circuit by the wave at its start."""
    if part is None or isinstance(part, (bool, int, float, str)):
        return part
    if hasattr(part, "source") and hasattr(part, "program"):
        return {"type": type(part).__name__, "options": {"theta0": list(part.theta0)}, "state": plain(part.state())}
    if is_dataclass(part) and not isinstance(part, type):
        options = {f.name: of_part(getattr(part, f.name)) for f in fields(part)}
        return {"type": type(part).__name__, "options": options}
    if isinstance(part, (list, tuple)):
        return [of_part(p) for p in part]
    if isinstance(part, (np.ndarray, np.generic)):
        return plain(part)
    return {"type": "function" if callable(part) else type(part).__name__}


NEW_NAMES = {"circuits": "draws"}  # of options of methods, see the changelog


def check_part(found: Any, recorded: Any, where: str = "method") -> None:
    """Assert that a method has the recorded type and every recorded option; it may have more of them by now."""
    if isinstance(recorded, dict) and "type" in recorded:
        assert type(found).__name__ == recorded["type"], f"{where} is {found!r}"
        for name, value in recorded.get("options", {}).items():
            check_part(getattr(found, NEW_NAMES.get(name, name)), value, f"{where}.{name}")
        if "state" in recorded:
            check(plain(found.state()), recorded["state"], f"{where}.state", 1e-12)
        return
    if isinstance(recorded, list) and any(isinstance(r, dict) for r in recorded):
        assert len(found) == len(recorded), where
        for i, (a, b) in enumerate(zip(found, recorded)):
            check_part(a, b, f"{where}[{i}]")
        return
    if where.endswith(".regularisation") and found is None and recorded == 1e-6:
        return  # the default of then; that of now is chosen by the run, see the changelog
    check(plain(found), recorded, where, 1e-12)


def check(found: Any, recorded: Any, where: str, tolerance: float = 1e-12) -> None:
    """Assert that ``found`` holds what was recorded: keys may have been added, numbers agree to ``tolerance``.

    The tolerance is absolute for numbers below one, and relative above.
    """
    if isinstance(recorded, dict):
        assert isinstance(found, Mapping), f"{where} is {found!r}"
        missing = [key for key in recorded if key not in found]
        assert not missing, f"{where} lacks {missing}"
        for key, value in recorded.items():
            check(found[key], value, f"{where}.{key}", tolerance)
    elif isinstance(recorded, list):
        assert isinstance(found, Sequence), f"{where} is {found!r}"
        assert not isinstance(found, str), f"{where} is {found!r}"
        assert len(found) == len(recorded), f"{where} has {len(found)} entries in place of {len(recorded)}"
        for i, (a, b) in enumerate(zip(found, recorded)):
            check(a, b, f"{where}[{i}]", tolerance)
    elif isinstance(recorded, float) and not isinstance(found, bool) and isinstance(found, (int, float)):
        same = found == recorded or (math.isnan(found) and math.isnan(recorded))
        close = same or abs(found - recorded) <= tolerance * max(1.0, abs(recorded))
        assert close, f"{where} is {found!r} in place of {recorded!r}"
    else:
        assert found == recorded, f"{where} is {found!r} in place of {recorded!r}"
        assert type(found) is type(recorded), f"{where} is {type(found).__name__} in place of {recorded!r}"


def read(path: Path) -> Any:
    """A record."""
    return json.loads(path.read_text(encoding="utf-8"))


def write(path: Path, record: Any) -> None:
    """Write a record, which JSON must be able to hold."""
    path.write_text(json.dumps(record) + "\n", encoding="utf-8")
