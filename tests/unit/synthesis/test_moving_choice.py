"""`Trotter(formula="auto")` of operators whose terms have schedules of their own: the stated error is the error, against DOP853."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import qml_dynamics as qd
from qml_dynamics.base.errors import MethodError
from tests.dense_terms import dense

FIELDS, BONDS = {"XII": -1.0, "IXI": -1.2, "IIX": -0.8}, {"ZZI": -1.0, "IZZ": 0.7, "IIZ": 0.2}
PAIRS: dict[str, tuple[Any, Any]] = {
    "path": (qd.Linear(1.0, 0.1), qd.Linear(-0.2, 1.0)),
    "drive": (qd.Oscillation(0.8, 5.0, 0.4), qd.Geometric(1.0, 0.3)),
    "pulse": (qd.Pulse(1.5, 0.6, 0.15), qd.PowerLaw(1.0, 2.0, 0.2)),
    "quench": (qd.Jumps((0.2, 1.1, 0.4), (0.35, 0.9)), qd.Oscillation(0.5, 3.0, mean=0.5)),
}
DURATION = 1.4
START = np.array([0.5, 0.1 + 0.3j, -0.2, 0.4, 0.1j, 0.3, -0.35 + 0.2j, 0.25])


def stated(name: str) -> qd.Problem:
    """Fields and bonds that both move."""
    first, second = PAIRS[name]
    path = [(first, FIELDS), (second, BONDS)]
    return qd.Problem.from_operator(path, clock="real", duration=DURATION, initial=START)


def truth(name: str, times: list[float]) -> list[np.ndarray]:
    """The waves by DOP853 on dense matrices, in pieces between jumps."""
    first, second = PAIRS[name]
    a, b = dense(FIELDS), dense(BONDS)
    cuts = sorted({0.0, 0.35, 0.9, *times})
    waves, psi = {0.0: START / np.linalg.norm(START)}, START / np.linalg.norm(START)
    for t0, t1 in zip(cuts[:-1], cuts[1:]):

        def rate(t: float, y: np.ndarray, low: float = t0 + 1e-12, high: float = t1 - 1e-12) -> np.ndarray:
            """``-i H psi``, with the schedules of this side at a jump."""
            s = min(max(t, low), high)
            return np.asarray(-1j * (first.value(s, DURATION) * (a @ y) + second.value(s, DURATION) * (b @ y)))

        psi = solve_ivp(rate, (t0, t1), psi, method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
        waves[t1] = psi
    return [waves[t] for t in times]


def off(run: qd.Trajectory, waves: list[np.ndarray]) -> list[float]:
    """Distances to the true waves up to a phase."""
    assert run.states is not None
    pairs = zip(run.states.reshape(len(waves), -1), waves)
    return [float(np.linalg.norm(a * np.exp(1j * np.angle(np.vdot(a, b))) - b)) for a, b in pairs]


@pytest.mark.parametrize("name", list(PAIRS))
@pytest.mark.parametrize("tolerance", [1e-2, 1e-4])
def test_the_stated_error_is_the_error(name: str, tolerance: float) -> None:
    """At every saved time within the tolerance, and the largest is what diagnostics say."""
    times = [0.5, DURATION]
    method = qd.Trotter(formula="auto", tolerance=tolerance)
    run = qd.evolve(stated(name), method, save=times)
    errors, told = off(run, truth(name, times)), run.diagnostics
    assert 1e-3 * tolerance < max(errors) <= tolerance
    assert max(errors) == pytest.approx(told["error"], abs=2e-3 * tolerance)
    assert told["error_is"] == "measured"
    assert told["rivals"]


def test_what_is_picked_is_cheapest_and_is_sent() -> None:
    """No rival takes fewer gates; the cost is that of the circuit; orders above two win where errors are small."""
    problem = stated("path")
    method = qd.Trotter(formula="auto", tolerance=1e-4, optimise="gates")
    told = qd.evolve(problem, method).diagnostics
    sent = qd.circuits(problem, method)[-1]
    counted = qd.cost(problem, method, backend="statevector")
    assert 0 < counted.two_qubit_gates == pytest.approx(sent.num_nonlocal_gates(), rel=0.05)
    assert min(gates for _, _, _, gates, _ in told["rivals"]) >= 0.8 * sent.num_nonlocal_gates()
    assert qd.Trotter(1, formula=told["formula"]).order >= 4
    finer = qd.evolve(problem, method.refined()).diagnostics
    assert 0 < finer["error"] <= 2.5e-5


def test_a_register_that_is_too_wide_is_refused() -> None:
    """Eleven qubits, whose error is not measured, by every verb."""
    n = 11
    fields = {"I" * k + "X" + "I" * (n - 1 - k): -1.0 for k in range(n)}
    bonds = {"I" * k + "ZZ" + "I" * (n - 2 - k): -1.0 for k in range(n - 1)}
    wide = qd.Problem.from_operator([(qd.Linear(1, 0), fields), (qd.Linear(0, 1), bonds)], clock="real", duration=1.0)
    for call in (qd.evolve, qd.cost, qd.circuits):
        with pytest.raises(MethodError, match="`formula` must be the name of one formula above 10 qubits") as refused:
            call(wide, qd.Trotter(formula="auto", tolerance=1e-2))
        assert "\n" not in str(refused.value)
