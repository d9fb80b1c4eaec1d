"""The extension of Sphinx that writes the pages made at build time: names, commands, modules, and notebooks beside the pages."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from . import api, commands, modules

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

ROOT = Path(__file__).parents[2]


def write(folder: Path) -> None:
    """The made pages into ``folder/api`` and ``folder/notebooks``; files that stay the same are not touched, others go."""
    texts = {**api.pages(), "commands.rst": commands.page(), "modules.rst": modules.page()}
    _fill(folder / "api", {name: text.encode() for name, text in texts.items()})
    copies = {path.name: path.read_bytes() for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
    _fill(folder / "notebooks", {name: content.replace(b"(../docs/", b"(../") for name, content in copies.items()})


def _fill(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        if path.name not in files:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name, content in files.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != content:
            path.write_bytes(content)


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""

    def made(app: Sphinx, config: Config) -> None:
        """Write the pages before any is read."""
        write(Path(app.srcdir))

    def linked(app: Sphinx, docname: str, source: list[str]) -> None:
        """Links to notebooks as they are in the repository lead to the pages beside."""
        if "/" not in docname:
            source[0] = source[0].replace("](../notebooks/", "](notebooks/")

    app.connect("config-inited", made)
    app.connect("source-read", linked)
    return {"parallel_read_safe": True}
