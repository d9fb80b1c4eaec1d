"""One cell of the matrix: the runs that all verbs share, and a check for each verb and way of running."""

from __future__ import annotations

import re
import tracemalloc
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backends.base import Backend, capabilities
from ..base.errors import AnswerError, QMLDynamicsError, line
from ..base.interrupts import whole
from ..methods.base import Facts, Method, check_facts
from ..methods.evolution import circuits, evolve
from ..model.domains import Grid
from ..results.trajectory import Trajectory
from ..validation.budget import error_budget
from ..validation.error_parts import ErrorBudget
from ..validation.resources import Cost, cost
from .answers import ROUNDING, SIGMAS, Fault, agrees, demand, distance, norm_as, same_answer, sampled_as, well_formed
from .cells import Cell, large_problem
from .oracles import Truth, push, solve, tilt
from .recording import Recorder, sent

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


SHOTS = 4000
FEW = 400  # shots of the error budget
BOUND = 1.5  # a bound of the work is at most this times what is sent
ROOM = 8 << 20  # bytes that a refusal may take; a wave of the large problem takes eight times as much
_SENTENCE = re.compile(r"(\S+: )?(Argument `[\w.]+` must (?s:.)+|\[\w+\] (?s:.)+)\.")


@dataclass(eq=False)
class Case:
    """A method in a cell, and the runs that its verbs share."""

    method: Method
    cell: Cell
    exact_backend: Backend | None
    others: list[Backend]
    noisy: list[Backend]
    seed: int
    encoding: float
    slack: float
    noise_gain: float
    momenta: bool
    truth: Callable[[Any, list[float]], Truth] | None
    told: dict[str, str] = field(default_factory=dict)
    samples: bool = False

    @property
    def facts(self) -> Facts:
        """Those of the method."""
        return self.method.facts()

    @property
    def observables(self) -> dict[str, Any]:
        """Functions without symmetry: of weights, and of momenta where the problem has them."""
        return {"tilt": tilt, "push": push} if self.momenta and self.cell.problem.operator is None else {"tilt": tilt}

    def run(
        self,
        method: Method | None = None,
        *,
        backend: Backend | None = None,
        shots: int | None = None,
        seed: int | None = None,
        save: int | None = None,
    ) -> Trajectory:
        """One run; the grids are coarse on purpose, so that what the library says of that is left out."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            out = evolve(
                self.cell.problem,
                self.method if method is None else method,
                backend=backend,
                shots=shots,
                seed=self.seed if seed is None else seed,
                save=self.cell.saves if save is None else save,
                observables=self.observables,
                progress=False,
            )
        return whole(out)

    @cached_property
    def exact(self) -> Trajectory:
        """Without shots."""
        return self.run(backend=self.exact_backend)

    @property
    def uses_circuits(self) -> bool:
        """Whether a backend that is named takes part."""
        return self.facts.runs_on != "classical"

    @cached_property
    def recorder(self) -> Recorder:
        """What the sampled run has sent."""
        return Recorder(self.others[0])

    @cached_property
    def sampled(self) -> Trajectory:
        """With shots; circuits go through the recorder, as they would to a device."""
        return self.run(backend=self.recorder if self.uses_circuits else None, shots=SHOTS)

    def refusal(self, verb: str, call: Callable[[], object]) -> str | None:
        """The sentence by which a call is refused, None where it is not.

        Raises:
            Fault: it is refused otherwise than by an error of the library in one sentence that names an argument.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                call()
        except AnswerError as error:  # not refused: the run was made, and is none
            raise Fault(f"{self.cell}: the answer of `{verb}` is none: {error}") from error
        except QMLDynamicsError as error:
            text = str(error)
            ok = "\n" not in text and _SENTENCE.fullmatch(text) is not None
            demand(ok, self.cell, f"`{verb}` is refused by {text!r}, which is no sentence that names an argument")
            return text
        except Fault:
            raise
        except Exception as error:  # an `assert` of the method's own among them
            raw = f"`{verb}` is refused by a raw {type(error).__name__} ({line(str(error))}) instead of one sentence"
            raise Fault(f"{self.cell}: {raw}.") from error
        return None


def check_refused(case: Case) -> None:
    """The facts exclude the cell: every verb is refused, by the sentence of the facts, before a wave is made."""
    cell, method, problem = case.cell, case.method, case.cell.problem
    words = _sentence_of_facts(case)
    calls: dict[str, Callable[[], Any]] = {
        "evolve": lambda: evolve(problem, method, progress=False),
        "circuits": lambda: circuits(problem, method),
        "cost": lambda: cost(problem, method),
    }
    for verb, call in calls.items():
        told = case.refusal(verb, call)
        demand(told is not None, cell, f"`{verb}` must be refused, since the facts exclude this cell, but runs")
        own = told == words or re.match(r"Argument `\w+` must ", str(told)) is not None
        demand(own, cell, f"`{verb}` is refused by {told!r}, not by the sentence of the facts")
        case.told[verb] = str(told)
    budget = case.refusal("error_budget", lambda: error_budget(problem, method, progress=False))
    demand(budget is not None, cell, "`error_budget` must be refused, since the facts exclude this cell, but runs")
    wide = large_problem(cell)
    tracemalloc.start()
    try:
        case.refusal("evolve", lambda: evolve(wide, method, progress=False))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    demand(peak < ROOM, cell, f"a refusal takes {peak >> 20} MiB on 22 qubits: it must come before a wave is made")


def _sentence_of_facts(case: Case) -> str:
    try:
        check_facts(case.method, case.cell.problem)
    except QMLDynamicsError as error:
        return str(error)
    raise Fault(f"{case.cell}: the facts do not exclude this cell.")


def check_exact(case: Case) -> None:
    """Without shots: the dense propagator's answer, in the declared order, the same on every exact backend."""
    cell, method = case.cell, case.method
    runs = [case.exact]
    well_formed(cell, runs[0], cell.saves, negative=_negative(case.exact))
    if case.facts.order is not None:
        for finer in (method.refined(), method.refined().refined()):
            told = case.refusal("evolve", lambda: runs.append(case.run(finer, backend=case.exact_backend)))  # noqa: B023
            demand(told is None, cell, f"refined, the method is refused: {told}")
    truth = (case.truth or solve)(cell.problem, cell.saves)
    agrees(cell, method, runs, truth, case.encoding)
    again = case.run(backend=case.exact_backend)
    same_answer(cell, again, case.exact, "the same exact run twice")
    for backend in case.others if case.facts.runs_on == "backend" else []:
        other = case.run(backend=backend)
        gap = distance("the density", _rows(other.density), _rows(case.exact.density))
        demand(gap < ROUNDING * 100, cell, f"{backend.name!r} answers another density, by {gap:.2g}")
        if other.states is not None and case.exact.states is not None:
            gap = distance("the wave", _rows(other.states), _rows(case.exact.states))
            demand(gap < ROUNDING * 100, cell, f"{backend.name!r} answers another wave, by {gap:.2g}")


def _rows(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1)


def _negative(run: Trajectory, shots: int | None = None) -> float:
    """How far below zero a density may be: extrapolated ones by their error and by that of their shots."""
    gain = float(run.diagnostics.get("one_norm", 1.0))
    return 1e-12 if gain == 1.0 else 0.05 + SIGMAS * gain / np.sqrt(shots or np.inf)


def check_shots(case: Case) -> None:
    """With shots: within five standard errors of the exact run; the seed decides all of it, and another seed decides otherwise."""
    cell, run = case.cell, case.sampled
    well_formed(cell, run, cell.saves, negative=_negative(run, SHOTS))
    sampled_as(cell, run, case.exact, slack=case.slack)
    norm_as(cell, run, case.exact, case.slack)
    if case.exact_backend is not None or not case.uses_circuits:  # samples of the waves of an exact simulator
        direct = case.run(backend=case.exact_backend, shots=SHOTS)
        sampled_as(cell, direct, case.exact, slack=case.slack, where="with shots on an exact simulator")
        norm_as(cell, direct, case.exact, case.slack)
    again = case.run(backend=Recorder(case.recorder.inner) if case.uses_circuits else None, shots=SHOTS)
    same_answer(cell, again, run, f"seed {case.seed} twice")
    other = case.run(
        backend=Recorder(case.recorder.inner) if case.uses_circuits else None, shots=SHOTS, seed=case.seed + 1
    )
    seeds = f"seeds {case.seed} and {case.seed + 1}"
    differs = not np.array_equal(other.density, run.density)
    demand(differs, cell, f"the seed is ignored: {seeds} give the same samples")
    for name, estimate in run.expectations.items():
        same = np.array_equal(other.expectations[name].value, estimate.value)
        drawn = bool(np.any(np.asarray(estimate.stderr) > 0))
        demand(not (same and drawn), cell, f"the seed is ignored: {seeds} give the same expectation of {name!r}")
    repeated = len(case.recorder.seeds) - len(set(case.recorder.seeds))
    demand(
        not repeated, cell, f"{repeated} circuits are given the seed of another one, so that their samples go together"
    )


def check_noisy(case: Case) -> None:
    """With noise: the exact noisy density differs from the ideal one by no more than the noise of the gates can do."""
    cell = case.cell
    for backend in case.noisy if case.facts.runs_on == "backend" else []:
        recorder = Recorder(backend)
        samples = case.run(backend=recorder, shots=SHOTS)
        well_formed(cell, samples, cell.saves, negative=0.05 + _negative(samples, SHOTS))
        loss = (
            1
            - (1 - (1.0 if (rate := capabilities(backend).two_qubit_error) is None else rate))
            ** sent(recorder).two_qubit_gates
        )
        kept = float(np.min(samples.diagnostics.get("success_probability", 1.0)))
        gain = case.noise_gain * float(samples.diagnostics.get("one_norm", 1.0)) * (1.0 if kept == 1.0 else 2.0 / kept)
        told: list[Trajectory] = []
        refused = case.refusal("evolve", lambda: told.append(case.run(backend=backend)))  # noqa: B023
        ideal = case.exact
        if refused is None:
            gap = distance("the density", _rows(told[0].density), _rows(ideal.density))
            demand(gap > 0, cell, f"{backend.name!r} answers without its noise")
            most = gain * loss + ROUNDING + case.slack
            demand(
                gap <= most, cell, f"on {backend.name!r} the density is off by {gap:.2g} where {most:.1g} is allowed"
            )
            ideal = told[0]
        else:
            case.told["noisy"] = refused
        reach = case.slack if refused is None else case.slack + 2 * gain * loss * _scale(samples)
        sampled_as(cell, samples, ideal, slack=reach, where=f"with shots on {backend.name!r}")


def _scale(run: Trajectory) -> float:
    return max(float(np.abs(e.value).max()) for e in run.expectations.values()) + 1.0


def check_circuits(case: Case) -> None:
    """The circuits that are listed, where they are known ahead, end in the states of the run."""
    cell, found = case.cell, []
    told = case.refusal("circuits", lambda: found.extend(circuits(cell.problem, case.method, cell.saves)))
    if told is not None:
        case.told["circuits"] = told
        silent = not case.uses_circuits or not case.facts.circuits_known_ahead
        demand(silent, cell, f"circuits are known ahead by the facts, but are refused: {told}")
        return
    plain = all(not c.parameters and not c.num_clbits for c in found)
    demand(plain, cell, "the circuits have free parameters or measurements")
    each, left = divmod(len(found), len(cell.saves))
    demand(left == 0 and each > 0, cell, f"{len(found)} circuits are listed for {len(cell.saves)} saved times")
    success = "success_probability" in case.exact.diagnostics
    weights = np.asarray(case.exact.diagnostics.get("coefficients", np.full(each, 1 / each)), dtype=float)
    if success or len(weights) != each or (not case.facts.circuits_known_ahead and each > 1):
        return
    _same_states(case, found, each, weights)


def _same_states(case: Case, found: list[QuantumCircuit], each: int, weights: np.ndarray) -> None:
    """The waves at the ends of the circuits: those of the run, or by their average its density."""
    from qiskit.quantum_info import Statevector

    cell, size = case.cell, case.cell.problem.domain.size
    domain = cell.problem.domain
    points = domain.basis_states if isinstance(domain, Grid) else np.arange(size)
    waves = [Statevector(circuit).data for circuit in found]
    aside = max(1 - float(np.linalg.norm(wave[points]) ** 2) for wave in waves)
    if any(len(wave) > size for wave in waves) and cell.clock == "classical":
        return  # positions and momenta are read together
    demand(aside < ROUNDING, cell, f"the circuits end elsewhere than on the points of the domain, by {aside:.2g}")
    rows = np.array([wave[points] for wave in waves]).reshape(len(cell.saves), each, size)
    if each == 1 and case.exact.states is not None:
        gap = distance("the wave", rows[:, 0], _rows(case.exact.states))
        demand(gap < 1e-7, cell, f"the circuits differ from the run: their wave is another one, by {gap:.2g}")
        return
    laws = np.einsum("k,tki->ti", weights, np.abs(rows) ** 2)
    gap = distance("the density", laws, _rows(case.exact.density))
    demand(gap < 1e-7, cell, f"the circuits differ from the run: their density is another one, by {gap:.2g}")


def check_cost(case: Case) -> None:
    """What :func:`qml_dynamics.cost` says is what the run has sent; a bound is never below it and at most 1.5 times it."""
    cell, found = case.cell, []
    backend = Recorder(case.recorder.inner) if case.uses_circuits else None

    def call() -> None:
        """Call :func:`qml_dynamics.cost` as the cell says and keep its answer."""
        found.append(cost(cell.problem, case.method, backend=backend, shots=SHOTS, save=cell.saves))

    told = case.refusal("cost", call)
    demand(told is None, cell, f"the run is not refused, but its cost is: {told}")
    spent = 0 if backend is None else len(backend.circuits)
    demand(spent == 0, cell, f"cost sends {spent} circuits to the backend, but a price must send none")
    said: Cost = found[0]
    demand(said.memory > 0 and said.qubits > 0, cell, f"cost says {said.qubits} qubits and {said.memory} bytes")
    if not case.uses_circuits:
        demand(said.circuits == said.shots == 0, cell, f"cost says {said.circuits} circuits, but the method runs here")
        return
    _ = case.sampled
    seen = sent(case.recorder)
    bound = said.upper_bound or not case.facts.circuits_known_ahead
    words = {
        "circuits": "circuits",
        "shots": "shots",
        "qubits": "qubits",
        "two_qubit_gates": "two-qubit gates",
        "depth": "depth",
    }
    for name, word in words.items():
        told_number, number = getattr(said, name), getattr(seen, name)
        if bound and name != "qubits":
            fits = number <= told_number <= BOUND * number
            fault = f"cost says at most {told_number} {word}, {number} were sent (a bound is at most 1.5 times that)"
        else:
            fits, fault = told_number == number, f"cost says {told_number} {word}, {number} were sent"
        demand(fits, cell, fault)


def check_budget(case: Case) -> None:
    """The error budget of a run with few shots: finite parts, the shots by their floor, the formula as the dense propagator says."""
    cell, found = case.cell, []
    backend = case.exact_backend

    def call() -> None:
        """Call :func:`qml_dynamics.error_budget` as the cell says and keep its answer."""
        options: Mapping[str, Any] = {"backend": backend, "shots": FEW if case.uses_circuits else None}
        found.append(error_budget(cell.problem, case.method, seed=case.seed, progress=False, **options))

    told = case.refusal("error_budget", call)
    if told is not None:
        case.told["error_budget"] = told
        return
    budget = found[0]
    for name, term in budget.terms.items():
        fits = bool(np.isfinite(float(term.value))) and float(term.value) >= 0
        demand(fits, cell, f"the {name} part of the error budget is {term.value}")
    excess = float(budget.total.value) - float(budget.sum.value)
    demand(excess <= 1e-9, cell, f"the parts of the error budget add up to less than the total, by {excess:.2g}")
    truth = (case.truth or solve)(cell.problem, cell.saves)
    if truth.density is not None:
        _formula_part(case, budget, truth)
    if case.uses_circuits and backend is not None:
        part, floor = float(budget.terms["shots"].value), float(budget.shot_floor.value)
        few = 0 < part <= 6 * floor + 0.05
        demand(few, cell, f"{FEW} shots make {part:.2g} of the error budget, where {floor:.2g} is their floor")


def _formula_part(case: Case, budget: ErrorBudget, truth: Truth) -> None:
    """Formula, encoding and register together lead from the exact density to that of the run."""
    assert truth.density is not None
    gap = distance("the density", _rows(case.exact.density)[-1:], truth.density[-1:])
    parts = sum(float(budget.terms[name].value) for name in ("formula", "encoding", "register"))
    errors = max(float(np.max(e.stderr)) for e in case.exact.expectations.values())
    fault = f"formula, encoding and register make {parts:.2g} of the error budget, but the run differs by {gap:.2g}"
    demand(gap <= parts + 1e-6 + SIGMAS * errors + 0.3 * gap, case.cell, fault)
