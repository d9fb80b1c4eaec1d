"""The registers of Liouville's equation: their size and place, the circuits of a run on them, and how samples are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import synthesis
from ...base.errors import check_memory, require
from ...model.domains import Grid
from ...model.formulas import boundaries, factors, segments
from ...model.initial import Gaussian, Initial, State
from ...model.problem import Problem
from .hamilton_jacobi import HamiltonJacobi, characteristics
from .moments import Moment
from .paths import slopes, smooth

_SPREAD = 0.75  # of a momentum step: the narrowest Gaussian whose transform fits the register (1.5e-5 of it does not)
_TAILS = 5.0  # standard deviations that the register holds beyond the fastest path


class Plan:
    """The circuits of one run of a :class:`KoopmanVonNeumann` and how to read them."""

    def __init__(self, method: Any, problem: Problem, saves: np.ndarray) -> None:
        require(problem.clock == "classical", "problem", "be on the classical clock", problem.clock)
        self.problem, self.saves = problem, saves
        self.domain: Grid = problem.domain  # type: ignore[assignment]
        self.positions = _cover(self.domain)
        largest, self.spread = _momenta(method, problem)
        momenta = Grid((-largest, largest), method.momentum_qubits)
        self.space = synthesis.koopman.PhaseSpace(self.positions, momenta)
        check_memory(48 << self.space.num_qubits, f"Circuits on {self.space.num_qubits} qubits (positions and momenta)")
        loss = smooth(problem.objective, self.domain)  # type: ignore[arg-type]
        force = loss.gradient(self.domain.points).T.reshape(self.domain.ndim, *self.domain.shape)
        factory = synthesis.koopman.Factory(self.space, _mirrored(force, self.domain, odd=True))
        slope = _mirrored(slopes(problem.initial, self.domain), self.domain, odd=False)
        magnitude = _magnitude(problem.initial, self.domain, self.positions)
        self.pieces = [synthesis.koopman.start(self.space, magnitude, slope, self.spread)]
        ends = boundaries(problem.duration, method.steps, saves)
        for piece in segments(ends, saves):
            every = factors(
                method.product_formula, piece.tolist(), problem.diffusion, problem.strength, problem.duration
            )
            self.pieces.append(factory.piece([(f.kind, f.amount) for f in every if f.amount]))
        self.facts: dict[str, Any] = {
            "steps": method.steps,
            "spread": self.spread,
            "largest_momentum": largest,
            "gates": sum(piece.size() for piece in self.pieces),
        }

    def wanted(self, times: Sequence[float] | np.ndarray) -> list[Any]:
        """The whole circuits at these times."""
        out, circuit, k = [], self.pieces[0].copy(), 0
        for t in times:
            while self.saves[k] < t:
                k += 1
                circuit.compose(self.pieces[k], inplace=True)
            out.append(circuit.copy())
        return out

    def moment(self, index: np.ndarray, weights: np.ndarray) -> Moment:
        """Outcomes as points and momenta in the box."""
        place, momenta = self.space.split(index)
        if self.domain.boundary == "walls":
            levels = np.stack(np.unravel_index(place, self.positions.shape), axis=1)
            shape = np.array(self.domain.shape)
            beyond = levels >= shape
            levels = np.where(beyond, 2 * shape - 1 - levels, levels)
            momenta = np.where(beyond, -momenta, momenta)
            place = np.ravel_multi_index(tuple(levels.T), self.domain.shape)
        loss = self.problem.objective.on(self.domain).reshape(-1)[place]  # type: ignore[union-attr]
        return Moment(self.domain.points_at(place), momenta, loss, place, weights)


def _momenta(method: Any, problem: Problem) -> tuple[float, float]:
    """The largest momentum of the register, and the spread."""
    levels = 1 << method.momentum_qubits
    if method.largest_momentum is not None:
        largest = method.largest_momentum
        return largest, _SPREAD * 2 * largest / levels if method.spread is None else method.spread
    scale = _reached(problem, method.steps)
    if method.spread is not None:
        return scale + _TAILS * method.spread, method.spread
    largest = scale / (1 - _TAILS * _SPREAD * 2 / levels)
    return largest, _SPREAD * 2 * largest / levels


def _reached(problem: Problem, steps: int) -> float:
    """The largest momentum of any path that carries weight; at least that of one wave length in the box."""
    run = characteristics(problem, HamiltonJacobi(max(steps, 64), extra=0), save=33)
    matter = run.weights > 1e-8 * run.weights.max()
    found = float(np.abs(run.momenta[:, matter]).max())
    least = 2 * np.pi / max(problem.domain.lengths)  # type: ignore[union-attr]
    return 1.05 * max(found, least)


def _cover(domain: Grid) -> Grid:
    """The periodic grid that the points move on: with walls the box and its mirror image."""
    if domain.boundary == "periodic":
        return Grid(domain.bounds, domain.qubits)
    half = [0.5 * h for h in domain.spacing]
    bounds = [(a + e, 2 * b - a + e) for (a, b), e in zip(domain.bounds, half)]
    return Grid(bounds, [q + 1 for q in domain.qubits])


def _mirrored(fields: np.ndarray, domain: Grid, odd: bool) -> np.ndarray:
    """One field an axis on the cover; ``odd``: a component changes its sign in the image along its own axis."""
    if domain.boundary == "periodic":
        return fields
    out = []
    for component, values in enumerate(fields):
        for axis in range(domain.ndim):
            sign = -1.0 if odd and axis == component else 1.0
            values = np.concatenate([values, sign * np.flip(values, axis)], axis=axis)
        out.append(values)
    return np.array(out)


def _magnitude(initial: Initial, domain: Grid, cover: Grid) -> Initial:
    """``sqrt(p)`` on the cover."""
    if domain.boundary == "periodic":
        if isinstance(initial, Gaussian):
            return Gaussian(initial.center, initial.width)
        return State(np.abs(initial.vector(domain))) if isinstance(initial, State) else initial
    wave = np.zeros(cover.shape)
    wave[tuple(slice(0, n) for n in domain.shape)] = np.abs(initial.vector(domain))
    return State(wave)
