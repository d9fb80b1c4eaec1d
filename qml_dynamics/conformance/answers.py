"""Checks of a trajectory: normalised and finite, equal to the dense propagator's answer, and of the order that is declared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..methods.base import Facts, Method
from ..results.trajectory import Trajectory
from .cells import Cell
from .oracles import Truth, solve

ROUNDING = 1e-9  # of sums over a few thousand operations on waves of unit norm
EXACT = 1e-8  # what a method without a step may miss: tolerances of the library's integrators, times their condition
VACUOUS = 1e-10  # an error below it is rounding, and has no order
SLOPE = (
    0.4  # how far a measured order may be from the declared one: higher powers of the step, and the cut at a saved time
)
SIGMAS = 5.0


class Fault(AssertionError):
    """A clause of the contract that does not hold; the sentence names the cell and the fault."""


def demand(holds: bool, cell: Cell, fault: str) -> None:
    """Raise :class:`Fault` with ``on CELL: FAULT`` unless it holds."""
    if not holds:
        raise Fault(f"{cell}: {fault}.")


def well_formed(cell: Cell, run: Trajectory, saves: Sequence[float], negative: float = 1e-12) -> None:
    """Saved times exact; density of its shape, finite, normalised, not negative; states of unit norm; log_norm of the clock.

    Args:
        negative: how far below zero the density may be (extrapolated ones are by their error).
    """
    shape = (len(saves), *cell.problem.domain.shape)
    demand(run.times.tolist() == list(saves), cell, f"the saved times are {run.times.tolist()}, not {list(saves)}")
    demand(run.density.shape == shape, cell, f"the density has shape {run.density.shape}, not {shape}")
    demand(bool(np.isfinite(run.density).all()), cell, "the density is not finite")
    least = float(run.density.min())
    demand(least >= -negative, cell, f"the density is negative ({least:.2g})")
    sums = run.density.reshape(len(saves), -1).sum(axis=1)
    demand(
        bool(np.abs(sums - 1).max() < ROUNDING), cell, f"the density is not normalised: it sums to {_worst(sums, 1)}"
    )
    demand(run.log_norm.shape == (len(saves),), cell, f"log_norm has shape {run.log_norm.shape}, not ({len(saves)},)")
    demand(bool(np.isfinite(run.log_norm).all()), cell, "log_norm is not finite")
    still = cell.clock == "imaginary" or not run.log_norm.any()
    demand(still, cell, f"log_norm must be 0 on this clock, but is {_worst(run.log_norm, 0)}")
    if run.states is not None:
        demand(run.states.shape == shape, cell, f"the states have shape {run.states.shape}, not {shape}")
        norms = np.linalg.norm(run.states.reshape(len(saves), -1), axis=1)
        demand(bool(np.abs(norms - 1).max() < ROUNDING), cell, f"the states are not of unit norm: {_worst(norms, 1)}")
    for name, estimate in run.expectations.items():
        fits = np.shape(estimate.value) == (len(saves),) and bool(np.isfinite(estimate.value).all())
        demand(fits, cell, f"the expectation of {name!r} is not finite at every saved time")


def _worst(values: np.ndarray, right: float) -> str:
    worst = float(values[int(np.abs(values - right).argmax())])
    return f"{worst:.6g}" if abs(worst - right) > 1e-5 else f"{right:g} + {worst - right:.2g}"


Quantity = tuple[str, str, Any]  # what it is, which order it stands for, its values


def quantities(run: Trajectory) -> list[Quantity]:
    """What a run answers: waves and norms, density, expectation values."""
    rows = len(run.times)
    out: list[Quantity] = []
    if run.states is not None:
        out.append(("the wave", "wave", run.states.reshape(rows, -1)))
        out.append(("log_norm", "wave", run.log_norm))
    out.append(("the density", "density", run.density.reshape(rows, -1)))
    out += [(f"the expectation of {n!r}", "expectation", np.asarray(e.value)) for n, e in run.expectations.items()]
    return out


def right_values(truth: Truth) -> dict[str, np.ndarray]:
    """The same of the dense propagator."""
    known = {"the wave": truth.states, "log_norm": truth.log_norm, "the density": truth.density}
    named = {f"the expectation of {n!r}": v for n, v in truth.expectations.items()}
    return {**{name: value for name, value in known.items() if value is not None}, **named}


def distance(name: str, a: np.ndarray, b: np.ndarray) -> float:
    """Waves: 2-norm up to a phase; densities: total variation; numbers: largest difference. The largest over the times."""
    if name == "the wave":
        overlap = np.einsum("ti,ti->t", a.conj(), b)
        turned = a * np.where(np.abs(overlap) > 0, overlap / np.maximum(np.abs(overlap), 1e-300), 1.0)[:, None]
        return float(np.linalg.norm(turned - b, axis=1).max())
    if name == "the density":
        return float(0.5 * np.abs(a - b).sum(axis=1).max())
    return float(np.abs(a - b).max())


def agrees(cell: Cell, method: Method, runs: Sequence[Trajectory], truth: Truth, encoding: float) -> None:
    """The answer, that of the refined method, and that of the method refined twice, against the dense propagator.

    What the finest one may miss is read from the runs: a method of order p whose step is halved moves by ``2^p - 1`` times the error
    that is left. Twice that is allowed for the quantity of the declared order, three times it or four times the move for the others (an
    energy may have a higher order than its wave), and beside it ``encoding``, what registers and truncation may make.

    Raises:
        Fault: the answer is another one, or its order is not the one that is declared.
    """
    facts, right = method.facts(), right_values(truth)
    sampled = max(float(np.max(e.stderr)) for e in runs[0].expectations.values()) > 0
    order = facts.order
    if order is not None and not sampled:
        _moves(cell, runs)
        measured(cell, facts, runs, right, encoding)
    rows = [quantities(run) for run in runs]
    for place, (name, kind, values) in enumerate(rows[-1]):
        if name not in right:
            continue
        allowed = EXACT + encoding * (1 + float(np.abs(right[name]).max())) + _between(runs[-1], name)
        if (
            order is not None
        ):  # the larger of both moves, the first one as the order says: one that is small by chance says nothing
            before, between = rows[0][place][2], rows[-2][place][2]
            moved = max(distance(name, values, between), distance(name, between, before) / 2.0**order)
            left = 1.0 / (2.0**order - 1)
            allowed += moved * (
                2.0 * left if kind == facts.order_of and kind != "expectation" else max(4.0, 3.0 * left)
            )
        gap = distance(name, values, right[name])
        if gap > allowed:
            hint = misread(cell, name, values, right, allowed)
            fault = f"{name} differs from the dense propagator by {gap:.2g} where {allowed:.1g} is allowed{hint}"
            raise Fault(f"{cell}: {fault}.")


def _moves(cell: Cell, runs: Sequence[Trajectory]) -> None:
    """A method with a step answers otherwise when the step is halved, unless it is exact here."""
    for before, after in zip(runs, runs[1:]):
        same = all(np.array_equal(a, b) for (_, _, a), (_, _, b) in zip(quantities(before), quantities(after)))
        fault = (
            f"`refined` leaves the answer as it is to the last bit, where it must halve the step of {before.method!r}"
        )
        demand(not same, cell, fault)


def _between(run: Trajectory, name: str) -> float:
    """What an average over random circuits may miss."""
    errors = {f"the expectation of {n!r}": float(np.max(e.stderr)) for n, e in run.expectations.items()}
    widest = max(errors.values())
    if name in errors:
        return SIGMAS * errors[name]
    return SIGMAS * widest if name == "the density" else 0.0


def measured(
    cell: Cell, facts: Facts, runs: Sequence[Trajectory], right: dict[str, np.ndarray], encoding: float
) -> None:
    """The order from two refinements; of moves between the runs where an encoding has an error of its own.

    It judges only a method that converges: one that does not is told by how far it is off.
    """
    names = {"wave": ["the wave"], "density": ["the density"]}.get(facts.order_of) or [
        name for name in right if name.startswith("the expectation")
    ]
    every = [{name: values for name, _, values in quantities(run)} for run in runs]
    names = [name for name in names if name in every[0] and (encoding or name in right)]
    others = every[1:] if encoding else [right] * len(every)
    errors = [_size(names, a, b) for a, b in zip(every, others)]
    demand(
        not names or errors[-1] > VACUOUS,
        cell,
        f"the error of {facts.order_of} is {errors[-1]:.1g}, which is rounding: its order cannot be measured, take fewer steps",
    )
    assert facts.order is not None
    slope = float(np.log2(errors[-2] / errors[-1]))
    converges = slope > 0.4 and errors[-1] < 0.1
    if converges and abs(slope - facts.order) > SLOPE:
        raise Fault(f"{cell}: the {facts.order_of} converges with order {slope:.2f} where {facts.order:g} is declared.")


def _size(names: Sequence[str], a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> float:
    """The 2-norm of the distances, so that one quantity that happens to be right says nothing."""
    return float(np.sqrt(sum(distance(name, a[name], b[name]) ** 2 for name in names)))


def misread(cell: Cell, name: str, values: np.ndarray, right: dict[str, np.ndarray], allowed: float) -> str:
    """What the answer would agree with, where that tells the fault: another order of bits, another sign."""
    if name == "log_norm":
        return ", so the logarithm of the norm is wrong"
    if name not in ("the wave", "the density"):
        return ""
    domain = cell.problem.domain
    qubits = domain.size.bit_length() - 1
    bits = (len(values), *(2,) * qubits)
    flipped = values.reshape(bits).transpose(0, *range(qubits, 0, -1)).reshape(values.shape)
    turn = (0, *range(domain.ndim, 0, -1))
    exchanged = "with its registers exchanged, so the order of its bits is wrong"
    readings: list[tuple[str, np.ndarray, np.ndarray]] = [
        ("with the order of its bits reversed", flipped, right[name]),
        (exchanged, values.reshape(-1, *domain.shape).transpose(turn).reshape(values.shape), right[name]),
        (exchanged, values.reshape(-1, *domain.shape[::-1]).transpose(turn).reshape(values.shape), right[name]),
    ]
    if name == "the wave":
        readings.append(("as its complex conjugate, so a sign is wrong", values.conj(), right[name]))
    for words, other, wanted in [*readings, *_signed(cell, name, values)]:
        if distance(name, other, wanted) <= 3 * allowed:
            return f"; it would agree {words}"
    return ""


def _signed(cell: Cell, name: str, values: np.ndarray) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """The answers of a Hamiltonian with other signs."""
    if cell.clock == "classical":
        return []
    signs = {"with time running backwards": (-1.0, -1.0)}
    if cell.space != "operator":
        signs |= {"with the loss of the other sign": (1.0, -1.0), "with the diffusion of the other sign": (-1.0, 1.0)}
    truths = {words: right_values(solve(cell.problem, cell.saves, each)) for words, each in signs.items()}
    return [(f"{words}, so a sign is wrong", values, truth[name]) for words, truth in truths.items()]


def sampled_as(
    cell: Cell, run: Trajectory, exact: Trajectory, *, slack: float = 0.0, where: str = "with shots"
) -> None:
    """Samples against the exact answer: expectation values and density within five standard errors, none of which is 0.

    Args:
        slack: what measured steps may do to the answer beside the shots.
    """
    for name, estimate in run.expectations.items():
        stderr = np.broadcast_to(estimate.stderr, np.shape(estimate.value))
        demand(estimate.shots is not None, cell, f"{where}, the expectation of {name!r} does not say its shots")
        demand(bool(stderr[-1] > 0), cell, f"{where}, the standard error of {name!r} is {stderr[-1]:.3g} at the end")
        other = exact.expectations[name]
        allowed = SIGMAS * np.hypot(stderr, other.stderr) + slack + ROUNDING
        gap = np.abs(np.asarray(estimate.value) - other.value) - allowed
        demand(
            bool((gap <= 0).all()),
            cell,
            f"{where}, the expectation of {name!r} is off by {SIGMAS:g} standard errors and {gap.max():.2g} more",
        )
    off = np.abs(run.density - exact.density) - _density_errors(run, exact.density) - slack
    demand(
        bool((off <= 0).all()),
        cell,
        f"{where}, the density is off by {SIGMAS:g} standard errors and {off.max():.2g} more",
    )


def norm_as(cell: Cell, run: Trajectory, exact: Trajectory, slack: float) -> None:
    """``log_norm`` of samples within five of its standard errors of the exact one; the same where it is not measured.

    Args:
        slack: what measured steps may do to it beside the shots.
    """
    errors = [np.asarray(each.diagnostics.get("log_norm_stderr", 0.0)) for each in (run, exact)]
    off = np.abs(run.log_norm - exact.log_norm) - SIGMAS * np.hypot(*errors) - slack - ROUNDING
    words = "so the logarithm of the norm is wrong"
    demand(bool((off <= 0).all()), cell, f"with shots, log_norm is off by its errors and {off.max():.2g} more, {words}")


def _density_errors(run: Trajectory, exact: np.ndarray) -> np.ndarray:
    if "density_stderr" in run.diagnostics:
        return SIGMAS * np.asarray(run.diagnostics["density_stderr"]) + 1e-3
    samples = np.array([c.shots for c in run.counts["weight"]] if run.counts else [run.shots or 1] * len(run.times))
    gain = float(run.diagnostics.get("one_norm", 1.0))
    samples = samples.reshape(-1, *[1] * (exact.ndim - 1))
    p = np.clip(exact, 0, 1)
    rare = 2.0 / samples if not run.counts else 0.0 / samples  # of averages: Poisson tails of the rarest cells
    out: np.ndarray = SIGMAS * gain * (np.sqrt(p * (1 - p) / samples) + 1.0 / samples) + rare
    return out


def same_answer(cell: Cell, a: Trajectory, b: Trajectory, what: str) -> None:
    """Two runs that must be one: density, norm, expectation values and counts to the last bit but rounding."""
    demand(_close(a.density, b.density), cell, f"{what}: the density is another one")
    demand(_close(a.log_norm, b.log_norm), cell, f"{what}: log_norm is another one")
    demand(sorted(a.expectations) == sorted(b.expectations), cell, f"{what}: other expectations are reported")
    for name in a.expectations:
        same = _close(a.expectations[name].value, b.expectations[name].value)
        demand(same, cell, f"{what}: the expectation of {name!r} is another one")
    demand(_counted(a) == _counted(b), cell, f"{what}: the counts are other ones")


def _close(a: ArrayLike, b: ArrayLike) -> bool:
    return np.shape(a) == np.shape(b) and bool(np.allclose(a, b, rtol=0, atol=ROUNDING))


def _counted(run: Trajectory) -> Any:
    if run.counts is None:
        return None
    return {basis: [(c.index.tolist(), c.count.tolist()) for c in row] for basis, row in run.counts.items()}
