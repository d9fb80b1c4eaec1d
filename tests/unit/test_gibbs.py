"""Softmax, sigmoid and thermal states: exact, with shots, both readings, limits and bad input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from scipy.stats import chi2

import qml_dynamics as qd
from qml_dynamics.base.errors import UnusedArgumentWarning
from qml_dynamics.learning.gibbs import sigmoid, softmax, thermal

BOND = qd.Problem.from_operator({"ZZ": -1.0, "XI": 0.4}, clock="imaginary", duration=1.0)


def law(energies: np.ndarray, beta: float) -> np.ndarray:
    weights = np.exp(-beta * (energies - energies.min()))
    return weights / weights.sum()


@pytest.mark.parametrize("labels", [2, 3, 5, 8, 31, 64])
@pytest.mark.parametrize("beta", [0.0, 0.7, 20.0])
def test_softmax_is_exact(labels: int, beta: float) -> None:
    energies = np.random.default_rng(labels).normal(size=labels) * 1.5 - 2.0
    result = softmax(energies, beta)
    assert np.abs(result.probabilities - law(energies, beta)).max() < 1e-12
    assert not result.stderr.any()
    log_z = float(np.log(np.exp(-beta * (energies - energies.min())).sum()) - beta * energies.min())
    assert result.log_partition == pytest.approx(log_z, abs=1e-10)
    weight = np.exp(log_z) / (labels * np.exp(-beta * energies.min()))
    assert result.success_probability == pytest.approx(weight, rel=1e-10)
    assert set(result.circuit.count_ops()) <= {"h", "ry", "cx"}
    if beta:
        assert np.ptp(result.probabilities) > 0.01
        assert result.probabilities.argmax() == energies.argmin()


def test_limits() -> None:
    one = softmax([5.0], 3.0)
    assert one.probabilities.tolist() == [1.0]
    assert one.log_partition == pytest.approx(-15.0)
    assert one.success_probability == pytest.approx(1.0)
    ties = softmax([1.0, -2.0, -2.0, 4.0], 50.0)
    assert np.allclose(ties.probabilities, [0, 0.5, 0.5, 0], atol=1e-12)
    huge = softmax([1e6, 1e6 + 1.0, 3e6], 2.0)
    assert np.allclose(huge.probabilities, [1 / (1 + np.exp(-2)), 1 / (1 + np.exp(2)), 0], atol=1e-9)
    assert huge.log_partition == pytest.approx(-2e6 + np.log1p(np.exp(-2)), rel=1e-12)
    assert np.allclose(softmax([3.0, -1.0, 2.0], 0.0).probabilities, 1 / 3)


@pytest.mark.parametrize("reading", ["born", "population"])
@pytest.mark.parametrize("backend", ["statevector", "aer", "pennylane:default.qubit"])
def test_softmax_with_shots(reading: str, backend: str) -> None:
    energies = np.array([0.3, 1.1, -0.4, 0.9, 0.2])
    result = softmax(energies, 1.7, backend, 40_000, seed=4, reading=reading)
    wanted = law(energies, 1.7)
    expected = wanted * result.kept
    statistic = ((result.probabilities * result.kept - expected) ** 2 / expected).sum()
    assert chi2.sf(statistic, 4) > 1e-4
    assert 0 < np.abs(result.probabilities - wanted).max() < 5 * result.stderr.max()
    success = np.exp(-1.7 * (energies + 0.4)).mean()
    assert abs(result.success_probability - success) < 5 * result.success_stderr
    assert abs(result.log_partition - np.log(np.exp(-1.7 * energies).sum())) < 5 * result.log_partition_stderr
    assert result.kept == round(result.success_probability * 40_000)
    assert (result.reading, result.tau) == (reading, 0.85 if reading == "born" else 1.7)
    again = softmax(energies, 1.7, backend, 40_000, seed=4, reading=reading)
    assert np.array_equal(result.probabilities, again.probabilities)


def test_standard_errors_cover() -> None:
    energies, inside = np.array([0.0, 0.8, 1.5]), []
    wanted = law(energies, 1.0)
    for seed in range(60):
        result = softmax(energies, 1.0, shots=500, seed=seed)
        inside.append(np.abs(result.probabilities - wanted) < 2 * result.stderr)
    assert 0.88 < np.mean(inside) < 0.99


def test_labels_beyond_the_last_stay_empty_under_noise() -> None:
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.02, 2), ["cx"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.002, 1), ["sx", "rz", "x"])
    result = softmax([0.0, 1.0, 2.0], 1.0, qd.backend("aer", noise_model=model), 4000, seed=1)
    assert result.probabilities.shape == (3,)
    assert result.probabilities.sum() == pytest.approx(1.0)
    assert np.abs(result.probabilities - law(np.array([0.0, 1.0, 2.0]), 1.0)).max() < 0.1


@pytest.mark.parametrize(
    ("method", "allowed"),
    [
        (qd.SplitStep(2), 1e-12),
        (qd.ProbabilisticITE(1.0, 1, block="exact"), 1e-12),
        (qd.Schrodingerised(7, 1), 1e-3),
        (qd.QITE(2, 12), 1e-3),
    ],
    ids=lambda m: type(m).__name__,
)
def test_softmax_by_imaginary_time(method: Any, allowed: float) -> None:
    energies = np.array([0.3, 1.1, -0.4])
    result = softmax(energies, 1.7, method=method)
    assert np.abs(result.probabilities - law(energies, 1.7)).max() < allowed
    assert result.log_partition == pytest.approx(np.log(np.exp(-1.7 * energies).sum()), abs=2 * allowed)


@pytest.mark.parametrize(("z", "beta", "d"), [(1.3, 1.6, 0.5), (-0.7, 2.4, 0.2), (0.4, 0.5, 1.5)])
def test_quantum_sigmoid_in_both_readings(z: float, beta: float, d: float) -> None:
    h = np.array([[0.0, -d], [-d, -z]])
    for reading, tau in (("born", beta / 2), ("population", beta)):
        wave = scipy.linalg.expm(-tau * h) @ np.ones(2) / np.sqrt(2)
        wanted = wave**2 / (wave @ wave) if reading == "born" else wave / wave.sum()
        log_z = np.log(2 * wave @ wave) if reading == "born" else np.log(np.sqrt(2) * wave.sum())
        result = sigmoid(z, beta, d, reading=reading)
        assert np.allclose(result.probabilities, wanted, atol=1e-12)
        assert result.log_partition == pytest.approx(log_z, abs=1e-12)
        seen = sigmoid(z, beta, d, shots=20_000, seed=2, reading=reading)
        assert 0 < abs(seen.probabilities[1] - wanted[1]) < 5 * seen.stderr[1]
        assert abs(seen.log_partition - log_z) < 5 * seen.log_partition_stderr
    assert abs(sigmoid(z, beta, d).probabilities[1] - sigmoid(z, beta).probabilities[1]) > 1e-3


def test_sigmoid_without_hopping_and_its_saturation() -> None:
    for reading in ("born", "population"):
        assert sigmoid(0.9, 2.0, reading=reading).probabilities[1] == pytest.approx(1 / (1 + np.exp(-1.8)), abs=1e-12)
        assert sigmoid(-0.9, 2.0, reading=reading).probabilities[1] < 0.2
    assert sigmoid(0.9, 2.0).log_partition == pytest.approx(np.log1p(np.exp(1.8)))
    z, d = 1.3, 0.5
    assert sigmoid(z, 80.0, d).probabilities[1] == pytest.approx(0.5 * (1 + z / np.sqrt(z**2 + 4 * d**2)), abs=1e-12)


SPINS = qd.Problem(qd.Hypercube(2), lambda w: w[:, 0] * w[:, 1] + 0.4 * w[:, 0], 0.6, clock="imaginary", duration=1.0)


def trace_law(p: qd.Problem, beta: float) -> tuple[np.ndarray, float]:
    matrix = scipy.linalg.expm(-beta * qd.hamiltonian(p).matrix())
    return np.diag(matrix).real / np.trace(matrix).real, float(np.log(np.trace(matrix).real))


@pytest.mark.parametrize(
    "p",
    [SPINS, SPINS.replace(domain=qd.Grid((-2, 2), 2, boundary="walls"), objective=lambda w: w[:, 0] ** 2 + w[:, 0])],
    ids=["spins", "walls"],
)
def test_thermal_converges_with_order_two(p: qd.Problem) -> None:
    wanted, log_z = trace_law(p, 1.3)
    assert np.ptp(wanted) > 0.1
    errors = []
    for steps in (2, 4):
        result = thermal(p, 1.3, steps, backend="aer")
        errors.append(np.abs(result.probabilities.reshape(-1) - wanted).max())
        assert result.probabilities.shape == p.domain.shape
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.2)
    assert thermal(p, 1.3, 12, backend="aer").log_partition == pytest.approx(log_z, abs=4e-3)


def test_thermal_with_shots() -> None:
    wanted, log_z = trace_law(SPINS, 1.0)
    result = thermal(SPINS, 1.0, 8, backend="aer", shots=20_000, seed=3)
    assert 0 < np.abs(result.probabilities.reshape(-1) - wanted).max() < 5 * result.stderr.max()
    assert abs(result.log_partition - log_z) < 5 * result.log_partition_stderr + 2e-3
    assert result.kept < 20_000


def test_thermal_on_a_backend_without_amplitudes() -> None:
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(1e-4, 2), ["cx"])
    device = qd.backend("aer", noise_model=model)
    wanted, _ = trace_law(SPINS, 1.0)
    result = thermal(SPINS, 1.0, 2, backend=device, shots=1000, seed=3)
    assert result.circuit.count_ops()["reset"] > 0
    assert np.abs(result.probabilities.reshape(-1) - wanted).max() < 5 * result.stderr.max() + 0.02


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: softmax([], 1.0), "`energies` must be a list of at least one number"),
        (lambda: softmax([[1.0, 2.0]], 1.0), "`energies` must be a list"),
        (lambda: softmax([1.0, np.nan], 1.0), r"`energies` must be finite, but is of entry nan at \[1\]"),
        (lambda: softmax([1.0, np.inf], 1.0), "`energies` must be finite"),
        (lambda: softmax("ab", 1.0), "`energies` must be numbers"),
        (lambda: softmax([1.0, 2.0], -1.0), "`beta` must be a number that is not negative"),
        (lambda: softmax([1.0, 2.0], np.nan), "`beta`"),
        (lambda: softmax([1.0, 2.0], 1.0, reading="bern"), "Did you mean 'born'"),
        (lambda: softmax([1.0, 2.0], 1.0, shots=0), "`shots`"),
        (lambda: softmax([1.0, 2.0], 1.0, method=qd.QITE(1, 2), reading="population"), "`reading` must be 'born'"),
        (lambda: sigmoid(1.0, 1.0, hopping=-0.1), "`hopping`"),
        (lambda: thermal(SPINS, 0.0), "`beta` must be a positive number"),
        (lambda: thermal(SPINS, 1.0, 0), "`steps`"),
        (
            lambda: thermal(
                qd.Problem.from_operator({"XX": 1.0, "ZI": 0.4}, clock="imaginary", duration=1.0),
                1.0,
                method=qd.QITE(3, 2),
            ),
            "`domain_width` must be at least 4 for a wave that is entangled with qubits on which the operator does not act",
        ),
    ],
)
def test_bad_input(call: Any, words: str) -> None:
    with pytest.raises(qd.QMLDynamicsError, match=words):
        call()


def test_the_program_of_the_gallery_is_this_circuit() -> None:
    from qml_dynamics.synthesis.qasm import to_qasm3
    from qml_dynamics.synthesis.qasm_compare import differences

    folder = Path(__file__).parents[2] / "circuits" / "softmax"
    result = softmax([0.3, 1.1, -0.4, 2.0], 1.7)
    wanted = to_qasm3(result.circuit, name="softmax", digits=10, measure=True)
    assert differences((folder / "softmax.qasm").read_text(encoding="utf-8"), wanted) == []
    file = qd.read_problem(folder / "imaginary.toml")
    run = qd.evolve(file.problem, file.method, backend="aer")
    assert np.allclose(run.density[-1].reshape(-1), result.probabilities, atol=1e-12)
    assert run.diagnostics["success_probability"][-1] == pytest.approx(result.success_probability, rel=1e-12)


@pytest.mark.parametrize(
    "call",
    [
        lambda **seed: softmax([0.3, 1.1], 1.7, **seed),
        lambda **seed: sigmoid(1.3, hopping=0.5, **seed),
        lambda **seed: thermal(SPINS, 1.0, 2, **seed),
        lambda **seed: thermal(BOND, 1.0, **seed),
    ],
)
def test_a_seed_of_an_exact_law_is_told_to_take_no_part(call: Any) -> None:
    with pytest.warns(UnusedArgumentWarning, match="`seed` takes no part") as told:
        seeded = call(seed=5)
    assert [Path(each.filename).name for each in told] == ["test_gibbs.py"]  # the line that gave it
    assert np.array_equal(seeded.probabilities, call().probabilities)


def test_nothing_kept_is_an_error() -> None:
    energies = np.zeros(64)
    energies[1:] = 60.0

    def until_lost() -> None:
        for seed in range(20):
            softmax(energies, 1.0, shots=1, seed=seed)

    with pytest.raises(qd.MethodError, match="none of 1 was kept"):
        until_lost()


def test_a_label_never_seen_has_an_error_all_the_same() -> None:
    """Its probability is not known to be 0: the floor 1 / n covers what n samples cannot tell."""
    energies, beta, shots = np.array([0.0, 0.5, 5.0]), 1.5, 200
    true = law(energies, beta)
    worst, unseen = 0.0, 0
    for seed in range(40):
        result = softmax(energies, beta, shots=shots, seed=seed)
        assert (result.stderr > 0).all()
        unseen += int(result.probabilities[2] == 0)
        worst = max(worst, float(np.abs((result.probabilities - true) / result.stderr).max()))
    assert unseen > 20
    assert 1.0 < worst < 5.0


def test_energies_further_apart_than_floats_reach() -> None:
    with pytest.raises(qd.ProblemError, match="differ by a finite number"):
        softmax([1e308, -1e308], 1.0)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_success_of_a_method_on_circuits_has_an_error() -> None:
    """Of the shots taken: that of a binomial share, and none where everything is kept."""
    problem = qd.Problem(
        qd.Hypercube(2), lambda w: w[:, 0] - 0.5 * w[:, 0] * w[:, 1], 0.4, clock="imaginary", duration=1.0
    )
    found = thermal(
        problem, 0.8, backend="statevector", shots=400, seed=1, method=qd.ProbabilisticITE(1.0, 2, block="exact")
    )
    share = found.success_probability
    assert 0 < share < 1
    assert found.kept < found.shots == 400
    assert 0.7 < found.success_stderr / np.sqrt(share * (1 - share) / 400) < 1.3
    assert thermal(problem, 0.8, method=qd.Krylov()).success_stderr == 0
