"""The identity of a call as plain data and arrays: two calls are the same where these agree to 1e-9.

A loss is its values on the points of the problem, a circuit what it does, a function its code, what it closes over and the globals
that it reads.
"""

from __future__ import annotations

import dis
import hashlib
import json
import re
import sys
from collections.abc import Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from functools import partial
from types import CodeType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..backends.base import Backend, capabilities
from ..backends.description import lasting
from ..base.codec import as_before, from_before, in_full, is_plain, method_spec
from ..base.differing import array_differences, differences
from ..model.domains import Domain, Grid
from ..model.hamiltonians import Hamiltonian, LearningHamiltonian
from ..model.objectives.base import Objective
from ..model.problem import Problem
from ..model.schedules import Constant

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_DEEP = 12
_POINTS = 4096  # at which a loss is asked that has too many for a table
_WAS = "the folder's is"
_MORE = "more:"  # before the names of arrays that folders of before do not have
_SIMPLE = (bool, int, float, str, np.ndarray, np.generic, Mapping, list, tuple, Set)
_BY_TEXT = ("builtins", "qiskit", "pennylane", "torch")
_CHANGES = frozenset(
    [
        "append",
        "extend",
        "insert",
        "add",
        "update",
        "setdefault",
        "pop",
        "popitem",
        "remove",
        "discard",
        "clear",
        "sort",
        "reverse",
        "fill",
    ]
)


class Identity:
    """Plain data and arrays of a call, by the names of its arguments.

    Attributes:
        plain, arrays: what every folder has.
        more: what folders of before do not have, by its path: arguments of partials, globals that functions read, slots, what a cache
            wraps, the device of a QNode. A call is compared by it where the folder has it.
    """

    def __init__(self, more: bool = True) -> None:
        self.plain: dict[str, Plain] = {}
        self.arrays: dict[str, np.ndarray] = {}
        self.more: Identity = Identity(False) if more else self
        self._read: set[tuple[CodeType, int]] = set()

    def add(self, name: str, value: object) -> None:
        """One argument."""
        self.plain[name] = self._of(value, name, 0)

    def add_problem(self, name: str, problem: Problem, h: Hamiltonian) -> None:
        """A problem, its loss by the values that its Hamiltonian has."""
        said: dict[str, Plain] = {
            "domain": self._of(problem.domain, f"{name}/domain", 0),
            "clock": problem.clock,
            "duration": float(problem.duration),
            "initial": self._of(problem.initial, f"{name}/initial", 0),
        }
        said["diffusion"] = self._of(problem.diffusion, f"{name}/diffusion", 0)
        said["strength"] = self._of(problem.strength, f"{name}/strength", 0)
        if isinstance(h, LearningHamiltonian) and problem.objective is not None and h.zeta.size == 0:
            said["loss"] = self._loss(f"{name}/loss", problem.domain, problem.objective)
        elif isinstance(h, LearningHamiltonian):
            self.arrays[f"{name}/loss"] = h.zeta
        else:
            said["operator"] = [f"{label}" for label in h.terms.labels]
            self.arrays[f"{name}/coefficients"] = np.asarray(h.terms.coefficients)
            if h.drives != (
                Constant(1.0),
            ):  # a call without schedules keeps the identity that it had before there were any
                said["schedules"] = self._of(h.drives, f"{name}/schedules", 0)
                said["channel"] = [int(k) for k in h.channels]
        self.plain[name] = said

    def _loss(self, name: str, domain: Domain, objective: Objective) -> Plain:
        """A loss on too many points for a table: its name in files, or else its code, and its values at some of the points."""
        some = np.random.default_rng(_POINTS).integers(0, domain.size, _POINTS)
        self.arrays[name] = objective(domain.points_at(some))
        return self._of(dict(objective.spec) or objective.fn, f"{name}/of", 0)

    def add_backend(self, name: str, backend: Backend | None) -> None:
        """A backend by its name, its options and what it says of itself that lasts."""
        if backend is None:
            self.plain[name] = None
            return
        said = json.dumps([lasting(backend), capabilities(backend).keywords], default=str, sort_keys=True)
        self.plain[name] = {"name": backend.name, "says": hashlib.sha256(said.encode()).hexdigest()[:32]}

    def stored(self) -> tuple[dict[str, object], dict[str, np.ndarray]]:
        """What :meth:`differs` compares with, as plain data by name, and arrays."""
        arrays = {f"{_MORE}{name}": array for name, array in self.more.arrays.items()}
        return {"plain": self.plain, "more": self.more.plain}, self.arrays | arrays

    def differs(self, meta: Mapping[str, object], arrays: Mapping[str, np.ndarray]) -> list[str]:
        """In words, in what this call differs from one of before, see :meth:`stored`."""
        plain, more = (meta.get(name) for name in ("plain", "more"))
        first = {name: array for name, array in arrays.items() if not name.startswith(_MORE)}
        found = differences(self.plain, from_before(plain) if isinstance(plain, dict) else {}, was=_WAS)
        found += array_differences(self.arrays, first, was=_WAS)
        if found or not isinstance(more, dict):
            return found
        then = {name.removeprefix(_MORE): array for name, array in arrays.items() if name.startswith(_MORE)}
        return differences(self.more.plain, more, was=_WAS) + array_differences(self.more.arrays, then, was=_WAS)

    def digest(self) -> str:
        """One text for all that every folder has, to the bit."""
        total = hashlib.sha256(json.dumps(as_before(self.plain), sort_keys=True).encode())
        for name, array in sorted(self.arrays.items()):
            total.update(f"{name} {array.dtype.str} {array.shape}".encode())
            total.update(np.ascontiguousarray(array).tobytes())
        return total.hexdigest()[:32]

    def _of(self, value: object, path: str, depth: int) -> Plain:
        if value is None or type(value) in (bool, int, float, str):
            return cast(Plain, value)
        if isinstance(value, (np.ndarray, np.generic)):
            return self._array(np.asarray(value), path)
        if depth > _DEEP:
            return _text(value)
        if isinstance(value, Mapping):
            return {str(k): self._of(v, f"{path}/{k}", depth + 1) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._of(v, f"{path}/{i}", depth + 1) for i, v in enumerate(value)]
        if isinstance(value, Set):
            return cast(Plain, sorted(_text(v) for v in value))
        if is_plain(value):
            aside = {f.name for f in fields(cast(Any, value)) if not f.compare}
            spec = {k: v for k, v in in_full(method_spec(value)).items() if k not in aside}
            return self._of(spec, path, depth + 1)
        if isinstance(value, (FunctionType, MethodType)):
            return self._function(value, path, depth)
        if is_dataclass(value) and not isinstance(value, type):
            self._add_more(_called(value), path, depth)
            parts = {f.name: getattr(value, f.name) for f in fields(value) if f.compare}
            if (
                isinstance(value, Grid) and value.encoding == "binary"
            ):  # keeps the identity from before there were others
                del parts["encoding"]
            return {"class": _name(type(value)), **cast(dict[str, Plain], self._of(parts, path, depth + 1))}
        return self._other(value, path, depth)

    def _array(self, array: np.ndarray, path: str) -> Plain:
        if array.dtype.hasobject:
            return cast(Plain, [_text(v) for v in array.ravel()])
        self.arrays[path] = array
        return {"array": list(array.shape)}

    def _function(self, function: FunctionType | MethodType, path: str, depth: int) -> Plain:
        bare = function.__func__ if isinstance(function, MethodType) else function
        cells = _read_only(cast(FunctionType, bare))
        rest: list[object] = [cells, bare.__defaults__, bare.__kwdefaults__]
        if isinstance(function, MethodType):
            rest.append(function.__self__)
        self.more._globals(cast(FunctionType, bare))
        return {"function": f"{bare.__module__}.{bare.__qualname__}", "code": _code(bare.__code__)} | {
            "holds": self._of(rest, path, depth + 1)
        }

    def _other(self, value: object, path: str, depth: int) -> Plain:
        """Circuits by what they do; QNodes and the like by their function; others by their text and attributes."""
        if hasattr(value, "num_clbits") and hasattr(value, "qubits"):
            return self._circuit(cast("QuantumCircuit", value), path)
        self._hidden(value, path, depth)
        inner = getattr(value, "func", None)
        if isinstance(inner, FunctionType):
            return {"class": _name(type(value)), "of": self._function(inner, path, depth)}
        said: dict[str, Plain] = {"class": _name(type(value)), "text": _text(value)}
        if _top(type(value)) in _BY_TEXT:
            return said
        own = getattr(value, "__dict__", None)
        if isinstance(own, dict) and own:
            said["holds"] = self._of({k: v for k, v in own.items() if not k.startswith("__")}, path, depth + 1)
        return said

    def _hidden(self, value: object, path: str, depth: int) -> None:
        """Of a partial its arguments, of a cache what it wraps, of a QNode its device, of a person's own object its slots and its call."""
        more: dict[str, object] = {}
        inner = getattr(value, "func", None)
        if isinstance(value, partial):
            more |= {"arguments": value.args, "keywords": value.keywords}
            more |= {} if isinstance(inner, FunctionType) else {"function": value.func}
        elif isinstance(inner, FunctionType) and hasattr(value, "device"):
            name = "compile_pipeline" if hasattr(value, "compile_pipeline") else "transform_program"
            transforms = getattr(value, name, None)
            node = value.device
            said = [getattr(node, part, None) for part in ("name", "wires")]
            more |= {"device": [_text(each) for each in said], "transforms": _text(transforms)}
        elif isinstance(inner, FunctionType) and _top(type(value)) not in _BY_TEXT:
            more["holds"] = {k: v for k, v in vars(value).items() if k != "func"} if hasattr(value, "__dict__") else {}
        if callable(wrapped := getattr(value, "__wrapped__", None)):
            more["wraps"] = wrapped
        if _is_own(type(value).__module__):
            more |= _slots(value)
        self._add_more(more | _called(value), path, depth)

    def _add_more(self, parts: Mapping[str, object], path: str, depth: int) -> None:
        for name, part in parts.items():
            self.more.plain[f"{path}/{name}"] = self.more._of(part, f"{path}/{name}", depth + 1)

    def _globals(self, function: FunctionType) -> None:
        """The globals that a person's own function reads: functions with what they read in turn, of objects only what is plain."""
        code, known = function.__code__, function.__globals__
        key = (code, id(known))
        if key in self._read or not _is_own(function.__module__):
            return
        self._read.add(key)
        label = f"globals of {function.__module__}.{function.__qualname__} ({_code(code)[:6]})"
        count = sum(name.startswith(label) for name in self.plain)  # the same code with globals of its own
        label += f" {count + 1}" * (count > 0)
        said: dict[str, Plain] = {}
        self.plain[label] = said
        for name in sorted(_globals_read(code)):
            if name in known and not name.startswith("__"):
                said[name] = self._global(known[name], f"{label}/{name}")

    def _global(self, value: object, path: str) -> Plain:
        if isinstance(value, ModuleType):
            return value.__name__
        if isinstance(value, type):
            return _name(value)
        inner = getattr(value, "func", None), getattr(value, "__wrapped__", None)
        if isinstance(value, (FunctionType, MethodType)) and not _is_own(value.__module__):
            return f"{value.__module__}.{value.__qualname__}"
        if isinstance(value, (FunctionType, MethodType)) or any(isinstance(each, FunctionType) for each in inner):
            return self._of(value, path, 0)
        simple = value is None or isinstance(value, _SIMPLE) or is_dataclass(value) or hasattr(value, "num_clbits")
        if simple or _is_own(type(value).__module__):
            return self._of(value, path, _DEEP - 1)
        return {
            "class": _name(type(value)),
            "text": _text(value),
        }  # loggers and tables note for themselves what was asked

    def _circuit(self, circuit: QuantumCircuit, path: str) -> Plain:
        from ..backends.records import probe

        self.arrays.update({f"{path}/{name}": array for name, array in probe(circuit).to_arrays().items()})
        return {"circuit": [circuit.num_qubits, circuit.num_clbits], "parameters": [p.name for p in circuit.parameters]}


def text_of_callback(callback: object) -> str | None:
    """A callback by its code and the plain values that it was made with; what it collects while it runs does not count."""
    if callback is None:
        return None
    inner: object = callback
    values: list[object] = []
    while isinstance(inner, partial):
        values += [*inner.args, *inner.keywords.values()]
        inner = inner.func
    bare = inner.__func__ if isinstance(inner, MethodType) else inner
    if not isinstance(bare, FunctionType):
        return _name(type(bare))
    cells = _read_only(bare)
    values += [*cells, *(bare.__defaults__ or ()), *(bare.__kwdefaults__ or {}).values()]
    plain = [repr(value) for value in values if isinstance(value, (bool, int, float, str, type(None)))]
    return f"{bare.__module__}.{bare.__qualname__} {_code(bare.__code__)} {plain}"


def _read_only(function: FunctionType) -> list[object]:
    """What a function closes over, without the variables that it writes itself: a counter is another each time that it is called."""
    written = _written(function.__code__)
    cells = zip(function.__code__.co_freevars, function.__closure__ or ())
    return [cell.cell_contents for name, cell in cells if name not in written and _filled(cell)]


def _written(code: CodeType) -> set[str]:
    """Variables of functions around it that a function, or one inside it, writes."""
    inner = [_written(each) for each in code.co_consts if isinstance(each, CodeType)]
    own = {str(step.argval) for step in dis.get_instructions(code) if step.opname in ("STORE_DEREF", "DELETE_DEREF")}
    return own.union(*inner) & set(code.co_freevars)


def _globals_read(code: CodeType) -> set[str]:
    """Globals that a function, or one inside it, reads and does not change."""
    steps = list(dis.get_instructions(code))
    changed = {str(s.argval) for s in steps if s.opname in ("STORE_GLOBAL", "DELETE_GLOBAL")}
    places = [k for k, s in enumerate(steps) if s.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
    changed |= {str(steps[k].argval) for k in places if _is_changed(steps[k + 1 :])}
    inner = [_globals_read(each) for each in code.co_consts if isinstance(each, CodeType)]
    return {str(steps[k].argval) for k in places}.union(*inner) - changed


def _is_changed(steps: Sequence[dis.Instruction]) -> bool:
    """Whether the object that was just loaded is changed: by a method such as ``append``, or an item or attribute by an assignment."""
    names = [step.opname for step in steps[:2]]
    if names[:1] in (["STORE_ATTR"], ["DELETE_ATTR"]) or names == ["COPY", "LOAD_ATTR"]:  # the last: `value.name += 1`
        return True
    if names[:1] in (["LOAD_ATTR"], ["LOAD_METHOD"]):
        return steps[0].argval in _CHANGES
    height = 1
    for step, after in zip(steps, [*steps[1:], None]):
        pair = height == 2  # the object and a key; with a slice in two parts there are three
        twice = after is not None and (step.opname, step.arg) == (after.opname, after.arg) == ("COPY", height)
        if pair and (step.opname in ("STORE_SUBSCR", "DELETE_SUBSCR") or twice):  # of `x[k] += 1` both are copied
            return True
        if height == 3 and (step.opname == "STORE_SLICE" or twice):
            return True
        if pair and step.opname.startswith("BINARY_"):
            return False
        height += dis.stack_effect(step.opcode, step.arg, jump=False)
        if height < 1 or "JUMP" in step.opname:
            return False
    return False


def _slots(value: object) -> dict[str, object]:
    """The slots of an object that are filled, by name."""
    slots = [s for cls in type(value).__mro__ for s in vars(cls).values() if isinstance(s, MemberDescriptorType)]
    found: dict[str, object] = {}
    for slot in slots:
        try:
            found[slot.__name__] = slot.__get__(value, type(value))
        except AttributeError:  # not filled
            continue
    return found


def _called(value: object) -> dict[str, object]:
    """The function that runs where an object of a person's own is called."""
    call = next((vars(cls)["__call__"] for cls in type(value).__mro__ if "__call__" in vars(cls)), None)
    return {"call": call} if isinstance(call, FunctionType) and _is_own(call.__module__) else {}


def _top(cls: type) -> str:
    return cls.__module__.partition(".")[0]


def _is_own(module: str | None) -> bool:
    """Whether a module is a person's own: no part of Python, of this library or of what is installed, whose versions decide."""
    top = str(module).partition(".")[0]
    if top in sys.stdlib_module_names or top == __name__.partition(".")[0]:
        return False
    file = str(getattr(sys.modules.get(str(module)), "__file__", None))
    return not {"site-packages", "dist-packages"} & set(re.split(r"[\\/]", file))


def _filled(cell: object) -> bool:
    try:
        return cell.cell_contents is not cell  # type: ignore[attr-defined]
    except ValueError:  # a variable that has no value yet
        return False


def _code(code: CodeType) -> str:
    """The instructions of a function and of those in it, and its constants: not where it stands."""
    inner: Sequence[object] = [_code(c) if isinstance(c, CodeType) else _text(c) for c in code.co_consts]
    return hashlib.sha256(repr((code.co_code, code.co_names, inner)).encode()).hexdigest()[:32]


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _text(value: object) -> str:
    if isinstance(value, frozenset):  # whose order depends on the process
        return f"frozenset({{{', '.join(sorted(_text(each) for each in value))}}})"
    if type(value) is tuple and any(isinstance(each, (frozenset, tuple)) for each in value):
        return f"({', '.join(_text(each) for each in value)}{',' * (len(value) == 1)})"
    return _ADDRESS.sub("", repr(value))
