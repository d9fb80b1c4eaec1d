"""A small perceptron of several layers in plain NumPy: values, gradients, and growth that does not change what it computes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...base.arguments import checks_arguments
from ...base.errors import ProblemError, integer, one_of, require
from ...base.numeric import Array, number_array
from ...base.printing import printed_briefly
from .arrays import chain, layers, vectors


class Activation(NamedTuple):
    """A function of the pre-activation ``z`` and its derivative."""

    value: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]


def _logistic(z: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * z))


ACTIVATIONS = {
    "relu": Activation(lambda z: np.maximum(z, 0.0), lambda z: (z > 0).astype(float)),
    "tanh": Activation(np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "logistic": Activation(_logistic, lambda z: _logistic(z) * (1 - _logistic(z))),
    "identity": Activation(lambda z: z, np.ones_like),
}
OUTPUTS = ("softmax", "logistic", "identity")
IDEMPOTENT = ("relu", "identity")  # phi(phi(z)) = phi(z)


class Passed(NamedTuple):
    """What a pass through the network leaves: pre-activations and activations of each layer (``after[0]`` is the data)."""

    before: list[np.ndarray]
    after: list[np.ndarray]


@printed_briefly
@dataclass(frozen=True, eq=False)
class MLP:
    """Layers ``a_l = phi(W_l a_(l-1) + b_l)``, the last one linear, then softmax.

    Attributes:
        weights: matrices, shape ``(out, in)`` each.
        biases: vectors, shape ``(out,)`` each.
        activation: of the hidden layers: ``"relu"``, ``"tanh"``, ``"logistic"`` or ``"identity"``.
    """

    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    activation: str = "tanh"

    def __post_init__(self) -> None:
        one_of(self.activation, "activation", ACTIVATIONS)
        require(isinstance(self.weights, Sequence), "weights", "be matrices, one a layer", self.weights)
        weights = tuple(layers(list(self.weights)))
        biases = tuple(vectors(self.biases, weights))
        chain(weights)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "biases", biases)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Inputs, hidden units of each layer, outputs."""
        return (self.weights[0].shape[1], *(w.shape[0] for w in self.weights))

    @property
    def num_parameters(self) -> int:
        """Weights and biases."""
        return sum(w.size + b.size for w, b in zip(self.weights, self.biases))

    def through(self, X: np.ndarray) -> Passed:
        """Pre-activations and activations of every layer for the rows of ``X``; the last activation is the logits."""
        return forward(self.weights, self.biases, X, self.activation)

    @checks_arguments
    def probabilities(self, X: np.ndarray) -> np.ndarray:
        """Softmax of the logits, shape ``(rows, classes)``."""
        return softmax(self._logits(X))

    def _logits(self, X: np.ndarray) -> np.ndarray:
        rows, inputs = number_array(X, "X"), self.sizes[0]
        fits = rows.ndim == 2 and rows.shape[1] == inputs
        require(fits, "X", f"have shape (rows, {inputs})", f"of shape {rows.shape}")
        return self.through(rows).after[-1]

    def loss(self, X: np.ndarray, y: np.ndarray) -> float:
        """Mean cross entropy in nats; ``y`` are class numbers."""
        logits = self._logits(X)
        top = logits.max(axis=1, keepdims=True)
        log_sum = top[:, 0] + np.log(np.exp(logits - top).sum(axis=1))
        return float((log_sum - logits[np.arange(len(logits)), y]).mean())

    @checks_arguments
    def score(self, X: np.ndarray, y: np.ndarray) -> float:
        """Share of the rows whose most probable class is ``y``."""
        logits, labels = self._logits(X), np.asarray(y)
        require(labels.shape == (len(logits),), "y", f"have shape ({len(logits)},)", f"of shape {labels.shape}")
        return float((logits.argmax(axis=1) == labels).mean())


def forward(weights: Sequence[np.ndarray], biases: Sequence[np.ndarray], X: np.ndarray, activation: str) -> Passed:
    """A pass through plain arrays: ``a_(l+1) = phi(W_l a_l + b_l)``, the last layer linear.

    Args:
        weights, biases: shapes ``(out, in)`` and ``(out,)`` each, a chain.
        X: shape ``(rows, inputs)``.
        activation: a name in ``ACTIVATIONS``.

    >>> forward([np.array([[2.0, -1.0]])], [np.array([0.5])], np.eye(2), "relu").after[-1].tolist()
    [[2.5], [-0.5]]
    """
    phi = ACTIVATIONS[activation].value
    before, after = [], [X]
    for i, (w, b) in enumerate(zip(weights, biases)):
        before.append(after[-1] @ w.T + b)
        after.append(before[-1] if i == len(weights) - 1 else phi(before[-1]))
    return Passed(before, after)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Row by row, stable.

    >>> softmax(np.array([[0.0, 0.0]]))
    array([[0.5, 0.5]])
    """
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def new_network(
    sizes: Sequence[int],
    activation: str = "tanh",
    seed: int | Sequence[int] | np.random.SeedSequence | np.random.Generator | None = 0,
) -> MLP:
    """Random weights of variance ``1 / in`` (``2 / in`` for relu), biases zero.

    Args:
        sizes: inputs, hidden units of each layer, outputs.
        activation: of the hidden layers.
        seed: anything that ``numpy.random.default_rng`` takes.

    Raises:
        ProblemError: fewer than two sizes, one that is no integer from 1 to 100,000, or an unknown activation.

    >>> new_network([4, 3, 2]).num_parameters
    23
    """
    ok = isinstance(sizes, Sequence) and len(sizes) >= 2
    require(ok, "sizes", "be inputs, hidden units of each layer, outputs", sizes)
    widths = [integer(s, "sizes", 1, 100_000) for s in sizes]
    rng = np.random.default_rng(seed)
    gain = 2.0 if activation == "relu" else 1.0
    weights = [rng.standard_normal((o, i)) * np.sqrt(gain / i) for i, o in zip(widths, widths[1:])]
    return MLP(tuple(weights), tuple(np.zeros(o) for o in widths[1:]), activation)


def gradients(net: MLP, X: np.ndarray, y: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Gradient of the mean cross entropy: one array a weight matrix, one a bias.

    ``d loss / d W_l = delta_l^T a_l`` with ``delta_last = (p - y) / rows`` and ``delta_(l-1) = delta_l W_l phi'(z_(l-1))``.

    Args:
        net: any depth.
        X: shape ``(rows, inputs)``.
        y: class numbers, shape ``(rows,)``.
    """
    passed = net.through(X)
    delta = softmax(passed.after[-1])
    delta[np.arange(len(y)), y] -= 1.0
    delta /= len(y)
    slope = ACTIVATIONS[net.activation].slope
    by_weight: list[np.ndarray] = []
    by_bias: list[np.ndarray] = []
    for i in range(len(net.weights) - 1, -1, -1):
        by_weight.insert(0, delta.T @ passed.after[i])
        by_bias.insert(0, delta.sum(axis=0))
        if i:
            delta = (delta @ net.weights[i]) * slope(passed.before[i - 1])
    return by_weight, by_bias


@checks_arguments
def insert_neurons(net: MLP, layer: int, incoming: Array, bias: Array) -> MLP:
    """The network with more hidden units in one layer, computing exactly what it did: they have no outgoing weight yet.

    Args:
        net: a network with a hidden layer.
        layer: which hidden layer, from 0 on.
        incoming: weights into the new units, shape ``(units, in)``.
        bias: their biases, shape ``(units,)``.

    Raises:
        ProblemError: no hidden layer, no such one, or shapes that do not fit.

    >>> net = new_network([2, 3, 2])
    >>> wider = insert_neurons(net, 0, [[1.0, -1.0]], [0.5])
    >>> wider.sizes, bool((wider.probabilities(np.eye(2)) == net.probabilities(np.eye(2))).all())
    ((2, 4, 2), True)
    """
    require(len(net.weights) > 1, "net", "have a hidden layer", f"of sizes {net.sizes}")
    at = integer(layer, "layer", 0, len(net.weights) - 2)
    rows = number_array(incoming, "incoming")
    fits = rows.ndim == 2 and rows.shape[1] == net.weights[at].shape[1]
    require(fits, "incoming", f"have shape (units, {net.weights[at].shape[1]})", f"of shape {rows.shape}")
    extra = number_array(bias, "bias")
    require(extra.shape == (len(rows),), "bias", f"have shape ({len(rows)},)", f"of shape {extra.shape}")
    weights, biases = list(net.weights), list(net.biases)
    weights[at] = np.vstack([weights[at], rows])
    biases[at] = np.concatenate([biases[at], extra])
    weights[at + 1] = np.hstack([weights[at + 1], np.zeros((len(weights[at + 1]), len(rows)))])
    return MLP(tuple(weights), tuple(biases), net.activation)


@checks_arguments
def insert_layer(net: MLP, layer: int) -> MLP:
    """The network with an identity layer after hidden layer ``layer``, computing exactly what it did.

    Raises:
        ProblemError: the activation does not keep its own values: ``phi(phi(z)) = phi(z)`` holds for relu and identity only.

    >>> deeper = insert_layer(new_network([2, 3, 2], "relu"), 0)
    >>> deeper.sizes
    (2, 3, 3, 2)
    """
    require(len(net.weights) > 1, "net", "have a hidden layer", f"of sizes {net.sizes}")
    at = integer(layer, "layer", 0, len(net.weights) - 2)
    if net.activation not in IDEMPOTENT:
        raise ProblemError(
            f"Argument `net` must have the activation relu or identity, but has {net.activation}: applied twice it would "
            "change what the network computes."
        )
    size = net.sizes[at + 1]
    weights = (*net.weights[: at + 1], np.eye(size), *net.weights[at + 1 :])
    biases = (*net.biases[: at + 1], np.zeros(size), *net.biases[at + 1 :])
    return MLP(weights, biases, net.activation)
