"""Methods and their parts, initial waves, schedules and weight spaces by name: tables of names and places.

A place is ``"module:Class"``, the module relative to the package; it is imported when it is asked for. Methods and schedules of
other packages are found by their entry points (`base/entry_points.py`), which are read only for a name that the table does not
have.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass
from typing import Any

from .entry_points import load, offered, offered_as
from .errors import MethodError, one_of, require

PACKAGE = __name__.partition(".")[0]

METHODS: dict[str, str] = {
    "split_step": "methods.split_step:SplitStep",
    "krylov": "methods.krylov:Krylov",
    "exact": "methods.exact:Exact",
    "tensor_train": "methods.tensor_train.method:TensorTrain",
    "trotter": "methods.trotter:Trotter",
    "multi_product": "methods.multi_product:MultiProduct",
    "qdrift": "methods.randomised:QDrift",
    "random_order": "methods.randomised:RandomOrder",
    "mini_batch": "methods.minibatch:MiniBatch",
    "schrodingerised": "methods.imaginary.options:Schrodingerised",
    "probabilistic_ite": "methods.imaginary.options:ProbabilisticITE",
    "qite": "methods.imaginary.options:QITE",
    "double_bracket": "methods.imaginary.options:DoubleBracket",
    "variational": "methods.variational.options:Variational",
    "growing": "methods.growing.method:Growing",
    "schrodinger_bridge": "methods.bridge.schrodinger_bridge:SchrodingerBridge",
    "hamilton_jacobi": "methods.classical.hamilton_jacobi:HamiltonJacobi",
    "koopman_von_neumann": "methods.classical.koopman:KoopmanVonNeumann",
}
# Of each method, options that make one, for the table of facts: those without a default, and few more.
EXAMPLES: dict[str, dict[str, Any]] = {
    "split_step": {"steps": 400},
    "krylov": {},
    "exact": {},
    "tensor_train": {},
    "trotter": {"steps": 40},
    "multi_product": {"steps": [1, 2, 4]},
    "qdrift": {"samples": 400},
    "random_order": {"steps": 40},
    "mini_batch": {"steps": 40, "batch_size": 8},
    "schrodingerised": {"ancilla_qubits": 9, "steps": 40},
    "probabilistic_ite": {"m0": 0.9, "steps": 10},
    "qite": {"domain_width": 3, "steps": 20},
    "double_bracket": {"steps": 3},
    "variational": {"ansatz": {"kind": "hamiltonian", "layers": 6}, "steps": 60},
    "growing": {"method": {"kind": "split_step", "steps": 400}, "start": 4},
    "schrodinger_bridge": {"end": {"kind": "gaussian", "center": 1.0, "width": 0.7}},
    "hamilton_jacobi": {"steps": 400},
    "koopman_von_neumann": {"steps": 40},
}
# Options of a method that is named without them, as on the command line; the second table where it is named without any.
USUAL: dict[str, dict[str, Any]] = {name: {"steps": EXAMPLES[name]["steps"]} for name in ("trotter", "split_step")}
USUAL_ALONE: dict[str, dict[str, Any]] = {
    "split_step": {"order": 4},
    "growing": {"method": {"kind": "split_step", "order": 4, **USUAL["split_step"]}},
}
ALIASES = {
    **{name.replace("_", ""): name for name in METHODS if "_" in name},
    "koopman": "koopman_von_neumann",
}
OPTIONS_OF_BEFORE = {
    kind: {"circuits": "draws"} for kind in ("qdrift", "random_order", "mini_batch")
}  # in stored files
WAVES_OF_BEFORE: dict[str, dict[str, Any]] = {"gaussian": {"wrapped": False}}  # of stored files that do not name it
PARTS_OF_BEFORE: dict[str, dict[str, Any]] = {"growth": {"pool": "pauli"}}  # likewise; so these are always written
METHODS_OF_BEFORE: dict[str, dict[str, Any]] = {
    "tensor_train": {"order": 2}
}  # of stored results; problem files mean the default
WAVES: dict[str, str] = {
    "uniform": "model.initial:Uniform",
    "gaussian": "model.initial:Gaussian",
    "point_mass": "model.initial:PointMass",
    "state": "model.initial:State",
    "circuit": "model.circuit_state:CircuitState",
    "sparse_state": "model.circuit_state:SparseState",
}
ARRAY_WAVE = "state"  # the one whose field is an array, which stands in a file of its own
SCHEDULES: dict[str, str] = {
    "constant": "model.schedules:Constant",
    "linear": "model.schedules:Linear",
    "geometric": "model.schedules:Geometric",
    "power_law": "model.schedules:PowerLaw",
    "knots": "model.schedules:Knots",
    "oscillation": "model.drives:Oscillation",
    "pulse": "model.drives:Pulse",
    "jumps": "model.drives:Jumps",
}
SCHEDULE_PAIRS: dict[str, str] = {"qhd": "model.schedules:QHD"}  # of diffusion and strength
COMPACT: dict[str, str] = {
    "train": "methods.tensor_train.state:TrainState",
    "register": "methods.tensor_train.register:RegisterState",
    "large_wave": "methods.large_wave:LargeWave",
}  # waves that are no tables
SPACES: dict[str, str] = {"grid": "model.domains:Grid", "hypercube": "model.domains:Hypercube"}
CIRCUIT_WAVE = "synthesis.qasm:circuit_state"  # from a circuit of Qiskit to the wave that it prepares


@dataclass(frozen=True)
class Part:
    """A part of methods that has a name: its class, the function that makes one, and the option that it is usually for.

    ``write`` and ``read`` are those of a part that is no plain data: ``write(part, files)`` puts bytes into ``files`` by name and
    gives the plain data beside them, ``read(options, files)`` makes the part again.
    """

    cls: str
    make: str
    option: str
    write: str = ""
    read: str = ""


ANSATZ = "ansatz.qpy"  # what the file beside the plain data is called that holds a circuit


PARTS: dict[str, Part] = {
    "growth": Part("methods.variational.options:Growth", "methods.variational.options:Growth", "grow"),
    "cutoff": Part("methods.variational.options:Cutoff", "methods.variational.options:Cutoff", "regularisation"),
    "hardware_efficient": Part(
        "methods.variational.ansatz.layered:HardwareEfficient",
        "methods.variational.ansatz.layered:hardware_efficient",
        "ansatz",
    ),
    "bare": Part("methods.variational.ansatz.layered:Bare", "methods.variational.ansatz.layered:bare", "ansatz"),
    "hamiltonian": Part(
        "methods.variational.ansatz.alternating:HamiltonianAnsatz",
        "methods.variational.ansatz.alternating:hamiltonian",
        "ansatz",
    ),
    "circuit": Part(
        "methods.variational.ansatz:CircuitAnsatz",
        "methods.variational.ansatz:from_circuit",
        "ansatz",
        "methods.variational.ansatz.circuit_file:write_ansatz",
        "methods.variational.ansatz.circuit_file:read_ansatz",
    ),
}


def at(place: str) -> Any:
    """What stands at a place.

    >>> at("methods.trotter:Trotter").__name__
    'Trotter'
    """
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(f"{PACKAGE}.{module}"), name)


def place_of(cls: type) -> str:
    """The place of a class of the package; of another one its full name, which is in no table."""
    return f"{cls.__module__.removeprefix(f'{PACKAGE}.')}:{cls.__qualname__}"


def _spelled(kind: str) -> str:
    """A name in the spelling of the table."""
    name = kind.replace("-", "_").lower()
    return ALIASES.get(name, name)


def method_class(kind: str) -> type:
    """The class of a name; :class:`MethodError` with the nearest name where there is none.

    >>> method_class("Split-Step").__name__
    'SplitStep'
    """
    name = _spelled(kind)
    if name in METHODS:
        return at(METHODS[name])  # type: ignore[no-any-return]
    others = {_spelled(other): other for other in offered("method")}
    joined = {
        other.replace("_", ""): other for other in others
    }  # as the class is written, which the built-in ones are found by too
    name = name if name in others else joined.get(name, name)
    one_of(name, "method", [*METHODS, *(other for other in others if other not in METHODS)], MethodError)
    cls = load("method", others[name], MethodError)
    require(
        isinstance(cls, type) and is_dataclass(cls), "method", f"be a dataclass under the name {name}", cls, MethodError
    )
    return cls  # type: ignore[no-any-return]


def kind_of(cls: type) -> str | None:
    """The name of a class of methods; None where it has none."""
    own = named(cls, METHODS)
    if own is not None:
        return own
    other = offered_as("method", cls)
    return other if other is not None and _spelled(other) not in METHODS else None


def named(cls: type, table: Mapping[str, str]) -> str | None:
    """The name of a class in a table of places; None where it has none.

    >>> named(at("model.domains:Grid"), SPACES)
    'grid'
    """
    place = place_of(cls)
    return next((name for name, known in table.items() if known == place), None)
