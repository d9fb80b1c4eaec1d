"""`Training`, `Grown`, `Trained`: options of a training, records of its insertions, and its result."""

from __future__ import annotations

from dataclasses import dataclass

from ...base.errors import MethodError, integer, real, require
from .mlp import MLP
from .recorder import Recording


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


@dataclass(frozen=True, eq=False)
class Trained:
    """What training gives.

    Attributes:
        network: the trained network.
        recording: the measures and the curves ``loss/train``, ``loss/held_out``, ``accuracy/train``, ``accuracy/held_out``,
            ``residual`` (where it grows; nan between two looks) and ``updates`` (parameter updates so far).
        events: the insertions.
        stop: why training and growth ended.
        classes: the words of the labels, in the order of the outputs; None where the labels were numbers.
    """

    network: MLP
    recording: Recording
    events: tuple[Grown, ...]
    stop: str
    classes: tuple[str | bool, ...] | None = None

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
        return "\n".join(lines)
