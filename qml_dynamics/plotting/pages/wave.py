"""The loss over the weights, and the probability at saved times, as pictures: one a time, for weight spaces of every kind.

One weight: the probability density over it. Two: a map. More: the marginal density of each weight. A hypercube: the probability of
each loss. A general operator: the most probable basis states.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ...model.domains import Grid, Hypercube
from ...model.problem import Problem, loss_table
from ...results.compact import CompactTrajectory
from ...results.trajectory import Best, Trajectory
from ..style import coarse, color_power, loss_histogram, loss_limits, picks
from .markup import Element, element
from .vectors import Panel, level_edges, limits, picture

FRAMES, STATES, MARGINALS = 12, 16, 6
_LINE, _MAP, _FRAME_MAP = 256, 64, 32  # points drawn along an axis: of a curve, of the one map, of a map at each time
_PARTS = 6  # qubits of a marginal of a compact wave
MOST_POINTS = 1 << 20  # of a weight space whose loss is evaluated for a picture


class Drawn(Protocol):
    """What pictures of a wave are drawn of: a trajectory, or the laws of a chain."""

    @property
    def problem(self) -> Problem:
        """The weight space and the loss."""
        ...

    @property
    def times(self) -> np.ndarray:
        """One a law, shape ``(m,)``."""
        ...

    @property
    def density(self) -> np.ndarray:
        """The laws, shape ``(m, *domain.shape)``."""
        ...

    @property
    def best(self) -> Best | None:
        """The best weights, or None."""
        ...


@dataclass(frozen=True, eq=False)
class Laws:
    """Laws of weights that are no wave over time, as pictures of one take them."""

    problem: Problem
    times: np.ndarray
    density: np.ndarray
    best: Best | None


@dataclass(frozen=True)
class Frames:
    """Pictures at saved times.

    Attributes:
        times: each in words, ``"t = 0.5"``.
        pictures: one a time, all on the same scale.
        caption: what they show.
    """

    times: list[str]
    pictures: list[Element]
    caption: str


def time_text(run: Drawn, index: int) -> str:
    """A saved time in words."""
    return f"{time_symbol(run)} = {run.times[index]:.4g}"


def time_symbol(run: Drawn) -> str:
    """The letter of the time of a clock."""
    return "τ" if run.problem.clock == "imaginary" else "t"


def loss_of(run: Trajectory) -> np.ndarray | None:
    """The loss on the weight space; None of an operator, and where there are too many points for a picture."""
    objective, domain = run.problem.objective, run.problem.domain
    if objective is None or isinstance(run, CompactTrajectory) or domain.size > MOST_POINTS:
        return None
    return loss_table(run.problem)


def landscape(run: Drawn, zeta: np.ndarray) -> tuple[Element, str]:
    """The loss with the best weights on it, and what it shows."""
    domain: Any = run.problem.domain
    if isinstance(domain, Hypercube) or domain.ndim > 2:
        return _loss_histogram(run, zeta)
    if domain.ndim == 1:
        x, y = coarse(domain.axes[0], limit=_LINE), coarse(zeta, limit=_LINE)
        panel = Panel.around(_ends(domain, 0), loss_limits(run.density, zeta))
        drawn = [*panel.frame("weight", "loss"), panel.curve(x, y, "ink"), *_marks(run, panel)]
        text = f"Loss over the weight, from {float(zeta.min()):.4g} to {float(zeta.max()):.4g} on the grid."
    else:
        values = coarse(coarse(zeta, 0, _MAP), 1, _MAP)
        panel = Panel.around(_ends(domain, 0), _ends(domain, 1), height=340.0)
        edges = level_edges(float(values.min()), float(values.max()), color_power(values))
        drawn = [*panel.map(values, "loss", edges), *panel.frame("first weight", "second weight"), *_marks(run, panel)]
        text = f"Loss over both weights, from {float(zeta.min()):.4g} to {float(zeta.max()):.4g} on the grid."
    return picture("landscape-picture", "The loss over the weights", text, panel, drawn), f"{text} {_key(run)}"


def _marks(run: Drawn, panel: Panel) -> list[Element]:
    """The best of uniform sampling, and over it that of the wave."""
    best, objective = run.best, run.problem.objective
    if best is None or objective is None:
        return []
    out = []
    for weights, class_ in ((best.uniform_weights, "purple"), (best.weights, "orange")):
        height = weights[1] if len(weights) == 2 else float(objective(np.array([weights]))[0])
        out.append(panel.mark(weights[0], height, class_))
    return out


def _key(run: Drawn) -> str:
    if run.best is None:
        return ""
    return "Filled mark: the best sampled weights; hollow mark: the best of as many uniform samples."


def _loss_histogram(run: Drawn, zeta: np.ndarray) -> tuple[Element, str]:
    edges, uniform, last = loss_histogram(zeta, run.density[-1], 32)
    panel = Panel.around((float(edges[0]), float(edges[-1])), limits([uniform, last], zero=True))
    drawn = [panel.columns(edges, last, "blue"), panel.steps(edges, uniform, "ink dashed")]
    text = "How probable each loss is at the last time (area), and among uniform weights (dashed line)."
    name = "The loss of sampled weights"
    return picture("landscape-picture", name, text, panel, [*panel.frame("loss", "probability"), *drawn]), text


def frames(run: Drawn, zeta: np.ndarray | None, labels: Sequence[str] | None = None) -> Frames:
    """The probability at up to ``FRAMES`` saved times; ``zeta`` is the loss on the domain, or None; ``labels`` name the times."""
    chosen = picks(len(run.times), FRAMES).tolist()
    panel, draw, caption = _drawer(run, zeta, chosen)
    times, drawn = [time_text(run, i) if labels is None else labels[i] for i in chosen], []
    for number, (i, time) in enumerate(zip(chosen, times)):
        drawn.append(picture(f"wave-{number}", f"At {time}", f"{caption} At {time}.", panel, draw(i)))
    return Frames(times, drawn, caption)


Drawer = tuple[Panel, Callable[[int], list[Element]], str]


def _drawer(run: Drawn, zeta: np.ndarray | None, chosen: list[int]) -> Drawer:
    domain: Any = run.problem.domain
    if isinstance(run, CompactTrajectory):
        return _marginals(run, lambda i, axis: run.compact[i].marginal(axis, min(_PARTS, domain.qubits[axis])))
    if run.problem.objective is None:
        return _basis_states(run)
    if isinstance(domain, Hypercube):
        return _losses(run, zeta, chosen) if zeta is not None else _basis_states(run)
    if domain.ndim == 1:
        return _line(run, zeta, chosen)
    if domain.ndim == 2:
        return _plane(run, chosen)
    return _marginals(run, lambda i, axis: _marginal(run, i, axis))


def _line(run: Drawn, zeta: np.ndarray | None, chosen: list[int]) -> Drawer:
    domain: Any = run.problem.domain
    x, density = coarse(domain.axes[0], limit=_LINE), coarse(run.density / domain.cell_volume, limit=_LINE)
    panel = Panel.around(_ends(domain, 0), limits([density[chosen]], zero=True))
    behind = []
    if zeta is not None:  # its shape only: it has another unit
        low, high = loss_limits(run.density, zeta)
        heights = panel.y.high * 0.98 * (np.clip(coarse(zeta, limit=_LINE), low, high) - low) / (high - low)
        behind = [panel.curve(x, heights, "edge dashed")]

    def draw(i: int) -> list[Element]:
        """The density at one time, over the initial one."""
        drawn = [panel.area(x, density[i], "blue"), panel.curve(x, density[i], "blue")]
        return [*behind, *drawn, *panel.frame("weight", "probability density")]

    return panel, draw, "Probability density over the weight; dashed: the shape of the loss."


def _plane(run: Drawn, chosen: list[int]) -> Drawer:
    domain: Any = run.problem.domain
    density = coarse(coarse(run.density / domain.cell_volume, 1, _FRAME_MAP), 2, _FRAME_MAP)
    panel = Panel.around(_ends(domain, 0), _ends(domain, 1), height=340.0)
    edges = level_edges(0.0, float(density[chosen].max()), 2.0)  # a uniform start and a sharp end can both be seen

    def draw(i: int) -> list[Element]:
        """The map at one time, with the best weights."""
        return [
            *panel.map(density[i], "density", edges),
            *panel.frame("first weight", "second weight"),
            *_marks(run, panel),
        ]

    return (
        panel,
        draw,
        f"Probability density over both weights, at most {float(density[chosen].max()):.3g}. {_key(run)}".strip(),
    )


def _marginal(run: Drawn, i: int, axis: int) -> np.ndarray:
    domain: Any = run.problem.domain
    others = tuple(k for k in range(domain.ndim) if k != axis)
    return np.asarray(run.density[i].sum(axis=others))


def _marginals(run: Drawn, marginal: Callable[[int, int], np.ndarray]) -> Drawer:
    """Each weight a line of its own, its density filled from that line on, all to one height."""
    domain: Any = run.problem.domain
    shown = min(domain.ndim, MARGINALS)
    panel = Panel.around((0.0, 1.0), (0.0, float(shown)), height=60.0 + 52.0 * shown)

    def draw(i: int) -> list[Element]:
        """The marginals at one time."""
        drawn = panel.frame("part of the box of each weight", "weights, the first on top", y_ticks=False)
        for axis in range(shown):
            parts = marginal(i, axis)
            edges = np.linspace(0.0, 1.0, len(parts) + 1)
            base = float(shown - 1 - axis)
            heights = base + 0.9 * parts / max(float(parts.max()), 1e-300)
            outline = np.concatenate(([base], np.repeat(heights, 2), [base]))
            places = np.concatenate((edges[:1], np.repeat(edges, 2)[1:-1], edges[-1:]))
            drawn.append(panel.curve(places, outline, "blue filled"))
            place = panel.y.at(base) - 4
            drawn.append(element("text", str(axis + 1), x=panel.x.start - 7, y=place, text_anchor="end"))
        return drawn

    rest = "" if shown == domain.ndim else f" of the first {shown} of {domain.ndim} weights"
    return panel, draw, f"Marginal probability density{rest or ' of each weight'}, each to its own height."


def _losses(run: Drawn, zeta: np.ndarray, chosen: list[int]) -> Drawer:
    """The loss takes the place of the weights, which are too many for axes."""
    found = {i: loss_histogram(zeta, run.density[i]) for i in chosen}
    edges, uniform, _ = found[chosen[0]]
    top = limits([uniform, *(each[2] for each in found.values())], zero=True)
    panel = Panel.around((float(edges[0]), float(edges[-1])), top)

    def draw(i: int) -> list[Element]:
        """The histogram of the loss at one time, and that of uniform weights."""
        drawn = [panel.columns(edges, found[i][2], "blue"), panel.steps(edges, uniform, "ink dashed")]
        return [*panel.frame("loss", "probability"), *drawn]

    return panel, draw, "Probability of each loss; dashed: among uniform weights."


def _basis_states(run: Drawn) -> Drawer:
    """The most probable basis states, a bar each, qubit 0 the last digit."""
    flat, bits = run.density.reshape(len(run.times), -1), run.problem.domain.num_qubits
    top = np.sort(np.argsort(-flat.max(axis=0), kind="stable")[:STATES]).tolist()
    left = 24.0 + 7.6 * bits if bits <= STATES else 110.0
    panel = Panel.around(
        limits([flat[:, top]], zero=True), (0.0, float(len(top))), height=60.0 + 19.0 * len(top), left=max(left, 58.0)
    )

    def draw(i: int) -> list[Element]:
        """The bars at one time."""
        drawn = panel.frame("probability", "basis state", y_ticks=False)
        for row, index in enumerate(top):
            base, tip = panel.y.at(len(top) - row - 0.15), panel.y.at(len(top) - row - 0.85)
            end = panel.x.at(float(flat[i, index]))
            drawn.append(
                element(
                    "rect",
                    x=panel.x.start,
                    y=base,
                    width=max(end - panel.x.start, 0.0),
                    height=tip - base,
                    class_="bar blue",
                )
            )
            name = f"{index:0{bits}b}" if bits <= STATES else f"{index:,}"
            drawn.append(
                element("text", name, x=panel.x.start - 7, y=0.5 * (base + tip) + 4, text_anchor="end", class_="mono")
            )
        return drawn

    few = "all" if len(top) == flat.shape[1] else f"the {len(top)} most probable of"
    return panel, draw, f"Probability of {few} {flat.shape[1]:,} basis states; the last digit is qubit 0."


def _ends(domain: Grid, axis: int) -> tuple[float, float]:
    """The ends of the first and the last cell of an axis."""
    points, half = domain.axes[axis], 0.5 * domain.spacing[axis]
    return float(points[0]) - half, float(points[-1]) + half
