"""Where the Chromium of the browser tests is, and its installation from Debian's package where this may be done.

``python -m tools.chromium`` prints its path. With ``--install`` it is installed first where it is missing: as root, or by ``sudo`` without
a password. Exit code 1 and one line where there is none. ``CHROMIUM=/path`` names another one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
COMMAND = "sudo apt-get install -y --no-install-recommends chromium"
MISSING = f"The browser tests need Chromium, which is not installed: {COMMAND} (or CHROMIUM=/path/to/it)"


def find() -> str:
    """The path of a browser; FileNotFoundError with the command that installs one."""
    named = os.environ.get("CHROMIUM")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise FileNotFoundError(MISSING if not named else f"CHROMIUM={named} must be a program, but is none.")
    return found


def install() -> None:
    """Install Debian's package, as far as this process may; whether it worked is asked of :func:`find`."""
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if shutil.which("apt-get") is None or (prefix and shutil.which("sudo") is None):
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "chromium"]):
        done = subprocess.run(
            [*prefix, "apt-get", *words], env=environment, capture_output=True, stdin=subprocess.DEVNULL
        )
        if done.returncode and words[0] == "install":
            print(done.stderr.decode(errors="replace").strip()[-400:], file=sys.stderr)


def main(words: Sequence[str]) -> int:
    """Print the path; 1 and one line where there is none."""
    try:
        print(find())
    except FileNotFoundError as error:
        if "--install" not in words:
            print(error, file=sys.stderr)
            return 1
        install()
        return main([])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
