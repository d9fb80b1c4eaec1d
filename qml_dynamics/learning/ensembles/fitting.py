"""Diffusion, mobility, multiplier, potential and hbar estimated from an ensemble's data, with standard errors or a reason for none.

Steps tell the noise strength and the mobility; histories of density and free energy the multiplier, the potential and so
hbar; exchange events the chemical potential, and so the other hbar. The verdict says what holds and what does not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...base.errors import describe, one_of, require
from ...base.estimate import Estimate
from .answers import SURE, Answer, NotIdentifiable, given
from .estimators import from_exchange, from_steps
from .law_tests import LawTest
from .multiplier import from_history, root
from .observed import Run
from .verdict import against_laws, in_words

LAWS = ("gibbs", "fokker_planck", "stationary_wave")


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
