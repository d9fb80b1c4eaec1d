"""Krylov propagation: the tolerance is kept, spaces are what they claim, sizes are refused."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

from qml_dynamics.base.errors import MethodError
from qml_dynamics.methods import krylov
from qml_dynamics.methods.krylov import Krylov, krylov_space
from qml_dynamics.model.domains import Grid, Hypercube
from qml_dynamics.model.hamiltonians import hamiltonian
from qml_dynamics.model.initial import Gaussian, State, Uniform
from qml_dynamics.model.problem import Problem
from qml_dynamics.model.schedules import QHD, Geometric, Linear

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def tilted(w: np.ndarray) -> np.ndarray:
    x = w[:, 0]
    return 0.35 * (x - 0.4) ** 2 + 0.5 * np.sin(1.3 * x + 0.2)


def line(clock: str, driven: bool) -> Problem:
    d, s = (Geometric(0.9, 0.1), Linear(0.3, 1.5)) if driven else (0.4, 1.0)
    start = Gaussian(1.1, 0.65, momentum=0.7)
    return Problem(Grid((-8, 9), 6), tilted, d, s, clock=clock, initial=start, duration=1.3)


@pytest.mark.parametrize("tol", [1e-4, 1e-7, 1e-10])
@pytest.mark.parametrize("clock", ["real", "imaginary"])
@pytest.mark.parametrize("driven", [False, True])
def test_the_tolerance_bounds_the_error(tol, clock, driven, oracle, classical):
    """Of the wave in the 2-norm, and of log_norm within ten times that."""
    problem = line(clock, driven)
    state, log_norm = oracle.solve(problem)
    psi, log = classical.final(problem, Krylov(tol))
    assert np.linalg.norm(psi - state) < tol
    assert abs(log - log_norm) < 10 * tol
    assert np.linalg.norm(psi) == pytest.approx(1.0, abs=1e-12)
    assert abs(np.vdot(problem.initial.vector(problem.domain), state)) < 0.95


def test_quantum_descent_with_its_steep_start(oracle, classical):
    """D falls from 50 to 1 within two thirds of the run, s rises as its cube: the step control must see it."""
    schedule = QHD(0.02)
    problem = Problem(
        Grid((-2, 2.5), 3), tilted, schedule.diffusion, schedule.strength, clock="real", duration=1.5,
        initial=Gaussian(0.8, 0.4),
    )  # fmt: skip
    state, _ = oracle.solve(problem)
    assert np.linalg.norm(classical.final(problem, Krylov(1e-8))[0] - state) < 3e-8


def test_save_times_are_hit_and_do_not_disturb(classical):
    """Between saves the run goes on where it was."""
    problem = line("real", True)
    saved = classical.propagate(problem, Krylov(1e-9), [0.0, 0.31, 1.3])
    np.testing.assert_allclose(saved[-1][1], classical.final(problem, Krylov(1e-9))[0], atol=2e-9)
    shorter = problem.replace(duration=0.31)
    assert np.abs(saved[1][1] - classical.final(shorter, Krylov(1e-9))[0]).max() > 1e-3, "schedules stretch"
    np.testing.assert_array_equal(saved[0][1], problem.initial.vector(problem.domain))


def test_space_is_orthonormal_and_tridiagonalises():
    """V H V^+ has the computed energies; an invariant space ends the recursion."""
    rng = np.random.default_rng(1)
    a = rng.standard_normal((40, 40)) + 1j * rng.standard_normal((40, 40))
    a = a + a.conj().T
    psi = rng.standard_normal(40) + 0j
    space = krylov_space(lambda v: a @ v, psi, 12)
    v = space.vectors
    np.testing.assert_allclose(v.conj() @ v.T, np.eye(12), atol=1e-12)
    np.testing.assert_allclose(np.linalg.eigvalsh(v.conj() @ a @ v.T), space.energies, atol=1e-10)
    two = np.linalg.eigh(a)[1][:, [3, 17]].sum(axis=1)
    small = krylov_space(lambda v: a @ v, two, 12)
    assert len(small.vectors) == 2
    assert small.last_beta == 0.0
    wave, log = small.propagate(-1.0, 0.7, (40,))
    out = scipy.linalg.expm(-0.7 * a) @ (two / np.linalg.norm(two))
    np.testing.assert_allclose(wave, out / np.linalg.norm(out), atol=1e-12)
    assert log == pytest.approx(np.log(np.linalg.norm(out)))


def test_space_ends_as_soon_as_the_step_allows():
    """Short steps take few vectors, long ones all of them, and the error estimate is kept either way."""
    h = hamiltonian(line("real", False))
    psi = Gaussian(1.1, 0.65, 0.7).vector(h.domain)
    sizes = [len(krylov_space(h.apply, psi, 40, -1j, step, 1e-9).vectors) for step in (1e-3, 1e-2, 0.1, 10.0)]
    assert sizes == sorted(sizes)
    assert sizes[0] < 16 < 40 == sizes[-1]
    basis = krylov_space(h.apply, psi, 40, -1j, 0.01, 1e-9)
    wave, _ = basis.propagate(-1j, 0.01, psi.shape)
    exact = scipy.linalg.expm(-0.01j * h.matrix()) @ psi
    assert np.linalg.norm(wave - exact) <= 1e-11


def test_eigenstates_only_turn_their_phase(classical):
    """One vector is the whole space."""
    problem = line("real", False)
    energy, wave = hamiltonian(problem).ground_state()
    psi, _ = classical.final(problem.replace(initial=State(wave)), Krylov())
    np.testing.assert_allclose(psi, np.exp(-1.3j * energy) * wave, atol=1e-9)
    assert abs(np.exp(-1.3j * energy) - 1) > 0.1


def test_tiny_spaces_and_tiny_domains(classical):
    """Two points, one weight."""
    problem = Problem(Hypercube(1), lambda w: w[:, 0], 0.3, clock="imaginary", duration=2.0, initial=State([1, 2j]))
    h = hamiltonian(problem).matrix()
    out = scipy.linalg.expm(-2.0 * h) @ (np.array([1, 2j]) / np.sqrt(5))
    np.testing.assert_allclose(classical.final(problem, Krylov())[0], out / np.linalg.norm(out), atol=1e-12)
    assert abs(abs(out[0]) - abs(out[1])) > 0.01


def test_sizes_that_cannot_fit_are_refused():
    """Before a vector is made."""
    problem = Problem(Grid([(0, 1)] * 2, 27), tilted, 0.1, clock="real", duration=1.0, initial=Uniform())
    with pytest.raises(MethodError, match=r"54 qubits needs [\d.]+ PiB of memory"):
        next(krylov.run(problem, hamiltonian(line("real", False)), Krylov(), [0.0, 1.0], print))


def test_progress_ends_at_its_total():
    """In thousandths of the duration, rising."""
    problem, seen = line("real", True), []
    list(krylov.run(problem, hamiltonian(problem), Krylov(1e-6), [0.0, 0.5, 1.3], lambda *pair: seen.append(pair)))
    assert seen[-1] == (1000, 1000)
    assert len(seen) > 3
    assert [d for d, _ in seen] == sorted(d for d, _ in seen)
