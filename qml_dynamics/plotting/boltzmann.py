"""The picture of Boltzmann machines: the law of the data beside those that were learnt, and the distance while they learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.errors import MethodError, require
from ..learning.boltzmann import law_of
from .style import BLUE, GREEN, INK, MUTED, ORANGE, PURPLE, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..learning.boltzmann import BoltzmannFit


def plot_boltzmann(data: Any, fits: Mapping[str, BoltzmannFit]) -> Figure:
    """Laws over bits as bars and dots; and the Kullback-Leibler distance over the steps of the training.

    Args:
        data: rows of bits or a law, as for :func:`qml_dynamics.boltzmann.fit`.
        fits: name to trained machine, up to four, all of the same visible bits.

    Raises:
        MethodError: no fits, more than four, or matplotlib is not installed.
    """
    require(1 <= len(fits) <= 4, "fits", "be one to four trained machines", len(fits), MethodError)
    visible = next(iter(fits.values())).machine.visible
    law = law_of(data, visible)
    with new_figure(9.6, 3.9) as figure:
        left, right = figure.subplots(1, 2, width_ratios=[1.35, 1])
        words = [f"{v:0{visible}b}" for v in range(len(law))]
        left.bar(range(len(law)), law, color=MUTED, alpha=0.45, label="data")
        spread = np.linspace(-0.25, 0.25, len(fits)) if len(fits) > 1 else [0.0]
        for (name, learnt), color, marker, shift in zip(fits.items(), (BLUE, ORANGE, GREEN, PURPLE), "osD^", spread):
            left.plot(np.arange(len(law)) + shift, learnt.law, marker, color=color, markersize=4, label=name)
            right.plot(
                learnt.kl,
                color=color,
                marker=marker,
                markersize=4,
                markevery=max(1, len(learnt.kl) // 12),
                linewidth=1.4,
                label=f"{name}: {learnt.kl[-1]:.4f}",
            )
        left.set_xticks(range(len(law)), words, rotation=90, family="monospace")
        left.set(xlabel="visible bits", ylabel="probability")
        left.set_title("Laws", loc="left", fontweight="bold")
        left.set_ylim(0, 1.4 * float(law.max()))
        left.legend(loc="upper right", ncols=2)
        right.set_yscale("log")
        right.set(xlabel="step of the training", ylabel="distance to the data (nats)")
        right.set_title("Learning", loc="left", fontweight="bold", color=INK)
        right.legend()
        for axes in (left, right):
            tidy(axes, "y")
    return figure
