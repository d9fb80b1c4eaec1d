"""The built wheel and sdist, checked as a stranger would meet them: their contents, and the wheel in a fresh environment.

``python -m tools.check_dist dist`` after ``python -m build``; `make dist` does both. Exit code 1 and one line where something is wrong.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
QUICK_START = "qml-dynamics new demo && qml-dynamics run demo"  # of the README
RUN = """
import qml_dynamics as qd
well = qd.Problem(qd.Grid((-4, 4), 5), lambda w: w[:, 0] ** 2, 0.5, clock="imaginary", duration=1.0)
print(qd.__version__, round(float(qd.evolve(well, qd.SplitStep(20)).expectations["energy"].value[-1]), 3))
"""


class Wrong(Exception):
    """What is wrong with what was built."""


def version() -> str:
    """The version in pyproject.toml."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def modules() -> set[str]:
    """Every file of the package, as it must stand in wheel and sdist."""
    found = {path.relative_to(ROOT).as_posix() for path in (ROOT / "qml_dynamics").rglob("*.py")}
    samples = {path.relative_to(ROOT).as_posix() for path in (ROOT / "qml_dynamics/runs/samples").iterdir()}
    return found | samples | {"qml_dynamics/py.typed", "qml_dynamics/runs/problem_file/problem.schema.json"}


def check_wheel(path: Path) -> None:
    """All modules, the licence, and nothing beside the package."""
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
    if missing := modules() - names:
        raise Wrong(f"{path.name} lacks {sorted(missing)[:3]}.")
    if others := {name.split("/")[0] for name in names} - {"qml_dynamics", f"qml_dynamics-{version()}.dist-info"}:
        raise Wrong(f"{path.name} holds {sorted(others)} beside the package.")
    if not any(name.endswith("licenses/LICENSE") for name in names):
        raise Wrong(f"{path.name} holds no licence.")


def check_sdist(path: Path) -> None:
    """All modules and what a build needs."""
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    if missing := (modules() | {"pyproject.toml", "README.md", "LICENSE"}) - names:
        raise Wrong(f"{path.name} lacks {sorted(missing)[:3]}.")


def check_install(wheel: Path) -> None:
    """The wheel in an environment of its own, away from the sources: import, a small run, the command line."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch) / "venv"
        venv.create(home, with_pip=True)
        scripts = home / ("Scripts" if os.name == "nt" else "bin")
        python = scripts / "python"
        env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        for command in (
            [python, "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", wheel.resolve()],
            [python, "-c", RUN],
            [scripts / "qml-dynamics", "--help"],
            [scripts / "qml-dynamics", "backends", "--json"],
            *([scripts / program, *words] for program, *words in map(str.split, QUICK_START.split(" && "))),
        ):
            done = subprocess.run([str(c) for c in command], cwd=scratch, env=env, capture_output=True, text=True)
            if done.returncode:
                last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
                raise Wrong(f"`{' '.join(Path(str(c)).name for c in command[:3])}` failed: {' '.join(last)}")


def only(folder: Path, pattern: str) -> Path:
    """The one file of that kind."""
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise Wrong(f"{folder} must hold one {pattern}, but holds {len(found)}.")
    return found[0]


def main(folder: str = "dist") -> int:
    """Check everything in a folder."""
    try:
        wheel, sdist = only(Path(folder), "*.whl"), only(Path(folder), "*.tar.gz")
        check_wheel(wheel)
        check_sdist(sdist)
        check_install(wheel)
    except Wrong as wrong:
        print(f"check_dist: {wrong}", file=sys.stderr)
        return 1
    print(f"{wheel.name} and {sdist.name} are whole; the wheel installs, runs and answers.")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
