"""Whether growth paid: the work of a grown run beside that of the run on the problem's own grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .patches import Patch


def verdict(grown: Sequence[tuple[int, ...]], share: float, unit: str, fraction: float = 1.0) -> str:
    """One sentence: the ratio of what a grown run took to what the run on the problem's own grid takes throughout.

    >>> print(verdict([(4,), (5,)], 1.04, "amplitude updates"))
    Growth did not pay here: ratio 1.04 to the amplitude updates of the problem's own grid throughout, on grids of 4 -> 5 qubits.
    """
    path = " -> ".join("x".join(map(str, q)) for q in dict.fromkeys(grown))
    said = "Growth paid" if share <= 0.5 else "Growth hardly paid" if share < 1 else "Growth did not pay"
    part = f", at first in {fraction:g} of the box" if fraction < 1 else ""
    return f"{said} here: ratio {share:.3g} to the {unit} of the problem's own grid throughout, on grids of {path} qubits{part}."


def told(plan: Sequence[tuple[float, Patch]], spent: float, fixed: float, unit: str) -> dict[str, Any]:
    """What the diagnostics say of a run along ``plan``: what it spent, what the fixed run spends, and the verdict."""
    share = spent / max(fixed, 1.0)
    said = verdict(
        [p.grid.qubits for _, p in plan], share, unit.replace("_", " ").replace("two q", "two-q"), plan[0][1].fraction
    )
    return {unit: round(spent), f"fixed_{unit}": round(fixed), "ratio": share, "pays": share <= 0.5, "verdict": said}
