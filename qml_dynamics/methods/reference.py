"""Which classical method a run is compared with: the same equation by another way, in finer steps.

Split-operator steps of order four for waves, Krylov propagation for a general operator, transported paths on the classical
clock, and for a Schroedinger bridge the same bridge with split-operator steps inside.
"""

from __future__ import annotations

from dataclasses import replace

from ..model.problem import Problem
from .base import Method, facts_of
from .bridge.schrodinger_bridge import SchrodingerBridge
from .classical.hamilton_jacobi import HamiltonJacobi
from .krylov import Krylov
from .split_step import SplitStep

_FINER = 10  # times as many steps as the run itself
_ANOTHER = Krylov(
    tol=1e-12, subspace=25
)  # other steps than those of a run by Krylov(), which would be compared with itself


def reference_method(
    problem: Problem, method: Method | str, least: int, spread: float = 0.0, finer: int = _FINER
) -> Method:
    """The classical method with at least ``least`` steps, and ``finer`` times as many as the run has.

    Args:
        problem: what was run.
        method: what ran it, or the text that a stored run keeps of a person's own.
        least: steps at least.
        spread: width that a run on the classical clock gave to its start, in weights.
        finer: ten, since steps as circuits are few.

    >>> from qml_dynamics import Grid, Problem, Trotter
    >>> well = Problem(Grid((-2, 2), 4), lambda w: w[:, 0] ** 2, 0.5, clock="real", duration=1.0)
    >>> reference_method(well, Trotter(90), 400)  # doctest: +ELLIPSIS
    SplitStep(steps=900, order=4, ...)
    >>> reference_method(Problem.from_operator({"ZZ": 1.0}, clock="real", duration=1.0), Krylov(), 400)
    Krylov(tol=1e-12, subspace=25)
    """
    if problem.operator is not None:
        return Krylov() if method != Krylov() else _ANOTHER
    facts = facts_of(method)
    steps = max(least, finer * (facts.steps or 0) if facts is not None else 0)
    if problem.clock == "classical":
        return HamiltonJacobi(steps, order=4, spread=spread)
    if isinstance(method, SchrodingerBridge):
        return replace(method, method=SplitStep(least))
    return SplitStep(steps, order=4)
