"""Problems and calls that tests of several rooms share."""

from __future__ import annotations

from collections.abc import Callable

import qml_dynamics as qd

DOUBLE_WELL = """
[domain]
kind = "grid"
bounds = [-3, 3]
qubits = 4
[objective]
name = "double_well"
[diffusion]
value = 0.3
[evolution]
clock = "CLOCK"
duration = 1.0
"""
IRIS_NEURON = """
[domain]
kind = "grid"
bounds = [[-6.0, 6.0], [-6.0, 6.0]]
qubits = QUBITS
[objective]
data = "iris.csv"
target = {column = "species", classes = ["versicolor", "virginica"]}
"""
"""The beginning of a problem file on the flowers of the gallery, without its diffusion and evolution."""
SIMULATORS = (
    *("statevector", "aer", "aer:density_matrix", "aer:matrix_product_state", "ibm:aer"),
    *("pennylane:default.qubit", "pennylane:lightning.qubit"),
)
"""Backends here whose outcomes carry no noise but that of shots."""


def planned(problem: qd.Problem) -> list[Callable[[], object]]:
    """A call of each verb that takes a problem and a method."""
    return [
        lambda: qd.evolve(problem, qd.SplitStep(4)),
        lambda: qd.circuits(problem, qd.Trotter(2)),
        lambda: qd.cost(problem, qd.Trotter(2)),
        lambda: qd.error_budget(problem, qd.Trotter(2)),
    ]
