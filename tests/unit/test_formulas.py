"""Product formulas as data: fractions, symmetry, factors of steps, cut times, extrapolation weights."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from qml_dynamics.base.errors import MethodError
from qml_dynamics.model.formulas import (
    FORMULAS,
    Factor,
    boundaries,
    by_name,
    by_order,
    factors,
    merged,
    multiproduct_coefficients,
    segments,
)
from qml_dynamics.model.schedules import QHD, Constant, Geometric, Linear, PowerLaw

PLAIN = ["lie", "strang", "suzuki4"]
SCHEDULES = [Constant(0.8), Linear(0.2, 1.5), Geometric(2.0, 0.1), PowerLaw(1.0, 2.0, offset=0.1), QHD(0.5).diffusion]


def random_parts(size: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    k, v = rng.standard_normal((2, size, size)) + 1j * rng.standard_normal((2, size, size))
    return k + k.conj().T, v + v.conj().T


def step_matrix(every, k: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The product of all factors, the first one acting first."""
    out = np.eye(len(k), dtype=complex)
    for factor in every:
        out = scipy.linalg.expm(-1j * factor.amount * (k if factor.kind == "K" else v)) @ out
    return out


@pytest.mark.parametrize("name", list(FORMULAS))
def test_fractions_add_up_to_one_step(name):
    """Of the kinetic part, of the potential, and of the substeps."""
    formula = by_name(name)
    assert sum(formula.substeps) == pytest.approx(1.0, abs=1e-15)
    for kinds in ("K", "VW"):
        assert sum(f for kind, f in formula.base if kind in kinds) == pytest.approx(1.0, abs=1e-15)
    assert formula.reference
    assert formula.forward == (name in ("lie", "strang", "chin4a", "omelyan2"))


@pytest.mark.parametrize("name", [name for name in FORMULAS if name != "lie"])
def test_symmetric_formulas_read_the_same_backwards(name):
    """In their base and in their substeps."""
    formula = by_name(name)
    assert formula.base == formula.base[::-1]
    assert formula.substeps == formula.substeps[::-1]


def test_orders_and_names():
    """1, 2, 4, and the nearest known name."""
    assert [by_order(order).name for order in (1, 2, 4)] == PLAIN
    for wrong in (0, 3, 6, True, "2", None):
        with pytest.raises(MethodError, match=r"`order` must be (1, 2 or 4|an integer)"):
            by_order(wrong)
    with pytest.raises(MethodError, match="Did you mean 'strang'"):
        by_name("strangg")


@given(
    st.sampled_from([*PLAIN, "chin4a"]), st.sampled_from(SCHEDULES), st.sampled_from(SCHEDULES), st.integers(1, 7),
    st.lists(st.floats(0.01, 1.99), max_size=3),
)  # fmt: skip
@settings(max_examples=60, deadline=None, derandomize=True)
def test_kinetic_amounts_add_up_to_the_integral_of_the_schedule(name, d, s, steps, cuts):
    """Whatever the formula, the schedule and the cuts; plain formulas do so for the potential too."""
    ends = boundaries(2.0, steps, sorted(cuts))
    every = list(factors(by_name(name), ends.tolist(), d, s, 2.0))
    kinetic = sum(f.amount for f in every if f.kind == "K")
    potential = sum(f.amount for f in every if f.kind != "K")
    assert kinetic == pytest.approx(d.integral(0.0, 2.0, 2.0), rel=1e-9)
    if name != "chin4a":
        assert potential == pytest.approx(s.integral(0.0, 2.0, 2.0), rel=1e-9)
    assert all((a.kind == "K") != (b.kind == "K") for a, b in zip(every, every[1:]))


@given(st.sampled_from(["strang", "suzuki4"]), st.floats(0.05, 1.0), st.integers(1, 3))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_symmetric_formulas_are_reversible(name, dt, steps):
    """S(dt)^r S(-dt)^r = 1 on the real clock; Lie's formula is not, so the test could fail."""
    k, v = random_parts()
    one = Constant(1.0)
    there = list(factors(by_name(name), np.linspace(0, dt, steps + 1).tolist(), one, one, 1.0))
    back = list(factors(by_name(name), np.linspace(dt, 0, steps + 1).tolist(), one, one, 1.0))
    np.testing.assert_allclose(step_matrix([*there, *back], k, v), np.eye(len(k)), atol=1e-11)
    lie = [*factors(by_name("lie"), [0, dt], one, one, 1.0), *factors(by_name("lie"), [dt, 0], one, one, 1.0)]
    assert np.abs(step_matrix(lie, k, v) - np.eye(len(k))).max() > 1e-3 * dt**2


@pytest.mark.parametrize(("order", "counts"), [(1, (4, 4)), (2, (4, 5)), (4, (20, 21))])
def test_neighbouring_factors_are_merged_between_steps(order, counts):
    """r steps of Strang hold r kinetic and r + 1 potential factors."""
    every = list(factors(by_order(order), [0, 1, 2, 3, 4], Constant(1.0), Constant(1.0), 4.0))
    assert (sum(f.kind == "K" for f in every), sum(f.kind == "V" for f in every)) == counts


def test_merging_adds_gradient_corrections():
    """A potential next to a corrected one becomes a corrected one."""
    got = list(merged([Factor("V", 1.0), Factor("W", 2.0, 0.5), Factor("K", 1.0), Factor("K", 0.5), Factor("V", 1.0)]))
    assert got == [Factor("W", 3.0, 0.5), Factor("K", 1.5), Factor("V", 1.0)]


def test_chin_needs_diffusion():
    """The formula lives in the time that the diffusion counts."""
    with pytest.raises(MethodError, match="`formula` must not be 'chin4a'"):
        list(factors(by_name("chin4a"), [0, 1], Constant(0.0), Constant(1.0), 1.0))


def test_ends_are_exact_and_cut_at_the_save_times():
    """k duration / steps, never accumulated; a save time within 1e-9 of a step is that end."""
    ends = boundaries(0.3, 3, [])
    assert ends.tolist() == [0.3 * k / 3 for k in range(4)]
    assert boundaries(1.0, 4, [0.25 + 1e-12, 0.6]).tolist() == [0.0, 0.25, 0.5, 0.6, 0.75, 1.0]
    many = boundaries(1.0, 10**5, [0.0, 1.0])
    assert len(many) == 10**5 + 1
    assert many[77777] == 77777 / 10**5


def test_segments_share_their_ends():
    """One piece from each save time to the next, a repeated save time an empty one."""
    ends = boundaries(1.0, 4, [0.0, 0.3, 0.3, 1.0])
    pieces = [piece.tolist() for piece in segments(ends, [0.0, 0.3, 0.3, 1.0])]
    assert pieces == [[0.0, 0.25, 0.3], [0.3], [0.3, 0.5, 0.75, 1.0]]


@given(st.lists(st.integers(1, 12), min_size=1, max_size=4, unique=True))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_multi_product_weights_cancel_the_even_orders(steps):
    """sum a = 1 and sum a k^-2q = 0 for q = 1 .. l - 1."""
    k = np.array(sorted(steps), dtype=float)
    a = multiproduct_coefficients(sorted(steps))
    assert a.sum() == pytest.approx(1.0, abs=1e-10)
    for q in range(1, len(k)):
        assert np.sum(a * k ** (-2.0 * q)) == pytest.approx(0.0, abs=1e-10)
