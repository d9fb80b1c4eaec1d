"""A headless Chromium over the pipe of its DevTools protocol: messages are JSON between zero bytes, and no package is needed.

Source: Chrome DevTools Protocol, `--remote-debugging-pipe`: commands are read from descriptor 3, answers are written to descriptor 4.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tools.chromium import find

PATIENCE = 120.0  # seconds for an answer: a busy machine starts slowly


class Browser:
    """One page of a running browser."""

    def __init__(self, write: int, read: int) -> None:
        self.write, self.read, self.buffer, self.number, self.session = write, read, b"", 0, ""
        self.events: list[dict[str, Any]] = []

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """A command and its answer; events that come meanwhile are kept."""
        self.number += 1
        message: dict[str, Any] = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while True:
            found = self._next()
            if found.get("id") == self.number:
                assert "error" not in found, (method, found["error"])
                return dict(found["result"])

    def _next(self) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.read], [], [], max(0.0, end - time.monotonic()))
            more = os.read(self.read, 1 << 16) if ready else b""
            assert more, "the browser does not answer"
            self.buffer += more
        line, _, self.buffer = self.buffer.partition(b"\0")
        found: dict[str, Any] = json.loads(line)
        if "method" in found:
            self.events.append(found)
        return found

    def wait(self, method: str) -> None:
        """Read until an event of this name is there."""
        while not any(event["method"] == method for event in self.events):
            self._next()

    def attach(self) -> None:
        """Open a page and listen to its console, its network and its errors."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self.send(f"{domain}.enable")

    def open(self, page: Path, *, width: int, scheme: str = "light", scripts: bool = True) -> None:
        """Show a file at a width, in light or dark, with scripts or without."""
        self.send("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        self.send("Emulation.setEmulatedMedia", media="", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.events.clear()
        self.send("Page.navigate", url=page.resolve().as_uri())
        self.wait("Page.loadEventFired")

    def ask(self, expression: str) -> Any:
        """The value of an expression of JavaScript in the page, looked at from outside, so that its policy does not matter."""
        found = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def press(self, key: str, code: int) -> None:
        """A key of the keyboard."""
        for kind in ("rawKeyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def complaints(self) -> list[str]:
        """What the console, the log and failed scripts have said."""
        names = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [json.dumps(event["params"])[:400] for event in self.events if event["method"] in names]

    def requests(self) -> list[str]:
        """Addresses that were asked for, the page itself among them."""
        sent = [event for event in self.events if event["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]

    def tree(self) -> list[Mapping[str, Any]]:
        """The accessibility tree as the browser computes it: role and name of every part."""
        nodes = self.send("Accessibility.getFullAXTree")["nodes"]
        return [
            {"role": n["role"]["value"], "name": n.get("name", {}).get("value", ""), "node": n}
            for n in nodes
            if not n.get("ignored") and "role" in n
        ]


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A browser that is ended with the block.

    Args:
        profile: an empty folder for its files.
    """
    command, theirs = [str(find()), "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"], []
    command += ["--disable-dev-shm-usage", "--disable-background-networking", f"--user-data-dir={profile}"]
    commands, answers = os.pipe(), os.pipe()
    theirs = [commands[0], answers[1]]
    shell = f'exec "$@" 3<&{theirs[0]} 4>&{theirs[1]}'
    process = subprocess.Popen(
        ["bash", "-c", shell, "chromium", *command, "--remote-debugging-pipe", "about:blank"],
        pass_fds=theirs,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for end in theirs:
        os.close(end)
    page = Browser(commands[1], answers[0])
    try:
        page.attach()
        yield page
    finally:
        page.session = ""
        with suppress(OSError, AssertionError):
            page.send("Browser.close")
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(commands[1])
        os.close(answers[0])
