"""Lowest levels beside plain LOBPCG of SciPy, real imaginary time beside complex, exact Aer runs beside their gates; CPU seconds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.sparse.linalg import LinearOperator, lobpcg

import qml_dynamics as qd
from qml_dynamics.methods import split_step
from qml_dynamics.model.hamiltonians import LearningHamiltonian

from .bench_reference import wells
from .timing import medians


def told(what: str, ours: Callable[[], object], peer: Callable[[], object]) -> None:
    """One line of the table."""
    mine, theirs = medians(ours, peer)
    print(f"{what}: {mine:.3f} s, {theirs:.3f} s, ratio {mine / theirs:.2f}", flush=True)


def levels(dims: int) -> None:
    """``ground_state`` against one vector, complex transforms and the kinetic preconditioner, to a residual of 1e-5."""
    problem, _ = wells(dims)
    h = qd.hamiltonian(problem)
    assert isinstance(h, LearningHamiltonian)
    size, shape = h.domain.size, h.domain.shape
    inverse = 1.0 / (0.5 * h.dual + 1.0)

    def filtered(v: np.ndarray) -> np.ndarray:
        wave = h.transform.forward(v.reshape(shape).astype(complex)) * inverse
        return h.transform.inverse(wave).real.reshape(v.shape)

    act = LinearOperator((size, size), matvec=lambda v: h.apply(v.reshape(shape)).real.reshape(v.shape), dtype=float)
    pre = LinearOperator((size, size), matvec=filtered, dtype=float)
    start = np.abs(problem.initial.vector(h.domain)).reshape(-1, 1)
    told(
        f"ground state of {shape}, ours and SciPy's LOBPCG",
        h.ground_state,
        lambda: lobpcg(act, start, M=pre, largest=False, tol=1e-5, maxiter=200),
    )


def imaginary() -> None:
    """``SplitStep`` from a real wave and from the same wave times i, which takes complex transforms."""
    for domain in (qd.Grid((-10, 10), 18), qd.Grid([(-5, 5)] * 2, 9), qd.Grid((-5, 5), 14, "walls")):
        problem = qd.Problem(
            domain,
            lambda w: (w**2).sum(axis=1) / 2,
            0.5,
            clock="imaginary",
            duration=1.0,
            initial=qd.Gaussian(1.0, 0.7),
        )
        turned = problem.replace(initial=1j * problem.initial.vector(domain))
        h, method = qd.hamiltonian(problem), qd.SplitStep(16)
        assert isinstance(h, LearningHamiltonian)

        def run(p: qd.Problem, h: LearningHamiltonian = h, method: qd.SplitStep = method) -> object:
            return list(split_step.run(p, h, method, [0.0, 1.0], lambda done, total: None))

        told(
            f"imaginary time on {domain.shape}, real and complex",
            lambda p=problem, run=run: run(p),
            lambda p=turned, run=run: run(p),
        )


def aer() -> None:
    """Exact runs on Aer with diagonal instructions and gate by gate; 21 saves and 2."""
    for bits in (8, 10, 12):
        problem = qd.Problem(
            qd.Grid((-4, 4), bits), lambda w: (w[:, 0] ** 2 - 1) ** 2, 0.5, clock="real", duration=1.0,
            initial=qd.Gaussian(1.0, 0.3),
        )  # fmt: skip

        def run(saves: int = 2, problem: qd.Problem = problem, **options: bool) -> object:
            backend = qd.backend("aer", **options)
            return qd.evolve(problem, qd.Trotter(20), backend=backend, save=saves, progress=False)

        told(f"exact Aer, {bits} qubits, diagonals and gates", run, lambda run=run: run(gates=True))
        told(f"exact Aer, {bits} qubits, 21 saves and 2", lambda run=run: run(21), run)


def main() -> None:
    """All tables."""
    for dims in (1, 2):
        levels(dims)
    imaginary()
    aer()
