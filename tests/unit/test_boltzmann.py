"""Boltzmann machines: exact laws and gradients, thermal states by variation, training on flowers, samples of the circuit."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from scipy.stats import chi2

import qml_dynamics as qd
from qml_dynamics.learning.boltzmann import BoltzmannMachine, Purified, binarise, divergence, fit, law_of
from qml_dynamics.learning.boltzmann.training import _Variational

CSV = Path(__file__).parents[2] / "circuits" / "iris_neuron" / "iris.csv"
LABELS = {"I": np.eye(2), "X": np.array([[0, 1], [1, 0]]), "Z": np.diag([1.0, -1.0])}


def flowers(bits: int) -> np.ndarray:
    """Which of the four lengths are above their medians, over 150 flowers."""
    with CSV.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = [name for name in rows[0] if name != "species"]
    return binarise([[float(row[name]) for name in columns[:bits]] for row in rows])[0]


def thermal_matrix(machine: BoltzmannMachine, theta: np.ndarray, share: float = 1.0) -> np.ndarray:
    """``e^{-share H}`` from the labels, by Kronecker products."""
    h = np.zeros((1 << machine.num_qubits,) * 2)
    for label, value in zip(machine.labels, theta):
        term = np.eye(1)
        for letter in label:
            term = np.kron(term, LABELS[letter])
        h += value * term
    return scipy.linalg.expm(-share * h)


MACHINES = [BoltzmannMachine(3), BoltzmannMachine(2, 1), BoltzmannMachine(3, transverse=False), BoltzmannMachine(1, 2)]


def drawn(machine: BoltzmannMachine, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=machine.num_parameters), rng.dirichlet(np.ones(1 << machine.visible))


@pytest.mark.parametrize("machine", MACHINES)
def test_law_is_the_diagonal_of_the_thermal_state(machine: BoltzmannMachine) -> None:
    theta, _ = drawn(machine)
    diagonal = np.diag(thermal_matrix(machine, theta))
    wanted = (diagonal / diagonal.sum()).reshape(1 << machine.visible, -1).sum(axis=1)
    assert np.abs(machine.law(theta) - wanted).max() < 1e-12
    assert np.ptp(wanted) > 0.05


def test_bits_and_signs() -> None:
    """A field on the first label pushes bit 0, the highest: a positive theta raises Z, so that 1 becomes likely."""
    machine = BoltzmannMachine(3, transverse=False)
    assert machine.labels == ["ZII", "IZI", "IIZ", "ZZI", "ZIZ", "IZZ"]
    law = machine.law([2.0, 0, 0, 0, 0, 0]).reshape(2, 2, 2)
    assert law[1].sum() == pytest.approx(1 / (1 + np.exp(-4.0)))
    assert law[:, 1].sum() == pytest.approx(0.5)
    assert law_of([[1, 0, 0], [1, 0, 1]], 3).tolist() == [0, 0, 0, 0, 0.5, 0.5, 0, 0]
    hidden = BoltzmannMachine(1, 1, transverse=False)
    assert hidden.law([2.0, 0.3, 0.0])[1] == pytest.approx(1 / (1 + np.exp(-4.0)))


@pytest.mark.parametrize("machine", MACHINES)
def test_exact_gradient(machine: BoltzmannMachine) -> None:
    theta, q = drawn(machine, 1)
    slope = machine.gradient(theta, q)
    for j, step in enumerate(
        1e-3 * np.eye(len(theta))
    ):  # wide steps of order four: rounding over 1e-3 stays below 1e-9
        at = [divergence(q, machine.law(theta + k * step)) for k in (-2, -1, 1, 2)]
        assert slope[j] == pytest.approx((at[0] - 8 * at[1] + 8 * at[2] - at[3]) / 12e-3, abs=1e-8)
    assert np.abs(slope).max() > 0.05


def test_gradient_of_a_classical_machine_is_a_difference_of_moments() -> None:
    machine = BoltzmannMachine(3, transverse=False)
    theta, q = drawn(machine, 2)
    signs = 1 - 2 * ((np.arange(8)[:, None] >> np.array([2, 1, 0])) & 1)
    moments = np.column_stack([signs, signs[:, 0] * signs[:, 1], signs[:, 0] * signs[:, 2], signs[:, 1] * signs[:, 2]])
    assert np.allclose(machine.gradient(theta, q), q @ moments - machine.law(theta) @ moments, atol=1e-12)
    learnt = fit(machine, q)
    assert np.allclose(q @ moments, learnt.law @ moments, atol=1e-5)  # the one optimum there is
    assert learnt.kl[-1] < learnt.kl[0]


def test_large_parameters_do_not_overflow() -> None:
    machine = BoltzmannMachine(2)
    theta = np.array([400.0, -300.0, 250.0, 100.0, 5.0])
    assert machine.law(theta).sum() == pytest.approx(1.0)
    assert np.isfinite(machine.gradient(theta, [0.25] * 4)).all()


def test_a_law_of_the_model_is_learnt() -> None:
    machine = BoltzmannMachine(3)
    theta, _ = drawn(machine, 3)
    learnt = fit(machine, machine.law(theta), steps=400)
    assert learnt.kl[0] > 0.1
    assert learnt.kl[-1] < 1e-5
    assert np.all(np.diff(learnt.kl) < 1e-9)


@pytest.mark.parametrize(
    ("machine", "ansatz", "allowed"),
    [
        (BoltzmannMachine(3, transverse=False), Purified(3, layers=0), 1e-6),
        (BoltzmannMachine(2), Purified(2), 3e-3),
        (BoltzmannMachine(3), Purified(3), 1e-2),
        (BoltzmannMachine(3), Purified(3, layers=2), 2e-3),
    ],
)
def test_variational_thermal_state(machine: BoltzmannMachine, ansatz: Purified, allowed: float) -> None:
    theta = 0.7 * drawn(machine, 4)[0]
    states = _Variational(machine, ansatz, 8)
    angles, wave = states.angles(theta)
    wanted = thermal_matrix(machine, theta, 0.5).reshape(-1)
    wanted /= np.linalg.norm(wanted)
    assert 1 - abs(wanted @ wave) ** 2 < allowed
    assert 1 - abs(wanted @ ansatz.start) ** 2 > 0.05
    from qiskit.quantum_info import Statevector

    circuit = ansatz.circuit().assign_parameters(angles)
    assert abs(np.vdot(Statevector(circuit).data, wave)) == pytest.approx(1.0, abs=1e-10)


def test_training_by_variation_finds_the_classical_optimum() -> None:
    """Three bits of real flowers: the variational machine without X and the exactly solved one."""
    machine, bits = BoltzmannMachine(3, transverse=False), flowers(3)
    exact = fit(machine, bits, l2=1e-3, steps=300)
    learnt = fit(machine, bits, method="variational", steps=25, l2=1e-3, substeps=3)
    assert learnt.kl[0] > 0.4
    assert learnt.kl[-1] == pytest.approx(exact.kl[-1], abs=2e-4)
    assert 0.5 * np.abs(learnt.law - exact.law).sum() < 5e-3
    assert learnt.evaluations > 7 * (len(learnt.kl) - 1)
    counts = learnt.sample(20_000, seed=3, backend="aer")
    seen = counts.histogram(8) * 20_000
    expected = learnt.law * 20_000
    assert chi2.sf(((seen - expected) ** 2 / expected).sum(), 7) > 1e-4
    assert 0.5 * np.abs(seen / 20_000 - law_of(bits, 3)).sum() < 0.2
    assert "7 hidden" not in str(learnt)
    assert "classical Boltzmann machine, 3 visible" in str(learnt)


def test_quantum_and_hidden_machines_on_iris() -> None:
    """Four bits: X lowers the distance a little, a hidden bit lowers it much."""
    bits = flowers(4)
    plain = fit(BoltzmannMachine(4, transverse=False), bits, l2=1e-3, steps=400)
    field = fit(BoltzmannMachine(4), bits, l2=1e-3, steps=400)
    hidden = fit(BoltzmannMachine(4, 1, transverse=False), bits, l2=1e-3, steps=400)
    assert plain.kl[0] > 1.0
    assert plain.kl[-1] == pytest.approx(0.0753, abs=5e-4)
    assert field.kl[-1] == pytest.approx(0.0635, abs=2e-3)
    assert hidden.kl[-1] < 0.3 * plain.kl[-1]
    assert fit(BoltzmannMachine(4, transverse=False), bits, l2=1e-3, theta0=plain.theta).kl[0] == plain.kl[-1]


@pytest.mark.slow
def test_training_a_quantum_machine_by_variation() -> None:
    """Four bits of flowers with transverse fields, eight qubits."""
    bits = flowers(4)
    classical = fit(BoltzmannMachine(4, transverse=False), bits, l2=5e-3)
    learnt = fit(BoltzmannMachine(4), bits, method="variational", steps=25, l2=5e-3, substeps=4)
    assert learnt.kl[0] > 1.0
    assert learnt.kl[-1] < classical.kl[-1] - 1e-3
    exact = divergence(law_of(bits, 4), BoltzmannMachine(4).law(learnt.theta))  # of the true thermal state
    assert exact == pytest.approx(learnt.kl[-1], abs=3e-3)


def test_an_interrupt_keeps_the_last_step(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, q = BoltzmannMachine(2), np.array([0.4, 0.1, 0.2, 0.3])
    real, calls = BoltzmannMachine.gradient, []

    def late(self: BoltzmannMachine, theta: Any, data: Any) -> np.ndarray:
        calls.append(1)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return real(self, theta, data)

    monkeypatch.setattr(BoltzmannMachine, "gradient", late)
    learnt = fit(machine, q)
    assert "interrupted" in learnt.stop
    assert 1 <= len(learnt.kl) - 1 < 6
    assert learnt.kl[-1] < learnt.kl[0]


def test_purified_ansatz_runs_under_evolve() -> None:
    """On any backend, as every ansatz; with shots the steps are measured."""
    pair = np.eye(2).reshape(-1) / np.sqrt(2)
    h = np.kron(np.eye(2), np.array([[0.8, -0.5], [-0.5, -0.8]]))  # on qubit 0, the register
    p = qd.Problem.from_operator(h, clock="imaginary", duration=0.6, initial=pair)
    exact = qd.evolve(p, qd.Exact())
    run = qd.evolve(p, qd.Variational(Purified(1), 6, "rk4"))
    assert abs(np.vdot(run.states[-1], exact.states[-1])) ** 2 > 1 - 1e-4
    assert abs(np.vdot(run.states[0], exact.states[-1])) ** 2 < 0.9
    seen = qd.evolve(p, qd.Variational(Purified(1), 3), backend="aer", shots=4000, seed=1)
    assert 0.5 * np.abs(seen.density[-1] - exact.density[-1]).sum() < 0.12
    with pytest.raises(qd.MethodError, match="half of the problem's 2 qubits"):
        qd.evolve(p, qd.Variational(Purified(2), 3))


def test_binarise() -> None:
    bits, cuts = binarise([[1.0, 5.0], [2.0, 4.0], [3.0, 9.0], [7.0, 1.0]])
    assert cuts.tolist() == [2.5, 4.5]
    assert bits.tolist() == [[0, 1], [0, 0], [1, 1], [1, 0]]
    assert binarise([[0.0, 10.0]], cuts)[0].tolist() == [[0, 1]]
    assert flowers(4).mean(axis=0) == pytest.approx([0.5, 0.5, 0.5, 0.5], abs=0.07)


LEARNT = fit(BoltzmannMachine(1), [0.4, 0.6])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: BoltzmannMachine(0), "`visible`"),
        (lambda: BoltzmannMachine(8, 3), "`hidden` must be an integer between 0 and 2"),
        (lambda: BoltzmannMachine(2, transverse=1), "`transverse`"),
        (lambda: BoltzmannMachine(2).law([1.0]), "`theta` must be 5 finite numbers"),
        (lambda: BoltzmannMachine(1).law([np.nan, 0.0]), "`theta`"),
        (lambda: law_of([[0, 2]], 2), "`data` must be bits"),
        (lambda: law_of([[0, 1]], 3), "`data` must have 3 bits a row"),
        (lambda: law_of([0.5, 0.6], 1), "of sum 1"),
        (lambda: law_of("ab", 1), "`data` must be rows of bits"),
        (lambda: fit(BoltzmannMachine(1), [0.5, 0.5], method="exactly"), "Did you mean 'exact'"),
        (lambda: fit(BoltzmannMachine(1), [0.5, 0.5], l2=-1.0), "`l2`"),
        (lambda: fit(BoltzmannMachine(2), [0.25] * 4, method="variational", ansatz=Purified(1)), "`ansatz` must have 2 pairs"),
        (lambda: fit(BoltzmannMachine(2), [0.25] * 4, substeps=8), "`substeps` must be None for method 'exact', but is 8"),
        (lambda: fit(BoltzmannMachine(2), [0.25] * 4, ansatz=Purified(2)), "`ansatz` must be None for method 'exact'"),
        (lambda: LEARNT.sample(9, backend="aer"), "`backend` must be None for an exact fit, which has no circuit, but is 'aer'"),
        (lambda: LEARNT.sample(0), "`shots` must be an integer between 1"),
        (lambda: Purified(0), "`pairs`"),
        (lambda: binarise([1.0, 2.0]), "`X`"),
    ],
)  # fmt: skip
def test_bad_input(call: Any, words: str) -> None:
    with pytest.raises(qd.QMLDynamicsError, match=words):
        call()


def test_the_program_of_the_gallery() -> None:
    """Its law is that of its manifest, close to the flowers, and to the thermal state of its parameters."""
    import json

    from qiskit.quantum_info import Statevector

    from qml_dynamics.synthesis.qasm import from_qasm3

    folder = CSV.parents[1] / "boltzmann"
    facts = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    circuit = from_qasm3((folder / "boltzmann.qasm").read_text(encoding="utf-8")).remove_final_measurements(
        inplace=False
    )
    assert (circuit.num_qubits, circuit.num_nonlocal_gates()) == (facts["qubits"], facts["two_qubit_gates"])
    law = (np.abs(Statevector(circuit).data.reshape(16, 16)) ** 2).sum(axis=0)
    q = law_of(flowers(4), 4)
    assert np.allclose(q, facts["data_law"], atol=1e-8)
    assert np.allclose(law, facts["law"], atol=1e-7)
    assert divergence(q, law) == pytest.approx(facts["kl"], abs=1e-6)
    machine = BoltzmannMachine(4)
    assert machine.labels == facts["machine"]["labels"]
    assert 0.5 * np.abs(machine.law(facts["theta"]) - law).sum() < 0.01
    assert facts["kl"] < 0.0755 < facts["kl_start"]


@pytest.mark.parametrize(("q", "p", "name"), [([2.0, 2.0], [0.5, 0.5], "q"), ([0.5, 0.5], [1.0, 3.0], "p")])
def test_what_is_no_law_has_no_relative_entropy(q: list[float], p: list[float], name: str) -> None:
    with pytest.raises(qd.ProblemError, match=rf"^Argument `{name}` must have the sum 1, but is 4\.0\.$"):
        divergence(np.array(q), np.array(p))
    assert divergence(np.array(q) / sum(q), np.array(p) / sum(p)) >= 0
