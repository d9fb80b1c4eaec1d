"""Growing an ansatz: nothing jumps, and fewer parameters reach a lower energy than a fixed ansatz."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from qiskit.quantum_info import SparsePauliOp

import qml_dynamics as qd


def chain(n: int, duration: float) -> qd.Problem:
    bonds = [("ZZ", [i, i + 1], -1.0) for i in range(n - 1)]
    operator = SparsePauliOp.from_sparse_list(bonds + [("X", [i], -0.9) for i in range(n)], n)
    return qd.Problem.from_operator(operator, clock="imaginary", duration=duration, initial=np.eye(1 << n)[0])


def test_grown_ansatz_needs_fewer_parameters_on_the_ising_chain() -> None:
    problem = chain(8, 3.0)
    grown = qd.evolve(
        problem,
        qd.Growing(qd.Variational(qd.ansatz.bare(), 30, integrator="rk4"), grow=qd.Growth(threshold=0.1)),
        seed=1,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fixed = qd.evolve(problem, qd.Variational(qd.ansatz.hardware_efficient(4), 30, integrator="rk4"), seed=1)
    counts = grown.diagnostics["num_parameters"]
    assert counts[-1] < 0.7 * fixed.diagnostics["num_parameters"][-1]
    assert grown.expectations["energy"].value[-1] < fixed.expectations["energy"].value[-1]
    assert counts[-1] > counts[0]
    assert "grown from" in grown.stop
    assert counts[0] > 0  # rotations came in at the very start, and nothing jumped
    assert grown.diagnostics["energy"][0] == pytest.approx(-7, abs=1e-12)
    assert grown.states[0].reshape(-1) == pytest.approx(problem.initial.vector(problem.domain).reshape(-1), abs=1e-12)
    assert grown.parameters.shape == (2, counts[-1])


def test_options() -> None:
    method = qd.Growing(qd.Variational(qd.ansatz.bare(), 10))
    assert method.method.grow == qd.Growth()
    assert method.clocks == ("real", "imaginary")
    assert not method.needs_backend
    kept = qd.Growing(qd.Variational(qd.ansatz.bare(), 10, grow=qd.Growth(0.3)))
    assert kept.method.grow == qd.Growth(0.3)
    with pytest.raises(qd.MethodError, match="circuits"):
        qd.circuits(chain(2, 1.0).replace(clock="real"), method)
