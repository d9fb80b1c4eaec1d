"""The run folders that are stored: finished, sent but not fetched, cut off at a known place, over their budget, cancelled."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from qiskit.quantum_info import SparsePauliOp

import qml_dynamics as qd
from qml_dynamics import ansatz, objectives
from qml_dynamics.backends.ibm import waiting
from qml_dynamics.backends.statevector import StatevectorBackend
from qml_dynamics.base.errors import BackendError, BudgetExceeded
from qml_dynamics.runs import Patience, ledger, units
from tests.runs.shared_runs import Device
from tests.runs.standin import cloud, set_state
from tests.stored.trajectories import bits, complex_start, generic, on_data, operator, own, rows, well

QUICK = Patience(attempts=4, first=0.0, longest=0.0, poll=0.0, longest_poll=0.0, settle=0.0, lock=20.0)

COMPILED_AGAIN = (
    "jobs_failed",
    "jobs_of_steps",
)  # circuits that the reader sends itself: the last bits decide their samples


@dataclass(frozen=True)
class Stored:
    """One run folder.

    Attributes:
        problem, method, shots, more: arguments of ``submit``.
        backend: a name, or ``"cloud"``, ``"zne"`` (the stand-in service) or ``"device"`` (a device without jobs).
        options: of the backend.
        state: how the folder was left, see ``leave``.
        at: how many calls of the backend a run that was killed has made.
    """

    problem: qd.Problem
    method: Any
    backend: str = "statevector"
    state: str = "fetched"
    at: int = 0
    shots: int = 200
    options: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)

    def arguments(self) -> dict[str, Any]:
        """Of ``evolve`` and ``submit`` alike."""
        return {"shots": self.shots, "seed": 11, "save": 2, **self.more}


def device(kind: str, root: Path, options: dict[str, Any] | None = None) -> Any:
    """The backend of a run whose files are in ``root``."""
    if kind in ("cloud", "zne"):
        return cloud(root / "service", **({"zne": (1, 3)} if kind == "zne" else {}))
    return Device(root / "ran.txt") if kind == "device" else qd.backend(kind, **(options or {}))


def by_name(kind: str) -> bool:
    """Whether ``open_run`` finds the backend by itself."""
    return kind not in ("cloud", "zne", "device")


def every_folder() -> dict[str, Stored]:
    """Name to run."""
    return {**_one_of_each(), **_backends(), **_cut_off(), **_jobs()}


def _one_of_each() -> dict[str, Stored]:
    """Every method that samples circuits, finished."""
    real = operator("real", complex_start())
    layered = ansatz.hardware_efficient(0)
    linear = well("imaginary", diffusion=0.6, strength=0.5, initial=qd.Gaussian(-0.6, 0.9))
    block = qd.ProbabilisticITE(1.0, 2, block="exact")
    batches = on_data(objectives.neuron(*rows()), 2)
    return {
        "multi_product": Stored(well(), qd.MultiProduct((1, 2))),
        "qdrift": Stored(real, qd.QDrift(6, circuits=3, seed=5)),
        "random_order": Stored(real, qd.RandomOrder(2, circuits=3)),
        "schrodingerised": Stored(bits(), qd.Schrodingerised(5, 2)),
        "probabilistic": Stored(operator(), qd.ProbabilisticITE(0.8, 2)),
        "qite": Stored(operator(), qd.QITE(2, 2)),
        "double_bracket": Stored(operator(), qd.DoubleBracket(1)),
        "growing_trotter": Stored(well(), qd.Growing(qd.Trotter(2), start=2, schedule=[(0.3, 3)])),
        "koopman": Stored(well("classical"), qd.KoopmanVonNeumann(2, momentum_qubits=4)),
        "bridge": Stored(linear, qd.SchrodingerBridge(qd.Gaussian(0.7, 0.8), block), shots=4000),
        "variational_layers": Stored(
            operator(),
            qd.Variational(layered, 2, regularisation=qd.Cutoff(1e-3), metric="hadamard", theta0=(0.3, -0.2)),
        ),
        "variational_parts": Stored(
            operator(),
            qd.Variational(ansatz.hamiltonian(1, separate=True, spread=0.5), 1, metric="spsa", resamplings=2),
            shots=60,
        ),
        "variational_own": Stored(operator(), qd.Variational(own(), 2, regularisation=qd.Cutoff(1e-3))),
        "function": Stored(_function(), qd.Trotter(1)),
        "observables": Stored(well(), qd.Trotter(1), more={"observables": _observables()}),
        "trotter": Stored(well(), qd.Trotter(2), more={"save": [0.0, 0.25, 0.6], "max_shots": 10_000}),
        "mini_batch": Stored(batches, qd.MiniBatch(2, 3, circuits=2)),
        "mini_batch_submitted": Stored(batches, qd.MiniBatch(2, 3, circuits=2), state="submitted"),
    }


def _function() -> qd.Problem:
    """A loss of one's own and a start from an array."""
    grid = qd.Grid([(-2, 2), (-1, 1)], (2, 1))
    start = qd.State([[1, 2], [3j, 1], [2, 2 - 1j], [1, 4]])
    return qd.Problem(
        grid, lambda w: w[:, 0] ** 2 - w[:, 1], qd.Linear(0.4, 0.2), clock="real", duration=0.5, initial=start
    )


def _observables() -> dict[str, Any]:
    odd = qd.of_momenta(lambda k: k[:, 0] ** 3)
    return {"w": lambda w: w[:, 0], "k": odd, "o": SparsePauliOp(["XYZ", "IIZ"], [1.0, -0.5])}


def _backends() -> dict[str, Stored]:
    manila = {"readout_mitigation": "reported", "layout": (4, 3, 2), "optimization_level": 1}
    return {
        "on_aer": Stored(well(), qd.Trotter(1), "aer", "submitted"),
        "on_noise": Stored(well(), qd.Trotter(1), "aer:noise=fake_manila", "submitted"),
        "on_pennylane": Stored(well(), qd.Trotter(1), "pennylane:default.qubit", "submitted"),
        "on_ibm_aer": Stored(well(), qd.Trotter(1), "ibm:aer", "submitted"),
        "on_ibm_fake": Stored(well(), qd.Trotter(1), "ibm:fake_manila", "submitted", options=manila),
    }


def _cut_off() -> dict[str, Stored]:
    """Left by a process that was killed, or told to spend no more."""
    random: dict[str, Any] = {"metric": "spsa", "resamplings": 2, "regularisation": 1e-2}
    steps = qd.Variational(generic(), 2, **random)
    layers = ansatz.hardware_efficient(0, ("ry", "rz"))
    turned = operator(initial=complex_start())
    spsa = qd.Variational(layers, 2, theta0=(0.3, 0.67, 1.04, 1.41), **random)
    shift = qd.Variational(ansatz.hardware_efficient(0), 2, regularisation=1e-3)
    return {
        "killed_between": Stored(well(), qd.Trotter(2), state="killed", at=1, more={"save": 3}),
        "killed_two_calls": Stored(well(), qd.MultiProduct((1, 2)), state="killed", at=3),
        "killed_qite": Stored(operator(), qd.QITE(2, 2), state="killed", at=3),
        "killed_variational": Stored(turned, spsa, state="killed", at=15),
        "killed_shift": Stored(operator(), shift, state="killed", at=5),
        "killed_own_circuit": Stored(operator(), steps, state="killed", at=22),
        "killed_on_a_device": Stored(well(), qd.Trotter(1), "device", "killed", at=2),
        "over_budget": Stored(well(), qd.Trotter(2), state="over budget", more={"max_shots": 100}),
        "cancelled": Stored(well(), qd.Trotter(2), state="cancelled", more={"max_shots": 100}),
    }


def _jobs() -> dict[str, Stored]:
    """With jobs of the stand-in service."""
    one = qd.Problem.from_operator([[1.0, 0.5], [0.5, -1.0]], clock="imaginary", duration=0.3)
    steps = qd.Variational(ansatz.hardware_efficient(0), steps=1)
    return {
        "jobs_queued": Stored(well(), qd.Trotter(1), "cloud", "queued", shots=60),
        "jobs_partly": Stored(well(), qd.Trotter(1), "cloud", "partly", shots=60),
        "jobs_failed": Stored(well(), qd.Trotter(1), "cloud", "failed", shots=60),
        "jobs_of_steps": Stored(one, steps, "cloud", "queued", shots=60),
        "jobs_of_estimator": Stored(operator("real", complex_start()), qd.Trotter(1), "zne", "partly", shots=200),
    }


def answer(stored: Stored, scratch: Path) -> qd.Trajectory:
    """The same run without a break, in another folder."""
    more = {k: v for k, v in stored.more.items() if k != "max_shots"}
    found = _submit(replace(stored, more=more), scratch).fetch(wait=True)
    assert found is not None
    return found


def leave(stored: Stored, root: Path) -> None:
    """Make the folder ``root/run`` and leave it in its state."""
    ledger.owner = lambda: "host:1"  # no name of a machine in a file that is kept
    waiting.FIRST_PAUSE = 0.0
    if stored.state == "killed":
        _killed(stored, root)
        return
    try:
        run = _submit(stored, root)
    except BudgetExceeded:
        run = qd.open_run(root / "run")
    if stored.state == "fetched":
        assert run.fetch(wait=True) is not None
    elif stored.state == "cancelled":
        run.cancel()
    elif stored.state in ("partly", "failed"):
        first = str(run.status(ask=False).batches[0].job_id)
        set_state(run.given, first, "DONE" if stored.state == "partly" else "ERROR")
        with suppress(BackendError):
            assert run.fetch() is None


def _submit(stored: Stored, root: Path) -> Any:
    where = device(stored.backend, root, stored.options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return qd.submit(
            stored.problem,
            stored.method,
            backend=where,
            folder=root / "run",
            patience=QUICK,
            quiet=True,
            **stored.arguments(),
        )


def _killed(stored: Stored, root: Path) -> None:
    """Submit in a process that is killed as soon as it calls the backend for the ``at + 1``-th time."""
    child = os.fork()
    if child == 0:
        units.GROUP = 2  # more batches to lose
        kill_at(stored.at)
        try:
            _submit(stored, root)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status), f"{root} was not killed"


def kill_at(at: int) -> None:
    """Kill this process as soon as it samples on the statevector simulator for the ``at + 1``-th time."""
    sample: Callable[..., Any] = StatevectorBackend.sample
    calls = [0]

    def counted(self: Any, *given: Any) -> Any:
        if calls[0] == at:
            os.kill(os.getpid(), signal.SIGKILL)
        calls[0] += 1
        return sample(self, *given)

    StatevectorBackend.sample = counted  # type: ignore[method-assign]
