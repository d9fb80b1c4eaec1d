"""METTS steps on circuits: all walkers in one batch; surplus outcomes are stored for the next visit to the same basis state.

A module of its own beside `run`: the step of the chain on circuits, where `run` holds what waves and circuits share.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ...backends import Backend, capabilities
from ...backends.midway import sample_midway
from ...base.errors import BackendError, MethodError
from ...base.estimate import Estimate
from ...base.interrupts import whole
from ...methods.base import Method, Stream, circuit_seed
from ...methods.evolution import evolve
from ...methods.imaginary.laws import pooled
from ...methods.imaginary.options import ProbabilisticITE
from ...methods.imaginary.selected import forecast
from ...methods.imaginary.steps import post_selecting
from ...model.hamiltonians import Hamiltonian
from ...model.initial import PointMass, State
from ...model.problem import Problem
from ...results.trajectory import Counts, Trajectory
from .laws import Draws, read, start_wave

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

Key = tuple[str, int, str]  # basis and index of the start, basis of the measurement
FIRST: Key = ("initial", 0, "weight")
STEPS = 8
_RESERVE = 8  # outcomes that a start keeps beyond those of the moment
_MOST = 1 << 20  # shots of one start before it is given up


def default_method() -> ProbabilisticITE:
    """Exact blocks of eight Strang steps."""
    return ProbabilisticITE(1.0, STEPS, block="exact")


@dataclass
class Bank(ABC):
    """Kept outcomes by their start: each is an independent draw of the step from there, and is given out once."""

    shots: int | None
    entropy: Any
    stock: dict[Key, deque[int]] = field(default_factory=dict)
    taken: int = 0
    kept: int = 0
    calls: int = 0

    def first(self, walkers: int) -> np.ndarray:
        """From the evolved initial wave."""
        return self._draw([FIRST] * walkers)

    def following(self, index: np.ndarray, start: str, end: str) -> np.ndarray:
        """Of all walkers in one batch."""
        return self._draw([(start, int(i), end) for i in index])

    def _draw(self, keys: list[Key]) -> np.ndarray:
        need, tries = {key: keys.count(key) for key in keys}, 0
        while short := [key for key, count in need.items() if len(self.stock.get(key, ())) < count]:
            shots = self._shots(max(need.values())) << tries
            if shots > _MOST:
                raise MethodError(
                    f"Argument `tau` must be smaller: of {shots // 2} shots from {short[0][0]} {short[0][1]} too few were kept."
                )
            self._fetch(short, shots)
            tries += 1
        return np.array([self.stock[key].popleft() for key in keys])

    def _shots(self, need: int) -> int:
        """So many that, at the rate seen so far, each start keeps what is needed now and a reserve."""
        if self.shots is not None:
            return self.shots
        rate = (self.kept + 0.5) / (self.taken + 1.0) if self.taken else 1.0
        return int(np.clip((need + _RESERVE) / rate, need + _RESERVE, _MOST >> 4))

    def _fetch(self, keys: list[Key], shots: int) -> None:
        self.calls += 1
        rng = np.random.default_rng(circuit_seed(self.entropy, Stream.METTS_ORDER, self.calls))
        for key, counts in zip(keys, self.ask(keys, shots)):
            self.taken += shots
            self.kept += counts.shots
            outcomes = np.repeat(counts.index, counts.count)
            self.stock.setdefault(key, deque()).extend(rng.permutation(outcomes).tolist())

    def state(self) -> None:
        """None: its circuits are answered from the folder when the chain is drawn again."""
        return None

    @abstractmethod
    def ask(self, keys: Sequence[Key], shots: int) -> list[Counts]:
        """Kept outcomes as flat indices of the measured basis."""

    def seeds(self, count: int) -> list[int]:
        """A seed for each circuit of this call."""
        return [circuit_seed(self.entropy, Stream.METTS_CIRCUITS, self.calls, k) for k in range(count)]

    @property
    def success(self) -> Estimate | None:
        """Share of the shots that was kept, over all starts that were visited."""
        return Estimate(*pooled([self.kept], [self.taken]), self.taken) if self.taken else None

    def report(self) -> dict[str, Any]:
        """Shots taken and kept, and batches sent."""
        return {"shots": self.taken, "kept": self.kept, "batches": self.calls}


@dataclass
class Evolved:
    """The laws of any method of imaginary time on an exact backend, one call of ``evolve`` a start."""

    problem: Problem
    h: Hamiltonian
    method: Any
    backend: Backend
    rates: list[float] = field(default_factory=list)

    def law(self, basis: str, index: int, end: str) -> np.ndarray:
        """Of the kept samples."""
        run = self.run(basis, index)
        self.rates.append(float(np.ravel(run.diagnostics.get("success_probability", 1.0))[-1]))
        assert run.states is not None
        return run.density[-1].reshape(-1) if end == "weight" else read(self.h, run.states[-1], end)

    def run(self, basis: str, index: int, shots: int | None = None, seed: int | None = 0) -> Trajectory:
        """One run; an interrupt goes on to the chain."""
        problem = self.problem
        if basis == "weight":
            problem = problem.replace(initial=PointMass(tuple(self.h.domain.points_at(np.array([index]))[0].tolist())))
        elif basis == "dual":
            problem = problem.replace(initial=State(start_wave(problem, self.h, basis, index)))
        out = evolve(
            problem, self.method, backend=self.backend, shots=shots, seed=seed, save=[problem.duration], progress=False
        )
        return whole(out)


@dataclass
class Simulated(Draws):
    """Draws from the laws of an exact backend."""

    laws: Evolved

    def state(self) -> None:
        """None: what was seen of the starts goes on with the chain, so that it is drawn again."""
        return None

    @property
    def success(self) -> Estimate:
        """Mean success probability of the starts that were visited, each counted once."""
        return Estimate(float(np.mean(self.laws.rates)))


@dataclass
class ByEvolve(Bank):
    """Methods that measure on the way (QITE and its like) on backends that sample, one start a call of ``evolve``."""

    evolved: Evolved = None  # type: ignore[assignment]

    def ask(self, keys: Sequence[Key], shots: int) -> list[Counts]:
        """One run a start."""
        out = []
        for (basis, index, end), seed in zip(keys, self.seeds(len(keys))):
            counts = self.evolved.run(basis, index, max(shots, 2), seed).counts
            assert counts is not None
            out.append(counts[end][-1])
        return out


@dataclass
class InBatches(Bank):
    """Post-selected methods on backends that sample: all starts of a step go out as one batch of circuits."""

    backend: Backend = None  # type: ignore[assignment]
    step: Any = None
    midway: bool = False

    def ask(self, keys: Sequence[Key], shots: int) -> list[Counts]:
        """One circuit a start."""
        circuits: list[QuantumCircuit] = [self.step.circuit(*key) for key in keys]
        if self.midway:
            outcomes = sample_midway(self.backend, circuits, shots, self.seeds(len(keys)))
        else:
            outcomes = self.backend.sample(circuits, shots, self.seeds(len(keys)))
        if len(outcomes) != len(circuits):
            raise BackendError(f"{self.backend.name} answered {len(outcomes)} of {len(circuits)} circuits.")
        return [self.step.read(counts, key[2]) for counts, key in zip(outcomes, keys)]


def circuits_source(
    problem: Problem,
    h: Hamiltonian,
    method: Method,
    backend: Backend,
    shots: int | None,
    entropy: int | Sequence[int] | None,
) -> Bank | Simulated:
    """What draws the steps on this backend.

    Raises:
        MethodError: the register of the method, or the success probability of the initial wave, is too small.
    """
    keeping = post_selecting(method)
    if keeping is not None:
        forecast(problem, h, keeping, [problem.duration])
    evolved = Evolved(problem, h, method if keeping is None else keeping.without_floor(), backend)
    if capabilities(backend).exact and shots is None:
        return Simulated(evolved, np.random.default_rng(circuit_seed(entropy, Stream.METTS_CHAIN)))
    if keeping is None:  # it measures on the way, or keeps every sample
        return ByEvolve(shots, entropy, evolved=evolved)
    found = keeping.step(problem, h, backend)
    return InBatches(shots, entropy, backend=backend, step=found.step, midway=found.midway)
