"""Running mini-batch learning: drawing the batches, and circuits and split steps on them.

Potential factors are numbered along the formula; factors with no kinetic factor between them share a number and a batch, so that a
saved time between two half steps changes nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.errors import EdgeWeightWarning, MethodError, MomentumTailWarning, require
from ..model.formulas import boundaries, by_order, factors, segments
from ..model.hamiltonian import LearningHamiltonian
from ..model.objectives.rows import batch_values, need_rows
from ..model.problem import Problem
from .answer import report_waves
from .base import Job, Waves, circuit_seed
from .from_samples import Planned
from .from_samples import run as run_sampled
from .randomised import averaged
from .randomised_methods import MiniBatch

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_KEY = 6  # of this file's seeds


@dataclass(frozen=True)
class Part:
    """One factor: ``exp(-i amount zeta_B)`` with batch number ``batch``, or the kinetic factor where that is None."""

    amount: float
    batch: int | None


def run(job: Job) -> dict[str, Any]:
    """Everything a trajectory holds, averaged over the draws; an interrupt keeps the draws that are done."""
    method, count = checked(job.problem, job.method), job.method.circuits
    if job.shots is not None and job.shots < count:
        raise MethodError(
            f"Argument `shots` must be at least the {count} circuits they are shared by, but is {job.shots}."
        )
    answers: list[dict[str, Any]] = []
    gates: list[int] = []
    errors: list[float] = []
    stop = ""
    for c in range(count):
        shots = None if job.shots is None else job.shots // count + (c < job.shots % count)
        branch = replace(job, branch=(_KEY, c), callback=None, shots=shots)
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
    out, spread = averaged(answers, job.shots)
    facts = {"circuits": len(answers), "between_circuits": spread, "noise": noise(job.problem, method)}
    if stop:
        facts["interrupted"] = True
    if gates:
        facts |= {"gates": float(np.mean(gates)), "truncation_error_bound": max(errors)}
    out["diagnostics"] = {**out["diagnostics"], **facts}
    out["stop"] = stop or (
        f"Reached the end of the duration, {job.saves[-1]:g}. Averaged over {count} draws of mini-batches of "
        f"{method.batch_size} of {need_rows(job.problem.objective).count} rows."
    )
    return out


def circuits(job: Job) -> list[QuantumCircuit]:
    """The random circuits: all of the first saved time, then all of the next."""
    method = checked(job.problem, job.method)
    times = np.union1d(job.saves, [0.0]).tolist()
    every = [_pieces(job, method, c, times)[0] for c in range(method.circuits)]
    return [_until(pieces, times.index(t)) for t in job.saves.tolist() for pieces in every]


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


def draw_batches(problem: Problem, method: MiniBatch, circuit: int, count: int, seed: Any) -> list[np.ndarray]:
    """The first ``count`` batches of one circuit: arrays of row numbers; ``seed`` is that of the run.

    >>> from qml_dynamics import Grid, Problem
    >>> from qml_dynamics.model.objectives import from_rows
    >>> loss = from_rows(lambda w, index: w * index, 5)
    >>> p = Problem(Grid((-1, 1), 3), loss, 0.5, clock="real", duration=1.0)
    >>> [len(set(b.tolist())) for b in draw_batches(p, MiniBatch(4, 3), 0, 2, 7)]
    [3, 3]
    """
    rows = need_rows(problem.objective).count
    rng = np.random.default_rng(circuit_seed(seed if method.seed is None else method.seed, _KEY, circuit))
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


def _draw(job: Job, method: MiniBatch, c: int, gates: list[int], errors: list[float]) -> dict[str, Any]:
    """The answer of one draw."""
    times = np.union1d(job.saves, [0.0]).tolist()
    shape = job.problem.domain.shape
    if method.classical:
        every: Iterator[np.ndarray] | list[np.ndarray] = _split(job, method, c, times)
    else:
        pieces, error = _pieces(job, method, c, times)
        gates.append(sum(piece.size() for piece in pieces[1:]))
        errors.append(error)
        assert job.backend is not None
        if not job.backend.exact:
            return run_sampled(job, Planned([_until(pieces, times.index(t)) for t in job.saves.tolist()], {}))
        every = job.backend.states(pieces, lambda done, total: None)
    waves = [wave[: job.problem.domain.size].reshape(shape) for wave in every]  # ancillas of walls are back in 0
    kept = [wave for t, wave in zip(times, waves) if t in job.saves]
    return report_waves(job, Waves(job.saves.tolist(), kept, [0.0] * len(kept), "", {}))


def _losses(job: Job, method: MiniBatch, c: int, plan: list[list[Part]]) -> Iterator[list[tuple[float, Any]]]:
    """For each piece the pairs (amount, values of the batch's loss, or None for the kinetic factor)."""
    last = max((part.batch for row in plan for part in row if part.batch is not None), default=-1)
    batches = draw_batches(job.problem, method, c, last + 1, job.seeds.entropy)
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
    from ..synthesis.minibatch import Factory
    from ..synthesis.states import prepare

    plan = parts(job.problem, method, times)
    diagonals = sum(part.batch is not None for row in plan for part in row)
    factory = Factory(job.problem.domain, method.truncation / max(1, diagonals))
    pieces = [prepare(job.problem.initial, job.problem.domain)]
    pieces += [factory.piece(row) for row in _losses(job, method, c, plan)]
    return pieces, factory.error


def _until(pieces: Sequence[QuantumCircuit], index: int) -> QuantumCircuit:
    circuit = pieces[0].copy()
    for piece in pieces[1 : index + 1]:
        circuit.compose(piece, inplace=True)
    return circuit
