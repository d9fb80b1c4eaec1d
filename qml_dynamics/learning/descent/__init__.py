"""Quantum Hamiltonian descent: runs, samples, local refinement, learned schedules, and classical optimisers for comparison.

``qml_dynamics.descend`` is the verb. On the usual test functions a classical optimiser is better and faster: the tables of
:func:`functions_table` and :func:`rivals_table`, and the ``compare`` option, say by how much.
"""

from __future__ import annotations

from .batch import Instance, crops, instance
from .box import shifted_bounds
from .fixed import Fixed, best_fixed, fixed_schedules
from .learn import PRETRAINED, Learned, chances, learn_schedule, pretrained
from .noisy import Setting
from .polish import RIVALS, Polished, Rival, rivals
from .result import Descent, Evaluations, success
from .run import descend
from .study import Study, noise_study, split_settings
from .table import HELD_OUT, PUBLISHED, TRAINING, RivalRow, Row, functions_table, rivals_table

__all__ = [
    "HELD_OUT",
    "PRETRAINED",
    "PUBLISHED",
    "RIVALS",
    "TRAINING",
    "Descent",
    "Evaluations",
    "Fixed",
    "Instance",
    "Learned",
    "Polished",
    "Rival",
    "RivalRow",
    "Row",
    "Setting",
    "Study",
    "best_fixed",
    "chances",
    "crops",
    "descend",
    "fixed_schedules",
    "functions_table",
    "instance",
    "learn_schedule",
    "noise_study",
    "pretrained",
    "rivals",
    "rivals_table",
    "shifted_bounds",
    "split_settings",
    "success",
]
