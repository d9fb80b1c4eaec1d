"""Costs on a device: the same compilation, the vendor's own numbers, and the best number of steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SparsePauliOp

import qml_dynamics as qd
from qml_dynamics.backends.device.report import device_errors, expected_fidelity
from qml_dynamics.backends.ibm import device
from qml_dynamics.validation.device_cost import formula_constant

MANILA = "ibm:fake_manila"


@pytest.fixture(scope="module")
def well() -> qd.Problem:
    return qd.Problem(
        qd.Grid((-3, 3), 3),
        lambda w: (w[:, 0] ** 2 - 1) ** 2 + 0.15 * w[:, 0],
        0.5,
        clock="real",
        duration=1.0,
        initial=qd.Gaussian(0.5, 0.8),
    )


def test_costs_on_a_device_are_those_of_what_would_be_sent(well: qd.Problem) -> None:
    takes = qd.cost(well, qd.Trotter(2), backend=MANILA, shots=1000)
    device = qd.backend(MANILA)
    circuits = qd.circuits(well, qd.Trotter(2))
    sent = device.programs([circuits[-1]], 1000, [0])[0].circuit
    assert takes.device is not None
    assert takes.two_qubit_gates >= sent.num_nonlocal_gates() > 0
    assert takes.device.fidelity <= expected_fidelity(sent, device) + 1e-12
    assert takes.device.executions == takes.circuits * 1000 == 4000
    assert takes.device.seconds > 4000 * 250e-6  # the pause between shots alone
    assert "expected fidelity" in str(takes)


def test_the_best_number_of_steps_balances_formula_and_device(well: qd.Problem) -> None:
    takes = qd.cost(well, qd.Trotter(4), backend=MANILA, shots=1000)
    constant = formula_constant(well, qd.Trotter(4))
    rate = device_errors(qd.backend(MANILA)).two_qubit * takes.two_qubit_gates / 4
    r = np.linspace(0.2, 40, 20_000)
    brute = r[np.argmin(constant / r**2 + r * rate)]
    assert takes.device.best_steps == pytest.approx(brute, rel=1e-2)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_constant_predicts_the_error_at_other_steps(well: qd.Problem) -> None:
    exact = qd.evolve(well, qd.Krylov()).states[-1]
    constant = formula_constant(well, qd.Trotter(30))
    error = np.linalg.norm(qd.evolve(well, qd.SplitStep(60)).states[-1] - exact)
    assert constant / 60**2 == pytest.approx(error, rel=0.1)


def test_a_device_that_is_too_noisy_is_warned_of(well: qd.Problem) -> None:
    still = well.replace(duration=0.02)  # the formula is already exact: no step is worth its noise
    with pytest.warns(qd.NoiseFloorWarning, match="too noisy"):
        takes = qd.cost(still, qd.Trotter(1), backend=MANILA, shots=100)
    assert takes.device.best_steps < 1


def test_simulators_have_no_device_numbers(well: qd.Problem) -> None:
    assert qd.cost(well, qd.Trotter(2), backend="aer", shots=10).device is None


def test_any_device_that_reports_its_errors_has_numbers(well: qd.Problem) -> None:
    """No vendor's formula there: a lower bound of the seconds, and no jobs."""
    device = GenericBackendV2(4, seed=1)
    takes = qd.cost(well, qd.Trotter(2), backend=device, shots=100)
    assert takes.device is not None
    assert not takes.device.formula
    assert 0 < takes.device.fidelity < 1
    assert takes.device.seconds > 400 * 250e-6
    assert "at least" in str(takes)


def test_seconds_count_jobs_copies_and_calibrations(well: qd.Problem) -> None:
    plain = qd.cost(well, qd.Trotter(2), backend=MANILA, shots=1000)
    assert "about" in str(plain)
    assert 2 + 4000 * 250e-6 < plain.device.seconds < 2 + 4000 * 350e-6
    once = qd.cost(well, qd.Trotter(199), backend=MANILA, shots=1000)
    many = qd.cost(
        well, qd.Trotter(199), backend=MANILA, shots=1000, save=200
    )  # 400 circuits, 300 a job; no step is cut
    # two jobs; the circuits are somewhat longer, since half steps on both sides of a saved time do not merge
    assert many.circuits == 400
    assert 4 + 100 * (once.device.seconds - 2) < many.device.seconds < 4 + 150 * (once.device.seconds - 2)
    folded = qd.cost(
        well, qd.Trotter(2), backend=qd.backend(MANILA, zne=True, readout_mitigation="calibrated"), shots=1000
    )
    assert folded.device.executions == (4 * 2 + 2) * 1000
    assert folded.device.best_steps == plain.device.best_steps  # the circuit itself is no longer
    assert folded.two_qubit_gates == plain.two_qubit_gates


def test_operators_have_a_best_number_of_steps_too() -> None:
    """T38 on the problem of A7: within one of brute force over the sum of both errors."""
    terms = [("ZZ", [i, i + 1], -1.0) for i in range(3)] + [("X", [i], -1.0) for i in range(4)]
    chain = qd.Problem.from_operator(SparsePauliOp.from_sparse_list(terms, 4), clock="real", duration=1.0)
    takes = qd.cost(chain, qd.Trotter(4), backend=MANILA, shots=100)
    exact = qd.evolve(chain, qd.Krylov()).states[-1]
    rate = device_errors(qd.backend(MANILA)).two_qubit * takes.two_qubit_gates / 4
    total = []
    for r in range(1, 12):
        psi = qd.evolve(chain, qd.Trotter(r), backend="statevector").states[-1]
        total.append(
            np.linalg.norm(psi * np.exp(-1j * np.angle(np.vdot(exact.ravel(), psi.ravel()))) - exact) + r * rate
        )
    assert total[0] > min(total)  # there is something to find
    assert abs(takes.device.best_steps - (1 + int(np.argmin(total)))) <= 1


def test_variational_runs_have_numbers_of_the_device_too() -> None:
    bit = qd.Problem.from_operator([[1.0, 0.5], [0.5, -1.0]], clock="imaginary", duration=0.3)
    takes = qd.cost(bit, qd.Variational(qd.ansatz.hardware_efficient(0), steps=1), backend=MANILA)
    assert takes.device is not None
    assert takes.device.best_steps is None
    assert takes.device.executions == takes.shots == takes.circuits * 1000  # assumed where no shots are given
    assert takes.circuits_per_step is not None


BIT = qd.Problem.from_operator([[1.0, 0.5], [0.5, -1.0]], clock="imaginary", duration=0.3)
PAIR = qd.Problem.from_operator({"ZZ": 1.0, "IX": 0.7, "XI": 0.4}, clock="real", duration=1.0)
CHAIN = qd.Problem.from_operator({"ZZI": 1.0, "IXZ": 0.7, "XII": 0.4}, clock="imaginary", duration=0.4)
JOBS: dict[str, tuple[qd.Problem, Any]] = {
    "one": (PAIR, qd.Trotter(1)),
    "a draw": (PAIR, qd.QDrift(4, draws=3)),
    "an order": (PAIR, qd.RandomOrder(1, draws=2)),
    "a number of steps": (PAIR, qd.MultiProduct((1, 2))),
    "an evaluation": (BIT, qd.Variational(qd.ansatz.hardware_efficient(0), steps=2, integrator="rk4")),
    "a look": (CHAIN, qd.QITE(2, 2)),
    "one, at all steps": (BIT, qd.DoubleBracket(2)),
}
MITIGATED: dict[str, tuple[dict[str, Any], int | None]] = {  # and how many circuits a job may hold
    "calibrated": ({"readout_mitigation": "calibrated"}, None),
    "extrapolated, five a job": ({"readout_mitigation": "calibrated", "zne": (1, 3)}, 5),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("options", "most"), MITIGATED.values(), ids=MITIGATED)
@pytest.mark.parametrize(("problem", "method"), JOBS.values(), ids=JOBS)
def test_each_batch_is_a_job_with_its_own_calibrations(
    problem: qd.Problem, method: Any, options: dict[str, Any], most: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Executions are those that are sent, and every job has its two seconds: of the sampler, and of the estimator beside it."""
    jobs: list[tuple[int, int]] = []
    plain, estimating = device.sampled, device.estimated

    def noted(work: Any, *rest: Any) -> Any:
        jobs.append((len(work), rest[2]))
        return plain(work, *rest)

    def estimated(pubs: Any, *rest: Any) -> Any:
        bases = sum(len(operator.group_commuting(qubit_wise=True)) for _, every in pubs for operator in every)
        jobs.append((bases * len(options["zne"]), rest[3]))
        return estimating(pubs, *rest)

    monkeypatch.setattr(device, "sampled", noted)
    monkeypatch.setattr(device, "estimated", estimated)
    if most is not None:
        monkeypatch.setattr(device.IBMBackend, "max_circuits", most)
    asked: dict[str, Any] = {"backend": qd.backend(MANILA, **options), "shots": 60, "seed": 1, "save": [0.1, 0.2]}
    told = qd.cost(problem, method, **asked).device
    assert not jobs
    qd.evolve(problem, method, **asked)
    assert told is not None
    assert told.executions == sum(circuits * shots for circuits, shots in jobs)
    assert told.jobs == len(jobs)
    pauses = told.executions * 350e-6
    assert 2 * len(jobs) < told.seconds < 2 * len(jobs) + pauses
