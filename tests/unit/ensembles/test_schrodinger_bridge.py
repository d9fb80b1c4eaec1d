"""The bridge as a method of `evolve`: closed forms, agreement of methods, circuits, bad input."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics import ensembles as en
from qml_dynamics.base.errors import EdgeWeightWarning
from qml_dynamics.methods.bridge import far_ends
from qml_dynamics.methods.bridge.fortet_iteration import Pace, density, fortet

GRID = qd.Grid((-8, 8), 6)
X = GRID.axes[0]
RULE = en.Learning(0.1, 1.0, 1.0)
SEEN = {"x": lambda w: w[:, 0], "x2": lambda w: w[:, 0] ** 2}


def nothing(w: np.ndarray) -> np.ndarray:
    return 0 * w[:, 0]


def tilted(w: np.ndarray) -> np.ndarray:
    return -0.3 * w[:, 0] ** 2 + 0.1 * w[:, 0]


START = qd.Gaussian(-1.0, 0.6)


def problem(V=nothing, grid: qd.Grid = GRID, duration: float = 1.2, start: qd.Gaussian = START) -> qd.Problem:
    return RULE.problem(grid, V, duration=duration, initial=start)


@pytest.mark.parametrize("method", [None, qd.SplitStep(40, order=4), qd.Krylov()], ids=["default", "order 4", "Krylov"])
def test_free_bridge_between_gaussians(method) -> None:
    run = qd.evolve(problem(), en.SchrodingerBridge(qd.Gaussian(1.5, 0.9), method), save=5, observables=SEEN)
    mean, width = en.gaussian_bridge((-1.0, 1.5), (0.6, 0.9), RULE.kappa / RULE.mass, 1.2, run.times)
    np.testing.assert_allclose(run.expectations["x"].value, mean, atol=1e-5)
    spread = np.sqrt(run.expectations["x2"].value - run.expectations["x"].value ** 2)
    np.testing.assert_allclose(spread, width, atol=1e-5)
    assert mean[-1] - mean[0] > 2
    assert run.diagnostics["end_error"] < 1e-8
    assert run.diagnostics["start_error"] < 1e-10
    assert "logarithms" not in run.diagnostics


def test_the_method_and_the_verb_give_one_bridge() -> None:
    run = qd.evolve(problem(tilted), qd.SchrodingerBridge(qd.Gaussian(0.9, 0.8)), save=4)
    ends = [np.abs(qd.Gaussian(m, s).vector(GRID)) ** 2 for m, s in ((-1.0, 0.6), (0.9, 0.8))]
    found = en.bridge(RULE, GRID, tilted, *ends, duration=1.2, save=4)
    np.testing.assert_allclose(run.density, found.density, atol=1e-9)
    plain = np.abs(X) < 3
    np.testing.assert_allclose(RULE.kappa * run.diagnostics["phase"][:, plain], found.phase[:, plain], atol=1e-6)
    by_array = qd.evolve(problem(tilted), qd.SchrodingerBridge(ends[1]), save=4)
    np.testing.assert_allclose(by_array.density, run.density, atol=1e-12)
    assert np.abs(run.density[-1] - run.density[0]).max() > 0.01


def test_the_energy_of_a_bridge_is_conserved() -> None:
    run = qd.evolve(problem(tilted), qd.SchrodingerBridge(qd.Gaussian(0.9, 0.8), qd.SplitStep(200, 4)), save=6)
    energy = run.expectations["energy"].value
    np.testing.assert_allclose(energy, energy[0], rtol=1e-6)
    assert np.ptp(run.expectations["objective"].value) > 0.05  # its parts are not


@pytest.mark.filterwarnings("ignore:The wave has reached the edge")
def test_the_pair_of_heat_equations_as_circuits() -> None:
    """Both factors with post-selection on a backend, exact and with samples, against the classical pair."""
    given = problem(tilted, qd.Grid((-2, 2), 4), 0.4, qd.Gaussian(-0.4, 0.8))
    end = qd.Gaussian(0.3, 0.7)
    exact = qd.evolve(given, qd.SchrodingerBridge(end, qd.Krylov()), save=3, observables=SEEN)
    circuit = qd.SchrodingerBridge(end, qd.ProbabilisticITE(1.0, steps=6, block="exact"))
    waves = qd.evolve(given, circuit, save=3, observables=SEEN)
    for name in ("x", "x2", "energy"):
        np.testing.assert_allclose(waves.expectations[name].value, exact.expectations[name].value, atol=3e-3)
    assert 0.5 * np.abs(waves.density - exact.density).sum(axis=1).max() < 3e-3
    assert 0.5 * np.abs(exact.density[-1] - exact.density[0]).sum() > 0.3
    sampled = qd.evolve(given, circuit, backend="aer", shots=40_000, seed=4, save=3, observables=SEEN)
    for name in ("x", "x2", "objective", "energy"):
        told = sampled.expectations[name]
        assert (told.stderr > 0).all()
        assert (np.abs(told.value - waves.expectations[name].value) <= 4 * told.stderr).all(), name
    assert sampled.expectations["x"].stderr.max() < 0.1
    assert sampled.diagnostics["end_error"] < 0.1


def test_a_bridge_of_two_axes() -> None:
    grid = qd.Grid([(-5, 5), (-4, 4)], [5, 4])
    start = RULE.problem(grid, nothing, duration=1.0, initial=qd.Gaussian([-1.0, 0.5], [0.7, 0.8]))
    run = qd.evolve(
        start,
        en.SchrodingerBridge(qd.Gaussian([1.0, -0.5], [0.7, 0.8])),
        save=3,
        observables={"x": lambda w: w[:, 0], "y": lambda w: w[:, 1]},
    )
    np.testing.assert_allclose(run.expectations["x"].value, [-1, 0, 1], atol=5e-3)
    np.testing.assert_allclose(run.expectations["y"].value, [0.5, 0, -0.5], atol=5e-3)
    assert run.density.shape == (3, 32, 16)


def test_the_circuits_of_a_bridge_and_their_price() -> None:
    from qiskit.quantum_info import Statevector

    given = problem(tilted, qd.Grid((-2, 2), 3), 0.4, qd.Gaussian(-0.4, 0.8))
    method = qd.SchrodingerBridge(qd.Gaussian(0.3, 0.7), qd.ProbabilisticITE(1.0, steps=2, block="exact"))
    programs = qd.circuits(given, method, [0.0, 0.4])
    ends = [Statevector(c).data[:8].real for c in programs]  # ancillas 0: B at 0 and the end, then A there
    exact = qd.evolve(given, method)
    for i in (0, 1):
        p = ends[i] * ends[2 + i]
        np.testing.assert_allclose(p / p.sum(), exact.density[i], atol=1e-6)
    assert np.abs(exact.density[1] - exact.density[0]).max() > 0.02
    one = qd.cost(given, method.method, shots=100)
    both = qd.cost(given, method, shots=100)
    assert (both.circuits, both.shots) == (2 * one.circuits, 2 * one.shots)
    with pytest.raises(qd.MethodError, match="runs as circuits"):
        qd.circuits(given, qd.SchrodingerBridge(qd.Gaussian(0.3, 0.7)))


def test_a_picture_of_the_regimes() -> None:
    from qml_dynamics.plotting.regimes import plot_regimes

    runs = []
    for D, method in (
        (0.4, qd.SplitStep(8)),
        (0.25, qd.HamiltonJacobi(8)),
        (0.1, qd.SchrodingerBridge(qd.Gaussian(0.5, 0.7))),
    ):
        start = en.Learning(D, 1.0, 1.0).problem(GRID, nothing, duration=1.0, initial=START)
        runs.append(qd.evolve(start, method, save=3))
    figure = plot_regimes(runs, ["wave", "paths", "bridge"])
    assert [axes.get_title(loc="left") for axes in figure.axes[:3]] == ["wave", "paths", "bridge"]
    shown = [np.asarray(axes.collections[0].get_array()) for axes in figure.axes[:3]]
    np.testing.assert_allclose(shown[1].reshape(64, 3), runs[1].density.T / GRID.cell_volume)
    with pytest.raises(qd.MethodError, match="one weight on one domain"):
        plot_regimes([runs[0], qd.evolve(problem(grid=qd.Grid((-1, 1), 3)), qd.SplitStep(2))], ["a", "b"])


def test_bridges_are_saved_and_named(tmp_path) -> None:
    from qml_dynamics.runs.problem_file import read_problem, write_problem

    method = en.SchrodingerBridge(qd.Gaussian(1.0, 0.8), qd.SplitStep(32))
    run = qd.evolve(problem(), method, save=3)
    run.save(tmp_path / "run.npz")
    again = qd.load(tmp_path / "run.npz")
    assert again.method == method
    assert qd.compare(run, again).agree
    given = problem(qd.objectives.from_table(tilted(GRID.points), GRID))
    write_problem(given, tmp_path / "problem.toml", method=method)
    file = read_problem(tmp_path / "problem.toml")
    assert (file.method, file.problem.clock) == (method, "imaginary")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: en.SchrodingerBridge(None), "`end` must be an initial wave or a density"),
        (lambda: en.SchrodingerBridge(-np.ones(64)), "`end` must be an initial wave or a density"),
        (lambda: en.SchrodingerBridge(qd.Uniform(), qd.Trotter(4)), "`method` must be a method of the imaginary clock"),
        (lambda: en.SchrodingerBridge(qd.Uniform(), tol=2.0), "`tol` must be below 1"),
        (lambda: qd.evolve(problem(), en.SchrodingerBridge(np.ones(7))), r"have shape \(64,\)"),
        (lambda: qd.evolve(problem().replace(clock="real"), en.SchrodingerBridge(qd.Uniform())), "on the real clock"),
        (
            lambda: qd.evolve(problem().replace(diffusion=qd.Linear(1.0, 0.5)), en.SchrodingerBridge(qd.Uniform())),
            "`diffusion` must be constant for a bridge",
        ),
        (
            lambda: qd.evolve(problem(), en.SchrodingerBridge(qd.Uniform()), observables={"k": lambda k: k[:, 0]}),
            "functions of weights for a bridge",
        ),
        (
            lambda: qd.evolve(problem(), en.SchrodingerBridge(qd.Gaussian(3, 0.3), max_iterations=2)),
            "let the iteration converge",
        ),
    ],
)
def test_refused(call, message: str) -> None:
    with pytest.raises(qd.QMLDynamicsError, match=message):
        call()


# --- trust: the seam, the floor of rounding, slow mixing


def far(diffusion: float, duration: float, half: float, qubits: int, boundary: str = "periodic") -> qd.Problem:
    """No force, from -5."""
    return qd.Problem(
        qd.Grid((-half, half), qubits, boundary),
        lambda w: 0 * w[:, 0],
        diffusion,
        clock="imaginary",
        duration=duration,
        initial=qd.Gaussian(-5, 0.7),
    )


def test_a_bridge_that_goes_round_the_seam_says_so_even_where_only_its_ends_are_saved() -> None:
    end, square = qd.Gaussian(5, 0.7), {"x2": lambda w: w[:, 0] ** 2}
    bridge = qd.SchrodingerBridge(end, tol=1e-8)
    with pytest.warns(EdgeWeightWarning, match=r"goes round the seam of its box: .* widen `bounds`"):
        round_the_seam = qd.evolve(far(0.5, 4.0, 8, 6), bridge, observables=square)
    assert round_the_seam.expectations["x2"].value == pytest.approx(5**2 + 0.7**2, abs=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("error", EdgeWeightWarning)
        line = qd.evolve(far(0.5, 4.0, 16, 7), bridge, observables=square, save=3)
    assert line.expectations["x2"].value[1] < 2
    with pytest.warns(EdgeWeightWarning, match="presses against the walls"):
        qd.evolve(far(0.5, 4.0, 6.5, 6, "walls"), bridge)


def test_a_bridge_on_a_ring_may_cross_the_seam() -> None:
    """Where the loss has the period of the box there is no edge."""
    ring = qd.Problem(
        qd.Grid((0, 2 * np.pi), 5),
        lambda w: np.cos(w[:, 0]),
        0.5,
        clock="imaginary",
        duration=1.0,
        initial=qd.Gaussian(0.8, 0.5),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", EdgeWeightWarning)
        run = qd.evolve(ring, qd.SchrodingerBridge(qd.Gaussian(5.5, 0.5)), save=3)
    assert run.density[1][:2].sum() + run.density[1][-2:].sum() > 0.3


@pytest.mark.parametrize(
    ("diffusion", "duration", "half", "qubits", "says"),
    [
        (
            0.5,
            1.0,
            8,
            6,
            r"Argument `tol` must be at least [0-9.e-]+ for these ends, which rounding .*, but is 1e-10\.",
        ),
        (0.5, 1.0, 16, 7, r"Argument `duration` must mix the ends within the range of floating-point numbers"),
    ],
)
def test_an_iteration_that_stagnates_is_refused_early(
    diffusion: float, duration: float, half: float, qubits: int, says: str
) -> None:
    pace: list[int] = []
    problem = far(diffusion, duration, half, qubits)
    method = qd.SchrodingerBridge(qd.Gaussian(5, 0.7), tol=1e-10)
    with pytest.raises(qd.MethodError, match=says) as refused:
        fortet(
            problem,
            density(np.abs(problem.initial.vector(problem.domain)) ** 2, problem.domain, "initial"),
            density(np.abs(method.end.vector(problem.domain)) ** 2, problem.domain, "end"),
            qd.SplitStep(16),
            method.tol,
            2000,
            lambda done, total: pace.append(done),  # type: ignore[arg-type]
        )
    assert len(pace) < 200
    floor = re.search(r"at least ([0-9.e-]+) for", str(refused.value))
    if floor is not None:  # the tolerance that is named is one that answers
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EdgeWeightWarning)
            run = qd.evolve(problem, qd.SchrodingerBridge(qd.Gaussian(5, 0.7), tol=float(floor.group(1))))
        assert run.diagnostics["start_error"] <= float(floor.group(1))


def test_slow_mixing_is_refused_as_soon_as_it_is_known() -> None:
    pace = Pace(1e-10, 100)
    for k in range(47):
        pace.check(0.99**k)
    with pytest.raises(
        qd.MethodError, match=r"Argument `max_iterations` must be larger, but is 100: .* takes about 2,"
    ):
        pace.check(0.99**47)
    quick = Pace(1e-10, 100)
    for k in range(90):
        quick.check(0.7**k)
    assert len(quick.errors) == 90


# --- far ends, in logarithms


@pytest.mark.parametrize(
    ("diffusion", "duration", "half", "qubits", "boundary"),
    [
        (0.5, 4.0, 16, 7, "periodic"),
        (0.5, 1.0, 16, 7, "periodic"),
        (0.5, 1.0, 16, 7, "walls"),
        (0.5, 0.25, 16, 8, "periodic"),
        (0.05, 1.0, 16, 8, "periodic"),
    ],
)
def test_a_free_bridge_between_far_ends_has_its_closed_form(
    diffusion: float, duration: float, half: float, qubits: int, boundary: str
) -> None:
    """Kernels down to exp(-500) between the ends; unequal widths, so that time has a direction."""
    given = far(diffusion, duration, half, qubits, boundary)
    with warnings.catch_warnings():
        warnings.simplefilter("error", EdgeWeightWarning)
        run = qd.evolve(given, qd.SchrodingerBridge(qd.Gaussian(4.5, 0.9)), save=3, observables=SEEN)
    assert 9.5**2 / (4 * diffusion * duration) > 11
    mean, width = en.gaussian_bridge((-5.0, 4.5), (0.7, 0.9), 2 * diffusion, duration, run.times)
    found = run.expectations["x"].value
    np.testing.assert_allclose(found, mean, atol=1e-3)
    np.testing.assert_allclose(np.sqrt(run.expectations["x2"].value - found**2), width, atol=1e-3)
    energy = run.expectations["energy"].value
    np.testing.assert_allclose(energy, energy[0], rtol=1e-4)
    assert run.diagnostics["logarithms"]
    assert run.diagnostics["end_error"] < 1e-8


def test_logarithms_and_waves_give_one_bridge(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a loss that is no parabola, where both can be computed; the price of the steps is told."""
    loss = lambda w: 0.1 * w[:, 0] ** 2 + 0.1 * w[:, 0] + 0.1 * np.sin(2 * w[:, 0])  # noqa: E731
    given = far(0.4, 2.0, 8, 7).replace(objective=loss, initial=qd.Gaussian(-1, 0.7))
    method = qd.SchrodingerBridge(qd.Gaussian(1.5, 0.8), qd.SplitStep(100, order=4))
    waves = qd.evolve(given, method, save=3)
    monkeypatch.setattr(far_ends, "_LOST", 0.0)
    logs = qd.evolve(given, method, save=3)
    assert "logarithms" not in waves.diagnostics
    assert logs.diagnostics["logarithms"]
    assert 0.5 * np.abs(waves.density - logs.density).sum(axis=1).max() < 1e-5
    np.testing.assert_allclose(logs.expectations["energy"].value, waves.expectations["energy"].value, atol=1e-4)
    plain = np.abs(given.domain.axes[0]) < 3  # type: ignore[union-attr]
    gap = (logs.diagnostics["phase"] - waves.diagnostics["phase"])[:, plain]
    assert np.abs(gap - gap.mean()).max() < 1e-3  # a constant is free
    assert 0 < logs.diagnostics["splitting_error"] < 1e-4


def test_far_ends_in_two_weights_and_what_is_refused() -> None:
    grid = qd.Grid([(-12, 12), (-6, 6)], [6, 5])
    given = qd.Problem(
        grid, lambda w: 0 * w[:, 0], 0.5, clock="imaginary", duration=1.0, initial=qd.Gaussian([-3.5, 0.5], 0.8)
    )
    seen = {"x": lambda w: w[:, 0], "y": lambda w: w[:, 1]}
    run = qd.evolve(given, qd.SchrodingerBridge(qd.Gaussian([3.5, -1], 0.8)), save=3, observables=seen)
    np.testing.assert_allclose(run.expectations["x"].value, [-3.5, 0, 3.5], atol=2e-2)
    np.testing.assert_allclose(run.expectations["y"].value, [0.5, -0.25, -1], atol=2e-2)
    assert run.diagnostics["logarithms"]
    method = qd.SchrodingerBridge(qd.Gaussian(5, 0.7))
    with pytest.raises(
        qd.MethodError, match=r"Argument `save` must have no time closer to an end than 0\.125 .*, but has 0\.1\."
    ):
        qd.evolve(far(0.5, 1.0, 16, 7), method, save=[0.0, 0.1, 1.0])
    steep = far(0.5, 1.0, 16, 7).replace(objective=lambda w: 40 * np.cos(5 * w[:, 0]))
    with pytest.raises(
        qd.MethodError, match=r"Argument `qubits` must be larger for ends that are so far apart: the error"
    ):
        qd.evolve(steep, method)


def test_the_default_tolerance_is_not_below_what_rounding_leaves() -> None:
    """Where a tolerance of 1e-10 is refused when it is asked for, the default takes the floor and says it."""
    start, end = far(0.5, 1.5, 8, 6), qd.Gaussian(5, 0.7)
    laws = [density(np.abs(g.vector(start.domain)) ** 2, start.domain, "end") for g in (start.initial, end)]
    rest = (qd.SplitStep(16), 1e-10, 2000, lambda done, total: None)
    with pytest.raises(qd.MethodError, match="`tol` must be at least"):
        fortet(start, *laws, *rest)  # type: ignore[arg-type]
    taken = fortet(start, *laws, *rest, accepted=1e-8)  # type: ignore[arg-type]
    assert 1e-10 < taken.error <= 1e-8
    assert taken.iterations < 200
