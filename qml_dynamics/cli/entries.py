"""What ``qml-dynamics list`` knows beside methods: losses, ansatze, schedules and backends, each with options and an example line.

Read from the registries that problem files and methods use, so that a name that works anywhere is listed here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from ..backends import available
from ..backends.options import DeviceOptions
from ..base.errors import one_of
from ..base.registry import PARTS, at
from ..model.objectives.prepared import MODELS, OPTIONS
from ..model.objectives.registry import NAMED
from ..model.objectives.tables import ising, qubo
from ..model.schedules import QHD, schedule_class, schedule_names
from ..runs.problem_file.schema import OBJECTIVES
from .completion import FROM_FILE, LOSSES_OF

_DATA = {
    "ising": '[objective] name = "ising", params = {h = [0.5, 0.0], J = [[0.0, 1.0], [0.0, 0.0]]}',
    "qubo": '[objective] name = "qubo", params = {Q = [[1.0, -2.0], [0.0, 1.0]]}',
}
_KEYS = {  # what an example line of a kind of loss says, and where its weights are
    "expression": ('"x0**2 + sin(3*x1)"', "as many weights as it names, on a box of [domain]"),
    "table": ('"losses.npy"', "a value at every point of [domain]"),
    "function": ('"losses:mine"', "code of your own, in losses.py beside the file, with --allow-code only"),
}
_SCHEDULES = {
    "constant": "value = 0.5",
    "linear": 'schedule = "linear", params = {start = 1.0, stop = 0.1}',
    "geometric": 'schedule = "geometric", params = {start = 1.0, stop = 0.05}',
    "power_law": 'schedule = "power_law", params = {scale = 1.0, power = -1.0, offset = 0.5}',
    "knots": 'schedule = "knots", params = {values = [1.0, 0.4, 0.1]}',
    "oscillation": 'schedule = "oscillation", params = {amplitude = 0.5, frequency = 3.0, mean = 1.0}',
    "pulse": 'schedule = "pulse", params = {amplitude = 1.0, center = 2.0, width = 0.3}',
    "jumps": 'schedule = "jumps", params = {values = [1.0, 0.2], times = [0.5]}',
    "qhd": 'schedule = "qhd"',
}


@dataclass(frozen=True)
class Entry:
    """One line of a list.

    Attributes:
        name: as it is written in files and on the command line.
        summary: the first sentence of its description.
        where: where it runs, or what it is for.
        options: name to default, as text; without one it must be given.
        example: one line that uses it.
    """

    name: str
    summary: str
    where: str
    options: dict[str, str]
    example: str

    def text(self) -> str:
        """The entry for people."""
        given = ", ".join(f"{name}={value}" if value else name for name, value in self.options.items())
        lines = [f"{self.name}: {self.summary}", f"  where     {self.where}", f"  options   {given or 'none'}"]
        return "\n".join([*lines, f"  example   {self.example}"])


def entries_of(kind: str, name: str | None = None) -> list[Entry]:
    """All entries of a kind (``objectives``, ``ansatze``, ``schedules``, ``backends``), or the one of a name.

    Raises:
        ProblemError: there is no such name.

    >>> entries_of("schedules", "linear")[0].example
    'schedule = "linear", params = {start = 1.0, stop = 0.1}'
    """
    found = _KINDS[one_of(kind, "what", _KINDS)]()
    if name is None:
        return found
    wanted = one_of(name, "name", [entry.name for entry in found])
    return [entry for entry in found if entry.name == wanted]


def _objectives() -> list[Entry]:
    rows = []
    for name, make in NAMED.items():
        loss = make()
        box = " x ".join(f"[{low:g}, {high:g}]" for low, high in loss.bounds or ())
        least = "" if loss.minimum is None else f", minimum {loss.minimum:.6g}"
        where = f"{len(loss.bounds or ())} weights on {box}{least}"
        rows.append(Entry(name, _summary(make), where, _options(make), f'[objective] name = "{name}"'))
    for name, make in (("ising", ising), ("qubo", qubo)):
        rows.append(Entry(name, _summary(make), "binary weights (a hypercube)", _options(make), _DATA[name]))
    rows += [_on_data(name) for name in LOSSES_OF["data"]]
    for name, (value, where) in _KEYS.items():
        rows.append(Entry(name, _summary(OBJECTIVES[name]), where, _keys(name), f"[objective] {name} = {value}"))
    return rows


def _on_data(name: str) -> Entry:
    """A model on the rows of a file, with the keys of the file and its own."""
    taken = {key for keys in OPTIONS.values() for key in keys}
    own = {key: default for key, default in _options(MODELS[name]).items() if key in OPTIONS[name]}
    options = {key: default for key, default in _keys("data").items() if key not in taken | {"model"}} | own
    example = f'[objective] data = "my.csv", target = "kind", model = "{name}"'
    return Entry(name, _summary(MODELS[name]), "rows of a table with two classes", options, example)


def _keys(kind: str) -> dict[str, str]:
    """The keys of a kind of `[objective]` but the one that says which it is."""
    known = OBJECTIVES[kind].model_fields.items()
    return {key: "" if field.is_required() else repr(field.default) for key, field in known if key != kind}


def _ansatze() -> list[Entry]:
    examples = {
        "hamiltonian": "--method 'variational:ansatz=hamiltonian(layers=6),steps=60'",
        "hardware_efficient": "--method 'variational:ansatz=hardware_efficient(layers=3),steps=60'",
        "bare": "--method 'variational:ansatz=bare(),steps=60,grow=growth()'",
    }
    rows = []
    for name, part in PARTS.items():
        if part.option == "ansatz" and name != FROM_FILE:
            make = at(part.make)
            options = _options(make)
            where = "a state vector, or any backend by measured circuits, as `ansatz` of variational"
            example = examples.get(name, f"--method 'variational:ansatz={name}(),steps=60'")
            rows.append(Entry(name, _summary(make), where, options, example))
    return rows


def _schedules() -> list[Entry]:
    rows = []
    for name in schedule_names():
        cls = QHD if name == "qhd" else schedule_class(name)
        where = "[diffusion] and [strength]" + (", a pair for both" if name == "qhd" else "")
        example = _SCHEDULES.get(name, f'schedule = "{name}"')
        rows.append(Entry(name, _summary(cls), where, _options(cls), example))
    return rows


def _backends() -> list[Entry]:
    rows = []
    for row in available():
        here = "installed" if row.installed else f"missing: {row.install}"
        exact = "exact states and samples" if row.exact else "samples"
        options = {}
        if row.name.startswith("ibm:"):
            options = {name: repr(f.default) for name, f in DeviceOptions.__dataclass_fields__.items()}
        elif row.name.startswith("aer"):
            options = {"noise_model": "None", "precision": "'double'"}
        elif row.name.startswith("pennylane:"):
            options = {"analytic": "None", "keywords of qml.device": ""}
        name = row.name.replace("<device>", "manila" if "fake" in row.name else "ibm_fez")
        example = f"--backend {name} --shots 4000"
        rows.append(Entry(row.name, f"{row.kind}, noise: {row.noise}, {exact}.", here, options, example))
    return rows


_KINDS: dict[str, Callable[[], list[Entry]]] = {
    "objectives": _objectives,
    "ansatze": _ansatze,
    "schedules": _schedules,
    "backends": _backends,
}


def _summary(thing: Callable[..., object]) -> str:
    return " ".join((thing.__doc__ or "").strip().split("\n\n")[0].split())


def _options(thing: Callable[..., object]) -> dict[str, str]:
    return {
        name: "" if option.default is inspect.Parameter.empty else repr(option.default)
        for name, option in inspect.signature(thing).parameters.items()
        if option.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    }
