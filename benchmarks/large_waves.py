"""A wave that fills the memory: time and peak of split steps in place, ``python -m benchmarks.large_waves QUBITS [STEPS]``.

Not one of the benchmarks that run together: 2^28 points take 2.3 GB, 2^30 points 8.8 GB. Two weights, half of the qubits each.
"""

from __future__ import annotations

import resource
import sys
import time

import qml_dynamics as qd


def bowl(qubits: int) -> qd.Problem:
    """Two weights with a coupling."""
    grid = qd.Grid([(-8, 8), (-8, 8)], (qubits // 2, qubits - qubits // 2))
    start = qd.Gaussian((1.0, -0.5), 0.7)
    loss = qd.objectives.expression("0.5*x0**2 + 0.5*x1**2 + 0.3*x0*x1", 2)
    return qd.Problem(grid, loss, 0.5, clock="real", duration=0.01, initial=start)


def main(qubits: int, steps: int = 1) -> None:
    """Run, and print seconds a step, the peak of the resident set, and that peak over the bytes of the wave."""
    method = qd.SplitStep(steps, precision="single_in_place")
    qd.evolve(bowl(8), method, save=[0.01])  # libraries are loaded
    problem, began = bowl(qubits), time.perf_counter()
    told = qd.cost(problem, method, save=[0.01]).memory
    run = qd.evolve(problem, method, save=[0.01], seed=1)
    taken = time.perf_counter() - began
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wave = 8 << qubits
    print(
        f"2^{qubits} points, {steps} steps: {taken:.1f} s in all, energy {float(run.expectations['energy'].value[-1]):.6f}"
    )
    print(
        f"peak {peak / 2**20:.0f} MiB = {(peak - 0.3e9) / wave:.3f} x the wave + 0.3 GB; cost says {told / 2**20:.0f} MiB"
    )
    print(f"the norm has moved by {run.diagnostics['norm_drift']:.1e}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
