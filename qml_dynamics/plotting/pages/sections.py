"""The sections of the page: problem, data, landscape, wave, energies, reference, budget.

Each takes the sources of a run and returns an element; where a run lacks a part its section says so, and how it is made.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from ...base.errors import describe
from ...base.estimate import Estimate
from ...model.domains import Domain, Grid
from ...model.objectives.prepared import Preparation
from ...model.operator_sum import OperatorSum
from ...model.spec import describe_domain, describe_problem
from ...model.tables import Account
from ...results.compact import CompactTrajectory
from ...results.trajectory import Trajectory, plain
from . import charts, wave
from .markup import Child, Element, code, data, element, estimate, pairs, table
from .sources import Sources, mapping

EQUATIONS = {
    "real": "i ∂ψ/∂t = H ψ",
    "imaginary": "∂ψ/∂τ = −H ψ",
    "classical": "∂S/∂t + D |∇S|² + s ζ = 0, the limit of Planck's constant 0",
}
MOST_ROWS = 200


def section(name: str, title: str, *children: Child | Sequence[Child]) -> Element:
    """A section with its heading, to which the list of contents leads."""
    return element("section", element("h2", title, id=name, tabindex="-1"), *children, aria_labelledby=name)


def note(text: str) -> Element:
    """A sentence that says what is not there, or how it is read."""
    return element("p", text, class_="note")


def figure(drawn: Element, caption: str) -> Element:
    """A picture with its caption."""
    return element("figure", drawn, element("figcaption", caption))


def details(summary: str, *children: Child) -> Element:
    """What is shown on demand."""
    return element("details", element("summary", summary), *children)


def flat(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    """Nested tables as rows of dotted names; long lists in short."""
    if isinstance(value, Mapping) and value:
        for key, each in value.items():
            yield from flat(each, f"{name}.{key}" if name else str(key))
    else:
        yield name, value


def cell(value: object) -> Child:
    """A value of plain data as the content of a cell: numbers with all their digits beside what is shown."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return data(value)
    if value is None:
        return "none"
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence) and len(value) > 12 and all(isinstance(each, int | float) for each in value):
        numbers = np.asarray(value, dtype=float)
        return element(
            "span", f"{len(numbers)} values, from ", data(float(numbers[0])), " to ", data(float(numbers[-1])), ", the largest ",
            data(float(numbers.max())),
        )  # fmt: skip
    if isinstance(value, Sequence) and 0 < len(value) <= 12 and all(isinstance(e, int | float | str) for e in value):
        parts: list[Child] = []
        for i, each in enumerate(value):
            parts += [", " if i else None, cell(each)]
        return element("span", parts)
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 600 else f"{text[:600]} …"


def measured(value: object) -> Child:
    """An estimate of plain data, or any other value."""
    known = mapping(value)
    number, stderr, shots = known.get("value"), known.get("stderr"), known.get("shots")
    if isinstance(number, int | float) and isinstance(stderr, int | float | None):
        return estimate(number, stderr, shots if isinstance(shots, int) else None)
    return "not known" if set(known) >= {"value", "stderr"} else cell(value)


def summary(sources: Sources, more: Sequence[Child] = ()) -> Element:
    """What was run, and what came out of it; ``more`` of a use of the equation."""
    run, rows = sources.run, list[tuple[str, Child]]()
    rows.append(("method", str(run.method)))
    rows.append(("run on", str(run.provenance.get("backend") or "NumPy, classically")))
    rows.append(("samples", "exact" if run.shots is None else element("span", data(run.shots), " a circuit and basis")))
    short = "The run in short, over the unit box, of the scaled loss" if sources.scaled else "The run in short"
    if run.best is not None:
        rows.append(("best loss", data(run.best.value)))
        rows.append(("best weights", _weights(run.best.weights)))
        rows.append(("best loss of as many uniform samples", data(run.best.uniform_value)))
    rows += [(f"{charts.MEANINGS.get(name, name)} at the end", _at_the_end(run, name)) for name in run.expectations]
    bounds = mapping(sources.said.get("ground")).get("sentences")
    rows += [("ground state", str(each)) for each in bounds] if isinstance(bounds, list) else []
    rows.append(("stop", run.stop or "not said"))
    return section("summary", "Summary", _verdict(sources), pairs(rows, short), *more)


def _verdict(sources: Sources) -> Element:
    said = sources.comparison
    if not said:
        return note("This run was not compared with a reference.")
    explained = mapping(said.get("explanation")).get("explained", False)
    good = bool(said.get("agree")) or bool(explained)
    word = (
        "Agrees with the reference. "
        if said.get("agree")
        else "Explained by its known errors. "
        if good
        else "Differs. "
    )
    text = str(said.get("verdict", ""))
    return element("p", element("strong", word, class_="good" if good else "bad"), text, class_="verdict")


def _weights(values: Sequence[float]) -> Element:
    parts: list[Child] = []
    for i, value in enumerate(values):
        parts += [", " if i else None, data(float(value))]
    return element("span", "(", parts, ")")


def _at_the_end(run: Trajectory, name: str) -> Child:
    last = run.expectations[name][-1]
    return estimate(float(last.value), float(last.stderr), last.shots)


def problem(sources: Sources) -> Element:
    """The equation, the weight space, the loss, schedules, initial wave and method."""
    run = sources.run
    hamiltonian = "H(t) = s(t) × a sum of Pauli strings"
    if run.problem.operator is None:
        hamiltonian = "H(t) = −D(t) ∇² + s(t) ζ(w)"
    elif isinstance(run.problem.operator, OperatorSum):
        hamiltonian = "H(t) = s(t) × the sum over k of s_k(t) H_k, each a sum of Pauli strings"
    equation = element("p", element("code", EQUATIONS[run.problem.clock]), ", ", element("code", hamiltonian))
    return section("problem", "Problem", equation, pairs(_problem_rows(run), "What is evolved"), _problem_file(sources))


def _problem_rows(run: Trajectory) -> list[tuple[str, Child]]:
    stated, domain = run.problem, run.problem.domain
    spec: dict[str, Any] = (
        {"domain": describe_domain(domain)} if isinstance(run, CompactTrajectory) else describe_problem(stated)[0]
    )
    rows: list[tuple[str, Child]] = [("weight space", space_words(domain))]
    if stated.operator is not None:
        rows.append(
            ("operator", f"{len(stated.operator.labels):,} Pauli strings on {stated.operator.num_qubits} qubits")
        )
        own = stated.operator.parts if isinstance(stated.operator, OperatorSum) else ()
        rows += [
            (f"schedule {k}", f"{describe(schedule)}, of {len(terms.labels):,} strings")
            for k, (schedule, terms) in enumerate(own)
        ]
    else:
        assert stated.objective is not None
        rows.append(("loss", stated.objective.name))
    named = [(f"{part}: {key}" if key else part, value) for part in spec for key, value in flat(spec[part])]
    told = ("domain", "operator", "evolution", "objective: model", "objective: table", "objective: name")
    rows += [(name, cell(plain(value))) for name, value in named if value != {} and not name.startswith(told)]
    rows += [("clock", stated.clock), ("duration", data(float(stated.duration))), ("reading", run.reading)]
    return [*rows, ("method", str(run.method))]


def space_words(domain: Domain) -> str:
    """The points of a weight space, its qubits, and where it ends."""
    points = " × ".join(f"{n:,}" for n in domain.shape) if isinstance(domain, Grid) else f"2^{domain.ndim}"
    return f"{points} points, {domain.num_qubits} qubits; {_space(domain)}"


def _space(domain: Domain) -> str:
    if not isinstance(domain, Grid):
        return f"binary weights, each one of {', '.join(f'{v:g}' for v in domain.values)}"
    shown = [f"[{low:g}, {high:g}]" for low, high in domain.bounds[:8]]
    more = " and so on" if len(domain.bounds) > 8 else ""
    kind = {"binary": "", "onehot": ", one-hot", "none": ", no register"}[domain.encoding]
    return f"{domain.boundary}{kind}, {' × '.join(shown)}{more}"


def _problem_file(sources: Sources) -> Element | None:
    if not sources.problem_text:
        return None
    return details("The problem file", code(sources.problem_text[:100_000], "problem.toml"))


def data_section(sources: Sources) -> Element:
    """What was read of a table, chosen and left out."""
    said, table_ = mapping(sources.said.get("data")), mapping(sources.said.get("table"))
    objective = sources.run.problem.objective
    prepared = None if objective is None else objective.preparation
    rows: list[tuple[str, Child]] = [(key.replace("_", " "), _listed(value)) for key, value in said.items()]
    rows += account_rows(table_)
    if prepared is not None:
        rows += prepared_rows(prepared)[2 if said else 0 :]
    if not rows:
        return section("data", "Data", note("The loss of this run was not made of a table."))
    return section("data", "Data", pairs(rows, "The table, and what the model is given of it"), _accuracies(sources))


def account_rows(said: Mapping[str, Any]) -> list[tuple[str, Child]]:
    """What the reader of a table tells of it."""
    known = [f.name for f in fields(Account) if f.name in said]
    return [(f"table: {name.replace('_', ' ')}", _listed(said[name])) for name in known]


def prepared_rows(prepared: Preparation) -> list[tuple[str, Child]]:
    """How rows of a file become those of a model: features, classes, and the mean and deviation of each column."""
    rows: list[tuple[str, Child]] = [
        ("features", ", ".join(prepared.features)),
        ("classes", ", ".join(prepared.classes)),
    ]
    for name, mean, scale in zip(prepared.features, prepared.mean, prepared.scale):
        shown = element("span", "mean ", data(float(mean)), ", deviation ", data(float(scale)))
        rows.append((f"standardised: {name}", shown))
    return rows


def _listed(value: object) -> Child:
    """A list of names, or of names with reasons, in words."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        each = [f"{v[0]} ({v[1]})" if isinstance(v, list | tuple) and len(v) == 2 else str(v) for v in value]
        return ", ".join(each) or "none"
    return cell(value)


_WORDS = {"training_accuracy": "training accuracy", "held_out_accuracy": "held-out accuracy"}


def _accuracies(sources: Sources) -> Element | None:
    rows = sources.said.get("best_weights")
    rows = [mapping(row) for row in rows] if isinstance(rows, list) else []
    keys = [key for key in ("loss", "training_accuracy", "held_out_accuracy") if any(key in row for row in rows)]
    if not rows:
        return None
    body = [[str(row.get("from", "")), *(cell(row.get(key)) for key in keys)] for row in rows]
    return table(["weights", *(_WORDS.get(key, key) for key in keys)], body, "Best weights, and what they reach")


def landscape(sources: Sources, zeta: np.ndarray | None) -> Element:
    """The loss over the weights."""
    if zeta is None:
        why = "A general operator has no loss over weights."
        if sources.run.problem.operator is None:
            why = "The weight space has too many points for a picture of the loss."
        return section("landscape", "Loss landscape", note(why))
    return section("landscape", "Loss landscape", figure(*wave.landscape(sources.run, zeta)))


def wave_section(sources: Sources, zeta: np.ndarray | None) -> Element:
    """The probability at saved times: all of them side by side, or one at a time with a slider where scripts run."""
    if isinstance(sources.run, CompactTrajectory) and not sources.run.compact:
        return section("wave", "Wave over time", note("This run has samples and no wave: see circuits and counts."))
    return section("wave", "Wave over time", *slides(wave.frames(sources.run, zeta), "wave", "Time"))


def slides(shown: wave.Frames, name: str, what: str) -> list[Child]:
    """Pictures side by side, or one at a time with a slider where scripts run; ``what`` the slider moves."""
    items = [
        element("li", figure(drawn, time), class_="frame", data_time=time)
        for time, drawn in zip(shown.times, shown.pictures)
    ]
    slider = element(
        "div",
        element("label", what, for_=f"{name}-time"),
        element(
            "input", type="range", id=f"{name}-time", min="0", max=str(len(items) - 1), step="1", value="0",
            aria_valuetext=shown.times[0],
        ),
        element("output", shown.times[0], for_=f"{name}-time", id=f"{name}-now"),
        class_="slider",
        hidden=True,
    )  # fmt: skip
    frames = element("ol", items, class_="frames")
    body = element("div", slider if len(items) > 1 else None, frames, class_="wave", data_frames=True)
    return [element("p", shown.caption), body]


def energies(sources: Sources, more: Sequence[Child] = ()) -> Element:
    """Expectation values over time, with their numbers; ``more`` of a use of the equation."""
    run, reference = sources.run, sources.reference
    if not run.expectations:
        return section("energies", "Energies", note("No expectation value was asked for."))
    parts: list[Child] = []
    for number, name in enumerate(run.expectations):
        drawn, text = charts.expectation_chart(run, reference, name, number)
        label = charts.MEANINGS.get(name, name)
        parts += [
            element("h3", label),
            figure(drawn, text),
            details(f"The numbers of {label}", _numbers(run, reference, name)),
        ]
    return section("energies", "Energies", parts, *more)


def _numbers(run: Trajectory, reference: Trajectory | None, name: str) -> Element:
    value, stderr = charts.values_of(run, name)
    line = {}
    if reference is not None and name in reference.expectations:
        line = dict(zip(reference.times.tolist(), np.asarray(reference.expectations[name].value, dtype=float).tolist()))
    chosen = np.unique(np.linspace(0, len(value) - 1, min(len(value), MOST_ROWS)).round().astype(int)).tolist()
    body = [[data(float(run.times[i])), data(float(value[i])), data(float(stderr[i]))] for i in chosen]
    if line:
        body = [[*row, data(line.get(float(run.times[i])))] for row, i in zip(body, chosen)]
    head = ["time", "value", "standard error", *(["reference"] if line else [])]
    return table(head, body, f"{charts.MEANINGS.get(name, name)} over time")


def reference(sources: Sources) -> Element:
    """The comparison with the reference, test by test."""
    said = sources.comparison
    if not said:
        how = "This run was not compared with a reference: `qml-dynamics run` does so up to 18 qubits, and `compare` for two saved runs."
        return section("reference", "Against the reference", note(how))
    rows: list[tuple[str, Child]] = []
    if sources.reference is not None:
        rows.append(("reference", str(sources.reference.method)))
    for key, value in said.items():
        inner = mapping(value)
        if inner and set(inner) != {"value", "stderr", "shots"}:
            rows += [(f"{key}: {name}".replace("_", " "), cell(each)) for name, each in flat(inner)]
        else:
            rows.append((key.replace("_", " "), measured(value)))
    return section(
        "reference", "Against the reference", _verdict(sources), pairs(rows, "The comparison at the last common time")
    )


def budget(sources: Sources) -> Element:
    """The parts of the error as bars and as numbers."""
    said = sources.budget
    terms = {name: _estimate(value) for name, value in mapping(said.get("terms")).items()}
    if not terms:
        how = "No error budget was measured: `qml-dynamics run --budget`, or `error_budget` in Python."
        return section("budget", "Error budget", note(how))
    shifts, infidelity = mapping(said.get("shifts")), mapping(said.get("infidelity"))
    rows = [*terms.items(), ("sum", _estimate(said.get("sum"))), ("total", _estimate(said.get("total")))]
    drawn, text = charts.budget_chart(rows, float(_estimate(said.get("shot_floor")).value))
    body: list[list[Child]] = [
        [name, measured(mapping(said.get("terms")).get(name)), measured(shifts.get(name)), cell(infidelity.get(name))]
        for name in terms
    ]
    body += [
        ["sum", measured(said.get("sum")), "", ""],
        ["total", measured(said.get("total")), measured(said.get("total_shift")), ""],
    ]
    body.append(["the shots alone, on average", measured(said.get("shot_floor")), "", ""])
    head = ["part", "total variation", "shift of the mean loss", "infidelity"]
    notes = said.get("notes")
    listed = [element("li", str(each)) for each in notes] if isinstance(notes, list | tuple) else []
    shown = table(head, body, f"The parts of the error; the largest is {said.get('dominant', 'not known')}")
    cells = element("p", "Densities were compared in ", cell(said.get("cells")), " cells.")
    return section(
        "budget", "Error budget", figure(drawn, text), shown, cells, element("ul", listed) if listed else None
    )


def _estimate(value: object) -> Estimate:
    known = mapping(value)
    number, stderr = known.get("value"), known.get("stderr")
    usable = [float(each) if isinstance(each, int | float) else float("nan") for each in (number, stderr)]
    return Estimate(usable[0], usable[1])
