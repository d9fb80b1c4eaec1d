"""Volumes of layer maps (singular values) and ansaetze (quantum metric) in nats, and all measures of a network's layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from ...base.arguments import checks_arguments, checks_arguments_but
from ...base.errors import ProblemError, describe, integer, one_of, real, require
from ...base.numeric import Array
from ...base.printing import printed_briefly
from ...methods.variational.ansatz import from_circuit
from ...methods.variational.derivatives import check_derivatives
from ...methods.variational.engine.gates import Program
from ...methods.variational.engine.tangent import Engine
from ...methods.variational.options import parameters
from ...model.hamiltonians import Hamiltonian, hamiltonian
from ...model.problem import Problem
from ...results.trajectory import Trajectory
from .arrays import layers
from .entropies import coherence, entropy, participation, purity, reduced
from .mlp import ACTIVATIONS, forward, softmax

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


KINDS = ("pseudo", "determinant")
_MOST_POINTS = 1 << 20
_RANK = 1e-10  # eigenvalues of a metric below this share of the largest are round-off of zero


class Ansatz(Protocol):
    """What makes a parameterised circuit for a problem."""

    def bind(self, problem: Problem, h: Hamiltonian) -> Program:
        """Its gates."""
        ...


@printed_briefly
@dataclass(frozen=True, eq=False)
class Volumes:
    """Volumes of a list of layers.

    Attributes:
        log_volume: one value a layer, shape ``(layers,)``.
        dropped: singular values that were left out as zero, one count a layer: the dead directions.
    """

    log_volume: np.ndarray
    dropped: np.ndarray

    @property
    def total(self) -> float:
        """The sum over the layers; for invertible square layers the log volume of their product."""
        return float(self.log_volume.sum())


@checks_arguments
def log_volume(weights: Array | Sequence[Array], *, kind: str = "pseudo", rcond: float = 1e-12) -> np.ndarray:
    """Logarithm of the information volume of each layer map ``W``: ``log prod sigma_i``.

    A square invertible W has ``log |det W|``, a tall one ``log sqrt(det(W^T W))``. The differential entropy of what goes
    through a square linear layer grows by exactly this much. A unitary layer has 0.

    Args:
        weights: a matrix, or a list of matrices, one a layer, shape ``(out, in)`` each, real or complex.
        kind: ``"pseudo"``: singular values below ``rcond`` times the largest are left out (see :func:`volumes`, which counts
            them; a layer of zeros has log volume ``-inf``); ``"determinant"``: square layers only, ``-inf`` where a singular
            value lies below ``rcond`` times the largest.
        rcond: from 0 on and below 1.

    Returns:
        An array, one value a layer.

    Raises:
        ProblemError: an empty list, a layer that is no finite matrix, or with ``"determinant"`` one that is not square.

    >>> log_volume(np.diag([3.0, 0.5]))
    array([0.405465])
    >>> log_volume([np.diag([2.0, 0.5]), [[3.0], [4.0]]])
    array([0.      , 1.609438])
    """
    return volumes(weights, kind=kind, rcond=rcond).log_volume


@checks_arguments
def volumes(weights: Array | Sequence[Array], *, kind: str = "pseudo", rcond: float = 1e-12) -> Volumes:
    """As :func:`log_volume`, with the number of singular values that each layer lost.

    ``.total`` is the sum over the layers. For square layers, and for a tall one after square ones, it is the log volume of their
    product; a layer with fewer outputs than inputs, or one that lost directions, breaks the rule.

    Args, raises: as :func:`log_volume`.

    >>> report = volumes([[1.0, 2.0], [2.0, 4.0]])
    >>> report.dropped.tolist(), report.total
    ([1], 1.609438)
    """
    one_of(kind, "kind", KINDS)
    rcond = real(rcond, "rcond", nonnegative=True)
    require(rcond < 1, "rcond", "be below 1", rcond)
    rows = [_volume(w, i, kind, rcond) for i, w in enumerate(layers(weights, complex_too=True))]
    return Volumes(np.array([v for v, _ in rows]), np.array([d for _, d in rows]))


def _volume(w: np.ndarray, layer: int, kind: str, rcond: float) -> tuple[float, int]:
    sigma = np.linalg.svd(w, compute_uv=False)
    kept = sigma > rcond * sigma[0]
    dropped = int((~kept).sum())
    if kind == "determinant":
        square = w.shape[0] == w.shape[1]
        require(square, "weights", "be square for kind 'determinant'", f"of shape {w.shape} in layer {layer}")
        return (float(np.log(sigma).sum()) if not dropped else float("-inf")), dropped
    return (float(np.log(sigma[kept]).sum()) if kept.any() else float("-inf")), dropped


@checks_arguments
def log_det_metric(
    ansatz: Ansatz | QuantumCircuit, theta: Array | None = None, problem: Problem | None = None
) -> float:
    """``log det g`` of the quantum metric ``g = Re(quantum geometric tensor)`` at one point; ``-inf`` where g is singular
    (an eigenvalue below 1e-10 of the largest, as in the linear solve of `Variational`).

    Args:
        ansatz: from `qml_dynamics.ansatz`, or a Qiskit circuit.
        theta: the parameters, in the order of ``circuit.parameters``; the ansatz's own start when None.
        problem: what an ansatz such as ``hardware_efficient`` is bound to.

    Raises:
        ProblemError: neither an ansatz nor a circuit, or an ansatz that needs a problem.
        MethodError: another number of parameters, or an angle with a wrong derivative.
    """
    program = _bound(ansatz, problem)
    point = program.theta0 if theta is None else np.array(parameters(theta, "theta", program.num_parameters))
    check_derivatives(program.angles, point, program.names)
    return _log_det(_metric_of(program)(point))


@checks_arguments_but("bounds")
def metric_volume(
    ansatz: Ansatz | QuantumCircuit,
    theta: Array | None = None,
    *,
    bounds: Sequence[Sequence[float]] | None = None,
    points: int = 24,
    problem: Problem | None = None,
) -> float:
    """Information volume of an ansatz: ``integral sqrt(det g) d theta``, or ``sqrt(det g)`` at one point.

    Args:
        ansatz, theta, problem: as in :func:`log_det_metric`.
        bounds: one pair ``(low, high)`` a parameter: integrates over that box by Gauss and Legendre's rule.
        points: of the rule, an axis.

    Raises:
        ProblemError: bounds that do not fit the parameters or are reversed, both ``theta`` and ``bounds``, or more than 2^20 points.

    >>> from qiskit import QuantumCircuit
    >>> from qiskit.circuit import Parameter
    >>> sphere = QuantumCircuit(1)
    >>> _ = sphere.ry(Parameter("a"), 0), sphere.rz(Parameter("b"), 0)
    >>> metric_volume(sphere, bounds=[(0, np.pi), (0, 2 * np.pi)])      # the sphere of one qubit, radius 1/2
    3.141593
    """
    if bounds is None:
        return float(np.exp(0.5 * log_det_metric(ansatz, theta, problem)))
    require(theta is None, "theta", "not be given together with bounds", theta)
    program = _bound(ansatz, problem)
    box = _box(bounds, program.num_parameters)
    count = integer(points, "points", 1, 1000)
    require(count ** len(box) <= _MOST_POINTS, "points", f"give at most {_MOST_POINTS:,} points", count ** len(box))
    check_derivatives(program.angles, box.mean(axis=1), program.names)
    nodes, weights = np.polynomial.legendre.leggauss(count)
    half = 0.5 * (box[:, 1] - box[:, 0])
    metric, total = _metric_of(program), 0.0
    for index in np.ndindex(*(count,) * len(box)):
        at = box[:, 0] + half * (1 + nodes[list(index)])
        total += float(np.prod(weights[list(index)])) * float(np.exp(0.5 * _log_det(metric(at))))
    return total * float(np.prod(half))


def _box(bounds: Sequence[Sequence[float]], count: int) -> np.ndarray:
    """One pair ``(low, high)`` a parameter, shape ``(count, 2)``."""
    must = f"be one pair (low, high) for each of {count} parameters"
    try:
        pairs = [tuple(pair) for pair in bounds]
    except TypeError:
        raise ProblemError(f"Argument `bounds` must {must}, but is {describe(bounds)}.") from None
    require(len(pairs) == count and all(len(pair) == 2 for pair in pairs), "bounds", must, bounds)
    box = np.array([[real(v, "bounds") for v in pair] for pair in pairs]).reshape(count, 2)
    require(bool((box[:, 0] < box[:, 1]).all()), "bounds", "have the lower end first", bounds)
    return box


def _bound(ansatz: Ansatz | QuantumCircuit, problem: Problem | None) -> Program:
    if hasattr(ansatz, "num_qubits") and hasattr(ansatz, "assign_parameters"):
        ansatz = from_circuit(ansatz)
    if hasattr(ansatz, "program"):
        program: Program = ansatz.program
        return program
    require(hasattr(ansatz, "bind"), "ansatz", "be an ansatz from qml_dynamics.ansatz or a circuit", ansatz)
    require(problem is not None, "problem", "be given for an ansatz that is made for a problem", problem)
    assert problem is not None
    return ansatz.bind(problem, hamiltonian(problem))


def _metric_of(program: Program) -> Callable[[np.ndarray], np.ndarray]:
    engine = Engine(program)
    still = np.zeros(1 << program.num_qubits, dtype=engine.dtype)

    def metric(theta: np.ndarray) -> np.ndarray:
        """The quantum metric of the ansatz at these parameters."""
        engine.forward(theta)
        return np.array(engine.geometry(still.copy()).metric)

    return metric


def _log_det(metric: np.ndarray) -> float:
    if not len(metric):
        return 0.0
    values = np.linalg.eigvalsh(metric)
    if values[0] <= _RANK * max(float(values[-1]), 1e-300):
        return float("-inf")
    return float(np.log(values).sum())


@checks_arguments
def along(trajectory: Trajectory, keep: Sequence[int] | None = None) -> dict[str, np.ndarray]:
    """The measures at every saved time of a run, under names that say what they are.

    Always ``entropy/shannon`` and ``participation``. Where the run holds waves also ``coherence/l1`` and
    ``coherence/relative_entropy``, and with ``keep`` ``entropy/entanglement`` and ``purity/part`` of those qubits. (A wave as
    a whole stays pure: its von Neumann entropy is 0 throughout, and no column of its own.)

    >>> from qml_dynamics import Grid, Problem, SplitStep, evolve
    >>> flat = Problem(Grid((0, 1), 3), lambda w: 0 * w[:, 0], 1.0, clock="real", duration=1.0)
    >>> along(evolve(flat, SplitStep(2)))["participation"]
    array([8., 8.])
    """
    require(isinstance(trajectory, Trajectory), "trajectory", "be a Trajectory", trajectory)
    density = [p.reshape(-1) / p.sum() for p in np.maximum(trajectory.density, 0.0)]
    out = {
        "entropy/shannon": np.array([entropy(p, kind="shannon") for p in density]),
        "participation": np.array([participation(p) for p in density]),
    }
    if trajectory.states is None:
        require(keep is None, "keep", "be None for a run of samples only", keep)
        return out
    waves = [psi.reshape(-1) for psi in trajectory.states]
    out["coherence/l1"] = np.array([coherence(psi) for psi in waves])
    out["coherence/relative_entropy"] = np.array([coherence(psi, "relative_entropy") for psi in waves])
    if keep is not None:
        out["entropy/entanglement"] = np.array([entropy(psi, kind="entanglement", keep=keep) for psi in waves])
        out["purity/part"] = np.array([purity(reduced(psi, keep)) for psi in waves])
    return out


_AT_ONCE = 1 << 22  # numbers of the Jacobians that are held at a time


def of_weights(weights: Sequence[np.ndarray], rcond: float) -> dict[str, Any]:
    """The columns of a :class:`~qml_dynamics.growth.Recording` that need no data, one value a layer.

    >>> of_weights([np.diag([2.0, 0.5]), np.ones((1, 2))], 1e-12)["units/layer"]
    [2, 1]
    """
    report = volumes(weights, rcond=rcond)
    spectra = [np.linalg.svd(w, compute_uv=False) for w in weights]
    states = [_state(w, sigma) for w, sigma in zip(weights, spectra)]
    return {
        "log_volume/layer": report.log_volume,
        "log_volume/total": report.total,
        "dropped/layer": report.dropped,
        "units/layer": [len(w) for w in weights],
        "entropy/von_neumann/layer": [s.von_neumann for s in states],
        "entropy/differential/layer": _differential(weights, rcond),
        "coherence/relative_entropy/layer": [s.coherence for s in states],
        "participation/layer": [s.participation for s in states],
        "orthogonality/layer": [
            float(((s**2 - 1) ** 2).sum()) + max(0, w.shape[1] - w.shape[0]) for w, s in zip(weights, spectra)
        ],
    }


class _State(NamedTuple):
    """Measures of ``rho = W^T W / tr``, from the singular values and the columns: rho itself has ``in^2`` numbers."""

    von_neumann: float
    coherence: float
    participation: float


def _state(w: np.ndarray, sigma: np.ndarray) -> _State:
    if not sigma[0]:  # a layer of zeros has no state
        return _State(float("nan"), float("nan"), float("nan"))
    spectrum, diagonal = (sigma / sigma[0]) ** 2, ((w / sigma[0]) ** 2).sum(axis=0)
    spectrum, diagonal = spectrum / spectrum.sum(), diagonal / diagonal.sum()
    inner = entropy(spectrum, kind="shannon")
    return _State(inner, max(0.0, entropy(diagonal, kind="shannon") - inner), participation(spectrum))


def of_data(
    weights: Sequence[np.ndarray],
    biases: Sequence[np.ndarray],
    X: np.ndarray,
    activation: str,
    output: str,
    rows: int,
    rcond: float,
) -> dict[str, Any]:
    """The columns that need data: volumes of the Jacobians ``diag(phi'(z)) W``, dead units, and the output's Shannon entropy.

    Dead units and the entropy are those of all rows of ``X``, shape ``(rows, inputs)``; the Jacobians are averaged over ``rows``
    of them at most, evenly spread. Other arguments as in :class:`~qml_dynamics.growth.Recorder`.
    """
    passed = forward(weights, biases, X, activation)
    slope = ACTIVATIONS[activation].slope
    few = np.unique(np.linspace(0, len(X) - 1, min(rows, len(X))).astype(int))
    volume, lost, dead = [], [], []
    for i, (w, z) in enumerate(zip(weights, passed.before)):
        turn = np.ones_like(z) if i == len(weights) - 1 else slope(z)
        dead.append(int((~(turn.any(axis=0) & w.any(axis=1))).sum()))
        logs, drops = _jacobians(turn[few], w, rcond)
        volume.append(float(logs.mean()))
        lost.append(float(drops.mean()))
    row: dict[str, Any] = {
        "log_volume/jacobian/layer": volume,
        "log_volume/jacobian/total": float(np.sum(volume)),
        "dropped/jacobian/layer": lost,
        "dead_units/layer": dead,
    }
    if output != "identity":
        row["entropy/shannon/output"] = _predictive(passed.after[-1], output)
    return row


def _jacobians(turn: np.ndarray, w: np.ndarray, rcond: float) -> tuple[np.ndarray, np.ndarray]:
    """Log volumes and dropped singular values of ``diag(turn_i) W``, one a row of data, in pieces that fit into memory."""
    step = max(1, _AT_ONCE // w.size)
    found = [
        _pseudo(np.linalg.svd(turn[i : i + step, :, None] * w, compute_uv=False), rcond)
        for i in range(0, len(turn), step)
    ]
    return np.concatenate([logs for logs, _ in found]), np.concatenate([drops for _, drops in found])


def _differential(weights: Sequence[np.ndarray], rcond: float) -> list[float]:
    """``1/2 log((2 pi e)^r pdet(M M^T))`` for ``M`` the product up to each layer and ``r`` its rank."""
    product, out = np.eye(weights[0].shape[1]), []
    for w in weights:
        product = w @ product
        report = volumes(product, rcond=max(rcond, 1e-12))
        rank = min(product.shape) - int(report.dropped[0])
        out.append(0.5 * rank * float(np.log(2 * np.pi * np.e)) + float(report.log_volume[0]))
    return out


def _pseudo(sigma: np.ndarray, rcond: float) -> tuple[np.ndarray, np.ndarray]:
    """Sum of logs of the singular values that are not zero, and how many are; a map that is all zero counts as volume 1."""
    kept = sigma > np.maximum(rcond * sigma[:, :1], np.finfo(float).tiny)
    return np.where(kept, np.log(np.where(kept, sigma, 1.0)), 0.0).sum(axis=1), (~kept).sum(axis=1)


def _predictive(logits: np.ndarray, output: str) -> float:
    if output == "softmax":
        p = softmax(logits)
    else:
        half = 0.5 * (1 + np.tanh(0.5 * logits))
        p = np.stack([half, 1 - half], axis=-1).reshape(-1, 2)
    return float(-(p * np.log(np.maximum(p, np.finfo(float).tiny))).sum(axis=1).mean())
