"""Methods as data: options checked when they are made, declared facts, round trips as plain data."""

from __future__ import annotations

import numpy as np
import pytest

from qml_dynamics.base.codec import method_from_spec, method_spec
from qml_dynamics.base.errors import MethodError
from qml_dynamics.base.registry import METHODS
from qml_dynamics.methods.exact import Exact
from qml_dynamics.methods.krylov import Krylov
from qml_dynamics.methods.multi_product import MultiProduct
from qml_dynamics.methods.split_step import SplitStep
from qml_dynamics.methods.trotter import Trotter


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: SplitStep(0), "steps"),
        (lambda: SplitStep(2.0), "steps"),
        (lambda: SplitStep(True), "steps"),
        (lambda: SplitStep("40"), "steps"),
        (lambda: SplitStep(4, 3), "order"),
        (lambda: SplitStep(4, True), "order"),
        (lambda: SplitStep(4, [2]), "order"),
        (lambda: SplitStep(4, formula="strong"), "formula"),
        (lambda: SplitStep(4, workers=0), "workers"),
        (lambda: SplitStep(4, precision="half"), "precision"),
        (lambda: Krylov(0), "tol"),
        (lambda: Krylov(1.0), "tol"),
        (lambda: Krylov(np.nan), "tol"),
        (lambda: Krylov(subspace=3), "subspace"),
        (lambda: Exact(1), "max_size"),
        (lambda: Trotter(-1), "steps"),
        (lambda: Trotter(4, 5), "order"),
        (lambda: Trotter(4, truncation=-0.1), "truncation"),
        (lambda: Trotter(4, truncation=np.inf), "truncation"),
        (lambda: MultiProduct(()), "steps"),
        (lambda: MultiProduct((2, 1)), "steps"),
        (lambda: MultiProduct((1, 1)), "steps"),
        (lambda: MultiProduct((1, 2.5)), "steps"),
        (lambda: MultiProduct("12"), "steps"),
        (lambda: MultiProduct(4), "steps"),
    ],
)
def test_bad_options_are_named(make, name):
    """When the method is made, not when it runs."""
    with pytest.raises(MethodError, match=f"^Argument `{name}` must be "):
        make()


def test_declared_facts():
    """Clocks, the need of a backend, orders."""
    for method in (SplitStep(4), Krylov(), Exact()):
        assert method.facts().clocks == {"real", "imaginary"}
        assert method.facts().runs_on == "classical"
    for method in (Trotter(4), MultiProduct()):
        assert method.facts().clocks == {"real"}
        assert method.facts().runs_on == "backend"
    assert SplitStep(4).facts().spaces == {"periodic", "walls", "flux", "hypercube", "onehot"}
    assert SplitStep(4, formula="chin4a").facts().spaces == {"periodic", "walls", "flux"}
    assert Exact().facts().spaces == Trotter(4).facts().spaces == SplitStep(4).facts().spaces | {"operator"}
    assert SplitStep(4, formula="chin4a").order == 4
    assert SplitStep(4, 4, formula="lie").order == 1
    assert MultiProduct((1, 2, 4)).order == 6
    assert SplitStep(4, 4).product_formula.name == "suzuki4"
    assert Trotter(4).product_formula.name == "strang"


@pytest.mark.parametrize(
    "method",
    [
        SplitStep(7),
        SplitStep(7, 4, workers=2, precision="single"),
        SplitStep(7, formula="chin4a"),
        Krylov(1e-6, 20),
        Exact(),
        Trotter(3, 4, 0.25),
        MultiProduct((2, 3)),
        MultiProduct(),
    ],
)
def test_round_trip_as_plain_data(method):
    """Only lists, numbers and strings, and only what differs from the defaults."""
    spec = method_spec(method)
    assert method_from_spec(spec) == method
    assert all(isinstance(v, (str, int, float, list)) for v in spec.values())


def test_spellings_and_unknown_kinds_of_method():
    """Hyphens and capitals are forgiven, typos named, options checked."""
    assert method_from_spec({"kind": "Split-Step", "steps": 4}) == SplitStep(4)
    assert method_from_spec({"kind": "splitstep", "steps": 4}) == SplitStep(4)
    with pytest.raises(MethodError, match="Did you mean 'trotter'"):
        method_from_spec({"kind": "troter", "steps": 4})
    with pytest.raises(MethodError, match="Did you mean 'steps'"):
        method_from_spec({"kind": "trotter", "step": 4})
    with pytest.raises(MethodError, match="`steps` must be an integer between 1"):
        method_from_spec({"kind": "trotter"})
    with pytest.raises(MethodError, match="must be one of"):
        method_from_spec({})
    with pytest.raises(MethodError, match="`method` must be one of"):
        method_spec("split_step")
    assert {"split_step", "krylov", "exact", "trotter", "multi_product"} <= set(METHODS)
