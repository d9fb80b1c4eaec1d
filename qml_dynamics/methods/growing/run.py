"""Running `Growing`: which engine grows grid or ansatz, and the most work that a run can take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ... import synthesis
from ...base.errors import MethodError, require
from ...results.trajectory import Trajectory
from ..base import Answer, Job, Work
from ..from_samples import run as run_sampled
from ..from_waves import Waves, report_waves, run_waves
from ..split_step import SplitStep
from ..trotter import Trotter
from ..variational.options import Variational
from ..variational.run import engine as variational_engine
from .grown_circuits import circuits, work
from .grown_circuits import run as run_circuits
from .joint import run as run_joint
from .levels import Point
from .levels import run as run_grid
from .method import Growing

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


def run_growing(job: Job, growing: Growing) -> Answer:
    """Waves on the problem's grid, or samples of the grown circuits."""
    if isinstance(growing.method, Trotter) and not job.can.exact:
        return run_sampled(job, circuits(growing, job.problem, job.h, job.saves))

    def waves(inner: Job, saves: np.ndarray, out: Waves) -> Iterator[Point]:
        """The waves of the growing grid or ansatz at the times ``saves``: (time, wave, logarithm of the norm)."""
        return _engine(growing, inner, saves, out)

    resumes = not isinstance(growing.method, Trotter)  # whose circuit is simulated in one pass
    return report_waves(job, run_waves(job, waves, resumes=resumes))


def _engine(growing: Growing, job: Job, saves: np.ndarray, out: Waves) -> Iterator[Point]:
    if isinstance(growing.method, SplitStep):
        return run_grid(growing, job, saves.tolist(), out)
    if isinstance(growing.method, Trotter):
        return run_circuits(growing, job, saves.tolist(), out)
    if growing.start is not None:
        return run_joint(growing, job, saves.tolist(), out)
    return _grow_ansatz(growing.method, job, saves, out)


def _grow_ansatz(method: Variational, job: Job, saves: np.ndarray, out: Waves) -> Iterator[Point]:
    yield from variational_engine(method)(job, saves, out)
    count = out.diagnostics["num_parameters"]
    told = out.diagnostics["pool"]
    out.stop = f"{out.stop}; grown from {count[0]} to {count[-1]} parameters{told and f'; {told}'}"


def grown_circuit(run: Trajectory) -> QuantumCircuit:
    """The circuit of an ansatz that has grown, with the angles of its end: what stood at the start, then ``exp(-i theta P / 2)``.

    Raises:
        MethodError: the run is none of `Growing` around a `Variational` whose grid stays.
    """
    method = run.method
    grew = isinstance(method, Growing) and isinstance(method.method, Variational) and method.start is None
    require(grew and run.parameters is not None, "run", "be of Growing around a Variational", method, MethodError)
    assert isinstance(method, Growing)
    assert run.parameters is not None
    angles, names = run.parameters[-1], run.diagnostics["names"]
    fixed = method.method.ansatz.circuit(run.problem)
    circuit = fixed.assign_parameters(angles[: fixed.num_parameters])
    for angle, name in zip(angles[fixed.num_parameters :], names[fixed.num_parameters :]):
        for word in name.partition(": ")[2].split(" + "):
            letters = [(letter[0], 1 << int(letter[1:])) for letter in word.split()]
            x, z = (sum(bit for letter, bit in letters if letter in kinds) for kinds in ("XY", "ZY"))
            synthesis.imaginary.pauli_rotation(x, z, 0.5 * float(angle), circuit)
    return circuit


def circuits_growing(job: Job, growing: Growing) -> list[QuantumCircuit]:
    """The whole grown circuits, one a saved time."""
    return list(circuits(growing, job.problem, job.h, job.saves).circuits)


def work_growing(job: Job, growing: Growing) -> Work:
    """What a run takes at most."""
    return work(job, growing)
