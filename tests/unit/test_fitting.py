"""Initial waves against the momenta, the seam and the box of their grid, by absolute measure."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from qiskit.quantum_info import Statevector

import qml_dynamics as qd
from qml_dynamics.base.errors import EdgeWeightWarning, MomentumTailWarning, ProblemError
from qml_dynamics.model.fitting import check_fit, closed_at_seam
from qml_dynamics.model.hamiltonians import hamiltonian
from qml_dynamics.synthesis.states import prepare
from tests.texts import planned

TURN = 2 * np.pi


def told(problem: qd.Problem) -> list[tuple[type, str]]:
    """What the check says of a problem."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        check_fit(problem, hamiltonian(problem))
    return [(w.category, str(w.message)) for w in found]


def bowl(grid: qd.Grid, initial: object, clock: str = "real") -> qd.Problem:
    return qd.Problem(
        grid,
        lambda w: ((w - 0.1) ** 2).sum(axis=1) / 2,
        0.5,
        clock=clock,
        duration=1.0,
        initial=initial,  # type: ignore[arg-type]
    )


# --- wrapped round the seam


@pytest.mark.parametrize("momentum", [0.0, 3.0, -2.37])
@pytest.mark.parametrize("center", [0.0, 0.4, 3.1, TURN - 0.01])
@pytest.mark.parametrize("width", [0.12, 0.3, 1.4, 8.0])
def test_a_gaussian_on_a_ring_is_the_sum_of_its_images(center: float, width: float, momentum: float) -> None:
    """Against the sum over images and the transform of a Gaussian at the ring's momenta (Poisson)."""
    ring = qd.Grid((0, TURN), 6)
    psi, x, k = qd.Gaussian(center, width, momentum).vector(ring), ring.axes[0], ring.momenta[0]
    d = x[:, None] - center - TURN * np.arange(-40, 41)
    wanted = np.exp(-(d**2) / (4 * width**2) + 1j * momentum * d).sum(axis=1)
    wanted /= np.linalg.norm(wanted)
    assert abs(np.vdot(psi, wanted)) == pytest.approx(1.0, abs=1e-9)
    law = np.exp(-2 * width**2 * (k - momentum) ** 2)
    found = np.abs(np.fft.fft(psi, norm="ortho")) ** 2
    assert np.abs(found - law / law.sum()).max() < 1e-6


@pytest.mark.parametrize("shift", [5, 17])
def test_where_the_seam_lies_does_not_matter(shift: int) -> None:
    """The same ring cut elsewhere holds the same wave, its momentum at the seam too."""
    one, step = qd.Grid((0, TURN), 5), TURN / 32
    other = qd.Grid((shift * step, shift * step + TURN), 5)
    first = qd.Gaussian(shift * step + 0.2, 0.4, 2.6).vector(one)
    second = qd.Gaussian(shift * step + 0.2, 0.4, 2.6).vector(other)
    overlap = np.vdot(np.roll(first, -shift), second)
    assert abs(overlap) == pytest.approx(1.0, abs=1e-9)
    cut = qd.Gaussian(0.0, 0.3).vector(one)
    assert np.abs(np.fft.fft(cut, norm="ortho")) ** 2 @ one.dual == pytest.approx(1 / (4 * 0.3**2), abs=1e-3)


@pytest.mark.parametrize("twist", [0.0, 0.3])
def test_a_wave_on_a_ring_moves_on_across_the_seam(twist: float) -> None:
    """Free motion with velocity ``2 D (k - 2 pi twist / L)``, whether it starts at the seam or half way round."""
    ring = qd.Grid((0, TURN), 6, twist=twist)
    starts, means = (0.0, np.pi), []
    for center in starts:
        free = qd.Problem(
            ring, lambda w: 0 * w[:, 0], 0.5, clock="real", duration=0.6, initial=qd.Gaussian(center, 0.3, 4.2)
        )
        run = qd.evolve(free, qd.SplitStep(8))
        means.append(np.angle(run.density[-1] @ np.exp(1j * (ring.axes[0] - center))))
    assert means[0] == pytest.approx(means[1], abs=1e-9)
    assert means[0] == pytest.approx(0.6 * (4.2 - twist), abs=2e-2)


@pytest.mark.parametrize("momentum", [0.0, 1.0, 2.6])
def test_the_circuit_prepares_the_wrapped_wave(momentum: float) -> None:
    """Phases of the images at the seam included."""
    plane = qd.Grid([(0, TURN), (-2, 3)], (4, 3))
    initial = qd.Gaussian((0.3, 1.9), (0.5, 0.6), (momentum, -0.7))
    state = Statevector(prepare(initial, plane)).data
    assert abs(np.vdot(state, initial.vector(plane).reshape(-1))) == pytest.approx(1.0, abs=1e-10)


def test_between_walls_a_gaussian_is_cut() -> None:
    walls = qd.Grid((0, TURN), 6, "walls")
    psi = qd.Gaussian(0.3, 0.3).vector(walls)
    assert abs(psi[-1]) < 1e-30
    assert np.abs(psi).argmax() == 3


# --- momenta


@pytest.mark.parametrize("boundary", ["periodic", "walls"])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_momentum_above_the_largest_is_refused(boundary: str, axis: int, sign: int) -> None:
    grid = qd.Grid([(-8, 8), (-4, 4)], (5, 4), boundary)
    momentum = [0.3, 0.2]
    momentum[axis] = sign * 45.0
    problem = bowl(grid, qd.Gaussian(0, 1, momentum))
    wanted = (
        rf"Argument `momentum` must be at most 6.28, the largest of the grid along axis {axis}, but is {sign * 45}\."
    )
    for call in planned(problem):
        with pytest.raises(ProblemError, match=wanted):
            call()
    momentum[axis] = sign * 2.0
    assert told(bowl(grid, qd.Gaussian(0, 1, momentum))) == []


@pytest.mark.parametrize(
    ("initial", "says"),
    [
        (qd.Gaussian(0, 0.08), "of the momenta of `initial` along axis 0 are above 6.28"),
        (qd.Gaussian(0, 0.8, 5.9), "of the momenta of `initial` along axis 0 are above 6.28"),
        (
            qd.State(np.exp(-0.5 * (np.arange(32) - 16.0) ** 2 / 0.16)),
            "of `initial` are above 0.8 of the largest momentum",
        ),
    ],
)
def test_momenta_that_the_grid_does_not_hold_are_told_at_once(initial: object, says: str) -> None:
    found = told(bowl(qd.Grid((-8, 8), 5), initial))
    assert [category for category, _ in found] == [MomentumTailWarning]
    assert says in found[0][1]


# --- the box


@pytest.mark.parametrize("half", [1.5, 1.3])
@pytest.mark.parametrize("boundary", ["periodic", "walls"])
def test_a_wave_that_its_box_cuts_is_told_whatever_it_does_later(boundary: str, half: float) -> None:
    problem = bowl(qd.Grid((-half, half), 6, boundary), qd.Gaussian(0.9, 0.3))
    found = told(problem)
    assert [category for category, _ in found] == [EdgeWeightWarning]
    assert "of `initial` along axis 0 lie beyond" in found[0][1]
    assert told(bowl(qd.Grid((-6, 6), 6, boundary), qd.Gaussian(0.9, 0.3))) == []
    with pytest.warns(EdgeWeightWarning, match="of `initial` along axis 0 lie beyond"):
        qd.evolve(problem, qd.SplitStep(4))
    vector = qd.State(problem.initial.vector(problem.domain))
    assert EdgeWeightWarning in [c for c, _ in told(problem.replace(initial=vector))]


def test_a_ring_has_no_edge() -> None:
    """Where the loss is periodic, a wave at the seam is no fault; the same loss on a box that is no period has one."""
    ring = qd.Problem(
        qd.Grid((0, TURN), 6), lambda w: np.cos(w[:, 0]), 0.5, clock="real", duration=1.0, initial=qd.Gaussian(0.1, 0.3)
    )
    assert closed_at_seam(hamiltonian(ring)) == [True]
    assert told(ring) == []
    box = ring.replace(domain=qd.Grid((0, 5.0), 6))
    assert closed_at_seam(hamiltonian(box)) == [False]
    assert [c for c, _ in told(box)] == [EdgeWeightWarning]
    mixed = hamiltonian(
        bowl(qd.Grid([(-3, 3), (-3, 3)], 4), qd.Uniform()).replace(
            objective=lambda w: np.cos(TURN * w[:, 0] / 6) + w[:, 1]
        )
    )
    assert closed_at_seam(mixed) == [True, False]
