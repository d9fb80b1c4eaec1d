"""The page of a chain of `metts`: its law beside the exact one, means with errors, and what the chain says of itself."""

from __future__ import annotations

import numpy as np

from ...learning.metts.chain import Chain
from ...methods.base import facts_of
from ...results.trajectory import plain
from . import endings, wave
from .layout import document
from .lines import Line, line_chart
from .markup import Child, Element, data, element, estimate, pairs, table
from .sections import cell, details, figure, flat, note, prepared_rows, section, slides, space_words
from .sources import Place

_MOST_STEPS = 400
_LAWS = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)  # shares of the chain after which its law is drawn


def page(chain: Chain, place: Place) -> str:
    """The page as text."""
    objective = chain.problem.objective
    what = "an operator" if objective is None else f"the loss {objective.name}"
    lead = f"Samples of the thermal law of {what} at the inverse temperature {chain.beta:.6g}, by METTS."
    zeta = None if objective is None else objective.on(chain.problem.domain)
    parts = [
        _summary(chain),
        _problem(chain),
        _data(chain),
        _landscape(chain, zeta),
        _law(chain, zeta),
        _energies(chain, zeta),
        _counts(chain),
        _device(chain),
        _cost(chain),
        endings.provenance(
            {k: v for k, v in chain.provenance.items() if k != "backend_details"}, place.files, _diagnostics(chain)
        ),
        _reproduce(chain, place),
        endings.cite(place.files, place.file, _version(chain), "chain"),
    ]
    return document(f"Report of {place.name}", lead, parts)


def _version(chain: Chain) -> object:
    versions = chain.provenance.get("versions")
    return versions.get("qml-dynamics") if isinstance(versions, dict) else None


def _summary(chain: Chain) -> Element:
    rows: list[tuple[str, Child]] = [
        ("samples", data(len(chain.samples))),
        ("worth so many independent ones", data(chain.effective_sample_size)),
        ("walkers", cell(plain(chain.diagnostics.get("walkers")))),
        ("detailed balance (0 for a reversible chain)", _estimate(chain.detailed_balance)),
    ]
    if chain.total_variation is not None:
        rows.append(("total variation from the exact law", data(chain.total_variation)))
        rows.append(("of as many independent samples", data(chain.expected_total_variation)))
    if chain.best is not None:
        rows += [("best loss", data(chain.best.value)), ("best weights", cell(list(chain.best.weights)))]
        rows.append(("best loss of as many uniform samples", data(chain.best.uniform_value)))
    if chain.success_probability is not None:
        rows.append(("share of the shots that is kept", _estimate(chain.success_probability)))
    rows.append(("stop", chain.stop or "not said"))
    few = "Fewer than 100 independent samples: all errors are lower bounds." if chain.errors_are_lower_bounds else ""
    return section("summary", "Summary", note(few) if few else None, pairs(rows, "The chain in short"))


def _estimate(value: object) -> Child:
    return estimate(float(value.value), float(value.stderr), value.shots)  # type: ignore[attr-defined]


def _problem(chain: Chain) -> Element:
    stated, time = chain.problem, chain.tau
    equation = element(
        "p", element("code", "π(w) = ⟨w| e^(−βH) |w⟩ / Z"), ", with ", element("code", "H = −D ∇² + s ζ(w)")
    )
    rows: list[tuple[str, Child]] = [("weight space", space_words(stated.domain))]
    if stated.objective is not None:
        rows.append(("loss", stated.objective.name))
        rows += [(name, data(float(getattr(stated, name).value(0.0, time)))) for name in ("diffusion", "strength")]
    rows += [
        ("inverse temperature β", data(chain.beta)),
        ("imaginary time τ of a step", data(chain.tau)),
        ("reading", chain.reading),
        ("collapse", chain.collapse),
        ("method", str(chain.method or "one diagonalisation, or Chebyshev's series")),
    ]
    return section("problem", "Problem", equation, pairs(rows, "What is sampled"))


def _data(chain: Chain) -> Element:
    prepared = None if chain.problem.objective is None else chain.problem.objective.preparation
    if prepared is None:
        return section("data", "Data", note("The loss of this chain was not made of a table with named columns."))
    return section("data", "Data", pairs(prepared_rows(prepared), "The table, and what the model is given of it"))


def _landscape(chain: Chain, zeta: np.ndarray | None) -> Element:
    if zeta is None:
        return section("landscape", "Loss landscape", note("A general operator has no loss over weights."))
    seen = wave.Laws(chain.problem, np.array([0.0]), chain.density[None], chain.best)
    return section("landscape", "Loss landscape", figure(*wave.landscape(seen, zeta)))


def _law(chain: Chain, zeta: np.ndarray | None) -> Element:
    """The law of the first samples, of more and of all of them, and the exact one."""
    domain, flat_ = chain.problem.domain, chain.index.reshape(-1)[: len(chain.samples)]
    counts = sorted({max(1, round(share * len(flat_))) for share in _LAWS})
    laws = [np.bincount(flat_[:n], minlength=domain.size).reshape(domain.shape) / n for n in counts]
    labels = [f"first {n:,} samples" if n < len(flat_) else f"all {n:,} samples" for n in counts]
    if chain.stationary is not None:
        laws.append(chain.stationary)
        labels.append("exact law")
    seen = wave.Laws(chain.problem, np.arange(len(laws), dtype=float), np.array(laws), chain.best)
    return section("law", "Law of the weights", slides(wave.frames(seen, zeta, labels), "law", "Samples"))


def _energies(chain: Chain, zeta: np.ndarray | None) -> Element:
    parts: list[Child] = []
    rows: list[tuple[str, Child]] = []
    objective = chain.problem.objective
    if chain.energy is not None:
        rows.append(("thermal energy ⟨H⟩", _estimate(chain.energy)))
    if objective is not None and zeta is not None:
        rows.append(("mean loss ⟨ζ⟩", _estimate(chain.mean(objective))))
        if chain.stationary is not None:
            rows.append(("mean loss under the exact law", data(float((chain.stationary * zeta).sum()))))
        walk = zeta.reshape(-1)[chain.index].mean(axis=1)
        chosen = np.unique(np.linspace(0, len(walk) - 1, min(len(walk), _MOST_STEPS)).round().astype(int))
        steps = chosen.astype(float) + 1
        lines = [Line("mean over the walkers", steps, walk[chosen])]
        if chain.stationary is not None:
            exact = np.full(len(steps), float((chain.stationary * zeta).sum()))
            lines.append(Line("exact law", steps, exact, color="ink", dashed=True))
        parts.append(line_chart("loss-walk", "Loss along the chain", ("step after the burn-in", "loss"), lines))
    return section("energies", "Energies", pairs(rows, "Means with one standard error") if rows else None, *parts)


def _counts(chain: Chain) -> Element:
    """The points that were visited most."""
    index, counts = np.unique(chain.index.reshape(-1)[: len(chain.samples)], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:12]
    points = chain.problem.domain.points_at(index[order])
    exact = None if chain.stationary is None else chain.stationary.reshape(-1)[index[order]]
    losses = None if chain.problem.objective is None else chain.problem.objective(points)
    body: list[list[Child]] = []
    for k, count in enumerate(counts[order].tolist()):
        shown = ", ".join(f"{w:.4g}" for w in points[k][:8])
        row: list[Child] = [f"({shown}{', …' if points.shape[1] > 8 else ''})", data(count), data(count / counts.sum())]
        row += [] if exact is None else [data(float(exact[k]))]
        body.append(row + ([] if losses is None else [data(float(losses[k]))]))
    head = ["weights", "count", "share", *([] if exact is None else ["exact"]), *([] if losses is None else ["loss"])]
    caption = f"The {len(body)} most frequent of {len(index):,} points in {len(chain.samples):,} samples"
    ran = None if chain.provenance.get("backend") else note("This chain was computed by NumPy: no circuit was run.")
    return section("circuits", "Circuits and counts", ran, table(head, body, caption))


def _device(chain: Chain) -> Element:
    known = plain(chain.provenance.get("backend_details") or {})
    rows = [(name, cell(value)) for name, value in flat(known) if name]
    if not rows:
        return section("device", "Device", note("No backend took part: this chain was computed by NumPy."))
    return section("device", "Device", pairs(rows, "The backend as it describes itself"))


def _cost(chain: Chain) -> Element:
    seconds = chain.provenance.get("seconds")
    rows: list[tuple[str, Child]] = [("steps after the burn-in", data(len(chain.index)))]
    rows += [("seconds of this chain", data(seconds))] if isinstance(seconds, int | float) else []
    shots = chain.provenance.get("shots")
    rows += [("shots", data(shots))] if isinstance(shots, int) else []
    return section("cost", "Cost", pairs(rows, "What the chain took"))


def _diagnostics(chain: Chain) -> list[Child]:
    rows = [(name, cell(value)) for name, value in flat(plain(chain.diagnostics)) if name]
    return [details("Diagnostics", pairs(rows, "What the chain says of itself"))] if rows else []


def _reproduce(chain: Chain, place: Place) -> Element:
    options = {"seed": chain.provenance.get("seed"), "backend": chain.provenance.get("backend")}
    options |= {"shots": chain.provenance.get("shots"), "workers": 1 if chain.provenance.get("apart") is True else None}
    options |= {"collapse": chain.collapse, "reading": chain.reading}
    options |= {name: chain.diagnostics.get(name) for name in ("walkers", "burn_in")}
    said = "".join(f", {name}={value!r}" for name, value in options.items() if value is not None)
    lines = ["import qml_dynamics as qd", "", f"chain = qd.Chain.load({place.path or 'chain.npz'!r})"]
    if chain.method is not None:
        known = facts_of(chain.method) is not None
        said += ", method=chain.method" if known else ", method=method"
        lines += [] if known else [f"# method = {' '.join(str(chain.method).split())[:200]}"]
    lines.append(f"again = qd.metts(chain.problem, {chain.tau!r}, {len(chain.samples)}{said})")
    return endings.reproduce(
        None,
        lines,
        "The seed decides every sample, with the same versions; the loss of the file is its table of values.",
    )
