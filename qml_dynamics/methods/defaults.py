"""The method of a run that names none: the one whose answer is right without further options.

Without a backend a classical reference: split-operator steps of order four for a loss, Krylov propagation for an operator, paths on
the classical clock. With one, circuits: :class:`Trotter` on the real clock, :class:`ProbabilisticITE` on the imaginary one (exact
blocks for a loss; for an operator, at an error of 0.05 in the wave, exact blocks or the linear blocks of largest success, whichever
take fewer CX for a kept sample), :class:`KoopmanVonNeumann` on the classical one.
"""

from __future__ import annotations

from ..backends import Backend
from ..backends import opened as find_backend
from ..backends.base import BackendLike
from ..model.problem import Problem
from . import imaginary
from .base import Method
from .classical.hamilton_jacobi import HamiltonJacobi
from .classical.koopman import KoopmanVonNeumann
from .imaginary.options import ProbabilisticITE
from .krylov import Krylov
from .split_step import SplitStep
from .trotter import Trotter

REFERENCE_STEPS, CIRCUIT_STEPS = 400, 40


def default_method(problem: Problem, backend: Backend | None, shots: int | None = None) -> Method:
    """The method for a problem on a backend, or without one.

    Raises:
        MethodError: blocks for an operator would keep fewer than 100 of the shots; the message says what helps.

    >>> from qml_dynamics import Grid
    >>> swing = Problem(Grid((-1, 1), 4), lambda w: w[:, 0] ** 2, 0.5, clock="classical", duration=1.0)
    >>> default_method(swing, None)
    HamiltonJacobi(steps=400, order=4, extra=None, spread=0.0)
    >>> from qml_dynamics.backends import backend
    >>> default_method(swing.replace(clock="imaginary"), backend("statevector"))
    ProbabilisticITE(m0=1.0, steps=40, order=2, block='exact', shift=None, floor=0.0001)
    """
    if backend is None:
        if problem.clock == "classical":
            return HamiltonJacobi(REFERENCE_STEPS, order=4)
        return SplitStep(REFERENCE_STEPS, order=4) if problem.operator is None else Krylov()
    if problem.clock == "classical":
        return KoopmanVonNeumann(CIRCUIT_STEPS)
    if problem.clock == "real":
        return Trotter(CIRCUIT_STEPS, order=2)
    if problem.operator is None:
        return ProbabilisticITE(m0=1.0, steps=CIRCUIT_STEPS, block="exact")
    return imaginary.chosen.chosen_blocks(problem, backend, shots)


def settled(
    problem: Problem, method: Method | None, backend: BackendLike | None, shots: int | None = None
) -> tuple[Method, BackendLike | None]:
    """The method and the backend of a call: a method of None is the default one, whose backend is opened once.

    >>> from qml_dynamics import Hypercube
    >>> spins = Problem(Hypercube(2), lambda w: w[:, 0] - w[:, 1], 1.0, clock="real", duration=0.5)
    >>> settled(spins, None, "statevector")[0].steps, settled(spins, None, None)[0].steps, settled(spins, Trotter(3), "aer")
    (40, 400, (Trotter(steps=3, order=2, ...), 'aer'))
    """
    if method is not None:
        return method, backend
    device = None if backend is None else find_backend(backend)
    return default_method(problem, device, shots), device
