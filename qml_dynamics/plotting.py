"""Pictures of a run: density over time, energy against a reference, the loss landscape, and the error budget.

Every function takes plain results and returns a matplotlib ``Figure``; none opens a window or touches pyplot's global
state, so they work on a machine without a screen. matplotlib is an optional package (``qml-dynamics[viz]``) and is
imported when a picture is asked for. Densities are drawn as ``density / cell_volume``, a probability density function.
"""

from __future__ import annotations

import dataclasses
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .domains import Grid, Hypercube
from .errors import MethodError, require
from .estimate import Estimate
from .trajectory import Trajectory, atomic_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, MUTED, GRID = "#1f2430", "#8b93a3", "#e6e8ee"
BLUE, ORANGE, GREEN, PURPLE, SKY, PINK = "#0072b2", "#d55e00", "#009e73", "#7b4ea3", "#56b4e9", "#cc79a7"
DENSITY, LANDSCAPE = "magma", "viridis"  # both perceptually uniform, and told apart at a glance
SUFFIXES = (".png", ".svg", ".pdf")
FRAMES = 6
PIXELS = 512  # points drawn along an axis: more cannot be seen, neighbours are averaged
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
EXPECTATIONS = {
    "energy": (BLUE, "energy $\\langle H \\rangle$ (units of the loss)"),
    "objective": (ORANGE, "objective $\\langle \\zeta \\rangle$ (units of the loss)"),
    "kinetic": (GREEN, "kinetic $\\langle -L \\rangle$"),
}
MARKERS = ("D", "^", "P", "v", "s", "h")


def plot_density(trajectory: Trajectory) -> Figure:
    """Where the probability is, over time.

    One weight: a map over (time, weight) beside the loss. Two weights: up to six frames under contours of the loss.
    More: the marginal of each weight over time. A hypercube: quantiles of the loss over time, and its last histogram
    beside that of uniform weights (for a general operator: the most probable basis states).

    Args:
        trajectory: any result, exact or from samples; only its density, shape ``(m, *domain.shape)``, is used.

    Raises:
        MethodError: not a trajectory, or matplotlib is not installed.

    >>> import numpy as np
    >>> from qml_dynamics.domains import Grid
    >>> from qml_dynamics.problem import Problem
    >>> problem = Problem(Grid((-1, 1), 2), lambda w: w[:, 0] ** 2, 1.0, clock="imaginary", duration=1.0)
    >>> density = np.array([[0.25] * 4, [0.0, 0.2, 0.6, 0.2]])
    >>> run = Trajectory(np.array([0.0, 1.0]), density, None, np.zeros(2), {}, problem, None)
    >>> [axes.get_xlabel() for axes in plot_density(run).axes][:2]
    ['loss $\\\\zeta$', 'imaginary time $\\\\tau$ ($\\\\hbar = 1$)']
    """
    _check(trajectory, "trajectory")
    with _figure(*_density_size(trajectory)) as figure:
        _draw_density(figure, trajectory, _loss(trajectory), FRAMES)
        _title(figure, trajectory)
    return figure


def plot_energy(trajectory: Trajectory, reference: Trajectory | None = None) -> Figure:
    """Energy, objective and kinetic part over time, with error bars, and a reference as lines.

    Args:
        trajectory: the result; of energy, objective and kinetic those that it has are drawn, with one standard error.
        reference: another result of the same clock, such as that of ``SplitStep``.

    Raises:
        MethodError: not trajectories, different clocks, or no expectation to draw.
    """
    _check(trajectory, "trajectory")
    names = _expectation_names(trajectory)
    require(
        bool(names),
        "trajectory",
        "have an energy, an objective or a kinetic part",
        list(trajectory.expectations),
        MethodError,
    )
    _check_reference(trajectory, reference)
    with _figure(6.4, 1.2 + 2.0 * len(names)) as figure:
        _draw_energy(figure, trajectory, reference, names, column=True)
        _title(figure, trajectory)
    return figure


def plot_landscape(trajectory: Trajectory, marks: Mapping[str, Sequence[float]] | None = None) -> Figure:
    """The loss over the weights, the last density on it, the best sampled weights and the best uniform ones.

    One weight: a curve. Two: filled contours, with the regions that hold 50 % and 90 % of the probability (an exact
    run) or the samples. More, or a hypercube: the histogram of the loss.

    Args:
        trajectory: a result whose problem has an objective.
        marks: further weights to show, label to ``(ndim,)`` weights, such as another optimiser's answer.

    Raises:
        MethodError: there is no objective, or a mark is not ``ndim`` finite numbers.
    """
    _check(trajectory, "trajectory")
    zeta = _loss(trajectory)
    if zeta is None:
        raise MethodError(
            "Argument `trajectory` must have an objective, but is of a general operator, which has no landscape."
        )
    points = _marks(trajectory, marks)
    with _figure(6.4, 5.2 if zeta.ndim <= 2 else 4.4) as figure:
        _draw_landscape(figure, trajectory, zeta, points)
        _title(figure, trajectory)
    return figure


def plot_summary(
    trajectory: Trajectory, reference: Trajectory | None = None, marks: Mapping[str, Sequence[float]] | None = None
) -> Figure:
    """One picture of a run: the landscape, the density over time, and the energy against a reference.

    Args:
        trajectory, reference: as in :func:`plot_energy`; a result without expectations has no energy panels.
        marks: as in :func:`plot_landscape`; a general operator has no landscape, and takes none.

    Raises:
        MethodError: as those two functions.
    """
    _check(trajectory, "trajectory")
    _check_reference(trajectory, reference)
    zeta, names, points = _loss(trajectory), _expectation_names(trajectory), _marks(trajectory, marks)
    with _figure(12.0, 8.2 if names else 5.4) as figure:
        _title(figure, trajectory)
        rows = figure.subfigures(2 if names else 1, 1, height_ratios=(1.75, 1) if names else None, squeeze=False)[:, 0]
        columns = rows[0].subfigures(
            1, 1 if zeta is None else 2, width_ratios=None if zeta is None else (1, 1.45), squeeze=False
        )[0]
        if zeta is not None:
            _draw_landscape(columns[0], trajectory, zeta, points)
        _draw_density(columns[-1], trajectory, zeta, FRAMES)
        if names:
            _draw_energy(rows[1], trajectory, reference, names, column=False)
    return figure


def plot_budget(budget: Any) -> Figure:
    """The terms of an error budget as horizontal bars, with their sum and the total difference below.

    Args:
        budget: has ``.terms`` (name to :class:`Estimate`), ``.sum`` and ``.total`` (estimates). The axis is logarithmic
            where the terms differ by more than a factor of 50; an error bar is one standard error.

    Raises:
        MethodError: there are no terms.
    """
    terms = getattr(budget, "terms", None) or {}
    require(isinstance(terms, Mapping) and len(terms) > 0, "budget", "have terms", type(budget).__name__, MethodError)
    rows = [*terms.items(), ("sum of the terms", budget.sum), ("total difference", budget.total)]
    with _figure(7.0, 1.3 + 0.36 * len(rows)) as figure:
        _draw_budget(figure, rows, len(terms))
        figure.suptitle("Error budget", x=0.012, ha="left", fontweight="bold", fontsize=11)
    return figure


def save_figure(figure: Figure, path: str | os.PathLike[str], dpi: float = 160) -> Path:
    """Write a picture as PNG, SVG or PDF (by the suffix), by rename: whole or not at all. Returns the path.

    The same figure gives the same bytes: no date is written.

    Raises:
        MethodError: the suffix is another one, or the path is a folder.
        ProblemError: the folder cannot be written.
    """
    target = Path(path)
    kind = target.suffix.lower()
    require(kind in SUFFIXES, "path", f"end in {', '.join(SUFFIXES)}", str(path), MethodError)
    require(not target.is_dir(), "path", "be a file", f"of a folder: {path}", MethodError)
    import matplotlib

    date = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(kind)
    rendered = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "qml-dynamics", "svg.fonttype": "path"}):
        figure.savefig(rendered, format=kind[1:], dpi=dpi, metadata=date)
    with atomic_file(target) as handle:
        handle.write(rendered.getvalue())
    return target


# what is checked, and what is drawn


def _check(given: Any, name: str) -> None:
    require(isinstance(given, Trajectory), name, "be a Trajectory", type(given).__name__, MethodError)


def _check_reference(run: Trajectory, reference: Trajectory | None) -> None:
    if reference is not None:
        _check(reference, "reference")
        same = reference.problem.clock == run.problem.clock
        require(same, "reference", f"be on the {run.problem.clock} clock", reference.problem.clock, MethodError)


def _marks(run: Trajectory, marks: Mapping[str, Sequence[float]] | None) -> dict[str, np.ndarray]:
    points, ndim = {}, run.problem.domain.ndim
    require(
        not marks or run.problem.objective is not None, "marks", "be None for a general operator", marks, MethodError
    )
    for label, weights in (marks or {}).items():
        try:
            point = np.asarray(weights, dtype=float)
        except (TypeError, ValueError):
            point = np.empty(0)
        ok = point.shape == (ndim,) and bool(np.isfinite(point).all())
        require(ok, f"marks[{label!r}]", f"be {ndim} finite number{'s' * (ndim > 1)}", weights, MethodError)
        points[str(label)] = point
    return points


def _loss(run: Trajectory) -> np.ndarray | None:
    return None if run.problem.objective is None else run.problem.objective.on(run.problem.domain)


def _expectation_names(run: Trajectory) -> list[str]:
    return [name for name in EXPECTATIONS if name in run.expectations]


@contextmanager
def _figure(width: float, height: float) -> Iterator[Figure]:
    """A figure with constrained layout, and the style of the library while it is drawn."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise MethodError(
            'Plotting needs matplotlib, which is not installed: pip install "qml-dynamics[viz]".'
        ) from None
    with matplotlib.rc_context(STYLE):
        yield Figure(figsize=(width, height), layout="constrained")


def _density_size(run: Trajectory) -> tuple[float, float]:
    domain = run.problem.domain
    if isinstance(domain, Hypercube) or domain.ndim == 1:
        return 8.0, 4.2
    if domain.ndim == 2:
        rows, columns = _layout(min(FRAMES, len(run.times)))
        return 1.4 + 2.6 * columns, 1.0 + 2.4 * rows
    rows, columns = _layout(domain.ndim)
    return 1.4 + 3.0 * columns, 1.0 + 2.3 * rows


def _layout(count: int) -> tuple[int, int]:
    rows = 1 if count <= 3 else 2 if count <= 8 else -(-count // 4)
    return rows, -(-count // rows)


def _title(figure: Figure, run: Trajectory) -> None:
    """Above: what was run, its reading, exact or shots. Below, small: with which method, and on what."""
    objective, clock = run.problem.objective, run.problem.clock
    what = "general operator" if objective is None else objective.name.replace("_", " ")
    how = f"{run.shots:,} shots a circuit and basis" if run.shots else "exact"
    title = f"{what[:1].upper()}{what[1:]}, {clock} clock, {run.reading} reading, {how}"
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=11)
    where = run.provenance.get("backend")
    meaning = ", born reading: probability $|\\psi|^2$" if run.reading == "born" else ""
    caption = (
        _method(run.method) + (f" on {where}" if where else "") + f", {run.problem.domain.num_qubits} qubits{meaning}"
    )
    figure.supxlabel(caption, x=0.01, ha="left", fontsize=8, color=MUTED)


def _method(method: Any) -> str:
    """A method with the options that differ from their defaults."""
    if not dataclasses.is_dataclass(method):
        return "unnamed method" if method is None else str(method)
    changed = [
        f"{f.name}={getattr(method, f.name)!r}"
        for f in dataclasses.fields(method)
        if getattr(method, f.name) != f.default
    ]
    return f"{type(method).__name__}({', '.join(changed)})"


def _time_label(run: Trajectory) -> str:
    return "time $t$ ($\\hbar = 1$)" if run.problem.clock == "real" else "imaginary time $\\tau$ ($\\hbar = 1$)"


def _density_label(ndim: int) -> str:
    return f"probability density (1 / weight{f'$^{ndim}$' if ndim > 1 else ''})"


def _weight_label(axis: int) -> str:
    return f"weight $w_{{{axis}}}$"


def _tidy(axes: Any, grid: str | None = None) -> None:
    axes.tick_params(color=MUTED, labelcolor=INK, labelsize=8, length=3)
    if grid:
        axes.grid(axis=grid, color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)


def _coarse(values: np.ndarray, axis: int = -1, limit: int = PIXELS) -> np.ndarray:
    """Means of neighbours along one axis until at most ``limit`` points (both powers of two) are left."""
    values = np.moveaxis(values, axis, -1)
    points = values.shape[-1]
    if points > limit:
        values = values.reshape(*values.shape[:-1], limit, points // limit).mean(axis=-1)
    return np.moveaxis(values, -1, axis)


def _cells(points: np.ndarray) -> np.ndarray:
    """Edges of the cells around equally spaced points."""
    half = 0.5 * (points[1] - points[0])
    return np.concatenate((points - half, points[-1:] + half))


def _time_cells(times: np.ndarray) -> np.ndarray:
    """Edges half way between the saved times; the first and the last cell end with the run."""
    if len(times) == 1:
        return np.array([times[0] - 0.5, times[0] + 0.5])
    return np.concatenate((times[:1], 0.5 * (times[1:] + times[:-1]), times[-1:]))


def _picks(count: int, wanted: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).round().astype(int))


def _density_norm(top: float) -> Any:
    """A square-root colour scale from 0: a uniform start and a sharp end can both be seen."""
    from matplotlib.colors import PowerNorm

    return PowerNorm(0.5, vmin=0.0, vmax=top if top > 0 else 1.0, clip=True)


# density


def _draw_density(host: Any, run: Trajectory, zeta: np.ndarray | None, frames: int) -> None:
    domain = run.problem.domain
    if zeta is None:
        _draw_basis_states(host, run)
    elif isinstance(domain, Hypercube):
        _draw_loss_over_time(host, run, zeta)
    elif domain.ndim == 1:
        _draw_map(host, run, zeta)
    elif domain.ndim == 2:
        _draw_frames(host, run, zeta, frames)
    else:
        _draw_marginals(host, run)


def _time_map(axes: Any, run: Trajectory, points: np.ndarray, density: np.ndarray) -> Any:
    points, density = _coarse(points), _coarse(density)
    edges = _time_cells(run.times), _cells(points)
    norm = _density_norm(float(density.max()))
    image = axes.pcolormesh(*edges, density.T, cmap=DENSITY, norm=norm, rasterized=True)
    axes.set(xlabel=_time_label(run), xlim=(edges[0][0], edges[0][-1]), ylim=(edges[1][0], edges[1][-1]))
    _tidy(axes)
    return image


def _draw_map(host: Any, run: Trajectory, zeta: np.ndarray) -> None:
    grid: Any = run.problem.domain
    side, main = host.subplots(1, 2, sharey=True, width_ratios=(1, 4))
    image = _time_map(main, run, grid.axes[0], run.density / grid.cell_volume)
    side.plot(zeta, grid.axes[0], color=INK, linewidth=1.4)
    side.set(xlabel="loss $\\zeta$", ylabel=_weight_label(0))
    _tidy(side, "both")
    host.colorbar(image, ax=main, label=_density_label(1), pad=0.02).outline.set_visible(False)


def _draw_frames(host: Any, run: Trajectory, zeta: np.ndarray, frames: int) -> None:
    grid: Any = run.problem.domain
    picks = _picks(len(run.times), frames)
    rows, columns = _layout(len(picks))
    panels = host.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    pdf = run.density[picks] / grid.cell_volume
    x, y, loss = _plane(grid, zeta)
    extent = [edge for points in grid.axes for edge in _cells(points)[[0, -1]]]
    norm, symbol = _density_norm(float(pdf.max())), "t" if run.problem.clock == "real" else "\\tau"
    levels = _levels(loss, 8)[1:-1]
    for axes, i, frame in zip(panels.flat, picks, pdf):
        frame = _coarse(_coarse(frame, 0), 1)
        image = axes.imshow(
            frame.T, origin="lower", extent=extent, aspect="auto", cmap=DENSITY, norm=norm, interpolation="nearest"
        )
        axes.contour(x, y, loss.T, levels=levels, colors="white", linewidths=0.5, alpha=0.45)
        axes.set_title(f"${symbol} = {run.times[i]:.3g}$", loc="left", pad=3)
        _tidy(axes)
    for axes in panels.flat[len(picks) :]:
        axes.remove()
    for axes in panels[-1]:
        axes.set_xlabel(_weight_label(0))
    for axes in panels[:, 0]:
        axes.set_ylabel(_weight_label(1))
    host.colorbar(image, ax=panels, label=_density_label(2), pad=0.02).outline.set_visible(False)


def _draw_marginals(host: Any, run: Trajectory) -> None:
    grid: Any = run.problem.domain
    rows, columns = _layout(grid.ndim)
    panels = host.subplots(rows, columns, sharex=True, squeeze=False)
    for k, axes in enumerate(panels.flat):
        if k >= grid.ndim:
            axes.remove()
            continue
        others = tuple(1 + j for j in range(grid.ndim) if j != k)
        image = _time_map(axes, run, grid.axes[k], run.density.sum(axis=others) / grid.spacing[k])
        axes.set_ylabel(_weight_label(k))
        host.colorbar(image, ax=axes, pad=0.02).outline.set_visible(False)
        axes.set_title(f"marginal of $w_{{{k}}}$ (1 / weight)", loc="left")


def _draw_loss_over_time(host: Any, run: Trajectory, zeta: np.ndarray) -> None:
    main, side = host.subplots(1, 2, sharey=True, width_ratios=(2, 1))
    bands = loss_quantiles(zeta, run.density, (0.05, 0.25, 0.5, 0.75, 0.95))
    main.fill_between(run.times, bands[0], bands[4], color=BLUE, alpha=0.16, linewidth=0, label="5 % to 95 %")
    main.fill_between(run.times, bands[1], bands[3], color=BLUE, alpha=0.34, linewidth=0, label="25 % to 75 %")
    main.plot(run.times, bands[2], color=BLUE, linewidth=1.8, label="median")
    mean = np.tensordot(run.density.reshape(len(run.times), -1), zeta.reshape(-1), 1)
    main.plot(run.times, mean, color=ORANGE, linewidth=1.2, linestyle="--", label="mean")
    main.set(xlabel=_time_label(run), ylabel="loss $\\zeta$ of a sampled weight vector", title="loss over time")
    main.legend(loc="upper right")
    main.margins(x=0)
    _tidy(main, "y")
    edges, uniform, final = loss_histogram(zeta, run.density[-1])
    side.barh(edges[:-1], final, np.diff(edges), align="edge", color=BLUE, alpha=0.75, label=f"at {run.times[-1]:.3g}")
    side.stairs(uniform, edges, orientation="horizontal", color=MUTED, linewidth=1.4, label="uniform weights")
    side.set(xlabel="probability", title="last time")
    side.legend(loc="upper right")
    _tidy(side, "x")


def _draw_basis_states(host: Any, run: Trajectory) -> None:
    axes = host.subplots()
    bits, flat = run.problem.domain.num_qubits, run.density.reshape(len(run.times), -1)
    top = np.argsort(-flat.max(axis=0), kind="stable")[:FRAMES]
    for index, color in zip(top, (BLUE, ORANGE, GREEN, PURPLE, SKY, PINK)):
        label = f"$|{index:0{bits}b}\\rangle$"
        axes.plot(run.times, flat[:, index], "o-", color=color, markersize=2.5, linewidth=1.4, label=label)
    axes.plot(run.times, 1 - flat[:, top].sum(axis=1), ":", color=MUTED, label="all others")
    axes.set(xlabel=_time_label(run), ylabel="probability", title="most probable basis states")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    _tidy(axes, "both")


def loss_quantiles(zeta: np.ndarray, density: np.ndarray, levels: Sequence[float]) -> np.ndarray:
    """The least loss below which at least a share ``level`` of the probability lies, shape ``(levels, m)``.

    >>> loss_quantiles(np.array([3.0, 1.0, 2.0]), np.array([[0.5, 0.2, 0.3]]), (0.1, 0.5, 0.9)).ravel()
    array([1., 2., 3.])
    """
    ranked = np.argsort(zeta, axis=None, kind="stable")
    below = np.cumsum(density.reshape(len(density), -1)[:, ranked], axis=1)
    values, last = zeta.reshape(-1)[ranked], zeta.size - 1
    where = [[min(int(np.searchsorted(row, level - 1e-12)), last) for row in below] for level in levels]
    return values[np.array(where)]


def loss_histogram(zeta: np.ndarray, density: np.ndarray, bins: int = 24) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges of equal bins of the loss, the share of all weights in each, and the probability of each."""
    values = zeta.reshape(-1)
    edges = np.histogram_bin_edges(values, bins)
    uniform = np.histogram(values, edges)[0] / values.size
    return edges, uniform, np.histogram(values, edges, weights=density.reshape(-1))[0]


# landscape


def _plane(grid: Grid, zeta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y = (_coarse(points) for points in grid.axes)
    return x, y, _coarse(_coarse(zeta, 0), 1)


def _power(loss: np.ndarray) -> float:
    """The power of the colour scale that gives the median of the loss the middle colour (1 to 5)."""
    low, high = float(loss.min()), float(loss.max())
    share = (float(np.median(loss)) - low) / (high - low) if high > low else 0.5
    return float(np.clip(np.log(max(share, 1e-9)) / np.log(0.5), 1.0, 5.0))


def _levels(loss: np.ndarray, count: int) -> np.ndarray:
    low, high = float(loss.min()), float(loss.max())
    high = high if high > low else low + max(1.0, abs(low)) * 1e-6  # a flat loss: contours still need increasing levels
    return low + (high - low) * np.linspace(0, 1, count) ** _power(loss)


def mass_level(density: np.ndarray, share: float) -> float:
    """The density above which ``share`` of the probability lies (the edge of the smallest such region).

    >>> mass_level(np.array([0.1, 0.6, 0.3]), 0.8)
    0.3
    """
    ranked = np.sort(density, axis=None)[::-1]
    return float(ranked[min(int(np.searchsorted(np.cumsum(ranked), share)), ranked.size - 1)])


def _draw_landscape(host: Any, run: Trajectory, zeta: np.ndarray, marks: Mapping[str, np.ndarray]) -> None:
    grid, axes = run.problem.domain, host.subplots()
    if isinstance(grid, Hypercube) or grid.ndim > 2:
        _landscape_histogram(axes, run, zeta, marks)
    elif grid.ndim == 1:
        _landscape_curve(axes, run, zeta, marks)
    else:
        _landscape_plane(host, axes, run, zeta, marks)
    columns = 2 if len(axes.get_legend_handles_labels()[1]) > 3 else 3
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=columns, handletextpad=0.4, columnspacing=1.2)


def _shown(run: Trajectory, marks: Mapping[str, np.ndarray]) -> list[tuple[str, np.ndarray, float, str, str]]:
    """``(label, weights, loss, marker, colour)`` of all points to show: the best ones, then the marks."""
    assert run.problem.objective is not None  # checked by the callers
    out = []
    if run.best is not None:
        best = run.best
        out.append((f"best of {best.samples:,} samples", np.array(best.weights), float(best.value), "*", "#ff3b6b"))
        out.append(
            (
                f"best of {best.samples:,} uniform draws",
                np.array(best.uniform_weights),
                float(best.uniform_value),
                "o",
                "white",
            )
        )
    for k, (label, point) in enumerate(marks.items()):
        color = ("#ffd23f", SKY, "#ff9f1c", PINK)[k % 4]
        out.append((label, point, float(run.problem.objective(point[None])[0]), MARKERS[k % len(MARKERS)], color))
    return out


def _mark(axes: Any, x: float, y: float, label: str, marker: str, color: str) -> None:
    size = 15 if marker == "*" else 7.5
    axes.plot(
        [x],
        [y],
        marker,
        color=color,
        markersize=size,
        markeredgecolor=INK,
        markeredgewidth=0.9,
        label=label,
        zorder=6,
        clip_on=False,
    )


def _inside(grid: Grid, point: np.ndarray, label: str) -> tuple[np.ndarray, str]:
    """A point moved to the nearest place in the box, and its label, which says so."""
    low, high = np.array(grid.bounds).T
    held = np.clip(point, low, high)
    return held, label if np.array_equal(held, point) else f"{label} (outside the box)"


def _landscape_curve(axes: Any, run: Trajectory, zeta: np.ndarray, marks: Mapping[str, np.ndarray]) -> None:
    grid: Any = run.problem.domain
    x, symbol = grid.axes[0], "t" if run.problem.clock == "real" else "\\tau"
    other = axes.twinx()
    other.fill_between(x, run.density[-1] / grid.cell_volume, color=PURPLE, alpha=0.25, linewidth=0)
    other.plot(x, run.density[0] / grid.cell_volume, color=MUTED, linewidth=1.0, linestyle=":")
    other.set_ylabel(_density_label(1), color=PURPLE)
    other.set_ylim(bottom=0)
    other.spines["right"].set_visible(True)
    axes.set_zorder(other.get_zorder() + 1)  # the loss and its marks lie over the density
    axes.patch.set_visible(False)
    axes.plot(x, zeta, color=INK, linewidth=1.6, label="loss")
    axes.fill_between([], [], color=PURPLE, alpha=0.25, label=f"density at ${symbol} = {run.times[-1]:.3g}$")
    axes.plot([], [], color=MUTED, linewidth=1.0, linestyle=":", label=f"density at ${symbol} = {run.times[0]:.3g}$")
    for label, point, _, marker, color in _shown(run, marks):
        held, text = _inside(grid, point, label)
        _mark(axes, held[0], float(np.interp(held[0], x, zeta)), text, marker, color)
    axes.set(xlabel=_weight_label(0), ylabel="loss $\\zeta$", xlim=grid.bounds[0])
    _tidy(axes, "y")
    _tidy(other)


def _landscape_plane(host: Any, axes: Any, run: Trajectory, zeta: np.ndarray, marks: Mapping[str, np.ndarray]) -> None:
    from matplotlib.colors import PowerNorm

    grid: Any = run.problem.domain
    x, y, loss = _plane(grid, zeta)
    levels = _levels(loss, 20)
    norm = PowerNorm(1 / _power(loss), levels[0], levels[-1])
    filled = axes.contourf(x, y, loss.T, levels=levels, cmap=LANDSCAPE, norm=norm)
    axes.contour(x, y, loss.T, levels=levels[1:-1:2], colors="white", linewidths=0.4, alpha=0.35)
    if run.counts:
        _draw_samples(axes, run)
    else:
        _draw_regions(axes, run)
    for label, point, _, marker, color in _shown(run, marks):
        held, text = _inside(grid, point, label)
        _mark(axes, held[0], held[1], text, marker, color)
    axes.set(xlabel=_weight_label(0), ylabel=_weight_label(1), xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    _tidy(axes)
    bar = host.colorbar(filled, ax=axes, label="loss $\\zeta$", pad=0.02, format="%.3g")
    bar.outline.set_visible(False)


def _draw_samples(axes: Any, run: Trajectory) -> None:
    counts = run.counts["weight"][-1]  # type: ignore[index]
    points = run.problem.domain.points_at(counts.index)
    area = 60.0 * counts.count / counts.count.max()
    axes.scatter(
        points[:, 0],
        points[:, 1],
        s=area,
        color="white",
        alpha=0.75,
        linewidths=0,
        label=f"samples at {run.times[-1]:.3g}",
    )


def _draw_regions(axes: Any, run: Trajectory) -> None:
    grid: Any = run.problem.domain
    x, y, last = _plane(grid, run.density[-1])
    for share, style in ((0.9, "--"), (0.5, "-")):
        level = mass_level(last / last.sum(), share) * last.sum()
        if last.min() < level < last.max():
            axes.contour(x, y, last.T, levels=[level], colors="white", linewidths=1.3, linestyles=style)
            axes.plot([], [], color=MUTED, linestyle=style, linewidth=1.3, label=f"{share:.0%} of the density")


def _landscape_histogram(axes: Any, run: Trajectory, zeta: np.ndarray, marks: Mapping[str, np.ndarray]) -> None:
    edges, uniform, final = loss_histogram(zeta, run.density[-1], 32)
    axes.bar(
        edges[:-1],
        final,
        np.diff(edges),
        align="edge",
        color=BLUE,
        alpha=0.75,
        label=f"probability at {run.times[-1]:.3g}",
    )
    axes.stairs(uniform, edges, color=MUTED, linewidth=1.4, label="uniform weights")
    for label, _, value, marker, color in _shown(run, marks):
        axes.axvline(value, color=INK, linewidth=0.7, linestyle=":")
        _mark(axes, value, 0.0, label, marker, color)
    axes.set(xlabel="loss $\\zeta$", ylabel="probability")
    axes.set_ylim(bottom=0)
    _tidy(axes, "y")


# energy and budget


def _draw_energy(host: Any, run: Trajectory, reference: Trajectory | None, names: Sequence[str], column: bool) -> None:
    shape = (len(names), 1) if column else (1, len(names))
    panels = host.subplots(*shape, sharex=True, squeeze=False)
    for axes, name in zip(panels.flat, names):
        color, label = EXPECTATIONS[name]
        if name == "kinetic":
            label += " (1 / weight$^2$)" if isinstance(run.problem.domain, Grid) else " (graph Laplacian)"
        if reference is not None and name in reference.expectations:
            line = np.asarray(reference.expectations[name])
            dots = "." if len(reference.times) <= 12 else None  # few saved times: the line between them is no data
            axes.plot(
                reference.times, line, color=INK, linewidth=1.1, marker=dots, label=_method(reference.method), zorder=2
            )
        _draw_estimate(axes, run, name, color, joined=reference is None)
        axes.set_ylabel(label) if column else axes.set_title(label, loc="left")
        axes.margins(x=0.02)
        _tidy(axes, "both")
    for axes in panels[-1]:
        axes.set_xlabel(_time_label(run))
    panels.flat[0].legend(loc="best")


def _draw_estimate(axes: Any, run: Trajectory, name: str, color: str, joined: bool) -> None:
    estimate = run.expectations[name]
    value = np.asarray(estimate.value, dtype=float)
    stderr = np.broadcast_to(np.asarray(estimate.stderr, dtype=float), value.shape)
    stderr = np.where(np.isfinite(stderr), stderr, 0.0)  # a single shot has no error bar
    label = _method(run.method) + (", one standard error" if stderr.any() else "")
    style = {
        "marker": "o",
        "markersize": 3.5 if len(value) <= 60 else 0,
        "linestyle": "-" if joined and not stderr.any() else "none",
    }
    if len(value) > 60:
        style["linestyle"] = "-"
    axes.errorbar(
        run.times,
        value,
        yerr=stderr if stderr.any() else None,
        color=color,
        capsize=2,
        linewidth=1.2,
        label=label,
        **style,
    )


def _draw_budget(host: Any, rows: Sequence[tuple[str, Estimate]], terms: int) -> None:
    axes = host.subplots()
    value = np.array([float(e.value) for _, e in rows])
    stderr = np.array([float(e.stderr) if np.isfinite(e.stderr) else 0.0 for _, e in rows])
    where = np.arange(len(rows)) + np.where(np.arange(len(rows)) < terms, 0.0, 0.4)  # a gap before sum and total
    positive = value[value > 0]
    logarithmic = bool(positive.size and (value >= 0).all() and positive.max() > 50 * positive.min())
    if logarithmic:
        axes.set_xscale("log")
        floor = 10.0 ** np.floor(np.log10(positive.min()) - 0.3)
        axes.set_xlim(floor, (value + stderr).max() * 12)
    else:
        axes.margins(x=0.22)
        axes.axvline(0, color=MUTED, linewidth=0.8)
    colors = [BLUE] * terms + [MUTED, ORANGE]
    axes.barh(where, value, 0.72, color=colors, alpha=0.85)
    shown = stderr > 0
    axes.errorbar(value[shown], where[shown], xerr=stderr[shown], fmt="none", ecolor=INK, capsize=2.5, linewidth=1.0)
    for y, v, s, (_, estimate) in zip(where, value, stderr, rows):
        end = max(v + s, axes.get_xlim()[0]) if logarithmic else max(v + s, 0.0)
        text = str(estimate) if v else "0"
        axes.annotate(text, (end, y), xytext=(5, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_yticks(where, [name.replace("_", " ") for name, _ in rows])
    axes.invert_yaxis()
    axes.set_xlabel("contribution to the error" + (" (logarithmic)" if logarithmic else ""))
    axes.spines["left"].set_visible(False)
    _tidy(axes, "x")
    axes.tick_params(axis="y", length=0)
