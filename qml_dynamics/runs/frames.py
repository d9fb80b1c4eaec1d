"""Results as data frames of pandas and data sets of xarray: the members of results find them here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.errors import check_memory
from ..learning.descent.result import Descent
from ..learning.growth.training import Trained
from ..learning.metts.chain import Chain
from ..learning.training.result import TrainResult
from ..model.domains import Domain
from ..model.problem import loss_table
from ..results.compact import CompactTrajectory
from ..results.trajectory import Trajectory, plain
from .foreign_tables import dataset, frame

if TYPE_CHECKING:
    import pandas
    import xarray

_TAKEN = ("time", "density", "wave", "log_norm", "parameters", "parameter")


def _columns(values: Mapping[str, Iterable[object]]) -> pandas.DataFrame:
    """Columns of equal length as a data frame."""
    listed = {name: np.asarray(column).tolist() for name, column in values.items()}
    return frame([dict(zip(listed, row)) for row in zip(*listed.values())], list(listed))


def _weights(domain: Domain) -> list[str]:
    """The names of the weights as dimensions and columns."""
    return [f"w{i}" for i in range(domain.ndim)]


def _series(run: Trajectory) -> dict[str, np.ndarray]:
    """What is known at each saved time, by name: expectations with their standard errors."""
    out = {"log_norm": run.log_norm}
    errors = {f"{name}_stderr" for name in run.expectations}
    taken = {*_TAKEN, *_weights(run.problem.domain), *errors}
    for name, estimate in run.expectations.items():
        column = f"{name} (observable)" if name in taken else name
        value = np.asarray(estimate.value, dtype=float)
        out[column] = value
        out[f"{column}_stderr"] = np.broadcast_to(np.asarray(estimate.stderr, dtype=float), value.shape)
    return out


def trajectory_frame(run: Trajectory) -> pandas.DataFrame:
    """One row a saved time: log_norm, the expectations and their standard errors."""
    return _columns({"time": run.times, **_series(run)})


def trajectory_dataset(run: Trajectory) -> xarray.Dataset:
    """Density and wave over time and weights ``w0, w1, ...``, expectations over time; compact states are left out, which have no table."""
    names = _weights(run.problem.domain)
    coordinates: dict[str, Any] = {"time": run.times}
    variables: dict[str, Any] = {name: (("time",), values) for name, values in _series(run).items()}
    if not isinstance(run, CompactTrajectory):
        coordinates |= dict(zip(names, run.problem.domain.axes))
        variables["density"] = (("time", *names), run.density)
        if run.states is not None:
            variables["wave"] = (("time", *names), run.states)
    if run.parameters is not None:
        variables["parameters"] = (("time", "parameter"), run.parameters)
    said = {"method": str(run.method), "clock": run.problem.clock, "reading": run.reading, "stop": run.stop}
    return dataset(variables, coordinates, said)


def _losses(chain: Chain) -> np.ndarray | None:
    """The loss of each sample; None of an operator, which has none."""
    objective, domain = chain.problem.objective, chain.problem.domain
    if objective is None:
        return None
    check_memory(8 * domain.size, "The table of the loss")
    return np.asarray(loss_table(chain.problem).reshape(-1)[chain.index.reshape(-1)[: len(chain.samples)]])


def chain_frame(chain: Chain) -> pandas.DataFrame:
    """One row a sample: step, walker, weights ``w0, w1, ...`` and loss."""
    steps, walkers = (each.reshape(-1)[: len(chain.samples)] for each in np.indices(chain.index.shape))
    weights = dict(zip(_weights(chain.problem.domain), chain.samples.T))
    losses = _losses(chain)
    return _columns({"step": steps, "walker": walkers, **weights, **({} if losses is None else {"loss": losses})})


def chain_dataset(chain: Chain) -> xarray.Dataset:
    """Samples and their losses, and over the weights the frequencies of the samples and their exact law, where it is known."""
    domain = chain.problem.domain
    names = _weights(domain)
    variables: dict[str, Any] = {
        "samples": (("sample", "weight"), chain.samples),
        "density": (tuple(names), chain.density),
    }
    losses = _losses(chain)
    if losses is not None:
        variables["loss"] = (("sample",), losses)
    if chain.stationary is not None:
        variables["stationary"] = (tuple(names), chain.stationary)
    coordinates = {"weight": names, **dict(zip(names, domain.axes))}
    said = {"reading": chain.reading, "beta": chain.beta, "tau": chain.tau, "stop": chain.stop}
    return dataset(variables, coordinates, {**said, "effective_sample_size": chain.effective_sample_size})


def descent_frame(found: Descent) -> pandas.DataFrame:
    """One row an answer: the best sample, each polished one, and each rival, with weights in the loss's units."""
    rows: list[tuple[str, Sequence[float], float, int | None]] = [
        ("sample", found.sample, found.sample_loss, found.evaluations.grid)
    ]
    rows += [("polished", p.weights, p.loss, p.evaluations) for p in found.polished]
    rows += [(rival.name, rival.weights, rival.loss, rival.evaluations) for rival in found.rivals]
    names = _weights(found.problem.domain)
    told = [
        {"answer": answer, **dict(zip(names, weights)), "loss": loss, "evaluations": many}
        for answer, weights, loss, many in rows
    ]
    return frame(told, ["answer", *names, "loss", "evaluations"])


def descent_dataset(found: Descent) -> xarray.Dataset:
    """The data set of its run, with the best weights and their loss as attributes."""
    made = trajectory_dataset(found.trajectory)
    best = plain({"best_weights": list(found.weights), "best_loss": found.loss})
    return made.assign_attrs(**best)


def _curves(result: TrainResult) -> dict[str, np.ndarray]:
    accuracy = {} if result.accuracy is None else {"accuracy": result.accuracy}
    return {"loss": result.loss, **accuracy, "evaluations": result.evaluations}


def training_frame(result: TrainResult) -> pandas.DataFrame:
    """One row a step, the first before any: loss, accuracy, circuits sent, and the parameters."""
    angles = {f"parameter{i}": column for i, column in enumerate(result.parameters.T)}
    return _columns({"step": np.arange(len(result.loss)), **_curves(result), **angles})


def training_dataset(result: TrainResult) -> xarray.Dataset:
    """Loss, accuracy and circuits sent over the steps, and the parameters over steps and their number."""
    variables: dict[str, Any] = {name: (("step",), values) for name, values in _curves(result).items()}
    variables["parameters"] = (("step", "parameter"), result.parameters)
    steps = {"step": np.arange(len(result.loss))}
    return dataset(variables, steps, {"optimizer": result.optimizer, "stop": result.stop, "seed": str(result.seed)})


def growth_frame(trained: Trained) -> pandas.DataFrame:
    """One row an epoch: every measure of the recording; one of each layer in columns of its own, ``name/0, name/1, ...``."""
    columns: dict[str, np.ndarray] = {"epoch": trained.recording.steps}
    for name, values in trained.recording.columns.items():
        each = {name: values} if values.ndim == 1 else {f"{name}/{i}": column for i, column in enumerate(values.T)}
        columns |= each
    return _columns(columns)


def growth_dataset(trained: Trained) -> xarray.Dataset:
    """Every measure of the recording over epochs, and over layers where it is one of layers."""
    variables = {
        name: (("epoch",) if values.ndim == 1 else ("epoch", "layer"), values)
        for name, values in trained.recording.columns.items()
    }
    said = {"sizes": list(trained.network.sizes), "activation": trained.network.activation, "stop": trained.stop}
    return dataset(variables, {"epoch": trained.recording.steps}, said)
