"""Every folder of the gallery is what its problem compiles to and equals the reference; a planted fault is found."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from qiskit.quantum_info import Statevector

from qml_dynamics.base.errors import ProblemError
from qml_dynamics.cli import main
from qml_dynamics.runs import gallery
from qml_dynamics.runs.gallery_programs import built, check_built
from qml_dynamics.runs.problem_file import read_problem
from qml_dynamics.synthesis.qasm import STANDARD, from_qasm3
from qml_dynamics.synthesis.qasm_compare import differences

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
        assert len(text) == pytest.approx(facts["bytes"], rel=0.01)  # angles end in zeros, which are not written
        assert len(text) <= gallery.LIMIT
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


def rotations(text: str) -> list[tuple[int, str, str]]:
    """Line number, line and angle of every rotation that no line before it repeats."""
    lines = text.splitlines()
    first = {line: i for i, line in reversed(list(enumerate(lines, 1)))}
    return [
        (i, x, x[3 : x.index(")")]) for x, i in sorted(first.items(), key=lambda f: f[1]) if x[:2] in ("rx", "ry", "rz")
    ]


def moved(angle: str, by: float) -> str:
    return f"{float(angle) + by:.12f}"


def test_a_changed_angle_is_found(copied: Path, tmp_path: Path) -> None:
    text = (copied / "program_3_steps.qasm").read_text(encoding="utf-8")
    number, line, angle = rotations(text)[0]
    new = moved(angle, 1e-5)
    found = planted(copied, tmp_path, "program_3_steps.qasm", line, line.replace(angle, new))
    words = f"{line[:2]} angle is {new}, should be {angle} (differs by 1e-05)"
    assert found[0] == f"program_3_steps.qasm, line {number}: {words}"
    assert "away from the classical reference" in found[1]


@pytest.mark.parametrize(
    ("by", "words"), [(1e-8, "differs by 1e-08"), (-1e-8, "differs by 1e-08"), (1e-10, None), (-1e-10, None)]
)
def test_angles_are_compared_to_the_ninth_decimal(copied: Path, tmp_path: Path, by: float, words: str | None) -> None:
    text = (copied / "program_3_steps.qasm").read_text(encoding="utf-8")
    number, line, angle = rotations(text)[-1]
    found = planted(copied, tmp_path, "program_3_steps.qasm", line, line.replace(angle, moved(angle, by)))
    if words is None:
        assert found == []
    else:
        assert found[0].startswith(f"program_3_steps.qasm, line {number}: {line[:2]} angle is ")
        assert words in found[0]


def test_last_digits_of_all_angles_may_be_others(copied: Path, tmp_path: Path) -> None:
    """What another processor's rounding does to a text, at its worst: every angle, and the manifest's bytes with them."""
    folder = tmp_path / "double_well"
    shutil.copytree(copied, folder)
    path = folder / "program_3_steps.qasm"
    text = path.read_text(encoding="utf-8")
    signs = iter(np.random.default_rng(1).choice([-1, 1], 10_000))
    other = re.sub(r"\((-?[0-9.]+)\)", lambda m: f"({float(m[1]) + 1e-10 * next(signs):.10f})", text)
    assert len(other) > len(text)
    path.write_text(other, encoding="utf-8")
    assert gallery.check(folder) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda line: line.replace("rz(", "rx("), "is `rx("),
        (lambda line: re.sub(r"q\[\d\]", "q[4]", line), "q[4];`, should be `rz("),
        (lambda line: "", "instructions, should have"),
        (lambda line: f"{line}\n{line}", "instructions, should have"),
    ],
    ids=["gate", "qubit", "lost", "twice"],
)
def test_a_changed_structure_is_found(copied: Path, tmp_path: Path, change: object, words: str) -> None:
    text = (copied / "program_3_steps.qasm").read_text(encoding="utf-8")
    line = next(line for _, line, _ in rotations(text) if line.startswith("rz") and "q[4]" not in line)
    found = planted(copied, tmp_path, "program_3_steps.qasm", line, change(line))  # type: ignore[operator]
    assert any(words in fault for fault in found)
    assert found[0].startswith("program_3_steps.qasm, line ")


@pytest.mark.parametrize(
    ("name", "file"), [("grown_double_well", "grown_8_steps.qasm"), ("qdrift_ising", "qdrift_60_samples_2.qasm")]
)
def test_a_changed_angle_is_found_where_a_program_has_its_own_builder(tmp_path: Path, name: str, file: str) -> None:
    folder = tmp_path / name
    shutil.copytree(ROOT / name, folder)
    assert check_built(folder) == []
    text = (folder / file).read_text(encoding="utf-8")
    number, line, angle = rotations(text)[3]
    planted = {by: text.replace(line, line.replace(angle, moved(angle, by)), 1) for by in (0.1, 1e-8, 1e-10)}
    (folder / file).write_text(planted[0.1], encoding="utf-8")
    wrong = check_built(folder)
    assert len(wrong) == 2
    assert f"{file}, line {number}: {line[:2]} angle is {moved(angle, 0.1)}, should be {angle}" in wrong[0]
    assert wrong[1] == f"{file}: its density is another one"
    (folder / file).write_text(planted[1e-8], encoding="utf-8")
    assert check_built(folder)[0].endswith("(differs by 1e-08)")
    (folder / file).write_text(planted[1e-10], encoding="utf-8")
    assert check_built(folder) == []
    (folder / file).unlink()
    assert f"{file} is missing" in check_built(folder)
    assert differences(built(folder)[file], text) == []


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
    assert any("program_3_steps.qasm, line" in fault and "angle is" in fault for fault in found)
    assert any("says `strang formula, 3 steps over the duration 18`" in fault for fault in found)
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
