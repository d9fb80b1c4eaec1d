"""Numbers of the theory of learning ensembles (T01, T02, T29 to T33, M1 to M11), and the same at held-out parameters."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp

import qml_dynamics as qd
from qml_dynamics import ensembles as en
from qml_dynamics.base.errors import ProblemError
from qml_dynamics.synthesis.ensembles import ramsey_circuit


def euler_lagrange() -> tuple[dict[str, sp.Expr], dict[str, sp.Symbol]]:
    """The action's density in one dimension, and its two variations with R = sqrt(p)."""
    x, t = sp.symbols("x t", real=True)
    D, g, mu = sp.symbols("D gamma mu", positive=True)
    p = sp.Function("p", positive=True)(x, t)
    F, V = sp.Function("F", real=True)(x, t), sp.Function("V", real=True)(x)
    root = sp.sqrt(p)
    bracket = g * F.diff(x, 2) + mu * F.diff(t) + mu * g * F.diff(x) ** 2 + mu * V
    density = -4 * D * root * root.diff(x, 2) + p * bracket

    def vary(field: sp.Expr) -> sp.Expr:
        return sp.simplify(sp.calculus.euler_equations(density, [field], [x, t])[0].lhs)

    return {"p": vary(p), "F": vary(F)}, {"x": x, "t": t, "D": D, "g": g, "mu": mu, "pf": p, "Ff": F, "V": V}


def test_t02_the_action_gives_madelung_with_the_stated_mass_and_hbar() -> None:
    varied, s = euler_lagrange()
    x, t, D, g, mu, p, F, V = (s[k] for k in ("x", "t", "D", "g", "mu", "pf", "Ff", "V"))
    density_equation = mu * (-p.diff(t) - 2 * g * (p * F.diff(x)).diff(x) + g / mu * p.diff(x, 2))
    assert sp.simplify(varied["F"] - density_equation) == 0
    phase_equation = (
        -4 * D * sp.sqrt(p).diff(x, 2) / sp.sqrt(p) + g * F.diff(x, 2) + mu * (F.diff(t) + g * F.diff(x) ** 2 + V)
    )
    assert sp.simplify(varied["p"] - phase_equation) == 0
    S = sp.Function("S", real=True)(x, t)
    shifted = {F: S + sp.log(p) / (2 * mu)}
    continuity = sp.simplify(density_equation.subs(shifted).doit() / mu)
    assert sp.simplify(continuity + p.diff(t) + 2 * g * (p * S.diff(x)).diff(x)) == 0  # m = 1 / (2 gamma)
    hbar2, m = 4 * D / (g * mu) - 1 / mu**2, 1 / (2 * g)
    wanted = S.diff(t) + S.diff(x) ** 2 / (2 * m) + V - hbar2 / (2 * m) * sp.sqrt(p).diff(x, 2) / sp.sqrt(p)
    p_t = sp.solve(continuity, p.diff(t))[0]
    left = sp.expand((phase_equation.subs(shifted).doit() / mu).subs(p.diff(t), p_t))
    assert sp.simplify(left - wanted) == 0
    rule = en.Learning(0.3, 0.8, 2.0)
    assert rule.hbar_squared == pytest.approx(float(hbar2.subs({D: 0.3, g: 0.8, mu: 2.0})), abs=1e-11)
    assert rule.mass == pytest.approx(float(m.subs(g, 0.8)), abs=1e-11)


def test_t01_madelung_is_schroedinger_exactly() -> None:
    x, t = sp.symbols("x t", real=True)
    h, m = sp.symbols("hbar m", positive=True)
    R = sp.Function("R", positive=True)(x, t)
    S, V = sp.Function("S", real=True)(x, t), sp.Function("V", real=True)(x)
    psi = R * sp.exp(sp.I * S / h)
    equation = sp.I * h * psi.diff(t) + h**2 / (2 * m) * psi.diff(x, 2) - V * psi
    parts = sp.expand(sp.simplify(equation / psi * R))
    continuity = (R**2).diff(t) + (R**2 * S.diff(x) / m).diff(x)
    jacobi = S.diff(t) + S.diff(x) ** 2 / (2 * m) + V - h**2 / (2 * m) * R.diff(x, 2) / R
    assert sp.simplify(parts - (sp.I * h * continuity / (2 * R) - R * jacobi)) == 0


@pytest.mark.parametrize(("sign", "which"), [(1, "A"), (-1, "B")])
def test_t02_below_the_boundary_the_factors_obey_heat_equations(sign: int, which: str) -> None:
    x, t = sp.symbols("x t", real=True)
    k, m = sp.symbols("kappa m", positive=True)
    R = sp.Function("R", positive=True)(x, t)
    S, V = sp.Function("S", real=True)(x, t), sp.Function("V", real=True)(x)
    factor = R * sp.exp(sign * S / k)
    R_t = -(R.diff(x) * S.diff(x) + R * S.diff(x, 2) / 2) / m
    S_t = -(S.diff(x) ** 2) / (2 * m) - V - k**2 / (2 * m) * R.diff(x, 2) / R  # hbar^2 = -kappa^2
    rate = (sign * k * factor.diff(t)).subs({R.diff(t): R_t, S.diff(t): S_t})
    assert sp.simplify(rate + k**2 / (2 * m) * factor.diff(x, 2) + V * factor) == 0, which


@pytest.mark.parametrize(("s", "hbar", "mass"), [(1.0, 1.0, 1.0), (0.7, 0.4, 2.5)])
def test_m1_quantum_potential_of_a_gaussian(s: float, hbar: float, mass: float) -> None:
    grid = qd.Grid((-9 * s, 9 * s), 7)
    x = grid.axes[0]
    found = en.madelung(np.exp(-(x**2) / (4 * s**2)), grid, hbar, mass)
    wanted = hbar**2 * (2 * s**2 - x**2) / (8 * mass * s**4)
    inner = np.abs(x) < 4 * s
    np.testing.assert_allclose(found.quantum_potential[inner], wanted[inner], atol=1e-7 * np.abs(wanted).max())
    assert wanted[inner].min() < 0 < wanted[inner].max()


@pytest.mark.parametrize(("s0", "gamma", "hbar", "t"), [(1.0, 0.5, 1.0, 2.0), (0.6, 0.8, 0.5, 1.3)])
def test_m2_free_spreading(s0: float, gamma: float, hbar: float, t: float) -> None:
    mu = en.multipliers(hbar, diffusion=hbar * gamma, mobility=gamma)[1]  # any diffusion above hbar gamma / 2
    rule = en.Learning(hbar * gamma, gamma, mu)
    problem = rule.problem(qd.Grid((-16, 16), 7), lambda w: 0 * w[:, 0], duration=t, initial=qd.Gaussian(0.0, s0))
    run = qd.evolve(problem, qd.SplitStep(8), observables={"x2": lambda w: w[:, 0] ** 2})
    wanted = s0**2 + (hbar * t / (2 * rule.mass * s0)) ** 2
    assert run.expectations["x2"].value[-1] == pytest.approx(wanted, abs=1e-9)
    assert run.expectations["x2"].value[0] == pytest.approx(s0**2, abs=1e-9)
    if s0 == 1.0:
        assert wanted == 2.0


def test_m3_coherent_state() -> None:
    grid = qd.Grid((-8, 8), 7)
    well = qd.Problem(
        grid,
        lambda w: w[:, 0] ** 2 / 2,
        0.5,
        clock="real",
        duration=math.pi,
        initial=qd.Gaussian(1.5, math.sqrt(0.5)),
    )
    seen = {"x": lambda w: w[:, 0], "x2": lambda w: w[:, 0] ** 2}
    strang = qd.evolve(well, qd.SplitStep(32), observables=seen)
    assert strang.expectations["x"].value[-1] == pytest.approx(-1.499999, abs=2e-6)
    exact = qd.evolve(well, qd.Krylov(), observables=seen, save=9)
    np.testing.assert_allclose(exact.expectations["x"].value, 1.5 * np.cos(exact.times), atol=1e-8)
    variance = exact.expectations["x2"].value - exact.expectations["x"].value ** 2
    np.testing.assert_allclose(variance, 0.5, atol=1e-8)


def test_m4_t31_two_slit_fringes() -> None:
    slits = en.TwoSlits(0.4, 2.0)
    assert slits.spread(1.5) == pytest.approx(1.917192, abs=5e-7)
    assert slits.fringe_spacing(1.5) == pytest.approx(2.463428, abs=5e-7)
    grid = qd.Grid((-24, 24), 9)
    x = grid.axes[0]
    run = qd.evolve(slits.problem(grid, 1.5), qd.Trotter(1))
    density = run.density[-1] / grid.cell_volume
    np.testing.assert_allclose(density, slits.density(x, 1.5), atol=1e-12)
    assert slits.visibility(density, x, 1.5) == pytest.approx(1.0, abs=1e-3)
    assert slits.visibility(slits.density(x, 1.5, coherent=False), x, 1.5) == pytest.approx(0.0, abs=1e-12)


def test_t31_the_fringe_spacing_is_that_of_the_measured_density() -> None:
    slits = en.TwoSlits(0.4, 2.0)
    grid = qd.Grid((-24, 24), 9)
    x = grid.axes[0]
    density = qd.evolve(slits.problem(grid, 1.5), qd.SplitStep(1)).density[-1] / grid.cell_volume
    s2 = slits.spread(1.5) ** 2
    overlap = math.exp(-(2.0**2) / (2 * 0.4**2))
    humps = slits.density(x, 1.5, coherent=False) / (1 + overlap)
    cosine = (density - humps) * np.exp((x**2 + 4) / (2 * s2)) * math.sqrt(2 * math.pi * s2) * (1 + overlap)
    near = np.abs(x) < 4
    zeros = [
        a - f * (b - a) / (g - f)
        for a, b, f, g in zip(x[near], x[near][1:], cosine[near], cosine[near][1:])
        if f * g < 0
    ]
    assert 2 * np.mean(np.diff(zeros)) == pytest.approx(2.463428, abs=1e-3)


@pytest.mark.parametrize(
    ("flux", "levels"),
    [
        (0.0, [0, 1, 1, 4, 4]),
        (0.25, [0.0625, 0.5625, 1.5625, 3.0625]),
        (0.5, [0.25, 0.25, 2.25, 2.25]),
        (0.37, [0.37**2, 0.63**2, 1.37**2, 1.63**2]),
        (-1.2, [0.2**2, 0.8**2, 1.2**2, 1.8**2]),
    ],
)
def test_m5_t29_ring_levels(flux: float, levels: list[float]) -> None:
    np.testing.assert_allclose(en.ring_levels(len(levels), flux), levels, atol=1e-12)
    h = qd.hamiltonian(en.ring(4, flux))
    np.testing.assert_allclose(h.lowest(len(levels))[0], levels, atol=1e-10)
    assert np.all(np.diff(levels) >= 0)
    assert levels[-1] > 1


def test_m5_levels_scale_with_hbar_mass_and_radius() -> None:
    h = qd.hamiltonian(en.ring(5, 0.3, hbar=0.7, mass=1.4, radius=2.0))
    energies = 0.7 * h.lowest(3)[0]  # H is in units of hbar
    np.testing.assert_allclose(energies, en.ring_levels(3, 0.3, hbar=0.7, mass=1.4, radius=2.0), atol=1e-12)
    assert energies[0] == pytest.approx(0.7**2 / (2 * 1.4 * 4) * 0.09, abs=1e-12)


@pytest.mark.parametrize("winding", [1, -1, 2, -2, 3, -3])
def test_m6_t30_circulation_is_the_winding(winding: int) -> None:
    grid = qd.Grid([(-5, 5), (-5, 5)], 5)
    wave = en.vortex_wave(grid, [(0.1, 0.07)], [winding])
    loop = en.square_loop((16, 16), 4)
    assert en.circulation(wave, grid, loop) == winding
    assert en.circulation(wave, grid)[12:20, 12:20].sum() == winding
    velocity = en.madelung(wave, grid, hbar=0.6, mass=2.0).velocity
    along = np.array(loop)
    step = np.diff(along, axis=0, append=along[:1])
    v = velocity[:, along[:, 0], along[:, 1]].T
    ends = np.roll(v, -1, axis=0)
    round_trip = float((0.5 * (v + ends) * step).sum()) * grid.spacing[0]
    assert round_trip == pytest.approx(2 * np.pi * 0.6 * winding / 2.0, rel=0.03)  # the trapezoid rule on a square


def test_m6_opposite_vortices_cancel() -> None:
    grid = qd.Grid([(-5, 5), (-5, 5)], 5)
    pair = en.vortex_wave(grid, [(-1.4, 0.1), (1.4, 0.1)], [1, -1])
    charges = en.circulation(pair, grid)
    assert charges[8:24, 8:24].sum() == 0
    assert sorted(charges[8:24, 8:24].ravel())[0] == -1
    assert charges[8:16, 8:24].sum() == 1
    assert en.circulation(pair, grid, en.square_loop((16, 16), 8)) == 0


def test_m7_t32_the_two_roots_and_the_boundary() -> None:
    assert en.hbar_max(0.3, 0.8) == pytest.approx(0.75, abs=1e-11)
    assert en.multipliers(0.5, 0.3, 0.8) == pytest.approx((0.763932, 5.236068), abs=5e-7)
    assert en.multipliers(0.2, 0.3, 0.8) == pytest.approx((0.678960, 36.821040), abs=5e-7)
    assert en.multipliers(0.75, 0.3, 0.8) == pytest.approx((0.8 / 0.6, 0.8 / 0.6), rel=1e-7)


@pytest.mark.parametrize(("D", "gamma"), [(0.3, 0.8), (0.05, 1.7), (2.0, 0.3)])
@pytest.mark.parametrize("share", [0.999, 0.4, 1e-6])
def test_t32_roots_at_held_out_points(D: float, gamma: float, share: float) -> None:
    hbar = share * en.hbar_max(D, gamma)
    low, high = en.multipliers(hbar, D, gamma)
    assert low < gamma / (2 * D) < high
    for mu in (low, high):
        if share > 1e-3 or mu == high:  # at tiny hbar the small root sits on the boundary, where 4 D mu - gamma cancels
            rule = en.Learning(D, gamma, mu)
            assert rule.regime == "quantum"
            assert rule.hbar == pytest.approx(hbar, rel=1e-6)
    boundary = gamma / (4 * D)
    regimes = [en.Learning(D, gamma, f * boundary).regime for f in (0.5, 1 - 1e-9, 1.0, 1 + 1e-9, 2.0)]
    assert regimes == ["bridge", "bridge", "classical", "quantum", "quantum"]
    assert en.Learning(D, gamma, boundary).hbar == 0.0
    assert en.Learning(D, gamma, -1.0).regime == "bridge"


def test_the_chemical_potential_is_bounded() -> None:
    D, gamma = 0.3, 0.8
    top = 4 * math.pi * D / gamma
    assert en.multipliers(en.hbar_from_chemical_potential(-top), D, gamma)[0] == pytest.approx(
        gamma / (2 * D), rel=1e-6
    )
    with pytest.raises(
        ProblemError, match=r"at most 2 D / gamma = 0\.75 \(a chemical potential of at most 4 pi D / gamma"
    ):
        en.multipliers(en.hbar_from_chemical_potential(1.0001 * top), D, gamma)
    with pytest.raises(ProblemError, match="`mu_c` must not be 0"):
        en.hbar_from_chemical_potential(0.0)


def test_m8_t33_sigmoid_is_the_occupation() -> None:
    ensemble = en.GrandCanonical([0.4] * 6, beta=2.0, mu_c=-1.0)
    assert ensemble.mean_number == pytest.approx(6 / (1 + math.exp(2.0 * 1.4)), abs=1e-12)
    assert ensemble.mean_number == pytest.approx(0.343945, abs=5e-7)
    assert ensemble.grand_potential == pytest.approx(-0.177098, abs=5e-7)


def test_m9_unbounded_gaussian_neurons() -> None:
    z, number = en.gaussian_number(2.0, 3.0, -1.0)
    assert (z, number) == pytest.approx((0.138492, 0.160756), abs=5e-7)
    terms = z ** np.arange(200)
    assert number == pytest.approx(float(terms @ np.arange(200) / terms.sum()), abs=1e-12)
    omega, mean = en.grand_potential(np.arange(200) * 0.5 * math.log(2 * math.pi / 6.0), 2.0, -1.0)
    assert (omega, mean) == pytest.approx((math.log(1 - z) / 2.0, number), abs=1e-12)
    with pytest.raises(ProblemError, match="diverges"):
        en.gaussian_number(2.0, 3.0, 0.5)


@pytest.mark.parametrize("mu_c", [-1.7, 0.3])
def test_m10_revival_at_one(mu_c: float) -> None:
    from qiskit.quantum_info import Statevector

    times = np.array([0.0, 0.3, 0.5, 1.0])
    run = qd.evolve(en.number_revival(7, mu_c, 1.0), qd.Trotter(1), save=times)
    back = np.abs(run.states @ run.states[0].conj()) ** 2
    np.testing.assert_allclose(back, en.revival_probability(7, times), atol=1e-12)
    assert back[3] == pytest.approx(1.0, abs=1e-12)
    assert back[2] < 1e-12
    ramsey = [abs(Statevector(ramsey_circuit(3, math.copysign(1, mu_c) * t)).data[0]) ** 2 for t in times]
    np.testing.assert_allclose(ramsey, back, atol=1e-12)
    other = qd.evolve(en.number_revival(7, mu_c, 1.0, hbar=0.8), qd.Exact())  # another hbar does not revive
    assert abs(np.vdot(other.states[0], other.states[1])) ** 2 < 0.9


@pytest.mark.parametrize(("omega", "hbar", "mass"), [(1.0, 1.0, 1.0), (1.6, 0.5, 0.7)])
def test_m11_oscillator_superposition(omega: float, hbar: float, mass: float) -> None:
    well = en.Oscillator(omega, hbar, mass)
    grid = qd.Grid((-8, 8), 6)
    run = qd.evolve(well.problem(grid, 4.0), qd.Krylov(), save=9, observables={"x": lambda w: w[:, 0]})
    np.testing.assert_allclose(run.expectations["x"].value, well.superposition_mean(run.times), atol=1e-6)
    drift = np.abs(run.density - run.density[0]).reshape(9, -1).sum(axis=1) / 2
    assert np.diff(drift).max() > 0.1  # never stationary
    assert drift.max() > 0.7
    trotter = qd.evolve(well.problem(grid, 4.0), qd.Trotter(80), observables={"x": lambda w: w[:, 0]})
    assert trotter.expectations["x"].value[-1] == pytest.approx(float(well.superposition_mean(4.0)), abs=3e-3)


def test_m11_density_and_velocity_alone_do_not_fix_the_sign_of_a_lobe() -> None:
    """Level 1 has a node: its two lobes with equal or opposite sign have one p and one S' = 0, and two futures."""
    well, grid = en.Oscillator(1.0), qd.Grid((-8, 8), 7)
    odd = well.level(1, grid)
    p = odd**2
    even = en.from_madelung(p, np.zeros_like(p), hbar=1.0)  # single-valued S = 0: the same density, no sign change
    phases = en.from_madelung(p, np.where(grid.axes[0] < 0, np.pi, 0.0), hbar=1.0)
    assert abs(np.vdot(phases, odd)) ** 2 == pytest.approx(1.0, abs=1e-12)
    assert abs(np.vdot(even, odd)) < 1e-12
    stays = qd.evolve(well.problem(grid, 0.5, phases), qd.Krylov()).density
    moves = qd.evolve(well.problem(grid, 0.5, even), qd.Krylov()).density
    np.testing.assert_allclose(stays[-1], stays[0], atol=1e-7)
    assert 0.5 * np.abs(moves[-1] - moves[0]).sum() > 0.1
