"""Oracles that share no code with the library: Laplacians from explicit sums, SciPy's matrix exponential and integrators."""

from __future__ import annotations

import gc
import itertools
import os
from collections.abc import Callable, Generator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from qml_dynamics.methods import exact, krylov, split_step
from qml_dynamics.methods.exact import Exact
from qml_dynamics.methods.krylov import Krylov
from qml_dynamics.methods.split_step import SplitStep
from qml_dynamics.model.domains import Grid
from qml_dynamics.model.hamiltonians import hamiltonian
from qml_dynamics.model.problem import Problem
from tests.long_cases import LONG

# What makes help and tables wide, narrow or coloured on one machine and not on another: shells export it, and so do services that
# run tests. Tests read these texts as they are without a terminal, 80 columns wide.
_OF_TERMINALS = (
    *("COLUMNS", "LINES", "TERMINAL_WIDTH", "GITHUB_ACTIONS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"),
    *("FORCE_COLOR", "NO_COLOR", "PY_COLORS", "PYTHON_COLORS", "CLICOLOR", "CLICOLOR_FORCE"),
)
for name in _OF_TERMINALS:  # before the command line is imported, which reads some of them once
    os.environ.pop(name, None)

RUNNERS = {SplitStep: split_step.run, Krylov: krylov.run, Exact: exact.run}


def propagate(
    problem: Problem, method: Any, saves: Sequence[float] | None = None
) -> list[tuple[float, np.ndarray, float]]:
    """All ``(time, wave, log_norm)`` that a classical method yields."""
    times = [0.0, problem.duration] if saves is None else list(saves)
    return list(RUNNERS[type(method)](problem, hamiltonian(problem), method, times, lambda done, total: None))


def final(problem: Problem, method: Any) -> tuple[np.ndarray, float]:
    """Wave and log_norm at the end."""
    _, psi, log = propagate(problem, method)[-1]
    return psi, log


def axis_laplacian(grid: Grid, axis: int) -> np.ndarray:
    """Minus the Laplacian of one axis as a sum over plane waves or standing waves, one rank-one term each."""
    (a, b), n = grid.bounds[axis], grid.shape[axis]
    length, out = b - a, np.zeros((n, n), dtype=complex)
    if grid.boundary == "walls":
        j = np.arange(n) + 0.5
        for m in range(1, n + 1):
            wave = np.sin(np.pi * m * j / n) * np.sqrt((1 if m == n else 2) / n)
            out += (np.pi * m / length) ** 2 * np.outer(wave, wave)
        return out
    x = np.arange(n) * length / n
    for m in range(-n // 2, n // 2):
        wave = np.exp(2j * np.pi * m / length * x) / np.sqrt(n)
        out += (2 * np.pi * (m - grid.twist[axis]) / length) ** 2 * np.outer(wave, wave.conj())
    return out


def laplacian(domain: Any) -> np.ndarray:
    """Minus the Laplacian of the whole domain as a Kronecker sum, axis 0 first."""
    if isinstance(domain, Grid):
        parts = [axis_laplacian(domain, axis) for axis in range(domain.ndim)]
    else:
        parts = [np.array([[1.0, -1.0], [-1.0, 1.0]])] * domain.num_weights
    total = np.zeros((domain.size, domain.size), dtype=complex)
    for axis, part in enumerate(parts):
        before = int(np.prod(domain.shape[:axis], dtype=int))
        after = int(np.prod(domain.shape[axis + 1 :], dtype=int))
        total += np.kron(np.kron(np.eye(before), part), np.eye(after))
    twisted = isinstance(domain, Grid) and any(domain.twist)
    assert twisted or np.abs(total.imag).max(initial=0.0) < 1e-9 * np.abs(total).max()
    return total if twisted else total.real


def coordinates(domain: Any) -> np.ndarray:
    """The points by nested loops over the axes, the last one fastest."""
    if isinstance(domain, Grid):
        shift = 0.5 if domain.boundary == "walls" else 0.0
        axes = [[a + (j + shift) * (b - a) / n for j in range(n)] for (a, b), n in zip(domain.bounds, domain.shape)]
    else:
        axes = [list(domain.values)] * domain.num_weights
    return np.array(list(itertools.product(*axes)))


def solve(problem: Problem) -> tuple[np.ndarray, float]:
    """Wave of unit norm and log-norm at the end, from the dense Hamiltonian, never normalised on the way."""
    import scipy.linalg
    from scipy.integrate import solve_ivp

    kinetic = laplacian(problem.domain)
    zeta = np.asarray(problem.objective.fn(coordinates(problem.domain)))
    psi = problem.initial.vector(problem.domain).reshape(-1)
    z = -1j if problem.clock == "real" else -1.0
    d, s, end = problem.diffusion.value, problem.strength.value, problem.duration
    if all(abs(f(0.37 * end, end) - f(0.0, end)) < 1e-15 for f in (d, s)):
        matrix = d(0.0, end) * kinetic + s(0.0, end) * np.diag(zeta)
        if len(matrix) <= 128:
            out = scipy.linalg.expm(z * end * matrix) @ psi
        else:  # the exponential by scaling and squaring would take seconds
            energies, modes = scipy.linalg.eigh(matrix)
            out = modes @ (np.exp(z * end * energies) * (modes.conj().T @ psi))
    else:

        def rate(t: float, y: np.ndarray) -> np.ndarray:
            return z * (d(t, end) * (kinetic @ y) + s(t, end) * zeta * y)

        out = solve_ivp(rate, (0.0, end), psi, method="DOP853", rtol=1e-12, atol=1e-14).y[:, -1]
    norm = float(np.linalg.norm(out))
    return (out / norm).reshape(problem.domain.shape), 0.0 if problem.clock == "real" else float(np.log(norm))


def slopes(error: Callable[[int], float], steps: Sequence[int]) -> list[float]:
    """Measured orders between neighbouring numbers of steps; every error must stand above round-off.

    A factor of a step that is wrong in its last digits is so in every step: the round-off grows with their number.
    """
    errors = [error(n) for n in steps]
    assert min(errors) > 1e-10, f"round-off, not order: {errors}"
    assert max(errors) < 0.5, f"not a small error: {errors}"
    return [float(np.log(a / b) / np.log(m / n)) for a, b, m, n in zip(errors, errors[1:], steps[1:], steps)]


@pytest.fixture(scope="session")
def oracle() -> SimpleNamespace:
    """``laplacian(domain)``, ``coordinates(domain)``, ``solve(problem)``: dense and independent of the library."""
    return SimpleNamespace(laplacian=laplacian, coordinates=coordinates, solve=solve)


@pytest.fixture(scope="session")
def classical() -> SimpleNamespace:
    """``final(problem, method)`` and ``propagate(problem, method, saves)`` of the classical methods; ``slopes``."""
    return SimpleNamespace(final=final, propagate=propagate, slopes=slopes)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the cases of `long_cases`."""
    for item in items:
        if item.nodeid.removeprefix("tests/") in LONG:
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Garbage is looked for while tests run, and among what they make: what is made before them (modules, tests, syntax trees) stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
