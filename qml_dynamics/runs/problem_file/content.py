"""In what two statements differ: keys and values of sections, tables and data, with numbers compared to 1e-9.

Comments, blanks, the order of keys, and other ways to write the same number are no differences.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...base.archive import read_npy
from ...base.differing import array_differences as array_differences
from ...base.differing import differences as differences
from ...base.errors import QMLDynamicsError
from ...model.problem import loss_table
from ...model.spec import describe_method, describe_problem
from ...results.trajectory import plain
from .files import ProblemFile, file_names, read_problem, read_sections


def problem_differences(now: Path, then: Path) -> list[str]:
    """In what two problem files differ, with the arrays and data beside them; what they say first, so that no code is run.

    Raises:
        ProblemError or MethodError: one of them cannot be read.
    """
    new, old = read_sections(now), read_sections(then)
    said = differences(new, old)
    if any("function" in s.get("objective", {}) for s in (new, old)):
        return said or _array_file_differences(new, now.parent, then.parent)
    try:
        files = [read_problem(path, allow_code=False) for path in (now, then)]
    except QMLDynamicsError:
        if said:  # which says more than that the parts do not fit together
            return said
        raise
    (spec, arrays), (old_spec, old_arrays) = (_content(file) for file in files)
    meant = differences(spec, old_spec) + array_differences(arrays, old_arrays)
    return (said or meant) if meant else []


def file_differences(now: ProblemFile, then: ProblemFile) -> list[str]:
    """In what two problem files that were read differ by what they mean: problem, method, and the backend and shots that ``now`` names.

    A loss that one of them names in other words than the other is compared by its values.
    """
    (spec, arrays), (old_spec, old_arrays) = (_content(file) for file in (now, then))
    if spec.get("objective") != old_spec.get("objective"):
        for file, said, tables in ((now, spec, arrays), (then, old_spec, old_arrays)):
            if file.problem.objective is not None:
                said["objective"] = {}
                tables["objective"] = loss_table(file.problem)
    for each in (spec, old_spec):
        each.pop("backend")
    asked = {name: value for name, value in _backend_of(now).items() if value}
    spec |= asked
    old_spec |= {name: value for name, value in _backend_of(then).items() if name in asked}
    return differences(spec, old_spec) + array_differences(arrays, old_arrays)


def _backend_of(file: ProblemFile) -> dict[str, Any]:
    return plain({"backend": file.backend, "options": dict(file.backend_options), "shots": file.shots})  # type: ignore[no-any-return]


def _array_file_differences(sections: Mapping[str, Any], now: Path, then: Path) -> list[str]:
    """In what the array files that sections name differ between two folders."""
    names = [name for name in file_names(sections) if name.endswith(".npy")]
    loaded = [{name: read_npy(place / name, _must(place / name)) for name in names} for place in (now, then)]
    return array_differences(loaded[0], loaded[1])


def _must(path: Path) -> str:
    return f"Argument `folder` must hold plain arrays, but {path} is none"


def folder_content(folder: Path) -> dict[str, Any]:
    """What a folder says of its problem: the sections of ``problem.toml``, and the SHA-256 of it and of every file it names."""
    sections = read_sections(folder / "problem.toml")
    names = ["problem.toml", *file_names(sections)]
    return {"sections": sections, "files": {name: sha256(folder / name) for name in names}}


def changed_files(folder: Path, then: Mapping[str, Any]) -> list[str]:
    """A phrase for each file that is there and no longer what :func:`folder_content` found."""
    said = []
    for name, digest in then["files"].items():
        if not (folder / name).is_file() or sha256(folder / name) == digest:
            continue
        words = (
            differences(read_sections(folder / name), then["sections"])
            if name == "problem.toml"
            else ["it has other bytes"]
        )
        said += [f"{name} was changed after the run: {'; '.join(words[:4])}"] if words else []
    return said


def sha256(path: Path) -> str:
    """SHA-256 of the bytes of a file, read in pieces."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _content(file: ProblemFile) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The statement whatever its words: an expression by its values."""
    spec, arrays = describe_problem(file.problem)
    objective = file.problem.objective
    if objective is not None and "expression" in spec["objective"]:
        spec["objective"] = {}
        arrays["objective"] = loss_table(file.problem)
    spec["method"] = None if file.method is None else describe_method(file.method)
    spec["backend"] = [file.backend, dict(file.backend_options), file.shots, file.seed]
    return plain(spec), arrays
