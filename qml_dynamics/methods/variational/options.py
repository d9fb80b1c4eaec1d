"""`Variational`, `Growth`, `Cutoff`: the options of McLachlan's principle, and the contract of the method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from ...base.errors import MethodError, integer, one_of, real, require
from ...base.numeric import as_numbers
from ...base.printing import printed_briefly
from ...model.hamiltonians import PauliHamiltonian, hamiltonian
from ...model.problem import Problem
from ...model.schedules import rests
from .. import variational
from ..base import BINARY, WAVES, Answer, Facts, Job, Usual, Work, check_facts

if TYPE_CHECKING:
    from ...backends import Backend
    from ...model.hamiltonians import Hamiltonian
    from .engine.gates import Program

INTEGRATORS = {"euler": 1, "rk4": 4, "rk45": 5}
POOLS = ("auto", "grid", "pauli", "terms")
PLAIN = 1e-6  # Tikhonov term of runs that grow (their steps are guarded) or are measured (which raises it), unless told
METRICS = ("shift", "hadamard", "spsa")


@dataclass(frozen=True)
class Cutoff:
    """Leave out the eigenvalues of the metric below ``rcond`` times the largest, instead of a Tikhonov term.

    >>> Cutoff(1e-6)
    Cutoff(rcond=1e-06)
    """

    rcond: float = 1e-8

    def __post_init__(self) -> None:
        object.__setattr__(self, "rcond", real(self.rcond, "rcond", positive=True, error=MethodError))
        require(self.rcond < 1, "rcond", "be below 1", self.rcond, MethodError)


@printed_briefly
@dataclass(frozen=True)
class Growth:
    """Add the generator that lowers the residual most whenever the residual exceeds a threshold.

    A new rotation enters at angle 0 at the end of the ansatz, so that nothing jumps. Source: Gomes et al., Adv. Quantum
    Technol. 4, 2100114 (2021), arXiv:2102.01544.

    Args:
        threshold: of the McLachlan residual r (the norm of the part of the velocity that the ansatz misses).
        pool: ``"pauli"`` (strings on one and two qubits), ``"grid"`` (Y, YZ, YX and YZZ), ``"terms"`` (groups of strings made
            from an operator's own terms, with one angle a group, and their members), or a list of labels such as ``"IYZ"``
            (qubit 0 is the last letter). ``"auto"``: chosen. For an operator its terms with one letter turned into another, by groups
            and one by one, as far as they keep the Pauli symmetries that operator and wave have; where none of these helps, wider
            pools (see `variational.supply`). For a loss ``"pauli"``. ``diagnostics["pool"]`` says which. On the imaginary clock
            only strings with an odd number of Y are taken from pools but lists of labels where wave and operator are
            real, since others cannot lower the energy there.
        max_parameters: no rotations are added above this many parameters.
    """

    threshold: float = 1e-2
    pool: str | Sequence[str] = "auto"
    max_parameters: int = 200

    def __post_init__(self) -> None:
        object.__setattr__(self, "threshold", real(self.threshold, "threshold", positive=True, error=MethodError))
        integer(self.max_parameters, "max_parameters", 1, 100_000, MethodError)
        if isinstance(self.pool, str):
            one_of(self.pool, "pool", POOLS, MethodError)
            return
        labels = tuple(self.pool) if isinstance(self.pool, Sequence) else ()
        ok = len(labels) > 0 and all(isinstance(w, str) and w and set(w) <= set("IXYZ") for w in labels)
        require(
            ok, "pool", "be 'auto', 'pauli', 'grid', 'terms' or Pauli labels of letters IXYZ", self.pool, MethodError
        )
        object.__setattr__(self, "pool", labels)


class Ansatz(Protocol):
    """What makes the trial wave of a variational run: an ansatz from `qml_dynamics.ansatz`."""

    def bind(self, problem: Problem, h: Hamiltonian) -> Program:
        """The gates for one problem, with the angles of the start."""
        ...


@printed_briefly
@dataclass(frozen=True, eq=False)
class Variational(Usual):
    """McLachlan's principle: the parameters follow ``A theta' = b``, on both clocks.

    ``A_ij = Re(<d_i psi|d_j psi> - <d_i psi|psi><psi|d_j psi>)``; imaginary clock ``b_i = -Re <d_i psi|(H - E) psi>`` (natural
    gradient descent of the energy), real clock ``b_i = Im <d_i psi|(H - E) psi>``. Every run carries the residual of the step
    actually taken and an a-posteriori bound of the angle to the exact wave. Sources: McArdle et al., npj Quantum Inf. 5, 75
    (2019), arXiv:1804.03023; Yuan et al., Quantum 3, 191 (2019), arXiv:1812.08767; Zoufal, Sutter, Woerner, Phys. Rev. A 108,
    022426 (2023), arXiv:2108.00022.

    Args:
        ansatz: from `qml_dynamics.ansatz`.
        steps: equal steps over the duration; with ``"rk45"`` the first step is ``duration / steps``.
        integrator: ``"euler"``, ``"rk4"``, or ``"rk45"`` (Dormand-Prince with step control).
        regularisation: a Tikhonov term, a :class:`Cutoff`, or a function ``solve(A, b)``. None: a Tikhonov term between 1e-6 and 3e-4
            of the metric's mean diagonal, the larger the more of the velocity the ansatz misses (see `linear.solve`); 1e-6 for an
            ansatz that grows and on devices.
        theta0: parameters at the start instead of the ansatz's own.
        tolerance: with ``"rk45"``, allowed distance of the final state from the exact solution of the parameter equation.
        grow: a :class:`Growth`, or None for an ansatz of fixed size.
        stop_at: on the imaginary clock, stop once the standard deviation of the energy is below this. 0 where schedules change with
            time: a wave that rests under one H(t) does not under the next.
        max_evaluations: stop after this many evaluations of the metric.
        metric: how a device measures it: ``"shift"`` (overlaps of shifted circuits, no ancilla), ``"hadamard"`` (one ancilla,
            half the depth, a quarter of the circuits) or ``"spsa"`` (four overlaps a resampling, whatever the number of parameters).
        resamplings: random directions a step with ``"spsa"``.
        sensitivity: whether the exact engine makes a second run from a start moved by 1e-13, to see how much the answer depends on
            rounding (see `sensitivity`). None: where samples for less than a tenth of the evaluations and unresolved steps make it
            look necessary, and it takes some seconds at most.

    Raises:
        MethodError: an option is out of its range.
    """

    ansatz: Any
    steps: int
    integrator: str = "euler"
    regularisation: Any = None
    theta0: Any = None
    tolerance: float = 1e-6
    grow: Growth | None = None
    stop_at: float = 0.0
    max_evaluations: int | None = None
    metric: str = "shift"
    resamplings: int = 10
    sensitivity: bool | None = None

    name: ClassVar[str] = "variational"

    def __post_init__(self) -> None:
        require(
            hasattr(self.ansatz, "bind"), "ansatz", "be an ansatz from qml_dynamics.ansatz", self.ansatz, MethodError
        )
        object.__setattr__(self, "steps", integer(self.steps, "steps", 1, 10**9, MethodError))
        one_of(self.integrator, "integrator", INTEGRATORS, MethodError)
        named = self.regularisation is None or isinstance(self.regularisation, Cutoff)
        if not named and not callable(self.regularisation):
            value = real(self.regularisation, "regularisation", nonnegative=True, error=MethodError)
            object.__setattr__(self, "regularisation", value)
        if self.theta0 is not None:
            object.__setattr__(self, "theta0", parameters(self.theta0, "theta0"))
        real(self.tolerance, "tolerance", positive=True, error=MethodError)
        ok = self.grow is None or isinstance(self.grow, Growth)
        require(ok, "grow", "be a Growth or None", self.grow, MethodError)
        real(self.stop_at, "stop_at", nonnegative=True, error=MethodError)
        if self.max_evaluations is not None:
            integer(self.max_evaluations, "max_evaluations", 1, 10**9, MethodError)
        one_of(self.metric, "metric", METRICS, MethodError)
        integer(self.resamplings, "resamplings", 2, 10**6, MethodError)
        known = self.sensitivity is None or isinstance(self.sensitivity, bool)
        require(known, "sensitivity", "be True, False or None", self.sensitivity, MethodError)

    @property
    def order(self) -> int:
        """Order of the integrator."""
        return INTEGRATORS[self.integrator]

    def facts(self) -> Facts:
        """Both clocks of waves, every weight space; angles come from samples where a backend measures the steps."""
        wires = getattr(self.ansatz, "wires", None)  # those of a circuit of one's own
        return Facts(
            WAVES,
            BINARY,
            "either",
            self.order,
            circuits_known_ahead=False,
            checkpoints=True,
            steps=None
            if self.integrator == "rk45"
            else self.steps,  # whose steps are as long as its tolerance lets them be
            wires=wires,
            callback="always",
        )

    def check(self, problem: Problem, backend: Backend | None) -> None:
        """Refuse what the facts exclude, and ``stop_at`` for a Hamiltonian that moves."""
        check_facts(self, problem)
        if self.stop_at and problem.clock == "imaginary":
            require(_rests(problem), "stop_at", "be 0 where schedules change with time", self.stop_at, MethodError)

    def run(self, job: Job) -> Answer:
        """On simulated waves, or measured: on a backend, with shots or where there are no amplitudes."""
        out: Answer = runner().run_variational(job, self)
        return out

    def work(self, job: Job) -> Work:
        """The circuits of measured steps, or the memory of simulated ones."""
        out: Work = runner().work_variational(job, self)
        return out

    def refined(self) -> Variational:
        """Twice the steps."""
        return replace(self, steps=2 * self.steps)


def _rests(problem: Problem) -> bool:
    """Whether the Hamiltonian is the same at all times."""
    if problem.operator is not None:
        h = hamiltonian(problem)
        assert isinstance(h, PauliHamiltonian)
        return rests(h.schedules, problem.duration)
    return rests((problem.diffusion, problem.strength), problem.duration)


def runner() -> ModuleType:
    """What runs the method; it loads SciPy, which naming a method must not."""
    return variational.run


def parameters(values: npt.ArrayLike, name: str, count: int | None = None) -> tuple[float, ...]:
    """Finite numbers, ``count`` of them; raises :class:`MethodError` otherwise.

    >>> parameters([0, 1.5], "theta0")
    (0.0, 1.5)
    """
    try:
        array = as_numbers(values)
    except Exception:  # of any kind: the person's own object makes the array
        array = np.full((1, 1), np.nan)
    require(array.ndim == 1, name, "be a sequence of numbers", values, MethodError)
    bad = np.flatnonzero(~np.isfinite(array))
    require(
        not len(bad),
        name,
        "be finite",
        f"of entry {array[bad[0]] if len(bad) else 0} at {bad[:1].tolist()}",
        MethodError,
    )
    if count is not None:
        require(
            len(array) == count,
            name,
            f"have one entry for each of {count} parameters",
            f"of length {len(array)}",
            MethodError,
        )
    return tuple(array.tolist())
