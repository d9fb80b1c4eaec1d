"""Imaginary-time runs that stop at an excited eigenstate, detected by a Ritz value below their energy.

The flow ``psi_tau = -(H - E) psi`` stands still at every eigenstate. Whether a lower state exists is decided by the second variation: a
Krylov space of H from a fixed random wave has a Ritz value below E. A Ritz value is never below the ground energy, so that a lower
one proves it; see Saad, Numerical Methods for Large Eigenvalue Problems (SIAM, 2011).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..model.domains import Grid
from ..model.hamiltonians import Hamiltonian, energy_scale
from .krylov import krylov_space

_STILL = 1e-6  # standard deviation of the energy, of its scale, below which a wave is an eigenstate
_ROOM = 1 << 27  # bytes of the Krylov space at most
_SPACE = 80
_NEAR = 0.01  # standard deviation of the energy, of the distance to a lower energy, below which a wave is near a higher level


def is_still(h: Hamiltonian, psi: np.ndarray, t: float = 0.0) -> bool:
    """Whether a wave is an eigenstate of H at time ``t``."""
    energy, spread = _moments(h, psi, t)
    return spread <= _STILL * energy_scale(h, energy, t)


def _moments(h: Hamiltonian, psi: np.ndarray, t: float) -> tuple[float, float]:
    """Mean and standard deviation of H; no copy of the wave is made, since this ends runs of any size."""
    norm = float(np.linalg.norm(psi))
    moved = h.apply(psi, t)
    energy = float(np.vdot(psi, moved).real) / norm**2
    moved -= energy * psi
    return energy, float(np.linalg.norm(moved)) / norm


@dataclass(frozen=True, eq=False)
class Lower:
    """A wave below another one.

    Attributes:
        above, energy: energies of the other wave and of this one.
        wave: flat, of unit norm.
    """

    above: float
    energy: float
    wave: np.ndarray


def lower_wave(h: Hamiltonian, psi: np.ndarray, t: float = 0.0, margin: float = 0.0) -> Lower | None:
    """A wave of lower energy than another one; None where a Krylov space shows none.

    Args:
        h: the Hamiltonian.
        psi: an eigenstate, shape ``domain.shape`` or flat.
        t: the time.
        margin: how much lower it must be, beside a millionth of the scale.
    """
    shape = h.domain.shape
    wave = psi.reshape(shape) / np.linalg.norm(psi)
    energy = h.expectation(wave, t)
    rng = np.random.default_rng(7)
    start = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    space = max(4, min(_SPACE, wave.size, _ROOM // (16 * wave.size)))
    found = krylov_space(lambda v: h.apply(v, t), start, min(space, wave.size))
    lowest = float(found.energies[0])
    if lowest >= energy - margin - _STILL * energy_scale(h, energy, t):
        return None
    return Lower(energy, lowest, found.modes[:, 0] @ found.vectors)


def lower_energy(h: Hamiltonian, psi: np.ndarray, t: float = 0.0, margin: float = 0.0) -> tuple[float, float] | None:
    """Energy of a wave, and that of a lower one, as :func:`lower_wave` finds it.

    >>> from qml_dynamics import Problem, hamiltonian
    >>> h = hamiltonian(Problem.from_operator(np.diag([1.0, -1.0, 0.0, 2.0]), clock="imaginary", duration=1.0))
    >>> lower_energy(h, np.array([0, 0, 0, 1.0])), lower_energy(h, np.array([0, 1.0, 0, 0]))
    ((2.0, -1.0), None)
    """
    found = lower_wave(h, psi, t, margin)
    return None if found is None else (found.above, found.energy)


def not_lowest(h: Hamiltonian, psi: np.ndarray, t: float = 0.0, margin: float = 0.0, moves: str = "") -> str:
    """What is to be said of an eigenstate that is not the lowest; empty where none lower is known.

    Args:
        h, psi, t, margin: as for :func:`lower_wave`.
        moves: what else would move it.
    """
    found = lower_wave(h, psi, t, margin)
    return "" if found is None else _higher(h, found, moves)


def _higher(h: Hamiltonian, found: Lower, moves: str = "") -> str:
    return (
        f"stands at an eigenstate of energy {found.above:.6g} that is not the ground state (there is a wave of energy "
        f"{found.energy:.6g}): {moves}{_start(h, found.wave)}"
    )


def _start(h: Hamiltonian, wave: np.ndarray) -> str:
    """The start by which the lower wave is reached: one with a part at its peak."""
    peak = int(np.argmax(np.round(np.abs(wave), 6)))
    share = float(np.abs(wave[peak]) ** 2 / np.vdot(wave, wave).real)
    if isinstance(h.domain, Grid):
        where = ", ".join(f"{w:.3g}" for w in h.domain.points_at(np.array([peak]))[0].tolist())
        return f"start from a wave with a part at the point ({where}), where the lower wave is largest"
    label = f"{peak:0{h.num_qubits}b}"
    return f"start from a wave with a part at the basis state {label!r}, which is {share:.2g} of the lower wave"


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
    found = lower_wave(h, wave, t)
    return "" if found is None or not is_near_level(h, wave, t, found.energy) else _higher(h, found)


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
