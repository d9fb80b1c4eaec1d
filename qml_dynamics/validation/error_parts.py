"""The parts of the error of a run as :func:`qml_dynamics.error_budget` measures them: distances, shifts of the mean loss, infidelities.

A module of its own beside `budget`: what is saved, read and drawn, without the runs that it takes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from ..base.archive import of, reading
from ..base.arguments import checks_arguments
from ..base.codec import field_values
from ..base.errors import require
from ..base.estimate import Estimate
from ..base.printing import cut, printed_briefly
from ..results.stored import read_result, write_result

TERMS = ("box", "grid", "formula", "encoding", "register", "device", "shots")
KIND = "error budget"


@printed_briefly
@dataclass(frozen=True)
class ErrorBudget:
    """The parts of a run's error.

    Attributes:
        terms: total variation over the cells, for box, grid, formula, encoding, register, device and shots; what lies outside of the
            box is one more cell.
        shifts: signed change of the mean loss, for the same parts; they add up to the last shift exactly.
        infidelity: ``1 - |<a|b>|^2`` for the parts where both sides have states.
        total: total variation between the run and the refined reference in the wider box.
        total_shift: change of the mean loss between them.
        shot_floor: the total variation that the shots make on average.
        cells: in how many cells densities were compared.
        notes: what could not be measured, and why.
    """

    terms: Mapping[str, Estimate]
    shifts: Mapping[str, Estimate]
    infidelity: Mapping[str, float]
    total: Estimate
    total_shift: Estimate
    shot_floor: Estimate
    cells: int
    notes: tuple[str, ...] = ()

    @property
    def sum(self) -> Estimate:
        """Sum of the terms: never below the total but for sampling noise."""
        values = [e for e in self.terms.values() if np.isfinite(float(e.value))]
        stderr = float(np.sqrt(sum(float(e.stderr) ** 2 for e in values)))
        return Estimate(float(sum(float(e.value) for e in values)), stderr, self.total.shots)

    @property
    def dominant(self) -> str:
        """The largest term."""
        return max(self.terms, key=lambda name: np.nan_to_num(float(self.terms[name].value), nan=-1.0))

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
                whole = sorted(found) == sorted(TERMS) and all(isinstance(v, Estimate) for v in found.values())
                require(whole, "path", f"hold {name} of {', '.join(TERMS)}", ", ".join(map(str, found)))
            for name in ("total", "total_shift", "shot_floor"):
                of(parts[name], Estimate, name)
            of(parts["infidelity"], dict, "infidelity")
            names = [f.name for f in fields(cls)]
            require(sorted(parts) == sorted(names), "path", f"hold {', '.join(names)}", ", ".join(parts))
            made = cls(**parts)  # type: ignore[arg-type]
        return made

    def __getattr__(self, name: str) -> Estimate:
        if name in TERMS and "terms" in self.__dict__:  # copies ask for names before the fields are there
            return self.terms[name]
        raise AttributeError(name)

    def __str__(self) -> str:
        """The parts two a line, without infidelities; :meth:`table` has everything."""
        parts = [(name, self.terms[name], self.shifts[name]) for name in TERMS] + [
            ("total", self.total, self.total_shift)
        ]
        cells = [f"{name:10}{distance!s:>20}{shift!s:>24}" for name, distance, shift in parts]
        head = f"{'':10}{'distance':>20}{'mean loss':>24}"
        rows = [f"{head}    {head}"]
        rows += [f"{left}    {right}" for left, right in zip(cells[:4], cells[4:])]
        rows.append(f"largest part: {self.dominant}; sum of the parts: {self.sum}; distances over {self.cells} cells")
        return cut("\n".join([*rows, *self.notes]))

    def table(self) -> str:
        """Everything as a text, a part a line: distance, change of the mean loss and infidelity, and the notes."""
        rows = [f"{'':10}{'distance':>22}{'mean loss':>24}{'infidelity':>12}"]
        for name in TERMS:
            miss = f"{self.infidelity[name]:.1e}" if name in self.infidelity else ""
            rows.append(f"{name:10}{self.terms[name]!s:>22}{self.shifts[name]!s:>24}{miss:>12}")
        rows.append(f"{'sum':10}{self.sum!s:>22}")
        rows.append(f"{'total':10}{self.total!s:>22}{self.total_shift!s:>24}")
        rows.append(f"largest part: {self.dominant}; distances over {self.cells} cells")
        return "\n".join([*rows, *self.notes])
