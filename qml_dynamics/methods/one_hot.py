"""Product formulas on one-hot grids: what is refused there, and samples kept where every axis has one excitation.

Hops keep the number of excitations, so an outcome with another number on an axis is an error of the device that is seen for
nothing: it is thrown away. The share that is kept is ``diagnostics["success_probability"]``, the rest ``"leaked_weight"``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .. import synthesis
from ..backends import Backend, capabilities
from ..base.errors import MethodError, require
from ..base.estimate import Estimate, share_error
from ..model.domains import Domain, Grid
from ..model.formulas import Formula
from ..model.problem import Problem
from ..results.trajectory import Counts
from .base import Answer, Job, Stream


def is_one_hot(domain: Domain) -> bool:
    """Whether each point of an axis is a qubit of it.

    >>> is_one_hot(Grid((0, 1), points=4, encoding="onehot"))
    True
    """
    return isinstance(domain, Grid) and domain.encoding == "onehot"


def places(domain: Domain) -> np.ndarray | slice:
    """Where the points stand among the amplitudes of a circuit, the ancillas of walls in ``|0>``."""
    return domain.basis_states if isinstance(domain, Grid) and domain.encoding == "onehot" else slice(domain.size)


def check(problem: Problem, formula: Formula, truncation: float, backend: Backend | None) -> None:
    """Refuse what circuits on a one-hot grid do not do.

    Raises:
        ProblemError: no register holds the points.
        MethodError: small terms are to be left out, of which there are none; the formula is none for coefficients that move; or the
            backend estimates without throwing away what has leaked.
    """
    domain = problem.domain
    if not isinstance(domain, Grid) or domain.encoding == "binary":
        return
    require(domain.encoding == "onehot", "encoding", "be 'binary' or 'onehot' for circuits", domain.encoding)
    require(truncation == 0, "truncation", "be 0 on a one-hot grid, which has no Walsh terms", truncation, MethodError)
    synthesis.hops.check_formula(problem, formula)
    if backend is not None and capabilities(backend).estimates_losses:
        raise MethodError(
            "Argument `backend` must sample on a one-hot grid, where outcomes that leaked are thrown away, but "
            f"{backend.name} is asked for estimates of the loss."
        )


def kept_outcomes(
    job: Job, keys: Sequence[tuple[int, ...]], outcomes: Sequence[Counts]
) -> tuple[list[Counts], dict[str, Any]]:
    """The outcomes with one excitation an axis, and how many they are; all of them where the grid is not one-hot.

    Raises:
        MethodError: none is left of a circuit.
    """
    domain = job.problem.domain
    if not is_one_hot(domain):
        return list(outcomes), {}
    kept = [synthesis.measure.kept_counts(domain, counts) for counts in outcomes]
    for key, counts in zip(keys, kept):
        if counts.shots == 0:
            raise MethodError(
                f"Argument `shots` must be larger: of {job.shots} at t = {job.saves[key[1]]:g} none has one excitation an axis."
            )
    rows = {
        name: [c.shots for key, c in zip(keys, kept) if key[0] == stream]
        for name, stream in (("weight", Stream.WEIGHT), ("dual", Stream.DUAL))
    }
    sent = [c.shots for key, c in zip(keys, outcomes) if key[0] == Stream.WEIGHT]
    share = np.array(rows["weight"]) / np.array(sent)
    error = np.array([share_error(a / b, b) for a, b in zip(rows["weight"], sent)])
    return kept, {**_told(share), "success_stderr": error, "kept_shots": rows}


def kept_probabilities(
    job: Job, keys: Sequence[tuple[int, ...]], laws: Sequence[np.ndarray]
) -> tuple[list[np.ndarray], dict[str, Any]]:
    """Probabilities of outcomes with one excitation an axis, normalised, the others 0; and their share of all."""
    domain = job.problem.domain
    if not is_one_hot(domain):
        return list(laws), {}
    assert isinstance(domain, Grid)
    kept, shares = [], []
    for key, law in zip(keys, laws):
        only = np.zeros_like(law)
        only[domain.basis_states] = law[domain.basis_states]
        share = float(only.sum())
        require(share > 0, "backend", "leave one excitation an axis", f"of weight {share:g} there", MethodError)
        kept.append(only / share)
        if key[0] == Stream.WEIGHT:
            shares.append(share)
    return kept, _told(np.array(shares))


def _told(share: np.ndarray) -> dict[str, Any]:
    return {"success_probability": share, "leaked_weight": 1.0 - share}


def with_kept(answer: Answer, told: Mapping[str, Any], bases: Mapping[str, str]) -> Answer:
    """The answer with what is told of kept samples; each estimate says the fewest that it had at any saved time.

    Args:
        answer: of the kept samples.
        told: by :func:`kept_outcomes` or :func:`kept_probabilities`; empty where nothing is thrown away.
        bases: of each observable, ``"weight"`` or ``"dual"``.
    """
    if not told:
        return answer
    answer = replace(answer, diagnostics={**answer.diagnostics, **told})
    if "kept_shots" not in told:
        return answer
    least = {basis: min(row) for basis, row in told["kept_shots"].items()}
    least["both"] = min(least.values())
    of = {"energy": "both", "kinetic": "dual", "objective": "weight", **bases}
    kept = told["kept_shots"]["weight"][-1]
    share = told["success_probability"][-1]
    return replace(
        answer,
        stop=f"{answer.stop} Kept {kept:,} samples there, {share:.3g} of those taken: the others had leaked.",
        expectations={
            name: Estimate(found.value, found.stderr, least[of[name]]) for name, found in answer.expectations.items()
        },
    )
