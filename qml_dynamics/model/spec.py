"""Problems, domains, schedules and methods as plain data, as problem files, trajectories and run folders write them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.codec import field_values, is_plain, method_spec
from ..base.errors import describe
from ..base.registry import SPACES, WAVES, named
from .domains import Domain
from .initial import Initial, State
from .objectives.prepared import model_spec
from .operator_sum import OperatorSum
from .pauli import PauliSum
from .problem import Problem, loss_table
from .schedules import QHD, Constant, Schedule, kind_of_schedule


def describe_problem(problem: Problem, *, tables: bool = True) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The sections of a problem file, and the arrays that do not fit into one (tables, states).

    Without ``tables`` a loss that only a table tells is named by its text, for grids with too many points for one.
    """
    arrays: dict[str, np.ndarray] = {}
    spec: dict[str, Any] = {"domain": describe_domain(problem.domain)}
    if problem.operator is not None:
        spec["operator"] = {"num_qubits": problem.operator.num_qubits, **_describe_operator(problem.operator)}
        if problem.wires is not None:
            spec["operator"]["wires"] = list(problem.wires)
        if problem.strength != Constant(1.0):  # files of a plain operator stay as they were
            spec["strength"] = describe_schedule(problem.strength)
    else:
        spec["objective"] = _describe_objective(problem, arrays, tables)
        spec["diffusion"] = describe_schedule(problem.diffusion)
        spec["strength"] = describe_schedule(problem.strength)
    spec["evolution"] = {"clock": problem.clock, "duration": problem.duration}
    spec["initial"] = _describe_initial(problem.initial, arrays)
    return spec, arrays


def _describe_operator(operator: PauliSum | OperatorSum) -> dict[str, Any]:
    """Labels and coefficients, or a table of them with its schedule for each part."""
    if isinstance(operator, OperatorSum):
        return {"terms": [{**_describe_operator(terms), **describe_schedule(s)} for s, terms in operator.parts]}
    return {"labels": operator.labels, "coefficients": operator.coefficients.tolist()}


def describe_domain(domain: Domain) -> dict[str, Any]:
    """The ``[domain]`` section; files of binary grids stay as they were."""
    said = {"kind": named(type(domain), SPACES), **field_values(domain)}
    return {name: value for name, value in said.items() if (name, value) != ("encoding", "binary")}


def describe_schedule(schedule: Schedule) -> dict[str, Any]:
    """A ``[diffusion]`` or ``[strength]`` section."""
    if isinstance(schedule, Constant):
        return {"value": schedule.value0}
    kind = kind_of_schedule(schedule)
    if kind is not None:
        return {"schedule": kind, "params": field_values(schedule)}
    damping = getattr(schedule, "epsilon", None)
    if damping is not None and schedule == QHD(damping).diffusion:
        return {"schedule": "qhd", "params": {"epsilon": damping}}
    return {"schedule": "custom", "params": {"repr": describe(schedule)}}


def describe_method(method: object) -> dict[str, Any]:
    """The ``[method]`` section; methods outside the library are named by their text."""
    if is_plain(method):
        return method_spec(method)
    return {
        "kind": "custom",
        "repr": describe(method).strip("\"'"),
    }  # one that came from a file is a text, which has quotes


def _describe_objective(problem: Problem, arrays: dict[str, np.ndarray], tables: bool) -> dict[str, Any]:
    objective = problem.objective
    assert objective is not None
    described = dict(objective.spec)
    if not described and not tables:
        return {"kind": "custom", "params": {"repr": objective.name}}
    if not described:
        arrays["problem/table"] = loss_table(problem)
        described = {"table": "problem/table", "name": objective.name}
    model = model_spec(objective) if "table" in described else None  # other losses have a name that makes them again
    return described if model is None else {**described, "model": model}


def _describe_initial(initial: Initial, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    if isinstance(initial, State):
        arrays["problem/initial"] = initial.amplitudes
        return {"kind": "state", "array": "problem/initial"}
    kind = named(type(initial), WAVES)
    if kind is None:
        return {"kind": "custom", "params": {"repr": describe(initial)}}
    return {"kind": kind, "params": field_values(initial)}
