"""What a call would leave aside is refused by the name of the argument, or told where the answer is the same without it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit.quantum_info import SparsePauliOp
from registry_table import TABLE, Entry

import qml_dynamics as qd
from qml_dynamics.backends import backend
from qml_dynamics.base.errors import MethodError, ProblemError, UnusedArgumentWarning
from qml_dynamics.conformance.cells import standard_problem
from qml_dynamics.learning.gibbs import thermal
from qml_dynamics.methods.base import CLOCKS, SPACES
from qml_dynamics.methods.defaults import default_method

H2 = SparsePauliOp(["II", "IZ", "ZI", "ZZ", "XX"], [-1.05237325, 0.39793742, -0.39793742, -0.0112801, 0.18093120])
HARMONIC = qd.Problem(qd.Grid((-4, 4), 4), lambda w: w[:, 0] ** 2 / 2, 0.5, clock="real", duration=0.4)


def one_problem(entry: Entry) -> qd.Problem:
    """The first cell of an entry that its method runs on."""
    facts = entry.method.facts()
    return next(
        cell.problem for cell in entry.cells() if cell.clock in facts.clocks and cell.space in facts.spaces
    )  # fmt: skip


ENTRIES = [pytest.param(entry, id=f"{name}-{i}") for name, entries in TABLE.items() for i, entry in enumerate(entries)]
VERBS: dict[str, Callable[..., Any]] = {
    "evolve": qd.evolve,
    "cost": qd.cost,
    "error_budget": qd.error_budget,
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_backend_is_used_or_refused(entry: Entry) -> None:
    """Methods that run by NumPy refuse one in every verb, before anything runs."""
    if entry.method.facts().runs_on != "classical":
        assert qd.cost(one_problem(entry), entry.method, backend="statevector", shots=200).backend == "statevector"
        return
    problem = one_problem(entry)
    for name, verb in VERBS.items():
        if name == "error_budget" and (problem.objective is None or problem.clock == "classical"):
            continue  # which has none
        with pytest.raises(MethodError, match=r"Argument `backend` must be None for .* which runs by NumPy"):
            verb(problem, entry.method, backend="aer")


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_callback_is_called_or_refused(entry: Entry) -> None:
    """With waves, and with shots on a noisy simulator, as the facts say."""
    problem, seen = one_problem(entry), []

    def told(step: int, view: Any) -> bool:
        seen.append(step)
        return True

    never = entry.method.facts().callback == "never"
    if never:
        with pytest.raises(MethodError, match="Argument `callback` must be None"):
            qd.evolve(problem, entry.method, callback=told)
    else:
        stopped = qd.evolve(problem, entry.method, callback=told)
        assert "callback" in stopped.stop
    assert bool(seen) is not never
    if entry.method.facts().runs_on == "backend" and not never:
        with pytest.raises(MethodError, match=r"Argument `callback` must be None for .* on aer:density_matrix"):
            qd.evolve(problem, entry.method, callback=told, backend="aer:density_matrix", shots=50)


def test_a_seed_that_draws_nothing_is_told() -> None:
    """And one that does is not."""
    operator = qd.Problem.from_operator(H2, clock="real", duration=0.3)
    for method in (qd.Krylov(), qd.Trotter(2)):
        with pytest.warns(UnusedArgumentWarning, match="Argument `seed` takes no part"):
            qd.evolve(operator, method, seed=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnusedArgumentWarning)
        drawn = [
            qd.evolve(operator, qd.QDrift(5, draws=2), seed=3),
            qd.evolve(operator, qd.Trotter(2), seed=3, shots=9),
        ]
        drawn += [qd.evolve(HARMONIC, qd.SplitStep(4), seed=3), qd.evolve(operator, qd.Krylov())]
    assert [run.provenance["seed"] for run in drawn[:3]] == [3, 3, 3]


def test_a_simulator_beside_a_variational_run_without_shots_is_told() -> None:
    """Its numbers are those of NumPy."""
    method = qd.Variational(qd.ansatz.hardware_efficient(1), steps=2)
    problem = qd.Problem.from_operator(H2, clock="imaginary", duration=0.2)
    with pytest.warns(UnusedArgumentWarning, match="Argument `backend` takes no part"):
        run = qd.evolve(problem, method, backend="aer")
    assert run.expectations["energy"].value == pytest.approx(qd.evolve(problem, method).expectations["energy"].value)


FALLING = qd.Problem(qd.Grid((-3, 3), 4), lambda w: w[:, 0] ** 2, qd.Linear(1.0, 0.2), clock="imaginary", duration=1.0)
BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "anneal backend": (lambda: qd.anneal(FALLING, 3, backend="aer", method=qd.Krylov()), "backend"),
    "anneal restarts": (lambda: qd.anneal(FALLING, 3, "quench", restarts=4), "restarts"),
    "metts shots": (lambda: qd.metts(FALLING, 0.5, 10, shots=100), "shots"),
    "metts backend": (lambda: qd.metts(FALLING, 0.5, 10, backend="aer", method=qd.SplitStep(4)), "method"),
    "thermal steps": (lambda: thermal(FALLING, 1.0, steps=4, method=qd.QITE(2, 2)), "steps"),
    "descend qubits": (lambda: qd.descend(HARMONIC, qubits=5), "qubits"),
    "descend samples": (lambda: qd.descend(HARMONIC, samples=50, shots=20, backend="aer"), "samples"),
    "descend steps": (lambda: qd.descend(HARMONIC, steps=50, method=qd.SplitStep(20)), "steps"),
    "descend backend": (lambda: qd.descend(HARMONIC, backend="aer", method=qd.SplitStep(20)), "backend"),
    "submit backend": (lambda: qd.submit(HARMONIC, qd.SplitStep(4), backend="aer", shots=9, folder="never"), "method"),
    "train metric": (lambda: train(metric="shift"), "metric"),
    "train resamplings": (lambda: train(resamplings=7), "resamplings"),
    "train regularisation": (lambda: train(optimizer="adam", regularisation=1e-2), "regularisation"),
    "train shots": (lambda: train(shots=100), "backend"),
    "train metric rows": (lambda: train(metric_rows=3), "metric_rows"),
    "train metric rows, adam": (lambda: train(optimizer="adam", metric_rows=3, backend="aer", shots=9), "metric_rows"),
    "train metric rows, no data": (lambda: train(metric_rows=3, backend="aer", shots=9), "metric_rows"),
    "train batch": (lambda: train(batch_size=2), "batch_size"),
    "train labels": (lambda: train(features=[[0.1]], labels=[1], inputs=["a"]), "labels"),
}


def train(**options: Any) -> Any:
    """One step on the energy of Z."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter

    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("a"), 0)
    circuit.rx(Parameter("b"), 0)
    start = [0.3] if "inputs" in options else [0.3, 0.2]
    return qd.train(circuit, np.diag([1.0, -1.0]), start, steps=1, **options)


@pytest.mark.parametrize(("call", "named"), BAD.values(), ids=BAD)
def test_what_a_verb_would_drop_is_refused(call: Callable[[], Any], named: str) -> None:
    """By its name."""
    with pytest.raises((MethodError, ProblemError), match=f"Argument `{named}` must") as told:
        call()
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("clock", CLOCKS[:3])
@pytest.mark.parametrize("space", SPACES)
def test_the_default_method_runs_wherever_a_problem_can_be_stated(space: Any, clock: Any) -> None:
    """Without a backend and with one; its answer is that of the reference within its error."""
    if clock == "classical" and space not in ("periodic", "walls"):
        with pytest.raises(ProblemError):
            standard_problem(space, clock)
        return
    problem = standard_problem(space, clock)
    if (space, clock) == ("onehot", "imaginary"):
        assert qd.evolve(problem).method == default_method(problem, None)
        with pytest.raises(MethodError, match="`method` must run on a one-hot grid, but is ProbabilisticITE"):
            qd.evolve(problem, backend="statevector")
        return
    plain, circuits = default_method(problem, None), default_method(problem, backend("statevector"))
    assert plain.facts().runs_on == "classical"
    assert circuits.facts().runs_on == "backend"
    asked = qd.evolve(problem), qd.evolve(problem, backend="statevector")
    assert [run.method for run in asked] == [plain, circuits]
    assert [run.provenance["backend"] for run in asked] == [None, "statevector"]
    if clock != "classical":
        exact, run = asked
        assert 0.5 * np.abs(exact.density[-1] - run.density[-1]).sum() < 0.05


@pytest.mark.parametrize("device", [None, "statevector"])
@pytest.mark.parametrize("clock", CLOCKS[:3])
def test_every_verb_has_the_same_default_method(clock: Any, device: Any, tmp_path: Path) -> None:
    """What a call without a method does is what it does with the default one by name, and the record says which."""
    space = "periodic"
    problem = standard_problem(space, clock)
    method = default_method(problem, None if device is None else backend(device))
    circuits = default_method(problem, backend("statevector"))
    assert (method == circuits) == (device is not None)
    assert qd.cost(problem, backend=device) == qd.cost(problem, method, backend=device)
    asked, named = qd.circuits(problem), qd.circuits(problem, circuits)
    assert [one.count_ops() for one in asked] == [one.count_ops() for one in named] != []
    if clock == "real":  # the dearest
        assert str(qd.error_budget(problem, backend=device)) == str(qd.error_budget(problem, method, backend=device))
    if device is not None:
        ask = {"backend": "aer", "shots": 2000, "folder": tmp_path / "run", "seed": 1, "quiet": True}
        run = qd.submit(problem, **ask)  # aer: the blocks of imaginary time are measured on the way
        assert run.fetch().method == circuits
        assert qd.open_run(tmp_path / "run").fetch().method == circuits


def test_linear_blocks_keep_their_stated_error_and_enough_shots() -> None:
    """For H2, whose ground energy is -1.8573; and the refusal says how many shots it takes."""
    problem = qd.Problem.from_operator(H2, clock="imaginary", duration=6.0)
    method = default_method(problem, backend("aer"), 2000)
    assert isinstance(method, qd.ProbabilisticITE)
    assert method.block == "linear"
    run, exact = qd.evolve(problem, method), qd.evolve(problem, qd.Krylov())
    assert abs(np.vdot(run.states[-1], exact.states[-1])) > 1 - 0.05**2
    success = float(run.diagnostics["success_probability"][-1])
    assert success > 0.1
    with pytest.raises(MethodError, match=r"Argument `shots` must be at least [\d,]+ for 100 of them to be kept"):
        default_method(problem, backend("aer"), int(50 / success))


def test_save_times_that_cut_steps_are_told() -> None:
    """1,238 gates whatever the saves were told once; they are counted, and the ends of steps cut none."""
    method = qd.Trotter(5, order=4)
    plain = qd.cost(HARMONIC, method, shots=10)
    cut = qd.cost(HARMONIC, method, shots=10, save=7)
    ends = qd.cost(HARMONIC, method, shots=10, save=qd.step_ends(HARMONIC, method, 7))
    assert (plain.cut_steps, cut.cut_steps, ends.cut_steps) == (0, 5, 0)
    assert cut.two_qubit_gates > 1.5 * plain.two_qubit_gates
    assert "5 save times cut steps" in str(cut)
    assert ends.two_qubit_gates < cut.two_qubit_gates


@pytest.mark.parametrize("method", [qd.QDrift(20, draws=3), qd.RandomOrder(3, draws=3)], ids=["qdrift", "random_order"])
def test_cost_draws_the_circuits_of_the_seed(method: Any) -> None:
    """With the seed of the run the numbers are exact, not a bound."""
    problem = qd.Problem.from_operator(H2, clock="real", duration=0.7)
    told = qd.cost(problem, method, shots=30, seed=11)
    assert not told.upper_bound
    sent = qd.circuits(problem, method, seed=11)
    lengths = [circuit.num_nonlocal_gates() for circuit in sent]
    assert len(set(lengths)) > 1 or isinstance(method, qd.RandomOrder)
    assert told.two_qubit_gates <= max(lengths)
