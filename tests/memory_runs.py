"""Runs whose peak memory is measured, each in a process of its own, beside what `cost` tells of them.

Called as ``python -m tests.memory_runs NAME``; prints the bytes that were taken and the bytes that were told. A small run of the same
kind goes first, so that libraries are loaded and their memory is not counted.
"""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import qml_dynamics as qd

Make = Callable[[int], qd.Problem]
LEAST = 60 << 20  # bytes that a run has to take: below, pages of libraries are as large as what is measured


def well(n: int, clock: str = "real", loss: Callable[[np.ndarray], np.ndarray] = lambda w: w[:, 0] ** 2) -> qd.Problem:
    """One weight."""
    start = qd.Gaussian(0.3, 0.8)
    return qd.Problem(qd.Grid((-4, 4), n), loss, 0.5, clock=clock, duration=0.2, initial=start)


def calm(n: int, clock: str = "real") -> qd.Problem:
    """One weight whose fastest mode turns little: Krylov spaces take a space a radian or so."""
    box = qd.Grid((-4, 4), n)
    slow = 50.0 / float(np.max(box.momenta[0]) ** 2)
    start = qd.Gaussian(0.3, 0.8)
    return qd.Problem(box, lambda w: w[:, 0] ** 2, slow, clock=clock, duration=0.5, initial=start)


def plane(n: int, clock: str = "real") -> qd.Problem:
    """Two weights."""
    start = qd.Gaussian((0.3, -0.2), 0.8)
    box = qd.Grid([(-4, 4), (-3, 3)], ((n + 1) // 2, n // 2))
    return qd.Problem(box, lambda w: w[:, 0] ** 2 + w[:, 0] * w[:, 1], 0.5, clock=clock, duration=0.2, initial=start)


def spins(n: int, clock: str = "real") -> qd.Problem:
    """Weights of one bit."""
    return qd.Problem(qd.Hypercube(n), lambda w: w[:, 0] * w[:, 1] - w[:, -1], 1.0, clock=clock, duration=0.05)


def rows(n: int) -> qd.Problem:
    """A loss that is a mean over rows."""
    loss = qd.objectives.from_rows(lambda w, index: w[:, :1] * (1 + 0.1 * index)[None, :], 6)
    return qd.Problem(qd.Hypercube(n), loss, 1.0, clock="real", duration=0.05)


def chain(n: int, clock: str = "real") -> qd.Problem:
    """Bonds and fields."""
    bonds = {"I" * i + "ZZ" + "I" * (n - i - 2): 0.3 for i in range(n - 1)}
    fields = {"I" * i + "X" + "I" * (n - i - 1): 0.5 for i in range(n)}
    return qd.Problem.from_operator({**bonds, **fields}, clock=clock, duration=0.05)


def turned(n: int, clock: str = "real") -> qd.Problem:
    """A chain with complex terms."""
    terms = {"I" * i + "XY" + "I" * (n - i - 2): 0.3 + 0.01 * i for i in range(n - 1)}
    fields = {"I" * i + "Z" + "I" * (n - i - 1): 0.5 for i in range(n)}
    return qd.Problem.from_operator({**terms, **fields}, clock=clock, duration=0.05)


def driven(n: int, clock: str = "real") -> qd.Problem:
    """Both coefficients move."""
    return spins(n, clock).replace(diffusion=qd.Linear(1.0, 0.2), strength=qd.Linear(0.1, 1.0))


def _imaginary(make: Callable[..., qd.Problem]) -> Make:
    return lambda n: make(n, "imaginary")


def _classical(make: Callable[..., qd.Problem]) -> Make:
    return lambda n: make(n, "classical")


def layers(count: int, **options: Any) -> qd.Variational:
    """A hardware-efficient ansatz."""
    return qd.Variational(qd.ansatz.hardware_efficient(count), steps=1, **options)


AER: dict[str, Any] = {"backend": "aer"}
SHOTS: dict[str, Any] = {"backend": "aer", "shots": 100}
CASES: dict[str, tuple[Make, Any, dict[str, Any], int]] = {
    "split_step imaginary": (_imaginary(well), qd.SplitStep(4), {}, 19),
    "split_step": (well, qd.SplitStep(4), {}, 19),
    "split_step plane": (plane, qd.SplitStep(4), {}, 20),
    "split_step spins": (spins, qd.SplitStep(4), {}, 20),
    "split_step driven": (driven, qd.SplitStep(4), {}, 19),
    "split_step saves": (well, qd.SplitStep(20), {"save": 21}, 17),
    "split_step in place": (well, qd.SplitStep(4, precision="single_in_place"), {"save": [0.2]}, 24),
    "split_step single": (well, qd.SplitStep(4, precision="single"), {}, 19),
    "split_step shots": (well, qd.SplitStep(4), {"shots": 100}, 19),
    "krylov": (calm, qd.Krylov(), {}, 17),
    "krylov imaginary": (_imaginary(calm), qd.Krylov(), {}, 17),
    "krylov spins": (lambda n: spins(n).replace(initial=qd.PointMass((1,) * n)), qd.Krylov(), {}, 18),
    "krylov driven": (lambda n: driven(n).replace(initial=qd.PointMass((1,) * n)), qd.Krylov(), {}, 17),
    "krylov chain": (chain, qd.Krylov(), {}, 18),
    "krylov chain imaginary": (_imaginary(chain), qd.Krylov(), {}, 17),
    "krylov saves": (spins, qd.Krylov(), {"save": 21}, 17),
    "krylov small space": (calm, qd.Krylov(subspace=8), {}, 18),
    "exact": (well, qd.Exact(), {}, 10),
    "exact chain": (chain, qd.Exact(), {}, 10),
    "trotter": (spins, qd.Trotter(1), {}, 19),
    "trotter well": (well, qd.Trotter(2), {}, 18),
    "trotter chain": (chain, qd.Trotter(2), {}, 18),
    "trotter aer": (spins, qd.Trotter(1), AER, 19),
    "trotter aer well": (well, qd.Trotter(1), AER, 17),
    "trotter aer plane": (plane, qd.Trotter(1), AER, 18),
    "trotter aer chain": (chain, qd.Trotter(1), AER, 18),
    "trotter aer shots": (spins, qd.Trotter(1), SHOTS, 19),
    "multi_product": (spins, qd.MultiProduct((1, 2)), {}, 19),
    "multi_product chain": (chain, qd.MultiProduct((1, 2)), {}, 18),
    "qdrift": (chain, qd.QDrift(20), {}, 17),
    "random_order": (chain, qd.RandomOrder(2, 1), {}, 17),
    "mini_batch": (rows, qd.MiniBatch(1, 2, draws=3), {}, 17),
    "schrodingerised": (_imaginary(spins), qd.Schrodingerised(5, 1), {}, 13),
    "probabilistic_ite": (_imaginary(spins), qd.ProbabilisticITE(0.8, 1), {}, 17),
    "qite": (_imaginary(chain), qd.QITE(domain_width=2, steps=1), {}, 16),
    "qite turned": (_imaginary(turned), qd.QITE(domain_width=2, steps=1), {}, 16),
    "double_bracket": (_imaginary(chain), qd.DoubleBracket(1), {}, 18),
    "double_bracket spins": (_imaginary(spins), qd.DoubleBracket(1), {}, 19),
    "double_bracket two": (_imaginary(chain), qd.DoubleBracket(2), {}, 17),
    "variational": (_imaginary(spins), layers(1), {}, 17),
    "variational real": (spins, layers(1), {}, 17),
    "variational layers": (_imaginary(spins), layers(3), {}, 16),
    "variational chain": (_imaginary(chain), layers(1), {}, 16),
    "variational chain real": (chain, layers(1), {}, 16),
    "variational chain layers": (_imaginary(chain), layers(3), {}, 15),
    "variational turned": (turned, layers(2), {}, 16),
    "variational hamiltonian": (spins, qd.Variational(qd.ansatz.hamiltonian(2), steps=1), {}, 18),
    "growing": (well, qd.Growing(qd.SplitStep(4), start=4), {}, 19),
    "hamilton_jacobi": (_classical(well), qd.HamiltonJacobi(2), {}, 14),
    "hamilton_jacobi plane": (_classical(plane), qd.HamiltonJacobi(2), {}, 14),
    "koopman_von_neumann": (_classical(well), qd.KoopmanVonNeumann(1), {}, 9),
}


def resident(name: str) -> int:
    """A line of what the kernel says of this process, in bytes."""
    with open("/proc/self/status") as lines:
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name))


def begin() -> int:
    """What the process holds, from which its peak is counted."""
    if os.path.exists("/proc/self/clear_refs"):
        with open("/proc/self/clear_refs", "w") as reset:
            reset.write("5")
        return resident("VmRSS")
    return peak()


def peak() -> int:
    """The most that it has held: since it began, where the kernel does not reset it."""
    if os.path.exists("/proc/self/status"):
        return resident("VmHWM")
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def measured(name: str) -> tuple[int, int]:
    """Bytes taken and told, from a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.memory_runs", name], capture_output=True, text=True, timeout=600
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    taken, told = map(int, done.stdout.split())
    return taken, told


def main(name: str) -> None:
    """Run one of the cases in this process."""
    warnings.simplefilter("ignore")
    make, method, options, n = CASES[name]
    qd.evolve(make(4), method, seed=1, **options)  # libraries are loaded once
    before = begin()
    qd.evolve(make(n), method, seed=1, **options)
    taken = peak() - before
    print(taken, qd.cost(make(n), method, **options).memory)


if __name__ == "__main__":
    main(sys.argv[1])
