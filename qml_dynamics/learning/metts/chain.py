"""`Chain`: the samples of evolve, measure, restart, beside the law that they must follow."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...base.archive import of, reading
from ...base.arguments import checks_arguments, checks_arguments_but
from ...base.codec import from_before, in_full, method_from_spec, with_tuples
from ...base.differing import array_differences, differences
from ...base.errors import ProblemError, describe, line, one_of, real, require
from ...base.estimate import Estimate, error_of_mean
from ...base.options import handed
from ...base.printing import WIDTH, cut
from ...base.registry import SPACES, at
from ...methods.base import Method
from ...methods.gate import check_law, check_numbers
from ...model.domains import Domain
from ...model.objectives.prepared import model_spec, refuse_without_model, with_model
from ...model.objectives.scores import gives_numbers
from ...model.objectives.tables import from_table
from ...model.pauli import PauliSum
from ...model.problem import Problem, at_time, loss_table, still_operator
from ...model.schedules import Constant
from ...model.spec import describe_domain, describe_method
from ...results.members import Predicting
from ...results.predictions import WEIGHTS, Chosen, Law, Predictor, at_weights
from ...results.rare import neighbours_of, unseen_change
from ...results.stored import as_json, read_result, write_result
from ...results.trajectory import Best
from .statistics import error_of_chain


@dataclass(frozen=True, eq=False)
class Chain(Predicting):
    """What :func:`qml_dynamics.metts` returns.

    Attributes:
        samples: weights after burn-in, shape ``(samples, ndim)``, step by step and within a step walker by walker.
        stationary: the exact law ``<w|e^{-2 tau H}|w> / Z``, shape ``domain.shape`` (population reading: ``u_tau``); None where the
            domain is too large to know it.
        effective_sample_size: the least over the loss and all weights.
        detailed_balance: ``<f(x) g(y) - g(x) f(y)>`` with its error, infinite for too few samples to know it; 0 for a reversible chain.
        index: flat indices of the points, shape ``(steps, walkers)``.
        reading: ``"born"`` (``beta = 2 tau``) or ``"population"`` (``beta = tau``).
        beta, tau: inverse temperature, and the imaginary time between measurements.
        collapse: ``"weight"`` or ``"alternate"``.
        best: the best weights among the samples, beside the best of as many uniform ones.
        success_probability: share of the shots that was kept (circuits only).
        diagnostics: effective sizes and R of every function, steps, burn-in, walkers, shots.
        stop: in a sentence, why the chain ended.
        problem, method, provenance: what was run.
        energy: of an operator: its thermal energy, with room in its error for a start that was not visited; None for a loss, and where
            an interrupt or an error came before it was known, as :attr:`stop` says.
    """

    samples: np.ndarray
    stationary: np.ndarray | None
    effective_sample_size: float
    detailed_balance: Estimate
    index: np.ndarray
    reading: str
    beta: float
    tau: float
    collapse: str
    best: Best | None
    problem: Problem
    method: Any
    success_probability: Estimate | None = None
    diagnostics: Mapping[str, Any] = field(default_factory=dict)
    stop: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    energy: Estimate | None = None

    def __post_init__(self) -> None:
        if self.stationary is not None:
            object.__setattr__(self, "stationary", check_law(self.stationary, "tau"))
        balance, numbers = (
            self.detailed_balance,
            {"a sample": self.samples, "detailed balance": self.detailed_balance.value},
        )
        if not np.isposinf(balance.stderr):  # of too few samples to know it
            numbers["its error"] = balance.stderr
        check_numbers({**numbers, "the effective sample size": self.effective_sample_size}, "tau")

    @property
    def errors_are_lower_bounds(self) -> bool:
        """Whether the chain is worth fewer than 100 independent samples: a well with a tenth of the weight may hold too few of them, or
        none, for an error to tell (two errors of 37 to 55 held 0.86 to 0.94 of the truths, depending on the wells)."""
        return self.effective_sample_size < FEW

    @checks_arguments
    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the chain to one ``.npz`` file, whole or not at all; :meth:`load` reads it back to the bit."""
        parts = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("problem", "method")}
        parts |= {name: as_json(parts[name]) for name in ("provenance", "diagnostics")}
        parts |= {"domain": as_json(describe_domain(self.problem.domain)), "method": as_json(_said(self.method))}
        objective = self.problem.objective
        parts |= {
            "table": _table(self.problem),
            "name": None if objective is None else objective.name,
            "model": None if objective is None else as_json(model_spec(objective)),
            "operator": objective is None,
        }
        for name in ("diffusion", "strength"):
            parts[name] = getattr(self.problem, name).value(0.0, self.tau)
        return write_result(path, KIND, parts)

    @classmethod
    @checks_arguments
    def load(cls, path: str | os.PathLike[str], problem: Problem | None = None, time: float | None = None) -> Chain:
        """What :meth:`save` wrote, or ``metts(folder=...)`` as ``chain.npz``.

        Args:
            path: the file.
            problem: its domain, its loss or operator, and at ``time`` its diffusion and strength must be those of the chain, which are
                compared to 1e-9; the diffusion is that of ``metts(diffusion=)`` where it was given. None: the loss is the table of its
                values that the file holds, with its model on data; a file holds no functions.
            time: that of :func:`~qml_dynamics.metts`; None: 0, which a problem whose terms have schedules of their own does not take.

        Raises:
            ProblemError: the file is no saved chain, was damaged or changed, or is of another domain, loss, diffusion or strength.
        """
        require(time is None or problem is not None, "time", "be left out without a problem", time)
        held = None if problem is None else at_time(problem, time)
        parts = read_result(path, KIND)
        with reading(f"Argument `path` must be a saved {KIND}, but {path} is not"):
            there = {name: parts.pop(name) for name in ("domain", "table", "method", "diffusion", "strength")}
            there |= {
                name: parts.pop(name, None) for name in ("name", "model", "operator")
            }  # absent in earlier versions
            problem = _stored_problem(there) if held is None else _same_problem(held, there)
            parts.setdefault("energy", None)
            of(parts["energy"], (Estimate, type(None)), "energy")
            names = [f.name for f in fields(cls) if f.name not in ("problem", "method")]
            require(sorted(parts) == sorted(names), "path", f"hold {', '.join(names)}", ", ".join(parts))
            index, tau = of(parts["index"], np.ndarray, "index"), real(parts["tau"], "tau", positive=True)
            inside = index.ndim == 2 and index.dtype.kind in "iu" and index.size > 0
            inside = inside and index.min() >= 0 and index.max() < problem.domain.size
            require(inside, "path", f"hold places below {problem.domain.size} a walker and step", "others")
            d, s = (Constant(real(there[name], name)) for name in ("diffusion", "strength"))
            still = problem.replace(clock="imaginary", duration=tau, diffusion=d, strength=s)
            samples = of(parts["samples"], np.ndarray, "samples")
            fits = samples.shape == (len(samples), problem.domain.ndim) and 0 < len(samples) <= index.size
            require(fits, "path", f"hold samples of {problem.domain.ndim} weights", f"of shape {samples.shape}")
            made = cls(**parts, problem=still, method=_method(there["method"]))  # type: ignore[arg-type]
        return made

    @property
    def density(self) -> np.ndarray:
        """Frequencies of the points, shape ``domain.shape``."""
        domain = self.problem.domain
        counts = np.bincount(self.index.reshape(-1)[: len(self.samples)], minlength=domain.size)
        out: np.ndarray = (counts / counts.sum()).reshape(domain.shape)
        return out

    @property
    def total_variation(self) -> float | None:
        """Distance of the samples from the exact law; compare it with :attr:`expected_total_variation`."""
        return None if self.stationary is None else 0.5 * float(np.abs(self.density - self.stationary).sum())

    @property
    def expected_total_variation(self) -> float | None:
        """What as many independent samples as the effective size would show: ``sum sqrt(p (1 - p) / (2 pi n))``."""
        if self.stationary is None:
            return None
        p = self.stationary
        return float(np.sqrt(p * (1 - p) / (2 * np.pi * self.effective_sample_size)).sum())

    def mean(self, function: Callable[[np.ndarray], np.ndarray]) -> Estimate:
        """The mean of a function of weights ``(m, ndim) -> (m,)``, its error from the means of walkers or of blocks of them.

        An outcome that was not seen has room in the error: two of it among as many samples as the effective size. Of few samples the
        error is a lower bound (:attr:`errors_are_lower_bounds`): wells that no walker has visited are unknown to it.
        """
        domain = self.problem.domain

        def at(index: np.ndarray) -> np.ndarray:
            """The function's values at grid points given by their index."""
            return _of_samples(function, domain.points_at(index))

        values = at(self.index.reshape(-1)).reshape(self.index.shape)
        seen, counts = np.unique(self.index, return_counts=True)
        unseen = unseen_change(seen, counts, neighbours_of(domain, int(seen[int(np.argmax(counts))])), at)
        floor = error_of_mean(0.0, 0.0, max(self.effective_sample_size, 1.0), unseen)
        return Estimate(float(values.mean()), max(error_of_chain(values), float(floor)), self.index.size)

    @checks_arguments_but("weights")
    def predictor(
        self, weights: Chosen | None = None, reading: str | None = None, time: float | None = None
    ) -> Predictor:
        """Its samples are draws of a posterior over weights; ``"best"`` is the best of them."""
        objective, domain = refuse_without_model(self.problem.objective), self.problem.domain
        must = f"be left out for a chain, whose samples are in the {self.reading} reading and of no time"
        for name, value in (("reading", reading), ("time", time)):
            require(value is None, name, must, value)
        weights = "mean" if weights is None else weights
        if isinstance(weights, str) and one_of(weights, "weights", WEIGHTS) == "best":
            require(self.best is not None, "weights", "be 'mean' or 'vote' for a chain without a best sample", weights)
            assert self.best is not None
            weights = self.best.weights
        if not isinstance(weights, str):
            return at_weights(objective, weights, domain.ndim)
        distinct, counts = np.unique(self.index.reshape(-1)[: len(self.samples)], return_counts=True)
        return Predictor(objective, Law(domain.points_at(distinct), counts / counts.sum()), weights == "vote")

    def _scored_by(self) -> Chosen:
        """The majority of all samples; of a regressor, which has none, their mean."""
        objective = self.problem.objective
        return "mean" if objective is not None and gives_numbers(objective.model) else "vote"

    def __str__(self) -> str:
        domain, d = self.problem.domain, self.diagnostics
        law = "not known at this size"
        if self.stationary is not None:
            law = f"total variation {self.total_variation:.3g} ({self.expected_total_variation:.3g} expected of independent ones)"
        kept = "" if self.success_probability is None else f"; success probability {self.success_probability}"
        return cut(
            "\n".join(
                (
                    f"{len(self.samples)} samples of {d.get('walkers')} walkers, {self.collapse} collapse, "
                    f"{self.provenance.get('backend') or 'classical'}{kept}",
                    f"domain: {' x '.join(map(str, domain.shape))} points; reading: {self.reading}, tau = {self.tau:g}, "
                    f"beta = {self.beta:g}",
                    f"effective sample size: {self.effective_sample_size:.1f}"
                    + f" (fewer than {FEW}: errors are lower bounds)" * self.errors_are_lower_bounds,
                    f"detailed balance: {self.detailed_balance} (0 for a reversible chain)",
                    f"against the exact law: {law}",
                    f"best: {self.best or 'no objective'}" if self.energy is None else f"energy: {self.energy}",
                    f"stop: {line(self.stop, WIDTH - 6)}",
                )
            )
        )

    __repr__ = __str__


def _of_samples(function: Callable[[np.ndarray], np.ndarray], points: np.ndarray) -> np.ndarray:
    """A person's function at points: a finite real number for each, or :class:`ProblemError`."""
    must = f"give a finite real number for each of the points, shape ({len(points)},)"
    try:
        found = np.asarray(handed(function, points))
    except Exception as error:  # of any kind: the person's own
        raise ProblemError(f"Argument `function` must {must}, but fails: {line(repr(error))}.") from error
    require(found.shape == (len(points),), "function", must, f"of shape {found.shape}")
    ok = found.dtype.kind in "biuf" and bool(np.isfinite(found).all())
    require(ok, "function", must, f"of type {found.dtype} with {describe(found[0])}")
    return found.astype(float)


KIND = "chain"
FEW = 100  # independent samples, below which errors are lower bounds
_WAS = "the chain was made with"


def _table(problem: Problem) -> np.ndarray:
    """What a chain was drawn of: the loss on all points; of an operator masks and coefficients, a row a term."""
    if problem.operator is not None:
        terms = still_operator(problem)
        return np.array([terms.x, terms.z, terms.coefficients], dtype=float).T
    assert problem.objective is not None
    return loss_table(problem)


def _same_problem(problem: Problem, there: Mapping[str, object]) -> Problem:
    """A problem that was given again; raises :class:`ProblemError` where it is not that of the chain."""
    differ = differences({"domain": as_json(describe_domain(problem.domain))}, {"domain": there["domain"]}, was=_WAS)
    if not differ:
        what = "loss" if problem.operator is None else "operator"
        stored = of(there["table"], np.ndarray, "table")
        differ = array_differences({what: _table(problem)}, {what: stored}, was=_WAS)
    if not differ:
        rates = ("diffusion", "strength")
        now = {name: float(getattr(problem, name).value(0.0, problem.duration)) for name in rates}
        differ = differences(now, {name: real(there[name], name) for name in rates}, was=_WAS)
    if differ:
        raise ProblemError(f"Argument `problem` must be that of the chain, but its {'; '.join(differ[:3])}.")
    return problem


def _stored_problem(there: Mapping[str, object]) -> Problem:
    """A problem whose loss is the table of the file, with the model on data that the file describes; or its operator."""
    options = dict(of(there["domain"], dict, "domain"))
    space = at(SPACES[one_of(options.pop("kind", ""), "kind", SPACES)])
    domain: Domain = space(**with_tuples(space, options))
    table = of(there["table"], np.ndarray, "table")
    if there["operator"]:
        x, z = (table[:, k].astype(np.int64) for k in (0, 1))
        return Problem.from_operator(PauliSum(domain.num_qubits, x, z, table[:, 2]), clock="imaginary", duration=1.0)
    loss = from_table(table, domain)
    if there["model"] is not None:
        loss = with_model(loss, of(there["model"], dict, "model"), domain.ndim)
    named = replace(loss, name=of(there["name"], str, "name")) if there["name"] is not None else loss
    return Problem(domain, named, 1.0, clock="imaginary", duration=1.0)


def _said(method: Method | str | None) -> Any:
    return None if method is None else in_full(describe_method(method))


def _method(said: object) -> Any:
    """The method; of one of a person's own the text that was stored of it."""
    if not isinstance(said, dict):
        return None
    return said.get("repr") if said.get("kind") == "custom" else method_from_spec(from_before(said))
