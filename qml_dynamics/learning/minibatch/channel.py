"""The exact channel that mini-batch product formulas average to, and its dephasing limit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ...base.arguments import checks_arguments
from ...base.errors import MethodError, check_memory, require
from ...methods.job import save_times
from ...methods.minibatch import MiniBatch, Part, parts, share
from ...model.domains import Domain, Grid, Hypercube
from ...model.objectives.rows import row_table
from ...model.problem import Problem
from ...model.transforms import Transform


@checks_arguments
def averaged_state(
    problem: Problem, method: MiniBatch, save: int | Sequence[float] | np.ndarray | None = None, limit: bool = False
) -> np.ndarray:
    """The density matrix that the average over all batches gives, exactly: no sampling.

    Each factor multiplies ``rho(w, w')`` by ``E_B exp(-i a (zeta_B(w) - zeta_B(w')))``: with replacement the power
    ``(mean_i e^{-i a d_i / b})^b`` of ``d_i = l_i(w) - l_i(w')``, without it the elementary symmetric mean of degree b.

    Args:
        problem, method: as for :func:`qml_dynamics.evolve`.
        save: as there.
        limit: the dephasing limit in place of the batches: ``exp(-i a d - (a^2 / 2) Var_B)``.

    Returns:
        Shape ``(times, size, size)``, index of points in C order.

    Raises:
        ProblemError, MethodError: the problem has no rows, or is too large.
    """
    require(problem.clock == "real", "problem", "be on the real clock", problem.clock)
    method.check(problem, None)
    saves, size = save_times(save, problem.duration), problem.domain.size
    many = (
        0 if method.replacement or limit else 2 * (method.batch_size + 1)
    )  # means of products, and those of one row more
    check_memory(16 * size**2 * (len(saves) + 5 + _KEPT + many), f"A density matrix over {size:,} points")
    coherence = _Coherence(row_table(problem.objective, problem.domain), method, limit)  # type: ignore[arg-type]
    kinetic = _Kinetic(problem.domain)
    psi = problem.initial.vector(problem.domain).reshape(-1)
    rho = np.outer(psi, psi.conj())
    times = np.union1d(saves, [0.0]).tolist()
    plan = _joined(parts(problem, method, times))
    out = [rho] if 0.0 in saves else []
    for row, t in zip(plan, times[1:]):
        for part in row:
            rho = kinetic(rho, part.amount) if part.batch is None else rho * coherence(part.amount)
        if t in saves:
            out.append(rho)
    return np.array(out)


def _joined(plan: list[list[Part]]) -> list[list[Part]]:
    """Refuse saved times between half steps that share a batch: their average does not factor there."""
    for before, after in zip(plan[:-1], plan[1:]):
        if before and after and before[-1].batch is not None and before[-1].batch == after[0].batch:
            raise MethodError(
                "Argument `save` must be [0, duration] with `order` 2 or 4, where a saved time would split a factor."
            )
    return plan


_KEPT = 3  # amounts of a constant strength: whole steps, half ones, the last


class _Coherence:
    """``E_B exp(-i a (zeta_B(w) - zeta_B(w')))`` for any amount a, shape ``(size, size)``."""

    def __init__(self, table: np.ndarray, method: MiniBatch, limit: bool) -> None:
        self.table, self.method, self.limit = table, method, limit
        self.known: dict[str, np.ndarray] = {}

    def __call__(self, amount: float) -> np.ndarray:
        key = f"{amount:.12e}"
        if key not in self.known:
            if len(self.known) == _KEPT:  # under a schedule no amount comes again
                del self.known[next(iter(self.known))]
            self.known[key] = self._limit(amount) if self.limit else self._exact(amount)
        return self.known[key]

    def _differences(self) -> Iterator[np.ndarray]:
        for row in self.table:
            yield row[:, None] - row[None, :]

    def _limit(self, amount: float) -> np.ndarray:
        n = len(self.table)
        mean = self.table.mean(axis=0)
        centred = self.table - mean
        square = (centred**2).mean(axis=0)
        variance = square[:, None] + square[None, :] - 2 * centred.T @ centred / n
        spread = 0.5 * amount**2 * share(n, self.method) * variance
        out: np.ndarray = np.exp(-1j * amount * (mean[:, None] - mean[None, :]) - spread)
        return out

    def _exact(self, amount: float) -> np.ndarray:
        b = self.method.batch_size
        turns = (np.exp(-1j * amount / b * d) for d in self._differences())
        if self.method.replacement:
            return np.asarray(sum(turns) / len(self.table)) ** b
        size = self.table.shape[1]
        means = [np.ones((size, size), dtype=complex)]  # of the products over all j rows out of the first m
        for m, z in enumerate(turns, start=1):
            grown = [(m - j) / m * mean for j, mean in enumerate(means)]
            grown += [np.zeros((size, size), dtype=complex)] * (len(grown) <= min(m, b))
            means = [grown[0], *(kept + j / m * means[j - 1] * z for j, kept in enumerate(grown[1:], start=1))]
        return means[b]


class _Kinetic:
    """``rho -> K rho K^+`` with ``K = exp(-i amount (-L))``, axis by axis: the kinetic part is a sum over the axes."""

    def __init__(self, domain: Domain) -> None:
        self.shape = domain.shape
        self.axes = [Transform(one) for one in _single_axes(domain)]

    def __call__(self, rho: np.ndarray, amount: float) -> np.ndarray:
        factors = [self._unitary(axis, amount) for axis in self.axes]
        return self._columns(factors, self._columns(factors, rho).conj().T).conj().T

    def _columns(self, factors: list[np.ndarray], matrix: np.ndarray) -> np.ndarray:
        waves = matrix.reshape(*self.shape, -1)
        for axis, unitary in enumerate(factors):
            waves = np.moveaxis(np.tensordot(unitary, waves, axes=(1, axis)), 0, axis)
        return waves.reshape(matrix.shape)

    @staticmethod
    def _unitary(transform: Transform, amount: float) -> np.ndarray:
        (dual,) = transform.domain.dual_axes
        phase = np.exp(-1j * amount * dual)
        basis = np.eye(len(dual), dtype=complex)
        return np.stack([transform.inverse(transform.forward(row.copy()) * phase) for row in basis], axis=1)


def _single_axes(domain: Domain) -> list[Domain]:
    if isinstance(domain, Hypercube):
        return [Hypercube(1, domain.values)] * domain.ndim
    return [
        Grid(pair, q, boundary=domain.boundary, twist=twist)
        for pair, q, twist in zip(domain.bounds, domain.qubits, domain.twist)
    ]
