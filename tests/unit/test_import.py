"""Importing the library loads NumPy and nothing heavier, and takes little time beyond it."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

import qml_dynamics as qd
from qml_dynamics.base.registry import METHODS

HEAVY = ("scipy", "qiskit", "qiskit_aer", "pennylane", "matplotlib", "pydantic", "typer", "rich", "qiskit_ibm_runtime")

COMMANDS = ("animate", "anneal", "descend", "diffuse", "grow", "jobs", "options", "run", "show")


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_import_loads_no_vendor_and_is_fast() -> None:
    """Beyond NumPy it loads the door of the package alone: how long that takes is the time of three small modules."""
    code = """
import sys, numpy
before = set(sys.modules)
import qml_dynamics
print(sorted(name for name in set(sys.modules) - before if name.split(".")[0] not in sys.stdlib_module_names))
"""
    assert run(code) == str(
        ["qml_dynamics", "qml_dynamics.base", "qml_dynamics.base.lazy", "qml_dynamics.base.renamed"]
    )


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


@pytest.fixture(scope="module")
def loaded_by_methods() -> dict[str, list[str]]:
    """The packages that each method brings into a process when it is named, one name after the other."""
    code = f"""
import sys, qml_dynamics as qd
found = {{}}
for name in {[place.partition(":")[2] for place in METHODS.values()]!r}:
    before = set(sys.modules)
    assert isinstance(getattr(qd, name), type)
    found[name] = [heavy for heavy in {HEAVY!r} if heavy in set(sys.modules) - before]
print(found)
"""
    return dict(ast.literal_eval(run(code)))


@pytest.mark.parametrize("place", METHODS.values(), ids=list(METHODS))
def test_naming_a_method_loads_no_vendor(place: str, loaded_by_methods: dict[str, list[str]]) -> None:
    """A class of options is looked at long before a circuit is built."""
    assert loaded_by_methods[place.partition(":")[2]] == []


def test_the_module_of_a_method_is_the_one_that_was_named() -> None:
    """What the test above reads are the classes of the table."""
    assert all(
        getattr(qd, place.partition(":")[2]).__module__.startswith("qml_dynamics.methods.")
        for place in METHODS.values()
    )


def test_the_help_of_the_command_line_loads_no_vendor_and_no_numpy() -> None:
    code = f"""
import sys
from qml_dynamics.cli import main
try:
    main(["--help"])
except SystemExit as end:
    assert not end.code
print([name for name in (*{HEAVY!r}, "numpy") if name in sys.modules])
"""
    lines = run(code).splitlines()
    assert any("Usage" in line for line in lines)
    assert set(ast.literal_eval(lines[-1])) <= {"typer", "rich"}


def test_commands_load_no_circuits_before_they_build_one() -> None:
    """All but `gibbs`, whose every answer is a circuit."""
    code = f"""
import sys
from qml_dynamics import cli
for name in {COMMANDS!r}:
    getattr(cli, name)
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    assert set(ast.literal_eval(run(code))) <= {"typer", "rich", "pydantic"}


def test_a_door_loads_its_modules_when_they_are_read() -> None:
    code = """
import sys
from qml_dynamics import synthesis
print("qml_dynamics.synthesis.trotter" in sys.modules, "qiskit" in sys.modules)
print(callable(synthesis.trotter.program), "qiskit" in sys.modules, "trotter" in dir(synthesis))
try:
    synthesis.nothing
except AttributeError as error:
    print("nothing" in str(error))
"""
    assert run(code).split() == ["False", "False", "True", "True", "True", "True"]
