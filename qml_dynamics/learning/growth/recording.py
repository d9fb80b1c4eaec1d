"""What was measured along the training of a network, step by step: a table of named columns, saved without pickle."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...base.errors import ProblemError, one_of, require
from ...results.trajectory import atomic_file

FORMAT = 1
PathLike = str | os.PathLike[str]


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

    def save(self, path: PathLike) -> Path:
        """Write all columns to an ``.npz`` file without pickle, by rename. Returns the path."""
        target = Path(path)
        require(target.suffix == ".npz", "path", "end in .npz", str(path))
        meta = {"format": FORMAT, "columns": list(self.columns), "info": dict(self.info)}
        arrays: dict[str, Any] = {f"column_{i}": values for i, values in enumerate(self.columns.values())}
        with atomic_file(target) as handle:
            np.savez_compressed(handle, meta=np.array(json.dumps(meta)), steps=self.steps, **arrays)
        return target


def load_recording(path: PathLike) -> Recording:
    """What :meth:`Recording.save` wrote; nothing in the file is run as code.

    Raises:
        ProblemError: no such file, or it holds no recording.
    """
    named = isinstance(path, str | os.PathLike)
    require(named and Path(path).is_file(), "path", "be a saved recording", str(path))
    try:
        with np.load(path, allow_pickle=False) as archive:
            meta = json.loads(str(archive["meta"]))
            require(meta["format"] <= FORMAT, "path", f"have format {FORMAT} or older", meta["format"])
            columns = {name: archive[f"column_{i}"] for i, name in enumerate(meta["columns"])}
            return Recording(archive["steps"], columns, meta["info"])
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, EOFError, OSError) as error:
        if isinstance(error, ProblemError):
            raise
        raise ProblemError(f"Argument `path` must be a saved recording, but {path} is not: {error}") from None
