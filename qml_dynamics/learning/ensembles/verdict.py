"""An ensemble's final density tested against the three laws, and the verdict in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...base.estimate import Estimate
from ...model.domains import Grid
from . import clouds, laws
from .answers import SURE, Answer, NotIdentifiable
from .law_tests import LawTest, family_test, law_test
from .learning import hbar_max
from .observed import Run


def against_laws(
    run: Run, d: Answer, g: Answer, hbar: Answer, potential: Any, names: Sequence[str]
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
    return {name: tests[name](run, d, g, hbar, potential) for name in names}


def _gibbs(run: Run, d: Estimate, g: Estimate, hbar: Answer, potential: Any) -> LawTest | NotIdentifiable:
    assert run.final is not None
    near = clouds.box(run.final)
    unsure = math.hypot(d.stderr / float(d), g.stderr / float(g))  # the law knows D and gamma by their ratio only

    def law(factor: float) -> np.ndarray:
        return laws.gibbs_law(run.free_energy, near, float(d), float(g) * factor)

    return law_test("Gibbs", run.final, law, near, unsure)


def _fokker_planck(run: Run, d: Estimate, g: Estimate, hbar: Answer, potential: Any) -> LawTest | NotIdentifiable:
    """From the start, or from the first recorded time whose cloud one grid holds together with the final one."""
    assert run.final is not None
    if run.duration is None:
        return NotIdentifiable("the duration is not known")
    starts = [] if run.initial is None else [(run.initial, 0.0)]
    if run.steps is not None and run.steps.times is not None:
        starts += list(zip(run.steps.weights, run.steps.times.tolist()))
    for cloud, t in starts:
        grid, rest = clouds.box(cloud, run.final), run.duration - t
        if rest > 0.1 * run.duration and clouds.resolves(grid, cloud, run.final):
            start = clouds.deposited(cloud, grid)
            break
    else:
        return NotIdentifiable("no earlier cloud is known that one grid resolves together with the final one")

    def law(factor: float) -> np.ndarray:
        return laws.fokker_planck(run.free_energy, grid, float(d), float(g) * factor, start, rest, 100)

    unsure = math.hypot(d.stderr / float(d), g.stderr / float(g))
    return law_test("Fokker-Planck", run.final, law, grid, unsure)


def _stationary_wave(run: Run, d: Estimate, g: Estimate, hbar: Answer, potential: Any) -> LawTest | NotIdentifiable:
    """With an hbar: its wave. Without: the family of all of them, which stands if any one does."""
    F = run.free_energy
    assert run.final is not None
    assert F is not None
    V = potential if potential is not None else (lambda w: -F(w))
    well = clouds.minimum(V, run.final.mean(axis=0))
    if well is None:
        return NotIdentifiable("the potential has no minimum near the weights")

    def member(h: float) -> tuple[np.ndarray, Grid]:
        room = clouds.wave_room(well, h, float(g))
        return laws.stationary_wave(V, room, h, float(g)), room

    if not isinstance(hbar, Estimate):
        guess = clouds.matching_hbar(well, run.final, float(g))
        return family_test("stationary-wave", run.final, member, guess, "hbar")
    room = clouds.wave_room(well, float(hbar), float(g))

    def law(factor: float) -> np.ndarray:
        return laws.stationary_wave(V, room, float(hbar) * factor, float(g))

    unsure = math.hypot(hbar.stderr / float(hbar), 0.5 * g.stderr / float(g))
    return law_test("stationary-wave", run.final, law, room, unsure)


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
