"""Pairs of waves that differ in one way, by a stated multiple of what the likelihood-ratio test needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

import qml_dynamics as qd
from qml_dynamics.model.transforms import Transform
from qml_dynamics.validation.comparison import looked_at
from qml_dynamics.validation.draws import Setting, setting_of
from qml_dynamics.validation.null_law import Energy, Law, law_of
from qml_dynamics.validation.readings import coarse
from qml_dynamics.validation.tangents import nested

RATE_SIGMAS, POWER_SIGMAS = 2.3263, 1.6449  # normal quantiles of 0.99 and 0.95
KINDS = ("shift", "width", "momentum", "well", "cell")
Wave = np.ndarray
Make = Callable[[qd.Grid, str, float], Wave]


def grid(qubits: int) -> qd.Grid:
    """One weight."""
    return qd.Grid((-8.0, 8.0), qubits)


def packet(x: np.ndarray, center: float, width: float, momentum: float = 0.0) -> Wave:
    return np.exp(-((x - center) ** 2) / (4 * width**2) + 1j * momentum * x)


def _moved(kind: str, by: float) -> tuple[float, float, float, float]:
    """Shift, factor of the width, momentum, weight."""
    return tuple(by if kind == name else 0.0 for name in ("shift", "width", "momentum", "well"))  # type: ignore[return-value]


def bump(x: np.ndarray, kind: str, by: float) -> Wave:
    """One normal bump that moves; the weight of its right half."""
    shift, width, momentum, weight = _moved(kind, by)
    chirp = np.exp(0.35j * (x - shift + 1.0) ** 2)
    return packet(x, shift - 1.0, 0.8 * (1 + width), 1.3 + momentum) * chirp * (1 + weight * np.tanh(3 * (x + 1.0)))


def wells(x: np.ndarray, kind: str, by: float) -> Wave:
    """Two bumps of different weights and widths, whose momenta have fringes."""
    shift, width, momentum, weight = _moved(kind, by)
    left = np.sqrt(0.62 + weight) * packet(x, shift - 2.6, 0.6 * (1 + width))
    right = np.sqrt((0.38 - weight) / 1.3) * packet(x, shift + 2.6, 0.78 * (1 + width))
    return np.exp(1j * momentum * x) * (left + right)


def fringes(x: np.ndarray, kind: str, by: float) -> Wave:
    """Two beams that cross."""
    shift, width, momentum, weight = _moved(kind, by)
    right = np.sqrt(0.5 + weight) * packet(x, shift - 0.4, 1.5 * (1 + width), momentum + 2.5)
    return right + np.sqrt(0.5 - weight) * packet(x, shift + 1.0, 1.5 * (1 + width), momentum - 2.0)


def at_first(x: np.ndarray, kind: str, by: float) -> Wave:
    """What two wells of fourth order make of a packet, or of two for the weights of the wells."""
    shift, width, momentum, weight = _moved(kind, by)
    if kind == "well":
        return np.sqrt(0.7 + weight) * packet(x, 1.6, 0.6) + np.sqrt(0.3 - weight) * packet(x, -1.6, 0.6)
    return packet(x, 0.8 + shift, 0.7 * (1 + width), momentum)


MAKES: dict[str, Callable[[np.ndarray, str, float], Wave]] = {
    "a bump": bump,
    "two wells": wells,
    "fringes": fringes,
    "two wells later": at_first,
}
DURATIONS = {"two wells later": 1.1}


def quartic(w: np.ndarray) -> np.ndarray:
    return 0.15 * (w[:, 0] ** 2 - 2.5) ** 2


def evolved(name: str, domain: qd.Grid, kind: str, by: float, shots: int | None = None, seed: int = 0) -> qd.Trajectory:
    """The run of a wave that was changed at its beginning; a moment after it for those that are given at the end."""
    start = MAKES[name](domain.points[:, 0], kind, by)
    duration, steps = (DURATIONS[name], 60) if name in DURATIONS else (1e-9, 1)
    problem = qd.Problem(
        domain, quartic, 0.5, clock="real", duration=duration, initial=qd.State(start / np.linalg.norm(start))
    )
    return qd.evolve(problem, qd.SplitStep(steps), shots=shots, seed=seed, save=[duration], progress=False)


def _heavier(domain: qd.Grid, wave: Wave, by: float) -> Wave:
    """The second heaviest of 16 cells changed in weight."""
    labels = next(labels for labels, count in nested(domain.shape, 32) if count == 16)
    cell = np.argsort(np.bincount(labels, weights=np.abs(wave) ** 2))[-2]
    changed = wave * np.sqrt(np.where(labels == cell, 1 + by, 1.0))
    return np.asarray(changed / np.linalg.norm(changed))


Laws = tuple[np.ndarray, np.ndarray]


@cache
def laws(name: str, qubits: int, kind: str, by: float) -> Laws:
    """Densities of weights and of momenta; of a cell that is made heavier at the end."""
    domain = grid(qubits)
    psi = evolved(name, domain, kind, by).states[-1]  # type: ignore[index]
    if kind == "cell":
        psi = _heavier(domain, psi, by)
    return np.abs(psi) ** 2, np.abs(Transform(domain).forward(psi.astype(complex))) ** 2


def margin(base: Laws, other: Laws, shots: int) -> float:
    """By how many standard deviations the likelihood-ratio test of both bases at 1 % exceeds a power of 0.95; normal approximation."""
    gap = null = alternative = 0.0
    for p, q in zip(base, other):
        ratio = np.log((q + 1e-15) / (p + 1e-15))
        before, after = float(p @ ratio), float(q @ ratio)
        gap += after - before
        null, alternative = null + float(p @ (ratio - before) ** 2), alternative + float(q @ (ratio - after) ** 2)
    return np.sqrt(shots) * gap - RATE_SIGMAS * np.sqrt(null) - POWER_SIGMAS * np.sqrt(alternative)


def critical(name: str, qubits: int, kind: str, shots: int) -> float:
    """The change at which the likelihood-ratio test at 1 % has power 0.95."""
    base, low, high = laws(name, qubits, kind, 0.0), 0.0, 2e-3
    while margin(base, laws(name, qubits, kind, high), shots) < 0:
        low, high = high, 1.7 * high
    for _ in range(12):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if margin(base, laws(name, qubits, kind, middle), shots) < 0 else (low, middle)
    return high


@dataclass(frozen=True)
class Pair:
    """The law of all looks of `compare`, what it measures, and the densities of weights and momenta that are sampled."""

    law: Law
    settings: tuple[Setting, ...]
    orders: list[tuple[np.ndarray, ...]]

    def p_values(self, sampled: Laws, shots: int, runs: int, seed: int) -> np.ndarray:
        """Of many runs with samples of these densities, as `compare` gives them one by one."""
        rng, measured = np.random.default_rng(seed), []
        for setting, order, p in zip(self.settings, self.orders, sampled):
            there = coarse(p.reshape([index.size for index in order])[order]).reshape(-1)
            counts = rng.multinomial(shots, there / there.sum(), size=runs)
            measured.append(setting.measured(counts / shots - setting.reading.law.reshape(-1)))
        return self.law.p_values(self.law.sizes(measured, np.zeros((runs, 0))).max(axis=1))


@cache
def pair(name: str, qubits: int, kind: str, shots: int) -> Pair:
    """Samples against an exact reference."""
    domain = grid(qubits)
    kind = "well" if kind == "well" else "shift"  # the kinds that start from one reference share it
    looked = looked_at(evolved(name, domain, kind, 0.0, shots, 1), evolved(name, domain, kind, 0.0), 0, 0)
    assert looked is not None
    assert looked.energy is not None
    assert not looked.beside
    settings = tuple(setting_of(reading) for reading in looked.readings)
    return Pair(law_of(settings, Energy(*looked.energy), ()), settings, [r.order for r in looked.readings])
