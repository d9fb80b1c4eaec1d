"""`metts`: chains, their statistics, circuits in batches, interrupts, refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.base.errors import MethodError
from qml_dynamics.base.estimate import Estimate
from qml_dynamics.learning.metts import autocorrelation, detailed_balance, effective_size, potential_scale_reduction
from qml_dynamics.learning.metts.laws import Blocks, Dense, Waves
from qml_dynamics.learning.metts.statistics import error_of_chain
from qml_dynamics.methods.imaginary.steps import post_selecting
from qml_dynamics.model.hamiltonians import LearningHamiltonian
from qml_dynamics.model.transforms import Transform
from qml_dynamics.synthesis.metts import basis_state
from tests.strangers import OfAStranger


def tilted(w: np.ndarray) -> np.ndarray:
    return (w[:, 0] ** 2 - 1) ** 2 + 0.3 * w[:, 0]


def spins(w: np.ndarray) -> np.ndarray:
    return w[:, 0] * w[:, 1] - 0.7 * w[:, 2] + 0.5 * w[:, 1] * w[:, 2]


def problem_on(domain: object, loss: object = tilted, d: float = 0.4) -> qd.Problem:
    return qd.Problem(domain, loss, d, clock="imaginary", duration=1.0)


WELL = problem_on(qd.Grid((-2.5, 2.5), 4))


def chi_square_p(chain: qd.Chain, independent: int) -> float:
    """p-value of the frequencies of every ``independent``-th row against the exact law, rare points pooled."""
    from scipy.stats import chisquare

    rows = chain.index[::independent].reshape(-1)
    seen = np.bincount(rows, minlength=chain.stationary.size).astype(float)
    wanted = chain.stationary.reshape(-1) * len(rows)
    order = np.argsort(wanted)
    rare = order[np.cumsum(wanted[order]) < 8]
    keep = np.setdiff1d(order, rare)
    seen = np.append(seen[keep], seen[rare].sum())
    wanted = np.append(wanted[keep], wanted[rare].sum())
    kept = wanted > 1e-9
    return float(chisquare(seen[kept], wanted[kept] * seen[kept].sum() / wanted[kept].sum()).pvalue)


def test_autocorrelation_and_effective_size_of_a_known_process() -> None:
    """x' = a x + noise has correlation a^t, so that n samples are worth n (1 - a) / (1 + a)."""
    rng, a, steps, walkers = np.random.default_rng(3), 0.8, 4000, 6
    x = np.zeros((steps, walkers))
    x[0] = rng.standard_normal(walkers)
    for t in range(1, steps):
        x[t] = a * x[t - 1] + np.sqrt(1 - a * a) * rng.standard_normal(walkers)
    rho = autocorrelation(x)
    assert rho[:4] == pytest.approx([1, 0.8, 0.64, 0.512], abs=0.03)
    assert effective_size(x) == pytest.approx(x.size / 9, rel=0.1)
    assert effective_size(rng.standard_normal((2000, 3))) == pytest.approx(6000, rel=0.1)
    assert potential_scale_reduction(x) < 1.02
    apart = x[:200] + 5 * np.arange(walkers)
    assert potential_scale_reduction(apart) > 3
    assert effective_size(apart) < 20
    assert autocorrelation(np.ones((10, 2))) is None


def test_detailed_balance_number_sees_a_current() -> None:
    """A ring walked one way round is stationary and uniform; only the number tells."""
    rng = np.random.default_rng(1)
    there = np.cumsum(rng.choice([1, -1], size=(3000, 4), p=[0.8, 0.2]), axis=0) % 5
    back = np.cumsum(rng.choice([1, -1], size=(3000, 4), p=[0.5, 0.5]), axis=0) % 5
    loss = np.array([0.0, 2.0, 1.0, 3.0, 0.5])
    for index, reversible in ((there, False), (back, True)):
        number = detailed_balance(index[..., None].astype(float), loss[index])
        assert (abs(number.value) < 4 * number.stderr) == reversible
        assert np.isfinite(number.stderr)


@pytest.mark.parametrize("collapse", ["weight", "alternate"])
def test_classical_chain_follows_the_exact_law(collapse: str) -> None:
    """One walker a sample beyond the mixing time: frequencies by chi-square, mean and balance within their errors."""
    chain = qd.metts(WELL, 0.7, 24_000, seed=5, collapse=collapse, walkers=400)
    assert chain.samples.shape == (24_000, 1)
    assert chi_square_p(chain, 60 if collapse == "weight" else 10) > 1e-3
    exact = float(chain.stationary @ chain.problem.domain.axes[0])
    mean = chain.mean(lambda w: w[:, 0])
    assert abs(mean.value - exact) < 4 * mean.stderr
    assert exact < -0.2
    assert abs(chain.detailed_balance.value) < 4 * chain.detailed_balance.stderr
    assert 0 < chain.detailed_balance.stderr < 0.1
    assert chain.total_variation < 3 * chain.expected_total_variation
    assert chain.diagnostics["acceptance"] > 0.3


def test_alternating_collapse_mixes_faster() -> None:
    """Between deep wells a chain of weights is stuck; a mode in between spreads it over both."""
    cold = problem_on(qd.Grid((-2.5, 2.5), 5), d=0.05)
    stuck = qd.metts(cold, 0.8, 4000, seed=1, walkers=20)
    moving = qd.metts(cold, 0.8, 4000, seed=1, walkers=20, collapse="alternate")
    assert moving.effective_sample_size > 20 * stuck.effective_sample_size
    assert moving.total_variation < 0.05


def test_methods_share_one_law() -> None:
    """Krylov and split steps give the columns of the dense kernel, from points and from modes."""
    h = qd.hamiltonian(WELL)
    dense = Dense(WELL, h)
    for method in (qd.Krylov(), qd.SplitStep(200, order=4), qd.Exact()):
        waves = Waves(WELL, h, method)
        for start in (("weight", 3), ("dual", 5), ("initial", 0)):
            for end in ("weight", "dual"):
                a, b = dense.law(*start, end), waves.law(*start, end)
                assert np.abs(a / a.sum() - b / b.sum()).max() < 1e-6
    assert np.abs(dense.law("weight", 3, "weight") - dense.law("weight", 4, "weight")).max() > 1e-3
    coarse = qd.metts(WELL, 0.5, 60, seed=1, method=qd.SplitStep(40))
    fine = qd.metts(WELL, 0.5, 60, seed=1)
    assert np.mean(coarse.index == fine.index) > 0.9  # the same random numbers
    assert len(np.unique(fine.index)) > 4


@pytest.mark.slow
def test_large_domains_are_walked_without_the_exact_law() -> None:
    bowl = problem_on(qd.Grid([(-4, 4)] * 2, (6, 5)), lambda w: 0.5 * (w[:, 0] - 0.5) ** 2 + 2 * w[:, 1] ** 2, 0.5)
    chain = qd.metts(bowl, 1.0, 40, seed=1, walkers=4, burn_in=1)
    assert chain.stationary is None
    assert chain.total_variation is None
    assert "not known at this size" in str(chain)
    x0, x1 = (chain.mean(lambda w, axis=axis: w[:, axis]) for axis in (0, 1))
    assert abs(x0.value - 0.5) < 5 * max(x0.stderr, 0.1)
    assert abs(x1.value) < 5 * max(x1.stderr, 0.1)
    assert np.var(chain.samples[:, 0]) > np.var(chain.samples[:, 1])


def test_few_independent_samples_are_told_and_rare_wells_have_room() -> None:
    """Short chains say that their errors are lower bounds; a well that holds few samples makes the error of a mean larger."""
    few, many = (qd.metts(WELL, 0.35, samples, seed=2, progress=False) for samples in (80, 4000))
    assert few.errors_are_lower_bounds
    assert "errors are lower bounds" in str(few)
    assert not many.errors_are_lower_bounds
    assert "lower bounds" not in str(many)
    assert many.effective_sample_size > 100
    rng = np.random.default_rng(1)
    rare, even = (np.where(rng.random((200, 8)) < share, 1.0, 0.0) for share in (0.004, 0.5))
    assert error_of_chain(rare) > 1.2 * rare.std() / np.sqrt(rare.size)
    assert error_of_chain(even) == pytest.approx(even.std() / np.sqrt(even.size), rel=0.25)


def test_seeds_and_order_of_samples() -> None:
    a, b, c = (qd.metts(WELL, 0.5, 101, seed=s, walkers=5) for s in (1, 1, 2))
    assert np.array_equal(a.samples, b.samples)
    assert not np.array_equal(a.samples, c.samples)
    assert a.index.shape == (21, 5)
    assert a.samples.shape == (101, 1)
    points = WELL.domain.points_at(a.index[0])
    assert np.array_equal(a.samples[:5], points)  # a step is all walkers
    assert a.density.sum() == pytest.approx(1.0)
    assert a.best.samples == 101
    assert a.best.value == pytest.approx(float(tilted(a.samples).min()))


def test_colder_chains_lie_lower() -> None:
    """beta = 2 tau: the mean loss falls with tau, and with the diffusion."""
    means = [qd.metts(WELL, tau, 4000, seed=2).mean(tilted).value for tau in (0.1, 0.5, 3.0)]
    assert means[0] > means[1] > means[2]
    colder = qd.metts(WELL, 3.0, 4000, seed=2, diffusion=0.05)
    assert colder.mean(tilted).value < means[2]
    assert colder.problem.diffusion == qd.Constant(0.05)
    falling = WELL.replace(diffusion=qd.Geometric(0.4, 0.001))
    assert np.array_equal(qd.metts(falling, 0.5, 50, seed=1).index, qd.metts(WELL, 0.5, 50, seed=1).index)


@pytest.mark.parametrize(
    "domain",
    [
        qd.Grid((-2.5, 2.5), 3),
        qd.Grid((-2, 2.5), 3, boundary="walls"),
        qd.Grid([(-2, 2), (-1, 2)], (2, 1), boundary="walls"),
        qd.Grid((-2, 2), 3, twist=0.3),
        qd.Hypercube(3),
    ],
    ids=["periodic", "walls", "walls2", "twist", "cube"],
)
def test_basis_states_as_circuits(domain: object) -> None:
    """Every point and every mode, by state: the same waves as the classical transform's, up to a phase."""
    from qiskit.quantum_info import Statevector

    for basis in ("weight", "dual"):
        for index in range(domain.size):
            unit = np.zeros(domain.size, dtype=complex)
            unit[index] = 1.0
            wanted = unit if basis == "weight" else Transform(domain).inverse(unit.reshape(domain.shape)).reshape(-1)
            made = np.asarray(Statevector(basis_state(domain, basis, index)).data)
            assert abs(np.vdot(made[: domain.size], wanted)) == pytest.approx(1.0, abs=1e-9)


STEP = qd.ProbabilisticITE(1.0, 3, block="exact")


@pytest.mark.parametrize(
    ("domain", "loss"),
    [(qd.Grid((-2, 2), 3), tilted), (qd.Grid((-2, 2), 3, boundary="walls"), tilted), (qd.Hypercube(3), spins)],
    ids=["periodic", "walls", "cube"],
)
def test_exact_circuits_walk_like_the_classical_chain(domain: object, loss: object) -> None:
    """The same random numbers through nearly the same laws: nearly the same path."""
    problem = problem_on(domain, loss)
    quantum = qd.metts(problem, 0.3, 200, seed=4, backend="statevector", method=STEP, collapse="alternate", walkers=50)
    classical = qd.metts(problem, 0.3, 200, seed=4, collapse="alternate", walkers=50)
    assert np.mean(quantum.index == classical.index) > 0.9
    assert quantum.total_variation < 0.15
    assert 0 < quantum.success_probability.value < 1
    assert quantum.reading == "born"


@pytest.mark.parametrize(
    ("method", "collapse"),
    [
        (STEP, "weight"),
        (STEP, "alternate"),
        pytest.param(qd.Schrodingerised(7, 2), "alternate", marks=pytest.mark.slow),
    ],
    ids=["blocks", "blocks-alternate", "register-alternate"],
)
def test_shots_in_batches_follow_the_law(method: object, collapse: str) -> None:
    """Real post-selected shots, independent walkers, two steps each: frequencies by chi-square against the exact law."""
    problem = problem_on(qd.Grid((-2, 2), 3))
    chain = qd.metts(
        problem, 0.25, 400, seed=3, backend="aer", method=method, collapse=collapse, walkers=200, burn_in=1, shots=150
    )
    assert chi_square_p(chain, 2) > 1e-3
    assert chain.total_variation < 0.15
    d = chain.diagnostics
    assert d["kept"] < d["shots"]
    assert d["batches"] < 40  # not one job a walker and step
    assert chain.success_probability.value == pytest.approx(d["kept"] / d["shots"])
    assert abs(chain.detailed_balance.value) < 5 * chain.detailed_balance.stderr


def test_a_post_selected_method_is_known_by_its_members() -> None:
    """One of a stranger walks the same chain, kept samples and all; what keeps every sample has none of them."""
    problem = problem_on(qd.Grid((-2, 2), 2))
    options: dict[str, Any] = {"seed": 3, "backend": "aer", "walkers": 10, "shots": 60}
    ours = qd.metts(problem, 0.25, 20, method=STEP, **options)
    theirs = qd.metts(problem, 0.25, 20, method=OfAStranger(), **options)
    assert np.array_equal(ours.index, theirs.index)
    assert ours.diagnostics["kept"] == theirs.diagnostics["kept"] < ours.diagnostics["shots"]
    assert post_selecting(qd.QITE(2, 2)) is None
    with pytest.raises(MethodError, match="the success probability will be"):
        qd.metts(problem, 0.25, 20, method=OfAStranger(floor=0.999), **options)


def test_a_kept_outcome_is_used_once() -> None:
    """From the bank: as many outcomes out as went in, in a random order, and none twice."""
    from qml_dynamics.learning.metts.device import Bank
    from qml_dynamics.results.trajectory import Counts

    class Counting(Bank):
        asked: list[tuple[int, int]] = []  # noqa: RUF012

        def ask(self, keys, shots):
            self.asked.append((len(keys), shots))
            return [Counts(np.arange(4) + 10 * k[1], np.full(4, 2)) for k in keys]

    bank = Counting(100, 7)
    rows = [bank.following(np.array([1, 1, 2]), "weight", "weight") for _ in range(4)]
    out = np.array(rows)
    assert sorted(out[:, :2].ravel().tolist()) == sorted([10, 11, 12, 13] * 2)  # all eight, each twice
    assert set(out[:, 2].tolist()) <= {20, 21, 22, 23}
    assert bank.asked == [(2, 100)]
    bank.following(np.array([1]), "weight", "weight")
    assert bank.asked[-1] == (1, 100)
    assert bank.success.value == pytest.approx(24 / 300)


def test_noise_reaches_the_chain() -> None:
    """Weights that the exact law all but forbids are seen on a noisy backend."""
    problem = problem_on(qd.Grid((-2, 2), 2))
    chain = qd.metts(
        problem, 0.5, 80, seed=1, backend="aer:noise=fake_manila", method=qd.ProbabilisticITE(1.0, 1, block="exact"),
        walkers=40, burn_in=1,
    )  # fmt: skip
    assert chain.stationary[0] < 0.006
    assert chain.density[0] > 0.02
    assert chain.density[1] > 0.3  # and still the wells are
    assert chain.provenance["backend"].startswith("aer")


def test_methods_without_post_selection_keep_every_shot() -> None:
    problem = problem_on(qd.Hypercube(2), lambda w: 0.5 * w[:, 0] * w[:, 1] + 0.3 * w[:, 0])
    chain = qd.metts(problem, 0.4, 300, seed=1, backend="statevector", method=qd.QITE(2, 6), walkers=100, burn_in=2)
    assert chain.success_probability.value == 1.0
    assert chain.total_variation < 0.15


def test_model_votes() -> None:
    """Samples of a neuron's weights vote on held-out rows."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2)) + np.repeat([[1.5, 0.5], [-1.5, -0.5]], 30, axis=0)
    y = np.repeat([1, 0], 30)
    objective = qd.objectives.neuron(X[::2], y[::2], l2=0.05)
    problem = qd.Problem(qd.Grid([(-4, 4)] * 2, 4), objective, 0.05, clock="imaginary", duration=1.0)
    chain = qd.metts(problem, 6.0, 400, seed=1)
    assert chain.score(X[1::2], y[1::2]) > 0.85
    assert chain.best.value <= chain.mean(objective.fn).value
    assert chain.score(X[1::2], 1 - y[1::2]) < 0.15


@pytest.mark.parametrize(
    ("function", "found"),
    [
        (lambda w: np.stack([w[:, 0]] * 2, 1), r"of shape \(40, 2\)"),
        (lambda w: np.exp(1j * w[:, 0]), "of type complex128"),
        (lambda w: w[:, 0] / 0.0, "inf"),
        (lambda w: w["a"], "fails: IndexError"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_mean_of_something_else_than_numbers_is_refused(function: Any, found: str) -> None:
    chain = qd.metts(WELL, 0.5, 40, seed=1)
    with pytest.raises(qd.ProblemError, match=rf"^Argument `function` must give a finite real number .*{found}"):
        chain.mean(function)
    assert np.isfinite(float(chain.mean(lambda w: w[:, 0] > 0).value))


def test_a_chain_of_too_few_samples_for_an_error_is_returned(tmp_path: Path) -> None:
    """One mean of a walker has no error: it is infinite, and the chain, which is computed, is not thrown away."""
    chain = qd.metts(WELL, 0.5, 3, seed=4)
    assert chain.samples.shape == (3, 1)
    assert chain.detailed_balance.stderr == np.inf
    assert np.isfinite(float(chain.detailed_balance.value))
    again = qd.Chain.load(chain.save(tmp_path / "chain.npz"), WELL)
    assert again.detailed_balance.stderr == np.inf
    assert np.array_equal(again.index, chain.index)
    for wrong in (np.nan, -np.inf):
        with pytest.raises(
            MethodError, match=r"`tau` must be of a size that can be computed with, but its error is not finite"
        ):
            replace(chain, detailed_balance=Estimate(0.0, wrong))


def test_interrupt_returns_the_samples_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    from qml_dynamics.learning.metts import laws

    count = {"n": 0}
    real = laws.Draws.following

    def following(self, *args):
        count["n"] += 1
        if count["n"] == 31:
            raise KeyboardInterrupt
        return real(self, *args)

    monkeypatch.setattr(laws.Draws, "following", following)
    chain = qd.metts(WELL, 0.5, 800, seed=1, burn_in=10)
    assert chain.index.shape == (20, 8)
    assert len(chain.samples) == 160
    assert chain.stop.startswith("Interrupted from the keyboard after 20 of 100 steps")
    whole = qd.metts(WELL, 0.5, 160, seed=1, burn_in=10)
    assert np.array_equal(whole.index, chain.index)
    count["n"] = 26
    with pytest.raises(KeyboardInterrupt):
        qd.metts(WELL, 0.5, 800, seed=1, burn_in=10)


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"tau": 0.0}, "`tau` must be a positive number, but is 0.0"),
        ({"tau": -1}, "`tau` must be a positive number"),
        ({"tau": float("nan")}, "`tau` must be a positive number"),
        ({"samples": 1}, "`samples` must be an integer between 2"),
        ({"collapse": "dual"}, "`collapse` must be one of weight, alternate"),
        ({"reading": "density"}, "`reading` must be one of born, population"),
        ({"reading": "population", "backend": "statevector"}, "`reading` must be 'born' on circuits"),
        ({"reading": "population", "collapse": "alternate"}, "`collapse` must be 'weight'"),
        ({"walkers": 0}, "`walkers` must be an integer"),
        ({"walkers": 11}, "`walkers` must be an integer between 1 and 10"),
        ({"burn_in": -1}, "`burn_in` must be an integer"),
        ({"diffusion": -0.1}, "`diffusion` must be a number that is not negative"),
        ({"method": qd.Trotter(4)}, "`method` must be a classical method of the imaginary clock"),
        ({"method": qd.Trotter(4), "backend": "aer"}, "`method` must run imaginary time as circuits"),
        ({"backend": "statevector", "method": qd.Schrodingerised(2, 2)}, "`ancilla_qubits` must be at least"),
        ({"backend": "aer", "tau": 60.0}, "the success probability will be"),
        ({"backend": "statevector", "shots": 10}, "12 are taken"),
        ({"seed": 1.5}, "`seed` must be an integer"),
    ],
)
def test_refusals(kwargs: dict, words: str) -> None:
    with pytest.raises(MethodError, match=words):
        qd.metts(WELL, **{"tau": 0.5, "samples": 20, **kwargs})


def test_an_operator_has_neither_a_diffusion_nor_a_population() -> None:
    operator = qd.Problem.from_operator({"ZI": 1.0, "XY": -0.5}, clock="imaginary", duration=1.0)
    with pytest.raises(MethodError, match="`reading` must be 'born' for an operator, whose kernel"):
        qd.metts(operator, 1.0, 10, reading="population")
    with pytest.raises(qd.ProblemError, match="`diffusion` must be 0 for an operator"):
        qd.metts(operator, 1.0, 10, diffusion=0.5)


def test_a_hopeless_step_is_given_up() -> None:
    """A backend that never keeps anything ends in an error, not in a loop."""
    from qml_dynamics.learning.metts.device import Bank
    from qml_dynamics.results.trajectory import Counts

    class Empty(Bank):
        def ask(self, keys, shots):
            return [Counts(np.empty(0, dtype=int), np.empty(0, dtype=int)) for _ in keys]

    with pytest.raises(MethodError, match="`tau` must be smaller"):
        Empty(None, 1).first(3)


@pytest.mark.slow
@pytest.mark.parametrize("collapse", ["weight", "alternate"])
@pytest.mark.parametrize("seed", [11])
def test_held_out_losses_in_one_and_two_weights(seed: int, collapse: str) -> None:
    """Random smooth losses: post-selected shots on Aer and exact circuits follow the exact law."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=6)
    one = lambda w: a[0] * np.sin(1.5 * w[:, 0]) + a[1] * np.cos(2 * w[:, 0]) + 0.2 * w[:, 0] ** 2  # noqa: E731
    two = lambda w: one(w) + a[2] * w[:, 0] * w[:, 1] + a[3] * np.cos(2 * w[:, 1])  # noqa: E731
    for domain, loss in ((qd.Grid((-2, 2), 3), one), (qd.Grid([(-2, 2)] * 2, 2, boundary="walls"), two)):
        problem = problem_on(domain, loss, 0.5)
        chain = qd.metts(
            problem,
            0.3,
            900,
            seed=seed,
            backend="aer",
            method=STEP,
            collapse=collapse,
            walkers=300,
            burn_in=3,
            shots=400,
        )
        assert chi_square_p(chain, 2) > 1e-4
        exact = qd.metts(
            problem, 0.3, 900, seed=seed, backend="statevector", method=STEP, collapse=collapse, walkers=300
        )
        assert exact.total_variation < 3 * exact.expected_total_variation
        assert abs(exact.detailed_balance.value) < 4.5 * exact.detailed_balance.stderr


def test_blocks_of_waves_give_the_dense_law() -> None:
    """What large domains take: rows of many starts at once, from points and from modes, in both readings."""
    for domain in (qd.Grid((-2.5, 2.5), 5), qd.Grid([(-2, 2), (-1, 1.5)], (3, 2), twist=(0.2, 0.0)), qd.Hypercube(4)):
        problem = problem_on(domain, lambda w: w[:, 0] ** 2 + 0.4 * w[:, -1], 0.4).replace(duration=0.8)
        h = qd.hamiltonian(problem)
        assert isinstance(h, LearningHamiltonian)
        for reading in ("born", "population"):
            dense, blocks = Dense(problem, h, reading), Blocks(problem, h, reading)
            for basis, end in (("weight", "weight"), ("weight", "dual"), ("dual", "weight")):
                if reading == "population" and "dual" in (basis, end):
                    continue
                rows = blocks.block(basis, [1, 4, 6], end)
                for row, start in zip(rows, (1, 4, 6)):
                    wanted = dense.law(basis, start, end)
                    assert np.abs(row / row.sum() - wanted / wanted.sum()).max() < 1e-6
                assert np.abs(rows[0] / rows[0].sum() - rows[1] / rows[1].sum()).max() > 1e-4


def test_a_chain_on_2048_points_by_blocks() -> None:
    """No exact law is known there; quick enough for a chain of some length."""
    bowl = problem_on(qd.Hypercube(11), lambda w: w[:, 0] - 0.5 * w[:, 1] * w[:, 2], 1.2)
    chain = qd.metts(bowl, 0.5, 1200, seed=1)
    assert chain.stationary is None
    root = np.hypot(1.2, 1.0)
    mean = chain.mean(lambda w: w[:, 0])
    assert abs(mean.value + np.tanh(root) / root) < 4.5 * mean.stderr  # one spin in fields 1 and 1.2 at beta = 1
    assert mean.stderr < 0.1
    free = chain.mean(lambda w: w[:, 7])
    assert abs(free.value) < 4.5 * free.stderr


@pytest.mark.slow
def test_a_chain_by_blocks_is_that_by_krylov() -> None:
    """The same random numbers, the same points."""
    bowl = problem_on(qd.Grid([(-4, 4)] * 2, (6, 5)), lambda w: 0.5 * (w[:, 0] - 0.5) ** 2 + 2 * w[:, 1] ** 2, 0.5)
    options: dict[str, Any] = {"seed": 1, "walkers": 2, "burn_in": 0}
    chain = qd.metts(bowl, 0.5, 6, **options)
    assert chain.stationary is None
    assert np.array_equal(chain.index, qd.metts(bowl, 0.5, 6, method=qd.Krylov(1e-8), **options).index)
    assert len(np.unique(chain.index)) > 3
