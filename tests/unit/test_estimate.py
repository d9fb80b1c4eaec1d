"""Estimates: read as their value, print their error, propagate and compare it."""

from __future__ import annotations

import numpy as np
import pytest

from qml_dynamics.base.estimate import Estimate, mean_of_counts, share_error


def test_numpy_reads_the_value():
    """Arrays, floats, indexing, iteration, length."""
    e = Estimate(np.array([1.0, 2.0, 4.0]), np.array([0.1, 0.2, 0.4]), 50)
    np.testing.assert_array_equal(np.asarray(e), [1, 2, 4])
    assert np.asarray(e, dtype=np.float32).dtype == np.float32
    assert len(e) == 3
    assert [float(x) for x in e] == [1.0, 2.0, 4.0]
    assert e[-1].stderr == 0.4
    assert e[-1].shots == 50
    assert np.sum(e) == 7.0


def test_one_error_serves_all_values():
    """An exact array has the scalar error 0."""
    e = Estimate(np.array([1.0, 2.0]))
    assert e[1].stderr == 0.0
    assert str(e) == "[1, 2]"


def test_array_of_an_estimate_is_a_copy():
    """Writing to it leaves the estimate alone."""
    e = Estimate(np.array([1.0, 2.0]))
    np.asarray(e)[0] = 9.0
    assert e.value[0] == 1.0


def test_differences_add_errors_in_squares():
    """3-4-5."""
    gap = Estimate(5.0, 0.3, 10) - Estimate(2.0, 0.4, 20)
    assert gap.value == 3.0
    assert gap.stderr == pytest.approx(0.5)
    assert Estimate(5.0, 0.3).sigmas(Estimate(2.0, 0.4)) == pytest.approx(6.0)
    assert (Estimate(5.0, 0.3) - 1.0).value == 4.0


@pytest.mark.parametrize("unit", [1.0, 1e-21, 1e21])
def test_sigmas_of_exact_numbers(unit):
    """None between equal ones, infinitely many between different ones, in any unit; rounding is measured by what was added up."""
    assert Estimate(unit).sigmas(Estimate(unit * (1 + 1e-15))) == 0.0
    assert Estimate(unit).sigmas(Estimate(1.1 * unit)) == np.inf
    assert Estimate(0.0).sigmas(Estimate(1e-15 * unit)) == np.inf
    assert Estimate(0.0).sigmas(Estimate(1e-15 * unit), scale=unit) == 0.0


E, F = Estimate(3.0, 0.5, 100), Estimate(2.0, 0.1)


@pytest.mark.parametrize(
    ("found", "value", "stderr"),
    [
        (lambda: np.float64(2) * E, 6.0, 1.0),
        (lambda: E * np.float64(2), 6.0, 1.0),
        (lambda: np.float64(1) + E, 4.0, 0.5),
        (lambda: np.float64(1) - E, -2.0, 0.5),
        (lambda: np.array([1.0, 2.0]) * E, [3.0, 6.0], [0.5, 1.0]),
        (lambda: np.array([1.0, 2.0]) / F, [0.5, 1.0], [0.025, 0.05]),
        (lambda: np.negative(E), -3.0, 0.5),
        (lambda: -E, -3.0, 0.5),
        (lambda: abs(Estimate(-3.0, 0.5)), 3.0, 0.5),
        (lambda: 1 / F, 0.5, 0.025),
        (lambda: sum([E, E]), 6.0, np.sqrt(0.5)),
        (lambda: F * E, 6.0, np.sqrt(0.3**2 + 1.0**2 + 0.05**2)),
        (lambda: F * Estimate(0.0, 0.5), 0.0, np.hypot(1.0, 0.05)),
        (lambda: Estimate(np.float64(3.0), 0.6) / F, 1.5, np.hypot(0.3, 0.075)),
        (lambda: E * 0.0, 0.0, 0.0),
        (lambda: Estimate(3.0, np.inf) * 0.0, 0.0, 0.0),
    ],
)
@pytest.mark.filterwarnings("error")
def test_arithmetic_keeps_the_error(found, value, stderr):
    """With numbers and arrays of NumPy on either side, and of two independent estimates; 0 times an unknown error is exact."""
    got = found()
    assert isinstance(got, Estimate)
    np.testing.assert_allclose(got.value, value, rtol=1e-12)
    np.testing.assert_allclose(got.stderr, stderr, rtol=1e-12)


def test_product_of_independent_estimates_by_simulation():
    """The spread of products of 200,000 pairs of normal numbers, to 1 %: five standard errors of a standard deviation of so many."""
    rng = np.random.default_rng(5)
    pairs = rng.normal([2.0, 3.0], [0.1, 0.5], (200_000, 2))
    assert (F * E).stderr == pytest.approx(pairs.prod(axis=1).std(), rel=0.01)


def test_other_functions_of_numpy_read_the_value():
    """Functions that are not arithmetic have no error to give; an array that is written into stays an array."""
    total = np.zeros(2)
    total += Estimate(np.array([1.0, 4.0]), np.array([0.1, 0.1]))
    assert total.tolist() == [1.0, 4.0]
    assert np.sqrt(Estimate(4.0, 0.1)) == 2.0
    assert np.abs(np.array([1.0, 2.0]) - Estimate(np.array([2.0, 4.0]), 0.1)).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(0.123456789, 0.01234), "0.123 +- 0.012"),
        (Estimate(1234.5, 12.0), "1234 +- 12"),
        (Estimate(-2.0, 0.5), "-2.00 +- 0.50"),
        (Estimate(0.123456789), "0.123457"),
        (Estimate(0.25, np.inf), "0.25 +- inf"),
        (Estimate(0.25, np.nan), "0.25 +- nan"),
    ],
)
def test_text_has_two_digits_of_the_error(estimate, text):
    """Infinite errors (one shot) print too."""
    assert str(estimate) == text
    assert text in repr(estimate)


def test_mean_of_counts_is_the_mean_of_the_samples():
    """And its standard error that of the sample with n - 1."""
    values, counts = np.array([-1.0, 0.5, 3.0]), np.array([3, 4, 2])
    samples = np.repeat(values, counts)
    mean, error = mean_of_counts(values, counts)
    assert mean == pytest.approx(samples.mean())
    assert error == pytest.approx(samples.std(ddof=1) / 3)


def test_one_shot_knows_nothing_of_its_error():
    """Infinite, not zero."""
    assert mean_of_counts(np.array([2.0]), np.array([1])) == (2.0, np.inf)


def test_standard_errors_cover():
    """Of 400 means of 100 draws, 68 percent lie within one error: 3 sigma of a binomial."""
    rng = np.random.default_rng(5)
    values, weights = np.array([0.0, 1.0, 5.0]), np.array([0.5, 0.3, 0.2])
    inside = 0
    for _ in range(400):
        mean, error = mean_of_counts(values, rng.multinomial(100, weights))
        inside += abs(mean - values @ weights) < error
    assert 0.683 - 0.075 < inside / 400 < 0.683 + 0.075


def test_arithmetic_carries_the_error():
    """Sums add errors in quadrature, exact factors scale them."""
    a, b = Estimate(2.0, 0.3, 100), Estimate(1.0, 0.4, 100)
    for got, value, stderr in (
        (a + b, 3.0, 0.5),
        (a - b, 1.0, 0.5),
        (5 - a, 3.0, 0.3),
        (1 + a, 3.0, 0.3),
        (a * -2, -4.0, 0.6),
        (3 * a, 6.0, 0.9),
        (a / 4, 0.5, 0.075),
    ):
        assert got.value == pytest.approx(value)
        assert got.stderr == pytest.approx(stderr)
        assert got.shots == 100
    assert Estimate(np.zeros((2, 3))).shape == (2, 3)


def test_share_error_is_binomial_with_a_floor() -> None:
    assert share_error(0.3, 50) == pytest.approx(np.sqrt(0.3 * 0.7 / 50))
    assert share_error(np.array([0.0, 1.0, 0.5]), 25) == pytest.approx([np.sqrt(2) / 25, np.sqrt(2) / 25, 0.1])
