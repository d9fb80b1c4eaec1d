"""The sections with which every page ends: provenance with the files, how to reproduce, how to cite."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...results.trajectory import plain
from . import citation
from .markup import Child, Element, code, data, element, pairs, table
from .sections import cell, details, flat, note, section

Files = Sequence[tuple[str, int, str]]


def file_table(files: Files) -> Child:
    """Name, size and SHA-256 of files, on demand; None of none."""
    if not files:
        return None
    body: list[list[Child]] = [[name, data(size), element("code", digest)] for name, size, digest in files]
    return details("Files", table(["file", "bytes", "SHA-256"], body, "The files of the run folder"))


def provenance(said: Mapping[str, object], files: Files, more: Sequence[Child] = ()) -> Element:
    """What a result says of where its numbers come from, and the files it was read from."""
    rows = [(name, cell(value)) for name, value in flat(plain(said)) if name]
    shown = pairs(rows, "Where the numbers come from") if rows else note("The file says nothing of versions and seeds.")
    return section("provenance", "Provenance", shown, *more, file_table(files))


def reproduce(command: Sequence[str] | None, lines: Sequence[str], *notes: str) -> Element:
    """The command line and the Python lines that read or make the result again."""
    parts: list[Child] = []
    if command is not None:
        words = " ".join(shlex.quote(word) for word in command)
        parts += [element("p", "On the command line:"), code(words, "On the command line")]
    parts += [element("p", "In Python:"), code("\n".join(lines), "In Python")]
    return section("reproduce", "How to reproduce", parts, *map(note, notes))


def cite(files: Files, file: str, version: object, what: str) -> Element:
    """The citation of the software, and of the result by the digest of its file."""
    known = next((digest for name, _, digest in files if name == file), None)
    said = f"This {what} was made with version {version}." if version else ""
    told = f"{said} Its file {file} has the SHA-256 {known}." if known else said
    return section(
        "cite",
        "How to cite",
        element("p", citation.as_text()),
        code(citation.as_bibtex(), "BibTeX"),
        note(told.strip()) if told.strip() else None,
    )


def place(folder: Path | None, name: str, file: str) -> str:
    """How a file of a folder is named in the lines that read it, from beside the folder."""
    return file if folder is None else f"{name}/{file}"
