"""Closed forms and published numbers: T04 to T08, T15, T16, T18, T37 of the theory's test matrix."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from qiskit.quantum_info import Operator

from qml_dynamics.methods.exact import Exact
from qml_dynamics.methods.krylov import Krylov
from qml_dynamics.methods.split_step import SplitStep
from qml_dynamics.model.domains import Grid, Hypercube
from qml_dynamics.model.formulas import by_order, multiproduct_coefficients
from qml_dynamics.model.hamiltonians import hamiltonian
from qml_dynamics.model.initial import Gaussian, PointMass, State
from qml_dynamics.model.problem import Problem
from qml_dynamics.synthesis.trotter import program
from qml_dynamics.synthesis.walsh import walsh_series

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def moments(weight: np.ndarray, x: np.ndarray) -> tuple[float, float]:
    """Mean and variance of a weight that need not be normalised."""
    mean = float(weight @ x / weight.sum())
    return mean, float(weight @ (x - mean) ** 2 / weight.sum())


def nothing(w: np.ndarray) -> np.ndarray:
    return 0 * w[:, 0]


@pytest.mark.parametrize("method", [SplitStep(3), Krylov(1e-12)], ids=["split", "krylov"])
def test_t04_free_spreading_in_both_readings_and_on_both_clocks(method, classical):
    """Density reading 2 s0^2 + 2 D tau, Born s0^2 + D tau, real clock s0^2 + (D t / s0)^2: 2.5, 1.25, 1.0625."""
    grid = Grid((-20, 20), 9)
    problem = Problem(grid, nothing, 0.5, clock="imaginary", initial=Gaussian(0.0, 1.0), duration=0.5)
    x = grid.axes[0]
    psi = classical.final(problem, method)[0].real
    assert moments(psi, x)[1] == pytest.approx(2.5, abs=1e-8)  # round-off of the tails is weighed with x^2 up to 400
    assert moments(psi**2, x)[1] == pytest.approx(1.25, abs=1e-10)
    wave = classical.final(problem.replace(clock="real"), method)[0]
    assert moments(np.abs(wave) ** 2, x)[1] == pytest.approx(1.0625, abs=1e-10)


def kernel_column(loss, tau: float, classical) -> tuple[np.ndarray, np.ndarray]:
    """Points and the heat kernel's column that starts on x0 = 1.015625, its norm included."""
    grid = Grid((-10, 10), 9)
    problem = Problem(grid, loss, 0.5, clock="imaginary", initial=PointMass(1.015625), duration=tau)
    assert grid.axes[0][np.abs(problem.initial.vector(grid)).argmax()] == 1.015625
    psi, log = classical.final(problem, Exact())
    return grid.axes[0], np.exp(log) * psi.real


def test_t05_first_order_taylor_is_a_gradient_step(classical):
    """Mean x0 - D g tau^2, variance 2 D tau, mass exp(D g^2 tau^3 / 3)."""
    x, u = kernel_column(lambda w: 0.8 * (w[:, 0] - 1.015625), 0.4, classical)
    mean, variance = moments(u, x)
    assert mean == pytest.approx(0.951625, abs=1e-5)
    assert variance == pytest.approx(0.4, abs=5e-5)
    assert u.sum() == pytest.approx(1.00685, abs=1e-5)


def test_t06_second_order_taylor_is_a_damped_newton_step(classical):
    """Mehler's kernel: mean x0 / cosh w tau, variance tanh(w tau) sqrt(2 D / k), and its mass."""
    x, u = kernel_column(lambda w: 0.5 * w[:, 0] ** 2, 1.0, classical)
    mean, variance = moments(u, x)
    assert mean == pytest.approx(1.015625 / np.cosh(1), abs=1e-8)
    assert variance == pytest.approx(np.tanh(1), abs=1e-8)
    assert u.sum() == pytest.approx(np.cosh(1) ** -0.5 * np.exp(-0.5 * np.tanh(1) * 1.015625**2), abs=1e-8)
    np.testing.assert_allclose([mean, variance, u.sum()], [0.658180, 0.761594, 0.543525], atol=5e-7)


def test_t07_ehrenfest_on_the_imaginary_clock(classical):
    """d<x>/dtau = -2 Cov(x, H) = -2 Var(x) <zeta'> for a Gaussian = -0.128139."""
    grid = Grid((-10, 10), 9)

    def loss(w: np.ndarray) -> np.ndarray:
        return np.exp(0.3 * w[:, 0]) - 0.2 * w[:, 0] ** 2 + 0.02 * w[:, 0] ** 4

    problem = Problem(grid, loss, 0.5, clock="imaginary", initial=Gaussian(1.0, 0.6), duration=4e-3)
    x, dt = grid.axes[0], 2e-3
    saved = classical.propagate(problem, SplitStep(40, 4), [0.0, dt, 2 * dt])
    means = [moments(np.abs(w) ** 2, x)[0] for _, w, _ in saved]
    slope = (-3 * means[0] + 4 * means[1] - means[2]) / (2 * dt)
    assert slope == pytest.approx(-0.128139, abs=1e-5)
    psi = problem.initial.vector(grid)
    h = hamiltonian(problem)
    covariance = (np.vdot(x * psi, h.apply(psi)) - np.vdot(psi, x * psi) * h.expectation(psi)).real
    assert -2 * covariance == pytest.approx(-0.128139, abs=1e-6)
    slope_of_loss = 0.3 * np.exp(0.3 * x) - 0.4 * x + 0.08 * x**3
    assert -2 * 0.36 * np.abs(psi) ** 2 @ slope_of_loss == pytest.approx(-0.128139, abs=1e-6)


@pytest.mark.parametrize(
    ("n", "energies"), [(3, (0.499996, 1.500059, 2.498612)), (4, (0.5, 1.5, 2.5)), (10, (0.5, 1.5, 2.5))]
)
def test_t08_oscillator_on_the_balanced_half_shifted_box(n, energies):
    """L = sqrt(pi N / 2), points -L + (j + 1/2) dx; ten qubits go through the iteration."""
    half = np.sqrt(np.pi * 2**n / 2)
    dx = 2 * half / 2**n
    grid = Grid((-half + dx / 2, half + dx / 2), n)
    assert grid.axes[0][0] == pytest.approx(-grid.axes[0][-1])
    h = hamiltonian(Problem(grid, lambda w: 0.5 * w[:, 0] ** 2, 0.5, clock="real", duration=1.0))
    np.testing.assert_allclose(h.lowest(3)[0], energies, atol=1e-6)


def ising(clock: str = "real") -> Problem:
    """Transverse-field Ising chain: four spins, J = 1, h = 0.9, t = 1, up to the constant 4 h."""

    def loss(w: np.ndarray) -> np.ndarray:
        return -(w[:, 0] * w[:, 1] + w[:, 1] * w[:, 2] + w[:, 2] * w[:, 3])

    return Problem(Hypercube(4, values=(1, -1)), loss, 0.9, clock=clock, duration=1.0)


def chain_matrix() -> np.ndarray:
    x, z, one = np.array([[0, 1], [1, 0]]), np.diag([1, -1]), np.eye(2)

    def spread(factors: dict[int, np.ndarray]) -> np.ndarray:
        out = np.eye(1)
        for site in range(4):
            out = np.kron(out, factors.get(site, one))
        return out

    bonds = -sum(spread({i: z, i + 1: z}) for i in range(3))
    fields = 0.9 * sum(np.eye(16) - spread({i: x}) for i in range(4))
    return bonds + fields


def operator_of(method: SplitStep, classical) -> np.ndarray:
    """The matrix that a method applies, column by column."""
    columns = [classical.final(ising().replace(initial=State(e)), method)[0].reshape(-1) for e in np.eye(16)]
    return np.array(columns).T


PUBLISHED = {
    1: {1: 1.819, 2: 0.748, 4: 0.3425, 8: 0.1661, 16: 0.0822, 32: 0.0410},
    2: {1: 1.399, 2: 0.2743, 4: 0.0635, 8: 0.0156, 16: 0.00387, 32: 0.000967},
    4: {1: 0.240, 2: 0.0054, 4: 3.7e-4, 8: 2.4e-5},
}


@pytest.mark.parametrize("order", [1, 2, 4])
def test_t15_operator_errors_of_the_ising_chain(order, classical):
    """The published norms to their digits, slopes -1, -2, -4, below the commutator bounds; the circuits are the same."""
    exact = scipy.linalg.expm(-1j * chain_matrix())
    errors = {r: np.linalg.norm(operator_of(SplitStep(r, order), classical) - exact, 2) for r in PUBLISHED[order]}
    for r, wanted in PUBLISHED[order].items():
        assert errors[r] == pytest.approx(wanted, rel=0.015)
        if order < 4:
            assert errors[r] <= {1: 4.025 / r, 2: 3.497 / r**2}[order]
    last = sorted(errors)[-2:]
    slope = np.log(errors[last[1]] / errors[last[0]]) / np.log(2)
    assert slope == pytest.approx(-order, abs=0.15)
    problem = ising()
    piece = program(problem, hamiltonian(problem), by_order(order), 2, [0.0, 1.0]).pieces[0]
    np.testing.assert_allclose(Operator(piece).data, operator_of(SplitStep(2, order), classical), atol=1e-12)


@pytest.mark.parametrize(
    ("steps", "coefficients", "norm", "error"),
    [
        ((1, 2), (-1 / 3, 4 / 3), 5 / 3, 0.351),
        ((1, 2, 3), (1 / 24, -16 / 15, 81 / 40), 3.133333, 0.0378),
        ((1, 2, 4), (1 / 45, -4 / 9, 64 / 45), 1.888889, 0.0205),
        ((1, 2, 6), None, 1.33, 0.0089),
        ((2, 3, 4), (4 / 15, -81 / 35, 64 / 21), 5.628571, 0.0014),
    ],
)
def test_t16_multi_product_coefficients_and_errors(steps, coefficients, norm, error, classical):
    """Weights to 1e-12, their 1-norm (the blow-up of the variance is its square), and the combined operator's error."""
    a = multiproduct_coefficients(steps)
    if coefficients is not None:
        np.testing.assert_allclose(a, coefficients, atol=1e-12)
    assert np.abs(a).sum() == pytest.approx(norm, rel=5e-3)
    exact = scipy.linalg.expm(-1j * chain_matrix())
    combined = sum(c * operator_of(SplitStep(k, 2), classical) for c, k in zip(a, steps))
    assert np.linalg.norm(combined - exact, 2) == pytest.approx(error, rel=0.03)


def test_t16_multi_product_mean_of_a_spin(classical):
    """<Z> of the first spin from all spins up: three single errors and what is left of them."""
    problem = ising().replace(initial=PointMass((1, 1, 1, 1)))
    z = problem.domain.points[:, 0]

    def mean(psi: np.ndarray) -> float:
        return float(np.abs(psi.reshape(-1)) ** 2 @ z)

    exact = mean(classical.final(problem, Exact())[0])
    singles = np.array([mean(classical.final(problem, SplitStep(k, 2))[0]) - exact for k in (2, 3, 4)])
    np.testing.assert_allclose(singles, [-0.0556, -0.0237, -0.0132], atol=1e-4)
    assert multiproduct_coefficients((2, 3, 4)) @ singles == pytest.approx(-4.3e-5, rel=0.02)


def test_t18_walsh_terms_of_polynomials():
    """x^2 has n single and n (n - 1) / 2 double masks, x^4 at n = 8 has 163 of 256, the box being symmetric."""
    for n in (3, 5, 8):
        masks = walsh_series(Grid((-1, 1), n).axes[0] ** 2).masks
        weights = np.bitwise_count(masks)
        assert [(weights == w).sum() for w in (0, 1, 2)] == [1, n, n * (n - 1) // 2]
        assert weights.max() == 2
    quartic = walsh_series(Grid((-1, 1), 8).axes[0] ** 4)
    assert len(quartic.masks) == 163
    assert np.bitwise_count(quartic.masks).max() == 4


def test_t37_imaginary_strang_is_biased_and_the_extrapolation_is_not(classical):
    """Stationary variance of the oscillator: 1/2 - dt^2 / 16 within 2 percent."""
    grid = Grid((-8, 8), 7)
    start = Gaussian(1.0, 1.0)
    problem = Problem(grid, lambda w: 0.5 * w[:, 0] ** 2, 0.5, clock="imaginary", initial=start, duration=40.0)
    x = grid.axes[0]
    for dt in (0.2, 0.1, 0.05):
        psi = classical.final(problem, SplitStep(round(40 / dt), 2))[0]
        bias = moments(np.abs(psi) ** 2, x)[1] - 0.5
        assert bias == pytest.approx(-(dt**2) / 16, rel=0.02)
    better = classical.final(problem, SplitStep(200, 4))[0]
    assert abs(moments(np.abs(better) ** 2, x)[1] - 0.5) < 0.02 * 0.2**2 / 16


def test_coherent_state_swings_with_the_oscillator(classical):
    """M3: <x> = x0 cos t with the sign of time, variance 1/2, and a boost moves it to the right at first."""
    grid = Grid((-8, 8), 6)
    start = Gaussian(1.5, np.sqrt(0.5))
    problem = Problem(grid, lambda w: 0.5 * w[:, 0] ** 2, 0.5, clock="real", initial=start, duration=2.5)
    for t, psi, _ in classical.propagate(problem, SplitStep(250, 4), [0.0, 0.5, 1.0, 2.5]):
        mean, variance = moments(np.abs(psi) ** 2, grid.axes[0])
        assert mean == pytest.approx(1.5 * np.cos(t), abs=1e-7)
        assert variance == pytest.approx(0.5, abs=1e-7)
    kicked = problem.replace(initial=Gaussian(0.0, np.sqrt(0.5), momentum=0.8), duration=0.4)
    mean, _ = moments(np.abs(classical.final(kicked, SplitStep(40, 4))[0]) ** 2, grid.axes[0])
    assert mean == pytest.approx(0.8 * np.sin(0.4), abs=1e-7)
