"""The classical reference beside its own FFTs, and beside QuTiP at equal accuracy (extra ``bench``)."""

from __future__ import annotations

import warnings

import numpy as np
from scipy import fft, sparse

import qml_dynamics as qd
from qml_dynamics.methods import split_step

from .timing import ratio, seconds

STEPS = 40


def against_bare_transforms() -> None:
    """``SplitStep`` on 2^20 points against a loop of nothing but its FFTs and phase products."""
    for domain in (qd.Grid((-10, 10), 20), qd.Grid([(-10, 10)] * 2, 10)):
        problem = qd.Problem(
            domain, lambda w: (w**2).sum(axis=1) / 2, 0.5, clock="real", duration=1.0, initial=qd.Gaussian(1.0, 0.7)
        )
        h = qd.hamiltonian(problem)
        start, threads = problem.initial.vector(domain), h.transform.threads
        potential, kinetic = np.exp(-1j * h.zeta / STEPS), np.exp(-0.5j * h.dual / STEPS)

        def bare(start=start, potential=potential, kinetic=kinetic, threads=threads) -> None:
            psi = start.copy()
            for _ in range(STEPS):
                psi *= potential
                psi = fft.fftn(psi, norm="ortho", overwrite_x=True, workers=threads)
                psi *= kinetic
                psi = fft.ifftn(psi, norm="ortho", overwrite_x=True, workers=threads)

        def ours(problem=problem, h=h) -> None:
            list(split_step.run(problem, h, qd.SplitStep(STEPS), [0.0, 1.0], lambda done, total: None))

        mine, theirs, quotient = ratio(ours, bare, 4)
        print(f"SplitStep on {domain.shape}: {mine:.2f} s, its FFTs and products {theirs:.2f} s, ratio {quotient:.2f}")


def wells(dims: int) -> tuple[qd.Problem, np.ndarray]:
    """Quartic double wells on 2^12 or 256^2 points, and their finite-difference Hamiltonian for QuTiP."""
    bits, length = {1: (12, 20.0), 2: (8, 16.0)}[dims]

    def loss(w: np.ndarray) -> np.ndarray:
        coupling = 0.2 * w[:, 0] * w[:, -1] if dims == 2 else 0.0
        return 0.05 * ((w**2 - 9) ** 2).sum(axis=1) + coupling

    grid = qd.Grid([(-length / 2, length / 2)] * dims, bits)
    center = (-2.5, -2.0)[:dims]
    problem = qd.Problem(grid, loss, 0.5, clock="real", duration=1.0, initial=qd.Gaussian(center, 0.35))
    n, h = grid.shape[0], grid.spacing[0]
    line = sparse.diags([np.ones(n - 1), -2 * np.ones(n), np.ones(n - 1)], [-1, 0, 1]).tolil()
    line[0, -1] = line[-1, 0] = 1
    line, one = line.tocsr() / h**2, sparse.identity(n, format="csr")
    laplacian = line if dims == 1 else sparse.kron(line, one) + sparse.kron(one, line)
    return problem, (-0.5 * laplacian + sparse.diags(loss(grid.points))).tocsr()


def against_qutip() -> None:
    """Time to 1e-8 of each one's own discretised answer."""
    try:
        import qutip
    except ImportError:
        print('QuTiP is not installed: pip install "qml-dynamics[bench]"')
        return
    for dims in (1, 2):
        problem, matrix = wells(dims)
        best = qd.evolve(problem, qd.SplitStep(1500, order=4)).states[-1]
        steps = next(
            k
            for k in (40, 60, 80, 120)
            if np.linalg.norm(qd.evolve(problem, qd.SplitStep(k, formula="chin4a")).states[-1] - best) < 1e-8
        )
        ours = min(
            seconds(lambda p=problem, k=steps: qd.evolve(p, qd.SplitStep(k, formula="chin4a"))) for _ in range(5)
        )
        start = qutip.Qobj(problem.initial.vector(problem.domain).reshape(-1, 1))
        tight = {"rtol": 1e-9, "atol": 1e-11, "nsteps": 10**9, "store_final_state": True, "progress_bar": ""}
        options = {"method": "vern9" if dims == 2 else "adams", **tight}
        theirs = seconds(lambda h=matrix, s=start, o=options: qutip.sesolve(qutip.Qobj(h), s, [0, 1.0], options=o))
        print(
            f"{dims}-D, 1e-8: chin4a in {steps} steps {ours:.4f} s, QuTiP {options['method']} {theirs:.2f} s, {theirs / ours:.0f} x"
        )


def main() -> None:
    """Both tables."""
    warnings.simplefilter("ignore")
    against_bare_transforms()
    against_qutip()
