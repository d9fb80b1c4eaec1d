"""A trainer in plain NumPy: mini-batches, the reversible regulariser in closed form, growth of the hidden layers, a recording."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from ...base.arguments import checks_arguments_but
from ...base.errors import MethodError, ProblemError, require
from ...base.numeric import Array, as_numbers, listed
from ...base.progress import Progress
from .flow import orthogonality_flow
from .insertion import LAYER, NeuronGrowth, grow, look
from .mlp import MLP, gradients, new_network
from .recorder import Recorder
from .training import Grown, Trained, Training

_HUGE = 1e50  # beyond it a step has diverged


@checks_arguments_but("hidden", "growth", "training", "network")
def train_network(
    X: Array,
    y: Array,
    *,
    held_out: tuple[Array, Array] | None = None,
    hidden: int | Sequence[int] = 2,
    activation: str = "tanh",
    training: Training | None = None,
    growth: NeuronGrowth | None = None,
    network: MLP | None = None,
    progress: bool | None = False,
) -> Trained:
    """Train a small classifier and record its volumes and entropies after every epoch; let it grow where ``growth`` is given.

    Args:
        X: data, shape ``(rows, features)``.
        y: class numbers ``0, 1, ...``, or class words (truth values too), shape ``(rows,)``. Words are numbered in their order, which
            ``.classes`` of the result tells.
        held_out: data that is only measured on.
        hidden: units of the hidden layers at the start: one number, or one a layer.
        activation: ``"tanh"``, ``"relu"``, ``"logistic"`` or ``"identity"``.
        training: how; :class:`Training` by default.
        growth: when to add hidden units, in whichever hidden layer the data ask for them, or identity layers.
        network: start from it instead of a new one; it brings its own widths and activation.
        progress: show a bar; None for "when standard error is a terminal".

    Returns:
        :class:`Trained`; after Ctrl-C what there is by then.

    Raises:
        ProblemError: data or labels that do not fit.
        MethodError: growth of a network without a hidden layer, or of layers where the activation does not allow it; a rate
            that lets the weights diverge.

    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> run = train_network(X, [0, 1, 1, 0], hidden=4, training=Training(epochs=400, rate=0.2, batch=4))
    >>> float(run.recording["accuracy/train"][-1])
    1.0
    """
    how = _given(training, Training, "training") or Training()
    words = _words(y)
    data, labels, classes = _checked(X, _numbered(y, words, "y"), "X")
    if held_out is not None:
        pair = isinstance(held_out, Sequence) and len(held_out) == 2
        require(pair, "held_out", "be a pair (X, y)", held_out)
    test = None
    if held_out is not None:
        test = _checked(held_out[0], _numbered(held_out[1], words, "held_out"), "held_out")[:2]
    if test is not None:
        fits = test[0].shape[1] == data.shape[1] and int(test[1].max()) < classes
        require(fits, "held_out", f"have {data.shape[1]} columns and {classes} classes", f"of shape {test[0].shape}")
    widths: list[Any] = list(hidden) if listed(hidden) else [hidden]
    net = _given(network, MLP, "network") or new_network([data.shape[1], *widths, classes], activation, how.seed)
    fits = net.sizes[0] == data.shape[1] and net.sizes[-1] == classes
    require(fits, "network", f"take {data.shape[1]} features and have {classes} outputs", f"of sizes {net.sizes}")
    if _given(growth, NeuronGrowth, "growth") is not None:
        growth.fits(net)  # type: ignore[union-attr]
    trained = _Loop(net, data, labels, test, how, growth).run(progress)
    return trained if words is None else replace(trained, classes=words)


class _Loop:
    """The state of a training: the network, its momentum, what was recorded and inserted."""

    def __init__(
        self,
        net: MLP,
        X: np.ndarray,
        y: np.ndarray,
        test: tuple[np.ndarray, np.ndarray] | None,
        how: Training,
        growth: NeuronGrowth | None,
    ) -> None:
        self.net, self.X, self.y, self.test, self.how, self.growth = net, X, y, test, how, growth
        order, units = np.random.SeedSequence(how.seed).spawn(2)
        self.rng, self.unit_rng = np.random.default_rng(order), np.random.default_rng(units)
        self.recorder = Recorder(X, activation=net.activation, output="softmax")
        self.speed_w = [np.zeros_like(w) for w in net.weights]
        self.speed_b = [np.zeros_like(b) for b in net.biases]
        self.events: list[Grown] = []
        self.updates, self.stop, self.end = 0, "", "no growth asked for"

    def run(self, progress: bool | None) -> Trained:
        """Train for all epochs, or until an interrupt; returns the network, its recording and why it stopped."""
        self.keep(0, math.nan)
        try:
            with Progress("training", progress) as bar:
                for epoch in range(1, self.how.epochs + 1):
                    self.epoch()
                    self.keep(epoch, self.maybe_grow(epoch))
                    bar(epoch, self.how.epochs)
            self.stop = f"{self.how.epochs} epochs"
        except KeyboardInterrupt:
            self.stop = f"interrupted after {self.recorder.steps[-1]} epochs"
        stop = self.stop if self.growth is None else f"{self.stop}; {self.end}"
        return Trained(self.net, self.recorder.recording(), tuple(self.events), stop)

    def epoch(self) -> None:
        """One pass over the training rows in random order, in mini-batches."""
        order = self.rng.permutation(len(self.X))
        for start in range(0, len(order), self.how.batch):
            rows = order[start : start + self.how.batch]
            with np.errstate(over="ignore", invalid="ignore"):  # a step that diverges is named
                self.net = self.step(*gradients(self.net, self.X[rows], self.y[rows]))
            self.updates += self.net.num_parameters

    def step(self, by_weight: list[np.ndarray], by_bias: list[np.ndarray]) -> MLP:
        """One step of gradient descent with momentum, then the orthogonality flow of the layers, if there is one."""
        how, net = self.how, self.net
        self.speed_w = [how.momentum * v - how.rate * g for v, g in zip(self.speed_w, by_weight)]
        self.speed_b = [how.momentum * v - how.rate * g for v, g in zip(self.speed_b, by_bias)]
        weights = [w + v for w, v in zip(net.weights, self.speed_w)]
        if not all(np.abs(w).max() < _HUGE for w in weights):  # a nan is not below either
            raise MethodError(f"Argument `rate` must let the weights stay finite, but {how.rate:g} does not.")
        biases = [b + v for b, v in zip(net.biases, self.speed_b)]
        if how.orthogonality:
            time = how.rate * how.orthogonality
            weights[:-1] = [orthogonality_flow(w, time) for w in weights[:-1]]
        return replace(net, weights=tuple(weights), biases=tuple(biases))

    def maybe_grow(self, epoch: int) -> float:
        """A look at the data every so often; the residual, or nan where there was none."""
        growth = self.growth
        if growth is None or epoch % growth.every:
            return math.nan
        places = growth.places(self.net)
        seen = look(self.net, self.X, self.y, growth, self.unit_rng, places)
        if seen.residual <= growth.threshold:
            self.end = "the network follows its data, no growth needed"
        elif seen.gain <= seen.noise:
            self.end = f"no new {seen.kind} explains more than noise would"
        elif not places:
            self.end = f"at {' + '.join(map(str, self.net.sizes[1:-1]))} hidden units, the most allowed"
        elif epoch == self.how.epochs:
            self.end = "it would have grown further"
        else:
            before = self.net.loss(self.X, self.y)
            self.net = grow(self.net, seen)
            jump = self.net.loss(self.X, self.y) - before
            width = self.net.sizes[seen.layer + (2 if seen.kind == LAYER else 1)]
            why = (seen.residual, seen.gain, seen.noise, jump)
            self.events.append(Grown(epoch, width, *why, seen.layer, seen.kind, self.net.sizes))
            self.follow(seen.kind == LAYER, seen.layer)
        return seen.residual

    def follow(self, deeper: bool, layer: int) -> None:
        """Momentum of the new weights is zero, that of the old ones goes on."""
        if deeper:
            self.speed_w.insert(layer + 1, np.zeros_like(self.net.weights[layer + 1]))
            self.speed_b.insert(layer + 1, np.zeros_like(self.net.biases[layer + 1]))
        self.speed_w = [_padded(v, w.shape) for v, w in zip(self.speed_w, self.net.weights)]
        self.speed_b = [_padded(v, b.shape) for v, b in zip(self.speed_b, self.net.biases)]

    def keep(self, epoch: int, residual: float) -> None:
        """Record losses, accuracies, residual of growth and updates so far, with the measures of all layers."""
        curves = {"loss__train": self.net.loss(self.X, self.y), "accuracy__train": self.net.score(self.X, self.y)}
        test = self.test
        curves["loss__held_out"] = math.nan if test is None else self.net.loss(*test)
        curves["accuracy__held_out"] = math.nan if test is None else self.net.score(*test)
        self.recorder(
            epoch, self.net.weights, self.net.biases, **curves, residual=residual, updates=float(self.updates)
        )


def _padded(old: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    new = np.zeros(shape)
    new[tuple(slice(0, n) for n in old.shape)] = old
    return new


Option = TypeVar("Option")


def _given(value: Option | None, kind: type[Option], name: str) -> Option | None:
    require(value is None or isinstance(value, kind), name, f"be of type {kind.__name__}, or None", value, MethodError)
    return value


def _words(y: Array) -> tuple[str | bool, ...] | None:
    """The different words of labels that are words or truth values, in order; None for numbers."""
    given = np.asarray(y)
    if given.dtype.kind == "O" and given.size and all(isinstance(each, str) for each in given.ravel()):
        given = given.astype(str)
    return tuple(np.unique(given).tolist()) if given.dtype.kind in "Ub" and given.size else None


def _numbered(y: Array, words: tuple[str | bool, ...] | None, name: str) -> Array:
    """Labels as numbers into the words; raises :class:`ProblemError` for a label that is none of them."""
    if words is None:
        return y
    given = np.asarray(y)
    strange = [each for each in given.ravel().tolist() if each not in words]
    require(not strange, name, f"have labels of {', '.join(map(str, words))[:80]}", strange[:1])
    return np.array([words.index(each) for each in given.ravel().tolist()]).reshape(given.shape)


def _checked(X: Array, y: Array, name: str) -> tuple[np.ndarray, np.ndarray, int]:
    """Data as floats, labels as integers, and the number of classes."""
    try:
        data, given = as_numbers(X), np.asarray(y)
        labels = given.astype(int)
    except Exception:  # of any kind: the person's own object makes the array
        raise ProblemError(f"Argument `{name}` must be numbers, with class numbers 0, 1, ... as labels.") from None
    ok = data.ndim == 2 and data.size > 0 and bool(np.isfinite(data).all())
    require(ok, name, "be a finite matrix that is not empty", f"of shape {data.shape}")
    ok = labels.shape == (len(data),) and bool((labels == given).all()) and int(labels.min()) >= 0
    require(ok, "y", f"be {len(data)} class numbers 0, 1, ...", f"of shape {labels.shape}")
    classes = int(labels.max()) + 1
    return data, labels, max(2, classes)
