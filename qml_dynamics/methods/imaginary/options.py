"""Imaginary time as circuits: the options of Schrodingerised, ProbabilisticITE, QITE and DoubleBracket; how they run is in `run`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast, runtime_checkable

from ...base.errors import MethodError, integer, one_of, real, require
from ...base.printing import printed_briefly
from ...synthesis.p_register import Blocks
from .. import imaginary
from ..base import BINARY, Answer, Clock, Facts, Job, Method, Usual, Work
from ..split_step import SplitStep

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from ...backends import Backend
    from ...model.hamiltonians import Hamiltonian
    from ...model.problem import Problem
    from .selected import Forecast
    from .steps import SelectedStep

_CLOCK: frozenset[Clock] = frozenset({"imaginary"})

FLOOR = 1e-4
BLOCKS = ("linear", "exact")
WIDEST = 6  # qubits of a domain of QITE
_QUBITS = 20


@runtime_checkable
class PostSelected(Method, Protocol):
    """A method that keeps a sample or not: beside the contract, what is known of a run before it, and its step from any point.

    The diagnostics of its runs hold ``"success_probability"``, the share of the samples that is kept at each saved time, and
    ``"success_predicted"``, what the forecast says of it.
    """

    @property
    def floor(self) -> float:
        """Success probability below which a run is refused."""
        ...

    def forecast(self, problem: Problem, h: Hamiltonian, times: tuple[float, ...]) -> Forecast:
        """Everything that can be known before a run, at times of which the first is 0."""
        ...

    def step(self, problem: Problem, h: Hamiltonian, backend: Backend) -> SelectedStep:
        """The whole duration as one step from any basis state, as METTS takes it."""
        ...

    def ancillas(self, blocks: int) -> int:
        """Qubits beside the register, where so many blocks have one each."""
        ...

    def without_floor(self) -> Method:
        """The same without a floor: from an unlikely point few samples may be kept, and more are taken."""
        ...


class _Selecting(Usual):
    """What both have in common."""

    def run(self, job: Job) -> Answer:
        """The kept wave at the saved times, with its success probability."""
        return imaginary.run.run_selected(job, cast(PostSelected, self))

    def circuits(self, job: Job) -> list[QuantumCircuit]:
        """One a saved time, before post-selection; the p register, or one ancilla a block, on the highest qubits."""
        return imaginary.run.circuits_selected(job, cast(PostSelected, self))

    def work(self, job: Job) -> Work:
        """The longest circuit, and the share of its samples that is kept."""
        return imaginary.run.work_selected(job, cast(PostSelected, self))


@printed_briefly
@dataclass(frozen=True)
class Schrodingerised(_Selecting):
    """Imaginary time as unitary evolution in one more register, post-selected.

    With ``w(p, 0) = e^{-p} psi`` for ``p > 0``, ``w_tau = H w_p`` carries every energy E to the left by ``E tau``, so that
    ``w(p, tau) = e^{-p} e^{-H tau} psi`` on ``p > 0`` for ``H >= 0`` (energies are shifted by their bound). In the momenta
    eta of p this is ``exp(+i eta H tau)``: phases ``eta D k^2`` and ``eta s zeta`` between the same transforms as in
    :class:`Trotter` (of an operator: ``eta (c P + |c|)`` for one string
    after another). A sample is kept where ``p > 0``. Sources: Jin, Liu, Yu, arXiv:2212.13969, arXiv:2212.14703.

    On ``p > 0`` the splitting error is that of :class:`SplitStep` with the same steps and order, whatever the register.

    Args:
        ancilla_qubits: of the p register.
        steps: equal steps over the duration.
        order: 1 or 2 (formulas with backward substeps would carry energies to the right).
        smooth: the profile at ``p < 0`` continues ``e^{-p}`` with its slope by a cubic; False: ``e^{-|p|}``.
        box: p runs over ``(-box, box)``, or over ``(-left, right)`` for a pair; None: chosen for the smallest error.
        tolerance: largest relative error of the kept wave that the p register may make; above it the run is refused with
            the register that it takes.
        floor: a run whose predicted success probability is below this is refused.

    Raises:
        MethodError: an option is out of its range.
    """

    ancilla_qubits: int
    steps: int
    order: int = 2
    smooth: bool = True
    box: Any = None
    tolerance: float = 0.05
    floor: float = FLOOR

    name: ClassVar[str] = "schrodingerised"

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "ancilla_qubits", integer(self.ancilla_qubits, "ancilla_qubits", 2, _QUBITS, MethodError)
        )
        object.__setattr__(self, "steps", integer(self.steps, "steps", 1, 10**6, MethodError))
        integer(self.order, "order", 1, 2, MethodError)
        require(isinstance(self.smooth, bool), "smooth", "be True or False", self.smooth, MethodError)
        if self.box is not None:
            object.__setattr__(self, "box", _box(self.box))
        object.__setattr__(self, "tolerance", real(self.tolerance, "tolerance", positive=True, error=MethodError))
        object.__setattr__(self, "floor", _share(self.floor, "floor"))

    def facts(self) -> Facts:
        """The imaginary clock, every weight space; its register of finite size is a part of the error of its own."""
        return Facts(_CLOCK, BINARY, "backend", self.order, "wave", steps=self.steps, register=True)

    def refined(self) -> Schrodingerised:
        """Twice the steps."""
        return replace(self, steps=2 * self.steps)

    def without_encoding(self) -> SplitStep:
        """The split-operator method with the same steps: no p register."""
        return SplitStep(self.steps, self.order)

    def forecast(self, problem: Problem, h: Hamiltonian, times: tuple[float, ...]) -> Forecast:
        """The register, its error, and the share of the samples at ``p > 0``."""
        return imaginary.selected.register_forecast(problem, h, self, times)

    def step(self, problem: Problem, h: Hamiltonian, backend: Backend) -> SelectedStep:
        """With the register that the point of highest loss takes."""
        return imaginary.steps.register_step(problem, h, self)

    def ancillas(self, blocks: int) -> int:
        """Those of p."""
        return self.ancilla_qubits

    def without_floor(self) -> Schrodingerised:
        """The same without a floor."""
        return replace(self, floor=0.0)


@dataclass(frozen=True)
class ProbabilisticITE(_Selecting):
    """Imaginary time with one ancilla measured a step: outcome 0 applies ``cos(Theta + pi / 4)``.

    ``block="linear"``: ``Theta = acos(m0) - pi/4 + s1 (H - shift) dtau`` with ``s1 = m0 / sqrt(1 - m0^2)``: two controlled
    real-time evolutions, for any Hamiltonian. First order in ``dtau``, error ``m0 / 2 / (1 - m0^2) (dtau (H - shift))^2`` a
    step, success ``m0^{2 r} |e^{-tau (H - shift)} psi|^2`` after r steps.
    ``block="exact"``: one block for each factor of the product formula, with ``Theta = acos(m0 e^{-a f}) - pi/4`` as a diagonal; of
    an operator one for each Pauli string P that the formula visits, with ``f = c P + |c|`` (any function of P is linear in it): no error
    but the formula's, and m0 may be 1. Success ``m0^{2 r} |prod e^{-a f} psi|^2``.
    Source: Kosugi, Nishiya, Nishi, Matsushita, Phys. Rev. Res. 4, 033121 (2022), arXiv:2111.12471.

    Args:
        m0: between 0 and 1: the share of the amplitude that a block keeps at the lowest energy.
        steps: equal steps over the duration.
        order: of the product formula inside a step: 1, 2 or 4 (4: linear blocks only).
        block: ``"linear"`` or ``"exact"``.
        shift: the energy that linear blocks keep best; None: the lower bound of the spectrum.
        floor: a run whose predicted success probability is below this is refused.

    Raises:
        MethodError: an option is out of its range.
    """

    m0: float
    steps: int
    order: int = 2
    block: str = "linear"
    shift: float | None = None
    floor: float = FLOOR

    name: ClassVar[str] = "probabilistic_ite"

    def __post_init__(self) -> None:
        one_of(self.block, "block", BLOCKS, MethodError)
        object.__setattr__(self, "m0", real(self.m0, "m0", positive=True, error=MethodError))
        fits = self.m0 < 1 or (self.m0 == 1 and self.block == "exact")
        require(fits, "m0", "be below 1 (or 1 with block='exact')", self.m0, MethodError)
        object.__setattr__(self, "steps", integer(self.steps, "steps", 1, 10**6, MethodError))
        known = (1, 2, 4) if self.block == "linear" else (1, 2)
        require(type(self.order) is int and self.order in known, "order", f"be one of {known}", self.order, MethodError)
        if self.shift is not None:
            object.__setattr__(self, "shift", real(self.shift, "shift", error=MethodError))
        object.__setattr__(self, "floor", _share(self.floor, "floor"))

    def facts(self) -> Facts:
        """The imaginary clock, every weight space. Linear blocks are of first order whatever the formula inside."""
        return Facts(
            _CLOCK,
            BINARY,
            "backend",
            self.order if self.block == "exact" else 1,
            "wave",
            steps=self.steps,
        )

    def refined(self) -> ProbabilisticITE:
        """Twice the steps."""
        return replace(self, steps=2 * self.steps)

    def forecast(self, problem: Problem, h: Hamiltonian, times: tuple[float, ...]) -> Forecast:
        """The blocks before each time, and the probability that every ancilla reads 0."""
        return imaginary.selected.block_forecast(problem, h, self.blocks, times)

    def step(self, problem: Problem, h: Hamiltonian, backend: Backend) -> SelectedStep:
        """Block after block."""
        return imaginary.steps.block_step(problem, h, self.blocks, backend)

    def ancillas(self, blocks: int) -> int:
        """One a block."""
        return blocks

    def without_floor(self) -> ProbabilisticITE:
        """The same without a floor."""
        return replace(self, floor=0.0)

    @property
    def blocks(self) -> Blocks:
        """The numbers of its blocks."""
        return Blocks(self.m0, self.steps, self.order, self.block, self.shift)


@dataclass(frozen=True)
class QITE(Usual):
    """Quantum imaginary time evolution: ``e^{-dtau h} psi`` imitated by a rotation that measured expectation values give.

    The terms h of the Hamiltonian around the same ``domain_width`` qubits go together: ``exp(-i dtau sum_I a_I sigma_I)``
    over the Pauli strings of that domain with ``(S + S^T) a = b``, ``S_IJ = Re <sigma_I sigma_J>`` and
    ``b_I = -2 Im <sigma_I e^{-dtau h}> / (dtau sqrt(c))``, ``c = <e^{-2 dtau h}>``, all of them measured. Domains are swept
    to and fro: order 2 up to what a domain misses. No post-selection; the circuit grows every step.
    Source: Motta et al., Nat. Phys. 16, 205 (2020), arXiv:1901.07653.

    Args:
        domain_width: qubits of a domain, at least as many as the widest term, at most 6.
        steps: equal steps over the duration.
        rcond: relative cutoff of the least-squares solution; None: 1e-8 from exact, 1e-2 from sampled expectation values.

    Raises:
        MethodError: an option is out of its range.
    """

    domain_width: int
    steps: int
    rcond: float | None = None

    name: ClassVar[str] = "qite"

    def __post_init__(self) -> None:
        object.__setattr__(self, "domain_width", integer(self.domain_width, "domain_width", 1, WIDEST, MethodError))
        object.__setattr__(self, "steps", integer(self.steps, "steps", 1, 10**6, MethodError))
        if self.rcond is not None:
            object.__setattr__(self, "rcond", real(self.rcond, "rcond", positive=True, error=MethodError))

    def check(self, problem: Problem, backend: Backend | None) -> None:
        """Refuse what the facts exclude, too many or too wide terms, and those entangled with qubits that no rotation reaches."""
        super().check(problem, backend)
        imaginary.reach.check_strings(problem, self.domain_width)
        imaginary.reach.check_reach(problem, self.domain_width)

    def run(self, job: Job) -> Answer:
        """Measured and rotated step by step, reported at the saved times."""
        return imaginary.run.run_qite(job, self)

    def circuits(self, job: Job) -> list[QuantumCircuit]:
        """One a saved time, with the angles that exact expectation values give."""
        return imaginary.run.circuits_qite(job, self)

    def work(self, job: Job) -> Work:
        """The circuits of the answer, and those that measure its angles on the way."""
        return imaginary.run.work_qite(job, self)

    def facts(self) -> Facts:
        """The imaginary clock; angles come from measured expectation values."""
        return Facts(_CLOCK, BINARY, "backend", 2, "wave", circuits_known_ahead=False, steps=self.steps)

    def refined(self) -> QITE:
        """Twice the steps."""
        return replace(self, steps=2 * self.steps)


@dataclass(frozen=True)
class DoubleBracket(Usual):
    """Double-bracket flow: ``psi' = e^{i r H} e^{i r |psi><psi|} e^{-i r H} psi`` with ``r = sqrt(dtau)``, without post-selection.

    Every step lowers the energy by ``2 dtau Var(H)`` up to ``O(dtau^2)``. The reflection about psi takes the circuit of psi
    twice more, so k steps take ``3^k`` preparations: a polish of one to four steps, not a method for long times. Its two turns, by r
    and by r times the spread of the energy, depend on the units of H: where one of them goes round, the run is refused. Sources:
    Gluza et al., arXiv:2412.04554; Robbiati et al., arXiv:2504.01065.

    Args:
        steps: equal steps over the duration, at most 8.
        substeps: Strang steps in each real-time evolution ``e^{-i r H}``.

    Raises:
        MethodError: an option is out of its range.
    """

    steps: int
    substeps: int = 2

    name: ClassVar[str] = "double_bracket"

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", integer(self.steps, "steps", 1, 8, MethodError))
        object.__setattr__(self, "substeps", integer(self.substeps, "substeps", 1, 10**4, MethodError))

    def run(self, job: Job) -> Answer:
        """Reflected step by step, reported at the saved times."""
        return imaginary.run.run_bracket(job, self)

    def circuits(self, job: Job) -> list[QuantumCircuit]:
        """One a saved time."""
        return imaginary.run.circuits_bracket(job, self)

    def work(self, job: Job) -> Work:
        """The circuits of the answer, and those that measure the energies on the way."""
        return imaginary.run.work_bracket(job, self)

    def facts(self) -> Facts:
        """The imaginary clock; of order 1/2 in the wave (and, with it, of most expectation values), of order 1 in the energy."""
        return Facts(_CLOCK, BINARY, "backend", 0.5, "wave", steps=self.steps, callback="exact")

    def refined(self) -> DoubleBracket:
        """Twice the steps."""
        return replace(self, steps=2 * self.steps)


def _share(value: object, name: str) -> float:
    share = real(value, name, nonnegative=True, error=MethodError)
    require(share < 1, name, "be below 1", share, MethodError)
    return share


def _box(given: float | Sequence[float]) -> tuple[float, float]:
    pair = tuple(given) if isinstance(given, Sequence) else (given, given)
    require(len(pair) == 2, "box", "be a number or a pair (left, right)", given, MethodError)
    left, right = (real(v, "box", positive=True, error=MethodError) for v in pair)
    return left, right
