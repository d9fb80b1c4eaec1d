"""`compare` has power: what the likelihood-ratio test sees at two thirds of a distance, it sees in 95 of 100 runs."""

from __future__ import annotations

import numpy as np
import pytest

import qml_dynamics as qd
from tests.power.pairs import KINDS, MAKES, critical, evolved, grid, laws, margin, pair

pytestmark = pytest.mark.filterwarnings("ignore")
SHOTS = 2000
QUBITS = [6, pytest.param(10, marks=pytest.mark.slow), pytest.param(12, marks=pytest.mark.slow)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", list(MAKES))
@pytest.mark.parametrize("qubits", QUBITS)
def test_what_differs_is_told_apart(qubits: int, name: str, kind: str) -> None:
    """At 1.5 times the change at which the likelihood-ratio test of both bases at 1 % has power 0.95: in 380 of 400 runs."""
    by = 1.5 * critical(name, qubits, kind, SHOTS)
    seen = pair(name, qubits, kind, SHOTS).p_values(laws(name, qubits, kind, by), SHOTS, 400, 7) <= 0.01
    assert seen.sum() >= 374  # of a power of 0.95: two standard deviations less than 380 by chance of the draws
    weak = pair(name, qubits, kind, SHOTS).p_values(laws(name, qubits, kind, 0.3 * by), SHOTS, 400, 8) <= 0.01
    assert weak.sum() < 200  # the pairs are no easier than they are said to be


@pytest.mark.parametrize("name", list(MAKES))
@pytest.mark.parametrize("qubits", QUBITS)
def test_false_alarms_are_at_most_twenty_in_a_thousand(qubits: int, name: str) -> None:
    p = pair(name, qubits, "shift", SHOTS).p_values(laws(name, qubits, "shift", 0.0), SHOTS, 2000, 9)
    assert (p <= 0.01).mean() <= 0.02
    assert (p <= 0.1).mean() == pytest.approx(0.1, abs=0.035)


@pytest.mark.parametrize("name", ["a bump", "two wells later"])
def test_many_runs_at_once_are_those_of_compare(name: str) -> None:
    """One run with its own samples: the p-value of `compare`, from the same law."""
    by, domain = 0.7 * critical(name, 6, "momentum", SHOTS), grid(6)
    run = evolved(name, domain, "momentum", by, SHOTS, 3)
    found = qd.compare(run, evolved(name, domain, "momentum", 0.0))
    known = pair(name, 6, "momentum", SHOTS)
    assert run.counts is not None
    measured = []
    for setting, order, basis in zip(known.settings, known.orders, ("weight", "dual")):
        seen = run.counts[basis][-1].histogram(domain.size)[order[0]]
        measured.append(setting.measured(seen[None] - setting.reading.law.reshape(-1)))
    sizes = known.law.sizes(measured, np.zeros((1, 0)))[0]
    assert found.looks == sizes.size
    assert found.largest is not None
    assert found.largest[1] == pytest.approx(sizes.max(), rel=1e-6)
    assert found.p_value == pytest.approx(float(known.law.p_values(sizes.max())), abs=2e-3)


def test_the_stated_distance_is_that_of_the_likelihood_ratio_test() -> None:
    """The normal approximation against simulated likelihood ratios."""
    by = critical("two wells", 6, "width", SHOTS)
    base, other = laws("two wells", 6, "width", 0.0), laws("two wells", 6, "width", by)
    assert margin(base, other, SHOTS) == pytest.approx(0.0, abs=0.01)
    rng, totals = np.random.default_rng(5), []
    for drawn in (base, other):
        total = np.zeros(4000)
        for sampled, p, q in zip(drawn, base, other):
            counts = rng.multinomial(SHOTS, sampled / sampled.sum(), size=4000)
            total += counts @ np.log((q + 1e-15) / (p + 1e-15))
        totals.append(total)
    assert (totals[1] > np.quantile(totals[0], 0.99)).mean() == pytest.approx(0.95, abs=0.02)


def packet(momentum: float) -> qd.Problem:
    start = qd.Gaussian(0.0, 1.0, momentum=momentum)
    return qd.Problem(
        qd.Grid((-8, 8), 12), lambda w: 0.5 * w[:, 0] ** 2, 0.5, clock="real", duration=1.0, initial=start
    )


@pytest.mark.slow
def test_opposite_momenta_are_told_apart_always() -> None:
    """At 12 qubits and 2,000 shots the total variation on the grid sees nothing."""
    reference = qd.evolve(packet(-0.12), qd.SplitStep(8), save=[1.0])
    seen = [
        not qd.compare(qd.evolve(packet(0.12), qd.SplitStep(8), shots=2000, seed=s, save=[1.0]), reference).agree
        for s in range(100)
    ]
    assert len(seen) == 100
    assert all(seen)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["shift", "width", "momentum", "well"])
def test_two_sampled_runs_are_told_apart_too(kind: str) -> None:
    """Of twice the variance: at 1.5 times the distance of half of the samples."""
    by = 1.5 * critical("two wells", 6, kind, SHOTS // 2)
    domain, seen = grid(6), 0
    for seed in range(40):
        runs = [evolved("two wells", domain, kind, size, SHOTS, 2 * seed + k) for k, size in enumerate((by, 0.0))]
        seen += not qd.compare(*runs).agree
    assert seen >= 35
