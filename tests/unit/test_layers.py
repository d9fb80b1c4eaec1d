"""The twelve rooms of the package and which way their imports go: read from the source, function-level imports included."""

from __future__ import annotations

import ast
import gc
import graphlib
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import qml_dynamics
from tools.sources import tree_of

ROOT = Path(qml_dynamics.__file__).parent
PACKAGE = ROOT.name

# Each room may import those before it, and itself.
ROOMS = [
    *("base", "model", "results", "synthesis", "backends", "methods", "validation"),
    *("learning", "runs", "plotting", "cli", "conformance"),
]
FACES = {"sklearn", "compat"}  # at the root: they may import every room, and no room imports them
BESIDE = {"__init__.py", "py.typed", "sklearn", "compat"}  # what else may stand at the root

QISKIT_ROOMS = (
    "synthesis/",
    "backends/",
    "methods/variational/ansatz",
    "methods/variational/measured",
    "learning/training",
    "conformance/",
    "compat/",
)
ONE_FILE_EACH = {
    "qiskit_aer": "backends/aer.py",
    "qiskit_ibm_runtime": "backends/ibm/runtime.py",
    "pennylane": "backends/pennylane.py",
    "torch": "learning/growth/state_dicts.py",
    "safetensors": "learning/growth/state_dicts.py",
    "sklearn": "learning/growth/scikit.py",
    "h5py": "runs/problem_file/operator_file.py",
    "pandas": "model/tables/parquet.py",
    "pyarrow": "model/tables/parquet.py",
    "xarray": "runs/foreign_tables.py",
    "qiskit_algorithms": "compat/time_evolution.py",
    "qiskit_optimization": "compat/quadratic.py",
}
ALSO = {
    "pennylane": {
        "methods/variational/ansatz/pennylane.py",  # reads a person's QNode into an ansatz, and runs nothing
        "compat/qng.py",  # the face, whose optimiser is one of PennyLane's
    },
    "sklearn": {
        f"sklearn/{name}.py" for name in ("__init__", "density", "estimators")
    },  # the face, which nothing of the package imports
}
FACE = {"matplotlib": "plotting", "typer": "cli", "pydantic": "runs/problem_file"}

BY_NAME = {"need", "import_module", "__import__"}  # calls that import what they are given by name
# Where such a call may have a name that is not written there: the lazy names of the package itself, its old names, the door
# to optional packages (its callers write the name), and a person's own module in a problem file.
FREE_NAMES = {
    "base/lazy.py",
    "base/registry.py",
    "base/renamed.py",
    "learning/growth/loaders.py",
    "runs/problem_file/objective.py",
}


def modules() -> dict[str, Path]:
    """Dotted names below the package, its own `__init__` as an empty name."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


@cache
def imports(path: Path, typing_too: bool = True, eager: bool = False) -> list[tuple[int, str, list[str]]]:
    """``(level, module, names)`` of every import statement anywhere in a file; ``eager``: of those that run when it is loaded."""
    return list(_imports(tree_of(path), typing_too and not eager, eager))


def _imports(tree: ast.Module, typing_too: bool, eager: bool) -> Iterator[tuple[int, str, list[str]]]:
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if eager and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if is_type_checking(node) and not typing_too:
            pending.extend(node.orelse)  # type: ignore[attr-defined]
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield 0, alias.name, []
        elif isinstance(node, ast.ImportFrom):
            yield node.level, node.module or "", [alias.name for alias in node.names]
        pending.extend(ast.iter_child_nodes(node))


def own(name: str, typing_too: bool = True, eager: bool = False) -> set[str]:
    """The modules of the package that one of its modules imports."""
    return set().union(*(targets(name, *stated) for stated in imports(MODULES[name], typing_too, eager)))


def targets(name: str, level: int, module: str, names: list[str]) -> set[str]:
    """The modules of the package that an import statement in one of its modules means."""
    package = name.split(".") if MODULES[name].name == "__init__.py" else name.split(".")[:-1]
    package = [part for part in package if part]
    if level:
        above = package[: len(package) - level + 1]
        base = ".".join([*above, *filter(None, [module])])
    elif module.split(".")[0] == PACKAGE:
        base = module.partition(".")[2]
    else:
        return set()
    inner = {f"{base}.{n}" if base else n for n in names}
    return ((inner & set(MODULES)) or {base}) - {""}


def late(name: str) -> dict[str, tuple[set[str], bool]]:
    """Imports of the package inside functions: where and what -> the modules meant, and whether a comment says why."""
    path, found = MODULES[name], {}
    lines = path.read_text(encoding="utf-8").splitlines()
    functions = [n for n in ast.walk(tree_of(path)) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    for node in {inner for function in functions for inner in ast.walk(function)}:
        stated = []
        if isinstance(node, ast.ImportFrom):
            stated = [(node.level, node.module or "", [alias.name for alias in node.names])]
        elif isinstance(node, ast.Import):
            stated = [(0, alias.name, []) for alias in node.names]
        meant = set().union(*(targets(name, *each) for each in stated))
        if meant:
            around = lines[max(0, node.lineno - 2) : node.end_lineno]
            where = f"{path.relative_to(ROOT).as_posix()}:{node.lineno}: {ast.unparse(node)}"
            found[where] = meant, any("#" in line for line in around)
    return found


def loads(name: str) -> set[str]:
    """The packages beyond NumPy and the standard library that a module brings when it is imported, by what it imports in turn."""
    seen, pending, found = set(), [name], set()
    while pending:
        module = pending.pop()
        if module in seen or module not in MODULES:
            continue
        seen.add(module)
        found |= {other.split(".")[0] for level, other, _ in imports(MODULES[module], eager=True) if not level}
        pending += [*own(module, eager=True), *filter(None, [module.rpartition(".")[0]])]
    return found - set(sys.stdlib_module_names) - {"__future__", "numpy", PACKAGE}


def vendors(path: Path) -> set[str]:
    """Top-level packages that are imported when the code runs, by a statement or by name: ``need("torch")``."""
    stated = {module for level, module, _ in imports(path, typing_too=False) if not level}
    return {module.split(".")[0] for module in stated | {name for name in by_name(path) if name}}


@cache
def by_name(path: Path) -> tuple[str, ...]:
    """Names in calls that import by name; an empty one where the name is not written there.

    Extras of the package (``need("ibm", ...)`` of the backends) are no modules, and are looked for, not imported.
    """
    found = []
    for node in ast.walk(tree_of(path)):
        called = ast.unparse(node.func).split(".")[-1] if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.Call) and called in BY_NAME and (called != "need" or len(node.args) == 1):
            name = node.args[0].value if isinstance(node.args[0], ast.Constant) else ""
            found.append(str(name))
    return tuple(found)


def room(name: str) -> str:
    return name.split(".")[0]


def above(name: str) -> set[tuple[str, str]]:
    """``(module, room)`` for every import of a module that runs up the list of rooms, or to the root."""
    place = len(ROOMS) if room(name) in FACES else ROOMS.index(room(name))
    others = {room(other) for other in own(name)} - ({room(name)} if room(name) in FACES else set())
    return {(name, other) for other in others if other not in ROOMS or ROOMS.index(other) > place}


def test_the_root_holds_the_rooms_and_nothing_else():
    """A newcomer sees twelve rooms."""
    found = {path.name for path in ROOT.iterdir() if path.name != "__pycache__"}
    assert found <= {*ROOMS, *BESIDE}
    assert len(found) <= 16


def test_imports_go_downward():
    """From a room only to itself and to rooms that stand before it, function-level imports included."""
    assert len(MODULES) > 400
    assert set().union(*(above(name) for name in MODULES if name)) == set()


def test_modules_form_no_circle():
    """Inside the rooms too, by the imports that run when a module is loaded: a class of options loads what runs it when it runs.

    A package's `__init__` is its front door: what it imports from inside is no circle.
    """
    doors = {name for name, path in MODULES.items() if path.name == "__init__.py"}
    graph = {name: own(name, eager=True) for name in MODULES if name not in doors}
    for name in graph:
        graph[name] = {other for other in graph[name] if other not in doors}
    order = list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError
    assert order.index("model.domains") < order.index("model.hamiltonians") < order.index("methods.split_step")
    assert len(order) > 30


def test_imports_stand_at_the_top():
    """An import of the package inside a function is for what loads a vendor's package, which no door of a room can put off.

    Elsewhere modules write ``from .. import synthesis`` at the top and read ``synthesis.trotter`` when they build a circuit.
    """
    found = {where: rest for name in MODULES for where, rest in late(name).items()}
    listed = "\n".join(sorted(found))
    assert 0 < len(found) <= 60, f"{len(found)} imports of the package inside functions, at most 60:\n{listed}"
    needless = [
        where for where, (meant, reason) in found.items() if not reason and not any(loads(name) for name in meant)
    ]
    assert not needless, "these load no vendor's package and give no reason in a comment:\n" + "\n".join(needless)


def test_the_reader_of_doors_sees_rooms_and_what_modules_load():
    """A door of a room counts as the room for the order, and loads nothing; the modules behind it do."""
    assert "synthesis" in own("methods.trotter", eager=True)
    assert not loads("methods.trotter")
    assert "qiskit" in loads("synthesis.trotter")
    assert loads("backends.aer") >= {"qiskit", "qiskit_aer"}


def test_only_the_circuit_rooms_import_qiskit():
    """At run time: annotations of circuits are free."""
    users = {path.relative_to(ROOT).as_posix() for path in MODULES.values() if "qiskit" in vendors(path)}
    assert any(user.startswith("synthesis/") for user in users)
    wrong = {user for user in users if not user.startswith(QISKIT_ROOMS)}
    assert not wrong, f"only {QISKIT_ROOMS} may import qiskit, but {sorted(wrong)} do"


@pytest.mark.parametrize("vendor", list(ONE_FILE_EACH))
def test_each_vendor_is_imported_in_one_file(vendor):
    """So that a change of a vendor is a change of a file."""
    users = {path.relative_to(ROOT).as_posix() for path in MODULES.values() if vendor in vendors(path)}
    assert users - ALSO.get(vendor, set()) == {ONE_FILE_EACH[vendor]}


def test_no_import_by_a_name_that_is_not_written():
    """Otherwise the checks of the vendors would not see it."""
    users = {path.relative_to(ROOT).as_posix() for path in MODULES.values() if "" in by_name(path)}
    assert users == FREE_NAMES


@pytest.mark.parametrize("package", list(FACE))
def test_the_face_keeps_its_packages_to_itself(package):
    """Plots, command line and schema are imported in their own room only."""
    users = {path.relative_to(ROOT).as_posix() for path in MODULES.values() if package in vendors(path)}
    assert users
    assert all(user.startswith(f"{FACE[package]}/") for user in users)


def test_the_core_is_numpy_and_scipy_only():
    """Nothing below the circuits imports anything else, and SciPy only inside functions."""
    core = ROOMS[: ROOMS.index("synthesis")]
    standard = {"numpy", "scipy", "__future__"}
    for name, path in MODULES.items():
        if room(name) in core and name not in ("base.progress", "model.tables.parquet"):
            assert vendors(path) <= standard | set(sys.stdlib_module_names), name
            top = [n for n in tree_of(path).body if isinstance(n, (ast.Import, ast.ImportFrom))]
            assert not any("scipy" in ast.unparse(n) for n in top), f"{name} loads SciPy when it is imported"


def test_the_reader_of_this_test_sees_imports_inside_functions(tmp_path):
    """The checks above would notice them."""
    file = tmp_path / "x.py"
    file.write_text("def f():\n    from qiskit import QuantumCircuit\n\nif TYPE_CHECKING:\n    import pennylane\n")
    assert vendors(file) == {"qiskit"}
    other = tmp_path / "y.py"
    other.write_text("def f():\n    need('torch.nn').load()\n    importlib.import_module('sklearn')\n    need(name)\n")
    assert vendors(other) == {"torch", "sklearn"}
    assert "" in by_name(other)
    assert {module for _, module, _ in imports(file)} == {"qiskit", "pennylane"}


def test_a_tree_is_read_once_and_garbage_is_collected_afterwards(tmp_path):
    """Where it was on, as it is while tests run; where it was off, it stays off."""
    file = tmp_path / "z.py"
    file.write_text("x = 1\n")
    (tmp_path / "y.py").write_text("y = 2\n")
    assert gc.isenabled()
    tree = tree_of(file)
    assert gc.isenabled()
    assert ast.unparse(tree) == "x = 1"
    file.write_text("x = \n")
    assert tree_of(file) is tree
    broken = tmp_path / "broken.py"
    broken.write_text("x = \n")
    with pytest.raises(SyntaxError):
        tree_of(broken)
    assert gc.isenabled()
    gc.disable()
    try:
        tree_of(tmp_path / "y.py")
        assert not gc.isenabled()
    finally:
        gc.enable()
