"""What is known before a run: profiles, registers, energies, success laws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qml_dynamics import (
    Gaussian,
    Geometric,
    Grid,
    Hypercube,
    MethodError,
    ProbabilisticITE,
    Problem,
    Schrodingerised,
    Uniform,
    hamiltonian,
)
from qml_dynamics.methods.imaginary.laws import (
    Occupied,
    alias_steps,
    check_floor,
    choose_register,
    fitted_register,
    lower_bound,
    occupied,
    pooled,
    register_error,
    register_gain,
)
from qml_dynamics.synthesis.p_register import Register, profile


def test_smooth_profile_has_a_continuous_slope_and_the_other_has_not() -> None:
    h = 1e-6
    for smooth, jump in ((True, 0.0), (False, -2.0)):
        slopes = [(profile(np.array([p + h]), smooth) - profile(np.array([p]), smooth))[0] / h for p in (-h, 0.0)]
        assert slopes[1] - slopes[0] == pytest.approx(jump, abs=1e-4)
    assert profile(np.array([0.7]), True)[0] == pytest.approx(np.exp(-0.7))


def test_register_keeps_points_from_zero_up() -> None:
    smooth, rough = Register(5, 6.0, 4.0), Register(5, 6.0, 4.0, smooth=False)
    assert np.abs(smooth.points).min() == 0.0
    assert np.abs(rough.points).min() == pytest.approx(0.5 * rough.spacing)
    for register in (smooth, rough):
        assert np.array_equal(register.kept, register.points >= 0)
        assert register.share == pytest.approx(
            (register.profile[register.kept] ** 2).sum() / (register.profile**2).sum()
        )
        assert 0.3 < register.share < 0.7


def test_shifted_profile_goes_left() -> None:
    register = Register(9, 12.0, 8.0)
    moved = register.shifted(np.array([0.0, 2.0])).real
    assert np.allclose(moved[0], register.profile, atol=1e-12)
    j = int(np.argmin(np.abs(register.points - 1.0)))
    assert moved[1][j] == pytest.approx(np.exp(-register.points[j] - 2.0), rel=1e-3)


def test_occupied_energies_of_a_small_system_are_its_spectrum() -> None:
    p = Problem(
        Hypercube(3), lambda w: w[:, 0] - 0.5 * w[:, 1] * w[:, 2] + 0.2 * w[:, 2], 0.4, clock="imaginary", duration=0.6
    )
    h = hamiltonian(p)
    energies, modes = np.linalg.eigh(h.matrix())
    shares = np.abs(modes.conj().T @ Uniform().vector(p.domain).reshape(-1)) ** 2
    seen = occupied(p, h)
    low = 0.4 * h.dual.min() + h.zeta.min()
    for moment in (1, 2, 3):
        wanted = shares @ ((energies - low) * 0.6) ** moment
        assert seen.weights @ seen.shifts**moment == pytest.approx(wanted, rel=1e-10)
    assert seen.shifts.min() > 0  # H stays above its bound
    assert seen.highest(1e-9) == pytest.approx(0.6 * (energies[shares > 1e-9].max() - low), rel=1e-9)


def test_lower_bound_with_schedules_and_a_negative_strength() -> None:
    p = Problem(
        Grid((0, 1), 3, boundary="walls"), lambda w: w[:, 0], Geometric(1.0, 0.5), -2.0, clock="imaginary", duration=1.0
    )
    h = hamiltonian(p)
    moved = p.diffusion.integral(0.2, 0.7, 1.0)
    assert lower_bound(p, h, 0.2, 0.7) == pytest.approx(moved * np.pi**2 - 1.0 * h.zeta.max())


def test_a_component_round_the_box_is_an_error_on_the_way() -> None:
    register = Register(8, 6.0, 6.0)
    fine = Occupied(np.array([1.0]), np.array([1.0]))
    far = Occupied(np.array([1.0, 12.0]), np.array([0.99, 0.01]))  # comes round the box and is back at its place
    assert register_error(register, fine) < 0.02
    assert register_error(register, far) > 0.1


def test_fitted_register_finds_room_for_the_energies() -> None:
    low, high = (fitted_register(Occupied(np.array([0.5, top]), np.array([0.9, 0.1])), 7, True) for top in (1.0, 20.0))
    assert low[1] < high[1] < 0.05
    assert high[0].left > 18.0 > low[0].left


def test_too_small_a_register_says_how_large_it_must_be() -> None:
    energies = Occupied(np.array([0.5, 30.0]), np.array([0.5, 0.5]))
    with pytest.raises(MethodError, match=r"`ancilla_qubits` must be at least (\d+)") as caught:
        choose_register(Schrodingerised(4, 2), energies)
    needed = int(str(caught.value).split("at least ")[1].split()[0])
    assert needed > 4
    assert choose_register(Schrodingerised(needed, 2), energies)[1] <= 0.05
    with pytest.raises(MethodError, match="at least"):
        choose_register(Schrodingerised(needed - 1, 2), energies)
    with pytest.raises(MethodError, match=r"another box"):
        choose_register(Schrodingerised(8, 2, box=3.0), energies)


def test_register_gain_is_what_the_discrete_register_keeps() -> None:
    register, shift = Register(5, 5.0, 4.0), 0.8
    energies = Occupied(np.array([shift]), np.array([1.0]))
    held = register.shifted(np.array([0.5 * shift]))[0, register.kept]
    kept = (np.abs(held) ** 2).sum() / (register.profile**2).sum()
    assert register.share * np.exp(-shift) * register_gain(register, energies, 0.5) == pytest.approx(kept, rel=1e-12)


def test_alias_steps_is_the_last_number_without_aliasing() -> None:
    m0, energies = 0.9, Occupied(np.array([0.1, 2.5]), np.array([0.5, 0.5]))
    needed = alias_steps(m0, energies, 1)
    assert needed is not None
    slope = m0 / np.sqrt(1 - m0**2)
    assert np.arccos(m0) + slope * 2.5 / needed <= np.pi / 2 + 1e-12
    assert np.arccos(m0) + slope * 2.5 / (needed - 1) > np.pi / 2
    assert alias_steps(m0, energies, needed) is None


def test_floor_and_pooling() -> None:
    check_floor(2e-4, 1e-4)
    with pytest.raises(MethodError, match=r"success probability will be 5\.00e-05"):
        check_floor(5e-5, 1e-4)
    p, error = pooled([0, 0], [50, 50])
    assert p == 0
    assert error > 0


def test_gaussian_starts_occupy_fewer_energies_than_points() -> None:
    grid = Grid((-4, 4), 6)
    sharp, broad = (
        occupied(q, hamiltonian(q)).highest(1e-6)
        for q in (
            Problem(grid, lambda w: w[:, 0] ** 2, 0.5, clock="imaginary", duration=1.0, initial=Gaussian(0.0, width))
            for width in (0.15, 0.8)
        )
    )
    assert sharp > 3 * broad


@pytest.mark.parametrize("given", ["both are None", "both are given"])
def test_a_forecast_has_a_register_or_a_rule(given: str) -> None:
    """Circuits are built from the one or the other; a method of somebody else may have forgotten."""
    problem = Problem.from_operator({"X": 1.0}, clock="imaginary", duration=0.1)
    h, times = hamiltonian(problem), (0.0, 0.1)
    register = Schrodingerised(6, 2).forecast(problem, h, times)
    rule = ProbabilisticITE(1.0, 2, block="exact").forecast(problem, h, times)
    assert (register.rule, rule.register) == (None, None)
    other = {"register": None} if given == "both are None" else {"rule": rule.rule}
    with pytest.raises(MethodError, match=f"`register` must be None where `rule` is given.*, but {given}"):
        replace(register, **other)
