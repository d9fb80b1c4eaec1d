"""A run in a folder gives what `evolve` gives; every verb can be called from any process, as often as one likes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit.quantum_info import SparsePauliOp
from shared_runs import METHOD, QUICK, Device, moved, same, spins, well
from standin import cloud, set_state

import qml_dynamics as qd
from qml_dynamics.backends.device.report import quantum_seconds
from qml_dynamics.base.errors import BackendError, BudgetExceeded, JobLost, MethodError, ProblemError
from qml_dynamics.results.sampling import draw
from qml_dynamics.results.trajectory import Counts
from qml_dynamics.runs import cancel, fetch, open_run, resume, status, submit
from qml_dynamics.runs.ledger import Ledger

ASK: dict[str, Any] = {"shots": 120, "seed": 5, "save": 3}


def test_equals_evolve_on_the_stand_in_service(tmp_path: Path) -> None:
    seen = {"x": lambda w: w[:, 0], "p": lambda k: k[:, 0], "zx": SparsePauliOp(["IIZ", "IXX"], [1.0, 0.5])}
    backend = cloud(tmp_path / "service")
    run = submit(well(), METHOD, backend=backend, folder=tmp_path / "run", observables=seen, patience=QUICK, **ASK)
    assert run.status(ask=False).count("queued") == len(run.status(ask=False).batches) == 6
    got = open_run(tmp_path / "run", backend=cloud(tmp_path / "service"), patience=QUICK).fetch(wait=True)
    direct = qd.evolve(well(), METHOD, backend=cloud(tmp_path / "other"), observables=seen, **ASK)
    assert got is not None
    same(got, direct)
    assert moved(got)
    assert got.provenance["run"]["batches"][1]["job"] == run.status(ask=False).batches[1].job_id
    assert got.provenance["seconds"] == pytest.approx(6 * 1.25)  # what the service says it charged
    assert got.provenance["seed"] == 5
    compiled = got.provenance["run"]["batches"][0][
        "compiled"
    ]  # by the process that sent it, not by the one that fetched
    assert compiled["levels"] == [1]
    assert compiled["two_qubit_gates"] > 0


@pytest.mark.parametrize(
    "name", ["aer:density_matrix", "ibm:fake_manila", "aer:noise=fake_manila", "pennylane:default.qubit"]
)
def test_equals_evolve_without_jobs(tmp_path: Path, name: str) -> None:
    run = submit(well(), METHOD, backend=name, folder=tmp_path / "run", **ASK)
    assert run.status().complete
    got = open_run(tmp_path / "run").fetch()
    assert got is not None
    assert moved(got)
    if name != "pennylane:default.qubit":  # an exact one samples its waves in `evolve`: see the next test
        same(got, qd.evolve(well(), METHOD, backend=name, **ASK))


def test_exact_simulators_draw_the_same_samples_of_the_weights(tmp_path: Path) -> None:
    """In the dual basis the outcomes are numbered otherwise on a device, so the same seed draws other samples of the same law."""
    got = submit(well(), METHOD, backend="statevector", folder=tmp_path / "run", **ASK).fetch()
    direct = qd.evolve(well(), METHOD, backend="statevector", **ASK)
    assert got is not None
    assert got.counts is not None
    assert direct.counts is not None
    for a, b in zip(got.counts["weight"], direct.counts["weight"], strict=True):
        np.testing.assert_array_equal(a.count, b.count)
    kinetic, other = got.expectations["kinetic"], direct.expectations["kinetic"]
    assert np.all(np.abs(kinetic.value - other.value) < 5 * np.hypot(kinetic.stderr, other.stderr))


class Amplitudes:
    """An exact backend of somebody else, which draws its samples in a way of its own; it counts how often it is asked for them."""

    name, exact, noisy = "amplitudes", True, False

    def __init__(self, seeding: str) -> None:
        self.seeding, self.asked = seeding, 0

    def states(self, pieces: Any, on_step: Any) -> Any:
        return qd.backend("statevector").states(pieces, on_step)

    def probabilities(self, circuits: Any) -> Any:
        return qd.backend("statevector").probabilities(circuits)

    def sample(self, circuits: Any, shots: int, seeds: Any) -> list[Counts]:
        self.asked += 1
        own = np.random.default_rng(list(seeds) if self.seeding == "batch" else 1)
        return [draw(law, shots, int(own.integers(2**60))) for law in self.probabilities(circuits)]

    def describe(self) -> dict[str, Any]:
        return {"name": self.name}


EXACT_RUNS: dict[str, tuple[qd.Problem, Any]] = {
    "loss": (well(), METHOD),
    "walls": (well().replace(domain=qd.Grid((-2, 2), 3, boundary="walls")), METHOD),
    "operator": (qd.Problem.from_operator({"ZZ": 1.0, "XI": 0.5}, clock="real", duration=0.7), METHOD),
    "classical": (well().replace(clock="classical"), qd.KoopmanVonNeumann(2)),
}


@pytest.mark.parametrize("seeding", ["batch", "none"])
@pytest.mark.parametrize("run", EXACT_RUNS)
def test_amplitudes_of_somebody_else_are_sampled_here(tmp_path: Path, run: str, seeding: str) -> None:
    """In a folder as in `evolve`, and as those of the reference simulator: whatever the backend's own seeds decide."""
    problem, method = EXACT_RUNS[run]
    device = Amplitudes(seeding)
    got = submit(problem, method, backend=device, folder=tmp_path / "run", quiet=True, **ASK).fetch()
    ours = submit(problem, method, backend="statevector", folder=tmp_path / "ours", quiet=True, **ASK).fetch()
    direct = qd.evolve(problem, method, backend=Amplitudes(seeding), **ASK)
    assert got is not None
    assert ours is not None
    same(got, ours)
    assert got.counts is not None
    assert direct.counts is not None
    for a, b in zip(got.counts["weight"], direct.counts["weight"], strict=True):
        np.testing.assert_array_equal(a.index, b.index)
        np.testing.assert_array_equal(a.count, b.count)
    assert device.asked == 0
    assert len(got.counts["weight"][-1].index) > 1  # the draws could differ
    assert (device.sample([qd.circuits(problem, method)[-1]], 120, [1])[0].count.sum(), device.asked) == (120, 1)


def test_two_calls_go_out_at_once(tmp_path: Path) -> None:
    method = qd.MultiProduct((1, 2))
    backend = cloud(tmp_path / "service")
    run = submit(spins(), method, backend=backend, shots=90, seed=2, folder=tmp_path / "run", patience=QUICK)
    assert len(backend.service.tags()) == 4  # two numbers of steps, two saved times, two bases, two circuits a job
    got = run.fetch(wait=True)
    assert got is not None
    direct = qd.evolve(spins(), method, backend=cloud(tmp_path / "other"), shots=90, seed=2)
    same(got, direct)
    assert got.diagnostics["one_norm"] > 1


@pytest.mark.parametrize("jobs", [True, False])
def test_calls_that_depend_on_each_other_go_out_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: bool
) -> None:
    monkeypatch.setattr("qml_dynamics.runs.run.independent", lambda method: False)
    backend = cloud(tmp_path / "service") if jobs else qd.backend("aer:density_matrix")
    method, asked = qd.MultiProduct((1, 2)), {"shots": 90, "seed": 2}
    run = submit(spins(), method, backend=backend, folder=tmp_path / "run", patience=QUICK, **asked)
    if jobs:
        assert [b.status for b in run.status(ask=False).batches] == ["queued"] * 2  # the first call only
        for _ in range(3):
            assert run.fetch() is None
        assert [b.status for b in run.status(ask=False).batches] == ["finished"] * 2 + ["planned"] * 2
        assert len(backend.service.tags()) == 2  # fetch without waiting sends nothing
    got = run.fetch(wait=True)
    assert got is not None
    assert run.status().complete
    other = cloud(tmp_path / "other") if jobs else backend
    same(got, qd.evolve(spins(), method, backend=other, **asked))


def test_fetch_is_idempotent_and_asks_only_for_what_is_missing(tmp_path: Path) -> None:
    backend = cloud(tmp_path / "service")
    run = submit(well(), METHOD, backend=backend, folder=tmp_path / "run", patience=QUICK, **ASK)
    assert [run.fetch(), run.fetch()] == [None, None]  # queued, running
    asked: list[str] = []
    backend.service.faults["result"] = [
        lambda out: asked.append("first") or out,
        ConnectionResetError(),
        *[ValueError("broken")] * 2,
    ]
    with pytest.raises(BackendError, match="broken"):
        run.fetch()
    assert run.status(ask=False).done == 1
    backend.service.faults["result"] = [lambda out: asked.append("again") or out] * 9
    first = run.fetch()
    assert asked == ["first", "again", "again"]
    backend.service.faults["job"] = [ValueError("nobody may ask any more")]
    second = run.fetch(wait=True)
    assert first is not None
    assert second is not None
    same(first, second)
    same(first, qd.load(tmp_path / "run"))


def test_waiting_ends_at_its_timeout_and_can_be_taken_up(tmp_path: Path) -> None:
    backend = cloud(tmp_path / "service")
    run = submit(well(), METHOD, backend=backend, folder=tmp_path / "run", patience=QUICK, **ASK)
    for batch in run.status(ask=False).batches:
        set_state(backend, str(batch.job_id), "RUNNING")
    assert run.fetch(wait=True, timeout=0.05) is None
    for batch in run.status(ask=False).batches:
        set_state(backend, str(batch.job_id), "DONE")
    assert run.fetch(wait=True) is not None


def test_the_same_submit_goes_on_and_another_one_is_refused(tmp_path: Path) -> None:
    backend = cloud(tmp_path / "service")
    first = submit(well(), METHOD, backend=backend, folder=tmp_path / "run", patience=QUICK, **ASK)
    second = submit(well(), METHOD, backend=backend, folder=tmp_path / "run", patience=QUICK, **ASK)
    unseeded = submit(well(), METHOD, backend=backend, folder=tmp_path / "run", patience=QUICK, shots=120, save=3)
    assert first.statement.run == second.statement.run == unseeded.statement.run
    assert unseeded.statement.seed == 5
    assert len(backend.service.tags()) == 3
    others: list[tuple[str, dict[str, Any]]] = [
        ("seed", {**ASK, "seed": 6}),
        ("shots", {**ASK, "shots": 121}),
        ("saves", {**ASK, "save": 4}),
        ("observables", {**ASK, "observables": {"x": lambda w: w[:, 0]}}),
    ]
    for word, asked in others:
        with pytest.raises(ProblemError, match=f"differs in {word}"):
            submit(well(), METHOD, backend=backend, folder=tmp_path / "run", **asked)
    with pytest.raises(ProblemError, match="differs in backend"):
        submit(well(), METHOD, backend="aer", folder=tmp_path / "run", **ASK)
    with pytest.raises(ProblemError, match="differs in method, problem"):
        submit(well(), qd.Trotter(2), backend=backend, folder=tmp_path / "run", **ASK)
    with pytest.raises(ProblemError, match="differs in problem"):
        submit(well().replace(diffusion=0.5), METHOD, backend=backend, folder=tmp_path / "run", **ASK)
    assert len(backend.service.tags()) == 3


def test_a_job_that_ended_badly_costs_only_itself(tmp_path: Path) -> None:
    backend = cloud(tmp_path / "service")
    run = submit(well(), METHOD, backend=backend, folder=tmp_path / "run", patience=QUICK, **ASK)
    ids = [str(b.job_id) for b in run.status(ask=False).batches]
    set_state(backend, ids[0], "ERROR")
    set_state(backend, ids[2], "CANCELLED")
    with pytest.raises(BackendError, match=f"job {ids[0]}: failed; batch 2, job {ids[2]}: cancelled") as caught:
        run.fetch(wait=True)
    assert not isinstance(caught.value, JobLost)
    for _ in range(3):  # the others go on
        with pytest.raises(BackendError):
            run.fetch()
    assert run.status().done == 1
    assert run.resume().done == 1  # nothing is sent again unasked
    assert len(backend.service.tags()) == 3
    assert run.resume(resend=True).count("queued") == 2
    assert len(backend.service.tags()) == 5
    got = run.fetch(wait=True)
    assert got is not None
    same(got, qd.evolve(well(), METHOD, backend=cloud(tmp_path / "other"), **ASK))
    assert run.status().shots == 5 * 2 * 120


def test_a_lost_job_is_named_and_one_that_comes_back_is_taken(tmp_path: Path) -> None:
    backend = cloud(tmp_path / "service")
    run = submit(well(), METHOD, backend=backend, folder=tmp_path / "run", patience=QUICK, **ASK)
    lost = str(run.status(ask=False).batches[1].job_id)
    set_state(backend, lost, None)
    with pytest.raises(JobLost, match=lost):
        run.fetch(wait=True)
    assert run.status(ask=False).count("lost") == 1
    (tmp_path / "service" / f"{lost}.gone").rename(tmp_path / "service" / f"{lost}.json")
    assert run.fetch(wait=True) is not None
    assert len(backend.service.tags()) == 3


def test_cancel(tmp_path: Path) -> None:
    backend = cloud(tmp_path / "service")
    run = submit(well(), METHOD, backend=backend, folder=tmp_path / "run", patience=QUICK, **ASK)
    set_state(backend, str(run.status(ask=False).batches[0].job_id), "DONE")
    after = cancel(tmp_path / "run", backend=backend, patience=QUICK)
    assert after.count("cancelled") == 2
    with pytest.raises(BackendError, match="cancelled"):
        run.fetch()
    assert run.status().done == 1  # what was done is kept
    assert resume(tmp_path / "run", backend=backend, patience=QUICK).count("cancelled") == 2


def test_shots_are_budgeted_before_anything_is_sent(tmp_path: Path) -> None:
    backend = cloud(tmp_path / "service")
    with pytest.raises(BudgetExceeded, match=r"720 shots and 0 are spent, but `max_shots` is 719. Nothing was sent"):
        submit(well(), METHOD, backend=backend, folder=tmp_path / "run", max_shots=719, patience=QUICK, **ASK)
    assert backend.service.tags() == []
    now = status(tmp_path / "run", backend=backend)
    assert now.count("planned") == 3
    after = resume(tmp_path / "run", max_shots=720, backend=backend, patience=QUICK)
    assert after.count("queued") == 3
    assert open_run(tmp_path / "run").statement.max_shots == 720
    for batch in after.batches:
        set_state(backend, str(batch.job_id), "ERROR")
    with pytest.raises(BackendError):
        fetch(tmp_path / "run", backend=backend, patience=QUICK)
    with pytest.raises(BudgetExceeded, match="720 are spent"):  # a second sending counts too
        resume(tmp_path / "run", resend=True, backend=backend, patience=QUICK)
    assert len(backend.service.tags()) == 3


def test_seconds_are_budgeted_by_the_vendors_formula_and_by_what_was_charged(tmp_path: Path) -> None:
    """Two seconds a job, and pause and duration of every shot of the compiled circuits."""
    backend = cloud(tmp_path / "service")
    made = qd.circuits(well(), METHOD, times=3)
    busy = sum(quantum_seconds([c.circuit for c in backend.compiled([x])], 120, backend) for x in made)
    with pytest.raises(BudgetExceeded, match=r"6\.\d+ s on the device"):
        submit(well(), METHOD, backend=backend, folder=tmp_path / "run", max_seconds=6.1, patience=QUICK, **ASK)
    assert backend.service.tags() == []
    run = submit(well(), METHOD, backend=backend, folder=tmp_path / "run", max_seconds=6.5, patience=QUICK, **ASK)
    told = run.status(ask=False).seconds
    assert told == pytest.approx(6 + 2 * busy, rel=0.01)  # as many circuits again end in the dual basis
    assert 6 + 720 * 250e-6 < told < 6 + 720 * 350e-6
    run.fetch(wait=True)
    assert run.status().seconds == pytest.approx(3 * 1.25)


def test_seconds_of_a_simulator_are_measured(tmp_path: Path) -> None:
    device = Device(tmp_path / "ran.txt")
    with pytest.raises(BudgetExceeded, match="max_seconds"):
        submit(well(), METHOD, backend=device, folder=tmp_path / "run", max_seconds=1e-6, **ASK)
    assert len(device.ran()) == 1  # the first circuit took longer than all of it
    assert status(tmp_path / "run", backend=device).done == 1


def test_function_verbs_print_what_they_found(tmp_path: Path) -> None:
    backend = cloud(tmp_path / "service")
    submit(well(), METHOD, backend=backend, folder=tmp_path / "run", patience=QUICK, **ASK)
    text = str(status(tmp_path / "run", backend=backend))
    assert "0 of 3 batches done, 3 queued" in text
    assert "720 shots" in text
    early = fetch(tmp_path / "run", backend=backend, patience=QUICK)
    assert not early
    assert "under way" in str(early)
    late = fetch(tmp_path / "run", wait=True, backend=backend, patience=QUICK)
    assert late
    assert "3 of 3 batches done" in str(late)
    assert "energy" in str(late)


def test_every_change_is_in_the_ledger(tmp_path: Path) -> None:
    backend = cloud(tmp_path / "service")
    run = submit(well(), METHOD, backend=backend, folder=tmp_path / "run", patience=QUICK, **ASK)
    run.fetch(wait=True)
    ledger = Ledger(tmp_path / "run")
    story = [word for number, word, _ in ledger.events() if number == 0]
    ledger.close()
    assert story[:3] == ["planned", "intent", "submitted"]
    assert story[-1] == "finished"


def test_operators_and_waves_survive_the_folder(tmp_path: Path) -> None:
    wave = np.array([3, 1j, 0, 2, 0, 0, 1, 0]) / np.sqrt(15)
    operator = SparsePauliOp(["XXI", "IZZ", "ZIY"], [0.4, 0.9, -0.3])
    problem = qd.Problem.from_operator(operator, clock="real", duration=0.8, initial=wave)
    submit(problem, METHOD, backend="aer:density_matrix", folder=tmp_path / "run", **ASK)
    (tmp_path / "run" / "trajectory.npz").unlink(missing_ok=True)
    got = open_run(tmp_path / "run").fetch()
    assert got is not None
    assert moved(got)
    direct = qd.evolve(problem, METHOD, backend="aer:noise=fake_manila", **ASK)
    assert np.abs(got.expectations["energy"].value - direct.expectations["energy"].value).max() > 0  # other samples


@pytest.mark.parametrize("shots", [0, -5, 2.5, None, True])
def test_bad_shots(tmp_path: Path, shots: Any) -> None:
    with pytest.raises(MethodError, match="`shots` must be an integer"):
        submit(well(), METHOD, backend="aer", shots=shots, folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_bad_arguments(tmp_path: Path) -> None:
    for limits in ({"max_shots": 0}, {"max_shots": 1.5}, {"max_seconds": -1}, {"max_seconds": "ten"}):
        with pytest.raises(MethodError, match=next(iter(limits))):
            submit(well(), METHOD, backend="aer", shots=10, folder=tmp_path / "run", **limits)
    with pytest.raises(MethodError, match="samples circuits"):
        submit(well(), qd.SplitStep(4), backend="aer", shots=10, folder=tmp_path / "run")
    with pytest.raises(BackendError, match="Did you mean"):
        submit(well(), METHOD, backend="statevectr", shots=10, folder=tmp_path / "run")
    with pytest.raises(BackendError, match="None"):
        submit(well(), METHOD, backend=None, shots=10, folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    run = submit(well(), METHOD, backend="aer", shots=10, folder=tmp_path / "run")
    with pytest.raises(MethodError, match="timeout"):
        run.fetch(timeout=-1)
