"""``qml-dynamics gibbs``: laws of energies, of two labels and of problems, what is written, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.cli import main
from qml_dynamics.cli.gibbs import Answer, _p_value
from qml_dynamics.learning.gibbs import softmax
from qml_dynamics.synthesis.qasm_compare import differences

SOFTMAX = Path(__file__).parents[2] / "circuits" / "softmax"
LAW = np.array([0.21742353, 0.05580409, 0.7146888, 0.01208358])


def call(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as end:
        main(["gibbs", *arguments])
    return int(end.value.code or 0)


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("kept")
    options = ["--energies", "0.3, 1.1", "--beta", "1.7", "--out"]
    assert call([*options, str(tmp_path / "file" / "law")]) == 2
    assert "Argument `out` must be a folder that can be written" in capsys.readouterr().err
    assert call([*options, str(tmp_path / "new" / "law")]) == 0
    assert (tmp_path / "new" / "law" / "result.json").is_file()
    assert (tmp_path / "file").read_text() == "kept"


def test_softmax_with_shots_and_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "law"
    options = ["--energies", "0.3, 1.1 -0.4,2.0", "--beta", "1.7", "--backend", "aer", "--shots", "4000", "--seed", "7"]
    assert call([*options, "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "shots kept" in shown
    assert "chi-square p-value" in shown
    assert shown.index(" 2  0.7") < shown.index(" 0  0.2")  # most likely first
    data = json.loads((out / "result.json").read_text(encoding="utf-8"))
    assert np.allclose(data["exact"], LAW, atol=1e-8)
    assert np.abs(np.array(data["probabilities"]) - LAW).max() < 5 * max(data["stderr"])
    assert data["p_value"] > 1e-4
    texts = [path.read_text(encoding="utf-8") for path in (out / "gibbs.qasm", SOFTMAX / "softmax.qasm")]
    assert differences(texts[0].replace("// gibbs:", "// softmax:"), texts[1]) == []
    assert (out / "gibbs.png").read_bytes()[:4] == b"\x89PNG"


def test_a_seed_that_was_drawn_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--energies=0.3,1.1", "--backend=statevector", "--shots=60", "--json"]
    assert call(asked) == 0
    data = json.loads(capsys.readouterr().out)
    assert f"--seed={data['provenance']['seed']}" in data["command"]
    assert call([*data["command"][2:], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["probabilities"] == data["probabilities"]
    assert call(["--energies=0.3,1.1", "--json"]) == 0  # exact: nothing is drawn
    assert json.loads(capsys.readouterr().out)["provenance"]["seed"] is None


def test_the_folder_of_the_gallery(capsys: pytest.CaptureFixture[str]) -> None:
    assert call([str(SOFTMAX / "imaginary.toml"), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["beta"] == pytest.approx(1.7)  # twice its imaginary time
    assert np.allclose(np.ravel(data["probabilities"]), LAW, atol=1e-8)
    assert data["p_value"] is None


def test_thermal_state_of_a_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spins = qd.Problem(qd.Hypercube(2), qd.objectives.expression("x0*x1 + 0.4*x0"), 0.6, clock="real", duration=1.0)
    file = qd.write_problem(spins, tmp_path / "spins.toml")
    assert call([str(file), "--beta", "1.3", "--shots", "3000", "--seed", "2", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    energies, modes = np.linalg.eigh(qd.hamiltonian(spins).matrix())
    law = modes**2 @ np.exp(-1.3 * energies) / np.exp(-1.3 * energies).sum()
    assert np.allclose(np.ravel(data["exact"]), law, atol=1e-12)
    assert 0 < np.abs(np.ravel(data["probabilities"]) - law).max() < 0.05
    assert call([str(file)]) == 2
    assert "`beta` must be given" in capsys.readouterr().err


def test_sigmoid_and_readings(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["--sigmoid", "1.3", "--beta", "1.6", "--hopping", "0.5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["probabilities"][1] == pytest.approx(0.80318, abs=1e-5)
    assert call(["--sigmoid", "1.3", "--beta", "0.8", "--hopping", "0.5", "--reading", "population", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["probabilities"][1] == pytest.approx(0.668885, abs=1e-5)


def test_samples_off_the_law_are_found() -> None:
    result = softmax([0.3, 1.1, -0.4], 1.0, shots=4000, seed=1)
    right = softmax([0.3, 1.1, -0.4], 1.0).probabilities
    assert (_p_value(Answer(result, right, ["0", "1", "2"])) or 0) > 1e-3
    assert (_p_value(Answer(result, right[::-1], ["0", "1", "2"])) or 0) < 1e-9


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "must have one of a problem file, --energies and --sigmoid"),
        (["--energies", "1,2", "--sigmoid", "1"], "must have one of"),
        (["--energies", "1,a"], "`energies` must be numbers"),
        (["--energies", ""], "`energies` must be a list of at least one number"),
        (["--energies", "1,2", "--beta=-1"], "`beta`"),
        (["--energies", "1,2", "--hopping", "0.5"], "`hopping` must be 0 without --sigmoid"),
        (["--energies", "1,2", "--shots", "0"], "`shots`"),
        (["--energies", "1,2", "--seed", "5"], "`seed` must be left out without --shots"),
        (["nowhere.toml"], "nowhere.toml"),
    ],
)
def test_bad_input(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(arguments) == 2
    assert words in capsys.readouterr().err
