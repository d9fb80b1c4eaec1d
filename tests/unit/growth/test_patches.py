"""Windows of the box: they widen, shift and follow a wave; as arrays and as circuits."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector

import qml_dynamics as qd
from qml_dynamics.base.errors import MethodError, ProblemError
from qml_dynamics.methods.growing.grid import tails
from qml_dynamics.methods.growing.patches import Patch, coarse, narrowed, strip
from qml_dynamics.synthesis.growth import blank, patch_seats, shift, widening

BOTH = pytest.mark.parametrize("boundary", ["periodic", "walls"])


def packet(grid: qd.Grid, center: float = -1.7) -> np.ndarray:
    return qd.Gaussian(center, 0.25, 1.5).vector(grid)


@BOTH
def test_a_patch_sees_the_part_of_the_loss_that_it_covers(boundary: str) -> None:
    whole = qd.Grid((-4, 4), 8, boundary=boundary)
    loss = qd.objectives.expression("x0**3 - 2*x0", 1)
    h = qd.hamiltonian(qd.Problem(whole, loss, 0.5, clock="real", duration=1.0))
    patch = Patch(whole, (6,), (1,), (8,))
    assert patch.grid.bounds == ((-3.0, 1.0),)
    x = patch.grid.axes[0]
    assert patch.hamiltonian(h).zeta == pytest.approx(x**3 - 2 * x, abs=1e-12)
    # kinetic and potential energy of a packet at home in the window are those on the whole box
    inside, outside = packet(patch.grid), packet(patch.opened.grid)
    energies = [patch.hamiltonian(h).expectation(inside), patch.opened.hamiltonian(h).expectation(outside)]
    assert energies[0] == pytest.approx(energies[1], abs=1e-4)
    assert abs(energies[0]) > 0.1
    assert patch.spread(inside) == pytest.approx(packet(whole), abs=5e-4)


def test_a_flux_through_the_box_keeps_its_vector_potential() -> None:
    whole = qd.Grid((-4, 4), 6, twist=0.3)
    h = qd.hamiltonian(qd.Problem(whole, lambda w: 0 * w[:, 0], 1.0, clock="real", duration=1.0))
    patch = Patch(whole, (6,), (1,), (8,))
    assert patch.grid.twist == (0.15,)
    on_patch = patch.hamiltonian(h).expectation(packet(patch.grid))
    assert on_patch == pytest.approx(h.expectation(packet(whole)), abs=1e-4)
    plain = qd.Grid(patch.grid.bounds, patch.grid.qubits)
    assert (
        abs(
            on_patch
            - qd.hamiltonian(qd.Problem(plain, lambda w: 0 * w[:, 0], 1.0, clock="real", duration=1.0)).expectation(
                packet(plain)
            )
        )
        > 1e-3
    )


@BOTH
def test_windows_widen_and_shift_by_quarters_as_arrays_and_as_circuits(boundary: str) -> None:
    whole = qd.Grid([(-4, 4), (0, 2)], (6, 4), boundary=boundary)
    rng, spare = np.random.default_rng(3), (1, 1)
    small = Patch(whole, (5, 3), (2, 0), (12, 0))
    psi = rng.standard_normal(small.grid.shape) + 1j * rng.standard_normal(small.grid.shape)
    psi /= np.linalg.norm(psi)
    for offset, quarters in ((4, 4), (8, 2), (12, 0)):  # starts at multiples of a quarter of the wider window
        wide = Patch(whole, (5, 3), (1, 0), (offset, 0))
        _same(small, wide, psi, widening(small.grid, 0, quarters), whole, spare)
    wide = Patch(whole, (5, 3), (2, 0), (10, 0))
    for offset, quarters in ((4, 3), (8, 1)):
        _same(wide, Patch(whole, (5, 3), (1, 0), (offset, 0)), psi, widening(wide.grid, 0, quarters), whole, spare)
    for quarters in (-3, -2, -1, 1, 2, 3):
        kept = np.zeros_like(psi)
        part = slice(2 * quarters if quarters < 0 else 0, None) if quarters < 0 else slice(0, 8 - 2 * quarters)
        kept[slice(-2 * quarters, None) if quarters < 0 else part] = psi[
            slice(-2 * quarters, None) if quarters < 0 else part
        ]
        moved = Patch(whole, (5, 3), (2, 0), (12 - 2 * quarters, 0))
        _same(small, moved, kept / np.linalg.norm(kept), shift(small.grid, 0, quarters), whole, spare)
    assert small.moved(psi, small) == pytest.approx(psi, abs=1e-12)
    assert moved.grid.bounds[0] != small.grid.bounds[0]


def _same(a: Patch, b: Patch, psi: np.ndarray, part: QuantumCircuit, whole: qd.Grid, spare: tuple[int, int]) -> None:
    before = np.zeros(1 << blank(whole).num_qubits, dtype=complex)
    before.reshape(-1)[_places(a, whole, spare)] = psi.reshape(-1)
    circuit = blank(whole)
    circuit.compose(part, patch_seats(b.grid, spare, whole), inplace=True)
    after = Statevector(before).evolve(circuit).data
    assert after[_places(b, whole, spare)] == pytest.approx(a.moved(psi, b).reshape(-1), abs=1e-12)
    assert np.linalg.norm(after[_places(b, whole, spare)]) == pytest.approx(1, abs=1e-12)


def _places(patch: Patch, whole: qd.Grid, spare: tuple[int, int]) -> np.ndarray:
    index = np.arange(whole.size).reshape(whole.shape)
    return index[tuple(slice(0, n << s, 1 << s) for n, s in zip(patch.grid.shape, spare))].reshape(-1)


@pytest.mark.parametrize("boundary", ["periodic", pytest.param("walls", marks=pytest.mark.slow)])
def test_a_window_that_follows_a_moving_packet_takes_no_more_qubits(boundary: str) -> None:
    """A packet that flies from one side of the box to the other is never in more than half of it."""
    loss = qd.objectives.expression("1e-6*x0**4", 1)
    grid = qd.Grid((-12, 12), 9, boundary=boundary)
    start = qd.Gaussian(-7.0, 0.55, momentum=10.0)
    problem = qd.Problem(grid, loss, 0.1, clock="real", duration=3.0, initial=start)
    grown = qd.evolve(problem, qd.Growing(qd.Trotter(32), start=4), seed=1)
    fixed = qd.evolve(problem, qd.SplitStep(32), seed=1)  # the same formula
    seen = grown.diagnostics
    lows = [bounds[0][0] for _, bounds in seen["windows"]]
    assert lows == sorted(lows)
    assert len(set(lows)) > 1
    assert max(bounds[0][1] - bounds[0][0] for _, bounds in seen["windows"]) == 12.0
    assert 1 - qd.compare(grown, fixed).fidelity < 1e-4
    assert abs(np.average(grid.axes[0], weights=fixed.density[-1]) + 1.0) < 0.1
    assert seen["two_qubit_gates"] < 0.7 * seen["fixed_two_qubit_gates"]
    assert "of the box" in grown.stop
    without = qd.evolve(problem, qd.Growing(qd.SplitStep(32), start=4, window=False), seed=1).diagnostics
    assert without["growth"][-1][1][0] > max(qubits[0] for _, qubits in seen["growth"])
    last = Statevector(qd.circuits(problem, qd.Growing(qd.Trotter(32), start=4))[-1]).data[: grid.size]
    assert abs(np.vdot(last, fixed.states[-1])) ** 2 > 1 - 1e-4


def test_each_axis_grows_by_itself() -> None:
    loss = qd.objectives.expression("20*x0**2 + 0.1*x1**2", 2)
    start = qd.Gaussian((0.3, 0.0), (0.12, 1.0))
    problem = qd.Problem(qd.Grid([(-2, 2), (-8, 8)], 7), loss, 0.05, clock="real", duration=1.0, initial=start)
    grown = qd.evolve(problem, qd.Growing(qd.SplitStep(100), start=4), seed=1)
    assert 1 - qd.compare(grown, qd.evolve(problem, qd.SplitStep(100), seed=1)).fidelity < 1e-4
    qubits = grown.diagnostics["growth"][-1][1]
    assert qubits[0] != qubits[1]
    assert grown.diagnostics["pays"]


def test_what_may_not_have_a_window() -> None:
    grid = qd.Grid((-8, 8), 8)
    loss = qd.objectives.expression("x0**2", 1)
    narrow = qd.Gaussian(-4, 0.3)
    for problem, options in (
        (qd.Problem(grid, loss, 0.5, clock="imaginary", duration=0.1, initial=narrow), {}),
        (qd.Problem(grid, loss, 0.5, clock="real", duration=0.1, initial=narrow), {"window": False}),
        (qd.Problem(grid, loss, 0.5, clock="real", duration=0.1, initial=narrow), {"criterion": "residual"}),
    ):
        grown = qd.evolve(problem, qd.Growing(qd.SplitStep(20), **options), seed=1)
        assert all(bounds == [[-8.0, 8.0]] for _, bounds in grown.diagnostics["windows"])
    uniform = qd.Problem(grid, loss, 0.5, clock="real", duration=0.01)
    assert qd.evolve(uniform, qd.Growing(qd.SplitStep(4)), seed=1).diagnostics["windows"][0][1] == [[-8.0, 8.0]]
    windowed = qd.evolve(problem, qd.Growing(qd.SplitStep(20)), seed=1).diagnostics["windows"]
    assert windowed[0][1] != [[-8.0, 8.0]]
    with pytest.raises(MethodError, match="`window`"):
        qd.Growing(qd.SplitStep(4), window="yes")
    with pytest.raises(ProblemError, match="`quarters`"):
        widening(grid, 0, 5)


def test_two_packets_far_apart_need_the_whole_box() -> None:
    grid = qd.Grid((-8, 8), 8)
    psi = packet(grid, -6.0) + 1e-2 * packet(grid, 6.0)
    patch = coarse(grid, 6)
    assert narrowed(patch, psi[::4], (4,), 3e-6) == patch
    alone = narrowed(patch, packet(grid, -6.0)[::4], (4,), 3e-6)
    assert alone.fraction == 0.25
    assert alone.grid.bounds[0][0] == -8.0
    problem = qd.Problem(grid, lambda w: 0 * w[:, 0], 0.1, clock="real", duration=0.2, initial=qd.State(psi))
    grown = qd.evolve(problem, qd.Growing(qd.SplitStep(20)), seed=1)
    assert grown.diagnostics["windows"][0][1] == [[-8.0, 8.0]]
    assert [strip(n) for n in (4, 16, 64)] == [1, 1, 4]


def test_tails_belong_to_their_axes() -> None:
    grid = qd.Grid([(-8, 8), (-8, 8)], 5)
    psi = qd.Gaussian(0.0, (0.25, 1.0)).vector(grid)
    high = tails(grid, np.abs(np.fft.fft2(psi, norm="ortho")) ** 2, grid)
    assert high[0] > 1e-3 > 1e-9 > high[1]
