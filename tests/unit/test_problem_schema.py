"""The JSON schema of problem files: valid, not stricter than the reader, and no looser where it has a word for it."""

from __future__ import annotations

import copy
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import qml_dynamics as qd
from qml_dynamics.base.errors import QMLDynamicsError
from qml_dynamics.base.registry import EXAMPLES, METHODS
from qml_dynamics.cli import main
from qml_dynamics.model.objectives.registry import NAMED
from qml_dynamics.runs.problem_file import problem_from_spec
from qml_dynamics.runs.problem_file.editors import LINE, NAME, STORED, made

ROOT = Path(qd.__file__).parents[1]
PROBLEM: dict[str, Any] = {
    "domain": {"kind": "grid", "bounds": [-2, 2], "qubits": 3},
    "objective": {"name": "double_well", "params": {"tilt": 0.2}},
    "diffusion": {"schedule": "linear", "params": {"start": 1.0, "stop": 0.1}},
    "evolution": {"clock": "real", "duration": 1.0},
    "initial": {"kind": "gaussian", "params": {"center": 0.5, "width": 0.4}},
    "method": {"kind": "trotter", "steps": 4},
    "backend": {"name": "aer", "shots": 100, "seed": 1},
}


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    found = qd.schema()
    Draft202012Validator.check_schema(found)
    assert json.loads(json.dumps(found)) == found
    return Draft202012Validator(found)


def changed(path: str, value: Any) -> dict[str, Any]:
    """The problem with one key set, or left out where the value is None."""
    out = copy.deepcopy(PROBLEM)
    *inside, last = path.split(".")
    place = out
    for name in inside:
        place = place.setdefault(name, {})
    if value is None:
        del place[last]
    else:
        place[last] = value
    return out


def test_every_problem_file_here_is_valid(validator: Draft202012Validator) -> None:
    """Those of the gallery, those by hand of earlier versions, and those that the library has written."""
    seen = {}
    for folder in ("circuits", "tests/stored/data"):
        for path in sorted((ROOT / folder).rglob("*.toml")):
            sections = tomllib.loads(path.read_text(encoding="utf-8"))
            if "evolution" in sections:
                seen[path] = [error.message[:200] for error in validator.iter_errors(sections)]
    assert len(seen) > 80
    assert {str(path): errors for path, errors in seen.items() if errors} == {}


@pytest.mark.parametrize("name", METHODS)
def test_methods_in_every_spelling_are_valid(name: str, validator: Draft202012Validator) -> None:
    for spelled in (name, name.replace("_", "-"), name.replace("_", "").upper()):
        assert validator.is_valid(changed("method", {"kind": spelled, **EXAMPLES[name]})), spelled
    assert not validator.is_valid(changed("method", {"kind": name, **EXAMPLES[name], "stepz": 4}))


WRONG = {
    "a section": ("metod", {"kind": "trotter"}),
    "no duration": ("evolution.duration", None),
    "no clock": ("evolution", None),
    "a clock": ("evolution.clock", "reel"),
    "a text for a number": ("evolution.duration", "1"),
    "a space": ("domain.kind", "gird"),
    "a key of the domain": ("domain.qubit", 3),
    "qubits": ("domain.qubits", 2.5),
    "a loss": ("objective.name", "doublewell"),
    "a parameter of a loss": ("objective.params", {"tild": 0.2}),
    "two losses": ("objective.expression", "x0**2"),
    "no loss": ("objective", {"params": {}}),
    "a model": ("objective", {"data": "a.csv", "target": "y", "model": "tree"}),
    "a target": ("objective", {"data": "a.csv", "target": {"columm": "y"}}),
    "a schedule": ("diffusion.schedule", "lineer"),
    "a parameter of a schedule": ("diffusion.params", {"start": 1.0, "end": 0.1}),
    "a value and a schedule": ("diffusion.value", 1.0),
    "no diffusion": ("diffusion", None),
    "an initial wave": ("initial.kind", "gausian"),
    "a parameter of a wave": ("initial.params", {"centre": 0.5, "width": 0.4}),
    "an array of a wave that has none": ("initial.array", "a.npy"),
    "a method": ("method.kind", "troter"),
    "no kind": ("method.kind", None),
    "an option": ("method.step", 4),
    "a value of an option": ("method.optimise", "all"),
    "a part": ("method", {"kind": "variational", "steps": 4, "ansatz": {"kind": "hamiltonian", "layer": 2}}),
    "a method inside": ("method", {"kind": "growing", "method": {"kind": "troter"}, "start": 2}),
    "shots": ("backend.shots", 10.5),
    "a key of the backend": ("backend.device", "aer"),
    "an operator beside a loss": ("operator", {"labels": ["ZZ"], "coefficients": [1.0]}),
}


def test_the_problem_of_these_tests_is_valid(validator: Draft202012Validator, tmp_path: Path) -> None:
    assert validator.is_valid(PROBLEM)
    assert qd.read_problem(_written(PROBLEM, tmp_path)).shots == 100


@pytest.mark.parametrize("what", WRONG)
def test_wrong_keys_and_values_are_not_valid(what: str, validator: Draft202012Validator, tmp_path: Path) -> None:
    """And the reader refuses them too."""
    wrong = changed(*WRONG[what])
    assert not validator.is_valid(wrong)
    with pytest.raises(QMLDynamicsError):
        qd.read_problem(_written(wrong, tmp_path))


def _written(sections: dict[str, Any], folder: Path) -> Path:
    """The sections as a file; inner tables inline."""
    from qml_dynamics.runs.problem_file.files import to_toml

    (folder / "problem.toml").write_text(to_toml(sections), encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", ["levy", "quadratic"])
def test_losses_know_their_parameters(name: str, validator: Draft202012Validator) -> None:
    assert name in NAMED
    box = list(map(list, qd.objectives.named(name).bounds or ()))
    stated = {**PROBLEM, "domain": {"kind": "grid", "bounds": box, "qubits": 2}, "objective": {"name": name}}
    del stated["initial"]
    assert validator.is_valid(stated)
    assert problem_from_spec({k: v for k, v in stated.items() if k not in ("method", "backend")}).domain.size > 1
    stated["objective"] = {"name": name, "params": {"unit_box": True}}
    assert validator.is_valid(stated)


def test_the_stored_schema_is_that_of_today() -> None:
    """Commands write it as it stands in the package: `python -m tools.pages` brings it up to date."""
    assert json.loads(STORED.read_text(encoding="utf-8")) == qd.schema()
    assert STORED.read_bytes() == made()


def test_new_files_name_their_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first line is the one that editors look for; the schema beside it is that of this version; the file is valid by it."""
    monkeypatch.chdir(tmp_path)
    for words in (["new", "iris"], ["new", "h2", "--sample", "h2"], ["schema", "--out", "other.json"]):
        with pytest.raises(SystemExit) as left:
            main(words)
        assert left.value.code == 0
    for name in ("iris", "h2"):
        text = (tmp_path / name / "problem.toml").read_text(encoding="utf-8")
        assert text.splitlines()[0] == LINE == f"#:schema ./{NAME}"
        written = json.loads((tmp_path / name / NAME).read_text(encoding="utf-8"))
        assert written == qd.schema() == json.loads((tmp_path / "other.json").read_text(encoding="utf-8"))
        assert Draft202012Validator(written).is_valid(tomllib.loads(text))
        assert qd.read_problem(tmp_path / name).problem.domain.size > 1
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["schema"])
    assert json.loads(capsys.readouterr().out) == qd.schema()


@pytest.mark.parametrize("params", [{}, None, {"center": 0.5}])
def test_a_wave_names_the_parameters_that_it_needs(validator: Draft202012Validator, params: Any) -> None:
    problem = changed("initial.params", params)
    assert not validator.is_valid(problem)
    with pytest.raises(QMLDynamicsError, match="width"):
        problem_from_spec(problem)
