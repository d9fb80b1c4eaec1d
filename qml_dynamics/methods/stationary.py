"""Imaginary-time runs that stop at an excited eigenstate, detected by a Ritz value below their energy.

The flow ``psi_tau = -(H - E) psi`` stands still at every eigenstate. Whether a lower state exists is decided by the second variation: a
Krylov space of H from a fixed random wave has a Ritz value below E. A Ritz value is never below the ground energy, so that a lower
one proves it; see Saad, Numerical Methods for Large Eigenvalue Problems (SIAM, 2011).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..model.hamiltonians import Hamiltonian
from .krylov import krylov_space

_STILL = 1e-6  # standard deviation of the energy, of its scale, below which a wave is an eigenstate
_ROOM = 1 << 27  # bytes of the Krylov space at most
_SPACE = 80
_NEAR = 0.01  # standard deviation of the energy, of the distance to a lower energy, below which a wave is near a higher level


def is_still(h: Hamiltonian, psi: np.ndarray, t: float = 0.0) -> bool:
    """Whether a wave is an eigenstate of H at time ``t``."""
    energy, spread = _moments(h, psi, t)
    return spread < _STILL * max(1.0, abs(energy))


def _moments(h: Hamiltonian, psi: np.ndarray, t: float) -> tuple[float, float]:
    """Mean and standard deviation of H; no copy of the wave is made, since this ends runs of any size."""
    norm = float(np.linalg.norm(psi))
    moved = h.apply(psi, t)
    energy = float(np.vdot(psi, moved).real) / norm**2
    moved -= energy * psi
    return energy, float(np.linalg.norm(moved)) / norm


def lower_energy(h: Hamiltonian, psi: np.ndarray, t: float = 0.0, margin: float = 0.0) -> tuple[float, float] | None:
    """Energy of a wave, and that of a lower wave; None where a Krylov space shows no lower one.

    Args:
        h: the Hamiltonian.
        psi: an eigenstate, shape ``domain.shape`` or flat.
        t: the time.
        margin: how much lower it must be, beside a millionth of the scale.

    >>> from qml_dynamics import Problem, hamiltonian
    >>> h = hamiltonian(Problem.from_operator(np.diag([1.0, -1.0, 0.0, 2.0]), clock="imaginary", duration=1.0))
    >>> lower_energy(h, np.array([0, 0, 0, 1.0])), lower_energy(h, np.array([0, 1.0, 0, 0]))
    ((2.0, -1.0), None)
    """
    shape = h.domain.shape
    wave = psi.reshape(shape) / np.linalg.norm(psi)
    energy = h.expectation(wave, t)
    rng = np.random.default_rng(7)
    start = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    space = max(4, min(_SPACE, wave.size, _ROOM // (16 * wave.size)))
    lowest = float(krylov_space(lambda v: h.apply(v, t), start, min(space, wave.size)).energies[0])
    return (energy, lowest) if lowest < energy - margin - _STILL * max(1.0, abs(energy)) else None


def not_lowest(h: Hamiltonian, psi: np.ndarray, t: float = 0.0, margin: float = 0.0) -> str:
    """What is to be said of an eigenstate that is not the lowest; empty where none lower is known."""
    found = lower_energy(h, psi, t, margin)
    if found is None:
        return ""
    return _higher(*found)


def _higher(energy: float, lower: float) -> str:
    return (
        f"stands at an eigenstate of energy {energy:.6g} that is not the ground state (there is a wave of energy {lower:.6g}): "
        "start from another wave"
    )


def is_near_level(h: Hamiltonian, psi: np.ndarray, t: float, below: float) -> bool:
    """Whether some eigenvalue is nearer to the energy of a wave than a hundredth of its distance to an energy below it.

    Weinstein's bound: one lies within the standard deviation of the energy. (D. H. Weinstein, PNAS 20, 529, 1934.)
    """
    energy, spread = _moments(h, psi, t)
    return spread < _NEAR * (energy - below)


def near_higher_level(h: Hamiltonian, psi: np.ndarray, t: float) -> str:
    """What is to be said of a wave that has come close to an eigenstate which is not the lowest; empty for any other."""
    wave = psi.reshape(h.domain.shape)
    if not is_near_level(h, wave, t, h.bounds(t)[0]):
        return ""
    found = lower_energy(h, wave, t)
    return "" if found is None or not is_near_level(h, wave, t, found[1]) else _higher(*found)


def stands_above(h: Hamiltonian, start: Callable[[], np.ndarray], last: np.ndarray | None) -> str:
    """The same of a run of imaginary time, by its last wave, or by its first where the last is not known or H depends on time.

    ``start`` makes the first wave, where it is looked at.
    """
    if h.constant:
        wave = start() if last is None else last
        return not_lowest(h, wave) if is_still(h, wave) else near_higher_level(h, wave, 0.0)
    initial, times = start(), (0.0, 0.5 * h.duration, h.duration)
    if all(is_still(h, initial, t) for t in times):
        return not_lowest(h, initial, times[-1])
    return "" if last is None else near_higher_level(h, last, times[-1])
