"""Annealing along a path of operators ``H(t) = s(t) sum_k s_k(t) H_k``: what its stages are, their levels, and where levels come close.

A path from fields to bonds is quantum annealing (Kadowaki and Nishimori, Phys. Rev. E 58, 5355, 1998, arXiv:cond-mat/9804280). What
holds it up is the gap on the way: a wave that goes through its least value with the speed ``d(E1 - E0)/dt`` on both sides stays in the
old state with the probability ``exp(-2 pi (gap / 2)^2 / |d(E1 - E0)/dt|)`` (Landau; Zener, Proc. R. Soc. A 137, 696, 1932). Ground
levels of operators are often more than one state, by symmetry: a maximum cut and its mirror image. All of them count as the ground.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...base.errors import MethodError, require
from ...model.hamiltonians import Hamiltonian, LearningHamiltonian, PauliHamiltonian
from ...model.operator_sum import OperatorSum
from ...model.problem import Problem
from ...model.schedules import Constant, Schedule
from .spectrum import DENSE, Levels, Spectrum, held_still, passed_over
from .stages import Staged, equidistributed, stage_times

_LEVEL = 1e-9  # of the largest coefficient sum: levels this near are one, as symmetries leave them
_LEAP = 0.5  # overlap of two ground levels below which something lies between them
_TURN = 0.5  # a crossing has a gap below this share of the gaps around it
_SEARCH = 40  # halvings of the interval between two stages, a third of it on large registers
_SHARP = 0.05
_ASIDE = 0.01  # how far from a crossing, in shares of the way between two stages, both sides are looked at
_PROBES = 33
_KNOWN = 4  # levels that are looked for where not all are known


@dataclass(frozen=True)
class PathCrossing:
    """An avoided crossing of the two lowest levels along a path of operators.

    Attributes:
        time: at which the schedules of the problem have the values of the least gap.
        gap: there.
        overlap: of the ground levels of the stages before and after: the largest ``|<a|b>|^2`` of waves in them.
        slope: ``|d(E1 - E0) / dt|`` away from the crossing, by Hellmann and Feynman on both sides, per unit of the time of the run.
        state_before, state_after: labels of the most probable basis states before and after.
    """

    time: float
    gap: float
    overlap: float
    slope: float
    state_before: str
    state_after: str

    @property
    def landau_zener(self) -> float:
        """Probability that a sweep on the real clock stays in the old state.

        >>> round(PathCrossing(0.5, 0.2, 0.0, 0.02, "0", "1").landau_zener, 6)
        0.043214
        """
        return passed_over(self.gap, self.slope)

    def __str__(self) -> str:
        leap = f"from {self.state_before!r} to {self.state_after!r}"
        return f"the ground state leaps {leap} at t = {self.time:.3g} with a gap of {self.gap:.2g}"


def check_path(problem: Problem) -> None:
    """Refuse operators whose values at all times are multiples of one: their eigenstates do not move, so that there is nothing to anneal.

    Raises:
        MethodError: the terms do not have several schedules.
    """
    several = isinstance(problem.operator, OperatorSum) and len(problem.operator.parts) > 1
    must = "have an objective, or an operator whose terms have several schedules, [(schedule, operator), ...]"
    what = "of one operator, whose ground state does not move"
    require(several, "problem", must, what, MethodError)


def held_operator(problem: Problem, times: Sequence[float] | np.ndarray) -> Problem:
    """The problem with all its schedules held still within each stage, at their values at these times.

    >>> from qml_dynamics import Linear
    >>> path = [(Linear(1, 0), {"XI": -1.0}), (1.0, {"ZZ": -1.0})]
    >>> problem = Problem.from_operator(path, clock="real", duration=4.0)
    >>> held_operator(problem, [0.0, 2.0, 4.0]).operator.parts[0][0]
    Staged(values=(1.0, 0.5, 0.0))
    """
    assert isinstance(problem.operator, OperatorSum)

    def still(schedule: Schedule) -> Schedule:
        """The values at the times, one a stage."""
        if isinstance(schedule, Constant):
            return schedule
        return Staged(tuple(schedule.value(float(t), problem.duration) for t in times))

    parts = tuple((still(schedule), terms) for schedule, terms in problem.operator.parts)
    return problem.replace(strength=still(problem.strength), operator=OperatorSum(parts))


def path_times(problem: Problem, h: PauliHamiltonian, stages: int, adapt: str | None) -> np.ndarray:
    """The times of the problem at which its stages take the schedules, ascending.

    With ``adapt="gap"`` neighbours have equal integrals of ``sqrt(sum_n |<n|dH/dt|0>|^2 / max(E_n - E_0, 1/duration)^4)``: local
    adiabaticity (Roland and Cerf, Phys. Rev. A 65, 042308, 2002), where levels that the path does not lead to do not count.

    Raises:
        MethodError: ``adapt`` is neither None nor ``"gap"``, or there are too many qubits for all levels.
    """
    plain = stage_times(stages, problem.duration)
    if adapt is None:
        return plain
    own = "whose parts are no kinetic energy and loss"
    require(adapt == "gap", "adapt", f"be None or 'gap' for an operator, {own}", adapt, MethodError)
    size = h.domain.size
    require(
        size <= DENSE,
        "adapt",
        f"be None above {DENSE} basis states, whose levels are not all known",
        adapt,
        MethodError,
    )
    probes, spectrum = stage_times(_PROBES, problem.duration), Spectrum(h)
    weights = np.array([h.coefficients(float(t)) for t in probes])
    rates = np.gradient(weights, probes, axis=0)
    density = np.array([_restlessness(spectrum, *each, 1 / problem.duration) for each in zip(weights, rates)])
    return -equidistributed(-probes, density, stages)


def _restlessness(spectrum: Spectrum, weights: np.ndarray, rates: np.ndarray, floor: float) -> float:
    """``sqrt(sum_n |<n|dH/dt|0>|^2 / (E_n - E_0)^4)`` beyond the ground level, with gaps below a floor counted as that."""
    energies, modes = spectrum.whole(*weights.tolist())
    kept = energies - energies[0] > _LEVEL * _size(spectrum.h, weights)
    ground = modes[:, ~kept]
    moved = np.array([spectrum.h.combine(column, *rates.tolist()) for column in ground.T]).T
    parts = modes[:, kept].conj().T @ moved
    return float(np.linalg.norm(parts / np.maximum(energies[kept] - energies[0], floor)[:, None] ** 2))


def operator_levels(
    h: PauliHamiltonian,
    points: Sequence[tuple[float, ...]],
    when: Sequence[float] | np.ndarray,
    stage_time: float,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> Levels:
    """Gaps and ground levels of all stages, and the crossings between neighbouring ones.

    Args:
        h: with the operators of the path.
        points: what its operators are multiplied with in each stage.
        when: the times of the problem at which its schedules have these values.
        stage_time: for how long a stage lasts.
        on_step: told ``(done, total)`` stages.
    """
    spectrum, found = Spectrum(h), []
    for i, weights in enumerate(points):
        found.append(_ground(spectrum, weights))
        on_step(i + 1, len(points))
    crossings = []
    for i in range(len(points) - 1):
        overlap = _overlap(found[i].waves, found[i + 1].waves)
        if overlap < _LEAP and points[i] != points[i + 1]:
            crossings.append(
                _crossing(spectrum, points[i : i + 2], when[i : i + 2], found[i : i + 2], overlap, stage_time)
            )
    gaps, energies = np.array([[each.gap, each.energy] for each in found]).T
    return Levels(gaps, energies, tuple(each.waves for each in found), tuple(c for c in crossings if c is not None))


@dataclass(frozen=True, eq=False)
class _Ground:
    """The lowest level: its energy, the distance to the next one, and its waves as rows."""

    energy: float
    gap: float
    waves: np.ndarray


def _size(h: Hamiltonian, weights: Sequence[float] | np.ndarray) -> float:
    assert isinstance(h, PauliHamiltonian)
    return max(h.weighted(np.asarray(weights).tolist()).bound(), np.finfo(float).tiny)


def _ground(spectrum: Spectrum, weights: Sequence[float]) -> _Ground:
    """Energies within rounding of the lowest are one level; the gap is 0 where none of the others is known."""
    if spectrum.dense:
        energies, modes = spectrum.whole(*weights)
        waves = modes.T
    else:
        energies, waves = held_still(spectrum.h, weights).lowest(_KNOWN)
        waves = waves.reshape(_KNOWN, -1)
    same = energies - energies[0] <= _LEVEL * _size(spectrum.h, weights)
    gap = float(energies[~same][0] - energies[0]) if not same.all() else 0.0
    return _Ground(float(energies[0]), gap, waves[same])


def _overlap(first: np.ndarray, second: np.ndarray) -> float:
    """The largest ``|<a|b>|^2`` of a wave in one level and one in the other."""
    return float(np.linalg.svd(first.conj() @ second.T, compute_uv=False)[0] ** 2)


def _crossing(
    spectrum: Spectrum,
    points: Sequence[tuple[float, ...]],
    when: Sequence[float] | np.ndarray,
    ends: Sequence[_Ground],
    overlap: float,
    stage_time: float,
) -> PathCrossing | None:
    """Where the ground level has as much of either end, by bisection: None where the gap has no dip there."""
    h = spectrum.h
    assert isinstance(h, PauliHamiltonian)
    first, last = (np.array(point) for point in points)
    moved = h.weighted(last - first)

    def at(x: float) -> _Ground:
        """The ground level at a share of the way."""
        return _ground(spectrum, tuple(((1 - x) * first + x * last).tolist()))

    def slope(*sides: _Ground) -> float:
        """``|d(E1 - E0) / dx|`` from the ground states on both sides, which are the two levels of either."""
        low, high = (float(np.vdot(side.waves[0], moved.apply(side.waves[0])).real) for side in sides)
        return abs(high - low)

    steep, near, far, found = slope(*ends), 0.0, 1.0, (np.inf, 0.5)
    for _ in range(_SEARCH if spectrum.dense else _SEARCH // 3):
        x = 0.5 * (near + far)
        here = at(x)
        found = min(found, (here.gap, x))
        left, right = (_overlap(end.waves, here.waves) for end in ends)
        near, far = (x, far) if left > right else (near, x)
        if (far - near) * steep < _SHARP * found[0]:
            break
    gap, x = found
    if gap > _TURN * min(end.gap for end in ends):
        return None
    apart = min(max(_ASIDE, 3 * gap / max(steep, np.finfo(float).tiny)), 0.5)
    steep = slope(at(max(0.0, x - apart)), at(min(1.0, x + apart)))
    labels = [f"{int(np.argmax((np.abs(end.waves) ** 2).sum(axis=0))):0{h.num_qubits}b}" for end in ends]
    return PathCrossing(float(when[0] + x * (when[1] - when[0])), gap, overlap, steep / stage_time, *labels)


def rests(h: Hamiltonian) -> bool:
    """Whether basis states stand still under the Hamiltonian at the end of a path, so that no wave starts from one.

    >>> from qml_dynamics import Linear, hamiltonian
    >>> path = [(Linear(1, 0), {"XI": -1.0}), (Linear(0, 1), {"ZZ": -1.0})]
    >>> rests(hamiltonian(Problem.from_operator(path, clock="real", duration=4.0)))
    True
    """
    if isinstance(h, LearningHamiltonian):
        return False
    last = h.at(h.duration)
    return not any(x and c for x, c in zip(last.x.tolist(), last.coefficients.tolist()))
