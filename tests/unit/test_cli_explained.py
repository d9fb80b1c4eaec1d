"""Runs of the command line: the default method, what of a file takes no part, and what explains the distance from the reference."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.backends import backend
from qml_dynamics.cli import main
from qml_dynamics.validation.error_parts import OPERATOR_TERMS
from qml_dynamics.validation.explained import explain

WELL = """
[domain]
kind = "grid"
bounds = [-4, 4]
qubits = 4

[objective]
expression = "x0**2/2 + 0.3*x0"

[diffusion]
value = 0.5

[evolution]
clock = "CLOCK"
duration = 0.6

[initial]
kind = "gaussian"
params = {center = 0.7, width = 0.9}
"""
OPERATOR = """
[operator]
labels = ["II", "IZ", "ZI", "ZZ", "XX"]
coefficients = [-1.05237325, 0.39793742, -0.39793742, -0.0112801, 0.18093120]

[evolution]
clock = "CLOCK"
duration = 2.0
"""


def ran(capsys: pytest.CaptureFixture[str], folder: Path, text: str, *options: str) -> tuple[int, dict[str, Any], str]:
    """The exit code of `run`, its JSON and standard error; each call has a folder of its own."""
    out = folder / f"run{len(list(folder.glob('run*')))}"
    path = folder / "problem.toml"
    path.write_text(text)
    with pytest.raises(SystemExit) as end:
        main(["run", str(path), "--out", str(out), "--no-plots", "--json", *options])
    captured = capsys.readouterr()
    return int(end.value.code or 0), json.loads(captured.out) if captured.out else {}, captured.err


CASES = {
    "a loss, real": (WELL, "real", "Trotter(steps=40, order=2"),
    "a loss, imaginary": (WELL, "imaginary", "ProbabilisticITE(m0=1.0, steps=40, order=2, block='exact'"),
    "an operator, real": (OPERATOR, "real", "Trotter(steps=40, order=2"),
    "an operator, imaginary": (OPERATOR, "imaginary", "ProbabilisticITE("),
}


@pytest.mark.parametrize(("text", "clock", "method"), CASES.values(), ids=CASES)
def test_a_backend_without_a_method_runs_circuits_that_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, clock: str, method: str
) -> None:
    """Its energy is that of the reference within four standard errors, and nothing is left to explain."""
    stated = text.replace("CLOCK", clock) + '\n[backend]\nname = "aer"\nshots = 3000\nseed = 3\n'
    code, data, err = ran(capsys, tmp_path, stated, "--no-budget") if text is WELL else ran(capsys, tmp_path, stated)
    assert code == 0
    assert "takes no part" not in err
    assert data["method"].startswith(method)
    found = data["comparison"]
    assert found["explanation"]["explained"] is True
    assert set(found["explanation"]["parts"]) == {"method", "shots"}
    assert found["sigmas"] < 4.5


def test_a_noisy_device_differs_and_its_noise_is_a_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 0: the noise explains the distance, which shots alone would not."""
    stated = OPERATOR.replace("CLOCK", "real") + '\n[method]\nkind = "trotter"\nsteps = 6\n'
    code, data, _ = ran(
        capsys, tmp_path, stated, "--backend", "aer:noise=fake_manila", "--shots", "20000", "--seed", "1"
    )
    explanation = data["comparison"]["explanation"]
    assert code == 0
    assert explanation["distance"] > explanation["parts"]["method"] + explanation["parts"]["shots"]
    assert explanation["parts"]["device"] > 0.01


def test_classical_runs_are_compared_too_and_what_a_file_names_in_vain_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An option is refused, a line of the file is told."""
    stated = WELL.replace("CLOCK", "imaginary") + '\n[method]\nkind = "split_step"\nsteps = 30\n'
    code, data, err = ran(capsys, tmp_path, stated + '\n[backend]\nname = "aer"\nshots = 100\n')
    assert code == 0
    assert "[backend] name and shots of the file takes no part: SplitStep runs by NumPy." in err
    assert 0 < data["comparison"]["total_variation"] < 1e-2
    code, _, err = ran(capsys, tmp_path, stated, "--backend", "aer")
    assert code == 2
    assert (
        "Argument `backend` must be None for SplitStep, which runs by NumPy, but is 'aer': name a method that runs circuits"
        in err
    )
    code, data, _ = ran(capsys, tmp_path, OPERATOR.replace("CLOCK", "real"), "--budget")
    assert code == 0
    assert set(data["budget"]["terms"]) == set(OPERATOR_TERMS)


def test_a_wrong_answer_is_not_explained() -> None:
    """A right run is explained by its parts; the same run with its density moved by a cell, or of another problem, is not."""
    problem = qd.Problem(
        qd.Grid((-4, 4), 5), lambda w: w[:, 0] ** 2, 0.5, clock="real", duration=0.5, initial=qd.Gaussian(0.7, 0.5)
    )
    method, device = qd.Trotter(10), backend("statevector")
    reference = qd.evolve(problem, qd.SplitStep(200, order=4))
    for shots in (None, 2000):
        run = qd.evolve(problem, method, shots=shots, seed=2)
        assert explain(run, reference, method, device).explained
        moved = dataclasses.replace(run, density=np.roll(run.density, 2, axis=1))
        found = explain(moved, reference, method, device)
        assert not found.explained
        assert "is NOT explained by method" in str(found)
    other = qd.evolve(problem.replace(objective=lambda w: 0.2 * w[:, 0] ** 2), method)
    assert not explain(dataclasses.replace(other, problem=problem), reference, method, device).explained
