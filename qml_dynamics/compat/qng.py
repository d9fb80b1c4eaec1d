"""`QNGOptimizer` of PennyLane, whose gradient and metric come from one pass over the wave instead of from circuits.

Natural gradient descent ``theta -= eta (g + lam)^+ grad <O>`` with the Fubini-Study metric
``g_ij = Re <d_i psi|(1 - |psi><psi|)|d_j psi>``, whole (``approx=None``), in blocks of layers, or its diagonal. A step of length eta is
one of imaginary time of length ``2 eta``. Source: Stokes, Izaac, Killoran, Carleo, Quantum 4, 269 (2020), arXiv:1909.02108.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pennylane as qml
from pennylane import numpy as pnp

from ..backends import opened as find_backend
from ..base.errors import MethodError, QMLDynamicsError, integer, one_of, real, require
from ..learning.training.account import Sampled
from ..learning.training.losses import Statement, operator_on, state_task
from ..methods.variational.ansatz.pennylane import ReadNode, read_qnode
from ..methods.variational.ansatz.reader import program_from_circuit
from ..methods.variational.engine.gates import Angles, Fixed, Gate, PauliRotation, Program, Rotation
from ..methods.variational.engine.tangent import Engine
from ..methods.variational.measured.estimates import nearest_metric
from ..methods.variational.options import METRICS
from ..model.pauli import PauliSum

__all__ = ["QNGOptimizer"]

APPROXIMATIONS = ("block-diag", "diag")
_ELSEWHERE = 0.37  # by which arguments are moved to see whether the observable moves with them
_EXACT = ("pennylane.devices.default_qubit", "pennylane_lightning.lightning_qubit")  # their homes: they have no noise
# Operations that are one gate with one angle, or three, in both readings, so that the layers are the same.
_PLAIN = (
    *(qml.RX, qml.RY, qml.RZ, qml.Rot, qml.PhaseShift, qml.U1, qml.IsingXX, qml.IsingYY, qml.IsingZZ),
    *(qml.CRX, qml.CRY, qml.CRZ, qml.ControlledPhaseShift, qml.MultiRZ, qml.PauliRot),
)


@dataclass(frozen=True, eq=False)
class Reading:
    """A QNode at the arguments of a step.

    Attributes:
        node: its gates.
        operator: what it measures.
        plain: whether all operations that arguments move are of `_PLAIN`.
        shots: of the QNode, or None.
        sizes: entries of each trainable argument.
        device: of the QNode.
    """

    node: ReadNode
    operator: PauliSum
    plain: bool
    shots: int | None
    sizes: tuple[int, ...]
    device: Any


@dataclass(frozen=True, eq=False)
class Local:
    """Energy, gradient ``(p,)`` and metric ``(p, p)`` at a point."""

    energy: float
    gradient: np.ndarray
    metric: np.ndarray


class QNGOptimizer(qml.QNGOptimizer):  # type: ignore[misc]  # of a package without types
    """Natural gradient descent ``theta -= stepsize (g + lam)^+ grad``: the interface of ``pennylane.QNGOptimizer``.

    A QNode on an exact simulator of PennyLane (``default.qubit``, ``lightning.qubit``) that returns one expectation value, and whose angles
    are affine functions of its arguments, is computed by this library: all derivatives in one pass. Everything else (other devices,
    curved angles, ``grad_fn`` and ``metric_tensor_fn`` given) goes the way of PennyLane; ``route`` says which way the last step went:
    ``"wave"``, ``"circuits"`` or ``"pennylane"``. Of gates whose generator holds a projector (``CRX``, ``PhaseShift``) the metric is
    that of the state, as in ``pennylane.adjoint_metric_tensor``; ``pennylane.metric_tensor`` 0.45 has other numbers for them.

    Args:
        stepsize: eta.
        approx: ``None`` for the whole metric, ``"block-diag"``, ``"diag"``.
        lam: added to the diagonal of the metric.
        metric: how a QNode with shots measures the metric, on its own device: None as PennyLane does; ``"shift"``, ``"hadamard"`` or
            ``"spsa"`` by the circuits of this library (see :class:`~qml_dynamics.Variational`), for ``approx=None``. Its negative
            eigenvalues, which are noise, are set to 0.
        resamplings: random directions a step with ``"spsa"``.
        seed: of what this library draws.

    Raises:
        MethodError: an option out of its range, or ``metric`` for a QNode that is not measured.

    Source: Stokes, Izaac, Killoran, Carleo, Quantum 4, 269 (2020), arXiv:1909.02108.

    >>> device = qml.device("default.qubit", wires=2)
    >>> @qml.qnode(device)
    ... def energy(theta):
    ...     qml.RY(theta[0], wires=0); qml.CNOT(wires=[0, 1]); qml.RX(theta[1], wires=1)
    ...     return qml.expval(qml.Z(0) + 0.5 * qml.X(1))
    >>> theta = pnp.array([0.4, 0.2], requires_grad=True)
    >>> optimiser = QNGOptimizer(stepsize=0.1, approx=None, lam=0.01)
    >>> for _ in range(40):
    ...     theta, cost = optimiser.step_and_cost(energy, theta)
    >>> round(float(energy(theta)), 3), optimiser.route
    (-1.0, 'wave')
    """

    metric_tensor: Any

    def __init__(
        self,
        stepsize: float = 0.01,
        approx: str | None = "block-diag",
        lam: float = 0,
        *,
        metric: str | None = None,
        resamplings: int = 10,
        seed: int | None = None,
    ) -> None:
        if approx is not None:
            one_of(approx, "approx", APPROXIMATIONS, MethodError)
        super().__init__(stepsize, approx, lam)
        real(stepsize, "stepsize", error=MethodError)
        real(lam, "lam", nonnegative=True, error=MethodError)
        if metric is not None:
            one_of(metric, "metric", METRICS, MethodError)
            require(approx is None, "approx", "be None with `metric`, which measures all of it", approx, MethodError)
        integer(resamplings, "resamplings", 2, 10**6, MethodError)
        self.metric, self.resamplings = metric, resamplings
        self.route = ""
        self._seeds = np.random.SeedSequence(None if seed is None else integer(seed, "seed", 0, 2**128, MethodError))

    def step_and_cost(
        self,
        qnode: Callable[..., object],
        *args: Any,
        grad_fn: Callable[..., object] | None = None,
        recompute_tensor: bool = True,
        metric_tensor_fn: Callable[..., object] | None = None,
        **kwargs: Any,
    ) -> tuple[Any, Any]:
        """One step: the new arguments, and the cost before it.

        Args:
            qnode: a QNode that returns one expectation value, or with ``metric_tensor_fn`` any cost.
            args: arguments; those that require gradients move.
            grad_fn, metric_tensor_fn: of one's own.
            recompute_tensor: False: the metric of the step before.
            kwargs: passed on to the QNode.

        Returns:
            ``(new arguments, cost)``: one argument alone, several as a tuple.

        Raises:
            MethodError: ``metric`` is set, and the QNode has no shots or cannot be read.
        """
        own = grad_fn is not None or metric_tensor_fn is not None
        reading = None if own else _read(qnode, args, kwargs)
        local = None if reading is None else self._local(reading)
        if reading is None or local is None:
            must = "be None for this QNode, which goes the way of PennyLane"
            require(self.metric is None, "metric", must, self.metric, MethodError)
            self.route = "pennylane"
            out: tuple[Any, Any] = super().step_and_cost(
                qnode,
                *args,
                grad_fn=grad_fn,
                recompute_tensor=recompute_tensor,
                metric_tensor_fn=metric_tensor_fn,
                **kwargs,
            )
            return out
        ends = np.cumsum(reading.sizes)[:-1]
        if recompute_tensor or self.metric_tensor is None:
            blocks = _blocks(local.metric, reading.sizes, float(self.lam))
            self.metric_tensor = blocks if len(blocks) > 1 else blocks[0]
        shapes = [np.shape(arg) for arg in args if getattr(arg, "requires_grad", False)]
        slopes = [pnp.array(part.reshape(shape)) for part, shape in zip(np.split(local.gradient, ends), shapes)]
        moved = self.apply_grad(tuple(slopes), args)
        return (moved[0] if len(moved) == 1 else moved), np.float64(local.energy)

    def _local(self, reading: Reading) -> Local | None:
        """Energy, gradient and metric; None where PennyLane has to give them."""
        if reading.shots is None:
            must = "be None for a QNode without shots, whose metric is exact"
            require(self.metric is None, "metric", must, self.metric, MethodError)
            if self.approx is not None and not reading.plain:
                return None
            self.route = "wave"
            return _of_wave(reading, self.approx)
        if self.metric is None:
            return None
        self.route = "circuits"
        return self._measured(reading)

    def _measured(self, reading: Reading) -> Local:
        """From circuits on the device of the QNode."""
        node = reading.node
        task = state_task(Statement(node.circuit, reading.operator, node.theta0, None, None, None, None)).task
        device = find_backend(reading.device)
        sampled = Sampled(task, device, reading.shots, str(self.metric), self.resamplings)
        (child,) = self._seeds.spawn(1)

        def seed(*key: int) -> int:
            """The seed of a circuit."""
            made = np.random.SeedSequence(child.entropy, spawn_key=(*child.spawn_key, *key))
            return int(made.generate_state(1, np.uint64)[0] >> np.uint64(1))

        report = sampled.report(node.theta0, np.zeros((1, 0)), None, seed, np.array([0]))
        assert report.metric is not None
        return Local(report.loss, 2 * report.half_gradient, nearest_metric(report.metric.value))


def _read(qnode: Callable[..., object], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Reading | None:
    """The QNode with what does not move held fixed; None where it has to go the way of PennyLane, which says what is wrong with it."""
    moving = [k for k, arg in enumerate(args) if getattr(arg, "requires_grad", False)]
    if not isinstance(qnode, qml.QNode) or not moving:
        return None

    def taped(*values: Any) -> Any:
        """The one circuit of the QNode, its transforms applied; None where there are several."""
        every = list(args)
        for k, value in zip(moving, values):
            every[k] = value
        tapes, _ = qml.workflow.construct_batch(qnode, level="user")(*every, **kwargs)
        return tapes[0] if len(tapes) == 1 else None

    def played(*values: Any) -> None:
        """The same circuit as a function of what moves."""
        tape = taped(*values)
        for part in (*tape.operations, *tape.measurements):
            qml.apply(part)

    starts = [np.asarray(args[k], dtype=float) for k in moving]
    tape = taped(*starts)
    if tape is None or not _reads_one_mean(tape.measurements):
        return None
    shots = tape.shots.total_shots
    if shots is None and not type(qnode.device).__module__.startswith(_EXACT):
        return None
    try:
        node = read_qnode(played, starts, {})
        operator = operator_on(tape.measurements[0].obs, node.wires, "qnode")
        if not _holds_still(taped(*(start + _ELSEWHERE for start in starts)), operator, node.wires):
            return None
    except QMLDynamicsError:
        return None
    plain = all(type(op) in _PLAIN or not any(np.ndim(value) == 0 for value in op.data) for op in tape.operations)
    return Reading(node, operator, plain, shots, tuple(start.size for start in starts), qnode.device)


def _holds_still(tape: Any, operator: PauliSum, wires: Sequence[Any]) -> bool:
    """Whether a circuit at other arguments has the same observable: the derivative through its coefficients is not taken here."""
    if tape is None or not _reads_one_mean(tape.measurements):
        return False
    there = operator_on(tape.measurements[0].obs, wires, "qnode")
    same = np.array_equal(there.x, operator.x) and np.array_equal(there.z, operator.z)
    return bool(same and np.array_equal(there.coefficients, operator.coefficients))


def _reads_one_mean(measurements: Sequence[Any]) -> bool:
    return len(measurements) == 1 and isinstance(measurements[0], qml.measurements.ExpectationMP)


def _of_wave(reading: Reading, approx: str | None) -> Local:
    """By one pass over the wave, with an angle a gate, and the chain rule."""
    program = program_from_circuit(reading.node.circuit)
    phi, weights = program.angles(reading.node.theta0)
    jacobian = np.zeros((len(phi), program.num_parameters))
    np.add.at(jacobian, (program.angles.slot, program.angles.parameter), weights)
    direct = Program(program.num_qubits, program.gates, Angles.direct(len(phi)), phi, tuple(map(str, range(len(phi)))))
    engine = Engine(direct)
    psi = np.array(engine.forward(phi), dtype=complex)
    applied = reading.operator.apply(psi)
    energy = float(np.vdot(psi, applied).real)
    tangents = engine.geometry(energy * psi - applied)
    metric, force = np.array(tangents.metric), np.array(tangents.force)
    if approx == "diag":
        metric = np.diag(np.diag(metric))
    elif approx == "block-diag":
        layer = _layers(program.gates, np.abs(jacobian).max(axis=1, initial=0.0) > 0, program.num_qubits)
        metric = np.where(layer[:, None] == layer[None, :], metric, 0.0)
    return Local(energy, -2 * jacobian.T @ force, jacobian.T @ metric @ jacobian)


def _layers(gates: Sequence[Gate], moving: np.ndarray, num_qubits: int) -> np.ndarray:
    """The layer of each angle: a gate whose past holds a gate of the present layer begins the next one, as in PennyLane's graph.

    >>> gates = [PauliRotation(1, 0, 0.5, 0), PauliRotation(2, 0, 0.5, 1), PauliRotation(0, 1, 0.5, 2)]
    >>> _layers(gates, np.ones(3, bool), 2).tolist()
    [0, 0, 1]
    """
    past: list[frozenset[int]] = [frozenset()] * num_qubits
    layer, number, current = np.full(len(moving), -1), 0, set[int]()
    for gate in gates:
        where = _qubits(gate)
        before = frozenset().union(*(past[q] for q in where))
        slot = gate.slot if isinstance(gate, (Rotation, PauliRotation)) else -1
        if slot >= 0 and moving[slot]:
            if before & current:
                number, current = number + 1, set()
            current.add(slot)
            layer[slot] = number
            before |= {slot}
        for q in where:
            past[q] = before
    return layer


def _qubits(gate: Gate) -> tuple[int, ...]:
    if isinstance(gate, PauliRotation):
        return tuple(q for q in range((gate.x | gate.z).bit_length()) if (gate.x | gate.z) >> q & 1)
    assert isinstance(gate, (Fixed, Rotation))
    return gate.qubits


def _blocks(metric: np.ndarray, sizes: Sequence[int], lam: float) -> tuple[np.ndarray, ...]:
    """The block of each argument, as PennyLane takes them, with ``lam`` on the diagonal."""
    ends = np.cumsum((0, *sizes))
    return tuple(metric[a:b, a:b] + lam * np.eye(b - a) for a, b in zip(ends[:-1], ends[1:]))
