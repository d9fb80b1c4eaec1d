"""METTS walkers in processes of their own: each with its random numbers, so that any number of processes gives the same bits.

What travels is the problem with its loss as a table, never a person's function, and a walker's number.

A module of its own beside `run`: the same chain, walker by walker in place of step by step.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from ...base.executor import each
from ...base.progress import Progress
from ...methods.base import Method, Stream, circuit_seed
from ...model.hamiltonians import Hamiltonian, LearningHamiltonian, hamiltonian
from ...model.initial import State
from ...model.objectives.tables import from_table
from ...model.problem import Problem
from ...results.journal import Scope
from .laws import DENSE, Blocks, Dense, Draws, Laws, Source, Waves


@dataclass(frozen=True, eq=False)
class Walk:
    """All that one walker needs in another process."""

    problem: Problem
    method: Method | None
    reading: str
    collapse: str
    entropy: int
    walker: int
    steps: int  # burn-in included


def laws_of(problem: Problem, h: Hamiltonian, method: Method | None, reading: str, dense: Dense | None) -> Laws:
    """The laws of the next point: by the method, from the dense matrix where there is one, else from blocks of waves."""
    if method is not None:
        return Waves(problem, h, method, reading)
    if dense is not None:
        return dense
    assert isinstance(h, LearningHamiltonian)  # a wide operator has a method
    return Blocks(problem, h, reading)


def path(source: Source, walkers: int, more: int, collapse: str, last: np.ndarray | None) -> Iterator[np.ndarray]:
    """The rows of a chain, step by step."""
    index = source.first(walkers) if last is None else last
    for _ in range(more):
        if collapse == "alternate":
            index = source.following(index, "weight", "dual")
            index = source.following(index, "dual", "weight")
        else:
            index = source.following(index, "weight", "weight")
        yield index


def portable(problem: Problem, h: Hamiltonian) -> Problem:
    """The same problem without a person's code: the loss as a table of its values, the initial wave as a vector."""
    if not isinstance(h, LearningHamiltonian):
        return problem
    table = from_table(h.zeta, problem.domain)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # told of the problem itself
        return problem.replace(objective=table, initial=State(problem.initial.vector(problem.domain)))


def walked(walk: Walk) -> np.ndarray:
    """The indices of one walker, shape ``(steps,)``."""
    h = hamiltonian(walk.problem)
    few = walk.method is None and h.domain.size <= DENSE
    dense = Dense(walk.problem, h, walk.reading) if few else None
    seed = circuit_seed(walk.entropy, Stream.METTS_CHAIN, walk.walker)
    source = Draws(laws_of(walk.problem, h, walk.method, walk.reading, dense), np.random.default_rng(seed))
    return np.array([row[0] for row in path(source, 1, walk.steps, walk.collapse, None)])


def walk_apart(
    walks: list[Walk],
    burn_in: int,
    workers: int | None,
    executor: Executor | None,
    progress: bool | None,
    scope: Scope | None,
) -> tuple[np.ndarray, str]:
    """Indices after burn-in of every walker that is done, shape ``(steps, walkers)``, and why it ended.

    A keyboard interrupt keeps the walkers that are done; with a folder they are read when the call goes on.
    """
    done: dict[int, np.ndarray] = {}
    found = None if scope is None else scope.load_state()
    if found is not None:
        done = {int(name): rows for name, rows in found.arrays.items()}
    left = [walk for walk in walks if walk.walker not in done]
    total, steps = len(walks), walks[0].steps - burn_in
    try:
        with Progress("METTS walkers", progress) as bar:
            for place, rows in each(walked, left, workers, executor, "method"):
                done[left[place].walker] = rows
                bar(len(done), total)
                if scope is not None:
                    scope.save_state({}, {str(walker): done[walker] for walker in done}, always=True)
        stop = f"Reached {steps} steps of {total} walkers after a burn-in of {burn_in}."
    except KeyboardInterrupt:
        if not done or steps < 2:
            raise
        stop = f"Interrupted from the keyboard after {len(done)} of {total} walkers; kept what was done."
    return np.stack([done[walker][burn_in:] for walker in sorted(done)], axis=1), stop
