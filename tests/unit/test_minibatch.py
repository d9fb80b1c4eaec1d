"""Mini-batch learning: the batches, circuits against split steps on the same batches, the averages, and what is refused."""

from __future__ import annotations

from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.base.codec import method_from_spec, method_spec
from qml_dynamics.learning.minibatch import averaged_state, draw_batches, noise
from qml_dynamics.learning.minibatch.channel import _Coherence
from qml_dynamics.methods.minibatch import parts
from qml_dynamics.model.objectives import batch_values, from_rows, row_covariance
from qml_dynamics.model.objectives.rows import row_table

ROOT = Path(__file__).parents[2] / "circuits"
SLOPES = np.array([1.0, -0.3, 0.5, 2.0, 0.1])
LOSS = from_rows(lambda w, index: w[:, [0]] * SLOPES[index] + 0.1 * w[:, [0]] ** 2 * index, 5, "tilted")
LINE = qd.Problem(qd.Grid((-6, 6), 5), LOSS, 0.4, clock="real", duration=0.9, initial=qd.Gaussian(0.7, 1.0))
WALLS = LINE.replace(domain=qd.Grid((-4, 5), 4, boundary="walls"))
SPINS = qd.Problem(
    qd.Hypercube(3),
    from_rows(lambda w, index: w[:, [0]] * SLOPES[index] - w[:, [1]] * w[:, [2]] * SLOPES[::-1][index], 5),
    qd.Linear(0.9, 0.2),
    clock="real",
    duration=1.1,
)
CASES = {"line": LINE, "walls": WALLS, "spins": SPINS}


@pytest.fixture
def neuron() -> qd.Problem:
    file = qd.read_problem(ROOT / "iris_neuron")
    return file.problem.replace(domain=qd.Grid([(-4, 4), (-4, 4)], [3, 2]), diffusion=0.3, duration=1.5)


def test_rows_of_the_models_average_to_the_loss() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(11, 3)), np.arange(11) % 2
    w = rng.normal(size=(4, 3))
    for loss in (
        qd.objectives.neuron(X, y, l2=0.2),
        qd.objectives.perceptron(X, y),
        qd.objectives.perceptron(X, y, loss="error"),
    ):
        assert loss.rows.count == 11
        singles = np.stack([loss.rows.mean(w, np.array([i])) for i in range(11)])
        assert np.allclose(singles.mean(axis=0), loss(w), atol=1e-13)
        assert np.ptp(singles, axis=0).min() > 0.1
        assert np.allclose(loss.rows.mean(w, np.array([2, 2, 7])), (2 * singles[2] + singles[7]) / 3)
        same = type(loss.model) is qd.objectives.Neuron
        alone = qd.objectives.neuron(X[[2, 7]], y[[2, 7]], l2=0.2) if same else None
        if alone is not None:
            assert np.allclose(loss.rows.mean(w, np.array([2, 7])), alone(w))
    net = qd.objectives.network(X, y, hidden=2)
    w = rng.normal(size=(3, net.model.num_weights))
    singles = np.stack([net.rows.mean(w, np.array([i])) for i in range(11)])
    assert np.allclose(singles.mean(axis=0), net(w), atol=1e-13)


def test_rows_follow_a_loss_into_the_unit_box() -> None:
    from dataclasses import replace

    from qml_dynamics.model.objectives import unit_box

    boxed = unit_box(replace(LOSS, bounds=((-6.0, 6.0),), minimum=-4.0))
    y = np.array([[0.1], [0.8]])
    singles = np.stack([boxed.rows.mean(y, np.array([i])) for i in range(5)])
    assert np.allclose(singles.mean(axis=0), boxed(y))
    assert np.allclose(boxed.rows.mean(y, np.array([3])), (LOSS.rows.mean(-6 + 12 * y, np.array([3])) + 4) / 12)


def test_values_and_covariance_over_rows() -> None:
    table = np.stack([batch_values(LOSS, LINE.domain, np.array([i])) for i in range(5)])
    assert np.allclose(batch_values(LOSS, LINE.domain, np.array([0, 3])), table[[0, 3]].mean(axis=0))
    assert np.allclose(table.mean(axis=0), LOSS.on(LINE.domain))
    assert np.allclose(row_covariance(LOSS, LINE.domain), np.cov(table.T, bias=True))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("order", [1, 2, 4])
def test_circuits_and_split_steps_give_the_same_state_on_the_same_batches(name: str, order: int) -> None:
    p = CASES[name]
    method = qd.MiniBatch(4, 2, order, draws=1, seed=5)
    quantum = qd.evolve(p, method)
    classical = qd.evolve(p, qd.MiniBatch(4, 2, order, draws=1, seed=5, classical=True))
    assert np.abs(quantum.states[-1] - classical.states[-1]).max() < 1e-12
    full = qd.evolve(p, qd.SplitStep(4, order))
    assert np.abs(classical.states[-1] - full.states[-1]).max() > 0.02  # the batches do something
    other = qd.evolve(p, qd.MiniBatch(4, 2, order, draws=1, seed=6, classical=True))
    assert np.abs(classical.states[-1] - other.states[-1]).max() > 0.02
    assert quantum.provenance["backend"] == "statevector"
    assert classical.provenance["backend"] is None


@pytest.mark.parametrize("name", CASES)
def test_all_rows_in_every_batch_is_the_product_formula(name: str) -> None:
    p = CASES[name]
    run = qd.evolve(p, qd.MiniBatch(5, 5, 2, draws=2))
    assert np.abs(run.density[-1] - qd.evolve(p, qd.SplitStep(5, 2)).density[-1]).max() < 1e-12
    assert noise(p, qd.MiniBatch(5, 5)) == 0.0
    assert run.expectations["objective"].stderr.max() < 1e-12
    assert np.abs(run.density[-1] - run.density[0]).sum() > 0.05


def test_no_depth_is_added() -> None:
    batch, whole = qd.cost(LINE, qd.MiniBatch(6, 2), shots=10), qd.cost(LINE, qd.Trotter(6), shots=10)
    assert (batch.qubits, batch.gates, batch.two_qubit_gates, batch.depth) == (
        whole.qubits, whole.gates, whole.two_qubit_gates, whole.depth,
    )  # fmt: skip
    assert batch.circuits == 20 * whole.circuits
    assert batch.shots == whole.shots  # they are shared out
    assert qd.cost(LINE, qd.MiniBatch(6, 2, draws=3, classical=True)).transforms == 36


def test_saved_times_change_nothing_at_the_ends_of_steps() -> None:
    method = qd.MiniBatch(6, 2, 2, draws=1, seed=1)
    once, often = qd.evolve(LINE, method), qd.evolve(LINE, method, save=[0.3, 0.45, 0.9])
    assert np.abs(once.states[-1] - often.states[-1]).max() < 1e-12
    assert often.times.tolist() == [0.3, 0.45, 0.9]
    made = qd.circuits(LINE, qd.MiniBatch(6, 2, 2, draws=3, seed=1), [0.45, 0.9])
    assert len(made) == 6
    from qiskit.quantum_info import Statevector

    assert np.abs(Statevector(made[3]).data - once.states[-1]).max() < 1e-12
    assert np.abs(Statevector(made[0]).data - often.states[1]).max() < 1e-12


def test_neighbouring_half_steps_share_a_batch() -> None:
    (row,) = parts(LINE, qd.MiniBatch(3, 2, 2), [0.0, 0.9])
    assert [part.batch for part in row] == [0, None, 1, None, 2, None, 3]
    assert [round(part.amount, 12) for part in row if part.batch is not None] == [0.15, 0.3, 0.3, 0.15]
    cut = parts(LINE, qd.MiniBatch(3, 2, 2), [0.0, 0.3, 0.9])
    assert (cut[0][-1].batch, cut[1][0].batch) == (1, 1)


def test_batches_are_seeded_and_have_the_right_law() -> None:
    method = qd.MiniBatch(4, 3, replacement=False)
    first = draw_batches(LINE, method, 0, 200, 7)
    assert all(len(set(batch.tolist())) == 3 for batch in first)
    assert np.array_equal(first, draw_batches(LINE, method, 0, 200, 7))
    assert not np.array_equal(first, draw_batches(LINE, method, 1, 200, 7))
    assert not np.array_equal(first, draw_batches(LINE, method, 0, 200, 8))
    assert np.array_equal(first[:3], draw_batches(LINE, method, 0, 3, 7))  # longer runs begin alike
    assert np.bincount(np.concatenate(first), minlength=5) == pytest.approx(np.full(5, 120), abs=25)
    again = draw_batches(LINE, qd.MiniBatch(4, 3, replacement=True), 0, 200, 7)
    assert any(len(set(batch.tolist())) < 3 for batch in again)


@pytest.mark.parametrize("replacement", [False, True])
def test_the_channel_is_the_average_over_all_batches(replacement: bool) -> None:
    """One Lie step: every batch enumerated."""
    p = SPINS.replace(initial=qd.State(np.arange(1, 9) * (1 + 0.2j)))
    method = qd.MiniBatch(1, 2, 1, replacement=replacement)
    batches = list(product(range(5), repeat=2)) if replacement else list(combinations(range(5), 2))
    psi = p.initial.vector(p.domain).reshape(-1)
    h = qd.hamiltonian(p)
    area = p.diffusion.integral(0.0, 1.1, 1.1)
    kinetic = h.matrix(0.0) - np.diag(h.zeta.reshape(-1))
    energies, modes = np.linalg.eigh(kinetic / 0.9)
    rho = np.zeros((8, 8), dtype=complex)
    for batch in batches:
        wave = np.exp(-1.1j * batch_values(p.objective, p.domain, np.array(batch))) * psi
        wave = modes @ (np.exp(-1j * area * energies) * (modes.conj().T @ wave))
        rho += np.outer(wave, wave.conj()) / len(batches)
    state = averaged_state(p, method)[-1]
    assert np.abs(state - rho).max() < 1e-12
    assert np.trace(state @ state).real < 0.99  # it is mixed


@pytest.mark.parametrize("name", CASES)
def test_draws_average_to_the_channel(name: str) -> None:
    p = CASES[name]
    method = qd.MiniBatch(6, 1, 2, draws=200, classical=True)
    run = qd.evolve(p, method, seed=3)
    density = np.diag(averaged_state(p, method)[-1]).real.reshape(p.domain.shape)
    loss = float((density * p.objective.on(p.domain)).sum())
    estimate = run.expectations["objective"]
    assert abs(estimate.value[-1] - loss) < 4 * estimate.stderr[-1]
    assert estimate.stderr[-1] > 1e-4
    assert 0.5 * np.abs(run.density[-1] - density).sum() < 0.05
    assert run.states is None
    assert run.diagnostics["circuits"] == 200
    assert "mini-batches of 1 of 5 rows" in run.stop


def test_aer_with_shots(neuron: qd.Problem) -> None:
    method = qd.MiniBatch(4, 6, draws=10)
    run = qd.evolve(neuron, method, backend="aer", shots=4000, seed=2)
    same = qd.evolve(neuron, qd.MiniBatch(4, 6, draws=10, classical=True), seed=2)
    assert run.shots == 4000
    assert run.counts["weight"][-1].shots == 4000
    loss, exact = run.expectations["objective"], same.expectations["objective"]
    assert 0 < abs(loss.value[-1] - exact.value[-1]) < 5 * loss.stderr[-1]
    assert 0.5 * np.abs(run.density[-1] - same.density[-1]).sum() < 0.08
    assert np.abs(run.density[-1] - run.density[0]).sum() > 0.3
    again = qd.evolve(neuron, method, backend="aer", shots=4000, seed=2)
    assert np.array_equal(run.density, again.density)


def test_a_noisy_backend_runs_them(neuron: qd.Problem) -> None:
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(1e-4, 2), ["cx"])
    device = qd.backend("aer", noise_model=model)
    run = qd.evolve(neuron, qd.MiniBatch(2, 6, draws=2), backend=device, shots=2000, seed=2)
    same = qd.evolve(neuron, qd.MiniBatch(2, 6, draws=2, classical=True), seed=2)
    assert 0.5 * np.abs(run.density[-1] - same.density[-1]).sum() < 0.12


def test_truncation_is_bounded(neuron: qd.Problem) -> None:
    exact = qd.evolve(neuron, qd.MiniBatch(4, 6, draws=1, seed=3))
    run = qd.evolve(neuron, qd.MiniBatch(4, 6, draws=1, seed=3, truncation=0.2))
    bound = run.diagnostics["truncation_error_bound"]
    assert 0 < bound <= 0.2
    assert 1e-6 < np.linalg.norm(run.states[-1] - exact.states[-1]) <= bound
    assert run.diagnostics["gates"] < exact.diagnostics["gates"]


def test_an_interrupt_keeps_the_draws_that_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    from qml_dynamics.methods import minibatch as module

    real, calls = module._draw, []

    def stop_at_three(*arguments: object) -> object:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(module, "_draw", stop_at_three)
    run = qd.evolve(LINE, qd.MiniBatch(3, 2, draws=5), seed=1)
    assert run.diagnostics["circuits"] == 2
    assert run.diagnostics["interrupted"]
    assert "after 2 of 5 draws" in run.stop


def test_study_of_the_batch_size(neuron: qd.Problem) -> None:
    study = qd.batch_study(neuron, qd.MiniBatch(8, 1, draws=60), [1, 4, 70], seed=0)
    assert study.noise[0] > study.noise[1] > study.noise[2] == 0
    assert np.all(np.abs(study.drawn.value - study.predicted)[:2] < 4 * study.drawn.stderr[:2] + 2e-2)
    assert study.drawn.value[2] == pytest.approx(study.full, abs=1e-12)
    assert study.predicted[2] == pytest.approx(study.full, abs=1e-10)
    assert study.evaluations.tolist() == [9, 36, 630]
    assert study.full < study.uniform - 0.2
    assert "batch    4" in str(study)


def test_error_budget_sees_the_batches() -> None:
    noisy, whole = (
        qd.error_budget(LINE, qd.MiniBatch(6, b, draws=8, seed=2), backend="statevector", seed=1) for b in (1, 5)
    )
    assert noisy.terms["encoding"].value > 2e-3
    assert whole.terms["encoding"].value < 1e-10
    assert noisy.terms["formula"].value == whole.terms["formula"].value
    assert any("encoding: what MiniBatch adds" in note for note in noisy.notes)


def test_files_and_specs(tmp_path: Path) -> None:
    method = qd.MiniBatch(7, 3, order=1, draws=4, replacement=True, seed=2)
    assert method_from_spec(method_spec(method)) == method
    run = qd.evolve(LINE, method)
    run.save(tmp_path / "run.npz")
    assert qd.load(tmp_path / "run.npz").method == method


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: qd.MiniBatch(0, 1), "`steps`"),
        (lambda: qd.MiniBatch(3, 0), "`batch_size`"),
        (lambda: qd.MiniBatch(3, 1, 3), "`order` must be 1, 2 or 4"),
        (lambda: qd.MiniBatch(3, 1, replacement=1), "`replacement` must be True or False"),
        (lambda: qd.MiniBatch(3, 1, truncation=-1.0), "`truncation`"),
        (lambda: qd.MiniBatch(3, 1, draws=0), "`draws`"),
        (lambda: qd.evolve(LINE, qd.MiniBatch(3, 6)), "`batch_size` must be at most the 5 rows, but is 6"),
        (lambda: qd.evolve(LINE, qd.MiniBatch(3, 2), shots=10), "`shots` must be at least the 20 circuits"),
        (lambda: qd.evolve(LINE.replace(clock="imaginary"), qd.MiniBatch(3, 2)), "clock"),
        (lambda: averaged_state(LINE, qd.MiniBatch(3, 2), save=[0.3, 0.9]), "`save`"),
        (
            lambda: qd.evolve(LINE.replace(objective=lambda w: w[:, 0]), qd.MiniBatch(3, 2)),
            "`objective` must be a mean over rows of data",
        ),
        (
            lambda: qd.evolve(
                qd.Problem.from_operator(np.diag([1.0, 2.0]), clock="real", duration=1.0), qd.MiniBatch(3, 2)
            ),
            "general operator",
        ),
        (lambda: from_rows(lambda w, index: w, 0), "`count`"),
        (lambda: from_rows(lambda w, index: w[:, 0], 3)(np.zeros((2, 1))), r"must have shape \(2, 3\)"),
    ],
)
def test_bad_input(make: object, words: str) -> None:
    with pytest.raises(qd.QMLDynamicsError, match=words):
        make()  # type: ignore[operator]


def test_replacement_allows_large_batches() -> None:
    assert qd.evolve(LINE, qd.MiniBatch(3, 9, draws=2, replacement=True)).density[-1].sum() == pytest.approx(1.0)


@pytest.mark.slow
def test_the_programs_of_the_gallery_are_these_circuits() -> None:
    from dataclasses import replace

    from qiskit.quantum_info import Statevector

    from qml_dynamics.synthesis.qasm import from_qasm3, to_qasm3
    from qml_dynamics.synthesis.qasm_compare import differences

    file = qd.read_problem(ROOT / "minibatch")
    method = replace(file.method, draws=2, seed=7)
    first, second = qd.circuits(file.problem, method, [6.0])
    texts = []
    for i, circuit in enumerate((first, second)):
        texts.append((ROOT / "minibatch" / f"minibatch_12_steps_{i}.qasm").read_text(encoding="utf-8"))
        assert differences(texts[i], to_qasm3(circuit, name="minibatch", digits=10), notes=False) == []
    wave = Statevector(from_qasm3(texts[0])).data
    run = qd.evolve(file.problem, replace(method, draws=1, classical=True), save=[6.0])
    assert (
        0.5 * np.abs(np.abs(wave) ** 2 - run.density[-1].reshape(-1)).sum() < 0.03
    )  # its truncation, which the fitted coefficients use to the full
    limit = averaged_state(file.problem, file.method, limit=True)[-1]
    loss = float(np.diag(limit).real @ file.problem.objective.on(file.problem.domain).reshape(-1))
    assert loss == pytest.approx(0.618, abs=5e-4)  # of the README


@pytest.mark.parametrize("encoding", ["none", "onehot"])
def test_the_averaged_state_is_refused_on_the_grids_that_the_method_refuses(encoding: str) -> None:
    p = LINE.replace(domain=qd.Grid((-6, 6), points=12, encoding=encoding))
    for call in (averaged_state, qd.evolve):
        with pytest.raises(qd.MethodError, match=r"^Argument `method` must run on a one-hot grid, but is MiniBatch"):
            call(p, qd.MiniBatch(4, 2))


def test_one_draw_does_not_know_what_others_give() -> None:
    """Its errors are infinite, but at the start, which is known, and for a batch of all rows, of which there is one."""
    one = qd.evolve(LINE, qd.MiniBatch(4, 2, draws=1, seed=1, classical=True)).expectations["objective"]
    assert one.stderr.tolist() == [0.0, np.inf]
    assert np.isfinite(one.value).all()
    every = qd.evolve(LINE, qd.MiniBatch(4, 5, draws=1, seed=1, classical=True)).expectations["objective"]
    assert every.stderr.tolist() == [0.0, 0.0]
    two = qd.evolve(LINE, qd.MiniBatch(4, 2, draws=2, seed=1, classical=True)).expectations["objective"]
    assert 0 < two.stderr[-1] < np.inf


def test_few_matrices_are_kept_under_a_schedule() -> None:
    loss = row_table(LINE.objective, LINE.domain)
    kept = _Coherence(loss, qd.MiniBatch(40, 2), limit=True)
    first = kept(0.1)
    assert kept(0.1) is first
    for amount in np.linspace(0.2, 1.0, 9):
        kept(amount)
    assert len(kept.known) == 3
    np.testing.assert_array_equal(kept(0.1), first)
