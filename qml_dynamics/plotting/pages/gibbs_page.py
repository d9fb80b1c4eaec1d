"""The page of a thermal law of `qml-dynamics gibbs`: its probabilities beside the exact ones, and the circuit that gave them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...base.archive import DAMAGE, of, reading
from . import endings
from .layout import document
from .lines import Bar, Line, bar_chart, line_chart
from .markup import Child, Element, data, element, estimate, pairs, table
from .programs import program
from .sections import cell, details, flat, section
from .sources import Place, mapping

PROGRAM = "gibbs.qasm"
_MOST_BARS, _MOST_ROWS = 32, 200


def page(place: Place) -> str:
    """The page as text.

    Raises:
        ProblemError: ``result.json`` holds no law.
    """
    said = place.said
    must = f"Argument `run` must be a folder of gibbs, but the result.json of {place.name} is not"
    with reading(must, damage=(*DAMAGE, TypeError)):
        law, exact, stderr = (_numbers(said, name) for name in ("probabilities", "exact", "stderr"))
        if not len(law) == len(exact) == len(stderr):
            raise ValueError("probabilities, exact and stderr have different lengths")
    labels = [str(label) for label in _list(said.get("labels"))] or [str(i) for i in range(len(law))]
    labels += [str(i) for i in range(len(labels), len(law))]
    asked = mapping(said.get("asked"))
    lead = f"A thermal law of {len(law):,} {'weights' if asked.get('problem') else 'labels'}, p ∝ e^(−βE)."
    parts = [
        _summary(said),
        _problem(said, asked),
        _law(labels, law, stderr, exact),
        program(place, PROGRAM, "This law was had without a circuit, or with one that measures on its way."),
        _cost(said),
        endings.provenance(mapping(said.get("provenance")), place.files),
        _reproduce(said, place),
        endings.cite(place.files, "result.json", _version(said), "law"),
    ]
    return document(f"Report of {place.name}", lead, parts)


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else []


def _numbers(said: Mapping[str, Any], name: str) -> np.ndarray:
    """A list of numbers, or of lists of them, flat."""
    values = np.asarray(of(said[name], list, name), dtype=float)
    if not values.size or not np.isfinite(values).all():
        raise ValueError(f"{name} are no finite numbers")
    return values.reshape(-1)


def _version(said: Mapping[str, Any]) -> object:
    return mapping(mapping(said.get("provenance")).get("versions")).get("qml-dynamics")


_SUMMARY = {
    "beta": "inverse temperature β",
    "tau": "imaginary time τ that gives it",
    "reading": "reading",
    "p_value": "chi-square p-value of the samples under the exact law",
}


def _summary(said: Mapping[str, Any]) -> Element:
    rows: list[tuple[str, Child]] = [(words, cell(said.get(name))) for name, words in _SUMMARY.items() if name in said]
    for name, spread, words in (
        ("log_partition", "log_partition_stderr", "log Z"),
        ("success_probability", "success_stderr", "share of the samples that is kept"),
    ):
        value, error = said.get(name), said.get(spread)
        if isinstance(value, int | float) and isinstance(error, int | float):
            rows.append((words, estimate(float(value), float(error))))
    p = said.get("p_value")
    good = not isinstance(p, int | float) or p >= 1e-4
    word = "Samples follow the exact law." if good else "Samples do not follow the exact law."
    verdict = (
        None if p is None else element("p", element("strong", word, class_="good" if good else "bad"), class_="verdict")
    )
    return section("summary", "Summary", verdict, pairs(rows, "The law in short"))


def _problem(said: Mapping[str, Any], asked: Mapping[str, Any]) -> Element:
    what = {
        "problem": "e^(−βH) / Z of the problem",
        "energies": "softmax of energies",
        "sigmoid": "sigmoid of two labels",
    }
    kind = next((words for name, words in what.items() if asked.get(name) is not None), "a law over labels")
    rows: list[tuple[str, Child]] = [("law", kind)]
    rows += [(name, cell(value)) for name, value in flat(asked) if value is not None and name]
    return section("problem", "Problem", pairs(rows, "What was asked for"))


def _law(labels: Sequence[str], law: np.ndarray, stderr: np.ndarray, exact: np.ndarray) -> Element:
    """Bars of the most probable labels; of many a line over all of them too; and the numbers."""
    order = np.argsort(-law, kind="stable")
    top = np.sort(order[:_MOST_BARS]) if len(law) > _MOST_BARS else np.arange(len(law))
    bars = [Bar(labels[i], float(law[i]), float(stderr[i]), float(exact[i])) for i in top.tolist()]
    few = "Probability of each label" if len(top) == len(law) else f"Probability of the {len(top)} most probable labels"
    parts: list[Child] = [bar_chart("law", few, "probability", bars)]
    if len(top) < len(law):
        x = np.arange(len(law), dtype=float)
        lines = [Line("found", x, law), Line("exact", x, exact, color="ink", dashed=True)]
        parts.append(line_chart("law-line", "All labels, in their order", ("label", "probability"), lines))
    chosen = order[:_MOST_ROWS].tolist()
    body = [[labels[i], data(float(law[i])), data(float(stderr[i])), data(float(exact[i]))] for i in chosen]
    caption = "The law" if len(chosen) == len(law) else f"The {len(chosen)} most probable of {len(law):,}"
    parts.append(details("The numbers", table(["label", "probability", "standard error", "exact"], body, caption)))
    return section("law", "Law", parts)


def _cost(said: Mapping[str, Any]) -> Element:
    rows: list[tuple[str, Child]] = [
        (words, cell(said.get(name))) for name, words in (("shots", "shots"), ("kept", "shots that were kept"))
    ]
    seconds = mapping(said.get("provenance")).get("seconds")
    rows += [("seconds", cell(seconds))] if seconds is not None else []
    return section("cost", "Cost", pairs(rows, "What it took"))


def _reproduce(said: Mapping[str, Any], place: Place) -> Element:
    words = [str(word) for word in _list(said.get("command"))]
    lines = ["import json", "", f"said = json.load(open({place.path!r}))", "print(said['probabilities'])"]
    seeded = mapping(said.get("provenance")).get("seed") is not None
    same = "The seed decides every sample, with the same versions of the packages."
    exact = "Nothing was drawn: the same versions of the packages give the same numbers."
    told = [same] if seeded else [exact] if said.get("shots") is None else []
    return endings.reproduce(words or None, lines, *told)
