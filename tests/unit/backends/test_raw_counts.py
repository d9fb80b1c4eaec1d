"""Errors of mitigated means from the samples as they were read: coverage on planted errors, a dense oracle, sums, files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit

import qml_dynamics as qd
from qml_dynamics.backends.cache import cached
from qml_dynamics.backends.mitigation.batch import Role, reduced
from qml_dynamics.backends.options import DeviceOptions
from qml_dynamics.model.pauli import PauliSum
from qml_dynamics.results.journal import Journal, Scope
from qml_dynamics.results.observables import PauliGroup
from qml_dynamics.results.rare import mean_seen
from qml_dynamics.results.raw_counts import RawCounts, error_before_projection
from qml_dynamics.results.trajectory import Counts
from qml_dynamics.runs import fetch, submit
from tests.error_bars.estimates import mitigated

SEEDS = 200
WITHIN = 186  # 93 in 100; 95.4 in 100 are 191 +- 3
LOSSES = np.array([-1.0, 0.5, 0.3, 2.0, 0.1, 0.4, 0.7, 1.0])


def one_of(size: int, law: dict[int, float]) -> np.ndarray:
    """Probabilities of all outcomes from those that can come."""
    return np.bincount(list(law), list(law.values()), size)


LAWS = {
    "certain 0": [1.0, 0.0],
    "certain 1": [0.0, 1.0],
    "nearly certain": [0.98, 0.02],
    "flat": [0.5, 0.5],
    "two qubits, certain": [1.0, 0.0, 0.0, 0.0],
    "two qubits, nearly certain": [0.94, 0.03, 0.02, 0.01],
    "two qubits": [0.4, 0.1, 0.2, 0.3],
    "four qubits, certain": one_of(16, {5: 1.0}),
    "four qubits, nearly certain": one_of(16, {0: 0.94, 1: 0.03, 4: 0.02, 10: 0.01}),
    "four qubits": np.random.default_rng(1).dirichlet(np.ones(16)),
    "six qubits, certain": one_of(64, {5: 1.0}),
    "six qubits, nearly certain": one_of(64, {0: 0.94, 1: 0.03, 16: 0.02, 34: 0.01}),
    "six qubits": np.random.default_rng(1).dirichlet(np.ones(64)),
}


def parity(index: np.ndarray) -> np.ndarray:
    return 1.0 - 2.0 * (np.bitwise_count(index) & 1)


def lopsided(index: np.ndarray) -> np.ndarray:
    return np.array([0.3, -1.0, 2.0, 0.4])[index & 3] + 0.5 * (index >> 2)


def mean(counts: Counts, values: np.ndarray) -> float:
    return float(counts.count @ values[counts.index] / counts.shots)


@pytest.mark.parametrize("shots", [500, 4000])
@pytest.mark.parametrize("name", LAWS)
def test_two_errors_hold_every_law(name: str, shots: int) -> None:
    """And are about as wide as the root mean square of what they are errors of, which holds the bias of the projection too.

    At a corner they are wider, up to 1.5 times for the parity, which is at the end of its range there, and more for a function that is not,
    of which the projection takes away errors to both sides; so they are, by less, where few of many outcomes can come.
    """
    law = np.array(LAWS[name])
    widest = 1.5 if law.size > 4 and (law == 0).any() else 1.25
    answers = [mitigated(law, seed, shots)[0] for seed in range(SEEDS)]
    for function, corner in zip((parity, lopsided), (1.5, 4.0)):
        values = function(np.arange(law.size))
        gap = np.array([mean(counts, values) - law @ values for counts in answers])
        error = np.array([error_before_projection([(1.0, counts, function)]) for counts in answers])
        assert int((np.abs(gap) <= 2 * error).sum()) >= WITHIN
        assert 0.85 < error.mean() / np.sqrt((gap**2).mean()) < (corner if law.max() == 1 else widest)


def test_sums_over_one_calibration_are_held() -> None:
    """Three bases of a singlet: ``XX + YY + ZZ = -3`` for certain, and all three read with the same rates."""
    law, held, narrow = np.array([0.0, 0.5, 0.5, 0.0]), 0, 0
    for seed in range(SEEDS):
        triple = mitigated(law, seed, 4000, bases=3)
        gap = sum(mean(counts, parity(np.arange(4))) for counts in triple) + 3
        held += abs(gap) <= 2 * error_before_projection([(1.0, counts, parity) for counts in triple])
        parts = [qd.Estimate(0.0, error_before_projection([(1.0, counts, parity)])) for counts in triple]
        narrow += abs(gap) <= 2 * float(sum(parts, qd.Estimate(0.0)).stderr)
    assert held >= WITHIN
    assert narrow < held  # errors in quadrature take the rates for independent


def dense_error(parts: list[tuple[float, Counts, np.ndarray]], variances: np.ndarray) -> float:
    """From matrices of all outcomes, derivatives by differences: nothing is shared with the module."""

    def undone(counts: Counts, rates: np.ndarray) -> np.ndarray:
        assert counts.raw is not None
        a = np.ones((1, 1))
        for up, down in rates:
            a = np.kron(np.array([[1 - up, down], [up, 1 - down]]), a)
        return np.linalg.inv(a)

    variance, moved = 0.0, np.zeros_like(variances)
    for factor, counts, values in parts:
        assert counts.raw is not None
        raw, rates = counts.raw, counts.raw.rates[:, :2]
        p = np.bincount(raw.index, raw.count, values.size) / raw.count.sum()
        pulled = factor * values @ undone(counts, rates)
        variance += (p @ pulled**2 - (p @ pulled) ** 2) / (raw.count.sum() - 1)
        for place in np.ndindex(*rates.shape):
            step = np.zeros_like(rates)
            step[place] = 1e-6
            ends = [factor * values @ undone(counts, rates + sign * step) @ p for sign in (1, -1)]
            moved[place] += (ends[0] - ends[1]) / 2e-6
    return float(np.sqrt(variance + (variances * moved**2).sum()))


def test_errors_are_those_of_dense_matrices() -> None:
    """Away from the edge, of one mean and of a sum over one calibration; 10^7 shots, where no outcome is rare."""
    one, other = mitigated(np.array([0.4, 0.1, 0.2, 0.3]), 3, 10_000_000, bases=2)
    assert one.raw is not None
    rates = one.raw.rates[:, :2]
    variances = rates * (1 - rates) / (10_000_000 + 2)
    for parts in ([(1.0, one, lopsided)], [(0.5, one, lopsided), (-2.0, other, parity)]):
        found = error_before_projection(parts)
        table = [(a, counts, f(np.arange(4))) for a, counts, f in parts]
        assert found == pytest.approx(dense_error(table, variances), rel=1e-3)  # counts are whole: p is q to 1e-7
        assert found > 1.01 * dense_error(table, np.zeros_like(rates))  # the rates have a part in it


def test_a_group_of_strings_everywhere_is_that_outcome_by_outcome() -> None:
    """Of five qubits, where no permutation of bits, and no other scale, gives the same; in bases of all kinds, and of no string."""
    rng = np.random.default_rng(4)
    for strings in (0, 1, 2, 40, 200):
        masks = rng.choice(1 << 10, strings, replace=False)
        terms = PauliSum(5, masks & 31, masks >> 5, rng.normal(size=strings))
        group = PauliGroup(("X", "Y", "Z", "Z", "I"), terms)
        assert group.everywhere() == pytest.approx(group.values(np.arange(32)), abs=1e-12)
    assert np.unique(group.everywhere().round(9)).size == 32  # no symmetry


def test_a_calibration_is_known_by_its_job() -> None:
    """Two jobs that find the same rates by chance are two calibrations, read twice they are one; and all circuits of one have one."""
    rates = []
    for ones in (40, 41, 41):
        outcomes = [Counts(np.arange(2), np.array([100 - n, n])) for n in (50, ones, 2, 95)]
        every: list[Role] = [{"circuit": k, "scale": 1, "qubits": [7]} for k in (0, 1)]
        every += [{"calibration": k, "qubits": [7]} for k in (0, 1)]
        read = [c.raw for c in reduced(outcomes, every, DeviceOptions(readout_mitigation="calibrated"))]
        assert read[0] is not None
        assert read[1] is not None
        assert np.array_equal(read[0].rates, read[1].rates)
        rates.append(read[0].rates[0].tolist())
    first, second, again = rates
    assert first[:3] == second[:3]
    assert first[3] != second[3]
    assert second == again
    assert all(int(number) == number < 2**53 and int(number) % 2**20 == 7 for *_, number in rates)


def test_errors_at_the_edge_reach_to_the_far_end() -> None:
    """|0> read wrongly less often than its rate: q lies beyond the edge, and the error ends where the interval of q does."""
    raw = RawCounts(np.array([0, 1]), np.array([9810, 190]), np.array([[0.02, 0.02, 0.0, 0.0]]))
    counts = Counts(np.array([0]), np.array([9216]), raw)
    sigma = 2 * np.sqrt(0.981 * 0.019 / 9999) / 0.96
    beyond = 0.962 / 0.96 - 1  # the mean that was read is 0.962
    assert beyond > 0.5 * sigma
    assert error_before_projection([(1.0, counts, parity)]) == pytest.approx(sigma - beyond / 2)
    assert error_before_projection([(-3.0, counts, parity)]) == pytest.approx(
        3 * error_before_projection([(1.0, counts, parity)])
    )
    assert error_before_projection([(1.0, Counts(counts.index, counts.count), parity)]) == 0.0


@pytest.mark.parametrize("shots", [1, 2, 5])
def test_few_shots_give_numbers(shots: int) -> None:
    role: Role = {"circuit": 0, "scale": 1, "qubits": [0], "readout": [[0.02, 0.05]]}
    for ones in range(shots + 1):
        outcomes = [Counts(np.arange(2), np.array([shots - ones, ones]))]
        (counts,) = reduced(outcomes, [role], DeviceOptions(readout_mitigation="reported"))
        assert 0 <= error_before_projection([(1.0, counts, parity)]) <= 1  # half the range


def test_extrapolated_counts_have_nothing_beside_them() -> None:
    roles: list[Role] = [{"circuit": 0, "scale": s, "qubits": [0], "readout": [[0.02, 0.05]]} for s in (1, 3)]
    outcomes = [Counts(np.array([0, 1]), np.array([900, 100 * s])) for s in (1, 3)]
    told = DeviceOptions(readout_mitigation="reported", zne=(1, 3))
    assert reduced(outcomes, roles, told)[0].raw is None
    alone = reduced(outcomes[:1], roles[:1], DeviceOptions(readout_mitigation="reported"))[0].raw
    assert alone is not None
    assert alone.rates.tolist() == [[0.02, 0.05, 0.0, 0.0]]  # exact, qubit 0


def rest() -> qd.Problem:
    """Nothing happens to |000>, whose loss is the lowest."""
    cube = qd.Hypercube(3)
    loss = qd.objectives.from_table(LOSSES, cube)
    return qd.Problem(cube, loss, 1e-9, clock="real", duration=1e-6, initial=qd.PointMass((-1.0, -1.0, -1.0)))


def nowhere_else(w: np.ndarray) -> np.ndarray:
    """Without a value at the point of index 6, two flips from the start, that nobody samples."""
    with np.errstate(divide="ignore"):
        return np.asarray(1 / np.abs(w - rest().domain.points_at(np.array([6]))).sum(axis=1))


def test_runs_tell_them_and_folders_keep_them(tmp_path: Path) -> None:
    """The same bits from a run, from its folder, and from a job that was fetched."""
    device = qd.backend("ibm:fake_manila", readout_mitigation="calibrated")
    asked: dict[str, Any] = {"shots": 500, "seed": 3, "save": [1e-6], "observables": {"first": lambda w: w[:, 0]}}
    plain = qd.evolve(rest(), qd.Trotter(1), backend=device, **asked)
    kept = [qd.evolve(rest(), qd.Trotter(1), backend=device, folder=tmp_path / "kept", **asked) for _ in range(2)]
    submit(rest(), qd.Trotter(1), backend=device, folder=tmp_path / "sent", **asked)
    fetched = fetch(tmp_path / "sent", wait=True).trajectory
    assert fetched is not None
    for name, told in plain.expectations.items():
        for run in (*kept, fetched):
            assert run.expectations[name].value.tolist() == told.value.tolist()
            assert run.expectations[name].stderr.tolist() == told.stderr.tolist()
    assert plain.counts is not None
    assert all(counts.raw is None for row in plain.counts.values() for counts in row)  # as a file has them
    alone = mean_seen(rest().domain, plain.counts["weight"][0], LOSSES.__getitem__)
    error = plain.expectations["objective"]
    assert float(error.value[0]) == pytest.approx(alone[0])
    assert float(error.stderr[0]) > 1.1 * alone[1]


def test_a_kept_call_is_read_again(tmp_path: Path) -> None:
    device, flip = qd.backend("ibm:fake_manila", readout_mitigation="calibrated"), QuantumCircuit(2)
    flip.x(1)
    (fresh,), (again,) = (cached(device, Scope(Journal(tmp_path))).sample([flip], 200, [7]) for _ in range(2))
    assert list((tmp_path / "journal").glob("*.npz"))
    assert fresh.raw is not None
    assert again.raw is not None
    for part in ("index", "count", "rates"):
        assert np.array_equal(getattr(again.raw, part), getattr(fresh.raw, part))


def test_an_observable_without_a_value_somewhere_is_answered() -> None:
    device = qd.backend("ibm:fake_manila", readout_mitigation="calibrated")
    run = qd.evolve(
        rest(), qd.Trotter(1), backend=device, shots=500, seed=3, save=[1e-6], observables={"odd": nowhere_else}
    )
    assert run.counts is not None
    counts = run.counts["weight"][0]
    assert 6 not in counts.index
    told = run.expectations["odd"]
    assert (float(told.value[0]), float(told.stderr[0])) == pytest.approx(
        mean_seen(rest().domain, counts, lambda index: nowhere_else(rest().domain.points_at(index)))
    )
