"""Softmax, sigmoid and thermal states as circuits: energies enter as rotations controlled on the label, never as amplitudes.

``p_i = e^{-beta E_i} / Z``. In the Born reading the wave over labels is ``e^{-tau E}`` and ``beta = 2 tau``; in the population
reading a walker on label i survives with probability ``e^{-tau E_i}`` and ``beta = tau``. One ancilla does both: it is turned
by ``2 acos(e^{-beta (E - E_min) / 2})`` and a sample is kept where it reads 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .backends import Backend
from .backends import backend as find_backend
from .domains import Hypercube
from .errors import MethodError, ProblemError, describe, integer, one_of, real, require
from .evolve import circuits as circuits_of
from .evolve import evolve
from .hamiltonian import LearningHamiltonian, hamiltonian
from .imaginary.purified import purified
from .imaginary_methods import IMAGINARY_METHODS
from .initial import State
from .objectives.tables import from_table
from .pauli import PauliSum, pauli_sum
from .problem import Problem
from .schedules import Constant

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

READINGS = ("born", "population")
LABELS = 1 << 12


@dataclass(frozen=True, eq=False)
class GibbsResult:
    """A law over labels (or weights) and what the circuit that gave it cost.

    Attributes:
        probabilities: the law; for :func:`thermal` of shape ``domain.shape``.
        stderr: standard errors, 0 for exact results.
        log_partition: ``log sum_i e^{-beta E_i}`` (:func:`thermal`: of the trace).
        success_probability: share of the samples that are kept: ``Z / (N e^{-beta E_min})``.
        circuit: unmeasured; labels on the lowest qubits, the ancilla (or ancillas) above them.
        reading: ``"born"`` or ``"population"``.
        beta, tau: inverse temperature of the law, and the imaginary time that gives it in this reading.
        log_partition_stderr, success_stderr: standard errors.
        shots, kept: samples taken and kept (None for exact results).
    """

    probabilities: np.ndarray
    stderr: np.ndarray
    log_partition: float
    success_probability: float
    circuit: QuantumCircuit
    reading: str
    beta: float
    tau: float
    log_partition_stderr: float = 0.0
    success_stderr: float = 0.0
    shots: int | None = None
    kept: int | None = None

    def __str__(self) -> str:
        how = "exact" if self.shots is None else f"{self.kept} of {self.shots} shots kept"
        return (
            f"Gibbs law of {self.probabilities.size} at beta = {self.beta:g} ({self.reading} reading, tau = {self.tau:g}), {how}: "
            f"log Z = {self.log_partition:.6g}, success probability {self.success_probability:.4g}"
        )


def softmax(
    energies: Any,
    beta: float,
    backend: Any = None,
    shots: int | None = None,
    seed: int | None = None,
    reading: str = "born",
    method: Any = None,
) -> GibbsResult:
    """``softmax(-beta E)`` by one uniformly controlled rotation of an ancilla (THEORY 3.13).

    Args:
        energies: finite numbers, one a label, at most 4096. A number of labels that is no power of two takes the next larger
            register, whose other states have no amplitude.
        beta: inverse temperature of the returned law in either reading, not negative.
        backend: a name or an object (None: ``"statevector"``).
        shots: samples, of which the kept ones give the law; None: exact probabilities.
        seed: of the samples.
        reading: ``"born"`` (``beta = 2 tau``) or ``"population"`` (``beta = tau``).
        method: an imaginary-time method, to have the law from :func:`evolve` on the label register instead; Born reading.

    Raises:
        ProblemError: no energies, an energy that is not a finite number, a negative beta.
        MethodError: no sample was kept, or the method does not fit.

    Source: quantum dynamic equation of learning, arXiv:2407.19890; uniformly controlled rotations, Mottonen et al., Phys.
    Rev. Lett. 93, 130502 (2004), arXiv:quant-ph/0404089.

    >>> softmax([0.3, 1.1, -0.4, 2.0], 1.7).probabilities.round(6).tolist()
    [0.217424, 0.055804, 0.714689, 0.012084]
    """
    levels, beta, reading = (
        _levels(energies),
        real(beta, "beta", nonnegative=True),
        one_of(reading, "reading", READINGS),
    )
    if method is not None:
        require(reading == "born", "reading", "be 'born' with a method", reading, MethodError)
        return _by_method(levels, beta, method, backend, shots, seed)
    from .synthesis.gibbs import softmax_circuit

    lowest = float(levels.min())
    circuit = softmax_circuit(beta * (levels - lowest))
    law = _Read(circuit, len(levels), backend, shots, seed)
    offset = np.log(len(levels)) - beta * lowest
    return law.result(law.born(), reading, beta, _tau(beta, reading), offset)


def sigmoid(
    z: float,
    beta: float = 1.0,
    hopping: float = 0.0,
    backend: Any = None,
    shots: int | None = None,
    seed: int | None = None,
    reading: str = "born",
) -> GibbsResult:
    """Two labels with energies 0 and -z: ``p_1 = sigmoid(beta z)``; with hopping D the quantum sigmoid (THEORY 3.14, 3.16).

    ``H = diag(0, -z) - D X`` from the uniform start. With ``a = sqrt(D^2 + z^2 / 4)``, ``nx = D / a``, ``nz = z / (2 a)``,
    ``c = cosh(a tau)``, ``s = sinh(a tau)``: ``p_1 = 1/2 [1 + (2 c s nz + 2 s^2 nx nz) / (c^2 + s^2 + 2 c s nx)]`` in the Born
    reading, which saturates at ``1/2 (1 + z / sqrt(z^2 + 4 D^2))``. In the population reading the law is ``psi / sum psi`` at
    ``tau = beta``: square roots of the kept frequencies.

    ``log_partition`` is ``log (2 <+|e^{-beta H}|+>)`` in the Born reading and ``log sum psi`` over ``sqrt(2) psi`` in the other; both are
    ``log (1 + e^{beta z})`` without hopping.

    Args:
        z: any finite number.
        beta: not negative.
        hopping: D, not negative.
        backend, shots, seed, reading: as for :func:`softmax`.

    >>> round(float(sigmoid(1.3, 1.6, hopping=0.5).probabilities[1]), 6)
    0.80318
    """
    z, beta = real(z, "z"), real(beta, "beta", nonnegative=True)
    d, reading = real(hopping, "hopping", nonnegative=True), one_of(reading, "reading", READINGS)
    if d == 0:
        return softmax([0.0, -z], beta, backend, shots, seed, reading)
    from .synthesis.gibbs import two_level_circuit

    tau = 0.5 * beta if reading == "born" else beta
    a = float(np.hypot(d, 0.5 * z))
    circuit = two_level_circuit(0.5 * z, d, 2 * a * tau)
    law = _Read(circuit, 2, backend, shots, seed)
    top = tau * (a + 0.5 * z)  # minus the lower energy, times tau
    if reading == "born":
        return law.result(law.born(), reading, beta, tau, np.log(2.0) + 2 * top)
    return law.population(beta, tau, top)


def thermal(
    problem: Problem,
    beta: float,
    steps: int = 16,
    backend: Any = None,
    shots: int | None = None,
    seed: int | None = None,
    method: Any = None,
) -> GibbsResult:
    """``<w|e^{-beta H}|w> / Z`` by purification: imaginary time ``beta / 2`` on one half of Bell pairs (THEORY 3.17).

    The factors of ``steps`` Strang steps are exact blocks of :class:`ProbabilisticITE` with ``m0 = 1``, so that the error is the
    splitting's, of order two; without diffusion there is none. The Hamiltonian is that at time 0.

    Args:
        problem: a learning problem; its clock, duration and initial wave do not matter.
        beta: inverse temperature, positive.
        steps: Strang steps in ``beta / 2``.
        backend: None (the same factors by the classical transform), an exact backend (blocks are projected one by one), or one
            that measures in the middle of circuits, or, for few blocks, any (one ancilla a block).
        shots, seed: as for :func:`softmax`.
        method: a method of imaginary time that runs operators on the register and its partners instead of the blocks, such as
            ``Variational(boltzmann.Purified(qubits), steps)``; up to 6 qubits.

    Raises:
        ProblemError: beta is not positive, or the problem has a general operator.

    >>> from qml_dynamics import Hypercube, Problem
    >>> spins = Problem(Hypercube(2), lambda w: w[:, 0] - 0.5 * w[:, 0] * w[:, 1], 0.0, clock="imaginary", duration=1.0)
    >>> energies = spins.objective.on(spins.domain)
    >>> bool(abs(thermal(spins, 1.2).probabilities - np.exp(-1.2 * energies) / np.exp(-1.2 * energies).sum()).max() < 1e-12)
    True
    """
    beta = real(beta, "beta", positive=True)
    steps = integer(steps, "steps", 1, 10**5, MethodError)
    shots = None if shots is None else integer(shots, "shots", 1, 10**9, MethodError)
    h = hamiltonian(problem)
    if not isinstance(h, LearningHamiltonian):
        raise ProblemError("Argument `problem` must have an objective for a thermal state, but has a general operator.")
    if method is not None:
        return _thermal_by_method(h, beta, method, backend, shots, seed)
    device = None if backend is None else find_backend(backend)
    seen = purified(problem, h, beta, steps, device, shots, _one_seed(seed))
    law, success, kept = seen.law, seen.success, seen.kept
    d, s = h.coefficients(0.0)
    floor = d * float(h.dual.min()) + (s * float(h.zeta.min()) if s >= 0 else s * float(h.zeta.max()))
    offset = float(np.log(problem.domain.size)) - beta * floor
    error = 0.0 if shots is None else float(np.sqrt(success * (1 - success) / shots))
    stderr = np.zeros(law.shape) if kept is None else np.sqrt(law * (1 - law) / kept)
    return GibbsResult(
        law, stderr, float(np.log(success)) + offset, success, seen.circuit, "born", beta, 0.5 * beta,
        error / success, error, shots, kept,
    )  # fmt: skip


_PAIRS = 6


def _thermal_by_method(
    h: LearningHamiltonian, beta: float, method: Any, backend: Any, shots: int | None, seed: int | None
) -> GibbsResult:
    """The law of the register from ``evolve`` of ``H (x) 1`` on Bell pairs; the register is the low half of the qubits."""
    n, size = h.num_qubits, h.domain.size
    require(n <= _PAIRS, "problem", f"have at most {_PAIRS} qubits with a method", n)
    terms = pauli_sum(h.matrix(0.0))
    wide = PauliSum(2 * n, terms.x, terms.z, terms.coefficients)
    pairs = State(np.eye(size).reshape(-1))
    problem = Problem(
        Hypercube(2 * n), None, Constant(0.0), clock="imaginary", duration=0.5 * beta, initial=pairs, operator=wide
    )
    run = evolve(problem, method, backend=backend, shots=shots, seed=seed, save=[0.5 * beta])
    law = run.density[-1].reshape(size, size).sum(axis=0).reshape(h.domain.shape)
    kept = None if run.counts is None else run.counts["weight"][-1].shots
    stderr = np.zeros(law.shape) if kept is None else np.sqrt(law * (1 - law) / kept)
    success = float(np.ravel(run.diagnostics.get("success_probability", 1.0))[-1])
    error = float(np.ravel(run.diagnostics.get("log_norm_stderr", 0.0))[-1])
    log_z = 2 * float(run.log_norm[-1]) + float(np.log(size))
    made = _circuit_of(problem, method)
    if made is None and run.parameters is not None and hasattr(method, "ansatz"):
        made = method.ansatz.circuit(problem)
        angles = run.parameters[-1]
        made = made.assign_parameters(angles) if made.num_parameters == len(angles) else None  # it may have grown
    return GibbsResult(law, stderr, log_z, success, made, "born", beta, 0.5 * beta, 2 * error, 0.0, shots, kept)


def _one_seed(seed: int | None) -> int:
    if seed is not None:
        seed = integer(seed, "seed", 0, 2**128, MethodError)
    return int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> np.uint64(2))


def _tau(beta: float, reading: str) -> float:
    return 0.5 * beta if reading == "born" else beta


def _levels(energies: Any) -> np.ndarray:
    try:
        levels = np.asarray(energies, dtype=float)
    except (TypeError, ValueError):
        raise ProblemError(f"Argument `energies` must be numbers, but is {describe(energies)}.") from None
    require(levels.ndim == 1 and levels.size > 0, "energies", "be a list of at least one number", energies)
    require(levels.size <= LABELS, "energies", f"have at most {LABELS} labels", levels.size)
    bad = np.flatnonzero(~np.isfinite(levels))
    require(
        not bad.size, "energies", "be finite", f"of entry {levels[bad[0]] if bad.size else 0} at {bad[:1].tolist()}"
    )
    return levels


class _Read:
    """The outcomes of a circuit whose highest qubit is the ancilla."""

    def __init__(self, circuit: QuantumCircuit, labels: int, backend: Any, shots: int | None, seed: int | None) -> None:
        self.circuit, self.labels = circuit, labels
        self.shots = None if shots is None else integer(shots, "shots", 1, 10**9, MethodError)
        device: Backend = find_backend(backend if backend is not None else "statevector")
        half = 1 << (circuit.num_qubits - 1)
        if self.shots is None:
            every = np.asarray(device.probabilities([circuit])[0])
        else:
            counts = device.sample([circuit], self.shots, [_one_seed(seed)])[0]
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
        return p, np.zeros(p.size) if self.kept is None else np.sqrt(p * (1 - p) / self.kept)

    def _success_error(self) -> float:
        return 0.0 if self.shots is None else float(np.sqrt(self.success * (1 - self.success) / self.shots))

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
            stderr[:] = slope * np.sqrt(share * (1 - share) / self.kept)
            spread = abs(0.5 / max(root[1], 1e-9) - 0.5 / max(root[0], 1e-9)) / total
            spread *= float(np.sqrt(share * (1 - share) / self.kept))
        error = self._success_error()
        log_z = float(0.5 * np.log(2 * self.success) + top + np.log(total))
        return GibbsResult(
            law, stderr, log_z, self.success, self.circuit, "population", beta, tau,
            float(np.hypot(0.5 * error / self.success, spread)), error, self.shots, self.kept,
        )  # fmt: skip


def _by_method(
    levels: np.ndarray, beta: float, method: Any, backend: Any, shots: int | None, seed: int | None
) -> GibbsResult:
    """The law from ``evolve`` on the label register: no hopping, ``tau = beta / 2``, uniform over the labels."""
    require(beta > 0, "beta", "be positive with a method", beta)
    bits = max(1, (len(levels) - 1).bit_length())
    padded = np.full(1 << bits, levels.max())
    padded[: len(levels)] = levels
    cube = Hypercube(bits)
    start = np.zeros(1 << bits)
    start[: len(levels)] = 1.0
    problem = Problem(
        cube, from_table(padded, cube), Constant(0.0), clock="imaginary", duration=0.5 * beta, initial=State(start)
    )  # fmt: skip
    run = evolve(problem, method, backend=backend, shots=shots, seed=seed, save=[0.5 * beta])
    law = run.density[-1].reshape(-1)[: len(levels)]
    kept = None if run.counts is None else run.counts["weight"][-1].shots
    stderr = np.zeros(law.size) if kept is None else np.sqrt(law * (1 - law) / kept)
    success = float(np.ravel(run.diagnostics.get("success_probability", 1.0))[-1])
    error = float(np.ravel(run.diagnostics.get("log_norm_stderr", 0.0))[-1])
    log_z = 2 * float(run.log_norm[-1]) + float(np.log(len(levels)))
    made = _circuit_of(problem, method)
    return GibbsResult(law, stderr, log_z, success, made, "born", beta, 0.5 * beta, 2 * error, 0.0, shots, kept)


def _circuit_of(problem: Problem, method: Any) -> Any:
    """The circuit of a method that has one."""
    return circuits_of(problem, method, [problem.duration])[-1] if isinstance(method, IMAGINARY_METHODS) else None
