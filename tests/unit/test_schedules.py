"""Schedules: values by hand, integrals against quadrature, additivity, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

import qml_dynamics as qd
from qml_dynamics.base.errors import ProblemError
from qml_dynamics.model.schedules import QHD, Constant, Geometric, Linear, PowerLaw, Schedule, as_schedule, is_constant

SCHEDULES = [
    Constant(0.7),
    Linear(1.0, -0.4),
    Geometric(2.0, 0.01),
    Geometric(0.5, 0.5),
    PowerLaw(1.5, 2.0),
    PowerLaw(1.5, 2.5, offset=0.3),
    PowerLaw(0.5, -1.0, offset=0.2),
    PowerLaw(0.5, -1.5, offset=0.2, unit=2.0),
    PowerLaw(2.0, 3.0, unit=1.0),
    QHD().diffusion,
    QHD(0.5).diffusion,
    QHD().strength,
]
times = st.floats(0, 3, allow_nan=False)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
@pytest.mark.parametrize(("t0", "t1"), [(0.0, 3.0), (0.4, 0.7), (1.9, 1.2), (2.0, 2.0)])
def test_integral_is_the_integral_of_value(schedule, t0, t1):
    """Backwards too, since negative substeps ask for it."""
    inner = np.clip([0.01, 0.05, 0.1, 0.3], min(t0, t1), max(t0, t1))
    wanted = quad(lambda t: schedule.value(t, 3.0), t0, t1, points=inner, epsabs=1e-12, epsrel=1e-12, limit=400)[0]
    assert schedule.integral(t0, t1, 3.0) == pytest.approx(wanted, rel=1e-10, abs=1e-12)
    assert isinstance(schedule, Schedule)


@given(st.sampled_from(SCHEDULES), times, times, times)
@settings(max_examples=80, deadline=None, derandomize=True)
def test_integrals_add_up(schedule, a, b, c):
    """int_a^c = int_a^b + int_b^c, and int_b^a = -int_a^b."""
    f = schedule.integral
    scale = 1 + abs(f(a, b, 3.0)) + abs(f(b, c, 3.0)) + abs(f(0.0, 3.0, 3.0))
    assert f(a, c, 3.0) == pytest.approx(f(a, b, 3.0) + f(b, c, 3.0), abs=1e-12 * scale)
    assert f(b, a, 3.0) == pytest.approx(-f(a, b, 3.0), abs=1e-12 * scale)


def test_short_steps_keep_their_digits():
    """A step of 1e-6 has the integral of its middle value to nine digits."""
    for schedule in SCHEDULES:
        t, dt = 1.3, 1e-6
        middle = schedule.value(t + dt / 2, 3.0) * dt
        assert schedule.integral(t, t + dt, 3.0) == pytest.approx(middle, rel=2e-8), schedule


def test_values_are_what_their_equations_say():
    """One hand-made number each, at a time that is not the middle."""
    assert Linear(1.0, 3.0).value(1.0, 4.0) == 1.5
    assert Geometric(1.0, 16.0).value(1.0, 4.0) == pytest.approx(2.0)
    assert PowerLaw(3.0, 2.0, offset=1.0).value(2.0, 4.0) == pytest.approx(6.75)
    assert PowerLaw(3.0, 2.0, offset=1.0, unit=1.0).value(2.0, 4.0) == pytest.approx(27.0)
    assert QHD(0.5).diffusion.value(2.0, 9.0) == pytest.approx(1 / 8.5)
    assert QHD(0.5).strength.value(2.0, 9.0) == pytest.approx(16.0)
    assert Constant(2).value(1.0, 4.0) == 2.0


def test_stretching_and_absolute_time():
    """Linear and geometric stretch with the duration, quantum Hamiltonian descent does not."""
    for schedule in (Linear(1.0, 3.0), Geometric(1.0, 16.0), PowerLaw(1.0, 2.0)):
        assert schedule.value(1.0, 4.0) == pytest.approx(schedule.value(2.0, 8.0))
        assert schedule.integral(0.0, 8.0, 8.0) == pytest.approx(2 * schedule.integral(0.0, 4.0, 4.0))
    assert QHD().strength.value(1.0, 4.0) == QHD().strength.value(1.0, 8.0)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Constant(np.nan), "value"),
        (lambda: Linear(1, "2"), "stop"),
        (lambda: Geometric(0, 1), "start"),
        (lambda: Geometric(1, -1), "stop"),
        (lambda: PowerLaw(1, -1), "offset"),
        (lambda: PowerLaw(1, 1, offset=-0.1), "offset"),
        (lambda: PowerLaw(1, 1, unit=0), "unit"),
        (lambda: PowerLaw(1, np.inf), "power"),
        (lambda: QHD(0), "epsilon"),
        (lambda: QHD(True), "epsilon"),
    ],
)
def test_bad_options_are_named(make, name):
    """Not finite, of the wrong sign, of the wrong kind."""
    with pytest.raises(ProblemError, match=f"^Argument `{name}` must be "):
        make()


def test_plain_numbers_become_constants_and_other_things_are_refused():
    """A class in place of its instance, a pair of schedules, a function, a list."""
    assert as_schedule(2, "diffusion") == Constant(2.0)
    assert as_schedule(np.float32(0.5), "diffusion") == Constant(0.5)
    linear = Linear(1, 2)
    assert as_schedule(linear, "diffusion") is linear
    for wrong in (Constant, QHD(), lambda t: t, [1.0], None, "1", True, np.nan, 1j):
        with pytest.raises(ProblemError, match=r"^Argument `diffusion` must be a number or a schedule, but is "):
            as_schedule(wrong, "diffusion")


def test_a_schedule_of_ones_own_needs_only_the_two_methods():
    """Duck typing is the contract."""

    class Ramp:
        def value(self, t: float, duration: float) -> float:
            return t

        def integral(self, t0: float, t1: float, duration: float) -> float:
            return (t1**2 - t0**2) / 2

    assert as_schedule(Ramp(), "diffusion").integral(0.0, 2.0, 2.0) == 2.0


def test_constancy():
    """Equal ends are still a schedule."""
    assert is_constant(Constant(1), Constant(2))
    assert not is_constant(Constant(1), Linear(1, 1))


class Odd:
    """Of somebody else: whatever it is told to give."""

    def __init__(self, gives):
        self.gives = gives

    def value(self, t, duration):
        return self.gives(t)

    def integral(self, t0, t1, duration):
        return self.gives(t1)


@pytest.mark.parametrize(
    ("gives", "told"),
    [
        (lambda t: [][1], r"but it raises IndexError: list index out of range"),
        (lambda t: 1 + 0j, r"but is \(1\+0j\)"),
        (lambda t: np.ones(1), r"but is array\(\[1\.\]\)"),
        (lambda t: None, "but is None"),
    ],
)
@pytest.mark.parametrize("name", ["diffusion", "strength"])
def test_a_schedule_that_gives_no_number_is_refused(gives, told, name):
    """When the problem is stated, by the name of the argument; a value of no dimensions is a number."""
    well = qd.Problem(qd.Grid((-1, 1), 3), lambda w: w[:, 0], 1.0, clock="real", duration=1.0)
    with pytest.raises(
        ProblemError, match=f"^Argument `{name}` must be a schedule with a number as its value .*{told}.$"
    ):
        well.replace(**{name: Odd(gives)})
    assert well.replace(**{name: Odd(lambda t: np.where(t < 1, 1.0, 2.0))}).duration == 1.0
    late = well.replace(**{name: Odd(lambda t: 1.0)})
    getattr(late, name).integral = lambda t0, t1, duration: None
    with pytest.raises(
        ProblemError, match=f"^Argument `{name}` must be .* as its integral over the duration, but is None"
    ):
        qd.evolve(late, qd.SplitStep(2))
