"""The trained program of the gallery against its manifest: checked without training, and planted faults are found."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from qml_dynamics.cli import main
from qml_dynamics.runs import gallery_trained as trained

ROOT = Path(__file__).parents[2] / "circuits"
FOLDER = ROOT / "boltzmann"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    for name in ("boltzmann", "iris_neuron"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path / "boltzmann"


def test_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert trained.folders(ROOT) == [FOLDER]
    with pytest.raises(SystemExit) as end:
        main(["circuits", "--check", str(FOLDER)])
    assert capsys.readouterr().out == f"{FOLDER}: ok\n"
    assert end.value.code == 0


def test_a_turned_angle_is_found_and_written_anew(copied: Path) -> None:
    program = copied / trained.PROGRAM
    text = program.read_text(encoding="utf-8")
    program.write_text(re.sub(r"rz\((-?)0\.", r"rz(\g<1>0.3", text, count=1), encoding="utf-8")
    found = trained.check(copied)
    assert "boltzmann.qasm is not the thermal state of the parameters" in found
    assert any("law is" in fault for fault in found)
    assert any("rz angle is" in fault and "should be" in fault for fault in found)
    assert trained.write(copied) == ["boltzmann.qasm"]
    assert trained.check(copied) == []
    assert len(program.read_text(encoding="utf-8").splitlines()) == len(text.splitlines())


@pytest.mark.parametrize(("by", "faults"), [(1e-8, 1), (1e-10, 0)])
def test_its_angles_are_compared_to_the_ninth_decimal(copied: Path, by: float, faults: int) -> None:
    program = copied / trained.PROGRAM
    text = program.read_text(encoding="utf-8")
    angle = re.findall(r"rz\((-?[0-9.]+)\)", text)[5]
    program.write_text(text.replace(angle, f"{float(angle) + by:.12f}", 1), encoding="utf-8")
    found = trained.check(copied)
    assert [fault[-18:] for fault in found] == ["(differs by 1e-08)"] * faults


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("kl", 0.05, "kl is 2.3e-02 off"),
        ("depth", 7, "depth is 7, but should be"),
        ("theta", [0.1] * 13, "`theta` must be 14 finite numbers"),
        ("machine", {"visible": 0, "hidden": 0, "transverse": True}, "`visible`"),
    ],
)
def test_a_manifest_that_lies_is_found(copied: Path, key: str, value: object, words: str) -> None:
    path = copied / trained.MANIFEST
    facts = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**facts, key: value}), encoding="utf-8")
    assert any(words in fault for fault in trained.check(copied))


def test_missing_and_broken_files_are_told(copied: Path) -> None:
    (copied / trained.PROGRAM).write_text("OPENQASM 3.0;\nqubit[2] q;\n", encoding="utf-8")
    assert "2 qubits, but should have 8" in trained.check(copied)[0]
    (copied / trained.MANIFEST).write_text("[1]", encoding="utf-8")
    assert "must hold a table" in trained.check(copied)[0]
    (copied / trained.PROGRAM).unlink()
    (copied / trained.MANIFEST).unlink()
    assert "FileNotFoundError" in trained.check(copied)[0]
