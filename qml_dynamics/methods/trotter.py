"""Product-formula circuits on the real clock: QFT, dual phases, inverse QFT, Walsh phases; the terms of an operator one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from .. import synthesis
from ..backends import Backend
from ..backends.branches import Path
from ..base.errors import MethodError, integer, one_of, real, require
from ..base.printing import printed_briefly
from ..model.driven_formulas import ends_of_steps
from ..model.formulas import FORMULAS, Formula, boundaries, by_name, by_order, factors, segments
from ..model.hamiltonians import LearningHamiltonian, PauliHamiltonian, hamiltonian
from ..model.operator_sum import OperatorSum
from ..model.problem import Problem
from ..results.trajectory import Trajectory
from ..synthesis.paces import sweeps
from . import krylov, one_hot
from .base import EVERYWHERE, LOSSES, Answer, Facts, Job, Method, Usual, Work, check_facts, space_of
from .from_samples import Planned, batches, one_moment
from .from_samples import run as run_sampled
from .from_waves import Waves, learning, report_waves, run_waves
from .memory import of_circuits
from .split_step import SplitStep, wave_after
from .tensor_train.register import ask_first, check_register, register_answer

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from ..backends import Backend
    from ..model.problem import Problem
    from ..synthesis.operator_choice import Choice
    from ..synthesis.trotter import Program

Aim = Literal["gates", "depth", "both"]
_SIX = 6
_MEASURED = 12  # qubits of a wave by which a formula is picked,
_MOVING = 10  # and of one whose terms have schedules of their own
_NEARER = 1e-3  # of the tolerance: how near the wave is that such a choice is measured by
_KNOWN = tuple(name for name, formula in FORMULAS.items() if all(kind != "W" for kind, _ in formula.base))


@printed_briefly
@dataclass(frozen=True)
class Trotter(Usual):
    """Product-formula circuits: QFT, dual phases, inverse QFT, Walsh phases. Real clock.

    Args:
        steps: equal steps over the duration; left out for ``formula="auto"``.
        order: 1 (Lie), 2 (Strang), 4 (Suzuki) or 6 (Blanes and Moan).
        truncation: allowed error of the final state in the 2-norm from leaving out small Walsh terms of the potential
            (0: exact). The bound is rigorous: ``sup |zeta - zeta'|`` times the sum of the absolute amounts of the potential
            factors, which is the integral of ``|s|`` for formulas without negative substeps. Up to 12 qubits
            ``diagnostics["truncation_error"]`` has the error itself beside it, which is often a hundred times smaller. What is left of
            a series is fitted anew to the loss, up to 400 terms and 2^24 terms times points; above it keeps its own coefficients.
        formula: the name of a formula, instead of the one that ``order`` stands for: ``"lie"``, ``"strang"``, ``"omelyan2"``,
            ``"suzuki4"``, ``"omelyan4"``, ``"blanes_moan4"`` (the fewest gates for most errors) or ``"blanes_moan6"``. For operators
            ``"auto"``: formula, steps and splitting that take least for the stated error.
        tolerance: for ``"auto"``: allowed error of the wave at every saved time, in the 2-norm up to a phase. It is measured up to 12
            qubits, and above bounded by commutators (Childs et al., arXiv:1912.08854), where formulas are those of the orders 1, 2 and 4;
            ``diagnostics`` says what was picked and why. Where terms have schedules of their own it is measured beside Krylov spaces,
            up to 10 qubits, and wider registers are refused.
        optimise: for ``"auto"``: ``"gates"`` on two qubits, their ``"depth"``, or ``"both"``, which is their product.
        remainder: for losses on a grid: steps of a whole multiple of a unit of time, no longer than the equal ones, and one shorter step
            for the rest, where they take fewer CX (``diagnostics["step"]``). The unit of an axis is ``L^2 / (4 pi N D)``, with walls
            ``L^2 / (2 pi N D)``.

    On a grid a kinetic factor takes one Fourier transform instead of two where ``int D dt`` over its step is a whole multiple of that
    unit times D: the phases before and behind the transform are added to those of the loss. Equal steps that are such multiples are
    found by themselves, since the circuit is the same unitary.

    On a one-hot grid the parts are not K and V but the even and the odd bonds, each with its share of V: one exchange block of two CX a
    bond, four layers of CX a step whatever the number of points; steps that would take more CX than the network of their unitary,
    ``N (N - 1)``, are sent as that (``diagnostics["networks"]``). Samples are kept where every axis has one excitation.

    The terms of an operator are put in parallel layers: all terms on one bond in one block of at most three CX, the bonds in as few
    layers as their colouring finds, half steps merged, so that the depth of a step of a local model does not grow with its size. Where
    strings are longer, networks of rotations by Rustiq (arXiv:2404.03280) in its own order and mirrored are tried too, and the
    splitting with the smallest product of two-qubit gates and depth is taken; ``diagnostics["splitting"]`` says which. Where terms have
    schedules of their own, time is one more part, so that every formula keeps its order (Hatano and Suzuki, arXiv:math-ph/0506007).

    >>> from qml_dynamics import Problem, cost
    >>> chain = Problem.from_operator([[1, 0], [0, -1]], clock="real", duration=1.0)
    >>> Trotter(4, formula="blanes_moan4").order, cost(chain, Trotter(4, formula="blanes_moan4")).two_qubit_gates
    (4, 0)
    """

    steps: int = 0
    order: int = 2
    truncation: float = 0.0
    formula: str | None = None
    tolerance: float | None = None
    optimise: Aim = "both"
    remainder: bool = False

    name: ClassVar[str] = "trotter"

    def __post_init__(self) -> None:
        real(self.truncation, "truncation", nonnegative=True, error=MethodError)
        one_of(self.optimise, "optimise", ("gates", "depth", "both"), MethodError)
        require(isinstance(self.remainder, bool), "remainder", "be True or False", self.remainder, MethodError)
        if self.automatic:
            require(not self.remainder, "remainder", "be False where `formula` is 'auto'", self.remainder, MethodError)
            require(self.steps == 0, "steps", "be left out where `formula` is 'auto'", self.steps, MethodError)
            require(self.tolerance is not None, "tolerance", "be given where `formula` is 'auto'", None, MethodError)
            real(self.tolerance, "tolerance", positive=True, error=MethodError)
            return
        require(
            self.tolerance is None, "tolerance", "be None where `formula` is not 'auto'", self.tolerance, MethodError
        )
        require(
            self.optimise == "both", "optimise", "be left out where `formula` is not 'auto'", self.optimise, MethodError
        )
        object.__setattr__(self, "steps", integer(self.steps, "steps", 1, 10**7, MethodError))
        if self.formula is not None:
            one_of(self.formula, "formula", (*_KNOWN, "auto"), MethodError)
            object.__setattr__(self, "order", by_name(self.formula).order)
        elif not isinstance(self.order, int) or self.order != _SIX:
            by_order(self.order)

    @property
    def automatic(self) -> bool:
        """Whether formula and steps are picked for a tolerance."""
        return isinstance(self.formula, str) and self.formula == "auto"

    @property
    def product_formula(self) -> Formula:
        """The formula of one step; raises :class:`MethodError` where it is picked for each problem."""
        require(not self.automatic, "formula", "be the name of one formula here", self.formula, MethodError)
        if self.formula is not None:
            return by_name(self.formula)
        return by_name("blanes_moan6") if self.order == _SIX else by_order(self.order)

    def facts(self) -> Facts:
        """The real clock, every weight space."""
        if self.automatic:
            return Facts(frozenset({"real"}), frozenset({"operator"}), "backend", None, wide=True)
        if self.remainder:
            return Facts(frozenset({"real"}), LOSSES, "backend", self.order)
        return Facts(frozenset({"real"}), EVERYWHERE, "backend", self.order, steps=self.steps, wide=True)

    def check(self, problem: Problem, backend: Backend | None) -> None:
        """Refuse what the facts exclude, ``"auto"`` where its error is not known, and on one-hot grids options of binary ones."""
        if space_of(problem) == "onehot":
            require(not self.remainder, "remainder", "be False on a one-hot grid", self.remainder, MethodError)
        check_facts(self, problem)
        if space_of(problem) == "onehot":
            one_hot.check(problem, self.product_formula, self.truncation, backend)
        moves = isinstance(problem.operator, OperatorSum) and len(problem.operator.parts) > 1
        if self.automatic and moves and problem.domain.num_qubits > _MOVING:
            must = f"be the name of one formula above {_MOVING} qubits where terms have schedules of their own"
            qubits = f"'auto', whose error is measured, for {problem.domain.num_qubits} qubits"
            raise MethodError(f"Argument `formula` must {must}, but is {qubits}.")

    def run(self, job: Job) -> Answer:
        """Amplitudes after the product formula where the backend gives them, else two sampled circuits a saved time."""
        if job.can.exact:
            return report_waves(job, run_waves(job, self._waves, self.facts().steps))
        return self._as_trains(job) if _in_trains(job) else run_sampled(job, self._planned(job))

    def _as_trains(self, job: Job) -> Answer:
        """The waves at the saved times as trains, from one pass."""
        check_register(job.observables)
        wanted = np.union1d(job.saves, [0.0])
        plan, told = self._program(job, wanted)
        backend: Any = job.backend  # whose capabilities promise the verb
        if any(o.function is not None for o in job.observables):  # strings have a mean in every wave
            ask_first(job, backend.trains([plan.start])[0])
        found = backend.trains([plan.start, *plan.pieces])
        kept = [train for train, t in zip(found, wanted) if t in job.saves]
        return register_answer(job, kept, {**told, "truncation": backend.describe().get("truncation")})

    def _program(self, job: Job, saves: np.ndarray) -> tuple[Program, dict[str, Any]]:
        """The circuits, and what is told about them."""
        if not self.automatic:
            plan = synthesis.trotter.program(
                job.problem,
                job.h,
                self.product_formula,
                self.steps,
                saves.tolist(),
                self.truncation,
                remainder=self.remainder,
            )
            if not self.remainder:
                return plan, _told(plan, self.steps)
            return plan, {**_told(plan, len(plan.ends) - 1), "step": float(np.diff(plan.ends).max())}
        choice = _choice(job, self, saves)
        plan = synthesis.trotter.program(
            job.problem, job.h, choice.formula, choice.steps, saves.tolist(), splitting=choice.splitting
        )
        picked = {"formula": choice.formula.name, "error": choice.error, "error_is": choice.how}
        return plan, {**_told(plan, choice.steps), **picked, "rivals": [list(rival) for rival in choice.rivals]}

    def _waves(self, job: Job, saves: np.ndarray, out: Waves) -> Iterator[tuple[float, np.ndarray, float]]:
        domain = job.problem.domain
        plan, told = self._program(job, saves)
        out.diagnostics.update(told, gates=sum(len(piece.data) for piece in (plan.start, *plan.pieces)))
        if plan.sup_error and domain.num_qubits <= _MEASURED:
            out.diagnostics["truncation_error"] = _truncation_error(job, plan, self.product_formula)
        waves = job.device.states([plan.start, *plan.pieces], job.progress)
        where = one_hot.places(domain)
        for t, wave in zip(plan.saves, waves):
            yield (
                t,
                wave[where].reshape(domain.shape),
                0.0,
            )  # ancillas of walls are the highest qubits, back in |0>

    def _planned(self, job: Job) -> Planned:
        """The circuits for a backend that gives samples only: one a saved time, each of which goes on where the last one has ended."""
        wanted = np.union1d(job.saves, [0.0])
        plan, told = self._program(job, wanted)
        path = Path((plan.start, *plan.pieces))
        return Planned([path.branch(1 + int(np.argmin(np.abs(wanted - t)))) for t in job.saves], told)

    def circuits(self, job: Job) -> list[QuantumCircuit]:
        """One a saved time; ancillas of walls are the highest qubits and end in ``|0>``."""
        return list(self._planned(job).built().circuits)

    def work(self, job: Job) -> Work:
        """Two bases a saved time; for an operator the weights and every group of its strings."""
        wanted = np.union1d(job.saves, [0.0])
        if _in_trains(job):
            return self._work_in_trains(job)
        programs, each = one_moment(job, self._program(job, wanted)[0].until(len(wanted) - 1))
        count, qubits = each * len(job.saves), programs[-1].num_qubits
        memory, sent = (
            of_circuits(job, qubits, synthesis.sizes.size_of(programs[-1])),
            batches(job, each, len(job.saves)),
        )
        return Work(qubits, memory, count, count * (job.shots or 0), tuple(programs), sent=sent)

    def _work_in_trains(self, job: Job) -> Work:
        """One circuit, and the trains of all saved times, of a rank that is assumed."""
        program = self._planned(job).circuits[-1].circuit
        qubits, saves = program.num_qubits, len(job.saves)
        rank = min(_RANK, 1 << qubits // 2)
        memory = _GATE * program.size() + 32 * qubits * rank**2 * (2 + 3 * saves)
        return Work(qubits, memory, 1, saves * (job.shots or 0), (program,))

    def refined(self) -> Trotter:
        """Twice the steps; a quarter of the tolerance."""
        if self.tolerance is not None:
            return replace(self, tolerance=self.tolerance / 4)
        return replace(self, steps=2 * self.steps)

    def without_encoding(self) -> SplitStep | Trotter:
        """The split-operator method with the same formula and steps; where those are not equal, these circuits without truncation.

        ``"auto"`` runs operators alone, whose circuits have no encoding: it is its own.
        """
        if self.automatic:
            return self
        if self.remainder:
            return replace(self, truncation=0.0)
        return SplitStep(
            self.steps, self.order, self.formula or (self.product_formula.name if self.order == _SIX else None)
        )


_GATE = 300  # bytes of a gate
_RANK = 128  # of trains whose memory is told before they are known


def _in_trains(job: Job) -> bool:
    """Whether waves are too wide for tables and the backend gives them as trains."""
    return job.compact and job.can.trains


def _choice(job: Job, method: Trotter, saves: np.ndarray) -> Choice:
    """What is picked for a problem and saved times: the same at every call."""
    from ..synthesis.operator_choice import choose

    problem, h = job.problem, job.h
    assert isinstance(h, PauliHamiltonian)  # the method's facts have refused losses
    assert method.tolerance is not None

    def amounts(steps: int) -> list[list[float]]:
        """``int s dt`` over each step that runs where there are ``steps`` equal ones, from one saved time to the next."""
        ends = ends_of_steps(h, steps, saves)
        return [[h.amount(a, b) for a, b in pairwise(piece.tolist())] for piece in segments(ends, saves)]

    narrow = problem.domain.num_qubits <= _MEASURED
    start = problem.initial.vector(problem.domain).reshape(-1) if narrow else None
    if not h.commutes:
        return _choice_of_moving(job, h, method, saves)
    return choose(h.num_qubits, synthesis.trotter.rows(h), amounts, start, method.tolerance, method.optimise)


def _choice_of_moving(job: Job, h: PauliHamiltonian, method: Trotter, saves: np.ndarray) -> Choice:
    """What is picked where terms have schedules of their own, by waves of Krylov spaces."""
    from ..synthesis.operator_choice import Moving, choose

    problem, tolerance = job.problem, method.tolerance
    assert tolerance is not None
    near = max(_NEARER * tolerance, 1e-12)
    exact = krylov.run(problem, h, krylov.Krylov(min(near, 1e-6)), saves.tolist(), lambda done, total: None)
    truth = [wave.reshape(-1) for _, wave, _ in exact][1:]

    def pieces(steps: int) -> list[np.ndarray]:
        """The ends of so many equal steps, cut at the saved times and where a schedule jumps."""
        return list(segments(ends_of_steps(h, steps, saves), saves))

    moving = Moving(lambda formula, steps: [sweeps(formula, h, piece) for piece in pieces(steps)], truth)
    return choose(
        h.num_qubits,
        synthesis.trotter.rows(h),
        lambda steps: [np.diff(piece).tolist() for piece in pieces(steps)],
        problem.initial.vector(problem.domain).reshape(-1),
        tolerance * (1 - _NEARER),
        method.optimise,
        moving,
    )


def _truncation_error(job: Job, plan: Program, formula: Formula) -> float:
    """Distance of the waves that the steps lead to with the whole loss and with the truncated one, in the 2-norm."""
    h = learning(job.h)
    assert plan.series is not None
    fewer = replace(h, zeta=plan.series.values().reshape(h.zeta.shape))
    whole, cut = (wave_after(job.problem, each, formula, plan.ends) for each in (h, fewer))
    return float(np.linalg.norm(whole - cut))


def _told(plan: Program, steps: int) -> dict[str, Any]:
    return {
        "steps": steps,
        "truncation_sup_error": plan.sup_error,
        "truncation_error_bound": plan.error_bound,
        **({} if plan.splitting is None else {"splitting": plan.splitting}),
        **({"networks": plan.networks} if plan.networks else {}),
    }


def potential_queries(run: Trajectory) -> int:
    """Potential factors of every circuit of a Trotter run times its shots, in the weight basis and in the dual one; 0 without samples."""
    problem, method = run.problem, run.method
    if run.counts is None or not isinstance(method, Trotter):
        return 0
    ends, total = _ends(run, method), 0
    for i, t in enumerate(run.times):
        until = ends[ends <= t * (1 + 1e-12)]
        every = factors(method.product_formula, until, problem.diffusion, problem.strength, problem.duration)
        shots = sum(counts[i].shots for counts in run.counts.values())
        total += shots * sum(f.kind != "K" and f.amount != 0 for f in every)
    return total


def _ends(run: Trajectory, method: Trotter) -> np.ndarray:
    """The ends of the steps of a run, cut at its times."""
    problem, times = run.problem, np.union1d(run.times, [0.0]).tolist()
    h = hamiltonian(problem)
    if not method.remainder or not isinstance(h, LearningHamiltonian):
        return boundaries(problem.duration, method.steps, times)
    rule = method.product_formula
    return synthesis.trotter.whole_steps(problem, h, rule, method.steps, times)


def trotter_of(method: Method | None, steps: int) -> Trotter:
    """``method`` where it is this one, whose order and truncation are to be kept, in equal steps; else the default one of so many."""
    return replace(method, remainder=False) if isinstance(method, Trotter) else Trotter(steps)
