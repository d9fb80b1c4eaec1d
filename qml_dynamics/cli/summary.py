"""The summary of a run: as plain data for JSON and files, and as text for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from ..methods.energy_bounds import ground_bounds
from ..model.problem import loss_table
from ..model.tables import Account
from ..results.compact import CompactTrajectory
from ..results.trajectory import Trajectory, plain
from ..runs.problem_file import ProblemFile
from ..runs.trajectory_file import summary
from .optimum import Optimum

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from rich.console import Console

    from ..validation.comparison import Comparison
    from ..validation.error_parts import ErrorBudget
    from ..validation.explained import Explanation


MOST_QUBITS = 16  # of an operator whose ground energy is bounded after a run, which takes a Krylov space


def as_data(value: DataclassInstance) -> dict[str, Any]:
    """A result that is a dataclass, as plain data; NumPy reads estimates with their errors."""
    return {f.name: plain(getattr(value, f.name)) for f in fields(value)}


def budget_data(budget: ErrorBudget) -> dict[str, Any]:
    """An error budget with its sum and its largest part."""
    return {**as_data(budget), "sum": plain(budget.sum), "dominant": budget.dominant}


def weights_table(run: Trajectory, file: ProblemFile, optimum: Optimum | None) -> list[dict[str, Any]]:
    """The best weights of the run, of SciPy and of uniform sampling, with loss and accuracy."""
    best = run.best
    if best is None:
        return []
    rows: list[tuple[str, Sequence[float], float]] = [
        (f"best of {best.samples:,} samples of the wave", best.weights, best.value)
    ]
    if optimum is not None:
        rows.append((optimum.how, optimum.weights, optimum.value))
    rows.append((f"best of {best.samples:,} uniform samples", best.uniform_weights, best.uniform_value))
    return [{"from": how, "weights": list(w), "loss": value, **_accuracy(file, w)} for how, w, value in rows]


def _accuracy(file: ProblemFile, weights: Sequence[float]) -> dict[str, float]:
    data, objective = file.dataset, file.problem.objective
    if data is None or objective is None:
        return {}
    w = np.array(weights)
    out = {"training_accuracy": objective.score(w, data.X_train, data.y_train)}
    if len(data.y_test):
        out["held_out_accuracy"] = objective.score(w, data.X_test, data.y_test)
    return out


def mean_losses(run: Trajectory) -> dict[str, Any] | None:
    """Mean loss at the end, and of uniform weights: what one sample is worth; None where there is no table of the loss."""
    if isinstance(run, CompactTrajectory) or run.problem.objective is None or "objective" not in run.expectations:
        return None
    zeta = loss_table(run.problem)
    return {
        "wave": plain(run.expectations["objective"][-1]),
        "uniform": float(zeta.mean()),
        "least_on_grid": float(zeta.min()),
    }


def ground_data(run: Trajectory) -> dict[str, Any] | None:
    """Bounds on the ground energy from the last wave of an operator in imaginary time; None where there is no such wave."""
    if run.problem.operator is None or run.problem.clock != "imaginary":
        return None
    if isinstance(run, CompactTrajectory) or run.problem.domain.num_qubits > MOST_QUBITS or run.states is None:
        return None
    found = ground_bounds(run.problem, run.states[-1])
    return {**plain(found.as_data()), "sentences": list(found.sentences)}


def run_data(run: Trajectory, file: ProblemFile, table: Sequence[Mapping[str, object]]) -> dict[str, Any]:
    """All that is known right after the run, as plain data."""
    data = summary(run)
    data["problem"] = str(file.path)
    data["mean_loss"] = mean_losses(run)
    data["best_weights"] = table
    ground = ground_data(run)
    if ground is not None:
        data["ground"] = ground
    if file.dataset is not None:
        sizes = {"training_rows": len(file.dataset.y_train), "held_out_rows": len(file.dataset.y_test)}
        data["data"] = {"features": list(file.dataset.features), "classes": list(file.dataset.classes), **sizes}
        if file.dataset.account is not None:
            data["table"] = plain(file.dataset.account.as_data())
    return data


def print_run(console: Console, run: Trajectory, data: Mapping[str, Any]) -> None:
    """What was run, and the best weights."""
    from rich.table import Table
    from rich.text import Text

    console.print(Text(str(run).rsplit("\nbest:", 1)[0]))
    console.print(Text(f"stop: {run.stop}"))
    _print_data(console, data)
    for sentence in data.get("ground", {}).get("sentences", []):
        console.print(Text(f"ground state: {sentence}"))
    rows = data["best_weights"]
    if not rows:
        return
    accuracies = [key for key in ("training_accuracy", "held_out_accuracy") if key in rows[0]]
    table = Table(title="Best weights", title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in ("", "weights", "loss", *(key.replace("_", " ").replace("held out", "held-out") for key in accuracies)):
        table.add_column(name, justify="left" if name in ("", "weights") else "right")
    for row in rows:
        shown = [f"{100 * row[key]:.1f} %" for key in accuracies]
        table.add_row(row["from"], _weights(row["weights"]), f"{row['loss']:.5g}", *shown)
    console.print()
    console.print(table)
    losses = data["mean_loss"]
    if losses:
        wave, uniform = losses["wave"]["value"], losses["uniform"]
        console.print(Text(f"mean loss of a sample: {wave:.4g} from the wave, {uniform:.4g} from uniform weights"))


def _print_data(console: Console, data: Mapping[str, Any]) -> None:
    if "data" in data:
        d = data["data"]
        rows = f"{d['training_rows']} training and {d['held_out_rows']} held-out rows"
        console.print(f"data: {', '.join(d['features'])}; {' against '.join(d['classes'])}; {rows}", markup=False)
        if "table" in data:
            console.print(str(Account(**data["table"])), markup=False)


def _weights(values: Sequence[float]) -> str:
    if len(values) > 6 and len({abs(v) for v in values}) <= 2:  # binary weights: signs say it all
        return "".join("+" if v > 0 else "-" if v < 0 else "0" for v in values)
    return "(" + ", ".join(f"{v:.4g}" for v in values) + ")"


def print_checks(
    console: Console,
    comparison: Comparison | None,
    budget: ErrorBudget | None,
    explanation: Explanation | None = None,
) -> None:
    """The verdict against the reference, what explains it, and the error budget."""
    from rich.text import Text

    if comparison is not None:
        console.print(Text("\nAgainst the classical reference", style="bold"))
        console.print(Text(str(comparison)))
    if explanation is not None and not (comparison is not None and comparison.agree and explanation.explained):
        console.print(Text(str(explanation)))
    if budget is not None:
        console.print(Text("\nError budget", style="bold"))
        console.print(Text(budget.table()))
