"""`anneal`: stages, strategies, placed diffusions, crossings, circuits, interrupts, refusals."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.base.errors import MethodError, ProblemError, UnusedArgumentWarning
from qml_dynamics.learning.annealing import Annealing, Spectrum, Staged, held, levels, staged
from qml_dynamics.learning.annealing.stages import equidistributed


def bowl(w: np.ndarray) -> np.ndarray:
    return 0.5 * (w[:, 0] - 0.8) ** 2


def tilted(w: np.ndarray) -> np.ndarray:
    return (w[:, 0] ** 2 - 1) ** 2 + 0.15 * w[:, 0]


def spins(w: np.ndarray) -> np.ndarray:
    return w[:, 0] * w[:, 1] - 0.7 * w[:, 2] + 0.4 * w[:, 1] * w[:, 2] + 0.2 * w[:, 3]


def small() -> qd.Problem:
    return qd.Problem(qd.Grid((-3, 3), 5), tilted, qd.Geometric(1.0, 0.05), clock="imaginary", duration=6.0)


def test_staged_schedule_is_exact_everywhere() -> None:
    """Values belong to the stage that a boundary ends; integrals add up over any cut."""
    schedule = Staged((4.0, 1.0, 0.25))
    assert [schedule.value(t, 3.0) for t in (0.0, 0.5, 1.0, 1.0 + 1e-6, 2.0, 2.5, 3.0)] == [4, 4, 4, 1, 1, 0.25, 0.25]
    assert schedule.integral(0.0, 3.0, 3.0) == pytest.approx(5.25, abs=1e-14)
    assert schedule.integral(0.5, 1.5, 3.0) == pytest.approx(2.5, abs=1e-14)
    assert schedule.integral(1.0, 2.0, 3.0) == 1.0
    cuts = np.linspace(0.0, 3.0, 8)
    assert sum(schedule.integral(a, b, 3.0) for a, b in zip(cuts, cuts[1:])) == pytest.approx(5.25, abs=1e-13)
    ends = 0.7 * np.arange(31) / 30  # boundaries that are not binary fractions
    many = Staged(tuple(range(30, 0, -1)))
    assert [many.value(float(t), 0.7) for t in ends[1:]] == list(range(30, 0, -1))
    for k in range(30):
        assert many.integral(float(ends[k]), float(ends[k + 1]), 0.7) == pytest.approx((30 - k) * 0.7 / 30, rel=1e-12)


def test_staged_values_run_from_the_first_to_the_last() -> None:
    assert staged(qd.Geometric(1.0, 0.01), 3, 5.0) == pytest.approx((1.0, 0.1, 0.01))
    assert staged(qd.Geometric(1.0, 0.01), 1, 5.0) == pytest.approx((0.01,))
    problem = held(small(), (1.0, 0.2), (1.0, 3.0))
    assert problem.strength.value(6.0, 6.0) == 3.0


def test_equidistributed() -> None:
    """Where the density is large, values lie close."""
    at = np.linspace(1.0, 0.0, 201)
    values = equidistributed(at, np.where(at < 0.2, 9.0, 1.0), 12)
    assert (values[0], values[-1]) == (1.0, 0.0)
    assert np.sum(values < 0.2) > np.sum(values > 0.2)
    assert np.all(np.diff(values) < 0)
    with pytest.raises(MethodError, match="`adapt` must be None unless the diffusion falls"):
        equidistributed(at[::-1], at, 5)


def test_one_stage_at_a_time_is_the_product_of_exponentials(oracle) -> None:
    """Against SciPy's exponentials of an independent Hamiltonian, norm included, on four weight spaces."""
    from scipy.linalg import expm

    for domain in (
        qd.Grid((-3, 3), 5),
        qd.Grid([(-2, 2), (-1, 1.5)], (3, 2), boundary="walls"),
        qd.Grid((-2.5, 2.5), 4, twist=0.3),
        qd.Hypercube(4),
    ):
        loss = (lambda w: w[:, 0] ** 2 + 0.3 * w[:, -1]) if isinstance(domain, qd.Grid) else spins
        problem = qd.Problem(domain, loss, qd.Linear(1.0, 0.1), qd.Linear(0.5, 2.0), clock="imaginary", duration=1.8)
        kinetic, zeta = oracle.laplacian(domain), np.diag(np.asarray(loss(oracle.coordinates(domain))))
        psi = problem.initial.vector(domain).reshape(-1)
        for d, s in ((1.0, 0.5), (0.55, 1.25), (0.1, 2.0)):
            psi = expm(-0.6 * (d * kinetic + s * zeta)) @ psi
        norm = np.linalg.norm(psi)
        for method in (None, qd.Krylov(), qd.Exact(), qd.SplitStep(150, order=4)):
            run = qd.anneal(problem, 3, method=method)
            assert np.abs(run.states[-1].reshape(-1) - psi / norm).max() < 2e-6
            assert run.log_norm[-1] == pytest.approx(np.log(norm), abs=2e-6)
            assert run.times == pytest.approx([0, 0.6, 1.2, 1.8])
        assert np.abs(run.density[-1] - run.density[0]).max() > 0.01


def test_energies_are_those_of_the_stage_that_ends() -> None:
    run = qd.anneal(small(), 4)
    h = qd.hamiltonian(small())
    for i, d in enumerate(run.diagnostics["diffusion"]):
        kinetic, objective = h.parts(run.states[i + 1])
        assert run.expectations["energy"].value[i + 1] == pytest.approx(d * kinetic + objective, abs=1e-10)
    assert np.all(np.diff(run.expectations["energy"].value) < 0)


def test_real_clock_is_quantum_annealing() -> None:
    """Slow sweeps end in the ground state; the classical stages equal Trotter circuits of the same stages."""
    problem = qd.Problem(
        qd.Hypercube(4), spins, qd.Linear(2.0, 0.05), qd.Linear(0.0, 1.0), clock="real", duration=120.0
    )
    run = qd.anneal(problem, 240)
    assert run.diagnostics["ground_fidelity"][-1] > 0.97
    assert np.all(run.log_norm == 0)
    fast = problem.replace(duration=3.0)
    exact = qd.anneal(fast, 6)
    circuits = qd.anneal(fast, 6, backend="statevector", method=qd.Trotter(96, order=4))
    assert np.abs(circuits.density[-1] - exact.density[-1]).max() < 1e-4
    assert exact.diagnostics["ground_fidelity"][-1] < run.diagnostics["ground_fidelity"][-1]


@pytest.mark.parametrize(
    "method",
    [
        None,
        qd.ProbabilisticITE(1.0, 24, block="exact"),
        qd.Schrodingerised(8, 12),
        qd.QITE(3, 18),
    ],
    ids=lambda m: type(m).__name__,
)
def test_circuits_of_imaginary_time_agree_with_the_classical_stages(method: object) -> None:
    """Every circuit method over the same stages, on an exact backend."""
    loss = lambda w: w[:, 0] * w[:, 1] - 0.7 * w[:, 2] + 0.4 * w[:, 1] * w[:, 2]  # noqa: E731
    problem = qd.Problem(qd.Hypercube(3), loss, qd.Geometric(1.0, 0.1), clock="imaginary", duration=1.2)
    exact = qd.anneal(problem, 3)
    run = qd.anneal(problem, 3, backend="statevector", method=method)
    assert 0.5 * np.abs(run.density[-1] - exact.density[-1]).sum() < 5e-3
    assert run.log_norm[-1] == pytest.approx(exact.log_norm[-1], abs=1e-2)
    assert 0.5 * np.abs(run.density[-1] - run.density[0]).sum() > 0.2
    assert run.provenance["backend"] == "statevector"
    assert run.diagnostics["ground_fidelity"][-1] == pytest.approx(exact.diagnostics["ground_fidelity"][-1], abs=0.01)


def test_shots_on_a_sampling_backend() -> None:
    """Walls, shots, and post-selection on Aer: within the errors that are reported."""
    problem = qd.Problem(
        qd.Grid((-2, 2), 3, boundary="walls"), bowl, qd.Geometric(0.5, 0.1), clock="imaginary", duration=0.6
    )
    exact = qd.anneal(problem, 2)
    run = qd.anneal(problem, 2, backend="aer", shots=4000, seed=3, method=qd.ProbabilisticITE(1.0, 4, block="exact"))
    energy = run.expectations["energy"][-1]
    assert abs(energy.value - exact.expectations["energy"].value[-1]) < 4 * energy.stderr + 0.01
    assert run.counts["weight"][-1].shots < 4000
    again = qd.anneal(problem, 2, backend="aer", shots=4000, seed=3, method=qd.ProbabilisticITE(1.0, 4, block="exact"))
    assert np.array_equal(run.density, again.density)


def test_quench_and_portfolio_bookkeeping() -> None:
    problem = small()
    quench = qd.anneal(problem, 3, "quench")
    assert quench.diagnostics["diffusion"] == pytest.approx([0.05] * 3)
    assert len(quench.diagnostics["gap"]) == 3
    portfolio = qd.anneal(problem, 3, "portfolio", seed=4, restarts=3)
    members = portfolio.diagnostics["members"]
    assert list(members) == ["anneal", "quench", "restart 1", "restart 2", "restart 3"]
    assert float(members["quench"]["energy"]) == pytest.approx(quench.expectations["energy"].value[-1], abs=1e-12)
    assert float(portfolio.expectations["energy"].value[-1]) == min(float(m["energy"]) for m in members.values())
    assert f"{portfolio.diagnostics['chosen']!r} has the lowest final energy" in portfolio.stop
    again = qd.anneal(problem, 3, "portfolio", seed=4, restarts=3)
    assert np.array_equal(again.density, portfolio.density)
    other = qd.anneal(problem, 3, "portfolio", seed=5, restarts=3)
    assert float(other.diagnostics["members"]["restart 1"]["energy"]) != float(members["restart 1"]["energy"])


def test_portfolio_goes_on_where_one_member_is_refused() -> None:
    """Annealing from D = 1 keeps too few samples; the quench does not."""
    problem = qd.Problem(
        qd.Hypercube(2), lambda w: 0.3 * w[:, 0], qd.Geometric(8.0, 0.05), clock="imaginary", duration=1.0
    )
    cold = problem.replace(initial=qd.PointMass((-1.0, 1.0)))
    method = qd.ProbabilisticITE(1.0, 8, block="exact", floor=0.4)
    run = qd.anneal(cold, 4, "portfolio", backend="statevector", method=method, restarts=0)
    assert run.diagnostics["chosen"] == "quench"
    assert "success probability" in run.diagnostics["members"]["anneal"]["error"]
    with pytest.raises(MethodError, match="success probability"):
        qd.anneal(cold, 4, backend="statevector", method=method)


def test_restarts_on_a_hypercube_begin_in_points() -> None:
    problem = qd.Problem(qd.Hypercube(4), spins, qd.Geometric(1.0, 0.1), clock="imaginary", duration=20.0)
    run = qd.anneal(problem, 4, "portfolio", seed=1)
    assert run.diagnostics["ground_fidelity"][-1] > 0.99
    assert all(float(m["energy"]) < -1 for m in run.diagnostics["members"].values())


def test_gap_places_the_diffusion_better() -> None:
    """At equal stages and time, against a linear schedule; ends stay where they were."""
    problem = qd.Problem(qd.Grid((-4, 4), 7), tilted, qd.Linear(1.0, 0.02), clock="imaginary", duration=10.0)
    left = problem.domain.axes[0] < 0
    found = {}
    for adapt in (None, "gap", "variance"):
        run = qd.anneal(problem, 5, adapt=adapt)
        found[adapt] = float(run.density[-1][left].sum())
        assert run.diagnostics["diffusion"][[0, -1]] == pytest.approx([1.0, 0.02])
        assert np.all(np.diff(run.diagnostics["diffusion"]) < 0)
    assert found["gap"] > found[None] + 0.02
    assert found["variance"] > found[None]


def test_crossing_is_found_between_stages_and_warned_of() -> None:
    """Place, gap and slope against energies on both sides; silent where the portfolio has found its way."""
    levels_of = lambda d: np.linalg.eigvalsh(qd.hamiltonian(problem.replace(diffusion=d)).matrix())[:2]  # noqa: E731

    def loss(w: np.ndarray) -> np.ndarray:
        x = w[:, 0]
        return -np.exp(-((x + 1.2) ** 2) / 0.045) - 0.8 * np.exp(-((x - 1) ** 2) / 0.72) + 0.01 * x**4

    problem = qd.Problem(qd.Grid((-4, 4), 7), loss, qd.Geometric(0.5, 0.001), clock="imaginary", duration=60.0)
    with pytest.warns(qd.CrossingWarning, match="Use strategy='portfolio'"):
        run = qd.anneal(problem, 8)
    (crossing,) = run.diagnostics["crossings"]
    at = crossing["diffusion"]
    gaps = [float(np.diff(levels_of(at * f))[0]) for f in (0.98, 1.0, 1.02)]
    assert gaps[1] == pytest.approx(crossing["gap"], abs=1e-9)
    assert gaps[1] < 0.2 * min(gaps[0], gaps[2])
    assert crossing["weights_before"][0] > 0.5
    assert crossing["weights_after"][0] < -0.5
    assert 0.5 * (gaps[0] + gaps[2]) / (0.02 * at) == pytest.approx(crossing["slope"], rel=0.05)
    with warnings.catch_warnings():
        warnings.simplefilter("error", qd.CrossingWarning)
        qd.anneal(problem, 8, "portfolio", seed=1)
        qd.anneal(problem.replace(diffusion=qd.Geometric(0.5, 0.05)), 8)  # ends above the crossing


def test_spectrum_beyond_the_dense_size() -> None:
    """The iteration and the diagonalisation agree."""
    problem = qd.Problem(qd.Grid([(-3, 3)] * 2, 5), lambda w: 0.5 * w[:, 0] ** 2 + 2 * (w[:, 1] - 0.5) ** 2, 0.5,
                         clock="imaginary", duration=1.0)  # fmt: skip
    spectrum = Spectrum(qd.hamiltonian(problem))
    assert not spectrum.dense
    energies = spectrum.lowest(0.5, 1.0)[0]
    assert energies == pytest.approx([1.5, 2.5], abs=1e-2)
    run = qd.anneal(problem.replace(duration=8.0, diffusion=qd.Geometric(1.0, 0.5)), 2)
    assert run.expectations["energy"].value[-1] == pytest.approx(energies[0], abs=1e-4)
    without = qd.anneal(problem, 2, spectrum=False)
    assert "gap" not in without.diagnostics
    assert levels(spectrum, [0.5], [1.0], 1.0).gap == pytest.approx([1.0], abs=1e-2)


def test_interrupt_keeps_what_is_whole() -> None:
    """Ctrl-C in the second member: the first is returned. Ctrl-C in the first: the stages that were done."""

    calls = {"n": 0}

    def stop_at(number: int):
        def callback(step: int, view: object) -> None:
            calls["n"] += 1
            if calls["n"] == number:
                raise KeyboardInterrupt

        return callback

    run = qd.anneal(small(), 5, "portfolio", seed=1, callback=stop_at(9))
    assert run.diagnostics["chosen"] == "anneal"
    assert len(run.times) == 6
    calls["n"] = 0
    piece = qd.anneal(small(), 5, callback=stop_at(4))
    assert 1 <= len(piece.times) < 6
    assert "Interrupted from the keyboard" in piece.stop
    whole = qd.anneal(small(), 5)
    assert np.array_equal(piece.density[-1], whole.density[round(piece.times[-1] / 1.2)])


def test_saved_and_printed(tmp_path) -> None:
    run = qd.anneal(small(), 3, "portfolio", seed=1, observables={"x": lambda w: w[:, 0]})
    run.save(tmp_path / "run.npz")
    back = qd.load(tmp_path / "run.npz")
    assert np.array_equal(back.density, run.density)
    assert back.diagnostics["chosen"] == run.diagnostics["chosen"]
    assert back.problem.diffusion == qd.Geometric(1.0, 0.05)
    assert "strategy='portfolio'" in str(run)
    json.dumps(back.diagnostics)
    assert run.method == Annealing(3, "portfolio", None, 2, None)
    assert run.expectations["x"].value[-1] < -0.5


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"stages": 0}, "`stages` must be an integer between 1"),
        ({"stages": 2.5}, "`stages` must be an integer"),
        ({"strategy": "anneel"}, "Did you mean 'anneal'"),
        ({"adapt": "gaps"}, "`adapt` must be one of gap, variance"),
        ({"stages": 2, "adapt": "gap"}, "`stages` must be at least 3"),
        ({"restarts": -1}, "`restarts` must be an integer"),
        ({"seed": -1}, "`seed` must be an integer"),
        ({"method": qd.Trotter(4)}, "must run on the imaginary clock"),
        ({"method": 7}, "`method` must be a method"),
    ],
)
def test_refusals(kwargs: dict, words: str) -> None:
    with pytest.raises(MethodError, match=words):
        qd.anneal(small(), **{"stages": 4, **kwargs})


def test_refuses_what_is_no_learning_problem() -> None:
    operator = qd.Problem.from_operator(np.diag([1.0, -1.0]), clock="imaginary", duration=1.0)
    with pytest.raises(MethodError, match="`problem` must have an objective"):
        qd.anneal(operator, 3)
    with pytest.raises(MethodError, match="`problem` must be a Problem"):
        qd.anneal("problem.toml", 3)  # type: ignore[arg-type]
    with pytest.raises(MethodError, match="diffusion falls"):
        qd.anneal(small().replace(diffusion=0.3), 4, adapt="gap")
    with pytest.raises(ProblemError):
        Staged((1.0, float("nan")))


@pytest.mark.parametrize("qubits", [5, 7])
def test_equal_wells_are_no_crossing(qubits: int) -> None:
    """The even and the odd wave of two equal wells lie in the same place, and within rounding they are not told apart."""
    wells = qd.Problem(
        qd.Grid((-2, 2), qubits),
        lambda w: (w[:, 0] ** 2 - 1) ** 2,
        qd.Geometric(1.0, 1e-4),
        clock="imaginary",
        duration=20.0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", qd.CrossingWarning)
        run = qd.anneal(wells, 10)
    assert np.min(run.diagnostics["gap"]) < 1e-3 < run.diagnostics["gap"][0]
    assert run.density[-1].max() > 5 * run.density[0].max()
    assert run.diagnostics["crossings"] == []


@pytest.mark.parametrize("clock", ["real", "imaginary"])
def test_large_domains_take_the_series(clock: str) -> None:
    """Above 512 points: the same waves as by Krylov, stage by stage."""
    problem = qd.Problem(
        qd.Grid([(-4, 4), (-4, 4)], (5, 5)), lambda w: (w[:, 0] - 0.4) ** 2 + 2 * (w[:, 1] + 0.3) ** 2,
        qd.Geometric(0.3, 0.1), clock=clock, duration=0.4, initial=qd.Gaussian((1.0, 0.5), 0.8),
    )  # fmt: skip
    series = qd.anneal(problem, 2, spectrum=False)
    krylov = qd.anneal(problem, 2, spectrum=False, method=qd.Krylov())
    for a, b in zip(series.states, krylov.states):
        assert np.abs(a - b).max() < 1e-7
    assert series.log_norm == pytest.approx(krylov.log_norm, abs=1e-7)
    assert np.abs(series.density[-1] - series.density[0]).max() > 1e-3


def test_what_takes_no_part_in_a_stage_is_told_without_a_seed_too():
    """Of the runs of an annealing only the seed that nobody gave is left out."""
    method = qd.Variational(qd.ansatz.hardware_efficient(1), 2)
    falling = qd.Problem(
        qd.Grid((-3, 3), 3), lambda w: w[:, 0] ** 2, qd.Linear(1, 0.5), clock="imaginary", duration=0.1
    )
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        qd.anneal(falling, 2, backend="statevector", method=method, progress=False)
    said = [str(each.message) for each in told if issubclass(each.category, UnusedArgumentWarning)]
    assert any("`backend` takes no part" in text for text in said)
    assert not any("seed" in text for text in said)
