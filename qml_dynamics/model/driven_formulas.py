"""Product formulas for operators whose terms have schedules of their own: time is one more part of the splitting.

A formula for two parts is one for any number of them (:attr:`~.formulas.Formula.ramps`), and time, which advances while nothing else
acts, is one of the parts (Suzuki, Proc. Japan Acad. B 69, 161, 1993; Hatano and Suzuki, arXiv:math-ph/0506007). It stands first in a
sweep forwards: such a sweep takes the coefficients where its time ends, the sweep back those where its own begins, so that both sweeps
around a turn have the same instant. What the values miss of the integral of a schedule over the step, which is of the order of the
formula, is shared out evenly: the formulas of Lie and Strang have the integrals themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .formulas import Formula, boundaries
from .hamiltonians import Hamiltonian, PauliHamiltonian


def ends_of_steps(
    h: Hamiltonian, steps: int, saves: Sequence[float] | np.ndarray, until: float | None = None
) -> np.ndarray:
    """Ends of equal steps over the duration, cut at the saved times, and where schedules of terms have kinks or jumps.

    >>> from qml_dynamics import Jumps, Problem, hamiltonian
    >>> quench = Problem.from_operator([(1.0, {"ZZ": 1.0}), (Jumps((0, 1), (0.3,)), {"XI": 1.0})], clock="real", duration=1.0)
    >>> ends_of_steps(hamiltonian(quench), 2, [0.0, 1.0]).tolist()
    [0.0, 0.3, 0.5, 1.0]
    """
    duration = h.duration if until is None else until
    knots = h.knots if isinstance(h, PauliHamiltonian) else ()
    inside = [t for t in knots if t < duration]
    return boundaries(duration, steps, np.union1d(saves, inside) if inside else saves)


def sweep_times(formula: Formula, h: PauliHamiltonian, t0: float, t1: float) -> np.ndarray:
    """For how long each operator acts in each sweep of one step, shape ``(sweeps, schedules)``.

    >>> from qml_dynamics import Linear, Problem, hamiltonian
    >>> from qml_dynamics.model.formulas import by_order
    >>> path = [(Linear(1, 0), {"XI": -1.0}), (Linear(0, 1), {"ZZ": -1.0})]
    >>> h = hamiltonian(Problem.from_operator(path, clock="real", duration=1.0))
    >>> sweep_times(by_order(2), h, 0.0, 0.5).round(6).tolist()           # halves of the integrals
    [[0.1875, 0.0625], [0.1875, 0.0625]]
    """
    ramps, whole = np.array(formula.ramps), np.array(h.amounts(t0, t1))
    if h.commutes:
        return np.outer(ramps, whole)
    dt = t1 - t0
    nodes = t0 + dt * (np.cumsum(ramps) - np.where(np.arange(len(ramps)) % 2, ramps, 0.0))
    values = np.array([h.coefficients(t) for t in nodes.tolist()])
    missed = whole - dt * (ramps @ values)
    return np.asarray(ramps[:, None] * (dt * values + missed))
