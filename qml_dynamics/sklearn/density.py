"""Density estimation with the interface of scikit-learn: rows that relax in imaginary time, ``p_t = psi0 e^{-t H_W} phi_0``.

At time 0 the law is that of the rows; at late times it is the Gibbs law ``e^{-V/T}`` of the potential. In between it is a kernel density
estimate whose kernel is the propagator of the Witten Hamiltonian.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from ..backends import Backend
from ..base.errors import integer
from ..learning.diffusion.estimate import DensityEstimate, Wish
from ..methods.base import Method

Matrix = npt.ArrayLike


class GibbsSampler(DensityMixin, BaseEstimator):  # type: ignore[misc]  # of a package without types
    """A density of rows, and a sampler of it, in the manner of ``sklearn.neighbors.KernelDensity``.

    Columns are standardised and rotated to their principal components, each of variance 1. The rows of the first of these are points
    on a grid, ``phi_0 = sum_i delta(u - u_i) / psi0``, and imaginary time makes ``p_t = psi0 e^{-t H_W} phi_0`` of them,
    ``t = bandwidth^2 / 2``; the other components have the normal law of their variance. A share of the Gibbs law ``e^{-|u|^2/2}`` is
    mixed in, so that every point has a density that is not 0. Source: Botev, Grotowski, Kroese, doi:10.1214/10-AOS799.

    Args:
        bandwidth: of the kernels, in standard deviations of the components, 1.5 spacings of the grid at least; None: that of the
            largest leave-one-out likelihood.
        potential: ``"free"`` (V = 0: kernels are Gaussians, as of ``KernelDensity``) or ``"ou"`` (``V = |u|^2 / 2``: the rows relax
            towards the normal law, and their mean and covariance are kept; for rows within 6 standard deviations).
        components: on the grid, 1 to 3; None: 2, or 1 of a single column.
        qubits: of each axis of the grid; None: 9, 7 or 6 by the number of axes; on a backend 9 in all, 3 an axis at least.
        background: share of the Gibbs law, from 0 to below 1; None: ``1 / (n + 1)`` of n rows. With 0 the density ends with the grid.
        method: of imaginary time; None: a single split step where it is exact (``"free"``), else 16 of order 4.
        backend, shots: circuits in place of NumPy, as in :func:`qml_dynamics.evolve`.
        random_state: of shots.

    Attributes:
        bandwidth_: that was taken; equal to ``least_bandwidth_`` it is the grid that limits it: take more ``qubits``.
        least_bandwidth_: 1.5 spacings of the grid.
        run_: the evolution, a trajectory.
        n_features_in_, feature_names_in_: as everywhere in scikit-learn.

    Raises:
        ProblemError, MethodError, BackendError: an option does not fit, or a column is constant or a combination of others. All are
            a ``ValueError``.

    >>> X = [[-2.0], [-1.9], [-2.1], [1.0], [1.2], [0.9]]
    >>> model = GibbsSampler(bandwidth=0.2).fit(X)
    >>> bool(model.score_samples([[-2.0]])[0] > 1 + model.score_samples([[-0.5]])[0])
    True
    >>> model.sample(3, random_state=0).shape
    (3, 1)
    """

    def __init__(
        self,
        *,
        bandwidth: float | None = None,
        potential: str = "free",
        components: int | None = None,
        qubits: int | None = None,
        background: float | None = None,
        method: Method | None = None,
        backend: str | Backend | None = None,
        shots: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.bandwidth = bandwidth
        self.potential = potential
        self.components = components
        self.qubits = qubits
        self.background = background
        self.method = method
        self.backend = backend
        self.shots = shots
        self.random_state = random_state

    def fit(self, X: Matrix, y: object = None) -> Self:
        """Run the rows.

        Args:
            X: shape ``(n, d)``, two rows at least.
            y: takes no part.
        """
        names = ("bandwidth", "potential", "components", "qubits", "background", "method", "backend", "shots")
        wish = Wish(**{name: getattr(self, name) for name in names})
        rows = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self._estimate = DensityEstimate.fit(rows, wish, seed)
        self.bandwidth_, self.run_ = self._estimate.bandwidth, self._estimate.run
        self.least_bandwidth_ = self._estimate.least_bandwidth
        return self

    def score_samples(self, X: Matrix) -> np.ndarray:
        """``log p`` of each row, in the units of the columns, shape ``(n,)``."""
        check_is_fitted(self)
        return self._estimate.log_density(validate_data(self, X, dtype=np.float64, reset=False))

    def score(self, X: Matrix, y: object = None) -> float:
        """The log likelihood of all rows together, as of ``KernelDensity``."""
        return float(self.score_samples(X).sum())

    def sample(self, n_samples: int = 1, random_state: int | np.random.RandomState | None = None) -> np.ndarray:
        """New rows, shape ``(n_samples, d)``.

        Args:
            n_samples: how many.
            random_state: of the draws; None: another one each time.
        """
        check_is_fitted(self)
        count = integer(n_samples, "n_samples", 1, 10**8)
        seed = int(check_random_state(random_state).randint(2**31 - 1))
        return self._estimate.sample(count, np.random.default_rng(seed))
