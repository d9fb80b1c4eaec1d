"""`report`: one HTML file that tells a run from its problem to how it is cited, and loads nothing."""

from __future__ import annotations

import os
from pathlib import Path

from ...backends.names import AER
from ...base.arguments import checks_arguments
from ...base.errors import ProblemError, QMLDynamicsError, describe, require
from ...methods.base import facts_of
from ...results.compact import CompactTrajectory
from ...results.trajectory import Trajectory, atomic_file
from ...validation.error_parts import ErrorBudget
from ...validation.resources import Cost
from ...validation.resources import cost as count_cost
from . import record_sections, sections, wave
from .layout import document
from .sources import Sources, of_path, of_trajectory

NAME = "report.html"
SUFFIXES = (".html", ".htm")
_OURS = b'<meta name="generator" content="qml-dynamics'
_HERE = ("statevector", *AER)  # backends that are opened without a network, to count gates


@checks_arguments
def report(
    run: Trajectory | str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    reference: Trajectory | None = None,
    budget: ErrorBudget | None = None,
    cost: bool = False,
    allow_code: bool = False,
) -> Path:
    """Write a run as one HTML file: the problem, its data, the loss landscape, the wave over time with a slider, energies with error
    bars against the reference, the error budget, circuits and counts, device, cost, provenance, how to reproduce and how to cite.

    The file is self-contained: pictures are vector graphics inside it, nothing is loaded, and it reads in light and dark, on paper, by
    keyboard and on a phone. Every name and text of the run is escaped. A part that the run does not have is told in a sentence. Densities
    are drawn as ``density / cell_volume`` (1 / weight^ndim), error bars are one standard error; a number has all its digits in the
    attribute ``value`` of its ``<data>`` element, and equals that of ``result.json``. The same run gives the same bytes.

    Args:
        run: a trajectory, the file of a saved one, or a run folder.
        out: the ``.html`` file (default: ``report.html`` in the folder, beside the file, or here). An earlier report is replaced, any
            other file is not.
        reference: compare with this one, in place of the one in the folder.
        budget: show this error budget, in place of the one in the folder.
        cost: count gates and depth of the circuits as :func:`qml_dynamics.cost` does, which can take minutes; on simulators of this
            machine only.
        allow_code: as for :func:`qml_dynamics.load`.

    Returns:
        The path of the file.

    Raises:
        ProblemError: there is no run, it was submitted and is not finished, it was changed since, it names code, or the file cannot be
            written; nothing is left behind then.

    >>> import tempfile
    >>> from qml_dynamics import Grid, Problem, SplitStep, evolve
    >>> well = Problem(Grid((-2, 2), 4), lambda w: w[:, 0] ** 2, 0.5, clock="imaginary", duration=1.0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = report(evolve(well, SplitStep(8), save=3), f"{folder}/well.html")
    ...     page.name, page.read_text(encoding="utf-8").count("<h2")
    ('well.html', 14)
    """
    target = _target(run, out)
    found = (
        of_trajectory(run, reference, budget)
        if isinstance(run, Trajectory)
        else of_path(Path(run), reference, budget, allow_code)
    )
    text = page_of(found, _counted(found.run) if cost else None)
    with atomic_file(target) as handle:
        handle.write(text.encode("utf-8"))
    return target


def page_of(found: Sources, counted: Cost | str | None = None) -> str:
    """The page of the sources of a run as text; ``counted``: its cost, or why that is not known."""
    run, zeta = found.run, wave.loss_of(found.run)
    parts = [
        sections.summary(found),
        sections.problem(found),
        sections.data_section(found),
        sections.landscape(found, zeta),
        sections.wave_section(found, zeta),
        sections.energies(found),
        sections.reference(found),
        sections.budget(found),
        record_sections.circuits(found),
        record_sections.device(found),
        record_sections.cost(found, counted),
        record_sections.provenance(found),
        record_sections.reproduce(found),
        record_sections.cite(found),
    ]
    objective = run.problem.objective
    what = "a general operator" if objective is None else f"the loss {objective.name}"
    lead = f"Learning dynamics of {what} on the {run.problem.clock} clock, {run.problem.domain.num_qubits} qubits."
    return document(f"Report of {found.name}", lead, parts)


def _target(run: Trajectory | str | os.PathLike[str], out: str | os.PathLike[str] | None) -> Path:
    """Where the page goes; raises :class:`ProblemError` for a file that is no report of ours."""
    if out is not None:
        target = Path(out)
    elif isinstance(run, Trajectory):
        target = Path(NAME)
    else:
        target = Path(run) / NAME if Path(run).is_dir() else Path(run).with_name(NAME)
    require(target.suffix.lower() in SUFFIXES, "out", f"end in {' or '.join(SUFFIXES)}", str(out))
    require(not target.is_dir(), "out", "be a file", f"the folder {target}")
    if target.is_file():
        with target.open("rb") as handle:
            ours = _OURS in handle.read(4096)
        if not ours:
            raise ProblemError(
                f"Argument `out` must be a new file or an earlier report, but {describe(str(target))} is another file."
            )
    return target


def _counted(run: Trajectory) -> Cost | str:
    """The cost of a run on a simulator of this machine, or why it is not counted."""
    backend, facts = run.provenance.get("backend"), facts_of(run.method)
    if facts is None or (isinstance(run, CompactTrajectory) and backend is not None):
        return f"{describe(str(run.method))} is no method that runs by itself."
    if backend is not None and backend not in _HERE:
        return f"{describe(str(backend))} is not opened for a report; `qml-dynamics cost` opens it."
    seed = run.provenance.get("seed")
    try:
        return count_cost(
            run.problem, run.method, backend=backend, shots=run.shots if backend else None, save=run.times.tolist(),
            seed=seed if isinstance(seed, int) else None,
        )  # fmt: skip
    except QMLDynamicsError as error:
        return str(error)
