"""The check of wheel and sdist finds what is missing and what does not belong there (`make dist` runs it on real ones)."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from tools.check_dist import ROOT, Wrong, check_sdist, check_wheel, main, modules, version

INFO = f"qml_dynamics-{version()}.dist-info"
BESIDE = {f"{INFO}/METADATA", f"{INFO}/licenses/LICENSE"}


def wheel(folder: Path, names: set[str]) -> Path:
    path = folder / f"qml_dynamics-{version()}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "")
    return path


def sdist(folder: Path, names: set[str]) -> Path:
    path = folder / f"qml_dynamics-{version()}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(f"qml_dynamics-{version()}/{name}"), io.BytesIO())
    return path


def test_modules_are_those_of_the_sources() -> None:
    assert {"qml_dynamics/__init__.py", "qml_dynamics/methods/trotter.py", "qml_dynamics/py.typed"} <= modules()
    assert all((ROOT / name).is_file() for name in modules())


def test_whole_wheels_pass_and_others_are_told(tmp_path: Path) -> None:
    check_wheel(wheel(tmp_path, modules() | BESIDE))
    with pytest.raises(Wrong, match=r"lacks \['qml_dynamics/methods/trotter.py'\]"):
        check_wheel(wheel(tmp_path, (modules() | BESIDE) - {"qml_dynamics/methods/trotter.py"}))
    with pytest.raises(Wrong, match=r"holds \['tests'\] beside the package"):
        check_wheel(wheel(tmp_path, modules() | BESIDE | {"tests/__init__.py"}))
    with pytest.raises(Wrong, match="holds no licence"):
        check_wheel(wheel(tmp_path, modules() | {f"{INFO}/METADATA"}))


def test_whole_sdists_pass_and_others_are_told(tmp_path: Path) -> None:
    whole = modules() | {"pyproject.toml", "README.md", "LICENSE"}
    check_sdist(sdist(tmp_path, whole))
    with pytest.raises(Wrong, match=r"lacks \['pyproject.toml'\]"):
        check_sdist(sdist(tmp_path, whole - {"pyproject.toml"}))


def test_an_empty_folder_ends_with_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(str(tmp_path)) == 1
    assert capsys.readouterr().err.count("\n") == 1
