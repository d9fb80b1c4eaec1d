"""The check that a problem has a wave: it is not on the classical clock."""

from __future__ import annotations

from ..base.errors import require
from .problem import Problem

WAVES = ("real", "imaginary")


def need_waves(problem: Problem, name: str = "problem") -> Problem:
    """The problem, where its clock moves a wave; the classical clock moves points, of which these uses of the equation know nothing.

    Raises:
        ProblemError: the problem is on the classical clock.

    >>> from qml_dynamics import Grid
    >>> bowl = Problem(Grid((-1, 1), 3), lambda w: w[:, 0] ** 2, 0.5, clock="classical", duration=1.0)
    >>> need_waves(bowl)
    Traceback (most recent call last):
    qml_dynamics.base.errors.ProblemError: Argument `problem` must be on the real or imaginary clock, but is 'classical'.
    """
    require(problem.clock in WAVES, name, "be on the real or imaginary clock", problem.clock)
    return problem
