"""The picture of a Gibbs law: bars with their errors, and the exact law as dots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.errors import MethodError, require
from .style import BLUE, INK, MUTED, ORANGE, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..learning.gibbs import GibbsResult

_BARS = 64


def plot_gibbs(result: GibbsResult, exact: Any = None, labels: Sequence[str] | None = None) -> Figure:
    """The law of a result over its labels (or weights, in C order), up to 64 as bars, more as a line.

    Args:
        result: from :mod:`qml_dynamics.gibbs`.
        exact: a law of the same shape, drawn as dots.
        labels: words below the bars.

    Raises:
        MethodError: ``exact`` or ``labels`` do not fit, or matplotlib is not installed.
    """
    law = result.probabilities.reshape(-1)
    place = np.arange(law.size)
    names = [str(i) for i in place] if labels is None else list(labels)
    require(len(names) == law.size, "labels", f"be {law.size} words", len(names), MethodError)
    with new_figure(max(4.6, min(9.0, 2.2 + 0.22 * law.size)), 3.6) as figure:
        axes = figure.subplots()
        shots = None if result.kept is None else f"{result.kept:,} of {result.shots:,} samples kept"
        if law.size <= _BARS:
            axes.bar(place, law, color=BLUE, alpha=0.75, width=0.7, label=shots or "exact circuit")
            if shots:
                axes.errorbar(
                    place, law, yerr=result.stderr.reshape(-1), fmt="none", ecolor=INK, capsize=2, linewidth=1
                )
            if law.size <= 32:
                axes.set_xticks(place, names, rotation=90 if max(map(len, names)) > 3 else 0)
        else:
            axes.plot(place, law, color=BLUE, linewidth=1.2, label=shots or "exact circuit")
        if exact is not None:
            dots = np.asarray(exact, dtype=float).reshape(-1)
            require(dots.size == law.size, "exact", f"have {law.size} probabilities", dots.size, MethodError)
            axes.plot(place, dots, "o", color=ORANGE, markersize=4 if law.size <= _BARS else 1.5, label="exact law")
        axes.set(xlabel="label", ylabel="probability")
        axes.set_title(
            rf"Gibbs law at $\beta$ = {result.beta:g}, {result.reading} reading", loc="left", fontweight="bold"
        )
        axes.legend()
        figure.supxlabel(
            rf"log Z = {result.log_partition:.6g}, success probability {result.success_probability:.4g}",
            x=0.01, ha="left", fontsize=8, color=MUTED,
        )  # fmt: skip
        tidy(axes, "y")
    return figure
