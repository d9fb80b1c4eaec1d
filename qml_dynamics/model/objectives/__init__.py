"""Losses over weights: test functions, models on data, tables, binary costs, and arithmetic text.

Each is an :class:`Objective`, a vectorised function ``(m, ndim) -> (m,)`` that is checked when it is called.

>>> from qml_dynamics import objectives
>>> objectives.rastrigin().minimum, sorted(objectives.NAMED)[:2]
(0.0, ['ackley', 'ackley2'])
"""

from __future__ import annotations

from .base import Objective, Rows
from .classifiers import Network, Neuron, Perceptron
from .data import Dataset, load_data
from .expressions import expression
from .functions import (
    ackley,
    ackley2,
    alpine1,
    alpine2,
    beale,
    bohachevsky2,
    branin,
    camel3,
    csendes,
    defl_corr_spring,
    dropwave,
    easom,
    goldstein_price,
    griewank,
    himmelblau,
    holder,
    hosaki,
    levy,
    levy13,
    mccormick,
    michalewicz,
    rastrigin,
    rosenbrock,
    shubert,
    styblinski_tang,
    sumofsquares,
    xinsheyang3,
)
from .models import network, neuron, perceptron
from .prepared import Preparation, on_data
from .registry import NAMED, double_well, named, quadratic, unit_box
from .rows import batch_values, from_rows, row_covariance
from .tables import from_table, ising, qubo

__all__ = [
    "Dataset",
    "NAMED",
    "Network",
    "Neuron",
    "Objective",
    "Perceptron",
    "Preparation",
    "Rows",
    "ackley",
    "ackley2",
    "alpine1",
    "alpine2",
    "batch_values",
    "beale",
    "bohachevsky2",
    "branin",
    "camel3",
    "csendes",
    "defl_corr_spring",
    "double_well",
    "dropwave",
    "easom",
    "expression",
    "from_rows",
    "from_table",
    "goldstein_price",
    "griewank",
    "himmelblau",
    "holder",
    "hosaki",
    "ising",
    "levy",
    "levy13",
    "load_data",
    "mccormick",
    "michalewicz",
    "named",
    "network",
    "neuron",
    "on_data",
    "perceptron",
    "quadratic",
    "qubo",
    "rastrigin",
    "rosenbrock",
    "row_covariance",
    "shubert",
    "styblinski_tang",
    "sumofsquares",
    "unit_box",
    "xinsheyang3",
]
