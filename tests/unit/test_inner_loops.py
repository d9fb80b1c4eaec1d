"""Loops inside a call on the engine of sweeps: the same bits wherever the items run, interrupts keep what was done, refusals."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.base.errors import MethodError, ProblemError
from qml_dynamics.base.executor import ProcessDied, answered, each
from qml_dynamics.learning.descent.table import functions_table, rivals_table
from tests.dying import dies


class Inline(Executor):
    """Runs a call where it is submitted; from call ``stop`` on there is a keyboard interrupt, a little later, and nothing is run."""

    def __init__(self, stop: int = 10**9) -> None:
        self.stop, self.calls = stop, 0

    def submit(self, function: Callable[..., Any], /, *given: Any, **options: Any) -> Future[Any]:
        """A future that is done."""
        future: Future[Any] = Future()
        self.calls += 1
        if self.calls > self.stop:
            threading.Timer(0.3, future.set_exception, [KeyboardInterrupt()]).start()
            future.cancel = lambda: False  # type: ignore[method-assign]
        else:
            future.set_result(function(*given, **options))
        return future


def bowl(qubits: int = 5, edge: float = 5.0) -> qd.Problem:
    """A person's function, which cannot be sent to another process."""
    return qd.Problem(qd.Grid((-edge, edge), qubits), lambda w: w[:, 0] ** 2 / 2, 0.5, clock="imaginary", duration=1.0)


def spins() -> qd.Problem:
    return qd.Problem.from_operator({"ZZI": 1.0, "IZZ": 0.6, "XII": 0.7, "IXI": 0.5}, clock="imaginary", duration=1.0)


def chain(problem: qd.Problem, **options: Any) -> Any:
    return qd.metts(problem, 0.7, 60, seed=4, **{"walkers": 3, "burn_in": 5, "progress": False, **options})


@pytest.mark.parametrize(
    ("problem", "options"),
    [
        (bowl(), {}),
        (bowl(), {"collapse": "alternate"}),
        (bowl(), {"reading": "population"}),
        (bowl(), {"method": qd.Krylov()}),
        (bowl(11, 40.0), {"burn_in": 0, "diffusion": 0.02}),  # above 1024 points: blocks of waves
        (spins(), {}),
    ],
    ids=["dense", "alternate", "population", "method", "blocks", "operator"],
)
def test_walkers_are_the_same_wherever_they_run(problem: qd.Problem, options: dict[str, Any]) -> None:
    with ThreadPoolExecutor(2) as threads:
        one, two = chain(problem, executor=Inline(), **options), chain(problem, executor=threads, **options)
    np.testing.assert_array_equal(one.index, two.index)
    assert one.index.shape == (20, 3)
    assert len({tuple(walker) for walker in one.index.T.tolist()}) == 3  # each has random numbers of its own
    assert one.stop == f"Reached 20 steps of 3 walkers after a burn-in of {options.get('burn_in', 5)}."


def test_walkers_apart_follow_the_law() -> None:
    """coth(1) / 2 of the bowl at beta = 2, as the chain of all walkers together; the error is that of the chain, four of them."""
    apart = qd.metts(bowl(6), 1.0, 3000, seed=2, executor=Inline())
    together = qd.metts(bowl(6), 1.0, 3000, seed=2)
    square = apart.mean(lambda w: w[:, 0] ** 2)
    assert abs(square.value - 0.5 / np.tanh(1.0)) < 4 * square.stderr < 0.2
    assert np.abs(apart.detailed_balance.value) < 4 * apart.detailed_balance.stderr
    assert not np.array_equal(apart.index, together.index)


def test_an_interrupt_keeps_walkers_and_the_same_call_goes_on(tmp_path: Path) -> None:
    whole = chain(bowl(), executor=Inline())
    stopped = chain(bowl(), executor=Inline(2), folder=tmp_path / "kept")
    np.testing.assert_array_equal(stopped.index, whole.index[:, :2])
    assert stopped.stop == "Interrupted from the keyboard after 2 of 3 walkers; kept what was done."
    assert stopped.diagnostics["walkers"] == 2
    executor = Inline()
    again = chain(bowl(), executor=executor, folder=tmp_path / "kept")
    assert executor.calls == 1
    np.testing.assert_array_equal(again.index, whole.index)
    read = chain(bowl(), executor=Inline(0), folder=tmp_path / "kept")
    np.testing.assert_array_equal(read.samples, whole.samples)
    with pytest.raises(ProblemError, match="random numbers"):
        chain(bowl(), folder=tmp_path / "kept")
    with pytest.raises(KeyboardInterrupt):
        chain(bowl(), executor=Inline(0))


def test_functions_and_rivals_are_the_same_wherever_they_run() -> None:
    names = ["hosaki", "levy", "rosenbrock"]
    alone = functions_table(names, qubits=4, steps=200, seed=3)
    apart = functions_table(names, qubits=4, steps=200, seed=3, executor=Inline())
    assert [row.name for row in apart] == names
    assert [replace(row, seconds=0.0) for row in apart] == [replace(row, seconds=0.0) for row in alone]
    assert len({row.success for row in alone}) == 3
    part = functions_table(names, qubits=4, steps=200, seed=3, executor=Inline(2))
    assert [replace(row, seconds=0.0) for row in part] == [replace(row, seconds=0.0) for row in alone[:2]]
    asked: dict[str, Any] = {"evaluations": 100, "seeds": [0, 1], "rival_names": ["grid_lbfgsb", "uniform"]}
    rivals = [rivals_table(names[:2], **asked, **where) for where in ({}, {"executor": Inline()})]
    assert [[replace(row, seconds=0.0) for row in rows] for rows in rivals] == [
        [replace(row, seconds=0.0) for row in rivals[0]]
    ] * 2
    assert len(rivals[0]) == 4


def test_processes_give_the_bits_of_one() -> None:
    """Spawned processes: the walkers of a person's function, which travels as a table."""
    one, two, inline = (chain(bowl(), **where) for where in ({"workers": 1}, {"workers": 2}, {"executor": Inline()}))
    assert one.index.shape == (20, 3)
    assert np.array_equal(one.index, two.index)
    assert np.array_equal(one.index, inline.index)


def test_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProblemError, match="Argument `workers` must be an integer between 1 and 4096, but is 0"):
        chain(bowl(), workers=0)
    with pytest.raises(ProblemError, match="Argument `workers` must be left out where there is an executor"):
        chain(bowl(), workers=2, executor=Inline())
    with pytest.raises(MethodError, match="Argument `workers` must be left out with a backend"):
        chain(bowl(), workers=2, backend="statevector")
    with pytest.raises(MethodError, match="Argument `method` must be such that another process can have it"):
        list(each(_called, [lambda: 1], executor=Inline(), what="method"))
    own = type("Own", (), {"__module__": "__main__"})  # of a script, which the workers do not run again
    monkeypatch.setattr(sys.modules["__main__"], "Own", own, raising=False)
    with pytest.raises(MethodError, match=r"`method` must be such that another process can have it .* Own"):
        list(each(_called, [own()], workers=1, what="method"))
    assert not isinstance(next(each(type, [own()], executor=Inline(), what="method"))[1], Exception)
    with pytest.raises(ZeroDivisionError):
        list(each(_inverse, [1.0, 0.0], executor=Inline()))
    assert dict(each(_inverse, [1.0, 2.0])) == {0: 1.0, 1: 0.5}


def _called(function: Callable[[], int]) -> int:
    return function()


def _inverse(x: float) -> float:
    return 1.0 / x


def test_a_call_is_given_up_when_its_process_has_died_twice_while_it_ran_alone(tmp_path: Path) -> None:
    """What died beside others, and once alone, is tried once more and answers; a third death is told, and the call beside it is done."""
    calls = [(str(tmp_path / "twice"), 2), (str(tmp_path / "thrice"), 3), (str(tmp_path / "never"), 0)]
    found = dict(answered(dies, calls, workers=1))
    assert found[0] == 2
    assert isinstance(found[1], ProcessDied)
    assert found[2] == 0
    assert len(list((tmp_path / "thrice").iterdir())) == 3
