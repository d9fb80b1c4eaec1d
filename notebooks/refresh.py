"""Executes the notebooks and stores what they print: ``python notebooks/refresh.py [NAME ...]``.

Pictures are stored with at most 256 colours, so that every file stays below 200 kB; nothing that differs from run to run
(times, counters of the kernel) is written.
"""

from __future__ import annotations

import base64
import io
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
COLORS = 256
LIMIT = 200_000  # bytes of a file


def small(png: str) -> str:
    """A picture in base64, with a palette."""
    from PIL import Image

    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    written = io.BytesIO()
    picture.quantize(COLORS).save(written, "png", optimize=True)
    return base64.b64encode(written.getvalue()).decode() + "\n"


def refresh(path: Path) -> int:
    """Execute one notebook in place; returns its size in bytes. Nothing is written if a cell fails."""
    import nbformat
    from nbclient import NotebookClient

    notebook: Any = nbformat.read(path, as_version=4)
    kept = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    notebook.metadata = nbformat.from_dict(kept)
    client = NotebookClient(
        notebook, timeout=600, record_timing=False, kernel_name="python3", resources={"metadata": {"path": str(HERE)}}
    )
    client.execute()
    notebook.metadata = nbformat.from_dict(kept)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                output["data"]["image/png"] = small(output["data"]["image/png"])
    text = nbformat.writes(notebook)
    path.write_text(text + "\n", encoding="utf-8")
    return len(text)


def main(names: list[str]) -> int:
    """All notebooks, or the named ones."""
    paths = [HERE / f"{Path(name).stem}.ipynb" for name in names] or sorted(HERE.glob("*.ipynb"))
    sizes = {}
    for path in paths:
        sizes[path.name] = refresh(path)
        print(f"{path.name}: {sizes[path.name] / 1000:.0f} kB", flush=True)
    large = [name for name, size in sizes.items() if size > LIMIT]
    if large:
        print(f"larger than {LIMIT // 1000} kB: {', '.join(large)}")
    return 1 if large else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
