"""Windings as integers, from states and from samples."""

from __future__ import annotations

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics import ensembles as en
from qml_dynamics.base.errors import MethodError, ProblemError
from qml_dynamics.synthesis.ensembles import bond_circuits, bond_signs, bond_values
from qml_dynamics.synthesis.states import prepare

SLOW_VENDOR = pytest.param(-2, "pennylane:default.qubit", marks=pytest.mark.slow)


@pytest.mark.parametrize("mode", [-3, -1, 0, 2, 3])
def test_round_the_ring(mode: int) -> None:
    ring = qd.Grid((0, 2 * np.pi), 4, twist=0.4)
    wave = (1 + 0.5 * np.cos(ring.axes[0] - 0.3)) * np.exp(1j * mode * ring.axes[0])
    assert en.circulation(wave, ring) == mode
    assert en.circulation(wave, ring, np.arange(16)[::-1]) == -mode


def test_orientation_and_place_of_one_vortex() -> None:
    grid = qd.Grid([(-5, 5), (-4, 4)], (4, 5))
    charges = en.circulation(en.vortex_wave(grid, [(1.1, -0.6)], [1]), grid)
    i, j = int((1.1 + 5) // 0.625), int((-0.6 + 4) // 0.25)
    assert charges[i, j] == 1
    assert np.abs(charges[4:12, 8:24]).sum() == 1
    assert charges.sum() == 0  # on a torus the box edge holds the opposite charges


def test_walls_have_no_plaquette_round_the_edge() -> None:
    grid = qd.Grid([(-5, 5), (-5, 5)], 4, boundary="walls")
    assert en.circulation(en.vortex_wave(grid, [(0.0, 0.0)], [-1]), grid).shape == (15, 15)
    assert en.circulation(en.vortex_wave(grid, [(0.0, 0.0)], [-1]), grid)[7, 7] == -1


def test_three_axes_give_three_planes() -> None:
    grid = qd.Grid([(-4, 4)] * 3, 3)
    x, y, z = np.meshgrid(*grid.axes, indexing="ij")
    wave = ((y + 0.3) + 1j * (z + 0.2)) * np.exp(-(x**2 + y**2 + z**2) / 4)
    charges = en.circulation(wave, grid)
    assert charges.shape == (3, 8, 8, 8)
    assert (charges[2, 1:7, 2:6, 2:6].sum(axis=(1, 2)) == 1).all()
    assert not charges[0, 1:7, 2:6, 2:6].any()


def test_loops_through_nodes_or_off_the_grid_are_refused() -> None:
    grid = qd.Grid([(-4, 4), (-4, 4)], 4)
    wave = en.vortex_wave(grid)
    with pytest.raises(ProblemError, match="avoid nodes"):
        en.circulation(wave, grid, [(8, 8), (9, 8), (9, 9), (8, 9)])
    with pytest.raises(ProblemError, match="lie on the grid"):
        en.circulation(wave, grid, [(8, 8), (16, 8), (9, 9)])
    with pytest.raises(ProblemError, match="no axis closes"):
        en.circulation(np.ones(8), qd.Grid((0, 1), 3, boundary="walls"))


def around(center: tuple[int, int], radius: float) -> list[tuple[int, int]]:
    """Points of the grid nearest to a circle, each once."""
    turns = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    walk = [(round(center[0] + radius * np.cos(a)), round(center[1] + radius * np.sin(a))) for a in turns]
    return [p for i, p in enumerate(walk) if p != walk[i - 1]]


HOOK = [(12, 12), (16, 12), (20, 12), (20, 18), (17, 18), (17, 21), (12, 21), (12, 17)]


@pytest.mark.parametrize("winding", [-3, -1, 2, 3])
def test_loops_of_any_shape(winding: int) -> None:
    grid = qd.Grid([(-4, 4), (-4, 4)], 5)
    wave = en.vortex_wave(grid, [(0.1, 0.13)], [winding])
    for loop, times in (
        (around((16, 16), 4.0), 1),
        (around((17, 15), 6.0), 1),
        (around((16, 16), 4.0)[::-1], -1),
        (around((16, 16), 4.0) * 2, 2),
        (HOOK, 1),
        (around((7, 8), 3.0), 0),
    ):
        assert en.circulation(wave, grid, loop) == times * winding


@pytest.mark.parametrize("winding", [1, -2, 3])
def test_a_core_on_a_grid_point_is_found_by_the_loop_around_it(winding: int) -> None:
    grid = qd.Grid([(-4, 4), (-4, 4)], 5)
    wave = en.vortex_wave(grid, [(0.0, 0.0)], [winding])
    assert abs(wave[16, 16]) == 0
    assert en.circulation(wave, grid, en.square_loop((16, 16), 2)) == winding
    charges = en.circulation(wave, grid)
    assert charges[12:20, 12:20].sum() == winding  # on the plaquettes that share the point
    assert charges.sum() == 0


@pytest.mark.parametrize("seed", range(4))
def test_on_a_torus_the_windings_of_any_wave_add_up_to_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for shape in ((4, 4), (5, 3)):
        grid = qd.Grid([(0, 1), (0, 2)], shape)
        charges = en.circulation(rng.standard_normal(grid.shape) + 1j * rng.standard_normal(grid.shape), grid)
        assert charges.sum() == 0
        assert np.abs(charges).sum() > 10
        assert np.abs(charges).max() == 1


def test_what_interference_cannot_measure_is_refused() -> None:
    grid = qd.Grid([(-4, 4), (-4, 4)], 4)
    circuit = prepare(qd.State(en.vortex_wave(grid, [(0.2, 0.1)], [1])), grid)
    loop = en.square_loop((8, 8), 3)
    with pytest.raises(ProblemError, match="`domain` must be a periodic Grid"):
        en.measured_circulation(circuit, qd.Grid([(-4, 4), (-4, 4)], 4, boundary="walls"), loop)
    with pytest.raises(ProblemError, match="`circuit` must have 6 qubits, but is 8"):
        en.measured_circulation(circuit, qd.Grid([(-4, 4), (-4, 4)], 3), loop)
    with pytest.raises(ProblemError, match="`problem` must be free"):
        en.measured_levels(en.ring(3, 0.2, duration=0.3, V=lambda w: np.cos(w[:, 0])), [0, 1])
    with pytest.raises(MethodError, match="`modes` must be an integer between -4 and 3"):
        en.measured_levels(en.ring(3, 0.2, duration=0.01), [0, 9])
    with pytest.raises(MethodError, match="`duration` must be below"):
        en.measured_levels(en.ring(3, 0.2, duration=30.0), [0, 1])


def test_vortices_move_but_their_number_stays() -> None:
    grid = qd.Grid([(-6, 6), (-6, 6)], 5)
    start = en.vortex_wave(grid, [(0.9, 0.13)], [1])
    problem = qd.Problem(
        grid, lambda w: (w**2).sum(axis=1) / 2, 0.5, clock="real", duration=1.5, initial=qd.State(start)
    )
    run = qd.evolve(problem, qd.Trotter(30), save=4)
    loop = en.square_loop((16, 16), 5)
    assert [en.circulation(psi, grid, loop) for psi in run.states] == [1, 1, 1, 1]
    places = [np.argwhere(en.circulation(psi, grid)[11:21, 11:21] == 1)[0].tolist() for psi in run.states]
    assert places[0] != places[-1]


@pytest.mark.parametrize("axis", [0, 1])
def test_interference_gives_every_link(axis: int) -> None:
    from qiskit.quantum_info import Statevector

    grid = qd.Grid([(-3, 3), (-3, 3)], (3, 2))
    rng = np.random.default_rng(5)
    psi = rng.standard_normal(grid.shape) + 1j * rng.standard_normal(grid.shape)
    circuit = prepare(qd.State(psi), grid)
    wave = Statevector(circuit).data.reshape(grid.shape)
    links = np.zeros(grid.shape, dtype=complex)
    sign = bond_signs(grid, axis).reshape([-1 if a == axis else 1 for a in range(2)])
    tests = bond_circuits(circuit, grid, axis)
    assert len(tests) == grid.qubits[axis]
    for pattern, real, imaginary in tests:
        links += bond_values(grid, axis, pattern, np.abs(Statevector(real).data) ** 2)
        links += 1j * sign * bond_values(grid, axis, pattern, np.abs(Statevector(imaginary).data) ** 2)
    np.testing.assert_allclose(links, wave.conj() * np.roll(wave, -1, axis), atol=1e-12)
    assert np.abs(links.imag).max() > 0.01


@pytest.mark.parametrize(("winding", "backend"), [(1, "aer"), (-2, "aer"), (3, "aer"), SLOW_VENDOR])
def test_measured_windings(winding: int, backend: str) -> None:
    grid = qd.Grid([(-4, 4), (-4, 4)], 4)
    circuit = prepare(qd.State(en.vortex_wave(grid, [(0.2, 0.1)], [winding])), grid)
    found = en.measured_circulation(circuit, grid, en.square_loop((8, 8), 3), backend=backend, shots=400_000, seed=3)
    assert found.value == winding
    assert found.certain
    assert abs(found.raw.value - winding) < 5 * found.raw.stderr < 0.5
    assert found.circuits == 16


def test_too_few_shots_are_not_called_certain() -> None:
    grid = qd.Grid([(-4, 4), (-4, 4)], 3)
    circuit = prepare(qd.State(en.vortex_wave(grid, [(0.4, 0.3)], [1])), grid)
    found = en.measured_circulation(circuit, grid, en.square_loop((4, 4), 1), shots=40, seed=1)
    assert not found.certain
    with pytest.raises(MethodError, match="show the link"):
        en.measured_circulation(circuit, grid, en.square_loop((4, 4), 3), shots=10, seed=1)
    with pytest.raises(ProblemError, match="from neighbour to neighbour"):
        en.measured_circulation(circuit, grid, [(4, 4), (6, 4), (6, 6)], shots=10)


@pytest.mark.parametrize("diffusion", [qd.Linear(1.0, 3.0), qd.Linear(3.0, 1.0)], ids=["rising", "falling"])
def test_levels_of_a_ring_with_a_schedule_are_its_means(diffusion: qd.Linear) -> None:
    problem = en.ring(3, 0.25, duration=0.2).replace(diffusion=diffusion)
    found = en.measured_levels(problem, [-1, 0, 1], shots=40_000, seed=3)
    wanted = 2.0 * (np.array([-1, 0, 1]) - 0.25) ** 2  # not 1 or 3 times, as at either end
    assert (np.abs(found.value - wanted) < 4 * found.stderr).all()
    assert found.stderr.max() < 0.1 < 0.3 * wanted.max()


@pytest.mark.parametrize("backend", ["aer", "pennylane:default.qubit"])
@pytest.mark.parametrize("flux", [0.25, -0.4])
def test_ring_levels_from_circuits(backend: str, flux: float) -> None:
    problem = en.ring(3, flux, duration=0.35)
    modes = [-2, -1, 0, 1, 2]
    found = en.measured_levels(problem, modes, backend=backend, shots=20_000, seed=11)
    wanted = (np.array(modes) - flux) ** 2
    assert (np.abs(found.value - wanted) < 4 * found.stderr).all()
    assert found.stderr.max() < 0.05
    np.testing.assert_allclose(np.sort(wanted)[:3], en.ring_levels(3, flux))
    with pytest.raises(MethodError, match="`duration` must be below"):
        en.measured_levels(en.ring(3, flux, duration=2.0), modes)
