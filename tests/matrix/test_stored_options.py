"""Options of a stranger's method in files: they come back as they were, or the method is stored by its text and files refuse it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from strangers import Cayley, Optioned

import qml_dynamics as qd
from qml_dynamics.base.codec import is_plain, method_from_spec, method_spec
from qml_dynamics.base.errors import MethodError, ProblemError
from qml_dynamics.conformance.cells import standard_problem

PROBLEM = standard_problem("hypercube", "real")


class Word(StrEnum):
    """A text that is more than one."""

    ONE = "one"


KEPT = [
    *(True, 7, 2**80, 0.1, float("inf"), 'two\nlines and "quotes"', "", np.int64(3), np.float64(0.5), np.bool_(False)),
    *((1, (2, "a")), {"a": 1, "b": (1, 2)}, qd.Trotter(3), (qd.Trotter(3), qd.SplitStep(2)), qd.Gaussian(0.0, 1.0)),
]
NOT_KEPT = [
    *({1: 2}, {"kind": "trotter", "steps": 4}, 1 + 2j, np.arange(3.0), frozenset({1}), b"ab", abs, Word.ONE, range(3)),
    *(qd.Linear(0.0, 1.0), qd.Cutoff(1e-3), (qd.Cutoff(1e-3),), object(), Cayley),
]


@pytest.mark.usefixtures("offered")
@pytest.mark.parametrize("value", KEPT, ids=repr)
def test_an_option_that_files_hold_comes_back(value: object, tmp_path: Path) -> None:
    """From a trajectory and from a problem file: equal, and tuples as tuples; a derived field is made again."""
    method = Optioned(2, limit=value, pair=(1, 2))
    run = qd.evolve(PROBLEM, method)
    assert qd.load(run.save(tmp_path / "run")).method == method
    back = qd.read_problem(qd.write_problem(PROBLEM, tmp_path / "problem.toml", method=method)).method
    assert back == method
    assert (back.pair, back.halves) == ((1, 2), 4)


@pytest.mark.usefixtures("offered")
@pytest.mark.parametrize("value", NOT_KEPT, ids=lambda value: type(value).__name__)
def test_an_option_that_no_file_holds_is_told(value: object, tmp_path: Path) -> None:
    """The trajectory keeps the method's text, a problem file refuses it; nothing else comes back in its place."""
    method = Optioned(2, limit=value)
    assert not is_plain(method)
    back = qd.load(qd.evolve(PROBLEM, method).save(tmp_path / "run")).method
    assert isinstance(back, str)
    assert back.startswith("Optioned(steps=2")
    with pytest.raises(ProblemError, match=r"^\[method\] is one of your own, [^\n]* which no file can hold\.$"):
        qd.write_problem(PROBLEM, tmp_path / "problem.toml", method=method)
    with pytest.raises(
        MethodError, match=r"^Argument `method.limit` must be plain data to be written, but is [^\n]*\.$"
    ):
        method_spec(method)


@pytest.mark.usefixtures("offered")
def test_none_in_the_place_of_a_default_is_no_default(tmp_path: Path) -> None:
    """TOML has no word for None, and what is left out would be read as 3."""
    method = Optioned(2, limit=None)
    assert qd.load(qd.evolve(PROBLEM, method).save(tmp_path / "run")).method == method
    with pytest.raises(ProblemError, match=r"\[method\] has the option limit with the value None, which no TOML file"):
        qd.write_problem(PROBLEM, tmp_path / "problem.toml", method=method)
    report = qd.assert_valid_method(method, problems=[PROBLEM], verbs=["files", "problem_file"])
    assert {verb for _, verb in report.refused} == {"problem_file"}


@pytest.mark.usefixtures("offered")
@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"steps": 0}, "must have options that Optioned takes, but it raises ValueError: steps of at least 1"),
        ({"steps": "4"}, "must have options that Optioned takes, but it raises TypeError: "),
        ({}, "must name every option of Optioned that has no default: "),
    ],
)
def test_what_a_class_refuses_in_words_of_its_own(spec: dict[str, Any], sentence: str) -> None:
    """It leaves as one line that names the argument."""
    with pytest.raises(MethodError, match=rf"^Argument `method` {sentence}[^\n]*\.$"):
        method_from_spec({"kind": "optioned", **spec})
