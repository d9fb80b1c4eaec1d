"""From the waves of an exact engine to everything that a trajectory holds."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..base.errors import EdgeWeightWarning, MomentumTailWarning
from ..base.estimate import Estimate
from ..model.hamiltonian import LearningHamiltonian
from ..results.observables import (
    BEST_SAMPLES,
    best_of,
    combine_groups,
    edge_weight,
    momentum_tail,
    observe_counts,
    observe_states,
    pauli_groups,
    sample_states,
)
from ..results.sampling import draw
from .base import Job, Waves

_EDGE = 1e-4
_TAIL = 1e-3


def report_waves(job: Job, waves: Waves) -> dict[str, Any]:
    """Everything a trajectory holds, from the waves of an exact engine."""
    times, states = np.array(waves.times), np.array(waves.states)
    density = np.abs(states) ** 2
    density /= density.reshape(len(density), -1).sum(axis=1).reshape(-1, *[1] * job.problem.domain.ndim)
    answer: dict[str, Any] = {
        "times": times,
        "density": density,
        "states": states,
        "log_norm": np.array(waves.log_norm),
        "stop": waves.stop,
        "counts": None,
    }
    if waves.parameters:
        answer["parameters"] = _padded(waves.parameters)
    if job.shots is None:
        answer["expectations"] = observe_states(job.h, times, states, job.observables)
        from ..results.sampling import draw

        drawn = draw(density[-1], BEST_SAMPLES, job.seed(2, 0))
    else:
        answer.update(_sampled_report(job, waves, times, states))
        drawn = answer["counts"]["weight"][-1]
    answer["best"] = best_of(job.h, drawn, job.seed(2, 1))
    answer["diagnostics"] = {**waves.diagnostics, **_wave_diagnostics(job, states, np.abs(states) ** 2)}
    return answer


def _padded(rows: list[np.ndarray]) -> np.ndarray:
    """Parameters at the saved times in one array: those that an ansatz grew later stood at 0 before."""
    out = np.zeros((len(rows), max(map(len, rows))))
    for row, theta in zip(out, rows):
        row[: len(theta)] = theta
    return out


def _sampled_report(job: Job, waves: Waves, times: np.ndarray, states: np.ndarray) -> dict[str, Any]:
    """Draw the shots that a device would give, from exact probabilities."""

    assert job.shots is not None
    place = [int(np.argmin(np.abs(job.saves - t))) for t in times]
    counts = sample_states(job.h, states, job.shots, [(job.seed(0, i), job.seed(1, i)) for i in place])
    expectations = observe_counts(job.h, times.tolist(), counts, job.observables)
    operators = [(o.name, o.terms) for o in job.observables if o.terms is not None]
    if not isinstance(job.h, LearningHamiltonian):
        operators.insert(0, ("energy", job.h.terms))
    for number, (name, terms) in enumerate(operators):
        groups = pauli_groups(terms)
        rows = []
        for i, psi in zip(place, states):
            seeds = [job.seed(3, number, i, g) for g in range(len(groups))]
            drawn = [draw(g.probabilities(psi), job.shots, s) for g, s in zip(groups, seeds)]
            rows.append(combine_groups([g.estimate(c) for g, c in zip(groups, drawn)]))
        expectations[name] = Estimate(np.array([v for v, _ in rows]), np.array([e for _, e in rows]), job.shots)
    size, shape = job.problem.domain.size, job.problem.domain.shape
    density = np.array([c.histogram(size).reshape(shape) for c in counts["weight"]])
    return {"expectations": expectations, "counts": counts, "density": density}


def _wave_diagnostics(job: Job, states: np.ndarray, density: np.ndarray) -> dict[str, Any]:
    domain = job.problem.domain
    edge = edge_weight(domain, density)
    out: dict[str, Any] = {"edge_weight": edge, "norm": np.sqrt(density.reshape(len(density), -1).sum(axis=1))}
    moves = job.problem.diffusion.integral(0.0, job.problem.duration, job.problem.duration) > 0
    if isinstance(job.h, LearningHamiltonian) and moves:  # without diffusion no momentum matters
        duals = (np.abs(job.h.transform.forward(np.array(psi, dtype=complex))) ** 2 for psi in states)
        out["momentum_tail"] = np.array([momentum_tail(domain, dual) for dual in duals])
        if out["momentum_tail"].max() > max(_TAIL, 2 * out["momentum_tail"][0]):
            warnings.warn(
                f"The wave has {out['momentum_tail'].max():.1e} of its weight above 0.8 of the largest momentum: refine the grid.",
                MomentumTailWarning,
                stacklevel=4,
            )
    if edge.max() > max(_EDGE, 2 * edge[0]):
        warnings.warn(
            f"The wave has reached the edge of its box (weight {edge.max():.1e}): the order of a formula drops there.",
            EdgeWeightWarning,
            stacklevel=4,
        )
    return out
