"""Arithmetic text: the values are NumPy's, and nothing else gets through."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qml_dynamics.base.errors import ProblemError
from qml_dynamics.model.objectives import expression

POINTS = np.random.default_rng(5).uniform(0.1, 2.0, (40, 3))
A, B, C = POINTS.T

CASES = {
    "x0 + 2*x1 - x2/3": A + 2 * B - C / 3,
    "-x0**2": -(A**2),
    "(-x0)**2 * +x1": A**2 * B,
    "x0**x1**x2": A ** (B**C),
    "2**-x0": 2.0**-A,
    "sin(x0)*cos(x1) + tan(x2/2)": np.sin(A) * np.cos(B) + np.tan(C / 2),
    "exp(-x0) + log(x1) + sqrt(abs(x2 - 1))": np.exp(-A) + np.log(B) + np.sqrt(np.abs(C - 1)),
    "tanh(x0) + cosh(x1) - sinh(x2)": np.tanh(A) + np.cosh(B) - np.sinh(C),
    "minimum(x0, x1) + maximum(x1, 1, x2)": np.minimum(A, B) + np.maximum(np.maximum(B, 1), C),
    "min(x0, x1, x2) * max(x0, 0.5)": np.minimum(np.minimum(A, B), C) * np.maximum(A, 0.5),
    "cos(2*pi*x0)/e**2": np.cos(2 * np.pi * A) / np.e**2,
    "1e-3*x0 + 3": 1e-3 * A + 3,
    "(\n x0 +\n x1)": A + B,
    "7": np.full(40, 7.0),
    "1/4 + 1/4": np.full(40, 0.5),
}


@pytest.mark.parametrize("text", CASES)
def test_value_is_that_of_numpy(text):
    objective = expression(text)
    assert objective(POINTS) == pytest.approx(CASES[text], rel=1e-14)
    assert dict(objective.spec) == {"expression": text}


def trees():
    leaves = st.sampled_from(["x0", "x1", "2.5", "3", "pi"])
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds("({} {} {})".format, inner, st.sampled_from("+-*"), inner),
            st.builds("{}({})".format, st.sampled_from(["sin", "tanh", "abs"]), inner),
            st.builds("(-{})".format, inner),
            st.builds("{}**2".format, leaves),
        ),
        max_leaves=12,
    )


@settings(deadline=None, derandomize=True)
@given(trees())
def test_random_expressions_agree_with_python_arithmetic(text):
    names = {"sin": np.sin, "tanh": np.tanh, "abs": np.abs, "pi": np.pi, "x0": A, "x1": B}
    wanted = eval(text, {"__builtins__": {}}, names)  # text made by this test
    assert expression(text)(POINTS) == pytest.approx(np.broadcast_to(wanted, 40), rel=1e-12, abs=1e-12)


def test_gradient_by_differences():
    objective = expression("x0**2 * x1 + sin(x2)")
    assert objective.gradient(POINTS) == pytest.approx(np.stack([2 * A * B, A**2, np.cos(C)], axis=1), abs=1e-9)


def test_the_points_are_not_written_to_nor_returned():
    points = np.array([[1.0], [2.0]])
    values = expression("x0").fn(points)
    values[:] = 0
    assert points.tolist() == [[1.0], [2.0]]


REFUSED = {
    "x0.real": r"must use only x0, x1, .* but has `x0.real`",
    "x0[0]": r"has `x0\[0\]`",
    "__import__('os')": "has `__import__`",
    "().__class__": "has `",
    "open(x0)": "has `open`",
    "(lambda: 1)()": "has `lambda: 1`",
    "lambda x0: x0": "has `lambda x0: x0`",
    "x0 < 1": "has `x0 < 1`",
    "x0 if x1 else x2": "has `x0 if x1 else x2`",
    "x0 and x1": "has `x0 and x1`",
    "not x0": "has `not x0`",
    "[x0, x1]": r"has `\[x0, x1\]`",
    "x0 % 2": "has `x0 % 2`",
    "x0 @ x1": "has `x0 @ x1`",
    "x0 ^ 2": r"has `x0 \^ 2`. A power is written \*\*",
    "'x0'": "has `'x0'`",
    "f'{x0}'": "has `f",
    "True": "has `True`",
    "2j*x0": "has `2j`",
    "...": "has `...`",
    "y + x0": r"must use only .*sqrt, .* but has `y`",
    "x01": "has `x01`",
    "x": "has `x`",
    "sin": "has `sin`",
    "sin(x0)(x1)": r"has `sin\(x0\)`",
    "sin(*x0)": r"has `\*x0`",
    "maximum(x0, x1, out=x2)": "`maximum` is called with a keyword",
    "sin(x0, x1)": "must give `sin` 1 argument, but gives it 2",
    "min(x0)": "must give `min` 2 or more arguments, but gives it 1",
    "sin()": "must give `sin` 1 argument, but gives it 0",
    "(x0 := 2)": "has `",
    "x0 +": "must be arithmetic, but 'x0 .' is not: invalid syntax",
    "x0; x1": "must be arithmetic",
    "x0 = 2": "must be arithmetic",
    "import os": "must be arithmetic",
    "x0 + \0": "must be arithmetic",
    "1or 2": "has `1 or 2`",
    "x60": "weights up to x59, but uses `x60`",
    "9**9**9**9": r"exponents of at most 100, but one is `",
    "x0**101": "exponents of at most 100, but one is `101`",
    "x0**-1000.5": "exponents of at most 100, but one is `-1000.5`",
    "1/0 + x0": "finite constants, but `1 / 0` is inf",
    "log(0)": r"finite constants, but `log\(0\)` is -inf",
    "x0*(-8)**0.5": "finite constants, but .* is nan",
    "1e999": "finite constants",
    "9" * 400: "finite constants",
    "   ": "must be an arithmetic text",
}


@pytest.mark.parametrize("text", REFUSED)
def test_anything_else_is_refused_and_named(text):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ProblemError, match=REFUSED[text]) as caught:
            expression(text)
    assert "\n" not in str(caught.value)


def test_long_and_deep_texts_are_refused_before_they_cost_anything():
    with pytest.raises(ProblemError, match="have at most 2000 characters, but is of length 2001"):
        expression("1" + "+1" * 1000)
    with pytest.raises(ProblemError, match="nested at most 250 deep"):
        expression("x0" + "+x0" * 600)
    with pytest.raises(ProblemError, match=r"must be arithmetic|nested at most"):
        expression("(" * 900 + "x0" + ")" * 900)
    with pytest.raises(ProblemError, match=r"must be arithmetic|nested at most"):
        expression("-" * 1900 + "x0")
    assert expression("x0" + "+x0" * 200)(np.array([[2.0]])) == pytest.approx(402)


def test_text_must_be_text():
    with pytest.raises(ProblemError, match="`expression` must be an arithmetic text, but is 3"):
        expression(3)


def test_number_of_weights():
    with pytest.raises(ProblemError, match="weights up to x1, for ndim = 2, but uses `x2`"):
        expression("x0 + x2", ndim=2)
    with pytest.raises(ProblemError, match="`ndim` must be an integer between 1 and 60, but is 0"):
        expression("x0", ndim=0)
    with pytest.raises(ProblemError, match="takes 3 weights, but the points have 2"):
        expression("x0", ndim=3)(np.zeros((4, 2)))
    with pytest.raises(ProblemError, match="takes at least 3 weights, but the points have 2"):
        expression("x2")(np.zeros((4, 2)))
    assert expression("x0", ndim=3)(POINTS) == pytest.approx(A)


def test_bad_values_are_reported_by_the_objective_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ProblemError, match=r"must be finite, but is nan at \[-1.0\]"):
            expression("sqrt(x0)")(np.array([[4.0], [-1.0]]))
        with pytest.raises(ProblemError, match="must be finite, but is inf"):
            expression("1/x0")(np.array([[0.0]]))
