"""Weightings with negative controls: each test fails where the weights are other ones, and the control shows that it would."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
from scipy.linalg import hadamard
from scipy.stats import kstest

import qml_dynamics as qd
from qml_dynamics import boltzmann
from qml_dynamics.conformance.recording import Recorder
from qml_dynamics.learning.descent.noisy import Rows, Setting, noisy_descent
from qml_dynamics.learning.descent.study import Study
from qml_dynamics.learning.diffusion import heldout, paths
from qml_dynamics.learning.diffusion.device import filter_share
from qml_dynamics.learning.diffusion.paths import ORDERS
from qml_dynamics.learning.ensembles import canonical
from qml_dynamics.learning.metts.statistics import detailed_balance, effective_size
from qml_dynamics.learning.minibatch import averaged_state
from qml_dynamics.model.objectives.rows import from_rows
from tests.power.spaces import SPACES, exponential, kinetic_matrix, loss, potential_matrix, random_wave

pytestmark = pytest.mark.filterwarnings("ignore")

REGION = (-0.4, 0.9)


def bump(w: np.ndarray) -> np.ndarray:
    return np.exp(-((w[:, 0] - 0.3) ** 2) / 1.2)


def region_distance(kind: str) -> float:
    """Kolmogorov's distance of conditioned samples from the law, cut to the region by hand."""
    model = qd.Diffusion(qd.Grid((-6.0, 6.0), 5), bump)
    made = model.sample(60_000, seed=3, kind=kind, condition=REGION, steps=32, progress=False)[:, 0]
    x = np.linspace(*REGION, 4001)
    below = np.cumsum(bump(x[:, None]))
    return float(kstest(made, lambda v: np.interp(v, x, below / below[-1])).statistic)


@pytest.mark.parametrize("kind", ["sde", "ode"])
def test_paths_into_a_region_are_kept_by_the_right_end(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The noise of a path belongs to where it ends, a flow to where it was; exchanged, the law is another one."""
    right = region_distance(kind)
    ends: list[np.ndarray] = []
    run, value = paths._run, paths._Region.value

    def kept(*given: Any, **named: Any) -> np.ndarray:
        ends.append(run(*given, **named)[-1])
        return run_again(ends[-1])

    def run_again(last: np.ndarray) -> np.ndarray:
        return last[None]

    def exchanged(region: Any, points: np.ndarray) -> np.ndarray:
        return value(region, ends[-2] if kind == "sde" else ends[-1])

    monkeypatch.setattr(paths.Plan, "places", lambda plan, times: [len(times) - 1])
    monkeypatch.setattr(paths, "_run", kept)
    monkeypatch.setattr(paths._Region, "value", exchanged)
    wrong = region_distance(kind)
    assert right < 0.0065
    assert wrong > right + 0.003


def test_what_is_known_of_a_region_is_averaged_over_the_noise() -> None:
    """The mean of ``h_t`` given the end of a path, by the transition kernel of the process itself."""
    model = qd.Diffusion(qd.Grid((-6.0, 6.0), 5), bump)
    wave, _, keep = model.conditioned(REGION)
    assert keep is not None
    land = model.land
    plan = paths.Plan.of(4, 1, "sde", 20, 2, 1)
    region = paths._Region(model.lens, model.start, wave, keep, float(model.t_max), plan, True)
    flow = paths._Region(
        model.lens, model.start, wave, keep, float(model.t_max), paths.Plan.of(4, 1, "ode", 20, 2, 1), True
    )
    (back,) = land.waves(land.root * flow.known, [region.t_min])
    inside = land.root > 0.05 * land.root.max()
    assert region.known[inside] == pytest.approx((back / land.root)[inside], rel=1e-9, abs=1e-6)
    assert np.abs(region.known - flow.known)[inside].max() > 0.02


def test_a_filter_acts_on_the_wave() -> None:
    rng = np.random.default_rng(2)
    phi, h = rng.random(8), rng.random(8)
    wanted = float(np.linalg.norm(phi * h) ** 2 / np.linalg.norm(phi) ** 2)
    assert filter_share(phi, h) == pytest.approx(wanted, rel=1e-12)
    assert abs(wanted - float(phi**2 @ h / (phi @ phi))) > 0.05


def end_variance(kind: str, order: int, steps: int) -> float:
    """Of normal data under the reverse process, without the noise of samples: start and increments are orthogonal columns of signs,
    whose second moments are exactly those of independent normal numbers, and the drift is linear."""
    model = qd.Diffusion(qd.Grid((-8.0, 8.0), 7), lambda w: np.exp(-(w[:, 0] ** 2) / (2 * 0.3)), t_max=4.0)
    signs = hadamard(64).astype(float)
    times = paths.time_grid(4.0, 0.0, steps)
    fields = paths._fields(model.lens, model.start, times, order, None)
    first = np.sqrt(1.0 + (0.3 - 1.0) * np.exp(-8.0)) * signs[:, 1:2]

    def noise(step: int, dt: float, shape: tuple[int, ...]) -> np.ndarray:
        return np.sqrt(dt) * signs[:, step + 2 : step + 3]

    *_, (_, last) = paths.reverse(first, times, fields, model.lens, kind, order, noise)
    return float((last**2).mean())


@pytest.mark.parametrize(("kind", "order"), [(k, o) for k, os in ORDERS.items() for o in os])
def test_schemes_have_their_weak_order(kind: str, order: int) -> None:
    """The variance at the end, in two numbers of steps."""
    coarse, fine = (abs(end_variance(kind, order, steps) - 0.3) for steps in (24, 48))
    assert fine > 1e-7
    assert np.log2(coarse / fine) == pytest.approx(order, abs=0.4)


@pytest.mark.parametrize("couplings", [0.0, 1.2])
def test_annealed_weights_give_the_partition_function(couplings: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against enumeration of the same six neurons; the mean of the work, which bounds it from above, is told apart."""
    upper = np.triu(np.random.default_rng(3).standard_normal((6, 6)) * couplings, 1)
    e = np.array([0.4, -0.9, 0.2, 1.1, -0.3, 0.6])
    states = (np.arange(64)[:, None] >> np.arange(6)) & 1
    energies = states @ e + np.einsum("si,ij,sj->s", states, upper, states)
    wanted = -np.log(np.exp(-1.5 * energies).sum()) / 1.5
    monkeypatch.setattr(canonical, "ENUMERATED", 3)
    found = []
    for seed in range(30):
        neurons = canonical.BinaryNeurons(
            lambda q: np.tile(e, (len(q), 1)), lambda q: np.tile(upper, (len(q), 1, 1)), 1.5, samples=200, sweeps=6,
            seed=seed,
        )  # fmt: skip
        found.append(neurons.free_energy(np.zeros((1, 1))))
    values, errors = (np.array([float(getattr(f, part)[0]) for f in found]) for part in ("value", "stderr"))
    assert abs(values.mean() - wanted) < 4 * values.std(ddof=1) / np.sqrt(30) + 2e-4
    assert 0.6 < values.std(ddof=1) / errors.mean() < 1.5


def study(values: np.ndarray, others: np.ndarray) -> Study:
    rows = np.array([values, others])
    return Study(("one", "other"), rows, rows, rows, np.ones(2))


def test_a_study_knows_the_error_of_its_mean() -> None:
    """Many planted splits: the interval is that of a mean of normal numbers, and pairs stay pairs."""
    rng = np.random.default_rng(4)
    values = rng.normal(2.0, 0.5, 400)
    planted = study(values, values - 0.25)
    mean, low, high = planted.interval("loss", "one")
    error = float(values.std(ddof=1) / 20)
    assert (high - low) / (2 * 1.96 * error) == pytest.approx(1.0, abs=0.06)
    assert planted.estimate("loss", "one").stderr == pytest.approx(error, rel=1e-9)
    assert low < mean < high
    assert planted.interval("loss", "one", "other") == pytest.approx((0.25, 0.25, 0.25))


def test_splits_are_resampled_in_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every split has the same ratio: its interval has no width, however much the splits differ."""
    rng = np.random.default_rng(6)

    def planted(*given: Any) -> tuple[float, ...]:
        kernels = float(rng.uniform(0.5, 2.0))
        return (0.5 * kernels, kernels, kernels, 0.0, 0.0, 0.1)

    monkeypatch.setattr(heldout, "_one", planted)
    found = heldout.quality(rng.standard_normal((40, 1)), qd.Grid((-6.0, 6.0), 4), splits=12, progress=False)
    assert found.ratio == pytest.approx(0.5)
    assert found.interval == pytest.approx((0.5, 0.5))
    assert np.ptp(found.kernels) > 0.3


def chain(rho: float, steps: int, walkers: int, seed: int) -> np.ndarray:
    """A reversible chain of normal numbers with autocorrelation ``rho^k``."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((steps, walkers))
    for k in range(1, steps):
        x[k] = rho * x[k - 1] + np.sqrt(1 - rho**2) * x[k]
    return x


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.85])
def test_correlated_samples_count_for_less(rho: float) -> None:
    x = chain(rho, 4000, 4, 7)
    assert effective_size(x) / x.size == pytest.approx((1 - rho) / (1 + rho), rel=0.15)


def test_detailed_balance_of_reversible_chains_is_within_its_error() -> None:
    """And the error is not below the spread over seeds."""
    found = []
    for seed in range(60):
        x = chain(0.8, 300, 2, seed)
        found.append(detailed_balance(x[..., None], np.sin(2 * x) + 0.3 * x**2))
    values, errors = np.array([f.value for f in found]), np.array([f.stderr for f in found])
    assert abs(values.mean()) < 4 * values.std(ddof=1) / np.sqrt(60)
    assert values.std(ddof=1) / errors.mean() < 1.25


@pytest.mark.parametrize("method", [qd.ProbabilisticITE(1.0, 1, block="exact"), qd.Schrodingerised(5, 2)])
@pytest.mark.parametrize("space", ["walls", "flux"])
def test_only_selected_samples_count(space: str, method: Any) -> None:
    """The kept law is that of imaginary time; the law of all outcomes, which no selection leaves, is far from it."""
    domain = SPACES[space]
    start = np.abs(random_wave(8)) + 0.05
    p = qd.Problem(domain, loss, 0.15, 2.0, clock="imaginary", initial=qd.State(start), duration=0.5)
    h = 0.15 * kinetic_matrix(domain) + 2.0 * potential_matrix(domain)
    wave = exponential(h, -0.5) @ (start / np.linalg.norm(start))
    law = np.abs(wave) ** 2 / np.linalg.norm(wave) ** 2
    device = Recorder(qd.backend("aer"))  # as a device sees it: whole circuits, whose other qubits are looked at here
    run = qd.evolve(p, method, backend=device, shots=20_000, seed=2, progress=False)
    kept = run.counts["weight"][-1].shots
    assert 0.5 * np.abs(run.density[-1].reshape(-1) - law).sum() < 3.0 / np.sqrt(kept) + 0.02
    assert 0.02 < kept / 20_000 < 0.9
    assert 0.5 * np.abs(law - start**2 / (start @ start)).sum() > 0.1


def test_visible_bits_are_the_high_ones() -> None:
    """Two visible and one hidden bit, all different, from samples of the purified circuit."""
    machine = boltzmann.BoltzmannMachine(2, 1, transverse=False)
    theta = 0.8 * np.random.default_rng(5).standard_normal(machine.num_parameters)
    law = machine.law(theta)
    circuit = boltzmann.thermal_circuit(machine, theta)
    fitted = boltzmann.BoltzmannFit(machine, theta, law, np.zeros(1), 0, "", "variational", circuit)
    counts = fitted.sample(20_000, seed=3)
    found = np.bincount(counts.index, weights=counts.count, minlength=4) / 20_000
    assert 0.5 * np.abs(found - law).sum() < 0.06
    assert min(0.5 * np.abs(law[order] - law).sum() for order in ([0, 2, 1, 3], [3, 2, 1, 0], [1, 0, 3, 2])) > 0.1


def test_descents_on_batches_without_noise_are_split_steps() -> None:
    """All rows alike: a descent's samples follow the symmetric product of its factors."""
    rows = from_rows(lambda w, index: np.cos(2 * np.pi * w[:, :1]) + 0.5 * w[:, 1:2] + 0.0 * index, 5)
    grid = qd.Grid([(0.0, 1.0), (0.0, 2.0)], (3, 2))
    setting = Setting(rows, rows, grid, lambda w: 0.0)
    schedule = qd.descent.pretrained(10)
    cloud = noisy_descent(setting, schedule, Rows(setting, 2, np.random.default_rng(1)), 40_000, 1, coherent=True)
    found = histogram(grid, cloud)
    values = rows(grid.points)
    spread = float(
        values[np.random.default_rng(1).integers(0, grid.size, 32)].std()
    )  # of the points that it looks at first
    unit = kinetic_matrix(qd.Grid([(0.0, 1.0), (0.0, 1.0)], (3, 2)))
    wave = np.full(grid.size, grid.size**-0.5, dtype=complex)
    for k in range(10):
        a, b = (s.integral(k / 10, (k + 1) / 10, 1.0) for s in (schedule.diffusion, schedule.strength))
        half = np.exp(-0.5j * b / spread * values)
        wave = half * (exponential(unit, -1j * a) @ (half * wave))
    wanted = np.abs(wave) ** 2
    assert 0.5 * np.abs(found - wanted).sum() < 0.03
    assert 0.5 * np.abs(wanted - 1 / grid.size).sum() > 0.1


def histogram(grid: qd.Grid, cloud: np.ndarray) -> np.ndarray:
    places = [np.rint((cloud[:, k] - grid.axes[k][0]) / grid.spacing[k]).astype(int) for k in range(2)]
    return np.bincount(np.ravel_multi_index(places, grid.shape), minlength=grid.size) / len(cloud)


@pytest.mark.parametrize("replacement", [False, True])
def test_the_dephasing_of_batches_is_that_of_their_variance(replacement: bool) -> None:
    """Small factors: what is left of each coherence, against the variance of the losses of all batches, listed one by one."""
    table = np.array(
        [[0.2, 1.0, -0.5, 0.3], [0.9, -0.2, 0.4, 0.1], [-0.6, 0.5, 0.8, -0.3], [0.1, 0.3, -0.2, 1.2]]
    )  # rows, points
    grid = qd.Grid((0.0, 1.0), 2)
    rows = from_rows(lambda w, index: table[index][:, np.rint(4 * w[:, 0]).astype(int)].T, 4)
    p = qd.Problem(grid, rows, 0.0, clock="real", initial=qd.State(random_wave(4)), duration=0.2)
    method = qd.MiniBatch(1, batch_size=2, order=1, draws=2, replacement=replacement)
    start = np.outer(random_wave(4), random_wave(4).conj())
    chosen = product(range(4), repeat=2) if replacement else permutations(range(4), 2)
    batches = np.array([table[list(pair)].mean(axis=0) for pair in chosen])
    gaps = batches[:, :, None] - batches[:, None, :]
    for limit, tolerance in ((False, 1e-12), (True, 5e-4)):
        found = averaged_state(p, method, [0.2], limit)[0] / start
        wanted = np.exp(-0.2j * gaps).mean(axis=0)
        assert np.abs(found - wanted).max() < tolerance
    lost = 1 - np.abs(wanted)
    assert lost.max() > 10 * 5e-4
    assert lost == pytest.approx(0.5 * 0.2**2 * gaps.var(axis=0), abs=5e-4)
