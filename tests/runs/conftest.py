"""The helpers of this folder can be imported by its tests, and by the processes that they start."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in service is asked again at once where ``evolve`` waits for it."""
    monkeypatch.setattr("qml_dynamics.backends.ibm.waiting.FIRST_PAUSE", 0.0)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The small problems of this folder gain nothing on a noisy device, and one test says so."""
    quiet = pytest.mark.filterwarnings("ignore::qml_dynamics.validation.device_cost.NoiseFloorWarning")
    for item in items:
        if Path(item.fspath).parent == Path(__file__).parent:
            item.add_marker(quiet)
