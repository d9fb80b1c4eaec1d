"""Imaginary time in the slowest modes and the tails behind them, as few on a fine grid as on a coarse one, with a bound of the error.

``P`` are the slowest modes of ``-L``, up to ``kappa``. A loss whose slope leaps at the seam of a ring or does not vanish at walls
draws tails ``(-L)^-1 zeta psi`` behind slow waves, which fall like a power of the momentum: no number of modes holds them, but
all of them are, within rounding, combinations of few waves ``T``, found from the loss by singular values. H is diagonalised in the span of
both. The wave there, phi, misses the equation by ``r = (1 - Pi) H phi``, so that its error obeys ``e' = -(H - theta) e + r`` with theta
the lowest energy of the span. For its parts in P and beyond, ``|e_P|' <= rho |e_Q|`` and ``|e_Q|' <= -g |e_Q| + rho |e_P| + |r|``,
where ``rho`` is half of the width of the loss and ``g = D kappa + min zeta - theta``; the whole grows by no more than ``theta - E_0``,
where ``E_0 >= min eig(H_PP - H_PQ H_QP / g)`` (Feshbach, Ann. Phys. 5, 357, 1958). The residual is measured at some times of the way. Spans
that grow by what residuals show are those of Davidson, J. Comput. Phys. 17, 87 (1975).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...model.hamiltonians import LearningHamiltonian

MODES = 256  # at most
POINTS = 1 << 16  # of a grid, at most: on finer ones what is known of the loss takes much memory
_SOURCES = 24  # slowest modes whose tails are looked for
_ORDERS = 4  # how often the loss acts on what its tails are tails of
_KEPT = 10  # waves of an order
_FAINT = 1e-11  # singular values of an order, as shares of the first, below which nothing is left
_SAME = 1e-7  # of unit tails: directions weaker than that are combinations of others
_LOOKS = 20  # times of a stage at which the residual is measured, twice as late each
_CHUNK = 1 << 16  # numbers in a block
_BEYOND = 200.0  # of an exponent: whatever grows by so much is not known at all
_SETTLED = 30.0  # e-foldings of the slowest wave beyond P, after which a start is forgotten there


@dataclass(frozen=True, eq=False)
class Basis:
    """P and T, and the Hamiltonian's parts between them.

    Attributes:
        slow: numbers of the modes of P, shape ``(m,)``.
        edge: kappa, the least value of ``-L`` beyond P.
        tails: T, orthonormal rows of dual amplitudes that vanish on P, shape ``(r, size)``.
        kinetic, loss: ``-L`` and zeta, shape ``(m + r, m + r)``.
        leak: ``P zeta (1 - P) zeta P``, shape ``(m, m)``.
    """

    slow: np.ndarray
    edge: float
    tails: np.ndarray
    kinetic: np.ndarray
    loss: np.ndarray
    leak: np.ndarray


@dataclass(frozen=True, eq=False)
class Decayed:
    """A wave of unit norm, the logarithm of what was removed, and a bound of the error of the wave in the 2-norm."""

    wave: np.ndarray
    log_norm: float
    bound: float


@dataclass(frozen=True)
class SlowModes:
    """``e^{-H t}`` in few modes, for any diffusion and strength.

    Args:
        h: with the loss on its domain; its schedules take no part. Functions of its Laplacian have to keep waves real.
    """

    h: LearningHamiltonian

    @cached_property
    def basis(self) -> Basis:
        """P and T of this loss."""
        dual = self._dual
        levels = np.sort(dual)
        edge = float(levels[min(MODES, dual.size - 1)])
        slow = np.flatnonzero(dual < edge * (1 - 1e-9))  # modes of one value together, so that P is what its edge says
        tails = self._tails(slow)
        loss, leak = np.empty((len(slow), len(slow))), np.empty((len(slow), len(slow)))
        zeta, middle = self._centred
        for part in _parts(len(slow), dual.size):
            units = np.zeros((len(slow[part]), dual.size))
            units[np.arange(len(units)), slow[part]] = 1.0
            waves = self._backward(units) * zeta
            loss[part] = self._forward(waves)[:, slow]
            leak[part] = self._forward(waves * zeta)[:, slow]
        leak -= loss @ loss
        loss[np.diag_indices(len(slow))] += middle
        moved = self._lossy(tails)
        inner = tails @ moved.T
        out = moved[:, slow]
        kinetic = np.zeros((len(slow) + len(tails),) * 2)
        kinetic[np.arange(len(slow)), np.arange(len(slow))] = dual[slow]
        kinetic[len(slow) :, len(slow) :] = (tails * dual) @ tails.T
        whole = np.block([[loss, out.T], [out, inner]])
        return Basis(slow, float(dual[dual >= edge * (1 - 1e-9)].min()), tails, kinetic, 0.5 * (whole + whole.T), leak)

    def settling(self, diffusion: float) -> float:
        """The time after which nothing of a start is left beyond P but the tails of what is in it."""
        return _SETTLED / (diffusion * self.basis.edge)

    def decayed(self, psi: np.ndarray, diffusion: float, strength: float, time: float, enough: float) -> Decayed | None:
        """``e^{-H time} psi`` in P, or in P and T; the better one, and P alone where its bound is ``enough``.

        None where waves beyond P are not known to lie above the ground state.

        >>> from qml_dynamics import Grid, Problem, hamiltonian
        >>> bowl = Problem(Grid((-6, 6), 10), lambda w: w[:, 0] ** 2 / 2, 0.5, clock="imaginary", duration=1.0)
        >>> h = hamiltonian(bowl)
        >>> found = SlowModes(h).decayed(h.ground_state()[1], 0.5, 1.0, 3.0, 1e-10)
        >>> round(found.log_norm, 6), found.bound < 1e-7                            # the energy 1/2 for a time 3
        (-1.5, True)
        """
        rows = np.stack([psi.real, psi.imag]) if np.iscomplexobj(psi) and psi.imag.any() else psi.real[None]
        start = self._forward(rows / np.linalg.norm(psi))
        best: Decayed | None = None
        for tailed in (False, True) if len(self.basis.tails) else (False,):
            found = self._within(tailed, start, diffusion, strength, time)
            if found is None or (found.bound > enough and best is not None and best.bound <= found.bound):
                continue
            best = found
            if best.bound <= enough:
                break
        if best is None:
            return None
        wave = self._backward(best.wave)
        both = wave[0] + 1j * wave[1] if len(wave) == 2 else wave[0]
        kind = complex if np.iscomplexobj(psi) else float
        return Decayed(both.reshape(psi.shape).astype(kind), best.log_norm, best.bound)

    def _within(
        self, tailed: bool, start: np.ndarray, diffusion: float, strength: float, time: float
    ) -> Decayed | None:
        """In P, or in P and T; the wave as dual amplitudes."""
        basis, count = self.basis, len(self.basis.slow)
        used = slice(0, len(basis.kinetic) if tailed else count)
        tails = basis.tails if tailed else basis.tails[:0]
        matrix = diffusion * basis.kinetic[used, used] + strength * basis.loss[used, used]
        energies, modes = np.linalg.eigh(matrix)
        zeta = strength * self.h.zeta
        gap = diffusion * basis.edge + float(zeta.min()) - energies[0]
        if gap <= 0:
            return None
        inner, missed = _split(start, basis.slow, tails)
        looks = np.concatenate([[0.0], time * 2.0 ** np.arange(1 - _LOOKS, 1)])
        fading = np.exp(-np.outer(looks, energies - energies[0]))[:, None, :]
        ways = (fading * (inner @ modes)) @ modes.T
        rates = np.zeros(len(looks))
        for part in _parts(len(looks), self._dual.size * len(start)):
            rows = self._whole(ways[part].reshape(-1, ways.shape[-1]), tails)
            rest = diffusion * self._dual * rows + strength * self._lossy(rows)
            rates[part] = np.linalg.norm(
                _split(rest, basis.slow, tails)[1].reshape(-1, len(start) * rest.shape[-1]), axis=1
            )
        low = np.linalg.eigvalsh(matrix[:count, :count] - strength**2 * basis.leak / gap)[0]
        left = float(np.linalg.norm(ways[-1]))
        error = error_bound(
            looks,
            rates,
            float(np.linalg.norm(missed)),
            max(float(energies[0] - low), 0.0),
            0.5 * float(np.ptp(zeta)),
            gap,
        )
        rounding = np.finfo(float).eps * float(np.abs(energies).max()) * time
        wave = self._whole(ways[-1] / left, tails)
        return Decayed(wave, float(np.log(left) - time * energies[0]), float(error / left + rounding))

    @cached_property
    def _dual(self) -> np.ndarray:
        return self.h.dual.reshape(-1)

    @property
    def _centred(self) -> tuple[np.ndarray, float]:
        """The loss around the middle of its values, and that."""
        zeta = self.h.zeta.reshape(-1)
        middle = 0.5 * float(zeta.min() + zeta.max())
        return zeta - middle, middle

    def _tails(self, slow: np.ndarray) -> np.ndarray:
        """T: what repeated action of the loss, divided by ``-L``, draws from the slowest modes beyond P."""
        dual = self._dual
        first = np.argsort(dual, kind="stable")[:_SOURCES]
        inverse = np.zeros(dual.size)
        others = np.setdiff1d(np.flatnonzero(dual), first)
        inverse[others] = 1.0 / dual[others]
        rows = np.zeros((len(first), dual.size))
        rows[np.arange(len(first)), first] = 1.0
        _, middle = self._centred
        found = rows[:0]
        for _ in range(_ORDERS):
            rows = (self._lossy(rows) - middle * rows) * inverse
            rows = _strongest(rows - (rows @ found.T) @ found, _FAINT)[:_KEPT]
            found = np.concatenate([found, rows])
        beyond = np.ones(dual.size, bool)
        beyond[slow] = False
        faster = found[:, beyond]
        sizes = np.linalg.norm(faster, axis=1)
        faster = _strongest(faster[sizes > _FAINT] / sizes[sizes > _FAINT, None], _SAME, absolute=True)
        tails = np.zeros((len(faster), dual.size))
        tails[:, beyond] = faster
        return tails

    def _whole(self, inner: np.ndarray, tails: np.ndarray) -> np.ndarray:
        """Dual amplitudes of rows in the span of P and T."""
        count = len(self.basis.slow)
        out = inner[:, count:] @ tails if len(tails) else np.zeros((len(inner), self._dual.size))
        out[:, self.basis.slow] = inner[:, :count]
        return out

    def _lossy(self, rows: np.ndarray) -> np.ndarray:
        """The loss on rows of dual amplitudes."""
        out, zeta = np.empty_like(rows), self.h.zeta.reshape(-1)
        for part in _parts(len(rows), rows.shape[1]):
            out[part] = self._forward(self._backward(rows[part]) * zeta)
        return out

    def _forward(self, rows: np.ndarray) -> np.ndarray:
        """Real waves in an orthonormal real basis of modes: on a ring cosines plus sines (Hartley), elsewhere the transform's own."""
        dual = self.h.transform.forward(rows.reshape(-1, *self.h.domain.shape).astype(complex))
        return np.asarray((dual.real - dual.imag).reshape(len(rows), -1))

    def _backward(self, rows: np.ndarray) -> np.ndarray:
        waves = self.h.transform.inverse(rows.reshape(-1, *self.h.domain.shape).astype(complex))
        return np.asarray((waves.real + waves.imag).reshape(len(rows), -1))


def error_bound(
    times: np.ndarray, rates: np.ndarray, missed: float, growth: float, coupling: float, gap: float
) -> float:
    """How large the error may be at the last time: the equations in the first lines of this module, piece by piece.

    Args:
        times: at which the residual is known, ascending from 0.
        rates: its norms there; between two times the larger one counts.
        missed: the error at the start, beyond P.
        growth: ``theta - E_0`` or more.
        coupling: rho.
        gap: g.

    A residual that stays is divided by the gap, one without a gap is added up:

    >>> times = np.linspace(0.0, 1.0, 9)
    >>> bound = lambda gap: error_bound(times, np.full(9, 1e-6), 0.0, 0.0, 1.0, gap)
    >>> round(1e9 * bound(1e4), 2), round(1e6 * bound(1e-9), 2)
    (0.14, 1.0)
    """
    rates_of, turn = np.linalg.eigh(np.array([[0.0, coupling], [coupling, -gap]]))
    parts, whole = np.array([0.0, missed]), missed
    for step, rate in zip(np.diff(times), np.maximum(rates[1:], rates[:-1])):
        if growth * step > _BEYOND or whole > 1e50:
            return float(np.inf)
        whole = float(np.exp(growth * step) * (whole + step * rate))
        powers = rates_of * step
        if powers.max() > _BEYOND:
            parts = np.array([whole, whole])
            continue
        means = step * np.where(np.abs(powers) > 1e-12, np.expm1(powers) / np.where(powers == 0, 1.0, powers), 1.0)
        parts = turn @ (np.exp(powers) * (turn.T @ parts) + means * (turn.T @ np.array([0.0, rate])))
        parts = np.minimum(parts, whole)
    return min(float(np.linalg.norm(parts)), whole)


def _split(rows: np.ndarray, slow: np.ndarray, tails: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Amplitudes in the span of P and T, and what is left of the rows."""
    inside, rest = rows[:, slow], rows.copy()
    rest[:, slow] = 0.0
    if not len(tails):
        return inside, rest
    shares = rest @ tails.T
    rest -= shares @ tails
    return np.concatenate([inside, shares], axis=1), rest


def _strongest(rows: np.ndarray, least: float, absolute: bool = False) -> np.ndarray:
    """An orthonormal basis of the rows, the strongest directions first, without those below ``least`` (of the strongest)."""
    if not len(rows):
        return rows
    _, sizes, found = np.linalg.svd(rows, full_matrices=False)
    return np.asarray(found[sizes > least * (1.0 if absolute else sizes[0])])


def _parts(count: int, size: int) -> Iterator[slice]:
    """Slices of so many rows of a size, each of about a block."""
    step = max(1, _CHUNK // size)
    return (slice(first, first + step) for first in range(0, count, step))
