"""Thermal energies of operators from METTS chains: ``<E> = sum_x pi(x) <phi_x|H|phi_x>``, ``phi_x = e^{-tau H}|x>`` of unit norm.

With ``pi(x) = <x|e^{-2 tau H}|x> / Z`` each visit of x adds the energy of the state that is evolved from it (White, Phys. Rev. Lett.
102, 190601, 2009, arXiv:0902.4475), whatever the basis in which states are measured on the way.

A module of its own beside `run`: the energies take runs of their own where they are measured.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from ...backends import Backend, capabilities
from ...base.estimate import Estimate
from ...base.interrupts import whole
from ...methods.base import Method, Stream, circuit_seed
from ...methods.evolution import evolve
from ...methods.imaginary.steps import post_selecting
from ...methods.krylov import Krylov
from ...model.hamiltonians import PauliHamiltonian
from ...model.initial import PointMass
from ...model.problem import Problem
from .statistics import error_of_chain

_TOL = 1e-10  # of the waves where no method is named
_SHOTS = 4096  # of each basis of a start where the call names none


def energies_of(
    problem: Problem,
    h: PauliHamiltonian,
    method: Method | None,
    device: Backend | None,
    shots: int | None,
    index: np.ndarray,
    entropy: int | Sequence[int] | None,
) -> tuple[np.ndarray, Estimate]:
    """The energy of the state that starts from each point of a chain, shape of ``index``, and their mean with its error.

    Starts are run once each: by the method of the chain, on its backend; with shots where that gives samples only.
    """
    starts, place, visits = np.unique(index, return_inverse=True, return_counts=True)
    sampled = device is not None and not capabilities(device).exact
    used = Krylov(_TOL) if method is None else method
    if (keeping := post_selecting(used)) is not None:
        used = keeping.without_floor()
    rows = []
    for k, start in enumerate(starts.tolist()):
        point = PointMass(tuple(h.domain.points_at(np.array([start]))[0].tolist()))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            out = evolve(
                problem.replace(initial=point),
                used,
                backend=device,
                shots=(shots or _SHOTS) if sampled else None,
                seed=circuit_seed(entropy, Stream.METTS_ENERGIES, k) if sampled else None,
                save=[problem.duration],
                progress=False,
            )
        last = whole(out).expectations["energy"][-1]
        rows.append((float(last.value), float(last.stderr)))
    values, errors = (np.array(column) for column in zip(*rows))
    along = values[place].reshape(index.shape)
    share = visits / index.size
    measured = float(np.sqrt(((share * errors) ** 2).sum()))
    chain = error_of_chain(along) if np.ptp(along) > 0 else 0.0
    return along, Estimate(float(along.mean()), float(np.hypot(chain, measured)), index.size)
