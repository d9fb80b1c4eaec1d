"""qDRIFT and randomly ordered product formulas."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from qiskit.quantum_info import Operator, SparsePauliOp

import qml_dynamics as qd
from qml_dynamics.base.codec import method_from_spec, method_spec
from qml_dynamics.base.errors import MethodError
from qml_dynamics.learning.growth import entropy
from qml_dynamics.methods.randomised import error_bound, qdrift_channel
from qml_dynamics.model.pauli import PauliSum, pauli_sum
from qml_dynamics.synthesis.trotter import pauli_rotations

TERMS = [("IZZ", -1.0), ("ZZI", -0.8), ("IIX", 0.7), ("IYI", 0.3), ("XII", -0.5), ("III", 0.4)]


def problem(terms: list[tuple[str, float]] = TERMS, duration: float = 0.8) -> qd.Problem:
    start = np.array([1, 0.5j, 0, 0.2, 0, 0, 0.1, 0])
    operator = SparsePauliOp([name for name, _ in terms], [c for _, c in terms])
    return qd.Problem.from_operator(operator, clock="real", duration=duration, initial=start)


def test_pauli_rotations_are_exponentials() -> None:
    for x, z in ((0b011, 0b110), (0b101, 0b101), (0, 0b111), (0b010, 0), (0b100, 0b100), (0, 0)):
        pauli = PauliSum(3, np.array([x]), np.array([z]), np.array([1.0])).matrix()
        exact = np.cos(0.37) * np.eye(8) - 1j * np.sin(0.37) * pauli
        assert Operator(pauli_rotations(3, [(x, z, 0.37)])).data == pytest.approx(exact, abs=1e-12)


def test_average_over_circuits_is_the_channel() -> None:
    given = problem()
    method = qd.QDrift(60, draws=200)
    run = qd.evolve(given, method, seed=3)
    psi = given.initial.vector(given.domain).reshape(-1)
    rho = (qdrift_channel(given.operator, 0.8, 60) @ np.outer(psi, psi.conj()).reshape(-1)).reshape(8, 8)
    assert run.density[-1].reshape(-1) == pytest.approx(np.diag(rho).real, abs=0.03)
    energy = float(np.trace(rho @ given.operator.matrix()).real)
    estimate = run.expectations["energy"]
    assert abs(estimate.value[-1] - energy) < 4 * estimate.stderr[-1]
    assert 0 < estimate.stderr[-1] < 0.1
    assert np.abs(run.density[-1] - run.density[0]).sum() > 0.2
    assert run.states is None
    assert f"{error_bound(method, given.operator, 0.8):.3g}" in run.stop


def test_a_single_term_is_exact_at_any_saved_time() -> None:
    given = problem([("XZI", -1.3), ("III", 0.7)])
    times = [0.0, 0.31, 0.8]
    exact = qd.evolve(given, qd.Exact(), save=times)
    for method in (qd.QDrift(7, draws=1), qd.RandomOrder(3, draws=1)):
        run = qd.evolve(given, method, save=times, seed=1)
        assert run.states.reshape(3, -1) == pytest.approx(exact.states.reshape(3, -1), abs=1e-12)


def test_same_seed_same_circuits_whatever_the_order_of_the_terms() -> None:
    a, b = problem(), problem(TERMS[::-1])
    shuffled = b.replace(
        operator=PauliSum(3, *(v[::-1] for v in (b.operator.x, b.operator.z, b.operator.coefficients)))
    )
    for make in (qd.QDrift, qd.RandomOrder):
        first, second, third, other = (
            qd.circuits(p, make(20, circuits=2, seed=s))[-1] for p, s in ((a, 5), (b, 5), (shuffled, 5), (a, 6))
        )
        assert first == second == third
        assert first != other
    runs = [qd.evolve(p, qd.QDrift(20, draws=3), seed=9).density for p in (a, shuffled)]
    assert np.array_equal(*runs)


@pytest.mark.slow
def test_randomly_ordered_steps_average_to_second_order() -> None:
    given = problem()
    exact = qd.evolve(given, qd.Exact()).density[-1]
    errors = []
    for steps in (4, 16):
        run = qd.evolve(given, qd.RandomOrder(steps, draws=120), seed=2)
        errors.append(0.5 * np.abs(run.density[-1] - exact).sum())
    assert errors[1] < errors[0] / 3
    assert errors[1] < 4e-3
    assert error_bound(qd.RandomOrder(64), given.operator, 0.8) < 0.02


def test_shots_are_shared_and_backends_agree() -> None:
    given = problem()
    exact = qd.evolve(given, qd.Exact())
    for backend in ("statevector", "aer"):
        run = qd.evolve(given, qd.QDrift(300, draws=7), shots=2000, seed=4, backend=backend)
        assert run.shots == 2000
        assert np.abs(run.density[-1] - exact.density[-1]).sum() < 0.2
    with pytest.raises(MethodError, match="`shots`"):
        qd.evolve(given, qd.QDrift(10, draws=20), shots=10)
    estimate = qd.cost(given, qd.QDrift(30, draws=5), shots=100)
    assert estimate.two_qubit_gates > 10
    assert estimate.circuits % 10 == 0


def test_refused_for_losses_with_the_reason_and_specs_round_trip() -> None:
    grid = qd.Problem(qd.Grid((-4, 4), 6), lambda w: w[:, 0] ** 2, 0.5, clock="real", duration=1.0)
    with pytest.raises(MethodError, match=r"square of lambda t.*rotations or more"):
        qd.evolve(grid, qd.QDrift(100))
    with pytest.raises(MethodError, match="clock"):
        qd.evolve(problem().replace(clock="imaginary"), qd.QDrift(100))
    for method in (qd.QDrift(30, draws=4), qd.RandomOrder(5, seed=2)):
        assert method_from_spec(method_spec(method)) == method
    for bad in (lambda: qd.QDrift(0), lambda: qd.RandomOrder(2, draws=0), lambda: qd.QDrift(5, seed=-1)):
        with pytest.raises(MethodError):
            bad()


def test_the_channel_is_unital() -> None:
    channel = qdrift_channel(problem().operator, 0.8, 40)
    assert channel @ np.eye(8).reshape(-1) == pytest.approx(np.eye(8).reshape(-1), abs=1e-12)
    rng = np.random.default_rng(1)
    a = rng.standard_normal((8, 8)) + 1j * rng.standard_normal((8, 8))
    rho = a @ a.conj().T / np.trace(a @ a.conj().T).real
    after = (channel @ rho.reshape(-1)).reshape(8, 8)
    assert entropy((after + after.conj().T) / 2, kind="production", before=rho) > 1e-4
    assert pauli_sum(problem().operator).num_qubits == 3


XX = qd.Problem.from_operator({"XX": 1.0, "ZI": 0.05}, clock="real", duration=2.0)
THREE = qd.Problem.from_operator({"XX": 1.0, "ZI": 0.8, "IY": 0.5}, clock="real", duration=1.0)
ROWS = qd.Problem(
    qd.Grid((-2, 2), 3),
    qd.objectives.from_rows(lambda w, i: w * (1.0 + i), 2),
    0.5,
    clock="real",
    duration=1.0,
    initial=qd.Gaussian(0.3, 0.5),
)
SEEN: dict[str, tuple[qd.Problem, Any, dict[str, Any]]] = {
    "samples of few shots": (
        XX,
        qd.QDrift(3, draws=3),
        {"backend": "aer", "shots": 9, "observables": {"o": {"XI": 1.0}}},
    ),
    "draws of one term": (XX, qd.QDrift(3, draws=3), {"observables": {"o": {"XI": 1.0}}}),
    "orders": (THREE, qd.RandomOrder(1, draws=2), {"observables": {"o": {"YI": 1.0}}}),
    "batches": (ROWS, qd.MiniBatch(2, 1, draws=2), {}),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("problem", "method", "asked"), SEEN.values(), ids=SEEN)
def test_draws_that_agree_are_not_exact(problem: qd.Problem, method: Any, asked: dict[str, Any]) -> None:
    """Whichever draws come out, the error is one of what was not drawn too; a single draw knows none."""
    name, alike = ("o" if "observables" in asked else "objective"), 0
    exact = qd.evolve(
        problem, qd.SplitStep(8) if name == "objective" else qd.Exact(), observables=asked.get("observables")
    )
    for seed in range(8 if "shots" not in asked else 2):
        run = qd.evolve(problem, method, seed=seed, **asked)
        found = run.expectations[name]
        assert 0 < found.stderr[-1] < np.inf
        if run.diagnostics["between_circuits"][name][-1] == 0:
            alike += 1
            assert abs(found.value[-1] - exact.expectations[name].value[-1]) < 2 * found.stderr[-1]
    assert alike, "some seed draws the same each time"
    single = qd.evolve(problem, replace(method, draws=1), seed=0, **asked).expectations[name].stderr
    assert single[0] == 0 or "shots" in asked
    assert np.isinf(single[-1])


def test_orders_of_commuting_terms_and_batches_without_diffusion_are_exact() -> None:
    """No order of commuting terms differs from another; without diffusion batches turn phases alone, which momenta see."""
    ising = qd.Problem.from_operator({"ZZ": 1.0, "ZI": 0.5}, clock="real", duration=1.0)
    for draws in (1, 4):
        run = qd.evolve(ising, qd.RandomOrder(4, draws=draws), seed=1, observables={"o": {"XI": 1.0}})
        assert run.expectations["o"].stderr.max() < 1e-12
        drawn = qd.evolve(ising, qd.QDrift(4, draws=draws), seed=1, observables={"o": {"XI": 1.0}})
        assert drawn.expectations["o"].stderr[-1] > 0
        still = qd.evolve(
            ROWS.replace(diffusion=0.0), qd.MiniBatch(2, 1, draws=draws), seed=1, observables={"w": lambda w: w[:, 0]}
        )
        assert max(still.expectations[name].stderr.max() for name in ("objective", "w", "energy")) < 1e-12
        assert still.expectations["kinetic"].stderr[-1] > 0.01
    exact = qd.evolve(ising, qd.Exact(), observables={"o": {"XI": 1.0}}).expectations["o"].value
    assert run.expectations["o"].value == pytest.approx(exact, abs=1e-12)


def test_draws_that_cannot_differ_are_exact() -> None:
    """One term, or all rows in each batch."""
    one = qd.Problem.from_operator({"XX": 1.0, "II": 0.3}, clock="real", duration=0.7)
    for problem, method in ((one, qd.QDrift(3, draws=1)), (ROWS, qd.MiniBatch(2, 2, draws=2))):
        assert qd.evolve(problem, method, seed=1).expectations["energy"].stderr.max() < 1e-12


def test_schedules_are_integrated_once_for_all_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for each rotation of each draw."""
    calls: list[int] = []
    plain = qd.Linear.integral

    def counted(self: qd.Linear, *given: Any) -> float:
        calls.append(1)
        return plain(self, *given)

    monkeypatch.setattr(qd.Linear, "integral", counted)
    parts = [(qd.Linear(1, 0.2), {"XI": -1.0}), (qd.Linear(0, 1), {"ZZ": 1.0})]
    problem = qd.Problem.from_operator(parts, clock="real", duration=0.5)
    qd.evolve(problem, qd.QDrift(12, draws=2), save=[0.31, 0.5], seed=2)  # what is checked of a problem once
    many = []
    for draws in (2, 8):
        calls.clear()
        qd.evolve(problem, qd.QDrift(12, draws=draws), save=[0.31, 0.5], seed=2)
        many.append(len(calls))
    assert many[1] == many[0] > 0
