"""Reading and writing ``problem.toml``, with a writer of TOML for plain data."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...base.arguments import checks_arguments, checks_arguments_but
from ...base.codec import holds_none
from ...base.codec import method_from_spec as named_method
from ...base.errors import ProblemError, QMLDynamicsError, describe, integer, require
from ...base.places import Place, regular
from ...base.printing import printed_briefly
from ...base.texts import parse_toml
from ...methods.base import Method
from ...model.objectives import Dataset
from ...model.problem import Problem
from ...model.spec import describe_method, describe_problem
from ...results.trajectory import atomic_file, plain
from . import schema
from .building import build
from .messages import fail, one_line, within
from .schema import check

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def to_toml(sections: Mapping[str, Mapping[str, object]], header: str = "") -> str:
    """Sections of keys as TOML text; inner mappings become inline tables, keys whose value is None are left out.

    >>> print(to_toml({"domain": {"kind": "grid", "qubits": [5, 3]}}))
    [domain]
    kind = "grid"
    qubits = [5, 3]
    <BLANKLINE>
    """
    parts = [f"# {line}" for line in header.splitlines()]
    parts += [""] if parts else []
    for name, keys in sections.items():
        rows = {key: value for key, value in keys.items() if (name, key) in ROWS and isinstance(value, list)}
        parts.append(f"[{_key(name)}]")
        parts += [f"{_key(key)} = {_value(v)}" for key, v in keys.items() if v is not None and key not in rows]
        parts.append("")
        for key, row in ((key, row) for key, every in rows.items() for row in every):
            parts.append(f"[[{_key(name)}.{_key(key)}]]")
            parts += [f"{_key(k)} = {_value(v)}" for k, v in row.items() if v is not None]
            parts.append("")
    return "\n".join(parts)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items() if v is not None) + "}"
    raise ProblemError(f"Argument `value` must be plain data to be written to TOML, but is {describe(value)}.")


PathLike = str | os.PathLike[str]
NAMED = (
    ("objective", "data"),
    ("objective", "table"),
    ("initial", "array"),
    ("operator", "file"),
)  # keys whose text is the name of a file


ROWS = (("operator", "terms"),)  # keys whose tables stand one below the other


def file_names(sections: Mapping[str, Any]) -> list[str]:
    """The names of the files that the sections name.

    >>> file_names({"operator": {"terms": [{"file": "a.txt"}, {"labels": ["X"]}]}, "initial": {"array": "wave.npy"}})
    ['wave.npy', 'a.txt']
    """
    named = [keys.get(key) for keys, key in _naming(sections)]
    return [name for name in named if isinstance(name, str)]


def _naming(sections: Mapping[str, Any]) -> Iterator[tuple[Any, str]]:
    """The tables that may name a file, and the key that names it."""
    for section, key in NAMED:
        yield sections.get(section, {}), key
    terms = sections.get("operator", {}).get("terms")
    yield from ((term, "file") for term in (terms if isinstance(terms, list) else ()) if isinstance(term, Mapping))


@printed_briefly
@dataclass(frozen=True, eq=False)
class ProblemFile:
    """What a problem file says.

    Attributes:
        problem: the problem.
        path: the file.
        method: the default method, or None.
        backend: the name of the default backend, or None; ``backend_options`` go with it.
        shots, seed: defaults, or None.
        dataset: the data of an objective on data, else None.
        sections: the file as plain data.
    """

    problem: Problem
    path: Path
    method: Any = None
    backend: str | None = None
    backend_options: Mapping[str, Any] = field(default_factory=dict)
    shots: int | None = None
    seed: int | None = None
    dataset: Dataset | None = None
    sections: Mapping[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where the file is: paths in it start there."""
        return self.path.parent


@checks_arguments
def read_problem(path: PathLike, *, allow_code: bool = False) -> ProblemFile:
    """Read a problem file (or the ``problem.toml`` of a folder).

    A problem file is data, whoever wrote it: nothing in it runs, and it names files in its own folder only.

    Args:
        path: the file or the folder.
        allow_code: also import and run the loss that ``[objective] function = "module:function"`` names, which is code of the
            file's author, and read files outside the folder.

    Raises:
        ProblemError or MethodError: one line with the file, the section and the key.
    """
    place = Place(allow_code=allow_code)
    require(isinstance(path, (str, os.PathLike)), "path", "be a file or a folder", path)
    where = Path(path)
    where = where / "problem.toml" if where.is_dir() else where
    try:
        return _read(where, replace(place, folder=where.parent))
    except QMLDynamicsError as error:
        raise type(error)(f"{where.name}: {one_line(error)}") from error


def _read(path: Path, place: Place) -> ProblemFile:
    return understood(read_sections(path), path, place)


def understood(sections: Mapping[str, Any], path: Path, place: Place) -> ProblemFile:
    """What the sections of a problem file say, wherever their text was; raises as :func:`read_problem` does."""
    problem, dataset = build(sections, {}, place)
    backend = check("backend", schema.BackendSection, sections.get("backend", {}))
    with within("backend"):
        if backend.shots is not None:
            integer(backend.shots, "shots", 1, 10**9)
        if backend.seed is not None:
            integer(backend.seed, "seed", 0, 2**63 - 1)
    if backend.name is None and backend.options:
        fail("backend", "name must be given where there are options.")
    method = _method(sections["method"]) if "method" in sections else None
    return ProblemFile(
        problem, path, method, backend.name, backend.options, backend.shots, backend.seed, dataset, sections
    )


def read_sections(path: Path) -> dict[str, Any]:
    """The sections of a problem file as they are written; raises :class:`ProblemError` unless it is TOML."""
    try:
        text = regular(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ProblemError(
            f"Argument `problem` must be a file that can be read, but {path} is not: {reason}."
        ) from None
    try:
        return parse_toml(text)
    except ValueError as error:
        raise ProblemError(f"The file is not valid TOML: {error}.") from None


def _method(data: object) -> Any:
    data = schema.require_table("method", data)
    kind = data.get("kind")
    if not isinstance(kind, str):
        fail("method", "kind must be given: the name of a method, like 'trotter'.")
    with within("method", {"method": "kind", f"method.{kind.replace('-', '_').lower()}": "keys beside kind"}):
        return named_method(dict(data))


@checks_arguments_but("method", "backend")
def write_problem(
    problem: Problem, path: PathLike, *, method: Method | None = None, backend: Mapping[str, object] | None = None
) -> Path:
    """Write a problem as TOML; tables and states as ``.npy`` files next to it, by rename.

    A loss on data or of your own is written as its table of values, so that the file stands alone. Over a problem that is there new tables
    get names of their own, so that until the last rename the old file reads the old ones.

    Args:
        problem: what to write.
        path: the ``.toml`` file.
        method: also write it as the default method.
        backend: also write this ``[backend]`` section (name, options, shots, seed).

    Raises:
        ProblemError: for schedules, initial waves or methods of your own, and for a folder that cannot be written.
    """
    return write_stated(problem, path, method=method, backend=backend)


def write_stated(
    problem: Problem,
    path: PathLike,
    *,
    method: Method | None = None,
    backend: Mapping[str, object] | None = None,
    top: str = "",
) -> Path:
    """:func:`write_problem` with lines at the top."""
    target = Path(path)
    table: object = backend
    require(table is None or isinstance(table, Mapping), "backend", "be a table of names and values or None", table)
    spec, arrays = describe_problem(problem)
    sections = plain(spec)
    contents = {name: _npy(array) for name, array in arrays.items()}
    plain_names = {name: f"{target.stem}_{name.rpartition('/')[2]}.npy" for name in arrays}
    names = {name: _name_beside(target.with_name(plain_names[name]), content) for name, content in contents.items()}
    for section, key in (("objective", "table"), ("initial", "array")):
        name = sections.get(section, {}).get(key)
        if isinstance(name, str):
            sections[section][key] = names[name]
    if method is not None:
        sections["method"] = _method_section(method)
    if backend:
        sections["backend"] = plain(dict(backend))
    _refuse_custom(sections)
    before = _tables_of(target)
    for name, content in contents.items():
        write_bytes(target.with_name(names[name]), content)
    write_bytes(target, (top + to_toml(sections)).encode())
    for stale in before - set(names.values()):
        target.with_name(stale).unlink(missing_ok=True)
    return target


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _name_beside(path: Path, content: bytes) -> str:
    """The name of a data file: another one where a file of that name holds something else, which the problem file of before still reads."""
    if not path.is_file() or path.read_bytes() == content:
        return path.name
    return f"{path.stem}-{hashlib.sha256(content).hexdigest()[:12]}{path.suffix}"


def _tables_of(target: Path) -> set[str]:
    """Data files that :func:`write_problem` has made for the problem file that is there."""
    if not target.is_file():
        return set()
    own = re.compile(re.escape(target.stem) + r"_(table|initial)(-[0-9a-f]{12})?\.npy")
    text = target.read_text(encoding="utf-8", errors="replace")
    return {name for name in re.findall(r'"([^"\n]*)"', text) if own.fullmatch(name)}


def _method_section(method: Method) -> dict[str, Any]:
    section: dict[str, Any] = plain(describe_method(method))
    for option, value in section.items():
        if holds_none(value):  # left out, it would be read as the default
            raise ProblemError(f"[method] has the option {option} with the value None, which no TOML file can hold.")
    return section


def _refuse_custom(sections: Mapping[str, Mapping[str, object]]) -> None:
    every = [*sections.items(), *(("operator.terms", term) for term in sections.get("operator", {}).get("terms", ()))]  # type: ignore[attr-defined]
    for section, keys in every:
        if "custom" in (keys.get("kind"), keys.get("schedule")):
            params = keys.get("params")
            what = keys.get("repr") or (params.get("repr", "") if isinstance(params, Mapping) else "")
            raise ProblemError(f"[{section}] is one of your own, {what}, which no file can hold.")


def write_bytes(path: Path, content: bytes) -> None:
    """Write a small file by rename."""
    with atomic_file(path) as handle:
        handle.write(content)


_OTHERS = ("trajectory.npz", "reference.npz", "result.json")  # the other files of a run folder


def _free_name(name: str, taken: set[str]) -> str:
    """A name for a copied file that no other file of the folder has: two files of two folders may be called alike."""
    while name in taken:
        name = f"copied_{name}"
    taken.add(name)
    return name


def copy_problem(
    source: ProblemFile,
    path: PathLike,
    *,
    method: Method | None = None,
    backend: Mapping[str, object] | None = None,
    top: str = "",
) -> Path:
    """Write a problem file again elsewhere, its data files copied beside it; the objective keeps its own words.

    A copy takes another name where a file of its name lies there that holds something else.

    Args:
        source: what :func:`read_problem` returned.
        path: the new ``.toml`` file.
        method, backend: written in place of those of the file, where given.
        top: lines at the top.

    Raises:
        ProblemError: for a folder that cannot be written.
    """
    target = Path(path)
    sections = {name: deepcopy(dict(keys)) for name, keys in source.sections.items()}
    if "function" in sections.get("objective", {}):  # a function of one's own becomes its table
        return write_stated(source.problem, target, method=method, backend=backend, top=top)
    if method is not None:
        sections["method"] = _method_section(method)
    if backend is not None:
        sections["backend"] = plain(dict(backend))
    taken = {target.name, *_OTHERS}
    for keys, key in _naming(sections):
        name = keys.get(key)
        if isinstance(name, str):
            content = (source.folder / name).read_bytes()
            copy = target.with_name(_name_beside(target.with_name(_free_name(Path(name).name, taken)), content))
            if not copy.is_file():
                write_bytes(copy, content)
            keys[key] = copy.name
    write_bytes(target, (top + to_toml({k: v for k, v in sections.items() if v})).encode())
    return target
