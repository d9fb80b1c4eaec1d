"""The command line: what it prints, what it writes, and how it fails."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qml_dynamics
from qml_dynamics.base.errors import MethodError, UnusedArgumentWarning
from qml_dynamics.base.folders import claim
from qml_dynamics.cli import main
from qml_dynamics.cli.optimum import scipy_optimum
from qml_dynamics.cli.options import Options, default_save, parse_method, plan
from qml_dynamics.cli.run import default_folder, told_once
from qml_dynamics.methods.krylov import Krylov
from qml_dynamics.methods.multi_product import MultiProduct
from qml_dynamics.methods.split_step import SplitStep
from qml_dynamics.methods.trotter import Trotter
from qml_dynamics.runs.problem_file import problem_from_spec, read_problem
from qml_dynamics.runs.trajectory_file import load
from qml_dynamics.validation.error_parts import TERMS
from tests.interrupts import interruptible

WELL = """
[domain]
kind = "grid"
bounds = [-3, 3]
qubits = 5

[objective]
name = "double_well"
params = {tilt = 0.2}

[diffusion]
value = 0.3

[evolution]
clock = "real"
duration = 1.0

[initial]
kind = "gaussian"
params = {center = 0.5, width = 0.4}
"""
QUANTUM = WELL + '[method]\nkind = "trotter"\nsteps = 10\n[backend]\nname = "statevector"\nshots = 400\nseed = 3\n'
LONG = WELL.replace("qubits = 5", "qubits = 12").replace("duration = 1.0", "duration = 100.0")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "well").mkdir()
    (tmp_path / "well" / "problem.toml").write_text(WELL)
    (tmp_path / "quantum.toml").write_text(QUANTUM)
    return tmp_path


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    captured = capsys.readouterr()
    return int(end.value.code or 0), captured.out, captured.err


def strict(text: str) -> dict[str, Any]:
    def refuse(name: str) -> None:
        raise ValueError(name)

    return json.loads(text, parse_constant=refuse)


def iris_like(folder: Path) -> Path:
    rng = np.random.default_rng(1)
    lines = ["a,b,kind"]
    for i in range(60):
        shift = 1.5 * (i % 2)
        lines.append(f"{shift + rng.normal():.4f},{-shift + rng.normal():.4f},{'yes' if i % 2 else 'no'}")
    (folder / "own.csv").write_text("\n".join(lines) + "\n")
    text = WELL.replace("bounds = [-3, 3]\nqubits = 5", "bounds = [[-6, 6], [-6, 6]]\nqubits = 4")
    text = text.replace('name = "double_well"\nparams = {tilt = 0.2}', 'data = "own.csv"\ntarget = "kind"\nl2 = 0.05')
    text = text[: text.index("[initial]")].replace("duration = 1.0", "duration = 5.0")
    path = folder / "own.toml"
    path.write_text(text)
    return path


def test_help_loads_no_vendor_package() -> None:
    code = (
        "import sys\n"
        "from qml_dynamics.cli import main\n"
        "try:\n    main(['--help'])\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(loaded & {'qiskit', 'qiskit_aer', 'pennylane', 'matplotlib', 'scipy', 'numpy', 'pydantic'}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    for command in ("run", "compare", "plot", "cost", "circuits"):
        assert f" {command} " in done.stdout


def test_version_and_its_place_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "--version")
    assert (code, out) == (0, f"qml-dynamics {qml_dynamics.__version__}\n")
    code, out, _ = call(capsys, "--help")
    assert code == 0
    assert "--version" in out
    assert "Learning dynamics as Hamiltonian simulation" in out
    assert "Options of the program itself" not in out


def test_a_lack_of_memory_is_one_line(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*given: Any, **named: Any) -> None:
        raise MemoryError("Unable to allocate 16.0 GiB")

    monkeypatch.setattr("qml_dynamics.cli.run.run_command", full)
    code, _, err = call(capsys, "run", "quantum.toml")
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("qml-dynamics: the memory of this machine is not enough")


def test_quantum_run_writes_and_tells(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "run", "quantum.toml", "--out", "result")
    assert code == 0
    assert "Traceback" not in err
    names = sorted(p.name for p in Path("result").iterdir())
    pictures = ["budget.png", "density.png", "energy.png", "landscape.png", "run.png"]
    assert names == sorted(
        [*pictures, "problem.schema.json", "problem.toml", "reference.npz", "result.json", "trajectory.npz"]
    )
    for words in (
        "Best weights",
        "best of 400 samples of the wave",
        "SciPy L-BFGS-B",
        "uniform",
        "The runs agree within shot noise",
        "Error budget",
        "formula",
        "files: result",
        "picture: result/run.png",
    ):
        assert words in out
    result = strict(Path("result/result.json").read_text())
    assert result["shots"] == 400
    assert result["comparison"]["agree"] is True
    assert set(result["budget"]["terms"]) == set(TERMS)
    rows = result["best_weights"]
    assert rows[1]["weights"][0] == pytest.approx(-1.0243, abs=2e-3)  # the left well of (x^2-1)^2 + 0.2 x
    assert rows[1]["loss"] == pytest.approx(-0.2025, abs=1e-3)
    assert rows[0]["loss"] == result["best"]["value"]
    run = load("result")
    assert run.method == Trotter(10)
    assert len(run.times) == 11
    assert np.abs(run.density[-1] - run.density[0]).sum() > 0.1
    again = read_problem("result")
    assert (again.method, again.backend, again.shots, again.seed) == (Trotter(10), "statevector", 400, 3)


def test_json_is_alone_on_standard_output(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quick = ["--json", "--no-plots", "--no-budget", "--seed", "9", "--shots", "50"]
    code, out, err = call(capsys, "run", "quantum.toml", "--out", "j", *quick)
    assert code == 0
    data = strict(out)
    assert data["shots"] == 50
    assert data["provenance"]["seed"] == 9
    assert "budget" not in data
    assert data["folder"] == "j"
    assert "Best weights" in err
    assert not list(Path("j").glob("*.png"))
    code, second, _ = call(capsys, "run", "quantum.toml", "--out", "k", *quick)
    assert strict(second)["expectations"] == data["expectations"]  # the same seed, the same numbers


def test_defaults_without_backend_and_method(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "run", "well", "--no-plots", "--json")
    assert code == 0
    data = strict(out)
    assert data["method"].startswith("SplitStep(steps=400, order=4")
    assert data["shots"] is None
    assert data["comparison"]["explanation"]["explained"] is True
    assert data["comparison"]["explanation"]["parts"]["method"] < 1e-6
    assert data["folder"] == str(Path("runs") / "well")
    code, out, _ = call(capsys, "run", "well", "--no-plots", "--json", "--backend", "statevector", "--no-budget")
    data = strict(out)
    assert data["method"].startswith("Trotter(steps=40, order=2")
    assert data["comparison"]["fidelity"] > 0.999
    assert data["folder"] == str(Path("runs") / "well-2")  # no run is overwritten


@pytest.mark.slow
def test_own_data_with_accuracies(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = iris_like(here)
    code, out, _ = call(
        capsys,
        "run",
        str(path),
        "--no-plots",
        "--out",
        "own",
        "--backend",
        "aer",
        "--shots",
        "500",
        "--method",
        "trotter:steps=20",
        "--seed",
        "1",
    )
    assert code == 0
    assert "training accuracy" in out
    assert "held-out accuracy" in out
    result = strict(Path("own/result.json").read_text())
    assert result["data"] == {
        "features": ["a", "b"],
        "classes": ["no", "yes"],
        "training_rows": 42,
        "held_out_rows": 18,
    }
    wave, scipy, uniform = result["best_weights"]
    assert scipy["loss"] <= wave["loss"] <= scipy["loss"] + 0.02
    assert wave["held_out_accuracy"] > 0.7
    assert wave["training_accuracy"] > 0.7
    assert result["mean_loss"]["wave"]["value"] < 0.5 * result["mean_loss"]["uniform"]
    assert Path("own/own.csv").exists()
    assert {row["from"].split()[0] for row in (wave, scipy, uniform)} == {"best", "SciPy"}


def test_scipy_finds_the_least_of_binary_weights() -> None:
    spec = {
        "domain": {"kind": "hypercube", "num_weights": 6, "values": [0, 1]},
        "objective": {"name": "qubo", "params": {"Q": np.random.default_rng(4).normal(size=(6, 6)).tolist()}},
        "diffusion": {"value": 1},
        "evolution": {"clock": "real", "duration": 1},
    }
    problem = problem_from_spec(spec)
    assert problem.objective is not None
    found = scipy_optimum(problem)
    assert found is not None
    zeta = problem.objective.on(problem.domain)
    assert found.value == pytest.approx(zeta.min(), abs=1e-12)
    assert set(found.weights) <= {0.0, 1.0}
    assert zeta.min() < np.sort(zeta.reshape(-1))[1]


@pytest.mark.slow
def test_compare_and_plot(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(capsys, "run", "quantum.toml", "--out", "q", "--no-plots", "--no-budget")
    call(capsys, "run", "quantum.toml", "--out", "c", "--no-plots", "--method", "krylov", "--save", "11")
    code, out, _ = call(capsys, "compare", "q", "c/trajectory.npz")
    assert code == 0
    assert "agree within shot noise" in out
    (here / "other.toml").write_text(QUANTUM.replace("tilt = 0.2", "tilt = 2.0"))
    call(capsys, "run", "other.toml", "--out", "o", "--no-plots", "--no-budget")
    code, out, _ = call(capsys, "compare", "q", "o", "--json")
    assert code == 1
    assert strict(out)["agree"] is False
    code, out, _ = call(capsys, "plot", "q", "--out", "drawn")
    assert code == 0
    drawn = [Path(line) for line in out.splitlines()]
    assert {p.name for p in drawn} == {"run.png", "density.png", "energy.png", "landscape.png"}
    assert all(p.read_bytes().startswith(b"\x89PNG") for p in drawn)


def test_cost(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "cost", "quantum.toml", "--json")
    assert code == 0
    data = strict(out)
    assert (data["qubits"], data["circuits"], data["shots"]) == (5, 22, 22 * 400)
    assert data["two_qubit_gates"] > 100
    code, out, _ = call(capsys, "cost", "quantum.toml", "--method", "trotter:steps=20", "--json")
    assert strict(out)["two_qubit_gates"] > 1.8 * data["two_qubit_gates"]
    code, out, _ = call(capsys, "cost", "well")
    assert code == 0
    assert "classical: 5 qubits" in out


FAILURES = [
    (["run", "none.toml"], "none.toml: "),
    (["run", "typo.toml"], "typo.toml: [domain] has no key `qbits`. Did you mean `qubits`?"),
    (["run", "quantum.toml", "--method", "troter"], "Did you mean 'trotter'?"),
    (["run", "quantum.toml", "--method", "trotter:stps=3"], "Did you mean 'steps'?"),
    (["run", "quantum.toml", "--method", "Trotter(__import__('os').system('touch hacked'))"], "must have options like"),
    (["run", "quantum.toml", "--method", "Trotter(steps=__import__('os').getpid())"], "must have options like"),
    (["run", "quantum.toml", "--backend", "aeer"], "Did you mean 'aer'?"),
    (["run", "quantum.toml", "--shots", "0"], "Argument `shots` must be an integer between 1"),
    (["run", "quantum.toml", "--out", "blocked/run"], "Argument `out` must be a folder that can be written"),
    (["run", "imaginary.toml"], "imaginary clock"),
    (["compare", "none", "none"], "must be a saved trajectory"),
    (["plot", "none"], "must be a saved trajectory"),
    (["cost", "typo.toml"], "typo.toml: "),
    (["circuits"], "--write and --check"),
    (["circuits", "--check"], "no folder `circuits`"),
]


@pytest.mark.parametrize(("arguments", "words"), FAILURES, ids=[" ".join(a)[:40] for a, _ in FAILURES])
def test_failures_are_one_line(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    (here / "typo.toml").write_text(WELL.replace("qubits", "qbits"))
    (here / "imaginary.toml").write_text(QUANTUM.replace('"real"', '"imaginary"'))
    (here / "blocked").write_text("a file")
    code, out, err = call(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert err.startswith("qml-dynamics: ")
    assert err.count("\n") == 1
    assert words in err
    assert not Path("hacked").exists()


def test_usage_errors(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["rn"], ["run"], ["run", "well", "--shots", "many"], ["run", "well", "--frobnicate"]):
        code, out, err = call(capsys, *arguments)
        assert code == 2
        assert out == ""
        assert "Traceback" not in err
        assert err


def test_methods_as_text() -> None:
    assert parse_method("trotter") == parse_method("trotter(40)") == Trotter(40)
    assert parse_method("Trotter(steps=12, order=4)") == Trotter(12, order=4)
    assert parse_method("trotter:steps=12,order=1,truncation=1e-3") == Trotter(12, order=1, truncation=1e-3)
    assert parse_method("split-step") == SplitStep(400, order=4)
    assert parse_method("SplitStep") == SplitStep(400, order=4)
    assert parse_method("split_step:steps=9") == SplitStep(9)
    assert parse_method("split-step:formula=chin4a") == SplitStep(400, formula="chin4a")
    assert parse_method("SplitStep(steps=5, formula='chin4a')") == SplitStep(5, formula="chin4a")
    assert parse_method("multi-product:steps=(1,2,3)") == MultiProduct((1, 2, 3))
    assert parse_method(" krylov : tol=1e-6 ") == Krylov(1e-6)
    for bad in (
        "",
        "3",
        "trotter(",
        "trotter(*x)",
        "trotter:**x",
        "trotter:steps=1+1j*x",
        "a b",
        "trotter)(",
        "trotter:steps=",
    ):
        with pytest.raises(MethodError):
            parse_method(bad)


def test_what_is_run(here: Path) -> None:
    file = read_problem("quantum.toml")
    whole = plan(Options(), file)
    assert (whole.method, whole.backend, whole.shots, whole.seed, whole.save, whole.quantum) == (
        Trotter(10),
        "statevector",
        400,
        3,
        11,
        True,
    )
    classical = plan(Options(method="split-step"), file)
    assert (classical.backend, classical.shots, classical.seed, classical.quantum) == (None, None, 3, False)
    sampled = plan(Options(method="split-step", shots=5, seed=8, save=4), file)
    assert (sampled.shots, sampled.seed, sampled.save) == (5, 8, 4)
    assert plan(Options(backend="aer"), file).backend == "aer"
    assert default_save(SplitStep(360)) == 21
    assert default_save(MultiProduct((1, 2))) == 2


def test_backend_options_of_the_file(here: Path) -> None:
    (here / "single.toml").write_text(
        QUANTUM.replace('"statevector"', '"aer:statevector"\noptions = {precision = "single"}')
    )
    chosen = plan(Options(), read_problem("single.toml")).backend
    assert chosen.describe()["precision"] == "single"
    file = read_problem("single.toml")
    assert plan(Options(backend="aer:statevector"), file).backend.describe()["precision"] == "single"
    with pytest.warns(
        UnusedArgumentWarning, match="options of the file take no part: they are those of aer:statevector"
    ):
        assert plan(Options(backend="statevector"), file).backend == "statevector"


def test_notes_with_other_words_are_each_told(capsys: pytest.CaptureFixture[str]) -> None:
    with told_once():
        for text in ("`seed` takes no part.", "`shots` takes no part.", "weight 2.5e-01", "weight 3.1e-02"):
            warnings.warn(text, UnusedArgumentWarning, stacklevel=1)
    notes = capsys.readouterr().err.splitlines()
    assert [note.rpartition(": ")[2] for note in notes] == [
        "`seed` takes no part.",
        "`shots` takes no part.",
        "weight 2.5e-01",
    ]


@pytest.mark.parametrize("word", ["--polish 0", "--no-compare", "--force", "--shots 5"])
def test_the_table_of_functions_takes_no_options_of_a_run(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["descend", "table", *word.split()])
    assert ended.value.code == 2
    name = word.split()[0].removeprefix("--").removeprefix("no-")
    assert f"`{name}` must be left out with the table" in capsys.readouterr().err


def test_new_folders(here: Path) -> None:
    assert default_folder(Path("well/problem.toml")) == Path("runs/well")
    assert default_folder(Path("quantum.toml")) == Path("runs/quantum")
    Path("runs/quantum").mkdir(parents=True)
    Path("runs/quantum-2").mkdir()
    assert claim(default_folder(Path("quantum.toml"))) == Path("runs/quantum-3")


def interrupted(waits_for: str, *arguments: str, after: float = 2.0) -> subprocess.CompletedProcess[str]:
    """A run of the command that is interrupted some seconds after it has written a file of its folder."""
    command = [sys.executable, "-m", "qml_dynamics.cli", "run", "long.toml", "--out", "long", "--no-plots", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = interruptible(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    deadline = time.monotonic() + 300
    while not Path("long", waits_for).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    try:
        out, err = process.communicate(timeout=300)
    finally:
        process.kill()
    assert "Traceback" not in err
    assert process.returncode == 130, err
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def test_ctrl_c_keeps_what_was_done(here: Path) -> None:
    (here / "long.toml").write_text(LONG)
    for wait in (2.0, 6.0, 20.0):  # on a busy machine the first may come before the first step
        done = interrupted("problem.toml", "--method", "split-step:steps=4000000", "--save", "4001", after=wait)
        if Path("long/trajectory.npz").exists() and len(load("long").times) > 1:
            break
        shutil.rmtree("long")
    assert "interrupted; what was done is in long" in done.stderr
    run = load("long")
    assert 1 < len(run.times) < 4001
    assert run.stop.startswith("Interrupted")
    assert np.abs(run.density[-1] - run.density[0]).max() > 1e-9
    assert strict(Path("long/result.json").read_text())["stop"] == run.stop


def test_ctrl_c_while_checking_keeps_the_run_and_no_half_check(here: Path) -> None:
    (here / "long.toml").write_text(LONG)
    done = interrupted("result.json", "--method", "split-step:steps=40", "--budget", "--json")
    assert "interrupted while checking" in done.stderr
    assert len(load("long").times) == 21
    result = strict(done.stdout)
    assert "budget" not in result
    assert result["stop"].startswith("Reached the end")
    assert result == strict(Path("long/result.json").read_text())
