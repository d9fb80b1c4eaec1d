"""Many waves at once under a constant Hamiltonian: Chebyshev's series, each term one transform of the whole block.

With ``H = m + r X``, ``|X| <= 1``: ``e^{-i H t} = e^{-i m t} sum_k (2 - d_k0) (-i)^k J_k(r t) T_k(X)`` and
``e^{-H t} = e^{-(m - r) t} sum_k (2 - d_k0) (-1)^k e^{-r t} I_k(r t) T_k(X)``. The coefficients fall faster than any power
beyond ``k = r t`` (real clock) or ``k ~ sqrt(2 r t log(1 / tol))`` (imaginary clock), so the truncation error is known before
the run. Nothing is orthogonalised: a term costs two transforms, whatever the number of terms. Source: Tal-Ezer and Kosloff, J. Chem.
Phys. 81, 3967 (1984).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..base.errors import check_memory
from ..model.hamiltonians import LearningHamiltonian

Told = Callable[[int, int], None]
Act = Callable[[np.ndarray], np.ndarray]
TERMS = 1 << 11  # of one series at most: longer times are cut into pieces
_LONG = 1 << 13  # the same of imaginary time
_CHUNK = 1 << 15  # numbers worked on at once: what fits into the cache
_EXACT = 1e-13  # of the series on the imaginary clock, before it is compared with what is left of a wave
_REACH = 1e-11
_GROWS = {
    "real": 1.001,
    "imaginary": 1.0 + 1e-9,
}  # the bounds of the spectrum are rounded too; e^{-H t} pays for the margin


def propagated(
    h: LearningHamiltonian,
    waves: np.ndarray,
    time: float,
    clock: str,
    tol: float = 1e-8,
    t: float = 0.0,
    on_step: Told = lambda done, total: None,
) -> tuple[np.ndarray, np.ndarray]:
    """``e^{-i H time}`` or ``e^{-H time}`` of several waves, H as it is at time ``t``.

    Args:
        h: a learning Hamiltonian.
        waves: shape ``(count, *domain.shape)``, real or complex; not changed.
        time: not negative.
        clock: ``"real"`` or ``"imaginary"``.
        tol: allowed error of each wave of unit norm in the 2-norm (not below 1e-11 on the imaginary clock, where rounding adds
            about 1e-16 over the norm that is left of a wave).
        on_step: told ``(done, total)`` terms.

    Returns:
        Waves of unit norm, and the logarithms of the norms taken out, shape ``(count,)`` (0 on the real clock).

    >>> from qml_dynamics import Grid, Problem
    >>> from qml_dynamics.model.hamiltonians import hamiltonian
    >>> bowl = Problem(Grid((-6, 6), 6), lambda w: w[:, 0] ** 2 / 2, 0.5, clock="imaginary", duration=1.0)
    >>> h = hamiltonian(bowl)
    >>> ground = h.ground_state()[1]
    >>> _, logs = propagated(h, ground[None], 3.0, "imaginary")
    >>> round(float(logs[0]), 6)                            # the energy 1/2 for a time 3
    -1.5
    """
    count, shape = len(waves), h.domain.shape
    check_memory(16 * h.domain.size * (2 * count + 8), f"{count} waves on {h.domain.num_qubits} qubits")
    unit = waves / np.linalg.norm(waves.reshape(count, -1), axis=1).reshape(-1, *[1] * len(shape))
    kind = np.result_type(unit, float if clock == "imaginary" and h.transform.real else complex)
    unit = unit.astype(kind)
    if clock == "imaginary" and h.transform.real and np.iscomplexobj(unit) and not unit.imag.any():
        unit = unit.real.copy()  # and stays so
    logs = np.zeros(count)
    size = max(1, _CHUNK // h.domain.size)
    for first in range(0, count, size):
        part = slice(first, first + size)
        told = _share(on_step, first, min(size, count - first), count)
        unit[part], logs[part] = _whole(h, unit[part], time, clock, tol, t, told)
    return unit.astype(kind, copy=False), logs


def _share(on_step: Told, before: int, mine: int, count: int) -> Told:
    """Progress of one chunk as that of the whole block."""
    return lambda done, total: on_step(round(1000 * (before + mine * done / total) / count), 1000)


def _whole(
    h: LearningHamiltonian, waves: np.ndarray, time: float, clock: str, tol: float, t: float, on_step: Told
) -> tuple[np.ndarray, np.ndarray]:
    """Piece by piece, each short enough for one series."""
    low, high = h.bounds(t)
    reach = 0.5 * _GROWS[clock] * (high - low) * time
    # e^{-z} I_k(z) falls like exp(-k^2 / 2 z): a piece of imaginary time may be as long as the square of its terms
    pieces = max(1, int(np.ceil(reach / (TERMS if clock == "real" else _LONG * _LONG / 64))))
    logs = np.zeros(len(waves))
    for i in range(pieces):
        told = lambda done, total, i=i: on_step(i * total + done, pieces * total)  # noqa: E731
        if clock == "real":
            waves = _normal(_series(h, waves, time / pieces, clock, tol / pieces, t, told))[0]
        else:
            waves, gained = _decayed(h, waves, time / pieces, tol / pieces, t, told)
            logs += gained
    return waves, logs


def _decayed(
    h: LearningHamiltonian, waves: np.ndarray, time: float, tol: float, t: float, on_step: Told
) -> tuple[np.ndarray, np.ndarray]:
    """Imaginary time; waves of which so little is left that the series is not exact enough go there in two halves."""
    after, norms = _normal(_series(h, waves, time, "imaginary", _EXACT, t, on_step))
    logs = np.log(np.maximum(norms, 1e-300)) - time * h.bounds(t)[0]
    lost = norms * max(tol, _REACH) < 10 * _EXACT
    if lost.any():
        half, first = _decayed(h, waves[lost], time / 2, tol / 2, t, on_step)
        after[lost], second = _decayed(h, half, time / 2, tol / 2, t, on_step)
        logs[lost] = first + second
    return after, logs


def _normal(waves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    norms = np.linalg.norm(waves.reshape(len(waves), -1), axis=1)
    return waves / np.maximum(norms, 1e-300).reshape(-1, *[1] * (waves.ndim - 1)), norms


def _series(
    h: LearningHamiltonian, waves: np.ndarray, time: float, clock: str, tol: float, t: float, on_step: Told
) -> np.ndarray:
    """``e^{-i H time}`` or ``e^{-(H - low) time}`` of the waves, by the recursion of ``T_k``."""
    low, high = h.bounds(t)
    middle, radius = 0.5 * (low + high), max(0.5 * _GROWS[clock] * (high - low), 1e-300)
    factors = coefficients(radius * time, clock, tol)
    if clock == "imaginary":
        factors = factors * np.exp((low + radius - middle) * time)  # 1 but for the margin of the bounds
    act = _scaled(h, middle, radius, t)
    before, here = waves, act(waves)
    out = factors[0] * waves
    if len(factors) > 1:
        out = out + factors[1] * here
    for k, factor in enumerate(factors[2:], start=2):
        after = act(here)
        after *= 2
        after -= before
        before, here = here, after
        out += factor * here
        on_step(k + 1, len(factors))
    return np.asarray(out * np.exp(-1j * middle * time) if clock == "real" else out)


def _scaled(h: LearningHamiltonian, middle: float, radius: float, t: float) -> Act:
    """``X = (D (-L) + s zeta - middle) / radius`` on a block; real waves on a ring need half of the spectrum only."""
    d, s = h.coefficients(t)
    kinetic, potential = d * h.dual / radius, (s * h.zeta - middle) / radius
    return lambda waves: h.transform.filtered(waves, kinetic) + potential * waves


def coefficients(reach: float, clock: str, tol: float) -> np.ndarray:
    """Those of the series for ``r t = reach``, as many as leave an error below ``tol``.

    >>> len(coefficients(100.0, "real", 1e-8)), len(coefficients(100.0, "imaginary", 1e-8))
    (132, 59)
    """
    from scipy.special import ive, jv

    most = int(reach + 30 * (reach ** (1 / 3) + 1)) + 20
    if clock == "imaginary":
        most = min(most, int(np.sqrt(160 * reach)) + 60)  # beyond lies less than e^-80 of it
    k = np.arange(most)
    values = jv(k, reach) * (-1j) ** (k % 4) if clock == "real" else ive(k, reach) * (-1.0) ** k
    values[1:] *= 2
    tail = np.cumsum(np.abs(values)[::-1])[::-1]
    return np.asarray(values[: max(1, int(np.count_nonzero(tail > tol)))])
