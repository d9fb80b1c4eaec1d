"""Diffusion, mobility, multiplier, potential and hbar estimated from an ensemble's data, with standard errors or a reason for none.

Steps tell the noise strength and the mobility; histories of density and free energy the multiplier, the potential and so
hbar; exchange events the chemical potential, and so the other hbar. The verdict says what holds and what does not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ...base.arguments import checks_arguments_but
from ...base.errors import describe, one_of, require
from ...base.estimate import Estimate
from ...base.printing import printed_briefly
from ...model.domains import Grid
from ...model.objectives.base import LossLike, Objective
from . import law_tests, laws
from .answers import SURE, Answer, NotIdentifiable, given
from .estimators import from_exchange, from_history, from_steps, root
from .law_tests import LawTest, family_test, law_test
from .learning import hbar_max
from .observed import Run


def against_laws(
    run: Run, d: Answer, g: Answer, hbar: Answer, potential: LossLike | None, names: Sequence[str]
) -> dict[str, LawTest | NotIdentifiable]:
    """The laws ``names`` tested against a run's final weights, each with a verdict or the reason why it cannot be."""
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
    assert isinstance(d, Estimate)
    assert isinstance(g, Estimate)
    assert run.final is not None
    assert run.free_energy is not None
    known = _Known(run, run.final, run.free_energy, d, g, hbar, potential)
    return {name: tests[name](known) for name in names}


class _Known(NamedTuple):
    """What the laws are made of: the run, its final weights and free energy, D, gamma, hbar, and a potential where one is given."""

    run: Run
    final: np.ndarray
    F: Objective
    d: Estimate
    g: Estimate
    hbar: Answer
    potential: LossLike | None


def _gibbs(known: _Known) -> LawTest | NotIdentifiable:
    F, d, g = known.F, known.d, known.g
    near = law_tests.box(known.final)
    unsure = math.hypot(d.stderr / float(d), g.stderr / float(g))  # the law knows D and gamma by their ratio only

    def law(factor: float) -> np.ndarray:
        """The Gibbs law on the grid, with gamma multiplied by ``factor``."""
        return laws.gibbs_law(F, near, float(d), float(g) * factor)

    return law_test("Gibbs", known.final, law, near, unsure)


def _fokker_planck(known: _Known) -> LawTest | NotIdentifiable:
    """From the start, or from the first recorded time whose cloud one grid holds together with the final one."""
    run, final, F, d, g = known[:5]
    if run.duration is None:
        return NotIdentifiable("the duration is not known")
    starts = [] if run.initial is None else [(run.initial, 0.0)]
    if run.steps is not None and run.steps.times is not None:
        starts += list(zip(run.steps.weights, run.steps.times.tolist()))
    for cloud, t in starts:
        grid, rest = law_tests.box(cloud, final), run.duration - t
        if rest > 0.1 * run.duration and law_tests.resolves(grid, cloud, final):
            start = law_tests.deposited(cloud, grid)
            break
    else:
        return NotIdentifiable("no earlier cloud is known that one grid resolves together with the final one")

    def law(factor: float) -> np.ndarray:
        """The solution of the Fokker-Planck equation at the final time, with gamma multiplied by ``factor``."""
        return laws.fokker_planck(F, grid, float(d), float(g) * factor, start, rest, 100)

    unsure = math.hypot(d.stderr / float(d), g.stderr / float(g))
    return law_test("Fokker-Planck", final, law, grid, unsure)


def _stationary_wave(known: _Known) -> LawTest | NotIdentifiable:
    """With an hbar: its wave. Without: the family of all of them, which stands if any one does."""
    final, g, hbar = known.final, known.g, known.hbar
    V = known.potential if known.potential is not None else (lambda w: -known.F(w))
    spread = final.std(axis=0)
    well = law_tests.minimum(V, final.mean(axis=0), np.where(spread > 0, spread, 1.0))
    if well is None:
        return NotIdentifiable("the potential has no minimum near the weights")

    def member(h: float) -> tuple[np.ndarray, Grid]:
        """The density ``|psi_0|^2`` at this hbar, and the grid that resolves it."""
        room = law_tests.wave_room(well, h, float(g))
        return laws.stationary_wave(V, room, h, float(g)), room

    if not isinstance(hbar, Estimate):
        guess = law_tests.matching_hbar(well, final, float(g))
        return family_test("stationary-wave", final, member, guess, "hbar")
    room = law_tests.wave_room(well, float(hbar), float(g))

    def law(factor: float) -> np.ndarray:
        """The density ``|psi_0|^2`` on the grid, with hbar multiplied by ``factor``."""
        return laws.stationary_wave(V, room, float(hbar) * factor, float(g))

    unsure = math.hypot(hbar.stderr / float(hbar), 0.5 * g.stderr / float(g))
    return law_test("stationary-wave", final, law, room, unsure)


def in_words(
    d: Answer,
    g: Answer,
    squared: Answer,
    obeys: str | None,
    hbar: Answer,
    other: Answer,
    mu_c: Answer,
    tests: dict[str, LawTest | NotIdentifiable],
    noise: np.ndarray | None,
) -> str:
    """The verdict: one sentence, a clause for everything that the data tell."""
    parts = [] if obeys is None else [obeys]
    if isinstance(squared, Estimate):
        below = squared.value < -SURE * squared.stderr
        sign = "positive" if isinstance(hbar, Estimate) else "negative" if below else "not told from 0"
        parts.append(f"hbar^2 from the multiplier is {squared}, {sign}")
    if (
        isinstance(d, Estimate)
        and isinstance(g, Estimate)
        and isinstance(mu_c, Estimate)
        and min(float(d), float(g)) > 0
    ):
        parts.append(_bound(d, g, mu_c))
    if isinstance(hbar, Estimate) and isinstance(other, Estimate):
        sigmas = hbar.sigmas(other)
        words = "agree" if sigmas < SURE else "do not agree"
        parts.append(f"the two values of hbar {words} ({sigmas:.1f} standard errors)")
    parts += [t.verdict for t in tests.values() if isinstance(t, LawTest)]
    if noise is not None and len(noise) > 1 and noise[0] > 0 and noise[-1] / noise[0] > 1.2:
        parts.append(f"the noise is not isotropic (eigenvalues from {noise[0]:.3g} to {noise[-1]:.3g})")
    return "; ".join(parts) + "." if parts else "The data tell nothing of hbar."


def _bound(d: Estimate, g: Estimate, mu_c: Estimate) -> str:
    """``|mu_c| <= 4 pi D / gamma``, with the errors of all three."""
    top = 2 * math.pi * hbar_max(float(d), float(g))
    error = math.hypot(mu_c.stderr, top * math.hypot(d.stderr / float(d), g.stderr / float(g)))
    gap = top - abs(float(mu_c))
    says = "holds" if gap > 0 else "is broken: no multiplier can match this price"
    says = f"cannot be told ({abs(gap) / error:.1f} standard errors)" if abs(gap) < SURE * error else says
    return f"the bound |mu_c| <= 4 pi D / gamma = {top:.4g} {says}"


LAWS = ("gibbs", "fokker_planck", "stationary_wave")


@printed_briefly
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


@checks_arguments_but("diffusion", "mobility")
def fit(
    run: Run,
    *,
    diffusion: Estimate | float | None = None,
    mobility: Estimate | float | None = None,
    potential: LossLike | None = None,
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

    >>> from qml_dynamics.learning.ensembles import observe_sde
    >>> run = observe_sde(lambda w: -(w**2).sum(axis=1) / 2, [1.0, 0.0], diffusion=0.2, mobility=0.7, networks=500, steps=50)
    >>> found = fit(run, tests=())
    >>> abs(found.diffusion.value - 0.2) < 4 * found.diffusion.stderr, str(found.multiplier)
    (True, 'not identifiable: density and free energy were not observed at several times')
    """
    require(isinstance(run, Run), "run", "be a Run of an ensemble", describe(run))
    d, g, noise = from_steps(run.steps)
    d = given(diffusion, "diffusion") if diffusion is not None else d
    g = given(mobility, "mobility") if mobility is not None else g
    mu, V, squared, points, obeys = from_history(run.history, d, g, seed)
    hbar = root(squared)
    beta, mu_c = from_exchange(run.exchange)
    other: Answer = NotIdentifiable("the chemical potential is not")
    if isinstance(mu_c, Estimate):
        other = Estimate(abs(mu_c.value) / (2 * math.pi), mu_c.stderr / (2 * math.pi), mu_c.shots)
        if abs(mu_c.value) < SURE * mu_c.stderr:
            other = NotIdentifiable("the chemical potential cannot be told from 0")
    chosen = [one_of(name, "tests", LAWS) for name in tests]
    found = against_laws(run, d, g, hbar if isinstance(hbar, Estimate) else other, potential, chosen)
    words = in_words(d, g, squared, obeys, hbar, other, mu_c, found, noise)
    return Fit(d, g, mu, V, squared, hbar, beta, mu_c, other, points, found, noise, words)
