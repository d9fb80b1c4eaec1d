"""The front door: save times, shots and seeds, observables, callbacks, interrupts, bad arguments."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from qiskit.quantum_info import SparsePauliOp, Statevector
from scipy.linalg import expm

import qml_dynamics as qd
from qml_dynamics.model.pauli import PauliSum
from qml_dynamics.results.observables import read_observables
from tests.interrupts import interruptible


def tilted(w: np.ndarray) -> np.ndarray:
    """Asymmetric in both weights, and not separable."""
    return 0.4 * (w[:, 0] - 0.5) ** 2 + 0.3 * np.sin(w[:, -1]) + 0.2 * w[:, 0] * w[:, -1]


@pytest.fixture
def problem() -> qd.Problem:
    return qd.Problem(
        qd.Grid([(-6, 6), (-5, 7)], qubits=(4, 3)),
        tilted,
        qd.Geometric(0.8, 0.2),
        clock="real",
        duration=1.5,
        initial=qd.Gaussian((0.7, -0.4), 0.9, momentum=(0.5, -0.2)),
    )


pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def test_saved_times_are_exact_and_belong_to_their_states(problem: qd.Problem) -> None:
    times = [0.1, 0.77, 1.5]
    run = qd.evolve(problem, qd.Krylov(), save=times)
    assert run.times.tolist() == times
    for t, state, density in zip(times, run.states, run.density):
        # the same schedule, stopped at t: the state at t may not depend on what else is saved
        alone = qd.evolve(problem, qd.Krylov(), save=[t])
        assert np.abs(alone.states[0] - state).max() < 1e-8
        assert np.allclose(density, np.abs(state) ** 2)
    assert abs(np.vdot(run.states[0], run.states[-1])) < 0.99


@pytest.mark.parametrize("backend", ["statevector", "aer"])
def test_states_of_a_run_are_the_statevectors_of_its_circuits(problem: qd.Problem, backend: str) -> None:
    method, times = qd.Trotter(5), [0.0, 0.4, 1.5]
    run = qd.evolve(problem, method, backend=backend, save=times)
    for circuit, state in zip(qd.circuits(problem, method, times), run.states):
        assert set(circuit.count_ops()) <= {"h", "x", "ry", "rz", "rx", "p", "cp", "cx"}
        assert np.abs(Statevector(circuit).data - state.reshape(-1)).max() < 1e-10
    assert abs(np.vdot(run.states[0], run.states[-1])) < 0.99


def test_aer_and_krylov_agree_to_the_error_of_the_formula(problem: qd.Problem) -> None:
    exact = qd.evolve(problem, qd.Krylov()).states[-1]
    errors = [np.linalg.norm(qd.evolve(problem, qd.Trotter(k), backend="aer").states[-1] - exact) for k in (8, 16, 32)]
    slopes = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(np.abs(slopes - 2) < 0.2)


def test_save_none_number_and_list() -> None:
    from qml_dynamics.methods.job import save_times

    assert save_times(None, 2.0).tolist() == [0.0, 2.0]
    assert save_times(5, 2.0).tolist() == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert save_times([1.0, 0.5], 2.0).tolist() == [0.5, 1.0]
    for bad in (1, 0, -3, 2.5, [3.0], [-1.0], [], "all", [np.nan]):
        with pytest.raises(qd.MethodError, match="Argument `save` must"):
            save_times(bad, 2.0)


def test_shots_are_exact_per_basis_and_estimates_cover_the_truth(problem: qd.Problem) -> None:
    shots = 4000
    run = qd.evolve(problem, qd.Trotter(6), backend="aer", shots=shots, seed=11, save=3)
    exact = qd.evolve(problem, qd.Trotter(6), backend="aer", save=3)
    assert {len(per_time) for per_time in run.counts.values()} == {3}
    assert all(c.shots == shots for per_time in run.counts.values() for c in per_time)
    for name in ("energy", "kinetic", "objective"):
        estimate, truth = run.expectations[name], exact.expectations[name]
        assert estimate.shots == shots
        assert truth.shots is None
        assert np.all(np.abs(estimate.value - truth.value) < 4.5 * estimate.stderr)
        assert np.all(estimate.stderr > 0)
    assert np.allclose(run.density.reshape(3, -1).sum(axis=1), 1)


@pytest.mark.slow
def test_two_standard_errors_cover_95_percent(problem: qd.Problem) -> None:
    truth = float(qd.evolve(problem, qd.SplitStep(40)).expectations["energy"].value[-1])
    inside = []
    for seed in range(300):
        energy = qd.evolve(problem, qd.SplitStep(40), shots=400, seed=seed, save=[1.5]).expectations["energy"][0]
        inside.append(abs(energy.value - truth) < 2 * energy.stderr)
    assert 0.90 < np.mean(inside) < 0.99


def test_seeds_fix_the_counts_whatever_is_saved_beside_them(problem: qd.Problem) -> None:
    a = qd.evolve(problem, qd.Trotter(6), backend="aer", shots=500, seed=5)
    b = qd.evolve(problem, qd.Trotter(6), backend="statevector", shots=500, seed=5)
    c = qd.evolve(problem, qd.Trotter(6), backend="aer", shots=500, seed=6)
    assert np.array_equal(a.counts["weight"][-1].index, b.counts["weight"][-1].index)
    assert np.array_equal(a.counts["dual"][-1].count, b.counts["dual"][-1].count)
    assert not np.array_equal(a.density[-1], c.density[-1])
    assert a.provenance["seed"] == 5
    unseeded = qd.evolve(problem, qd.Trotter(6), backend="aer", shots=500)
    again = qd.evolve(problem, qd.Trotter(6), backend="aer", shots=500, seed=unseeded.provenance["seed"])
    assert np.array_equal(unseeded.density, again.density)


def test_observables_of_weights_momenta_and_operators(problem: qd.Problem) -> None:
    operator = SparsePauliOp(["XIYIIZI", "IIIIIIX", "ZZIIIII"], [0.7, -0.4, 1.1])
    asked = {
        "x1": lambda w: w[:, 1],
        "k0": lambda k: k[:, 0],
        "k1 squared": qd.of_momenta(lambda values: values[:, 1] ** 2),
        "pauli": operator,
    }
    exact = qd.evolve(problem, qd.SplitStep(50), observables=asked)
    psi = exact.states[-1]
    grid = problem.domain
    assert np.isclose(exact.expectations["x1"].value[-1], (np.abs(psi) ** 2 * grid.axes[1]).sum())
    hat = np.fft.fftn(psi, norm="ortho")
    assert np.isclose(exact.expectations["k0"].value[-1], (np.abs(hat) ** 2 * grid.momenta[0][:, None]).sum())
    assert exact.expectations["k0"].value[0] == pytest.approx(0.5, abs=1e-3)  # the sign of the momentum
    flat = psi.reshape(-1)
    assert np.isclose(exact.expectations["pauli"].value[-1], np.vdot(flat, operator.to_matrix() @ flat).real)
    sampled = qd.evolve(problem, qd.SplitStep(50), observables=asked, shots=20_000, seed=1)
    for name in asked:
        gap = sampled.expectations[name][-1] - exact.expectations[name][-1]
        assert gap.stderr > 0
        assert abs(gap.value) < 4.5 * gap.stderr


def test_a_callback_sees_every_step_and_can_stop(problem: qd.Problem) -> None:
    seen = []

    def watch(step: int, view: object) -> bool:
        seen.append((step, view.time, np.linalg.norm(view.state)))
        return view.time > 0.7

    run = qd.evolve(problem, qd.SplitStep(15), callback=watch)
    assert [s for s, _, _ in seen] == list(range(9))  # t = 0, 0.1, ..., 0.8
    assert np.allclose([n for _, _, n in seen], 1)
    assert run.times[-1] == pytest.approx(0.8)
    assert "callback stopped" in run.stop
    whole = qd.evolve(problem, qd.SplitStep(15), save=[0.8])
    assert np.abs(whole.states[0] - run.states[-1]).max() < 1e-12


@pytest.mark.parametrize("domain", [qd.Grid([(-6, 6), (-5, 7)], (3, 3), boundary="walls"), qd.Hypercube(6)])
def test_walls_and_hypercubes_run_as_circuits_too(domain: object) -> None:
    rng = np.random.default_rng(3)
    wave = rng.standard_normal(64) + 1j * rng.standard_normal(64)
    problem = qd.Problem(
        domain, tilted, 0.3, strength=qd.Linear(0.5, 1.5), clock="real", duration=1.0, initial=qd.State(wave)
    )
    run = qd.evolve(problem, qd.Trotter(4), backend="aer", save=3, shots=3000, seed=2)
    reference = qd.evolve(problem, qd.SplitStep(4), save=3)
    assert np.abs(run.states - reference.states).max() < 1e-10
    assert abs(np.vdot(run.states[0], run.states[-1])) < 0.95
    for name in ("energy", "kinetic"):
        gap = run.expectations[name][-1] - reference.expectations[name][-1]
        assert abs(gap.value) < 4.5 * gap.stderr


def test_operators_evolve_like_the_matrix_exponential() -> None:
    operator = SparsePauliOp(["ZZI", "IZZ", "XII", "IXI", "IIX", "YIX"], [1, 0.8, 0.5, 0.4, 0.3, 0.2])
    start = np.array([1, 2j, 0, -1, 0.5, 0, 1j, 3])
    problem = qd.Problem.from_operator(operator, clock="real", duration=0.9, initial=start)
    exact = qd.evolve(problem, qd.Krylov()).states[-1].reshape(-1)
    wanted = expm(-0.9j * operator.to_matrix()) @ (start / np.linalg.norm(start))
    assert np.abs(exact - wanted).max() < 1e-9
    for order in (1, 2, 4):
        errors = []
        for steps in (8, 16):
            wave = qd.evolve(problem, qd.Trotter(steps, order), backend="aer").states[-1].reshape(-1)
            errors.append(np.linalg.norm(wave - wanted))
        assert abs(np.log2(errors[0] / errors[1]) - order) < 0.25
    energy = qd.evolve(problem, qd.Trotter(16), backend="aer", shots=4000, seed=1).expectations["energy"]
    truth = np.vdot(wanted, operator.to_matrix() @ wanted).real
    assert abs(energy.value[-1] - truth) < 4.5 * energy.stderr[-1] + 1e-2


def test_multi_product_beats_its_best_part_and_carries_its_error(problem: qd.Problem) -> None:
    method = qd.MultiProduct((2, 3, 4))
    exact = qd.evolve(problem, qd.Krylov()).density[-1]
    combined = qd.evolve(problem, method, backend="aer")
    best_part = qd.evolve(problem, qd.Trotter(4), backend="aer")
    assert np.abs(combined.density[-1] - exact).sum() < 0.3 * np.abs(best_part.density[-1] - exact).sum()
    assert combined.states is None
    assert combined.density[-1].sum() == pytest.approx(1)
    noisy = qd.evolve(problem, method, backend="aer", shots=2000, seed=4)
    gap = noisy.expectations["energy"][-1] - combined.expectations["energy"][-1]
    assert abs(gap.value) < 4.5 * gap.stderr
    single = qd.evolve(problem, qd.Trotter(4), backend="aer", shots=2000, seed=4)
    assert noisy.expectations["energy"].stderr[-1] > 2 * single.expectations["energy"].stderr[-1]


def test_best_weights_come_from_samples_beside_uniform_ones(problem: qd.Problem) -> None:
    run = qd.evolve(problem.replace(clock="imaginary"), qd.SplitStep(100), seed=3)
    assert run.best.samples == 1000
    assert problem.objective(np.array([run.best.weights]))[0] == pytest.approx(run.best.value)
    assert problem.objective(np.array([run.best.uniform_weights]))[0] == pytest.approx(run.best.uniform_value)
    few = qd.evolve(problem, qd.Trotter(4), backend="aer", shots=3, seed=1)
    index = few.counts["weight"][-1].index
    assert few.best.value == pytest.approx(problem.objective(problem.domain.points_at(index)).min())


def test_log_norm_is_the_partition_function() -> None:
    energies = np.array([0.3, 1.1, -0.4, 2.0])
    grid = qd.Grid((0, 1), 2)
    problem = qd.Problem(grid, qd.objectives.from_table(energies, grid), 0.0, clock="imaginary", duration=0.85)
    run = qd.evolve(problem, qd.SplitStep(10))
    gibbs = np.exp(-1.7 * energies)
    assert np.abs(run.density[-1] - gibbs / gibbs.sum()).max() < 1e-11  # twenty transforms
    assert 2 * run.log_norm[-1] + np.log(4) == pytest.approx(np.log(gibbs.sum()), abs=1e-10)


def test_an_edge_is_reported() -> None:
    problem = qd.Problem(
        qd.Grid((-2, 2), 6), lambda w: 0 * w[:, 0], 0.5, clock="real", duration=2.0, initial=qd.Gaussian(0, 0.3)
    )
    with pytest.warns(qd.EdgeWeightWarning, match="edge of its box"):
        run = qd.evolve(problem, qd.SplitStep(10))
    assert run.diagnostics["edge_weight"][-1] > 1e-3 > run.diagnostics["edge_weight"][0]


def test_functions_of_wide_registers_and_in_single_precision_are_observed() -> None:
    """Numbers of points beyond exact floating-point numbers, and values that add up in another order for other points."""
    wide = qd.Problem(qd.Grid([(-8, 8)] * 2, 29), lambda w: (w**2).sum(axis=1), 0.5, clock="real", duration=0.1)
    spins = qd.Problem.from_operator({"Z" + "I" * 99: 1.0}, clock="real", duration=1.0)
    rng = np.random.default_rng(1)
    inner, outer = rng.normal(size=(2, 300)).astype(np.float32), rng.normal(size=300).astype(np.float32)
    asked = {"x": lambda w: w[:, 0], "net": lambda w: np.tanh(w[:, :2].astype(np.float32) @ inner) @ outer}
    for problem in (wide, spins):
        assert [each.name for each in read_observables(asked, problem)] == ["x", "net"]


CHANCE = np.random.default_rng(4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": qd.SplitStep}, "Argument `method` must be a method"),
        ({"method": "trotter"}, "Argument `method` must be a method"),
        ({"shots": 0}, "Argument `shots` must be an integer between 1"),
        ({"shots": 2.5}, "Argument `shots` must be an integer"),
        ({"seed": -1}, "Argument `seed` must be an integer"),
        ({"backend": "are"}, "Did you mean 'aer'"),
        ({"backend": 3}, "Argument `backend` must be a name or a backend object"),
        ({"observables": {"energy": lambda w: w[:, 0]}}, "Argument `observables` must not name energy"),
        ({"observables": [lambda w: w[:, 0]]}, "Argument `observables` must be a dictionary"),
        ({"observables": {"a": lambda w: 3.0}}, r"Argument `observables\['a'\]` must return shape"),
        ({"observables": {"a": lambda k: np.nan * k[:, 0]}}, r"Argument `observables\['a'\]` must be finite"),
        (
            {"observables": {"a": lambda w: w[:, 0] - w[:, 0].mean()}},
            r"`observables\['a'\]` must have one value at a point",
        ),
        (
            {"observables": {"a": lambda w: CHANCE.random(len(w))}},
            r"`observables\['a'\]` must have one value at a point",
        ),
        ({"observables": {"a": SparsePauliOp("XX")}}, "must act on 7 qubits, but 'a' acts on 2"),
    ],
)
def test_bad_arguments_are_named(problem: qd.Problem, changes: dict, message: str) -> None:
    arguments = {"method": qd.Trotter(2), "backend": "aer", **changes}
    with pytest.raises(qd.QMLDynamicsError, match=message):
        qd.evolve(problem, arguments.pop("method"), **arguments)


def test_a_circuit_method_is_refused_on_the_imaginary_clock(problem: qd.Problem) -> None:
    with pytest.raises(qd.MethodError, match="must run on the imaginary clock"):
        qd.evolve(problem.replace(clock="imaginary"), qd.Trotter(2))
    with pytest.raises(qd.MethodError, match="must run on the imaginary clock"):
        qd.circuits(problem.replace(clock="imaginary"), qd.Trotter(2))


def test_what_cannot_fit_is_refused_with_the_bytes_it_needs() -> None:
    huge = qd.Problem(qd.Grid([(-1, 1)] * 3, 14), lambda w: w[:, 0], 0.5, clock="real", duration=1.0)
    with pytest.raises(qd.MethodError, match=r"needs .* TiB of memory, but .* are available"):
        qd.evolve(huge, qd.SplitStep(1))


INTERRUPTED = """
import signal, sys, numpy as np, qml_dynamics as qd
problem = qd.Problem(qd.Grid([(-6, 6)] * 2, 8), lambda w: (w**2).sum(axis=1), 0.5, clock="real", duration=100.0)
def say(step, view):
    if step == 3:
        print("running", flush=True)
run = qd.evolve(problem, qd.SplitStep(100_000), save=2001, callback=say)
signal.signal(signal.SIGINT, signal.SIG_IGN)  # keys that are pressed again do not cut what is saved
print(len(run.times), run.times[-1], run.stop, flush=True)
run.save(sys.argv[1])
"""


def _interrupted(child: subprocess.Popen[str]) -> str:
    """What it says after Ctrl-C; Python drops a signal that arrives inside a finaliser: a person presses the keys again."""
    for _ in range(20):
        child.send_signal(signal.SIGINT)
        try:
            return child.communicate(timeout=30)[0]
        except subprocess.TimeoutExpired:
            continue
    raise AssertionError("twenty interrupts did not end the child")


def test_an_interrupt_keeps_what_was_done(tmp_path: object) -> None:
    target = tmp_path / "partial.npz"
    command = [sys.executable, "-W", "ignore", "-c", INTERRUPTED, str(target)]
    child = interruptible(command, stdout=subprocess.PIPE)
    try:
        assert child.stdout.readline().strip() == "running"
        time.sleep(0.3)
        out = _interrupted(child)
    finally:
        child.kill()
    count, last, sentence = out.split(maxsplit=2)
    assert "Interrupted from the keyboard" in sentence
    assert 1 <= int(count) < 2001
    run = qd.load(target)
    assert len(run.states) == int(count)
    assert run.times[-1] == float(last) < 100.0
    assert np.allclose(np.abs(run.states[-1] ** 2).sum(), 1)


def test_what_no_run_can_use_is_named(problem: qd.Problem) -> None:
    from qml_dynamics.runs.problem_file import read_problem

    with pytest.raises(qd.MethodError, match=r"`callback` must be a function of \(step, view\), but is 3"):
        qd.evolve(problem, qd.SplitStep(2), callback=3)
    with pytest.raises(qd.ProblemError, match="`b` must be a trajectory"):
        qd.compare(qd.evolve(problem, qd.SplitStep(2)), None)
    with pytest.raises(qd.ProblemError, match="`path` must be a file or a folder"):
        read_problem(3)


def test_a_wide_operator_needs_no_wave_to_be_stated() -> None:
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wide = qd.Problem.from_operator(
        PauliSum(30, np.array([0]), np.array([1]), np.array([1.0])),
        clock="real",
        duration=1.0,
    )
    assert wide.domain.num_qubits == 30
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB
