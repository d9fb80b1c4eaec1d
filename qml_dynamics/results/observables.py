"""Densities, energies, observables and groups of Pauli strings with standard errors, and best weights, from waves or samples.

An energy takes two samplings: the weight basis gives the loss, the dual basis the kinetic part.
``E = D(t) <k> + s(t) <zeta>`` with both standard errors in quadrature.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import TypeAlias, cast

import numpy as np

from ..base.arguments import checks_arguments
from ..base.errors import ProblemError, describe, require
from ..base.estimate import Estimate, mean_of_counts
from ..model.domains import Domain, Grid
from ..model.hamiltonians import Hamiltonian, LearningHamiltonian, PauliHamiltonian
from ..model.masks import bit_count
from ..model.objectives.base import ROUNDING, SAME, SAME_OF_ALL, Objective
from ..model.operator_inputs import kind_of
from ..model.pauli import OperatorLike, PauliSum, pauli_sum
from ..model.problem import Problem, common_wires
from ..model.transforms import Transform, walsh_hadamard
from .rare import flips, mean_seen, unseen_change
from .sampling import draw
from .trajectory import Best, Counts


@dataclass(frozen=True, eq=False)
class PauliGroup:
    """Terms that commute qubit by qubit, and the basis they are measured in: a letter I, X, Y or Z for each qubit."""

    letters: tuple[str, ...]
    terms: PauliSum

    def estimate(self, counts: Counts) -> tuple[float, float]:
        """Mean and standard error of the group's sum from outcomes in its basis."""
        mode = int(counts.index[int(np.argmax(counts.count))])
        unseen = unseen_change(counts.index, counts.count, flips(self.terms.num_qubits, mode), self.values)
        return mean_of_counts(self.values(counts.index), counts.count, unseen)

    def values(self, index: np.ndarray) -> np.ndarray:
        """The group's sum at these outcomes of its basis."""
        support = self.terms.x | self.terms.z
        parity = bit_count(index[:, None] & support[None, :]) & 1
        return np.asarray((1 - 2.0 * parity) @ self.terms.coefficients)

    def everywhere(self) -> np.ndarray:
        """The group's sum at all ``2**n`` outcomes of its basis: ``O(n 2**n)``, however many strings it has."""
        size = 1 << self.terms.num_qubits
        masks = np.bincount(self.terms.x | self.terms.z, self.terms.coefficients, size)
        return np.asarray(walsh_hadamard(masks) * np.sqrt(size))

    def probabilities(self, psi: np.ndarray) -> np.ndarray:
        """Outcome probabilities of a wave in this basis."""
        wave = psi.reshape(-1)
        for q, letter in enumerate(self.letters):
            if letter in "XY":
                halves = wave.reshape(-1, 2, 1 << q)
                low, high = halves[:, 0], halves[:, 1] * (-1j if letter == "Y" else 1)
                wave = np.stack([low + high, low - high], axis=1).reshape(-1) / np.sqrt(2)
        out: np.ndarray = np.abs(wave) ** 2
        return out


def pauli_groups(terms: PauliSum) -> list[PauliGroup]:
    """Greedy grouping of the terms by qubit-wise commutation, largest coefficients first."""
    return list(_grouped(terms))


@lru_cache(maxsize=16)  # sums cannot be changed; averages over random circuits ask for the same one every time
def _grouped(terms: PauliSum) -> tuple[PauliGroup, ...]:
    bins: list[tuple[list[str], list[int]]] = []
    labels = terms.labels
    for j in np.argsort(-np.abs(terms.coefficients), kind="stable").tolist():
        letters = labels[j][::-1]
        for basis, members in bins:
            if all(a == "I" or b in ("I", a) for a, b in zip(letters, basis)):
                basis[:] = [a if a != "I" else b for a, b in zip(letters, basis)]
                members.append(j)
                break
        else:
            bins.append((list(letters), [j]))
    return tuple(PauliGroup(tuple(basis), terms.part(np.array(m))) for basis, m in bins)


def groups_at(h: Hamiltonian, name: str, groups: Sequence[PauliGroup], t: float) -> Sequence[PauliGroup]:
    """The groups of a measured operator at a time: those of the energy of an operator add up to ``H(t)``, others rest."""
    if name != "energy" or not isinstance(h, PauliHamiltonian):
        return groups
    if all(value == 1.0 for value in h.coefficients(t)):
        return groups
    now = h.at(t)
    known = dict(zip(zip(now.x.tolist(), now.z.tolist()), now.coefficients.tolist()))
    return [
        replace(
            g,
            terms=replace(
                g.terms, coefficients=np.array([known[x, z] for x, z in zip(g.terms.x.tolist(), g.terms.z.tolist())])
            ),
        )
        for g in groups
    ]


def combine_groups(parts: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Sum of independent group estimates."""
    return float(sum(v for v, _ in parts)), float(np.sqrt(sum(e * e for _, e in parts)))


RESERVED = ("energy", "kinetic", "objective")
BEST_SAMPLES = 1000
_COUNTED = 62  # qubits whose points are integers of 64 bits


@dataclass(frozen=True, eq=False)
class Observable:
    """One observable: values over points (``basis`` weight or dual), or a general operator."""

    name: str
    basis: str
    function: Callable[[np.ndarray], np.ndarray] | None = None
    terms: PauliSum | None = None

    def values(self, domain: Domain, index: np.ndarray) -> np.ndarray:
        """Values at these flat indices of the observable's own basis."""
        points = domain.points_at(index) if self.basis == "weight" else domain.momenta_at(index)
        assert self.function is not None
        try:
            return Objective(self.function, self.name)(points)
        except ProblemError as error:  # which speaks of a loss
            text = str(error).replace(f"The objective `{self.name}`", f"Argument `observables[{self.name!r}]`")
        raise ProblemError(text)

    def everywhere(self, domain: Domain) -> np.ndarray:
        """Values on the whole basis, flat."""
        return np.concatenate([self.values(domain, part) for part in _blocks(domain.size)])


# what callers may give to be observed: a function of weights or of momenta, or an operator
ObservableLike: TypeAlias = Callable[[np.ndarray], np.ndarray] | OperatorLike


@checks_arguments
def of_momenta(function: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """Mark an observable as a function of momenta ``(m, ndim) -> (m,)``: it is measured in the dual basis.

    A function whose only parameter is called ``k``, ``p``, ``momentum`` or ``momenta`` needs no mark.
    """

    def marked(momenta: np.ndarray) -> np.ndarray:  # the name of the parameter is the mark
        """The function, under a parameter name that says it is one of momenta."""
        return function(momenta)

    return marked


def read_observables(
    given: Mapping[str, ObservableLike] | None, problem: Problem, wires: Sequence[int | str] | None = None
) -> list[Observable]:
    """Check the ``observables`` argument of ``evolve``: functions of weights or momenta, or operators.

    PennyLane's operators act on the wires that they name: those of the problem; else ``wires``, the labels of an ansatz, but for an
    operator without labels and an ansatz on 0, 1, ... in any order; else 0, 1, ..., the first of them the highest qubit.
    """
    known = common_wires(problem, wires)
    out: list[Observable] = []
    named = given is None or (isinstance(given, Mapping) and all(isinstance(name, str) for name in given))
    require(named, "observables", "be a dictionary {name: function or operator}", given)
    for name, what in (given or {}).items():
        if name in RESERVED:
            raise ProblemError(
                f"Argument `observables` must not name {', '.join(RESERVED)}, but names {describe(name)}."
            )
        if callable(what) and kind_of(what) is None:  # Qiskit's operators are callable too
            asked = Observable(name, "dual" if _takes_momenta(what) else "weight", function=what)
            _check_again(asked, problem.domain)
            out.append(asked)
            continue
        plain = not isinstance(problem.domain, Grid) or problem.domain.encoding == "binary"
        require(plain, f"observables['{name}']", "be a function of weights or momenta on this grid", "an operator")
        terms = pauli_sum(cast(OperatorLike, what), known, f"observables['{name}']")
        if terms.num_qubits != problem.domain.num_qubits:
            raise ProblemError(
                f"Argument `observables` must act on {problem.domain.num_qubits} qubits, but {name!r} acts on {terms.num_qubits}."
            )
        out.append(Observable(name, "operator", terms=terms))
    return out


def _check_again(asked: Observable, domain: Domain) -> None:
    """Refuse a function that is random, or that depends on the other points it is asked together with.

    Registers above 62 qubits, whose numbers of points are no integers of NumPy, are not asked.
    """
    if domain.num_qubits > _COUNTED:
        return
    sizes = [
        count for count in (5, 4, 3, 2) if count != domain.ndim
    ]  # as many points as axes could be taken for one point
    index = np.array(sorted({k * (domain.size - 1) // (sizes[0] - 1) for k in range(sizes[0])}), dtype=np.int64)
    fewer = index[: sizes[1]][::-1]
    values = asked.values(domain, index)
    first, second = values[: len(fewer)][::-1], asked.values(domain, fewer)
    wide = SAME * np.abs(first) + SAME_OF_ALL * float(np.ptp(values)) + 1e-12 * float(np.abs(values).max())
    apart = (off := np.abs(first - second)) > wide
    if apart.any() and not (off.max() < ROUNDING and np.array_equal(asked.values(domain, fewer), second)):
        k = int(np.argmax(apart))
        raise ProblemError(
            f"Argument `observables[{asked.name!r}]` must have one value at a point, but has {first[k]:.6g} and {second[k]:.6g} at one, "
            "asked twice."
        )


def _takes_momenta(function: Callable[[np.ndarray], np.ndarray]) -> bool:
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return False
    return len(names) == 1 and names[0] in ("k", "p", "momentum", "momenta")


class Table:
    """Collects one number and its error a name and a time, and turns them into estimates over times."""

    def __init__(self) -> None:
        self.rows: dict[str, list[tuple[float, float]]] = {}

    def add(self, name: str, value: float, stderr: float = 0.0) -> None:
        """One number."""
        self.rows.setdefault(name, []).append((value, stderr))

    def estimates(self, shots: int | None) -> dict[str, Estimate]:
        """The collected numbers as estimates over times."""
        return {
            n: Estimate(np.array([v for v, _ in r]), np.array([e for _, e in r]), shots) for n, r in self.rows.items()
        }


def observe_states(
    h: Hamiltonian, times: Sequence[float] | np.ndarray, states: np.ndarray, observables: list[Observable]
) -> dict[str, Estimate]:
    """Exact expectation values of waves of unit norm, shape ``(m, *domain.shape)``."""
    table = Table()
    cache = {o.name: o.everywhere(h.domain) for o in observables if o.function is not None}
    for t, psi in zip(times, states):
        weight = np.abs(psi.reshape(-1)) ** 2
        dual = None
        if isinstance(h, LearningHamiltonian):
            dual = np.abs(h.transform.forward(np.array(psi, dtype=complex)).reshape(-1)) ** 2
            d, s = h.coefficients(float(t))
            kinetic, objective = float(dual @ h.dual.reshape(-1)), float(weight @ h.zeta.reshape(-1))
            table.add("energy", d * kinetic + s * objective)
            table.add("kinetic", kinetic)
            table.add("objective", objective)
        else:
            table.add("energy", h.expectation(psi, float(t)))
        for o in observables:
            if o.terms is not None:
                table.add(o.name, float(np.vdot(psi.reshape(-1), o.terms.apply(psi.reshape(-1))).real))
            elif o.basis == "weight":
                table.add(o.name, float(weight @ cache[o.name]))
            else:
                dual = _dual_density(h, psi) if dual is None else dual
                table.add(o.name, float(dual @ cache[o.name]))
    return table.estimates(None)


def _dual_density(h: Hamiltonian, psi: np.ndarray) -> np.ndarray:
    out: np.ndarray = np.abs(Transform(h.domain).forward(np.array(psi, dtype=complex)).reshape(-1)) ** 2
    return out


def sample_states(
    h: Hamiltonian, states: np.ndarray, shots: int, seeds: Sequence[Sequence[int]]
) -> dict[str, tuple[Counts, ...]]:
    """``shots`` samples of each wave in the weight basis and as many in the dual basis; ``seeds[i]`` is a pair."""
    weight = tuple(draw(np.abs(psi) ** 2, shots, pair[0]) for psi, pair in zip(states, seeds))
    dual = tuple(draw(_dual_density(h, psi), shots, pair[1]) for psi, pair in zip(states, seeds))
    return {"weight": weight, "dual": dual}


def observe_counts(
    h: Hamiltonian,
    times: Sequence[float] | np.ndarray,
    counts: Mapping[str, Sequence[Counts]],
    observables: list[Observable],
) -> dict[str, Estimate]:
    """Estimates from samples: the weight basis gives the loss, the dual basis the kinetic part."""
    table = Table()
    for i, t in enumerate(times):
        weight, dual = counts["weight"][i], counts["dual"][i]
        if isinstance(h, LearningHamiltonian):
            d, s = h.coefficients(float(t))
            kinetic = mean_seen(h.domain, dual, h.dual.reshape(-1).__getitem__)
            objective = mean_seen(h.domain, weight, h.zeta.reshape(-1).__getitem__)
            table.add("energy", d * kinetic[0] + s * objective[0], float(np.hypot(d * kinetic[1], s * objective[1])))
            table.add("kinetic", *kinetic)
            table.add("objective", *objective)
        for o in observables:
            if o.function is not None:
                seen = weight if o.basis == "weight" else dual
                table.add(o.name, *mean_seen(h.domain, seen, partial(o.values, h.domain)))
    return table.estimates(counts["weight"][0].shots)


def edge_weight(domain: Domain, density: np.ndarray) -> np.ndarray:
    """Probability on the outermost point of either side of any axis of a grid, for each time; zeros on a hypercube."""
    if not isinstance(domain, Grid):
        return np.zeros(len(density))
    inner = tuple(slice(1, -1) if n > 2 else slice(None) for n in domain.shape)
    return np.array([max(0.0, float(p.sum() - p[inner].sum())) for p in density])


def momentum_tail(domain: Domain, dual_density: np.ndarray) -> float:
    """Probability of momenta above 0.8 of the largest, on any axis of a grid."""
    if not isinstance(domain, Grid):
        return 0.0
    p = dual_density.reshape(domain.shape)
    keep = [np.abs(k) <= 0.8 * np.abs(k).max() for k in domain.momenta]
    return max(0.0, float(p.sum() - p[np.ix_(*keep)].sum()))


def best_of(h: Hamiltonian, counts: Counts, seed: int) -> Best | None:
    """The best sampled weights, beside the best of as many uniformly drawn points."""
    if not isinstance(h, LearningHamiltonian):
        return None
    zeta = h.zeta.reshape(-1)
    shots = counts.shots
    uniform = np.random.default_rng(seed).integers(0, h.domain.size, shots)
    pair = []
    for index in (counts.index, uniform):
        winner = index[np.argmin(zeta[index])]
        pair.append((tuple(h.domain.points_at(np.array([winner]))[0].tolist()), float(zeta[winner])))
    return Best(pair[0][0], pair[0][1], pair[1][0], pair[1][1], shots)


def _blocks(size: int) -> list[np.ndarray]:
    step = 1 << 17
    return [np.arange(start, min(start + step, size)) for start in range(0, size, step)]
