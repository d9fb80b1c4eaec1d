"""Circuits of a growing grid: steps on the qubits in use, interpolation and wider windows between them, and their largest size.

A module of its own behind `run`: growth of the register of a product formula, beside grids (`levels`) and ansaetze (`joint`).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import synthesis
from ...base.errors import ProblemError
from ...model.domains import Grid
from ...model.formulas import boundaries, factors, segments
from ...model.hamiltonians import Hamiltonian
from ...model.initial import Gaussian, State
from ...model.problem import Problem
from ..base import Gates, Job, Work
from ..from_samples import Planned
from ..from_waves import Waves
from ..memory import of_waves
from ..split_step import SplitStep
from ..trotter import Trotter
from ..variational.options import Growth
from .grid import levels, restated
from .levels import Point, Walk, learning, told
from .method import Growing
from .patches import Patch

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


@dataclass(frozen=True, eq=False)
class _Circuits:
    """The preparation, the pieces from one save time to the next, and the patches on which the waves arrive."""

    start: Any
    pieces: list[Any]
    arrived: list[Patch]


class _Builder:
    """Puts a grown circuit together, factor by factor."""

    def __init__(self, growing: Growing, walk: Walk, times: list[float]) -> None:
        self.method, self.walk = growing.method, walk
        self.patch = [patch for t, patch in walk.plan if t <= times[0]][-1]
        self.ends = boundaries(walk.problem.duration, self.method.steps, times)
        self.due = [(t, patch) for t, patch in walk.plan if t > times[0]]
        self.known: dict[Patch, Callable[[str, float], Any]] = {}

    def piece(self, ends: np.ndarray) -> Any:
        """The circuit of these steps. Growth comes with the last kinetic factor before its time, with which an interpolation shares
        its transforms: so potential factors on both sides of that time still merge, on the wider patch."""
        circuit = synthesis.growth.blank(self.walk.whole)
        for kind, amount, late in self._factors(ends):
            chain = [patch for t, patch in self.due if t <= late]
            del self.due[: len(chain)]
            if chain and chain[0].resolution != self.patch.resolution:
                self._refined(circuit, chain.pop(0), amount)
            elif amount:
                circuit.compose(self._factor(kind, amount), _seats(self.patch), inplace=True)
            for patch in chain:
                _append_growth(circuit, self.patch, patch)
                self.patch = patch
        return circuit

    def _factors(self, ends: np.ndarray) -> list[tuple[str, float, float]]:
        """Kind and amount of each factor, and up to when growth comes with it (never, but with the last kinetic one before)."""
        p, formula = self.walk.problem, self.method.product_formula
        near = sorted({ends[0], *(t for t, _ in self.due if ends[0] < t < ends[-1]), ends[-1]})
        out: list[tuple[str, float, float]] = []
        for part in segments(ends, near):
            some = list(factors(formula, part, p.diffusion, p.strength, p.duration))
            last = max(k for k, factor in enumerate(some) if factor.kind == "K")
            for k, factor in enumerate(some):
                before = out.pop()[1:] if out and out[-1][0] == factor.kind else (0.0, -np.inf)
                out.append((factor.kind, before[0] + factor.amount, float(part[-1]) if k == last else before[1]))
        return out

    def _factor(self, kind: str, amount: float) -> Any:
        if self.patch not in self.known:
            problem, h = _on(self.walk.problem, self.patch), self.walk.at(self.patch)
            formula = self.method.product_formula
            self.known[self.patch] = synthesis.trotter.pieces_of(problem, h, formula, self.ends, self.method.truncation)
        return self.known[self.patch](kind, amount)

    def _refined(self, circuit: QuantumCircuit, finer: Patch, amount: float) -> None:
        refined = synthesis.growth.kinetic_refinement(self.patch.grid, finer.grid, amount)
        circuit.compose(refined, _seats(finer), inplace=True)
        self.patch = finer


def _build(growing: Growing, walk: Walk, times: list[float]) -> _Circuits:
    """The circuit in pieces from one save time to the next, on the qubits of the problem's grid, after the pilot run."""
    builder, start = _Builder(growing, walk, times), synthesis.growth.blank(walk.whole)
    first = builder.patch
    start.compose(synthesis.states.prepare(_on(walk.problem, first).initial, first.grid), _seats(first), inplace=True)
    pieces, arrived = [], [first]
    for ends in segments(builder.ends, times):
        pieces.append(builder.piece(ends))
        arrived.append(builder.patch)
    return _Circuits(start, pieces, arrived)


def _on(problem: Problem, patch: Patch) -> Problem:
    """The problem on a patch; a packet stays a packet where its centre lies in the window, which takes fewer gates."""
    if not any(patch.halvings):
        return restated(problem, patch.grid)
    psi = restated(problem, patch.opened.grid).initial.vector(patch.opened.grid)[patch.window]
    if isinstance(problem.initial, Gaussian):
        try:
            if abs(np.vdot(psi, problem.initial.vector(patch.grid))) > (1 - 1e-12) * np.linalg.norm(psi):
                return problem.replace(domain=patch.grid)
        except ProblemError:  # the centre lies outside
            pass
    return problem.replace(domain=patch.grid, initial=State(psi))


def _seats(patch: Patch) -> list[int]:
    coarser = [q - r for q, r in zip(patch.whole.qubits, patch.resolution)]
    return synthesis.growth.patch_seats(patch.grid, coarser, patch.whole)


def _append_growth(circuit: QuantumCircuit, patch: Patch, to: Patch) -> None:
    """From a patch to one that is finer by at most one bit an axis, or to one whose window along one axis is shifted or twice as wide."""
    if to.resolution != patch.resolution:
        part = synthesis.growth.refinement(patch.grid, to.grid)
    else:
        pairs = list(zip(patch.halvings, patch.offset, to.halvings, to.offset))
        axis = next(i for i, (w, o, v, u) in enumerate(pairs) if (w, o) != (v, u))
        quarters = 4 * (patch.offset[axis] - to.offset[axis]) // patch.grid.shape[axis]
        change = synthesis.growth.shift if to.halvings == patch.halvings else synthesis.growth.widening
        part = change(patch.grid, axis, quarters)
    circuit.compose(part, _seats(to), inplace=True)


def _closed(circuit: QuantumCircuit, patch: Patch) -> None:
    """Append what takes a wave from a patch to the problem's grid: first the window, then the points in between."""
    for axis, halvings in enumerate(patch.halvings):
        for _ in range(halvings):
            wider = patch.widened(axis)
            _append_growth(circuit, patch, wider)
            patch = wider
    while not patch.complete:
        finer = patch.refined()
        _append_growth(circuit, patch, finer)
        patch = finer


def _piloted(growing: Growing, walk: Walk, times: list[float]) -> tuple[_Circuits, dict[str, Any]]:
    """Where to grow, from the same formula run as arrays (a schedule needs no look at the wave), and the circuits."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in walk.points():
            pass
    built = _build(growing, walk, times)
    method = growing.method
    plan = synthesis.trotter.program(
        walk.problem, walk.h, method.product_formula, method.steps, times, method.truncation
    )
    grown = sum(synthesis.growth.two_qubit_gates(c) for c in (built.start, *built.pieces))
    fixed = sum(synthesis.growth.two_qubit_gates(c) for c in (plan.start, *plan.pieces))
    return built, {**walk.report(), **told(walk.plan, grown, fixed, "two_qubit_gates")}


def run(growing: Growing, job: Job, times: list[float], out: Waves) -> Iterator[Point]:
    """The waves of a growing ``Trotter`` on a simulator of states, on the problem's grid at ``times``."""
    walk = Walk(growing, job.problem, learning(job.h), times, None)
    built, facts = _piloted(growing, walk, times)
    out.diagnostics.update(facts)
    waves = job.device.states([built.start, *built.pieces], job.progress)
    for t, wave, patch in zip(times, waves, built.arrived):
        yield t, _spread(wave, patch), 0.0
    out.stop = f"Reached the end of the duration, {times[-1]:g}. {facts['verdict']}"


def _spread(wave: np.ndarray, patch: Patch) -> np.ndarray:
    """A simulated wave on the problem's grid: the qubits that are not yet in use are in 0."""
    whole = wave[: patch.whole.size].reshape(patch.whole.shape)
    spare = [q - r for q, r in zip(patch.whole.qubits, patch.resolution)]
    used = tuple(slice(0, n << s, 1 << s) for n, s in zip(patch.grid.shape, spare))
    return patch.spread(whole[used])


def scheduled(growing: Growing, problem: Problem, h: Hamiltonian) -> Any:
    """The whole circuit of a schedule up to the end, measured in the dual basis of the problem's grid; no wave is looked at."""
    times = [0.0, problem.duration]
    walk = Walk(growing, problem, learning(h), times, None)
    stops = np.array(walk.stops())
    for t, qubits in growing.schedule[1:]:
        when = float(stops[np.argmin(np.abs(stops - t))])
        while walk.below(qubits):
            walk.patch = walk.patch.refined()
            walk.plan.append((when, walk.patch))
    built = _build(growing, walk, times)
    circuit = built.start.copy()
    circuit.compose(built.pieces[0], inplace=True)
    _closed(circuit, built.arrived[-1])
    return synthesis.measure.in_dual_basis(walk.whole, circuit)


def circuits(growing: Growing, problem: Problem, h: Hamiltonian, saves: np.ndarray) -> Planned:
    """The whole grown circuits, one a saved time, ending on the problem's grid (idle qubits are interpolated at the end)."""
    times = np.union1d(saves, [0.0]).tolist()
    walk = Walk(growing, problem, learning(h), times, None)
    built, facts = _piloted(growing, walk, times)
    out = []
    for t in saves.tolist():
        circuit = built.start.copy()
        for piece in built.pieces[: times.index(t)]:
            circuit.compose(piece, inplace=True)
        _closed(circuit, built.arrived[times.index(t)])
        out.append(circuit)
    return Planned(out, facts)


def work(job: Job, growing: Growing) -> Work:
    """An upper bound, whatever the wave will ask for; exact gates where a schedule says when to grow.

    ``SplitStep``: transforms on the problem's grid, where every stretch may have to be done on every grid in turn, and every look
    at the wave costs a transform. ``Trotter``: gates of all steps on the problem's grid, and of all interpolations.
    ``Variational``: the memory of as many parameters as may be grown.
    """
    fixed = growing.method.work(job)
    if isinstance(growing.method, SplitStep):
        out: Work = replace(fixed, transforms=_transforms(growing, job, fixed.transforms), bound=True, asks=None)
        return out
    if isinstance(growing.method, Trotter):
        return _circuits(growing, job, fixed)
    assert isinstance(growing.method.grow, Growth)
    most = max(growing.method.grow.max_parameters, 1) + 3
    memory = 16 * job.problem.domain.size * 2 * most + of_waves(job, 0)
    out = replace(fixed, memory=memory, bound=True, asks=None)
    return out


def _transforms(growing: Growing, job: Job, fixed: int) -> int:
    """Grids that are tried one after the other have at least twice the points each, so that all of them have less than two of the
    last one; a window may be moved three times before it is widened."""
    if growing.schedule is not None:
        return fixed + len(growing.schedule)
    steps = growing.method.steps
    looks = min(growing.checks, max(1, steps // 4)) + int(math.log2(steps)) + 2
    each = 2 if growing.criterion == "momentum_tail" else 8
    windows = growing.window and job.problem.clock == "real"
    out: int = (4 if windows else 2) * (fixed + each * looks) + 8
    return out


def _circuits(growing: Growing, job: Job, fixed: Work) -> Work:
    """The longest circuit as it will be (schedule), or as it would be with every step on the problem's grid."""
    if growing.schedule is not None:
        circuit = scheduled(growing, job.problem, job.h)
        return replace(fixed, programs=(circuit,))
    fine = job.problem.domain
    assert isinstance(fine, Grid)
    grids = levels(fine, growing.start)
    inserted = synthesis.growth.blank(fine)
    for coarse, finer in zip(grids[:-1], grids[1:]):
        inserted.compose(synthesis.growth.refinement(coarse, finer, fine), inplace=True)
    steps, more = synthesis.measure.gates_of(fixed.programs[-1]), synthesis.measure.gates_of(inserted)
    total = Gates(
        steps.gates + more.gates,
        steps.two_qubit_gates + more.two_qubit_gates,
        steps.depth + more.depth,
    )
    return replace(fixed, gates=total, bound=True)
