"""Perceptrons of scikit-learn as plain arrays, trained and recorded epoch by epoch; scikit-learn is imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...base.arguments import checks_arguments, checks_arguments_but
from ...base.errors import ProblemError, integer, require
from ...base.numeric import Array
from ...base.progress import Progress
from .arrays import table, vectors
from .loaders import Loaded, matrices, need
from .mlp import OUTPUTS
from .recorder import Recorder, Recording

if TYPE_CHECKING:
    from sklearn.neural_network import MLPClassifier, MLPRegressor


@checks_arguments_but("model")
def from_sklearn(model: MLPClassifier | MLPRegressor) -> Loaded:
    """Weights, biases, activation and output of a fitted ``MLPClassifier`` or ``MLPRegressor``.

    scikit-learn keeps matrices as ``(in, out)``; here they are ``(out, in)``, as everywhere in this package.

    Raises:
        ProblemError: another object, or one that is not fitted.
        MethodError: scikit-learn is not installed.
    """
    known = need("sklearn.neural_network")
    ok = isinstance(model, (known.MLPClassifier, known.MLPRegressor))
    require(ok, "model", "be an MLPClassifier or an MLPRegressor", f"of type {type(model).__name__}")
    require(hasattr(model, "coefs_"), "model", "be fitted", "of no weights yet")
    weights = matrices([np.asarray(w, dtype=float).T for w in model.coefs_])
    biases = vectors(list(model.intercepts_), weights)
    names = tuple(f"layer {i}" for i in range(len(weights)))
    output = str(model.out_activation_)  # a Poisson regressor has an exponential, of which no entropy is taken here
    return Loaded(weights, biases, names, str(model.activation), output if output in OUTPUTS else None)


@checks_arguments
def record_sklearn(
    model: MLPClassifier | MLPRegressor,
    X: Array,
    y: Array,
    epochs: int,
    *,
    held_out: tuple[Array, Array] | None = None,
    progress: bool | None = False,
) -> Recording:
    """Train a perceptron of scikit-learn epoch by epoch (``partial_fit``) and record its measures after each.

    Args:
        model: an ``MLPClassifier`` or ``MLPRegressor`` with a stochastic solver (``"adam"`` or ``"sgd"``); it is trained.
        X, y: the training data.
        epochs: passes through it.
        held_out: data ``(X, y)`` that the model does not see; adds the column ``score/held_out``.
        progress: show a bar; None for "when standard error is a terminal".

    Returns:
        A :class:`Recording` with the further columns ``loss`` (as scikit-learn computes it) and ``score/train`` (accuracy,
        or R^2 of a regressor); after Ctrl-C the epochs that there are by then.

    Raises:
        ProblemError, MethodError: as :func:`from_sklearn`, a solver that has no epochs, or data that scikit-learn refuses.
    """
    known = need("sklearn.neural_network")
    ok = isinstance(model, (known.MLPClassifier, known.MLPRegressor))
    require(ok, "model", "be an MLPClassifier or an MLPRegressor", f"of type {type(model).__name__}")
    require(model.solver in ("adam", "sgd"), "model", "have the solver 'adam' or 'sgd'", model.solver)
    count = integer(epochs, "epochs", 1, 1_000_000)
    data, labels = table(X), np.asarray(y)
    new = isinstance(model, known.MLPClassifier) and not hasattr(model, "classes_")
    first = {"classes": np.unique(labels)} if new else {}
    recorder: Recorder | None = None
    try:
        with Progress("training", progress) as bar:
            for epoch in range(1, count + 1):
                model.partial_fit(data, labels, **(first if epoch == 1 else {}))
                net = from_sklearn(model)
                if recorder is None:
                    recorder = Recorder(data, activation=net.activation or "relu", output=net.output or "identity")
                curves = {"loss": float(model.loss_), "score__train": float(model.score(data, labels))}
                if held_out is not None:
                    curves["score__held_out"] = float(model.score(*held_out))
                recorder(epoch, net.weights, net.biases, **curves)
                bar(epoch, count)
    except KeyboardInterrupt:
        if recorder is None or not recorder.steps:
            raise
    except ProblemError:
        raise
    except (ValueError, TypeError, AttributeError) as error:  # scikit-learn's own words
        raise ProblemError(f"scikit-learn refuses to train this: {' '.join(str(error).split())[:160]}") from None
    assert recorder is not None
    return recorder.recording()


def carried(name: str) -> Any:
    """A data set that scikit-learn carries: ``.data``, ``.target``, ``.target_names``, ``.feature_names``.

    Raises:
        MethodError: scikit-learn is not installed.

    >>> carried("iris").data.shape
    (150, 4)
    """
    return getattr(need("sklearn.datasets"), f"load_{name}")()
