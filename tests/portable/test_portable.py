"""The driver itself: planted assertions on the last bit are caught, and a setting without effect is named."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.portable import settings
from tests.portable.__main__ import command, noise, show
from tests.portable.perturb import SEAMS, Noise, wrap
from tests.portable.settings import NATIVE, ROOT, Probed, Setting, judge, other_processor, probe

PLANTED = """
import math
import numpy as np
import qml_dynamics as qd
from qml_dynamics.model.hamiltonians import hamiltonian
from qml_dynamics.model.transforms import walsh_coefficients

X = np.linspace(-3, 3, 997)
BOWL = qd.Problem(qd.Grid((-3, 3), 5), lambda w: w[:, 0] ** 2 + w[:, 0], 0.5, clock="imaginary", duration=1.0)

def energy():
    return hamiltonian(BOWL).ground_state()[0]

def angles():
    return "\\n".join(f"rz({a:.16g}) q;" for a in walsh_coefficients(np.tanh(X[:64])))

def chaos():
    x = 0.5 * energy()
    for _ in range(200):
        x = 3.99 * x * (1 - x)
    return x

def test_bytes_of_tanh():
    assert np.tanh(X).tobytes().hex() == TANH

def test_bytes_of_angles():
    assert angles() == ANGLES

def test_last_digit_of_an_energy():
    assert energy() == ENERGY

def test_outcome_of_a_chaotic_run():
    assert abs(chaos() - CHAOS) < 1e-6

def test_angles_to_a_tolerance():
    found, kept = ([float(v) for v in s.replace("rz(", "").replace(") q;", "").split()] for s in (angles(), ANGLES))
    assert max(abs(a - b) for a, b in zip(found, kept)) < 1e-9

def test_equal_input_gives_equal_output():
    assert energy() == energy()
    assert angles() == angles()
"""
GOLDEN = """
for name, value in dict(TANH=np.tanh(X).tobytes().hex(), ANGLES=angles(), ENERGY=float(energy()), CHAOS=float(chaos())).items():
    print(name, "=", repr(value))
"""


def outcomes(path: Path, setting: Setting, options: list[str]) -> tuple[dict[str, bool], str]:
    """Which tests of a file pass under the driver's own command, and what it printed."""
    child = subprocess.run(
        [*command([str(path)], 1, options), "-rA"],
        cwd=ROOT,
        env=setting.environment(),
        capture_output=True,
        text=True,
    )
    found = re.findall(r"^(PASSED|FAILED) \S*::(\w+)", child.stdout, re.MULTILINE)
    assert found, child.stdout + child.stderr
    return {name: verdict == "PASSED" for verdict, name in found}, f"{child.stdout}\nexit status {child.returncode}"


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test file whose golden values are those of this machine's native setting."""
    child = [sys.executable, "-c", PLANTED + GOLDEN]
    golden = subprocess.run(child, cwd=ROOT, env=NATIVE.environment(), capture_output=True, text=True, check=True)
    out = tmp_path_factory.mktemp("planted") / "test_planted.py"
    out.write_text(golden.stdout + PLANTED)
    return out


STABLE = {"test_angles_to_a_tolerance", "test_equal_input_gives_equal_output"}
OF_THE_LIBRARY = {"test_bytes_of_angles", "test_last_digit_of_an_energy", "test_outcome_of_a_chaotic_run"}


def test_the_noise_catches_what_hangs_on_the_last_bit_of_the_library(planted: Path) -> None:
    """And nothing else: a tolerance and a repetition hold. Not all seams are passed, which alone fails the session."""
    verdicts, printed = outcomes(planted, NATIVE, noise(3))
    assert {name for name, passed in verdicts.items() if not passed} == OF_THE_LIBRARY
    assert all(verdicts[name] for name in STABLE)
    unused = re.search("FAILED: no call of (.*)", printed)
    assert unused is not None
    assert "tangent:Engine.geometry" in unused[1]
    assert "linalg:eigh," not in unused[1]
    verdicts, printed = outcomes(planted, NATIVE, [*noise(3), "-k", "tolerance or equal"])
    assert all(verdicts.values())
    assert "exit status 1" in printed


@pytest.mark.slow
def test_the_kernels_catch_the_bytes_of_a_function_of_numpy(planted: Path) -> None:
    """Noise cannot: it is added to the library's own results."""
    assert all(outcomes(planted, NATIVE, [])[0].values())
    caught: set[str] = set()
    for one in settings.survey()[1:]:
        if not one.reason:
            verdicts = outcomes(planted, one.setting, [])[0]
            assert all(verdicts[name] for name in STABLE)
            caught |= {name for name, passed in verdicts.items() if not passed}
    if settings.X86:  # elsewhere no kernel can be chosen, and only what must hold is seen to hold
        assert caught >= {"test_bytes_of_tanh", *OF_THE_LIBRARY}


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
