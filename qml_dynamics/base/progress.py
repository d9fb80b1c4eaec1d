"""Progress with the time left, shown only for work that takes longer than two seconds, on standard error."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

from . import interrupts

_PATIENCE = 2.0


class Progress:
    """A callable ``progress(done, total)`` that shows a bar once two seconds have passed.

    Args:
        label: what is being done.
        enabled: True, False, or None for "when standard error is a terminal".
    """

    def __init__(self, label: str, enabled: bool | None = None) -> None:
        self.label = label
        self.enabled = sys.stderr.isatty() if enabled is None else enabled
        self.started = time.monotonic()
        self.bar: Any = None

    def __enter__(self) -> Progress:
        return self

    def __call__(self, done: int, total: int) -> None:
        interrupts.check()
        if not self.enabled or time.monotonic() - self.started < _PATIENCE:
            return
        if self.bar is None:
            self._open(total)
        self.bar.update(self.task, completed=done, total=total)

    def _open(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
        )
        self.bar = Bar(*columns, console=Console(stderr=True), transient=True)
        self.bar.start()
        self.task = self.bar.add_task(self.label, total=total)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.stop()
