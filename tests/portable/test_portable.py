"""The driver itself: planted assertions on the last bit are caught and attributed, and a setting without effect is named."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.portable import settings
from tests.portable.__main__ import PATHS, plan, show
from tests.portable.attribution import Run, attribute, execute
from tests.portable.perturb import SEAMS, SIZE, Noise, wrap
from tests.portable.settings import NATIVE, ROOT, Probed, Setting, judge, other_processor, probe

PLANTED = """
from pathlib import Path
import numpy as np
import qml_dynamics as qd
from qml_dynamics.cli.diffuse import Fit, forward_program, read_statement
from qml_dynamics.model.hamiltonians import hamiltonian
from qml_dynamics.synthesis.qasm_compare import differences

X = np.linspace(-3, 3, 997)
BOWL = qd.Problem(qd.Grid((-3, 3), 5), lambda w: w[:, 0] ** 2 + w[:, 0], 0.5, clock="imaginary", duration=1.0)

def energy():
    return hamiltonian(BOWL).ground_state()[0]

def program():
    return forward_program(Fit(read_statement(Path("circuits/diffusion/petal.toml"), method="blocks")))[0]

def chaos():
    x = 0.5 * energy()
    for _ in range(200):
        x = 3.99 * x * (1 - x)
    return x

def test_bytes_of_tanh():
    assert np.tanh(X).tobytes().hex() == TANH

def test_bytes_of_a_program_of_the_gallery():
    assert program() == PROGRAM

def test_last_digit_of_an_energy():
    assert energy() == ENERGY

def test_outcome_of_a_chaotic_run():
    assert abs(chaos() - CHAOS) < 1e-6

def test_angles_to_a_tolerance():
    assert differences(PROGRAM, program(), tolerance=1e-8) == []

def test_equal_input_gives_equal_output():
    assert energy() == energy()
    assert program() == program()
"""
GOLDEN = """
for name, value in dict(TANH=np.tanh(X).tobytes().hex(), PROGRAM=program(), ENERGY=float(energy()), CHAOS=float(chaos())).items():
    print(name, "=", repr(value))
"""


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test file whose golden values are those of this machine's native setting."""
    child = [sys.executable, "-c", PLANTED + GOLDEN]
    golden = subprocess.run(child, cwd=ROOT, env=NATIVE.environment(), capture_output=True, text=True, check=True)
    out = tmp_path_factory.mktemp("planted") / "test_planted.py"
    out.write_text(golden.stdout + PLANTED)
    return out


STABLE = {"test_angles_to_a_tolerance", "test_equal_input_gives_equal_output"}
OF_THE_LIBRARY = {
    "test_bytes_of_a_program_of_the_gallery",
    "test_last_digit_of_an_energy",
    "test_outcome_of_a_chaotic_run",
}


def test_the_noise_catches_what_hangs_on_the_last_bit_of_the_library(
    planted: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """And nothing else: a tolerance and a repetition hold. Not all seams are passed, which fails the session only if it is asked to."""
    found = execute(Run(NATIVE, 3, SIZE), [str(planted)], 1)
    assert {name.rpartition("::")[2] for name in found.failed} == OF_THE_LIBRARY
    assert (found.status, found.passed) == (1, 6 - len(OF_THE_LIBRARY))  # with the bytes of tanh, which NumPy computes
    stable = [f"{planted}::{name}" for name in sorted(STABLE)]
    capfd.readouterr()
    asked = execute(Run(NATIVE, 3, SIZE, every=True), stable, 1)
    assert (asked.status, asked.passed, asked.failed) == (1, len(STABLE), ())
    unused = re.search("FAILED: no call of (.*)", capfd.readouterr().out)
    assert unused is not None
    assert "tangent:Engine.geometry" in unused[1]
    assert "linalg:eigh," not in unused[1]


def driver(*arguments: str) -> tuple[int, str]:
    """Exit status and last lines of the driver, as `make test-portable` calls it."""
    child = [sys.executable, "-m", "tests.portable", "--workers", "1", *arguments]
    done = subprocess.run(child, cwd=ROOT, env=NATIVE.environment(), capture_output=True, text=True)
    return done.returncode, done.stdout.rpartition("===")[2]


@pytest.mark.slow
def test_the_driver_catches_and_attributes_planted_faults(planted: Path) -> None:
    """Bytes that NumPy computes hang on its setting alone, where no noise reaches; those of the library's results on the noise too."""
    chosen = ["--only", "NumPy without"] if settings.X86 else ["--noise-only"]  # elsewhere no kernel can be chosen
    status, said = driver(str(planted), *chosen)
    why = dict(re.findall(r"^    \S*::(\w+): (.*)$", said, re.MULTILINE))
    assert status == 1
    assert why.keys() - {"test_bytes_of_tanh"} == OF_THE_LIBRARY
    assert all(re.search("noise alone|either alone", why[name]) for name in OF_THE_LIBRARY)
    if settings.X86:
        assert why["test_bytes_of_tanh"].startswith("by the setting alone (NumPy without")
    status, said = driver(*(f"{planted}::{name}" for name in sorted(STABLE)), "--one")
    assert status == 0
    assert len(re.findall(f"^passed .*: {len(STABLE)} passed, 0 failed", said, re.MULTILINE)) == 1


def test_the_native_setting_is_what_the_machine_chooses() -> None:
    found = probe(NATIVE)
    assert not found.reason
    assert found.facts["digests"] == probe(NATIVE).facts["digests"]  # else differing digests would prove nothing
    assert set(found.facts["digests"]) == {"gemm", "eigh", "tanh", "exp", "phase", "complex"}


def facts(digest: str, kernel: str = "Haswell", threads: int = 1) -> dict[str, Any]:
    return {"digests": {"gemm": digest}, "kernels": [kernel], "threads": [threads]}


def of(kind: str, name: str, *found: Any, reason: str = "", **variables: str) -> Probed:
    return Probed(Setting(name, variables, kind), facts(*found) if found else {}, reason)


def test_settings_without_effect_are_named() -> None:
    ill = "the processor lacks it: signal 4"
    judged = judge(
        [
            of("native", "native", "a"),
            of("kernel", "SkylakeX", reason=ill),
            of("kernel", "Zen", "a"),
            of("kernel", "Sandybridge", "b", "Sandybridge"),
            of("numpy", "NumPy without X86_V4", "a"),
            of("numpy", "NumPy without X86_V3", "c", V="X86_V3"),
            of("threads", "two BLAS threads", "a", "Haswell", 2),
            of("threads", "three BLAS threads", "a", "Haswell", 1),
        ]
    )
    assert [one.reason for one in judged] == [
        "",
        ill,
        "OpenBLAS runs Haswell, as in 'native'",
        "",
        "it rounds as in 'native'",
        "",
        "",
        "BLAS runs [1] threads",
    ]
    other = other_processor(judged)
    assert other is not None
    assert other.name == "Sandybridge, NumPy without X86_V3"
    assert other.variables == {"V": "X86_V3"}
    assert other_processor(judged[:3]) is None


KINDS = ("kernel", "kernel", "kernel", "kernel", "numpy", "numpy", "libm", "threads")
MANY = [of("native", "native", "a"), *(of(kind, f"{kind} {i}", str(i)) for i, kind in enumerate(KINDS))]


def planned(probed: list[Probed], **asked: Any) -> list[tuple[str, int | None]]:
    """Setting and seed of each run, with the options that were not asked for as they are."""
    options = {"one": False, "noise_only": False, "only": None, "seeds": [1, 2, 3, 4, 5], "size": SIZE, "paths": []}
    runs = plan(argparse.Namespace(**options | asked), probed)
    assert {run.every for run in runs} == {not asked.get("paths")}  # each seam, wherever all numerical tests run
    assert {run.size for run in runs} == {asked.get("size", SIZE)}
    return [(run.setting.name, run.seed) for run in runs]


def test_all_settings_and_all_seeds_occur_and_the_kernel_of_this_machine() -> None:
    runs = planned(MANY)
    assert [name for name, _ in runs] == [one.setting.name for one in MANY[1:]]
    assert [seed for _, seed in runs] == [1, 2, 3, 4, 5, 1, 2, 3]
    assert {one.setting.kind for one in MANY[5:]} == {"numpy", "libm", "threads"}  # with the kernel of this machine
    assert planned(MANY, seeds=[23], size=1e-13) == [(one.setting.name, 23) for one in MANY[1:]]
    left = planned(MANY, seeds=list(range(10)))
    assert left[8:] == [("native", 8), ("native", 9)]
    assert planned(MANY[:3]) == [("native", 1), ("kernel 0", 2), ("kernel 1", 3), ("native", 4), ("native", 5)]
    assert planned([*MANY[:2], of("numpy", "absent", reason="it is not there")])[:2] == [("native", 1), ("kernel 0", 2)]
    assert planned([MANY[0], MANY[8]], seeds=[1, 2]) == [("threads 7", 1), ("native", 2)]  # no x86-64


def test_options_choose_among_the_settings() -> None:
    assert planned(MANY, one=True, seeds=[4, 5]) == [("kernel 0, numpy 4", 4)]
    assert planned(MANY[:1], one=True) == [("native", 1)]
    assert planned(MANY, noise_only=True, seeds=[11, 12]) == [("native", 11), ("native", 12)]
    assert planned(MANY, only=["libm", "numpy"], paths=["tests/order"]) == [
        ("numpy 4", 5),
        ("numpy 5", 1),
        ("libm 6", 2),
    ]


def test_a_failure_is_that_of_the_setting_or_of_the_noise() -> None:
    """Each test below fails in the runs that its name lists, and is run again until the reason is known, no further."""
    run, asked = Run(Setting("odd", {}, "kernel"), 3, 1e-13, every=True), []
    where = {(NATIVE.name, None): "n", ("odd", None): "s", (NATIVE.name, 3): "p", ("odd", 3): "b"}

    def again(other: Run, names: Iterable[str]) -> list[str]:
        assert not other.every  # a few tests do not pass all seams
        asked.append((where[other.setting.name, other.seed], "".join(sorted(names))))
        return [name for name in names if where[other.setting.name, other.seed] in name]

    setting, noise = "the setting alone (odd)", "the noise alone (1e-13, seed 3)"
    assert attribute(run, ["nspb", "sb", "pb", "spb", "b", "-"], again) == {
        "nspb": "fails on this machine as it is, without setting and noise",
        "sb": f"by {setting}",
        "pb": f"by {noise}",
        "spb": "by either alone, the setting (odd) and the noise (1e-13, seed 3)",
        "b": "only by setting and noise together",
        "-": "not when it is run again (or it could not be: see above)",
    }
    assert asked == [("n", "-bnspbpbsbspb"), ("s", "-bpbsbspb"), ("p", "-bpbsbspb"), ("b", "-b")]
    asked.clear()
    assert attribute(replace(run, setting=NATIVE), ["np", "p"], again)["p"] == f"by {noise}"
    assert asked == [("n", "npp"), ("p", "p")]
    asked.clear()
    assert "as it is" in attribute(run, ["n"], again)["n"]
    assert asked == [("n", "n")]  # nothing is left to ask


def test_too_few_digests_fail(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.portable.__main__.X86", True)
    probed = [of("kernel", str(i), str(i), str(i)) for i in range(4)]
    assert show(probed)
    assert not show([*probed[:3], of("kernel", "Zen", "2", "4"), of("kernel", "Cooperlake", reason="it is not there")])
    printed = capsys.readouterr().out
    assert "Cooperlake: - -- NOT RUN: it is not there" in printed
    monkeypatch.setattr("tests.portable.__main__.X86", False)
    assert show(probed[:1])
    assert "Not an x86-64 processor" in capsys.readouterr().out


def test_noise_is_of_the_size_asked_and_a_function_of_the_bytes() -> None:
    rng = np.random.default_rng(0)
    wave = rng.standard_normal(4000) + 1j * rng.standard_normal(4000)
    moved = Noise(1, 1e-9).on(wave) / wave - 1
    for part in (moved.real, moved.imag):
        assert 0.9e-9 < np.abs(part).max() < 1.1e-9
        assert np.std(part) == pytest.approx(1e-9 / np.sqrt(3), rel=0.1)
    np.testing.assert_array_equal(Noise(1, 1e-9).on(wave.copy()), Noise(1, 1e-9).on(wave))
    assert np.all(Noise(2, 1e-9).on(wave) != Noise(1, 1e-9).on(wave))
    assert Noise(1).on(wave.real).dtype == float
    assert not Noise(1).on(np.zeros(3)).any()  # relative
    counts = np.arange(3)
    assert Noise(1).on(counts) is counts


def test_a_seam_that_is_no_longer_there_is_an_error() -> None:
    with pytest.raises(AttributeError, match="sideways"):
        wrap(Noise(1), "qml_dynamics.model.transforms:Transform.sideways", lambda noise, args, result: result)
    assert set(SEAMS) == {
        "transforms forward",
        "transforms inverse",
        "diagonal phases",
        "metric and force",
        "eigenpairs",
    }


def test_no_assertion_is_finer_than_the_noise() -> None:
    """Noise of 1e-13 is asked for too (`--size 1e-13`): an absolute tolerance below 1e-12 holds there by chance only."""
    fine = re.compile(
        r"(assert .*|approx\(.*|assert_allclose\(.*)\b(atol|abs)=\d(\.\d+)?e-(1[3-9]|[2-9]\d)\b|assert .*< \d(\.\d+)?e-1[3-9]$"
    )
    files = [file for path in PATHS for file in sorted((ROOT / path).rglob("test_*.py"))]
    assert len(files) > 50  # they are looked at
    found = [
        f"{file.relative_to(ROOT)}:{n}"
        for file in files
        for n, line in enumerate(file.read_text().splitlines(), 1)
        if fine.search(line)
    ]
    assert not found
