"""Streams of a run's random numbers: one seed gives every circuit, draw and member numbers of its own, by a key of integers.

A module of its own beside `base`, which hands these names on: the table of keys is that of stored runs and only grows.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """First entry of a key of :func:`circuit_seed`: what the random numbers are for.

    Members of one number are never of one run, which has its own keys behind the number. The numbers are those of stored runs.
    """

    WEIGHT = 0  # (WEIGHT, i): samples of the weights at saved time i
    DUAL = 1  # (DUAL, i): samples in the dual basis
    BEST = 2  # (BEST, 0): samples of the last density; (BEST, 1): the uniform points beside them; (BEST, 2): rivals
    OPERATORS = 3  # (OPERATORS, number, i, group): samples in the basis of a group of Pauli strings
    MULTI_PRODUCT = 4  # (MULTI_PRODUCT, k, ...): the run with Trotter number k
    RANDOMISED = 5  # (RANDOMISED, c, ...): draw c of a random circuit and its run
    SUCCESS = 5  # (SUCCESS, basis, i): how many of the shots a post-selected run keeps
    MEASURED = 5  # (MEASURED, evaluation, ...): circuits of one evaluation of a measured variational run
    MINI_BATCH = 6  # (MINI_BATCH, c, ...): draw c of mini-batches and its run
    FLOW = 6  # (FLOW, call, group): mean values that a flow of imaginary time measures on its way
    BRIDGE = 7  # (BRIDGE, 0) and (BRIDGE, 1): both heat equations of a bridge; (BRIDGE, 2): their errors
    ANNEALING_MEMBER = 20  # (ANNEALING_MEMBER, number)
    ANNEALING_RESTARTS = 21  # where the restarts begin
    METTS_CHAIN = 30  # the collapses of the chain
    METTS_BEST = 31  # the uniform points beside the best weights
    METTS_CIRCUITS = 32  # (METTS_CIRCUITS, call, k): circuit k of a call
    METTS_ENERGIES = 34  # (METTS_ENERGIES, k): the energy of the state from start k
    METTS_ORDER = 33  # (METTS_ORDER, call): the order in which kept outcomes are used
    RIVAL = 40  # (RIVAL, k): the random numbers of optimiser k of ``descent.RIVALS``
    DIFFUSION = 41  # (DIFFUSION, k): folds (0) and draws (1) of the kernels beside a diffusion model, its own draws (2)


Entropy = int | Sequence[int] | None  # of a run: what NumPy's ``SeedSequence`` takes


def circuit_seed(entropy: Entropy, *key: int) -> int:
    """The seed of one circuit of a run with this seed, by its key, which begins with a :class:`Stream`."""
    child = np.random.SeedSequence(entropy, spawn_key=key)
    return int(child.generate_state(1, np.uint64)[0] >> np.uint64(1))
