"""Large waves: the split-operator method in single precision on one array; phases made in blocks, transforms in place.

One array of ``complex64`` is all that grows with the number of points. An axis of more than 2^13 points is transformed in two halves
of its bits (Bailey's four steps, J. Supercomputing 4, 23 (1990)): with ``n = n2 N2 ... `` written as ``n = N2 n1 + n2`` and
``k = k1 + N1 k2``,

    X(k1, k2) = sum_n2 exp(-2 pi i n2 k2 / N2) exp(-2 pi i n2 k1 / N) sum_n1 exp(-2 pi i n1 k1 / N1) x(n1, n2)

whose sums are short transforms in place. The dual index then stands in the order ``(k1, k2)``, which a diagonal does not mind.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..base.errors import MethodError, describe, require
from ..model.domains import Grid
from ..model.formulas import Factor, Formula, factors
from ..model.initial import Gaussian, PointMass, State, Uniform
from ..model.objectives.base import Objective
from ..model.problem import Problem
from . import large_wave
from .base import Job
from .large_wave import LargeWave, blocks, square

if TYPE_CHECKING:
    pass

LINE = 13  # qubits of the longest transform that is made in one go
_WORDS = 14  # numbers a point of a block: its coordinates twice, loss, angle, phase and what they are made of


def memory(job: Job) -> int:
    """Bytes of a run: the wave, and the blocks; a wave that is given as a vector is there twice more, in double precision."""
    size, ndim = job.problem.domain.size, job.problem.domain.ndim
    given = 16 * size if isinstance(job.problem.initial, State) else 0
    return 8 * size + given + 8 * min(size, large_wave.BLOCK) * (_WORDS + 4 * ndim)


def check(problem: Problem) -> None:
    """Raise :class:`MethodError` for what is not worked on in place."""
    must = "be 'double' or 'single'"
    require(
        problem.clock == "real", "precision", f"{must} on the {problem.clock} clock", "single_in_place", MethodError
    )
    domain = problem.domain
    fits = isinstance(domain, Grid) and domain.boundary == "periodic"
    require(fits, "precision", f"{must} but on a periodic grid", "single_in_place", MethodError)


@dataclass(frozen=True)
class Halves:
    """A periodic grid whose long axes are cut into two: shapes, transforms in place, and the dual diagonal in their order."""

    grid: Grid
    workers: int

    @property
    def cuts(self) -> tuple[tuple[int, ...], ...]:
        """Qubits of the parts of each axis, the high bits first."""
        return tuple((q,) if q <= LINE else (q // 2, q - q // 2) for q in self.grid.qubits)

    @property
    def shape(self) -> tuple[int, ...]:
        """Points along each part."""
        return tuple(1 << q for cut in self.cuts for q in cut)

    def transform(self, wave: np.ndarray, inverse: bool = False) -> None:
        """The unitary transform of a flat wave, in place; its dual index stands in the order of :meth:`dual`."""
        view, at = wave.reshape(self.shape), 0
        for cut in self.cuts:
            steps: list[Callable[[], None]] = [lambda a=at: self._line(view, a, inverse)]  # type: ignore[misc]
            if len(cut) == 2:
                steps.append(lambda a=at: self._twiddle(view, a, inverse))  # type: ignore[misc]
                steps.append(lambda a=at: self._line(view, a + 1, inverse))  # type: ignore[misc]
            for step in reversed(steps) if inverse else steps:
                step()
            at += len(cut)

    def _line(self, view: np.ndarray, axis: int, inverse: bool) -> None:
        from scipy import fft

        act = fft.ifft if inverse else fft.fft
        out = act(view, axis=axis, norm="ortho", overwrite_x=True, workers=self.workers)
        if not np.shares_memory(out, view):  # an FFT that does not work in place
            view[...] = out

    def _twiddle(self, view: np.ndarray, axis: int, inverse: bool) -> None:
        high, low = view.shape[axis : axis + 2]
        wave = view.reshape(-1, high, low, math.prod(view.shape[axis + 2 :]))
        rows = max(1, large_wave.BLOCK // low)
        for first in range(0, high, rows):
            k = np.arange(first, min(first + rows, high))
            turns = np.multiply.outer(k, np.arange(low)) / (high * low)  # below one: no digits are lost
            wave[:, first : first + rows] *= _phase(turns * (-2 * np.pi if inverse else 2 * np.pi))[..., None]

    def dual(self, place: slice) -> np.ndarray:
        """``sum (k - 2 pi twist / L)^2`` at flat places of a transformed wave."""
        where = iter(np.unravel_index(np.arange(place.start, place.stop), self.shape))
        total = np.zeros(place.stop - place.start)
        for cut, n, length, twist in zip(self.cuts, self.grid.shape, self.grid.lengths, self.grid.twist):
            k = next(where)
            if len(cut) == 2:
                k = k + (next(where) << cut[0])
            signed = np.where(k < (n + 1) // 2, k, k - n)
            total += ((2 * np.pi / length) * (signed - twist)) ** 2
        return total


def _phase(angle: np.ndarray) -> np.ndarray:
    """``exp(-i angle)`` in single precision; the angle is reduced in double precision."""
    out = np.empty(angle.shape, np.complex64)
    np.cos(angle, out=out.real, casting="same_kind")
    np.sin(-angle, out=out.imag, casting="same_kind")
    return out


def begin(problem: Problem) -> np.ndarray:
    """The initial wave, flat, of unit norm."""
    grid, initial = problem.domain, problem.initial
    assert isinstance(grid, Grid)
    wave = np.zeros(grid.size, np.complex64)
    if isinstance(initial, Uniform):
        wave[:] = 1.0
    elif isinstance(initial, PointMass):
        wave[np.ravel_multi_index(initial.index(grid), grid.shape)] = 1.0
    elif isinstance(initial, Gaussian):
        low = Grid(grid.bounds, 1, grid.boundary)
        initial.factors(low)  # which checks centre and width
        for place in blocks(grid.size):
            points = grid.points_at(np.arange(place.start, place.stop))
            wave[place] = math.prod(
                (initial.amplitudes_at(points[:, axis], axis, grid) for axis in range(grid.ndim)), start=np.ones(1)
            )
    else:
        wave[:] = initial.vector(grid).reshape(-1)
    norm = math.sqrt(square(wave))
    require(norm > 0, "initial", "reach a point of the grid in single precision", describe(initial), MethodError)
    for place in blocks(wave.size):
        wave[place] *= np.float32(1.0 / norm)
    return wave


@dataclass(frozen=True)
class Engine:
    """The factors of one run, each a pass over the blocks."""

    problem: Problem
    halves: Halves

    def factors(self, formula: Formula, piece: np.ndarray) -> Iterator[Factor]:
        """All factors from the first end to the last."""
        p = self.problem
        return factors(formula, piece, p.diffusion, p.strength, p.duration) if len(piece) > 1 else iter(())

    def act(self, wave: np.ndarray, factor: Factor) -> None:
        """One factor, in place."""
        if factor.kind == "K":
            self.halves.transform(wave)
            for place in blocks(wave.size):
                wave[place] *= _phase(factor.amount * self.halves.dual(place))
            self.halves.transform(wave, inverse=True)
            return
        for place in blocks(wave.size):
            wave[place] *= _phase(factor.amount * self._loss(place))

    def _loss(self, place: slice) -> np.ndarray:
        assert self.problem.objective is not None
        return self.problem.objective(self.halves.grid.points_at(np.arange(place.start, place.stop)))

    def means(self, job: Job, state: LargeWave) -> dict[str, float]:
        """The means of the observables."""
        found = {}
        for o in job.observables:
            assert o.function is not None  # operators were refused
            found[o.name] = state.average(Objective(o.function, o.name))
        return found

    def observed(self, job: Job, time: float, state: LargeWave, wave: np.ndarray) -> dict[str, float]:
        """The means at a saved time; the kinetic part by a transform of the wave and back."""
        p = self.problem
        assert p.objective is not None
        objective = state.average(p.objective)
        means = self.means(job, state)
        self.halves.transform(wave)
        total = norm = 0.0
        for place in blocks(wave.size):
            weights = np.abs(wave[place].astype(np.complex128)) ** 2
            total += float(weights @ self.halves.dual(place))
            norm += float(weights.sum())
        self.halves.transform(wave, inverse=True)
        kinetic = total / norm
        d, s = (schedule.value(time, p.duration) for schedule in (p.diffusion, p.strength))
        return {**means, "energy": d * kinetic + s * objective, "kinetic": kinetic, "objective": objective}
