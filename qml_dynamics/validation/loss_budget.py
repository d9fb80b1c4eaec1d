"""The parts of the error of a run of a loss: each pair of neighbours in a chain of runs differs in one thing.

    wider box -> refined grid -> this grid -> product formula -> circuit (encoding) -> register
      -> readout -> the other noise of the device -> mitigation -> shots

On a one-hot grid the references have the spectral Laplacian, and one more link, behind this grid, leads to finite differences.

A module of its own beside `budget`, as `operator_budget` is, whose chain is that of an operator.
"""

from __future__ import annotations

from functools import cached_property, partial
from itertools import pairwise
from typing import Any

import numpy as np

from ..backends import Backend, capabilities
from ..backends import backend as find_backend
from ..backends.base import BackendLike
from ..base.errors import QMLDynamicsError
from ..base.estimate import Estimate
from ..base.interrupts import whole
from ..methods.base import Method, check_method
from ..methods.evolution import evolve
from ..methods.exact import Exact
from ..methods.one_hot import is_one_hot
from ..methods.reference import DENSE
from ..methods.split_step import SplitStep
from ..model.domains import Grid
from ..model.hamiltonians import LearningHamiltonian, hamiltonian
from ..model.initial import Gaussian, State, Uniform
from ..model.objectives import from_table
from ..model.problem import Problem
from ..model.resample import refine, restrict
from ..results.trajectory import Trajectory
from .comparison import noise_floor
from .error_parts import (
    ONE_HOT_TERMS,
    TERMS,
    Point,
    certain,
    coarse_cells,
    infidelity_of,
    sampled,
    samples_worth,
    with_synthesis,
)
from .noise_parts import as_read, between, errors_of_readout, on_device, without_mitigation
from .wider_box import inner, widened

_SETTLED = 1e-14  # infidelity that the reference may still have
_LEFT = 1e-12  # of a wave in the box, below which it has left it


class Chain:
    """The paired runs of one budget."""

    def __init__(
        self,
        problem: Problem,
        method: Method,
        backend: BackendLike | None,
        shots: int | None,
        seed: int | None,
        progress: bool | None,
        synthesised: Backend | None = None,
    ) -> None:
        self.problem, self.method, self.shots, self.seed, self.progress = problem, method, shots, seed, progress
        self.given, self.synthesised = backend, synthesised
        self.h = hamiltonian(problem)
        assert isinstance(self.h, LearningHamiltonian)
        self.zeta = self.h.zeta
        self.one_hot = is_one_hot(problem.domain)
        self.reference = _spectral(problem, self.zeta) if self.one_hot else problem
        self.notes: list[str] = []
        self.facts = check_method(method).facts()
        self.backend: Backend | None = None
        if self.facts.runs_on == "backend":
            self.backend = find_backend(backend if backend is not None else "statevector")

    def run(
        self,
        problem: Problem,
        method: Method,
        backend: BackendLike | None = None,
        shots: int | None = None,
        seed: int | None = None,
    ) -> Trajectory:
        """One run of the chain; an interrupt ends the whole budget, since half a chain says nothing."""
        out = evolve(problem, method, backend=backend, shots=shots, seed=seed, progress=self.progress)
        return whole(out)

    def measure(self) -> dict[str, Any]:
        """Run the chain and take the differences of neighbours."""
        on_grid = self._point(self._converged(self.reference)[0])
        hopping = [self._point(self._converged(self.problem)[0])] if self.one_hot else []
        refined, steps = self._refined(on_grid)
        wide = self._wider(refined, steps)
        formula, circuit, drawn = self._formula_and_circuit()
        before = formula if self.facts.register else circuit  # with all of the encoding, and without a register
        points = [wide, refined, on_grid, *hopping, formula, before, circuit]
        if self.synthesised is not None:  # from here on that is the run
            circuit, drawn = self._point(self.run(self.problem, self.method, self.synthesised, seed=self.seed)), None
            points.append(circuit)
        noisy, bare = self._noisy(circuit)
        readout = circuit if noisy is circuit else self._readout(circuit, bare)
        device = noisy if bare is self.backend else self._device(self.backend)
        final = self._final(device, drawn)
        names = with_synthesis(ONE_HOT_TERMS if hopping else TERMS, self.synthesised is not None)
        chain = dict(zip(names, pairwise((*points, readout, noisy, device, final))))
        terms = {name: self._distance(a, b) for name, (a, b) in chain.items()}
        shifts = {
            name: b.loss - a.loss if name == "shots" or sampled(a, b) else certain(b.loss - a.loss)
            for name, (a, b) in chain.items()
        }
        known = {
            n: (a.state, b.state) for n, (a, b) in chain.items() if a is not b or n not in ("box", "grid", "register")
        }
        infidelity = {n: infidelity_of(a, b) for n, (a, b) in known.items() if a is not None and b is not None}
        cells = coarse_cells(device.density, self.problem.domain)
        floor = noise_floor(cells, cells, final.shots, None)
        if self.shots:
            terms["shots"] = Estimate(terms["shots"].value, floor.stderr, self.shots)
        total = self._distance(wide, final)
        return {
            "terms": terms,
            "shifts": shifts,
            "infidelity": infidelity,
            "total": Estimate(total.value, floor.stderr, self.shots),
            "total_shift": final.loss - wide.loss,
            "shot_floor": floor,
            "cells": cells.size,
            "notes": tuple(self.notes),
            "noise_left": float(self._distance(circuit, device).value),
        }

    def _point(self, run: Trajectory) -> Point:
        state = run.states[-1] if run.states is not None else None
        density = run.density[-1]
        return Point(density, state, Estimate(float((density * self.zeta).sum())))

    def _refined(self, on_grid: Point) -> tuple[Point, int]:
        """The exact evolution with half of the spacing, read at this grid's points, and how many steps it took."""
        domain = self.reference.domain
        if not isinstance(domain, Grid):
            self.notes.append("grid: a hypercube is exact, there is nothing to refine.")
            return on_grid, 0
        if self.problem.objective is not None and self.problem.objective.domain is not None:
            self.notes.append("grid: the loss is a table and is not known on a finer grid; this part is not measured.")
            return on_grid, 0
        fine = self.fine
        run, steps = self._converged(fine)
        assert run.states is not None
        assert isinstance(fine.domain, Grid)
        wave = restrict(run.states[-1], fine.domain, domain)
        density = np.abs(wave) ** 2
        return Point(density / density.sum(), wave, self._loss(run)), steps

    @cached_property
    def fine(self) -> Problem:
        """The problem with half of the spacing; one for both parts that need it, so that its loss is asked once."""
        domain, initial = self.reference.domain, self.reference.initial
        assert isinstance(domain, Grid)
        if not isinstance(initial, (Gaussian, Uniform)):
            initial = State(refine(initial.vector(domain), domain)[0])
        return self.reference.replace(domain=domain.refined(), initial=initial)

    def _wider(self, refined: Point, steps: int) -> Point:
        """The refined evolution in a box that is wider along every axis that ends somewhere, read at this grid's points."""
        domain = self.reference.domain
        if not isinstance(domain, Grid) or not steps:
            return refined
        fine = self.fine
        wide, why = widened(fine, hamiltonian(fine))
        if wide is None:
            self.notes.append(f"box: {why}")
            return refined
        try:
            run, _ = self._converged(wide, steps)
        except QMLDynamicsError as error:
            self.notes.append(f"box: not measured, since the loss is not known in a wider box ({error})")
            return refined
        assert run.states is not None
        assert isinstance(fine.domain, Grid)
        assert isinstance(wide.domain, Grid)
        inside = inner(run.states[-1], wide.domain, fine.domain)
        share = float((np.abs(inside) ** 2).sum())
        if share < _LEFT:
            return Point(np.zeros(domain.shape), None, self._loss(run), outside=1.0)
        wave = restrict(inside / np.sqrt(share), fine.domain, domain)
        density = np.abs(wave) ** 2
        return Point(share * density / density.sum(), np.sqrt(share) * wave, self._loss(run), outside=1 - share)

    def _loss(self, run: Trajectory) -> Estimate:
        return Estimate(float(run.expectations["objective"].value[-1]))

    def _converged(self, problem: Problem, first: int = 64) -> tuple[Trajectory, int]:
        """The exact evolution on this grid: by one diagonalisation where the Hamiltonian is constant and small, else by fourth-order
        split-step, steps doubled until the state has settled.

        The order makes a halved step 16 times better, so the distance to the last run is 15 times the error that is left.
        """
        if hamiltonian(problem).constant and problem.domain.size <= DENSE:
            return self.run(problem, Exact()), first
        settled = _SETTLED if self.shots is None else _SETTLED * 1e3
        steps = max(64, first // 2)
        last = self.run(problem, SplitStep(steps, order=4))
        while steps < 1 << 16:
            steps *= 2
            run = self.run(problem, SplitStep(steps, order=4))
            assert run.states is not None
            assert last.states is not None
            left = infidelity_of(run.states[-1], last.states[-1]) / 15**2
            last = run
            if left <= settled:
                break
        return last, steps

    def _formula_and_circuit(self) -> tuple[Point, Point, Point | None]:
        """The method without and with its encoding, as waves; and its samples, where the same run gives them."""
        plain = self.method.without_encoding()
        if self.one_hot:
            plain = self.method  # whose formula is one of bonds, which no classical method takes
        circuit, drawn = self._circuit()
        if plain == self.method:
            return circuit, circuit, drawn
        if plain.facts().runs_on != self.facts.runs_on:  # another method takes the same steps classically
            self.notes.append(f"formula: that of {plain!r}; encoding: what {type(self.method).__name__} adds to it.")
        return self._point(self.run(self.problem, plain)), circuit, drawn

    def _circuit(self) -> tuple[Point, Point | None]:
        """The method on an exact simulator."""
        exact = self.backend if self.backend is None or capabilities(self.backend).exact else find_backend("aer")
        plain = self.given is None or self.facts.runs_on != "either"  # else the steps of a run with shots are measured
        if self.shots is not None and exact is self.backend and plain:
            run = self.run(self.problem, self.method, backend=exact, shots=self.shots, seed=self.seed)
            selected = "success_probability" in run.diagnostics  # samples of a mixed state
            if run.states is not None and run.counts is not None and not selected:
                density = np.abs(run.states[-1]) ** 2
                wave = Point(density, run.states[-1], Estimate(float((density * self.zeta).sum())))
                return wave, self._samples_of(run)
        return self._point(self.run(self.problem, self.method, backend=exact, seed=self.seed)), None

    def _samples_of(self, run: Trajectory) -> Point:
        """What a run with shots answers at the end."""
        assert self.shots is not None
        last = run.expectations["objective"][-1]
        loss = Estimate(float(last.value), float(last.stderr), self.shots)
        return Point(run.density[-1], None, loss, samples_worth(run, self.shots))

    def _noisy(self, circuit: Point) -> tuple[Point, Backend | None]:
        """The circuit with the noise of the device and without mitigation, and that device."""
        if self.backend is None or capabilities(self.backend).exact:
            return circuit, self.backend
        bare = without_mitigation(self.backend, self._note)
        return self._device(bare), bare

    def _readout(self, circuit: Point, device: Backend | None) -> Point:
        """The outcomes of the circuit, read with the errors of each qubit of this device."""
        assert device is not None
        domain = self.problem.domain
        if domain.size != 1 << domain.num_qubits:
            self._note("readout: not told apart, since outcomes that are no points are left out; it is in `device`.")
            return circuit
        errors = errors_of_readout(device, domain.num_qubits, self.seed)
        density = as_read(circuit.density.reshape(-1), errors).reshape(domain.shape)
        return Point(density, None, Estimate(float((density * self.zeta).sum())))

    def _device(self, backend: Backend | None) -> Point:
        """The run on that device: exact noisy probabilities, or many shots where they are not known."""
        assert backend is not None
        run = partial(self.run, self.problem, self.method, backend)
        found = on_device(run, backend, self.shots, self.seed, self._note)
        if found.shots is None:
            return self._point(found)
        last = found.expectations["objective"][-1]
        loss = Estimate(float(last.value), float(last.stderr), found.shots)
        return Point(found.density[-1], None, loss, samples_worth(found, found.shots))

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _final(self, device: Point, drawn: Point | None) -> Point:
        if self.shots is None:
            return device
        if drawn is not None:
            return drawn
        backend = self.synthesised or (self.given if self.given is not None else self.backend)
        run = self.run(self.problem, self.method, backend=backend, shots=self.shots, seed=self.seed)
        if backend is not None and not self.facts.circuits_known_ahead:
            self.notes.append(
                "shots: this part holds what measured steps and the device do to the path of the angles too."
            )
        return self._samples_of(run)

    def _distance(self, a: Point, b: Point) -> Estimate:
        p, q = self._cells(a), self._cells(b)
        return between(0.5 * float(np.abs(p - q).sum()), p, q, (None, None) if a is b else (a.shots, b.shots))

    def _cells(self, point: Point) -> np.ndarray:
        """Probabilities of the cells of the box, and of the outside."""
        return np.append(coarse_cells(point.density, self.problem.domain), point.outside)


def _spectral(problem: Problem, zeta: np.ndarray) -> Problem:
    """A problem on a one-hot grid with the spectral Laplacian on the same points."""
    grid, loss = problem.domain, problem.objective
    assert isinstance(grid, Grid)
    assert loss is not None
    there = Grid(grid.bounds, None, grid.boundary, grid.twist, "none", points=grid.shape)
    return problem.replace(domain=there, objective=loss if loss.domain is None else from_table(zeta, there))
