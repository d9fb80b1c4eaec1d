"""``qml-dynamics suggest PROBLEM``: the methods that serve a problem, what each costs, and why the others do not serve.

From the facts of the methods, their own checks, and :func:`~qml_dynamics.validation.resources.cost`; nothing is run. What is listed is
what `cost` and `evolve` take for this problem on this backend.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..backends import Backend
from ..backends import backend as find_backend
from ..base.codec import method_from_spec
from ..base.errors import QMLDynamicsError, check_memory, line
from ..base.registry import EXAMPLES, kind_of
from ..methods.base import Facts, Job, Method, space_of
from ..methods.catalogue import RUNS_ON, names, row
from ..methods.defaults import default_method
from ..methods.imaginary.device import check_ancillas
from ..methods.imaginary.selected import forecast
from ..methods.imaginary.steps import post_selecting
from ..methods.job import convert
from ..model.problem import Problem
from ..runs.problem_file import read_problem
from ..runs.trajectory_file import to_json
from ..validation.resources import cost
from .run import told_once

# qubits up to which circuits are counted: those of every method, and those of the default one
COUNTED, COUNTED_DEFAULT = 8, 10
FORECAST = 14  # qubits up to which the share of kept samples is predicted, which takes the wave itself
_WAVE = 16  # bytes of an amplitude


@dataclass(frozen=True)
class Suggestion:
    """One method for a problem.

    Attributes:
        method: as it is written after ``--method``.
        serves: whether it can run the problem.
        default: whether it is run where no method is named.
        reason: why it serves, or why it does not.
        cost: what it takes, or how that is found out.
        success_probability: share of the samples that is kept, where some are not; a prediction.
    """

    method: str
    serves: bool
    default: bool
    reason: str
    cost: str = ""
    success_probability: float | None = None


def suggest_command(
    path: Path, backend: str | None, shots: int | None, *, as_json: bool, allow_code: bool = False
) -> int:
    """Print the methods that serve, the default one first, and a line for each that does not; the exit code is 0."""
    problem = read_problem(path, allow_code=allow_code).problem
    device = None if backend is None else find_backend(backend)
    with told_once():
        found = suggestions(problem, device, shots, str(path), backend)
    if as_json:
        print(to_json([vars(each) for each in found]))
        return 0
    for each in found:
        if each.serves:
            print(f"{each.method}{' (the default)' if each.default else ''}")
            print(f"  why   {each.reason}\n  cost  {each.cost}")
    print("\nThese do not serve:")
    for each in found:
        if not each.serves:
            print(f"  {each.method}: {each.reason}")
    return 0


def suggestions(
    problem: Problem, device: Backend | None, shots: int | None, path: str = "PROBLEM", backend: str | None = None
) -> list[Suggestion]:
    """Every method with what it does for a problem: the default one first, then those that serve, then the others."""
    named = "" if backend is None else f" --backend {backend}"
    run = f"{path}{named}"
    kind: str | None = None
    try:
        first = default_method(problem, device, shots)
    except QMLDynamicsError as error:
        found = [Suggestion("the default method", False, True, str(error))]
    else:
        kind = kind_of(type(first))
        found = [_judged(problem, first, line(repr(first), 100), device, shots, run, default=True)]
    for name in names():
        if name != kind and name in EXAMPLES:
            method = method_from_spec({"kind": name, **EXAMPLES[name]})
            found.append(_judged(problem, method, row(name).example, device, shots, run, default=False))
    return sorted(found, key=lambda each: (not each.default, not each.serves))


def _judged(
    problem: Problem, method: Method, text: str, device: Backend | None, shots: int | None, run: str, default: bool
) -> Suggestion:
    facts = method.facts()
    most = COUNTED_DEFAULT if default else COUNTED
    try:
        if facts.runs_on != "classical" and problem.domain.num_qubits > most and (device or facts.runs_on == "backend"):
            job = convert(problem, method, device, shots, compact=True)
            if device is None:
                check_memory(_WAVE << problem.domain.num_qubits, f"{text} on {problem.domain.num_qubits} qubits")
            near = problem.domain.num_qubits <= FORECAST
            success = _expected(job) if near else None
            taken = "" if shots is None else f" --shots {shots}"
            how = f"""qml-dynamics cost {run}{"" if default else f' --method "{text}"'}{taken}"""
            kept = "" if success is None else f"; predicted: {success:.3g} of the samples are kept at the end"
            if not near and post_selecting(method) is not None:
                kept = (
                    f"; above {FORECAST} qubits the kept share is not predicted: it refuses options that keep too few"
                )
            words = f"circuits are not counted above {most} qubits, {how} counts them{kept}"
            return Suggestion(text, True, default, _reason(facts, problem, device), words, success)
        estimate = cost(problem, method, backend=device, shots=shots)
        if device is None:
            check_memory(estimate.memory, f"{text} on {problem.domain.num_qubits} qubits")
    except QMLDynamicsError as error:
        return Suggestion(text, False, default, str(error))
    return Suggestion(text, True, default, _reason(facts, problem, device), str(estimate), estimate.success_probability)


def _expected(job: Job) -> float | None:
    """The share of the samples that is kept, as far as it is known before circuits are made; None: all of them.

    Raises:
        MethodError: a run would be refused for it.
    """
    keeping = post_selecting(job.method)
    if keeping is None:
        return None
    plan = forecast(job.problem, job.h, keeping, job.saves.tolist())
    check_ancillas(job, plan)
    return float(plan.success[-1])


def _reason(facts: Facts, problem: Problem, device: Backend | None) -> str:
    order = "no splitting" if facts.order is None else f"order {facts.order:g} in the {facts.order_of}"
    where = RUNS_ON[facts.runs_on] if device is None or facts.runs_on != "either" else "circuits"
    known = "" if facts.circuits_known_ahead or where == "NumPy" else ", angles found on the way"
    return f"{problem.clock} clock, {space_of(problem)}; runs as {where}{known}; {order}"
