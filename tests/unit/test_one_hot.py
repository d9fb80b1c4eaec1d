"""One-hot grids by every verb: the points alone are simulated, samples are kept by weight, and what leaks is what the noise says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import transpile
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import DensityMatrix, Kraus
from qiskit_aer.noise import NoiseModel, depolarizing_error
from scipy.linalg import expm

import qml_dynamics as qd
from qml_dynamics.base.errors import MethodError, ProblemError
from qml_dynamics.conformance.oracles import matrices
from qml_dynamics.learning.diffusion.witten import landscape
from qml_dynamics.model.resample import restrict
from qml_dynamics.plotting.animation_frames import _smooth

ERROR = 0.02  # of a CX


def noisy() -> Any:
    """A simulator on which every CX depolarises its qubits."""
    model = NoiseModel(["cx", "rz", "sx", "x"])
    model.add_all_qubit_quantum_error(depolarizing_error(ERROR, 2), ["cx"])
    return qd.backend("aer", noise_model=model)


def well(points: int = 4, **options: Any) -> qd.Problem:
    """A tilted double well between walls, one-hot."""
    grid = qd.Grid((-2, 2), points=points, encoding="onehot", **{"boundary": "walls", **options})
    start = qd.Gaussian(-0.6, 0.45, 0.5)
    return qd.Problem(grid, qd.objectives.double_well(tilt=0.3), 0.4, clock="real", duration=0.4, initial=start)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"points": 1, "encoding": "onehot"}, "`points` must be an integer between 2 and"),
        (
            {"points": 7, "encoding": "onehot"},
            "`points` must be even on a ring that is not numbered in binary, but is 7",
        ),
        ({"points": 61, "encoding": "onehot"}, "`points` must be an integer between 2 and 60, but is 61"),
        ({"points": 5.5, "encoding": "onehot"}, "`points` must be an integer between 2 and 60, but is 5.5"),
        ({"points": "5", "encoding": "none"}, "`points` must be an integer between 2 and 65536, but is '5'"),
        ({"points": 12}, "`points` must be powers of two where the encoding is 'binary', but is 12"),
        ({"points": 8, "qubits": 3}, "`qubits` must be left out where `points` are given, but is 3"),
        ({"points": 8, "encoding": "unary"}, "`encoding` must be one of binary, onehot, none, but is 'unary'"),
        ({}, "`qubits` must be an integer"),
    ],
)
def test_grids_that_are_none(arguments: Any, words: str) -> None:
    """Refused by the name of the argument."""
    with pytest.raises(ProblemError, match=words):
        qd.Grid((0, 1), **arguments)
    with pytest.raises(ProblemError, match="`points` must add up to at most 60 for one-hot axes, but is 64"):
        qd.Grid([(0, 1)] * 2, points=32, encoding="onehot")


def test_points_of_a_binary_grid_are_its_qubits() -> None:
    """And a grid of the other kinds says its encoding when printed."""
    assert qd.Grid((0, 1), points=(8,)) == qd.Grid((0, 1), 3)
    assert "encoding" not in repr(qd.Grid((0, 1), 3))
    line = qd.Grid([(0, 1), (0, 2)], points=(3, 5), boundary="walls", encoding="onehot")
    assert "encoding='onehot'" in repr(line)
    assert (line.shape, line.size, line.num_qubits) == ((3, 5), 15, 8)
    assert line.refined().shape == (6, 10)


@pytest.mark.parametrize("method", [qd.Exact(), qd.Krylov(), qd.SplitStep(400)])
@pytest.mark.parametrize("twist", [None, 0.3])
def test_classical_methods_run_on_the_points_alone(method: Any, twist: Any) -> None:
    """30 points are 30 amplitudes, not 2^30; the answer is that of the differences entry by entry, round a ring with its flux."""
    p = well(30) if twist is None else well(30, boundary="periodic", twist=twist)
    kinetic, potential = matrices(p)
    truth = expm(-0.4j * (0.4 * kinetic + potential)) @ p.initial.vector(p.domain)
    run = qd.evolve(p, method)
    assert run.states is not None
    assert run.states[-1].shape == (30,)
    assert np.linalg.norm(run.states[-1] - truth) < 1e-4  # 400 split steps leave 2e-5
    assert np.linalg.norm(truth - p.initial.vector(p.domain)) > 0.1
    spectral = qd.Grid((-2, 2), points=30, encoding="none", boundary=p.domain.boundary, twist=twist or 0.0)  # type: ignore[union-attr]
    other = qd.evolve(p.replace(domain=spectral), method).states[-1]
    assert 1e-3 < np.linalg.norm(other - truth) < 0.1  # finite differences err


def test_differences_converge_to_the_spectral_laplacian_with_order_two() -> None:
    """At t = 0.4 against the spectral wave on 128 points, read at the coarse points."""
    fine = qd.Grid((-4, 4), points=128, boundary="walls", encoding="none")
    p = well().replace(domain=fine, objective=lambda w: w[:, 0] ** 2, initial=qd.Gaussian(-0.3, 0.5))
    truth = qd.evolve(p, qd.Exact()).states[-1]
    errors = []
    for points in (25, 50):
        grid = qd.Grid((-4, 4), points=points, boundary="walls", encoding="onehot")
        errors.append(
            np.linalg.norm(qd.evolve(p.replace(domain=grid), qd.Exact()).states[-1] - restrict(truth, fine, grid))
        )
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.1)


def test_amplitudes_shots_and_momenta() -> None:
    """The exact run is the reference to the formula's error; samples are points, and their means are within four errors of it."""
    p = well(5)
    exact = qd.evolve(p, qd.Exact(), observables={"k": lambda k: k[:, 0]})
    run = qd.evolve(p, qd.Trotter(20), backend="aer", observables={"k": lambda k: k[:, 0]})
    assert np.linalg.norm(run.states[-1] - exact.states[-1]) < 2e-3
    shots = qd.evolve(p, qd.Trotter(20), backend="aer", shots=4000, seed=3, observables={"k": lambda k: k[:, 0]})
    for name in ("energy", "kinetic", "objective", "k"):
        gap = abs(shots.expectations[name].value - run.expectations[name].value)
        assert (gap < 4 * shots.expectations[name].stderr + 1e-9).all()
    assert set(shots.counts["weight"][-1].index.tolist()) <= set(range(5))


def predicted(circuit: Any) -> tuple[float, np.ndarray]:
    """Leaked weight and the law of the points by a density matrix, each CX of the compiled circuit followed by its Kraus operators."""
    n = circuit.num_qubits
    compiled = transpile(circuit, basis_gates=["cx", "rz", "sx", "x"], optimization_level=1, seed_transpiler=1)
    state, channel = DensityMatrix.from_label("0" * n), Kraus(depolarizing_error(ERROR, 2))
    for item in compiled.data:
        where = [compiled.find_bit(q).index for q in item.qubits]
        state = state.evolve(item.operation, where)
        if item.operation.name == "cx":
            state = state.evolve(channel, where)
    law = state.probabilities()[[1 << j for j in range(n)]]
    return 1 - float(law.sum()), law / law.sum()


def test_the_leaked_weight_is_what_the_noise_predicts() -> None:
    """Exactly without shots, within four standard errors with them; both numbers are told, and the estimates are of those kept."""
    p, method = well(4), qd.Trotter(1)
    leaked, law = predicted(qd.circuits(p, method)[-1])
    assert leaked > 0.05
    run = qd.evolve(p, method, backend=noisy())
    assert run.diagnostics["leaked_weight"][-1] == pytest.approx(leaked, abs=1e-10)
    assert np.abs(run.density[-1] - law).max() < 1e-10
    ideal = np.abs(qd.evolve(p, method).states[-1]) ** 2
    assert 1e-3 < 0.5 * np.abs(law - ideal).sum() < leaked  # what is kept errs less than what is thrown away
    shots = qd.evolve(p, method, backend=noisy(), shots=4000, seed=5)
    told = shots.diagnostics
    assert abs(told["leaked_weight"][-1] - leaked) < 4 * told["success_stderr"][-1]
    kept = told["kept_shots"]
    assert [c.shots for c in shots.counts["weight"]] == kept["weight"]
    assert kept["weight"][-1] < 4000
    share = told["success_probability"][-1]
    assert share == kept["weight"][-1] / 4000
    assert told["success_stderr"][-1] == pytest.approx(np.sqrt(share * (1 - share) / 4000), rel=1e-9)
    for name, least in (("objective", min(kept["weight"])), ("kinetic", min(kept["dual"]))):
        assert shots.expectations[name].shots == least
    assert shots.expectations["energy"].shots == min(kept["weight"] + kept["dual"])


def test_nothing_left_is_refused() -> None:
    """One line with the number of shots; of probabilities likewise."""
    p = well(4)
    model = NoiseModel(["cx", "rz", "sx", "x"])
    model.add_all_qubit_quantum_error(depolarizing_error(1.0, 2), ["cx"])
    dead = qd.backend("aer", noise_model=model)
    with pytest.raises(
        MethodError, match=r"^Argument `shots` must be larger: of 1 at t = [0-9.]+ none has one excitation an axis\.$"
    ):
        qd.evolve(p, qd.Trotter(2), backend=dead, shots=1, seed=1)


@pytest.mark.parametrize(
    ("method", "words"),
    [
        (qd.Trotter(4, truncation=0.1), "`truncation` must be 0 on a one-hot grid"),
        (qd.Trotter(4, remainder=True), "`remainder` must be False on a one-hot grid, but is True"),
        (qd.SplitStep(4, formula="chin4a"), "`method` must run on a one-hot grid, but is SplitStep"),
        (qd.MultiProduct((1, 2)), "`method` must run on a one-hot grid, but is MultiProduct"),
        (qd.TensorTrain(4), "`method` must run on a one-hot grid, but is TensorTrain"),
    ],
)
def test_what_other_methods_say(method: Any, words: str) -> None:
    """The sentence of the facts, or the option by its name."""
    with pytest.raises(MethodError, match=words):
        qd.evolve(well(), method)


def test_operators_points_without_a_register_and_the_classical_clock_are_refused() -> None:
    """By name, before anything runs."""
    p = well()
    with pytest.raises(
        ProblemError, match="observables\\['z'\\]` must be a function of weights or momenta on this grid"
    ):
        qd.evolve(p, qd.Trotter(2), observables={"z": {"ZIII": 1.0}})
    free = p.replace(domain=qd.Grid((-2, 2), points=4, boundary="walls", encoding="none"))
    with pytest.raises(ProblemError, match="`encoding` must be 'binary' or 'onehot' for circuits, but is 'none'"):
        qd.evolve(free, qd.Trotter(2))
    with pytest.raises(ProblemError, match="`domain` must have the encoding 'binary' on the classical clock"):
        p.replace(clock="classical")


def test_an_estimator_is_refused_since_it_keeps_what_has_leaked() -> None:
    """By the name of the backend."""
    asked = qd.backend("aer", estimator=StatevectorEstimator())
    with pytest.raises(
        MethodError, match="`backend` must sample on a one-hot grid, where outcomes that leaked are thrown away"
    ):
        qd.evolve(well(), qd.Trotter(2), backend=asked, shots=100)


def test_uses_that_work_on_registers_say_so() -> None:
    """Thermal states and diffusion models; annealing and levels run on the points."""
    p = well(6)
    still = p.replace(clock="imaginary", duration=1.0)
    with pytest.raises(ProblemError, match="`problem` must stand on points numbered in binary here, but is 'onehot'"):
        qd.gibbs.thermal(still, 1.0)
    ring = qd.Grid((-6, 6), points=32, encoding="onehot")
    with pytest.raises(ProblemError, match="`domain` must stand on points numbered in binary here, but is 'onehot'"):
        landscape(ring, "ou", 1.0)
    energies = np.linalg.eigvalsh(qd.hamiltonian(p).matrix())
    assert qd.hamiltonian(p).ground_state()[0] == pytest.approx(energies[0], abs=1e-12)
    found = qd.anneal(still.replace(strength=qd.Linear(0.5, 2.0)), 10, seed=1)
    assert found.density.shape[-1] == 6


def test_pictures_of_a_wave_on_few_points(tmp_path: Path) -> None:
    """A finer grid than any register is interpolated for the film, and the report names the encoding and what was kept."""
    run = qd.evolve(well(40), qd.Exact())
    x, density, _ = _smooth(run, run.problem.domain)  # type: ignore[arg-type]
    assert len(x) > 40
    assert density.shape[-1] == len(x)
    page = Path(qd.report(qd.evolve(well(4), qd.Trotter(1), backend=noisy(), shots=200, seed=1), tmp_path / "r.html"))
    text = page.read_text(encoding="utf-8")
    assert "one-hot" in text
    assert "share that has leaked" in text


def test_files_and_run_folders(tmp_path: Path) -> None:
    """A problem file by points, a saved run, and a run that is submitted and fetched say the same grid and give the same answer."""
    text = (
        '[domain]\nkind = "grid"\nbounds = [-2, 2]\npoints = 4\nboundary = "walls"\nencoding = "onehot"\n'
        '[objective]\nname = "double_well"\nparams = {tilt = 0.3}\n[diffusion]\nvalue = 0.4\n'
        '[evolution]\nclock = "real"\nduration = 0.4\n[initial]\nkind = "gaussian"\n'
        'params = {center = -0.6, width = 0.45, momentum = 0.5}\n[method]\nkind = "trotter"\nsteps = 2\n'
    )
    (tmp_path / "problem.toml").write_text(text)
    read = qd.read_problem(tmp_path / "problem.toml")
    assert read.problem.domain == well().domain
    run = qd.evolve(read.problem, read.method, backend="aer", shots=300, seed=4)
    run.save(tmp_path / "run.npz")
    again = qd.load(tmp_path / "run.npz")
    assert again.problem.domain == well().domain
    assert np.array_equal(again.density, run.density)
    sent = qd.submit(well(), qd.Trotter(2), backend="aer", shots=300, seed=4, folder=tmp_path / "sent", quiet=True)
    fetched = sent.fetch()
    assert fetched is not None
    assert qd.open_run(tmp_path / "sent").fetch().problem.domain == well().domain
    assert fetched.density.shape == (2, 4)
    assert 0.5 * np.abs(fetched.density[-1] - run.density[-1]).sum() < 0.2  # of two times 300 samples
    both = text.replace("points = 4", "points = 4\nqubits = 2")
    (tmp_path / "problem.toml").write_text(both)
    with pytest.raises(ProblemError, match="qubits must be absent beside points"):
        qd.read_problem(tmp_path / "problem.toml")


@pytest.mark.parametrize(
    "options", [{"boundary": "walls"}, {"boundary": "periodic", "twist": 0.3}], ids=["walls", "flux"]
)
def test_the_budget_has_a_part_for_the_differences(options: dict[str, Any]) -> None:
    """It is the distance of both dense waves on the points, and the shifts add up to the whole."""
    p = well(6, **options)
    found = qd.error_budget(p, qd.Trotter(2), backend=noisy(), shots=500, seed=1)
    spectral = p.replace(domain=qd.Grid((-2, 2), points=6, encoding="none", **options))
    laws = [np.abs(qd.evolve(one, qd.Exact()).states[-1]) ** 2 for one in (p, spectral)]
    assert float(found.terms["differences"].value) == pytest.approx(0.5 * np.abs(laws[0] - laws[1]).sum(), abs=1e-9)
    assert list(found.terms)[:4] == ["box", "grid", "differences", "formula"]
    assert float(sum(float(e.value) for e in found.shifts.values())) == pytest.approx(
        float(found.total_shift.value), abs=1e-12
    )
    for part in ("differences", "formula", "device", "shots"):
        assert float(found.terms[part].value) > 1e-4
    assert float(found.terms["encoding"].value) == 0.0


def test_the_parts_of_grid_and_box_hold_no_differences() -> None:
    """They are those of waves, so that more points leave less of the first: and a grid of twice as many may be longer than a register."""
    parts = []
    for points in (14, 16):
        box = qd.Grid((-4, 4), points=points, encoding="onehot")
        p = qd.Problem(box, lambda w: w[:, 0] ** 2, 0.5, clock="real", duration=1.0, initial=qd.Gaussian(0.5, 0.7))
        parts.append(float(qd.error_budget(p, qd.Trotter(2)).terms["grid"].value))
    assert parts[0] == pytest.approx(1.65e-4, rel=0.02)
    assert parts[1] < 0.2 * parts[0]


def test_the_budget_of_a_table_has_the_part_too() -> None:
    """Its values are those of the points, whatever the Laplacian."""
    grid = qd.Grid((0, 1), points=5, boundary="walls", encoding="onehot")
    table = qd.objectives.from_table([1.0, 2.0, 0.0, 3.0, 1.0], grid)
    p = qd.Problem(grid, table, 0.05, clock="real", duration=0.3, initial=qd.Gaussian(0.5, 0.12))
    found = qd.error_budget(p, qd.Trotter(3))
    assert float(found.terms["differences"].value) > 1e-3
    assert any("the loss is a table" in note for note in found.notes)


def test_a_saved_budget_keeps_the_part(tmp_path: Path) -> None:
    """And one of a binary grid has none."""
    found = qd.error_budget(well(5), qd.Trotter(2))
    found.save(tmp_path / "budget.npz")
    assert "differences" in qd.ErrorBudget.load(tmp_path / "budget.npz").terms
    binary = well().replace(domain=qd.Grid((-2, 2), 3, "walls"))
    assert "differences" not in qd.error_budget(binary, qd.SplitStep(20)).terms


def test_runs_are_compared_with_those_in_binary() -> None:
    """A one-hot run against the reference on the same points tells the error of the steps."""
    p = well(6)
    close = qd.compare(qd.evolve(p, qd.Trotter(16)), qd.evolve(p, qd.Exact()))
    far = qd.compare(qd.evolve(p, qd.Trotter(1)), qd.evolve(p, qd.Exact()))
    assert close.fidelity > 0.9999 > far.fidelity


def test_cost_is_what_is_sent_and_says_which_encoding() -> None:
    """On a device, both encodings compiled; the one with fewer gates on two qubits, from a problem in either."""
    p = well(4)
    circuit = qd.circuits(p, qd.Trotter(1), [0.4])[-1]
    plan = qd.cost(p, qd.Trotter(1), shots=100, save=[0.4])
    assert plan.qubits == circuit.num_qubits == 4
    assert plan.encodings is None
    found = qd.cost(p, qd.Trotter(1), backend="ibm:fake_manila", shots=100, save=[0.4]).encodings
    assert found is not None
    assert 0 < found.two_qubit_gates["onehot"] <= 2 * circuit.count_ops()["xx_plus_yy"]  # a line of the device, no swap
    assert found.best == min(found.two_qubit_gates, key=lambda name: found.two_qubit_gates[name])
    assert str(found.two_qubit_gates["binary"]) in str(found)
    binary = p.replace(domain=qd.Grid((-2, 2), 2, "walls"))
    same = qd.cost(binary, qd.Trotter(1), backend="ibm:fake_manila", shots=100, save=[0.4]).encodings
    assert same == found
