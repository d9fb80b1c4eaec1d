"""The cells of the matrix: one small problem for each weight space and clock that can be stated.

Nothing in them is symmetric: the axes have different lengths and numbers of points, the loss has no symmetry, the wave starts with a
momentum along each axis, and both coefficients of ``H(t) = -D(t) L + s(t) zeta(w)`` move in time. So a wrong sign, a wrong end of
an interval or a wrong order of the bits changes the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from ..methods.base import SPACES, Clock, Space, space_of
from ..model.domains import Grid, Hypercube
from ..model.initial import Gaussian, Initial, State, Uniform
from ..model.objectives.base import Objective
from ..model.objectives.expressions import expression
from ..model.pauli import PauliSum
from ..model.problem import CLOCKS, Problem
from ..model.schedules import Constant, Geometric, Linear, Schedule

WORDS = {
    "periodic": "a periodic grid",
    "walls": "walls",
    "flux": "flux",
    "hypercube": "a hypercube",
    "operator": "an operator",
    "onehot": "one-hot axes",
}
BOX = ((-2.0, 2.0), (-1.0, 1.5))
LOSS = "0.7*cos(pi*x0/2 + 0.4) + 0.5*sin(0.8*pi*x1 + 0.3) + 0.4*cos(pi*x0/2 - 0.9)*sin(0.8*pi*x1 - 0.5)"
BITS = "x0*x1 - 0.6*x1*x2 + 0.4*x0 + 0.3*x2"
TERMS = {"IIZ": 0.7, "IZX": -0.5, "YXI": 0.4, "ZII": 0.3, "XIX": 0.25, "III": 0.2}
DURATION = 0.8


@dataclass(frozen=True, eq=False)
class Cell:
    """One problem of the matrix and where it stands."""

    problem: Problem

    @property
    def space(self) -> Space:
        """Its weight space."""
        return space_of(self.problem)

    @property
    def clock(self) -> Clock:
        """Its clock."""
        return self.problem.clock  # type: ignore[return-value]

    def __str__(self) -> str:
        return f"on {WORDS[self.space]}, {self.clock} clock"

    @property
    def saves(self) -> list[float]:
        """The start, a time inside a step of most numbers of steps, and the end."""
        return [0.0, 0.3 * self.problem.duration, self.problem.duration]


def standard_problem(
    space: Space, clock: Clock, *, qubits: tuple[int, int] = (1, 2), moving: bool = True, duration: float = DURATION
) -> Problem:
    """The problem of one cell, on three qubits (or those of ``qubits``, one number an axis, on a grid); on six in one-hot encoding.

    Args:
        space: its weight space.
        clock: its clock.
        qubits: of the two axes of a grid.
        moving: whether the coefficients move in time; an operator is constant in any case (give it a ``strength`` with ``replace``).
        duration: total time.

    Raises:
        ProblemError: there is no such problem, as flux on the classical clock.

    >>> standard_problem("walls", "real").domain.shape
    (2, 4)
    """
    if space == "operator":
        return Problem.from_operator(_operator(), clock=clock, duration=duration, initial=_amplitudes(8))
    domain: Grid | Hypercube
    loss: Objective
    initial: Initial
    if space == "hypercube":
        domain, loss, initial = Hypercube(3), expression(BITS, 3), State(_amplitudes(8))
    else:
        boundary, twist = "walls" if space == "walls" else "periodic", (0.2, -0.35) if space == "flux" else 0.0
        domain, loss = Grid(BOX, qubits, boundary, twist), expression(LOSS, 2)
        if space == "onehot":
            domain = Grid(BOX, boundary="walls", encoding="onehot", points=domain.shape)
        width = (
            (0.4, 0.25) if clock == "classical" else (0.8, 0.5)
        )  # an ensemble of points must end before its box does
        initial = Gaussian((0.3, 0.2), width, (0.7, -0.9))
    diffusion: Schedule = Linear(0.3, 0.15) if moving else Constant(0.2)
    strength: Schedule = Geometric(0.7, 1.6) if moving else Constant(1.1)
    return Problem(domain, loss, diffusion, strength, clock=clock, initial=initial, duration=duration)


def standard_problems() -> Iterator[Problem]:
    """One problem for each weight space and clock that can be stated: fourteen of them.

    >>> len(list(standard_problems()))
    14
    """
    yield from _stated()


@cache
def _stated() -> tuple[Problem, ...]:
    """Made once: problems are frozen, and a suite goes over them some hundred times."""
    pairs = [(clock, space) for clock in CLOCKS for space in SPACES]
    stated = [(clock, space) for clock, space in pairs if clock != "classical" or space in ("periodic", "walls")]
    return tuple(standard_problem(space, clock) for clock, space in stated)  # type: ignore[arg-type]


def large_problem(cell: Cell) -> Problem:
    """The problem of a cell on 22 qubits, of which no wave may be made before a refusal."""
    problem = cell.problem
    if problem.operator is not None:
        wide = PauliSum(22, np.array([1, 2]), np.array([2, 0]), np.array([0.5, 1.0]))
        return Problem.from_operator(wide, clock=problem.clock, duration=problem.duration)
    domain = problem.domain
    if isinstance(domain, Hypercube):
        return problem.replace(domain=Hypercube(22), objective=expression("x0*x1 - x21", 22), initial=Uniform())
    even = tuple(22 // domain.ndim for _ in range(domain.ndim))
    wide_grid = Grid(domain.bounds, even, domain.boundary, domain.twist if any(domain.twist) else 0.0, domain.encoding)
    return problem.replace(domain=wide_grid)


def _operator() -> PauliSum:
    x, z = (
        [sum((c in letters) << q for q, c in enumerate(reversed(label))) for label in TERMS] for letters in ("XY", "ZY")
    )
    return PauliSum(3, np.array(x), np.array(z), np.array(list(TERMS.values())))


def _amplitudes(size: int) -> np.ndarray:
    """Amplitudes without symmetry and without a zero."""
    k = np.arange(size)
    wave = (1.0 + 0.35 * np.sin(1.7 * k + 0.4)) * np.exp(0.45j * np.cos(2.3 * k + 0.2) * k / size)
    out: np.ndarray = wave / np.linalg.norm(wave)
    return out
