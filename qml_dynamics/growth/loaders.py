"""Networks that were trained elsewhere as plain arrays: PyTorch state dicts, and the perceptrons of scikit-learn.

Both packages are optional, and none is imported before it is needed. No file is read by pickle: a ``.safetensors`` file holds
plain arrays, and a ``.pt`` file is read with ``weights_only=True``.
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import MethodError, ProblemError, integer, one_of, require
from .measures import layers
from .mlp import chain
from .recording import Recorder, Recording

PathLike = str | os.PathLike[str]


class Loaded(NamedTuple):
    """A network as plain arrays.

    Attributes:
        weights: matrices, shape ``(out, in)`` each, in the order of the layers.
        biases: vectors, shape ``(out,)`` each; zeros where a layer has none.
        names: of the layers.
        activation: of the hidden layers, where the source says so, otherwise None.
        output: ``"softmax"``, ``"logistic"``, ``"identity"``, or None where the source does not say.
        skipped: entries of a state dict that are no matrix of a linear layer (convolutions, norms, counters).
    """

    weights: list[np.ndarray]
    biases: list[np.ndarray]
    names: tuple[str, ...]
    activation: str | None = None
    output: str | None = None
    skipped: tuple[str, ...] = ()


def from_torch(source: Any, *, only: Sequence[str] | None = None) -> Loaded:
    """Weight matrices of a PyTorch state dict, in the order in which it lists them (in a ``.safetensors`` file: by name).

    Args:
        source: ``model.state_dict()`` (any mapping of names to tensors or arrays), a ``.safetensors`` file, or a file that
            ``torch.save(model.state_dict(), ...)`` wrote.
        only: which layers, by name without ``.weight``; all that have a matrix when None.

    Raises:
        ProblemError: no such file, no matrix in it, or layers that do not form a chain (name those that do).
        MethodError: reading the file needs a package that is not installed.

    >>> net = from_torch({"0.weight": np.ones((3, 2)), "0.bias": np.zeros(3), "2.weight": np.ones((1, 3))})
    >>> net.names, [w.shape for w in net.weights], net.biases[1].tolist()
    (('0', '2'), [(3, 2), (1, 3)], [0.0])
    """
    state = source if isinstance(source, Mapping) else _state_file(source)
    arrays = {str(name): _array(name, value) for name, value in state.items()}
    known = [name.removesuffix(".weight") for name, a in arrays.items() if name.endswith(".weight") and a.ndim == 2]
    require(bool(known), "source", "hold a weight matrix: an entry `*.weight` of two axes", f"of {len(arrays)} entries")
    names = known if only is None else [one_of(name, "only", known) for name in only]
    require(bool(names), "only", "name at least one layer", only)
    weights = _matrices([arrays[f"{name}.weight"] for name in names])
    biases = [arrays.get(f"{name}.bias", np.zeros(len(w))).astype(float) for name, w in zip(names, weights)]
    used = {f"{name}.{part}" for name in names for part in ("weight", "bias")}
    return Loaded(weights, biases, tuple(names), skipped=tuple(name for name in arrays if name not in used))


def from_sklearn(model: Any) -> Loaded:
    """Weights, biases, activation and output of a fitted ``MLPClassifier`` or ``MLPRegressor``.

    scikit-learn keeps matrices as ``(in, out)``; here they are ``(out, in)``, as everywhere in this package.

    Raises:
        ProblemError: another object, or one that is not fitted.
        MethodError: scikit-learn is not installed.
    """
    known = need("sklearn.neural_network")
    ok = isinstance(model, (known.MLPClassifier, known.MLPRegressor))
    require(ok, "model", "be an MLPClassifier or an MLPRegressor", type(model).__name__)
    require(hasattr(model, "coefs_"), "model", "be fitted", "of no weights yet")
    weights = _matrices([np.asarray(w, dtype=float).T for w in model.coefs_])
    biases = [np.array(b, dtype=float) for b in model.intercepts_]
    names = tuple(f"layer {i}" for i in range(len(weights)))
    return Loaded(weights, biases, names, str(model.activation), str(model.out_activation_))


def record_sklearn(model: Any, X: Any, y: Any, epochs: int, *, held_out: tuple[Any, Any] | None = None) -> Recording:
    """Train a perceptron of scikit-learn epoch by epoch (``partial_fit``) and record its measures after each.

    Args:
        model: an ``MLPClassifier`` or ``MLPRegressor`` with a stochastic solver (``"adam"`` or ``"sgd"``); it is trained.
        X, y: the training data.
        epochs: passes through it.
        held_out: data ``(X, y)`` that the model does not see; adds the column ``score/held_out``.

    Returns:
        A :class:`Recording` with the further columns ``loss`` (as scikit-learn computes it) and ``score/train`` (accuracy,
        or R^2 of a regressor).

    Raises:
        ProblemError, MethodError: as :func:`from_sklearn`, or a solver that has no epochs.
    """
    known = need("sklearn.neural_network")
    ok = isinstance(model, (known.MLPClassifier, known.MLPRegressor))
    require(ok, "model", "be an MLPClassifier or an MLPRegressor", type(model).__name__)
    require(model.solver in ("adam", "sgd"), "model", "have the solver 'adam' or 'sgd'", model.solver)
    count = integer(epochs, "epochs", 1, 1_000_000)
    data, labels = layers([X])[0], np.asarray(y)
    first = {"classes": np.unique(labels)} if isinstance(model, known.MLPClassifier) else {}
    recorder: Recorder | None = None
    for epoch in range(1, count + 1):
        model.partial_fit(data, labels, **first)
        first = {}
        net = from_sklearn(model)
        if recorder is None:
            recorder = Recorder(data, activation=net.activation or "relu", output=net.output or "identity")
        curves = {"loss": float(model.loss_), "score__train": float(model.score(data, labels))}
        if held_out is not None:
            curves["score__held_out"] = float(model.score(*held_out))
        recorder(epoch, net.weights, net.biases, **curves)
    assert recorder is not None
    return recorder.recording()


def need(module: str) -> Any:
    """A module of an optional package; :class:`MethodError` with the command that installs it where it is missing."""
    try:
        return importlib.import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        raise MethodError(
            f'This needs {package}, which is not installed. Install it with: pip install "qml-dynamics[{package}]"'
        ) from None


def _state_file(source: Any) -> Mapping[str, Any]:
    ok = isinstance(source, str | os.PathLike)
    require(ok, "source", "be a state dict or the name of a file", type(source).__name__)
    path = Path(source)
    require(path.is_file(), "source", "be a file that exists", str(path))
    try:
        if path.suffix == ".safetensors":
            found = need("safetensors.numpy").load_file(path)
            return {name: found[name] for name in sorted(found, key=_natural)}  # such a file keeps no order of its own
        state = need("torch").load(path, map_location="cpu", weights_only=True)
    except MethodError:
        raise
    except Exception as error:  # each of them has errors of its own
        text = " ".join(str(error).split())[:100]
        raise ProblemError(
            f"Argument `source` must be a saved state dict of plain tensors, but {path} is not: {text}"
        ) from None
    require(isinstance(state, Mapping), "source", "hold a state dict", type(state).__name__)
    return dict(state)


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts ``layers.10`` after ``layers.9``."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _array(name: Any, value: Any) -> np.ndarray:
    """A tensor (or an array) as an array in memory of its own: later training steps do not change it."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        if value.is_floating_point():
            value = value.double()  # NumPy has no bfloat16
        value = value.numpy()
    try:
        return np.array(value)
    except (TypeError, ValueError):
        raise ProblemError(f"Argument `source` must hold arrays, but {name!r} is {type(value).__name__}.") from None


def _matrices(weights: list[np.ndarray]) -> list[np.ndarray]:
    found = layers(weights)
    chain(found)
    return found
