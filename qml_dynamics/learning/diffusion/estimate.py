"""`DensityEstimate`: rows of a table as a density of any point, made by imaginary time on a grid of a few of their components.

Each row is a point mass; the semigroup ``e^{-t H_W}`` of the Witten Hamiltonian runs it for ``t = bandwidth^2 / (2 T)``. Kernel density
estimation by diffusion: Botev, Grotowski, Kroese, Annals of Statistics 38, 2916 (2010), doi:10.1214/10-AOS799. Probabilistic principal
components, the normal law of what the grid leaves out: Tipping, Bishop, J. R. Stat. Soc. B 61, 611 (1999).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from ...backends.base import BackendLike
from ...base.errors import EdgeWeightWarning, MomentumTailWarning, ProblemError, integer, one_of, real, require
from ...base.interrupts import whole
from ...methods.base import Method
from ...methods.evolution import evolve
from ...methods.imaginary.options import ProbabilisticITE
from ...methods.split_step import SplitStep
from ...model.domains import Grid
from ...results.trajectory import Trajectory
from .data import choose_bandwidth, deposit, given_bandwidth, least_bandwidth, smoothing_time
from .device import read_density
from .field import Magnifier, density_at
from .paths import draw
from .witten import NAMED, landscape

AXES = 3  # of the grid, at most
_QUBITS = {1: 9, 2: 7, 3: 6}  # of each axis
_ON_CIRCUITS = 9  # in all
_MARGIN = 4.0  # between the outermost row and the edge of the box, in standard deviations
_REACH = 6.0  # standard deviations within which psi0 of the normal law keeps half of the digits
_OU_BOX = 8.0
_INDEPENDENT = 1e-10  # of the largest variance: less is a combination of other columns
_LOG_2PI = float(np.log(2 * np.pi))


@dataclass(frozen=True)
class Wish:
    """What is asked for; the arguments of :class:`qml_dynamics.sklearn.GibbsSampler`."""

    bandwidth: float | None = None
    potential: str = "free"
    components: int | None = None
    qubits: int | None = None
    background: float | None = None
    method: Method | None = None
    backend: BackendLike | None = None
    shots: int | None = None

    def __post_init__(self) -> None:
        one_of(self.potential, "potential", NAMED)
        if self.bandwidth is not None:
            real(self.bandwidth, "bandwidth", positive=True)
        if self.components is not None:
            integer(self.components, "components", 1, AXES)
        if self.qubits is not None:
            integer(self.qubits, "qubits", 3, 12)
        if self.background is not None:
            share = real(self.background, "background", nonnegative=True)
            require(share < 1, "background", "be a share from 0 to below 1", self.background)
        if self.backend is None:
            require(self.shots is None, "shots", "be left out without a backend", self.shots)


@dataclass(frozen=True, eq=False)
class Components:
    """Uncorrelated coordinates of variance 1, the largest first: ``t = (x - mean) @ matrix``.

    Attributes:
        mean: of the columns, shape ``(d,)``.
        matrix: shape ``(d, d)``.
        log_volume: ``log |det matrix|``.
    """

    mean: np.ndarray
    matrix: np.ndarray
    log_volume: float

    @classmethod
    def of(cls, rows: np.ndarray) -> Components:
        """Principal components of the standardised columns.

        Raises:
            ProblemError: a column is constant, or a combination of others: then there is no density.
        """
        mean, spread = rows.mean(axis=0), rows.std(axis=0)
        flat = np.flatnonzero(spread <= 1e-12 * np.abs(mean))
        if flat.size:
            raise ProblemError(
                f"Argument `X` must have columns that vary, but column {int(flat[0])} (of {flat.size} such) holds one value: a density has "
                "no extent along it. Leave it out."
            )
        sizes, vectors = np.linalg.eigh(np.cov(((rows - mean) / spread).T, bias=True).reshape(len(mean), -1))
        sizes, vectors = sizes[::-1], vectors[:, ::-1]
        rank = int((sizes > _INDEPENDENT * sizes[0]).sum())
        if rank < len(mean):
            raise ProblemError(
                f"Argument `X` must have columns of which none is a combination of others, but its {len(rows)} rows span {rank} of "
                f"{len(mean)} dimensions: a density has no extent along the rest. Leave columns out, or reduce them by PCA({rank})."
            )
        apart = np.abs(vectors)  # entries that are equal to rounding, as all of two columns are, count as equal
        first = (apart > (1 - 1e-6) * apart.max(axis=0)).argmax(axis=0)
        signs = np.sign(vectors[first, np.arange(len(mean))])
        matrix = vectors * signs / np.sqrt(sizes) / spread[:, None]
        return cls(mean, matrix, float(-np.log(spread).sum() - 0.5 * np.log(sizes).sum()))

    def forth(self, X: np.ndarray) -> np.ndarray:
        """Coordinates of rows."""
        return np.asarray((X - self.mean) @ self.matrix)

    def back(self, coordinates: np.ndarray) -> np.ndarray:
        """Rows with these coordinates."""
        return np.asarray(coordinates @ np.linalg.inv(self.matrix) + self.mean)


@dataclass(frozen=True, eq=False)
class DensityEstimate:
    """``p(x) = |det| ((1 - b) p_t(u) N(v) + b N(u) N(v))`` with ``(u, v)`` the components of x: u on the grid, v the rest.

    Attributes:
        components: the coordinates.
        lens: the grid, and a finer one beside it.
        fine: ``p_t`` on the finer grid, adding up to 1.
        bandwidth: of the kernels, in standard deviations of the components.
        background: b, the share of the Gibbs law ``e^{-|x|^2/2}``, whose mean and covariance are those of the rows.
        exact: whether ``p_t`` is that of the wave; of samples it is interpolated linearly.
        run: the evolution.
    """

    components: Components
    lens: Magnifier
    fine: np.ndarray
    bandwidth: float
    background: float
    exact: bool
    run: Trajectory

    @classmethod
    def fit(cls, X: np.ndarray, wish: Wish, seed: int) -> DensityEstimate:
        """The estimate of rows, shape ``(n, d)`` with two at least.

        Args:
            X: finite numbers.
            wish: the options.
            seed: of samples.

        Raises:
            ProblemError, MethodError, BackendError: columns or options that do not fit.
        """
        coordinates = Components.of(X)
        ndim = min(X.shape[1], 2 if wish.components is None else wish.components)
        rows = coordinates.forth(X)[:, :ndim]
        land = landscape(_box(rows, wish), wish.potential, 1.0)
        width = choose_bandwidth(rows, land) if wish.bandwidth is None else given_bandwidth(wish.bandwidth, land.domain)
        problem = land.problem(deposit(rows, land), smoothing_time(width, 1.0))
        method = wish.method if wish.method is not None else _usual(wish)
        with warnings.catch_warnings():
            for told in (
                MomentumTailWarning,
                EdgeWeightWarning,
            ):  # points have every momentum, and margins are narrow by intent
                warnings.simplefilter("ignore", told)
            run = whole(evolve(problem, method, backend=wish.backend, shots=wish.shots, seed=seed, progress=False))
        exact = run.states is not None and wish.shots is None
        if run.states is not None and exact:
            wave = run.states[-1].real / run.states[-1].real.sum()
        else:
            wave = read_density(run.density[-1], land.root, None)[0] / land.root
        lens = Magnifier.of(land)
        fine = np.maximum(lens.root * lens.waves(wave)[0], 0.0)
        share = 1 / (len(X) + 1) if wish.background is None else float(wish.background)
        return cls(coordinates, lens, fine / fine.sum(), width, share, exact, run)

    @property
    def least_bandwidth(self) -> float:
        """The smallest that the grid holds."""
        return least_bandwidth(self.lens.land.domain)

    def log_density(self, X: np.ndarray) -> np.ndarray:
        """``log p`` of rows, shape ``(n,)``; minus infinity where there is no density (``background=0`` only)."""
        t = self.components.forth(X)
        ndim = self.lens.fine.ndim
        normal = -0.5 * (t**2 + _LOG_2PI)
        with np.errstate(divide="ignore"):
            grid = np.log(density_at(self.lens.fine, self.fine, t[:, :ndim], 3 if self.exact else 1))
            mixed = np.logaddexp(
                np.log1p(-self.background) + grid, np.log(self.background) + normal[:, :ndim].sum(axis=1)
            )
        return np.asarray(mixed + normal[:, ndim:].sum(axis=1) + self.components.log_volume)

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draws, shape ``(n, d)``; in the grid's components uniform in the cells of the finer grid."""
        t = rng.standard_normal((n, len(self.components.mean)))
        on_grid = rng.random(n) >= self.background
        t[on_grid, : self.lens.fine.ndim] = draw(self.fine, self.lens, int(on_grid.sum()), rng)
        return self.components.back(t)


def _box(rows: np.ndarray, wish: Wish) -> Grid:
    """A box that holds the rows and their kernels."""
    ndim, far = rows.shape[1], np.abs(rows).max(axis=0)
    circuits = wish.backend is not None
    usual = max(3, _ON_CIRCUITS // ndim) if circuits else _QUBITS[ndim]
    fine = usual if wish.qubits is None else wish.qubits
    if wish.potential == "ou":
        require(
            bool((far <= _REACH).all()),
            "potential",
            f"be 'free' for rows beyond {_REACH:g} standard deviations, where the root of the normal law is lost in round-off",
            f"'ou' with a row at {far.max():.3g}",
        )
        return Grid([(-_OU_BOX, _OU_BOX)] * ndim, fine)
    margin = max(_MARGIN, 5.0 * (wish.bandwidth or 0.0))
    return Grid([(-float(edge) - margin, float(edge) + margin) for edge in far], fine)


def _usual(wish: Wish) -> Method:
    """Without a potential a single step is exact."""
    if wish.backend is not None:
        return ProbabilisticITE(1.0, 1 if wish.potential == "free" else 4, order=2, block="exact")
    return SplitStep(1) if wish.potential == "free" else SplitStep(16, order=4)
