"""Training a Boltzmann machine: by exact thermal states, or by variational imaginary time on Bell pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...backends import opened as find_backend
from ...backends.base import BackendLike
from ...base.arguments import checks_arguments
from ...base.errors import MethodError, integer, one_of, real, require
from ...base.numeric import Array
from ...base.printing import printed_briefly
from ...base.progress import Progress
from ...methods.gate import check_law, check_numbers
from ...methods.variational.ansatz.purified import Purified
from ...methods.variational.engine.flow import Flow
from ...model.domains import Hypercube
from ...model.hamiltonians import PauliHamiltonian
from ...model.pauli import PauliSum
from ...results.sampling import draw, merged_counts
from ...results.trajectory import Counts
from .machine import TINY, BoltzmannMachine, divergence, law_of

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

METHODS = ("exact", "variational")
SUBSTEPS = 4
_STEP = 1e-5  # of the differences of a law by its parameters
# Of the metric, whose rank at the Bell pairs is about half of its size: along the other angles the force is round-off, and
# a smaller term divides it by more (1e-8: angles move by 1e6 times the rounding, the law is no closer to the thermal one).
_TIKHONOV = 1e-4


@printed_briefly
@dataclass(frozen=True, eq=False)
class BoltzmannFit:
    """A trained machine.

    Attributes:
        machine, theta: what was learnt.
        law: of the visible bits, as the method gives it, shape ``(2**visible,)``.
        kl: distance to the data's law at the start and after each step.
        evaluations: thermal states that were prepared.
        stop: why the training ended.
        method: ``"exact"`` or ``"variational"``.
        circuit: the purified thermal state by variation (None for exact ones): register on the low half, partners above.
    """

    machine: BoltzmannMachine
    theta: np.ndarray
    law: np.ndarray
    kl: np.ndarray
    evaluations: int
    stop: str
    method: str
    circuit: QuantumCircuit | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "law", check_law(self.law, "theta0"))
        check_numbers({"theta": self.theta, "the distance to the data": self.kl}, "theta0")

    @checks_arguments
    def sample(self, shots: int, seed: int = 0, backend: BackendLike | None = None) -> Counts:
        """Visible bits as integers (bit 0 the highest), measured on the circuit where there is one.

        Raises:
            MethodError: a backend for an exact fit, which has no circuit, or ``shots`` is not between 1 and 10^9.
        """
        shots = integer(shots, "shots", 1, 10**9, MethodError)
        if self.circuit is None:
            must = "be None for an exact fit, which has no circuit"
            require(backend is None, "backend", must, backend, MethodError)
            return draw(self.law, shots, seed)
        device = find_backend(backend if backend is not None else "statevector")
        (counts,) = device.sample([self.circuit], shots, [seed])
        low = counts.index & ((1 << self.machine.num_qubits) - 1)
        return merged_counts(low >> self.machine.hidden, counts.count)

    def __str__(self) -> str:
        kind = "quantum" if self.machine.transverse else "classical"
        return (
            f"{kind} Boltzmann machine, {self.machine.visible} visible and {self.machine.hidden} hidden bits, {self.method}: "
            f"distance {self.kl[0]:.4f} -> {self.kl[-1]:.4f} nats in {len(self.kl) - 1} steps, {self.evaluations} thermal states"
        )


@checks_arguments
def fit(
    machine: BoltzmannMachine,
    data: Array,
    *,
    method: str = "exact",
    steps: int = 100,
    theta0: Array | None = None,
    l2: float = 0.0,
    ansatz: Purified | None = None,
    substeps: int | None = None,
    tolerance: float = 1e-7,
    seed: int = 0,
    progress: bool | None = None,
) -> BoltzmannFit:
    """Train a machine by L-BFGS-B on the distance to the law of the data.

    ``"exact"`` diagonalises H and has the gradient in closed form. ``"variational"`` prepares each thermal state by McLachlan's
    principle from Bell pairs over the imaginary time 1/2, and takes the derivatives of the final law through it:
    ``1 + num_parameters`` states a gradient.

    Args:
        machine: what is trained.
        data: rows of bits ``(m, visible)`` or a law ``(2**visible,)``.
        method: ``"exact"`` or ``"variational"``.
        steps: at most so many.
        theta0: the start; small seeded random numbers when None (at 0 hidden bits would stay symmetric).
        l2: adds ``l2 / 2 |theta|^2``. Where the data never show some bits the machine would go to infinity without it.
        ansatz: of the variational states (None: ``Purified(num_qubits, layers)`` with one layer for transverse fields, else none).
        substeps: Runge-Kutta steps of each variational state (None: 4).
        tolerance: stop once no entry of the gradient is larger.
        seed: of the start.
        progress: as for :func:`qml_dynamics.evolve`.

    Returns:
        A :class:`BoltzmannFit`; after Ctrl-C that of the last whole step.

    Raises:
        ProblemError, MethodError: data or options do not fit, or ``ansatz`` or ``substeps`` are given for ``"exact"``.

    >>> learnt = fit(BoltzmannMachine(2), [0.4, 0.1, 0.1, 0.4])
    >>> learnt.law.round(4).tolist()
    [0.4, 0.1, 0.1, 0.4]
    """
    from scipy.optimize import minimize

    one_of(method, "method", METHODS, MethodError)
    for name, given in (("ansatz", ansatz), ("substeps", substeps)):
        require(given is None or method == "variational", name, "be None for method 'exact'", given, MethodError)
    q, steps = law_of(data, machine.visible), integer(steps, "steps", 1, 10**6, MethodError)
    l2 = real(l2, "l2", nonnegative=True, error=MethodError)
    unseen = np.array([bool((x | z) & ((1 << machine.hidden) - 1)) for x, z in machine.masks])
    start = np.where(unseen, 0.5, 0.05) * np.random.default_rng(seed).standard_normal(machine.num_parameters)
    start = start if theta0 is None else machine.checked(theta0)
    states: _Exact | _Variational = _Exact(machine)
    if method == "variational":
        states = _Variational(machine, ansatz or _usual(machine), SUBSTEPS if substeps is None else substeps)
    path, stop = [start], ""
    with Progress(f"Boltzmann machine, {method}", progress) as bar:

        def after(theta: np.ndarray) -> None:
            """Record the parameters after one step of L-BFGS-B, and report progress."""
            path.append(theta.copy())
            bar(min(len(path) - 1, steps), steps)

        def penalised(theta: np.ndarray) -> tuple[float, np.ndarray]:
            """Distance to the law of the data plus ``l2 |theta|^2 / 2``, with its gradient."""
            value, slope = states.loss(theta, q)
            return value + 0.5 * l2 * float(theta @ theta), slope + l2 * theta

        try:
            found = minimize(
                penalised, start, jac=True, method="L-BFGS-B", callback=after,
                options={"maxiter": steps, "gtol": tolerance, "ftol": 1e-12},
            )  # fmt: skip
            stop = str(found.message)
        except KeyboardInterrupt:
            stop = f"interrupted from the keyboard after {len(path) - 1} of {steps} steps"
    laws = [states.law(theta) for theta in path]
    kl = np.array([divergence(q, law) for law in laws])
    return BoltzmannFit(machine, path[-1], laws[-1], kl, states.evaluations, stop, method, states.circuit(path[-1]))


@checks_arguments
def thermal_circuit(
    machine: BoltzmannMachine, theta: Array, ansatz: Purified | None = None, substeps: int = SUBSTEPS
) -> QuantumCircuit:
    """The purified thermal state of a machine with these parameters, by variational imaginary time: one state, no training.

    Args:
        machine, ansatz, substeps: as for :func:`fit`.
        theta: shape ``(num_parameters,)``.

    Returns:
        A circuit on ``2 num_qubits`` qubits, the register on its low half and the partners above.

    Raises:
        ProblemError, MethodError: theta or the ansatz does not fit.

    >>> thermal_circuit(BoltzmannMachine(2), [0.3, -0.2, 0.5, 0.1, 0.4]).num_qubits
    4
    """
    return _Variational(machine, ansatz or _usual(machine), substeps).circuit(machine.checked(theta))


def _usual(machine: BoltzmannMachine) -> Purified:
    return Purified(machine.num_qubits, int(machine.transverse))


class _Exact:
    """Distance and gradient by diagonalisation."""

    def __init__(self, machine: BoltzmannMachine) -> None:
        self.machine, self.evaluations = machine, 0

    def law(self, theta: np.ndarray) -> np.ndarray:
        """The law ``p(v)`` of the visible bits at these parameters, by diagonalisation."""
        self.evaluations += 1
        return self.machine.law(theta)

    def loss(self, theta: np.ndarray, q: np.ndarray) -> tuple[float, np.ndarray]:
        """The relative entropy ``KL(q | p)`` in nats, and its exact gradient."""
        return divergence(q, self.law(theta)), self.machine.gradient(theta, q)

    def circuit(self, theta: np.ndarray) -> None:
        """None: a law found by diagonalisation has no circuit."""
        return None


class _Variational:
    """Thermal states by variational imaginary time on the purification."""

    def __init__(self, machine: BoltzmannMachine, ansatz: Purified, substeps: int) -> None:
        must = f"have {machine.num_qubits} pairs"
        fits = isinstance(ansatz, Purified) and ansatz.pairs == machine.num_qubits
        require(fits, "ansatz", must, ansatz, MethodError)
        self.machine, self.ansatz, self.evaluations = machine, ansatz, 0
        self.substeps = integer(substeps, "substeps", 1, 10**6, MethodError)
        self.program = ansatz.bind()

    def angles(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Angles and wave after the imaginary time 1/2, by the classical Runge-Kutta rule."""
        terms = self.machine.hamiltonian(theta)
        wide = PauliSum(2 * terms.num_qubits, terms.x, terms.z, terms.coefficients)
        flow = Flow(self.program, PauliHamiltonian(Hypercube(wide.num_qubits), wide), True, _TIKHONOV)
        omega, dt = self.program.theta0, 0.5 / self.substeps
        for _ in range(self.substeps):
            slopes: list[np.ndarray] = []
            for reach in (0.0, 0.5, 0.5, 1.0):
                at = omega + reach * dt * slopes[-1] if slopes else omega
                slopes.append(flow.at(0.0, at).velocity)
            omega = omega + dt / 6 * (slopes[0] + 2 * slopes[1] + 2 * slopes[2] + slopes[3])
        self.evaluations += 1
        return omega, flow.engine.state(omega)

    def law(self, theta: np.ndarray) -> np.ndarray:
        """The law ``p(v)`` of the visible bits at these parameters, from the variational purification."""
        _, wave = self.angles(theta)
        law = (np.abs(wave.reshape(1 << self.machine.num_qubits, -1)) ** 2).sum(axis=0)
        return self.machine.marginal(law / law.sum())

    def loss(self, theta: np.ndarray, q: np.ndarray) -> tuple[float, np.ndarray]:
        """The relative entropy ``KL(q | p)`` in nats, and its gradient by forward differences."""
        p = self.law(theta)
        ratio = np.divide(q, np.maximum(p, TINY), out=np.zeros_like(q), where=q > 0)
        slope = np.empty(len(theta))
        for j in range(len(theta)):
            moved = theta.copy()
            moved[j] += _STEP
            slope[j] = -ratio @ (self.law(moved) - p) / _STEP
        return divergence(q, p), slope

    def circuit(self, theta: np.ndarray) -> QuantumCircuit:
        """The circuit that prepares the purification, with its angles bound."""
        return self.ansatz.circuit().assign_parameters(self.angles(theta)[0])
