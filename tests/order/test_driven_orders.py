"""Orders of product formulas where the terms of an operator have schedules of their own, against DOP853 on dense matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import qml_dynamics as qd

BONDS, FIELDS = (1.0, -0.7, 0.45, 0.8, -0.6, 0.9, 0.35), (0.9, 1.1, -0.5, 0.8, 0.7, -1.0, 0.6, 0.4)


def chain(n: int) -> list[tuple[Any, dict[str, float]]]:
    """An annealing path with a drive; some strings have two schedules, one of which crosses zero."""
    fields = {f"X{q}": -FIELDS[q] for q in range(n)}
    bonds = {f"Z{q} Z{q + 1}": BONDS[q] for q in range(n - 1)} | {"Z0": 0.3}
    return [
        (qd.Linear(1.0, 0.1), fields),
        (qd.Linear(-0.2, 1.0), bonds),
        (qd.Oscillation(0.5, 3.0, 0.2), {"Y0 Y1": 0.6, "Z0": 0.4, f"X{n - 1}": 0.3}),
    ]


def truth(problem: qd.Problem) -> np.ndarray:
    """The wave at the end, by DOP853 with the operators as dense matrices."""
    parts = [(schedule, terms.matrix()) for schedule, terms in problem.operator.parts]
    s, duration = problem.strength, problem.duration

    def rate(t: float, y: np.ndarray) -> np.ndarray:
        """``-i H(t) psi``."""
        return np.asarray(-1j * s.value(t, duration) * sum(f.value(t, duration) * (m @ y) for f, m in parts))

    start = problem.initial.vector(problem.domain).reshape(-1)
    return np.asarray(solve_ivp(rate, (0.0, duration), start, method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1])


def stated(n: int, strength: Any = 1.0) -> qd.Problem:
    """The path on n qubits, from a wave without symmetry."""
    k = np.arange(1 << n)
    wave = (1.0 + 0.35 * np.sin(1.7 * k + 0.4)) * np.exp(0.45j * np.cos(2.3 * k + 0.2))
    return qd.Problem.from_operator(chain(n), clock="real", duration=1.6, initial=wave, strength=strength, num_qubits=n)


def measured(problem: qd.Problem, method: Any, steps: int) -> float:
    """The order between so many steps and twice as many; phases count, since circuits keep the global one."""
    wanted = truth(problem)
    errors = []
    for count in (steps, 2 * steps):
        run = qd.evolve(problem, type(method)(count, order=method.order, formula=method.formula))
        errors.append(float(np.linalg.norm(run.states[-1].reshape(-1) - wanted)))
    assert 1e-10 < errors[1] < errors[0] < 0.2, errors
    return float(np.log2(errors[0] / errors[1]))


FORMULAS = [
    (qd.Trotter(1, order=1), 40),
    (qd.Trotter(1, order=2), 16),
    (qd.Trotter(1, formula="omelyan2"), 16),
    (qd.Trotter(1, order=4), 10),
    (qd.Trotter(1, formula="omelyan4"), 8),
    (qd.Trotter(1, formula="blanes_moan4"), 8),
    (qd.Trotter(1, order=6), 8),
]


@pytest.mark.parametrize(
    ("method", "steps"), FORMULAS, ids=lambda v: f"{v.order}-{v.formula}" if isinstance(v, qd.Trotter) else None
)
def test_every_formula_keeps_its_order(method: Any, steps: int) -> None:
    """Within 0.2, on three qubits."""
    assert measured(stated(3), method, steps) == pytest.approx(method.order, abs=0.2)


@pytest.mark.parametrize("strength", [-0.8, qd.Linear(-0.6, 1.2)], ids=["negative", "sign"])
@pytest.mark.parametrize("order", [2, 4])
def test_orders_hold_with_a_strength_of_either_sign(order: int, strength: Any) -> None:
    """Within 0.2: the strength and the schedules of the terms are multiplied."""
    assert measured(stated(3, strength), qd.Trotter(1, order=order), 12) == pytest.approx(order, abs=0.2)


@pytest.mark.slow
@pytest.mark.parametrize(("order", "steps"), [(1, 40), (2, 12), (4, 10), (6, 8)])
def test_orders_hold_on_eight_qubits(order: int, steps: int) -> None:
    """Within 0.2."""
    assert measured(stated(8), qd.Trotter(1, order=order), steps) == pytest.approx(order, abs=0.2)


def test_neighbouring_half_steps_of_one_bond_are_not_merged_across_two_instants() -> None:
    """X and ZZ on one bond do not commute: the two halves at a boundary have different proportions, and stay two blocks."""
    from qml_dynamics.model.formulas import by_order
    from qml_dynamics.synthesis.operator_parts import bond_parts
    from qml_dynamics.synthesis.paces import merged, sweeps

    h = qd.hamiltonian(stated(3))
    ramps = sweeps(by_order(2), h, [0.0, 0.4, 0.8])
    rows = list(zip(h.terms.x.tolist(), h.terms.z.tolist(), h.terms.coefficients.tolist()))
    block = next(b for part in bond_parts(rows, fused=True) for b in part if len(b.terms) > 2)
    turn, boundary = merged(block, [ramps[0][1], ramps[1][1]]), merged(block, [ramps[1][1], ramps[2][1]])
    assert (len(turn), len(boundary)) == (1, 2)
