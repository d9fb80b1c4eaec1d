"""Thermal states and chains of a moving Hamiltonian at one instant, against SciPy's exponential of dense matrices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.linalg import expm

import qml_dynamics as qd
from qml_dynamics.base.errors import ProblemError
from qml_dynamics.cli.gibbs import Asked, gibbs_command
from qml_dynamics.learning import gibbs
from qml_dynamics.learning.metts import Chain
from qml_dynamics.runs.problem_file import write_problem
from tests.dense_terms import dense
from tests.unit.test_driven_operators import PARTS


def stated(clock: str = "real", **options: Any) -> qd.Problem:
    """The problem on three qubits; its start does not matter."""
    return qd.Problem.from_operator(PARTS, clock=clock, duration=0.8, **options)


def hamiltonian_at(t: float, strength: float = 1.0) -> np.ndarray:
    """H(t) of the problem by Kronecker products."""
    return np.asarray(strength * sum(schedule.value(t, 0.8) * dense(terms) for schedule, terms in PARTS))


@pytest.mark.parametrize("clock", ["real", "imaginary"])
def test_the_thermal_state_is_that_of_the_hamiltonian_at_a_time(clock: str) -> None:
    """Law, energy and ``log Z`` of ``exp(-beta H(t))``, by diagonalisation and by blocks; a strength of all counts at that time too."""
    beta, strength = 1.3, qd.Linear(0.5, 2.0)
    problem, found = stated(clock, strength=strength), []
    for t in (0.0, 0.3, 0.8):
        rho = expm(-beta * hamiltonian_at(t, strength.value(t, 0.8)))
        law, z = np.diag(rho).real / np.trace(rho).real, float(np.trace(rho).real)
        exact = gibbs.thermal(problem, beta, time=t)
        assert exact.probabilities.reshape(-1) == pytest.approx(law, abs=1e-12)
        assert exact.log_partition == pytest.approx(np.log(z), abs=1e-12)
        found.append(exact.probabilities)
        errors = [
            float(np.abs(gibbs.thermal(problem, beta, steps, time=t).probabilities.reshape(-1) - law).max())
            for steps in (8, 16)
        ]
        assert 1e-7 < errors[1] < 0.3 * errors[0] < 0.01
    assert min(float(np.abs(a - b).max()) for a, b in ((found[0], found[1]), (found[1], found[2]))) > 0.02


def test_a_chain_is_that_of_the_hamiltonian_at_a_time() -> None:
    """Its stationary law is ``<w|exp(-2 tau H(t))|w> / Z``, and the mean energy that of H(t)."""
    tau, t = 0.6, 0.3
    rho = expm(-2 * tau * hamiltonian_at(t))
    rho /= np.trace(rho)
    chain = qd.metts(stated(), tau, 4000, seed=3, time=t, collapse="alternate")
    assert chain.stationary is not None
    assert chain.stationary.reshape(-1) == pytest.approx(np.diag(rho).real, abs=1e-12)
    other = np.diag(expm(-2 * tau * hamiltonian_at(0.8))).real
    assert np.abs(chain.stationary.reshape(-1) - other / other.sum()).max() > 0.02
    energy = float(np.trace(rho @ hamiltonian_at(t)).real)
    assert chain.energy is not None
    assert abs(chain.energy.value - energy) < 4 * chain.energy.stderr < 0.2


def test_a_saved_chain_is_read_with_its_problem_at_its_time(tmp_path: Path) -> None:
    """The problem that moves, at the time that the chain was drawn at and at no other."""
    path = [(qd.Linear(1, 0), {"XI": -1.0}), (qd.Linear(0, 1), {"ZZ": -1.0})]
    moving = qd.Problem.from_operator(path, clock="imaginary", duration=4.0)
    chain = qd.metts(moving, 1.0, 20, time=2.0, seed=1)
    file = chain.save(tmp_path / "chain.npz")
    read = Chain.load(file, moving, 2.0)
    assert np.array_equal(read.samples, chain.samples)
    with pytest.raises(ProblemError, match="that of the chain, but its operator"):
        Chain.load(file, moving, time=1.0)
    with pytest.raises(ProblemError, match="`time` must be given"):
        Chain.load(file, moving)
    with pytest.raises(ProblemError, match="`time` must be left out"):
        Chain.load(file, time=2.0)


def test_a_time_is_that_of_the_schedules_of_a_loss_too() -> None:
    """D and s at the time; without one at 0, as before."""
    loss = qd.Problem(
        qd.Hypercube(2), lambda w: w[:, 0] - 0.5 * w[:, 0] * w[:, 1], qd.Linear(1.0, 0.2), qd.Linear(0.5, 1.5),
        clock="imaginary", duration=2.0,
    )  # fmt: skip
    then = loss.replace(diffusion=qd.Constant(0.6), strength=qd.Constant(1.0))
    for t, still in ((1.0, then), (None, loss.replace(diffusion=qd.Constant(1.0), strength=qd.Constant(0.5)))):
        law = gibbs.thermal(loss, 1.1, time=t).probabilities
        assert np.array_equal(law, gibbs.thermal(still, 1.1).probabilities)
        walk = [qd.metts(each, 0.5, 50, seed=1, **given).samples for each, given in ((loss, {"time": t}), (still, {}))]
        assert np.array_equal(*walk)
    assert np.abs(gibbs.thermal(loss, 1.1).probabilities - gibbs.thermal(then, 1.1).probabilities).max() > 0.01


def test_the_command_takes_a_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`gibbs PROBLEM --time`, which the command that asks again holds; without it the remedy is named."""
    path = tmp_path / "moving.toml"
    write_problem(stated(), path)
    options: Any = {
        "steps": None,
        "backend": None,
        "shots": None,
        "seed": None,
        "out": tmp_path / "out",
        "as_json": False,
    }
    with pytest.raises(ProblemError, match="`time` must be given"):
        gibbs_command(Asked(path, None, None, 0.0, 1.3, "born"), **options)
    assert gibbs_command(Asked(path, None, None, 0.0, 1.3, "born", time=0.3), **options) == 0
    told = json.loads((tmp_path / "out" / "result.json").read_text())
    law = np.diag(expm(-1.3 * hamiltonian_at(0.3))).real
    assert np.array(told["probabilities"]).reshape(-1) == pytest.approx(law / law.sum(), abs=1e-9)
    assert "--time=0.3" in told["command"]
    assert "exact" in capsys.readouterr().out
