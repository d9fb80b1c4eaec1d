"""What the pages of annealings and descents say beside the wave: stages, members and crossings; samples, polish and rivals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...results.trajectory import Trajectory, plain
from .lines import Line, line_chart
from .markup import Child, data, element, pairs, table
from .sections import cell, flat, measured
from .sources import Sources, mapping


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else []


def _numbers(value: object) -> np.ndarray:
    listed = _list(value)
    numbers = all(isinstance(each, int | float) for each in listed)
    return np.array(listed, dtype=float) if numbers else np.zeros(0)


def descent(sources: Sources) -> list[Child]:
    """The samples and their polish, and classical optimisers at as many evaluations; nothing of other runs."""
    said = sources.descent
    if not said:
        return []
    rows: list[tuple[str, Child]] = [
        ("loss", cell(said.get("loss"))),
        ("weights", cell(said.get("weights"))),
        ("best sample", cell(said.get("sample"))),
        ("its loss", cell(said.get("sample_loss"))),
        ("best loss of as many uniform samples", cell(said.get("uniform_loss"))),
        ("samples", cell(said.get("samples"))),
    ]
    if said.get("success") is not None:
        rows.append(("probability that one sample is near the minimum", measured(said.get("success"))))
    if said.get("gap") is not None:
        rows.append(("above the known minimum", cell(said.get("gap"))))
    end = mapping(said.get("end"))
    rows += [("where the polish stands", str(end.get("says", end.get("kind"))))] if end else []
    counts = [(name, cell(value)) for name, value in flat(mapping(said.get("evaluations"))) if name]
    rows += [(f"evaluations: {name}", value) for name, value in counts]
    parts: list[Child] = [
        element("h3", "What the descent found"),
        pairs(rows, "Best of the samples and of their polish"),
    ]
    polished = [mapping(each) for each in _list(said.get("polished"))]
    names = ["start", "weights", "loss", "evaluations", "gradients"]
    body = [[cell(each.get(name)) for name in names] for each in polished]
    parts += [table(names, body, "Samples refined by L-BFGS-B, best first")] if body else []
    rivals = [mapping(each) for each in _list(said.get("rivals"))]
    names = ["name", "loss", "weights", "evaluations", "gradients", "seconds"]
    body = [[cell(each.get(name)) for name in names] for each in rivals]
    return parts + ([table(names, body, "Classical optimisers with as many evaluations, best first")] if body else [])


def annealing(sources: Sources) -> list[Child]:
    """Stages, members, crossings, and the samples around the end; nothing of other runs."""
    told = _told(sources.run, mapping(sources.said.get("annealing")))
    if "strategy" not in told or "members" not in told:
        return []
    parts: list[Child] = [element("h3", "The stages of the annealing")]
    parts += _stages(told)
    rows: list[list[Child]] = []
    for name, member in mapping(told.get("members")).items():
        known = mapping(member)
        chosen = "chosen" if name == told.get("chosen") else ""
        said = str(known.get("error") or known.get("stop") or "")
        rows.append([str(name), measured(known.get("energy")), cell(known.get("best")), said, chosen])
    parts.append(table(["run", "final energy", "best loss", "stop", ""], rows, "Runs of the portfolio"))
    crossings = [mapping(each) for each in _list(told.get("crossings"))]
    along = "time" if "time" in told else "diffusion"
    body = [[cell(each.get(along)), cell(each.get("gap"))] for each in crossings]
    parts.append(
        table([along, "gap"], body, "Crossings: the ground state leaps there")
        if body
        else element("p", "No crossing was found: the ground state does not leap.", class_="note")
    )
    chain = [(name, cell(value)) for name, value in flat(mapping(sources.said.get("chain"))) if name]
    if chain:
        parts += [
            element("h3", "Samples around the end"),
            pairs(chain, "A chain at the end of the path" if along == "time" else "A chain at the last diffusion"),
        ]
    return parts


def _told(run: Trajectory, said: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the run says of its annealing; else the file beside it, of runs whose diagnostics were not kept."""
    known = plain(dict(run.diagnostics))
    return known if "strategy" in known else said


def _stages(told: Mapping[str, Any]) -> list[Child]:
    """Diffusion (of a path of operators its time), gap and ground energy by stage."""
    names = ("diffusion", "time", "ground_energy", "gap", "ground_fidelity")
    found = {name: _numbers(told.get(name)) for name in names}
    found = {name: values for name, values in found.items() if len(values)}
    if not found:
        return []
    words = {
        "time": "time of the path",
        "ground_energy": "ground energy",
        "ground_fidelity": "fidelity with the ground state",
    }
    colors = {
        "diffusion": "blue",
        "time": "blue",
        "ground_energy": "orange",
        "gap": "green",
        "ground_fidelity": "purple",
    }
    lines = [
        Line(
            words.get(name, name),
            np.arange(1.0, len(values) + 1),
            values,
            color=colors[name],
            dashed=name in ("diffusion", "time"),
        )
        for name, values in found.items()
    ]
    many = max(len(values) for values in found.values())
    body: list[list[Child]] = [
        [data(k + 1), *(data(float(values[k])) if k < len(values) else "" for values in found.values())]
        for k in range(min(many, 200))
    ]
    head = ["stage", *(words.get(name, name) for name in found)]
    return [
        line_chart(
            "stages",
            "The outer loop",
            ("stage", "units of the energy" if "time" in found else "units of the loss"),
            lines,
        ),
        table(head, body, "Stage by stage"),
    ]
