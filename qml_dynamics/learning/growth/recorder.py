"""Volumes and entropies along the training of any network, from plain arrays: recorded, kept as a table, saved without pickle."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, SupportsFloat

import numpy as np

from ...base.archive import checked, of, read_npz, reading
from ...base.arguments import checks_arguments, checks_arguments_but
from ...base.errors import ProblemError, describe, integer, one_of, real, require
from ...base.numeric import Array
from ...base.printing import printed_briefly
from ...base.texts import parse_json
from ...results.trajectory import atomic_file
from .arrays import chain, layers, table, vectors
from .measures import of_data, of_weights
from .mlp import ACTIVATIONS, OUTPUTS

FORMAT = 1
PathLike = str | os.PathLike[str]


@printed_briefly
@dataclass(frozen=True, eq=False)
class Recording:
    """Measures of a network, step by step. Entropies and log volumes are in nats.

    Attributes:
        steps: which step each row belongs to, shape ``(rows,)``.
        columns: name to values, ``(rows,)``, or ``(rows, layers)`` where the name ends in ``/layer`` (nan where a layer did
            not exist yet; layers are counted from the data on, so that those after one that comes in move on by one). Every
            entropy and coherence is named:

            * ``log_volume/layer``, ``log_volume/total``: ``sum log sigma`` of the weights (singular values that are zero
              left out, and counted in ``dropped/layer``);
            * ``log_volume/jacobian/layer``, ``.../total``, ``dropped/jacobian/layer``: the same of the layers' Jacobians
              ``diag(phi'(z)) W``, averaged over the data (only with data);
            * ``dead_units/layer``: units that no row of the data moves (without data: whose weights are all zero);
            * ``units/layer``: outputs of the layer;
            * ``entropy/von_neumann/layer``: of ``W^T W / tr(W^T W)``, the layer's spectrum read as a state;
            * ``entropy/differential/layer``: of a unit Gaussian pushed through the weight matrices up to this layer, on the
              subspace that it fills;
            * ``entropy/shannon/output``: mean Shannon entropy of the predicted classes (only with data and ``output``);
            * ``coherence/relative_entropy/layer``, ``participation/layer``: of the same state as ``von_neumann``, in the
              basis of the inputs and of the singular values;
            * ``orthogonality/layer``: ``|W^T W - 1|^2``;
            * and the curves that were given, such as ``loss``.
        info: activation, output, rows of data, rcond.
    """

    steps: np.ndarray
    columns: Mapping[str, np.ndarray]
    info: Mapping[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The columns there are."""
        return list(self.columns)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[one_of(name, "name", self.columns)]

    def __len__(self) -> int:
        return len(self.steps)

    def __str__(self) -> str:
        layer_count = self["units/layer"].shape[1]
        lines = [f"Recording of {len(self)} steps, {layer_count} layers"]
        for name, values in self.columns.items():
            if values.ndim == 1 and len(values):
                lines.append(f"  {name:32s} {values[0]:10.4g} -> {values[-1]:.4g}")
        return "\n".join(lines)

    @checks_arguments
    def save(self, path: PathLike) -> Path:
        """Write all columns to an ``.npz`` file without pickle, by rename. Returns the path."""
        target = Path(path)
        require(target.suffix == ".npz", "path", "end in .npz", str(path))
        meta = {"format": FORMAT, "columns": list(self.columns), "info": dict(self.info)}
        arrays: dict[str, Any] = {f"column_{i}": values for i, values in enumerate(self.columns.values())}
        with atomic_file(target) as handle:
            np.savez_compressed(handle, meta=np.array(json.dumps(meta)), steps=self.steps, **arrays)
        return target


@checks_arguments_but("path")
def load_recording(path: PathLike) -> Recording:
    """What :meth:`Recording.save` wrote; nothing in the file is run as code.

    Raises:
        ProblemError: no such file, or it holds no recording.
    """
    named = isinstance(path, str | os.PathLike)
    require(named and Path(path).is_file(), "path", "be a saved recording", str(path))
    must = f"Argument `path` must be a saved recording, but {path} is not"
    arrays = read_npz(path, must)
    with reading(must):
        meta = of(parse_json(str(checked(arrays, "meta", "U", ()))), dict, "meta")
        require(of(meta["format"], int, "format") <= FORMAT, "path", f"have format {FORMAT} or older", meta["format"])
        steps = checked(arrays, "steps", "iuf", (None,))
        columns = {}
        for i, name in enumerate(of(meta["columns"], list, "columns")):
            columns[of(name, str, "a column")] = _stored_column(arrays, f"column_{i}", len(steps))
        return Recording(steps, columns, of(meta["info"], dict, "info"))


def _stored_column(arrays: Mapping[str, np.ndarray], name: str, rows: int) -> np.ndarray:
    """A column: numbers, a row a step; nan where a layer did not exist yet."""
    array = arrays.get(name)
    fits = array is not None and array.dtype.kind in "biuf" and array.ndim in (1, 2) and len(array) == rows
    if array is None or not fits:
        what = "missing" if array is None else f"of shape {array.shape} and type {array.dtype}"
        raise ValueError(f"member {name} must hold {rows} rows of numbers, but is {what}")
    return array


class Recorder:
    """A hook for a training loop of your own: call it with the weights whenever a step is to be kept.

    Args:
        X: data, shape ``(rows, inputs)``, for the Jacobians, dead units and the output's entropy.
        activation: of the hidden layers: ``"relu"``, ``"tanh"``, ``"logistic"`` or ``"identity"``.
        output: ``"softmax"`` or ``"logistic"`` (probabilities, hence a Shannon entropy), or ``"identity"``.
        rows: at most so many rows of the data, evenly spread, go into the Jacobians.
        rcond: singular values below this share of the largest count as zero.

    >>> recorder = Recorder()
    >>> for step in range(3):
    ...     recorder(step, [np.diag([1.0 + step, 0.5])], loss=1.0 / (1 + step))
    >>> recorder.recording()["log_volume/total"]
    array([-0.693147,  0.      ,  0.405465])
    """

    def __init__(
        self,
        X: Array | None = None,
        *,
        activation: str = "relu",
        output: str = "identity",
        rows: int = 64,
        rcond: float = 1e-12,
    ) -> None:
        self.activation = one_of(activation, "activation", ACTIVATIONS)
        self.output = one_of(output, "output", OUTPUTS)
        self.rcond = real(rcond, "rcond", nonnegative=True)
        self.data = None if X is None else table(X)
        self.rows = integer(rows, "rows", 1, 100_000)
        self.kept: list[dict[str, Any]] = []
        self.steps: list[int] = []

    def __call__(
        self,
        step: int,
        weights: Array | Sequence[Array],
        biases: Sequence[Array] | None = None,
        /,
        **curves: float,
    ) -> None:
        """Keep a step: weight matrices ``(out, in)``, biases if there are any, and numbers such as ``loss=``.

        A double underscore becomes a slash: ``loss__held_out=0.3`` is the column ``loss/held_out``.

        Raises:
            ProblemError: a step not after the one before, layers that do not fit each other or the data, or a curve that is no
                number or has the name of a measure.
        """
        at = integer(step, "step", 0, 2**62)
        require(not self.steps or at > self.steps[-1], "step", "be larger than the one before", step)
        matrices = layers(weights)
        chain(matrices)
        offsets = vectors(biases, matrices)
        row: dict[str, Any] = of_weights(matrices, self.rcond)
        if self.data is None:
            row["dead_units/layer"] = [int((~w.any(axis=1)).sum()) for w in matrices]
        else:
            inputs = matrices[0].shape[1]
            require(self.data.shape[1] == inputs, "X", f"have {inputs} columns", f"of shape {self.data.shape}")
            row |= of_data(matrices, offsets, self.data, self.activation, self.output, self.rows, self.rcond)
        for name, value in curves.items():
            column = name.replace("__", "/")
            require(column not in row, "curves", "not be named as a measure", name)
            row[column] = _number(value, name)
        self.steps.append(at)
        self.kept.append(row)

    def recording(self) -> Recording:
        """What was kept so far.

        Raises:
            ProblemError: nothing was.
        """
        require(bool(self.kept), "weights", "hold at least one step", "an empty list")
        names = list(dict.fromkeys(name for row in self.kept for name in row))
        columns = {name: _column([row.get(name) for row in self.kept]) for name in names}
        info = {
            "activation": self.activation,
            "output": self.output,
            "rows": 0 if self.data is None else len(self.data),
            "rcond": self.rcond,
        }
        return Recording(np.array(self.steps), columns, info)


@checks_arguments_but("steps_of_weights", "steps", "curves", "biases")
def record(
    steps_of_weights: Sequence[Array | Sequence[Array]],
    *,
    biases: Sequence[Sequence[Array]] | None = None,
    steps: Sequence[int] | None = None,
    X: Array | None = None,
    activation: str = "relu",
    output: str = "identity",
    curves: Mapping[str, Sequence[float]] | None = None,
    rows: int = 64,
    rcond: float = 1e-12,
) -> Recording:
    """Volumes and named entropies of a network that was trained elsewhere.

    Args:
        steps_of_weights: one list of weight matrices a step, shape ``(out, in)`` each; the shapes may grow along the steps.
        biases: one list of vectors a step, or None.
        steps: the number of each step; 0, 1, 2, ... when None.
        X, activation, output, rows, rcond: as in :class:`Recorder`.
        curves: more columns, such as ``{"loss": [...], "accuracy": [...]}``, one value a step.

    Raises:
        ProblemError: an empty list, layers that do not fit each other, or curves of another length.

    >>> run = record([[np.diag([2.0, 0.5])], [np.diag([3.0, 0.5])]], curves={"loss": [1.0, 0.5]})
    >>> run["log_volume/total"], run["entropy/von_neumann/layer"][:, 0]
    (array([0.      , 0.405465]), array([0.223718, 0.124251]))
    """
    listed = _is_list(steps_of_weights)
    require(listed, "steps_of_weights", "be a list with one list of matrices a step", steps_of_weights)
    count = len(steps_of_weights)
    require(count > 0, "steps_of_weights", "hold at least one step", "an empty list")
    listed = steps is None or _is_list(steps)
    require(listed, "steps", "be a list with the number of each step", steps)
    numbers = list(range(count)) if steps is None else [integer(s, "steps", 0, 2**62) for s in steps]
    require(len(numbers) == count, "steps", f"be {count} numbers", f"of length {len(numbers)}")
    if biases is not None:
        fits = _is_list(biases) and len(biases) == count
        require(fits, "biases", f"be {count} lists of vectors, one a step", biases)
    extra = _curves(curves, count)
    recorder = Recorder(X, activation=activation, output=output, rows=rows, rcond=rcond)
    for i, weights in enumerate(steps_of_weights):
        given = [weights] if isinstance(weights, np.ndarray) and weights.ndim == 2 else weights
        bias = None if biases is None else biases[i]
        recorder(numbers[i], given, bias, **{name: values[i] for name, values in extra.items()})
    return recorder.recording()


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) or (isinstance(value, np.ndarray) and value.ndim > 0)


def _curves(curves: Mapping[str, Sequence[float]] | None, count: int) -> dict[str, list[float]]:
    given = {} if curves is None else curves
    require(isinstance(given, Mapping), "curves", "be a mapping of names to values", given)
    found = {}
    for name, values in given.items():
        require(_is_list(values) and len(values) == count, "curves", f"have {count} values in {name!r}", values)
        found[str(name)] = list(values)
    return found


def _number(value: SupportsFloat, name: str) -> float:
    """A curve may be nan (nothing was measured at this step), but it has to be a number."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise ProblemError(f"Argument `curves` must be numbers, but {name!r} is {describe(value)}.") from None


def _column(values: Sequence[Array | None]) -> np.ndarray:
    sized = [np.atleast_1d(np.asarray(np.nan if v is None else v, dtype=float)) for v in values]
    if all(v is None or np.ndim(v) == 0 for v in values):
        return np.concatenate(sized)
    out = np.full((len(sized), max(map(len, sized))), np.nan)
    for row, v in zip(out, sized):
        row[: len(v)] = v
    return out
