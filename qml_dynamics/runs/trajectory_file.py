"""Saved trajectories and run folders: written completely or not at all, read without pickle."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np

from ..base.archive import ascending, checked, nonnegative, of, read_npz, reading, unit_rows
from ..base.arguments import checks_arguments
from ..base.codec import from_before
from ..base.codec import method_from_spec as named_method
from ..base.errors import ProblemError, QMLDynamicsError, real, require
from ..base.estimate import Estimate
from ..base.places import refuse_links
from ..base.texts import parse_json
from ..methods.base import Method, facts_of
from ..model.initial import Gaussian
from ..model.problem import Problem
from ..results.compact import CompactTrajectory
from ..results.compact_files import COMPACT_ARRAYS, restored_states
from ..results.trajectory import FORMAT, Best, Counts, Trajectory, is_sealed, plain, sealed, write_npz
from .problem_file import ProblemFile, problem_from_spec, read_problem
from .problem_file.content import changed_files, differences, folder_content
from .problem_file.editors import put_schema, top_line
from .problem_file.files import copy_problem, read_sections, write_bytes, write_stated

PathLike = str | os.PathLike[str]
TRAJECTORY, PROBLEM, RESULT, REFERENCE = "trajectory.npz", "problem.toml", "result.json", "reference.npz"
FORWARD = "forward.json"  # the density of a diffusion model under noise, beside its results
CONTENT = "content"
_SAID = ("stop", "clock", "reading", "times", "shots", "expectations", "best")  # by `result.json`, of the trajectory


@checks_arguments
def load(path: PathLike, *, problem: Problem | None = None, allow_code: bool = False) -> Trajectory:
    """A trajectory from the file that :meth:`Trajectory.save` wrote, or from a run folder.

    Args:
        path: the ``.npz`` file, with or without its ending, or a folder that holds ``trajectory.npz``.
        problem: used in place of the stored problem (needed only where that had a schedule or wave of your own).
        allow_code: also run a function that the stored problem names: code of whoever wrote the file. What :meth:`Trajectory.save`
            writes of a function is its table of values, unless the objective's own ``spec`` names it.

    Returns:
        The trajectory; an objective that no file can describe comes back as its table of values.

    Raises:
        ProblemError: there is no such file, it is not a saved trajectory, a newer version wrote it, or it names code.
    """
    where = _trajectory_file(Path(path))
    refuse_links(where.parent, [where.name] if Path(path).is_dir() else [], allow_code)
    arrays = read_npz(where, _must(where), mapped=COMPACT_ARRAYS)
    given = problem is not None
    trajectory = from_arrays(arrays, where, problem, allow_code=allow_code)
    if not is_sealed(arrays):
        raise ProblemError(f"Argument `path` must be a trajectory as it was saved, but {where} was changed afterwards.")
    if Path(path).is_dir():
        check_run(Path(path), arrays, trajectory)
        return trajectory if given else _with_data(trajectory, Path(path), allow_code)
    return trajectory


def _must(where: Path) -> str:
    return f"Argument `path` must be a saved trajectory, but {where} is not"


def from_arrays(
    arrays: Mapping[str, np.ndarray], where: Path, problem: Problem | None = None, *, allow_code: bool = False
) -> Trajectory:
    """The trajectory of the arrays of a file, as :meth:`Trajectory.to_arrays` gives them; arguments and errors as of :func:`load`."""
    with reading(_must(where)):
        meta = _meta(checked(arrays, "meta", "U", ()), where)
        try:
            if problem is None:
                problem = problem_from_spec(meta["problem"], arrays, where.parent, allow_code=allow_code)
            else:
                problem = _as_it_was(problem, meta["problem"])
            trajectory = _rebuild(meta, arrays, problem, _method(meta["method"]))
        except QMLDynamicsError as error:
            raise type(error)(f"{where.name}: {error}") from None
    return trajectory


def _with_data(run: Trajectory, folder: Path, allow_code: bool) -> Trajectory:
    """The run with the model that the data in its folder trained, where the trajectory is of an earlier version, which held none."""
    objective, path = run.problem.objective, folder / PROBLEM
    if objective is None or objective.model is not None or not path.is_file():
        return run
    if "data" not in read_sections(path).get("objective", {}):
        return run
    known = read_problem(path, allow_code=allow_code).problem.objective
    assert known is not None
    described = replace(objective, model=known.model, preparation=known.preparation)
    return replace(run, problem=run.problem.replace(objective=described))


def check_run(folder: Path, arrays: Mapping[str, np.ndarray], trajectory: Trajectory) -> None:
    """Compare a run folder with what its trajectory was saved with; folders of earlier versions say nothing of it.

    Raises:
        ProblemError: a file of it was changed since, which is named with what it says now.
    """
    if CONTENT not in arrays:
        return
    said = changed_files(folder, parse_json(str(arrays[CONTENT])))
    if (folder / RESULT).is_file():
        try:
            now = parse_json((folder / RESULT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            now = None
        now, then = now if isinstance(now, dict) else {}, json.loads(to_json(summary(trajectory)))
        words = differences({key: now.get(key) for key in _SAID}, {key: then[key] for key in _SAID})
        said += [f"{RESULT} was changed: {'; '.join(words[:4])}"] if words else []
    if said:
        raise ProblemError(
            f"Argument `path` must be a run folder as it was written, but in {folder} {'; '.join(said)}. Undo the edit, or run the "
            "changed problem into a new folder."
        )


def _trajectory_file(path: Path) -> Path:
    candidates = [path / TRAJECTORY] if path.is_dir() else [path, path.with_name(path.name + ".npz")]
    found = next((c for c in candidates if c.is_file()), None)
    if found is None:
        what = f"holds no {TRAJECTORY}" if path.is_dir() else "does not exist"
        raise ProblemError(f"Argument `path` must be a saved trajectory or a run folder, but {path} {what}.")
    return found


def _meta(text: np.ndarray, where: Path) -> dict[str, Any]:
    meta: dict[str, Any] = of(parse_json(str(text)), dict, "meta")
    if of(meta.get("format", 0), int, "format") > FORMAT:
        raise ProblemError(
            f"Argument `path` must be a trajectory of format {FORMAT} or older, but {where} has format "
            f"{meta['format']}: a newer version of qml-dynamics wrote it."
        )
    return meta


def _as_it_was(problem: Problem, spec: Mapping[str, Any]) -> Problem:
    """A problem that was given again with the wave that the file means: one of before holds a Gaussian that is cut at the seam."""
    stored, initial = spec.get("initial", {}), problem.initial
    before = stored.get("kind") == "gaussian" and "wrapped" not in stored.get("params", {})
    return (
        problem.replace(initial=replace(initial, wrapped=False))
        if before and isinstance(initial, Gaussian)
        else problem
    )


def _rebuild(
    meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray], problem: Problem, method: Method | str
) -> Trajectory:
    """The trajectory; whatever of it cannot be one is refused with the name of its member."""
    times = checked(arrays, "times", "f", (None,), nonnegative, ascending)
    many, shape, facts = len(times), problem.domain.shape, facts_of(method)
    signed = facts is None or facts.signed  # a method of a person's own is stored as a text, which says nothing
    require(many > 0, "times", "hold at least one time", "empty")
    waves: dict[str, Any] = {}
    if "compact" in meta:
        waves["compact"] = restored_states(meta["compact"], arrays, problem.domain)
        require(len(waves["compact"]) in (0, many), "compact", f"be there for {many} times", len(waves["compact"]))
    else:
        signs = [] if signed else [nonnegative]
        waves["density"] = checked(arrays, "density", "f", (many, *shape), *signs, unit_rows)
        waves["states"] = checked(arrays, "states", "c", (many, *shape), unit_rows) if "states" in arrays else None
    make = partial(CompactTrajectory, density=np.empty(0), states=None) if "compact" in meta else Trajectory
    return make(
        **waves,
        times=times,
        log_norm=checked(arrays, "log_norm", "f", (many,)),
        expectations=_expectations(of(meta["shots"], dict, "shots"), arrays, many),
        problem=problem,
        method=method,
        counts=_counts(arrays, problem.domain.size, many),
        best=_best(meta["best"], problem.domain.ndim),
        parameters=checked(arrays, "parameters", "f", (many, None)) if "parameters" in arrays else None,
        diagnostics=of(meta["diagnostics"], dict, "diagnostics"),
        stop=of(meta["stop"], str, "stop"),
        provenance=of(meta["provenance"], dict, "provenance"),
    )


def _best(stored: Any, ndim: int) -> Best | None:
    if not stored:
        return None
    found = {key: of(value, (int, float, list), key) for key, value in of(stored, dict, "best").items()}
    names = sorted(f.name for f in fields(Best))
    require(sorted(found) == names, "best", f"have {', '.join(names)}", ", ".join(sorted(found)))
    for key in ("weights", "uniform_weights"):
        listed = of(found[key], list, key)
        require(len(listed) == ndim, key, f"be {ndim} numbers", listed)
        found[key] = tuple(real(w, key) for w in listed)
    for key in ("value", "uniform_value"):
        real(found[key], key)
    return Best(**found)


def _expectations(shots: Mapping[str, Any], arrays: Mapping[str, np.ndarray], many: int) -> dict[str, Estimate]:
    out = {}
    for name, number in shots.items():
        number = of(number, (int, NoneType), "shots")
        value = checked(arrays, f"expectations/{name}/value", "f", (many,))
        stderr = checked(arrays, f"expectations/{name}/stderr", "f", (many,), nonnegative, bounded=False)
        out[name] = Estimate(value, stderr if stderr.any() else 0.0, number)
    return out


def _counts(arrays: Mapping[str, np.ndarray], size: int, many: int) -> dict[str, tuple[Counts, ...]] | None:
    found: dict[str, dict[int, Counts]] = {}
    for name in arrays:
        kind, _, rest = name.partition("/")
        if kind == "counts" and rest.endswith("/index"):
            basis, number = rest.removesuffix("/index").rsplit("/", 1)
            found.setdefault(basis, {})[int(number)] = _counted(arrays, name.removesuffix("/index"), size)
    for basis, each in found.items():
        require(sorted(each) == list(range(many)), f"counts/{basis}", f"be there for {many} times", sorted(each))
    return {basis: tuple(each[i] for i in range(many)) for basis, each in found.items()} or None


def _counted(arrays: Mapping[str, np.ndarray], name: str, size: int) -> Counts:
    index = checked(arrays, f"{name}/index", "iu", (None,), nonnegative, ascending)
    count = checked(arrays, f"{name}/count", "iu", index.shape, nonnegative)
    require(len(index) > 0 and index[-1] < size, f"{name}/index", f"be places below {size}", index[-3:].tolist())
    require(count.sum() > 0, f"{name}/count", "hold samples", "none")
    return Counts(index, count)


def _method(spec: object) -> Any:
    """The method; of one of a person's own the text that was stored of it.

    Raises:
        ProblemError or MethodError: it is neither.
    """
    require(isinstance(spec, Mapping), "method", "be a table with the kind of a method", spec)
    assert isinstance(spec, Mapping)
    if spec.get("kind") != "custom":
        return named_method(from_before(spec))
    text = spec.get("repr")
    require(isinstance(text, str), "method", "have a text where its kind is custom", text)
    return text


def write_run(
    folder: PathLike,
    trajectory: Trajectory,
    extras: Mapping[str, object] | None = None,
    source: ProblemFile | None = None,
    top: str | None = None,
) -> Path:
    """Write a run folder: ``problem.toml``, ``trajectory.npz`` and ``result.json``, each by rename.

    Args:
        folder: made where it does not exist.
        trajectory: the run.
        extras: more keys of ``result.json`` (comparison, error budget, accuracy, ...), as plain data.
        source: the problem file of the run; its data files are copied, so that the folder stands alone. Without it the
            problem is written with tables.
        top: lines at the top of the problem file; None: the JSON schema is put beside it and named there.

    Returns:
        The folder.

    Raises:
        ProblemError: the folder cannot be written.
    """
    where = Path(folder)
    backend, line = _backend_section(trajectory), top_line() if top is None else top
    if source is not None:
        backend = _kept_section(source, backend)
        copy_problem(source, where / PROBLEM, method=trajectory.method, backend=backend, top=line)
    else:
        write_stated(trajectory.problem, where / PROBLEM, method=trajectory.method, backend=backend, top=line)
    if top is None:
        put_schema(where)
    save_run(trajectory, where / TRAJECTORY, where)
    result = {**summary(trajectory), **(extras or {})}
    write_bytes(where / RESULT, (to_json(result) + "\n").encode())
    return where


def save_run(trajectory: Trajectory, path: Path, folder: Path) -> None:
    """Save a trajectory together with what its folder says of the problem, so that a later edit of that is seen.

    Args:
        trajectory: the run.
        path: the ``.npz`` file.
        folder: holds ``problem.toml``, and the tables and data that it names.
    """
    write_npz(path, sealed({**trajectory.to_arrays(), CONTENT: np.array(json.dumps(folder_content(folder)))}))


def to_json(value: object) -> str:
    """Strict JSON of nested data: estimates as tables, numbers that are not finite as null.

    >>> print(to_json({"gap": float("nan")}))
    {
      "gap": null
    }
    """
    return json.dumps(_finite(plain(value)), indent=2, allow_nan=False, default=str)


def _finite(value: object) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _backend_section(trajectory: Trajectory) -> dict[str, Any]:
    run = trajectory.provenance
    asked = run.get("shots", trajectory.shots)  # of post-selected runs the samples are those that were kept
    section = {"name": run.get("backend"), "shots": asked, "seed": run.get("seed")}
    if isinstance(section["seed"], int) and section["seed"] >= 2**63:
        section["seed"] = None  # drawn by the library: more than a TOML integer holds; `result.json` has it
    return {key: value for key, value in section.items() if value is not None}


def _kept_section(source: ProblemFile, ran: Mapping[str, Any]) -> dict[str, Any]:
    """The ``[backend]`` section of the file with what the run used: what it did not use is still what the file says."""
    said = dict(source.sections.get("backend", {}))
    if "name" in ran and ran["name"] != said.get("name"):
        said.pop("options", None)  # they belong to the backend of the file
    return {**said, **ran}


def summary(trajectory: Trajectory) -> dict[str, Any]:
    """What ``result.json`` says of a trajectory itself: stop, expectations at the end, best weights, provenance."""
    return {
        "stop": trajectory.stop,
        "method": str(trajectory.method),
        "clock": trajectory.problem.clock,
        "reading": trajectory.reading,
        "times": [float(trajectory.times[0]), float(trajectory.times[-1])],
        "shots": trajectory.shots,
        "expectations": {name: plain(e[-1]) for name, e in trajectory.expectations.items()},
        "best": None if trajectory.best is None else plain(vars(trajectory.best)),
        "provenance": plain(trajectory.provenance),
    }
