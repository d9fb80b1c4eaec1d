"""Waves of a register of qubits as tensor trains: samples, marginals, overlaps, and means of operators, without a table.

Reports a run whose backend gives such waves (Aer's matrix product states), on more qubits than a table has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...base.arguments import checks_arguments
from ...base.errors import MethodError, describe, integer, require
from ...base.printing import printed_briefly
from ...model.domains import Domain, flat_indices
from ...model.hamiltonians import PauliHamiltonian
from ...model.objectives.base import Objective
from ...model.pauli import OperatorLike, PauliSum, pauli_sum
from ...results.compact import CompactState, marginal_qubits
from ...results.observables import Observable, Table
from ...results.trajectory import Counts
from ..base import Answer, Job, Stream
from .interpolation import interpolated
from .layout import register_table
from .starts import VECTOR
from .state import sampled
from .stored import restored_wave, train_arrays
from .trains import Train, drawn, evaluated, inner, largest_bond, mean, rounded
from .windows import LETTERS

_EXACT = 1e-12  # of the largest value of what is averaged
_MOST = 256  # rank of what is averaged
_SEEDS = 256  # samples from which an interpolation starts
_WORD = 62  # qubits of an index that a machine word holds


@printed_briefly
@dataclass(frozen=True, eq=False)
class RegisterState:
    """A wave of unit norm on qubits; see :class:`~qml_dynamics.results.compact.CompactState`.

    Attributes:
        domain: the register.
        train: right-canonical; the core of qubit 0 first.
    """

    domain: Domain
    train: Train

    def parts(self) -> tuple[dict[str, object], dict[str, np.ndarray]]:
        """What a file holds of it."""
        return {}, train_arrays(self.train)

    @classmethod
    def from_parts(cls, domain: Domain, said: Mapping[str, object], arrays: Mapping[str, np.ndarray]) -> RegisterState:
        """The wave of :meth:`parts`; ``ValueError`` where they are none on this register."""
        return cls(domain, restored_wave(arrays, domain.num_qubits))

    @property
    def bond(self) -> int:
        """The largest rank."""
        return largest_bond(self.train)

    @checks_arguments
    def sample(self, shots: int, seed: int) -> Counts:
        """Exact samples of ``|psi|^2``: flat indices, Python's integers above 62 qubits.

        Args:
            shots: how many.
            seed: decides them.

        Raises:
            MethodError: ``shots`` is not between 1 and 10^7.
        """
        return sampled(self.train, self._index, shots, seed)

    def _index(self, bits: np.ndarray) -> np.ndarray:
        """Flat indices of bits whose first is that of qubit 0; Python's integers above 62 qubits."""
        index = [int("".join(map(str, row)), 2) for row in bits[:, ::-1].tolist()]
        return np.array(index, dtype=np.int64 if self.domain.num_qubits <= _WORD else object)

    @checks_arguments
    def marginal(self, axis: int, qubits: int | None = None) -> np.ndarray:
        """Probabilities of the two values of a weight.

        Raises:
            MethodError: there is no such axis, or ``qubits`` is not 1.
        """
        n = self.domain.num_qubits
        integer(axis, "axis", 0, n - 1, MethodError)
        marginal_qubits(qubits, 1)
        z = self._string(0, 1 << (n - 1 - axis))
        return np.array([0.5 * (1 + z), 0.5 * (1 - z)])

    def expectation(self, function: Callable[[np.ndarray], np.ndarray]) -> float:
        """Mean of a function of weights ``(m, n) -> (m,)``, by cross interpolation.

        Raises:
            MethodError: its rank is above 256.
            ProblemError: it does not return finite real numbers.
        """
        return self.average(Objective(function, "function"), "function")

    def average(self, function: Callable[[np.ndarray], np.ndarray], name: str) -> float:
        """The same of a function that checks its values; ``name`` is the argument that is blamed."""
        axes = np.array(self.domain.axes)
        places = np.arange(len(axes))

        def values(bits: np.ndarray) -> np.ndarray:
            """The function at the weights that bits stand for; weight 0 is the highest qubit."""
            return function(axes[places, bits[:, ::-1].astype(int)])

        start = np.unique(drawn(self.train, _SEEDS, np.random.default_rng(7)), axis=0)
        found = interpolated(values, start, _EXACT, _MOST)
        require(found.whole, name, f"be of a rank of at most {_MOST}", f"off by {found.error:.1e}", MethodError)
        return mean(self.train, found.train).real

    def mean(self, operator: OperatorLike) -> float:
        """``<psi| operator |psi>`` of a sum of strings, exact for this train.

        Raises:
            ProblemError: it cannot be read, or acts on another number of qubits.
        """
        terms = pauli_sum(operator, range(self.domain.num_qubits), "operator")
        width = self.domain.num_qubits
        require(terms.num_qubits == width, "operator", f"act on {width} qubits", f"of {terms.num_qubits} qubits")
        return self.mean_of(terms)

    def mean_of(self, terms: PauliSum) -> float:
        """The same of a sum on this register."""
        rows = zip(terms.x.tolist(), terms.z.tolist(), terms.coefficients.tolist())
        return float(sum(c * self._string(x, z) for x, z, c in rows))

    def overlap(self, other: CompactState) -> complex:
        """``<self|other>`` with another wave of the same register."""
        fits = isinstance(other, RegisterState) and other.domain.num_qubits == self.domain.num_qubits
        require(fits, "other", "be a compact state on the same qubits", describe(other), MethodError)
        assert isinstance(other, RegisterState)
        return inner(self.train, other.train)

    def at(self, index: np.ndarray) -> np.ndarray:
        """The amplitudes at flat indices, which are Python's integers above 62 qubits.

        Raises:
            ProblemError: there is no such state.
        """
        qubits, places = range(self.domain.num_qubits), flat_indices(index, self.domain.size)
        bits = np.array([[int(x) >> q & 1 for q in qubits] for x in places], dtype=np.int8)
        return evaluated(self.train, bits.reshape(-1, len(qubits)))

    def to_dense(self) -> np.ndarray:
        """The amplitudes, shape ``domain.shape``.

        Raises:
            MethodError: there are more than ``2**22`` of them.
        """
        qubits = self.domain.num_qubits
        require(qubits <= VECTOR, "qubits", f"be at most {VECTOR} for a table", qubits, MethodError)
        table = register_table(self.domain, self.train)
        return np.asarray(table / np.linalg.norm(table))

    @cached_property
    def _left(self) -> list[np.ndarray]:
        """What stands left of each qubit, contracted with itself."""
        out = [np.ones((1, 1), dtype=complex)]
        for core in self.train:
            out.append(_through(out[-1], core, None))
        return out

    @cached_property
    def _right(self) -> list[np.ndarray]:
        """What stands right of each qubit, the last one first."""
        out = [np.ones((1, 1), dtype=complex)]
        for core in reversed(self.train):
            part = np.tensordot(core, out[-1], 1)
            out.append(np.tensordot(core.conj(), part, ((1, 2), (1, 2))))
        return out[::-1]

    def _string(self, x: int, z: int) -> float:
        """The mean of one string: contracted over the qubits from its first to its last only."""
        support, norm = x | z, float(self._left[-1][0, 0].real)
        if not support:
            return 1.0
        first, last = (support & -support).bit_length() - 1, support.bit_length() - 1
        part = self._left[first]
        for q in range(first, last + 1):
            part = _through(part, self.train[q], LETTERS[x >> q & 1, z >> q & 1] if support >> q & 1 else None)
        return float(np.sum(part * self._right[last + 1]).real) / norm


def _through(part: np.ndarray, core: np.ndarray, letter: np.ndarray | None) -> np.ndarray:
    """``sum core* part P core``: bra first, ket second."""
    moved = np.tensordot(part, core, 1)
    if letter is not None:
        moved = np.einsum("st,btk->bsk", letter, moved)
    return np.asarray(np.tensordot(core.conj(), moved, ((0, 1), (0, 1))))


def check_register(observables: Sequence[Observable]) -> None:
    """Refuse what has no mean in a train of a register: functions of momenta."""
    for o in observables:
        must = "be operators or functions of weights for compact states"
        require(
            o.terms is not None or o.basis == "weight",
            "observables",
            must,
            f"a function of momenta, {o.name!r}",
            MethodError,
        )


def ask_first(job: Job, begin: Train) -> None:
    """Ask every observable for its mean in the initial wave, so that what has none is refused before the first step."""
    _observe(job, _state(job, begin), Table())


def _state(job: Job, train: Train) -> RegisterState:
    return RegisterState(job.problem.domain, rounded(train, 1e-15, 1 << 20)[0])


def _observe(job: Job, state: RegisterState, table: Table) -> None:
    """Enter the means of the observables."""
    for o in job.observables:
        if o.terms is not None:
            table.add(o.name, state.mean_of(o.terms))
        else:
            assert o.function is not None
            table.add(o.name, state.average(Objective(o.function, o.name), "observables"))


def register_answer(
    job: Job,
    cores: Sequence[Train],
    told: dict[str, object],
    log_norm: np.ndarray | None = None,
    times: np.ndarray | None = None,
    stop: str = "",
) -> Answer:
    """The answer of a run whose waves at the saved times are trains: means exact for the trains, and samples where shots are asked for.

    ``times`` are those that were reached, where it has ended before the last, and ``stop`` says why.
    """
    times = job.saves if times is None else times
    h = job.h
    assert isinstance(h, PauliHamiltonian)
    states = tuple(_state(job, train) for train in cores)
    table = Table()
    for t, state in zip(times.tolist(), states):
        table.add("energy", state.mean_of(h.at(t)))
        _observe(job, state, table)
    counts = None
    if job.shots is not None:
        shots = job.shots
        drawn_ones = (state.sample(shots, job.seed(Stream.WEIGHT, i)) for i, state in enumerate(states))
        counts = {"weight": tuple(drawn_ones)}
    return Answer(
        times=times,
        density=np.empty((len(states), 0)),
        states=None,
        log_norm=np.zeros(len(states)) if log_norm is None else log_norm,
        expectations=table.estimates(None),
        counts=counts,
        best=None,
        stop=stop or f"Reached the end of the duration, {job.saves[-1]:g}.",
        diagnostics={"bond": np.array([state.bond for state in states]), **told},
        compact=states,
    )
