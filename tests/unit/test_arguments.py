"""Arguments against annotations: kinds, ranges of seeds and shots, one wording, and what the decorator leaves as it was."""

from __future__ import annotations

import doctest
import inspect
import itertools
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import ArrayLike

import qml_dynamics as qd
from qml_dynamics.base.arguments import ArgumentError, checks_arguments, checks_arguments_but
from qml_dynamics.base.errors import MethodError, ProblemError, QMLDynamicsError, integer, real
from qml_dynamics.base.kinds import fits, words
from qml_dynamics.base.numeric import Numbers
from qml_dynamics.model.objectives import expression

TIME = np.timedelta64(3, "s")


@pytest.mark.parametrize(
    ("hint", "right", "wrong"),
    [
        (int, [0, -3, np.int8(3), 10**30], [True, 2.0, "3", None, TIME, np.timedelta64(3), np.float64(2), [1]]),
        (float, [0, 0.5, np.float32(1)], [True, "1", None, 1j, np.nan, np.inf, 10**400, TIME, [1.0], np.ones(1)]),
        (bool, [True, np.True_], [1, 0, "no", None]),
        (str, ["a", np.str_("a")], [b"a", 1, None, ["a"]]),
        (int | None, [None, 1], [1.5, "a"]),
        (Sequence[int], [[1, 2], (3,), range(2), np.arange(3), []], [1, "12", [1.5], [True], {1: 2}, {1}, iter([1]), np.ones(2)]),
        (Sequence[str], [["a"], ("b", "c")], ["a", [1], np.array([True])]),
        (Sequence[Sequence[float]], [[(0, 1)], np.zeros((2, 2))], ["a", 1.0, None]),
        (Iterable[int], [[1], iter([1])], ["a", 1, ["a"]]),
        (tuple[float, float], [(0, 1), [0.5, 2]], [(1,), (1, 2, 3), ("a", 1), 1.0]),
        (Mapping[str, Any], [{}, {"a": 1}], [[("a", 1)], "a", 1]),
        (Callable[[int], int], [abs, lambda n: n], [1, "abs", None]),
        (np.ndarray, [[1, 2], np.ones((2, 2)), [1j]], [1.0, "a", [np.nan], [[1], [1, 2]], None, np.array([TIME])]),
        (Numbers | None, [1.0, [1, 2], None], ["a", [None], np.array(["a"]), np.inf, {"a": 1}]),
        (ArrayLike | None, [1.0, [1, 2], None, "read by the function"], []),
        (Literal["a", "b"], ["a"], ["c", 1, None, ["a"]]),
        (qd.Grid, [qd.Grid((-1, 1), 2)], [qd.Grid, qd.Hypercube(2), "grid", None]),
        (Any, [None, object()], []),
    ],
)  # fmt: skip
def test_kinds(hint, right, wrong):
    """What fits an annotation, and what does not."""
    assert [value for value in right if not fits(value, hint)] == []
    assert [value for value in wrong if fits(value, hint)] == []
    assert "\n" not in words(hint)


def test_a_path_is_text_or_a_path_that_a_file_may_have():
    """No zero byte and no part of more than 255 bytes: the system's own error would be raw."""
    with pytest.raises(ArgumentError, match="`path` must be a file or a folder, but is 3"):
        qd.read_problem(3)
    for path in ("a\0b", "x" * 300, "\ud800"):
        with pytest.raises(ArgumentError, match="`path` must be a file or a folder, but is"):
            qd.read_problem(path)


@checks_arguments
def scaled(count: int, *rest: int, shape: Grid = None, seed: int | None = None, **options: float) -> int:  # type: ignore[name-defined]  # noqa: F821
    """Doctests of a wrapped function are found where it is defined.

    >>> scaled(2)
    4
    """
    return 2 * count


@checks_arguments_but("count")
def own(count: int, name: str = "a") -> Any:
    """``count`` is left to the function."""
    return count


def test_the_decorator_says_what_is_wrong_and_changes_nothing_else():
    """Defaults of another kind, unknown classes by their name, starred arguments, and the signature."""
    assert scaled(3, "a", seed=None, x="b") == 6
    assert scaled(3, shape=qd.Grid((-1, 1), 2)) == 6
    with pytest.raises(ArgumentError, match="`shape` must be a Grid, but is 'a'"):
        scaled(3, shape="a")
    with pytest.raises(TypeError, match="missing"):
        scaled()
    assert own("free") == "free"
    with pytest.raises(ArgumentError, match="`name` must be a text, but is 3"):
        own(1, 3)
    assert list(inspect.signature(scaled).parameters) == ["count", "rest", "shape", "seed", "options"]
    assert inspect.getmodule(scaled) is sys.modules[__name__]
    found = [test.name for test in doctest.DocTestFinder().find(sys.modules[__name__]) if test.examples]
    assert any(name.endswith("scaled") for name in found)


@pytest.mark.parametrize("seed", [-1, 2**128 + 1, "a", 2.5, True, [1], TIME])
def test_seeds(seed):
    """One range of seeds everywhere."""
    with pytest.raises(ArgumentError, match=r"^Argument `seed` must be an integer"):
        scaled(1, seed=seed)


def test_an_argument_error_is_of_both_kinds():
    """Who catches errors of problems or of methods catches it."""
    assert issubclass(ArgumentError, ProblemError)
    assert issubclass(ArgumentError, MethodError)


@pytest.mark.parametrize("value", [TIME, np.timedelta64(3), np.timedelta64("NaT")])
def test_a_time_difference_is_no_number(value):
    """NumPy registers it as an integer."""
    with pytest.raises(ProblemError, match="`a` must be an integer"):
        integer(value, "a", 0, 10)
    with pytest.raises(ProblemError, match="`a` must be a number"):
        real(value, "a")
    with pytest.raises(QMLDynamicsError, match="`steps` must be an integer"):
        qd.SplitStep(value)


def test_an_integer_of_more_digits_than_python_prints():
    """It is refused like any other that is too large."""
    with pytest.raises(ProblemError, match=r"`a` must be an integer between 0 and 10, but is an object of type int"):
        integer(10**5000, "a", 0, 10)


GRID = qd.Grid((-3, 3), 3)
PROBLEM = qd.Problem(GRID, expression("x0**2"), 0.5, clock="real", duration=0.2, initial=qd.Gaussian(0, 1))
RUN = qd.evolve(PROBLEM, qd.SplitStep(2), progress=False)
METHOD = qd.Trotter(2)
MODEL = qd.Diffusion(qd.Grid((-6, 6), 4), qd.diffusion.gaussian_mixture([0.3, 0.7], [-1.0, 1.0], [0.2, 0.1]))
CLASSICAL = qd.ensembles.characteristics(PROBLEM.replace(clock="classical"), qd.HamiltonJacobi(2))
WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "shots that are no integer": (lambda: qd.error_budget(PROBLEM, METHOD, shots=2.5), "shots"),
    "shots that are a boolean": (lambda: qd.error_budget(PROBLEM, METHOD, shots=True), "shots"),
    "a negative seed": (lambda: qd.error_budget(PROBLEM, METHOD, seed=-1), "seed"),
    "a text as seed": (lambda: qd.error_budget(PROBLEM, METHOD, seed="a"), "seed"),
    "a path to evolve": (lambda: qd.evolve("problem.toml", METHOD), "problem"),
    "a path to cost": (lambda: qd.cost("problem.toml", METHOD), "problem"),
    "a path to circuits": (lambda: qd.circuits("problem.toml", METHOD), "problem"),
    "a path to error_budget": (lambda: qd.error_budget("problem.toml", METHOD), "problem"),
    "a path to taylor": (lambda: qd.taylor("problem.toml", [0.0], 2), "problem"),
    "a path to thermal": (lambda: qd.gibbs.thermal("problem.toml", 1.0), "problem"),
    "a path to write_problem": (lambda: qd.write_problem("problem.toml", "out.toml"), "problem"),
    "a class of problems": (lambda: qd.cost(qd.Problem, METHOD), "problem"),
    "descend compares 1": (lambda: qd.descend("levy", compare=1), "compare"),
    "rotations that are a number": (lambda: qd.ansatz.hardware_efficient(2, rotations=1.5), "rotations"),
    "a seed of a view": (lambda: qd.ensemble_view(RUN, seed="x"), "seed"),
    "a text as wave": (lambda: qd.ensembles.madelung("x", GRID, 1.0), "psi"),
    "a text as boolean": (lambda: qd.ansatz.hamiltonian(2, separate="no"), "separate"),
    "an objective where a text was": (lambda: qd.objectives.unit_box("levy"), "objective"),
    "a wave that is not finite": (lambda: qd.ensembles.circulation([np.nan] * 8, GRID), "psi"),
    "a range beyond any memory": (lambda: qd.growth.polar(range(10**12)), "W"),
    "a range beyond the integers": (lambda: qd.growth.polar(range(-(10**30), 10**30)), "W"),
    "saved times beyond any memory": (lambda: qd.evolve(PROBLEM, METHOD, save=range(10**12)), "save"),
    "an endless condition": (lambda: MODEL.problem(0.5, itertools.count()), "condition"),
    "spacings of another shape": (lambda: PROBLEM.objective.gradient([[0.0]], np.zeros((2, 2))), "spacing"),
    "a time that is not there": (lambda: CLASSICAL.density(10**30), "index"),
    "steps of an hour": (lambda: qd.Trotter(np.timedelta64(1, "h")), "steps"),
}


@pytest.mark.parametrize("case", list(WRONG))
def test_wrong_arguments_of_verbs_are_named(case):
    """One line that names the argument, before anything runs."""
    call, name = WRONG[case]
    with pytest.raises(QMLDynamicsError, match=f"^Argument `{name}` must ") as caught:
        call()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
