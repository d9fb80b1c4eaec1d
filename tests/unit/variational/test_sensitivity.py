"""How much a run depends on rounding: closed forms, a chaotic run and what a second run of one's own shows."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp

import qml_dynamics as qd
from qml_dynamics.base.codec import method_from_spec, method_spec
from qml_dynamics.cli.options import parse_method
from qml_dynamics.methods.variational import evolve, sensitivity
from qml_dynamics.methods.variational.engine.bound import angle_between
from qml_dynamics.methods.variational.engine.linear import LEAST, MOST, solve
from qml_dynamics.methods.variational.sensitivity import MOVED, SensitivityWarning, stated
from qml_dynamics.runs.specification import described_method, stored_method

# How far closed forms move the start: far enough that rounding at 1e-13 (`make test-portable PORTABLE="--size 1e-13"`) is 1e-4 of it, and
# its square, 1e-8, is less.
FAR = 1e-8


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensitivity, "MOVED", FAR)


# Tikhonov terms at which starts moved by 1e-14 end at least 0.1 radians apart (sixteen for Euler, ten for rk4).
CHAOTIC = {"euler": 1e-6, "rk4": 1e-8}


def chain(n: int, duration: float) -> qd.Problem:
    bonds = [("ZZ", [i, i + 1], -1.0) for i in range(n - 1)]
    operator = SparsePauliOp.from_sparse_list(bonds + [("X", [i], -0.9) for i in range(n)], n)
    return qd.Problem.from_operator(operator, clock="imaginary", duration=duration, initial=np.eye(1 << n)[0])


def run(problem: qd.Problem, method: qd.Variational) -> qd.Trajectory:
    return qd.evolve(problem, method, save=2, seed=1)


@cache
def chaotic(integrator: str, sensitivity: bool | None) -> tuple[qd.Trajectory, tuple[str, ...]]:
    """The chain of eight spins at a Tikhonov term that is too small for it, and what was warned of."""
    method = qd.Variational(qd.ansatz.hamiltonian(3), 30, integrator, CHAOTIC[integrator], sensitivity=sensitivity)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        answer = run(chain(8, 3.0), method)
    return answer, tuple(str(w.message) for w in caught if issubclass(w.category, SensitivityWarning))


def one_qubit(gate: str, clock: str, eps: float) -> tuple[qd.Problem, Any]:
    circuit = QuantumCircuit(1)
    if gate == "rz":
        circuit.h(0)
    getattr(circuit, gate)(Parameter("t"), 0)
    start = qd.ansatz.from_circuit(circuit, [np.pi / 2])
    matrix = np.diag([eps / 2, -eps / 2])
    return qd.Problem.from_operator(matrix, clock=clock, duration=1.0, initial=start.state()), start


@pytest.mark.parametrize("integrator", ["rk4", "rk45"])
def test_imaginary_time_contracts_by_the_hyperbolic_secant(far: None, integrator: str) -> None:
    """tan(theta / 2) = exp(eps tau) from theta_0 = pi / 2 gives d theta / d theta_0 = 1 / cosh(eps tau)."""
    problem, start = one_qubit("ry", "imaginary", 1.1)
    method = qd.Variational(start, 50, integrator, 0.0, sensitivity=True)
    found = run(problem, method).diagnostics
    assert found["sensitivity"] == "second run"
    assert found["amplification"] == pytest.approx(1 / np.cosh(1.1), rel=1e-3)
    assert found["moved"] == pytest.approx(0.5 * FAR / np.cosh(1.1), rel=1e-3)
    sampled = run(problem, replace(method, sensitivity=None, integrator="rk4")).diagnostics
    assert sampled["sensitivity"] == "sampled"
    assert sampled["amplification"] == pytest.approx(1 / np.cosh(1.1), rel=0.15)  # rates of every eighth step or so


def test_an_excited_state_repels_by_its_gap(far: None) -> None:
    """From theta_0 close to 0, the upper state: d theta / d theta_0 = e^x (1 + t^2) / (1 + e^2x t^2), t = tan(theta_0 / 2), x = eps tau."""
    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("t"), 0)
    start = qd.ansatz.from_circuit(circuit, [1e-5])
    problem = qd.Problem.from_operator(np.diag([4.0, -4.0]), clock="imaginary", duration=1.0, initial=start.state())
    found = run(problem, qd.Variational(start, 200, "rk4", 0.0, sensitivity=True)).diagnostics
    assert found["amplification"] == pytest.approx(np.exp(8.0), rel=0.03)
    sampled = run(problem, qd.Variational(start, 200, "rk4", 0.0)).diagnostics
    assert sampled["sensitivity"] == "sampled"
    assert sampled["amplification"] == pytest.approx(np.exp(8.0), rel=0.1)


RATES = (-5.0, 10.0, -15.0, -25.0, -40.0, -60.0)


def several_rates(duration: float) -> tuple[qd.Problem, qd.Variational]:
    """One turned qubit for each rate, next to the upper or the lower of its states: theta_i' = rate_i theta_i."""
    n = len(RATES)
    circuit = QuantumCircuit(n)
    for i in range(n):
        circuit.ry(Parameter(f"t{i}"), i)
    start = qd.ansatz.from_circuit(circuit, [1e-9] * n)
    operator = SparsePauliOp.from_sparse_list([("Z", [i], rate / 2) for i, rate in enumerate(RATES)], n)
    problem = qd.Problem.from_operator(operator, clock="imaginary", duration=duration, initial=start.state())
    return problem, qd.Variational(
        start, round(30 * duration), "rk4", 0.0, stop_at=0.0
    )  # 60 dt = 2: rk4 is stable up to 2.78


def test_what_contracts_does_not_hide_what_grows(far: None) -> None:
    """|exp(J t) u| ends as its growing component, a sixth of u, while u^T J u begins at -56."""
    problem, method = several_rates(1.0)
    truth = run(problem, replace(method, sensitivity=True)).diagnostics
    unit = np.random.default_rng(20_180).standard_normal(len(RATES))
    unit /= np.linalg.norm(unit)
    assert truth["amplification"] == pytest.approx(np.linalg.norm(np.exp(RATES) * unit), rel=0.03)
    sampled = run(problem, method).diagnostics
    assert sampled["sensitivity"] == "sampled"
    assert truth["amplification"] > 3000
    assert truth["amplification"] / 30 < sampled["amplification"] < 3 * truth["amplification"]


@pytest.mark.parametrize("seed", range(3))
def test_noise_does_not_hide_what_grows(seed: int, far: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounding of an ill-conditioned solve over the length of the sampled tangent is as large as 1e3, here in the first samples."""
    problem, method = several_rates(1.5)
    noise = np.random.default_rng(seed)
    changes: list[float] = []

    class Noisy(sensitivity.Sensitivity):
        def _change(self, point: Any) -> np.ndarray:
            change = super()._change(point)
            if point.time < 0.5:
                change = change + 1e3 * noise.standard_normal(len(change))
                changes.append(float(self.tangent @ change))
            return change

    monkeypatch.setattr(evolve, "Sensitivity", Noisy)
    found = run(problem, method).diagnostics
    assert min(changes) < -300
    assert found["sensitivity"] == "second run"  # it was found necessary
    assert found["amplification"] > 1e5


def test_a_rotation_in_real_time_amplifies_nothing(far: None) -> None:
    problem, start = one_qubit("rz", "real", 0.7)
    found = run(problem, qd.Variational(start, 50, regularisation=0.0, sensitivity=True)).diagnostics
    assert found["amplification"] == pytest.approx(1, rel=1e-3)
    found = run(problem, qd.Variational(start, 50, regularisation=0.0)).diagnostics
    assert found["amplification"] == pytest.approx(1, rel=1e-6)  # the tangent is longer than rounding


def test_halved_steps_of_euler_are_less_chaotic() -> None:
    """Steps that would raise the energy are halved: the answer moves far less than that of rk4, and it says so where it is too much."""
    answer, said = chaotic("euler", None)
    found = answer.diagnostics
    assert found["halved_steps"] > 0
    assert found["sensitivity"] == "second run"
    # 1e-5 radians by rounding alone, 3e-4 where noise of 1e-13 stands for rounding; without halved steps it ends 0.1 away and more
    assert found["moved"] < 0.01
    assert bool(said) == (found["moved"] > stated(found["bound"][-1]))


def test_a_chaotic_run_says_so_unasked() -> None:
    answer, said = chaotic("rk4", None)
    found = answer.diagnostics
    assert found["sensitivity"] == "second run"
    assert found["amplification"] > 1e8
    assert found["moved"] > stated(found["bound"][-1])
    assert len(said) == 1
    assert "depends on rounding" in said[0]
    assert f"{found['moved']:.1e}" in said[0]
    assert f"moved by 1e-13 at its start it ends {found['moved']:.1e} away" in answer.stop


@pytest.mark.parametrize("steps", [20, 40])
def test_the_noise_of_a_singular_metric_is_not_taken_for_contraction(steps: int) -> None:
    """A metric without full rank and a Tikhonov term of 1e-12: samples are noise, and the default says what a second run shows."""
    problem = chain(4, 0.01 * steps)
    method = qd.Variational(qd.ansatz.hamiltonian(2), steps, "rk4", 1e-12)
    for asked in (True, None):
        with pytest.warns(SensitivityWarning, match="depends on rounding"):
            found = run(problem, replace(method, sensitivity=asked)).diagnostics
        assert found["sensitivity"] == "second run"
        assert found["moved"] > 100 * stated(found["bound"][-1])


@pytest.mark.parametrize("integrator", ["euler", "rk4"])
def test_the_default_is_no_such_run(integrator: str) -> None:
    problem = chain(8, 3.0)
    method = qd.Variational(qd.ansatz.hamiltonian(3), 30, integrator, sensitivity=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error", SensitivityWarning)
        answer = run(problem, method)
    assert answer.diagnostics["amplification"] < 1e7
    theta0 = np.array(method.ansatz.bind(problem, qd.hamiltonian(problem)).theta0)
    for seed in (1, 2):
        move = np.random.default_rng(seed).normal(size=len(theta0))
        other = run(problem, replace(method, theta0=theta0 + MOVED * move, sensitivity=False))
        assert other.diagnostics["energy"][-1] == pytest.approx(answer.diagnostics["energy"][-1], abs=1e-6)
    assert answer.diagnostics["energy"][-1] < -9.0  # of -9.264


def test_it_agrees_with_a_second_run_of_ones_own() -> None:
    """From starts moved in other directions, and further, above the rounding of the solves (1e-16 times the condition, 1e3)."""
    problem = chain(4, 3.0).replace(initial=qd.Uniform())
    method = qd.Variational(qd.ansatz.hardware_efficient(4), 30, "rk4", 1e-3, sensitivity=True)
    answer = run(problem, method)
    program = method.ansatz.bind(problem, qd.hamiltonian(problem))
    seen = []
    for seed in range(3):
        move = np.random.default_rng(seed).normal(size=len(program.theta0))
        moved = np.array(program.theta0) + 1e-11 * move / np.linalg.norm(move)
        other = run(problem, replace(method, theta0=moved, sensitivity=False))
        assert answer.states is not None
        assert other.states is not None
        apart = [angle_between(a, b) for a, b in zip(answer.states, other.states)]
        seen.append(apart[-1] / apart[0])
    assert min(seen) > 30  # a symmetric start, which the ansatz leaves
    assert min(seen) / 30 < answer.diagnostics["amplification"] < 30 * max(seen)


def late(name: str) -> tuple[qd.Problem, qd.Variational]:
    """Runs that keep a symmetry of their start and lose it to rounding near their end, where a tangent of the start grows most."""
    if name == "heisenberg":
        bonds = [(p, [i, i + 1], 1.0) for i in range(4) for p in ("XX", "YY", "ZZ")]
        terms = [*bonds, *(("Z", [i], 0.06 * (i + 1)) for i in range(5))]
        start, method = np.eye(32)[0b10101], qd.Variational(qd.ansatz.hardware_efficient(2), 40, "rk4")
    else:
        weights = np.random.default_rng(1)
        pairs = [(i, j) for i in range(5) for j in range(i)]
        terms = [("ZZ", [i, j], 1.0 + 0.1 * weights.normal()) for i, j in pairs if weights.random() < 0.6]
        terms += [("X", [i], -0.3) for i in range(5)]
        start, method = np.full(32, 32**-0.5), qd.Variational(qd.ansatz.hardware_efficient(2), 40, "euler", 1e-6)
    operator = SparsePauliOp.from_sparse_list(terms, 5)
    return qd.Problem.from_operator(operator, clock="imaginary", duration=1.5, initial=start), method


@pytest.mark.parametrize("name", ["heisenberg", "cut"])
def test_what_grows_late_is_seen_unasked(name: str) -> None:
    """Few samples along the path are enough, on problems that are not the chain above; a run of one's own moves as far."""
    problem, method = late(name)
    with pytest.warns(SensitivityWarning, match="depends on rounding"):
        answer = run(problem, method)
    found = answer.diagnostics
    assert found["sensitivity"] == "second run"
    assert found["moved"] > stated(found["bound"][-1])
    program = method.ansatz.bind(problem, qd.hamiltonian(problem))
    far = []
    for seed in range(3):
        move = np.random.default_rng(seed).normal(size=len(program.theta0))
        theta0 = np.array(program.theta0) + MOVED * move / np.linalg.norm(move)
        other = run(problem, replace(method, theta0=theta0, sensitivity=False))
        far.append(angle_between(other.states[-1], answer.states[-1]))
    assert max(far) > stated(found["bound"][-1])


def test_samples_cost_less_than_a_tenth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where they show nothing there is no second run."""
    problem, start = one_qubit("ry", "imaginary", 1.1)
    spent: list[int] = []

    class Counted(sensitivity.Sensitivity):
        def finish(self, point: Any, bound: float) -> None:
            spent.append(self.spent)
            super().finish(point, bound)

    monkeypatch.setattr(evolve, "Sensitivity", Counted)
    for integrator in ("rk4", "euler"):
        found = run(problem, qd.Variational(start, 200, integrator)).diagnostics
        assert found["sensitivity"] == "sampled"
        assert 0.04 * found["evaluations"] < spent[-1] < 0.1 * found["evaluations"]


def test_a_second_run_that_nobody_asked_for_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensitivity, "_CHEAP", 1e4)
    method = qd.Variational(qd.ansatz.hamiltonian(3), 30, "rk4", 1e-6)
    with pytest.warns(SensitivityWarning, match="may depend on rounding: its steps are not resolved; sensitivity=True"):
        found = run(chain(8, 3.0), method).diagnostics
    assert found["sensitivity"] == "sampled"
    assert np.isfinite(found["amplification"])


def test_a_second_run_left_out_says_what_made_it_look_necessary(far: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolved steps from an upper state, which repels: nothing but the samples tells of it."""
    monkeypatch.setattr(sensitivity, "_CHEAP", 0.0)
    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("t"), 0)
    start = qd.ansatz.from_circuit(circuit, [1e-9])
    problem = qd.Problem.from_operator(np.diag([7.0, -7.0]), clock="imaginary", duration=1.0, initial=start.state())
    with pytest.warns(SensitivityWarning) as said:
        found = run(problem, qd.Variational(start, 60, "rk4", 0.0, stop_at=0.0)).diagnostics
    assert found["sensitivity"] == "sampled"
    assert found["amplification"] == pytest.approx(np.exp(14.0), rel=0.1)
    why = f"samples let a change of 1e-08 at its start grow to {found['moved']:.1e} radians; sensitivity=True"
    assert [why in str(w.message) for w in said if w.category is SensitivityWarning] == [True]


def test_looking_changes_nothing_and_can_be_left_out() -> None:
    blind, said = chaotic("rk4", False)
    seen, _ = chaotic("rk4", None)
    assert not said
    assert blind.diagnostics["sensitivity"] == "none"
    assert np.isnan(blind.diagnostics["amplification"])
    assert "moved by" not in blind.stop
    assert blind.diagnostics["evaluations"] == seen.diagnostics["evaluations"]
    assert np.array_equal(blind.parameters, seen.parameters)
    problem, start = one_qubit("ry", "imaginary", 1.1)
    kept = [run(problem, qd.Variational(start, 60, sensitivity=s)) for s in (None, False)]
    assert kept[0].diagnostics["sensitivity"] == "sampled"
    assert np.array_equal(kept[0].parameters, kept[1].parameters)
    assert kept[0].diagnostics["evaluations"] == kept[1].diagnostics["evaluations"]


def test_a_bound_that_says_nothing_is_not_paid_for() -> None:
    answer, _ = chaotic("rk4", False)
    found = answer.diagnostics
    full = np.flatnonzero(found["bound"] == np.pi / 2)
    assert 0 < full[0] < 25
    assert found["evaluations"] == 1 + 6 * full[0] + 4 * (30 - full[0])
    total = sum(piece for piece in found["bound_pieces"].values())
    assert total == pytest.approx(found["bound"], abs=1e-12)
    assert np.all(np.diff(found["bound"]) >= 0)
    assert np.all(found["residual"] > 0)


def test_an_ansatz_that_grows_is_walked_again_with_its_insertions() -> None:
    method = qd.Growing(qd.Variational(qd.ansatz.bare(), 6, "rk4", sensitivity=True), grow=qd.Growth(0.1))
    found = qd.evolve(chain(4, 0.6), method, seed=1).diagnostics
    assert found["num_parameters"][-1] > found["num_parameters"][0] > 0
    assert found["sensitivity"] == "second run"
    assert 1e-3 < found["amplification"] < 1e3


def test_the_automatic_term_follows_what_the_ansatz_misses() -> None:
    metric, force = np.diag([0.5, 0.1]), np.array([0.3, 0.1])
    held = float(force @ np.linalg.solve(metric, force))  # variance of an ansatz that misses nothing
    assert solve(metric, force, None, held * (1 + 1e-12)).regularisation == pytest.approx(LEAST * 0.3)
    assert solve(metric, force, None, 2 * held).regularisation == pytest.approx(MOST * 0.3)
    small = solve(metric, force, None, held / (1 - 1e-3**2 * 25)).regularisation  # r / sigma = 0.005, a tenth of MISSES
    assert small == pytest.approx(0.1 * MOST * 0.3, rel=0.01)
    assert solve(np.zeros((2, 2)), np.zeros(2), None, 1.0).velocity == pytest.approx([0, 0])


def test_the_option_travels() -> None:
    method = qd.Variational(qd.ansatz.hardware_efficient(1), 4, sensitivity=False)
    assert method_spec(method)["sensitivity"] is False
    assert method_from_spec(method_spec(method)).sensitivity is False
    assert parse_method("variational:ansatz=hardware_efficient(layers=1),steps=4,sensitivity=True").sensitivity is True
    spec, _ = described_method(method)
    assert spec["sensitivity"] is False
    earlier = {"kind": "variational", "steps": 4, "ansatz": spec["ansatz"], "regularisation": 1e-5}
    for read in (method_from_spec(earlier), stored_method(earlier, None, {})):  # type: ignore[arg-type]
        assert read.sensitivity is None
        assert read.regularisation == 1e-5
    with pytest.raises(qd.MethodError, match="`sensitivity` must be True, False or None, but is 'yes'"):
        qd.Variational(qd.ansatz.hardware_efficient(1), 4, sensitivity="yes")
