"""Argument checks: one wording, the right class, the nearest known name, sizes refused with bytes."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from qml_dynamics.base import errors
from qml_dynamics.base.errors import BackendError, MethodError, ProblemError, QMLDynamicsError


def test_every_error_is_of_the_library_and_of_a_built_in_kind():
    """One base class catches all; code that knows only built-in errors works too."""
    for cls in (ProblemError, MethodError, BackendError, errors.JobLost, errors.BudgetExceeded):
        assert issubclass(cls, QMLDynamicsError)
    assert issubclass(ProblemError, ValueError)
    assert issubclass(MethodError, ValueError)
    assert issubclass(errors.JobLost, BackendError)
    assert issubclass(BackendError, RuntimeError)


@pytest.mark.parametrize("value", [1, np.int64(7), np.uint8(30), 30])
def test_integers_of_any_kind_pass(value):
    """And come back as Python's own."""
    assert type(errors.integer(value, "qubits", 1, 30)) is int


@pytest.mark.parametrize("value", [0, 31, 1.5, 3.0, True, np.True_, "3", None, [3], 2 + 0j, np.nan, Fraction(3)])
def test_what_is_no_integer_is_refused(value):
    """The message names the argument, the range and the value."""
    with pytest.raises(MethodError, match=r"^Argument `qubits` must be an integer between 1 and 30, but is .+\.$"):
        errors.integer(value, "qubits", 1, 30, MethodError)


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), np.int8(2), Fraction(1, 3)])
def test_real_numbers_of_any_kind_pass(value):
    """And come back as floats."""
    assert errors.real(value, "width", positive=True) == float(value)
    assert type(errors.real(value, "width")) is float


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1j, "1", None, True, [1.0], 10**400, Decimal(1)])
def test_what_is_no_finite_real_number_is_refused(value):
    """Infinite, complex, text, booleans, integers beyond floats: one line each."""
    with pytest.raises(ProblemError, match=r"^Argument `width` must be a number, but is ") as caught:
        errors.real(value, "width")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 160


def test_signs_are_checked_where_asked_for():
    """Zero is not positive, but it is not negative either."""
    assert errors.real(0, "d", nonnegative=True) == 0.0
    with pytest.raises(ProblemError, match="positive"):
        errors.real(0, "d", positive=True)
    with pytest.raises(ProblemError, match="not negative"):
        errors.real(-1e-300, "d", nonnegative=True)


def test_unknown_names_get_the_nearest_known_one():
    """Near misses are named, far ones are not guessed."""
    with pytest.raises(ProblemError, match="Did you mean 'rastrigin'"):
        errors.one_of("rastrign", "name", ["levy", "rastrigin"])
    with pytest.raises(ProblemError) as caught:
        errors.one_of("qqqqqq", "name", ["levy", "rastrigin"])
    assert "Did you mean" not in str(caught.value)
    assert "levy, rastrigin" in str(caught.value)
    for value in (None, 3, ["levy"], np.zeros(2)):
        with pytest.raises(ProblemError, match="must be one of"):
            errors.one_of(value, "name", ["levy"])


def test_long_values_are_cut_to_one_line():
    """An array in a message does not fill the screen."""
    text = errors.describe(np.arange(1000.0))
    assert len(text) <= 80
    assert "\n" not in errors.describe(np.zeros((3, 3)))


def test_memory_is_refused_with_bytes_needed_and_available():
    """No attempt is made to allocate."""
    with pytest.raises(MethodError, match=r"^A wave needs 16384\.0 PiB of memory, but .+ are available\.$"):
        errors.check_memory(2**64, "A wave")
    errors.check_memory(1024, "A wave")
    assert 2**20 < errors.available_memory() < 2**62


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (3 * 2**30, "3.0 GiB"), (2**60, "1024.0 PiB")]
)
def test_bytes_for_people(count, text):
    """Powers of 1024."""
    assert errors.human_bytes(count) == text
