"""Which page a result gets: found by the class of an object, or by the files of a folder; trajectories and descents have their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from ...base.archive import of, read_npz, reading
from ...base.errors import ProblemError
from ...base.texts import parse_json
from ...learning.descent.result import Descent
from ...learning.growth.recorder import Recording, load_recording
from ...learning.growth.training import KIND as NETWORK_KIND
from ...learning.growth.training import Trained
from ...learning.metts.chain import KIND as CHAIN_KIND
from ...learning.metts.chain import Chain
from ...learning.training.result import KIND as TRAINING_KIND
from ...learning.training.result import RESULT as TRAINING
from ...learning.training.result import TrainResult
from ...results.trajectory import Trajectory
from ...runs.sweeps.table import FILE as SWEEP
from ...runs.sweeps.table import Sweep
from ...runs.trajectory_file import RESULT, TRAJECTORY
from . import chain_page, diffusion_page, gibbs_page, network_page, sweep_page, training_page
from .sources import DESCENT, Place, mapping, place_of

Reported: TypeAlias = Trajectory | Chain | Descent | TrainResult | Trained | Sweep
CHAIN, NETWORK, BASELINE, SAMPLES = "chain.npz", "network.npz", "baseline.npz", "samples.csv"


@dataclass(frozen=True)
class Page:
    """A page as text, and in words what it is of."""

    what: str
    text: str


def page_of(given: object, allow_code: bool) -> Page | None:
    """The page of a result that is no trajectory; None of a trajectory, a descent, or the path of one.

    Raises:
        ProblemError: a file was damaged, or leads out of its folder.
    """
    if isinstance(given, Chain):
        return Page("a chain", chain_page.page(given, Place("chain")))
    if isinstance(given, TrainResult):
        return Page("a trained circuit", training_page.page(given, Place("training")))
    if isinstance(given, Trained):
        return Page("a network", network_page.page(given, Place("network")))
    if isinstance(given, Sweep):
        return Page("a sweep", sweep_page.page(given, place_of(given.folder, "")))
    if not isinstance(given, Path) or not given.exists():
        return None
    return _of_folder(given) if given.is_dir() else _of_file(given)


def _of_folder(path: Path) -> Page | None:
    """By the files that are there; a folder with a trajectory is that of a run, whatever else it holds."""
    there = {
        name: (path / name).is_file()
        for name in (TRAJECTORY, DESCENT, SWEEP, NETWORK, TRAINING, CHAIN, SAMPLES, RESULT)
    }
    if there[TRAJECTORY] or there[DESCENT]:
        return None
    if there[SWEEP]:
        return Page("a sweep", sweep_page.page(Sweep.load(path), place_of(path, "")))
    if there[NETWORK]:
        place = place_of(path, NETWORK)
        return Page("a network", network_page.page(Trained.load(path / NETWORK), place, _baseline(path / BASELINE)))
    if there[TRAINING]:
        return Page(
            "a trained circuit", training_page.page(TrainResult.load(path / TRAINING), place_of(path, TRAINING))
        )
    if there[CHAIN]:
        return Page("a chain", chain_page.page(Chain.load(path / CHAIN), place_of(path, CHAIN)))
    if there[RESULT] and there[SAMPLES]:
        return Page("a diffusion model", diffusion_page.page(place_of(path, SAMPLES)))
    if there[RESULT]:
        place = place_of(path, RESULT)
        if "probabilities" in place.said:
            return Page("a thermal law", gibbs_page.page(place))
    _refuse_earlier(path)
    return None


def _refuse_earlier(path: Path) -> None:
    """Raise :class:`ProblemError` for a folder of an earlier version that lacks what its page is made of."""
    for name, wanted, verb in (("recording.npz", NETWORK, "grow"), (SAMPLES, RESULT, "diffuse")):
        if (path / name).is_file():
            raise ProblemError(
                f"Argument `run` must be a folder with {wanted}, but {path} has none, as earlier versions left it: run {verb} again."
            )


def _baseline(path: Path) -> Recording | None:
    return load_recording(path) if path.is_file() else None


def _of_file(path: Path) -> Page | None:
    """By the kind that the file names; None of a trajectory, of a descent, and of whatever else."""
    if path.suffix != ".npz":
        return None
    kind = kind_of(path)
    if kind == CHAIN_KIND:
        return Page("a chain", chain_page.page(Chain.load(path), place_of(path, path.name)))
    if kind == TRAINING_KIND:
        return Page("a trained circuit", training_page.page(TrainResult.load(path), place_of(path, path.name)))
    if kind == NETWORK_KIND:
        return Page("a network", network_page.page(Trained.load(path), place_of(path, path.name)))
    return None


def kind_of(path: Path) -> str:
    """What a file of NumPy arrays holds: "trajectory", or the kind of result that its head names.

    Raises:
        ProblemError: it is no such file.
    """
    must = f"Argument `run` must be a saved result, but {path} is not"
    arrays: Mapping[str, Any] = read_npz(path, must)
    if "head" not in arrays:
        return "trajectory"
    with reading(must):
        return str(of(mapping(parse_json(str(arrays["head"]))).get("kind"), str, "kind"))
