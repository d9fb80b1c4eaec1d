"""METTS steps classically: laws ``|<y|e^{-tau H}|x>|^2`` of the next point, densely or from blocks of waves."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from ...base.errors import check_memory
from ...base.estimate import Estimate
from ...base.interrupts import whole
from ...methods import chebyshev
from ...methods.base import Method
from ...methods.evolution import evolve
from ...methods.gate import require_sound
from ...model.hamiltonians import Hamiltonian, LearningHamiltonian
from ...model.initial import State
from ...model.problem import Problem
from ...model.transforms import Transform
from ...results.sampling import drawable
from ...results.trajectory import plain

DENSE = 1 << 10  # points up to which the whole transition law is made by one diagonalisation
_CACHE = 1 << 28  # bytes of laws that are kept
_AT_ONCE = 1 << 16  # numbers of a block of waves: larger ones leave the cache and gain nothing
_TOL = 1e-7  # of a wave in the 2-norm


class Source(Protocol):
    """Draws the next indices of all walkers in one go."""

    def first(self, walkers: int) -> np.ndarray:
        """Indices of the weight basis, drawn from the evolved initial wave."""
        ...

    def following(self, index: np.ndarray, start: str, end: str) -> np.ndarray:
        """Indices of the basis ``end`` (``"weight"`` or ``"dual"``), evolved from those of the basis ``start``."""
        ...

    def state(self) -> dict[str, Any] | None:
        """The state from which it goes on; None where it draws again what was kept."""
        ...

    @property
    def success(self) -> Estimate | None:
        """Share of the samples that was kept; None where all of them are."""
        ...

    def report(self) -> dict[str, Any]:
        """What it tells of itself, for the diagnostics."""
        ...


class Laws(Protocol):
    """Knows the law of the next index from any start."""

    @property
    def h(self) -> Hamiltonian:
        """The Hamiltonian."""
        ...

    def law(self, basis: str, index: int, end: str) -> np.ndarray:
        """Not negative, of any sum, shape ``(size,)``; ``basis`` is ``"weight"``, ``"dual"`` or ``"initial"``."""
        ...


@dataclass
class Dense:
    """``e^{-tau H}`` as a matrix: transition laws, and the exact stationary law."""

    problem: Problem
    h: Hamiltonian
    reading: str = "born"

    def __post_init__(self) -> None:
        size = self.h.domain.size
        check_memory(64 * size * size, f"The transition law of {size} points")
        matrix = self.h.matrix()
        matrix = matrix.real if np.abs(matrix.imag).max() < 1e-12 * np.abs(matrix).max() else matrix
        energies, modes = np.linalg.eigh(matrix)
        decay = np.exp(-self.problem.duration * (energies - energies[0]))
        self.kernel = (modes * decay) @ modes.conj().T
        self.thermal = (np.abs(modes) ** 2) @ decay**2

    def stationary(self) -> np.ndarray:
        """``<w|e^{-2 tau H}|w> / Z``, or in the population reading ``u_tau(w) = sum_v K_tau(w, v)``."""
        law = self.thermal if self.reading == "born" else np.maximum(self.kernel.real.sum(axis=1), 0.0)
        out: np.ndarray = law / law.sum()
        return out

    def law(self, basis: str, index: int, end: str) -> np.ndarray:
        """One column of the kernel, read."""
        wave = self.kernel @ start_wave(self.problem, self.h, basis, index).reshape(-1)
        return read(self.h, wave, end, self.reading)


@dataclass
class Waves:
    """The evolved wave from any start by a classical method."""

    problem: Problem
    h: Hamiltonian
    method: Method | None
    reading: str = "born"

    def law(self, basis: str, index: int, end: str) -> np.ndarray:
        """One run of the method, read."""
        assert self.method is not None  # a law that takes runs
        problem = self.problem.replace(initial=State(start_wave(self.problem, self.h, basis, index)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a basis state has every momentum
            run = whole(evolve(problem, self.method, save=[problem.duration], seed=0, progress=False))
        assert run.states is not None
        return read(self.h, run.states[-1], end, self.reading)


@dataclass
class Blocks:
    """The evolved waves from many starts in one go, by Chebyshev's series."""

    problem: Problem
    h: LearningHamiltonian
    reading: str = "born"

    @property
    def width(self) -> int:
        """How many starts make a block."""
        return max(1, _AT_ONCE // self.h.domain.size)

    def law(self, basis: str, index: int, end: str) -> np.ndarray:
        """A block of one."""
        out: np.ndarray = self.block(basis, [index], end)[0]
        return out

    def block(self, basis: str, starts: Sequence[int], end: str) -> np.ndarray:
        """One row a start, shape ``(len(starts), size)``."""
        waves = np.array([start_wave(self.problem, self.h, basis, i) for i in starts])
        if basis == "weight":
            waves = waves.real  # half the work where H is real
        waves, _ = chebyshev.propagated(self.h, waves, self.problem.duration, "imaginary", _TOL)
        return np.array([read(self.h, wave, end, self.reading) for wave in waves])


@dataclass
class Draws:
    """Draws from laws that are computed once a start and kept."""

    laws: Laws
    rng: np.random.Generator
    sums: OrderedDict[tuple[str, int, str], np.ndarray] = field(default_factory=OrderedDict)

    def first(self, walkers: int) -> np.ndarray:
        """From the evolved initial wave."""
        return self._draw(self._sum("initial", 0, "weight"), self.rng.random(walkers))

    def following(self, index: np.ndarray, start: str, end: str) -> np.ndarray:
        """One random number a walker, in order, so that equal seeds give equal chains."""
        numbers, out = self.rng.random(len(index)), np.empty_like(index)
        for i, cumulative in self._sums(start, np.unique(index).tolist(), end):
            here = index == i
            out[here] = self._draw(cumulative, numbers[here])
        return out

    def _sums(self, start: str, starts: list[int], end: str) -> Iterator[tuple[int, np.ndarray]]:
        """The cumulative law of each start; those that are not known are made block by block where the laws can."""
        new = [i for i in starts if (start, i, end) not in self.sums]
        for i in starts:
            if (start, i, end) in self.sums:
                yield i, self.sums[start, i, end]
        width = getattr(self.laws, "width", 1)
        for k in range(0, len(new), width):
            part = new[k : k + width]
            rows = self.laws.block(start, part, end) if isinstance(self.laws, Blocks) else [None]
            for i, row in zip(part, rows):
                yield i, self._sum(start, i, end, row)

    def _sum(self, start: str, index: int, end: str, law: np.ndarray | None = None) -> np.ndarray:
        key = (start, index, end)
        if key not in self.sums:
            if (len(self.sums) + 1) * 8 * self.laws.h.domain.size > _CACHE:
                self.sums.popitem(last=False)
            law = self.laws.law(start, index, end) if law is None else law
            require_sound(bool(np.isfinite(law).all()) and law.sum() > 0, "tau", "the law of the next point is none")
            total = np.cumsum(drawable(law))
            self.sums[key] = total / total[-1]
        return self.sums[key]

    def state(self) -> dict[str, Any] | None:
        """The state of its random numbers, from which it goes on."""
        return dict(plain(self.rng.bit_generator.state))

    def restore(self, state: Mapping[str, object]) -> None:
        """Go on from there."""
        self.rng.bit_generator.state = state

    @property
    def success(self) -> Estimate | None:
        """None: every draw is one of the chain."""
        return None

    def report(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    @staticmethod
    def _draw(cumulative: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        return np.minimum(np.searchsorted(cumulative, numbers, side="right"), len(cumulative) - 1)


def transform_of(h: Hamiltonian) -> Transform:
    """The transform to the dual basis; of an operator's register Hadamard's."""
    return h.transform if isinstance(h, LearningHamiltonian) else Transform(h.domain)


def start_wave(problem: Problem, h: Hamiltonian, basis: str, index: int) -> np.ndarray:
    """The problem's initial wave, one point, or one mode of the dual basis, as a wave over the points."""
    if basis == "initial":
        return problem.initial.vector(h.domain)
    wave = np.zeros(h.domain.size, dtype=complex)
    wave[index] = 1.0
    wave = wave.reshape(h.domain.shape)
    return wave if basis == "weight" else transform_of(h).inverse(wave)


def read(h: Hamiltonian, wave: np.ndarray, end: str, reading: str = "born") -> np.ndarray:
    """What a measurement in the basis ``end`` gives (population: psi itself), of any sum, flat."""
    if reading == "population":
        out: np.ndarray = np.maximum(wave.real, 0.0).reshape(-1)
        return out
    if end == "dual":
        wave = transform_of(h).forward(np.array(wave, dtype=complex).reshape(h.domain.shape))
    out = np.abs(wave.reshape(-1)) ** 2
    return out
