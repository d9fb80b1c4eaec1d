"""Born samples, Bohm's and Nelson's paths of a wave, and the test that they keep its density (equivariance).

``"born"``: fresh draws from ``|psi|^2`` at each time, what a device would give. ``"bohm"``: paths along the velocity
``v = 2 D Im(grad psi / psi)``. ``"nelson"``: a diffusion with drift ``2 D (Im + Re)(grad psi / psi)`` and variance ``2 D dt``. All
three have the density ``|psi|^2`` at every time (equivariance). Sources: Bohm, Phys. Rev. 85, 166 (1952); Nelson, Phys. Rev.
150, 1079 (1966).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...base.arguments import checks_arguments
from ...base.errors import ProblemError, describe, integer, one_of, require
from ...base.numeric import Array, number_array
from ...base.printing import printed_briefly
from ...base.progress import Progress
from ...methods import split_step
from ...methods.growing.grid import refine
from ...methods.split_step import SplitStep
from ...model.domains import Grid
from ...model.hamiltonians import LearningHamiltonian, hamiltonian
from ...model.initial import State
from ...results.trajectory import Trajectory
from ..ensembles.madelung_variables import derivatives
from ..ensembles.winding_numbers import circulation
from .clouds import fine_density, into_box, p_value, points_of, uniforms_of

KINDS = ("born", "bohm", "nelson")
_MOST = 20_000  # substeps in all


@printed_briefly
@dataclass(frozen=True, eq=False)
class EnsembleView:
    """What :func:`ensemble_view` returns.

    Attributes:
        times: the saved times, shape ``(m,)``.
        paths: points of the cloud, shape ``(m, samples, ndim)``, inside the box (periodic axes wrap).
        p_value: of equivariance at each time, shape ``(m,)``: of the hypothesis that the cloud has the density of the wave,
            jointly in all weights.
        kind: ``"born"``, ``"bohm"`` or ``"nelson"``.
        circulation: for two weights the windings of the wave, one a plaquette, shape ``(m, *)``; else None.
    """

    times: np.ndarray
    paths: np.ndarray
    p_value: np.ndarray
    kind: str
    circulation: np.ndarray | None


@checks_arguments
def ensemble_view(
    trajectory: Trajectory, samples: int = 1000, kind: str = "bohm", seed: int | None = None
) -> EnsembleView:
    """A cloud of points carried by the wave of a run.

    Between saved times the wave is propagated again from the saved one (order 4), so saved times need not be dense.

    Args:
        trajectory: with waves, on a :class:`Grid`; for ``"bohm"`` and ``"nelson"`` on the real clock.
        samples: points of the cloud.
        kind: see above.
        seed: of all draws.

    Raises:
        ProblemError: the run has no waves, no grid, the wrong clock, or the kind is unknown.

    >>> from qml_dynamics import Gaussian, Problem, evolve
    >>> free = Problem(Grid((-20, 20), 7), lambda w: 0 * w[:, 0], 0.5, clock="real", duration=2.0, initial=Gaussian(0, 1.0))
    >>> view = ensemble_view(evolve(free, SplitStep(10)), 500, "bohm", seed=1)
    >>> view.paths.shape, np.allclose(view.paths[1], 2**0.5 * view.paths[0], atol=1e-2)     # it spreads by sqrt(1 + t^2 / 4)
    ((2, 500, 1), True)
    """
    one_of(kind, "kind", KINDS)
    count = integer(samples, "samples", 1, 10**6)
    domain, states = _checked(trajectory, kind)
    rng = np.random.default_rng(seed)
    density = [fine_density(psi, domain) for psi in states]
    if kind == "born":
        cloud = [points_of(rng.random((count, domain.ndim)), *d) for d in density]
    else:
        start = points_of(rng.random((count, domain.ndim)), *density[0])
        if kind == "bohm" and domain.ndim == 1:
            cloud = _quantiles(trajectory, start, density)
        else:
            cloud = [start, *_carried(trajectory, start, kind, rng)]
    paths = np.array(cloud)
    winding = np.array([circulation(psi, domain) for psi in states]) if domain.ndim == 2 else None
    return EnsembleView(trajectory.times, paths, equivariance(trajectory, paths), kind, winding)


@checks_arguments
def equivariance(trajectory: Trajectory, paths: Array) -> np.ndarray:
    """P-values of the hypothesis that points have the density of the wave, one a time.

    Args:
        trajectory: with waves, on a grid.
        paths: shape ``(times, samples, ndim)``.
    """
    domain, states = _checked(trajectory, "born")
    points = number_array(paths, "paths")
    fits = points.ndim == 3 and len(points) == len(states) and points.shape[2] == domain.ndim
    require(fits, "paths", f"have shape ({len(states)}, samples, {domain.ndim})", f"of shape {points.shape}")
    return np.array([p_value(x, *fine_density(psi, domain)) for x, psi in zip(points, states)])


def _checked(trajectory: Trajectory, kind: str) -> tuple[Grid, np.ndarray]:
    require(isinstance(trajectory, Trajectory), "trajectory", "be a Trajectory", describe(trajectory))
    domain = trajectory.problem.domain
    require(isinstance(domain, Grid), "trajectory", "be on a Grid", describe(domain))
    require(trajectory.states is not None, "trajectory", "hold waves (an exact run)", "of samples only")
    clock = trajectory.problem.clock
    real = kind == "born" or clock == "real"
    require(real, "kind", f"be 'born' on the {clock} clock, where no current carries the density", kind)
    assert isinstance(domain, Grid)
    assert trajectory.states is not None
    return domain, trajectory.states


def _quantiles(
    trajectory: Trajectory, start: np.ndarray, density: Sequence[tuple[np.ndarray, Grid]]
) -> list[np.ndarray]:
    """Bohm's paths on a line keep their order, so each keeps its quantile but for what flows in through the edge.

    ``F(x(t), t) = F(x(0), 0) + int j(edge) dt``: no path crosses another, or a node.
    """
    quantile = uniforms_of(start, *density[0])
    inflow = np.zeros(len(density))
    if trajectory.problem.domain.boundary == "periodic":  # type: ignore[union-attr]
        inflow = _inflow(trajectory)
    return [points_of((quantile + given) % 1.0, *d) for given, d in zip(inflow, density)]


def _inflow(trajectory: Trajectory) -> np.ndarray:
    """Time integral of the probability current through the lower edge of a periodic line, at the saved times."""
    domain = trajectory.problem.domain
    assert isinstance(domain, Grid)
    edge = np.abs(trajectory.states[:, [0, -1]]) ** 2 / domain.cell_volume  # type: ignore[index]
    out = np.zeros(len(trajectory.times))
    if float(edge.max()) < 1e-10:
        return out
    for i in range(len(out) - 1):
        rates = []
        for t, psi in _between(trajectory, i, 0.5):
            slope = derivatives(psi, domain, 0)[0]
            d = trajectory.problem.diffusion.value(t, trajectory.problem.duration)
            rates.append((t, 2 * d * float((psi[0].conj() * slope[0]).imag) / domain.cell_volume))
        when, rate = np.array(rates).T
        out[i + 1] = out[i] + float(np.trapezoid(rate, when))
    return out


def _between(trajectory: Trajectory, i: int, fineness: float) -> Iterator[tuple[float, np.ndarray]]:
    """The wave at substeps from saved time ``i`` to the next."""
    problem = trajectory.problem
    h = hamiltonian(problem)
    if not isinstance(h, LearningHamiltonian):
        raise ProblemError("Argument `trajectory` must have a loss as its potential, but is of a general operator.")
    psi = trajectory.states[i]  # type: ignore[index]
    t0, t1 = float(trajectory.times[i]), float(trajectory.times[i + 1])
    speed = 0.0  # the fastest change among both ends: kinetic energy and spread of the loss
    for t, wave in ((t0, psi), (t1, trajectory.states[i + 1])):  # type: ignore[index]
        d, s = h.coefficients(t)
        p = np.abs(wave) ** 2
        spread = float(np.sqrt(max(0.0, (p * h.zeta**2).sum() - (p * h.zeta).sum() ** 2)))
        speed = max(speed, 4 * d * h.parts(wave)[0] + abs(s) * spread)
    count = int(np.clip(np.ceil((t1 - t0) * speed / fineness), 8, _MOST))
    moments = (t0 + (t1 - t0) * np.arange(count + 1) / count).tolist()
    moments[-1] = t1
    again = problem.replace(initial=State(psi))
    with Progress("", False) as quiet:
        for t, wave, _ in split_step.run(again, h, SplitStep(1, order=4), moments, quiet):
            yield t, wave


def _carried(trajectory: Trajectory, start: np.ndarray, kind: str, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Points moved by the wave's velocity (Heun's rule), with Nelson's noise where asked for (Euler and Maruyama's)."""
    domain = trajectory.problem.domain
    assert isinstance(domain, Grid)
    x, duration = start, trajectory.problem.duration
    for i in range(len(trajectory.times) - 1):
        waves = _between(trajectory, i, 0.02 if kind == "nelson" else 0.05)
        t, psi = next(waves)
        field = _Field(psi, domain)
        for t_next, psi in waves:
            dt, after = t_next - t, _Field(psi, domain)
            amount = trajectory.problem.diffusion.integral(t, t_next, duration)
            if kind == "nelson":
                reach = 3 * np.sqrt(2 * amount)
                drift = np.clip(2 * amount * field.at(x, osmotic=True), -reach, reach)
                x = x + drift + np.sqrt(2 * amount) * rng.standard_normal(x.shape)
            else:
                limit = 0.25 * np.array(domain.lengths)
                first = np.clip(2 * amount * field.at(x), -limit, limit)
                second = np.clip(2 * amount * after.at(into_box(x + first, domain)), -limit, limit)
                x = x + 0.5 * (first + second)
            x, t, field = into_box(x, domain), t + dt, after
        yield x


class _Field:
    """``grad psi / psi`` at any point, from cubic splines of the wave and of its slopes."""

    def __init__(self, psi: np.ndarray, domain: Grid) -> None:
        from scipy.ndimage import spline_filter

        extra = [max(0, (9 if domain.ndim == 1 else 6) - q) for q in domain.qubits]
        wave, self.grid = refine(psi, domain, extra)
        self.mode = "grid-wrap" if domain.boundary == "periodic" else "mirror"
        arrays = [wave, *(derivatives(wave, self.grid, axis)[0] for axis in range(domain.ndim))]
        self.parts = [[spline_filter(part, mode=self.mode) for part in (a.real, a.imag)] for a in arrays]
        self.floor = 1e-12 * float(np.abs(wave).max())

    def at(self, points: np.ndarray, osmotic: bool = False) -> np.ndarray:
        """Imaginary part (the current velocity over 2 D), plus the real part (osmotic) where asked for."""
        from scipy.ndimage import map_coordinates

        low = np.array([a[0] for a in self.grid.axes])
        place = ((points - low) / np.array(self.grid.spacing)).T
        psi, *slopes = [
            sum(
                unit * map_coordinates(part, place, order=3, mode=self.mode, prefilter=False)
                for unit, part in zip((1, 1j), pair)
            )
            for pair in self.parts
        ]
        safe = np.where(np.abs(psi) > self.floor, psi, self.floor)
        ratio = np.stack([slope / safe for slope in slopes], axis=-1)
        return ratio.imag + ratio.real if osmotic else ratio.imag
