"""Names of before, which work for one release with a warning."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys

import pytest

import qml_dynamics as qd
from qml_dynamics.base.codec import method_from_spec
from qml_dynamics.base.renamed import RENAMED, new_name


@pytest.fixture(scope="module")
def imported() -> dict[str, tuple[bool, bool, bool]]:
    """Of each old name: is it the module of the new one, was that said, and does the module know its new name."""
    code = f"""
import importlib, warnings
import qml_dynamics
from qml_dynamics.base.renamed import new_name
found = {{}}
for name in {sorted(RENAMED)!r}:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        old = importlib.import_module(f"qml_dynamics.{{name}}")
    new = importlib.import_module(new_name(f"qml_dynamics.{{name}}", "qml_dynamics"))
    said = [w for w in seen if issubclass(w.category, DeprecationWarning) and "is now" in str(w.message)]
    found[name] = (old is new, len(said) >= 1, new.__spec__.name == new.__name__)
print(found)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return dict(ast.literal_eval(out))


@pytest.mark.parametrize("old", sorted(RENAMED))
def test_an_old_module_is_the_new_one(old: str, imported: dict[str, tuple[bool, bool, bool]]) -> None:
    """The same object, so that classes and state exist once."""
    assert imported[old] == (True, True, True)


def test_names_that_never_were_are_not_found() -> None:
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("qml_dynamics.growths")
    with pytest.raises(ModuleNotFoundError), pytest.warns(DeprecationWarning, match="is now"):
        importlib.import_module("qml_dynamics.growth.nothing_of_the_kind")
    assert new_name("qml_dynamics", "qml_dynamics") is None
    assert new_name("numpy.growth", "qml_dynamics") is None


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda **o: qd.QDrift(7, **o), {"kind": "qdrift", "samples": 7}),
        (lambda **o: qd.RandomOrder(7, **o), {"kind": "random_order", "steps": 7}),
        (lambda **o: qd.MiniBatch(7, 2, **o), {"kind": "mini_batch", "steps": 7, "batch_size": 2}),
    ],
)
def test_the_old_option_of_the_averages(make, kind) -> None:
    """As a keyword with a warning; in stored files without one."""
    with pytest.warns(DeprecationWarning, match="is now draws"):
        old = make(circuits=3)
    assert old == make(draws=3) == method_from_spec({**kind, "circuits": 3}) == method_from_spec({**kind, "draws": 3})
    assert old != make(draws=4)
    with pytest.raises(qd.MethodError, match="beside `draws`"):
        make(circuits=3, draws=3)
