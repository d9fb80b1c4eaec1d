"""What a backend can do and what a method is are asked in one place each: read from the source of the package."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from qml_dynamics.backends import Capabilities
from qml_dynamics.backends.base import ATTRIBUTES, VERBS
from qml_dynamics.base.registry import METHODS
from tools.sources import tree_of

from .test_layers import MODULES, PACKAGE, ROOT

BACKEND, METHOD = re.compile(r"(^|_)(backend|device)$"), re.compile(r"(^|_)method$")
TESTS = Path(__file__).parents[1]
PROBES = {"getattr", "hasattr", "getattr_static"}
KINDS = {"isinstance", "issubclass"}
PROTOCOLS = {"Backend", "MidwayBackend", "EstimatingBackend", "JobBackend"}
CLASSES = {place.partition(":")[2] for place in METHODS.values()}
# What says of a backend what it can do; `options`, `seconds` and `reason` are names of other things too.
CAPABILITIES = (
    {ATTRIBUTES.get(f.name, f.name) for f in fields(Capabilities)}
    | {f.name for f in fields(Capabilities)}
    | {verb for verbs in VERBS.values() for verb in verbs}
) - {"options", "keywords", "local", "exact", "status", "reason", "usage"}

# Reads of a backend: the one reader, what tells our backends from a vendor's objects, and the conformance test.
READERS = {
    "backends/base.py",
    "backends/__init__.py",
    "backends/conformance/contract.py",
}
# Files of `backends/` that ask an object what it is, and why. Ours say what they can do in one object; a vendor's do not.
ASKS = {
    "backends/__init__.py": "a name, a backend of ours, or an object of a vendor is given",
    "backends/base.py": "the one reader of what a backend states",
    "backends/conformance/contract.py": "compares what a stranger's backend states with what it has",
    "backends/device/report.py": "a Target or BackendV2 of Qiskit, or a backend of ours that stands on one",
    "backends/ibm/device.py": "the device of IBM's client, whose versions differ in members",
    "backends/ibm/runtime.py": "the devices of IBM's client: real ones, fake ones, Aer",
    "backends/cache.py": "its own wrapper is not wrapped twice",
    "backends/pennylane.py": "a device of PennyLane, whose versions differ in members",
    "backends/qiskit_backend.py": "an object of Qiskit",
    "backends/wrapper.py": "its own wrapper is not wrapped twice",
}
# The codec: a method as plain data, field by field.
CODEC = {"base/codec.py"}
# Inside their room: methods that take one of several others, each with circuits and work of its own, as an option.
KNOW_A_METHOD = {
    "methods/bridge/schrodinger_bridge.py": "refuses a bridge inside a bridge",
    "methods/growing/grown_circuits.py": "grows the numbers of a split-operator, product-formula or variational method",
    "methods/growing/levels.py": "likewise",
    "methods/growing/method.py": "likewise",
    "methods/growing/run.py": "likewise",
    "methods/imaginary/steps.py": "one protocol, the members of a post-selected method, whoever has them",
    "methods/randomised.py": "qDRIFT and random orders draw other factors for the same run",
    "methods/reference.py": "the reference of a bridge is a bridge",
    "methods/trotter.py": "a formula of the form that is chosen",
    "methods/variational/run.py": "a growing ansatz hands over what it has inside",
}
# Words that are names of methods and of other things: of the spectrum of a small model, of what a run did, of old modules.
OTHER_WORDS = {"base/renamed.py", "cli/gibbs.py", "conformance/stored.py", "runs/gallery.py", "methods/job.py"}


def last(node: ast.AST) -> str:
    """The last name of ``a.b.name``."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def called(node: ast.AST, names: set[str]) -> list[ast.expr]:
    """The arguments of a call of one of these functions."""
    return node.args if isinstance(node, ast.Call) and last(node.func) in names else []


def literal(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def inside(node: ast.AST) -> set[str]:
    return {last(n) for n in ast.walk(node)} - {""}


def probes_of_backends(tree: ast.AST) -> Iterator[str]:
    """``getattr(job.backend, ...)``, ``hasattr(anything, "sample_midway")``, ``isinstance(anything, JobBackend)``."""
    for node in ast.walk(tree):
        given = called(node, PROBES)
        if given and (BACKEND.search(last(given[0])) or (len(given) > 1 and literal(given[1]) in CAPABILITIES)):
            yield ast.unparse(node)
        given = called(node, KINDS)
        if given and (BACKEND.search(last(given[0])) or inside(given[1]) & PROTOCOLS):
            yield ast.unparse(node)


def probes_of_protocols(tree: ast.AST) -> Iterator[str]:
    """As :func:`probes_of_backends`, without the names of variables: inside `backends/` they may stand for a vendor's object."""
    for node in ast.walk(tree):
        given = called(node, PROBES)
        if len(given) > 1 and literal(given[1]) in CAPABILITIES:
            yield ast.unparse(node)
        given = called(node, KINDS)
        if given and inside(given[1]) & PROTOCOLS:
            yield ast.unparse(node)


def decisions_by_method(tree: ast.AST) -> Iterator[str]:
    """What asks which method one is: by its attributes, its class, its type or its name."""
    for node in ast.walk(tree):
        given = called(node, PROBES)
        if given and METHOD.search(last(given[0])):
            yield ast.unparse(node)
        given = called(node, KINDS)
        if given and (inside(given[1]) & CLASSES or (METHOD.search(last(given[0])) and last(given[1]) != "str")):
            yield ast.unparse(node)
        if isinstance(node, ast.Match) and METHOD.search(last(node.subject)):
            yield f"match {ast.unparse(node.subject)}"
        if isinstance(node, ast.Compare) and any(map(which_method, (node.left, *node.comparators))):
            yield ast.unparse(node)


def which_method(side: ast.expr) -> bool:
    """``type(method)``, ``method.name``, ``type(method).__name__``, or a class of methods, in a comparison."""
    if last(side) in CLASSES or (called(side, {"type"}) and METHOD.search(last(side.args[0]))):  # type: ignore[attr-defined]
        return True
    if isinstance(side, ast.Attribute) and side.attr in ("name", "__name__", "__class__"):
        return bool(METHOD.search(last(side.value))) or which_method(side.value)
    return False


def tables_of_methods(tree: ast.AST) -> Iterator[str]:
    """``{"trotter": ...}`` and ``{Trotter: ...}``: what holds for one method is a member or a fact of it."""
    for node in ast.walk(tree):
        keys = [key for key in node.keys if key is not None] if isinstance(node, ast.Dict) else []
        if any(literal(key) in METHODS or last(key) in CLASSES for key in keys):
            yield ast.unparse(node)


def dispatchers(tree: ast.AST) -> Iterator[str]:
    """``functools.singledispatch`` and its like: what is done is chosen by a class, out of sight of the contract."""
    yield from (
        ast.unparse(node) for node in ast.walk(tree) if last(node) in ("singledispatch", "singledispatchmethod")
    )


def empty_aliases(tree: ast.Module) -> Iterator[str]:
    """``X = Any``: a type that says nothing under a name that says something."""
    for node in ast.walk(tree):
        value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
        if value is not None and last(value) == "Any":
            yield ast.unparse(node)


def private_imports(tree: ast.AST) -> Iterator[str]:
    """``from .x import _y`` of this package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").split(".")[0] == PACKAGE):
            yield from (f"{node.module}.{a.name}" for a in node.names if re.match(r"_[^_]", a.name))


def own_name(path: Path) -> bool:
    """Whether a public function of a module has its name."""
    made = (ast.FunctionDef, ast.AsyncFunctionDef)
    return any(isinstance(node, made) and node.name == path.stem for node in tree_of(path).body)


def undocumented(tree: ast.AST) -> Iterator[str]:
    """Functions, methods, properties, classes and inner functions without a docstring whose name begins with no underscore."""
    for node in ast.walk(tree):
        named = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and not node.name.startswith(
            "_"
        )
        if named and not ast.get_docstring(node):  # type: ignore[arg-type]
            yield f"{node.name}, line {node.lineno}"  # type: ignore[attr-defined]


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """What stands in the body of a function itself, without the functions and classes inside it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            yield child
            yield from own_nodes(child)


def asserts(node: ast.AST) -> bool:
    """``assert``, ``pytest.raises(...)`` or ``pytest.warns(...)``."""
    return isinstance(node, ast.Assert) or (isinstance(node, ast.Call) and last(node.func) in ("raises", "warns"))


def without_assertion(tree: ast.AST) -> Iterator[str]:
    """Test functions that leave every assertion to a function that they call."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.FunctionDef)
            and node.name.startswith("test")
            and not any(map(asserts, own_nodes(node)))
        ):
            yield f"{node.name}, line {node.lineno}"


def found(check: object, where: str = "", but: str = "-") -> dict[str, list[str]]:
    """What a check finds, by file, in files whose place begins with ``where`` and not with ``but``."""
    out = {}
    for path in MODULES.values():
        place = path.relative_to(ROOT).as_posix()
        if place.startswith(where) and not place.startswith(but) and (hits := list(check(tree_of(path)))):  # type: ignore[operator]
            out[place] = hits
    return out


def test_outside_their_room_no_backend_is_probed() -> None:
    assert found(probes_of_backends, but="backends/") == {}


def test_inside_it_one_reader_asks_what_a_backend_can_do() -> None:
    assert set(found(probes_of_protocols, "backends/")) <= READERS
    assert "backends/base.py" in found(probes_of_protocols, "backends/")


def test_inside_it_whoever_asks_an_object_what_it_is_has_a_reason() -> None:
    assert set(found(probes_of_backends, "backends/")) == set(ASKS)


def test_outside_their_room_nobody_asks_which_method_one_is() -> None:
    seen = found(decisions_by_method, but="methods/")
    assert {place: hits for place, hits in seen.items() if place not in CODEC} == {}


def test_inside_it_whoever_asks_which_method_one_is_has_a_reason() -> None:
    assert set(found(decisions_by_method, "methods/")) == set(KNOW_A_METHOD)


def test_no_table_is_keyed_by_methods_outside_the_registry() -> None:
    seen = found(tables_of_methods)
    assert set(seen) - OTHER_WORDS == {"base/registry.py"}
    assert set(seen) >= OTHER_WORDS, "an exception that is none any more stays no exception"


def test_nothing_is_dispatched_by_class() -> None:
    assert found(dispatchers) == {}


def test_inside_it_no_attribute_of_a_method_is_probed() -> None:
    hits = {
        place: [h for h in row if h.startswith(("getattr(", "hasattr("))]
        for place, row in found(decisions_by_method).items()
    }
    assert {place for place, row in hits.items() if row} <= CODEC


def test_no_alias_stands_for_any_type() -> None:
    assert found(empty_aliases) == {}


def test_no_module_takes_a_private_name_of_another() -> None:
    assert found(private_imports) == {}


def test_no_public_function_shares_the_name_of_its_module() -> None:
    assert {p.relative_to(ROOT).as_posix() for p in MODULES.values() if own_name(p)} == set()


def test_every_name_without_an_underscore_says_what_it_is() -> None:
    assert found(undocumented) == {}


def test_every_test_asserts_something_of_its_own() -> None:
    files = sorted(TESTS.rglob("test_*.py"))
    assert len(files) > 100
    hits = {path.relative_to(TESTS).as_posix(): list(without_assertion(tree_of(path))) for path in files}
    assert {place: row for place, row in hits.items() if row} == {}


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (probes_of_backends, "bool(getattr(job.backend, 'estimates', False))"),
        (probes_of_backends, "hasattr(samples, 'programs')"),
        (probes_of_backends, "isinstance(given, (JobBackend, str))"),
        (probes_of_backends, "isinstance(device, Aer)"),
        (probes_of_protocols, "inspect.getattr_static(samples, 'measures_midway')"),
        (decisions_by_method, "getattr(run.method, 'steps', 3)"),
        (decisions_by_method, "isinstance(inner, Krylov)"),
        (decisions_by_method, "isinstance(file.method, mine.Own)"),
        (decisions_by_method, "type(self.method) is not type(plain)"),
        (decisions_by_method, "type(chosen) is Trotter"),
        (decisions_by_method, "method.name == 'trotter'"),
        (decisions_by_method, "type(method).__name__ in ('Trotter',)"),
        (decisions_by_method, "match job.method:\n    case _:\n        pass"),
        (tables_of_methods, "{'trotter': 40, **rest}"),
        (tables_of_methods, "{methods.Trotter: 40}"),
        (dispatchers, "from functools import singledispatch\n@singledispatch\ndef f(x):\n    pass"),
        (empty_aliases, "Ansatz = Any"),
        (empty_aliases, "Ansatz: TypeAlias = typing.Any"),
        (private_imports, "from .x import _y"),
        (private_imports, "from qml_dynamics.model import a, _b"),
        (undocumented, "def _f():\n    def inner():\n        return 1"),
        (undocumented, "class A:\n    'A.'\n    @property\n    def b(self):\n        return 1"),
        (without_assertion, "def test_a():\n    check(1)\n    def inner():\n        assert 1"),
    ],
)
def test_the_reader_of_this_test_sees_what_it_is_for(check: object, text: str) -> None:
    assert len(list(check(ast.parse(text)))) == 1  # type: ignore[operator]


def test_what_is_allowed_is_not_taken_for_a_fault() -> None:
    fine = "isinstance(method, str)\nf'{type(method).__name__}'\nname = method.name\ncapabilities(backend).estimates\nx: Any = 1\n"
    assert not list(decisions_by_method(ast.parse(fine)))
    assert not list(probes_of_backends(ast.parse(fine)))
    assert not list(empty_aliases(ast.parse(fine)))
    assert not list(undocumented(ast.parse("def f():\n    'What it is.'\n\ndef _g():\n    return 1")))
    assert not list(without_assertion(ast.parse("def test_a():\n    with pytest.raises(ValueError):\n        f()")))
    assert not list(private_imports(ast.parse("from .x import y\nfrom os import _exit\nfrom . import __version__")))
