"""Where the interpreters of `make test-pythons` are: on the path, or among the versions of pyenv.

``python -m tools.interpreters python3.12 python3.13`` prints one path a line, in the order asked. Exit code 1 and one line where one of
them is missing. A shim of pyenv stands on the path and fails unless its version is chosen: an interpreter counts only once it ran.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def versions_of_pyenv() -> list[Path]:
    """The folders of its installed versions, the newest first."""
    root = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    return sorted(
        Path(root, "versions").glob("*"), key=lambda p: [int(n) for n in re.findall(r"\d+", p.name)], reverse=True
    )


def runs(path: str) -> bool:
    """Whether an interpreter starts and can make an environment."""
    try:
        return not subprocess.run([path, "-c", "import ensurepip, venv"], capture_output=True, timeout=60).returncode
    except (OSError, subprocess.TimeoutExpired):
        return False


def find(name: str) -> str | None:
    """The first interpreter of a name, or at a path, that runs."""
    on_path = shutil.which(name)
    others = [] if os.path.dirname(name) else [str(folder / "bin" / name) for folder in versions_of_pyenv()]
    return next((path for path in [on_path, *others] if path and runs(path)), None)


def main(names: Sequence[str]) -> int:
    """The exit status; all names are looked up before one is used."""
    found = {name: find(name) for name in names}
    if missing := [name for name, path in found.items() if path is None]:
        print(
            f"Not found, or without the modules venv and ensurepip: {', '.join(missing)}. "
            "Looked on PATH and in the versions of pyenv; install what is missing, or name other interpreters or paths: "
            'make test-pythons PYTHONS="python3.13".',
            file=sys.stderr,
        )
        return 1
    print("\n".join(path for path in found.values() if path))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
