"""`compare`: two trajectories against each other, with the shot noise that must be expected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base.arguments import checks_arguments_but
from ..base.errors import ProblemError, require
from ..base.estimate import Estimate
from ..results.trajectory import Trajectory

_SIGMAS = 4.0


@dataclass(frozen=True)
class Comparison:
    """How far two runs are apart at their last common time.

    Attributes:
        time: that time.
        fidelity: ``|<a|b>|^2`` of the states, or None where one of them is known by samples only.
        hellinger: Hellinger fidelity of the densities, ``(sum sqrt(p q))^2``.
        total_variation: ``1/2 sum |p - q|``.
        floor: the total variation that shot noise alone makes on average, with its standard deviation (0 for exact runs).
        energy_gap: difference of the energies, with its standard error.
        sigmas: the gap in standard errors (inf for two exact runs that differ).
        worst_total_variation: the largest excess of the total variation over its floor, over all common times.
        agree: whether the distance is within shot noise (exact runs: infidelity and gap below 1e-6).
        verdict: the same in words.
    """

    time: float
    fidelity: float | None
    hellinger: float
    total_variation: float
    floor: Estimate
    energy_gap: Estimate
    sigmas: float
    worst_total_variation: float
    agree: bool
    verdict: str

    def __str__(self) -> str:
        state = (
            f"fidelity {self.fidelity:.10f}"
            if self.fidelity is not None
            else f"Hellinger fidelity {self.hellinger:.6f}"
        )
        shots = f" (shot noise alone: {self.floor})" if self.floor.value else ""
        sigmas = f", {self.sigmas:.1f} standard errors" if np.isfinite(self.sigmas) and self.energy_gap.stderr else ""
        return (
            f"at t = {self.time:g}: {state}; total variation {self.total_variation:.3g}{shots}; "
            f"energy gap {self.energy_gap}{sigmas}\n{self.verdict}"
        )


@checks_arguments_but("a", "b")
def compare(a: Trajectory, b: Trajectory) -> Comparison:
    """Compare two trajectories of one problem, whatever methods they come from.

    Args:
        a, b: on the same weight space and clock, with at least one common saved time.

    Raises:
        ProblemError: different weight spaces, clocks or readings, or no common time.

    >>> from qml_dynamics import Grid, Problem, SplitStep, Krylov, evolve
    >>> well = Problem(Grid((-4, 4), 5), lambda w: w[:, 0] ** 2, 0.5, clock="imaginary", duration=1.0)
    >>> compare(evolve(well, SplitStep(200, order=4)), evolve(well, Krylov())).agree
    True
    """
    for name, given in (("a", a), ("b", b)):
        require(isinstance(given, Trajectory), name, "be a trajectory", given)
    pairs = _common(a, b)
    excess = []
    for i, j in pairs:
        tv, floor = _distance(a, b, i, j)
        excess.append(max(0.0, tv - float(floor.value)))
    i, j = pairs[-1]
    tv, floor = _distance(a, b, i, j)
    p, q = np.abs(a.density[i]).reshape(-1), np.abs(b.density[j]).reshape(-1)
    fidelity = None
    if a.states is not None and b.states is not None:
        fidelity = float(abs(np.vdot(a.states[i], b.states[j])) ** 2)
    gap = a.expectations["energy"][i] - b.expectations["energy"][j]
    sigmas = a.expectations["energy"][i].sigmas(b.expectations["energy"][j])
    agree, verdict = _verdict(fidelity, tv, floor, gap, sigmas, float(a.expectations["energy"].value[i]))
    return Comparison(
        time=float(a.times[i]),
        fidelity=fidelity,
        hellinger=float(np.sqrt(p * q).sum() ** 2),
        total_variation=tv,
        floor=floor,
        energy_gap=Estimate(float(gap.value), float(gap.stderr), gap.shots),
        sigmas=sigmas,
        worst_total_variation=max(excess),
        agree=agree,
        verdict=verdict,
    )


def _common(a: Trajectory, b: Trajectory) -> list[tuple[int, int]]:
    if a.problem.domain != b.problem.domain:
        raise ProblemError(
            f"Argument `b` must be on the domain of `a`, {a.problem.domain}, but is on {b.problem.domain}."
        )
    if a.problem.clock != b.problem.clock or a.reading != b.reading:
        raise ProblemError(
            f"Argument `b` must be on the {a.problem.clock} clock in the {a.reading} reading, "
            f"but is on the {b.problem.clock} clock in the {b.reading} reading."
        )
    near = 1e-9 * max(a.problem.duration, b.problem.duration)
    pairs = [(i, int(np.argmin(np.abs(b.times - t)))) for i, t in enumerate(a.times)]
    pairs = [(i, j) for i, j in pairs if abs(a.times[i] - b.times[j]) <= near]
    if not pairs:
        raise ProblemError(
            f"Argument `b` must share a saved time with `a` ({a.times.tolist()}), but has {b.times.tolist()}."
        )
    return pairs


def _shots(t: Trajectory, index: int) -> int | None:
    return t.counts["weight"][index].shots if t.counts else None


def _distance(a: Trajectory, b: Trajectory, i: int, j: int) -> tuple[float, Estimate]:
    p, q = a.density[i].reshape(-1), b.density[j].reshape(-1)
    n, m = _shots(a, i), _shots(b, j)
    distance, floor = 0.5 * float(np.abs(p - q).sum()), noise_floor(p, q, n, m)
    for run, index in ((a, i), (b, j)):
        if "density_stderr" in run.diagnostics:  # a density that was put together from samples
            floor = _joined(floor, run.diagnostics["density_stderr"][index])
    return distance, floor


def _joined(floor: Estimate, stderr: np.ndarray) -> Estimate:
    """A floor with normal cells of these standard errors beside it: ``E|x| = sqrt(2 / pi) sigma``, cell by cell."""
    mean = 0.5 * float(np.sqrt(2 / np.pi) * stderr.sum())
    spread = 0.5 * float(np.sqrt((1 - 2 / np.pi) * (stderr**2).sum()))
    return Estimate(float(np.hypot(floor.value, mean)), float(np.hypot(floor.stderr, spread)), floor.shots)


def noise_floor(p: np.ndarray, q: np.ndarray, n: int | None, m: int | None) -> Estimate:
    """The total variation to be expected from sampling alone, with its standard deviation.

    If only one side has ``n`` samples, cells are binomial with the other side's probability, whose mean absolute deviation
    has de Moivre's closed form; if both have, the pooled frequencies and a normal cell of variance
    ``p (1 - p)(1/n + 1/m)`` are used (Poisson-like cells of both sides included by the same closed form).

    >>> import numpy as np
    >>> print(noise_floor(np.array([0.5, 0.5]), np.array([0.5, 0.5]), 10_000, None))
    0.0040 +- 0.0030
    """
    if n is None and m is None:
        return Estimate(0.0, 0.0, None)
    if n is not None and m is not None:
        pooled = (n * p + m * q) / (n + m)
        effective = round(1 / (1 / n + 1 / m))
    else:
        pooled = q if m is None else p
        effective = n if n is not None else m  # type: ignore[assignment]
    pooled = np.clip(pooled, 0.0, 1.0)
    deviation = mean_absolute_deviation(pooled, effective)
    spread = np.maximum(pooled * (1 - pooled) / effective - deviation**2, 0.0)
    # cells add up to 1, so they are not independent: k of them vary like k - 1, exactly so for two
    few = 1.0 / max(1.0 - float((pooled**2).sum()), 1e-12)
    return Estimate(0.5 * float(deviation.sum()), 0.5 * float(np.sqrt(spread.sum() * few)), effective)


def mean_absolute_deviation(p: np.ndarray, shots: int) -> np.ndarray:
    """``E|X/n - p|`` of a binomial X: ``2 (1-p) (k/n) C(n, k) p^k (1-p)^(n-k)``, ``k = floor(n p) + 1`` (de Moivre 1730)."""
    from scipy.special import gammaln

    out = np.zeros_like(p)
    inside = (p > 0) & (p < 1)
    x = p[inside]
    k = np.floor(shots * x) + 1
    k = np.minimum(k, shots)
    logs = gammaln(shots + 1) - gammaln(k + 1) - gammaln(shots - k + 1) + k * np.log(x) + (shots - k) * np.log1p(-x)
    out[inside] = 2 * (1 - x) * k / shots * np.exp(logs)
    return out


def _verdict(
    fidelity: float | None, tv: float, floor: Estimate, gap: Estimate, sigmas: float, scale: float
) -> tuple[bool, str]:
    if not floor.value:
        miss = 1 - fidelity if fidelity is not None else tv
        small = miss <= 1e-6 and abs(float(gap.value)) <= 1e-6 * max(1.0, abs(scale))
        what = "infidelity" if fidelity is not None else "total variation"
        if small:
            return True, f"The runs agree: {what} {max(miss, 0.0):.1e}."
        size = "are close, but differ" if miss <= 1e-2 else "differ"
        return False, f"The runs {size}: {what} {miss:.1e}, energy gap {float(gap.value):.2e}."
    above = (tv - float(floor.value)) / max(float(floor.stderr), 1e-300)
    if above <= _SIGMAS and sigmas <= _SIGMAS:
        return (
            True,
            f"The runs agree within shot noise: distance {tv:.3g} where {float(floor.value):.3g} is expected from it.",
        )
    parts = []
    if above > _SIGMAS:
        parts.append(f"the densities by {tv - float(floor.value):.2g} above it")
    if sigmas > _SIGMAS:
        parts.append(f"the energies by {sigmas:.1f} standard errors")
    return False, f"The runs differ beyond shot noise: {' and '.join(parts)}."
