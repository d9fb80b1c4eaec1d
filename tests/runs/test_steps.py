"""Runs whose circuits depend on outcomes (measured variational ones), and jobs of the vendor's estimator, in folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp
from shared_runs import METHOD, QUICK, moved, same, stepwise, well
from standin import cloud

import qml_dynamics as qd
from qml_dynamics.base.errors import BackendError, BudgetExceeded, MethodError, ProblemError
from qml_dynamics.runs import open_run, submit

ASK: dict[str, Any] = {"shots": 60, "seed": 5}


def own_circuit() -> QuantumCircuit:
    """Shared and scaled parameters, an asymmetric order of names."""
    circuit, b, a = QuantumCircuit(2), Parameter("b"), Parameter("a")
    circuit.ry(2 * b + a, 1)
    circuit.cx(1, 0)
    circuit.ry(a, 0)
    return circuit


def tilted() -> qd.Problem:
    return qd.Problem.from_operator(
        SparsePauliOp(["IZ", "XI", "ZZ"], [0.7, 0.4, -0.3]), clock="imaginary", duration=0.3
    )


@pytest.mark.parametrize(
    "method",
    [
        qd.Variational(qd.ansatz.hardware_efficient(1), steps=2, metric="spsa", resamplings=2),
        qd.Variational(
            qd.ansatz.hamiltonian(1, separate=True), steps=1, integrator="rk4", metric="spsa", resamplings=2
        ),
        qd.Variational(qd.ansatz.from_circuit(own_circuit(), [0.4, -0.7]), steps=2, regularisation=qd.Cutoff(1e-3)),
        qd.Variational(qd.ansatz.hardware_efficient(0), steps=2, theta0=[0.3, -0.2], metric="hadamard"),
    ],
    ids=["layers", "hamiltonian", "own circuit", "own start"],
)
@pytest.mark.filterwarnings("ignore:The ansatz starts")
def test_a_measured_variational_run_equals_evolve(tmp_path: Path, method: Any) -> None:
    run = submit(tilted(), method, backend="aer", folder=tmp_path / "run", **ASK)
    assert run.status().complete
    got = open_run(tmp_path / "run").fetch()
    direct = qd.evolve(tilted(), method, backend="aer", **ASK)
    assert got is not None
    same(got, direct)
    np.testing.assert_array_equal(got.parameters, direct.parameters)
    np.testing.assert_array_equal(got.diagnostics["bound"], direct.diagnostics["bound"])
    assert np.abs(got.parameters[-1] - got.parameters[0]).max() > 0.02
    again = submit(tilted(), method, backend="aer", folder=tmp_path / "run", **ASK)  # the same call is the same run
    assert again.statement.run == run.statement.run
    other = qd.Variational(method.ansatz, steps=method.steps + 1)
    with pytest.raises(ProblemError, match="differs in method"):
        submit(tilted(), other, backend="aer", folder=tmp_path / "run", **ASK)


def test_an_own_circuit_is_known_again_when_it_is_built_again(tmp_path: Path) -> None:
    def method(angle: float = 0.4) -> Any:
        circuit = own_circuit()
        circuit.rz(angle, 0)
        return qd.Variational(qd.ansatz.from_circuit(circuit, [0.4, -0.7]), steps=1, metric="spsa", resamplings=2)

    with pytest.warns(UserWarning, match="starts"):
        run = submit(tilted(), method(), backend="aer", folder=tmp_path / "run", **ASK)
    assert submit(tilted(), method(), backend="aer", folder=tmp_path / "run", **ASK).statement.run == run.statement.run
    with pytest.raises(ProblemError, match="differs in method"):
        submit(tilted(), method(0.41), backend="aer", folder=tmp_path / "run", **ASK)
    (tmp_path / "run" / "ansatz.qpy").write_bytes(b"no circuit")
    with pytest.raises(ProblemError, match="cannot be read"):
        open_run(tmp_path / "run")


def test_steps_go_out_in_waves(tmp_path: Path) -> None:
    problem, method = stepwise()
    backend = cloud(tmp_path / "service")
    run = submit(problem, method, backend=backend, folder=tmp_path / "run", patience=QUICK, quiet=True, **ASK)
    first = len(backend.service.tags())
    assert 0 < first == len(run.status(ask=False).batches)
    for _ in range(4):
        assert run.fetch() is None  # collects the first wave, and sends nothing
    assert len(backend.service.tags()) == first
    assert run.status(ask=False).count("finished") == first
    assert "resume" in str(run.status(ask=False))
    later = open_run(tmp_path / "run", backend=cloud(tmp_path / "service"), patience=QUICK)
    assert later.resume().count("queued") > 0
    assert len(backend.service.tags()) > first
    got = later.fetch(wait=True)
    direct = qd.evolve(problem, method, backend=cloud(tmp_path / "other"), **ASK)
    assert got is not None
    same(got, direct)
    np.testing.assert_array_equal(got.parameters, direct.parameters)
    assert np.abs(got.parameters[-1] - got.parameters[0]).max() > 0.02
    tags = backend.service.tags()
    assert len(tags) == len(set(tags)) == len(later.status().batches)


def test_the_budget_is_compared_with_all_steps(tmp_path: Path) -> None:
    problem, method = stepwise()
    total = qd.cost(problem, method, backend="aer", shots=60).shots
    with pytest.raises(BudgetExceeded, match=f"take {total:,} shots, but `max_shots` is {total - 1:,}"):
        submit(problem, method, backend="aer", folder=tmp_path / "run", max_shots=total - 1, **ASK)
    run = open_run(tmp_path / "run")
    assert run.status().batches == ()
    assert run.resume(max_shots=total).shots == total


def test_what_cannot_be_written_down_is_refused(tmp_path: Path) -> None:
    solver = qd.Variational(qd.ansatz.hardware_efficient(1), steps=1, regularisation=lambda a, b: b)
    with pytest.raises(MethodError, match="a number or a Cutoff"):
        submit(tilted(), solver, backend="aer", folder=tmp_path / "run", **ASK)

    class Own(qd.ansatz.HardwareEfficient):
        """An ansatz of a person's own."""

    with pytest.raises(MethodError, match=r"must come from qml_dynamics\.ansatz"):
        submit(tilted(), qd.Variational(Own(1), steps=1), backend="aer", folder=tmp_path / "run", **ASK)
    assert not (tmp_path / "run" / "run.json").exists()


def operator_problem() -> tuple[qd.Problem, Any]:
    wave = np.array([3, 1j, 0, 2]) / np.sqrt(14)
    operator = SparsePauliOp(["XX", "IZ", "ZY"], [0.4, 0.9, -0.3])
    return qd.Problem.from_operator(operator, clock="real", duration=0.8, initial=wave), qd.Trotter(1)


def test_jobs_of_the_estimator_survive_as_well(tmp_path: Path) -> None:
    problem, method = operator_problem()
    seen = {"zx": SparsePauliOp(["IZ", "XI"], [1.0, -0.5])}
    backend = cloud(tmp_path / "service", zne=(1, 3))
    ask = {"shots": 400, "seed": 5, "observables": seen}
    run = submit(problem, method, backend=backend, folder=tmp_path / "run", patience=QUICK, quiet=True, **ask)
    assert run.status(ask=False).count("queued") == len(backend.service.tags()) >= 3  # samples and estimates at once
    got = open_run(tmp_path / "run", backend=cloud(tmp_path / "service", zne=(1, 3)), patience=QUICK).fetch(wait=True)
    assert got is not None
    assert got.diagnostics["estimated"] == ("energy", "zx")
    assert got.provenance["backend_details"]["zne_by"]["operators"] == "runtime Estimator"
    direct = qd.evolve(problem, method, backend="statevector", observables=seen)
    for name in ("energy", "zx"):
        value, stderr = (np.asarray(getattr(got.expectations[name], part)) for part in ("value", "stderr"))
        assert np.all(stderr > 0)
        assert np.all(np.abs(value - direct.expectations[name].value) < 0.25 + 4 * stderr)
    assert moved(got)
    same(got, qd.evolve(problem, method, backend=cloud(tmp_path / "other", zne=(1, 3)), **ask))


def test_probabilistic_steps_keep_their_one_ancilla_in_a_folder(tmp_path: Path) -> None:
    bit = qd.Problem(qd.Hypercube(1), lambda w: w[:, 0], 0.3, clock="imaginary", duration=0.4)
    method = qd.ProbabilisticITE(m0=0.8, steps=3)
    run = submit(bit, method, backend="aer:density_matrix", folder=tmp_path / "run", **ASK)
    got = run.fetch()
    assert got is not None
    same(got, qd.evolve(bit, method, backend="aer:density_matrix", **ASK))
    assert 0 < got.diagnostics["success_probability"][-1] < 1


def test_the_cost_is_told_before_anything_is_sent(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = cloud(tmp_path / "service")
    told: list[str] = []
    accept = type(backend).submit
    monkeypatch.setattr(
        type(backend), "submit", lambda self, *rest: told.append(capfd.readouterr().err) or accept(self, *rest)
    )
    submit(well(), METHOD, backend=backend, folder=tmp_path / "run", patience=QUICK, **ASK)
    assert "best number of Trotter steps for its error rates" in told[0]
    assert "expected fidelity" in told[0]
    still = well().replace(duration=0.02)
    with pytest.warns(qd.NoiseFloorWarning, match="too noisy"):
        submit(still, METHOD, backend=backend, folder=tmp_path / "still", patience=QUICK, quiet=True, **ASK)
    assert capfd.readouterr().err == ""
    submit(well(), METHOD, backend="aer", folder=tmp_path / "simulated", **ASK)
    assert capfd.readouterr().err == ""  # a simulator costs nothing


def test_a_failed_job_of_a_step_stops_the_run_and_can_be_sent_again(tmp_path: Path) -> None:
    from standin import set_state

    problem, method = stepwise()
    backend = cloud(tmp_path / "service")
    run = submit(problem, method, backend=backend, folder=tmp_path / "run", patience=QUICK, quiet=True, **ASK)
    set_state(backend, str(run.status(ask=False).batches[1].job_id), "ERROR")
    with pytest.raises(BackendError, match="failed"):
        run.fetch(wait=True)
    run.resume(resend=True)
    got = run.fetch(wait=True)
    assert got is not None
    same(got, qd.evolve(problem, method, backend=cloud(tmp_path / "other"), **ASK))
