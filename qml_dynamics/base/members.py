"""Members of results that stand below what answers them: pictures and tables, looked up by the class of the result when asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .registry import at

# Of each member, and of each class of results, the place of what answers.
MEMBERS: dict[str, dict[str, str]] = {
    "plot": {
        "Trajectory": "plotting:plot_summary",
        "Chain": "plotting.annealing:plot_chain",
        "Descent": "plotting.results:plot_found",
        "TrainResult": "plotting.results:plot_training",
        "Trained": "plotting.results:plot_trained",
    },
    "to_dataframe": {
        "Trajectory": "runs.frames:trajectory_frame",
        "Chain": "runs.frames:chain_frame",
        "Descent": "runs.frames:descent_frame",
        "TrainResult": "runs.frames:training_frame",
        "Trained": "runs.frames:growth_frame",
    },
    "to_xarray": {
        "Trajectory": "runs.frames:trajectory_dataset",
        "Chain": "runs.frames:chain_dataset",
        "Descent": "runs.frames:descent_dataset",
        "TrainResult": "runs.frames:training_dataset",
        "Trained": "runs.frames:growth_dataset",
    },
}


def member(result: object, name: str) -> Callable[..., Any]:
    """What answers a member of a result: what is named for its class, or for the nearest class that it extends.

    >>> from qml_dynamics.results.compact import CompactTrajectory
    >>> member(CompactTrajectory.__new__(CompactTrajectory), "plot").__name__
    'plot_summary'
    """
    places = MEMBERS[name]
    return at(next(places[cls.__name__] for cls in type(result).__mro__ if cls.__name__ in places))  # type: ignore[no-any-return]
