"""The parts of the error of a run as :func:`qml_dynamics.error_budget` measures them: distances, shifts of the mean loss, infidelities.

A module of its own beside `budget`: what is saved, read and drawn, without the runs that it takes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from itertools import zip_longest
from pathlib import Path
from typing import Protocol

import numpy as np

from ..base.archive import of, reading
from ..base.arguments import checks_arguments
from ..base.codec import field_values
from ..base.errors import require
from ..base.estimate import Estimate
from ..base.printing import cut, printed_briefly
from ..model.domains import Domain
from ..results.stored import read_result, write_result
from ..results.trajectory import Trajectory

TERMS = ("box", "grid", "formula", "encoding", "register", "readout", "device", "mitigation", "shots")
ONE_HOT_TERMS = (*TERMS[:2], "differences", *TERMS[2:])
_TERMS_OF_BEFORE: tuple[str, ...] = tuple(
    name for name in TERMS if name not in ("readout", "mitigation")
)  # both were in `device`
OPERATOR_TERMS = ("start", "formula", "encoding", "register", "readout", "device", "mitigation", "shots")
SYNTHESIS = "synthesis"
_NOISE = ("readout", "device")  # which mitigation takes back
KIND = "error budget"


@printed_briefly
@dataclass(frozen=True)
class ErrorBudget:
    """The parts of a run's error.

    Of a loss the parts are box, grid, formula, encoding, register, readout, device (the other noise), mitigation and shots, on a one-hot
    grid differences too, what finite differences in place of the spectral Laplacian do; of an operator start in place of box and grid.
    Where an error of the synthesis is given, ``synthesis`` is one more part of each, behind encoding and register. In files of before,
    readout and mitigation of a loss are in `device`.

    Attributes:
        terms: total variation over the cells; what lies outside of the box is one more cell. Of an operator, what tells the two states
            apart best: that, or the change of an observable beside twice its bound, each of which is at most their trace distance.
        shifts: signed change of the mean loss (of an operator: of the energy), for the same parts; they add up to the last shift
            exactly.
        infidelity: ``1 - |<a|b>|^2`` for the parts where both sides have states.
        total: total variation between the run and the refined reference in the wider box.
        total_shift: change of the mean loss between them.
        shot_floor: the total variation that the shots make on average.
        cells: in how many cells densities were compared.
        notes: what could not be measured, and why.
        observables: of an operator: signed change of each observable for the same parts, and their sum as ``"total"``.
        noise_left: what mitigation leaves of readout and device, as a distance; without it all of them.
    """

    terms: Mapping[str, Estimate]
    shifts: Mapping[str, Estimate]
    infidelity: Mapping[str, float]
    total: Estimate
    total_shift: Estimate
    shot_floor: Estimate
    cells: int
    notes: tuple[str, ...] = ()
    observables: Mapping[str, Mapping[str, Estimate]] = field(default_factory=dict)
    noise_left: float = 0.0

    @property
    def sum(self) -> Estimate:
        """Sum of the terms: never below the total but for sampling noise."""
        values = [e for e in self.terms.values() if np.isfinite(float(e.value))]
        stderr = float(np.sqrt(sum(float(e.stderr) ** 2 for e in values)))
        return Estimate(float(sum(float(e.value) for e in values)), stderr, self.total.shots)

    @property
    def dominant(self) -> str:
        """The largest term; noise that mitigation takes back counts by what is left of it, and mitigation by what it adds."""
        sizes = {name: float(np.nan_to_num(float(term.value), nan=-1.0)) for name, term in self.terms.items()}
        if sizes.get("mitigation", 0.0) > 0:
            noise = sum(sizes[name] for name in _NOISE)
            for name in _NOISE:
                sizes[name] *= min(1.0, self.noise_left / noise) if noise > 0 else 1.0
            sizes["mitigation"] = max(0.0, self.noise_left - noise)
        return max(sizes, key=lambda name: sizes[name])

    @checks_arguments
    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the budget to one ``.npz`` file, whole or not at all; :meth:`load` reads it back to the bit."""
        return write_result(path, KIND, field_values(self))

    @classmethod
    @checks_arguments
    def load(cls, path: str | os.PathLike[str]) -> ErrorBudget:
        """What :meth:`save` wrote, or ``error_budget(folder=...)`` as ``budget.npz``.

        Raises:
            ProblemError: the file is no saved budget, or was damaged or changed.
        """
        parts = read_result(path, KIND)
        with reading(f"Argument `path` must be a saved {KIND}, but {path} is not"):
            for name in ("terms", "shifts"):
                found = of(parts[name], dict, name)
                _check_parts(found, name)
            of(parts.setdefault("observables", {}), dict, "observables")
            of(parts.setdefault("noise_left", 0.0), float, "noise_left")
            for name in ("total", "total_shift", "shot_floor"):
                of(parts[name], Estimate, name)
            of(parts["infidelity"], dict, "infidelity")
            names = [f.name for f in fields(cls)]
            require(sorted(parts) == sorted(names), "path", f"hold {', '.join(names)}", ", ".join(parts))
            made = cls(**parts)  # type: ignore[arg-type]
        return made

    def __getattr__(self, name: str) -> Estimate:
        known = self.__dict__.get("terms", {})  # copies ask for names before the fields are there
        if name in known:
            found: Estimate = known[name]
            return found
        raise AttributeError(name)

    def __str__(self) -> str:
        """The parts two a line, the energy or mean loss alone and without infidelities; :meth:`table` has everything."""
        parts = [(name, self.terms[name], self.shifts[name]) for name in self.terms]
        parts.append(("total", self.total, self.total_shift))
        cells = [f"{name:10}{distance!s:>20}{shift!s:>24}" for name, distance, shift in parts]
        head, half = f"{'':10}{'distance':>20}{self._column:>24}", (len(cells) + 1) // 2
        rows = [f"{head}    {head}"]
        rows += [f"{left}    {right}".rstrip() for left, right in zip_longest(cells[:half], cells[half:], fillvalue="")]
        rows.append(f"largest part: {self.dominant}; sum of the parts: {self.sum}; distances over {self.cells} cells")
        return cut("\n".join([*rows, *self.notes]))

    @property
    def _column(self) -> str:
        return "energy" if "start" in self.terms else "mean loss"

    def table(self) -> str:
        """Everything as a text, a part a line: distance, change of the mean loss or energy and of all observables, infidelity, notes."""
        names = list(self.observables)
        rows = [f"{'':10}{'distance':>22}{self._column:>24}{''.join(f'{n[:20]:>24}' for n in names)}{'infidelity':>12}"]
        for name in self.terms:
            miss = f"{self.infidelity[name]:.1e}" if name in self.infidelity else ""
            more = "".join(f"{self.observables[n][name]!s:>24}" for n in names)
            rows.append(f"{name:10}{self.terms[name]!s:>22}{self.shifts[name]!s:>24}{more}{miss:>12}")
        rows.append(f"{'sum':10}{self.sum!s:>22}")
        more = "".join(f"{self.observables[n]['total']!s:>24}" for n in names)
        rows.append(f"{'total':10}{self.total!s:>22}{self.total_shift!s:>24}{more}")
        rows.append(f"largest part: {self.dominant}; distances over {self.cells} cells")
        return "\n".join([*rows, *self.notes])


def with_synthesis(names: tuple[str, ...], synthesised: bool) -> tuple[str, ...]:
    """The names of the parts in their order, with that of the synthesis where there is one.

    >>> with_synthesis(TERMS, True)
    ('box', 'grid', 'formula', 'encoding', 'register', 'synthesis', 'readout', 'device', 'mitigation', 'shots')
    """
    place = names.index("register") + 1
    return (*names[:place], SYNTHESIS, *names[place:]) if synthesised else names


def _check_parts(found: Mapping[object, object], name: str) -> None:
    """Raise :class:`ProblemError` unless these are estimates of all parts of a loss, or of an operator."""
    plain: tuple[str, ...] = (
        OPERATOR_TERMS if "box" not in found else ONE_HOT_TERMS if "differences" in found else TERMS
    )
    if "box" in found and "readout" not in found:
        plain = _TERMS_OF_BEFORE
    known = with_synthesis(plain, SYNTHESIS in found)
    whole = sorted(map(str, found)) == sorted(known) and all(isinstance(v, Estimate) for v in found.values())
    require(whole, "path", f"hold {name} of {', '.join(known)}", ", ".join(map(str, found)))


_CELLS = 64
_LOST = 1e-9  # of the norm, above which an overlap is taken as it is


def coarse_cells(density: np.ndarray, domain: Domain) -> np.ndarray:
    """Probabilities of at most 64 cells that cover the box, the same cells whatever the grid's fineness.

    Each axis is halved in turn until the cells are used up; a hypercube splits by its first weights.
    """
    cells = [1] * domain.ndim
    budget = _CELLS.bit_length() - 1
    while budget and any(c < n for c, n in zip(cells, domain.shape)):
        for axis, n in enumerate(domain.shape):
            if budget and cells[axis] < n:
                cells[axis] = min(2 * cells[axis], n)
                budget -= 1
    out = density
    for axis, (count, n) in enumerate(zip(cells, domain.shape)):
        if count < n:
            out = np.add.reduceat(out, np.arange(count) * n // count, axis=axis)
    return out


def samples_worth(run: Trajectory, shots: int) -> int:
    """How many plain samples of the last density the run is worth: those kept, or fewer where circuits are extrapolated."""
    if run.counts is not None:
        return run.counts["weight"][-1].shots
    weights = np.asarray(run.diagnostics.get("coefficients", [1.0]))
    return max(1, round(shots / float((weights**2).sum())))


def infidelity_of(a: np.ndarray, b: np.ndarray) -> float:
    """``1 - |<a|b>|^2`` without cancellation for nearly equal waves; each may have lost part of its norm, and 0 of a wave and itself.

    >>> unit, shorter = np.array([1.0, 0.0]), np.array([0.9, 0.0])
    >>> round(infidelity_of(unit, shorter), 12), round(infidelity_of(shorter, unit), 12), infidelity_of(shorter, shorter)
    (0.19, 0.19, 0.0)
    """
    if a is b:
        return 0.0
    lost = 1 - min(float((np.abs(wave) ** 2).sum()) for wave in (a, b))
    if lost > _LOST:
        return float(1 - abs(np.vdot(a, b)) ** 2)
    overlap = np.vdot(a, b)
    phase = overlap / abs(overlap) if overlap else 1.0
    gap = float(np.linalg.norm(a * phase - b) ** 2)  # 2 - 2 |<a|b>|
    return gap - gap * gap / 4


@dataclass
class Point:
    """One run of the chain: density over the grid, its wave if known, its mean loss, and the probability outside the box.

    ``redrawn`` are the probabilities of the cells as read with a calibration from ``calibrated`` shots that is drawn again, one a row.
    """

    density: np.ndarray
    state: np.ndarray | None
    loss: Estimate
    shots: int | None = None
    outside: float = 0.0
    redrawn: np.ndarray | None = None
    calibrated: int | None = None


class Shots(Protocol):
    """An end of a link."""

    @property
    def shots(self) -> int | None:
        """Of how many samples it is made; None: exact."""
        ...

    @property
    def calibrated(self) -> int | None:
        """From how many samples the errors are known with which it is read; None: exactly, or it is not read."""
        ...


def sampled(a: Shots, b: Shots) -> bool:
    """Whether the difference of both ends of a link has an error from samples: nothing lies between a run and itself."""
    return a is not b and any(n is not None for n in (a.shots, b.shots, a.calibrated, b.calibrated))


def certain(estimate: Estimate) -> Estimate:
    """The value alone, of a link that is not sampled."""
    return Estimate(float(estimate.value), 0.0, None)
