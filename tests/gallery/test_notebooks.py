"""What every notebook must be besides running, which ``--nbmake`` checks: small, complete, and without traces of a machine."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
NAMES = [path.stem for path in NOTEBOOKS]


def test_every_system_has_one() -> None:
    assert {"first_run", "imaginary_time", "devices", "ensembles", "growth"} <= set(NAMES)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_stored_results_are_whole_small_and_clean(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    cells = json.loads(text)["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert 8 <= len(cells) <= 16
    assert path.stat().st_size < 200_000
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))  # run from top to bottom
    outputs = [output for cell in code for output in cell["outputs"]]
    assert {output["output_type"] for output in outputs} <= {"stream", "execute_result", "display_data"}
    assert all(output.get("name", "stdout") == "stdout" for output in outputs)  # no warnings on standard error
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 1
    assert any(line.lstrip().startswith("assert ") for cell in code for line in cell["source"])
    assert not re.search(r"(?<![\w.~])/(?:home|root|tmp|Users|work)/", text)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_the_documentation_names_it(path: Path) -> None:
    pages = [page.read_text(encoding="utf-8") for page in (FOLDER.parent / "docs").glob("*.md")]
    naming = [page for page in pages if f"notebooks/{path.name}" in page]
    assert naming  # the page on its subject
    assert any(f"\nnotebooks/{path.stem}\n" in page for page in pages)  # the list of all
    assert os.path.getsize(path) > 10_000
