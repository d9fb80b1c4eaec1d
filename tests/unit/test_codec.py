"""One codec: whatever has a name is written and read through the tables of the registry, in every kind of file."""

from __future__ import annotations

from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

import qml_dynamics as qd
from qml_dynamics.base import codec, registry
from qml_dynamics.base.errors import MethodError
from qml_dynamics.model.circuit_state import CircuitState, SparseState
from qml_dynamics.model.initial import State
from qml_dynamics.model.spec import describe_problem
from qml_dynamics.results.trajectory import plain
from qml_dynamics.runs.problem_file import problem_from_spec, schema
from qml_dynamics.runs.specification import described_method, stored_method

TABLES = {"waves": registry.WAVES, "schedules": registry.SCHEDULES, "spaces": registry.SPACES}


@pytest.mark.parametrize("which", TABLES)
def test_every_place_of_a_table_holds_a_class_that_has_its_name(which: str) -> None:
    table = TABLES[which]
    assert len(table) > 1
    for name, place in table.items():
        cls = registry.at(place)
        assert is_dataclass(cls)
        assert isinstance(cls, type)
        assert registry.named(cls, table) == name


def test_problem_files_take_the_names_of_the_tables() -> None:
    assert set(get_args(schema.InitialSection.model_fields["kind"].annotation)) == {*registry.WAVES, "custom"}
    assert set(schema.DOMAINS) == set(registry.SPACES)


GRID, CUBE = qd.Grid([(-2, 2), (0, 3)], (2, 1), "walls"), qd.Hypercube(2, (0, 1))
MADE: list[tuple[Any, Any, Any]] = [
    (GRID, qd.Gaussian([0.5, 1.0], 0.7, [0.3, 0.0]), qd.Linear(1.0, 0.25)),
    (qd.Grid((-2, 2), 3, twist=0.25), qd.Gaussian(0.5, 0.7, wrapped=False), qd.Geometric(1.0, 0.25)),
    (CUBE, qd.PointMass((0, 1)), qd.PowerLaw(2.0, 3.0)),
    (CUBE, State([1, 2j, 3, 4]), qd.Knots((1.0, 0.5, 0.7))),
    (CUBE, CircuitState(2, ("h 0", "cx 0 1", "rz(0.25) 1"), 0.5), 0.75),
    (CUBE, SparseState(("01", "10"), (3.0, 0.0), (0.0, 4.0)), qd.QHD().diffusion),
    (CUBE, qd.Uniform(), 0.5),
]


@pytest.mark.parametrize("at", range(len(MADE)))
def test_space_wave_and_schedule_come_back(at: int) -> None:
    domain, initial, diffusion = MADE[at]
    loss = qd.objectives.expression("x0" if domain.ndim == 1 else "x0 - 2*x1", domain.ndim)
    problem = qd.Problem(domain, loss, diffusion, 1.5, clock="imaginary", duration=0.5, initial=initial)
    spec, arrays = describe_problem(problem)
    again = problem_from_spec(plain(spec), arrays)
    assert again.domain == domain
    assert again.diffusion == problem.diffusion
    assert type(again.initial) is type(initial)
    assert np.array_equal(again.initial.vector(domain), initial.vector(domain))
    assert abs(np.vdot(again.initial.vector(domain), qd.Uniform().vector(domain))) < 1 or at == 6
    assert describe_problem(again)[0] == spec


def own_ansatz() -> Any:
    """A circuit of one's own with a gate on each qubit that is not the same."""
    circuit = QuantumCircuit(2)
    circuit.ry(2 * Parameter("b"), 0)
    circuit.cx(0, 1)
    circuit.rx(Parameter("a"), 1)
    return qd.ansatz.from_circuit(circuit, [0.3, -0.2])


def wrapped(method: Any) -> Any:
    """A method that holds another one."""
    return qd.SchrodingerBridge(qd.Gaussian(0.5, 0.7), method)


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "inside a method"])
def test_a_circuit_is_a_file_beside_the_plain_data(inside: bool, tmp_path: Path) -> None:
    method: Any = qd.Variational(own_ansatz(), 3, regularisation=qd.Cutoff(1e-4))
    spec, files = described_method(wrapped(method) if inside else method)
    assert list(files) == [registry.ANSATZ]
    (tmp_path / registry.ANSATZ).write_bytes(files[registry.ANSATZ])
    back = stored_method(spec, tmp_path, {})
    back = back.method if inside else back
    assert (back.steps, back.regularisation, back.ansatz.theta0) == (3, qd.Cutoff(1e-4), (0.3, -0.2))
    wave = back.ansatz.state()
    assert np.abs(wave - method.ansatz.state()).max() < 1e-14
    assert np.abs(wave[::-1] - method.ansatz.state()).max() > 0.1
    assert not codec.is_plain(method)
    assert codec.is_plain(method, files=True)


def test_an_ansatz_in_the_words_of_before_is_the_same(tmp_path: Path) -> None:
    method = qd.Variational(qd.ansatz.hardware_efficient(2), 5, regularisation=qd.Cutoff(1e-3))
    spec, files = described_method(method)
    before = {**spec, "ansatz": {**spec["ansatz"], "rotations": ["ry"]}, "regularisation": {"rcond": 1e-3}}
    assert before != spec
    assert files == {}
    assert described_method(stored_method(before, tmp_path, {}))[0] == spec


@dataclass(frozen=True)
class Own:
    """An ansatz of a person's own class."""

    def bind(self, problem: object, h: object) -> None:
        """Not called here."""


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "inside a method"])
@pytest.mark.parametrize(
    "options", [{"regularisation": np.linalg.solve}, {"ansatz": Own()}], ids=["a function", "a class of one's own"]
)
def test_code_inside_a_method_is_refused_before_anything_is_written(options: dict[str, Any], inside: bool) -> None:
    method: Any = qd.Variational(**{"ansatz": qd.ansatz.hardware_efficient(1), "steps": 2, **options})
    with pytest.raises(MethodError, match=r"^Argument `method` must be plain data for a run in a folder"):
        described_method(wrapped(method) if inside else method)
