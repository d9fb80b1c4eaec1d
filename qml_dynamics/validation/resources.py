"""`cost`: qubits, gates, depth, shots and memory of a run, before it is run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..backends import backend as find_backend
from ..backends.base import check_width
from ..base.errors import MethodError, human_bytes, integer
from ..base.registry import Krylov, MultiProduct, SplitStep, Trotter
from ..methods.base import convert, save_times
from ..methods.imaginary.options import IMAGINARY_METHODS
from ..methods.randomised_methods import RANDOMISED_METHODS, MiniBatch
from ..methods.variational.options import Variational, is_measured
from ..model.formulas import by_order
from ..model.hamiltonian import LearningHamiltonian, hamiltonian
from ..model.problem import Problem
from .device_plan import DevicePlan, device_plan

_SHOTS = 1000
BASIS = ("cx", "rz", "sx", "x")
_WHOLE = 20_000  # circuits below this many gates are compiled whole; longer ones factor by factor


@dataclass(frozen=True)
class Cost:
    """What a run takes.

    Attributes:
        qubits: width of the circuits, ancillas included (classical methods: of the register they simulate).
        circuits: how many different circuits are run.
        shots: samples in all.
        gates, two_qubit_gates, depth: of the longest circuit in cx, rz, sx and x (level 1), which is the last time's with
            the transform to the dual basis at its end.
        memory: bytes that a simulation or the reference takes.
        transforms: FFTs (sine, Walsh-Hadamard transforms) of a classical method.
        upper_bound: whether gates and depth were added up factor by factor, which no compiler makes larger.
        backend: where it would run.
        success_probability: share of the samples that is kept at the end (None: all of them).
        device: seconds, expected fidelity and best number of steps, where the backend stands on a device; gates and depth
            are then in the device's own gates.
        circuits_per_step: of a variational run whose steps are measured; those of a step go out as one batch.
    """

    qubits: int
    circuits: int
    shots: int
    gates: int
    two_qubit_gates: int
    depth: int
    memory: int
    transforms: int
    upper_bound: bool
    backend: str
    success_probability: float | None = None
    device: DevicePlan | None = None
    circuits_per_step: int | None = None

    def __str__(self) -> str:
        at_most = "at most " if self.upper_bound else ""
        if not self.circuits:
            work = f"{at_most}{self.transforms:,} transforms, {human_bytes(self.memory)} of memory"
            return f"{self.backend}: {self.qubits} qubits simulated, {work}"
        p = self.success_probability
        kept = "" if p is None else f", of which {p:.3g} are kept at the end"
        kept += "" if self.circuits_per_step is None else f", {self.circuits_per_step:,} circuits a step"
        return (
            f"{self.backend}: {self.circuits} circuits on {self.qubits} qubits, {self.shots:,} shots in all{kept}; the longest has "
            f"{at_most}{self.gates:,} gates, {self.two_qubit_gates:,} of them on two qubits, depth {self.depth:,}; "
            f"{human_bytes(self.memory)} of memory where simulated" + (f"; {self.device}" if self.device else "")
        )


def cost(problem: Problem, method: Any, *, backend: Any = None, shots: int | None = None, save: Any = None) -> Cost:
    """The cost of ``evolve(problem, method, backend=backend, shots=shots, save=save)``, without running it.

    Without ``shots``, 1000 are assumed on a device.

    >>> from qml_dynamics import Grid, Problem, Trotter
    >>> well = Problem(Grid((-2, 2), 4), lambda w: w[:, 0] ** 2, 0.5, clock="real", duration=1.0)
    >>> estimate = cost(well, Trotter(2), shots=100)
    >>> estimate.qubits, estimate.circuits, estimate.shots
    (4, 4, 400)

    Raises:
        BackendError: the circuits are wider than the device.
    """
    if problem.clock not in getattr(method, "clocks", ()):
        raise MethodError(f"Argument `method` must run on the {problem.clock} clock, but is {type(method).__name__}.")
    backend = find_backend(backend) if backend is not None else None
    found = _cost(problem, method, backend, shots, save)
    limited = getattr(backend, "most_qubits", None)
    most = limited(found.qubits) if limited is not None and found.circuits else None
    if most is not None:
        check_width(found.qubits, most, found.backend)
    return found


def _cost(problem: Problem, method: Any, backend: Any, shots: int | None, save: Any) -> Cost:
    if shots is not None:
        shots = integer(shots, "shots", 1, 10**9, MethodError)
    moments = len(save_times(save, problem.duration))
    if backend is not None:
        shots = _SHOTS if shots is None and hasattr(backend, "programs") else shots  # a device takes no fewer than some
    if isinstance(method, IMAGINARY_METHODS):
        return _imaginary_cost(problem, method, backend, shots, save)
    if isinstance(method, Variational) and is_measured(method, backend, shots):
        return _measured_cost(problem, method, backend, shots, save)
    if isinstance(method, RANDOMISED_METHODS):
        return _randomised_cost(problem, method, backend, shots, save)
    if isinstance(method, MiniBatch) and not method.classical:
        return _minibatch_cost(problem, method, backend, shots, save)
    if hasattr(method, "priced"):  # a method of a room above
        priced: Cost = method.priced(problem, backend, shots, moments)
        return priced
    if isinstance(method, (Trotter, MultiProduct)):
        return _circuit_cost(problem, method, backend, shots, moments)
    size = problem.domain.size
    waves = moments + (method.subspace if isinstance(method, Krylov) else 8)
    return Cost(
        problem.domain.num_qubits, 0, 0, 0, 0, 0, 16 * size * waves, _transforms(problem, method), False, "classical"
    )


def _imaginary_cost(problem: Problem, method: Any, backend: Any, shots: int | None, save: Any) -> Cost:
    from ..methods.imaginary.costs import takes

    job = convert(problem, method, None, None, None, save, None, None, False)
    device = find_backend(backend if backend is not None else "statevector")
    run = takes(job, device)
    fits = run.longest.num_qubits <= run.qubits  # with ancillas that are used again, another circuit runs
    plan = device_plan(problem, method, device, [run.longest], shots or _SHOTS, run.circuits) if fits else None
    gates, two, depth, bound = _sizes(run.longest, plan)
    total, memory = run.circuits * (shots or 0), 48 << run.qubits
    return Cost(run.qubits, run.circuits, total, gates, two, depth, memory, 0, bound, device.name, run.success, plan)


def _measured_cost(problem: Problem, method: Any, device: Any, shots: int | None, save: Any) -> Cost:
    from ..methods.variational.measured.run import forecast

    run = forecast(convert(problem, method, device, shots, None, save, None, None, False))
    plan = device_plan(problem, method, device, [run.longest], shots or _SHOTS, run.circuits)
    gates, two, depth, bound = _sizes(run.longest, plan)
    qubits, total = run.longest.num_qubits, run.circuits * (shots or 0)
    name, memory = device.name, 48 << qubits
    return Cost(qubits, run.circuits, total, gates, two, depth, memory, 0, bound, name, None, plan, run.per_step)


def _randomised_cost(problem: Problem, method: Any, backend: Any, shots: int | None, save: Any) -> Cost:
    from ..methods.randomised import circuits
    from ..results.observables import pauli_groups

    job = convert(problem, method, None, None, 0, save, None, None, False)
    every = circuits(job)
    qubits, groups = every[0].num_qubits, len(pauli_groups(job.h.terms))  # type: ignore[union-attr]
    device = find_backend(backend if backend is not None else "statevector")
    longest, number = max(every, key=lambda circuit: circuit.size()), (1 + groups) * len(every)
    together = len(job.saves) * (1 + groups)  # the circuits of one basis share its shots
    plan = device_plan(problem, method, device, [longest], -(-(shots or _SHOTS) * together // number), number)
    gates, two, depth, bound = _sizes(longest, plan)
    total = together * (shots or 0)
    return Cost(qubits, number, total, gates, two, depth, 48 << qubits, 0, bound, device.name, None, plan)


def _minibatch_cost(problem: Problem, method: Any, backend: Any, shots: int | None, save: Any) -> Cost:
    from ..methods.minibatch import circuits
    from ..synthesis.measure import in_dual_basis

    job = convert(problem, replace(method, circuits=1), None, None, 0, save, None, None, False)
    last = circuits(job)[-1]  # the draws differ in their angles only
    gates, two, depth, bound = _counted(in_dual_basis(problem.domain, last))
    name = find_backend(backend if backend is not None else "statevector").name
    every = 2 * len(job.saves)
    total = every * (shots or 0)
    return Cost(
        last.num_qubits, every * method.circuits, total, gates, two, depth, 48 << last.num_qubits, 0, bound, name
    )


def _transforms(problem: Problem, method: Any) -> int:
    if isinstance(method, MiniBatch):
        return 2 * method.circuits * method.steps * {1: 1, 2: 1, 4: 5}[method.order]
    if not isinstance(method, SplitStep):
        return 0
    formula = method.product_formula
    extrapolated = method.formula is None and method.order == 4 and problem.clock == "imaginary"
    kinetic = 3 if extrapolated else sum(kind == "K" for kind, _ in formula.base) * len(formula.substeps)
    return 2 * kinetic * method.steps


def _circuit_cost(problem: Problem, method: Any, backend: Any, shots: int | None, moments: int) -> Cost:
    from ..results.observables import pauli_groups
    from ..synthesis.measure import in_dual_basis
    from ..synthesis.transforms import width
    from ..synthesis.trotter import program

    h = hamiltonian(problem)
    numbers = method.steps if isinstance(method, MultiProduct) else (method.steps,)
    formula = by_order(2) if isinstance(method, MultiProduct) else method.product_formula
    plan = program(problem, h, formula, numbers[-1], [0.0, problem.duration], method.truncation)
    bases = 2 if isinstance(h, LearningHamiltonian) else 1 + len(pauli_groups(h.terms))
    last = plan.until(1)
    longest = in_dual_basis(problem.domain, last) if isinstance(h, LearningHamiltonian) else last
    qubits = width(problem.domain)
    device = find_backend(backend if backend is not None else "statevector")
    if isinstance(h, LearningHamiltonian) and getattr(device, "estimates_losses", False):
        bases += 2  # the loss and the kinetic part are asked for beside the samples, each a sum of strings of one basis
    circuits = moments * bases * len(numbers)
    plan_there = device_plan(problem, method, device, [last, longest], shots or _SHOTS, circuits)
    gates, two, depth, bound = _sizes(longest, plan_there)
    total = circuits * (shots or 0)
    return Cost(qubits, circuits, total, gates, two, depth, 48 << qubits, 0, bound, device.name, None, plan_there)


def _sizes(circuit: Any, there: DevicePlan | None) -> tuple[int, int, int, bool]:
    """Gates, two-qubit gates and depth: the device's own where there is one."""
    return _counted(circuit) if there is None else (there.gates, there.two_qubit_gates, there.depth, False)


def _counted(circuit: Any) -> tuple[int, int, int, bool]:
    """Gates, two-qubit gates and depth in the basis, compiled whole or in parts."""
    from ..synthesis.count import compiled_counts

    return compiled_counts(circuit, BASIS, _WHOLE)
