"""Oracles from outside: the truth is planted, or worked out here by other means, and the library has to find it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Parameter
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit_aer.noise import NoiseModel, ReadoutError

import qml_dynamics as qd
from qml_dynamics import ensembles as en
from qml_dynamics.backends.aer_outcomes import logical
from qml_dynamics.backends.device.report import expected_fidelity
from qml_dynamics.backends.mitigation.batch import reduced
from qml_dynamics.cli.gibbs import _p_value
from qml_dynamics.cli.optimum import scipy_optimum
from qml_dynamics.conformance import oracles
from qml_dynamics.learning.diffusion.device import read_density
from qml_dynamics.model.hamiltonians import hamiltonian
from qml_dynamics.model.pauli import pauli_sum
from qml_dynamics.model.resample import restrict
from qml_dynamics.results.observables import best_of, edge_weight, momentum_tail, pauli_groups
from qml_dynamics.results.sampling import draw
from qml_dynamics.results.trajectory import Counts
from qml_dynamics.synthesis.ensembles import bond_circuits, bond_signs, bond_values
from qml_dynamics.validation.device_cost import formula_constant
from qml_dynamics.validation.error_parts import coarse_cells, infidelity_of
from tests.power.spaces import GRIDS, loss, random_wave

pytestmark = pytest.mark.filterwarnings("ignore:The wave has")  # coarse grids

IDEAL = np.array([0.02, 0.4, 0.13, 0.05, 0.2, 0.0, 0.15, 0.05])  # of three qubits, without any symmetry


def assignment(errors: list[tuple[float, float]]) -> np.ndarray:
    """The matrix of independent readout errors ``(p(1|0), p(0|1))``, entry by entry, qubit 0 the lowest bit."""
    out = np.eye(1)
    for up, down in errors:
        out = np.kron(np.array([[1 - up, down], [up, 1 - down]]), out)
    return out


def published(device: Any) -> dict[int, tuple[float, float]]:
    """``(p(1|0), p(0|1))`` of a device as its vendor's report states them, read from the report's own dictionary."""
    rows = device.properties().to_dict()["qubits"]
    named = [{entry["name"]: float(entry["value"]) for entry in row} for row in rows]
    return {q: (row["prob_meas1_prep0"], row["prob_meas0_prep1"]) for q, row in enumerate(named)}


@pytest.mark.parametrize("kind", ["reported", "calibrated"])
@pytest.mark.parametrize("layout", [(4, 2, 3), (0, 1, 2)])
def test_asymmetric_readout_of_physical_qubits_is_undone(kind: str, layout: tuple[int, ...]) -> None:
    """Outcomes are drawn from the errors that the vendor published, for the physical qubit of each logical one."""
    device: Any = qd.backend("ibm:fake_manila", readout_mitigation=kind, layout=layout, optimization_level=1)
    errors = published(device.device)
    assert max(abs(up - down) for up, down in errors.values()) > 0.01
    circuit = QuantumCircuit(3)
    circuit.x(0)
    work = device.programs([circuit], 200_000, [3])
    outcomes = []
    for number, program in enumerate(work):
        role = program.role
        here = [errors[q] for q in role["qubits"]]
        clean = IDEAL if "circuit" in role else np.eye(1 << len(here))[-role["calibration"]]
        outcomes.append(draw(assignment(here) @ clean, 200_000, 11 + number))
    (found,) = reduced(outcomes, [program.role for program in work], device.options)
    assert work[0].role["qubits"] == list(layout)
    raw = np.abs(outcomes[0].histogram(8) - IDEAL).max()
    assert raw > 0.004
    assert np.abs(found.histogram(8) - IDEAL).max() < 0.3 * raw + 2e-3
    worth = 200_000 * float(np.prod([(1 - up - down) ** 2 for up, down in (errors[q] for q in layout)]))
    assert found.shots == pytest.approx(worth, rel=0.01)  # the parity of all qubits has that many samples' variance


@pytest.mark.parametrize("rest", [None, [[0.95, 0.05], [0.12, 0.88]]], ids=["alone", "and one for all others"])
def test_noise_models_keep_their_directions_and_their_qubits(rest: list[list[float]] | None) -> None:
    """Readout errors of one and two qubits on Aer, and one of all qubits beside them, against the assignment matrix put together here."""
    one, two = (
        [[0.97, 0.03], [0.2, 0.8]],
        np.array([[0.9, 0.04, 0.05, 0.01], [0.1, 0.8, 0.02, 0.08], [0.2, 0.1, 0.6, 0.1]]),
    )
    pair = np.vstack([two, [0.0, 0.1, 0.3, 0.6]])
    model = NoiseModel(basis_gates=["cx", "rz", "sx", "x"])
    model.add_readout_error(ReadoutError(one), [1])
    model.add_readout_error(ReadoutError(pair.tolist()), [2, 0])
    if rest is not None:
        model.add_all_qubit_readout_error(ReadoutError(rest))
    last = np.eye(2) if rest is None else np.array(rest)
    circuit = QuantumCircuit(4)
    circuit.ry(0.7, 0)
    circuit.ry(1.9, 1)
    circuit.cx(0, 2)
    circuit.ry(0.4, 2)
    circuit.ry(0.9, 3)
    ideal = np.abs(Statevector(circuit).data) ** 2
    wanted = np.zeros(16)
    for true in range(16):
        for seen in range(16):
            column = 2 * (true & 1) + (true >> 2 & 1)  # qubit 2 is the low bit of the pair, qubit 0 the high one
            row = 2 * (seen & 1) + (seen >> 2 & 1)
            others = one[true >> 1 & 1][seen >> 1 & 1] * last[true >> 3, seen >> 3]
            wanted[seen] += ideal[true] * others * pair[column, row]
    (found,) = qd.backend("aer", noise_model=model).probabilities([circuit])
    assert found == pytest.approx(wanted, abs=1e-10)
    assert np.abs(wanted - ideal).max() > 0.05


@pytest.mark.parametrize("layout", [[1, 2, 0], [2, 0, 1], [0, 2, 1]])
def test_outcomes_of_routed_circuits_are_put_back(layout: list[int]) -> None:
    circuit = QuantumCircuit(3)
    for q, angle in enumerate((0.4, 1.1, 2.3)):
        circuit.ry(angle, q)
    circuit.cx(0, 2)
    circuit.ry(0.3, 1)
    circuit.cx(1, 0)
    compiled = transpile(
        circuit, basis_gates=["cx", "rz", "sx"], coupling_map=[[0, 1], [1, 0], [1, 2], [2, 1]], initial_layout=layout,
        optimization_level=1, seed_transpiler=3,
    )  # fmt: skip
    physical = np.abs(Statevector(compiled).data) ** 2
    wanted = np.abs(Statevector(circuit).data) ** 2
    assert logical(physical, compiled) == pytest.approx(wanted, abs=1e-10)
    assert np.abs(physical - wanted).max() > 1e-3


def test_expected_fidelity_is_the_product_over_gates_and_readout() -> None:
    device = GenericBackendV2(3, basis_gates=["cx", "rz", "sx"], coupling_map=[[0, 1], [1, 2]], seed=4)
    circuit = QuantumCircuit(3, 2)
    circuit.sx(0)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    circuit.measure([1, 2], [0, 1])
    target = device.target
    places = [("sx", (0,)), ("cx", (0, 1)), ("cx", (1, 2)), ("measure", (1,)), ("measure", (2,))]
    errors = [target[name][qubits].error for name, qubits in places]
    assert min(errors) > 0
    assert expected_fidelity(circuit, device) == pytest.approx(float(np.prod([1 - e for e in errors])), rel=1e-12)


@pytest.mark.parametrize(("order", "steps"), [(1, 24), (2, 12)])
def test_the_constant_of_a_formula_is_that_of_its_error(order: int, steps: int) -> None:
    """``error(r) = C / r^p`` against the dense propagator."""
    grid = qd.Grid((-2.0, 2.0), 3)
    p = qd.Problem(grid, loss, 0.4, clock="real", initial=qd.State(random_wave(8)), duration=0.6)
    truth = oracles.solve(p, [0.0, 0.6]).states[-1]
    wave = qd.evolve(p, qd.SplitStep(steps, order=order), progress=False).states[-1].reshape(-1)
    overlap = np.vdot(wave, truth)
    error = float(np.linalg.norm(wave * overlap / abs(overlap) - truth))
    found = formula_constant(p, qd.Trotter(steps, order=order)) / steps**order
    assert found == pytest.approx(error, rel=0.1)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("shape", [(3, 2), (1, 3), (2, 2)])
def test_every_bond_has_the_product_of_its_neighbours(axis: int, shape: tuple[int, int]) -> None:
    """From exact frequencies of the interference circuits: real and imaginary part of every bond, also round the ring."""
    grid = qd.Grid([(-2.0, 3.0), (0.0, 1.4)], shape)
    psi = random_wave(grid.size).reshape(grid.shape)
    start = QuantumCircuit(grid.num_qubits)
    start.initialize(psi.reshape(-1), range(grid.num_qubits))
    sign = bond_signs(grid, axis)
    sign = sign.reshape(-1, 1) if axis == 0 else sign
    found = np.zeros(grid.shape, dtype=complex)
    for pattern, real, imaginary in bond_circuits(start, grid, axis):
        parts = [np.abs(Statevector(c).data) ** 2 for c in (real, imaginary)]
        found += bond_values(grid, axis, pattern, parts[0]) + 1j * sign * bond_values(grid, axis, pattern, parts[1])
    wanted = psi.conj() * np.roll(psi, -1, axis)
    assert found == pytest.approx(wanted, abs=1e-10)


def winding_wave(grid: qd.Grid, turns: tuple[int, int]) -> np.ndarray:
    """Plane waves on both axes, and magnitudes that differ from point to point."""
    x, y = np.meshgrid(*[np.arange(n) / n for n in grid.shape], indexing="ij")
    phase = np.exp(2j * np.pi * (turns[0] * x + turns[1] * y) + 0.35j * np.sin(2 * np.pi * (x + y)))
    wave = phase * (1.0 + 0.3 * np.cos(2 * np.pi * x) + 0.2 * np.sin(2 * np.pi * y))
    return wave / np.linalg.norm(wave)


def loops(grid: qd.Grid) -> Iterator[tuple[str, list[tuple[int, int]], tuple[int, int]]]:
    """Walks with their net turns round each axis: round the ring both ways, and a rectangle whose sides cancel."""
    n, m = grid.shape
    yield "forward", [(i, 1) for i in range(n)], (1, 0)
    yield "backward", [(i, 1) for i in range(n - 1, -1, -1)], (-1, 0)
    yield "other axis", [(2, j) for j in range(m)], (0, 1)
    yield "other axis, backward", [(2, j) for j in range(m - 1, -1, -1)], (0, -1)
    right, left = [(i, 0) for i in range(1, 4)], [(i, 1) for i in range(3, 0, -1)]
    yield "rectangle", right + left, (0, 0)
    yield "rectangle, the other way round", (right + left)[::-1], (0, 0)


def test_steps_of_a_loop_are_added_before_they_are_rounded() -> None:
    """``raw`` is what was measured: a lost sign or a neighbouring link leaves it away from its integer, where rounding may not."""
    grid = qd.Grid([(0.0, 1.0), (0.0, 1.0)], (3, 2))
    turns = (1, 1)
    psi = winding_wave(grid, turns)
    start = QuantumCircuit(grid.num_qubits)
    start.initialize(psi.reshape(-1), range(grid.num_qubits))
    for name, loop, net in loops(grid):
        found = en.measured_circulation(start, grid, loop, shots=200_000, seed=2)
        wanted = turns[0] * net[0] + turns[1] * net[1]
        assert found.raw.stderr < 0.01, name
        assert abs(found.raw.value - wanted) < 5 * found.raw.stderr, name
        assert found.value == wanted, name


def test_the_error_of_a_winding_is_its_spread() -> None:
    grid = qd.Grid((0.0, 1.0), 2)
    wave = np.exp(0.5j * np.pi * np.arange(4)) * np.array([1.0, 0.8, 1.2, 0.9])
    circuit = QuantumCircuit(2)
    circuit.initialize(wave / np.linalg.norm(wave), range(2))
    runs = [en.measured_circulation(circuit, grid, [0, 1, 2, 3], shots=2000, seed=s).raw for s in range(60)]
    spread = float(np.std([r.value for r in runs], ddof=1))
    assert 0.6 < spread / np.mean([r.stderr for r in runs]) < 1.4  # links share counts: correlated, but not by 2 pi


@pytest.mark.parametrize("boundary", ["periodic", "walls"])
def test_tails_and_edges_belong_to_each_axis_and_both_ends(boundary: str) -> None:
    """One point of the box, or one momentum, at a time: unequal boxes, so that the largest momenta differ."""
    grid = qd.Grid([(0.0, 8.0), (0.0, 0.5)], (4, 3), boundary)
    for flat in range(grid.size):
        place = np.unravel_index(flat, grid.shape)
        unit = np.zeros(grid.size)
        unit[flat] = 1.0
        high = any(abs(k[i]) > 0.8 * np.abs(k).max() for k, i in zip(grid.momenta, place))
        assert momentum_tail(grid, unit) == float(high), place
        outer = any(i in (0, n - 1) for i, n in zip(place, grid.shape))
        assert edge_weight(grid, unit.reshape(1, *grid.shape))[0] == float(outer), place


def test_the_uniform_rival_draws_every_point() -> None:
    """The least loss stands on the last point, then on the first: enough uniform draws find either."""
    grid = qd.Grid([(0.0, 1.0), (0.0, 1.0)], (2, 1))
    for place in (grid.size - 1, 0):
        table = np.ones(grid.size)
        table[place] = -1.0
        p = qd.Problem(grid, qd.objectives.from_table(table.reshape(grid.shape), grid), 0.3, clock="real", duration=1.0)
        best = best_of(hamiltonian(p), Counts(np.array([3]), np.array([400])), 5)
        assert best is not None
        assert best.uniform_value == -1.0


@pytest.mark.parametrize("t", [0.0, 0.8])
def test_errors_of_an_energy_are_those_of_its_counts(t: float) -> None:
    """Worked out from the counts: both parts have their coefficient at the time, none of which is 1."""
    grid = GRIDS["walls"]
    p = qd.Problem(grid, loss, qd.Linear(0.2, 0.05), qd.Linear(3.0, 5.0), clock="real", initial=qd.State(random_wave(8)),
                   duration=0.8)  # fmt: skip
    run = qd.evolve(p, qd.Trotter(2), backend="aer", shots=4000, seed=1, save=[t])
    d, s = p.diffusion.value(t, 0.8), p.strength.value(t, 0.8)
    values = {"dual": hamiltonian(p).dual.reshape(-1), "weight": loss(oracles.coordinates(grid))}
    parts = {}
    for basis, table in values.items():
        counts = run.counts[basis][0]
        shots = np.repeat(table[counts.index], counts.count)
        parts[basis] = (shots.mean(), shots.std(ddof=1) / np.sqrt(len(shots)))
    energy = run.expectations["energy"][0]
    assert energy.value == pytest.approx(d * parts["dual"][0] + s * parts["weight"][0], rel=1e-9)
    assert energy.stderr == pytest.approx(np.hypot(d * parts["dual"][1], s * parts["weight"][1]), rel=1e-9)
    assert 0.05 < d * parts["dual"][1] / (s * parts["weight"][1]) < 20


def test_strings_measured_together_are_correlated() -> None:
    """Outcomes whose parities are tied together: the error of a sum of three strings, shot by shot."""
    terms = pauli_sum(np.diag([0.0, 2.0, 2.0, -4.0]).astype(complex))
    (group,) = pauli_groups(terms)
    counts = Counts(np.array([0, 1, 3]), np.array([500, 300, 200]))
    values = np.repeat(np.diag([0.0, 2.0, 2.0, -4.0])[counts.index, counts.index], counts.count)
    mean, stderr = group.estimate(counts)
    assert mean == pytest.approx(values.mean(), abs=1e-12)
    assert stderr == pytest.approx(values.std(ddof=1) / np.sqrt(1000), rel=1e-9)


def test_extrapolated_errors_have_their_weights() -> None:
    """``4/3`` and ``-1/3`` of runs with one and two steps, in quadrature."""
    p = qd.Problem(GRIDS["flux"], loss, 0.3, clock="real", initial=qd.State(random_wave(8)), duration=0.6)
    shots = 60_000
    runs = [qd.evolve(p, qd.Trotter(k), backend="aer", shots=shots, seed=4) for k in (1, 2)]
    found = qd.evolve(p, qd.MultiProduct((1, 2)), backend="aer", shots=shots, seed=4)
    for name in ("objective", "kinetic", "energy"):
        one, two = (float(run.expectations[name].stderr[-1]) for run in runs)
        wanted = np.hypot(one / 3, 4 * two / 3)
        assert float(found.expectations[name].stderr[-1]) == pytest.approx(wanted, rel=0.02), name


def test_the_error_of_a_norm_is_that_of_its_kept_shots() -> None:
    """``log |psi|`` is half the logarithm of a share: half its relative error, from both bases together."""
    p = qd.Problem(GRIDS["walls"], loss, 0.2, clock="imaginary", initial=qd.State(np.abs(random_wave(8))), duration=0.4)
    run = qd.evolve(p, qd.ProbabilisticITE(1.0, 2, block="exact"), backend="statevector", shots=5000, seed=3)
    kept = [row[-1] for row in run.diagnostics["kept_shots"].values()]
    share = sum(kept) / (5000 * len(kept))
    wanted = 0.5 * np.sqrt(share * (1 - share) / (5000 * len(kept))) / share
    assert run.diagnostics["log_norm_stderr"][-1] == pytest.approx(wanted, rel=0.02)
    assert 0.05 < share < 0.95


def test_a_density_read_from_a_square_root_has_the_spread_that_is_told() -> None:
    rng, root = np.random.default_rng(8), np.array([0.3, 0.9, 1.4, 0.7, 0.2, 1.1])
    born = np.array([0.05, 0.3, 0.25, 0.2, 0.05, 0.15])
    draws = [read_density(rng.multinomial(2000, born) / 2000, root, 2000) for _ in range(500)]
    spread = np.std([p for p, _ in draws], axis=0, ddof=1)
    told = read_density(born, root, 2000)[1]
    assert spread / told == pytest.approx(np.ones(6), abs=0.15)


@pytest.mark.parametrize("boundary", ["periodic", "walls"])
def test_a_fine_wave_is_read_at_coarse_points_by_its_own_series(boundary: str) -> None:
    """Every mode of the fine grid, the highest included, at the points of a coarser one."""
    fine, coarse = (qd.Grid([(-2.0, 3.0), (0.0, 1.4)], bits, boundary) for bits in ((3, 2), (2, 1)))
    psi = random_wave(fine.size)
    wanted = np.eye(1)
    for axis in range(2):
        rows = oracles.axis_modes(fine, axis)[2]
        n, m = fine.shape[axis], coarse.shape[axis]
        if boundary == "walls":
            scale = np.sqrt(np.where(np.arange(1, n + 1) == n, 1, 2) / n)
            at = np.sin(np.pi * np.outer((np.arange(m) + 0.5) / m, np.arange(1, n + 1))) * scale
        else:
            at = rows.T[:: n // m]
        wanted = np.kron(wanted, at @ rows.conj())
    values = wanted @ psi
    found = restrict(psi.reshape(fine.shape), fine, coarse).reshape(-1)
    assert found == pytest.approx(values / np.linalg.norm(values), abs=1e-10)


def test_infidelity_of_waves_near_and_far() -> None:
    a, b = random_wave(16, 1), random_wave(16, 2)
    for share in (1e-6, 0.1, 0.7, 3.0):
        mixed = a + share * b
        mixed = np.exp(0.8j) * mixed / np.linalg.norm(mixed)
        assert infidelity_of(a, mixed) == pytest.approx(1 - abs(np.vdot(a, mixed)) ** 2, rel=1e-6, abs=1e-15)


@pytest.mark.parametrize("bits", [(3, 2), (5, 4), (1, 6), (8,)])
def test_coarse_cells_hold_their_points(bits: tuple[int, ...]) -> None:
    """Probabilities of at most 64 equal boxes, added up point by point."""
    grid = qd.Grid([(0.0, 1.0)] * len(bits), bits)
    density = np.random.default_rng(3).dirichlet(np.ones(grid.size)).reshape(grid.shape)
    found = coarse_cells(density, grid)
    wanted = np.zeros(found.shape)
    for place in np.ndindex(*grid.shape):
        wanted[tuple(i * c // n for i, c, n in zip(place, found.shape, grid.shape))] += density[place]
    assert found == pytest.approx(wanted, abs=1e-14)
    assert found.size == min(64, grid.size)


def test_counts_keep_their_times_in_a_file(tmp_path: Path) -> None:
    """Thirteen saved times: as text the tenth would stand before the second."""
    p = qd.Problem(GRIDS["flux"], loss, 0.3, clock="real", initial=qd.State(random_wave(8)), duration=0.6)
    run = qd.evolve(p, qd.SplitStep(12), shots=300, seed=5, save=13)
    again = qd.load(run.save(tmp_path / "run.npz") or tmp_path / "run.npz")
    for basis, rows in run.counts.items():
        assert [c.count.tolist() for c in again.counts[basis]] == [c.count.tolist() for c in rows]
        assert [c.index.tolist() for c in again.counts[basis]] == [c.index.tolist() for c in rows]
    for name, values in run.expectations.items():
        assert again.expectations[name].stderr.tolist() == values.stderr.tolist()


def test_the_p_value_is_pearsons() -> None:
    """Against SciPy's own chi-square, all cells large enough to stand alone."""
    from scipy.stats import chisquare

    exact = np.array([0.1, 0.2, 0.3, 0.4])
    counts = np.array([118, 190, 310, 382])
    result = SimpleNamespace(kept=1000, reading="born", probabilities=counts / 1000)
    found = _p_value(SimpleNamespace(result=result, exact=exact))
    assert found == pytest.approx(chisquare(counts, 1000 * exact).pvalue, rel=1e-9)


def test_the_optimum_is_the_lowest_of_all_starts() -> None:
    grid = qd.Grid((-6.0, 6.0), 4)
    p = qd.Problem(grid, lambda w: np.cos(2.5 * w[:, 0]) + 0.08 * (w[:, 0] - 3.5) ** 2, 0.3, clock="real", duration=1.0)
    x = np.linspace(-6, 6, 200_001)
    least = float((np.cos(2.5 * x) + 0.08 * (x - 3.5) ** 2).min())
    found = scipy_optimum(p)
    assert found is not None
    assert found.value == pytest.approx(least, abs=1e-6)


def descended(optimizer: str, steps: int, rate: float) -> list[float]:
    """Angles of one RY whose loss is ``<Z> = cos(theta)``, from 1.1 on."""
    angle = Parameter("a")
    circuit = QuantumCircuit(1)
    circuit.ry(angle, 0)
    seen: list[float] = []
    last = qd.train(
        circuit, SparsePauliOp("Z"), [1.1], steps=steps, learning_rate=rate, optimizer=optimizer, seed=3,
        callback=lambda step, theta, loss: seen.append(float(theta[0])),
    )  # fmt: skip
    return [*seen, float(np.ravel(last.theta)[0])]


def test_adam_takes_the_steps_of_its_paper() -> None:
    """Kingma and Ba's rule by hand: moments with their bias taken out, from the first step on."""
    theta, first, second, wanted = 1.1, 0.0, 0.0, [1.1]
    for count in (1, 2, 3):
        slope = -np.sin(theta)
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
        theta -= 0.2 * (first / (1 - 0.9**count)) / np.sqrt(second / (1 - 0.999**count))
        wanted.append(theta)
    assert descended("adam", 3, 0.2) == pytest.approx(wanted, abs=1e-5)


def test_spsa_divides_by_the_whole_distance() -> None:
    """With one angle the sign of the direction cancels: a central difference with Spall's gains."""
    theta, wanted, steps = 1.1, [1.1], 4
    for k in range(steps):
        length, stable = 0.15 / (k + 1) ** 0.101, 0.1 * steps
        gain = 0.3 * ((1 + stable) / (k + 1 + stable)) ** 0.602
        theta -= gain * (np.cos(theta + length) - np.cos(theta - length)) / (2 * length)
        wanted.append(theta)
    assert descended("spsa", steps, 0.3) == pytest.approx(wanted, abs=1e-9)
