"""Every imaginary-time circuit method through `evolve`: exact, with shots, with noise, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2

import qml_dynamics as qd

BOWL = qd.Problem(
    qd.Grid((-4, 4), 3), lambda w: 0.5 * (w[:, 0] - 0.4) ** 2 + 0.6 * w[:, 0], 0.5,
    clock="imaginary", duration=0.5, initial=qd.Gaussian(0.8, 0.7),
)  # fmt: skip
PLANE = qd.Problem(
    qd.Grid([(-3, 3), (-2, 2)], (3, 2), boundary="walls"),
    lambda w: 0.5 * w[:, 0] ** 2 + 0.4 * w[:, 0] * w[:, 1] + 0.3 * w[:, 1], qd.Geometric(0.4, 0.2),
    clock="imaginary", duration=0.4, initial=qd.Gaussian([0.7, 0.2], 0.6),
)  # fmt: skip
CUBE = qd.Problem(
    qd.Hypercube(3), lambda w: w[:, 0] * w[:, 1] - 0.3 * w[:, 1] * w[:, 2] + 0.4 * w[:, 0], 0.5,
    clock="imaginary", duration=0.6,
)  # fmt: skip
TWISTED = BOWL.replace(domain=qd.Grid((-4, 4), 3, twist=0.3), strength=qd.Linear(0.5, 1.5))
INVERTED = CUBE.replace(strength=-0.8)
PROBLEMS = {"periodic": BOWL, "walls": PLANE, "cube": CUBE, "twisted": TWISTED, "negative strength": INVERTED}


def infidelity(a: np.ndarray, b: np.ndarray) -> float:
    return 1 - abs(np.vdot(a, b)) ** 2


def moved(run: qd.Trajectory) -> float:
    return infidelity(run.states[0], run.states[-1])


def strings(h: int) -> Any:
    """A transverse-field chain with an asymmetric field, as a matrix."""
    z, x, one = np.diag([1.0, -1.0]), np.array([[0.0, 1.0], [1.0, 0.0]]), np.eye(2)

    def at(ops: dict[int, np.ndarray]) -> np.ndarray:
        out = np.eye(1)
        for q in range(h):
            out = np.kron(out, ops.get(q, one))
        return out

    total = sum(-at({q: z, q + 1: z}) for q in range(h - 1)) - 0.8 * sum(at({q: x}) for q in range(h))
    return total + 0.3 * at({0: z}) + 0.2 * np.eye(1 << h)


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("order", [1, 2])
def test_schrodingerised_has_the_splitting_error_of_split_step_only(name: str, order: int) -> None:
    p = PROBLEMS[name]
    run = qd.evolve(p, qd.Schrodingerised(7, 4, order=order), backend="aer", save=3)
    same = qd.evolve(p, qd.SplitStep(4, order), save=3)
    truth = qd.evolve(p, qd.Krylov(1e-11), save=3)
    assert moved(run) > 0.01
    for a, b, c in zip(run.states[1:], same.states[1:], truth.states[1:]):
        assert infidelity(a, b) < 1e-6
        if order == 1:
            assert infidelity(a, c) > 10 * infidelity(a, b)  # the splitting error is seen, and it is the larger one
    assert np.allclose(run.log_norm, same.log_norm, atol=1e-3)
    known = run.diagnostics
    assert np.allclose(known["success_probability"], known["success_predicted"], rtol=5e-3)
    assert known["purity"].min() > 1 - 2 * known["register_error"] ** 2
    assert known["success_probability"][-1] < 0.9 * known["success_probability"][0]


def test_schrodingerised_error_falls_with_the_register() -> None:
    same = qd.evolve(BOWL, qd.SplitStep(3)).states[-1]
    errors, predicted = [], []
    for qubits in (4, 5, 7):
        run = qd.evolve(BOWL, qd.Schrodingerised(qubits, 3, tolerance=0.3), backend="aer")
        errors.append(infidelity(run.states[-1], same) ** 0.5)
        predicted.append(run.diagnostics["register_error"])
    assert errors[0] > 3 * errors[1] > 9 * errors[2] > 0
    assert predicted[0] > predicted[1] > predicted[2]
    assert all(e < p for e, p in zip(errors, predicted))


def test_schrodingerised_splitting_has_order_two() -> None:
    truth = qd.evolve(CUBE, qd.Krylov(1e-12)).states[-1]
    method = {n: qd.Schrodingerised(9, n) for n in (1, 2)}
    errors = [infidelity(qd.evolve(CUBE, m, backend="aer").states[-1], truth) ** 0.5 for m in method.values()]
    assert errors[1] > 1e-4  # above the register's error
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.15)


@pytest.mark.parametrize("name", PROBLEMS)
def test_exact_blocks_are_split_step_and_success_is_as_predicted(name: str) -> None:
    p = PROBLEMS[name]
    run = qd.evolve(p, qd.ProbabilisticITE(0.97, 3, block="exact"), backend="aer", save=4)
    same = qd.evolve(p, qd.SplitStep(3, 2), save=4)
    assert moved(run) > 0.01
    assert all(infidelity(a, b) < 1e-12 for a, b in zip(run.states, same.states))
    assert np.allclose(run.log_norm, same.log_norm, atol=1e-11)
    known = run.diagnostics
    assert np.allclose(known["success_probability"], known["success_predicted"], rtol=1e-10)


@pytest.mark.parametrize("name", ["periodic", "walls", "cube"])
def test_linear_blocks_success_is_as_predicted(name: str) -> None:
    p = PROBLEMS[name].replace(duration=0.2)
    run = qd.evolve(p, qd.ProbabilisticITE(0.8, 12, floor=0.0), backend="aer", save=3)
    assert np.allclose(run.diagnostics["success_probability"], run.diagnostics["success_predicted"], rtol=1e-10)
    truth = qd.evolve(p, qd.Krylov(1e-11), save=3)
    assert infidelity(run.states[-1], truth.states[-1]) < 1e-3 < moved(run)


def test_linear_blocks_have_order_one_in_the_step() -> None:
    p = qd.Problem.from_operator(strings(3), clock="imaginary", duration=0.4)
    truth = qd.evolve(p, qd.Exact())
    errors = []
    for steps in (8, 16, 32):
        method = qd.ProbabilisticITE(0.8, steps, shift=-3.2, floor=0.0)
        run = qd.evolve(p, method)
        errors.append(infidelity(run.states[-1], truth.states[-1]) ** 0.5)
        known = run.diagnostics
        assert known["success_probability"][-1] == pytest.approx(known["success_predicted"][-1], rel=1e-10)
    assert errors[-1] > 1e-4
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.allclose(orders, 1, atol=0.2)


def test_success_of_linear_blocks_tends_to_m0_to_the_power_2r_times_the_norm() -> None:
    p = qd.Problem.from_operator(strings(3), clock="imaginary", duration=0.1)
    shift, m0, steps = -3.3, 0.8, 16
    run = qd.evolve(p, qd.ProbabilisticITE(m0, steps, shift=shift, floor=0.0))
    norm = np.exp(2 * (qd.evolve(p, qd.Exact()).log_norm[-1] + shift * 0.1))
    assert run.diagnostics["success_probability"][-1] == pytest.approx(m0 ** (2 * steps) * norm, rel=0.02)


def test_qite_follows_imaginary_time_without_losing_samples() -> None:
    p = qd.Problem.from_operator(strings(3), clock="imaginary", duration=0.6)
    truth = qd.evolve(p, qd.Exact(), save=3)
    misses = {}
    for width, steps in ((3, 3), (3, 6), (2, 6)):
        run = qd.evolve(p, qd.QITE(width, steps), save=3)
        misses[width, steps] = infidelity(run.states[-1], truth.states[-1])
        assert "success_probability" not in run.diagnostics
    assert moved(run) > 0.01
    assert misses[3, 6] < 1e-7
    assert misses[3, 3] > 8 * misses[3, 6]
    assert 1e-7 < misses[2, 6] < 2e-2  # a domain of two qubits misses correlations of three
    assert qd.evolve(p, qd.QITE(3, 6), save=3).log_norm == pytest.approx(truth.log_norm, abs=5e-4)


@pytest.mark.parametrize("name", ["periodic", "walls"])
def test_qite_runs_learning_hamiltonians(name: str) -> None:
    p = PROBLEMS[name]
    p = p if name == "periodic" else p.replace(domain=qd.Grid((-3, 3), 3, boundary="walls"), objective=lambda w: w[:, 0] ** 2,
                                               initial=qd.Gaussian(0.7, 0.6), diffusion=qd.Geometric(0.4, 0.2))  # fmt: skip
    run, truth = qd.evolve(p, qd.QITE(3, 6)), qd.evolve(p, qd.Krylov(1e-11))
    assert infidelity(run.states[-1], truth.states[-1]) < 3e-5 < moved(run)
    assert run.log_norm[-1] == pytest.approx(truth.log_norm[-1], abs=3e-3)


def test_double_bracket_lowers_the_energy_as_imaginary_time_does() -> None:
    for p in (BOWL.replace(duration=0.04), qd.Problem.from_operator(strings(3), clock="imaginary", duration=0.04)):
        run, truth = (qd.evolve(p, m, save=3) for m in (qd.DoubleBracket(2, substeps=6), qd.Exact()))
        drop, wanted = (r.expectations["energy"].value[0] - r.expectations["energy"].value for r in (run, truth))
        assert 0 < drop[1] < drop[2]
        assert drop[-1] == pytest.approx(wanted[-1], rel=0.1)
        assert run.log_norm[-1] == pytest.approx(truth.log_norm[-1], abs=1e-3)
        assert abs(run.log_norm[-1]) > 5e-3


SAMPLED = {
    "schrodingerised": (BOWL, qd.Schrodingerised(6, 3)),
    "exact blocks": (PLANE.replace(duration=0.2), qd.ProbabilisticITE(1.0, 2, block="exact")),
    "linear blocks": (BOWL.replace(duration=0.1), qd.ProbabilisticITE(0.8, 4)),
    "qite": (CUBE, qd.QITE(3, 3)),
    "double bracket": (BOWL.replace(duration=0.05), qd.DoubleBracket(1)),
}


@pytest.mark.parametrize("name", SAMPLED)
def test_shots_agree_with_the_exact_run_in_both_bases(name: str) -> None:
    p, method = SAMPLED[name]
    seen = {"x": lambda w: w[:, 0], "k2": lambda k: k[:, 0] ** 2}
    exact = qd.evolve(p, method, backend="aer", observables=seen)
    run = qd.evolve(p, method, backend="aer", shots=20_000, seed=5, observables=seen)
    assert run.counts["weight"][-1].shots <= 20_000
    for key in ("energy", "objective", "kinetic", "x", "k2"):
        # QITE's own rotations come from samples too, so its wave differs a little from the exact run's
        allowed = 5.0 if name != "qite" else 8.0
        assert run.expectations[key][-1].stderr > 0
        assert run.expectations[key][-1].sigmas(exact.expectations[key][-1]) < allowed, key
    assert abs(run.log_norm[-1] - exact.log_norm[-1]) < 5 * run.diagnostics["log_norm_stderr"][-1] + 1e-3
    known = run.diagnostics
    if "success_probability" in known:
        kept = known["kept_shots"]
        assert kept["weight"] == [c.shots for c in run.counts["weight"]]
        assert kept["dual"] == [c.shots for c in run.counts["dual"]]
        assert known["success_probability"][-1] == pytest.approx((kept["weight"][-1] + kept["dual"][-1]) / 40_000)
        gap = known["success_probability"][-1] - exact.diagnostics["success_probability"][-1]
        assert abs(gap) < 5 * known["success_stderr"][-1]


@pytest.mark.parametrize("name", ["schrodingerised", "exact blocks"])
def test_kept_samples_follow_the_kept_law(name: str) -> None:
    p, method = SAMPLED[name]
    law = qd.evolve(p, method, backend="aer").density[-1].reshape(-1)
    counts = qd.evolve(p, method, backend="aer", shots=20_000, seed=8).counts["weight"][-1]
    expected = law * counts.shots
    seen = counts.histogram(law.size) * counts.shots
    big = expected > 5
    statistic = ((seen - expected)[big] ** 2 / expected[big]).sum()
    assert chi2.sf(statistic, big.sum() - 1) > 1e-4
    uniform = np.full(law.size, counts.shots / law.size)
    assert chi2.sf(((seen - uniform) ** 2 / uniform).sum(), law.size - 1) < 1e-10


def test_exact_backends_agree() -> None:
    for p, method in SAMPLED.values():
        a, b, c = (qd.evolve(p, method, backend=name) for name in ("statevector", "aer", "pennylane:default.qubit"))
        assert np.allclose(a.states[-1], b.states[-1], atol=1e-9)
        assert np.allclose(a.states[-1], c.states[-1], atol=1e-9)
        assert np.allclose(a.log_norm, c.log_norm, atol=1e-9)


def noisy() -> Any:
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(1e-4, 2), ["cx"])
    model.add_all_qubit_quantum_error(depolarizing_error(1e-5, 1), ["sx", "rz", "x"])
    return qd.backend("aer", noise_model=model)


SMALL = qd.Problem(qd.Hypercube(2), lambda w: w[:, 0] - 0.4 * w[:, 0] * w[:, 1], 0.3, clock="imaginary", duration=0.3)


@pytest.mark.parametrize(
    "method",
    [
        qd.Schrodingerised(4, 1, tolerance=0.3),
        qd.ProbabilisticITE(1.0, 1, block="exact"),
        qd.ProbabilisticITE(0.8, 3),
        qd.QITE(2, 2),
        qd.DoubleBracket(1),
    ],
    ids=lambda m: type(m).__name__,
)
@pytest.mark.parametrize("shots", [None, 1500])
def test_backends_without_amplitudes_run_the_same_circuits(method: Any, shots: int | None) -> None:
    exact = qd.evolve(SMALL, method)
    run = qd.evolve(SMALL, method, backend=noisy(), shots=shots, seed=3)
    assert run.states is None
    energy = run.expectations["energy"]
    gap = abs(float(energy.value[-1]) - float(exact.expectations["energy"].value[-1]))
    assert gap < 0.02 + (5 * float(energy[-1].stderr) if shots else 0)
    assert run.log_norm[-1] == pytest.approx(exact.log_norm[-1], abs=0.02 if shots is None else 0.1)
    assert abs(energy.value[-1] - energy.value[0]) > 0.1
    if "success_predicted" in run.diagnostics:
        p = run.diagnostics["success_probability"][-1]
        assert p == pytest.approx(exact.diagnostics["success_probability"][-1], rel=0.15)


def test_fresh_ancillas_have_a_limit_where_nothing_is_measured_midway() -> None:
    with pytest.raises(qd.MethodError, match="13 ancillas"):
        qd.evolve(SMALL.replace(duration=0.1), qd.ProbabilisticITE(0.8, 13, floor=0), backend=noisy())


def test_the_floor_is_checked_before_anything_runs() -> None:
    class Spy:
        name, exact = "spy", False

        def states(self, pieces: Any, on_step: Any) -> Any:
            raise AssertionError("ran")

        probabilities = sample = states

        def describe(self) -> dict[str, Any]:
            return {"name": "spy"}

    for method in (qd.Schrodingerised(8, 2, floor=0.5), qd.ProbabilisticITE(0.5, 8, floor=0.1)):
        with pytest.raises(qd.MethodError, match=r"success probability will be \d\.\d\de-"):
            qd.evolve(CUBE, method, backend=Spy(), shots=100)
    with pytest.raises(qd.MethodError, match="`ancilla_qubits` must be at least"):
        qd.evolve(BOWL.replace(duration=9.0), qd.Schrodingerised(3, 2), backend=Spy(), shots=100)
    with pytest.raises(qd.MethodError, match=r"`steps` must be at least \d+ with m0 = 0\.9"):
        qd.evolve(BOWL, qd.ProbabilisticITE(0.9, 3, floor=0), backend=Spy(), shots=100)


def test_no_shot_kept_is_an_error() -> None:
    def until_lost() -> None:
        for seed in range(40):
            qd.evolve(CUBE, qd.Schrodingerised(6, 1), backend="aer", shots=1, seed=seed)

    with pytest.raises(qd.MethodError, match="none of 1 was kept"):
        until_lost()


def test_callbacks_see_every_step_and_can_stop() -> None:
    times = []

    def watch(step: int, view: Any) -> bool:
        times.append(view.time)
        return step == 2

    for method in (qd.ProbabilisticITE(1.0, 4, block="exact"), qd.Schrodingerised(6, 4), qd.QITE(3, 4)):
        times.clear()
        run = qd.evolve(CUBE, method, backend="aer", callback=watch)
        assert np.allclose(times, [0.0, 0.15, 0.3])
        assert "callback stopped" in run.stop
        assert run.times[-1] == pytest.approx(0.3)


def test_circuits_are_gates_and_cost_knows_them() -> None:
    for p, method in SAMPLED.values():
        (circuit,) = qd.circuits(p, method, [p.duration])
        assert not {"unitary", "initialize", "diagonal", "state_preparation"} & set(circuit.count_ops())
        takes = qd.cost(p, method, shots=100)
        assert takes.gates > 10
        assert takes.depth > 5
        run = qd.evolve(p, method, backend="aer")
        if "success_predicted" in run.diagnostics:
            assert takes.success_probability == pytest.approx(run.diagnostics["success_probability"][-1], rel=0.01)
            assert f"{takes.success_probability:.3g} are kept" in str(takes)
        else:
            assert takes.success_probability is None
    assert qd.cost(BOWL, qd.ProbabilisticITE(0.8, 8, floor=0)).qubits == 4  # one ancilla, used again
    assert qd.cost(CUBE, qd.QITE(3, 2), shots=10).circuits > 4


def test_a_run_is_saved_and_loaded(tmp_path: Any) -> None:
    run = qd.evolve(BOWL, qd.Schrodingerised(6, 2, box=(8.0, 6.0)), backend="aer", shots=500, seed=1)
    back = qd.load(run.save(tmp_path / "run"))
    assert back.method == run.method
    assert np.allclose(back.log_norm, run.log_norm)
    assert back.diagnostics["kept_shots"] == run.diagnostics["kept_shots"]
    assert back.reading == "born"


def test_wrong_options_are_refused() -> None:
    for bad, words in (
        (lambda: qd.Schrodingerised(1, 4), "`ancilla_qubits` must be an integer between 2"),
        (lambda: qd.Schrodingerised(5, 0), "`steps`"),
        (lambda: qd.Schrodingerised(5, 2, order=4), "`order`"),
        (lambda: qd.Schrodingerised(5, 2, box=-1.0), "`box` must be a positive number"),
        (lambda: qd.ProbabilisticITE(1.0, 2), "`m0` must be below 1"),
        (lambda: qd.ProbabilisticITE(0.5, 2, block="cubic"), "`block` must be one of"),
        (lambda: qd.ProbabilisticITE(0.5, 2, order=4, block="exact"), "`order`"),
        (lambda: qd.QITE(9, 2), "`domain_width`"),
        (lambda: qd.DoubleBracket(9), "`steps`"),
    ):
        with pytest.raises(qd.MethodError, match=words):
            bad()
    general = qd.Problem.from_operator(strings(3), clock="imaginary", duration=0.1)
    for method, words in (
        (qd.Schrodingerised(2, 2, tolerance=1e-6), "`ancilla_qubits`"),
        (qd.QITE(1, 2), "`domain_width` must be at least 2"),
    ):
        with pytest.raises(qd.MethodError, match=words):
            qd.evolve(general, method)
    with pytest.raises(qd.MethodError, match="8 qubits"):
        qd.evolve(BOWL.replace(domain=qd.Grid((-4, 4), 9)), qd.QITE(3, 1))
    with pytest.raises(qd.MethodError, match="real clock"):
        qd.evolve(BOWL.replace(clock="real"), qd.QITE(3, 1))


def test_a_jump_between_two_steps_counts_on_either_side() -> None:
    """The energy before it is that of the step before it: as far as the exact run, whose schedules come in by their integrals."""
    parts = [(1.0, {"ZZ": 0.5, "IZ": 0.3}), (qd.Jumps((0.0, 3.0), (0.1,)), {"IX": 1.0, "ZI": 0.4})]
    problem = qd.Problem.from_operator(parts, clock="imaginary", duration=0.2, initial="00")
    method = qd.DoubleBracket(2)
    told = qd.cost(problem, method, backend="aer", shots=100_000, save=[0.2])
    run = qd.evolve(problem, method, backend="aer", shots=100_000, save=[0.2], seed=1)
    exact = qd.evolve(problem, method, save=[0.2])
    assert run.log_norm[-1] == pytest.approx(exact.log_norm[-1], abs=0.01)
    assert told.shots == 100_000 * told.circuits
    assert len(run.times) == 1
