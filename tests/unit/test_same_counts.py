"""The same seed gives the same counts on every machine: rounding of probabilities is not seen by the generator."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

import qml_dynamics as qd
from qml_dynamics.backends.sweep import sample_bound
from qml_dynamics.learning.metts import laws
from qml_dynamics.methods import large_wave
from qml_dynamics.methods.classical.paths import drawn_cells
from qml_dynamics.results.sampling import FLOOR, draw, draw_successes, drawable, without_residues

SEEDS = range(40)


def same(a: Any, b: Any) -> bool:
    return np.array_equal(a.index, b.index) and np.array_equal(a.count, b.count)


def laws_of() -> dict[str, np.ndarray]:
    """Exact zeros in all places, equal outcomes (a binomial of 1/2), 30 expected ones (another algorithm), and a broad one."""
    wave = np.random.default_rng(3).standard_normal(64)
    return {
        "zeros": np.array([0.0, 0.3, 0.0, 0.0, 0.25, 0.45, 0.0]),
        "point": np.array([0.0, 1.0, 0.0, 0.0]),
        "bell": np.array([0.5, 0.0, 0.0, 0.5]),
        "uniform": np.full(16, 1 / 16),
        "three": np.array([1, 0, 1, 1]) / 3,
        "thirty": np.array([0.03, 0.97]),
        "tail": np.exp(-(np.linspace(-9, 9, 64) ** 2)),
        "broad": wave**2 / (wave**2).sum(),
    }


@pytest.mark.parametrize("name", laws_of())
def test_residues_and_rounding_change_no_counts(name: str) -> None:
    p, rng = laws_of()[name], np.random.default_rng(1)
    exact = [draw(p, 1000, seed) for seed in SEEDS]
    for size in (1e-15, 1e-12):
        for seed, wanted in zip(SEEDS, exact):
            noisy = p * (1 + size * rng.uniform(-1, 1, p.size)) * rng.uniform(0.5, 2)
            noisy = np.where(noisy == 0, 1e-33 * rng.uniform(-1, 1, p.size), noisy)
            assert same(draw(noisy, 1000, seed), wanted)
    assert len({tuple(c.count.tolist()) for c in exact}) > (1 if name != "point" else 0)
    assert all(p[c.index].min() > 0 for c in exact)


def test_the_generator_itself_does_see_them() -> None:
    """Why: what NumPy draws from the same laws."""

    def numpys(p: np.ndarray, seed: int) -> list[int]:
        return np.random.default_rng(seed).multinomial(1000, p / p.sum()).tolist()

    def changed(p: np.ndarray, q: np.ndarray) -> float:
        return float(np.mean([numpys(p, s) != numpys(q, s) for s in SEEDS]))

    assert changed(np.array([0.0, 0.3, 0.25, 0.45]), np.array([1e-33, 0.3, 0.25, 0.45])) > 0.9
    assert changed(np.array([0.5, 0.5]), np.array([0.5 + 2e-16, 0.5])) > 0.9


def test_what_is_drawn_from() -> None:
    p = drawable(np.array([[0.2, 0.5 * FLOOR], [0.8, -1e-3]]))
    assert p.shape == (4,)
    assert p[[1, 3]].tolist() == [0.0, 0.0]
    assert p.sum() == pytest.approx(1.0, abs=1e-15)
    broad = laws_of()["broad"]
    assert np.abs(drawable(broad) / broad - 1).max() < 1.2e-7
    assert drawable(np.array([3.0, 2 * FLOOR])).tolist()[1] == 0.0  # of the largest, not of 1
    assert drawable(np.array([1.0, 2 * FLOOR])).tolist()[1] > 0.0
    for bad in (np.zeros(3), np.array([np.nan, 1.0]), np.array([np.inf, 1.0]), np.array([])):
        with pytest.raises(qd.ProblemError, match="`probabilities` must be finite and not all 0"):
            draw(bad, 10, 1)


def test_frequencies_are_those_of_the_law() -> None:
    p = laws_of()["broad"]
    seen = draw(p, 4_000_000, 5).histogram(64)
    assert ((seen - p) ** 2 / p).sum() * 4_000_000 < 63 + 5 * np.sqrt(2 * 63)


def test_successes() -> None:
    assert [draw_successes(p, 50, 1) for p in (0.0, 1e-33, -1e-17, 1 - 1e-16, 1.0, 1 + 1e-12)] == [0, 0, 0, 50, 50, 50]
    halves = {tuple(draw_successes(0.5 + gap, 1000, s) for s in SEEDS) for gap in (0.0, 1e-16, -1e-16, 1e-13, -1e-13)}
    assert len(halves) == 1
    assert np.mean([draw_successes(0.3, 1000, s) for s in range(200)]) == pytest.approx(300, abs=5 * np.sqrt(210 / 200))


def bell() -> QuantumCircuit:
    """(|0000> + |0110>) / sqrt 2, zeros and all."""
    circuit = QuantumCircuit(4)
    circuit.h(1)
    circuit.cx(1, 2)
    return circuit


def disturbed(circuit: QuantumCircuit, seed: int) -> QuantumCircuit:
    """The same circuit with angles of rounding between its gates, so that no outcome has the probability 0."""
    rng, out = np.random.default_rng(seed), QuantumCircuit(circuit.num_qubits)
    for item in circuit.data:
        out.append(item.operation, [circuit.find_bit(q).index for q in item.qubits])
        for q in range(out.num_qubits):
            out.ry(1e-15 * rng.standard_normal(), q)
            out.rz(1e-15 * rng.standard_normal(), q)
    return out


BACKENDS = [
    "statevector",
    "aer",
    "aer:density_matrix",
    "pennylane:default.qubit",
    "pennylane:lightning.qubit",
    "pennylane:default.mixed",
]


@pytest.mark.parametrize("name", BACKENDS)
def test_backends_draw_the_same_from_a_state_with_zeros(name: str) -> None:
    device = qd.backend(name)
    (wanted,) = device.sample([bell()], 500, [7])
    for seed in range(3):
        circuit = disturbed(bell(), seed)
        p = np.asarray(qd.backend("statevector").probabilities([circuit])[0])
        assert 0 < np.delete(p, [0, 6]).max() < FLOOR
        (found,) = device.sample([circuit], 500, [7])
        assert same(found, wanted)
    assert wanted.index.tolist() == [0, 6]


def test_diagonals_of_density_matrices_lose_their_residues() -> None:
    """Their rounding is added to the probability itself: what PennyLane gives where nothing is, is far above the floor of a wave."""
    raw = np.array([0.5, 7e-18, 0.0, 0.25, -2e-17, 1e-12])
    assert without_residues(raw).tolist() == [0.5, 0.0, 0.0, 0.25, 0.0, 1e-12]
    assert np.flatnonzero(drawable(raw)).tolist() == [0, 1, 3, 5]  # without it the residue is drawn from
    mixed = qd.backend("pennylane:default.mixed")
    rows = mixed.probabilities([disturbed(bell(), seed) for seed in range(3)])
    assert all(np.flatnonzero(p).tolist() == [0, 6] for p in rows)


def test_one_circuit_at_many_angles_is_drawn_without_residues_too() -> None:
    turn = QuantumCircuit(2)
    turn.ry(Parameter("angle"), 0)
    turn.cx(0, 1)
    rows = np.array([[np.pi / 2], [np.pi]])
    device = qd.backend("aer:density_matrix")
    wanted, moved = (sample_bound(device, turn, rows + shift, 500, [7, 8]) for shift in (0.0, 1e-15))
    assert all(same(a, b) for a, b in zip(wanted, moved))
    assert wanted[1].index.tolist() == [3]
    assert wanted[0].index.tolist() == [0, 3]


@pytest.mark.parametrize("boundary", ["periodic", "walls"])
def test_samples_are_dealt_out_to_the_grid_the_same(boundary: Any) -> None:
    """Points on the grid, half way and a third of the way between its points, moved by rounding to either side."""
    domain = qd.Grid([(-2, 2)] * 2, 3, boundary=boundary)
    points = domain.points_at(np.arange(24)) + np.repeat([0.0, 0.25, 0.5 / 3], 8)[:, None] * [1.0, 0.0]
    counts = np.arange(24) + 1

    def dealt(moved: np.ndarray) -> dict[tuple[int, int], int]:
        which, cells, many = drawn_cells(domain, moved, counts, 3)
        out: dict[tuple[int, int], int] = {}
        for key, number in zip(zip(which.tolist(), cells.tolist()), many.tolist()):
            out[key] = out.get(key, 0) + number
        return out

    wanted = dealt(points)
    for seed in SEEDS:
        moved = points + 1e-15 * np.random.default_rng(seed).uniform(-1, 1, points.shape)
        assert (np.floor(moved / 0.5) != np.floor(points / 0.5)).any()
        assert dealt(moved) == wanted
    assert sum(wanted.values()) == counts.sum()
    assert len(wanted) > 24  # those between are dealt out
    assert {key for key in wanted if key[0] < 8} == {(i, i) for i in range(8)}  # those on the grid are not


def test_large_waves_draw_the_same_where_blocks_are_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_wave, "BLOCK", 4)
    grid = qd.Grid((0, 1), 4)
    wave = np.zeros(16, dtype=np.complex64)
    wave[4:8], wave[12:] = 0.5, [0.1, 0.2, 0.3, 0.4]
    residues = np.where(wave == 0, np.complex64(1e-15), wave)
    for seed in SEEDS:
        counts = [large_wave.LargeWave(grid, each).sample(200, seed) for each in (wave, residues)]
        assert same(*counts)
        assert counts[0].shots == 200
    assert len(counts[0].index) == 8


def chain(shift: float, **how: Any) -> qd.Trajectory:
    """Even on its box, so that every second dual amplitude is 0, and moved by a phase of rounding."""
    problem = qd.Problem(
        qd.Grid((-2, 2), 3),
        lambda w: (1 + shift) * w[:, 0] ** 2,
        0.4 * (1 - shift),
        clock=how.pop("clock", "real"),
        duration=0.6,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return qd.evolve(problem, seed=5, save=3, **how)


RUNS: dict[str, dict[str, Any]] = {
    "split step": {"method": qd.SplitStep(5), "shots": 400},
    "aer": {"method": qd.Trotter(3), "backend": "aer", "shots": 400},
    "selected": {
        "method": qd.ProbabilisticITE(1.0, 2, block="exact"),
        "backend": "aer",
        "shots": 400,
        "clock": "imaginary",
    },
    "qite": {"method": qd.QITE(3, 2), "shots": 400, "clock": "imaginary"},
}


@pytest.mark.parametrize("name", RUNS)
def test_runs_draw_the_same(name: str) -> None:
    wanted, *others = (chain(shift, **RUNS[name]) for shift in (0.0, 1e-15, -1e-14))
    assert wanted.counts is not None
    for run in others:
        for basis, rows in wanted.counts.items():
            assert all(same(a, b) for a, b in zip(run.counts[basis], rows)), basis
        assert run.best.weights == wanted.best.weights
    assert sum(len(c.index) for c in wanted.counts["dual"]) < 3 * 8  # there are zeros


def _start(noise: float) -> list[Any]:
    from qml_dynamics.learning.annealing import run

    wave = np.array([0.0, 0.6, 0.0, 0.8]) + noise
    p = qd.Problem(qd.Grid((0, 1), 2), lambda w: w[:, 0], 0.1, clock="real", duration=1.0, initial=qd.State(wave))
    rng = np.random.default_rng(4)
    return [run._start(p, rng).center for _ in range(20)]


def _collapses(noise: float) -> list[int]:
    class Fixed:
        h = type("H", (), {"domain": qd.Grid((0, 1), 2)})

        def law(self, basis: str, index: int, end: str) -> np.ndarray:
            return np.array([0.0, 0.5, 0.0, 0.5]) + noise

    draws = laws.Draws(Fixed(), np.random.default_rng(2))  # type: ignore[arg-type]
    return [int(i) for _ in range(10) for i in draws.following(np.zeros(4, dtype=int), "weight", "weight")]


@pytest.mark.parametrize("places", [_start, _collapses])
def test_draws_of_chains_and_restarts_are_the_same(places: Callable[[float], list[Any]]) -> None:
    assert places(0.0) == places(1e-33) == places(1e-17)
    assert len(set(places(0.0))) == 2
