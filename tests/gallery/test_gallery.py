"""Every folder of the gallery is what its problem compiles to and equals the reference; a planted fault is found."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from qiskit.quantum_info import Statevector

from qml_dynamics import gallery
from qml_dynamics.cli import main
from qml_dynamics.config import read_problem
from qml_dynamics.errors import ProblemError
from qml_dynamics.gallery_programs import built, check_built
from qml_dynamics.synthesis.qasm import STANDARD, from_qasm3

ROOT = Path(__file__).resolve().parents[2] / "circuits"
FOLDERS = gallery.folders(ROOT)
IDS = [folder.name for folder in FOLDERS]
COMPILED = [folder for folder in FOLDERS if not gallery.only_built(read_problem(folder))]


def test_the_gallery_is_there() -> None:
    assert {"iris_neuron", "binary_perceptron", "double_well"} <= set(IDS)


LONG = (
    "binary_perceptron",
    "descent",
    "double_well",
    "grown_double_well",
    "iris_neuron",
    "minibatch",
    "narrow_well",
)  # their programs take long to simulate
CHECKED = [pytest.param(f, id=f.name, marks=[pytest.mark.slow] if f.name in LONG else []) for f in FOLDERS]


@pytest.mark.parametrize("folder", CHECKED)
def test_check(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["circuits", "--check", str(folder)])
    assert capsys.readouterr().out == f"{folder}: ok\n"
    assert end.value.code == 0


@pytest.mark.parametrize("folder", COMPILED, ids=lambda folder: folder.name)
def test_programs_are_short_plain_and_described(folder: Path) -> None:
    programs = sorted(folder.glob("program_*.qasm"))
    assert programs
    readme = (folder / "README.md").read_text(encoding="utf-8")
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert sorted(manifest["programs"]) == [p.name for p in programs]
    for path in programs:
        text = path.read_text(encoding="utf-8")
        facts = manifest["programs"][path.name]
        assert len(text) == facts["bytes"] <= gallery.LIMIT
        assert path.name in readme
        gates = [line for line in text.splitlines() if re.match(r"[a-z0-9]+(\(.*\))? q\[", line)]
        assert len(gates) == facts["gates"]
        assert {re.split(r"[ (]", line)[0] for line in gates} <= STANDARD
        assert sum(line.count("q[") == 2 for line in gates) == facts["two_qubit_gates"]


@pytest.mark.parametrize("folder", COMPILED, ids=lambda folder: folder.name)
def test_programs_learn(folder: Path) -> None:
    """The physics that the READMEs promise, from the manifest (which `--check` ties to the programs)."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    uniform = manifest["problem"]["mean_loss_of_uniform_weights"]
    for facts in manifest["programs"].values():
        assert facts["expected"]["mean_loss"] < 0.55 * uniform
    assert manifest["exact"]["mean_loss"] < 0.5 * uniform


@pytest.mark.slow
def test_manifest_values_are_those_of_the_program() -> None:
    """Means over the program's own outcomes, computed here from the statevector, bit order and all."""
    folder = ROOT / "iris_neuron"
    facts = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["programs"]["program_5_steps.qasm"]
    problem = read_problem(folder).problem
    p = np.abs(Statevector(from_qasm3((folder / "program_5_steps.qasm").read_text(encoding="utf-8"))).data) ** 2
    outcome = np.arange(1 << 10)
    x0, x1 = -6 + 0.375 * (outcome >> 5), -6 + 0.375 * (outcome & 31)  # axis 0 is the high half of the bits
    assert p @ x0 == pytest.approx(facts["expected"]["mean_x0"], abs=1e-7)
    assert p @ x1 == pytest.approx(facts["expected"]["mean_x1"], abs=1e-7)
    assert abs(p @ x0 - p @ x1) > 0.05  # the two axes cannot be mistaken for each other
    assert problem.objective is not None
    assert p @ problem.objective(np.stack([x0, x1], axis=1)) == pytest.approx(facts["expected"]["mean_loss"], abs=1e-7)


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The double well with a short program."""
    folder = tmp_path_factory.mktemp("gallery") / "double_well"
    folder.mkdir()
    shutil.copy(ROOT / "double_well" / "problem.toml", folder)
    assert gallery.check(folder) == ["there is no program: write it with `qml-dynamics circuits --write`"]
    assert gallery.write(folder, [3]) == ["program_3_steps.qasm", "manifest.json"]
    assert gallery.check(folder) == []
    return folder


def test_writing_again_gives_the_same_bytes(copied: Path) -> None:
    before = {p.name: p.read_bytes() for p in copied.iterdir()}
    assert gallery.write(copied) == ["program_3_steps.qasm", "manifest.json"]
    assert {p.name: p.read_bytes() for p in copied.iterdir()} == before


def planted(copied: Path, tmp_path: Path, name: str, old: str, new: str) -> list[str]:
    folder = tmp_path / "double_well"
    shutil.copytree(copied, folder)
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    return gallery.check(folder)


def test_a_changed_angle_is_found(copied: Path, tmp_path: Path) -> None:
    text = (copied / "program_3_steps.qasm").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("rz("))
    angle = float(line[3 : line.index(")")])
    found = planted(
        copied, tmp_path, "program_3_steps.qasm", line, line.replace(line[3 : line.index(")")], str(angle + 1e-5))
    )
    assert "differs from what its problem compiles to" in found[0]
    assert "away from the classical reference" in found[1]


@pytest.mark.parametrize(
    ("name", "file"), [("grown_double_well", "grown_8_steps.qasm"), ("qdrift_ising", "qdrift_60_samples_2.qasm")]
)
def test_a_changed_angle_is_found_where_a_program_has_its_own_builder(tmp_path: Path, name: str, file: str) -> None:
    folder = tmp_path / name
    shutil.copytree(ROOT / name, folder)
    assert check_built(folder) == []
    text = (folder / file).read_text(encoding="utf-8")
    angle = re.findall(r"r[xyz]\((-?[0-9.]+)\)", text)[3]
    (folder / file).write_text(text.replace(f"({angle})", f"({float(angle) + 0.1})", 1), encoding="utf-8")
    wrong = check_built(folder)
    assert f"{file} differs from what its builder makes" in wrong
    (folder / file).unlink()
    assert f"{file} is missing" in check_built(folder)
    assert built(folder)[file] == text


def test_swapped_qubits_are_found(copied: Path) -> None:
    file = read_problem(copied)
    text = (copied / "program_3_steps.qasm").read_text(encoding="utf-8")
    assert gallery.faults(file, text, 3) == []
    swapped = text.replace("q[0]", "q[x]").replace("q[4]", "q[0]").replace("q[x]", "q[4]")
    assert len(gallery.faults(file, swapped, 3)) == 2
    assert "must be an OpenQASM 3 program" in gallery.faults(file, text.replace("rz(", "zz("), 3)[0]
    assert len(gallery.faults(file, text, 4)) == 2  # another number of steps is another density


def test_a_changed_problem_and_manifest_are_found(copied: Path, tmp_path: Path) -> None:
    found = planted(copied, tmp_path, "problem.toml", "duration = 18.0", "duration = 17.0")
    assert any("differs from what its problem compiles to" in fault for fault in found)
    assert any("manifest.json: problem.duration is 18.0, but should be 17.0" in fault for fault in found)
    shutil.rmtree(tmp_path / "double_well")
    found = planted(copied, tmp_path, "manifest.json", '"steps": 3', '"steps": 4')
    assert found == ["manifest.json: programs.program_3_steps.qasm.steps is 4, but should be 3"]
    (tmp_path / "double_well" / "manifest.json").unlink()
    assert "manifest.json cannot be read" in gallery.check(tmp_path / "double_well")[0]
    (tmp_path / "double_well" / "problem.toml").write_text("[domain]\nkind = 3\n")
    assert gallery.check(tmp_path / "double_well")[0].startswith("problem.toml: ")


def test_what_cannot_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "long"
    folder.mkdir()
    shutil.copy(ROOT / "double_well" / "problem.toml", folder)
    with pytest.raises(ProblemError, match=r"at most 300,000 bytes"):
        gallery.write(folder, [200])
    text = (folder / "problem.toml").read_text(encoding="utf-8")
    (folder / "problem.toml").write_text(text.replace('"real"', '"imaginary"'), encoding="utf-8")
    with pytest.raises(ProblemError, match="real clock only"):
        gallery.write(folder)
    assert [p.name for p in folder.iterdir()] == ["problem.toml"]


def test_walls_come_back_without_their_ancillas(tmp_path: Path) -> None:
    folder = tmp_path / "walls"
    folder.mkdir()
    (folder / "problem.toml").write_text(
        '[domain]\nkind = "grid"\nbounds = [[-1, 2], [0, 1]]\nqubits = [3, 2]\nboundary = "walls"\n'
        '[objective]\nexpression = "x0**2 - x1*x0"\n[diffusion]\nvalue = 0.1\n'
        '[evolution]\nclock = "real"\nduration = 1.5\n[method]\nkind = "trotter"\nsteps = 5\norder = 1\ntruncation = 0.4\n'
    )
    gallery.write(folder, [2, 4])
    assert gallery.check(folder) == []
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert list(manifest["programs"]) == ["program_2_steps.qasm", "program_4_steps.qasm"]
    facts = manifest["programs"]["program_4_steps.qasm"]
    assert (facts["qubits"], manifest["problem"]["qubits"]) == (7, 5)
    assert 0 < facts["truncation_bound"] <= 0.4
