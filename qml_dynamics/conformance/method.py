"""`assert_valid_method`: the contract of a method over weight spaces, clocks, ways of running and verbs, as one specification."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..backends import backend as find_backend
from ..backends.base import Backend, BackendLike
from ..base.arguments import checks_arguments_but
from ..base.errors import MethodError, describe, line
from ..methods.base import Facts, Method, check_method
from ..model.problem import Problem
from .answers import Fault
from .cells import Cell, standard_problems
from .checks import (
    Case,
    check_budget,
    check_circuits,
    check_cost,
    check_exact,
    check_noisy,
    check_refused,
    check_shots,
)
from .oracles import Truth
from .stored import check_command_line, check_files, check_problem_file, check_submit

VERBS = (
    "evolve",
    "shots",
    "noisy",
    "circuits",
    "cost",
    "error_budget",
    "submit",
    "files",
    "problem_file",
    "command_line",
)


@dataclass(frozen=True)
class Report:
    """What was gone over.

    Attributes:
        ran: cells in which the method answers, and is right.
        excluded: cells that its facts exclude, with the sentence of the refusal.
        refused: cell and verb that are refused although the facts allow the cell, with the sentence.
    """

    ran: tuple[str, ...]
    excluded: Mapping[str, str]
    refused: Mapping[tuple[str, str], str] = field(default_factory=dict)


@checks_arguments_but("method")
def assert_valid_method(
    method: Method,
    *,
    problems: Iterable[Problem] | None = None,
    backends: Sequence[BackendLike] = ("statevector", "aer", "noisy"),
    verbs: Sequence[str] = VERBS,
    seed: int = 0,
    encoding: float = 0.0,
    slack: float = 0.0,
    noise_gain: float = 1.0,
    momenta: bool = True,
    truth: Callable[[Problem, list[float]], Truth] | None = None,
) -> Report:
    """Raise ``AssertionError`` with one sentence that names cell and fault, unless a method keeps its contract.

    It goes over weight spaces and clocks on three qubits; one evolution is shared by all verbs of a cell. In each cell:

    1. The facts exclude it: ``evolve``, ``circuits``, ``cost`` and ``error_budget`` are refused by one sentence, before a wave is made.
    2. ``evolve``: normalised, finite, at the saved times; the dense propagator's answer (an oracle of its own), with the declared order
       by two refinements; the same on every exact backend.
    3. ``shots``: within five standard errors of the exact run, ``log_norm`` too; every circuit has a seed of its own, the seed of the
       run decides samples and expectation values, another one decides otherwise.
    4. ``noisy``: off by no more than the noise of the gates that were sent can do.
    5. ``circuits``: where they are known ahead, they end in the states (or the mean density) of the run.
    6. ``cost``: circuits, shots, qubits, two-qubit gates and depth as they were sent; a bound is never below and at most 1.5 times it.
    7. ``error_budget``: finite parts that add up to the total or more, formula and encoding as the dense propagator says.
    8. ``submit``, ``files``, ``problem_file``, ``command_line``: the same run, the same method with every option.

    Args:
        method: with the members of :class:`~qml_dynamics.methods.base.Method`; steps few enough that its error is no rounding.
        problems: instead of those of the matrix, one for each weight space and clock that can be stated.
        backends: exact simulators and noisy ones, by name or as objects; ``"noisy"`` is Aer with a weak noise of two-qubit gates.
        verbs: of those above.
        seed: of all sampling.
        encoding: what registers or truncation may add to the error, beside that of the step.
        slack: what measured steps may add to expectation values, where angles come from samples.
        noise_gain: by how much the method multiplies the noise of its circuits (extrapolation and post-selection are known).
        momenta: whether functions of momenta may be observed.
        truth: what the answer is, from a problem and the saved times, where it is not the wave of the equation.

    Returns:
        Which cells ran, which are excluded, and which verbs are refused.

    >>> from qml_dynamics import Trotter
    >>> from qml_dynamics.conformance.cells import standard_problem
    >>> report = assert_valid_method(Trotter(4), problems=[standard_problem("walls", "real")], verbs=["evolve", "circuits"])
    >>> report.ran
    ('on walls, real clock',)
    """
    try:
        check_method(method)
    except MethodError:
        raise Fault(f"{method!r} has not all members of a method.") from None
    ran, excluded, refused = [], {}, {}
    devices = _Devices(backends)
    for problem in standard_problems() if problems is None else problems:
        cell = Cell(problem)
        facts = _facts(method)
        case = Case(
            method, cell, devices.first if facts.runs_on == "backend" else None, devices.others, devices.noisy,
            seed, encoding, slack, noise_gain, momenta, truth,
        )  # fmt: skip
        if cell.clock not in facts.clocks or cell.space not in facts.spaces:
            check_refused(case)
            excluded[str(cell)] = case.told["evolve"]
            continue
        if check_cell(case, verbs):
            ran.append(str(cell))
        refused.update({(str(cell), verb): told for verb, told in case.told.items()})
    return Report(tuple(ran), excluded, refused)


def _facts(method: Method) -> Facts:
    """What a method says of itself."""
    try:
        found: object = method.facts()
    except Exception as error:
        raise Fault(f"`facts` ends with {type(error).__name__}: {line(str(error)).removesuffix('.')}.") from error
    if not isinstance(found, Facts):
        raise Fault(f"`facts` gives {describe(found)}, which is no Facts.")
    return found


def check_cell(case: Case, verbs: Sequence[str]) -> bool:
    """Every verb of one cell; whether the method runs there."""
    told = case.refusal("evolve", lambda: case.exact)
    if told is not None:
        case.told["evolve"] = told
        return False
    plain = {"evolve": check_exact, "circuits": check_circuits, "error_budget": check_budget}
    sampling = {"shots": check_shots, "noisy": check_noisy, "cost": check_cost}
    for verb, check in plain.items():
        if verb in verbs:
            _whole(case, verb, lambda: check(case))  # noqa: B023
    noisy = "noisy" in verbs and case.facts.runs_on == "backend"
    case.samples = noisy or any(verb in verbs for verb in ("shots", "cost", "submit"))
    if case.samples and (told := case.refusal("evolve with shots", lambda: case.sampled)) is not None:
        case.told["shots"] = told
    for verb, check in sampling.items():
        if verb in verbs and "shots" not in case.told:
            _whole(case, verb, lambda: check(case))  # noqa: B023
    with tempfile.TemporaryDirectory() as name:
        stored = {"files": check_files, "problem_file": check_problem_file, "command_line": check_command_line}
        for verb, keep in stored.items():
            if verb in verbs:
                _whole(case, verb, lambda: keep(case, Path(name)))  # noqa: B023
        if "submit" in verbs and "shots" not in case.told:
            _whole(case, "submit", lambda: check_submit(case, Path(name)))
    return True


def _whole(case: Case, verb: str, check: Callable[[], object]) -> None:
    """Run one check; whatever leaves it is a fault that names the cell and the verb."""
    try:
        check()
    except Fault:
        raise
    except Exception as error:
        what = f"`{verb}` ends with {type(error).__name__}: {line(str(error)).removesuffix('.')}"
        raise Fault(f"{case.cell}: {what}.") from error


class _Devices:
    """The backends by what they are: the first exact one, the other exact ones, those with noise."""

    def __init__(self, given: Sequence[BackendLike]) -> None:
        every = [_weak_noise() if each == "noisy" else find_backend(each) for each in given]
        exact = [device for device in every if device.exact]
        if not exact:
            raise Fault("Argument `backends` must name an exact simulator, such as 'statevector'.")
        self.first: Backend = exact[0]
        self.others: list[Backend] = exact[1:] or exact[:1]
        self.noisy: list[Backend] = [device for device in every if not device.exact]


def _weak_noise() -> Backend:
    from ..backends.aer import weak_noise

    return weak_noise()
