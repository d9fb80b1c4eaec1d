"""Thermal energies of operators from METTS chains: ``<E> = sum_x pi(x) <phi_x|H|phi_x>``, ``phi_x = e^{-tau H}|x>`` of unit norm.

With ``pi(x) = <x|e^{-2 tau H}|x> / Z`` each visit of x adds the energy of the state that is evolved from it (White, Phys. Rev. Lett.
102, 190601, 2009, arXiv:0902.4475), whatever the basis in which states are measured on the way.

A module of its own beside `run`: the energies take runs of their own where they are measured.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...backends import Backend, capabilities
from ...base.estimate import Estimate, error_of_mean
from ...base.interrupts import whole
from ...methods.base import Method, Stream, circuit_seed
from ...methods.evolution import evolve
from ...methods.imaginary.steps import post_selecting
from ...methods.krylov import Krylov
from ...model.hamiltonians import PauliHamiltonian
from ...model.initial import PointMass
from ...model.problem import Problem
from ...results.rare import neighbours_of, unseen_change
from .statistics import error_of_chain

_TOL = 1e-10  # of the waves where no method is named
_SHOTS = 4096  # of each basis of a start where the call names none
_MOST = 1 << 20  # of each basis of a start
_KEPT = 100  # of them at least, at the rate of the chain
_WIDE = 1 << 20  # points above which the backend alone evolves waves
_SAME = 1e-8  # of the bound of H: energies that differ by less are equal


@dataclass(frozen=True, eq=False)
class Energies:
    """The energies along a chain.

    Attributes:
        along: of the state that starts from each point, shape of the chain's index.
        measured: the standard error of their mean that comes from shots.
        unseen: by how much the energy from a start next to the one visited most, and never visited, differs from that one's.
    """

    along: np.ndarray
    measured: float
    unseen: float

    def mean(self, size: float) -> Estimate:
        """Their mean, of a chain that is worth ``size`` samples; a start that was not visited has room in the error."""
        floor = float(error_of_mean(0.0, 0.0, max(size, 1.0), self.unseen))
        chain = error_of_chain(self.along) if np.ptp(self.along) > 0 else 0.0
        error = float(np.hypot(max(chain, floor), self.measured))
        return Estimate(float(self.along.mean()), error, self.along.size)


def energies_of(
    problem: Problem,
    h: PauliHamiltonian,
    method: Method | None,
    device: Backend | None,
    shots: int | None,
    index: np.ndarray,
    entropy: int | Sequence[int] | None,
    rate: float = 1.0,
) -> Energies:
    """The energies of the states that start from the points of a chain.

    Starts are run once each: by the method of the chain, on its backend; with shots where that gives samples only. So are those next to
    the start visited most that the chain has not visited; of a chain on a backend as exact waves, as far as these are in reach.

    Args:
        problem, h, method, device, entropy: of the chain.
        shots: of each basis of a start; None: 4096, and more where few of them are kept.
        index: the points, shape ``(steps, walkers)``.
        rate: share of the shots of the chain that was kept.
    """
    starts, place, visits = np.unique(index, return_inverse=True, return_counts=True)
    sampled = device is not None and not capabilities(device).exact
    used = Krylov(_TOL) if method is None else method
    if (keeping := post_selecting(used)) is not None:
        used = keeping.without_floor()
    asked = min(_MOST, max(_SHOTS, int(np.ceil(_KEPT / max(rate, _KEPT / _MOST))))) if shots is None else shots
    runs = _Runs(problem, h, used, device, asked if sampled else None, entropy)
    values, errors = runs.energies(starts)
    along = values[place].reshape(index.shape)
    measured = float(np.sqrt(((visits / index.size * errors) ** 2).sum()))
    alike = device is None or h.domain.size > _WIDE
    others = runs if alike else replace(runs, method=Krylov(_TOL), device=None, shots=None)
    neighbours = neighbours_of(h.domain, int(starts[int(np.argmax(visits))]))
    unseen = unseen_change(starts, visits, neighbours, lambda points: others.energies(points, len(starts))[0])
    return Energies(along, measured, unseen if unseen > _SAME * h.at(0.0).bound() else 0.0)


@dataclass(frozen=True, eq=False)
class _Runs:
    """How a start is run: with ``shots`` of each basis, None: exactly."""

    problem: Problem
    h: PauliHamiltonian
    method: Method
    device: Backend | None
    shots: int | None
    entropy: int | Sequence[int] | None

    def energies(self, starts: np.ndarray, before: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """From each point, and their errors from shots; ``before`` counts the runs that have had a seed."""
        rows = [self._energy(start, before + k) for k, start in enumerate(self.h.domain.points_at(starts))]
        values, errors = (np.array(column) for column in zip(*rows))
        return values, errors

    def _energy(self, start: np.ndarray, number: int) -> tuple[float, float]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            run = evolve(
                self.problem.replace(initial=PointMass(tuple(start.tolist()))),
                self.method,
                backend=self.device,
                shots=self.shots,
                seed=None if self.shots is None else circuit_seed(self.entropy, Stream.METTS_ENERGIES, number),
                save=[self.problem.duration],
                progress=False,
            )
        last = whole(run).expectations["energy"][-1]
        return float(last.value), float(last.stderr)
