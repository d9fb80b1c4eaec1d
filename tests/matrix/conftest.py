"""The helpers of this folder can be imported by its tests; methods of strangers can be offered by a package on the path."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qml_dynamics.base import entry_points

sys.path.insert(0, str(Path(__file__).parent))

OFFERED = {
    "cayley": "strangers:Cayley",
    "optioned": "strangers:Optioned",
    "lie_circuits": "strangers:LieCircuits",
    "small_steps": "strangers:SmallSteps",
}


@pytest.fixture
def offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """An installed package whose entry points of the group `qml_dynamics.methods` name the strangers."""
    info = tmp_path / "strangers-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: strangers\nVersion: 1.0\n")
    lines = [f"{name} = {place}" for name, place in OFFERED.items()]
    (info / "entry_points.txt").write_text("\n".join(["[qml_dynamics.methods]", *lines, ""]))
    monkeypatch.syspath_prepend(str(tmp_path))
    entry_points.offered.cache_clear()
    yield OFFERED
    entry_points.offered.cache_clear()
