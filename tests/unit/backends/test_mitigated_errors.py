"""Means of mitigated counts are unbiased and two of their errors hold 95 %: pulls on planted readout errors, a dense oracle, files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from qiskit import QuantumCircuit

import qml_dynamics as qd
from qml_dynamics.backends.cache import cached
from qml_dynamics.backends.mitigation.batch import Role, reduced
from qml_dynamics.backends.mitigation.readout import read
from qml_dynamics.backends.options import DeviceOptions
from qml_dynamics.methods.variational.measured.outcomes import of_counts
from qml_dynamics.methods.variational.measured.resume import packed, unpacked
from qml_dynamics.model.pauli import pauli_sum
from qml_dynamics.results.journal import Journal, Scope
from qml_dynamics.results.observables import PauliGroup
from qml_dynamics.results.quasi import Quasi, quasi_of
from qml_dynamics.results.sampling import counts_where, draw, mapped_counts
from qml_dynamics.results.trajectory import Counts

RATES = [(0.02, 0.07), (0.04, 0.05)]
SHOTS = 1000
SEEDS = 200
WITHIN = 179  # of the seeds
LAWS = {
    "certain": [1.0],
    "nearly certain": [0.95, 0.05],
    "flat": [0.5, 0.5],
    "two qubits, certain": [0.0, 0.0, 1.0, 0.0],
    "two qubits, nearly certain": [0.93, 0.03, 0.03, 0.01],
    "two qubits, flat": [0.25] * 4,
}


def planted(name: str) -> np.ndarray:
    law = np.array(LAWS[name])
    return np.pad(law, (0, 2 - law.size)) if law.size < 2 else law


def job(
    laws: list[np.ndarray], seed: int, calibrated: bool, shots: int = SHOTS, scales: tuple[int, ...] = (1,)
) -> Counts:
    """What one job gives that reads these laws, one a noise scale, with planted errors: mitigated counts."""
    n = int(np.log2(laws[0].size))
    rates, every = RATES[:n], np.eye(1 << n)
    told: Role = {} if calibrated else {"readout": [list(r) for r in rates]}
    roles: list[Role] = [{"circuit": 0, "scale": s, "qubits": list(range(n)), **told} for s in scales]
    if calibrated:
        roles += [{"calibration": k, "qubits": list(range(n))} for k in (0, 1)]
        laws = [*laws, every[0], every[-1]]
    outcomes = [draw(read(law, rates), shots, 1000 * seed + k) for k, law in enumerate(laws)]
    how = "calibrated" if calibrated else "reported"
    return reduced(outcomes, roles, DeviceOptions(readout_mitigation=how, zne=scales if len(scales) > 1 else None))[0]


def parity(index: np.ndarray) -> np.ndarray:
    return 1.0 - 2.0 * (np.bitwise_count(index) & 1)


def lopsided(index: np.ndarray) -> np.ndarray:
    return np.array([0.3, -1.0, 2.0, 0.4])[index]


def pulls(answers: list[tuple[float, float]], exact: float) -> np.ndarray:
    value, error = np.array(answers).T
    assert (error > 0).all()
    return (value - exact) / error


def check(found: np.ndarray) -> None:
    """95.4 % of normal pulls lie within 2: of 200, 191 +- 3.0, and four of these errors below that are 179 (89.5 %).

    Their mean is 0 +- 0.071 and their spread 1 +- 0.05: again four errors, and 0.02 for the skewness of rare misreadings.
    """
    assert int((np.abs(found) <= 2).sum()) >= WITHIN
    assert abs(found.mean()) < 0.283 + 0.02
    assert 0.78 < found.std() < 1.22


CASES = [*((name, True) for name in LAWS), ("certain", False), ("two qubits, nearly certain", False)]


@pytest.mark.parametrize(("name", "calibrated"), CASES)
def test_two_errors_hold_every_law(name: str, calibrated: bool) -> None:
    law = planted(name)
    answers = [job([law], seed, calibrated) for seed in range(SEEDS)]
    every = np.arange(law.size)
    for values in (parity, lopsided):
        means = [counts.quasi.mean(values) for counts in answers if counts.quasi is not None]
        assert len(means) == SEEDS
        check(pulls(means, float(law @ values(every))))


def test_projected_counts_alone_would_be_biased() -> None:
    """What the tests above can see: the nearest law of a certain outcome is wrong to one side, by a good part of the error."""
    law = planted("certain")
    answers = [job([law], seed, True) for seed in range(SEEDS)]
    projected = [float(parity(c.index) @ c.count / c.shots) for c in answers]
    means = np.array([c.quasi.mean(parity) for c in answers if c.quasi is not None])
    off = (np.mean(projected) - 1.0) / means[:, 1].mean()
    assert off < -0.3
    assert abs(means[:, 0].mean() - 1.0) < -0.3 * off * means[:, 1].mean() + 4 * means[:, 1].mean() / np.sqrt(SEEDS)
    assert (means[:, 0] > 1).any()  # an unbiased estimate is on either side of the end


@pytest.mark.parametrize("kind", ["linear", "exponential"])
def test_extrapolated_means_are_held_too(kind: str) -> None:
    """Global depolarising noise; the exponential's errors are those of the worst observable, so only that too few is a failure."""
    law, scales = planted("two qubits, nearly certain"), (1, 3)
    laws = [0.25 + (1 - 0.03 * s if kind == "linear" else 0.96**s) * (law - 0.25) for s in scales]
    answers = []
    for seed in range(SEEDS):
        outcomes = [draw(read(p, RATES), SHOTS, 1000 * seed + k) for k, p in enumerate(laws)]
        roles: list[Role] = [
            {"circuit": 0, "scale": s, "qubits": [0, 1], "readout": [list(r) for r in RATES]} for s in scales
        ]
        options = DeviceOptions(readout_mitigation="reported", zne=scales, zne_extrapolation=kind)
        quasi = reduced(outcomes, roles, options)[0].quasi
        assert quasi is not None
        answers.append(quasi.mean(parity))
    found = pulls(answers, float(law @ parity(np.arange(4))))
    assert int((np.abs(found) <= 2).sum()) >= WITHIN
    assert abs(found.mean()) < 0.303
    assert found.std() < 1.22
    assert found.std() > (0.78 if kind == "linear" else 0.5)


def dense_quasi(
    n: int, kept: Callable[[np.ndarray], np.ndarray], values: np.ndarray, quasi: Quasi
) -> tuple[float, float]:
    """Mean and error from matrices of all outcomes, derivatives by differences: nothing is shared with the module."""
    every = np.arange(1 << n)
    h = kept(every).astype(float)

    def mean(p: np.ndarray, rates: np.ndarray) -> float:
        a = np.ones((1, 1))
        for up, down in rates:
            a = np.kron(np.array([[1 - up, down], [up, 1 - down]]), a)
        q = np.linalg.solve(a, p)
        return float(q @ (h * values) / (q @ h))

    index, count = quasi.parts[0]
    p, rates, step = np.bincount(index, count, 1 << n) / count.sum(), quasi.errors, 1e-6
    slope = np.array([(mean(p + step * e, rates) - mean(p - step * e, rates)) / (2 * step) for e in np.eye(1 << n)])
    variance = (p @ slope**2 - (p @ slope) ** 2) / (count.sum() - 1)
    for q in range(n):
        for k in range(2):
            moved = np.zeros_like(rates)
            moved[q, k] = step
            variance += quasi.variances[q, k] * ((mean(p, rates + moved) - mean(p, rates - moved)) / (2 * step)) ** 2
    return mean(p, rates), float(np.sqrt(variance))


def test_errors_are_those_of_dense_matrices() -> None:
    """Of outcomes renamed and thrown away too; 100,000 shots, where no outcome is rare."""
    law = np.array([0.4, 0.1, 0.2, 0.3])
    counts = job([law], 3, True, 100_000)
    values, turned = lopsided(np.arange(4)), np.array([2, 3, 1, 0])
    back = np.argsort(turned)
    for kept in (lambda index: index >= 0, lambda index: index != 1):
        own = mapped_counts(counts_where(counts, kept), lambda index: turned[index])
        assert own.quasi is not None
        assert counts.quasi is not None
        value, error = own.quasi.mean(lambda index: values[back[index]])
        expected = dense_quasi(2, kept, values, counts.quasi)
        assert value == pytest.approx(expected[0], abs=1e-9)
        assert error == pytest.approx(expected[1], rel=1e-6)  # that of the differences
        exact = Quasi(counts.quasi.parts, np.ones(1), counts.quasi.errors, np.zeros((2, 2)), place=own.quasi.place)
        assert exact.mean(lambda index: values[back[index]])[1] < 0.99 * error  # the rates have a part in it
        assert own.shots == int(counts.count[kept(counts.index)].sum())


def test_counts_are_worth_the_samples_of_their_variance() -> None:
    """Of the parity of all qubits, which suffers most from the inverse, on a line through scales 1 and 3."""
    flat = planted("two qubits, flat")
    counts = job([flat, flat], 2, False, 20_000, (1, 3))
    assert counts.quasi is not None
    shrink = np.prod([1 - up - down for up, down in RATES])
    assert counts.shots == int(20_000 * shrink**2 / (1.5**2 + 0.5**2))
    error = counts.quasi.mean(parity)[1]
    assert error * np.sqrt(counts.shots) == pytest.approx(
        1.0, abs=0.02
    )  # the mean read is 0.005, the floor of shots 1e-4


def test_groups_of_strings_and_runs_read_it() -> None:
    counts = job([planted("two qubits, certain")], 1, True)
    group = PauliGroup(("Z", "Z"), pauli_sum({"ZZ": 1.0, "IZ": 0.5}))
    assert counts.quasi is not None
    assert group.estimate(counts) == counts.quasi.mean(group.values)
    alone = group.estimate(Counts(counts.index, counts.count))
    assert group.estimate(counts) != alone


def test_runs_read_what_was_measured() -> None:
    """Nothing happens to |00>, whose loss is the lowest: an estimate below it is one that was not projected."""
    loss = qd.objectives.from_table(np.array([-1.0, 0.5, 0.3, 2.0]), qd.Hypercube(2))
    problem = qd.Problem(qd.Hypercube(2), loss, 1e-9, clock="real", duration=1e-6, initial=qd.PointMass((-1.0, -1.0)))
    exact = float(qd.evolve(problem, qd.SplitStep(1)).expectations["objective"].value[-1])
    device = qd.backend("ibm:fake_manila", readout_mitigation="calibrated")
    found = []
    for seed in range(4):
        run = qd.evolve(problem, qd.Trotter(1), backend=device, shots=500, seed=seed, save=[1e-6])
        told = run.expectations["objective"]
        found.append((float(told.value[0]), float(told.stderr[0])))
        assert run.counts is not None
        assert all(c.quasi is None for row in run.counts.values() for c in row)  # as a file has them
        assert run.density.min() >= 0
    assert exact == pytest.approx(-1.0, abs=1e-6)
    assert min(value for value, _ in found) < exact - 1e-6
    assert (np.abs(pulls(found, exact)) <= 2).sum() >= 2  # of 4; fewer by chance in 1 of 2,700


def same(one: Quasi | None, other: Quasi | None) -> bool:
    assert one is not None
    assert other is not None
    return one.mean(lopsided) == other.mean(lopsided)


def test_files_keep_it() -> None:
    """Arrays, and checkpoints of measured steps: mean and error to the bit."""
    counts = job([planted("two qubits, nearly certain")] * 2, 5, True, scales=(1, 3))
    assert counts.quasi is not None
    assert same(quasi_of(counts.quasi.arrays()), counts.quasi)
    named = counts.quasi.only(lambda index: index != 2)
    assert same(quasi_of(named.arrays()), named)
    plain = Counts(counts.index, counts.count)
    first, second = unpacked(packed("now", [of_counts(plain), of_counts(counts)]), "now")
    assert first.quasi is None
    assert same(second.quasi, counts.quasi)


def test_a_folder_of_a_call_keeps_it(tmp_path: Path) -> None:
    device, flip = qd.backend("ibm:fake_manila", readout_mitigation="calibrated"), QuantumCircuit(2)
    flip.x(1)
    (fresh,), (again,) = (cached(device, Scope(Journal(tmp_path))).sample([flip], 200, [7]) for _ in range(2))
    assert list((tmp_path / "journal").glob("*.npz"))
    assert np.array_equal(fresh.count, again.count)
    assert same(again.quasi, fresh.quasi)
