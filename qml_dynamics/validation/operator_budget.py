"""The parts of the error of a run of an operator: start, formula, encoding, readout, other noise, mitigation and shots.

    exact -> method's own start -> product formula -> encoding -> register -> readout -> device -> mitigation -> shots

Neighbours are compared by what tells two states apart: the total variation of the outcomes in the computational basis, and the change
of the energy and of every observable beside twice its bound. Each is at most the trace distance of the two states (Helstrom, J. Stat.
Phys. 1, 231, 1969, doi:10.1007/BF01007479), and so is the largest of them, which obeys the triangle inequality.

A module of its own beside `budget`, whose chain is that of a loss on a grid.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
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
from ..methods.krylov import Krylov
from ..model.hamiltonians import PauliHamiltonian, hamiltonian
from ..model.initial import State
from ..model.problem import Problem
from ..results.observables import Observable, ObservableLike, pauli_groups, read_observables
from ..results.trajectory import Trajectory
from .comparison import noise_floor
from .error_parts import OPERATOR_TERMS, certain, coarse_cells, infidelity_of, sampled, samples_worth, with_synthesis
from .noise_parts import as_read, between, errors_of_readout, on_device, with_spread, without_mitigation

_TOL = 1e-12  # of the reference
_SAME = 1e-12  # infidelity of two starts that are one
_FLOOR = 1e-7  # error of the wave below which its order is lost in rounding
_OFF = 0.5  # of a declared order, beyond which a measured one is told


@dataclass(frozen=True, eq=False)
class Point:
    """One run of the chain at its end: outcomes in the computational basis, the wave if known, energy and observables.

    ``redrawn`` is the same as read with a calibration from ``calibrated`` shots that is drawn again.
    """

    density: np.ndarray
    state: np.ndarray | None
    means: Mapping[str, Estimate]
    shots: int | None = None
    redrawn: tuple[Point, ...] = ()
    calibrated: int | None = None


class OperatorChain:
    """The paired runs of one budget of an operator."""

    def __init__(
        self,
        problem: Problem,
        method: Method,
        backend: BackendLike | None,
        shots: int | None,
        seed: int | None,
        progress: bool | None,
        observables: Mapping[str, ObservableLike] | None = None,
        synthesised: Backend | None = None,
    ) -> None:
        self.problem, self.method, self.shots, self.seed, self.progress = problem, method, shots, seed, progress
        self.given, self.observables, self.synthesised = backend, observables, synthesised
        h = hamiltonian(problem)
        assert isinstance(h, PauliHamiltonian)
        self.h = h
        self.facts = check_method(method).facts()
        self.seen = read_observables(observables, problem, self.facts.wires)
        self.notes: list[str] = []
        self.backend: Backend | None = None
        if self.facts.runs_on == "backend":
            self.backend = find_backend(backend if backend is not None else "statevector")
        self.energy = Observable("energy", "operator", terms=h.at(problem.duration))
        self.bounds = {"energy": _bound(self.energy, h)}
        self.bounds |= {o.name: _bound(o, h) for o in self.seen}

    def run(
        self,
        problem: Problem,
        method: Method,
        backend: Backend | BackendLike | None = None,
        shots: int | None = None,
        seed: int | None = None,
    ) -> Trajectory:
        """One run of the chain; an interrupt ends the whole budget, since half a chain says nothing."""
        out = evolve(
            problem,
            method,
            backend=backend,
            shots=shots,
            seed=seed,
            observables=self.observables,
            progress=self.progress,
        )
        return whole(out)

    def measure(self) -> dict[str, Any]:
        """Run the chain and take the differences of neighbours."""
        run, drawn = self._circuit()
        exact = self._point(self.run(self.problem, Krylov(_TOL)))
        circuit, plain = self._point(run), self._plain()
        formula = circuit if plain is None else self._point(self.run(self.problem, plain))
        started = self._started(run, exact)
        before = formula if self.facts.register else circuit  # with all of the encoding, and without a register
        points = [exact, started, formula, before, circuit]
        if self.synthesised is not None:  # from here on that is the run
            circuit, drawn = self._point(self.run(self.problem, self.method, self.synthesised, seed=self.seed)), None
            points.append(circuit)
        noisy, bare = self._noisy(circuit)
        readout = circuit if noisy is circuit else self._readout(circuit, bare)
        mitigated = noisy if bare is self.backend else self._device(self.backend)
        final = self._final(mitigated, drawn)
        if self.shots is None or plain is None:
            self._check_order(run, exact if started is exact else started)
        names = with_synthesis(OPERATOR_TERMS, self.synthesised is not None)
        chain = dict(zip(names, pairwise((*points, readout, noisy, mitigated, final))))
        return self._parts(chain, exact, circuit, mitigated, final)

    def _parts(
        self, chain: Mapping[str, tuple[Point, Point]], exact: Point, circuit: Point, device: Point, final: Point
    ) -> dict[str, Any]:
        """What :class:`ErrorBudget` holds, from both ends of every link."""
        terms = {name: self._term(a, b) for name, (a, b) in chain.items()}
        columns: dict[str, dict[str, Estimate]] = {}
        for column in self.bounds:
            columns[column] = {
                name: b.means[column] - a.means[column]
                if name == "shots" or sampled(a, b)
                else certain(b.means[column] - a.means[column])
                for name, (a, b) in chain.items()
            }
            columns[column]["total"] = final.means[column] - exact.means[column]
        apart = {n: pair for n, pair in chain.items() if pair[0] is not pair[1] or n == "formula"}
        infidelity = {
            n: infidelity_of(a.state, b.state)
            for n, (a, b) in apart.items()
            if a.state is not None and b.state is not None
        }
        cells = self._cells(device)
        floor = noise_floor(np.clip(cells, 0, 1), np.clip(cells, 0, 1), final.shots, None)
        if self.shots:
            terms["shots"] = Estimate(terms["shots"].value, floor.stderr, self.shots)
        energy = columns.pop("energy")
        return {
            "terms": terms,
            "shifts": {name: energy[name] for name in chain},
            "infidelity": infidelity,
            "total": Estimate(self._distance(exact, final), floor.stderr, self.shots),
            "total_shift": energy["total"],
            "shot_floor": floor,
            "cells": cells.size,
            "notes": tuple(self.notes),
            "observables": columns,
            "noise_left": self._distance(circuit, device),
        }

    def _term(self, a: Point, b: Point) -> Estimate:
        """Their total variation, with what sampling alone shows as its error."""
        shots = (None, None) if a is b else (a.shots, b.shots)
        found = between(self._distance(a, b), self._cells(a), self._cells(b), shots)
        if a is b or not (a.redrawn or b.redrawn):
            return found
        again = [self._distance(one, b) for one in a.redrawn] or [self._distance(a, one) for one in b.redrawn]
        return with_spread(found, np.array(again), a.calibrated or b.calibrated)

    def _point(self, run: Trajectory, shots: int | None = None) -> Point:
        """Where a run ends."""
        means = {}
        for name in self.bounds:
            last = run.expectations[name][-1]
            means[name] = Estimate(float(last.value), float(last.stderr), shots)
        state = run.states[-1].reshape(-1) if run.states is not None else None
        return Point(run.density[-1].reshape(-1), state, means, shots)

    def _plain(self) -> Method | None:
        """The method without its encoding; None where it has none, or where that runs no operators."""
        plain = self.method.without_encoding()
        if plain == self.method:
            return None
        try:
            plain.check(self.problem, None)
        except QMLDynamicsError:
            return None
        return plain

    def _circuit(self) -> tuple[Trajectory, Point | None]:
        """The method on an exact simulator; and its samples, where the same run gives them."""
        exact = self.backend if self.backend is None or capabilities(self.backend).exact else find_backend("aer")
        plain = self.given is None or self.facts.runs_on != "either"  # else the steps of a run with shots are measured
        run = self.run(self.problem, self.method, exact, seed=self.seed)
        if self.shots is None or exact is not self.backend or not plain:
            return run, None
        drawn = self.run(self.problem, self.method, exact, self.shots, self.seed)
        return run, self._point(drawn, samples_worth(drawn, self.shots))

    def _started(self, run: Trajectory, exact: Point) -> Point:
        """The exact evolution of the wave in which the method starts; the exact one where that is the problem's."""
        if run.states is None or run.times[0] != 0:
            return exact
        first = run.states[0].reshape(-1)
        if infidelity_of(first, self.problem.initial.vector(self.problem.domain).reshape(-1)) < _SAME:
            return exact
        self.notes.append(f"start: {type(self.method).__name__} begins in another wave than that of the problem.")
        return self._point(self.run(self.problem.replace(initial=State(first)), Krylov(_TOL)))

    def _check_order(self, run: Trajectory, exact: Point) -> None:
        """Tell an order that half a step shows to be another one than the method says."""
        told = self.facts.order
        if told is None or self.facts.order_of != "wave" or run.states is None or exact.state is None:
            return
        first = math.sqrt(max(0.0, infidelity_of(run.states[-1].reshape(-1), exact.state)))
        if first < _FLOOR:
            return
        exact_backend = None if self.backend is None else find_backend("statevector")
        finer = self.run(self.problem, self.method.refined(), exact_backend, seed=self.seed)
        if finer.states is None:
            return
        second = math.sqrt(max(0.0, infidelity_of(finer.states[-1].reshape(-1), exact.state)))
        order = math.log2(first / second) if second > 0 else math.inf
        fault = "" if abs(order - told) <= _OFF else f"; the steps are too long for that, or the order is {order:.1f}"
        times = f"{first / second:.3g}" if second > 0 else "infinitely many"
        self.notes.append(
            f"formula: half a step makes its error {times} times smaller, order {told:g} says {2**told:g}{fault}."
        )

    def _noisy(self, circuit: Point) -> tuple[Point, Backend | None]:
        """The circuit with the noise of the device and without mitigation, and that device."""
        if self.backend is None or capabilities(self.backend).exact:
            return circuit, self.backend
        bare = without_mitigation(self.backend, self._note)
        return self._device(bare), bare

    def _device(self, backend: Backend | None) -> Point:
        """The run on that device: exact noisy probabilities, or many shots where they are not known."""
        assert backend is not None
        run = partial(self.run, self.problem, self.method, backend)
        found = on_device(run, backend, self.shots, self.seed, self._note)
        return self._point(found, None if found.shots is None else samples_worth(found, found.shots))

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _readout(self, circuit: Point, device: Backend | None) -> Point:
        """The ideal wave read with the errors that this device makes on all zeros and all ones."""
        if circuit.state is None or device is None:
            self._note("readout: not told apart, since the method gives no wave; it is in `device`.")
            return circuit
        known = errors_of_readout(device, self.problem.domain.num_qubits, self.seed)
        found = self._read(circuit, known.errors)
        if not known.redrawn:
            return found
        again = tuple(self._read(circuit, errors) for errors in known.redrawn)
        means = {
            name: with_spread(mean, np.array([float(one.means[name].value) for one in again]), known.shots)
            for name, mean in found.means.items()
        }
        return replace(found, means=means, redrawn=again, calibrated=known.shots)

    def _read(self, circuit: Point, errors: list[tuple[float, float]]) -> Point:
        """A wave that is read with these errors: energy and observables with each group of strings in its own basis."""
        assert circuit.state is not None
        out = {}
        for observable in (self.energy, *self.seen):
            if observable.terms is not None:
                groups = pauli_groups(observable.terms)
                index = np.arange(circuit.state.size)
                value = sum(float(as_read(g.probabilities(circuit.state), errors) @ g.values(index)) for g in groups)
            elif observable.basis == "weight":
                value = float(as_read(circuit.density, errors) @ observable.everywhere(self.h.domain))
            else:
                value = float(
                    circuit.means[observable.name].value
                )  # of momenta, which an operator's register has none of
            out[observable.name] = Estimate(value)
        return Point(as_read(circuit.density, errors), None, out)

    def _final(self, device: Point, drawn: Point | None) -> Point:
        if self.shots is None:
            return device
        if drawn is not None:
            return drawn
        backend = self.synthesised or (self.given if self.given is not None else self.backend)
        run = self.run(self.problem, self.method, backend, self.shots, self.seed)
        if backend is not None and not self.facts.circuits_known_ahead:
            self._note("shots: this part holds what measured steps and the device do to the path of the angles too.")
        return self._point(run, samples_worth(run, self.shots))

    def _distance(self, a: Point, b: Point) -> float:
        """What tells two points apart best; at most the trace distance of their states."""
        apart = [0.5 * float(np.abs(self._cells(a) - self._cells(b)).sum())]
        for name, bound in self.bounds.items():
            if bound > 0:
                apart.append(abs(float(b.means[name].value) - float(a.means[name].value)) / (2 * bound))
        return max(apart)

    def _cells(self, point: Point) -> np.ndarray:
        domain = self.problem.domain
        return coarse_cells(point.density.reshape(domain.shape), domain).reshape(-1)


def _bound(observable: Observable, h: PauliHamiltonian) -> float:
    """A bound of half the width of an observable's spectrum."""
    if observable.terms is not None:
        terms = observable.terms
        return float(np.abs(terms.coefficients[(terms.x | terms.z) != 0]).sum())
    values = observable.everywhere(h.domain)
    return 0.5 * float(values.max() - values.min())
