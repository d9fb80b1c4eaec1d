"""What the tests of files from somebody else share: a problem that names a function, and one that holds it."""

from __future__ import annotations

import numpy as np

import qml_dynamics as qd
from qml_dynamics.model.objectives import Objective

NAMED = "planted_loss:loss"
PROBLEM = """
[domain]
kind = "grid"
bounds = [-2, 2]
qubits = 3

[objective]
function = "planted_loss:loss"

[diffusion]
value = 0.4

[evolution]
clock = "real"
duration = 0.5
"""


def bowl(w: np.ndarray) -> np.ndarray:
    return (w**2).sum(axis=1)


def own_problem() -> qd.Problem:
    """A problem of this process whose objective says by which name it is written."""
    objective = Objective(bowl, "bowl", spec={"function": NAMED})
    return qd.Problem(qd.Grid((-2, 2), 3), objective, 0.4, clock="real", duration=0.5)
