"""Methods and their parts, initial waves, schedules and weight spaces by name: tables of names and places, and the one codec.

A place is ``"module:Class"``, the module relative to the package; it is imported when it is asked for. Methods and schedules of
other packages are found by their entry points (`base/entry_points.py`), which are read only for a name that the table does not
have. The codec goes over the fields of a dataclass (of a method those that differ from their defaults), and makes the object
again from their names. Problem files, trajectories and run folders all go through it; a part that is no plain data, a circuit, goes
into a file beside it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, NamedTuple

import numpy as np

from .entry_points import load, offered, offered_as
from .errors import MethodError, QMLDynamicsError, line, one_of, require

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
}
SCHEDULE_PAIRS: dict[str, str] = {"qhd": "model.schedules:QHD"}  # of diffusion and strength
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


class Beside(NamedTuple):
    """The files beside stored plain data: a circuit by its name, and the versions of libraries that wrote it and that read it."""

    circuit: Callable[[str], Any]
    then: Mapping[str, str]
    now: Callable[[str], str]


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


def _part_of(cls: type) -> str | None:
    return named(cls, {name: part.cls for name, part in PARTS.items()})


def is_plain(method: object, *, files: bool = False) -> bool:
    """Whether a method has a name and can be written as plain data, and so can the methods and parts inside it.

    ``files``: files beside the plain data may hold what is none.

    >>> is_plain(at("methods.trotter:Trotter")(4)), is_plain("trotter")
    (True, False)
    """
    if kind_of(type(method)) is None or not is_dataclass(method):
        return False
    return all(_storable(value, files, name) for name, value in field_values(method).items())


def _storable(value: object, files: bool, option: str = "") -> bool:
    """Whether a file gives an option back as it was: numbers, texts, sequences and tables of them, and parts that have a name."""
    if value is None or type(value) in (bool, int, float, str):
        return True
    if isinstance(value, (np.bool_, np.integer, np.floating)):
        return True
    if isinstance(value, (list, tuple)):
        return all(_storable(inner, files) for inner in value)
    if isinstance(value, Mapping):
        plain = all(isinstance(name, str) and _storable(inner, files) for name, inner in value.items())
        return plain and not {"kind", "initial"} & set(value)  # which stand for parts
    wave, part = named(type(value), WAVES), _part_of(type(value))
    if part is not None:  # read back by the name of the option that it is for
        return PARTS[part].option == option and (files or not PARTS[part].write)
    return wave != ARRAY_WAVE if wave is not None else is_plain(value, files=files)


def holds_code(method: object) -> bool:
    """Whether a function, or a part of a class of one's own, stands inside a method: no other process could find it.

    >>> holds_code(at("methods.trotter:Trotter")(4))
    False
    """
    inside = field_values(method).items() if is_dataclass(method) else ()
    own = {part.option for part in PARTS.values()}
    return any(
        callable(value)
        or (name in own and _part_of(type(value)) is None and not isinstance(value, (int, float, str, type(None))))
        or (kind_of(type(value)) is not None and holds_code(value))
        for name, value in inside
    )


def field_values(value: object) -> dict[str, Any]:
    """The fields that a dataclass is made with, by name; not those that it derives from them.

    >>> field_values(at("model.schedules:Linear")(0.0, 1.0))
    {'start': 0.0, 'stop': 1.0}
    """
    assert is_dataclass(value)
    return {f.name: getattr(value, f.name) for f in fields(value) if f.init}


def required(cls: type) -> list[str]:
    """The fields of a dataclass that have no default.

    >>> required(at("methods.trotter:Trotter")), required(at("model.initial:PointMass"))
    ([], ['point'])
    """
    return [f.name for f in fields(cls) if f.default is f.default_factory]


def made(
    cls: type,
    options: Mapping[str, object],
    unknown: Callable[[str, list[str]], object],
    missing: Callable[[str], object],
    make: Callable[..., Any] | None = None,
) -> Any:
    """``cls(**options)``, or ``make(**options)`` in its place, with the names of the options checked first.

    ``unknown`` is called with the first name that no field has and the names of the fields, ``missing`` with what Python says where
    one without a default is left out; both raise in the words of the file that is read.
    """
    known = [f.name for f in fields(cls)]
    for name in options:
        if name not in known:
            unknown(name, known)
    left_out = [name for name in required(cls) if name not in options]
    try:
        return (make or cls)(**options)
    except QMLDynamicsError:
        raise
    except Exception as error:  # a class of another package refuses its options in words of its own
        if isinstance(error, OSError) and make is not None:  # the file of a part is not there
            raise
        reason = line(str(error)).removesuffix(".")
        if not left_out:
            said = f"{type(error).__name__}: {reason}"
            raise MethodError(
                f"Argument `method` must have options that {cls.__name__} takes, but it raises {said}."
            ) from None
    return missing(reason)


def _made(
    cls: type, options: Mapping[str, object], where: str, whole: tuple[str, str], make: Callable[..., Any] | None = None
) -> Any:
    """:func:`made` in the words of methods; ``whole``: the argument that lacks an option, and of what."""

    def missing(reason: str) -> None:
        """Refuse options without one that has no default."""
        raise MethodError(f"Argument `{whole[0]}` must name every option of {whole[1]}: {reason}.")

    return made(cls, options, lambda name, known: one_of(name, where, known, MethodError), missing, make)


def method_spec(method: object, files: dict[str, bytes] | None = None) -> dict[str, Any]:
    """A method as plain data: its kind and its options that differ from the defaults; a method inside it likewise.

    ``files`` takes what is no plain data, by the names of files.

    >>> method_spec(at("methods.trotter:Trotter")(steps=4))
    {'kind': 'trotter', 'steps': 4}
    """
    kind = kind_of(type(method))
    require(kind is not None, "method", f"be one of {', '.join([*METHODS, *offered('method')])}", method, MethodError)
    for name, value in field_values(method).items():
        require(_storable(value, True, name), f"method.{name}", "be plain data to be written", value, MethodError)
    return {"kind": kind, **_options(method, files)}


def _options(value: object, files: dict[str, bytes] | None) -> dict[str, Any]:
    """The fields that differ from their defaults, as plain data."""
    assert is_dataclass(value)
    defaults = {f.name: f.default for f in fields(value)}
    return {name: _plain(v, files) for name, v in field_values(value).items() if v != defaults[name]}


def _plain(value: object, files: dict[str, bytes] | None) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(v, files) for v in value]
    if isinstance(value, Mapping):
        return {name: _plain(v, files) for name, v in value.items()}
    if not is_dataclass(value):
        return value
    wave, part = named(type(value), WAVES), _part_of(type(value))
    if wave is not None:
        return {"initial": wave, **{name: _plain(v, files) for name, v in field_values(value).items()}}
    if part is not None and files is not None and PARTS[part].write:
        return {"kind": part, **at(PARTS[part].write)(value, files)}
    if part is not None:
        return {"kind": part, **{name: v for name, v in _options(value, files).items() if v is not None}}
    return method_spec(value, files)


def method_from_spec(spec: Mapping[str, object], files: Beside | None = None) -> Any:
    """A method from :func:`method_spec`'s plain data, and the files beside it; raises :class:`MethodError` for unknown kinds or options.

    >>> method_from_spec({"kind": "trotter", "steps": 4})
    Trotter(steps=4, order=2, truncation=0.0, formula=None, ...)
    >>> method_from_spec({"kind": "growing", "method": {"kind": "trotter", "steps": 4}}).start
    4
    """
    options = dict(spec)
    kind = str(options.pop("kind", ""))
    cls = method_class(kind)
    before, where = OPTIONS_OF_BEFORE.get(kind_of(cls) or "", {}), f"method.{kind.replace('-', '_').lower()}"
    options = {before.get(name, name): value for name, value in options.items()}

    def make(**given: object) -> Any:
        """The method from options as plain data."""
        return cls(**{name: _unplain(value, name, files) for name, value in with_tuples(cls, given).items()})

    return _made(cls, options, where, ("method", f"{cls.__name__} that has no default"), make)


def with_tuples(cls: type, options: Mapping[str, object]) -> dict[str, object]:
    """Options of a class, with tuples in the place of the lists of a file, but where a field is a list."""
    lists = {f.name for f in fields(cls) if str(f.type).lower().startswith(("list", "typing.list", "<class 'list"))}
    return {name: value if name in lists else _tuple(value) for name, value in options.items()}


def _tuple(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _tuple(inner) for name, inner in value.items()}
    return tuple(map(_tuple, value)) if isinstance(value, list) else value


def holds_none(spec: object) -> bool:
    """Whether plain data of a method says None anywhere, which TOML has no word for.

    >>> holds_none({"kind": "mine", "limit": None}), holds_none({"kind": "trotter", "steps": 4})
    (True, False)
    """
    if isinstance(spec, Mapping):
        return any(map(holds_none, spec.values()))
    return any(map(holds_none, spec)) if isinstance(spec, (list, tuple)) else spec is None


def _unplain(value: object, option: str, files: Beside | None) -> Any:
    """A method, a part of one or an initial wave that was written as plain data; ``option`` is what it stands for."""
    parts = {kind: part for kind, part in PARTS.items() if part.option == option and (files or not part.read)}
    if isinstance(value, str) and parts:
        value = {"kind": value}
    if isinstance(value, (list, tuple)):
        return type(value)(_unplain(v, "", files) for v in value)
    if not isinstance(value, Mapping):
        return value
    shown = str(value.get("kind", "")).lower() in WAVES and not parts
    if shown:  # written like a method on the command line: end=gaussian(center=1, width=0.7)
        value = {"initial": str(value["kind"]).lower(), **{k: v for k, v in value.items() if k != "kind"}}
    if parts and "initial" not in value:
        return _part(dict(value), option, parts, files)
    if "kind" in value:
        return method_from_spec(value, files)
    if "initial" in value:
        options = dict(value)
        kind = one_of(options.pop("initial"), "initial", WAVES, MethodError)
        options = {**({} if shown else WAVES_OF_BEFORE.get(kind, {})), **options}
        return _made(at(WAVES[kind]), options, "initial", ("initial", kind))
    return {name: _unplain(v, "", files) for name, v in value.items()}


def _part(options: dict[str, object], option: str, parts: Mapping[str, Part], files: Beside | None) -> Any:
    """A part of a method; where an option has only one kind of part, its kind may be left out."""
    kind = str(options.pop("kind", next(iter(parts)) if len(parts) == 1 else "")).replace("-", "_").lower()
    part = parts[one_of(kind, f"method.{option}", parts, MethodError)]
    if part.read:
        return at(part.read)(options, files)
    where = f"method.{option}"
    return _made(at(part.cls), options, where, (where, kind), at(part.make))
