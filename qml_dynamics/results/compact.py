"""Compact states: the samples, marginals, means and overlaps of waves without a table, and the trajectory that holds them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NoReturn, Protocol, runtime_checkable

import numpy as np

from ..base.arguments import checks_arguments_but
from ..base.errors import MethodError, integer, line, one_of, require
from ..base.printing import WIDTH, cut
from ..model.domains import Hypercube
from ..model.objectives.prepared import refuse_without_model
from .compact_files import stored_states
from .predictions import WEIGHTS, Chosen, Law, Predictor, moment
from .trajectory import Counts, Trajectory

_SAMPLES = 4096  # of a compact state that predictions are averaged over
_TABLE = 22  # qubits up to which a file has the table of a loss that is a function of one's own
_PARTS = 8  # qubits of a marginal, where nothing else is asked for


@runtime_checkable
class CompactState(Protocol):
    """A wave of unit norm in fewer numbers than it has amplitudes."""

    @property
    def bond(self) -> int:
        """The largest rank."""
        ...

    def sample(self, shots: int, seed: int) -> Counts:
        """Exact samples of ``|psi|^2``: flat indices of the grid."""
        ...

    def marginal(self, axis: int, qubits: int | None = None) -> np.ndarray:
        """Probabilities of the ``2**qubits`` equal parts of an axis, in its order; None: of 256, or of as many as it has points."""
        ...

    def expectation(self, function: Callable[[np.ndarray], np.ndarray]) -> float:
        """Mean of a function of weights ``(m, ndim) -> (m,)``."""
        ...

    def overlap(self, other: CompactState) -> complex:
        """``<self|other>``."""
        ...

    def at(self, index: np.ndarray) -> np.ndarray:
        """The amplitudes at flat indices of the grid."""
        ...

    def to_dense(self) -> np.ndarray:
        """The amplitudes, shape ``domain.shape``, where there are few enough."""
        ...


def marginal_qubits(qubits: int | None, most: int) -> int:
    """The qubits of a marginal: those asked for, else 8, or as many as the axis has.

    Raises:
        MethodError: they are more than ``most``, or fewer than one.

    >>> marginal_qubits(None, 5), marginal_qubits(None, 20), marginal_qubits(10, 20)
    (5, 8, 10)
    """
    return min(_PARTS, most) if qubits is None else integer(qubits, "qubits", 1, most, MethodError)


def _absent(run: CompactTrajectory, name: str) -> NoReturn:
    qubits = run.problem.domain.num_qubits
    if not run.compact:
        raise MethodError(
            f"Argument `trajectory` must hold {name} for this, but has samples on {qubits} qubits, too many for a table: see `counts`."
        )
    raise MethodError(
        f"Argument `trajectory` must hold {name} for this, but has compact states on {qubits} qubits, too many "
        "for a table: ask `compact[i]` for sample, marginal, expectation or overlap."
    )


@dataclass(frozen=True, eq=False)
class CompactTrajectory(Trajectory):
    """A trajectory whose waves are compact: ``density`` and ``states`` are absent, and say so when they are asked for.

    Attributes:
        compact: the wave at each saved time; empty where there are samples only.
        times, log_norm, expectations, counts, best, diagnostics, stop, provenance, problem, method: as in :class:`Trajectory`.
    """

    compact: tuple[CompactState, ...] = ()

    @property  # type: ignore[misc]
    def density(self) -> np.ndarray:
        """Absent."""
        _absent(self, "a density")

    @density.setter
    def density(self, value: np.ndarray) -> None:
        """What the dataclass sets is left aside."""

    @property  # type: ignore[misc]
    def states(self) -> np.ndarray | None:
        """Absent."""
        _absent(self, "states")

    @states.setter
    def states(self, value: np.ndarray | None) -> None:
        """What the dataclass sets is left aside."""

    @checks_arguments_but("weights")
    def predictor(
        self, weights: Chosen | None = None, reading: str | None = None, time: float | None = None
    ) -> Predictor:
        """As of a trajectory; ``"mean"`` and ``"vote"`` are over samples of the compact state, drawn with the seed of the run.

        Of 4,096 samples a probability has a standard error of at most 0.008.
        """
        if not isinstance(weights, str) or weights == "best":
            return super().predictor(weights, reading, time)
        objective = refuse_without_model(self.problem.objective)
        one_of(weights, "weights", WEIGHTS)
        require(reading in (None, "born"), "reading", "be 'born' for compact states, which are sampled", reading)
        seed = self.provenance.get("seed")
        drawn = self.compact[moment(self, time)].sample(_SAMPLES, seed if isinstance(seed, int) else 0)
        points = self.problem.domain.points_at(drawn.index)
        return Predictor(objective, Law(points, drawn.count / drawn.count.sum()), weights == "vote")

    @property
    def _has_tables(self) -> bool:
        return self.problem.domain.num_qubits <= _TABLE

    def _waves(self) -> tuple[dict[str, object], dict[str, np.ndarray]]:
        wide = any(each.index.dtype.hasobject for row in (self.counts or {}).values() for each in row)
        require(not wide, "trajectory", "have outcomes of at most 62 qubits in a file", "of more", MethodError)
        said, arrays = stored_states(self.compact)
        return {"compact": said}, arrays

    def __str__(self) -> str:
        domain = self.problem.domain
        points = f"2^{domain.num_qubits}" if isinstance(domain, Hypercube) else " x ".join(map(str, domain.shape))
        ends = ", ".join(f"{k} {v[0]} -> {v[-1]}" for k, v in self.expectations.items() if k in ("energy", "objective"))
        bonds = ", ".join(str(state.bond) for state in (self.compact[:1] + self.compact[-1:]))
        held = f"compact, ranks {bonds} at the ends" if self.compact else "samples only"
        shots = f"{self.shots} shots a circuit and basis" if self.shots else "exact"
        how = f" on the {self.problem.clock} clock, {self.provenance.get('backend') or 'classical'}, {shots}"
        text = "\n".join(
            (
                f"{line(str(self.method), WIDTH - len(how))}{how}",
                f"domain: {points} points, {domain.num_qubits} qubits; reading: {self.reading}",
                f"times: {len(self.times)} from {self.times[0]:g} to {self.times[-1]:g}; {held}",
                f"expectations: {ends or 'none'}",
                f"best: {self.best or 'no objective'}",
                f"stop: {line(self.stop, WIDTH - 6)}",
            )
        )
        return cut(text)

    __repr__ = __str__


def replaced(run: Trajectory, **changes: Any) -> Trajectory:
    """A trajectory with some of its fields changed, of a compact one too, whose absent fields stay absent."""
    if isinstance(run, CompactTrajectory):
        changes = {"density": np.empty(0), "states": None, **changes}
    return replace(run, **changes)
