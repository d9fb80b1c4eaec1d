"""`report`: one HTML file that tells a result from its problem to how it is cited, and loads nothing."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from ...backends.names import AER
from ...base.arguments import checks_arguments
from ...base.errors import ProblemError, QMLDynamicsError, describe, require
from ...learning.descent.result import KIND, Descent, descent_data
from ...learning.growth.training import Trained
from ...learning.metts.chain import Chain
from ...learning.training.result import TrainResult
from ...methods.base import facts_of
from ...results.compact import CompactTrajectory
from ...results.trajectory import Trajectory, atomic_file
from ...runs.sweeps.table import Sweep
from ...validation.error_parts import ErrorBudget
from ...validation.resources import Cost
from ...validation.resources import cost as count_cost
from . import kinds, record_sections, sections, use_sections, wave
from .kinds import Reported
from .layout import document
from .sources import Sources, of_path, of_trajectory

NAME = "report.html"
SUFFIXES = (".html", ".htm")
_OURS = b'<meta name="generator" content="qml-dynamics'
_HERE = ("statevector", *AER)  # backends that are opened without a network, to count gates


@checks_arguments
def report(
    run: Reported | str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    reference: Trajectory | None = None,
    budget: ErrorBudget | None = None,
    cost: bool = False,
    allow_code: bool = False,
) -> Path:
    """Write a result as one HTML file: the problem, its data, the loss landscape, the wave over time with a slider, energies with error
    bars against the reference, the error budget, circuits and counts, device, cost, provenance, how to reproduce and how to cite.

    Chains, descents, trained circuits, grown networks and sweeps have such a page too, with what of this applies to them; and so have
    the folders of ``anneal``, ``descend``, ``diffuse``, ``gibbs``, ``grow`` and ``sweep``, and those of `metts` and `train`.

    The file is self-contained: pictures are vector graphics inside it, nothing is loaded, and it reads in light and dark, on paper, by
    keyboard and on a phone. Every name and text of the run is escaped. A part that the run does not have is told in a sentence. Densities
    are drawn as ``density / cell_volume`` (1 / weight^ndim), error bars are one standard error; a number has all its digits in the
    attribute ``value`` of its ``<data>`` element, and equals that of ``result.json``. The same run gives the same bytes.

    Args:
        run: a result, the file of a saved one, or the folder of a run or a sweep.
        out: the ``.html`` file (default: ``report.html`` in the folder, beside the file, or here). An earlier report is replaced, any
            other file is not.
        reference: compare a trajectory with this one, in place of the one in the folder.
        budget: of a trajectory, in place of the one in the folder.
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
    given = run if isinstance(run, Trajectory | Chain | Descent | TrainResult | Trained | Sweep) else Path(run)
    other = kinds.page_of(given, allow_code)
    if other is not None:
        for name, value in (("reference", reference), ("budget", budget), ("cost", cost or None)):
            require(value is None, name, f"be left out for {other.what}, which has none", value)
        text = other.text
    else:
        found = _sources(given, reference, budget, allow_code)
        text = page_of(found, _counted(found.run) if cost else None)
    with atomic_file(target) as handle:
        handle.write(text.encode("utf-8"))
    return target


def _sources(given: object, reference: Trajectory | None, budget: ErrorBudget | None, allow_code: bool) -> Sources:
    """Those of a trajectory, of a descent with its run, or of a path."""
    name = ""
    if isinstance(given, Path) and given.is_file() and given.suffix == ".npz" and kinds.kind_of(given) == KIND:
        name, given = given.stem, Descent.load(given, allow_code=allow_code)
    if isinstance(given, Descent):
        whole = of_trajectory(given.trajectory, reference, budget, name)
        return replace(whole, descent=descent_data(given), scaled=given.box is not None)
    if isinstance(given, Trajectory):
        return of_trajectory(given, reference, budget)
    assert isinstance(given, Path)
    return of_path(given, reference, budget, allow_code)


def page_of(found: Sources, counted: Cost | str | None = None) -> str:
    """The page of the sources of a run as text; ``counted``: its cost, or why that is not known."""
    run, zeta = found.run, wave.loss_of(found.run)
    parts = [
        sections.summary(found, use_sections.descent(found)),
        sections.problem(found),
        sections.data_section(found),
        sections.landscape(found, zeta),
        sections.wave_section(found, zeta),
        sections.energies(found, use_sections.annealing(found)),
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


def _target(run: Reported | str | os.PathLike[str], out: str | os.PathLike[str] | None) -> Path:
    """Where the page goes; raises :class:`ProblemError` for a file that is no report of ours."""
    if out is not None:
        target = Path(out)
    elif not isinstance(run, str | os.PathLike):
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
