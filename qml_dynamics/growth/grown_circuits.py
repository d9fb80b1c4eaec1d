"""Growing as circuits: the steps on the qubits that are in use, and the interpolations between them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..domains import Grid
from ..hamiltonian import Hamiltonian
from ..job import Job, Waves
from ..problem import Problem
from ..sampled import Planned
from .grid import refine
from .levels import Point, Walk, learning, restated, verdict

Growing = Any  # the method, in `growing.py`, which imports this file


@dataclass(frozen=True, eq=False)
class _Circuits:
    start: Any
    pieces: list[Any]
    plan: list[tuple[float, int]]


def _build(growing: Growing, walk: Walk, times: list[float]) -> _Circuits:
    """The circuit in pieces from one save time to the next, on the qubits of the problem's grid, after the pilot run."""
    from ..synthesis.growth import blank, refinement, seats
    from ..synthesis.states import prepare
    from ..synthesis.trotter import program

    method, fine = growing.method, walk.h.domain
    assert isinstance(fine, Grid)
    first = walk.grids[walk.plan[0][1]]
    start = blank(fine)
    small = restated(walk.problem, first)
    start.compose(prepare(small.initial, first), seats(first, fine), inplace=True)
    grown = dict[float, int]()
    for t, level in walk.plan[1:]:
        grown[t] = level  # the last level of a time: several may be passed at once
    level, pieces = walk.plan[0][1], []
    for t0, t1 in zip(times[:-1], times[1:]):
        piece = blank(fine)
        cuts = [t0, *(t for t in sorted(grown) if t0 < t < t1), t1]
        for a, b in zip(cuts[:-1], cuts[1:]):
            while level < grown.get(a, level):
                piece.compose(refinement(walk.grids[level], walk.grids[level + 1], fine), inplace=True)
                level += 1
            grid = walk.grids[level]
            part = program(
                restated(walk.problem, grid),
                walk.at(level),
                method.product_formula,
                method.steps,
                [a, b],
                method.truncation,
            )
            piece.compose(part.pieces[0], seats(grid, fine), inplace=True)
        pieces.append(piece)
    return _Circuits(start, pieces, walk.plan)


def _piloted(growing: Growing, walk: Walk, times: list[float]) -> tuple[_Circuits, dict[str, Any]]:
    """Where to grow, from the same formula run as arrays (a schedule needs no look at the wave), and the circuits."""
    from ..synthesis.growth import two_qubit_gates
    from ..synthesis.trotter import program

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in walk.points():
            pass
    built = _build(growing, walk, times)
    method = growing.method
    plan = program(walk.problem, walk.h, method.product_formula, method.steps, times, method.truncation)
    grown = sum(two_qubit_gates(c) for c in (built.start, *built.pieces))
    fixed = sum(two_qubit_gates(c) for c in (plan.start, *plan.pieces))
    facts = walk.report()
    qubits = [walk.grids[level].qubits for _, level in walk.plan]
    share = grown / max(fixed, 1)
    facts.update(
        two_qubit_gates=grown,
        fixed_two_qubit_gates=fixed,
        pays=share <= 0.5,
        verdict=verdict(qubits, share, "two-qubit gates"),
    )
    return built, facts


def run(growing: Growing, job: Job, times: list[float], out: Waves) -> Iterator[Point]:
    """The waves of a growing ``Trotter`` on a simulator of states, on the problem's grid at ``times``."""
    walk = Walk(growing, job.problem, learning(job.h), times, None)
    built, facts = _piloted(growing, walk, times)
    out.diagnostics.update(facts)
    assert job.backend is not None
    waves = job.backend.states([built.start, *built.pieces], job.progress)
    level, domain = 0, job.problem.domain
    for t, wave in zip(times, waves):
        while level + 1 < len(walk.plan) and walk.plan[level + 1][0] < t - 1e-12 * job.problem.duration:
            level += 1
        yield t, _spread(wave, walk, walk.plan[level][1], domain.size), 0.0
    out.stop = f"Reached the end of the duration, {times[-1]:g}. {facts['verdict']}"


def _spread(wave: np.ndarray, walk: Walk, level: int, size: int) -> np.ndarray:
    """A simulated wave on the problem's grid: the qubits that are not yet in use are in 0, and are interpolated."""
    fine, grid = walk.h.domain, walk.grids[level]
    assert isinstance(fine, Grid)
    whole = wave[:size].reshape(fine.shape)
    if grid == fine:
        return whole
    step = tuple(slice(None, None, 1 << (f - c)) for f, c in zip(fine.qubits, grid.qubits))
    return refine(whole[step], grid, [f - c for c, f in zip(grid.qubits, fine.qubits)])[0]


def scheduled(growing: Growing, problem: Problem, h: Hamiltonian) -> Any:
    """The whole circuit of a schedule up to the end, measured in the dual basis of the problem's grid; no wave is looked at."""
    from ..synthesis.growth import refinement
    from ..synthesis.measure import in_dual_basis

    whole = learning(h)
    times = [0.0, problem.duration]
    walk = Walk(growing, problem, whole, times, None)
    stops = np.array(walk.stops())
    for t, qubits in growing.schedule[1:]:
        level, when = walk.level_of(qubits), float(stops[np.argmin(np.abs(stops - t))])
        walk.plan += [(when, lower) for lower in range(walk.level + 1, level + 1)]
        walk.level = max(level, walk.level)
    assert isinstance(whole.domain, Grid)
    built = _build(growing, walk, times)
    circuit = built.start.copy()
    circuit.compose(built.pieces[0], inplace=True)
    for lower in range(walk.level, len(walk.grids) - 1):
        circuit.compose(refinement(walk.grids[lower], walk.grids[lower + 1], whole.domain), inplace=True)
    return in_dual_basis(whole.domain, circuit)


def circuits(growing: Growing, problem: Problem, h: Hamiltonian, saves: np.ndarray) -> Planned:
    """The whole grown circuits, one a saved time, ending on the problem's grid (idle qubits are interpolated at the end)."""
    from ..synthesis.growth import refinement

    whole = learning(h)
    times = np.union1d(saves, [0.0]).tolist()
    walk = Walk(growing, problem, whole, times, None)
    built, facts = _piloted(growing, walk, times)
    fine = whole.domain
    assert isinstance(fine, Grid)
    out = []
    for t in saves.tolist():
        index = times.index(t)
        circuit = built.start.copy()
        for piece in built.pieces[:index]:
            circuit.compose(piece, inplace=True)
        level = max([lv for when, lv in walk.plan if when < t], default=walk.plan[0][1])
        for lower in range(level, len(walk.grids) - 1):
            circuit.compose(refinement(walk.grids[lower], walk.grids[lower + 1], fine), inplace=True)
        out.append(circuit)
    return Planned(out, facts)
