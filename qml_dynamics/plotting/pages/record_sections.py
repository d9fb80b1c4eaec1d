"""The sections of the page on how a run was made: circuits and counts, device, cost, provenance, how to reproduce, how to cite."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...learning.descent.result import RESULT as RESULT_OF_DESCENT
from ...methods.base import facts_of
from ...results.trajectory import Counts, Trajectory, plain
from ...runs.trajectory_file import TRAJECTORY
from ...validation.resources import Cost
from . import citation, drawing
from .calls import lines_again
from .endings import file_table
from .markup import Child, Element, code, data, element, pairs, table
from .sections import cell, details, flat, note, section
from .sources import Sources, mapping

MOST_OUTCOMES = 12


def circuits(sources: Sources) -> Element:
    """What the run says of its circuits, and the outcomes of the last time."""
    run = sources.run
    backend, facts = run.provenance.get("backend"), facts_of(run.method)
    if backend is None:
        return section("circuits", "Circuits and counts", note("This run was computed by NumPy: no circuit was run."))
    rows: list[tuple[str, Child]] = [("qubits of the weights", data(run.problem.domain.num_qubits))]
    if facts is not None:
        ahead = "known before the run" if facts.circuits_known_ahead else "their angles were found on the way"
        rows.append(("circuits", ahead))
    for key, label in _CIRCUIT_WORDS.items():
        if key in run.diagnostics:
            rows.append((label, cell(plain(run.diagnostics[key]))))
    parts: list[Child] = [pairs(rows, "What the run says of its circuits"), *drawing.of_run(run)]
    for basis, per_time in (run.counts or {}).items():
        parts += _outcomes(run, basis, per_time[-1])
    if not run.counts:
        parts.append(
            note("No samples were taken or kept: the expectation values are exact, or were measured each by itself.")
        )
    return section("circuits", "Circuits and counts", parts)


_CIRCUIT_WORDS = {
    "steps": "steps",
    "circuits": "draws of circuits",
    "gates": "gates of the longest circuit before compilation",
    "success_probability": "share of the samples that is kept",
    "leaked_weight": "share that has leaked from the one excitation an axis",
    "kept_shots": "samples that were kept, at each time",
    "truncation_error_bound": "bound on the error of leaving rotations out",
}
_BASES = {"weight": "weights", "dual": "momenta (the dual basis)"}


def _outcomes(run: Trajectory, basis: str, counts: Counts) -> list[Child]:
    """The most frequent outcomes of the last time."""
    what = _BASES.get(basis, basis)
    order = np.argsort(-counts.count, kind="stable")[:MOST_OUTCOMES]
    index, bits = counts.index[order], max(1, (run.problem.domain.size - 1).bit_length())
    with_loss = basis == "weight" and run.problem.objective is not None
    points = run.problem.domain.points_at(index) if with_loss else None
    losses = run.problem.objective(points) if points is not None and run.problem.objective is not None else None
    body: list[list[Child]] = []
    for k, (place, count) in enumerate(zip(index.tolist(), counts.count[order].tolist())):
        row: list[Child] = [element("code", f"{place:0{bits}b}"), data(count), data(count / counts.shots)]
        if points is not None and losses is not None:
            row += [_point(points[k]), data(float(losses[k]))]
        body.append(row)
    head = ["outcome", "count", "share", *(["weights", "loss"] if losses is not None else [])]
    shown = f"{len(body)} most frequent of {len(counts.index):,} outcomes in {counts.shots:,} samples of {what}, at the last time"
    return [element("h3", f"Samples of {what}"), table(head, body, f"The {shown}")]


def _point(weights: np.ndarray) -> str:
    shown = ", ".join(f"{w:.4g}" for w in weights[:8])
    return f"({shown}{', …' if len(weights) > 8 else ''})"


def device(sources: Sources) -> Element:
    """The backend as it described itself, and how a submitted run stands."""
    run, status = sources.run, sources.status
    rows = [(name, cell(value)) for name, value in flat(plain(run.provenance.get("backend_details") or {})) if name]
    rows += [
        (f"run folder: {name}", cell(value)) for name, value in flat(mapping(sources.submitted.get("backend"))) if name
    ]
    if not rows:
        return section("device", "Device", note("No backend took part: this run was computed by NumPy."))
    parts: list[Child] = [pairs(rows, "The backend as it describes itself")]
    if status is not None:
        jobs = [[str(b.number), b.job_id or "none", b.status, b.error or ""] for b in status.batches[:200]]
        parts.append(table(["batch", "job", "status", "error"], jobs, "What was sent"))
    return section("device", "Device", parts)


def cost(sources: Sources, counted: Cost | str | None) -> Element:
    """What the run took, and what was counted of its circuits where that was asked for."""
    run, status = sources.run, sources.status
    rows: list[tuple[str, Child]] = []
    seconds = run.provenance.get("seconds")
    if isinstance(seconds, int | float):
        rows.append(("seconds of this run", data(seconds)))
    rows.append(("saved times", data(len(run.times))))
    taken = sum(counts.shots for per_time in (run.counts or {}).values() for counts in per_time)
    if taken:
        rows.append(("samples kept in all", data(taken)))
    if status is not None:
        rows += [
            ("shots spent in all", data(status.shots)),
            ("seconds spent on the device", data(float(status.seconds))),
        ]
    shown: Child = None
    if isinstance(counted, Cost):
        shown = pairs([(name, cell(value)) for name, value in flat(plain(_counted(counted)))], "Counted before the run")
    elif counted is not None:
        shown = note(f"Gates and depth could not be counted: {counted}")
    elif run.provenance.get("backend") is not None:
        shown = note(
            "Gates and depth after compilation were not counted, which can take minutes: the option --cost does."
        )
    return section("cost", "Cost", pairs(rows, "What the run took"), shown)


def _counted(found: Cost) -> dict[str, Any]:
    said = {name.replace("_", " "): value for name, value in vars(found).items() if value is not None}
    if found.device is not None:
        said["device"] = str(found.device)
    return said


def provenance(sources: Sources) -> Element:
    """Seed, versions, time and machine of the run, its diagnostics, and the files with their digests."""
    run = sources.run
    rows = [
        (name, cell(value)) for name, value in flat(plain(run.provenance)) if not name.startswith("backend_details")
    ]
    for key in ("run", "created"):
        if key in sources.submitted:
            rows.append((f"submitted: {key}", cell(sources.submitted[key])))
    parts: list[Child] = [pairs(rows, "Where the numbers come from")]
    diagnostics = [(name, cell(value)) for name, value in flat(plain(run.diagnostics)) if name]
    if diagnostics:
        parts.append(details("Diagnostics", pairs(diagnostics, "What the method says of its run")))
    return section("provenance", "Provenance", parts, file_table(sources.files))


def reproduce(sources: Sources) -> Element:
    """The commands and the Python lines that make this run again."""
    parts: list[Child] = []
    if sources.folder is not None:
        command = _command(sources)
        if command is not None:
            where = "In the folder that holds the run folder; it writes a new one beside it:"
            parts += [element("p", where), code(command, "On the command line")]
    parts += [element("p", "In Python:"), code(_python(sources), "In Python")]
    same = "The seed decides every sample, with the same versions of the packages; on a device samples differ within their errors."
    return section("reproduce", "How to reproduce", parts, note(same))


def _command(sources: Sources) -> str | None:
    """The command line of a run, a submitted one or an annealing; None of others."""
    run, name = sources.run, sources.name
    if sources.descent or not sources.problem_text or "annealing" in sources.said:
        return None
    words = ["qml-dynamics", "submit" if sources.submitted else "run", name, "--out", f"{name}-again"]
    backend, seed = run.provenance.get("backend"), run.provenance.get("seed")
    if sources.submitted:
        backend = mapping(sources.submitted.get("backend")).get("name", backend)
        words += ["--backend", str(backend), "--shots", str(sources.submitted.get("shots", run.shots))]
    if isinstance(seed, int):
        words += ["--seed", str(seed)]
    if len(run.times) > 1 and np.allclose(np.diff(run.times), run.times[-1] / (len(run.times) - 1)):
        words += ["--save", str(len(run.times))]
    return " ".join(shlex.quote(word) for word in words)


def _python(sources: Sources) -> str:
    """Lines that load this run, and run its problem again."""
    run = sources.run
    in_folder = sources.name if sources.file == TRAJECTORY else f"{sources.name}/{sources.file}"
    name = "run.npz" if sources.folder is None else in_folder
    lines = ["import qml_dynamics as qd", "", f"run = qd.load({name!r})"]
    if sources.descent and sources.folder is None:  # which one file holds, with its run
        lines[2:] = [f"found = qd.Descent.load({RESULT_OF_DESCENT!r})", "run = found.trajectory"]
    again = lines_again(run)
    if again[-1].startswith("#"):
        return "\n".join([*lines, *again])
    return "\n".join([*lines, *again, "print(qd.compare(run, again))"])


def cite(sources: Sources) -> Element:
    """The citation of the software, and of this run by its digest."""
    known = next((digest for name, _, digest in sources.files if name == sources.file), None)
    version = mapping(run_versions(sources.run)).get("qml-dynamics", citation.VERSION)
    parts: Sequence[Child] = [
        element("p", citation.as_text()),
        code(citation.as_bibtex(), "BibTeX"),
        note(
            f"This run was made with version {version}."
            + (f" Its trajectory has the SHA-256 {known}." if known else "")
        ),
    ]
    return section("cite", "How to cite", parts)


def run_versions(run: Trajectory) -> object:
    """The versions of the packages that made a run."""
    return run.provenance.get("versions")
