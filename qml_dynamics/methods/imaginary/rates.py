"""Success probabilities and ``log_norm`` with their errors from numbers of kept samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...base.errors import MethodError
from ..base import Answer, Job
from .laws import pooled
from .selected import Forecast


def success_at(plan: Forecast, times: Sequence[float]) -> np.ndarray:
    """The predicted success probability at each time, from the nearest saved one, shape ``(len(times),)``."""
    return np.array([plan.success[int(np.argmin(np.abs(np.array(plan.saves) - t)))] for t in times])


def need_samples(kept: int, shots: int, time: float, success: float) -> None:
    """Raise :class:`MethodError` where no sample was kept, with the share that is."""
    if kept == 0:
        raise MethodError(
            f"Argument `shots` must be larger: none of {shots} was kept at tau = {time:g}, where {success:.1e} of them are."
        )


def with_success(
    job: Job,
    answer: Answer,
    plan: Forecast,
    times: Sequence[float],
    kept: Sequence[Sequence[int]],
    names: Sequence[str],
) -> Answer:
    """Success probability and ``log_norm`` from how many samples were kept, each with its error."""
    assert job.shots is not None
    rates = [pooled([row[i] for row in kept], [job.shots] * len(kept)) for i in range(len(times))]
    p, error = np.array([v for v, _ in rates]), np.array([e for _, e in rates])
    scale = np.array([log_scale(plan, t) for t in times])
    facts = {
        "success_probability": p,
        "success_stderr": error,
        "success_predicted": success_at(plan, times),
        "log_norm_stderr": 0.5 * error / p,
        "kept_shots": {name: list(row) for name, row in zip(names, kept)},
    }
    return replace(answer, log_norm=0.5 * np.log(p) + scale, diagnostics={**answer.diagnostics, **facts})


def log_scale(plan: Forecast, t: float) -> float:
    """``log_norm - log(success) / 2``: what the circuit takes away from every wave."""
    place = int(np.argmin(np.abs(np.array(plan.saves) - t)))
    least = float(plan.taken[place])
    if plan.register is not None:
        return -0.5 * float(np.log(plan.register.share)) - least
    assert plan.rule is not None
    return -plan.blocks[place] * float(np.log(plan.rule.m0)) - least
