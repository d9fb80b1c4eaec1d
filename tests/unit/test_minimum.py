"""The pins of `make test-minimum`: the lower bounds of `pyproject.toml`, each below what the suite usually runs with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.minimum import PYPROJECT, lowest, pins


def parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def test_every_pin_is_a_version_that_the_suite_runs_above() -> None:
    """All of them stand in `constraints.txt` too, with the same version or a later one."""
    lines = (PYPROJECT.parent / "constraints.txt").read_text().splitlines()
    known = dict(line.split("==") for line in lines if "==" in line)
    usual = {name.lower().replace("_", "-"): version for name, version in known.items()}
    found = dict(pin.split("==") for pin in lowest())
    assert {"numpy", "scipy", "qiskit", "pennylane", "matplotlib", "h5py"} <= set(found)
    assert not {"pytest", "ruff", "sphinx", "torch"} & set(found)
    assert all(parts(usual[name]) >= parts(version) for name, version in found.items())
    assert any(parts(usual[name]) > parts(version) for name, version in found.items())


def test_extras_are_gone_over_and_tools_left_out(tmp_path: Path) -> None:
    """Of a project of its own."""
    project = tmp_path / "pyproject.toml"
    project.write_text(
        '[project]\ndependencies = ["a>=1.2"]\n[project.optional-dependencies]\nb = ["c>=3,<4"]\ndev = ["d"]\n'
    )
    assert lowest(project) == ["a==1.2", "c==3"]
    with pytest.raises(ValueError, match="must give d a lower bound"):
        pins(["d"])
