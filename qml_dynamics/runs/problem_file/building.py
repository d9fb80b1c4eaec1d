"""From the sections of a problem file, or the plain data of `describe.py`, to a :class:`Problem`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...base.codec import made, required
from ...base.errors import describe
from ...base.places import Place
from ...base.registry import ARRAY_WAVE, SCHEDULE_PAIRS, SPACES, WAVES, WAVES_OF_BEFORE, at
from ...model.domains import Domain, Grid, Hypercube
from ...model.initial import Initial, State
from ...model.masks import as_masks
from ...model.objectives.data import Dataset
from ...model.operator_sum import OperatorSum, read_scheduled
from ...model.pauli import PauliSum, pauli_sum, with_wires
from ...model.problem import Problem
from ...model.schedules import Constant, Schedule, schedule_class, schedule_names
from . import schema
from .messages import fail, nearest, within
from .objective import find_array, objective_from_spec
from .operator_file import operator_text
from .schema import check

Arrays = Mapping[str, np.ndarray]


def problem_from_spec(
    spec: Mapping[str, object], arrays: Arrays | None = None, folder: Path | None = None, *, allow_code: bool = False
) -> Problem:
    """A problem from the sections of a problem file (`describe.describe_problem` writes the same form).

    Args:
        spec: section name to its keys; ``[method]`` and ``[backend]`` are left to others.
        arrays: tables and states by name, for specs that refer to arrays of a saved run.
        folder: where the files that the sections name are; without it only ``arrays`` is searched.
        allow_code: run code that the sections name (``function = "module:function"``), and read files outside ``folder``.

    Raises:
        ProblemError: in one line that names the section and the key.

    >>> sections = {"domain": {"kind": "grid", "bounds": [-2, 2], "qubits": 4}, "objective": {"expression": "x0**2"},
    ...             "diffusion": {"value": 0.5}, "evolution": {"clock": "real", "duration": 1.0}}
    >>> problem_from_spec(sections).domain.shape
    (16,)
    """
    return build(spec, arrays or {}, Place(None if folder is None else Path(folder), allow_code))[0]


def build(spec: Mapping[str, object], arrays: Arrays, place: Place) -> tuple[Problem, Dataset | None]:
    """The problem, and the data set of its objective where it has one."""
    for section in spec:
        if section not in schema.SECTIONS:
            fail(section, f"is not a section of a problem file.{nearest(section, schema.SECTIONS)}")
    clock = check("evolution", schema.EvolutionSection, spec.get("evolution", {}))
    if "operator" in spec:
        return _from_operator(spec, clock, arrays, place), None
    for section in ("domain", "objective", "diffusion"):
        if section not in spec:
            fail(section, "must be there: no problem is without it.")
    domain = _domain(spec["domain"])
    stated = spec["objective"]
    if isinstance(stated, Mapping) and stated.get("kind") == "custom":
        fail("objective", "is a function of your own on too many points for a table, which no file can hold.")
    objective, data = objective_from_spec(spec["objective"], domain, arrays, place)
    diffusion = _schedule("diffusion", spec["diffusion"])
    strength = _strength(spec)
    initial = _initial(spec.get("initial", {"kind": "uniform"}), domain, arrays, place)
    with within("evolution"):
        problem = Problem(
            domain, objective, diffusion, strength, clock=clock.clock, initial=initial, duration=clock.duration
        )
    return problem, data


def _domain(data: object) -> Domain:
    data = schema.require_table("domain", data)
    kind = data.get("kind")
    if not isinstance(kind, str) or kind not in schema.DOMAINS:
        given = "is missing" if kind is None else f"is {describe(kind)}"
        fail("domain", f"kind must be one of {', '.join(schema.DOMAINS)}, but {given}.{nearest(kind, schema.DOMAINS)}")
    section = check("domain", schema.DOMAINS[kind], data)
    options = {name: value for name, value in section if name != "kind" and value is not None}
    if isinstance(section, schema.GridSection):
        return _grid(options)
    found: Domain = _make("domain", at(SPACES[kind]), options)
    return found


def _grid(options: dict[str, Any]) -> Grid:
    """A grid by its qubits, or by its points."""
    if not {"qubits", "points"} & set(options):
        fail("domain", "qubits must be given: an integer, or one integer an axis.")
    if {"qubits", "points"} <= set(options):
        fail("domain", "qubits must be absent beside points.")
    with within("domain"):
        return Grid(**options)


def _schedule(section: str, data: object) -> Schedule:
    data = schema.require_table(section, data)
    if "schedule" not in data:
        with within(section):
            return Constant(check(section, schema.ValueSection, data).value)
    kind, params = _kind_and_params(section, data)
    if kind == "custom":
        fail(section, f"schedule is one of your own, {params.get('repr', '')}, which no file can hold.")
    if kind == "constant" and set(params) == {"value"}:  # the word that `value = ...` uses
        params = {"value0": params["value"]}
    with within(section):
        cls = schedule_class(kind)
    found = _make(section, cls, params)
    if kind not in SCHEDULE_PAIRS:
        out: Schedule = found
        return out
    return found.diffusion if section == "diffusion" else found.strength  # type: ignore[no-any-return]


def _kind_and_params(section: str, data: object) -> tuple[str, dict[str, Any]]:
    parsed = check(section, schema.ScheduleSection, data)
    kind, names = parsed.schedule, schedule_names()
    if kind not in (*names, "custom"):
        must = f"schedule must be one of {', '.join(names)}"
        fail(section, f"{must}, but is {describe(kind)}.{nearest(kind, names)}")
    return kind, dict(parsed.params)


def _strength(spec: Mapping[str, object]) -> Schedule:
    """The strength; quantum Hamiltonian descent brings its own, and 1 is usual."""
    if "strength" in spec:
        return _schedule("strength", spec["strength"])
    diffusion = spec.get("diffusion", {})
    if isinstance(diffusion, Mapping) and diffusion.get("schedule") in SCHEDULE_PAIRS:
        return _schedule("strength", diffusion)
    return _schedule("strength", {"value": 1.0})


def _initial(data: object, domain: Domain, arrays: Arrays, place: Place) -> Initial:
    section = check("initial", schema.InitialSection, data)
    if section.kind == "custom":
        fail("initial", f"kind is one of your own, {section.params.get('repr', '')}, which no file can hold.")
    if section.kind != "state" and section.array is not None:
        fail("initial", "array must be absent unless kind is state.")
    with within("initial"):
        params = {**WAVES_OF_BEFORE.get(section.kind, {}), **section.params}
        if section.kind == ARRAY_WAVE:
            params = {"amplitudes": _amplitudes(section, arrays, place)}
        initial: Initial = _make("initial", at(WAVES[section.kind]), params)
        if isinstance(initial, State) or domain.num_qubits <= 20:  # what does not fit is told here, not in the run
            initial.vector(domain)
        return initial


def _amplitudes(section: schema.InitialSection, arrays: Arrays, place: Place) -> Any:
    if (section.array is None) == ("amplitudes" not in section.params):
        fail("initial", "array must be given, or amplitudes in params, but not both.")
    if section.array is not None:
        return find_array("initial", "array", section.array, arrays, place)
    return section.params["amplitudes"]


def _make(section: str, cls: type, params: Mapping[str, object]) -> Any:
    """``cls(**params)`` with the names of the parameters checked first."""

    def unknown(name: str, known: list[str]) -> None:
        """Refuse a parameter that the class does not have."""
        listed = ", ".join(known) or "empty"
        fail(section, f"params must be among {listed}, but has `{name}`.{nearest(name, known)}")

    def missing(reason: str) -> None:
        """Refuse parameters without one that has no default."""
        fail(section, f"params must hold {', '.join(required(cls))}, but is {describe(dict(params))}.")

    with within(section):
        return made(cls, params, unknown, missing)


def _from_operator(spec: Mapping[str, object], clock: schema.EvolutionSection, arrays: Arrays, place: Place) -> Problem:
    for section in ("objective", "diffusion"):
        if section in spec:
            fail(section, "must be absent beside [operator]: the Hamiltonian is its strength times the operator.")
    stated = check("operator", schema.OperatorSection, spec["operator"])
    terms, wires = _stated_operator(stated, place)
    domain = Hypercube(terms.num_qubits)
    if "domain" in spec and _domain(spec["domain"]) != domain:
        fail("domain", f"must be a hypercube of {terms.num_qubits} weights beside this [operator], or absent.")
    initial = _initial(spec.get("initial", {"kind": "uniform"}), domain, arrays, place)
    strength = _strength(spec)
    with within("operator"):
        return Problem.from_operator(
            terms,
            clock=clock.clock,
            duration=clock.duration,
            initial=initial,
            wires=wires,
            strength=strength,
        )


def _stated_operator(
    stated: schema.OperatorSection, place: Place
) -> tuple[PauliSum | OperatorSum, Sequence[int | str] | None]:
    """The operator of a section, of labels, of a file, or of terms with schedules, and the labels of its wires."""
    if stated.terms is None and stated.file is None:
        return _pauli_terms(stated), stated.wires
    if stated.terms is None:
        text = _text_in_file(stated, place)
        with within("operator"):
            return with_wires(text, stated.wires, num_qubits=stated.num_qubits)
    for key in ("labels", "coefficients", "file", "dataset"):
        if getattr(stated, key) is not None:
            fail("operator", f"{key} must be absent beside terms, or stand in one of them.")
    parts = [_scheduled(f"operator.terms[{k}]", data, stated, place) for k, data in enumerate(stated.terms)]
    with within("operator"):
        return read_scheduled(parts, stated.wires, stated.num_qubits, "terms")


def _scheduled(
    name: str, data: Mapping[str, Any], stated: schema.OperatorSection, place: Place
) -> tuple[Schedule, PauliSum | str | list[tuple[str, float]]]:
    """One of the terms: its schedule and its operator, which is left unread where its labels or its file may name qubits."""
    term = check(name, schema.OperatorTerm, data)
    if (term.schedule is not None and term.value is not None) or (term.schedule is None and term.params is not None):
        fail(name, "value must be absent beside a schedule, and params without one.")
    said = {"value": 1.0 if term.value is None else term.value}
    schedule = _schedule(
        name, said if term.schedule is None else {"schedule": term.schedule, "params": term.params or {}}
    )
    own = {key: getattr(term, key) for key in ("labels", "coefficients", "file", "dataset")}
    section = schema.OperatorSection(**own, num_qubits=stated.num_qubits, wires=stated.wires)
    if section.file is None and any(set(label) & _DIGITS for label in section.labels or ()):
        return schedule, list(zip(section.labels or (), map(float, section.coefficients or ())))
    return schedule, _text_in_file(section, place, name) if section.file is not None else _pauli_terms(section, name)


_DIGITS = set("0123456789")


def _text_in_file(section: schema.OperatorSection, place: Place, name: str = "operator") -> str:
    assert section.file is not None
    if section.labels is not None or section.coefficients is not None:
        fail(name, "file must be absent beside labels and coefficients, or they beside it.")
    path = place.file(name, "file", section.file)
    with within(name):
        return operator_text(path, section.dataset)


def _pauli_terms(section: schema.OperatorSection, name: str = "operator") -> PauliSum:
    if section.labels is None or section.coefficients is None:
        fail(name, "labels and coefficients must be given, or a file.")
    if section.dataset is not None:
        fail(name, "dataset must be absent without a file.")
    labels, coefficients = section.labels, np.array(section.coefficients, dtype=float)
    if not labels or len(labels) != len(coefficients):
        fail(
            name,
            f"coefficients must be {len(labels)} numbers, one a label, but are {len(coefficients)}.",
        )
    if any(set(label) & _DIGITS for label in labels):
        with within(name):
            pairs = list(zip(labels, coefficients.tolist()))
            return pauli_sum(pairs, section.wires, num_qubits=section.num_qubits)
    widths = {len(label) for label in labels}
    if len(widths) != 1 or 0 in widths or not all(set(label) <= set("IXYZ") for label in labels):
        fail(name, f"labels must be of one length and letters I, X, Y, Z, but are {describe(labels)}.")
    if len(set(labels)) != len(labels):
        fail(name, "labels must differ from each other, but one is there twice.")
    if section.num_qubits not in (None, widths.copy().pop()):
        fail(name, f"num_qubits must be {widths.pop()}, the length of the labels, but is {section.num_qubits}.")
    width = widths.pop()
    x, z = (as_masks([_mask(label, letters) for label in labels], width) for letters in ("XY", "ZY"))
    return PauliSum(width, x, z, coefficients)


def _mask(label: str, letters: str) -> int:
    return int("".join("1" if letter in letters else "0" for letter in label), 2)
