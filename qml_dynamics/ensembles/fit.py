"""Estimates from what was observed of an ensemble, each with its standard error, or the reason why there is none.

Steps tell the noise strength and the mobility; histories of density and free energy the multiplier, the potential and so
hbar; exchange events the chemical potential, and so the other hbar. The verdict says what holds and what does not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..domains import Grid
from ..errors import describe, one_of, require
from ..estimate import Estimate
from . import laws, panel
from .laws import LawTest
from .learning import hbar_max
from .observed import ExchangeEvents, History, Run, Steps

LAWS = ("gibbs", "fokker_planck", "stationary_wave")
_SURE = 3.0  # standard errors away from 0 below which a quantity counts as unseen


@dataclass(frozen=True)
class NotIdentifiable:
    """What data cannot tell: a reason, never a number.

    >>> print(NotIdentifiable("no steps were recorded"))
    not identifiable: no steps were recorded
    """

    reason: str

    def __float__(self) -> float:
        raise TypeError(str(self))

    def __str__(self) -> str:
        return f"not identifiable: {self.reason}"


Answer = Estimate | NotIdentifiable


@dataclass(frozen=True, eq=False)
class Fit:
    """What :func:`fit` found. Every entry is an :class:`Estimate` or :class:`NotIdentifiable`.

    Attributes:
        diffusion, mobility: D and gamma, from steps.
        multiplier: mu, from histories. potential: V on ``points``.
        hbar_squared: ``4 D / (gamma mu) - 1 / mu^2``. hbar: its root, where it is surely positive.
        beta, chemical_potential: from exchange events. hbar_exchange: ``|mu_c| / 2 pi``.
        points: where the potential is known, or None.
        laws: name to :class:`LawTest` or :class:`NotIdentifiable`: gibbs, fokker_planck, stationary_wave.
        noise: eigenvalues of the covariance of the steps' noise over ``2 dt``, ascending: equal if it is isotropic.
        verdict: in words.
    """

    diffusion: Answer
    mobility: Answer
    multiplier: Answer
    potential: Answer
    hbar_squared: Answer
    hbar: Answer
    beta: Answer
    chemical_potential: Answer
    hbar_exchange: Answer
    points: np.ndarray | None = None
    laws: dict[str, LawTest | NotIdentifiable] = field(default_factory=dict)
    noise: np.ndarray | None = None
    verdict: str = ""

    def __str__(self) -> str:
        names = ("diffusion", "mobility", "multiplier", "hbar", "chemical_potential", "hbar_exchange")
        return "\n".join([f"{name:>18}: {getattr(self, name)}" for name in names] + [self.verdict])


def fit(
    run: Run,
    *,
    diffusion: Estimate | float | None = None,
    mobility: Estimate | float | None = None,
    potential: Any = None,
    tests: Sequence[str] = LAWS,
    seed: int = 0,
) -> Fit:
    """Estimate what the run's data hold.

    Args:
        run: from :func:`train_ensemble` or put together from :class:`Steps`, :class:`History`, :class:`ExchangeEvents`.
        diffusion, mobility: D and gamma where they are known otherwise (a number counts as exact); needed for histories
            without steps.
        potential: V of the stationary wave that the final density is tested against; None: the loss, ``-F``. Any density is
            stationary for some V, so the test is one of this choice too.
        tests: which laws the final density is tested against.
        seed: of the bootstrap.

    Raises:
        ProblemError: the run is not a :class:`Run`, or a law is unknown.

    >>> from qml_dynamics.ensembles import observe_sde
    >>> run = observe_sde(lambda w: -(w**2).sum(axis=1) / 2, [1.0, 0.0], diffusion=0.2, mobility=0.7, networks=500, steps=50)
    >>> found = fit(run)
    >>> abs(found.diffusion.value - 0.2) < 4 * found.diffusion.stderr, str(found.multiplier)
    (True, 'not identifiable: density and free energy were not observed at several times')
    """
    require(isinstance(run, Run), "run", "be a Run of an ensemble", describe(run))
    d, g, noise = _steps(run.steps)
    d = _given(diffusion) if diffusion is not None else d
    g = _given(mobility) if mobility is not None else g
    mu, V, squared, points = _history(run.history, d, g, seed)
    hbar = _root(squared)
    beta, mu_c = _exchange(run.exchange)
    other: Answer = NotIdentifiable("the chemical potential is not")
    if isinstance(mu_c, Estimate):
        other = Estimate(abs(mu_c.value) / (2 * math.pi), mu_c.stderr / (2 * math.pi), mu_c.shots)
        if abs(mu_c.value) < _SURE * mu_c.stderr:
            other = NotIdentifiable("the chemical potential cannot be told from 0")
    chosen = [one_of(name, "tests", LAWS) for name in tests]
    found = _laws(run, d, g, hbar if isinstance(hbar, Estimate) else other, potential, chosen)
    verdict = _verdict(d, g, squared, hbar, other, mu_c, found, noise)
    return Fit(d, g, mu, V, squared, hbar, beta, mu_c, other, points, found, noise, verdict)


def _given(value: Any) -> Answer:
    return value if isinstance(value, (Estimate, NotIdentifiable)) else Estimate(float(value), 0.0)


def _steps(steps: Steps | None) -> tuple[Answer, Answer, np.ndarray | None]:
    """``change = gamma grad F dt + noise``: a ratio of sums with errors clustered by network, and the rest's variance."""
    if steps is None:
        none = NotIdentifiable("no steps were recorded")
        return none, none, None
    change, slope = (np.asarray(a, dtype=float) for a in (steps.change, steps.gradient))
    if change.shape[1] < 10:
        few = NotIdentifiable(f"{change.shape[1]} networks are too few for a standard error (10 are needed)")
        return few, few, None
    xy = (change * slope).sum(axis=(0, 2)) * steps.dt
    xx = (slope**2).sum(axis=(0, 2)) * steps.dt**2
    total = float(xx.sum())
    if total == 0:
        flat = NotIdentifiable("the free energy has no slope where the weights were")
        return flat, flat, None
    gamma = float(xy.sum()) / total
    error = float(np.sqrt(((xy - gamma * xx) ** 2).sum())) / total
    rest = change - gamma * slope * steps.dt
    each = (rest**2).mean(axis=(0, 2)) / (2 * steps.dt)
    d = Estimate(float(each.mean()), float(each.std(ddof=1) / math.sqrt(len(each))), len(each))
    flat_rest = rest.reshape(-1, rest.shape[-1])
    noise = np.linalg.eigvalsh(flat_rest.T @ flat_rest / len(flat_rest)) / (2 * steps.dt)
    if abs(gamma) < _SURE * error:
        return d, NotIdentifiable("the drift is hidden by the noise of the steps"), noise
    return d, Estimate(gamma, error, len(each)), noise


def _history(
    history: History | None, d: Answer, g: Answer, seed: int
) -> tuple[Answer, Answer, Answer, np.ndarray | None]:
    def none(reason: str) -> tuple[Answer, Answer, Answer, None]:
        return NotIdentifiable(reason), NotIdentifiable(reason), NotIdentifiable(reason), None

    if history is None:
        return none("density and free energy were not observed at several times")
    if len(history.times) < panel.LEAST_TIMES:
        return none(f"{len(history.times)} times are too few ({panel.LEAST_TIMES} are needed)")
    if not (isinstance(d, Estimate) and isinstance(g, Estimate)):
        return none("the diffusion and the mobility must be known first")
    smooth = panel.smooth(history)
    if smooth is None:
        return none("too few points have density at all times")
    at = (float(d), float(g))
    best = panel.regress(smooth, *at, smooth.C, smooth.F)
    drawn = panel.replicas(smooth, *at, seed)
    moved = float(np.mean([r.variation for r in drawn])) - best.variation  # what noise alone adds to the variation
    scale = float(np.mean((at[1] * (smooth.F @ smooth.bases[1][1].T) ** 2) ** 2)) + 1e-300
    if best.variation < max(10 * abs(moved), 1e-12 * scale) or not np.isfinite(best.mu):
        return none("the history is stationary: nothing varies in time beyond noise")
    spread = np.array([r.mu for r in drawn])
    mu = 2 * best.mu - float(spread.mean())  # less the bias that the bootstrap sees
    dd, dg = (_slope(smooth, at, i, lambda r, a: r.mu) for i in (0, 1))
    stderr = math.sqrt(spread.var(ddof=1) + best.robust**2 + (dd * d.stderr) ** 2 + (dg * g.stderr) ** 2)
    if abs(mu) < _SURE * stderr:
        return none("the noise hides the slope of the regression")
    own = float(np.hypot(spread.std(ddof=1), best.robust))
    squared = _squared(smooth, at, mu, own, d, g)
    V = Estimate(best.V, _potential_errors(smooth, at, best, drawn, own, d, g), None)
    return Estimate(mu, stderr), V, squared, smooth.x


def _slope(smooth: panel.Panel, at: tuple[float, float], which: int, read: Any) -> Any:
    """Derivative of something read from the regression with respect to D or gamma, the data kept."""
    step = 1e-5 * max(abs(at[which]), 1e-12)
    ends = []
    for sign in (1, -1):
        here = tuple(v + sign * step * (i == which) for i, v in enumerate(at))
        ends.append(read(panel.regress(smooth, here[0], here[1], smooth.C, smooth.F), here))
    return (ends[0] - ends[1]) / (2 * step)


def _hbar2(mu: float, at: tuple[float, float]) -> float:
    return 4 * at[0] / (at[1] * mu) - 1 / mu**2


def _squared(smooth: panel.Panel, at: tuple[float, float], mu: float, own: float, d: Estimate, g: Estimate) -> Estimate:
    by_mu = -4 * at[0] / (at[1] * mu**2) + 2 / mu**3
    by_d, by_g = (_slope(smooth, at, i, lambda r, a: _hbar2(r.mu, a)) for i in (0, 1))
    return Estimate(_hbar2(mu, at), math.sqrt((by_mu * own) ** 2 + (by_d * d.stderr) ** 2 + (by_g * g.stderr) ** 2))


def _potential_errors(
    smooth: panel.Panel,
    at: tuple[float, float],
    best: panel.Regression,
    drawn: list[panel.Regression],
    own: float,
    d: Estimate,
    g: Estimate,
) -> np.ndarray:
    by_d, by_g = (_slope(smooth, at, i, lambda r, a: r.V) for i in (0, 1))
    spread = np.std([r.V for r in drawn], axis=0, ddof=1)
    truncation = np.abs(best.V + _mean_x(smooth, at[1])) * best.robust / abs(best.mu)
    return np.sqrt(spread**2 + truncation**2 + (by_d * d.stderr) ** 2 + (by_g * g.stderr) ** 2)


def _mean_x(smooth: panel.Panel, gamma: float) -> np.ndarray:
    f0, f1, _ = smooth.bases[1]
    return (panel._rates(smooth.times, smooth.F) @ f0.T + gamma * (smooth.F @ f1.T) ** 2).mean(axis=0)


def _root(squared: Answer) -> Answer:
    if not isinstance(squared, Estimate):
        return squared
    if squared.value > _SURE * squared.stderr:
        value = math.sqrt(squared.value)
        return Estimate(value, squared.stderr / (2 * value))
    if squared.value < -_SURE * squared.stderr:
        return NotIdentifiable(f"hbar^2 = {squared} is negative: the bridge regime has no real hbar")
    return NotIdentifiable(f"hbar^2 = {squared} cannot be told from 0")


def _exchange(events: ExchangeEvents | None) -> tuple[Answer, Answer]:
    """Maximum likelihood of ``P(accept) = sigmoid(-beta dE + beta mu_c dN)``, by Newton's method."""
    none = NotIdentifiable("no exchange of neurons was observed")
    if events is None or not len(events.accepted):
        return none, none
    X = np.stack([-np.asarray(events.energy_change, float), np.asarray(events.number_change, float)], axis=1)
    y = np.asarray(events.accepted, dtype=float)
    if y.min() == y.max():
        same = NotIdentifiable("every proposal had the same outcome")
        return same, same
    scale = np.abs(X).max(axis=0)
    if scale.min() == 0 or np.linalg.cond((X / scale).T @ (X / scale)) > 1e10:
        collinear = NotIdentifiable("energy and number change together, so their prices cannot be told apart")
        return collinear, collinear
    theta = np.zeros(2)
    for _ in range(100):
        p = 0.5 * (1 + np.tanh(0.5 * (X @ theta)))
        information = (X * (p * (1 - p))[:, None]).T @ X
        if not np.isfinite(information).all() or np.linalg.cond(information) > 1e14:
            apart = NotIdentifiable("the outcomes follow from the energies without any chance")
            return apart, apart
        step = np.linalg.solve(information, X.T @ (y - p))
        theta = theta + step
        if np.abs(step).max() < 1e-10 * (1 + np.abs(theta).max()):
            break
    covariance = np.linalg.inv(information)
    a, b = theta.tolist()
    beta = Estimate(a, float(np.sqrt(covariance[0, 0])), len(y))
    if abs(a) < _SURE * beta.stderr:
        return beta, NotIdentifiable("acceptance does not depend on the energy, which sets the unit of the price")
    direction = np.array([-b / a**2, 1 / a])
    return beta, Estimate(b / a, float(np.sqrt(direction @ covariance @ direction)), len(y))


def _laws(
    run: Run, d: Answer, g: Answer, hbar: Answer, potential: Any, names: Sequence[str]
) -> dict[str, LawTest | NotIdentifiable]:
    reason = None
    if run.final is None or run.free_energy is None:
        reason = "final weights or their free energy are not known"
    elif run.final.shape[1] > 2:
        reason = f"a density of {run.final.shape[1]} weights is beyond a grid (2 at most)"
    elif len(run.final) < 50:
        reason = f"{len(run.final)} networks are too few for a density"
    elif not (isinstance(d, Estimate) and isinstance(g, Estimate) and float(d) > 0 and float(g) > 0):
        reason = "the diffusion or the mobility is not known"
    if reason is not None:
        return {name: NotIdentifiable(reason) for name in names}
    tests = {"gibbs": _gibbs, "fokker_planck": _fokker_planck, "stationary_wave": _stationary_wave}
    return {name: tests[name](run, float(d), float(g), hbar, potential) for name in names}


def _gibbs(run: Run, d: float, g: float, hbar: Answer, potential: Any) -> LawTest | NotIdentifiable:
    assert run.final is not None
    near = laws.box(run.final)
    return laws.law_test("Gibbs", run.final, laws.gibbs_law(run.free_energy, near, d, g), near)


def _fokker_planck(run: Run, d: float, g: float, hbar: Answer, potential: Any) -> LawTest | NotIdentifiable:
    assert run.final is not None
    if run.initial is None or run.duration is None:
        return NotIdentifiable("the start is not known")
    wide = laws.box(run.initial, run.final)
    p = laws.fokker_planck(run.free_energy, wide, d, g, laws.deposited(run.initial, wide), run.duration)
    return laws.law_test("Fokker-Planck", run.final, p, wide)


def _stationary_wave(run: Run, d: float, g: float, hbar: Answer, potential: Any) -> LawTest | NotIdentifiable:
    assert run.final is not None
    F = run.free_energy
    assert F is not None
    if not isinstance(hbar, Estimate):
        return NotIdentifiable("no hbar is known")
    room = laws.box(run.final) if run.initial is None else laws.box(run.initial, run.final)
    walled = Grid(room.bounds, [min(q, 6 if room.ndim == 2 else 9) for q in room.qubits], "walls")
    V = potential if potential is not None else (lambda w: -F(w))
    return laws.law_test("stationary-wave", run.final, laws.stationary_wave(V, walled, float(hbar), g), walled)


def _verdict(
    d: Answer,
    g: Answer,
    squared: Answer,
    hbar: Answer,
    other: Answer,
    mu_c: Answer,
    tests: dict[str, LawTest | NotIdentifiable],
    noise: np.ndarray | None,
) -> str:
    parts = []
    if isinstance(squared, Estimate):
        sign = (
            "positive"
            if isinstance(hbar, Estimate)
            else "negative"
            if squared.value < -_SURE * squared.stderr
            else "not told from 0"
        )
        parts.append(f"hbar^2 from the multiplier is {squared}, {sign}")
    if all(isinstance(a, Estimate) for a in (d, g, mu_c)) and float(d) > 0 and float(g) > 0:
        top = 2 * math.pi * hbar_max(float(d), float(g))
        holds = "holds" if abs(float(mu_c)) <= top else "is broken: no multiplier can match this price"
        parts.append(f"the bound |mu_c| <= 4 pi D / gamma = {top:.4g} {holds}")
    if isinstance(hbar, Estimate) and isinstance(other, Estimate):
        sigmas = hbar.sigmas(other)
        words = "agree" if sigmas < _SURE else "do not agree"
        parts.append(f"the two values of hbar {words} ({sigmas:.1f} standard errors)")
    parts += [t.verdict for t in tests.values() if isinstance(t, LawTest)]
    if noise is not None and len(noise) > 1 and noise[0] > 0 and noise[-1] / noise[0] > 1.2:
        parts.append(f"the noise is not isotropic (eigenvalues from {noise[0]:.3g} to {noise[-1]:.3g})")
    return "; ".join(parts) + "." if parts else "The data tell nothing of hbar."
