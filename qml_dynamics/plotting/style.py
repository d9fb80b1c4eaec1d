"""What every picture shares: the figure, its title, colours, labels, thinned arrays, quantiles and regions of distributions."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from ..base.errors import MethodError
from ..methods.base import Method
from ..model.domains import Grid
from ..results.trajectory import Trajectory
from .arrangement import measured_once, share_formulas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backend_bases import RendererBase
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import PowerNorm
    from matplotlib.figure import Figure, FigureBase
    from numpy.typing import ArrayLike

INK, MUTED, GRID = "#1f2430", "#8b93a3", "#e6e8ee"
BLUE, ORANGE, GREEN, PURPLE, SKY, PINK = "#0072b2", "#d55e00", "#009e73", "#7b4ea3", "#56b4e9", "#cc79a7"
DENSITY, LANDSCAPE = "magma", "viridis"  # both perceptually uniform, and told apart at a glance
_LONGEST = 48  # letters of a method: more push the panels aside
PIXELS = 512  # points drawn along an axis: more cannot be seen, neighbours are averaged
MISSING = 'Plotting needs matplotlib, which is not installed. Install it with: pip install "qml-dynamics[viz]"'
STYLE: dict[Any, Any] = {
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
}


@contextmanager
def new_figure(width: float, height: float) -> Iterator[Figure]:
    """A figure with constrained layout, and the style of the library while it is drawn."""
    try:
        import matplotlib
    except ImportError:
        raise MethodError(MISSING) from None
    with matplotlib.rc_context(STYLE):
        yield _arranged()(figsize=(width, height), layout="constrained")


@cache
def _arranged() -> type[Figure]:
    """Figures that are arranged once and drawn once where they are saved: Matplotlib draws them twice, the first time for the layout."""
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    class Arranged(Figure):
        """A figure whose first drawing, while it is saved, is its layout alone."""

        def draw(self, renderer: RendererBase) -> None:
            """Draw, or arrange: saving turns the layout off before the drawing that counts."""
            if isinstance(renderer, RendererAgg):
                share_formulas(renderer)
            engine = self.get_layout_engine()
            if isinstance(engine, ConstrainedLayoutEngine) and self.canvas.is_saving():
                with measured_once(self):
                    engine.execute(self)
            else:
                super().draw(renderer)

    return Arranged


def add_title(figure: Figure, run: Trajectory) -> None:
    """Above: what was run, its reading, exact or shots. Below, small: with which method, and on what."""
    objective, clock = run.problem.objective, run.problem.clock
    what = "general operator" if objective is None else objective.name.replace("_", " ")
    what = "unnamed objective" if what in ("lambda", "objective") else what
    how = f"{run.shots:,} shots a circuit and basis" if run.shots else "exact"
    title = f"{what[:1].upper()}{what[1:]}, {clock} clock, {run.reading} reading, {how}"
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=11)
    where = run.provenance.get("backend")
    meaning = ", born reading: probability $|\\psi|^2$" if run.reading == "born" else ""
    method = method_name(run.method) + (f" on {where}" if where else "")
    caption = f"{method}, {run.problem.domain.num_qubits} qubits{meaning}"
    figure.supxlabel(caption, x=0.01, ha="left", fontsize=8, color=MUTED)


def method_name(method: Method | str | None) -> str:
    """A method with the options that differ from their defaults, cut where it would not fit beside a picture."""
    if not dataclasses.is_dataclass(method):
        return "unnamed method" if method is None else str(method)
    words = _words(method)
    return words if len(words) <= _LONGEST else words[: _LONGEST - 3].rstrip(" ,(=") + "..."


def _words(value: object) -> str:
    """A method or a part of one in short."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [(f.name, getattr(value, f.name), f.default) for f in dataclasses.fields(value)]
        changed = [f"{name}={_words(given)}" for name, given, default in fields if not _same(given, default)]
        return f"{type(value).__name__}({', '.join(changed)})"
    if isinstance(value, tuple) and len(value) == 1:
        return _words(value[0])
    return f"{value:.4g}" if isinstance(value, float) else repr(value)


def _same(given: object, default: object) -> bool:
    bare = given[0] if isinstance(given, tuple) and len(given) == 1 else given
    return bool(np.array_equal(cast("ArrayLike", bare), cast("ArrayLike", default)))  # False for what is no array


def time_label(run: Trajectory) -> str:
    """Label of a time axis; Hamiltonian units, in which a time is one over an energy."""
    return {
        "real": "time $t$ ($\\hbar = 1$)",
        "imaginary": "imaginary time $\\tau$ ($\\hbar = 1$)",
        "classical": "time $t$ ($\\hbar = 0$)",
    }[run.problem.clock]


def at_time(run: Trajectory, index: int) -> str:
    """A saved time in a label."""
    symbol = "\\tau" if run.problem.clock == "imaginary" else "t"
    return f"${symbol} = {run.times[index]:.3g}$"


def density_label(ndim: int) -> str:
    """Label of a probability density over ``ndim`` weights."""
    return f"probability density (1 / weight{f'$^{ndim}$' if ndim > 1 else ''})"


def weight_label(axis: int) -> str:
    """Label of the axis of one weight."""
    return f"weight $w_{{{axis}}}$"


def tidy(axes: Axes, grid: Literal["x", "y", "both"] | None = None) -> None:
    """Quiet ticks, and grid lines along ``grid`` (x, y or both)."""
    axes.tick_params(color=MUTED, labelcolor=INK, labelsize=8, length=3)
    if grid:
        axes.grid(axis=grid, color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)


def color_bar(host: FigureBase, image: ScalarMappable, axes: Axes | Sequence[Axes] | np.ndarray, label: str) -> None:
    """The scale of an image beside its axes."""
    bar = host.colorbar(image, ax=axes, label=label, pad=0.02, ticks=_ticks(cast("PowerNorm", image.norm)), format="%g")
    bar.outline.set_visible(False)
    bar.ax.tick_params(color=MUTED, labelcolor=INK, labelsize=8, length=3)


def _ticks(norm: PowerNorm) -> np.ndarray:
    """Round numbers spread over the colours; equal steps of the value would crowd one end of a power scale."""
    from matplotlib.ticker import MaxNLocator

    low, high = norm.vmin, norm.vmax
    assert low is not None
    assert high is not None
    scale = 10.0 ** np.ceil(np.log10(max(abs(low), abs(high))))
    steps = scale * np.outer(10.0 ** np.arange(-3, 1), (1, 2, 5)).ravel()
    candidates = np.concatenate(([0.0], steps[::-1], -steps))  # zero first: it is never left out for a neighbour
    kept: list[float] = []
    for value in candidates[(candidates >= low) & (candidates <= high)]:
        if all(abs(norm(value) - norm(other)) >= 0.09 for other in kept):
            kept.append(float(value))
    if 0.67 < norm.gamma < 1.5 or len(kept) < 3:
        ticks: np.ndarray = np.asarray(MaxNLocator(6).tick_values(low, high))
        return ticks[(ticks >= low) & (ticks <= high)]
    return np.sort(kept)


def coarse(values: np.ndarray, axis: int = -1, limit: int = PIXELS) -> np.ndarray:
    """Means of equally many neighbours along one axis, until at most ``limit`` points are left; fewer at the end are left out."""
    values = np.moveaxis(values, axis, -1)
    points = values.shape[-1]
    if points > limit:
        each = -(-points // limit)
        whole = points - points % each
        values = values[..., :whole].reshape(*values.shape[:-1], whole // each, each).mean(axis=-1)
    return np.moveaxis(values, -1, axis)


def picks(count: int, wanted: int) -> np.ndarray:
    """At most so many of ``count`` indices, evenly spread, the first and the last among them.

    >>> picks(21, 5)
    array([ 0,  5, 10, 15, 20])
    """
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).round().astype(int))


def cells(points: np.ndarray) -> np.ndarray:
    """Edges of the cells around equally spaced points."""
    half = 0.5 * (points[1] - points[0])
    return np.concatenate((points - half, points[-1:] + half))


def plane(grid: Grid, zeta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The two axes of a grid and values on it, thinned to what a picture can show."""
    x, y = (coarse(points) for points in grid.axes)
    return x, y, coarse(coarse(zeta, 0), 1)


def color_power(loss: np.ndarray) -> float:
    """The power of the colour scale that gives the median of the loss the middle colour (1 to 5)."""
    low, high = float(loss.min()), float(loss.max())
    share = (float(np.median(loss)) - low) / (high - low) if high > low else 0.5
    return float(np.clip(np.log(max(share, 1e-9)) / np.log(0.5), 1.0, 5.0))


def loss_levels(loss: np.ndarray, count: int) -> np.ndarray:
    """Increasing contour levels from the least to the largest loss, evenly spread over the colours."""
    low, high = float(loss.min()), float(loss.max())
    high = high if high > low else low + max(1.0, abs(low)) * 1e-6  # a flat loss: contours still need increasing levels
    return low + (high - low) * np.linspace(0, 1, count) ** color_power(loss)


def tile(count: int) -> tuple[int, int]:
    """Rows and columns of ``count`` square panels."""
    rows = 1 if count <= 3 else 2 if count <= 8 else -(-count // 4)
    return rows, -(-count // rows)


def stack(count: int) -> tuple[int, int]:
    """Rows and columns of ``count`` wide panels."""
    columns = -(-count // 4)
    return -(-count // columns), columns


def loss_limits(density: np.ndarray, zeta: np.ndarray) -> tuple[float, float]:
    """Limits of a loss axis, a little above where the probability of laws ``(m, *shape)`` ends: far walls would flatten the wells."""
    low, high = float(zeta.min()), float(zeta.max())
    reached = float(loss_quantiles(zeta, density.mean(axis=0, keepdims=True), (0.999,))[0, 0])
    top = min(high, low + 1.5 * (reached - low))
    top = top if top > low else low + 1.0
    return low - 0.06 * (top - low), top + 0.06 * (top - low)


def loss_quantiles(zeta: np.ndarray, density: np.ndarray, levels: Sequence[float]) -> np.ndarray:
    """The least loss below which at least a share ``level`` of the probability lies, shape ``(levels, m)``.

    >>> loss_quantiles(np.array([3.0, 1.0, 2.0]), np.array([[0.5, 0.2, 0.3]]), (0.1, 0.5, 0.9)).ravel()
    array([1., 2., 3.])
    """
    ranked = np.argsort(zeta, axis=None, kind="stable")
    below = np.cumsum(density.reshape(len(density), -1)[:, ranked], axis=1)
    values, last = zeta.reshape(-1)[ranked], zeta.size - 1
    where = [[min(int(np.searchsorted(row, level - 1e-12)), last) for row in below] for level in levels]
    out: np.ndarray = values[np.array(where)]
    return out


def loss_histogram(zeta: np.ndarray, density: np.ndarray, bins: int = 24) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges of equal bins of the loss, the share of all weights in each, and the probability of each."""
    values = zeta.reshape(-1)
    edges = np.histogram_bin_edges(values, bins)
    uniform = np.histogram(values, edges)[0] / values.size
    return edges, uniform, np.histogram(values, edges, weights=density.reshape(-1))[0]


def mass_level(density: np.ndarray, share: float) -> float:
    """The density above which ``share`` of the probability lies (the edge of the smallest such region).

    >>> mass_level(np.array([0.1, 0.6, 0.3]), 0.8)
    0.3
    """
    ranked = np.sort(density, axis=None)[::-1]
    return float(ranked[min(int(np.searchsorted(np.cumsum(ranked), share)), ranked.size - 1)])
