"""Children that a test interrupts, whatever the suite itself was started with."""

from __future__ import annotations

import signal
import subprocess
from typing import Any


def interruptible(command: list[str], **options: Any) -> subprocess.Popen[str]:
    """Start a child that SIGINT interrupts.

    In the background of a script, under ``nohup`` or after ``trap '' INT`` the suite runs with SIGINT ignored. Children inherit that,
    and Python leaves a signal that it finds ignored as it is: the child gets the default action before it begins.
    """

    def default() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    return subprocess.Popen(command, text=True, preexec_fn=default, **options)
