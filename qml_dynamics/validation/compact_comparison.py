"""Comparison of runs whose waves are compact states, without a table: overlaps, distances by samples of both, and samples of a device.

With points drawn from both laws p and q in equal parts, the total variation is the mean of ``|p - q| / (p + q)`` and the Hellinger affinity
that of ``2 sqrt(p q) / (p + q)``: of bounded numbers, whatever the number of points. Samples of a device are tested against the wave by the
signs of single qubits, of neighbours, and by their mean logarithmic probability; the smallest of the probabilities times their number is
one of them all together (Bonferroni), however they depend on each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.errors import MethodError, require
from ..base.estimate import Estimate
from ..methods.tensor_train.register import RegisterState
from ..model.pauli import PauliSum
from ..results.compact import CompactState, CompactTrajectory
from ..results.trajectory import Counts, Trajectory

SAMPLES = 4096  # of each wave, that distances are averaged over
_OFTEN = 8192  # samples of a wave that tell the law of their logarithmic probability
_SEEN = 1.645  # standard deviations: 95 of 100 are beyond minus so many
Pair = tuple[int, int]


def without_tables(a: Trajectory, b: Trajectory) -> bool:
    """Whether one of two runs has no table of its density."""
    return isinstance(a, CompactTrajectory) or isinstance(b, CompactTrajectory)


@dataclass(frozen=True)
class Tests:
    """What samples say beside a wave: names, numbers of standard deviations, probabilities, and differences that would be seen."""

    names: list[str]
    sizes: np.ndarray
    p_values: np.ndarray
    gaps: np.ndarray
    noise: np.ndarray

    @property
    def together(self) -> float:
        """Of the smallest probability of all."""
        return min(1.0, float(len(self.names) * self.p_values.min()))


def compared(a: Trajectory, b: Trajectory, pairs: list[Pair], rate: float, size: float) -> dict[str, Any]:
    """The fields of a comparison of two runs at their common times, the verdict excepted where both are waves.

    ``size`` is what a gap of energies is small beside.
    """
    for name, run in (("a", a), ("b", b)):
        require(
            isinstance(run, CompactTrajectory),
            name,
            "have compact states or samples as the other run",
            run,
            MethodError,
        )
    assert isinstance(a, CompactTrajectory)
    assert isinstance(b, CompactTrajectory)
    i, j = pairs[-1]
    gap = a.expectations["energy"][i] - b.expectations["energy"][j]
    out: dict[str, Any] = {
        "time": float(a.times[i]),
        "energy_gap": Estimate(float(gap.value), float(gap.stderr), gap.shots),
        "sigmas": a.expectations["energy"][i].sigmas(b.expectations["energy"][j], size),
        "floor": Estimate(0.0, 0.0, None),
        "fidelity": None,
    }
    if a.compact and b.compact:
        far = [distances(a.compact[k], b.compact[m]) for k, m in pairs]
        overlap = a.compact[i].overlap(b.compact[j])
        return out | {
            "fidelity": min(1.0, abs(overlap) ** 2),
            "hellinger": far[-1][1],
            "total_variation": far[-1][0],
            "worst_total_variation": max(tv for tv, _ in far),
        }
    tests = tested(a, b, i, j, gap)
    far_out = int(np.argmin(tests.p_values))
    variation = 0.5 * float(np.abs(tests.gaps).max())
    expected = 0.5 * float(tests.noise[int(np.argmax(np.abs(tests.gaps)))]) * float(np.sqrt(2 / np.pi))
    together = tests.together
    return out | {
        "hellinger": (1 - variation**2),
        "total_variation": variation,
        "floor": Estimate(expected, expected * float(np.sqrt(np.pi / 2 - 1)), None),
        "worst_total_variation": max(0.0, variation - expected),
        "agree": together > rate,
        "verdict": _verdict(together > rate, tests.names[far_out], float(tests.sizes[far_out])),
        "p_value": together,
        "looks": len(tests.names),
        "largest": (tests.names[far_out], float(abs(tests.sizes[far_out]))),
        "detectable": {"the sign of a qubit": (_threshold(rate, len(tests.names)) + _SEEN) * float(tests.noise.max())},
    }


def _verdict(agree: bool, name: str, size: float) -> str:
    if agree:
        return f"The samples agree with the wave within shot noise: farthest out is {name}, by {abs(size):.1f} sigma."
    return f"The samples differ from the wave beyond shot noise in {name}, by {abs(size):.1f} sigma."


def _threshold(rate: float, looks: int) -> float:
    from scipy.stats import norm

    return float(norm.isf(0.5 * rate / looks))


def distances(a: CompactState, b: CompactState) -> tuple[float, float]:
    """Total variation and Hellinger fidelity of two laws, by samples of both with a fixed seed."""
    index = [np.repeat(c.index, c.count) for c in (a.sample(SAMPLES, 1), b.sample(SAMPLES, 2))]
    p, q = (np.abs(wave.at(np.concatenate(index))) ** 2 for wave in (a, b))
    return float(np.mean(np.abs(p - q) / (p + q))), float(np.mean(2 * np.sqrt(p * q) / (p + q))) ** 2


def tested(a: CompactTrajectory, b: CompactTrajectory, i: int, j: int, gap: Estimate) -> Tests:
    """Samples of one run against the wave of the other."""
    wave = a.compact[i] if a.compact else b.compact[j] if b.compact else None
    require(wave is not None, "b", "hold waves where `a` holds samples only", "of samples too", MethodError)
    require(isinstance(wave, RegisterState), "b", "be of an operator where `a` holds samples", wave, MethodError)
    assert isinstance(wave, RegisterState)
    sampled = b if a.compact else a
    assert sampled.counts is not None  # a run without waves has samples
    counts = sampled.counts["weight"][j if a.compact else i]
    names, gaps, noise, p_values = _signs(wave, counts)
    for name, z in (("the energy", _sigmas(gap)), ("the logarithmic probability", _likelihood(wave, counts))):
        if z is not None:
            names.append(name)
            p_values = np.append(p_values, _two_sided(z))
    from scipy.stats import norm

    return Tests(names, norm.isf(np.maximum(p_values, 1e-300) / 2), p_values, gaps, noise)


def _sigmas(gap: Estimate) -> float | None:
    noisy = float(gap.stderr) > 0 and bool(np.isfinite(gap.stderr))
    return float(gap.value) / float(gap.stderr) if noisy else None


def _two_sided(z: float) -> float:
    from scipy.stats import norm

    return float(2 * norm.sf(abs(z)))


def _signs(wave: RegisterState, counts: Counts) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Signs of qubits and of neighbours: their names, differences, standard deviations and exact binomial probabilities."""
    from scipy.stats import binom

    n, shots = wave.domain.num_qubits, int(counts.count.sum())
    masks = [1 << q for q in range(n)] + [3 << q for q in range(n - 1)]
    names = [f"the sign of qubit {q}" for q in range(n)]
    names += [f"the sign of qubits {q} and {q + 1}" for q in range(n - 1)]
    index = [int(x) for x in counts.index]
    minus = np.array(
        [sum(c for x, c in zip(index, counts.count.tolist()) if (x & mask).bit_count() % 2) for mask in masks]
    )
    means = np.array([wave.mean_of(PauliSum(n, [0], [mask], np.ones(1))) for mask in masks])  # type: ignore[arg-type]
    law = np.clip(0.5 * (1 - means), 1e-12, 1 - 1e-12)  # an outcome that rounding alone excludes is not excluded
    tails = np.minimum(binom.cdf(minus, shots, law), binom.sf(minus - 1, shots, law))
    gaps = (1 - 2 * minus / shots) - means
    return names, gaps, 2 * np.sqrt(law * (1 - law) / shots), np.minimum(1.0, 2 * tails)


def _likelihood(wave: RegisterState, counts: Counts) -> float | None:
    """By how many standard deviations the mean of ``log p`` over the samples is off its own, known from samples of the wave."""
    shots = int(counts.count.sum())
    own = wave.sample(_OFTEN, 3)
    logs = [np.log(np.maximum(np.abs(wave.at(c.index)) ** 2, 1e-300)) for c in (counts, own)]
    mean = float(own.count @ logs[1]) / _OFTEN
    variance = float(own.count @ (logs[1] - mean) ** 2) / _OFTEN
    if variance < 1e-20:
        return None
    return (float(counts.count @ logs[0]) / shots - mean) / float(np.sqrt(variance * (1 / shots + 1 / _OFTEN)))
