"""Schroedinger bridges computed in logarithms, for two densities so far apart that ``exp(-H t)`` between them underflows.

Fortet's iteration with ``log sum exp``. The evolution is a product of free heat kernels, summed over the images of the box (which is what
the transform of a grid gives, without its rounding), and of the factors of the loss; the formula is Chin's of order four, or Strang's
for a table. Sources: Fortet, J. Math. Pures Appl. 19, 83 (1940); stabilised scaling, Schmitzer, SIAM J. Sci. Comput. 41, A1443 (2019).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ...base.errors import MethodError
from ...base.progress import Progress
from ...model.domains import Grid
from ...model.formulas import Formula, by_name, factors
from ...model.hamiltonians import LearningHamiltonian
from ...model.problem import Problem
from .fortet_iteration import Pace

LARGEST = 4096  # points
_STEPS = 32
_LOST = 18.0  # of a logarithm: what is e^-18 of the largest has eight digits left
_SEEN = 1e-6  # of a density, above which its points matter
_ALLOWED = 1e-3  # total variation that the steps may make


@dataclass(frozen=True, eq=False)
class Far:
    """A bridge in logarithms.

    Attributes:
        forward, backward: ``log B`` and ``log A`` at the saved times, shape ``(times, *domain.shape)``.
        iterations, error: of the iteration: how many, and the total variation that is left at the start.
        splitting: total variation that the steps make, from half as many.
    """

    forward: np.ndarray
    backward: np.ndarray
    iterations: int
    error: float
    splitting: float

    @property
    def density(self) -> np.ndarray:
        """The product of both, normalised at each time."""
        return np.array([_softmax(a + b) for a, b in zip(self.backward, self.forward)])


@dataclass(eq=False)
class _Kernel:
    """``log (exp(-H t) exp(v))`` for any t."""

    problem: Problem
    h: LearningHamiltonian
    part: int = 1  # of the steps: 1 all, 2 half
    kernels: dict[float, list[np.ndarray]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        objective = self.problem.objective
        assert objective is not None
        self.formula: Formula = by_name("strang" if objective.domain is not None else "chin4a")
        self.free = float(np.ptp(self.h.zeta)) == 0

    @property
    def shortest(self) -> float:
        """Least time of one kinetic factor that the grid resolves: a heat kernel as wide as its spacing."""
        assert isinstance(self.problem.domain, Grid)
        return max(self.problem.domain.spacing) ** 2 / self.problem.diffusion.value(0.0, self.problem.duration)

    def steps(self, time: float) -> int:
        """How many steps a time takes: as many as the grid resolves."""
        parts = sum(kind == "K" for kind, _ in self.formula.base)
        fit = int(time / (parts * self.shortest) * (1 + 1e-9))
        return 1 if self.free else max(1, min(_STEPS, fit) // self.part)

    def __call__(self, v: np.ndarray, time: float) -> np.ndarray:
        if time == 0:
            return v
        p, square = self.problem, None
        many = self.steps(time)
        coarse = by_name("strang") if time / many < 2 * self.shortest else self.formula
        for factor in factors(coarse, time * np.arange(many + 1) / many, p.diffusion, p.strength, p.duration):
            if factor.kind == "K":
                for axis, kernel in enumerate(self._free(factor.amount)):
                    v = np.moveaxis(_applied(kernel, np.moveaxis(v, axis, -1)), -1, axis)
                continue
            v = v - factor.amount * self.h.zeta
            if factor.square:
                square = self.h.gradient_square if square is None else square
                v = v - factor.square * square
        return v

    def _free(self, amount: float) -> list[np.ndarray]:
        key = float(f"{amount:.12e}")
        if key not in self.kernels:
            assert isinstance(self.problem.domain, Grid)
            self.kernels[key] = free_kernels(self.problem.domain, amount)
        return self.kernels[key]


def free_kernels(domain: Grid, amount: float) -> list[np.ndarray]:
    """Logarithms of ``exp(-amount k^2)`` of each axis between its points, by images.

    >>> grid = Grid((-4, 4), 5)
    >>> wave = np.exp(-grid.axes[0] ** 2)
    >>> by_transform = np.fft.ifft(np.fft.fft(wave) * np.exp(-0.3 * grid.dual_axes[0])).real
    >>> bool(np.abs(np.exp(free_kernels(grid, 0.3)[0]) @ wave - by_transform).max() < 1e-14)
    True
    """
    out = []
    for x, length, h in zip(domain.axes, domain.lengths, domain.spacing):
        walls = domain.boundary == "walls"
        period = 2 * length if walls else length
        reach = 1 + math.ceil(math.sqrt(3000 * amount) / period)
        images = period * np.arange(-reach, reach + 1)
        scale = math.log(h) - 0.5 * math.log(4 * math.pi * amount)
        direct = _log_sum(-((x[:, None, None] - x[None, :, None] + images) ** 2) / (4 * amount))
        if walls:
            edge = x[0] - 0.5 * h
            mirrored = _log_sum(-((x[:, None, None] + x[None, :, None] - 2 * edge + images) ** 2) / (4 * amount))
            direct = direct + np.log(-np.expm1(np.minimum(mirrored - direct, -1e-300)))
        out.append(direct + scale)
    return out


def out_of_reach(problem: Problem, h: LearningHamiltonian, first: np.ndarray, last: np.ndarray) -> bool:
    """Whether what one end sends to the other is lost in the rounding of what it sends anywhere."""
    kernel = _Kernel(problem, h)
    if problem.duration < kernel.shortest:
        return False
    kernel.free = True  # one step shows the size
    for here, there in ((first, last), (last, first)):
        arrives = kernel(np.log(there), problem.duration)
        seen = arrives[here > _SEEN * here.max()]
        if float(seen.min() - arrives.max()) < -_LOST:
            return True
    return False


def is_resolved(problem: Problem, h: LearningHamiltonian, time: float) -> bool:
    """Whether a time is at an end, or so far from both that a heat kernel over it is as wide as the spacing."""
    least = _Kernel(problem, h).shortest * (1 - 1e-9)
    return all(t >= least or t <= 1e-12 * problem.duration for t in (time, problem.duration - time))


def far_bridge(
    problem: Problem,
    h: LearningHamiltonian,
    first: np.ndarray,
    last: np.ndarray,
    saves: Sequence[float],
    tol: float,
    limit: int,
    progress: Progress,
) -> Far:
    """The bridge between two densities at the saved times.

    Raises:
        MethodError: the grid or the save times are too fine for a heat kernel, the steps that the grid resolves are too few for this
            loss, or the iteration does not converge.
    """
    kernel = _Kernel(problem, h)
    unseen = [t for t in saves if not is_resolved(problem, h, t)]
    if unseen:
        raise MethodError(
            f"Argument `save` must have no time closer to an end than {kernel.shortest:.3g} (but the ends themselves) for ends that are "
            f"so far apart on this grid, but has {unseen[0]:.3g}. On more qubits it may be closer."
        )
    found = _bridge(kernel, (first, last), saves, Pace(tol, limit), progress)
    if kernel.free:
        return found
    if kernel.steps(problem.duration) < 2:
        _refuse(math.nan)
    halved = _bridge(_Kernel(problem, h, 2), (first, last), saves, Pace(tol, limit), progress)
    apart = 0.5 * np.abs(found.density - halved.density).reshape(len(found.density), -1).sum(axis=1)
    splitting = float(apart.max()) / (2**kernel.formula.order - 1)
    if splitting > _ALLOWED:
        _refuse(splitting)
    return Far(found.forward, found.backward, found.iterations, found.error, splitting)


def _refuse(error: float) -> None:
    told = "cannot be known" if math.isnan(error) else f"is {error:.1e}"
    raise MethodError(
        f"Argument `qubits` must be larger for ends that are so far apart: the error of as many steps as this grid resolves {told}, and "
        f"{_ALLOWED:g} is allowed."
    )


def _bridge(
    kernel: _Kernel, laws: tuple[np.ndarray, np.ndarray], saves: Sequence[float], pace: Pace, progress: Progress
) -> Far:
    """The iteration from the densities at both ends."""
    duration, first, tol, limit = kernel.problem.duration, laws[0], pace.tol, pace.limit
    start, end = np.log(laws[0]), np.log(laws[1])
    b, error = start, math.inf
    for count in range(1, limit + 1):
        a = end - kernel(b, duration)
        ka = kernel(a, duration)
        error = 0.5 * float(np.abs(np.exp(np.minimum(b + ka, 700.0)) - first).sum())
        if error <= tol:
            forward = np.array([kernel(b, float(t)) for t in saves])
            backward = np.array([kernel(a, duration - float(t)) for t in saves])
            return Far(forward, backward, count, error, 0.0)
        pace.check(error)
        progress(int(100 * min(1.0, math.log(min(error, 1.0)) / math.log(tol))), 100)
        b = start - ka
    raise MethodError(
        f"Argument `max_iterations` must let the iteration converge, but {limit} leave an error of {error:.1e}: "
        "a longer duration mixes faster."
    )


def kinetic_of(domain: Grid, forward: np.ndarray, backward: np.ndarray, p: np.ndarray) -> float:
    """``<A| -L |B> / <A|B>`` as ``E[grad log A . grad log B]``, by differences of the logarithms, of order six away from the edges."""
    total = np.zeros(domain.shape)
    for axis, h in enumerate(domain.spacing):
        total += _slope(backward, h, axis) * _slope(forward, h, axis)
    return float((p * total).sum())


def _slope(v: np.ndarray, h: float, axis: int) -> np.ndarray:
    out = np.moveaxis(np.gradient(v, h, axis=axis, edge_order=2), axis, 0)
    v, n = np.moveaxis(v, axis, 0), v.shape[axis]
    if n > 6:
        pairs = [(v[3 + k : n - 3 + k] - v[3 - k : n - 3 - k]) for k in (1, 2, 3)]
        out[3:-3] = (45 * pairs[0] - 9 * pairs[1] + pairs[2]) / (60 * h)
    return np.moveaxis(out, 0, axis)


def _applied(kernel: np.ndarray, v: np.ndarray) -> np.ndarray:
    """``log(K exp(v))`` along the last axis."""
    flat = v.reshape(-1, v.shape[-1])
    out = np.array([_log_sum(kernel + row) for row in flat])
    return out.reshape(v.shape)


def _log_sum(x: np.ndarray) -> np.ndarray:
    """``log sum exp`` along the last axis."""
    top = x.max(axis=-1, keepdims=True)
    return np.asarray(np.log(np.exp(x - top).sum(axis=-1)) + top[..., 0])


def _softmax(v: np.ndarray) -> np.ndarray:
    p = np.exp(v - v.max())
    return np.asarray(p / p.sum())
