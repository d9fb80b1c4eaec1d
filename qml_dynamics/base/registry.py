"""Methods and their parts by name: a table of names and places, and the one codec between methods and plain data.

A place is ``"module:Class"``, the module relative to the package; it is imported when it is asked for. Methods of other
packages are found by their entry points (`base/entry_points.py`), which are read only for a name that the table does not have. The
codec goes over the fields of the dataclass, and writes those that differ from their defaults.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
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
_ALIASES = {
    **{name.replace("_", ""): name for name in METHODS if "_" in name},
    "koopman": "koopman_von_neumann",
}
OPTIONS_OF_BEFORE = {
    kind: {"circuits": "draws"} for kind in ("qdrift", "random_order", "mini_batch")
}  # in stored files
WAVES_OF_BEFORE: dict[str, dict[str, Any]] = {"gaussian": {"wrapped": False}}  # of stored files that do not name it
WAVES: dict[str, str] = {
    "uniform": "model.initial:Uniform",
    "gaussian": "model.initial:Gaussian",
    "point_mass": "model.initial:PointMass",
}
CIRCUIT_WAVE = "synthesis.qasm:circuit_state"  # from a circuit of Qiskit to the wave that it prepares


@dataclass(frozen=True)
class Part:
    """A part of methods that has a name: its class, the function that makes one, and the option that it is usually for."""

    cls: str
    make: str
    option: str


MEMBERS: dict[str, str] = {"plot": "plotting:plot_summary"}  # of results, which stand below what draws them

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
    return _ALIASES.get(name, name)


def method_class(kind: str) -> type:
    """The class of a name; :class:`MethodError` with the nearest name where there is none.

    >>> method_class("Split-Step").__name__
    'SplitStep'
    """
    name = _spelled(kind)
    if name in METHODS:
        return at(METHODS[name])  # type: ignore[no-any-return]
    others = {_spelled(other): other for other in offered("method")}
    one_of(name, "method", [*METHODS, *(other for other in others if other not in METHODS)], MethodError)
    cls = load("method", others[name], MethodError)
    require(
        isinstance(cls, type) and is_dataclass(cls), "method", f"be a dataclass under the name {name}", cls, MethodError
    )
    return cls  # type: ignore[no-any-return]


def kind_of(cls: type) -> str | None:
    """The name of a class of methods; None where it has none."""
    place = place_of(cls)
    for name, known in METHODS.items():
        if known == place:
            return name
    other = offered_as("method", cls)
    return other if other is not None and _spelled(other) not in METHODS else None


def _named(cls: type, table: Mapping[str, str]) -> str | None:
    place = place_of(cls)
    return next((name for name, known in table.items() if known == place), None)


def _part_of(cls: type) -> str | None:
    return _named(cls, {name: part.cls for name, part in PARTS.items()})


def is_plain(method: object) -> bool:
    """Whether a method has a name and can be written as plain data, and so can the methods and parts inside it.

    >>> is_plain(at("methods.trotter:Trotter")(4)), is_plain("trotter")
    (True, False)
    """
    if kind_of(type(method)) is None or not is_dataclass(method):
        return False
    return all(_storable(getattr(method, f.name)) for f in fields(method))


def _storable(value: object) -> bool:
    if is_dataclass(value):
        cls = type(value)
        return _named(cls, WAVES) is not None or _part_of(cls) is not None or is_plain(value)
    return not callable(value)


def method_spec(method: object) -> dict[str, Any]:
    """A method as plain data: its kind and its options that differ from the defaults; a method inside it likewise.

    >>> method_spec(at("methods.trotter:Trotter")(steps=4))
    {'kind': 'trotter', 'steps': 4}
    """
    kind = kind_of(type(method))
    require(kind is not None, "method", f"be one of {', '.join([*METHODS, *offered('method')])}", method, MethodError)
    return {"kind": kind, **_options(method)}


def _options(value: object) -> dict[str, Any]:
    """The fields that differ from their defaults, as plain data."""
    assert is_dataclass(value)
    given = {f.name: getattr(value, f.name) for f in fields(value) if getattr(value, f.name) != f.default}
    return {name: _plain(v) for name, v in given.items()}


def _plain(value: object) -> Any:
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    if not is_dataclass(value):
        return value
    wave, part = _named(type(value), WAVES), _part_of(type(value))
    if wave is not None:
        return {"initial": wave, **{f.name: _plain(getattr(value, f.name)) for f in fields(value)}}
    if part is not None:
        return {"kind": part, **{name: v for name, v in _options(value).items() if v is not None}}
    return method_spec(value)


def method_from_spec(spec: Mapping[str, object]) -> Any:
    """A method from :func:`method_spec`'s plain data; raises :class:`MethodError` for unknown kinds or options.

    >>> method_from_spec({"kind": "trotter", "steps": 4})
    Trotter(steps=4, order=2, truncation=0.0, formula=None, ...)
    >>> method_from_spec({"kind": "growing", "method": {"kind": "trotter", "steps": 4}}).start
    4
    """
    options = dict(spec)
    kind = str(options.pop("kind", ""))
    cls = method_class(kind)
    before = OPTIONS_OF_BEFORE.get(kind_of(cls) or "", {})
    options = {before.get(name, name): value for name, value in options.items()}
    for name in options:
        one_of(name, f"method.{kind.replace('-', '_').lower()}", [f.name for f in fields(cls)], MethodError)
    try:
        return cls(**{name: _unplain(value, name) for name, value in options.items()})
    except TypeError as error:
        raise MethodError(
            f"Argument `method` must name every option of {cls.__name__} that has no default: {error}."
        ) from None


def _unplain(value: object, option: str) -> Any:
    """A method, a part of one or an initial wave that was written as plain data; ``option`` is what it stands for."""
    parts = {kind: part for kind, part in PARTS.items() if part.option == option}
    if isinstance(value, str) and parts:
        value = {"kind": value}
    if not isinstance(value, Mapping):
        return value
    shown = str(value.get("kind", "")).lower() in WAVES and not parts
    if shown:  # written like a method on the command line: end=gaussian(center=1, width=0.7)
        value = {"initial": str(value["kind"]).lower(), **{k: v for k, v in value.items() if k != "kind"}}
    if parts and "initial" not in value:
        return _part(dict(value), option, parts)
    if "kind" in value:
        return method_from_spec(value)
    if "initial" in value:
        options = dict(value)
        named = one_of(options.pop("initial"), "initial", WAVES, MethodError)
        cls = at(WAVES[named])
        for name in options:
            one_of(name, "initial", [f.name for f in fields(cls)], MethodError)
        return cls(**{**({} if shown else WAVES_OF_BEFORE.get(named, {})), **options})
    return value


def _part(options: dict[str, object], option: str, parts: Mapping[str, Part]) -> Any:
    """A part of a method; where an option has only one kind of part, its kind may be left out."""
    kind = str(options.pop("kind", next(iter(parts)) if len(parts) == 1 else "")).replace("-", "_").lower()
    part = parts[one_of(kind, f"method.{option}", parts, MethodError)]
    make: Callable[..., Any] = at(part.make)
    for name in options:
        one_of(name, f"method.{option}", [f.name for f in fields(at(part.cls))], MethodError)
    try:
        return make(**options)
    except TypeError as error:
        raise MethodError(f"Argument `method.{option}` must name every option of {kind}: {error}.") from None
