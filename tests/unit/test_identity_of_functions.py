"""A kept folder answers for one function: another argument, global, slot, wrapped function or device is another call."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import pennylane as qml
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

import qml_dynamics as qd
from qml_dynamics.base.errors import ProblemError
from qml_dynamics.methods.identity import Identity, _globals_read
from qml_dynamics.results.journal import CALL, Journal

SCALE, TABLE = 1.0, np.arange(3.0)
LOG = logging.getLogger(__name__)
CALLS: list[float] = []
COUNT: dict[Any, float] = {"n": 0}
WELL = qd.Problem(qd.Grid((-2, 2), 3), lambda w: w[:, 0] ** 2, 0.5, clock="imaginary", duration=0.5)


def power(a: float, w: Any) -> Any:
    return a * w[:, 0]


def scaled(w: Any) -> Any:
    return SCALE * w[:, 0]


def scaled_inside(w: Any) -> Any:
    """By a function that it calls, in one of its own, and that calls it in turn."""

    def inner() -> Any:
        return scaled(w) if len(w) else scaled_inside(w)

    return inner()


def of_table(w: Any) -> Any:
    return TABLE[1] * w[:, 0]


class Slots:
    __slots__ = ("__a", "unset")

    def __init__(self, a: float) -> None:
        self.__a = a

    def __call__(self, w: Any) -> Any:
        return self.__a * w[:, 0]


@dataclass(frozen=True)
class Called:
    def __call__(self, w: Any) -> Any:
        return SCALE * w[:, 0]


class Wraps:
    """With the function under the name that partials and QNodes use."""

    def __init__(self, a: float) -> None:
        self.func, self.a = scaled, a

    def __call__(self, w: Any) -> Any:
        return self.a * w[:, 0]


def cached(a: float) -> Any:
    return lru_cache(lambda w: a * w)


def with_scale(function: Any) -> Callable[[float], Any]:
    """The function after SCALE was set."""

    def made(a: float) -> Any:
        globals()["SCALE"] = a
        return function

    return made


def with_table(a: float) -> Any:
    globals()["TABLE"] = np.array([0.0, a, 2.0])
    return of_table


OBSERVABLES: dict[str, Callable[[float], Any]] = {
    "partial": lambda a: partial(power, a),
    "keyword of a partial": lambda a: partial(lambda w, a: a * w[:, 0], a=a),
    "partial of an object": lambda a: partial(Slots(a)),
    "slots": Slots,
    "wrapper": Wraps,
    "global": with_scale(scaled),
    "global of a function that it calls": with_scale(scaled_inside),
    "global of a call": with_scale(Called()),
    "array": with_table,
}


def run(function: Any, folder: Path | None = None) -> Any:
    found = qd.evolve(WELL, qd.SplitStep(2), observables={"o": function}, folder=folder)
    return found.expectations["o"].value[-1], found.density


@pytest.fixture(autouse=True)
def globals_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SCALE", "TABLE"):
        monkeypatch.setattr(sys.modules[__name__], name, globals()[name])


@pytest.mark.parametrize("kind", OBSERVABLES)
def test_another_function_is_not_answered_by_the_folder_of_the_first(kind: str, tmp_path: Path) -> None:
    make = OBSERVABLES[kind]
    first, density = run(make(1.0), tmp_path / "a")
    again, same = run(make(1.0), tmp_path / "a")
    assert again == first
    assert np.array_equal(density, same)
    with pytest.raises(ProblemError, match=r"holds another one of evolve: .* the folder's is"):
        run(make(5.0), tmp_path / "a")


@pytest.mark.parametrize("kind", OBSERVABLES)
def test_a_folder_of_before_is_compared_by_what_it_has(kind: str, tmp_path: Path) -> None:
    """Without the parts that came later: the same call goes on, and another function by name is another still."""
    first, _ = run(OBSERVABLES[kind](1.0), tmp_path / "a")
    journal = Journal(tmp_path / "a")
    entry = journal.read(CALL)
    assert entry is not None
    assert entry.meta["more"]
    arrays = {name: array for name, array in entry.arrays.items() if not name.startswith("more:")}
    journal.write(CALL, {k: v for k, v in entry.meta.items() if k != "more"}, arrays)
    assert run(OBSERVABLES[kind](1.0), tmp_path / "a")[0] == first
    with pytest.raises(ProblemError, match="holds another one of evolve"):
        run(lambda w: w[:, 0] ** 4, tmp_path / "a")


def test_a_training_is_that_of_its_loss(tmp_path: Path) -> None:
    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("a"), 0)

    def loss(factor: float, outputs: Any, _labels: Any) -> Any:
        return factor * outputs[:, 0]

    ask: dict[str, Any] = {"theta0": [0.3], "steps": 2, "seed": 1, "folder": tmp_path / "a"}
    found = qd.train(circuit, partial(loss, 0.5), **ask)
    assert np.array_equal(qd.train(circuit, partial(loss, 0.5), **ask).loss, found.loss)
    with pytest.raises(ProblemError, match=r"loss/arguments is .*-0\.5.*the folder's is .*0\.5"):
        qd.train(circuit, partial(loss, -0.5), **ask)


def more(function: Any) -> Any:
    said = Identity()
    said.add("f", function)
    return said.more.plain


def test_what_a_cache_wraps_and_the_device_of_a_qnode_are_parts() -> None:
    def node(wires: list[int], undo: bool = False) -> Any:
        made = qml.QNode(lambda: qml.probs(wires=[0, 1]), qml.device("default.qubit", wires=wires))
        return qml.transforms.cancel_inverses(made) if undo else made

    assert more(cached(1.0)) == more(cached(1.0)) != more(cached(5.0))
    assert more(node([0, 1])) == more(node([0, 1]))
    assert more(node([0, 1])) != more(node([1, 0]))
    assert more(node([0, 1])) != more(node([0, 1], undo=True))


def test_what_a_function_collects_in_globals_is_no_part_of_it() -> None:
    def collects(key: Any, value: Any) -> Any:
        CALLS.append(value)
        COUNT["n"] += 1
        COUNT[key.real] = value
        LOG.debug("%s", value)
        return SCALE + TABLE[key] + np.sqrt(value)

    assert _globals_read(collects.__code__) == {"SCALE", "TABLE", "np", "LOG"}
    before = more(collects)
    collects(1, 2.0)
    assert more(collects) == before


def test_functions_with_the_same_code_have_globals_of_their_own() -> None:
    two = [FunctionType(scaled.__code__, {"SCALE": a, "__name__": __name__}) for a in (1.0, 2.0)]
    found = list(more(two).values())
    assert found == [{"SCALE": 1.0}, {"SCALE": 2.0}]


def test_compared_globals_are_read_and_those_whose_attributes_or_slices_are_set_are_not() -> None:
    def compares(t: float) -> bool:
        return bool(SCALE <= TABLE[0] < t)

    def writes(w: Any) -> None:
        LOG.last = w  # type: ignore[attr-defined]
        COUNT["n"] += 1
        CALLS[:] = w
        CALLS[0:2] += w

    assert {"SCALE", "TABLE"} <= _globals_read(compares.__code__)
    assert not {"LOG", "COUNT", "CALLS"} & _globals_read(writes.__code__)
