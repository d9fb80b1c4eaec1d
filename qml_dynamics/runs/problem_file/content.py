"""In what two statements differ: keys and values of sections, tables and data, with numbers compared to 1e-9.

Comments, blanks, the order of keys, and other ways to write the same number are no differences.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...base.archive import read_npy
from ...base.errors import QMLDynamicsError, describe
from ...model.spec import describe_method, describe_problem
from ...results.trajectory import plain
from .files import NAMED, ProblemFile, read_problem, read_sections

SAME = 1e-9
_MISSING = object()


def differences(now: Any, then: Any, path: str = "", known_only: bool = False) -> list[str]:
    """In words, what is no longer as it was in nested plain data.

    Args:
        now, then: mappings, lists, numbers, texts.
        path: what stands before every key.
        known_only: keys that were not there then are nothing that anybody reads.

    >>> differences({"diffusion": {"value": 0.7}, "seed": 1}, {"seed": 1, "diffusion": {"value": 0.50}})
    ['diffusion is 0.7, the run was submitted with 0.5']
    """
    if isinstance(now, Mapping) and isinstance(then, Mapping):
        found = []
        for key in [*then, *(() if known_only else (k for k in now if k not in then))]:
            inner = f"{path}.{key}" if path else str(key)
            found += differences(now.get(key, _MISSING), then.get(key, _MISSING), inner)
        return found
    if _is_list(now) and _is_list(then) and len(now) == len(then):
        same = all(not differences(a, b) for a, b in zip(now, then))
    else:
        same = _same_value(now, then)
    return (
        []
        if same
        else [f"{path.removesuffix('.value') or 'it'} is {_text(now)}, the run was submitted with {_text(then)}"]
    )


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _text(value: Any) -> str:
    return "absent" if value is _MISSING else describe(value)


def _same_value(a: Any, b: Any) -> bool:
    """Integers exactly (seeds have many digits), other numbers to a relative 1e-9, all else by equality."""
    numbers = [isinstance(v, (int, float)) and not isinstance(v, bool) for v in (a, b)]
    if not all(numbers) or (isinstance(a, int) and isinstance(b, int)):
        return type(a) is type(b) and a == b
    return a == b or (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=SAME, abs_tol=0.0)


def array_differences(now: Mapping[str, np.ndarray], then: Mapping[str, np.ndarray]) -> list[str]:
    """:func:`differences` of named arrays; numbers relative to the largest of the array."""
    found = []
    for name in dict.fromkeys([*then, *now]):
        a, b = now.get(name), then.get(name)
        label = name.removeprefix("problem/")
        if a is None or b is None:
            found.append(
                f"{label} is {'absent' if a is None else 'there'}, the run was submitted with{'out' if b is None else ''} it"
            )
        elif a.shape != b.shape:
            found.append(f"{label} has shape {a.shape}, the run was submitted with {b.shape}")
        elif (place := _first_difference(a, b)) is not None:
            found.append(
                f"{label} is {_text(a.ravel()[place].item())} at place {place}, the run was submitted with "
                f"{_text(b.ravel()[place].item())}"
            )
    return found


def _first_difference(a: np.ndarray, b: np.ndarray) -> int | None:
    if not (np.issubdtype(a.dtype, np.number) and np.issubdtype(b.dtype, np.number)):
        wrong = np.asarray(a != b)
    elif all(np.issubdtype(x.dtype, np.integer) for x in (a, b)):
        wrong = a != b
    else:
        with np.errstate(invalid="ignore"):  # infinities that stayed
            scale = np.abs(b[np.isfinite(b)]).max(initial=0.0)
            wrong = ~((a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= SAME * scale))
    places = np.flatnonzero(wrong)
    return int(places[0]) if len(places) else None


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


def _array_file_differences(sections: Mapping[str, Any], now: Path, then: Path) -> list[str]:
    """In what the array files that sections name differ between two folders."""
    named = [sections.get(section, {}).get(key) for section, key in NAMED]
    names = [name for name in named if isinstance(name, str) and name.endswith(".npy")]
    loaded = [{name: read_npy(place / name, _must(place / name)) for name in names} for place in (now, then)]
    return array_differences(*loaded)


def _must(path: Path) -> str:
    return f"Argument `folder` must hold plain arrays, but {path} is none"


def folder_content(folder: Path) -> dict[str, Any]:
    """What a folder says of its problem: the sections of ``problem.toml``, and the SHA-256 of it and of every file it names."""
    sections = read_sections(folder / "problem.toml")
    named = [sections.get(section, {}).get(key) for section, key in NAMED]
    names = ["problem.toml", *(name for name in named if isinstance(name, str))]
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
        arrays["objective"] = objective.on(file.problem.domain)
    spec["method"] = None if file.method is None else describe_method(file.method)
    spec["backend"] = [file.backend, dict(file.backend_options), file.shots, file.seed]
    return plain(spec), arrays
