"""Methods of strangers, each a class outside the package, run everywhere that they say: without a name and by an entry point."""

from __future__ import annotations

from typing import Any

import pytest
from strangers import Cayley, LieCircuits, SmallSteps

import qml_dynamics as qd
from qml_dynamics.base.codec import method_from_spec, method_spec
from qml_dynamics.conformance.cells import standard_problem, standard_problems
from qml_dynamics.conformance.method import VERBS, Report
from qml_dynamics.conformance.stored import call_command

STRANGERS = {"cayley": Cayley(8, damping=0.5), "lie_circuits": LieCircuits(4), "small_steps": SmallSteps(64)}
CLOCK = {"cayley": "real", "lie_circuits": "real", "small_steps": "imaginary"}
SPACES = ("periodic", "walls", "flux", "hypercube", "operator")


def told(report: Report, verb: str) -> set[str]:
    """The sentences by which a verb is refused."""
    return {text for (_, which), text in report.refused.items() if which == verb}


@pytest.mark.parametrize("name", ["cayley", "small_steps"])
def test_a_classical_stranger_without_a_name(name: str) -> None:
    """Everything but files, which cannot know it and say so; every other cell is refused by the sentence of its facts."""
    report = qd.assert_valid_method(STRANGERS[name])
    assert len(report.ran) == 5
    assert len(report.excluded) == 9
    assert all("Argument `method` must run on " in text for text in report.excluded.values())
    assert told(report, "files") == {"the method comes back as its text"}
    assert all("one of your own" in text for text in told(report, "problem_file") | told(report, "command_line"))
    assert not told(report, "error_budget")
    assert not any(verb in ("evolve", "shots", "cost") for _, verb in report.refused)


@pytest.mark.parametrize("name", list(STRANGERS))
def test_a_stranger_with_an_entry_point(name: str, offered: Any) -> None:
    """Then files, run folders and the command line know it too: nothing is refused but what belongs to no such method."""
    space = {"cayley": "walls", "lie_circuits": "flux", "small_steps": "operator"}[name]
    problem = standard_problem(space, CLOCK[name])  # type: ignore[arg-type]
    report = qd.assert_valid_method(STRANGERS[name], problems=[problem])
    assert len(report.ran) == 1
    here = STRANGERS[name].facts().runs_on == "classical"
    assert {verb for _, verb in report.refused} == ({"circuits", "submit"} if here else set())


@pytest.mark.slow
@pytest.mark.parametrize("space", SPACES)
def test_a_stranger_of_circuits_everywhere(space: str, offered: Any) -> None:
    """On every weight space, by every verb."""
    report = qd.assert_valid_method(LieCircuits(4), problems=[standard_problem(space, "real")])  # type: ignore[arg-type]
    assert len(report.ran) == 1
    assert not report.refused


def test_a_stranger_of_circuits_is_refused_elsewhere() -> None:
    """By the sentence of its facts, on all clocks that it does not name."""
    others = [p for p in standard_problems() if p.clock != "real"]
    report = qd.assert_valid_method(LieCircuits(4), problems=others)
    assert not report.ran
    assert len(report.excluded) == len(others) == 8


def test_a_stranger_with_an_entry_point_has_a_name(offered: Any) -> None:
    """In files, on the command line, and in the table of facts."""
    for name, method in STRANGERS.items():
        assert method_spec(method)["kind"] == name
        assert method_from_spec(method_spec(method)) == method
    code, out, _ = call_command(["list", "methods"])
    assert code == 0
    assert all(f"\n{name} " in out for name in STRANGERS)
    code, out, _ = call_command(["list", "methods", "cayley"])
    assert code == 0
    assert "damping=0.0" in out
    assert "Cayley(steps=4)" in out


def test_the_verbs_have_names() -> None:
    """A verb that is not asked for is not gone over."""
    report = qd.assert_valid_method(Cayley(8), problems=[standard_problem("walls", "real")], verbs=["evolve"])
    assert report.ran == ("on walls, real clock",)
    assert not report.refused
    assert "submit" in VERBS
