"""Which notebooks are short enough for every run of the suite; the others run with the long studies."""

from __future__ import annotations

import pytest

QUICK: tuple[str, ...] = ()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what takes more than five seconds."""
    for item in items:
        if item.path.suffix == ".ipynb" and item.path.stem not in QUICK:
            item.add_marker(pytest.mark.slow)
