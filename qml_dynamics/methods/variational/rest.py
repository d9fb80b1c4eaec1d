"""Why a variational wave stands although it is no eigenstate, and which parameter would lead away from it.

A module of its own beside `evolve`: sentences about one point, where `evolve` walks.
"""

from __future__ import annotations

import numpy as np

from ...model.hamiltonians import Hamiltonian, energy_scale
from .engine.flow import Flow, Point
from .engine.gates import Program
from .engine.tangent import Engine

_REAL = 1e-9  # imaginary parts of amplitudes of a unit wave below this are the round-off of a real one


def stalled(point: Point, flow: Flow) -> str:
    """Why no parameter moves the wave although it is no eigenstate."""
    left = f"the energy still has a standard deviation of {point.sigma:.2e}, but"
    if not len(point.theta) or not np.any(np.diag(point.metric) > 1e-12):
        return f"{left} no parameter changes the wave here"
    force2 = float(point.force @ point.force)
    if force2 > 1e-10 * point.variance * float(np.trace(point.metric)):
        return f"{left} the regularisation ({point.solution.regularisation:.1e}) outweighs the metric: lower it"
    if not flow.imaginary and flow.engine.real:
        return f"{left} the ansatz is real and real time makes amplitudes complex: add RZ or other complex rotations"
    if flow.imaginary and np.abs(np.imag(point.psi)).max() < _REAL and not flow.engine.real:
        return f"{left} the force vanishes: the generators only turn phases of a real wave; use rotations with an odd number of Y"
    return f"{left} the force on every parameter vanishes: a symmetric or saddle point; start from slightly different parameters"


_MOVED = 0.1  # radians by which a parameter is moved to see whether that lowers the energy
_LOWERS = 1e-6  # of the energy's scale


def moves(h: Hamiltonian, program: Program, theta: np.ndarray, energy: float, t: float) -> str:
    """Which parameter, moved a little, lowers the energy of a wave that stands: what leads away from it; empty for none."""
    engine, told, least, lower = Engine(program), "", energy, _LOWERS * energy_scale(h, energy, t)
    for k, name in enumerate(program.names):
        for move in (_MOVED, -_MOVED):
            there = theta.copy()
            there[k] += move
            reached = h.expectation(np.asarray(engine.state(there)).reshape(h.domain.shape), t)
            if reached < least - lower:
                least, told = reached, f"move theta0[{k}] ({name}) by {move:+g}, which lowers the energy, or "
    return told
