"""What looking at the residual between the ends of a step costs: waves and tangents, but no Gram matrix."""

from __future__ import annotations

import numpy as np

import qml_dynamics as qd
from qml_dynamics.methods.variational.engine.tangent import Engine


def test_extra_points_of_a_bounded_step_make_no_gram_matrix(monkeypatch):
    """rk4 looks at two points a step while its bound says something: four matrices a step are left of six, and one for the start."""
    made = {"forward": 0, "geometry": 0}

    def counted(name):
        plain = getattr(Engine, name)

        def call(self, *args):
            made[name] += 1
            return plain(self, *args)

        return call

    for name in made:
        monkeypatch.setattr(Engine, name, counted(name))
    start = qd.ansatz.hardware_efficient(1)
    p = qd.Problem(qd.Grid((-3, 3), 3), lambda w: w[:, 0] ** 2 / 2, 0.5, clock="real", duration=0.1)
    run = qd.evolve(p, qd.Variational(start, 4, "rk4", sensitivity=False), progress=False)
    assert run.diagnostics["bound"][-1] < np.pi / 2
    assert made == {"forward": 1 + 6 * 4, "geometry": 1 + 4 * 4}
