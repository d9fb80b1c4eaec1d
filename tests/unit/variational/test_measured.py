"""The measured mode: estimates against the exact engine, batches, seeds, errors, the bound, and resumed runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import PauliEvolutionGate, QFTGate, efficient_su2
from qiskit.quantum_info import SparsePauliOp, Statevector
from scipy.linalg import expm

import qml_dynamics as qd
from qml_dynamics.base.errors import MethodError, SynthesisChangedWarning
from qml_dynamics.methods.job import convert
from qml_dynamics.methods.variational.engine.bound import angle_between
from qml_dynamics.methods.variational.engine.flow import Flow
from qml_dynamics.methods.variational.measured import run as measured
from qml_dynamics.methods.variational.measured.device import Device, circuits_per_step
from qml_dynamics.methods.variational.measured.outcomes import ask, of_counts
from qml_dynamics.methods.variational.measured.readings import squared
from qml_dynamics.methods.variational.measured.rotations import read_rotations
from qml_dynamics.methods.variational.options import Cutoff, Growth
from qml_dynamics.model.hamiltonians import hamiltonian
from qml_dynamics.model.pauli import pauli_sum
from qml_dynamics.results.sampling import draw
from qml_dynamics.results.trajectory import Counts
from qml_dynamics.runs.checkpoint import Checkpoint

OPERATOR = SparsePauliOp(["ZZ", "XI", "IX", "YZ"], [-1, 0.6, 0.5, 0.3])


class Recorder:
    """A real backend that remembers what it was sent, and may send it on in pieces."""

    exact, noisy, seeding = True, False, "circuit"

    def __init__(self, piece: int | None = None, fail_at: int | None = None) -> None:
        self.inner, self.piece, self.fail_at = qd.backend("aer"), piece, fail_at
        self.batches: list[int] = []
        self.widths: set[int] = set()

    name = "recorder"

    def states(self, pieces: Any, on_step: Any) -> Any:
        return self.inner.states(pieces, on_step)

    def probabilities(self, circuits: Sequence[QuantumCircuit]) -> list[np.ndarray]:
        self.batches.append(len(circuits))
        return self.inner.probabilities(circuits)

    def sample(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        if self.fail_at == len(self.batches):
            raise KeyboardInterrupt
        self.batches.append(len(circuits))
        self.widths |= {c.num_qubits for c in circuits}
        step = self.piece or len(circuits)
        out: list[Counts] = []
        for start in range(0, len(circuits), step):
            part = slice(start, start + step)
            out += self.inner.sample(circuits[part], shots, seeds[part])
        return out

    def describe(self) -> dict[str, Any]:
        return {"name": self.name}


def small(seed: int = 3) -> qd.ansatz.CircuitAnsatz:
    """Two qubits, three parameters: one shared with two scales, one in a product, one of a controlled gate."""
    a, b, c = (Parameter(name) for name in "abc")
    circuit = QuantumCircuit(2)
    circuit.ry(2 * a + 0.3, 0)
    circuit.ry(-a, 1)
    circuit.cx(0, 1)
    circuit.rz(b * c, 0)
    circuit.crx(c, 1, 0)
    return qd.ansatz.from_circuit(circuit, np.random.default_rng(seed).normal(size=3))


def on_operator(clock: str, ansatz: Any, duration: float = 0.4) -> qd.Problem:
    return qd.Problem.from_operator(OPERATOR, clock=clock, duration=duration, initial=ansatz.state())


def well(clock: str, boundary: str = "periodic") -> qd.Problem:
    return qd.Problem(
        qd.Grid((-2, 2), 2, boundary=boundary),
        lambda w: w[:, 0] ** 2 + 0.3 * w[:, 0],
        qd.Geometric(0.5, 0.2),
        clock=clock,
        duration=0.4,
        initial=qd.Gaussian(0.3, 0.7),
    )


def spins(clock: str) -> qd.Problem:
    return qd.Problem(qd.Hypercube(3), lambda w: w[:, 0] * w[:, 1] - 0.4 * w[:, 2], 0.7, clock=clock, duration=0.4)


def cases(clock: str) -> list[tuple[qd.Problem, Any]]:
    twisted = qd.Problem(
        qd.Grid([(-2, 2), (-1, 2)], [1, 2], twist=0.3),
        lambda w: w[:, 0] ** 2 + 0.3 * w[:, 0] * w[:, 1],
        0.3,
        clock=clock,
        duration=0.4,
    )
    return [
        (on_operator(clock, small()), small()),
        (well(clock), qd.ansatz.hamiltonian(1)),
        (well(clock, "walls"), qd.ansatz.hamiltonian(1)),
        (spins(clock), qd.ansatz.hamiltonian(1, separate=True)),
        (twisted, qd.ansatz.hardware_efficient(1, ("ry", "rz"))),
    ]


def go(problem: qd.Problem, method: qd.Variational, checkpoint: Any = None, **options: Any) -> dict[str, Any]:
    """A measured run from exact probabilities, if no shots are given."""
    given = {"backend": "statevector", "shots": None, "seed": 1, "save": None, **options}
    job = convert(
        problem,
        method,
        given["backend"],
        given["shots"],
        given["seed"],
        given["save"],
        None,
        given.get("callback"),
        False,
        checkpoint,
    )
    return vars(measured.run_measured(job, method))


@pytest.mark.parametrize("clock", ["imaginary", "real"])
@pytest.mark.parametrize(
    ("case", "kind"),
    [(0, "shift"), (0, "hadamard"), (1, "shift"), (2, "hadamard"), (3, "shift"), (3, "hadamard"), (4, "hadamard")],
)
def test_with_exact_probabilities_everything_equals_the_exact_engine(clock: str, case: int, kind: str) -> None:
    problem, ansatz = cases(clock)[case]
    h = hamiltonian(problem)
    device = Device(problem, h, qd.Variational(ansatz, 1, metric=kind))
    theta = device.theta0 + np.random.default_rng(case).normal(size=len(device.theta0)) * 0.4
    requests = device.requests(theta, lambda *key: 1)
    found = ask(qd.backend("aer"), [r.build() for r in requests], None, [])
    point = device.read({r.key: o for r, o in zip(requests, found)}, 0.1, theta, lambda *key: 1)
    exact = Flow(device.program, h, clock == "imaginary", 1e-6).at(0.1, theta)
    assert np.abs(exact.metric).max() > 0.1
    assert np.abs(exact.force).max() > 0.05
    close = {"rel": 1e-9, "abs": 1e-9}  # sums over up to a hundred readings
    assert point.metric.value == pytest.approx(exact.metric, **close)
    assert point.force.value == pytest.approx(exact.force, **close)
    assert point.energy.value == pytest.approx(exact.energy, **close)
    assert point.variance is not None
    assert point.variance == pytest.approx((exact.variance, 0.0), **close)
    assert point.metric.noise == 0


@pytest.mark.parametrize("clock", ["imaginary", "real"])
@pytest.mark.parametrize("integrator", ["euler", pytest.param("rk4", marks=pytest.mark.slow)])
def test_the_same_path_as_the_exact_engine_in_the_limit_of_many_shots(clock: str, integrator: str) -> None:
    ansatz = small()
    problem = on_operator(clock, ansatz, 0.15)  # steps of Euler's rule so short that none raises the energy
    method = qd.Variational(ansatz, 6, integrator, regularisation=1e-5)
    exact = qd.evolve(problem, method, save=3)
    found = go(problem, method, save=3, backend="aer")
    assert np.abs(exact.parameters[-1] - exact.parameters[0]).max() > 0.05
    # the solve divides by 1e-5, so that the last digits of metric and force come back 1e5 times larger
    assert found["parameters"] == pytest.approx(exact.parameters, abs=1e-6)
    assert np.asarray(found["expectations"]["energy"]) == pytest.approx(np.asarray(exact.expectations["energy"]))
    assert found["diagnostics"]["residual"] == pytest.approx(exact.diagnostics["residual"], abs=1e-5)
    if integrator == "euler":
        assert found["log_norm"] == pytest.approx(exact.log_norm, abs=1e-7)
    assert found["diagnostics"]["bound_pieces"]["shots"][-1] < 1e-7  # the residual is the root of a difference
    assert found["density"] == pytest.approx(exact.density)


def distributions(device: Device, theta: np.ndarray) -> tuple[list[Any], list[np.ndarray]]:
    requests = device.requests(theta, lambda *key: 1)
    return requests, qd.backend("aer").probabilities([r.build() for r in requests])


Scores = dict[str, tuple[np.ndarray, np.ndarray]]


def deviations(problem: qd.Problem, ansatz: Any, kind: str, shots: int, repeats: int) -> Scores:
    """Deviations from the exact values and their standard errors, for repeated samples of all circuits of a step."""
    h = hamiltonian(problem)
    device = Device(problem, h, qd.Variational(ansatz, 1, metric=kind))
    theta = device.theta0 + np.random.default_rng(5).normal(size=len(device.theta0)) * 0.5
    requests, exact_probabilities = distributions(device, theta)
    exact = Flow(device.program, h, problem.clock == "imaginary", 1e-6).at(0.1, theta)
    upper = np.triu_indices(len(theta))
    out: dict[str, list[tuple[Any, Any]]] = {"metric": [], "force": [], "energy": [], "variance": []}
    for n in range(repeats):
        counts = [of_counts(draw(p, shots, 7919 * n + j)) for j, p in enumerate(exact_probabilities)]
        point = device.read({r.key: c for r, c in zip(requests, counts)}, 0.1, theta, lambda *key: 1)
        metric, force, variance = point.metric, point.force, point.variance
        assert variance is not None
        out["metric"].append(((metric.value - exact.metric)[upper], metric.stderr[upper]))
        out["force"].append((force.value - exact.force, np.sqrt(np.diag(force.covariance))))
        out["energy"].append(([point.energy.value - exact.energy], [point.energy.stderr]))
        out["variance"].append(([variance[0] - exact.variance], [np.sqrt(variance[1])]))
    return {name: (np.array([a for a, _ in rows]), np.array([b for _, b in rows])) for name, rows in out.items()}


def check_scores(scores: Scores, low: float, high: float) -> None:
    for name, (off, error) in scores.items():
        moving = off.std(axis=0) > 1e-9  # entries that are the same in every sample: their waves are eigenstates
        assert np.abs(off[:, ~moving]).max(initial=0.0) < 1e-4
        off, error = off[:, moving], error[:, moving]
        covered = float(np.mean(np.abs(off) < 2 * error))
        assert low < covered < high, f"{name}: {covered}"
        bias = off.mean(axis=0) / (off.std(axis=0) / np.sqrt(len(off)))
        assert np.abs(bias).max() < 4.5, f"{name}: mean off by {bias} standard errors"


@pytest.mark.parametrize(("clock", "kind", "case"), [("imaginary", "shift", 0), ("real", "hadamard", 1)])
def test_estimates_are_unbiased_and_their_errors_cover(clock: str, kind: str, case: int) -> None:
    problem, ansatz = cases(clock)[case]
    scores = deviations(problem, ansatz, kind, 500, 150)
    check_scores(scores, 0.88, 0.995)
    assert set(scores) == {"metric", "force", "energy", "variance"}


@pytest.mark.slow
@pytest.mark.parametrize("clock", ["imaginary", "real"])
@pytest.mark.parametrize("kind", ["shift", "hadamard"])
@pytest.mark.parametrize("case", range(5))
def test_estimates_are_unbiased_and_their_errors_cover_everywhere(clock: str, kind: str, case: int) -> None:
    problem, ansatz = cases(clock)[case]
    scores = deviations(problem, ansatz, kind, 1000, 500)
    check_scores(scores, 0.90, 0.99)
    assert set(scores) == {"metric", "force", "energy", "variance"}


def test_spsa_has_the_metric_as_its_mean() -> None:
    ansatz = small()
    problem = on_operator("imaginary", ansatz)
    device = Device(problem, hamiltonian(problem), qd.Variational(ansatz, 1, metric="spsa", resamplings=300))
    exact = Flow(device.program, hamiltonian(problem), True, 1e-6).at(0.0, device.theta0)
    requests = [r for r in device.requests(device.theta0, lambda *key: 4) if r.key[0] == 2]
    assert len(requests) == 4 * 300
    seen = dict(
        zip((r.key for r in requests), ask(qd.backend("aer"), [r.build() for r in requests], 4000, range(1200)))
    )
    metric = device._metric(device.sequence.jacobian(device.theta0), seen, lambda *key: 4, True)
    assert np.abs(exact.metric).max() > 0.5
    tolerance = 4 * metric.stderr + 0.1 * np.abs(exact.metric).max()  # the finite length's own bias is of this order
    assert np.all(np.abs(metric.value - exact.metric) < tolerance)
    assert np.all(metric.stderr < 0.1)


@pytest.mark.parametrize("clock", ["imaginary", "real"])
@pytest.mark.parametrize(("kind", "integrator"), [("shift", "euler"), ("hadamard", "rk4"), ("spsa", "euler")])
def test_a_step_is_as_many_circuits_as_announced_in_one_batch(clock: str, kind: str, integrator: str) -> None:
    ansatz = small()
    problem, backend = on_operator(clock, ansatz), Recorder()
    method = qd.Variational(ansatz, 3, integrator, metric=kind, resamplings=3)
    run = qd.evolve(problem, method, backend=backend, shots=50, seed=1, save=[0.4])
    stages = 4 if integrator == "rk4" else 1
    *steps, last = backend.batches
    assert len(backend.batches) == 3 * stages + 1
    for start in range(0, len(steps), stages):
        assert sum(steps[start : start + stages]) == circuits_per_step(problem, method)
    reported = 1 + 3  # at the saved time: the weight basis and the groups of H, in the same batch
    assert last == steps[0] + reported
    assert run.diagnostics["circuits"] == sum(backend.batches) - reported
    assert len(backend.widths) == 1  # ancilla or not, all circuits of a batch are equally wide
    assert run.counts["weight"][-1].shots == 50


def test_numbers_of_circuits_follow_the_formulas() -> None:
    circuit = QuantumCircuit(2)
    a, b, c = (Parameter(name) for name in "abc")
    circuit.ry(a, 0)
    circuit.ry(b, 1)
    circuit.rzz(c, 0, 1)
    ansatz = qd.ansatz.from_circuit(circuit, [0.1, 0.2, 0.3])
    bases, squares, rotations = 2, 3, 3
    operator = SparsePauliOp(["ZI", "IX"], [1.0, 0.5])
    for clock, force in (("imaginary", 2 * rotations), ("real", rotations)):
        problem = qd.Problem.from_operator(operator, clock=clock, duration=1.0)
        one = len(device_squares(problem))
        assert one <= squares
        groups = len(Device(problem, hamiltonian(problem), qd.Variational(ansatz, 1)).readings.bases)
        assert groups <= bases
        common = groups + one + force * groups
        for kind, metric in (("shift", 2 * 9 - 3), ("hadamard", 6), ("spsa", 40)):
            assert circuits_per_step(problem, qd.Variational(ansatz, 1, metric=kind)) == common + metric


def device_squares(problem: qd.Problem) -> list[Any]:
    from qml_dynamics.methods.variational.measured.readings import Readings

    return Readings(hamiltonian(problem), 2).squares


def test_cost_prints_what_is_sent() -> None:
    ansatz = small()
    problem, backend = on_operator("imaginary", ansatz), Recorder()
    method = qd.Variational(ansatz, 3)
    announced = qd.cost(problem, method, backend="statevector", shots=20, save=3)
    qd.evolve(problem, method, backend=backend, shots=20, seed=1, save=3)
    assert announced.circuits == sum(backend.batches)
    assert announced.circuits_per_step == circuits_per_step(problem, method)
    assert announced.shots == 20 * announced.circuits
    assert f"{announced.circuits_per_step:,} circuits a step" in str(announced)


def test_the_same_seed_gives_the_same_run_whatever_the_batching() -> None:
    ansatz = small()
    problem = on_operator("real", ansatz)
    method = qd.Variational(ansatz, 2)
    runs = [qd.evolve(problem, method, backend=Recorder(n), shots=100, seed=8) for n in (None, 7)]
    other = qd.evolve(problem, method, backend=Recorder(), shots=100, seed=9)
    assert np.array_equal(runs[0].parameters, runs[1].parameters)
    assert np.array_equal(np.asarray(runs[0].expectations["energy"]), np.asarray(runs[1].expectations["energy"]))
    assert np.abs(runs[0].parameters[-1] - other.parameters[-1]).max() > 1e-6


def same(first: Any, second: Any) -> bool:
    return np.array_equal(np.asarray(first), np.asarray(second))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "integrator"), [("hadamard", "euler"), ("spsa", "rk4")])
def test_an_interrupted_run_goes_on_bit_by_bit(kind: str, integrator: str, tmp_path: Path) -> None:
    ansatz = small()
    problem = on_operator("imaginary", ansatz)
    method = qd.Variational(ansatz, 6, integrator, metric=kind, resamplings=2)
    save = [0.0, 0.1, 0.4]
    whole = qd.evolve(problem, method, backend=Recorder(), shots=60, seed=3, save=save)
    stages = 4 if integrator == "rk4" else 1
    broken = Recorder(fail_at=4 * stages)
    part = qd.evolve(problem, method, backend=broken, shots=60, seed=3, save=save, checkpoint=Checkpoint(tmp_path))
    assert part.stop.startswith("Interrupted")
    assert len(part.times) == 2
    rest = Recorder()
    resumed = qd.evolve(problem, method, backend=rest, shots=60, save=save, checkpoint=Checkpoint(tmp_path))
    total = len(broken.batches) + len(rest.batches)
    once = len(whole.diagnostics["times"]) * stages - (stages - 1)
    assert total == once + (stages - 1)  # only the stages of the broken step are sent again
    assert same(resumed.parameters, whole.parameters)
    assert same(resumed.log_norm, whole.log_norm)
    for name in ("energy", "theta", "theta_stderr", "bound", "residual", "regularisation"):
        assert same(resumed.diagnostics[name], whole.diagnostics[name])
    for name, pieces in whole.diagnostics["bound_pieces"].items():
        assert same(resumed.diagnostics["bound_pieces"][name], pieces)
    assert whole.counts is not None
    assert resumed.counts is not None
    for mine, its in zip(resumed.counts["weight"], whole.counts["weight"]):
        assert same(mine.index, its.index)
        assert same(mine.count, its.count)
    assert resumed.provenance["seed"] == 3
    again = qd.evolve(
        problem, method, backend=(idle := Recorder()), shots=60, save=save, checkpoint=Checkpoint(tmp_path)
    )
    assert not idle.batches
    assert same(again.parameters, whole.parameters)


def test_a_checkpoint_belongs_to_its_circuit(tmp_path: Path) -> None:
    """Circuits with the same angles and other gates; the circuit in other words is the same."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter

    p, q = Parameter("p"), Parameter("q")

    def ansatz(last: str, opened: bool = False) -> Any:
        circuit = QuantumCircuit(2)
        circuit.ry(p, 0)
        if opened:
            circuit.h(1), circuit.cz(0, 1), circuit.h(1)
        else:
            circuit.cx(0, 1)
        getattr(circuit, last)(q, 1)
        return qd.ansatz.from_circuit(circuit, (0.3, 0.4))

    problem = qd.Problem.from_operator(
        [[1, 0, 0.2, 0], [0, -1, 0.5, 0], [0.2, 0.5, 0, 0], [0, 0, 0, 2]], clock="imaginary", duration=0.2
    )
    ask: dict[str, Any] = {"backend": "statevector", "shots": 50, "seed": 3}
    box = Checkpoint(tmp_path)
    first = qd.evolve(problem, qd.Variational(ansatz("rx"), 2), checkpoint=box, **ask)
    with pytest.raises(MethodError, match="`checkpoint` must belong to this problem"):
        qd.evolve(problem, qd.Variational(ansatz("ry"), 2), checkpoint=box, **ask)
    with pytest.warns(SynthesisChangedWarning):
        again = qd.evolve(problem, qd.Variational(ansatz("rx", opened=True), 2), checkpoint=box, **ask)
    assert same(again.parameters, first.parameters)
    assert np.abs(first.parameters[-1] - first.parameters[0]).max() > 0.01


def test_an_interrupt_in_a_callback_is_resumed_too(tmp_path: Path) -> None:
    ansatz = small()
    problem = on_operator("real", ansatz)
    method = qd.Variational(ansatz, 4)

    def interrupt(step: int, view: Any) -> None:
        assert view.state is None
        assert view.energy.stderr > 0
        if step == 2:
            raise KeyboardInterrupt

    whole = qd.evolve(problem, method, backend="statevector", shots=60, seed=3)
    options: dict[str, Any] = {"backend": "statevector", "shots": 60, "checkpoint": Checkpoint(tmp_path)}
    qd.evolve(problem, method, seed=3, callback=interrupt, **options)
    assert same(qd.evolve(problem, method, **options).parameters, whole.parameters)


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    ansatz = small()
    problem = on_operator("real", ansatz)
    options: dict[str, Any] = {"backend": "statevector", "seed": 3, "checkpoint": Checkpoint(tmp_path)}
    qd.evolve(problem, qd.Variational(ansatz, 2), shots=60, **options)
    with pytest.raises(MethodError, match="`checkpoint` must belong to this problem"):
        qd.evolve(problem, qd.Variational(ansatz, 2), shots=61, **options)
    with pytest.raises(MethodError, match="`checkpoint` must belong to this problem"):
        qd.evolve(problem, qd.Variational(ansatz, 2, metric="hadamard"), shots=60, **options)


def test_the_callback_and_the_budget_end_a_run_with_a_report_there() -> None:
    ansatz = small()
    problem = on_operator("imaginary", ansatz)
    stopped = qd.evolve(
        problem,
        qd.Variational(ansatz, 4),
        backend="statevector",
        shots=50,
        seed=1,
        callback=lambda step, view: step == 1,
    )
    assert stopped.times.tolist() == [0.0, 0.1]
    assert "callback" in stopped.stop
    spent = qd.evolve(problem, qd.Variational(ansatz, 4, max_evaluations=3), backend="statevector", shots=50, seed=1)
    assert spent.times.tolist() == pytest.approx([0.0, 0.2])
    assert spent.diagnostics["evaluations"] == 3
    assert spent.stop == "budget of 3 evaluations spent at t = 0.2"


@pytest.mark.parametrize("clock", ["imaginary", pytest.param("real", marks=pytest.mark.slow)])
def test_the_bound_is_above_the_true_angle_and_names_the_shots(clock: str) -> None:
    ansatz = qd.ansatz.from_circuit(efficient_su2(2, reps=1), np.random.default_rng(2).normal(size=8))
    problem = on_operator(clock, ansatz)
    exact = expm((-1 if clock == "imaginary" else -1j) * 0.4 * OPERATOR.to_matrix()) @ ansatz.state()
    assert angle_between(exact / np.linalg.norm(exact), ansatz.state()) > 0.2
    method = qd.Variational(ansatz, 8, metric="hadamard", regularisation=1e-3)
    for seed in range(4):
        run = qd.evolve(problem, method, backend="aer", shots=2000, seed=seed)
        found = run.diagnostics
        true = angle_between(exact / np.linalg.norm(exact), ansatz.state(run.parameters[-1]))
        assert 0 < true < found["bound"][-1]
        assert sum(pieces[-1] for pieces in found["bound_pieces"].values()) == pytest.approx(found["bound"][-1])
        assert found["bound_pieces"]["shots"][-1] > 0
        assert found["dominates"] == "shots"
        assert np.all(found["regularisation"] >= found["metric_noise"])
        assert np.all(found["regularisation"] >= 1e-3)
    many = qd.evolve(problem, method, backend="aer", shots=2_000_000, seed=1).diagnostics
    assert many["bound_pieces"]["shots"][-1] < 0.3 * found["bound_pieces"]["shots"][-1]
    assert many["bound"][-1] < 0.5 * found["bound"][-1]
    assert many["dominates"] == "step"


@pytest.mark.parametrize("clock", ["imaginary", "real"])
def test_the_errors_of_theta_are_its_spread(clock: str) -> None:
    ansatz = small()
    problem = on_operator(clock, ansatz, 0.1)
    method = qd.Variational(ansatz, 1, metric="hadamard", regularisation=0.05)
    device = Device(problem, hamiltonian(problem), method)
    requests, exact = distributions(device, device.theta0)
    velocities, errors = [], []
    for n in range(300):
        counts = [of_counts(draw(p, 3000, 104729 * n + j)) for j, p in enumerate(exact)]
        point = device.read({r.key: c for r, c in zip(requests, counts)}, 0.0, device.theta0, lambda *key: 1)
        velocities.append(point.velocity)
        errors.append(np.sqrt(np.diag(point.solved.covariance)))
    ratio = np.std(velocities, axis=0) / np.mean(errors, axis=0)
    assert np.abs(np.mean(velocities, axis=0)).max() > 0.1
    assert np.all(ratio > 0.85)
    assert np.all(ratio < 1.15)


def test_errors_shrink_with_the_shots_and_reach_theta_and_energy() -> None:
    ansatz = small()
    problem = on_operator("imaginary", ansatz)
    method = qd.Variational(ansatz, 3, metric="hadamard", regularisation=0.05)
    few, many = (qd.evolve(problem, method, backend="aer", shots=n, seed=5).diagnostics for n in (500, 50_000))
    assert np.all(few["theta_stderr"][0] == 0)
    assert np.all(np.diff(few["theta_stderr"], axis=0) > 0)
    ratio = few["theta_stderr"][-1] / many["theta_stderr"][-1]
    assert np.all((ratio > 3) & (ratio < 20))  # fewer shots, more regularisation, less than a factor of ten
    assert few["energy_stderr"][-1] / many["energy_stderr"][-1] == pytest.approx(10, rel=0.2)
    assert few["energy_flow_stderr"][-1] > few["energy_stderr"][-1]


def test_imaginary_time_on_one_qubit_is_the_sigmoid() -> None:
    """``exp(-tau z Z / 2)`` on the uniform wave: the probability of the lower level is the sigmoid of 2 tau z."""
    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("angle"), 0)
    ansatz = qd.ansatz.from_circuit(circuit, [np.pi / 2])
    problem = qd.Problem.from_operator(np.diag([0.35, -0.35]), clock="imaginary", duration=1.0, initial=ansatz.state())
    run = qd.evolve(problem, qd.Variational(ansatz, 40, regularisation=1e-9), backend="aer", shots=20_000, seed=3)
    exact = 1 / (1 + np.exp(-4 * 0.35))
    assert exact > 0.75
    error = 0.5 * abs(np.sin(run.parameters[-1, 0])) * run.diagnostics["theta_stderr"][-1, 0]
    assert np.sin(run.parameters[-1, 0] / 2) ** 2 == pytest.approx(exact, abs=4 * error + 0.005)
    assert run.density[-1][1] == pytest.approx(exact, abs=0.03)
    assert run.log_norm[-1] == pytest.approx(0.5 * np.log(np.cosh(0.7)), abs=0.02)


@pytest.mark.filterwarnings("ignore::scipy.sparse.SparseEfficiencyWarning")
def test_any_gate_is_split_into_turns() -> None:
    t = [Parameter(f"t{k}") for k in range(5)]
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.append(QFTGate(3), [0, 1, 2])
    circuit.crx(t[0] * 2, 0, 2)
    circuit.cp(t[1], 1, 2)
    circuit.mcp(t[2] + 0.3, [0, 1], 2)
    circuit.u(t[3], 0.2, t[0] ** 2, 1)
    circuit.append(PauliEvolutionGate(SparsePauliOp(["XYZ", "ZZI"], [0.3, 0.7]), time=t[4]), [0, 1, 2])
    circuit.ccz(0, 1, 2)
    circuit.measure_all()
    theta = np.random.default_rng(0).normal(size=5)
    sequence = read_rotations(circuit)
    assert sequence.num_rotations == 8
    mine = QuantumCircuit(3)
    amounts = sequence.amounts(theta)
    sequence.append(mine, amounts, 0, len(sequence.steps))
    bare = circuit.remove_final_measurements(inplace=False).assign_parameters(theta)
    overlap = np.vdot(Statevector(bare).data, Statevector(mine).data)
    assert abs(overlap) == pytest.approx(1)
    sequence.undo(mine, amounts, len(sequence.steps))
    assert abs(Statevector(mine).data[0]) == pytest.approx(1)
    slope = (sequence.amounts(theta + 1e-6) - sequence.amounts(theta - 1e-6))[list(sequence.places)] / 2e-6
    assert sequence.jacobian(theta).sum(axis=1) == pytest.approx(slope, abs=1e-7)


def test_a_start_beside_the_initial_wave_is_told() -> None:
    ansatz = small()
    problem = qd.Problem.from_operator(OPERATOR, clock="real", duration=0.1)
    with pytest.warns(UserWarning, match="starts at an angle of"):
        run = qd.evolve(problem, qd.Variational(ansatz, 1), backend="aer", shots=50, seed=1)
    angle = angle_between(ansatz.state(), np.full(4, 0.5))
    assert angle > 0.1
    assert run.diagnostics["bound_pieces"]["start"][0] == pytest.approx(angle)
    assert run.diagnostics["start_angle"] == pytest.approx(angle)


def test_squares_of_operators() -> None:
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=(8, 8)) + 1j * rng.normal(size=(8, 8))
    matrix = matrix + matrix.conj().T
    assert squared(pauli_sum(matrix)).matrix() == pytest.approx(matrix @ matrix)


def test_a_cutoff_and_a_solver_of_ones_own() -> None:
    ansatz = small()
    problem = on_operator("imaginary", ansatz)
    cut = qd.evolve(problem, qd.Variational(ansatz, 2, regularisation=Cutoff(1e-4)), backend="aer", shots=500, seed=1)
    assert np.all(cut.diagnostics["regularisation"] >= cut.diagnostics["metric_noise"] * (1 - 1e-9))
    seen: list[np.ndarray] = []

    def own(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        seen.append(a)
        return np.linalg.solve(a + 0.1 * np.eye(3), b)

    run = qd.evolve(problem, qd.Variational(ansatz, 2, regularisation=own), backend="aer", shots=500, seed=1)
    assert seen[0].shape == (3, 3)
    assert run.parameters[1] != pytest.approx(run.parameters[0], abs=1e-3)


def test_options_that_do_not_fit_are_refused() -> None:
    ansatz = small()
    problem = on_operator("imaginary", ansatz)
    options: dict[str, Any] = {"backend": "statevector", "shots": 10, "seed": 1}
    with pytest.raises(MethodError, match="`integrator` must be 'euler' or 'rk4'"):
        qd.evolve(problem, qd.Variational(ansatz, 2, "rk45"), **options)
    with pytest.raises(MethodError, match="`grow` must be None"):
        qd.evolve(problem, qd.Variational(ansatz, 2, grow=Growth()), **options)
    with pytest.raises(MethodError, match="`checkpoint` must be None"):
        qd.evolve(problem, qd.Variational(ansatz, 2), checkpoint=Checkpoint("nowhere"))
    with pytest.raises(MethodError, match="`shots` must be at least 2"):
        qd.evolve(problem, qd.Variational(ansatz, 2), backend="statevector", shots=1)
    with pytest.raises(MethodError, match="Did you mean 'hadamard'"):
        qd.Variational(ansatz, 2, metric="hadamrd")
    with pytest.raises(MethodError, match="`resamplings` must be an integer between 2"):
        qd.Variational(ansatz, 2, metric="spsa", resamplings=1)
    with pytest.raises(MethodError, match="as many qubits as the problem, 3"):
        qd.evolve(spins("imaginary"), qd.Variational(ansatz, 2), **options)
