"""Dense propagators for the matrix: what the answer of a cell is, by code that shares nothing with the library.

Minus the Laplacian is an explicit sum over plane waves (periodic, with flux), standing waves (walls) or single flips (hypercube), in
one-hot encoding an explicit table of differences;
an operator is an explicit sum of Kronecker products. Waves go by SciPy's matrix exponential where the Hamiltonian is constant, else
by the integrator DOP853; they are never normalised on the way. On the classical clock points obey Hamilton's equations by Runge and
Kutta's formula. Of the library only the statement is read: bounds, numbers of points, labels, coefficients, values of schedules and loss.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..model.domains import Domain, Grid
from ..model.initial import Gaussian
from ..model.operator_sum import OperatorSum
from ..model.pauli import PauliSum
from ..model.problem import Problem

_POINTS = 32  # an axis: of the quadrature over a classical ensemble
_STEPS = 120  # of Runge and Kutta's formula over a duration
PAULI = {
    "I": np.eye(2),
    "X": np.array([[0.0, 1.0], [1.0, 0.0]]),
    "Y": np.array([[0.0, -1j], [1j, 0.0]]),
    "Z": np.diag([1.0, -1.0]),
}


@dataclass(frozen=True, eq=False)
class Truth:
    """What a run must answer.

    Attributes:
        times: shape ``(m,)``.
        expectations: name to values over times: energy, and for a loss kinetic and objective, and what is observed.
        states: waves of unit norm, shape ``(m, size)``; None where there is none.
        density: shape ``(m, size)``; None on the classical clock, where it depends on how points are shared out.
        log_norm: shape ``(m,)``.
    """

    times: np.ndarray
    expectations: dict[str, np.ndarray]
    states: np.ndarray | None = None
    density: np.ndarray | None = None
    log_norm: np.ndarray | None = field(default=None)


def solve(problem: Problem, times: Sequence[float], signs: tuple[float, float] = (1.0, 1.0)) -> Truth:
    """The answer at ascending times, the first of which may be 0.

    Args:
        problem, times: what is run.
        signs: of ``D(t)`` and of ``s(t)``: with a -1 the answer of a method that has one of them, or both, wrong.
    """
    if problem.clock == "classical":
        return _points(problem, times)
    waves = _waves(problem, times, signs)
    norms = np.linalg.norm(waves, axis=1)
    states = waves / norms[:, None]
    log = np.log(norms) if problem.clock == "imaginary" else np.zeros(len(norms))
    return Truth(np.array(times), _means(problem, times, states), states, np.abs(states) ** 2, log)


def tilt(w: np.ndarray) -> np.ndarray:
    """A function of weights without symmetry, ``sum_k (k + 1) w_k``: an observable of every cell."""
    out: np.ndarray = w @ (1.0 + np.arange(w.shape[1]))
    return out


def push(k: np.ndarray) -> np.ndarray:
    """The same of momenta (of the parameter's name, it is measured in the dual basis)."""
    out: np.ndarray = k @ (1.0 + np.arange(k.shape[1]))
    return out


def coordinates(domain: Domain) -> np.ndarray:
    """The points by nested loops over the axes, the last one fastest."""
    if isinstance(domain, Grid):
        shift = 0.5 if domain.boundary == "walls" else 0.0
        axes = [[a + (j + shift) * (b - a) / n for j in range(n)] for (a, b), n in zip(domain.bounds, domain.shape)]
    else:
        axes = [list(domain.values)] * domain.num_weights
    return np.array(list(itertools.product(*axes)))


def axis_modes(domain: Domain, axis: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Momenta of one axis, their kinetic values, and the modes as rows."""
    if not isinstance(domain, Grid):
        root = np.sqrt(0.5)
        return np.array([0.0, 1.0]), np.array([0.0, 2.0]), np.array([[root, root], [root, -root]])
    (a, b), n = domain.bounds[axis], domain.shape[axis]
    length = b - a
    if domain.boundary == "walls":
        j, m = np.arange(n) + 0.5, np.arange(1, n + 1)
        rows = np.sin(np.pi * np.outer(m, j) / n) * np.sqrt(np.where(m == n, 1, 2) / n)[:, None]
        return np.pi * m / length, (np.pi * m / length) ** 2, rows
    m = np.arange(-(n // 2), n // 2)
    rows = np.exp(2j * np.pi * np.outer(m, np.arange(n)) / n) / np.sqrt(n)
    k = 2 * np.pi * m / length
    return k, (k - 2 * np.pi * domain.twist[axis] / length) ** 2, rows


def on_axis(domain: Domain, axis: int, matrix: np.ndarray) -> np.ndarray:
    """The matrix of one axis on the whole register, axis 0 the leftmost factor."""
    before, after = int(np.prod(domain.shape[:axis], dtype=int)), int(np.prod(domain.shape[axis + 1 :], dtype=int))
    return np.kron(np.kron(np.eye(before), matrix), np.eye(after))


def laplacian(domain: Domain) -> np.ndarray:
    """Minus the Laplacian, a Kronecker sum of explicit sums over modes."""
    total = np.zeros((domain.size, domain.size), dtype=complex)
    for axis in range(domain.ndim):
        if isinstance(domain, Grid) and domain.encoding == "onehot":
            total += on_axis(domain, axis, differences(domain, axis))
            continue
        _, squares, rows = axis_modes(domain, axis)
        total += on_axis(domain, axis, np.einsum("m,mi,mj->ij", squares, rows, rows.conj()))
    return total


def differences(domain: Grid, axis: int) -> np.ndarray:
    """``(2 psi_j - psi_{j-1} - psi_{j+1}) / h^2`` entry by entry: with a flux by phases, beyond a wall ``-psi``."""
    (a, b), n = domain.bounds[axis], domain.shape[axis]
    table = np.zeros((n, n), dtype=complex)
    turn = np.exp(-2j * np.pi * domain.twist[axis] / n)
    for j in range(n):
        table[j, j] += 2
        for k, phase in ((j + 1, turn), (j - 1, np.conj(turn))):
            inside = 0 <= k < n
            if domain.boundary == "walls" and not inside:
                table[j, j] += 1
            else:
                table[j, k % n] -= phase
    return table * (n / (b - a)) ** 2


def momentum(domain: Domain) -> np.ndarray:
    """The operator of :func:`push`."""
    total = np.zeros((domain.size, domain.size), dtype=complex)
    for axis in range(domain.ndim):
        k, _, rows = axis_modes(domain, axis)
        total += (axis + 1.0) * on_axis(domain, axis, np.einsum("m,mi,mj->ij", k, rows, rows.conj()))
    return total


def operator(terms: PauliSum) -> np.ndarray:
    """A sum of Pauli strings by Kronecker products; the last letter is qubit 0."""
    size = 1 << terms.num_qubits
    total = np.zeros((size, size), dtype=complex)
    for label, coefficient in zip(terms.labels, terms.coefficients):
        string = np.eye(1)
        for letter in label:
            string = np.kron(string, PAULI[letter])
        total += coefficient * string
    return total


def start(problem: Problem) -> np.ndarray:
    """The initial wave, flat; a Gaussian by its formula."""
    initial, domain = problem.initial, problem.domain
    if not isinstance(initial, Gaussian):
        return np.asarray(initial.vector(domain), dtype=complex).reshape(-1)
    wave = _gaussian(initial, coordinates(domain), domain)
    out: np.ndarray = wave / np.linalg.norm(wave)
    return out


def _gaussian(initial: Gaussian, points: np.ndarray, domain: Domain) -> np.ndarray:
    """By its formula, on a ring the sum over the images; not normalised."""
    c, s, k = (np.broadcast_to(getattr(initial, n), points.shape[1:]) for n in ("center", "width", "momentum"))
    ring = initial.wrapped and isinstance(domain, Grid) and domain.boundary == "periodic"
    out = np.ones(len(points), dtype=complex)
    for axis in range(points.shape[1]):
        far = domain.lengths[axis] * np.arange(-30, 31) if ring else np.zeros(1)  # type: ignore[union-attr]
        d = points[:, axis, None] - c[axis] - far
        out *= np.exp(-(d**2) / (4 * s[axis] ** 2) + 1j * k[axis] * d).sum(axis=1)
    return out


def matrices(problem: Problem) -> tuple[np.ndarray, ...]:
    """``K`` and ``V`` of ``H = D(t) K + s(t) V``; of an operator, itself as V, or one matrix for each schedule."""
    if isinstance(problem.operator, OperatorSum):
        every = [operator(terms) for _, terms in problem.operator.parts]
        return (np.zeros_like(every[0]), *every)
    if problem.operator is not None:
        matrix = operator(problem.operator)
        return np.zeros_like(matrix), matrix
    assert problem.objective is not None
    return laplacian(problem.domain), np.diag(np.asarray(problem.objective.fn(coordinates(problem.domain))))


def coefficients(problem: Problem, t: float) -> tuple[float, ...]:
    """``D(t)`` (of an operator 0) and ``s(t)``, or ``s(t) s_k(t)`` for each schedule."""
    d, s = problem.diffusion.value(t, problem.duration), problem.strength.value(t, problem.duration)
    if isinstance(problem.operator, OperatorSum):
        return (d, *(s * schedule.value(t, problem.duration) for schedule, _ in problem.operator.parts))
    return d, s


def _waves(problem: Problem, times: Sequence[float], signs: tuple[float, float]) -> np.ndarray:
    from scipy.integrate import solve_ivp
    from scipy.linalg import expm

    kinetic, *others = matrices(problem)
    parts = [signs[0] * kinetic, *(signs[1] * each for each in others)]
    psi, z = start(problem), -1j if problem.clock == "real" else -1.0
    middle = [coefficients(problem, f * problem.duration) for f in (0.0, 0.37, 1.0)]
    if np.ptp(np.array(middle), axis=0).max() == 0.0:
        whole = sum(c * part for c, part in zip(middle[0], parts))
        return np.array([expm(z * t * whole) @ psi for t in times])

    def rate(t: float, y: np.ndarray) -> np.ndarray:
        """The right side of the equation, ``z (D K + s V) psi``, with ``z = -i`` or ``-1``."""
        return np.asarray(z * sum(c * (part @ y) for c, part in zip(coefficients(problem, t), parts)))

    if times[-1] == 0:
        return np.array([psi])
    found = solve_ivp(rate, (0.0, times[-1]), psi, t_eval=times, method="DOP853", rtol=1e-12, atol=1e-14)
    return np.asarray(found.y.T)


def _means(problem: Problem, times: Sequence[float], states: np.ndarray) -> dict[str, np.ndarray]:
    def mean(matrix: np.ndarray) -> np.ndarray:
        """The means ``<psi_t| M |psi_t>`` at every time, from the dense matrix M."""
        out: np.ndarray = np.einsum("ti,ij,tj->t", states.conj(), matrix, states).real
        return out

    means = np.array([mean(part) for part in matrices(problem)])
    weights = np.array([coefficients(problem, t) for t in times])
    out = {"energy": np.einsum("tk,kt->t", weights, means), "tilt": mean(np.diag(tilt(coordinates(problem.domain))))}
    if problem.operator is None:
        out |= {"kinetic": means[0], "objective": means[1], "push": mean(momentum(problem.domain))}
    return out


def _points(problem: Problem, times: Sequence[float]) -> Truth:
    """Averages over points that move by ``w' = 2 D k``, ``k' = -s grad zeta``, from a quadrature over the initial density."""
    w, k, weights = _ensemble(problem)
    grid = problem.domain
    assert isinstance(grid, Grid)
    assert problem.objective is not None
    loss: Callable[[np.ndarray], np.ndarray] = problem.objective.fn

    def rate(t: float, y: np.ndarray) -> np.ndarray:
        """Hamilton's equations on the classical clock: ``(w', k') = (2 D k, -s grad zeta(w))``."""
        d, s = coefficients(problem, t)
        inside, sign = _folded(grid, y[0])
        return np.array([2 * d * y[1], -s * sign * _slope(loss, inside)])

    y, now, rows = np.array([w, k]), 0.0, []
    for t in times:
        y, now = _runge_kutta(rate, y, now, t, max(1, int(_STEPS * (t - now) / problem.duration))), t
        (inside, sign), (d, s) = _folded(grid, y[0]), coefficients(problem, t)
        kinetic, objective = weights @ (y[1] ** 2).sum(axis=1), weights @ np.asarray(loss(inside))
        here = {"kinetic": kinetic, "objective": objective, "energy": d * kinetic + s * objective}
        rows.append({**here, "tilt": weights @ tilt(inside), "push": weights @ push(sign * y[1])})
    return Truth(np.array(times), {name: np.array([row[name] for row in rows]) for name in rows[0]})


def _runge_kutta(
    rate: Callable[[float, np.ndarray], np.ndarray], y: np.ndarray, t: float, end: float, steps: int
) -> np.ndarray:
    """The classical formula of order four with equal steps: a wall's jump of the force would stop a step control."""
    h = (end - t) / steps
    for i in range(steps if h else 0):
        now = t + i * h
        a = rate(now, y)
        b = rate(now + h / 2, y + h / 2 * a)
        c = rate(now + h / 2, y + h / 2 * b)
        y = y + h / 6 * (a + 2 * b + 2 * c + rate(now + h, y + h * c))
    return y


def _ensemble(problem: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Midpoints of small cells of the box, ``k = grad S`` there, and the weights ``|psi|^2``."""
    domain: Any = problem.domain
    axes = [a + (np.arange(_POINTS) + 0.5) * (b - a) / _POINTS for a, b in domain.bounds]
    points = np.array(list(itertools.product(*axes)))
    initial: Any = problem.initial
    weights = np.abs(_gaussian(initial, points, domain)) ** 2
    momenta = np.broadcast_to(np.broadcast_to(initial.momentum, (domain.ndim,)), points.shape)
    kept = weights > 1e-10 * weights.max()
    return points[kept], momenta[kept], weights[kept] / weights[kept].sum()


def _folded(domain: Grid, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    low, high = np.array(domain.bounds).T
    if domain.boundary == "periodic":
        return low + (w - low) % (high - low), np.ones_like(w)
    u = (w - low) % (2 * (high - low))
    back = u > high - low
    return low + np.where(back, 2 * (high - low) - u, u), np.where(back, -1.0, 1.0)


def _slope(loss: Callable[[np.ndarray], np.ndarray], w: np.ndarray, h: float = 1e-3) -> np.ndarray:
    out = np.empty_like(w)
    for axis in range(w.shape[1]):
        e = np.zeros(w.shape[1])
        e[axis] = h
        near, far = np.asarray(loss(w + e)) - loss(w - e), np.asarray(loss(w + 2 * e)) - loss(w - 2 * e)
        out[:, axis] = (8 * near - far) / (12 * h)
    return out
