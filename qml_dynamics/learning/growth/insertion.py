"""When, where and by which unit a network grows: the part of the functional gradient outside the span of its tangents.

The loss falls fastest along the functional gradient ``r = p - y`` (one value a row and class). Training moves the outputs only
within the span of the tangents ``d logits / d weights``. The share of ``|r|^2`` outside of that span is the residual, as
McLachlan's is for an ansatz: 0, any descent can be followed; 1, the network is stuck (its gradient is zero) though the data still
ask for change. A new unit without outgoing weights brings the tangents ``phi(u a + b) P_k``, one for every unit k of the next
layer (``P_k = d logits / d z_k``; at the last layer the classes); an identity layer brings ``P (x) a``. Each lowers the residual by
what these explain outside of the old span. Of all places, the one grows whose gain beyond noise is largest for each parameter
that it costs. Derived here, after Gomes et al., arXiv:2102.01544, for circuits.

With ``P_l = d logits / d z_l`` for the pre-activation ``z_l = W_l a_l + b_l`` of layer l, the tangents of ``W_l`` are
``P_l (x) a_l`` and those of ``b_l`` are ``P_l``: one column a parameter, one row a sample and class. Derived here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...base.errors import MethodError, integer, real, require
from .mlp import ACTIVATIONS, IDEMPOTENT, MLP, Passed, insert_layer, insert_neurons


def pushes(net: MLP, passed: Passed) -> list[np.ndarray]:
    """``P_l = d logits / d z_l`` of every layer, shape ``(rows, classes, units of the layer)`` each.

    ``P_last = 1`` and ``P_(l-1) = P_l W_l diag(phi'(z_(l-1)))``.

    Args:
        net: a network of any depth.
        passed: what :meth:`MLP.through` left of the rows.
    """
    slope = ACTIVATIONS[net.activation].slope
    classes = net.sizes[-1]
    found = [np.broadcast_to(np.eye(classes), (len(passed.after[0]), classes, classes))]
    for i in range(len(net.weights) - 1, 0, -1):
        found.insert(0, (found[0] @ net.weights[i]) * slope(passed.before[i - 1])[:, None, :])
    return found


def tangents(net: MLP, X: np.ndarray) -> np.ndarray:
    """``d logits / d parameters``, shape ``(rows * classes, parameters)``.

    The order of the parameters: ``W_0`` row by row, ``b_0``, ``W_1`` row by row, ``b_1``, and so on.

    >>> from qml_dynamics.learning.growth.mlp import new_network
    >>> tangents(new_network([2, 3, 3, 2]), np.eye(2)).shape
    (4, 29)
    """
    passed = net.through(X)
    return np.hstack([of_layer(push, after) for push, after in zip(pushes(net, passed), passed.after)])


def of_layer(push: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """The tangents of one layer's weights and biases, shape ``(rows * classes, out * in + out)``."""
    rows, classes, out = push.shape
    weights = push[..., None] * inputs[:, None, None, :]
    return np.hstack([weights.reshape(rows * classes, -1), push.reshape(rows * classes, out)])


def span(columns: np.ndarray, least: float = 1e-12) -> np.ndarray:
    """An orthonormal basis of the columns, by the smaller Gram matrix.

    Directions below ``least`` of the largest eigenvalue of the Gram matrix are numerically dependent and left out.

    >>> span(np.array([[1.0, 2.0], [0.0, 0.0], [0.0, 0.0]])).shape
    (3, 1)
    """
    tall = columns.shape[0] >= columns.shape[1]
    values, vectors = np.linalg.eigh(columns.T @ columns if tall else columns @ columns.T)
    kept = values > least * max(float(values[-1]), 1e-300)
    return np.linalg.qr(columns @ vectors[:, kept] / np.sqrt(values[kept]))[0] if tall else vectors[:, kept]


def explained_by_units(features: np.ndarray, push: np.ndarray, rest: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """By how much of ``|rest|^2`` each new unit of a hidden layer would lower the residual, shape ``(candidates,)``.

    Its outgoing weights into unit k of the next layer have the tangents ``features * push[..., k]``; their squared projection
    counts as far as they leave the span of ``basis``.

    Args:
        features: values of the new units, shape ``(candidates, rows)``.
        push: ``P`` of the next layer, shape ``(rows, classes, units of it)``.
        rest: at right angles to ``basis``, shape ``(rows, classes)``.
        basis: shape ``(rows * classes, directions)``.
    """
    rows, classes, k = push.shape
    turned = push.transpose(0, 2, 1)
    inner = (turned @ basis.reshape(rows, classes, -1)).reshape(rows, -1)
    inside = (features @ inner).reshape(len(features), k, -1)
    whole = ((features**2) @ (turned @ push).reshape(rows, -1)).reshape(-1, k, k)
    size = np.trace(whole, axis1=1, axis2=2)[:, None] / k
    values, vectors = np.linalg.eigh(whole - inside @ inside.transpose(0, 2, 1))
    along = np.einsum("ckj,ck->cj", vectors, features @ (turned @ rest[..., None])[..., 0])
    kept = values > 1e-9 * np.maximum(size, 1e-300)
    return np.asarray(np.where(kept, along**2 / np.where(kept, values, 1.0), 0.0).sum(axis=1))


def explained_by_columns(columns: np.ndarray, rest: np.ndarray, basis: np.ndarray) -> tuple[float, int]:
    """The same for a whole block of new tangents, and how many directions it adds to the span of ``basis``."""
    size = float((columns**2).sum(axis=0).max(initial=0.0))
    fresh = columns - basis @ (basis.T @ columns)
    new = fresh[:, (fresh**2).sum(axis=0) > 1e-9 * max(size, 1e-300)]
    if not new.size:
        return 0.0, 0
    directions = span(new, 1e-9)
    return float(((directions.T @ rest) ** 2).sum()), directions.shape[1]


UNIT, LAYER = "unit", "layer"
Place = tuple[str, int]  # what is inserted, and at which hidden layer


@dataclass(frozen=True)
class NeuronGrowth:
    """When a network grows: one unit, or one identity layer, at a time.

    Attributes:
        threshold: grow where the residual exceeds it, between 0 and 1.
        every: epochs between two looks, and after a growth.
        max_hidden: units of each hidden layer at most.
        candidates: random directions among which the new unit of a layer is chosen.
        rows: rows of the training data that are looked at, evenly spread.
        max_layers: hidden layers at most; below that an identity layer may come in after any of them, where the activation
            allows it (``"relu"`` and ``"identity"``). None: the number of layers stays.
    """

    threshold: float = 0.5
    every: int = 5
    max_hidden: int = 16
    candidates: int = 128
    rows: int = 192
    max_layers: int | None = None

    def __post_init__(self) -> None:
        real(self.threshold, "threshold", nonnegative=True, error=MethodError)
        require(self.threshold < 1, "threshold", "be below 1", self.threshold, MethodError)
        integer(self.every, "every", 1, 1_000_000, MethodError)
        integer(self.max_hidden, "max_hidden", 1, 10_000, MethodError)
        integer(self.candidates, "candidates", 2, 100_000, MethodError)
        integer(self.rows, "rows", 2, 100_000, MethodError)
        if self.max_layers is not None:
            integer(self.max_layers, "max_layers", 1, 100, MethodError)

    def fits(self, net: MLP) -> None:
        """Raise :class:`MethodError` where this network cannot grow like this."""
        layers = len(net.weights) - 1
        require(layers > 0, "growth", "be of a network with a hidden layer", f"of sizes {net.sizes}", MethodError)
        deeper = self.max_layers is not None and self.max_layers > layers
        if deeper and net.activation not in IDEMPOTENT:
            raise MethodError(
                f"Argument `max_layers` must be at most the {layers} hidden layers that there are with the activation "
                f"{net.activation}, but is {self.max_layers}: an identity layer changes nothing for relu and identity only."
            )

    def places(self, net: MLP) -> list[Place]:
        """Where there is room to grow: units first, from the data on, then layers."""
        hidden = net.sizes[1:-1]
        units = [(UNIT, i) for i, width in enumerate(hidden) if width < self.max_hidden]
        deeper = self.max_layers is not None and len(hidden) < self.max_layers
        return units + ([(LAYER, i) for i in range(len(hidden))] if deeper else [])


class Look(NamedTuple):
    """What a look at the data says.

    Attributes:
        residual: the share of the functional gradient that no tangent of the network follows.
        gain: by how much of that share the best insertion lowers it.
        noise: what it would explain, as the best of so many, of a residual that is pure noise; to grow takes more.
        incoming, bias: the best new unit, shapes ``(in,)`` and ``()``; empty and 0 for a layer.
        layer: the hidden layer that it belongs to, or after which a layer comes in, from 0 on.
        kind: ``"unit"`` or ``"layer"``.
        cost: parameters that come in.
    """

    residual: float
    gain: float
    noise: float
    incoming: np.ndarray
    bias: float
    layer: int = 0
    kind: str = UNIT
    cost: int = 1


class _Seen(NamedTuple):
    """A network on the rows of a look: its values, its tangents, and what they leave of the functional gradient."""

    net: MLP
    passed: Passed
    push: list[np.ndarray]
    rest: np.ndarray  # (rows, classes)
    basis: np.ndarray  # (rows * classes, directions)


def look(
    net: MLP,
    X: np.ndarray,
    y: np.ndarray,
    growth: NeuronGrowth,
    rng: np.random.Generator,
    places: Sequence[Place] | None = None,
) -> Look:
    """The residual of a network on its data, and the insertion that lowers it most for what it costs.

    Args:
        net: a network with one hidden layer or more.
        X, y: training rows and class numbers.
        growth: how many rows and candidates.
        rng: of the candidates.
        places: where to look; a new unit in every hidden layer when None.

    Raises:
        MethodError: a network without a hidden layer.

    >>> from qml_dynamics.learning.growth.mlp import new_network
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((40, 2))
    >>> seen = look(new_network([2, 2, 2, 2]), X, (X[:, 0] * X[:, 1] > 0).astype(int), NeuronGrowth(), rng)
    >>> seen.kind, seen.layer in (0, 1), 0 < seen.residual < 1
    ('unit', True, True)
    """
    require(len(net.weights) > 1, "net", "have a hidden layer", f"of sizes {net.sizes}", MethodError)
    few = np.unique(np.linspace(0, len(X) - 1, min(growth.rows, len(X))).astype(int))
    data, labels = X[few], y[few]
    r = net.probabilities(data)
    r[np.arange(len(labels)), labels] -= 1.0
    passed = net.through(data)
    push = pushes(net, passed)
    basis = span(np.hstack([of_layer(p, a) for p, a in zip(push, passed.after)]))
    rest = r.reshape(-1) - basis @ (basis.T @ r.reshape(-1))
    total, left = float((r**2).sum()), float((rest**2).sum())
    where = places or [(UNIT, i) for i in range(len(net.weights) - 1)]
    seen = _Seen(net, passed, push, rest.reshape(r.shape), basis)
    trials = growth.candidates * len(where)
    found = [_unit(seen, i, growth, rng, trials) if kind == UNIT else _deeper(seen, i, trials) for kind, i in where]
    free = r.size - basis.shape[1]
    share = left / total if total and free > r.shape[1] else 0.0
    best = max(found, key=lambda f: (f.gain / max(left, 1e-300) - f.noise) / f.cost)
    gain = best.gain / max(left, 1e-300) if share else 0.0
    return best._replace(residual=share, gain=gain, noise=min(1.0, best.noise) if share else 1.0)


def _unit(seen: _Seen, layer: int, growth: NeuronGrowth, rng: np.random.Generator, trials: int) -> Look:
    """The best of random units for one hidden layer; ``gain`` is not yet divided by what is left."""
    inputs, into = seen.passed.after[layer], seen.net.sizes[layer]
    size = float(into) if layer == 0 else float((inputs**2).sum(axis=1).mean())  # the data are standardised
    u = rng.standard_normal((growth.candidates, into)) / np.sqrt(size or 1.0)
    b = rng.uniform(-1, 1, growth.candidates)
    features = ACTIVATIONS[seen.net.activation].value(inputs @ u.T + b)
    push = seen.push[layer + 1]
    gains = explained_by_units(features.T, push, seen.rest, seen.basis)
    best, k = int(gains.argmax()), push.shape[2]
    noise = _noise(k, trials, seen)
    return Look(0.0, float(gains[best]), noise, u[best], float(b[best]), layer, UNIT, into + 1 + k)


def _deeper(seen: _Seen, layer: int, trials: int) -> Look:
    """An identity layer after one hidden layer; as unlikely to come in by noise as a unit."""
    inputs, width = seen.passed.after[layer + 1], seen.net.sizes[layer + 1]
    slope = ACTIVATIONS[seen.net.activation].slope(inputs)
    push = (seen.push[layer + 1] @ seen.net.weights[layer + 1]) * slope[:, None, :]
    gain, directions = explained_by_columns(of_layer(push, inputs), seen.rest.reshape(-1), seen.basis)
    return Look(0.0, gain, _noise(directions, trials, seen), np.zeros(0), 0.0, layer, LAYER, width * (width + 1))


def _noise(directions: int, trials: int, seen: _Seen) -> float:
    """What the best of so many trials of ``k`` directions explains of noise, as a share of what is left.

    The tail of chi^2 with k degrees: Laurent, Massart, Ann. Stat. 28, 1302 (2000).
    """
    m = float(np.log(trials))
    free = max(1, seen.rest.size - seen.basis.shape[1])
    return float((directions + 2 * float(np.sqrt(directions * m)) + 2 * m) / free)


def grow(net: MLP, seen: Look) -> MLP:
    """The network with what was found; its outputs stay what they were.

    Raises:
        ProblemError: a layer where the activation does not allow it, or a unit that does not fit.
    """
    if seen.kind == LAYER:
        return insert_layer(net, seen.layer)
    return insert_neurons(net, seen.layer, seen.incoming[None], np.array([seen.bias]))
