"""Right and wrong arguments for every public name: small problems, runs, arrays and files that make a right call quick."""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import functools
import itertools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import qml_dynamics as qd
from qml_dynamics.model.objectives import expression


class Odd:
    """An object of no kind that the library knows."""

    def __repr__(self) -> str:
        return "Odd(\n  two lines\n)"


@functools.cache
def folder() -> Path:
    """A folder of this process for what calls read and write."""
    return Path(tempfile.mkdtemp(prefix="fuzz-"))


@functools.cache
def problem(clock: str = "real") -> qd.Problem:
    """Eight points of a periodic grid."""
    wave = qd.Gaussian(0.5, 0.7)
    return qd.Problem(qd.Grid((-3, 3), 3), expression("x0**2/2"), 0.5, clock=clock, duration=0.4, initial=wave)


@functools.cache
def batch_problem() -> qd.Problem:
    """Three spins whose loss is a mean over six rows."""
    rows = np.linspace(-1, 1, 6)
    loss = qd.objectives.from_rows(lambda w, i: w[:, :1] * rows[i][None, :] + w[:, 1:2], 6)
    return qd.Problem(qd.Hypercube(3), loss, 0.5, clock="real", duration=0.4)


@functools.cache
def run(times: int = 3) -> qd.Trajectory:
    """A short classical run that knows its waves."""
    return qd.evolve(problem(), qd.SplitStep(8), save=times, seed=1, progress=False)


@functools.cache
def plane_run() -> qd.Trajectory:
    """A run with two weights."""
    plane = qd.Problem(qd.Grid([(-2, 2), (-2, 2)], 2), expression("x0**2+x1**2"), 0.5, clock="real", duration=0.2)
    return qd.evolve(plane, qd.SplitStep(4), save=3, seed=1, progress=False)


@functools.cache
def classical_run() -> qd.Trajectory:
    """A run on the classical clock."""
    return qd.evolve(problem("classical"), qd.HamiltonJacobi(8), save=3, progress=False)


@functools.cache
def budget() -> qd.ErrorBudget:
    """An error budget."""
    return qd.error_budget(problem(), qd.Trotter(2), backend="statevector", progress=False)


@functools.cache
def coarse(qubits: int = 3) -> Any:
    """A Hamiltonian on a grid."""
    grid = qd.Grid((-3, 3), qubits)
    return qd.hamiltonian(qd.Problem(grid, expression("x0**2/2"), 0.5, clock="real", duration=0.4))


@functools.cache
def wave(size: int = 8) -> np.ndarray:
    """A normalised wave."""
    made = np.exp(-((np.linspace(-3, 3, size, endpoint=False) - 0.5) ** 2) / 2).astype(complex)
    return made / np.linalg.norm(made)


@functools.cache
def stored(kind: str) -> str:
    """A path to what is read: a problem file, a run, a recording, a table."""
    path = folder() / f"{kind}.{ {'problem': 'toml', 'run': 'npz', 'recording': 'npz', 'table': 'csv'}[kind] }"
    if kind == "problem":
        qd.write_problem(problem(), path)
    elif kind == "run":
        run().save(path)
    elif kind == "recording":
        qd.growth.record([[np.eye(2)], [np.eye(2) * 2]]).save(path)
    else:
        rows = "\n".join(f"{i},{i * i % 5},{'ab'[i % 2]}" for i in range(12))
        path.write_text(f"x,y,kind\n{rows}\n", encoding="utf-8")
    return str(path)


@functools.cache
def circuit() -> Any:
    """A circuit with two parameters."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter

    made = QuantumCircuit(2)
    made.ry(Parameter("a"), 0)
    made.cx(0, 1)
    made.ry(Parameter("b"), 1)
    return made


@functools.cache
def wave_circuit() -> Any:
    """A circuit that makes a uniform wave on four qubits."""
    from qiskit import QuantumCircuit

    made = QuantumCircuit(4)
    made.h(range(4))
    return made


def fresh_folder() -> str:
    """A folder that is not there yet."""
    return str(Path(tempfile.mkdtemp(dir=folder())) / "run")


@functools.cache
def submitted() -> str:
    """A run folder that has ended."""
    from qml_dynamics.runs import fetch, submit

    path = fresh_folder()
    submit(problem(), qd.Trotter(2), backend="aer", shots=50, folder=path, seed=1, quiet=True)
    fetch(path, wait=True, timeout=60)
    return path


class Failing:
    """A number that fails when it is read."""

    def __float__(self) -> float:
        raise OSError("This number cannot be read.")


class Unreadable:
    """An object that fails when NumPy reads it."""

    def __array__(self, *given: Any, **named: Any) -> np.ndarray:
        raise KeyError("This array cannot be read.")


def wrong() -> list[Any]:
    """Values of the wrong kind, out of range, or not finite, for any argument."""
    return [
        True,
        False,
        None,
        "a",
        "",
        "x" * 300,
        "two\nlines",
        "ü€\u202e",
        b"bytes",
        object(),
        Odd(),
        Odd,
        int,
        len,
        ...,
        -1,
        0,
        -(10**30),
        10**30,
        10**400,
        2**63,
        2.5,
        -0.5,
        1e308,
        1e-320,
        np.nan,
        np.inf,
        -np.inf,
        1j,
        complex(np.nan, 1),
        np.float64("nan"),
        np.int64(-3),
        np.bool_(True),
        np.float32(2.5),
        np.timedelta64(3, "s"),
        np.datetime64("2020-01-01"),
        np.str_("a"),
        decimal.Decimal(1),
        datetime.timedelta(seconds=3),
        Path("nowhere/at.all"),
        Path("/"),
        "nowhere/at.all",
        [],
        (),
        {},
        set(),
        [None],
        ["a"],
        [[1.0], [1.0, 2.0]],
        [np.nan],
        [1e308, 1e308],
        {"a": 1},
        {1: 2},
        range(3),
        iter([1.0]),
        np.zeros(0),
        np.zeros((0, 3)),
        np.zeros(5),
        np.zeros((2, 3, 4)),
        np.full(3, np.nan),
        np.array("a"),
        np.array(["a", "b"]),
        np.array([object()], dtype=object),
        np.ones(3, dtype=complex) * 1j,
        np.array([True, False]),
        np.array(2.0),
        np.zeros((2, 2), dtype="m8[s]"),
        lambda: 1,
        lambda *given: "a",
        lambda *given: np.nan,
        problem(),
        run(),
        qd.Grid,
        qd.Problem,
        qd.SplitStep(4),
        qd.Trotter(2),
        qd.Grid((-1, 1), 2),
        qd.Hypercube(2),
        qd.Gaussian(0, 1),
        qd.Constant(1.0),
        np.ma.array([1.0, 2.0], mask=[0, 1]),
        np.ma.masked,
        [np.timedelta64(1, "s"), np.timedelta64(2, "s")],
        np.array([5e-324]),
        5e-324,
        10**19,
        [10**400],
        range(10**12),
        fractions.Fraction(1, 3),
        decimal.Decimal("NaN"),
        collections.deque([1.0, 2.0]),
        itertools.count(),
        inside_itself(),
        Failing(),
        Unreadable(),
        qd.Estimate(1.0, 0.1, 3),
        [1.0, 2.0],
        [[1.0, 2.0], [3.0, 4.0]],
    ]


def inside_itself() -> list[Any]:
    """A list that holds itself."""
    out: list[Any] = []
    out.append(out)
    return out


def shown(value: Any) -> str:
    """A value in a report, on one line."""
    try:
        text = " ".join(repr(value).split())
    except Exception as error:
        text = f"<{type(value).__name__} whose repr fails: {type(error).__name__}>"
    return text if len(text) <= 60 else text[:57] + "..."
