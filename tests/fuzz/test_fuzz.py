"""Fuzzing from outside: whatever is given, an answer that holds or one line; no raw traceback, nothing that hangs.

A number makes a case, so that ``python -m tests.fuzz calls 17`` runs the case again that a failure names. A few dozen of each
kind are in the normal suite, some hundreds in the slow one, all of them in `make test-fuzz`.
"""

from __future__ import annotations

from types import FunctionType

import pytest

from tests.fuzz import calls, pools
from tests.fuzz.__main__ import FUZZERS, faults
from tests.fuzz.limits import attempt

TOTAL = {"problem_files": 3000, "calls": 5000, "command_lines": 500, "damage": 1000}
FEW = {"problem_files": 60, "calls": 80, "command_lines": 22, "damage": 40}
MORE = {"problem_files": 500, "calls": 600, "command_lines": 110, "damage": 250}
STEP = 17  # prime to the numbers of names, files, verbs and kinds, so that a few cases meet most of them
BATCH = {"problem_files": 250, "calls": 250, "command_lines": 50, "damage": 100}


@pytest.mark.parametrize("kind", list(FEW))
def test_a_few_cases(kind):
    """Some of each kind, spread over all of them."""
    numbers = [STEP * i % TOTAL[kind] for i in range(FEW[kind])]
    assert len(set(numbers)) == FEW[kind]
    assert faults(kind, numbers) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(MORE))
def test_more_cases(kind):
    """The first hundreds of each kind."""
    assert faults(kind, range(MORE[kind])) == []


@pytest.mark.fuzz
@pytest.mark.parametrize(
    ("kind", "first"), [(kind, first) for kind, total in TOTAL.items() for first in range(0, total, BATCH[kind])]
)
def test_every_case(kind, first):
    """All of them, in batches."""
    assert faults(kind, range(first, first + BATCH[kind])) == []


def test_cases_are_the_same_every_time():
    """A number that fails here fails there."""
    assert set(FUZZERS) == set(TOTAL)
    problem_files, command_lines = FUZZERS["problem_files"], FUZZERS["command_lines"]
    assert [problem_files.changed(i) for i in range(40)] == [problem_files.changed(i) for i in range(40)]
    assert [command_lines.line(i) for i in range(40)] == [command_lines.line(i) for i in range(40)]
    assert [(calls.call(i).name, calls.call(i).changed) for i in range(9)] == [
        (calls.call(i).name, calls.call(i).changed) for i in range(9)
    ]
    assert len({problem_files.changed(i) for i in range(200)}) > 150


def test_faults_are_seen():
    """The judge is no rubber stamp: raw errors, long lines, slow calls and numbers that are not finite are faults."""
    assert attempt(lambda: 1 / 0, calls.fault) is not None
    assert attempt(lambda: [1.0, float("nan")], calls.fault) is not None
    assert attempt(lambda: [1.0, 2.0], calls.fault) is None
    run = pools.run()
    object.__setattr__(broken := pools.run.__wrapped__(), "density", 1.1 * run.density)
    assert calls.fault(run) is None
    assert calls.fault(broken) is not None


def test_every_public_function_checks_its_arguments():
    """One set of checks that every verb passes through: a new one that does not is found here."""
    functions = {
        name: f
        for name, f in calls.public().items()
        if isinstance(f, FunctionType) and f.__module__.startswith("qml_dynamics") and ".base." not in f.__module__
    }
    functions = {n: f for n, f in functions.items() if calls.parameters(f)}
    assert len(functions) > 120
    assert [name for name, f in functions.items() if not hasattr(f, "__wrapped__")] == []


@pytest.mark.slow
def test_right_calls_answer():
    """The recipes are right: without a change, each call has an answer, so that a refusal comes from the change."""
    wrong = [name for name in sorted(calls.RIGHT) if name not in calls.NEED_AN_OBJECT and not calls.answers(name)]
    assert len(calls.RIGHT) > 250
    assert wrong == []
