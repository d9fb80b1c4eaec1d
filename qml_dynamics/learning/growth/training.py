"""`Training`, `Grown`, `Trained`: options of a training, records of its insertions, and its result."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...base.archive import of, reading
from ...base.arguments import checks_arguments, checks_arguments_but
from ...base.errors import MethodError, integer, real, require
from ...base.printing import cut, printed_briefly
from ...model.objectives.prepared import Preparation, preparation_from_spec, preparation_spec
from ...model.objectives.scores import given_labels
from ...results.members import Shown, need_best
from ...results.predictions import Labels, Rows, rows_of, share_right
from ...results.stored import as_json, read_result, write_result
from .mlp import MLP
from .recorder import Recording

KIND = "network"


@dataclass(frozen=True)
class Training:
    """How a network is trained: stochastic gradient descent with momentum.

    Attributes:
        epochs: passes through the data.
        rate: the learning rate.
        momentum: between 0 and 1.
        batch: rows of a mini-batch.
        orthogonality: strength ``c`` of the reversible regulariser ``c |W^T W - 1|^2`` on the hidden layers. After each gradient
            step of the data the weights follow its flow for time ``rate * c`` in closed form, so no strength is unstable.
        seed: of the order of the rows and of the candidates for new units.
    """

    epochs: int = 200
    rate: float = 0.02
    momentum: float = 0.9
    batch: int = 32
    orthogonality: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        integer(self.epochs, "epochs", 1, 10_000_000, MethodError)
        real(self.rate, "rate", positive=True, error=MethodError)
        momentum = real(self.momentum, "momentum", nonnegative=True, error=MethodError)
        require(momentum < 1, "momentum", "be below 1", momentum, MethodError)
        integer(self.batch, "batch", 1, 10_000_000, MethodError)
        real(self.orthogonality, "orthogonality", nonnegative=True, error=MethodError)
        integer(self.seed, "seed", 0, 2**63 - 1, MethodError)


@dataclass(frozen=True)
class Grown:
    """One insertion: when, where, why, and by how much the loss on the training data jumped there.

    Attributes:
        epoch: after which it came in.
        hidden: units of the layer that was widened, or that came in.
        residual, gain, noise: see :class:`~qml_dynamics.learning.growth.insertion.Look`.
        jump: loss after minus loss before; 0 but for round-off.
        layer: which hidden layer was widened, or after which one a layer came in, from 0 on.
        kind: ``"unit"`` or ``"layer"``.
        sizes: of the network afterwards.
    """

    epoch: int
    hidden: int
    residual: float
    gain: float
    noise: float
    jump: float
    layer: int = 0
    kind: str = "unit"
    sizes: tuple[int, ...] = ()

    def __str__(self) -> str:
        why = f"(residual {self.residual:.2f})"
        if self.kind == "layer":
            return f"epoch {self.epoch}: a layer of {self.hidden} units after hidden layer {self.layer + 1} {why}"
        if len(self.sizes) > 3:
            return f"epoch {self.epoch}: {self.hidden} units in hidden layer {self.layer + 1} {why}"
        return f"epoch {self.epoch}: {self.hidden} hidden units {why}"


@printed_briefly
@dataclass(frozen=True, eq=False)
class Trained(Shown):
    """What training gives.

    Attributes:
        network: the trained network.
        recording: the measures and the curves ``loss/train``, ``loss/held_out``, ``accuracy/train``, ``accuracy/held_out``,
            ``residual`` (where it grows; nan between two looks) and ``updates`` (parameter updates so far).
        events: the insertions.
        stop: why training and growth ended.
        classes: the words of the labels, in the order of the outputs; None where the labels were numbers.
        preparation: how a row of a file becomes a row of the network; None where it was trained on rows as they are.
    """

    network: MLP
    recording: Recording
    events: tuple[Grown, ...]
    stop: str
    classes: tuple[str | bool, ...] | None = None
    preparation: Preparation | None = None

    @checks_arguments_but("X")
    def predict(self, X: Rows, weights: str = "best") -> np.ndarray:
        """The most probable class of new rows, in the labels that were given, shape ``(n,)``.

        Args:
            X: rows like those of the training, shape ``(n, features)``; with a :attr:`preparation` in the units of the file, or a data
                frame, whose columns are found by name.
            weights: ``"best"``, those at the end: there is no law over them.

        Raises:
            ProblemError: the rows do not fit the network. MethodError: other weights.
        """
        index = self.predict_proba(X, weights).argmax(axis=1)
        return np.asarray(index if self.classes is None else np.array(self.classes)[index])

    @checks_arguments_but("X")
    def predict_proba(self, X: Rows, weights: str = "best") -> np.ndarray:
        """Probabilities of the classes of new rows, shape ``(n, classes)``; arguments and errors as of :meth:`predict`."""
        need_best(weights, "a grown network")
        return np.asarray(self.network.probabilities(rows_of(X, self.preparation)))

    @checks_arguments_but("X", "y")
    def score(self, X: Rows, y: Labels, weights: str = "best") -> float:
        """Share of new rows whose class is ``y``: labels as they were given; arguments and errors as of :meth:`predict`."""
        found, truth = self.predict(X, weights), given_labels(y)
        require(truth.shape == found.shape, "y", f"have {len(found)} labels", f"of shape {truth.shape}")
        require(truth.size > 0, "y", "have at least one label", "of length 0")
        return share_right(found, truth, range(self.network.sizes[-1]) if self.classes is None else self.classes)

    @checks_arguments
    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write network, recording and preparation to one ``.npz`` file, whole or not at all; :meth:`load` reads them back to the bit."""
        prepared = None if self.preparation is None else preparation_spec(self.preparation)
        parts: dict[str, object] = {
            "weights": self.network.weights,
            "biases": self.network.biases,
            "activation": self.network.activation,
        }
        r = self.recording
        parts |= {"steps": r.steps, "columns": dict(r.columns), "info": as_json(dict(r.info))}
        parts |= {"events": [vars(event) for event in self.events], "stop": self.stop, "classes": self.classes}
        return write_result(path, KIND, {**parts, "preparation": as_json(prepared)})

    @classmethod
    @checks_arguments
    def load(cls, path: str | os.PathLike[str]) -> Trained:
        """What :meth:`save` wrote, or ``qml-dynamics grow`` as ``network.npz``.

        Raises:
            ProblemError: the file is no saved network, or was damaged or changed.
        """
        parts = read_result(path, KIND)
        with reading(f"Argument `path` must be a saved {KIND}, but {path} is not"):
            weights, biases = (tuple(of(parts[name], tuple, name)) for name in ("weights", "biases"))
            network = MLP(weights, biases, of(parts["activation"], str, "activation"))
            columns = of(parts["columns"], dict, "columns")
            recording = Recording(of(parts["steps"], np.ndarray, "steps"), columns, of(parts["info"], dict, "info"))
            events = tuple(Grown(**of(event, dict, "events")) for event in of(parts["events"], list, "events"))
            classes, prepared = parts["classes"], parts["preparation"]
            known = None if classes is None else tuple(of(classes, tuple, "classes"))
            many = network.sizes[-1]
            require(known is None or len(known) == many, "classes", f"be {many}", classes)
            made = None
            if prepared is not None:
                made = preparation_from_spec(of(prepared, dict, "preparation"), network.sizes[0], many)
            return cls(network, recording, events, of(parts["stop"], str, "stop"), known, made)

    def __str__(self) -> str:
        r = self.recording
        kept = len(r) - 1
        lines = [
            f"Network of sizes {self.network.sizes}, {self.network.num_parameters} parameters, {self.stop}",
            f"  loss              {r['loss/train'][kept]:.4f} training, {r['loss/held_out'][kept]:.4f} held out",
            f"  accuracy          {r['accuracy/train'][kept]:.4f} training, {r['accuracy/held_out'][kept]:.4f} held out",
            f"  log volume        {r['log_volume/total'][0]:.3f} -> {r['log_volume/total'][kept]:.3f} nats",
            f"  parameter updates {r['updates'][kept]:,.0f}",
        ]
        lines += [f"  {event}" for event in self.events]
        return cut("\n".join(lines))
