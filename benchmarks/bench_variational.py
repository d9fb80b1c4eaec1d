"""One McLachlan step of `qml_dynamics` beside qiskit-algorithms' VarQITE and beside the limits of the machine.

Transverse-field Ising chain, RY-RZ-CX ansatz, imaginary clock, Euler. "whole run" is a run with every diagnostic (residual, rank,
condition, bound; no second run), divided by its steps; "engine" is metric, force and solve alone. The roofline counts the
floating-point work of the cheaper way to apply the gates (one by one, or fused into 16 x 16 blocks) and of the symmetric Gram
product, at the rates of complex and real matrix products measured in the same run.

Run: python benchmarks/bench_variational.py [--quick] [--sizes 8:2,10:4,12:4] [--no-peer]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp

from qml_dynamics.methods.variational import ansatz as ansatz_module
from qml_dynamics.methods.variational import evolve
from qml_dynamics.methods.variational.engine.flow import Flow
from qml_dynamics.methods.variational.engine.threads import pinned
from qml_dynamics.methods.variational.options import Variational
from qml_dynamics.model.hamiltonians import hamiltonian
from qml_dynamics.model.problem import Problem

RIDGE = 1e-6
DT = 0.02


def ising(n: int) -> SparsePauliOp:
    """Open chain, J = h = 1."""
    bonds = [("ZZ", [i, i + 1], -1.0) for i in range(n - 1)]
    return SparsePauliOp.from_sparse_list(bonds + [("X", [i], -1.0) for i in range(n)], n)


def median(action: Callable[[], object], at_least: float = 0.3) -> float:
    """Median seconds of a call."""
    action()
    spent: list[float] = []
    while sum(spent) < at_least or len(spent) < 5:
        start = time.perf_counter()
        action()
        spent.append(time.perf_counter() - start)
    return float(np.median(spent))


def rates() -> tuple[float, float]:
    """FLOP/s of real and complex matrix products on one thread."""
    a = np.random.default_rng(0).normal(size=(512, 512))
    z = a + 1j * a.T
    return 2 * 512**3 / median(lambda: a @ a), 8 * 512**3 / median(lambda: z @ z)


def roofline(n: int, reps: int, real_rate: float, complex_rate: float) -> float:
    """Seconds that the floating-point work of one step takes at full rate."""
    size, p = 1 << n, 2 * n * (reps + 1)
    rows = [1 + 2 * n * layer for layer in range(reps + 1)]
    fused = sum(r * size * 16 * 8 * -(-n // 4) for r in rows)
    single = sum(r * size * n * 14 for r in rows)
    return min(fused, single) / complex_rate + (p + 3) * (p + 4) * 2 * size / real_rate


def ours(n: int, reps: int, theta: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Seconds of an engine step, seconds a step of a whole run, parameters after one step."""
    ansatz = ansatz_module.from_circuit(efficient_su2(n, reps=reps), theta)
    steps = 40
    problem = Problem.from_operator(ising(n), clock="imaginary", duration=steps * DT, initial=ansatz.state())
    h = hamiltonian(problem)
    flow = Flow(ansatz.program, h, True, RIDGE)
    with pinned(n):
        engine = median(lambda: flow.at(0.0, theta))

    def whole() -> list[evolve.Sample]:
        method = Variational(ansatz, steps, regularisation=RIDGE, sensitivity=False)
        return list(evolve.run(problem, h, method, [0.0, DT, steps * DT], lambda done, total: None, {}))

    after = whole()[1].theta
    return engine, median(whole, 1.0) / steps, after


def peer(n: int, reps: int, theta: np.ndarray, limit: float) -> tuple[float, np.ndarray]:
    """Seconds a step of VarQITE with its fastest gradients, and the parameters after one step."""
    from qiskit_algorithms import TimeEvolutionProblem, VarQITE
    from qiskit_algorithms.gradients import ReverseEstimatorGradient, ReverseQGT
    from qiskit_algorithms.time_evolvers.variational import ImaginaryMcLachlanPrinciple

    principle = ImaginaryMcLachlanPrinciple(ReverseQGT(), ReverseEstimatorGradient())

    def ridge(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.linalg.solve(a + RIDGE * np.eye(len(b)), b)

    spent: list[float] = []
    after = theta
    while len(spent) < 3 and sum(spent) < limit:
        solver = VarQITE(efficient_su2(n, reps=reps), list(theta), principle, num_timesteps=1, lse_solver=ridge)
        start = time.perf_counter()
        result = solver.evolve(TimeEvolutionProblem(ising(n), DT))
        spent.append(time.perf_counter() - start)
        after = np.array(result.parameter_values[1], dtype=float)
    return float(np.median(spent)), after


def main() -> None:
    """Print one row a size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="4:2,8:2,10:4,12:4", help="pairs qubits:repetitions")
    parser.add_argument("--quick", action="store_true", help="only 8:2")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--limit", type=float, default=30.0, help="seconds for the peer, a size")
    options = parser.parse_args()
    sizes = [tuple(map(int, pair.split(":"))) for pair in ("8:2" if options.quick else options.sizes).split(",")]
    print(
        "   n    p    engine ms    whole run ms    VarQITE ms    ratio (whole run)    engine / roofline    max |dtheta|"
    )
    for n, reps in sizes:
        p = 2 * n * (reps + 1)
        theta = np.random.default_rng(7).normal(scale=0.3, size=p)
        theta[-2 * n : -n] += np.pi / 2
        with pinned(4):
            before = rates()  # next to the step and again after it: the machine may be shared
        engine, whole, after = ours(n, reps, theta)
        with pinned(4):
            real_rate, complex_rate = (0.5 * (a + b) for a, b in zip(before, rates()))
        speed = f"{real_rate / 1e9:.0f}, {complex_rate / 1e9:.0f}"
        row = f"{n:4d} {p:4d} {1e3 * engine:12.3f} {1e3 * whole:15.3f}"
        if options.no_peer or n >= 12:
            row += "             -                    -"
            gap = "-"
        else:
            seconds, theirs = peer(n, reps, theta, options.limit)
            row += f" {1e3 * seconds:13.0f} {seconds / whole:20.0f}"
            gap = f"{np.abs(theirs - after).max():.1e}"
        share = f"{engine / roofline(n, reps, real_rate, complex_rate):20.1f}"
        print(f"{row} {share} {gap:>15}    {speed}", flush=True)


if __name__ == "__main__":
    main()
