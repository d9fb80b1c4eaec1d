"""Costs on a device: the same compilation, the vendor's own numbers, and the best number of steps."""

from __future__ import annotations

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.backends.devices import device_errors, expected_fidelity
from qml_dynamics.device_plan import formula_constant

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
