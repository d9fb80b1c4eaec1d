"""Importing the library loads NumPy and nothing heavier, and takes little time beyond it."""

from __future__ import annotations

import subprocess
import sys

import qml_dynamics as qd

HEAVY = ("scipy", "qiskit", "qiskit_aer", "pennylane", "matplotlib", "pydantic", "typer", "rich", "qiskit_ibm_runtime")


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_import_loads_no_vendor_and_is_fast() -> None:
    """In processor time, which neighbours on the machine hardly change: 0.04 s, so that 1 s is that of another kind of import."""
    code = f"""
import sys, time, numpy
start = time.process_time()
import qml_dynamics
seconds = time.process_time() - start
print(seconds, [name for name in {HEAVY!r} if name in sys.modules])
"""
    seconds, loaded = run(code).split(maxsplit=1)
    assert loaded == "[]"
    assert float(seconds) < 1.0


def test_stating_a_problem_loads_no_vendor() -> None:
    code = f"""
import sys, qml_dynamics as qd
qd.Problem(qd.Grid((-1, 1), 3), qd.objectives.double_well(), qd.QHD().diffusion, clock="real", duration=1.0)
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    assert run(code) == "[]"


def test_names_stay_functions_whatever_is_imported_first() -> None:
    code = """
import qml_dynamics.validation.budget, qml_dynamics.validation.resources
import qml_dynamics as qd
print(callable(qd.evolve), callable(qd.compare), callable(qd.cost), callable(qd.hamiltonian))
"""
    assert run(code) == "True True True True"


def test_every_public_name_resolves() -> None:
    for name in qd.__all__:
        assert getattr(qd, name) is not None
    assert "evolve" in dir(qd)
