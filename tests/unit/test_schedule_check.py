"""Schedules that contradict themselves are refused in every verb, right ones of any shape are left alone, and time runs backwards too."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

import qml_dynamics as qd
from qml_dynamics.base.errors import ProblemError
from qml_dynamics.learning.annealing.stages import Staged
from qml_dynamics.learning.descent.fixed import fixed_schedules
from qml_dynamics.model.drives import Product, Total, between
from qml_dynamics.model.schedule_check import check_integral
from qml_dynamics.model.schedules import QHD, Schedule

pytestmark = pytest.mark.filterwarnings("ignore:The wave has")  # boxes are narrow here

Value = Callable[[float, float], float]
Integral = Callable[[float, float, float], float]


class Told:
    """A schedule of somebody else: two functions, and no kinks or pulses that it tells."""

    def __init__(self, value: Value, integral: Integral) -> None:
        self.given = value, integral

    def value(self, t: float, duration: float) -> float:
        """The coefficient at time ``t``."""
        return self.given[0](t, duration)

    def integral(self, t0: float, t1: float, duration: float) -> float:
        """What is said to be its integral."""
        return self.given[1](t0, t1, duration)


def right(unit: float) -> dict[str, Schedule]:
    """Schedules of the library in a unit of time, positive and not their own mean."""
    return {
        "linear": qd.Linear(1.0, 0.3),
        "geometric": qd.Geometric(1.0, 0.01),
        "oscillation": qd.Oscillation(1.0, 20 / unit, mean=1.2),
        "jumps": qd.Jumps((1.0, 2.0, 0.5), (0.3 * unit, 0.6 * unit)),
        "knots": qd.Knots((1.0, 3.0, 0.2, 5.0)),
    }


FAULTS: dict[str, Callable[[Schedule], tuple[Value, Integral]]] = {
    "twice": lambda s: (s.value, lambda a, b, d: 2 * s.integral(a, b, d)),
    "one hundredth more": lambda s: (s.value, lambda a, b, d: 1.01 * s.integral(a, b, d)),
    "sign": lambda s: (s.value, lambda a, b, d: -s.integral(a, b, d)),
    "from time 0": lambda s: (s.value, lambda a, b, d: s.integral(0.0, b, d)),
    "nothing": lambda s: (s.value, lambda a, b, d: 0.0),
    "left end": lambda s: (s.value, lambda a, b, d: s.value(a, d) * (b - a)),
    "mean of all": lambda s: (s.value, lambda a, b, d: s.integral(0.0, d, d) * (b - a) / d),
    "mean in place of an integral": lambda s: (s.value, lambda a, b, d: s.integral(a, b, d) / (b - a)),
    "later": lambda s: (s.value, lambda a, b, d: s.integral(a + 0.02 * d, b + 0.02 * d, d)),
    "another unit of time": lambda s: (s.value, lambda a, b, d: 1e3 * s.integral(a, b, d)),
    "a constant more": lambda s: (s.value, lambda a, b, d: s.integral(a, b, d) + 1e-3 * s.integral(0.0, d, d)),
    "the last quarter": lambda s: (
        s.value,
        lambda a, b, d: s.integral(a, b, d) + 0.5 * s.integral(max(a, 0.75 * d), max(b, 0.75 * d), d),
    ),
    "a branch": lambda s: (s.value, lambda a, b, d: s.integral(a, b, d) + s.integral(0, d, d) * (a < 0.77 * d <= b)),
    "value squared": lambda s: (lambda t, d: s.value(t, d) ** 2, s.integral),
}


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e6])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_contradiction_is_refused(fault: str, unit: float) -> None:
    for name, schedule in right(unit).items():
        check_integral(
            Told(schedule.value, schedule.integral), "strength", unit
        )  # not vacuous: without the fault it passes
        with pytest.raises(ProblemError) as caught:
            check_integral(Told(*FAULTS[fault](schedule)), "strength", unit)
        said = str(caught.value)
        assert said.startswith(
            "Argument `strength` must be a schedule whose integral(t0, t1) is that of its value(t), but "
        ), name
        assert "\n" not in said


def comb(count: float, duty: float, unit: float) -> Told:
    """``count`` periods, each 1 for a share of it and 0 for the rest."""
    period = unit / count

    def up(t: float) -> float:
        """The integral from 0."""
        return period * (math.floor(t / period) * duty + min(t / period % 1, duty))

    return Told(lambda t, d: float(t / period % 1 < duty), lambda a, b, d: up(b) - up(a))


def bump(start: float, width: float) -> Told:
    """1, and an amount of 1 more on a short interval."""
    inside = lambda a, b: max(0.0, min(b, start + width) - max(a, start))  # noqa: E731
    return Told(lambda t, d: 1 + (start <= t < start + width) / width, lambda a, b, d: b - a + inside(a, b) / width)


def table(count: int, unit: float) -> Told:
    """Between the values of a table by a straight line; its integral by one between those of the trapezoidal rule, which is near."""
    t = np.linspace(0.0, unit, count + 1)
    y = 1 + np.sin(7 * t / unit) ** 2
    whole = np.concatenate([[0.0], np.cumsum(0.5 * (y[1:] + y[:-1]) * np.diff(t))])
    integral = lambda a, b, d: float(np.interp(b, t, whole) - np.interp(a, t, whole))  # noqa: E731
    return Told(lambda s, d: float(np.interp(s, t, y)), integral)


def spline(unit: float) -> Told:
    curve = CubicSpline(np.linspace(0.0, unit, 12), np.random.default_rng(3).uniform(0.1, 2.0, 12))
    return Told(lambda t, d: float(curve(t)), lambda a, b, d: float(curve.integrate(a, b)))


def rough(unit: float) -> dict[str, Any]:
    """Right ones that no fixed quadrature sees: combs, bumps and pulses of any width, singular, nearly constant, small and large."""
    rng = np.random.default_rng(1)
    root = lambda t: math.copysign(math.sqrt(abs(t / unit - 0.3)), t / unit - 0.3)  # noqa: E731
    small = lambda t: unit * 1e-3 * math.sqrt(math.pi) / 2 * math.erf((t / unit - 0.2) / 1e-3)  # noqa: E731
    made: dict[str, Any] = {
        **{f"comb {n:g} {duty}": comb(n, duty, unit) for n in (10, 1e3, 1e5, 1e8) for duty in (0.5, 1e-3)},
        **{f"bump {w:g} {c}": bump(c * unit, w * unit) for w in 10.0 ** -np.arange(1, 15) for c in (0.3, 0.618034)},
        **{f"pulse {w:g}": qd.Pulse(1 / w, 0.437 * unit, w * unit) for w in (1.0, 1e-3, 1e-9, 1e-12)},
        **{f"wave {n:g}": qd.Oscillation(1.0, n / unit) for n in (1e-14, 7.0, 2 * np.pi * 127, 1e6, 1e13, 1e17)},
        "table": table(400, unit),
        "spline": spline(unit),
        "singular": Told(lambda t, d: 1 / abs(root(t)), lambda a, b, d: 2 * unit * (root(b) - root(a))),
        "erf": Told(lambda t, d: math.exp(-(((t / unit - 0.2) / 1e-3) ** 2)), lambda a, b, d: small(b) - small(a)),
        "nothing": Told(lambda t, d: 0.0, lambda a, b, d: 0.0),
        "many jumps": qd.Jumps(tuple(rng.normal(size=501)), tuple(np.sort(rng.uniform(size=500)) * unit)),
        "many knots": qd.Knots(tuple(np.exp(5 * rng.normal(size=2000)))),
        "near jumps": qd.Jumps((1.0, 0.0, 0.0, 3.0, 0.0), tuple(unit * (0.5 + 1e-11 * np.arange(4)))),
        "stages": Staged(tuple(rng.normal(size=300))),
        "cancelling": Total(
            ((1.0, qd.Pulse(1.0, 0.4 * unit, 1e-6 * unit)), (-1.0, qd.Pulse(1.0, 0.6 * unit, 1e-6 * unit)))
        ),
        "product": Product(qd.Linear(0, 1), qd.Oscillation(1.0, 50 / unit)),
        "descent": QHD().diffusion,
    }
    return made


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e9])
def test_right_schedules_of_any_shape_pass(unit: float) -> None:
    every = rough(unit)
    for name, schedule in every.items():
        check_integral(schedule, name, unit)
    assert len(every) > 40
    if unit == 1.0:
        for pair in list(fixed_schedules(10))[::7]:
            check_integral(pair.diffusion, pair.name, 1.0)
            check_integral(pair.strength, pair.name, 1.0)


def test_declared_pulses_are_looked_at_and_what_is_no_number_is_left_to_the_ranges() -> None:
    """Of a width of 1e-9: no place of 64 lies in it, those that the schedule tells do."""

    class Wrong(qd.Pulse):
        """With half of its integral."""

        def integral(self, t0: float, t1: float, duration: float) -> float:
            return 0.5 * super().integral(t0, t1, duration)

    check_integral(qd.Pulse(1.0, 0.4, 1e-9), "strength", 1.0)
    with pytest.raises(ProblemError, match=r"the integral is .* and the values give"):
        check_integral(Wrong(1.0, 0.4, 1e-9), "strength", 1.0)
    for odd in (math.nan, math.inf, -math.inf):
        check_integral(Told(lambda t, d, odd=odd: odd, lambda a, b, d, odd=odd: odd), "strength", 1.0)  # type: ignore[misc]


def well(**changes: Any) -> qd.Problem:
    given = {"diffusion": 0.4, "strength": 1.0, "clock": "imaginary", "duration": 1.0, **changes}
    return qd.Problem(qd.Grid((-3, 3), 3), lambda w: (w[:, 0] - 0.3) ** 2, **given)


WRONG = Told(lambda t, d: 1.0 + t, lambda a, b, d: b - a)
VERBS: dict[str, Callable[[qd.Problem, Path], object]] = {
    "evolve": lambda p, at: qd.evolve(p, qd.SplitStep(2)),
    "shots": lambda p, at: qd.evolve(p.replace(clock="real"), qd.Trotter(2), shots=10, seed=1),
    "circuits": lambda p, at: qd.circuits(p.replace(clock="real"), qd.Trotter(2)),
    "cost": lambda p, at: qd.cost(p.replace(clock="real"), qd.Trotter(2)),
    "error_budget": lambda p, at: qd.error_budget(p, qd.SplitStep(2)),
    "submit": lambda p, at: qd.submit(
        p.replace(clock="real"), qd.Trotter(2), backend="aer", shots=10, folder=at / "run"
    ),
    "anneal": lambda p, at: qd.anneal(p, 4, folder=at / "run"),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("name", ["diffusion", "strength"])
def test_every_verb_refuses_it_by_name_and_leaves_no_folder(verb: str, name: str, tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match=f"^Argument `{name}` must be a schedule whose integral"):
        VERBS[verb](well(**{name: WRONG}), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_schedules_of_terms_are_refused_too() -> None:
    parts = [(qd.Constant(1.0), {"ZZ": 1.0}), (WRONG, {"XI": 1.0})]
    with pytest.raises(ProblemError, match=r"^Argument `schedule 1` must be a schedule whose integral"):
        qd.evolve(qd.Problem.from_operator(parts, clock="real", duration=1.0), qd.Krylov())


@pytest.mark.parametrize(
    "schedule", [qd.Knots((1.0, 0.1, 10.0)), qd.Jumps((1.0, 0.2, 3.0), (0.7, 1.1)), Staged((1.0, 2.0, 3.0))], ids=str
)
def test_integrals_backwards_change_their_sign(schedule: Schedule) -> None:
    """Across kinks and jumps as within a piece; ends on them too."""
    ends = np.linspace(0.0, 2.0, 13)
    for a in ends:
        for b in ends:
            forwards = schedule.integral(min(a, b), max(a, b), 2.0)
            wanted = forwards if a <= b else -forwards
            assert schedule.integral(a, b, 2.0) == pytest.approx(wanted, abs=1e-14)
            assert between(schedule, a, b, 2.0) == pytest.approx(wanted, abs=1e-14)
    assert schedule.integral(1.5, 0.5, 2.0) < -0.1


class Forwards(Told):
    """One that is right forwards alone, as a sum over the pieces between two times is."""

    def integral(self, t0: float, t1: float, duration: float) -> float:
        assert t0 <= t1
        return super().integral(t0, t1, duration)


@pytest.mark.parametrize("which", ["diffusion", "strength"])
@pytest.mark.parametrize("made", ["knots", "jumps", "of somebody else"])
def test_negative_substeps_converge_across_kinks(made: str, which: str) -> None:
    """Suzuki's formula of order 4 goes back in time in each step; across a kink it is of order 2 at least."""
    knots = qd.Knots((1.0, 0.1, 10.0, 0.5))
    schedule: Any = {
        "knots": knots, "jumps": qd.Jumps((1.0, 5.0), (0.6501,)), "of somebody else": Forwards(knots.value, knots.integral),
    }[made]  # fmt: skip
    p = qd.Problem(
        qd.Grid((-5, 5), 4),
        lambda w: np.sin(w[:, 0] - 0.3),
        0.3,
        clock="real",
        initial=qd.Gaussian(0.4, 1.1),
        duration=2.0,
    ).replace(**{which: schedule})
    exact = qd.evolve(p, qd.Exact(), progress=False).states[-1]
    assert (
        np.linalg.norm(exact - qd.evolve(p.replace(**{which: qd.Constant(1.0)}), qd.Exact(), progress=False).states[-1])
        > 0.1
    )
    for method in (lambda n: qd.SplitStep(n, order=4), lambda n: qd.Trotter(n, order=4)):
        errors = [np.linalg.norm(qd.evolve(p, method(n), progress=False).states[-1] - exact) for n in (8, 32)]
        assert errors[1] < 0.05
        assert errors[1] < errors[0] / 3  # at order 1 already
