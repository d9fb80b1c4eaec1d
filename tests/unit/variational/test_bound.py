"""The a-posteriori bound of the angle lies above the true angle: 100 random cases on both clocks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

from qml_dynamics.methods.variational import evolve
from qml_dynamics.methods.variational.ansatz import CircuitAnsatz
from qml_dynamics.methods.variational.engine.bound import AngleBound, Floor, angle_between, energy_error
from qml_dynamics.methods.variational.engine.gates import Angles, Fixed, PauliRotation, Program
from qml_dynamics.methods.variational.options import Cutoff, Variational
from qml_dynamics.model.hamiltonians import hamiltonian
from qml_dynamics.model.problem import Problem

CX = np.eye(4, dtype=complex)[[0, 3, 2, 1]]


def random_ansatz(rng: np.random.Generator, n: int, count: int) -> CircuitAnsatz:
    gates = []
    for slot in range(count):
        number = int(rng.integers(1, 4**n))
        gates.append(PauliRotation(number >> n, number & ((1 << n) - 1), 0.5, slot))
        if rng.integers(2):
            gates.append(Fixed(tuple(rng.permutation(n)[:2].tolist()), CX))
    program = Program(n, tuple(gates), Angles.direct(count), rng.normal(size=count), ("t",) * count)
    return CircuitAnsatz(None, tuple(program.theta0), program)


@pytest.mark.parametrize("seeds", [25, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.parametrize("clock", ["real", "imaginary"])
def test_bound_above_the_true_angle(clock: str, seeds: int) -> None:
    moved, tight = [], []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(2, 4))
        ansatz = random_ansatz(rng, n, int(rng.integers(2, 20)))
        a = rng.normal(size=(1 << n,) * 2) + 1j * rng.normal(size=(1 << n,) * 2)
        matrix = (a + a.conj().T) / 4
        duration = float(rng.uniform(0.2, 1.2))
        problem = Problem.from_operator(matrix, clock=clock, duration=duration, initial=ansatz.state())
        regularisation = [1e-6, 1e-2, Cutoff(1e-6), 0.0][seed % 4]
        integrator = ["euler", "rk4", "euler", "rk4", "rk45"][seed % 5]
        if integrator == "rk45":
            regularisation = 1e-3  # less would only take more steps
        method = Variational(ansatz, int(rng.integers(5, 30)), integrator, regularisation, tolerance=1e-3)
        record: dict = {}
        samples = list(
            evolve.run(problem, hamiltonian(problem), method, [0.0, duration / 2, duration], lambda *_: None, record)
        )
        for sample in samples[1:]:
            exact = expm((-1j if clock == "real" else -1) * sample.time * matrix) @ ansatz.state()
            exact /= np.linalg.norm(exact)
            k = int(np.argmin(np.abs(record["times"] - sample.time)))
            true, bound = angle_between(exact, sample.state), record["bound"][k]
            assert true <= bound + 1e-9, (seed, integrator, regularisation, true, bound)
            gap = abs(record["energy"][k] - np.vdot(exact, matrix @ exact).real)
            assert gap <= record["energy_bound"][k] + 1e-9, (seed, gap)
            assert sum(piece[k] for piece in record["bound_pieces"].values()) == pytest.approx(bound)
            moved.append(angle_between(exact, ansatz.state()))
            tight.append(bound / max(true, 1e-12))
    assert np.median(moved) > 0.1
    assert np.median(tight) < 3  # a bound, and no triviality


def test_growth_of_the_bound_is_the_published_equation() -> None:
    """A small angle grows at the rate E - E_0, and never shrinks."""
    bound = AngleBound(True)
    bound.advance(1e-9, 1e-3, 0.0, 0.0, 0.0)
    for _ in range(100):
        bound.advance(0.01, 0.0, 0.0, 2.0, 0.0)
    tangent = np.tan(1e-3) * np.exp(2.0)  # eps' = sin eps cos eps gap is exactly tan eps ~ e^{gap t}
    assert np.tan(bound.angle) == pytest.approx(tangent, rel=1e-6)
    assert bound.dominates == "ansatz"
    for _ in range(1000):
        bound.advance(0.1, 0.0, 0.1, 2.0, 1.0)
    assert bound.angle == np.pi / 2
    assert bound.dominates == "step"


def test_energy_error_over_all_waves_at_an_angle() -> None:
    rng = np.random.default_rng(1)
    a = rng.normal(size=(6, 6))
    h = a + a.T
    low, high = np.linalg.eigvalsh(h)[[0, -1]]
    largest = 0.0
    for _ in range(2000):
        psi, other = (v / np.linalg.norm(v) for v in rng.normal(size=(2, 6)))
        energy, angle = psi @ h @ psi, angle_between(psi, other)
        sigma = np.sqrt(psi @ h @ h @ psi - energy**2)
        bound = energy_error(angle, energy, sigma, low, high)
        gap = abs(other @ h @ other - energy)
        assert gap <= bound + 1e-9
        largest = max(largest, gap / bound)
    assert largest > 0.5


def test_floor_is_below_the_spectrum_and_close() -> None:
    from qml_dynamics.model.domains import Grid

    rng = np.random.default_rng(2)
    a = rng.normal(size=(128, 128))
    problem = Problem.from_operator(a + a.T, clock="imaginary", duration=1.0)
    ground = np.linalg.eigvalsh(a + a.T)[0]
    assert ground - 1e-2 < Floor(hamiltonian(problem)).at(0.0) <= ground + 1e-10
    grid = Problem(Grid((-5, 5), 7), lambda w: w[:, 0] ** 2 / 2, 0.5, clock="imaginary", duration=1.0)
    assert 0.5 - 1e-4 < Floor(hamiltonian(grid)).at(0.0) <= 0.5 + 1e-9


def test_angle_is_accurate_for_small_angles() -> None:
    psi = np.array([1.0, 0.0])
    assert angle_between(np.exp(0.3j) * np.array([np.cos(1e-9), np.sin(1e-9)]), psi) == pytest.approx(1e-9, rel=1e-6)
