"""Whether a run is easy for a classical computer: the rank, the seconds and the error of a tensor train of the same wave.

A wave whose Schmidt rank at every cut of a line is at most r takes ``O(n r^2)`` numbers and ``O(n r^3)`` operations a step, whatever the
number n of qubits (Vidal, Phys. Rev. Lett. 91, 147902, 2003). A train that was found with a stated error is a proof of that; that none
was found is none of the opposite.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from ..base.errors import MethodError
from ..base.interrupts import whole
from ..base.printing import printed_briefly
from ..methods.evolution import evolve
from ..methods.tensor_train.method import TensorTrain
from ..model.problem import Problem
from ..results.trajectory import Trajectory

ENOUGH = 0.1  # error of a wave in the 2-norm that still settles what samples of it would say
TRIAL = TensorTrain(order=4, tolerance=1e-5, max_bond=64)


@printed_briefly
@dataclass(frozen=True)
class Certificate:
    """What a tensor train took for a wave.

    Attributes:
        easy: whether it has the wave within an error of 0.1 in the 2-norm.
        bond: its largest rank; None where none was found.
        seconds: how long it took, the run that states its error included.
        error: of the wave at the end, as stated; None where none was found.
        reason: why none was found, or empty.
    """

    easy: bool
    bond: int | None
    seconds: float
    error: float | None
    reason: str = ""

    def __str__(self) -> str:
        if self.error is None:
            return f"no tensor train was found in {self.seconds:.2g} s: {self.reason}"
        found = f"a tensor train of rank {self.bond} gives this wave within {self.error:.1e} in {self.seconds:.2g} s"
        return f"{'classically easy: ' if self.easy else 'undecided: '}{found}"


def of_run(run: Trajectory) -> Certificate | None:
    """The certificate that a run is, where it states ranks and an error; None for others."""
    told = run.diagnostics
    if "bond" not in told or "error" not in told:
        return None
    error = float(np.max(told["error"]))
    return Certificate(error <= ENOUGH, int(np.max(told["bond"])), float(run.provenance["seconds"]), error)


def tried(problem: Problem) -> Certificate:
    """A run by a tensor train of rank up to 64, its steps chosen until their error is at most a hundredth."""
    started = time.perf_counter()
    try:
        run = whole(evolve(problem, TRIAL, save=[problem.duration], progress=False))
    except MethodError as error:
        return Certificate(False, None, time.perf_counter() - started, None, str(error))
    found = of_run(run)
    assert found is not None  # its diagnostics state both
    return found
