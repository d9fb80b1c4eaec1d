"""Standard errors against the spread that they claim: pulls, and the coverage of two of them."""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import beta

import qml_dynamics
from tests.error_bars.estimates import COVERS, EXPERIMENTS
from tools.sources import tree_of

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
CHEAP = [name for name, e in EXPERIMENTS.items() if not e.dear]
DEAR = [name for name, e in EXPERIMENTS.items() if e.dear]
FAMILY = 1e-3
LEAST = 0.94
WIDEST = 1.5


def draws(name: str, seeds: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Gaps to the truth and standard errors of every estimate of an experiment, shape ``(seeds,)``."""
    experiment = EXPERIMENTS[name]
    truth = experiment.truth()
    rows = [experiment.draw(1000 + seed) for seed in range(seeds)]
    assert set(rows[0]) == set(truth)
    return {
        key: (np.array([row[key][0] - truth[key] for row in rows]), np.array([row[key][1] for row in rows]))
        for key in truth
    }


def wrong_pulls(name: str, seeds: int = 200) -> list[str]:
    """Estimates whose spread is not that of their errors, or that are off; empty where all is well."""
    out = []
    for key, (gap, error) in draws(name, seeds).items():
        ratio = float(gap.std() / error.mean())
        low = 1 / WIDEST if key in EXPERIMENTS[name].rare else 0.85 / EXPERIMENTS[name].widening(key)
        if not (error > 0).all():
            out.append(f"{key}: an error of 0")
        if not low <= ratio <= 1.15:
            out.append(f"{key}: spread over mean error {ratio:.3f}")
        if abs(gap.mean()) > 4.5 * gap.std() / np.sqrt(seeds) + 0.15 * error.mean():  # bias of ratios and logarithms
            out.append(f"{key}: off by {gap.mean() / error.mean():.2f} errors")
    return out


def wrong_coverage(name: str, seeds: int, estimates: int) -> list[str]:
    """Estimates of which two errors hold too little, at a family error of 1e-3, or that are too wide."""
    out = []
    for key, (gap, error) in draws(name, seeds).items():
        inside = int((np.abs(gap) <= 2 * error).sum())
        upper = 1.0 if inside == seeds else float(beta.isf(FAMILY / estimates, inside + 1, seeds - inside))
        wide = float(error.mean() / gap.std())
        if upper < LEAST:
            out.append(f"{key}: two errors hold {inside} of {seeds}")
        if wide > WIDEST * (1 + 3 / np.sqrt(seeds)):
            out.append(f"{key}: errors are {wide:.2f} times too wide")
    return out


MAKERS = {"mean_of_counts", "mean_seen", "share_error", "error_of_mean", "error_of_chain", "few_samples"}


def makes_errors(path: Path) -> bool:
    """Whether a module calls a function of errors, or builds an `Estimate` with an error that is not a constant."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            given = len(node.args) > 1 and not isinstance(node.args[1], ast.Constant)
            if name in MAKERS or (name == "Estimate" and given):
                return True
    return False


def test_every_module_that_makes_errors_is_held_to_account() -> None:
    root = Path(qml_dynamics.__file__).parent
    found = {str(path.relative_to(root).as_posix()) for path in root.rglob("*.py") if makes_errors(path)}
    assert found == set(COVERS)
    named = {name for names in COVERS.values() if not isinstance(names, str) for name in names}
    assert named == set(EXPERIMENTS)


def test_a_wrong_error_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors 1.3 times too large or too small, and one that forgets a correlation, are all seen."""
    name = "one measured group"
    whole = EXPERIMENTS[name]
    for factor in (1.3, 1 / 1.3):
        changed = dataclasses.replace(
            whole, draw=lambda seed, f=factor: {k: (v, f * e) for k, (v, e) in whole.draw(seed).items()}
        )
        monkeypatch.setitem(EXPERIMENTS, name, changed)
        assert wrong_pulls(name)
    narrow = dataclasses.replace(whole, draw=lambda seed: {k: (v, 0.8 * e) for k, (v, e) in whole.draw(seed).items()})
    monkeypatch.setitem(EXPERIMENTS, name, narrow)
    assert wrong_coverage(name, 400, 60)


@pytest.mark.parametrize("name", CHEAP)
def test_errors_are_the_spread(name: str) -> None:
    assert not wrong_pulls(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", DEAR)
def test_dear_errors_are_the_spread(name: str) -> None:
    assert not wrong_pulls(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_two_errors_hold_what_they_should_in_a_sample(name: str) -> None:
    assert not wrong_coverage(name, 300, 60)


@pytest.mark.coverage_study
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_two_errors_hold_what_they_should(name: str) -> None:
    assert not wrong_coverage(name, 2000, 60)
