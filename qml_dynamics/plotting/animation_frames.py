"""The frames of moving pictures of one and of two weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.errors import QMLDynamicsError
from ..methods.growing.grid import refine
from ..model.domains import Grid
from ..model.schedules import Constant
from ..results.trajectory import Trajectory
from .style import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    at_time,
    cells,
    coarse,
    density_label,
    loss_levels,
    plane,
    tidy,
    time_label,
    weight_label,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


TRAIL = 8  # frames that a path leaves behind on a plane
PATH = "#bfefff"
FAINT = 0.6  # power of the colour scale, so that faint parts of a wave are seen


def flat(
    figure: Figure, run: Trajectory, domain: Grid, zeta: np.ndarray, paths: np.ndarray | None, kind: str
) -> Callable[[int], None]:
    """Two weights: the density as an image, contours of the loss, the cloud with its trails."""
    from matplotlib.collections import LineCollection
    from matplotlib.colors import PowerNorm

    x, y, values = plane(domain, zeta)
    pdf = coarse(coarse(np.maximum(run.density, 0) / domain.cell_volume, 1), 2)
    top = float(np.quantile(pdf.reshape(len(pdf), -1).max(axis=1), 0.9))
    axes = figure.subplots()
    norm = PowerNorm(FAINT, 0.0, top)
    image = axes.pcolormesh(cells(x), cells(y), pdf[0].T, cmap="magma", norm=norm, rasterized=True, shading="auto")
    if np.ptp(values) > 0:
        axes.contour(x, y, values.T, levels=loss_levels(values, 9)[1:-1], colors="white", linewidths=0.6, alpha=0.45)
    axes.set_xlim(*domain.bounds[0])
    axes.set_ylim(*domain.bounds[1])
    axes.set_xlabel(weight_label(0))
    axes.set_ylabel(weight_label(1))
    tidy(axes)
    bar = figure.colorbar(image, ax=axes, label=density_label(2), pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(color=MUTED, labelsize=8)
    clock = axes.text(0.02, 0.97, "", transform=axes.transAxes, va="top", color="white", fontsize=10)
    trails = LineCollection([], linewidths=0.8, colors=PATH)
    axes.add_collection(trails)
    (dots,) = axes.plot([], [], ".", color="white", markersize=3.5, alpha=0.95)
    reach = 0.5 * np.array(domain.lengths)

    def draw(i: int) -> None:
        """Draw frame ``i``: density, time, points and the trails behind them."""
        image.set_array(pdf[i].T)
        clock.set_text(at_time(run, i))
        if paths is None:
            return
        dots.set_data(paths[i, :, 0], paths[i, :, 1])
        if kind == "born" or i == 0:
            return
        first = max(0, i - TRAIL)
        pieces = np.stack([paths[first:i], paths[first + 1 : i + 1]], axis=2)  # (frames, points, 2 ends, 2 weights)
        kept = np.all(np.abs(pieces[:, :, 1] - pieces[:, :, 0]) < reach, axis=-1)
        age = np.broadcast_to(np.linspace(0.12, 0.75, i - first)[:, None], kept.shape)
        trails.set_segments(list(pieces[kept]))
        trails.set_alpha(age[kept].tolist())

    return draw


SMOOTH = 9  # qubits that a wave on a line is interpolated to before it is drawn


def line(
    figure: Figure, run: Trajectory, domain: Grid, zeta: np.ndarray, paths: np.ndarray | None, kind: str
) -> Callable[[int], None]:
    """One weight. Above: the density, coloured by the phase of the wave, over the loss. Below: its past, with the paths."""
    x, pdf, phase = _smooth(run, domain)
    over, under = figure.subplots(2, 1, sharex=True, height_ratios=(1.15, 1))
    _loss(over, *_curve(run, domain, zeta), run)
    top = 1.12 * float(pdf.max())
    over.set_ylim(0, top)
    over.set_xlim(*domain.bounds[0])
    over.set_ylabel(density_label(1))
    over.tick_params(labelbottom=False)
    for axes in (over, under):
        tidy(axes)
    wave = _Wave(over, x, pdf, phase, top)
    history = _History(under, run, x, pdf, paths, kind)
    clock = over.text(0.015, 0.95, "", transform=over.transAxes, va="top", color=INK, fontsize=10)

    def draw(i: int) -> None:
        """Draw frame ``i``: the wave over the loss, and the density up to this time."""
        wave.draw(i)
        history.draw(i)
        clock.set_text(at_time(run, i))

    return draw


def _smooth(run: Trajectory, domain: Grid) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Points, density and phase (without the turning of its mean energy) on a finer grid, which a band-limited wave allows."""
    if run.states is None:
        return coarse(domain.axes[0]), coarse(np.maximum(run.density, 0) / domain.cell_volume), None
    extra, plain = max(0, SMOOTH + 1 - domain.shape[0].bit_length()), domain
    if domain.encoding == "onehot":  # no register is as long as the finer grid
        plain = Grid(domain.bounds, None, domain.boundary, domain.twist, "none", points=domain.shape)
    waves, grid = zip(*(refine(psi, plain, extra) for psi in run.states))
    psi, fine = np.array(waves), grid[0]
    density = np.abs(psi) ** 2 / fine.cell_volume
    if run.problem.clock == "imaginary" or "energy" not in run.expectations:
        turned = np.zeros(len(psi))
    else:
        turned = np.asarray(run.expectations["energy"].value)
        turned = np.concatenate([[0], np.cumsum(0.5 * (turned[1:] + turned[:-1]) * np.diff(run.times))])
    return coarse(fine.axes[0]), coarse(density), coarse(np.angle(psi * np.exp(1j * turned)[:, None]))


def _curve(run: Trajectory, domain: Grid, zeta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The loss on a finer grid, or where it is a table on its own."""
    low, high = domain.bounds[0]
    x = np.linspace(low, high, 1 << SMOOTH)
    try:
        assert run.problem.objective is not None
        return x, run.problem.objective(x[:, None])
    except (AssertionError, QMLDynamicsError):
        return coarse(domain.axes[0]), coarse(zeta)


def _loss(over: Axes, x: np.ndarray, values: np.ndarray, run: Trajectory) -> None:
    """The loss with its own axis, up to three times its median, and the mean energy as a dashed line."""
    axes = over.twinx()
    over.set_zorder(axes.get_zorder() + 1)
    over.patch.set_visible(False)
    low = float(values.min())
    span = float(3 * (np.median(values) - low) + 1e-12)
    axes.fill_between(x, values, low - span, color=ORANGE, alpha=0.07, linewidth=0)
    axes.plot(x, values, color=ORANGE, linewidth=1.5)
    energy = run.expectations.get("energy")
    comparable = run.problem.clock == "real" and run.problem.strength == Constant(1.0)
    if energy is not None and comparable and np.ptp(energy.value) < 0.05 * span:
        axes.axhline(float(energy.value[0]), color=ORANGE, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.annotate(
            "energy",
            (1, float(energy.value[0])),
            xycoords=("axes fraction", "data"),
            xytext=(-3, 3),
            textcoords="offset points",
            color=ORANGE,
            fontsize=8,
            ha="right",
        )
    axes.set_ylim(low - 0.04 * span, low + span)
    axes.set_ylabel("loss $\\zeta$", color=ORANGE)
    tidy(axes)


def wheel(phase: np.ndarray) -> np.ndarray:
    """Colours of phases, shape ``(*, 3)``: blue at 0 through purple and red to gold at pi, and back through green."""
    knots = np.array(
        [(0.13, 0.45, 0.78), (0.55, 0.33, 0.72), (0.85, 0.35, 0.45), (0.93, 0.69, 0.30), (0.35, 0.68, 0.56)]
    )
    share = (np.asarray(phase) / (2 * np.pi) % 1.0) * len(knots)
    low = share.astype(int) % len(knots)
    rest = (share - np.floor(share))[..., None]
    out: np.ndarray = (1 - rest) * knots[low] + rest * knots[(low + 1) % len(knots)]
    return out


class _Wave:
    """The curve of the density and what is below it."""

    def __init__(self, axes: Axes, x: np.ndarray, pdf: np.ndarray, phase: np.ndarray | None, top: float) -> None:
        self.axes, self.x, self.pdf, self.phase, self.top = axes, x, pdf, phase, top
        (self.curve,) = axes.plot(x, pdf[0], color=INK, linewidth=1.3)
        self.fill: Any = None
        if phase is None:
            return
        ends = cells(x)
        self.image = axes.imshow(
            np.zeros((1, len(x), 3)), extent=(ends[0], ends[-1], 0, top), aspect="auto", origin="lower", alpha=0.9
        )
        swatch = axes.inset_axes((0.43, 0.9, 0.14, 0.045))
        swatch.imshow(wheel(np.linspace(-np.pi, np.pi, 128))[None], aspect="auto", extent=(-1, 1, 0, 1))
        swatch.set(xticks=[-1, 0, 1], xticklabels=["$-\\pi$", "phase", "$\\pi$"], yticks=[])
        swatch.tick_params(labelsize=7, length=0, pad=1, labelcolor=INK)
        for spine in swatch.spines.values():
            spine.set_visible(False)

    def draw(self, i: int) -> None:
        """At one saved time."""
        from matplotlib.patches import Polygon

        self.curve.set_ydata(self.pdf[i])
        if self.phase is None:
            if self.fill is not None:
                self.fill.remove()
            self.fill = self.axes.fill_between(self.x, self.pdf[i], color=BLUE, alpha=0.35, linewidth=0)
            return
        self.image.set_data(wheel(self.phase[i])[None])
        corners = np.column_stack([np.r_[self.x[0], self.x, self.x[-1]], np.r_[0, self.pdf[i], 0]])
        self.image.set_clip_path(Polygon(corners, closed=True, transform=self.axes.transData))


class _History:
    """Density over weight and time up to now, and the paths on it."""

    def __init__(
        self, axes: Axes, run: Trajectory, x: np.ndarray, pdf: np.ndarray, paths: np.ndarray | None, kind: str
    ) -> None:
        from matplotlib.colors import PowerNorm

        self.times, self.pdf, self.kind = np.asarray(run.times), pdf, kind
        edges = _edges(self.times)
        axes.set_facecolor("#0b0714")
        norm = PowerNorm(FAINT, 0.0, float(pdf.max()))
        self.image = axes.pcolormesh(
            cells(x), edges, np.full_like(pdf, np.nan), cmap="magma", norm=norm, rasterized=True
        )
        axes.set_ylim(edges[-1], edges[0])
        axes.set_xlabel(weight_label(0))
        axes.set_ylabel(time_label(run).replace(" ($\\hbar = 1$)", ""))
        self.lines: list[Any] = []
        domain = run.problem.domain
        assert isinstance(domain, Grid)
        self.paths = None if paths is None else _unwrapped(paths[:, :, 0], domain)
        if self.paths is None:
            return
        if kind == "born":
            self.lines = axes.plot([], [], ".", color=PATH, markersize=1.2, alpha=0.5)
        else:
            self.lines = axes.plot(*[[]] * (2 * self.paths.shape[1]), color=PATH, linewidth=0.5, alpha=0.5)
        (self.dots,) = axes.plot([], [], ".", color="white", markersize=3.2)

    def draw(self, i: int) -> None:
        """Everything up to one saved time."""
        shown = np.where(np.arange(len(self.pdf))[:, None] <= i, self.pdf, np.nan)
        self.image.set_array(np.ma.masked_invalid(shown))
        if self.paths is None:
            return
        past, here = self.paths[: i + 1], self.paths[i]
        if self.kind == "born":
            self.lines[0].set_data(past.ravel(), np.repeat(self.times[: i + 1], past.shape[1]))
        else:
            for k, one in enumerate(self.lines):
                one.set_data(past[:, k], self.times[: i + 1])
        self.dots.set_data(here, np.full(len(here), self.times[i]))


def _edges(times: np.ndarray) -> np.ndarray:
    """Edges of rows around saved times, within the run."""
    middle = 0.5 * (times[1:] + times[:-1])
    return np.concatenate([[times[0]], middle, [times[-1]]])


def _unwrapped(paths: np.ndarray, domain: Grid) -> np.ndarray:
    """Paths with a gap where they leave one end of the box and come in at the other."""
    out = paths.copy()
    jumped = np.abs(np.diff(out, axis=0)) > 0.5 * domain.lengths[0]
    out[1:][jumped] = np.nan
    return out
