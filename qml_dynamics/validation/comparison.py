"""`compare`: two trajectories against each other, with the shot noise that must be expected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ..base.arguments import checks_arguments_but
from ..base.errors import ProblemError, require
from ..base.estimate import Estimate
from ..base.printing import printed_briefly
from ..model.hamiltonians import LearningHamiltonian, hamiltonian
from ..model.problem import loss_table
from ..results.trajectory import Trajectory
from . import compact_comparison as compact
from . import null_law
from .certificate import Certificate, of_run
from .readings import Reading, readings_of, samples

if TYPE_CHECKING:
    from .null_law import Tested

RATE = 0.01  # of false alarms
_EXACTLY = 1e-6
_MOST_LOSSES = 1 << 14  # points at which the loss is evaluated again; above, the energy's own standard errors are used
_COUNTED = 1e-9


@printed_briefly
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
        agree: whether nothing was seen that shot noise does not explain (exact runs: infidelity and gap below 1e-6).
        verdict: the same in words.
        false_alarm_rate: of the verdict, over all looks together: in one of 100 pairs that agree it says that they differ.
        p_value: probability of what was seen, or more, where the runs agree; None for exact runs.
        looks: how many readings were tested together.
        largest: the reading that lies farthest out, in words, and by how many standard deviations.
        detectable: by what each kind of reading must differ to be seen in 95 of 100 runs with these shots, in its own units.
        classical: where one of the runs is a tensor train: its rank, seconds and error, which tell whether the wave is classically easy.

    Of compact states Hellinger fidelity and total variation are means over 4,096 samples of each; of samples beside a compact state the
    total variation is a lower bound, by the sign that is farthest off, and the Hellinger fidelity the upper bound that follows.
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
    false_alarm_rate: float = RATE
    p_value: float | None = None
    looks: int = 0
    largest: tuple[str, float] | None = None
    detectable: Mapping[str, float] = field(default_factory=dict)
    classical: Certificate | None = None

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
            f"energy gap {self.energy_gap}{sigmas}\n{self._tests()}{self.verdict}"
            + (f"\n{self.classical}" if self.classical else "")
        )

    def _tests(self) -> str:
        """What was tested, at which rate, and what would have been seen; empty for exact runs."""
        if self.p_value is None or self.largest is None:
            return ""
        seen = ", ".join(f"{name} {value:.2g}" for name, value in self.detectable.items())
        return (
            f"tested: {self.looks} readings together, false alarms in {self.false_alarm_rate:.0%}; p = {self.p_value:.2g}; "
            f"farthest out is {self.largest[0]} ({self.largest[1]:.1f} sigma)\n"
            f"would be seen in 95 of 100 runs: a difference in {seen or 'nothing: too few shots'}\n"
        )


@checks_arguments_but("a", "b")
def compare(a: Trajectory, b: Trajectory) -> Comparison:
    """Compare two trajectories of one problem, whatever methods they come from.

    Exact runs agree where infidelity (else total variation) and energy gap are below 1e-6. Where one of them, or both, are samples, all
    of these are tested together: total variation on the grid and on nested coarse cells, the weight of every coarse cell and interval,
    means and spreads of weights and of momenta, the energy, and where the wave is known the likelihood ratio of small shifts, momenta,
    changes of width and of the weights of wells and cells, of the wave as it is and of the initial one. The largest deviation,

        T = max_k |z_k|,   p = (1 + #{T* >= T}) / 2000,

    is compared with 1999 simulated ones T* of runs that agree (multinomial samples of the exact density; where both are samples, these
    dealt out to both runs anew), so that the rate of false alarms is 1 % over all looks. The simulation has a fixed seed. How often
    ``compare`` would have seen a difference is in ``detectable``. Source: exact Monte Carlo tests, Barnard, J. R. Stat. Soc. B 25, 294
    (1963); the largest of many looks, Westfall and Young, Resampling-Based Multiple Testing (1993).

    Runs without tables are compared by their compact states, or samples of an operator's circuit with the compact state of the other: see
    :mod:`qml_dynamics.validation.compact_comparison`.

    Args:
        a, b: on the same weight space and clock, with at least one common saved time; the last one is compared.

    Raises:
        ProblemError: different weight spaces, clocks or readings, or no common time.

    >>> from qml_dynamics import Grid, Problem, SplitStep, Krylov, evolve
    >>> well = Problem(Grid((-4, 4), 5), lambda w: w[:, 0] ** 2, 0.5, clock="imaginary", duration=1.0)
    >>> compare(evolve(well, SplitStep(200, order=4)), evolve(well, Krylov())).agree
    True
    >>> seen = compare(evolve(well, SplitStep(200), shots=1000, seed=1), evolve(well, Krylov()))
    >>> seen.agree, seen.false_alarm_rate, bool(0.05 < seen.detectable["mean weight"] < 0.15)
    (True, 0.01, True)
    """
    for name, given in (("a", a), ("b", b)):
        require(isinstance(given, Trajectory), name, "be a trajectory", given)
    pairs = _common(a, b)
    if compact.without_tables(a, b):
        return _without_tables(a, b, pairs)
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
    looked = looked_at(a, b, i, j)
    size = _energy_size(a, i)
    tested = None if looked is None else null_law.test(looked.readings, looked.energy, looked.beside, RATE)
    if tested is None:
        agree, verdict = _exactly(fidelity, tv, gap, size)
    else:
        agree, verdict = _statistically(tested, tv, floor)
    return Comparison(
        time=float(a.times[i]),
        fidelity=fidelity,
        hellinger=float(np.sqrt(p * q).sum() ** 2),
        total_variation=tv,
        floor=floor,
        energy_gap=Estimate(float(gap.value), float(gap.stderr), gap.shots),
        sigmas=a.expectations["energy"][i].sigmas(b.expectations["energy"][j], size),
        worst_total_variation=max(excess),
        agree=agree,
        verdict=verdict,
        p_value=None if tested is None else tested.p_value,
        looks=0 if tested is None else tested.looks,
        largest=None if tested is None else (tested.largest, tested.size),
        detectable={} if tested is None else tested.detectable,
        classical=certified(a, b),
    )


def certified(a: Trajectory, b: Trajectory) -> Certificate | None:
    """The run of a tensor train among two, as a certificate; None where neither is one."""
    return of_run(a) or of_run(b)


def _without_tables(a: Trajectory, b: Trajectory, pairs: list[tuple[int, int]]) -> Comparison:
    size = _energy_size(a, pairs[-1][0])
    fields = compact.compared(a, b, pairs, RATE, size)
    if "verdict" not in fields:
        gap = fields["energy_gap"]
        fields["agree"], fields["verdict"] = _exactly(fields["fidelity"], fields["total_variation"], gap, size)
    return Comparison(**fields, classical=certified(a, b))


@dataclass(frozen=True)
class Looked:
    """What is tested of two runs: readings of which one at least is sampled, the energy as so much of the loss and of the kinetic part,
    and numbers of standard errors that come from elsewhere."""

    readings: list[Reading]
    energy: tuple[float, float] | None
    beside: dict[str, float]


def looked_at(a: Trajectory, b: Trajectory, i: int, j: int) -> Looked | None:
    """What is tested of two runs at these saved times; None for two exact runs."""
    gap = a.expectations["energy"][i] - b.expectations["energy"][j]
    known = [reading for reading in readings_of(a, b, i, j) if reading.sampled]
    noisy = float(gap.stderr) > 0 and bool(np.isfinite(gap.stderr))
    if not known:
        return None
    h = hamiltonian(a.problem) if a.problem.domain.size <= _MOST_LOSSES else None
    beside = {"the energy": float(gap.value) / float(gap.stderr)} if noisy else {}
    if not isinstance(h, LearningHamiltonian) or len(known) < 2:
        return Looked(known, None, beside)
    known = [replace(r, values=r.ascending(table)) for r, table in zip(known, (h.zeta, h.dual))]
    d, s = h.coefficients(float(a.times[i]))
    counted = s * _mean_gap(known[0]) + d * _mean_gap(known[1])
    if abs(counted - float(gap.value)) <= _COUNTED * _energy_size(a, i):
        beside = {}  # it comes from these samples, and is simulated with them
    return Looked(known, (s, d), beside)


def _mean_gap(reading: Reading) -> float:
    assert reading.values is not None
    return float(((reading.a - reading.b) * reading.values).sum())


def _energy_size(run: Trajectory, i: int) -> float:
    """What a gap of energies is small beside, in their unit: the bounds of an operator, else the kinetic part and the width of the loss.

    The loss is taken from its table where that is small, or from its mean.
    """
    problem, t = run.problem, float(run.times[i])
    size = abs(float(run.expectations["energy"].value[i]))
    if problem.operator is not None:
        return max(size, *map(abs, hamiltonian(problem).bounds(t)))
    ends = (schedule.value(t, problem.duration) for schedule in (problem.diffusion, problem.strength))
    means = (
        abs(float(run.expectations[name].value[i])) for name in ("kinetic", "objective") if name in run.expectations
    )
    size = max(size, sum(abs(each) * mean for each, mean in zip(ends, means)))
    if problem.domain.size > _MOST_LOSSES:
        return size
    strength = abs(problem.strength.value(t, problem.duration))
    widest = sum(float(axis.max()) for axis in problem.domain.dual_axes)
    rounding = 1e-8 * abs(problem.diffusion.value(t, problem.duration)) * widest  # energies of 0 are 0 to within it
    return max(size, strength * float(np.ptp(loss_table(problem))), rounding)


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


def _distance(a: Trajectory, b: Trajectory, i: int, j: int) -> tuple[float, Estimate]:
    p, q = a.density[i].reshape(-1), b.density[j].reshape(-1)
    n, m = samples(a, "weight", i), samples(b, "weight", j)
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


def _exactly(fidelity: float | None, tv: float, gap: Estimate, scale: float) -> tuple[bool, str]:
    miss = 1 - fidelity if fidelity is not None else tv
    small = miss <= _EXACTLY and abs(float(gap.value)) <= _EXACTLY * scale
    what = "infidelity" if fidelity is not None else "total variation"
    if small:
        return True, f"The runs agree: {what} {max(miss, 0.0):.1e}."
    size = "are close, but differ" if miss <= 1e-2 else "differ"
    return False, f"The runs {size}: {what} {miss:.1e}, energy gap {float(gap.value):.2e}."


def _statistically(tested: Tested, tv: float, floor: Estimate) -> tuple[bool, str]:
    distance = f"distance {tv:.3g} where {float(floor.value):.3g} is expected from it"
    if tested.p_value > RATE:
        return True, f"The runs agree within shot noise: {distance}."
    return False, f"The runs differ beyond shot noise in {tested.largest}, by {tested.size:.1f} sigma: {distance}."
