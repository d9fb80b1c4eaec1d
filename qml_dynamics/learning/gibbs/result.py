"""`GibbsResult`, and how laws with their errors are read from the outcomes of a circuit."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...backends import Backend
from ...backends import opened as find_backend
from ...backends.base import BackendLike
from ...base.errors import MethodError, UnusedArgumentWarning, integer
from ...base.estimate import Estimate, share_error
from ...base.printing import printed_briefly
from ...methods.base import Method
from ...methods.evolution import circuits as circuits_of
from ...methods.gate import check_law, check_numbers
from ...model.problem import Problem
from ...results.trajectory import Trajectory

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


@printed_briefly
@dataclass(frozen=True, eq=False)
class GibbsResult:
    """A law over labels (or weights) and what the circuit that gave it cost.

    Attributes:
        probabilities: the law; for :func:`thermal` of shape ``domain.shape``.
        stderr: standard errors, 0 for exact results.
        log_partition: ``log sum_i e^{-beta E_i}`` (:func:`thermal`: of the trace).
        success_probability: share of the samples that are kept: ``Z / (N e^{-beta E_min})``.
        circuit: unmeasured (None where there is none); labels on the lowest qubits, the ancilla (or ancillas) above them.
        reading: ``"born"`` or ``"population"``.
        beta, tau: inverse temperature of the law, and the imaginary time that gives it in this reading.
        log_partition_stderr, success_stderr: standard errors.
        shots, kept: samples taken and kept (None for exact results).
        energy: ``Tr(H e^{-beta H}) / Z`` of a thermal state of an operator, or by a method; None where it is not measured.

    Raises:
        MethodError: the law is not finite or not of sum 1, or a number beside it is not finite.
    """

    probabilities: np.ndarray
    stderr: np.ndarray
    log_partition: float
    success_probability: float
    circuit: QuantumCircuit | None
    reading: str
    beta: float
    tau: float
    log_partition_stderr: float = 0.0
    success_stderr: float = 0.0
    shots: int | None = None
    kept: int | None = None
    energy: Estimate | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "probabilities", check_law(self.probabilities, "beta"))
        names = ("stderr", "log_partition", "success_probability", "log_partition_stderr", "success_stderr")
        check_numbers({name: getattr(self, name) for name in names}, "beta")
        if self.energy is not None:
            check_numbers({"the energy": self.energy.value}, "beta")

    def __str__(self) -> str:
        how = "exact" if self.shots is None else f"{self.kept} of {self.shots} shots kept"
        return (
            f"Gibbs law of {self.probabilities.size} at beta = {self.beta:g} ({self.reading} reading, tau = {self.tau:g}), {how}: "
            f"log Z = {self.log_partition:.6g}, success probability {self.success_probability:.4g}"
        )


class Outcomes:
    """The outcomes of a circuit whose highest qubit is the ancilla."""

    def __init__(
        self, circuit: QuantumCircuit, labels: int, backend: BackendLike | None, shots: int | None, seed: int | None
    ) -> None:
        self.circuit, self.labels = circuit, labels
        self.shots = None if shots is None else integer(shots, "shots", 1, 10**9, MethodError)
        device: Backend = find_backend(backend if backend is not None else "statevector")
        half = 1 << (circuit.num_qubits - 1)
        if self.shots is None:
            warn_of_seed(seed, 4)
            every = np.asarray(device.probabilities([circuit])[0])
        else:
            counts = device.sample([circuit], self.shots, [one_seed(seed)])[0]
            every = np.bincount(counts.index, weights=counts.count, minlength=2 * half)
        inside = every[:half][:labels]  # ancilla 0; labels beyond the last hold noise only
        total = float(inside.sum())
        self.kept = None if self.shots is None else round(total)
        if total <= 0:
            raise MethodError(f"Argument `shots` must be larger: none of {shots} was kept.")
        self.success = total / (1.0 if self.shots is None else self.shots)
        self.frequencies = inside / total

    def born(self) -> tuple[np.ndarray, np.ndarray]:
        """Frequencies and their standard errors."""
        p = self.frequencies
        return p, law_errors(p, self.kept)

    def _success_error(self) -> float:
        return 0.0 if self.shots is None else float(share_error(self.success, self.shots))

    def result(
        self, law: tuple[np.ndarray, np.ndarray], reading: str, beta: float, tau: float, offset: float
    ) -> GibbsResult:
        """``log Z = log success + offset``."""
        error, log_z = self._success_error(), float(np.log(self.success) + offset)
        return GibbsResult(
            *law, log_z, self.success, self.circuit, reading, beta, tau,
            error / self.success, error, self.shots, self.kept,
        )  # fmt: skip

    def population(self, beta: float, tau: float, top: float) -> GibbsResult:
        """``psi / sum psi`` from ``psi^2``: errors go through the square root."""
        root = np.sqrt(self.frequencies)
        total = float(root.sum())
        law = root / total
        stderr, spread = np.zeros(law.size), 0.0
        if self.kept is not None:
            share = float(self.frequencies[1])
            slope = 0.5 / max(share * (1 - share), 0.25 / self.kept) ** 0.5 / total**2
            stderr[:] = slope * share_error(share, self.kept)
            spread = abs(0.5 / max(root[1], 1e-9) - 0.5 / max(root[0], 1e-9)) / total
            spread *= float(share_error(share, self.kept))
        error = self._success_error()
        log_z = float(0.5 * np.log(2 * self.success) + top + np.log(total))
        return GibbsResult(
            law, stderr, log_z, self.success, self.circuit, "population", beta, tau,
            float(np.hypot(0.5 * error / self.success, spread)), error, self.shots, self.kept,
        )  # fmt: skip


def one_seed(seed: int | None) -> int:
    """A seed of one circuit below 2^62 from that of a call (None: a fresh one); raises :class:`MethodError` unless it is an integer."""
    if seed is not None:
        seed = integer(seed, "seed", 0, 2**128, MethodError)
    return int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> np.uint64(2))


def warn_of_seed(seed: int | None, frames: int) -> None:
    """Tell of a seed that an exact law does not use; the public function stands so many frames above (its argument check is one)."""
    if seed is None:
        return
    integer(seed, "seed", 0, 2**128, MethodError)
    text = "Argument `seed` takes no part: an exact law draws nothing."
    warnings.warn(text, UnusedArgumentWarning, stacklevel=frames + 1)


def law_errors(law: np.ndarray, kept: int | None) -> np.ndarray:
    """Standard errors of frequencies out of so many kept samples; 0 for exact laws."""
    return np.zeros(law.shape) if kept is None else np.asarray(share_error(law, kept))


def from_run(
    run: Trajectory, law: np.ndarray, beta: float, size: int, circuit: QuantumCircuit | None, shots: int | None
) -> GibbsResult:
    """The law of a run of imaginary time ``beta / 2`` from a uniform start over ``size`` labels: ``log Z = 2 log_norm + log size``."""
    kept = None if run.counts is None else run.counts["weight"][-1].shots
    success = float(np.ravel(run.diagnostics.get("success_probability", 1.0))[-1])
    exact = shots is None or "success_probability" not in run.diagnostics
    spread = 0.0 if exact else float(share_error(success, shots or 1))
    error = float(np.ravel(run.diagnostics.get("log_norm_stderr", 0.0))[-1])
    log_z = 2 * float(run.log_norm[-1]) + float(np.log(size))
    return GibbsResult(
        law, law_errors(law, kept), log_z, success, circuit, "born", beta, 0.5 * beta, 2 * error, spread, shots, kept,
        run.expectations["energy"][-1],
    )  # fmt: skip


def circuit_of(problem: Problem, method: Method) -> QuantumCircuit | None:
    """The circuit of a method that has one."""
    on_circuits = method.facts().runs_on == "backend"
    return circuits_of(problem, method, [problem.duration])[-1] if on_circuits else None
