"""Every fused or optimised circuit equals its plain composition: over boundary, flux, unequal axes and orders.

The plain composition is made of matrix exponentials of explicit sums over modes (`conformance.oracles`), factor by factor and in
unmerged steps; what a circuit shares, merges or leaves out must not show.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator, Statevector

import qml_dynamics as qd
from qml_dynamics.conformance import oracles
from qml_dynamics.learning.growth import residual
from qml_dynamics.methods.growing.grid import on_grid, tails
from qml_dynamics.methods.growing.patches import Patch
from qml_dynamics.methods.imaginary.laws import lower_bound
from qml_dynamics.model.domains import Grid
from qml_dynamics.model.formulas import by_order
from qml_dynamics.model.hamiltonians import hamiltonian
from qml_dynamics.model.transforms import Transform
from qml_dynamics.synthesis.ensembles import exchange_circuit, two_slit_circuit
from qml_dynamics.synthesis.growth import blank, kinetic_refinement, patch_seats, refinement, seats, shift, widening
from qml_dynamics.synthesis.imaginary import double_bracket_step, real_time, schrodingerised
from qml_dynamics.synthesis.koopman import Factory, PhaseSpace
from qml_dynamics.synthesis.metts import basis_state
from qml_dynamics.synthesis.p_register import Blocks, Register
from qml_dynamics.synthesis.probabilistic import deferred, probabilistic_blocks
from qml_dynamics.synthesis.states import prepare
from qml_dynamics.synthesis.transforms import kinetic, width
from qml_dynamics.synthesis.trotter import Factory as BatchFactory
from qml_dynamics.synthesis.trotter import program
from tests.power.spaces import GRIDS, SPACES, acted, exponential, kinetic_matrix, loss, potential_matrix, random_wave

DIFFUSION, STRENGTH, DURATION = qd.Linear(0.3, 0.12), qd.PowerLaw(0.8, 2.0, offset=0.5), 0.7
SPACE = pytest.mark.parametrize("space", list(SPACES))
GRID = pytest.mark.parametrize("space", list(GRIDS))


def problem(space: str, clock: str = "real", **changed: Any) -> qd.Problem:
    """Both coefficients move; the initial wave is any."""
    domain = SPACES[space]
    start = qd.State(random_wave(domain.size))
    made = qd.Problem(domain, loss, DIFFUSION, STRENGTH, clock=clock, initial=start, duration=DURATION)
    return made.replace(**changed) if changed else made


def step_factors(order: int, t0: float, t1: float) -> list[tuple[str, float]]:
    """Kind and amount of every factor of one step, unmerged, with integrals by Gauss' rule."""
    outer = 1 / (4 - 4 ** (1 / 3))
    shares = [outer, outer, 1 - 4 * outer, outer, outer] if order == 4 else [1.0]
    base = [("V", 1.0), ("K", 1.0)] if order == 1 else [("V", 0.5), ("K", 1.0), ("V", 0.5)]
    out, now = [], t0
    for share in shares:
        end = now + share * (t1 - t0)
        amounts = {"K": integral(DIFFUSION, now, end), "V": integral(STRENGTH, now, end)}
        out += [(kind, fraction * amounts[kind]) for kind, fraction in base]
        now = end
    return out


def integral(schedule: Any, a: float, b: float) -> float:
    """By Gauss' rule with eight nodes; exact for the polynomials here."""
    nodes, weights = np.polynomial.legendre.leggauss(8)
    return (
        0.5
        * (b - a)
        * sum(w * schedule.value(0.5 * (a + b) + 0.5 * (b - a) * x, DURATION) for x, w in zip(nodes, weights))
    )


@pytest.mark.parametrize("order", [1, 2, 4])
@SPACE
def test_merged_steps_are_the_product_of_all_their_factors(space: str, order: int) -> None:
    """Templates, bound angles and merged halves against unmerged exponentials; the ancillas of walls come back."""
    domain, p = SPACES[space], problem(space)
    parts = {"K": kinetic_matrix(domain), "V": potential_matrix(domain)}
    wave = random_wave(domain.size)
    plan = program(p, hamiltonian(p), by_order(order), 2, [0.0, DURATION])
    for half in range(2):
        for kind, amount in step_factors(order, half * DURATION / 2, (half + 1) * DURATION / 2):
            wave = exponential(parts[kind], -1j * amount) @ wave
    found = Statevector(plan.until(1)).data.reshape(-1, domain.size)
    assert found[0] == pytest.approx(wave, abs=1e-10)
    assert np.abs(found[1:]).max(initial=0.0) < 1e-10
    assert abs(np.vdot(random_wave(domain.size), wave)) < 0.95


@SPACE
def test_batches_and_kinetic_factors_are_their_product(space: str) -> None:
    domain = SPACES[space]
    first, second = loss(oracles.coordinates(domain)), np.cos(np.arange(domain.size) + 0.4)
    wave = random_wave(domain.size)
    circuit = BatchFactory(domain).piece([(0.4, first), (0.3, None), (-0.2, second), (0.15, None)])
    wanted = np.exp(-0.4j * first) * wave
    wanted = exponential(kinetic_matrix(domain), -0.3j) @ wanted
    wanted = exponential(kinetic_matrix(domain), -0.15j) @ (np.exp(0.2j * second) * wanted)
    found = acted(circuit, wave, domain)
    assert found[0] == pytest.approx(wanted, abs=1e-10)
    assert np.abs(wanted - wave).max() > 0.1


@GRID
@pytest.mark.parametrize("more", [(1, 1), (1, 0), (0, 1)])
def test_kinetic_factor_and_interpolation_share_their_transforms(space: str, more: tuple[int, int]) -> None:
    """The fused circuit against the kinetic factor on the coarse grid followed by the interpolation, for every basis state."""
    coarse = GRIDS[space]
    finer = Grid(coarse.bounds, [q + m for q, m in zip(coarse.qubits, more)], coarse.boundary, coarse.twist)
    tau = 0.21
    plain = blank(finer)
    factor = QuantumCircuit(width(coarse))
    kinetic(coarse, tau, factor)
    plain.compose(factor, patch_seats(coarse, more, finer), inplace=True)
    plain.compose(refinement(coarse, finer), inplace=True)
    fused = kinetic_refinement(coarse, finer, tau)
    used = np.arange(finer.size).reshape(finer.shape)[tuple(slice(0, None, 1 << m) for m in more)].reshape(-1)
    columns = [Operator(circuit).data[:, used] for circuit in (fused, plain)]
    assert columns[0] == pytest.approx(columns[1], abs=1e-10)
    identity = blank(finer)
    identity.compose(refinement(coarse, finer), inplace=True)
    assert np.abs(columns[0] - Operator(identity).data[:, used]).max() > 0.05  # the kinetic factor does something


@GRID
def test_interpolation_keeps_every_mode_of_the_coarse_grid(space: str) -> None:
    """A wave of low modes, given by its formula, goes to the same formula on finer points, axis by axis."""
    coarse = GRIDS[space]
    finer = Grid(coarse.bounds, [q + 1 for q in coarse.qubits], coarse.boundary, coarse.twist)
    wave, wanted = (smooth_wave(grid) for grid in (coarse, finer))
    circuit = QuantumCircuit(width(finer))
    circuit.compose(prepare(qd.State(wave), coarse), seats(coarse, finer), inplace=True)
    circuit.compose(refinement(coarse, finer), inplace=True)
    found = Statevector(circuit).data.reshape(-1, finer.size)[0]
    assert abs(np.vdot(found, wanted.reshape(-1))) == pytest.approx(1.0, abs=1e-10)
    assert found == pytest.approx(wanted.reshape(-1), abs=1e-10)


def smooth_wave(grid: Grid) -> np.ndarray:
    """A product of the lowest modes of each axis (between walls sines, else a constant and a plane wave below the highest)."""
    out = np.ones((1,) * grid.ndim, dtype=complex)
    for axis, (x, (a, b)) in enumerate(zip(grid.axes, grid.bounds)):
        turn = np.pi * (x - a) / (b - a)
        line = np.sin(turn) if grid.boundary == "walls" else np.ones_like(x) + 0j
        if (
            grid.boundary == "periodic" and grid.size >> grid.qubits[axis] < grid.shape[axis]
        ):  # the longer axis has room
            line = line + 0.5j * np.exp(2j * turn)
        shape = [1] * grid.ndim
        shape[axis] = -1
        out = out * line.reshape(shape)
    return out / np.linalg.norm(out)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("boundary", ["periodic", "walls"])
def test_windows_widen_and_shift_along_each_axis(boundary: str, axis: int) -> None:
    """As circuits they move every basis state of the window to where the arrays have it."""
    bits, halved = ((3, 2), (2, 3))[axis], tuple(int(a == axis) * 2 for a in range(2))
    whole = Grid(BOUNDS, [b + h for b, h in zip(bits, halved)], boundary)
    points = 1 << bits[axis]

    def at(start: int, halvings: int) -> Patch:
        return Patch(whole, whole.qubits, tuple(halvings if a == axis else 0 for a in range(2)), put(axis, start))

    seen = 0
    for quarters in (0, 1, 2, 3, 4):
        start, low = points * 5 // 4 if quarters % 2 else points, points * 5 // 4 if quarters % 2 else points
        start, low = start, low - quarters * points // 4
        if low < 0 or (quarters % 2 == 0) != (low % (points // 2) == 0):
            continue
        same_move(at(start, 2), at(low, 1), widening(at(start, 2).grid, axis, quarters), whole)
        seen += 1
    for quarters in (-1, 1, 2):
        here = at(points, 2)
        moved = at(points - quarters * points // 4, 2)
        same_move(here, moved, shift(here.grid, axis, quarters), whole, -quarters * points // 4)
        seen += 1
    assert seen >= 6


BOUNDS = [(-4.0, 4.0), (0.0, 2.0)]


def put(axis: int, start: int) -> tuple[int, ...]:
    return tuple(start if a == axis else 0 for a in range(2))


def same_move(a: Patch, b: Patch, part: QuantumCircuit, whole: Grid, by: int = 0) -> None:
    """The circuit and the arrays agree on every point of the window that the other window reaches."""
    matrix = np.abs(Operator(part).data[: b.grid.size, : b.grid.size])
    for flat in range(a.grid.size):
        point = np.unravel_index(flat, a.grid.shape)
        line = next(k for k in range(2) if a.halvings[k] or b.halvings[k])
        if by and not 0 <= point[line] - by < a.grid.shape[line]:
            continue
        psi = np.zeros(a.grid.shape, dtype=complex)
        psi[point] = 1.0
        wanted = int(np.argmax(np.abs(a.moved(psi, b)).reshape(-1)))
        assert matrix[wanted, np.ravel_multi_index(point, b.grid.shape)] == pytest.approx(1.0), (point, by)


@pytest.mark.parametrize("order", [1, 2])  # negative substeps would amplify
@SPACE
def test_the_p_register_is_carried_by_every_factor(space: str, order: int) -> None:
    """``exp(+i eta amount (f - f_min))`` on each momentum of the register, factor by factor and axis by axis."""
    domain, p, register = SPACES[space], problem(space, "imaginary"), Register(3, 2.0, 3.0)
    pieces = schrodingerised(p, hamiltonian(p), 1, order, register, [0.0, DURATION])
    rows = np.outer(register.profile / np.linalg.norm(register.profile), random_wave(domain.size))
    eta = 2 * np.pi * np.fft.fftfreq(8, register.spacing)
    eta[4] = -abs(eta[4])
    rows = np.fft.fft(rows, axis=0)
    lowest = {
        "K": float(np.sum([a.min() for a in domain.dual_axes])),
        "V": float(potential_matrix(domain).diagonal().min()),
    }
    parts = {"K": kinetic_matrix(domain), "V": potential_matrix(domain)}
    for kind, amount in step_factors(order, 0.0, DURATION):
        matrix = parts[kind] - lowest[kind] * np.eye(domain.size)
        rows = np.array([exponential(matrix, 1j * e * amount) @ row for e, row in zip(eta, rows)])
    rows = np.fft.ifft(rows, axis=0)
    found = Statevector(pieces[0].compose(pieces[1])).data.reshape(8, -1, domain.size)
    assert found[:, 0] == pytest.approx(rows, abs=1e-9)
    assert np.abs(found[:, 1:]).max(initial=0.0) < 1e-9


@pytest.mark.parametrize("block", ["exact", "linear"])
@pytest.mark.parametrize("order", [1, 2])
@SPACE
def test_blocks_with_an_ancilla_are_their_cosines(space: str, order: int, block: str) -> None:
    """Ancillas that all read 0 leave the product of the blocks' cosines: decays for exact blocks, phases for linear ones."""
    domain, p = SPACES[space], problem(space, "imaginary", duration=DURATION)
    h, m0 = hamiltonian(p), 0.85
    rule = Blocks(m0, 1 if block == "exact" else 3, order, block)
    lowest = partial(lower_bound, p, h)
    (blocks,) = probabilistic_blocks(p, h, rule, [0.0, DURATION], lowest)
    wave = random_wave(domain.size)
    parts = {"K": kinetic_matrix(domain), "V": potential_matrix(domain)}
    floor = {"K": float(np.sum([a.min() for a in domain.dual_axes])), "V": float(parts["V"].diagonal().min())}
    wanted = wave
    if block == "exact":
        for kind, amount in step_factors(order, 0.0, DURATION):
            wanted = exponential(parts[kind] - floor[kind] * np.eye(domain.size), -amount) @ wanted
        wanted = m0 ** len(blocks) * wanted
    else:
        slope = m0 / np.sqrt(1 - m0**2)
        for k in range(3):
            a, b = k * DURATION / 3, (k + 1) * DURATION / 3
            shift_by = integral(DIFFUSION, a, b) * floor["K"] + integral(STRENGTH, a, b) * floor["V"]
            both = [wanted, wanted]
            for kind, amount in step_factors(order, a, b):
                both = [exponential(parts[kind], s * 1j * slope * amount) @ w for s, w in zip((1, -1), both)]
            phase = np.exp(1j * (np.arccos(m0) - slope * shift_by))
            wanted = 0.5 * (phase * both[0] + np.conj(phase) * both[1])
    start = prepare(p.initial, domain)
    if len(blocks) <= 4:
        found = Statevector(deferred(start, blocks)).data.reshape(-1, domain.size)[0]
        assert found == pytest.approx(wanted, abs=1e-9)
    rows = acted(start, np.eye(domain.size)[0], domain)[0]
    for one in blocks:
        rows = acted(one, rows, domain)[0]
    assert rows == pytest.approx(wanted, abs=1e-9)
    assert np.linalg.norm(wanted) < 0.999


@SPACE
def test_reflections_are_the_product_of_their_parts(space: str) -> None:
    """The double bracket's step against dense exponentials, the mean of the Hamiltonian over the step."""
    domain, p, t1 = SPACES[space], problem(space, "imaginary"), 0.5
    h, wave = hamiltonian(p), random_wave(domain.size)
    made = prepare(p.initial, domain)
    root, substeps = np.sqrt(t1), 2
    d, s = DIFFUSION.integral(0.0, t1, DURATION) / t1, STRENGTH.integral(0.0, t1, DURATION) / t1
    step = np.eye(domain.size, dtype=complex)
    half = exponential(potential_matrix(domain), -0.5j * s * root / substeps)
    for _ in range(substeps):
        step = half @ exponential(kinetic_matrix(domain), -1j * d * root / substeps) @ half @ step
    circuit = real_time(p, h, 0.0, t1, root, substeps)
    assert acted(circuit, wave, domain)[0] == pytest.approx(step @ wave, abs=1e-10)
    turned = step @ wave  # e^{irH} U e^{ir|0><0|} U^+ e^{-irH} U |0>, and U e^{ir|0><0|} U^+ is a phase on psi alone
    turned = turned + (np.exp(1j * root) - 1) * np.vdot(wave, turned) * wave
    wanted = step.conj().T @ turned
    found = acted(double_bracket_step(p, h, made, 0.0, t1, substeps), np.eye(domain.size)[0], domain)
    assert found[0] == pytest.approx(wanted, abs=1e-9)
    assert abs(np.vdot(wanted, wave)) < 0.99


@pytest.mark.parametrize("qubits", [(2, 1), (1, 2)])
def test_drifts_and_kicks_act_on_their_own_axes(qubits: tuple[int, int]) -> None:
    """Phases in each momentum against FFTs along the axes of phase space; unequal boxes, registers and forces."""
    space = PhaseSpace(Grid([(-2.0, 3.0), (0.0, 1.4)], qubits), Grid((-3.0, 3.0), 2))
    force = np.array([np.sin(1.0 + np.arange(8.0)), 0.4 * np.cos(np.arange(8.0))]).reshape(2, *space.positions.shape)
    wave = random_wave(1 << space.num_qubits).reshape(space.shape)  # (k1, k0, w0, w1)
    circuit = Factory(space, force).piece([("K", 0.3), ("V", 0.5), ("K", -0.1)])
    found = Statevector(wave.reshape(-1)).evolve(circuit).data.reshape(space.shape)
    wanted = drifted(space, wave, 0.3)
    for axis in range(2):
        kappa = dual(space.momentum, 0)
        where = 1 - axis  # the momentum of axis 0 is the second register from the top
        shape = [1] * 4
        shape[where] = -1
        field = force[axis].reshape(1, 1, *space.positions.shape)
        wanted = np.fft.ifft(np.fft.fft(wanted, axis=where) * np.exp(0.5j * field * kappa.reshape(shape)), axis=where)
    assert found == pytest.approx(drifted(space, wanted, -0.1), abs=1e-10)
    assert np.abs(found - wave).max() > 0.05


def dual(grid: Grid, axis: int) -> np.ndarray:
    """Momenta of an axis in the order of FFT, the highest negative."""
    n, length = grid.shape[axis], grid.lengths[axis]
    return 2 * np.pi / length * np.array([m - n * (m >= n // 2) for m in range(n)], dtype=float)


def drifted(space: PhaseSpace, wave: np.ndarray, tau: float) -> np.ndarray:
    k = space.momentum.axes[0]
    for axis in range(2):
        where, q = 2 + axis, dual(space.positions, axis)
        speed, dual_shape = [1] * 4, [1] * 4
        speed[1 - axis], dual_shape[where] = -1, -1
        phase = np.exp(-2j * tau * k.reshape(speed) * q.reshape(dual_shape))
        wave = np.fft.ifft(np.fft.fft(wave, axis=where) * phase, axis=where)
    return wave


@pytest.mark.parametrize("basis", ["weight", "dual"])
@SPACE
def test_every_basis_state_is_made(space: str, basis: str) -> None:
    """Points and modes by their flat index, on unequal axes; between walls standing waves."""
    domain = SPACES[space]
    for index in range(domain.size):
        unit = np.zeros(domain.size, dtype=complex)
        unit[index] = 1.0
        wanted = unit if basis == "weight" else Transform(domain).inverse(unit.reshape(domain.shape)).reshape(-1)
        found = Statevector(basis_state(domain, basis, index)).data.reshape(-1, domain.size)
        assert abs(np.vdot(found[0], wanted)) == pytest.approx(1.0, abs=1e-10)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_exchange_has_the_order_of_its_formula(order: int) -> None:
    costs, bonds = np.array([0.4, -0.3, 0.9]), [(0, 1), (1, 2)]
    strings = {"IIZ": -0.45, "IZI": 0.15, "ZII": -0.2, "III": 0.5}
    h = sum(c * pauli(label) for label, c in strings.items())
    h = h + 0.35 * sum(pauli(label) for label in ("XXI", "YYI", "IXX", "IYY"))
    start = np.zeros(8)
    start[0b100] = 1.0  # neuron 0 on the highest qubit
    exact = exponential(h, -1.1j) @ start

    def error(steps: int) -> float:
        wave = Statevector(exchange_circuit(costs, bonds, 0.7, 1.1, steps, order, start=[0])).data
        return float(np.linalg.norm(wave - exact))

    coarse, fine = (error(k) for k in (4, 8))
    assert fine > 1e-9
    assert np.log2(coarse / fine) == pytest.approx(order, abs=0.3)


def pauli(label: str) -> np.ndarray:
    out = np.eye(1)
    for letter in label:
        out = np.kron(out, oracles.PAULI[letter])
    return out


@pytest.mark.parametrize("ratio", [1.0, -0.5, 0.2, 3.0, 0.0])
def test_two_lobes_of_unequal_weight_share_their_tree(ratio: float) -> None:
    lobe = np.array([0.1, -0.7, 0.4, 0.2])
    wave = np.concatenate([lobe, ratio * lobe])
    circuit = two_slit_circuit(wave)
    assert Statevector(circuit).data == pytest.approx(wave / np.linalg.norm(wave), abs=1e-12)
    assert circuit.num_nonlocal_gates() <= 2


@pytest.mark.parametrize("t", [0.0, 0.5])
@GRID
def test_a_residual_is_what_the_coarse_velocity_misses(space: str, t: float) -> None:
    """``|(H_fine P - P H_coarse) psi|`` with P by explicit modes, at the start and later, between walls and with flux."""
    coarse = GRIDS[space]
    fine = Grid(coarse.bounds, [q + 1 for q in coarse.qubits], coarse.boundary, coarse.twist)
    p = qd.Problem(fine, loss, DIFFUSION, STRENGTH, clock="real", duration=DURATION)
    h = hamiltonian(p)
    wave = smooth_wave(coarse).reshape(-1)
    d, s = DIFFUSION.value(t, DURATION), STRENGTH.value(t, DURATION)
    whole, part = (d * kinetic_matrix(g) + s * potential_matrix(g) for g in (fine, coarse))
    embed = embedding(coarse, fine)
    wanted = float(np.linalg.norm(whole @ (embed @ wave) - embed @ (part @ wave)))
    found = residual(wave.reshape(coarse.shape), on_grid(h, coarse), h, t)
    assert found == pytest.approx(wanted, rel=1e-8)
    assert found > 0.01


def embedding(coarse: Grid, fine: Grid) -> np.ndarray:
    """The isometry that keeps every mode; the highest periodic one is shared out to both ends, as a real wave needs."""
    out = np.eye(1)
    for axis in range(coarse.ndim):
        n, m = coarse.shape[axis], fine.shape[axis]
        if coarse.boundary == "walls":
            low, high = (oracles.axis_modes(g, axis)[2] for g in (coarse, fine))
            weight = np.ones(n)
            weight[-1] = 2**-0.5
            line = (high[:n].T * weight) @ low
        else:
            j, k = np.arange(n), np.arange(m)
            modes = [(q, 1.0) for q in range(-n // 2 + 1, n // 2)] + [(n // 2, 0.5), (-n // 2, 0.5)]
            line = sum(
                w * np.outer(np.exp(2j * np.pi * q * k / m), np.exp(-2j * np.pi * q * j / n)) for q, w in modes
            ) / np.sqrt(n * m)
        out = np.kron(out, line)
    return out


@pytest.mark.parametrize("boundary", ["periodic", "walls"])
def test_tails_count_both_signs_of_a_momentum(boundary: str) -> None:
    """On a ring a wave that runs backwards only, between walls a standing one: above 0.8 of the largest, and only there."""
    grid = Grid([(-2.0, 3.0), (0.0, 1.4)], (4, 3), boundary)
    for axis in range(2):
        for share, wanted in ((0.95, 1.0), (0.6, 0.0)):
            spectrum = np.zeros(grid.shape)
            k = grid.momenta[axis]
            place = (
                int(np.argmin(np.abs(k + share * np.abs(k).max())))
                if boundary == "periodic"
                else round(share * k.size) - 1
            )
            where = [0, 0]
            where[axis] = place
            spectrum[tuple(where)] = 1.0
            found = tails(grid, spectrum, grid)
            assert found[axis] == wanted, (axis, share, k[place])
            assert found[1 - axis] == 0.0
