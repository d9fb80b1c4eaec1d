"""Mini-batch learning on the real clock: product formulas whose potential factors each see a fresh batch of rows.

Potential factors are numbered along the formula; factors with no kinetic factor between them share a number and a batch, so that a
saved time between two half steps changes nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from .. import synthesis
from ..backends import Backend
from ..base.arguments import checks_arguments
from ..base.errors import EdgeWeightWarning, MethodError, MomentumTailWarning, integer, real, require
from ..base.options import renamed_option
from ..model.formulas import boundaries, by_order, factors, segments
from ..model.hamiltonians import LearningHamiltonian
from ..model.objectives.rows import batch_values, need_rows
from ..model.problem import Problem
from .base import LOSSES, Answer, Facts, Job, Stream, Work, check_facts, circuit_seed
from .draws import averaged, check_draws
from .from_samples import Planned, batches, longest_moments
from .from_samples import run as run_sampled
from .from_waves import Waves, report_waves
from .memory import of_answers, of_circuits, of_waves
from .split_step import SplitStep

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


@renamed_option("circuits", "draws")
@dataclass(frozen=True)
class MiniBatch:
    """Stochastic gradient descent as circuits: every potential factor of a product formula sees a fresh mini-batch. Real clock.

    The factor ``exp(-i a zeta)`` becomes ``exp(-i a zeta_B)`` with the mean loss of a batch B of rows drawn anew: as many gates, of
    the same kind, and no more depth. The average over the batches is a channel: up to ``O(a^3)`` the full loss and a dephasing of
    every coherence, ``exp(-(a^2 / 2) Var_B[zeta_B(w) - zeta_B(w')])``, which is the Lindblad term
    ``-(v/2) sum_ww' C(w, w') [n_w, [n_w', rho]]`` with C the covariance of the rows' losses, ``n_w = |w><w|`` and
    ``v = (a / batch_size) (1 - (batch_size - 1) / (rows - 1))`` (without the last factor where rows may repeat). For losses
    linear in w it is a diffusion of momenta, ``d Var(p) / dt = v Var(slope)``. Derived here; compare Lindblad, Commun. Math. Phys. 48, 119
    (1976), and for the noise of batches Li, Tai, E, J. Mach. Learn. Res. 20, 40 (2019), arXiv:1811.01558.

    The answer is the average over ``draws`` of them, and its errors are those between them: infinite for one draw of batches that differ.

    Args:
        steps: equal steps over the duration.
        batch_size: rows in each batch.
        order: of the formula: 1, 2 or 4. In order 2 neighbouring half steps are one factor and share one batch.
        draws: how many are averaged; shots are shared out among them.
        replacement: whether a row may stand in a batch twice.
        truncation: allowed error of each draw's final state in the 2-norm from leaving out small Walsh terms.
        classical: run the same batches with the split-operator method instead, for the same states.
        seed: of the batches; None: the seed of the run.

    Raises:
        MethodError: an option is out of its range.
    """

    steps: int
    batch_size: int
    order: int = 2
    draws: int = 20
    replacement: bool = False
    truncation: float = 0.0
    classical: bool = False
    seed: int | None = None

    name: ClassVar[str] = "mini_batch"

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", integer(self.steps, "steps", 1, 10**7, MethodError))
        object.__setattr__(self, "batch_size", integer(self.batch_size, "batch_size", 1, 10**9, MethodError))
        known = isinstance(self.order, int) and not isinstance(self.order, bool) and self.order in (1, 2, 4)
        require(known, "order", "be 1, 2 or 4", self.order, MethodError)
        for name in ("replacement", "classical"):
            require(isinstance(getattr(self, name), bool), name, "be True or False", getattr(self, name), MethodError)
        real(self.truncation, "truncation", nonnegative=True, error=MethodError)
        check_draws(self.draws, self.seed)

    def facts(self) -> Facts:
        """The real clock, losses that are means over rows; the order is that of the formula around one batch."""
        runs_on: Literal["classical", "backend"] = "classical" if self.classical else "backend"
        return Facts(
            frozenset({"real"}), LOSSES, runs_on, self.order, "expectation", steps=self.steps, callback="never"
        )

    def check(self, problem: Problem, backend: Backend | None) -> None:
        """Refuse what the facts exclude, losses that are no means over rows, and batches larger than the data."""
        check_facts(self, problem)
        checked(problem, self)

    def run(self, job: Job) -> Answer:
        """Average over the random circuits, or over split steps with the same batches where it runs classically."""
        return _run(job, self)

    def circuits(self, job: Job) -> list[QuantumCircuit]:
        """The random circuits: all of the first saved time, then all of the next."""
        times = np.union1d(job.saves, [0.0]).tolist()
        every = [_pieces(job, self, c, times)[0] for c in range(self.draws)]
        return [_until(pieces, times.index(t)) for t in job.saves.tolist() for pieces in every]

    def work(self, job: Job) -> Work:
        """Circuits of all draws, which share the shots; or the transforms of the split steps.

        Angles that vanish, or are small where ``truncation`` leaves them out, are others in each draw, and so are the gates.
        """
        domain = job.problem.domain
        if self.classical:
            transforms = 2 * self.draws * self.steps * {1: 1, 2: 1, 4: 5}[self.order]
            return Work(
                domain.num_qubits, of_waves(job, 120) + of_answers(job, self.draws), transforms=transforms, asks=None
            )
        times = np.union1d(job.saves, [0.0]).tolist()
        every_draw = (_pieces(job, self, c, times)[0] for c in range(self.draws))
        programs, each = longest_moments(job, (_until(pieces, len(times) - 1) for pieces in every_draw))
        every, qubits, shots = each * len(job.saves), programs[-1].num_qubits, job.shots or 0
        share = -(-shots // self.draws) if shots else None
        memory = of_circuits(job, qubits, programs[-1].size()) + of_answers(job, self.draws)
        drawn = self.seed is None and not job.seeded
        sent = (every * self.draws, every * shots, tuple(programs))
        return Work(
            qubits,
            memory,
            *sent,
            bound=drawn,
            samples=share,
            sent=self.draws * batches(job, each, len(job.saves)),
            asks=None,
        )

    def refined(self) -> MiniBatch:
        """Twice the steps."""
        return replace(self, steps=2 * self.steps)

    def without_encoding(self) -> SplitStep:
        """The split-operator method on the full loss."""
        return SplitStep(self.steps, self.order)


@dataclass(frozen=True)
class Part:
    """One factor: ``exp(-i amount zeta_B)`` with batch number ``batch``, or the kinetic factor where that is None."""

    amount: float
    batch: int | None


def _run(job: Job, method: MiniBatch) -> Answer:
    """The average over the draws; an interrupt keeps the draws that are done."""
    count = method.draws
    if job.shots is not None and job.shots < count:
        raise MethodError(
            f"Argument `shots` must be at least the {count} circuits they are shared by, but is {job.shots}."
        )
    answers: list[Answer] = []
    gates: list[int] = []
    errors: list[float] = []
    stop = ""
    for c in range(count):
        shots = None if job.shots is None else job.shots // count + (c < job.shots % count)
        branch = replace(job, branch=(Stream.MINI_BATCH, c), callback=None, shots=shots)
        try:
            with warnings.catch_warnings():
                if c:  # the first draw has said it
                    warnings.simplefilter("ignore", EdgeWeightWarning)
                    warnings.simplefilter("ignore", MomentumTailWarning)
                answers.append(_draw(branch, method, c, gates, errors))
        except KeyboardInterrupt:
            if not answers:
                raise
            stop = f"Interrupted from the keyboard after {len(answers)} of {count} draws; kept what was done."
            break
        if job.callback is None:
            job.progress(c + 1, count)
    left = noise(job.problem, method)
    many = need_rows(job.problem.objective).count > 1 and left > 0
    out, spread = averaged(answers, job, [many and t > 0 for t in job.saves.tolist()])
    facts: dict[str, Any] = {"circuits": len(answers), "between_circuits": spread, "noise": left}
    if stop:
        facts["interrupted"] = True
    if gates:
        facts |= {"gates": float(np.mean(gates)), "truncation_error_bound": max(errors)}
    stop = stop or (
        f"Reached the end of the duration, {job.saves[-1]:g}. Averaged over {count} draws of mini-batches of "
        f"{method.batch_size} of {need_rows(job.problem.objective).count} rows."
    )
    return replace(out, stop=stop, diagnostics={**out.diagnostics, **facts})


@checks_arguments
def noise(problem: Problem, method: MiniBatch) -> float:
    """``v`` of the dephasing, in units of time: ``dt / batch_size``, times ``1 - (batch_size - 1) / (rows - 1)`` without replacement.

    >>> from qml_dynamics import Grid, Problem
    >>> from qml_dynamics.model.objectives import from_rows
    >>> loss = from_rows(lambda w, index: w * np.array([1.0, 2.0, 3.0])[index], 3)
    >>> noise(Problem(Grid((-1, 1), 3), loss, 0.5, clock="real", duration=1.0), MiniBatch(10, 2))
    0.025
    """
    return problem.duration / method.steps * share(need_rows(problem.objective).count, method)


def share(rows: int, method: MiniBatch) -> float:
    """Variance of the mean over a batch, over that of a single row."""
    b = method.batch_size
    return 1 / b if method.replacement else (rows - b) / (max(rows - 1, 1) * b)


@checks_arguments
def draw_batches(
    problem: Problem, method: MiniBatch, circuit: int, count: int, seed: int | Sequence[int] | None
) -> list[np.ndarray]:
    """The first ``count`` batches of one circuit: arrays of row numbers; ``seed`` is that of the run.

    >>> from qml_dynamics import Grid, Problem
    >>> from qml_dynamics.model.objectives import from_rows
    >>> loss = from_rows(lambda w, index: w * index, 5)
    >>> p = Problem(Grid((-1, 1), 3), loss, 0.5, clock="real", duration=1.0)
    >>> [len(set(b.tolist())) for b in draw_batches(p, MiniBatch(4, 3), 0, 2, 7)]
    [3, 3]
    """
    rows = need_rows(problem.objective).count
    rng = np.random.default_rng(circuit_seed(seed if method.seed is None else method.seed, Stream.MINI_BATCH, circuit))
    return [rng.choice(rows, method.batch_size, replace=method.replacement) for _ in range(count)]


def parts(problem: Problem, method: MiniBatch, times: Sequence[float]) -> list[list[Part]]:
    """The factors from each time to the next, in the order in which they act."""
    p, formula = problem, by_order(method.order)
    ends = boundaries(p.duration, method.steps, times)
    number, out = 0, []
    for piece in segments(ends, times):
        row = []
        for factor in factors(formula, piece, p.diffusion, p.strength, p.duration):
            kinetic = factor.kind == "K"
            row.append(Part(factor.amount, None if kinetic else number))
            number += kinetic
        out.append(row)
    return out


def checked(problem: Problem, method: MiniBatch) -> MiniBatch:
    """The method, if the problem has rows and, without replacement, at least a batch of them.

    Raises:
        ProblemError: the loss is no mean over rows.
        MethodError: a batch is larger than the data.
    """
    rows = need_rows(problem.objective).count
    if not method.replacement:
        require(method.batch_size <= rows, "batch_size", f"be at most the {rows} rows", method.batch_size, MethodError)
    return method


def _draw(job: Job, method: MiniBatch, c: int, gates: list[int], errors: list[float]) -> Answer:
    """The answer of one draw."""
    times = np.union1d(job.saves, [0.0]).tolist()
    shape = job.problem.domain.shape
    if method.classical:
        every: Iterator[np.ndarray] | list[np.ndarray] = _split(job, method, c, times)
    else:
        pieces, error = _pieces(job, method, c, times)
        gates.append(sum(piece.size() for piece in pieces[1:]))
        errors.append(error)
        if not job.can.exact:
            return run_sampled(job, Planned([_until(pieces, times.index(t)) for t in job.saves.tolist()], {}))
        every = job.device.states(pieces, lambda done, total: None)
    waves = [wave[: job.problem.domain.size].reshape(shape) for wave in every]  # ancillas of walls are back in 0
    kept = [wave for t, wave in zip(times, waves) if t in job.saves]
    return report_waves(job, Waves(job.saves.tolist(), kept, [0.0] * len(kept), "", {}))


def _losses(job: Job, method: MiniBatch, c: int, plan: list[list[Part]]) -> Iterator[list[tuple[float, Any]]]:
    """For each piece the pairs (amount, values of the batch's loss, or None for the kinetic factor)."""
    last = max((part.batch for row in plan for part in row if part.batch is not None), default=-1)
    batches = draw_batches(job.problem, method, c, last + 1, job.entropy)
    seen: tuple[int | None, np.ndarray | None] = (None, None)
    for row in plan:
        out: list[tuple[float, Any]] = []
        for part in row:
            if part.batch is not None and part.batch != seen[0]:
                values = batch_values(job.problem.objective, job.problem.domain, batches[part.batch])  # type: ignore[arg-type]
                seen = (part.batch, values)
            out.append((part.amount, None if part.batch is None else seen[1]))
        yield out


def _split(job: Job, method: MiniBatch, c: int, times: Sequence[float]) -> Iterator[np.ndarray]:
    """The waves of the split-operator method at the times."""
    h = job.h
    assert isinstance(h, LearningHamiltonian)
    psi = job.problem.initial.vector(job.problem.domain).astype(complex)
    yield psi.reshape(-1).copy()
    for row in _losses(job, method, c, parts(job.problem, method, times)):
        for amount, values in row:
            if values is None:
                psi = h.transform.inverse(h.transform.forward(psi) * np.exp(-1j * amount * h.dual))
            else:
                psi = psi * np.exp(-1j * amount * values.reshape(psi.shape))
        yield psi.reshape(-1).copy()


def _pieces(job: Job, method: MiniBatch, c: int, times: Sequence[float]) -> tuple[list[QuantumCircuit], float]:
    """The preparation and the circuits from each time to the next of draw ``c``, and the bound of the truncation."""
    plan = parts(job.problem, method, times)
    diagonals = sum(part.batch is not None for row in plan for part in row)
    factory = synthesis.trotter.Factory(job.problem.domain, method.truncation / max(1, diagonals))
    pieces = [synthesis.states.prepare(job.problem.initial, job.problem.domain)]
    pieces += [factory.piece(row) for row in _losses(job, method, c, plan)]
    return pieces, factory.error


def _until(pieces: Sequence[QuantumCircuit], index: int) -> QuantumCircuit:
    circuit = pieces[0].copy()
    for piece in pieces[1 : index + 1]:
        circuit.compose(piece, inplace=True)
    return circuit
