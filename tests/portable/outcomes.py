"""A pytest plugin that writes how many tests passed and which did not, so that the driver can run these again.

python -m pytest -p tests.portable.outcomes --outcomes found.json tests/analytic
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where to write."""
    parser.getgroup("outcomes").addoption("--outcomes", type=Path, help="file for the outcomes, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    """Only in the process that hears of all tests: workers report to it."""
    path = config.getoption("outcomes")
    if path is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Outcomes(path), "portable-outcomes")


class Outcomes:
    """Counts tests that passed, lists those (and files, where they could not be read) that did not."""

    def __init__(self, path: Path) -> None:
        self.path, self.passed = path, 0
        self.failed: dict[str, None] = {}  # a test can fail twice, in its call and after it

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Of one phase of a test, named so that pytest finds it again: names of tests outside the tree have no folder in them."""
        if report.failed:
            self.failed["::".join([report.location[0], *report.nodeid.split("::", 1)[1:]])] = None
        elif report.when == "call" and report.passed:
            self.passed += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Of a file."""
        if report.failed:
            self.failed[report.nodeid] = None

    def pytest_sessionfinish(self) -> None:
        """Write what was found."""
        self.path.write_text(json.dumps({"passed": self.passed, "failed": list(self.failed)}), encoding="utf-8")
