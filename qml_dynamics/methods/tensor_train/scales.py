"""Losses with scales finer than the momenta that are kept: the smooth part takes the steps, what the rest would do is an error.

A factor ``exp(-i dt V)`` throws ``dt V_k`` of the wave to each momentum k of the loss. Where ``D k^2 dt`` is large, the wave of the whole
equation holds only ``V_k / (D k^2)`` there, and the steps converge as dt. So the momenta of the loss are cut off smoothly inside those of
the wave, ``V = S + F``, and S takes the steps (a mollified impulse method). To first order in F the wave then misses
``-(D k^2)^-1 F psi``, on the real clock also what began as that and spread, and to second order ``T F (D k^2)^-1 F psi``.
Sources: Garcia-Archilla, Sanz-Serna and Skeel, SIAM J. Sci. Comput. 20, 930 (1998); Hairer, Lubich and Wanner, Geometric Numerical
Integration, chapter XIII (2006).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from ...model.problem import Problem
from .kinetic import multiplier, of_momentum, of_sines
from .layout import Layout
from .momenta import FINEST, HIGHEST, WHOLE, within
from .moving import Reached
from .trains import Train, added, applied, drawn, inner, norm, rounded, scaled

GOAL = (
    1000.0  # tolerances that the error of the step may have where steps are chosen, and that of what is smoothed away
)
_ESTIMATE = 1e-6  # relative 2-norm to which errors are estimated
_LOOKED = 1 << 14  # points of a line on which narrow places are looked for
_STRIDE = 8  # points between those of the wider differences there
_SMOOTH = 16.0  # by which these must be larger where the loss is smooth: by 64 where it is a parabola
_SEEN = 1e-7  # of the range of the loss: narrow places that count
_PLACES = 16
_TIMES = 65  # at which schedules are asked
_TURN = 8.0  # radians by which a step may turn the highest momenta of the loss
Loss = Callable[[np.ndarray], np.ndarray]  # of bits


def narrow_places(loss: Loss, layout: Layout, begin: Train) -> np.ndarray:
    """Bits of places, along lines through the initial wave, where the loss bends more than its surroundings let expect.

    A dip of a thousandth of an axis is hit by few samples. Where second differences over eight times the distance are not about 64 times
    as large, there is something narrower than that.
    """
    found = [np.zeros((0, len(begin)), np.int8)]
    where = layout.coordinates(drawn(begin, 31, np.random.default_rng(9)))
    middle = np.sort(where, axis=0)[len(where) // 2]
    for axis, q in enumerate(layout.grid.qubits):
        if q <= WHOLE:
            continue
        stride = max(1, (1 << q) // _LOOKED)
        line = np.repeat(middle[None], min(1 << q, _LOOKED), axis=0)
        line[:, axis] = stride * np.arange(len(line))
        bits = layout.bits(np.ravel_multi_index(tuple(line.T), layout.grid.shape))
        values = loss(bits)
        near = np.abs(
            values[_STRIDE - 1 : 1 - _STRIDE - 2] - 2 * values[_STRIDE:-_STRIDE] + values[_STRIDE + 1 : 1 - _STRIDE]
        )
        wide = np.abs(values[: -2 * _STRIDE] - 2 * values[_STRIDE:-_STRIDE] + values[2 * _STRIDE :])
        narrow = (near > _SEEN * np.ptp(values)) & (wide < _SMOOTH * near)
        best = np.argsort(-near * narrow, kind="stable")[:_PLACES]
        found.append(bits[best[narrow[best]] + _STRIDE])
    return np.concatenate(found)


def _falling(k: np.ndarray, cutoff: int) -> np.ndarray:
    """1 up to an eighth of the range of so many qubits, smoothly down to 0 at a quarter of it, the largest momentum kept being half."""
    s = np.clip((np.abs(k) - 2.0 ** (cutoff - 3)) / 2.0 ** (cutoff - 3), 0.0, 1.0)
    up, down = (np.exp(-1.0 / np.maximum(x, 1e-3)) for x in (s, 1 - s))
    return np.asarray(down / (up + down))


@dataclass(frozen=True, eq=False)
class Scales:
    """A loss in two parts.

    Attributes:
        layout: of its sites.
        cutoffs: qubits of the momenta that are kept, for which it was taken apart; an axis that keeps all of them has no rest.
        smooth: the part whose momenta fit into half of these.
        rest: the other one.
    """

    layout: Layout
    cutoffs: tuple[int, ...]
    smooth: Train
    rest: Train

    @property
    def _cut(self) -> list[int]:
        return [axis for axis, q in enumerate(self.layout.ring.grid.qubits) if self.cutoffs[axis] < q]

    def unit(self, axis: int) -> float:
        """The momentum below which nothing of the rest is thrown."""
        return 2 * np.pi / self.layout.ring.grid.lengths[axis] * 2.0 ** (self.cutoffs[axis] - 4)

    @cached_property
    def _operators(self) -> dict[int, tuple[Train, Train, Train]]:
        """Of each axis: ``(k / unit)^-2`` by octaves above the unit, what is below it, and what is kept."""
        out = {}
        for axis in self._cut:
            q, cut = self.layout.ring.grid.qubits[axis], self.cutoffs[axis]
            inverse = scaled(within(q, q), 4.0 ** (cut - 2 - q))
            for m in range(q - 2, cut - 5, -1):  # k below 2^m: the octave below, or nothing
                jump = 4.0 ** (cut - 4 - m) * (3.0 if m > cut - 4 else -1.0)
                inverse = added(inverse, scaled(within(q, m + 1), jump))
            parts = (rounded(inverse, FINEST, 64)[0], within(q, cut - 3), within(q, cut))
            out[axis] = tuple(self.layout.alone(axis, _on_points(part, self.layout, -1)) for part in parts)
        return out  # type: ignore[return-value]

    def missed(self, train: Train, most: int, imaginary: bool) -> tuple[list[float], float, float]:
        """Norms of ``D k^-2 F psi`` by axes and of ``F psi`` at momenta below the unit, each for D = 1, and of ``F k^-2 F psi``.

        On the imaginary clock, what the last two have of the wave itself is left out: it changes the norm alone.
        """
        first, second = [0.0] * len(self.cutoffs), 0.0
        hit = applied(self.rest, train, _ESTIMATE, most)[0]
        for axis, (inverse, low, kept) in self._operators.items():
            factor = self.unit(axis) ** -2
            thrown = applied(inverse, hit, _ESTIMATE, most)[0]
            first[axis] = factor * norm(thrown)
            back = applied(kept, applied(self.rest, thrown, _ESTIMATE, most)[0], _ESTIMATE, most)[0]
            second += factor * _beside(back, train, imaginary)
            hit = applied(low, hit, _ESTIMATE, most)[0]
        return first, _beside(hit, train, imaginary), second

    def errors(self, points: Sequence[Reached], problem: Problem, most: int) -> np.ndarray:
        """2-norms of what the waves at these points lack, and have wrong, without the rest of the loss."""
        imaginary = problem.clock == "imaginary"
        begin, *told = [self.missed(point.train, most, imaginary) for point in points]
        out = [0.0]
        for point, (first, low, second) in zip(points[1:], told):
            share, whole = ratio(problem, point.time)
            size = np.linalg.norm(first) + (0.0 if imaginary else np.linalg.norm(begin[0]))
            rest = max(low, begin[1]) + share * max(second, begin[2])
            out.append(min(2.0, float(share * size + whole * rest)))
        return np.array(out)


def _beside(vector: Train, train: Train, imaginary: bool) -> float:
    """The norm, on the imaginary clock without the part along the wave."""
    along = abs(inner(train, vector)) if imaginary else 0.0
    return float(np.sqrt(max(0.0, norm(vector) ** 2 - along**2)))


def _on_points(diagonal: Train, layout: Layout, parity: int) -> Train:
    """A function of the momentum of an axis as an operator on its points, highest bit first; between walls on waves of that parity."""
    if layout.grid.boundary == "walls":
        return of_sines(diagonal, FINEST, parity)
    return multiplier(diagonal, len(diagonal), FINEST)


def taken_apart(loss: Train, layout: Layout, cutoffs: tuple[int, ...], tolerance: float, most: int) -> Scales:
    """The parts of a loss, given as a right-canonical train, for these momenta of the wave."""
    smooth = loss
    for axis, (q, cut) in enumerate(zip(layout.ring.grid.qubits, cutoffs)):
        if cut < q:
            kept = of_momentum(partial(_falling, cutoff=cut), q, cut, FINEST)
            smooth = applied(layout.alone(axis, _on_points(kept, layout, 1)), smooth, tolerance, most)[0]
    rest = rounded(added(loss, scaled(smooth, -1.0)), _ESTIMATE * 0.1, most)[0]
    return Scales(layout, cutoffs, smooth, rest)


def ratio(problem: Problem, time: float) -> tuple[float, float]:
    """The largest strength over diffusion that the rest of the loss has met, and the integral of the strength.

    On the imaginary clock what was thrown decays at once, so that the coefficients at the time itself count.
    """
    times = np.linspace(0.0, time, _TIMES)
    s, d = (np.abs([c.value(float(t), problem.duration) for t in times]) for c in (problem.strength, problem.diffusion))
    shares = s / np.maximum(d, 1e-12 * max(float(d.max()), 1e-300))
    return float(shares[-1] if problem.clock == "imaginary" else shares.max()), float(s.mean() * time)


def turns(problem: Problem, layout: Layout, cutoffs: Sequence[int]) -> list[float]:
    """Steps in which the highest momentum of the smooth part turns by eight radians, by axes."""
    whole = abs(problem.diffusion.integral(0.0, problem.duration, problem.duration))
    lengths = layout.ring.grid.lengths
    return [whole * (2 * np.pi / length * 2.0 ** (cut - 2)) ** 2 / _TURN for length, cut in zip(lengths, cutoffs)]


def chosen(
    loss: Train,
    layout: Layout,
    problem: Problem,
    cutoffs: tuple[int, ...],
    waves: Sequence[Train],
    tolerance: float,
    most: int,
    steps: int,
) -> Scales | None:
    """The parts of a loss for the least momenta that leave out at most a thousand tolerances; None where the loss has no fine scale.

    Args:
        loss: right-canonical.
        layout: of its sites.
        problem: what is run.
        cutoffs: the least qubits of the momenta.
        waves: where the wave is.
        tolerance: of the roundings.
        most: the largest rank.
        steps: that may be taken: momenta that turn by more than eight radians in one of them help nothing.
    """
    bits, share = layout.ring.grid.qubits, ratio(problem, problem.duration)[0]
    first = True
    while True:
        scales = taken_apart(loss, layout, cutoffs, 1e-3 * tolerance, most)
        told = [scales.missed(train, most, problem.clock == "imaginary")[0] for train in waves]
        sizes = [share * max(each) for each in zip(*told)]
        if first and max(sizes) <= tolerance:
            return None
        first = False
        raised = tuple(
            cut + (size > GOAL * tolerance and cut < min(q, HIGHEST)) for cut, q, size in zip(cutoffs, bits, sizes)
        )
        needed = turns(problem, layout, raised)
        raised = tuple(new if new == old or n <= steps else old for new, old, n in zip(raised, cutoffs, needed))
        if raised == cutoffs:
            return scales
        cutoffs = raised
