"""``qml-dynamics report``: a saved run as one HTML file that loads nothing."""

from __future__ import annotations

from pathlib import Path

from ..plotting.pages.run_report import report
from ..runs.trajectory_file import to_json
from .run import told_once


def report_command(run: Path, out: Path | None, *, cost: bool, as_json: bool, allow_code: bool = False) -> int:
    """Write the page of a run folder or a saved trajectory, and print where it is; the exit code is 0."""
    with told_once():
        page = report(run, out, cost=cost, allow_code=allow_code)
    print(to_json({"report": str(page)}) if as_json else str(page))
    return 0
