"""The default circuits of imaginary time for an operator: within the stated error, and the fewest CX for a kept sample."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.backends import backend
from qml_dynamics.base.errors import MethodError
from qml_dynamics.methods.defaults import default_method
from qml_dynamics.methods.imaginary.chosen import ERROR, _exact, _exact_blocks, _gates, _linear
from qml_dynamics.synthesis.measure import compiled_counts

H2 = {"IZ": 0.3979374248, "ZI": -0.3979374248, "ZZ": -0.0112801043, "XX": 0.1809311998}
ISING = {f"Z{q} Z{q + 1}": -1.0 for q in range(3)} | {f"X{q}": -0.9 for q in range(4)}
HEISENBERG = {f"{p}{q} {p}{q + 1}": 1.0 for q in range(3) for p in "XYZ"}
CUT = dict.fromkeys(("ZZII", "IZZI", "IIZZ", "ZIIZ", "ZIZI"), 0.5)
CASES = {
    "h2": (H2, "00", 3.0),
    "ising": (ISING, "0000", 0.3),
    "heisenberg": (HEISENBERG, "0101", 0.25),
    "cut": (CUT, np.full(16, 0.25), 2.0),
}


def problem_of(name: str, duration: float | None = None) -> qd.Problem:
    operator, initial, usual = CASES[name]
    return qd.Problem.from_operator(operator, clock="imaginary", duration=duration or usual, initial=initial)


@pytest.mark.parametrize("name", CASES)
def test_it_takes_the_fewest_gates_for_a_kept_sample(name: str) -> None:
    problem = problem_of(name)
    h, exact = qd.hamiltonian(problem), _exact(problem)
    both = [_linear(problem, h, exact, None), _exact_blocks(problem, h, exact, None)]
    assert all(one is not None for one in both)
    price = [one.gates / one.success for one in both]
    method = default_method(problem, backend("statevector"))
    best = both[int(np.argmin(price))]
    assert replace(method, floor=best.method.floor) == best.method
    run, reference = qd.evolve(problem, method, backend="statevector"), qd.evolve(problem, qd.Krylov(1e-10))
    wave, wanted = run.states[-1].reshape(-1), reference.states[-1].reshape(-1)
    overlap = np.vdot(wave, wanted)
    assert np.linalg.norm(wave * overlap / abs(overlap) - wanted) <= ERROR
    assert abs(np.vdot(wanted, problem.initial.vector(problem.domain).reshape(-1))) < 0.99
    assert run.diagnostics["success_probability"][-1] == pytest.approx(best.success, rel=1e-3)


@pytest.mark.parametrize("method", [qd.ProbabilisticITE(0.9, 3), qd.ProbabilisticITE(1.0, 2, block="exact")])
def test_the_gates_are_those_of_the_circuit(method: qd.ProbabilisticITE) -> None:
    problem = problem_of("heisenberg", 0.1)
    counted = compiled_counts(qd.circuits(problem, method)[-1], ("cx", "rz", "sx", "x"), 20_000)[1]
    assert (
        50 < counted <= _gates(problem, qd.hamiltonian(problem), method) <= 1.05 * counted
    )  # a few cancel where blocks meet


def test_short_durations_take_exact_blocks_long_ones_linear_blocks() -> None:
    kinds = [default_method(problem_of("ising", tau), backend("statevector")).block for tau in (0.2, 1.5)]
    assert kinds == ["exact", "linear"]


def test_shots_decide_where_one_kind_keeps_too_few() -> None:
    """Exact blocks are cheaper here, but a hundred kept samples of these shots need linear ones; and fewer shots are refused."""
    problem = problem_of("ising", 0.5)
    h, exact = qd.hamiltonian(problem), _exact(problem)
    linear, short = _linear(problem, h, exact, None), _exact_blocks(problem, h, exact, None)
    assert linear is not None
    assert short is not None
    assert linear.success > 1.5 * short.success
    assert short.gates / short.success < linear.gates / linear.success
    free = default_method(problem, backend("aer"), 10**6)
    few = default_method(problem, backend("aer"), int(130 / linear.success))
    assert (free.block, few.block) == ("exact", "linear")
    with pytest.raises(MethodError, match=r"Argument `shots` must be at least [\d,]+ for 100 of them to be kept"):
        default_method(problem, backend("aer"), int(90 / linear.success))


TILTED = {"ZII": 1.0, "XII": 0.5, "ZZI": 0.8, "IXI": 1.1, "IZZ": 0.9, "IIX": 0.7}


@pytest.mark.parametrize("last", [-1.0, -0.9, -0.1])
def test_a_strength_that_changes_its_sign_is_refused(last: float) -> None:
    """Steps there and back again cancel, whatever their waves in between."""
    problem = qd.Problem.from_operator(TILTED, clock="imaginary", duration=2.0, strength=qd.Linear(1.0, last))
    with pytest.raises(MethodError, match="`method` must be given for a strength that changes its sign"):
        default_method(problem, backend("statevector"))
    for one_sign in (qd.Linear(1.0, 0.0), qd.Linear(-1.0, -0.2), -1.0):
        default_method(problem.replace(strength=one_sign, duration=0.5), backend("statevector"))


def test_waves_made_of_roundings_are_no_candidates() -> None:
    """Frustrated strings leave 1e-35 of the samples: refused, or linear blocks of the stated error."""
    problem = qd.Problem.from_operator({"ZZI": 1.0, "IZZ": 1.0, "ZIZ": 1.0}, clock="imaginary", duration=20.0)
    assert _exact_blocks(problem, qd.hamiltonian(problem), _exact(problem), None) is None


def test_shots_that_nobody_takes_are_not_named() -> None:
    problem = qd.Problem.from_operator({"ZZI": 1.0, "IZZ": 1.0, "ZIZ": 1.0}, clock="imaginary", duration=10.0)
    with pytest.raises(MethodError, match=r"`shots` must be far more .* but is 1000. A shorter duration helps"):
        default_method(problem, backend("statevector"), 1000)
